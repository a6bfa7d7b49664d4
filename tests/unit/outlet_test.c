/* The topics of a gateway: numbers without holes, one number one content, states that reach who
 * follows one topic, welcomes, conflation. */
#include "tests/support/outlet_rig.h"

/* ------------------------------------------------------------------ numbers */

Test(outlet, numbers_run_whether_or_not_anyone_listens)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	forget(r);
	book(r, 10);
	r->deaf = "";
	book(r, 11);
	book(r, 12);
	cr_expect_eq(r->n_sent, 2);
	cr_expect_eq(outlet_counters(r->outlet)->published - outlet_counters(r->outlet)->encoded, 4,
		     "two books and two bbos were counted and not encoded");
	r->deaf = NULL;
	forget(r);
	book(r, 13);
	cr_expect_str_eq(said(r), "x.A.book 4 live; x.A.bbo 4 live; ");
	cr_expect_eq(last(r, "x.A.book")->m.envelope.epoch, 77);
	done(r);
}

Test(outlet, envelope_says_where_and_when)
{
	struct rig *r = rig_with(options(), 1);
	live(r);
	forget(r);
	struct bc_event e = event(BC_CHANNEL_TRADE);
	e.exchange_seq = 17;
	e.flags = BC_FLAG_SNAPSHOT | BC_FLAG_CLOCK;
	e.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_SELL, BC_STR("t1") };
	outlet_event(r->outlet, r->now, 0, &e, (bc_wall_time){ 99 });
	const struct bc_envelope *got = &last(r, "x.A.trade")->m.envelope;
	cr_expect_eq(got->exchange_seq, 17);
	cr_expect_eq(got->ts_exchange.ns, 4242);
	cr_expect_eq(got->ts_recv.ns, 99);
	cr_expect_eq(got->ts_publish.ns, on_now(r).ns);
	cr_expect_eq(got->flags, (uint32_t)(BC_FLAG_SNAPSHOT | BC_FLAG_CLOCK));
	cr_expect_eq(got->since.ns, on_now(r).ns);
	done(r);
}

/* ------------------------------------------------------------------ books and bbo */

Test(outlet, bbo_is_the_top_of_the_book_when_it_changes)
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

Test(outlet, own_bbo_of_the_exchange_is_not_mixed_with_the_book)
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

static void own_bbo(struct rig *r, int64_t bid, int64_t ask)
{
	bc_level levels[] = { { { bid, 0 }, { 1, 0 } }, { { ask, 0 }, { 1, 0 } } };
	struct bc_event e = event(BC_CHANNEL_BBO);
	e.body.book = (struct bc_book){ &levels[0], &levels[1], 1, 1 };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

/* It does not come out of the book, so it need not wait for one; but what was before a doubt, or
 * is crossed itself, waits for its next. */
Test(outlet, own_bbo_becomes_fit_with_its_symbol_unless_it_is_in_doubt_itself)
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
	bc_level levels[] = { { { bid, 0 }, { 1, 0 } }, { { 50, 0 }, { 1, 0 } } };
	struct bc_event e = event(channel);
	e.exchange_seq = seq;
	e.body.book = (struct bc_book){ &levels[0], &levels[1], 1, 1 };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
}

Test(outlet, own_bbo_of_before_a_doubt_is_proven_by_a_book_that_shows_it)
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
Test(outlet, what_was_polled_never_comes_back_as_live)
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
Test(outlet, what_was_polled_is_said_again_when_it_is_stale)
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

Test(outlet, only_what_was_asked_for_is_published)
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

Test(outlet, who_follows_one_topic_hears_the_state)
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

Test(outlet, quiet_is_told_on_the_state_topic_alone)
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

Test(outlet, a_crossed_book_never_comes_back_as_live)
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

Test(outlet, ticker_that_came_before_the_first_book_becomes_live_with_it)
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

Test(outlet, shut_down_reaches_every_topic)
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

/* ------------------------------------------------------------------ conflation */

