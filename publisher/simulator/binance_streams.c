/* binance_streams.c - names of streams: what they mean, and whether anything comes of them. */
#include "publisher/simulator/binance.h"

#include <string.h>

const struct binance_interval binance_intervals[BINANCE_INTERVALS] = {
	{ "1s", 1 },     { "1m", 60 },     { "3m", 180 },   { "5m", 300 },    { "15m", 900 },
	{ "30m", 1800 }, { "1h", 3600 },   { "2h", 7200 },  { "4h", 14400 },  { "6h", 21600 },
	{ "8h", 28800 }, { "12h", 43200 }, { "1d", 86400 }, { "3d", 259200 },
};

const int32_t binance_intervals_s[BINANCE_INTERVALS] = {
	1, 60, 180, 300, 900, 1800, 3600, 7200, 14400, 21600, 28800, 43200, 86400, 259200,
};

/* A type of stream, and the USD-M route that carries it. `trade` is not documented there: clients
 * disagree about its route, so both have it. */
static const struct type {
	const char *word; /* what follows the '@', without speed, levels or interval */
	enum binance_kind kind;
	bool on_public, on_market;
} types[] = {
	{ "depth", BINANCE_DEPTH, true, false },
	{ "depth5", BINANCE_PARTIAL, true, false },
	{ "depth10", BINANCE_PARTIAL, true, false },
	{ "depth20", BINANCE_PARTIAL, true, false },
	{ "bookTicker", BINANCE_BOOK_TICKER, true, false },
	{ "trade", BINANCE_TRADE, true, true },
	{ "aggTrade", BINANCE_AGG_TRADE, false, true },
	{ "ticker", BINANCE_TICKER, false, true },
	{ "miniTicker", BINANCE_MINI_TICKER, false, true },
	{ "kline_", BINANCE_CANDLE, false, true },
};

/* A name in its parts. */
struct parts {
	bc_str symbol, type, speed; /* speed with its '@', or empty */
};

static bool take_apart(bc_str name, struct parts *p)
{
	const char *at = name.n > 0 ? memchr(name.p, '@', name.n) : NULL;
	const char *end = name.p + name.n, *second;

	if (at == NULL || at == name.p || at + 1 == end)
		return false;
	p->symbol = (bc_str){ name.p, (size_t)(at - name.p) };
	second = memchr(at + 1, '@', (size_t)(end - at - 1));
	if (second == NULL)
		second = end;
	p->type = (bc_str){ at + 1, (size_t)(second - at - 1) };
	p->speed = (bc_str){ second, (size_t)(end - second) };
	return p->type.n > 0;
}

static const struct type *find_type(bc_str word)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		bool has_more = types[i].kind == BINANCE_CANDLE;

		if (has_more ? bc_str_starts(word, bc_str_of(types[i].word))
			     : bc_str_is(word, types[i].word))
			return &types[i];
	}
	return NULL;
}

/* "btcusdt" is BTCUSDT; a name with capitals is nobody's. */
static bool find_symbol(const struct market *m, bc_str name, size_t *symbol)
{
	char upper[MARKET_NAME_MAX];

	if (name.n >= sizeof upper)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] >= 'A' && name.p[i] <= 'Z')
			return false;
		upper[i] = bc_ascii_upper(name.p[i]);
	}
	return market_find(m, (bc_str){ upper, name.n }, symbol);
}

static bool carries(const struct binance_dialect *d, enum binance_route route,
		    const struct type *type)
{
	if (!d->usdm)
		return true;
	return route == BINANCE_MARKET   ? type->on_market
	       : route == BINANCE_PUBLIC ? type->on_public
					 : !type->on_market; /* the trap of the old paths */
}

static bool find_speed(const struct binance_dialect *d, bc_str speed, int64_t *every_ns)
{
	for (const struct binance_speed *s = d->speeds; s->suffix != NULL; s++)
		if (bc_str_is(speed, s->suffix)) {
			*every_ns = s->every_ns;
			return true;
		}
	return false;
}

static bool find_interval(bc_str word, size_t *interval)
{
	for (*interval = 0; *interval < BINANCE_INTERVALS; ++*interval)
		if (bc_str_is(word, binance_intervals[*interval].name))
			return true;
	return false;
}

/* Speed, levels and interval; false: there is no such stream. */
static bool complete(const struct binance_dialect *d, const struct type *type,
		     const struct parts *p, struct binance_stream *out)
{
	switch (type->kind) {
	case BINANCE_PARTIAL:
		out->levels = (uint32_t)(type->word[5] == '5' ? 5 : type->word[5] == '1' ? 10 : 20);
		return find_speed(d, p->speed, &out->every_ns);
	case BINANCE_DEPTH:
		return find_speed(d, p->speed, &out->every_ns);
	case BINANCE_CANDLE:
		out->every_ns = d->candle_ns;
		return p->speed.n == 0 &&
		       find_interval((bc_str){ p->type.p + 6, p->type.n - 6 }, &out->interval);
	case BINANCE_TICKER:
	case BINANCE_MINI_TICKER:
		out->every_ns = d->ticker_ns;
		return p->speed.n == 0;
	default:
		return p->speed.n == 0;
	}
}

bool binance_stream_parse(const struct binance_state *state, const struct market *m,
			  enum binance_route route, bc_str name, struct binance_stream *out)
{
	const struct binance_dialect *d = state->dialect;
	const struct type *type;
	struct parts p;

	if (name.n >= sizeof out->name || !take_apart(name, &p))
		return false;
	*out = (struct binance_stream){ .kind = BINANCE_NOTHING, .slot = -1 };
	memcpy(out->name, name.p, name.n);
	type = find_type(p.type);
	out->routed = type == NULL || (carries(d, route, type) && complete(d, type, &p, out));
	if (type != NULL && out->routed && find_symbol(m, p.symbol, &out->symbol))
		out->kind = type->kind;
	return true;
}

bool binance_stream_covers(const struct binance_stream *have, bc_str recorded)
{
	struct parts a, b;

	if (!have->routed || !take_apart(bc_str_of(have->name), &a) || !take_apart(recorded, &b))
		return false;
	return bc_str_equal(a.symbol, b.symbol) && bc_str_equal(a.type, b.type);
}
