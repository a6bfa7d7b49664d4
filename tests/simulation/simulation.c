/* simulation.c - sessions, adapters and outlets in simulated time on model exchanges, with faults.
 *
 *   simulation --exchange upbit [--seeds 400] [--first 1] [--seed N] [--verbose]
 *              [--steps N] [--storm SECONDS] [--gateways N] [--shards N] [--soak HOURS]
 *              [--twice] [--lies]
 *
 * --gateways: so many follow the same symbols, each over a network and with faults of its own, and
 * a reader hears them all; --shards: up to so many gateways divide the symbols, A/B lines of each
 * in some trials, and an operator changes their number and the weights; --soak: so many hours of
 * rare faults, all connections made anew every hour, and the memory in use may not grow;
 * --steps goes on until so many inputs were given; --twice runs each seed twice and compares;
 * --lies publishes something false in each trial, and expects to see it caught.
 *
 * Exit status: 0 every trial held, 1 one did not (it is printed, with the command that runs it
 * again), 2 usage, 77 there is no adapter or no face of this exchange. */
#include "tests/simulation/trial.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEEDS            400
#define SEEDS_LONG       20000
#define SHARD_SEEDS      3 /* they have more gateways, and more time */
#define SHARD_SEEDS_LONG 2000
#define LIE_SEEDS        20
#define FAILED_MAX       5 /* then it is enough */

struct totals {
	uint64_t trials, failed, steps, with[N_FAULTS];
	int64_t simulated_ns, healed_ns, slowest_heal_ns;
	uint64_t slowest_heal_seed;
	uint64_t short_life, few_streams, partial, only_polled; /* trials */
	struct trial_result sum;
};

static int usage(void)
{
	fprintf(stderr, "usage: simulation --exchange ID [--seeds N] [--first N] [--seed N] "
			"[--verbose] [--steps N] [--storm SECONDS] "
			"[--gateways N] [--shards N] [--soak HOURS] [--twice] [--lies]\n");
	return 2;
}

/* ------------------------------------------------------------------ what came of it */

static void add(struct totals *all, uint64_t seed, const struct trial_result *r)
{
	all->trials++;
	all->failed += r->failed;
	all->steps += r->steps;
	all->simulated_ns += r->simulated_ns;
	all->healed_ns += r->healed_after_ns;
	if (r->healed_after_ns > all->slowest_heal_ns) {
		all->slowest_heal_ns = r->healed_after_ns;
		all->slowest_heal_seed = seed;
	}
	for (size_t i = 0; i < N_FAULTS; i++) {
		all->sum.injected[i] += r->injected[i];
		all->with[i] += r->injected[i] > 0;
	}
	all->short_life += r->terms.short_life;
	all->few_streams += r->terms.few_streams;
	all->partial += r->terms.partial;
	all->only_polled += r->terms.only_polled;
	all->sum.books += r->books;
	all->sum.bbos += r->bbos;
	all->sum.trades += r->trades;
	all->sum.edges += r->edges;
	all->sum.polled += r->polled;
	all->sum.gets += r->gets;
	all->sum.answers += r->answers;
	all->sum.lost += r->lost;
	all->sum.handed_out += r->handed_out;
	all->sum.copies += r->copies;
	all->sum.divided += r->divided;
	all->sum.given_up += r->given_up;
	all->sum.orphaned += r->orphaned;
	for (size_t i = 0; i < N_MISHAPS; i++)
		all->sum.mishaps[i] += r->mishaps[i];
#define SUM(field) all->sum.counters.field += r->counters.field
	SUM(opened);
	SUM(connect_failures);
	SUM(reconnects);
	SUM(duplicates);
	SUM(refused);
	SUM(crossed);
	SUM(gaps);
	SUM(resyncs);
	SUM(rate_limited);
	SUM(silent);
	SUM(stalls);
	SUM(handovers);
	SUM(handover_failures);
	SUM(snapshots);
	SUM(snapshots_applied);
	SUM(snapshots_too_old);
	SUM(snapshots_edge);
	SUM(snapshot_failures);
	SUM(edges_reached);
	SUM(levels_dropped);
	SUM(fallbacks);
	SUM(polled);
	SUM(poll_old);
	SUM(rest_requests);
	SUM(rest_failures);
#undef SUM
}

static void row(const char *what, uint64_t n)
{
	printf("  %-34s %10llu\n", what, (unsigned long long)n);
}

