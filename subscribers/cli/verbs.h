/* verbs.h - the verbs that are built in. Others are programs: `bookcast X` runs bookcast-X. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "subscribers/cli/cli.h"

extern const struct cli_verb cli_verb_candles, cli_verb_gateways, cli_verb_get, cli_verb_health,
	cli_verb_latency, cli_verb_list, cli_verb_reshard, cli_verb_symbols, cli_verb_top,
	cli_verb_trades, cli_verb_watch;

/* In the order of `bookcast --help`. */
extern const struct cli_verb *const cli_verbs[];
extern const size_t cli_n_verbs;

const struct cli_verb *cli_verb_find(const char *name); /* NULL: none */

/* Runs bookcast-<name> beside this program in place of it; argv[0] is not read. Returns only if
 * there is none. */
void cli_external_run(const char *name, char **argv);
/* The names of those that are there: "decode", "exchanges"; at most max, to be freed one by one. */
size_t cli_external_names(char **names, size_t max);

#endif
