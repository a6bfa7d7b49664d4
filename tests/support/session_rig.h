/* session_rig.h - a feed session in simulated time: what it asks for is kept, and the world is what
 * the test says. For Criterion tests; each includes a copy. */
#ifndef BC_TESTS_SESSION_RIG_H
#define BC_TESTS_SESSION_RIG_H

#include "publisher/session.h"
#include "tests/support/fake_exchange.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MS        BC_NS_PER_MS
#define S         BC_NS_PER_S
#define MAX_OUT   4096
#define TICK_LATE (60 * S) /* rows that let the clock jump */

struct sent {
	uint32_t connection;
	int64_t at;
	char text[512];
};

struct rig {
	struct session *session;
	struct session_now now;
	bool connecting[8], gone[8], hold_closed; /* what was asked of connections */
	int64_t connected_at[64];
	size_t n_connects, n_disconnects, n_pings;
	struct sent sent[256];
	size_t n_sent;
	char get[512]; /* the last one */
	uint32_t get_number;
	size_t n_gets;
	char asked[SESSION_REST_SLOTS][512]; /* what is in flight, by its number; empty: nothing */
	char seen[MAX_OUT];                  /* states and events: "AAA live none; AAA book; " */
	char logged[MAX_OUT];
	char told[MAX_OUT]; /* trades by their ids, candles by when they opened: "7 8* ", of REST *
			     */
	uint32_t last_flags;
	const char *deaf; /* channels that hold this text are not listened to; "": none is */
	struct {
		uint64_t seq;
		uint32_t n_bids, n_asks, flags;
		char top[64]; /* "99x1 101x2" */
	} book;               /* the last one */
	enum bc_state feed;
	size_t soon;      /* how often somebody was announced */
	uint32_t soon_of; /* who was last */
	/* Where words are not enough; NULL: nobody looks. */
	void (*watch)(struct rig *r, uint32_t symbol, const struct bc_event *event);
};

static inline void note(char *out, const char *text)
{
	size_t n = strlen(out);
	if (n + strlen(text) + 1 < MAX_OUT)
		memcpy(out + n, text, strlen(text) + 1);
}

static inline const char *name_of(struct rig *r, uint32_t symbol)
{
	static char name[64];
	struct session_view view = { 0 };
	session_symbol(r->session, symbol, &view);
	snprintf(name, sizeof name, "%.*s", (int)view.name.n, view.name.p);
	return name;
}

static inline void on_connect(void *self, uint32_t c)
{
	struct rig *r = self;
	r->connecting[c] = true;
	r->connected_at[r->n_connects++ % 64] = r->now.mono.ns;
}

static inline void on_disconnect(void *self, uint32_t c)
{
	struct rig *r = self;
	r->gone[c] = true;
	r->n_disconnects++;
}

static inline bc_status on_send(void *self, uint32_t c, bc_str text)
{
	struct rig *r = self;
	struct sent *sent = &r->sent[r->n_sent++ % 256];
	sent->connection = c;
	sent->at = r->now.mono.ns;
	snprintf(sent->text, sizeof sent->text, "%.*s", (int)text.n, text.p);
	return BC_OK;
}

static inline void on_ping(void *self, uint32_t c)
{
	(void)c;
	((struct rig *)self)->n_pings++;
}

static inline void on_get(void *self, uint32_t number, bc_str path)
{
	struct rig *r = self;
	snprintf(r->get, sizeof r->get, "%.*s", (int)path.n, path.p);
	r->get_number = number;
	r->n_gets++;
	cr_assert_lt(number, SESSION_REST_SLOTS);
	cr_assert_str_empty(r->asked[number], "two requests with one number");
	snprintf(r->asked[number], sizeof r->asked[number], "%s", r->get);
}

static inline bc_status on_added(void *self, uint32_t symbol, bc_str name)
{
	char text[128];
	(void)symbol;
	snprintf(text, sizeof text, "%.*s added; ", (int)name.n, name.p);
	note(((struct rig *)self)->seen, text);
	return BC_OK;
}

static inline void on_removed(void *self, uint32_t symbol)
{
	struct rig *r = self;
	note(r->seen, name_of(r, symbol));
	note(r->seen, " removed; ");
}

static inline void on_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct rig *r = self;
	char text[128];
	snprintf(text, sizeof text, "%s %s %s; ", name_of(r, symbol), bc_state_word(change->state),
		 bc_reason_word(change->reason));
	note(r->seen, text);
}

static inline void on_feed(void *self, const struct session_change *change)
{
	((struct rig *)self)->feed = change->state;
}

