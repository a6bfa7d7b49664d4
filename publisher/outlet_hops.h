/* outlet_hops.h - how long messages take on the way in and through, by kind of channel.
 *
 *   received   from the exchange's time of an event to the receipt of its bytes. Two clocks: the
 *              difference of the hosts' is in it, and exchanges tell milliseconds.
 *   published  from that receipt to the time of publication, which is right before the encoding;
 *              where publish.interval_ms conflates, its wait is in it.
 *
 * Only news counts: no welcome, no repetition for a new state, nothing that came by REST or as the
 * state at a subscription, since its age is not a delay.
 *
 * Threads the loop's records and turns; histograms may be read by others. */
#ifndef OUTLET_HOPS_H
#define OUTLET_HOPS_H

#include "common/latency.h"
#include "proto/message.h"

enum outlet_hop { OUTLET_RECEIVED, OUTLET_PUBLISHED, OUTLET_N_HOPS };
/* Ticker and candle are `other`. */
enum outlet_kind { OUTLET_BOOK, OUTLET_BBO, OUTLET_TRADE, OUTLET_OTHER, OUTLET_N_KINDS };

struct outlet_hops { /* zeroed, then turned once */
	struct bc_latency of[OUTLET_N_HOPS][OUTLET_N_KINDS];
};

void outlet_hop_received(struct outlet_hops *hops, enum bc_channel channel, uint32_t flags,
			 bc_wall_time exchange, bc_wall_time received);
void outlet_hop_published(struct outlet_hops *hops, const struct bc_envelope *e);

void outlet_hops_turn(struct outlet_hops *hops, bc_mono_time now);
/* Of all kinds together: the last minute, and its length in ns. */
struct bc_quantiles outlet_hop_recent(const struct outlet_hops *hops, enum outlet_hop hop,
				      bc_mono_time now, int64_t *window_ns);

#endif
