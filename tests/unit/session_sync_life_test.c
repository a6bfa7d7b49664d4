/* Books out of changes while connections and symbols come and go. */
#include "tests/support/sync_rig.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ connections */

Test(session_sync_life, after_a_reconnect_the_first_change_that_links_is_enough)
{
	struct rig *r = live_diff("AAA BBB CCC");
	says(r, "delta AAA 11 11 b 100=5 a");
	reconnect(r);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says(r, "delta AAA 8 12 b 100=2 a"); /* begins before the end of the book */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 12);
	says(r, "delta BBB 15 15 b 100=2 a"); /* 11 to 14 were missed */
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	goes_by(r, 700 * MS);
	cr_expect(asked(r, "BBB"));
	cr_expect(!asked(r, "AAA"));
	cr_expect(!asked(r, "CCC"));
	answer_for(r, "BBB", "snap 15 b 100=2 a 101=1");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	answer_later(r, "CCC", SNAP_10);
	expect_state(r, "CCC", BC_STATE_LIVE, BC_REASON_NONE);
	goes_by(r, 60 * S);
	cr_expect_eq(r->n_gets, 2);
	cr_expect_eq(session_counters(r->session)->gaps, 0, "nothing is missing in the stream");
	done(r);
}

Test(session_sync_life, answer_while_disconnected_makes_nothing_live)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 13 13 b 100=2 a");
	goes_by(r, S);
	cr_assert(asked(r, "AAA"));
	closed(r, 0, 0);
	answer_for(r, "AAA", "snap 13 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	goes_by(r, S);
	cr_expect_eq(r->n_gets, 1, "nobody is asked while nothing is told");
	opened(r);
	goes_by(r, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says(r, "delta AAA 14 14 b 100=3 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 1);
	done(r);
}

/* A request from the connection before says nothing about what the new one misses. */
Test(session_sync_life, answer_from_before_a_reconnect_needs_a_word_of_the_stream)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 13 13 b 100=2 a");
	goes_by(r, S);
	cr_assert(asked(r, "AAA"));
	reconnect(r);
	goes_by(r, 4 * S);
	answer_for(r, "AAA", "snap 13 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	goes_by(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	answer_later(r, "AAA", "snap 15 b 100=4 a 101=1"); /* asked on this one */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

static void hears_only_bbo(struct rig *r, int64_t ns, unsigned *seq)
{
	char text[64];
	for (int64_t end = r->now.mono.ns + ns; r->now.mono.ns < end; goes_by(r, 500 * MS)) {
		*seq += 1;
		snprintf(text, sizeof text, "tick AAA %u 100 101", *seq);
		says(r, text);
	}
}

Test(session_sync_life, stream_that_is_mute_while_its_bbo_moves_is_asked_for_anew)
{
	struct rig *r = live_diff("AAA BBB");
	unsigned seq = 10;
	hears_only_bbo(r, 9 * S, &seq);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_STALE), 0, "it may be slow");
	size_t n = r->n_sent;
	hears_only_bbo(r, 3 * S, &seq);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	cr_expect_eq(r->n_sent, n + 1);
	cr_expect_str_eq(r->sent[n].text, "sub AAA");
	answer_later(r, "AAA", "snap 40 b 100=1 a 101=1");
	goes_by(r, 5 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA); /* it would be frozen */
	says(r, "delta AAA 41 50 b 100=2 a");
	answer_later(r, "AAA", "snap 50 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	hears_only_bbo(r, 5 * S, &seq);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* Taken back, too: else the exchange has nothing to begin. */
Test(session_sync_life, stream_that_is_mute_is_taken_back_before_it_is_asked_for)
{
	static struct bc_exchange x;
	struct session_options o = sync_options();
	x = fake_diff_exchange;
	x.subscribe = fake_lines_exchange.subscribe;
	x.unsubscribe = fake_lines_exchange.unsubscribe;
	o.exchange = &x;
	struct rig *r = live_diff_with(o, "AAA BBB");
	unsigned seq = 10;
	size_t n = r->n_sent;
	hears_only_bbo(r, 12 * S, &seq);
	cr_assert_eq(r->n_sent, n + 2);
	cr_expect_not_null(strstr(r->sent[n].text, "unsub#"), "%s", r->sent[n].text);
	cr_expect_not_null(strstr(r->sent[n].text, " AAA"), "%s", r->sent[n].text);
	cr_expect_eq(strncmp(r->sent[n + 1].text, "sub#", 4), 0, "%s", r->sent[n + 1].text);
	cr_expect_not_null(strstr(r->sent[n + 1].text, " AAA"), "%s", r->sent[n + 1].text);
	done(r);
}

/* Answers the newest frame; AAA is refused where `no`. */
static void answer_on_line(struct rig *r, uint32_t c, bool no)
{
	char text[64];
	const struct sent *last = &r->sent[r->n_sent - 1];
	const char *id = strchr(last->text, '#');
	cr_assert_not_null(id, "%s", last->text);
	snprintf(text, sizeof text, "%s %ld",
		 no && strstr(last->text, "AAA") != NULL ? "no" : "ack", strtol(id + 1, NULL, 10));
	says_on(r, c, text);
	pass(r, 300 * MS);
}

static void answer_frame(struct rig *r, bool no)
{
	answer_on_line(r, 0, no);
}

/* A better reason than silence does not make it wait for what nobody was asked for. */
Test(session_sync_life, who_was_refused_after_a_reconnect_is_asked_for_again_whatever_its_reason)
{
	static struct bc_exchange x;
	static struct bc_line line;
	struct session_options o = sync_options();
	x = fake_diff_exchange;
	line = x.lines[0];
	line.acks = true;
	x.lines = &line;
	x.subscribe = fake_lines_exchange.subscribe;
	x.unsubscribe = fake_lines_exchange.unsubscribe;
	o.exchange = &x;
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	answer_frame(r, false);
	answer_later(r, "AAA", SNAP_10);
	goes_by(r, 3 * S);
	cr_expect(bc_state_fit(view_of(r, "AAA").state));
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	for (int i = 0; i < 3; i++) /* both, one, the other */
		answer_frame(r, true);
	says(r, "nonsense");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	size_t n = r->n_sent;
	goes_by(r, 12 * S);
	cr_expect_gt(r->n_sent, n);
	cr_expect_not_null(strstr(r->sent[n].text, " AAA"), "%s", r->sent[n].text);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	done(r);
}

/* The book is right, and waits for no snapshot: it is the other line that is missing. */
Test(session_sync_life, who_is_refused_on_another_line_is_asked_for_again_whatever_its_reason)
{
	static struct bc_exchange x;
	struct session_options o = sync_options();
	x = fake_lines_exchange;
	x.sync = fake_diff_exchange.sync;
	x.rest = fake_diff_exchange.rest;
	x.n_rest = fake_diff_exchange.n_rest;
	x.rest_weight_per_min = fake_diff_exchange.rest_weight_per_min;
	o.exchange = &x;
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened_on(r, 1); /* the market line */
	for (int i = 0; i < 3; i++)
		answer_on_line(r, 1, true);
	opened_on(r, 0);
	answer_on_line(r, 0, false);
	answer_later(r, "AAA", SNAP_10);
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "range AAA");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_RANGE);
	size_t n = r->n_sent;
	for (int i = 0; i < 12; i++) {
		says_on(r, 1, "ticker CANARY");
		goes_by(r, S);
		if (asked(r, "AAA"))
			answers(r, "snap 11 b 100=2 a 101=1");
	}
	cr_assert_gt(r->n_sent, n);
	cr_expect_eq(r->sent[n].connection, 1);
	cr_expect_not_null(strstr(r->sent[n].text, " AAA"), "%s", r->sent[n].text);
	done(r);
}

Test(session_sync_life, canary_that_is_mute_is_asked_for_anew_too)
{
	struct rig *r = live_diff("CANARY");
	char text[64];
	size_t n = r->n_sent;
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof text, "tick CANARY %d 100 101", 20 + i);
		says(r, text);
		goes_by(r, S);
	}
	expect_state(r, "CANARY", BC_STATE_STALE, BC_REASON_NO_DATA);
	cr_assert_eq(r->n_sent, n + 1);
	cr_expect_str_eq(r->sent[n].text, "sub CANARY");
	done(r);
}

