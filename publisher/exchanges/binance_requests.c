/* binance_requests.c - what is asked of Binance: streams and REST. */
#include "common/json_writer.h"
#include "publisher/exchanges/binance.h"
#include "publisher/exchanges/path.h"

#include <stdio.h>

#define FRAME_BYTES 8000 /* of names */

const struct bc_address_limit binance_limits[BINANCE_LIMITS] = {
	[BINANCE_CONNECT] = { "connect", 300, 240, 300 * BC_NS_PER_S },
};

/* ------------------------------------------------------------------ options */

static bool take_speed(struct binance *b, const char *word)
{
	const struct binance_market *m = b->market;

	b->speed = NULL;
	if (word == NULL || *word == '\0')
		word = m->speeds[0].word;
	for (size_t i = 0; i < m->n_speeds; i++)
		if (strcmp(m->speeds[i].word, word) == 0)
			b->speed = &m->speeds[i];
	return b->speed != NULL && (b->speed->partial || !b->partial);
}

bc_status binance_start(struct binance *b, const struct binance_market *market,
			const struct bc_feed_options *options, const char **why)
{
	b->market = market;
	b->read_usual = bc_json_is_wide() ? binance_read_usual_wide : binance_read_usual;
	b->partial = options->book_partial;
	b->aggregated = options->trades == BC_TRADES_DEFAULT
				? market->aggregated
				: options->trades == BC_TRADES_AGGREGATED;
	if (options->format != NULL && *options->format != '\0') {
		*why = "format: Binance has one; leave it out";
		return BC_EINVAL;
	}
	if (bc_decimal_known(options->group_by) && options->group_by.mantissa != 0) {
		*why = "group_by: Binance does not group prices; leave it out";
		return BC_EINVAL;
	}
	if (!take_speed(b, options->book_speed)) {
		*why = b->partial ? market->partial_speeds : market->all_speeds;
		return BC_EINVAL;
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ symbols */

static bool in_words(char c, const char *more)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr(more, c) != NULL);
}

/* {"stream":"btcusdt@depth@100ms",... */
const struct bc_glance binance_glance = { .before = { "{\"stream\":\"" },
					  .upper = true,
					  .end = '@' };

bc_status binance_check_symbol(bc_str symbol, const char *more, char *hint, size_t cap)
{
	for (size_t i = 0; i < symbol.n; i++) {
		char c = symbol.p[i];
		if (in_words(c, more))
			continue;
		if (c >= 'a' && c <= 'z')
			snprintf(hint, cap, "upper case, as in BTCUSDT");
		else
			snprintf(hint, cap, "base and quote together, as in BTCUSDT, or BTC/USDT%s",
				 *more != '\0' ? ":USDT" : "");
		return BC_EINVAL;
	}
	if (symbol.n > 0 && symbol.n <= BC_TEXT_MAX && bc_utf8_valid(symbol.p, symbol.n))
		return BC_OK;
	snprintf(hint, cap, "at most %d bytes of UTF-8, as in BTCUSDT", BC_TEXT_MAX);
	return BC_EINVAL;
}

static bc_str cut_at(bc_str *rest, char mark)
{
	const char *at = rest->n == 0 ? NULL : memchr(rest->p, mark, rest->n);
	bc_str before = *rest;

	if (at == NULL) {
		rest->n = 0;
		return before;
	}
	before.n = (size_t)(at - rest->p);
	*rest = (bc_str){ at + 1, rest->n - before.n - 1 };
	return before;
}

static bool holds(bc_str text, char mark)
{
	return text.n > 0 && memchr(text.p, mark, text.n) != NULL;
}

/* YYMMDD, or nothing. */
static bool is_day_or_none(bc_str text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return text.n == 0 || text.n == 6;
}

