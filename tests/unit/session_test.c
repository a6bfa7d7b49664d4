/* The feed session in simulated time on an exchange made for tests (tests/support/fake_exchange.h):
 * every scenario is what the world does, and what must come out. */
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
	char get[512];
	uint32_t get_number;
	size_t n_gets;
	char seen[MAX_OUT]; /* states and events: "AAA live none; AAA book; " */
	char logged[MAX_OUT];
	uint32_t last_flags;
	enum bc_state feed;
};

static void note(char *out, const char *text)
{
	size_t n = strlen(out);
	if (n + strlen(text) + 1 < MAX_OUT)
		memcpy(out + n, text, strlen(text) + 1);
}

static const char *name_of(struct rig *r, uint32_t symbol)
{
	static char name[64];
	struct session_view view = { 0 };
	session_symbol(r->session, symbol, &view);
	snprintf(name, sizeof name, "%.*s", (int)view.name.n, view.name.p);
	return name;
}

static void on_connect(void *self, uint32_t c)
{
	struct rig *r = self;
	r->connecting[c] = true;
	r->connected_at[r->n_connects++ % 64] = r->now.mono.ns;
}

static void on_disconnect(void *self, uint32_t c)
{
	struct rig *r = self;
	r->gone[c] = true;
	r->n_disconnects++;
}

static bc_status on_send(void *self, uint32_t c, bc_str text)
{
	struct rig *r = self;
	(void)c;
	struct sent *sent = &r->sent[r->n_sent++ % 256];
	sent->at = r->now.mono.ns;
	snprintf(sent->text, sizeof sent->text, "%.*s", (int)text.n, text.p);
	return BC_OK;
}

static void on_ping(void *self, uint32_t c)
{
	(void)c;
	((struct rig *)self)->n_pings++;
}

static void on_get(void *self, uint32_t number, bc_str path)
{
	struct rig *r = self;
	snprintf(r->get, sizeof r->get, "%.*s", (int)path.n, path.p);
	r->get_number = number;
	r->n_gets++;
}

static bc_status on_added(void *self, uint32_t symbol, bc_str name)
{
	char text[128];
	(void)symbol;
	snprintf(text, sizeof text, "%.*s added; ", (int)name.n, name.p);
	note(((struct rig *)self)->seen, text);
	return BC_OK;
}

static void on_removed(void *self, uint32_t symbol)
{
	struct rig *r = self;
	note(r->seen, name_of(r, symbol));
	note(r->seen, " removed; ");
}

static void on_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct rig *r = self;
	char text[128];
	snprintf(text, sizeof text, "%s %s %s; ", name_of(r, symbol), bc_state_word(change->state),
		 bc_reason_word(change->reason));
	note(r->seen, text);
}

static void on_feed(void *self, const struct session_change *change)
{
	((struct rig *)self)->feed = change->state;
}

static void on_event(void *self, uint32_t symbol, const struct bc_event *event,
		     bc_wall_time received)
{
	struct rig *r = self;
	char text[128];
	(void)received;
	r->last_flags = event->flags;
	snprintf(text, sizeof text, "%s %s; ", name_of(r, symbol), bc_channel_word(event->channel));
	note(r->seen, text);
}

static void on_log(void *self, enum bc_log_level level, const char *event,
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

/* ------------------------------------------------------------------ what the world does */

static struct session_options options_for_tests(void)
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
					 .seed = 1 };
}

static struct rig *rig_with(struct session_options options)
{
	static struct rig rigs[4];
	static size_t next;
	struct rig *r = &rigs[next++ % 4];
	char why[256] = "";
	session_free(&r->session);
	*r = (struct rig){ .now = { { 1000 * S }, { 1000 * S }, { 1700000000 * S } } };
	struct session_actions actions = { r,        on_connect, on_disconnect, on_send,
					   on_ping,  on_get,     on_added,      on_removed,
					   on_state, on_feed,    on_event,      on_log };
	cr_assert_eq(session_new(&r->session, &options, &actions, why, sizeof why), BC_OK, "%s",
		     why);
	return r;
}

