/* run.h - one run of the program: what was asked for, the rows so far, who prints them.
 *
 * Inside the frame; scenarios see bench.h only. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

#include "bench/bench.h"
#include "bench/machine.h"

#include <stdio.h>

#define BENCH_MAX_ONLY 32

struct bench_options {
	bool list, quick, json;
	size_t rounds; /* 0: as --quick says */
	double seconds;
	const char *only[BENCH_MAX_ONLY]; /* globs of names or groups */
	size_t n_only;
	const char *save; /* file that gets the JSON too; NULL */
};

/* A row as it is kept: its texts are owned. */
struct bench_line {
	const struct bench_group *group;
	const struct bench_scenario *scenario;
	char *variant, *floor_name, *unit, *curve, *note;
	struct bench_row row;
	bool skipped; /* note says why */
};

struct bench {
	struct bench_options o;
	struct bench_machine machine;
	const struct bench_group *group; /* in hand */
	const struct bench_scenario *scenario;
	struct bench_line *lines;
	size_t n_lines, cap_lines;
	size_t errors;
};

bool bench_wanted(const struct bench_options *o, const struct bench_group *group,
		  const struct bench_scenario *scenario);

struct bench_promise {
	const char *what;
	double at_most, aim;
};
const struct bench_promise *bench_promise(enum bench_target target);

/* What became of a row: "aim" is reached, the target is "met", or it is "missed"; "unsure" is
 * missed by the median of its rounds, and met by a quarter of them: more of the machine than of
 * what is measured. "": no target. */
const char *bench_verdict(const struct bench_row *row);

void bench_lines_free(struct bench *b);

/* Who prints. Each returns false where the file does not take everything. */
bool bench_print_list(const struct bench_options *o, FILE *out);
bool bench_print_table(const struct bench *b, FILE *out);
bool bench_print_json(const struct bench *b, FILE *out);

#endif
