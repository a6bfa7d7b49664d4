/* LATENCY: for each gateway the delays of its hops in the last minute. The gateway's own two are
 * those of its last heartbeat, the third is measured here. */
#include "subscribers/cache/reports.h"

#include <stdio.h>
#include <string.h>

static void put_hop(struct bc_json_writer *w, const char *name,
		    const uint64_t values[BC_HOP_FIELDS])
{
	bc_json_object(w);
	bc_json_put_text(w, "hop", name);
	for (int i = 0; i < BC_HOP_FIELDS; i++) {
		bc_json_key(w, bc_str_of(bc_hop_fields[i]));
		/* What a gateway says may be anything; JSON readers stop at 63 bits. */
		bc_json_uint(w, values[i] < INT64_MAX ? values[i] : INT64_MAX);
	}
	bc_json_object_end(w);
}

static bool counter(const struct bc_gateway *g, const char *name, uint64_t *value)
{
	for (uint32_t i = 0; i < g->details.n_counters; i++)
		if (strcmp(g->details.counters[i].name, name) == 0) {
			*value = g->details.counters[i].value;
			return true;
		}
	return false;
}

/* A gateway from before this program may not tell. */
static void put_told(struct bc_json_writer *w, const struct bc_gateway *g, const char *hop)
{
	uint64_t values[BC_HOP_FIELDS];
	char name[BC_HOP_NAME_MAX];
	for (int i = 0; i < BC_HOP_FIELDS; i++) {
		snprintf(name, sizeof name, "%s_%s", hop, bc_hop_fields[i]);
		if (!counter(g, name, &values[i]))
			return;
	}
	put_hop(w, hop, values);
}

static void put_measured(struct bc_json_writer *w, const struct cache_about *about,
			 const struct bc_gateway *g, bc_mono_time now)
{
	struct bc_hop hop;
	uint64_t values[BC_HOP_FIELDS];
	if (about->delays == NULL || !cache_delays_recent(about->delays, g, now, &hop))
		return;
	bc_hop_values(&hop, values);
	put_hop(w, BC_HOP_PUBLISH_RECEIVE, values);
}

static void put_gateway(struct bc_json_writer *w, const struct cache_about *about,
			const struct bc_gateway *g, bc_mono_time now)
{
	bc_json_object(w);
	bc_json_put_text(w, "exchange", g->exchange);
	bc_json_put_text(w, "instance", g->instance);
	bc_json_put_bool(w, "gone", bc_gateway_gone(g, now));
	bc_json_put_int(w, "heard_ns", now.ns - g->heard.ns);
	bc_json_put_array(w, "hops");
	put_told(w, g, BC_HOP_EXCHANGE_RECEIVE);
	put_told(w, g, BC_HOP_RECEIVE_PUBLISH);
	put_measured(w, about, g, now);
	bc_json_array_end(w);
	bc_json_object_end(w);
}

void cache_report_latency(struct bc_board *board, const struct cache_about *about, bc_mono_time now,
			  struct bc_json_writer *w)
{
	const struct bc_gateways *set = bc_board_gateways(board);
	bc_json_object(w);
	bc_json_put_array(w, "gateways");
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		if (!g->replaced && g->instance[0] != '\0')
			put_gateway(w, about, g, now);
	}
	bc_json_array_end(w);
	bc_json_object_end(w);
}
