/* binance_spot.c - Binance spot: what it is. How to ask and what it says: binance.h. */
#include "publisher/exchanges/binance.h"

/* ------------------------------------------------------------------ how changes link */

/* Numbers have no holes: a change starts right behind the one before it. The same rule joins a
 * snapshot and the stream. One that starts earlier and ends later is applied as a whole: its
 * quantities are absolute. */
static enum bc_link link_to(uint64_t at, const struct bc_delta *change)
{
	if (change->last_seq <= at)
		return BC_LINK_OLD;
	return change->first_seq <= at + 1 ? BC_LINK_NEXT : BC_LINK_GAP;
}

static const struct bc_snapshot_limit limits[] = {
	{ 100, 5 },
	{ 500, 25 },
	{ 1000, 50 },
	{ 5000, 250 },
};

static const struct bc_sync sync = { link_to, link_to, limits, sizeof limits / sizeof *limits };

/* ------------------------------------------------------------------ what it is, as data */

#define ON_THE_LINE                                                             \
	(BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |     \
	 BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER) | \
	 BC_CHANNEL_BIT(BC_CHANNEL_CANDLE))

/* 5 messages a second are allowed. Two seconds' worth of ours may arrive in one, and one is left to
 * the PONG that answers a PING by itself: it counts. Of the 300,000 requests an address may send in
 * 5 minutes their weight leaves no more than 6,000 a minute. */
static const struct bc_line lines[] = {
	{
		.name = "stream",
		.path = "/stream",
		.channels = ON_THE_LINE,
		.mode = BC_SUBSCRIBE_ADDS,
		.acks = true,
		.max_streams = 1024,
		.frame_streams = BINANCE_FRAME_STREAMS,
		.sends_per_s = 2,
		.connects_per_s = 1,
		.life_ns = 24 * 3600 * BC_NS_PER_S,
		.max_message_bytes = 4u << 20,
	},
};

static const struct bc_rest_endpoint rest_endpoints[] = {
	{ .kind = BC_REST_INSTRUMENTS, .per_s = 10, .weight = 20 },
	{ .kind = BC_REST_SNAPSHOT, .per_s = 10, .max_symbols = 1 },
	/* aggTrades would weigh 4 */
	{ .kind = BC_REST_TRADES, .per_s = 10, .max_symbols = 1, .weight = 25, .max_items = 1000 },
	{ .kind = BC_REST_CANDLES, .per_s = 10, .max_symbols = 1, .weight = 2, .max_items = 1000 },
	{ .kind = BC_REST_TICKERS, .per_s = 10, .max_symbols = 1, .weight = 2 },
};

static const struct binance_speed speeds[] = {
	{ "100ms", "@100ms", true },
	{ "1000ms", "", true },
};

static const struct binance_market market = {
	.dialect = BINANCE_SPOT,
	.exchange = &bc_exchange_binance_spot,
	.api = "/api/v3",
	.speeds = speeds,
	.n_speeds = sizeof speeds / sizeof *speeds,
	.all_speeds = "speed: 100ms or 1000ms",
	.partial_speeds = "speed: 100ms or 1000ms",
};

static bc_status start(void *state, const struct bc_feed_options *options, const char **why)
{
	return binance_start(state, &market, options, why);
}

static bc_status check_symbol(bc_str symbol, char *hint, size_t cap)
{
	return binance_check_symbol(symbol, "", hint, cap);
}

/* BTC/USDT is BTCUSDT. */
static bc_status native_symbol(bc_str unified, char *out, size_t cap, size_t *len)
{
	struct binance_unified u;

	if (!binance_split_unified(unified, &u) || u.settle.n > 0 || u.delivery.n > 0)
		return BC_ENOTFOUND;
	return binance_join_symbol(&u, out, cap, len);
}

const struct bc_exchange bc_exchange_binance_spot = {
	.id = "binance-spot",
	.title = "Binance (spot)",
	.ws_url = "wss://stream.binance.com:9443",
	.rest_url = "https://api.binance.com",
	.canary = "BTCUSDT",
	.example_symbols = "BTCUSDT, ETHUSDT",
	.channels = ON_THE_LINE | BC_CHANNEL_BIT(BC_CHANNEL_INSTRUMENT),
	.intervals = BINANCE_INTERVALS | 1u << BC_INTERVAL_1S,
	.max_levels = 5000,
	.lines = lines,
	.n_lines = sizeof lines / sizeof *lines,
	.rest = rest_endpoints,
	.n_rest = sizeof rest_endpoints / sizeof *rest_endpoints,
	.limits = binance_limits,
	.n_limits = BINANCE_LIMITS,
	.connect_limits = 1u << BINANCE_CONNECT,
	.rest_weight_per_min = 6000,
	.rest_used_header = "X-MBX-USED-WEIGHT-1M",
	.sync = &sync,
	.trade_ids_ascend = true,
	.state_size = sizeof(struct binance),
	.start = start,
	.check_symbol = check_symbol,
	.native_symbol = native_symbol,
	.subscribe = binance_ask_for,
	.unsubscribe = binance_take_back,
	.rest_path = binance_rest_path,
	.glance = &binance_glance,
	.on_input = binance_on_input,
};
