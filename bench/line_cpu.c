/* line_cpu.c - what a message costs the gateway, all its threads, beside the straight line. */
#include "bench/line_contest.h"
#include "bench/scenarios.h"

#include <stdio.h>

#define N_WARM    4000
#define PER_WRITE 16
/* Messages of a run for each second that a row may take: a run takes longer to start than to end.
 */
#define N_PER_S       200000
#define N_PER_S_QUICK 2000000
#define N_LEAST       1000
#define N_MOST        400000

static uint64_t messages(const struct bench *b)
{
	double n = (bench_quick(b) ? N_PER_S_QUICK : N_PER_S) * bench_seconds(b);
	return n < N_LEAST ? N_LEAST : n > N_MOST ? N_MOST : (uint64_t)n;
}

/* Ours and the floor's in turns, then the row. */
static void versus(struct bench *b, struct line_plan plan, const char *variant,
		   enum bench_target target)
{
	struct line_contest c = { .ours = plan, .floor = plan };
	c.ours.contender = LINE_GATEWAY;
	c.floor.contender = LINE_FLOOR;
	if (!line_contest_run(b, &c, variant))
		return;
	struct bench_row row = line_contest_row(&c, LINE_CPU);
	row.variant = variant;
	row.target = target;
	bench_row(b, &row);
}

static void run_cpu(struct bench *b, unsigned per_write, enum bench_target target)
{
	static const struct {
		bool tls;
		size_t n_symbols;
		const char *words;
	} rows[] = { { true, 1, "TLS" }, { true, 200, "TLS, 200 symbols" }, { false, 1, "plain" } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct line_plan plan = { .tls = rows[i].tls,
					  .per_write = per_write,
					  .n_warm = N_WARM,
					  .n = messages(b),
					  .n_symbols = rows[i].n_symbols,
					  .ear = LINE_EAR_BARE,
					  .n_ears = 1 };
		versus(b, plan, rows[i].words, i == 0 ? target : BENCH_TARGET_NONE);
	}
}

static void run_backlogged(struct bench *b)
{
	run_cpu(b, PER_WRITE, BENCH_TARGET_LINE_BACKLOGGED);
}

static void run_record(struct bench *b)
{
	run_cpu(b, 1, BENCH_TARGET_LINE_RECORD);
}

#define FLOOR "the straight line: SSL_read, frame, scan, encode, zmq_msg_send in one loop"
#define LEAVES_OUT                                                                              \
	"reconnecting, pings, fragments, UTF-8 and JSON checks, levels out of order, the book " \
	"itself, states, silence, welcomes, other channels and exchanges, metrics, REST"

static const struct bench_scenario scenarios[] = {
	{ "line.cpu-backlogged",
	  "CPU of the whole gateway a message of 15 levels, 16 in one write: it never waits", FLOOR,
	  LEAVES_OUT, run_backlogged },
	{ "line.cpu-record",
	  "the same with one write, and one TLS record, a message: wakes, reads, publishes each",
	  FLOOR, LEAVES_OUT, run_record },
};

const struct bench_group bench_line = { "line", "Frame to subscriber", scenarios,
					sizeof scenarios / sizeof *scenarios };
