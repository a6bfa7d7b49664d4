#include "common/rpc_loop.h"

#include <stdlib.h>

struct bc_rpc_watch {
	uv_poll_t poll;
	uv_idle_t idle; /* active while questions wait that no descriptor shows */
	uv_timer_t second;
	struct bc_rpc_server *server;
	bc_rpc_ready_fn *ready;
	void *self;
	int n_open; /* handles not yet closed */
	bool stopped;
};

static void on_idle(uv_idle_t *idle);

static void serve(struct bc_rpc_watch *w)
{
	w->ready(w->self);
	if (w->stopped)
		return;
	if (bc_rpc_server_pending(w->server))
		uv_idle_start(&w->idle, on_idle);
	else
		uv_idle_stop(&w->idle);
}

static void on_idle(uv_idle_t *idle)
{
	serve(idle->data);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* of an epoll descriptor: an error is one more reason to look */
	(void)events;
	serve(poll->data);
}

static void on_second(uv_timer_t *timer)
{
	struct bc_rpc_watch *w = timer->data;
	bc_rpc_server_tick(w->server);
}

static void on_closed(uv_handle_t *handle)
{
	struct bc_rpc_watch *w = handle->data;
	if (--w->n_open == 0)
		free(w);
}

bc_status bc_rpc_watch_start(struct bc_rpc_watch **out, uv_loop_t *loop,
			     struct bc_rpc_server *server, bc_rpc_ready_fn *ready, void *self)
{
	struct bc_rpc_watch *w = calloc(1, sizeof *w);
	if (w == NULL)
		return BC_ENOMEM;
	w->server = server;
	w->ready = ready;
	w->self = self;
	w->poll.data = w->idle.data = w->second.data = w;
	if (uv_poll_init(loop, &w->poll, bc_rpc_server_fd(server)) != 0) {
		free(w);
		return BC_EBUS;
	}
	uv_idle_init(loop, &w->idle);
	uv_timer_init(loop, &w->second);
	w->n_open = 3;
	if (uv_poll_start(&w->poll, UV_READABLE, on_poll) != 0 ||
	    uv_timer_start(&w->second, on_second, 1000, 1000) != 0) {
		bc_rpc_watch_stop(&w);
		return BC_EBUS;
	}
	*out = w;
	return BC_OK;
}

void bc_rpc_watch_stop(struct bc_rpc_watch **watch)
{
	struct bc_rpc_watch *w = *watch;
	if (w == NULL)
		return;
	w->stopped = true;
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->idle, on_closed);
	uv_close((uv_handle_t *)&w->second, on_closed);
	*watch = NULL;
}
