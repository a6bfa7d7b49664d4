/* ws_direct_step.c - the life of a connection: what it waits for, what it tells, how it ends. */
#include "publisher/ws_direct_private.h"

#include "common/clock.h"
#include "common/log.h"
#include "publisher/http_header.h"
#include "publisher/tls_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS_A_TURN 4 /* of up to 64 KiB; then others have their turn */

/* ------------------------------------------------------------------ the end of a connection */

void direct_how_set(struct bc_ws *ws, enum bc_ws_close why, const char *detail)
{
	if (ws->how_known)
		return;
	ws->how_known = true;
	ws->how.why = why;
	snprintf(ws->detail, sizeof ws->detail, "%.*s", (int)sizeof ws->detail - 1, detail);
}

void direct_end(struct bc_ws *ws, enum bc_ws_close why, const char *detail)
{
	direct_how_set(ws, why, detail);
	ws->over = true;
}

void direct_end_words(struct bc_ws *ws, enum bc_ws_close why, const char *what, const char *detail)
{
	char text[sizeof ws->detail];
	snprintf(text, sizeof text, "%s: %s", what, detail);
	direct_end(ws, why, text);
}

void direct_end_later(struct bc_ws *ws)
{
	ws->over = true;
	ws_slots_deadline(&ws->transport->slots, ws->id, 0);
}

static void on_poll_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void direct_let_go(struct bc_ws *ws)
{
	ws_slots_remove(&ws->transport->slots, ws->id);
	if (ws->socket.fd >= 0)
		uv_poll_stop(&ws->poll);
	ws_socket_close(&ws->socket);
	ws_frames_free(&ws->frames);
	ws_inflate_free(&ws->inflate);
	ws_output_free(&ws->output);
}

void direct_free(struct bc_ws *ws)
{
	if (ws->poll.type == UV_POLL)
		uv_close((uv_handle_t *)&ws->poll, on_poll_closed);
	else
		free(ws);
}

/* Tells the caller; `ws` is gone afterwards. */
static void finish(struct bc_ws *ws)
{
	direct_let_go(ws);
	ws->how.detail = ws->detail;
	ws->events->closed(ws->self, ws, &ws->how);
	direct_free(ws);
}

static const char *waited_for(const struct bc_ws *ws)
{
	return ws->state == WS_TCP   ? "no answer to the TCP connect"
	       : ws->state == WS_TLS ? "no end to the TLS handshake"
				     : "no answer to the upgrade request";
}

void direct_on_due(void *self)
{
	struct bc_ws *ws = self;
	direct_how_set(ws, BC_WS_TIMED_OUT, waited_for(ws));
	finish(ws);
}

/* ------------------------------------------------------------------ writing */

/* Writes what can be written. A peer that is gone shows when it is read from, with the reason. */
static void flush(struct bc_ws *ws)
{
	bc_str bytes;
	while ((bytes = ws_output_next(&ws->output)).n > 0) {
		size_t n = 0;
		const enum ws_io io = ws_socket_write(&ws->socket, bytes.p, bytes.n, &n);
		if (io != WS_IO_OK) {
			ws->over |= ws->state == WS_PEER_CLOSING && io != WS_IO_AGAIN;
			return;
		}
		ws_output_wrote(&ws->output, n);
	}
	if (ws->state == WS_PEER_CLOSING && ws_output_closed(&ws->output))
		ws->over = true;
}

static void on_ready(uv_poll_t *poll, int status, int events);

void direct_watch(struct bc_ws *ws)
{
	/* A read of TLS may have to answer first (a key update). */
	const bool tls_writes = (ws->state == WS_TLS && ws->socket.tls_waits == SSL_WRITING) ||
				ws->socket.read_must_write;
	int events = UV_READABLE;
	/* What a peer says after its close frame does not count. */
	if (ws->state == WS_TCP || ws->state == WS_PEER_CLOSING || tls_writes)
		events = UV_WRITABLE;
	else if (ws->state != WS_TLS && ws_output_waiting(&ws->output))
		events |= UV_WRITABLE;
	if (events != ws->watching && uv_poll_start(&ws->poll, events, on_ready) == 0)
		ws->watching = events;
}

void direct_write_now(struct bc_ws *ws)
{
	flush(ws);
	direct_watch(ws);
}

