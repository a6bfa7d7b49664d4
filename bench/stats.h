/* stats.h - what is said of many measurements: medians, quartiles, percentiles; all exact.
 *
 * Shape   a sample keeps every value; nothing is binned.
 * Units   the caller's.
 * Memory  bench_sample_add() allocates now and then: reserve before the clock runs. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdbool.h>
#include <stddef.h>

struct bench_sample {
	double *values;
	size_t n, cap;
	bool sorted;
};

bool bench_sample_reserve(struct bench_sample *s, size_t n); /* false: out of memory */
bool bench_sample_add(struct bench_sample *s, double value); /* false: out of memory */
void bench_sample_clear(struct bench_sample *s);             /* keeps the memory */
void bench_sample_free(struct bench_sample *s);

/* The smallest value that at least the share `p` (0..1) of them does not exceed (nearest rank);
 * NAN of an empty sample. Sorts when it has to. */
double bench_percentile(struct bench_sample *s, double p);

/* Of n values, which are sorted: the median (of an even number the mean of the two in the middle)
 * and the quartiles (nearest rank), NAN of none. */
struct bench_spread {
	double median, low, high;
};
struct bench_spread bench_spread(double *values, size_t n);

/* The same of a[i] / b[i]: what the two cost in one and the same round. */
struct bench_spread bench_spread_of_ratios(const double *a, const double *b, size_t n);

#endif
