/* seen_ring.h - the last identities of a stream, and which of up to 32 lines have said each.
 *
 * Shape   a circle of entries, found by a hash of what they are. The oldest makes room.
 * Cost    constant; entries of one bucket are looked through.
 * Memory  the entries are its owner's, cap x sizeof(struct seen); no allocation of its own.
 * Internal to the arbiter. */
#ifndef BC_SEEN_RING_H
#define BC_SEEN_RING_H

#include "proto/value.h"

struct seen {
	uint64_t identity;
	int64_t at;    /* where it stands in its stream's order */
	uint32_t said; /* a bit a line */
	uint16_t next; /* of its bucket, +1; 0: none */
	uint16_t head; /* of the bucket with this entry's number, +1; 0: none */
};

struct seen_ring {
	struct seen *entries;
	uint32_t cap, first, n;
};

uint64_t seen_mix(uint64_t number);
uint64_t seen_hash(uint64_t seed, bc_str bytes);

/* `entries` are cap, zeroed; at most 65535. */
void seen_ring_init(struct seen_ring *ring, struct seen *entries, uint32_t cap);

/* Is it there, and not said by `line` yet? With any_line: is it there at all? If so it is said by
 * this line from now on. */
bool seen_ring_find(struct seen_ring *ring, uint64_t identity, uint32_t line, bool any_line);
/* The same of a line that says things in the order of the ring: only what stands behind the newest
 * one that it has said counts. Looks through all of these. */
bool seen_ring_find_next(struct seen_ring *ring, uint64_t identity, uint32_t line);
/* Has the line said the newest one? */
bool seen_ring_is_at_end(const struct seen_ring *ring, uint32_t line);
/* True: the oldest had to go, which stood at *gone. */
bool seen_ring_add(struct seen_ring *ring, uint64_t identity, int64_t at, uint32_t line,
		   int64_t *gone);
/* The bit belongs to another line from now on. */
void seen_ring_forget(struct seen_ring *ring, uint32_t line);

#endif
