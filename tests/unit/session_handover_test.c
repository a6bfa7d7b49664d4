/* Connections that are replaced before they end: when and how, and what becomes of symbols
 * meanwhile. */
#include "tests/support/handover_rig.h"

/* ------------------------------------------------------------------ when and how */

Test(handover, successor_is_made_before_the_end_and_not_by_all_at_once)
{
	int64_t earliest = INT64_MAX, latest = 0;
	for (int run = 0; run < 8; run++) {
		struct session_options o = options_of_day();
		o.seed = (uint64_t)run * 7919 + 1;
		struct rig *r = live_lines(o, "AAA");
		int64_t from = r->now.mono.ns;
		while (r->n_connects == 2 && r->now.mono.ns - from < DAY) {
			says_on(r, PUBLIC, "ticker CANARY");
			says_on(r, MARKET, "ticker CANARY");
			pass(r, 4 * S);
		}
		int64_t after = r->now.mono.ns - from;
		earliest = after < earliest ? after : earliest;
		latest = after > latest ? after : latest;
		cr_expect(r->connecting[2], "another one");
		cr_expect_eq(r->n_disconnects, 0);
		done(r);
	}
	cr_expect_geq(earliest, DAY - 41 * 60 * S);
	cr_expect_leq(latest, DAY - 9 * 60 * S);
	cr_expect_gt(latest - earliest, 60 * S, "spread");
}

