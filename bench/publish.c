/* publish.c - a decoded book onto the bus: encode and bc_pub_send(), beside a bare zmq_send() of
 * the same bytes, each to one subscriber in another process.
 *
 * The figure is the CPU time of this whole process, libzmq's threads included; at most WINDOW
 * messages are under way, so that none is dropped. */
#include "bench/random.h"
#include "bench/scenarios.h"
#include "common/bus_pub.h"
#include "common/clock.h"
#include "proto/codec.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#define TOPIC  "upbit.KRW-BTC.book"
#define WINDOW 1000
#define HWM    100000 /* libzmq hears late what was read */
#define LEVELS 15
#define MAX_NS (30 * BC_NS_PER_S)
#define NAP_US 50 /* while a queue empties; waiting by turning round would count as CPU */

struct ear {                         /* shared with the subscriber */
	_Atomic bool bound;          /* there is an endpoint */
	_Atomic bool joined;         /* heard a topic without a message */
	_Atomic unsigned long heard; /* messages */
	char endpoint[BC_ENDPOINT_MAX];
};

struct line {
	struct bench *b;
	void *context;
	struct bc_pub *pub; /* ours; NULL: the floor's bare socket */
	void *bare;
	uint32_t topic;
	char dir[64];
	struct ear *ear;
	pid_t subscriber;
	unsigned long sent;
	struct bc_message message;
	bc_level levels[2 * LEVELS];
	char frame[4096]; /* topic, NUL, payload */
	size_t n_frame;
};

/* ------------------------------------------------------------------ the subscriber */

static void listen_for_ever(struct ear *ear)
{
	void *context, *socket;
	int hwm = HWM;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!atomic_load(&ear->bound))
		usleep(1000);
	if ((context = zmq_ctx_new()) == NULL || (socket = zmq_socket(context, ZMQ_SUB)) == NULL)
		_exit(1);
	zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, TOPIC, sizeof TOPIC); /* with its NUL */
	if (zmq_connect(socket, ear->endpoint) != 0)
		_exit(1);
	char bytes[8192];
	for (int n; (n = zmq_recv(socket, bytes, sizeof bytes, 0)) >= 0;)
		if (n > (int)sizeof TOPIC)
			atomic_fetch_add_explicit(&ear->heard, 1, memory_order_release);
		else
			atomic_store(&ear->joined, true);
	_exit(1);
}

/* While this process has one thread: what another one has locked stays locked in a child. */
static bool fork_subscriber(struct line *l)
{
	l->ear = mmap(NULL, sizeof *l->ear, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (l->ear == MAP_FAILED) {
		l->ear = NULL;
		return false;
	}
	l->subscriber = fork();
	if (l->subscriber == 0)
		listen_for_ever(l->ear);
	return l->subscriber > 0;
}

/* ------------------------------------------------------------------ sending */

static bool send_ours(struct line *l)
{
	uint8_t payload[4096];
	size_t n;
	l->message.envelope.seq++;
	return bc_message_encode(&l->message, payload, sizeof payload, &n) == BC_OK &&
	       bc_pub_send(l->pub, l->topic, (bc_str){ (char *)payload, n }) == BC_OK;
}

static bool send_bare(struct line *l)
{
	return zmq_send(l->bare, l->frame, l->n_frame, ZMQ_DONTWAIT) >= 0;
}

static unsigned long heard(const struct line *l)
{
	return atomic_load_explicit(&l->ear->heard, memory_order_acquire);
}

/* Until the subscriber has all but `left` of them. False: it takes too long. */
static bool wait_for(struct line *l, unsigned long left)
{
	bc_mono_time start = bc_mono_now();
	while (l->sent - heard(l) > left) {
		if (bc_mono_now().ns - start.ns > MAX_NS) {
			bench_fail(l->b, "messages were lost on the way");
			return false;
		}
		usleep(NAP_US);
	}
	return true;
}

static bool send_many(struct line *l, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (l->sent - heard(l) >= WINDOW && !wait_for(l, WINDOW / 2))
			return false;
		if (!(l->pub != NULL ? send_ours(l) : send_bare(l))) {
			bench_fail(l->b, "cannot send: %s", strerror(errno));
			return false;
		}
		l->sent++;
	}
	return wait_for(l, 0);
}

