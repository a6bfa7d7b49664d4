#include "subscribers/cli/words.h"

#include "subscribers/cli/grid.h"

const char *paint_state(enum bc_state state)
{
	if (bc_state_fit(state))
		return PAINT_GOOD;
	return state == BC_STATE_STALE || state == BC_STATE_HALTED || state == BC_STATE_DOWN
		       ? PAINT_BAD
		       : PAINT_DOUBT;
}

static const char *const states[BC_N_STATES] = {
	[BC_STATE_CONNECTING] = "The gateway is connecting to the exchange; there is no data yet.",
	[BC_STATE_SYNCING] = "The book is being rebuilt; until then it is not to be trusted.",
	[BC_STATE_LIVE] = "Every rule of the exchange says that this is right.",
	[BC_STATE_QUIET] = "Right, and there has been no change for a while.",
	[BC_STATE_REST] = "Polled, since the stream is down: right when it was asked for.",
	[BC_STATE_STALE] = "Not to be trusted any more.",
	[BC_STATE_HALTED] = "The exchange does not trade it.",
	[BC_STATE_DOWN] = "Its gateway has been told to stop following it.",
};

static const char *const reasons[BC_N_REASONS] = {
	[BC_REASON_NO_DATA] = "Not to be trusted: the exchange has stopped sending.",
	[BC_REASON_GAP] = "Not to be trusted: a part of what the exchange said is missing.",
	[BC_REASON_CHECKSUM] =
		"Not to be trusted: the book does not match the exchange's checksum.",
	[BC_REASON_CROSSED] = "Not to be trusted: the best bid is above the best ask.",
	[BC_REASON_DISCONNECTED] = "Not to be trusted: the connection to the exchange is lost.",
	[BC_REASON_RANGE] = "Not to be trusted: the exchange sent a number that does not fit.",
	[BC_REASON_CLOCK] = "Not to be trusted: the gateway's machine slept or stalled.",
	[BC_REASON_GATEWAY] = "Not to be trusted: its gateway is not heard any more.",
	[BC_REASON_DELISTED] = "Not followed any more: it was delisted, or taken off the list.",
	[BC_REASON_SUSPENDED] = "The exchange has suspended trading.",
	[BC_REASON_UNKNOWN_SYMBOL] = "The exchange does not know this symbol.",
	[BC_REASON_SHUTDOWN] = "Its gateway was told to stop.",
};

const char *why_state(enum bc_state state, enum bc_reason reason)
{
	bool ended = state == BC_STATE_STALE || state == BC_STATE_HALTED || state == BC_STATE_DOWN;
	if (ended && (unsigned)reason < BC_N_REASONS && reasons[reason] != NULL)
		return reasons[reason];
	return (unsigned)state < BC_N_STATES ? states[state] : "";
}
