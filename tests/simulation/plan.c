/* plan.c - what a seed is like, and the faults that come at random times. */
#include "tests/simulation/trial_private.h"

#include <stdio.h>

enum when { WHEN_FRAME, WHEN_ASK, WHEN_CONNECT, WHEN_REST, WHEN_TIMED };

static const enum when when_of[N_FAULTS] = {
#define X(name, text, when) WHEN_##when,
	FAULT_ROWS(X)
#undef X
};

/* Every seed has some of the faults, rarely or often: so each is alone at times, and all of them
 * meet at others. One in twenty has none. */
static void pick_faults(struct gateway *g)
{
	static const int64_t most[] = { [WHEN_FRAME] = 40000,
					[WHEN_ASK] = 300000,
					[WHEN_CONNECT] = 900000,
					[WHEN_REST] = 500000,
					[WHEN_TIMED] = 1 };
	bool none = dice_hits(&g->dice, 50000);
	none |= shards_flawless(g->t);
	for (size_t i = 0; i < N_FAULTS; i++) {
		bool has = dice_hits(&g->dice, 350000) && !none;
		uint32_t chance = (uint32_t)dice_between(&g->dice, 1, most[when_of[i]]);
		g->plan.chance[i] = has ? chance : 0;
	}
}

struct market_plan {
	size_t n_symbols;
	int64_t storm_ns;
	double rate;
};

static void plan_market(struct trial *t, const struct market_plan *m)
{
	t->n_symbols = m->n_symbols;
	t->rate = m->rate;
	t->storm_ns = t->o.storm_ns != 0 ? t->o.storm_ns : m->storm_ns;
}

void plan_make(struct gateway *g)
{
	static const int64_t latencies[] = { 1, 5, 20, 60, 200 };
	struct plan *p = &g->plan;
	struct dice *d = &g->dice;
	struct market_plan m = { .n_symbols = (size_t)dice_between(d, 2, 4) };
	p->n_followed = (size_t)dice_between(d, 1, (int64_t)m.n_symbols);
	m.storm_ns = dice_between(d, 5, 30) * S;
	p->tick_ns = dice_between(d, 5, 25) * MS;
	p->latency_ns = latencies[dice_between(d, 0, 4)] * MS;
	p->jitter_ns = p->latency_ns * dice_between(d, 0, 2);
	p->rest_latency_ns = latencies[dice_between(d, 1, 4)] * MS;
	p->rest_jitter_ns = dice_between(d, 1, 500) * MS;
	m.rate = (double)dice_between(d, 10, 80);
	p->every_ns = dice_between(d, 500, 5000) * MS;
	pick_faults(g);
	if (g->member != NULL)
		shards_market(g, &m.n_symbols, &m.storm_ns);
	if (g->index == 0)
		plan_market(g->t, &m);
	else
		p->n_followed = g->t->gateways[0]->plan.n_followed;
	g->next_fault_ns = g->t->now_ns + dice_between(d, 1, 2 * p->every_ns);
}

bool fault_hits(struct gateway *g, enum fault fault)
{
	if (g->t->phase != PHASE_STORM || g->plan.chance[fault] == 0 ||
	    !dice_hits(&g->dice, g->plan.chance[fault]))
		return false;
	g->t->result->injected[fault]++;
	note(g, "!! %s", fault_text[fault]);
	return true;
}

/* ------------------------------------------------------------------ faults at random times */

static struct link *some_link(struct gateway *g)
{
	struct link *link = g->n_links == 0
				    ? NULL
				    : &g->links[dice_between(&g->dice, 0, (int64_t)g->n_links - 1)];
	return link != NULL && link->session != NULL && !link->mute ? link : NULL;
}

static bool do_close(struct gateway *g)
{
	static const uint16_t codes[] = { 1000, 1001, 1011, 1012 };
	struct link *link = some_link(g);
	if (link != NULL)
		net_lose(link, codes[dice_between(&g->dice, 0, 3)], false);
	return link != NULL;
}

