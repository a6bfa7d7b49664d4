/* peers.h - what the other gateways of this exchange serve, as they say it themselves.
 *
 * They are heard on their PUB sockets: heartbeats, symbol lists, and the states of the symbols
 * that are watched. Nothing is asked of them, so one that hangs costs nothing. It is there while
 * symbols are handed over, and not otherwise.
 *
 * Memory  grows with the symbols that are watched; 64 peers.
 * Threads one, the loop's. */
#ifndef PEERS_H
#define PEERS_H

#include "common/log.h"
#include "proto/value.h"

#include <uv.h>

struct peers;

struct peers_options {
	uv_loop_t *loop;
	void *context; /* ZeroMQ's */
	struct bc_log *log;
	const char *exchange;
	const char *run_dir, *own; /* own: our socket's name in it */
};

/* The caller owns *out. BC_ENOMEM, BC_EBUS, BC_EIO. */
bc_status peers_new(struct peers **out, const struct peers_options *options);
void peers_free(struct peers **peers); /* safe on NULL */

/* Connects to those in the run directory; call it now and then. */
void peers_look(struct peers *p);
void peers_connect(struct peers *p, const char *endpoint); /* again and again is fine */

/* Its state is heard from now on. BC_ENOMEM, BC_ERANGE: it is not; ask again. */
bc_status peers_watch(struct peers *p, bc_str symbol);

enum peer_serves { PEER_NOT, PEER_LISTS, PEER_FIT };

/* How well is a watched symbol served by a gateway of this shard that is alive? */
enum peer_serves peers_serve(const struct peers *p, bc_str symbol, uint32_t shard, uint32_t shards,
			     bc_mono_time now);

#endif
