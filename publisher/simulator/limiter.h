/* limiter.h - at most n in any window of time: the strictest reading of an exchange's limit. */
#ifndef BC_SIM_LIMITER_H
#define BC_SIM_LIMITER_H

#include "proto/value.h"

#define SIM_LIMIT_MAX 300

struct sim_limit {
	uint32_t n; /* at most SIM_LIMIT_MAX */
	int64_t window_ns;
	int64_t taken_ns[SIM_LIMIT_MAX]; /* ring of the last n; `next` is the oldest */
	uint32_t next, used;
};

void sim_limit_init(struct sim_limit *l, uint32_t n, int64_t window_ns);
/* False: over the limit; refused ones do not count. */
bool sim_limit_take(struct sim_limit *l, bc_mono_time now);
uint32_t sim_limit_left(const struct sim_limit *l, bc_mono_time now);

#endif
