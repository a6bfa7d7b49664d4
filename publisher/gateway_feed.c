/* gateway_feed.c - the session's connections on the transport, its events on the outlet.
 *
 * The session must not be called back from inside its own actions, so what fails at once (no
 * memory, a name that cannot be asked for) is kept and told in the turn that follows. */
#include "publisher/gateway_private.h"
#include "publisher/http_header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define RESOLVE_TIMEOUT_NS   (10 * BC_NS_PER_S)
#define HANDSHAKE_TIMEOUT_NS (10 * BC_NS_PER_S)
#define NEXT_ADDRESS_NS      (2 * BC_NS_PER_S) /* where another address is still to be tried */

/* ------------------------------------------------------------------ what the transport tells */

static void fail(struct link *link, const char *why, const char *detail)
{
	snprintf(link->detail, sizeof link->detail, "%s", detail);
	link->how = (struct session_closed){ .why = why, .detail = link->detail };
	link->failed = link->gateway->something_failed = true;
}

static void on_opened(void *self, struct bc_ws *ws)
{
	struct link *link = self;
	(void)ws;
	link->unanswered = 0;
	session_opened(link->gateway->session, gateway_now(link->gateway), link->id);
}

static void on_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
		       bc_wall_time received)
{
	struct link *link = self;
	struct gateway *g = link->gateway;
	(void)ws;
	g->reading = true;
	session_message(g->session, gateway_now_of(g, received), link->id, (bc_str){ bytes, n },
			binary, received);
	g->reading = false;
}

static void on_drained(void *self)
{
	const struct link *link = self;
	bc_pub_flush(link->gateway->pub);
}

static void on_soon(void *self, const char *bytes, size_t n)
{
	const struct link *link = self;
	session_soon(link->gateway->session, (bc_str){ bytes, n });
}

static void on_pong(void *self, struct bc_ws *ws)
{
	struct link *link = self;
	(void)ws;
	session_pong(link->gateway->session, gateway_now(link->gateway), link->id);
}

static void on_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct link *link = self;
	struct session_closed closed = { .why = bc_ws_close_word(how->why),
					 .detail = how->detail,
					 .close_code = how->close_code,
					 .http_status = how->http_status,
					 .retry_after_ns = how->retry_after_ns };
	(void)ws;
	link->ws = NULL;
	if (how->why == BC_WS_TOO_LARGE)
		bc_metric_add(&link->gateway->metrics, BC_METRIC_REJECTED_SIZE, 1);
	session_closed(link->gateway->session, gateway_now(link->gateway), link->id, &closed);
}

static const struct bc_ws_events events = { .opened = on_opened,
					    .message = on_message,
					    .soon = on_soon,
					    .drained = on_drained,
					    .pong = on_pong,
					    .closed = on_closed };

/* ------------------------------------------------------------------ connecting */

/* An address that drops everything, such as IPv6 on many lines, must not cost ten seconds while
 * there are others; when none has answered, the line may be slow, and all get their time. */
static int64_t patience(const struct link *link, const struct bc_addresses *addresses)
{
	return link->unanswered < addresses->n && addresses->n > 1 ? NEXT_ADDRESS_NS
								   : HANDSHAKE_TIMEOUT_NS;
}

static void on_resolved(void *self, bc_status status, const struct bc_addresses *addresses,
			const char *why)
{
	struct link *link = self;
	struct gateway *g = link->gateway;
	const struct bc_url *url = &g->settings->ws;
	const struct bc_line *line = session_line(g->session, link->id);
	link->question = NULL;
	if (status != BC_OK) {
		fail(link, "no-address", why);
		return;
	}
	struct bc_ws_target target = { .address =
					       *bc_address_of_attempt(addresses, link->attempts++),
				       .host = url->host,
				       .port = url->port,
				       .path = line->path,
				       .tls = url->tls,
				       .compression = g->settings->compression,
				       .max_message_bytes = g->settings->max_message_bytes,
				       .handshake_timeout_ns = patience(link, addresses) };
	if (target.max_message_bytes == 0)
		target.max_message_bytes = line->max_message_bytes;
	link->unanswered++;
	bc_status rc = g->ws->connect(g->transport, &target, &events, link, &link->ws);
	if (rc != BC_OK) {
		link->ws = NULL;
		fail(link, "connect-failed", bc_status_text(rc));
	}
}

