/* A stream that is down: what is polled instead is said to be polled, is as old as it says, and is
 * left for the stream without going back. */
#include "tests/support/fallback_rig.h"
#include "tests/support/sync_rig.h"

#define AFTER (10 * S)
#define LATE  (7 * S) /* two rounds of a second, and five more */

/* Lost, and polled since. */
static struct rig *fallen_rig(struct session_options o, const char *symbols)
{
	struct rig *r = live_poll_rig(o, symbols, 0);
	closed(r, 0, 0);
	served_for(r, AFTER + S);
	forget(r);
	return r;
}

Test(session_fallback, begins_after_its_time_and_says_why_the_stream_is_down)
{
	struct rig *r = live_poll_rig(poll_options(), "AAA", 0);
	closed(r, 0, 0);
	pass(r, AFTER - 200 * MS);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect(!asked(r, "/books"), "%s", r->get);
	pass(r, 300 * MS);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_assert(asked(r, "/books AAA"));
	forget(r);
	serve(r, 10000);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_str_eq(r->seen, "AAA rest disconnected; AAA book; ");
	cr_expect_eq(r->book.flags, BC_FLAG_REST | BC_FLAG_SNAPSHOT);
	pass(r, 200 * MS);
	cr_expect_eq(r->feed, BC_STATE_REST);
	done(r);
}

Test(session_fallback, a_connection_that_never_came_is_polled_too)
{
	struct rig *r = rig_with(poll_options());
	add(r, "AAA");
	session_start(r->session, r->now);
	pass(r, AFTER - S);
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	served_for(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	done(r);
}

Test(session_fallback, polls_that_do_not_come_back_make_it_stale_after_a_bound)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	cr_assert_gt(served_for(r, 3 * S), 1);
	pass(r, LATE - 1500 * MS);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	pass(r, 1700 * MS);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	serve(r, 40000);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED); /* that answer is old */
	served_for(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	done(r);
}

Test(session_fallback, polls_that_fail_make_it_stale_too)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	for (int64_t passed = 0; passed < LATE + S; passed += 100 * MS) {
		pass(r, 100 * MS);
		if (asked(r, "/books"))
			answers_not(r, 503, 0);
	}
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect_lt(r->n_gets, 40, "%zu: failures slow it down", r->n_gets);
	done(r);
}

Test(session_fallback, is_handed_back_to_a_stream_that_is_not_older)
{
	struct rig *r = fallen_rig(poll_options(), "AAA"); /* polled as of 10100 or later */
	opened(r);
	says_at(r, "AAA", 10000);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_str_empty(r->seen);
	says_at(r, "AAA", 11001);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->seen, "AAA live none; AAA book; ");
	cr_expect_eq(r->book.flags & BC_FLAG_REST, 0);
	pass(r, 200 * MS);
	serve(r, 11100);
	r->n_gets = 0;
	pass(r, 3 * S);
	cr_expect_eq(r->n_gets, 0, "nobody is polled any more");
	cr_expect_not_null(strstr(r->logged, "fallback.over"));
	done(r);
}

Test(session_fallback, an_answer_that_comes_after_the_stream_is_nothing)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	opened(r);
	for (int i = 0; i < 20 && !asked(r, "/books"); i++)
		pass(r, 100 * MS);
	cr_assert(asked(r, "/books"));
	says_at(r, "AAA", 20000);
	forget(r);
	serve(r, 21000);
	cr_expect_str_empty(r->seen);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* As a clock that was set back; the other side is asked to say it again meanwhile. What else the
 * stream says of the symbol, as of now, is no word about its book. */
static void insists(bool tickers)
{
	struct session_options o = poll_options();
	if (tickers)
		o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	struct rig *r = fallen_rig(o, "AAA");
	opened(r);
	for (int64_t passed = 0; passed < 9 * S; passed += 500 * MS) {
		pass(r, 500 * MS);
		says_at(r, "AAA", 5000);
		if (tickers)
			says(r, "ticker AAA");
		cr_assert_eq(view_of(r, "AAA").state,
			     passed < 5 * S ? BC_STATE_REST : view_of(r, "AAA").state);
	}
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED); /* nothing was polled */
	pass(r, 2 * S);
	says_at(r, "AAA", 5001);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_fallback, a_stream_that_insists_on_being_behind_is_believed_in_the_end)
{
	insists(false);
	insists(true);
}

Test(session_fallback, an_older_answer_is_left_out_and_three_are_believed)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	for (int n = 1; n <= 3; n++) {
		for (int i = 0; i < 30 && !asked(r, "/books"); i++)
			pass(r, 100 * MS);
		forget(r);
		serve(r, 9000 + n);
		cr_expect_str_eq(r->seen, n < 3 ? "" : "AAA book; ", "answer %d", n);
	}
	done(r);
}