/* RFC 6455, 7.1.7: the peer is told why, if it listens. */
static void fail(struct bc_ws *ws, enum bc_ws_close why, uint16_t code, const char *detail)
{
	ws_output_close(&ws->output, code);
	flush(ws);
	direct_end(ws, why, detail);
}

/* ------------------------------------------------------------------ connecting */

static void upgrade_begin(struct bc_ws *ws)
{
	ws->state = WS_UPGRADING;
	flush(ws);
}

static void tls_failed(struct bc_ws *ws)
{
	const long verdict = SSL_get_verify_result(ws->socket.tls);
	if (verdict != X509_V_OK)
		direct_end_words(ws, BC_WS_TLS_FAILED, "certificate",
				 X509_verify_cert_error_string(verdict));
	else
		direct_end_words(ws, BC_WS_TLS_FAILED, "TLS handshake",
				 ws->socket.error != 0 ? strerror(ws->socket.error)
						       : bc_tls_last_error());
}

static void tls_step(struct bc_ws *ws)
{
	switch (ws_socket_handshake(&ws->socket)) {
	case WS_IO_OK:
		upgrade_begin(ws);
		break;
	case WS_IO_AGAIN:
		break;
	default:
		tls_failed(ws);
	}
}

static void tcp_step(struct bc_ws *ws)
{
	switch (ws_socket_connected(&ws->socket)) {
	case WS_IO_OK:
		break;
	case WS_IO_AGAIN:
		return;
	default:
		direct_end_words(ws, BC_WS_CONNECT_FAILED, "connect", strerror(ws->socket.error));
		return;
	}
	if (!ws->tls) {
		upgrade_begin(ws);
	} else if (ws_socket_tls(&ws->socket, &ws->transport->sockets, ws->host) != BC_OK) {
		direct_end(ws, BC_WS_TLS_FAILED, "no memory");
	} else {
		ws->state = WS_TLS;
		tls_step(ws);
	}
}

static void refused(struct bc_ws *ws, const struct ws_answer *answer)
{
	char text[32];
	snprintf(text, sizeof text, "HTTP status %d", answer->status);
	direct_end(ws, BC_WS_REFUSED, text);
	ws->how.http_status = answer->status;
	ws->how.retry_after_ns = bc_http_retry_after(answer->retry_after, bc_wall_now());
}

static void opened(struct bc_ws *ws, const struct ws_answer *answer)
{
	if (answer->deflate && ws_inflate_new(&ws->inflate, answer->server_window_bits,
					      answer->server_no_context) != BC_OK) {
		direct_end(ws, BC_WS_TOO_LARGE, "no memory for compression");
		return;
	}
	ws->frames.inflate = ws->inflate;
	if (ws->tls)
		ws_frames_source(&ws->frames, ws->socket.reads_to);
	ws->state = WS_OPEN;
	bc_log_event(ws->transport->log, BC_LOG_DEBUG, "ws.opened", BC_LOG_S("host", ws->host),
		     BC_LOG_S("tls", ws->tls ? SSL_get_version(ws->socket.tls) : "none"),
		     BC_LOG_S("compression", answer->deflate ? "permessage-deflate" : "none"));
	ws_slots_no_deadline(&ws->transport->slots, ws->id);
	ws->events->opened(ws->self, ws);
}

/* What has come of the answer. */
static void answer_take(struct bc_ws *ws)
{
	struct ws_answer answer;
	size_t used;
	const bc_status rc =
		ws_upgrade_answer(&ws->upgrade, ws_frames_unread(&ws->frames), &used, &answer);
	ws_frames_skip(&ws->frames, used);
	if (rc == BC_OK)
		opened(ws, &answer);
	else if (rc == BC_EINVAL)
		refused(ws, &answer);
	else if (rc != BC_EAGAIN)
		direct_end_words(ws, BC_WS_PROTOCOL, "upgrade", answer.why);
}

/* ------------------------------------------------------------------ what comes in */

static void on_bad(struct bc_ws *ws, const struct ws_frame *frame)
{
	fail(ws, frame->code == WS_CODE_TOO_LARGE ? BC_WS_TOO_LARGE : BC_WS_PROTOCOL, frame->code,
	     frame->why);
}

