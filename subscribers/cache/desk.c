#include "subscribers/cache/desk.h"

#include "common/board_frames.h"
#include "proto/topic.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = BC_RPC_MAX_ARGS, FRAMES_OF_A_TOPIC = 80 /* bytes, beside topic and payload */ };

struct cache_desk {
	struct bc_board *board;
	struct bc_rpc_server *server;
	struct cache_about about;
	bc_str topics[MAX_TOPICS];
	struct bc_board_answer answers[MAX_TOPICS];
};

struct cache_desk *cache_desk_new(struct bc_board *board, const struct cache_rings *rings,
				  const struct cache_delays *delays, struct bc_rpc_server *server,
				  const struct bc_board_limits *limits, bc_mono_time started)
{
	struct cache_desk *d = calloc(1, sizeof *d);
	if (d == NULL)
		return NULL;
	d->board = board;
	d->server = server;
	d->about.limits = *limits;
	d->about.rings = rings;
	d->about.delays = delays;
	d->about.started = started;
	return d;
}

void cache_desk_free(struct cache_desk **desk)
{
	free(*desk);
	*desk = NULL;
}

const struct cache_about *cache_desk_about(const struct cache_desk *d)
{
	return &d->about;
}

static void refuse(struct cache_desk *d, const char *reason)
{
	d->about.bad_requests++;
	bc_rpc_reply(d->server, BC_RPC_BAD, bc_str_of(reason));
}

/* ---- GET, MATCH, STATE ---- */

/* Looks all of them up; false: together they are more than an answer may hold. */
static bool look_up(struct cache_desk *d, const bc_str *topics, size_t n, bc_mono_time now)
{
	int64_t bytes = 0;
	for (size_t i = 0; i < n && bytes <= BC_RPC_MAX_BYTES; i++) {
		bc_board_get(d->board, topics[i], now, &d->answers[i]);
		bytes += (int64_t)(d->answers[i].payload.n + topics[i].n + FRAMES_OF_A_TOPIC);
	}
	return bytes <= BC_RPC_MAX_BYTES;
}

static void put_answer(struct cache_desk *d, const struct bc_board_answer *a)
{
	bc_rpc_reply_number(d->server, (int64_t)a->status);
	bc_rpc_reply_frame(d->server, bc_str_of(bc_state_word(a->state)));
	bc_rpc_reply_number(d->server, a->age_ns);
	bc_rpc_reply_number(d->server, a->proven_ns);
	bc_rpc_reply_frame(d->server, a->payload);
}

static void verb_get(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	if (!look_up(d, r->args, r->n_args, now)) {
		refuse(d, "the answer would pass 16 MiB: ask for fewer topics at once");
		return;
	}
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 0; i < r->n_args; i++)
		put_answer(d, &d->answers[i]);
	bc_rpc_reply_end(d->server);
}

static void put_state(struct cache_desk *d, const struct bc_board_answer *a)
{
	bc_rpc_reply_number(d->server, (int64_t)a->status);
	bc_rpc_reply_frame(d->server, bc_str_of(bc_state_word(a->state)));
	bc_rpc_reply_frame(d->server, bc_str_of(bc_reason_word(a->reason)));
	if (a->since.ns >= 0) /* known, and no nonsense of a gateway */
		bc_rpc_reply_number(d->server, a->since.ns);
	else
		bc_rpc_reply_frame(d->server, BC_STR(""));
	bc_rpc_reply_number(d->server, a->age_ns);
	bc_rpc_reply_number(d->server, a->proven_ns);
}

/* Beside the state why and since when; no payload, so that no answer is too large. */
static void verb_state(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 0; i < r->n_args; i++) {
		struct bc_board_answer a;
		bc_board_get(d->board, r->args[i], now, &a);
		put_state(d, &a);
	}
	bc_rpc_reply_end(d->server);
}

/* GET and STATE at once, a frame a topic: what a frame costs is most of an answer. */
static void verb_latest(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	char head[BC_LATEST_HEAD_MAX];
	if (!look_up(d, r->args, r->n_args, now)) {
		refuse(d, "the answer would pass 16 MiB: ask for fewer topics at once");
		return;
	}
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 0; i < r->n_args; i++) {
		const bc_str text = { head, bc_board_write_latest(&d->answers[i], head) };
		bc_rpc_reply_joined(d->server, text, d->answers[i].payload);
	}
	bc_rpc_reply_end(d->server);
}

