/* memory.c - what a gateway keeps of each symbol: the resident memory of bookcast-gateway itself,
 * fed by bookcast-sim, when every symbol is fit. */
#include "bench/line.h"
#include "bench/scenarios.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define READY_NS  (400 * BC_NS_PER_S) /* snapshots of many books have to wait for their weight */
#define MAX_RATE  1000u               /* changes a second, of all symbols; else one of each */
#define SETTLE_NS (2 * BC_NS_PER_S)   /* messages go on coming meanwhile */

struct load {
	const char *exchange, *variant, *levels; /* levels: kept, and sent by the exchange */
	unsigned symbols;
	const char *curve;
	enum bench_target target;
	bool quick; /* also with --quick */
};

struct rig {
	char dir[BENCH_DIRECTORY_MAX], why[LINE_WHY_MAX], endpoint[LINE_PATH_MAX];
	pid_t exchange, gateway, janitor;
	int hold, port;
	void *context, *sub;
	unsigned fit, symbols; /* as the newest heartbeat says */
};

static bool failed(struct rig *r, const char *what)
{
	if (r->why[0] == '\0')
		snprintf(r->why, sizeof r->why, "%s", what);
	return false;
}

/* ------------------------------------------------------------------ starting */

static bool start_exchange(struct rig *r, const struct load *l)
{
	char ready[4096], symbols[16], rate[16];
	const char *argv[] = { "bookcast-sim", "--exchange", l->exchange, "--symbols",
			       symbols,        "--rate",     rate,        "--levels",
			       l->levels,      "--plain",    NULL };
	snprintf(symbols, sizeof symbols, "%u", l->symbols);
	snprintf(rate, sizeof rate, "%u", l->symbols < MAX_RATE ? l->symbols : MAX_RATE);
	r->exchange = line_exec(argv, r->dir, ready, sizeof ready, r->why);
	if (r->exchange <= 0)
		return false;
	const char *port = strstr(ready, "127.0.0.1:");
	r->port = port == NULL ? 0 : (int)strtol(port + strlen("127.0.0.1:"), NULL, 10);
	return r->port > 0 || failed(r, "the exchange does not say where it is");
}

static bool start_gateway(struct rig *r, const struct load *l)
{
	char ready[4096], ws[64], rest[64];
	bool upbit = strcmp(l->exchange, "upbit") == 0;
	const char *argv[] = { "bookcast-gateway",
			       "--exchange",
			       l->exchange,
			       "--symbols",
			       "*",
			       "--ws-url",
			       ws,
			       "--rest-url",
			       rest,
			       "--run-dir",
			       r->dir,
			       "--weight-percent",
			       "100",
			       "--log-level",
			       "warn",
			       upbit ? NULL : "--max-levels",
			       l->levels,
			       "--snapshot-levels",
			       l->levels,
			       NULL };
	snprintf(ws, sizeof ws, "ws://127.0.0.1:%d", r->port);
	snprintf(rest, sizeof rest, "http://127.0.0.1:%d", r->port);
	r->gateway = line_exec(argv, r->dir, ready, sizeof ready, r->why);
	if (r->gateway <= 0)
		return false;
	const char *at = strstr(ready, "\"ipc://");
	size_t n = at == NULL ? 0 : strcspn(at + 1, "\"");
	if (n == 0 || n >= sizeof r->endpoint)
		return failed(r, "the gateway does not say where its bus is");
	memcpy(r->endpoint, at + 1, n);
	r->endpoint[n] = '\0';
	return true;
}

/* Listens to everything, as a cache does, and throws it away. */
static bool subscribe(struct rig *r)
{
	int hwm = 100, linger = 0, wait = 100;
	r->context = zmq_ctx_new();
	r->sub = r->context == NULL ? NULL : zmq_socket(r->context, ZMQ_SUB);
	return (r->sub != NULL && zmq_setsockopt(r->sub, ZMQ_RCVHWM, &hwm, sizeof hwm) == 0 &&
		zmq_setsockopt(r->sub, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
		zmq_setsockopt(r->sub, ZMQ_RCVTIMEO, &wait, sizeof wait) == 0 &&
		zmq_setsockopt(r->sub, ZMQ_SUBSCRIBE, "", 0) == 0 &&
		zmq_connect(r->sub, r->endpoint) == 0) ||
	       failed(r, "cannot listen to the gateway");
}

/* ------------------------------------------------------------------ waiting */

static void read_heartbeat(struct rig *r, const char *frame, size_t n)
{
	struct bc_message m;
	const char *nul = memchr(frame, '\0', n);
	if (nul == NULL || memmem(frame, (size_t)(nul - frame), ".heartbeat", 10) == NULL ||
	    bc_message_decode((bc_str){ nul + 1, n - (size_t)(nul + 1 - frame) }, &m, NULL, 0) !=
		    BC_OK)
		return;
	r->fit = r->symbols = 0;
	for (uint32_t i = 0; i < m.body.heartbeat.n_counters; i++) {
		const struct bc_counter *c = &m.body.heartbeat.counters[i];
		if (!bc_str_starts(c->name, BC_STR("symbols_")))
			continue;
		r->symbols += (unsigned)c->value;
		if (bc_str_is(c->name, "symbols_live") || bc_str_is(c->name, "symbols_quiet"))
			r->fit += (unsigned)c->value;
	}
}

static bool hear(struct rig *r, int64_t until, unsigned wanted)
{
	static char frame[1u << 20];
	while (line_now() < until && (wanted == 0 || r->fit < wanted)) {
		int n = zmq_recv(r->sub, frame, sizeof frame, 0);
		if (n > 0 && (size_t)n <= sizeof frame)
			read_heartbeat(r, frame, (size_t)n);
		if (!line_alive(r->gateway) || !line_alive(r->exchange))
			return failed(r, "the gateway or the exchange ended");
	}
	if (wanted == 0 || r->fit >= wanted)
		return true;
	snprintf(r->why, sizeof r->why, "%u of %u symbols are fit", r->fit, wanted);
	return false;
}

/* "VmRSS" or "VmHWM", in MiB; negative: not known. */
static double status_mib(pid_t pid, const char *key)
{
	char path[64], row[256];
	double kib = -1024;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "r");
	while (file != NULL && fgets(row, sizeof row, file) != NULL)
		if (strncmp(row, key, strlen(key)) == 0)
			kib = strtod(row + strlen(key) + 1, NULL);
	if (file != NULL)
		fclose(file);
	return kib / 1024;
}

