#include "common/gateways.h"

#include "common/standing.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

/* Until a heartbeat names the real interval. */
#define DEFAULT_INTERVAL_NS BC_NS_PER_S
/* Beyond it a heartbeat proves nothing, and the sum of three might overflow. */
#define MAX_INTERVAL_NS (600 * BC_NS_PER_S)

struct bc_gateways {
	size_t n, max;
	struct bc_gateway *last; /* whose message came last: mostly the next one's too */
	struct bc_gateway *all[];
};

struct bc_gateways *bc_gateways_new(size_t max)
{
	struct bc_gateways *set = calloc(1, sizeof *set + max * sizeof(struct bc_gateway *));
	if (set != NULL)
		set->max = max;
	return set;
}

static void free_gateway(struct bc_gateway *g)
{
	free(g->symbols);
	free(g->symbol_bytes);
	free(g);
}

void bc_gateways_free(struct bc_gateways **set)
{
	if (*set == NULL)
		return;
	for (size_t i = 0; i < (*set)->n; i++)
		free_gateway((*set)->all[i]);
	free(*set);
	*set = NULL;
}

size_t bc_gateways_count(const struct bc_gateways *set)
{
	return set->n;
}

struct bc_gateway *bc_gateways_at(const struct bc_gateways *set, size_t i)
{
	return set->all[i];
}

bool bc_gateway_gone(const struct bc_gateway *g, bc_mono_time now)
{
	return g->replaced || g->state == BC_STATE_DOWN ||
	       bc_heartbeats_missed(g->heard, g->interval_ns, now);
}

bool bc_gateway_same_instance(const struct bc_gateway *a, const struct bc_gateway *b)
{
	return a->instance[0] != '\0' && strcmp(a->instance, b->instance) == 0 &&
	       strcmp(a->exchange, b->exchange) == 0;
}

static bool copy(char *out, size_t cap, bc_str text)
{
	bool fits = text.n < cap;
	size_t n = fits ? text.n : cap - 1;
	if (n > 0)
		memcpy(out, text.p, n);
	out[n] = '\0';
	return fits;
}

static struct bc_gateway *find(struct bc_gateways *set, bc_str exchange, uint64_t epoch)
{
	struct bc_gateway *g = set->last;
	if (g != NULL && g->epoch == epoch && bc_str_is(exchange, g->exchange))
		return g;
	for (size_t i = 0; i < set->n; i++) {
		g = set->all[i];
		if (g->epoch == epoch && bc_str_is(exchange, g->exchange))
			return set->last = g;
	}
	return NULL;
}

/* A place for one more: at the end, or that of one that is gone and that nobody refers to. */
static struct bc_gateway **find_place(struct bc_gateways *set, bc_mono_time now)
{
	if (set->n < set->max)
		return &set->all[set->n++];
	for (size_t i = 0; i < set->n; i++) {
		struct bc_gateway *g = set->all[i];
		if (g->n_users > 0 || !bc_gateway_gone(g, now))
			continue;
		if (set->last == g)
			set->last = NULL;
		free_gateway(g);
		return &set->all[i];
	}
	return NULL;
}

static bc_status add(struct bc_gateways *set, bc_str exchange, uint64_t epoch, bc_mono_time now,
		     struct bc_gateway **out)
{
	struct bc_gateway *g = calloc(1, sizeof *g);
	if (g == NULL)
		return BC_ENOMEM;
	struct bc_gateway **place = NULL;
	if (!copy(g->exchange, sizeof g->exchange, exchange) ||
	    (place = find_place(set, now)) == NULL) {
		free(g);
		return BC_ERANGE;
	}
	g->epoch = epoch;
	g->state = BC_STATE_CONNECTING;
	g->since.ns = BC_TIME_UNKNOWN;
	g->heard = now;
	g->interval_ns = DEFAULT_INTERVAL_NS;
	*place = set->last = *out = g;
	return BC_OK;
}

/* Now that its instance is known: of several epochs the largest holds. */
static void settle_instance(struct bc_gateways *set, struct bc_gateway *g,
			    struct bc_gateway_news *news)
{
	for (size_t i = 0; i < set->n; i++) {
		struct bc_gateway *other = set->all[i];
		if (other == g || !bc_gateway_same_instance(g, other))
			continue;
		if (other->epoch > g->epoch) {
			g->replaced = true;
		} else if (!other->replaced) {
			other->replaced = true;
			news->replaced = other;
		}
	}
}

static void keep_details(struct bc_gateway *g, const struct bc_heartbeat *h)
{
	struct bc_gateway_details *d = &g->details;
	copy(d->version, sizeof d->version, h->version);
	d->shard_index = h->shard_index;
	d->shard_count = h->shard_count;
	d->pid = h->pid;
	d->started = h->started;
	d->symbols_version = h->symbols_version;
	d->n_endpoints = h->n_endpoints;
	for (uint32_t i = 0; i < h->n_endpoints; i++)
		copy(d->endpoints[i], sizeof d->endpoints[i], h->endpoints[i]);
	d->n_counters = h->n_counters;
	for (uint32_t i = 0; i < h->n_counters; i++) {
		copy(d->counters[i].name, sizeof d->counters[i].name, h->counters[i].name);
		d->counters[i].value = h->counters[i].value;
	}
	g->has_details = true;
}

