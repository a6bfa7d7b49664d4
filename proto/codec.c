#include "proto/codec.h"
#include "proto/codec_body.h"

#define ENVELOPE_FIELDS 11
#define HEAD_MAX        (3 + ENVELOPE_FIELDS * BC_PACK_NUMBER_MAX)

/* Channels without a row have no body yet; BC_CHANNEL_DELTA is reserved. */
static const struct bc_body_codec *const bodies[BC_N_CHANNELS] = {
	[BC_CHANNEL_BOOK] = &bc_codec_book,     [BC_CHANNEL_BBO] = &bc_codec_book,
	[BC_CHANNEL_TRADE] = &bc_codec_trade,   [BC_CHANNEL_TICKER] = &bc_codec_ticker,
	[BC_CHANNEL_CANDLE] = &bc_codec_candle, [BC_CHANNEL_INSTRUMENT] = &bc_codec_instrument,
	[BC_CHANNEL_STATE] = &bc_codec_state,   [BC_CHANNEL_HEARTBEAT] = &bc_codec_heartbeat,
};

static const struct bc_body_codec *body_of(unsigned channel)
{
	return channel < BC_N_CHANNELS ? bodies[channel] : NULL;
}

size_t bc_message_bound(size_t n_levels, size_t n_strings)
{
	/* The longest body without levels is a heartbeat's: its numbers, and the headers of its
	 * strings. Room for a longest element is asked for before each. */
	const size_t n_elements =
		2 + ENVELOPE_FIELDS + 1 + 11 + BC_MAX_ENDPOINTS + 2 * BC_MAX_COUNTERS + 1;
	const size_t fixed = n_elements * BC_PACK_ELEMENT_MAX;
	return fixed + 2 * BC_PACK_ELEMENT_MAX * n_levels + n_strings;
}

/* ------------------------------------------------------------------ encoding */

static bool envelope_ok(const struct bc_envelope *e)
{
	return (unsigned)e->state < BC_N_STATES && (unsigned)e->reason < BC_N_REASONS &&
	       e->epoch <= BC_EPOCH_MAX && bc_wall_known(e->ts_recv) &&
	       bc_wall_known(e->ts_publish) && bc_wall_known(e->since);
}

/* The usual envelope: what is small takes one byte, the epoch and all times but the exchange's take
 * nine, as they do from 1970-01-01T00:00:05Z on. */
static bool envelope_usual(const struct bc_envelope *e)
{
	const int64_t least = INT64_C(1) << 32;
	const int64_t epoch = (int64_t)e->epoch, recv = e->ts_recv.ns, publish = e->ts_publish.ns,
		      since = e->since.ns;
	return ((unsigned)e->channel | (unsigned)e->state | (unsigned)e->reason | e->flags) <
		       0x80 &&
	       epoch >= least && recv >= least && publish >= least && since >= least;
}

static uint8_t *put_seq_or_nil(uint8_t *p, uint64_t seq)
{
	if (seq != BC_SEQ_NONE)
		return bc_put_uint(p, seq);
	*p = BC_PACK_NIL;
	return p + 1;
}

static uint8_t *put_wall_or_nil(uint8_t *p, bc_wall_time t)
{
	if (bc_wall_known(t))
		return bc_put_int(p, t.ns);
	*p = BC_PACK_NIL;
	return p + 1;
}

static uint8_t *put_usual_envelope(uint8_t *p, const struct bc_envelope *e)
{
	p[0] = (uint8_t)e->channel;
	p = bc_put_long(p + 1, e->epoch);
	p = bc_put_uint(p, e->seq);
	p = put_seq_or_nil(p, e->exchange_seq);
	p = put_wall_or_nil(p, e->ts_exchange);
	p = bc_put_long(p, (uint64_t)e->ts_recv.ns);
	p = bc_put_long(p, (uint64_t)e->ts_publish.ns);
	p[0] = (uint8_t)e->state;
	p[1] = (uint8_t)e->reason;
	p = bc_put_long(p + 2, (uint64_t)e->since.ns);
	*p = (uint8_t)e->flags;
	return p + 1;
}

static uint8_t *put_envelope(uint8_t *p, const struct bc_envelope *e)
{
	p = bc_put_uint(p, (unsigned)e->channel);
	p = bc_put_uint(p, e->epoch);
	p = bc_put_uint(p, e->seq);
	p = put_seq_or_nil(p, e->exchange_seq);
	p = put_wall_or_nil(p, e->ts_exchange);
	p = bc_put_int(p, e->ts_recv.ns);
	p = bc_put_int(p, e->ts_publish.ns);
	p = bc_put_uint(p, (unsigned)e->state);
	p = bc_put_uint(p, (unsigned)e->reason);
	p = bc_put_int(p, e->since.ns);
	return bc_put_uint(p, e->flags);
}

static bc_status encoded(const struct bc_packer *k, const uint8_t *out, size_t *len)
{
	if (k->full)
		return BC_ERANGE;
	*len = (size_t)(k->p - out);
	return BC_OK;
}

/* Room is asked for once, for all of it. */
bc_status bc_head_encode(const struct bc_envelope *e, uint8_t *out, size_t cap, size_t *len)
{
	if (body_of((unsigned)e->channel) == NULL || !envelope_ok(e))
		return BC_EINVAL;
	if (cap < HEAD_MAX)
		return BC_ERANGE;
	out[0] = BC_PACK_FIXARRAY + 3;
	out[1] = BC_WIRE_VERSION;
	out[2] = BC_PACK_FIXARRAY + ENVELOPE_FIELDS;
	const uint8_t *p =
		envelope_usual(e) ? put_usual_envelope(out + 3, e) : put_envelope(out + 3, e);
	*len = (size_t)(p - out);
	return BC_OK;
}

