/* The simulated Upbit without sockets: a request in, frames out, times as we like. */
#include "publisher/simulator/upbit.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_NS INT64_C(1795235444000000000)
#define MAX_SENT 4096

/* What a session sent: one letter a frame and the frames themselves. */
struct sent {
	char *frames[MAX_SENT];
	size_t n, replies;
	uint16_t close_code;
	int64_t close_after_ns;
};

static void keep(struct sent *s, bc_str payload)
{
	cr_assert_lt(s->n, MAX_SENT);
	s->frames[s->n++] = strndup(payload.p, payload.n);
}

static void on_data(void *self, bc_str symbol, bc_str payload)
{
	cr_expect_gt(symbol.n, 0);
	keep(self, payload);
}

static void on_reply(void *self, bc_str payload)
{
	((struct sent *)self)->replies++;
	keep(self, payload);
}

static void on_close(void *self, uint16_t code, int64_t after_ns)
{
	struct sent *s = self;

	s->close_code = code;
	s->close_after_ns = after_ns;
}

struct fixture {
	struct market *market;
	void *state, *session;
	struct sent sent;
	struct sim_sink sink;
	struct sim_world world;
	uint32_t crossed;
};

static struct fixture *begin(double rate)
{
	struct fixture *f = calloc(1, sizeof *f);
	struct market_spec specs[4];
	struct market_options options = {
		.seed = 1,
		.rate = rate,
		.start = { START_NS },
		.specs = specs,
		.n_specs = 4,
		.intervals_s = sim_face_upbit.intervals_s,
		.n_intervals = sim_face_upbit.n_intervals,
	};

	cr_assert(sim_face_upbit.specs(specs, 4));
	f->market = market_new(&options);
	f->state = sim_face_upbit.state_new();
	f->session = sim_face_upbit.session_new(f->state);
	f->sink = (struct sim_sink){ &f->sent, on_data, on_reply, on_close, NULL };
	f->world = (struct sim_world){ .market = f->market,
				       .now = { START_NS },
				       .mono = { BC_NS_PER_S },
				       .crossed = &f->crossed };
	return f;
}

static void forget(struct fixture *f)
{
	for (size_t i = 0; i < f->sent.n; i++)
		free(f->sent.frames[i]);
	f->sent = (struct sent){ .n = 0 };
}

static void end(struct fixture *f)
{
	forget(f);
	sim_face_upbit.session_free(f->session);
	sim_face_upbit.state_free(f->state);
	market_free(&f->market);
	free(f);
}

static void say(struct fixture *f, const char *text)
{
	sim_face_upbit.message(f->session, &f->world, bc_str_of(text), &f->sink);
}

static void pass(struct fixture *f, int64_t ms, int64_t step_ms)
{
	for (int64_t t = 0; t < ms; t += step_ms) {
		f->world.now.ns += step_ms * BC_NS_PER_MS;
		f->world.mono.ns += step_ms * BC_NS_PER_MS;
		market_advance(f->market, f->world.now);
		sim_face_upbit.tick(f->session, &f->world, false, &f->sink);
	}
}

static size_t count(const struct fixture *f, const char *needle)
{
	size_t n = 0;

	for (size_t i = 0; i < f->sent.n; i++)
		n += strstr(f->sent.frames[i], needle) != NULL;
	return n;
}

#define TICKET "{\"ticket\":\"t\"},"

