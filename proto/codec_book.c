/* codec_book.c - book and bbo: [price_exp, qty_exp, bids, asks], sides flat: p0, q0, p1, q1, ... */
#include "proto/codec_body.h"

struct scales {
	struct bc_scale price, quantity;
};

static void see_side(struct scales *s, const bc_level *levels, uint32_t n)
{
	struct scales seen = *s; /* kept in registers */
	for (uint32_t i = 0; i < n; i++) {
		bc_scale_see(&seen.price, levels[i].price);
		bc_scale_see(&seen.quantity, levels[i].quantity);
	}
	*s = seen;
}

static bool encode_side(struct bc_packer *k, const bc_level *levels, uint32_t n,
			int32_t price_exponent, int32_t quantity_exponent)
{
	struct bc_packer packer = *k; /* kept in registers */
	bool ok = true;
	bc_pack_array(&packer, 2 * n);
	for (uint32_t i = 0; i < n && ok; i++)
		ok = bc_pack_scaled(&packer, levels[i].price, price_exponent) &&
		     bc_pack_scaled(&packer, levels[i].quantity, quantity_exponent);
	*k = packer;
	return ok;
}

static bc_status encode_book(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_book *book = &m->body.book;
	struct scales scales = { BC_SCALE_START, BC_SCALE_START };
	int32_t price, quantity;
	if (book->n_bids > UINT32_MAX / 2 || book->n_asks > UINT32_MAX / 2)
		return BC_EINVAL;
	see_side(&scales, book->bids, book->n_bids);
	see_side(&scales, book->asks, book->n_asks);
	if (!bc_scale_end(scales.price, &price) || !bc_scale_end(scales.quantity, &quantity))
		return BC_EINVAL;
	bc_pack_array(k, 4);
	bc_pack_int(k, price);
	bc_pack_int(k, quantity);
	if (!encode_side(k, book->bids, book->n_bids, price, quantity) ||
	    !encode_side(k, book->asks, book->n_asks, price, quantity))
		return BC_EINVAL;
	return BC_OK;
}

/* Reads one side to the start of the room; returns its number of levels. */
static uint32_t decode_side(struct bc_unpacker *u, struct bc_level_room room,
			    int32_t price_exponent, int32_t quantity_exponent)
{
	uint32_t n = bc_unpack_array(u, 0);
	if (n % 2 != 0)
		bc_unpack_fail(u, BC_EPARSE);
	n /= 2;
	if (n > room.max)
		bc_unpack_fail(u, BC_ERANGE);
	for (uint32_t i = 0; i < n && u->status == BC_OK; i++) {
		room.levels[i].price = bc_unpack_scaled(u, price_exponent);
		room.levels[i].quantity = bc_unpack_scaled(u, quantity_exponent);
	}
	return u->status == BC_OK ? n : 0;
}

static void decode_book(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	struct bc_book *book = &m->body.book;
	uint32_t n = bc_unpack_array(u, 4);
	int32_t price = bc_unpack_exponent(u);
	int32_t quantity = bc_unpack_exponent(u);
	book->bids = room.levels;
	book->n_bids = decode_side(u, room, price, quantity);
	room.levels += book->n_bids;
	room.max -= book->n_bids;
	book->asks = room.levels;
	book->n_asks = decode_side(u, room, price, quantity);
	if (n > 4)
		bc_unpack_skip(u, n - 4);
}

const struct bc_body_codec bc_codec_book = { encode_book, decode_book };