Test(session_sync_life, bbo_that_knows_no_more_than_the_book_proves_no_silence)
{
	struct rig *r = live_diff("AAA");
	char text[64];
	unsigned seq = 10, bbo = 10;
	for (int i = 0; i < 15; i++) { /* changes come every two seconds, and lag */
		hears_only_bbo(r, 2 * S, &bbo);
		snprintf(text, sizeof text, "delta AAA %u %u b 100=%d a", seq + 1, bbo, 2 + i);
		seq = bbo;
		says(r, text);
	}
	for (int i = 0; i < 30; i++) {
		snprintf(text, sizeof text, "tick AAA %u 100 101", seq);
		says(r, text);
		goes_by(r, S);
	}
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

Test(session_sync_life, who_waits_for_his_turn_leaves_the_queue_with_his_connection)
{
	struct rig *r = sync_rig(sync_options(), "C1 C2 C3 C4 AAA");
	goes_by(r, 2100 * MS);
	cr_assert_eq(r->n_gets, 4);
	closed(r, 0, 0);
	answer_for(r, "C1", SNAP_10);
	goes_by(r, 10 * S);
	cr_expect_eq(r->n_gets, 4);
	opened(r);
	goes_by(r, 2100 * MS);
	cr_expect_eq(r->n_gets, 5);
	done(r);
}

/* ------------------------------------------------------------------ coming and going */

Test(session_sync_life, removed_while_its_answer_is_under_way)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char why[64];
	for (int i = 0; i < 20; i++) { /* more often than there are buffers */
		goes_by(r, 2100 * MS);
		cr_assert(asked(r, "AAA"), "round %d", i);
		says(r, "delta AAA 11 11 b 100=1 a");
		cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
		if (i % 2 == 0) /* its number is another's now */
			add(r, "AAA");
		answers(r, SNAP_10);
		if (i % 2 != 0)
			add(r, "AAA");
		goes_by(r, 0);
		expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	}
	goes_by(r, 2100 * MS);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync_life, buffers_come_back_from_those_who_are_gone)
{
	struct rig *r = sync_rig(sync_options(), "X0 X1 X2 X3");
	char name[8], why[64];
	for (int round = 0; round < 3; round++) {
		goes_by(r, 2100 * MS);
		for (int i = 0; i < 4; i++) { /* all four are asked about */
			snprintf(name, sizeof name, "X%d", i);
			cr_assert(asked(r, name));
			session_remove(r->session, r->now, name, why, sizeof why);
			answers(r, SNAP_10);
		}
		add(r, round < 2 ? "X0 X1 X2 X3" : "AAA");
	}
	goes_by(r, 2100 * MS);
	says(r, "delta AAA 11 11 b 100=2 a");
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 11, "what came meanwhile was kept");
	done(r);
}

