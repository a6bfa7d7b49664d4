/* door.c - what comes in over HTTP: REST, upgrades, truth and control. */
#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <stdlib.h>
#include <time.h>

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

static void refuse(struct sim_reply *reply, int status, long retry_s)
{
	reply->status = status;
	if (retry_s >= 0)
		sim_buffer_printf(&reply->headers, "Retry-After: %ld\r\n", retry_s);
	sim_buffer_printf(&reply->body, "{\"error\":{\"name\":%d,\"message\":", status);
	sim_buffer_json(&reply->body, bc_str_of(http_reason(status)));
	sim_buffer_text(&reply->body, "}}");
}

/* One of the next n? */
static bool take(uint64_t *left)
{
	if (*left == 0)
		return false;
	--*left;
	return true;
}

static void upgrade(struct sim *sim, struct sim_conn *conn, const struct http_request *r,
		    struct sim_reply *reply)
{
	struct sim_world world = sim_world_now(sim);
	struct sim_session *session;

	sim_ledger_about(sim, conn, 0);
	ledger_count(sim->ledger, LEDGER_CONNECTS, NULL, 1);
	if (take(&sim->door.refuse)) {
		refuse(reply, sim->door.refuse_status, sim->door.refuse_retry_s);
		return;
	}
	sim->face->upgrade(sim->face_state, &world, r, reply);
	if (reply->status != 101)
		return;
	if (take(&sim->door.extension))
		sim_buffer_text(&reply->headers,
				"Sec-WebSocket-Extensions: permessage-deflate\r\n");
	session = sim_session_begin(sim, conn);
	if (session == NULL ||
	    sim_conn_upgrade(conn, r, (bc_str){ reply->headers.data, reply->headers.n },
			     take(&sim->door.bad_accept)) != BC_OK) {
		reply->status = 500;
		return;
	}
	if (sim->face->opened != NULL) {
		struct sim_sink sink = sim_session_sink(session);

		sim->face->opened(session->state, &world, r, &sink);
	}
	if (sim->face->streams != NULL)
		ledger_count(sim->ledger, LEDGER_STREAMS, NULL, sim->face->streams(session->state));
}

static void answer_truth(const struct sim *sim, bc_str name, struct sim_reply *reply)
{
	char symbol[MARKET_NAME_MAX];

	if (http_decode(name, symbol, sizeof symbol) == BC_OK && symbol[0] != '\0')
		sim_truth(sim, bc_str_of(symbol), reply);
	else
		refuse(reply, 404, -1);
}

static void answer(struct sim *sim, const struct http_request *r, struct sim_reply *reply)
{
	struct sim_world world = sim_world_now(sim);
	bc_str truth = BC_STR("/truth/");

	if (sim->replay != NULL && bc_str_starts(r->path, BC_STR("/truth")))
		refuse(reply, 404, -1); /* nobody knows the true books of a capture */
	else if (bc_str_is(r->path, "/truth"))
		sim_truth(sim, BC_STR(""), reply);
	else if (bc_str_starts(r->path, truth))
		answer_truth(sim, (bc_str){ r->path.p + truth.n, r->path.n - truth.n }, reply);
	else if (bc_str_is(r->path, "/limits"))
		ledger_put(sim->ledger, &reply->body);
	else if (bc_str_is(r->path, "/control") && bc_str_is(r->method, "POST"))
		sim_control(sim, r->body, reply);
	else if (take(&sim->door.rest_fail))
		refuse(reply, sim->door.rest_status, sim->door.rest_retry_s);
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

static void respond(struct sim_conn *conn, struct sim_reply *reply, bool keep_alive)
{
	sim_conn_respond(conn, reply->status, (bc_str){ reply->headers.data, reply->headers.n },
			 (bc_str){ reply->body.data, reply->body.n }, keep_alive);
	sim_buffer_free(&reply->headers);
	sim_buffer_free(&reply->body);
}

/* Takes the reply. */
static void respond_late(struct sim *sim, struct sim_conn *conn, struct sim_reply *reply,
			 bool keep_alive)
{
	struct sim_late *late = calloc(1, sizeof *late);

	if (late == NULL) {
		respond(conn, reply, keep_alive);
		return;
	}
	*late = (struct sim_late){ .conn = conn,
				   .due_ns = bc_mono_now().ns + sim->door.rest_slow_ns,
				   .reply = *reply,
				   .keep_alive = keep_alive,
				   .next = sim->late };
	sim->late = late;
}

/* Unlinks and frees; the reply goes out if its connection still wants it. */
static void let_go(struct sim_late **at, bool send)
{
	struct sim_late *late = *at;

	*at = late->next;
	if (send) {
		respond(late->conn, &late->reply, late->keep_alive);
	} else {
		sim_buffer_free(&late->reply.headers);
		sim_buffer_free(&late->reply.body);
	}
	free(late);
}

void sim_late_turn(struct sim *sim, bc_mono_time now)
{
	struct sim_late **at = &sim->late;

	while (*at != NULL)
		if (now.ns >= (*at)->due_ns)
			let_go(at, true);
		else
			at = &(*at)->next;
}

void sim_late_forget(struct sim *sim, const struct sim_conn *conn)
{
	struct sim_late **at = &sim->late;

	while (*at != NULL)
		if ((*at)->conn == conn)
			let_go(at, false);
		else
			at = &(*at)->next;
}

/* Faults spare the ways by which tests look and steer. */
static bool is_exchange_path(bc_str path)
{
	return !bc_str_starts(path, BC_STR("/truth")) && !bc_str_is(path, "/control") &&
	       !bc_str_is(path, "/limits");
}

static void answer_request(struct sim *sim, struct sim_conn *conn, const struct http_request *r,
			   struct sim_reply *reply)
{
	bool exchange = is_exchange_path(r->path);

	sim_ledger_about(sim, conn, 0);
	answer(sim, r, reply);
	if (reply->body.failed || reply->headers.failed) {
		reply->status = 500;
		sim_buffer_clear(&reply->headers);
		sim_buffer_clear(&reply->body);
	}
	if (exchange && take(&sim->door.rest_garbage))
		reply->body.n /= 2;
	if (exchange && take(&sim->door.rest_slow))
		respond_late(sim, conn, reply, r->keep_alive);
	else
		respond(conn, reply, r->keep_alive);
}

void sim_on_request(void *self, struct sim_conn *conn, const struct http_request *r)
{
	struct sim *sim = self;
	struct sim_reply reply = { .status = 200 };

	put_date(&reply.headers);
	if (!asks_for_upgrade(r)) {
		answer_request(sim, conn, r, &reply);
		return;
	}
	if (take(&sim->door.mute)) {
		sim_buffer_free(&reply.headers);
		return;
	}
	if (upgrade_valid(r))
		upgrade(sim, conn, r, &reply);
	else
		reply.status = 400;
	if (reply.status != 101) {
		respond(conn, &reply, false);
		return;
	}
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}
