/* rings.h - the rings of all trade and candle topics, in bounded memory.
 *
 * Life    a ring comes with the first trade or candle of its topic and lives as long as the board
 *         keeps the topic (the board calls cache_rings_forget()). So history outlives a restart of
 *         its gateway, a gateway that is gone, and for cache.retain the symbol's removal.
 * Limit   all rings together take at most max_bytes. Beyond it the largest of the next 64 in turn
 *         loses its older half until it fits; where that does not help, the new one is refused and
 *         its ring is gone: better none than one with holes.
 * Threads one. */
#ifndef CACHE_RINGS_H
#define CACHE_RINGS_H

#include "subscribers/cache/ring.h"

struct cache_rings_limits {
	size_t trades, candles; /* a topic; 0: none are kept */
	size_t max_bytes;
};

struct cache_rings_stats {
	uint64_t kept, duplicates;
	uint64_t late;    /* older than all of a full ring */
	uint64_t refused; /* no room for them, or larger than any trade or candle */
	uint64_t halved;  /* rings that lost their older half at the limit */
};

struct cache_rings;

struct cache_rings *cache_rings_new(const struct cache_rings_limits *limits); /* or NULL */
void cache_rings_free(struct cache_rings **rings);

/* A message that the board has kept; those of other channels are left alone. */
void cache_rings_take(struct cache_rings *rings, bc_str topic, bc_str payload,
		      const struct bc_message *message);
/* A bc_board_forgotten_fn; self: the rings. */
void cache_rings_forget(void *self, bc_str topic);

/* NULL: nothing is kept of it. Valid until the rings are changed. */
const struct cache_ring *cache_rings_find(const struct cache_rings *rings, bc_str topic);

const struct cache_rings_limits *cache_rings_limits(const struct cache_rings *rings);
const struct cache_rings_stats *cache_rings_stats(const struct cache_rings *rings);
size_t cache_rings_count(const struct cache_rings *rings); /* topics */
size_t cache_rings_bytes(const struct cache_rings *rings);

#endif
