/* line_directory.c - a cache that knows one thing: where the bus is. libbookcast asks it, so that
 * the real cache, which listens to everything, is not part of what is measured. */
#include "bench/line.h"

#include "common/bus_rpc.h"
#include "common/bus_socket.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

static void answer(const struct line_child *c, struct bc_rpc_server *server,
		   const struct bc_rpc_request *r)
{
	char text[LINE_PATH_MAX + 128];
	if (!bc_str_is(r->verb, "GATEWAYS")) {
		bc_rpc_reply(server, BC_RPC_NOT_FOUND, BC_STR("only GATEWAYS"));
		return;
	}
	snprintf(text, sizeof text, "{\"gateways\":[{\"exchange\":\"upbit\",\"endpoint\":\"%s\"}]}",
		 c->endpoint);
	bc_rpc_reply(server, BC_RPC_OK, bc_str_of(text));
}

void directory_main(const struct line_child *c)
{
	struct bc_rpc_server *server = NULL;
	struct bc_rpc_request request;
	char real[BC_ENDPOINT_MAX];
	if (bc_rpc_server_new(&server) != BC_OK ||
	    bc_rpc_server_bind(server, c->cache, 0600, real) != BC_OK)
		line_die(c->shared, "the directory cannot answer at %s", c->cache);
	for (;;) {
		struct pollfd item = { bc_rpc_server_fd(server), POLLIN, 0 };
		bc_status rc = bc_rpc_receive(server, &request);
		if (rc == BC_OK)
			answer(c, server, &request);
		else if (rc == BC_EAGAIN)
			poll(&item, 1, -1);
	}
}
