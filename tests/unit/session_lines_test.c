/* The feed session on lines that add: batches, answers, what is taken back, several connections,
 * and one symbol on two lines. */
#include "tests/support/session_lines.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ batches and answers */

Test(lines, next_frame_waits_for_the_answer_to_the_one_before)
{
	struct rig *r = rig_with(options_of_lines());
	add(r, "AAA BBB CCC DDD");
	session_start(r->session, r->now);
	opened_on(r, PUBLIC);
	cr_expect_str_eq(named_on(r, PUBLIC), "AAA BBB CCC");
	pass(r, S);
	cr_expect_eq(frames_on(r, PUBLIC), 1, "it is not answered yet");
	says_on(r, PUBLIC, "ack 77");
	pass(r, 0);
	cr_expect_eq(frames_on(r, PUBLIC), 1, "that was the answer to something else");
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	cr_expect_str_eq(named_on(r, PUBLIC), "DDD CANARY");
	expect_state(r, "AAA", BC_STATE_CONNECTING, BC_REASON_NONE);
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	expect_state(r, "DDD", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(frames_on(r, PUBLIC), 2);
	done(r);
}

Test(lines, frame_that_is_not_answered_is_sent_once_more)
{
	struct rig *r = open_lines(options_of_lines(), "AAA");
	says_on(r, PUBLIC, "ticker CANARY");
	pass(r, 2900 * MS);
	cr_expect_eq(frames_on(r, PUBLIC), 1);
	pass(r, 200 * MS);
	cr_expect_eq(frames_on(r, PUBLIC), 2);
	cr_expect_str_eq(named_on(r, PUBLIC), "AAA CANARY");
	cr_expect(strstr(r->logged, "feed.unanswered line=public symbol=AAA") != NULL, "%s",
		  r->logged);
	says_on(r, PUBLIC, "ticker CANARY");
	says_on(r, MARKET, "ticker CANARY");
	pass(r, 2 * S);
	cr_expect_eq(r->n_disconnects, 0);
	pass(r, 1200 * MS);
	cr_expect(r->gone[PUBLIC], "twice is enough");
	done(r);
}

Test(lines, exchange_that_answers_nothing_is_not_waited_for)
{
	struct bc_exchange x = fake_lines_exchange;
	struct bc_line lines[2] = { x.lines[0], x.lines[1] };
	struct session_options o = options_of_lines();
	lines[0].acks = lines[1].acks = false;
	x.lines = lines;
	o.exchange = &x;
	struct rig *r = rig_with(o);
	add(r, "AAA BBB CCC DDD");
	session_start(r->session, r->now);
	opened_on(r, PUBLIC);
	cr_expect_str_eq(named_on(r, PUBLIC), "DDD CANARY");
	expect_state(r, "DDD", BC_STATE_SYNCING, BC_REASON_NONE);
	done(r);
}

Test(lines, refusal_harms_only_the_symbol_at_fault)
{
	struct rig *r = rig_with(options_of_lines());
	add(r, "AAA BBB BAD");
	session_start(r->session, r->now);
	opened_on(r, PUBLIC);
	for (int i = 0; i < 20 && r->sent[r->n_sent - 1].connection == PUBLIC; i++) {
		size_t n = frames_on(r, PUBLIC);
		answer_on(r, PUBLIC, strstr(named_on(r, PUBLIC), "BAD") != NULL ? "no" : "ack");
		pass(r, 300 * MS);
		if (frames_on(r, PUBLIC) == n)
			break;
		says_on(r, PUBLIC, "book CANARY 1 2");
	}
	opened_on(r, MARKET);
	ack_all_on(r, MARKET);
	says_on(r, PUBLIC, "book AAA 1 2");
	says_on(r, PUBLIC, "book BBB 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect(strstr(r->logged, "feed.refused-subscription line=public asked=subscribe "
				    "symbol=BAD code=2 message=no stream") != NULL,
		  "%s", r->logged);
	cr_expect_neq(view_of(r, "BAD").state, BC_STATE_LIVE);
	cr_expect_leq(frames_on(r, PUBLIC), 8);
	done(r);
}

/* A frame that was not answered yet is: one that asks for BBB with `verb`. True: it took it back.
 */
static bool answer_news(struct rig *r, uint32_t c, size_t *n, const char *verb)
{
	if (frames_on(r, c) == *n)
		return false;
	*n = frames_on(r, c);
	bool back = strncmp(frame_on(r, c), "unsub#", 6) == 0;
	answer_on(r, c, back || c == MARKET ? "ack" : verb);
	return back;
}

