#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS     5
#define CATCH_UP_NS BC_NS_PER_S /* after a stop of this process the market skips the rest */

struct sim_world sim_world_now(const struct sim *sim)
{
	return (struct sim_world){
		.market = sim->market,
		.replay = sim->replay != NULL,
		.recorded = sim->recording != NULL ? &sim->recorded : NULL,
		.now = bc_wall_now(),
		.mono = bc_mono_now(),
		.skew_ns = sim->skew_ns,
		.crossed = (uint32_t *)&sim->crossed,
		.old_snapshots = (struct sim_old_snapshots *)&sim->old_snapshots,
		.ledger = sim->ledger,
		.forgiving = sim->options.limits == SIM_LIMITS_COUNTED,
	};
}

/* ------------------------------------------------------------------ a session's sink */

static void send_data(void *self, bc_str symbol, bc_str payload)
{
	struct sim_session *s = self;

	if (!sim_fault_data(s, symbol, payload))
		fault_send(s, payload);
}

static void send_reply(void *self, bc_str payload)
{
	struct sim_session *s = self;

	sim_conn_send(s->conn, s->sim->face->reply_opcode, payload);
}

static void close_later(void *self, uint16_t code, int64_t after_ns)
{
	struct sim_session *s = self;

	s->close_at_ns = bc_mono_now().ns + after_ns;
	s->close_code = code;
}

static void send_ping(void *self, bc_str payload)
{
	struct sim_session *s = self;

	sim_conn_send(s->conn, WS_PING, payload);
}

struct sim_sink sim_session_sink(struct sim_session *s)
{
	return (struct sim_sink){ s, send_data, send_reply, close_later, send_ping };
}

/* ------------------------------------------------------------------ the ledger */

void sim_ledger_about(struct sim *sim, const struct sim_conn *conn, uint64_t session)
{
	char address[SIM_ADDRESS_MAX];

	sim_conn_address(conn, address);
	ledger_about(sim->ledger, address, session,
		     (struct ledger_when){ sim->looked_ns, bc_mono_now().ns });
}

static void on_check(uv_check_t *check)
{
	struct sim *sim = check->data;

	sim->looked_ns = bc_mono_now().ns;
}

void sim_limits_line(const struct sim *sim, struct sim_buffer *out)
{
	ledger_put(sim->ledger, out);
	sim_buffer_char(out, '\n');
}

/* ------------------------------------------------------------------ connections */

static void reap(struct sim *sim)
{
	while (sim->dead != NULL) {
		struct sim_session *s = sim->dead;

		sim->dead = s->next;
		sim->face->session_free(s->state);
		sim_buffer_free(&s->stream.chunk);
		sim_buffer_free(&s->held);
		free(s);
	}
}

static void end_session(struct sim_session *s)
{
	struct sim *sim = s->sim;

	sim_player_forget(sim, s);
	ledger_gone(sim->ledger, s->id);
	if (s->previous != NULL)
		s->previous->next = s->next;
	else
		sim->sessions = s->next;
	if (s->next != NULL)
		s->next->previous = s->previous;
	s->gone = true;
	s->next = sim->dead;
	sim->dead = s;
}

struct sim_session *sim_session_begin(struct sim *sim, struct sim_conn *conn)
{
	struct sim_session *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->state = sim->face->session_new(sim->face_state);
	if (s->state == NULL) {
		free(s);
		return NULL;
	}
	s->sim = sim;
	s->conn = conn;
	s->id = ++sim->n_sessions;
	s->next = sim->sessions;
	if (sim->sessions != NULL)
		sim->sessions->previous = s;
	sim->sessions = s;
	sim_conn_set_data(conn, s);
	return s;
}

/* ------------------------------------------------------------------ time passes */

static void close_session(struct sim_session *s)
{
	s->close_at_ns = 0;
	if (s->close_code != 0)
		sim_conn_close(s->conn, s->close_code);
	else
		sim_conn_end(s->conn);
}

static void turn_session(struct sim_session *s, const struct sim_world *world, bool flush)
{
	const struct sim *sim = s->sim;
	int64_t idle = sim->options.idle_close_ns != 0 ? sim->options.idle_close_ns
						       : sim->face->idle_close_ns;
	struct sim_sink sink = sim_session_sink(s);

	if (s->close_at_ns != 0 && world->mono.ns >= s->close_at_ns) {
		close_session(s);
		return;
	}
	if (idle > 0 && sim_conn_idle_ns(s->conn) >= idle) {
		sim_conn_end(s->conn); /* without a close frame, as measured */
		return;
	}
	if (sim_fault_stream(s) || world->mono.ns < s->stalled_until_ns)
		return;
	sim->face->tick(s->state, world, flush, &sink);
}

