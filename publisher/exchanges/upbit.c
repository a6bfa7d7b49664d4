/* upbit.c - Upbit (KRW, BTC and USDT markets, public WebSocket and quotation REST): what it is and
 * how to ask for it. What it says is read in upbit_messages.c, by the tables of upbit_fields.c. */
#include "common/json_writer.h"
#include "publisher/exchanges/path.h"
#include "publisher/exchanges/upbit.h"

#include <stdio.h>

#define MAX_CODE 32

static const char *const formats[] = { "DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST" };

bool upbit_split_code(bc_str code, bc_str *quote, bc_str *base)
{
	const char *dash = memchr(code.p, '-', code.n);

	if (dash == NULL)
		return false;
	*quote = (bc_str){ code.p, (size_t)(dash - code.p) };
	*base = (bc_str){ dash + 1, code.n - quote->n - 1 };
	return quote->n > 0 && base->n > 0;
}

/* ------------------------------------------------------------------ what we ask for */

static bc_status start(void *state, const struct bc_feed_options *options, const char **why)
{
	struct upbit *u = state;
	const char *wanted =
		options->format != NULL && *options->format != '\0' ? options->format : "SIMPLE";

	u->format = NULL;
	u->read_usual = bc_json_is_wide() ? upbit_read_usual_wide : upbit_read_usual;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (strcmp(formats[i], wanted) == 0)
			u->format = formats[i];
	if (u->format == NULL) {
		*why = "format: DEFAULT, SIMPLE, JSON_LIST or SIMPLE_LIST";
		return BC_EINVAL;
	}
	u->group_by = options->group_by;
	if (!bc_decimal_known(u->group_by))
		u->group_by = (bc_decimal){ 0, 0 };
	if (u->group_by.mantissa < 0) {
		*why = "group_by: a price step, or 0 for none";
		return BC_EINVAL;
	}
	if (options->trades == BC_TRADES_AGGREGATED) {
		*why = "trade_source: Upbit has no aggregated trades";
		return BC_EINVAL;
	}
	if (options->book_partial) {
		*why = "source: Upbit's books are whole in every message; leave it at diff";
		return BC_EINVAL;
	}
	if (options->book_speed != NULL) {
		*why = "speed: Upbit has one speed for books; leave it empty";
		return BC_EINVAL;
	}
	return BC_OK;
}

