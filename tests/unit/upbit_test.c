/* What we say to Upbit, and what its REST answers mean. Frames are in tests/golden/exchanges. */
#include "tests/support/feed_heard.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct bc_exchange *upbit;
static void *state;

static bc_status start(const char *format, bc_decimal group_by, bool agg)
{
	const struct bc_feed_options options = { .format = format,
						 .group_by = group_by,
						 .trades = agg ? BC_TRADES_AGGREGATED
							       : BC_TRADES_DEFAULT };
	const char *why = NULL;
	free(state);
	upbit = bc_exchange_find("upbit");
	state = calloc(1, upbit->state_size);
	bc_status status = upbit->start(state, &options, &why);
	cr_expect((status == BC_OK) == (why == NULL), "a refusal says why");
	return status;
}

static void setup(void)
{
	cr_assert_eq(start(NULL, (bc_decimal){ 0, 0 }, false), BC_OK);
}

static void teardown(void)
{
	free(state);
	state = NULL;
}

TestSuite(upbit, .init = setup, .fini = teardown);

/* ------------------------------------------------------------------ what we say */

#define CH(name) BC_CHANNEL_BIT(BC_CHANNEL_##name)

static const struct {
	const char *format;
	bc_decimal group_by;
	uint32_t channels, intervals, levels;
	const char *want, *why;
} subscriptions[] = {
	{ NULL,
	  { 0, 0 },
	  CH(BOOK) | CH(TRADE) | CH(TICKER),
	  0,
	  30,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"]},"
	  "{\"type\":\"trade\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"]},"
	  "{\"type\":\"ticker\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"]},{\"format\":\"SIMPLE\"}]",
	  "one request carries everything, for a second one would replace the first" },
	{ "DEFAULT",
	  { 0, 0 },
	  CH(BOOK) | CH(BBO),
	  0,
	  7,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC.15\",\"BTC-1INCH.15\"]},"
	  "{\"format\":\"DEFAULT\"}]",
	  "depths are rounded up to what there is; other ones would silently give 30" },
	{ "JSON_LIST",
	  { 0, 0 },
	  CH(BBO),
	  0,
	  30,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC.1\",\"BTC-1INCH.1\"]},"
	  "{\"format\":\"JSON_LIST\"}]",
	  "best prices alone need one level" },
	{ "SIMPLE_LIST",
	  { 1, 4 },
	  CH(BOOK),
	  0,
	  1000,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"],\"level\":10000},"
	  "{\"format\":\"SIMPLE_LIST\"}]",
	  "a level is a number" },
	{ "",
	  { 1, -1 },
	  CH(BOOK),
	  0,
	  1,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC.1\",\"BTC-1INCH.1\"],\"level\":0.1},"
	  "{\"format\":\"SIMPLE\"}]",
	  "and may be below one" },
	{ NULL,
	  { 0, 0 },
	  CH(CANDLE),
	  1u << BC_INTERVAL_1S | 1u << BC_INTERVAL_1H | 1u << BC_INTERVAL_1D,
	  30,
	  "[{\"ticket\":\"bookcast-7\"},"
	  "{\"type\":\"candle.1s\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"]},"
	  "{\"type\":\"candle.60m\",\"codes\":[\"KRW-BTC\",\"BTC-1INCH\"]},{\"format\":\"SIMPLE\"}"
	  "]",
	  "our 1h is their 60m; what they have not is not asked for" },
};

Test(upbit, one_request_says_everything)
{
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("BTC-1INCH") };
	for (size_t i = 0; i < COUNT(subscriptions); i++) {
		char out[2048];
		size_t cursor = 0, n = 0, want = strlen(subscriptions[i].want);
		const struct bc_subscription s = { 0,
						   0,
						   symbols,
						   2,
						   subscriptions[i].channels,
						   subscriptions[i].intervals,
						   subscriptions[i].levels,
						   7 };
		cr_assert_eq(start(subscriptions[i].format, subscriptions[i].group_by, false),
			     BC_OK);
		/* Too small for all but the last two bytes, then large enough. */
		for (size_t cap = 0; cap < want; cap += 13)
			cr_expect_eq(upbit->subscribe(state, &s, &cursor, out, cap, &n), BC_ERANGE);
		cr_expect_eq(cursor, 0, "the cursor has not moved");
		cr_assert_eq(upbit->subscribe(state, &s, &cursor, out, sizeof out, &n), BC_OK);
		cr_expect(n == want && memcmp(out, subscriptions[i].want, n) == 0, "%s: %.*s",
			  subscriptions[i].why, (int)n, out);
		cr_expect_eq(upbit->subscribe(state, &s, &cursor, out, sizeof out, &n),
			     BC_ENOTFOUND, "there is one");
	}
}

