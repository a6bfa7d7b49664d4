/* gateway_status.c - how it is: the ready line, heartbeats, metrics, readiness, systemd. */
#include "publisher/gateway_private.h"

#include "common/accept_guard.h"
#include "common/json_writer.h"
#include "common/sd_notify.h"
#include "common/text.h"
#include "common/version.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ------------------------------------------------------------------ metrics */

/* Counters that are mirrored as they are: metric, offset. */
static const struct {
	enum bc_metric metric;
	size_t offset;
} session_rows[] = {
#define ROW(metric, member)                                                   \
	{                                                                     \
		BC_METRIC_##metric, offsetof(struct session_counters, member) \
	}
	ROW(WS_CONNECTS, opened),
	ROW(WS_CONNECT_FAILURES, connect_failures),
	ROW(WS_RECONNECTS, reconnects),
	ROW(MAINTENANCES, maintenances),
	ROW(WS_HANDOVERS, handovers),
	ROW(WS_HANDOVER_FAILURES, handover_failures),
	ROW(WS_SENT, sends),
	ROW(WS_CONTROL_ERRORS, control_errors),
	ROW(WS_RATE_LIMITED, rate_limited),
	ROW(FEED_SILENT, silent),
	ROW(MESSAGES_IN, messages),
	ROW(BYTES_IN, bytes),
	ROW(EVENTS_BOOK, events[BC_CHANNEL_BOOK]),
	ROW(EVENTS_BBO, events[BC_CHANNEL_BBO]),
	ROW(EVENTS_TRADE, events[BC_CHANNEL_TRADE]),
	ROW(EVENTS_TICKER, events[BC_CHANNEL_TICKER]),
	ROW(EVENTS_CANDLE, events[BC_CHANNEL_CANDLE]),
	ROW(EVENTS_DELTA, events[BC_CHANNEL_DELTA]),
	ROW(REJECTED_PARSE, refused),
	ROW(REJECTED_RANGE, out_of_range),
	ROW(REJECTED_CROSSED, crossed),
	ROW(REJECTED_SYMBOL, ignored),
	ROW(FEED_GAPS, gaps),
	ROW(FEED_CHECKSUMS, checksums),
	ROW(RESYNCS, resyncs),
	ROW(REST_REQUESTS, rest_requests),
	ROW(REST_FAILURES, rest_failures),
	ROW(REST_BANS, banned),
	ROW(FALLBACKS, fallbacks),
	ROW(POLLED, polled),
	ROW(POLLED_OLD, poll_old),
	ROW(SNAPSHOTS, snapshots),
	ROW(SNAPSHOT_FAILURES, snapshot_failures),
	ROW(SNAPSHOTS_APPLIED, snapshots_applied),
	ROW(SNAPSHOTS_TOO_OLD, snapshots_too_old),
	ROW(SNAPSHOTS_EDGE, snapshots_edge),
	ROW(BOOKS_MUTE, mute),
	ROW(EDGES_REACHED, edges_reached),
	ROW(BUFFERS_FULL, buffers_full),
	ROW(LEVELS_DROPPED, levels_dropped),
	ROW(DUPLICATES_IN, duplicates),
	ROW(HISTORY, history),
	ROW(STATE_CHANGES, state_changes),
	ROW(LOOP_STALLS, stalls),
#undef ROW
}, outlet_rows[] = {
#define ROW(metric, member)                                                  \
	{                                                                    \
		BC_METRIC_##metric, offsetof(struct outlet_counters, member) \
	}
	ROW(PUBLISHED, encoded),
	ROW(PUBLISHED_BYTES, bytes),
	ROW(PUBLISH_CONFLATED, conflated),
	ROW(WELCOMES, welcomes),
#undef ROW
};

static const struct {
	const char *name; /* of its counters in the heartbeat */
	enum bc_metric early;
	enum bc_metric_histogram first; /* of OUTLET_N_KINDS */
} hop_rows[OUTLET_N_HOPS] = {
	[OUTLET_RECEIVED] = { BC_HOP_EXCHANGE_RECEIVE, BC_METRIC_RECEIVED_EARLY,
			      BC_METRIC_RECEIVE_BOOK },
	[OUTLET_PUBLISHED] = { BC_HOP_RECEIVE_PUBLISH, BC_METRIC_PUBLISHED_EARLY,
			       BC_METRIC_PUBLISH_BOOK },
};

