/* Books, their tops, the bbo of an exchange's own, and how states reach who follows one topic. */
#include "tests/support/outlet_rig.h"

/* ------------------------------------------------------------------ books and bbo */

Test(outlet_book, bbo_is_the_top_of_the_book_when_it_changes)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	forget(r);
	book_of(r, 0, 10, 20, 5);
	cr_expect_eq(last(r, "x.A.book")->m.body.book.n_bids, 3, "cut at book.levels");
	cr_expect_eq(last(r, "x.A.bbo")->m.body.book.n_asks, 1);
	book_of(r, 0, 10, 20, 2);
	cr_expect_str_eq(said(r), "x.A.book 1 live; x.A.bbo 1 live; x.A.book 2 live; ");
	book_of(r, 0, 10, 21, 2);
	cr_expect_eq(last(r, "x.A.bbo")->m.body.book.asks[0].price.mantissa, 21);
	book_of(r, 0, 10, 21, 0);
	cr_expect_eq(last(r, "x.A.bbo")->m.body.book.n_bids, 0, "an empty side is a change, too");
	done(r);
}

Test(outlet_book, own_bbo_of_the_exchange_is_not_mixed_with_the_book)
{
	struct outlet_options o = options();
	o.own_bbo = true;
	struct rig *r = rig_with(o, 1);
	live(r);
	forget(r);
	book(r, 10);
	cr_expect_str_eq(said(r), "x.A.book 1 live; ");
	bc_level level = { { 9, 0 }, { 1, 0 } };
	struct bc_event e = event(BC_CHANNEL_BBO);
	e.body.book = (struct bc_book){ &level, NULL, 1, 0 };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
	cr_expect_eq(last(r, "x.A.bbo")->m.body.book.bids[0].price.mantissa, 9);
	done(r);
}

static void top(struct rig *r, enum bc_channel channel, uint64_t seq, int64_t bid, int64_t ask)
{
	bc_level levels[] = { { { bid, 0 }, { 1, 0 } }, { { ask, 0 }, { 1, 0 } } };
	struct bc_event e = event(channel);
	e.exchange_seq = seq;
	e.body.book = (struct bc_book){ &levels[0], &levels[1], 1, 1 };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

static void own_bbo(struct rig *r, int64_t bid, int64_t ask)
{
	top(r, BC_CHANNEL_BBO, BC_SEQ_NONE, bid, ask);
}

/* It does not come out of the book, so it need not wait for one; but what was before a doubt, or
 * is crossed itself, waits for its next. */
Test(outlet_book, own_bbo_becomes_fit_with_its_symbol_unless_it_is_in_doubt_itself)
{
	struct outlet_options o = options();
	o.own_bbo = true;
	struct rig *r = rig_with(o, 1);
	becomes(r, 0, BC_STATE_SYNCING, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	own_bbo(r, 9, 10);
	forget(r);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 3 live; x.A.bbo 2 live state; ");
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_BOOK_ONLY);
	forget(r);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 5 live; ", "it is from before the doubt");
	becomes(r, 0, BC_STATE_STALE, BC_REASON_CROSSED, SESSION_BOOK_ONLY);
	own_bbo(r, 11, 10);
	forget(r);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 7 live; ", "it is crossed");
	done(r);
}

static void numbered(struct rig *r, enum bc_channel channel, uint64_t seq, int64_t bid)
{
	top(r, channel, seq, bid, 50);
}

Test(outlet_book, own_bbo_of_before_a_doubt_is_proven_by_a_book_that_shows_it)
{
	struct outlet_options o = options();
	o.own_bbo = true;
	struct rig *r = rig_with(o, 1);
	live(r);
	numbered(r, BC_CHANNEL_BOOK, 6, 10);
	numbered(r, BC_CHANNEL_BBO, 7, 10);
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_BOOK_ONLY);
	live(r);
	forget(r);
	numbered(r, BC_CHANNEL_BOOK, 6, 10); /* older than the bbo */
	numbered(r, BC_CHANNEL_BOOK, 8, 11); /* with another top */
	cr_expect_null(strstr(said(r), "x.A.bbo"), "%s", said(r));
	numbered(r, BC_CHANNEL_BOOK, 9, 10);
	cr_expect_eq(last(r, "x.A.bbo")->m.envelope.state, BC_STATE_LIVE);
	cr_expect_eq(last(r, "x.A.bbo")->m.envelope.exchange_seq, 7);
	numbered(r, BC_CHANNEL_BOOK, 10, 10);
	cr_expect_eq(last(r, "x.A.bbo")->m.envelope.seq, 3, "once");
	done(r);
}

