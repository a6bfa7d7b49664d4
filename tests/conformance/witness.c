/* witness.c - the direct transport against a server that is not ours: lws_echo.h. Exit status: 0
 * when each talk went as it should. */
#include "publisher/transport.h"
#include "tests/conformance/lws_echo.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_NS    (60 * BC_NS_PER_S)
#define MESSAGE_MAX ((size_t)2 << 20)

struct talk {
	const char *path;
	bool deflate;
	bool says;           /* sends each text, and waits for it to come back */
	bool pings;          /* and pings once; lws answers one of several that come together */
	unsigned int n_told; /* messages that must come */
	unsigned int n_pongs_of_ours;
	enum bc_ws_close why;
	uint16_t code, code_told; /* of the server's close frame; what the server is told */
	const char *detail;
};

static const struct talk talks[] = {
	{ .path = "/echo", .says = true, .n_told = LWS_ECHO_LENGTHS, .code_told = 1000 },
	{ .path = "/echo",
	  .says = true,
	  .pings = true,
	  .n_told = LWS_ECHO_LENGTHS,
	  .code_told = 1000 },
	{ .path = "/fragments", .says = true, .n_told = LWS_ECHO_LENGTHS, .code_told = 1000 },
	{ .path = "/pings",
	  .says = true,
	  .n_told = LWS_ECHO_LENGTHS,
	  .code_told = 1000,
	  .n_pongs_of_ours = LWS_ECHO_LENGTHS },
	{ .path = "/closes",
	  .says = true,
	  .why = BC_WS_CLOSED_BY_PEER,
	  .code = 4001,
	  .detail = "enough" },
	{ .path = "/stream",
	  .n_told = LWS_ECHO_LENGTHS,
	  .why = BC_WS_CLOSED_BY_PEER,
	  .code = 1000 },
	{ .path = "/stream",
	  .deflate = true,
	  .n_told = LWS_ECHO_LENGTHS,
	  .why = BC_WS_CLOSED_BY_PEER,
	  .code = 1000 },
};

struct client {
	const struct talk *talk;
	struct bc_ws *ws;
	unsigned int n_told, n_pongs, n_closed;
	struct bc_ws_closed how;
	char detail[64], text[MESSAGE_MAX];
	const char *wrong;
};

static void must(struct client *c, bool good, const char *what)
{
	if (!good && c->wrong == NULL)
		c->wrong = what;
}

static void say_next(struct client *c)
{
	const size_t n = lws_echo_lengths[c->n_told];
	lws_echo_fill(c->text, n);
	must(c, bc_transport_direct.send(c->ws, c->text, n) == BC_OK, "send() has refused");
	if (c->talk->pings && c->n_told == 0)
		must(c, bc_transport_direct.ping(c->ws) == BC_OK, "ping() has refused");
}

static void on_opened(void *self, struct bc_ws *ws)
{
	struct client *c = self;
	(void)ws;
	if (c->talk->says)
		say_next(c);
}

static void on_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
		       bc_wall_time received)
{
	struct client *c = self;
	(void)received;
	must(c, c->n_told < LWS_ECHO_LENGTHS && n == lws_echo_lengths[c->n_told] && !binary,
	     "another length, or kind");
	lws_echo_fill(c->text, n);
	must(c, memcmp(c->text, bytes, n) == 0, "other bytes");
	c->n_told++;
	if (c->talk->says && c->n_told < LWS_ECHO_LENGTHS)
		say_next(c);
	else if (c->talk->says)
		bc_transport_direct.close(ws);
}

static void on_pong(void *self, struct bc_ws *ws)
{
	struct client *c = self;
	(void)ws;
	c->n_pongs++;
}

static void on_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct client *c = self;
	(void)ws;
	c->n_closed++;
	c->how = *how;
	snprintf(c->detail, sizeof c->detail, "%s", how->detail);
}

static const struct bc_ws_events events = {
	.opened = on_opened,
	.message = on_message,
	.pong = on_pong,
	.closed = on_closed,
};

static bool judge(struct client *c, const struct talk *talk, const struct lws_echo *server)
{
	must(c, c->n_closed == 1, "`closed` did not come in time");
	must(c, c->n_told == talk->n_told, "not all messages, or too many");
	must(c, !talk->pings || c->n_pongs == 1, "not a pong for its ping");
	must(c, c->how.why == talk->why && c->how.close_code == talk->code, "another end");
	must(c, talk->detail == NULL || strcmp(talk->detail, c->detail) == 0, "another reason");
	must(c, lws_echo_pongs(server) == talk->n_pongs_of_ours, "our pongs did not arrive");
	must(c, lws_echo_close_code(server) == talk->code_told || talk->code_told == 0,
	     "our close frame did not arrive");
	must(c, (lws_echo_deflated(server) > 0) == talk->deflate,
	     "compression without agreement, or none");
	printf("%s %s%s%s%s\n", c->wrong == NULL ? "ok" : "FAILED", talk->path,
	       talk->deflate ? " deflated" : "", c->wrong != NULL ? ": " : "",
	       c->wrong != NULL ? c->wrong : "");
	if (c->wrong != NULL)
		printf("  %u messages, %u pongs, %s %u %s\n", c->n_told, c->n_pongs,
		       c->n_closed > 0 ? bc_ws_close_word(c->how.why) : "open", c->how.close_code,
		       c->detail);
	return c->wrong == NULL;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static bool talk_run(uv_loop_t *loop, struct bc_transport *transport, const struct talk *talk)
{
	static struct client c;
	struct lws_echo *server = lws_echo_start(talk->deflate);
	struct bc_ws_target target = { .host = "127.0.0.1",
				       .port = lws_echo_port(server),
				       .path = talk->path,
				       .compression = talk->deflate,
				       .max_message_bytes = MESSAGE_MAX,
				       .handshake_timeout_ns = LIMIT_NS };
	struct sockaddr_in *address = (struct sockaddr_in *)&target.address;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons(target.port);
	memset(&c, 0, sizeof c);
	c.talk = talk;
	const uint64_t from = uv_hrtime();
	must(&c, bc_transport_direct.connect(transport, &target, &events, &c, &c.ws) == BC_OK,
	     "connect() has refused");
	while (c.n_closed == 0 && uv_hrtime() - from < (uint64_t)LIMIT_NS)
		uv_run(loop, UV_RUN_ONCE);
	const bool good = judge(&c, talk, server);
	lws_echo_stop(&server);
	return good;
}

int main(void)
{
	uv_loop_t loop;
	uv_timer_t tick;
	struct bc_transport *transport;
	const struct bc_transport_options options = { .ca_file = NULL };
	bool good = true;
	uv_loop_init(&loop);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, 20, 20);
	if (bc_transport_direct.start(&transport, &loop, &options) != BC_OK)
		return EXIT_FAILURE;
	for (size_t i = 0; i < sizeof talks / sizeof *talks; i++)
		good = talk_run(&loop, transport, &talks[i]) && good;
	uv_close((uv_handle_t *)&tick, NULL);
	bc_transport_direct.stop(&transport);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0) {
		puts("handles are left in the loop");
		uv_print_all_handles(&loop, stderr);
		good = false;
	}
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
