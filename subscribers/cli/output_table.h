/* output_table.h - what the files that print tables share. */
#ifndef CLI_OUTPUT_TABLE_H
#define CLI_OUTPUT_TABLE_H

#include "subscribers/cli/grid.h"
#include "subscribers/cli/output.h"

#define TABLE_MAX_COLUMNS 14

struct table_state {
	struct grid *grid;
	struct grid_column columns[TABLE_MAX_COLUMNS];
	struct cli_answers_shape shape;
	size_t n_answers, n_fit;
	bool failed;
};

/* The grid of a verb, which is begun with these columns if it is not there yet. NULL: no memory. */
struct grid *table_start(struct cli *cli, const struct grid_column *columns, size_t n);
/* Prints the grid and gives it back. */
void table_print(struct cli *cli, const char *indent);
void table_add_age(struct grid *grid, int64_t ns, const char *paint);

/* output_reports.c, slots of cli_output_table */
void table_listed(struct cli *cli, const struct cli_listed *l);
void table_gateway(struct cli *cli, const json_t *gateway);
void table_health(struct cli *cli, const json_t *health);
void table_latency(struct cli *cli, const json_t *gateway, const json_t *hop);

#endif
