/* sim_rig.h - bookcast-gateway as it is, fed by bookcast-sim, and a subscriber to everything that
 * throws it away: for what a whole gateway costs by its symbols.
 *
 * Ends  both processes die with this one; sim_rig_close() ends them and removes their directory. */
#ifndef BENCH_SIM_RIG_H
#define BENCH_SIM_RIG_H

#include "bench/line.h"

struct sim_load {
	const char *exchange, *levels; /* levels: kept, and sent by the exchange */
	unsigned symbols, rate;        /* changes a second, of all symbols together */
};

struct sim_rig {
	char dir[BENCH_DIRECTORY_MAX], why[LINE_WHY_MAX], endpoint[LINE_PATH_MAX];
	pid_t exchange, gateway, janitor;
	int hold, port;
	void *context, *sub;
	/* As the newest heartbeat says, and the CPU time of the gateway when it came. */
	unsigned fit, symbols, heartbeats;
	uint64_t received;
	double cpu_ns;
};

/* Until every symbol is fit. False: r->why says what failed; close it all the same. */
bool sim_rig_open(struct sim_rig *r, const struct sim_load *load);
void sim_rig_close(struct sim_rig *r);

/* Listens until that time (line_now()), or until `wanted` symbols are fit; 0: until the time.
 * False: r->why. */
bool sim_rig_hear(struct sim_rig *r, int64_t until, unsigned wanted);

#endif