/* ------------------------------------------------------------------ opening */

static void make_message(struct line *l)
{
	uint64_t seed = BENCH_SEED;
	size_t n = 0;
	for (int i = 0; i < 2 * LEVELS; i++)
		l->levels[i] = (bc_level){ { 137000 + (i < LEVELS ? -i : i - LEVELS + 1), 3 },
					   { 1 + (int64_t)(bench_random(&seed) % 50000000), -8 } };
	l->message = (struct bc_message){ .envelope = { .channel = BC_CHANNEL_BOOK,
							.epoch = 1790134742106000,
							.seq = 100000,
							.exchange_seq = BC_SEQ_NONE,
							.ts_exchange = { 1790134742106000000 },
							.ts_recv = { 1790134742106500000 },
							.ts_publish = { 1790134742106501000 },
							.state = BC_STATE_LIVE,
							.since = { 1790134742000000000 } } };
	l->message.body.book = (struct bc_book){ l->levels, l->levels + LEVELS, LEVELS, LEVELS };
	memcpy(l->frame, TOPIC, sizeof TOPIC);
	if (bc_message_encode(&l->message, (uint8_t *)l->frame + sizeof TOPIC,
			      sizeof l->frame - sizeof TOPIC, &n) != BC_OK)
		bench_fail(l->b, "the message cannot be encoded");
	l->n_frame = sizeof TOPIC + n;
}

static bool bind_ours(struct line *l, bool tcp)
{
	const struct bc_pub_options options = { .send_hwm_msgs = HWM };
	char why[256];
	bc_status rc;
	if (bc_pub_new(&l->pub, l->context, &options) != BC_OK)
		return false;
	if (tcp)
		rc = bc_pub_bind(l->pub, "tcp://127.0.0.1:*", false, why, sizeof why);
	else
		rc = bc_pub_bind_ipc(l->pub, l->dir, "bench.pub", why, sizeof why);
	if (rc != BC_OK ||
	    bc_filters_topic_open(bc_pub_filters(l->pub), BC_STR(TOPIC), &l->topic) != BC_OK)
		return false;
	snprintf(l->ear->endpoint, sizeof l->ear->endpoint, "%s", bc_pub_endpoint(l->pub, 0));
	return true;
}

