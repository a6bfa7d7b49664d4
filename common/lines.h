/* lines.h - a topic as its reader hears it, whether one gateway serves it or two (A/B lines): the
 * board (common/board.h) knows how fit each line is, the arbiter (common/arbiter.h) what is new.
 *
 * As long as there is one line nothing is decided and nothing allocated: bc_lines_doubled() is
 * false, and what is handed out is only noted. With the second line an arbiter is made, which
 * stays.
 *
 * Memory  kept by the user with each topic, zeroed at first. Threads: one. */
#ifndef BC_LINES_H
#define BC_LINES_H

#include "common/arbiter.h"
#include "common/board.h"

struct bc_lines {
	struct bc_arbiter *arbiter; /* NULL: one line so far */
	/* what was handed out last */
	bool said, closed;
	enum bc_channel channel;
	enum bc_state state; /* the topic's, then */
	enum bc_reason reason;
	uint64_t epoch, exchange_seq;
	bc_wall_time ts_exchange, ts_recv, ts_open;
};

void bc_lines_forget(struct bc_lines *lines);

static inline bool bc_lines_doubled(const struct bc_lines *lines,
				    const struct bc_board_taken *taken)
{
	return lines->arbiter != NULL || taken->doubled;
}

/* A message is handed out while its topic is in that state. */
static inline void bc_lines_say(struct bc_lines *lines, const struct bc_message *m,
				enum bc_state state)
{
	const struct bc_envelope *e = &m->envelope;
	lines->said = true;
	lines->channel = e->channel;
	lines->state = state;
	lines->reason = e->reason;
	lines->epoch = e->epoch;
	lines->exchange_seq = e->exchange_seq;
	lines->ts_exchange = e->ts_exchange;
	lines->ts_recv = e->ts_recv;
	if (e->channel == BC_CHANNEL_CANDLE) {
		lines->ts_open = m->body.candle.ts_open;
		lines->closed = m->body.candle.closed == BC_CLOSED_YES;
	}
}

/* What becomes of the message that the board has just kept; `state` is its topic's now. The caller
 * calls bc_lines_say() if he hands it out. */
struct bc_ruling bc_lines_take(struct bc_lines *lines, struct bc_board *board,
			       const struct bc_board_taken *taken, bc_str payload,
			       enum bc_state state, bc_mono_time now);
/* States may have changed; is there anything to be asked with bc_lines_again()? No as long as the
 * line that was handed out last is one of the fittest: what others had to say came with them. */
bool bc_lines_unsettled(const struct bc_lines *lines, struct bc_board *board, bc_str topic,
			bc_mono_time now);
/* Is the board's answer to be handed out? */
enum bc_verdict bc_lines_again(struct bc_lines *lines, struct bc_board *board, bc_str topic,
			       const struct bc_message *message, bc_str payload,
			       enum bc_state state, bc_mono_time now);
/* What it means that lines are gone; only once there is an arbiter. */
struct bc_ruling bc_lines_look(struct bc_lines *lines, const struct bc_board *board, bc_str topic,
			       bc_mono_time now);

#endif