Test(session_sync_life, more_symbols_than_buffers)
{
	struct rig *r = live_diff("A0 A1 A2 A3 A4 A5 A6 A7 A8 A9");
	char why[64];
	session_remove(r->session, r->now, "A0", why, sizeof why);
	goes_by(r, 15 * S);
	for (int i = 1; i < 10; i++) {
		char text[64];
		snprintf(text, sizeof text, "delta A%d 13 13 b 100=2 a", i);
		says(r, text);
	}
	for (int i = 1; i < 10; i++) {
		char name[8];
		snprintf(name, sizeof name, "A%d", i);
		answer_later(r, name, "snap 13 b 100=2 a 101=1");
		expect_state(r, name, BC_STATE_LIVE, BC_REASON_NONE);
	}
	done(r);
}

/* Four are held, four more, and for the last four there is no buffer: nobody loses his. */
Test(session_sync_life, buffer_of_a_held_snapshot_is_not_taken)
{
	struct rig *r = sync_rig(sync_options(), "A B C D E F G H I J K L");
	char text[64], name[2] = "A";
	for (; name[0] <= 'L'; name[0]++) {
		snprintf(text, sizeof text, "delta %s 11 12 b 100=5 a", name);
		says(r, text);
	}
	for (int i = 0; i < 8; i++) {
		if (i % 4 == 0)
			goes_by(r, 0);
		cr_assert(asked(r, "/snap"));
		name[0] = r->asked[r->get_number][strlen("/snap 20 ")];
		snprintf(text, sizeof text, "delta %s 13 13 b 100=6 a", name);
		says(r, text);
		answers(r, "snap 15 b 100=9 a 101=1");
	}
	goes_by(r, 0);
	cr_expect_eq(r->n_gets, 12);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_LIVE), 0);
	for (name[0] = 'A'; name[0] <= 'L'; name[0]++) {
		snprintf(text, sizeof text, "delta %s 14 16 b 100=7 a", name);
		says(r, text);
	}
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_LIVE), 8);
	done(r);
}

