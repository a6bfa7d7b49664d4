/* outlet_rig.h - the topics of a gateway on a sender that keeps what it is given, decoded. For
 * Criterion tests; each includes a copy. */
#ifndef BC_TESTS_OUTLET_RIG_H
#define BC_TESTS_OUTLET_RIG_H

#include "proto/codec.h"
#include "publisher/outlet.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS         BC_NS_PER_MS
#define MAX_SENT   8192
#define MAX_TOPICS 2048
#define ALL_FOUR                                                            \
	(BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) | \
	 BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER))

struct sent {
	char topic[64];
	struct bc_message m; /* strings in bytes, levels in levels */
	bc_level levels[64];
	uint8_t bytes[4096];
	size_t n;
};

struct told { /* through said() */
	char topic[64], trade_id[16];
	uint64_t seq;
	uint32_t flags;
	int64_t ts_open, now;
	size_t n_payload;
	bool as_sent; /* the bytes that were sent last */
};

struct rig {
	struct outlet *outlet;
	char topics[MAX_TOPICS][64];
	bool open[MAX_TOPICS];
	const char *deaf; /* topics that hold this text are not wanted; "": nobody listens at all */
	struct sent *sent;
	size_t n_sent, n_told;
	struct told told[64]; /* the newest ones, in turn */
	char next[256];       /* "x.A.book x.A.bbo ", announced since forget() */
	bc_mono_time now;
};

/* ------------------------------------------------------------------ the sender */

static inline bc_status on_open(void *self, bc_str topic, uint32_t *out)
{
	struct rig *r = self;
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		if (r->open[i])
			continue;
		r->open[i] = true;
		snprintf(r->topics[i], sizeof r->topics[i], "%.*s", (int)topic.n, topic.p);
		*out = i;
		return BC_OK;
	}
	return BC_ENOMEM;
}

static inline void on_close(void *self, uint32_t topic)
{
	struct rig *r = self;
	cr_assert(r->open[topic]);
	r->open[topic] = false;
}

static inline bool on_wanted(void *self, uint32_t topic)
{
	struct rig *r = self;
	return r->deaf == NULL || strstr(r->topics[topic], r->deaf) == NULL;
}

static inline bc_status on_send(void *self, uint32_t topic, bc_str payload)
{
	struct rig *r = self;
	cr_assert_lt(r->n_sent, MAX_SENT);
	struct sent *s = &r->sent[r->n_sent++];
	memcpy(s->topic, r->topics[topic], sizeof s->topic);
	cr_assert_leq(payload.n, sizeof s->bytes);
	memcpy(s->bytes, payload.p, payload.n);
	s->n = payload.n;
	bc_status rc =
		bc_message_decode((bc_str){ (const char *)s->bytes, s->n }, &s->m, s->levels, 64);
	cr_assert_eq(rc, BC_OK, "%s: %s", s->topic, bc_status_text(rc));
	return BC_OK;
}

static inline void on_said(void *self, bc_mono_time now, uint32_t topic,
			   const struct outlet_said *said)
{
	struct rig *r = self;
	struct told *t = &r->told[r->n_told++ % 64];
	const struct sent *sent = r->n_sent == 0 ? NULL : &r->sent[r->n_sent - 1];
	*t = (struct told){ .seq = said->envelope->seq,
			    .flags = said->envelope->flags,
			    .ts_open = said->ts_open.ns,
			    .now = now.ns,
			    .n_payload = said->payload.n,
			    .as_sent = sent != NULL && sent->n == said->payload.n &&
				       memcmp(sent->bytes, said->payload.p, sent->n) == 0 };
	memcpy(t->topic, r->topics[topic], sizeof t->topic);
	snprintf(t->trade_id, sizeof t->trade_id, "%.*s", (int)said->trade_id.n, said->trade_id.p);
}

static inline void on_next(void *self, uint32_t topic)
{
	struct rig *r = self;
	cr_assert(r->open[topic]);
	const size_t n = strlen(r->next);
	snprintf(r->next + n, sizeof r->next - n, "%s ", r->topics[topic]);
}

static inline bc_wall_time on_now(void *self)
{
	struct rig *r = self;
	return (bc_wall_time){ 1700000000 * BC_NS_PER_S + r->now.ns };
}

/* ------------------------------------------------------------------ the world */

static inline struct outlet_options options(void)
{
	return (struct outlet_options){
		.exchange = "x", .instance = "0", .epoch = 77, .channels = ALL_FOUR, .levels = 3
	};
}

static inline struct rig *rig_with(struct outlet_options o, int n_symbols)
{
	static struct rig rig;
	struct rig *r = &rig;
	char name[16];
	free(r->sent);
	*r = (struct rig){ .sent = calloc(MAX_SENT, sizeof *r->sent), .now = { 5 * BC_NS_PER_S } };
	struct outlet_sender sender = { r,      on_open, on_close, on_wanted, on_send,
					on_now, on_said, NULL,     on_next };
	cr_assert_eq(outlet_new(&r->outlet, &o, &sender), BC_OK);
	for (int i = 0; i < n_symbols; i++) {
		snprintf(name, sizeof name, i == 0 ? "A" : "S%d", i);
		cr_assert_eq(outlet_symbol_add(r->outlet, r->now, (uint32_t)i, bc_str_of(name)),
			     BC_OK);
	}
	outlet_turn(r->outlet, r->now);
	r->n_sent = 0;
	return r;
}

