/* Who comes late has the last one of each topic, with the number it had. */
#include "tests/support/outlet_rig.h"

Test(outlet_welcome, welcome_repeats_the_last_one_with_its_number)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	trade(r, "1");
	struct sent original = *last(r, "x.A.book");
	forget(r);
	subscribes(r, "x.A.book");
	subscribes(r, "x.A.trade");
	subscribes(r, "x.A.ticker");
	cr_expect_eq(r->n_sent, 0, "welcomes go at the end of a turn");
	pass(r, 0);
	cr_expect_str_eq(said(r), "x.A.book 1 live welcome; ", "no trade, and no ticker there yet");
	cr_expect_eq(last(r, "x.A.book")->m.envelope.ts_publish.ns,
		     original.m.envelope.ts_publish.ns);
	done(r);
}

static void welcomed_with(struct rig *r, int64_t bid)
{
	forget(r);
	subscribes(r, "x.A.book");
	pass(r, 200 * MS);
	cr_expect_eq(r->n_sent, 1);
	const struct bc_book *got = &last(r, "x.A.book")->m.body.book;
	cr_expect_eq(got->n_bids, 2);
	cr_expect_eq(got->n_asks, 2);
	cr_expect_eq(got->bids[0].price.mantissa, bid);
	cr_expect_eq(got->asks[0].price.mantissa, 20);
}

/* What was encoded is kept as bytes, what was not as levels; neither outlives the next book. */
Test(outlet_welcome, welcome_shows_the_last_book_whether_or_not_anybody_heard_it)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book_of(r, 0, 10, 20, 2);
	welcomed_with(r, 10);
	r->deaf = "";
	book_of(r, 0, 11, 20, 2);
	r->deaf = NULL;
	welcomed_with(r, 11);
	welcomed_with(r, 11);
	r->deaf = "";
	book_of(r, 0, 12, 20, 2);
	r->deaf = NULL;
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_BOOK_ONLY);
	welcomed_with(r, 12);
	done(r);
}

#define LONG   INT64_C(100000000000000000)
#define N_LONG 8

static void long_numbers(struct rig *r, uint32_t symbol, int64_t bid)
{
	bc_level bids[N_LONG], asks[N_LONG];
	for (int64_t i = 0; i < N_LONG; i++) {
		bids[i] = (bc_level){ { LONG + bid - i, 0 }, { LONG + i, 0 } };
		asks[i] = (bc_level){ { 2 * LONG + i, 0 }, { LONG - i, 0 } };
	}
	struct bc_event e = event(BC_CHANNEL_BOOK);
	e.body.book = (struct bc_book){ bids, asks, N_LONG, N_LONG };
	outlet_event(r->outlet, r->now, symbol, &e, on_now(r));
}

static void welcomed_long(struct rig *r, const char *topic, int64_t bid)
{
	forget(r);
	subscribes(r, topic);
	pass(r, 200 * MS);
	cr_assert_eq(r->n_sent, 1);
	const struct bc_book *got = &last(r, topic)->m.body.book;
	cr_assert_eq(got->n_bids, N_LONG);
	cr_assert_eq(got->n_asks, N_LONG);
	for (int64_t i = 0; i < N_LONG; i++) {
		cr_expect_eq(got->bids[i].price.mantissa, LONG + bid - i);
		cr_expect_eq(got->bids[i].quantity.mantissa, LONG + i);
		cr_expect_eq(got->asks[i].price.mantissa, 2 * LONG + i);
		cr_expect_eq(got->asks[i].quantity.mantissa, LONG - i);
	}
}

/* For its bytes there is no room, so its levels are kept, apart from what is beside it. */
Test(outlet_welcome, welcome_shows_a_book_of_long_numbers)
{
	struct outlet_options o = options();
	o.levels = N_LONG;
	struct rig *r = rig_with(o, 2);
	live(r);
	becomes(r, 1, BC_STATE_LIVE, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	book_of(r, 0, 10, 20, 2);
	long_numbers(r, 1, 6);
	long_numbers(r, 0, 5);
	cr_expect_eq(last(r, "x.A.bbo")->m.body.book.bids[0].price.mantissa, LONG + 5);
	welcomed_long(r, "x.S1.book", 6);
	welcomed_long(r, "x.A.book", 5);
	book_of(r, 1, 10, 20, 2);
	welcomed_long(r, "x.A.book", 5);
	long_numbers(r, 0, 7);
	book_of(r, 0, 10, 20, 2);
	welcomed_with(r, 10);
	done(r);
}

Test(outlet_welcome, a_topic_is_welcomed_once_in_100_ms_and_nobody_is_forgotten)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	forget(r);
	for (int i = 0; i < 5; i++)
		subscribes(r, "x.A.book");
	pass(r, 0);
	for (int i = 0; i < 9; i++) {
		subscribes(r, "x.A.book");
		pass(r, 10 * MS);
	}
	cr_expect_eq(r->n_sent, 1);
	pass(r, 10 * MS);
	cr_expect_eq(r->n_sent, 2, "who came within the 100 ms gets the next one");
	pass(r, BC_NS_PER_S);
	cr_expect_eq(r->n_sent, 2);
	done(r);
}

Test(outlet_welcome, a_welcome_is_dropped_when_the_topic_is_published_meanwhile)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	book(r, 10);
	forget(r);
	subscribes(r, "x.A.book");
	book(r, 11);
	pass(r, 0);
	cr_expect_str_eq(said(r), "x.A.book 2 live; x.A.bbo 2 live; ");
	r->deaf = "book";
	subscribes(r, "x.A.book");
	pass(r, 200 * MS);
	cr_expect_eq(r->n_sent, 2, "nobody is left to welcome");
	done(r);
}

Test(outlet_welcome, welcomes_have_a_budget_a_turn)
{
	struct rig *r = rig_with(options(), 300);
	char topic[32];
	for (int i = 1; i < 300; i++) {
		snprintf(topic, sizeof topic, "x.S%d.state", i);
		subscribes(r, topic);
	}
	cr_expect(outlet_turn(r->outlet, r->now), "more is left");
	cr_expect_eq(r->n_sent, 256);
	cr_expect_not(outlet_turn(r->outlet, r->now));
	cr_expect_eq(r->n_sent, 299);
	done(r);
}

Test(outlet_welcome, welcome_shows_what_was_published_and_not_what_waits)
{
	struct rig *r = slow_rig();
	book(r, 10);
	book(r, 11);
	forget(r);
	subscribes(r, "x.A.book");
	pass(r, 0);
	cr_expect_str_eq(said(r), "x.A.book 1 live welcome; ");
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 10);
	done(r);
}

/* The same of two that nobody has heard: both are kept as levels. */
Test(outlet_welcome, welcome_shows_what_was_published_unheard_and_not_what_waits)
{
	struct rig *r = slow_rig();
	r->deaf = "";
	book(r, 10);
	book(r, 11);
	r->deaf = NULL;
	forget(r);
	subscribes(r, "x.A.book");
	pass(r, 0);
	cr_expect_str_eq(said(r), "x.A.book 1 live welcome; ");
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 10);
	pass(r, 200 * MS);
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 11);
	done(r);
}