static void add(struct rig *r, const char *symbols)
{
	char copy[512], why[128], *rest = copy;
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		cr_assert_eq(session_add(r->session, r->now, one, why, sizeof why), BC_OK, "%s",
			     why);
}

static void at(struct rig *r, int64_t mono_ns)
{
	int64_t passed = mono_ns - r->now.mono.ns;
	r->now.mono.ns += passed;
	r->now.boot.ns += passed;
	r->now.wall.ns += passed;
}

/* Time passes as a good driver lets it: never past a deadline without a tick. */
static void pass(struct rig *r, int64_t ns)
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

static void opened(struct rig *r)
{
	cr_assert(r->connecting[0], "the session wanted to connect");
	r->connecting[0] = false;
	session_opened(r->session, r->now, 0);
}

static void closed(struct rig *r, int http, int64_t retry_after)
{
	r->gone[0] = r->connecting[0] = false;
	session_closed(r->session, r->now, 0,
		       &(struct session_closed){ .why = "lost",
						 .detail = "",
						 .http_status = http,
						 .retry_after_ns = retry_after });
}

static void says(struct rig *r, const char *text)
{
	session_message(r->session, r->now, 0, bc_str_of(text), false, r->now.wall);
}

static void answers(struct rig *r, const char *text)
{
	session_rest_answer(r->session, r->now, r->get_number, bc_str_of(text));
}

static void forget(struct rig *r)
{
	r->seen[0] = r->logged[0] = '\0';
}

/* Connected, subscribed, every symbol live. */
static struct rig *live_rig(const char *symbols)
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

static struct session_view view_of(struct rig *r, const char *name)
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

static void done(struct rig *r)
{
	session_free(&r->session);
}

/* ------------------------------------------------------------------ the normal way */

Test(session, first_light)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "AAA BBB");
	session_start(r->session, r->now);
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	opened(r);
	cr_expect_str_eq(r->sent[0].text, "sub AAA BBB CANARY");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_SYNCING);
	says(r, "ticker AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_LIVE, "any data proves the connection");
	forget(r);
	says(r, "book AAA 1 2");
	cr_expect_str_eq(r->seen, "AAA live none; AAA book; ", "the state comes before its book");
	expect_state(r, "BBB", BC_STATE_SYNCING, BC_REASON_NONE);
	done(r);
}

Test(session, bbo_of_an_exchange_without_one_is_proven_by_its_book)
{
	struct session_options o = options_for_tests();
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, canary_is_subscribed_once_and_not_published)
{
	struct rig *r = live_rig("AAA CANARY");
	cr_expect_str_eq(r->sent[0].text, "sub AAA CANARY");
	struct rig *q = live_rig("AAA");
	says(q, "book CANARY 1 2");
	cr_expect_str_eq(q->seen, "");
	cr_expect_eq(session_counters(q->session)->ignored, 1);
	done(r);
	done(q);
}

Test(session, add_and_remove_resend_everything)
{
	struct rig *r = live_rig("AAA BBB");
	char why[64];
	add(r, "CCC");
	pass(r, 0);
	cr_expect_str_eq(r->sent[1].text, "sub AAA BBB CCC CANARY");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	expect_state(r, "CCC", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(session_remove(r->session, r->now, "BBB", why, sizeof why), BC_OK);
	cr_expect_eq(session_remove(r->session, r->now, "BBB", why, sizeof why), BC_ENOTFOUND);
	pass(r, 0);
	cr_expect_str_eq(r->sent[2].text, "sub AAA CCC CANARY");
	says(r, "book BBB 1 2");
	cr_expect(strstr(r->seen, "BBB book") == NULL, "%s", r->seen);
	add(r, "DDD");
	cr_expect_eq(session_symbol_limit(r->session), 3, "a free number is used again");
	done(r);
}

Test(session, sends_stay_within_the_budget)
{
	struct rig *r = live_rig("AAA");
	char name[32];
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "S%d", i);
		add(r, name);
		says(r, "book AAA 1 2");
		pass(r, 50 * MS);
	}
	pass(r, S);
	cr_expect_gt(r->n_sent, 10);
	for (size_t i = 4; i < r->n_sent; i++)
		cr_expect_geq(r->sent[i].at - r->sent[i - 4].at, S, "5 sends in less than 1 s");
	cr_expect(strstr(r->sent[r->n_sent - 1].text, "S99") != NULL, "the last one names all");
	done(r);
}