Test(upbit, nothing_to_follow_is_no_request)
{
	char out[64];
	size_t cursor = 0, n;
	const struct bc_subscription s = { .channels = CH(BOOK) };
	cr_expect_eq(upbit->subscribe(state, &s, &cursor, out, sizeof out, &n), BC_ENOTFOUND);
}

Test(upbit, options_are_checked)
{
	cr_expect_eq(start("simple", (bc_decimal){ 0, 0 }, false), BC_EINVAL);
	cr_expect_eq(start("", (bc_decimal){ -1, 0 }, false), BC_EINVAL);
	cr_expect_eq(start("", (bc_decimal){ 0, 0 }, true), BC_EINVAL);
	cr_expect_eq(start("SIMPLE_LIST", BC_DECIMAL_NONE, false), BC_OK);
}

static const struct {
	const char *symbol, *hint; /* NULL: it is one */
} symbols[] = {
	{ "KRW-BTC", NULL },
	{ "BTC-1INCH", NULL },
	{ "USDT-ETC", NULL },
	{ "krw-btc", "upper" },
	{ "KRW-btc", "upper" },
	{ "KRWBTC", "QUOTE-BASE" },
	{ "", "QUOTE-BASE" },
	{ "-BTC", "QUOTE-BASE" },
	{ "KRW-", "QUOTE-BASE" },
	{ "KRW-BTC.5", "book.levels" },
	{ "KRW-B TC", "letters" },
	{ "KRW-BTC-X", "letters" },
	{ "BTC-KRW", "KRW-BTC" },
	{ "KRW-\xea\xb0\x80", "letters" },
	{ "KRW-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "QUOTE-BASE" },
};

Test(upbit, symbols_that_would_be_ignored_silently_are_refused_with_a_hint)
{
	for (size_t i = 0; i < COUNT(symbols); i++) {
		char hint[200] = "";
		bc_status status =
			upbit->check_symbol(bc_str_of(symbols[i].symbol), hint, sizeof hint);
		if (symbols[i].hint == NULL)
			cr_expect_eq(status, BC_OK, "%s: %s", symbols[i].symbol, hint);
		else
			cr_expect(status == BC_EINVAL && strstr(hint, symbols[i].hint) != NULL,
				  "%s: '%s'", symbols[i].symbol, hint);
	}
}

Test(upbit, unified_names_swap_their_halves)
{
	char out[32];
	size_t n;
	cr_assert_eq(upbit->native_symbol(BC_STR("BTC/KRW"), out, sizeof out, &n), BC_OK);
	cr_expect(n == 7 && memcmp(out, "KRW-BTC", 7) == 0);
	cr_expect_eq(upbit->native_symbol(BC_STR("BTC/KRW"), out, 6, &n), BC_ERANGE);
	cr_expect_eq(upbit->native_symbol(BC_STR("BTC/USDT:USDT"), out, 32, &n), BC_ENOTFOUND);
	cr_expect_eq(upbit->native_symbol(BC_STR("KRW-BTC"), out, 32, &n), BC_ENOTFOUND);
	cr_expect_eq(upbit->native_symbol(BC_STR("/KRW"), out, 32, &n), BC_ENOTFOUND);
	cr_expect_eq(upbit->native_symbol(BC_STR("BTC/"), out, 32, &n), BC_ENOTFOUND);
	cr_expect_eq(upbit->native_symbol(BC_STR(""), out, 32, &n), BC_ENOTFOUND);
}

#define CODES "KRW-BTC,A%26B%3D%EA"

static const struct {
	enum bc_rest_kind kind;
	enum bc_interval interval;
	uint32_t limit;
	bc_decimal group_by;
	const char *want; /* NULL: not served */
} paths[] = {
	{ BC_REST_INSTRUMENTS, 0, 0, { 0, 0 }, "/v1/market/all?is_details=true" },
	{ BC_REST_TICKS, 0, 0, { 0, 0 }, "/v1/orderbook/instruments?markets=" CODES },
	{ BC_REST_SNAPSHOT, 0, 0, { 0, 0 }, "/v1/orderbook?markets=" CODES "&count=30" },
	{ BC_REST_SNAPSHOT,
	  0,
	  15,
	  { 1, 4 },
	  "/v1/orderbook?markets=" CODES "&count=15&level=10000" },
	{ BC_REST_TRADES, 0, 0, { 0, 0 }, "/v1/trades/ticks?market=" CODES "&count=500" },
	{ BC_REST_TRADES, 0, 20, { 0, 0 }, "/v1/trades/ticks?market=" CODES "&count=20" },
	{ BC_REST_TRADES, 0, 501, { 0, 0 }, "/v1/trades/ticks?market=" CODES "&count=500" },
	{ BC_REST_CANDLES,
	  BC_INTERVAL_1S,
	  7,
	  { 0, 0 },
	  "/v1/candles/seconds?market=" CODES "&count=7" },
	{ BC_REST_CANDLES,
	  BC_INTERVAL_1H,
	  0,
	  { 0, 0 },
	  "/v1/candles/minutes/60?market=" CODES "&count=200" },
	{ BC_REST_CANDLES,
	  BC_INTERVAL_4H,
	  1,
	  { 0, 0 },
	  "/v1/candles/minutes/240?market=" CODES "&count=1" },
	{ BC_REST_CANDLES,
	  BC_INTERVAL_1MONTH,
	  1,
	  { 0, 0 },
	  "/v1/candles/months?market=" CODES "&count=1" },
	{ BC_REST_TICKERS, 0, 0, { 1, 4 }, "/v1/ticker?markets=" CODES },
	{ BC_REST_CANDLES, BC_INTERVAL_2H, 1, { 0, 0 }, NULL },
	{ BC_REST_CANDLES, BC_N_INTERVALS, 1, { 0, 0 }, NULL },
};

Test(upbit, rest_paths)
{
	const bc_str codes[] = { BC_STR("KRW-BTC"), BC_STR("A&B=\xea") };
	for (size_t i = 0; i < COUNT(paths); i++) {
		char out[256];
		size_t n = 0;
		cr_assert_eq(start(NULL, paths[i].group_by, false), BC_OK);
		const struct bc_rest_query query = { .kind = paths[i].kind,
						     .symbols = codes,
						     .n_symbols = 2,
						     .interval = paths[i].interval,
						     .limit = paths[i].limit };
		bc_status status = upbit->rest_path(state, &query, out, sizeof out, &n);
		if (paths[i].want == NULL) {
			cr_expect_eq(status, BC_ENOTFOUND);
			continue;
		}
		cr_expect(status == BC_OK && n == strlen(paths[i].want) &&
				  memcmp(out, paths[i].want, n) == 0,
			  "%.*s", (int)n, out);
		cr_expect_eq(upbit->rest_path(state, &query, out, n - 1, &n), BC_ERANGE);
	}
}

/* ------------------------------------------------------------------ what REST answers */

static const struct {
	enum bc_rest_kind kind;
	const char *body, *want;
} answers[] = {
	{ BC_REST_INSTRUMENTS,
	  "[{\"market\":\"KRW-BTC\",\"korean_name\":\"\xeb\xb9\x84\",\"english_name\":\"Bitcoin\","
	  "\"market_event\":{\"warning\":false,\"caution\":{\"PRICE_FLUCTUATIONS\":false}}},"
	  "{\"market\":\"BTC-1INCH\"},{\"market\":\"ODD\"}]",
	  "instrument KRW-BTC flags 4 t -1: BTC KRW BTC/KRW spot trading tick none lot none\n"
	  "instrument BTC-1INCH flags 4 t -1: 1INCH BTC 1INCH/BTC spot trading tick none lot none\n"
	  "reject parse ODD code\n" },
	{ BC_REST_TICKS,
	  "[{\"market\":\"KRW-BTC\",\"quote_currency\":\"KRW\",\"tick_size\":\"1000\","
	  "\"supported_levels\":[\"0\",\"10000\"]},{\"market\":\"BTC-ETH\",\"tick_size\":"
	  "\"0.00000001\"},{\"market\":\"BTC-XRP\",\"tick_size\":1}]",
	  "instrument KRW-BTC flags 4 t -1: BTC KRW BTC/KRW spot trading tick 1000 lot none\n"
	  "instrument BTC-ETH flags 4 t -1: ETH BTC ETH/BTC spot trading tick 0.00000001 lot none\n"
	  "reject parse BTC-XRP tick_size\n" },
	{ BC_REST_SNAPSHOT,
	  "[{\"market\":\"KRW-BTC\",\"timestamp\":1773240059027,\"total_ask_size\":4.17884094,"
	  "\"total_bid_size\":2.29686376,\"orderbook_units\":[{\"bid_price\":103460000,\"bid_"
	  "size\":"
	  "0.004,\"ask_price\":103493000,\"ask_size\":0.04910155},{\"bid_price\":103438000,"
	  "\"bid_size\":0.00483381,\"ask_price\":0,\"ask_size\":0}],\"level\":0}]",
	  "book KRW-BTC flags 5 t 1773240059027: b103460000*0.004 b103438000*0.00483381 "
	  "a103493000*0.04910155\n" },
	{ BC_REST_SNAPSHOT, "[]", "" },
	{ BC_REST_TRADES,
	  "[{\"market\":\"KRW-BTC\",\"trade_date_utc\":\"2026-03-11\",\"trade_time_utc\":"
	  "\"14:40:59\",\"timestamp\":1773240059095,\"trade_price\":1.0346E8,\"trade_volume\":0."
	  "004,"
	  "\"prev_closing_price\":102417000.0,\"change_price\":1043000.0,\"ask_bid\":\"ASK\","
	  "\"sequential_id\":17732400590950000}]",
	  "trade KRW-BTC flags 4 t 1773240059095: sell 103460000*0.004 id 17732400590950000\n" },
	{ BC_REST_CANDLES,
	  "[{\"market\":\"KRW-BTC\",\"candle_date_time_utc\":\"2026-03-11T14:40:00\","
	  "\"candle_date_time_kst\":\"2026-03-11T23:40:00\",\"opening_price\":1,\"high_price\":3,"
	  "\"low_price\":0.5,\"trade_price\":2,\"timestamp\":1773240059095,"
	  "\"candle_acc_trade_price\":7,\"candle_acc_trade_volume\":5,\"unit\":1}]",
	  "candle KRW-BTC flags 4 t 1773240059095: 1m at 1773240000 1 3 0.5 2 v 5 q 7\n" },
	{ BC_REST_TICKERS,
	  "[{\"market\":\"KRW-BTC\",\"trade_date\":\"20260311\",\"trade_time\":\"144058\","
	  "\"trade_timestamp\":1773240058930,\"opening_price\":102417000.0,\"high_price\":"
	  "103988000.0,\"low_price\":101150000.0,\"trade_price\":103493000.0,"
	  "\"prev_closing_price\":102417000.0,\"change\":\"RISE\",\"change_price\":1076000.0,"
	  "\"signed_change_price\":1076000.0,\"trade_volume\":0.00094678,"
	  "\"acc_trade_price\":104890185475.22821,\"acc_trade_price_24h\":162997300132.123,"
	  "\"acc_trade_volume\":1024.30599241,\"acc_trade_volume_24h\":1587.73606087,"
	  "\"timestamp\":1773240058973},{\"market\":\"KRW-ETH\",\"trade_price\":1,"
	  "\"timestamp\":2},{\"market\":\"KRW-XRP\",\"trade_price\":1}]",
	  "ticker KRW-BTC flags 4 t 1773240058973: 103493000 102417000 103988000 101150000 v "
	  "1587.73606087 q 162997300132.123 change 1076000\n"
	  "ticker KRW-ETH flags 4 t 2: 1 none none none v none q none change none\n"
	  "reject parse KRW-XRP timestamp is missing\n" },
	{ BC_REST_SNAPSHOT, "{\"error\":{\"name\":404,\"message\":\"Code not found\"}}",
	  "control 1 code 404 message Code not found\n" },
	{ BC_REST_TRADES, "{\"error\":{\"name\":429,\"message\":\"slow down\"}}",
	  "control 1 code 429 message slow down back-off\n" },
	{ BC_REST_TRADES, "<html>", "reject parse  not JSON: value expected\n" },
};

Test(upbit, rest_answers)
{
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct bc_input in = { .kind = BC_INPUT_REST,
				       .bytes = answers[i].body,
				       .n_bytes = strlen(answers[i].body),
				       .rest = answers[i].kind,
				       .interval = BC_INTERVAL_1M };
		heard[0] = '\0';
		upbit->on_input(state, &in, &heard_sink);
		cr_expect_str_eq(heard, answers[i].want, "%s", heard);
	}
}

