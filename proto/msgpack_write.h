/* msgpack_write.h - msgpack into a buffer of known size, without allocation.
 *
 * Each number takes the shortest form msgpack has for it, so equal messages are equal bytes.
 * A buffer that gets full is remembered in `full`; writing on is harmless. */
#ifndef BC_MSGPACK_WRITE_H
#define BC_MSGPACK_WRITE_H

#include "proto/value.h"

#include <endian.h>
#include <string.h>

/* No element but a string's bytes is longer: [mantissa, exponent] is 1 + 9 + 2. */
#define BC_PACK_ELEMENT_MAX 12

struct bc_packer {
	uint8_t *p, *end;
	bool full;
};

static inline struct bc_packer bc_packer_on(uint8_t *out, size_t cap)
{
	return (struct bc_packer){ out, out + cap, false };
}

/* Is there room for the longest element? Asked once an element, by those who write bytes. */
static inline bool bc_pack_room(struct bc_packer *k)
{
	if (k->end - k->p >= BC_PACK_ELEMENT_MAX)
		return true;
	k->full = true;
	return false;
}

/* Writes a number with room known. A tag, then `bytes` of the value's big-endian form; eight are
 * stored whatever they are, the cursor moves over those that count. */
static inline void bc_pack_uint_unchecked(struct bc_packer *k, uint64_t value)
{
	/* by width in bits: 8, 16, 32 or 64 of them */
	static const struct {
		uint8_t tag, bytes;
	} forms[8] = { { 0xcc, 1 }, { 0xcd, 2 }, { 0xce, 4 }, { 0xce, 4 },
		       { 0xcf, 8 }, { 0xcf, 8 }, { 0xcf, 8 }, { 0xcf, 8 } };
	if (value < 0x80) {
		*k->p++ = (uint8_t)value;
		return;
	}
	unsigned top_byte = (63u - (unsigned)__builtin_clzll(value)) / 8;
	unsigned bytes = forms[top_byte].bytes;
	uint64_t big_endian = htobe64(value << (64 - 8 * bytes));
	*k->p = forms[top_byte].tag;
	memcpy(k->p + 1, &big_endian, sizeof big_endian);
	k->p += 1 + bytes;
}

void bc_pack_negative(struct bc_packer *k, int64_t value); /* room known; value < 0 */

static inline void bc_pack_int_unchecked(struct bc_packer *k, int64_t value)
{
	if (value >= 0)
		bc_pack_uint_unchecked(k, (uint64_t)value);
	else
		bc_pack_negative(k, value);
}

static inline void bc_pack_uint(struct bc_packer *k, uint64_t value)
{
	if (bc_pack_room(k))
		bc_pack_uint_unchecked(k, value);
}

static inline void bc_pack_int(struct bc_packer *k, int64_t value)
{
	if (bc_pack_room(k))
		bc_pack_int_unchecked(k, value);
}

void bc_pack_nil(struct bc_packer *k);
void bc_pack_bool(struct bc_packer *k, bool value);
void bc_pack_array(struct bc_packer *k, uint32_t n_elements);
void bc_pack_map(struct bc_packer *k, uint32_t n_pairs);
void bc_pack_string(struct bc_packer *k, bc_str text);              /* longer than 2^32-1: full */
void bc_pack_raw(struct bc_packer *k, const void *bytes, size_t n); /* encoded already */

#endif
