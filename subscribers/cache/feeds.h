/* feeds.h - finds the gateways and feeds the board and the rings with everything they publish.
 *
 * Those of this machine stand in the run directory as <exchange>.<instance>.pub: it is watched,
 * and read again every second in case the watching missed something. Those of other machines come
 * from the configuration.
 *
 * Threads the loop's. */
#ifndef CACHE_FEEDS_H
#define CACHE_FEEDS_H

#include "common/log.h"
#include "common/board.h"
#include "subscribers/cache/delays.h"
#include "subscribers/cache/rings.h"

#include <uv.h>

struct cache_feeds_options {
	const char *run_dir;
	const char *const *remote; /* endpoints; borrowed for the call */
	size_t n_remote;
};

struct cache_feeds;

/* Borrows everything but the options. */
bc_status cache_feeds_start(struct cache_feeds **out, uv_loop_t *loop, void *zmq,
			    struct bc_board *board, struct cache_rings *rings,
			    struct cache_delays *delays, struct bc_log *log,
			    const struct cache_feeds_options *o);
/* Run the loop until its handles are closed. Sets *feeds to NULL; safe on NULL. */
void cache_feeds_stop(struct cache_feeds **feeds);

/* Call it about once a second. */
void cache_feeds_rescan(struct cache_feeds *feeds);

/* Are there messages that have not been read yet? True after a stall or in a flood. */
bool cache_feeds_behind(const struct cache_feeds *feeds);

#endif