static bool list(struct cache_desk *d, bc_str prefix, size_t *n)
{
	*n = bc_board_list(d->board, prefix, d->topics, MAX_TOPICS);
	if (*n <= MAX_TOPICS)
		return true;
	refuse(d, "more than 10000 topics begin so: give a longer prefix");
	return false;
}

static void verb_match(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	size_t n;
	if (!list(d, r->args[0], &n))
		return;
	if (!look_up(d, d->topics, n, now)) {
		refuse(d, "the answer would pass 16 MiB: give a longer prefix");
		return;
	}
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 0; i < n; i++) {
		bc_rpc_reply_frame(d->server, d->topics[i]);
		put_answer(d, &d->answers[i]);
	}
	bc_rpc_reply_end(d->server);
}

static void verb_list(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	size_t n;
	(void)now;
	if (!list(d, r->args[0], &n))
		return;
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 0; i < n; i++)
		bc_rpc_reply_frame(d->server, d->topics[i]);
	bc_rpc_reply_end(d->server);
}

static void verb_resolve(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	(void)now;
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	for (size_t i = 1; i < r->n_args; i++) {
		bc_str symbol = BC_STR("");
		bc_status rc = bc_board_resolve(d->board, r->args[0], r->args[i], &symbol);
		bc_rpc_reply_number(d->server, rc == BC_OK ? BC_BOARD_OK : BC_BOARD_NOT_FOUND);
		bc_rpc_reply_frame(d->server, symbol);
	}
	bc_rpc_reply_end(d->server);
}

/* ---- TRADES, CANDLES ---- */

/* The first of those to answer with: the newest n. False: together they are too large. */
static bool choose(const struct cache_ring *ring, size_t n, size_t *first)
{
	size_t held = ring == NULL ? 0 : cache_ring_count(ring);
	int64_t bytes = 0;
	*first = held > n ? held - n : 0;
	for (size_t i = *first; i < held && bytes <= BC_RPC_MAX_BYTES; i++)
		bytes += (int64_t)(cache_ring_at(ring, i).n + FRAMES_OF_A_TOPIC);
	return bytes <= BC_RPC_MAX_BYTES;
}

static void put_history(struct cache_desk *d, bc_str topic, size_t n, bc_mono_time now)
{
	const struct cache_ring *ring = cache_rings_find(d->about.rings, topic);
	struct bc_board_answer a;
	size_t first;
	if (!choose(ring, n, &first)) {
		refuse(d, "the answer would pass 16 MiB: ask for fewer");
		return;
	}
	bc_board_get(d->board, topic, now, &a);
	if (a.status == BC_BOARD_OK && (ring == NULL || cache_ring_count(ring) == 0)) /* no room */
		a.status = BC_BOARD_NO_DATA;
	bc_rpc_reply_begin(d->server, BC_RPC_OK);
	put_state(d, &a);
	for (size_t i = first; a.status == BC_BOARD_OK && i < cache_ring_count(ring); i++)
		bc_rpc_reply_frame(d->server, cache_ring_at(ring, i));
	bc_rpc_reply_end(d->server);
}

/* Decimal digits only; 0: not a number from 1 to CACHE_RING_MAX. */
static size_t read_n(bc_str text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n && n <= CACHE_RING_MAX; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		n = 10 * n + (size_t)(text.p[i] - '0');
	}
	return n <= CACHE_RING_MAX ? n : 0;
}

static void history(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now,
		    enum bc_channel channel, size_t max)
{
	struct bc_topic topic;
	bool trades = channel == BC_CHANNEL_TRADE;
	size_t n = read_n(r->args[1]);
	if (bc_topic_split(r->args[0], &topic) != BC_OK ||
	    bc_channel_of(topic.channel) != (int)channel)
		refuse(d, trades ? "not a topic of trades: exchange.symbol.trade"
				 : "not a topic of candles: exchange.symbol.candle-<interval>");
	else if (n == 0)
		refuse(d, "n must be a number from 1 to 10000");
	else if (max == 0)
		refuse(d, trades ? "no trades are kept here: cache.trades is 0"
				 : "no candles are kept here: cache.candles is 0");
	else
		put_history(d, r->args[0], n, now);
}

