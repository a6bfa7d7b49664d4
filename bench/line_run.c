/* line_run.c - one run: warm up, let it go, read the clocks. */
#include "bench/line_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STUCK_NS   (5 * INT64_C(1000000000)) /* nothing new heard for so long: something is lost */
#define FIRST_PART 10                        /* of latencies, that much is warm-up, in percent */

/* ------------------------------------------------------------------ measuring */

struct clocks {
	int64_t now;
	double contender, ears;
};

static struct clocks read_clocks(const struct line_rig *r)
{
	return (struct clocks){ line_now(), line_cpu_ns(r->contender), line_cpu_ns(r->ears) };
}

/* Until the slowest ear has the last message. */
static bool wait_heard(struct line_rig *r)
{
	const struct timespec moment = { 0, 500000 };
	int64_t last = -1, changed = line_now();
	for (;;) {
		int64_t at = line_slowest(r->shared, r->plan->n_ears, true);
		if (at >= (int64_t)r->plan->n)
			return true;
		if (at != last)
			changed = line_now();
		last = at;
		if (r->shared->failed || !line_alive(r->contender))
			return line_rig_failed(r, "the contender ended");
		if (line_now() > changed + STUCK_NS) {
			snprintf(r->why, LINE_WHY_MAX,
				 "of %llu messages, %lld sent, a subscriber "
				 "has heard %lld",
				 (unsigned long long)r->plan->n, (long long)r->shared->sent,
				 (long long)at);
			return false;
		}
		nanosleep(&moment, NULL);
	}
}

static bool count(struct line_rig *r)
{
	for (size_t i = 0; i < r->plan->n_ears; i++) {
		const struct line_heard *h = &r->shared->ears[i];
		if (h->lost == 0 && h->strange == 0)
			continue;
		snprintf(r->why, LINE_WHY_MAX,
			 "subscriber %zu: %llu messages were lost, %llu came twice or late", i,
			 (unsigned long long)h->lost, (unsigned long long)h->strange);
		return false;
	}
	return true;
}

static bool measure(struct line_rig *r, struct line_result *out)
{
	struct clocks a, b;
	double n = (double)r->plan->n;
	if (!line_rig_warm_up(r))
		return false;
	a = read_clocks(r);
	r->shared->order = LINE_GO;
	if (!wait_heard(r) || !count(r))
		return false;
	b = read_clocks(r);
	out->seconds = (double)(b.now - a.now) / 1e9;
	out->cpu_ns = (b.contender - a.contender) / n;
	out->ear_cpu_ns = (b.ears - a.ears) / n / (double)r->plan->n_ears;
	return true;
}

/* ------------------------------------------------------------------ times */

static struct line_percentiles percentiles(double *v, size_t n)
{
	bench_sort(v, n);
	return (struct line_percentiles){ bench_percentile(v, n, 0.5), bench_percentile(v, n, 0.99),
					  bench_percentile(v, n, 0.999) };
}

static double us(int64_t from, int64_t to)
{
	return (double)(to - from) / 1000;
}

static bool read_stamps(struct line_rig *r, struct line_result *out)
{
	size_t first = 1 + (size_t)r->plan->n * FIRST_PART / 100, n = r->plan->n + 1 - first;
	const struct line_stamp *stamps = r->shared->stamps + first;
	double *v = malloc(n * sizeof *v);
	if (v == NULL)
		return line_rig_failed(r, "no memory for the times");
	for (size_t i = 0; i < n; i++)
		v[i] = us(stamps[i].sent, stamps[i].heard);
	out->from_sent = percentiles(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = us(stamps[i].due, stamps[i].heard);
	out->from_due = percentiles(v, n);
	free(v);
	return true;
}

bool line_run(const struct line_plan *plan, struct line_result *out, char *why)
{
	struct line_rig r;
	*out = (struct line_result){ .seconds = 0 };
	bool done = line_rig_open(&r, plan, why) && measure(&r, out) &&
		    (!plan->stamps || read_stamps(&r, out));
	if (!done && *why == '\0')
		line_rig_failed(&r, "it failed, and nobody says why");
	line_rig_close(&r);
	return done;
}