static void polled(struct rig *r, enum bc_channel channel, uint64_t seq, int64_t bid)
{
	bc_level levels[] = { { { bid, 0 }, { 1, 0 } }, { { 50, 0 }, { 1, 0 } } };
	struct bc_event e = event(channel);
	e.exchange_seq = seq;
	e.flags = BC_FLAG_REST | BC_FLAG_SNAPSHOT;
	e.body.book = (struct bc_book){ &levels[0], &levels[1], 1, 1 };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

/* What was polled, a bbo of the exchange's own too, and is still waiting, is from before. */
Test(outlet_book, what_was_polled_never_comes_back_as_live)
{
	for (int64_t interval = 0; interval < 2; interval++) {
		struct outlet_options o = options();
		o.own_bbo = true;
		o.interval_ns = interval * 100 * MS;
		struct rig *r = rig_with(o, 1);
		live(r);
		numbered(r, BC_CHANNEL_BOOK, 6, 10);
		becomes(r, 0, BC_STATE_STALE, BC_REASON_DISCONNECTED, SESSION_ALL_CHANNELS);
		becomes(r, 0, BC_STATE_REST, BC_REASON_DISCONNECTED, SESSION_BOOK_ONLY);
		for (int i = 0; i < 2; i++) {
			polled(r, BC_CHANNEL_BOOK, 7, 11);
			polled(r, BC_CHANNEL_BBO, 7, 11);
			ticker(r, 5);
		}
		cr_expect_eq(last(r, "x.A.bbo")->m.envelope.state, BC_STATE_REST);
		forget(r);
		live(r);
		cr_expect_null(strstr(said(r), "bbo"), "%s", said(r));
		cr_expect_null(strstr(said(r), "book"), "%s", said(r));
		numbered(r, BC_CHANNEL_BOOK, 8, 12);
		r->now.ns += 300 * MS;
		outlet_turn(r->outlet, r->now);
		cr_expect_eq(last(r, "x.A.book")->m.envelope.exchange_seq, 8);
		cr_expect_eq(last(r, "x.A.book")->m.envelope.state, BC_STATE_LIVE);
		cr_expect_null(strstr(said(r), "x.A.bbo"), "%s", said(r));
		done(r);
	}
}

/* Who accepts polled data and follows one topic hears when it is good for nothing any more. */
Test(outlet_book, what_was_polled_is_said_again_when_it_is_stale)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	numbered(r, BC_CHANNEL_BOOK, 6, 10);
	becomes(r, 0, BC_STATE_STALE, BC_REASON_DISCONNECTED, SESSION_ALL_CHANNELS);
	becomes(r, 0, BC_STATE_REST, BC_REASON_DISCONNECTED, SESSION_BOOK_ONLY);
	polled(r, BC_CHANNEL_BOOK, 7, 11);
	cr_assert_eq(last(r, "x.A.book")->m.envelope.state, BC_STATE_REST);
	forget(r);
	becomes(r, 0, BC_STATE_REST, BC_REASON_NO_DATA, SESSION_BOOK_ONLY);
	cr_expect_null(strstr(said(r), "x.A.book"), "%s", said(r));
	becomes(r, 0, BC_STATE_STALE, BC_REASON_NO_DATA, SESSION_ALL_CHANNELS);
	cr_expect_not_null(strstr(said(r), "x.A.book"), "%s", said(r));
	cr_expect_eq(last(r, "x.A.book")->m.envelope.state, BC_STATE_STALE);
	cr_expect_eq(last(r, "x.A.book")->m.envelope.exchange_seq, 7);
	cr_expect_eq(last(r, "x.A.book")->m.envelope.flags & BC_FLAG_STATE, BC_FLAG_STATE);
	done(r);
}