static void take_heartbeat(struct bc_gateway *g, const struct bc_heartbeat *h, bc_mono_time now,
			   struct bc_gateway_news *news)
{
	if (!news->appeared && bc_gateway_gone(g, now)) {
		news->revived = true;
		news->heard_before = g->heard;
	}
	g->heard = now;
	if (h->interval_ns > 0 && h->interval_ns <= MAX_INTERVAL_NS)
		g->interval_ns = h->interval_ns;
	keep_details(g, h);
	news->symbols_wanted = g->symbols_version != h->symbols_version;
}

static int compare_symbols(const void *a, const void *b)
{
	const bc_str *x = a, *y = b;
	size_t n = x->n < y->n ? x->n : y->n;
	int order = memcmp(x->p, y->p, n);
	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

static bc_status take_symbols(struct bc_gateway *g, const struct bc_state_change *change,
			      struct bc_gateway_news *news)
{
	const struct bc_list *list = &change->symbols;
	size_t room = list->n_bytes == 0 ? 1 : list->n_bytes, at = 0, offset = 0;
	bc_str *symbols = calloc((size_t)list->n_items + 1, sizeof *symbols), item;
	char *bytes = malloc(room);
	uint32_t n = 0;
	if (symbols == NULL || bytes == NULL) {
		free(symbols);
		free(bytes);
		return BC_ENOMEM;
	}
	while (n < list->n_items && bc_list_next(list, &offset, &item)) {
		if (item.n > 0)
			memcpy(bytes + at, item.p, item.n);
		symbols[n++] = (bc_str){ bytes + at, item.n };
		at += item.n;
	}
	qsort(symbols, n, sizeof *symbols, compare_symbols);
	free(g->symbols);
	free(g->symbol_bytes);
	g->symbols = symbols;
	g->symbol_bytes = bytes;
	g->n_symbols = n;
	g->symbols_version = change->symbols_version;
	g->symbols_partial = change->symbols_partial;
	news->symbols_changed = true;
	return BC_OK;
}

bool bc_gateway_lists(const struct bc_gateway *g, bc_str symbol)
{
	return g->n_symbols > 0 &&
	       bsearch(&symbol, g->symbols, g->n_symbols, sizeof symbol, compare_symbols) != NULL;
}

bool bc_gateway_lists_all(const struct bc_gateway *g)
{
	return g->symbols_version != 0 && !g->symbols_partial;
}

/* A message on a topic of the gateway itself: @<instance>.heartbeat, @<instance>.state. */
static bc_status hear_gateway(struct bc_gateways *set, struct bc_gateway *g,
			      const struct bc_topic *topic, const struct bc_message *m,
			      bc_mono_time now, struct bc_gateway_news *news)
{
	const struct bc_envelope *e = &m->envelope;
	bc_str instance = { topic->symbol.p + 1, topic->symbol.n - 1 };
	if (g->instance[0] == '\0') {
		if (!copy(g->instance, sizeof g->instance, instance)) {
			g->instance[0] = '\0';
			return BC_ERANGE;
		}
		settle_instance(set, g, news);
	}
	if (g->replaced)
		return BC_EGAP;
	if (e->channel == BC_CHANNEL_HEARTBEAT)
		take_heartbeat(g, &m->body.heartbeat, now, news);
	bc_status rc = BC_OK;
	const uint64_t version = e->channel == BC_CHANNEL_STATE ? m->body.state.symbols_version : 0;
	if (version != 0 && version != g->symbols_version) /* 0: no list, which is no empty one */
		rc = take_symbols(g, &m->body.state, news);
	g->state = e->state;
	g->reason = e->reason;
	g->since = e->since;
	return rc;
}

bc_status bc_gateways_hear(struct bc_gateways *set, const struct bc_topic *topic,
			   const struct bc_message *m, bc_mono_time now,
			   struct bc_gateway_news *news)
{
	*news = (struct bc_gateway_news){ .gateway =
						  find(set, topic->exchange, m->envelope.epoch) };
	if (news->gateway == NULL) {
		bc_status rc = add(set, topic->exchange, m->envelope.epoch, now, &news->gateway);
		if (rc != BC_OK)
			return rc;
		news->appeared = true;
	}
	if (news->gateway->replaced)
		return BC_EGAP;
	news->gateway->spoke = now;
	if (topic->symbol.n > 1 && topic->symbol.p[0] == '@')
		return hear_gateway(set, news->gateway, topic, m, now, news);
	return BC_OK;
}
