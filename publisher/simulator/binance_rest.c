/* binance_rest.c - the door of the WebSocket, and the REST API of market data. */
#include "publisher/simulator/binance.h"

#include <stdlib.h>
#include <string.h>

void binance_refuse(struct sim_reply *reply, int status, int code, const char *message)
{
	reply->status = status;
	sim_buffer_clear(&reply->body);
	sim_buffer_printf(&reply->body, "{\"code\":%d,\"msg\":", code);
	sim_buffer_json(&reply->body, bc_str_of(message));
	sim_buffer_char(&reply->body, '}');
}

/* ------------------------------------------------------------------ the door */

static bool take_prefix(bc_str *path, const char *prefix)
{
	bc_str p = bc_str_of(prefix);

	if (!bc_str_starts(*path, p))
		return false;
	path->p += p.n;
	path->n -= p.n;
	return true;
}

bool binance_path(const struct binance_dialect *d, bc_str path, enum binance_route *route,
		  bool *combined, bc_str *streams)
{
	*route = BINANCE_LEGACY;
	if (d->usdm && take_prefix(&path, "/public/"))
		*route = BINANCE_PUBLIC;
	else if (d->usdm && take_prefix(&path, "/market/"))
		*route = BINANCE_MARKET;
	else if (!take_prefix(&path, "/"))
		return false;
	*combined = take_prefix(&path, "stream");
	if (!*combined && !take_prefix(&path, "ws"))
		return false;
	if (!*combined && take_prefix(&path, "/"))
		*streams = path;
	else if (path.n > 0)
		return false;
	return true;
}

void binance_upgrade(void *state, const struct sim_world *world, const struct http_request *r,
		     struct sim_reply *reply)
{
	struct binance_state *s = state;
	enum binance_route route;
	bc_str streams;
	bool combined;

	if (!binance_path(s->dialect, r->path, &route, &combined, &streams)) {
		binance_refuse(reply, 404, -1000, "no such path");
	} else if (!sim_limit_take(&s->connects, world->mono) && !world->forgiving) {
		sim_buffer_text(&reply->headers, "Retry-After: 300\r\n");
		binance_refuse(reply, 429, -1003, "Too many connections; 300 per 5 minutes.");
	} else {
		reply->status = 101;
	}
}

/* ------------------------------------------------------------------ what is asked for */

bool binance_number(struct binance_ask *a, const char *key, int64_t otherwise, int64_t *out)
{
	char text[24], *end;
	bc_status rc = http_query(a->r, key, text, sizeof text);

	*out = otherwise;
	if (rc == BC_ENOTFOUND)
		return true;
	if (rc == BC_OK && text[0] >= '0' && text[0] <= '9') {
		*out = strtoll(text, &end, 10);
		if (*end == '\0')
			return true;
	}
	binance_refuse(a->reply, 400, -1100,
		       "Illegal characters found in a parameter; legal range is "
		       "'^[0-9]{1,20}$'.");
	return false;
}

bool binance_has(const struct binance_ask *a, const char *key)
{
	char text[4];

	return http_query(a->r, key, text, sizeof text) != BC_ENOTFOUND;
}

bool binance_symbol(struct binance_ask *a)
{
	char text[MARKET_NAME_MAX];
	bc_status rc = http_query(a->r, "symbol", text, sizeof text);

	if (rc == BC_ENOTFOUND || (rc == BC_OK && text[0] == '\0')) {
		binance_refuse(a->reply, 400, -1102,
			       "Mandatory parameter 'symbol' was not sent, was empty/null, or "
			       "malformed.");
		return false;
	}
	if (rc == BC_OK && market_find(a->world->market, bc_str_of(text), &a->symbol) &&
	    !market_delisted(a->world->market, a->symbol))
		return true;
	binance_refuse(a->reply, 400, -1121, "Invalid symbol.");
	return false;
}

/* ------------------------------------------------------------------ depth */

/* The row whose limit covers `limit`, or is it; NULL: there is none. */
static const struct binance_depth_cost *cost_of(const struct binance_dialect *d, int64_t limit)
{
	const struct binance_depth_cost *row = d->depth_costs;

	while (row->limit != 0 && limit > row->limit)
		row++;
	if (row->limit == 0)
		return d->depth_exact ? NULL : row - 1; /* spot gives what it has */
	return !d->depth_exact || row->limit == limit ? row : NULL;
}

/* How many changes ago the answer shall be; 0: none. */
static uint64_t age_of(const struct binance_ask *a)
{
	struct sim_old_snapshots *old = a->world->old_snapshots;
	uint64_t seq = market_seq(a->world->market, a->symbol);

	if (old == NULL || old->n == 0 ||
	    (old->symbol[0] != '\0' &&
	     strcmp(old->symbol, market_spec(a->world->market, a->symbol)->name) != 0))
		return 0;
	old->n--;
	return old->changes < seq ? old->changes : seq - 1;
}