static void verb_trades(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	history(d, r, now, BC_CHANNEL_TRADE, cache_rings_limits(d->about.rings)->trades);
}

static void verb_candles(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	history(d, r, now, BC_CHANNEL_CANDLE, cache_rings_limits(d->about.rings)->candles);
}

/* ---- reports ---- */

struct growing {
	char *p;
	size_t n, cap;
};

static bc_status grow(void *self, const char *bytes, size_t n)
{
	struct growing *g = self;
	if (g->n + n > (size_t)BC_RPC_MAX_BYTES)
		return BC_ERANGE;
	if (g->n + n > g->cap) {
		size_t cap = 2 * (g->n + n);
		char *p = realloc(g->p, cap);
		if (p == NULL)
			return BC_ENOMEM;
		g->p = p;
		g->cap = cap;
	}
	memcpy(g->p + g->n, bytes, n);
	g->n += n;
	return BC_OK;
}

static void report(struct cache_desk *d, cache_report_fn *fn, bc_mono_time now)
{
	char buffer[4096];
	struct growing text = { NULL, 0, 0 };
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, grow, &text);
	fn(d->board, &d->about, now, &w);
	bc_status rc = bc_json_end(&w, "");
	if (rc == BC_OK)
		bc_rpc_reply(d->server, BC_RPC_OK, (bc_str){ text.p, text.n });
	else
		refuse(d, bc_status_text(rc));
	free(text.p);
}

static void verb_gateways(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	(void)r;
	report(d, cache_report_gateways, now);
}

static void verb_health(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	(void)r;
	report(d, cache_report_health, now);
}

static void verb_latency(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	(void)r;
	report(d, cache_report_latency, now);
}

static void verb_stats(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	(void)r;
	report(d, cache_report_stats, now);
}

/* ---- */

static const struct verb {
	const char *word;
	size_t min_args, max_args;
	const char *usage;
	void (*answer)(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now);
} verbs[] = {
	{ "GET", 1, MAX_TOPICS, "GET topic...", verb_get },
	{ "LATEST", 1, MAX_TOPICS, "LATEST topic...", verb_latest },
	{ "MATCH", 1, 1, "MATCH prefix", verb_match },
	{ "STATE", 1, MAX_TOPICS, "STATE topic...", verb_state },
	{ "LIST", 1, 1, "LIST prefix", verb_list },
	{ "RESOLVE", 2, MAX_TOPICS, "RESOLVE exchange name...", verb_resolve },
	{ "TRADES", 2, 2, "TRADES topic n", verb_trades },
	{ "CANDLES", 2, 2, "CANDLES topic n", verb_candles },
	{ "GATEWAYS", 0, 0, "GATEWAYS", verb_gateways },
	{ "HEALTH", 0, 0, "HEALTH", verb_health },
	{ "STATS", 0, 0, "STATS", verb_stats },
	{ "LATENCY", 0, 0, "LATENCY", verb_latency },
};

static void answer(struct cache_desk *d, const struct bc_rpc_request *r, bc_mono_time now)
{
	char usage[64];
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		const struct verb *v = &verbs[i];
		if (!bc_str_is(r->verb, v->word))
			continue;
		if (r->n_args >= v->min_args && r->n_args <= v->max_args) {
			v->answer(d, r, now);
			return;
		}
		snprintf(usage, sizeof usage, "usage: %s", v->usage);
		refuse(d, usage);
		return;
	}
	refuse(d, "unknown verb: GET LATEST MATCH STATE LIST RESOLVE TRADES CANDLES GATEWAYS "
		  "HEALTH STATS "
		  "LATENCY");
}

size_t cache_desk_serve(struct cache_desk *d, bc_mono_time now, size_t max)
{
	struct bc_rpc_request request;
	size_t n = 0;
	for (; n < max; n++) {
		bc_status rc = bc_rpc_receive(d->server, &request);
		if (rc != BC_OK && rc != BC_EPARSE)
			break;
		d->about.requests++;
		if (rc == BC_OK)
			answer(d, &request, now);
		else
			d->about.bad_requests++;
	}
	d->about.clients_dropped = bc_rpc_server_dropped(d->server);
	return n;
}