static bool do_shutdown(struct gateway *g)
{
	struct link *link = g->t->face->shutdown == NULL ? NULL : some_link(g);
	if (link != NULL)
		net_announce_end(link, dice_between(&g->dice, 0, 5000) * MS);
	return link != NULL;
}

static bool do_cut(struct gateway *g)
{
	struct link *link = some_link(g);
	if (link != NULL)
		net_lose(link, 0, dice_hits(&g->dice, 500000));
	return link != NULL;
}

static bool do_mute(struct gateway *g)
{
	struct link *link = some_link(g);
	if (link != NULL)
		link->mute = true;
	return link != NULL;
}

static bool do_stall(struct gateway *g)
{
	struct link *link = some_link(g);
	if (link != NULL)
		link->stalled_until_ns = g->t->now_ns + dice_between(&g->dice, 100, 4000) * MS;
	return link != NULL;
}

/* Pings are answered, and what is asked for; but no data comes. */
static bool do_silent(struct gateway *g)
{
	struct link *link = some_link(g);
	if (link != NULL)
		link->silent_until_ns = g->t->now_ns + dice_between(&g->dice, 500, 12000) * MS;
	return link != NULL;
}

static bool do_no_send(struct gateway *g)
{
	struct link *link = some_link(g);
	if (link != NULL)
		link->no_send = true;
	return link != NULL;
}

/* Every connection is lost, and none is let in for a while. */
static bool do_shut(struct gateway *g)
{
	if (g->shut_until_ns > g->t->now_ns)
		return false;
	g->shut_until_ns = g->t->now_ns + dice_between(&g->dice, 1000, 15000) * MS;
	for (uint32_t i = 0; i < g->n_links; i++) {
		if (g->links[i].session != NULL && !g->links[i].mute)
			net_lose(&g->links[i], 1001, false);
	}
	return true;
}

static bool do_cross(struct gateway *g)
{
	g->crossed++;
	return true;
}

static bool do_delist(struct gateway *g) /* the first one is the canary */
{
	size_t i = (size_t)dice_between(&g->dice, 1, (int64_t)g->t->n_symbols - 1);
	if (market_delisted(g->t->market, i))
		return false;
	market_delist(g->t->market, i);
	return true;
}

static bool do_list(struct gateway *g)
{
	size_t i = (size_t)dice_between(&g->dice, 1, (int64_t)g->t->n_symbols - 1);
	if (!market_delisted(g->t->market, i))
		return false;
	market_list(g->t->market, i);
	return true;
}

/* By far: what is off by less than a minute comes out of order. */
static bool do_skew(struct gateway *g)
{
	int64_t hour = 3600 * S, off = dice_between(&g->dice, 2 * 60 * S, 2 * hour);
	g->t->skewed = true;
	g->t->skew_ns = dice_hits(&g->dice, 330000) ? 0 : dice_hits(&g->dice, 500000) ? off : -off;
	return true;
}

static bool do_burst(struct gateway *g)
{
	g->t->burst_until_ns = g->t->now_ns + dice_between(&g->dice, 100, 1000) * MS;
	market_set_rate(g->t->market, g->t->rate * 8);
	return true;
}

static bool do_freeze(struct gateway *g)
{
	if (g->frozen_until_ns > g->t->now_ns)
		return false;
	g->frozen_until_ns = g->t->now_ns + dice_between(&g->dice, 50, 6000) * MS;
	return true;
}

static bool do_sleep(struct gateway *g)
{
	if (!do_freeze(g))
		return false;
	g->to_sleep_ns = dice_between(&g->dice, 1, g->frozen_until_ns - g->t->now_ns);
	return true;
}

static bool do_wall(struct gateway *g)
{
	int64_t by = dice_between(&g->dice, -100, 100) * S;
	g->wall_off_ns += dice_hits(&g->dice, 200000) ? 60 * by : by;
	return true;
}