bc_status bc_body_encode(const struct bc_message *m, uint8_t *out, size_t cap, size_t *len)
{
	struct bc_packer k = bc_packer_on(out, cap);
	const struct bc_body_codec *body = body_of((unsigned)m->envelope.channel);
	bc_status rc = body == NULL ? BC_EINVAL : body->encode(&k, m);
	return rc == BC_OK ? encoded(&k, out, len) : rc;
}

bc_status bc_message_encode(const struct bc_message *m, uint8_t *out, size_t cap, size_t *len)
{
	size_t head, body;
	bc_status rc = bc_head_encode(&m->envelope, out, cap, &head);
	if (rc == BC_OK)
		rc = bc_body_encode(m, out + head, cap - head, &body);
	if (rc == BC_OK)
		*len = head + body;
	return rc;
}

/* ------------------------------------------------------------------ decoding */

static const uint8_t *take_or_nil(const uint8_t *p, const uint8_t *end, int64_t *value, bool *nil)
{
	*nil = p < end && *p == BC_PACK_NIL;
	if (!*nil)
		return bc_take_common(p, end, value);
	*value = 0;
	return p + 1;
}

/* The usual form: eleven numbers of the common kind, or nil where it may be. False: nothing was
 * read, and it is to be looked at closely. */
static bool decode_usual(struct bc_unpacker *u, struct bc_envelope *e)
{
	const uint8_t *p = u->p;
	int64_t v[ENVELOPE_FIELDS], bad = 0;
	bool no_seq, no_time;
	if (u->end - p < ENVELOPE_FIELDS + 1 || *p++ != BC_PACK_FIXARRAY + ENVELOPE_FIELDS)
		return false;
	for (int i = 0; i < 3; i++)
		p = bc_take_common(p, u->end, &v[i]);
	p = take_or_nil(p, u->end, &v[3], &no_seq);
	p = take_or_nil(p, u->end, &v[4], &no_time);
	for (int i = 5; i < ENVELOPE_FIELDS; i++)
		p = bc_take_common(p, u->end, &v[i]);
	for (int i = 0; i < ENVELOPE_FIELDS; i++)
		bad |= v[i];
	if (bad < 0 || (v[0] | v[7] | v[8]) > BC_ENUM_MAX || v[1] > (int64_t)BC_EPOCH_MAX ||
	    v[10] > UINT32_MAX)
		return false;
	*e = (struct bc_envelope){
		.channel = (enum bc_channel)v[0],
		.epoch = (uint64_t)v[1],
		.seq = (uint64_t)v[2],
		.exchange_seq = no_seq ? BC_SEQ_NONE : (uint64_t)v[3],
		.ts_exchange = { no_time ? BC_TIME_UNKNOWN : v[4] },
		.ts_recv = { v[5] },
		.ts_publish = { v[6] },
		.state = (enum bc_state)v[7],
		.reason = (enum bc_reason)v[8],
		.since = { v[9] },
		.flags = (uint32_t)v[10],
	};
	u->p = p;
	return true;
}

static void decode_envelope(struct bc_unpacker *u, struct bc_envelope *e)
{
	if (decode_usual(u, e))
		return;
	uint32_t n = bc_unpack_array(u, ENVELOPE_FIELDS);
	e->channel = (enum bc_channel)bc_unpack_enum(u);
	e->epoch = bc_unpack_uint(u, BC_EPOCH_MAX);
	e->seq = bc_unpack_uint(u, UINT64_MAX);
	e->exchange_seq = bc_unpack_is_nil(u) ? BC_SEQ_NONE : bc_unpack_uint(u, UINT64_MAX - 1);
	e->ts_exchange =
		bc_unpack_is_nil(u) ? (bc_wall_time){ BC_TIME_UNKNOWN } : bc_unpack_wall(u);
	e->ts_recv = bc_unpack_wall(u);
	e->ts_publish = bc_unpack_wall(u);
	e->state = (enum bc_state)bc_unpack_enum(u);
	e->reason = (enum bc_reason)bc_unpack_enum(u);
	e->since = bc_unpack_wall(u);
	e->flags = (uint32_t)bc_unpack_uint(u, UINT32_MAX);
	if (n > ENVELOPE_FIELDS)
		bc_unpack_skip(u, n - ENVELOPE_FIELDS);
}

/* Reads up to the body; BC_EVERSION before anything of a newer version is looked at. */
static bc_status decode_start(struct bc_unpacker *u, uint32_t *n_outer, struct bc_envelope *e)
{
	*n_outer = bc_unpack_array(u, 1);
	uint64_t version = bc_unpack_uint(u, UINT64_MAX);
	if (u->status == BC_OK && version > BC_WIRE_VERSION)
		return BC_EVERSION;
	if (version != BC_WIRE_VERSION || *n_outer < 3)
		bc_unpack_fail(u, BC_EPARSE);
	decode_envelope(u, e);
	return u->status;
}

bc_status bc_message_decode(bc_str payload, struct bc_message *out, bc_level *levels,
			    size_t max_levels)
{
	struct bc_unpacker u = bc_unpacker_on(payload);
	uint32_t n_outer;
	bc_status rc = decode_start(&u, &n_outer, &out->envelope);
	if (rc != BC_OK)
		return rc;
	const struct bc_body_codec *body = body_of((unsigned)out->envelope.channel);
	if (body == NULL)
		return BC_ENOTFOUND;
	body->decode(&u, out, (struct bc_level_room){ levels, max_levels });
	bc_unpack_skip(&u, n_outer - 3);
	if (u.status == BC_OK && u.p != u.end)
		return BC_EPARSE;
	return u.status;
}
