/* sequence.h - what the numbers of one topic say: in order, a hole, seen before, a restart.
 *
 * A gateway numbers the messages of each topic from 1, +1 a message, and its epoch grows when it
 * restarts. So every loss is counted exactly, with one exception that nobody can know: what an
 * old epoch still sent after the last message that arrived.
 *
 * A/B lines are two epochs that are alive together: keep one tracker for each.
 *
 * Memory  a small value, zeroed at first. Threads: none of its business. */
#ifndef BC_SEQUENCE_H
#define BC_SEQUENCE_H

#include "proto/value.h"

struct bc_sequence {
	uint64_t epoch, last; /* 0, 0: nothing seen yet */
};

enum bc_sequence_verdict {
	BC_SEQUENCE_FIRST,       /* a late joiner's first; nothing is counted as lost */
	BC_SEQUENCE_NEXT,        /* as it should be */
	BC_SEQUENCE_GAP,         /* [from, to] never arrived */
	BC_SEQUENCE_DUPLICATE,   /* seen: a welcome, or the other half of an overlap; drop it */
	BC_SEQUENCE_NEWER_EPOCH, /* the gateway restarted; [from, to] if it did not begin at 1 */
	BC_SEQUENCE_OLDER_EPOCH, /* a straggler of a gateway that is gone; drop it */
};

struct bc_sequence_step {
	enum bc_sequence_verdict verdict;
	uint64_t from, to; /* the hole, inclusive; read it if n_lost > 0 */
	uint64_t n_lost;
};

/* Judges one message and remembers it, unless it is to be dropped. */
struct bc_sequence_step bc_sequence_next(struct bc_sequence *s, uint64_t epoch, uint64_t seq);

#endif
