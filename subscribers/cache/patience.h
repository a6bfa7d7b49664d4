/* patience.h - when requests had better wait, because messages are still on their way in.
 *
 * While messages wait to be read, an answer would be older than it says. And a process that was
 * stopped, or starved, finds requests in its queue before it has been given the messages that came
 * before them: libzmq's own thread was stopped, too. So after a stall nothing is answered until
 * the messages have come in and there was a pause. Both waits are bounded; who has not caught up
 * by then is behind, and answers until it has, but calls nothing fit. A stall of less than three
 * pulses is not noticed: then an answer may be as old as that.
 *
 * Pure: times are arguments. */
#ifndef CACHE_PATIENCE_H
#define CACHE_PATIENCE_H

#include "proto/value.h"

#define PATIENCE_PULSE_NS (50 * BC_NS_PER_MS) /* how often patience_pulse() is to be called */

struct patience { /* zeroed, then pulsed once */
	bc_mono_time pulse;
	bc_mono_time stalled; /* when the end of a stall was noticed; 0: that is over */
	bc_mono_time busy;    /* when messages were last waiting */
	bc_mono_time waiting; /* since when requests wait; 0: they do not */
	bool behind;          /* the wait after a stall was too short for what waits to be read */
	uint64_t n_long;      /* stalls over 2 s so far */
	int64_t last_long_ns; /* how long the last of them took */
};

/* From a timer. If it comes so late that the process must have stood still, that is a stall. */
void patience_pulse(struct patience *p, bc_mono_time now);
/* There is a request; behind: there are messages to be read. Must it wait? */
bool patience_waits(struct patience *p, bool behind, bc_mono_time now);

#endif
