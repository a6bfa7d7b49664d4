/* codec_ticker.c - [price_exp, qty_exp, last, open, high, low, volume, quote_volume, change]; each
 * of the values may be nil. Volumes are at qty_exp, the others at price_exp. */
#include "proto/codec_body.h"

static bc_status encode_ticker(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_ticker *t = &m->body.ticker;
	const bc_decimal prices[] = { t->last, t->open, t->high, t->low };
	const bc_decimal volumes[] = { t->volume, t->quote_volume };
	int32_t price = BC_SCALE_START, quantity = BC_SCALE_START;
	int32_t price_exponent, quantity_exponent;
	bool ok = true;
	for (size_t i = 0; i < 4; i++)
		price = bc_scale_see(price, prices[i]);
	price = bc_scale_see(price, t->change);
	for (size_t i = 0; i < 2; i++)
		quantity = bc_scale_see(quantity, volumes[i]);
	if (!bc_scale_end(price, &price_exponent) || !bc_scale_end(quantity, &quantity_exponent))
		return BC_EINVAL;
	bc_pack_array(k, 9);
	bc_pack_int(k, price_exponent);
	bc_pack_int(k, quantity_exponent);
	for (size_t i = 0; i < 4; i++)
		ok &= bc_pack_scaled_or_nil(k, prices[i], price_exponent);
	for (size_t i = 0; i < 2; i++)
		ok &= bc_pack_scaled_or_nil(k, volumes[i], quantity_exponent);
	ok &= bc_pack_scaled_or_nil(k, t->change, price_exponent);
	return ok ? BC_OK : BC_EINVAL;
}

static void decode_ticker(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	(void)room;
	struct bc_ticker *t = &m->body.ticker;
	uint32_t n = bc_unpack_array(u, 9);
	int32_t price_exponent = bc_unpack_exponent(u);
	int32_t quantity_exponent = bc_unpack_exponent(u);
	t->last = bc_unpack_scaled_or_nil(u, price_exponent);
	t->open = bc_unpack_scaled_or_nil(u, price_exponent);
	t->high = bc_unpack_scaled_or_nil(u, price_exponent);
	t->low = bc_unpack_scaled_or_nil(u, price_exponent);
	t->volume = bc_unpack_scaled_or_nil(u, quantity_exponent);
	t->quote_volume = bc_unpack_scaled_or_nil(u, quantity_exponent);
	t->change = bc_unpack_scaled_or_nil(u, price_exponent);
	if (n > 9)
		bc_unpack_skip(u, n - 9);
}

const struct bc_body_codec bc_codec_ticker = { encode_ticker, decode_ticker };
