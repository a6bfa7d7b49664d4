/* A histogram that is wrong is worse than none: it is what people look at when something is slow.
 * Quantiles are compared with those of the sorted values themselves. */
#include "common/histogram.h"
#include "common/latency.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#define LAST (INT64_C(1) << BC_HISTOGRAM_HIGH_BITS)

static struct bc_histogram histogram;
static struct bc_tally tally;

static const struct bc_tally *counted(void)
{
	bc_histogram_read(&histogram, &tally);
	return &tally;
}

Test(histogram, every_value_lies_within_the_edges_of_its_bucket)
{
	for (int bits = 0; bits <= BC_HISTOGRAM_HIGH_BITS; bits++)
		for (int64_t off = -2; off <= 2; off++) {
			int64_t v = (INT64_C(1) << bits) + off;
			if (v < 0 || v > LAST)
				continue;
			uint32_t i = bc_histogram_bucket(v);
			int64_t low = i == 0 ? -1 : bc_histogram_edge(i - 1);
			int64_t high = bc_histogram_edge(i);
			cr_expect(low < v && v <= high, "%lld is not in (%lld, %lld]", (long long)v,
				  (long long)low, (long long)high);
			cr_expect(high - low <= 33 || (high - low) * 32 <= low, "%lld: %lld wide",
				  (long long)v, (long long)(high - low));
		}
	cr_expect_eq(bc_histogram_edge(BC_HISTOGRAM_BUCKETS - 1), LAST);
	cr_expect_eq(bc_histogram_bucket(INT64_MAX), BC_HISTOGRAM_BUCKETS - 1);
}

/* What Prometheus is told: how many are at most 2^k, exactly. */
Test(histogram, powers_of_two_are_edges_and_belong_below)
{
	for (int bits = BC_HISTOGRAM_LOW_BITS; bits <= BC_HISTOGRAM_HIGH_BITS; bits++) {
		uint32_t at = bc_histogram_bucket(INT64_C(1) << bits);
		cr_expect_eq(bc_histogram_edge(at), INT64_C(1) << bits, "2^%d", bits);
		if (bits < BC_HISTOGRAM_HIGH_BITS)
			cr_expect_eq(bc_histogram_bucket((INT64_C(1) << bits) + 1), at + 1);
	}
}

Test(histogram, edges_grow)
{
	for (uint32_t i = 1; i < BC_HISTOGRAM_BUCKETS; i++)
		cr_expect_gt(bc_histogram_edge(i), bc_histogram_edge(i - 1), "%u", i);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = random_state;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Log-uniform from 1 ns to minutes, some of one value, as real times are. */
static int64_t random_time(void)
{
	uint64_t r = next_random();
	if (r % 8 == 0)
		return 2048;
	return (int64_t)((r >> 8) & ((UINT64_C(1) << (1 + r % (BC_HISTOGRAM_HIGH_BITS - 1))) - 1));
}

static void expect_quantiles(const struct bc_tally *t, const int64_t *sorted, size_t n)
{
	static const struct {
		uint32_t part, whole;
	} asked[] = { { 0, 100 },  { 1, 100 },    { 50, 100 },     { 90, 100 },
		      { 99, 100 }, { 999, 1000 }, { 9999, 10000 }, { 100, 100 } };
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		uint64_t rank = (n * asked[i].part + asked[i].whole - 1) / asked[i].whole;
		int64_t truth = sorted[rank == 0 ? 0 : rank - 1];
		int64_t told = bc_tally_quantile(t, asked[i].part, asked[i].whole);
		int64_t off = truth / 31 > 32 ? truth / 31 : 32;
		cr_expect(told >= truth && told <= truth + off,
			  "%zu values: %u/%u is %lld, told %lld", n, asked[i].part, asked[i].whole,
			  (long long)truth, (long long)told);
	}
}

Test(histogram, quantiles_are_those_of_the_sorted_values)
{
	static int64_t values[20000];
	for (unsigned seed = 1; seed <= 20; seed++) {
		size_t n = seed == 1 ? 1 : seed == 2 ? 2 : seed == 3 ? 1000 : 1000 * seed;
		uint64_t sum = 0;
		random_state = seed;
		memset(&histogram, 0, sizeof histogram);
		for (size_t i = 0; i < n; i++) {
			values[i] = random_time();
			sum += (uint64_t)values[i];
			bc_histogram_record(&histogram, values[i]);
		}
		qsort(values, n, sizeof *values, compare);
		expect_quantiles(counted(), values, n);
		cr_expect_eq(tally.count, n);
		cr_expect_eq(tally.sum, sum);
		cr_expect_eq(tally.max, values[n - 1]);
	}
}

