/* trial.c - life, time, and the order of events. */
#include "tests/simulation/trial_private.h"

#include <stdarg.h>
#include <stdlib.h>

#define HEAL_NS       (90 * S) /* back-off and REST waits at their longest */
#define STANDSTILL_NS (2 * S)  /* of ours: nothing that was fit before is after it */
#define SLEPT_NS      S
#define SPINS_MAX     1000

/* clang-format off */
const char *const fault_text[N_FAULTS] = {
#define X(name, text, when) text,
	FAULT_ROWS(X)
#undef X
};
/* clang-format on */

/* ------------------------------------------------------------------ what all files use */

void trial_fail(struct trial *t, const char *check, const char *format, ...)
{
	va_list args;
	if (t->result->failed)
		return;
	t->result->failed = true;
	t->result->check = check;
	t->phase = PHASE_OVER;
	if (t->o.lie != NULL)
		return;
	printf("\nFAILED %s, seed %llu: %s\n", t->model->exchange, (unsigned long long)t->o.seed,
	       check);
	printf("  step %llu, at %.6f s of simulated time (the clock began at %lld s)\n  ",
	       (unsigned long long)t->result->steps, (double)t->now_ns / 1e9,
	       (long long)(TRIAL_START / S));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n  the last steps (step, time, what):\n");
	trace_print(&t->trace, stdout);
	printf("replay: %s --seed %llu\n\n", t->o.replay, (unsigned long long)t->o.seed);
}

struct session_now trial_now(const struct trial *t)
{
	return (struct session_now){ .mono = { t->now_ns - t->slept_ns },
				     .boot = { t->now_ns },
				     .wall = { WALL_START + t->now_ns + t->wall_off_ns } };
}

static bc_wall_time exchange_now(const struct trial *t)
{
	return (bc_wall_time){ WALL_START + t->now_ns };
}

struct sim_world exchange_world(struct trial *t)
{
	return (struct sim_world){ .market = t->market,
				   .now = exchange_now(t),
				   .mono = { t->now_ns },
				   .crossed = &t->crossed };
}

/* ------------------------------------------------------------------ the exchange */

static void on_level(void *self, size_t symbol, enum market_side side, int64_t price,
		     int64_t quantity)
{
	struct trial *t = self;
	if (t->market != NULL && t->x->sync != NULL)
		truth_changed(t, symbol, side, price, quantity);
}

static bool open_exchange(struct trial *t)
{
	struct market_spec specs[MAX_SYMBOLS];
	if (!t->face->specs(specs, t->plan.n_symbols))
		return false;
	for (size_t i = 0; i < t->plan.n_symbols; i++) {
		/* few levels and short steps, so that the price walks through all of them */
		specs[i].levels =
			(uint32_t)dice_between(&t->dice, 8, t->x->sync != NULL ? 200 : 60);
		specs[i].start = dice_between(&t->dice, 400, 9000);
		specs[i].reach = dice_between(&t->dice, 1, 5);
		specs[i].leg = (uint32_t)dice_between(&t->dice, 0, 15);
		specs[i].weight = (uint32_t)dice_between(&t->dice, i == 0 ? 10 : 2, 20);
	}
	t->face_state = t->face->state_new();
	struct market_options options = {
		.seed = dice_next(&t->dice),
		.rate = t->plan.rate,
		.start = exchange_now(t),
		.specs = specs,
		.n_specs = t->plan.n_symbols,
		.intervals_s = t->face->intervals_s,
		.n_intervals = t->face->n_intervals,
		.journal = t->face->journal,
		.listener = { t, on_level, truth_listen },
	};
	t->market = market_new(&options);
	for (size_t i = 0; t->market != NULL && i < t->plan.n_symbols; i++)
		truth_begin(t, i);
	return t->face_state != NULL && t->market != NULL;
}

static void exchange_goes_on(struct trial *t)
{
	if (t->burst_until_ns != 0 && t->now_ns >= t->burst_until_ns) {
		t->burst_until_ns = 0;
		market_set_rate(t->market, t->plan.rate);
	}
	if (t->market_stands)
		market_skip(t->market, exchange_now(t));
	else
		market_advance(t->market, exchange_now(t));
}

static void exchange_step(struct trial *t)
{
	struct event *e = NULL;
	exchange_goes_on(t);
	if (t->server.n > 0 && t->server.at[0]->at_ns <= t->now_ns)
		e = events_take(&t->server);
	if (e != NULL && e->kind == EVENT_REQUEST)
		request_arrives(t, e);
	else if (e != NULL)
		net_at_exchange(t, e);
	else if (t->now_ns >= t->next_tick_ns) {
		net_tick(t, t->market_stands);
		t->next_tick_ns = t->now_ns + t->plan.tick_ns;
	} else
		fault_timed(t);
	free(e);
}

static int64_t exchange_next(const struct trial *t)
{
	int64_t next = t->next_tick_ns;
	if (t->server.n > 0 && t->server.at[0]->at_ns < next)
		next = t->server.at[0]->at_ns;
	return t->phase == PHASE_STORM && t->next_fault_ns < next ? t->next_fault_ns : next;
}

/* ------------------------------------------------------------------ our side */

