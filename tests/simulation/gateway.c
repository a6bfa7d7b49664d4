/* gateway.c - one gateway of a trial: its clocks, its steps, its end. */
#include "tests/simulation/trial_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STANDSTILL_NS (2 * S) /* of ours: nothing that was fit before is after it */
#define SLEPT_NS      S
#define SPINS_MAX     1000
#define EPOCH_FIRST   UINT64_C(1700000000000000)
#define EPOCHS_APART  1000000

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
	if (g->dead)
		return INT64_MAX;
	int64_t next = g->next_tick_ns;
	if (g->server.n > 0 && g->server.at[0]->at_ns < next)
		next = g->server.at[0]->at_ns;
	return g->t->phase == PHASE_STORM && g->next_fault_ns < next ? g->next_fault_ns : next;
}

/* ------------------------------------------------------------------ here */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_by_our_clock(const struct gateway *g)
{
	int64_t next =
		sooner(session_next_deadline(g->session).ns, outlet_next_deadline(g->outlet).ns);
	if (g->t->reader != NULL)
		next = sooner(next, g->next_heartbeat_ns);
	return next > INT64_MAX - g->slept_ns ? INT64_MAX : next + g->slept_ns;
}

int64_t gateway_next_here(const struct gateway *g)
{
	int64_t next, bus = bus_next(&g->bus);
	if (g->dead)
		return sooner(bus, g->back_at_ns);
	if (g->bus.joins_at_ns != 0)
		bus = sooner(bus, g->bus.joins_at_ns);
	if (g->member != NULL)
		bus = sooner(bus, ears_next(g));
	next = next_by_our_clock(g);
	if (g->client.n > 0)
		next = sooner(next, g->client.at[0]->at_ns);
	next = next > g->frozen_until_ns ? next : g->frozen_until_ns;
	return sooner(next, bus);
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

/* What it knew, and what was under way to it. What it has published goes its way. */
static void forget(struct gateway *g)
{
	session_free(&g->session);
	outlet_free(&g->outlet);
	net_free(g);
	requests_free(g);
	if (g->face_state != NULL && !g->shares_address)
		g->t->face->state_free(g->face_state);
	g->face_state = NULL;
}

bool gateway_start(struct gateway *g)
{
	g->epoch = EPOCH_FIRST + g->index * EPOCHS_APART + g->n_lives++;
	if (!g->shares_address)
		g->face_state = g->t->face->state_new();
	else
		g->face_state = shards_address(g->t);
	g->next_heartbeat_ns = trial_now(g).mono.ns + HEARTBEAT_NS;
	return g->face_state != NULL && client_open(g);
}

void gateway_kill(struct gateway *g, int64_t back_at_ns)
{
	if (g->member != NULL)
		shards_died(g);
	forget(g);
	g->dead = true;
	g->died_ns = g->t->now_ns;
	g->back_at_ns = back_at_ns;
	g->n_links = 0;
	g->n_commands = 0;
	g->frozen_until_ns = g->to_sleep_ns = g->rest_quiet_until_ns = 0;
	memset(g->links, 0, sizeof g->links);
	memset(g->heard, 0, sizeof g->heard);
	memset(g->topics, 0, sizeof g->topics);
	memset(g->judged, 0, sizeof g->judged);
}

void gateway_retire(struct gateway *g)
{
	outlet_shut_down(g->outlet, trial_now(g).mono);
	client_after(g);
	gateway_kill(g, INT64_MAX);
	note(g, "-- has nothing left, and ends");
}

/* The exchange knows nothing of who was there before: it comes from another address, as a rule. */
static void come_back(struct gateway *g)
{
	g->dead = false;
	g->stepped = trial_now(g);
	g->bus.cut_until_ns = 0;
	g->bus.joins_at_ns = g->t->now_ns + MS;
	note(g, "-- started anew");
	if (!gateway_start(g))
		return;
	session_start(g->session, trial_now(g));
	if (g->member != NULL)
		ears_back(g);
}

void gateway_renew(struct gateway *g, bc_str prefix)
{
	for (uint32_t i = 0; i < MAX_TOPICS && !g->dead; i++) {
		if (g->topics[i].open && bc_str_starts(bc_str_of(g->topics[i].name), prefix))
			outlet_subscribed(g->outlet, trial_now(g).mono, i);
	}
}

struct gateway *gateway_of(const struct trial *t, uint64_t epoch)
{
	return t->gateways[(epoch - EPOCH_FIRST) / EPOCHS_APART % MAX_GATEWAYS];
}

/* False: the session was told nothing: it was for a connection that is gone, or a ping, which the
 * transport answers. */
static bool take_input(struct gateway *g)
{
	struct event *e = events_take(&g->client);
	bool delivered = client_deliver(g, e) && e->kind != EVENT_PING;
	if (delivered && e->damaged_book)
		judge_damaged(g, e);
	else if (delivered && e->book)
		judge_followed(g, e);
	free(e);
	return delivered;
}

static void heartbeat(struct gateway *g)
{
	struct session_now now = trial_now(g);
	struct bc_heartbeat h = { .instance = bc_str_of(g->name),
				  .version = BC_STR("1"),
				  .shard_count = 1,
				  .pid = 1,
				  .started = now.wall,
				  .interval_ns = HEARTBEAT_NS };
	g->next_heartbeat_ns = now.mono.ns + HEARTBEAT_NS;
	if (g->member != NULL)
		shards_heartbeat(g, &h);
	outlet_heartbeat(g->outlet, now.mono, &h);
}

/* The shard's business goes before the heartbeat, as in the gateway. */
static void turn(struct gateway *g)
{
	bool tells = g->member != NULL && session_leaving(g->session) > 0;
	if (g->member != NULL)
		ears_turn(g);
	if (tells) /* the session has heard, and looked at the clock */
		watch_for_standstills(g);
	if (g->member != NULL && shards_retired(g))
		shards_end(g);
	else
		heartbeat(g);
}

static void act(struct gateway *g)
{
	g->slept_ns += g->to_sleep_ns;
	g->to_sleep_ns = 0;
	if (g->client.n > 0 && g->client.at[0]->at_ns <= g->t->now_ns) {
		if (!take_input(g))
			return;
	} else if (g->t->reader != NULL && g->next_heartbeat_ns <= trial_now(g).mono.ns) {
		turn(g);
		return;
	} else {
		watch_for_spinning(g);
		client_tick(g);
	}
	watch_for_standstills(g);
	g->t->result->steps++;
	client_after(g);
	judge_step(g);
}

void gateway_step_here(struct gateway *g)
{
	int64_t now = g->t->now_ns;
	if (bus_next(&g->bus) <= now)
		bus_deliver(g);
	else if (g->bus.joins_at_ns != 0 && !g->dead && g->bus.joins_at_ns <= now)
		bus_join(g);
	else if (!g->dead && g->member != NULL && ears_next(g) <= now)
		ears_step(g);
	else if (!g->dead)
		act(g);
	else if (g->back_at_ns <= now)
		come_back(g);
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
	snprintf(g->name, sizeof g->name, "%u", index);
	g->dice.state =
		t->o.seed * UINT64_C(0x9e3779b97f4a7c15) + index * UINT64_C(0xd6e8feb86659fd93);
	g->next_tick_ns = t->now_ns;
	g->stepped = trial_now(g);
	if (t->shards != NULL)
		shards_join(g);
	plan_make(g);
	return terms_make(g);
}

void gateway_free(struct gateway *g)
{
	forget(g);
	bus_free(&g->bus);
	if (g->member != NULL)
		ears_close(g);
	free(g->member);
	for (size_t i = 0; i < MAX_SYMBOLS; i++) {
		replica_free(&g->replicas[i][0]);
		replica_free(&g->replicas[i][1]);
	}
	free(g);
}
