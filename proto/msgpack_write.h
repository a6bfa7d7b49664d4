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

#define BC_PACK_NUMBER_MAX 9 /* of those, a number alone */

#define BC_PACK_NIL      0xc0
#define BC_PACK_FIXARRAY 0x90 /* + n, n < 16 */

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

/* The next functions take the cursor by value and return where it is then: it stays in a register,
 * where a cursor in memory would be read again after each byte written. Room must be known. */

uint8_t *bc_put_negative(uint8_t *p, int64_t value); /* value < 0 */

static inline uint8_t *bc_put_small(uint8_t *p, unsigned value) /* up to 65535 */
{
	if (value < 0x80) {
		*p = (uint8_t)value;
		return p + 1;
	}
	if (value <= UINT8_MAX) {
		p[0] = 0xcc;
		p[1] = (uint8_t)value;
		return p + 2;
	}
	p[0] = 0xcd;
	p[1] = (uint8_t)(value >> 8);
	p[2] = (uint8_t)value;
	return p + 3;
}

static inline uint8_t *bc_put_long(uint8_t *p, uint64_t value) /* above UINT32_MAX */
{
	uint64_t big_endian = htobe64(value);
	*p = 0xcf;
	memcpy(p + 1, &big_endian, sizeof big_endian);
	return p + 9;
}

/* The most frequent width first: prices and quantities mostly take 17 to 32 bits, times 64. */
static inline uint8_t *bc_put_uint(uint8_t *p, uint64_t value)
{
	if (value > UINT32_MAX)
		return bc_put_long(p, value);
	if (value > UINT16_MAX) {
		uint32_t big_endian = htobe32((uint32_t)value);
		*p = 0xce;
		memcpy(p + 1, &big_endian, sizeof big_endian);
		return p + 5;
	}
	return bc_put_small(p, (unsigned)value);
}

/* Two values of 17 to 32 bits, which most levels are, are written without asking for each. */
static inline bool bc_put_is_usual(uint64_t value)
{
	return value - (UINT16_MAX + 1) <= UINT32_MAX - (UINT16_MAX + 1);
}

static inline uint8_t *bc_put_usual_pair(uint8_t *p, uint32_t first, uint32_t second)
{
	first = htobe32(first);
	second = htobe32(second);
	memcpy(p, "\xce\0\0\0\0\xce\0", 8); /* both tags in one store */
	memcpy(p + 1, &first, sizeof first);
	memcpy(p + 6, &second, sizeof second);
	return p + 10;
}

static inline uint8_t *bc_put_int(uint8_t *p, int64_t value)
{
	return value >= 0 ? bc_put_uint(p, (uint64_t)value) : bc_put_negative(p, value);
}

uint8_t *bc_put_long_array(uint8_t *p, uint32_t n_elements); /* above 65535 */

#define BC_PACK_HEAD_MAX 5 /* bytes, of an array */

static inline uint8_t *bc_put_array(uint8_t *p, uint32_t n_elements)
{
	if (n_elements > UINT16_MAX)
		return bc_put_long_array(p, n_elements);
	if (n_elements < 16) {
		*p = (uint8_t)(BC_PACK_FIXARRAY + n_elements);
		return p + 1;
	}
	p[0] = 0xdc;
	p[1] = (uint8_t)(n_elements >> 8);
	p[2] = (uint8_t)n_elements;
	return p + 3;
}

static inline void bc_pack_uint(struct bc_packer *k, uint64_t value)
{
	if (bc_pack_room(k))
		k->p = bc_put_uint(k->p, value);
}

static inline void bc_pack_int(struct bc_packer *k, int64_t value)
{
	if (bc_pack_room(k))
		k->p = bc_put_int(k->p, value);
}

/* BC_EXPONENT_MIN to BC_EXPONENT_MAX. */
static inline void bc_pack_exponent(struct bc_packer *k, int32_t exponent)
{
	if (!bc_pack_room(k))
		return;
	if (exponent < -32) /* what one byte holds */
		*k->p++ = 0xd0;
	*k->p++ = (uint8_t)exponent;
}

static inline void bc_pack_array(struct bc_packer *k, uint32_t n_elements)
{
	if (bc_pack_room(k))
		k->p = bc_put_array(k->p, n_elements);
}

void bc_pack_nil(struct bc_packer *k);
void bc_pack_bool(struct bc_packer *k, bool value);
void bc_pack_map(struct bc_packer *k, uint32_t n_pairs);
void bc_pack_string(struct bc_packer *k, bc_str text);              /* longer than 2^32-1: full */
void bc_pack_raw(struct bc_packer *k, const void *bytes, size_t n); /* encoded already */

#endif
