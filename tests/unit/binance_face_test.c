/* The simulated Binance without sockets: what it accepts, refuses, sends and limits. */
#include "publisher/simulator/binance.h"
#include "tests/support/sim_face_rig.h"

#include <jansson.h>

#define SPOT (&sim_face_binance_spot)
#define USDM (&sim_face_binance_usdm)

#define SUBSCRIBE(names) "{\"method\":\"SUBSCRIBE\",\"params\":[" names "],\"id\":1}"

static const struct sim_face *const faces[] = { SPOT, USDM };

/* The i-th frame as JSON; its "data" if it has one. */
static json_t *event_of(const struct rig *r, size_t i)
{
	json_t *root, *data;

	cr_assert_lt(i, r->n);
	root = json_loads(r->frames[i], 0, NULL);
	cr_assert_not_null(root, "%s", r->frames[i]);
	data = json_object_get(root, "data");
	if (data == NULL)
		return root;
	json_incref(data);
	json_decref(root);
	return data;
}

static struct rig *rig_at(const struct sim_face *face, const char *path)
{
	struct rig *r = rig_new(face, 15, 2000, 60, 1);

	cr_assert_eq(rig_open(r, path), 101, "%s", path);
	return r;
}

/* ------------------------------------------------------------------ the door */

Test(binance_face, paths_that_are_there)
{
	static const struct {
		const char *path;
		int spot, usdm;
	} rows[] = {
		{ "/ws", 101, 101 },
		{ "/stream", 101, 101 },
		{ "/ws/btcusdt@trade/btcusdt@depth", 101, 101 },
		{ "/stream?streams=btcusdt@trade", 101, 101 },
		{ "/public/ws", 404, 101 },
		{ "/market/stream?streams=btcusdt@aggTrade", 404, 101 },
		{ "/private/ws", 404, 404 },
		{ "/", 404, 404 },
		{ "/wss", 404, 404 },
		{ "/streams", 404, 404 },
		{ "/public", 404, 404 },
	};

	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct rig *r = rig_new(faces[f], 1, 1, 10, 0);

			cr_expect_eq(rig_open(r, rows[i].path),
				     f == 0 ? rows[i].spot : rows[i].usdm, "%s %s", faces[f]->name,
				     rows[i].path);
			rig_free(r);
		}
}

/* ------------------------------------------------------------------ requests */