static struct rig *slow_rig(void)
{
	struct outlet_options o = options();
	o.interval_ns = 100 * MS;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	o.intervals = 1u << BC_INTERVAL_1M;
	struct rig *r = rig_with(o, 1);
	live(r);
	forget(r);
	return r;
}

Test(outlet, conflation_keeps_the_newest)
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

Test(outlet, state_does_not_wait_and_takes_the_newest_along)
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

Test(outlet, a_candle_that_is_over_is_not_conflated_away)
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

Test(outlet, the_newest_candle_stays_the_last_word_of_its_topic)
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

Test(outlet, past_candles_do_not_disturb_one_that_waits)
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

Test(outlet, past_candles_alone_are_all_told)
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

/* ------------------------------------------------------------------ whose topic it is */

Test(outlet, knows_what_a_topic_says_and_whether_anybody_listens)
{
	struct outlet_options o = options();
	struct outlet_topic what;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	o.intervals = 1u << BC_INTERVAL_1M | 1u << BC_INTERVAL_1H;
	struct rig *r = rig_with(o, 2);
	size_t of_symbols = 0;
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		char name[64];
		if (!outlet_topic(r->outlet, i, &what)) {
			cr_expect(!r->open[i] || strstr(r->topics[i], ".@") != NULL, "%s",
				  r->topics[i]);
			continue;
		}
		of_symbols++;
		bool candle = what.channel == BC_CHANNEL_CANDLE;
		snprintf(name, sizeof name, "x.%s.%s%s%s", what.symbol == 0 ? "A" : "S1",
			 bc_channel_word(what.channel), candle ? "-" : "",
			 candle ? bc_interval_word(what.interval) : "");
		cr_expect_str_eq(r->topics[i], name);
	}
	cr_expect_eq(of_symbols, 2 * (4 + 2 + 2));
	r->deaf = "S1.candle-1h";
	cr_expect(outlet_listened(r->outlet, 1, BC_CHANNEL_CANDLE, BC_INTERVAL_1M));
	cr_expect(outlet_listened(r->outlet, 0, BC_CHANNEL_CANDLE, BC_INTERVAL_1H));
	cr_expect_not(outlet_listened(r->outlet, 1, BC_CHANNEL_CANDLE, BC_INTERVAL_1H));
	cr_expect_not(outlet_listened(r->outlet, 1, BC_CHANNEL_CANDLE, BC_INTERVAL_4H));
	cr_expect_not(outlet_listened(r->outlet, 7, BC_CHANNEL_TRADE, 0));
	outlet_symbol_remove(r->outlet, 1);
	cr_expect_not(outlet_listened(r->outlet, 1, BC_CHANNEL_TRADE, 0));
	done(r);
}

/* ------------------------------------------------------------------ welcomes */

Test(outlet, welcome_repeats_the_last_one_with_its_number)
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
Test(outlet, welcome_shows_the_last_book_whether_or_not_anybody_heard_it)
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
Test(outlet, welcome_shows_a_book_of_long_numbers)
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

Test(outlet, a_topic_is_welcomed_once_in_100_ms_and_nobody_is_forgotten)
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

Test(outlet, a_welcome_is_dropped_when_the_topic_is_published_meanwhile)
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

Test(outlet, welcomes_have_a_budget_a_turn)
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

Test(outlet, welcome_shows_what_was_published_and_not_what_waits)
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
Test(outlet, welcome_shows_what_was_published_unheard_and_not_what_waits)
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

/* ------------------------------------------------------------------ instruments and the gateway */

Test(outlet, instrument_is_put_together_from_pieces)
{
	struct rig *r = rig_with(options(), 1);
	bc_decimal none = BC_DECIMAL_NONE;
	struct bc_event e = event(BC_CHANNEL_INSTRUMENT);
	e.body.instrument = (struct bc_instrument){
		BC_STR("BTC"), BC_STR("KRW"), BC_STR("BTC/KRW"), BC_KIND_SPOT, none,
		none,          none,          BC_LISTING_TRADING
	};
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
	cr_expect_eq(r->n_sent, 1, "the same again is no news");
	e.body.instrument =
		(struct bc_instrument){ .tick = { 1, 3 }, .lot = none, .contract_size = none };
	outlet_event(r->outlet, r->now, 0, &e, on_now(r));
	const struct bc_instrument *got = &last(r, "x.A.instrument")->m.body.instrument;
	cr_expect_eq(r->n_sent, 2);
	cr_expect(bc_str_is(got->unified, "BTC/KRW"));
	cr_expect_eq(bc_decimal_compare(got->tick, (bc_decimal){ 1000, 0 }), 0);
	cr_expect_eq(got->status, BC_LISTING_TRADING);
	done(r);
}

