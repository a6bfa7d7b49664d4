/* server_ws.c - what a connection's bytes mean: requests first, then WebSocket messages. */
#include "publisher/simulator/server_internal.h"

#include <string.h>

#define IN_MAX (MESSAGE_MAX + HTTP_HEAD_MAX) /* bytes waiting to be parsed */

void *sim_conn_data(const struct sim_conn *c)
{
	return c->data;
}

void sim_conn_set_data(struct sim_conn *c, void *data)
{
	c->data = data;
}

void sim_conn_address(const struct sim_conn *conn, char out[SIM_ADDRESS_MAX])
{
	struct sockaddr_storage peer;
	int n = sizeof peer;

	out[0] = '\0';
	if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&peer, &n) == 0)
		uv_ip_name((struct sockaddr *)&peer, out, SIM_ADDRESS_MAX);
}

int64_t sim_conn_idle_ns(const struct sim_conn *c)
{
	return (int64_t)(uv_now(c->server->loop) - c->last_io_ms) * BC_NS_PER_MS;
}

void sim_conn_send(struct sim_conn *c, enum ws_opcode opcode, bc_str payload)
{
	char header[WS_HEADER_MAX];
	uint8_t first = ws_first(opcode);

	if (c->ending != NOT_ENDING || c->close_sent || c->silent)
		return;
	if (c->deflate != NULL && opcode <= WS_BINARY && payload.n >= WS_DEFLATE_FROM) {
		payload = ws_deflate_message(c->deflate, payload);
		first |= WS_COMPRESSED;
	}
	const size_t n = ws_header(first, payload.n, header);
	/* The header waits for its payload, so that both leave in one write. */
	sim_buffer_add(&c->pending, header, n);
	sim_conn_write(c, payload);
}

void sim_conn_respond(struct sim_conn *c, int status, bc_str headers, bc_str body, bool keep_alive)
{
	struct sim_buffer head = { NULL, 0, 0, false };

	if (c->ending != NOT_ENDING || c->silent)
		return;
	sim_buffer_printf(&head, "HTTP/1.1 %d %s\r\n", status, http_reason(status));
	sim_buffer_str(&head, headers);
	if (body.n > 0)
		sim_buffer_text(&head, "Content-Type: application/json;charset=UTF-8\r\n");
	sim_buffer_printf(&head, "Content-Length: %zu\r\n%s\r\n", body.n,
			  keep_alive ? "" : "Connection: close\r\n");
	sim_buffer_add(&c->pending, head.data, head.n);
	sim_conn_write(c, body);
	sim_buffer_free(&head);
	if (!keep_alive)
		sim_conn_end(c);
}

bc_status sim_conn_upgrade(struct sim_conn *c, const struct http_request *r, bc_str headers,
			   bool wrong_accept)
{
	char accept[WS_ACCEPT_MAX];
	enum ws_deflate_mode compression = c->server->compression;
	bc_status rc = ws_accept(http_header(r, "Sec-WebSocket-Key"), accept);

	if (!ws_deflate_offered(http_header(r, "Sec-WebSocket-Extensions")))
		compression = WS_DEFLATE_OFF;
	if (rc == BC_OK && compression != WS_DEFLATE_OFF)
		rc = ws_deflate_new(&c->deflate, compression);
	if (rc != BC_OK)
		return rc;
	if (wrong_accept)
		accept[0] = accept[0] == 'A' ? 'B' : 'A';
	sim_buffer_text(&c->pending, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
				     "Connection: Upgrade\r\nSec-WebSocket-Accept: ");
	sim_buffer_text(&c->pending, accept);
	sim_buffer_text(&c->pending, "\r\n");
	sim_buffer_text(&c->pending, ws_deflate_answer(compression));
	sim_buffer_str(&c->pending, headers);
	c->is_ws = true;
	sim_conn_write(c, BC_STR("\r\n"));
	return BC_OK;
}

/* ------------------------------------------------------------------ messages in */

static void on_close_frame(struct sim_conn *c, bc_str payload)
{
	if (!c->close_sent)
		sim_conn_send(c, WS_CLOSE, payload.n >= 2 ? (bc_str){ payload.p, 2 } : payload);
	sim_conn_end(c);
}

static void on_control(struct sim_conn *c, const struct ws_message *m)
{
	if (!c->close_sent && c->ending == NOT_ENDING && c->server->events.control != NULL)
		c->server->events.control(c->server->events.self, c, m->opcode, m->payload);
}

static void on_frame(struct sim_conn *c, const struct ws_message *m)
{
	switch (m->opcode) {
	case WS_TEXT:
	case WS_BINARY:
		if (!c->close_sent && c->server->events.message != NULL)
			c->server->events.message(c->server->events.self, c, m->payload);
		break;
	case WS_PING:
		sim_conn_send(c, WS_PONG, m->payload);
		on_control(c, m);
		break;
	case WS_PONG:
		on_control(c, m);
		break;
	case WS_CLOSE:
		on_close_frame(c, m->payload);
		break;
	case WS_CONTINUATION:
		break;
	}
}

/* Bytes taken; 0: more are needed, or the connection is ending. */
static size_t process_frame(struct sim_conn *c, size_t at)
{
	struct ws_message message;
	uint16_t code;
	size_t used = 0;
	bc_status rc = ws_parse(&c->parser, c->in.data + at, c->in.n - at, &used, &message, &code);

	if (rc == BC_OK) {
		on_frame(c, &message);
	} else if (rc != BC_EAGAIN) {
		c->server->counts.protocol_errors++;
		sim_conn_close(c, code);
		sim_conn_end(c);
		return 0;
	}
	return used;
}

static size_t process_request(struct sim_conn *c, size_t at)
{
	struct http_request r;
	size_t used = 0;
	int status = 0;
	bc_status rc = http_parse(c->in.data + at, c->in.n - at, &r, &used, &status);

	if (rc == BC_OK) {
		c->continued = false;
		c->server->events.request(c->server->events.self, c, &r);
	} else if (rc != BC_EAGAIN) {
		c->server->counts.protocol_errors++;
		sim_conn_respond(c, status, BC_STR(""), BC_STR(""), false);
		return 0;
	} else if (r.expects_continue && !c->continued) {
		c->continued = true;
		sim_conn_write(c, BC_STR("HTTP/1.1 100 Continue\r\n\r\n"));
	}
	return used;
}

void conn_process(struct sim_conn *c)
{
	size_t at = 0, used;

	do {
		used = c->is_ws ? process_frame(c, at) : process_request(c, at);
		at += used;
	} while (used > 0 && c->ending == NOT_ENDING && !c->silent);
	sim_buffer_drop(&c->in, at);
	if (c->in.n > IN_MAX && c->ending == NOT_ENDING)
		conn_destroy(c);
}
