/* line_latency.c - from the last byte of a frame to the subscriber's hands. */
#include "bench/line_contest.h"
#include "bench/scenarios.h"

#include <stdio.h>

#define N_WARM   1000
#define N_LEAST  50
#define N_FLAT   100000 /* messages a second of the run, where there is no rate */
#define QUICKER  20     /* a quick run would have too few messages otherwise */
#define MOST     0.9    /* of the rate; below it, the load could not keep its schedule */
#define TOO_LATE 1.1    /* due and sent are told apart from here on */

/* One path; all rates of it. */
static const struct path {
	const char *words;
	bool tls, tcp;
	size_t n_symbols;
} paths[] = {
	{ "ipc, TLS", true, false, 1 },
	{ "tcp, TLS", true, true, 1 },
	{ "ipc, plain", false, false, 1 },
	{ "tcp, plain", false, true, 1 },
	{ "ipc, TLS, 200 symbols", true, false, 200 },
	{ "tcp, TLS, 200 symbols", true, true, 200 },
};

static const struct rate {
	const char *words;
	double rate;
	bool promised; /* the target speaks of it, on the first path */
} rates[] = {
	{ "1k/s", 1000, true },
	{ "10k/s", 10000, true },
	{ "50k/s", 50000, false },
	{ "flat out", 0, false },
};

static const struct {
	const char *words;
	enum line_figure sent, due;
	bool promised;
} figures[] = {
	{ "p50", LINE_P50, LINE_DUE_P50, true },
	{ "p99", LINE_P99, LINE_DUE_P99, true },
	{ "p99.9", LINE_P999, LINE_DUE_P999, false },
};

static uint64_t messages(const struct bench *b, const struct rate *rate)
{
	double seconds = bench_seconds(b) * (bench_quick(b) ? QUICKER : 1);
	double n = seconds * (rate->rate > 0 ? rate->rate : N_FLAT);
	return n < N_LEAST ? N_LEAST : n > LINE_MAX_MESSAGES ? LINE_MAX_MESSAGES : (uint64_t)n;
}

static void tell(struct bench *b, const struct line_contest *c, const struct path *path,
		 const struct rate *rate)
{
	char variant[96], note[160];
	double reached = line_contest_row(c, LINE_RATE).value;
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		struct bench_row row = line_contest_row(c, figures[i].sent);
		struct bench_row due = line_contest_row(c, figures[i].due);
		bool promised = path == &paths[0] && rate->promised && figures[i].promised;
		snprintf(variant, sizeof variant, "%s, %s, %s", path->words, rate->words,
			 figures[i].words);
		int n = snprintf(note, sizeof note,
				 "from when it was due: %.4g us, the floor %.4g us", due.value,
				 due.floor);
		if (reached < rate->rate * MOST)
			snprintf(note + n, sizeof note - (size_t)n,
				 "; %.3g messages/s is all that this machine reached", reached);
		row.variant = variant;
		row.target = promised ? BENCH_TARGET_LATENCY : BENCH_TARGET_NONE;
		row.note = due.value > row.value * TOO_LATE ? note : NULL;
		bench_row(b, &row);
	}
	if (rate->rate > 0)
		return;
	struct bench_row row = line_contest_row(c, LINE_RATE);
	snprintf(variant, sizeof variant, "%s, %s, rate", path->words, rate->words);
	row.variant = variant;
	bench_row(b, &row);
}

/* One standstill of the scheduler decides the 99 of 100 of a round, so of what is promised there
 * are many short ones: it is the median of theirs that is told. */
static size_t rounds(const struct bench *b, bool promised)
{
	size_t n = line_rounds(b, promised) * (promised && !line_moment(b) ? 3 : 1);
	return n < LINE_MAX_ROUNDS ? n : LINE_MAX_ROUNDS;
}

static void measure(struct bench *b, const struct path *path, const struct rate *rate)
{
	struct line_contest c = { .n_rounds = rounds(b, path == &paths[0] && rate->promised) };
	char variant[96];
	snprintf(variant, sizeof variant, "%s, %s", path->words, rate->words);
	c.ours = (struct line_plan){ .contender = LINE_GATEWAY,
				     .tls = path->tls,
				     .tcp = path->tcp,
				     .rate = rate->rate,
				     .per_write = 1,
				     .n_warm = line_moment(b) ? N_LEAST : N_WARM,
				     .n = messages(b, rate),
				     .n_symbols = path->n_symbols,
				     .ear = LINE_EAR_LIBRARY,
				     .n_ears = 1,
				     .stamps = true };
	c.floor = c.ours;
	c.floor.contender = LINE_FLOOR;
	if (line_contest_run(b, &c, variant))
		tell(b, &c, path, rate);
}

void line_run_latency(struct bench *b)
{
	const size_t n_paths = sizeof paths / sizeof *paths, n_rates = sizeof rates / sizeof *rates;
	if (line_moment(b)) {
		measure(b, &paths[0], &rates[0]);
		measure(b, &paths[n_paths - 1], &rates[n_rates - 1]);
		return;
	}
	for (size_t p = 0; p < n_paths; p++)
		for (size_t r = 0; r < n_rates; r++)
			measure(b, &paths[p], &rates[r]);
}
