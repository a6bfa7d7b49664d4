#include "publisher/ws_socket.h"

#include "common/clock.h"
#include "publisher/tls_client.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#define TLS_READ_BYTES 65536 /* OpenSSL's buffer: several of its records of 16 KiB */

/* ------------------------------------------------------------------ the system's calls */

static bool again(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static enum ws_io plain_read(struct ws_socket *s, char *out, size_t room, size_t *n)
{
	if (s->ended)
		return WS_IO_END;
	if (s->empty || s->reads_left == 0)
		return WS_IO_AGAIN;
	s->reads_left--;
	const ssize_t got = recv(s->fd, out, room, 0);
	if (got < 0) {
		s->empty = true;
		if (again(errno))
			return WS_IO_AGAIN;
		s->error = errno;
		return WS_IO_ERROR;
	}
	s->ended = got == 0;
	if (s->ended)
		return WS_IO_END;
	s->empty = (size_t)got < room;
	s->received = bc_wall_now();
	*n = (size_t)got;
	return WS_IO_OK;
}

static enum ws_io plain_write(struct ws_socket *s, const char *bytes, size_t n, size_t *done)
{
	const ssize_t sent = send(s->fd, bytes, n, MSG_NOSIGNAL);
	if (sent < 0 && again(errno))
		return WS_IO_AGAIN;
	if (sent < 0) {
		s->error = errno;
		return WS_IO_ERROR;
	}
	*done = (size_t)sent;
	return WS_IO_OK;
}

/* ------------------------------------------------------------------ OpenSSL's way to them */

static int on_bio_read(BIO *bio, char *out, int room)
{
	struct ws_socket *s = BIO_get_data(bio);
	size_t n;
	BIO_clear_retry_flags(bio);
	s->reads_to = out;
	s->tls_waits = 0;
	switch (plain_read(s, out, (size_t)room, &n)) {
	case WS_IO_OK:
		return (int)n;
	case WS_IO_AGAIN:
		BIO_set_retry_read(bio);
		s->tls_waits = SSL_READING;
		return -1;
	case WS_IO_END:
		return 0;
	default:
		return -1;
	}
}

static int on_bio_write(BIO *bio, const char *bytes, int n)
{
	struct ws_socket *s = BIO_get_data(bio);
	size_t done;
	BIO_clear_retry_flags(bio);
	s->tls_waits = 0;
	switch (plain_write(s, bytes, (size_t)n, &done)) {
	case WS_IO_OK:
		return (int)done;
	case WS_IO_AGAIN:
		BIO_set_retry_write(bio);
		s->tls_waits = SSL_WRITING;
		return -1;
	default:
		return -1;
	}
}

static long on_bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
	const struct ws_socket *s = BIO_get_data(bio);
	(void)number;
	(void)pointer;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return s->ended;
	default:
		return 0;
	}
}

bc_status ws_sockets_open(struct ws_sockets *all, const char *ca_file, struct bc_log *log)
{
	all->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bookcast");
	if (all->method == NULL)
		return BC_ENOMEM;
	BIO_meth_set_read(all->method, on_bio_read);
	BIO_meth_set_write(all->method, on_bio_write);
	BIO_meth_set_ctrl(all->method, on_bio_ctrl);
	const bc_status rc = bc_tls_client_new(&all->tls, ca_file, log);
	if (rc != BC_OK) {
		BIO_meth_free(all->method);
		return rc;
	}
	SSL_CTX_set_read_ahead(all->tls, 1);
	SSL_CTX_set_default_read_buffer_len(all->tls, TLS_READ_BYTES);
	SSL_CTX_set_mode(all->tls,
			 SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	return BC_OK;
}

void ws_sockets_close(struct ws_sockets *all)
{
	SSL_CTX_free(all->tls);
	BIO_meth_free(all->method);
}

/* ------------------------------------------------------------------ connecting */

static socklen_t size_of(const struct sockaddr_storage *address)
{
	return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

bc_status ws_socket_connect(struct ws_socket *s, const struct sockaddr_storage *address)
{
	*s = (struct ws_socket){ .fd = socket(address->ss_family,
					      SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) };
	if (s->fd >= 0) {
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		if (connect(s->fd, (const struct sockaddr *)address, size_of(address)) == 0 ||
		    errno == EINPROGRESS)
			return BC_OK;
	}
	s->error = errno;
	return BC_EIO;
}

enum ws_io ws_socket_connected(struct ws_socket *s)
{
	struct sockaddr_storage peer;
	socklen_t n = sizeof s->error, n_peer = sizeof peer;
	if (getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->error, &n) != 0)
		s->error = errno;
	if (s->error != 0)
		return WS_IO_ERROR;
	return getpeername(s->fd, (struct sockaddr *)&peer, &n_peer) == 0 ? WS_IO_OK : WS_IO_AGAIN;
}

bc_status ws_socket_tls(struct ws_socket *s, const struct ws_sockets *all, const char *host)
{
	BIO *bio = BIO_new(all->method);
	if (bio == NULL)
		return BC_ENOMEM;
	const bc_status rc = bc_tls_client_connection(&s->tls, all->tls, host);
	if (rc != BC_OK) {
		BIO_free(bio);
		return rc;
	}
	BIO_set_data(bio, s);
	BIO_set_init(bio, 1);
	SSL_set_bio(s->tls, bio, bio);
	return BC_OK;
}

/* What a call of OpenSSL that did not go well means. Not by SSL_get_error(): that wants the error
 * queue emptied before every call, which costs more than framing a message does. */
static enum ws_io tls_outcome(struct ws_socket *s)
{
	if (s->tls_waits != 0)
		return WS_IO_AGAIN;
	if ((SSL_get_shutdown(s->tls) & SSL_RECEIVED_SHUTDOWN) != 0 || (s->ended && s->error == 0))
		return WS_IO_END;
	return WS_IO_ERROR;
}

enum ws_io ws_socket_handshake(struct ws_socket *s)
{
	s->tls_waits = 0;
	return SSL_do_handshake(s->tls) == 1 ? WS_IO_OK : tls_outcome(s);
}

/* ------------------------------------------------------------------ reading and writing */

void ws_socket_turn(struct ws_socket *s, unsigned int max_reads)
{
	s->empty = false;
	s->reads_left = max_reads;
}

enum ws_io ws_socket_read(struct ws_socket *s, char *out, size_t room, size_t *n)
{
	if (s->tls == NULL)
		return plain_read(s, out, room, n);
	s->tls_waits = 0;
	const int rc = SSL_read(s->tls, out, room > INT_MAX ? INT_MAX : (int)room);
	s->read_must_write = rc <= 0 && s->tls_waits == SSL_WRITING;
	if (rc <= 0)
		return tls_outcome(s);
	*n = (size_t)rc;
	return WS_IO_OK;
}

enum ws_io ws_socket_write(struct ws_socket *s, const char *bytes, size_t n, size_t *done)
{
	if (s->tls == NULL)
		return plain_write(s, bytes, n, done);
	s->tls_waits = 0;
	const int rc = SSL_write(s->tls, bytes, n > INT_MAX ? INT_MAX : (int)n);
	if (rc <= 0)
		return tls_outcome(s);
	*done = (size_t)rc;
	return WS_IO_OK;
}

void ws_socket_close(struct ws_socket *s)
{
	if (s->tls != NULL) {
		if (SSL_is_init_finished(s->tls) && s->error == 0)
			SSL_shutdown(s->tls); /* as far as it goes without waiting */
		SSL_free(s->tls);
		s->tls = NULL;
		ERR_clear_error(); /* others in this thread go by it */
	}
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}