static void turn_faults(struct sim *sim, bc_mono_time now)
{
	if (sim->burst_until_ns != 0 && now.ns >= sim->burst_until_ns) {
		sim->burst_until_ns = 0;
		market_set_rate(sim->market, sim->options.rate);
	}
	if (sim->script != NULL)
		fault_script_run(sim->script, sim, now.ns - sim->started_ns);
}

void sim_turn(struct sim *sim, bool flush)
{
	struct sim_world world = sim_world_now(sim);
	struct sim_session *next;

	reap(sim);
	turn_faults(sim, world.mono);
	if (!sim->paused && sim->replay == NULL) {
		if (world.now.ns - sim->advanced_to.ns > CATCH_UP_NS)
			market_skip(sim->market, (bc_wall_time){ world.now.ns - CATCH_UP_NS });
		market_advance(sim->market, world.now);
		sim->advanced_to = world.now;
		sim_truth_log_turn(sim);
	}
	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next; /* a slow reader may be gone after its turn */
		turn_session(s, &world, flush);
	}
	sim_player_turn(sim, world.mono);
	sim_late_turn(sim, world.mono);
}

static void on_tick(uv_timer_t *timer)
{
	struct sim *sim = timer->data;

	/* A paused market changes nothing, so everything that is due may go at once. */
	sim_turn(sim, sim->paused);
}

/* ------------------------------------------------------------------ what the server tells */

static void on_message(void *self, struct sim_conn *conn, bc_str payload)
{
	struct sim *sim = self;
	struct sim_session *s = sim_conn_data(conn);
	struct sim_world world = sim_world_now(sim);
	struct sim_sink sink = sim_session_sink(s);

	sim_ledger_about(sim, conn, s->id);
	ledger_count(sim->ledger, LEDGER_MESSAGES, NULL, 1);
	sim->face->message(s->state, &world, payload, &sink);
	if (sim->face->streams != NULL)
		ledger_count(sim->ledger, LEDGER_STREAMS, NULL, sim->face->streams(s->state));
}

static void on_control(void *self, struct sim_conn *conn, enum ws_opcode opcode, bc_str payload)
{
	struct sim *sim = self;
	struct sim_session *s = sim_conn_data(conn);
	struct sim_world world = sim_world_now(sim);
	struct sim_sink sink = sim_session_sink(s);

	sim_ledger_about(sim, conn, s->id);
	ledger_count(sim->ledger, LEDGER_CONTROLS, NULL, 1);
	if (sim->face->control != NULL)
		sim->face->control(s->state, &world, opcode, payload, &sink);
}

static void on_drained(void *self, struct sim_conn *conn)
{
	struct sim *sim = self;
	struct sim_session *s = sim_conn_data(conn);

	if (s != NULL && !sim_fault_stream(s) && sim->replay != NULL)
		sim_player_turn(sim, bc_mono_now());
}

static void on_closed(void *self, struct sim_conn *conn)
{
	struct sim_session *s = sim_conn_data(conn);

	sim_late_forget(self, conn);
	if (s != NULL)
		end_session(s);
}

/* ------------------------------------------------------------------ life */

/* What the command line says about every symbol, over what the face says. */
static void adjust(struct market_spec *specs, const struct sim_options *o)
{
	for (size_t i = 0; i < o->n_symbols; i++) {
		if (o->levels > 0)
			specs[i].levels = o->levels;
		if (o->walk > 0)
			market_walk(&specs[i], o->walk);
	}
}

static bc_status start_market(struct sim *sim, char *why, size_t cap)
{
	const struct sim_options *o = &sim->options;
	struct market_spec *specs = calloc(o->n_symbols, sizeof *specs);
	struct market_options options = {
		.seed = o->seed,
		.rate = o->rate,
		.start = bc_wall_now(),
		.specs = specs,
		.n_specs = o->n_symbols,
		.intervals_s = o->face->intervals_s,
		.n_intervals = o->face->n_intervals,
		.journal = o->face->journal,
	};

	if (specs == NULL)
		return BC_ENOMEM;
	if (!o->face->specs(specs, o->n_symbols)) {
		snprintf(why, cap, "%s has names for fewer than %zu symbols", o->face->name,
			 o->n_symbols);
		free(specs);
		return BC_EINVAL;
	}
	adjust(specs, o);
	sim->market = market_new(&options);
	sim->advanced_to = options.start;
	free(specs);
	return sim->market != NULL ? BC_OK : BC_ENOMEM;
}

