/* Who keeps the newest messages (outlet_sender.said) is told of each one, encoded or not. */
#include "tests/support/outlet_rig.h"

/* The last of a topic; NULL: none. */
static const struct told *told(const struct rig *r, const char *topic)
{
	for (size_t i = r->n_told; i > 0 && r->n_told - i < 64; i--)
		if (strcmp(r->told[(i - 1) % 64].topic, topic) == 0)
			return &r->told[(i - 1) % 64];
	return NULL;
}

static struct rig *open_rig(struct outlet_options o)
{
	struct rig *r = rig_with(o, 1);
	live(r);
	return r;
}

Test(outlet_said, what_is_sent_is_told_as_it_was_sent)
{
	struct rig *r = open_rig(options());
	book(r, 10);
	const struct told *t = told(r, "x.A.book");
	cr_assert_not_null(t);
	cr_expect_eq(t->seq, 1);
	cr_expect_eq(t->now, r->now.ns);
	cr_expect_eq(told(r, "x.A.bbo")->seq, 1);
	cr_expect(told(r, "x.A.bbo")->as_sent, "the bbo was the last one sent");
	cr_expect_eq(told(r, "x.A.state")->seq, 2, "added, then live");
	cr_expect_null(told(r, "x.@0.state"), "of a gateway itself nothing is told");
	trade(r, "t7");
	cr_expect_str_eq(told(r, "x.A.trade")->trade_id, "t7");
	cr_expect(told(r, "x.A.trade")->as_sent);
	done(r);
}

Test(outlet_said, what_nobody_wants_is_told_without_its_bytes)
{
	struct rig *r = open_rig(options());
	r->deaf = "";
	book(r, 10);
	cr_expect_eq(told(r, "x.A.book")->seq, 1);
	cr_expect_eq(told(r, "x.A.book")->n_payload, 0);
	uint64_t encoded = outlet_counters(r->outlet)->encoded;
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_ALL_CHANNELS);
	cr_expect_eq(told(r, "x.A.book")->seq, 2, "once more, with its state");
	cr_expect_neq(told(r, "x.A.book")->flags & BC_FLAG_STATE, 0);
	cr_expect_eq(outlet_counters(r->outlet)->encoded, encoded);
	done(r);
}

Test(outlet_said, a_welcome_is_told_with_its_flag)
{
	struct rig *r = open_rig(options());
	r->deaf = "";
	book(r, 10);
	r->deaf = NULL;
	for (uint32_t i = 0; i < MAX_TOPICS; i++)
		if (strcmp(r->topics[i], "x.A.book") == 0)
			outlet_subscribed(r->outlet, r->now, i);
	outlet_turn(r->outlet, r->now);
	cr_expect_eq(told(r, "x.A.book")->seq, 1);
	cr_expect_neq(told(r, "x.A.book")->flags & BC_FLAG_WELCOME, 0);
	cr_expect(told(r, "x.A.book")->as_sent);
	done(r);
}

Test(outlet_said, all_is_encoded_where_that_is_asked_for)
{
	struct outlet_options o = options();
	o.encode_all = true;
	struct rig *r = open_rig(o);
	r->deaf = "";
	book(r, 10);
	cr_expect_gt(told(r, "x.A.book")->n_payload, 0);
	done(r);
}

Test(outlet_said, a_candle_says_when_it_opened)
{
	struct outlet_options o = options();
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	o.intervals = 1u << BC_INTERVAL_1M;
	struct rig *r = open_rig(o);
	struct bc_event e = event(BC_CHANNEL_CANDLE);
	const bc_decimal one = { 1, 0 };
	e.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { 60 * BC_NS_PER_S },
					    .open = one,
					    .high = one,
					    .low = one,
					    .close = one,
					    .volume = one,
					    .quote_volume = one };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
	cr_expect_eq(told(r, "x.A.candle-1m")->ts_open, 60 * BC_NS_PER_S);
	done(r);
}

/* Whatever an event becomes is announced before the first of it is encoded, and nothing else. */
Test(outlet_said, what_an_event_becomes_is_announced)
{
	struct rig *r = open_rig(options());
	forget(r);
	book(r, 10);
	cr_expect_str_eq(r->next, "x.A.book x.A.bbo ");
	forget(r);
	trade(r, "t1");
	cr_expect_str_eq(r->next, "x.A.trade ");
	forget(r);
	ticker(r, 1);
	candle(r, 0, 1, BC_CLOSED_NO);
	cr_expect_str_eq(r->next, "x.A.ticker ", "candles are not published here");
	done(r);
	struct outlet_options o = options();
	o.own_bbo = true;
	r = open_rig(o);
	forget(r);
	book(r, 10);
	cr_expect_str_eq(r->next, "x.A.book ");
	done(r);
}
