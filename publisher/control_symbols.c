/* control_symbols.c - the verbs of the control socket that know of other gateways: what is ours,
 * what belongs to whom, and who takes over what. control.c has their list. */
#include "publisher/gateway_private.h"

#include "common/json_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ wanting */

static void answer_want(struct gateway *g, bc_str spec, const char *text, uint32_t before)
{
	char owner[24] = "";
	uint32_t shard, now = session_symbols(g->session);
	if (session_owner(g->session, text, &shard))
		snprintf(owner, sizeof owner, "%u/%u", shard, g->shards);
	bc_rpc_reply_frame(g->ctl, spec);
	bc_rpc_reply_number(g->ctl, now - before);
	bc_rpc_reply_frame(g->ctl, bc_str_of(owner));
}

static void answer_unwant(struct gateway *g, bc_str spec, const char *text, uint32_t before)
{
	(void)text;
	bc_rpc_reply_frame(g->ctl, spec);
	bc_rpc_reply_number(g->ctl, before - session_symbols(g->session));
}

typedef bc_status spec_fn(struct session *s, struct session_now now, const char *spec, char *why,
			  size_t cap);
typedef void answer_fn(struct gateway *g, bc_str spec, const char *text, uint32_t before);

/* One spec, so that its answer says what was done. */
static void for_one(struct gateway *g, const struct bc_rpc_request *r, spec_fn *fn,
		    answer_fn *answer)
{
	char spec[SPEC_MAX], why[320] = "";
	if (r->n_args != 1) {
		control_refuse(g, BC_RPC_BAD, "names one symbol or pattern");
		return;
	}
	if (!control_spec(g, r->args[0], spec))
		return;
	uint32_t before = session_symbols(g->session);
	bc_status rc = fn(g->session, gateway_now(g), spec, why, sizeof why);
	if (rc != BC_OK) {
		control_refuse(g, rc == BC_ENOTFOUND ? BC_RPC_NOT_FOUND : BC_RPC_BAD, why);
		return;
	}
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	answer(g, r->args[0], spec, before);
	bc_rpc_reply_end(g->ctl);
}

void control_want(struct gateway *g, const struct bc_rpc_request *r)
{
	for_one(g, r, session_want, answer_want);
}

void control_unwant(struct gateway *g, const struct bc_rpc_request *r)
{
	for_one(g, r, session_remove, answer_unwant);
}

void control_said(struct gateway *g, const struct bc_rpc_request *r)
{
	char *said = NULL;
	(void)r;
	if (session_said(g->session, &said) == BC_OK)
		bc_rpc_reply(g->ctl, BC_RPC_OK, bc_str_of(said));
	else
		control_refuse(g, BC_RPC_BAD, "out of memory");
	free(said);
}

void control_say(struct gateway *g, const struct bc_rpc_request *r)
{
	char why[320] = "is the answer of another gateway to SAID";
	char *said = r->n_args == 1 && memchr(r->args[0].p, '\0', r->args[0].n) == NULL
			     ? strndup(r->args[0].p, r->args[0].n)
			     : NULL;
	if (said != NULL &&
	    session_say(g->session, gateway_now(g), said, why, sizeof why) == BC_OK) {
		bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
		bc_rpc_reply_end(g->ctl);
	} else {
		control_refuse(g, BC_RPC_BAD, why);
	}
	free(said);
}

/* ------------------------------------------------------------------ what there is */

static size_t write_symbol(const struct session_view *view, char *out, size_t cap)
{
	struct bc_json_writer w;
	bc_json_start(&w, out, cap, NULL, NULL);
	bc_json_object(&w);
	bc_json_put_string(&w, "symbol", view->name);
	bc_json_put_text(&w, "state", bc_state_word(view->state));
	bc_json_put_text(&w, "reason", bc_reason_word(view->reason));
	bc_json_put_int(&w, "since", view->since.ns);
	bc_json_put_bool(&w, "configured", view->configured);
	bc_json_put_bool(&w, "leaving", view->leaving);
	bc_json_object_end(&w);
	return bc_json_end(&w, "") == BC_OK ? w.n : 0;
}

void control_symbols(struct gateway *g, const struct bc_rpc_request *r)
{
	struct session_view view;
	char text[2048]; /* a name of 240 bytes, each of them escaped */
	(void)r;
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	for (uint32_t i = 0; i < session_symbol_limit(g->session); i++) {
		if (session_symbol(g->session, i, &view))
			bc_rpc_reply_frame(g->ctl, (bc_str){ text, write_symbol(&view, text,
										sizeof text) });
	}
	bc_rpc_reply_end(g->ctl);
}

/* ------------------------------------------------------------------ who takes over what */

static void reshard(struct gateway *g, uint32_t shard, uint32_t shards)
{
	char why[320] = "";
	if (gateway_reshard(g, shard, shards, why, sizeof why) != BC_OK) {
		control_refuse(g, BC_RPC_BAD, why);
		return;
	}
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	bc_rpc_reply_end(g->ctl);
}

void control_reshard(struct gateway *g, const struct bc_rpc_request *r)
{
	char spec[SPEC_MAX], why[320] = "names one shard, such as 0/3";
	uint32_t shard, shards;
	if (r->n_args == 1 && !control_spec(g, r->args[0], spec))
		return;
	if (r->n_args != 1 || bc_shard_parse(spec, &shard, &shards, why, sizeof why) != BC_OK)
		control_refuse(g, BC_RPC_BAD, why);
	else
		reshard(g, shard, shards);
}

/* "n" is read as shard 0 of n, to be checked as one. */
void control_retire(struct gateway *g, const struct bc_rpc_request *r)
{
	char spec[SPEC_MAX], all[SPEC_MAX + 2], why[320];
	uint32_t shard, shards;
	if (r->n_args == 1 && !control_spec(g, r->args[0], spec))
		return;
	if (r->n_args == 1)
		snprintf(all, sizeof all, "0/%s", spec);
	if (r->n_args != 1 || bc_shard_parse(all, &shard, &shards, why, sizeof why) != BC_OK)
		control_refuse(g, BC_RPC_BAD, "says how many shards there are without this one: 2");
	else
		reshard(g, BC_SHARD_NONE, shards);
}

void control_release(struct gateway *g, const struct bc_rpc_request *r)
{
	(void)r;
	uint32_t n = session_release(g->session, gateway_now(g));
	bc_log_event(g->log, BC_LOG_WARN, "shard.released", BC_LOG_U("symbols", n));
	bc_rpc_reply_begin(g->ctl, BC_RPC_OK);
	bc_rpc_reply_number(g->ctl, n);
	bc_rpc_reply_end(g->ctl);
}
