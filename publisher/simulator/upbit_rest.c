/* upbit_rest.c - the quotation REST API, and the door of the WebSocket. */
#include "publisher/simulator/upbit.h"

#include <stdlib.h>
#include <string.h>

#define CONNECTS_PER_S   5
#define REQUESTS_PER_S   10
#define ORIGIN_WINDOW_NS (10 * BC_NS_PER_S)
#define KST_AHEAD_NS     (9 * 3600 * BC_NS_PER_S)
#define TEXT_MAX         16384

enum group { GROUP_MARKET, GROUP_ORDERBOOK, GROUP_TRADES, GROUP_CANDLES, GROUP_TICKER, N_GROUPS };

static const char *const group_names[N_GROUPS] = {
	[GROUP_MARKET] = "market",      [GROUP_ORDERBOOK] = "orderbook",
	[GROUP_TRADES] = "crix-trades", [GROUP_CANDLES] = "candles",
	[GROUP_TICKER] = "ticker",
};

void *upbit_state_new(void)
{
	struct upbit_state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	sim_limit_init(&s->connects, CONNECTS_PER_S, BC_NS_PER_S);
	sim_limit_init(&s->origin, 1, ORIGIN_WINDOW_NS);
	for (size_t g = 0; g < N_GROUPS; g++)
		sim_limit_init(&s->groups[g], REQUESTS_PER_S, BC_NS_PER_S);
	return s;
}

void upbit_state_free(void *state)
{
	free(state);
}

static void fail(struct sim_reply *reply, int status, const char *message)
{
	reply->status = status;
	sim_buffer_clear(&reply->body);
	sim_buffer_printf(&reply->body, "{\"error\":{\"name\":%d,\"message\":", status);
	sim_buffer_json(&reply->body, bc_str_of(message));
	sim_buffer_text(&reply->body, "}}");
}

static void remaining(struct sim_reply *reply, const char *name, const struct sim_limit *limit,
		      bc_mono_time now)
{
	sim_buffer_printf(&reply->headers,
			  "Remaining-Req: group=%s; min=%u; sec=%u\r\nLimit-By-Ip: Yes\r\n", name,
			  limit->n * 60, sim_limit_left(limit, now));
}

/* A browser's Origin header puts a request under a limit of its own. */
static bool admit(struct upbit_state *s, struct sim_limit *limit, const char *name,
		  const struct sim_world *world, const struct http_request *r,
		  struct sim_reply *reply)
{
	bool admitted;

	if (http_header(r, "Origin").n > 0) {
		limit = &s->origin;
		name = "origin";
	}
	admitted = sim_limit_take(limit, world->mono) || world->forgiving;
	remaining(reply, name, limit, world->mono);
	if (!admitted)
		fail(reply, 429, "Too Many Requests");
	return admitted;
}

void upbit_upgrade(void *state, const struct sim_world *world, const struct http_request *r,
		   struct sim_reply *reply)
{
	struct upbit_state *s = state;

	if (!bc_str_is(r->path, "/websocket/v1"))
		fail(reply, 404, "no Route matched with those values");
	else if (admit(s, &s->connects, "websocket", world, r, reply))
		reply->status = 101;
}

/* ------------------------------------------------------------------ what is asked for */

/* The next comma separated name of *list that is a listed symbol; false: the list is at its
 * end. REST takes lower case too. An unknown name makes *known false. */
static bool next_market(const struct sim_world *world, char **list, size_t *symbol, bool *known)
{
	char *name = strsep(list, ",");

	if (name == NULL)
		return false;
	for (char *c = name; *c != '\0'; c++)
		if (*c >= 'a' && *c <= 'z')
			*c = (char)(*c - 'a' + 'A');
	*known = market_find(world->market, bc_str_of(name), symbol) &&
		 !market_delisted(world->market, *symbol);
	return true;
}

/* A number in [low, high], `otherwise` where it is not given; false: it is something else. */
static bool number_of(const struct http_request *r, const char *key, long low, long high,
		      long otherwise, long *out)
{
	char text[24], *end;

	*out = otherwise;
	if (http_query(r, key, text, sizeof text) == BC_ENOTFOUND)
		return true;
	*out = strtol(text, &end, 10);
	return end != text && *end == '\0' && *out >= low && *out <= high;
}

