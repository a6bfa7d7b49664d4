#include "subscribers/cli/controls.h"

#include "common/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static int by_instance(const void *a, const void *b)
{
	const struct cli_control *x = a, *y = b;
	int order = (int)strlen(x->instance) - (int)strlen(y->instance);
	return order != 0 ? order : strcmp(x->instance, y->instance); /* 9 before 10 */
}

/* "upbit.0.ctl"; a socket that nobody listens on is left from who was killed. */
static void on_socket(void *self, const char *name)
{
	struct cli_controls *c = self;
	if (c->n == CLI_CONTROLS_MAX)
		return;
	struct cli_control *one = &c->all[c->n];
	const char *instance = name + strlen(c->exchange) + 1;
	size_t n = strlen(instance) - strlen(".ctl");
	if (strchr(instance, '.') != instance + n || n >= sizeof one->instance)
		return;
	*one = (struct cli_control){ .client = NULL };
	memcpy(one->instance, instance, n);
	snprintf(one->endpoint, sizeof one->endpoint, "ipc://%s/%s", c->dir, name);
	c->n += cli_nobody_listens(one->endpoint) ? 0 : 1;
}

static enum cli_status out_of_memory(const struct cli *cli)
{
	return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
}

static enum cli_status find(struct cli_controls *c)
{
	const char *given = bc_config_text(c->cli->config, BC_KEY_RUN_DIR);
	char begins[64], why[512];
	int n = snprintf(begins, sizeof begins, "%s.", c->exchange);
	bc_status rc = bc_run_dir(given, false, c->dir, why, sizeof why);
	if (rc != BC_OK)
		return cli_complain(c->cli, rc == BC_ENOTFOUND ? CLI_NOT_FOUND : CLI_ERROR, "%s",
				    why);
	if (n > 0 && (size_t)n < sizeof begins)
		bc_run_each(c->dir, begins, ".ctl", on_socket, c);
	if (c->n == 0)
		return cli_complain(c->cli, CLI_NOT_FOUND,
				    "no gateway of '%.40s' runs here (%s has no live "
				    "%.40s.*.ctl; --run-dir says where to look)",
				    c->exchange, c->dir, c->exchange);
	qsort(c->all, c->n, sizeof *c->all, by_instance);
	return CLI_OK;
}

enum cli_status cli_control_ask(struct cli_controls *c, size_t i, const char *verb,
				const char *argument, struct bc_rpc_reply *reply)
{
	struct cli_control *one = &c->all[i];
	const bc_str arg = bc_str_of(argument != NULL ? argument : "");
	bc_status rc = BC_OK;
	if (one->client == NULL)
		rc = bc_rpc_client_new(&one->client, c->cli->zmq, one->endpoint);
	if (rc == BC_OK)
		rc = bc_rpc_call(one->client, bc_str_of(verb), &arg, argument != NULL,
				 c->cli->timeout_ns, reply);
	if (rc == BC_OK)
		return CLI_OK;
	return cli_complain(c->cli, rc == BC_ETIMEOUT ? CLI_NOT_FOUND : CLI_ERROR,
			    "%s.%s at %s: %s", c->exchange, one->instance, one->endpoint,
			    bc_status_text(rc));
}

void cli_control_reason(const struct bc_rpc_reply *reply, char *out, size_t cap)
{
	struct bc_text t = bc_text_on(out, cap);
	if (reply->n_answers > 0)
		bc_text_add_escaped(&t, reply->answers[0], 400);
	else
		bc_text_addf(&t, "status %d, and no reason given", reply->status);
}

static enum cli_status ask_shard(struct cli_controls *c, size_t i)
{
	struct bc_rpc_reply reply = { 0 };
	enum cli_status status = cli_control_ask(c, i, "HEALTH", NULL, &reply);
	if (status != CLI_OK)
		return status;
	json_t *health = reply.n_answers == 1
				 ? json_loadb(reply.answers[0].p, reply.answers[0].n, 0, NULL)
				 : NULL;
	const char *shard = json_string_value(json_object_get(health, "shard"));
	snprintf(c->all[i].shard, sizeof c->all[i].shard, "%s", shard != NULL ? shard : "0/1");
	json_decref(health);
	return CLI_OK;
}

enum cli_status cli_controls_open(struct cli_controls *c, struct cli *cli, const char *exchange)
{
	*c = (struct cli_controls){ .cli = cli, .exchange = exchange };
	cli->zmq = cli->zmq != NULL ? cli->zmq : bc_bus_context_new();
	c->all = calloc(CLI_CONTROLS_MAX, sizeof *c->all);
	if (cli->zmq == NULL || c->all == NULL)
		return out_of_memory(cli);
	enum cli_status status = find(c);
	for (size_t i = 0; i < c->n && status == CLI_OK; i++)
		status = ask_shard(c, i);
	return status;
}

void cli_controls_close(struct cli_controls *c)
{
	for (size_t i = 0; i < c->n; i++)
		bc_rpc_client_free(&c->all[i].client);
	free(c->all);
	c->all = NULL;
	c->n = 0;
}
