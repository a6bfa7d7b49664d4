#include "common/bus_loop.h"

#include "common/bus_socket.h"

#include <stdlib.h>

struct bc_bus_watch {
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_idle_t idle;   /* runs while there is more to read: the loop polls without waiting */
	uv_timer_t later; /* the next look, while the socket is used all the time */
	void *socket;
	bc_bus_readable_fn *readable;
	void *self;
	int n_open;         /* handles not yet closed */
	uint64_t looked_ms; /* the loop's time */
	bool every_turn;    /* nobody says when the socket is used */
	bool used;          /* since the last look */
	bool drained;       /* as the callback says */
	bool stopped;
};

static void on_idle(uv_idle_t *idle)
{
	(void)idle; /* being active is all it does */
}

/* True: something was read. */
static bool serve(struct bc_bus_watch *w)
{
	w->used = false;
	w->looked_ms = uv_now(w->idle.loop);
	const bool readable = bc_bus_has_input(w->socket);
	bool input = readable;
	if (readable) {
		w->drained = false;
		w->readable(w->self);
		if (w->stopped)
			return false;
		input = !w->drained && bc_bus_has_input(w->socket);
	}
	if (input)
		uv_idle_start(&w->idle, on_idle);
	else
		uv_idle_stop(&w->idle);
	return readable;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	(void)status; /* ZMQ_FD is an eventfd: an error is one more reason to look */
	(void)events;
	serve(poll->data);
}

static void on_later(uv_timer_t *timer)
{
	(void)timer; /* the loop is awake, so the prepare handle looks */
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct bc_bus_watch *w = prepare->data;
	uint64_t since_ms = uv_now(prepare->loop) - w->looked_ms;
	if (w->every_turn || uv_is_active((uv_handle_t *)&w->idle) ||
	    (w->used && since_ms >= BC_BUS_LOOK_MS)) {
		/* Other prepare handles may have had their turn, and now owe something. */
		if (serve(w))
			uv_idle_start(&w->idle, on_idle);
	} else if (w->used && !uv_is_active((uv_handle_t *)&w->later))
		uv_timer_start(&w->later, on_later, BC_BUS_LOOK_MS - since_ms, 0);
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
	w->every_turn = true;
	w->poll.data = w->prepare.data = w->idle.data = w->later.data = w;
	if (uv_poll_init(loop, &w->poll, fd) != 0) {
		free(w);
		return BC_EBUS;
	}
	uv_prepare_init(loop, &w->prepare);
	uv_idle_init(loop, &w->idle);
	uv_timer_init(loop, &w->later);
	w->n_open = 4;
	if (uv_poll_start(&w->poll, UV_READABLE, on_poll) != 0) {
		bc_bus_watch_stop(&w);
		return BC_EBUS;
	}
	uv_prepare_start(&w->prepare, on_prepare);
	*out = w;
	return BC_OK;
}

void bc_bus_watch_when_used(struct bc_bus_watch *w)
{
	w->every_turn = false;
	w->used = true; /* as far as anybody knows */
}

void bc_bus_watch_used(struct bc_bus_watch *w)
{
	if (w != NULL)
		w->used = true;
}

void bc_bus_watch_drained(struct bc_bus_watch *w)
{
	w->drained = true;
}

void bc_bus_watch_look(struct bc_bus_watch *w)
{
	uv_idle_start(&w->idle, on_idle);
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
	uv_close((uv_handle_t *)&w->later, on_closed);
	*watch = NULL;
}