Test(session_fallback, one_book_that_cannot_be_read_does_not_slow_the_others)
{
	struct rig *r = fallen_rig(poll_options(), "AAA BBB");
	forget(r);
	for (int n = 0; n < 10; n++) {
		char text[96];
		for (int i = 0; i < 15 && !asked(r, "/books AAA BBB"); i++)
			pass(r, 100 * MS);
		cr_assert(asked(r, "/books AAA BBB"), "round %d", n);
		snprintf(text, sizeof text, "polled AAA %lld 1 2 BBB %lld x 2",
			 (long long)WALL_MS + 20000 + n, (long long)WALL_MS + 20000 + n);
		answers(r, text);
	}
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect_eq(session_counters(r->session)->rest_failures, 0);
	cr_expect_eq(session_counters(r->session)->refused, 10);
	done(r);
}

Test(session_fallback, a_crossed_answer_is_in_doubt)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	for (int i = 0; i < 30 && !asked(r, "/books"); i++)
		pass(r, 100 * MS);
	answers(r, "polled AAA 1700000012000 3 2");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_CROSSED);
	cr_expect_null(strstr(r->seen, "book"));
	served_for(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	done(r);
}

Test(session_fallback, a_crossed_book_of_the_stream_is_not_shown_as_polled)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	opened(r);
	says(r, "book AAA 3 2");
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_str_empty(r->seen);
	says_at(r, "AAA", 12000);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_fallback, after_a_sleep_neither_the_polled_nor_what_is_under_way_is_believed)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	for (int i = 0; i < 30 && !asked(r, "/books"); i++)
		pass(r, 100 * MS);
	r->now.boot.ns += 3600 * S;
	r->now.wall.ns += 3600 * S;
	pass(r, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_CLOCK);
	serve(r, 12000);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_CLOCK);
	served_for(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	done(r);
}

/* Once more lost, silent, or talking nonsense: what is polled holds all the same. */
Test(session_fallback, whatever_the_stream_does_until_it_is_back_changes_the_reason_alone)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	opened(r);
	says(r, "refuse AAA");
	says(r, "nonsense");
	says(r, "book AAA 9 8"); /* crossed */
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	served_for(r, 6 * S); /* silent for five */
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_NO_DATA);
	cr_expect_null(strstr(r->seen, "stale"), "%s", r->seen);
	done(r);
}

/* The stream was back, and had shown its best prices beside what was polled: they are in doubt. */
Test(session_fallback, a_stream_that_is_lost_once_more_is_said_to_be)
{
	struct rig *r = fallen_rig(poll_options(), "AAA");
	opened(r);
	forget(r);
	closed(r, 0, 0);
	cr_expect_str_eq(r->seen, "AAA rest disconnected; ");
	done(r);
}

