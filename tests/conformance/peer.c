#include "tests/conformance/peer.h"

#include "tests/conformance/arrived.h"
#include "tests/conformance/hear.h"
#include "tests/support/ws_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE_MAX ((size_t)1 << 20)

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	abort();
}

/* ------------------------------------------------------------------ the other end */

/* The client's socket is the one whose own address is our peer's. */
static int other_end(int fd)
{
	struct sockaddr_in far = { .sin_port = 0 }, own = { .sin_port = 0 };
	socklen_t n = sizeof far;
	struct rlimit files;
	if (getpeername(fd, (struct sockaddr *)&far, &n) != 0)
		return -1;
	getrlimit(RLIMIT_NOFILE, &files);
	const int most = files.rlim_cur < 4096 ? (int)files.rlim_cur : 4096;
	for (int other = 0; other < most; other++) {
		n = sizeof own;
		if (getsockname(other, (struct sockaddr *)&own, &n) == 0 && n == sizeof own &&
		    own.sin_family == AF_INET && own.sin_port == far.sin_port &&
		    own.sin_addr.s_addr == far.sin_addr.s_addr)
			return other;
	}
	return -1;
}

/* Whether what was sent so far has arrived and was read. */
static bool client_has_read(const struct peer *p)
{
	int unread = 0;
	if (!has_arrived(p->fd, p->client_fd))
		return false;
	return ioctl(p->client_fd, FIONREAD, &unread) != 0 || unread == 0;
}

/* ------------------------------------------------------------------ saying */

static bool is_cut(const struct peer *p, size_t at)
{
	return at > 0 && ((p->c->pieces == CHOPPED && at % p->c->chop == 0) ||
			  (p->c->pieces == EVERY_SPLIT && at == p->split));
}

static size_t piece_end(const struct peer *p)
{
	size_t end = p->script.bytes.n;
	if (p->step < p->script.n_steps && p->script.steps[p->step].at < end)
		end = p->script.steps[p->step].at;
	if (p->c->pieces == CHOPPED && end - p->at > p->c->chop - p->at % p->c->chop)
		end = p->at + p->c->chop - p->at % p->c->chop;
	if (p->c->pieces == EVERY_SPLIT && p->at < p->split && end > p->split)
		end = p->split;
	return end - p->at > PIECE_MAX ? p->at + PIECE_MAX : end;
}

static void end_direction(struct peer *p)
{
	if (p->ended)
		return;
	p->ended = true;
	if (p->tls != NULL && p->tls_up)
		SSL_shutdown(p->tls);
	shutdown(p->fd, SHUT_WR);
}

static void reset(struct peer *p)
{
	setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
	uv_poll_stop(&p->socket);
	close(p->fd);
	p->fd = -1;
	p->gone = true;
}

enum progress { GO_ON, AFTER_A_TURN, WHEN_IT_COMES };

/* Takes the steps that are due before the next byte. */
static enum progress steps_take(struct peer *p)
{
	for (; p->step < p->script.n_steps && p->script.steps[p->step].at <= p->at; p->step++) {
		const struct script_step *step = &p->script.steps[p->step];
		if (step->kind == STEP_CUT && !client_has_read(p))
			return AFTER_A_TURN;
		if (step->kind == STEP_WAIT && p->n_heard < step->n)
			return WHEN_IT_COMES;
		/* A reset may overtake what was sent: only what was read is sure. */
		if (step->kind == STEP_RST && !p->c->never_opens && !p->client_open)
			return AFTER_A_TURN;
		if (step->kind == STEP_DEAF)
			p->deaf = true;
		if (step->kind == STEP_FIN)
			end_direction(p);
		if (step->kind == STEP_RST) {
			reset(p);
			return WHEN_IT_COMES;
		}
	}
	return GO_ON;
}

