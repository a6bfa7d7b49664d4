/* net.c - connections between the session and the face of the exchange.
 *
 * A connection keeps the order of what is sent on it and delays it; different connections, and
 * REST, overtake each other. */
#include "tests/simulation/trial_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HANDSHAKE_TIMEOUT_NS (10 * S) /* as the transport's */

static struct event *link_event(struct link *link, enum event_kind kind, int64_t at_ns,
				bc_str bytes)
{
	struct event *e = event_new(link->gateway, kind, at_ns, bytes);
	e->link = link->id;
	e->life = link->life;
	return e;
}

/* ------------------------------------------------------------------ from here to there */

static int64_t up_at(struct link *link)
{
	int64_t at = link->gateway->t->now_ns + link->latency_ns;
	if (at < link->stalled_until_ns)
		at = link->stalled_until_ns;
	return link->up_ns = at > link->up_ns ? at : link->up_ns;
}

/* When what leaves the exchange now arrives. */
static int64_t down_at(struct link *link)
{
	struct gateway *g = link->gateway;
	int64_t at = g->t->now_ns + link->latency_ns + dice_between(&g->dice, 0, g->plan.jitter_ns);
	if (at < link->stalled_until_ns)
		at = link->stalled_until_ns;
	return link->down_ns = at > link->down_ns ? at : link->down_ns;
}

static void close_here(struct link *link, const char *why, uint16_t code, int64_t at_ns)
{
	struct event *e = link_event(link, EVENT_CLOSED, at_ns, BC_STR(""));
	e->why = why;
	e->close_code = code;
	event_add(link->gateway, &link->gateway->client, e);
}

void net_connect(struct gateway *g, uint32_t id)
{
	struct link *link = &g->links[id % MAX_LINKS];
	if (id >= MAX_LINKS || (id < g->n_links && link->phase != LINK_IDLE)) {
		trial_fail(g, "connect", "connection %u is not one that may be made now", id);
		return;
	}
	uint32_t life = link->life + 1;
	*link = (struct link){ .gateway = g,
			       .id = id,
			       .life = life,
			       .phase = LINK_CONNECTING,
			       .io_ns = g->t->now_ns,
			       .latency_ns = g->plan.latency_ns / 2 +
					     dice_between(&g->dice, 0, g->plan.latency_ns) };
	if (id >= g->n_links)
		g->n_links = id + 1;
	if (fault_hits(g, FAULT_HANG)) {
		close_here(link, "timeout", 0, g->t->now_ns + HANDSHAKE_TIMEOUT_NS);
	} else {
		const char *path = session_line(g->session, id)->path;
		event_add(g, &g->server,
			  link_event(link, EVENT_UPGRADE, up_at(link), bc_str_of(path)));
	}
}

static void end_there(struct link *link)
{
	if (link->session != NULL)
		link->gateway->t->face->session_free(link->session);
	link->session = NULL;
	free(link->held);
	link->held = NULL;
}

/* What is still on its way may or may not be handed over before the end is. */
void net_disconnect(struct gateway *g, uint32_t id)
{
	struct link *link = &g->links[id % MAX_LINKS];
	if (link->being_told)
		return; /* it found out just now that our clock has jumped */
	if (id >= g->n_links || link->phase == LINK_IDLE || link->phase == LINK_ENDING) {
		trial_fail(g, "connect", "connection %u is not one that may be given up now", id);
		return;
	}
	link->phase = LINK_ENDING;
	end_there(link);
	if (dice_hits(&g->dice, 500000))
		link->life++;
	close_here(link, "closed by us", 0, g->t->now_ns + dice_between(&g->dice, 0, 50 * MS));
}

static bool is_of_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-';
}

/* BTCUSDT is not named by BTCUSDT_261225, nor DOGEUSDT by 1MBABYDOGEUSDT. */
bool names_symbol(bc_str text, const char *name)
{
	size_t n = strlen(name);
	for (size_t at = 0; at + n <= text.n; at++) {
		bool begins = at == 0 || !is_of_name(text.p[at - 1]);
		bool ends = at + n == text.n || !is_of_name(text.p[at + n]);
		if (begins && ends && strncasecmp(text.p + at, name, n) == 0)
			return true;
	}
	return false;
}

/* Which symbols does this message ask for? Names may be written in lower case. */
static uint64_t named_in(const struct gateway *g, bc_str text)
{
	uint64_t symbols = 0;
	for (size_t i = 0; i < g->t->n_symbols; i++) {
		if (names_symbol(text, market_spec(g->t->market, i)->name))
			symbols |= UINT64_C(1) << i;
	}
	return symbols;
}

