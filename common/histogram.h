/* histogram.h - how times are spread: a log-linear histogram of fixed size.
 *
 * Shape   32 buckets from 0 to 1024 ns, then 32 for every doubling up to 2^38 ns (4.6 minutes): a
 *         bucket is at most 1/32 (3.1 %) wider than its lower edge. Edges belong below: a bucket
 *         holds low < v <= high, so the powers of two are exact bounds for `le` of Prometheus. What
 *         is longer counts in the last bucket; sum and max stay exact. What is below 0 (the clocks
 *         of two hosts differ) is counted apart and is in no bucket, sum or quantile.
 * Cost    a record is 37 instructions, no lock and no jump that data decide: 2 to 3 ns measured
 *         where nothing is out of the cache.
 * Memory  7.4 KiB each; nothing allocates.
 * Threads one records; any may read, with values that belong together up to one record. */
#ifndef BC_HISTOGRAM_H
#define BC_HISTOGRAM_H

#include "proto/value.h"

#include <stdatomic.h>

#define BC_HISTOGRAM_SUB_BITS  5  /* buckets a doubling: 2^5 */
#define BC_HISTOGRAM_LOW_BITS  10 /* below 2^10 ns they are equally wide */
#define BC_HISTOGRAM_HIGH_BITS 38 /* the last edge: 2^38 ns */
#define BC_HISTOGRAM_BUCKETS \
	((BC_HISTOGRAM_HIGH_BITS - BC_HISTOGRAM_LOW_BITS + 1) << BC_HISTOGRAM_SUB_BITS)

struct bc_histogram { /* zeroed at first */
	/* The last but one place counts what is below 0. */
	_Atomic uint64_t counts[BC_HISTOGRAM_BUCKETS + 1];
	_Atomic uint64_t sum; /* ns */
	_Atomic int64_t max;  /* ns; since bc_histogram_take_max() */
};

/* The bucket of a time in ns, 0 and above. */
static inline uint32_t bc_histogram_bucket(int64_t ns)
{
	uint64_t v = (uint64_t)ns - (ns > 0);
	uint32_t log2 = 63 - (uint32_t)__builtin_clzll(v | (UINT64_C(1) << BC_HISTOGRAM_LOW_BITS));
	uint32_t bucket = ((log2 - BC_HISTOGRAM_LOW_BITS) << BC_HISTOGRAM_SUB_BITS) +
			  (uint32_t)(v >> (log2 - BC_HISTOGRAM_SUB_BITS));
	return bucket < BC_HISTOGRAM_BUCKETS ? bucket : BC_HISTOGRAM_BUCKETS - 1;
}

/* Its upper edge in ns, which it holds. */
int64_t bc_histogram_edge(uint32_t bucket);

static inline void bc_histogram_record(struct bc_histogram *h, int64_t ns)
{
	const bool below = ns < 0;
	const int64_t counted = below ? 0 : ns;
	_Atomic uint64_t *at =
		&h->counts[below ? BC_HISTOGRAM_BUCKETS : bc_histogram_bucket(counted)];
	const int64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
	/* One writer: a load and a store, where an atomic addition would lock the bus. */
	atomic_store_explicit(at, atomic_load_explicit(at, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&h->sum,
			      atomic_load_explicit(&h->sum, memory_order_relaxed) +
				      (uint64_t)counted,
			      memory_order_relaxed);
	atomic_store_explicit(&h->max, counted > max ? counted : max, memory_order_relaxed);
}

/* The writer's: the largest since it was asked last, which starts anew. */
int64_t bc_histogram_take_max(struct bc_histogram *h);

/* ---- what was counted, as a value ---- */

struct bc_tally {
	uint64_t counts[BC_HISTOGRAM_BUCKETS];
	uint64_t count, negative; /* in the buckets; below 0 */
	uint64_t sum;             /* ns */
	int64_t max;              /* ns */
};

static inline uint64_t bc_histogram_negative(const struct bc_histogram *h)
{
	return atomic_load_explicit(&h->counts[BC_HISTOGRAM_BUCKETS], memory_order_relaxed);
}

void bc_histogram_read(const struct bc_histogram *h, struct bc_tally *out);
void bc_tally_add(struct bc_tally *to, const struct bc_tally *from);
/* What came since `before`, an earlier reading of the same histogram. The max stays. */
void bc_tally_since(struct bc_tally *now, const struct bc_tally *before);

/* The smallest edge that holds at least part/whole of all: never too small, too large by 3.2 % at
 * most, and never above the max. 0 where nothing was counted. */
int64_t bc_tally_quantile(const struct bc_tally *t, uint32_t part, uint32_t whole);

/* What people and programs are told of a hop. */
struct bc_quantiles {
	uint64_t count, negative;
	int64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	uint64_t sum_ns;
};
struct bc_quantiles bc_tally_quantiles(const struct bc_tally *t);

#endif