static void print(const struct model *model, const struct totals *all, double seconds)
{
	const struct session_counters *c = &all->sum.counters;
	printf("%s: %llu trials, %llu steps, %.0f s simulated in %.1f s\n\n", model->exchange,
	       (unsigned long long)all->trials, (unsigned long long)all->steps,
	       (double)all->simulated_ns / 1e9, seconds);
	printf("  %-34s %10s %10s\n", "fault", "injected", "in trials");
	for (size_t i = 0; i < N_FAULTS; i++)
		printf("  %-34s %10llu %10llu\n", fault_text[i],
		       (unsigned long long)all->sum.injected[i], (unsigned long long)all->with[i]);
	for (size_t i = 0; i < N_MISHAPS; i++)
		row(mishap_text[i], all->sum.mishaps[i]);
	row("messages counted as lost", all->sum.lost);
	printf("\n  %-34s %10s\n", "terms of the exchange", "trials");
	row("connections are ended at an age", all->short_life);
	row("few symbols a connection", all->few_streams);
	row("whole books of few levels", all->partial);
	row("nothing but polled", all->only_polled);
	printf("\n  %-34s %10s\n", "published as fit and compared", "");
	row("books", all->sum.books);
	row("  of them up to an edge", all->sum.edges);
	row("bbos", all->sum.bbos);
	row("books and bbos while polled", all->sum.polled);
	row("trades", all->sum.trades);
	row("answers of the reader", all->sum.answers);
	row("handed out by the reader", all->sum.handed_out);
	row("copies of another line", all->sum.copies);
	row("times the symbols were divided", all->sum.divided);
	row("symbols handed over", all->sum.given_up);
	row("  to who had just been killed", all->sum.orphaned);
	row("trials with anything wrong", all->failed);
	printf("\n  %-34s\n", "how it was made good");
	row("connections opened", c->opened);
	row("reconnects", c->reconnects);
	row("  of them because of silence", c->silent);
	row("handed over before their end", c->handovers);
	row("  successors that were lost", c->handover_failures);
	row("attempts that failed", c->connect_failures);
	row("resyncs (asked for it again)", c->resyncs);
	row("snapshots asked for", c->snapshots);
	row("  of them because of an edge", c->snapshots_edge);
	row("  applied", c->snapshots_applied);
	row("  too old", c->snapshots_too_old);
	row("  without a usable answer", c->snapshot_failures);
	row("edges the price has reached", c->edges_reached);
	row("levels dropped", c->levels_dropped);
	row("gaps seen", c->gaps);
	row("crossed books seen", c->crossed);
	row("messages refused", c->refused);
	row("duplicates seen", c->duplicates);
	row("standstills of ours seen", c->stalls);
	row("went over to polled data", c->fallbacks);
	row("  books and tickers polled", c->polled);
	row("  too old", c->poll_old);
	row("REST requests", c->rest_requests);
	row("REST failures", c->rest_failures);
	row("rate limits met (by fault)", c->rate_limited);
	printf("  all fit again after the faults: %.2f s on average, %.2f s at most (seed %llu)\n",
	       (double)all->healed_ns / 1e9 / (double)(all->trials > 0 ? all->trials : 1),
	       (double)all->slowest_heal_ns / 1e9, (unsigned long long)all->slowest_heal_seed);
}

/* ------------------------------------------------------------------ running them */

struct arguments {
	const struct model *model;
	uint64_t first, seeds, steps;
	uint32_t gateways, shards, soak_hours;
	int64_t storm_ns;
	bool verbose, twice, lies;
};

static void run_one(const struct arguments *a, uint64_t seed, struct totals *all)
{
	char replay[128];
	struct trial_options o = { .model = a->model,
				   .seed = seed,
				   .gateways = a->gateways,
				   .shards = a->shards,
				   .soak_hours = a->soak_hours,
				   .verbose = a->verbose,
				   .storm_ns = a->storm_ns,
				   .replay = replay };
	struct trial_result r, again;
	int n = snprintf(replay, sizeof replay, "build/asan/bin/simulation --exchange %s",
			 a->model->exchange);
	if (a->storm_ns != 0)
		n += snprintf(replay + n, sizeof replay - (size_t)n, " --storm %lld",
			      (long long)(a->storm_ns / BC_NS_PER_S));
	if (a->gateways != 0)
		n += snprintf(replay + n, sizeof replay - (size_t)n, " --gateways %u", a->gateways);
	if (a->shards != 0)
		n += snprintf(replay + n, sizeof replay - (size_t)n, " --shards %u", a->shards);
	if (a->soak_hours != 0)
		snprintf(replay + n, sizeof replay - (size_t)n, " --soak %u", a->soak_hours);
	trial_run(&o, &r);
	if (a->twice && !r.failed) {
		trial_run(&o, &again);
		if (again.hash != r.hash || again.steps != r.steps) {
			printf("FAILED %s, seed %llu: two runs differ\n", a->model->exchange,
			       (unsigned long long)seed);
			r.failed = true;
		}
	}
	add(all, seed, &r);
}

