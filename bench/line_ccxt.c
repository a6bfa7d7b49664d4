/* line_ccxt.c - what users run today, on the same load: ccxt pro, one TLS record a message. */
#include "bench/line_contest.h"
#include "bench/line_rig.h"
#include "bench/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_WARM      20000 /* its compiler needs them */
#define N_WARM_OURS 4000
#define N_PER_S     50000
#define QUICKER     20
#define STUCK_NS    (60 * INT64_C(1000000000))

/* The number after "key": in a file of one line; negative: it is not there. */
static double number_in(const char *path, const char *key)
{
	char text[512], *at = NULL;
	FILE *file = fopen(path, "r");
	if (file != NULL && fgets(text, sizeof text, file) != NULL)
		at = strstr(text, key);
	if (file != NULL)
		fclose(file);
	return at == NULL ? -1 : strtod(at + strlen(key), NULL);
}

static bool run_ccxt(const struct line_plan *plan, struct line_result *out, char *why)
{
	const struct timespec moment = { 0, 5000000 };
	struct line_rig r;
	char result[LINE_PATH_MAX];
	double cpu_us = -1;
	bool done = line_rig_open(&r, plan, why) && line_rig_warm_up(&r);
	line_ccxt_result(&r, result, sizeof result);
	if (done)
		r.shared->order = LINE_GO;
	for (int64_t end = line_now() + STUCK_NS; done && cpu_us < 0 && line_now() < end;
	     nanosleep(&moment, NULL)) {
		bool alive = line_alive(r.contender);
		cpu_us = number_in(result, "\"cpu_us\":");
		done = cpu_us >= 0 || alive;
	}
	if (cpu_us < 0)
		done = line_rig_failed(&r, "ccxt ended, or hangs, without a result");
	out->cpu_ns = cpu_us * 1000 / (double)plan->n;
	line_rig_close(&r);
	return done;
}

static void tell(struct bench *b, const double *ours, const double *ccxt, size_t n)
{
	double a[LINE_MAX_ROUNDS], c[LINE_MAX_ROUNDS];
	memcpy(a, ours, n * sizeof *a);
	memcpy(c, ccxt, n * sizeof *c);
	struct bench_row row = { .variant = "TLS, a record each",
				 .floor_name = "ccxt watchOrderBook",
				 .unit = "us",
				 .target = BENCH_TARGET_CCXT,
				 .note = "ccxt is no floor: it is who is to be beaten" };
	row.ratio = bench_spread_of_ratios(ours, ccxt, n);
	row.value = bench_spread(a, n).median;
	row.floor = bench_spread(c, n).median;
	bench_row(b, &row);
}

void line_run_ccxt(struct bench *b)
{
	double seconds = bench_seconds(b) * (bench_quick(b) ? QUICKER : 1);
	double ours[LINE_MAX_ROUNDS], ccxt[LINE_MAX_ROUNDS];
	struct line_plan theirs = { .contender = LINE_CCXT,
				    .tls = true,
				    .per_write = 1,
				    .n_warm = N_WARM,
				    .n = (uint64_t)(N_PER_S * seconds),
				    .n_symbols = 1 };
	struct line_plan plan = theirs;
	struct line_result result;
	char why[LINE_WHY_MAX];
	size_t n = line_rounds(b, false);
	if (getenv(LINE_CCXT_HOME) == NULL) {
		bench_skip(b, "TLS, a record each",
			   "tests/bench/run --ccxt brings ccxt and runs it");
		return;
	}
	plan.contender = LINE_GATEWAY;
	plan.n_warm = N_WARM_OURS;
	plan.n_ears = 1;
	for (size_t i = 0; i < n; i++) {
		bool done = run_ccxt(&theirs, &result, why);
		ccxt[i] = result.cpu_ns / 1000;
		done = done && line_run(&plan, &result, why);
		ours[i] = result.cpu_ns / 1000;
		if (!done) {
			bench_fail(b, "round %zu: %s", i + 1, why);
			return;
		}
	}
	tell(b, ours, ccxt, n);
}
