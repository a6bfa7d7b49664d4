/* The direct transport: our own upgrade and framing (ws_upgrade, ws_frames, ws_output) over a
 * socket of our own (ws_socket), on the libuv loop. This file is the table that callers see. */
#include "publisher/ws_direct_private.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ start and stop */

static bc_status transport_start(struct bc_transport **out, uv_loop_t *loop,
				 const struct bc_transport_options *options)
{
	struct bc_transport *t = calloc(1, sizeof *t);
	if (t == NULL)
		return BC_ENOMEM;
	t->loop = loop;
	t->log = options->log;
	const bc_status rc = ws_sockets_open(&t->sockets, options->ca_file, options->log);
	if (rc != BC_OK) {
		free(t);
		return rc;
	}
	ws_slots_init(&t->slots, loop, direct_on_due);
	*out = t;
	return BC_OK;
}

static void on_slots_closed(uv_handle_t *handle)
{
	struct ws_slots *slots = handle->data;
	struct bc_transport *t =
		(struct bc_transport *)((char *)slots - offsetof(struct bc_transport, slots));
	ws_slots_release(slots);
	ws_sockets_close(&t->sockets);
	free(t);
}

static void transport_stop(struct bc_transport **transport)
{
	struct bc_transport *t = *transport;
	if (t == NULL)
		return;
	*transport = NULL;
	struct bc_ws *ws;
	while ((ws = ws_slots_any(&t->slots)) != NULL) {
		direct_let_go(ws);
		direct_free(ws);
	}
	ws_slots_stop(&t->slots);
	uv_close((uv_handle_t *)&t->slots.timer, on_slots_closed);
}

/* ------------------------------------------------------------------ what callers do */

/* What fails from here on is told by `closed`. */
static void begin(struct bc_ws *ws, const struct bc_ws_target *target)
{
	struct bc_transport *t = ws->transport;
	if (ws_socket_connect(&ws->socket, &target->address) != BC_OK) {
		direct_end_words(ws, BC_WS_CONNECT_FAILED, "connect", strerror(ws->socket.error));
		ws_socket_close(&ws->socket);
	} else if (uv_poll_init(t->loop, &ws->poll, ws->socket.fd) != 0) {
		ws_socket_close(&ws->socket);
		direct_end(ws, BC_WS_CONNECT_FAILED, "the loop does not take the socket");
	}
	ws->poll.data = ws;
	if (ws->over)
		direct_end_later(ws);
	else
		direct_watch(ws);
}

/* The request, queued: it goes out when the connection is there. */
static bc_status request_queue(struct bc_ws *ws, const struct bc_ws_target *target)
{
	char request[WS_REQUEST_MAX];
	unsigned char random[16];
	const bc_status rc = ws_random_take(&ws->transport->random, random, sizeof random);
	if (rc != BC_OK)
		return rc;
	const size_t n = ws_upgrade_request(&ws->upgrade, target, random, request);
	return ws_output_raw(&ws->output, request, n);
}

static bc_status transport_connect(struct bc_transport *t, const struct bc_ws_target *target,
				   const struct bc_ws_events *events, void *self,
				   struct bc_ws **out)
{
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
	bc_status rc = ws_target_check(target, address, &port);
	if (rc != BC_OK)
		return rc;
	struct bc_ws *ws = calloc(1, sizeof *ws);
	if (ws == NULL)
		return BC_ENOMEM;
	ws->transport = t;
	ws->events = events;
	ws->self = self;
	ws->tls = target->tls;
	ws->socket.fd = -1;
	snprintf(ws->host, sizeof ws->host, "%s", target->host);
	ws_frames_init(&ws->frames, target->max_message_bytes);
	ws_output_init(&ws->output, &t->random);
	if ((rc = request_queue(ws, target)) != BC_OK ||
	    (rc = ws_slots_add(&t->slots, ws, &ws->id)) != BC_OK) {
		ws_output_free(&ws->output);
		free(ws);
		return rc;
	}
	ws_slots_deadline(&t->slots, ws->id, target->handshake_timeout_ns);
	begin(ws, target);
	*out = ws;
	return BC_OK;
}

static bc_status transport_send(struct bc_ws *ws, const char *text, size_t n)
{
	if (ws->state != WS_OPEN || ws->over)
		return BC_EINVAL;
	const bc_status rc = ws_output_text(&ws->output, text, n);
	if (rc == BC_OK)
		direct_write_now(ws);
	return rc;
}

static bc_status transport_ping(struct bc_ws *ws)
{
	if (ws->state != WS_OPEN || ws->over)
		return BC_EINVAL;
	ws_output_ping(&ws->output);
	direct_write_now(ws);
	return BC_OK;
}

static void transport_close(struct bc_ws *ws)
{
	if (ws->how_known)
		return;
	direct_how_set(ws, BC_WS_CLOSED_BY_US, "");
	if (ws->state != WS_OPEN) {
		direct_end_later(ws);
		return;
	}
	ws->state = WS_CLOSING;
	ws_output_close(&ws->output, WS_CODE_NORMAL);
	ws_slots_deadline(&ws->transport->slots, ws->id, CLOSE_LIMIT_NS);
	direct_write_now(ws);
}

static bool transport_poll(struct bc_transport *t)
{
	bool read = false;
	for (size_t i = 0; i < t->slots.n; i++) {
		struct bc_ws *ws = t->slots.at[i].id != 0 ? t->slots.at[i].ws : NULL;
		if (ws != NULL && ws->state >= WS_OPEN && !ws->over)
			read |= direct_step(ws);
	}
	return read;
}

const struct bc_transport_ops bc_transport_direct = {
	.name = "direct",
	.start = transport_start,
	.stop = transport_stop,
	.connect = transport_connect,
	.send = transport_send,
	.ping = transport_ping,
	.close = transport_close,
	.poll = transport_poll,
};