Test(session, snapshot_trade_that_was_seen_is_dropped)
{
	struct rig *r = live_rig("AAA");
	says(r, "trade AAA 7");
	says(r, "again AAA 7");
	says(r, "again AAA 8");
	says(r, "trade AAA 8");
	cr_expect_str_eq(r->seen, "AAA trade; AAA trade; AAA trade; ",
			 "only a repeated snapshot is a duplicate");
	cr_expect_eq(session_counters(r->session)->duplicates, 1);
	done(r);
}

/* ------------------------------------------------------------------ liveness */

Test(session, silence_makes_stale_and_reconnects)
{
	struct rig *r = live_rig("AAA BBB");
	for (int i = 0; i < 40; i++) {
		session_pong(r->session, r->now, 0);
		pass(r, 120 * MS);
	}
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	cr_expect_eq(r->n_disconnects, 0);
	session_pong(r->session, r->now, 0);
	pass(r, 300 * MS);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_NO_DATA);
	cr_expect_eq(r->n_disconnects, 1, "pongs prove the socket, not the feed");
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	closed(r, 0, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	pass(r, S);
	opened(r);
	cr_expect_eq(r->n_sent, 2, "subscribed again");
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, other_symbols_and_the_canary_prove_the_connection)
{
	struct rig *r = live_rig("AAA BBB");
	for (int i = 0; i < 20; i++) {
		pass(r, S);
		says(r, i % 2 ? "trade CANARY 1" : "ticker BBB");
	}
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_disconnects, 0);
	forget(r);
	says(r, "trade AAA 1");
	cr_expect_str_eq(r->seen, "AAA live none; AAA trade; ");
	done(r);
}