/* ------------------------------------------------------------------ what a frame means for the
 * line */

static const struct {
	const char *frame, *want;
} lines[] = {
	{ "{\"status\":\"UP\"}", "control 2 code UP message \n" },
	{ "{\"error\":{\"message\":\"m\",\"name\":\"NO_CODES\"}}",
	  "control 1 code NO_CODES message m closing\n" },
	{ "{\"error\":{\"name\":\"Too Many Requests\",\"message\":\"m\"}}",
	  "control 1 code Too Many Requests message m closing back-off\n" },
	{ "{\"error\":{\"name\":\"I'm a teapot\",\"message\":\"30 s\"}}",
	  "control 1 code I'm a teapot message 30 s closing back-off\n" },
};

Test(upbit, errors_close_the_line_and_limits_make_it_wait)
{
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct bc_input in = { .kind = i % 2 == 0 ? BC_INPUT_TEXT : BC_INPUT_BINARY,
				       .bytes = lines[i].frame,
				       .n_bytes = strlen(lines[i].frame) };
		heard[0] = '\0';
		cr_expect_eq(upbit->on_input(state, &in, &heard_sink), BC_OK);
		cr_expect_str_eq(heard, lines[i].want);
	}
	heard[0] = '\0';
	cr_expect_eq(upbit->on_input(state, &(struct bc_input){ .kind = BC_INPUT_OPEN },
				     &heard_sink),
		     BC_OK);
	cr_expect_eq(upbit->on_input(state, &(struct bc_input){ .kind = BC_INPUT_CLOSED },
				     &heard_sink),
		     BC_OK);
	cr_expect_str_empty(heard);
}

