/* The feed session where books are made of changes: snapshots, links, gaps, the edge, and who is
 * asked about first. Snapshots have 20 levels here, and 2 are published. */
#include "tests/support/alloc_count.h"
#include "tests/support/session_rig.h"

static struct session_options sync_options(void)
{
	struct session_options o = options_for_tests();
	o.exchange = &fake_diff_exchange;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	o.levels = 2;
	o.max_levels = 100;
	o.snapshot_levels = 20;
	o.silent_after_ns = 3600 * S;
	return o;
}

static struct rig *sync_rig(struct session_options o, const char *symbols)
{
	struct rig *r = rig_with(o);
	add(r, symbols);
	session_start(r->session, r->now);
	opened(r);
	pass(r, 0);
	forget(r);
	return r;
}

static void answer_for(struct rig *r, const char *symbol, const char *body)
{
	cr_assert(asked(r, symbol), "no snapshot was asked for %s", symbol);
	answers(r, body);
}

/* The same, after a wait of a few seconds where there is one. */
static void answer_later(struct rig *r, const char *symbol, const char *body)
{
	for (int i = 0; i < 50 && !asked(r, symbol); i++)
		pass(r, 100 * MS);
	answer_for(r, symbol, body);
}

/* Live by a snapshot of number 10: bids 100, 99, 98; asks 101, 102, 103. */
#define SNAP_10 "snap 10 b 100=1 99=1 98=1 a 101=1 102=1 103=1"

static struct rig *live_diff_with(struct session_options o, const char *symbols)
{
	struct rig *r = sync_rig(o, symbols);
	char copy[256], *rest = copy;
	pass(r, 2 * S); /* nothing is said, so the snapshot is the book */
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL; pass(r, 0))
		answer_for(r, one, SNAP_10);
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), session_symbols(r->session));
	forget(r);
	r->n_gets = 0;
	return r;
}

static struct rig *live_diff(const char *symbols)
{
	return live_diff_with(sync_options(), symbols);
}

/* ------------------------------------------------------------------ the first snapshot */

Test(session_sync, first_change_asks_and_the_next_ones_wait_for_the_answer)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 0, "the stream is not there yet");
	says(r, "delta AAA 11 12 b 100=5 a");
	pass(r, 0);
	cr_expect_str_eq(r->get, "/snap 20 AAA");
	says(r, "delta AAA 13 14 b 100=7 a 101=3");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	answers(r, "snap 12 b 100=5 99=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->seen, "AAA live none; AAA book; ");
	cr_expect_eq(r->book.seq, 14);
	cr_expect_str_eq(r->book.top, "100x7 101x3");
	cr_expect_eq(r->book.flags, BC_FLAG_SNAPSHOT);
	forget(r);
	says(r, "delta AAA 15 15 b 100=0 a");
	cr_expect_str_eq(r->seen, "AAA book; ");
	cr_expect_eq(r->book.seq, 15);
	cr_expect_str_eq(r->book.top, "99x1 101x3");
	cr_expect_eq(r->book.flags, 0);
	pass(r, 60 * S);
	cr_expect_eq(r->n_gets, 1, "one was enough");
	done(r);
}

Test(session_sync, quiet_symbol_is_its_snapshot)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	pass(r, 1900 * MS);
	cr_expect_eq(r->n_gets, 0, "a moment for its stream to show itself");
	pass(r, 200 * MS);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	pass(r, 4 * S);
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
	pass(r, 0);
	says(r, "delta AAA 13 14 b 100=7 a");
	answers(r, "snap 9 b 100=1 a 101=1"); /* 10 to 12 are missing */
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	cr_expect_eq(session_counters(r->session)->snapshots_too_old, 1);
	pass(r, 100 * MS);
	cr_expect_eq(r->n_gets, 1, "not in the same breath");
	pass(r, 3 * S);
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
	pass(r, 0);
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
	pass(r, 10 * S);
	cr_expect_eq(r->n_gets, 1);
	done(r);
}

