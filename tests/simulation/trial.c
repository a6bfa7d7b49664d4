/* trial.c - life, time, and the order of events. */
#include "tests/simulation/trial_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>

#define HEAL_NS   (90 * S) /* back-off and REST waits at their longest */
#define CANARY_NS S        /* it always trades, or a line that carries trades alone falls silent */

/* clang-format off */
const char *const fault_text[N_FAULTS] = {
#define X(name, text, when) text,
	FAULT_ROWS(X)
#undef X
};
/* clang-format on */

/* ------------------------------------------------------------------ what all files use */

void trial_fail(struct gateway *g, const char *check, const char *format, ...)
{
	struct trial *t = g->t;
	va_list args;
	if (t->result->failed)
		return;
	t->result->failed = true;
	t->result->check = check;
	t->phase = PHASE_OVER;
	if (t->o.lie != NULL)
		return;
	printf("\nFAILED %s, seed %llu, gateway %u: %s\n", t->model->exchange,
	       (unsigned long long)t->o.seed, g->index, check);
	printf("  step %llu, at %.6f s of simulated time (the clock began at %lld s)\n  ",
	       (unsigned long long)t->result->steps, (double)t->now_ns / 1e9,
	       (long long)(TRIAL_START / S));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n  the last steps (step, time, gateway, what):\n");
	trace_print(&t->trace, stdout);
	printf("replay: %s --seed %llu\n\n", t->o.replay, (unsigned long long)t->o.seed);
}

static bc_wall_time exchange_now(const struct trial *t)
{
	return (bc_wall_time){ WALL_START + t->now_ns };
}

struct sim_world exchange_world(struct gateway *g)
{
	return (struct sim_world){ .market = g->t->market,
				   .now = exchange_now(g->t),
				   .mono = { g->t->now_ns },
				   .skew_ns = g->t->skew_ns,
				   .crossed = &g->crossed };
}

/* ------------------------------------------------------------------ the exchange */

static void on_level(void *self, size_t symbol, enum market_side side, int64_t price,
		     int64_t quantity)
{
	struct trial *t = self;
	if (t->market != NULL && t->numbered)
		truth_changed(t, symbol, side, price, quantity);
}

static bool open_exchange(struct trial *t)
{
	struct dice *d = &t->gateways[0]->dice;
	struct market_spec specs[MAX_SYMBOLS];
	if (!t->face->specs(specs, t->n_symbols))
		return false;
	for (size_t i = 0; i < t->n_symbols; i++) {
		/* few levels and short steps, so that the price walks through all of them */
		specs[i].levels = (uint32_t)dice_between(d, 8, t->numbered ? 200 : 60);
		specs[i].start = dice_between(d, 400, 9000);
		specs[i].reach = dice_between(d, 1, 5);
		specs[i].leg = (uint32_t)dice_between(d, 0, 15);
		specs[i].weight = (uint32_t)dice_between(d, i == 0 ? 10 : 2, 20);
	}
	struct market_options options = {
		.seed = dice_next(d),
		.rate = t->rate,
		.start = exchange_now(t),
		.specs = specs,
		.n_specs = t->n_symbols,
		.intervals_s = t->face->intervals_s,
		.n_intervals = t->face->n_intervals,
		.journal = t->face->journal,
		.steady_ns = t->gateways[0]->x->n_lines > 1 ? CANARY_NS : 0,
		.listener = { t, on_level, truth_listen },
	};
	t->market = market_new(&options);
	for (size_t i = 0; t->market != NULL && i < t->n_symbols; i++)
		truth_begin(t, i);
	return t->market != NULL;
}

/* ------------------------------------------------------------------ phases */

static void calm_down(struct trial *t)
{
	t->phase = PHASE_CALM;
	t->calm_since_ns = t->now_ns;
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		t->gateways[i]->crossed = 0;
		net_calm(t->gateways[i]);
	}
	for (size_t i = 0; i < t->n_symbols; i++) {
		t->calm_seq[i] = market_seq(t->market, i);
		t->calm_id[i] = t->face->book_id == NULL ? 0 : t->face->book_id(t->market, i);
	}
	note(t->gateways[0], "-- the storm is over");
	if (t->shards != NULL)
		shards_calm(t);
}

static struct gateway *who_has_not_healed(struct trial *t, char *why, size_t cap)
{
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		bool may_be_dead = t->shards != NULL && t->gateways[i]->dead;
		if (!may_be_dead && !judge_healed(t->gateways[i], why, cap))
			return t->gateways[i];
	}
	return t->shards == NULL ? NULL : shards_unsettled(t, why, cap);
}

static bool all_fit(const struct trial *t)
{
	bool all = true;
	for (uint32_t i = 0; i < t->n_gateways; i++)
		all &= judge_all_fit(t->gateways[i]);
	return all;
}

static void end(struct trial *t)
{
	for (uint32_t i = 0; i < t->n_gateways; i++)
		judge_end(t->gateways[i]);
	if (t->reader != NULL)
		reader_end(t);
	t->phase = PHASE_OVER;
}

