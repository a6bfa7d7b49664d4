/* binance_usdm.c - Binance USD-M futures: what it is. How to ask and what it says: binance.h. */
#include "publisher/exchanges/binance.h"

/* ------------------------------------------------------------------ how changes link */

/* Numbers have holes; each change names the last one before it, and holds everything since. A
 * change that ends at the snapshot's number still counts: it may hold what the snapshot does not.
 */
static enum bc_link covers(uint64_t at, const struct bc_delta *change)
{
	if (change->last_seq < at)
		return BC_LINK_OLD;
	return change->first_seq <= at || change->prev_seq <= at ? BC_LINK_NEXT : BC_LINK_GAP;
}

static enum bc_link follows(uint64_t last, const struct bc_delta *change)
{
	if (change->prev_seq == last)
		return BC_LINK_NEXT;
	return change->last_seq <= last ? BC_LINK_OLD : BC_LINK_GAP;
}

/* Other limits than these are refused. */
static const struct bc_snapshot_limit limits[] = {
	{ 5, 2 }, { 10, 2 }, { 20, 2 }, { 50, 2 }, { 100, 5 }, { 500, 10 }, { 1000, 20 },
};

static const struct bc_sync sync = { covers, follows, limits, sizeof limits / sizeof *limits };

/* ------------------------------------------------------------------ what it is, as data */

#define ON_PUBLIC (BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO))
#define ON_MARKET                                                               \
	(BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER) | \
	 BC_CHANNEL_BIT(BC_CHANNEL_CANDLE))

/* A stream asked for on the wrong route is acknowledged and stays silent. 10 messages a second are
 * allowed. Two seconds' worth of ours may arrive in one, and one is left to the PONG that answers a
 * PING by itself: it counts. 1024 streams are documented; 200 were, and some servers may still hold
 * to it. */
#define LINE                                                                           \
	.mode = BC_SUBSCRIBE_ADDS, .acks = true, .max_streams = 200,                   \
	.frame_streams = BINANCE_FRAME_STREAMS, .sends_per_s = 4, .connects_per_s = 1, \
	.life_ns = 24 * 3600 * BC_NS_PER_S, .max_message_bytes = 4u << 20

static const struct bc_line lines[] = {
	{ .name = "public", .path = "/public/stream", .channels = ON_PUBLIC, LINE },
	{ .name = "market", .path = "/market/stream", .channels = ON_MARKET, LINE },
};

static const struct bc_rest_endpoint rest_endpoints[] = {
	{ .kind = BC_REST_INSTRUMENTS, .per_s = 10, .weight = 1 },
	{ .kind = BC_REST_SNAPSHOT, .per_s = 10, .max_symbols = 1 },
	/* of aggTrades; trades would weigh 5 */
	{ .kind = BC_REST_TRADES, .per_s = 10, .max_symbols = 1, .weight = 20, .max_items = 1000 },
	{ .kind = BC_REST_CANDLES, .per_s = 10, .max_symbols = 1, .weight = 5, .max_items = 1000 },
	{ .kind = BC_REST_TICKERS, .per_s = 10, .max_symbols = 1, .weight = 1 },
};

/* 0ms is in no documentation, and served; whether as partial books nobody has seen. */
static const struct binance_speed speeds[] = {
	{ "100ms", "@100ms", true },
	{ "0ms", "@0ms", false },
	{ "250ms", "", true },
	{ "500ms", "@500ms", true },
};

static const struct binance_market market = {
	.dialect = BINANCE_USDM,
	.exchange = &bc_exchange_binance_usdm,
	.api = "/fapi/v1",
	.aggregated = true, /* raw trades are in no documentation */
	.is_contracts = true,
	.speeds = speeds,
	.n_speeds = sizeof speeds / sizeof *speeds,
	.all_speeds = "speed: 0ms, 100ms, 250ms or 500ms",
	.partial_speeds = "speed: 100ms, 250ms or 500ms, for partial books",
};

static bc_status start(void *state, const struct bc_feed_options *options, const char **why)
{
	return binance_start(state, &market, options, why);
}

static bc_status check_symbol(bc_str symbol, char *hint, size_t cap)
{
	return binance_check_symbol(symbol, "_", hint, cap);
}

/* BTC/USDT:USDT is BTCUSDT, BTC/USDT:USDT-260925 is BTCUSDT_260925. */
static bc_status native_symbol(bc_str unified, char *out, size_t cap, size_t *len)
{
	struct binance_unified u;

	if (!binance_split_unified(unified, &u) || !bc_str_equal(u.settle, u.quote))
		return BC_ENOTFOUND;
	return binance_join_symbol(&u, out, cap, len);
}

const struct bc_exchange bc_exchange_binance_usdm = {
	.id = "binance-usdm",
	.title = "Binance USD-M futures",
	.ws_url = "wss://fstream.binance.com",
	.rest_url = "https://fapi.binance.com",
	.canary = "BTCUSDT",
	.example_symbols = "BTCUSDT, ETHUSDT",
	.channels = ON_PUBLIC | ON_MARKET | BC_CHANNEL_BIT(BC_CHANNEL_INSTRUMENT),
	.intervals = BINANCE_INTERVALS,
	.max_levels = 1000,
	.lines = lines,
	.n_lines = sizeof lines / sizeof *lines,
	.rest = rest_endpoints,
	.n_rest = sizeof rest_endpoints / sizeof *rest_endpoints,
	.limits = binance_limits,
	.n_limits = BINANCE_LIMITS,
	.connect_limits = 1u << BINANCE_CONNECT,
	.rest_weight_per_min = 2400,
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