Test(lines, who_was_refused_alone_is_asked_for_again_with_growing_waits)
{
	struct rig *r = live_lines(options_of_lines(), "AAA");
	size_t n[2] = { frames_on(r, PUBLIC), frames_on(r, MARKET) }, again = 0;
	static const int at[] = { 10, 20, 40, 80 };
	add(r, "BBB");
	for (int second = 0; second < 90; second++) {
		pass_proven(r, 1, 2);
		answer_news(r, MARKET, &n[MARKET], "ack");
		if (!answer_news(r, PUBLIC, &n[PUBLIC], second < 60 ? "no" : "ack"))
			continue;
		cr_assert_lt(again, 4);
		cr_expect_leq(abs(second - at[again]), 1, "%zu: at %d s", again, second);
		again++;
		expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_NO_DATA);
	}
	cr_expect_eq(again, 4);
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	says_on(r, PUBLIC, "book BBB 1 2");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(lines, what_came_too_soon_is_said_again_later)
{
	struct rig *r = rig_with(options_of_lines());
	add(r, "AAA");
	session_start(r->session, r->now);
	opened_on(r, PUBLIC);
	answer_on(r, PUBLIC, "slower");
	pass(r, 900 * MS);
	cr_expect_eq(frames_on(r, PUBLIC), 1);
	pass(r, 200 * MS);
	cr_expect_eq(frames_on(r, PUBLIC), 2);
	cr_expect_str_eq(named_on(r, PUBLIC), "AAA CANARY");
	done(r);
}

/* ------------------------------------------------------------------ coming and going */

Test(lines, symbol_added_later_is_all_that_is_sent)
{
	struct rig *r = live_lines(options_of_lines(), "AAA BBB");
	add(r, "CCC");
	pass(r, 0);
	cr_expect_str_eq(named_on(r, PUBLIC), "CCC");
	cr_expect_str_eq(named_on(r, MARKET), "CCC");
	ack_both(r);
	expect_state(r, "CCC", BC_STATE_SYNCING, BC_REASON_NONE);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(lines, symbol_removed_is_taken_back_and_heard_no_more)
{
	struct rig *r = live_lines(options_of_lines(), "AAA BBB");
	char why[64];
	session_remove(r->session, r->now, "AAA", why, sizeof why);
	forget(r);
	pass(r, 0);
	cr_expect(strncmp(frame_on(r, PUBLIC), "unsub#", 6) == 0, "%s", frame_on(r, PUBLIC));
	cr_expect_str_eq(named_on(r, PUBLIC), "AAA");
	cr_expect_str_eq(named_on(r, MARKET), "AAA");
	says_on(r, PUBLIC, "book AAA 1 2");
	cr_expect_str_eq(r->seen, "");
	ack_all_on(r, PUBLIC);
	add(r, "AAA");
	pass(r, 0);
	cr_expect(strncmp(frame_on(r, PUBLIC), "sub#", 4) == 0, "and asked for again");
	cr_expect_str_eq(named_on(r, PUBLIC), "AAA");
	done(r);
}

Test(lines, symbol_removed_while_it_is_asked_for)
{
	struct rig *r = live_lines(options_of_lines(), "AAA");
	char why[64];
	add(r, "BBB");
	pass(r, 0);
	session_remove(r->session, r->now, "BBB", why, sizeof why);
	add(r, "CCC"); /* has its number now */
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	expect_state(r, "CCC", BC_STATE_CONNECTING, BC_REASON_NONE);
	cr_expect(strncmp(frame_on(r, PUBLIC), "unsub#", 6) == 0, "%s", frame_on(r, PUBLIC));
	cr_expect_str_eq(named_on(r, PUBLIC), "BBB");
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	cr_expect_str_eq(named_on(r, PUBLIC), "CCC");
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	expect_state(r, "CCC", BC_STATE_SYNCING, BC_REASON_NONE);
	done(r);
}

Test(lines, canary_that_is_removed_goes_on_as_canary)
{
	struct rig *r = live_lines(options_of_lines(), "AAA CANARY");
	char why[64];
	size_t n = r->n_sent;
	session_remove(r->session, r->now, "CANARY", why, sizeof why);
	pass(r, S);
	cr_expect_eq(r->n_sent, n, "%s", frame_on(r, PUBLIC));
	done(r);
}

Test(lines, sends_stay_within_the_budget_when_answers_are_quick)
{
	struct rig *r = live_lines(options_of_lines(), "AAA");
	char name[32], why[64];
	size_t before = r->n_sent;
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof name, "S%d", i % 5);
		if (i % 10 < 5)
			add(r, name);
		else
			session_remove(r->session, r->now, name, why, sizeof why);
		says_on(r, PUBLIC, "ticker CANARY");
		answer_on(r, PUBLIC, "ack");
		says_on(r, MARKET, "ticker CANARY");
		answer_on(r, MARKET, "ack");
		pass(r, 100 * MS);
	}
	int64_t at[2][256];
	size_t n[2] = { 0 };
	for (size_t i = before; i < r->n_sent; i++)
		at[r->sent[i].connection][n[r->sent[i].connection]++] = r->sent[i].at;
	for (int c = 0; c < 2; c++) {
		cr_expect_gt(n[c], 8);
		for (size_t i = 4; i < n[c]; i++)
			cr_expect_geq(at[c][i] - at[c][i - 4], S, "5 sends in less than 1 s");
	}
	done(r);
}

