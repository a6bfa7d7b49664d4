#include "tests/support/ws_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 128
#define IO_LIMIT_S      60

struct ws_peer {
	struct ws_server *server;
	pthread_t thread;
	int fd;
	SSL *tls;
	bool reset;
};

struct ws_server {
	struct ws_server_options options;
	int fd;
	uint16_t port;
	pthread_t thread;
	pthread_mutex_t lock; /* over the fds of peers */
	atomic_uint n;
	struct ws_peer peers[CONNECTIONS_MAX];
};

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* ------------------------------------------------------------------ bytes */

bool ws_peer_write(struct ws_peer *peer, const void *bytes, size_t n)
{
	const char *p = bytes;
	while (n > 0) {
		const int piece = n > 1 << 20 ? 1 << 20 : (int)n;
		const ssize_t done = peer->tls != NULL
					     ? SSL_write(peer->tls, p, piece)
					     : send(peer->fd, p, (size_t)piece, MSG_NOSIGNAL);
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

bool ws_peer_text(struct ws_peer *peer, const char *text)
{
	return ws_peer_write(peer, text, strlen(text));
}

bool ws_peer_read(struct ws_peer *peer, void *bytes, size_t n)
{
	char *p = bytes;
	while (n > 0) {
		const int piece = n > 1 << 20 ? 1 << 20 : (int)n;
		const ssize_t done = peer->tls != NULL ? SSL_read(peer->tls, p, piece)
						       : recv(peer->fd, p, (size_t)piece, 0);
		if (done <= 0)
			return false;
		p += done;
		n -= (size_t)done;
	}
	return true;
}

void ws_peer_until_gone(struct ws_peer *peer)
{
	char byte;
	while (ws_peer_read(peer, &byte, 1))
		;
}

void ws_peer_reset(struct ws_peer *peer)
{
	peer->reset = true;
}

int ws_peer_fd(struct ws_peer *peer)
{
	return peer->fd;
}

SSL *ws_peer_tls(struct ws_peer *peer)
{
	return peer->tls;
}

/* ------------------------------------------------------------------ HTTP and frames */

bool ws_peer_read_head(struct ws_peer *peer, char *head, size_t cap)
{
	size_t n = 0;
	while (n + 1 < cap) {
		if (!ws_peer_read(peer, head + n, 1))
			return false;
		head[++n] = '\0';
		if (n >= 4 && memcmp(head + n - 4, "\r\n\r\n", 4) == 0)
			return true;
	}
	return false;
}

bool ws_accept_value(const char *head, char out[29])
{
	const char *key = strcasestr(head, "\r\nSec-WebSocket-Key: ");
	if (key == NULL)
		return false;
	key += strlen("\r\nSec-WebSocket-Key: ");
	char text[128];
	snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
		 (int)strcspn(key, "\r"), key);
	unsigned char hash[SHA_DIGEST_LENGTH];
	SHA1((const unsigned char *)text, strlen(text), hash);
	EVP_EncodeBlock((unsigned char *)out, hash, sizeof hash);
	return true;
}

bool ws_peer_upgrade(struct ws_peer *peer, char *head, size_t cap, const char *extra)
{
	char own[4096], accept_value[29], answer[1024];
	if (head == NULL) {
		head = own;
		cap = sizeof own;
	}
	if (!ws_peer_read_head(peer, head, cap) || !ws_accept_value(head, accept_value))
		return false;
	snprintf(answer, sizeof answer,
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		 accept_value, extra != NULL ? extra : "");
	return ws_peer_text(peer, answer);
}

bool ws_peer_frame_head(struct ws_peer *peer, uint8_t first, uint64_t n)
{
	uint8_t head[10] = { first };
	size_t size = 2;
	if (n < 126) {
		head[1] = (uint8_t)n;
	} else if (n < 65536) {
		head[1] = 126;
		size = 4;
	} else {
		head[1] = 127;
		size = 10;
	}
	for (size_t i = 2; i < size; i++)
		head[i] = (uint8_t)(n >> (8 * (size - 1 - i)));
	return ws_peer_write(peer, head, size);
}

bool ws_peer_frame(struct ws_peer *peer, uint8_t first, const void *payload, size_t n)
{
	return ws_peer_frame_head(peer, first, n) && ws_peer_write(peer, payload, n);
}

bool ws_peer_read_frame(struct ws_peer *peer, uint8_t *first, char *payload, size_t cap, size_t *n)
{
	uint8_t head[2], more[8], mask[4];
	if (!ws_peer_read(peer, head, 2))
		return false;
	*first = head[0];
	uint64_t size = head[1] & 0x7f;
	const size_t n_more = size == 126 ? 2 : size == 127 ? 8 : 0;
	if (!ws_peer_read(peer, more, n_more))
		return false;
	if (n_more > 0)
		size = 0;
	for (size_t i = 0; i < n_more; i++)
		size = size << 8 | more[i];
	if ((head[1] & 0x80) == 0 || size >= cap || !ws_peer_read(peer, mask, 4) ||
	    !ws_peer_read(peer, payload, size))
		return false;
	for (size_t i = 0; i < size; i++)
		payload[i] = (char)(payload[i] ^ mask[i & 3]);
	payload[size] = '\0';
	*n = size;
	return true;
}

/* ------------------------------------------------------------------ threads */

static void *peer_main(void *arg)
{
	struct ws_peer *peer = arg;
	struct ws_server *server = peer->server;
	bool up = true;
	if (server->options.tls != NULL && !server->options.no_tls_answer) {
		peer->tls = SSL_new(server->options.tls);
		SSL_set_fd(peer->tls, peer->fd);
		up = SSL_accept(peer->tls) == 1;
	}
	if (up)
		server->options.script(peer, server->options.arg);
	if (peer->tls != NULL) {
		if (up && !peer->reset)
			SSL_shutdown(peer->tls);
		SSL_free(peer->tls);
	}
	pthread_mutex_lock(&server->lock);
	if (peer->reset)
		setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
	close(peer->fd);
	peer->fd = -1;
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static void *accept_main(void *arg)
{
	struct ws_server *server = arg;
	for (;;) {
		const int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			return NULL;
		const unsigned int i = atomic_load(&server->n);
		must(i < CONNECTIONS_MAX, "ws_server: too many connections");
		const struct timeval limit = { IO_LIMIT_S, 0 };
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		struct ws_peer *peer = &server->peers[i];
		peer->server = server;
		peer->fd = fd;
		must(pthread_create(&peer->thread, NULL, peer_main, peer) == 0,
		     "ws_server: thread");
		atomic_store(&server->n, i + 1);
	}
}

struct ws_server *ws_server_start(const struct ws_server_options *options)
{
	struct ws_server *server = calloc(1, sizeof *server);
	must(server != NULL, "ws_server: memory");
	server->options = *options;
	signal(SIGPIPE, SIG_IGN); /* SSL_write has no MSG_NOSIGNAL */
	pthread_mutex_init(&server->lock, NULL);
	struct sockaddr_in v4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr *address = options->v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
	socklen_t n = options->v6 ? sizeof v6 : sizeof v4;
	server->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(server->fd >= 0 && bind(server->fd, address, n) == 0 &&
		     listen(server->fd, CONNECTIONS_MAX) == 0 &&
		     getsockname(server->fd, address, &n) == 0,
	     "ws_server: socket");
	server->port = ntohs(options->v6 ? v6.sin6_port : v4.sin_port);
	must(pthread_create(&server->thread, NULL, accept_main, server) == 0, "ws_server: thread");
	return server;
}

void ws_server_stop(struct ws_server **server)
{
	struct ws_server *s = *server;
	if (s == NULL)
		return;
	*server = NULL;
	shutdown(s->fd, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->fd);
	const unsigned int n = atomic_load(&s->n);
	pthread_mutex_lock(&s->lock);
	for (unsigned int i = 0; i < n; i++)
		if (s->peers[i].fd >= 0)
			shutdown(s->peers[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	for (unsigned int i = 0; i < n; i++)
		pthread_join(s->peers[i].thread, NULL);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

uint16_t ws_server_port(const struct ws_server *server)
{
	return server->port;
}

unsigned int ws_server_connections(const struct ws_server *server)
{
	return atomic_load(&((struct ws_server *)(uintptr_t)server)->n);
}
