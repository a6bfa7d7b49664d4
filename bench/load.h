/* load.h - the exchange that loads: what its files share.
 *
 * It answers as the simulated exchange does (REST, subscriptions, what a frame looks like), by the
 * same code (publisher/simulator: face, market, http, ws_frame, tls). Its sockets are its own: the
 * simulator's server queues and copies every frame, so that it can send what no honest server
 * would, and would be what is measured. Here a frame is ready beforehand; its number and time are
 * patched in, and it is written.
 *
 * Threads one. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/line.h"
#include "publisher/simulator/face.h"

#include <openssl/ssl.h>

/* ------------------------------------------------------------------ frames (load_frames.c) */

struct load_patch { /* digits in a frame that are written anew each time; n 0: there are none */
	uint32_t at, n;
};

struct load_frame {
	char *bytes; /* with its WebSocket header */
	uint32_t n;
	struct load_patch mark, time, number;
};

struct load_frames {
	struct load_frame *all;
	size_t n, cap;
	enum ws_opcode opcode;
};

/* Takes a message of the exchange, if it has a place for a mark; false: out of memory. */
bool load_frames_add(struct load_frames *f, bc_str payload);
void load_frames_free(struct load_frames *f);
/* Says which message this is, when, and the how many-th of all frames ever sent. */
void load_frame_set(const struct load_frame *f, int64_t mark, int64_t wall_ms, uint64_t number);

/* ------------------------------------------------------------------ bytes (load_conn.c) */

struct load_conn {
	int fd;
	SSL *ssl; /* NULL: plain */
	bool shaken, is_ws;
	struct sim_buffer in;
	struct ws_parser parser;
	void *session; /* the face's */
};

enum load_read { LOAD_SOME, LOAD_NONE, LOAD_GONE };

/* Takes the next connection; false: there is none. */
bool load_conn_accept(struct load_conn *c, int listener, SSL_CTX *tls);
void load_conn_close(struct load_conn *c);
enum load_read load_conn_read(struct load_conn *c); /* appends to in */
/* Waits until all is written. *began: when the call began that took the last byte. */
bool load_conn_write(struct load_conn *c, const char *bytes, size_t n, int64_t *began);

/* ------------------------------------------------------------------ the exchange (load.c) */

#define LOAD_MAX_CONNS 16

struct load {
	const struct line_child *child;
	const struct line_plan *plan;
	struct line_shared *shared;
	const struct sim_face *face;
	void *face_state;
	struct market *market;
	bc_wall_time market_time; /* up to here it has been made */
	size_t n_symbols;
	uint32_t crossed; /* faults: never */
	int listener;
	struct sim_tls *tls;
	struct load_conn conns[LOAD_MAX_CONNS];
	size_t n_conns;
	struct load_conn *feed; /* who subscribed; NULL: nobody yet */
	size_t n_books;         /* first books that were told */
	struct load_frames frames;
	uint64_t number; /* frames sent */
	char *batch;     /* per_write frames, one after the other */
};

void load_turn(struct load *l, int timeout_ms); /* whoever connects, asks, pings */

/* Sends messages first to last by the plan (load_stream.c); `warm`: slowly, and marked so. */
void load_send(struct load *l, int64_t first, int64_t last);
void load_warm_up(struct load *l);

#endif
