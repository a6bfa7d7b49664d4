/* Requests as they come over a socket, answered from a board; client and desk in one thread. */
#include "common/board_frames.h"
#include "common/bus_socket.h"
#include "common/clock.h"
#include "subscribers/cache/desk.h"
#include "tests/support/bus_message.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <jansson.h>

#define PATIENCE 60 /* seconds */

static struct temp_dir dir;
static void *context;
static struct bc_rpc_server *server;
static struct bc_rpc_client *client;
static struct bc_board *board;
static struct cache_rings *rings;
static struct cache_delays *delays;
static struct cache_desk *desk;
static bc_mono_time now;

static const struct bc_board_limits cache_limits = { 20000, 64 << 20, 600 * BC_NS_PER_S };

static void open_sockets(void)
{
	char text[96], real[BC_ENDPOINT_MAX];
	cr_assert(temp_dir_new(&dir));
	cr_assert((context = bc_bus_context_new()) != NULL);
	cr_assert_eq(bc_rpc_server_new(&server), BC_OK);
	temp_dir_file(&dir, "ipc://", "cache.rpc", text, sizeof text);
	cr_assert_eq(bc_rpc_server_bind(server, text, 0660, real), BC_OK);
	cr_assert_eq(bc_rpc_client_new(&client, context, real), BC_OK);
}

static void open_all(void)
{
	const struct cache_rings_limits history = { 1000, 0, 64 << 20 };
	now.ns = 1000 * BC_NS_PER_S;
	open_sockets();
	cr_assert((board = bc_board_new(&cache_limits)) != NULL);
	cr_assert((rings = cache_rings_new(&history)) != NULL);
	cr_assert((delays = cache_delays_new()) != NULL);
	cr_assert((desk = cache_desk_new(board, rings, delays, server, &cache_limits, now)) !=
		  NULL);
}

static void close_all(void)
{
	cache_desk_free(&desk);
	bc_board_free(&board);
	cache_rings_free(&rings);
	cache_delays_free(&delays);
	bc_rpc_client_free(&client);
	bc_rpc_server_free(&server);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

static void take(const char *topic, struct bc_message m)
{
	struct bus_message b;
	bus_message_encode(&b, topic, &m);
	cr_assert_eq(bc_board_take(board, b.topic, b.payload, now, NULL), BC_OK);
}

static void fill(void)
{
	bc_level levels[2];
	uint8_t list[512];
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("KRW-ETH") };
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_LIVE);
	struct bc_message state = { .envelope = e };
	take("upbit.@0.heartbeat", bus_heartbeat(e, "0", 1, "tcp://10.0.0.1:5000"));
	take("upbit.@0.state", bus_symbols(e, 1, symbols, 2, list));
	take("upbit.KRW-BTC.book", bus_book(e, 7, levels));
	take("upbit.KRW-BTC.state", state);
	state.envelope.state = BC_STATE_STALE;
	state.envelope.reason = BC_REASON_GAP;
	take("upbit.KRW-ETH.state", state);
}

/* Asks by words separated by blanks; *reply is the desk's answer. */
static void ask(const char *words, struct bc_rpc_reply *reply)
{
	char text[256];
	bc_str args[16] = { { NULL, 0 } };
	size_t n = 0;
	snprintf(text, sizeof text, "%s", words);
	for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
		args[n++] = bc_str_of(word);
	cr_assert_eq(bc_rpc_send(client, args[0], args + 1, n - 1, bc_mono_now(),
				 PATIENCE * BC_NS_PER_S),
		     BC_OK);
	bc_status rc;
	int64_t end = test_in(PATIENCE);
	while ((rc = bc_rpc_poll(client, bc_mono_now(), reply)) == BC_EAGAIN && test_waits(end))
		cache_desk_serve(desk, now, 10);
	cr_assert_eq(rc, BC_OK, "%s", words);
}

#define DESK_TEST(name) Test(cache_desk, name, .init = open_all, .fini = close_all)

