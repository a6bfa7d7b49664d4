/* What we say to Binance, on both of its markets, and how the numbers of its changes link. What it
 * says is in binance_answers_test.c and tests/golden/exchanges. */
#include "publisher/exchanges/exchange.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CH(name)     BC_CHANNEL_BIT(BC_CHANNEL_##name)

static const struct bc_exchange *x;
static void *state;

static bc_status start(const char *exchange, struct bc_feed_options options)
{
	const char *why = NULL;
	free(state);
	x = bc_exchange_find(exchange);
	cr_assert_not_null(x, "%s", exchange);
	state = calloc(1, x->state_size);
	bc_status status = x->start(state, &options, &why);
	cr_expect((status == BC_OK) == (why == NULL), "a refusal says why");
	return status;
}

static void teardown(void)
{
	free(state);
	state = NULL;
}

TestSuite(binance, .fini = teardown);

#define SPOT         "binance-spot"
#define USDM         "binance-usdm"
#define OPTIONS(...) ((struct bc_feed_options){ __VA_ARGS__ })
#define NO_OPTIONS   OPTIONS(.format = NULL)

/* ------------------------------------------------------------------ what we say */

static const struct {
	const char *exchange;
	struct bc_feed_options options;
	uint16_t line;
	uint32_t channels, intervals, levels;
	const char *want, *why;
} subscriptions[] = {
	{ SPOT,
	  { .format = NULL },
	  0,
	  CH(BOOK) | CH(BBO) | CH(TRADE) | CH(TICKER),
	  0,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"btcusdt@bookTicker\","
	  "\"btcusdt@trade\",\"btcusdt@ticker\",\"1满usd@depth@100ms\",\"1满usd@bookTicker\","
	  "\"1满usd@trade\",\"1满usd@ticker\"],\"id\":7}",
	  "lower case, for upper case is acknowledged and silent; what is not ASCII stays" },
	{ SPOT,
	  { .book_speed = "1000ms", .trades = BC_TRADES_AGGREGATED },
	  0,
	  CH(BOOK) | CH(TRADE),
	  0,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth\",\"btcusdt@aggTrade\","
	  "\"1满usd@depth\",\"1满usd@aggTrade\"],\"id\":7}",
	  "the slow speed has no word" },
	{ SPOT,
	  { .book_partial = true },
	  0,
	  CH(BOOK),
	  0,
	  6,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth10@100ms\","
	  "\"1满usd@depth10@100ms\"],\"id\":7}",
	  "levels of partial books are rounded up" },
	{ SPOT,
	  { .book_partial = true, .book_speed = "1000ms" },
	  0,
	  CH(BOOK),
	  0,
	  400,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth20\",\"1满usd@depth20\"],"
	  "\"id\":7}",
	  "or as many as there are" },
	{ SPOT,
	  { .format = "" },
	  0,
	  CH(CANDLE),
	  1u << BC_INTERVAL_1S | 1u << BC_INTERVAL_10M | 1u << BC_INTERVAL_1MONTH,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@kline_1s\",\"btcusdt@kline_1M\","
	  "\"1满usd@kline_1s\",\"1满usd@kline_1M\"],\"id\":7}",
	  "a month is no minute; an interval they have not is not asked for" },
	{ USDM,
	  { .format = NULL },
	  0,
	  CH(BOOK) | CH(BBO) | CH(TRADE) | CH(TICKER),
	  0,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"btcusdt@bookTicker\","
	  "\"1满usd@depth@100ms\",\"1满usd@bookTicker\"],\"id\":7}",
	  "the public route carries books alone: others would be acknowledged and silent" },
	{ USDM,
	  { .format = NULL },
	  1,
	  CH(BOOK) | CH(TRADE) | CH(CANDLE),
	  1u << BC_INTERVAL_1S | 1u << BC_INTERVAL_1M,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@aggTrade\",\"btcusdt@kline_1m\","
	  "\"1满usd@aggTrade\",\"1满usd@kline_1m\"],\"id\":7}",
	  "the market route carries the rest; aggregated trades are the documented ones" },
	{ USDM,
	  { .trades = BC_TRADES_RAW, .book_speed = "0ms" },
	  1,
	  CH(TRADE),
	  0,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\",\"1满usd@trade\"],"
	  "\"id\":7}",
	  "who wants raw trades gets them" },
	{ USDM,
	  { .book_speed = "0ms" },
	  0,
	  CH(BOOK),
	  0,
	  30,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@0ms\",\"1满usd@depth@0ms\"],"
	  "\"id\":7}",
	  "the undocumented fastest" },
	{ USDM,
	  { .book_speed = "250ms", .book_partial = true },
	  0,
	  CH(BOOK),
	  0,
	  3,
	  "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth5\",\"1满usd@depth5\"],"
	  "\"id\":7}",
	  "250 ms has no word there" },
};

