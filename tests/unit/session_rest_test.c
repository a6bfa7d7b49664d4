/* REST requests of the session: snapshots by urgency, weights, 429 and 418, answers that are none.
 */
#include "publisher/session_private.h"
#include "tests/simulation/dice.h"
#include "tests/support/seeds.h"
#include "tests/support/session_rig.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ an exchange that weighs */

static bc_status weighing_path(void *state, const struct bc_rest_query *query, char *out,
			       size_t cap, size_t *len)
{
	static const char *const verbs[BC_N_REST_KINDS] = { "/list", "/ticks", "/snap", "/trades",
							    "/candles" };
	(void)state;
	int n = snprintf(out, cap, "%s %.*s %u", verbs[query->kind],
			 query->n_symbols > 0 ? (int)query->symbols[0].n : 0,
			 query->n_symbols > 0 ? query->symbols[0].p : "", query->limit);
	*len = (size_t)n;
	return BC_OK;
}

#define LIMIT  1000 /* the exchange's */
#define OURS   600  /* 60 % of it */
#define WEIGHT 50   /* of a snapshot of 100 levels */

static const struct bc_rest_endpoint weighing_rest[] = {
	{ .kind = BC_REST_INSTRUMENTS, .weight = 20 },
	{ .kind = BC_REST_SNAPSHOT, .max_symbols = 1 },
	{ .kind = BC_REST_TRADES, .weight = 4, .max_symbols = 1, .max_items = 50 },
	{ .kind = BC_REST_TICKS, .weight = 2, .max_symbols = 1 }, /* where a test asks for it */
};
#define WITHOUT_TICKS 3

static struct bc_exchange weighing;

static struct session_options weighing_options(void)
{
	struct session_options o = options_for_tests();
	weighing = fake_diff_exchange;
	weighing.rest = weighing_rest;
	weighing.n_rest = WITHOUT_TICKS;
	weighing.rest_path = weighing_path;
	weighing.rest_weight_per_min = LIMIT;
	o.exchange = &weighing;
	o.snapshot_levels = 60; /* rounded up to 100 */
	return o;
}

/* ------------------------------------------------------------------ the other side of the queue */

static struct {
	uint64_t urgency[1024];
	size_t n_asked, n_answered, n_snapshots;
	char asked[1024];
	uint64_t last_seq;
	bool again; /* a symbol asks anew as soon as it is answered */
} sync_side;

uint64_t __wrap_sync_urgency(const struct session *s, uint32_t symbol);
void __wrap_sync_asked(struct session *s, uint32_t symbol);
void __wrap_sync_answered(struct session *s, uint32_t symbol);
void __wrap_sync_snapshot(struct session *s, uint32_t symbol, const struct bc_event *event);

uint64_t __wrap_sync_urgency(const struct session *s, uint32_t symbol)
{
	(void)s;
	return sync_side.urgency[symbol];
}

void __wrap_sync_asked(struct session *s, uint32_t symbol)
{
	sync_side.n_asked++;
	note(sync_side.asked, s->symbols[symbol].name.p);
	note(sync_side.asked, " ");
	sync_side.asked[sizeof sync_side.asked - 64] = '\0';
}

void __wrap_sync_answered(struct session *s, uint32_t symbol)
{
	sync_side.n_answered++;
	if (sync_side.again)
		rest_snapshot(s, symbol);
}

void __wrap_sync_snapshot(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	(void)s;
	(void)symbol;
	sync_side.n_snapshots++;
	sync_side.last_seq = event->exchange_seq;
}

/* Not connected: nothing is asked for but what the test asks for. The list is answered. */
static struct rig *started_rig(struct session_options o, int n_symbols)
{
	struct rig *r = rig_with(o);
	char name[32];
	memset(&sync_side, 0, sizeof sync_side);
	for (int i = 0; i < n_symbols; i++) {
		snprintf(name, sizeof name, "S%d", i);
		add(r, name);
	}
	session_start(r->session, r->now);
	cr_assert(asked(r, "/list"));
	answers(r, "list S0 S1 S2 S3 S4 S5 S6 S7 S8 S9");
	return r;
}

