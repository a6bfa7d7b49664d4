/* Trades and candles from before the stream: asked for last and for those who listen, told once to
 * each of them, oldest first, and proof of nothing. */
#include "tests/support/session_history_rig.h"

/* ------------------------------------------------------------------ asking */

Test(session_history, is_asked_for_once_the_stream_runs)
{
	struct rig *r = history_rig(false);
	pass(r, 1900 * MS);
	cr_expect_eq(r->n_gets, 0, "the stream must be ahead of the request");
	pass(r, 200 * MS);
	cr_expect(asked(r, "/trades AAA  100"), "as many as there are at once: %s", r->get);
	answers(r, "trades 1@1");
	later(r, 120 * S);
	cr_expect_eq(r->n_gets, 1, "once");
	done(r);
}

Test(session_history, is_not_asked_for_where_nobody_wants_it)
{
	struct session_options o = history_options();
	for (int i = 0; i < 2; i++) {
		if (i == 0)
			o.history_trades = o.history_candles = 0;
		else
			o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
		struct rig *r = rig_with(o);
		add(r, "AAA");
		session_start(r->session, r->now);
		opened(r);
		pass(r, 4 * S);
		cr_expect_eq(r->n_gets, 0, "%d: %s", i, r->get);
		done(r);
		o = history_options();
	}
}

Test(session_history, every_interval_is_asked_for)
{
	struct rig *r = history_rig(true);
	pass(r, 3 * S);
	cr_expect(asked(r, "/candles AAA 1m 3"));
	answers(r, "candles 60000 120000 180000");
	pass(r, 0);
	cr_expect(asked(r, "/candles AAA 1h 3"));
	answers(r, "candles 3600000");
	pass(r, 0);
	cr_expect_str_eq(r->told, "60000* 120000* 180000* 3600000* ");
	cr_expect_eq(r->n_gets, 2);
	done(r);
}

Test(session_history, is_given_up_after_three_bad_answers)
{
	struct rig *r = history_rig(false);
	for (int i = 0; i < 300; i++) {
		if (asked(r, "/trades"))
			answers(r, i % 2 == 0 ? "<html>" : "list AAA:nothing more");
		later(r, S);
	}
	cr_expect_eq(r->n_gets, 3);
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	done(r);
}

Test(session_history, a_limit_of_the_exchange_is_no_bad_answer)
{
	struct rig *r = history_rig(false);
	for (int i = 0; i < 5; i++) {
		for (int k = 0; k < 60 && !asked(r, "/trades"); k++)
			later(r, S);
		cr_assert(asked(r, "/trades"), "%d", i);
		answers_not(r, 429, 10 * S);
	}
	later(r, 30 * S);
	cr_assert(asked(r, "/trades"));
	answers(r, "trades 1@1");
	cr_expect_str_eq(r->told, "1* ");
	done(r);
}

Test(session_history, removed_in_flight_is_harmless)
{
	struct rig *r = history_rig(false);
	char why[64];
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades AAA"));
	cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	add(r, "BBB"); /* takes its number */
	answers(r, "trades 1@1");
	cr_expect_str_eq(r->told, "");
	cr_assert_eq(session_remove(r->session, r->now, "BBB", why, sizeof why), BC_OK);
	done(r);
}

/* ------------------------------------------------------------------ telling */

Test(session_history, comes_oldest_first_however_the_exchange_orders_it)
{
	struct rig *r = history_rig(false);
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades 12@1003 11@1002 9@1001 10@1001 8@1000");
	cr_expect_str_eq(r->told, "8* 9* 10* 11* 12* ");
	cr_expect_eq(r->last_flags, BC_FLAG_SNAPSHOT | BC_FLAG_REST);
	cr_expect_eq(session_counters(r->session)->history, 5);
	done(r);
}

Test(session_history, ends_where_the_stream_begins)
{
	struct rig *r = history_rig(false);
	for (int i = 100; i < 120; i++) { /* more than a ring of the last ones holds */
		char text[32];
		snprintf(text, sizeof text, "trade AAA %d", i);
		says(r, text);
	}
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades 119@9 118@9 102@9 101@9 100@9 99@9 98@9 97@9");
	cr_expect_str_eq(r->told, "97* 98* 99* ");
	says(r, "trade AAA 120");
	cr_expect_str_eq(r->told, "97* 98* 99* 120 ");
	done(r);
}

Test(session_history, a_silent_stream_may_lag)
{
	struct rig *r = history_rig(false);
	pass(r, 3 * S);
	answers(r, "trades 7@7 6@6 5@5 4@4 3@3");
	says(r, "trade AAA 6");
	says(r, "trade AAA 7");
	says(r, "trade AAA 8");
	cr_expect_str_eq(r->told, "3* 4* 5* 6* 7* 8 ");
	done(r);
}

Test(session_history, leaves_the_last_trades_of_the_stream_known)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA 50");
	pass(r, 3 * S);
	answers(r, "trades 49@9 48@8 47@7 46@6 45@5 44@4 43@3 42@2 41@1 40@1");
	forget(r);
	says(r, "again AAA 50"); /* as after another subscription */
	cr_expect_str_eq(r->told, "", "the stream's own trades were pushed out");
	done(r);
}