static bool is_code_byte(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bc_status check_symbol(bc_str symbol, char *hint, size_t cap)
{
	bc_str quote, base;
	bool lower = false;

	for (size_t i = 0; i < symbol.n; i++)
		lower |= symbol.p[i] >= 'a' && symbol.p[i] <= 'z';
	if (lower) {
		snprintf(hint, cap, "upper case, as in KRW-BTC: others are ignored without a word");
		return BC_EINVAL;
	}
	if (symbol.n > MAX_CODE || !upbit_split_code(symbol, &quote, &base)) {
		snprintf(hint, cap, "QUOTE-BASE, as in KRW-BTC, or BASE/QUOTE, as in BTC/KRW");
		return BC_EINVAL;
	}
	for (size_t i = 0; i < symbol.n; i++) {
		if (is_code_byte(symbol.p[i]) || i == quote.n)
			continue;
		snprintf(hint, cap, "letters A to Z and digits around one '-', as in KRW-BTC%s",
			 symbol.p[i] == '.' ? "; depth is set by book.levels" : "");
		return BC_EINVAL;
	}
	if (bc_str_is(base, "KRW")) {
		snprintf(hint, cap, "the quote comes first: KRW-%.*s", (int)quote.n, quote.p);
		return BC_EINVAL;
	}
	return BC_OK;
}

static bc_status native_symbol(bc_str unified, char *out, size_t cap, size_t *len)
{
	const char *slash = unified.n == 0 ? NULL : memchr(unified.p, '/', unified.n);
	size_t n_base, n_quote;

	if (slash == NULL || memchr(unified.p, ':', unified.n) != NULL)
		return BC_ENOTFOUND;
	n_base = (size_t)(slash - unified.p);
	n_quote = unified.n - n_base - 1;
	if (n_base == 0 || n_quote == 0)
		return BC_ENOTFOUND;
	if (unified.n > cap)
		return BC_ERANGE;
	memcpy(out, slash + 1, n_quote);
	out[n_quote] = '-';
	memcpy(out + n_quote + 1, unified.p, n_base);
	*len = unified.n;
	return BC_OK;
}

/* Depths there are; wanted ones are rounded up. The deepest is what a bare code gives. */
static const struct {
	uint32_t levels;
	const char *suffix;
} depths[] = { { 1, ".1" }, { 5, ".5" }, { 15, ".15" }, { 30, "" } };
#define N_DEPTHS (sizeof depths / sizeof *depths)

static const struct {
	const char *type;
	enum bc_interval interval;
} candles[] = {
#define CANDLE(word, interval) { "candle." word, interval },
	UPBIT_CANDLES(CANDLE)
#undef CANDLE
};
#define N_CANDLES (sizeof candles / sizeof *candles)

static void write_type(struct bc_json_writer *w, const char *type,
		       const struct bc_subscription *want, const char *suffix, bc_decimal level)
{
	char code[MAX_CODE + 8];

	bc_json_object(w);
	bc_json_put_text(w, "type", type);
	bc_json_put_array(w, "codes");
	for (size_t i = 0; i < want->n_symbols; i++) {
		int n = snprintf(code, sizeof code, "%.*s%s", (int)want->symbols[i].n,
				 want->symbols[i].p, suffix);
		bc_json_string(w, (bc_str){ code, (size_t)n });
	}
	bc_json_array_end(w);
	if (level.mantissa != 0) {
		bc_json_key(w, BC_STR("level"));
		bc_json_number(w, level);
	}
	bc_json_object_end(w);
}

static void write_types(const struct upbit *u, struct bc_json_writer *w,
			const struct bc_subscription *want)
{
	static const bc_decimal none = { 0, 0 };
	uint32_t books = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	size_t depth = 0;

	if ((want->channels & books) != 0) {
		/* There is no channel of its own for the best prices: a book of one level is. */
		while ((want->channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0 &&
		       depth < N_DEPTHS - 1 && depths[depth].levels < want->levels)
			depth++;
		write_type(w, "orderbook", want, depths[depth].suffix, u->group_by);
	}
	if ((want->channels & BC_CHANNEL_BIT(BC_CHANNEL_TRADE)) != 0)
		write_type(w, "trade", want, "", none);
	if ((want->channels & BC_CHANNEL_BIT(BC_CHANNEL_TICKER)) != 0)
		write_type(w, "ticker", want, "", none);
	if ((want->channels & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE)) == 0)
		return;
	for (size_t i = 0; i < N_CANDLES; i++)
		if ((want->intervals >> candles[i].interval & 1) != 0)
			write_type(w, candles[i].type, want, "", none);
}

static bc_status subscribe(void *state, const struct bc_subscription *want, size_t *cursor,
			   char *out, size_t cap, size_t *len)
{
	const struct upbit *u = state;
	struct bc_json_writer w;
	char ticket[48];
	bc_status status;
	int n = snprintf(ticket, sizeof ticket, "bookcast-%llu", (unsigned long long)want->nonce);

	if (*cursor != 0 || want->n_symbols == 0)
		return BC_ENOTFOUND;
	for (size_t i = 0; i < want->n_symbols; i++)
		if (want->symbols[i].n > MAX_CODE)
			return BC_EINVAL;
	if (cap == 0)
		return BC_ERANGE;
	bc_json_start(&w, out, cap, NULL, NULL);
	bc_json_array(&w);
	bc_json_object(&w);
	bc_json_put_string(&w, "ticket", (bc_str){ ticket, (size_t)n });
	bc_json_object_end(&w);
	write_types(u, &w, want);
	bc_json_object(&w);
	bc_json_put_text(&w, "format", u->format);
	bc_json_object_end(&w);
	bc_json_array_end(&w);
	status = bc_json_end(&w, "");
	if (status == BC_OK) {
		*len = w.n;
		*cursor = 1;
	}
	return status;
}

/* ------------------------------------------------------------------ REST */

static void append_codes(struct bc_path *path, const bc_str *symbols, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			bc_path_add(path, BC_STR(","));
		bc_path_add_escaped(path, symbols[i]);
	}
}