static struct rig *weighing_rig_of(struct session_options o, int n_symbols)
{
	struct rig *r = started_rig(o, n_symbols);
	pass(r, 61 * S); /* the list's weight is over */
	r->n_gets = 0;
	return r;
}

static struct rig *weighing_rig(int n_symbols)
{
	return weighing_rig_of(weighing_options(), n_symbols);
}

static size_t in_flight(const struct rig *r, const char *part)
{
	size_t n = 0;
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++)
		n += strstr(r->asked[i], part) != NULL;
	return n;
}

static void want(struct rig *r, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		rest_snapshot(r->session, i);
	pass(r, 0);
}

static void told(struct rig *r, const char *text, int64_t used)
{
	r->asked[r->get_number][0] = '\0';
	session_rest_answer(r->session, r->now, r->get_number,
			    &(struct session_rest){ .body = bc_str_of(text), .used_weight = used });
	pass(r, 0);
}

static void told_no(struct rig *r, int http, int64_t retry_after)
{
	answers_not(r, http, retry_after);
	pass(r, 0);
}

#define SNAP "snap 7 b 1=1 a 2=1"

/* ------------------------------------------------------------------ the queue */

Test(session_rest, most_urgent_first_and_four_at_a_time)
{
	struct rig *r = weighing_rig(6);
	static const uint64_t urgency[] = { 30, 10, 50, 20, 60, 40 };
	memcpy(sync_side.urgency, urgency, sizeof urgency);
	want(r, 0, 6);
	cr_expect_str_eq(sync_side.asked, "S1 S3 S0 S5 ");
	cr_expect_eq(in_flight(r, "/snap"), 4);
	cr_expect_eq(rest_snapshots_waiting(r->session), 2);
	cr_expect(asked(r, "/snap S3 100"), "the limit on offer that is enough");
	sync_side.urgency[4] = 0; /* the price has come close to its edge meanwhile */
	told(r, SNAP, -1);
	cr_expect_str_eq(sync_side.asked, "S1 S3 S0 S5 S4 ");
	cr_expect_eq(sync_side.n_snapshots, 1);
	cr_expect_eq(sync_side.last_seq, 7);
	cr_expect_eq(sync_side.n_answered, 1);
	done(r);
}

Test(session_rest, one_wish_is_one_request)
{
	struct rig *r = weighing_rig(2);
	want(r, 0, 1);
	want(r, 0, 1);
	cr_expect_eq(sync_side.n_asked, 1);
	cr_expect(asked(r, "/snap S0"));
	told(r, SNAP, -1);
	pass(r, 120 * S);
	cr_expect_eq(sync_side.n_asked, 1);
	rest_snapshot(r->session, 1);
	rest_snapshot_cancel(r->session, 1);
	cr_expect_eq(rest_snapshots_waiting(r->session), 0);
	pass(r, S);
	cr_expect_eq(sync_side.n_asked, 1);
	done(r);
}

Test(session_rest, removed_in_flight_is_harmless)
{
	struct rig *r = weighing_rig(3);
	char why[64];
	want(r, 0, 3);
	cr_assert_eq(session_remove(r->session, r->now, "S1", why, sizeof why), BC_OK);
	add(r, "NEW"); /* takes its number */
	cr_assert(asked(r, "/snap S1"));
	told(r, SNAP, -1);
	cr_expect_eq(sync_side.n_snapshots, 0, "of somebody else");
	cr_expect_eq(sync_side.n_answered, 0);
	cr_assert(asked(r, "/snap S2"));
	cr_assert_eq(session_remove(r->session, r->now, "S2", why, sizeof why), BC_OK);
	told_no(r, 500, 0);
	cr_expect_eq(sync_side.n_answered, 0);
	cr_assert(asked(r, "/snap S0"));
	told(r, SNAP, -1);
	cr_expect_eq(sync_side.n_snapshots, 1);
	done(r);
}

