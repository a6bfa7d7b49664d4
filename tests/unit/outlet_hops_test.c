/* What is measured of messages on their way through a gateway: news, once each, and nothing that is
 * only old. */
#include "tests/support/outlet_rig.h"

#define RECEIVED_NS (BC_NS_PER_S * 1700000000)

static uint64_t counted(struct rig *r, enum outlet_hop hop, enum outlet_kind kind)
{
	struct bc_tally t;
	bc_histogram_read(&outlet_hops(r->outlet)->of[hop][kind].all, &t);
	return t.count;
}

static void expect_counts(struct rig *r, enum outlet_hop hop, unsigned book, unsigned bbo,
			  unsigned trade, unsigned other)
{
	const unsigned want[OUTLET_N_KINDS] = { book, bbo, trade, other };
	for (int kind = 0; kind < OUTLET_N_KINDS; kind++)
		cr_expect_eq(counted(r, hop, (enum outlet_kind)kind), want[kind],
			     "hop %d, kind %d: %llu instead of %u", (int)hop, kind,
			     (unsigned long long)counted(r, hop, (enum outlet_kind)kind),
			     want[kind]);
}

static struct rig *new_rig(int64_t interval_ns)
{
	struct outlet_options o = options();
	o.interval_ns = interval_ns;
	struct rig *r = rig_with(o, 1);
	live(r);
	outlet_hops_turn(outlet_hops(r->outlet), r->now);
	return r;
}

/* An event of the exchange's, 3 ms old when it was received, which was 1 ms ago. */
static void event_of(struct rig *r, enum bc_channel channel, uint32_t flags)
{
	struct bc_event e = event(channel);
	bc_wall_time received = { on_now(r).ns - MS };
	e.flags = flags;
	e.ts_exchange.ns = received.ns - 3 * MS;
	if (channel == BC_CHANNEL_TRADE)
		e.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_SELL, BC_STR("t") };
	outlet_event(r->outlet, r->now, 0, &e, received);
}

Test(outlet_hops, each_news_counts_once_in_its_kind)
{
	struct rig *r = new_rig(0);
	event_of(r, BC_CHANNEL_BOOK, 0);
	event_of(r, BC_CHANNEL_TRADE, 0);
	event_of(r, BC_CHANNEL_TRADE, 0);
	event_of(r, BC_CHANNEL_TICKER, 0);
	expect_counts(r, OUTLET_RECEIVED, 1, 0, 2, 1);
	expect_counts(r, OUTLET_PUBLISHED, 1, 1, 2, 1); /* the bbo is made here */
	int64_t window;
	struct bc_quantiles q =
		outlet_hop_recent(outlet_hops(r->outlet), OUTLET_RECEIVED, r->now, &window);
	cr_expect_eq(q.count, 4);
	cr_expect_eq(q.max_ns, 3 * MS);
	cr_expect_eq(q.p50_ns, 3 * MS);
	q = outlet_hop_recent(outlet_hops(r->outlet), OUTLET_PUBLISHED, r->now, &window);
	cr_expect_eq(q.count, 5);
	cr_expect_eq(q.sum_ns, 5 * MS);
	done(r);
}

Test(outlet_hops, what_is_old_by_nature_does_not_count)
{
	struct rig *r = new_rig(0);
	event_of(r, BC_CHANNEL_TRADE, BC_FLAG_SNAPSHOT | BC_FLAG_REST);
	event_of(r, BC_CHANNEL_BOOK, BC_FLAG_SNAPSHOT);
	expect_counts(r, OUTLET_RECEIVED, 0, 0, 0, 0);
	expect_counts(r, OUTLET_PUBLISHED, 0, 0, 0, 0);
	event_of(r, BC_CHANNEL_BOOK, 0);
	expect_counts(r, OUTLET_PUBLISHED, 1, 0, 0, 0); /* the same bbo is not published */
	done(r);
}

Test(outlet_hops, a_repetition_for_a_state_or_a_welcome_does_not_count)
{
	struct rig *r = new_rig(0);
	event_of(r, BC_CHANNEL_BOOK, 0);
	expect_counts(r, OUTLET_PUBLISHED, 1, 1, 0, 0);
	uint64_t published = outlet_counters(r->outlet)->published;
	becomes(r, 0, BC_STATE_STALE, BC_REASON_GAP, SESSION_ALL_CHANNELS);
	pass(r, 200 * MS);
	subscribes(r, "x.A.book");
	pass(r, 0);
	outlet_turn(r->outlet, r->now);
	cr_expect_gt(outlet_counters(r->outlet)->published, published);
	cr_expect_gt(outlet_counters(r->outlet)->welcomes, 0);
	expect_counts(r, OUTLET_PUBLISHED, 1, 1, 0, 0);
	done(r);
}

Test(outlet_hops, the_wait_of_conflation_is_in_it)
{
	struct rig *r = new_rig(100 * MS);
	event_of(r, BC_CHANNEL_TICKER, 0);
	event_of(r, BC_CHANNEL_TICKER, 0); /* waits, and is replaced */
	event_of(r, BC_CHANNEL_TICKER, 0);
	expect_counts(r, OUTLET_RECEIVED, 0, 0, 0, 3);
	expect_counts(r, OUTLET_PUBLISHED, 0, 0, 0, 1);
	r->now.ns += 100 * MS;
	outlet_turn(r->outlet, r->now);
	expect_counts(r, OUTLET_PUBLISHED, 0, 0, 0, 2);
	int64_t window;
	struct bc_quantiles q =
		outlet_hop_recent(outlet_hops(r->outlet), OUTLET_PUBLISHED, r->now, &window);
	cr_expect_eq(q.max_ns, 101 * MS);
	cr_expect_eq(q.sum_ns, 102 * MS);
	cr_expect_eq(window, 100 * MS);
	done(r);
}

Test(outlet_hops, an_exchange_that_is_ahead_is_counted_apart)
{
	struct rig *r = new_rig(0);
	struct bc_event e = event(BC_CHANNEL_TICKER);
	e.ts_exchange.ns = RECEIVED_NS + 1;
	outlet_event(r->outlet, r->now, 0, &e, (bc_wall_time){ RECEIVED_NS });
	e.ts_exchange.ns = BC_TIME_UNKNOWN;
	outlet_event(r->outlet, r->now, 0, &e, (bc_wall_time){ RECEIVED_NS });
	expect_counts(r, OUTLET_RECEIVED, 0, 0, 0, 0);
	cr_expect_eq(bc_histogram_negative(
			     &outlet_hops(r->outlet)->of[OUTLET_RECEIVED][OUTLET_OTHER].all),
		     1);
	done(r);
}
