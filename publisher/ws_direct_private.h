/* ws_direct_private.h - the inside of the direct transport, shared by the ws_direct*.c files alone.
 *
 *   ws_direct.c       the table: start and stop, connect, send, ping, close
 *   ws_direct_step.c  a connection's way through its states, when its socket is ready
 *
 * A connection is taken forward by direct_step(); only from there and from the timer is the caller
 * told anything. What fails elsewhere is told by the timer, in the turn that follows. */
#ifndef WS_DIRECT_PRIVATE_H
#define WS_DIRECT_PRIVATE_H

#include "publisher/transport.h"

#include "publisher/ws_frames.h"
#include "publisher/ws_inflate.h"
#include "publisher/ws_output.h"
#include "publisher/ws_random.h"
#include "publisher/ws_slots.h"
#include "publisher/ws_socket.h"
#include "publisher/ws_target.h"
#include "publisher/ws_upgrade.h"

#define CLOSE_LIMIT_NS BC_NS_PER_S

enum ws_state {
	WS_TCP,
	WS_TLS,
	WS_UPGRADING,
	WS_OPEN,
	WS_CLOSING,      /* by us; `how` says so */
	WS_PEER_CLOSING, /* its close frame is here, ours is not out yet */
};

struct bc_ws {
	struct bc_transport *transport;
	uintptr_t id;
	uv_poll_t poll;
	int watching; /* UV_READABLE, UV_WRITABLE */
	enum ws_state state;
	bool over; /* `how` is known, `closed` is due */
	bool told; /* messages, and not yet that these were all */
	const struct bc_ws_events *events;
	void *self;
	char host[WS_HOST_MAX + 1];
	bool tls;
	struct ws_socket socket;
	struct ws_upgrade upgrade;
	struct ws_frames frames;
	struct ws_inflate *inflate;
	struct ws_output output;
	struct bc_ws_closed how;
	bool how_known;
	char detail[128];
};

struct bc_transport {
	uv_loop_t *loop;
	struct ws_sockets sockets;
	struct ws_random random;
	struct ws_slots slots;
	struct bc_log *log;
};

/* Takes the connection as far as it goes; true: something was read. `ws` may be gone. */
bool direct_step(struct bc_ws *ws);

/* From outside of direct_step(): what was queued goes out at once where it can. */
void direct_write_now(struct bc_ws *ws);
/* Asks the loop for what the connection waits for, if that has changed. */
void direct_watch(struct bc_ws *ws);

/* Why it ends: the first reason counts. */
void direct_how_set(struct bc_ws *ws, enum bc_ws_close why, const char *detail);
/* The same, and it is over. */
void direct_end(struct bc_ws *ws, enum bc_ws_close why, const char *detail);
void direct_end_words(struct bc_ws *ws, enum bc_ws_close why, const char *what, const char *detail);
/* It is over, and that is told from the timer, soon. */
void direct_end_later(struct bc_ws *ws);

/* A deadline has passed: of the handshake, of a close, or what ended elsewhere is told. */
void direct_on_due(void *self);

/* Lets go of everything but the memory of `ws` itself; then of that, too. */
void direct_let_go(struct bc_ws *ws);
void direct_free(struct bc_ws *ws);

#endif
