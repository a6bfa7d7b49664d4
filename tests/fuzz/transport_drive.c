#include "tests/fuzz/transport_drive.h"

#include "tests/support/ws_server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#define FDS_MAX      64 /* of the process */
#define TURNS_MAX    100
#define END_LIMIT_NS (10 * BC_NS_PER_S)
#define SPARE_BYTES  ((size_t)2 << 20)

size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static void require(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "transport_drive: %s\n", what);
	abort();
}

static size_t heap_bytes(void)
{
	return __sanitizer_get_current_allocated_bytes != NULL
		       ? __sanitizer_get_current_allocated_bytes()
		       : 0;
}

/* ------------------------------------------------------------------ what the client is told */

static void on_opened(void *self, struct bc_ws *ws)
{
	struct drive *d = self;
	require(ws == d->ws && !d->opened && !d->closed, "opened out of turn");
	d->opened = true;
}

static void on_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
		       bc_wall_time received)
{
	struct drive *d = self;
	const uint64_t size = n;
	require(ws == d->ws && d->opened && !d->closed, "a message out of turn");
	require(n <= d->target.max_message_bytes, "a message over the cap");
	require(binary || bc_utf8_valid(bytes, n), "a text that is not UTF-8");
	require(received.ns > 0, "no receive time");
	sim_buffer_char(&d->told, binary ? 'B' : 'T');
	sim_buffer_add(&d->told, &size, sizeof size);
	sim_buffer_add(&d->told, bytes, n);
}

static void on_pong(void *self, struct bc_ws *ws)
{
	struct drive *d = self;
	require(ws == d->ws && d->opened && !d->closed, "a pong out of turn");
	sim_buffer_char(&d->told, 'P');
}

static void on_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct drive *d = self;
	require(ws == d->ws && !d->closed, "closed twice");
	require((unsigned int)how->why < BC_N_WS_CLOSES && how->detail != NULL, "no reason");
	require(d->opened || how->why != BC_WS_CLOSED_BY_PEER, "closed what was never open");
	d->closed = true;
	d->why = how->why;
	d->ws = NULL;
}

static const struct bc_ws_events events = {
	.opened = on_opened,
	.message = on_message,
	.pong = on_pong,
	.closed = on_closed,
};

/* ------------------------------------------------------------------ the server's end */

static void turn(struct drive *d)
{
	uv_run(&d->loop, UV_RUN_NOWAIT);
	if (d->heap_before > 0)
		require(heap_bytes() < d->heap_before + d->told.cap +
					       4 * d->target.max_message_bytes + SPARE_BYTES,
			"more memory than its limit allows");
}

/* Turns until the client has read all there is. */
static void settle(struct drive *d)
{
	int unread = 1;
	for (int i = 0; i < TURNS_MAX && !d->closed && unread > 0; i++) {
		turn(d);
		if (ioctl(d->client_fd, FIONREAD, &unread) != 0)
			unread = 0;
	}
}