static uint64_t counter_at(const void *counters, size_t offset)
{
	uint64_t value;
	memcpy(&value, (const char *)counters + offset, sizeof value);
	return value;
}

static uint64_t early(const struct outlet_hops *hops, enum outlet_hop hop)
{
	uint64_t n = 0;
	for (int kind = 0; kind < OUTLET_N_KINDS; kind++)
		n += bc_histogram_negative(&hops->of[hop][kind].all);
	return n;
}

static void update_hops(struct gateway *g)
{
	struct outlet_hops *hops = outlet_hops(g->outlet);
	outlet_hops_turn(hops, bc_boot_now());
	for (int hop = 0; hop < OUTLET_N_HOPS; hop++)
		bc_metric_set(&g->metrics, hop_rows[hop].early, early(hops, (enum outlet_hop)hop));
}

/* The first of the limits that a new connection counts for. */
static void update_budget(struct gateway *g)
{
	struct bc_metrics *m = &g->metrics;
	const struct bc_exchange *x = g->settings->session.exchange;
	const struct budget_view *v = session_budget(g->session);
	unsigned first = x->connect_limits != 0 ? (unsigned)__builtin_ctz(x->connect_limits) : 0;
	const struct budget_use *connects = &v->limits[first];
	int64_t away = 0, now = bc_mono_now().ns;
	for (size_t i = 0; i < BUDGET_DOORS; i++) {
		int64_t left = v->away_until[i].ns > now ? v->away_until[i].ns - now : 0;
		away = left > away ? left : away;
	}
	bc_metric_set(m, BC_METRIC_BUDGET_SHARED, v->shared);
	bc_metric_set(m, BC_METRIC_BUDGET_GATEWAYS, v->gateways);
	bc_metric_set(m, BC_METRIC_BUDGET_CONNECTS, connects->used);
	bc_metric_set(m, BC_METRIC_BUDGET_CONNECTS_LIMIT, connects->now);
	bc_metric_set(m, BC_METRIC_BUDGET_WEIGHT_RATE, v->weight_rate);
	bc_metric_set(m, BC_METRIC_BUDGET_WAITS, v->waits);
	bc_metric_set(m, BC_METRIC_BUDGET_CUTS, v->cuts);
	bc_metric_set(m, BC_METRIC_BUDGET_AWAY, (uint64_t)away);
	bc_metric_set(m, BC_METRIC_BUDGET_DAMAGES, budget_file_counts(g->budget)->damages);
}

static void update_latest(struct gateway *g)
{
	static const struct bc_latest_stats none;
	const struct bc_latest_stats *s = g->latest == NULL ? &none : bc_latest_stats(g->latest);
	bc_metric_set(&g->metrics, BC_METRIC_LATEST_TOPICS, s->topics);
	bc_metric_set(&g->metrics, BC_METRIC_LATEST_BYTES, s->bytes);
	bc_metric_set(&g->metrics, BC_METRIC_LATEST_FILES, s->generations);
	bc_metric_set(&g->metrics, BC_METRIC_LATEST_LEFT_OUT, s->left_out);
	bc_metric_set(&g->metrics, BC_METRIC_LATEST_TOO_LONG, s->too_long);
}