static inline void note_book(struct rig *r, const struct bc_event *event)
{
	const struct bc_book *b = &event->body.book;
	char price[BC_DECIMAL_TEXT_MAX], quantity[BC_DECIMAL_TEXT_MAX];
	size_t n = 0;
	r->book.seq = event->exchange_seq;
	r->book.n_bids = b->n_bids;
	r->book.n_asks = b->n_asks;
	r->book.flags = event->flags;
	r->book.top[0] = '\0';
	for (int side = 0; side < 2; side++) {
		if ((side == 0 ? b->n_bids : b->n_asks) == 0)
			continue;
		const bc_level *best = side == 0 ? b->bids : b->asks;
		bc_decimal_format(best->price, price);
		bc_decimal_format(best->quantity, quantity);
		n += (size_t)snprintf(r->book.top + n, sizeof r->book.top - n, "%s%.20sx%.8s",
				      n > 0 ? " " : "", price, quantity);
	}
}

static inline void on_event(void *self, uint32_t symbol, const struct bc_event *event,
			    bc_wall_time received)
{
	struct rig *r = self;
	char text[128];
	(void)received;
	r->last_flags = event->flags;
	if (r->watch != NULL)
		r->watch(r, symbol, event);
	const char *rest = (event->flags & BC_FLAG_REST) != 0 ? "*" : "";
	if (event->channel == BC_CHANNEL_TRADE) {
		bc_str id = event->body.trade.trade_id;
		snprintf(text, sizeof text, "%.*s%s ", (int)id.n, id.p, rest);
		note(r->told, text);
	} else if (event->channel == BC_CHANNEL_CANDLE) {
		snprintf(text, sizeof text, "%lld%s ",
			 (long long)(event->body.candle.ts_open.ns / BC_NS_PER_MS), rest);
		note(r->told, text);
	}
	if (event->channel == BC_CHANNEL_BOOK)
		note_book(r, event);
	snprintf(text, sizeof text, "%s %s; ", name_of(r, symbol), bc_channel_word(event->channel));
	note(r->seen, text);
}

static inline void on_log(void *self, enum bc_log_level level, const char *event,
			  const struct bc_log_field *fields)
{
	struct rig *r = self;
	(void)level;
	note(r->logged, event);
	for (; fields->type != BC_LOG_END; fields++) {
		char text[160] = "";
		if (fields->type == BC_LOG_TEXT)
			snprintf(text, sizeof text, " %s=%s", fields->key, fields->as.text);
		if (fields->type == BC_LOG_BYTES)
			snprintf(text, sizeof text, " %s=%.*s", fields->key,
				 (int)fields->as.bytes.n, fields->as.bytes.p);
		note(r->logged, text);
	}
	note(r->logged, "; ");
}

static inline bool on_listened(void *self, uint32_t symbol, enum bc_channel channel,
			       enum bc_interval interval)
{
	struct rig *r = self;
	(void)symbol;
	(void)interval;
	return r->deaf == NULL || strstr(bc_channel_word(channel), r->deaf) == NULL;
}

static inline void on_soon(void *self, uint32_t symbol)
{
	struct rig *r = self;
	struct session_view view;
	cr_expect(session_symbol(r->session, symbol, &view), "%u is nobody", symbol);
	r->soon++;
	r->soon_of = symbol;
}

/* ------------------------------------------------------------------ what the world does */

static inline struct session_options options_for_tests(void)
{
	return (struct session_options){ .exchange = &fake_exchange,
					 .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) |
						     BC_CHANNEL_BIT(BC_CHANNEL_TRADE) |
						     BC_CHANNEL_BIT(BC_CHANNEL_TICKER),
					 .levels = 30,
					 .silent_after_ns = 5 * S,
					 .quiet_after_ns = 3 * S,
					 .first_data_after_ns = 10 * S,
					 .backoff_max_ns = 30 * S,
					 .source = SESSION_WS, /* polls: fallback_rig.h */
					 .seed = 1 };
}

static inline struct rig *rig_with(struct session_options options)
{
	static struct rig rigs[4];
	static size_t next;
	struct rig *r = &rigs[next++ % 4];
	char why[256] = "";
	session_free(&r->session);
	*r = (struct rig){ .now = { { 1000 * S }, { 1000 * S }, { 1700000000 * S } } };
	struct session_actions actions = { r,        on_connect, on_disconnect, on_send,  on_ping,
					   on_get,   on_added,   on_removed,    on_state, on_feed,
					   on_event, on_log,     on_listened,   on_soon };
	cr_assert_eq(session_new(&r->session, &options, &actions, why, sizeof why), BC_OK, "%s",
		     why);
	return r;
}

