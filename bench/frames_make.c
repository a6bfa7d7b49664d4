/* Messages as the exchanges spell them. */
#include "bench/frames.h"
#include "bench/frames_upbit.h"
#include "bench/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH 1000    /* levels a side of the book that a diff changes */
#define MID   6500000 /* in ticks of 0.01 */
#define TIME  UINT64_C(1790134742106)

typedef unsigned long long ull;

/* ------------------------------------------------------------------ Upbit */

static size_t upbit_trade(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed)
{
	char quantity[32];
	ull ms = TIME + bench_random(seed) % 1000000;
	upbit_quantity(quantity, sizeof quantity, seed);
	return (size_t)snprintf(
		out, cap,
		shape->simple
			? "{\"ty\":\"trade\",\"cd\":\"KRW-BTC\",\"tms\":%llu,\"td\":\"2026-11-21\","
			  "\"ttm\":\"14:40:59\",\"ttms\":%llu,\"tp\":%llu.0,\"tv\":%s,\"ab\":\"%"
			  "s\","
			  "\"pcp\":102417000.0,\"c\":\"RISE\",\"cp\":1043000.0,\"sid\":%llu0000,"
			  "\"bap\":103493000,\"bas\":0.04910155,\"bbp\":103460000,\"bbs\":0.004,"
			  "\"st\":\"REALTIME\"}"
			: "{\"type\":\"trade\",\"code\":\"KRW-BTC\",\"timestamp\":%llu,"
			  "\"trade_date\":\"2026-11-21\",\"trade_time\":\"14:40:59\","
			  "\"trade_timestamp\":%llu,\"trade_price\":%llu.0,\"trade_volume\":%s,"
			  "\"ask_bid\":\"%s\",\"prev_closing_price\":102417000.0,\"change\":"
			  "\"RISE\","
			  "\"change_price\":1043000.0,\"sequential_id\":%llu0000,"
			  "\"best_ask_price\":103493000,\"best_ask_size\":0.04910155,"
			  "\"best_bid_price\":103460000,\"best_bid_size\":0.004,"
			  "\"stream_type\":\"REALTIME\"}",
		ms, ms - 25, (ull)(103000000 + bench_random(seed) % 900 * 1000), quantity,
		bench_random(seed) % 2 == 0 ? "ASK" : "BID", ms - 25);
}

static size_t upbit_ticker(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed)
{
	ull price = 103000000 + bench_random(seed) % 900 * 1000, open = 102417000;
	ull ms = TIME + bench_random(seed) % 1000000, r = bench_random(seed);
	(void)shape;
	return (size_t)snprintf(
		out, cap,
		"{\"type\":\"ticker\",\"code\":\"KRW-BTC\",\"opening_price\":%llu.0,"
		"\"high_price\":103988000.0,\"low_price\":101150000.0,\"trade_price\":%llu.0,"
		"\"prev_closing_price\":%llu.0,\"acc_trade_price\":104890185475.22821,"
		"\"change\":\"RISE\",\"change_price\":%llu.0,\"signed_change_price\":%llu.0,"
		"\"change_rate\":0.0105060683,\"signed_change_rate\":0.0105060683,"
		"\"ask_bid\":\"BID\",\"trade_volume\":0.00094678,\"acc_trade_volume\":%llu.%08llu,"
		"\"trade_date\":\"20260311\",\"trade_time\":\"144058\",\"trade_timestamp\":%llu,"
		"\"acc_ask_volume\":498.1120331,\"acc_bid_volume\":526.19395931,"
		"\"highest_52_week_price\":179869000.0,\"highest_52_week_date\":\"2025-10-09\","
		"\"lowest_52_week_price\":89000000.0,\"lowest_52_week_date\":\"2026-02-06\","
		"\"market_state\":\"ACTIVE\",\"is_trading_suspended\":false,"
		"\"delisting_date\":null,\"market_warning\":\"NONE\",\"timestamp\":%llu,"
		"\"acc_trade_price_24h\":%llu.538100,\"acc_trade_volume_24h\":%llu.%08llu,"
		"\"stream_type\":\"REALTIME\"}",
		open, price, open, price - open, price - open, r % 2000, r % 100000000, ms - 190,
		ms, 196998006000 + r % 1000, r % 4000, (r >> 20) % 100000000);
}

static size_t upbit_book(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed)
{
	(void)cap; /* UPBIT_FRAME_MAX() is below it */
	return upbit_frame(out, shape->levels, shape->simple, seed);
}

/* ------------------------------------------------------------------ Binance */

/* Levels from the top: near it mostly, one in eight anywhere. */
static unsigned distance(uint64_t *seed)
{
	uint64_t r = bench_random(seed);
	if (r % 8 == 0)
		return (unsigned)((r >> 8) % DEPTH);
	double d = pow(bench_random_unit(seed), -1 / 1.2) - 1;
	return d < DEPTH ? (unsigned)d : DEPTH - 1;
}

static size_t add_level(char *out, size_t cap, unsigned ticks, unsigned quantity)
{
	return (size_t)snprintf(out, cap, "[\"%u.%02u000000\",\"%u.%08u\"]", ticks / 100,
				ticks % 100, quantity / 100000000, quantity % 100000000);
}

enum bench_side { BIDS, ASKS };

