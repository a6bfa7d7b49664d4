#include "common/histogram.h"

enum { SUB = 1 << BC_HISTOGRAM_SUB_BITS };

int64_t bc_histogram_edge(uint32_t bucket)
{
	/* The first two rows of buckets are equally wide. */
	uint32_t row = bucket < SUB ? 0 : bucket / SUB - 1;
	uint64_t step = bucket < SUB ? bucket : SUB + bucket % SUB;
	return (int64_t)((step + 1) << (row + BC_HISTOGRAM_LOW_BITS - BC_HISTOGRAM_SUB_BITS));
}

int64_t bc_histogram_take_max(struct bc_histogram *h)
{
	int64_t max = atomic_load_explicit(&h->max, memory_order_relaxed);
	atomic_store_explicit(&h->max, 0, memory_order_relaxed);
	return max;
}

void bc_histogram_read(const struct bc_histogram *h, struct bc_tally *out)
{
	out->count = 0;
	for (uint32_t i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		out->counts[i] = atomic_load_explicit(&h->counts[i], memory_order_relaxed);
		out->count += out->counts[i];
	}
	out->negative =
		atomic_load_explicit(&h->counts[BC_HISTOGRAM_BUCKETS], memory_order_relaxed);
	out->sum = atomic_load_explicit(&h->sum, memory_order_relaxed);
	out->max = atomic_load_explicit(&h->max, memory_order_relaxed);
}

void bc_tally_add(struct bc_tally *to, const struct bc_tally *from)
{
	for (uint32_t i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		to->counts[i] += from->counts[i];
	to->count += from->count;
	to->negative += from->negative;
	to->sum += from->sum;
	if (from->max > to->max)
		to->max = from->max;
}

void bc_tally_since(struct bc_tally *now, const struct bc_tally *before)
{
	for (uint32_t i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		now->counts[i] -= before->counts[i];
	now->count -= before->count;
	now->negative -= before->negative;
	now->sum -= before->sum;
}

/* How many of n are at least part/whole of them, rounded up, without passing 64 bits. */
static uint64_t rank_of(uint64_t n, uint32_t part, uint32_t whole)
{
	uint64_t rank = n / whole * part + (n % whole * part + whole - 1) / whole;
	return rank > 0 ? rank : 1;
}

int64_t bc_tally_quantile(const struct bc_tally *t, uint32_t part, uint32_t whole)
{
	uint64_t seen = 0, rank = rank_of(t->count, part, whole);
	if (t->count == 0)
		return 0;
	for (uint32_t i = 0; i < BC_HISTOGRAM_BUCKETS; i++) {
		seen += t->counts[i];
		if (seen < rank)
			continue;
		/* The last bucket has no upper edge but the max. */
		int64_t edge = i + 1 < BC_HISTOGRAM_BUCKETS ? bc_histogram_edge(i) : t->max;
		return edge < t->max ? edge : t->max;
	}
	return t->max;
}

struct bc_quantiles bc_tally_quantiles(const struct bc_tally *t)
{
	return (struct bc_quantiles){ .count = t->count,
				      .negative = t->negative,
				      .p50_ns = bc_tally_quantile(t, 50, 100),
				      .p90_ns = bc_tally_quantile(t, 90, 100),
				      .p99_ns = bc_tally_quantile(t, 99, 100),
				      .p999_ns = bc_tally_quantile(t, 999, 1000),
				      .max_ns = t->count > 0 ? t->max : 0,
				      .sum_ns = t->sum };
}
