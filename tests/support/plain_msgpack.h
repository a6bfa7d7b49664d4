/* plain_msgpack.h - numbers as msgpack's specification has them, byte by byte: what the encoder of
 * proto/ is compared with, so nothing here is shared with it. */
#ifndef TESTS_PLAIN_MSGPACK_H
#define TESTS_PLAIN_MSGPACK_H

#include <stddef.h>
#include <stdint.h>

static inline size_t put_plain(uint8_t *p, unsigned tag, uint64_t value, unsigned bytes)
{
	p[0] = (uint8_t)tag;
	for (unsigned i = 0; i < bytes; i++)
		p[1 + i] = (uint8_t)(value >> 8 * (bytes - 1 - i));
	return 1 + bytes;
}

/* The shortest form of a number. */
static inline size_t shortest(uint8_t *p, int64_t v)
{
	uint64_t u = (uint64_t)v;
	if (v >= -32 && v <= 127)
		return put_plain(p, (unsigned)u & 0xff, 0, 0);
	if (v >= 0)
		return u <= UINT8_MAX    ? put_plain(p, 0xcc, u, 1)
		       : u <= UINT16_MAX ? put_plain(p, 0xcd, u, 2)
		       : u <= UINT32_MAX ? put_plain(p, 0xce, u, 4)
					 : put_plain(p, 0xcf, u, 8);
	return v >= INT8_MIN    ? put_plain(p, 0xd0, u, 1)
	       : v >= INT16_MIN ? put_plain(p, 0xd1, u, 2)
	       : v >= INT32_MIN ? put_plain(p, 0xd2, u, 4)
				: put_plain(p, 0xd3, u, 8);
}

#endif
