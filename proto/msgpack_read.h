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

/* Takes one of the common numbers, 0 to 2^63-1; a value that is another thing, or not all there,
 * gives -1, and what is returned then means nothing. Its length is a branch for each tag: what is
 * predicted the next value need not wait for, as it would for a sum. */
static inline const uint8_t *bc_take_common(const uint8_t *p, const uint8_t *end, int64_t *value)
{
	uint64_t eight;
	uint32_t four;
	uint16_t two;
	*value = -1;
	if (p >= end)
		return end;
	if (*p == 0xce && end - p >= 5) {
		memcpy(&four, p + 1, sizeof four);
		*value = be32toh(four);
		return p + 5;
	}
	if (*p < 0x80) {
		*value = *p;
		return p + 1;
	}
	if (*p == 0xcd && end - p >= 3) {
		memcpy(&two, p + 1, sizeof two);
		*value = be16toh(two);
		return p + 3;
	}
	if (*p == 0xcf && end - p >= 9) {
		memcpy(&eight, p + 1, sizeof eight);
		eight = be64toh(eight);
		*value = eight > INT64_MAX ? -1 : (int64_t)eight;
		return p + 9;
	}
	if (*p == 0xcc && end - p >= 2) {
		*value = p[1];
		return p + 2;
	}
	return end;
}

bool bc_unpack_is_nil(struct bc_unpacker *u);         /* reads it if it is */
bool bc_unpack_is_array(const struct bc_unpacker *u); /* looks only */

uint64_t bc_unpack_any_uint(struct bc_unpacker *u, uint64_t max);
int64_t bc_unpack_any_int(struct bc_unpacker *u);
uint32_t bc_unpack_any_array(struct bc_unpacker *u, uint32_t min);

/* These three look for the forms of one byte first. */
static inline uint64_t bc_unpack_uint(struct bc_unpacker *u, uint64_t max)
{
	if (u->p < u->end && *u->p < 0x80 && *u->p <= max)
		return *u->p++;
	return bc_unpack_any_uint(u, max);
}

static inline int64_t bc_unpack_int(struct bc_unpacker *u) /* any but INT64_MIN */
{
	if (u->p < u->end && (int8_t)*u->p >= -32)
		return (int8_t)*u->p++;
	return bc_unpack_any_int(u);
}

bool bc_unpack_bool(struct bc_unpacker *u);
bc_str bc_unpack_string(struct bc_unpacker *u); /* valid UTF-8, in place */

/* The number of elements (pairs) that follow; at least `min` or BC_EPARSE. */
static inline uint32_t bc_unpack_array(struct bc_unpacker *u, uint32_t min)
{
	uint32_t n = u->p < u->end && (*u->p & 0xf0) == 0x90 ? *u->p & 0x0fu : 16;
	if (n < 16 && n >= min && n < (size_t)(u->end - u->p)) {
		u->p++;
		return n;
	}
	return bc_unpack_any_array(u, min);
}
uint32_t bc_unpack_map(struct bc_unpacker *u);

/* Skips n values of any kind, with all they hold. */
void bc_unpack_skip(struct bc_unpacker *u, uint64_t n);

#endif
