/* line_fanout.c - one gateway, many subscribers: how many messages a second, and what one costs. */
#include "bench/line_contest.h"
#include "bench/scenarios.h"

#include <stdio.h>

#define N_WARM    2000
#define PER_WRITE 16
#define N_LEAST   500
#define N_PER_S   200000 /* deliveries of a run for each second that a row may take */
#define QUICKER   20

static uint64_t messages(const struct bench *b, size_t n_ears)
{
	double seconds = bench_seconds(b) * (bench_quick(b) ? QUICKER : 1);
	double n = seconds * N_PER_S / (double)n_ears;
	return n < N_LEAST ? N_LEAST : (uint64_t)n;
}

static void tell(struct bench *b, const struct line_contest *c, const char *words)
{
	static const struct {
		const char *words;
		enum line_figure figure;
	} figures[] = { { "rate without loss", LINE_RATE },
			{ "CPU a delivery", LINE_CPU_EARS },
			{ "CPU a message, publisher", LINE_CPU } };
	char variant[96];
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		struct bench_row row = line_contest_row(c, figures[i].figure);
		snprintf(variant, sizeof variant, "%s, %s", words, figures[i].words);
		row.variant = variant;
		row.floor_name = "bare PUB";
		bench_row(b, &row);
	}
}

static void measure(struct bench *b, size_t n_ears, bool tcp)
{
	struct line_contest c = { .n_rounds = 0 };
	char words[64];
	snprintf(words, sizeof words, "%s, %zu subscriber%s", tcp ? "tcp" : "ipc", n_ears,
		 n_ears > 1 ? "s" : "");
	c.ours = (struct line_plan){ .contender = LINE_GATEWAY,
				     .tls = true,
				     .tcp = tcp,
				     .per_write = PER_WRITE,
				     .n_warm = N_WARM / n_ears,
				     .n = messages(b, n_ears),
				     .n_symbols = 1,
				     .ear = LINE_EAR_BARE,
				     .n_ears = n_ears };
	c.floor = c.ours;
	c.floor.contender = LINE_BARE_PUB;
	if (line_contest_run(b, &c, words))
		tell(b, &c, words);
}

void line_run_fanout(struct bench *b)
{
	static const size_t ears[] = { 1, 4, 16, 64 };
	if (line_moment(b)) {
		measure(b, 4, true);
		return;
	}
	for (size_t i = 0; i < sizeof ears / sizeof *ears; i++) {
		measure(b, ears[i], false);
		measure(b, ears[i], true);
	}
}