static int64_t client_next(const struct trial *t)
{
	int64_t next = session_next_deadline(t->session).ns;
	int64_t outlet = outlet_next_deadline(t->outlet).ns;
	if (outlet < next)
		next = outlet;
	next = next > INT64_MAX - t->slept_ns ? INT64_MAX : next + t->slept_ns;
	if (t->client.n > 0 && t->client.at[0]->at_ns < next)
		next = t->client.at[0]->at_ns;
	return next > t->frozen_until_ns ? next : t->frozen_until_ns;
}

/* Whoever asks to be ticked at once, again and again, would keep the gateway's loop busy. */
static void watch_for_spinning(struct trial *t)
{
	t->ticks_in_a_row = t->now_ns - t->ticked_ns < MS ? t->ticks_in_a_row + 1 : 0;
	t->ticked_ns = t->now_ns;
	if (t->ticks_in_a_row > SPINS_MAX)
		trial_fail(t, "deadlines", "ticked %d times within as many milliseconds at most",
			   SPINS_MAX);
}

static void watch_for_standstills(struct trial *t)
{
	struct session_now now = trial_now(t);
	int64_t awake = now.mono.ns - t->stepped.mono.ns;
	if (awake > STANDSTILL_NS || now.boot.ns - t->stepped.boot.ns - awake > SLEPT_NS)
		judge_standstill(t);
	t->stepped = now;
}

static void client_step(struct trial *t)
{
	bool delivered = true;
	t->slept_ns += t->to_sleep_ns;
	t->to_sleep_ns = 0;
	if (t->client.n > 0 && t->client.at[0]->at_ns <= t->now_ns) {
		struct event *e = events_take(&t->client);
		delivered = client_deliver(t, e);
		if (delivered && e->damaged_book)
			judge_damaged(t, e);
		else if (delivered && e->book)
			judge_followed(t, e);
		free(e);
	} else {
		watch_for_spinning(t);
		client_tick(t);
	}
	if (!delivered)
		return;
	watch_for_standstills(t);
	t->result->steps++;
	client_after(t);
	judge_step(t);
}

/* ------------------------------------------------------------------ phases */

static void calm_down(struct trial *t)
{
	t->phase = PHASE_CALM;
	t->calm_since_ns = t->now_ns;
	t->crossed = 0;
	net_calm(t);
	for (size_t i = 0; i < t->plan.n_symbols; i++) {
		t->calm_time_ns[i] = market_changed(t->market, i).ns;
		t->calm_id[i] = t->face->book_id == NULL ? 0 : t->face->book_id(t->market, i);
	}
	note(t, "-- the storm is over");
}

static void next_phase(struct trial *t)
{
	char why[256] = "";
	int64_t calm = t->now_ns - t->calm_since_ns;
	if (t->phase == PHASE_STORM && t->now_ns >= TRIAL_START + t->plan.storm_ns)
		calm_down(t);
	else if (t->phase == PHASE_CALM && judge_healed(t, why, sizeof why)) {
		t->result->healed_after_ns = calm;
		t->phase = PHASE_STILL;
		t->still_since_ns = t->now_ns;
		t->market_stands = true;
		note(t, "-- all have healed; the market stands");
	} else if (t->phase == PHASE_STILL && !judge_all_fit(t)) {
		/* by itself, as where the price has walked out of a snapshot */
		t->phase = PHASE_CALM;
		t->market_stands = false;
		note(t, "-- somebody is not fit; the market goes on");
	} else if (t->phase == PHASE_CALM && calm > HEAL_NS)
		trial_fail(t, "heal", "not within %lld s without faults: %s",
			   (long long)(HEAL_NS / S), why);
	else if (t->phase == PHASE_STILL && t->now_ns >= t->still_since_ns + STILL_FOR_NS) {
		judge_end(t);
		t->phase = PHASE_OVER;
	}
}

static void run(struct trial *t)
{
	session_start(t->session, trial_now(t));
	while (t->phase != PHASE_OVER) {
		int64_t there = exchange_next(t), here = client_next(t);
		int64_t next = there <= here ? there : here;
		if (next > t->now_ns)
			t->now_ns = next;
		if (there <= here)
			exchange_step(t);
		else
			client_step(t);
		if (t->phase != PHASE_OVER)
			next_phase(t);
	}
}

/* ------------------------------------------------------------------ life */

void trial_run(const struct trial_options *options, struct trial_result *out)
{
	struct trial *t = calloc(1, sizeof *t);
	*out = (struct trial_result){ 0 };
	if (t == NULL)
		abort();
	t->o = *options;
	t->model = options->model;
	t->face = sim_face_find(options->model->exchange);
	t->result = out;
	t->trace.verbose = options->verbose;
	t->dice.state = options->seed * UINT64_C(0x9e3779b97f4a7c15);
	t->now_ns = t->next_tick_ns = TRIAL_START;
	t->stepped = trial_now(t);
	plan_make(t);
	if (!terms_make(t) || !open_exchange(t))
		trial_fail(t, "start", "the model exchange cannot be made");
	else if (client_open(t)) {
		run(t);
		out->counters = *session_counters(t->session);
	}
	out->simulated_ns = t->now_ns - TRIAL_START;
	out->hash = t->trace.hash;
	session_free(&t->session);
	outlet_free(&t->outlet);
	net_free(t);
	requests_free(t);
	truth_free(t);
	if (t->market != NULL)
		market_free(&t->market);
	if (t->face_state != NULL)
		t->face->state_free(t->face_state);
	free(t);
}
