#include "subscribers/cli/verbs.h"

#include <string.h>

const struct cli_verb *const cli_verbs[] = {
	&cli_verb_get,     &cli_verb_list,    &cli_verb_watch,   &cli_verb_trades,
	&cli_verb_candles, &cli_verb_top,     &cli_verb_health,  &cli_verb_gateways,
	&cli_verb_latency, &cli_verb_symbols, &cli_verb_reshard,
};
const size_t cli_n_verbs = sizeof cli_verbs / sizeof cli_verbs[0];

const struct cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < cli_n_verbs; i++)
		if (strcmp(cli_verbs[i]->name, name) == 0)
			return cli_verbs[i];
	return NULL;
}
