/* All rings together: when they come and go, and the bound on their bytes. */
#include "subscribers/cache/rings.h"

#include "common/board.h"
#include "tests/support/history_message.h"

#include <criterion/criterion.h>

static struct cache_rings *rings;
static struct bc_board *board;

static void open_with(size_t trades, size_t candles, size_t max_bytes)
{
	const struct cache_rings_limits limits = { trades, candles, max_bytes };
	rings = cache_rings_new(&limits);
	cr_assert_not_null(rings);
}

static void close_all(void)
{
	bc_board_free(&board);
	cache_rings_free(&rings);
}

TestSuite(cache_rings, .fini = close_all);

static void take_trade(const char *topic, unsigned number)
{
	struct history_message h;
	char id[16];
	snprintf(id, sizeof id, "%08u", number);
	history_trade(&h, id, number, number);
	cache_rings_take(rings, bc_str_of(topic), h.bytes.payload, &h.message);
}

static size_t held(const char *topic)
{
	const struct cache_ring *ring = cache_rings_find(rings, bc_str_of(topic));
	return ring == NULL ? 0 : cache_ring_count(ring);
}

Test(cache_rings, each_topic_has_its_own)
{
	struct history_message h;
	open_with(2, 3, 1 << 20);
	for (unsigned i = 0; i < 5; i++) {
		take_trade("a.X.trade", i);
		history_candle(&h, i, i + 1, BC_CLOSED_YES, i, i);
		cache_rings_take(rings, BC_STR("a.X.candle-1m"), h.bytes.payload, &h.message);
	}
	take_trade("a.Y.trade", 1);
	take_trade("a.Y.trade", 1);
	take_trade("a.X.trade", 0);
	cr_expect_eq(held("a.X.trade"), 2);
	cr_expect_eq(held("a.X.candle-1m"), 3);
	cr_expect_eq(held("a.Y.trade"), 1);
	cr_expect_eq(cache_rings_count(rings), 3);
	cr_expect_eq(cache_rings_stats(rings)->kept, 11);
	cr_expect_eq(cache_rings_stats(rings)->duplicates, 1);
	cr_expect_eq(cache_rings_stats(rings)->late, 1);
}

Test(cache_rings, none_is_none)
{
	struct history_message h;
	bc_level levels[2];
	open_with(0, 2, 1 << 20);
	take_trade("a.X.trade", 1);
	struct bc_message book = bus_book(bus_envelope(1, 1, BC_STATE_LIVE), 5, levels);
	bus_message_encode(&h.bytes, "a.X.book", &book);
	cache_rings_take(rings, BC_STR("a.X.book"), h.bytes.payload, &book);
	cr_expect_eq(cache_rings_count(rings), 0);
	cr_expect_eq(cache_rings_stats(rings)->refused, 0);
}

Test(cache_rings, at_the_limit_the_largest_lose_their_older_half)
{
	enum { LIMIT = 200000 };
	open_with(10000, 1, LIMIT);
	for (unsigned i = 0; i < 50; i++)
		take_trade("a.SMALL.trade", i);
	for (unsigned i = 0; i < 5000; i++) {
		take_trade("a.BIG.trade", i);
		cr_assert_leq(cache_rings_bytes(rings), LIMIT);
	}
	cr_expect_eq(held("a.SMALL.trade"), 50, "it was not the largest");
	cr_expect_gt(held("a.BIG.trade"), 200);
	cr_expect_gt(cache_rings_stats(rings)->halved, 1);
	const struct cache_ring *big = cache_rings_find(rings, BC_STR("a.BIG.trade"));
	struct bc_message m;
	bc_message_decode(cache_ring_at(big, cache_ring_count(big) - 1), &m, NULL, 0);
	cr_expect(bc_str_is(m.body.trade.trade_id, "00004999"));
}

/* Topics without end, each with little in it. */
Test(cache_rings, the_bound_holds_against_many_topics)
{
	enum { LIMIT = 65536 };
	open_with(1000, 1, LIMIT);
	for (unsigned i = 0; i < 3000; i++) {
		char topic[32];
		snprintf(topic, sizeof topic, "a.S%u.trade", i % 1500);
		take_trade(topic, i);
		cr_assert_leq(cache_rings_bytes(rings), LIMIT, "%u", i);
	}
	cr_expect_gt(cache_rings_stats(rings)->refused, 0);
	cr_expect_gt(cache_rings_count(rings), 10);
	size_t one = cache_rings_bytes(rings) / cache_rings_count(rings);
	cr_expect_gt(one, 100, "what a ring takes besides its trades counts, too");
}

Test(cache_rings, too_large_a_payload_is_refused)
{
	static char bytes[CACHE_RING_MAX_PAYLOAD + 1];
	struct history_message h;
	open_with(1000, 1, 1 << 20);
	history_trade(&h, "1", 1, 1);
	cache_rings_take(rings, BC_STR("a.X.trade"), (bc_str){ bytes, sizeof bytes }, &h.message);
	cr_expect_eq(held("a.X.trade"), 0);
	cr_expect_eq(cache_rings_stats(rings)->refused, 1);
}

static void hear(struct bc_message m, const char *topic, bc_mono_time now)
{
	struct bus_message b;
	struct bc_board_taken taken;
	bus_message_encode(&b, topic, &m);
	if (bc_board_take(board, b.topic, b.payload, now, &taken) == BC_OK)
		cache_rings_take(rings, b.topic, b.payload, taken.message);
}

static void hear_trade(uint64_t epoch, uint64_t seq, const char *id, bc_mono_time now)
{
	struct bc_message m = { .envelope = bus_envelope(epoch, seq, BC_STATE_LIVE) };
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	hear(m, "upbit.KRW-BTC.trade", now);
}

static void hear_list(uint64_t epoch, uint64_t seq, const char *symbol, bc_mono_time now)
{
	uint8_t list[512];
	const bc_str symbols[] = { bc_str_of(symbol) };
	hear(bus_symbols(bus_envelope(epoch, seq, BC_STATE_LIVE), seq, symbols, 1, list),
	     "upbit.@0.state", now);
}

Test(cache_rings, history_outlives_a_restart_and_ends_with_its_topic)
{
	const struct bc_board_limits limits = { 100, 1 << 20, 10 * BC_NS_PER_S };
	bc_mono_time now = { 1000 * BC_NS_PER_S };
	open_with(1000, 1000, 1 << 20);
	board = bc_board_new(&limits);
	bc_board_on_forgotten(board, cache_rings_forget, rings);
	hear_list(100, 1, "KRW-BTC", now);
	hear_trade(100, 1, "1", now);
	hear_trade(100, 2, "2", now);
	hear_list(200, 1, "KRW-BTC", now); /* it restarted, and fetches what it missed */
	hear_trade(200, 1, "2", now);
	hear_trade(200, 2, "3", now);
	hear_trade(100, 3, "4", now); /* a straggler */
	cr_expect_eq(held("upbit.KRW-BTC.trade"), 3);
	cr_expect_eq(cache_rings_stats(rings)->duplicates, 1);
	hear_list(200, 2, "KRW-ETH", now);
	bc_board_tick(board, now);
	cr_expect_eq(held("upbit.KRW-BTC.trade"), 3, "delisted: kept as long as it answers down");
	now.ns += 11 * BC_NS_PER_S;
	bc_board_tick(board, now);
	cr_expect_eq(cache_rings_count(rings), 0);
	hear_trade(200, 3, "5", now);
	cr_expect_eq(held("upbit.KRW-BTC.trade"), 1, "listed anew, it begins anew");
}