typedef bc_status write_fn(void *state, const struct bc_subscription *want, size_t *cursor,
			   char *out, size_t cap, size_t *len);

static void expect_frame(write_fn *write, const struct bc_subscription *s, const char *want,
			 const char *why)
{
	char out[2048];
	size_t cursor = 0, n = 0;
	for (size_t cap = 0; cap < strlen(want); cap += 13)
		cr_expect_eq(write(state, s, &cursor, out, cap, &n), BC_ERANGE);
	cr_expect_eq(cursor, 0, "the cursor has not moved");
	cr_assert_eq(write(state, s, &cursor, out, sizeof out, &n), BC_OK);
	cr_expect(n == strlen(want) && memcmp(out, want, n) == 0, "%s: %.*s", why, (int)n, out);
	cr_expect_eq(write(state, s, &cursor, out, sizeof out, &n), BC_ENOTFOUND, "there is one");
}

Test(binance, a_request_names_the_streams_of_its_line)
{
	const bc_str symbols[] = { BC_STR("BTCUSDT"), BC_STR("1满USD") };
	for (size_t i = 0; i < COUNT(subscriptions); i++) {
		char gone[1024];
		const struct bc_subscription s = { .line = subscriptions[i].line,
						   .symbols = symbols,
						   .n_symbols = 2,
						   .channels = subscriptions[i].channels,
						   .intervals = subscriptions[i].intervals,
						   .levels = subscriptions[i].levels,
						   .nonce = 7 };
		cr_assert_eq(start(subscriptions[i].exchange, subscriptions[i].options), BC_OK);
		expect_frame(x->subscribe, &s, subscriptions[i].want, subscriptions[i].why);
		snprintf(gone, sizeof gone, "{\"method\":\"UNSUBSCRIBE\"%s",
			 strchr(subscriptions[i].want, ','));
		expect_frame(x->unsubscribe, &s, gone, "what was asked for can be taken back");
	}
}

Test(binance, many_streams_go_in_frames_of_bounded_size_and_none_is_lost)
{
	enum { N = 301 };
	static char names[N][16];
	static char out[16384];
	bc_str symbols[N];
	size_t cursor = 0, n = 0, streams = 0, frames = 0;
	cr_assert_eq(start(SPOT, NO_OPTIONS), BC_OK);
	for (size_t i = 0; i < N; i++) {
		int length = snprintf(names[i], sizeof names[i], "S%zuUSDT", i);
		symbols[i] = (bc_str){ names[i], (size_t)length };
	}
	struct bc_subscription s = { .symbols = symbols,
				     .n_symbols = N,
				     .channels = CH(BOOK) | CH(BBO) | CH(TRADE),
				     .nonce = 1 };
	while (x->subscribe(state, &s, &cursor, out, sizeof out, &n) == BC_OK) {
		cr_assert(n < 9000 && frames < 16, "%zu bytes", n);
		size_t here = 0;
		for (const char *p = out; (p = strchr(p, '@')) != NULL; p++)
			here += strncmp(p, "@100ms", 6) != 0;
		cr_expect(here <= 200, "%zu streams", here);
		cr_expect_eq(strtoull(strstr(out, "\"id\":") + 5, NULL, 10), s.nonce++,
			     "a frame has its own id");
		streams += here;
		frames++;
	}
	cr_expect_eq(streams, 3 * N);
	cr_expect(frames >= 5 && frames <= 6, "%zu frames", frames);
}

Test(binance, nothing_to_follow_is_no_request)
{
	char out[64];
	size_t cursor = 0, n;
	const bc_str symbol = BC_STR("BTCUSDT");
	cr_assert_eq(start(USDM, NO_OPTIONS), BC_OK);
	struct bc_subscription s = { .channels = CH(BOOK) };
	cr_expect_eq(x->subscribe(state, &s, &cursor, out, sizeof out, &n), BC_ENOTFOUND);
	s = (struct bc_subscription){ .symbols = &symbol, .n_symbols = 1, .channels = CH(TRADE) };
	cr_expect_eq(x->subscribe(state, &s, &cursor, out, sizeof out, &n), BC_ENOTFOUND,
		     "not on the public route");
}