/* The link of a connection; NULL: out of memory. */
static struct link *link_of(struct gateway *g, uint32_t id)
{
	if (id >= g->n_links) {
		struct link **links = realloc(g->links, (id + 1) * sizeof(struct link *));
		if (links == NULL)
			return NULL;
		memset(links + g->n_links, 0, (id + 1 - g->n_links) * sizeof(struct link *));
		g->links = links;
		g->n_links = id + 1;
	}
	if (g->links[id] == NULL && (g->links[id] = calloc(1, sizeof(struct link))) != NULL)
		*g->links[id] = (struct link){ .gateway = g, .id = id };
	return g->links[id];
}

static void act_connect(void *self, uint32_t id)
{
	struct gateway *g = self;
	struct link *link = link_of(g, id);
	if (link == NULL)
		return; /* the session gives it up when no answer comes */
	bc_status rc = bc_resolve(g->resolver, g->settings->ws.host, g->settings->ws.port,
				  RESOLVE_TIMEOUT_NS, on_resolved, link, &link->question);
	if (rc != BC_OK)
		fail(link, "no-address", bc_status_text(rc));
}

static void act_disconnect(void *self, uint32_t id)
{
	struct gateway *g = self;
	struct link *link = link_of(g, id);
	if (link != NULL && link->ws != NULL) {
		g->ws->close(link->ws);
	} else if (link != NULL && link->question != NULL) {
		bc_resolve_cancel(&link->question);
		fail(link, bc_ws_close_word(BC_WS_CLOSED_BY_US), "while the name was looked up");
	}
}

static bc_status act_send(void *self, uint32_t id, bc_str text)
{
	struct gateway *g = self;
	struct link *link = g->links[id];
	return link->ws == NULL ? BC_EIO : g->ws->send(link->ws, text.p, text.n);
}

static void act_ping(void *self, uint32_t id)
{
	struct gateway *g = self;
	struct link *link = g->links[id];
	if (link->ws != NULL)
		g->ws->ping(link->ws); /* one that cannot be sent shows as silence */
}

/* ------------------------------------------------------------------ REST */

/* What the exchange says that this address has used of its weight; -1: nothing. */
static int64_t used_weight(const struct gateway *g, const struct bc_rest_answer *answer)
{
	const char *name = g->settings->session.exchange->rest_used_header;
	const char *value = name == NULL ? NULL : bc_rest_header(answer, name);
	return value == NULL ? -1 : bc_http_count(value);
}

static void on_rest(void *self, const struct bc_rest_answer *answer)
{
	struct rest_slot *slot = self;
	struct session *s = slot->gateway->session;
	struct session_rest told = { .body = answer->body,
				     .used_weight = used_weight(slot->gateway, answer),
				     .http_status = answer->http_status,
				     .retry_after_ns = answer->retry_after_ns,
				     .detail = answer->why };
	if (answer->status == BC_OK && answer->http_status / 100 == 2)
		session_rest_answer(s, gateway_now(slot->gateway), slot->id, &told);
	else
		session_rest_failed(s, gateway_now(slot->gateway), slot->id, &told);
}

static void act_get(void *self, uint32_t number, bc_str path)
{
	struct gateway *g = self;
	struct rest_slot *slot = &g->requests[number];
	*slot = (struct rest_slot){ .gateway = g, .id = number };
	size_t max_bytes = session_rest_max_bytes(g->session, number);
	if (bc_rest_get(g->rest, path, max_bytes, on_rest, slot) != BC_OK)
		slot->failed = g->something_failed = true;
}

/* ------------------------------------------------------------------ on to the outlet */

static bc_status act_added(void *self, uint32_t symbol, bc_str name)
{
	struct gateway *g = self;
	return outlet_symbol_add(g->outlet, g->now.mono, symbol, name);
}

static void act_removed(void *self, uint32_t symbol)
{
	struct gateway *g = self;
	outlet_symbol_remove(g->outlet, symbol);
}

static void act_symbol_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct gateway *g = self;
	outlet_symbol_state(g->outlet, g->now.mono, symbol, change);
}

static void act_feed_state(void *self, const struct session_change *change)
{
	struct gateway *g = self;
	bc_log_event(g->log, change->state == BC_STATE_LIVE ? BC_LOG_INFO : BC_LOG_WARN,
		     "feed.state", BC_LOG_S("state", bc_state_word(change->state)),
		     BC_LOG_S("reason", bc_reason_word(change->reason)));
	outlet_feed_state(g->outlet, g->now.mono, change);
}

static void act_event(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received)
{
	struct gateway *g = self;
	outlet_event(g->outlet, g->now.mono, symbol, event, received);
}

static void act_soon(void *self, uint32_t symbol)
{
	const struct gateway *g = self;
	outlet_soon(g->outlet, symbol);
}