static void on_peer_close(struct bc_ws *ws, const struct ws_frame *frame)
{
	if (ws->state == WS_OPEN) {
		char reason[WS_CONTROL_MAX + 1];
		snprintf(reason, sizeof reason, "%.*s", (int)frame->payload.n, frame->payload.p);
		ws->how.close_code = frame->code;
		direct_how_set(ws, BC_WS_CLOSED_BY_PEER, reason);
		ws->state = WS_PEER_CLOSING;
		ws_output_close(&ws->output, frame->code);
		ws_slots_deadline(&ws->transport->slots, ws->id, CLOSE_LIMIT_NS);
		flush(ws);
	} else {
		ws->over = true; /* the answer to ours */
	}
}

static void message_tell(struct bc_ws *ws, const struct ws_frame *frame)
{
	const bc_str next = ws_frames_peek(&ws->frames);
	if (next.n > 0 && ws->events->soon != NULL)
		ws->events->soon(ws->self, next.p, next.n);
	ws->told = true;
	ws->events->message(ws->self, ws, frame->payload.p, frame->payload.n, frame->binary,
			    frame->received);
}

static void drained_tell(struct bc_ws *ws)
{
	if (ws->told && ws->events->drained != NULL)
		ws->events->drained(ws->self);
	ws->told = false;
}

/* Only an open connection tells: the caller may close it from inside any callback. */
static void frames_deliver(struct bc_ws *ws)
{
	struct ws_frame frame;
	while (!ws->over && ws->state != WS_PEER_CLOSING) {
		const enum ws_frame_kind kind = ws_frames_next(&ws->frames, &frame);
		const bool open = ws->state == WS_OPEN;
		if (kind == WS_FRAME_NONE)
			return;
		else if (kind == WS_FRAME_MESSAGE && open)
			message_tell(ws, &frame);
		else if (kind == WS_FRAME_PING && open)
			ws_output_pong(&ws->output, frame.payload);
		else if (kind == WS_FRAME_PONG && open)
			ws->events->pong(ws->self, ws);
		else if (kind == WS_FRAME_CLOSE)
			on_peer_close(ws, &frame);
		else if (kind == WS_FRAME_BAD)
			on_bad(ws, &frame);
	}
}

static void on_io_end(struct bc_ws *ws, enum ws_io io)
{
	const int error = ws->socket.error;
	const char *detail = error == 0            ? "ended without a close frame"
			     : error == ECONNRESET ? "connection reset"
						   : strerror(error);
	if (io == WS_IO_ERROR && error == 0)
		direct_end_words(ws, BC_WS_TLS_FAILED, "TLS", bc_tls_last_error());
	else if (ws->state == WS_UPGRADING)
		direct_end(ws, BC_WS_CONNECT_FAILED, "no whole answer to the upgrade request");
	else
		direct_end(ws, BC_WS_LOST, detail);
}

/* One read, and what it brought. False: nothing more now. */
static bool receive(struct bc_ws *ws)
{
	size_t room, n = 0;
	char *to = ws_frames_room(&ws->frames, &room);
	if (to == NULL) {
		fail(ws, BC_WS_TOO_LARGE, WS_CODE_TOO_LARGE, "no memory for a message");
		return false;
	}
	const enum ws_io io = ws_socket_read(&ws->socket, to, room, &n);
	if (io == WS_IO_AGAIN)
		return false;
	if (io != WS_IO_OK) {
		on_io_end(ws, io);
		return false;
	}
	ws_frames_filled(&ws->frames, n, ws->socket.received);
	if (ws->state == WS_UPGRADING)
		answer_take(ws);
	if (ws->state != WS_UPGRADING)
		frames_deliver(ws);
	return !ws->over;
}

bool direct_step(struct bc_ws *ws)
{
	bool read = false;
	ws_socket_turn(&ws->socket, READS_A_TURN);
	if (ws->state == WS_TCP)
		tcp_step(ws);
	else if (ws->state == WS_TLS)
		tls_step(ws);
	if (!ws->over && ws->state >= WS_UPGRADING) {
		flush(ws);
		while (!ws->over && ws->state != WS_PEER_CLOSING && receive(ws))
			read = true;
		drained_tell(ws);
		if (!ws->over)
			flush(ws); /* pongs */
	}
	if (ws->over)
		finish(ws);
	else
		direct_watch(ws);
	return read;
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
	struct bc_ws *ws = poll->data;
	(void)events;
	if (status != 0)
		ws->watching = 0; /* libuv has stopped it; the socket knows what is wrong */
	direct_step(ws);
}
