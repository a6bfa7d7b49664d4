/* ws_client.h - drives one connection of a transport in a test and writes down what it tells, one
 * line an event, so that a test compares one string. Include in a test file only. */
#ifndef BC_TEST_WS_CLIENT_H
#define BC_TEST_WS_CLIENT_H

#include "publisher/transport.h"
#include "tests/support/test_ca.h"
#include "tests/support/ws_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_NS  (60 * BC_NS_PER_S) /* for what must happen at all */
#define CAP_BYTES (4u << 20)

#ifndef TRANSPORT
#error "which transport is tried comes from the build"
#endif

/* Where the two are told apart, the test says why. */
static inline bool is_lws(void)
{
	return strcmp(TRANSPORT.name, "lws") == 0;
}

struct client {
	uv_loop_t loop;
	uv_timer_t tick, limit;
	struct bc_transport *transport;
	struct bc_ws *ws;
	struct bc_ws_closed how;
	char detail[200];
	bc_wall_time received;
	unsigned int n_opened, n_messages, n_pongs, n_closed;
	const char *soon[2];     /* where this message was said to be, and the next one is */
	unsigned int n_foreseen; /* and were there */
	bool undrained;          /* a message came, and not yet that it was the last of a read */
	size_t last_size;
	uint64_t sum; /* over the bytes of the last message */
	size_t n_told;
	char told[4096];
	void (*on_message)(struct client *c);
	void (*on_opened)(struct client *c);
};

static inline void told(struct client *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline void told(struct client *c, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	const int n = vsnprintf(c->told + c->n_told, sizeof c->told - c->n_told, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < sizeof c->told - c->n_told)
		c->n_told += (size_t)n;
}

static inline uint64_t sum_of(const char *bytes, size_t n)
{
	uint64_t sum = n;
	for (size_t i = 0; i < n; i++)
		sum = sum * 31 + (unsigned char)bytes[i];
	return sum;
}

static void client_opened(void *self, struct bc_ws *ws)
{
	struct client *c = self;
	cr_assert_eq(ws, c->ws);
	c->n_opened++;
	told(c, "opened\n");
	if (c->on_opened != NULL)
		c->on_opened(c);
}

static void client_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
			   bc_wall_time received)
{
	struct client *c = self;
	cr_assert_eq(ws, c->ws);
	c->n_messages++;
	c->n_foreseen += bytes == c->soon[0];
	c->soon[0] = c->soon[1];
	c->soon[1] = NULL;
	c->undrained = true;
	c->received = received;
	c->last_size = n;
	c->sum = sum_of(bytes, n);
	if (n <= 64)
		told(c, "%s %.*s\n", binary ? "binary" : "text", (int)n, bytes);
	else
		told(c, "%s of %zu\n", binary ? "binary" : "text", n);
	if (c->on_message != NULL)
		c->on_message(c);
}

static void client_soon(void *self, const char *bytes, size_t n)
{
	struct client *c = self;
	cr_assert_gt(n, 0);
	c->soon[1] = bytes;
}

static void client_drained(void *self)
{
	struct client *c = self;
	cr_expect(c->undrained, "there was a message");
	c->undrained = false;
}

static void client_pong(void *self, struct bc_ws *ws)
{
	struct client *c = self;
	cr_assert_eq(ws, c->ws);
	c->n_pongs++;
	told(c, "pong\n");
}

static void client_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct client *c = self;
	cr_assert_eq(ws, c->ws);
	c->n_closed++;
	cr_expect_not(c->undrained, "before the end, too");
	c->how = *how;
	snprintf(c->detail, sizeof c->detail, "%s", how->detail);
	c->how.detail = c->detail;
	c->ws = NULL;
	told(c, "closed %s\n", bc_ws_close_word(how->why));
}

static const struct bc_ws_events client_events = {
	.opened = client_opened,
	.message = client_message,
	.soon = client_soon,
	.drained = client_drained,
	.pong = client_pong,
	.closed = client_closed,
};

static inline void client_start(struct client *c, const char *ca_file)
{
	memset(c, 0, sizeof *c);
	cr_assert_eq(uv_loop_init(&c->loop), 0);
	uv_timer_init(&c->loop, &c->tick);
	uv_timer_init(&c->loop, &c->limit);
	/* The system's store is read at each start: an empty one, or that is most of a test. */
	if (ca_file == NULL)
		setenv("SSL_CERT_FILE", "/dev/null", 1);
	const struct bc_transport_options options = { .ca_file = ca_file };
	cr_assert_eq(TRANSPORT.start(&c->transport, &c->loop, &options), BC_OK);
}