Test(upbit, what_it_declares_can_be_obeyed)
{
	cr_expect(upbit->n_lines == 1 && upbit->lines[0].mode == BC_SUBSCRIBE_REPLACES);
	cr_expect(upbit->lines[0].sends_per_s <= 4 && upbit->lines[0].sends_per_min <= 90);
	cr_expect(upbit->lines[0].ping_interval_ns > 0 &&
		  upbit->lines[0].ping_interval_ns <= 20 * BC_NS_PER_S);
	cr_expect_eq(upbit->check_symbol(bc_str_of(upbit->canary), NULL, 0), BC_OK);
	cr_expect(bc_exchange_find("nobody") == NULL && bc_exchange_find("upbit") == upbit);
}

Test(upbit, more_pairs_than_any_book_has_are_refused)
{
	static char frame[64 << 10];
	size_t n = (size_t)sprintf(frame, "{\"type\":\"orderbook\",\"code\":\"KRW-BTC\","
					  "\"timestamp\":1,\"orderbook_units\":[");
	for (int i = 0; i < 300; i++)
		n += (size_t)sprintf(
			frame + n,
			"%s{\"ask_price\":%d,\"bid_price\":%d,\"ask_size\":1,\"bid_size\":1}",
			i > 0 ? "," : "", 2000 + i, 1000 - i);
	n += (size_t)sprintf(frame + n, "]}");
	heard[0] = '\0';
	cr_expect_eq(upbit->on_input(state,
				     &(struct bc_input){
					     .kind = BC_INPUT_TEXT, .bytes = frame, .n_bytes = n },
				     &heard_sink),
		     BC_ERANGE);
	cr_expect_str_eq(heard, "reject range KRW-BTC orderbook_units\n");
}