/* Bytes written; 0: not now, or never again. */
static size_t write_piece(struct peer *p, const char *bytes, size_t n)
{
	ssize_t done;
	ERR_clear_error();
	if (p->tls != NULL) {
		done = SSL_write(p->tls, bytes, (int)n);
		const int error = SSL_get_error(p->tls, (int)done);
		p->write_blocked = done <= 0 && error == SSL_ERROR_WANT_WRITE;
	} else {
		done = send(p->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		p->write_blocked = done < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
	}
	if (done <= 0 && !p->write_blocked)
		p->at = p->script.bytes.n; /* the client has gone: nobody hears the rest */
	return done > 0 ? (size_t)done : 0;
}

static void on_socket(uv_poll_t *poll, int status, int events);

static void poll_again(struct peer *p)
{
	const int events = (p->deaf ? 0 : UV_READABLE) | (p->write_blocked ? UV_WRITABLE : 0);
	if (p->fd >= 0 && events != 0)
		uv_poll_start(&p->socket, events, on_socket);
	else
		uv_poll_stop(&p->socket);
}

static enum progress say(struct peer *p)
{
	while (p->fd >= 0) {
		const enum progress steps = steps_take(p);
		if (steps != GO_ON)
			return steps;
		if (p->at == p->script.bytes.n) {
			p->said_all = true;
			return WHEN_IT_COMES;
		}
		if (is_cut(p, p->at) && !client_has_read(p))
			return AFTER_A_TURN;
		const size_t n = write_piece(p, p->script.bytes.data + p->at, piece_end(p) - p->at);
		p->at += n;
		if (n == 0 && p->write_blocked)
			return WHEN_IT_COMES;
	}
	return WHEN_IT_COMES;
}

bool peer_step(struct peer *p)
{
	if (p->fd < 0 || !p->scripted || p->gone)
		return false;
	const enum progress progress = p->said_all ? WHEN_IT_COMES : say(p);
	if (p->fd >= 0 && p->said_all && p->heard_close && !p->c->mute)
		end_direction(p);
	if (p->fd >= 0)
		poll_again(p);
	return progress == AFTER_A_TURN;
}

/* ------------------------------------------------------------------ hearing */

static void script_begin(struct peer *p, const char *accept_value)
{
	script_add(&p->script, p->says, accept_value);
	p->scripted = true;
}

static void request_take(struct peer *p)
{
	char accept_value[29] = "";
	const char *end = p->in.n > 0 ? memmem(p->in.data, p->in.n, "\r\n\r\n", 4) : NULL;
	if (end == NULL)
		return;
	const size_t n = (size_t)(end - p->in.data) + 4;
	char *head = strndup(p->in.data, n);
	sim_buffer_drop(&p->in, n);
	p->requested = true;
	const char *wrong = hear_request(head, p->c, accept_value);
	if (wrong != NULL)
		snprintf(p->wrong, sizeof p->wrong, "request: %s", wrong);
	free(head);
	if (!p->c->eager)
		script_begin(p, accept_value);
}

/* False: there is nothing more for now. */
static bool socket_read(struct peer *p)
{
	char bytes[65536];
	ssize_t n;
	bool later;
	ERR_clear_error();
	if (p->tls != NULL) {
		n = SSL_read(p->tls, bytes, sizeof bytes);
		const int error = SSL_get_error(p->tls, (int)n);
		later = n <= 0 && (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE);
	} else {
		n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
		later = n < 0 && errno == EAGAIN;
	}
	if (n > 0)
		sim_buffer_add(&p->in, bytes, (size_t)n);
	else if (!later)
		p->gone = true;
	return n > 0;
}

static bool tls_ready(struct peer *p)
{
	if (p->tls == NULL || p->tls_up)
		return true;
	ERR_clear_error();
	const int rc = SSL_accept(p->tls);
	const int error = SSL_get_error(p->tls, rc);
	p->tls_up = rc == 1;
	if (rc != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
		p->gone = true;
	return p->tls_up;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct peer *p = poll->data;
	(void)status;
	if ((events & UV_WRITABLE) != 0)
		p->write_blocked = false;
	if (p->deaf || !tls_ready(p)) {
		poll_again(p);
		return;
	}
	if (p->c->eager && !p->scripted)
		script_begin(p, "");
	while (socket_read(p))
		;
	if (!p->requested)
		request_take(p);
	if (p->requested)
		hear_frames(p);
	poll_again(p);
	if (p->gone)
		uv_poll_stop(&p->socket);
}

static void on_listener(uv_poll_t *poll, int status, int events)
{
	struct peer *p = poll->data;
	(void)status;
	(void)events;
	p->fd = accept4(p->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (p->fd < 0)
		return;
	uv_poll_stop(poll);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	p->client_fd = other_end(p->fd);
	if (p->ctx != NULL) {
		p->tls = SSL_new(p->ctx);
		SSL_set_mode(p->tls,
			     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
		SSL_set_fd(p->tls, p->fd);
	} else if (p->c->eager) {
		script_begin(p, "");
	}
	must(uv_poll_init(poll->loop, &p->socket, p->fd) == 0, "conformance: poll");
	p->socket.data = p;
	poll_again(p);
}

/* ------------------------------------------------------------------ begin and end */

void peer_open(struct peer *p, uv_loop_t *loop, const struct conformance_case *c, size_t split,
	       SSL_CTX *ctx)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof address;
	*p = (struct peer){
		.c = c, .says = c->says, .split = split, .ctx = ctx, .fd = -1, .client_fd = -1
	};
	p->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	must(p->listen_fd >= 0 && bind(p->listen_fd, (struct sockaddr *)&address, n) == 0 &&
		     listen(p->listen_fd, 1) == 0 &&
		     getsockname(p->listen_fd, (struct sockaddr *)&address, &n) == 0,
	     "conformance: socket");
	p->port = ntohs(address.sin_port);
	must(uv_poll_init(loop, &p->listener, p->listen_fd) == 0, "conformance: poll");
	p->listener.data = p;
	uv_poll_start(&p->listener, UV_READABLE, on_listener);
}

void peer_close(struct peer *p)
{
	if (p->socket.data != NULL)
		uv_close((uv_handle_t *)&p->socket, NULL);
	uv_close((uv_handle_t *)&p->listener, NULL);
	SSL_free(p->tls);
	p->tls = NULL;
	if (p->fd >= 0)
		close(p->fd);
	close(p->listen_fd);
	p->fd = -1;
	script_free(&p->script);
	sim_buffer_free(&p->in);
}

void peer_free(struct peer *p)
{
	sim_buffer_free(&p->heard);
}

size_t case_bytes(const struct conformance_case *c)
{
	struct script script = { .n_steps = 0 };
	script_add(&script, c->says, "0123456789012345678901234567");
	const size_t n = script.bytes.n;
	script_free(&script);
	return n;
}