static void status_update(struct gateway *g)
{
	struct bc_metrics *m = &g->metrics;
	const struct session_counters *in = session_counters(g->session);
	const struct outlet_counters *out = outlet_counters(g->outlet);
	for (size_t i = 0; i < sizeof session_rows / sizeof *session_rows; i++)
		bc_metric_set(m, session_rows[i].metric, counter_at(in, session_rows[i].offset));
	for (size_t i = 0; i < sizeof outlet_rows / sizeof *outlet_rows; i++)
		bc_metric_set(m, outlet_rows[i].metric, counter_at(out, outlet_rows[i].offset));
	for (unsigned i = 0; i < BC_N_STATES; i++)
		bc_metric_set(m, (enum bc_metric)(BC_METRIC_SYMBOLS_CONNECTING + i),
			      session_symbols_in(g->session, (enum bc_state)i));
	bc_metric_set(m, BC_METRIC_SYMBOLS_WANTED, session_wanted(g->session));
	bc_metric_set(m, BC_METRIC_SYMBOLS_LEAVING, session_leaving(g->session));
	const struct session_rest_view rest = session_rest_view(g->session);
	bc_metric_set(m, BC_METRIC_REST_WEIGHT, rest.weight);
	bc_metric_set(m, BC_METRIC_REST_WEIGHT_LIMIT, rest.weight_limit);
	bc_metric_set(m, BC_METRIC_SNAPSHOTS_WAITING, rest.snapshots_waiting);
	bc_metric_set(m, BC_METRIC_SNAPSHOT_WAIT, (uint64_t)rest.snapshot_wait_ns);
	bc_metric_set(m, BC_METRIC_MAINTENANCE,
		      (uint64_t)session_maintenance_ns(g->session, gateway_now(g)));
	bc_metric_set(m, BC_METRIC_WS_OPEN, session_connections_open(g->session));
	bc_metric_set(m, BC_METRIC_LAST_MESSAGE, (uint64_t)in->last_message.ns);
	bc_metric_set(m, BC_METRIC_PUBLISH_SKIPPED,
		      out->published + out->welcomes - out->encoded - out->encode_failures);
	bc_metric_set(m, BC_METRIC_PUBLISH_FAILURES,
		      out->encode_failures + out->send_failures + bc_pub_refused(g->pub));
	bc_metric_set(m, BC_METRIC_SUBSCRIPTIONS, bc_filters_count(bc_pub_filters(g->pub)));
	bc_metric_set(m, BC_METRIC_SUBSCRIBERS_CUT, bc_pub_flood(g->pub)->n_cut);
	bc_metric_set(m, BC_METRIC_SUBSCRIPTIONS_REFUSED, bc_pub_flood(g->pub)->n_refused);
	bc_metric_set(m, BC_METRIC_TOPICS, outlet_topics(g->outlet));
	bc_metric_set(m, BC_METRIC_HEARTBEATS, g->heartbeats);
	bc_metric_set(m, BC_METRIC_CTL_REQUESTS, g->ctl_requests);
	bc_metric_set(m, BC_METRIC_LOG_LOST, bc_log_lost(g->log));
	update_hops(g);
	update_latest(g);
	update_budget(g);
	bc_metrics_beat(m, bc_mono_now());
}

/* Polled data is what this gateway is there for. */
static bool is_polled(const struct gateway *g)
{
	return g->settings->session.source == SESSION_REST;
}

/* On the server's thread: atomics, and settings. Ready is who has symbols and all of them fit, but
 * for those the exchange has halted: waiting does not help them. */
static bool ready(void *self, char *why, size_t cap)
{
	const struct gateway *g = self;
	const struct bc_metrics *m = &g->metrics;
	struct bc_text text = bc_text_on(why, cap);
	uint64_t fit = 0, unfit = 0;
	for (unsigned i = 0; i < BC_N_STATES; i++) {
		uint64_t n = bc_metric_get(m, (enum bc_metric)(BC_METRIC_SYMBOLS_CONNECTING + i));
		bool good = is_polled(g) ? bc_state_fit_if_rest(i) : bc_state_fit(i);
		fit += good ? n : 0;
		if (good || n == 0)
			continue;
		unfit += i == BC_STATE_HALTED ? 0 : n;
		bc_text_addf(&text, "symbols %s: %llu\n", bc_state_word(i), (unsigned long long)n);
	}
	if (bc_metric_get(m, BC_METRIC_WS_OPEN) == 0 && !is_polled(g))
		bc_text_addf(&text, "no connection to the exchange is open\n");
	if (fit + unfit == 0)
		bc_text_addf(&text, "no symbol is followed\n");
	return fit > 0 && unfit == 0;
}

