/* gateways and health: what the cache says about its sources, as JSON objects it made. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/verbs.h"

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

static enum cli_status run_gateways(struct cli *cli)
{
	enum cli_status status;
	json_t *report = ask_report(cli, "GATEWAYS", &status), *gateway;
	if (report == NULL)
		return status;
	const json_t *gateways = json_object_get(report, "gateways");
	size_t i;
	json_array_foreach(gateways, i, gateway) cli->output->gateway(cli, gateway);
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

const struct cli_verb cli_verb_gateways = {
	.name = "gateways",
	.purpose = "the gateways the cache has heard: where, how many symbols, since when",
	.examples = "  bookcast gateways\n"
		    "  bookcast gateways --json\n",
	.run = run_gateways,
};

const struct cli_verb cli_verb_health = {
	.name = "health",
	.purpose = "may everything be traded on? If not, what not and why (exit status 3)",
	.examples = "  bookcast health\n"
		    "  bookcast health --json\n",
	.run = run_health,
};
