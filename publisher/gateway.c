/* gateway.c - life, the loop's turn, signals.
 *
 * A turn of the loop: timers (session_tick, heartbeat), sockets (messages, subscriptions,
 * commands), then, just before the loop sleeps, what the turn has left: failures to tell the
 * session, conflated books and welcomes that are due, and the timer for the next deadline. */
#include "publisher/gateway_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHUTDOWN_TURNS_MS 300 /* for the WebSocket's closing handshake */

struct session_now gateway_now(struct gateway *g)
{
	g->read_at.ns = BC_TIME_UNKNOWN;
	g->now = (struct session_now){ .mono = bc_mono_now(),
				       .boot = bc_boot_now(),
				       .wall = bc_wall_now() };
	return g->now;
}

struct session_now gateway_now_of(struct gateway *g, bc_wall_time received)
{
	if (g->read_at.ns != received.ns || received.ns == BC_TIME_UNKNOWN) {
		g->now = (struct session_now){ .mono = bc_mono_now(),
					       .boot = bc_boot_now(),
					       .wall = received };
		g->read_at = received;
	}
	return g->now;
}

/* ------------------------------------------------------------------ the turn */

static void on_deadline(uv_timer_t *timer)
{
	struct gateway *g = timer->data;
	g->armed.ns = BC_TIME_UNKNOWN;
	session_tick(g->session, gateway_now(g));
}

static void on_again(uv_idle_t *idle)
{
	(void)idle; /* that it is active keeps the loop from sleeping */
}

/* Most deadlines move on with every message. The timer stays where it is set: when it goes off,
 * nothing may be due yet, and it is set anew. */
static void arm(struct gateway *g, bc_mono_time now, bc_mono_time next)
{
	uint64_t ms = 0;
	if (g->armed.ns != BC_TIME_UNKNOWN && g->armed.ns <= next.ns)
		return;
	if (next.ns > now.ns)
		ms = (uint64_t)((next.ns - now.ns - 1) / BC_NS_PER_MS + 1);
	g->armed = next;
	uv_update_time(&g->loop);
	uv_timer_start(&g->deadline, on_deadline, ms, 0);
}

static void on_turn(uv_prepare_t *prepare)
{
	struct gateway *g = prepare->data;
	bc_mono_time now = bc_mono_now();
	g->read_at.ns = BC_TIME_UNKNOWN;
	if (g->something_failed)
		gateway_feed_turn(g);
	outlet_list_partial(g->outlet, session_awaits_listing(g->session));
	if (outlet_turn(g->outlet, now) || g->something_failed)
		uv_idle_start(&g->again, on_again);
	else
		uv_idle_stop(&g->again);
	bc_mono_time session = session_next_deadline(g->session);
	bc_mono_time outlet = outlet_next_deadline(g->outlet);
	bc_pub_flush(g->pub); /* nothing waits while the loop does, whatever a transport says */
	arm(g, now, session.ns < outlet.ns ? session : outlet);
}

static void on_heartbeat(uv_timer_t *timer)
{
	struct gateway *g = timer->data;
	gateway_shard_turn(g);
	gateway_heartbeat(g);
}

/* ------------------------------------------------------------------ signals */

static void on_stop(uv_signal_t *signal, int number)
{
	struct gateway *g = signal->data;
	bc_log_event(g->log, BC_LOG_INFO, "gateway.stopping",
		     BC_LOG_S("signal", number == SIGTERM ? "SIGTERM" : "SIGINT"));
	g->stopping = true;
	uv_stop(&g->loop);
}

static void on_level(uv_signal_t *signal, int number)
{
	struct gateway *g = signal->data;
	int level = (int)bc_log_get_level(g->log) + (number == SIGUSR1 ? 1 : -1);
	if (level < BC_LOG_ERROR || level > BC_LOG_DEBUG)
		return;
	bc_log_set_level(g->log, (enum bc_log_level)level);
	bc_log_event(g->log, (enum bc_log_level)level, "log.level", BC_LOG_I("level", level));
}

static void on_reload(uv_signal_t *signal, int number)
{
	(void)number;
	gateway_reload(signal->data);
}

static const struct {
	int number;
	uv_signal_cb handler;
} signal_rows[] = {
	{ SIGTERM, on_stop },  { SIGINT, on_stop },   { SIGUSR1, on_level },
	{ SIGUSR2, on_level }, { SIGHUP, on_reload },
};

