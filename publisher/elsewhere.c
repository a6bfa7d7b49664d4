#include "publisher/elsewhere.h"

#include "common/gateways.h"
#include "common/name_index.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GATEWAYS 64
#define N_EPOCHS     8 /* gateways that a symbol is heard of from; the oldest makes room */
#define MAX_LEVELS   4
#define AGAIN_NS     (10 * BC_NS_PER_S) /* unserved for so long: perhaps it was not heard */

struct heard { /* of a symbol from one gateway process; epoch 0: nothing */
	uint64_t epoch;
	bool fit;
};

struct watched {
	char *name; /* owned */
	struct heard heard[N_EPOCHS];
	unsigned next;
	bool again;          /* it is to be said again */
	bc_mono_time waited; /* unserved, and not asked for since then; 0: it is served */
};

struct elsewhere {
	char exchange[BC_GATEWAY_NAME_MAX];
	struct bc_gateways *gateways;
	struct watched *watched;
	uint32_t n, room;
	struct bc_name_index by_name;
	uint32_t looked; /* for who is to be said again: so far */
	bool lists_again;
	struct bc_message message;
};

/* ------------------------------------------------------------------ what they say */

static void take_state(struct elsewhere *w, bc_str symbol, const struct bc_envelope *e)
{
	uint32_t at = bc_name_find(&w->by_name, symbol);
	if (at == BC_NAME_NONE)
		return;
	struct watched *one = &w->watched[at];
	struct heard *place = NULL;
	for (unsigned i = 0; i < N_EPOCHS && place == NULL; i++) {
		if (one->heard[i].epoch == e->epoch)
			place = &one->heard[i];
	}
	if (place == NULL)
		place = &one->heard[one->next++ % N_EPOCHS];
	*place = (struct heard){ e->epoch, bc_state_fit(e->state) };
}

void elsewhere_hear(struct elsewhere *e, bc_str text, bc_str payload, bc_mono_time now)
{
	struct bc_topic topic;
	struct bc_gateway_news news;
	bc_level levels[MAX_LEVELS];
	if (bc_topic_split(text, &topic) != BC_OK || !bc_str_is(topic.exchange, e->exchange) ||
	    bc_message_decode(payload, &e->message, levels, MAX_LEVELS) != BC_OK ||
	    bc_gateways_hear(e->gateways, &topic, &e->message, now, &news) != BC_OK)
		return;
	e->lists_again |= news.symbols_wanted;
	if (e->message.envelope.channel == BC_CHANNEL_STATE)
		take_state(e, topic.symbol, &e->message.envelope);
}

/* ------------------------------------------------------------------ what is watched */

static bc_status room_for_one(struct elsewhere *e)
{
	if (e->n < e->room)
		return BC_OK;
	uint32_t room = e->room == 0 ? 64 : e->room * 2;
	struct watched *watched = realloc(e->watched, room * sizeof *watched);
	if (watched == NULL)
		return BC_ENOMEM;
	e->watched = watched;
	e->room = room;
	return BC_OK;
}

bool elsewhere_watches(const struct elsewhere *e, bc_str symbol)
{
	return bc_name_find(&e->by_name, symbol) != BC_NAME_NONE;
}

bc_status elsewhere_watch(struct elsewhere *e, bc_str symbol)
{
	if (elsewhere_watches(e, symbol))
		return BC_OK;
	bc_status rc = room_for_one(e);
	char *name = rc == BC_OK ? malloc(symbol.n + 1) : NULL;
	if (name == NULL)
		return BC_ENOMEM;
	memcpy(name, symbol.p, symbol.n);
	name[symbol.n] = '\0';
	if ((rc = bc_name_put(&e->by_name, (bc_str){ name, symbol.n }, e->n)) != BC_OK) {
		free(name);
		return rc;
	}
	e->watched[e->n++] = (struct watched){ .name = name };
	return BC_OK;
}

/* ------------------------------------------------------------------ who serves it */

enum serves { SERVES_NOT, SERVES_LISTS, SERVES_FIT };

struct part { /* of the exchange */
	uint32_t shard, shards;
	uint64_t mark; /* of the weights it is divided by */
};

static bool heard_fit(const struct watched *w, uint64_t epoch)
{
	for (unsigned i = 0; i < N_EPOCHS; i++) {
		if (w->heard[i].epoch == epoch)
			return w->heard[i].fit;
	}
	return false;
}

