/* ears.c - what the gateways hear of each other while symbols are handed over: each on its own way,
 * late, or not at all, as through ZeroMQ. The rest is the gateway's own code. */
#include "tests/simulation/shards.h"

#include "proto/topic.h"

#include <stdlib.h>

#define SUBSCRIBED_NS (300 * MS) /* at most: until a subscription has arrived */

/* ------------------------------------------------------------------ subscriptions */

static bool hears(const struct ear *ear, const struct trial *t, const struct topic *topic)
{
	struct bc_topic parts;
	size_t symbol;
	if (!ear->listens || bc_topic_split(bc_str_of(topic->name), &parts) != BC_OK)
		return false;
	if (parts.symbol.p[0] == '@')
		return true;
	return bc_str_is(parts.channel, "state") && market_find(t->market, parts.symbol, &symbol) &&
	       (ear->subscribed >> symbol & 1) != 0;
}

static void subscribe(struct gateway *g, struct ear *ear)
{
	if (ear->bus.joins_at_ns == 0)
		ear->bus.joins_at_ns =
			g->t->now_ns + dice_between(&g->t->shards->dice, 1, SUBSCRIBED_NS);
}

/* What has been subscribed to arrives there, and is welcomed. */
static void join(struct gateway *g, struct gateway *there, struct ear *ear)
{
	ear->bus.joins_at_ns = 0;
	ear->listens = !there->dead; /* else when it is there again */
	ear->subscribed = ear->watched;
	for (uint32_t i = 0; i < MAX_TOPICS && ear->listens; i++) {
		if (there->topics[i].open && hears(ear, g->t, &there->topics[i]))
			outlet_subscribed(there->outlet, trial_now(there).mono, i);
	}
}

void ears_lost(struct gateway *there)
{
	for (uint32_t i = 0; i < there->t->n_gateways; i++)
		there->t->gateways[i]->member->ears[there->index].listens = false;
}

void ears_back(struct gateway *there)
{
	for (uint32_t i = 0; i < there->t->n_gateways; i++) {
		struct gateway *g = there->t->gateways[i];
		struct ear *ear = &g->member->ears[there->index];
		if (ear->open)
			subscribe(g, ear);
	}
}

bool ears_cut(struct gateway *g)
{
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		struct ear *ear = &g->member->ears[i];
		if (!ear->open || ear->bus.cut_until_ns > g->t->now_ns)
			continue;
		bus_cut(g->t, &ear->bus);
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ messages */

void ears_send(struct gateway *there, const struct topic *topic, bc_str payload)
{
	for (uint32_t i = 0; i < there->t->n_gateways; i++) {
		struct ear *ear = &there->t->gateways[i]->member->ears[there->index];
		if (hears(ear, there->t, topic))
			bus_pass(there, &ear->bus, topic, payload);
	}
}

static int64_t ear_next(const struct gateway *g, const struct ear *ear)
{
	int64_t next = bus_next(&ear->bus);
	next = next > g->frozen_until_ns ? next : g->frozen_until_ns;
	if (ear->bus.joins_at_ns != 0 && ear->bus.joins_at_ns < next)
		next = ear->bus.joins_at_ns;
	return next;
}

int64_t ears_next(const struct gateway *g)
{
	int64_t next = INT64_MAX;
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		int64_t at = ear_next(g, &g->member->ears[i]);
		if (g->member->ears[i].open && at < next)
			next = at;
	}
	return next;
}

static void hear(struct gateway *g, struct ear *ear)
{
	struct passing *p = bus_take(&ear->bus);
	elsewhere_hear(g->member->elsewhere, (bc_str){ p->bytes, p->n_topic },
		       (bc_str){ p->bytes + p->n_topic, p->n }, trial_now(g).boot);
	free(p);
}

void ears_step(struct gateway *g)
{
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		struct ear *ear = &g->member->ears[i];
		if (!ear->open || ear_next(g, ear) > g->t->now_ns)
			continue;
		if (ear->bus.joins_at_ns != 0 && ear->bus.joins_at_ns <= g->t->now_ns)
			join(g, g->t->gateways[i], ear);
		else
			hear(g, ear);
		return;
	}
}

/* ------------------------------------------------------------------ with each heartbeat */

static void look(struct gateway *g)
{
	struct member *m = g->member;
	if (m->elsewhere == NULL && elsewhere_new(&m->elsewhere, g->x->id) != BC_OK)
		abort();
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		const struct gateway *there = g->t->gateways[i];
		if (there == g || there->n_lives == 0 || there->member->off || m->ears[i].open)
			continue;
		m->ears[i].open = true;
		subscribe(g, &m->ears[i]);
	}
}

static void watch(struct gateway *g, bc_str name)
{
	struct member *m = g->member;
	size_t symbol;
	if (!market_find(g->t->market, name, &symbol))
		return;
	if (!elsewhere_watches(m->elsewhere, name) && elsewhere_watch(m->elsewhere, name) != BC_OK)
		abort();
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		struct ear *ear = &m->ears[i];
		if (!ear->open || (ear->watched >> symbol & 1) != 0)
			continue;
		ear->watched |= 1u << symbol;
		subscribe(g, ear);
	}
}

static void renew(struct gateway *g)
{
	bool any = false;
	for (bc_str symbol; elsewhere_wants(g->member->elsewhere, &symbol); any = true)
		note(g, "~~ wants to hear %.*s again", (int)symbol.n, symbol.p);
	for (uint32_t i = 0; i < g->t->n_gateways && any; i++) {
		if (g->member->ears[i].open)
			subscribe(g, &g->member->ears[i]);
	}
}

/* As gateway_shard_turn(). */
void ears_turn(struct gateway *g)
{
	struct session_view view;
	if (session_leaving(g->session) == 0) {
		ears_close(g);
		return;
	}
	look(g);
	for (uint32_t i = 0; i < session_symbol_limit(g->session); i++) {
		if (session_symbol(g->session, i, &view) && view.leaving)
			watch(g, view.name);
	}
	elsewhere_tell(g->member->elsewhere, g->session, trial_now(g),
		       g->t->shards->divisions[g->member->division].parts);
	renew(g);
}

void ears_close(struct gateway *g)
{
	struct member *m = g->member;
	for (uint32_t i = 0; i < g->t->n_gateways; i++) {
		bus_free(&m->ears[i].bus);
		m->ears[i] = (struct ear){ 0 };
	}
	elsewhere_free(&m->elsewhere);
}
