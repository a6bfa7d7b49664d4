/* aimd.h - a rate of our own that gives way when the exchange refuses, and slowly comes back.
 *
 * In sixteenths of what we would use at most: each refusal takes a quarter of it, down to
 * RATE_LEAST; each step of time without another gives one sixteenth back. It comes on top of the
 * time the exchange names, which is waited for whatever the rate: so a limit that is lower than its
 * documentation, or shared with programs that do not ask us, is found within a few refusals and
 * tried again gently, while one refusal by mistake costs little.
 *
 * Times are passed in; nothing here reads a clock. Memory none. */
#ifndef AIMD_H
#define AIMD_H

#include "proto/value.h"

#define RATE_FULL    16
#define RATE_LEAST   4
#define RATE_STEP_NS (15 * BC_NS_PER_S) /* at least; else a sixteenth of its limit's window */

struct aimd {
	uint32_t rate; /* of RATE_FULL, at `since` */
	uint32_t cuts; /* ever */
	int64_t since_ns, step_ns;
};

static inline struct aimd aimd_new(int64_t window_ns)
{
	return (struct aimd){ .rate = RATE_FULL,
			      .since_ns = INT64_MIN,
			      .step_ns = window_ns / RATE_FULL > RATE_STEP_NS
						 ? window_ns / RATE_FULL
						 : RATE_STEP_NS };
}

static inline uint32_t aimd_rate(const struct aimd *a, bc_mono_time now)
{
	if (a->rate >= RATE_FULL || now.ns <= a->since_ns)
		return a->rate;
	int64_t steps = (now.ns - a->since_ns) / a->step_ns;
	return steps < RATE_FULL - a->rate ? a->rate + (uint32_t)steps : RATE_FULL;
}

/* The exchange has refused what was asked at `asked`. Several refusals of one and the same excess
 * cut once: only what was asked after the last cut says something new. */
static inline bool aimd_cut(struct aimd *a, bc_mono_time now, bc_mono_time asked)
{
	if (asked.ns <= a->since_ns)
		return false;
	uint32_t rate = aimd_rate(a, now);
	rate -= rate / 4;
	a->rate = rate > RATE_LEAST ? rate : RATE_LEAST;
	a->since_ns = now.ns;
	a->cuts++;
	return true;
}

/* What is left of `most`; at least one. */
static inline uint32_t aimd_part(const struct aimd *a, bc_mono_time now, uint32_t most)
{
	uint32_t part = (uint32_t)((uint64_t)most * aimd_rate(a, now) / RATE_FULL);
	return part > 0 ? part : 1;
}

#endif
