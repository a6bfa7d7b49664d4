/* websocket.c - from the socket to whole messages: each transport beside a program that only reads
 * the bytes. Both ends are in this thread, and only the client's part of a cycle is timed. */
#include "bench/scenarios.h"
#include "bench/socket_pair.h"
#include "publisher/simulator/tls.h"
#include "publisher/simulator/ws_frame.h"
#include "publisher/transport.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_BYTES 1519 /* an Upbit book of 15 levels */
#define CYCLE_MAX     32   /* messages: they fit the sockets' buffers */
#define CYCLES        200  /* between two looks at the clock of the rounds */
#define OPEN_TURNS    1000000

enum who { RAW, DIRECT, DIRECT_POLLED, LWS, N_WHO };

struct line {
	enum who who;
	struct pair_server server;
	struct pair_reader reader;
	uv_loop_t loop;
	bool loop_open;
	const struct bc_transport_ops *ops;
	struct bc_transport *transport;
	struct bc_ws *ws;
	bool opened, broken;
	size_t n_messages, n_bytes;
};

struct load {
	size_t messages, a_write; /* of a cycle; of one write, and so of one TLS record at most */
	size_t n_frame;
	char frame[MESSAGE_BYTES + WS_HEADER_MAX];
	char *frames; /* a cycle */
};

/* ------------------------------------------------------------------ a transport's side */

static void on_opened(void *self, struct bc_ws *ws)
{
	struct line *l = self;
	(void)ws;
	l->opened = true;
}

static void on_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
		       bc_wall_time received)
{
	struct line *l = self;
	(void)ws;
	(void)bytes;
	(void)binary;
	(void)received;
	l->n_messages++;
	l->n_bytes += n;
}

static void on_pong(void *self, struct bc_ws *ws)
{
	(void)self;
	(void)ws;
}

static void on_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct line *l = self;
	(void)ws;
	(void)how;
	l->ws = NULL;
	l->broken = true;
}

static const struct bc_ws_events events = {
	.opened = on_opened, .message = on_message, .pong = on_pong, .closed = on_closed
};

static bool transport_connect(struct line *l, const struct pair_listener *listener,
			      const struct sim_tls *tls)
{
	const struct bc_transport_options options = { .ca_file = tls != NULL ? sim_tls_ca_file(tls)
									     : NULL };
	struct bc_ws_target target = { .host = "127.0.0.1",
				       .port = listener->port,
				       .path = "/",
				       .tls = tls != NULL,
				       .max_message_bytes = 1 << 20,
				       .handshake_timeout_ns = 10 * BC_NS_PER_S };
	struct sockaddr_in *address = (struct sockaddr_in *)&target.address;
	*address = (struct sockaddr_in){ .sin_family = AF_INET,
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
					 .sin_port = htons(listener->port) };
	if (uv_loop_init(&l->loop) != 0)
		return false;
	l->loop_open = true;
	return l->ops->start(&l->transport, &l->loop, &options) == BC_OK &&
	       l->ops->connect(l->transport, &target, &events, l, &l->ws) == BC_OK;
}

/* ------------------------------------------------------------------ opening and closing */

static bool line_step(struct line *l)
{
	if (l->who == RAW) {
		if (!pair_reader_step(&l->reader))
			return false;
		l->opened = l->reader.open;
	} else {
		uv_run(&l->loop, UV_RUN_NOWAIT);
	}
	return !l->broken;
}

static bool line_open(struct line *l, enum who who, struct sim_tls *tls)
{
	struct pair_listener listener;
	SSL_CTX *raw_tls = tls != NULL && who == RAW ? pair_reader_context() : NULL;
	*l = (struct line){ .who = who,
			    .server.fd = -1,
			    .reader.fd = -1,
			    .ops = who == LWS ? &bc_transport_lws : &bc_transport_direct };
	bool good = pair_listen(&listener) &&
		    (who == RAW ? pair_connect(&l->reader, &listener, raw_tls)
				: transport_connect(l, &listener, tls)) &&
		    line_step(l) &&
		    pair_accept(&l->server, &listener, tls != NULL ? sim_tls_context(tls) : NULL);
	for (int i = 0; good && !(l->server.open && l->opened) && i < OPEN_TURNS; i++)
		good = (l->server.open || pair_server_step(&l->server)) && line_step(l);
	pair_unlisten(&listener);
	SSL_CTX_free(raw_tls);
	return good && l->opened;
}

static void line_close(struct line *l)
{
	if (l->who == RAW)
		pair_reader_close(&l->reader);
	if (l->transport != NULL)
		l->ops->stop(&l->transport);
	if (l->loop_open) {
		uv_run(&l->loop, UV_RUN_DEFAULT);
		uv_loop_close(&l->loop);
	}
	pair_server_close(&l->server);
}

/* ------------------------------------------------------------------ cycles */

static bool cycle_send(struct line *l, const struct load *load)
{
	for (size_t sent = 0; sent < load->messages; sent += load->a_write)
		if (!pair_server_write(&l->server, load->frames, load->a_write * load->n_frame))
			return false;
	return true;
}

static bool cycle_receive(struct line *l, const struct load *load)
{
	const size_t until = l->n_messages + load->messages;
	if (l->who == RAW) {
		l->n_messages = until;
		return pair_reader_read(&l->reader, load->messages * load->n_frame);
	}
	uint64_t nothing_since = 0;
	while (l->n_messages < until && !l->broken) {
		if (l->who != DIRECT_POLLED)
			uv_run(&l->loop, UV_RUN_NOWAIT);
		else if (l->ops->poll(l->transport))
			nothing_since = 0;
		else if (nothing_since == 0)
			nothing_since = uv_hrtime();
		else if (uv_hrtime() - nothing_since > PAIR_PATIENCE_MS * UINT64_C(1000000))
			return false;
	}
	return l->n_messages == until;
}