/* Ends the poll of a turn whose timers came before it. */
static void client_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void client_late(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

/* Runs the loop until *counter is at least n; false: not within limit_ns by a timer of the loop,
 * and 20 turns. So what a process that stood still should have done meanwhile is not late: its
 * timers come in their order. */
static inline bool client_within(struct client *c, const unsigned int *counter, unsigned int n,
				 int64_t limit_ns)
{
	bool late = false;
	int turns = 0;
	uv_update_time(&c->loop);
	c->limit.data = &late;
	uv_timer_start(&c->limit, client_late, (uint64_t)(limit_ns / BC_NS_PER_MS), 0);
	uv_timer_start(&c->tick, client_tick, 5, 5);
	while (*counter < n && (!late || turns++ < 20)) {
		uv_run(&c->loop, UV_RUN_ONCE);
		cr_assert_not(c->undrained, "the loop waits, and nobody was told");
	}
	uv_timer_stop(&c->tick);
	uv_timer_stop(&c->limit);
	return *counter >= n;
}

static inline bool client_until(struct client *c, const unsigned int *counter, unsigned int n)
{
	return client_within(c, counter, n, LIMIT_NS);
}

/* Stops the transport; then nothing of it may be left in the loop. */
static inline void client_stop(struct client *c)
{
	TRANSPORT.stop(&c->transport);
	cr_assert_null(c->transport);
	uv_close((uv_handle_t *)&c->tick, NULL);
	uv_close((uv_handle_t *)&c->limit, NULL);
	uv_run(&c->loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&c->loop), 0, "handles are left in the loop");
}

static inline struct bc_ws_target target_of(uint16_t port, bool tls)
{
	struct bc_ws_target target = {
		.host = TEST_HOST,
		.port = port,
		.path = "/feed",
		.tls = tls,
		.max_message_bytes = CAP_BYTES,
		.handshake_timeout_ns = LIMIT_NS,
	};
	struct sockaddr_in *address = (struct sockaddr_in *)&target.address;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons(port);
	return target;
}

static inline void client_connect_to(struct client *c, const struct bc_ws_target *target)
{
	cr_assert_eq(TRANSPORT.connect(c->transport, target, &client_events, c, &c->ws), BC_OK);
	cr_assert_eq(c->n_told, 0, "a callback from inside connect()");
}

static inline void client_connect(struct client *c, const struct ws_server *server, bool tls)
{
	const struct bc_ws_target target = target_of(ws_server_port(server), tls);
	client_connect_to(c, &target);
}

static inline void client_send(struct client *c, const char *text)
{
	cr_assert_eq(TRANSPORT.send(c->ws, text, strlen(text)), BC_OK);
}

/* One connection from start to stop against one script: what was told, in `c`. */
static inline void client_run(struct client *c, void (*script)(struct ws_peer *, void *), void *arg)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = script, .arg = arg });
	client_start(c, NULL);
	client_connect(c, server, false);
	cr_expect(client_until(c, &c->n_closed, 1), "not closed in time; told:\n%s", c->told);
	client_stop(c);
	ws_server_stop(&server);
	cr_expect_leq(c->n_closed, 1);
}

/* ------------------------------------------------------------------ scripts for several tests */

static inline void serve_echo(struct ws_peer *peer, void *arg)
{
	(void)arg;
	uint8_t first;
	char text[70000];
	size_t n;
	if (!ws_peer_upgrade(peer, NULL, 0, NULL))
		return;
	while (ws_peer_read_frame(peer, &first, text, sizeof text, &n))
		if (!ws_peer_frame(peer, first, text, n) || first == 0x88)
			return;
}

/* Literals may hold NUL. */
struct bytes {
	const char *bytes;
	size_t n;
};

#define BYTES(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

/* Upgrades, sends arg's bytes as they are and leaves the socket open. */
static inline void serve_bytes(struct ws_peer *peer, void *arg)
{
	const struct bytes *b = arg;
	if (ws_peer_upgrade(peer, NULL, 0, NULL) && ws_peer_write(peer, b->bytes, b->n))
		ws_peer_until_gone(peer);
}

static inline void serve_nothing(struct ws_peer *peer, void *arg)
{
	(void)arg;
	ws_peer_until_gone(peer);
}

static inline void say_hello(struct client *c)
{
	client_send(c, "hello");
	client_send(c, "again");
}

#endif