static void expect_frames(const struct bc_rpc_reply *reply, const char *const *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (want[i] != NULL)
			cr_expect(bc_str_is(reply->answers[i], want[i]), "frame %zu is %.*s", i,
				  (int)reply->answers[i].n, reply->answers[i].p);
}

DESK_TEST(get_answers_five_frames_a_topic)
{
	static const char *const want[] = {
		"200",
		"live",
		"1000000",
		"1000000",
		NULL, /* the payload */
		"503",
		"stale",
		"9223372036854775807",
		"9223372036854775807",
		"",
		"404",
		"down",
		"9223372036854775807",
		"9223372036854775807",
		"",
	};
	struct bc_rpc_reply reply;
	fill();
	now.ns += BC_NS_PER_MS;
	ask("GET upbit.KRW-BTC.book upbit.KRW-ETH.book upbit.NO.book", &reply);
	cr_expect_eq(reply.status, 200);
	cr_assert_eq(reply.n_answers, 15);
	expect_frames(&reply, want, 15);
	bc_level levels[2];
	struct bc_message m;
	cr_assert_eq(bc_message_decode(reply.answers[4], &m, levels, 2), BC_OK);
	cr_expect_eq(m.body.book.bids[0].price.mantissa, 7);
}

DESK_TEST(state_answers_why_and_since_when_as_it_is_now)
{
	static const char *const then[] = {
		"200",
		"live",
		"none",
		"1",
		"1000000",
		"1000000",
		"503",
		"stale",
		"gap",
		"1",
		"9223372036854775807",
		"9223372036854775807",
		"404",
		"down",
		"none",
		"",
		"9223372036854775807",
		"9223372036854775807",
	};
	static const char *const later[] = { "200", "stale",      "gateway",
					     "",    "4000000000", "4000000000" };
	struct bc_rpc_reply reply;
	fill();
	now.ns += BC_NS_PER_MS;
	ask("STATE upbit.KRW-BTC.book upbit.KRW-ETH.book upbit.NO.book", &reply);
	cr_expect_eq(reply.status, 200);
	cr_assert_eq(reply.n_answers, 18);
	expect_frames(&reply, then, 18);
	now.ns += 4 * BC_NS_PER_S - BC_NS_PER_MS; /* heartbeats are missed */
	ask("STATE upbit.KRW-BTC.book", &reply);
	cr_assert_eq(reply.n_answers, 6);
	expect_frames(&reply, later, 6);
	struct bc_message m = { .envelope = bus_envelope(100, 2, BC_STATE_LIVE) };
	take("upbit.@0.heartbeat", bus_heartbeat(m.envelope, "0", 1, "tcp://10.0.0.1:5000"));
	m.envelope.since.ns = -5;
	take("upbit.KRW-ETH.state", m);
	ask("STATE upbit.KRW-ETH.state", &reply);
	cr_assert_eq(reply.n_answers, 6);
	cr_expect(bc_str_is(reply.answers[1], "live"));
	cr_expect(bc_str_is(reply.answers[3], ""), "no time that could be");
}

DESK_TEST(match_and_list_are_sorted)
{
	struct bc_rpc_reply reply;
	fill();
	ask("LIST upbit.KRW", &reply);
	cr_assert_eq(reply.n_answers, 3);
	cr_expect(bc_str_is(reply.answers[0], "upbit.KRW-BTC.book"));
	cr_expect(bc_str_is(reply.answers[2], "upbit.KRW-ETH.state"));
	ask("MATCH upbit.KRW-BTC", &reply);
	cr_assert_eq(reply.n_answers, 12);
	cr_expect(bc_str_is(reply.answers[0], "upbit.KRW-BTC.book"));
	cr_expect(bc_str_is(reply.answers[1], "200"));
	cr_expect(bc_str_is(reply.answers[6], "upbit.KRW-BTC.state"));
	ask("MATCH x", &reply);
	cr_expect_eq(reply.status, 200);
	cr_expect_eq(reply.n_answers, 0);
	ask("RESOLVE upbit KRW-ETH NO", &reply);
	cr_assert_eq(reply.n_answers, 4);
	cr_expect(bc_str_is(reply.answers[0], "200"));
	cr_expect(bc_str_is(reply.answers[1], "KRW-ETH"));
	cr_expect(bc_str_is(reply.answers[2], "404"));
}

