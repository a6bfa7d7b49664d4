#include "bench/sim_rig.h"

#include "bench/line.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define READY_NS (400 * BC_NS_PER_S) /* snapshots of many books have to wait for their weight */

static bool failed(struct sim_rig *r, const char *what)
{
	if (r->why[0] == '\0')
		snprintf(r->why, sizeof r->why, "%s", what);
	return false;
}

/* ------------------------------------------------------------------ starting */

static bool start_exchange(struct sim_rig *r, const struct sim_load *l)
{
	char ready[4096], symbols[16], rate[16];
	const char *argv[] = { "bookcast-sim", "--exchange", l->exchange, "--symbols",
			       symbols,        "--rate",     rate,        "--levels",
			       l->levels,      "--plain",    NULL };
	snprintf(symbols, sizeof symbols, "%u", l->symbols);
	snprintf(rate, sizeof rate, "%u", l->rate);
	r->exchange = line_exec(argv, r->dir, ready, sizeof ready, r->why);
	if (r->exchange <= 0)
		return false;
	const char *port = strstr(ready, "127.0.0.1:");
	r->port = port == NULL ? 0 : (int)strtol(port + strlen("127.0.0.1:"), NULL, 10);
	return r->port > 0 || failed(r, "the exchange does not say where it is");
}

static bool start_gateway(struct sim_rig *r, const struct sim_load *l)
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
static bool subscribe(struct sim_rig *r)
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

static void read_heartbeat(struct sim_rig *r, const char *frame, size_t n)
{
	struct bc_message m;
	const char *nul = memchr(frame, '\0', n);
	if (nul == NULL || memmem(frame, (size_t)(nul - frame), ".heartbeat", 10) == NULL ||
	    bc_message_decode((bc_str){ nul + 1, n - (size_t)(nul + 1 - frame) }, &m, NULL, 0) !=
		    BC_OK)
		return;
	r->fit = r->symbols = 0;
	r->heartbeats++;
	r->cpu_ns = line_cpu_ns(r->gateway);
	for (uint32_t i = 0; i < m.body.heartbeat.n_counters; i++) {
		const struct bc_counter *c = &m.body.heartbeat.counters[i];
		if (bc_str_is(c->name, "messages_received"))
			r->received = c->value;
		if (!bc_str_starts(c->name, BC_STR("symbols_")))
			continue;
		r->symbols += (unsigned)c->value;
		if (bc_str_is(c->name, "symbols_live") || bc_str_is(c->name, "symbols_quiet"))
			r->fit += (unsigned)c->value;
	}
}

bool sim_rig_hear(struct sim_rig *r, int64_t until, unsigned wanted)
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

static bool open_rig(struct sim_rig *r)
{
	*r = (struct sim_rig){ .hold = -1 };
	if (!bench_directory(r->dir))
		return failed(
			r, "no directory in TMPDIR or /tmp, or its name is too long for sockets");
	r->janitor = line_janitor(r->dir, &r->hold);
	return r->janitor > 0 || failed(r, "no process to clean up behind us");
}

void sim_rig_close(struct sim_rig *r)
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

bool sim_rig_open(struct sim_rig *r, const struct sim_load *l)
{
	return open_rig(r) && start_exchange(r, l) && start_gateway(r, l) && subscribe(r) &&
	       sim_rig_hear(r, line_now() + READY_NS, l->symbols);
}
