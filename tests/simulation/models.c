#include "tests/simulation/models.h"

#include "publisher/simulator/binance.h"

#include <stdlib.h>
#include <string.h>

static uint64_t number_of(bc_str id)
{
	char text[32];
	if (id.n >= sizeof text)
		return 0;
	memcpy(text, id.p, id.n);
	text[id.n] = '\0';
	return strtoull(text, NULL, 10);
}

/* The type stands first, in both dialects: {"type":"orderbook", [{"ty":"orderbook" */
static bool upbit_is_book(bc_str frame)
{
	size_t n = frame.n < 32 ? frame.n : 32;
	return memmem(frame.p, n, "orderbook", 9) != NULL;
}

/* Time in ms, then four digits of the trade's own number. */
static uint64_t upbit_trade_of(bc_str id)
{
	return number_of(id) % 10000;
}

/* The stream's name stands first: {"stream":"btcusdt@depth20@100ms" */
static bool binance_is_book(bc_str frame)
{
	size_t n = frame.n < 128 ? frame.n : 128;
	return memmem(frame.p, n, "@depth", 6) != NULL;
}

/* Single trades are numbered from BINANCE_TRADE_IDS on, aggregated ones from 1. */
static uint64_t binance_trade_of(bc_str id)
{
	uint64_t n = number_of(id);
	return n > BINANCE_TRADE_IDS ? n - BINANCE_TRADE_IDS : n;
}

/* Binance spot takes any limit. */
static const struct bc_snapshot_limit small[] = { { 20, 5 }, { 40, 5 }, { 100, 5 }, { 1000, 50 } };

static const char *const upbit_needed[] = {
	"\"code\":", "\"cd\":",        "\"timestamp\":", "\"tms\":",      "\"orderbook_units\":",
	"\"obu\":",  "\"ask_price\":", "\"ap\":",        "\"bid_size\":", "\"bs\":",
	NULL
};
static const char *const upbit_numbers[] = { "\"bid_size\":", "\"bs\":", NULL };
static const char *const binance_needed[] = {
	"\"u\":", "\"b\":", "\"a\":", "\"lastUpdateId\":", "\"bids\":", "\"asks\":", NULL
};
static const char *const binance_numbers[] = { "[\"", NULL };

#define BINANCE_STRANGE                                                                            \
	"{\"stream\":\"btcusdt@brandNew\",\"data\":{\"e\":\"brandNew\",\"E\":1,\"s\":\"BTCUSDT\"," \
	"\"b\":[[\"1\",\"1\"]]}}"

const struct model models[] = {
	{ .exchange = "upbit",
	  .is_book = upbit_is_book,
	  .trade_of = upbit_trade_of,
	  .trade_wraps = 10000,
	  .needed = upbit_needed,
	  .numbers = upbit_numbers,
	  .strange = "{\"type\":\"brandnew\",\"code\":\"KRW-BTC\",\"timestamp\":1,\"price\":1}",
	  .too_many = "Too Many Requests",
	  .gets = 40,
	  .gets_a_second = 3 },
	{ .exchange = "binance-spot",
	  .is_book = binance_is_book,
	  .trade_of = binance_trade_of,
	  .needed = binance_needed,
	  .numbers = binance_numbers,
	  .strange = BINANCE_STRANGE,
	  .refuses = true,
	  .limits = small,
	  .n_limits = sizeof small / sizeof *small,
	  .partial_levels = 20,
	  .gets = 40,
	  .gets_a_second = 4 },
	{ .exchange = "binance-usdm",
	  .is_book = binance_is_book,
	  .trade_of = binance_trade_of,
	  .needed = binance_needed,
	  .numbers = binance_numbers,
	  .strange = BINANCE_STRANGE,
	  .refuses = true,
	  .partial_levels = 20,
	  .gets = 40,
	  .gets_a_second = 4 },
	{ .exchange = NULL },
};