bc_status net_send(struct gateway *g, uint32_t id, bc_str text)
{
	struct link *link = &g->links[id % MAX_LINKS];
	if (id >= g->n_links || link->phase != LINK_OPEN) {
		trial_fail(g, "connect", "a message is sent on connection %u, which is not open",
			   id);
		return BC_EIO;
	}
	if (link->no_send)
		return BC_EIO;
	if (!session_line(g->session, id)->acks)
		link->said = named_in(g, text);
	event_add(g, &g->server, link_event(link, EVENT_TEXT, up_at(link), text));
	return BC_OK;
}

void net_beat(struct gateway *g, uint32_t id, bool pong, bc_str payload)
{
	struct link *link = &g->links[id];
	struct event *e = link_event(link, EVENT_BEAT, up_at(link), payload);
	e->pong = pong;
	event_add(g, &g->server, e);
}

void net_ping(struct gateway *g, uint32_t id)
{
	if (g->links[id].phase == LINK_OPEN)
		net_beat(g, id, false, BC_STR(""));
}

/* ------------------------------------------------------------------ from there to here */

static struct event *deliver(struct link *link, bc_str payload, enum ws_opcode opcode, bool proof)
{
	struct event *e = link_event(link, EVENT_FRAME, down_at(link), payload);
	e->binary = opcode == WS_BINARY;
	e->proof = proof;
	link->io_ns = link->gateway->t->now_ns;
	event_add(link->gateway, &link->gateway->client, e);
	return e;
}

static void let_go(struct link *link)
{
	char *held = link->held;
	if (held == NULL)
		return;
	link->held = NULL;
	deliver(link, (bc_str){ held, link->n_held }, link->gateway->t->face->data_opcode,
		link->held_proof);
	free(held);
}

static void hold(struct link *link, bc_str payload)
{
	link->held = malloc(payload.n + 1);
	if (link->held == NULL)
		abort();
	memcpy(link->held, payload.p, payload.n);
	link->n_held = payload.n;
	link->held_proof = true;
	link->gateway->reordered = true;
}

/* Cut short, with a byte that no JSON text may hold anywhere, or without what a book needs: never
 * what it was. */
static bool deliver_damaged(struct link *link, size_t symbol, bc_str payload)
{
	struct gateway *g = link->gateway;
	static const char bad[] = { '\x01', '\xff', '\0' };
	struct sim_buffer text = { NULL, 0, 0, false };
	bool cut = fault_hits(g, FAULT_TRUNCATE), strange = !cut && strange_book(g, payload, &text);
	if (!cut && !strange && !fault_hits(g, FAULT_CORRUPT))
		return false;
	bool book = g->t->model->is_book(payload);
	int64_t at = dice_between(&g->dice, 1, (int64_t)payload.n - 1);
	if (cut)
		payload.n = (size_t)at;
	else if (strange)
		payload = (bc_str){ text.data, text.n };
	struct event *e = deliver(link, payload, g->t->face->data_opcode, false);
	if (!cut && !strange)
		e->bytes[at - 1] = bad[dice_between(&g->dice, 0, 2)];
	e->damaged_book = book;
	e->symbol = symbol;
	sim_buffer_free(&text);
	return true;
}

static void about(struct gateway *g, struct event *e, size_t symbol, bc_str payload)
{
	e->symbol = symbol;
	e->book = symbol != NOT_IN_MARKET && g->t->model->is_book(payload);
	if (e->book && g->t->face->book_id != NULL)
		e->book_id = g->t->face->book_id(g->t->market, symbol);
}

static void deliver_or_not(struct link *link, size_t symbol, bc_str payload)
{
	struct gateway *g = link->gateway;
	enum ws_opcode opcode = g->t->face->data_opcode;
	const char *before = strange_frame(g);
	if (before != NULL)
		deliver(link, bc_str_of(before), opcode, false);
	if (fault_hits(g, FAULT_DROP) || deliver_damaged(link, symbol, payload))
		return;
	if (link->held == NULL && fault_hits(g, FAULT_REORDER)) {
		hold(link, payload);
		return;
	}
	about(g, deliver(link, payload, opcode, true), symbol, payload);
	if (fault_hits(g, FAULT_DUPLICATE))
		deliver(link, payload, opcode, true);
	let_go(link);
}