#define UNKNOWN_VERB                                                                              \
	"unknown verb: GET LATEST MATCH STATE LIST RESOLVE TRADES CANDLES GATEWAYS HEALTH STATS " \
	"LATENCY"

static const struct {
	const char *words, *reason;
} refused[] = {
	{ "GET", "usage: GET topic..." },
	{ "MATCH", "usage: MATCH prefix" },
	{ "MATCH a b", "usage: MATCH prefix" },
	{ "STATE", "usage: STATE topic..." },
	{ "LIST", "usage: LIST prefix" },
	{ "RESOLVE upbit", "usage: RESOLVE exchange name..." },
	{ "GATEWAYS now", "usage: GATEWAYS" },
	{ "TRADES upbit.KRW-BTC.trade", "usage: TRADES topic n" },
	{ "TRADES upbit.KRW-BTC.trade 0", "n must be a number from 1 to 10000" },
	{ "TRADES upbit.KRW-BTC.trade 10001", "n must be a number from 1 to 10000" },
	{ "TRADES upbit.KRW-BTC.trade 99999999999999999999999",
	  "n must be a number from 1 to 10000" },
	{ "TRADES upbit.KRW-BTC.trade -1", "n must be a number from 1 to 10000" },
	{ "TRADES upbit.KRW-BTC.book 5", "not a topic of trades: exchange.symbol.trade" },
	{ "TRADES upbit 5", "not a topic of trades: exchange.symbol.trade" },
	{ "CANDLES upbit.KRW-BTC.candle 5",
	  "not a topic of candles: exchange.symbol.candle-<interval>" },
	{ "CANDLES upbit.KRW-BTC.trade 5",
	  "not a topic of candles: exchange.symbol.candle-<interval>" },
	{ "CANDLES upbit.KRW-BTC.candle-1m 5", "no candles are kept here: cache.candles is 0" },
	{ "get upbit.KRW-BTC.book", UNKNOWN_VERB },
	{ "DROP", UNKNOWN_VERB },
	{ "\x01\xff\xfe", UNKNOWN_VERB },
};

DESK_TEST(what_cannot_be_answered_is_told_why)
{
	struct bc_rpc_reply reply;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		ask(refused[i].words, &reply);
		cr_expect_eq(reply.status, 400, "%s", refused[i].words);
		cr_assert_eq(reply.n_answers, 1);
		cr_expect(bc_str_is(reply.answers[0], refused[i].reason), "%s: %.*s",
			  refused[i].words, (int)reply.answers[0].n, reply.answers[0].p);
	}
	cr_expect_eq(cache_desk_about(desk)->bad_requests, sizeof refused / sizeof *refused);
}

static void take_trade(const char *topic, uint64_t seq, const char *id)
{
	struct bus_message b;
	struct bc_board_taken taken;
	struct bc_message m = { .envelope = bus_envelope(100, seq, BC_STATE_LIVE) };
	m.envelope.ts_exchange.ns = (int64_t)seq;
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	bus_message_encode(&b, topic, &m);
	cr_assert_eq(bc_board_take(board, b.topic, b.payload, now, &taken), BC_OK);
	cache_rings_take(rings, b.topic, b.payload, taken.message);
}

