#include "subscribers/cache/reports.h"

#include <stdio.h>
#include <string.h>

enum { MAX_UNFIT = 100 };

static void put_time(struct bc_json_writer *w, const char *key, bc_wall_time t)
{
	bc_json_key(w, bc_str_of(key));
	if (bc_wall_known(t))
		bc_json_int(w, t.ns);
	else
		bc_json_null(w);
}

/* ---- GATEWAYS ---- */

static void put_details(struct bc_json_writer *w, const struct bc_gateway *g)
{
	static const char *const unknown[] = { "shard", "pid", "version", "started", "endpoint" };
	const struct bc_gateway_details *d = &g->details;
	char shard[32];
	if (!g->has_details) {
		for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
			bc_json_put_text(w, unknown[i], NULL);
	} else {
		snprintf(shard, sizeof shard, "%u/%u", d->shard_index, d->shard_count);
		bc_json_put_text(w, "shard", shard);
		bc_json_put_uint(w, "pid", d->pid);
		bc_json_put_text(w, "version", d->version);
		put_time(w, "started", d->started);
		bc_json_put_text(w, "endpoint", d->n_endpoints > 0 ? d->endpoints[0] : NULL);
	}
	bc_json_put_array(w, "endpoints");
	for (uint32_t i = 0; i < d->n_endpoints; i++)
		bc_json_string(w, bc_str_of(d->endpoints[i]));
	bc_json_array_end(w);
	bc_json_put_uint(w, "symbols", g->n_symbols);
	bc_json_put_uint(w, "symbols_version", g->symbols_version);
	bc_json_put_bool(w, "symbols_partial", !bc_gateway_lists_all(g));
	bc_json_put_object(w, "counters");
	for (uint32_t i = 0; i < d->n_counters; i++)
		bc_json_put_uint(w, d->counters[i].name, d->counters[i].value);
	bc_json_object_end(w);
}

static void put_gateway(struct bc_json_writer *w, const struct bc_gateways *set,
			const struct bc_gateway *g, bc_mono_time now)
{
	/* What it said of itself holds as long as it is heard; a goodbye holds on. */
	bool gone = bc_gateway_gone(g, now) && g->state != BC_STATE_DOWN;
	bc_json_object(w);
	bc_json_put_text(w, "exchange", g->exchange);
	bc_json_put_text(w, "instance", g->instance[0] == '\0' ? NULL : g->instance);
	bc_json_put_uint(w, "epoch", g->epoch);
	bc_json_put_text(w, "state", bc_state_word(gone ? BC_STATE_STALE : g->state));
	bc_json_put_text(w, "reason", bc_reason_word(gone ? BC_REASON_GATEWAY : g->reason));
	put_time(w, "since", gone ? (bc_wall_time){ BC_TIME_UNKNOWN } : g->since);
	bc_json_put_int(w, "heard_ns", now.ns - g->heard.ns);
	bc_json_put_int(w, "interval_ns", g->interval_ns);
	put_details(w, g);
	cache_put_lines(set, g, now, w);
	bc_json_object_end(w);
}

static bool first_of_exchange(const struct bc_gateways *set, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!bc_gateways_at(set, k)->replaced &&
		    strcmp(bc_gateways_at(set, k)->exchange, bc_gateways_at(set, i)->exchange) == 0)
			return false;
	return !bc_gateways_at(set, i)->replaced;
}

void cache_report_gateways(struct bc_board *board, const struct cache_about *about,
			   bc_mono_time now, struct bc_json_writer *w)
{
	const struct bc_gateways *set = bc_board_gateways(board);
	(void)about;
	bc_json_object(w);
	bc_json_put_array(w, "gateways");
	for (size_t i = 0; i < bc_gateways_count(set); i++)
		if (!bc_gateways_at(set, i)->replaced)
			put_gateway(w, set, bc_gateways_at(set, i), now);
	bc_json_array_end(w);
	bc_json_put_array(w, "exchanges");
	for (size_t i = 0; i < bc_gateways_count(set); i++)
		if (first_of_exchange(set, i))
			cache_put_ownership(set, bc_gateways_at(set, i)->exchange, now, w);
	bc_json_array_end(w);
	bc_json_object_end(w);
}

/* ---- HEALTH ---- */

