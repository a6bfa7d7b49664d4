/* ws_output.h - what a connection still has to write: raw bytes (the upgrade), then masked frames.
 * Pure but for the masks.
 *
 *   while ((bytes = ws_output_next(&o)).n > 0) ws_output_wrote(&o, write(... bytes));
 *
 * A frame that has begun is ended first; then come a close frame, after which nothing does, the
 * newest ping's pong, a ping, and the messages in their order. Of pongs only the newest is kept
 * (RFC 6455, 5.5.3), so a flood of pings costs no memory.
 *
 * Threads one belongs to one connection. */
#ifndef BC_WS_OUTPUT_H
#define BC_WS_OUTPUT_H

#include "publisher/ws_frames.h"
#include "publisher/ws_random.h"

#define WS_OUTPUT_QUEUE_MAX 64 /* messages */

struct ws_outgoing {
	struct ws_outgoing *next;
	size_t n;
	char bytes[];
};

struct ws_output {
	struct ws_random *random; /* borrowed */
	struct ws_outgoing *first, **last;
	unsigned int n_queued;
	const char *at; /* of what is being written: */
	size_t left;
	struct ws_outgoing *writing; /* NULL: `control` */
	char control[WS_CONTROL_MAX + 8];
	char pong[WS_CONTROL_MAX];
	unsigned char n_pong;
	bool pong_due, ping_due, close_due, close_done;
	uint16_t close_code;
};

void ws_output_init(struct ws_output *o, struct ws_random *random);
void ws_output_free(struct ws_output *o);

/* Copied. BC_EAGAIN: WS_OUTPUT_QUEUE_MAX are queued; BC_ENOMEM; BC_EIO: no random bytes. */
bc_status ws_output_raw(struct ws_output *o, const char *bytes, size_t n);
bc_status ws_output_text(struct ws_output *o, const char *text, size_t n);

void ws_output_ping(struct ws_output *o);
void ws_output_pong(struct ws_output *o, bc_str payload); /* at most WS_CONTROL_MAX bytes */
/* Drops what has not begun; code 0: a close frame without one. The first one counts. */
void ws_output_close(struct ws_output *o, uint16_t code);

bool ws_output_waiting(const struct ws_output *o);
bool ws_output_closed(const struct ws_output *o); /* the close frame is written */
bc_str ws_output_next(struct ws_output *o);       /* n == 0: nothing */
void ws_output_wrote(struct ws_output *o, size_t n);

#endif