DESK_TEST(trades_are_the_newest_n_the_oldest_of_them_first)
{
	static const char *const standing[] = { "200",     "live",    "none", "1",
						"1000000", "1000000", NULL,   NULL };
	struct bc_rpc_reply reply;
	struct bc_message m;
	fill();
	for (uint64_t i = 1; i <= 3; i++)
		take_trade("upbit.KRW-BTC.trade", i, i == 1 ? "one" : i == 2 ? "two" : "three");
	now.ns += BC_NS_PER_MS;
	ask("TRADES upbit.KRW-BTC.trade 2", &reply);
	cr_expect_eq(reply.status, 200);
	cr_assert_eq(reply.n_answers, 8);
	expect_frames(&reply, standing, 8);
	cr_assert_eq(bc_message_decode(reply.answers[6], &m, NULL, 0), BC_OK);
	cr_expect(bc_str_is(m.body.trade.trade_id, "two"));
	cr_assert_eq(bc_message_decode(reply.answers[7], &m, NULL, 0), BC_OK);
	cr_expect(bc_str_is(m.body.trade.trade_id, "three"));
	ask("TRADES upbit.KRW-BTC.trade 10000", &reply);
	cr_expect_eq(reply.n_answers, 6 + 3);
	now.ns += 4 * BC_NS_PER_S; /* heartbeats are missed: the reader must see that it is old */
	ask("TRADES upbit.KRW-BTC.trade 1", &reply);
	cr_assert_eq(reply.n_answers, 6 + 1);
	cr_expect(bc_str_is(reply.answers[1], "stale"));
	cr_expect(bc_str_is(reply.answers[2], "gateway"));
	ask("TRADES upbit.KRW-ETH.trade 5", &reply);
	cr_assert_eq(reply.n_answers, 6);
	cr_expect(bc_str_is(reply.answers[0], "503"));
	ask("TRADES upbit.KRW-NO.trade 5", &reply);
	cr_assert_eq(reply.n_answers, 6);
	cr_expect(bc_str_is(reply.answers[0], "404"));
	cache_rings_forget(rings, BC_STR("upbit.KRW-BTC.trade"));
	ask("TRADES upbit.KRW-BTC.trade 5", &reply);
	cr_assert_eq(reply.n_answers, 6);
	cr_expect(bc_str_is(reply.answers[0], "503"), "no room, no data");
}

DESK_TEST(too_many_bytes_of_trades_are_refused)
{
	static char id[3900];
	struct bc_rpc_reply reply;
	/* larger ones than 16 MiB / 10000 */
	const struct cache_rings_limits history = { 10000, 0, 64 << 20 };
	cache_desk_free(&desk);
	cache_rings_free(&rings);
	rings = cache_rings_new(&history);
	desk = cache_desk_new(board, rings, NULL, server, &cache_limits, now);
	fill();
	for (uint64_t i = 1; i <= 4400; i++) {
		snprintf(id, sizeof id, "%03890u", (unsigned)i);
		take_trade("upbit.KRW-BTC.trade", i, id);
	}
	ask("TRADES upbit.KRW-BTC.trade 4400", &reply);
	cr_expect_eq(reply.status, 400);
	cr_expect(bc_str_is(reply.answers[0], "the answer would pass 16 MiB: ask for fewer"));
	ask("TRADES upbit.KRW-BTC.trade 4000", &reply);
	cr_expect_eq(reply.n_answers, 6 + 4000);
}

DESK_TEST(too_large_an_answer_is_refused)
{
	struct bc_rpc_reply reply;
	bc_level levels[2];
	for (int i = 0; i < 10001; i++) {
		char topic[32];
		snprintf(topic, sizeof topic, "x.S%05d.book", i);
		take(topic, bus_book(bus_envelope(100, 1, BC_STATE_LIVE), 1, levels));
	}
	ask("MATCH x.", &reply);
	cr_expect_eq(reply.status, 400);
	cr_expect(bc_str_is(reply.answers[0],
			    "more than 10000 topics begin so: give a longer prefix"));
	ask("LIST x.", &reply);
	cr_expect_eq(reply.status, 400);
	ask("LIST x.S0", &reply);
	cr_expect_eq(reply.n_answers, 10000);
	ask("MATCH x.S0", &reply);
	cr_expect_eq(reply.n_answers, 60000);
}

