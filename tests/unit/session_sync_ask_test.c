/* When a snapshot is asked for, and who is first: the edge of a book, failures, weight. */
#include "tests/support/sync_rig.h"

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
	goes_by(r, S);
	r->n_gets = 0;
	forget(r);
	return r;
}

Test(session_sync_ask, snapshot_again_before_the_price_reaches_the_edge)
{
	struct rig *r = rig_at_edge(sync_options());
	unsigned seq = delete_bids(r, 10, 100, 88); /* eight are left: enough */
	goes_by(r, S);
	cr_expect_eq(r->n_gets, 0);
	seq = delete_bids(r, seq, 88, 87);
	goes_by(r, 2 * S);
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
	goes_by(r, 60 * S);
	cr_expect_eq(r->n_gets, 1);
	cr_expect_eq(session_counters(r->session)->snapshots_edge, 1);
	done(r);
}

Test(session_sync_ask, running_book_is_not_disturbed_by_a_snapshot_of_another)
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
		goes_by(r, 100 * MS);
	}
	cr_expect_str_eq(r->book.top, "87x31 101x1");
	cr_expect_null(strstr(r->seen, "stale"));
	snprintf(text, sizeof text, "snap %u b 87=31 86=1 a 101=1", seq);
	answer_later(r, "AAA", text);
	cr_expect_eq(r->book.n_bids, 2);
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

Test(session_sync_ask, level_beyond_the_edge_is_not_published)
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

Test(session_sync_ask, side_that_has_passed_its_edge_is_not_fit)
{
	struct rig *r = rig_at_edge(sync_options());
	unsigned seq = delete_bids(r, 10, 100, 81);
	char text[64];
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	forget(r);
	seq = delete_bids(r, seq, 81, 80);
	cr_expect_str_eq(r->seen, "AAA stale gap; ", "not published without a side either");
	goes_by(r, S);
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
Test(session_sync_ask, depth_that_cannot_be_had_is_not_asked_for_all_day)
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
		goes_by(r, 100 * MS);
		if (asked(r, "AAA"))
			answers(r, full_bids(seq));
	}
	cr_expect_geq(r->n_gets, 2);
	cr_expect_leq(r->n_gets, 12, "%zu requests", r->n_gets);
	cr_expect_null(strstr(r->seen, "stale"));
	done(r);
}

/* ------------------------------------------------------------------ failures, weight, order */

Test(session_sync_ask, failing_answers_are_asked_for_again_for_ever_but_not_all_day)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	for (int i = 0; i < 1200; i++) {
		goes_by(r, S);
		if (asked(r, "AAA"))
			answers_not(r, 500, 0);
	}
	size_t n = r->n_gets;
	cr_expect_geq(n, 10, "%zu requests in 20 minutes", n);
	cr_expect_leq(n, 60, "%zu requests in 20 minutes", n);
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_NO_DATA);
	for (int i = 0; i < 200 && !asked(r, "AAA"); i++)
		goes_by(r, S);
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

Test(session_sync_ask, waiting_for_weight_is_syncing_and_said_once)
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
		goes_by(r, 100 * MS);
		if (asked(r, "A"))
			answers(r, SNAP_10);
		if (i == 200)
			add(r, "A30");
	}
	cr_expect_eq(r->n_gets, 12);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_SYNCING), 19);
	cr_expect_eq(times(r->logged, "sync.queue"), 1);
	for (int i = 0; i < 1500; i++) {
		goes_by(r, 100 * MS);
		if (asked(r, "A"))
			answers(r, SNAP_10);
	}
	cr_expect_eq(r->n_gets, 31);
	cr_expect_eq(session_symbols_in(r->session, BC_STATE_SYNCING), 0);
	done(r);
}

Test(session_sync_ask, who_cannot_be_fit_goes_before_who_can)
{
	struct session_options o = sync_options();
	struct rig *r = sync_rig(o, "AAA BBB");
	answer_later(r, "AAA", full_bids(10));
	answer_for(r, "BBB", SNAP_10);
	goes_by(r, 15 * S);
	add(r, "C1 C2 C3 C4"); /* four are asked about; there is no room for more */
	goes_by(r, 2100 * MS);
	cr_assert(asked(r, "C1") && asked(r, "C2") && asked(r, "C3") && asked(r, "C4"));
	delete_bids(r, 10, 100, 87);          /* near its edge */
	says(r, "delta BBB 15 15 b 100=2 a"); /* broken */
	goes_by(r, 100 * MS);
	add(r, "NEW");
	goes_by(r, 2100 * MS);
	answer_for(r, "C1", SNAP_10);
	goes_by(r, 0);
	cr_expect(asked(r, "NEW"), "never had a good book");
	answer_for(r, "C2", SNAP_10);
	goes_by(r, 0);
	cr_expect(asked(r, "BBB"), "stale");
	answer_for(r, "C3", SNAP_10);
	goes_by(r, 0);
	cr_expect(asked(r, "AAA"), "near its edge");
	done(r);
}

Test(session_sync_ask, who_cannot_show_its_levels_goes_first)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	answer_later(r, "AAA", full_bids(10));
	goes_by(r, 15 * S);
	add(r, "C1 C2 C3 C4 NEW");
	goes_by(r, 2100 * MS);
	delete_bids(r, 10, 100, 81); /* one level left, two are published */
	goes_by(r, 100 * MS);
	answer_for(r, "C1", SNAP_10);
	goes_by(r, 0);
	cr_expect(asked(r, "AAA"));
	cr_expect(!asked(r, "NEW"));
	done(r);
}
