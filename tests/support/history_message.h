/* history_message.h - trades and candles as payloads, for tests of those who keep them. */
#ifndef BC_TESTS_HISTORY_MESSAGE_H
#define BC_TESTS_HISTORY_MESSAGE_H

#include "tests/support/bus_message.h"

struct history_message {
	struct bus_message bytes;
	struct bc_message message; /* decoded again: its strings lie in the payload */
};

static inline struct history_message *history_decode(struct history_message *h)
{
	if (bc_message_decode(h->bytes.payload, &h->message, NULL, 0) != BC_OK)
		abort();
	return h;
}

/* A trade at the exchange's time `at` (BC_TIME_UNKNOWN: none), received at `received`. */
static inline struct history_message *history_trade(struct history_message *h, const char *id,
						    int64_t at, int64_t received)
{
	struct bc_message m = { .envelope = bus_envelope(100, 1, BC_STATE_LIVE) };
	m.envelope.ts_exchange.ns = at;
	m.envelope.ts_recv.ns = received;
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	bus_message_encode(&h->bytes, "upbit.KRW-BTC.trade", &m);
	return history_decode(h);
}

/* A candle that began at `start` and closes at `close`; ts_exchange may be BC_TIME_UNKNOWN. */
static inline struct history_message *history_candle(struct history_message *h, int64_t start,
						     int64_t close, enum bc_closed closed,
						     int64_t ts_exchange, int64_t ts_recv)
{
	struct bc_message m = { .envelope = bus_envelope(100, 1, BC_STATE_LIVE) };
	m.envelope.ts_exchange.ns = ts_exchange;
	m.envelope.ts_recv.ns = ts_recv;
	m.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { start },
					    .open = { 1, 0 },
					    .high = { 9, 0 },
					    .low = { 1, 0 },
					    .close = { close, 0 },
					    .volume = { 1, 0 },
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = closed };
	bus_message_encode(&h->bytes, "upbit.KRW-BTC.candle-1m", &m);
	return history_decode(h);
}

#endif
