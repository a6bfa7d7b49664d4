#include "common/bus_rpc.h"

#include "common/bus_socket.h"
#include "common/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum {
	MAX_ENVELOPE = 8, /* frames up to and with the empty one */
	/* libzmq hears in steps of half its limit what a client has read. */
	SEND_HWM = 2 * BC_RPC_MAX_UNREAD
};

struct bc_rpc_server {
	void *socket;
	zmq_msg_t envelope[MAX_ENVELOPE];
	size_t n_envelope;
	zmq_msg_t *frames; /* "BC1", verb, arguments */
	bc_str *views;
	size_t n_frames, cap_frames;
	zmq_msg_t held; /* of the answer: which frame is the last one shows only at its end */
	bool holds, failed;
	uint64_t n_dropped;
};

bc_status bc_rpc_server_new(struct bc_rpc_server **out, void *context)
{
	struct bc_rpc_server *s = calloc(1, sizeof *s);
	if (s == NULL)
		return BC_ENOMEM;
	const struct bc_socket_options options = { .type = ZMQ_ROUTER,
						   .send_hwm = SEND_HWM,
						   .recv_hwm = 1000,
						   .max_frame_bytes = BC_RPC_MAX_FRAME_BYTES,
						   .linger_ms = 100 };
	bc_status rc = bc_bus_socket_new(&s->socket, context, &options);
	/* Else libzmq drops without a word what finds its asker's queue full. */
	const int mandatory = 1;
	if (rc == BC_OK &&
	    zmq_setsockopt(s->socket, ZMQ_ROUTER_MANDATORY, &mandatory, sizeof mandatory) != 0) {
		bc_bus_socket_free(&s->socket);
		rc = BC_EBUS;
	}
	if (rc != BC_OK) {
		free(s);
		return rc;
	}
	*out = s;
	return BC_OK;
}

static void close_all(zmq_msg_t *frames, size_t *n)
{
	for (size_t i = 0; i < *n; i++)
		zmq_msg_close(&frames[i]);
	*n = 0;
}

static void drop_held(struct bc_rpc_server *s)
{
	if (s->holds)
		zmq_msg_close(&s->held);
	s->holds = false;
}

void bc_rpc_server_free(struct bc_rpc_server **server)
{
	struct bc_rpc_server *s = *server;
	if (s == NULL)
		return;
	drop_held(s);
	close_all(s->envelope, &s->n_envelope);
	close_all(s->frames, &s->n_frames);
	bc_bus_socket_free(&s->socket);
	free(s->frames);
	free(s->views);
	free(s);
	*server = NULL;
}

bc_status bc_rpc_server_bind(struct bc_rpc_server *s, const char *endpoint, unsigned mode,
			     char *real)
{
	return bc_bus_bind(s->socket, endpoint, mode, real);
}

void *bc_rpc_server_socket(struct bc_rpc_server *s)
{
	return s->socket;
}

uint64_t bc_rpc_server_dropped(const struct bc_rpc_server *s)
{
	return s->n_dropped;
}

