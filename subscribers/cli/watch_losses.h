/* watch_losses.h - how many messages of how many topics were lost, to be told once a second.
 *
 * Memory  a small value, zeroed at first but for `round`, which is 1. Threads: one. */
#ifndef CLI_WATCH_LOSSES_H
#define CLI_WATCH_LOSSES_H

#include "proto/value.h"

struct watch_losses {
	uint64_t n_lost, round;
	size_t n_topics;
	bc_mono_time next;
};

/* Of one topic; *told is kept with it, zeroed at first. */
void watch_losses_add(struct watch_losses *losses, uint64_t n_lost, uint64_t *told);

/* True at most once a second: what was lost since it last was. */
bool watch_losses_due(struct watch_losses *losses, bc_mono_time now, uint64_t *n_messages,
		      size_t *n_topics);

#endif