Test(session_sync, stream_may_end_exactly_where_its_snapshot_does)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	says(r, "delta AAA 11 12 b 100=5 a");
	pass(r, 0);
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
	pass(r, 0);
	answers(r, "snap 5000000 b 7=9 a 8=1");
	for (int i = 0; i < 25; i++) {
		seq++;
		snprintf(text, sizeof text, "delta AAA %u %u b 100=7 a", seq, seq);
		says(r, text);
		expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
		pass(r, 100 * MS);
	}
	pass(r, 900 * MS); /* by now another one is asked for */
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
	pass(r, 3 * S);
	answers(r, "snap 5000000 b 7=9 a 8=1");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	pass(r, 5 * S);
	answer_later(r, "AAA", "snap 14 b 100=7 a 101=1");
	pass(r, 5 * S);
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	answer_later(r, "AAA", "snap 14 b 100=7 a 101=1");
	pass(r, 0);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "100x7 101x1");
	done(r);
}

Test(session_sync, stream_that_wakes_behind_the_snapshot_it_was_believed_by)
{
	struct rig *r = live_diff("AAA"); /* ten, and not a word of the stream */
	says(r, "delta AAA 4 5 b 100=7 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	pass(r, 900 * MS);
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
	pass(r, 0);
	for (unsigned seq = 12; seq < 6000; seq++) {
		int n = snprintf(text, sizeof text, "delta AAA %u %u b", seq, seq);
		for (int i = 0; i < 50; i++)
			n += snprintf(text + n, sizeof text - (size_t)n, " %d=1", 50 + i);
		says(r, text);
	}
	cr_expect_gt(session_counters(r->session)->buffers_full, 0);
	answers(r, "snap 11 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	pass(r, 3 * S);
	cr_expect_eq(r->n_gets, 2);
	answers(r, "snap 5999 b 100=1 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

/* ------------------------------------------------------------------ gaps */

Test(session_sync, gap_costs_one_symbol_one_snapshot)
{
	struct rig *r = live_diff("AAA BBB");
	pass(r, 60 * S);
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "delta BBB 11 11 b 100=2 a");
	forget(r);
	says(r, "delta AAA 13 13 b 100=4 a");
	cr_expect_str_eq(r->seen, "AAA stale gap; ");
	says(r, "delta BBB 12 12 b 100=3 a");
	cr_expect_str_eq(r->seen, "AAA stale gap; BBB book; ");
	pass(r, 0);
	cr_expect_eq(r->n_gets, 1);
	cr_expect(asked(r, "AAA"));
	says(r, "delta AAA 14 14 b 100=5 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_for(r, "AAA", "snap 13 b 100=4 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 14);
	cr_expect_str_eq(r->book.top, "100x5 101x1");
	pass(r, 60 * S);
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
		pass(r, 100 * MS);
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
	pass(r, S);
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
		pass(r, S);
		cr_expect_eq(r->n_gets, 1);
		answer_for(r, "AAA", "snap 11 b 100=2 a 101=1");
		expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
		done(r);
	}
}

Test(session_sync, frame_of_nobody_knows_whom_is_healed_by_the_next_link)
{
	struct rig *r = live_diff("AAA BBB CCC");
	pass(r, S);
	says(r, "\x01\x02");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	expect_state(r, "CCC", BC_STATE_STALE, BC_REASON_GAP);
	says(r, "delta AAA 11 11 b 100=2 a"); /* it was not AAA's */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "delta BBB 12 12 b 100=2 a"); /* it may have been BBB's 11 */
	expect_state(r, "BBB", BC_STATE_STALE, BC_REASON_GAP);
	pass(r, 900 * MS);
	cr_expect(asked(r, "BBB"));
	cr_expect(!asked(r, "AAA"));
	cr_expect(!asked(r, "CCC"), "its next change may link");
	pass(r, 200 * MS);
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
	pass(r, 900 * MS);
	cr_expect_eq(r->n_gets, 0, "its next change may link");
	answer_later(r, "AAA", SNAP_10); /* ten is older than eleven */
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_later(r, "AAA", "snap 11 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "100x2 101x1");
	done(r);
}

/* ------------------------------------------------------------------ the edge */

/* Twenty bids, 100 down to 81, that may have been cut; three asks, which are all there are. */
static const char *full_bids(unsigned seq)
{
	static char text[512];
	int n = snprintf(text, sizeof text, "snap %u b", seq);
	for (int price = 100; price > 80; price--)
		n += snprintf(text + n, sizeof text - (size_t)n, " %d=1", price);
	snprintf(text + n, sizeof text - (size_t)n, " a 101=1 102=1 103=1");
	return text;
}

static unsigned delete_bids(struct rig *r, unsigned seq, int from, int to)
{
	char text[64];
	for (int price = from; price > to; price--) {
		seq++;
		snprintf(text, sizeof text, "delta AAA %u %u b %d=0 a", seq, seq, price);
		says(r, text);
	}
	return seq;
}

static struct rig *rig_at_edge(struct session_options o)
{
	struct rig *r = sync_rig(o, "AAA");
	answer_later(r, "AAA", full_bids(10));
	pass(r, S);
	r->n_gets = 0;
	forget(r);
	return r;
}

Test(session_sync, snapshot_again_before_the_price_reaches_the_edge)
{
	struct rig *r = rig_at_edge(sync_options());
	unsigned seq = delete_bids(r, 10, 100, 88); /* eight are left: enough */
	pass(r, S);
	cr_expect_eq(r->n_gets, 0);
	seq = delete_bids(r, seq, 88, 87);
	pass(r, 2 * S);
	cr_expect_eq(r->n_gets, 1);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	delete_bids(r, seq, 87, 81); /* one is left */
	cr_expect_eq(r->book.n_bids, 1, "levels end at the edge");
	cr_expect_eq(r->book.flags, BC_FLAG_EDGE);
	cr_expect_null(strstr(r->seen, "stale"));
	answers(r, "snap 29 b 81=1 80=1 79=1 78=1 a 101=1"); /* this side is whole */
	cr_expect_eq(r->book.n_bids, 2);
	cr_expect_eq(r->book.flags & BC_FLAG_EDGE, 0);
	cr_expect_null(strstr(r->seen, "stale"));
	pass(r, 60 * S);
	cr_expect_eq(r->n_gets, 1);
	cr_expect_eq(session_counters(r->session)->snapshots_edge, 1);
	done(r);
}

Test(session_sync, running_book_is_not_disturbed_by_a_snapshot_of_another)
{
	struct rig *r = rig_at_edge(sync_options());
	char text[64];
	unsigned seq = delete_bids(r, 10, 100, 87);
	answer_later(r, "AAA", "snap 5000000 b 7=1 a 8=1");
	for (int i = 0; i < 30; i++) {
		seq++;
		snprintf(text, sizeof text, "delta AAA %u %u b 87=%d a", seq, seq, 2 + i);
		says(r, text);
		cr_expect_eq(r->book.seq, seq);
		pass(r, 100 * MS);
	}
	cr_expect_str_eq(r->book.top, "87x31 101x1");
	cr_expect_null(strstr(r->seen, "stale"));
	snprintf(text, sizeof text, "snap %u b 87=31 86=1 a 101=1", seq);
	answer_later(r, "AAA", text);
	cr_expect_eq(r->book.n_bids, 2);
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

Test(session_sync, level_beyond_the_edge_is_not_published)
{
	struct rig *r = rig_at_edge(sync_options());
	unsigned seq = delete_bids(r, 10, 100, 81);
	char text[64];
	snprintf(text, sizeof text, "delta AAA %u %u b 70=5 a", seq + 1, seq + 1);
	says(r, text); /* what lies between 81 and 70 is unknown */
	cr_expect_eq(r->book.n_bids, 1);
	cr_expect_str_eq(r->book.top, "81x1 101x1");
	done(r);
}

Test(session_sync, side_that_has_passed_its_edge_is_not_fit)
{
	struct rig *r = rig_at_edge(sync_options());
	unsigned seq = delete_bids(r, 10, 100, 81);
	char text[64];
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	forget(r);
	seq = delete_bids(r, seq, 81, 80);
	cr_expect_str_eq(r->seen, "AAA stale gap; ", "not published without a side either");
	pass(r, S);
	cr_assert(asked(r, "AAA"));
	seq++;
	snprintf(text, sizeof text, "delta AAA %u %u b 95=1 a", seq, seq);
	says(r, text); /* the price has come back */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.flags, BC_FLAG_EDGE);
	seq = delete_bids(r, seq, 95, 94);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	snprintf(text, sizeof text, "snap %u b 80=1 79=1 a 101=1", seq);
	answers(r, text);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(r->book.top, "80x1 101x1");
	cr_expect_eq(session_counters(r->session)->edges_reached, 2);
	cr_expect_eq(session_counters(r->session)->gaps, 0);
	done(r);
}

/* A book that keeps six levels can never vouch for eight. */
Test(session_sync, depth_that_cannot_be_had_is_not_asked_for_all_day)
{
	struct session_options o = sync_options();
	o.max_levels = 6;
	struct rig *r = rig_at_edge(o);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	unsigned seq = 10;
	char text[64];
	for (int i = 0; i < 6000; i++) { /* ten minutes */
		seq++;
		snprintf(text, sizeof text, "delta AAA %u %u b 100=%d a", seq, seq, 1 + i % 7);
		says(r, text);
		pass(r, 100 * MS);
		if (asked(r, "AAA"))
			answers(r, full_bids(seq));
	}
	cr_expect_geq(r->n_gets, 2);
	cr_expect_leq(r->n_gets, 12, "%zu requests", r->n_gets);
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

/* ------------------------------------------------------------------ connections */

static void reconnect(struct rig *r)
{
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	pass(r, 0);
}

Test(session_sync, after_a_reconnect_the_first_change_that_links_is_enough)
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
	pass(r, 700 * MS);
	cr_expect(asked(r, "BBB"));
	cr_expect(!asked(r, "AAA"));
	cr_expect(!asked(r, "CCC"));
	answer_for(r, "BBB", "snap 15 b 100=2 a 101=1");
	expect_state(r, "BBB", BC_STATE_LIVE, BC_REASON_NONE);
	answer_later(r, "CCC", SNAP_10);
	expect_state(r, "CCC", BC_STATE_LIVE, BC_REASON_NONE);
	pass(r, 60 * S);
	cr_expect_eq(r->n_gets, 2);
	cr_expect_eq(session_counters(r->session)->gaps, 0, "nothing is missing in the stream");
	done(r);
}

Test(session_sync, answer_while_disconnected_makes_nothing_live)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 13 13 b 100=2 a");
	pass(r, S);
	cr_assert(asked(r, "AAA"));
	closed(r, 0, 0);
	answer_for(r, "AAA", "snap 13 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, S);
	cr_expect_eq(r->n_gets, 1, "nobody is asked while nothing is told");
	opened(r);
	pass(r, 0);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	says(r, "delta AAA 14 14 b 100=3 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->n_gets, 1);
	done(r);
}

/* A request from the connection before says nothing about what the new one misses. */
Test(session_sync, answer_from_before_a_reconnect_needs_a_word_of_the_stream)
{
	struct rig *r = live_diff("AAA");
	says(r, "delta AAA 13 13 b 100=2 a");
	pass(r, S);
	cr_assert(asked(r, "AAA"));
	reconnect(r);
	pass(r, 4 * S);
	answer_for(r, "AAA", "snap 13 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	pass(r, 2 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_DISCONNECTED);
	answer_later(r, "AAA", "snap 15 b 100=4 a 101=1"); /* asked on this one */
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

static void hears_only_bbo(struct rig *r, int64_t ns, unsigned *seq)
{
	char text[64];
	for (int64_t end = r->now.mono.ns + ns; r->now.mono.ns < end; pass(r, 500 * MS)) {
		*seq += 1;
		snprintf(text, sizeof text, "tick AAA %u 100 101", *seq);
		says(r, text);
	}
}

Test(session_sync, stream_that_is_mute_while_its_bbo_moves_is_asked_for_anew)
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
	pass(r, 5 * S);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA); /* it would be frozen */
	says(r, "delta AAA 41 50 b 100=2 a");
	answer_later(r, "AAA", "snap 50 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	hears_only_bbo(r, 5 * S, &seq);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, canary_that_is_mute_is_asked_for_anew_too)
{
	struct rig *r = live_diff("CANARY");
	char text[64];
	size_t n = r->n_sent;
	for (int i = 0; i < 12; i++) {
		snprintf(text, sizeof text, "tick CANARY %d 100 101", 20 + i);
		says(r, text);
		pass(r, S);
	}
	expect_state(r, "CANARY", BC_STATE_STALE, BC_REASON_NO_DATA);
	cr_assert_eq(r->n_sent, n + 1);
	cr_expect_str_eq(r->sent[n].text, "sub CANARY");
	done(r);
}

Test(session_sync, bbo_that_knows_no_more_than_the_book_proves_no_silence)
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
		pass(r, S);
	}
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

Test(session_sync, who_waits_for_his_turn_leaves_the_queue_with_his_connection)
{
	struct rig *r = sync_rig(sync_options(), "C1 C2 C3 C4 AAA");
	pass(r, 2100 * MS);
	cr_assert_eq(r->n_gets, 4);
	closed(r, 0, 0);
	answer_for(r, "C1", SNAP_10);
	pass(r, 10 * S);
	cr_expect_eq(r->n_gets, 4);
	opened(r);
	pass(r, 2100 * MS);
	cr_expect_eq(r->n_gets, 5);
	done(r);
}

/* ------------------------------------------------------------------ failures, weight, order */

Test(session_sync, failing_answers_are_asked_for_again_for_ever_but_not_all_day)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	for (int i = 0; i < 1200; i++) {
		pass(r, S);
		if (asked(r, "AAA"))
			answers_not(r, 500, 0);
	}
	size_t n = r->n_gets;
	cr_expect_geq(n, 10, "%zu requests in 20 minutes", n);
	cr_expect_leq(n, 60, "%zu requests in 20 minutes", n);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	for (int i = 0; i < 200 && !asked(r, "AAA"); i++)
		pass(r, S);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

static size_t times(const char *text, const char *word)
{
	size_t n = 0;
	for (; (text = strstr(text, word)) != NULL; text++)
		n++;
	return n;
}

Test(session_sync, waiting_for_weight_is_syncing_and_said_once)
{
	struct session_options o = sync_options();
	o.snapshot_levels = 100; /* weighs 50; twelve a minute */
	struct rig *r = rig_with(o);
	char name[16];
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "A%02d", i);
		add(r, name);
	}
	session_start(r->session, r->now);
	opened(r);
	for (int i = 0; i < 450; i++) {
		pass(r, 100 * MS);
		if (asked(r, "A"))
			answers(r, SNAP_10);
		if (i == 200)
			add(r, "A30");
	}
	cr_expect_eq(r->n_gets, 12);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_SYNCING), 19);
	cr_expect_eq(times(r->logged, "sync.queue"), 1);
	for (int i = 0; i < 1500; i++) {
		pass(r, 100 * MS);
		if (asked(r, "A"))
			answers(r, SNAP_10);
	}
	cr_expect_eq(r->n_gets, 31);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_SYNCING), 0);
	done(r);
}

