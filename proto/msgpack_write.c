#include "proto/msgpack_write.h"

/* A tag and the low `bytes` bytes of value, the most significant one first. */
static uint8_t *put_tagged(uint8_t *p, unsigned tag, uint64_t value, unsigned bytes)
{
	*p++ = (uint8_t)tag;
	for (unsigned i = bytes; i-- > 0;)
		*p++ = (uint8_t)(value >> (8 * i));
	return p;
}

uint8_t *bc_put_negative(uint8_t *p, int64_t value)
{
	if (value >= -32)
		return put_tagged(p, (unsigned)value & 0xff, 0, 0);
	if (value >= INT8_MIN)
		return put_tagged(p, 0xd0, (uint64_t)value, 1);
	if (value >= INT16_MIN)
		return put_tagged(p, 0xd1, (uint64_t)value, 2);
	if (value >= INT32_MIN)
		return put_tagged(p, 0xd2, (uint64_t)value, 4);
	return put_tagged(p, 0xd3, (uint64_t)value, 8);
}

void bc_pack_nil(struct bc_packer *k)
{
	if (bc_pack_room(k))
		k->p = put_tagged(k->p, 0xc0, 0, 0);
}

void bc_pack_bool(struct bc_packer *k, bool value)
{
	if (bc_pack_room(k))
		k->p = put_tagged(k->p, value ? 0xc3 : 0xc2, 0, 0);
}

uint8_t *bc_put_long_array(uint8_t *p, uint32_t n_elements)
{
	return put_tagged(p, 0xdd, n_elements, 4);
}

void bc_pack_map(struct bc_packer *k, uint32_t n_pairs)
{
	if (!bc_pack_room(k))
		return;
	if (n_pairs < 16)
		k->p = put_tagged(k->p, 0x80 | n_pairs, 0, 0);
	else if (n_pairs <= UINT16_MAX)
		k->p = put_tagged(k->p, 0xde, n_pairs, 2);
	else
		k->p = put_tagged(k->p, 0xdf, n_pairs, 4);
}

void bc_pack_raw(struct bc_packer *k, const void *bytes, size_t n)
{
	if (k->full || (size_t)(k->end - k->p) < n) {
		k->full = true;
		return;
	}
	if (n > 0)
		memcpy(k->p, bytes, n);
	k->p += n;
}

void bc_pack_string(struct bc_packer *k, bc_str text)
{
	if (!bc_pack_room(k))
		return;
	if (text.n > UINT32_MAX) {
		k->full = true;
		return;
	}
	if (text.n < 32)
		k->p = put_tagged(k->p, 0xa0 | (unsigned)text.n, 0, 0);
	else if (text.n <= UINT8_MAX)
		k->p = put_tagged(k->p, 0xd9, text.n, 1);
	else if (text.n <= UINT16_MAX)
		k->p = put_tagged(k->p, 0xda, text.n, 2);
	else
		k->p = put_tagged(k->p, 0xdb, text.n, 4);
	bc_pack_raw(k, text.p, text.n);
}