/* Writes one object for each market that `key` names, as an array. */
struct each {
	const struct sim_world *world;
	const struct http_request *r;
	struct sim_reply *reply;
	void (*write)(struct each *e, size_t symbol);
	long count;
	bc_str level;
};

static void for_each_market(struct each *e, const char *key)
{
	char text[TEXT_MAX], *list = text;
	size_t symbol = 0, n = 0;
	bool known;

	if (http_query(e->r, key, text, sizeof text) != BC_OK || text[0] == '\0') {
		fail(e->reply, 400,
		     "Missing request parameter error. Check the required parameters!");
		return;
	}
	sim_buffer_char(&e->reply->body, '[');
	while (next_market(e->world, &list, &symbol, &known)) {
		size_t before = e->reply->body.n;

		if (!known) {
			fail(e->reply, 404, "Code not found");
			return;
		}
		if (n > 0)
			sim_buffer_char(&e->reply->body, ',');
		e->write(e, symbol);
		if (e->reply->body.n == before + (n > 0 ? 1 : 0))
			e->reply->body.n = before;
		else
			n++;
	}
	sim_buffer_char(&e->reply->body, ']');
}

/* ------------------------------------------------------------------ writers */

static void field(struct sim_buffer *b, const char *before, bc_decimal value)
{
	sim_buffer_text(b, before);
	sim_buffer_number(b, value, SIM_PLAIN);
}

static bool level_index(const struct market_spec *spec, bc_str text, size_t *level)
{
	bc_decimal want = { 0, 0 };

	*level = 0;
	if (text.n == 0)
		return true;
	if (bc_decimal_parse(text.p, text.n, &want) != BC_OK)
		return false;
	for (*level = 0; *level < (upbit_has_levels(spec) ? UPBIT_N_LEVELS : 1); ++*level)
		if (bc_decimal_compare(upbit_level(spec, *level), want) == 0)
			return true;
	return false;
}

static void write_orderbook(struct each *e, size_t symbol)
{
	const struct market_spec *spec = market_spec(e->world->market, symbol);
	struct sim_buffer *b = &e->reply->body;
	bc_level bids[UPBIT_UNITS_MAX], asks[UPBIT_UNITS_MAX];
	size_t n = (size_t)e->count, n_bids, n_asks, level;
	bc_decimal bid_total = { 0, 0 }, ask_total = { 0, 0 };

	if (!level_index(spec, e->level, &level))
		return;
	n_bids = upbit_side(e->world->market, symbol, MARKET_BID, level, bids, n);
	n_asks = upbit_side(e->world->market, symbol, MARKET_ASK, level, asks, n);
	for (size_t k = 0; k < n_bids; k++)
		bc_decimal_add(bid_total, bids[k].quantity, &bid_total);
	for (size_t k = 0; k < n_asks; k++)
		bc_decimal_add(ask_total, asks[k].quantity, &ask_total);
	sim_buffer_printf(b, "{\"market\":\"%s\",\"timestamp\":%lld", spec->name,
			  (long long)upbit_ms(e->world, market_changed(e->world->market, symbol)));
	field(b, ",\"total_ask_size\":", ask_total);
	field(b, ",\"total_bid_size\":", bid_total);
	sim_buffer_text(b, ",\"orderbook_units\":[");
	for (size_t k = 0; k < n; k++) {
		field(b, k == 0 ? "{\"bid_price\":" : ",{\"bid_price\":", bids[k].price);
		field(b, ",\"bid_size\":", bids[k].quantity);
		field(b, ",\"ask_price\":", asks[k].price);
		field(b, ",\"ask_size\":", asks[k].quantity);
		sim_buffer_char(b, '}');
	}
	field(b, "],\"level\":", upbit_level(spec, level));
	sim_buffer_char(b, '}');
}

static void quoted(struct sim_buffer *b, bc_decimal value)
{
	sim_buffer_char(b, '"');
	sim_buffer_number(b, value, SIM_PLAIN);
	sim_buffer_char(b, '"');
}