Test(session_sync, who_cannot_be_fit_goes_before_who_can)
{
	struct session_options o = sync_options();
	struct rig *r = sync_rig(o, "AAA BBB");
	answer_later(r, "AAA", full_bids(10));
	answer_for(r, "BBB", SNAP_10);
	pass(r, 15 * S);
	add(r, "C1 C2 C3 C4"); /* four are asked about; there is no room for more */
	pass(r, 2100 * MS);
	cr_assert(asked(r, "C1") && asked(r, "C2") && asked(r, "C3") && asked(r, "C4"));
	delete_bids(r, 10, 100, 87);          /* near its edge */
	says(r, "delta BBB 15 15 b 100=2 a"); /* broken */
	pass(r, 100 * MS);
	add(r, "NEW");
	pass(r, 2100 * MS);
	answer_for(r, "C1", SNAP_10);
	pass(r, 0);
	cr_expect(asked(r, "NEW"), "never had a good book");
	answer_for(r, "C2", SNAP_10);
	pass(r, 0);
	cr_expect(asked(r, "BBB"), "stale");
	answer_for(r, "C3", SNAP_10);
	pass(r, 0);
	cr_expect(asked(r, "AAA"), "near its edge");
	done(r);
}

Test(session_sync, who_cannot_show_its_levels_goes_first)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	answer_later(r, "AAA", full_bids(10));
	pass(r, 15 * S);
	add(r, "C1 C2 C3 C4 NEW");
	pass(r, 2100 * MS);
	delete_bids(r, 10, 100, 81); /* one level left, two are published */
	pass(r, 100 * MS);
	answer_for(r, "C1", SNAP_10);
	pass(r, 0);
	cr_expect(asked(r, "AAA"));
	cr_expect(!asked(r, "NEW"));
	done(r);
}

