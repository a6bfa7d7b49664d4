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
		.now = bc_wall_now(),
		.mono = bc_mono_now(),
		.skew_ns = sim->skew_ns,
		.crossed = (uint32_t *)&sim->crossed,
	};
}

/* ------------------------------------------------------------------ a session's sink */

static void send_data(void *self, bc_str symbol, bc_str payload)
{
	struct sim_session *s = self;

	(void)symbol;
	s->sim->data_frames++;
	sim_conn_send(s->conn, s->sim->face->data_opcode, payload);
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

static struct sim_sink sink_of(struct sim_session *s)
{
	return (struct sim_sink){ s, send_data, send_reply, close_later };
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
	struct sim_sink sink = sink_of(s);

	if (s->close_at_ns != 0 && world->mono.ns >= s->close_at_ns) {
		close_session(s);
		return;
	}
	if (idle > 0 && sim_conn_idle_ns(s->conn) >= idle) {
		sim_conn_end(s->conn); /* without a close frame, as measured */
		return;
	}
	sim->face->tick(s->state, world, flush, &sink);
}

void sim_turn(struct sim *sim, bool flush)
{
	struct sim_world world = sim_world_now(sim);
	struct sim_session *next;

	if (!sim->paused) {
		if (world.now.ns - sim->advanced_to.ns > CATCH_UP_NS)
			market_skip(sim->market, (bc_wall_time){ world.now.ns - CATCH_UP_NS });
		market_advance(sim->market, world.now);
		sim->advanced_to = world.now;
	}
	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next; /* a slow reader may be gone after its turn */
		turn_session(s, &world, flush);
	}
}

static void on_tick(uv_timer_t *timer)
{
	struct sim *sim = timer->data;

	/* A paused market changes nothing, so everything that is due may go at once. */
	sim_turn(sim, sim->paused);
}

/* ------------------------------------------------------------------ connections */

static void end_session(struct sim_session *s)
{
	if (s->previous != NULL)
		s->previous->next = s->next;
	else
		s->sim->sessions = s->next;
	if (s->next != NULL)
		s->next->previous = s->previous;
	s->sim->face->session_free(s->state);
	free(s);
}

static struct sim_session *begin_session(struct sim *sim, struct sim_conn *conn)
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

static bool asks_for_upgrade(const struct http_request *r)
{
	return http_has_token(http_header(r, "Upgrade"), "websocket");
}

/* What RFC 6455, 4.2.1 wants. */
static bool upgrade_valid(const struct http_request *r)
{
	return bc_str_is(r->method, "GET") &&
	       http_has_token(http_header(r, "Connection"), "upgrade") &&
	       bc_str_is(http_header(r, "Sec-WebSocket-Version"), "13") &&
	       http_header(r, "Sec-WebSocket-Key").n == 24;
}

static void upgrade(struct sim *sim, struct sim_conn *conn, const struct http_request *r,
		    struct sim_reply *reply)
{
	struct sim_world world = sim_world_now(sim);

	sim->face->upgrade(sim->face_state, &world, r, reply);
	if (reply->status != 101)
		return;
	if (begin_session(sim, conn) == NULL ||
	    sim_conn_upgrade(conn, r, (bc_str){ reply->headers.data, reply->headers.n }, false) !=
		    BC_OK)
		reply->status = 500;
}

static void answer(struct sim *sim, const struct http_request *r, struct sim_reply *reply)
{
	struct sim_world world = sim_world_now(sim);
	bc_str truth = BC_STR("/truth/");

	if (bc_str_is(r->path, "/truth"))
		sim_truth(sim, BC_STR(""), reply);
	else if (bc_str_starts(r->path, truth))
		sim_truth(sim, (bc_str){ r->path.p + truth.n, r->path.n - truth.n }, reply);
	else if (bc_str_is(r->path, "/control") && bc_str_is(r->method, "POST"))
		sim_control(sim, r->body, reply);
	else
		sim->face->request(sim->face_state, &world, r, reply);
}