Test(binance_face, a_request_and_its_answer)
{
	static const struct {
		const char *text, *answer;
		const char *usdm; /* where it differs */
	} rows[] = {
		{ SUBSCRIBE("\"btcusdt@aggTrade\",\"btcusdt@depth@100ms\""),
		  "{\"result\":null,\"id\":1}", NULL },
		{ "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@depth\"],\"id\":312}",
		  "{\"result\":null,\"id\":312}", NULL },
		{ "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}", "{\"result\":[],\"id\":3}",
		  NULL },
		{ "{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":2}",
		  "{\"result\":false,\"id\":2}", NULL },
		{ "{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":5}",
		  "{\"result\":null,\"id\":5}", NULL },
		{ "{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",1],\"id\":5}",
		  "{\"error\":{\"code\":1,\"msg\":\"Invalid value type: expected "
		  "Boolean\"},\"id\":5}",
		  NULL },
		{ "{\"method\":\"GET_PROPERTY\",\"params\":[\"colour\"],\"id\":2}",
		  "{\"error\":{\"code\":0,\"msg\":\"Unknown property\"},\"id\":2}", NULL },
		{ "{\"method\":\"GET_PROPERTY\",\"params\":[7],\"id\":2}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: property name must be a "
		  "string\"},\"id\":2}",
		  NULL },
		{ SUBSCRIBE("\"btcusdt\""),
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream\"},\"id\":1}",
		  NULL },
		{ SUBSCRIBE("\"@trade\""),
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: invalid stream\"},\"id\":1}",
		  NULL },
		{ SUBSCRIBE("\"NOPE@trade\",\"btcusdt@nope\""), "{\"result\":null,\"id\":1}",
		  NULL },
		{ "{\"method\":\"SUBSCRIBE\",\"params\":[],\"id\":\"a1\"}",
		  "{\"result\":null,\"id\":\"a1\"}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: request ID must be an "
		  "unsigned integer\"},\"id\":null}" },
		{ "{\"method\":\"SUBSCRIBE\",\"params\":[],\"id\":-9}",
		  "{\"result\":null,\"id\":-9}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: request ID must be an "
		  "unsigned integer\"},\"id\":null}" },
		{ "{\"params\":[],\"id\":1}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: missing field `method` at "
		  "line 1 column 1\"},\"id\":1}",
		  NULL },
		{ "{\"method\":\"SUBSCRIBE\",\"id\":1}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: missing field "
		  "`params`\"},\"id\":1}",
		  NULL },
		{ "{\"method\":\"SUBSCRIBE\",\"params\":[1],\"id\":1}",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: stream name must be a "
		  "string\"},\"id\":1}",
		  NULL },
		{ "[]",
		  "{\"error\":{\"code\":2,\"msg\":\"Invalid request: expected an "
		  "object\"},\"id\":null}",
		  NULL },
		{ "{",
		  "{\"error\":{\"code\":3,\"msg\":\"Invalid JSON: expected value at line 1 column "
		  "1\"},\"id\":null}",
		  NULL },
	};

	for (size_t f = 0; f < 2; f++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			struct rig *r = rig_at(faces[f], "/ws");
			const char *want =
				f == 1 && rows[i].usdm != NULL ? rows[i].usdm : rows[i].answer;

			rig_say(r, rows[i].text);
			cr_assert_eq(r->n, 1, "%s", rows[i].text);
			cr_expect_str_eq(r->frames[0], want, "%s", rows[i].text);
			cr_expect_not(r->is_data[0]);
			cr_expect_eq(r->close_code, 0);
			rig_free(r);
		}
}

Test(binance_face, a_list_with_one_wrong_name_changes_nothing)
{
	struct rig *r = rig_at(SPOT, "/ws/btcusdt@trade");

	rig_say(r, SUBSCRIBE("\"ethusdt@trade\",\"wrong\""));
	rig_say(r, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}");
	cr_expect_str_eq(r->frames[1], "{\"result\":[\"btcusdt@trade\"],\"id\":3}");
	rig_free(r);
}

Test(binance_face, unsubscribing_one_leaves_the_others)
{
	struct rig *r = rig_at(SPOT, "/ws");

	rig_say(r, SUBSCRIBE("\"btcusdt@trade\",\"ethusdt@trade\",\"solusdt@trade\""));
	rig_say(r, "{\"method\":\"UNSUBSCRIBE\",\"params\":[\"ethusdt@trade\"],\"id\":2}");
	rig_say(r, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}");
	cr_expect_str_eq(r->frames[2],
			 "{\"result\":[\"btcusdt@trade\",\"solusdt@trade\"],\"id\":3}");
	rig_forget(r);
	rig_pass(r, 2000, 5);
	cr_expect_gt(rig_count(r, "\"s\":\"BTCUSDT\""), 0);
	cr_expect_gt(rig_count(r, "\"s\":\"SOLUSDT\""), 0);
	cr_expect_eq(rig_count(r, "\"s\":\"ETHUSDT\""), 0);
	rig_free(r);
}

Test(binance_face, errors_are_flat_where_asked_for)
{
	struct rig *r = rig_at(SPOT, "/ws");

	cr_assert_null(SPOT->set(r->state, "flat-errors", 1));
	rig_say(r, SUBSCRIBE("\"x\""));
	cr_expect_str_eq(r->frames[0],
			 "{\"code\":2,\"msg\":\"Invalid request: invalid stream\",\"id\":1}");
	cr_expect_not_null(SPOT->set(r->state, "flat-errors", 2));
	cr_expect_not_null(SPOT->set(r->state, "colour", 1));
	rig_free(r);
}