/* ------------------------------------------------------------------ coming and going */

Test(session_sync, removed_while_its_answer_is_under_way)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char why[64];
	for (int i = 0; i < 20; i++) { /* more often than there are buffers */
		pass(r, 2100 * MS);
		cr_assert(asked(r, "AAA"), "round %d", i);
		says(r, "delta AAA 11 11 b 100=1 a");
		cr_assert_eq(session_remove(r->session, r->now, "AAA", why, sizeof why), BC_OK);
		if (i % 2 == 0) /* its number is another's now */
			add(r, "AAA");
		answers(r, SNAP_10);
		if (i % 2 != 0)
			add(r, "AAA");
		pass(r, 0);
		expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	}
	pass(r, 2100 * MS);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, buffers_come_back_from_those_who_are_gone)
{
	struct rig *r = sync_rig(sync_options(), "X0 X1 X2 X3");
	char name[8], why[64];
	for (int round = 0; round < 3; round++) {
		pass(r, 2100 * MS);
		for (int i = 0; i < 4; i++) { /* all four are asked about */
			snprintf(name, sizeof name, "X%d", i);
			cr_assert(asked(r, name));
			session_remove(r->session, r->now, name, why, sizeof why);
			answers(r, SNAP_10);
		}
		add(r, round < 2 ? "X0 X1 X2 X3" : "AAA");
	}
	pass(r, 2100 * MS);
	says(r, "delta AAA 11 11 b 100=2 a");
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 11, "what came meanwhile was kept");
	done(r);
}

