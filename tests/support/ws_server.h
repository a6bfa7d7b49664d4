/* ws_server.h - a WebSocket and HTTP server for tests that does exactly what its script says, down
 * to the byte: it frames nothing unless told to, so it can also break every rule.
 *
 * Each accepted connection runs `script` in a thread of its own, on a blocking socket; a read or
 * write that takes over 60 s fails. The connection is closed when the script returns. A script
 * that reads until the client goes away ends at the latest when the server stops. */
#ifndef BC_TEST_WS_SERVER_H
#define BC_TEST_WS_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ws_server;
struct ws_peer;

struct ws_server_options {
	SSL_CTX *tls;       /* NULL: plain; borrowed */
	bool no_tls_answer; /* accepts TCP and leaves the TLS handshake to the script */
	bool v6;
	void (*script)(struct ws_peer *peer, void *arg);
	void *arg;
};

struct ws_server *
ws_server_start(const struct ws_server_options *options); /* aborts if it cannot */
void ws_server_stop(struct ws_server **server); /* ends all connections, joins all threads */
uint16_t ws_server_port(const struct ws_server *server);
unsigned int ws_server_connections(const struct ws_server *server); /* accepted so far */

/* For scripts. All give false when the peer is gone (or took too long). */
bool ws_peer_write(struct ws_peer *peer, const void *bytes, size_t n);
bool ws_peer_text(struct ws_peer *peer, const char *text);
bool ws_peer_read(struct ws_peer *peer, void *bytes, size_t n);
/* The head of one HTTP request, with its empty line, as text. */
bool ws_peer_read_head(struct ws_peer *peer, char *head, size_t cap);
/* Reads a request and answers it with 101; `head` may be NULL. `extra`: more header lines. */
bool ws_peer_upgrade(struct ws_peer *peer, char *head, size_t cap, const char *extra);
/* The value of Sec-WebSocket-Accept for the request in `head`, 28 characters and a NUL. */
bool ws_accept_value(const char *head, char out[29]);
/* One frame, not masked; `first` is the whole first byte (0x81: one text message). */
bool ws_peer_frame(struct ws_peer *peer, uint8_t first, const void *payload, size_t n);
bool ws_peer_frame_head(struct ws_peer *peer, uint8_t first, uint64_t n);
/* The client's next frame, unmasked, NUL terminated; larger than cap - 1 is a failure. */
bool ws_peer_read_frame(struct ws_peer *peer, uint8_t *first, char *payload, size_t cap, size_t *n);
void ws_peer_until_gone(struct ws_peer *peer); /* reads and drops until the client has closed */
void ws_peer_reset(struct ws_peer *peer);      /* RST instead of FIN when the script returns */
int ws_peer_fd(struct ws_peer *peer);
SSL *ws_peer_tls(struct ws_peer *peer); /* NULL: plain */

#endif
