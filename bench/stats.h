/* stats.h - what is said of many measurements: medians, quartiles, percentiles; all exact, of every
 * value there was.
 *
 * Units   the caller's. */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

/* In ascending order. */
void bench_sort(double *values, size_t n);

/* Of sorted values the smallest that at least the share `p` (0..1) of them does not exceed (nearest
 * rank); NAN of none. */
double bench_percentile(const double *sorted, size_t n, double p);

/* Of n values, which it sorts: the median (of an even number the mean of the two in the middle)
 * and the quartiles (nearest rank), NAN of none. */
struct bench_spread {
	double median, low, high;
};
struct bench_spread bench_spread(double *values, size_t n);

/* The same of a[i] / b[i]: what the two cost in one and the same round. */
struct bench_spread bench_spread_of_ratios(const double *a, const double *b, size_t n);

#endif
