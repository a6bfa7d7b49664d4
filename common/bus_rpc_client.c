#include "common/bus_rpc.h"

#include "common/bus_socket.h"
#include "common/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

struct bc_rpc_client {
	void *context;
	void *socket;
	bc_mono_time deadline;
	bool pending;
	zmq_msg_t *frames; /* of the last reply: n_frames, room for cap_frames */
	bc_str *views;
	size_t n_frames, cap_frames;
	char endpoint[BC_ENDPOINT_MAX];
};

static bc_status open_socket(struct bc_rpc_client *c)
{
	const struct bc_socket_options options = { .type = ZMQ_REQ,
						   .send_hwm = 16,
						   .recv_hwm = 16,
						   .max_frame_bytes = BC_RPC_MAX_FRAME_BYTES };
	const int on = 1;
	bc_status rc = bc_bus_socket_new(&c->socket, c->context, &options);
	if (rc != BC_OK)
		return rc;
	/* RELAXED: ask again without an answer; CORRELATE: a late answer finds no taker. */
	if (zmq_setsockopt(c->socket, ZMQ_REQ_RELAXED, &on, sizeof on) == 0 &&
	    zmq_setsockopt(c->socket, ZMQ_REQ_CORRELATE, &on, sizeof on) == 0 &&
	    zmq_connect(c->socket, c->endpoint) == 0)
		return BC_OK;
	rc = errno == EINVAL || errno == EPROTONOSUPPORT ? BC_EINVAL : BC_EBUS;
	bc_bus_socket_free(&c->socket);
	return rc;
}

bc_status bc_rpc_client_new(struct bc_rpc_client **out, void *context, const char *endpoint)
{
	if (strlen(endpoint) >= BC_ENDPOINT_MAX)
		return BC_EINVAL;
	struct bc_rpc_client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return BC_ENOMEM;
	c->context = context;
	memcpy(c->endpoint, endpoint, strlen(endpoint) + 1);
	bc_status rc = open_socket(c);
	if (rc != BC_OK) {
		free(c);
		return rc;
	}
	*out = c;
	return BC_OK;
}

static void drop_reply(struct bc_rpc_client *c)
{
	for (size_t i = 0; i < c->n_frames; i++)
		zmq_msg_close(&c->frames[i]);
	c->n_frames = 0;
}

void bc_rpc_client_free(struct bc_rpc_client **client)
{
	struct bc_rpc_client *c = *client;
	if (c == NULL)
		return;
	drop_reply(c);
	bc_bus_socket_free(&c->socket);
	free(c->frames);
	free(c->views);
	free(c);
	*client = NULL;
}

static bc_status send_frame(void *socket, bc_str frame, int more)
{
	int rc;
	do
		rc = zmq_send(socket, frame.p, frame.n, ZMQ_DONTWAIT | more);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? BC_EBUS : BC_OK;
}

bc_status bc_rpc_send(struct bc_rpc_client *c, bc_str verb, const bc_str *args, size_t n_args,
		      bc_mono_time now, int64_t timeout_ns)
{
	int64_t bytes = (int64_t)verb.n;
	for (size_t i = 0; i < n_args; i++)
		bytes += (int64_t)args[i].n;
	if (n_args > BC_RPC_MAX_ARGS || bytes > BC_RPC_MAX_BYTES)
		return BC_EINVAL;
	drop_reply(c);
	bc_status rc = c->socket == NULL ? open_socket(c) : BC_OK;
	if (rc != BC_OK)
		return rc;
	rc = send_frame(c->socket, BC_STR("BC1"), ZMQ_SNDMORE);
	if (rc == BC_OK)
		rc = send_frame(c->socket, verb, n_args > 0 ? ZMQ_SNDMORE : 0);
	for (size_t i = 0; i < n_args && rc == BC_OK; i++)
		rc = send_frame(c->socket, args[i], i + 1 < n_args ? ZMQ_SNDMORE : 0);
	c->pending = rc == BC_OK;
	c->deadline.ns = now.ns + timeout_ns;
	if (rc != BC_OK) /* half a message may be in it */
		bc_bus_socket_free(&c->socket);
	return rc;
}