Test(session_sync, more_symbols_than_buffers)
{
	struct rig *r = live_diff("A0 A1 A2 A3 A4 A5 A6 A7 A8 A9");
	char why[64];
	session_remove(r->session, r->now, "A0", why, sizeof why);
	pass(r, 15 * S);
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
Test(session_sync, buffer_of_a_held_snapshot_is_not_taken)
{
	struct rig *r = sync_rig(sync_options(), "A B C D E F G H I J K L");
	char text[64], name[2] = "A";
	for (; name[0] <= 'L'; name[0]++) {
		snprintf(text, sizeof text, "delta %s 11 12 b 100=5 a", name);
		says(r, text);
	}
	for (int i = 0; i < 8; i++) {
		if (i % 4 == 0)
			pass(r, 0);
		cr_assert(asked(r, "/snap"));
		name[0] = r->asked[r->get_number][strlen("/snap 20 ")];
		snprintf(text, sizeof text, "delta %s 13 13 b 100=6 a", name);
		says(r, text);
		answers(r, "snap 15 b 100=9 a 101=1");
	}
	pass(r, 0);
	cr_expect_eq(r->n_gets, 12);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_LIVE), 0);
	for (name[0] = 'A'; name[0] <= 'L'; name[0]++) {
		snprintf(text, sizeof text, "delta %s 14 16 b 100=7 a", name);
		says(r, text);
	}
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_LIVE), 8);
	done(r);
}

