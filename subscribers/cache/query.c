#include "subscribers/cache/parts.h"

#include <stdlib.h>
#include <string.h>

struct entry *store_find_states(const struct cache_store *s, const struct bc_topic *topic)
{
	char text[BC_TOPIC_MAX + 1];
	size_t n;
	if (bc_topic_make(topic->exchange, topic->symbol, BC_CHANNEL_STATE, 0, text, &n) != BC_OK)
		return NULL;
	return store_find(s, (bc_str){ text, n });
}

/* Does it speak for the symbol: is it on its list, or is it the gateway's own name? */
static bool speaks_for(const struct bc_gateway *g, const struct bc_topic *topic)
{
	if (!bc_str_is(topic->exchange, g->exchange) || g->replaced)
		return false;
	if (topic->symbol.p[0] == '@')
		return bc_str_is((bc_str){ topic->symbol.p + 1, topic->symbol.n - 1 }, g->instance);
	return bc_gateway_lists(g, topic->symbol);
}

/* Its owner may be known though nothing of the topic has been seen. */
static void answer_without_line(const struct cache_store *s, const struct bc_topic *topic,
				const struct entry *states, bc_mono_time now,
				struct cache_answer *answer)
{
	if (bc_channel_of(topic->channel) < 0)
		return;
	for (size_t i = 0; i < bc_gateways_count(s->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(s->gateways, i);
		if (!speaks_for(g, topic))
			continue;
		answer->status = CACHE_NO_DATA;
		answer->state = bc_gateway_gone(g, now) ? BC_STATE_STALE : BC_STATE_CONNECTING;
	}
	if (answer->status != CACHE_NO_DATA || states == NULL)
		return;
	struct view view = line_choose(states, states, now);
	if (view.line != NULL)
		answer->state = view.state;
}

void cache_store_get(struct cache_store *s, bc_str text, bc_mono_time now,
		     struct cache_answer *answer)
{
	struct bc_topic topic;
	bc_mono_time proven;
	*answer = (struct cache_answer){ CACHE_NOT_FOUND, BC_STATE_DOWN, CACHE_NEVER, CACHE_NEVER,
					 BC_STR("") };
	if (bc_topic_split(text, &topic) != BC_OK)
		return;
	const struct entry *e = store_find(s, text);
	const struct entry *states = store_find_states(s, &topic);
	struct view view = { .line = NULL };
	if (e != NULL)
		view = line_choose(e, states, now);
	if (view.line == NULL) {
		answer_without_line(s, &topic, states, now, answer);
		return;
	}
	answer->status = CACHE_OK;
	answer->state = view.state;
	answer->age_ns = now.ns - view.line->changed.ns;
	if (line_proven(&view, &proven))
		answer->proven_ns = now.ns - proven.ns;
	answer->payload = (bc_str){ view.line->payload, view.line->n_payload };
}

static int compare_texts(const void *a, const void *b)
{
	const bc_str *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

size_t cache_store_list(struct cache_store *s, bc_str prefix, bc_str *topics, size_t max)
{
	size_t n = 0;
	struct entry *e, *next;
	HASH_ITER (hh, s->entries, e, next) {
		if (!bc_str_starts(entry_topic(e), prefix))
			continue;
		if (n < max)
			topics[n] = entry_topic(e);
		n++;
	}
	qsort(topics, n < max ? n : max, sizeof *topics, compare_texts);
	return n;
}

bc_status cache_store_resolve(struct cache_store *s, bc_str exchange, bc_str name, bc_str *symbol)
{
	char text[2 * BC_TOPIC_MAX + 2];
	for (size_t i = 0; i < bc_gateways_count(s->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(s->gateways, i);
		if (!g->replaced && bc_str_is(exchange, g->exchange) && bc_gateway_lists(g, name)) {
			*symbol = name;
			return BC_OK;
		}
	}
	if (exchange.n > BC_TOPIC_MAX || name.n > BC_TOPIC_MAX)
		return BC_ENOTFOUND;
	struct name *known = NULL;
	size_t n = exchange.n + 1 + name.n;
	memcpy(text, exchange.p, exchange.n);
	text[exchange.n] = '.';
	memcpy(text + exchange.n + 1, name.p, name.n);
	HASH_FIND(hh, s->names, text, n, known);
	if (known == NULL)
		return BC_ENOTFOUND;
	*symbol = entry_symbol(known->entry);
	return BC_OK;
}

const struct cache_stats *cache_store_stats(const struct cache_store *s)
{
	return &s->stats;
}

const struct bc_gateways *cache_store_gateways(const struct cache_store *s)
{
	return s->gateways;
}

size_t cache_store_topics(const struct cache_store *s)
{
	return HASH_COUNT(s->entries);
}

size_t cache_store_bytes(const struct cache_store *s)
{
	return s->n_bytes;
}
