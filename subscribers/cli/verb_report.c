/* gateways, health and latency: what the cache says about its sources, as JSON objects it made. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/verbs.h"

#include <string.h>

/* The one object of the answer; the caller gives it back. NULL: told. */
static json_t *ask_report(struct cli *cli, const char *verb, enum cli_status *status)
{
	struct bc_rpc_reply reply;
	json_error_t error;
	*status = cli_ask(cli, verb, NULL, 0, &reply);
	if (*status != CLI_OK)
		return NULL;
	json_t *object = reply.n_answers == 1 ? json_loadb(reply.answers[0].p, reply.answers[0].n,
							   JSON_REJECT_DUPLICATES, &error)
					      : NULL;
	if (!json_is_object(object)) {
		json_decref(object);
		*status = cli_complain(cli, CLI_ERROR,
				       "the cache's answer is not in the form of its protocol");
		return NULL;
	}
	return object;
}

/* What is known of its exchange's shards, with each gateway. */
static void add_ownership(json_t *gateway, const json_t *exchanges)
{
	const char *own = json_string_value(json_object_get(gateway, "exchange"));
	json_t *exchange;
	size_t i;
	json_array_foreach(exchanges, i, exchange)
	{
		const char *name = json_string_value(json_object_get(exchange, "exchange"));
		if (own != NULL && name != NULL && strcmp(own, name) == 0)
			json_object_set(gateway, "ownership", exchange);
	}
}

static enum cli_status tell_problems(const struct cli *cli, const json_t *exchanges)
{
	enum cli_status status = CLI_OK;
	const json_t *exchange;
	size_t i;
	json_array_foreach(exchanges, i, exchange)
	{
		const char *name = json_string_value(json_object_get(exchange, "exchange"));
		const char *problem = json_string_value(json_object_get(exchange, "problem"));
		const json_t *orphans = json_object_get(exchange, "orphans");
		const char *first = json_string_value(json_array_get(orphans, 0));
		if (json_is_false(json_object_get(exchange, "owned")))
			status = CLI_UNFIT;
		if (problem != NULL)
			cli_complain(cli, status, "%s: %s%s%s", name != NULL ? name : "?", problem,
				     first != NULL ? ", such as " : "", first != NULL ? first : "");
	}
	return status;
}

static enum cli_status run_gateways(struct cli *cli)
{
	enum cli_status status;
	json_t *report = ask_report(cli, "GATEWAYS", &status), *gateway;
	if (report == NULL)
		return status;
	const json_t *gateways = json_object_get(report, "gateways");
	const json_t *exchanges = json_object_get(report, "exchanges");
	size_t i;
	json_array_foreach(gateways, i, gateway)
	{
		add_ownership(gateway, exchanges);
		cli->output->gateway(cli, gateway);
	}
	status = tell_problems(cli, exchanges);
	if (json_array_size(gateways) == 0)
		status =
			cli_complain(cli, CLI_NOT_FOUND,
				     "the cache has heard no gateway; is one running with the same "
				     "--run-dir, or in the cache's `gateways:` list?");
	json_decref(report);
	return status;
}

static enum cli_status run_health(struct cli *cli)
{
	enum cli_status status;
	json_t *health = ask_report(cli, "HEALTH", &status);
	if (health == NULL)
		return status;
	cli->output->health(cli, health);
	bool fit = json_is_true(json_object_get(health, "fit"));
	json_decref(health);
	return fit ? CLI_OK : CLI_UNFIT;
}

/* "EXCHANGE" or "EXCHANGE.INSTANCE"; NULL: any. */
static bool is_asked_for(const json_t *gateway, const char *which)
{
	const char *exchange = json_string_value(json_object_get(gateway, "exchange"));
	const char *instance = json_string_value(json_object_get(gateway, "instance"));
	if (which == NULL)
		return true;
	if (exchange == NULL || instance == NULL)
		return false;
	size_t n = strlen(exchange);
	return strncmp(which, exchange, n) == 0 &&
	       (which[n] == '\0' || (which[n] == '.' && strcmp(which + n + 1, instance) == 0));
}

static enum cli_status run_latency(struct cli *cli)
{
	const char *which = cli->n_args > 0 ? cli->args[0] : NULL;
	enum cli_status status;
	json_t *report = ask_report(cli, "LATENCY", &status), *gateway, *hop;
	size_t i, k, n = 0;
	if (report == NULL)
		return status;
	json_array_foreach(json_object_get(report, "gateways"), i, gateway)
	{
		if (!is_asked_for(gateway, which))
			continue;
		n++;
		json_array_foreach(json_object_get(gateway, "hops"), k, hop)
			cli->output->latency(cli, gateway, hop);
	}
	if (n == 0)
		status = cli_complain(cli, CLI_NOT_FOUND, "the cache has heard no gateway%s%s",
				      which != NULL ? " of " : "", which != NULL ? which : "");
	json_decref(report);
	return status;
}

const struct cli_verb cli_verb_gateways = {
	.name = "gateways",
	.purpose = "the gateways the cache hears: where, how many symbols, since when",
	.examples = "  bookcast gateways\n"
		    "  bookcast gateways --json\n",
	.run = run_gateways,
};

const struct cli_verb cli_verb_health = {
	.name = "health",
	.purpose = "may everything be traded on? If not, what and why (exit status 3)",
	.examples = "  bookcast health\n"
		    "  bookcast health --json\n",
	.run = run_health,
};

const struct cli_verb cli_verb_latency = {
	.name = "latency",
	.arguments = "[EXCHANGE[.INSTANCE]]",
	.purpose = "how long messages took in the last minute, hop by hop",
	.examples = "  bookcast latency\n"
		    "  bookcast latency upbit.0 --json\n"
		    "  watch -n 1 bookcast latency\n",
	.max_args = 1,
	.run = run_latency,
};