Test(session_rest, removed_while_it_waits)
{
	struct rig *r = weighing_rig(6);
	char why[64];
	want(r, 0, 6);
	cr_expect_eq(rest_snapshots_waiting(r->session), 2);
	cr_assert_eq(session_remove(r->session, r->now, "S5", why, sizeof why), BC_OK);
	cr_expect_eq(rest_snapshots_waiting(r->session), 1);
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	cr_expect(strstr(sync_side.asked, "S5") == NULL, "%s", sync_side.asked);
	cr_expect_eq(rest_snapshots_waiting(r->session), 0);
	done(r);
}

Test(session_rest, answers_nobody_waits_for_are_nothing)
{
	struct rig *r = weighing_rig(1);
	want(r, 0, 1);
	told(r, SNAP, -1);
	told(r, SNAP, -1);
	told_no(r, 429, 5 * S);
	session_rest_answer(r->session, r->now, 99,
			    &(struct session_rest){ .body = BC_STR(SNAP), .used_weight = -1 });
	cr_expect_eq(sync_side.n_answered, 1);
	cr_expect_eq(sync_side.n_snapshots, 1);
	cr_expect_eq(session_counters(r->session)->rate_limited, 0);
	done(r);
}

Test(session_rest, what_is_no_snapshot_fails_for_its_symbol_alone)
{
	static char large[100000]; /* a book, but longer than one of that many levels can be */
	snprintf(large, sizeof large, "%s.%0*d", SNAP, (int)sizeof large - 30, 0);
	const char *const rows[] = {
		"<html><body>502 Bad Gateway</body></html>", /* a proxy's */
		"",
		"snap",
		"book S1 1 2", /* of another symbol */
		"list S0 S1",  /* of another kind */
		"trades 1@1 2@2",
		large,
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = weighing_rig(2);
		want(r, 0, 1);
		cr_assert(asked(r, "/snap S0"));
		told(r, rows[i], -1);
		cr_expect_eq(sync_side.n_snapshots, 0, "row %zu", i);
		cr_expect_eq(sync_side.n_answered, 1, "row %zu", i);
		cr_expect_eq(session_counters(r->session)->snapshot_failures, 1, "row %zu", i);
		want(r, 1, 1);
		cr_expect(asked(r, "/snap S1"), "row %zu: it hurts others", i);
		done(r);
	}
}

Test(session_rest, an_answer_may_be_as_long_as_what_was_asked_for)
{
	struct rig *r = weighing_rig(1);
	want(r, 0, 1);
	size_t most = session_rest_max_bytes(r->session, r->get_number);
	cr_expect_gt(most, 100 * 2 * 45, "100 levels a side of Binance");
	cr_expect_lt(most, 200000);
	char *text = malloc(most + 2);
	snprintf(text, most + 2, "%s.%0*d", SNAP, (int)(most - sizeof SNAP), 0);
	cr_assert_eq(strlen(text), most);
	session_rest_answer(r->session, r->now, r->get_number,
			    &(struct session_rest){ .body = { text, most }, .used_weight = -1 });
	cr_expect_eq(sync_side.n_snapshots, 1);
	free(text);
	done(r);
}

/* ------------------------------------------------------------------ retries */

Test(session_rest, a_symbol_that_asks_on_and_on_waits_longer_each_time)
{
	struct rig *r = weighing_rig(1);
	sync_side.again = true;
	want(r, 0, 1);
	for (int i = 0; i < 3600; i++) {
		if (asked(r, "/snap"))
			told(r, SNAP, -1);
		pass(r, S);
	}
	/* Full jitter up to a minute is half a minute on average; the first ones come sooner. */
	cr_expect_lt(sync_side.n_asked, 200, "%zu", sync_side.n_asked);
	cr_expect_gt(sync_side.n_asked, 60, "%zu", sync_side.n_asked);
	done(r);
}