DESK_TEST(sixteen_mebibytes_are_the_limit)
{
	static char big[8000];
	static uint8_t bytes[9000];
	struct bc_rpc_reply reply;
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_LIVE);
	struct bc_message m = { .envelope = e };
	size_t len;
	memset(big, 'x', sizeof big);
	m.envelope.channel = BC_CHANNEL_TRADE;
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, { big, sizeof big } };
	cr_assert_eq(bc_message_encode(&m, bytes, sizeof bytes, &len), BC_OK);
	for (int i = 0; i < 2200; i++) {
		char topic[32];
		snprintf(topic, sizeof topic, "x.S%05d.trade", i);
		cr_assert_eq(bc_board_take(board, bc_str_of(topic), (bc_str){ (char *)bytes, len },
					   now, NULL),
			     BC_OK);
	}
	ask("MATCH x.", &reply);
	cr_expect_eq(reply.status, 400);
	cr_expect(
		bc_str_is(reply.answers[0], "the answer would pass 16 MiB: give a longer prefix"));
	ask("MATCH x.S00", &reply);
	cr_expect_eq(reply.n_answers, 6000);
}

/* The one frame of a report, parsed by another library. */
static json_t *ask_json(const char *verb)
{
	struct bc_rpc_reply reply;
	json_error_t error;
	ask(verb, &reply);
	cr_assert_eq(reply.status, 200);
	cr_assert_eq(reply.n_answers, 1);
	json_t *json =
		json_loadb(reply.answers[0].p, reply.answers[0].n, JSON_REJECT_DUPLICATES, &error);
	cr_assert(json != NULL, "%s: %s", verb, error.text);
	return json;
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text == NULL ? "" : text;
}

