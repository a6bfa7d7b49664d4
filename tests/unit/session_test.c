/* The feed session as it should go: subscriptions, liveness, what is listed, commands. */
#include "tests/support/session_rig.h"

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
	says(r, "trade AAA 9");
	cr_expect_str_eq(r->seen, "AAA trade; AAA trade; AAA trade; ");
	cr_expect_eq(session_counters(r->session)->duplicates, 1);
	done(r);
}

Test(session, trade_is_told_once_however_often_it_comes)
{
	struct rig *r = live_rig("AAA BBB");
	says(r, "trade AAA 1");
	says(r, "trade BBB 1");
	says(r, "trade AAA 1");
	says(r, "trade AAA 2");
	says(r, "trade AAA 3");
	says(r, "again AAA 2"); /* overtaken on its way */
	cr_expect_str_eq(r->seen, "AAA trade; BBB trade; AAA trade; AAA trade; ");
	cr_expect_eq(session_counters(r->session)->duplicates, 2);
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
	cr_expect(strstr(r->seen, "BBB quiet") == NULL, "it changes every two seconds: %s",
		  r->seen);
	cr_expect_eq(r->n_disconnects, 0);
	forget(r);
	says(r, "trade AAA 1");
	cr_expect_str_eq(r->seen, "AAA live none; AAA trade; ");
	done(r);
}

/* Who is heard is not looked for in its queue each time; nobody notices. */
Test(session, is_quiet_to_the_moment_and_who_is_heard_wakes_nobody)
{
	struct rig *r = live_rig("AAA BBB");
	for (int i = 0; i < 100; i++) {
		says(r, "book AAA 1 2");
		says(r, "book BBB 1 2");
		session_tick(r->session, r->now);
		if (i >= 50) /* before, an answer to the subscription is waited for */
			cr_expect_geq(session_next_deadline(r->session).ns,
				      r->now.mono.ns + 400 * MS);
		at(r, r->now.mono.ns + 70 * MS);
	}
	pass(r, 2930 * MS - 1);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "book BBB 1 2");
	pass(r, 1);
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	pass(r, 3 * S - 2);
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	pass(r, 1);
	expect_state(r, "BBB", BC_STATE_QUIET, BC_REASON_NONE);
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

/* An exchange that does not answer may have lost what was asked. */
Test(session, who_was_ignored_is_asked_for_again_with_growing_waits)
{
	struct rig *r = live_rig("AAA");
	add(r, "BBB");
	pass(r, S);
	size_t n = r->n_sent, times[6] = { 0 };
	for (int i = 0; i < 60; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
		times[i / 10] += r->n_sent - n;
		n = r->n_sent;
	}
	static const size_t want[6] = { 1, 1, 0, 1, 0, 0 };
	for (int i = 0; i < 6; i++)
		cr_expect_eq(times[i], want[i], "%zu after %d s", times[i], 10 * i);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "book BBB 1 2");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
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

/* ------------------------------------------------------------------ what is listed */

Test(session, glob_follows_what_is_listed)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "A* DDD/FAKE");
	session_start(r->session, r->now);
	cr_expect_eq(session_symbols(r->session), 0);
	cr_expect(session_awaits_listing(r->session));
	cr_expect_str_eq(r->get, "/list");
	answers(r, "list AAA ABB BBB DDD");
	cr_expect_eq(session_symbols(r->session), 3);
	cr_expect_not(session_awaits_listing(r->session));
	pass(r, 0);
	opened(r);
	cr_expect_str_eq(r->sent[0].text, "sub AAA ABB DDD CANARY");
	done(r);
}

Test(session, who_names_all_symbols_waits_for_no_listing)
{
	struct rig *r = rig_with(options_for_tests());
	char why[64];
	add(r, "AAA BBB");
	session_start(r->session, r->now);
	cr_expect_not(session_awaits_listing(r->session));
	add(r, "C*");
	cr_expect(session_awaits_listing(r->session));
	cr_expect_eq(session_remove(r->session, r->now, "C*", why, sizeof why), BC_OK);
	cr_expect_not(session_awaits_listing(r->session));
	done(r);
}

/* Until the list is read again, and what it says then. */
static void listed_again(struct rig *r, const char *list)
{
	for (int i = 0; i < 70 && strcmp(r->get, "/list") != 0; i++)
		pass(r, 10 * S);
	cr_assert_str_eq(r->get, "/list", "the listing is read again");
	answers(r, list);
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
	listed_again(r, "list AAA ABB ACC");
	cr_expect_eq(session_symbols(r->session), 2, "ACC is new, ABB was removed: %s", r->seen);
	done(r);
}