Test(outlet, symbol_list_is_published_once_a_turn_and_welcomed)
{
	struct rig *r = rig_with(options(), 2);
	outlet_symbol_remove(r->outlet, 1);
	cr_assert_eq(outlet_symbol_add(r->outlet, r->now, 1, BC_STR("NEW")), BC_OK);
	cr_assert_eq(outlet_symbol_add(r->outlet, r->now, 2, BC_STR("NEWER")), BC_OK);
	cr_expect_eq(outlet_symbol_add(r->outlet, r->now, 3, BC_STR("@bad")), BC_EPARSE);
	pass(r, 0);
	subscribes(r, "x.@0.state");
	pass(r, 0);
	cr_expect_str_eq(said(r), "x.NEW.state 1 connecting; x.NEWER.state 1 connecting; "
				  "x.@0.state 2 connecting; x.@0.state 2 connecting welcome; ");
	const struct bc_state_change *body = &last(r, "x.@0.state")->m.body.state;
	size_t at = 0;
	bc_str item;
	char names[64] = "";
	while (bc_list_next(&body->symbols, &at, &item))
		snprintf(names + strlen(names), sizeof names - strlen(names), "%.*s ", (int)item.n,
			 item.p);
	cr_expect_str_eq(names, "A NEW NEWER ");
	cr_expect_eq(body->symbols_version, 5, "four came, one went");
	struct bc_heartbeat h = { .instance = BC_STR("0"),
				  .version = BC_STR("1"),
				  .shard_count = 1,
				  .interval_ns = BC_NS_PER_S };
	outlet_heartbeat(r->outlet, r->now, &h);
	cr_expect_eq(last(r, "x.@0.heartbeat")->m.body.heartbeat.symbols_version,
		     body->symbols_version);
	done(r);
}

/* One that waits for its symbols from its first turn on. */
static struct rig *rig_that_waits(void)
{
	struct rig *r = rig_with(options(), 0);
	const struct outlet_options o = options();
	const struct outlet_sender sender = { r,      on_open, on_close, on_wanted, on_send,
					      on_now, on_said, NULL,     on_next };
	outlet_free(&r->outlet);
	cr_assert_eq(outlet_new(&r->outlet, &o, &sender), BC_OK);
	outlet_list_partial(r->outlet, true);
	pass(r, 0);
	return r;
}

static struct bc_state_change list_of(struct rig *r)
{
	pass(r, 0);
	return last(r, "x.@0.state")->m.body.state;
}

/* Readers drop who is missing in a list: one that is not whole says so, and none is said where
 * nobody is known yet. */
Test(outlet, a_list_says_whether_more_may_come)
{
	struct rig *r = rig_that_waits();
	cr_expect_eq(list_of(r).symbols_version, 0, "no list");
	cr_assert_eq(outlet_symbol_add(r->outlet, r->now, 0, BC_STR("NEW")), BC_OK);
	cr_expect_eq(list_of(r).symbols_version, 1);
	cr_expect(list_of(r).symbols_partial);
	outlet_list_partial(r->outlet, false);
	cr_expect_eq(list_of(r).symbols_version, 2, "who has the other one takes this one");
	cr_expect_not(list_of(r).symbols_partial);
	done(r);
}

Test(outlet, who_serves_nobody_has_a_list_too)
{
	struct rig *r = rig_that_waits();
	outlet_list_partial(r->outlet, false);
	cr_expect_eq(list_of(r).symbols_version, 1);
	cr_expect_eq(list_of(r).symbols.n_items, 0);
	done(r);
}

