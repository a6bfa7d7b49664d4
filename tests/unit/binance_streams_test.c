/* What the streams of the simulated Binance carry, and what is acknowledged and stays silent. */
#include "tests/support/binance_rig.h"

/* ------------------------------------------------------------------ what comes and what does not
 */

Test(binance_streams, streams_that_are_acknowledged_and_silent)
{
	static const struct {
		const char *name;
		bool spot, usdm_public, usdm_market, usdm_legacy;
	} rows[] = {
		{ "btcusdt@depth", true, true, false, true },
		{ "btcusdt@depth@100ms", true, true, false, true },
		{ "btcusdt@depth@1000ms", true, false, false, false },
		{ "btcusdt@depth@500ms", false, true, false, true },
		{ "btcusdt@depth@0ms", false, true, false, true },
		{ "btcusdt@depth@7ms", false, false, false, false },
		{ "btcusdt@depth20@100ms", true, true, false, true },
		{ "btcusdt@depth5", true, true, false, true },
		{ "btcusdt@depth7", false, false, false, false },
		{ "btcusdt@bookTicker", true, true, false, true },
		{ "btcusdt@bookticker", false, false, false, false },
		{ "BTCUSDT@bookTicker", false, false, false, false },
		{ "nope@bookTicker", false, false, false, false },
		{ "btcusdt@aggTrade", true, false, true, false },
		{ "btcusdt@trade", true, true, true, false },
		{ "btcusdt@ticker", true, false, true, false },
		{ "btcusdt@miniTicker", true, false, true, false },
		{ "btcusdt@kline_1m", true, false, true, false },
		{ "btcusdt@kline_7m", false, false, false, false },
		{ "1000cheemsusdt@trade", true, true, true, false },
	};
	static const struct {
		const struct sim_face *face;
		const char *path;
	} routes[] = {
		{ SPOT, "/ws" }, { USDM, "/public/ws" }, { USDM, "/market/ws" }, { USDM, "/ws" }
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t k = 0; k < 4; k++) {
			struct rig *r = rig_at(routes[k].face, routes[k].path);
			const bool *want = &rows[i].spot;
			char text[160];

			snprintf(text, sizeof text, SUBSCRIBE("\"%s\""), rows[i].name);
			rig_say(r, text);
			cr_expect_str_eq(r->frames[0], "{\"result\":null,\"id\":1}");
			rig_pass(r, 4000, 5);
			cr_expect_eq(r->n > 1, want[k], "%s on %s %s: %zu frames", rows[i].name,
				     routes[k].face->name, routes[k].path, r->n - 1);
			rig_free(r);
		}
}

Test(binance_streams, a_route_can_be_made_silent)
{
	struct rig *r = rig_at(USDM, "/market/ws/btcusdt@aggTrade");

	cr_assert_null(USDM->set(r->state, "silent-market", 1));
	rig_pass(r, 2000, 5);
	cr_expect_eq(r->n, 0);
	cr_assert_null(USDM->set(r->state, NULL, 0));
	rig_pass(r, 2000, 5);
	cr_expect_gt(r->n, 0);
	rig_free(r);
}

