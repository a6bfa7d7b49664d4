/* latency.h - the time a hop takes: since the start, and in the last minute.
 *
 * Only the histogram is written while messages pass; a turn about once a second keeps what it had
 * counted 15, 30, 45 and 60 s ago, and what came since is a subtraction.
 *
 * Units   ns. Times of the window are of one clock that does not go back.
 * Memory  37 KiB each; nothing allocates.
 * Threads as common/histogram.h; the window is the writer's. */
#ifndef BC_LATENCY_H
#define BC_LATENCY_H

#include "common/histogram.h"

#define BC_LATENCY_SLICE_NS (15 * BC_NS_PER_S)
#define BC_LATENCY_SLICES   4 /* so the window is 45 to 60 s long, once it has run so long */

struct bc_latency { /* zeroed, then turned once */
	struct bc_histogram all;
	struct bc_tally before[BC_LATENCY_SLICES]; /* what had been counted when a slice began */
	bc_mono_time began[BC_LATENCY_SLICES];
	uint32_t newest, n_slices;
};

static inline void bc_latency_record(struct bc_latency *l, int64_t ns)
{
	bc_histogram_record(&l->all, ns);
}

/* Call it about once a second, and once before the first record. */
void bc_latency_turn(struct bc_latency *l, bc_mono_time now);

/* Adds what came in the window to *sum, which may hold that of other hops; returns how long the
 * window is. */
int64_t bc_latency_recent(const struct bc_latency *l, bc_mono_time now, struct bc_tally *sum);

/* ---- a hop as gateways, the cache and the command tell each other ---- */

struct bc_hop {
	int64_t window_ns;
	struct bc_quantiles quantiles;
};

#define BC_HOP_EXCHANGE_RECEIVE "exchange_receive"
#define BC_HOP_RECEIVE_PUBLISH  "receive_publish"
#define BC_HOP_PUBLISH_RECEIVE  "publish_receive"

#define BC_HOP_FIELDS   8
#define BC_HOP_NAME_MAX 48                             /* of hop and field */
extern const char *const bc_hop_fields[BC_HOP_FIELDS]; /* "count", "p99_ns", ... */
void bc_hop_values(const struct bc_hop *hop, uint64_t values[BC_HOP_FIELDS]);

#endif
