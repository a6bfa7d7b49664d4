#include "publisher/outlet_hops.h"

/* Kind + 1; 0: what is no market data. */
static const uint8_t kinds[BC_N_CHANNELS] = {
	[BC_CHANNEL_BOOK] = OUTLET_BOOK + 1,    [BC_CHANNEL_DELTA] = OUTLET_BOOK + 1,
	[BC_CHANNEL_BBO] = OUTLET_BBO + 1,      [BC_CHANNEL_TRADE] = OUTLET_TRADE + 1,
	[BC_CHANNEL_TICKER] = OUTLET_OTHER + 1, [BC_CHANNEL_CANDLE] = OUTLET_OTHER + 1,
};

#define NO_NEWS (BC_FLAG_SNAPSHOT | BC_FLAG_REST)

void outlet_hop_received(struct outlet_hops *hops, enum bc_channel channel, uint32_t flags,
			 bc_wall_time exchange, bc_wall_time received)
{
	const unsigned kind = kinds[channel];
	if (kind > 0 && (flags & NO_NEWS) == 0 && bc_wall_known(exchange))
		bc_latency_record(&hops->of[OUTLET_RECEIVED][kind - 1], received.ns - exchange.ns);
}

void outlet_hop_published(struct outlet_hops *hops, const struct bc_envelope *e)
{
	const unsigned kind = kinds[e->channel];
	if (kind > 0 && (e->flags & NO_NEWS) == 0)
		bc_latency_record(&hops->of[OUTLET_PUBLISHED][kind - 1],
				  e->ts_publish.ns - e->ts_recv.ns);
}

void outlet_hops_turn(struct outlet_hops *hops, bc_mono_time now)
{
	for (int hop = 0; hop < OUTLET_N_HOPS; hop++)
		for (int kind = 0; kind < OUTLET_N_KINDS; kind++)
			bc_latency_turn(&hops->of[hop][kind], now);
}

struct bc_quantiles outlet_hop_recent(const struct outlet_hops *hops, enum outlet_hop hop,
				      bc_mono_time now, int64_t *window_ns)
{
	struct bc_tally sum = { .count = 0 };
	for (int kind = 0; kind < OUTLET_N_KINDS; kind++)
		*window_ns = bc_latency_recent(&hops->of[hop][kind], now, &sum);
	return bc_tally_quantiles(&sum);
}
