/* output.h - how a verb's findings are shown: output_table.c for people, output_json.c for
 * programs (one object a line). Both write to stdout. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "subscribers/cli/answer.h"

#include <jansson.h>

struct cli_answers_shape {
	enum bc_channel channel;
	uint32_t depth;  /* levels a side; 0: not said */
	bool alone;      /* one symbol was asked for, by name */
	bool allow_rest; /* as the user said; for the words beside an unfit answer */
};

struct cli_listed {
	bc_str exchange, symbol;
	const bc_str *channels; /* the last part of each topic */
	size_t n_channels;
	const char *state; /* NULL: not known */
};

struct cli_output {
	/* NULL: out of memory. */
	void *(*open)(const struct cli *cli);
	/* Shows what is left. CLI_ERROR: stdout did not take everything. */
	enum cli_status (*close)(struct cli *cli);

	/* get */
	void (*answers)(struct cli *cli, const struct cli_answers_shape *shape);
	void (*answer)(struct cli *cli, const struct answer *a, enum cli_status fitness);
	/* trades, candles: how a topic is now, then each of its events from the oldest on, then the
	 * end. Of `standing` topic, view, reason and since are set. */
	void (*history)(struct cli *cli, const struct answer *standing,
			const struct cli_answers_shape *shape);
	void (*event)(struct cli *cli, const struct answer *event);
	void (*history_end)(struct cli *cli, const struct answer *standing,
			    enum cli_status fitness);
	/* watch; `view` has exchange and symbol */
	void (*heard)(struct cli *cli, const struct bc_message *m,
		      const struct bc_message_view *view);
	/* list */
	void (*listed)(struct cli *cli, const struct cli_listed *l);
	/* gateways: one object of GATEWAYS; health: the object of HEALTH */
	void (*gateway)(struct cli *cli, const json_t *gateway);
	void (*health)(struct cli *cli, const json_t *health);
	/* top: accounts; NULL: people see them on the screen */
	void (*account)(struct cli *cli, const json_t *account);
	/* latency: one gateway of LATENCY, and one of its hops */
	void (*latency)(struct cli *cli, const json_t *gateway, const json_t *hop);
};

extern const struct cli_output cli_output_table, cli_output_json;

#endif