static void write_instrument(struct each *e, size_t symbol)
{
	const struct market_spec *spec = market_spec(e->world->market, symbol);
	struct sim_buffer *b = &e->reply->body;
	size_t levels = upbit_has_levels(spec) ? UPBIT_N_LEVELS : 1;

	sim_buffer_printf(b, "{\"market\":\"%s\",\"quote_currency\":\"%.*s\",\"tick_size\":",
			  spec->name, (int)strcspn(spec->name, "-"), spec->name);
	quoted(b, market_price(spec, 1));
	sim_buffer_text(b, ",\"supported_levels\":[");
	for (size_t k = 0; k < levels; k++) {
		if (k > 0)
			sim_buffer_char(b, ',');
		quoted(b, upbit_level(spec, k));
	}
	sim_buffer_text(b, "]}");
}

static void write_moment(struct sim_buffer *b, const char *date, const char *time, bool compact,
			 bc_wall_time t)
{
	sim_buffer_printf(b, ",\"%s\":\"", date);
	sim_buffer_date(b, t, compact);
	sim_buffer_printf(b, "\",\"%s\":\"", time);
	sim_buffer_time(b, t, compact);
	sim_buffer_char(b, '"');
}

static void write_ticker(struct each *e, size_t symbol)
{
	const struct market_spec *spec = market_spec(e->world->market, symbol);
	const struct market_trade *t = market_trade(e->world->market, symbol, 0);
	struct sim_buffer *b = &e->reply->body;
	struct market_stats s;
	int64_t ticks, ms = upbit_ms(e->world, t->time);

	market_get_stats(e->world->market, symbol, &s);
	sim_buffer_printf(b, "{\"market\":\"%s\"", spec->name);
	write_moment(b, "trade_date", "trade_time", true, t->time);
	sim_buffer_printf(b, ",\"trade_timestamp\":%lld", (long long)ms);
	field(b, ",\"opening_price\":", market_price(spec, s.open));
	field(b, ",\"high_price\":", market_price(spec, s.high));
	field(b, ",\"low_price\":", market_price(spec, s.low));
	field(b, ",\"trade_price\":", market_price(spec, s.last));
	field(b, ",\"prev_closing_price\":", market_price(spec, s.previous_close));
	sim_buffer_printf(b, ",\"change\":\"%s\"", upbit_change(s.last, s.previous_close, &ticks));
	field(b, ",\"change_price\":", market_price(spec, ticks < 0 ? -ticks : ticks));
	field(b, ",\"signed_change_price\":", market_price(spec, ticks));
	field(b, ",\"trade_volume\":", market_quantity(spec, t->quantity));
	field(b, ",\"acc_trade_price\":", s.value);
	field(b, ",\"acc_trade_price_24h\":", s.value_24h);
	field(b, ",\"acc_trade_volume\":", s.volume);
	field(b, ",\"acc_trade_volume_24h\":", s.volume_24h);
	sim_buffer_printf(b, ",\"timestamp\":%lld}", (long long)ms);
}

static void write_trade(struct sim_buffer *b, const struct sim_world *world, size_t symbol,
			size_t k)
{
	const struct market_spec *spec = market_spec(world->market, symbol);
	const struct market_trade *t = market_trade(world->market, symbol, k);
	struct market_stats s;
	int64_t ticks;

	market_get_stats(world->market, symbol, &s);
	upbit_change(t->price, s.previous_close, &ticks);
	sim_buffer_printf(b, "{\"market\":\"%s\"", spec->name);
	write_moment(b, "trade_date_utc", "trade_time_utc", false, t->time);
	sim_buffer_printf(b, ",\"timestamp\":%lld", (long long)upbit_ms(world, t->time));
	field(b, ",\"trade_price\":", market_price(spec, t->price));
	field(b, ",\"trade_volume\":", market_quantity(spec, t->quantity));
	field(b, ",\"prev_closing_price\":", market_price(spec, s.previous_close));
	field(b, ",\"change_price\":", market_price(spec, ticks));
	sim_buffer_printf(b, ",\"ask_bid\":\"%s\",\"sequential_id\":%llu}",
			  t->maker == MARKET_ASK ? "BID" : "ASK",
			  (unsigned long long)upbit_sequential_id(t));
}

