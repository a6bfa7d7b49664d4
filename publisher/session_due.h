/* session_due.h - symbols by when something is due for each: a heap, so that many who wait cost
 * nothing until it is their time. Part of the session.
 *
 * Each symbol stands in it once at most. Memory due_room() takes all of it. Threads one. */
#ifndef SESSION_DUE_H
#define SESSION_DUE_H

#include "proto/value.h"

struct due_entry {
	int64_t at_ns;
	uint32_t symbol;
};

struct due {
	struct due_entry *heap; /* the soonest first, of equal ones the smaller number */
	uint32_t *place;        /* by symbol: where it stands, from 1; 0: it does not */
	uint32_t n, room;
};

bc_status due_room(struct due *due, uint32_t symbols); /* for numbers below that */
void due_free(struct due *due);

void due_set(struct due *due, uint32_t symbol, bc_mono_time at); /* in, or at another time */
void due_drop(struct due *due, uint32_t symbol);                 /* where it is in at all */

/* INT64_MAX: nobody waits. */
static inline bc_mono_time due_next(const struct due *due)
{
	return (bc_mono_time){ due->n > 0 ? due->heap[0].at_ns : INT64_MAX };
}

/* Takes one out whose time has come; false: there is none. */
bool due_take(struct due *due, bc_mono_time now, uint32_t *symbol);

#endif
