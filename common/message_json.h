/* message_json.h - a message as one line of JSON: the same keys in every program.
 *
 * All common keys are always there, null where unknown:
 *   channel exchange symbol epoch seq exchange_seq ts_exchange ts_recv ts_publish state reason
 *   since flags
 * then age_ns and proven_ns where the view has them, then the channel's own keys. Decimals are
 * strings of plain digits, times integers in ns since 1970 (or ISO 8601 text), words those of
 * enums.def. A candle's channel is "candle", its interval is a key of its own. */
#ifndef BC_MESSAGE_JSON_H
#define BC_MESSAGE_JSON_H

#include "common/json_writer.h"
#include "proto/message.h"

enum bc_json_times { BC_JSON_TIMES_NS, BC_JSON_TIMES_ISO };

/* What a message does not say about itself, and how it is to be shown. Zeroed: all levels, times
 * as ns, nothing overridden; exchange and symbol must be set. */
struct bc_message_view {
	bc_str exchange, symbol; /* as in the topic */
	enum bc_json_times times;
	uint32_t depth; /* levels a side at most; 0: all there are */

	/* The message comes from an adapter, not from the bus: epoch, seq, ts_publish are null, and
	 * so are state, reason and since unless they are given below. */
	bool no_envelope;

	/* Ages of a cache answer. */
	bool with_ages;
	int64_t age_ns, proven_ns; /* negative: null */

	/* What a reader was told beside it: keys n_lost, n_replaced, n_unfit. */
	bool with_losses;
	uint64_t n_lost, n_replaced, n_unfit;

	/* State of a cache answer or a rebuilt book: replaces the message's. Where it differs from
	 * the message's, reason and since are null unless they are given too. */
	bool with_state;
	enum bc_state state;
	bool with_reason;
	enum bc_reason reason;
	bc_wall_time since; /* read with with_reason; BC_TIME_UNKNOWN: null */
};

/* Writes the object as one line, '\n' included, and ends the text (json_writer.h).
 *   BC_OK; BC_EINVAL: a channel without a form in JSON (nothing is written); or what the sink
 *   or the buffer's bound said. */
bc_status bc_message_json(struct bc_json_writer *w, const struct bc_message *m,
			  const struct bc_message_view *view);

/* The members alone, for an object the caller opened and closes. */
bc_status bc_message_json_members(struct bc_json_writer *w, const struct bc_message *m,
				  const struct bc_message_view *view);

/* A line of channel "control": what an exchange said that is not market data. `kind` is one of
 * ack, error, pong, subscriptions; empty id, code and message are null. */
struct bc_control_view {
	bc_str exchange;
	bc_wall_time ts_recv; /* BC_TIME_UNKNOWN: null */
	enum bc_json_times times;
	const char *kind;
	bc_str id, code, message;
};
bc_status bc_control_json(struct bc_json_writer *w, const struct bc_control_view *view);

/* A time in the form asked for; null if unknown. "2026-11-21T03:50:00.123456789Z" */
void bc_json_time(struct bc_json_writer *w, bc_wall_time t, enum bc_json_times times);

#endif
