/* latest.h - the newest messages of the gateways of this machine, read from their memory
 * (common/latest.h) instead of asking the cache.
 *
 * What is fit there is answered from there, judged by the same rules as on the bus. Anything else
 * is the cache's to say: it remembers what was before a restart, what is no longer listed, and
 * gateways of other machines.
 *
 * Files are looked for when what is open does not answer, and once a second; in between a call
 * costs no system call.
 *
 * Threads one. */
#ifndef LIBBOOKCAST_LATEST_H
#define LIBBOOKCAST_LATEST_H

#include "common/board.h"

struct latest;

/* dir: the run directory. BC_ENOMEM; BC_ERANGE: its name is too long. */
bc_status latest_new(struct latest **out, const char *dir);
void latest_free(struct latest **latest);

/* A topic and the exchange it begins with.
 *   BC_OK      *answer is fit (or polled), and the payload is there
 *   BC_EAGAIN  it is there and not fit, or without a payload: ask the cache, and if that is silent
 *              take this
 *   BC_ENOTFOUND  nothing of it is here: ask the cache
 * The payload is valid until the next call. */
bc_status latest_get(struct latest *latest, bc_str exchange, bc_str topic, bc_mono_time now,
		     struct bc_board_answer *answer);

#endif