static bool make_room(struct bc_rpc_client *c)
{
	if (c->n_frames < c->cap_frames)
		return true;
	size_t cap = c->cap_frames == 0 ? 16 : 2 * c->cap_frames;
	zmq_msg_t *frames = realloc(c->frames, cap * sizeof *frames);
	if (frames == NULL)
		return false;
	c->frames = frames;
	bc_str *views = realloc(c->views, cap * sizeof *views);
	if (views == NULL)
		return false;
	c->views = views;
	c->cap_frames = cap;
	return true;
}

/* Reads one whole reply; its later parts are there when the first one is. */
static bc_status read_reply(struct bc_rpc_client *c)
{
	int64_t bytes = 0;
	bool more = true;
	for (; more; c->n_frames++) {
		if (c->n_frames >= BC_RPC_MAX_ANSWERS + 2 || bytes > BC_RPC_MAX_BYTES)
			return BC_EPARSE;
		if (!make_room(c))
			return BC_ENOMEM;
		zmq_msg_t *frame = &c->frames[c->n_frames];
		zmq_msg_init(frame);
		int n = zmq_msg_recv(frame, c->socket, ZMQ_DONTWAIT);
		if (n < 0) {
			zmq_msg_close(frame);
			return errno == EAGAIN || errno == EINTR ? BC_EAGAIN : BC_EBUS;
		}
		bytes += n;
		more = zmq_msg_more(frame);
	}
	return BC_OK;
}

static int status_of(bc_str text)
{
	int status = 0;
	if (text.n != 3)
		return -1;
	for (size_t i = 0; i < 3; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return -1;
		status = 10 * status + (text.p[i] - '0');
	}
	return status;
}

static bc_status parse_reply(struct bc_rpc_client *c, struct bc_rpc_reply *reply)
{
	/* Only now: a small frame lives inside its zmq_msg_t, which realloc may have moved. */
	for (size_t i = 0; i < c->n_frames; i++)
		c->views[i] = (bc_str){ zmq_msg_data(&c->frames[i]), zmq_msg_size(&c->frames[i]) };
	if (c->n_frames < 2 || !bc_str_is(c->views[0], "BC1"))
		return BC_EPARSE;
	*reply = (struct bc_rpc_reply){ .status = status_of(c->views[1]),
					.answers = c->views + 2,
					.n_answers = c->n_frames - 2 };
	return reply->status < 0 ? BC_EPARSE : BC_OK;
}

bc_status bc_rpc_poll(struct bc_rpc_client *c, bc_mono_time now, struct bc_rpc_reply *reply)
{
	if (!c->pending)
		return BC_ENOTFOUND;
	drop_reply(c);
	bc_status rc = read_reply(c);
	if (rc == BC_EAGAIN) {
		drop_reply(c);
		if (now.ns < c->deadline.ns)
			return BC_EAGAIN;
		rc = BC_ETIMEOUT;
	}
	c->pending = false;
	if (rc != BC_OK) { /* whatever this connection still holds is of no use */
		bc_bus_socket_free(&c->socket);
		return rc;
	}
	return parse_reply(c, reply);
}

bc_status bc_rpc_call(struct bc_rpc_client *c, bc_str verb, const bc_str *args, size_t n_args,
		      int64_t timeout_ns, struct bc_rpc_reply *reply)
{
	bc_mono_time now = bc_mono_now();
	bc_status rc = bc_rpc_send(c, verb, args, n_args, now, timeout_ns);
	if (rc != BC_OK)
		return rc;
	while ((rc = bc_rpc_poll(c, now, reply)) == BC_EAGAIN) {
		int64_t left_ms = (c->deadline.ns - now.ns) / BC_NS_PER_MS + 1;
		zmq_pollitem_t item = { .socket = c->socket, .events = ZMQ_POLLIN };
		zmq_poll(&item, 1, left_ms > INT_MAX ? INT_MAX : (long)left_ms);
		now = bc_mono_now();
	}
	return rc;
}

bool bc_rpc_pending(const struct bc_rpc_client *c)
{
	return c->pending;
}

bc_mono_time bc_rpc_deadline(const struct bc_rpc_client *c)
{
	return c->deadline;
}

void *bc_rpc_client_socket(struct bc_rpc_client *c)
{
	return c->socket;
}