Test(binance_face, the_answer_comes_before_the_data_and_data_only_when_asked_for)
{
	for (size_t f = 0; f < 2; f++) {
		struct rig *r = rig_at(faces[f], f == 0 ? "/ws" : "/public/ws");

		rig_pass(r, 1000, 5);
		cr_expect_eq(r->n, 0);
		cr_expect_not(faces[f]->subscribed(r->session));
		rig_say(r, SUBSCRIBE("\"btcusdt@bookTicker\""));
		rig_pass(r, 1000, 5);
		cr_assert_gt(r->n, 1);
		cr_expect_not(r->is_data[0]);
		for (size_t i = 1; i < r->n; i++)
			cr_expect(r->is_data[i]);
		cr_expect(faces[f]->subscribed(r->session));
		rig_free(r);
	}
}

Test(binance_face, frames_are_raw_or_in_an_envelope)
{
	struct rig *r = rig_at(SPOT, "/ws/btcusdt@bookTicker");

	rig_pass(r, 500, 5);
	cr_expect_eq(strncmp(r->frames[0], "{\"u\":", 5), 0, "%s", r->frames[0]);
	rig_say(r, "{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":5}");
	rig_forget(r);
	rig_pass(r, 500, 5);
	cr_expect_eq(strstr(r->frames[0], "{\"stream\":\"btcusdt@bookTicker\",\"data\":{\"u\":"),
		     r->frames[0], "%s", r->frames[0]);
	rig_say(r, "{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":6}");
	cr_expect_str_eq(r->frames[r->n - 1], "{\"result\":true,\"id\":6}");
	rig_free(r);
}

/* ------------------------------------------------------------------ what comes and what does not
 */

Test(binance_face, streams_that_are_acknowledged_and_silent)
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

Test(binance_face, a_route_can_be_made_silent)
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

Test(binance_face, a_stream_keeps_to_its_speed)
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

