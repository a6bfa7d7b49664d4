#include "bench/bench.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static double clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

double bench_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

double bench_process_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

static double run_for(const struct bench_contender *c, size_t times)
{
	double start = bench_thread_ns();
	c->run(c->self, times);
	return bench_thread_ns() - start;
}

/* How often it is to run to take about `ns`; also warms it up. */
static size_t calibrate(const struct bench_contender *c, double ns)
{
	size_t times = 1;
	double took = run_for(c, times);
	while (took < ns / 8 && took < 1e6 && times < SIZE_MAX / 2) {
		times *= 2;
		took = run_for(c, times);
	}
	double wanted = took > 0 ? ns / took * (double)times : (double)times;
	return wanted < 1 ? 1 : (size_t)wanted;
}

bool bench_timing_new(struct bench *b, struct bench_timing *t, size_t n)
{
	*t = (struct bench_timing){ .n_rounds = bench_rounds(b) };
	t->ns[0] = calloc(t->n_rounds * n, sizeof *t->ns[0]);
	if (t->ns[0] == NULL) {
		bench_fail(b, "out of memory");
		return false;
	}
	for (size_t i = 1; i < n; i++)
		t->ns[i] = t->ns[0] + i * t->n_rounds;
	return true;
}

void bench_timing_free(struct bench_timing *t)
{
	free(t->ns[0]);
	memset(t, 0, sizeof *t);
}

bool bench_time(struct bench *b, const struct bench_contender *c, size_t n,
		struct bench_timing *out)
{
	size_t times[BENCH_MAX_CONTENDERS], rounds = bench_rounds(b);
	double slice = bench_seconds(b) * 1e9 / (double)(rounds * n);

	if (!bench_timing_new(b, out, n))
		return false;
	for (size_t i = 0; i < n; i++)
		times[i] = calibrate(&c[i], slice);
	for (size_t r = 0; r < rounds; r++)
		for (size_t k = 0; k < n; k++) {
			size_t i = (r + k) % n;
			out->ns[i][r] =
				run_for(&c[i], times[i]) / ((double)times[i] * c[i].operations);
		}
	return true;
}

double bench_median(const struct bench_timing *t, size_t contender)
{
	double *copy = malloc(t->n_rounds * sizeof *copy), median = NAN;
	if (copy != NULL) {
		memcpy(copy, t->ns[contender], t->n_rounds * sizeof *copy);
		median = bench_spread(copy, t->n_rounds).median;
	}
	free(copy);
	return median;
}

struct bench_row bench_versus(const struct bench_timing *t, const struct bench_contender *c,
			      size_t ours, size_t floor)
{
	return (struct bench_row){
		.variant = c[ours].name,
		.floor_name = c[floor].name,
		.unit = "ns",
		.value = bench_median(t, ours),
		.floor = bench_median(t, floor),
		.ratio = bench_spread_of_ratios(t->ns[ours], t->ns[floor], t->n_rounds),
	};
}
