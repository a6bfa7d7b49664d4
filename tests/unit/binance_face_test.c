/* The simulated Binance without sockets: what it accepts, refuses and limits. */
#include "tests/support/binance_rig.h"

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
