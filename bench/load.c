/* load.c - the exchange that loads: answers requests and subscriptions, and waits for orders. */
#include "bench/load.h"

#include "common/clock.h"
#include "publisher/simulator/replay.h"
#include "publisher/simulator/tls.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FRAMES_A_SYMBOL 8
#define MANY_SYMBOLS    1000
#define FRAMES_MIN      512
#define TICK_NS         (100 * BC_NS_PER_MS)
#define MARKET_BEFORE_NS                                                          \
	(10 * BC_NS_PER_S)  /* so that no first book is younger than what follows \
			     */
#define EVENTS_A_SYMBOL 200 /* a second of the market's own time: each tick finds it changed */
#define SEED            20261121

/* A step of the market's own time: with all the time that others need to start, ten thousand
 * symbols would have more events than can be made in it. */
static void advance(struct load *l)
{
	l->market_time.ns += TICK_NS;
	market_advance(l->market, l->market_time);
}

static struct sim_world world_of(struct load *l)
{
	return (struct sim_world){ .market = l->market,
				   .now = bc_wall_now(),
				   .mono = bc_mono_now(),
				   .crossed = &l->crossed };
}

/* ------------------------------------------------------------------ what the feed is told */

static void send_frame(struct load *l, struct load_conn *c, enum ws_opcode opcode, bc_str payload)
{
	char header[WS_HEADER_MAX];
	int64_t began;
	struct sim_buffer frame = { NULL, 0, 0, false };
	sim_buffer_add(&frame, header, ws_header(ws_first(opcode), payload.n, header));
	sim_buffer_str(&frame, payload);
	if (frame.failed || !load_conn_write(c, frame.data, frame.n, &began))
		line_die(l->shared, "the exchange: its answer cannot be sent");
	sim_buffer_free(&frame);
}

static void sink_first(void *self, bc_str symbol, bc_str payload)
{
	struct load *l = self;
	struct load_frames first = { .opcode = l->face->data_opcode };
	int64_t began;
	(void)symbol;
	/* Marked, too: a quantity of the market might look like the mark of another message. */
	if (!load_frames_add(&first, payload) || first.n != 1 ||
	    !load_conn_write(l->feed, first.all[0].bytes, first.all[0].n, &began))
		line_die(l->shared, "the exchange: a first book cannot be sent");
	load_frames_free(&first);
	l->n_books++;
}

static void sink_keep(void *self, bc_str symbol, bc_str payload)
{
	struct load *l = self;
	(void)symbol;
	if (!load_frames_add(&l->frames, payload))
		line_die(l->shared, "the exchange: no memory for its frames");
}

static void sink_reply(void *self, bc_str payload)
{
	struct load *l = self;
	send_frame(l, l->feed, l->face->reply_opcode, payload);
}

static void sink_close(void *self, uint16_t code, int64_t after_ns)
{
	struct load *l = self;
	(void)after_ns;
	line_die(l->shared, "the exchange: refuses what it was asked for (close code %u)", code);
}

static void sink_ping(void *self, bc_str payload)
{
	(void)self;
	(void)payload;
}

static struct sim_sink sink(struct load *l, void (*data)(void *, bc_str, bc_str))
{
	return (struct sim_sink){ l, data, sink_reply, sink_close, sink_ping };
}

/* ------------------------------------------------------------------ frames, ready to be sent */

/* The books and trades of a capture; the rest has no place for a mark. */
static void make_recorded(struct load *l)
{
	struct sim_replay *replay = NULL;
	char why[LINE_WHY_MAX];
	if (sim_replay_open(&replay, l->plan->capture, why, sizeof why) != BC_OK)
		line_die(l->shared, "the exchange: %s", why);
	for (size_t i = 0; i < sim_replay_n_frames(replay); i++)
		sink_keep(l, BC_STR(""), sim_replay_frame(replay, i));
	sim_replay_free(&replay);
	if (l->frames.n == 0)
		line_die(l->shared, "the exchange: no books in %s", l->plan->capture);
}

static void make_frames(struct load *l)
{
	struct sim_sink keep = sink(l, sink_keep);
	/* Of many symbols one each, so that they stay near the CPU. */
	size_t want =
		(l->plan->n_symbols < MANY_SYMBOLS ? FRAMES_A_SYMBOL : 1) * l->plan->n_symbols;
	struct sim_world world = world_of(l);
	if (want < FRAMES_MIN)
		want = FRAMES_MIN;
	l->frames.opcode = l->face->data_opcode;
	if (l->plan->capture != NULL)
		make_recorded(l);
	for (size_t last = 0; l->plan->capture == NULL && l->frames.n < want; last = l->frames.n) {
		world.now.ns += TICK_NS;
		world.mono.ns += TICK_NS;
		advance(l);
		l->face->tick(l->feed->session, &world, true, &keep);
		if (l->frames.n == last)
			line_die(l->shared,
				 "the exchange: nothing is subscribed that it could mark");
	}
}

