/* delays.h - how long the gateways' messages take to get here, and how long they took before.
 *
 * From a gateway's publication to the receipt by the cache, for each gateway process and for all of
 * them together. Two wall clocks: where the hosts' differ it is in every figure. Welcomes are old
 * by nature and do not count.
 *
 * Limits  256 gateways; of more than that none is measured by itself.
 * Memory  37 KiB a gateway, taken with its first message, given back some time after its end.
 * Threads the loop's; the histogram of all may be read by others. */
#ifndef CACHE_DELAYS_H
#define CACHE_DELAYS_H

#include "common/board.h"
#include "common/latency.h"

struct cache_delays;

struct cache_delays *cache_delays_new(void); /* NULL: out of memory */
void cache_delays_free(struct cache_delays **delays);

/* A message that the board has kept. */
void cache_delays_take(struct cache_delays *delays, const struct bc_gateway *gateway,
		       const struct bc_envelope *e, bc_wall_time received, bc_mono_time now);
/* About once a second. Forgets the gateways that are not on the board any more. */
void cache_delays_turn(struct cache_delays *delays, const struct bc_gateways *gateways,
		       bc_mono_time now);

/* The last minute of one gateway; false: nothing is known of it. */
bool cache_delays_recent(const struct cache_delays *delays, const struct bc_gateway *gateway,
			 bc_mono_time now, struct bc_hop *out);
const struct bc_histogram *cache_delays_all(const struct cache_delays *delays);

#endif
