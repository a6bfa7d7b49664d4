#include "subscribers/cli/sources.h"

#include "common/bus_socket.h"
#include "common/clock.h"

#include <jansson.h>
#include <signal.h>

#define ASK_EVERY       (10 * BC_NS_PER_S)
#define ASK_AGAIN_AFTER BC_NS_PER_S /* while a gateway is missing */
#define ASK_SOON \
	(200 * BC_NS_PER_MS) /* before a gateway's first heartbeat nobody knows where it is */

/* Connects to what a GATEWAYS answer names; returns how many of them are wanted. */
static size_t connect_all(struct cli_sources *s, const struct bc_rpc_reply *reply)
{
	size_t n = 0, i;
	bool all_known = true;
	json_t *gateway;
	json_t *report = reply->n_answers == 1
				 ? json_loadb(reply->answers[0].p, reply->answers[0].n, 0, NULL)
				 : NULL;
	json_array_foreach(json_object_get(report, "gateways"), i, gateway)
	{
		const char *exchange = json_string_value(json_object_get(gateway, "exchange"));
		const char *endpoint = json_string_value(json_object_get(gateway, "endpoint"));
		if (exchange == NULL || !s->wanted(s->self, exchange))
			continue;
		n++;
		all_known = all_known && endpoint != NULL;
		if (endpoint != NULL && bc_sub_connect(s->sub, endpoint) != BC_OK)
			cli_complain(s->cli, CLI_ERROR, "cannot connect to %s, the gateway of %s",
				     endpoint, exchange);
	}
	json_decref(report);
	s->next_ask.ns = bc_mono_now().ns + (all_known ? ASK_EVERY : ASK_SOON);
	return n;
}

enum cli_status cli_sources_find(struct cli_sources *s)
{
	struct bc_rpc_reply reply;
	enum cli_status status = cli_ask(s->cli, "GATEWAYS", NULL, 0, &reply);
	if (status == CLI_OK && connect_all(s, &reply) == 0)
		status = cli_complain(
			s->cli, CLI_NOT_FOUND,
			"the cache knows no gateway for this; `bookcast gateways` shows "
			"who is there");
	return status;
}

enum cli_status cli_sources_wait(struct cli_sources *s, long at_most_ms)
{
	void *const sockets[] = { bc_sub_socket(s->sub), bc_rpc_client_socket(s->cli->cache) };
	bc_status rc = bc_bus_wait(sockets, bc_rpc_pending(s->cli->cache) ? 2 : 1, at_most_ms);
	if (rc != BC_OK)
		return cli_complain(s->cli, CLI_ERROR, "waiting for messages: %s", bc_bus_why(rc));
	return CLI_OK;
}

void cli_sources_look(struct cli_sources *s, bc_mono_time now, bool missing)
{
	struct bc_rpc_reply reply;
	if (bc_rpc_pending(s->cli->cache)) {
		bc_status rc = bc_rpc_poll(s->cli->cache, now, &reply);
		if (rc == BC_OK && reply.status == BC_RPC_OK)
			connect_all(s, &reply);
		return;
	}
	if (missing && s->next_ask.ns > now.ns + ASK_AGAIN_AFTER)
		s->next_ask.ns = now.ns + ASK_AGAIN_AFTER;
	if (now.ns < s->next_ask.ns)
		return;
	bc_rpc_send(s->cli->cache, BC_STR("GATEWAYS"), NULL, 0, now, s->cli->timeout_ns);
	s->next_ask.ns = now.ns + ASK_EVERY;
}

static volatile sig_atomic_t signal_told;

static void on_signal(int number)
{
	signal_told = number;
}

void cli_signals_catch(void)
{
	struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART: ends a wait */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

int cli_signal(void)
{
	return signal_told;
}
