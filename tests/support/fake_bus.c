#include "tests/support/fake_bus.h"

#include "common/board_frames.h"
#include "common/bus_rpc.h"
#include "common/bus_socket.h"
#include "common/text.h"
#include "proto/codec.h"
#include "proto/topic.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EPOCH        UINT64_C(1795231800000000)
#define AT(ms)                                                   \
	{                                                        \
		INT64_C(1795231800000000000) + (ms)*BC_NS_PER_MS \
	}
#define NEVER   INT64_MAX
#define D(text) decimal(text)

static bc_decimal decimal(const char *text)
{
	bc_decimal d = BC_DECIMAL_NONE;
	if (bc_decimal_parse(text, strlen(text), &d) != BC_OK)
		abort();
	return d;
}

/* ------------------------------------------------------------------ messages */

struct levels {
	bc_level bids[20], asks[20];
	uint32_t n_bids, n_asks;
};

/* "price quantity price quantity ..." best first. */
static uint32_t read_levels(const char *text, bc_level *out)
{
	char copy[512];
	uint32_t n = 0;
	snprintf(copy, sizeof copy, "%s", text);
	char *save = NULL, *price = strtok_r(copy, " ", &save), *quantity;
	for (; price != NULL && (quantity = strtok_r(NULL, " ", &save)) != NULL; n++) {
		out[n] = (bc_level){ D(price), D(quantity) };
		price = strtok_r(NULL, " ", &save);
	}
	return n;
}

static struct bc_message message(enum bc_channel channel, uint64_t seq, enum bc_state state,
				 enum bc_reason reason)
{
	return (struct bc_message){ .envelope = { .channel = channel,
						  .epoch = EPOCH,
						  .seq = seq,
						  .exchange_seq = BC_SEQ_NONE,
						  .ts_exchange = AT(1000),
						  .ts_recv = AT(1010),
						  .ts_publish = AT(1011),
						  .state = state,
						  .reason = reason,
						  .since = AT(500) } };
}

static size_t encode_book(uint8_t *out, size_t cap, uint64_t seq, enum bc_state state,
			  enum bc_reason reason, const char *bids, const char *asks)
{
	struct levels l;
	struct bc_message m = message(BC_CHANNEL_BOOK, seq, state, reason);
	size_t n = 0;
	l.n_bids = read_levels(bids, l.bids);
	l.n_asks = read_levels(asks, l.asks);
	m.body.book = (struct bc_book){ l.bids, l.asks, l.n_bids, l.n_asks };
	if (state == BC_STATE_LIVE)
		m.envelope.exchange_seq = 17636976012340000;
	if (bc_message_encode(&m, out, cap, &n) != BC_OK)
		abort();
	return n;
}

static size_t encode_other(uint8_t *out, size_t cap, enum bc_channel channel, uint64_t seq,
			   enum bc_state state, enum bc_reason reason)
{
	struct bc_message m = message(channel, seq, state, reason);
	size_t n = 0;
	if (channel == BC_CHANNEL_TRADE)
		m.body.trade = (struct bc_trade){ D("137264000"), D("0.00125"), BC_SIDE_SELL,
						  BC_STR("17636976012340001") };
	if (channel == BC_CHANNEL_TICKER)
		m.body.ticker =
			(struct bc_ticker){ D("137264000"), D("138000000"),     D("138562000"),
					    D("136100000"), D("2319.45678912"), BC_DECIMAL_NONE,
					    D("-736000") };
	if (channel == BC_CHANNEL_CANDLE)
		m.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
						    .ts_open = AT(-60000),
						    .open = D("137261000"),
						    .high = D("137270000"),
						    .low = D("137260000"),
						    .close = D("137264000"),
						    .volume = D("0.412"),
						    .quote_volume = D("56552710"),
						    .closed = BC_CLOSED_UNKNOWN };
	if (channel == BC_CHANNEL_INSTRUMENT)
		m.body.instrument = (struct bc_instrument){ BC_STR("BTC"),     BC_STR("KRW"),
							    BC_STR("BTC/KRW"), BC_KIND_SPOT,
							    D("1000"),         BC_DECIMAL_NONE,
							    BC_DECIMAL_NONE,   BC_LISTING_TRADING };
	if (channel == BC_CHANNEL_STATE)
		m.body.state.previous = BC_STATE_LIVE;
	if (channel == BC_CHANNEL_HEARTBEAT)
		m.body.heartbeat = (struct bc_heartbeat){ .instance = BC_STR("0"),
							  .version = BC_STR("0.1.0"),
							  .shard_count = 1,
							  .pid = 4711,
							  .started = AT(0),
							  .interval_ns = 50 * BC_NS_PER_MS };
	if (bc_message_encode(&m, out, cap, &n) != BC_OK)
		abort();
	return n;
}

