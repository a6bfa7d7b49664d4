/* gateway_shard.c - which part of the exchange is this gateway's, and handing over what is no more.
 *
 * docs/SHARDING.md says what it looks like: whoever has a symbol keeps it until he hears the
 * gateway it belongs to publish it. */
#include "publisher/gateway_private.h"

#include "publisher/elsewhere.h"
#include "publisher/peers.h"

bc_status gateway_shard_open(struct gateway *g, struct session_options *options, char *why,
			     size_t cap)
{
	const struct settings *settings = g->settings;
	g->shard = g->told_shard = settings->shard;
	g->shards = g->told_shards = settings->shards;
	bc_status rc = settings_division(settings->config, g->shards, &g->division, why, cap);
	options->division = g->division;
	options->shard = g->shard;
	return rc;
}

void gateway_shard_free(struct gateway *g)
{
	bc_division_free(&g->division);
}

bc_status gateway_reshard(struct gateway *g, uint32_t shard, uint32_t shards, char *why, size_t cap)
{
	struct bc_division *division, *old = g->division;
	bc_status rc = settings_division(gateway_config(g), shards, &division, why, cap);
	if (rc != BC_OK)
		return rc;
	g->shard = shard;
	g->shards = shards;
	if (shard != BC_SHARD_NONE) {
		g->told_shard = shard;
		g->told_shards = shards;
	}
	g->division = division;
	bc_log_event(g->log, BC_LOG_INFO, "shard.changed",
		     BC_LOG_I("shard", shard == BC_SHARD_NONE ? -1 : (int64_t)shard),
		     BC_LOG_U("of", shards));
	session_reshard(g->session, gateway_now(g), division, shard);
	bc_division_free(&old);
	gateway_shard_turn(g);
	return BC_OK;
}

/* ------------------------------------------------------------------ handing over */

static void look_out(struct gateway *g)
{
	const struct bc_config *c = gateway_config(g);
	if (g->peers == NULL) {
		const struct peers_options options = { .loop = &g->loop,
						       .context = g->context,
						       .log = g->log,
						       .exchange = g->settings->outlet.exchange,
						       .run_dir = g->run_dir,
						       .own = g->settings->pub_name };
		bc_status rc = peers_new(&g->peers, &options);
		if (rc != BC_OK) {
			bc_log_event(g->log, BC_LOG_ERROR, "shard.deaf",
				     BC_LOG_S("why", bc_status_text(rc)),
				     BC_LOG_S("effect", "symbols are kept until RELEASE"));
			return;
		}
	}
	peers_look(g->peers);
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_SHARD_PEERS); i++)
		peers_connect(g->peers, bc_config_item(c, BC_KEY_SHARD_PEERS, i));
}

static void hand_over(struct gateway *g)
{
	struct session_view view;
	for (uint32_t i = 0; i < session_symbol_limit(g->session); i++) {
		if (session_symbol(g->session, i, &view) && view.leaving)
			peers_watch(g->peers, view.name); /* again in the next turn, if it failed */
	}
	elsewhere_tell(peers_heard(g->peers), g->session, gateway_now(g), g->division);
	peers_renew(g->peers);
}

static void retire(struct gateway *g)
{
	bc_log_event(g->log, BC_LOG_INFO, "gateway.stopping",
		     BC_LOG_S("why", "retired: every symbol is served by the others"));
	g->stopping = true;
	uv_stop(&g->loop);
}

void gateway_shard_turn(struct gateway *g)
{
	if (session_leaving(g->session) == 0) {
		peers_free(&g->peers);
		if (g->shard == BC_SHARD_NONE && session_symbols(g->session) == 0)
			retire(g);
		return;
	}
	look_out(g);
	if (g->peers != NULL)
		hand_over(g);
}

void gateway_shard_close(struct gateway *g)
{
	peers_free(&g->peers);
}