/* However it is wanted, and however it is removed: the last word holds. */
Test(session, what_was_removed_stays_away_whatever_it_was_called)
{
	static const struct {
		const char *wanted, *removed;
		uint32_t left;
	} rows[] = {
		{ "A*", "AB*", 1 },           { "AAA ABB", "AB*", 1 },
		{ "A*", "ABB/FAKE", 1 },      { "AAA ABB/FAKE", "ABB", 1 },
		{ "AAA ABB", "ABB/FAKE", 1 }, { "*/FAKE", "AB?/FAKE", 2 },
		{ "ABB/FAKE", "A*", 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_with(options_for_tests());
		char why[64];
		add(r, rows[i].wanted);
		session_start(r->session, r->now);
		answers(r, "list AAA ABB BBB");
		pass(r, 0);
		answers(r, "ticks AAA ABB BBB");
		cr_expect_eq(session_remove(r->session, r->now, rows[i].removed, why, sizeof why),
			     BC_OK, "row %zu: %s", i, why);
		cr_expect_eq(session_symbols(r->session), rows[i].left, "row %zu", i);
		listed_again(r, "list AAA ABB BBB");
		cr_expect_eq(session_symbols(r->session), rows[i].left, "row %zu: %s", i, r->seen);
		cr_expect_eq(session_wanted(r->session), rows[i].left, "row %zu", i);
		cr_expect_eq(session_remove(r->session, r->now, rows[i].removed, why, sizeof why),
			     BC_ENOTFOUND, "row %zu: once", i);
		done(r);
	}
}

/* Nobody who is listed is taken for gone, and who is gone is not kept by it. */
Test(session, one_instrument_that_cannot_be_read_costs_nobody_else_anything)
{
	struct rig *r = rig_with(options_for_tests());
	add(r, "A* BBB CCC");
	session_start(r->session, r->now);
	answers(r, "list AAA ABB:unread BBB:unread CCC");
	pass(r, 0);
	cr_expect_eq(session_symbols(r->session), 3, "but for ABB, whatever that is");
	expect_state(r, "BBB", BC_STATE_CONNECTING, BC_REASON_NONE);
	cr_expect_not_null(strstr(r->logged, "symbol.listing"), "%s", r->logged);
	cr_expect(asked(r, "ticks"), "%s", r->get);
	answers(r, "ticks AAA BBB CCC");
	listed_again(r, "list AAA:unread BBB DDD:unread");
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	expect_state(r, "CCC", BC_STATE_HALTED, BC_REASON_DELISTED);
	cr_expect_eq(session_counters(r->session)->rest_failures, 0);
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

Test(session, unlisted_symbol_added_later_has_the_list_read_again)
{
	struct rig *r = live_rig("AAA");
	char why[64];
	answers(r, "list AAA");
	pass(r, S);
	r->get[0] = '\0';
	cr_expect_eq(session_add(r->session, r->now, "AAB", why, sizeof why), BC_OK);
	pass(r, 0);
	cr_assert_str_eq(r->get, "/list");
	answers(r, "list AAA");
	expect_state(r, "AAB", BC_STATE_HALTED, BC_REASON_UNKNOWN_SYMBOL);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* The list is asked for again; the canary proves the connection meanwhile. */
static void until_the_next_list(struct rig *r)
{
	for (int i = 0; i < 700 && strcmp(r->get, "/list") != 0; i++) {
		pass(r, S);
		says(r, "ticker CANARY");
	}
	cr_assert_str_eq(r->get, "/list");
}

Test(session, symbol_that_left_the_list_is_halted_when_it_falls_silent)
{
	struct rig *r = live_rig("AAA BBB");
	answers(r, "list AAA BBB");
	pass(r, S);
	until_the_next_list(r);
	says(r, "book AAA 1 3");
	answers(r, "list BBB");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	for (int i = 0; i < 4; i++) { /* the canary proves the connection */
		pass(r, S);
		says(r, "ticker CANARY");
	}
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_DELISTED);
	expect_state(r, "BBB", BC_STATE_QUIET, BC_REASON_NONE);
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	r->get[0] = '\0';
	until_the_next_list(r);
	answers(r, "list AAA");
	expect_state(r, "BBB", BC_STATE_HALTED, BC_REASON_DELISTED);
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
	answers_not(r, 500, 0);
	session_tick(r->session, r->now);
	cr_expect_eq(r->n_gets, 1, "not at once");
	for (int i = 0; i < 3; i++) {
		says(r, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect_eq(r->n_gets, 2);
	answers_not(r, 429, 20 * S);
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
