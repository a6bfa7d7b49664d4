#include "subscribers/cache/service.h"

#include "common/accept_guard.h"
#include "common/bus_socket.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "common/rpc_loop.h"
#include "common/run_dir.h"
#include "common/sd_notify.h"
#include "common/text.h"
#include "subscribers/cache/desk.h"
#include "subscribers/cache/feeds.h"
#include "subscribers/cache/patience.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BINDS = 8, MAX_REMOTE = 256, REQUESTS_A_TURN = 64 };

static const int signals[] = { SIGTERM, SIGINT, SIGUSR1, SIGUSR2 };
enum { N_SIGNALS = sizeof signals / sizeof *signals };

struct known { /* a gateway as it was reported last */
	uint64_t epoch;
	bool gone;
};

struct cache_service {
	uv_loop_t loop;
	uv_signal_t signals[N_SIGNALS];
	uv_timer_t second, pulse;
	void *zmq;
	int lock;
	struct bc_rpc_server *server;
	struct bc_rpc_watch *watch;
	struct bc_board *board;
	struct cache_rings *rings;
	struct cache_delays *delays;
	struct cache_desk *desk;
	struct cache_feeds *feeds;
	struct bc_metrics metrics;
	struct bc_metrics_server *metrics_server;
	struct bc_log *log;
	struct patience patience;
	struct known known[256];
	size_t n_known;
	uint64_t refused, dropped; /* connections; already told */
	char run_dir[BC_PATH_MAX];
	char endpoints[MAX_BINDS][BC_ENDPOINT_MAX];
	size_t n_endpoints;
	bool loop_open;
};

/* ---- once a second ---- */

/* Says once when a gateway appears, goes and comes back. */
static void watch_gateway(struct cache_service *s, const struct bc_gateway *g, bc_mono_time now)
{
	struct known *k = NULL;
	bool gone = bc_gateway_gone(g, now), first = false;
	for (size_t i = 0; i < s->n_known && k == NULL; i++)
		if (s->known[i].epoch == g->epoch)
			k = &s->known[i];
	if (k == NULL) {
		/* Full: the oldest is forgotten, and at worst reported once more. */
		if (s->n_known == sizeof s->known / sizeof *s->known)
			memmove(s->known, s->known + 1, --s->n_known * sizeof *k);
		k = &s->known[s->n_known++];
		*k = (struct known){ g->epoch, false };
		first = true;
	}
	if (!first && gone == k->gone)
		return;
	k->gone = gone;
	bc_log_event(s->log, gone ? BC_LOG_WARN : BC_LOG_INFO,
		     gone    ? "gateway.gone"
		     : first ? "gateway.found"
			     : "gateway.back",
		     BC_LOG_S("exchange", g->exchange), BC_LOG_S("instance", g->instance),
		     BC_LOG_U("epoch", g->epoch), BC_LOG_T("heard", now.ns - g->heard.ns));
}

