/* codec_candle.c - [interval, ts_open, price_exp, qty_exp, open, high, low, close, volume,
 * quote_volume, closed]; each of the values may be nil, closed is a boolean or nil. */
#include "proto/codec_body.h"

static void encode_closed(struct bc_packer *k, enum bc_closed closed)
{
	if (closed == BC_CLOSED_UNKNOWN)
		bc_pack_nil(k);
	else
		bc_pack_bool(k, closed == BC_CLOSED_YES);
}

static enum bc_closed decode_closed(struct bc_unpacker *u)
{
	if (bc_unpack_is_nil(u))
		return BC_CLOSED_UNKNOWN;
	return bc_unpack_bool(u) ? BC_CLOSED_YES : BC_CLOSED_NO;
}

static bc_status encode_candle(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_candle *c = &m->body.candle;
	const bc_decimal prices[] = { c->open, c->high, c->low, c->close };
	const bc_decimal volumes[] = { c->volume, c->quote_volume };
	int32_t price = BC_SCALE_START, quantity = BC_SCALE_START;
	int32_t price_exponent, quantity_exponent;
	bool ok = true;
	for (size_t i = 0; i < 4; i++)
		price = bc_scale_see(price, prices[i]);
	for (size_t i = 0; i < 2; i++)
		quantity = bc_scale_see(quantity, volumes[i]);
	if (!bc_scale_end(price, &price_exponent) || !bc_scale_end(quantity, &quantity_exponent) ||
	    (unsigned)c->interval >= BC_N_INTERVALS || !bc_wall_known(c->ts_open) ||
	    (unsigned)c->closed > BC_CLOSED_UNKNOWN)
		return BC_EINVAL;
	bc_pack_array(k, 11);
	bc_pack_uint(k, (unsigned)c->interval);
	bc_pack_wall(k, c->ts_open);
	bc_pack_int(k, price_exponent);
	bc_pack_int(k, quantity_exponent);
	for (size_t i = 0; i < 4; i++)
		ok &= bc_pack_scaled_or_nil(k, prices[i], price_exponent);
	for (size_t i = 0; i < 2; i++)
		ok &= bc_pack_scaled_or_nil(k, volumes[i], quantity_exponent);
	encode_closed(k, c->closed);
	return ok ? BC_OK : BC_EINVAL;
}

static void decode_candle(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	(void)room;
	struct bc_candle *c = &m->body.candle;
	uint32_t n = bc_unpack_array(u, 11);
	c->interval = (enum bc_interval)bc_unpack_enum(u);
	c->ts_open = bc_unpack_wall(u);
	int32_t price_exponent = bc_unpack_exponent(u);
	int32_t quantity_exponent = bc_unpack_exponent(u);
	c->open = bc_unpack_scaled_or_nil(u, price_exponent);
	c->high = bc_unpack_scaled_or_nil(u, price_exponent);
	c->low = bc_unpack_scaled_or_nil(u, price_exponent);
	c->close = bc_unpack_scaled_or_nil(u, price_exponent);
	c->volume = bc_unpack_scaled_or_nil(u, quantity_exponent);
	c->quote_volume = bc_unpack_scaled_or_nil(u, quantity_exponent);
	c->closed = decode_closed(u);
	if (n > 11)
		bc_unpack_skip(u, n - 11);
}

const struct bc_body_codec bc_codec_candle = { encode_candle, decode_candle };
