/* plan.c - what a seed is like, and the faults that come at random times. */
#include "tests/simulation/trial_private.h"

#include <stdio.h>

enum when { WHEN_FRAME, WHEN_CONNECT, WHEN_REST, WHEN_TIMED };

static const enum when when_of[N_FAULTS] = {
#define X(name, text, when) WHEN_##when,
	FAULT_ROWS(X)
#undef X
};

/* Every seed has some of the faults, rarely or often: so each is alone at times, and all of them
 * meet at others. One in twenty has none. */
static void pick_faults(struct trial *t)
{
	static const int64_t most[] = { [WHEN_FRAME] = 40000,
					[WHEN_CONNECT] = 900000,
					[WHEN_REST] = 500000,
					[WHEN_TIMED] = 1 };
	bool none = dice_hits(&t->dice, 50000);
	for (size_t i = 0; i < N_FAULTS; i++) {
		bool has = dice_hits(&t->dice, 350000) && !none;
		uint32_t chance = (uint32_t)dice_between(&t->dice, 1, most[when_of[i]]);
		t->plan.chance[i] = has ? chance : 0;
	}
}

void plan_make(struct trial *t)
{
	static const int64_t latencies[] = { 1, 5, 20, 60, 200 };
	struct plan *p = &t->plan;
	struct dice *d = &t->dice;
	p->n_symbols = (size_t)dice_between(d, 2, 4);
	p->n_followed = (size_t)dice_between(d, 1, (int64_t)p->n_symbols);
	p->storm_ns = dice_between(d, 5, 30) * S;
	if (t->o.storm_ns != 0)
		p->storm_ns = t->o.storm_ns;
	p->tick_ns = dice_between(d, 5, 25) * MS;
	p->latency_ns = latencies[dice_between(d, 0, 4)] * MS;
	p->jitter_ns = p->latency_ns * dice_between(d, 0, 2);
	p->rest_latency_ns = latencies[dice_between(d, 1, 4)] * MS;
	p->rest_jitter_ns = dice_between(d, 1, 500) * MS;
	p->rate = (double)dice_between(d, 10, 80);
	p->every_ns = dice_between(d, 500, 5000) * MS;
	pick_faults(t);
	t->next_fault_ns = t->now_ns + dice_between(d, 1, 2 * p->every_ns);
}

bool fault_hits(struct trial *t, enum fault fault)
{
	if (t->phase != PHASE_STORM || t->plan.chance[fault] == 0 ||
	    !dice_hits(&t->dice, t->plan.chance[fault]))
		return false;
	t->result->injected[fault]++;
	note(t, "!! %s", fault_text[fault]);
	return true;
}

/* ------------------------------------------------------------------ faults at random times */

static struct link *some_link(struct trial *t)
{
	struct link *link = t->n_links == 0
				    ? NULL
				    : &t->links[dice_between(&t->dice, 0, (int64_t)t->n_links - 1)];
	return link != NULL && link->session != NULL && !link->mute ? link : NULL;
}

static bool do_close(struct trial *t)
{
	static const uint16_t codes[] = { 1000, 1001, 1011, 1012 };
	struct link *link = some_link(t);
	if (link != NULL)
		net_lose(link, codes[dice_between(&t->dice, 0, 3)], false);
	return link != NULL;
}

static bool do_shutdown(struct trial *t)
{
	struct link *link = t->face->shutdown == NULL ? NULL : some_link(t);
	if (link != NULL)
		net_announce_end(link, dice_between(&t->dice, 0, 5000) * MS);
	return link != NULL;
}

static bool do_cut(struct trial *t)
{
	struct link *link = some_link(t);
	if (link != NULL)
		net_lose(link, 0, dice_hits(&t->dice, 500000));
	return link != NULL;
}

static bool do_mute(struct trial *t)
{
	struct link *link = some_link(t);
	if (link != NULL)
		link->mute = true;
	return link != NULL;
}

static bool do_stall(struct trial *t)
{
	struct link *link = some_link(t);
	if (link != NULL)
		link->stalled_until_ns = t->now_ns + dice_between(&t->dice, 100, 4000) * MS;
	return link != NULL;
}

