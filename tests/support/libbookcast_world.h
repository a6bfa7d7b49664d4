/* libbookcast_world.h - what tests of libbookcast stand on: a cache that is played on real sockets,
 * and a subscriber of the public library. Everything stands in one thread. */
#ifndef BC_TESTS_LIBBOOKCAST_WORLD_H
#define BC_TESTS_LIBBOOKCAST_WORLD_H

#include "common/bus_socket.h"
#include "common/clock.h"
#include "subscribers/cache/desk.h"
#include "subscribers/libbookcast/include/bookcast.h"
#include "tests/support/bus_message.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <zmq.h>

#define PATIENCE 60 /* seconds */

static struct temp_dir dir;
static void *context;
static struct bc_rpc_server *server;
static struct bc_board *board; /* of the cache */
static struct cache_rings *rings;
static struct cache_desk *desk;
static char cache[BC_ENDPOINT_MAX];
static bookcast *bus;

static inline void open_cache(void)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	const struct cache_rings_limits history = { 100, 100, 1 << 20 };
	char text[96];
	cr_assert(temp_dir_new(&dir));
	cr_assert((context = bc_bus_context_new()) != NULL);
	cr_assert_eq(bc_rpc_server_new(&server), BC_OK);
	temp_dir_file(&dir, "ipc://", "cache.rpc", text, sizeof text);
	cr_assert_eq(bc_rpc_server_bind(server, text, 0660, cache), BC_OK);
	cr_assert((board = bc_board_new(&limits)) != NULL);
	cr_assert((rings = cache_rings_new(&history)) != NULL);
	cr_assert((desk = cache_desk_new(board, rings, NULL, server, &limits, bc_boot_now())) !=
		  NULL);
}

/* After whatever else has a socket of the context. */
static inline void close_cache(void)
{
	cache_desk_free(&desk);
	bc_board_free(&board);
	cache_rings_free(&rings);
	bc_rpc_server_free(&server);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

#endif
