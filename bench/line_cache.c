/* line_cache.c - what the cache adds to a question and its answer over ZeroMQ.
 *
 * Two floors: a ROUTER that sends the payload from memory in one frame, which is the least that
 * could be an answer, and one that sends the frames of the cache's protocol, which is the least
 * that could be this answer. All are asked by the same DEALER, in turns. */
#include "bench/line_contest.h"
#include "bench/line_rig.h"
#include "bench/scenarios.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

#define TOPIC       "upbit.KRW-BTC.book"
#define N_WARM      200
#define OUTSTANDING 32
#define N_ALONE     20000  /* questions a second of the run, one at a time */
#define N_TOGETHER  100000 /* OUTSTANDING at a time */
#define N_LEAST     500
#define QUICKER     20
#define ANSWER_MS   5000

/* How many frames an answer has, behind the empty one. */
static const struct way {
	const char *name, *verb;
	size_t n_frames;
} get = { NULL, "GET", 7 },             /* BC1, status, and five of the topic */
	latest = { NULL, "LATEST", 3 }, /* BC1, status, and one of the topic */
	bare = { "bare ROUTER", "GET", 1 }, same = { "ROUTER, same frames", "GET", 7 };

struct question {
	const char *endpoint;
	const struct way *way;
	size_t n_alone, n_together;
	struct line_shared *shared;
};

/* ------------------------------------------------------------------ who asks */

static void ask(void *socket, const struct way *way)
{
	zmq_send(socket, "", 0, ZMQ_SNDMORE);
	zmq_send(socket, "BC1", 3, ZMQ_SNDMORE);
	zmq_send(socket, way->verb, strlen(way->verb), ZMQ_SNDMORE);
	zmq_send(socket, TOPIC, sizeof TOPIC - 1, 0);
}

/* Takes an answer; its last frame goes to payload. false: none, or another one than expected. */
static bool take(void *socket, const struct way *way, char *payload, size_t *n_payload)
{
	size_t n_frames = 0;
	int more = 1;
	bool good = true;
	zmq_msg_t m;
	zmq_msg_init(&m);
	while (more) {
		if (zmq_msg_recv(&m, socket, 0) < 0)
			return false;
		if (n_frames == 2) /* after the empty one and BC1 */
			good = zmq_msg_size(&m) == 3 && memcmp(zmq_msg_data(&m), "200", 3) == 0;
		more = zmq_msg_more(&m);
		n_frames++;
	}
	*n_payload = zmq_msg_size(&m);
	if (*n_payload <= sizeof((struct line_asked *)0)->payload)
		memcpy(payload, zmq_msg_data(&m), *n_payload);
	zmq_msg_close(&m);
	return good && *n_payload > 0 && n_frames == way->n_frames + 1;
}

/* n questions with `most` of them on their way; times in us, if wanted, to v[n]. */
static double ask_many(const struct question *q, void *socket, size_t n, size_t most, double *v)
{
	int64_t asked_at[OUTSTANDING], began = line_now();
	char payload[sizeof q->shared->asked.payload];
	size_t n_payload;
	for (size_t sent = 0, got = 0; got < n; got++) {
		for (; sent < n && sent - got < most; sent++) {
			asked_at[sent % OUTSTANDING] = line_now();
			ask(socket, q->way);
		}
		if (!take(socket, q->way, payload, &n_payload))
			line_die(q->shared, "question %zu of %zu got no good answer from %s", got,
				 n, q->endpoint);
		if (v != NULL)
			v[got] = (double)(line_now() - asked_at[got % OUTSTANDING]) / 1000;
	}
	return (double)(line_now() - began) / 1e9;
}

static void asker_main(const struct line_child *c, const struct question *q)
{
	struct line_asked *found = &c->shared->asked;
	int timeout = ANSWER_MS;
	double *v = malloc(q->n_alone * sizeof *v);
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
	line_pin(LINE_EARS);
	if (v == NULL || zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout) != 0 ||
	    zmq_connect(socket, q->endpoint) != 0)
		line_die(c->shared, "who asks cannot connect to %s", q->endpoint);
	ask_many(q, socket, N_WARM, 1, NULL);
	ask_many(q, socket, q->n_alone, 1, v);
	bench_sort(v, q->n_alone);
	found->p50_us = bench_percentile(v, q->n_alone, 0.5);
	found->p99_us = bench_percentile(v, q->n_alone, 0.99);
	found->per_s =
		(double)q->n_together / ask_many(q, socket, q->n_together, OUTSTANDING, NULL);
	found->done = true;
	_exit(0);
}

