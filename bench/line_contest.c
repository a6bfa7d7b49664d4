#include "bench/line_contest.h"

#include <stddef.h>

#define MOMENT_S 0.005

bool line_moment(const struct bench *b)
{
	return bench_quick(b) && bench_seconds(b) < MOMENT_S;
}

size_t line_rounds(const struct bench *b, bool promised)
{
	size_t n = (bench_rounds(b) + 4) / 5; /* a round takes a second or two here */
	if (promised && !line_moment(b))
		n *= 3;
	return n < LINE_MAX_ROUNDS ? n : LINE_MAX_ROUNDS;
}

bool line_contest_run(struct bench *b, struct line_contest *c, const char *variant)
{
	char why[LINE_WHY_MAX];
	if (c->n_rounds == 0)
		c->n_rounds = line_rounds(b, false);
	for (size_t i = 0; i < c->n_rounds; i++) {
		bool floor_first = i % 2 == 1;
		for (int turn = 0; turn < 2; turn++) {
			bool floor = floor_first == (turn == 0);
			if (line_run(floor ? &c->floor : &c->ours,
				     floor ? &c->floor_results[i] : &c->ours_results[i], why))
				continue;
			bench_fail(b, "%s, round %zu, %s: %s", variant, i + 1,
				   floor ? "the floor" : "ours", why);
			return false;
		}
	}
	return true;
}

static double figure_of(const struct line_plan *p, const struct line_result *r,
			enum line_figure figure)
{
	switch (figure) {
	case LINE_CPU:
		return r->cpu_ns / 1000;
	case LINE_CPU_EARS:
		return (r->cpu_ns / (double)p->n_ears + r->ear_cpu_ns) / 1000;
	case LINE_RATE:
		return (double)p->n / r->seconds;
	case LINE_P50:
		return r->from_sent.p50;
	case LINE_P99:
		return r->from_sent.p99;
	case LINE_P999:
		return r->from_sent.p999;
	case LINE_DUE_P50:
		return r->from_due.p50;
	case LINE_DUE_P99:
		return r->from_due.p99;
	case LINE_DUE_P999:
		return r->from_due.p999;
	}
	return 0;
}

struct bench_row line_contest_row(const struct line_contest *c, enum line_figure figure)
{
	double ours[LINE_MAX_ROUNDS], floor[LINE_MAX_ROUNDS], ratio[LINE_MAX_ROUNDS];
	bool more = figure == LINE_RATE;
	for (size_t i = 0; i < c->n_rounds; i++) {
		ours[i] = figure_of(&c->ours, &c->ours_results[i], figure);
		floor[i] = figure_of(&c->floor, &c->floor_results[i], figure);
		ratio[i] = more ? floor[i] / ours[i] : ours[i] / floor[i];
	}
	struct bench_row row = { .unit = more ? "messages/s" : "us",
				 .floor_name = "straight line",
				 .more_is_better = more,
				 .ratio = bench_spread(ratio, c->n_rounds) };
	row.value = bench_spread(ours, c->n_rounds).median;
	row.floor = bench_spread(floor, c->n_rounds).median;
	return row;
}
