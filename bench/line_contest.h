/* line_contest.h - rounds of two runs, ours and the floor's, in turns. */
#ifndef BENCH_LINE_CONTEST_H
#define BENCH_LINE_CONTEST_H

#include "bench/line.h"

#define LINE_MAX_ROUNDS 30

struct line_contest {
	struct line_plan ours, floor;
	size_t n_rounds; /* 0: as many as were asked for */
	struct line_result ours_results[LINE_MAX_ROUNDS], floor_results[LINE_MAX_ROUNDS];
};

/* Only whether it works at all is asked: a row or two of each kind will do. */
bool line_moment(const struct bench *b);

/* How many, for who does not say: fewer than where a round is short. What a target is about is
 * worth three times as many. */
size_t line_rounds(const struct bench *b, bool promised);

/* False: it has been told why. */
bool line_contest_run(struct bench *b, struct line_contest *c, const char *variant);

enum line_figure {
	LINE_CPU,      /* us of CPU a message, of the contender */
	LINE_CPU_EARS, /* us of CPU a delivery, contender and subscribers together */
	LINE_RATE,     /* messages/s */
	LINE_P50,      /* us, from the last byte */
	LINE_P99,
	LINE_P999,
	LINE_DUE_P50, /* us, from when it was due */
	LINE_DUE_P99,
	LINE_DUE_P999
};
/* Medians, and the ratio of the rounds; without variant, target and note. */
struct bench_row line_contest_row(const struct line_contest *c, enum line_figure figure);

/* The scenarios, by file. */
void line_run_backlogged(struct bench *b);
void line_run_record(struct bench *b);
void line_run_symbols(struct bench *b);
void line_run_latency(struct bench *b);
void line_run_fanout(struct bench *b);
void line_run_cache(struct bench *b);
void line_run_cache_latest(struct bench *b);
void line_run_join(struct bench *b);
void line_run_ccxt(struct bench *b);

#endif
