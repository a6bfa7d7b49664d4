/* The feed session where books are made of changes: snapshots, links, gaps, what is not believed.
 */
#include "tests/support/alloc_count.h"
#include "tests/support/sync_rig.h"

/* ------------------------------------------------------------------ the first snapshot */

Test(session_sync, first_change_asks_and_the_next_ones_wait_for_the_answer)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 0, "the stream is not there yet");
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 0);
	cr_expect_str_eq(r->get, "/snap 20 AAA");
	says(r, "delta AAA 13 14 b 100=7 a 101=3");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	answers(r, "snap 12 b 100=5 99=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->seen, "AAA live none; AAA book; AAA bbo; ");
	cr_expect_eq(r->book.seq, 14);
	cr_expect_str_eq(r->book.top, "100x7 101x3");
	cr_expect_eq(r->book.flags, BC_FLAG_SNAPSHOT);
	forget(r);
	says(r, "delta AAA 15 15 b 100=0 a");
	cr_expect_str_eq(r->seen, "AAA book; ");
	cr_expect_eq(r->book.seq, 15);
	cr_expect_str_eq(r->book.top, "99x1 101x3");
	cr_expect_eq(r->book.flags, 0);
	goes_by(r, 60 * S);
	cr_expect_eq(r->n_gets, 1, "one was enough");
	done(r);
}

Test(session_sync, quiet_symbol_is_its_snapshot)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	goes_by(r, 1900 * MS);
	cr_expect_eq(r->n_gets, 0, "a moment for its stream to show itself");
	goes_by(r, 200 * MS);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	goes_by(r, 4 * S);
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	says(r, "delta AAA 11 11 b 50=1 a"); /* below what is published */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 11);
	done(r);
}

Test(session_sync, snapshot_older_than_the_changes_is_asked_again_and_they_are_kept)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 0);
	says(r, "delta AAA 13 14 b 100=7 a");
	answers(r, "snap 9 b 100=1 a 101=1"); /* 10 to 12 are missing */
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(session_counters(r->session)->snapshots_too_old, 1);
	goes_by(r, 100 * MS);
	cr_expect_eq(r->n_gets, 1, "not in the same breath");
	goes_by(r, 3 * S);
	cr_expect_eq(r->n_gets, 2);
	answers(r, "snap 13 b 100=6 a 101=1"); /* what came before it was asked for is needed */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 14);
	cr_expect_str_eq(r->book.top, "100x7 101x1");
	done(r);
}

Test(session_sync, snapshot_ahead_of_its_stream_waits_for_it)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 0);
	says(r, "delta AAA 13 14 b 100=7 a");
	answers(r, "snap 19 b 100=9 a 101=1");
	says(r, "delta AAA 15 18 b 100=8 a");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	says(r, "delta AAA 19 21 b 100=6 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 21);
	cr_expect_str_eq(r->book.top, "100x6 101x1");
	says(r, "delta AAA 22 22 b 100=3 a");
	cr_expect_str_eq(r->book.top, "100x3 101x1");
	goes_by(r, 10 * S);
	cr_expect_eq(r->n_gets, 1);
	done(r);
}

Test(session_sync, stream_may_end_exactly_where_its_snapshot_does)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 0);
	answers(r, "snap 14 b 100=9 a 101=1");
	says(r, "delta AAA 13 14 b 100=9 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 14);
	done(r);
}

/* As when answers are mixed up. */
Test(session_sync, snapshot_that_its_stream_does_not_reach_is_thrown_away)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char text[64];
	unsigned seq = 12;
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 0);
	answers(r, "snap 5000000 b 7=9 a 8=1");
	for (int i = 0; i < 25; i++) {
		seq++;
		snprintf(text, sizeof text, "delta AAA %u %u b 100=7 a", seq, seq);
		says(r, text);
		expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
		goes_by(r, 100 * MS);
	}
	goes_by(r, 900 * MS); /* by now another one is asked for */
	snprintf(text, sizeof text, "snap %u b 100=7 a 101=1", seq);
	answer_later(r, "AAA", text);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "100x7 101x1");
	done(r);
}

