/* sample_messages.h - one message or more of every channel, the odd ones included. They are the
 * golden vectors in proto/vectors, the round trips and what the JSON tests print. */
#ifndef TESTS_SAMPLE_MESSAGES_H
#define TESTS_SAMPLE_MESSAGES_H

#include "proto/codec.h"
#include "proto/topic.h"

#include <string.h>

#define SAMPLES_MAX 32
#define DEC(m, e)   ((bc_decimal){ INT64_C(m), (e) })
#define LEVEL(price, quantity)  \
	{                       \
		price, quantity \
	}

struct sample {
	const char *name; /* of its vector; begins with the channel */
	bc_str exchange, symbol;
	struct bc_message message;
};

struct samples {
	struct sample of[SAMPLES_MAX];
	size_t n;
	uint8_t list_bytes[256];
};

static inline struct bc_message *samples_add(struct samples *s, const char *name, bc_str symbol,
					     enum bc_channel channel)
{
	struct sample *sample = &s->of[s->n++];
	*sample = (struct sample){ name, BC_STR("upbit"), symbol, { .envelope = { .seq = s->n } } };
	struct bc_envelope *e = &sample->message.envelope;
	e->channel = channel;
	e->epoch = UINT64_C(1763697000123456);
	e->exchange_seq = BC_SEQ_NONE;
	e->ts_exchange = (bc_wall_time){ INT64_C(1763697601234000000) };
	e->ts_recv = (bc_wall_time){ INT64_C(1763697601250123456) };
	e->ts_publish = (bc_wall_time){ INT64_C(1763697601250125678) };
	e->state = BC_STATE_LIVE;
	e->since = (bc_wall_time){ INT64_C(1763697000500000000) };
	return &sample->message;
}

static inline void samples_books(struct samples *s)
{
	static const bc_level bids[] = {
		LEVEL(DEC(137263, 3), DEC(2539, -4)),
		LEVEL(DEC(137262, 3), DEC(76, -8)),
		LEVEL(DEC(13726, 4), DEC(12, 0)),
	};
	static const bc_level asks[] = {
		LEVEL(DEC(137264, 3), DEC(1, -1)),
		LEVEL(DEC(137265, 3), DEC(30125, -8)),
	};
	static const bc_level odd_bids[] = {
		LEVEL(DEC(5, 3), DEC(9223372036854775807, 0)),
		LEVEL(DEC(1234567, -6), DEC(123456789, -8)),
		LEVEL(DEC(9223372036854775807, -2), DEC(0, 0)),
	};
	static const bc_level not_normal[] = { LEVEL(DEC(1500, -3), DEC(250000000, -8)) };

	struct bc_message *m = samples_add(s, "book-plain", BC_STR("KRW-BTC"), BC_CHANNEL_BOOK);
	m->envelope.exchange_seq = UINT64_C(17636976012340000);
	m->body.book = (struct bc_book){ bids, asks, 3, 2 };

	m = samples_add(s, "book-pairs", BC_STR("KRW-BTT"), BC_CHANNEL_BOOK);
	m->envelope.flags = BC_FLAG_WELCOME | BC_FLAG_EDGE | BC_FLAG_LOCKED;
	m->body.book = (struct bc_book){ odd_bids, asks, 3, 0 };

	m = samples_add(s, "book-empty", BC_STR("KRW-\xea\xb0\x80.X"), BC_CHANNEL_BOOK);
	m->envelope.state = BC_STATE_STALE;
	m->envelope.reason = BC_REASON_NO_DATA;
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->envelope.flags = BC_FLAG_STATE;
	m->body.book = (struct bc_book){ bids, asks, 0, 0 };

	m = samples_add(s, "bbo-plain", BC_STR("KRW-BTC"), BC_CHANNEL_BBO);
	m->body.book = (struct bc_book){ bids, asks, 1, 1 };

	m = samples_add(s, "bbo-one-side", BC_STR("1000SATSUSDT"), BC_CHANNEL_BBO);
	m->body.book = (struct bc_book){ bids, not_normal, 0, 1 };
}