static json_int_t number_at(json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

DESK_TEST(gateways_tells_where_they_are_and_how)
{
	fill();
	now.ns += 412 * BC_NS_PER_MS;
	json_t *json = ask_json("GATEWAYS");
	json_t *all = json_object_get(json, "gateways"), *g = json_array_get(all, 0);
	cr_assert_eq(json_array_size(all), 1);
	cr_expect_str_eq(text_at(g, "exchange"), "upbit");
	cr_expect_str_eq(text_at(g, "instance"), "0");
	cr_expect_str_eq(text_at(g, "state"), "live");
	cr_expect_str_eq(text_at(g, "endpoint"), "tcp://10.0.0.1:5000");
	cr_expect_str_eq(text_at(g, "shard"), "0/1");
	cr_expect_eq(number_at(g, "epoch"), 100);
	cr_expect_eq(number_at(g, "heard_ns"), 412 * BC_NS_PER_MS);
	cr_expect_eq(number_at(g, "symbols"), 2);
	json_decref(json);
	now.ns += 4 * BC_NS_PER_S;
	json = ask_json("GATEWAYS");
	g = json_array_get(json_object_get(json, "gateways"), 0);
	cr_expect_str_eq(text_at(g, "state"), "stale");
	cr_expect_str_eq(text_at(g, "reason"), "gateway");
	json_decref(json);
}

DESK_TEST(health_counts_symbols_and_names_the_unfit)
{
	json_t *json = ask_json("HEALTH");
	cr_expect(json_is_false(json_object_get(json, "fit")), "nobody there is not healthy");
	json_decref(json);
	fill();
	json = ask_json("HEALTH");
	json_t *upbit = json_array_get(json_object_get(json, "exchanges"), 0);
	json_t *states = json_object_get(upbit, "states");
	json_t *unfit = json_object_get(upbit, "unfit");
	cr_expect(json_is_false(json_object_get(json, "fit")));
	cr_expect_eq(number_at(upbit, "symbols"), 2);
	cr_expect_eq(number_at(upbit, "gone"), 0);
	cr_expect_eq(number_at(states, "live"), 1);
	cr_expect_eq(number_at(states, "stale"), 1);
	cr_assert_eq(json_array_size(unfit), 1);
	cr_expect_str_eq(text_at(json_array_get(unfit, 0), "symbol"), "KRW-ETH");
	cr_expect_str_eq(text_at(json_array_get(unfit, 0), "reason"), "gap");
	json_decref(json);
	struct bc_message state = { .envelope = bus_envelope(100, 2, BC_STATE_QUIET) };
	take("upbit.KRW-ETH.state", state);
	json = ask_json("HEALTH");
	cr_expect(json_is_true(json_object_get(json, "fit")));
	json_decref(json);
	now.ns += 4 * BC_NS_PER_S;
	json = ask_json("HEALTH");
	upbit = json_array_get(json_object_get(json, "exchanges"), 0);
	unfit = json_object_get(upbit, "unfit");
	cr_expect(json_is_false(json_object_get(json, "fit")));
	cr_expect_eq(number_at(upbit, "gone"), 1);
	cr_assert_eq(json_array_size(unfit), 2);
	cr_expect_str_eq(text_at(json_array_get(unfit, 0), "reason"), "gateway");
	json_decref(json);
}

static bool healthy(double *gateways)
{
	json_t *json = ask_json("HEALTH");
	bool fit = json_is_true(json_object_get(json, "fit"));
	*gateways = (double)number_at(json_array_get(json_object_get(json, "exchanges"), 0),
				      "gateways");
	json_decref(json);
	return fit;
}

static void say_goodbye(const char *instance, uint64_t epoch)
{
	char topic[64];
	struct bc_envelope e = bus_envelope(epoch, 99, BC_STATE_DOWN);
	e.reason = BC_REASON_SHUTDOWN;
	snprintf(topic, sizeof topic, "upbit.@%s.heartbeat", instance);
	take(topic, bus_heartbeat(e, instance, 1, "ipc:///x"));
	struct bc_message state = { .envelope = e };
	take("upbit.KRW-BTC.state", state);
	take("upbit.KRW-ETH.state", state);
}

DESK_TEST(a_gateway_that_said_goodbye_is_not_missed_while_another_serves)
{
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("KRW-ETH") };
	uint8_t list[256];
	double gateways;
	fill();
	struct bc_envelope e = bus_envelope(200, 1, BC_STATE_LIVE);
	take("upbit.@b.heartbeat", bus_heartbeat(e, "b", 1, "ipc:///y"));
	take("upbit.@b.state", bus_symbols(e, 1, symbols, 2, list));
	struct bc_message state = { .envelope = e };
	take("upbit.KRW-BTC.state", state);
	take("upbit.KRW-ETH.state", state);
	cr_expect(healthy(&gateways));
	cr_expect_eq(gateways, 2);
	say_goodbye("0", 100);
	cr_expect(healthy(&gateways), "the other one serves all of it");
	cr_expect_eq(gateways, 1);
	say_goodbye("b", 200);
	cr_expect_not(healthy(&gateways));
	cr_expect_eq(gateways, 0);
}

/* Not fit although every symbol that is served is: the answer says what is missing. */
DESK_TEST(health_counts_the_shards_and_symbols_that_nobody_has)
{
	struct bc_envelope e = bus_envelope(100, 3, BC_STATE_LIVE);
	struct bc_message m = bus_heartbeat(e, "0", 1, "tcp://10.0.0.1:5000");
	fill();
	m.body.heartbeat.shard_count = 3;
	m.body.heartbeat.counters[0] = (struct bc_counter){ BC_STR("symbols_wanted"), 9 };
	m.body.heartbeat.n_counters = 1;
	take("upbit.@0.heartbeat", m);
	take("upbit.KRW-ETH.state", (struct bc_message){ .envelope = e });
	json_t *json = ask_json("HEALTH");
	json_t *upbit = json_array_get(json_object_get(json, "exchanges"), 0);
	cr_expect(json_is_false(json_object_get(json, "fit")));
	cr_expect_eq(json_array_size(json_object_get(upbit, "unfit")), 0);
	cr_expect_eq(number_at(upbit, "gone"), 0);
	cr_expect_eq(number_at(upbit, "missing"), 2);
	cr_expect_eq(number_at(upbit, "orphans"), 7);
	json_decref(json);
	json = ask_json("STATS");
	cr_expect_eq(number_at(json, "missing"), 2);
	cr_expect_eq(number_at(json, "orphans"), 7);
	json_decref(json);
}

