/* control.c - the control socket <exchange>.<instance>.ctl: who may write to it (mode 0600) may
 * add and remove symbols.
 *
 *   ADD spec...        200          follow these; a glob means what is listed now and later
 *   REMOVE spec...     200, 404     follow them no more
 *   LIST               200 symbol state reason, three frames a symbol
 *   RESYNC spec...     200, 404     ask the exchange for their books again
 *   RECONNECT          200          every connection is made anew
 *   RENEW              200          the same, but each is replaced before it is dropped: no hole
 *   HEALTH             200 and one JSON object
 *   SYMBOLS            200 and one JSON object a symbol
 *   WANT spec...       200 as ADD, but a symbol of another shard is noted, should it become ours;
 *                      three frames a spec: spec, symbols newly followed, owner "i/n" ("": not one
 *                      symbol)
 *   UNWANT spec...     200, 404     as REMOVE; two frames a spec: spec, symbols dropped
 *   SAID               200          what was added and removed at run time, in one frame:
 *                                   "+KRW-BTC\n-BTC-*\n", the oldest first
 *   SAY said           200          the same of another gateway, taken as a whole
 *   RESHARD i/n        200          from now on this is shard i of n; nothing is dropped before
 *                                   another gateway has it
 *   RETIRE n           200          of n shards none is ours: hands all over, then ends
 *   RELEASE            200 and how many symbols were given up without waiting for others
 * Of several specs the first bad one ends the request, with 400 or 404 and the reason; those
 * before it have been done. ADD of a symbol that belongs to another shard is bad. */
#include "publisher/gateway_private.h"

#include "common/json_writer.h"
#include "common/rpc_loop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define REQUESTS_A_TURN 64

/* ------------------------------------------------------------------ verbs */

typedef bc_status spec_fn(struct session *s, struct session_now now, const char *spec, char *why,
			  size_t cap);

void control_refuse(struct gateway *g, int status, const char *why)
{
	bc_rpc_reply(g->ctl, status, bc_str_of(why));
}

bool control_spec(struct gateway *g, bc_str arg, char spec[SPEC_MAX])
{
	if (arg.n >= SPEC_MAX || memchr(arg.p, '\0', arg.n) != NULL) {
		control_refuse(g, BC_RPC_BAD, "not a symbol: too long, or holds a NUL");
		return false;
	}
	memcpy(spec, arg.p, arg.n);
	spec[arg.n] = '\0';
	return true;
}

static void for_specs(struct gateway *g, const struct bc_rpc_request *r, spec_fn *each)
{
	char spec[SPEC_MAX], why[320];
	if (r->n_args == 0) {
		control_refuse(g, BC_RPC_BAD, "names no symbol");
		return;
	}
	for (size_t i = 0; i < r->n_args; i++) {
		if (!control_spec(g, r->args[i], spec))
			return;
		bc_status rc = each(g->session, gateway_now(g), spec, why, sizeof why);
		if (rc != BC_OK) {
			control_refuse(g, rc == BC_ENOTFOUND ? BC_RPC_NOT_FOUND : BC_RPC_BAD, why);
			return;
		}
	}
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	bc_rpc_reply_end(g->ctl);
}

static void on_add(struct gateway *g, const struct bc_rpc_request *r)
{
	for_specs(g, r, session_add);
}

static void on_remove(struct gateway *g, const struct bc_rpc_request *r)
{
	for_specs(g, r, session_remove);
}

static void on_resync(struct gateway *g, const struct bc_rpc_request *r)
{
	for_specs(g, r, session_resync);
}

static void on_list(struct gateway *g, const struct bc_rpc_request *r)
{
	struct session_view view;
	(void)r;
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	for (uint32_t i = 0; i < session_symbol_limit(g->session); i++) {
		if (!session_symbol(g->session, i, &view))
			continue;
		bc_rpc_reply_frame(g->ctl, view.name);
		bc_rpc_reply_frame(g->ctl, bc_str_of(bc_state_word(view.state)));
		bc_rpc_reply_frame(g->ctl, bc_str_of(bc_reason_word(view.reason)));
	}
	bc_rpc_reply_end(g->ctl);
}

static void on_reconnect(struct gateway *g, const struct bc_rpc_request *r)
{
	(void)r;
	session_reconnect(g->session, gateway_now(g));
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	bc_rpc_reply_end(g->ctl);
}

static void on_renew(struct gateway *g, const struct bc_rpc_request *r)
{
	(void)r;
	session_renew(g->session, gateway_now(g));
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	bc_rpc_reply_end(g->ctl);
}

