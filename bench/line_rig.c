/* line_rig.c - starts everybody of a run, and ends everybody. */
#include "bench/line_rig.h"

#include "bench/floor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define START_NS INT64_C(60000000000) /* nothing takes so long, on a busy machine either */

bool line_rig_failed(struct line_rig *r, const char *what)
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

static bool open_rig(struct line_rig *r)
{
	if (!bench_directory(r->dir))
		return line_rig_failed(
			r, "no directory in TMPDIR or /tmp, or its name is too long for sockets");
	if ((r->janitor = line_janitor(r->dir, &r->hold)) < 0)
		return line_rig_failed(r, "no process to clean up behind us");
	if ((r->shared = map(sizeof *r->shared)) == NULL)
		return line_rig_failed(r, "no shared memory");
	if (r->plan->stamps &&
	    (r->shared->stamps = map((r->plan->n + 1) * sizeof(struct line_stamp))) == NULL)
		return line_rig_failed(r, "no shared memory for that many times");
	snprintf(r->cache, sizeof r->cache, "ipc://%s/directory.rpc", r->dir);
	r->child = (struct line_child){ r->plan, r->shared, r->dir, r->endpoint, r->cache };
	return true;
}

/* Until the condition holds: a moment at a time. */
bool line_rig_wait(struct line_rig *r, const _Atomic bool *condition, const char *what)
{
	const struct timespec moment = { 0, 200000 };
	for (int64_t end = line_now() + START_NS; !*condition; nanosleep(&moment, NULL)) {
		if (r->shared->failed || line_now() > end)
			return line_rig_failed(r, what);
	}
	return true;
}

/* The text of the wanted endpoint in the ready line of a gateway. */
static bool read_endpoint(struct line_rig *r, const char *ready)
{
	const char *at = strstr(ready, r->plan->tcp ? "\"tcp://" : "\"ipc://");
	size_t n = at == NULL ? 0 : strcspn(at + 1, "\"");
	if (n == 0 || n >= sizeof r->endpoint)
		return line_rig_failed(r, "the gateway does not say where its bus is");
	memcpy(r->endpoint, at + 1, n);
	return true;
}

static bool start_gateway(struct line_rig *r)
{
	static struct line_symbols symbols;
	const struct line_plan *p = r->plan;
	char ws[64], rest[64], ready[4096];
	snprintf(ws, sizeof ws, "%s://localhost:%d", p->tls ? "wss" : "ws", r->shared->port);
	snprintf(rest, sizeof rest, "%s://localhost:%d", p->tls ? "https" : "http",
		 r->shared->port);
	if (!line_symbols(&symbols, p))
		return line_rig_failed(r, "no symbols");
	const char *argv[] = { "bookcast-gateway",
			       "--exchange",
			       "upbit",
			       "--symbols",
			       symbols.list,
			       "--channels",
			       p->capture != NULL ? "book,trade" : "book",
			       "--history-trades",
			       "0",
			       "--levels",
			       "15",
			       "--feed-format",
			       p->capture != NULL ? "SIMPLE" : "DEFAULT",
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

static bool start_floor(struct line_rig *r)
{
	r->contender =
		line_fork("bench-floor",
			  r->plan->contender == LINE_FLOOR ? floor_main : bare_pub_main, &r->child);
	if (!line_rig_wait(r, &r->shared->bound, "the floor does not start"))
		return false;
	memcpy(r->endpoint, r->shared->endpoint, sizeof r->endpoint);
	return true;
}

/* Its result will be in this file. */
void line_ccxt_result(const struct line_rig *r, char *out, size_t cap)
{
	snprintf(out, cap, "%s/ccxt.json", r->dir);
}

static bool start_ccxt(struct line_rig *r)
{
	const char *home = getenv(LINE_CCXT_HOME);
	char url[64], warm[32], n[32], script[LINE_PATH_MAX], result[LINE_PATH_MAX], ready[64];
	char modules[LINE_PATH_MAX];
	snprintf(url, sizeof url, "%s://localhost:%d/websocket/v1", r->plan->tls ? "wss" : "ws",
		 r->shared->port);
	snprintf(warm, sizeof warm, "%llu", (unsigned long long)r->plan->n_warm);
	snprintf(n, sizeof n, "%llu", (unsigned long long)r->plan->n);
	snprintf(script, sizeof script, "%s/watch.js", home);
	snprintf(modules, sizeof modules, "%s/node_modules", home);
	line_ccxt_result(r, result, sizeof result);
	setenv("NODE_PATH", modules, 1);
	setenv("NODE_EXTRA_CA_CERTS", r->shared->ca_file, 1);
	const char *argv[] = { "/usr/bin/env", "node", script, url, warm, n, result, NULL };
	r->contender = line_exec(argv, r->dir, ready, sizeof ready, r->why);
	return r->contender > 0;
}

static bool start_contender(struct line_rig *r)
{
	switch (r->plan->contender) {
	case LINE_GATEWAY:
		return start_gateway(r);
	case LINE_CCXT:
		return start_ccxt(r);
	case LINE_FLOOR:
	case LINE_BARE_PUB:
		return start_floor(r);
	}
	return false;
}

static bool start(struct line_rig *r)
{
	const struct timespec moment = { 0, 200000 };
	if (r->plan->contender != LINE_BARE_PUB) {
		r->load = line_fork("bench-exchange", load_main, &r->child);
		for (int64_t end = line_now() + START_NS; r->shared->port == 0;
		     nanosleep(&moment, NULL))
			if (r->shared->failed || line_now() > end)
				return line_rig_failed(r, "the exchange does not start");
	}
	if (!start_contender(r))
		return false;
	if (r->plan->ear == LINE_EAR_LIBRARY)
		r->directory = line_fork("bench-directory", directory_main, &r->child);
	if (r->plan->n_ears > 0)
		r->ears = line_fork("bench-ears", ear_main, &r->child);
	return r->plan->contender == LINE_BARE_PUB ||
	       line_rig_wait(r, &r->shared->subscribed,
			     "the exchange was not asked for all symbols");
}

bool line_rig_warm_up(struct line_rig *r)
{
	r->shared->order = LINE_WARM_UP;
	return line_rig_wait(r, &r->shared->warmed, "the warm-up does not end");
}

bool line_rig_open(struct line_rig *r, const struct line_plan *plan, char *why)
{
	*r = (struct line_rig){ .plan = plan, .why = why, .hold = -1 };
	*why = '\0';
	return open_rig(r) && start(r);
}

/* ------------------------------------------------------------------ the end */

void line_rig_close(struct line_rig *r)
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