Test(session_rest, an_exchange_that_is_down_is_asked_less_and_less)
{
	static const int rows[] = { 0, 500, 503, 403 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct session_options o = weighing_options();
		weighing.rest_weight_per_min = 0; /* which would slow it down, too */
		struct rig *r = weighing_rig_of(o, 200);
		sync_side.again = true;
		want(r, 0, 200);
		for (int second = 0; second < 3600; second++) {
			while (asked(r, "/snap"))
				told_no(r, rows[i], 0);
			pass(r, S);
		}
		/* Four at most each half a minute or so; each symbol alone would make 24,000. */
		cr_expect_lt(sync_side.n_asked, 800, "%d: %zu", rows[i], sync_side.n_asked);
		cr_expect_gt(sync_side.n_asked, 100, "%d: %zu", rows[i], sync_side.n_asked);
		while (asked(r, "/snap"))
			told(r, SNAP, -1);
		pass(r, 70 * S);
		cr_expect(asked(r, "/snap"), "it goes on when the exchange is back");
		done(r);
	}
}

Test(session_rest, one_symbol_refused_on_and_on_does_not_hold_up_the_others)
{
	struct rig *r = weighing_rig(40);
	sync_side.again = true;
	want(r, 0, 1);
	for (int i = 0; i < 20; i++) {
		pass(r, 70 * S);
		if (asked(r, "/snap S0"))
			told_no(r, 400, 0);
	}
	size_t before = sync_side.n_asked;
	sync_side.again = false;
	want(r, 1, 8);
	for (int i = 0; i < 8 && asked(r, "/snap"); i++)
		told(r, SNAP, -1);
	cr_expect_eq(sync_side.n_asked - before, 8, "at once");
	done(r);
}

/* ------------------------------------------------------------------ weight */

Test(session_rest, stops_at_our_part_of_the_weight_and_says_how_long)
{
	struct rig *r = weighing_rig(100);
	want(r, 0, 100);
	int64_t wait = rest_snapshot_wait_ns(r->session);
	cr_expect(wait > 7 * 60 * S && wait < 10 * 60 * S, "%lld s of 8 minutes",
		  (long long)(wait / S));
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	cr_expect_eq(sync_side.n_asked, OURS / WEIGHT);
	struct session_rest_view view = session_rest_view(r->session);
	cr_expect_eq(view.weight, OURS);
	cr_expect_eq(view.weight_limit, OURS);
	cr_expect_eq(view.snapshots_waiting, 100 - OURS / WEIGHT);
	pass(r, 59 * S);
	cr_expect_eq(sync_side.n_asked, OURS / WEIGHT);
	pass(r, 2 * S);
	cr_expect_gt(sync_side.n_asked, OURS / WEIGHT);
	done(r);
}

Test(session_rest, others_at_the_same_address_count_too)
{
	struct rig *r = weighing_rig(100);
	want(r, 0, 1);
	told(r, SNAP, 540); /* 490 are not ours */
	want(r, 1, 99);
	cr_expect_eq(sync_side.n_asked, 2);
	told(r, SNAP, 590);
	pass(r, 30 * S);
	cr_expect_eq(sync_side.n_asked, 2, "the header says that it would be too much");
	pass(r, 31 * S);
	cr_expect_gt(sync_side.n_asked, 2);
	done(r);
}

/* The same, subscribed on lines that need no answer, and with a history. */
static struct rig *streaming_rig(int n_symbols)
{
	struct session_options o = weighing_options();
	weighing.lines = fake_exchange.lines;
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_TRADE); /* so that no book asks for anything */
	o.history_trades = 10;
	struct rig *r = started_rig(o, n_symbols);
	opened(r);
	return r;
}

Test(session_rest, nobody_light_overtakes_somebody_heavy)
{
	struct session_options o = weighing_options();
	weighing.n_rest = WITHOUT_TICKS + 1;
	struct rig *r = started_rig(o, 40);
	for (int i = 0; i < 12; i++) { /* of the ten that are listed */
		pass(r, S);
		if (asked(r, "/ticks"))
			told(r, "ticks", -1);
	}
	want(r, 0, 40);
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	cr_expect_eq(session_rest_view(r->session).weight, OURS - 10);
	add(r, "S1000");
	r->session->symbols[40].was_listed = true;
	pass(r, 5 * S);
	cr_expect_eq(in_flight(r, "/ticks"), 0, "snapshots wait that weigh more");
	pass(r, 60 * S);
	cr_expect_eq(in_flight(r, "/snap"), 4);
	cr_expect_eq(in_flight(r, "/ticks"), 1, "there is room for all");
	done(r);
}

