/* load_conn.c - bytes of one connection, plain or TLS; never blocks but where it is told to. */
#include "bench/load.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES    65536
#define MESSAGE_MAX   (1u << 20)
#define STUCK_AFTER_S 60 /* a peer that takes nothing for so long is gone */

bool load_conn_accept(struct load_conn *c, int listener, SSL_CTX *tls)
{
	int one = 1;
	*c = (struct load_conn){ .fd = accept4(listener, NULL, NULL,
					       SOCK_NONBLOCK | SOCK_CLOEXEC) };
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	ws_parser_init(&c->parser, MESSAGE_MAX);
	if (tls == NULL)
		return true;
	if ((c->ssl = SSL_new(tls)) == NULL || SSL_set_fd(c->ssl, c->fd) != 1) {
		load_conn_close(c);
		return false;
	}
	SSL_set_accept_state(c->ssl);
	return true;
}

void load_conn_close(struct load_conn *c)
{
	SSL_free(c->ssl);
	close(c->fd);
	sim_buffer_free(&c->in);
	ws_parser_free(&c->parser);
}

static enum load_read read_tls(struct load_conn *c, char *to, size_t *n)
{
	int got = SSL_read_ex(c->ssl, to, READ_BYTES, n);
	int error = got == 1 ? SSL_ERROR_NONE : SSL_get_error(c->ssl, got);
	if (got == 1)
		return LOAD_SOME;
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? LOAD_NONE
									     : LOAD_GONE;
}

static enum load_read read_plain(struct load_conn *c, char *to, size_t *n)
{
	ssize_t got = read(c->fd, to, READ_BYTES);
	*n = got > 0 ? (size_t)got : 0;
	if (got > 0)
		return LOAD_SOME;
	return got < 0 && (errno == EAGAIN || errno == EINTR) ? LOAD_NONE : LOAD_GONE;
}

enum load_read load_conn_read(struct load_conn *c)
{
	size_t n = 0;
	if (!sim_buffer_reserve(&c->in, READ_BYTES))
		return LOAD_GONE;
	char *to = c->in.data + c->in.n;
	enum load_read outcome = c->ssl != NULL ? read_tls(c, to, &n) : read_plain(c, to, &n);
	c->in.n += n;
	return outcome;
}

/* Bytes taken; 0: wait for *events; negative: gone. */
static ssize_t write_some(struct load_conn *c, const char *bytes, size_t n, short *events)
{
	size_t taken = 0;
	*events = POLLOUT;
	if (c->ssl == NULL) {
		ssize_t k = send(c->fd, bytes, n, MSG_NOSIGNAL);
		return k >= 0 ? k : errno == EAGAIN || errno == EINTR ? 0 : -1;
	}
	int done = SSL_write_ex(c->ssl, bytes, n, &taken);
	if (done == 1)
		return (ssize_t)taken;
	int error = SSL_get_error(c->ssl, done);
	if (error == SSL_ERROR_WANT_READ)
		*events = POLLIN;
	return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
}

bool load_conn_write(struct load_conn *c, const char *bytes, size_t n, int64_t *began)
{
	while (n > 0) {
		short events;
		*began = line_now();
		ssize_t k = write_some(c, bytes, n, &events);
		if (k < 0)
			return false;
		bytes += k;
		n -= (size_t)k;
		if (k == 0) {
			struct pollfd p = { c->fd, events, 0 };
			if (poll(&p, 1, STUCK_AFTER_S * 1000) == 0)
				return false;
		}
	}
	return true;
}
