/* bus_pub.c - XPUB: binds, subscriptions, sending. */
#include "common/bus_pub.h"

#include "common/run_dir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_SUBSCRIPTION_BYTES 256
#define MAX_FILTERS            65536

struct bc_pub {
	void *socket;
	struct bc_filters *filters;
	char endpoints[BC_PUB_MAX_BINDS][BC_ENDPOINT_MAX];
	int locks[BC_PUB_MAX_BINDS]; /* -1: none */
	size_t n_endpoints;
	bool overflow_told;
};

bc_status bc_pub_new(struct bc_pub **out, void *context, const struct bc_pub_options *o)
{
	struct bc_pub *pub = calloc(1, sizeof *pub);
	if (pub == NULL)
		return BC_ENOMEM;
	struct bc_socket_options options = { .type = ZMQ_XPUB,
					     .send_hwm = o->send_hwm_msgs,
					     .recv_hwm = o->send_hwm_msgs,
					     .max_frame_bytes = MAX_SUBSCRIPTION_BYTES,
					     .linger_ms = o->linger_ms };
	int on = 1;
	bc_status rc = bc_filters_new(&pub->filters, MAX_FILTERS);
	if (rc == BC_OK)
		rc = bc_bus_socket_new(&pub->socket, context, &options);
	if (rc == BC_OK && zmq_setsockopt(pub->socket, ZMQ_XPUB_VERBOSE, &on, sizeof on) != 0)
		rc = BC_EBUS;
	if (rc != BC_OK) {
		bc_pub_free(&pub);
		return rc;
	}
	*out = pub;
	return BC_OK;
}

void bc_pub_free(struct bc_pub **pub)
{
	if (*pub == NULL)
		return;
	bc_bus_socket_free(&(*pub)->socket);
	for (size_t i = 0; i < (*pub)->n_endpoints; i++) {
		if ((*pub)->locks[i] < 0)
			continue;
		unlink((*pub)->endpoints[i] + strlen("ipc://")); /* ours while we hold the lock */
		close((*pub)->locks[i]);
	}
	bc_filters_free(&(*pub)->filters);
	free(*pub);
	*pub = NULL;
}

/* ------------------------------------------------------------------ binds */

static bc_status bind_one(struct bc_pub *pub, const char *endpoint, int lock, char *why, size_t cap)
{
	if (pub->n_endpoints == BC_PUB_MAX_BINDS) {
		snprintf(why, cap, "more than %d endpoints", BC_PUB_MAX_BINDS);
		return BC_EINVAL;
	}
	bc_status rc = bc_bus_bind(pub->socket, endpoint, 0660, pub->endpoints[pub->n_endpoints]);
	if (rc != BC_OK) {
		snprintf(why, cap, "cannot bind %s: %s", endpoint,
			 rc == BC_EINVAL ? "not an endpoint such as tcp://127.0.0.1:5555"
					 : zmq_strerror(errno));
		return rc;
	}
	pub->locks[pub->n_endpoints++] = lock;
	return BC_OK;
}

bc_status bc_pub_bind_ipc(struct bc_pub *pub, const char *dir, const char *name, char *why,
			  size_t cap)
{
	char endpoint[BC_ENDPOINT_MAX];
	int lock;
	if (strlen(dir) + 1 + strlen(name) >= BC_PATH_MAX) {
		snprintf(why, cap, "the path %s/%s is longer than a socket's may be (%d bytes)",
			 dir, name, BC_PATH_MAX - 1);
		return BC_EINVAL;
	}
	bc_status rc = bc_run_lock(dir, name, &lock, why, cap);
	if (rc != BC_OK)
		return rc;
	snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", dir, name);
	rc = bind_one(pub, endpoint, lock, why, cap);
	if (rc != BC_OK)
		close(lock);
	return rc;
}

bc_status bc_pub_bind(struct bc_pub *pub, const char *endpoint, bool allow_insecure, char *why,
		      size_t cap)
{
	if (bc_str_starts(bc_str_of(endpoint), BC_STR("ipc://"))) {
		snprintf(why, cap, "%s: ipc sockets live in run_dir; bind tcp here", endpoint);
		return BC_EINVAL;
	}
	if (!allow_insecure && !bc_endpoint_is_local(endpoint)) {
		snprintf(why, cap,
			 "%s can be reached from other machines, and anybody who can connect can "
			 "read; bind 127.0.0.1, or set bus.allow_insecure if that is meant",
			 endpoint);
		return BC_EINVAL;
	}
	return bind_one(pub, endpoint, -1, why, cap);
}

size_t bc_pub_endpoints(const struct bc_pub *pub)
{
	return pub->n_endpoints;
}

const char *bc_pub_endpoint(const struct bc_pub *pub, size_t i)
{
	return pub->endpoints[i];
}

struct bc_filters *bc_pub_filters(struct bc_pub *pub)
{
	return pub->filters;
}

void *bc_pub_socket(struct bc_pub *pub)
{
	return pub->socket;
}

/* ------------------------------------------------------------------ subscriptions */

/* A subscription is a byte 1 and the filter, an unsubscription a byte 0 and the filter. Other
 * first bytes are messages that a subscriber sent upstream: nobody asked for them. */
static bc_status take(struct bc_pub *pub, bc_str frame, bc_topic_match_fn *match, void *self)
{
	bc_str filter = { frame.p + 1, frame.n - 1 };
	if (frame.n == 0)
		return BC_OK;
	if (frame.p[0] == 1)
		return bc_filters_subscribe(pub->filters, filter, match, self);
	if (frame.p[0] == 0)
		bc_filters_unsubscribe(pub->filters, filter);
	return BC_OK;
}

bc_status bc_pub_read(struct bc_pub *pub, unsigned max, bc_topic_match_fn *match, void *self)
{
	for (unsigned i = 0; i < max; i++) {
		char frame[MAX_SUBSCRIPTION_BYTES + 1];
		int n = zmq_recv(pub->socket, frame, sizeof frame, ZMQ_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? BC_EAGAIN : BC_EBUS;
		if ((size_t)n > sizeof frame)
			continue; /* was cut: MAXMSGSIZE does not bind inproc peers */
		bc_status rc = take(pub, (bc_str){ frame, (size_t)n }, match, self);
		if (rc != BC_OK && !pub->overflow_told) {
			pub->overflow_told = true;
			return rc;
		}
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ sending */

bc_status bc_pub_send(struct bc_pub *pub, uint32_t topic, bc_str payload)
{
	bc_str head = bc_filters_topic(pub->filters, topic);
	zmq_msg_t m;
	if (zmq_msg_init_size(&m, head.n + payload.n) != 0)
		return BC_EBUS;
	char *p = zmq_msg_data(&m);
	memcpy(p, head.p, head.n);
	memcpy(p + head.n, payload.p, payload.n);
	if (zmq_msg_send(&m, pub->socket, ZMQ_DONTWAIT) < 0) {
		int why = errno;
		zmq_msg_close(&m);
		errno = why;
		return BC_EBUS;
	}
	return BC_OK;
}
