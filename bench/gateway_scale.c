/* gateway_scale.c - what a message costs a whole gateway with many symbols: TLS aside, all of it,
 * the socket, the adapter, the books, ZeroMQ's thread. bookcast-sim changes symbols at random,
 * always as many times a second, each change a write of its own. */
#include "bench/scenarios.h"
#include "bench/sim_rig.h"
#include "bench/stats.h"

#include <stdio.h>

#define RATE       4000u
#define SETTLE_NS  (2 * BC_NS_PER_S)
#define MEASURE_NS (5 * BC_NS_PER_S)
#define MAX_ROUNDS 3
#define N_POINTS   3

static const struct point {
	const char *variant;
	unsigned symbols;
	enum bench_target target;
} points[N_POINTS] = {
	{ "10 symbols", 10, BENCH_TARGET_NONE },
	{ "1,000 symbols", 1000, BENCH_TARGET_NONE },
	{ "10,000 symbols", 10000, BENCH_TARGET_SCALE },
};

/* us of CPU a message; negative: it failed, and was said. */
static double measure(struct bench *b, const struct point *p)
{
	const struct sim_load load = { "upbit", "30", p->symbols, RATE };
	struct sim_rig r;
	double us = -1;
	if (sim_rig_open(&r, &load) && sim_rig_hear(&r, line_now() + SETTLE_NS, 0)) {
		const double cpu_ns = r.cpu_ns;
		const uint64_t received = r.received;
		if (sim_rig_hear(&r, line_now() + MEASURE_NS, 0) && r.received > received)
			us = (r.cpu_ns - cpu_ns) / (double)(r.received - received) / 1000;
	}
	if (us < 0)
		bench_fail(b, "%s: %s", p->variant, r.why[0] != '\0' ? r.why : "nothing came");
	sim_rig_close(&r);
	return us;
}

static void run_symbols(struct bench *b)
{
	double us[N_POINTS][MAX_ROUNDS], ratio[N_POINTS][MAX_ROUNDS];
	const size_t rounds = bench_quick(b) ? 1 : MAX_ROUNDS;
	const size_t n = bench_quick(b) ? 2 : N_POINTS;
	for (size_t k = 0; k < rounds; k++)
		for (size_t i = 0; i < n; i++) {
			if ((us[i][k] = measure(b, &points[i])) < 0)
				return;
			ratio[i][k] = us[i][k] / us[0][k];
		}
	for (size_t i = 0; i < n; i++) {
		struct bench_row row = { .variant = points[i].variant,
					 .unit = "us",
					 .ratio = bench_spread(ratio[i], rounds),
					 .target = points[i].target,
					 .curve = "cost-of-gateway",
					 .x = points[i].symbols };
		row.value = bench_spread(us[i], rounds).median;
		row.floor = bench_spread(us[0], rounds).median;
		row.floor_name = i == 0 ? NULL : points[0].variant;
		bench_row(b, &row);
	}
}

static const struct bench_scenario scenarios[] = {
	{ "gateway.symbols",
	  "CPU of a whole gateway a message of Upbit, 4,000 a second, by the number of symbols",
	  "itself with 10 symbols", "TLS; messages come one by one, so each pays a wake-up",
	  run_symbols },
};

const struct bench_group bench_gateway = { "gateway", "A whole gateway by symbols", scenarios,
					   sizeof scenarios / sizeof *scenarios };