Test(session_rest, history_comes_after_all_who_wait_for_a_snapshot)
{
	struct rig *r = streaming_rig(8);
	want(r, 0, 8);
	for (int i = 0; i < 4; i++) { /* four are on their way, and have all the slots */
		says(r, "ticker CANARY");
		pass(r, S);
	}
	cr_expect_eq(in_flight(r, "/snap"), 4);
	cr_expect_eq(in_flight(r, "/trades"), 0);
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	for (int i = 0; i < 65; i++) { /* half of the weight is for snapshots */
		says(r, "ticker CANARY");
		pass(r, S);
	}
	cr_expect_eq(in_flight(r, "/trades"), 1);
	done(r);
}

Test(session_rest, history_leaves_half_of_the_weight_to_snapshots)
{
	struct rig *r = streaming_rig(200);
	size_t n = 0;
	for (int i = 0; i < 300; i++) {
		says(r, "ticker CANARY");
		pass(r, 100 * MS);
		while (asked(r, "/trades") && n++ < 1000)
			told(r, "trades", -1);
	}
	cr_expect_gt(n, 20, "%zu", n);
	struct session_rest_view view = session_rest_view(r->session);
	cr_expect_leq(view.weight, OURS / 2 + 4, "%llu", (unsigned long long)view.weight);
	size_t before = sync_side.n_asked;
	want(r, 0, 4);
	cr_expect_eq(sync_side.n_asked - before, 4, "at once");
	done(r);
}

/* An exchange that counts a request at some moment between it and its answer, in minutes that begin
 * whenever. */
struct counter {
	struct dice dice;
	int64_t due[SESSION_REST_SLOTS]; /* when the answer comes; 0: nothing was sent */
	struct counted {
		int64_t at;
		uint32_t weight;
	} all[20000];
	size_t n;
};

static void count_request(struct counter *c, const struct rig *r, uint32_t slot)
{
	int64_t takes_ms = dice_between(&c->dice, 0, dice_hits(&c->dice, 250000) ? 9999 : 499);
	bool snapshot = strstr(r->asked[slot], "/snap") != NULL;
	c->due[slot] = r->now.mono.ns + takes_ms * MS;
	cr_assert_lt(c->n, sizeof c->all / sizeof *c->all);
	c->all[c->n++] =
		(struct counted){ r->now.mono.ns + dice_between(&c->dice, 0, takes_ms) * MS,
				  snapshot ? WEIGHT : 20 };
}

static void answer_request(struct counter *c, struct rig *r, uint32_t slot)
{
	r->get_number = slot;
	c->due[slot] = 0;
	if (dice_hits(&c->dice, 100000))
		told_no(r, dice_hits(&c->dice, 500000) ? 500 : 0, 0);
	else
		told(r, strstr(r->asked[slot], "/list") != NULL ? "list S0" : SNAP, -1);
}

