/* pace.h - how fast we may: sending budgets and the waits between attempts.
 *
 * Times are passed in; nothing here reads a clock.
 * Memory  budget_new() takes all of it. */
#ifndef PACE_H
#define PACE_H

#include "proto/value.h"

/* At most `limit` times in any window: a sliding window, so no fixed window of the exchange
 * ever sees more, wherever it begins. */
struct budget {
	bc_mono_time *spent; /* the last `limit` times, a ring; NULL: no limit */
	uint32_t limit, oldest;
	int64_t window_ns;
};

#define BUDGET_NOW ((bc_mono_time){ INT64_MIN })

bc_status budget_new(struct budget *out, uint32_t limit, int64_t window_ns); /* limit 0: none */
void budget_free(struct budget *budget);
bc_mono_time budget_next(const struct budget *budget); /* from when on the next one is allowed */
/* The same where `allowed` of its limit are, from 1. */
bc_mono_time budget_next_of(const struct budget *budget, uint32_t allowed);
void budget_spend(struct budget *budget, bc_mono_time now);

#define BACKOFF_FIRST_NS (250 * BC_NS_PER_MS)

/* How long to wait after `failures` attempts that failed in a row: evenly spread over
 * [0, min(max_ns, 250 ms * 2^failures)], so that many who lost the exchange together do not come
 * back together. *random is the state of the generator. */
int64_t backoff_wait_ns(unsigned failures, int64_t max_ns, uint64_t *random);

int64_t spread_ns(int64_t max_ns, uint64_t *random); /* evenly over [0, max_ns] */

#endif