Test(outlet_book, only_what_was_asked_for_is_published)
{
	struct outlet_options o = options();
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	struct rig *r = rig_with(o, 1);
	live(r);
	forget(r);
	book(r, 10);
	trade(r, "1");
	ticker(r, 1);
	cr_expect_str_eq(said(r), "x.A.bbo 1 live; ");
	done(r);
}

/* ------------------------------------------------------------------ states */

Test(outlet_book, who_follows_one_topic_hears_the_state)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	ticker(r, 5);
	trade(r, "1");
	int64_t received = last(r, "x.A.book")->m.envelope.ts_recv.ns;
	pass(r, 3 * BC_NS_PER_S);
	forget(r);
	becomes(r, 0, BC_STATE_STALE, BC_REASON_DISCONNECTED, SESSION_ALL_CHANNELS);
	cr_expect_str_eq(said(r),
			 "x.A.state 3 stale; x.A.book 2 stale state; x.A.bbo 2 stale state; "
			 "x.A.ticker 2 stale state; ");
	cr_expect_eq(last(r, "x.A.book")->m.envelope.ts_recv.ns, received,
		     "the times of the data stay");
	cr_expect_eq(last(r, "x.A.book")->m.envelope.reason, BC_REASON_DISCONNECTED);
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 10);
	cr_expect_eq(last(r, "x.A.state")->m.body.state.previous, BC_STATE_LIVE);
	forget(r);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 4 live; ", "old data is not called live again");
	book(r, 10);
	ticker(r, 5);
	cr_expect_str_eq(said(r), "x.A.state 4 live; x.A.book 3 live state; x.A.bbo 3 live state; "
				  "x.A.ticker 3 live state; ");
	done(r);
}

Test(outlet_book, quiet_is_told_on_the_state_topic_alone)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	forget(r);
	becomes(r, 0, BC_STATE_QUIET, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 3 quiet; x.A.state 4 live; ");
	done(r);
}

Test(outlet_book, a_crossed_book_never_comes_back_as_live)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	ticker(r, 5);
	becomes(r, 0, BC_STATE_STALE, BC_REASON_CROSSED, SESSION_BOOK_ONLY);
	book_of(r, 0, 30, 20, 1);
	cr_expect_eq(last(r, "x.A.book")->m.envelope.state, BC_STATE_STALE);
	forget(r);
	live(r);
	cr_expect_str_eq(said(r), "x.A.state 4 live; x.A.ticker 3 live state; ",
			 "the ticker was never in doubt, the book is");
	book(r, 10);
	for (size_t i = 0; i < r->n_sent; i++) {
		const struct bc_book *b = &r->sent[i].m.body.book;
		if (r->sent[i].m.envelope.channel <= BC_CHANNEL_BBO)
			cr_expect_lt(b->bids[0].price.mantissa, b->asks[0].price.mantissa);
	}
	cr_expect(last(r, "x.A.bbo")->m.envelope.flags & BC_FLAG_STATE);
	done(r);
}

Test(outlet_book, ticker_that_came_before_the_first_book_becomes_live_with_it)
{
	struct rig *r = rig_with(options(), 1);
	becomes(r, 0, BC_STATE_SYNCING, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	ticker(r, 5);
	forget(r);
	live(r);
	book(r, 10);
	cr_expect_str_eq(said(r), "x.A.state 3 live; x.A.ticker 2 live state; x.A.book 1 live; "
				  "x.A.bbo 1 live; ");
	done(r);
}

Test(outlet_book, shut_down_reaches_every_topic)
{
	struct rig *r = rig_with(options(), 2);
	live(r);
	book(r, 10);
	forget(r);
	outlet_shut_down(r->outlet, r->now);
	cr_expect_str_eq(said(r), "x.A.state 3 down; x.A.book 2 down state; x.A.bbo 2 down state; "
				  "x.S1.state 2 down; x.@0.state 2 down; ");
	cr_expect_eq(last(r, "x.A.book")->m.envelope.reason, BC_REASON_SHUTDOWN);
	done(r);
}
