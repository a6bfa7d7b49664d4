/* bus_loop.h - a ZeroMQ socket as a citizen of a libuv loop.
 *
 * ZMQ_FD is edge-triggered and says only "look again", so ZMQ_EVENTS is read after each wake and,
 * by a uv_prepare handle, once before every poll: whatever a send elsewhere in this turn has
 * swallowed is seen there before the loop sleeps. While there is more to read, the loop polls
 * without waiting, and everybody else's sockets and timers get their turn in between.
 *
 * Reading ZMQ_EVENTS costs libzmq a poll() and a getpid(), every turn. Whoever uses the socket
 * only from within the callback, or says so when it was used elsewhere, is spared them: see
 * bc_bus_watch_when_used().
 *
 * Memory  nothing is allocated after the start.
 * Threads the loop's. */
#ifndef BC_BUS_LOOP_H
#define BC_BUS_LOOP_H

#include "proto/value.h"

#include <uv.h>

struct bc_bus_watch;

/* Called when the socket has something to read. It reads until BC_EAGAIN or until it has done its
 * share of a turn (it sets the bound); what is left brings another call in the next turn. After a
 * call from the prepare handle the loop turns once more before it sleeps, so that what is owed for
 * what was read can be done in a prepare handle of somebody else. */
typedef void bc_bus_readable_fn(void *self);

/* BC_ENOMEM, BC_EBUS. */
bc_status bc_bus_watch_start(struct bc_bus_watch **out, uv_loop_t *loop, void *socket,
			     bc_bus_readable_fn *readable, void *self);

/* From now on the prepare handle looks only after bc_bus_watch_used(), and then, where the socket
 * is used all the time, every BC_BUS_LOOK_MS: whatever a send swallowed waits so long at most. What
 * comes while nothing is sent wakes the loop at once, as ever. */
#define BC_BUS_LOOK_MS 5
void bc_bus_watch_when_used(struct bc_bus_watch *watch);
/* The socket was used outside of the callback, so libzmq may have swallowed an edge. Cheap enough
 * for every message; NULL: nothing. */
void bc_bus_watch_used(struct bc_bus_watch *watch);

/* From within the callback: the last receive found nothing, and the socket was not used since. Then
 * there is nothing to be asked when it returns, and the loop may sleep. */
void bc_bus_watch_drained(struct bc_bus_watch *watch);
/* Somebody has seen that there is something to read, which may have swallowed the edge: the loop
 * reads it before it sleeps. */
void bc_bus_watch_look(struct bc_bus_watch *watch);

/* May be called from within the callback. The socket may be closed at once afterwards; the
 * memory goes in a later turn of the loop, so run it until its handles are closed. Sets *watch to
 * NULL; safe on NULL. */
void bc_bus_watch_stop(struct bc_bus_watch **watch);

#endif