/* ------------------------------------------------------------------ who answers from memory */

static void send_parts(void *socket, const struct way *way, const struct line_asked *a)
{
	static const struct {
		const char *bytes;
		size_t n;
	} parts[] = { { "BC1", 3 },  { "200", 3 },         { "200", 3 },
		      { "live", 4 }, { "1234567890", 10 }, { "123456789", 9 } };
	for (size_t i = 0; i + 1 < way->n_frames; i++)
		zmq_send(socket, parts[i].bytes, parts[i].n, ZMQ_SNDMORE);
	zmq_send(socket, a->payload, a->n_payload, 0);
}

static void router_main(const struct line_child *c, const struct question *q)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_ROUTER);
	zmq_msg_t id, rest;
	line_pin(LINE_CONTENDER);
	if (zmq_bind(socket, q->endpoint) != 0)
		line_die(c->shared, "the floor cannot answer at %s", q->endpoint);
	c->shared->bound = true;
	zmq_msg_init(&rest);
	for (;;) {
		zmq_msg_init(&id);
		if (zmq_msg_recv(&id, socket, 0) < 0)
			continue;
		do
			zmq_msg_recv(&rest, socket, 0);
		while (zmq_msg_more(&rest));
		zmq_msg_send(&id, socket, ZMQ_SNDMORE);
		zmq_send(socket, "", 0, ZMQ_SNDMORE);
		send_parts(socket, q->way, &c->shared->asked);
	}
}

/* line_fork() hands a line_child over; the question goes with it. */
struct with_question {
	struct line_child child;
	const struct question *question;
};

static void asker(const struct line_child *c)
{
	asker_main(c, ((const struct with_question *)c)->question);
}

static void router(const struct line_child *c)
{
	router_main(c, ((const struct with_question *)c)->question);
}

/* ------------------------------------------------------------------ measuring */

enum who { THE_CACHE, ONE_FRAME, SAME_FRAMES, N_WHO };

struct contest {
	struct line_rig rig;
	char endpoints[N_WHO][LINE_PATH_MAX];
	const struct way *ways[N_WHO];
	pid_t pids[N_WHO];
	struct {
		double p50, p99, per_s, cpu_us;
	} v[N_WHO][LINE_MAX_ROUNDS];
	size_t n_who, n_rounds, n_alone, n_together;
};

static bool ask_one(struct contest *c, enum who who, size_t round)
{
	struct line_asked *found = &c->rig.shared->asked;
	struct question q = { c->endpoints[who], c->ways[who], c->n_alone, c->n_together,
			      c->rig.shared };
	struct with_question child = { c->rig.child, &q };
	double cpu = line_cpu_ns(c->pids[who]);
	found->done = false;
	pid_t pid = line_fork("bench-asker", asker, &child.child);
	bool done = line_rig_wait(&c->rig, &found->done, "who asks does not end");
	cpu = line_cpu_ns(c->pids[who]) - cpu;
	line_stop(&pid);
	c->v[who][round].p50 = found->p50_us;
	c->v[who][round].p99 = found->p99_us;
	c->v[who][round].per_s = found->per_s;
	c->v[who][round].cpu_us = cpu / 1000 / (double)(c->n_alone + c->n_together + N_WARM);
	return done;
}

/* A gateway with one book, a cache that has it, and the floors beside it. */
static bool open_all(struct contest *c, const struct line_plan *plan, char *why)
{
	char ready[4096];
	struct line_rig *r = &c->rig;
	if (!line_rig_open(r, plan, why) || !line_rig_warm_up(r))
		return false;
	const char *argv[] = {
		"bookcast-cache", "--run-dir", r->dir, "--log-level", "error", NULL
	};
	c->pids[THE_CACHE] = line_exec(argv, r->dir, ready, sizeof ready, why);
	snprintf(c->endpoints[THE_CACHE], LINE_PATH_MAX, "ipc://%s/cache.rpc", r->dir);
	return c->pids[THE_CACHE] > 0;
}

static bool open_floor(struct contest *c, enum who who)
{
	struct line_rig *r = &c->rig;
	struct question q = { c->endpoints[who], c->ways[who], 0, 0, r->shared };
	struct with_question child = { r->child, &q };
	snprintf(c->endpoints[who], LINE_PATH_MAX, "ipc://%s/floor-%d.rpc", r->dir, (int)who);
	r->shared->bound = false;
	c->pids[who] = line_fork("bench-router", router, &child.child);
	return line_rig_wait(r, &r->shared->bound, "the floor does not start");
}

