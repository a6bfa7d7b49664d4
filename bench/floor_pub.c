/* floor_pub.c - a bare PUB socket: the last piece of the straight line, and alone the floor of
 * fan-out. */
#include "bench/floor.h"

#include "common/clock.h"
#include "proto/codec.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define SEND_HWM         10000 /* as the gateway's */
#define HEARTBEATS_AT    4096  /* messages; more often before */
#define HEARTBEATS_EARLY 16
#define HEARTBEAT_TOPIC  "upbit.@0.heartbeat"
#define HEARTBEAT_NS     (60 * BC_NS_PER_S) /* promised, so that nobody misses one */

static size_t make_heartbeat(char *out, size_t cap)
{
	const size_t topic = sizeof HEARTBEAT_TOPIC; /* with its NUL */
	size_t n = 0;
	bc_wall_time now = bc_wall_now();
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_HEARTBEAT, .seq = 1 } };
	struct bc_heartbeat *h = &m.body.heartbeat;
	m.envelope.epoch = (uint64_t)now.ns / 1000;
	m.envelope.exchange_seq = BC_SEQ_NONE;
	m.envelope.ts_exchange.ns = BC_TIME_UNKNOWN;
	m.envelope.ts_recv = m.envelope.ts_publish = m.envelope.since = now;
	m.envelope.state = BC_STATE_LIVE;
	h->instance = BC_STR("0");
	h->version = BC_STR("floor");
	h->shard_count = 1;
	h->started = now;
	h->interval_ns = HEARTBEAT_NS;
	memcpy(out, HEARTBEAT_TOPIC, topic);
	return bc_message_encode(&m, (uint8_t *)out + topic, cap - topic, &n) == BC_OK ? topic + n
										       : 0;
}

void *floor_pub(const struct line_child *c, void *context)
{
	struct line_shared *s = c->shared;
	char asked[LINE_PATH_MAX] = "tcp://127.0.0.1:*";
	size_t n = sizeof s->endpoint;
	int hwm = SEND_HWM, linger = 0;
	void *pub = context == NULL ? NULL : zmq_socket(context, ZMQ_PUB);
	if (!c->plan->tcp)
		snprintf(asked, sizeof asked, "ipc://%s/floor.pub", c->dir);
	if (pub == NULL || zmq_setsockopt(pub, ZMQ_SNDHWM, &hwm, sizeof hwm) != 0 ||
	    zmq_setsockopt(pub, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
	    zmq_bind(pub, asked) != 0 ||
	    zmq_getsockopt(pub, ZMQ_LAST_ENDPOINT, s->endpoint, &n) != 0)
		line_die(s, "the floor: no socket at %s: %s", asked, zmq_strerror(zmq_errno()));
	s->bound = true;
	return pub;
}

static void send_bytes(const struct line_child *c, void *pub, const char *bytes, size_t n)
{
	zmq_msg_t m;
	if (zmq_msg_init_size(&m, n) != 0)
		line_die(c->shared, "the floor: no memory for a message");
	memcpy(zmq_msg_data(&m), bytes, n);
	if (zmq_msg_send(&m, pub, ZMQ_DONTWAIT) < 0)
		zmq_msg_close(&m); /* a full queue; the ear will say what it missed */
}

void floor_send(const struct line_child *c, void *pub, const char *frame, size_t n)
{
	static uint64_t sent;
	static char heartbeat[512];
	static size_t n_heartbeat;
	if (n_heartbeat == 0)
		n_heartbeat = make_heartbeat(heartbeat, sizeof heartbeat);
	if (sent % (sent < HEARTBEATS_AT ? HEARTBEATS_EARLY : HEARTBEATS_AT) == 0)
		send_bytes(c, pub, heartbeat, n_heartbeat);
	sent++;
	send_bytes(c, pub, frame, n);
}
