/* codec_trade.c - [price_exp, qty_exp, price, quantity, side, trade_id] */
#include "proto/codec_body.h"

#include <string.h>

static bc_status encode_trade(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_trade *trade = &m->body.trade;
	int32_t price = BC_SCALE_START, quantity = BC_SCALE_START;
	int32_t price_exponent, quantity_exponent;
	price = bc_scale_see(price, trade->price);
	quantity = bc_scale_see(quantity, trade->quantity);
	if (!bc_scale_end(price, &price_exponent) || !bc_scale_end(quantity, &quantity_exponent) ||
	    (unsigned)trade->side >= BC_N_SIDES || !bc_string_ok(trade->trade_id))
		return BC_EINVAL;
	bc_pack_array(k, 6);
	bc_pack_int(k, price_exponent);
	bc_pack_int(k, quantity_exponent);
	if (!bc_pack_scaled(k, trade->price, price_exponent) ||
	    !bc_pack_scaled(k, trade->quantity, quantity_exponent))
		return BC_EINVAL;
	bc_pack_uint(k, (unsigned)trade->side);
	bc_pack_string(k, trade->trade_id);
	return BC_OK;
}

static void decode_trade(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	(void)room;
	struct bc_trade *trade = &m->body.trade;
	uint32_t n = bc_unpack_array(u, 6);
	int32_t price_exponent = bc_unpack_exponent(u);
	int32_t quantity_exponent = bc_unpack_exponent(u);
	trade->price = bc_unpack_scaled(u, price_exponent);
	trade->quantity = bc_unpack_scaled(u, quantity_exponent);
	trade->side = (enum bc_side)bc_unpack_enum(u);
	trade->trade_id = bc_unpack_string(u);
	if (n > 6)
		bc_unpack_skip(u, n - 6);
}

const struct bc_body_codec bc_codec_trade = { encode_trade, decode_trade };

int bc_trade_id_compare(bc_str a, bc_str b)
{
	if (a.n != b.n)
		return a.n < b.n ? -1 : 1;
	return a.n == 0 ? 0 : memcmp(a.p, b.p, a.n);
}
