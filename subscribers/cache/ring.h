/* ring.h - the newest trades or candles of one topic, each once, in the order of their time.
 *
 * Shape   at most `max` payloads as published, the oldest first. When it is full the oldest makes
 *         room, and what is older than all of it is not taken.
 * Trades  by the exchange's time, then by trade id (the shorter first, then by bytes: numbers stand
 *         in their order). A known id is not taken again, whatever its time says. A trade without
 *         an id is always taken. A time more than a minute after its receipt is not believed: then
 *         the time of receipt counts, so that one bad clock is not the newest trade for ever.
 * Candles by their start, one for each. A closed one is replaced by a closed one only; else the one
 *         with the newer exchange time stays, or where one has none the one received later.
 * Cost    in order: constant. Else a binary search, and at most max / 2 pointers move.
 * Memory  grows as it fills; then the oldest one's memory takes the new one.
 * Threads one. */
#ifndef CACHE_RING_H
#define CACHE_RING_H

#include "proto/message.h"

enum { CACHE_RING_MAX = 10000, CACHE_RING_MAX_PAYLOAD = 65536 };

struct cache_ring;

struct cache_ring *cache_ring_new(size_t max); /* 1 to CACHE_RING_MAX; NULL: out of memory */
void cache_ring_free(struct cache_ring **ring);

/* A trade or a candle; `message` is what `payload` says and points into it.
 *   BC_OK          kept; of a candle perhaps in place of another
 *   BC_EDUPLICATE  its id is known; of a candle: the one that is there is newer
 *   BC_ERANGE      the ring is full of newer ones, or the payload passes CACHE_RING_MAX_PAYLOAD
 *   BC_EINVAL      neither a trade nor a candle
 *   BC_ENOMEM      not kept; the oldest may be gone */
bc_status cache_ring_put(struct cache_ring *ring, const struct bc_message *message, bc_str payload);

size_t cache_ring_count(const struct cache_ring *ring);
/* The i-th payload, 0 is the oldest; valid until the ring is changed. */
bc_str cache_ring_at(const struct cache_ring *ring, size_t i);
/* Leaves the newest `keep` and gives memory back. */
void cache_ring_trim(struct cache_ring *ring, size_t keep);
size_t cache_ring_bytes(const struct cache_ring *ring); /* all that it takes */

#endif