/* Until the cache has heard of the book. */
static bool wait_for_book(struct contest *c)
{
	struct line_shared *s = c->rig.shared;
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
	int timeout = 200, linger = 0;
	bool there = false;
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	zmq_connect(socket, c->endpoints[THE_CACHE]);
	for (int64_t end = line_now() + INT64_C(10000000000); !there && line_now() < end;) {
		ask(socket, &get);
		there = take(socket, &get, s->asked.payload, &s->asked.n_payload);
	}
	zmq_close(socket);
	zmq_ctx_term(context);
	return there || line_rig_failed(&c->rig, "the cache never has the book");
}

static double figure(const struct contest *c, enum who who, size_t round, size_t figure)
{
	const double *all = &c->v[who][round].p50;
	return all[figure];
}

static void tell(struct bench *b, const struct contest *c)
{
	static const struct {
		const char *words, *unit;
		bool more;
		enum bench_target target;
	} figures[] = {
		{ "one at a time, p50", "us", false, BENCH_TARGET_CACHE_P50 },
		{ "one at a time, p99", "us", false, BENCH_TARGET_NONE },
		{ "32 outstanding, rate", "requests/s", true, BENCH_TARGET_CACHE_RATE },
		{ "CPU of who answers", "us", false, BENCH_TARGET_NONE },
	};
	for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
		for (enum who f = ONE_FRAME; f < c->n_who; f++) {
			double ours[LINE_MAX_ROUNDS], floor[LINE_MAX_ROUNDS];
			for (size_t r = 0; r < c->n_rounds; r++) {
				ours[r] = figure(c, THE_CACHE, r, i);
				floor[r] = figure(c, f, r, i);
			}
			struct bench_row row = { .variant = figures[i].words,
						 .unit = figures[i].unit,
						 .more_is_better = figures[i].more };
			row.floor_name = c->ways[f]->name;
			row.target = f == ONE_FRAME ? figures[i].target : BENCH_TARGET_NONE;
			row.ratio = figures[i].more
					    ? bench_spread_of_ratios(floor, ours, c->n_rounds)
					    : bench_spread_of_ratios(ours, floor, c->n_rounds);
			row.value = bench_spread(ours, c->n_rounds).median;
			row.floor = bench_spread(floor, c->n_rounds).median;
			bench_row(b, &row);
		}
	}
}

static bool measure(struct contest *c)
{
	for (size_t r = 0; r < c->n_rounds; r++)
		for (size_t i = 0; i < c->n_who; i++)
			if (!ask_one(c, (enum who)((r + i) % c->n_who), r))
				return false;
	return true;
}

static size_t questions(const struct bench *b, double per_s)
{
	double n = per_s * bench_seconds(b) * (bench_quick(b) ? QUICKER : 1);
	return n < N_LEAST ? N_LEAST : (size_t)n;
}

/* Beside a ROUTER of one frame, and, where that is not what the verb answers with, one of as many.
 */
static void run(struct bench *b, const struct way *way, size_t n_who)
{
	static struct contest contest;
	struct contest *c = &contest;
	const struct line_plan plan = { .contender = LINE_GATEWAY,
					.per_write = 1,
					.n_warm = 10,
					.n = 1,
					.n_symbols = 1,
					.ear = LINE_EAR_BARE,
					.n_ears = 1 };
	char why[LINE_WHY_MAX];
	*c = (struct contest){ .ways = { way, &bare, &same },
			       .n_who = n_who,
			       .n_rounds = line_rounds(b, false),
			       .n_alone = questions(b, N_ALONE),
			       .n_together = questions(b, N_TOGETHER) };
	bool open = open_all(c, &plan, why) && wait_for_book(c);
	for (enum who f = ONE_FRAME; open && f < n_who; f++)
		open = open_floor(c, f);
	if (open && measure(c))
		tell(b, c);
	else
		bench_fail(b, "%s", why);
	for (size_t i = 0; i < N_WHO; i++)
		line_stop(&c->pids[i]);
	line_rig_close(&c->rig);
}

void line_run_cache(struct bench *b)
{
	run(b, &get, N_WHO);
}

void line_run_cache_latest(struct bench *b)
{
	run(b, &latest, SAME_FRAMES);
}
