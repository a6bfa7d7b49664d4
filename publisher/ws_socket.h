/* ws_socket.h - one TCP connection, with TLS or in the clear, that is never asked in vain: a read
 * that brought less than it could has emptied the socket, so the next one costs no system call.
 *
 *   ws_socket_turn(&s);                      it may be readable again
 *   while (ws_socket_read(&s, p, room, &n) == WS_IO_OK) ...
 *
 * Under TLS one recv(2) fetches up to 64 KiB for OpenSSL, which is many records.
 *
 * Threads everything on the loop's thread. */
#ifndef BC_WS_SOCKET_H
#define BC_WS_SOCKET_H

#include "proto/value.h"

#include <openssl/ssl.h>
#include <sys/socket.h>

struct bc_log;

/* What all connections of a transport share. */
struct ws_sockets {
	SSL_CTX *tls;
	BIO_METHOD *method;
};

struct ws_socket {
	int fd;        /* -1: closed */
	SSL *tls;      /* NULL: in the clear */
	bool empty;    /* until the next turn */
	bool ended;    /* the peer has sent its FIN */
	int tls_waits; /* SSL_READING or SSL_WRITING: what OpenSSL was last told to wait for */
	bool read_must_write;    /* a read has to answer the peer (KeyUpdate) before it goes on */
	int error;               /* errno of what failed; 0: nothing */
	unsigned int reads_left; /* of this turn */
	bc_wall_time received;   /* when the last bytes came from the socket */
	const char *reads_to;    /* where OpenSSL had them put; NULL: in the clear */
};

enum ws_io {
	WS_IO_OK,
	WS_IO_AGAIN, /* nothing now */
	WS_IO_END,   /* nothing any more: FIN, or TLS said so */
	WS_IO_ERROR, /* s->error, or 0 and OpenSSL knows (bc_tls_last_error()) */
};

/* BC_EIO: the store cannot be read; logged. */
bc_status ws_sockets_open(struct ws_sockets *all, const char *ca_file, struct bc_log *log);
void ws_sockets_close(struct ws_sockets *all);

/* Begins to connect. BC_EIO: it failed at once, s->error. */
bc_status ws_socket_connect(struct ws_socket *s, const struct sockaddr_storage *address);
/* Once it is writable: whether it is connected, or s->error. */
enum ws_io ws_socket_connected(struct ws_socket *s);
/* On a connected one; ws_socket_handshake() until it is done. BC_ENOMEM. */
bc_status ws_socket_tls(struct ws_socket *s, const struct ws_sockets *all, const char *host);
enum ws_io ws_socket_handshake(struct ws_socket *s);

/* At most max_reads system calls from here on until the next turn. */
void ws_socket_turn(struct ws_socket *s, unsigned int max_reads);
enum ws_io ws_socket_read(struct ws_socket *s, char *out, size_t room, size_t *n);
enum ws_io ws_socket_write(struct ws_socket *s, const char *bytes, size_t n, size_t *done);
void ws_socket_close(struct ws_socket *s);

#endif
