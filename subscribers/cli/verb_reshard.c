/* reshard: the gateways of an exchange on this machine divide its symbols anew. */
#include "subscribers/cli/controls.h"
#include "subscribers/cli/output.h"
#include "subscribers/cli/verbs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Its index; -1: it says something that is none. */
static long index_of(const struct cli_control *one)
{
	char *end;
	long index = strtol(one->shard, &end, 10);
	return end != one->shard && *end == '/' ? index : -1;
}

static enum cli_status check_all_there(const struct cli_controls *c, int64_t n)
{
	enum cli_status status = CLI_OK;
	for (int64_t k = 0; k < n; k++) {
		bool there = false;
		for (size_t i = 0; i < c->n && !there; i++)
			there = index_of(&c->all[i]) == k;
		if (!there)
			status = cli_complain(c->cli, CLI_NOT_FOUND,
					      "shard %lld/%lld of %s does not run here; start "
					      "bookcast-gateway --shard %lld/%lld first. Nothing "
					      "has been changed",
					      (long long)k, (long long)n, c->exchange, (long long)k,
					      (long long)n);
	}
	return status;
}

/* now: its new shard; NULL: it goes. */
static void tell(const struct cli_controls *c, const struct cli_control *one, const char *now)
{
	if (c->cli->output == &cli_output_json) {
		json_t *o = json_pack("{s:s, s:s, s:s, s:s?}", "exchange", c->exchange, "instance",
				      one->instance, "was", one->shard, "shard", now);
		c->cli->output->gateway(c->cli, o);
		json_decref(o);
	} else if (now != NULL) {
		printf("%s.%s was shard %s and is %s\n", c->exchange, one->instance, one->shard,
		       now);
	} else {
		printf("%s.%s hands over what it has, and ends\n", c->exchange, one->instance);
	}
}

/* CLI_OK: done as asked. A refusal is told, and ends the verb. */
static enum cli_status demand(struct cli_controls *c, size_t i, const char *verb,
			      const char *argument, struct bc_rpc_reply *reply)
{
	char reason[512];
	enum cli_status status = cli_control_ask(c, i, verb, argument, reply);
	if (status != CLI_OK || reply->status == BC_RPC_OK)
		return status;
	cli_control_reason(reply, reason, sizeof reason);
	size_t first = argument != NULL ? strcspn(argument, "\n") : 0; /* of several lines */
	return cli_complain(c->cli, CLI_ERROR, "%s.%s refuses %s%s%.*s: %s", c->exchange,
			    c->all[i].instance, verb, argument != NULL ? " " : "",
			    first < 80 ? (int)first : 80, argument != NULL ? argument : "", reason);
}

static enum cli_status tell_one(struct cli_controls *c, size_t i, int64_t n)
{
	struct bc_rpc_reply reply = { 0 };
	char argument[32];
	long index = index_of(&c->all[i]);
	bool stays = index >= 0 && index < n;
	if (stays)
		snprintf(argument, sizeof argument, "%ld/%lld", index, (long long)n);
	else
		snprintf(argument, sizeof argument, "%lld", (long long)n);
	enum cli_status status = demand(c, i, stays ? "RESHARD" : "RETIRE", argument, &reply);
	if (status != CLI_OK)
		return status;
	tell(c, &c->all[i], stays ? argument : NULL);
	return CLI_OK;
}

/* What was said to gateway i of symbols at run time, told to all the others: one that was started
 * since, or one that could not be reached then, has never heard of it. */
static enum cli_status pass_on(struct cli_controls *c, size_t i)
{
	struct bc_rpc_reply answer = { 0 }, reply = { 0 };
	enum cli_status status = demand(c, i, "SAID", NULL, &answer);
	if (status != CLI_OK || answer.n_answers != 1 || answer.answers[0].n == 0)
		return status;
	char *said = strndup(answer.answers[0].p, answer.answers[0].n);
	if (said == NULL)
		return cli_complain(c->cli, CLI_ERROR, "out of memory");
	for (size_t other = 0; other < c->n && status == CLI_OK; other++) {
		if (other != i)
			status = demand(c, other, "SAY", said, &reply);
	}
	free(said);
	return status;
}

static enum cli_status run_reshard(struct cli *cli)
{
	struct cli_controls controls;
	char *end;
	long n = strtol(cli->args[1], &end, 10);
	if (*end != '\0' || n < 1 || n > 256)
		return cli_complain(cli, CLI_ERROR, "'%.40s': must be a number from 1 to 256",
				    cli->args[1]);
	enum cli_status status = cli_controls_open(&controls, cli, cli->args[0]);
	if (status == CLI_OK)
		status = check_all_there(&controls, n);
	for (size_t i = 0; i < controls.n && status == CLI_OK; i++)
		status = pass_on(&controls, i);
	for (size_t i = 0; i < controls.n && status == CLI_OK; i++)
		status = tell_one(&controls, i, n);
	cli_controls_close(&controls);
	return status;
}

const struct cli_verb cli_verb_reshard = {
	.name = "reshard",
	.arguments = "EXCHANGE COUNT",
	.purpose = "the gateways of an exchange divide its symbols anew, with no pause",
	.examples = "  bookcast reshard upbit 3\n"
		    "  bookcast gateways    # shows how far it is\n",
	.min_args = 2,
	.max_args = 2,
	.run = run_reshard,
};