Test(session_fallback, source_ws_never_polls)
{
	struct session_options o = poll_options();
	o.source = SESSION_WS;
	struct rig *r = live_poll_rig(o, "AAA", 0);
	closed(r, 0, 0);
	pass(r, 600 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect_eq(r->n_gets, 0);
	done(r);
}

Test(session_fallback, source_rest_never_connects)
{
	struct session_options o = poll_options();
	o.source = SESSION_REST;
	struct rig *r = rig_with(o);
	add(r, "AAA BBB CCC");
	session_start(r->session, r->now);
	served_for(r, 30 * S);
	cr_expect_eq(r->n_connects, 0);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_NONE);
	expect_state(r, "CCC", BC_STATE_REST, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_REST);
	pass(r, LATE + S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	add(r, "DDD");
	for (int i = 0; i < 12; i++)
		served_for(r, S);
	expect_state(r, "DDD", BC_STATE_REST, BC_REASON_NONE);
	done(r);
}

Test(session_fallback, who_is_removed_or_halted_is_not_polled)
{
	struct rig *r = fallen_rig(poll_options(), "AAA BBB");
	char why[64];
	for (int i = 0; i < 30 && !asked(r, "/books"); i++)
		pass(r, 100 * MS);
	cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	forget(r);
	serve(r, 12000);
	cr_expect_str_eq(r->seen, "BBB book; ");
	forget(r);
	served_for(r, 3 * S);
	cr_expect_null(strstr(r->seen, "AAA"));
	done(r);
}

/* ------------------------------------------------------------------ numbers, bbo and tickers */

static struct session_options numbered_options(void)
{
	struct session_options o = sync_options();
	o.source = SESSION_AUTO;
	return o;
}

/* "/snap 5" are polls, for two levels are published; "/snap 20" are snapshots. */
static struct rig *fallen_diff(void)
{
	struct rig *r = rig_with(numbered_options());
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	for (int i = 0; i < 60 && !asked(r, "/snap 20"); i++) {
		pass(r, 100 * MS);
		says(r, "ticker CANARY");
	}
	answers(r, "snap 10 b 100=1 99=1 98=1 a 101=1 102=1 103=1");
	says(r, "delta AAA 11 12 b 100=2 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	closed(r, 0, 0);
	for (int i = 0; i < 120 && !asked(r, "/snap 5 AAA"); i++)
		pass(r, 100 * MS);
	answers(r, "snap 50 b 90=1 89=1 a 91=1 92=1");
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	return r;
}

Test(session_fallback, a_book_out_of_changes_is_polled_with_its_number_and_its_bbo)
{
	struct rig *r = fallen_diff();
	cr_expect_eq(r->book.seq, 50);
	cr_expect_str_eq(r->book.top, "90x1 91x1");
	cr_expect_not_null(strstr(r->seen, "AAA rest disconnected; AAA book; AAA bbo; "), "%s",
			   r->seen);
	done(r);
}

static void speaks(struct rig *r, int64_t ns, bool polls)
{
	for (int64_t passed = 0; passed < ns && !asked(r, "/snap 20"); passed += 100 * MS) {
		pass(r, 100 * MS);
		says(r, "ticker CANARY");
		if (polls && asked(r, "/snap 5"))
			answers(r, "snap 50 b 90=1 89=1 a 91=1 92=1");
	}
}

Test(session_fallback, a_snapshot_older_than_the_poll_is_asked_for_again)
{
	struct rig *r = fallen_diff();
	opened(r);
	speaks(r, 6 * S, true);
	cr_assert(asked(r, "/snap 20"), "%s", r->get);
	answers(r, "snap 40 b 70=1 a 71=1");
	speaks(r, 6 * S, true);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_eq(r->book.seq, 50);
	cr_assert(asked(r, "/snap 20"), "%s", r->get);
	answers(r, "snap 50 b 90=1 89=1 a 91=1 92=1");
	for (int i = 0; i < 30 && view_of(r, "AAA").state == BC_STATE_REST; i++)
		speaks(r, 100 * MS, true);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 50);
	cr_expect_eq(r->book.flags & BC_FLAG_REST, 0);
	done(r);
}

/* A snapshot waits for its stream, and the next poll comes meanwhile: it is right all the same. */
Test(session_fallback, a_snapshot_that_a_poll_overtakes_carries_the_stream_up_to_it)
{
	struct rig *r = fallen_diff();
	opened(r);
	says(r, "delta AAA 50 52 b 90=2 a"); /* nothing links to it */
	speaks(r, 6 * S, true);
	cr_assert(asked(r, "/snap 20"), "%s", r->get);
	answers(r, "snap 55 b 90=1 89=1 a 91=1 92=1");
	for (int i = 0; i < 15 && !asked(r, "/snap 5 "); i++)
		pass(r, 100 * MS);
	answers(r, "snap 60 b 90=6 89=1 a 91=1 92=1");
	says(r, "delta AAA 53 56 b 90=3 a");
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_eq(r->book.seq, 60);
	says(r, "delta AAA 57 61 b 90=7 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 61);
	cr_expect_str_eq(r->book.top, "90x7 91x1");
	done(r);
}

Test(session_fallback, the_stream_catches_up_with_the_poll_before_it_is_believed)
{
	struct rig *r = fallen_diff();
	opened(r);
	says(r, "delta AAA 13 30 b 100=3 a"); /* right behind what was there: it links */
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	says(r, "delta AAA 31 49 b 100=4 a");
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect_eq(r->book.seq, 50);
	forget(r);
	says(r, "tick AAA 48 1 2");
	cr_expect_str_empty(r->seen);
	says(r, "delta AAA 50 51 b 100=5 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 51);
	done(r);
}

Test(session_fallback, a_poll_older_than_the_bbo_of_the_stream_leaves_it_alone)
{
	struct rig *r = fallen_diff();
	opened(r);
	says(r, "tick AAA 60 1 2");
	for (int i = 0; i < 30 && !asked(r, "/snap 5 AAA"); i++)
		pass(r, 100 * MS);
	forget(r);
	answers(r, "snap 55 b 90=1 89=1 a 91=1 92=1");
	cr_expect_str_eq(r->seen, "AAA book; ");
	done(r);
}

Test(session_fallback, tickers_are_polled_beside_the_books)
{
	struct session_options o = poll_options();
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	struct rig *r = fallen_rig(o, "AAA");
	served_for(r, 2 * S);
	cr_expect_not_null(strstr(r->seen, "AAA ticker; "));
	opened(r);
	forget(r);
	says(r, "ticker AAA");
	cr_expect_str_eq(r->seen, "AAA ticker; "); /* ours: as of now */
	done(r);
}

Test(session_fallback, where_tickers_are_all_they_prove_the_symbol)
{
	struct session_options o = poll_options();
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	served_for(r, AFTER + 2 * S);
	expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
	cr_expect(!asked(r, "/books"));
	done(r);
}

/* Whichever of the two it is that proves the symbol. */
Test(session_fallback, older_tickers_are_left_out_and_three_are_believed)
{
	for (int books = 0; books <= 1; books++) {
		struct session_options o = poll_options();
		o.channels = BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
		if (books)
			o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
		struct rig *r = rig_with(o);
		add(r, "AAA");
		session_start(r->session, r->now);
		served_for(r, AFTER + 2 * S);
		for (int n = 1; n <= 4; n++) {
			for (int i = 0; i < 30 && !asked(r, "/tickers"); i++) {
				pass(r, 100 * MS);
				if (asked(r, "/books"))
					answers(r, "polled AAA 1700000030000 1 2");
			}
			cr_assert(asked(r, "/tickers"));
			forget(r);
			answers(r, "tickers AAA 1700000009000");
			cr_expect_str_eq(r->seen, n < 3 ? "" : "AAA ticker; ", "answer %d", n);
		}
		expect_state(r, "AAA", BC_STATE_REST, BC_REASON_DISCONNECTED);
		done(r);
	}
}

/* Another line of it is down, and the books of the stream come half a second later than by REST. */
Test(session_fallback, a_stream_that_lags_and_catches_up_is_not_believed_while_it_is_behind)
{
	struct session_options o = poll_options();
	static struct bc_exchange x;
	x = fake_lines_exchange;
	x.rest = poll_rest;
	x.n_rest = 2;
	x.rest_path = poll_path;
	o.exchange = &x;
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_TRADE);
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened_on(r, 0);
	says_on(r, 0, "ack 1");
	says_at(r, "AAA", 0);
	for (int i = 0; i < 110; i++) {
		pass(r, 100 * MS);
		says(r, "up");
		says_at(r, "CANARY", i);
	}
	for (int ms = 20000; ms < 40000; ms += 1000) {
		for (int i = 0; i < 30 && !asked(r, "/books"); i++) {
			pass(r, 100 * MS);
			says_at(r, "CANARY", ms);
		}
		serve(r, ms);
		cr_assert_eq(view_of(r, "AAA").state, BC_STATE_REST);
		forget(r);
		says_at(r, "AAA", ms - 500);
		cr_expect_str_empty(r->seen, "%d ms: behind the poll", ms);
		says_at(r, "AAA", ms + 1);
		cr_expect_str_eq(r->seen, "AAA book; ");
	}
	done(r);
}

/* ------------------------------------------------------------------ trades */

Test(session_fallback, trades_are_told_once_each_and_not_again_by_the_stream)
{
	struct session_options o = poll_options();
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_TRADE);
	o.history_trades = 50;
	struct rig *r = live_poll_rig(o, "AAA", 0);
	says(r, "trade AAA 1");
	closed(r, 0, 0);
	served_for(r, AFTER + S);
	cr_assert(asked(r, "/trades AAA"), "%s", r->get);
	forget(r);
	answers(r, "trades 12@1700000012000 11@1700000011000 10@1700000010000 9@1700000009000 "
		   "8@1700000008000 7@1700000007000 6@1700000006000 5@1700000005000 "
		   "4@1700000004000 3@1700000003000 2@1700000002000 1@1700000001000");
	cr_expect_str_eq(r->told, "2* 3* 4* 5* 6* 7* 8* 9* 10* 11* 12* ");
	for (int i = 0; i < 20 && !asked(r, "/trades"); i++)
		served_for(r, S);
	cr_assert(asked(r, "/trades AAA"), "asked again while it lasts");
	forget(r);
	answers(r, "trades 13@1700000014000 12@1700000012000 3@1700000003000 2@1700000002000");
	cr_expect_str_eq(r->told, "13* ");
	if (r->gone[0])
		closed(r, 0, 0); /* it was given up meanwhile */
	pass(r, 2 * S);
	opened(r);
	forget(r);
	says(r, "again AAA 13");
	says(r, "trade AAA 14");
	cr_expect_str_eq(r->told, "14 ");
	done(r);
}

Test(session_fallback, trades_nobody_listens_to_are_not_polled)
{
	struct session_options o = poll_options();
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_TRADE);
	o.history_trades = 50;
	struct rig *r = live_poll_rig(o, "AAA", 0);
	r->deaf = "trade";
	closed(r, 0, 0);
	served_for(r, AFTER + 20 * S);
	cr_expect(!asked(r, "/trades"));
	done(r);
}
