#include "common/bus_loop.h"

#include "common/bus_socket.h"

#include <stdlib.h>

struct bc_bus_watch {
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_idle_t idle; /* runs while there is more to read: the loop then polls without waiting */
	void *socket;
	bc_bus_readable_fn *readable;
	void *self;
	int n_open; /* handles not yet closed */
	bool stopped;
};

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* being active is all it does */
}

static void serve(struct bc_bus_watch *w)
{
	if (bc_bus_has_input(w->socket))
		w->readable(w->self);
	if (w->stopped)
		return;
	if (bc_bus_has_input(w->socket))
		uv_idle_start(&w->idle, on_idle);
	else
		uv_idle_stop(&w->idle);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* ZMQ_FD is an eventfd: an error is one more reason to look */
	(void)events;
	serve(poll->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
	serve(prepare->data);
}

static void on_closed(uv_handle_t *handle)
{
	struct bc_bus_watch *w = handle->data;
	if (--w->n_open == 0)
		free(w);
}

bc_status bc_bus_watch_start(struct bc_bus_watch **out, uv_loop_t *loop, void *socket,
			     bc_bus_readable_fn *readable, void *self)
{
	const int fd = bc_bus_fd(socket);
	if (fd < 0)
		return BC_EBUS;
	struct bc_bus_watch *w = calloc(1, sizeof *w);
	if (w == NULL)
		return BC_ENOMEM;
	w->socket = socket;
	w->readable = readable;
	w->self = self;
	w->poll.data = w->prepare.data = w->idle.data = w;
	if (uv_poll_init(loop, &w->poll, fd) != 0) {
		free(w);
		return BC_EBUS;
	}
	uv_prepare_init(loop, &w->prepare);
	uv_idle_init(loop, &w->idle);
	w->n_open = 3;
	if (uv_poll_start(&w->poll, UV_READABLE, on_poll) != 0) {
		bc_bus_watch_stop(&w);
		return BC_EBUS;
	}
	uv_prepare_start(&w->prepare, on_prepare);
	*out = w;
	return BC_OK;
}

void bc_bus_watch_stop(struct bc_bus_watch **watch)
{
	struct bc_bus_watch *w = *watch;
	if (w == NULL)
		return;
	w->stopped = true;
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->prepare, on_closed);
	uv_close((uv_handle_t *)&w->idle, on_closed);
	*watch = NULL;
}