static bool bind_bare(struct line *l, bool tcp)
{
	char asked[128] = "tcp://127.0.0.1:*";
	size_t n = sizeof l->ear->endpoint;
	int hwm = HWM, linger = 0;
	if (!tcp)
		snprintf(asked, sizeof asked, "ipc://%s/floor.pub", l->dir);
	l->bare = zmq_socket(l->context, ZMQ_PUB);
	return l->bare != NULL && zmq_setsockopt(l->bare, ZMQ_SNDHWM, &hwm, sizeof hwm) == 0 &&
	       zmq_setsockopt(l->bare, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
	       zmq_bind(l->bare, asked) == 0 &&
	       zmq_getsockopt(l->bare, ZMQ_LAST_ENDPOINT, l->ear->endpoint, &n) == 0;
}

/* Sends the topic alone until the subscriber hears it. */
static bool join(struct line *l)
{
	bc_mono_time start = bc_mono_now();
	atomic_store(&l->ear->bound, true);
	while (!atomic_load(&l->ear->joined)) {
		if (l->pub == NULL)
			zmq_send(l->bare, TOPIC, sizeof TOPIC, ZMQ_DONTWAIT);
		else if (bc_filters_wanted(bc_pub_filters(l->pub), l->topic))
			bc_pub_send(l->pub, l->topic, BC_STR(""));
		else
			bc_pub_read(l->pub, 16, NULL, NULL);
		if (bc_mono_now().ns - start.ns > MAX_NS)
			return false;
		usleep(1000);
	}
	return true;
}

static void line_close(struct line *l)
{
	if (l->subscriber > 0) {
		kill(l->subscriber, SIGKILL);
		waitpid(l->subscriber, NULL, 0);
	}
	bc_pub_free(&l->pub);
	if (l->bare != NULL)
		zmq_close(l->bare);
	if (l->context != NULL)
		zmq_ctx_term(l->context);
	if (l->ear != NULL)
		munmap(l->ear, sizeof *l->ear);
}

static bool line_open(struct line *l, const char *dir, bool ours, bool tcp)
{
	snprintf(l->dir, sizeof l->dir, "%s", dir);
	if ((l->context = zmq_ctx_new()) != NULL)
		make_message(l);
	if (l->context != NULL && (ours ? bind_ours(l, tcp) : bind_bare(l, tcp)) && join(l))
		return true;
	bench_fail(l->b, "cannot open %s over %s: %s", ours ? "the bus" : "a bare socket",
		   tcp ? "tcp" : "ipc", strerror(errno));
	return false;
}

/* ------------------------------------------------------------------ the rows */

static bool take_turns(struct line lines[2], struct bench_timing *t)
{
	struct bench *b = lines[0].b;
	size_t n = (size_t)(bench_seconds(b) * 1e9 / (double)(t->n_rounds * 2) / 2000) + 200;
	for (size_t r = 0; r < t->n_rounds; r++)
		for (size_t k = 0; k < 2; k++) {
			size_t i = (r + k) % 2;
			double start = bench_process_ns();
			if (!send_many(&lines[i], n))
				return false;
			t->ns[i][r] = (bench_process_ns() - start) / (double)n;
		}
	return true;
}

static void measure(struct bench *b, const char *dir, bool tcp)
{
	struct line lines[2] = { { .b = b }, { .b = b } };
	struct bench_timing t;
	char note[64];
	const struct bench_contender c[] = { { tcp ? "tcp" : "ipc", NULL, NULL, 1 },
					     { "zmq_send", NULL, NULL, 1 } };

	if (!bench_timing_new(b, &t, 2))
		return;
	if (!fork_subscriber(&lines[0]) || !fork_subscriber(&lines[1]))
		bench_fail(b, "no subscriber: %s", strerror(errno));
	else if (line_open(&lines[0], dir, true, tcp) && line_open(&lines[1], dir, false, tcp) &&
		 take_turns(lines, &t)) {
		struct bench_row row = bench_versus(&t, c, 0, 1);
		snprintf(note, sizeof note, "%zu bytes, one subscriber", lines[0].n_frame);
		row.note = note;
		bench_row(b, &row);
	}
	bench_timing_free(&t);
	line_close(&lines[0]);
	line_close(&lines[1]);
}

static void run_book(struct bench *b)
{
	char dir[BENCH_DIRECTORY_MAX], path[128];
	static const char *const names[] = { "bench.pub", "bench.pub.lock", "floor.pub" };

	if (!bench_directory(dir)) {
		bench_fail(b,
			   "no directory in TMPDIR or /tmp, or its name is too long for sockets");
		return;
	}
	measure(b, dir, false);
	measure(b, dir, true);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static const struct bench_scenario scenarios[] = {
	{ "publish.book",
	  "a book of 15 levels encoded and sent to one subscriber, over ipc and tcp",
	  "zmq_send() of the same bytes, ready made, on a PUB socket; CPU of the whole process, "
	  "libzmq's thread included",
	  "encoding, knowing who wants what", run_book },
};

const struct bench_group bench_publish = { "publish", "A message onto the bus", scenarios,
					   sizeof scenarios / sizeof *scenarios };
