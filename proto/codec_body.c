#include "proto/codec_body.h"

/* ------------------------------------------------------------------ writing */

int32_t bc_scale_lower(int32_t scale, bc_decimal d)
{
	/* In a book with a digit more than these levels need it is whole where the others are. */
	uint32_t up = (uint32_t)scale - (uint32_t)d.exponent;
	int64_t ignored;
	if (up < BC_DIGITS_MAX && bc_divides(d.mantissa, up, &ignored))
		return scale;
	d = bc_decimal_normal(d);
	return d.exponent < scale ? d.exponent : scale;
}

static bool exponent_ok(int32_t exponent)
{
	return exponent >= BC_EXPONENT_MIN && exponent <= BC_EXPONENT_MAX;
}

bool bc_scale_end(int32_t scale, int32_t *exponent)
{
	*exponent = scale == BC_SCALE_START ? 0 : scale;
	return exponent_ok(*exponent);
}

static bool pack_pair(struct bc_packer *k, bc_decimal d)
{
	d = bc_decimal_normal(d);
	if (!exponent_ok(d.exponent))
		return false;
	bc_pack_array(k, 2);
	bc_pack_int(k, d.mantissa);
	bc_pack_int(k, d.exponent);
	return true;
}

bool bc_pack_scaled(struct bc_packer *k, bc_decimal d, int32_t exponent)
{
	int64_t value;
	if (!bc_decimal_known(d) || d.mantissa == INT64_MIN)
		return false;
	if (bc_decimal_at(d, exponent, &value) != BC_OK)
		return pack_pair(k, d);
	bc_pack_int(k, value);
	return true;
}

bool bc_pack_scaled_or_nil(struct bc_packer *k, bc_decimal d, int32_t exponent)
{
	if (bc_decimal_known(d))
		return bc_pack_scaled(k, d, exponent);
	bc_pack_nil(k);
	return true;
}

bool bc_pack_decimal_or_nil(struct bc_packer *k, bc_decimal d)
{
	if (bc_decimal_known(d))
		return d.mantissa != INT64_MIN && pack_pair(k, d);
	bc_pack_nil(k);
	return true;
}

/* ------------------------------------------------------------------ reading */

int32_t bc_unpack_exponent(struct bc_unpacker *u)
{
	int64_t exponent = bc_unpack_int(u);
	if (exponent < BC_EXPONENT_MIN || exponent > BC_EXPONENT_MAX) {
		bc_unpack_fail(u, BC_ERANGE);
		return 0;
	}
	return (int32_t)exponent;
}

/* Trailing zeros at the highest exponents: the normal decimal would be out of bounds. */
static bc_decimal checked(struct bc_unpacker *u, bc_decimal d)
{
	if (d.exponent > BC_EXPONENT_CALM && !exponent_ok(bc_decimal_normal(d).exponent))
		bc_unpack_fail(u, BC_ERANGE);
	return d;
}

static bc_decimal unpack_pair(struct bc_unpacker *u)
{
	uint32_t n = bc_unpack_array(u, 2);
	int64_t mantissa = bc_unpack_int(u);
	int32_t exponent = bc_unpack_exponent(u);
	if (n > 2)
		bc_unpack_skip(u, n - 2);
	return checked(u, (bc_decimal){ mantissa, exponent });
}

bc_decimal bc_unpack_scaled(struct bc_unpacker *u, int32_t exponent)
{
	if (bc_unpack_is_array(u))
		return unpack_pair(u);
	return checked(u, (bc_decimal){ bc_unpack_int(u), exponent });
}

bc_decimal bc_unpack_scaled_or_nil(struct bc_unpacker *u, int32_t exponent)
{
	return bc_unpack_is_nil(u) ? BC_DECIMAL_NONE : bc_unpack_scaled(u, exponent);
}

bc_decimal bc_unpack_decimal_or_nil(struct bc_unpacker *u)
{
	return bc_unpack_is_nil(u) ? BC_DECIMAL_NONE : unpack_pair(u);
}
