/* What is replaced before it is due, and what never is; candles of the past. */
#include "tests/support/outlet_rig.h"

Test(outlet_conflate, conflation_keeps_the_newest)
{
	struct rig *r = slow_rig();
	for (int i = 0; i < 10; i++) {
		book(r, 10 + i);
		pass(r, 10 * MS);
	}
	cr_expect_str_eq(said(r),
			 "x.A.book 1 live; x.A.bbo 1 live; x.A.book 2 live; x.A.bbo 2 live; ");
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 19);
	cr_expect_eq(outlet_next_deadline(r->outlet).ns, r->now.ns + 100 * MS);
	pass(r, 100 * MS);
	cr_expect_eq(r->n_sent, 4, "nothing new, nothing said");
	trade(r, "1");
	trade(r, "2");
	cr_expect_eq(r->n_sent, 6, "trades are never conflated");
	done(r);
}

Test(outlet_conflate, state_does_not_wait_and_takes_the_newest_along)
{
	struct rig *r = slow_rig();
	book(r, 10);
	book(r, 11);
	forget(r);
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_BOOK_ONLY);
	cr_expect_str_eq(said(r),
			 "x.A.state 3 stale; x.A.book 2 stale state; x.A.bbo 2 stale state; ");
	cr_expect_eq(last(r, "x.A.book")->m.body.book.bids[0].price.mantissa, 11);
	pass(r, 200 * MS);
	cr_expect_eq(r->n_sent, 3, "what went out with the state does not come again");
	done(r);
}

Test(outlet_conflate, a_candle_that_is_over_is_not_conflated_away)
{
	struct rig *r = slow_rig();
	candle(r, 1, 10, BC_CLOSED_UNKNOWN);
	candle(r, 1, 11, BC_CLOSED_UNKNOWN);
	candle(r, 2, 12, BC_CLOSED_UNKNOWN); /* the next one says that the first is over */
	cr_expect_eq(last(r, "x.A.candle-1m")->m.body.candle.close.mantissa, 11);
	candle(r, 2, 13, BC_CLOSED_YES);
	cr_expect_eq(last(r, "x.A.candle-1m")->m.body.candle.close.mantissa, 13);
	cr_expect_eq(r->n_sent, 3);
	done(r);
}

static void old_candle(struct rig *r, int64_t ts_open, int64_t close)
{
	struct bc_event e = event(BC_CHANNEL_CANDLE);
	bc_decimal one = { 1, 0 };
	e.flags = BC_FLAG_SNAPSHOT | BC_FLAG_REST;
	e.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { ts_open },
					    .open = one,
					    .high = one,
					    .low = one,
					    .close = { close, 0 },
					    .volume = one,
					    .quote_volume = one,
					    .closed = BC_CLOSED_UNKNOWN };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

/* "9* 12 " of what was sent, by the closing price; of REST * */
static const char *closes(struct rig *r)
{
	static char text[512];
	size_t n = 0;
	text[0] = '\0';
	for (size_t i = 0; i < r->n_sent; i++) {
		const struct bc_message *m = &r->sent[i].m;
		cr_assert_eq(m->envelope.channel, BC_CHANNEL_CANDLE);
		n += (size_t)snprintf(text + n, sizeof text - n, "%lld%s%s ",
				      (long long)m->body.candle.close.mantissa,
				      m->envelope.flags & BC_FLAG_REST ? "*" : "",
				      m->envelope.flags & BC_FLAG_WELCOME ? " welcome" : "");
	}
	return text;
}

static struct rig *candle_rig(int64_t interval_ns)
{
	struct outlet_options o = options();
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	o.intervals = 1u << BC_INTERVAL_1M;
	o.interval_ns = interval_ns;
	struct rig *r = rig_with(o, 1);
	live(r);
	pass(r, 0);
	forget(r);
	return r;
}

Test(outlet_conflate, the_newest_candle_stays_the_last_word_of_its_topic)
{
	struct rig *r = candle_rig(0);
	candle(r, 300, 12, BC_CLOSED_UNKNOWN);
	pass(r, 0);
	old_candle(r, 100, 10);
	old_candle(r, 200, 11);
	cr_expect_str_eq(closes(r), "12 10* 11* ");
	pass(r, 0);
	cr_expect_str_eq(closes(r), "12 10* 11* 12 ", "once more, behind all of them");
	cr_expect_eq(last(r, "x.A.candle-1m")->m.envelope.seq, 4);
	pass(r, 100 * MS);
	forget(r);
	subscribes(r, "x.A.candle-1m");
	pass(r, 0);
	cr_expect_str_eq(closes(r), "12 welcome ");
	cr_expect_eq(last(r, "x.A.candle-1m")->m.envelope.seq, 4);
	done(r);
}

Test(outlet_conflate, past_candles_do_not_disturb_one_that_waits)
{
	struct rig *r = candle_rig(100 * MS);
	candle(r, 300, 12, BC_CLOSED_UNKNOWN);
	candle(r, 300, 13, BC_CLOSED_UNKNOWN); /* waits */
	old_candle(r, 200, 11);
	pass(r, 0);
	cr_expect_str_eq(closes(r), "12 11* ");
	pass(r, 100 * MS);
	cr_expect_str_eq(closes(r), "12 11* 13 ");
	done(r);
}

Test(outlet_conflate, past_candles_alone_are_all_told)
{
	static const int64_t paces[] = { 0, 100 * MS };
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = candle_rig(paces[i]);
		old_candle(r, 100, 10);
		old_candle(r, 200, 11);
		old_candle(r, 300, 12);
		pass(r, 0);
		pass(r, 100 * MS);
		cr_expect_str_eq(closes(r), "10* 11* 12* ");
		done(r);
	}
}
