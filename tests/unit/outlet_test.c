/* The topics of a gateway: numbers without holes, one number one content, lists of symbols. */
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
