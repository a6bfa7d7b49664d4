#include "common/bus_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

enum { UNANSWERED_MS = 3000, RECONNECT_MAX_MS = 500 };

void *bc_bus_context_new(void)
{
	return zmq_ctx_new();
}

void bc_bus_context_free(void **context)
{
	if (*context == NULL)
		return;
	while (zmq_ctx_term(*context) != 0 && errno == EINTR)
		continue;
	*context = NULL;
}

static bool set_int(void *socket, int option, int value)
{
	return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

bc_status bc_bus_socket_new(void **out, void *context, const struct bc_socket_options *o)
{
	if (o->send_hwm <= 0 || o->recv_hwm <= 0 || o->max_frame_bytes <= 0 || o->linger_ms < 0)
		return BC_EINVAL; /* 0 and -1 mean "no limit" to libzmq */
	void *socket = zmq_socket(context, o->type);
	if (socket == NULL)
		return BC_EBUS;
	if (!set_int(socket, ZMQ_SNDHWM, o->send_hwm) ||
	    !set_int(socket, ZMQ_RCVHWM, o->recv_hwm) ||
	    !set_int(socket, ZMQ_LINGER, o->linger_ms) || !set_int(socket, ZMQ_TCP_KEEPALIVE, 1) ||
	    !set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, BC_BUS_PROBE_S) ||
	    !set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, BC_BUS_PROBE_S) ||
	    !set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, BC_BUS_PROBES) ||
	    !set_int(socket, ZMQ_TCP_MAXRT, UNANSWERED_MS) ||
	    !set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) ||
	    !set_int(socket, ZMQ_IPV6, 1) ||
	    zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &o->max_frame_bytes,
			   sizeof o->max_frame_bytes) != 0) {
		zmq_close(socket);
		return BC_EBUS;
	}
	*out = socket;
	return BC_OK;
}

void bc_bus_socket_free(void **socket)
{
	if (*socket != NULL)
		zmq_close(*socket);
	*socket = NULL;
}

int bc_bus_fd(void *socket)
{
	int fd = -1;
	size_t n = sizeof fd;
	return zmq_getsockopt(socket, ZMQ_FD, &fd, &n) == 0 ? fd : -1;
}

bool bc_bus_has_input(void *socket)
{
	int events = 0;
	size_t n = sizeof events;
	return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &n) == 0 && (events & ZMQ_POLLIN) != 0;
}

bc_status bc_bus_wait(void *const *sockets, size_t n, long at_most_ms)
{
	zmq_pollitem_t items[BC_BUS_WAIT_MAX];
	if (n > BC_BUS_WAIT_MAX)
		return BC_EINVAL;
	for (size_t i = 0; i < n; i++)
		items[i] = (zmq_pollitem_t){ .socket = sockets[i], .events = ZMQ_POLLIN };
	return zmq_poll(items, (int)n, at_most_ms) >= 0 || errno == EINTR ? BC_OK : BC_EBUS;
}

const char *bc_bus_why(bc_status rc)
{
	return rc == BC_EBUS ? zmq_strerror(errno) : bc_status_text(rc);
}

bc_status bc_bus_bind(void *socket, const char *endpoint, unsigned mode, char *real)
{
	/* libzmq binds in the calling thread, so the umask decides the mode without a window in
	 * which a stranger could connect, as there would be before a chmod. */
	mode_t before = umask((mode_t)(~mode & 0777));
	/* With IPv6 on, an IPv4 address is bound, and told, as [::ffff:127.0.0.1], which
	 * subscribers without IPv6 cannot connect to. */
	set_int(socket, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
	int rc = zmq_bind(socket, endpoint);
	int why = errno;
	set_int(socket, ZMQ_IPV6, 1);
	umask(before);
	if (rc != 0) {
		errno = why;
		if (why == EADDRINUSE)
			return BC_EBUSY;
		return why == EINVAL || why == EPROTONOSUPPORT ? BC_EINVAL : BC_EBUS;
	}
	size_t n = BC_ENDPOINT_MAX;
	return zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, real, &n) == 0 ? BC_OK : BC_EBUS;
}

static bool host_is_local(const char *host)
{
	struct in_addr four;
	struct in6_addr six;
	if (inet_pton(AF_INET, host, &four) == 1)
		return (ntohl(four.s_addr) >> 24) == 127;
	return inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool bc_endpoint_is_tcp(const char *endpoint)
{
	if (!bc_str_starts(bc_str_of(endpoint), BC_STR("tcp://")))
		return false;
	const char *host = endpoint + strlen("tcp://"), *colon = strrchr(host, ':');
	if (colon == NULL || colon == host)
		return false;
	if (strcmp(colon + 1, "*") == 0)
		return true;
	size_t digits = strspn(colon + 1, "0123456789");
	return digits > 0 && digits <= 5 && colon[1 + digits] == '\0' &&
	       strtoul(colon + 1, NULL, 10) <= UINT16_MAX;
}

bool bc_endpoint_is_local(const char *endpoint)
{
	bc_str e = bc_str_of(endpoint);
	if (bc_str_starts(e, BC_STR("ipc://")) || bc_str_starts(e, BC_STR("inproc://")))
		return true;
	if (!bc_str_starts(e, BC_STR("tcp://")))
		return false;
	const char *host = endpoint + strlen("tcp://");
	const char *colon = strrchr(host, ':');
	char text[INET6_ADDRSTRLEN];
	size_t n = colon == NULL ? strlen(host) : (size_t)(colon - host);
	if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
		host++;
		n -= 2;
	}
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	return host_is_local(text);
}