static inline void samples_trades(struct samples *s)
{
	struct bc_message *m = samples_add(s, "trade-plain", BC_STR("KRW-BTC"), BC_CHANNEL_TRADE);
	m->envelope.exchange_seq = UINT64_C(17636976012340001);
	m->body.trade = (struct bc_trade){ DEC(137264, 3), DEC(125, -5), BC_SIDE_BUY,
					   BC_STR("17636976012340001") };

	m = samples_add(s, "trade-small", BC_STR("BTC-XRP"), BC_CHANNEL_TRADE);
	m->envelope.flags = BC_FLAG_CLOCK | BC_FLAG_REST | BC_FLAG_SNAPSHOT | BC_FLAG_CHECKSUM;
	m->body.trade = (struct bc_trade){ DEC(77, -9), DEC(5, 6), BC_SIDE_SELL, BC_STR("") };
}

static inline void samples_statistics(struct samples *s)
{
	struct bc_message *m = samples_add(s, "ticker-plain", BC_STR("KRW-BTC"), BC_CHANNEL_TICKER);
	m->body.ticker = (struct bc_ticker){ .last = DEC(137264, 3),
					     .open = DEC(138, 6),
					     .high = DEC(138562, 3),
					     .low = DEC(1361, 5),
					     .volume = DEC(231945678912, -8),
					     .quote_volume = DEC(3184512345678901, -4),
					     .change = DEC(-736, 3) };

	m = samples_add(s, "ticker-nils", BC_STR("KRW-NEW"), BC_CHANNEL_TICKER);
	m->envelope.flags = BC_FLAG_RANGE;
	m->body.ticker = (struct bc_ticker){ .last = DEC(15, -1),
					     .open = BC_DECIMAL_NONE,
					     .high = BC_DECIMAL_NONE,
					     .low = BC_DECIMAL_NONE,
					     .volume = DEC(24, 17),
					     .quote_volume = DEC(1, -8),
					     .change = DEC(0, 0) };

	const struct bc_candle candle = { .interval = BC_INTERVAL_1M,
					  .ts_open = { INT64_C(1763697600000000000) },
					  .open = DEC(137261, 3),
					  .high = DEC(137270, 3),
					  .low = DEC(13726, 4),
					  .close = DEC(137264, 3),
					  .volume = DEC(412, -3),
					  .quote_volume = DEC(5655271, 1),
					  .closed = BC_CLOSED_UNKNOWN };
	m = samples_add(s, "candle-open", BC_STR("KRW-BTC"), BC_CHANNEL_CANDLE);
	m->body.candle = candle;

	m = samples_add(s, "candle-closed", BC_STR("KRW-BTC"), BC_CHANNEL_CANDLE);
	m->body.candle = candle;
	m->body.candle.interval = BC_INTERVAL_1MONTH;
	m->body.candle.quote_volume = BC_DECIMAL_NONE;
	m->body.candle.closed = BC_CLOSED_YES;
}

static inline void samples_reference(struct samples *s)
{
	struct bc_message *m =
		samples_add(s, "instrument-spot", BC_STR("KRW-BTC"), BC_CHANNEL_INSTRUMENT);
	m->body.instrument = (struct bc_instrument){ .base = BC_STR("BTC"),
						     .quote = BC_STR("KRW"),
						     .unified = BC_STR("BTC/KRW"),
						     .kind = BC_KIND_SPOT,
						     .tick = DEC(1, 3),
						     .lot = BC_DECIMAL_NONE,
						     .contract_size = BC_DECIMAL_NONE,
						     .status = BC_LISTING_TRADING };

	m = samples_add(s, "instrument-linear", BC_STR("BTCUSDT"), BC_CHANNEL_INSTRUMENT);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->body.instrument = (struct bc_instrument){ .base = BC_STR("BTC"),
						     .quote = BC_STR("USDT"),
						     .unified = BC_STR("BTC/USDT:USDT"),
						     .kind = BC_KIND_LINEAR,
						     .tick = DEC(1, -1),
						     .lot = DEC(1, -3),
						     .contract_size = DEC(1, 0),
						     .status = BC_LISTING_SUSPENDED };
}