Test(session, silently_ignored_symbol_is_found_and_named)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "AAA NOSUCH");
	session_start(r->session, r->now);
	opened(r);
	for (int i = 0; i < 11; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	expect_state(r, "NOSUCH", BC_STATE_STALE, BC_REASON_NO_DATA);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect(strstr(r->logged, "symbol.no-data symbol=NOSUCH") != NULL, "%s", r->logged);
	says(r, "book NOSUCH 1 2");
	expect_state(r, "NOSUCH", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, pings_at_their_interval)
{
	struct rig *r = live_rig("AAA");
	for (int i = 0; i < 61; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect_eq(r->n_pings, 3);
	done(r);
}

/* ------------------------------------------------------------------ connections lost */

Test(session, lost_connection_makes_stale_until_the_next_book)
{
	struct rig *r = live_rig("AAA");
	int64_t since = 0;
	pass(r, S);
	closed(r, 0, 0);
	cr_expect_str_eq(r->seen, "AAA stale disconnected; ");
	cr_expect_eq(r->feed, BC_STATE_STALE);
	since = view_of(r, "AAA").since.ns;
	pass(r, S);
	opened(r);
	says(r, "ticker AAA");
	says(r, "trade AAA 1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect_eq(view_of(r, "AAA").since.ns, since, "stale since it was lost");
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_LIVE);
	done(r);
}

/* The wait after the n-th failure, of many runs: within its bounds, and spread over them. */
Test(session, back_off_doubles_to_its_cap_with_full_jitter)
{
	enum { RUNS = 200, FAILURES = 10 };
	static int64_t wait[FAILURES][RUNS];
	for (int run = 0; run < RUNS; run++) {
		struct session_options o = options_for_tests();
		o.seed = (uint64_t)run * 7919 + 1;
		struct rig *r = rig_with(o);
		add(r, "AAA");
		session_start(r->session, r->now);
		for (int i = 0; i < FAILURES; i++) {
			size_t n = r->n_connects;
			int64_t from = r->now.mono.ns;
			closed(r, 0, 0);
			pass(r, 31 * S);
			cr_assert_eq(r->n_connects, n + 1, "one attempt a failure");
			wait[i][run] = r->connected_at[n % 64] - from;
		}
		done(r);
	}
	for (int i = 0; i < FAILURES; i++) {
		int64_t cap = i >= 7 ? 30 * S : 250 * MS << i, low = INT64_MAX, high = 0;
		for (int run = 0; run < RUNS; run++) {
			low = wait[i][run] < low ? wait[i][run] : low;
			high = wait[i][run] > high ? wait[i][run] : high;
		}
		cr_expect_leq(high, cap + 1, "failure %d waited %ld ms", i, (long)(high / MS));
		cr_expect_gt(high, cap * 8 / 10, "failure %d: jitter reaches the cap", i);
		cr_expect_lt(low, cap * 2 / 10, "failure %d: jitter begins at nothing", i);
	}
}

Test(session, only_data_resets_the_back_off)
{
	int64_t longest_unproven = 0, longest_proven = 0;
	for (int run = 0; run < 100; run++) {
		for (int proven = 0; proven < 2; proven++) {
			struct session_options o = options_for_tests();
			o.seed = (uint64_t)run * 104729 + 5;
			struct rig *r = rig_with(o);
			add(r, "AAA");
			session_start(r->session, r->now);
			for (int i = 0; i < 5; i++) {
				closed(r, 0, 0);
				pass(r, 9 * S);
			}
			opened(r);
			if (proven)
				says(r, "ticker CANARY");
			size_t n = r->n_connects;
			int64_t from = r->now.mono.ns;
			closed(r, 0, 0);
			pass(r, 9 * S);
			int64_t wait = r->connected_at[n % 64] - from;
			int64_t *longest = proven ? &longest_proven : &longest_unproven;
			*longest = wait > *longest ? wait : *longest;
			done(r);
		}
	}
	cr_expect_leq(longest_proven, 250 * MS + 1);
	cr_expect_gt(longest_unproven, 4 * S, "an opened socket proves nothing");
}

Test(session, told_to_stay_away)
{
	static const struct {
		int http;
		int64_t retry_after, at_least;
		const char *why;
	} rows[] = {
		{ 429, 7 * S, 7 * S, "Retry-After is obeyed" },
		{ 418, 120 * S, 120 * S, "also beyond our own cap" },
		{ 429, 0, S, "429 alone: not within this second" },
		{ 418, 0, 30 * S, "418 alone is a ban: the longest wait" },
		{ 503, 3 * S, 3 * S, "with any status" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_rig("AAA");
		closed(r, rows[i].http, rows[i].retry_after);
		pass(r, rows[i].at_least - 1);
		cr_expect_eq(r->n_connects, 1, "%s", rows[i].why);
		pass(r, 31 * S);
		cr_expect_eq(r->n_connects, 2, "%s: but then we come back", rows[i].why);
		done(r);
	}
}

Test(session, handshake_that_never_answers_is_given_up)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "AAA");
	session_start(r->session, r->now);
	pass(r, 19 * S);
	cr_expect_eq(r->n_disconnects, 0);
	pass(r, 2 * S);
	cr_expect_eq(r->n_disconnects, 1);
	done(r);
}

/* ------------------------------------------------------------------ doubt */

Test(session, doubt_hurts_one_symbol_and_heals)
{
	static const struct {
		const char *message;
		enum bc_reason reason;
		const char *why;
	} rows[] = {
		{ "range AAA", BC_REASON_RANGE, "a value that does not fit" },
		{ "refuse AAA", BC_REASON_GAP, "a message that was not understood was missed" },
		{ "book AAA 3 2", BC_REASON_CROSSED, "bid above ask" },
		{ "resync AAA", BC_REASON_CHECKSUM, "the adapter says so" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_rig("AAA BBB");
		pass(r, S);
		says(r, rows[i].message);
		expect_state(r, "AAA", BC_STATE_STALE, rows[i].reason);
		expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
		pass(r, 0);
		cr_expect_eq(r->n_sent, 2, "%s: it is asked for again", rows[i].why);
		cr_expect_eq(r->n_disconnects, 0);
		says(r, "ticker AAA");
		expect_state(r, "AAA", BC_STATE_STALE, rows[i].reason);
		says(r, "book AAA 1 2");
		expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
		done(r);
	}
}

Test(session, crossed_for_long_is_never_live_and_not_asked_for_all_day)
{
	struct rig *r = live_rig("AAA");
	for (int i = 0; i < 600; i++) {
		says(r, "book AAA 3 2");
		cr_assert_eq(view_of(r, "AAA").state, BC_STATE_STALE);
		pass(r, 100 * MS);
	}
	cr_expect_leq(r->n_sent, 14, "%zu subscriptions in a minute", r->n_sent);
	cr_expect_gt(r->n_sent, 10);
	done(r);
}

Test(session, locked_book_is_live_with_a_flag)
{
	struct rig *r = live_rig("AAA");
	says(r, "book AAA 2 2.0");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->last_flags, BC_FLAG_LOCKED);
	done(r);
}

Test(session, nonsense_costs_a_message_until_there_is_nothing_else)
{
	struct rig *r = live_rig("AAA");
	for (int i = 0; i < 9; i++)
		says(r, "\x01\x02");
	says(r, "book AAA 1 2");
	for (int i = 0; i < 9; i++)
		says(r, "{}");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_disconnects, 0);
	says(r, "{}");
	cr_expect_eq(r->n_disconnects, 1);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	done(r);
}

