/* machine.h - where and of what a figure was made: without it, no figure. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>

struct bench_machine {
	char cpu[128], kernel[128], date[32];
	long cores;
	char build[160];    /* version, commit, and the linker's build id, which needs no git */
	char compiler[128]; /* with its version */
	char flags[512];
	char libraries[256]; /* "libzmq 4.3.4, ..." */
	bool optimized;      /* false: sanitizers or no optimization; figures mean nothing */
};

void bench_machine_read(struct bench_machine *m);

#endif