Test(binance, options_are_checked)
{
	cr_expect_eq(start(SPOT, OPTIONS(.format = "SIMPLE")), BC_EINVAL);
	cr_expect_eq(start(SPOT, OPTIONS(.group_by = { 1, 0 })), BC_EINVAL);
	cr_expect_eq(start(SPOT, OPTIONS(.group_by = BC_DECIMAL_NONE)), BC_OK);
	cr_expect_eq(start(SPOT, OPTIONS(.book_speed = "250ms")), BC_EINVAL);
	cr_expect_eq(start(SPOT, OPTIONS(.book_speed = "100")), BC_EINVAL);
	cr_expect_eq(start(USDM, OPTIONS(.book_speed = "1000ms")), BC_EINVAL);
	cr_expect_eq(start(USDM, OPTIONS(.book_speed = "0ms")), BC_OK);
	cr_expect_eq(start(USDM, OPTIONS(.book_speed = "0ms", .book_partial = true)), BC_EINVAL);
	cr_expect_eq(start(USDM, OPTIONS(.book_speed = "500ms", .book_partial = true)), BC_OK);
}

/* ------------------------------------------------------------------ names */

static const struct {
	const char *exchange, *symbol, *hint; /* NULL: it is one */
} symbols[] = {
	{ SPOT, "BTCUSDT", NULL },
	{ SPOT, "1000CHEEMSUSDT", NULL },
	{ SPOT, "这是测试币456", NULL },
	{ SPOT, "btcusdt", "upper" },
	{ SPOT, "BTCUSDt", "upper" },
	{ SPOT, "BTC-USDT", "BTC/USDT" },
	{ SPOT, "BTC/USDT", "BTC/USDT" },
	{ SPOT, "BTCUSDT_260925", "BTC/USDT" },
	{ SPOT, "BTC\"USDT", "together" },
	{ SPOT, "", "as in BTCUSDT" },
	{ SPOT, "BTC\xff", "UTF-8" },
	{ USDM, "BTCUSDT", NULL },
	{ USDM, "1000SHIBUSDT", NULL },
	{ USDM, "BTCUSDT_260925", NULL },
	{ USDM, "BTC/USDT:USDT", "BTC/USDT:USDT" },
	{ USDM, "ethusdt", "upper" },
};

Test(binance, symbols_that_would_be_silent_are_refused_with_a_hint)
{
	for (size_t i = 0; i < COUNT(symbols); i++) {
		char hint[200] = "";
		bc_status status =
			bc_exchange_find(symbols[i].exchange)
				->check_symbol(bc_str_of(symbols[i].symbol), hint, sizeof hint);
		if (symbols[i].hint == NULL)
			cr_expect_eq(status, BC_OK, "%s: %s", symbols[i].symbol, hint);
		else
			cr_expect(status == BC_EINVAL && strstr(hint, symbols[i].hint) != NULL,
				  "%s: '%s'", symbols[i].symbol, hint);
	}
}

static const struct {
	const char *exchange, *unified, *want; /* NULL: does not follow from the name */
} names[] = {
	{ SPOT, "BTC/USDT", "BTCUSDT" },
	{ SPOT, "1000SATS/FDUSD", "1000SATSFDUSD" },
	{ SPOT, "BTC/USDT:USDT", NULL },
	{ SPOT, "BTC/USDT-260925", NULL },
	{ SPOT, "BTC/USDT:", NULL },
	{ SPOT, "BTCUSDT", NULL },
	{ SPOT, "/USDT", NULL },
	{ SPOT, "BTC/", NULL },
	{ SPOT, "BTC//USDT", NULL },
	{ SPOT, "", NULL },
	{ USDM, "BTC/USDT:USDT", "BTCUSDT" },
	{ USDM, "1000SHIB/USDC:USDC", "1000SHIBUSDC" },
	{ USDM, "BTC/USDT:USDT-260925", "BTCUSDT_260925" },
	{ USDM, "BTC/USDT:USDT-2609", NULL },
	{ USDM, "BTC/USDT:USDT-", NULL },
	{ USDM, "BTC/USDT:USDT-260925-5-C", NULL },
	{ USDM, "BTC/USDT", NULL },
	{ USDM, "BTC/USD:BTC", NULL },
	{ USDM, "BTC/USDT:", NULL },
};