static bc_status start_server(struct sim *sim, char *why, size_t cap)
{
	struct sim_server_options options = {
		.listen = sim->options.listen,
		.compression = sim->options.compression,
		.events = { sim, sim_on_request, on_message, on_control, on_drained, on_closed },
	};
	bc_status rc;

	if (!sim->options.plain) {
		rc = sim_tls_new(&sim->tls, &sim->options.certificate, why, cap);
		if (rc != BC_OK)
			return rc;
	}
	options.tls = sim->tls;
	rc = sim_server_open(&sim->server, sim->loop, &options, why, cap);
	if (rc != BC_OK)
		return rc;
	uv_timer_start(&sim->tick, on_tick, TICK_MS, TICK_MS);
	return BC_OK;
}

bc_status sim_start(struct sim **out, uv_loop_t *loop, const struct sim_options *options, char *why,
		    size_t cap)
{
	struct sim *sim = calloc(1, sizeof *sim);
	bc_status rc = BC_ENOMEM;

	snprintf(why, cap, "%s", bc_status_text(BC_ENOMEM));
	if (sim == NULL)
		return BC_ENOMEM;
	*out = sim;
	sim->loop = loop;
	sim->started_ns = bc_mono_now().ns;
	sim->options = *options;
	sim->face = options->face;
	uv_timer_init(loop, &sim->tick);
	sim->tick.data = sim->check.data = sim;
	sim->looked_ns = sim->started_ns;
	uv_check_init(loop, &sim->check);
	uv_check_start(&sim->check, on_check);
	if (ledger_new(&sim->ledger, sim->face->rules, sim->face->n_rules) != BC_OK)
		return BC_ENOMEM;
	sim->face_state = sim->face->state_new();
	if (sim->face_state != NULL)
		rc = options->capture != NULL ? sim_player_open(sim, why, cap)
					      : start_market(sim, why, cap);
	if (rc == BC_OK && options->truth_log != NULL)
		rc = sim_truth_log_open(sim, why, cap);
	if (rc == BC_OK && options->faults != NULL)
		rc = fault_script_open(&sim->script, options->faults, why, cap);
	if (rc == BC_OK)
		rc = start_server(sim, why, cap);
	return rc;
}

void sim_stop(struct sim *sim)
{
	if (sim == NULL || uv_is_closing((uv_handle_t *)&sim->tick))
		return;
	uv_close((uv_handle_t *)&sim->tick, NULL);
	uv_close((uv_handle_t *)&sim->check, NULL);
	sim_server_close(sim->server);
}

void sim_free(struct sim **sim_at)
{
	struct sim *sim = *sim_at;

	*sim_at = NULL;
	if (sim == NULL)
		return;
	reap(sim);
	sim_truth_log_close(sim);
	sim_server_free(&sim->server);
	sim_recording_free(&sim->recording);
	sim_replay_free(&sim->replay);
	fault_script_free(&sim->script);
	sim_tls_free(&sim->tls);
	market_free(&sim->market);
	ledger_free(&sim->ledger);
	if (sim->face_state != NULL)
		sim->face->state_free(sim->face_state);
	free(sim);
}

/* A name the certificate has, if there is one; else the address, if others can reach it by that. */
static void put_host(const struct sim *sim, struct sim_buffer *out)
{
	const char *listen = sim->options.listen;
	bc_str address = { listen, (size_t)(strrchr(listen, ':') - listen) };
	bool any = bc_str_is(address, "0.0.0.0") || bc_str_is(address, "[::]");

	if (sim->tls != NULL && sim->options.certificate.name == NULL &&
	    (any || bc_str_is(address, "127.0.0.1") || bc_str_is(address, "[::1]")))
		sim_buffer_text(out, "localhost");
	else if (any)
		sim_buffer_text(out, "127.0.0.1");
	else
		sim_buffer_str(out, address);
}

void sim_ready_line(const struct sim *sim, struct sim_buffer *out)
{
	const char *s = sim->tls != NULL ? "s" : "";
	int port = sim_server_port(sim->server);

	sim_buffer_printf(out, "{\"ws\":\"ws%s://", s);
	put_host(sim, out);
	sim_buffer_printf(out, ":%d\",\"rest\":\"http%s://", port, s);
	put_host(sim, out);
	sim_buffer_printf(out, ":%d\",\"ca_file\":", port);
	if (sim->tls != NULL)
		sim_buffer_json(out, bc_str_of(sim_tls_ca_file(sim->tls)));
	else
		sim_buffer_text(out, "null");
	sim_buffer_printf(out, ",\"pid\":%d}\n", (int)getpid());
}
