/* What bookcast-bench says of its measurements: a wrong median is a wrong figure in every table. */
#include "bench/stats.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-12 * (1 + fabs(b));
}

Test(bench_stats, median_and_quartiles)
{
	static const struct {
		double values[8];
		size_t n;
		struct bench_spread want;
		const char *why;
	} rows[] = {
		{ { 7 }, 1, { 7, 7, 7 }, "one value is all three" },
		{ { 4, 2 }, 2, { 3, 2, 4 }, "of an even number the mean of the middle two" },
		{ { 9, 1, 5 }, 3, { 5, 1, 9 }, "not in order" },
		{ { 1, 1000, 2, 3, 2 }, 5, { 2, 2, 3 }, "one outlier moves nothing" },
		{ { 8, 7, 6, 5, 4, 3, 2, 1 }, 8, { 4.5, 2, 6 }, "nearest rank" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double values[8];
		memcpy(values, rows[i].values, sizeof values);
		struct bench_spread got = bench_spread(values, rows[i].n);
		cr_expect(near(got.median, rows[i].want.median) &&
				  near(got.low, rows[i].want.low) &&
				  near(got.high, rows[i].want.high),
			  "%s: %g (%g..%g)", rows[i].why, got.median, got.low, got.high);
	}
	cr_expect(isnan(bench_spread(NULL, 0).median), "nothing has no median");
}

/* A machine that is slow for a while is slow for both: that is what rounds are for. */
Test(bench_stats, ratios_are_of_the_same_round)
{
	const double ours[] = { 20, 200, 2000, 22, 18 }, floor[] = { 10, 100, 1000, 10, 10 };
	struct bench_spread got = bench_spread_of_ratios(ours, floor, 5);
	cr_expect(near(got.median, 2), "%g", got.median);
	cr_expect(near(got.low, 2) && near(got.high, 2), "%g..%g", got.low, got.high);
}

Test(bench_stats, percentiles_are_values_that_came)
{
	double values[1000];
	static const struct {
		double p, want;
	} rows[] = { { 0, 1 },       { 0.001, 1 },     { 0.5, 500 }, { 0.99, 990 },
		     { 0.999, 999 }, { 0.9991, 1000 }, { 1, 1000 } };
	for (int i = 0; i < 1000; i++)
		values[i] = 1000 - i;
	bench_sort(values, 1000);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double got = bench_percentile(values, 1000, rows[i].p);
		cr_expect(near(got, rows[i].want), "p %g is %g", rows[i].p, got);
	}
	cr_expect(near(bench_percentile(values, 1, 0.999), 1), "one value is all of them");
	cr_expect(isnan(bench_percentile(NULL, 0, 0.5)), "of nothing");
}
