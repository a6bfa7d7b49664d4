#include "proto/msgpack_write.h"

static void put_byte(struct bc_packer *k, unsigned byte)
{
	*k->p++ = (uint8_t)byte;
}

/* A tag and the low `bytes` bytes of value, the most significant one first. */
static void put_tagged(struct bc_packer *k, unsigned tag, uint64_t value, unsigned bytes)
{
	put_byte(k, tag);
	for (unsigned i = bytes; i-- > 0;)
		put_byte(k, (unsigned)(value >> (8 * i)) & 0xff);
}

void bc_pack_negative(struct bc_packer *k, int64_t value)
{
	if (value >= -32)
		put_byte(k, (unsigned)value & 0xff);
	else if (value >= INT8_MIN)
		put_tagged(k, 0xd0, (uint64_t)value, 1);
	else if (value >= INT16_MIN)
		put_tagged(k, 0xd1, (uint64_t)value, 2);
	else if (value >= INT32_MIN)
		put_tagged(k, 0xd2, (uint64_t)value, 4);
	else
		put_tagged(k, 0xd3, (uint64_t)value, 8);
}

void bc_pack_nil(struct bc_packer *k)
{
	if (bc_pack_room(k))
		put_byte(k, 0xc0);
}

void bc_pack_bool(struct bc_packer *k, bool value)
{
	if (bc_pack_room(k))
		put_byte(k, value ? 0xc3 : 0xc2);
}

void bc_pack_array(struct bc_packer *k, uint32_t n_elements)
{
	if (!bc_pack_room(k))
		return;
	if (n_elements < 16)
		put_byte(k, 0x90 | n_elements);
	else if (n_elements <= UINT16_MAX)
		put_tagged(k, 0xdc, n_elements, 2);
	else
		put_tagged(k, 0xdd, n_elements, 4);
}

void bc_pack_map(struct bc_packer *k, uint32_t n_pairs)
{
	if (!bc_pack_room(k))
		return;
	if (n_pairs < 16)
		put_byte(k, 0x80 | n_pairs);
	else if (n_pairs <= UINT16_MAX)
		put_tagged(k, 0xde, n_pairs, 2);
	else
		put_tagged(k, 0xdf, n_pairs, 4);
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
		put_byte(k, 0xa0 | (unsigned)text.n);
	else if (text.n <= UINT8_MAX)
		put_tagged(k, 0xd9, text.n, 1);
	else if (text.n <= UINT16_MAX)
		put_tagged(k, 0xda, text.n, 2);
	else
		put_tagged(k, 0xdb, text.n, 4);
	bc_pack_raw(k, text.p, text.n);
}
