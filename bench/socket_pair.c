#include "bench/socket_pair.h"

#include "publisher/simulator/ws_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				     .sin_port = htons(port) };
}

bool pair_listen(struct pair_listener *l)
{
	struct sockaddr_in address = loopback(0);
	socklen_t n = sizeof address;
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&address, n) != 0 ||
	    listen(l->fd, 4) != 0 || getsockname(l->fd, (struct sockaddr *)&address, &n) != 0)
		return false;
	l->port = ntohs(address.sin_port);
	return true;
}

void pair_unlisten(struct pair_listener *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* n > 0, 0: not now, -1: over. */
static ssize_t some(int fd, SSL *tls, char *bytes, size_t n, bool writing)
{
	if (tls != NULL) {
		const int rc =
			writing ? SSL_write(tls, bytes, (int)n) : SSL_read(tls, bytes, (int)n);
		if (rc > 0)
			return rc;
		const int error = SSL_get_error(tls, rc);
		return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
	}
	const ssize_t rc = writing ? send(fd, bytes, n, MSG_NOSIGNAL) : recv(fd, bytes, n, 0);
	return rc > 0 ? rc : rc < 0 && errno == EAGAIN ? 0 : -1;
}

/* False: it is not in time. */
static bool wait_for(int fd, short events)
{
	struct pollfd item = { .fd = fd, .events = events };
	return poll(&item, 1, PAIR_PATIENCE_MS) == 1;
}

/* ------------------------------------------------------------------ the exchange's end */

bool pair_accept(struct pair_server *s, const struct pair_listener *l, SSL_CTX *tls)
{
	*s = (struct pair_server){ .fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) };
	if (s->fd < 0)
		return false;
	setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (tls != NULL) {
		if ((s->tls = SSL_new(tls)) == NULL || SSL_set_fd(s->tls, s->fd) != 1)
			return false;
		SSL_set_accept_state(s->tls);
	}
	return true;
}

static bool answer(struct pair_server *s)
{
	static const char name[] = "Sec-WebSocket-Key: ";
	char accept[WS_ACCEPT_MAX], text[256];
	const char *key = strcasestr(s->head, name);
	if (key == NULL)
		return false;
	key += sizeof name - 1;
	if (ws_accept((bc_str){ key, strcspn(key, "\r") }, accept) != BC_OK)
		return false;
	const int n = snprintf(text, sizeof text,
			       "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			       "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			       accept);
	s->open = true;
	return pair_server_write(s, text, (size_t)n);
}

bool pair_server_step(struct pair_server *s)
{
	const ssize_t n =
		some(s->fd, s->tls, s->head + s->n_head, sizeof s->head - 1 - s->n_head, false);
	if (n < 0 || s->n_head + (size_t)n + 1 >= sizeof s->head)
		return false;
	s->n_head += (size_t)n;
	s->head[s->n_head] = '\0';
	return strstr(s->head, "\r\n\r\n") == NULL || answer(s);
}

bool pair_server_write(struct pair_server *s, const char *bytes, size_t n)
{
	while (n > 0) {
		const ssize_t done = some(s->fd, s->tls, (char *)(uintptr_t)bytes, n, true);
		if (done < 0 || (done == 0 && !wait_for(s->fd, POLLOUT)))
			return false;
		bytes += done;
		n -= (size_t)done;
	}
	return true;
}

void pair_server_close(struct pair_server *s)
{
	SSL_free(s->tls);
	if (s->fd >= 0)
		close(s->fd);
	*s = (struct pair_server){ .fd = -1 };
}

/* ------------------------------------------------------------------ the floor's end */

SSL_CTX *pair_reader_context(void)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	if (tls != NULL) {
		SSL_CTX_set_read_ahead(tls, 1);
		SSL_CTX_set_default_read_buffer_len(tls, READ_BYTES);
	}
	return tls;
}

bool pair_connect(struct pair_reader *r, const struct pair_listener *l, SSL_CTX *tls)
{
	const struct sockaddr_in address = loopback(l->port);
	*r = (struct pair_reader){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0),
				   .buffer = malloc(READ_BYTES) };
	if (r->fd < 0 || r->buffer == NULL ||
	    (connect(r->fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
	     errno != EINPROGRESS))
		return false;
	setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (tls != NULL) {
		if ((r->tls = SSL_new(tls)) == NULL || SSL_set_fd(r->tls, r->fd) != 1)
			return false;
		SSL_set_connect_state(r->tls);
	}
	return true;
}

bool pair_reader_step(struct pair_reader *r)
{
	static char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
				"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	ssize_t n;
	if (!r->asked) {
		n = some(r->fd, r->tls, request, sizeof request - 1, true);
		r->asked = n > 0;
	} else {
		n = some(r->fd, r->tls, r->buffer, READ_BYTES, false);
		r->open = n > 0; /* an answer on loopback comes whole */
	}
	return n >= 0;
}

bool pair_reader_read(struct pair_reader *r, size_t n)
{
	while (n > 0) {
		const ssize_t got = some(r->fd, r->tls, r->buffer, READ_BYTES, false);
		if (got < 0 || (size_t)got > n || (got == 0 && !wait_for(r->fd, POLLIN)))
			return false;
		n -= (size_t)got;
	}
	return true;
}

void pair_reader_close(struct pair_reader *r)
{
	SSL_free(r->tls);
	if (r->fd >= 0)
		close(r->fd);
	free(r->buffer);
	*r = (struct pair_reader){ .fd = -1 };
}
