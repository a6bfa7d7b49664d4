/* server.h - HTTP/1.1 and WebSocket on one port, plain or TLS, over libuv and OpenSSL.
 *
 * It frames by itself so that it can also send what no honest server would.
 *
 * Limits  a connection that has more than max_queue_bytes waiting is reset and counted; requests
 *         are bounded as http.h and ws_frame.h say; client messages at 1 MiB.
 * Life    a connection is valid until its `closed` was called; every accepted one gets it once.
 * Threads everything on the loop's thread. */
#ifndef BC_SIM_SERVER_H
#define BC_SIM_SERVER_H

#include "publisher/simulator/http.h"
#include "publisher/simulator/tls.h"
#include "publisher/simulator/ws_deflate.h"
#include "publisher/simulator/ws_frame.h"

#include <uv.h>

struct sim_server;
struct sim_conn;

struct sim_server_events {
	void *self;
	/* A whole request: answer with sim_conn_respond() or sim_conn_upgrade(), or never. */
	void (*request)(void *self, struct sim_conn *conn, const struct http_request *r);
	/* A text or binary message. Pings and closes are answered by the server. */
	void (*message)(void *self, struct sim_conn *conn, bc_str payload);
	/* A ping or pong came in; a ping was answered already. */
	void (*control)(void *self, struct sim_conn *conn, enum ws_opcode opcode, bc_str payload);
	/* The queue has become short. */
	void (*drained)(void *self, struct sim_conn *conn);
	/* Gone. */
	void (*closed)(void *self, struct sim_conn *conn);
};

struct sim_server_options {
	const char *listen;     /* "127.0.0.1:0" */
	struct sim_tls *tls;    /* NULL: plain; borrowed */
	size_t max_queue_bytes; /* 0: 64 MiB */
	enum ws_deflate_mode compression;
	struct sim_server_events events;
};

struct sim_server_counts {
	uint64_t accepted, slow, protocol_errors, bytes_out;
	size_t open;
};

/* BC_EINVAL: the address makes no sense. BC_EIO: it cannot be bound. why[cap] says more. */
bc_status sim_server_open(struct sim_server **out, uv_loop_t *loop,
			  const struct sim_server_options *options, char *why, size_t cap);
/* Closes everything at once; the loop must run until it is idle, then free. */
void sim_server_close(struct sim_server *server);
void sim_server_free(struct sim_server **server);
int sim_server_port(const struct sim_server *server);
struct sim_server_counts sim_server_counts(const struct sim_server *server);
/* The next n accepted connections are never read, not even for TLS. */
void sim_server_mute(struct sim_server *server, uint32_t n);

#define SIM_ADDRESS_MAX 64
/* Of the peer, without its port. */
void sim_conn_address(const struct sim_conn *conn, char out[SIM_ADDRESS_MAX]);
void *sim_conn_data(const struct sim_conn *conn);
void sim_conn_set_data(struct sim_conn *conn, void *data);

/* Headers are whole lines with CRLF; the length of the body is added. */
void sim_conn_respond(struct sim_conn *conn, int status, bc_str headers, bc_str body,
		      bool keep_alive);
/* Answers 101 and speaks WebSocket from now on. `wrong_accept`: with a hash that is not right. */
bc_status sim_conn_upgrade(struct sim_conn *conn, const struct http_request *r, bc_str headers,
			   bool wrong_accept);

void sim_conn_send(struct sim_conn *conn, enum ws_opcode opcode, bc_str payload);
void sim_conn_write(struct sim_conn *conn, bc_str bytes); /* as they are */
size_t sim_conn_queued(const struct sim_conn *conn);      /* bytes not yet given to the kernel */
int64_t sim_conn_idle_ns(const struct sim_conn *conn);    /* since anything was sent or received */

/* Four ways to end: a close frame and the peer's answer; what is queued, then FIN; RST at once,
 * what is queued is lost; nothing at all any more, with the socket left open. */
void sim_conn_close(struct sim_conn *conn, uint16_t code);
void sim_conn_end(struct sim_conn *conn);
void sim_conn_reset(struct sim_conn *conn);
void sim_conn_silence(struct sim_conn *conn);

#endif