bc_status gateway_status_open(struct gateway *g)
{
	const char *listen = bc_config_text(g->settings->config, BC_KEY_METRICS_LISTEN);
	char why[256];
	bc_metrics_init(&g->metrics, BC_GATEWAY, "bookcast-gateway", g->settings->outlet.exchange,
			g->settings->outlet.instance);
	for (int hop = 0; hop < OUTLET_N_HOPS; hop++)
		for (int kind = 0; kind < OUTLET_N_KINDS; kind++)
			bc_metric_histogram(&g->metrics, hop_rows[hop].first + (unsigned)kind,
					    &outlet_hops(g->outlet)->of[hop][kind].all);
	status_update(g);
	if (*listen == '\0')
		return BC_OK;
	bc_status rc = bc_metrics_serve(&g->metrics_server, &g->metrics, listen, ready, g, why,
					sizeof why);
	if (rc != BC_OK)
		bc_log_event(g->log, BC_LOG_ERROR, "gateway.cannot-start",
			     BC_LOG_S("what", "metrics.listen"), BC_LOG_S("why", why));
	return rc;
}

void gateway_status_close(struct gateway *g)
{
	bc_metrics_stop(&g->metrics_server);
}

/* ------------------------------------------------------------------ heartbeats */

static void add_counter(struct bc_heartbeat *h, const char *name, uint64_t value)
{
	if (h->n_counters < BC_MAX_COUNTERS)
		h->counters[h->n_counters++] = (struct bc_counter){ bc_str_of(name), value };
}

static void add_states(const struct gateway *g, struct bc_heartbeat *h)
{
	static const char *const names[BC_N_STATES] = {
#define X(number, name, word, fitness) [number] = "symbols_" word,
		BC_STATE_ROWS(X)
#undef X
	};
	for (unsigned i = 0; i < BC_N_STATES; i++)
		add_counter(h, names[i], session_symbols_in(g->session, (enum bc_state)i));
}

static void add_rest(const struct gateway *g, struct bc_heartbeat *h)
{
	const struct session_counters *in = session_counters(g->session);
	const struct session_rest_view rest = session_rest_view(g->session);
	add_counter(h, "rate_limited", in->rate_limited);
	add_counter(h, "snapshots_asked", in->snapshots);
	add_counter(h, "snapshots_failed", in->snapshot_failures);
	add_counter(h, "snapshots_waiting", rest.snapshots_waiting);
	add_counter(h, "snapshot_wait_ms", (uint64_t)(rest.snapshot_wait_ns / BC_NS_PER_MS));
	add_counter(h, "rest_weight", rest.weight);
	add_counter(h, "rest_weight_limit", rest.weight_limit);
}

static void add_shard(const struct gateway *g, struct bc_heartbeat *h)
{
	add_counter(h, "symbols_wanted", session_wanted(g->session));
	add_counter(h, "symbols_leaving", session_leaving(g->session));
	if (g->division != NULL)
		add_counter(h, "shard_weights", bc_division_mark(g->division));
}

/* The last minute of each hop, as HOP_count, HOP_p99_ns and so on; docs/CACHE-PROTOCOL.md. */
static void add_hops(const struct gateway *g, struct bc_heartbeat *h,
		     char names[OUTLET_N_HOPS][BC_HOP_FIELDS][BC_HOP_NAME_MAX])
{
	const struct outlet_hops *hops = outlet_hops(g->outlet);
	for (unsigned hop = 0; hop < OUTLET_N_HOPS; hop++) {
		struct bc_hop now;
		uint64_t values[BC_HOP_FIELDS];
		now.quantiles = outlet_hop_recent(hops, (enum outlet_hop)hop, bc_boot_now(),
						  &now.window_ns);
		bc_hop_values(&now, values);
		for (unsigned i = 0; i < BC_HOP_FIELDS; i++) {
			snprintf(names[hop][i], BC_HOP_NAME_MAX, "%s_%s", hop_rows[hop].name,
				 bc_hop_fields[i]);
			add_counter(h, names[hop][i], values[i]);
		}
	}
}

/* The first endpoint is the one to connect to from elsewhere: tcp, if there is one. */
static void add_endpoints(const struct gateway *g, struct bc_heartbeat *h)
{
	size_t n = bc_pub_endpoints(g->pub);
	for (size_t i = 1; i < n; i++)
		h->endpoints[h->n_endpoints++] = bc_str_of(bc_pub_endpoint(g->pub, i));
	if (h->n_endpoints < BC_MAX_ENDPOINTS)
		h->endpoints[h->n_endpoints++] = bc_str_of(bc_pub_endpoint(g->pub, 0));
}

