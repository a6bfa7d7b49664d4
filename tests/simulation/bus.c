/* bus.c - from the gateways to the reader: what is published arrives in order, late, or not at all,
 * as through ZeroMQ; and gateways that are killed and come again. */
#include "tests/simulation/shards.h"

#include <stdlib.h>
#include <string.h>

#define JOINED_AGAIN_NS (300 * MS) /* at most: ZeroMQ connects again and subscribes */

const char *const mishap_text[N_MISHAPS] = {
	[MISHAP_LOST] = "message lost on the bus",
	[MISHAP_PARTED] = "bus cut for a while",
	[MISHAP_KILLED] = "gateway killed, and started anew",
	[MISHAP_DEAFENED] = "gateway does not hear another for a while",
};

/* ------------------------------------------------------------------ what this seed is like */

void bus_plan(struct trial *t)
{
	struct mishaps *m = &t->mishaps;
	struct dice *d = &m->dice;
	d->state = t->o.seed * UINT64_C(0xa0761d6478bd642f) + 7;
	m->lost = dice_hits(d, 500000) ? (uint32_t)dice_between(d, 1, 20000) : 0;
	m->parts = dice_hits(d, 400000);
	m->kills = dice_hits(d, 600000);
	m->delay_ns = dice_between(d, 0, 20) * MS;
	if (shards_flawless(t))
		m->lost = m->parts = m->kills = false;
	m->next_ns = t->now_ns + dice_between(d, 1, 10000) * MS;
}

static bool stormy(const struct trial *t)
{
	return t->phase == PHASE_STORM;
}

static void happened(struct gateway *g, enum mishap mishap)
{
	g->t->result->mishaps[mishap]++;
	note(g, "!! %s", mishap_text[mishap]);
}

/* ------------------------------------------------------------------ messages */

static bool arrives(struct gateway *g, const struct bus *b)
{
	struct mishaps *m = &g->t->mishaps;
	if (g->t->now_ns < b->cut_until_ns)
		return false;
	if (!stormy(g->t) || m->lost == 0 || !dice_hits(&m->dice, m->lost))
		return true;
	happened(g, MISHAP_LOST);
	return false;
}

bool bus_pass(struct gateway *g, struct bus *b, const struct topic *topic, bc_str payload)
{
	bc_str name = bc_str_of(topic->name);
	if (!arrives(g, b))
		return false;
	struct passing *p = malloc(sizeof *p + name.n + payload.n);
	if (p == NULL)
		abort();
	p->at_ns = g->t->now_ns + dice_between(&g->t->mishaps.dice, 0, g->t->mishaps.delay_ns);
	p->at_ns = p->at_ns > b->last_ns ? p->at_ns : b->last_ns;
	b->last_ns = p->at_ns;
	p->track = topic->track;
	p->n_topic = name.n;
	p->n = payload.n;
	memcpy(p->bytes, name.p, name.n);
	memcpy(p->bytes + name.n, payload.p, payload.n);
	b->passing = room_for_one(b->passing, b->n, &b->cap, sizeof(struct passing *));
	b->passing[b->n++] = p;
	return true;
}

void bus_send(struct gateway *g, uint32_t topic, bc_str payload, bool welcome)
{
	if (!bus_pass(g, &g->bus, &g->topics[topic], payload) && !welcome)
		g->topics[topic].track->missing++;
	if (g->member != NULL)
		ears_send(g, &g->topics[topic], payload);
}

int64_t bus_next(const struct bus *b)
{
	return b->first < b->n ? b->passing[b->first]->at_ns : INT64_MAX;
}

struct passing *bus_take(struct bus *b)
{
	struct passing *p = b->passing[b->first++];
	if (b->first == b->n)
		b->first = b->n = 0;
	return p;
}

void bus_deliver(struct gateway *g)
{
	struct passing *p = bus_take(&g->bus);
	reader_take(g, p->track, (bc_str){ p->bytes, p->n_topic },
		    (bc_str){ p->bytes + p->n_topic, p->n });
	free(p);
}

/* Who has connected again is welcomed to all topics. */
void bus_join(struct gateway *g)
{
	g->bus.joins_at_ns = 0;
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		if (g->topics[i].open)
			outlet_subscribed(g->outlet, trial_now(g).mono, i);
	}
}

void bus_free(struct bus *b)
{
	for (size_t i = b->first; i < b->n; i++)
		free(b->passing[i]);
	free(b->passing);
	*b = (struct bus){ .last_ns = b->last_ns };
}

/* ------------------------------------------------------------------ what goes wrong */

void bus_cut(struct trial *t, struct bus *b)
{
	struct dice *d = &t->mishaps.dice;
	b->cut_until_ns = t->now_ns + dice_between(d, 100, 8000) * MS;
	b->joins_at_ns = b->cut_until_ns + dice_between(d, 1, JOINED_AGAIN_NS);
}

static void part(struct gateway *g)
{
	bus_cut(g->t, &g->bus);
	happened(g, MISHAP_PARTED);
}

void bus_mishap(struct trial *t)
{
	struct mishaps *m = &t->mishaps;
	struct dice *d = &m->dice;
	struct gateway *g = t->gateways[dice_between(d, 0, t->n_gateways - 1)];
	m->next_ns = t->now_ns + dice_between(d, 1, 8000) * (m->rarely > 0 ? m->rarely : 1) * MS;
	if (g->dead || !stormy(t))
		return;
	if (m->kills && (!m->parts || dice_hits(d, 500000))) {
		happened(g, MISHAP_KILLED);
		gateway_kill(g, t->now_ns + dice_between(d, 10, 8000) * MS);
	} else if (m->parts && g->member != NULL && dice_hits(d, 600000)) {
		if (ears_cut(g))
			happened(g, MISHAP_DEAFENED);
	} else if (m->parts && t->now_ns >= g->bus.cut_until_ns)
		part(g);
}
