#include "common/standing.h"

#include "common/gateways.h"

/* Gateways publish these again when their symbol enters or leaves the fit states. */
static bool carries_fitness(enum bc_channel channel)
{
	return channel == BC_CHANNEL_BOOK || channel == BC_CHANNEL_BBO ||
	       channel == BC_CHANNEL_TICKER || channel == BC_CHANNEL_STATE ||
	       channel == BC_CHANNEL_HEARTBEAT;
}

int bc_state_rank(enum bc_state state)
{
	if (bc_state_fit(state))
		return 3;
	if (bc_state_fit_if_rest(state))
		return 2;
	return state == BC_STATE_DOWN ? 0 : 1;
}

bool bc_symbol_has_word(enum bc_channel channel, const struct bc_word *own,
			const struct bc_word *symbol)
{
	if (symbol->since.ns < own->since.ns)
		return false;
	return !carries_fitness(channel) || bc_state_fit(own->state) ||
	       bc_state_rank(symbol->state) <= bc_state_rank(own->state);
}

bool bc_is_newer(const struct bc_place_in_time *a, const struct bc_place_in_time *b)
{
	if (a->exchange_seq != BC_SEQ_NONE && b->exchange_seq != BC_SEQ_NONE &&
	    a->exchange_seq != b->exchange_seq)
		return a->exchange_seq > b->exchange_seq;
	if (bc_wall_known(a->ts_exchange) && bc_wall_known(b->ts_exchange) &&
	    a->ts_exchange.ns != b->ts_exchange.ns)
		return a->ts_exchange.ns > b->ts_exchange.ns;
	return a->ts_recv.ns > b->ts_recv.ns;
}

bool bc_is_history(enum bc_channel channel, uint32_t flags, const struct bc_happened *one,
		   const struct bc_happened *kept)
{
	if ((flags & BC_FLAG_REST) == 0)
		return false;
	if (channel == BC_CHANNEL_CANDLE)
		return one->ts_open.ns < kept->ts_open.ns;
	if (channel != BC_CHANNEL_TRADE || !bc_wall_known(one->ts_exchange))
		return false;
	if (one->ts_exchange.ns == kept->ts_exchange.ns) /* which of the same time? */
		return bc_trade_id_compare(one->trade_id, kept->trade_id) <= 0;
	return one->ts_exchange.ns < kept->ts_exchange.ns;
}

bool bc_heartbeats_missed(bc_mono_time heard, int64_t interval_ns, bc_mono_time now)
{
	return now.ns - heard.ns > BC_MISSED_HEARTBEATS * interval_ns;
}
