/* cli.h - what the verbs of `bookcast` share: the call, its exit status, the cache, the output.
 *
 * A verb is a row in verbs.c and a file verb_<name>.c. It asks the cache through cli_ask(), hands
 * what it found to the output (a table for people, JSON for programs), and returns its status. */
#ifndef CLI_H
#define CLI_H

#include "common/bus_rpc.h"
#include "common/bus_socket.h"
#include "common/config.h"
#include "common/message_json.h"
#include "proto/topic.h"

#include <stdio.h>

enum cli_status {
	CLI_OK = 0,
	CLI_ERROR = 1,     /* usage, input or output */
	CLI_NOT_FOUND = 2, /* nobody has it, no answer, no data yet */
	CLI_UNFIT = 3,     /* found, but not to be traded on */
};

/* Of several: 1 before 2 before 3 before 0. */
enum cli_status cli_worse(enum cli_status a, enum cli_status b);

struct cli_output;

struct cli {
	const struct cli_verb *verb;
	const struct bc_config *config;
	char **args; /* without verb and flags */
	int n_args;
	int64_t timeout_ns;
	bool color, utf8; /* what the terminal takes */
	size_t columns;   /* of the terminal; 0: stdout is none */
	const struct cli_output *output;
	void *output_state;
	void *zmq;
	struct bc_rpc_client *cache;
	char endpoint[BC_ENDPOINT_MAX]; /* of the cache; "" before the first question */
};

struct cli_verb {
	const char *name;
	const char *arguments; /* "EXCHANGE SYMBOL..." */
	const char *purpose, *examples;
	int min_args, max_args; /* max -1: any number */
	struct bc_verb_flag *flags;
	size_t n_flags;
	enum cli_status (*run)(struct cli *cli);
};

/* "bookcast get: <message>" on stderr; returns `status`. */
enum cli_status cli_complain(const struct cli *cli, enum cli_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The value of a flag of this verb, NULL where it was not given. */
const char *cli_flag(const struct cli *cli, const char *name);
/* CLI_ERROR, and told, if it was given and is not a number (a time) in the bounds. *out is not
 * touched where it was not given. */
enum cli_status cli_flag_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
				int64_t *out);
enum cli_status cli_flag_ns(const struct cli *cli, const char *name, int64_t *out);

/* Asks the cache and waits. CLI_OK: *reply has status 200 and is valid until the next question;
 * everything else has been told. */
enum cli_status cli_ask(struct cli *cli, const char *verb, const bc_str *args, size_t n_args,
			struct bc_rpc_reply *reply);
/* Complains of an answer that is none; returns CLI_ERROR. */
enum cli_status cli_not_the_protocol(const struct cli *cli);
/* ZeroMQ connects in the background and says nothing of a socket that nobody listens on; a person
 * should not wait for the time limit to learn that. Of ipc endpoints only. */
bool cli_nobody_listens(const char *endpoint);
/* Opens the connection, if it is not there yet. */
enum cli_status cli_connect(struct cli *cli);

#endif