Test(binance_streams, a_stream_keeps_to_its_speed)
{
	static const struct {
		const struct sim_face *face;
		const char *path;
		size_t in_6_s;
	} rows[] = {
		{ SPOT, "/ws/btcusdt@depth", 6 },
		{ SPOT, "/ws/btcusdt@depth@100ms", 60 },
		{ SPOT, "/ws/btcusdt@depth5@100ms", 60 },
		{ SPOT, "/ws/btcusdt@ticker", 6 },
		{ SPOT, "/ws/btcusdt@kline_1h", 3 },
		{ USDM, "/public/ws/btcusdt@depth", 24 },
		{ USDM, "/public/ws/btcusdt@depth@500ms", 12 },
		{ USDM, "/public/ws/btcusdt@depth@0ms", 200 },
		{ USDM, "/market/ws/btcusdt@miniTicker", 3 },
		{ USDM, "/market/ws/btcusdt@kline_1h", 24 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_at(rows[i].face, rows[i].path);

		rig_pass(r, 6000, 5);
		cr_expect(r->n + 1 >= rows[i].in_6_s && r->n <= rows[i].in_6_s + 1, "%s: %zu",
			  rows[i].path, r->n);
		rig_free(r);
	}
}

Test(binance_streams, a_partial_book_is_the_top_of_the_book)
{
	for (size_t f = 0; f < 2; f++) {
		struct rig *r =
			rig_at(faces[f], f == 0 ? "/stream?streams=btcusdt@depth10@100ms"
						: "/public/stream?streams=btcusdt@depth10@100ms");
		json_t *event, *bids;
		bc_level best;
		bc_decimal price;

		rig_pass(r, 300, 5);
		rig_step(r, 5, true);
		rig_forget(r);
		r->world.now.ns += 1;
		market_set_rate(r->market, 100);
		while (r->n == 0)
			rig_step(r, 5, false);
		event = event_of(r, r->n - 1);
		bids = json_object_get(event, f == 0 ? "bids" : "b");
		cr_assert_eq(json_array_size(bids), 10);
		best = market_level(r->market, 0, MARKET_BID, 9);
		bids = json_array_get(json_array_get(bids, 9), 0);
		cr_assert_eq(bc_decimal_parse(json_string_value(bids), json_string_length(bids),
					      &price),
			     BC_OK);
		cr_expect_eq(bc_decimal_compare(price, best.price), 0);
		cr_expect_eq((uint64_t)json_integer_value(
				     json_object_get(event, f == 0 ? "lastUpdateId" : "u")),
			     faces[f]->book_id(r->market, 0));
		json_decref(event);
		rig_free(r);
	}
}

/* The keys of an event, joined. */
static void keys_of(const json_t *event, char *out, size_t cap)
{
	const char *key;
	json_t *value;

	out[0] = '\0';
	json_object_foreach((json_t *)event, key, value)
	{
		cr_assert_lt(strlen(out) + strlen(key) + 2, cap);
		strcat(strcat(out, out[0] != '\0' ? " " : ""), key);
	}
}

Test(binance_streams, events_have_the_fields_of_their_exchange)
{
	static const struct {
		const struct sim_face *face;
		const char *path, *keys;
	} rows[] = {
		{ SPOT, "/ws/btcusdt@depth@100ms", "e E s U u b a" },
		{ USDM, "/public/ws/btcusdt@depth@100ms", "e E T s ps U u pu b a st" },
		{ SPOT, "/ws/btcusdt@depth5@100ms", "lastUpdateId bids asks" },
		{ USDM, "/public/ws/btcusdt@depth5@100ms", "e E T s ps U u pu b a st" },
		{ SPOT, "/ws/btcusdt@bookTicker", "u s b B a A" },
		{ USDM, "/public/ws/btcusdt@bookTicker", "e u s ps b B a A T E st" },
		{ SPOT, "/ws/btcusdt@trade", "e E s t p q T m M" },
		{ USDM, "/market/ws/btcusdt@trade", "e E T s t p q X m" },
		{ SPOT, "/ws/btcusdt@aggTrade", "e E s a p q f l T m M" },
		{ USDM, "/market/ws/btcusdt@aggTrade", "e E s a p q nq f l T m st" },
		{ SPOT, "/ws/btcusdt@miniTicker", "e E s c o h l v q" },
		{ USDM, "/market/ws/btcusdt@miniTicker", "e E s c o h l v q ps st" },
		{ SPOT, "/ws/btcusdt@ticker", "e E s p P w x c Q b B a A o h l v q O C F L n" },
		{ USDM, "/market/ws/btcusdt@ticker", "e E s p P w c Q o h l v q O C F L n ps st" },
		{ SPOT, "/ws/btcusdt@kline_1m", "e E s k" },
		{ USDM, "/market/ws/btcusdt@kline_1m", "e E s k" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_at(rows[i].face, rows[i].path);
		char keys[256];
		json_t *event;

		rig_pass(r, 5000, 5);
		event = event_of(r, 0);
		keys_of(event, keys, sizeof keys);
		cr_expect_str_eq(keys, rows[i].keys, "%s: %s", rows[i].path, keys);
		json_decref(event);
		rig_free(r);
	}
}

Test(binance_streams, numbers_have_the_digits_of_their_exchange)
{
	static const struct {
		const struct sim_face *face;
		const char *symbol, *price, *quantity;
		int64_t ticks, mantissa;
	} rows[] = {
		{ SPOT, "BTCUSDT", "\"97249.80000000\"", "\"0.00310000\"", 9724980, 310 },
		{ SPOT, "SHIBUSDT", "\"0.00000999\"", "\"7.00000000\"", 999, 7 },
		{ USDM, "BTCUSDT", "\"97249.8\"", "\"0.310\"", 972498, 310 },
		{ USDM, "1000SHIBUSDT", "\"0.0100000\"", "\"120\"", 100000, 120 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sim_buffer price = { NULL, 0, 0, false }, quantity = { NULL, 0, 0, false };
		const struct binance_dialect *d =
			rows[i].face == SPOT ? &binance_spot : &binance_usdm;
		struct market_spec spec;

		rows[i].face->spec_of(bc_str_of(rows[i].symbol), &spec);
		binance_put_price(&price, d, &spec, rows[i].ticks);
		binance_put_quantity(&quantity, d, &spec, rows[i].mantissa);
		sim_buffer_char(&price, '\0');
		sim_buffer_char(&quantity, '\0');
		cr_expect_str_eq(price.data, rows[i].price);
		cr_expect_str_eq(quantity.data, rows[i].quantity);
		sim_buffer_free(&price);
		sim_buffer_free(&quantity);
	}
}

Test(binance_streams, times_are_in_microseconds_where_asked_for)
{
	static const struct {
		const char *path;
		int64_t unit;
	} rows[] = { { "/ws/btcusdt@trade", 1000000 },
		     { "/ws/btcusdt@trade?timeUnit=MICROSECOND", 1000 },
		     { "/stream?streams=btcusdt@trade&timeUnit=MICROSECOND", 1000 } };

	for (size_t i = 0; i < 3; i++) {
		struct rig *r = rig_at(SPOT, rows[i].path);
		json_t *event;

		rig_pass(r, 1000, 5);
		event = event_of(r, r->n - 1);
		cr_expect_eq(json_integer_value(json_object_get(event, "T")),
			     market_trade(r->market, 0, 0)->time.ns / rows[i].unit);
		json_decref(event);
		rig_free(r);
	}
}

Test(binance_streams, every_trade_comes_once_and_in_order)
{
	struct rig *r = rig_at(USDM, "/market/ws/btcusdt@aggTrade");
	uint64_t first = market_n_trades(r->market, 0);

	rig_pass(r, 3000, 5);
	cr_expect_eq(r->n, market_n_trades(r->market, 0) - first);
	for (size_t i = 0; i < r->n; i++) {
		json_t *event = event_of(r, i);

		cr_expect_eq((uint64_t)json_integer_value(json_object_get(event, "a")),
			     first + i + 1);
		cr_expect_eq(json_is_true(json_object_get(event, "m")),
			     market_trade(r->market, 0, r->n - 1 - i)->maker == MARKET_BID,
			     "m: the buyer is the maker");
		json_decref(event);
	}
	cr_expect_gt(rig_count(r, "\"m\":true"), 0);
	cr_expect_gt(rig_count(r, "\"m\":false"), 0);
	rig_free(r);
}

Test(binance_streams, the_best_prices_come_when_they_change_and_are_right)
{
	for (size_t f = 0; f < 2; f++) {
		struct rig *r = rig_at(faces[f], f == 0 ? "/ws/btcusdt@bookTicker"
							: "/public/ws/btcusdt@bookTicker");
		uint64_t seq = market_seq(r->market, 0);
		char last[256] = "", now[256];

		for (int i = 0; i < 400; i++) {
			rig_step(r, 5, false);
			if (r->n == 0)
				continue;
			json_t *event = event_of(r, 0);
			const json_t *bid = json_object_get(event, "b");
			bc_decimal price;

			cr_assert_eq(r->n, 1, "one a step");
			snprintf(now, sizeof now, "%s %s %s %s", json_string_value(bid),
				 json_string_value(json_object_get(event, "B")),
				 json_string_value(json_object_get(event, "a")),
				 json_string_value(json_object_get(event, "A")));
			cr_expect_str_neq(now, last);
			strcpy(last, now);
			bc_decimal_parse(json_string_value(bid), json_string_length(bid), &price);
			cr_expect_eq(
				bc_decimal_compare(price,
						   market_level(r->market, 0, MARKET_BID, 0).price),
				0);
			cr_expect_eq((uint64_t)json_integer_value(json_object_get(event, "u")),
				     faces[f]->book_id(r->market, 0));
			json_decref(event);
			rig_forget(r);
		}
		cr_expect_gt(market_seq(r->market, 0), seq + 400);
		cr_expect_str_neq(last, "");
		rig_free(r);
	}
}

Test(binance_streams, a_candle_is_closed_once_and_agrees_with_rest)
{
	struct rig *r = rig_at(SPOT, "/ws/btcusdt@kline_1s");
	size_t closed = 0;

	rig_pass(r, 10000, 5);
	for (size_t i = 0; i < r->n; i++) {
		json_t *event = event_of(r, i), *rest, *row;
		const json_t *k = json_object_get(event, "k");
		char target[128], *body;

		if (json_is_true(json_object_get(k, "x"))) {
			closed++;
			snprintf(target, sizeof target,
				 "/api/v3/klines?symbol=BTCUSDT&interval=1s&startTime=%lld&limit=1",
				 (long long)json_integer_value(json_object_get(k, "t")));
			body = rig_get(r, target, NULL, NULL, 0);
			rest = json_loads(body, 0, NULL);
			row = json_array_get(rest, 0);
			cr_expect(json_equal(json_array_get(row, 0), json_object_get(k, "t")));
			cr_expect(json_equal(json_array_get(row, 4), json_object_get(k, "c")));
			cr_expect(json_equal(json_array_get(row, 5), json_object_get(k, "v")));
			cr_expect(json_equal(json_array_get(row, 6), json_object_get(k, "T")));
			cr_expect(json_equal(json_array_get(row, 8), json_object_get(k, "n")));
			cr_expect(json_equal(json_array_get(row, 9), json_object_get(k, "V")));
			json_decref(rest);
			free(body);
		}
		json_decref(event);
	}
	cr_expect(closed >= 4 && closed <= 10, "%zu closed candles", closed);
	rig_free(r);
}
