/* desk.h - answers the requests of docs/CACHE-PROTOCOL.md from the board and the rings.
 *
 * Memory  what an answer needs beside its frames is taken once, at the start.
 * Threads one. */
#ifndef CACHE_DESK_H
#define CACHE_DESK_H

#include "common/bus_rpc.h"
#include "subscribers/cache/reports.h"

struct cache_desk;

/* Everything is borrowed; delays may be NULL. NULL: out of memory. */
struct cache_desk *cache_desk_new(struct bc_board *board, const struct cache_rings *rings,
				  const struct cache_delays *delays, struct bc_rpc_server *server,
				  const struct bc_board_limits *limits, bc_mono_time started);
void cache_desk_free(struct cache_desk **desk);

/* Takes and answers at most `max` requests. Returns how many there were. */
size_t cache_desk_serve(struct cache_desk *desk, bc_mono_time now, size_t max);

const struct cache_about *cache_desk_about(const struct cache_desk *desk);

#endif
