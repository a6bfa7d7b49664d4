#include "subscribers/cache/patience.h"

#define LONG_STALL     (2 * BC_NS_PER_S)
#define STALL          (3 * PATIENCE_PULSE_NS)
#define PAUSE          (30 * BC_NS_PER_MS)  /* without a message: all of them are in */
#define MAX_WAIT       (50 * BC_NS_PER_MS)  /* in a flood that does not end */
#define MAX_STALL_WAIT (500 * BC_NS_PER_MS) /* after a stall */

void patience_pulse(struct patience *p, bc_mono_time now)
{
	int64_t gap = p->pulse.ns == 0 ? 0 : now.ns - p->pulse.ns;
	if (gap > STALL)
		p->stalled = now;
	if (gap > LONG_STALL) {
		p->n_long++;
		p->last_long_ns = gap;
	}
	p->pulse = now;
}

static bool should_wait(const struct patience *p, bool behind, bc_mono_time now)
{
	int64_t last = p->stalled.ns > p->busy.ns ? p->stalled.ns : p->busy.ns;
	return behind || (p->stalled.ns != 0 && now.ns - last < PAUSE);
}

bool patience_waits(struct patience *p, bool behind, bc_mono_time now)
{
	/* The request may be noticed before the timer is. */
	if (p->pulse.ns != 0 && now.ns - p->pulse.ns > STALL)
		patience_pulse(p, now);
	if (behind)
		p->busy = now;
	else
		p->behind = false;
	if (should_wait(p, behind, now)) {
		int64_t most = p->stalled.ns != 0 ? MAX_STALL_WAIT : MAX_WAIT;
		if (p->waiting.ns == 0)
			p->waiting = now;
		if (now.ns - p->waiting.ns < most)
			return true;
		p->behind = p->behind || p->stalled.ns != 0;
	}
	p->waiting.ns = p->stalled.ns = 0;
	return false;
}