/* ------------------------------------------------------------------ what the cache holds */

#define BIDS "137263000 0.2539 137262000 0.00000076 137260000 12"
#define ASKS "137264000 0.1 137265000 0.00030125 137270000 3.5 137271000 0.25"

/* Sorted by topic, as the cache answers a MATCH. */
static const struct held {
	const char *topic;
	int status;
	enum bc_state state; /* now */
	int64_t age_ns, proven_ns;
	enum bc_channel channel;
	enum bc_state said; /* in the payload */
	enum bc_reason reason;
	const char *bids, *asks;
} held[] = {
	{ "upbit.@0.heartbeat", 200, BC_STATE_LIVE, 5, 5, BC_CHANNEL_HEARTBEAT, BC_STATE_LIVE, 0, 0,
	  0 },
	{ "upbit.BTC-XRP.book", 200, BC_STATE_QUIET, 12345678901, 400 * BC_NS_PER_MS,
	  BC_CHANNEL_BOOK, BC_STATE_QUIET, 0, "0.00001514 5000.5",
	  "0.00001515 100000000 0.0000152 7.25" },
	{ "upbit.KRW-BTC.book", 200, BC_STATE_LIVE, 120 * BC_NS_PER_MS, 412 * BC_NS_PER_MS,
	  BC_CHANNEL_BOOK, BC_STATE_LIVE, 0, BIDS, ASKS },
	{ "upbit.KRW-BTC.candle-1m", 200, BC_STATE_LIVE, 1, 2, BC_CHANNEL_CANDLE, BC_STATE_LIVE, 0,
	  0, 0 },
	{ "upbit.KRW-BTC.instrument", 200, BC_STATE_LIVE, 1, 2, BC_CHANNEL_INSTRUMENT,
	  BC_STATE_LIVE, 0, 0, 0 },
	{ "upbit.KRW-BTC.state", 200, BC_STATE_LIVE, 1, 2, BC_CHANNEL_STATE, BC_STATE_LIVE, 0, 0,
	  0 },
	{ "upbit.KRW-BTC.ticker", 200, BC_STATE_LIVE, 3 * BC_NS_PER_S, 500 * BC_NS_PER_MS,
	  BC_CHANNEL_TICKER, BC_STATE_LIVE, 0, 0, 0 },
	{ "upbit.KRW-BTC.trade", 200, BC_STATE_LIVE, 61 * BC_NS_PER_S, 500 * BC_NS_PER_MS,
	  BC_CHANNEL_TRADE, BC_STATE_LIVE, 0, 0, 0 },
	{ "upbit.KRW-ETH.book", 200, BC_STATE_STALE, 9 * BC_NS_PER_S, 8 * BC_NS_PER_S,
	  BC_CHANNEL_BOOK, BC_STATE_LIVE, 0, "5000000 1", "5001000 2" },
	{ "upbit.KRW-ETH.state", 200, BC_STATE_STALE, 1, 2, BC_CHANNEL_STATE, BC_STATE_STALE,
	  BC_REASON_GAP, 0, 0 },
	{ "upbit.KRW-OLD.book", 200, BC_STATE_LIVE, NEVER, NEVER, BC_CHANNEL_BOOK, BC_STATE_LIVE, 0,
	  "1 1", "2 1" },
	{ "upbit.KRW-POLL.book", 200, BC_STATE_REST, BC_NS_PER_S, BC_NS_PER_S, BC_CHANNEL_BOOK,
	  BC_STATE_REST, BC_REASON_DISCONNECTED, "1 1", "2 1" },
	{ "upbit.KRW-WAIT.book", 503, BC_STATE_CONNECTING, NEVER, NEVER, BC_CHANNEL_BOOK, 0, 0, 0,
	  0 },
	{ "upbit.KRW-XRP.book", 200, BC_STATE_STALE, BC_NS_PER_S, BC_NS_PER_S, BC_CHANNEL_BOOK,
	  BC_STATE_STALE, BC_REASON_NO_DATA, "800 1.5", "" },
	{ "upbit.KRW-\xea\xb0\x80.book", 200, BC_STATE_LIVE, 1000, 1000, BC_CHANNEL_BOOK,
	  BC_STATE_LIVE, 0, "10 1", "11 22" },
	{ "upbit.MAD-BAD.book", 200, BC_STATE_LIVE, 1, 1, BC_CHANNEL_DELTA, BC_STATE_LIVE, 0, 0,
	  0 },
};

