#include "subscribers/cli/cli.h"

#include "common/clock.h"
#include "common/run_dir.h"
#include "common/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum cli_status cli_worse(enum cli_status a, enum cli_status b)
{
	if (a == CLI_OK || b == CLI_OK)
		return a == CLI_OK ? b : a;
	return a < b ? a : b;
}

enum cli_status cli_complain(const struct cli *cli, enum cli_status status, const char *format, ...)
{
	va_list args;
	fflush(stdout);
	fprintf(stderr, "bookcast %s: ", cli->verb->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

const char *cli_flag(const struct cli *cli, const char *name)
{
	for (size_t i = 0; i < cli->verb->n_flags; i++)
		if (strcmp(cli->verb->flags[i].name, name) == 0)
			return cli->verb->flags[i].value;
	return NULL;
}

enum cli_status cli_flag_number(const struct cli *cli, const char *name, int64_t min, int64_t max,
				int64_t *out)
{
	const char *text = cli_flag(cli, name);
	char *end;
	if (text == NULL)
		return CLI_OK;
	errno = 0;
	long long value = strtoll(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < min ||
	    value > max)
		return cli_complain(cli, CLI_ERROR,
				    "%s%s: '%s': must be a number from %lld to %lld",
				    name[1] == '\0' ? "-" : "--", name, text, (long long)min,
				    (long long)max);
	*out = value;
	return CLI_OK;
}

enum cli_status cli_flag_ns(const struct cli *cli, const char *name, int64_t *out)
{
	const char *text = cli_flag(cli, name);
	if (text == NULL || bc_duration_parse(bc_str_of(text), out) == BC_OK)
		return CLI_OK;
	return cli_complain(cli, CLI_ERROR,
			    "--%s: '%s': must be a time with its unit, such as 500ms or 2s", name,
			    text);
}

/* ------------------------------------------------------------------ the cache */

/* What --cache, BOOKCAST_CACHE and the run directory say, into cli->endpoint. */
static enum cli_status find_cache(struct cli *cli)
{
	const char *given = bc_config_text(cli->config, BC_KEY_CACHE_ENDPOINT);
	char dir[BC_PATH_MAX], why[512];
	if (given[0] != '\0') {
		if (strlen(given) >= sizeof cli->endpoint)
			return cli_complain(cli, CLI_ERROR, "--cache: longer than %zu bytes",
					    sizeof cli->endpoint - 1);
		strcpy(cli->endpoint, given);
		return CLI_OK;
	}
	bc_status rc = bc_run_dir(bc_config_text(cli->config, BC_KEY_RUN_DIR), false, dir, why,
				  sizeof why);
	if (rc != BC_OK)
		return cli_complain(cli, rc == BC_ENOTFOUND ? CLI_NOT_FOUND : CLI_ERROR, "%s", why);
	snprintf(cli->endpoint, sizeof cli->endpoint, "ipc://%s/cache.rpc", dir);
	return CLI_OK;
}

bool cli_nobody_listens(const char *endpoint)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	if (strncmp(endpoint, "ipc://", 6) != 0 || endpoint[6] != '/' ||
	    strlen(endpoint + 6) >= sizeof to.sun_path)
		return false;
	strcpy(to.sun_path, endpoint + 6);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) != 0 &&
		       (errno == ECONNREFUSED || errno == ENOENT);
	close(fd);
	return refused;
}

static enum cli_status no_answer(const struct cli *cli)
{
	return cli_complain(cli, CLI_NOT_FOUND,
			    "no answer from the cache at %s; is bookcast-cache running there? "
			    "(--run-dir and --cache say where)",
			    cli->endpoint);
}

enum cli_status cli_connect(struct cli *cli)
{
	if (cli->cache != NULL)
		return CLI_OK;
	enum cli_status status = find_cache(cli);
	if (status != CLI_OK)
		return status;
	if (cli_nobody_listens(cli->endpoint))
		return no_answer(cli);
	cli->zmq = cli->zmq != NULL ? cli->zmq : bc_bus_context_new();
	if (cli->zmq == NULL)
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	bc_status rc = bc_rpc_client_new(&cli->cache, cli->zmq, cli->endpoint);
	if (rc != BC_OK)
		return cli_complain(
			cli, CLI_ERROR,
			"'%s': %s; an endpoint is written ipc:///path or tcp://host:port",
			cli->endpoint, bc_status_text(rc));
	return CLI_OK;
}

enum cli_status cli_ask(struct cli *cli, const char *verb, const bc_str *args, size_t n_args,
			struct bc_rpc_reply *reply)
{
	enum cli_status status = cli_connect(cli);
	if (status != CLI_OK)
		return status;
	bc_status rc =
		bc_rpc_call(cli->cache, bc_str_of(verb), args, n_args, cli->timeout_ns, reply);
	if (rc == BC_ETIMEOUT)
		return no_answer(cli);
	if (rc != BC_OK)
		return cli_complain(cli, CLI_ERROR, "the cache at %s: %s", cli->endpoint,
				    bc_status_text(rc));
	if (reply->status == BC_RPC_OK)
		return CLI_OK;
	char reason[512] = "no reason given";
	struct bc_text t = bc_text_on(reason, sizeof reason);
	if (reply->n_answers > 0)
		bc_text_add_escaped(&t, reply->answers[0], 400);
	return cli_complain(cli, CLI_ERROR, "the cache refused %s (%d): %s", verb, reply->status,
			    reason);
}

enum cli_status cli_not_the_protocol(const struct cli *cli)
{
	return cli_complain(cli, CLI_ERROR,
			    "the cache's answer is not in the form of its protocol");
}