static void on_health(struct gateway *g, const struct bc_rpc_request *r)
{
	char text[2048], shard[24];
	struct bc_json_writer w;
	enum bc_reason reason;
	bc_wall_time since;
	enum bc_state state = session_feed_state(g->session, &reason, &since);
	(void)r;
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	bc_json_object(&w);
	bc_json_put_text(&w, "exchange", g->settings->outlet.exchange);
	bc_json_put_text(&w, "instance", g->settings->outlet.instance);
	snprintf(shard, sizeof shard, "%u/%u", g->told_shard, g->told_shards);
	bc_json_put_text(&w, "shard", shard);
	bc_json_put_uint(&w, "pid", (uint64_t)getpid());
	bc_json_put_text(&w, "state", bc_state_word(state));
	bc_json_put_text(&w, "reason", bc_reason_word(reason));
	bc_json_put_int(&w, "since", since.ns);
	bc_json_put_uint(&w, "connections", session_connections(g->session));
	bc_json_put_uint(&w, "connections_open", session_connections_open(g->session));
	bc_json_put_uint(&w, "symbols", session_symbols(g->session));
	bc_json_put_uint(&w, "symbols_wanted", session_wanted(g->session));
	bc_json_put_uint(&w, "symbols_leaving", session_leaving(g->session));
	bc_json_put_object(&w, "symbols_by_state");
	for (unsigned i = 0; i < BC_N_STATES; i++)
		bc_json_put_uint(&w, bc_state_word(i),
				 session_symbols_in(g->session, (enum bc_state)i));
	bc_json_object_end(&w);
	bc_json_object_end(&w);
	if (bc_json_end(&w, "") == BC_OK)
		bc_rpc_reply(g->ctl, BC_RPC_OK, (bc_str){ text, w.n });
	else
		control_refuse(g, BC_RPC_BAD, "too long");
}

static const struct {
	const char *verb;
	void (*serve)(struct gateway *g, const struct bc_rpc_request *r);
} verbs[] = {
	{ "ADD", on_add },
	{ "REMOVE", on_remove },
	{ "LIST", on_list },
	{ "RESYNC", on_resync },
	{ "RECONNECT", on_reconnect },
	{ "RENEW", on_renew },
	{ "HEALTH", on_health },
	{ "SYMBOLS", control_symbols },
	{ "WANT", control_want },
	{ "UNWANT", control_unwant },
	{ "SAID", control_said },
	{ "SAY", control_say },
	{ "RESHARD", control_reshard },
	{ "RETIRE", control_retire },
	{ "RELEASE", control_release },
};

static void serve(struct gateway *g, const struct bc_rpc_request *r)
{
	g->ctl_requests++;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (!bc_str_is(r->verb, verbs[i].verb))
			continue;
		bc_log_event(g->log, BC_LOG_DEBUG, "ctl.request", BC_LOG_B("verb", r->verb),
			     BC_LOG_U("args", r->n_args));
		verbs[i].serve(g, r);
		return;
	}
	control_refuse(
		g, BC_RPC_BAD,
		"unknown verb; there are ADD REMOVE LIST RESYNC RECONNECT RENEW HEALTH SYMBOLS "
		"WANT UNWANT SAID SAY RESHARD RETIRE RELEASE");
}

static void on_request(void *self)
{
	struct gateway *g = self;
	struct bc_rpc_request request;
	for (int i = 0; i < REQUESTS_A_TURN; i++) {
		bc_status rc = bc_rpc_receive(g->ctl, &request);
		if (rc == BC_OK)
			serve(g, &request);
		else if (rc != BC_EPARSE)
			return;
	}
}

/* ------------------------------------------------------------------ life */

bc_status control_open(struct gateway *g)
{
	const char *name = g->settings->ctl_name;
	char endpoint[BC_ENDPOINT_MAX], path[BC_PATH_MAX], why[256] = "";
	bc_status rc = bc_run_path(g->run_dir, name, path);
	if (rc == BC_OK)
		rc = bc_run_lock(g->run_dir, name, &g->ctl_lock, why, sizeof why);
	if (rc == BC_OK)
		rc = bc_rpc_server_new(&g->ctl);
	snprintf(endpoint, sizeof endpoint, "ipc://%s", path);
	if (rc == BC_OK)
		rc = bc_rpc_server_bind(g->ctl, endpoint, 0600, g->ctl_endpoint);
	if (rc == BC_OK)
		rc = bc_rpc_watch_start(&g->ctl_watch, &g->loop, g->ctl, on_request, g);
	if (rc != BC_OK)
		bc_log_event(g->log, BC_LOG_ERROR, "gateway.cannot-start",
			     BC_LOG_S("what", "control socket"),
			     BC_LOG_S("why", why[0] != '\0' ? why : bc_status_text(rc)));
	return rc;
}

void control_close(struct gateway *g)
{
	bc_rpc_watch_stop(&g->ctl_watch);
	bc_rpc_server_free(&g->ctl);
	if (g->ctl_lock < 0)
		return;
	if (g->ctl_endpoint[0] != '\0')
		unlink(g->ctl_endpoint + strlen("ipc://")); /* ours while we hold the lock */
	close(g->ctl_lock);
}