/* Those that are as they are for another reason than their message says. */
static const struct {
	const char *topic;
	enum bc_reason reason;
} reasons[] = {
	{ "upbit.KRW-ETH.book", BC_REASON_GAP },
	{ "upbit.KRW-XRP.book", BC_REASON_GATEWAY },
};

static enum bc_reason reason_of(const struct held *h, bc_str topic)
{
	for (size_t i = 0; i < COUNT(reasons); i++)
		if (bc_str_is(topic, reasons[i].topic))
			return reasons[i].reason;
	return h->reason;
}

static size_t payload_of(const struct held *h, uint8_t *out, size_t cap)
{
	if (h->status != 200)
		return 0;
	if (h->channel == BC_CHANNEL_DELTA) { /* stands for bytes nobody can read */
		memset(out, 0xc1, 7);         /* which begins nothing in msgpack */
		return 7;
	}
	return h->bids != NULL ? encode_book(out, cap, 17, h->said, h->reason, h->bids, h->asks)
			       : encode_other(out, cap, h->channel, 4, h->said, h->reason);
}

/* The i-th of three trades or candles; the second trade came by REST. */
static size_t encode_event(uint8_t *out, size_t cap, enum bc_channel channel, int i)
{
	static const char *const prices[] = { "137260000", "137262500.5", "137264000" };
	static const char *const ids[] = { "17636976012330001", "17636976012330002",
					   "17636976012340001" };
	struct bc_message m = message(channel, 4 + (uint64_t)i, BC_STATE_LIVE, 0);
	size_t n = 0;
	m.envelope.ts_exchange.ns += (i - 2) * 60 * BC_NS_PER_S;
	m.envelope.flags = i == 1 ? BC_FLAG_SNAPSHOT | BC_FLAG_REST : 0;
	if (channel == BC_CHANNEL_TRADE)
		m.body.trade =
			(struct bc_trade){ D(prices[i]), D("0.00125"),
					   i == 1 ? BC_SIDE_BUY : BC_SIDE_SELL, bc_str_of(ids[i]) };
	else
		m.body.candle =
			(struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = AT((i - 2) * 60000),
					    .open = D(prices[0]),
					    .high = D(prices[2]),
					    .low = D(prices[0]),
					    .close = D(prices[i]),
					    .volume = D("0.412"),
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = i < 2 ? BC_CLOSED_YES : BC_CLOSED_UNKNOWN };
	if (bc_message_encode(&m, out, cap, &n) != BC_OK)
		abort();
	return n;
}

static void put_five(struct bc_rpc_server *s, const struct held *h)
{
	uint8_t payload[4096];
	bc_rpc_reply_number(s, h->status);
	bc_rpc_reply_frame(s, bc_str_of(bc_state_word(h->state)));
	bc_rpc_reply_number(s, h->age_ns);
	bc_rpc_reply_number(s, h->proven_ns);
	bc_rpc_reply_frame(s, (bc_str){ (char *)payload, payload_of(h, payload, sizeof payload) });
}