static double seconds_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Every lie, in the first trial that has an occasion for it. */
static int tell_lies(const struct arguments *a)
{
	int missed = 0;
	for (const struct lie *lie = lies; lie->what != NULL; lie++) {
		struct trial_result r = { 0 };
		for (uint64_t seed = a->first; !r.failed && seed < a->first + LIE_SEEDS; seed++)
			trial_run(&(struct trial_options){ .model = a->model,
							   .seed = seed,
							   .lie = lie },
				  &r);
		bool caught = r.failed && strcmp(r.check, lie->check) == 0;
		missed += !caught;
		printf("%-32s %s%s\n", lie->what, caught ? "caught: " : "NOT CAUGHT: ",
		       r.failed ? r.check : "nothing was seen");
	}
	return missed > 0;
}

static int run_all(const struct arguments *a)
{
	struct totals all = { 0 };
	double start = seconds_now();
	if (bc_exchange_find(a->model->exchange) == NULL ||
	    sim_face_find(a->model->exchange) == NULL) {
		printf("skipped: there is no %s of %s to simulate it with\n",
		       bc_exchange_find(a->model->exchange) == NULL ? "adapter" : "face",
		       a->model->exchange);
		return 77;
	}
	if (a->lies)
		return tell_lies(a);
	for (uint64_t i = 0; (i < a->seeds || all.steps < a->steps) && all.failed < FAILED_MAX;
	     i++) {
		run_one(a, a->first + i, &all);
		fflush(stdout);
	}
	print(a->model, &all, seconds_now() - start);
	return all.failed > 0;
}

static const struct model *model_of(const char *id)
{
	for (const struct model *m = models; m->exchange != NULL; m++) {
		if (strcmp(m->exchange, id) == 0)
			return m;
	}
	return NULL;
}

static uint64_t usual_seeds(const struct arguments *a, bool thorough)
{
	if (a->shards > 0)
		return thorough ? SHARD_SEEDS_LONG : SHARD_SEEDS;
	return (thorough ? SEEDS_LONG : SEEDS) / (a->gateways > 0 ? 1 + a->gateways : 1);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "exchange", required_argument, NULL, 'e' },
		{ "seeds", required_argument, NULL, 'n' },
		{ "first", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 's' },
		{ "storm", required_argument, NULL, 't' },
		{ "gateways", required_argument, NULL, 'g' },
		{ "shards", required_argument, NULL, 'd' },
		{ "soak", required_argument, NULL, 'h' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "twice", no_argument, NULL, '2' },
		{ "lies", no_argument, NULL, 'l' },
		{ "steps", required_argument, NULL, 'i' },
		{ NULL, 0, NULL, 0 },
	};
	struct arguments a = { .first = 1 };
	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (c == 'e')
			a.model = model_of(optarg);
		else if (c == 'n')
			a.seeds = strtoull(optarg, NULL, 10);
		else if (c == 'f')
			a.first = strtoull(optarg, NULL, 10);
		else if (c == 's')
			a.first = strtoull(optarg, NULL, 10), a.seeds = 1;
		else if (c == 't')
			a.storm_ns = strtoll(optarg, NULL, 10) * BC_NS_PER_S;
		else if (c == 'g')
			a.gateways = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'd')
			a.shards = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'h')
			a.soak_hours = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'v')
			a.verbose = true;
		else if (c == '2')
			a.twice = true;
		else if (c == 'l')
			a.lies = true;
		else if (c == 'i')
			a.steps = strtoull(optarg, NULL, 10);
		else
			return usage();
	}
	if (a.model == NULL || optind != argc || a.gateways > MAX_GATEWAYS ||
	    a.shards > MAX_SHARDS || (a.shards > 0 && a.gateways + a.soak_hours > 0))
		return usage();
	if (a.seeds == 0)
		a.seeds = usual_seeds(&a, getenv("BOOKCAST_LONG") != NULL);
	return run_all(&a);
}