static bc_status receive_frame(struct bc_rpc_server *s, zmq_msg_t *frame)
{
	int n;
	zmq_msg_init(frame);
	do
		n = zmq_msg_recv(frame, s->socket, ZMQ_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		return BC_OK;
	zmq_msg_close(frame);
	return errno == EAGAIN ? BC_EAGAIN : BC_EBUS;
}

/* What remains of a message that is refused. */
static void drop_rest(struct bc_rpc_server *s, bool more)
{
	zmq_msg_t frame;
	while (more && receive_frame(s, &frame) == BC_OK) {
		more = zmq_msg_more(&frame);
		zmq_msg_close(&frame);
	}
}

/* Everything up to the first empty frame; it goes back unread. */
static bc_status receive_envelope(struct bc_rpc_server *s, bool *more)
{
	do {
		if (s->n_envelope == MAX_ENVELOPE)
			return BC_EPARSE;
		zmq_msg_t *frame = &s->envelope[s->n_envelope];
		bc_status rc = receive_frame(s, frame);
		if (rc != BC_OK)
			return rc;
		s->n_envelope++;
		*more = zmq_msg_more(frame);
		if (zmq_msg_size(frame) == 0)
			return BC_OK;
	} while (*more);
	return BC_EPARSE;
}

static bool make_room(struct bc_rpc_server *s)
{
	if (s->n_frames < s->cap_frames)
		return true;
	size_t cap = s->cap_frames == 0 ? 16 : 2 * s->cap_frames;
	zmq_msg_t *frames = realloc(s->frames, cap * sizeof *frames);
	if (frames == NULL)
		return false;
	s->frames = frames;
	bc_str *views = realloc(s->views, cap * sizeof *views);
	if (views == NULL)
		return false;
	s->views = views;
	s->cap_frames = cap;
	return true;
}

static bc_status receive_body(struct bc_rpc_server *s, bool *more)
{
	int64_t bytes = 0;
	for (; *more; s->n_frames++) {
		if (s->n_frames >= BC_RPC_MAX_ARGS + 2 || bytes > BC_RPC_MAX_BYTES)
			return BC_ERANGE;
		if (!make_room(s))
			return BC_ENOMEM;
		zmq_msg_t *frame = &s->frames[s->n_frames];
		bc_status rc = receive_frame(s, frame);
		if (rc != BC_OK)
			return rc;
		bytes += (int64_t)zmq_msg_size(frame);
		*more = zmq_msg_more(frame);
	}
	return bytes > BC_RPC_MAX_BYTES ? BC_ERANGE : BC_OK;
}

static bc_status refuse(struct bc_rpc_server *s, bool more, const char *reason)
{
	drop_rest(s, more);
	bc_rpc_reply(s, BC_RPC_BAD, bc_str_of(reason));
	return BC_EPARSE;
}

/* A message without an empty frame has no envelope but the connection's own. */
static bc_status refuse_envelope(struct bc_rpc_server *s, bool more)
{
	while (s->n_envelope > 1)
		zmq_msg_close(&s->envelope[--s->n_envelope]);
	zmq_msg_init(&s->envelope[s->n_envelope++]);
	return refuse(s, more, "no empty frame before the request");
}

bc_status bc_rpc_receive(struct bc_rpc_server *s, struct bc_rpc_request *request)
{
	bool more = false;
	drop_held(s);
	close_all(s->envelope, &s->n_envelope);
	close_all(s->frames, &s->n_frames);
	bc_status rc = receive_envelope(s, &more);
	if (rc == BC_EPARSE)
		return refuse_envelope(s, more);
	if (rc != BC_OK)
		return rc;
	rc = receive_body(s, &more);
	if (rc == BC_ERANGE)
		return refuse(s, more, "more than 10000 arguments or 16 MiB");
	if (rc == BC_ENOMEM)
		return refuse(s, more, "out of memory");
	if (rc != BC_OK)
		return rc;
	/* Only now: a small frame lives inside its zmq_msg_t, which realloc may have moved. */
	for (size_t i = 0; i < s->n_frames; i++)
		s->views[i] = (bc_str){ zmq_msg_data(&s->frames[i]), zmq_msg_size(&s->frames[i]) };
	if (s->n_frames < 2 || !bc_str_is(s->views[0], "BC1"))
		return refuse(s, false, "a request is BC1, a verb, arguments");
	*request = (struct bc_rpc_request){ .verb = s->views[1],
					    .args = s->views + 2,
					    .n_args = s->n_frames - 2 };
	return BC_OK;
}

static bool try_held(struct bc_rpc_server *s, int more)
{
	int rc;
	do
		rc = zmq_msg_send(&s->held, s->socket, ZMQ_DONTWAIT | more);
	while (rc < 0 && errno == EINTR);
	return rc >= 0;
}

static void send_held(struct bc_rpc_server *s, int more)
{
	bool sent = try_held(s, more);
	if (!sent && errno == EAGAIN) {
		/* libzmq looks for the news that answers were read every 100 frames or 1 ms. */
		(void)bc_bus_has_input(s->socket);
		sent = try_held(s, more);
		if (!sent && errno == EAGAIN)
			s->n_dropped++;
	}
	if (!sent) {
		zmq_msg_close(&s->held);
		s->failed = true;
	}
	s->holds = false;
}

/* A failed answer stops where it is and is ended by an empty frame, so that the next one starts
 * at a boundary; its reader sees a reply that is too short. */
void bc_rpc_reply_frame(struct bc_rpc_server *s, bc_str frame)
{
	bc_rpc_reply_joined(s, frame, BC_STR(""));
}

void bc_rpc_reply_joined(struct bc_rpc_server *s, bc_str head, bc_str tail)
{
	if (s->holds && !s->failed)
		send_held(s, ZMQ_SNDMORE);
	if (s->failed)
		return;
	if (zmq_msg_init_size(&s->held, head.n + tail.n) != 0) {
		zmq_msg_init(&s->held);
		s->failed = true;
	} else {
		char *to = zmq_msg_data(&s->held);
		if (head.n > 0)
			memcpy(to, head.p, head.n);
		if (tail.n > 0)
			memcpy(to + head.n, tail.p, tail.n);
	}
	s->holds = true;
}

void bc_rpc_reply_number(struct bc_rpc_server *s, int64_t number)
{
	char text[24];
	struct bc_text t = bc_text_on(text, sizeof text);
	bc_text_add_int(&t, number); /* four of them a topic: printf is an eighth of a GET */
	bc_rpc_reply_frame(s, (bc_str){ t.p, t.n });
}

void bc_rpc_reply_begin(struct bc_rpc_server *s, int status)
{
	drop_held(s);
	s->failed = false;
	for (size_t i = 0; i < s->n_envelope; i++)
		bc_rpc_reply_frame(s, (bc_str){ zmq_msg_data(&s->envelope[i]),
						zmq_msg_size(&s->envelope[i]) });
	bc_rpc_reply_frame(s, BC_STR("BC1"));
	bc_rpc_reply_number(s, status);
}

bc_status bc_rpc_reply_end(struct bc_rpc_server *s)
{
	if (s->holds)
		send_held(s, 0);
	return s->failed ? BC_EBUS : BC_OK;
}

bc_status bc_rpc_reply(struct bc_rpc_server *s, int status, bc_str frame)
{
	bc_rpc_reply_begin(s, status);
	bc_rpc_reply_frame(s, frame);
	return bc_rpc_reply_end(s);
}