/* Silence of a stream that was heard does not make a snapshot ahead of it right; two that agree do.
 */
Test(session_sync, silent_stream_behind_a_snapshot_needs_a_second_one_that_says_the_same)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	says(r, "delta AAA 11 12 b 100=5 a");
	goes_by(r, 3 * S);
	answers(r, "snap 5000000 b 7=9 a 8=1");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	goes_by(r, 5 * S);
	answer_later(r, "AAA", "snap 14 b 100=7 a 101=1");
	goes_by(r, 5 * S);
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	answer_later(r, "AAA", "snap 14 b 100=7 a 101=1");
	goes_by(r, 0);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "100x7 101x1");
	done(r);
}

/* A connection that stands still says nothing of anybody. */
Test(session_sync, silence_counts_only_where_the_connection_speaks)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	pass(r, 2100 * MS);
	answer_for(r, "AAA", "snap 5000000 b 7=9 a 8=1"); /* another's */
	for (int i = 0; i < 80; i++) {
		pass(r, 100 * MS);
		if (asked(r, "AAA"))
			answers(r, "snap 5000000 b 7=9 a 8=1");
	}
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_null(strstr(r->seen, "AAA book; "), "%s", r->seen);
	for (int i = 0; i < 80 && !bc_state_fit(view_of(r, "AAA").state); i++) {
		goes_by(r, 500 * MS);
		if (asked(r, "AAA"))
			answers(r, SNAP_10);
	}
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 10);
	done(r);
}