/* With no symbols at all none is unfit; but a gateway that does not know them yet is not healthy.
 */
DESK_TEST(a_gateway_that_waits_for_the_exchanges_list_is_not_healthy)
{
	uint8_t list[256];
	double gateways;
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_CONNECTING);
	take("upbit.@0.heartbeat", bus_heartbeat(e, "0", 0, "tcp://10.0.0.1:5000"));
	take("upbit.@0.state", (struct bc_message){ .envelope = e });
	cr_expect_not(healthy(&gateways));
	json_t *json = ask_json("HEALTH");
	cr_expect_eq(number_at(json_array_get(json_object_get(json, "exchanges"), 0), "listing"),
		     1);
	json_decref(json);
	e = bus_envelope(100, 2, BC_STATE_LIVE); /* it serves none, and that is all */
	take("upbit.@0.state", bus_symbols(e, 1, NULL, 0, list));
	cr_expect(healthy(&gateways));
}

/* LATEST says in one frame what GET and STATE say in eleven. */
DESK_TEST(latest_is_get_and_state_in_one_frame)
{
	static const char *const topics[] = { "upbit.KRW-BTC.book",  "upbit.KRW-ETH.book",
					      "upbit.KRW-ETH.state", "upbit.KRW-XRP.book",
					      "upbit.@0.heartbeat",  "nonsense" };
	char words[64];
	struct bc_rpc_reply reply;
	fill();
	now.ns += 412;
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
		struct bc_board_answer want, got;
		bc_board_get(board, bc_str_of(topics[i]), now, &want);
		snprintf(words, sizeof words, "LATEST %s upbit.KRW-BTC.state", topics[i]);
		ask(words, &reply);
		cr_assert_eq(reply.status, 200);
		cr_assert_eq(reply.n_answers, 2);
		cr_assert_eq(bc_board_read_latest(reply.answers[0], &got), BC_OK, "%s", topics[i]);
		cr_expect_eq(got.status, want.status, "%s", topics[i]);
		cr_expect_eq(got.state, want.state, "%s", topics[i]);
		cr_expect_eq(got.reason, want.reason, "%s", topics[i]);
		cr_expect_eq(got.since.ns, want.since.ns, "%s", topics[i]);
		cr_expect_eq(got.age_ns, want.age_ns, "%s", topics[i]);
		cr_expect_eq(got.proven_ns, want.proven_ns, "%s", topics[i]);
		cr_expect(bc_str_equal(got.payload, want.payload), "%s", topics[i]);
	}
	cr_expect(bc_str_starts(reply.answers[0], BC_STR("404 down none  9223372036854775807 "
							 "9223372036854775807\n")));
}

