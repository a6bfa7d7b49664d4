/* line_cpu.c - what a message costs the gateway, all its threads, beside the straight line. */
#include "bench/line_contest.h"

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
	/* What the targets are about is worth more rounds. */
	size_t n = line_rounds(b) * (target == BENCH_TARGET_NONE ? 1 : 3);
	struct line_contest c = { .ours = plan, .floor = plan };
	c.n_rounds = n < LINE_MAX_ROUNDS ? n : LINE_MAX_ROUNDS;
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
	for (size_t i = 0; i < (line_moment(b) ? 2 : sizeof rows / sizeof *rows); i++) {
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

void line_run_backlogged(struct bench *b)
{
	run_cpu(b, PER_WRITE, BENCH_TARGET_LINE_BACKLOGGED);
}

void line_run_record(struct bench *b)
{
	run_cpu(b, 1, BENCH_TARGET_LINE_RECORD);
}