/* systemd hears READY once the sockets stand; data may take longer, and /readyz speaks of it. */
static void tell_systemd(struct gateway *g)
{
	char text[160];
	uint32_t fit = session_symbols_in(g->session, BC_STATE_LIVE) +
		       session_symbols_in(g->session, BC_STATE_QUIET);
	snprintf(text, sizeof text, "%sWATCHDOG=1\nSTATUS=%u symbols, %u fit",
		 g->told_systemd ? "" : "READY=1\n", session_symbols(g->session), fit);
	g->told_systemd = true;
	if (bc_sd_notify(g->stopping ? "STOPPING=1" : text) != BC_OK)
		bc_log_event(g->log, BC_LOG_DEBUG, "gateway.sd-notify", BC_LOG_S("why", "refused"));
}

void gateway_heartbeat(struct gateway *g)
{
	const struct session_counters *in = session_counters(g->session);
	char names[OUTLET_N_HOPS][BC_HOP_FIELDS][BC_HOP_NAME_MAX];
	struct bc_heartbeat h = {
		.instance = bc_str_of(g->settings->outlet.instance),
		.version = bc_str_of(bc_version),
		.shard_index = g->told_shard,
		.shard_count = g->told_shards,
		.pid = (uint32_t)getpid(),
		.started = g->started,
		.interval_ns = bc_config_ns(g->settings->config, BC_KEY_HEARTBEAT_INTERVAL),
	};
	add_endpoints(g, &h);
	add_states(g, &h);
	add_counter(&h, "messages_received", in->messages);
	add_counter(&h, "bytes_received", in->bytes);
	add_counter(&h, "reconnects", in->reconnects);
	add_counter(&h, "rejected", in->refused + in->out_of_range + in->crossed);
	add_counter(&h, "published", outlet_counters(g->outlet)->published);
	add_counter(&h, "connections_open", session_connections_open(g->session));
	add_shard(g, &h);
	add_rest(g, &h);
	add_hops(g, &h, names);
	outlet_heartbeat(g->outlet, bc_mono_now(), &h);
	gateway_latest_beat(g);
	g->heartbeats++;
	bc_accept_tell(g->log, "bus.turned-away", &g->refused);
	status_update(g);
	bc_log_flush(g->log);
	tell_systemd(g);
}

/* ------------------------------------------------------------------ the ready line */

/* What a subscriber that stops reading can make this process keep. */
static void log_memory_bound(const struct gateway *g)
{
	uint64_t largest = outlet_max_message(g->outlet);
	bc_log_event(g->log, BC_LOG_INFO, "gateway.memory",
		     BC_LOG_U("topics", outlet_topics(g->outlet)),
		     BC_LOG_U("max_message_bytes", largest),
		     BC_LOG_U("send_hwm", (uint64_t)g->send_hwm),
		     BC_LOG_U("bound_bytes", (uint64_t)g->send_hwm * largest),
		     BC_LOG_S("of", "all stopped subscribers together, who share messages"));
}

void gateway_ready_line(const struct gateway *g)
{
	char text[4096], shard[24];
	struct bc_json_writer w;
	log_memory_bound(g);
	bc_json_start(&w, text, sizeof text, bc_json_to_file, stdout);
	bc_json_object(&w);
	bc_json_put_text(&w, "program", "bookcast-gateway");
	bc_json_put_text(&w, "exchange", g->settings->outlet.exchange);
	bc_json_put_text(&w, "instance", g->settings->outlet.instance);
	snprintf(shard, sizeof shard, "%u/%u", g->shard, g->shards);
	bc_json_put_text(&w, "shard", shard);
	bc_json_put_int(&w, "pid", getpid());
	bc_json_put_array(&w, "endpoints");
	for (size_t i = 0; i < bc_pub_endpoints(g->pub); i++)
		bc_json_string(&w, bc_str_of(bc_pub_endpoint(g->pub, i)));
	bc_json_array_end(&w);
	bc_json_put_text(&w, "ctl", g->ctl_endpoint);
	bc_json_put_text(&w, "metrics",
			 g->metrics_server == NULL ? NULL : bc_metrics_address(g->metrics_server));
	bc_json_object_end(&w);
	if (bc_json_end(&w, "\n") != BC_OK || fflush(stdout) != 0)
		bc_log_event(g->log, BC_LOG_WARN, "gateway.ready-line",
			     BC_LOG_S("why", "stdout does not take it"));
}