/* ------------------------------------------------------------------ what it is asked */

/* ccxt asks for all 30 levels; to be compared it gets the 15 that the others ask for. */
static bc_str fewer_levels(bc_str text, char *out, size_t cap)
{
	static const char code[] = "\"KRW-BTC\"", fewer[] = "\"KRW-BTC.15\"";
	const char *at = memmem(text.p, text.n, code, sizeof code - 1);
	if (at == NULL || text.n + sizeof fewer > cap)
		return text;
	int n = snprintf(out, cap, "%.*s%s%.*s", (int)(at - text.p), text.p, fewer,
			 (int)(text.p + text.n - at - (ptrdiff_t)sizeof code + 1),
			 at + sizeof code - 1);
	return (bc_str){ out, (size_t)n };
}

static void on_message(struct load *l, struct load_conn *c, bc_str text)
{
	char fewer[1024];
	struct sim_world world = world_of(l);
	struct sim_sink first = sink(l, sink_first);
	if (l->plan->contender == LINE_CCXT)
		text = fewer_levels(text, fewer, sizeof fewer);
	l->feed = c;
	l->face->message(c->session, &world, text, &first);
	if (!l->face->subscribed(c->session))
		return;
	l->n_books = 0;
	advance(l);
	l->face->tick(c->session, &world, true, &first);
	l->shared->subscribed = l->n_books >= l->n_symbols;
}