/* ------------------------------------------------------------------ commands */

static size_t some_symbol(struct gateway *g)
{
	return (size_t)dice_between(&g->dice, 0, (int64_t)g->t->n_symbols - 1);
}

static const char *some_name(struct gateway *g)
{
	return market_spec(g->t->market, some_symbol(g))->name;
}

void plan_command_at(struct gateway *g, int64_t at_ns, const char *verb, const char *name)
{
	char text[96];
	int n = snprintf(text, sizeof text, "%s %s", verb, name);
	g->n_commands++;
	event_add(g, &g->client, event_new(g, EVENT_COMMAND, at_ns, (bc_str){ text, (size_t)n }));
}

bool plan_command(struct gateway *g, const char *verb, const char *name)
{
	plan_command_at(g, g->t->now_ns, verb, name);
	return true;
}

static bool do_resync(struct gateway *g)
{
	return plan_command(g, "resync", some_name(g));
}

static bool do_reconnect(struct gateway *g)
{
	return plan_command(g, "reconnect", "");
}

static bool do_renew(struct gateway *g)
{
	return plan_command(g, "renew", "");
}

/* One of them, or all there are. */
static bool do_configure(struct gateway *g)
{
	return plan_command(g, "configure", dice_hits(&g->dice, 250000) ? "*" : some_name(g));
}

static bool do_listen(struct gateway *g)
{
	return plan_command(g, "listen", some_name(g));
}

static bool do_remove(struct gateway *g)
{
	if (g->member != NULL)
		return shards_command(g->t, false, some_symbol(g));
	return plan_command(g, "remove", some_name(g));
}

static bool do_add(struct gateway *g)
{
	if (g->member != NULL)
		return shards_command(g->t, true, some_symbol(g));
	return plan_command(g, "add", some_name(g));
}

static bool (*const acts[N_FAULTS])(struct gateway *g) = {
	[FAULT_CLOSE] = do_close,     [FAULT_SHUTDOWN] = do_shutdown,
	[FAULT_CUT] = do_cut,         [FAULT_MUTE] = do_mute,
	[FAULT_STALL] = do_stall,     [FAULT_SILENT] = do_silent,
	[FAULT_NO_SEND] = do_no_send, [FAULT_SHUT] = do_shut,
	[FAULT_CROSS] = do_cross,     [FAULT_DELIST] = do_delist,
	[FAULT_LIST] = do_list,       [FAULT_SKEW] = do_skew,
	[FAULT_BURST] = do_burst,     [FAULT_FREEZE] = do_freeze,
	[FAULT_SLEEP] = do_sleep,     [FAULT_WALL] = do_wall,
	[FAULT_RESYNC] = do_resync,   [FAULT_RECONNECT] = do_reconnect,
	[FAULT_RENEW] = do_renew,     [FAULT_CONFIGURE] = do_configure,
	[FAULT_LISTEN] = do_listen,   [FAULT_REMOVE] = do_remove,
	[FAULT_ADD] = do_add,
};

void fault_timed(struct gateway *g)
{
	size_t i = (size_t)dice_between(&g->dice, 0, N_FAULTS - 1);
	int64_t every = g->plan.volley > 0 ? 20 * MS : g->plan.every_ns;
	if (g->plan.volley > 0)
		g->plan.volley--;
	else if (dice_hits(&g->dice, 100000))
		g->plan.volley = (uint32_t)dice_between(&g->dice, 2, 20);
	g->next_fault_ns = g->t->now_ns + dice_between(&g->dice, 1, 2 * every);
	for (size_t tried = 0; tried < N_FAULTS; tried++, i = (i + 1) % N_FAULTS) {
		if (acts[i] == NULL || g->plan.chance[i] == 0)
			continue;
		note(g, "!! %s", fault_text[i]);
		if (acts[i](g))
			g->t->result->injected[i]++;
		return;
	}
}
