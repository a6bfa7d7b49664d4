/* watch_losses.h - the sequence of every topic that is watched: what was seen, what was lost.
 *
 * Keeps one tracker for each topic and epoch (A/B lines are two), at most 200,000; then it forgets
 * all and begins anew. Threads: one. */
#ifndef CLI_WATCH_LOSSES_H
#define CLI_WATCH_LOSSES_H

#include "proto/value.h"

struct watch_losses;

struct watch_losses *watch_losses_new(void); /* NULL: out of memory */
void watch_losses_free(struct watch_losses **losses);

/* Notes one message. False: it was seen before and should not be shown again. */
bool watch_losses_take(struct watch_losses *losses, bc_str topic, uint64_t epoch, uint64_t seq);

/* True at most once a second: what was lost since it last was. */
bool watch_losses_due(struct watch_losses *losses, bc_mono_time now, uint64_t *n_messages,
		      size_t *n_topics);

#endif
