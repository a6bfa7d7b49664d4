#include "publisher/peers.h"

#include "common/bus_loop.h"
#include "common/bus_socket.h"
#include "common/bus_sub.h"
#include "common/clock.h"
#include "common/run_dir.h"
#include "proto/topic.h"
#include "publisher/elsewhere.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_A_TURN 1024 /* messages */

struct peers {
	struct peers_options o;
	char dir[BC_PATH_MAX];
	struct bc_sub *sub;
	struct bc_bus_watch *watch;
	struct elsewhere *heard;
};

/* ------------------------------------------------------------------ what they say */

static void on_readable(void *self)
{
	struct peers *p = self;
	bc_str topic, payload;
	for (int i = 0; i < MAX_A_TURN; i++) {
		bc_status rc = bc_sub_receive(p->sub, &topic, &payload);
		if (rc == BC_EAGAIN || rc == BC_EBUS)
			return;
		if (rc == BC_OK)
			elsewhere_hear(p->heard, topic, payload, bc_boot_now());
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

bc_status peers_watch(struct peers *p, bc_str symbol)
{
	char topic[BC_TOPIC_MAX + 1];
	size_t n;
	if (elsewhere_watches(p->heard, symbol))
		return BC_OK;
	bc_status rc =
		bc_topic_make(bc_str_of(p->o.exchange), symbol, BC_CHANNEL_STATE, 0, topic, &n);
	if (rc == BC_OK)
		rc = bc_sub_topic_add(p->sub, (bc_str){ topic, n });
	return rc == BC_OK ? elsewhere_watch(p->heard, symbol) : rc;
}

/* Of what every gateway says about itself. */
static bc_status each_gateway(struct peers *p, bc_status (*tell)(struct bc_sub *, bc_str prefix))
{
	char prefix[BC_TOPIC_MAX + 1];
	int n = snprintf(prefix, sizeof prefix, "%s.@", p->o.exchange);
	return n > 0 && (size_t)n < sizeof prefix ? tell(p->sub, (bc_str){ prefix, (size_t)n })
						  : BC_ERANGE;
}

struct elsewhere *peers_heard(const struct peers *p)
{
	return p->heard;
}

void peers_renew(struct peers *p)
{
	char topic[BC_TOPIC_MAX + 1];
	bc_str symbol, exchange = bc_str_of(p->o.exchange);
	size_t n;
	while (elsewhere_wants(p->heard, &symbol)) {
		if (symbol.n == 0)
			each_gateway(p, bc_sub_prefix_renew);
		else if (bc_topic_make(exchange, symbol, BC_CHANNEL_STATE, 0, topic, &n) == BC_OK)
			bc_sub_topic_renew(p->sub, (bc_str){ topic, n });
	}
}

/* ------------------------------------------------------------------ life */

bc_status peers_new(struct peers **out, const struct peers_options *options)
{
	struct peers *p = calloc(1, sizeof *p);
	bc_status rc = BC_ENOMEM;
	if (p == NULL)
		return rc;
	p->o = *options;
	snprintf(p->dir, sizeof p->dir, "%s", options->run_dir);
	if ((rc = elsewhere_new(&p->heard, options->exchange)) != BC_OK ||
	    (rc = bc_sub_new(&p->sub, options->context, &(struct bc_sub_options){ 0 })) != BC_OK ||
	    (rc = each_gateway(p, bc_sub_prefix_add)) != BC_OK ||
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
	elsewhere_free(&p->heard);
	free(p);
	*peers = NULL;
}