Test(binance, unified_names_of_the_market_follow_from_their_parts)
{
	for (size_t i = 0; i < COUNT(names); i++) {
		const struct bc_exchange *one = bc_exchange_find(names[i].exchange);
		char out[64];
		size_t n = 0;
		bc_status status =
			one->native_symbol(bc_str_of(names[i].unified), out, sizeof out, &n);
		if (names[i].want == NULL) {
			cr_expect_eq(status, BC_ENOTFOUND, "%s", names[i].unified);
			continue;
		}
		cr_expect(status == BC_OK && n == strlen(names[i].want) &&
				  memcmp(out, names[i].want, n) == 0,
			  "%s: %.*s", names[i].unified, (int)n, out);
		cr_expect_eq(one->native_symbol(bc_str_of(names[i].unified), out, n - 1, &n),
			     BC_ERANGE);
	}
}

/* ------------------------------------------------------------------ how numbers link */

#define NONE BC_SEQ_NONE
static const struct {
	const char *exchange;
	uint64_t at, first, last, prev;
	enum bc_link covers, follows;
	const char *why;
} links[] = {
	{ SPOT, 100, 90, 99, NONE, BC_LINK_OLD, BC_LINK_OLD, "in the snapshot" },
	{ SPOT, 100, 90, 100, NONE, BC_LINK_OLD, BC_LINK_OLD, "all of it in the snapshot" },
	{ SPOT, 100, 101, 101, NONE, BC_LINK_NEXT, BC_LINK_NEXT, "starts right behind: usual" },
	{ SPOT, 100, 100, 105, NONE, BC_LINK_NEXT, BC_LINK_NEXT, "the snapshot is inside" },
	{ SPOT, 100, 95, 105, NONE, BC_LINK_NEXT, BC_LINK_NEXT, "the snapshot is inside" },
	{ SPOT, 100, 102, 105, NONE, BC_LINK_GAP, BC_LINK_GAP, "101 is missing" },
	{ SPOT, 100, 102, 102, NONE, BC_LINK_GAP, BC_LINK_GAP, "101 is missing" },

	{ USDM, 100, 90, 99, 89, BC_LINK_OLD, BC_LINK_OLD, "before the snapshot" },
	{ USDM, 100, 90, 100, 89, BC_LINK_NEXT, BC_LINK_OLD,
	  "the last number itself still counts" },
	{ USDM, 100, 90, 110, 80, BC_LINK_NEXT, BC_LINK_GAP, "the snapshot is inside" },
	{ USDM, 100, 100, 110, 97, BC_LINK_NEXT, BC_LINK_GAP, "the snapshot is inside" },
	{ USDM, 100, 105, 110, 100, BC_LINK_NEXT, BC_LINK_NEXT, "holes: right behind is pu" },
	{ USDM, 100, 105, 110, 98, BC_LINK_NEXT, BC_LINK_GAP, "it holds all since 98" },
	{ USDM, 100, 101, 110, 101, BC_LINK_GAP, BC_LINK_GAP, "101 is missing, whatever U is" },
	{ USDM, 100, 105, 110, 103, BC_LINK_GAP, BC_LINK_GAP, "one with 103 is missing" },
	{ USDM, 100, 80, 100, 70, BC_LINK_NEXT, BC_LINK_OLD, "again: nothing new" },
};

Test(binance, numbers_link_or_do_not)
{
	for (size_t i = 0; i < COUNT(links); i++) {
		const struct bc_sync *sync = bc_exchange_find(links[i].exchange)->sync;
		const struct bc_delta change = { .first_seq = links[i].first,
						 .last_seq = links[i].last,
						 .prev_seq = links[i].prev };
		cr_expect_eq(sync->covers(links[i].at, &change), links[i].covers,
			     "row %zu covers: %s", i, links[i].why);
		cr_expect_eq(sync->follows(links[i].at, &change), links[i].follows,
			     "row %zu follows: %s", i, links[i].why);
	}
}

/* ------------------------------------------------------------------ REST */