/* Most that one answer holds. */
#define MAX_UNITS   30
#define MAX_TRADES  500
#define MAX_CANDLES 200

static const struct {
	const char *before, *after; /* the codes; NULL: none */
	uint32_t most;              /* of what `limit` asks for; 0: it says nothing */
	bool grouped;
} rest_paths[BC_N_REST_KINDS] = {
	[BC_REST_INSTRUMENTS] = { "/v1/market/all?is_details=true", NULL, 0, false },
	[BC_REST_TICKS] = { "/v1/orderbook/instruments?markets=", "", 0, false },
	[BC_REST_SNAPSHOT] = { "/v1/orderbook?markets=", "&count=", MAX_UNITS, true },
	[BC_REST_TRADES] = { "/v1/trades/ticks?market=", "&count=", MAX_TRADES, false },
	[BC_REST_CANDLES] = { "?market=", "&count=", MAX_CANDLES, false },
	[BC_REST_TICKERS] = { "/v1/ticker?markets=", "", 0, false },
};

/* By REST there are longer ones than on the stream, too. */
static const char *const candle_paths[BC_N_INTERVALS] = {
	[BC_INTERVAL_1S] = "/v1/candles/seconds",     [BC_INTERVAL_1M] = "/v1/candles/minutes/1",
	[BC_INTERVAL_3M] = "/v1/candles/minutes/3",   [BC_INTERVAL_5M] = "/v1/candles/minutes/5",
	[BC_INTERVAL_10M] = "/v1/candles/minutes/10", [BC_INTERVAL_15M] = "/v1/candles/minutes/15",
	[BC_INTERVAL_30M] = "/v1/candles/minutes/30", [BC_INTERVAL_1H] = "/v1/candles/minutes/60",
	[BC_INTERVAL_4H] = "/v1/candles/minutes/240", [BC_INTERVAL_1D] = "/v1/candles/days",
	[BC_INTERVAL_1W] = "/v1/candles/weeks",       [BC_INTERVAL_1MONTH] = "/v1/candles/months",
};

static void append_count(struct bc_path *path, uint32_t limit, uint32_t most)
{
	bc_path_add_number(path, limit > 0 && limit < most ? limit : most);
}

static bc_status rest_path(void *state, const struct bc_rest_query *query, char *out, size_t cap,
			   size_t *len)
{
	const struct upbit *u = state;
	struct bc_path path = { out, 0, cap };
	char level[BC_DECIMAL_TEXT_MAX];

	if (query->kind >= BC_N_REST_KINDS)
		return BC_ENOTFOUND;
	if (query->kind == BC_REST_CANDLES) {
		if (query->interval >= BC_N_INTERVALS || candle_paths[query->interval] == NULL)
			return BC_ENOTFOUND;
		bc_path_add(&path, bc_str_of(candle_paths[query->interval]));
	}
	bc_path_add(&path, bc_str_of(rest_paths[query->kind].before));
	if (rest_paths[query->kind].after != NULL) {
		append_codes(&path, query->symbols, query->n_symbols);
		bc_path_add(&path, bc_str_of(rest_paths[query->kind].after));
	}
	if (rest_paths[query->kind].most > 0)
		append_count(&path, query->limit, rest_paths[query->kind].most);
	if (rest_paths[query->kind].grouped && u->group_by.mantissa != 0) {
		bc_path_add(&path, BC_STR("&level="));
		bc_path_add(&path, (bc_str){ level, bc_decimal_format(u->group_by, level) });
	}
	return bc_path_end(&path, len);
}