/* Else readers of this epoch would take what comes for what they have seen. */
Test(outlet, a_symbol_that_is_added_again_goes_on_with_its_numbers)
{
	struct rig *r = rig_with(options(), 2);
	live(r);
	book(r, 10);
	outlet_symbol_remove(r->outlet, 0);
	outlet_symbol_remove(r->outlet, 1);
	cr_assert_eq(outlet_symbol_add(r->outlet, r->now, 0, BC_STR("NEW")), BC_OK);
	forget(r);
	cr_assert_eq(outlet_symbol_add(r->outlet, r->now, 1, BC_STR("A")), BC_OK);
	becomes(r, 1, BC_STATE_LIVE, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	book_of(r, 1, 12, 20, 2);
	cr_expect_str_eq(said(r), "x.A.state 3 connecting; x.A.state 4 live; x.A.book 2 live; "
				  "x.A.bbo 2 live; ");
	done(r);
}

Test(outlet, a_symbol_may_go_while_everything_waits)
{
	struct rig *r = slow_rig();
	book(r, 10);
	book(r, 11);
	subscribes(r, "x.A.book");
	subscribes(r, "x.A.bbo");
	outlet_symbol_remove(r->outlet, 0);
	pass(r, BC_NS_PER_S);
	cr_expect_str_eq(said(r), "x.A.book 1 live; x.A.bbo 1 live; x.@0.state 2 connecting; ");
	done(r);
}

/* ------------------------------------------------------------------ whatever happens */

static uint32_t next_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

static void do_something(struct rig *r, uint32_t *random)
{
	static const enum bc_state states[] = { BC_STATE_LIVE, BC_STATE_QUIET, BC_STATE_STALE,
						BC_STATE_SYNCING };
	static const char *const topics[] = { "x.A.book", "x.A.bbo", "x.A.ticker", "x.A.state",
					      "x.@0.state" };
	uint32_t dice = next_random(random) % 100;
	if (dice < 40)
		book(r, 10 + next_random(random) % 3);
	else if (dice < 55)
		ticker(r, next_random(random) % 50);
	else if (dice < 65)
		trade(r, "7");
	else if (dice < 75)
		becomes(r, 0, states[next_random(random) % 4], BC_REASON_NONE,
			next_random(random) % 2 ? SESSION_BOOK_ONLY : SESSION_ALL_CHANNELS);
	else if (dice < 90)
		subscribes(r, topics[next_random(random) % 5]);
	else
		pass(r, next_random(random) % 70 * MS);
}

/* Payloads are equal but for the flag `welcome`, which is one bit of one element. */
static bool same_but_for_welcome(const struct sent *a, const struct sent *b)
{
	size_t differ = 0;
	for (size_t i = 0; a->n == b->n && i < a->n; i++)
		differ += a->bytes[i] != b->bytes[i];
	return a->n == b->n && differ <= 2;
}

Test(outlet, one_number_one_content_and_no_holes_whatever_happens)
{
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct outlet_options o = options();
		o.interval_ns = seed % 2 ? 0 : 50 * MS;
		struct rig *r = rig_with(o, 1);
		uint32_t random = seed;
		for (int i = 0; i < 400; i++)
			do_something(r, &random);
		pass(r, BC_NS_PER_S);
		for (size_t i = 0; i < r->n_sent; i++) {
			const struct sent *s = &r->sent[i];
			const struct sent *before = NULL;
			for (size_t j = i; before == NULL && j-- > 0;)
				before = strcmp(r->sent[j].topic, s->topic) == 0 ? &r->sent[j]
										 : NULL;
			if (before == NULL)
				continue;
			bool welcome = (s->m.envelope.flags & BC_FLAG_WELCOME) != 0;
			cr_assert_eq(s->m.envelope.seq, before->m.envelope.seq + !welcome,
				     "seed %u: %s", seed, s->topic);
			if (welcome)
				cr_assert(same_but_for_welcome(s, before),
					  "seed %u: %s %llu changed", seed, s->topic,
					  (unsigned long long)s->m.envelope.seq);
		}
		done(r);
	}
}