Test(session_sync_life, operator_does_not_wait_for_failures)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char why[64];
	int64_t failed_at = r->now.mono.ns;
	for (int i = 0; i < 3000 && r->now.mono.ns - failed_at < 11 * S; i++) {
		goes_by(r, 100 * MS);
		if (!asked(r, "AAA"))
			continue;
		answers_not(r, 500, 0);
		failed_at = r->now.mono.ns;
	}
	cr_assert_geq(r->now.mono.ns - failed_at, 11 * S, "the waits have grown");
	cr_assert_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	goes_by(r, 0);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync_life, operator_resyncs_one_symbol)
{
	struct rig *r = live_diff("AAA BBB");
	char why[64];
	goes_by(r, 60 * S);
	cr_assert_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_QUIET), 1);
	goes_by(r, 0);
	cr_expect_eq(r->n_gets, 1);
	says(r, "delta AAA 11 11 b 100=2 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 11);
	done(r);
}

Test(session_sync_life, halted_is_not_asked_about_and_syncs_when_it_resumes)
{
	struct rig *r = live_diff("AAA");
	says(r, "list AAA:suspended");
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_SUSPENDED);
	says(r, "delta AAA 15 15 b 100=2 a");
	goes_by(r, 60 * S);
	cr_expect_eq(r->n_gets, 0);
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_SUSPENDED);
	says(r, "list AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	goes_by(r, 2100 * MS);
	answer_for(r, "AAA", "snap 15 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync_life, book_from_before_a_halt_is_not_believed)
{
	struct rig *r = live_diff("AAA");
	says(r, "list AAA:suspended");
	says(r, "list AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	says(r, "delta AAA 11 11 b 100=2 a");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	answer_later(r, "AAA", "snap 11 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* What was said between the end of the one and the beginning of the other, nobody has told us. */
Test(session_sync_life, successor_that_takes_over_early_has_to_link_first)
{
	struct rig *r = live_diff("AAA BBB");
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "delta BBB 11 11 b 100=2 a");
	says(r, "leaving");
	pass(r, 0);
	opened_on(r, 1);
	says_on(r, 1, "ticker CANARY");
	forget(r);
	closed_as(r, 0, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says_on(r, 1, "delta AAA 12 12 b 100=3 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	for (int i = 0; i < 50 && !bc_state_fit(view_of(r, "BBB").state); i++) {
		pass(r, 100 * MS);
		says_on(r, 1, "ticker CANARY");
		if (asked(r, "BBB"))
			answers(r, "snap 11 b 100=2 a 101=1");
	}
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 1);
	done(r);
}

Test(session_sync_life, request_that_fails_for_one_who_is_gone_is_not_repeated_at_once)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char why[128];
	says(r, "delta AAA 11 12 b 100=5 a");
	pass(r, 0);
	cr_assert(asked(r, "AAA"));
	cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	answers_not(r, 0, 0);
	add(r, "AAA");
	pass(r, 300 * MS);
	says(r, "delta AAA 13 13 b 100=5 a");
	pass(r, 300 * MS);
	cr_expect_eq(r->n_gets, 1);
	pass(r, 600 * MS);
	cr_expect_eq(r->n_gets, 2);
	done(r);
}

/* A batch that is full leaves it to the next one. */
Test(session_sync_life, canary_is_asked_for_where_symbols_fill_the_first_batch)
{
	struct rig *r = rig_with(sync_options());
	unsigned n = 0;
	for (int i = 0; i < 60; i++) {
		char name[8];
		snprintf(name, sizeof name, "S%02d", i);
		add(r, name);
	}
	session_start(r->session, r->now);
	opened(r);
	pass(r, 3 * S);
	for (size_t i = 0; i < r->n_sent; i++)
		n += strstr(r->sent[i].text, "CANARY") != NULL;
	cr_expect_eq(n, 1, "%u of %zu frames", n, r->n_sent);
	done(r);
}

/* A book of which no change has come since its snapshot is lost with its connection, too. */
Test(session_sync_life, successor_that_was_still_connecting_has_to_link_first)
{
	struct rig *r = live_diff("AAA");
	says(r, "leaving");
	pass(r, 0);
	closed_as(r, 0, (struct session_closed){ 0 });
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, 500 * MS);
	opened_on(r, 1);
	pass(r, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says_on(r, 1, "delta AAA 11 11 b 100=3 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* The first one is slow, and had said nothing since there were two. */
Test(session_sync_life, newest_bbo_of_a_successor_is_not_lost_with_the_first)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 11 11 b 100=3 a");
	says(r, "tick AAA 11 100 101");
	says(r, "leaving");
	pass(r, 0);
	opened_on(r, 1);
	forget(r);
	says_on(r, 1, "tick AAA 10 100 101");
	cr_expect_str_eq(r->seen, "", "older than what was said");
	says_on(r, 1, "tick AAA 15 100 101");
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	says(r, "tick AAA 12 100 101");
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	done(r);
}
