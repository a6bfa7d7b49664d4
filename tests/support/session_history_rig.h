/* session_history_rig.h - an exchange whose trades and candles of the past can be asked for. */
#ifndef BC_TESTS_SESSION_HISTORY_RIG_H
#define BC_TESTS_SESSION_HISTORY_RIG_H

#include "tests/support/session_rig.h"

static inline bc_status history_path(void *state, const struct bc_rest_query *query, char *out,
				     size_t cap, size_t *len)
{
	(void)state;
	if (query->kind != BC_REST_TRADES && query->kind != BC_REST_CANDLES)
		return BC_ENOTFOUND;
	bool trades = query->kind == BC_REST_TRADES;
	*len = (size_t)snprintf(out, cap, "/%s %.*s %s %u", trades ? "trades" : "candles",
				(int)query->symbols[0].n, query->symbols[0].p,
				trades ? "" : bc_interval_word(query->interval), query->limit);
	return BC_OK;
}

static const struct bc_line history_lines[] = {
	{ .name = "public",
	  .path = "/",
	  .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_TRADE) |
		      BC_CHANNEL_BIT(BC_CHANNEL_CANDLE),
	  .mode = BC_SUBSCRIBE_REPLACES },
};
static const struct bc_rest_endpoint history_rest[] = {
	{ .kind = BC_REST_TRADES, .max_symbols = 1, .max_items = 100 },
	{ .kind = BC_REST_CANDLES, .max_symbols = 1 },
};

static struct bc_exchange recorded;

static inline struct session_options history_options(void)
{
	struct session_options o = options_for_tests();
	recorded = fake_exchange;
	recorded.lines = history_lines;
	recorded.rest = history_rest;
	recorded.n_rest = 2;
	recorded.rest_path = history_path;
	recorded.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	recorded.intervals = 1u << BC_INTERVAL_1M | 1u << BC_INTERVAL_1H;
	o.exchange = &recorded;
	o.channels = recorded.channels;
	o.intervals = recorded.intervals;
	o.history_trades = 500;
	o.history_candles = 3;
	return o;
}

/* Trades alone, unless candles are wanted. Subscribed, and the exchange speaks. */
static inline struct rig *history_rig(bool candles)
{
	struct session_options o = history_options();
	if (!candles)
		o.history_candles = 0;
	else
		o.history_trades = 0;
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	says(r, "book AAA 1 2");
	return r;
}

/* Somebody subscribes to a topic of the first symbol. */
static inline void comes_for(struct rig *r, enum bc_channel channel, enum bc_interval interval)
{
	session_history_wanted(r->session, r->now, 0, channel, interval);
}

static inline void comes(struct rig *r)
{
	comes_for(r, BC_CHANNEL_TRADE, 0);
}

/* Live ones. */
static inline void trades(struct rig *r, int first, int last)
{
	char text[32];
	for (int i = first; i <= last; i++) {
		snprintf(text, sizeof text, "trade AAA %d", i);
		says(r, text);
	}
}

static inline void lose_and_return(struct rig *r)
{
	closed(r, 0, 0);
	for (int i = 0; i < 100 && !r->connecting[0]; i++)
		pass(r, 100 * MS);
	opened(r);
}

static inline void later(struct rig *r, int64_t ns)
{
	for (; ns > 0; ns -= 500 * MS) {
		says(r, "trade CANARY 1");
		pass(r, ns < 500 * MS ? ns : 500 * MS);
	}
}

#endif
