/* peer.h - the server's end of one conformance run: a listener of its own on loopback, in the same
 * loop as the client, that does what a case says and writes down what it hears.
 *
 * It needs no pauses: a piece is followed by the next when the client's socket, which lives in this
 * process, has nothing left to read.
 *
 * Threads everything on the loop's thread. */
#ifndef BC_CONFORMANCE_PEER_H
#define BC_CONFORMANCE_PEER_H

#include "tests/conformance/cases.h"
#include "tests/conformance/notation.h"

#include <openssl/ssl.h>
#include <uv.h>

struct peer {
	const struct conformance_case *c;
	const char *says; /* c->says, or what the caller puts in its place */
	size_t split;     /* EVERY_SPLIT: cut before this byte */
	uint16_t port;

	int listen_fd, fd;
	int client_fd; /* the other end; only to be asked */
	uv_poll_t listener, socket;
	SSL_CTX *ctx; /* NULL: plain */
	SSL *tls;
	bool tls_up;

	struct script script;
	size_t at, step; /* next byte, next step */
	bool scripted, said_all, write_blocked, ended;

	bool client_open; /* the caller knows */
	bool requested, deaf, gone;
	struct sim_buffer in; /* not understood yet */
	struct sim_buffer
		heard; /* the client's frames, unmasked, close frames without their reasons */
	unsigned int n_heard;
	unsigned char mask[4]; /* of the frame before */
	bool heard_close;
	char wrong[160]; /* what a client must never do; empty: nothing */
};

/* `split` is for EVERY_SPLIT alone. Aborts where there is no socket. */
void peer_open(struct peer *p, uv_loop_t *loop, const struct conformance_case *c, size_t split,
	       SSL_CTX *ctx);
/* Goes on with the case; true: call again after a turn of the loop that does not wait. */
bool peer_step(struct peer *p);
/* Closes sockets and handles; *p may go when the loop is idle, after peer_free(). */
void peer_close(struct peer *p);
void peer_free(struct peer *p);

/* Bytes that a case sends, all in all. */
size_t case_bytes(const struct conformance_case *c);

#endif
