/* Who is polled when: each once a round, within the exchange's limits, and nobody who is connected
 * waits for it. */
#include "publisher/session_private.h"
#include "tests/support/fallback_rig.h"

static size_t polled_times(const char *seen, const char *symbol)
{
	char text[64];
	size_t n = 0;
	snprintf(text, sizeof text, "%s book; ", symbol);
	for (const char *at = seen; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

static struct rig *forced_rig(struct session_options o, int n)
{
	struct rig *r = rig_with(o);
	char name[16];
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "S%02d", i);
		add(r, name);
	}
	session_start(r->session, r->now);
	return r;
}

static struct session_options forced_options(void)
{
	struct session_options o = poll_options();
	o.source = SESSION_REST;
	return o;
}

Test(session_poll, everybody_once_a_round)
{
	struct rig *r = forced_rig(forced_options(), 7);
	served_for(r, 2 * S);
	forget(r);
	cr_expect_eq(served_for(r, 4 * S), 16, "four requests for seven, two a request");
	for (int i = 0; i < 7; i++) {
		char name[16];
		snprintf(name, sizeof name, "S%02d", i);
		size_t n = polled_times(r->seen, name);
		cr_expect(n >= 4 && n <= 5, "%s: %zu times in 4 s", name, n);
	}
	done(r);
}

/* 60 symbols, two a request, 20 requests a second: one and a half seconds. */
Test(session_poll, a_round_takes_as_long_as_the_exchange_s_pace_wants)
{
	struct rig *r = forced_rig(forced_options(), 60);
	served_for(r, 3 * S);
	cr_expect_eq(r->session->fallback.round_ns, 1500 * MS);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 60);
	size_t n = served_for(r, 3 * S);
	cr_expect(n >= 58 && n <= 61, "%zu requests in two rounds", n);
	done(r);
}

static bool first_half(const struct rig *r, uint32_t symbol)
{
	struct session_view view;
	return session_symbol(r->session, symbol, &view) && view.name.p[1] == '0';
}

static bool listens_to_first(void *self, uint32_t symbol, enum bc_channel channel,
			     enum bc_interval interval)
{
	(void)channel;
	(void)interval;
	return first_half(self, symbol);
}

Test(session_poll, who_is_listened_to_goes_first_and_nobody_is_forgotten)
{
	struct rig *r = rig_with(forced_options());
	r->session->act.listened = listens_to_first;
	add(r, "S10 S11 S00 S01"); /* the first two are not listened to */
	session_start(r->session, r->now);
	pass(r, 200 * MS);
	cr_assert(asked(r, "/books S00 S01"), "%s", r->get);
	served_for(r, 2 * S);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 4);
	done(r);
}

Test(session_poll, one_name_that_is_refused_does_not_take_the_others_with_it)
{
	struct rig *r = forced_rig(forced_options(), 4);
	size_t refused = 0;
	for (int i = 0; i < 300; i++) {
		pass(r, 100 * MS);
		if (asked(r, "S01")) {
			answers_not(r, 404, 0);
			refused++;
		} else {
			serve(r, i * 100);
		}
	}
	cr_expect_leq(refused, 2, "with another, and alone: then no more");
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 3);
	expect_state(r, "S01", BC_STATE_CONNECTING, BC_REASON_NONE);
	expect_state(r, "S00", BC_STATE_REST, BC_REASON_NONE);
	done(r);
}

Test(session_poll, an_answer_about_others_is_taken_of_nobody)
{
	struct rig *r = forced_rig(forced_options(), 2);
	pass(r, 200 * MS);
	cr_assert(asked(r, "/books S00 S01"));
	answers(r, "polled S02 1700000000000 1 2 NEW 1700000000000 1 2");
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 0);
	cr_expect_eq(session_counters(r->session)->rest_failures, 1);
	done(r);
}

Test(session_poll, a_limit_stops_polls_as_everything_else)
{
	struct rig *r = forced_rig(forced_options(), 2);
	pass(r, 200 * MS);
	cr_assert(asked(r, "/books"));
	answers_not(r, 429, 30 * S);
	r->n_gets = 0;
	pass(r, 29 * S);
	cr_expect_eq(r->n_gets, 0);
	served_for(r, 4 * S);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 2);
	done(r);
}

/* ------------------------------------------------------------------ weight */

#define LIMIT 600 /* ours of the exchange's thousand */

static struct session_options weighed_options(void)
{
	struct session_options o = options_for_tests();
	o.exchange = &fake_diff_exchange; /* "/snap 20" weighs 5, "/snap 100" 50 */
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
	o.levels = 10;
	o.max_levels = 100;
	o.snapshot_levels = 100;
	o.source = SESSION_AUTO;
	return o;
}