static inline void done(struct rig *r)
{
	outlet_free(&r->outlet);
	for (int i = 0; i < MAX_TOPICS; i++)
		cr_expect_not(r->open[i], "%s was left open", r->topics[i]);
	free(r->sent);
	r->sent = NULL;
}

static inline void becomes(struct rig *r, uint32_t symbol, enum bc_state state,
			   enum bc_reason reason, enum session_scope scope)
{
	struct session_change change = {
		.state = state, .reason = reason, .since = on_now(r), .scope = scope
	};
	outlet_symbol_state(r->outlet, r->now, symbol, &change);
}

static inline void live(struct rig *r)
{
	becomes(r, 0, BC_STATE_LIVE, BC_REASON_NONE, SESSION_ALL_CHANNELS);
}

static inline struct bc_event event(enum bc_channel channel)
{
	return (struct bc_event){ .channel = channel,
				  .exchange_seq = BC_SEQ_NONE,
				  .ts_exchange = { 4242 } };
}

static inline void book_of(struct rig *r, uint32_t symbol, int64_t bid, int64_t ask, uint32_t depth)
{
	bc_level bids[8], asks[8];
	for (uint32_t i = 0; i < depth; i++) {
		bids[i] = (bc_level){ { bid - i, 0 }, { 1 + i, 0 } };
		asks[i] = (bc_level){ { ask + i, 0 }, { 1 + i, 0 } };
	}
	struct bc_event e = event(BC_CHANNEL_BOOK);
	e.body.book = (struct bc_book){ bids, asks, depth, depth };
	outlet_event(r->outlet, r->now, symbol, &e, on_now(r));
}

static inline void book(struct rig *r, int64_t bid)
{
	book_of(r, 0, bid, bid + 1, 2);
}

static inline void ticker(struct rig *r, int64_t last)
{
	struct bc_event e = event(BC_CHANNEL_TICKER);
	bc_decimal none = BC_DECIMAL_NONE;
	e.body.ticker = (struct bc_ticker){ { last, 0 }, none, none, none, none, none, none };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

static inline void trade(struct rig *r, const char *id)
{
	struct bc_event e = event(BC_CHANNEL_TRADE);
	e.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

static inline void candle(struct rig *r, int64_t ts_open, int64_t close, enum bc_closed closed)
{
	struct bc_event e = event(BC_CHANNEL_CANDLE);
	bc_decimal one = { 1, 0 };
	e.body.candle = (struct bc_candle){ BC_INTERVAL_1M, { ts_open }, one, one,   one,
					    { close, 0 },   one,         one, closed };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

static inline void pass(struct rig *r, int64_t ns)
{
	r->now.ns += ns;
	while (outlet_turn(r->outlet, r->now))
		;
}

static inline uint32_t topic_number(struct rig *r, const char *topic)
{
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		if (r->open[i] && strcmp(r->topics[i], topic) == 0)
			return i;
	}
	cr_assert_fail("no topic %s", topic);
	return 0;
}

static inline void subscribes(struct rig *r, const char *topic)
{
	outlet_subscribed(r->outlet, r->now, topic_number(r, topic));
}

static inline void forget(struct rig *r)
{
	r->n_sent = 0;
	r->next[0] = '\0';
}

/* One symbol, live; its values are conflated for 100 ms. */
static inline struct rig *slow_rig(void)
{
	struct outlet_options o = options();
	o.interval_ns = 100 * MS;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	o.intervals = 1u << BC_INTERVAL_1M;
	struct rig *r = rig_with(o, 1);
	live(r);
	forget(r);
	return r;
}

/* "x.A.book 3 live state; x.A.bbo 2 live state; " of what was sent */
static inline const char *said(struct rig *r)
{
	static char text[2048];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < r->n_sent; i++) {
		const struct bc_envelope *e = &r->sent[i].m.envelope;
		n += (size_t)snprintf(text + n, sizeof text - n, "%s %llu %s%s%s; ",
				      r->sent[i].topic, (unsigned long long)e->seq,
				      bc_state_word(e->state),
				      e->flags & BC_FLAG_STATE ? " state" : "",
				      e->flags & BC_FLAG_WELCOME ? " welcome" : "");
		cr_assert_lt(n, sizeof text);
	}
	return text;
}

static inline struct sent *last(struct rig *r, const char *topic)
{
	for (size_t i = r->n_sent; i-- > 0;) {
		if (strcmp(r->sent[i].topic, topic) == 0)
			return &r->sent[i];
	}
	cr_assert_fail("nothing was sent on %s", topic);
	return NULL;
}

#endif