bool binance_split_unified(bc_str unified, struct binance_unified *out)
{
	bool settles = holds(unified, ':'), delivered = holds(unified, '-');

	out->base = cut_at(&unified, '/');
	out->quote = cut_at(&unified, ':');
	out->settle = cut_at(&unified, '-');
	out->delivery = unified;
	return out->base.n > 0 && out->quote.n > 0 && settles == (out->settle.n > 0) &&
	       delivered == (out->delivery.n > 0) && is_day_or_none(out->delivery) &&
	       !holds(out->quote, '/');
}

bc_status binance_join_symbol(const struct binance_unified *u, char *out, size_t cap, size_t *len)
{
	struct bc_path name = { out, 0, cap };

	bc_path_add(&name, u->base);
	bc_path_add(&name, u->quote);
	if (u->delivery.n > 0)
		bc_path_add(&name, BC_STR("_"));
	bc_path_add(&name, u->delivery);
	return bc_path_end(&name, len);
}

/* ------------------------------------------------------------------ streams */

static const struct {
	uint32_t levels;
	const char *word;
} partials[] = { { 5, "depth5" }, { 10, "depth10" }, { 20, "depth20" } };
#define N_PARTIALS (sizeof partials / sizeof *partials)

#define MAX_STREAMS (4 + BC_N_INTERVALS) /* a symbol */

struct streams {
	char suffix[MAX_STREAMS][24]; /* behind the symbol: "@depth@100ms" */
	size_t n;
};

static void add_stream(struct streams *s, const char *word, const char *tail)
{
	snprintf(s->suffix[s->n++], sizeof *s->suffix, "@%s%s", word, tail);
}

static const char *book_word(const struct binance *b, uint32_t levels)
{
	size_t i = 0;

	if (!b->partial)
		return "depth";
	while (i < N_PARTIALS - 1 && partials[i].levels < levels)
		i++;
	return partials[i].word;
}

/* The streams that each symbol of the request has on its line. */
static void list_streams(const struct binance *b, const struct bc_subscription *want,
			 struct streams *s)
{
	const struct bc_exchange *x = b->market->exchange;
	uint32_t channels = want->channels & x->lines[want->line].channels;

	s->n = 0;
	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0)
		add_stream(s, book_word(b, want->levels), b->speed->suffix);
	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0)
		add_stream(s, "bookTicker", "");
	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_TRADE)) != 0)
		add_stream(s, b->aggregated ? "aggTrade" : "trade", "");
	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_TICKER)) != 0)
		add_stream(s, "ticker", "");
	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE)) == 0)
		return;
	for (unsigned i = 0; i < BC_N_INTERVALS; i++)
		if ((want->intervals & x->intervals & 1u << i) != 0)
			add_stream(s, "kline_", bc_interval_word(i));
}

/* "btcusdt@depth@100ms": the symbol in lower case, for another one is acknowledged and silent. */
static bc_str write_stream(char *out, bc_str symbol, const char *suffix)
{
	size_t n = strlen(suffix);

	for (size_t i = 0; i < symbol.n; i++)
		out[i] = bc_ascii_lower(symbol.p[i]);
	memcpy(out + symbol.n, suffix, n); /* NOLINT(bugprone-not-null-terminated-result) */
	return (bc_str){ out, symbol.n + n };
}

/* The cursor counts streams, symbol by symbol. */
static bc_status write_frame(const struct binance *b, const char *method,
			     const struct bc_subscription *want, size_t *cursor, char *out,
			     size_t cap, size_t *len)
{
	struct bc_json_writer w;
	struct streams streams;
	char name[BC_TEXT_MAX + sizeof *streams.suffix];
	size_t at = *cursor, bytes = 0;
	bc_status status;

	list_streams(b, want, &streams);
	if (at >= streams.n * want->n_symbols)
		return BC_ENOTFOUND;
	if (cap == 0)
		return BC_ERANGE;
	bc_json_start(&w, out, cap, NULL, NULL);
	bc_json_object(&w);
	bc_json_put_text(&w, "method", method);
	bc_json_put_array(&w, "params");
	for (; at < streams.n * want->n_symbols && at - *cursor < BINANCE_FRAME_STREAMS &&
	       bytes < FRAME_BYTES;
	     at++) {
		bc_str symbol = want->symbols[at / streams.n];
		if (symbol.n > BC_TEXT_MAX)
			return BC_EINVAL;
		bytes += symbol.n + sizeof *streams.suffix;
		bc_json_string(&w, write_stream(name, symbol, streams.suffix[at % streams.n]));
	}
	bc_json_array_end(&w);
	bc_json_put_uint(&w, "id", want->nonce);
	bc_json_object_end(&w);
	status = bc_json_end(&w, "");
	if (status == BC_OK) {
		*len = w.n;
		*cursor = at;
	}
	return status;
}

