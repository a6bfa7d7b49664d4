/* gateway_bus.c - the outlet's topics on the XPUB socket; who has subscribed. */
#include "publisher/gateway_private.h"

#include "common/bus_socket.h"
#include "common/latest.h"

#include <stdlib.h>
#include <string.h>

#define AT_LEAST           10000
#define LINGER_MS          500
#define READS_A_TURN       1024
#define SYMBOLS_FOR_A_GLOB 500

/* ------------------------------------------------------------------ sending */

static bc_status topic_open(void *self, bc_str topic, uint32_t *out)
{
	struct gateway *g = self;
	bc_status rc = bc_filters_topic_open(bc_pub_filters(g->pub), topic, out);
	if (rc == BC_OK)
		gateway_latest_add(g, *out, topic);
	return rc;
}

static void topic_close(void *self, uint32_t topic)
{
	struct gateway *g = self;
	gateway_latest_remove(g, topic);
	bc_filters_topic_close(bc_pub_filters(g->pub), topic);
}

static bool topic_wanted(void *self, uint32_t topic)
{
	struct gateway *g = self;
	return bc_filters_wanted(bc_pub_filters(g->pub), topic);
}

static void topic_soon(void *self, uint32_t topic)
{
	struct gateway *g = self;
	bc_filters_soon(bc_pub_filters(g->pub), topic);
	if (g->latest != NULL)
		bc_latest_soon(g->latest, topic);
}

static void topic_next(void *self, uint32_t topic)
{
	struct gateway *g = self;
	bc_latest_next(g->latest, topic);
}

static bc_status topic_send(void *self, uint32_t topic, bc_str payload)
{
	struct gateway *g = self;
	bc_bus_watch_used(g->pub_watch);
	return g->reading ? bc_pub_hold(g->pub, topic, payload)
			  : bc_pub_send(g->pub, topic, payload);
}

static bc_wall_time wall_now(void *self)
{
	(void)self;
	return bc_wall_now();
}

bc_status gateway_outlet_open(struct gateway *g)
{
	struct outlet_options options = g->settings->outlet;
	gateway_latest_open(g);
	const struct outlet_sender sender = {
		.self = g,
		.open = topic_open,
		.close = topic_close,
		.wanted = topic_wanted,
		.send = topic_send,
		.now = wall_now,
		.said = g->latest == NULL ? NULL : gateway_latest_said,
		.soon = topic_soon,
		.next = g->latest == NULL ? NULL : topic_next,
	};
	options.epoch = g->epoch;
	bc_status rc = outlet_new(&g->outlet, &options, &sender);
	if (rc != BC_OK)
		bc_log_event(g->log, BC_LOG_ERROR, "gateway.cannot-start",
			     BC_LOG_S("what", "topics"), BC_LOG_S("why", bc_status_text(rc)));
	return rc;
}

/* ------------------------------------------------------------------ subscriptions */

struct reading { /* one clock for all that a subscription to everything matches */
	struct gateway *gateway;
	struct session_now now;
};

static void on_match(void *self, uint32_t topic)
{
	const struct reading *r = self;
	struct gateway *g = r->gateway;
	struct outlet_topic what;
	outlet_subscribed(g->outlet, r->now.mono, topic);
	if (outlet_topic(g->outlet, topic, &what))
		session_history_wanted(g->session, r->now, what.symbol, what.channel,
				       what.interval);
}

static void on_readable(void *self)
{
	struct gateway *g = self;
	struct reading reading = { g, gateway_now(g) };
	bc_status rc = bc_pub_read(g->pub, READS_A_TURN, on_match, &reading);
	if (rc == BC_OK || rc == BC_EAGAIN)
		return;
	if (rc == BC_EBUSY) {
		const struct bc_pub_flood *flood = bc_pub_flood(g->pub);
		bc_log_event(g->log, BC_LOG_WARN, "bus.flood", BC_LOG_S("peer", flood->address),
			     BC_LOG_U("subscriptions", flood->n_filters),
			     BC_LOG_I("max_subscriptions", g->max_filters),
			     BC_LOG_U("times", flood->n_cut),
			     BC_LOG_S("effect",
				      "its connection is ended; if it is meant to have so "
				      "many, raise bus.max_subscriptions"));
		return;
	}
	bc_log_event(g->log, BC_LOG_ERROR, "bus.subscriptions", BC_LOG_S("why", bc_bus_why(rc)),
		     BC_LOG_U("known", bc_filters_count(bc_pub_filters(g->pub))),
		     BC_LOG_S("effect", "every message is encoded from now on"));
}

