/* socket_pair.h - both ends of a loopback connection in one thread: the exchange's, which writes
 * ready-made WebSocket frames and is never timed, and beside it a client that reads nothing but
 * bytes: the floor of what receives.
 *
 * What is written fits into the sockets' buffers, so as a rule a reader finds it there; only where
 * the kernel is busy and still has it in between do both wait, for PAIR_PATIENCE_MS at most. */
#ifndef BENCH_SOCKET_PAIR_H
#define BENCH_SOCKET_PAIR_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAIR_PATIENCE_MS 60000

struct pair_listener {
	int fd;
	uint16_t port;
};
bool pair_listen(struct pair_listener *l); /* 127.0.0.1; false: cannot */
void pair_unlisten(struct pair_listener *l);

/* The exchange's end: accept, then step() until it is open. */
struct pair_server {
	int fd;
	SSL *tls; /* NULL: in the clear */
	char head[4096];
	size_t n_head;
	bool open;
};
bool pair_accept(struct pair_server *s, const struct pair_listener *l, SSL_CTX *tls);
bool pair_server_step(struct pair_server *s); /* false: broken */
bool pair_server_write(struct pair_server *s, const char *bytes, size_t n);
void pair_server_close(struct pair_server *s);

/* The floor's end: connects and asks for the upgrade, then only reads. */
struct pair_reader {
	int fd;
	SSL *tls;
	bool asked, open;
	char *buffer;
};
bool pair_connect(struct pair_reader *r, const struct pair_listener *l, SSL_CTX *tls);
bool pair_reader_step(struct pair_reader *r);
bool pair_reader_read(struct pair_reader *r, size_t n); /* exactly n bytes, and drops them */
void pair_reader_close(struct pair_reader *r);

/* A client's context that believes everybody, and reads ahead; the caller frees it. */
SSL_CTX *pair_reader_context(void);

#endif