bc_status binance_ask_for(void *state, const struct bc_subscription *want, size_t *cursor,
			  char *out, size_t cap, size_t *len)
{
	return write_frame(state, "SUBSCRIBE", want, cursor, out, cap, len);
}

bc_status binance_take_back(void *state, const struct bc_subscription *gone, size_t *cursor,
			    char *out, size_t cap, size_t *len)
{
	return write_frame(state, "UNSUBSCRIBE", gone, cursor, out, cap, len);
}

/* ------------------------------------------------------------------ REST */

static const char *const rest_paths[BC_N_REST_KINDS] = {
	[BC_REST_INSTRUMENTS] = "/exchangeInfo",
	[BC_REST_SNAPSHOT] = "/depth",
	[BC_REST_TRADES] = "/trades",
	[BC_REST_CANDLES] = "/klines",
	[BC_REST_TICKERS] = "/ticker/24hr",
};

#define DEFAULT_LEVELS 1000

/* Levels are rounded up to what is offered, for other numbers are refused on USD-M. */
static uint32_t snapshot_limit(const struct bc_sync *sync, uint32_t levels)
{
	size_t i = 0;

	if (levels == 0)
		levels = DEFAULT_LEVELS;
	while (i < sync->n_limits - 1 && sync->limits[i].levels < levels)
		i++;
	return sync->limits[i].levels;
}

static uint32_t limit_of(const struct bc_exchange *x, const struct bc_rest_query *query)
{
	uint32_t max = 0;

	if (query->kind == BC_REST_SNAPSHOT)
		return snapshot_limit(x->sync, query->limit);
	for (size_t i = 0; i < x->n_rest; i++)
		if (x->rest[i].kind == query->kind)
			max = x->rest[i].max_items;
	return query->limit == 0 || query->limit > max ? max : query->limit;
}

bc_status binance_rest_path(void *state, const struct bc_rest_query *query, char *out, size_t cap,
			    size_t *len)
{
	const struct binance *b = state;
	const struct bc_exchange *x = b->market->exchange;
	struct bc_path path = { out, 0, cap };

	if (query->kind >= BC_N_REST_KINDS || rest_paths[query->kind] == NULL)
		return BC_ENOTFOUND;
	bc_path_add(&path, bc_str_of(b->market->api));
	bc_path_add(&path, query->kind == BC_REST_TRADES && b->aggregated
				   ? BC_STR("/aggTrades")
				   : bc_str_of(rest_paths[query->kind]));
	if (query->kind == BC_REST_INSTRUMENTS)
		return bc_path_end(&path, len);
	if (query->n_symbols != 1)
		return BC_EINVAL;
	bc_path_add(&path, BC_STR("?symbol="));
	bc_path_add_escaped(&path, query->symbols[0]);
	if (query->kind == BC_REST_TICKERS)
		return bc_path_end(&path, len);
	if (query->kind == BC_REST_CANDLES) {
		if ((x->intervals >> query->interval & 1) == 0)
			return BC_ENOTFOUND;
		bc_path_add(&path, BC_STR("&interval="));
		bc_path_add(&path, bc_str_of(bc_interval_word(query->interval)));
	}
	bc_path_add(&path, BC_STR("&limit="));
	bc_path_add_number(&path, limit_of(x, query));
	return bc_path_end(&path, len);
}