static void write_candle(struct sim_buffer *b, const struct market_spec *spec,
			 const struct market_candle *c, int unit)
{
	bc_wall_time kst = { c->open_time.ns + KST_AHEAD_NS };

	sim_buffer_printf(b, "{\"market\":\"%s\",\"candle_date_time_utc\":\"", spec->name);
	sim_buffer_date(b, c->open_time, false);
	sim_buffer_char(b, 'T');
	sim_buffer_time(b, c->open_time, false);
	sim_buffer_text(b, "\",\"candle_date_time_kst\":\"");
	sim_buffer_date(b, kst, false);
	sim_buffer_char(b, 'T');
	sim_buffer_time(b, kst, false);
	field(b, "\",\"opening_price\":", market_price(spec, c->open));
	field(b, ",\"high_price\":", market_price(spec, c->high));
	field(b, ",\"low_price\":", market_price(spec, c->low));
	field(b, ",\"trade_price\":", market_price(spec, c->close));
	sim_buffer_printf(b, ",\"timestamp\":%lld", (long long)(c->last_time.ns / BC_NS_PER_MS));
	field(b, ",\"candle_acc_trade_price\":", c->value);
	field(b, ",\"candle_acc_trade_volume\":", c->volume);
	if (unit > 0)
		sim_buffer_printf(b, ",\"unit\":%d", unit);
	sim_buffer_char(b, '}');
}

/* ------------------------------------------------------------------ endpoints */

static void get_markets(struct each *e)
{
	struct sim_buffer *b = &e->reply->body;
	char details[8] = "";
	bool first = true;

	http_query(e->r, "is_details", details, sizeof details);
	sim_buffer_char(b, '[');
	for (size_t i = 0; i < market_n_symbols(e->world->market); i++) {
		const char *name = market_spec(e->world->market, i)->name;
		const char *base = strchr(name, '-');

		if (market_delisted(e->world->market, i))
			continue;
		base = base != NULL ? base + 1 : name;
		sim_buffer_printf(b,
				  "%s{\"market\":\"%s\",\"korean_name\":\"%s\","
				  "\"english_name\":\"%s\"",
				  first ? "" : ",", name, base, base);
		if (strcmp(details, "true") == 0)
			sim_buffer_text(b, ",\"market_event\":{\"warning\":false,\"caution\":{"
					   "\"PRICE_FLUCTUATIONS\":false,"
					   "\"TRADING_VOLUME_SOARING\":false,"
					   "\"DEPOSIT_AMOUNT_SOARING\":false,"
					   "\"GLOBAL_PRICE_DIFFERENCES\":false,"
					   "\"CONCENTRATION_OF_SMALL_ACCOUNTS\":false}}");
		sim_buffer_char(b, '}');
		first = false;
	}
	sim_buffer_char(b, ']');
}

static void get_instruments(struct each *e)
{
	e->write = write_instrument;
	for_each_market(e, "markets");
}

static void get_orderbook(struct each *e)
{
	char level[32] = "";

	if (http_query(e->r, "level", level, sizeof level) == BC_ERANGE ||
	    !number_of(e->r, "count", 1, UPBIT_UNITS_MAX, UPBIT_UNITS_MAX, &e->count)) {
		fail(e->reply, 400, "Type mismatch error. Check the parameters type!");
		return;
	}
	e->level = bc_str_of(level);
	e->write = write_orderbook;
	for_each_market(e, "markets");
}

static void get_ticker(struct each *e)
{
	e->write = write_ticker;
	for_each_market(e, "markets");
}

/* The one market that a request names; false: the refusal is written. */
static bool one_market(struct each *e, size_t *symbol)
{
	char text[MARKET_NAME_MAX], *list = text;
	bool known = false;

	if (http_query(e->r, "market", text, sizeof text) != BC_OK) {
		fail(e->reply, 400,
		     "Missing request parameter error. Check the required parameters!");
		return false;
	}
	next_market(e->world, &list, symbol, &known);
	if (!known)
		fail(e->reply, 404, "Code not found");
	return known;
}

static void get_trades(struct each *e)
{
	size_t symbol = 0;
	long cursor;

	if (!number_of(e->r, "count", 1, 500, 1, &e->count) ||
	    !number_of(e->r, "cursor", 0, INT64_MAX, 0, &cursor)) {
		fail(e->reply, 400, "Type mismatch error. Check the parameters type!");
		return;
	}
	if (!one_market(e, &symbol))
		return;
	sim_buffer_char(&e->reply->body, '[');
	for (size_t k = 0; e->count > 0; k++) {
		const struct market_trade *t = market_trade(e->world->market, symbol, k);

		if (t == NULL)
			break;
		if (cursor != 0 && upbit_sequential_id(t) >= (uint64_t)cursor)
			continue;
		if (e->reply->body.n > 1)
			sim_buffer_char(&e->reply->body, ',');
		write_trade(&e->reply->body, e->world, symbol, k);
		e->count--;
	}
	sim_buffer_char(&e->reply->body, ']');
}

