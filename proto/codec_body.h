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

/* The largest exponent at which all values seen are whole. */
struct bc_scale {
	int32_t exponent;
};

#define BC_SCALE_START ((struct bc_scale){ INT32_MAX })

void bc_scale_lower(struct bc_scale *s, bc_decimal d);

/* Zero and BC_DECIMAL_NONE are whole at any exponent. Only a value that might lower the exponent
 * is looked at closely: trailing zeros in it may not count. */
static inline void bc_scale_see(struct bc_scale *s, bc_decimal d)
{
	if (d.exponent < s->exponent && d.mantissa != 0)
		bc_scale_lower(s, d);
}

/* Zero where nothing was seen. false: out of bounds, nothing can be written at it. */
bool bc_scale_end(struct bc_scale s, int32_t *exponent);

bool bc_pack_scaled_odd(struct bc_packer *k, bc_decimal d, int32_t exponent);

/* Writes d as an integer at `exponent`, or as [mantissa, exponent] where that does not fit.
 * false: d is BC_DECIMAL_NONE or out of bounds. */
static inline bool bc_pack_scaled(struct bc_packer *k, bc_decimal d, int32_t exponent)
{
	uint32_t shift = (uint32_t)d.exponent - (uint32_t)exponent;
	int64_t value;
	if (!bc_pack_room(k))
		return true;
	if (shift > 18 || d.mantissa == INT64_MIN ||
	    __builtin_mul_overflow(d.mantissa, (int64_t)bc_power_of_ten[shift], &value))
		return bc_pack_scaled_odd(k, d, exponent);
	bc_pack_int_unchecked(k, value);
	return true;
}

bool bc_pack_scaled_or_nil(struct bc_packer *k, bc_decimal d, int32_t exponent);
bool bc_pack_decimal_or_nil(struct bc_packer *k, bc_decimal d); /* [mantissa, exponent], normal */

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
