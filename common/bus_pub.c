/* bus_pub.c - XPUB: binds, subscriptions, sending. */
#include "common/bus_pub.h"

#include "common/run_dir.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_SUBSCRIPTION_BYTES 256
#define MAX_FILTERS            65536
#define BYTES_A_FILTER         64 /* on average, at the limit */
/* Subscriptions that wait between libzmq's thread and ours. libzmq takes all there are at once, and
 * as long as more come it does nothing else: with a queue of 10,000 a flood of a million stopped
 * the caller of any function of the socket for 21 s, with this one for less than 0.1 s. A thousand
 * subscriptions take 6 ms instead of 1. */
#define READ_HWM 4

struct bc_pub {
	void *socket;
	struct bc_filters *filters;
	struct bc_peers *peers;
	uint32_t max_filters;
	struct bc_pub_flood flood;
	char endpoints[BC_PUB_MAX_BINDS][BC_ENDPOINT_MAX];
	int locks[BC_PUB_MAX_BINDS]; /* -1: none */
	size_t n_endpoints;
	bool overflow_told;
	unsigned int n_held;
	uint64_t refused;
	zmq_msg_t held[BC_PUB_MAX_HELD]; /* in the order in which they were said */
};

bc_status bc_pub_new(struct bc_pub **out, void *context, const struct bc_pub_options *o)
{
	struct bc_pub *pub = calloc(1, sizeof *pub);
	if (pub == NULL)
		return BC_ENOMEM;
	struct bc_socket_options options = { .type = ZMQ_XPUB,
					     .send_hwm = o->send_hwm_msgs,
					     .recv_hwm = READ_HWM,
					     .max_frame_bytes = MAX_SUBSCRIPTION_BYTES,
					     .linger_ms = o->linger_ms };
	int on = 1;
	pub->max_filters = o->max_filters > 0 ? o->max_filters : MAX_FILTERS;
	bc_status rc = bc_filters_new(&pub->filters, pub->max_filters + pub->max_filters / 8);
	if (rc == BC_OK && (pub->peers = bc_peers_new()) == NULL)
		rc = BC_ENOMEM;
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
	bc_pub_flush(*pub);
	bc_bus_socket_free(&(*pub)->socket);
	for (size_t i = 0; i < (*pub)->n_endpoints; i++) {
		if ((*pub)->locks[i] < 0)
			continue;
		unlink((*pub)->endpoints[i] + strlen("ipc://")); /* ours while we hold the lock */
		close((*pub)->locks[i]);
	}
	bc_filters_free(&(*pub)->filters);
	bc_peers_free(&(*pub)->peers);
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

const struct bc_pub_flood *bc_pub_flood(const struct bc_pub *pub)
{
	return &pub->flood;
}

static bool ends(const char *text, const char *end)
{
	size_t n = strlen(text), n_end = strlen(end);
	return n_end > 0 && n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* Was this descriptor accepted at one of our endpoints? */
static bool is_ours(const void *self, int fd)
{
	const struct bc_pub *pub = self;
	struct sockaddr_storage here;
	const struct sockaddr_un *local = (void *)&here;
	socklen_t n = sizeof here;
	char end[sizeof(struct sockaddr_un) + 8] = "";
	memset(&here, 0, sizeof here);
	if (getsockname(fd, (struct sockaddr *)&here, &n) != 0)
		return false;
	if (here.ss_family == AF_UNIX)
		snprintf(end, sizeof end, "//%.*s", (int)sizeof local->sun_path, local->sun_path);
	else if (here.ss_family == AF_INET)
		snprintf(end, sizeof end, ":%u", ntohs(((struct sockaddr_in *)&here)->sin_port));
	else if (here.ss_family == AF_INET6)
		snprintf(end, sizeof end, ":%u", ntohs(((struct sockaddr_in6 *)&here)->sin6_port));
	for (size_t i = 0; i < pub->n_endpoints; i++)
		if (ends(pub->endpoints[i], end))
			return true;
	return false;
}

static bool is_full(const struct bc_pub *pub)
{
	return bc_filters_count(pub->filters) >= pub->max_filters ||
	       bc_filters_bytes(pub->filters) / BYTES_A_FILTER >= pub->max_filters;
}

/* Ends the connection that has brought most. */
static bc_status make_room(struct bc_pub *pub)
{
	struct bc_peer *peer = bc_peers_at(pub->peers, bc_peers_largest(pub->peers));
	if (peer == NULL)
		return BC_OK;
	peer->cut = true; /* also where it is gone by itself */
	if (!bc_peer_cut(peer, is_ours, pub))
		return BC_OK;
	pub->flood.n_cut++;
	pub->flood.n_filters = peer->n_filters;
	memcpy(pub->flood.address, peer->address, sizeof peer->address);
	return BC_EBUSY;
}

static bc_status subscribe(struct bc_pub *pub, bc_str filter, uint32_t number,
			   bc_topic_match_fn *match, void *self)
{
	struct bc_peer *peer = bc_peers_at(pub->peers, number);
	const bool known = bc_filters_known(pub->filters, filter);
	bc_status room = BC_OK;
	if (!known && (peer == NULL || !peer->cut) && is_full(pub))
		room = make_room(pub);
	if (!known && peer != NULL && peer->cut) { /* it will be gone before it could listen */
		pub->flood.n_refused++;
		return room;
	}
	bc_status rc = bc_filters_subscribe(pub->filters, filter, match, self);
	if (!known && rc == BC_OK) {
		bc_filters_own(pub->filters, filter, number);
		bc_peers_gain(pub->peers, number);
	}
	return rc == BC_OK ? room : rc;
}

/* A subscription is a byte 1 and the filter, an unsubscription a byte 0 and the filter. Other
 * first bytes are messages that a subscriber sent upstream: nobody asked for them. */
static bc_status take(struct bc_pub *pub, zmq_msg_t *m, bc_topic_match_fn *match, void *self)
{
	const char *p = zmq_msg_data(m);
	const size_t n = zmq_msg_size(m);
	if (n == 0 || n > MAX_SUBSCRIPTION_BYTES + 1) /* MAXMSGSIZE does not bind inproc peers */
		return BC_OK;
	const bc_str filter = { p + 1, n - 1 };
	if (p[0] == 1) {
		/* libzmq's own word for the descriptor is ZMQ_SRCFD; inproc peers have none. */
		const char *address = zmq_msg_gets(m, "Peer-Address");
		int fd = address == NULL ? -1 : zmq_msg_get(m, ZMQ_SRCFD);
		return subscribe(pub, filter, bc_peers_find(pub->peers, fd, address), match, self);
	}
	if (p[0] == 0) {
		bc_peers_lose(pub->peers, bc_filters_owner(pub->filters, filter));
		bc_filters_unsubscribe(pub->filters, filter);
	}
	return BC_OK;
}

bc_status bc_pub_read(struct bc_pub *pub, unsigned max, bc_topic_match_fn *match, void *self)
{
	bc_status result = BC_OK;
	zmq_msg_t m;
	zmq_msg_init(&m);
	for (unsigned i = 0; i < max && result == BC_OK; i++) {
		int n = zmq_msg_recv(&m, pub->socket, ZMQ_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			result = errno == EAGAIN ? BC_EAGAIN : BC_EBUS;
			break;
		}
		bc_status rc = take(pub, &m, match, self);
		if (rc == BC_EBUSY || (rc != BC_OK && !pub->overflow_told))
			result = rc;
		pub->overflow_told = pub->overflow_told || (rc != BC_OK && rc != BC_EBUSY);
	}
	zmq_msg_close(&m);
	return result;
}

/* ------------------------------------------------------------------ sending */

void bc_pub_flush(struct bc_pub *pub)
{
	const unsigned int n = pub->n_held;
	pub->n_held = 0;
	for (unsigned int i = 0; i < n; i++) {
		if (zmq_msg_send(&pub->held[i], pub->socket, ZMQ_DONTWAIT) >= 0)
			continue;
		zmq_msg_close(&pub->held[i]);
		pub->refused++;
	}
}

uint64_t bc_pub_refused(const struct bc_pub *pub)
{
	return pub->refused;
}

static bool make(const struct bc_pub *pub, zmq_msg_t *m, uint32_t topic, bc_str payload)
{
	const bc_str head = bc_filters_topic(pub->filters, topic);
	if (zmq_msg_init_size(m, head.n + payload.n) != 0)
		return false;
	char *p = zmq_msg_data(m);
	memcpy(p, head.p, head.n);
	memcpy(p + head.n, payload.p, payload.n);
	return true;
}

bc_status bc_pub_hold(struct bc_pub *pub, uint32_t topic, bc_str payload)
{
	if (!make(pub, &pub->held[pub->n_held], topic, payload))
		return BC_EBUS;
	if (++pub->n_held == BC_PUB_MAX_HELD)
		bc_pub_flush(pub);
	return BC_OK;
}

bc_status bc_pub_send(struct bc_pub *pub, uint32_t topic, bc_str payload)
{
	zmq_msg_t m;
	bc_pub_flush(pub);
	if (!make(pub, &m, topic, payload))
		return BC_EBUS;
	if (zmq_msg_send(&m, pub->socket, ZMQ_DONTWAIT) < 0) {
		int why = errno;
		zmq_msg_close(&m);
		errno = why;
		return BC_EBUS;
	}
	return BC_OK;
}