Test(session, exchange_clock_sets_a_flag_and_nothing_else)
{
	struct rig *r = live_rig("AAA");
	says(r, "future AAA");
	cr_expect_eq(r->last_flags, BC_FLAG_CLOCK);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, our_own_clock_makes_everything_stale)
{
	static const struct {
		int64_t turn, slept;
		bool stale;
		const char *why;
	} rows[] = {
		{ 2 * S + 1, 0, true, "a turn of more than two seconds" },
		{ 1900 * MS, 0, false, "a long turn" },
		{ 10 * MS, 60 * S, true, "the machine slept" },
		{ 10 * MS, 900 * MS, false, "clocks drift" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_rig("AAA");
		at(r, r->now.mono.ns + rows[i].turn);
		r->now.boot.ns += rows[i].slept;
		says(r, "book AAA 1 2"); /* what the socket still held */
		bool stale = view_of(r, "AAA").state == BC_STATE_STALE;
		cr_expect_eq(stale, rows[i].stale, "%s", rows[i].why);
		cr_expect_eq(r->gone[0], rows[i].stale, "%s", rows[i].why);
		if (stale)
			cr_expect_eq(view_of(r, "AAA").reason, BC_REASON_CLOCK);
		done(r);
	}
}

Test(session, wall_clock_decides_nothing)
{
	struct rig *r = live_rig("AAA");
	r->now.wall.ns -= 7200 * S;
	says(r, "trade AAA 1");
	pass(r, S);
	r->now.wall.ns += 86400 * S;
	says(r, "trade AAA 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_disconnects, 0);
	done(r);
}

/* ------------------------------------------------------------------ what is listed */

Test(session, glob_follows_what_is_listed)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "A* DDD/FAKE");
	session_start(r->session, r->now);
	cr_expect_eq(session_symbols(r->session), 0);
	cr_expect_str_eq(r->get, "/list");
	answers(r, "list AAA ABB BBB DDD");
	cr_expect_eq(session_symbols(r->session), 3);
	pass(r, 0);
	opened(r);
	cr_expect_str_eq(r->sent[0].text, "sub AAA ABB DDD CANARY");
	done(r);
}

Test(session, what_was_removed_does_not_come_back_with_the_listing)
{
	struct rig *r = rig_with(options_for_tests());
	char why[64];
	add(r, "A*");
	session_start(r->session, r->now);
	answers(r, "list AAA ABB");
	cr_expect_eq(session_remove(r->session, r->now, "ABB", why, sizeof why), BC_OK);
	pass(r, 0);
	answers(r, "ticks AAA"); /* the tick sizes of AAA */
	for (int i = 0; i < 70 && strcmp(r->get, "/list") != 0; i++)
		pass(r, 10 * S);
	cr_assert_str_eq(r->get, "/list", "the listing is read again");
	answers(r, "list AAA ABB ACC");
	cr_expect_eq(session_symbols(r->session), 2, "ACC is new, ABB was removed: %s", r->seen);
	done(r);
}

