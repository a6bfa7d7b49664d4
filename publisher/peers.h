/* peers.h - the other gateways of this exchange, heard on their PUB sockets.
 *
 * What they say goes to elsewhere.h. Nothing is asked of them, so one that hangs costs nothing.
 * It is there while symbols are handed over, and not otherwise.
 *
 * Threads one, the loop's. */
#ifndef PEERS_H
#define PEERS_H

#include "common/log.h"
#include "proto/value.h"

#include <uv.h>

struct peers;
struct elsewhere;

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

struct elsewhere *peers_heard(const struct peers *p);
/* What may have been lost is asked for again. */
void peers_renew(struct peers *p);

#endif