Test(lines, lost_connection_subscribes_all_of_it_again)
{
	struct rig *r = live_lines(options_of_lines(), "AAA BBB");
	closed_as(r, MARKET, (struct session_closed){ 0 });
	pass(r, S);
	opened_on(r, MARKET);
	cr_expect_str_eq(named_on(r, MARKET), "AAA BBB CANARY");
	done(r);
}

/* ------------------------------------------------------------------ several connections */

Test(lines, symbols_spread_over_connections_and_freed_places_are_used_again)
{
	struct rig *r = live_lines(options_of_lines(), "S0 S1 S2 S3 S4 S5 S6");
	char why[64];
	cr_expect_eq(session_connections(r->session), 2, "7 and the canary are 8 streams");
	add(r, "S7");
	cr_expect_eq(session_connections(r->session), 3);
	pass(r, 0);
	opened_on(r, 2);
	cr_expect_str_eq(named_on(r, 2), "S7 CANARY", "the canary is on each");
	ack_all_on(r, 2);
	session_remove(r->session, r->now, "S3", why, sizeof why);
	add(r, "S8");
	cr_expect_eq(session_connections(r->session), 3);
	pass(r, 0);
	cr_expect_str_eq(named_on(r, PUBLIC), "S3", "first it makes room");
	answer_on(r, PUBLIC, "ack");
	pass(r, 0);
	cr_expect_str_eq(named_on(r, PUBLIC), "S8");
	done(r);
}

Test(lines, place_is_not_free_where_nothing_can_be_taken_back)
{
	struct bc_exchange x = fake_lines_exchange;
	struct session_options o = options_of_lines();
	char why[64];
	x.unsubscribe = NULL;
	o.exchange = &x;
	struct rig *r = live_lines(o, "S0 S1 S2 S3 S4 S5 S6");
	session_remove(r->session, r->now, "S3", why, sizeof why);
	add(r, "S8");
	cr_expect_eq(session_connections(r->session), 3);
	done(r);
}

/* The canary is subscribed everywhere; where it is followed too, one connection speaks for it. */
Test(lines, data_counts_where_its_symbol_is_carried)
{
	struct rig *r = live_lines(options_of_lines(), "CANARY S1 S2 S3 S4 S5 S6");
	add(r, "S7");
	pass(r, 0);
	opened_on(r, 2);
	ack_all_on(r, 2);
	forget(r);
	says_on(r, 2, "book CANARY 1 2");
	cr_expect_str_eq(r->seen, "");
	says_on(r, PUBLIC, "book CANARY 1 2");
	cr_expect_str_eq(r->seen, "CANARY book; ");
	done(r);
}

/* ------------------------------------------------------------------ one symbol, two lines */

