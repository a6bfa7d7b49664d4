/* The REST API of the simulated Binance: what it answers, what it costs, what happens to who does
 * not keep to the limits. */
#include "publisher/simulator/binance.h"
#include "tests/support/sim_face_rig.h"

#include <jansson.h>

#define SPOT (&sim_face_binance_spot)
#define USDM (&sim_face_binance_usdm)

static struct rig *rig_of(const struct sim_face *face)
{
	struct rig *r = rig_new(face, 15, 2000, 600, 1);

	market_advance(r->market, (bc_wall_time){ RIG_START_NS + 5 * BC_NS_PER_S });
	return r;
}

Test(binance_rest, answers_refusals_and_their_weights)
{
	static const struct {
		const struct sim_face *face;
		const char *target;
		int status, code, weight;
	} rows[] = {
		{ SPOT, "/api/v3/ping", 200, 0, 1 },
		{ SPOT, "/api/v3/time", 200, 0, 1 },
		{ SPOT, "/api/v1/ping", 404, -1000, 0 },
		{ SPOT, "/fapi/v1/ping", 404, -1000, 0 },
		{ USDM, "/fapi/v1/ping", 200, 0, 1 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT", 200, 0, 5 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=1", 200, 0, 5 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=101", 200, 0, 25 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=1000", 200, 0, 50 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=5000", 200, 0, 250 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=9000", 200, 0, 250 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=0", 400, -1130, 1 },
		{ SPOT, "/api/v3/depth?symbol=BTCUSDT&limit=-5", 400, -1100, 0 },
		{ SPOT, "/api/v3/depth?symbol=btcusdt", 400, -1121, 5 },
		{ SPOT, "/api/v3/depth?symbol=NOPE", 400, -1121, 5 },
		{ SPOT, "/api/v3/depth", 400, -1102, 5 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT", 200, 0, 10 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT&limit=5", 200, 0, 2 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT&limit=100", 200, 0, 5 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 200, 0, 20 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT&limit=999", 400, -4021, 1 },
		{ USDM, "/fapi/v1/depth?symbol=BTCUSDT&limit=5000", 400, -4021, 1 },
		{ SPOT, "/api/v3/exchangeInfo", 200, 0, 20 },
		{ SPOT, "/api/v3/exchangeInfo?symbol=BTCUSDT", 200, 0, 20 },
		{ SPOT, "/api/v3/exchangeInfo?symbol=NOPE", 400, -1121, 20 },
		{ SPOT, "/api/v3/exchangeInfo?symbols=[%22BTCUSDT%22,%22ETHUSDT%22]", 200, 0, 20 },
		{ SPOT, "/api/v3/exchangeInfo?symbols=nonsense", 400, -1100, 20 },
		{ USDM, "/fapi/v1/exchangeInfo", 200, 0, 1 },
		{ SPOT, "/api/v3/trades?symbol=BTCUSDT&limit=10", 200, 0, 25 },
		{ SPOT, "/api/v3/trades?symbol=BTCUSDT&limit=0", 400, -1130, 25 },
		{ USDM, "/fapi/v1/trades?symbol=BTCUSDT", 200, 0, 5 },
		{ SPOT, "/api/v3/aggTrades?symbol=BTCUSDT", 200, 0, 4 },
		{ USDM, "/fapi/v1/aggTrades?symbol=BTCUSDT", 200, 0, 20 },
		{ SPOT, "/api/v3/klines?symbol=BTCUSDT&interval=1m", 200, 0, 2 },
		{ SPOT, "/api/v3/klines?symbol=BTCUSDT&interval=7m", 400, -1120, 2 },
		{ SPOT, "/api/v3/klines?symbol=BTCUSDT", 400, -1120, 2 },
		{ USDM, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=99", 200, 0, 1 },
		{ USDM, "/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500", 200, 0, 10 },
		{ SPOT, "/api/v3/ticker/bookTicker?symbol=BTCUSDT", 200, 0, 2 },
		{ SPOT, "/api/v3/ticker/bookTicker", 200, 0, 4 },
		{ SPOT, "/api/v3/ticker/24hr?symbol=BTCUSDT", 200, 0, 2 },
		{ USDM, "/fapi/v1/ticker/24hr", 200, 0, 40 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_of(rows[i].face);
		char headers[512], want[64];
		int status;
		char *body = rig_get(r, rows[i].target, &status, headers, sizeof headers);
		json_t *root = json_loads(body, 0, NULL);

		cr_assert_not_null(root, "%s: %s", rows[i].target, body);
		cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].target, status);
		cr_expect_eq(json_integer_value(json_object_get(root, "code")), rows[i].code,
			     "%s: %.100s", rows[i].target, body);
		snprintf(want, sizeof want, "X-MBX-USED-WEIGHT-1M: %d\r\n", rows[i].weight);
		cr_expect_eq(strstr(headers, want) != NULL, rows[i].weight != 0, "%s: %s",
			     rows[i].target, headers);
		json_decref(root);
		free(body);
		rig_free(r);
	}
}

Test(binance_rest, a_snapshot_has_as_many_levels_as_asked_for_best_first)
{
	struct rig *r = rig_of(USDM);
	char *body = rig_get(r, "/fapi/v1/depth?symbol=BTCUSDT&limit=500", NULL, NULL, 0);
	json_t *root = json_loads(body, 0, NULL);
	json_t *asks = json_object_get(root, "asks");

	cr_expect_eq(json_array_size(json_object_get(root, "bids")), 500);
	cr_expect_eq(json_array_size(asks), 500);
	for (size_t i = 1; i < 500; i++) {
		bc_decimal a, b;
		const json_t *x = json_array_get(json_array_get(asks, i - 1), 0);
		const json_t *y = json_array_get(json_array_get(asks, i), 0);

		bc_decimal_parse(json_string_value(x), json_string_length(x), &a);
		bc_decimal_parse(json_string_value(y), json_string_length(y), &b);
		cr_assert_lt(bc_decimal_compare(a, b), 0);
	}
	cr_expect(json_is_integer(json_object_get(root, "E")));
	cr_expect(json_is_integer(json_object_get(root, "T")));
	json_decref(root);
	free(body);
	rig_free(r);
}

/* ------------------------------------------------------------------ limits */

static int ping(struct rig *r, char *headers)
{
	int status;

	free(rig_get(r, "/api/v3/depth?symbol=BTCUSDT&limit=1000", &status, headers, 512));
	return status;
}

Test(binance_rest, over_the_weight_is_429_and_going_on_is_418)
{
	struct rig *r = rig_of(SPOT);
	char headers[512];
	int64_t to_minute = 60 - RIG_START_NS / BC_NS_PER_S % 60;
	char retry[64];

	cr_assert_null(SPOT->set(r->state, "weight", 120));
	cr_expect_eq(ping(r, headers), 200);
	cr_expect_eq(ping(r, headers), 200);
	cr_expect_eq(ping(r, headers), 429, "150 of 120");
	snprintf(retry, sizeof retry, "Retry-After: %lld\r\n", (long long)to_minute);
	cr_expect_not_null(strstr(headers, retry), "%s", headers);
	for (int i = 0; i < 3; i++)
		cr_expect_eq(ping(r, headers), 429, "forgiven");
	cr_expect_eq(ping(r, headers), 418);
	cr_expect_not_null(strstr(headers, "Retry-After: 120\r\n"), "%s", headers);
	rig_step(r, (to_minute + 1) * 1000, true);
	cr_expect_eq(ping(r, headers), 418, "a new minute does not end a ban");
	rig_step(r, 120000, true);
	cr_expect_eq(ping(r, headers), 200);
	rig_free(r);
}

Test(binance_rest, who_waits_until_the_minute_is_over_is_served_again)
{
	struct rig *r = rig_of(SPOT);
	char headers[512];

	cr_assert_null(SPOT->set(r->state, "used", 5990));
	cr_expect_eq(ping(r, headers), 429);
	rig_step(r, (60 - RIG_START_NS / BC_NS_PER_S % 60) * 1000, true);
	cr_expect_eq(ping(r, headers), 200);
	cr_expect_not_null(strstr(headers, "X-MBX-USED-WEIGHT-1M: 50\r\n"), "%s", headers);
	rig_free(r);
}

/* ------------------------------------------------------------------ symbols */

Test(binance_rest, exchange_info_names_what_is_traded)
{
	for (int f = 0; f < 2; f++) {
		struct rig *r = rig_of(f == 0 ? SPOT : USDM);
		char *body;
		json_t *root, *symbols, *s;

		market_delist(r->market, 1);
		body = rig_get(r, f == 0 ? "/api/v3/exchangeInfo" : "/fapi/v1/exchangeInfo", NULL,
			       NULL, 0);
		root = json_loads(body, 0, NULL);
		symbols = json_object_get(root, "symbols");
		cr_assert_eq(json_array_size(symbols), 15);
		s = json_array_get(symbols, 0);
		cr_expect_str_eq(json_string_value(json_object_get(s, "symbol")), "BTCUSDT");
		cr_expect_str_eq(json_string_value(json_object_get(s, "baseAsset")), "BTC");
		cr_expect_str_eq(json_string_value(json_object_get(s, "quoteAsset")), "USDT");
		cr_expect_str_eq(json_string_value(json_object_get(s, "status")), "TRADING");
		s = json_array_get(symbols, 1);
		cr_expect_str_eq(json_string_value(json_object_get(s, "status")),
				 f == 0 ? "BREAK" : "SETTLING");
		s = json_array_get(json_object_get(json_array_get(symbols, 0), "filters"), 0);
		cr_expect_str_eq(json_string_value(json_object_get(s, "tickSize")),
				 f == 0 ? "0.01000000" : "0.1");
		json_decref(root);
		free(body);
		rig_free(r);
	}
}

Test(binance_rest, exchange_info_of_a_few)
{
	struct rig *r = rig_of(SPOT);
	char *body = rig_get(r, "/api/v3/exchangeInfo?symbols=[%22ETHBTC%22,%22BTCUSDT%22]", NULL,
			     NULL, 0);
	json_t *root = json_loads(body, 0, NULL);
	json_t *symbols = json_object_get(root, "symbols");

	cr_assert_eq(json_array_size(symbols), 2);
	cr_expect_str_eq(json_string_value(
				 json_object_get(json_array_get(symbols, 0), "quoteAsset")),
			 "BTC");
	json_decref(root);
	free(body);
	rig_free(r);
}

Test(binance_rest, symbols_are_many_distinct_and_cover_the_odd_cases)
{
	static const struct sim_face *const faces[] = { SPOT, USDM };
	static struct market_spec specs[400];

	for (int f = 0; f < 2; f++) {
		size_t n = f == 0 ? 400 : 180;
		bool digit = false, thin = false, is_long = false, foreign = f == 1, date = f == 0;

		cr_assert(faces[f]->specs(specs, n));
		for (size_t i = 0; i < n; i++) {
			const char *name = specs[i].name;

			if (i < 20) {
				digit |= name[0] >= '0' && name[0] <= '9';
				is_long |= strlen(name) > 10;
				thin |= specs[i].levels < 20 || specs[i].start < 1500;
				foreign |= (name[0] & 0x80) != 0;
				date |= strchr(name, '_') != NULL;
			}
			for (size_t k = 0; k < i; k++)
				cr_assert_str_neq(name, specs[k].name);
		}
		cr_expect(digit && is_long && foreign && date, "%s", faces[f]->name);
		cr_expect(thin || f == 1);
		cr_expect_not(faces[f]->specs(specs, 400) && f == 1, "names for so many?");
	}
}

/* ------------------------------------------------------------------ history */

Test(binance_rest, trades_come_oldest_first_and_end_with_the_newest)
{
	struct rig *r = rig_of(SPOT);
	const struct market_trade *newest = market_trade(r->market, 0, 0);
	char *body = rig_get(r, "/api/v3/trades?symbol=BTCUSDT&limit=20", NULL, NULL, 0);
	json_t *root = json_loads(body, 0, NULL), *row = NULL;
	char target[128];

	cr_assert_eq(json_array_size(root), 20);
	for (size_t i = 0; i < 20; i++) {
		row = json_array_get(root, i);
		cr_expect_eq((uint64_t)json_integer_value(json_object_get(row, "id")),
			     BINANCE_TRADE_IDS + newest->id - 19 + i);
	}
	cr_expect_eq(json_is_true(json_object_get(row, "isBuyerMaker")),
		     newest->maker == MARKET_BID);
	json_decref(root);
	free(body);
	snprintf(target, sizeof target, "/api/v3/aggTrades?symbol=BTCUSDT&fromId=%llu&limit=3",
		 (unsigned long long)newest->id - 9);
	body = rig_get(r, target, NULL, NULL, 0);
	root = json_loads(body, 0, NULL);
	cr_assert_eq(json_array_size(root), 3);
	cr_expect_eq(json_integer_value(json_object_get(json_array_get(root, 0), "a")),
		     (json_int_t)newest->id - 9);
	json_decref(root);
	free(body);
	rig_free(r);
}