static bc_status signals_open(struct gateway *g)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < sizeof signal_rows / sizeof *signal_rows; i++) {
		g->signals[i].data = g;
		if (uv_signal_init(&g->loop, &g->signals[i]) != 0 ||
		    uv_signal_start(&g->signals[i], signal_rows[i].handler,
				    signal_rows[i].number) != 0)
			return BC_EIO;
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ life */

static bc_status loop_open(struct gateway *g)
{
	if (uv_loop_init(&g->loop) != 0)
		return BC_EIO;
	g->loop_open = true;
	g->deadline.data = g->heartbeat.data = g->turn.data = g;
	uv_timer_init(&g->loop, &g->deadline);
	uv_timer_init(&g->loop, &g->heartbeat);
	uv_prepare_init(&g->loop, &g->turn);
	uv_idle_init(&g->loop, &g->again);
	uv_idle_init(&g->loop, &g->spin);
	g->armed.ns = g->read_at.ns = BC_TIME_UNKNOWN;
	return signals_open(g);
}

static void start(struct gateway *g)
{
	uint64_t ms = (uint64_t)(bc_config_ns(g->settings->config, BC_KEY_HEARTBEAT_INTERVAL) /
				 BC_NS_PER_MS);
	outlet_list_partial(g->outlet, session_awaits_listing(g->session));
	session_start(g->session, gateway_now(g));
	uv_timer_start(&g->heartbeat, on_heartbeat, 0, ms);
	/* Last of all: libuv runs the newest prepare handle first, and those that watch ZeroMQ's
	 * sockets must see what this one has sent. */
	uv_prepare_start(&g->turn, on_turn);
	if (!bc_config_bool(g->settings->config, BC_KEY_SPIN))
		return;
	uv_idle_start(&g->spin, on_again);
	bc_log_event(g->log, BC_LOG_INFO, "gateway.spins",
		     BC_LOG_S("effect", "the loop never sleeps: one CPU is busy all the time"));
}

bc_status gateway_open(struct gateway **out, const struct settings *settings, struct bc_log *log)
{
	struct gateway *g = calloc(1, sizeof *g);
	bc_status rc = BC_ENOMEM;
	if (g == NULL)
		return rc;
	g->settings = settings;
	g->log = log;
	g->ctl_lock = -1;
	g->started = bc_wall_now();
	g->epoch = (uint64_t)(g->started.ns / BC_NS_PER_US);
	if ((rc = loop_open(g)) != BC_OK ||           /* 1 what turns */
	    (rc = gateway_bus_open(g)) != BC_OK ||    /* 2 where it goes */
	    (rc = gateway_outlet_open(g)) != BC_OK || /* 3 as what */
	    (rc = gateway_feed_open(g)) != BC_OK ||   /* 4 where it comes from */
	    (rc = control_open(g)) != BC_OK ||        /* 5 who may ask */
	    (rc = gateway_status_open(g)) != BC_OK) { /* 6 how it is */
		gateway_close(&g);
		return rc;
	}
	gateway_ready_line(g);
	start(g);
	*out = g;
	return BC_OK;
}

void gateway_run(struct gateway *g)
{
	while (!g->stopping)
		uv_run(&g->loop, UV_RUN_DEFAULT);
	outlet_shut_down(g->outlet, bc_mono_now());
	gateway_latest_down(g);
	gateway_heartbeat(g);
}

/* ------------------------------------------------------------------ the end */

static void close_handle(uv_handle_t *handle, void *unused)
{
	(void)unused;
	if (!uv_is_closing(handle) && handle->type == UV_SIGNAL)
		uv_close(handle, NULL);
}

static void on_time_up(uv_timer_t *timer)
{
	uv_stop(timer->loop);
}

/* Lets the loop close what it has, for a bounded time. False: a name lookup hangs longer. */
static bool loop_close(struct gateway *g)
{
	if (!g->loop_open)
		return true;
	uv_walk(&g->loop, close_handle, NULL);
	uv_prepare_stop(&g->turn);
	uv_close((uv_handle_t *)&g->turn, NULL);
	uv_close((uv_handle_t *)&g->again, NULL);
	uv_close((uv_handle_t *)&g->spin, NULL);
	uv_close((uv_handle_t *)&g->heartbeat, NULL);
	uv_update_time(&g->loop); /* the bus has just waited for its queues */
	uv_timer_start(&g->deadline, on_time_up, SHUTDOWN_TURNS_MS, 0);
	uv_unref((uv_handle_t *)&g->deadline);
	uv_run(&g->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&g->deadline, NULL);
	uv_run(&g->loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&g->loop) == 0)
		return true;
	bc_log_event(g->log, BC_LOG_DEBUG, "gateway.loop-left",
		     BC_LOG_S("why", "something in it did not end in time"));
	return false;
}

bool gateway_close(struct gateway **gateway)
{
	struct gateway *g = *gateway;
	*gateway = NULL;
	if (g == NULL)
		return true;
	gateway_status_close(g);
	control_close(g);
	gateway_shard_close(g);
	gateway_feed_close(g);
	outlet_free(&g->outlet);
	gateway_latest_close(g);
	gateway_bus_close(g); /* waits for its queues, for LINGER at most */
	if (!loop_close(g))
		return false; /* the thread will still tell the loop, so it stays where it is */
	gateway_feed_free(g);
	session_free(&g->session);
	budget_file_free(&g->budget);
	gateway_shard_free(g);
	bc_config_free(&g->reloaded);
	free(g);
	return true;
}
