#include "bench/stats.h"

#include <math.h>
#include <stdlib.h>

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Of sorted values. */
static double nearest_rank(const double *values, size_t n, double p)
{
	double rank = ceil(p * (double)n - 1e-9);
	size_t at = rank < 1 ? 0 : (size_t)rank - 1;
	return values[at < n ? at : n - 1];
}

bool bench_sample_reserve(struct bench_sample *s, size_t n)
{
	if (n <= s->cap)
		return true;
	double *values = realloc(s->values, n * sizeof *values);
	if (values == NULL)
		return false;
	s->values = values;
	s->cap = n;
	return true;
}

bool bench_sample_add(struct bench_sample *s, double value)
{
	if (s->n == s->cap && !bench_sample_reserve(s, s->cap * 2 + 64))
		return false;
	s->values[s->n++] = value;
	s->sorted = false;
	return true;
}

void bench_sample_clear(struct bench_sample *s)
{
	s->n = 0;
}

void bench_sample_free(struct bench_sample *s)
{
	free(s->values);
	*s = (struct bench_sample){ 0 };
}

double bench_percentile(struct bench_sample *s, double p)
{
	if (s->n == 0)
		return NAN;
	if (!s->sorted)
		qsort(s->values, s->n, sizeof *s->values, by_value);
	s->sorted = true;
	return nearest_rank(s->values, s->n, p);
}

struct bench_spread bench_spread(double *values, size_t n)
{
	if (n == 0)
		return (struct bench_spread){ NAN, NAN, NAN };
	qsort(values, n, sizeof *values, by_value);
	return (struct bench_spread){ (values[(n - 1) / 2] + values[n / 2]) / 2,
				      nearest_rank(values, n, 0.25),
				      nearest_rank(values, n, 0.75) };
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