static const struct held *find(bc_str topic)
{
	static const struct held none = {
		.status = 404, .state = BC_STATE_DOWN, .age_ns = NEVER, .proven_ns = NEVER
	};
	for (size_t k = 0; k < COUNT(held); k++)
		if (bc_str_is(topic, held[k].topic))
			return &held[k];
	return &none;
}

static void answer_get(struct bc_rpc_server *s, const struct bc_rpc_request *q)
{
	bc_rpc_reply_begin(s, 200);
	for (size_t i = 0; i < q->n_args; i++)
		put_five(s, find(q->args[i]));
	bc_rpc_reply_end(s);
}

static bc_wall_time since_of(const struct held *h, enum bc_reason reason)
{
	const bc_wall_time since = AT(500), nobody_said = { BC_TIME_UNKNOWN };
	return h->status == 200 && reason != BC_REASON_GATEWAY ? since : nobody_said;
}

static void answer_latest(struct bc_rpc_server *s, const struct bc_rpc_request *q)
{
	bc_rpc_reply_begin(s, 200);
	for (size_t i = 0; i < q->n_args; i++) {
		const struct held *h = find(q->args[i]);
		const enum bc_reason reason = reason_of(h, q->args[i]);
		struct bc_board_answer a = { .status = (enum bc_board_status)h->status,
					     .state = h->state,
					     .reason = reason,
					     .since = since_of(h, reason),
					     .age_ns = h->age_ns,
					     .proven_ns = h->proven_ns };
		uint8_t payload[4096];
		char head[BC_LATEST_HEAD_MAX];
		const bc_str line = { head, bc_board_write_latest(&a, head) };
		bc_rpc_reply_joined(s, line,
				    (bc_str){ (char *)payload,
					      payload_of(h, payload, sizeof payload) });
	}
	bc_rpc_reply_end(s);
}

static void answer_state(struct bc_rpc_server *s, const struct bc_rpc_request *q)
{
	bc_rpc_reply_begin(s, 200);
	for (size_t i = 0; i < q->n_args; i++) {
		const struct held *h = find(q->args[i]);
		const enum bc_reason reason = reason_of(h, q->args[i]);
		const bc_wall_time since = since_of(h, reason);
		bc_rpc_reply_number(s, h->status);
		bc_rpc_reply_frame(s, bc_str_of(bc_state_word(h->state)));
		bc_rpc_reply_frame(s, bc_str_of(bc_reason_word(reason)));
		if (bc_wall_known(since))
			bc_rpc_reply_number(s, since.ns);
		else
			bc_rpc_reply_frame(s, BC_STR(""));
		bc_rpc_reply_number(s, h->age_ns);
		bc_rpc_reply_number(s, h->proven_ns);
	}
	bc_rpc_reply_end(s);
}

/* Three events of KRW-BTC; the trades of KRW-XRP are of a gateway that is gone, those of MAD-BAD
 * are none. */
