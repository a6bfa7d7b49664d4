/* The feed session when things go wrong: connections, data, clocks. */
#include "tests/support/session_rig.h"

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

/* It was stale all the time, and showed its best prices: those are from before this loss. */
Test(session, lost_once_more_is_said_though_the_state_is_the_same)
{
	struct rig *r = live_rig("AAA");
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	says(r, "bbo AAA 1 2");
	int64_t since = view_of(r, "AAA").since.ns;
	forget(r);
	closed(r, 0, 0);
	cr_expect_str_eq(r->seen, "AAA stale disconnected; ");
	cr_expect_eq(view_of(r, "AAA").since.ns, since);
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
	enum { GREETED, FOR_A_WHILE, PROVEN, N_CASES };
	static const int seconds[N_CASES] = { 0, 4, 6 };
	int64_t longest[N_CASES] = { 0 };
	for (int run = 0; run < 100; run++) {
		for (int how = 0; how < N_CASES; how++) {
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
			for (int i = 0; i < seconds[how]; i++) {
				says(r, "ticker CANARY");
				pass(r, S);
			}
			says(r, "ticker CANARY");
			size_t n = r->n_connects;
			int64_t from = r->now.mono.ns;
			closed(r, 0, 0);
			pass(r, 9 * S);
			int64_t wait = r->connected_at[n % 64] - from;
			longest[how] = wait > longest[how] ? wait : longest[how];
			done(r);
		}
	}
	cr_expect_leq(longest[PROVEN], 250 * MS + 1);
	cr_expect_gt(longest[FOR_A_WHILE], 4 * S, "data has to last for five seconds");
	cr_expect_gt(longest[GREETED], 4 * S, "a greeting before the end proves nothing");
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

/* A server that is busy for a week may be wrong about that; one that bans us is not asked. */
Test(session, an_operator_need_not_wait_but_for_a_ban)
{
	static const struct {
		int http;
		size_t connects;
	} rows[] = { { 503, 2 }, { 429, 1 }, { 418, 1 }, { 403, 1 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_rig("AAA");
		closed(r, rows[i].http, 7 * 24 * 3600 * S);
		pass(r, 60 * S);
		cr_expect_eq(r->n_connects, 1, "%d", rows[i].http);
		session_reconnect(r->session, r->now);
		pass(r, 10 * S);
		cr_expect_eq(r->n_connects, rows[i].connects, "%d", rows[i].http);
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

Test(session, book_that_is_older_than_the_one_before_is_not_applied)
{
	struct rig *r = live_rig("AAA BBB");
	says(r, "at AAA 5000 1 2");
	says(r, "at AAA 4900 1 3");
	cr_expect_str_eq(r->seen, "AAA book; AAA stale gap; ");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "at AAA 4950 1 3");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	says(r, "at AAA 5100 1 3");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	forget(r);
	says(r, "whole AAA 5000 1 2"); /* a snapshot that was overtaken */
	cr_expect_str_eq(r->seen, "");
	done(r);
}

/* Where a subscription replaces the one before, its answer is a snapshot. */
Test(session, who_comes_back_at_once_is_not_live_by_what_was_under_way)
{
	struct rig *r = live_rig("AAA BBB");
	char why[100];
	cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	pass(r, 100 * MS);
	cr_assert_eq(session_add(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	forget(r);
	size_t sent = r->n_sent;
	says(r, "whole AAA 5000 1 2");
	cr_expect_eq(r->n_sent, sent);
	cr_expect_str_eq(r->seen, "", "it has not been asked for again");
	pass(r, 500 * MS);
	forget(r);
	says(r, "at AAA 5000 1 2");
	cr_expect_str_eq(r->seen, "", "of the earlier subscription");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	says(r, "at BBB 5000 1 2");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "whole AAA 5000 1 2");
	says(r, "at AAA 5100 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->seen, "BBB book; AAA live none; AAA book; AAA book; ");
	done(r);
}

/* Nothing is under way for so long, whatever the exchange marks. */
Test(session, who_comes_back_later_is_live_by_any_book)
{
	struct rig *r = live_rig("AAA BBB");
	char why[100];
	cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	for (int i = 0; i < 11; i++) {
		pass(r, S);
		says(r, "book BBB 1 2");
	}
	cr_assert_eq(session_add(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	pass(r, 500 * MS);
	says(r, "at AAA 5000 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* After a reconnect a server that lags is not believed before it insists; then it is its clock. */
Test(session, older_snapshot_is_believed_when_the_exchange_insists)
{
	struct rig *r = live_rig("AAA");
	says(r, "at AAA 5000 1 2");
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	says(r, "whole AAA 4000 1 3");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	size_t n = r->n_sent;
	pass(r, 0);
	cr_expect_eq(r->n_sent, n + 1, "it is asked again");
	says(r, "whole AAA 4000 1 3");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "at AAA 4100 1 3");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, clock_of_the_exchange_set_back_by_hours_decides_nothing)
{
	struct rig *r = live_rig("AAA");
	says(r, "at AAA 9000000 1 2");
	says(r, "at AAA 1000 1 2");
	says(r, "at AAA 1100 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session, nobody_is_fit_while_a_lost_message_may_have_been_his)
{
	struct rig *r = live_rig("AAA BBB");
	pass(r, S);
	says(r, "foreign");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "\x01\x02");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	pass(r, 0);
	cr_expect_eq(r->n_sent, 2, "they are asked for again");
	done(r);
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
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	for (int i = 0; i < 9; i++)
		says(r, "{}");
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

/* A subscription that replaces the one before makes the exchange send every book. */
Test(session, who_does_not_come_again_is_in_doubt_and_asked_for_again)
{
	struct rig *r = live_rig("AAA BBB");
	says(r, "book AAA 3 2"); /* crossed: all is asked for again */
	pass(r, MS);
	says(r, "book AAA 1 2");
	size_t n = r->n_sent;
	for (int i = 0; i < 9; i++) {
		says(r, "ticker CANARY");
		pass(r, S);
	}
	cr_expect(bc_state_fit(view_of(r, "BBB").state));
	cr_expect_eq(r->n_sent, n);
	says(r, "ticker CANARY");
	pass(r, 2 * S);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_NO_DATA);
	cr_expect(bc_state_fit(view_of(r, "AAA").state));
	cr_expect_gt(r->n_sent, n);
	says(r, "book BBB 1 2");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	for (int i = 0; i < 15; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect(bc_state_fit(view_of(r, "BBB").state), "it came");
	done(r);
}

/* Whoever has missed one of two words would not know which of them holds. */
Test(session, two_words_within_one_look_at_the_clock_have_times_of_their_own)
{
	struct rig *r = live_rig("AAA");
	struct session_view live = view_of(r, "AAA");
	pass(r, S);
	says(r, "book AAA 3 2");
	struct session_view crossed = view_of(r, "AAA");
	says(r, "book AAA 1 2");
	struct session_view again = view_of(r, "AAA");
	cr_expect_gt(crossed.since.ns, live.since.ns);
	cr_expect_eq(crossed.since.ns, r->now.wall.ns);
	cr_expect_gt(again.since.ns, crossed.since.ns);
	says(r, "book AAA 3 2");
	cr_expect_gt(view_of(r, "AAA").since.ns, again.since.ns);
	r->now.wall.ns -= 3600 * S;
	says(r, "book AAA 1 2");
	cr_expect_eq(view_of(r, "AAA").since.ns, r->now.wall.ns, "a clock that is set is believed");
	done(r);
}