static void put_date(struct sim_buffer *b)
{
	static const char *const days[] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	time_t now = (time_t)(bc_wall_now().ns / BC_NS_PER_S);
	struct tm t;

	gmtime_r(&now, &t);
	sim_buffer_printf(b, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[t.tm_wday],
			  t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
			  t.tm_sec);
}

static void on_request(void *self, struct sim_conn *conn, const struct http_request *r)
{
	struct sim *sim = self;
	struct sim_reply reply = { .status = 200 };

	put_date(&reply.headers);
	if (!asks_for_upgrade(r))
		answer(sim, r, &reply);
	else if (upgrade_valid(r))
		upgrade(sim, conn, r, &reply);
	else
		reply.status = 400;
	if (reply.body.failed || reply.headers.failed)
		reply = (struct sim_reply){ .status = 500,
					    .headers = reply.headers,
					    .body = reply.body };
	if (reply.status != 101)
		sim_conn_respond(conn, reply.status,
				 (bc_str){ reply.headers.data, reply.headers.n },
				 (bc_str){ reply.body.data, reply.body.n },
				 r->keep_alive && !asks_for_upgrade(r));
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

static void on_message(void *self, struct sim_conn *conn, bc_str payload)
{
	struct sim *sim = self;
	struct sim_session *s = sim_conn_data(conn);
	struct sim_world world = sim_world_now(sim);
	struct sim_sink sink = sink_of(s);

	sim->face->message(s->state, &world, payload, &sink);
}

static void on_closed(void *self, struct sim_conn *conn)
{
	struct sim_session *s = sim_conn_data(conn);

	(void)self;
	if (s != NULL)
		end_session(s);
}

/* ------------------------------------------------------------------ life */

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
	};

	if (specs == NULL)
		return BC_ENOMEM;
	if (!o->face->specs(specs, o->n_symbols)) {
		snprintf(why, cap, "%s has names for fewer than %zu symbols", o->face->name,
			 o->n_symbols);
		free(specs);
		return BC_EINVAL;
	}
	sim->market = market_new(&options);
	sim->advanced_to = options.start;
	free(specs);
	return sim->market != NULL ? BC_OK : BC_ENOMEM;
}

static bc_status start_server(struct sim *sim, char *why, size_t cap)
{
	struct sim_server_options options = {
		.listen = sim->options.listen,
		.events = { sim, on_request, on_message, NULL, on_closed },
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
	sim->options = *options;
	sim->face = options->face;
	uv_timer_init(loop, &sim->tick);
	sim->tick.data = sim;
	sim->face_state = sim->face->state_new();
	if (sim->face_state != NULL)
		rc = start_market(sim, why, cap);
	if (rc == BC_OK)
		rc = start_server(sim, why, cap);
	return rc;
}

void sim_stop(struct sim *sim)
{
	if (sim == NULL || uv_is_closing((uv_handle_t *)&sim->tick))
		return;
	uv_close((uv_handle_t *)&sim->tick, NULL);
	sim_server_close(sim->server);
}

void sim_free(struct sim **out)
{
	struct sim *sim = *out;

	*out = NULL;
	if (sim == NULL)
		return;
	sim_server_free(&sim->server);
	sim_tls_free(&sim->tls);
	market_free(&sim->market);
	if (sim->face_state != NULL)
		sim->face->state_free(sim->face_state);
	free(sim);
}

void sim_ready_line(const struct sim *sim, struct sim_buffer *out)
{
	const char *host = sim->tls != NULL ? "localhost" : "127.0.0.1";
	const char *s = sim->tls != NULL ? "s" : "";
	int port = sim_server_port(sim->server);

	sim_buffer_printf(out,
			  "{\"ws\":\"ws%s://%s:%d\",\"rest\":\"http%s://%s:%d\",\"ca_file\":", s,
			  host, port, s, host, port);
	if (sim->tls != NULL)
		sim_buffer_json(out, bc_str_of(sim_tls_ca_file(sim->tls)));
	else
		sim_buffer_text(out, "null");
	sim_buffer_printf(out, ",\"pid\":%d}\n", (int)getpid());
}