/* Levels of a whole book, best first; or of a change, in any order, one of four deleted. */
static size_t add_side(char *out, size_t cap, unsigned levels, enum bench_side side, bool whole,
		       uint64_t *seed)
{
	size_t n = 0;
	unsigned away = 0;
	for (unsigned i = 0; i < levels; i++) {
		uint64_t r = bench_random(seed);
		unsigned quantity = 1 + (unsigned)((r >> 8) % 500000000);
		if (!whole && r % 4 == 0)
			quantity = 0;
		away = whole ? away + (i > 0) * (1 + (unsigned)(r % 3)) : distance(seed);
		n += (size_t)snprintf(out + n, cap - n, "%s", i > 0 ? "," : "");
		n += add_level(out + n, cap - n, side == BIDS ? MID - away : MID + 1 + away,
			       quantity);
	}
	return n;
}

static size_t binance_partial(char *out, size_t cap, const struct frame_shape *shape,
			      uint64_t *seed)
{
	size_t n = (size_t)snprintf(out, cap,
				    "{\"stream\":\"btcusdt@depth20@100ms\",\"data\":{"
				    "\"lastUpdateId\":%llu,\"bids\":[",
				    (ull)(68123456789 + bench_random(seed) % 100000));
	n += add_side(out + n, cap - n, shape->levels, BIDS, true, seed);
	n += (size_t)snprintf(out + n, cap - n, "],\"asks\":[");
	n += add_side(out + n, cap - n, shape->levels, ASKS, true, seed);
	return n + (size_t)snprintf(out + n, cap - n, "]}}");
}

static size_t binance_diff(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed)
{
	uint64_t first = 49000000000 + bench_random(seed) % 1000000;
	size_t n = (size_t)snprintf(out, cap,
				    "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{"
				    "\"e\":\"depthUpdate\",\"E\":%llu,\"s\":\"BTCUSDT\","
				    "\"U\":%llu,\"u\":%llu,\"b\":[",
				    (ull)(TIME + bench_random(seed) % 1000000), (ull)first,
				    (ull)(first + bench_random(seed) % 900));
	n += add_side(out + n, cap - n, shape->levels - shape->levels / 2, BIDS, false, seed);
	n += (size_t)snprintf(out + n, cap - n, "],\"a\":[");
	n += add_side(out + n, cap - n, shape->levels / 2, ASKS, false, seed);
	return n + (size_t)snprintf(out + n, cap - n, "]}}");
}

static size_t binance_agg_trade(char *out, size_t cap, const struct frame_shape *shape,
				uint64_t *seed)
{
	ull ms = TIME + bench_random(seed) % 1000000,
	    first = 4912345678 + bench_random(seed) % 9999;
	uint64_t r = bench_random(seed);
	(void)shape;
	return (size_t)snprintf(
		out, cap,
		"{\"stream\":\"btcusdt@aggTrade\",\"data\":{\"e\":\"aggTrade\","
		"\"E\":%llu,\"s\":\"BTCUSDT\",\"a\":%llu,\"p\":\"%llu.%02llu000000\","
		"\"q\":\"%llu.%08llu\",\"f\":%llu,\"l\":%llu,\"T\":%llu,\"m\":%s,"
		"\"M\":true}}",
		ms, (ull)(3412345678 + r % 1000), (ull)(64000 + r % 999), (ull)((r >> 10) % 100),
		(ull)((r >> 20) % 3), (ull)(1 + (r >> 24) % 99999999), first, first + r % 4, ms - 1,
		r % 2 == 0 ? "true" : "false");
}

static size_t binance_bbo(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed)
{
	uint64_t r = bench_random(seed);
	unsigned bid = MID - (unsigned)(r % 1000);
	(void)shape;
	return (size_t)snprintf(out, cap,
				"{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"u\":%llu,"
				"\"s\":\"BTCUSDT\",\"b\":\"%u.%02u000000\",\"B\":\"%llu.%08llu\","
				"\"a\":\"%u.%02u000000\",\"A\":\"%llu.%08llu\"}}",
				(ull)(50093239212 + r % 100000), bid / 100, bid % 100,
				(ull)((r >> 12) % 10), (ull)((r >> 16) % 99999999 + 1),
				(bid + 1) / 100, (bid + 1) % 100, (ull)((r >> 30) % 10),
				(ull)((r >> 36) % 99999999 + 1));
}

/* ------------------------------------------------------------------ any of them */

typedef size_t make_fn(char *out, size_t cap, const struct frame_shape *shape, uint64_t *seed);

static make_fn *const makers[N_FRAME_KINDS] = {
	[UPBIT_BOOK] = upbit_book,     [UPBIT_TRADE] = upbit_trade,
	[UPBIT_TICKER] = upbit_ticker, [BINANCE_PARTIAL] = binance_partial,
	[BINANCE_DIFF] = binance_diff, [BINANCE_AGG_TRADE] = binance_agg_trade,
	[BINANCE_BBO] = binance_bbo,
};

bool frames_make(struct frames *f, const struct frame_shape *shape, size_t n)
{
	size_t cap = 2048 + (size_t)shape->levels * 160;
	char *out = malloc(cap);
	uint64_t seed = BENCH_SEED;
	bool good = out != NULL;
	for (size_t i = 0; i < n && good; i++)
		good = frames_add(f, (bc_str){ out, makers[shape->kind](out, cap, shape, &seed) });
	free(out);
	return good;
}