Test(session, unlisted_symbols_are_halted_with_a_hint)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "AAAA BBBB CCCC");
	session_start(r->session, r->now);
	opened(r);
	says(r, "book CCCC 1 2");
	answers(r, "list AAAB BBBB:delisted");
	expect_state(r, "AAAA", BC_STATE_HALTED, BC_REASON_UNKNOWN_SYMBOL);
	expect_state(r, "BBBB", BC_STATE_HALTED, BC_REASON_DELISTED);
	expect_state(r, "CCCC", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect(strstr(r->logged, "symbol=AAAA exchange=fake did_you_mean=AAAB") != NULL, "%s",
		  r->logged);
	pass(r, 4 * S);
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	says(r, "book BBBB 1 2");
	expect_state(r, "BBBB", BC_STATE_HALTED, BC_REASON_DELISTED);
	done(r);
}

Test(session, suspended_symbol_resumes)
{
	struct rig *r = live_rig("AAA");
	answers(r, "list AAA:suspended");
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_SUSPENDED);
	says(r, "list AAA"); /* the stream says it trades again */
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, rest_is_repeated_and_the_feed_does_not_wait)
{
	struct rig *r = live_rig("AAA BBB CCC");
	session_rest_failed(r->session, r->now, r->get_number, 500, 0, "");
	session_tick(r->session, r->now);
	cr_expect_eq(r->n_gets, 1, "not at once");
	for (int i = 0; i < 3; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect_eq(r->n_gets, 2);
	session_rest_failed(r->session, r->now, r->get_number, 429, 20 * S, "");
	for (int i = 0; i < 19; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect_eq(r->n_gets, 2, "Retry-After is obeyed");
	says(r, "book AAA 1 2");
	pass(r, 2 * S);
	cr_expect_eq(r->n_gets, 3);
	answers(r, "list AAA BBB CCC");
	pass(r, 0);
	cr_expect_str_eq(r->get, "/ticks AAA BBB", "two a request, of what is listed");
	answers(r, "ticks AAA BBB");
	pass(r, 0);
	cr_expect_str_eq(r->get, "/ticks CCC");
	done(r);
}

Test(session, a_list_that_is_not_one_halts_nobody)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "AAA");
	session_start(r->session, r->now);
	answers(r, "list");
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	pass(r, 2 * S);
	answers(r, "<html>");
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	cr_expect_eq(session_counters(r->session)->rest_failures, 2);
	done(r);
}

/* ------------------------------------------------------------------ commands */

Test(session, commands_say_what_is_wrong)
{
	struct rig *r = live_rig("AAA");
	char why[128] = "";
	cr_expect_eq(session_add(r->session, r->now, "aaa", why, sizeof why), BC_EINVAL);
	cr_expect_str_eq(why, "upper case");
	cr_expect_eq(session_add(r->session, r->now, "@0", why, sizeof why), BC_EINVAL);
	cr_expect_eq(session_resync(r->session, r->now, "ZZZ", why, sizeof why), BC_ENOTFOUND);
	cr_expect_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	pass(r, 0);
	cr_expect_eq(r->n_sent, 2);
	says(r, "book AAA 1 2");
	session_reconnect(r->session, r->now);
	cr_expect_eq(r->n_disconnects, 1);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	done(r);
}

Test(session, options_of_another_exchange_are_refused)
{
	struct session_options o = options_for_tests();
	struct session *s = NULL;
	struct session_actions none = { 0 };
	char why[128] = "";
	o.feed.format = "SIMPLE";
	cr_expect_eq(session_new(&s, &o, &none, why, sizeof why), BC_EINVAL);
	cr_expect_str_eq(why, "format: only 'words'");
}
