#include "common/seen_ring.h"

#include <string.h>

/* The finalizer of MurmurHash3: every bit of the number decides every bit of the result. */
uint64_t seen_mix(uint64_t number)
{
	uint64_t x = number;
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

uint64_t seen_hash(uint64_t seed, bc_str bytes)
{
	uint64_t h = seen_mix(seed + bytes.n), word;
	size_t i = 0;
	for (; i + 8 <= bytes.n; i += 8) {
		memcpy(&word, bytes.p + i, 8);
		h = seen_mix(h ^ word) + 0x9e3779b97f4a7c15u;
	}
	word = 0;
	if (i < bytes.n)
		memcpy(&word, bytes.p + i, bytes.n - i);
	return seen_mix(h ^ word);
}

void seen_ring_init(struct seen_ring *ring, struct seen *entries, uint32_t cap)
{
	*ring = (struct seen_ring){ .entries = entries, .cap = cap };
}

static uint16_t *bucket_of(struct seen_ring *ring, uint64_t identity)
{
	return &ring->entries[identity % ring->cap].head;
}

bool seen_ring_find(struct seen_ring *ring, uint64_t identity, uint32_t line, bool any_line)
{
	struct seen *found = NULL;
	/* The newest stands first; of several that are the same the oldest one counts. */
	for (uint16_t at = *bucket_of(ring, identity); at != 0; at = ring->entries[at - 1].next) {
		struct seen *e = &ring->entries[at - 1];
		if (e->identity == identity && (any_line || (e->said & line) == 0))
			found = e;
	}
	if (found != NULL)
		found->said |= line;
	return found != NULL;
}

bool seen_ring_find_next(struct seen_ring *ring, uint64_t identity, uint32_t line)
{
	struct seen *found = NULL;
	for (uint32_t i = ring->n; i-- > 0;) {
		struct seen *e = &ring->entries[(ring->first + i) % ring->cap];
		if ((e->said & line) != 0)
			break;
		if (e->identity == identity)
			found = e;
	}
	if (found != NULL)
		found->said |= line;
	return found != NULL;
}

bool seen_ring_is_at_end(const struct seen_ring *ring, uint32_t line)
{
	return ring->n > 0 &&
	       (ring->entries[(ring->first + ring->n - 1) % ring->cap].said & line) != 0;
}

static int64_t drop_oldest(struct seen_ring *ring)
{
	const struct seen *old = &ring->entries[ring->first];
	uint16_t *at = bucket_of(ring, old->identity);
	while (*at != ring->first + 1)
		at = &ring->entries[*at - 1].next;
	*at = old->next;
	ring->first = (ring->first + 1) % ring->cap;
	ring->n--;
	return old->at;
}

bool seen_ring_add(struct seen_ring *ring, uint64_t identity, int64_t at, uint32_t line,
		   int64_t *gone)
{
	bool full = ring->n == ring->cap;
	if (full)
		*gone = drop_oldest(ring);
	uint32_t place = (ring->first + ring->n++) % ring->cap;
	struct seen *e = &ring->entries[place];
	e->identity = identity;
	e->at = at;
	e->said = line;
	uint16_t *bucket = bucket_of(ring, identity);
	e->next = *bucket;
	*bucket = (uint16_t)(place + 1);
	return full;
}

void seen_ring_forget(struct seen_ring *ring, uint32_t line)
{
	for (uint32_t i = 0; i < ring->n; i++)
		ring->entries[(ring->first + i) % ring->cap].said &= ~line;
}