static void sink_data(void *self, bc_str symbol, bc_str payload)
{
	struct link *link = self;
	struct gateway *g = link->gateway;
	size_t at = NOT_IN_MARKET;
	market_find(g->t->market, symbol, &at);
	if (at != NOT_IN_MARKET && g->x->sync == NULL && g->t->model->is_book(payload))
		truth_sent(g->t, at);
	if (link->mute || g->t->now_ns < link->silent_until_ns)
		return;
	struct sim_buffer text = { NULL, 0, 0, false };
	deliver_or_not(link, at, strange_fields(g, payload, &text));
	sim_buffer_free(&text);
}

static void sink_reply(void *self, bc_str payload)
{
	struct link *link = self;
	struct gateway *g = link->gateway;
	if (g->t->model->too_many != NULL && memmem(payload.p, payload.n, g->t->model->too_many,
						    strlen(g->t->model->too_many)) != NULL)
		trial_fail(g, "budget", "connection %u was told: %.*s", link->id, (int)payload.n,
			   payload.p);
	if (!link->mute && !fault_hits(g, FAULT_UNANSWERED))
		deliver(link, payload, g->t->face->reply_opcode, false);
}

static void sink_close(void *self, uint16_t code, int64_t after_ns)
{
	struct link *link = self;
	struct gateway *g = link->gateway;
	if (code == 1008)
		trial_fail(g, "budget", "connection %u is closed for too many messages", link->id);
	link->closes_at_ns = g->t->now_ns + after_ns;
	struct event *e = link_event(link, EVENT_HANG_UP, link->closes_at_ns, BC_STR(""));
	e->close_code = code;
	event_add(g, &g->server, e);
}

static void sink_ping(void *self, bc_str payload)
{
	struct link *link = self;
	if (!link->mute)
		event_add(link->gateway, &link->gateway->client,
			  link_event(link, EVENT_PING, down_at(link), payload));
}

static struct sim_sink sink_of(struct link *link)
{
	return (struct sim_sink){ link, sink_data, sink_reply, sink_close, sink_ping };
}

void net_lose(struct link *link, uint16_t code, bool at_once)
{
	struct gateway *g = link->gateway;
	end_there(link);
	if (link->mute)
		return; /* nobody here will hear of it */
	if (at_once)
		link->life++; /* what was under way is lost, too */
	close_here(link, code != 0 ? "closed" : "lost", code,
		   at_once ? g->t->now_ns : down_at(link));
}

/* ------------------------------------------------------------------ at the exchange */

bool request_of(struct sim_buffer *text, bc_str path, const char *headers, struct http_request *out)
{
	size_t used = 0;
	int status = 0;
	sim_buffer_printf(text, "GET %.*s HTTP/1.1\r\nHost: exchange\r\n%s\r\n", (int)path.n,
			  path.p, headers);
	return !text->failed && http_parse(text->data, text->n, out, &used, &status) == BC_OK;
}

int64_t header_number(const struct sim_reply *reply, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i + n + 1 < reply->headers.n; i++) {
		bool line = i == 0 || reply->headers.data[i - 1] == '\n';
		if (line && reply->headers.data[i + n] == ':' &&
		    strncasecmp(reply->headers.data + i, name, n) == 0)
			return strtoll(reply->headers.data + i + n + 1, NULL, 10);
	}
	return -1;
}

static void remember_asked(struct link *link, bc_str text)
{
	bool replaces =
		session_line(link->gateway->session, link->id)->mode == BC_SUBSCRIBE_REPLACES;
	link->asked_for = (replaces ? 0 : link->asked_for) | named_in(link->gateway, text);
}

static void refuse(struct link *link, bool shut)
{
	static const int statuses[] = { 503, 503, 429, 429, 418, 403, 301 };
	struct gateway *g = link->gateway;
	struct event *e = link_event(link, EVENT_CLOSED, down_at(link), BC_STR(""));
	bool told;
	e->why = "refused";
	e->http_status = shut ? 503 : statuses[dice_between(&g->dice, 0, 6)];
	told = e->http_status / 100 == 4; /* else the waits double, up to an hour */
	e->retry_after_ns = told ? dice_between(&g->dice, 1, 3) * S : 0;
	event_add(g, &g->client, e);
}

/* The exchange ends what is too old; it does not say so before. */
static void grow_old(struct link *link)
{
	struct gateway *g = link->gateway;
	int64_t life = session_line(g->session, link->id)->life_ns;
	if (life > 0)
		event_add(g, &g->server,
			  link_event(link, EVENT_HANG_UP, g->t->now_ns + life, BC_STR("")));
}