static int by_time(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

/* The most that was counted in any minute; *sum: in all. */
static uint64_t heaviest_minute(struct counter *c, uint64_t *sum)
{
	uint64_t most = 0, minute = 0;
	size_t first = 0;
	*sum = 0;
	qsort(c->all, c->n, sizeof *c->all, by_time);
	for (size_t i = 0; i < c->n; i++) {
		minute += c->all[i].weight;
		*sum += c->all[i].weight;
		while (c->all[first].at <= c->all[i].at - 60 * S)
			minute -= c->all[first++].weight;
		most = minute > most ? minute : most;
	}
	return most;
}

/* An hour of thirst. */
Test(session_rest, no_minute_is_ever_over_the_weight)
{
	static struct counter c;
	for (uint64_t seed = 1; seed <= seeds(10); seed++) {
		struct rig *r = weighing_rig(300);
		uint64_t sum;
		memset(&c, 0, sizeof c);
		c.dice.state = seed;
		for (int step = 0; step < 36000; step++) {
			rest_snapshot(r->session, (uint32_t)dice_between(&c.dice, 0, 299));
			pass(r, 100 * MS);
			for (uint32_t i = 0; i < SESSION_REST_SLOTS; i++) {
				if (r->asked[i][0] == '\0')
					c.due[i] = 0;
				else if (c.due[i] == 0)
					count_request(&c, r, i);
				else if (c.due[i] <= r->now.mono.ns)
					answer_request(&c, r, i);
			}
		}
		uint64_t most = heaviest_minute(&c, &sum);
		cr_assert_leq(most, OURS, "seed %lu: %lu", (unsigned long)seed,
			      (unsigned long)most);
		cr_expect_gt(sum, 60 * OURS * 6 / 10, "seed %lu: only %lu of it are used",
			     (unsigned long)seed, (unsigned long)sum);
		done(r);
	}
}

Test(session_rest, a_part_too_small_for_one_request_is_refused)
{
	struct session_options o = weighing_options();
	struct session_actions none = { 0 };
	struct session *s = NULL;
	char why[256] = "";
	o.weight_percent = 4;
	cr_expect_eq(session_new(&s, &o, &none, why, sizeof why), BC_EINVAL);
	cr_expect_str_eq(why, "rest.weight_percent: 4 % of the weight of diff is 40 a minute, and "
			      "one request for snapshot weighs 50");
	o.weight_percent = 5;
	cr_expect_eq(session_new(&s, &o, &none, why, sizeof why), BC_OK, "%s", why);
	session_free(&s);
}

/* ------------------------------------------------------------------ 429 and 418 */

Test(session_rest, retry_after_is_obeyed_by_every_kind)
{
	static const int rows[] = { 429, 418 };
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = weighing_rig(20);
		want(r, 0, 20);
		forget(r);
		told_no(r, rows[i], 700 * S); /* longer than the list stays good */
		size_t n = r->n_gets;
		while (asked(r, "/snap")) /* those on their way say the same */
			told_no(r, rows[i], 650 * S);
		pass(r, 699 * S);
		cr_expect_eq(r->n_gets, n, "%d: something was sent", rows[i]);
		pass(r, 3 * S);
		cr_expect_gt(r->n_gets, n, "%d", rows[i]);
		cr_expect(strstr(r->logged, rows[i] == 418 ? "rest.banned" : "rest.limited") !=
				  NULL,
			  "%s", r->logged);
		cr_expect_eq(session_counters(r->session)->rate_limited, 4);
		cr_expect_eq(session_counters(r->session)->banned, rows[i] == 418 ? 4 : 0);
		done(r);
	}
}

/* How long nothing is sent. */
static int64_t silence(struct rig *r, int64_t most)
{
	size_t n = r->n_gets;
	int64_t from = r->now.mono.ns;
	while (r->n_gets == n && r->now.mono.ns < from + most)
		pass(r, 100 * MS);
	return r->now.mono.ns - from;
}

Test(session_rest, without_a_word_of_how_long_the_wait_grows)
{
	static const struct {
		int http;
		int64_t first, most;
	} rows[] = { { 429, 5 * S, 300 * S }, { 418, 120 * S, 3600 * S } };
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = weighing_rig(3);
		sync_side.again = true;
		want(r, 0, 3);
		int64_t want_ns = rows[i].first;
		for (int k = 0; k < 8; k++) {
			pass(r, 20 * MS); /* on their way */
			while (asked(r, "/"))
				told_no(r, rows[i].http, 0);
			int64_t waited = silence(r, 2 * rows[i].most);
			cr_expect_geq(waited, want_ns, "%d: %lld ms, the %d. time", rows[i].http,
				      (long long)(waited / MS), k);
			cr_expect_leq(waited, want_ns + 3 * S, "%d: %lld ms, the %d. time",
				      rows[i].http, (long long)(waited / MS), k);
			want_ns = 2 * want_ns > rows[i].most ? rows[i].most : 2 * want_ns;
		}
		if (asked(r, "/snap"))
			told(r, SNAP, -1);
		pass(r, 100 * S);
		while (asked(r, "/"))
			told_no(r, rows[i].http, 0);
		cr_expect_leq(silence(r, rows[i].most), rows[i].first + 3 * S,
			      "a good answer makes it good");
		done(r);
	}
}