Test(session_history, so_does_an_answer_that_comes_between_two_connections)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA x-50");
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades"));
	closed(r, 0, 0);
	answers(r, "trades x-49@9 x-48@8 x-47@7 x-46@6 x-45@5 x-44@4 x-43@3 x-42@2 x-41@1");
	for (int i = 0; i < 100 && !r->connecting[0]; i++)
		pass(r, 100 * MS);
	opened(r);
	forget(r);
	says(r, "again AAA x-50");
	cr_expect_str_eq(r->told, "", "the stream's own trades were pushed out");
	done(r);
}

Test(session_history, fills_the_hole_of_a_lost_connection_and_no_more)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA 50");
	pass(r, 3 * S);
	answers(r, "trades 49@9 48@8");
	for (int i = 51; i < 70; i++) {
		char text[32];
		snprintf(text, sizeof text, "trade AAA %d", i);
		says(r, text);
	}
	lose_and_return(r);
	says(r, "again AAA 75"); /* the last one, as the subscription tells it */
	says(r, "trade AAA 76");
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades"));
	forget(r);
	answers(r, "trades 77@9 76@9 75@9 74@9 73@9 72@9 71@9 70@9 69@9 68@9 51@9 50@9 49@9 48@9");
	cr_expect_str_eq(r->told, "70* 71* 72* 73* 74* ");
	done(r);
}

/* What the first one still owed when it died, and the successor was not yet told of. */
Test(session_history, fills_the_hole_of_a_successor_that_takes_over_early)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA 50");
	pass(r, 3 * S);
	answers(r, "trades 49@9 48@8");
	says(r, "leaving");
	pass(r, 0);
	opened_on(r, 1);
	says_on(r, 1, "book AAA 1 2");
	closed_as(r, 0, (struct session_closed){ 0 });
	forget(r);
	says_on(r, 1, "trade AAA 55");
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades"));
	answers(r, "trades 56@9 55@9 54@9 53@9 52@9 51@9 50@9 49@9");
	cr_expect_str_eq(r->told, "55 51* 52* 53* 54* ");
	done(r);
}

Test(session_history, fills_the_hole_where_the_stream_is_silent_after_it)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA 50");
	lose_and_return(r); /* before there was any history */
	says(r, "again AAA 50");
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades 50@9 49@8 48@8");
	cr_expect_str_eq(r->told, "48* 49* ", "nothing was missed");
	lose_and_return(r);
	says(r, "trade CANARY 1");
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades 52@9 51@9 50@9 49@8 48@8");
	cr_expect_str_eq(r->told, "51* 52* ");
	says(r, "again AAA 52");
	cr_expect_str_eq(r->told, "51* 52* ");
	done(r);
}

Test(session_history, ids_that_are_no_numbers_are_ordered_by_time)
{
	struct rig *r = history_rig(false);
	says(r, "trade AAA x-9"); /* at 1700000000 s */
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades a-1@1699999999000 b-2@1699999998000 x-9@1700000000000 "
		   "z-1@1700000001000");
	cr_expect_str_eq(r->told, "b-2* a-1* ");
	done(r);
}

Test(session_history, the_open_candle_of_the_stream_stands)
{
	struct rig *r = history_rig(true);
	says(r, "candle AAA 1m 240000");
	says(r, "candle AAA 1m 300000");
	pass(r, 3 * S);
	forget(r);
	cr_assert(asked(r, "/candles AAA 1m"));
	answers(r, "candles 300000 240000 180000 120000");
	cr_expect_str_eq(r->told, "120000* 180000* ");
	lose_and_return(r);
	says(r, "candle AAA 1m 480000");
	pass(r, 3 * S);
	forget(r);
	cr_assert(asked(r, "/candles AAA 1m"));
	answers(r, "candles 480000 420000 360000 300000 240000 180000");
	cr_expect_str_eq(r->told, "300000* 360000* 420000* ",
			 "the one that was open has changed since");
	done(r);
}

/* ------------------------------------------------------------------ what it must not do */

Test(session_history, proves_nothing)
{
	struct rig *r = rig_with(history_options());
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	pass(r, 3 * S);
	answers(r, "trades 1@1 2@2");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_SYNCING);
	cr_expect_eq(session_counters(r->session)->events[BC_CHANNEL_TRADE], 0);
	pass(r, 3 * S);
	cr_expect_eq(r->n_disconnects, 1, "the connection is silent all the same");
	done(r);
}

Test(session_history, of_others_is_not_taken)
{
	struct rig *r = history_rig(false);
	add(r, "BBB");
	pass(r, 2100 * MS);
	cr_assert(asked(r, "/trades AAA"));
	forget(r);
	answers(r, "trade BBB 5");
	answers(r, "book AAA 8 9");
	cr_expect_str_eq(r->told, "");
	cr_expect_str_eq(r->seen, "");
	done(r);
}

Test(session_history, ten_thousand_trades_in_one_answer_are_bounded)
{
	struct rig *r = history_rig(false);
	pass(r, 3 * S);
	size_t most = session_rest_max_bytes(r->session, r->get_number);
	cr_expect(most >= 100 * 200 && most < 1000000, "%zu bytes", most);
	done(r);
}
