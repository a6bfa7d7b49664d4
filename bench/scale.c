/* scale.c - what a message costs with many symbols and many who listen to something else. */
#include "bench/path.h"
#include "bench/scenarios.h"

#define MAX_POINTS 4

struct point {
	struct path_options o;
	const char *variant;
	double x;
};

/* All points side by side in the same rounds, and the ratio of each to the first. */
static void run_points(struct bench *b, const struct point *points, size_t n, const char *curve,
		       const char *first, enum bench_target last)
{
	struct path *paths[MAX_POINTS] = { NULL };
	struct bench_contender c[MAX_POINTS];
	struct bench_timing t;
	bool good = true;

	for (size_t i = 0; i < n && good; i++) {
		paths[i] = path_open(b, &points[i].o);
		c[i] = (struct bench_contender){ points[i].variant, path_run, paths[i], 1 };
		good = paths[i] != NULL;
	}
	if (good && bench_time(b, c, n, &t)) {
		for (size_t i = 0; i < n; i++)
			good = path_check(paths[i]) && good;
		for (size_t i = 0; i < n && good; i++) {
			struct bench_row row = bench_versus(&t, c, i, 0);
			row.floor_name = i == 0 ? NULL : first;
			row.curve = curve;
			row.x = points[i].x;
			row.target = i + 1 == n ? last : BENCH_TARGET_NONE;
			bench_row(b, &row);
		}
		bench_timing_free(&t);
	}
	for (size_t i = 0; i < n; i++)
		path_close(paths[i]);
}

static void run_symbols(struct bench *b)
{
	static const struct point points[] = {
		{ { 10, 0, PATH_PER_READ, true }, "10 symbols", 10 },
		{ { 100, 0, PATH_PER_READ, true }, "100 symbols", 100 },
		{ { 1000, 0, PATH_PER_READ, true }, "1,000 symbols", 1000 },
		{ { 10000, 0, PATH_PER_READ, true }, "10,000 symbols", 10000 },
	};
	run_points(b, points, 4, "cost-by-symbols", "10 symbols", BENCH_TARGET_SCALE);
}

static void run_single(struct bench *b)
{
	static const struct point points[] = {
		{ { 10, 0, 1, true }, "10 symbols", 10 },
		{ { 10000, 0, 1, true }, "10,000 symbols", 10000 },
	};
	run_points(b, points, 2, NULL, "10 symbols", BENCH_TARGET_NONE);
}

static void run_filters(struct bench *b)
{
	static const struct point points[] = {
		{ { 100, 0, PATH_PER_READ, true }, "1 filter", 0 },
		{ { 100, 10, PATH_PER_READ, true }, "and 10 idle ones", 10 },
		{ { 100, 100, PATH_PER_READ, true }, "and 100 idle ones", 100 },
		{ { 100, 1000, PATH_PER_READ, true }, "and 1,000 idle ones", 1000 },
	};
	run_points(b, points, 4, "cost-by-filters", "1 filter", BENCH_TARGET_NONE);
}

static void run_unheard(struct bench *b)
{
	static const struct point points[] = {
		{ { 100, 0, PATH_PER_READ, true }, "somebody listens", 0 },
		{ { 100, 1000, PATH_PER_READ, false },
		  "nobody listens, but 1,000 to other topics",
		  0 },
	};
	run_points(b, points, 2, NULL, "somebody listens", BENCH_TARGET_NONE);
}

#define LEAVES_OUT                                                              \
	"sockets: text is copied into one buffer, 16 messages a read, and the " \
	"sender only copies"

static const struct bench_scenario scenarios[] = {
	{ "path.symbols",
	  "a book from the transport's callback to the bus, of 10 to 10,000 symbols",
	  "itself at 10 symbols", LEAVES_OUT, run_symbols },
	{ "path.single", "the same where each read brings one message", "itself at 10 symbols",
	  LEAVES_OUT, run_single },
	{ "path.filters", "the same with filters of others that match nothing, 100 symbols",
	  "itself with the one filter that matches", LEAVES_OUT, run_filters },
	{ "path.unheard", "the same where nobody listens", "itself where somebody does", LEAVES_OUT,
	  run_unheard },
};

const struct bench_group bench_path = { "path", "Bytes in to bytes out, in one process", scenarios,
					sizeof scenarios / sizeof *scenarios };
