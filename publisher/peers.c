#include "publisher/peers.h"

#include "common/bus_loop.h"
#include "common/bus_socket.h"
#include "common/bus_sub.h"
#include "common/clock.h"
#include "common/gateways.h"
#include "common/name_index.h"
#include "common/run_dir.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PEERS  64
#define MAX_A_TURN 1024 /* messages */
#define N_EPOCHS   8    /* gateways that a symbol is heard of from; the oldest makes room */
#define MAX_LEVELS 4

struct heard { /* of a symbol from one gateway process; epoch 0: nothing */
	uint64_t epoch;
	bool fit;
};

struct watched {
	char *name; /* owned */
	struct heard heard[N_EPOCHS];
	unsigned next;
};

struct peers {
	struct peers_options o;
	char dir[BC_PATH_MAX];
	struct bc_sub *sub;
	struct bc_bus_watch *watch;
	struct bc_gateways *gateways;
	struct watched *watched;
	uint32_t n, room;
	struct bc_name_index by_name;
	struct bc_message message;
};

/* ------------------------------------------------------------------ what they say */

static void take_state(struct peers *p, bc_str symbol, const struct bc_envelope *e)
{
	uint32_t at = bc_name_find(&p->by_name, symbol);
	if (at == BC_NAME_NONE)
		return;
	struct watched *w = &p->watched[at];
	struct heard *place = NULL;
	for (unsigned i = 0; i < N_EPOCHS && place == NULL; i++) {
		if (w->heard[i].epoch == e->epoch)
			place = &w->heard[i];
	}
	if (place == NULL)
		place = &w->heard[w->next++ % N_EPOCHS];
	*place = (struct heard){ e->epoch, bc_state_fit(e->state) };
}

static void take(struct peers *p, bc_str text, bc_str payload)
{
	struct bc_topic topic;
	struct bc_gateway_news news;
	bc_level levels[MAX_LEVELS];
	if (bc_topic_split(text, &topic) != BC_OK || !bc_str_is(topic.exchange, p->o.exchange) ||
	    bc_message_decode(payload, &p->message, levels, MAX_LEVELS) != BC_OK ||
	    bc_gateways_hear(p->gateways, &topic, &p->message, bc_boot_now(), &news) != BC_OK)
		return;
	if (p->message.envelope.channel == BC_CHANNEL_STATE)
		take_state(p, topic.symbol, &p->message.envelope);
}

static void on_readable(void *self)
{
	struct peers *p = self;
	bc_str topic, payload;
	for (int i = 0; i < MAX_A_TURN; i++) {
		bc_status rc = bc_sub_receive(p->sub, &topic, &payload);
		if (rc == BC_EAGAIN || rc == BC_EBUS)
			return;
		if (rc == BC_OK)
			take(p, topic, payload);
	}
}

/* ------------------------------------------------------------------ who they are */

void peers_connect(struct peers *p, const char *endpoint)
{
	bc_status rc = bc_sub_connect(p->sub, endpoint);
	if (rc != BC_OK)
		bc_log_event(p->o.log, BC_LOG_WARN, "shard.peer-unusable",
			     BC_LOG_S("endpoint", endpoint), BC_LOG_S("why", bc_status_text(rc)));
}

static void on_socket(void *self, const char *name)
{
	struct peers *p = self;
	char endpoint[BC_ENDPOINT_MAX];
	if (strcmp(name, p->o.own) == 0)
		return;
	int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", p->dir, name);
	if (n > 0 && (size_t)n < sizeof endpoint)
		peers_connect(p, endpoint);
}

void peers_look(struct peers *p)
{
	char begins[BC_PATH_MAX];
	snprintf(begins, sizeof begins, "%s.", p->o.exchange);
	if (bc_run_each(p->dir, begins, ".pub", on_socket, p) != BC_OK)
		bc_log_event(p->o.log, BC_LOG_WARN, "shard.run-dir-unreadable",
			     BC_LOG_S("path", p->dir));
}

/* ------------------------------------------------------------------ what is watched */