/* "seconds", "minutes/5", "days" */
static const struct {
	const char *path;
	enum upbit_interval interval;
	int unit;
} candle_paths[] = {
	{ "seconds", UPBIT_1S, 0 },         { "minutes/1", UPBIT_1M, 1 },
	{ "minutes/3", UPBIT_3M, 3 },       { "minutes/5", UPBIT_5M, 5 },
	{ "minutes/10", UPBIT_10M, 10 },    { "minutes/15", UPBIT_15M, 15 },
	{ "minutes/30", UPBIT_30M, 30 },    { "minutes/60", UPBIT_60M, 60 },
	{ "minutes/240", UPBIT_240M, 240 }, { "days", UPBIT_1D, 0 },
};

static void get_candles(struct each *e)
{
	bc_str path = e->r->path;
	struct market_candle c;
	size_t symbol = 0, at = 0, n = sizeof candle_paths / sizeof *candle_paths;
	size_t prefix = sizeof "/v1/candles/" - 1;

	path.p += prefix;
	path.n -= prefix;
	while (at < n && !bc_str_is(path, candle_paths[at].path))
		at++;
	if (at == n) {
		fail(e->reply, 404, "no Route matched with those values");
		return;
	}
	if (!number_of(e->r, "count", 1, MARKET_CANDLES_KEPT, 1, &e->count)) {
		fail(e->reply, 400, "Type mismatch error. Check the parameters type!");
		return;
	}
	if (!one_market(e, &symbol))
		return;
	sim_buffer_char(&e->reply->body, '[');
	for (size_t k = 0; k < (size_t)e->count; k++) {
		if (!market_get_candle(e->world->market, symbol, (size_t)candle_paths[at].interval,
				       k, &c))
			break;
		if (k > 0)
			sim_buffer_char(&e->reply->body, ',');
		write_candle(&e->reply->body, market_spec(e->world->market, symbol), &c,
			     candle_paths[at].unit);
	}
	sim_buffer_char(&e->reply->body, ']');
}

/* A path ending in '/' takes everything below it. `data`: not known of a capture. */
static const struct {
	const char *path;
	enum group group;
	bool data;
	void (*get)(struct each *e);
} endpoints[] = {
	{ "/v1/market/all", GROUP_MARKET, false, get_markets },
	{ "/v1/orderbook/instruments", GROUP_ORDERBOOK, false, get_instruments },
	{ "/v1/orderbook", GROUP_ORDERBOOK, true, get_orderbook },
	{ "/v1/trades/ticks", GROUP_TRADES, true, get_trades },
	{ "/v1/ticker", GROUP_TICKER, true, get_ticker },
	{ "/v1/candles/", GROUP_CANDLES, true, get_candles },
};

static bool path_matches(bc_str path, const char *pattern)
{
	size_t n = strlen(pattern);

	if (pattern[n - 1] == '/')
		return path.n > n && memcmp(path.p, pattern, n) == 0;
	return bc_str_is(path, pattern);
}

void upbit_request(void *state, const struct sim_world *world, const struct http_request *r,
		   struct sim_reply *reply)
{
	struct upbit_state *s = state;
	struct each e = { .world = world, .r = r, .reply = reply };

	for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
		enum group group = endpoints[i].group;

		if (!path_matches(r->path, endpoints[i].path))
			continue;
		if (!bc_str_is(r->method, "GET")) {
			fail(reply, 405, "Method Not Allowed");
			return;
		}
		ledger_count(world->ledger, LEDGER_REQUESTS, group_names[group], 1);
		if (admit(s, &s->groups[group], group_names[group], world, r, reply)) {
			if (world->replay && endpoints[i].data)
				fail(reply, 404, "not part of the capture");
			else
				endpoints[i].get(&e);
		}
		return;
	}
	fail(reply, 404, "no Route matched with those values");
}
