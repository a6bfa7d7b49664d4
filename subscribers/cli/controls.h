/* controls.h - the control sockets of an exchange's gateways on this machine: who is there, which
 * shard each is, and one question at a time to each. */
#ifndef CLI_CONTROLS_H
#define CLI_CONTROLS_H

#include "common/run_dir.h"
#include "subscribers/cli/cli.h"

#define CLI_CONTROLS_MAX 256

struct cli_control {
	char instance[64];
	char shard[24]; /* "0/3" */
	char endpoint[BC_ENDPOINT_MAX];
	struct bc_rpc_client *client;
};

struct cli_controls {
	struct cli *cli;
	const char *exchange;
	char dir[BC_PATH_MAX];
	struct cli_control *all; /* by instance */
	size_t n;
};

/* CLI_NOT_FOUND, and told: none runs here, or one does not answer. To be closed in any case. */
enum cli_status cli_controls_open(struct cli_controls *controls, struct cli *cli,
				  const char *exchange);
void cli_controls_close(struct cli_controls *controls);

/* One question with at most one argument (NULL: none). CLI_OK whatever the answer's status;
 * anything else has been told. *reply is valid until the next question to the same one. */
enum cli_status cli_control_ask(struct cli_controls *controls, size_t i, const char *verb,
				const char *argument, struct bc_rpc_reply *reply);
/* The reason of an answer that is not 200, safe to print. */
void cli_control_reason(const struct bc_rpc_reply *reply, char *out, size_t cap);

#endif