Test(session_sync, stream_that_wakes_behind_the_snapshot_it_was_believed_by)
{
	struct rig *r = live_diff("AAA"); /* ten, and not a word of the stream */
	says(r, "delta AAA 4 5 b 100=7 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	goes_by(r, 900 * MS);
	answer_for(r, "AAA", "snap 5 b 100=7 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 5);
	done(r);
}

Test(session_sync, more_changes_than_are_kept_cost_another_snapshot)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	static char text[4096];
	says(r, "delta AAA 11 11 b 100=1 a");
	goes_by(r, 0);
	for (unsigned seq = 12; seq < 6000; seq++) {
		int n = snprintf(text, sizeof text, "delta AAA %u %u b", seq, seq);
		for (int i = 0; i < 50; i++)
			n += snprintf(text + n, sizeof text - (size_t)n, " %d=1", 50 + i);
		says(r, text);
	}
	cr_expect_gt(session_counters(r->session)->buffers_full, 0);
	answers(r, "snap 11 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	goes_by(r, 3 * S);
	cr_expect_eq(r->n_gets, 2);
	answers(r, "snap 5999 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* ------------------------------------------------------------------ gaps */

Test(session_sync, gap_costs_one_symbol_one_snapshot)
{
	struct rig *r = live_diff("AAA BBB");
	goes_by(r, 60 * S);
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "delta BBB 11 11 b 100=2 a");
	forget(r);
	says(r, "delta AAA 13 13 b 100=4 a");
	cr_expect_str_eq(r->seen, "AAA stale gap; ");
	says(r, "delta BBB 12 12 b 100=3 a");
	cr_expect_str_eq(r->seen, "AAA stale gap; BBB book; ");
	goes_by(r, 0);
	cr_expect_eq(r->n_gets, 1);
	cr_expect(asked(r, "AAA"));
	says(r, "delta AAA 14 14 b 100=5 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_for(r, "AAA", "snap 13 b 100=4 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 14);
	cr_expect_str_eq(r->book.top, "100x5 101x1");
	goes_by(r, 60 * S);
	cr_expect_eq(r->n_gets, 1);
	const struct session_counters *n = session_counters(r->session);
	cr_expect_eq(n->gaps, 1);
	cr_expect_eq(n->snapshots_applied, 3);
	done(r);
}

Test(session_sync, change_seen_before_is_nothing)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 11 12 b 100=2 a");
	forget(r);
	says(r, "delta AAA 11 12 b 100=2 a");
	says(r, "delta AAA 9 12 b 100=8 a");
	cr_expect_str_eq(r->seen, "");
	cr_expect_str_eq(r->book.top, "100x2 101x1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(session_counters(r->session)->duplicates, 2);
	done(r);
}

/* Each snapshot is good and the chain breaks again at once. */
Test(session_sync, chain_that_breaks_again_and_again_is_not_asked_for_all_day)
{
	struct rig *r = live_diff("AAA");
	uint64_t seq = 10;
	char text[128];
	for (int i = 0; i < 3000; i++) { /* five minutes */
		seq += 2;
		snprintf(text, sizeof text, "delta AAA %lu %lu b 100=1 a", (unsigned long)seq,
			 (unsigned long)seq);
		says(r, text);
		goes_by(r, 100 * MS);
		snprintf(text, sizeof text, "snap %lu b 100=1 a 101=1", (unsigned long)seq);
		if (asked(r, "AAA"))
			answers(r, text);
	}
	cr_expect_leq(r->n_gets, 40, "%zu requests", r->n_gets);
	cr_expect_geq(r->n_gets, 8, "%zu requests", r->n_gets);
	done(r);
}

/* ------------------------------------------------------------------ what cannot be right */

Test(session_sync, crossed_is_never_live_and_not_published)
{
	struct rig *r = live_diff("AAA BBB");
	forget(r);
	says(r, "delta AAA 11 11 b 102=1 a");
	cr_expect_str_eq(r->seen, "AAA stale crossed; ");
	says(r, "delta AAA 12 12 b 102=0 a"); /* it uncrosses by itself; who knows what else */
	cr_expect_str_eq(r->seen, "AAA stale crossed; ");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	answer_later(r, "AAA", "snap 12 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 1);
	cr_expect_eq(session_counters(r->session)->crossed, 1);
	done(r);
}

Test(session_sync, snapshot_that_is_crossed_is_none)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	answer_later(r, "AAA", "snap 10 b 105=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_CROSSED);
	answer_later(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, locked_is_live_with_a_flag)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 11 11 b 101=1 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.flags, BC_FLAG_LOCKED);
	done(r);
}

Test(session_sync, what_does_not_fit_is_stale_until_a_snapshot_does)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 11 11 b 0.000001=1 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "delta AAA 12 12 b 0.000000000000000001=1 a"); /* beside 100 */
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_RANGE);
	goes_by(r, S);
	answer_for(r, "AAA", "snap 12 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, refused_message_of_a_symbol_costs_it_a_snapshot)
{
	static const struct {
		const char *message;
		enum bc_reason reason;
	} rows[] = { { "refuse AAA", BC_REASON_GAP },
		     { "range AAA", BC_REASON_RANGE },
		     { "resync AAA", BC_REASON_CHECKSUM } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = live_diff("AAA BBB");
		says(r, rows[i].message);
		expect_state(r, "AAA", BC_STATE_STALE, rows[i].reason);
		expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
		says(r, "delta AAA 11 11 b 100=2 a");
		expect_state(r, "AAA", BC_STATE_STALE, rows[i].reason);
		goes_by(r, S);
		cr_expect_eq(r->n_gets, 1);
		answer_for(r, "AAA", "snap 11 b 100=2 a 101=1");
		expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
		done(r);
	}
}

Test(session_sync, frame_of_nobody_knows_whom_is_healed_by_the_next_link)
{
	struct rig *r = live_diff("AAA BBB CCC");
	goes_by(r, S);
	says(r, "\x01\x02");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	expect_state(r, "CCC", BC_STATE_STALE, BC_REASON_GAP);
	says(r, "delta AAA 11 11 b 100=2 a"); /* it was not AAA's */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "delta BBB 12 12 b 100=2 a"); /* it may have been BBB's 11 */
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	goes_by(r, 900 * MS);
	cr_expect(asked(r, "BBB"));
	cr_expect(!asked(r, "AAA"));
	cr_expect(!asked(r, "CCC"), "its next change may link");
	goes_by(r, 200 * MS);
	answer_for(r, "CCC", SNAP_10); /* nothing has changed */
	expect_state(r, "CCC", BC_STATE_LIVE, BC_REASON_NONE);
	answer_for(r, "BBB", "snap 12 b 100=2 a 101=1");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 2);
	done(r);
}