static void upgrade(struct load *l, struct load_conn *c, const struct http_request *r)
{
	struct sim_buffer out = { NULL, 0, 0, false };
	char accept[WS_ACCEPT_MAX];
	int64_t began;
	if (ws_accept(http_header(r, "Sec-WebSocket-Key"), accept) != BC_OK ||
	    (c->session = l->face->session_new(l->face_state)) == NULL)
		line_die(l->shared, "the exchange: this is no upgrade");
	if (l->face->opened != NULL) {
		struct sim_world world = world_of(l);
		struct sim_sink first = sink(l, sink_first);
		l->face->opened(c->session, &world, r, &first);
	}
	sim_buffer_printf(&out,
			  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			  "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			  accept);
	if (out.failed || !load_conn_write(c, out.data, out.n, &began))
		line_die(l->shared, "the exchange: its upgrade cannot be sent");
	sim_buffer_free(&out);
	c->is_ws = true;
}

static void answer(struct load *l, struct load_conn *c, const struct http_request *r)
{
	struct sim_reply reply = { .status = 404 };
	struct sim_buffer out = { NULL, 0, 0, false };
	struct sim_world world = world_of(l);
	int64_t began;
	l->face->request(l->face_state, &world, r, &reply);
	sim_buffer_printf(&out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n",
			  reply.status, http_reason(reply.status));
	sim_buffer_add(&out, reply.headers.data, reply.headers.n);
	sim_buffer_printf(&out, "Content-Length: %zu\r\n\r\n", reply.body.n);
	sim_buffer_add(&out, reply.body.data, reply.body.n);
	if (!out.failed)
		load_conn_write(c, out.data, out.n, &began); /* who asks may have gone */
	sim_buffer_free(&out);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

/* One request; false: more bytes are needed. */
static bool take_request(struct load *l, struct load_conn *c)
{
	struct http_request r;
	size_t used;
	int status;
	bc_status rc = http_parse(c->in.data, c->in.n, &r, &used, &status);
	if (rc == BC_EAGAIN)
		return false;
	if (rc != BC_OK)
		line_die(l->shared, "the exchange: a request that it cannot read");
	if (http_has_token(http_header(&r, "Upgrade"), "websocket"))
		upgrade(l, c, &r);
	else
		answer(l, c, &r);
	sim_buffer_drop(&c->in, used);
	return true;
}

/* One frame; false: more bytes are needed. */
static bool take_frame(struct load *l, struct load_conn *c)
{
	struct ws_message m;
	uint16_t code;
	size_t used = 0;
	bc_status rc = ws_parse(&c->parser, c->in.data, c->in.n, &used, &m, &code);
	if (rc != BC_OK && rc != BC_EAGAIN)
		line_die(l->shared, "the exchange: a frame that breaks the protocol");
	if (rc == BC_OK && (m.opcode == WS_TEXT || m.opcode == WS_BINARY))
		on_message(l, c, m.payload);
	else if (rc == BC_OK && m.opcode == WS_PING)
		send_frame(l, c, WS_PONG, m.payload);
	sim_buffer_drop(&c->in, used);
	return used > 0;
}

/* ------------------------------------------------------------------ its turn */

static void forget(struct load *l, struct load_conn *c)
{
	if (c == l->feed) {
		if (l->shared->order != LINE_QUIT && l->shared->order != LINE_WAIT)
			line_die(l->shared, "the exchange: the feed was closed by its reader");
		l->feed = NULL;
	}
	if (c->session != NULL)
		l->face->session_free(c->session);
	load_conn_close(c);
	c->fd = -1;
}

static void serve(struct load *l, struct load_conn *c)
{
	enum load_read got;
	while ((got = load_conn_read(c)) == LOAD_SOME)
		while (c->in.n > 0 && (c->is_ws ? take_frame(l, c) : take_request(l, c)))
			;
	if (got == LOAD_GONE)
		forget(l, c);
}

static void take_in(struct load *l)
{
	for (size_t i = 0; i < LOAD_MAX_CONNS; i++) {
		SSL_CTX *tls = l->tls != NULL ? sim_tls_context(l->tls) : NULL;
		if (l->conns[i].fd >= 0)
			continue;
		if (!load_conn_accept(&l->conns[i], l->listener, tls)) {
			l->conns[i].fd = -1;
			return;
		}
	}
}

void load_turn(struct load *l, int timeout_ms)
{
	struct pollfd p[LOAD_MAX_CONNS + 1];
	p[LOAD_MAX_CONNS] = (struct pollfd){ l->listener, POLLIN, 0 };
	for (size_t i = 0; i < LOAD_MAX_CONNS; i++)
		p[i] = (struct pollfd){ l->conns[i].fd, POLLIN, 0 };
	if (poll(p, LOAD_MAX_CONNS + 1, timeout_ms) <= 0)
		return;
	for (size_t i = 0; i < LOAD_MAX_CONNS; i++)
		if (p[i].fd >= 0 && p[i].revents != 0)
			serve(l, &l->conns[i]);
	if (p[LOAD_MAX_CONNS].revents != 0)
		take_in(l);
}

/* ------------------------------------------------------------------ life */

static void open_market(struct load *l)
{
	static struct market_spec specs[LINE_MAX_SYMBOLS];
	static struct line_symbols symbols;
	if (!line_symbols(&symbols, l->plan))
		line_die(l->shared, "the exchange: no symbols");
	for (size_t i = 0; i < symbols.n; i++)
		l->face->spec_of(bc_str_of(symbols.names[i]), &specs[i]);
	const bc_wall_time before = { bc_wall_now().ns - MARKET_BEFORE_NS };
	struct market_options options = { .seed = SEED,
					  .rate = EVENTS_A_SYMBOL * (double)symbols.n,
					  .start = before,
					  .specs = specs,
					  .n_specs = symbols.n,
					  .intervals_s = l->face->intervals_s,
					  .n_intervals = l->face->n_intervals,
					  .journal = l->face->journal };
	if ((l->market = market_new(&options)) == NULL ||
	    (l->face_state = l->face->state_new()) == NULL)
		line_die(l->shared, "the exchange: no market of %zu symbols", symbols.n);
	l->n_symbols = symbols.n;
	l->market_time = before;
	advance(l);
}

static void open_listener(struct load *l)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	char why[LINE_WHY_MAX];
	if (l->plan->tls && sim_tls_new(&l->tls, &(struct sim_tls_options){ .name = NULL }, why,
					sizeof why) != BC_OK)
		line_die(l->shared, "the exchange: %s", why);
	l->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->listener < 0 || bind(l->listener, (struct sockaddr *)&a, n) != 0 ||
	    listen(l->listener, LOAD_MAX_CONNS) != 0 ||
	    getsockname(l->listener, (struct sockaddr *)&a, &n) != 0)
		line_die(l->shared, "the exchange: no port on 127.0.0.1");
	if (l->tls != NULL)
		snprintf(l->shared->ca_file, sizeof l->shared->ca_file, "%s",
			 sim_tls_ca_file(l->tls));
	l->shared->port = ntohs(a.sin_port);
}

void load_main(const struct line_child *c)
{
	static struct load load;
	struct load *l = &load;
	*l = (struct load){ .child = c, .plan = c->plan, .shared = c->shared };
	for (size_t i = 0; i < LOAD_MAX_CONNS; i++)
		l->conns[i].fd = -1;
	line_pin(LINE_EXCHANGE);
	l->face = sim_face_find("upbit");
	open_market(l);
	open_listener(l);
	while (l->shared->order == LINE_WAIT || !l->shared->subscribed)
		load_turn(l, 5);
	make_frames(l);
	load_warm_up(l);
	while (l->shared->order != LINE_GO && l->shared->order != LINE_QUIT)
		load_turn(l, 1);
	if (l->shared->order == LINE_GO)
		load_send(l, 1, (int64_t)c->plan->n);
	while (l->shared->order != LINE_QUIT)
		load_turn(l, 5);
	sim_tls_free(&l->tls);
	_exit(0);
}