Test(session_sync, operator_does_not_wait_for_failures)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	char why[64];
	int64_t failed_at = r->now.mono.ns;
	for (int i = 0; i < 3000 && r->now.mono.ns - failed_at < 11 * S; i++) {
		pass(r, 100 * MS);
		if (!asked(r, "AAA"))
			continue;
		answers_not(r, 500, 0);
		failed_at = r->now.mono.ns;
	}
	cr_assert_geq(r->now.mono.ns - failed_at, 11 * S, "the waits have grown");
	cr_assert_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	pass(r, 0);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, operator_resyncs_one_symbol)
{
	struct rig *r = live_diff("AAA BBB");
	char why[64];
	pass(r, 60 * S);
	cr_assert_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_QUIET), 1);
	pass(r, 0);
	cr_expect_eq(r->n_gets, 1);
	says(r, "delta AAA 11 11 b 100=2 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 11);
	done(r);
}

Test(session_sync, halted_is_not_asked_about_and_syncs_when_it_resumes)
{
	struct rig *r = live_diff("AAA");
	says(r, "list AAA:suspended");
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_SUSPENDED);
	says(r, "delta AAA 15 15 b 100=2 a");
	pass(r, 60 * S);
	cr_expect_eq(r->n_gets, 0);
	expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_SUSPENDED);
	says(r, "list AAA");
	expect_state(r, "AAA", BC_STATE_SYNCING, BC_REASON_NONE);
	pass(r, 2100 * MS);
	answer_for(r, "AAA", "snap 15 b 100=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}

Test(session_sync, book_from_before_a_halt_is_not_believed)
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
		pass(r, 62 * S);
		snprintf(text, sizeof text, "snap %u b 100=1 99=1 98=1 a 101=1 102=1 103=1", seq);
		answer_for(r, "AAA", text);
		forget(r);
	}
	cr_expect_eq(alloc_count, 0, "%lu allocations", alloc_count);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}