Test(session_sync, snapshot_older_than_a_book_in_doubt_proves_nothing)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "\x01\x02");
	goes_by(r, 900 * MS);
	cr_expect_eq(r->n_gets, 0, "its next change may link");
	answer_later(r, "AAA", SNAP_10); /* ten is older than eleven */
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_later(r, "AAA", "snap 11 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "100x2 101x1");
	done(r);
}

/* ------------------------------------------------------------------ order of the rest */

Test(session_sync, bbo_does_not_go_back_while_its_connection_lives)
{
	struct rig *r = live_diff("AAA");
	says(r, "tick AAA 20 99 101");
	says(r, "tick AAA 19 98 101");
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	cr_expect_eq(session_counters(r->session)->duplicates, 1);
	says(r, "tick AAA 21 98 101");
	cr_expect_str_eq(r->seen, "AAA bbo; AAA bbo; ");
	reconnect(r);
	forget(r);
	says(r, "tick AAA 15 98 101"); /* another server, which is behind */
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	done(r);
}

Test(session_sync, crossed_bbo_puts_the_book_in_doubt_until_its_next_link)
{
	struct rig *r = live_diff("AAA");
	says(r, "tick AAA 20 102 101");
	cr_expect_str_eq(r->seen, "AAA stale crossed; ");
	says(r, "delta AAA 11 11 b 100=2 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, trade_ids_that_ascend_make_every_older_one_a_duplicate)
{
	struct rig *r = live_diff("AAA");
	for (int id = 100; id < 120; id++) {
		char text[32];
		snprintf(text, sizeof text, "trade AAA %d", id);
		says(r, text);
	}
	forget(r);
	says(r, "trade AAA 101"); /* longer ago than any ring remembers */
	says(r, "trade AAA 119");
	cr_expect_str_eq(r->seen, "");
	says(r, "trade AAA 125");
	says(r, "trade AAA word");
	says(r, "trade AAA word");
	cr_expect_str_eq(r->seen, "AAA trade; AAA trade; ");
	cr_expect_eq(session_counters(r->session)->duplicates, 3);
	done(r);
}

/* ------------------------------------------------------------------ the price of it */

Test(session_sync, after_warm_up_nothing_is_allocated)
{
	struct rig *r = live_diff("AAA BBB");
	unsigned seq = 10;
	char text[256];
	for (int i = 0; i < 400; i++) {
		if (i == 100)
			alloc_count = 0;
		for (int k = 0; k < 20; k++) {
			seq++;
			snprintf(text, sizeof text, "delta AAA %u %u b 100=%d %d=%d a 101=%d %d=1",
				 seq, seq, 1 + k, 60 + k, i % 2, 2 + k, 110 + k);
			says(r, text);
		}
		seq += 5;
		snprintf(text, sizeof text, "delta AAA %u %u b 100=1 a", seq, seq); /* a gap */
		says(r, text);
		goes_by(r, 62 * S);
		snprintf(text, sizeof text, "snap %u b 100=1 99=1 98=1 a 101=1 102=1 103=1", seq);
		answer_for(r, "AAA", text);
		forget(r);
	}
	cr_expect_eq(alloc_count, 0, "%lu allocations", alloc_count);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}
