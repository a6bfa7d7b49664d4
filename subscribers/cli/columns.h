/* columns.h - what a table shows of each channel. */
#ifndef CLI_COLUMNS_H
#define CLI_COLUMNS_H

#include "common/text.h"
#include "proto/message.h"
#include "subscribers/cli/grid.h"

struct channel_columns {
	struct grid_column columns[8];
	size_t n;
	void (*add)(struct grid *g, const struct bc_message *m); /* n cells; NULL: not shown */
};

extern const struct channel_columns channel_columns[BC_N_CHANNELS];

/* The same in one line, for `watch`: "137263000 x 0.2539  |  137264000 x 0.1". */
void message_line(struct bc_text *t, const struct bc_message *m);

#endif
