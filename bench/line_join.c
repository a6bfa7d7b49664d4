/* line_join.c - somebody comes late: from the call that connects until all books are held.
 *
 * With libbookcast, by way of the real cache, as a strategy does it; and with a bare SUB socket
 * that knows the address. The exchange is silent meanwhile, so that every book must be asked for. A
 * gateway sends a topic to newcomers once in 100 ms at most: who joins waits for longer between two
 * joins. */
#include "bench/line_contest.h"
#include "bench/line_rig.h"
#include "bench/scenarios.h"

#include "subscribers/libbookcast/include/bookcast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define N_SYMBOLS     200
#define N_JOINS       100
#define N_JOINS_QUICK 5
#define BETWEEN_NS    (120 * 1000000)
#define JOIN_S        10

struct joins {
	struct line_child child;
	const char *cache;
	size_t n;
};

/* Which symbol a message is of; the number of symbols: none. */
static size_t which(const struct line_symbols *symbols, const char *name, size_t n)
{
	size_t i = 0;
	while (i < symbols->n &&
	       (strncmp(symbols->names[i], name, n) != 0 || symbols->names[i][n] != '\0'))
		i++;
	return i;
}

static void join_library(const struct joins *j, const struct line_symbols *symbols)
{
	bool held[LINE_MAX_SYMBOLS + 1] = { false };
	const bookcast_message *m;
	int64_t end = line_now() + JOIN_S * INT64_C(1000000000);
	bookcast *bus = bookcast_connect(j->cache);
	for (size_t i = 0; bus != NULL && i < symbols->n; i++)
		bookcast_subscribe(bus, "upbit", symbols->names[i], "book");
	for (size_t n = 0; n < symbols->n;) {
		if (bus == NULL || line_now() > end)
			line_die(j->child.shared, "a join holds %zu of %zu books after %d s", n,
				 symbols->n, JOIN_S);
		if (bookcast_recv(bus, 100, &m) != BOOKCAST_MESSAGE || m->channel != BOOKCAST_BOOK)
			continue;
		size_t i = which(symbols, m->symbol, strlen(m->symbol));
		n += held[i] ? 0 : 1;
		held[i] = true;
	}
	bookcast_close(&bus);
}

static void join_bare(const struct joins *j, const struct line_symbols *symbols)
{
	bool held[LINE_MAX_SYMBOLS + 1] = { false };
	int timeout = JOIN_S * 1000;
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	zmq_msg_t m;
	char topic[64];
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
	for (size_t i = 0; i < symbols->n; i++) {
		int n = snprintf(topic, sizeof topic, "upbit.%s.book", symbols->names[i]);
		zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, (size_t)n + 1);
	}
	zmq_connect(socket, j->child.endpoint);
	zmq_msg_init(&m);
	for (size_t n = 0; n < symbols->n;) {
		if (zmq_msg_recv(&m, socket, 0) < 0)
			line_die(j->child.shared, "a bare join holds %zu of %zu books after %d s",
				 n, symbols->n, JOIN_S);
		const char *name = (const char *)zmq_msg_data(&m) + strlen("upbit.");
		size_t i = which(symbols, name, strcspn(name, "."));
		n += held[i] ? 0 : 1;
		held[i] = true;
	}
	zmq_msg_close(&m);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static void join_often(const struct joins *j,
		       void (*join)(const struct joins *, const struct line_symbols *))
{
	static struct line_symbols symbols;
	const struct timespec between = { 0, BETWEEN_NS };
	struct line_asked *found = &j->child.shared->asked;
	double *v = malloc(j->n * sizeof *v);
	line_pin(LINE_EARS);
	if (v == NULL || !line_symbols(&symbols, j->child.plan))
		line_die(j->child.shared, "who joins has no memory or no symbols");
	join(j, &symbols); /* until a cache that has just started knows the gateway */
	for (size_t i = 0; i < j->n; i++) {
		nanosleep(&between, NULL);
		int64_t began = line_now();
		join(j, &symbols);
		v[i] = (double)(line_now() - began) / 1000;
	}
	bench_sort(v, j->n);
	found->p50_us = bench_percentile(v, j->n, 0.5);
	found->p99_us = bench_percentile(v, j->n, 0.99);
	found->done = true;
	_exit(0);
}

static void library_main(const struct line_child *c)
{
	join_often((const struct joins *)c, join_library);
}

static void bare_main(const struct line_child *c)
{
	join_often((const struct joins *)c, join_bare);
}

static bool measure(struct bench *b, struct line_rig *r, const char *words,
		    void (*fn)(const struct line_child *), enum bench_target target)
{
	char cache[LINE_PATH_MAX], variant[96];
	struct joins joins = { r->child, cache,
			       line_moment(b)   ? 1
			       : bench_quick(b) ? N_JOINS_QUICK
						: N_JOINS };
	struct line_asked *found = &r->shared->asked;
	snprintf(cache, sizeof cache, "ipc://%s/cache.rpc", r->dir);
	found->done = false;
	pid_t pid = line_fork("bench-joiner", fn, &joins.child);
	bool done = false;
	for (size_t i = 0; !done && i < joins.n; i++) /* a wait is for one join, not for all */
		done = line_rig_wait(r, &found->done, "who joins does not end") ||
		       r->shared->failed;
	line_stop(&pid);
	if (r->shared->failed || !found->done)
		return line_rig_failed(r, "who joins does not end");
	for (int p99 = 0; p99 < 2; p99++) {
		snprintf(variant, sizeof variant, "%zu symbols, %s, %s", r->plan->n_symbols, words,
			 p99 ? "p99" : "p50");
		bench_row(b, &(struct bench_row){ .variant = variant,
						  .unit = "ms",
						  .value = (p99 ? found->p99_us : found->p50_us) /
							   1000,
						  .target = p99 ? target : BENCH_TARGET_NONE });
	}
	return true;
}

void line_run_join(struct bench *b)
{
	struct line_rig r;
	struct line_plan plan = { .contender = LINE_GATEWAY,
				  .per_write = 1,
				  .n_warm = 10,
				  .n = 1,
				  .n_symbols = N_SYMBOLS,
				  .ear = LINE_EAR_BARE,
				  .n_ears = 1 };
	char why[LINE_WHY_MAX], ready[4096];
	pid_t cache = 0;
	bool done = line_rig_open(&r, &plan, why) && line_rig_warm_up(&r);
	const char *argv[] = { "bookcast-cache", "--run-dir", r.dir, "--log-level", "error", NULL };
	done = done && (cache = line_exec(argv, r.dir, ready, sizeof ready, why)) > 0 &&
	       measure(b, &r, "libbookcast", library_main, BENCH_TARGET_LATE_JOIN) &&
	       measure(b, &r, "a bare SUB socket", bare_main, BENCH_TARGET_NONE);
	if (!done)
		bench_fail(b, "%s", why);
	line_stop(&cache);
	line_rig_close(&r);
}
