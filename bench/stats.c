#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void bench_sort(double *values, size_t n)
{
	if (n > 0)
		qsort(values, n, sizeof *values, by_value);
}

double bench_percentile(const double *sorted, size_t n, double p)
{
	double rank = ceil(p * (double)n - 1e-9);
	size_t at = rank < 1 ? 0 : (size_t)rank - 1;
	return n == 0 ? NAN : sorted[at < n ? at : n - 1];
}

struct bench_spread bench_spread(double *values, size_t n)
{
	if (n == 0)
		return (struct bench_spread){ NAN, NAN, NAN };
	bench_sort(values, n);
	return (struct bench_spread){ (values[(n - 1) / 2] + values[n / 2]) / 2,
				      bench_percentile(values, n, 0.25),
				      bench_percentile(values, n, 0.75) };
}

struct bench_spread bench_spread_of_ratios(const double *a, const double *b, size_t n)
{
	double *ratios = malloc((n + 1) * sizeof *ratios);
	if (ratios == NULL)
		return (struct bench_spread){ NAN, NAN, NAN };
	for (size_t i = 0; i < n; i++)
		ratios[i] = a[i] / b[i];
	struct bench_spread spread = bench_spread(ratios, n);
	free(ratios);
	return spread;
}
