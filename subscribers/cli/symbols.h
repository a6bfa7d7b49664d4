/* symbols.h - the parts of the verb `symbols` that stand in files of their own. */
#ifndef CLI_SYMBOLS_H
#define CLI_SYMBOLS_H

#include "subscribers/cli/cli.h"

/* symbols weights: the rates of an exchange's symbols, as shard.weights takes them. */
enum cli_status cli_symbols_weigh(struct cli *cli);

#endif