Test(handover, old_one_is_dropped_when_both_have_run_side_by_side)
{
	struct rig *r = live_lines(options_of_day(), "AAA BBB");
	says_on(r, PUBLIC, "leaving");
	says_on(r, PUBLIC, "leaving"); /* as often as it likes */
	pass(r, 0);
	opened_on(r, NEXT);
	cr_expect_str_eq(named_on(r, NEXT), "AAA BBB CANARY", "the same symbols");
	ack_all_on(r, NEXT);
	forget(r);
	pass_proven(r, 4, 3);
	cr_expect(!r->gone[PUBLIC], "not yet");
	pass_proven(r, 3, 3);
	cr_expect(r->gone[PUBLIC]);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	pass_proven(r, 30, 3);
	cr_expect_eq(r->n_connects, 3, "and not made again");
	cr_expect_str_eq(r->seen, "AAA quiet none; BBB quiet none; ", "nobody noticed");
	cr_expect_eq(r->feed, BC_STATE_LIVE);
	cr_expect_eq(session_counters(r->session)->handovers, 1);
	cr_expect_eq(session_counters(r->session)->reconnects, 0);
	says_on(r, NEXT, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says_on(r, NEXT, "leaving"); /* the first one's number is used again */
	pass(r, 0);
	cr_expect(r->connecting[PUBLIC]);
	cr_expect_eq(session_connections(r->session), 3);
	done(r);
}

Test(handover, its_life_ends_too)
{
	struct bc_exchange x = fake_lines_exchange;
	struct bc_line lines[2] = { x.lines[0], x.lines[1] };
	struct session_options o = options_of_day();
	lines[0].life_ns = 400 * S;
	x.lines = lines;
	o.exchange = &x;
	struct rig *r = live_lines(o, "AAA");
	int64_t made = 0, shortest = INT64_MAX;
	for (int i = 0; i < 2000; i++) {
		for (uint32_t c = 0; c < 4; c++) {
			int64_t side_by_side = r->now.mono.ns - made;
			if (r->connecting[c]) {
				made = r->now.mono.ns;
				opened_on(r, c);
			}
			if (r->gone[c] && side_by_side < shortest)
				shortest = side_by_side;
			if (r->gone[c])
				closed_as(r, c, (struct session_closed){ 0 });
			if (strchr(frame_on(r, c), '#') != NULL)
				answer_on(r, c, "ack");
		}
		pass_proven(r, 1, 4);
		cr_assert(bc_state_fit(view_of(r, "AAA").state));
		cr_assert_eq(r->feed, BC_STATE_LIVE);
	}
	cr_expect_geq(session_counters(r->session)->handovers, 5);
	cr_expect_geq(shortest, 10 * S);
	cr_expect_eq(session_connections(r->session), 3);
	cr_expect_eq(session_counters(r->session)->reconnects, 0);
	done(r);
}

Test(handover, successor_that_cannot_be_made_is_tried_again_and_again)
{
	struct rig *r = live_lines(options_of_day(), "AAA");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	forget(r);
	int attempts = 0;
	for (int i = 0; i < 120; i++) {
		if (r->connecting[NEXT]) {
			attempts++;
			closed_as(r, NEXT, (struct session_closed){ 0 });
		}
		says_on(r, PUBLIC, "book AAA 1 2");
		pass_proven(r, 1, 2);
	}
	cr_expect_gt(attempts, 5);
	cr_expect_lt(attempts, 60, "with growing waits");
	cr_expect(strstr(r->seen, "stale") == NULL, "%s", r->seen);
	cr_expect_eq(r->feed, BC_STATE_LIVE);
	for (int i = 0; i < 40 && !r->connecting[NEXT]; i++)
		pass_proven(r, 1, 2);
	opened_on(r, NEXT);
	ack_all_on(r, NEXT);
	pass_proven(r, 13, 3);
	cr_expect(r->gone[PUBLIC], "one that comes up is taken");
	done(r);
}

Test(handover, successor_that_is_mute_or_lost_costs_nothing)
{
	static const struct {
		bool acked, lost;
		const char *says;
		const char *why;
	} rows[] = {
		{ false, false, "ticker CANARY", "subscriptions are not answered" },
		{ true, false, "ack 0", "subscribed, but silent" },
		{ true, true, "ticker CANARY", "lost" },
		{ true, false, "refuse AAA", "what it says is not understood" },
		{ true, false, "range AAA", "what it says does not fit" },
		{ true, false, "resync AAA", "its adapter does not trust it" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_lines(options_of_day(), "AAA");
		says_on(r, PUBLIC, "leaving");
		pass(r, 0);
		opened_on(r, NEXT);
		if (rows[i].acked)
			answer_on(r, NEXT, "ack");
		forget(r);
		for (int n = 0; n < 8 && !r->gone[NEXT]; n++) {
			says_on(r, NEXT, rows[i].says);
			says_on(r, PUBLIC, "book AAA 1 2");
			pass_proven(r, 1, 2);
		}
		cr_expect(rows[i].lost || r->gone[NEXT], "%s", rows[i].why);
		closed_as(r, NEXT, (struct session_closed){ 0 });
		says_on(r, PUBLIC, "book AAA 1 2");
		pass_proven(r, 2, 2);
		cr_expect(strstr(r->seen, "stale") == NULL, "%s: %s", rows[i].why, r->seen);
		cr_expect_eq(r->feed, BC_STATE_LIVE, "%s", rows[i].why);
		cr_expect(r->connecting[NEXT], "%s: tried again", rows[i].why);
		cr_expect_eq(session_counters(r->session)->handover_failures, 1);
		done(r);
	}
}

Test(handover, successor_that_lacks_a_symbol_does_not_take_its_place)
{
	struct rig *r = twins(PUBLIC, "AAA BBB CCC");
	for (int i = 0; i < 58; i++) { /* CCC is quiet: that says nothing */
		says_on(r, PUBLIC, "book AAA 1 2");
		says_on(r, NEXT, "book AAA 1 2");
		says_on(r, PUBLIC, "book BBB 1 2");
		pass_proven(r, 1, 3);
		cr_assert(!r->gone[PUBLIC]);
	}
	cr_expect(!r->gone[NEXT]);
	pass_proven(r, 4, 3);
	cr_expect(r->gone[NEXT]);
	cr_expect(strstr(r->logged, "handover.incomplete symbol=BBB") != NULL, "%s", r->logged);
	cr_expect(strstr(r->seen, "stale") == NULL, "%s", r->seen);
	done(r);
}

/* ------------------------------------------------------------------ one of them dies */

Test(handover, successor_takes_over_at_once)
{
	struct rig *r = twins(PUBLIC, "AAA BBB");
	pass_proven(r, 1, 3);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	cr_expect_str_eq(r->seen, "", "nobody is stale");
	cr_expect_eq(r->feed, BC_STATE_LIVE);
	says_on(r, NEXT, "book AAA 1 2");
	cr_expect_str_eq(r->seen, "AAA book; ");
	pass_proven(r, 40, 3);
	cr_expect_eq(r->n_connects, 3, "the one that died is not needed");
	says_on(r, NEXT, "book AAA 1 2");
	closed_as(r, NEXT, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	done(r);
}

Test(handover, successor_that_does_not_carry_all_yet_takes_over_what_it_does)
{
	struct rig *r = live_lines(options_of_lines(), "AAA BBB CCC DDD");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	opened_on(r, NEXT);
	answer_on(r, NEXT, "ack"); /* of AAA BBB CCC; the batch is not through */
	pass(r, 0);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	expect_state(r, "DDD", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect_eq(r->feed, BC_STATE_STALE);
	answer_on(r, NEXT, "ack");
	pass(r, 0);
	says_on(r, NEXT, "book DDD 1 2");
	expect_state(r, "DDD", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->feed, BC_STATE_LIVE);
	done(r);
}

/* That it was asked proves nothing: what was shown is as old as the first one's last word. */
Test(handover, successor_that_has_said_nothing_takes_over_in_doubt)
{
	struct rig *r = live_lines(options_of_day(), "AAA");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	opened_on(r, NEXT);
	ack_all_on(r, NEXT);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says_on(r, NEXT, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* Where a subscription makes the exchange send every book, one that has not come is not known. It
 * may have been delisted when it was asked for, and be listed by now. */
Test(handover, who_has_not_come_on_the_successor_is_in_doubt_and_asked_for_again)
{
	struct rig *r = live_rig("AAA BBB");
	session_renew(r->session, r->now);
	pass(r, 0);
	opened_on(r, 1);
	pass(r, 0);
	says_on(r, 1, "book AAA 1 2");
	pass(r, S);
	closed(r, 0, 0);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	size_t n = r->n_sent;
	for (int i = 0; i < 11; i++) {
		says_on(r, 1, "ticker CANARY");
		pass(r, S);
	}
	cr_expect_gt(r->n_sent, n, "all is subscribed again");
	says_on(r, 1, "book BBB 1 2");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* While a book that was in doubt is asked for again, it is not subscribed; it may be live. */
Test(handover, successor_that_is_still_connecting_takes_over_in_doubt_who_was_asked_for_again)
{
	struct rig *r = live_rig("AAA");
	session_renew(r->session, r->now);
	pass(r, 0);
	says(r, "book AAA 3 2"); /* crossed: all is asked for again */
	for (int i = 0; i < 4; i++)
		says(r, "book AAA 3 2");
	says(r, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	closed(r, 0, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	done(r);
}

Test(handover, who_was_refused_on_the_successor_is_asked_for_again_there)
{
	struct rig *r = live_lines(options_of_day(), "AAA");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	opened_on(r, NEXT);
	for (int i = 0; i < 3; i++) { /* both, one, the other */
		answer_on(r, NEXT, strstr(named_on(r, NEXT), "AAA") != NULL ? "no" : "ack");
		pass(r, 300 * MS);
	}
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	size_t n = frames_on(r, NEXT);
	pass_proven(r, 12, 3);
	cr_expect_gt(frames_on(r, NEXT), n);
	cr_expect_str_eq(named_on(r, NEXT), "AAA");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	done(r);
}

Test(handover, successor_that_is_still_connecting_becomes_the_connection)
{
	struct rig *r = live_lines(options_of_day(), "AAA");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, 2 * S);
	cr_expect_eq(r->n_connects, 3);
	opened_on(r, NEXT);
	ack_all_on(r, NEXT);
	says_on(r, NEXT, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(handover, successor_that_waits_to_be_tried_is_called_off)
{
	struct rig *r = live_lines(options_of_day(), "AAA");
	says_on(r, PUBLIC, "leaving");
	pass(r, 0);
	closed_as(r, NEXT, (struct session_closed){ .http_status = 503, .retry_after_ns = 9 * S });
	closed_as(r, PUBLIC, (struct session_closed){ 0 });
	pass_proven(r, 12, 2);
	cr_expect(r->connecting[PUBLIC]);
	cr_expect(!r->connecting[NEXT]);
	opened_on(r, PUBLIC);
	ack_all_on(r, PUBLIC);
	says_on(r, PUBLIC, "book AAA 1 2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(handover, our_own_clock_spares_neither)
{
	struct rig *r = twins(PUBLIC, "AAA");
	at(r, r->now.mono.ns + 3 * S);
	session_tick(r->session, r->now);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_CLOCK);
	cr_expect(r->gone[PUBLIC] && r->gone[MARKET] && r->gone[NEXT]);
	for (uint32_t c = 0; c < 3; c++)
		closed_as(r, c, (struct session_closed){ 0 });
	pass(r, S);
	cr_expect(r->connecting[PUBLIC] && r->connecting[MARKET] && !r->connecting[NEXT]);
	done(r);
}

Test(handover, operator_makes_all_anew)
{
	struct rig *r = twins(PUBLIC, "AAA");
	session_reconnect(r->session, r->now);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	cr_expect(r->gone[PUBLIC] && r->gone[MARKET] && r->gone[NEXT]);
	done(r);
}

/* ------------------------------------------------------------------ symbols meanwhile */

Test(handover, symbols_come_and_go_meanwhile)
{
	struct rig *r = twins(PUBLIC, "AAA BBB");
	char why[64];
	add(r, "CCC");
	forget(r);
	pass(r, 0);
	cr_expect_str_eq(named_on(r, NEXT), "CCC");
	cr_expect_str_eq(named_on(r, PUBLIC), "CCC");
	for (uint32_t c = 0; c < 3; c++)
		ack_all_on(r, c);
	session_remove(r->session, r->now, "BBB", why, sizeof why);
	forget(r);
	pass(r, 0);
	cr_expect(strncmp(frame_on(r, NEXT), "unsub#", 6) == 0, "%s", frame_on(r, NEXT));
	cr_expect_str_eq(named_on(r, NEXT), "BBB");
	for (uint32_t c = 0; c < 3; c++)
		ack_all_on(r, c);
	says_on(r, PUBLIC, "book CCC 1 2");
	says_on(r, MARKET, "ticker CCC");
	expect_state(r, "CCC", BC_STATE_LIVE, BC_REASON_NONE);
	pass_proven(r, 13, 3);
	cr_expect(r->gone[PUBLIC]);
	says_on(r, NEXT, "book CCC 1 2");
	says_on(r, NEXT, "book BBB 1 2");
	cr_expect(strstr(r->seen, "CCC book; ") != NULL, "%s", r->seen);
	cr_expect(strstr(r->seen, "BBB") == NULL, "%s", r->seen);
	done(r);
}