Test(lines, loss_of_a_line_without_the_book_heals_without_a_book)
{
	struct rig *r = live_lines(options_of_lines(), "AAA BBB CCC");
	closed_as(r, MARKET, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says_on(r, PUBLIC, "book AAA 1 2");
	says_on(r, PUBLIC, "book BBB 3 2"); /* crossed */
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, S);
	opened_on(r, MARKET);
	says_on(r, PUBLIC, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	ack_all_on(r, MARKET);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	expect_state(r, "CCC", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_neq(view_of(r, "BBB").state, BC_STATE_LIVE, "its book became wrong meanwhile");
	done(r);
}

Test(lines, loss_of_the_line_with_the_book_wants_a_book)
{
	struct rig *r = live_lines(options_of_lines(), "AAA");
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, S);
	opened_on(r, PUBLIC);
	ack_all_on(r, PUBLIC);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says_on(r, PUBLIC, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(lines, book_before_the_last_answer_counts)
{
	struct rig *r = open_lines(options_of_lines(), "AAA");
	says_on(r, PUBLIC, "book AAA 1 2");
	ack_all_on(r, PUBLIC);
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	ack_all_on(r, MARKET);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(lines, symbol_that_one_line_never_speaks_of_is_named_once)
{
	struct rig *r = live_lines(options_of_lines(), "AAA");
	add(r, "MUTE");
	pass(r, 0);
	ack_both(r);
	says_on(r, PUBLIC, "book MUTE 1 2");
	says_on(r, MARKET, "ticker AAA");
	pass_proven(r, 9, 2);
	cr_expect(strstr(r->logged, "symbol.mute") == NULL, "%s", r->logged);
	pass_proven(r, 10, 2);
	add(r, "BBB"); /* there is another look after each subscription */
	pass(r, 0);
	ack_both(r);
	says_on(r, PUBLIC, "book BBB 1 2");
	says_on(r, MARKET, "ticker BBB");
	pass_proven(r, 20, 2);
	const char *told = strstr(r->logged, "symbol.mute symbol=MUTE line=market path=/market");
	cr_assert_not_null(told, "%s", r->logged);
	cr_expect(strstr(told + 1, "symbol.mute") == NULL, "once: %s", r->logged);
	expect_state(r, "MUTE", BC_STATE_QUIET, BC_REASON_NONE);
	done(r);
}

Test(lines, trades_may_be_rare_so_their_silence_says_nothing)
{
	struct session_options o = options_of_lines();
	o.channels &= ~BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	struct rig *r = live_lines(o, "AAA");
	add(r, "RARE");
	pass(r, 0);
	ack_both(r);
	says_on(r, PUBLIC, "book RARE 1 2");
	pass_proven(r, 30, 2);
	cr_expect(strstr(r->logged, "symbol.mute") == NULL, "%s", r->logged);
	done(r);
}

Test(lines, acknowledged_and_silent_is_given_up)
{
	struct rig *r = open_lines(options_of_lines(), "AAA");
	ack_both(r);
	for (int i = 0; i < 6; i++) {
		says_on(r, PUBLIC, "book AAA 1 2");
		pass(r, S);
	}
	cr_expect(r->gone[MARKET], "an acknowledgement is no data");
	cr_expect(!r->gone[PUBLIC]);
	cr_expect(strstr(r->logged, "feed.mute line=market path=/market") != NULL, "%s", r->logged);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	done(r);
}

Test(lines, silent_from_the_beginning_says_so_until_there_is_data)
{
	struct rig *r = open_lines(options_of_lines(), "AAA");
	ack_both(r);
	pass(r, 6 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	closed_as(r, MARKET, (struct session_closed){ 0 });
	pass(r, S);
	opened_on(r, PUBLIC);
	opened_on(r, MARKET);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	ack_both(r);
	says_on(r, PUBLIC, "book AAA 1 2");
	says_on(r, MARKET, "ticker CANARY");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* ------------------------------------------------------------------ told to stay away */

Test(lines, each_time_longer)
{
	static const struct {
		struct session_closed how;
		int64_t first;
		const char *why;
	} rows[] = {
		{ { .close_code = 1008 }, S, "too many requests" },
		{ { .http_status = 429 }, S, "the same, of upgrades" },
		{ { .http_status = 418 }, 30 * S, "banned" },
		{ { .http_status = 403 }, 10 * S, "kept out by a firewall" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct session_options o = options_of_lines();
		o.backoff_max_ns = MS; /* what is measured is not the jitter */
		o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
		struct rig *r = rig_with(o);
		add(r, "AAA");
		session_start(r->session, r->now);
		for (int n = 0; n < 5; n++) {
			int64_t wait = rows[i].first << n;
			if (rows[i].how.close_code != 0)
				opened_on(r, 0);
			closed_as(r, 0, rows[i].how);
			pass(r, wait - 2 * MS);
			cr_expect(!r->connecting[0], "%s, time %d", rows[i].why, n);
			pass(r, 4 * MS);
			cr_expect(r->connecting[0], "%s, time %d: but then", rows[i].why, n);
		}
		done(r);
	}
}

Test(lines, ban_of_our_address_holds_for_every_connection)
{
	struct rig *r = rig_with(options_of_lines());
	add(r, "AAA");
	session_start(r->session, r->now);
	closed_as(r, PUBLIC,
		  (struct session_closed){ .http_status = 418, .retry_after_ns = 120 * S });
	closed_as(r, MARKET, (struct session_closed){ 0 });
	pass(r, 119 * S);
	cr_expect_eq(r->n_connects, 2);
	pass(r, 2 * S);
	cr_expect_eq(r->n_connects, 4);
	done(r);
}