static const struct {
	const char *exchange;
	bool aggregated;
	struct bc_rest_query query;
	const char *want; /* NULL: not served */
} paths[] = {
	{ SPOT, false, { .kind = BC_REST_INSTRUMENTS }, "/api/v3/exchangeInfo" },
	{ SPOT, false, { .kind = BC_REST_TICKS }, NULL },
	{ SPOT, false, { .kind = BC_REST_SNAPSHOT }, "/api/v3/depth?symbol=A%E6&limit=1000" },
	{ SPOT,
	  false,
	  { .kind = BC_REST_SNAPSHOT, .limit = 101 },
	  "/api/v3/depth?symbol=A%E6&limit=500" },
	{ SPOT,
	  false,
	  { .kind = BC_REST_SNAPSHOT, .limit = 9999 },
	  "/api/v3/depth?symbol=A%E6&limit=5000" },
	{ SPOT, false, { .kind = BC_REST_TRADES }, "/api/v3/trades?symbol=A%E6&limit=1000" },
	{ SPOT,
	  true,
	  { .kind = BC_REST_TRADES, .limit = 30 },
	  "/api/v3/aggTrades?symbol=A%E6&limit=30" },
	{ SPOT,
	  false,
	  { .kind = BC_REST_CANDLES, .limit = 5000, .interval = BC_INTERVAL_1MONTH },
	  "/api/v3/klines?symbol=A%E6&interval=1M&limit=1000" },
	{ SPOT, false, { .kind = BC_REST_CANDLES, .interval = BC_INTERVAL_10M }, NULL },
	{ SPOT, false, { .kind = BC_REST_TICKERS }, "/api/v3/ticker/24hr?symbol=A%E6" },
	{ SPOT, false, { .kind = BC_N_REST_KINDS }, NULL },
	{ USDM, true, { .kind = BC_REST_INSTRUMENTS }, "/fapi/v1/exchangeInfo" },
	{ USDM,
	  true,
	  { .kind = BC_REST_SNAPSHOT, .limit = 6 },
	  "/fapi/v1/depth?symbol=A%E6&limit=10" },
	{ USDM,
	  true,
	  { .kind = BC_REST_SNAPSHOT, .limit = 5000 },
	  "/fapi/v1/depth?symbol=A%E6&limit=1000" },
	{ USDM, true, { .kind = BC_REST_TRADES }, "/fapi/v1/aggTrades?symbol=A%E6&limit=1000" },
	{ USDM, false, { .kind = BC_REST_TRADES }, "/fapi/v1/trades?symbol=A%E6&limit=1000" },
	{ USDM, true, { .kind = BC_REST_TICKERS, .limit = 7 }, "/fapi/v1/ticker/24hr?symbol=A%E6" },
	{ USDM, true, { .kind = BC_REST_CANDLES, .interval = BC_INTERVAL_1S }, NULL },
	{ USDM, true, { .kind = BC_REST_CANDLES, .interval = BC_N_INTERVALS }, NULL },
};

Test(binance, rest_paths)
{
	const bc_str symbol = BC_STR("A\xe6");
	for (size_t i = 0; i < COUNT(paths); i++) {
		char out[256];
		size_t n = 0;
		struct bc_rest_query query = paths[i].query;
		query.symbols = &symbol;
		query.n_symbols = 1;
		cr_assert_eq(start(paths[i].exchange,
				   OPTIONS(.trades = paths[i].aggregated ? BC_TRADES_AGGREGATED
									 : BC_TRADES_RAW)),
			     BC_OK);
		bc_status status = x->rest_path(state, &query, out, sizeof out, &n);
		if (paths[i].want == NULL) {
			cr_expect_eq(status, BC_ENOTFOUND, "row %zu", i);
			continue;
		}
		cr_expect(status == BC_OK && n == strlen(paths[i].want) &&
				  memcmp(out, paths[i].want, n) == 0,
			  "%.*s", (int)n, out);
		cr_expect_eq(x->rest_path(state, &query, out, n - 1, &n), BC_ERANGE);
	}
}

Test(binance, what_they_declare_can_be_obeyed)
{
	static const char *const ids[] = { SPOT, USDM };
	for (size_t i = 0; i < COUNT(ids); i++) {
		const struct bc_exchange *one = bc_exchange_find(ids[i]);
		uint32_t carried = 0;
		for (size_t k = 0; k < one->n_lines; k++) {
			cr_expect_eq(carried & one->lines[k].channels, 0, "a channel has one line");
			carried |= one->lines[k].channels;
			cr_expect_eq(one->lines[k].mode, BC_SUBSCRIBE_ADDS);
			cr_expect(one->lines[k].sends_per_s <= (i == 0 ? 4u : 9u),
				  "one message a second is left to the PONG");
		}
		cr_expect_eq(carried | CH(INSTRUMENT), one->channels);
		cr_expect_eq(one->check_symbol(bc_str_of(one->canary), NULL, 0), BC_OK);
		for (size_t k = 1; k < one->sync->n_limits; k++)
			cr_expect(one->sync->limits[k].levels > one->sync->limits[k - 1].levels &&
				  one->sync->limits[k].weight >= one->sync->limits[k - 1].weight);
	}
}
