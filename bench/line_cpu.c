/* line_cpu.c - what a message costs the gateway, all its threads, beside the straight line. */
#include "bench/line_contest.h"

#include <stdio.h>
#include <unistd.h>

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
	c.n_rounds = line_rounds(b, target != BENCH_TARGET_NONE);
	c.ours.contender = LINE_GATEWAY;
	c.floor.contender = LINE_FLOOR;
	if (!line_contest_run(b, &c, variant))
		return;
	struct bench_row row = line_contest_row(&c, LINE_CPU);
	row.variant = variant;
	row.target = target;
	bench_row(b, &row);
}

static struct line_plan plan_of(const struct bench *b, bool tls, unsigned per_write)
{
	return (struct line_plan){ .tls = tls,
				   .per_write = per_write,
				   .n_warm = line_moment(b) ? N_LEAST : N_WARM,
				   .n = messages(b),
				   .n_symbols = 1,
				   .ear = LINE_EAR_BARE,
				   .n_ears = 1 };
}

/* What Upbit really sent: nine symbols, three books to two trades, SIMPLE. */
static void run_recorded(struct bench *b, unsigned per_write)
{
	static const char variant[] = "TLS, recorded books and trades";
	char path[LINE_PATH_MAX];
	struct line_plan plan = plan_of(b, true, per_write);
	if (bench_captures(b) == NULL) {
		bench_skip(b, variant, "BOOKCAST_CAPTURES is not set");
		return;
	}
	snprintf(path, sizeof path, "%s/upbit/cf-20210405-simple.jsonl.zst", bench_captures(b));
	if (access(path, R_OK) != 0) {
		bench_skip(b, variant, "BOOKCAST_CAPTURES has no upbit/cf-20210405-simple");
		return;
	}
	plan.capture = path;
	versus(b, plan, variant, BENCH_TARGET_NONE);
}

static void run_cpu(struct bench *b, unsigned per_write, enum bench_target target)
{
	static const struct {
		bool tls;
		size_t n_symbols;
		const char *words;
	} rows[] = { { true, 1, "TLS" }, { true, 200, "TLS, 200 symbols" }, { false, 1, "plain" } };
	for (size_t i = 0; i < (line_moment(b) ? 1 : sizeof rows / sizeof *rows); i++) {
		struct line_plan plan = plan_of(b, rows[i].tls, per_write);
		plan.n_symbols = rows[i].n_symbols;
		versus(b, plan, rows[i].words, i == 0 ? target : BENCH_TARGET_NONE);
	}
	run_recorded(b, per_write);
}

void line_run_backlogged(struct bench *b)
{
	run_cpu(b, PER_WRITE, BENCH_TARGET_LINE_BACKLOGGED);
}

void line_run_record(struct bench *b)
{
	run_cpu(b, 1, BENCH_TARGET_LINE_RECORD);
}

/* The gateway beside itself. A warm-up has touched every symbol. */
static void versus_ten(struct bench *b, size_t n_symbols, const char *variant)
{
	struct line_contest c = { .n_rounds = line_rounds(b, true) };
	c.ours = c.floor = plan_of(b, true, PER_WRITE);
	c.ours.contender = c.floor.contender = LINE_GATEWAY;
	c.ours.n_symbols = n_symbols;
	c.floor.n_symbols = 10;
	c.ours.n_warm = c.floor.n_warm = 2 * n_symbols;
	if (!line_contest_run(b, &c, variant))
		return;
	struct bench_row row = line_contest_row(&c, LINE_CPU);
	row.variant = variant;
	row.floor_name = "10 symbols";
	bench_row(b, &row);
}

void line_run_symbols(struct bench *b)
{
	versus_ten(b, 1000, "1,000 symbols");
	if (!line_moment(b))
		versus_ten(b, LINE_MAX_SYMBOLS, "10,000 symbols");
}
