/* line_run.c - one run: start everybody, warm up, let it go, read the clocks, stop everybody. */
#include "bench/line.h"

#include "bench/floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_NS   (15 * INT64_C(1000000000))
#define STUCK_NS   (5 * INT64_C(1000000000)) /* nothing new heard for so long: something is lost */
#define FIRST_PART 10                        /* of latencies, that much is warm-up, in percent */

struct rig {
	const struct line_plan *plan;
	struct line_shared *shared;
	char dir[80], endpoint[LINE_PATH_MAX], cache[LINE_PATH_MAX];
	struct line_child child;
	pid_t load, contender, ears, directory, janitor;
	int hold; /* the janitor's */
	char *why;
};

static bool failed(struct rig *r, const char *what)
{
	snprintf(r->why, LINE_WHY_MAX, "%s",
		 r->shared != NULL && r->shared->failed ? r->shared->why : what);
	return false;
}

/* ------------------------------------------------------------------ starting */

static void *map(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

static bool open_rig(struct rig *r)
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(r->dir, sizeof r->dir, "%s/bookcast-bench-XXXXXX",
			 tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	if (n < 0 || (size_t)n >= sizeof r->dir || mkdtemp(r->dir) == NULL)
		return failed(
			r, "no directory in TMPDIR or /tmp, or its name is too long for sockets");
	if ((r->janitor = line_janitor(r->dir, &r->hold)) < 0)
		return failed(r, "no process to clean up behind us");
	if ((r->shared = map(sizeof *r->shared)) == NULL)
		return failed(r, "no shared memory");
	if (r->plan->stamps &&
	    (r->shared->stamps = map((r->plan->n + 1) * sizeof(struct line_stamp))) == NULL)
		return failed(r, "no shared memory for that many times");
	snprintf(r->cache, sizeof r->cache, "ipc://%s/directory.rpc", r->dir);
	r->child = (struct line_child){ r->plan, r->shared, r->dir, r->endpoint, r->cache };
	return true;
}

/* Until the condition holds: a moment at a time. */
static bool wait_for(struct rig *r, const _Atomic bool *condition, const char *what)
{
	const struct timespec moment = { 0, 200000 };
	for (int64_t end = line_now() + START_NS; !*condition; nanosleep(&moment, NULL)) {
		if (r->shared->failed || line_now() > end)
			return failed(r, what);
	}
	return true;
}

/* The text of the wanted endpoint in the ready line of a gateway. */
static bool read_endpoint(struct rig *r, const char *ready)
{
	const char *at = strstr(ready, r->plan->tcp ? "\"tcp://" : "\"ipc://");
	size_t n = at == NULL ? 0 : strcspn(at + 1, "\"");
	if (n == 0 || n >= sizeof r->endpoint)
		return failed(r, "the gateway does not say where its bus is");
	memcpy(r->endpoint, at + 1, n);
	return true;
}

static bool start_gateway(struct rig *r)
{
	static struct line_symbols symbols;
	const struct line_plan *p = r->plan;
	char ws[64], rest[64], ready[4096];
	snprintf(ws, sizeof ws, "%s://localhost:%d", p->tls ? "wss" : "ws", r->shared->port);
	snprintf(rest, sizeof rest, "%s://localhost:%d", p->tls ? "https" : "http",
		 r->shared->port);
	if (!line_symbols(&symbols, p->n_symbols))
		return failed(r, "no symbols");
	const char *argv[] = { "bookcast-gateway",
			       "--exchange",
			       "upbit",
			       "--symbols",
			       symbols.list,
			       "--channels",
			       "book",
			       "--levels",
			       "15",
			       "--feed-format",
			       "DEFAULT",
			       "--ws-url",
			       ws,
			       "--rest-url",
			       rest,
			       "--run-dir",
			       r->dir,
			       "--silent-after",
			       "1h",
			       "--quiet-after",
			       "1h",
			       "--log-level",
			       "warn",
			       "--bind",
			       "tcp://127.0.0.1:0",
			       p->tls ? "--ca-file" : NULL,
			       r->shared->ca_file,
			       NULL };
	r->contender = line_exec(argv, r->dir, ready, sizeof ready, r->why);
	return r->contender > 0 && read_endpoint(r, ready);
}

static bool start_floor(struct rig *r)
{
	r->contender =
		line_fork(r->plan->contender == LINE_FLOOR ? floor_main : bare_pub_main, &r->child);
	if (!wait_for(r, &r->shared->bound, "the floor does not start"))
		return false;
	memcpy(r->endpoint, r->shared->endpoint, sizeof r->endpoint);
	return true;
}

static bool start(struct rig *r)
{
	const struct timespec moment = { 0, 200000 };
	if (r->plan->contender != LINE_BARE_PUB) {
		r->load = line_fork(load_main, &r->child);
		for (int64_t end = line_now() + START_NS; r->shared->port == 0;
		     nanosleep(&moment, NULL))
			if (r->shared->failed || line_now() > end)
				return failed(r, "the exchange does not start");
	}
	if (!(r->plan->contender == LINE_GATEWAY ? start_gateway(r) : start_floor(r)))
		return false;
	if (r->plan->ear == LINE_EAR_LIBRARY)
		r->directory = line_fork(directory_main, &r->child);
	r->ears = line_fork(ear_main, &r->child);
	return r->plan->contender == LINE_BARE_PUB ||
	       wait_for(r, &r->shared->subscribed, "the exchange was not asked for all symbols");
}

/* ------------------------------------------------------------------ measuring */

struct clocks {
	int64_t now;
	double contender, ears, load;
};

static struct clocks read_clocks(const struct rig *r)
{
	return (struct clocks){ line_now(), line_cpu_ns(r->contender), line_cpu_ns(r->ears),
				r->load > 0 ? line_cpu_ns(r->load) : 0 };
}

/* Until the slowest ear has the last message. */
static bool wait_heard(struct rig *r)
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
			return failed(r, "the contender ended");
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

static bool count(struct rig *r)
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

static bool measure(struct rig *r, struct line_result *out)
{
	struct clocks a, b;
	double n = (double)r->plan->n;
	r->shared->order = LINE_WARM_UP;
	if (!wait_for(r, &r->shared->warmed, "the warm-up does not end"))
		return false;
	a = read_clocks(r);
	r->shared->order = LINE_GO;
	if (!wait_heard(r) || !count(r))
		return false;
	b = read_clocks(r);
	out->seconds = (double)(b.now - a.now) / 1e9;
	out->cpu_ns = (b.contender - a.contender) / n;
	out->ear_cpu_ns = (b.ears - a.ears) / n / (double)r->plan->n_ears;
	out->exchange_cpu_ns = (b.load - a.load) / n;
	return true;
}

/* ------------------------------------------------------------------ times */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static double at(const int64_t *sorted, size_t n, double part)
{
	size_t i = (size_t)(part * (double)n);
	return (double)sorted[i < n ? i : n - 1] / 1000;
}

static struct line_percentiles percentiles(int64_t *v, size_t n)
{
	qsort(v, n, sizeof *v, by_value);
	return (struct line_percentiles){ at(v, n, 0.5), at(v, n, 0.99), at(v, n, 0.999) };
}

static bool read_stamps(struct rig *r, struct line_result *out)
{
	size_t first = 1 + (size_t)r->plan->n * FIRST_PART / 100, n = r->plan->n + 1 - first;
	int64_t *v = malloc(n * sizeof *v);
	if (v == NULL)
		return failed(r, "no memory for the times");
	for (size_t i = 0; i < n; i++)
		v[i] = r->shared->stamps[first + i].heard - r->shared->stamps[first + i].sent;
	out->from_sent = percentiles(v, n);
	for (size_t i = 0; i < n; i++)
		v[i] = r->shared->stamps[first + i].heard - r->shared->stamps[first + i].due;
	out->from_due = percentiles(v, n);
	free(v);
	return true;
}

/* ------------------------------------------------------------------ the end */

static void close_rig(struct rig *r)
{
	if (r->shared != NULL)
		r->shared->order = LINE_QUIT;
	line_stop(&r->ears);
	line_stop(&r->directory);
	line_stop(&r->contender);
	line_stop(&r->load);
	close(r->hold); /* all who held it are gone: the directory goes, too */
	if (r->janitor > 0)
		waitpid(r->janitor, NULL, 0);
	if (r->shared != NULL && r->shared->stamps != NULL)
		munmap(r->shared->stamps, (r->plan->n + 1) * sizeof(struct line_stamp));
	if (r->shared != NULL)
		munmap(r->shared, sizeof *r->shared);
}

bool line_run(const struct line_plan *plan, struct line_result *out, char *why)
{
	struct rig r = { .plan = plan, .why = why, .hold = -1 };
	*out = (struct line_result){ .seconds = 0 };
	*why = '\0';
	bool done = open_rig(&r) && start(&r) && measure(&r, out) &&
		    (!plan->stamps || read_stamps(&r, out));
	if (!done && *why == '\0')
		failed(&r, "it failed, and nobody says why");
	close_rig(&r);
	return done;
}
