/* gateway.c - one gateway of a trial: its clocks, its steps, its end. */
#include "tests/simulation/trial_private.h"

#include <stdlib.h>

#define STANDSTILL_NS (2 * S) /* of ours: nothing that was fit before is after it */
#define SLEPT_NS      S
#define SPINS_MAX     1000

struct session_now trial_now(const struct gateway *g)
{
	int64_t now = g->t->now_ns;
	return (struct session_now){ .mono = { now - g->slept_ns },
				     .boot = { now },
				     .wall = { WALL_START + now + g->wall_off_ns } };
}

/* ------------------------------------------------------------------ there */

static void exchange_goes_on(struct trial *t)
{
	bc_wall_time now = { WALL_START + t->now_ns };
	if (t->burst_until_ns != 0 && t->now_ns >= t->burst_until_ns) {
		t->burst_until_ns = 0;
		market_set_rate(t->market, t->rate);
	}
	if (t->stands)
		market_skip(t->market, now);
	else
		market_advance(t->market, now);
}

void gateway_step_there(struct gateway *g)
{
	struct event *e = NULL;
	exchange_goes_on(g->t);
	if (g->server.n > 0 && g->server.at[0]->at_ns <= g->t->now_ns)
		e = events_take(&g->server);
	if (e != NULL && e->kind == EVENT_REQUEST)
		request_arrives(g, e);
	else if (e != NULL)
		net_at_exchange(g, e);
	else if (g->t->now_ns >= g->next_tick_ns) {
		net_tick(g, g->t->stands);
		g->next_tick_ns = g->t->now_ns + g->plan.tick_ns;
	} else
		fault_timed(g);
	free(e);
}

int64_t gateway_next_there(const struct gateway *g)
{
	int64_t next = g->next_tick_ns;
	if (g->server.n > 0 && g->server.at[0]->at_ns < next)
		next = g->server.at[0]->at_ns;
	return g->t->phase == PHASE_STORM && g->next_fault_ns < next ? g->next_fault_ns : next;
}

/* ------------------------------------------------------------------ here */

int64_t gateway_next_here(const struct gateway *g)
{
	int64_t next = session_next_deadline(g->session).ns;
	int64_t outlet = outlet_next_deadline(g->outlet).ns;
	if (outlet < next)
		next = outlet;
	next = next > INT64_MAX - g->slept_ns ? INT64_MAX : next + g->slept_ns;
	if (g->client.n > 0 && g->client.at[0]->at_ns < next)
		next = g->client.at[0]->at_ns;
	return next > g->frozen_until_ns ? next : g->frozen_until_ns;
}

/* Whoever asks to be ticked at once, again and again, would keep the gateway's loop busy. */
static void watch_for_spinning(struct gateway *g)
{
	g->ticks_in_a_row = g->t->now_ns - g->ticked_ns < MS ? g->ticks_in_a_row + 1 : 0;
	g->ticked_ns = g->t->now_ns;
	if (g->ticks_in_a_row > SPINS_MAX)
		trial_fail(g, "deadlines", "ticked %d times within as many milliseconds at most",
			   SPINS_MAX);
}

static void watch_for_standstills(struct gateway *g)
{
	struct session_now now = trial_now(g);
	int64_t awake = now.mono.ns - g->stepped.mono.ns;
	if (awake > STANDSTILL_NS || now.boot.ns - g->stepped.boot.ns - awake > SLEPT_NS)
		judge_standstill(g);
	g->stepped = now;
}

void gateway_step_here(struct gateway *g)
{
	bool delivered = true;
	g->slept_ns += g->to_sleep_ns;
	g->to_sleep_ns = 0;
	if (g->client.n > 0 && g->client.at[0]->at_ns <= g->t->now_ns) {
		struct event *e = events_take(&g->client);
		delivered = client_deliver(g, e);
		if (delivered && e->damaged_book)
			judge_damaged(g, e);
		else if (delivered && e->book)
			judge_followed(g, e);
		free(e);
	} else {
		watch_for_spinning(g);
		client_tick(g);
	}
	if (!delivered)
		return;
	watch_for_standstills(g);
	g->t->result->steps++;
	client_after(g);
	judge_step(g);
}

/* ------------------------------------------------------------------ life */

bool gateway_open(struct trial *t, uint32_t index)
{
	struct gateway *g = calloc(1, sizeof *g);
	if (g == NULL)
		abort();
	t->gateways[index] = g;
	t->n_gateways = index + 1;
	g->t = t;
	g->index = index;
	g->dice.state =
		t->o.seed * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xd6e8feb86659fd93);
	g->next_tick_ns = t->now_ns;
	g->stepped = trial_now(g);
	plan_make(g);
	return terms_make(g);
}

bool gateway_start(struct gateway *g)
{
	g->face_state = g->t->face->state_new();
	return g->face_state != NULL && client_open(g);
}

void gateway_free(struct gateway *g)
{
	session_free(&g->session);
	outlet_free(&g->outlet);
	net_free(g);
	requests_free(g);
	for (size_t i = 0; i < MAX_SYMBOLS; i++) {
		replica_free(&g->replicas[i][0]);
		replica_free(&g->replicas[i][1]);
	}
	if (g->face_state != NULL)
		g->t->face->state_free(g->face_state);
	free(g);
}