static void count(struct cache_service *s, bc_mono_time now)
{
	const struct bc_board_stats *stats = bc_board_stats(s->board);
	const struct cache_about *about = cache_desk_about(s->desk);
	const struct cache_rings_stats *history = cache_rings_stats(s->rings);
	struct cache_tally tally = cache_tally(s->board, now);
	const struct {
		enum bc_metric id;
		uint64_t value;
	} rows[] = {
		{ BC_METRIC_TOPICS, bc_board_topics(s->board) },
		{ BC_METRIC_CACHE_STORED_BYTES, bc_board_bytes(s->board) },
		{ BC_METRIC_CACHE_HISTORIES, cache_rings_count(s->rings) },
		{ BC_METRIC_CACHE_HISTORY_BYTES, cache_rings_bytes(s->rings) },
		{ BC_METRIC_CACHE_HISTORY_KEPT, history->kept },
		{ BC_METRIC_CACHE_HISTORY_DUPLICATES, history->duplicates },
		{ BC_METRIC_CACHE_HISTORY_LATE, history->late },
		{ BC_METRIC_CACHE_HISTORY_REFUSED, history->refused },
		{ BC_METRIC_CACHE_HISTORY_HALVED, history->halved },
		{ BC_METRIC_CACHE_MESSAGES, stats->messages },
		{ BC_METRIC_CACHE_BYTES, stats->bytes },
		{ BC_METRIC_CACHE_BAD, stats->bad },
		{ BC_METRIC_CACHE_UNKNOWN, stats->unknown },
		{ BC_METRIC_CACHE_DUPLICATES, stats->duplicates },
		{ BC_METRIC_CACHE_STRAGGLERS, stats->stragglers },
		{ BC_METRIC_CACHE_REFUSED, stats->refused },
		{ BC_METRIC_CACHE_GAPS, stats->gaps },
		{ BC_METRIC_CACHE_LOST, stats->lost },
		{ BC_METRIC_CACHE_GATEWAYS, tally.gateways - tally.gone },
		{ BC_METRIC_CACHE_GATEWAYS_GONE, tally.gone },
		{ BC_METRIC_CACHE_SYMBOLS_FIT, tally.fit },
		{ BC_METRIC_CACHE_SYMBOLS_UNFIT, tally.unfit },
		{ BC_METRIC_CACHE_SHARDS_MISSING, tally.missing },
		{ BC_METRIC_CACHE_ORPHANS, tally.orphans },
		{ BC_METRIC_CACHE_REQUESTS, about->requests - about->bad_requests },
		{ BC_METRIC_CACHE_BAD_REQUESTS, about->bad_requests },
		{ BC_METRIC_CACHE_CLIENTS_DROPPED, about->clients_dropped },
		{ BC_METRIC_HEARD_EARLY, bc_histogram_negative(cache_delays_all(s->delays)) },
		{ BC_METRIC_LOG_LOST, bc_log_lost(s->log) },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		bc_metric_set(&s->metrics, rows[i].id, rows[i].value);
}

static void tell_dropped(struct cache_service *s)
{
	uint64_t dropped = cache_desk_about(s->desk)->clients_dropped;
	if (dropped > s->dropped)
		bc_log_event(s->log, BC_LOG_WARN, "clients.dropped",
			     BC_LOG_U("clients", dropped - s->dropped),
			     BC_LOG_S("why",
				      "not ZeroMQ 4, too large a frame, or answers not read"));
	s->dropped = dropped;
}

static void on_second(uv_timer_t *timer)
{
	struct cache_service *s = timer->data;
	const struct bc_gateways *gateways = bc_board_gateways(s->board);
	bc_mono_time now = bc_boot_now();
	bc_board_tick(s->board, now);
	bc_accept_tell(s->log, "clients.turned-away", &s->refused);
	tell_dropped(s);
	cache_feeds_rescan(s->feeds);
	for (size_t i = 0; i < bc_gateways_count(gateways); i++)
		if (!bc_gateways_at(gateways, i)->replaced)
			watch_gateway(s, bc_gateways_at(gateways, i), now);
	cache_delays_turn(s->delays, gateways, now);
	count(s, now);
	bc_metrics_beat(&s->metrics, bc_mono_now());
	if (bc_sd_watchdog_ns() > 0)
		bc_sd_notify("WATCHDOG=1");
	bc_log_flush(s->log);
}

static void on_pulse(uv_timer_t *timer)
{
	struct cache_service *s = timer->data;
	patience_pulse(&s->patience, bc_boot_now());
	if (s->patience.n_long == bc_metric_get(&s->metrics, BC_METRIC_LOOP_STALLS))
		return;
	bc_metric_set(&s->metrics, BC_METRIC_LOOP_STALLS, s->patience.n_long);
	bc_log_event(s->log, BC_LOG_WARN, "loop.stalled",
		     BC_LOG_T("for", s->patience.last_long_ns));
}

/* On the metrics thread: atomics only. As a gateway's: there are symbols, and all of them fit. */
static bool is_ready(void *self, char *why, size_t cap)
{
	const struct bc_metrics *m = self;
	struct bc_text text = bc_text_on(why, cap);
	uint64_t gone = bc_metric_get(m, BC_METRIC_CACHE_GATEWAYS_GONE);
	uint64_t up = bc_metric_get(m, BC_METRIC_CACHE_GATEWAYS);
	uint64_t fit = bc_metric_get(m, BC_METRIC_CACHE_SYMBOLS_FIT);
	uint64_t unfit = bc_metric_get(m, BC_METRIC_CACHE_SYMBOLS_UNFIT);
	if (gone > 0)
		bc_text_addf(&text, "gateways gone: %llu\n", (unsigned long long)gone);
	else if (up == 0)
		bc_text_addf(&text, "no gateway is heard\n");
	if (unfit > 0)
		bc_text_addf(&text, "symbols not fit: %llu\n", (unsigned long long)unfit);
	if (up > 0 && fit + unfit == 0)
		bc_text_addf(&text, "no symbol is followed\n");
	return up > 0 && gone == 0 && fit > 0 && unfit == 0;
}

/* ---- requests and signals ---- */

static void on_request(void *self)
{
	struct cache_service *s = self;
	bc_mono_time now = bc_boot_now();
	if (patience_waits(&s->patience, cache_feeds_behind(s->feeds), now))
		return;
	bc_board_set_behind(s->board, s->patience.behind);
	cache_desk_serve(s->desk, now, REQUESTS_A_TURN);
}

static void change_level(struct cache_service *s, int by)
{
	static const char *const words[] = { "error", "warn", "info", "debug" };
	int level = (int)bc_log_get_level(s->log) + by;
	if (level < BC_LOG_ERROR || level > BC_LOG_DEBUG)
		return;
	bc_log_set_level(s->log, (enum bc_log_level)level);
	bc_log_event(s->log, BC_LOG_ERROR, "log.level", BC_LOG_S("is", words[level]));
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct cache_service *s = handle->data;
	if (number == SIGUSR1 || number == SIGUSR2) {
		change_level(s, number == SIGUSR1 ? 1 : -1);
		return;
	}
	bc_log_event(s->log, BC_LOG_INFO, "cache.stopping", BC_LOG_S("signal", strsignal(number)));
	uv_stop(&s->loop);
}

/* ---- start ---- */

static bc_status open_loop(struct cache_service *s)
{
	if (uv_loop_init(&s->loop) != 0)
		return BC_ENOMEM;
	s->loop_open = true;
	for (size_t i = 0; i < N_SIGNALS; i++) {
		uv_signal_init(&s->loop, &s->signals[i]);
		s->signals[i].data = s;
		if (uv_signal_start(&s->signals[i], on_signal, signals[i]) != 0)
			return BC_EIO;
	}
	uv_timer_init(&s->loop, &s->second);
	s->second.data = s;
	uv_timer_start(&s->second, on_second, 1000, 1000);
	uv_timer_init(&s->loop, &s->pulse);
	s->pulse.data = s;
	patience_pulse(&s->patience, bc_boot_now());
	uv_timer_start(&s->pulse, on_pulse, PATIENCE_PULSE_NS / BC_NS_PER_MS,
		       PATIENCE_PULSE_NS / BC_NS_PER_MS);
	return BC_OK;
}

/* ------------------------------------------------------------------ rules */

static bool complain(const struct bc_config *c, enum bc_key key, int item, const char *message)
{
	bc_config_complain(c, key, item, message);
	return false;
}

static bool bind_rule(const struct bc_config *c)
{
	bool allowed = bc_config_bool(c, BC_KEY_BUS_ALLOW_INSECURE), good = true;
	size_t n = bc_config_count(c, BC_KEY_CACHE_BIND);
	if (n >= MAX_BINDS)
		good = complain(c, BC_KEY_CACHE_BIND, -1, "more than 7 endpoints");
	for (size_t i = 0; i < n; i++) {
		const char *endpoint = bc_config_item(c, BC_KEY_CACHE_BIND, i);
		if (!bc_endpoint_is_tcp(endpoint))
			good = complain(c, BC_KEY_CACHE_BIND, (int)i,
					"tcp://ADDRESS:PORT, such as tcp://127.0.0.1:0");
		else if (!allowed && !bc_endpoint_is_local(endpoint))
			good = complain(
				c, BC_KEY_CACHE_BIND, (int)i,
				"anybody who can connect could read; bind 127.0.0.1, or set "
				"bus.allow_insecure if that is meant");
	}
	return good;
}

static bool gateways_rule(const struct bc_config *c)
{
	bool good = true;
	size_t n = bc_config_count(c, BC_KEY_GATEWAYS);
	if (n > MAX_REMOTE)
		good = complain(c, BC_KEY_GATEWAYS, -1, "more than 256 endpoints");
	for (size_t i = 0; i < n; i++) {
		const char *endpoint = bc_config_item(c, BC_KEY_GATEWAYS, i);
		if (!bc_endpoint_is_tcp(endpoint) &&
		    !bc_str_starts(bc_str_of(endpoint), BC_STR("ipc:///")))
			good = complain(c, BC_KEY_GATEWAYS, (int)i,
					"tcp://HOST:PORT, such as tcp://10.0.0.5:7001");
	}
	return good;
}

bool cache_service_rules(const struct bc_config *c)
{
	bool good = bind_rule(c);
	good &= gateways_rule(c);
	if (!bc_metrics_address_good(bc_config_text(c, BC_KEY_METRICS_LISTEN)))
		good = complain(c, BC_KEY_METRICS_LISTEN, -1, BC_METRICS_ADDRESS_HINT);
	return good;
}

/* ------------------------------------------------------------------ start */

static bc_status bind_one(struct cache_service *s, const struct bc_config *c, int item,
			  const char *endpoint)
{
	char why[512] = "not an endpoint such as tcp://127.0.0.1:5556";
	bc_status rc = bc_rpc_server_bind(s->server, endpoint, 0660, s->endpoints[s->n_endpoints]);
	if (rc == BC_OK) {
		s->n_endpoints++;
		return BC_OK;
	}
	if (rc != BC_EINVAL)
		snprintf(why, sizeof why, "cannot be bound: %s", strerror(errno));
	bc_config_complain(c, item < 0 ? BC_KEY_RUN_DIR : BC_KEY_CACHE_BIND, item, why);
	return rc;
}

static bc_status open_server(struct cache_service *s, const struct bc_config *c)
{
	char why[512], path[BC_PATH_MAX], endpoint[BC_ENDPOINT_MAX];
	size_t n = bc_config_count(c, BC_KEY_CACHE_BIND);
	bc_status rc =
		bc_run_dir(bc_config_text(c, BC_KEY_RUN_DIR), true, s->run_dir, why, sizeof why);
	if (rc == BC_OK)
		rc = bc_run_lock(s->run_dir, "cache.rpc", &s->lock, why, sizeof why);
	if (rc == BC_OK && (rc = bc_run_path(s->run_dir, "cache.rpc", path)) != BC_OK)
		snprintf(why, sizeof why, "%s: the path is too long for a socket", s->run_dir);
	if (rc != BC_OK) {
		bc_config_complain(c, BC_KEY_RUN_DIR, -1, why);
		return rc;
	}
	if ((rc = bc_rpc_server_new(&s->server)) != BC_OK)
		return rc;
	snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
	rc = bind_one(s, c, -1, endpoint);
	for (size_t i = 0; i < n && rc == BC_OK; i++)
		rc = bind_one(s, c, (int)i, bc_config_item(c, BC_KEY_CACHE_BIND, i));
	return rc;
}

static bc_status open_board(struct cache_service *s, const struct bc_config *c)
{
	const struct bc_board_limits limits = {
		.max_topics = (size_t)bc_config_int(c, BC_KEY_CACHE_MAX_TOPICS),
		.max_bytes = (size_t)bc_config_int(c, BC_KEY_CACHE_MAX_BYTES),
		.retain_ns = bc_config_ns(c, BC_KEY_CACHE_RETAIN)
	};
	const struct cache_rings_limits history = {
		.trades = (size_t)bc_config_int(c, BC_KEY_CACHE_TRADES),
		.candles = (size_t)bc_config_int(c, BC_KEY_CACHE_CANDLES),
		.max_bytes = (size_t)bc_config_int(c, BC_KEY_CACHE_HISTORY_BYTES)
	};
	if ((s->board = bc_board_new(&limits)) == NULL ||
	    (s->rings = cache_rings_new(&history)) == NULL ||
	    (s->delays = cache_delays_new()) == NULL)
		return BC_ENOMEM;
	bc_board_on_forgotten(s->board, cache_rings_forget, s->rings);
	s->desk = cache_desk_new(s->board, s->rings, s->delays, s->server, &limits, bc_boot_now());
	if (s->desk == NULL)
		return BC_ENOMEM;
	bc_log_event(s->log, BC_LOG_INFO, "cache.limits", BC_LOG_U("topics", limits.max_topics),
		     BC_LOG_U("payload_bytes", limits.max_bytes),
		     BC_LOG_U("trades", history.trades), BC_LOG_U("candles", history.candles),
		     BC_LOG_U("history_bytes", history.max_bytes));
	return BC_OK;
}

static bc_status open_feeds(struct cache_service *s, const struct bc_config *c)
{
	const char *remote[MAX_REMOTE];
	size_t n = bc_config_count(c, BC_KEY_GATEWAYS);
	for (size_t i = 0; i < n; i++)
		remote[i] = bc_config_item(c, BC_KEY_GATEWAYS, i);
	const struct cache_feeds_options options = { s->run_dir, remote, n };
	return cache_feeds_start(&s->feeds, &s->loop, s->zmq, s->board, s->rings, s->delays, s->log,
				 &options);
}

static bc_status open_metrics(struct cache_service *s, const struct bc_config *c)
{
	char why[256] = "";
	const char *listen = bc_config_text(c, BC_KEY_METRICS_LISTEN);
	bc_metrics_init(&s->metrics, BC_CACHE, "bookcast-cache", NULL, NULL);
	bc_metric_histogram(&s->metrics, BC_METRIC_HEARD, cache_delays_all(s->delays));
	if (listen[0] == '\0')
		return BC_OK;
	bc_metrics_beat(&s->metrics, bc_mono_now());
	bc_status rc = bc_metrics_serve(&s->metrics_server, &s->metrics, listen, is_ready,
					&s->metrics, why, sizeof why);
	if (rc != BC_OK)
		bc_config_complain(c, BC_KEY_METRICS_LISTEN, -1, why);
	return rc;
}

bc_status cache_service_new(struct cache_service **out, const struct bc_config *config,
			    struct bc_log *log)
{
	struct cache_service *s = calloc(1, sizeof *s);
	if (s == NULL)
		return BC_ENOMEM;
	bc_status rc = BC_ENOMEM;
	s->log = log;
	s->lock = -1;
	if ((s->zmq = bc_bus_context_new()) == NULL || (rc = open_loop(s)) != BC_OK ||
	    (rc = open_server(s, config)) != BC_OK || (rc = open_board(s, config)) != BC_OK ||
	    (rc = open_feeds(s, config)) != BC_OK || (rc = open_metrics(s, config)) != BC_OK ||
	    (rc = bc_rpc_watch_start(&s->watch, &s->loop, s->server, on_request, s)) != BC_OK) {
		cache_service_free(&s);
		return rc;
	}
	*out = s;
	return BC_OK;
}

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

void cache_service_free(struct cache_service **service)
{
	struct cache_service *s = *service;
	if (s == NULL)
		return;
	bc_metrics_stop(&s->metrics_server);
	bc_rpc_watch_stop(&s->watch);
	cache_feeds_stop(&s->feeds);
	bc_rpc_server_free(&s->server);
	if (s->loop_open) {
		uv_walk(&s->loop, close_handle, NULL);
		uv_run(&s->loop, UV_RUN_DEFAULT);
		uv_loop_close(&s->loop);
	}
	cache_desk_free(&s->desk);
	bc_board_free(&s->board);
	cache_rings_free(&s->rings);
	cache_delays_free(&s->delays);
	bc_bus_context_free(&s->zmq);
	if (s->lock >= 0) { /* while the path is ours; libzmq leaves it */
		if (s->n_endpoints > 0)
			unlink(s->endpoints[0] + strlen("ipc://"));
		close(s->lock);
	}
	free(s);
	*service = NULL;
}

bc_status cache_service_say_ready(const struct cache_service *s)
{
	char buffer[4096];
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, bc_json_to_file, stdout);
	bc_json_object(&w);
	bc_json_put_text(&w, "program", "bookcast-cache");
	bc_json_put_int(&w, "pid", getpid());
	bc_json_put_text(&w, "run_dir", s->run_dir);
	bc_json_put_text(&w, "endpoint", s->endpoints[0]);
	bc_json_put_array(&w, "endpoints");
	for (size_t i = 0; i < s->n_endpoints; i++)
		bc_json_string(&w, bc_str_of(s->endpoints[i]));
	bc_json_array_end(&w);
	bc_json_put_text(&w, "metrics",
			 s->metrics_server == NULL ? NULL : bc_metrics_address(s->metrics_server));
	bc_json_object_end(&w);
	bc_status rc = bc_json_end(&w, "\n");
	if (rc != BC_OK || fflush(stdout) != 0)
		return BC_EIO;
	bc_sd_notify("READY=1");
	return BC_OK;
}

void cache_service_run(struct cache_service *s)
{
	uv_run(&s->loop, UV_RUN_DEFAULT);
	bc_sd_notify("STOPPING=1");
}