static void answer_history(struct bc_rpc_server *s, const struct bc_rpc_request *q)
{
	bool trades = bc_str_is(q->verb, "TRADES");
	bool mad = bc_str_is(q->args[0], "upbit.MAD-BAD.trade");
	bool gone = bc_str_is(q->args[0], "upbit.KRW-XRP.trade");
	bool held_here = mad || gone || bc_str_is(q->args[0], "upbit.KRW-BTC.trade") ||
			 bc_str_is(q->args[0], "upbit.KRW-BTC.candle-1m");
	bool known = bc_str_starts(q->args[0], BC_STR("upbit.KRW-BTC."));
	const bc_wall_time since = AT(500);
	int64_t n = q->args[1].p[0] - '0';
	uint8_t payload[4096];
	if (q->args[1].n > 1 || n > 3)
		n = 3;
	bc_rpc_reply_begin(s, 200);
	bc_rpc_reply_number(s, held_here ? 200 : known ? 503 : 404);
	bc_rpc_reply_frame(s, bc_str_of(gone ? "stale" : held_here || known ? "live" : "down"));
	bc_rpc_reply_frame(s, bc_str_of(gone ? "gateway" : "none"));
	if (gone || !held_here)
		bc_rpc_reply_frame(s, BC_STR(""));
	else
		bc_rpc_reply_number(s, since.ns);
	bc_rpc_reply_number(s, held_here ? 61 * BC_NS_PER_S : NEVER);
	bc_rpc_reply_number(s, gone ? 9 * BC_NS_PER_S : held_here ? 500 * BC_NS_PER_MS : NEVER);
	for (int64_t i = 3 - n; held_here && i < 3; i++) {
		enum bc_channel channel = trades && !mad ? BC_CHANNEL_TRADE : BC_CHANNEL_CANDLE;
		size_t len = encode_event(payload, sizeof payload, channel, (int)i);
		bc_rpc_reply_frame(s, (bc_str){ (char *)payload, len });
	}
	bc_rpc_reply_end(s);
}

static void answer_prefix(struct bc_rpc_server *s, const struct bc_rpc_request *q, bool five)
{
	bc_rpc_reply_begin(s, 200);
	for (size_t k = 0; k < COUNT(held); k++)
		if (bc_str_starts(bc_str_of(held[k].topic), q->args[0])) {
			bc_rpc_reply_frame(s, bc_str_of(held[k].topic));
			if (five)
				put_five(s, &held[k]);
		}
	bc_rpc_reply_end(s);
}

static void answer_resolve(struct bc_rpc_server *s, const struct bc_rpc_request *q)
{
	bool known = bc_str_is(q->args[0], "upbit") && bc_str_is(q->args[1], "BTC/KRW");
	bc_rpc_reply_begin(s, 200);
	bc_rpc_reply_number(s, known ? 200 : 404);
	bc_rpc_reply_frame(s, known ? BC_STR("KRW-BTC") : BC_STR(""));
	bc_rpc_reply_end(s);
}

static const char gateways[] =
	"{\"gateways\":[{\"exchange\":\"upbit\",\"instance\":\"0\",\"epoch\":1795231800000000,"
	"\"state\":\"live\",\"reason\":\"none\",\"since\":1795231800500000000,\"heard_ns\":"
	"412000000,"
	"\"interval_ns\":1000000000,\"shard\":\"0/1\",\"pid\":4711,\"version\":\"0.1.0\","
	"\"started\":null,\"endpoint\":\"ipc://%s/upbit.0.pub\",\"endpoints\":[],\"symbols\":20,"
	"\"symbols_version\":1,\"counters\":{}},"
	"{\"exchange\":\"binance-spot\",\"instance\":\"a\",\"epoch\":2,\"state\":\"stale\","
	"\"reason\":\"gateway\",\"since\":null,\"heard_ns\":61000000000,\"interval_ns\":1000000000,"
	"\"shard\":null,\"pid\":null,\"version\":null,\"started\":null,\"endpoint\":null,"
	"\"endpoints\":[],\"symbols\":0,\"symbols_version\":0,\"counters\":{}}]}";

static const char health[] =
	"{\"uptime_ns\":60000000000,\"topics\":100,\"exchanges\":[{\"exchange\":\"upbit\","
	"\"gateways\":1,\"gone\":0,\"missing\":1,\"orphans\":12,\"listing\":0,\"symbols\":20,"
	"\"states\":{\"connecting\":0,\"syncing\":0,"
	"\"live\":18,\"quiet\":1,\"rest\":0,\"stale\":1,\"halted\":0,\"down\":0},\"unfit\":["
	"{\"symbol\":\"KRW-ETH\",\"state\":\"stale\",\"reason\":\"gap\","
	"\"since\":1795231800500000000}]}],\"fit\":false}";