/* ------------------------------------------------------------------ life */

/* What a stopped subscriber can make libzmq keep, its whole queue; and how many subscriptions are
 * no flood. Topics come and go, so this counts those of the configuration, and a glob as some
 * hundred symbols. */
static int by_topics(const struct gateway *g, enum bc_key key)
{
	const struct bc_config *c = g->settings->config;
	int64_t asked = bc_config_int(c, key);
	int64_t topics = 0;
	if (asked > 0)
		return (int)asked;
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_SYMBOLS); i++) {
		bool glob = strpbrk(bc_config_item(c, BC_KEY_SYMBOLS, i), "*?[") != NULL;
		topics += (glob ? SYMBOLS_FOR_A_GLOB : 1) *
			  (2 + __builtin_popcount(g->settings->outlet.channels) +
			   __builtin_popcount(g->settings->outlet.intervals));
	}
	return (int)(4 * topics > AT_LEAST ? 4 * topics : AT_LEAST);
}

static bc_status refuse(struct gateway *g, bc_status rc, const char *why)
{
	bc_log_event(g->log, BC_LOG_ERROR, "gateway.cannot-start", BC_LOG_S("what", "bus"),
		     BC_LOG_S("why", why));
	return rc;
}

static bc_status bind_all(struct gateway *g)
{
	const struct bc_config *c = g->settings->config;
	bool allowed = bc_config_bool(c, BC_KEY_BUS_ALLOW_INSECURE);
	char why[320];
	bc_status rc =
		bc_run_dir(bc_config_text(c, BC_KEY_RUN_DIR), true, g->run_dir, why, sizeof why);
	if (rc == BC_OK)
		rc = bc_pub_bind_ipc(g->pub, g->run_dir, g->settings->pub_name, why, sizeof why);
	if (rc == BC_OK)
		rc = bc_run_epoch(g->run_dir, g->settings->pub_name, g->epoch, &g->epoch, why,
				  sizeof why);
	for (size_t i = 0; rc == BC_OK && i < bc_config_count(c, BC_KEY_BUS_BIND); i++)
		rc = bc_pub_bind(g->pub, bc_config_item(c, BC_KEY_BUS_BIND, i), allowed, why,
				 sizeof why);
	return rc == BC_OK ? rc : refuse(g, rc, why);
}

bc_status gateway_bus_open(struct gateway *g)
{
	g->send_hwm = by_topics(g, BC_KEY_BUS_SEND_HWM);
	g->max_filters = by_topics(g, BC_KEY_BUS_MAX_SUBSCRIPTIONS);
	struct bc_pub_options options = { .send_hwm_msgs = g->send_hwm,
					  .linger_ms = LINGER_MS,
					  .max_filters = (uint32_t)g->max_filters };
	if ((g->context = bc_bus_context_new()) == NULL)
		return refuse(g, BC_ENOMEM, "no ZeroMQ context");
	bc_status rc = bc_pub_new(&g->pub, g->context, &options);
	if (rc != BC_OK)
		return refuse(g, rc, bc_bus_why(rc));
	if ((rc = bind_all(g)) != BC_OK)
		return rc;
	rc = bc_bus_watch_start(&g->pub_watch, &g->loop, bc_pub_socket(g->pub), on_readable, g);
	if (rc != BC_OK)
		return refuse(g, rc, bc_status_text(rc));
	bc_bus_watch_when_used(g->pub_watch);
	bc_log_event(g->log, BC_LOG_INFO, "bus.bound",
		     BC_LOG_S("endpoint", bc_pub_endpoint(g->pub, 0)),
		     BC_LOG_I("send_hwm", g->send_hwm),
		     BC_LOG_I("max_subscriptions", g->max_filters));
	return BC_OK;
}

void gateway_bus_close(struct gateway *g)
{
	bc_bus_watch_stop(&g->pub_watch);
	bc_pub_free(&g->pub);
	bc_bus_context_free(&g->context);
}