Test(upbit_face, a_request_and_what_it_brings)
{
	static const struct {
		const char *text;
		size_t snapshots, subscribed;
		const char *error;
	} rows[] = {
		{ "[" TICKET "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\",\"KRW-ETH.5\"]}]", 2,
		  1, NULL },
		{ "[" TICKET
		  "{\"type\":\"ticker\",\"codes\":[\"KRW-BTC\",\"KRW-NO\",\"krw-btc\"]}]",
		  1, 1, NULL },
		{ "[" TICKET
		  "{\"type\":\"trade\",\"codes\":[\"KRW-BTC\"],\"is_only_realtime\":true}]",
		  0, 1, NULL },
		{ "[" TICKET
		  "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\"],\"level\":\"10000\"}]",
		  1, 1, NULL },
		{ "[" TICKET "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\"],\"level\":3}]", 0, 1,
		  NULL },
		{ "[" TICKET "{\"type\":\"candle.3m\",\"codes\":[\"KRW-BTC\"]}]", 1, 1, NULL },
		{ "[" TICKET "{\"type\":\"candle.7m\",\"codes\":[\"KRW-BTC\"]}]", 0, 0,
		  "INVALID_PARAM" },
		{ "[" TICKET "{\"type\":\"ticker\",\"codes\":[]}]", 0, 0, "NO_CODES" },
		{ "[" TICKET "{\"type\":\"ticker\",\"codes\":[7]}]", 0, 0, "WRONG_FORMAT" },
		{ "[" TICKET "7]", 0, 0, "WRONG_FORMAT" },
		{ "[]", 0, 0, "NO_TICKET" },
		{ "{", 0, 0, "WRONG_FORMAT" },
		{ "[{\"ticket\":\"\"},{\"type\":\"ticker\",\"codes\":[\"KRW-BTC\"]}]", 0, 0,
		  "NO_TICKET" },
		{ "[" TICKET "{\"method\":\"NOPE\"}]", 0, 0, "INVALID_PARAM" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct fixture *f = begin(0.001);
		char name[64];

		say(f, rows[i].text);
		pass(f, 10, 5);
		cr_expect_eq(count(f, "\"SNAPSHOT\""), rows[i].snapshots, "%s", rows[i].text);
		cr_expect_eq(sim_face_upbit.subscribed(f->session), rows[i].subscribed == 1, "%s",
			     rows[i].text);
		snprintf(name, sizeof name, "{\"error\":{\"name\":\"%s\"", rows[i].error);
		cr_expect_eq(count(f, name), rows[i].error != NULL, "%s", rows[i].text);
		cr_expect_eq(f->sent.close_code, rows[i].error != NULL ? 1000 : 0);
		end(f);
	}
}

Test(upbit_face, books_keep_to_the_grid_of_100_ms)
{
	struct fixture *f = begin(5000);
	size_t n;

	say(f, "[" TICKET "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC.5\"]}]");
	pass(f, 10, 5);
	forget(f);
	pass(f, 2000, 5);
	n = count(f, "\"REALTIME\"");
	cr_expect(n == 20 || n == 21, "%zu books in 2 s", n);
	end(f);
}

Test(upbit_face, a_quiet_book_sends_nothing_and_a_flush_sends_all)
{
	struct fixture *f = begin(0.001);

	say(f, "[" TICKET "{\"type\":\"orderbook\",\"codes\":[\"KRW-BTC\",\"KRW-ETH\"]}]");
	pass(f, 3000, 5);
	cr_expect_eq(f->sent.n, 2, "two snapshots");
	forget(f);
	market_set_rate(f->market, 100000);
	market_skip(f->market, (bc_wall_time){ f->world.now.ns + 3600 * BC_NS_PER_S });
	f->world.now.ns += 7200 * BC_NS_PER_S;
	market_advance(f->market, (bc_wall_time){ f->world.now.ns - 3600 * BC_NS_PER_S });
	sim_face_upbit.tick(f->session, &f->world, true, &f->sink);
	sim_face_upbit.tick(f->session, &f->world, true, &f->sink);
	cr_expect_leq(f->sent.n, 2, "each changed book once");
	end(f);
}

Test(upbit_face, a_candle_comes_at_most_once_a_second)
{
	struct fixture *f = begin(5000);

	say(f, "[" TICKET "{\"type\":\"candle.1m\",\"codes\":[\"KRW-BTC\"]}]");
	pass(f, 10, 5);
	forget(f);
	pass(f, 5000, 5);
	cr_expect(f->sent.n >= 5 && f->sent.n <= 6, "%zu candles in 5 s", f->sent.n);
	end(f);
}

Test(upbit_face, ping_begins_the_up_cycle_once)
{
	struct fixture *f = begin(0.001);

	say(f, "PING");
	say(f, "PING");
	pass(f, 30000, 50);
	cr_expect_eq(f->sent.replies, 3, "at 6, 16 and 26 s, not %zu", f->sent.replies);
	cr_expect_str_eq(f->sent.frames[0], "{\"status\":\"UP\"}");
	end(f);
}

Test(upbit_face, messages_are_limited_a_second_and_a_minute)
{
	struct fixture *f = begin(0.001);
	size_t good = 0;

	for (int i = 0; i < 101 && f->sent.close_code == 0; i++) {
		say(f, "[" TICKET "{\"method\":\"LIST_SUBSCRIPTIONS\"}]");
		good += f->sent.close_code == 0;
		f->world.mono.ns += 250 * BC_NS_PER_MS; /* four a second are allowed */
	}
	cr_expect_eq(good, 100);
	cr_expect_eq(count(f, "Too Many Requests"), 1);
	end(f);
}

Test(upbit_face, symbols_are_many_distinct_and_cover_the_odd_cases)
{
	static struct market_spec specs[300];
	bool digit = false, btc = false, usdt = false, is_long = false;

	cr_assert(sim_face_upbit.specs(specs, 300));
	for (size_t i = 0; i < 300; i++) {
		const char *base = strchr(specs[i].name, '-') + 1;

		if (i < 20) {
			digit |= base[0] >= '0' && base[0] <= '9';
			btc |= strncmp(specs[i].name, "BTC-", 4) == 0;
			usdt |= strncmp(specs[i].name, "USDT-", 5) == 0;
			is_long |= strlen(base) > 10;
		}
		for (size_t k = 0; k < i; k++)
			cr_assert_str_neq(specs[i].name, specs[k].name);
	}
	cr_expect(digit && btc && usdt && is_long);
}

Test(upbit_face, symbol_of_recorded_frames)
{
	static const struct {
		const char *frame, *symbol;
	} rows[] = {
		{ "{\"ty\":\"orderbook\",\"cd\":\"KRW-IQ\"}", "KRW-IQ" },
		{ "{\"type\": \"ticker\", \"code\": \"KRW-W\"}", "KRW-W" },
		{ "[{\"cd\":\"BTC-ETH\"}]", "BTC-ETH" },
		{ "{\"status\":\"UP\"}", NULL },
		{ "not json", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char name[MARKET_NAME_MAX] = "";

		cr_expect_eq(sim_face_upbit.symbol_of(bc_str_of(rows[i].frame), name),
			     rows[i].symbol != NULL, "%s", rows[i].frame);
		if (rows[i].symbol != NULL)
			cr_expect_str_eq(name, rows[i].symbol);
	}
}

Test(upbit_face, numbers_are_spelled_as_measured)
{
	static const struct {
		bc_decimal value;
		enum sim_number_style style;
		const char *text;
	} rows[] = {
		{ { 116539, 3 }, SIM_JAVA, "1.16539E8" },
		{ { 116606, 3 }, SIM_SMALL_EXP, "116606000" },
		{ { 77720, -8 }, SIM_EIGHT, "0.00077720" },
		{ { 79276, -8 }, SIM_JAVA, "7.9276E-4" },
		{ { 5, -4 }, SIM_SMALL_EXP, "5.0E-4" },
		{ { 4407, 3 }, SIM_JAVA, "4407000.0" },
		{ { 1, 7 }, SIM_JAVA, "1.0E7" },
		{ { 9999999, 0 }, SIM_JAVA, "9999999.0" },
		{ { 1, -3 }, SIM_JAVA, "0.001" },
		{ { 6446409, -2 }, SIM_JAVA, "64464.09" },
		{ { 1043, 3 }, SIM_EIGHT, "1043000.00000000" },
		{ { -2302, 3 }, SIM_POINT, "-2302000.0" },
		{ { 0, 0 }, SIM_JAVA, "0.0" },
		{ { 0, 0 }, SIM_PLAIN, "0" },
		{ { 12, -10 }, SIM_PLAIN, "0.0000000012" },
		{ { INT64_MIN, 0 }, SIM_PLAIN, "-9223372036854775808" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sim_buffer b = { NULL, 0, 0, false };

		sim_buffer_number(&b, rows[i].value, rows[i].style);
		sim_buffer_char(&b, '\0');
		cr_expect_str_eq(b.data, rows[i].text);
		sim_buffer_free(&b);
	}
}

Test(upbit_face, upgrades_and_requests_have_limits)
{
	struct fixture *f = begin(0.001);
	static const char text[] = "GET /websocket/v1 HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_request r;
	size_t used, admitted = 0;
	int status;

	cr_assert_eq(http_parse(text, sizeof text - 1, &r, &used, &status), BC_OK);
	for (int i = 0; i < 7; i++) {
		struct sim_reply reply = { .status = 200 };

		sim_face_upbit.upgrade(f->state, &f->world, &r, &reply);
		admitted += reply.status == 101;
		cr_expect(reply.status == (i < 5 ? 101 : 429), "%d: %d", i, reply.status);
		sim_buffer_free(&reply.headers);
		sim_buffer_free(&reply.body);
		f->world.mono.ns += 100 * BC_NS_PER_MS;
	}
	cr_expect_eq(admitted, 5);
	f->world.mono.ns += 400 * BC_NS_PER_MS; /* the first is more than a second old */
	struct sim_reply reply = { .status = 200 };
	sim_face_upbit.upgrade(f->state, &f->world, &r, &reply);
	cr_expect_eq(reply.status, 101);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
	end(f);
}
