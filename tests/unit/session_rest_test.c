/* REST requests of the session: snapshots by urgency, retries, 429 and 418, answers that are none.
 */
#include "tests/support/weighing_rig.h"

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

/* One hiccup of the exchange, seen by all that were under way. */
Test(session_rest, requests_that_fail_together_are_one_failure)
{
	struct rig *r = weighing_rig(12);
	want(r, 0, 8);
	for (int burst = 0; burst < 3; burst++) {
		size_t before = sync_side.n_asked;
		cr_expect_eq(in_flight(r, "/snap"), 4, "%d", burst);
		want(r, 8, 4);
		pass(r, 100 * MS);
		for (uint32_t i = 0; i < 4; i++) {
			cr_assert(asked(r, "/snap"));
			answers_not(r, 503, 0);
		}
		pass(r, 0);
		if (burst < 2)
			cr_expect_eq(sync_side.n_asked - before, 4, "%d: the others go on", burst);
		else
			cr_expect_eq(sync_side.n_asked, before, "three times: now it waits");
	}
	done(r);
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
		struct session_options o = weighing_options();
		weighing.rest_weight_per_min = 1000000; /* enough, at the lowest rate, too */
		struct rig *r = weighing_rig_of(o, 3);
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

/* Asked before the others were stopped, and answered when that is over and forgotten. */
Test(session_rest, a_refusal_that_comes_late_is_the_first_of_its_kind)
{
	struct session_options o = weighing_options();
	weighing.rest_weight_per_min = 1000000;
	struct rig *r = weighing_rig_of(o, 3);
	want(r, 0, 2);
	pass(r, 20 * MS); /* on their way */
	cr_assert(asked(r, "/snap S0"));
	told_no(r, 429, S);
	pass(r, 3 * S);
	rest_snapshot(r->session, 2);
	pass(r, 3 * S);
	cr_assert(asked(r, "/snap S2"));
	told(r, SNAP, -1);
	cr_assert(asked(r, "/snap S1"), "of the beginning");
	told_no(r, 429, 0);
	rest_snapshot(r->session, 2);
	cr_expect_leq(silence(r, 300 * S), 8 * S);
	done(r);
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
	const uint32_t id = bc_name_find(&r->session->by_name, bc_str_of(name));
	return r->session->symbols[id].aside->ticks_known;
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
