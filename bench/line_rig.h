/* line_rig.h - everybody of a run, started and not yet measured. */
#ifndef BENCH_LINE_RIG_H
#define BENCH_LINE_RIG_H

#include "bench/line.h"

struct line_rig {
	const struct line_plan *plan;
	struct line_shared *shared;
	char dir[BENCH_DIRECTORY_MAX], endpoint[LINE_PATH_MAX], cache[LINE_PATH_MAX];
	struct line_child child;
	pid_t load, contender, ears, directory, janitor;
	int hold;  /* the janitor's */
	char *why; /* [LINE_WHY_MAX], of the first that failed */
};

/* Starts exchange, contender and ears, until the contender has asked the exchange for all symbols.
 * False: rig->why says what failed; line_rig_close() is due all the same. */
bool line_rig_open(struct line_rig *r, const struct line_plan *plan, char *why);
/* Ends them all. */
void line_rig_close(struct line_rig *r);

/* Lets the exchange send its warm-up, until all ears have heard it. */
bool line_rig_warm_up(struct line_rig *r);
/* Until the condition holds; false: not in time, or somebody has failed meanwhile. */
bool line_rig_wait(struct line_rig *r, const _Atomic bool *condition, const char *what);
bool line_rig_failed(struct line_rig *r, const char *what); /* keeps the first reason; false */

/* Environment: the directory of tests/bench/ccxt/install, with watch.js beside node_modules. */
#define LINE_CCXT_HOME "BOOKCAST_BENCH_CCXT"
void line_ccxt_result(const struct line_rig *r, char *out, size_t cap); /* a file, once it ends */

#endif
