/* bench.h - the frame of bookcast-bench: what a scenario is, how it measures, where it tells.
 *
 * Shape   a scenario is a row of a table in a file of its own kind (decode.c, book.c, line.c); the
 *         tables are listed in scenarios.c. It runs, tells rows, and returns. To add one: write the
 *         row and its function; to add a file: its table, too, into scenarios.c and CMakeLists.txt.
 * Floor   what a row is divided by: a small program of ours that does the least that could do, or a
 *         library that others would take. It is honest only with what it leaves out, so a scenario
 *         with a floor says that as well.
 * Rule    who is compared runs in the same rounds, one after the other, in turns; pure code is
 *         timed by the CPU time of its thread. A ratio is the median of the ratios of the rounds.
 * Errors  a scenario that cannot measure says why by bench_fail() and goes on or returns. The
 *         program then exits with 1, having printed everything else. A timing is never an error.
 * Units   a row says its own; ratios above 1 are worse than the floor, always.
 * Memory  the texts of a row are copied.
 * Threads bench_row(), bench_fail() and bench_skip() are for the main thread. */
#ifndef BENCH_H
#define BENCH_H

#include "bench/stats.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bench; /* one run: what was asked for, what came of it */

struct bench_scenario {
	const char *name;  /* "decode.upbit-book": unique; --only and --list know it */
	const char *help;  /* a line: what is measured */
	const char *floor; /* what that is divided by; NULL: nothing */
	/* What the floor does not do, and the contender does; NULL: nothing. */
	const char *leaves_out;
	void (*run)(struct bench *b);
};

struct bench_group {
	const char *name, *title; /* "decode", "Bytes of the exchange to exact levels" */
	const struct bench_scenario *scenarios;
	size_t n;
};
extern const struct bench_group *const bench_groups[]; /* scenarios.c; ends in NULL */

/* What was promised: PERFORMANCE.md has the table. At most `at_most`, we aim at `aim`; of the
 * ratio, or of the value itself where there is no floor. */
#define BENCH_TARGET_ROWS(X)                                               \
	X(NONE, "", 0, 0)                                                  \
	X(LINE_BACKLOGGED, "gateway CPU a message, backlogged", 1.5, 1.25) \
	X(LINE_RECORD, "gateway CPU a message, a record each", 1.3, 1.15)  \
	X(CCXT, "gateway CPU a message against ccxt", 1.0 / 6, 1.0 / 9)    \
	X(LATENCY, "frame to subscriber", 1.15, 1.05)                      \
	X(DECODE, "decode against simdjson", 1.0, 0.6)                     \
	X(ENCODE, "encode 30 levels", 1.5, 1.1)                            \
	X(BOOK, "book of 1,000 and 5,000 levels", 1.3, 0.9)                \
	X(CACHE_P50, "cache GET, median", 1.15, 1.05)                      \
	X(CACHE_RATE, "cache GET, rate", 1.2, 1.05)                        \
	X(LATEST, "latest in shared memory", 3, 1.5)                       \
	X(LATE_JOIN, "late join, 99 of 100 in ms", 50, 10)                 \
	X(SCALE, "cost a message, 10,000 symbols", 1.2, 1.05)              \
	X(MEMORY_UPBIT, "300 Upbit symbols, MiB", 32, 16)                  \
	X(MEMORY_BINANCE, "300 Binance symbols of 1,000 levels, MiB", 96, 48)

enum bench_target {
#define BENCH_TARGET_ENUM(name, what, at_most, aim) BENCH_TARGET_##name,
	BENCH_TARGET_ROWS(BENCH_TARGET_ENUM)
#undef BENCH_TARGET_ENUM
		BENCH_N_TARGETS
};

/* ------------------------------------------------------------------ what a scenario tells */

/* One line of the table. Only variant, unit and value must be there. */
struct bench_row {
	const char *variant;    /* "30 levels", "ipc, 10k/s, p99" */
	const char *floor_name; /* "simdjson"; NULL: this row has no floor */
	const char *unit;       /* "ns", "us", "messages/s", "MiB"; of value and floor */
	double value, floor;
	bool more_is_better;       /* of a rate: the ratio is floor / value then */
	struct bench_spread ratio; /* all 0: made of value and floor */
	enum bench_target target;
	const char *curve; /* a point of this curve, "cost-by-symbols"; NULL: of none */
	double x;          /* where on it */
	const char *note;  /* what a reader must know; NULL */
};
void bench_row(struct bench *b, const struct bench_row *row);

/* A row that is not there, and why: "not built with simdjson", "BOOKCAST_CAPTURES is not set". */
void bench_skip(struct bench *b, const char *variant, const char *why);

/* The scenario in hand cannot measure, or what it compares is not equal. */
void bench_fail(struct bench *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------------------ what was asked for */

bool bench_quick(const struct bench *b);     /* a moment is enough: does it work at all? */
size_t bench_rounds(const struct bench *b);  /* >= 1 */
double bench_seconds(const struct bench *b); /* what one row may take, all its rounds together */
const char *bench_captures(const struct bench *b); /* directory of recorded messages, or NULL */
const char *bench_program(const char *name, char *out, size_t cap); /* path beside this one; out */
/* A new directory in TMPDIR or /tmp, short enough for the names of sockets in it. False: there is
 * none. */
#define BENCH_DIRECTORY_MAX 80
bool bench_directory(char out[BENCH_DIRECTORY_MAX]);

/* ------------------------------------------------------------------ pure code */

double bench_thread_ns(void);  /* CPU time of the calling thread */
double bench_process_ns(void); /* of all threads of this process */

#define bench_keep(pointer) __asm__ volatile("" : : "r"(pointer) : "memory")

/* Does its work `times` times. */
struct bench_contender {
	const char *name;
	void (*run)(void *self, size_t times);
	void *self;
	double operations; /* of one time: messages, levels */
};

#define BENCH_MAX_CONTENDERS 8
struct bench_timing {
	size_t n_rounds;
	double *ns[BENCH_MAX_CONTENDERS]; /* [contender][round], of one operation */
};

/* Runs them all in every round, beginning with another one each time. False: out of memory, said.
 */
bool bench_time(struct bench *b, const struct bench_contender *c, size_t n,
		struct bench_timing *out);
/* The same for those who run and time by themselves: room for n contenders, all 0. */
bool bench_timing_new(struct bench *b, struct bench_timing *t, size_t n);
void bench_timing_free(struct bench_timing *t);

double bench_median(const struct bench_timing *t, size_t contender);
/* Of contender `ours` against contender `floor`: value, floor, ratio and unit (ns) of the row. */
struct bench_row bench_versus(const struct bench_timing *t, const struct bench_contender *c,
			      size_t ours, size_t floor);

#endif