static void drain(struct drive *d)
{
	char bytes[16384];
	while (d->fd >= 0 && recv(d->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
		;
}

static void put_out(struct drive *d, const char *bytes, size_t n)
{
	while (n > 0 && d->fd >= 0 && !d->closed) {
		const ssize_t done = send(d->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		}
		drain(d);
		if (n > 0)
			settle(d);
	}
}

static void flush(struct drive *d)
{
	const size_t n = d->n_waiting;
	d->n_waiting = 0;
	put_out(d, d->waiting, n);
}

static void say(struct drive *d, const char *bytes, size_t n, bool more_follows)
{
	if (n > sizeof d->waiting - d->n_waiting)
		flush(d);
	if (n > sizeof d->waiting) {
		put_out(d, bytes, n);
	} else if (n > 0) {
		memcpy(d->waiting + d->n_waiting, bytes, n);
		d->n_waiting += n;
	}
	if (more_follows)
		return;
	flush(d);
	settle(d);
}

static void say_frame(struct drive *d, unsigned char first, const char *payload, size_t n)
{
	char head[4] = { (char)first, (char)(n < 126 ? n : 126), (char)(n >> 8), (char)n };
	say(d, head, n < 126 ? 2 : 4, true);
	say(d, payload, n, false);
}

static void say_deflated(struct drive *d, unsigned char first, const char *payload, size_t n)
{
	unsigned char out[1024];
	z_stream z = { .next_in = (unsigned char *)(uintptr_t)payload,
		       .avail_in = (unsigned int)n,
		       .next_out = out,
		       .avail_out = sizeof out };
	if (deflateInit2(&z, 6, Z_DEFLATED, -15, 8, 0) != Z_OK)
		return;
	if (deflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_out > 0 && sizeof out - z.avail_out >= 4)
		say_frame(d, first, (const char *)out, sizeof out - z.avail_out - 4);
	deflateEnd(&z);
}

static void server_end(struct drive *d, bool rudely)
{
	flush(d);
	if (d->fd >= 0 && rudely) {
		setsockopt(d->fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 },
			   sizeof(struct linger));
		close(d->fd);
		d->fd = -1;
	} else if (d->fd >= 0) {
		shutdown(d->fd, SHUT_WR);
	}
	settle(d);
}

/* ------------------------------------------------------------------ acts */

struct input {
	const unsigned char *p, *end;
};

static unsigned int byte_of(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static const char *bytes_of(struct input *in, size_t *n)
{
	const char *bytes = (const char *)in->p;
	const size_t left = (size_t)(in->end - in->p);
	*n = *n < left ? *n : left;
	in->p += *n;
	return bytes;
}

static void act_frame(struct drive *d, struct input *in, bool deflated)
{
	const unsigned char first = (unsigned char)byte_of(in);
	size_t n = byte_of(in);
	const char *payload = bytes_of(in, &n);
	if (deflated)
		say_deflated(d, first, payload, n);
	else
		say_frame(d, first, payload, n);
}

static void act_fill(struct drive *d, struct input *in)
{
	static char fill[65536];
	const unsigned char first = (unsigned char)byte_of(in);
	const size_t n = byte_of(in) << 8;
	memset(fill, (int)byte_of(in), sizeof fill);
	say_frame(d, first, fill, n + byte_of(in));
}

static void act_client(struct drive *d, unsigned int act)
{
	if (d->ws == NULL)
		return;
	if (act < 184)
		(void)d->ops->send(d->ws, "hello", act % 6);
	else if (act < 192)
		(void)d->ops->ping(d->ws);
	else
		d->ops->close(d->ws);
	turn(d);
	drain(d);
}

static void act(struct drive *d, struct input *in, bool quiet)
{
	const unsigned int act = byte_of(in);
	size_t n = act % 64 + 1;
	if (act < 128) {
		const char *piece = bytes_of(in, &n);
		say(d, piece, n, act >= 64);
	} else if (act < 160) {
		act_frame(d, in, false);
	} else if (act < 176) {
		act_fill(d, in);
	} else if (act < 196) {
		if (!quiet)
			act_client(d, act);
	} else if (act >= 204 && act < 208) {
		server_end(d, act >= 206 && !quiet);
		in->p = in->end;
	} else if (act >= 208 && act < 216) {
		act_frame(d, in, true);
	} else {
		turn(d);
		drain(d);
	}
}

/* ------------------------------------------------------------------ one input */

static void find_client(struct drive *d)
{
	struct sockaddr_in far = { .sin_port = 0 }, own = { .sin_port = 0 };
	socklen_t n = sizeof far;
	d->client_fd = -1;
	if (getpeername(d->fd, (struct sockaddr *)&far, &n) != 0)
		return;
	for (int fd = 0; fd < FDS_MAX && d->client_fd < 0; fd++) {
		n = sizeof own;
		if (getsockname(fd, (struct sockaddr *)&own, &n) == 0 && n == sizeof own &&
		    own.sin_family == AF_INET && own.sin_port == far.sin_port)
			d->client_fd = fd;
	}
}

/* The upgrade request of the client, as text. */
static void read_request(struct drive *d, char *head, size_t cap)
{
	size_t n = 0;
	while (!d->closed && memmem(head, n, "\r\n\r\n", 4) == NULL) {
		turn(d);
		const ssize_t got = recv(d->fd, head + n, cap - 1 - n, MSG_DONTWAIT);
		n += got > 0 ? (size_t)got : 0;
	}
	head[n] = '\0';
}

static void answer(struct drive *d, struct input *in, unsigned int flags, const char *accept_value)
{
	char text[512];
	if ((flags & DRIVE_RAW_ANSWER) != 0) {
		size_t n = byte_of(in) << 8;
		n += byte_of(in);
		const char *raw = bytes_of(in, &n);
		for (size_t i = 0; i < n; i++) {
			const bool value = (unsigned char)raw[i] == 0xfe;
			say(d, value ? accept_value : raw + i, value ? strlen(accept_value) : 1,
			    true);
		}
		return;
	}
	snprintf(text, sizeof text,
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
		 "Sec-WebSocket-Accept: %s\r\n%s\r\n",
		 accept_value,
		 (flags & DRIVE_COMPRESSION) != 0
			 ? "Sec-WebSocket-Extensions: permessage-deflate\r\n"
			 : "");
	say(d, text, strlen(text), true);
}

static void begin(struct drive *d, unsigned int flags)
{
	static const size_t caps[] = { 4096, 100, 70000, (size_t)1 << 20 };
	d->opened = d->closed = false;
	d->n_waiting = 0;
	sim_buffer_clear(&d->told);
	d->target.max_message_bytes = caps[(flags & DRIVE_CAP) / 4];
	d->target.compression = (flags & DRIVE_COMPRESSION) != 0;
	d->heap_before = heap_bytes();
	require(d->ops->connect(d->transport, &d->target, &events, d, &d->ws) == BC_OK, "connect");
	while ((d->fd = accept4(d->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) < 0)
		turn(d);
	setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	find_client(d);
}

/* Whatever came, the connection ends, and is told to have ended. */
static void end(struct drive *d, bool rudely)
{
	flush(d);
	settle(d);
	server_end(d, rudely);
	const uint64_t from = uv_hrtime();
	while (!d->closed) {
		turn(d);
		drain(d);
		require(uv_hrtime() - from < (uint64_t)END_LIMIT_NS, "it never ends");
	}
	server_end(d, true); /* leaves no port in TIME_WAIT */
	turn(d);
	turn(d);
}

void drive_run(struct drive *d, const unsigned char *input, size_t n, unsigned int only_flags,
	       bool quiet)
{
	struct input in = { input, input + n };
	const unsigned int flags = byte_of(&in) & only_flags;
	char head[4096], accept_value[29];
	begin(d, flags);
	read_request(d, head, sizeof head);
	if (!d->closed) {
		require(ws_accept_value(head, accept_value), "a request without a key");
		answer(d, &in, flags, accept_value);
	}
	while (in.p < in.end && !d->closed)
		act(d, &in, quiet);
	end(d, !quiet && (flags & DRIVE_ENDS_RUDELY) != 0);
}

void drive_start(struct drive *d, const struct bc_transport_ops *ops)
{
	const struct bc_transport_options options = { .ca_file = NULL };
	struct sockaddr_in *address = (struct sockaddr_in *)&d->target.address;
	socklen_t n = sizeof *address;
	memset(d, 0, sizeof *d);
	signal(SIGPIPE, SIG_IGN);
	d->ops = ops;
	d->target.host = "127.0.0.1";
	d->target.path = "/";
	d->target.handshake_timeout_ns = 60 * BC_NS_PER_S;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	d->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	require(d->listen_fd >= 0 &&
			bind(d->listen_fd, (struct sockaddr *)address, sizeof *address) == 0 &&
			listen(d->listen_fd, 8) == 0 &&
			getsockname(d->listen_fd, (struct sockaddr *)address, &n) == 0,
		"no socket");
	d->target.port = ntohs(address->sin_port);
	uv_loop_init(&d->loop);
	require(ops->start(&d->transport, &d->loop, &options) == BC_OK, "no transport");
}
