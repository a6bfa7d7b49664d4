#include "common/latency.h"

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void begin_slice(struct bc_latency *l, bc_mono_time now)
{
	int64_t max = bc_histogram_take_max(&l->all);
	if (l->n_slices > 0) { /* of a slice that is over, its max is what stays in `before` */
		l->before[l->newest].max = max;
		l->newest = (l->newest + 1) % BC_LATENCY_SLICES;
	}
	bc_histogram_read(&l->all, &l->before[l->newest]);
	l->began[l->newest] = now;
	if (l->n_slices < BC_LATENCY_SLICES)
		l->n_slices++;
}

void bc_latency_turn(struct bc_latency *l, bc_mono_time now)
{
	if (l->n_slices == 0 || now.ns - l->began[l->newest].ns >= BC_LATENCY_SLICE_NS)
		begin_slice(l, now);
}

static uint32_t oldest(const struct bc_latency *l)
{
	return (l->newest + BC_LATENCY_SLICES + 1 - l->n_slices) % BC_LATENCY_SLICES;
}

int64_t bc_latency_recent(const struct bc_latency *l, bc_mono_time now, struct bc_tally *sum)
{
	struct bc_tally recent;
	const uint32_t first = oldest(l);
	bc_histogram_read(&l->all, &recent);
	for (uint32_t i = 0; i + 1 < l->n_slices; i++)
		recent.max = larger(recent.max, l->before[(first + i) % BC_LATENCY_SLICES].max);
	bc_tally_since(&recent, &l->before[first]);
	bc_tally_add(sum, &recent);
	return l->n_slices > 0 ? now.ns - l->began[first].ns : 0;
}

const char *const bc_hop_fields[BC_HOP_FIELDS] = { "count",  "negative", "p50_ns", "p90_ns",
						   "p99_ns", "p999_ns",  "max_ns", "window_ns" };

void bc_hop_values(const struct bc_hop *hop, uint64_t values[BC_HOP_FIELDS])
{
	const struct bc_quantiles *q = &hop->quantiles;
	const uint64_t all[BC_HOP_FIELDS] = { q->count,
					      q->negative,
					      (uint64_t)q->p50_ns,
					      (uint64_t)q->p90_ns,
					      (uint64_t)q->p99_ns,
					      (uint64_t)q->p999_ns,
					      (uint64_t)q->max_ns,
					      (uint64_t)hop->window_ns };
	for (int i = 0; i < BC_HOP_FIELDS; i++)
		values[i] = all[i];
}