static inline void samples_gateway(struct samples *s)
{
	static const bc_str symbols[] = { { "KRW-BTC", 7 }, { "KRW-\xea\xb0\x80.X", 9 } };

	struct bc_message *m = samples_add(s, "state-symbol", BC_STR("KRW-BTC"), BC_CHANNEL_STATE);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->envelope.state = BC_STATE_STALE;
	m->envelope.reason = BC_REASON_DISCONNECTED;
	m->body.state.previous = BC_STATE_LIVE;

	m = samples_add(s, "state-gateway", BC_STR("@0"), BC_CHANNEL_STATE);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->envelope.flags = BC_FLAG_WELCOME;
	m->body.state.previous = BC_STATE_CONNECTING;
	m->body.state.symbols_version = 7;
	if (bc_list_encode(symbols, 2, s->list_bytes, sizeof s->list_bytes,
			   &m->body.state.symbols) != BC_OK)
		s->n = 0; /* every test that counts samples fails */

	const struct bc_state_change whole = m->body.state;

	const struct bc_heartbeat heartbeat = { .instance = BC_STR("0"),
						.version = BC_STR("0.1.0"),
						.shard_count = 1,
						.pid = 4242,
						.started = { INT64_C(1763697000123456000) },
						.interval_ns = BC_NS_PER_S,
						.symbols_version = 7 };
	m = samples_add(s, "heartbeat-plain", BC_STR("@0"), BC_CHANNEL_HEARTBEAT);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->body.heartbeat = heartbeat;
	m->body.heartbeat.endpoints[0] = BC_STR("ipc:///run/bookcast/upbit.0.pub");
	m->body.heartbeat.n_endpoints = 1;
	m->body.heartbeat.counters[0] = (struct bc_counter){ BC_STR("symbols_live"), 2 };
	m->body.heartbeat.counters[1] = (struct bc_counter){ BC_STR("published"), 123456789 };
	m->body.heartbeat.n_counters = 2;

	m = samples_add(s, "heartbeat-shard", BC_STR("@b"), BC_CHANNEL_HEARTBEAT);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->envelope.state = BC_STATE_DOWN;
	m->envelope.reason = BC_REASON_SHUTDOWN;
	m->body.heartbeat = heartbeat;
	m->body.heartbeat.instance = BC_STR("b");
	m->body.heartbeat.shard_index = 1;
	m->body.heartbeat.shard_count = 3;
	m->body.heartbeat.endpoints[0] = BC_STR("tcp://10.0.0.7:5556");
	m->body.heartbeat.endpoints[1] = BC_STR("ipc:///run/bookcast/upbit.b.pub");
	m->body.heartbeat.n_endpoints = 2;

	m = samples_add(s, "state-partial", BC_STR("@0"), BC_CHANNEL_STATE);
	m->envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m->envelope.state = BC_STATE_SYNCING;
	m->body.state = whole;
	m->body.state.symbols_partial = true;
}

static inline void samples_make(struct samples *s)
{
	s->n = 0;
	samples_books(s);
	samples_trades(s);
	samples_statistics(s);
	samples_reference(s);
	samples_gateway(s);
}

/* The frame on the bus: topic, NUL, payload. Returns its length, 0 if it cannot be made. */
static inline size_t sample_frame(const struct sample *s, uint8_t *out, size_t cap)
{
	size_t topic = 0, payload = 0;
	char text[BC_TOPIC_MAX + 1];
	if (bc_topic_make(s->exchange, s->symbol, s->message.envelope.channel,
			  s->message.body.candle.interval, text, &topic) != BC_OK ||
	    topic + 1 > cap)
		return 0;
	memcpy(out, text, topic + 1);
	if (bc_message_encode(&s->message, out + topic + 1, cap - topic - 1, &payload) != BC_OK)
		return 0;
	return topic + 1 + payload;
}

#endif