/* What is polled comes when its turn comes. */
static int64_t still_for_ns(const struct trial *t)
{
	return t->terms.only_polled ? STILL_POLLED_NS : STILL_FOR_NS;
}

static void next_phase(struct trial *t)
{
	struct gateway *ill = NULL;
	struct gateway *first = t->gateways[0];
	char why[256] = "";
	int64_t calm = t->now_ns - t->calm_since_ns;
	assert(first != NULL);
	if (t->phase == PHASE_STORM && t->now_ns >= TRIAL_START + t->storm_ns)
		calm_down(t);
	else if (t->phase == PHASE_CALM && (ill = who_has_not_healed(t, why, sizeof why)) == NULL) {
		t->result->healed_after_ns = calm;
		t->phase = PHASE_STILL;
		t->still_since_ns = t->now_ns;
		t->stands = true;
		note(first, "-- all have healed; the market stands");
	} else if (t->phase == PHASE_STILL && !all_fit(t)) {
		/* by itself, as where the price has walked out of a snapshot */
		t->phase = PHASE_CALM;
		t->stands = false;
		note(first, "-- somebody is not fit; the market goes on");
	} else if (t->phase == PHASE_CALM && calm > HEAL_NS)
		trial_fail(ill, "heal", "not within %lld s without faults: %s",
			   (long long)(HEAL_NS / S), why);
	else if (t->phase == PHASE_STILL && t->now_ns >= t->still_since_ns + still_for_ns(t))
		end(t);
}

enum place { THERE, HERE, ON_THE_BUS, AT_THE_READER, AT_THE_HOUR, AT_THE_OPERATOR };

struct next {
	int64_t at_ns;
	enum place place;
	struct gateway *g;
};

static void consider(struct next *next, int64_t at_ns, enum place place, struct gateway *g)
{
	if (at_ns < next->at_ns)
		*next = (struct next){ at_ns, place, g };
}

/* Whoever is first; there before here, and of equals the first gateway. */
static void step(struct trial *t)
{
	struct next next = { INT64_MAX, THERE, NULL };
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		struct gateway *g = t->gateways[i];
		consider(&next, gateway_next_there(g), THERE, g);
		consider(&next, gateway_next_here(g), HERE, g);
	}
	if (t->reader != NULL)
		consider(&next, reader_next(t), AT_THE_READER, NULL);
	if (t->reader != NULL && t->phase == PHASE_STORM)
		consider(&next, t->mishaps.next_ns, ON_THE_BUS, NULL);
	if (t->soak.next_ns != 0)
		consider(&next, t->soak.next_ns, AT_THE_HOUR, NULL);
	if (t->shards != NULL)
		consider(&next, shards_next(t), AT_THE_OPERATOR, NULL);
	if (next.at_ns > t->now_ns)
		t->now_ns = next.at_ns;
	if (next.place == THERE)
		gateway_step_there(next.g);
	else if (next.place == HERE)
		gateway_step_here(next.g);
	else if (next.place == ON_THE_BUS)
		bus_mishap(t);
	else if (next.place == AT_THE_HOUR)
		soak_hour(t);
	else if (next.place == AT_THE_OPERATOR)
		shards_act(t);
	else
		reader_step(t);
}

static void run(struct trial *t)
{
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		if (!t->gateways[i]->dead)
			session_start(t->gateways[i]->session, trial_now(t->gateways[i]));
	}
	while (t->phase != PHASE_OVER) {
		step(t);
		if (t->phase != PHASE_OVER)
			next_phase(t);
	}
}

/* ------------------------------------------------------------------ life */

static bool open_all(struct trial *t)
{
	uint32_t n = t->o.gateways > 0 ? t->o.gateways : 1;
	bool ok = true;
	if (t->o.shards > 0)
		n = shards_plan(t);
	for (uint32_t i = 0; i < n && ok; i++)
		ok = gateway_open(t, i);
	t->numbered = ok && t->gateways[0]->x->sync != NULL;
	if (!ok || !open_exchange(t)) {
		trial_fail(t->gateways[0], "start", "the model exchange cannot be made");
		return false;
	}
	if (t->o.gateways > 0 || t->shards != NULL) {
		bus_plan(t);
		reader_open(t);
	}
	if (t->shards != NULL)
		shards_open(t);
	if (t->o.soak_hours > 0)
		soak_begin(t);
	for (uint32_t i = 0; i < n && ok; i++)
		ok = t->gateways[i]->dead || gateway_start(t->gateways[i]);
	return ok;
}

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
	t->now_ns = TRIAL_START;
	if (open_all(t)) {
		run(t);
		for (uint32_t i = t->n_gateways; i-- > 0;) {
			if (!t->gateways[i]->dead)
				out->counters = *session_counters(t->gateways[i]->session);
		}
	}
	out->simulated_ns = t->now_ns - TRIAL_START;
	out->hash = t->trace.hash;
	for (uint32_t i = 0; i < t->n_gateways; i++)
		gateway_free(t->gateways[i]);
	reader_free(t);
	shards_free(t);
	truth_free(t);
	if (t->market != NULL)
		market_free(&t->market);
	free(t);
}