static void upgrade(struct gateway *g, struct link *link, bc_str path)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	struct sim_reply reply = { .status = 400 };
	struct sim_world world = exchange_world(g);
	struct http_request request;
	if (request_of(&text, path,
		       "Connection: Upgrade\r\nUpgrade: websocket\r\n"
		       "Sec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
		       &request))
		g->t->face->upgrade(g->face_state, &world, &request, &reply);
	bool shut = g->t->now_ns < g->shut_until_ns;
	if (reply.status == 101 && (shut || fault_hits(g, FAULT_REFUSE))) {
		refuse(link, shut);
	} else if (reply.status == 101) {
		struct sim_sink sink = sink_of(link);
		remember_asked(link, path);
		link->session = g->t->face->session_new(g->face_state);
		event_add(g, &g->client, link_event(link, EVENT_OPENED, down_at(link), BC_STR("")));
		grow_old(link);
		if (g->t->face->opened != NULL)
			g->t->face->opened(link->session, &world, &request, &sink);
	} else {
		trial_fail(g, "budget", "connection %u is refused with %d, without a fault",
			   link->id, reply.status);
	}
	sim_buffer_free(&text);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

static void beat(struct gateway *g, struct link *link, const struct event *e)
{
	struct sim_world world = exchange_world(g);
	struct sim_sink sink = sink_of(link);
	link->io_ns = g->t->now_ns;
	if (g->t->face->control != NULL)
		g->t->face->control(link->session, &world, e->pong ? WS_PONG : WS_PING,
				    (bc_str){ e->bytes, e->n }, &sink);
	if (!e->pong && link->session != NULL)
		event_add(g, &g->client, link_event(link, EVENT_PONG, down_at(link), BC_STR("")));
}

static void asked(struct link *link, bc_str text)
{
	struct gateway *g = link->gateway;
	struct sim_world world = exchange_world(g);
	struct sim_sink sink = sink_of(link);
	struct sim_buffer refusal = { NULL, 0, 0, false };
	/* where nothing is acknowledged, one that changes what is carried would not be missed */
	bool missed = session_line(g->session, link->id)->acks || link->asked_for == 0;
	if (missed && fault_hits(g, FAULT_DEAF))
		return;
	if (strange_refusal(g, text, &refusal)) {
		sink_reply(link, (bc_str){ refusal.data, refusal.n });
	} else {
		remember_asked(link, text);
		g->t->face->message(link->session, &world, text, &sink);
	}
	sim_buffer_free(&refusal);
}

void net_at_exchange(struct gateway *g, struct event *e)
{
	struct link *link = &g->links[e->link];
	bc_str bytes = { e->bytes, e->n };
	if (e->life != link->life || link->mute)
		return;
	if (e->kind == EVENT_UPGRADE && link->phase == LINK_CONNECTING) {
		upgrade(g, link, bytes);
	} else if (e->kind == EVENT_TEXT && link->session != NULL) {
		link->io_ns = g->t->now_ns;
		asked(link, bytes);
	} else if (e->kind == EVENT_BEAT && link->session != NULL) {
		beat(g, link, e);
	} else if (e->kind == EVENT_HANG_UP && link->session != NULL) {
		net_lose(link, e->close_code, false);
	}
}

void net_announce_end(struct link *link, int64_t after_ns)
{
	struct sim_world world = exchange_world(link->gateway);
	struct sim_sink sink = sink_of(link);
	link->closes_at_ns = link->gateway->t->now_ns + after_ns;
	link->gateway->t->face->shutdown(link->session, &world, after_ns, &sink);
}

void net_tick(struct gateway *g, bool flush)
{
	struct sim_world world = exchange_world(g);
	for (uint32_t i = 0; i < g->n_links; i++) {
		struct link *link = &g->links[i];
		struct sim_sink sink = sink_of(link);
		if (link->session == NULL)
			continue;
		if (g->t->face->idle_close_ns > 0 &&
		    g->t->now_ns - link->io_ns >= g->t->face->idle_close_ns)
			net_lose(link, 0, false);
		else
			g->t->face->tick(link->session, &world, flush, &sink);
	}
}

/* What is under way stays so; nothing new goes wrong. */
void net_calm(struct gateway *g)
{
	for (uint32_t i = 0; i < g->n_links; i++) {
		g->links[i].no_send = false;
		g->links[i].silent_until_ns = 0;
		g->shut_until_ns = 0;
		let_go(&g->links[i]);
	}
}

void net_free(struct gateway *g)
{
	for (uint32_t i = 0; i < g->n_links; i++)
		end_there(&g->links[i]);
	events_free(&g->server);
	events_free(&g->client);
}
