/* msgpack_read.h - msgpack from bytes nobody vouches for.
 *
 * The cursor never reads past its end, never allocates and never recurses. A count is believed
 * only as far as there are bytes left for so many elements, so a header of five bytes cannot make
 * anyone reserve gigabytes or loop for long. The first error is kept in `status`; from then on
 * every read gives zero, nil or an empty string, so that a decoder can read on and look once.
 *   BC_EPARSE  not msgpack, cut short, or not of the asked type
 *   BC_ERANGE  a number out of the asked bounds */
#ifndef BC_MSGPACK_READ_H
#define BC_MSGPACK_READ_H

#include "proto/value.h"

#include <endian.h>
#include <string.h>

struct bc_unpacker {
	const uint8_t *p, *end;
	bc_status status;
};

static inline struct bc_unpacker bc_unpacker_on(bc_str bytes)
{
	const uint8_t *p = (const uint8_t *)bytes.p;
	return (struct bc_unpacker){ p, p + bytes.n, BC_OK };
}

/* Remembers the first error. */
void bc_unpack_fail(struct bc_unpacker *u, bc_status why);

/* Takes one of the common numbers, 0 to 2^63-1, from nine readable bytes; a value that is another
 * thing gives -1, and what is returned then means nothing. */
static inline const uint8_t *bc_take_common(const uint8_t *p, int64_t *value)
{
	uint64_t eight;
	uint8_t tag = *p;
	if (tag < 0x80) {
		*value = tag;
		return p + 1;
	}
	if ((tag & 0xfc) != 0xcc) {
		*value = -1;
		return p;
	}
	memcpy(&eight, p + 1, sizeof eight);
	unsigned bytes = 1u << (tag & 3);
	eight = be64toh(eight) >> (64 - 8 * bytes);
	*value = eight > INT64_MAX ? -1 : (int64_t)eight;
	return p + 1 + bytes;
}

bool bc_unpack_is_nil(struct bc_unpacker *u);         /* reads it if it is */
bool bc_unpack_is_array(const struct bc_unpacker *u); /* looks only */

uint64_t bc_unpack_uint(struct bc_unpacker *u, uint64_t max);
int64_t bc_unpack_int(struct bc_unpacker *u); /* any but INT64_MIN */
bool bc_unpack_bool(struct bc_unpacker *u);
bc_str bc_unpack_string(struct bc_unpacker *u); /* valid UTF-8, in place */

/* The number of elements (pairs) that follow; at least `min` or BC_EPARSE. */
uint32_t bc_unpack_array(struct bc_unpacker *u, uint32_t min);
uint32_t bc_unpack_map(struct bc_unpacker *u);

/* Skips n values of any kind, with all they hold. */
void bc_unpack_skip(struct bc_unpacker *u, uint64_t n);

#endif