static bool act_listened(void *self, uint32_t symbol, enum bc_channel channel,
			 enum bc_interval interval)
{
	struct gateway *g = self;
	return outlet_listened(g->outlet, symbol, channel, interval);
}

static void act_log(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields)
{
	struct gateway *g = self;
	bc_log_write(g->log, level, event, fields);
}

/* ------------------------------------------------------------------ life */

static bc_status refuse(struct gateway *g, bc_status rc, const char *what, const char *why)
{
	bc_log_event(g->log, BC_LOG_ERROR, "gateway.cannot-start", BC_LOG_S("what", what),
		     BC_LOG_S("why", why));
	return rc;
}

static bc_status budget_open(struct gateway *g, struct session_options *options)
{
	const struct budget_file_options file = { .dir = g->run_dir,
						  .exchange = options->exchange,
						  .id = options->seed | 1,
						  .log = g->log };
	bc_status rc = budget_file_new(&g->budget, &file, bc_mono_now());
	if (rc == BC_OK)
		options->office = budget_file_office(g->budget);
	return rc;
}

static bc_status session_open(struct gateway *g)
{
	struct session_options options = g->settings->session;
	struct session_actions actions = {
		g,         act_connect, act_disconnect, act_send,         act_ping,
		act_get,   act_added,   act_removed,    act_symbol_state, act_feed_state,
		act_event, act_log,     act_listened,   act_soon
	};
	char why[320] = "";
	if (getrandom(&options.seed, sizeof options.seed, GRND_NONBLOCK) < 0)
		options.seed = g->epoch; /* jitter is no secret */
	bc_status rc = budget_open(g, &options);
	if (rc != BC_OK)
		return refuse(g, rc, "budget", bc_status_text(rc));
	rc = gateway_shard_open(g, &options, why, sizeof why);
	if (rc != BC_OK)
		return refuse(g, rc, "shard", why);
	if ((rc = session_new(&g->session, &options, &actions, why, sizeof why)) != BC_OK)
		return refuse(g, rc, "feed", why);
	rc = gateway_configure(g, g->settings->config, why, sizeof why);
	return rc == BC_OK ? rc : refuse(g, rc, "symbols", why);
}

bc_status gateway_feed_open(struct gateway *g)
{
	struct bc_transport_options ws = { .ca_file = g->settings->ca_file, .log = g->log };
	struct bc_rest_options rest = { .url = &g->settings->rest,
					.ca_file = g->settings->ca_file,
					.resolver = NULL };
	bc_status rc = bc_resolver_new(&g->resolver, &g->loop);
	if (rc != BC_OK)
		return refuse(g, rc, "names", bc_status_text(rc));
	g->ws = g->settings->transport;
	bc_log_event(g->log, BC_LOG_INFO, "ws.transport", BC_LOG_S("name", g->ws->name),
		     BC_LOG_I("libwebsockets", bc_lws_version()));
	if ((rc = g->ws->start(&g->transport, &g->loop, &ws)) != BC_OK)
		return refuse(g, rc, "websocket", bc_status_text(rc));
	rest.resolver = g->resolver;
	if ((rc = bc_rest_new(&g->rest, &g->loop, &rest)) != BC_OK)
		return refuse(g, rc, "rest", bc_status_text(rc));
	return session_open(g);
}

void gateway_feed_turn(struct gateway *g)
{
	g->something_failed = false; /* what fails from here on is told in the next turn */
	for (uint32_t i = 0; i < g->n_links; i++) {
		struct link *link = g->links[i];
		if (link == NULL || !link->failed)
			continue;
		link->failed = false;
		session_closed(g->session, gateway_now(g), link->id, &link->how);
	}
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++) {
		struct rest_slot *slot = &g->requests[i];
		if (!slot->failed)
			continue;
		slot->failed = false;
		session_rest_failed(g->session, gateway_now(g), slot->id,
				    &(struct session_rest){ .used_weight = -1,
							    .detail = "cannot be sent" });
	}
}

void gateway_feed_close(struct gateway *g)
{
	for (uint32_t i = 0; i < g->n_links; i++) {
		if (g->links[i] != NULL)
			bc_resolve_cancel(&g->links[i]->question);
	}
	bc_rest_free(&g->rest);
	if (g->transport != NULL)
		g->ws->stop(&g->transport);
	bc_resolver_free(&g->resolver);
}

void gateway_feed_free(struct gateway *g)
{
	for (uint32_t i = 0; i < g->n_links; i++)
		free(g->links[i]);
	free(g->links);
}