static bc_status room_for_one(struct peers *p)
{
	if (p->n < p->room)
		return BC_OK;
	uint32_t room = p->room == 0 ? 64 : p->room * 2;
	struct watched *watched = realloc(p->watched, room * sizeof *watched);
	if (watched == NULL)
		return BC_ENOMEM;
	p->watched = watched;
	p->room = room;
	return BC_OK;
}

bc_status peers_watch(struct peers *p, bc_str symbol)
{
	char topic[BC_TOPIC_MAX + 1];
	size_t n;
	if (bc_name_find(&p->by_name, symbol) != BC_NAME_NONE)
		return BC_OK;
	bc_status rc =
		bc_topic_make(bc_str_of(p->o.exchange), symbol, BC_CHANNEL_STATE, 0, topic, &n);
	if (rc == BC_OK)
		rc = room_for_one(p);
	if (rc == BC_OK)
		rc = bc_sub_topic_add(p->sub, (bc_str){ topic, n }); /* twice is fine */
	char *name = rc == BC_OK ? malloc(symbol.n + 1) : NULL;
	if (name == NULL)
		return rc == BC_OK ? BC_ENOMEM : rc;
	memcpy(name, symbol.p, symbol.n);
	name[symbol.n] = '\0';
	if ((rc = bc_name_put(&p->by_name, (bc_str){ name, symbol.n }, p->n)) == BC_OK)
		p->watched[p->n++] = (struct watched){ .name = name };
	else
		free(name);
	return rc;
}

static bool heard_fit(const struct watched *w, uint64_t epoch)
{
	for (unsigned i = 0; i < N_EPOCHS; i++) {
		if (w->heard[i].epoch == epoch)
			return w->heard[i].fit;
	}
	return false;
}

enum peer_serves peers_serve(const struct peers *p, bc_str symbol, uint32_t shard, uint32_t shards,
			     bc_mono_time now)
{
	uint32_t at = bc_name_find(&p->by_name, symbol);
	enum peer_serves best = PEER_NOT;
	for (size_t i = 0; at != BC_NAME_NONE && i < bc_gateways_count(p->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(p->gateways, i);
		if (bc_gateway_gone(g, now) || !g->has_details || g->details.shard_index != shard ||
		    g->details.shard_count != shards || !bc_gateway_lists(g, symbol))
			continue;
		if (heard_fit(&p->watched[at], g->epoch))
			return PEER_FIT;
		best = PEER_LISTS;
	}
	return best;
}

/* ------------------------------------------------------------------ life */

static bc_status listen_to_gateways(struct peers *p)
{
	char prefix[BC_TOPIC_MAX + 1];
	int n = snprintf(prefix, sizeof prefix, "%s.@", p->o.exchange);
	return n > 0 && (size_t)n < sizeof prefix
		       ? bc_sub_prefix_add(p->sub, (bc_str){ prefix, (size_t)n })
		       : BC_ERANGE;
}

bc_status peers_new(struct peers **out, const struct peers_options *options)
{
	struct peers *p = calloc(1, sizeof *p);
	bc_status rc = BC_ENOMEM;
	if (p == NULL)
		return rc;
	p->o = *options;
	snprintf(p->dir, sizeof p->dir, "%s", options->run_dir);
	if ((p->gateways = bc_gateways_new(MAX_PEERS)) == NULL ||
	    (rc = bc_sub_new(&p->sub, options->context, &(struct bc_sub_options){ 0 })) != BC_OK ||
	    (rc = listen_to_gateways(p)) != BC_OK ||
	    (rc = bc_bus_watch_start(&p->watch, options->loop, bc_sub_socket(p->sub), on_readable,
				     p)) != BC_OK) {
		peers_free(&p);
		return rc;
	}
	*out = p;
	return BC_OK;
}

void peers_free(struct peers **peers)
{
	struct peers *p = *peers;
	if (p == NULL)
		return;
	bc_bus_watch_stop(&p->watch);
	bc_sub_free(&p->sub);
	bc_gateways_free(&p->gateways);
	for (uint32_t i = 0; i < p->n; i++)
		free(p->watched[i].name);
	bc_name_free(&p->by_name);
	free(p->watched);
	free(p);
	*peers = NULL;
}