static struct bc_board_answer state_of(struct bc_board *board, const char *exchange, bc_str symbol,
				       bc_mono_time now)
{
	char topic[BC_TOPIC_MAX + 1];
	size_t n = 0;
	struct bc_board_answer answer;
	/* One that makes no topic is found nowhere: down. */
	if (bc_topic_make(bc_str_of(exchange), symbol, BC_CHANNEL_STATE, 0, topic, &n) != BC_OK)
		n = 0;
	bc_board_get(board, (bc_str){ topic, n }, now, &answer);
	return answer;
}

struct census {
	struct bc_board *board;
	bc_mono_time now;
	size_t gateways, gone, symbols;
	size_t states[BC_N_STATES];
	uint64_t missing, orphans; /* shards that nobody is; symbols that nobody lists */
	size_t listing;            /* gateways that do not know all of their symbols yet */
};

typedef void each_symbol_fn(struct census *census, const struct bc_gateway *g, bc_str symbol,
			    struct bc_json_writer *w);

/* With A/B lines two gateways list a symbol: it counts once. */
static bool listed_before(const struct bc_gateways *set, size_t i, bc_str symbol)
{
	const struct bc_gateway *g = bc_gateways_at(set, i);
	for (size_t k = 0; k < i; k++) {
		const struct bc_gateway *other = bc_gateways_at(set, k);
		if (!other->replaced && strcmp(other->exchange, g->exchange) == 0 &&
		    bc_gateway_lists(other, symbol))
			return true;
	}
	return false;
}

static void each_symbol(struct census *c, const char *exchange, each_symbol_fn *fn,
			struct bc_json_writer *w)
{
	const struct bc_gateways *set = bc_board_gateways(c->board);
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		if (g->replaced || strcmp(g->exchange, exchange) != 0)
			continue;
		for (uint32_t k = 0; k < g->n_symbols; k++)
			if (!listed_before(set, i, g->symbols[k]))
				fn(c, g, g->symbols[k], w);
	}
}

static void count_symbol(struct census *c, const struct bc_gateway *g, bc_str symbol,
			 struct bc_json_writer *w)
{
	(void)w;
	unsigned state = state_of(c->board, g->exchange, symbol, c->now).state;
	c->symbols++;
	if (state < BC_N_STATES)
		c->states[state]++;
}

static void put_unfit(struct census *c, const struct bc_gateway *g, bc_str symbol,
		      struct bc_json_writer *w)
{
	struct bc_board_answer s = state_of(c->board, g->exchange, symbol, c->now);
	if (bc_state_fit(s.state) || c->symbols >= MAX_UNFIT)
		return;
	c->symbols++;
	bc_json_object(w);
	bc_json_put_string(w, "symbol", symbol);
	bc_json_put_text(w, "state", bc_state_word(s.state));
	bc_json_put_text(w, "reason", bc_reason_word(s.reason));
	put_time(w, "since", s.since);
	bc_json_object_end(w);
}

/* One that said goodbye is missed by nobody as long as others serve its symbols; where nobody does,
 * they are down and tell by themselves. */
static struct census count_exchange(struct bc_board *board, const char *exchange, bc_mono_time now)
{
	const struct bc_gateways *set = bc_board_gateways(board);
	struct census c = { .board = board, .now = now };
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		if (g->replaced || g->state == BC_STATE_DOWN || strcmp(g->exchange, exchange) != 0)
			continue;
		c.gateways++;
		c.gone += bc_gateway_gone(g, now);
		c.listing += !bc_gateway_gone(g, now) && !bc_gateway_lists_all(g);
	}
	each_symbol(&c, exchange, count_symbol, NULL);
	cache_count_missing(set, exchange, now, &c.missing, &c.orphans);
	return c;
}

struct cache_tally cache_tally(struct bc_board *board, bc_mono_time now)
{
	const struct bc_gateways *set = bc_board_gateways(board);
	struct cache_tally tally = { 0 };
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		if (!first_of_exchange(set, i))
			continue;
		struct census c = count_exchange(board, bc_gateways_at(set, i)->exchange, now);
		size_t fit = c.states[BC_STATE_LIVE] + c.states[BC_STATE_QUIET];
		tally.gateways += c.gateways;
		tally.gone += c.gone;
		tally.fit += fit;
		tally.unfit += c.symbols - fit - c.states[BC_STATE_HALTED];
		tally.missing += c.missing;
		tally.orphans += c.orphans;
	}
	return tally;
}

