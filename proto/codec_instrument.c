/* codec_instrument.c - [base, quote, kind, unified, tick, lot, contract_size, status]; the three
 * decimals are [mantissa, exponent] or nil: they have no scale in common. */
#include "proto/codec_body.h"

static bc_status encode_instrument(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_instrument *i = &m->body.instrument;
	if ((unsigned)i->kind >= BC_N_KINDS || (unsigned)i->status >= BC_N_LISTINGS ||
	    !bc_string_ok(i->base) || !bc_string_ok(i->quote) || !bc_string_ok(i->unified))
		return BC_EINVAL;
	bc_pack_array(k, 8);
	bc_pack_string(k, i->base);
	bc_pack_string(k, i->quote);
	bc_pack_uint(k, (unsigned)i->kind);
	bc_pack_string(k, i->unified);
	if (!bc_pack_decimal_or_nil(k, i->tick) || !bc_pack_decimal_or_nil(k, i->lot) ||
	    !bc_pack_decimal_or_nil(k, i->contract_size))
		return BC_EINVAL;
	bc_pack_uint(k, (unsigned)i->status);
	return BC_OK;
}

static void decode_instrument(struct bc_unpacker *u, struct bc_message *m,
			      struct bc_level_room room)
{
	(void)room;
	struct bc_instrument *i = &m->body.instrument;
	uint32_t n = bc_unpack_array(u, 8);
	i->base = bc_unpack_string(u);
	i->quote = bc_unpack_string(u);
	i->kind = (enum bc_kind)bc_unpack_enum(u);
	i->unified = bc_unpack_string(u);
	i->tick = bc_unpack_decimal_or_nil(u);
	i->lot = bc_unpack_decimal_or_nil(u);
	i->contract_size = bc_unpack_decimal_or_nil(u);
	i->status = (enum bc_listing)bc_unpack_enum(u);
	if (n > 8)
		bc_unpack_skip(u, n - 8);
}

const struct bc_body_codec bc_codec_instrument = { encode_instrument, decode_instrument };
