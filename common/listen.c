#include "common/listen.h"

#include "common/bus_socket.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct address {
	struct sockaddr_storage to;
	socklen_t n;
};

static bc_status failed(int fd)
{
	int why = errno;
	if (fd >= 0)
		close(fd);
	errno = why;
	return why == EADDRINUSE ? BC_EBUSY : BC_EBUS;
}

static bc_status open_at(const struct address *a, int *fd)
{
	const int one = 1, zero = 0;
	*fd = socket(a->to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0)
		return failed(-1);
	if (a->to.ss_family != AF_UNIX &&
	    setsockopt(*fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0)
		return failed(*fd);
	if (a->to.ss_family == AF_INET6 && /* tcp://[::] is for everybody */
	    setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero) != 0)
		return failed(*fd);
	if (bind(*fd, (const struct sockaddr *)&a->to, a->n) != 0 || listen(*fd, SOMAXCONN) != 0)
		return failed(*fd);
	return BC_OK;
}

static bc_status open_ipc(const char *endpoint, unsigned mode, int *fd, char *real)
{
	struct address a = { .n = sizeof(struct sockaddr_un) };
	struct sockaddr_un *un = (struct sockaddr_un *)&a.to;
	const char *path = endpoint + strlen("ipc://");
	size_t n = strlen(path);
	if (n == 0 || n >= sizeof un->sun_path || strlen(endpoint) >= BC_ENDPOINT_MAX)
		return BC_EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n + 1);
	unlink(path);
	/* By the umask, so that there is no window in which a stranger could connect, as there
	 * would be before a chmod. */
	mode_t before = umask((mode_t)(~mode & 0777));
	bc_status rc = open_at(&a, fd);
	umask(before);
	if (rc == BC_OK)
		memcpy(real, endpoint, strlen(endpoint) + 1);
	return rc;
}

static bool interface_address(const char *name, struct address *out)
{
	struct ifaddrs *all, *i;
	if (getifaddrs(&all) != 0)
		return false;
	for (i = all; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && i->ifa_addr->sa_family == AF_INET &&
		    strcmp(i->ifa_name, name) == 0)
			break;
	if (i != NULL) {
		out->n = sizeof(struct sockaddr_in);
		memcpy(&out->to, i->ifa_addr, out->n);
	}
	freeifaddrs(all);
	return i != NULL;
}

/* HOST is an address, in brackets if it is IPv6, an interface, or "*". */
static bool tcp_address(const char *host, const char *port, bool six, struct address *out)
{
	const struct addrinfo hints = { .ai_family = six ? AF_INET6 : AF_INET,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV };
	struct addrinfo *found = NULL;
	const bool any = !six && strcmp(host, "*") == 0;
	const bool by_name = !six && interface_address(host, out);
	if (getaddrinfo(any || by_name ? NULL : host, port, &hints, &found) != 0)
		return false;
	if (by_name) {
		((struct sockaddr_in *)&out->to)->sin_port =
			((const struct sockaddr_in *)found->ai_addr)->sin_port;
	} else {
		out->n = found->ai_addrlen;
		memcpy(&out->to, found->ai_addr, out->n);
	}
	freeaddrinfo(found);
	return true;
}

static bool tell_real(int fd, bool six, char *real)
{
	char host[64], port[8];
	struct address a = { .n = sizeof a.to };
	if (getsockname(fd, (struct sockaddr *)&a.to, &a.n) != 0 ||
	    getnameinfo((const struct sockaddr *)&a.to, a.n, host, sizeof host, port, sizeof port,
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return false;
	snprintf(real, BC_ENDPOINT_MAX, six ? "tcp://[%s]:%s" : "tcp://%s:%s", host, port);
	return true;
}

static bc_status open_tcp(const char *endpoint, int *fd, char *real)
{
	char host[128];
	struct address a;
	const char *begin = endpoint + strlen("tcp://"), *colon = strrchr(begin, ':');
	const bool six = *begin == '[';
	if (!bc_endpoint_is_tcp(endpoint))
		return BC_EINVAL;
	size_t n = (size_t)(colon - begin);
	if (n >= sizeof host || (six && (n < 3 || begin[n - 1] != ']')))
		return BC_EINVAL;
	memcpy(host, begin + six, n);
	host[n - (six ? 2 : 0)] = '\0';
	if (!tcp_address(host, strcmp(colon, ":*") == 0 ? "0" : colon + 1, six, &a))
		return BC_EINVAL;
	bc_status rc = open_at(&a, fd);
	if (rc == BC_OK && !tell_real(*fd, six, real))
		rc = failed(*fd);
	return rc;
}

bc_status bc_listen(const char *endpoint, unsigned mode, int *fd, char *real)
{
	bc_status rc = bc_str_starts(bc_str_of(endpoint), BC_STR("ipc://"))
			       ? open_ipc(endpoint, mode, fd, real)
			       : open_tcp(endpoint, fd, real);
	if (rc != BC_OK)
		*fd = -1;
	return rc;
}
