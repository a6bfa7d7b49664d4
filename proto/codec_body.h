/* codec_body.h - what the codecs of the channels share: one pair of functions a channel, and the
 * scaled numbers of section "Numbers" in proto/README.md. Internal to proto/. */
#ifndef BC_CODEC_BODY_H
#define BC_CODEC_BODY_H

#include "proto/codec.h"
#include "proto/msgpack_read.h"
#include "proto/msgpack_write.h"
#include "proto/power_of_ten.h"

/* Where a decoder may put levels. */
struct bc_level_room {
	bc_level *levels;
	size_t max;
};

struct bc_body_codec {
	/* Writes the body's array. BC_EINVAL: it holds what cannot be encoded. */
	bc_status (*encode)(struct bc_packer *k, const struct bc_message *m);
	/* Reads the body's array into m; errors stay in the cursor. */
	void (*decode)(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room);
};

extern const struct bc_body_codec bc_codec_book; /* and bbo */
extern const struct bc_body_codec bc_codec_trade;
extern const struct bc_body_codec bc_codec_ticker;
extern const struct bc_body_codec bc_codec_candle;
extern const struct bc_body_codec bc_codec_instrument;
extern const struct bc_body_codec bc_codec_state;
extern const struct bc_body_codec bc_codec_heartbeat;

/* ------------------------------------------------------------------ scaled numbers */

/* The largest exponent at which all values seen are whole: start with BC_SCALE_START, let it see
 * each value, and ask for the end. */
#define BC_SCALE_START INT32_MAX

int32_t bc_scale_lower(int32_t scale, bc_decimal d); /* d ends in a zero, and is none */

/* Is the mantissa a multiple of 10^up, 0 < up < BC_DIGITS_MAX? *quotient is what it is divided by
 * it. */
static inline bool bc_divides(int64_t mantissa, uint32_t up, int64_t *quotient)
{
	uint64_t m = mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
	uint64_t q = (m >> up) * bc_one_over_five[up]; /* exact where there is no rest */
	*quotient = (int64_t)(mantissa < 0 ? 0 - q : q);
	return (m & ((UINT64_C(1) << up) - 1)) == 0 && q <= bc_most_over_five[up];
}

/* Zero and BC_DECIMAL_NONE are whole at any exponent. Only a value that might lower the exponent
 * is looked at closely: trailing zeros in it may not count. */
static inline int32_t bc_scale_see(int32_t scale, bc_decimal d)
{
	if (d.exponent >= scale || d.mantissa == 0)
		return scale;
	return d.mantissa % 10 != 0 ? d.exponent : bc_scale_lower(scale, d);
}

/* Zero where nothing was seen. false: out of bounds, nothing can be written at it. */
bool bc_scale_end(int32_t scale, int32_t *exponent);

/* The mantissa of d at `exponent`, in the common case; false: look closer. */
static inline bool bc_scaled_value(bc_decimal d, int32_t exponent, int64_t *value)
{
	uint32_t down = (uint32_t)d.exponent - (uint32_t)exponent;
	if (down < BC_DIGITS_MAX)
		return !__builtin_mul_overflow(d.mantissa, (int64_t)bc_power_of_ten[down], value);
	uint32_t up = 0 - down; /* the exponent of a book may be finer than its levels need */
	return up < BC_DIGITS_MAX && bc_divides(d.mantissa, up, value);
}

/* Writes d as an integer at `exponent`, or as [mantissa, exponent] where that does not fit.
 * false: d is BC_DECIMAL_NONE or out of bounds. */
bool bc_pack_scaled(struct bc_packer *k, bc_decimal d, int32_t exponent);
bool bc_pack_scaled_or_nil(struct bc_packer *k, bc_decimal d, int32_t exponent);
bool bc_pack_decimal_or_nil(struct bc_packer *k, bc_decimal d); /* [mantissa, exponent], normal */

/* Up to here the normal form of any mantissa has an exponent in bounds, too. */
#define BC_EXPONENT_CALM (BC_EXPONENT_MAX - BC_DIGITS_MAX)

int32_t bc_unpack_exponent(struct bc_unpacker *u);
bc_decimal bc_unpack_scaled(struct bc_unpacker *u, int32_t exponent);
bc_decimal bc_unpack_scaled_or_nil(struct bc_unpacker *u, int32_t exponent);
bc_decimal bc_unpack_decimal_or_nil(struct bc_unpacker *u);

/* ------------------------------------------------------------------ other shared parts */

#define BC_ENUM_MAX 255 /* numbers this program does not know are kept, up to here */

static inline unsigned bc_unpack_enum(struct bc_unpacker *u)
{
	return (unsigned)bc_unpack_uint(u, BC_ENUM_MAX);
}

static inline void bc_pack_wall(struct bc_packer *k, bc_wall_time t)
{
	bc_pack_int(k, t.ns);
}

static inline bc_wall_time bc_unpack_wall(struct bc_unpacker *u)
{
	return (bc_wall_time){ bc_unpack_int(u) };
}

static inline bool bc_string_ok(bc_str text)
{
	return bc_utf8_valid(text.p, text.n);
}

#endif