Test(binance_face, a_partial_book_is_the_top_of_the_book)
{
	for (size_t f = 0; f < 2; f++) {
		struct rig *r =
			rig_at(faces[f], f == 0 ? "/stream?streams=btcusdt@depth10@100ms"
						: "/public/stream?streams=btcusdt@depth10@100ms");
		json_t *event, *bids;
		bc_level best = market_level(r->market, 0, MARKET_BID, 9);
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

Test(binance_face, events_have_the_fields_of_their_exchange)
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

Test(binance_face, numbers_have_the_digits_of_their_exchange)
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

Test(binance_face, times_are_in_microseconds_where_asked_for)
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

Test(binance_face, every_trade_comes_once_and_in_order)
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

Test(binance_face, the_best_prices_come_when_they_change_and_are_right)
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

Test(binance_face, a_candle_is_closed_once_and_agrees_with_rest)
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

/* ------------------------------------------------------------------ limits and life */

Test(binance_face, pings_pongs_and_messages_count_alike)
{
	static const char *const kinds[] = { "message", "ping", "pong" };

	for (size_t f = 0; f < 2; f++)
		for (size_t kind = 0; kind < 3; kind++) {
			struct rig *r = rig_at(faces[f], "/ws");
			int limit = f == 0 ? 5 : 10, i = 0;

			for (; i < 20 && r->close_code == 0; i++)
				if (kind == 0)
					rig_say(r, SUBSCRIBE(""));
				else
					faces[f]->control(r->session, &r->world,
							  kind == 1 ? WS_PING : WS_PONG, BC_STR(""),
							  &r->sink);
			cr_expect_eq(i, limit + 1, "%s: the %d. %s", faces[f]->name, i,
				     kinds[kind]);
			cr_expect_eq(r->close_code, 1008);
			rig_forget(r);
			rig_say(r, SUBSCRIBE(""));
			cr_expect_eq(r->n, 0, "it is not listening any more");
			rig_free(r);
		}
}

Test(binance_face, a_connection_takes_1024_streams)
{
	struct rig *r = rig_at(SPOT, "/ws");
	char text[16384];

	cr_assert_null(SPOT->set(r->state, "messages", 100));
	cr_assert_eq(rig_open(r, "/ws"), 101);
	for (int batch = 0; batch < 11; batch++) {
		size_t n = (size_t)snprintf(text, sizeof text,
					    "{\"method\":\"SUBSCRIBE\",\"params\":[");

		for (int i = 0; i < 100; i++)
			n += (size_t)snprintf(text + n, sizeof text - n, "%s\"s%d@trade\"",
					      i > 0 ? "," : "", batch * 100 + i);
		snprintf(text + n, sizeof text - n, "],\"id\":%d}", batch);
		rig_forget(r);
		rig_say(r, text);
		cr_expect_eq(rig_count(r, "too many streams"), batch == 10, "batch %d", batch);
	}
	rig_free(r);
}

Test(binance_face, it_pings_and_closes_who_does_not_answer)
{
	for (size_t f = 0; f < 2; f++) {
		struct rig *r = rig_at(faces[f], "/ws");
		int64_t ping_s = f == 0 ? 20 : 180, pong_s = f == 0 ? 60 : 600, s = 0;

		for (; s < 3 * ping_s; s++) {
			rig_step(r, 1000, true);
			if (r->pings > 0 && s % ping_s == ping_s - 1)
				faces[f]->control(r->session, &r->world, WS_PONG,
						  bc_str_of(r->ping), &r->sink);
		}
		cr_expect_eq(r->pings, 3, "%zu pings", r->pings);
		cr_expect_eq(r->close_code, 0);
		for (s = 0; r->close_code == 0 && s < 2000; s++) {
			rig_step(r, 1000, true);
			if (s % 5 == 0) /* unasked for: allowed, and no proof */
				faces[f]->control(r->session, &r->world, WS_PONG, BC_STR(""),
						  &r->sink);
		}
		cr_expect_eq(s, ping_s + pong_s, "%s: closed after %lld s", faces[f]->name,
			     (long long)s);
		rig_free(r);
	}
}

Test(binance_face, a_connection_lives_a_day)
{
	struct rig *r = rig_at(SPOT, "/ws");

	r->sink.ping = NULL;
	rig_step(r, 24 * 3600 * 1000 - 1, true);
	cr_expect_eq(r->close_code, 0);
	rig_step(r, 1, true);
	cr_expect_eq(r->close_code, 1001);
	rig_free(r);
}

Test(binance_face, a_shutdown_is_announced)
{
	static const struct {
		const char *path, *begins;
	} rows[] = { { "/ws", "{\"e\":\"serverShutdown\",\"E\":1795235444000}" },
		     { "/stream",
		       "{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":"
		       "1795235444000}}" } };

	for (size_t i = 0; i < 2; i++) {
		struct rig *r = rig_at(SPOT, rows[i].path);

		SPOT->shutdown(r->session, &r->world, 600 * BC_NS_PER_S, &r->sink);
		cr_expect_str_eq(r->frames[0], rows[i].begins);
		cr_expect_eq(r->close_code, 1001);
		cr_expect_eq(r->close_after_ns, 600 * BC_NS_PER_S);
		rig_free(r);
	}
	cr_expect_null(USDM->shutdown);
}

Test(binance_face, upgrades_have_a_limit)
{
	struct rig *r = rig_new(SPOT, 1, 1, 10, 0);

	for (int i = 0; i < 300; i++)
		cr_assert_eq(rig_open(r, "/ws"), 101);
	cr_expect_eq(rig_open(r, "/ws"), 429);
	r->world.mono.ns += 300 * BC_NS_PER_S;
	cr_expect_eq(rig_open(r, "/ws"), 101);
	rig_free(r);
}

/* ------------------------------------------------------------------ recorded frames */

Test(binance_face, symbol_of_recorded_frames)
{
	static const struct {
		const char *frame, *symbol;
	} rows[] = {
		{ "{\"e\":\"depthUpdate\",\"s\":\"BTCUSDT\"}", "BTCUSDT" },
		{ "{\"stream\":\"zilusdt@trade\",\"data\":{\"s\":\"ZILUSDT\"}}", "ZILUSDT" },
		{ "{\"stream\":\"zilusdt@depth5\",\"data\":{\"lastUpdateId\":1}}", "ZILUSDT" },
		{ "{\"result\":null,\"id\":1}", NULL },
		{ "not json", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[MARKET_NAME_MAX] = "";

		cr_expect_eq(SPOT->symbol_of(bc_str_of(rows[i].frame), name),
			     rows[i].symbol != NULL, "%s", rows[i].frame);
		if (rows[i].symbol != NULL)
			cr_expect_str_eq(name, rows[i].symbol);
	}
}

Test(binance_face, streams_of_recorded_frames)
{
	static const struct {
		const char *frame, *stream, *symbol;
		uint64_t last_id;
	} rows[] = {
		{ "{\"stream\":\"btcusdt@depth@0ms\",\"data\":{\"e\":\"depthUpdate\",\"s\":"
		  "\"BTCUSDT\",\"u\":9}}",
		  "btcusdt@depth@0ms", "BTCUSDT", 9 },
		{ "{\"stream\":\"btcusdt@depth20@100ms\",\"data\":{\"e\":\"depthUpdate\",\"s\":"
		  "\"BTCUSDT\",\"u\":9}}",
		  "btcusdt@depth20@100ms", "BTCUSDT", 0 },
		{ "{\"e\":\"depthUpdate\",\"s\":\"1INCHUSDT\",\"u\":7}", "1inchusdt@depth",
		  "1INCHUSDT", 7 },
		{ "{\"u\":400900217,\"s\":\"BNBUSDT\",\"b\":\"1\",\"B\":\"1\",\"a\":\"2\",\"A\":"
		  "\"1\"}",
		  "bnbusdt@bookTicker", "BNBUSDT", 0 },
		{ "{\"e\":\"kline\",\"s\":\"BNBBTC\",\"k\":{\"i\":\"1m\"}}", "bnbbtc@kline_1m",
		  "BNBBTC", 0 },
		{ "{\"e\":\"forceOrder\",\"o\":{\"s\":\"BTCUSDT\"}}", "btcusdt@forceOrder",
		  "BTCUSDT", 0 },
		{ "{\"result\":null,\"id\":1}", NULL, NULL, 0 },
		{ "{\"e\":\"new\",\"s\":\"BTCUSDT\"}", NULL, NULL, 0 },
		{ "[]", NULL, NULL, 0 },
		{ "", NULL, NULL, 0 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sim_frame f = { .last_id = 1 };

		cr_assert_eq(SPOT->frame_of(bc_str_of(rows[i].frame), &f), rows[i].stream != NULL,
			     "%s", rows[i].frame);
		if (rows[i].stream == NULL)
			continue;
		cr_expect_str_eq(f.stream, rows[i].stream);
		cr_expect_str_eq(f.symbol, rows[i].symbol);
		cr_expect_eq(f.last_id, rows[i].last_id, "%s", rows[i].frame);
	}
}

Test(binance_face, a_recorded_stream_goes_to_who_asked_for_it_at_any_speed)
{
	static const struct {
		const char *path, *stream;
		bool wanted;
	} rows[] = {
		{ "/public/ws/btcusdt@depth@100ms", "btcusdt@depth@0ms", true },
		{ "/public/ws/btcusdt@depth", "btcusdt@depth20@100ms", false },
		{ "/public/ws/btcusdt@depth20", "btcusdt@depth20@100ms", true },
		{ "/public/ws/btcusdt@depth", "ethusdt@depth", false },
		{ "/public/ws/BTCUSDT@depth", "btcusdt@depth", false },
		{ "/public/ws/btcusdt@depth@7ms", "btcusdt@depth@0ms", false },
		{ "/ws/btcusdt@depth@100ms", "btcusdt@depth@0ms", true },
		{ "/public/ws/btcusdt@aggTrade", "btcusdt@aggTrade", false },
		{ "/market/ws/btcusdt@aggTrade", "btcusdt@aggTrade", true },
		{ "/ws/btcusdt@aggTrade", "btcusdt@aggTrade", false },
		{ "/market/ws/btcusdt@trade", "btcusdt@trade", true },
		{ "/market/ws/btcusdt@markPrice", "btcusdt@markPrice", true },
		{ "/market/ws", "btcusdt@aggTrade", false },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_at(USDM, rows[i].path);

		cr_expect_eq(USDM->wants(r->session, bc_str_of(rows[i].stream)), rows[i].wanted,
			     "%s %s", rows[i].path, rows[i].stream);
		rig_free(r);
	}
}