/* What is asked for is answered at once. */
static size_t weighed_for(struct rig *r, int64_t ns, const char *part)
{
	size_t n = 0;
	for (int64_t passed = 0; passed < ns; passed += 100 * MS) {
		pass(r, 100 * MS);
		for (; asked(r, part); n++) {
			answers(r, "snap 5 b 1=1 a 2=1");
			pass(r, 0);
		}
	}
	return n;
}

Test(session_poll, polls_take_a_third_of_the_weight)
{
	struct session_options o = weighed_options();
	o.source = SESSION_REST;
	struct rig *r = forced_rig(o, 20);
	cr_expect_eq(weighed_for(r, 2 * S, "/snap 20"), 20, "all of them at once at first");
	weighed_for(r, 118 * S, "/snap 20");
	cr_expect_eq(r->session->fallback.round_ns, 30 * S, "20 x 5 of 200 a minute");
	size_t n = weighed_for(r, 120 * S, "/snap 20");
	cr_expect(n >= 78 && n <= 82, "%zu", n);
	cr_expect_leq(session_rest_view(r->session).weight, LIMIT / 3 + 20);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_REST), 20);
	done(r);
}

/* What others use counts, too: half is left to snapshots, whoever has used the rest. */
Test(session_poll, polls_stop_where_half_of_the_weight_is_used)
{
	struct session_options o = weighed_options();
	o.source = SESSION_REST;
	struct rig *r = forced_rig(o, 3);
	for (int round = 0; round < 2; round++) {
		int64_t used = round == 0 ? LIMIT / 2 - 10 : LIMIT / 2 + 10;
		pass(r, 70 * S); /* what was told is over */
		weighed_for(r, 10 * S, "/snap 20");
		for (int i = 0; i < 100 && !asked(r, "/snap 20"); i++)
			pass(r, 100 * MS);
		r->asked[r->get_number][0] = '\0';
		session_rest_answer(r->session, r->now, r->get_number,
				    &(struct session_rest){ .body = BC_STR("snap 5 b 1=1 a 2=1"),
							    .used_weight = used });
		r->n_gets = 0;
		weighed_for(r, 10 * S, "/snap 20");
		cr_expect_eq(r->n_gets > 0, round == 0, "%ld used: %zu polls", (long)used,
			     r->n_gets);
	}
	done(r);
}

/* S00 to S05 on one connection, which comes back; S06 and S07 on one that does not. */
Test(session_poll, while_a_snapshot_is_due_nobody_is_polled)
{
	static struct bc_line six_each;
	static struct bc_exchange x;
	struct session_options o = weighed_options();
	x = fake_diff_exchange;
	six_each = x.lines[0];
	six_each.max_streams = 7;
	x.lines = &six_each;
	x.rest_weight_per_min = 1000000;
	o.exchange = &x;
	o.silent_after_ns = 3600 * S;
	struct rig *r = forced_rig(o, 8);
	opened_on(r, 0);
	for (int i = 0; i < 250; i++) {
		pass(r, 100 * MS);
		says_on(r, 0, "ticker CANARY");
	}
	cr_expect_eq(r->n_gets, 4, "four have no answer, and two are due: %s", r->get);
	for (int i = 0; i < 60; i++) {
		pass(r, 100 * MS);
		says_on(r, 0, "ticker CANARY");
		while (asked(r, "/snap"))
			answers(r, "snap 5 b 1=1 a 2=1");
	}
	expect_state(r, "S06", BC_STATE_REST, BC_REASON_DISCONNECTED);
	done(r);
}

/* One connection each: S00 is connected and loses its book while twenty others are polled. */
Test(session_poll, a_snapshot_of_who_is_connected_does_not_wait_for_polls)
{
	static struct bc_line one_each;
	static struct bc_exchange x;
	struct session_options o = weighed_options();
	x = fake_diff_exchange;
	one_each = x.lines[0];
	one_each.max_streams = 2; /* one, and the canary */
	x.lines = &one_each;
	o.exchange = &x;
	o.silent_after_ns = 3600 * S;
	struct rig *r = forced_rig(o, 8);
	opened_on(r, 0);
	for (int i = 0; i < 1200; i++) {
		pass(r, 100 * MS);
		says_on(r, 0, "ticker CANARY");
		while (asked(r, "/snap 20"))
			answers(r, "snap 5 b 1=1 a 2=1");
		if (asked(r, "/snap 100 S00"))
			answers(r, "snap 5 b 1=1 a 2=1");
	}
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_REST), 7);
	cr_assert(view_of(r, "S00").state == BC_STATE_LIVE ||
		  view_of(r, "S00").state == BC_STATE_QUIET);
	says_on(r, 0, "delta S00 90 91 b 1=2 a"); /* a gap */
	expect_state(r, "S00", BC_STATE_STALE, BC_REASON_GAP);
	pass(r, 300 * MS);
	cr_expect(asked(r, "/snap 100 S00"), "at once, whatever is polled");
	done(r);
}