static bool do_no_send(struct trial *t)
{
	struct link *link = some_link(t);
	if (link != NULL)
		link->no_send = true;
	return link != NULL;
}

static bool do_cross(struct trial *t)
{
	t->crossed++;
	return true;
}

static bool do_delist(struct trial *t) /* the first one is the canary */
{
	size_t i = (size_t)dice_between(&t->dice, 1, (int64_t)t->plan.n_symbols - 1);
	if (market_delisted(t->market, i))
		return false;
	market_delist(t->market, i);
	return true;
}

static bool do_burst(struct trial *t)
{
	t->burst_until_ns = t->now_ns + dice_between(&t->dice, 100, 1000) * MS;
	market_set_rate(t->market, t->plan.rate * 8);
	return true;
}

static bool do_freeze(struct trial *t)
{
	if (t->frozen_until_ns > t->now_ns)
		return false;
	t->frozen_until_ns = t->now_ns + dice_between(&t->dice, 50, 6000) * MS;
	return true;
}

static bool do_sleep(struct trial *t)
{
	if (!do_freeze(t))
		return false;
	t->to_sleep_ns = dice_between(&t->dice, 1, t->frozen_until_ns - t->now_ns);
	return true;
}

static bool do_wall(struct trial *t)
{
	t->wall_off_ns += dice_between(&t->dice, -100, 100) * S;
	return true;
}

/* ------------------------------------------------------------------ commands */

static const char *some_name(struct trial *t)
{
	size_t i = (size_t)dice_between(&t->dice, 0, (int64_t)t->plan.n_symbols - 1);
	return market_spec(t->market, i)->name;
}

/* "resync KRW-BTC" to our side, which may be frozen. */
static bool command(struct trial *t, const char *verb, const char *name)
{
	char text[96];
	int n = snprintf(text, sizeof text, "%s %s", verb, name);
	t->n_commands++;
	event_add(t, &t->client,
		  event_new(t, EVENT_COMMAND, t->now_ns, (bc_str){ text, (size_t)n }));
	return true;
}

static bool do_resync(struct trial *t)
{
	return command(t, "resync", some_name(t));
}

static bool do_reconnect(struct trial *t)
{
	return command(t, "reconnect", "");
}

static bool do_remove(struct trial *t)
{
	return command(t, "remove", some_name(t));
}

static bool do_add(struct trial *t)
{
	return command(t, "add", some_name(t));
}

static bool (*const acts[N_FAULTS])(struct trial *t) = {
	[FAULT_CLOSE] = do_close,   [FAULT_SHUTDOWN] = do_shutdown,   [FAULT_CUT] = do_cut,
	[FAULT_MUTE] = do_mute,     [FAULT_STALL] = do_stall,         [FAULT_NO_SEND] = do_no_send,
	[FAULT_CROSS] = do_cross,   [FAULT_DELIST] = do_delist,       [FAULT_BURST] = do_burst,
	[FAULT_FREEZE] = do_freeze, [FAULT_SLEEP] = do_sleep,         [FAULT_WALL] = do_wall,
	[FAULT_RESYNC] = do_resync, [FAULT_RECONNECT] = do_reconnect, [FAULT_REMOVE] = do_remove,
	[FAULT_ADD] = do_add,
};

void fault_timed(struct trial *t)
{
	size_t i = (size_t)dice_between(&t->dice, 0, N_FAULTS - 1);
	int64_t every = t->plan.volley > 0 ? 20 * MS : t->plan.every_ns;
	if (t->plan.volley > 0)
		t->plan.volley--;
	else if (dice_hits(&t->dice, 100000))
		t->plan.volley = (uint32_t)dice_between(&t->dice, 2, 20);
	t->next_fault_ns = t->now_ns + dice_between(&t->dice, 1, 2 * every);
	for (size_t tried = 0; tried < N_FAULTS; tried++, i = (i + 1) % N_FAULTS) {
		if (acts[i] == NULL || t->plan.chance[i] == 0)
			continue;
		note(t, "!! %s", fault_text[i]);
		if (acts[i](t))
			t->result->injected[i]++;
		return;
	}
}