static inline void add(struct rig *r, const char *symbols)
{
	char copy[512], why[128], *rest = copy;
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		cr_assert_eq(session_add(r->session, r->now, one, why, sizeof why), BC_OK, "%s",
			     why);
}

static inline void at(struct rig *r, int64_t mono_ns)
{
	int64_t passed = mono_ns - r->now.mono.ns;
	r->now.mono.ns += passed;
	r->now.boot.ns += passed;
	r->now.wall.ns += passed;
}

/* Time passes as a good driver lets it: never past a deadline without a tick. */
static inline void pass(struct rig *r, int64_t ns)
{
	int64_t end = r->now.mono.ns + ns;
	for (;;) {
		int64_t next = session_next_deadline(r->session).ns;
		cr_assert_geq(next, r->now.mono.ns - TICK_LATE, "a deadline is a time");
		if (next > end)
			break;
		at(r, next > r->now.mono.ns ? next : r->now.mono.ns + 1);
		session_tick(r->session, r->now);
	}
	at(r, end);
	session_tick(r->session, r->now);
}

static inline void opened_on(struct rig *r, uint32_t c)
{
	cr_assert(r->connecting[c], "the session wanted to connect %u", c);
	r->connecting[c] = false;
	session_opened(r->session, r->now, c);
}

static inline void opened(struct rig *r)
{
	opened_on(r, 0);
}

static inline void closed_as(struct rig *r, uint32_t c, struct session_closed how)
{
	r->gone[c] = r->connecting[c] = false;
	how.why = "lost";
	how.detail = "";
	session_closed(r->session, r->now, c, &how);
}

static inline void closed(struct rig *r, int http, int64_t retry_after)
{
	closed_as(r, 0,
		  (struct session_closed){ .http_status = http, .retry_after_ns = retry_after });
}

static inline void says_on(struct rig *r, uint32_t c, const char *text)
{
	session_message(r->session, r->now, c, bc_str_of(text), false, r->now.wall);
}

static inline void says(struct rig *r, const char *text)
{
	says_on(r, 0, text);
}

static inline void answers(struct rig *r, const char *text)
{
	r->asked[r->get_number][0] = '\0';
	session_rest_answer(r->session, r->now, r->get_number,
			    &(struct session_rest){ .body = bc_str_of(text), .used_weight = -1 });
}

static inline void answers_not(struct rig *r, int http_status, int64_t retry_after_ns)
{
	r->asked[r->get_number][0] = '\0';
	session_rest_failed(r->session, r->now, r->get_number,
			    &(struct session_rest){ .http_status = http_status,
						    .retry_after_ns = retry_after_ns,
						    .used_weight = -1,
						    .detail = "" });
}

/* Turns to a request in flight whose path holds `part`; false: there is none. */
static inline bool asked(struct rig *r, const char *part)
{
	for (uint32_t i = 0; i < SESSION_REST_SLOTS; i++) {
		if (strstr(r->asked[i], part) == NULL)
			continue;
		r->get_number = i;
		return true;
	}
	return false;
}

static inline void forget(struct rig *r)
{
	r->seen[0] = r->logged[0] = r->told[0] = '\0';
}

/* Connected, subscribed, every symbol live. */
static inline struct rig *live_rig(const char *symbols)
{
	struct rig *r = rig_with(options_for_tests());
	char text[64], copy[256], *rest = copy;
	add(r, symbols);
	session_start(r->session, r->now);
	opened(r);
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;) {
		snprintf(text, sizeof text, "book %s 1 2", one);
		says(r, text);
	}
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), session_symbols(r->session));
	forget(r);
	return r;
}

static inline struct session_view view_of(struct rig *r, const char *name)
{
	struct session_view view = { 0 };
	for (uint32_t i = 0; i < session_symbol_limit(r->session); i++) {
		if (session_symbol(r->session, i, &view) && bc_str_is(view.name, name))
			return view;
	}
	cr_assert_fail("no symbol %s", name);
	return view;
}

#define expect_state(r, name, want_state, want_reason)                                \
	do {                                                                          \
		struct session_view v_ = view_of((r), (name));                        \
		cr_expect_eq(v_.state, (want_state), "%s is %s, not %s", (name),      \
			     bc_state_word(v_.state), bc_state_word(want_state));     \
		cr_expect_eq(v_.reason, (want_reason), "%s: %s, not %s", (name),      \
			     bc_reason_word(v_.reason), bc_reason_word(want_reason)); \
	} while (0)

static inline void done(struct rig *r)
{
	session_free(&r->session);
}

#endif