Test(session_rest, the_list_waits_for_the_end_of_a_ban_too)
{
	struct rig *r = rig_with(weighing_options());
	add(r, "S*");
	session_start(r->session, r->now);
	told_no(r, 418, 100 * S);
	pass(r, 99 * S);
	cr_expect_eq(r->n_gets, 1);
	pass(r, 3 * S);
	cr_expect_eq(r->n_gets, 2);
	cr_expect(asked(r, "/list"));
	done(r);
}

/* ------------------------------------------------------------------ one name too many */

/* Eight names a request, and an exchange that refuses all of it for one it does not know. */
static struct rig *rig_of_ticks(const char *symbols)
{
	static const struct bc_rest_endpoint rest[] = {
		{ .kind = BC_REST_INSTRUMENTS, .per_s = 10 },
		{ .kind = BC_REST_TICKS, .per_s = 10, .max_symbols = 8 },
	};
	struct session_options o = options_for_tests();
	weighing = fake_exchange;
	weighing.rest = rest;
	o.exchange = &weighing;
	struct rig *r = rig_with(o);
	add(r, symbols);
	session_start(r->session, r->now);
	cr_assert(asked(r, "/list"));
	return r;
}

static bool knows_ticks(struct rig *r, const char *name)
{
	return r->session->symbols[bc_name_find(&r->session->by_name, bc_str_of(name))].ticks_known;
}

/* Returns how often it was asked within a minute. */
static size_t serve_ticks(struct rig *r, const char *unknown)
{
	size_t n = 0;
	for (int i = 0; i < 600; i++) {
		pass(r, 100 * MS);
		if (!asked(r, "/ticks"))
			continue;
		n++;
		if (asked(r, unknown))
			answers_not(r, 404, 0);
		else
			answers(r, r->get + 1);
	}
	return n;
}

Test(session_rest, one_unknown_name_does_not_cost_the_others_their_tick_sizes)
{
	struct rig *r = rig_of_ticks("S0 S1 S2 GONE S4 S5 S6 S7 S8");
	answers(r, "list S0 S1 S2 GONE S4 S5 S6 S7 S8");
	size_t n = serve_ticks(r, "GONE");
	for (int i = 0; i <= 8; i++) {
		char name[8];
		snprintf(name, sizeof name, "S%d", i);
		cr_expect(i == 3 || knows_ticks(r, name), "%s", name);
	}
	cr_expect(!knows_ticks(r, "GONE"));
	cr_expect_leq(n, 12, "asked %zu times", n);
	cr_expect_eq(serve_ticks(r, "GONE"), 0, "not again and again");
	rest_hurry(r->session, JOB_INSTRUMENTS);
	pass(r, 0);
	cr_assert(asked(r, "/list"));
	answers(r, "list S0 S1 S2 GONE S4 S5 S6 S7 S8");
	cr_expect_eq(serve_ticks(r, "nobody"), 1, "when it is listed once more");
	cr_expect(knows_ticks(r, "GONE"));
	done(r);
}

Test(session_rest, whoever_is_delisted_is_not_asked_about)
{
	struct rig *r = rig_of_ticks("S0 GONE S2");
	answers(r, "list S0 GONE:delisted S2");
	pass(r, 0);
	cr_expect_str_eq(r->get, "/ticks S0 S2");
	done(r);
}

/* Who refuses every name is asked about each of them, and then not any more. */
Test(session_rest, tick_sizes_that_nobody_gets_come_to_an_end)
{
	struct rig *r = rig_of_ticks("S0 S1 S2 S3 S4 S5 S6 S7");
	answers(r, "list S0 S1 S2 S3 S4 S5 S6 S7");
	cr_expect_leq(serve_ticks(r, "/ticks"), 8 + 3);
	cr_expect_eq(serve_ticks(r, "/ticks"), 0);
	done(r);
}