static uint64_t mark_of(const struct bc_gateway *g)
{
	for (uint32_t i = 0; i < g->details.n_counters; i++) {
		if (strcmp(g->details.counters[i].name, "shard_weights") == 0)
			return g->details.counters[i].value;
	}
	return 0;
}

/* By another number, or other weights, it may think as much of us, and both would let go. A list
 * that is older than its heartbeat is none. */
static bool has_part(const struct bc_gateway *g, const struct part *part)
{
	return g->has_details && g->details.shard_index == part->shard &&
	       g->details.shard_count == part->shards && mark_of(g) == part->mark &&
	       g->details.symbols_version == g->symbols_version;
}

/* How well is a watched symbol served by a gateway of this part that is alive? */
static enum serves serves(const struct elsewhere *e, bc_str symbol, const struct part *part,
			  bc_mono_time now)
{
	uint32_t at = bc_name_find(&e->by_name, symbol);
	enum serves best = SERVES_NOT;
	for (size_t i = 0; at != BC_NAME_NONE && i < bc_gateways_count(e->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(e->gateways, i);
		if (bc_gateway_gone(g, now) || !has_part(g, part) || !bc_gateway_lists(g, symbol))
			continue;
		if (heard_fit(&e->watched[at], g->epoch))
			return SERVES_FIT;
		best = SERVES_LISTS;
	}
	return best;
}

/* Here it is good for nothing that waiting for a better one could save. */
static bool useless(enum bc_state state)
{
	return !bc_state_fit(state) && state != BC_STATE_REST;
}

static void ask_again(struct elsewhere *e, bc_str symbol, bool served, bc_mono_time now)
{
	uint32_t at = bc_name_find(&e->by_name, symbol);
	if (at == BC_NAME_NONE)
		return;
	struct watched *w = &e->watched[at];
	if (served) {
		w->waited.ns = 0;
	} else if (w->waited.ns == 0) {
		w->waited = now;
	} else if (now.ns - w->waited.ns >= AGAIN_NS) {
		w->waited = now;
		w->again = e->lists_again = true;
	}
}

bool elsewhere_wants(struct elsewhere *e, bc_str *symbol)
{
	for (; e->looked < e->n; e->looked++) {
		struct watched *w = &e->watched[e->looked];
		if (!w->again)
			continue;
		w->again = false;
		*symbol = bc_str_of(w->name);
		return true;
	}
	e->looked = 0;
	*symbol = (bc_str){ "", 0 };
	bool lists = e->lists_again;
	e->lists_again = false;
	return lists;
}

void elsewhere_tell(struct elsewhere *e, struct session *s, struct session_now now,
		    const struct bc_division *division)
{
	struct part part = { .shards = division == NULL ? 1 : bc_division_count(division),
			     .mark = division == NULL ? 0 : bc_division_mark(division) };
	struct session_view view;
	for (uint32_t i = 0; i < session_symbol_limit(s); i++) {
		if (!session_symbol(s, i, &view) || !view.leaving)
			continue;
		part.shard = division == NULL ? 0 : bc_division_owner(division, view.name);
		enum serves how = serves(e, view.name, &part, now.boot);
		bool served = how == SERVES_FIT || (how == SERVES_LISTS && useless(view.state));
		session_elsewhere(s, now, i, served);
		ask_again(e, view.name, served, now.boot);
	}
}

/* ------------------------------------------------------------------ life */

bc_status elsewhere_new(struct elsewhere **out, const char *exchange)
{
	struct elsewhere *e = calloc(1, sizeof *e);
	if (e == NULL)
		return BC_ENOMEM;
	snprintf(e->exchange, sizeof e->exchange, "%s", exchange);
	if ((e->gateways = bc_gateways_new(MAX_GATEWAYS)) == NULL) {
		elsewhere_free(&e);
		return BC_ENOMEM;
	}
	*out = e;
	return BC_OK;
}

void elsewhere_free(struct elsewhere **elsewhere)
{
	struct elsewhere *e = *elsewhere;
	if (e == NULL)
		return;
	bc_gateways_free(&e->gateways);
	for (uint32_t i = 0; i < e->n; i++)
		free(e->watched[i].name);
	bc_name_free(&e->by_name);
	free(e->watched);
	free(e);
	*elsewhere = NULL;
}
