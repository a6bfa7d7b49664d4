/* trace.h - what happened in a trial: a hash of all of it, and the last of it to be printed.
 *
 * Two trials of one seed have the same hash, or something in them is not a function of the seed.
 * Threads one. */
#ifndef BC_SIMULATION_TRACE_H
#define BC_SIMULATION_TRACE_H

#include "proto/value.h"

#include <stdio.h>

#define TRACE_KEPT 40
#define TRACE_TEXT 200

struct trace_entry {
	int64_t at_ns;
	uint32_t who; /* gateway */
	uint64_t step;
	char text[TRACE_TEXT];
};

struct trace {
	bool verbose; /* print as it happens */
	uint64_t hash, n;
	struct trace_entry kept[TRACE_KEPT];
};

void trace_bytes(struct trace *trace, bc_str bytes); /* into the hash alone */
void trace_note(struct trace *trace, uint32_t who, int64_t at_ns, uint64_t step, const char *format,
		...) __attribute__((format(printf, 5, 6)));
void trace_print(const struct trace *trace, FILE *out); /* the last ones, oldest first */

#endif