/* The gateway's own hops are what its heartbeat said, the last one is measured here. */
DESK_TEST(latency_tells_each_hop_of_each_gateway)
{
	static char names[2][BC_HOP_FIELDS][BC_HOP_NAME_MAX];
	static const char *const hops[] = { BC_HOP_EXCHANGE_RECEIVE, BC_HOP_RECEIVE_PUBLISH };
	struct bc_envelope e = bus_envelope(100, 2, BC_STATE_LIVE);
	struct bc_message m = bus_heartbeat(e, "0", 1, "tcp://10.0.0.1:5000");
	for (int hop = 0; hop < 2; hop++)
		for (int i = 0; i < BC_HOP_FIELDS; i++) {
			snprintf(names[hop][i], BC_HOP_NAME_MAX, "%s_%s", hops[hop],
				 bc_hop_fields[i]);
			if (hop == 1 && i == 0)
				continue; /* a hop that is not told as a whole is not told */
			m.body.heartbeat.counters[m.body.heartbeat.n_counters++] =
				(struct bc_counter){ bc_str_of(names[hop][i]),
						     i == 2 ? UINT64_MAX : 1000 + (uint64_t)i };
		}
	fill();
	take("upbit.@0.heartbeat", m);
	struct bc_gateway *g = bc_gateways_at(bc_board_gateways(board), 0);
	for (int64_t ns = -1; ns < 10; ns++) {
		e.flags = ns == 9 ? BC_FLAG_WELCOME : 0;
		cache_delays_take(delays, g, &e, (bc_wall_time){ e.ts_publish.ns + 1000 * ns },
				  now);
	}
	now.ns += BC_NS_PER_S;
	cache_delays_turn(delays, bc_board_gateways(board), now);
	json_t *json = ask_json("LATENCY");
	json_t *one = json_array_get(json_object_get(json, "gateways"), 0);
	json_t *all = json_object_get(one, "hops");
	cr_assert_eq(json_array_size(json_object_get(json, "gateways")), 1);
	cr_expect_str_eq(text_at(one, "exchange"), "upbit");
	cr_expect_str_eq(text_at(one, "instance"), "0");
	cr_expect(json_is_false(json_object_get(one, "gone")));
	cr_assert_eq(json_array_size(all), 2);
	json_t *told = json_array_get(all, 0), *measured = json_array_get(all, 1);
	cr_expect_str_eq(text_at(told, "hop"), "exchange_receive");
	cr_expect_eq(number_at(told, "count"), 1000);
	cr_expect_eq(number_at(told, "p50_ns"), INT64_MAX, "what a gateway says may be anything");
	cr_expect_eq(number_at(told, "window_ns"), 1007);
	cr_expect_str_eq(text_at(measured, "hop"), "publish_receive");
	cr_expect_eq(number_at(measured, "count"), 9);
	cr_expect_eq(number_at(measured, "negative"), 1);
	cr_expect_eq(number_at(measured, "max_ns"), 8000);
	cr_expect_eq(number_at(measured, "window_ns"), BC_NS_PER_S);
	json_decref(json);
}

DESK_TEST(delays_of_gateways_that_are_gone_for_good_are_forgotten)
{
	struct bc_gateways *none = bc_gateways_new(4);
	struct bc_gateway g = { .exchange = "upbit" };
	struct bc_envelope e = bus_envelope(100, 2, BC_STATE_LIVE);
	struct bc_hop hop;
	for (unsigned turn = 0; turn < 3; turn++) {
		for (g.epoch = 1; g.epoch <= 300; g.epoch++)
			cache_delays_take(delays, &g, &e, e.ts_publish, now);
		for (g.epoch = 1; g.epoch <= 300; g.epoch++)
			cr_expect_eq(cache_delays_recent(delays, &g, now, &hop), g.epoch <= 256);
		cache_delays_turn(delays, none, now);
		g.epoch = 1;
		cr_expect_not(cache_delays_recent(delays, &g, now, &hop));
	}
	struct bc_tally all;
	bc_histogram_read(cache_delays_all(delays), &all);
	cr_expect_eq(all.count, 900);
	bc_gateways_free(&none);
}

DESK_TEST(stats_count_what_came)
{
	fill();
	take_trade("upbit.KRW-BTC.trade", 1, "one");
	take_trade("upbit.KRW-BTC.trade", 2, "one");
	bc_board_take(board, BC_STR("x"), BC_STR("y"), now, NULL);
	now.ns += BC_NS_PER_S;
	json_t *json = ask_json("STATS");
	cr_expect_eq(number_at(json, "messages"), 8);
	cr_expect_eq(number_at(json, "bad"), 1);
	cr_expect_eq(number_at(json, "topics"), 6);
	cr_expect_eq(number_at(json, "gateways"), 1);
	cr_expect_eq(number_at(json, "requests"), 1);
	cr_expect_eq(number_at(json, "max_topics"), 20000);
	cr_expect_eq(number_at(json, "histories"), 1);
	cr_expect_eq(number_at(json, "history_kept"), 1);
	cr_expect_eq(number_at(json, "history_known"), 1);
	cr_expect_eq(number_at(json, "uptime_ns"), BC_NS_PER_S);
	json_decref(json);
}