Test(histogram, what_is_below_zero_is_counted_apart)
{
	bc_histogram_record(&histogram, -1);
	bc_histogram_record(&histogram, INT64_MIN);
	bc_histogram_record(&histogram, 0);
	bc_histogram_record(&histogram, 500);
	counted();
	cr_expect_eq(tally.negative, 2);
	cr_expect_eq(tally.count, 2);
	cr_expect_eq(tally.sum, 500);
	cr_expect_eq(tally.max, 500);
	cr_expect_eq(bc_tally_quantile(&tally, 50, 100), 32);
}

Test(histogram, what_is_too_long_keeps_its_sum_and_max)
{
	bc_histogram_record(&histogram, LAST);
	bc_histogram_record(&histogram, LAST + 1);
	bc_histogram_record(&histogram, INT64_C(5) * LAST);
	counted();
	cr_expect_eq(tally.counts[BC_HISTOGRAM_BUCKETS - 1], 3);
	cr_expect_eq(tally.sum, (uint64_t)(7 * LAST + 1));
	cr_expect_eq(bc_tally_quantile(&tally, 999, 1000), 5 * LAST);
}

Test(histogram, an_empty_one_says_nothing)
{
	struct bc_quantiles q = bc_tally_quantiles(counted());
	cr_expect_eq(q.count + q.negative + q.sum_ns, 0);
	cr_expect_eq(q.p50_ns, 0);
	cr_expect_eq(q.max_ns, 0);
}

Test(histogram, two_together_are_one_of_both)
{
	static struct bc_histogram both, other;
	struct bc_tally a, b;
	random_state = 7;
	for (int i = 0; i < 5000; i++) {
		int64_t v = random_time() - 100;
		bc_histogram_record(i % 3 ? &histogram : &other, v);
		bc_histogram_record(&both, v);
	}
	bc_histogram_read(&other, &a);
	bc_tally_add(&a, counted());
	bc_histogram_read(&both, &b);
	cr_expect_eq(memcmp(&a, &b, sizeof a), 0);
	bc_tally_since(&a, &tally);
	bc_histogram_read(&other, &b);
	b.max = a.max;
	cr_expect_eq(memcmp(&a, &b, sizeof a), 0);
}

/* ---- the last minute ---- */

static struct bc_latency latency;

static struct bc_tally recent_at(int64_t s, int64_t *window)
{
	struct bc_tally t = { .count = 0 };
	*window = bc_latency_recent(&latency, (bc_mono_time){ s * BC_NS_PER_S }, &t);
	return t;
}

/* A second of a gateway's life: turn, then n messages of so many ns. */
static void second(int64_t s, int n, int64_t ns)
{
	bc_latency_turn(&latency, (bc_mono_time){ s * BC_NS_PER_S });
	for (int i = 0; i < n; i++)
		bc_latency_record(&latency, ns);
}

Test(latency, the_window_forgets_what_is_older_than_a_minute)
{
	int64_t window;
	for (int64_t s = 1000; s < 1010; s++)
		second(s, 10, 9000000);
	struct bc_tally t = recent_at(1010, &window);
	cr_expect_eq(window, 10 * BC_NS_PER_S);
	cr_expect_eq(t.count, 100);
	cr_expect_eq(t.max, 9000000);
	for (int64_t s = 1010; s < 1200; s++) {
		second(s, 5, 2000);
		t = recent_at(s, &window);
		cr_expect(window <= 60 * BC_NS_PER_S, "%lld s", (long long)(window / BC_NS_PER_S));
		if (s >= 1060) { /* the slice of 9 ms ended at 1015 and left at 1060 */
			cr_expect(window >= 45 * BC_NS_PER_S);
			cr_expect_eq(t.max, 2000, "at %lld", (long long)s);
			cr_expect_eq(t.count, 5 + 5 * (uint64_t)(window / BC_NS_PER_S));
		}
		if (s < 1060)
			cr_expect_eq(t.max, 9000000, "at %lld", (long long)s);
	}
}

Test(latency, nothing_new_is_an_empty_window)
{
	int64_t window;
	second(5, 3, 1000);
	for (int64_t s = 6; s < 100; s++)
		second(s, 0, 0);
	struct bc_tally t = recent_at(100, &window);
	cr_expect_eq(t.count, 0);
	cr_expect_eq(t.max, 0);
	cr_expect_eq(bc_tally_quantiles(&t).p99_ns, 0);
}

/* A loop that was stopped for an hour turns late: then the window is as long as it has to be. */
Test(latency, a_late_turn_makes_the_window_longer_and_loses_nothing)
{
	int64_t window;
	second(1, 1, 1000);
	second(2, 1, 3000);
	struct bc_tally t = recent_at(3602, &window);
	cr_expect_eq(t.count, 2);
	cr_expect_eq(window, 3601 * BC_NS_PER_S);
	second(3602, 1, 5000);
	t = recent_at(3603, &window);
	cr_expect_eq(t.count, 3);
	cr_expect_eq(t.max, 5000);
}
