/* What the library asks the cache, as a strategy does. */
#include "tests/support/libbookcast_rig.h"

#include <poll.h>

static void trade(struct gateway *g, uint64_t seq)
{
	char id[24];
	struct bc_message m = { .envelope = bus_envelope(g->epoch, seq, BC_STATE_LIVE) };
	snprintf(id, sizeof id, "id-%llu", (unsigned long long)seq);
	m.body.trade = (struct bc_trade){ { 5, 1 }, { 1, -3 }, BC_SIDE_SELL, bc_str_of(id) };
	publish(g, "upbit.KRW-BTC.trade", m, TO_ALL);
}

static void candle(struct gateway *g, uint64_t seq)
{
	struct bc_message m = { .envelope = bus_envelope(g->epoch, seq, BC_STATE_LIVE) };
	m.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { (int64_t)seq * 60 },
					    .open = { 1, 0 },
					    .high = { 3, 0 },
					    .low = { 1, 0 },
					    .close = { 2, 0 },
					    .volume = { 9, 0 },
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = BC_CLOSED_UNKNOWN };
	publish(g, "upbit.KRW-BTC.candle-1m", m, TO_ALL);
}

static void publish_instrument(struct gateway *g)
{
	struct bc_message m = { .envelope = bus_envelope(g->epoch, 1, BC_STATE_LIVE) };
	m.body.instrument = (struct bc_instrument){ .base = BC_STR("BTC"),
						    .quote = BC_STR("KRW"),
						    .unified = BC_STR("BTC/KRW"),
						    .tick = { 1, 3 },
						    .lot = BC_DECIMAL_NONE,
						    .contract_size = BC_DECIMAL_NONE,
						    .status = BC_LISTING_TRADING };
	publish(g, "upbit.KRW-BTC.instrument", m, TO_ALL);
}

/* bookcast_subscribe() and bookcast_latest() wait for the cache, so it stands in a thread. */
static void serve(void *stop)
{
	while (!*(volatile bool *)stop) {
		zmq_pollitem_t item = { NULL, bc_rpc_server_fd(server), ZMQ_POLLIN, 0 };
		zmq_poll(&item, 1, 1);
		cache_desk_serve(desk, bc_boot_now(), 10);
	}
}

BUS_TEST(the_cache_has_the_newest_trades_and_candles)
{
	volatile bool stop = false;
	const bookcast_message *const *m = NULL;
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	publish_instrument(g);
	for (uint64_t i = 1; i <= 5; i++) {
		trade(g, i);
		candle(g, i);
	}
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_assert_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 1, &m), 1);
	cr_expect_str_eq(m[0]->body.trade.trade_id, "id-5");
	cr_assert_eq(bookcast_trades(bus, "upbit", "BTC/KRW", 3, &m), 3);
	for (int i = 0; i < 3; i++) {
		char id[8] = { 'i', 'd', '-', (char)('3' + i), '\0' };
		cr_expect_str_eq(m[i]->body.trade.trade_id, id);
		cr_expect_str_eq(m[i]->topic, "upbit.KRW-BTC.trade");
		cr_expect_eq(m[i]->seq, (uint64_t)(3 + i));
		cr_expect_eq(m[i]->source, BOOKCAST_FROM_CACHE);
		cr_expect_eq(m[i]->state, BOOKCAST_LIVE);
	}
	cr_assert_eq(bookcast_candles(bus, "upbit", "KRW-BTC", "1m", 10000, &m), 5);
	cr_expect_eq(m[0]->body.candle.ts_open, 60);
	cr_expect_eq(m[4]->body.candle.ts_open, 300);
	cr_expect_str_eq(m[4]->body.candle.interval, "1m");
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-BTC", "7m", 5, &m), BOOKCAST_EINVAL);
	cr_expect_eq(strncmp(bookcast_error(bus), "'7m' is no interval: 1s 1m", 26), 0);
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-BTC", NULL, 5, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 0, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 10001, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-ETH", 5, &m), BOOKCAST_ENODATA);
	cr_expect_str_eq(bookcast_error(bus), "upbit.KRW-ETH.trade has no data yet");
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-XRP", "1h", 5, &m), BOOKCAST_ENOTFOUND);
	stop = true;
	zmq_threadclose(thread);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 5, &m), BOOKCAST_ENOANSWER);
}

BUS_TEST(names_and_questions_to_the_cache)
{
	volatile bool stop = false;
	const bookcast_message *m;
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	publish_instrument(g);
	book(g, 7);
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->seq, 7);
	cr_expect_eq(m->state, BOOKCAST_LIVE);
	cr_expect_eq(m->source, BOOKCAST_FROM_CACHE);
	cr_expect_eq(bookcast_latest(bus, "upbit", "BTC/KRW", "instrument", &m), BOOKCAST_OK);
	cr_expect_str_eq(m->symbol, "KRW-BTC");
	cr_expect_str_eq(m->body.instrument.unified, "BTC/KRW");
	cr_expect_str_eq(m->body.instrument.status, "trading");
	cr_expect_eq(m->body.instrument.lot.exponent, INT32_MIN);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-ETH", "book", &m), BOOKCAST_ENODATA);
	cr_expect_str_eq(bookcast_error(bus), "upbit.KRW-ETH.book has no data yet");
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-XRP", "book", &m), BOOKCAST_ENOTFOUND);
	cr_expect_str_eq(bookcast_error(bus), "nobody serves upbit.KRW-XRP.book");
	cr_expect_eq(bookcast_subscribe(bus, "upbit", "XRP/KRW", "book"), BOOKCAST_ENOTFOUND);
	cr_expect_eq(bookcast_subscribe(bus, "upbit", "BTC/KRW", "book"), BOOKCAST_OK);
	cr_expect_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_OK);
	cr_expect_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_ENOTFOUND);
	stop = true;
	zmq_threadclose(thread);
}

/* The message says stale for one reason; by now it is stale for another one. */
BUS_TEST(the_cache_is_asked_why_it_is_so_now)
{
	volatile bool stop = false;
	const bookcast_message *m;
	bookcast_condition c;
	bc_level levels[2];
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_STALE);
	e.reason = BC_REASON_GAP;
	publish(g, "upbit.KRW-BTC.book", bus_book(e, 7, levels), TO_CACHE_ONLY);
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GAP);
	cr_expect_eq(m->since, 1);
	stop = true;
	zmq_threadclose(thread);
	fall_silent(g);
	stop = false;
	thread = zmq_threadstart(serve, (void *)&stop);
	int64_t end = test_in(PATIENCE);
	do
		cr_assert_eq(bookcast_state(bus, "upbit", "KRW-BTC", "book", &c), BOOKCAST_OK);
	while (c.reason != BOOKCAST_REASON_GATEWAY && test_now_ns() < end);
	cr_expect_eq(c.state, BOOKCAST_STALE);
	cr_expect_eq(c.reason, BOOKCAST_REASON_GATEWAY);
	cr_expect_eq(c.since, BOOKCAST_UNKNOWN);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GATEWAY);
	stop = true;
	zmq_threadclose(thread);
}
