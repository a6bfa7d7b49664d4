/* bookcast - asks the cache and follows the bus. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/verbs.h"

#include "common/config_keys.h"
#include "common/text.h"
#include "common/version.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_EXTERNAL 32

/* ------------------------------------------------------------------ which verb */

/* Does this flag take the next word as its value? Flags may stand before the verb. */
static bool takes_next_word(const char *word)
{
	if (strncmp(word, "--", 2) != 0 || strchr(word, '=') != NULL)
		return false;
	for (int i = 0; i < BC_N_KEYS; i++)
		if ((bc_keys[i].programs & BC_CLI) && strcmp(bc_keys[i].flag, word + 2) == 0)
			return bc_keys[i].type != BC_TYPE_BOOL;
	return false;
}

/* The place of the verb in argv; 0: there is none. */
static int find_verb(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--") == 0)
			return i + 1 < argc ? i + 1 : 0;
		if (argv[i][0] != '-' || argv[i][1] == '\0')
			return i;
		if (takes_next_word(argv[i]))
			i++;
	}
	return 0;
}

static bool has_flag(int argc, char **argv, const char *flag)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], flag) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ help, and not knowing */

static void print_overview(FILE *out)
{
	char *external[MAX_EXTERNAL];
	size_t n = cli_external_names(external, MAX_EXTERNAL);
	fprintf(out, "bookcast: asks the cache and follows the bus\n\nExamples\n"
		     "  bookcast get upbit KRW-BTC\n"
		     "  bookcast watch upbit.KRW-BTC.book\n"
		     "  bookcast health && echo 'all books are fit'\n\nVerbs\n");
	for (size_t i = 0; i < cli_n_verbs; i++)
		fprintf(out, "  %-10s %s\n", cli_verbs[i]->name, cli_verbs[i]->purpose);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "  %-10s the program bookcast-%s\n", external[i], external[i]);
		free(external[i]);
	}
	fprintf(out, "\nbookcast VERB --help tells more. Exit status: 0 good; 1 usage, input or "
		     "output;\n"
		     "2 not found, no answer, no data yet; 3 found but not fit to trade on.\n");
}

static int unknown_verb(const char *word)
{
	const char *known[MAX_EXTERNAL + 16];
	char *external[MAX_EXTERNAL];
	size_t n_external = cli_external_names(external, MAX_EXTERNAL), n = 0;
	char name[128];
	struct bc_text t = bc_text_on(name, sizeof name);
	for (size_t i = 0; i < cli_n_verbs; i++)
		known[n++] = cli_verbs[i]->name;
	for (size_t i = 0; i < n_external; i++)
		known[n++] = external[i];
	const char *near = bc_text_nearest(word, known, n);
	bc_text_add_escaped(&t, bc_str_of(word), 60);
	fprintf(stderr, "bookcast: '%s': no such verb%s%s%s\n", name, near ? "; did you mean " : "",
		near ? near : "", near ? "?" : "; bookcast --help lists them");
	for (size_t i = 0; i < n_external; i++)
		free(external[i]);
	return CLI_ERROR;
}

static int without_verb(int argc, char **argv)
{
	if (has_flag(argc, argv, "--version"))
		printf("bookcast %s (%s)\n", bc_version, bc_version_git);
	else if (has_flag(argc, argv, "--help"))
		print_overview(stdout);
	else {
		print_overview(stderr);
		return CLI_ERROR;
	}
	return fflush(stdout) == 0 ? CLI_OK : CLI_ERROR;
}

/* ------------------------------------------------------------------ running one */

static bool wants_color(const struct bc_config *config)
{
	enum { AUTO, ALWAYS, NEVER };
	const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
	int word = bc_config_word(config, BC_KEY_COLOR);
	if (word != AUTO)
		return word == ALWAYS;
	return isatty(1) && (no_color == NULL || no_color[0] == '\0') &&
	       (term == NULL || strcmp(term, "dumb") != 0);
}

/* 0: stdout is none, or does not say. */
static size_t terminal_columns(void)
{
	struct winsize size = { .ws_col = 0 };
	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

static enum cli_status check_arguments(const struct cli *cli)
{
	const struct cli_verb *v = cli->verb;
	const char *arguments = v->arguments != NULL ? v->arguments : "";
	if (cli->n_args < v->min_args)
		return cli_complain(cli, CLI_ERROR, "needs %s, for example:\n%s", arguments,
				    v->examples);
	if (v->max_args >= 0 && cli->n_args > v->max_args)
		return cli_complain(cli, CLI_ERROR, "'%s': one argument too many; it takes %s",
				    cli->args[v->max_args], v->max_args ? arguments : "none");
	return CLI_OK;
}

static enum cli_status run(struct cli *cli)
{
	enum cli_status status = check_arguments(cli);
	if (status != CLI_OK)
		return status;
	cli->timeout_ns = bc_config_ns(cli->config, BC_KEY_TIMEOUT);
	cli->color = wants_color(cli->config);
	cli->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	cli->columns = terminal_columns();
	cli->output =
		bc_config_bool(cli->config, BC_KEY_JSON) ? &cli_output_json : &cli_output_table;
	cli->output_state = cli->output->open(cli);
	if (cli->output_state == NULL)
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	status = cli->verb->run(cli);
	if (cli->output->close(cli) != CLI_OK)
		status = cli_complain(cli, CLI_ERROR, "stdout did not take everything");
	bc_rpc_client_free(&cli->cache);
	bc_bus_context_free(&cli->zmq);
	return status;
}

static int run_verb(const struct cli_verb *verb, int argc, char **argv)
{
	char name[64], usage[256];
	struct bc_config *config = NULL;
	struct cli cli = { .verb = verb };
	snprintf(name, sizeof name, "bookcast %s", verb->name);
	snprintf(usage, sizeof usage, "  bookcast %s %s [options]\n", verb->name,
		 verb->arguments != NULL ? verb->arguments : "");
	const struct bc_config_more more = { .flags = verb->flags,
					     .n_flags = verb->n_flags,
					     .name = name,
					     .purpose = verb->purpose,
					     .usage = usage,
					     .examples = verb->examples };
	switch (bc_config_load(&config, BC_CLI, argc, argv, &cli.n_args, &more)) {
	case BC_CONFIG_DONE:
		return CLI_OK;
	case BC_CONFIG_BAD:
		return CLI_ERROR;
	case BC_CONFIG_RUN:
		break;
	}
	cli.config = config;
	cli.args = argv + 1;
	enum cli_status status = run(&cli);
	bc_config_free(&config);
	return (int)status;
}

int main(int argc, char **argv)
{
	setlocale(LC_CTYPE, ""); /* only to know whether the terminal takes UTF-8 */
	int at = find_verb(argc, argv);
	if (at == 0)
		return without_verb(argc, argv);
	char *name = argv[at];
	memmove(argv + at, argv + at + 1, (size_t)(argc - at) * sizeof *argv); /* with the NULL */
	const struct cli_verb *verb = cli_verb_find(name);
	if (verb != NULL)
		return run_verb(verb, argc - 1, argv);
	cli_external_run(name, argv);
	return unknown_verb(name);
}