/* What the clock itself costs. */
static double clock_cost(void)
{
	double sum = 0;
	for (int i = 0; i < CYCLES; i++) {
		const double start = bench_thread_ns();
		sum += bench_thread_ns() - start;
	}
	return sum / CYCLES;
}

/* ns of CPU a message; NAN: it broke. */
static double line_time(struct line *l, const struct load *load, double clock_ns)
{
	double sum = 0;
	for (int i = 0; i < CYCLES; i++) {
		if (!cycle_send(l, load))
			return NAN;
		const double start = bench_thread_ns();
		if (!cycle_receive(l, load))
			return NAN;
		sum += bench_thread_ns() - start - clock_ns;
	}
	return sum / (double)(CYCLES * load->messages);
}

/* ------------------------------------------------------------------ scenarios */

static bool load_make(struct load *load)
{
	const size_t header = ws_header(ws_first(WS_TEXT), MESSAGE_BYTES, load->frame);
	for (size_t i = 0; i < MESSAGE_BYTES; i++)
		load->frame[header + i] = "{\"type\":\"orderbook\",137000000.0}"[i % 32];
	load->n_frame = header + MESSAGE_BYTES;
	load->frames = malloc(load->a_write * load->n_frame);
	for (size_t i = 0; load->frames != NULL && i < load->a_write; i++)
		memcpy(load->frames + i * load->n_frame, load->frame, load->n_frame);
	return load->frames != NULL;
}

static void tell(struct bench *b, const struct bench_timing *t, const char *load_name)
{
	static const char *const names[N_WHO] = { "bytes only", "direct", "direct, polled", "lws" };
	for (size_t who = DIRECT; who < N_WHO; who++) {
		char variant[96];
		struct bench_contender c[N_WHO] = { [RAW].name = names[RAW] };
		snprintf(variant, sizeof variant, "%s, %s", names[who], load_name);
		c[who].name = variant;
		struct bench_row row = bench_versus(t, c, who, RAW);
		bench_row(b, &row);
	}
}

static void rounds(struct bench *b, struct line *lines, const struct load *load,
		   const char *load_name)
{
	const size_t n = bench_rounds(b);
	struct bench_timing t = { .n_rounds = n };
	double *ns = calloc(n * N_WHO, sizeof *ns);
	const double clock_ns = clock_cost();
	bool good = ns != NULL;
	for (size_t who = 0; who < N_WHO; who++)
		t.ns[who] = ns + who * n;
	for (size_t who = 0; good && who < N_WHO; who++) /* warm */
		good = line_time(&lines[who], load, clock_ns) >= 0;
	for (size_t r = 0; good && r < n; r++)
		for (size_t k = 0; k < N_WHO; k++) {
			const size_t who = (r + k) % N_WHO;
			t.ns[who][r] = line_time(&lines[who], load, clock_ns);
			good = good && t.ns[who][r] > 0;
		}
	if (good)
		tell(b, &t, load_name);
	else
		bench_fail(b, "%s: a connection broke, or lost messages", load_name);
	free(ns);
}

static void measure(struct bench *b, bool tls, size_t messages, size_t a_write,
		    const char *load_name)
{
	struct line lines[N_WHO];
	struct load load = { .messages = messages, .a_write = a_write };
	struct sim_tls *certificates = NULL;
	char why[160] = "out of memory";
	bool good = load_make(&load) &&
		    (!tls || sim_tls_new(&certificates, &(struct sim_tls_options){ .name = NULL },
					 why, sizeof why) == BC_OK);
	size_t n = 0;
	for (; good && n < N_WHO; n++)
		if (!line_open(&lines[n], (enum who)n, certificates)) {
			good = false;
			snprintf(why, sizeof why, "connection %zu does not open", n);
		}
	if (good)
		rounds(b, lines, &load, load_name);
	else
		bench_fail(b, "%s: %s", load_name, why);
	while (n > 0)
		line_close(&lines[--n]);
	sim_tls_free(&certificates);
	free(load.frames);
}

static void run_plain(struct bench *b)
{
	measure(b, false, CYCLE_MAX, 16, "32 waiting");
	measure(b, false, 1, 1, "one at a time");
}

static void run_tls(struct bench *b)
{
	measure(b, true, 30, 10, "30 waiting, 10 a record");
	measure(b, true, CYCLE_MAX, 1, "32 waiting, a record each");
	measure(b, true, 1, 1, "one at a time");
}

#define LEAVES_OUT                                                                               \
	"frames, UTF-8, the event loop and its sleeping; that messages are whole; it knows how " \
	"many bytes to expect and never looks for more"

static const struct bench_scenario scenarios[] = {
	{ "websocket.plain", "messages of 1519 bytes from a socket, in the clear",
	  "a program that reads the bytes with recv(2), 64 KiB at a time", LEAVES_OUT, run_plain },
	{ "websocket.tls", "the same over TLS 1.3",
	  "a program that reads the bytes with SSL_read(), with read-ahead of 64 KiB", LEAVES_OUT,
	  run_tls },
};

const struct bench_group bench_websocket = { "websocket", "The socket's bytes to whole messages",
					     scenarios, sizeof scenarios / sizeof *scenarios };