static const char latency[] =
	"{\"gateways\":[{\"exchange\":\"upbit\",\"instance\":\"0\",\"gone\":false,\"heard_ns\":"
	"412000000,\"hops\":["
	"{\"hop\":\"exchange_receive\",\"count\":1500,\"negative\":3,\"p50_ns\":4259840,"
	"\"p90_ns\":5111808,\"p99_ns\":8388608,\"p999_ns\":20971520,\"max_ns\":21000123,"
	"\"window_ns\":59000000000},"
	"{\"hop\":\"receive_publish\",\"count\":1710,\"negative\":0,\"p50_ns\":1056,"
	"\"p90_ns\":2048,\"p99_ns\":15872,\"p999_ns\":1015808,\"max_ns\":1016000,"
	"\"window_ns\":59000000000},"
	"{\"hop\":\"publish_receive\",\"count\":1769,\"negative\":0,\"p50_ns\":43008,"
	"\"p90_ns\":53248,\"p99_ns\":77824,\"p999_ns\":3997696,\"max_ns\":4000000,"
	"\"window_ns\":58500000000}]},"
	"{\"exchange\":\"upbit\",\"instance\":\"b\",\"gone\":true,\"heard_ns\":7200000000000,"
	"\"hops\":[{\"hop\":\"receive_publish\",\"count\":0,\"negative\":0,\"p50_ns\":0,"
	"\"p90_ns\":0,\"p99_ns\":0,\"p999_ns\":0,\"max_ns\":0,\"window_ns\":12000000000}]},"
	"{\"exchange\":\"upbit-global\",\"instance\":\"0\",\"gone\":false,\"heard_ns\":1,"
	"\"hops\":[]}]}";

static void answer(struct bc_rpc_server *s, const struct bc_rpc_request *q, const char *dir)
{
	char text[2048];
	if (bc_str_is(q->verb, "GET"))
		answer_get(s, q);
	else if (bc_str_is(q->verb, "LATEST"))
		answer_latest(s, q);
	else if (bc_str_is(q->verb, "STATE"))
		answer_state(s, q);
	else if (bc_str_is(q->verb, "TRADES") || bc_str_is(q->verb, "CANDLES"))
		answer_history(s, q);
	else if (bc_str_is(q->verb, "MATCH") && bc_str_is(q->args[0], "refuse."))
		bc_rpc_reply(s, 400, BC_STR("more than 10000 topics; a longer prefix helps"));
	else if (bc_str_is(q->verb, "MATCH"))
		answer_prefix(s, q, true);
	else if (bc_str_is(q->verb, "LIST"))
		answer_prefix(s, q, false);
	else if (bc_str_is(q->verb, "RESOLVE"))
		answer_resolve(s, q);
	else if (bc_str_is(q->verb, "GATEWAYS")) {
		snprintf(text, sizeof text, gateways, dir);
		bc_rpc_reply(s, 200, bc_str_of(text));
	} else if (bc_str_is(q->verb, "HEALTH"))
		bc_rpc_reply(s, 200, bc_str_of(health));
	else if (bc_str_is(q->verb, "LATENCY"))
		bc_rpc_reply(s, 200, bc_str_of(latency));
	else
		bc_rpc_reply(s, 400, BC_STR("unknown verb"));
}

/* ------------------------------------------------------------------ what the gateway sends */

static void publish(void *pub, const char *topic, const uint8_t *payload, size_t n)
{
	uint8_t frame[4096];
	size_t n_topic = strlen(topic) + 1;
	memcpy(frame, topic, n_topic);
	memcpy(frame + n_topic, payload, n);
	zmq_send(pub, frame, n_topic + n, 0);
}

