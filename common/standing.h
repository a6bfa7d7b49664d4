/* standing.h - how a message stands now: the rules that everybody who keeps one has in common.
 *
 * The board (common/board.h) judges what it heard on the bus by them, and who reads the gateway's
 * own memory (common/latest.h) what it found there; so both say the same.
 *
 * Pure: no state, no clock. */
#ifndef BC_STANDING_H
#define BC_STANDING_H

#include "proto/message.h"

/* What a message says of its symbol. */
struct bc_word {
	enum bc_state state;
	enum bc_reason reason;
	bc_wall_time since;
};

/* Which state of the exchange a message shows, and when it came. */
struct bc_place_in_time {
	uint64_t exchange_seq; /* BC_SEQ_NONE: no number */
	bc_wall_time ts_exchange, ts_recv;
};

/* Down 0, unfit 1, polled 2, fit 3: of A/B lines the larger answers. */
int bc_state_rank(enum bc_state state);

/* Who has the word about a message's state: its own, or its symbol's state topic if that is newer?
 * The latter cannot make a message better that is unfit by its own word: when the data are fit
 * again they are published again. True: the symbol's. */
bool bc_symbol_has_word(enum bc_channel channel, const struct bc_word *own,
			const struct bc_word *symbol);

/* Of two equally fit ones: the newest exchange sequence, then time. */
bool bc_is_newer(const struct bc_place_in_time *a, const struct bc_place_in_time *b);

/* What is kept of a trade or candle; ts_open of a candle, trade_id of a trade. */
struct bc_happened {
	bc_wall_time ts_exchange, ts_open;
	bc_str trade_id;
};

/* A trade or candle fetched by REST that happened before the one that is kept, or is the very
 * trade: it does not take its place. */
bool bc_is_history(enum bc_channel channel, uint32_t flags, const struct bc_happened *one,
		   const struct bc_happened *kept);

/* Has who was heard last at that time missed its heartbeats? */
bool bc_heartbeats_missed(bc_mono_time heard, int64_t interval_ns, bc_mono_time now);

#endif
