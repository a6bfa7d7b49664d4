/* board_frames.h - answers about a topic as they travel: the frames of GET and of STATE
 * (docs/CACHE-PROTOCOL.md), read by who asks the cache.
 *
 * Memory  what is read points into the frames. */
#ifndef BC_BOARD_FRAMES_H
#define BC_BOARD_FRAMES_H

#include "common/board.h"

#define BC_GET_FRAMES   5 /* status, state, age_ns, proven_ns, payload */
#define BC_STATE_FRAMES 6 /* status, state, reason, since_ns, age_ns, proven_ns */

/* BC_EPARSE: not in the form of the protocol. GET leaves the reason `none`, since unknown. */
bc_status bc_board_read_get(const bc_str *frames, struct bc_board_answer *out);
/* Without a payload. A reason that came after this program is BC_N_REASONS. */
bc_status bc_board_read_state(const bc_str *frames, struct bc_board_answer *out);

/* LATEST: one frame a topic, "status state reason since_ns age_ns proven_ns", LF, payload. */
#define BC_LATEST_HEAD_MAX 128
/* Writes all but the payload into head[]; returns its length. */
size_t bc_board_write_latest(const struct bc_board_answer *answer, char head[BC_LATEST_HEAD_MAX]);
/* The payload points into the frame. */
bc_status bc_board_read_latest(bc_str frame, struct bc_board_answer *out);

/* Completes what GET said with why and since when: as STATE says or, where the state has changed
 * between the two questions, as the message of GET itself does. */
void bc_board_explain(struct bc_board_answer *get, const struct bc_board_answer *state,
		      const struct bc_envelope *message);

#endif