/* ------------------------------------------------------------------ one load */

static bool open_rig(struct rig *r)
{
	*r = (struct rig){ .hold = -1 };
	if (!bench_directory(r->dir))
		return failed(
			r, "no directory in TMPDIR or /tmp, or its name is too long for sockets");
	r->janitor = line_janitor(r->dir, &r->hold);
	return r->janitor > 0 || failed(r, "no process to clean up behind us");
}

static void close_rig(struct rig *r)
{
	if (r->sub != NULL)
		zmq_close(r->sub);
	if (r->context != NULL)
		zmq_ctx_term(r->context);
	line_stop(&r->gateway);
	line_stop(&r->exchange);
	if (r->hold >= 0)
		close(r->hold);
	if (r->janitor > 0)
		waitpid(r->janitor, NULL, 0);
}

/* Resident MiB; negative: it failed, and was said. *peak likewise. */
static double measure(struct bench *b, const struct load *l, double *peak)
{
	struct rig r;
	double mib = -1;
	if (open_rig(&r) && start_exchange(&r, l) && start_gateway(&r, l) && subscribe(&r) &&
	    hear(&r, line_now() + READY_NS, l->symbols) && hear(&r, line_now() + SETTLE_NS, 0)) {
		mib = status_mib(r.gateway, "VmRSS:");
		*peak = status_mib(r.gateway, "VmHWM:");
	} else {
		bench_fail(b, "%s: %s", l->variant, r.why);
	}
	close_rig(&r);
	return mib;
}

static void run_loads(struct bench *b, const struct load *loads, size_t n)
{
	double first = -1, peak = 0;
	for (size_t i = 0; i < n; i++) {
		char note[96];
		if (bench_quick(b) && !loads[i].quick) {
			bench_skip(b, loads[i].variant, "not with --quick");
			continue;
		}
		double mib = measure(b, &loads[i], &peak);
		if (mib < 0)
			continue;
		snprintf(note, sizeof note, "peak %.1f MiB", peak);
		if (first >= 0)
			snprintf(note, sizeof note, "peak %.1f MiB; %.1f KiB a symbol more than %u",
				 peak, (mib - first) * 1024 / (loads[i].symbols - loads[0].symbols),
				 loads[0].symbols);
		else if (i == 0)
			first = mib;
		bench_row(b, &(struct bench_row){ .variant = loads[i].variant,
						  .unit = "MiB",
						  .value = mib,
						  .target = loads[i].target,
						  .curve = loads[i].curve,
						  .x = loads[i].symbols,
						  .note = note });
	}
}

static void run_upbit(struct bench *b)
{
	static const struct load loads[] = {
		{ "upbit", "10 symbols", "30", 10, "memory-upbit", BENCH_TARGET_NONE, true },
		{ "upbit", "100 symbols", "30", 100, "memory-upbit", BENCH_TARGET_NONE, false },
		{ "upbit", "300 symbols", "30", 300, "memory-upbit", BENCH_TARGET_MEMORY_UPBIT,
		  false },
		{ "upbit", "1,000 symbols", "30", 1000, "memory-upbit", BENCH_TARGET_NONE, false },
		{ "upbit", "10,000 symbols", "30", 10000, "memory-upbit", BENCH_TARGET_NONE,
		  false },
	};
	run_loads(b, loads, sizeof loads / sizeof *loads);
}

static void run_binance(struct bench *b)
{
	static const struct load loads[] = {
		{ "binance-spot", "10 symbols of 1,000 levels", "1000", 10, "memory-binance",
		  BENCH_TARGET_NONE, true },
		{ "binance-spot", "100 symbols of 1,000 levels", "1000", 100, "memory-binance",
		  BENCH_TARGET_NONE, false },
		{ "binance-spot", "300 symbols of 1,000 levels", "1000", 300, "memory-binance",
		  BENCH_TARGET_MEMORY_BINANCE, false },
	};
	run_loads(b, loads, sizeof loads / sizeof *loads);
}

static const struct bench_scenario scenarios[] = {
	{ "memory.upbit",
	  "resident memory of a gateway of 10 to 10,000 Upbit symbols, books of 30 levels", NULL,
	  NULL, run_upbit },
	{ "memory.binance",
	  "the same of 10 to 300 Binance symbols, books of 1,000 levels (300 take two minutes)",
	  NULL, NULL, run_binance },
};

const struct bench_group bench_memory = { "memory", "Memory of a gateway by symbols", scenarios,
					  sizeof scenarios / sizeof *scenarios };