static bool put_old_side(const struct binance_ask *a, enum market_side side, uint64_t seq)
{
	struct binance_changes changes = { .list = NULL };
	bool known = binance_changes_since(&changes, a->world->market, a->symbol, side, seq);

	if (known)
		binance_put_past(&a->reply->body, a->dialect, a->world->market, a->symbol, &changes,
				 (size_t)a->limit);
	binance_changes_free(&changes);
	return known;
}

static void put_side(const struct binance_ask *a, enum market_side side, uint64_t seq)
{
	if (seq == market_seq(a->world->market, a->symbol) || !put_old_side(a, side, seq))
		binance_put_top(&a->reply->body, a->dialect, a->world->market, a->symbol, side,
				(size_t)a->limit);
}

static void write_depth(struct binance_ask *a)
{
	struct sim_buffer *b = &a->reply->body;
	uint64_t seq = market_seq(a->world->market, a->symbol) - age_of(a);

	sim_buffer_text(b, "{\"lastUpdateId\":");
	sim_buffer_unsigned(b, binance_id(a->dialect, a->symbol, seq));
	if (a->dialect->usdm)
		sim_buffer_printf(b, ",\"E\":%lld,\"T\":%lld",
				  (long long)binance_time(a->world, a->world->now, false),
				  (long long)binance_time(a->world,
							  market_changed(a->world->market,
									 a->symbol),
							  false));
	sim_buffer_text(b, ",\"bids\":");
	put_side(a, MARKET_BID, seq);
	sim_buffer_text(b, ",\"asks\":");
	put_side(a, MARKET_ASK, seq);
	sim_buffer_char(b, '}');
}

/* Weighed by its limit, so it reads that first. */
static void get_depth(struct binance_ask *a)
{
	const struct binance_depth_cost *cost;

	if (!binance_number(a, "limit", a->dialect->depth_default, &a->limit))
		return;
	cost = a->limit > 0 ? cost_of(a->dialect, a->limit) : NULL;
	if (!binance_weigh(a->state, a->world, cost != NULL ? cost->weight : 1, a->reply))
		return;
	if (cost == NULL) {
		binance_refuse(a->reply, 400, a->dialect->usdm ? -4021 : -1130,
			       a->dialect->usdm ? "Depth limit is not valid."
						: "Data sent for parameter 'limit' is not valid.");
		return;
	}
	if (a->limit > cost->limit)
		a->limit = cost->limit;
	if (!binance_symbol(a))
		return;
	if (a->world->replay)
		binance_recorded_depth(a);
	else
		write_depth(a);
}

/* ------------------------------------------------------------------ small things */

static void get_ping(struct binance_ask *a)
{
	sim_buffer_text(&a->reply->body, "{}");
}

static void get_time(struct binance_ask *a)
{
	sim_buffer_printf(&a->reply->body, "{\"serverTime\":%lld}",
			  (long long)binance_time(a->world, a->world->now, false));
}

/* ------------------------------------------------------------------ endpoints */

/* Weight 0: the function weighs for itself. `data`: not known of a capture. */
static const struct {
	const char *path; /* after /api/v3/ or /fapi/v1/ */
	uint32_t spot_weight, usdm_weight;
	bool data;
	void (*get)(struct binance_ask *a);
} endpoints[] = {
	{ "ping", 1, 1, false, get_ping },
	{ "time", 1, 1, false, get_time },
	{ "exchangeInfo", 20, 1, false, binance_get_info },
	{ "depth", 0, 0, false, get_depth },
	{ "trades", 25, 5, true, binance_get_trades },
	{ "aggTrades", 4, 20, true, binance_get_agg_trades },
	{ "klines", 0, 0, true, binance_get_klines },
	{ "ticker/bookTicker", 0, 0, true, binance_get_book_ticker },
	{ "ticker/24hr", 0, 0, true, binance_get_ticker },
};

static void run(struct binance_ask *a, size_t at)
{
	uint32_t weight = a->dialect->usdm ? endpoints[at].usdm_weight : endpoints[at].spot_weight;

	if (!bc_str_is(a->r->method, "GET"))
		binance_refuse(a->reply, 405, -1000, "only GET");
	else if (a->world->replay && endpoints[at].data)
		binance_refuse(a->reply, 404, -1000, "not part of the capture");
	else if (weight == 0 || binance_weigh(a->state, a->world, weight, a->reply))
		endpoints[at].get(a);
}

void binance_request(void *state, const struct sim_world *world, const struct http_request *r,
		     struct sim_reply *reply)
{
	struct binance_state *s = state;
	struct binance_ask a = {
		.state = s, .dialect = s->dialect, .world = world, .r = r, .reply = reply
	};
	bc_str path = r->path;

	if (take_prefix(&path, s->dialect->rest))
		for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
			if (bc_str_is(path, endpoints[i].path)) {
				run(&a, i);
				return;
			}
	binance_refuse(reply, 404, -1000, "no such path");
}