static void publish_all(void *pub)
{
	static const struct {
		const char *topic;
		enum bc_channel channel;
		uint64_t seq;
		enum bc_state state;
		enum bc_reason reason;
	} sent[] = {
		{ "upbit.@0.heartbeat", BC_CHANNEL_HEARTBEAT, 1, BC_STATE_LIVE, 0 },
		{ "upbit.KRW-BTC.book", BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, 0 },
		{ "upbit.KRW-BTC.book", BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, 0 }, /* a duplicate */
		{ "upbit.KRW-BTC.trade", BC_CHANNEL_TRADE, 7, BC_STATE_LIVE, 0 },
		{ "upbit.KRW-BTC.book", BC_CHANNEL_BOOK, 5, BC_STATE_LIVE,
		  0 }, /* 2 to 4 are lost */
		{ "upbit.KRW-ETH.state", BC_CHANNEL_STATE, 2, BC_STATE_STALE, BC_REASON_GAP },
		{ "upbit.KRW-BTC.ticker", BC_CHANNEL_TICKER, 3, BC_STATE_LIVE, 0 },
		{ "upbit.KRW-BTC.candle-1m", BC_CHANNEL_CANDLE, 3, BC_STATE_LIVE, 0 },
		{ "upbit.KRW-BTC.instrument", BC_CHANNEL_INSTRUMENT, 3, BC_STATE_LIVE, 0 },
	};
	uint8_t payload[4096];
	for (size_t i = 0; i < COUNT(sent); i++) {
		size_t n = sent[i].channel == BC_CHANNEL_BOOK
				   ? encode_book(payload, sizeof payload, sent[i].seq,
						 sent[i].state, sent[i].reason, BIDS, ASKS)
				   : encode_other(payload, sizeof payload, sent[i].channel,
						  sent[i].seq, sent[i].state, sent[i].reason);
		publish(pub, sent[i].topic, payload, n);
	}
}

/* Everything is sent when the heartbeats have been subscribed, which a watcher does last. */
static void welcome(void *pub)
{
	char what[256];
	int n;
	while ((n = zmq_recv(pub, what, sizeof what, ZMQ_DONTWAIT)) > 0)
		if (what[0] == 1 && n >= 3 && memcmp(what + n - 2, ".@", 2) == 0)
			publish_all(pub);
}

/* ------------------------------------------------------------------ the process */

static void serve(const char *dir, int ready)
{
	void *context = bc_bus_context_new(), *pub = zmq_socket(context, ZMQ_XPUB);
	struct bc_rpc_server *server = NULL;
	char endpoint[BC_ENDPOINT_MAX], real[BC_ENDPOINT_MAX];
	int verbose = 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	zmq_setsockopt(pub, ZMQ_XPUB_VERBOSE, &verbose, sizeof verbose);
	snprintf(endpoint, sizeof endpoint, "ipc://%s/upbit.0.pub", dir);
	if (zmq_bind(pub, endpoint) != 0 || bc_rpc_server_new(&server) != BC_OK)
		_exit(1);
	snprintf(endpoint, sizeof endpoint, "ipc://%s/cache.rpc", dir);
	if (bc_rpc_server_bind(server, endpoint, 0600, real) != BC_OK || write(ready, "x", 1) != 1)
		_exit(1);
	for (;;) {
		struct bc_rpc_request q;
		zmq_pollitem_t items[] = {
			{ .fd = bc_rpc_server_fd(server), .events = ZMQ_POLLIN },
			{ .socket = pub, .events = ZMQ_POLLIN },
		};
		zmq_poll(items, 2, -1);
		while (bc_rpc_receive(server, &q) == BC_OK)
			answer(server, &q, dir);
		welcome(pub);
	}
}

void fake_bus_start(struct fake_bus *bus)
{
	int p[2];
	char byte;
	strcpy(bus->dir, "/tmp/bc-fake-bus-XXXXXX");
	if (mkdtemp(bus->dir) == NULL || pipe(p) != 0)
		abort();
	fflush(NULL);
	bus->pid = fork();
	if (bus->pid == 0)
		serve(bus->dir, p[1]);
	close(p[1]);
	if (read(p[0], &byte, 1) != 1)
		abort();
	close(p[0]);
}

void fake_bus_stop(struct fake_bus *bus)
{
	char command[128];
	kill(bus->pid, SIGKILL);
	waitpid(bus->pid, NULL, 0);
	snprintf(command, sizeof command, "rm -rf %s", bus->dir);
	if (system(command) != 0)
		abort();
}
