/* rpc_loop.h - a bc_rpc_server as a citizen of a libuv loop; it has its tick from here, too.
 *
 * Memory  nothing is allocated after the start. Threads the loop's. */
#ifndef BC_RPC_LOOP_H
#define BC_RPC_LOOP_H

#include "common/bus_rpc.h"

#include <uv.h>

struct bc_rpc_watch;

/* Called when there are questions, or clients to come and go. It receives until BC_EAGAIN, or until
 * it has done its share of a turn; what is left brings another call in the next turn. */
typedef void bc_rpc_ready_fn(void *self);

/* BC_ENOMEM, BC_EBUS. */
bc_status bc_rpc_watch_start(struct bc_rpc_watch **out, uv_loop_t *loop,
			     struct bc_rpc_server *server, bc_rpc_ready_fn *ready, void *self);

/* The server may be freed at once afterwards; the memory goes in a later turn of the loop, so run
 * it until its handles are closed. Sets *watch to NULL; safe on NULL. */
void bc_rpc_watch_stop(struct bc_rpc_watch **watch);

#endif
