/* ws_message.h - one message out of the pieces a WebSocket library hands over.
 *
 * A message that comes in one piece stays where it is; only fragments and chunks are gathered, in
 * one buffer a connection that grows up to the limit and is kept for the next.
 *
 * Threads a message belongs to one loop. */
#ifndef BC_WS_MESSAGE_H
#define BC_WS_MESSAGE_H

#include "proto/value.h"

struct ws_message {
	size_t max_bytes;
	bool begun;
	bc_wall_time received; /* first piece */
	char *held;            /* the pieces so far */
	size_t n_held, held_cap;
};

void ws_message_free(struct ws_message *m); /* the buffer */

/* Takes the next piece; `rest` more bytes of it are announced, `last` ends the message.
 *   BC_OK      *out is the whole message, valid until the next piece
 *   BC_EAGAIN  there is more to come
 *   BC_ERANGE  it is over the limit, or would be with what is announced
 *   BC_ENOMEM  the buffer cannot grow */
bc_status ws_message_take(struct ws_message *m, const char *bytes, size_t n, size_t rest, bool last,
			  bc_str *out);

#endif