static bool all_fit(const struct census *c)
{
	return c->gateways > 0 && c->gone == 0 && c->missing == 0 && c->orphans == 0 &&
	       c->listing == 0 &&
	       c->states[BC_STATE_LIVE] + c->states[BC_STATE_QUIET] == c->symbols;
}

static void put_exchange(struct bc_json_writer *w, const struct census *c, const char *exchange)
{
	bc_json_object(w);
	bc_json_put_text(w, "exchange", exchange);
	bc_json_put_uint(w, "gateways", c->gateways);
	bc_json_put_uint(w, "gone", c->gone);
	bc_json_put_uint(w, "missing", c->missing);
	bc_json_put_uint(w, "orphans", c->orphans);
	bc_json_put_uint(w, "listing", c->listing);
	bc_json_put_uint(w, "symbols", c->symbols);
	bc_json_put_object(w, "states");
	for (unsigned s = 0; s < BC_N_STATES; s++)
		bc_json_put_uint(w, bc_state_word(s), c->states[s]);
	bc_json_object_end(w);
	bc_json_put_array(w, "unfit");
	struct census named = { .board = c->board, .now = c->now };
	each_symbol(&named, exchange, put_unfit, w);
	bc_json_array_end(w);
	bc_json_object_end(w);
}

void cache_report_health(struct bc_board *board, const struct cache_about *about, bc_mono_time now,
			 struct bc_json_writer *w)
{
	const struct bc_gateways *set = bc_board_gateways(board);
	size_t n_exchanges = 0;
	bool fit = true;
	bc_json_object(w);
	bc_json_put_int(w, "uptime_ns", now.ns - about->started.ns);
	bc_json_put_uint(w, "topics", bc_board_topics(board));
	bc_json_put_array(w, "exchanges");
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		if (!first_of_exchange(set, i))
			continue;
		const char *exchange = bc_gateways_at(set, i)->exchange;
		struct census c = count_exchange(board, exchange, now);
		fit = fit && all_fit(&c);
		n_exchanges++;
		put_exchange(w, &c, exchange);
	}
	bc_json_array_end(w);
	bc_json_put_bool(w, "fit", fit && n_exchanges > 0);
	bc_json_object_end(w);
}

/* ---- STATS ---- */

void cache_report_stats(struct bc_board *board, const struct cache_about *about, bc_mono_time now,
			struct bc_json_writer *w)
{
	const struct bc_board_stats *s = bc_board_stats(board);
	const struct cache_rings_stats *history = cache_rings_stats(about->rings);
	struct cache_tally tally = cache_tally(board, now);
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{ "messages", s->messages },
		{ "bytes", s->bytes },
		{ "bad", s->bad },
		{ "unknown", s->unknown },
		{ "duplicates", s->duplicates },
		{ "stragglers", s->stragglers },
		{ "gaps", s->gaps },
		{ "lost", s->lost },
		{ "refused", s->refused },
		{ "topics", bc_board_topics(board) },
		{ "payload_bytes", bc_board_bytes(board) },
		{ "max_topics", about->limits.max_topics },
		{ "max_payload_bytes", about->limits.max_bytes },
		{ "histories", cache_rings_count(about->rings) },
		{ "history_bytes", cache_rings_bytes(about->rings) },
		{ "max_history_bytes", cache_rings_limits(about->rings)->max_bytes },
		{ "history_kept", history->kept },
		{ "history_known", history->duplicates },
		{ "history_late", history->late },
		{ "history_refused", history->refused },
		{ "history_halved", history->halved },
		{ "gateways", tally.gateways },
		{ "gone", tally.gone },
		{ "missing", tally.missing },
		{ "orphans", tally.orphans },
		{ "requests", about->requests },
		{ "bad_requests", about->bad_requests },
		{ "clients_dropped", about->clients_dropped },
	};
	bc_json_object(w);
	bc_json_put_int(w, "uptime_ns", now.ns - about->started.ns);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		bc_json_put_uint(w, rows[i].key, rows[i].value);
	bc_json_object_end(w);
}