/* ------------------------------------------------------------------ what it is, as data */

#define ON_THE_LINE                                                           \
	(BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | \
	 BC_CHANNEL_BIT(BC_CHANNEL_TICKER) | BC_CHANNEL_BIT(BC_CHANNEL_CANDLE))

/* Of an address, documented: 5 connects a second, and 10 requests a second in each of these groups.
 */
enum { CONNECT, MARKET, ORDERBOOK, TRADES, CANDLES, TICKER };

static const struct bc_address_limit limits[] = {
	[CONNECT] = { "connect", 5, 2, BC_NS_PER_S },
	[MARKET] = { "market", 10, 5, BC_NS_PER_S },
	[ORDERBOOK] = { "orderbook", 10, 5, BC_NS_PER_S },
	[TRADES] = { "trade", 10, 5, BC_NS_PER_S },
	[CANDLES] = { "candle", 10, 5, BC_NS_PER_S },
	[TICKER] = { "ticker", 10, 5, BC_NS_PER_S },
};

/* Of a connection: 5 messages a second and 100 a minute are allowed. Ours are fewer, because nobody
 * knows how the exchange's windows lie and what is sent apart may arrive together. An idle one was
 * cut after 60 s. */
static const struct bc_line lines[] = {
	{
		.name = "public",
		.path = "/websocket/v1",
		.channels = ON_THE_LINE,
		.mode = BC_SUBSCRIBE_REPLACES,
		.sends_per_s = 2,
		.sends_per_min = 90,
		.ping_interval_ns = 20 * BC_NS_PER_S,
		.max_message_bytes = 4u << 20,
	},
};

static const struct bc_rest_endpoint rest_endpoints[] = {
	{ .kind = BC_REST_INSTRUMENTS, .limits = 1u << MARKET },
	/* few, for the sake of books, which are of the same group */
	{ .kind = BC_REST_TICKS, .limits = 1u << ORDERBOOK, .per_s = 2, .max_symbols = 50 },
	{ .kind = BC_REST_SNAPSHOT, .limits = 1u << ORDERBOOK, .max_symbols = 50 },
	{ .kind = BC_REST_TRADES,
	  .limits = 1u << TRADES,
	  .max_symbols = 1,
	  .max_items = MAX_TRADES },
	{ .kind = BC_REST_CANDLES,
	  .limits = 1u << CANDLES,
	  .max_symbols = 1,
	  .max_items = MAX_CANDLES },
	{ .kind = BC_REST_TICKERS, .limits = 1u << TICKER, .max_symbols = 50 },
};

/* {"type":"orderbook","code":"KRW-BTC",... */
static const struct bc_glance glance = { .before = { "\"cd\":\"", "\"code\":\"" },
					 .after_comma = true,
					 .end = '"' };

const struct bc_exchange bc_exchange_upbit = {
	.id = "upbit",
	.title = "Upbit (KRW, BTC and USDT markets)",
	.ws_url = "wss://api.upbit.com",
	.rest_url = "https://api.upbit.com",
	.canary = "KRW-BTC",
	.example_symbols = "KRW-BTC, KRW-ETH",
	.channels = ON_THE_LINE | BC_CHANNEL_BIT(BC_CHANNEL_INSTRUMENT),
	.intervals =
#define BIT(word, interval) 1u << interval |
		UPBIT_CANDLES(BIT) 0,
#undef BIT
	.max_levels = 30,
	.lines = lines,
	.n_lines = sizeof lines / sizeof *lines,
	.rest = rest_endpoints,
	.n_rest = sizeof rest_endpoints / sizeof *rest_endpoints,
	.limits = limits,
	.n_limits = sizeof limits / sizeof *limits,
	.connect_limits = 1u << CONNECT,
	.state_size = sizeof(struct upbit),
	.start = start,
	.check_symbol = check_symbol,
	.native_symbol = native_symbol,
	.subscribe = subscribe,
	.rest_path = rest_path,
	.glance = &glance,
	.on_input = upbit_on_input,
};
