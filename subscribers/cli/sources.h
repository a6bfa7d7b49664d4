/* sources.h - a subscriber's gateways: found through the cache, connected to, and looked for again
 * when one is missing or has moved. A cache that goes away later costs nothing but new gateways. */
#ifndef CLI_SOURCES_H
#define CLI_SOURCES_H

#include "common/bus_sub.h"
#include "subscribers/cli/cli.h"

struct cli_sources {
	struct cli *cli;
	struct bc_sub *sub;
	bool (*wanted)(const void *self, const char *exchange);
	const void *self;
	bc_mono_time next_ask;
};

/* Asks the cache and waits. Not CLI_OK: it has been told. */
enum cli_status cli_sources_find(struct cli_sources *sources);

/* Waits for a message of the bus, an answer of the cache, a signal, or so long. */
enum cli_status cli_sources_wait(struct cli_sources *sources, long at_most_ms);

/* Call it in every turn. missing: a gateway has fallen silent, so ask more often. */
void cli_sources_look(struct cli_sources *sources, bc_mono_time now, bool missing);

/* SIGINT and SIGTERM end a wait from now on, and are told here; 0: none came. */
void cli_signals_catch(void);
int cli_signal(void);

#endif
