#include "common/bus_sub.h"

#include "common/bus_socket.h"
#include "proto/topic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { DEFAULT_HWM = 10000, DEFAULT_FRAME_BYTES = 4 << 20 };

struct bc_sub {
	void *socket;
	zmq_msg_t message; /* the last one received */
};

bc_status bc_sub_new(struct bc_sub **out, void *context, const struct bc_sub_options *o)
{
	struct bc_sub *sub = calloc(1, sizeof *sub);
	if (sub == NULL)
		return BC_ENOMEM;
	int hwm = o != NULL && o->recv_hwm_msgs > 0 ? o->recv_hwm_msgs : DEFAULT_HWM;
	int64_t frame =
		o != NULL && o->max_frame_bytes > 0 ? o->max_frame_bytes : DEFAULT_FRAME_BYTES;
	/* The send queue holds subscriptions, repeated as a whole after each reconnect. */
	const struct bc_socket_options socket = {
		.type = ZMQ_SUB, .send_hwm = 100000, .recv_hwm = hwm, .max_frame_bytes = frame
	};
	bc_status rc = bc_bus_socket_new(&sub->socket, context, &socket);
	if (rc != BC_OK) {
		free(sub);
		return rc;
	}
	zmq_msg_init(&sub->message);
	*out = sub;
	return BC_OK;
}

void bc_sub_free(struct bc_sub **sub)
{
	if (*sub == NULL)
		return;
	zmq_msg_close(&(*sub)->message);
	bc_bus_socket_free(&(*sub)->socket);
	free(*sub);
	*sub = NULL;
}

bc_status bc_sub_connect(struct bc_sub *sub, const char *endpoint)
{
	if (zmq_connect(sub->socket, endpoint) == 0)
		return BC_OK;
	return errno == EINVAL || errno == EPROTONOSUPPORT ? BC_EINVAL : BC_EBUS;
}

bc_status bc_sub_disconnect(struct bc_sub *sub, const char *endpoint)
{
	if (zmq_disconnect(sub->socket, endpoint) == 0)
		return BC_OK;
	return errno == ENOENT ? BC_ENOTFOUND : BC_EBUS;
}

static bc_status filter(struct bc_sub *sub, int option, bc_str prefix)
{
	return zmq_setsockopt(sub->socket, option, prefix.n == 0 ? "" : prefix.p, prefix.n) == 0
		       ? BC_OK
		       : BC_EBUS;
}

/* The NUL between topic and payload makes a whole topic an exact filter. */
static bc_status filter_topic(struct bc_sub *sub, int option, bc_str topic)
{
	char text[BC_TOPIC_MAX + 1];
	if (topic.n > BC_TOPIC_MAX)
		return BC_ERANGE;
	memcpy(text, topic.p, topic.n);
	text[topic.n] = '\0';
	return filter(sub, option, (bc_str){ text, topic.n + 1 });
}

bc_status bc_sub_topic_add(struct bc_sub *sub, bc_str topic)
{
	return filter_topic(sub, ZMQ_SUBSCRIBE, topic);
}

bc_status bc_sub_topic_remove(struct bc_sub *sub, bc_str topic)
{
	return filter_topic(sub, ZMQ_UNSUBSCRIBE, topic);
}

bc_status bc_sub_prefix_add(struct bc_sub *sub, bc_str prefix)
{
	return filter(sub, ZMQ_SUBSCRIBE, prefix);
}

bc_status bc_sub_prefix_remove(struct bc_sub *sub, bc_str prefix)
{
	return filter(sub, ZMQ_UNSUBSCRIBE, prefix);
}

/* A filter set twice is sent twice and counted twice here: taking one away again is not sent. */
bc_status bc_sub_topic_renew(struct bc_sub *sub, bc_str topic)
{
	bc_status rc = bc_sub_topic_add(sub, topic);
	return rc == BC_OK ? bc_sub_topic_remove(sub, topic) : rc;
}

bc_status bc_sub_prefix_renew(struct bc_sub *sub, bc_str prefix)
{
	bc_status rc = bc_sub_prefix_add(sub, prefix);
	return rc == BC_OK ? bc_sub_prefix_remove(sub, prefix) : rc;
}

/* The rest of a message that has more parts than ours have. */
static void drop_parts(struct bc_sub *sub)
{
	while (zmq_msg_more(&sub->message))
		if (zmq_msg_recv(&sub->message, sub->socket, ZMQ_DONTWAIT) < 0)
			return;
}

bc_status bc_sub_receive(struct bc_sub *sub, bc_str *topic, bc_str *payload)
{
	int n;
	do
		n = zmq_msg_recv(&sub->message, sub->socket, ZMQ_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? BC_EAGAIN : BC_EBUS;
	if (zmq_msg_more(&sub->message)) {
		drop_parts(sub);
		return BC_EPARSE;
	}
	return bc_frame_split(zmq_msg_data(&sub->message), (size_t)n, topic, payload);
}

bool bc_sub_has_input(struct bc_sub *sub)
{
	int events = 0;
	size_t n = sizeof events;
	return zmq_getsockopt(sub->socket, ZMQ_EVENTS, &events, &n) == 0 &&
	       (events & ZMQ_POLLIN) != 0;
}

void *bc_sub_socket(struct bc_sub *sub)
{
	return sub->socket;
}
