/* server_internal.h - what server.c (sockets) and server_ws.c (protocol) share. */
#ifndef BC_SIM_SERVER_INTERNAL_H
#define BC_SIM_SERVER_INTERNAL_H

#include "publisher/simulator/server.h"

#define QUEUE_MAX       (64u << 20)
#define MESSAGE_MAX     (1u << 20) /* of a client */
#define LOW_WATER       (256u << 10)
#define ENCRYPT_AT_ONCE (256u << 10)
#define READ_BYTES      65536
#define END_WAIT_MS     1000 /* for the peer's part of an ending */
#define SWEEP_MS        50

struct sim_server {
	uv_loop_t *loop;
	uv_tcp_t listener;
	uv_timer_t sweep;
	struct sim_server_events events;
	struct sim_tls *tls;
	size_t max_queue_bytes;
	enum ws_deflate_mode compression;
	struct sim_server_counts counts;
	struct sim_conn *conns; /* list */
	uint32_t mute;
	int port;
	char read_buffer[READ_BYTES];
};

enum conn_ending { NOT_ENDING, END_AFTER_FLUSH, SHUT_DOWN, GONE };

struct sim_conn {
	uv_tcp_t tcp;
	uv_write_t write;
	uv_shutdown_t shutdown;
	struct sim_server *server;
	struct sim_conn *next, *previous;
	void *data;
	SSL *ssl;                  /* NULL: plain; its BIOs are memory */
	struct sim_buffer in;      /* decrypted, not yet parsed */
	struct sim_buffer pending; /* not yet encrypted, from pending_at on */
	size_t pending_at;
	struct sim_buffer flight; /* handed to the kernel */
	bool writing;
	bool is_ws, close_sent, silent, continued;
	enum conn_ending ending;
	struct ws_parser parser;
	struct ws_deflate *deflate; /* NULL: no compression was agreed on */
	uint64_t last_io_ms;
	uint64_t deadline_ms; /* 0: none */
};

/* server.c */
void conn_destroy(struct sim_conn *conn); /* now */

/* server_ws.c: parses what is in conn->in. */
void conn_process(struct sim_conn *conn);

#endif
