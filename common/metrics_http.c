/* The thread that serves /metrics, /readyz and /livez, by libmicrohttpd. */
#include "common/clock.h"
#include "common/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CONNECTIONS 32
#define TIMEOUT_S       10
#define REQUEST_BYTES   8192 /* memory of a connection: request line, headers, answer headers */
#define TEXT_MAX        (256 * 1024)

struct bc_metrics_server {
	struct MHD_Daemon *daemon;
	const struct bc_metrics *metrics;
	bc_ready_fn *ready;
	void *self;
	uint16_t port;
	char address[80];
};

/* ------------------------------------------------------------------ pages */

/* Each writes its text into out[cap] and returns the HTTP status. */
static unsigned page_metrics(const struct bc_metrics_server *s, char *out, size_t cap)
{
	return bc_metrics_print(s->metrics, out, cap) > 0 ? MHD_HTTP_OK
							  : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

static unsigned page_ready(const struct bc_metrics_server *s, char *out, size_t cap)
{
	char why[4096] = "not ready";
	bool ready = s->ready == NULL || s->ready(s->self, why, sizeof why);
	snprintf(out, cap, "%s\n", ready ? "ready" : why);
	return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned page_live(const struct bc_metrics_server *s, char *out, size_t cap)
{
	int64_t beat = atomic_load_explicit(&s->metrics->beat_ns, memory_order_relaxed);
	int64_t age = bc_mono_now().ns - beat;
	if (beat != 0 && age <= BC_BEAT_MAX) {
		snprintf(out, cap, "alive\n");
		return MHD_HTTP_OK;
	}
	if (beat == 0)
		snprintf(out, cap, "the loop has not started\n");
	else
		snprintf(out, cap, "the loop has not turned for %lld s\n",
			 (long long)(age / BC_NS_PER_S));
	return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct {
	const char *path, *type;
	unsigned (*write)(const struct bc_metrics_server *s, char *out, size_t cap);
} pages[] = {
	{ "/metrics", "text/plain; version=0.0.4; charset=utf-8", page_metrics },
	{ "/readyz", "text/plain; charset=utf-8", page_ready },
	{ "/livez", "text/plain; charset=utf-8", page_live },
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status, const char *type,
			     const char *text)
{
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
						MHD_RESPMEM_MUST_COPY);
	if (r == NULL)
		return MHD_NO; /* closes the connection */
	MHD_add_response_header(r, "Content-Type", type);
	MHD_add_response_header(r, "Cache-Control", "no-store");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(r, "Allow", "GET, HEAD");
	enum MHD_Result done = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return done;
}

static enum MHD_Result serve(void *self, struct MHD_Connection *connection, const char *url,
			     const char *method, const char *version, const char *upload,
			     size_t *upload_size, void **state)
{
	static const char plain[] = "text/plain; charset=utf-8";
	(void)version;
	(void)upload;
	(void)upload_size;
	(void)state;
	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
		return reply(connection, MHD_HTTP_METHOD_NOT_ALLOWED, plain, "GET and HEAD only\n");
	for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
		if (strcmp(url, pages[i].path) != 0)
			continue;
		char *text = malloc(TEXT_MAX);
		if (text == NULL)
			return MHD_NO;
		unsigned status = pages[i].write(self, text, TEXT_MAX);
		enum MHD_Result done = reply(connection, status, pages[i].type, text);
		free(text);
		return done;
	}
	return reply(connection, MHD_HTTP_NOT_FOUND, plain,
		     "there are /metrics, /readyz and /livez\n");
}

/* ------------------------------------------------------------------ where it listens */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "127.0.0.1:9100" or "[::1]:0". */
static bool parse_address(const char *text, union address *out, socklen_t *length)
{
	char host[64];
	const char *colon = strrchr(text, ':');
	char *end;
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	if (n == 0 || n >= sizeof host || colon[1] < '0' || colon[1] > '9')
		return false;
	unsigned long port = strtoul(colon + 1, &end, 10);
	if (*end != '\0' || port > UINT16_MAX)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	memset(out, 0, sizeof *out);
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = '\0';
		out->v6.sin6_family = AF_INET6;
		out->v6.sin6_port = htons((uint16_t)port);
		*length = sizeof out->v6;
		return inet_pton(AF_INET6, host + 1, &out->v6.sin6_addr) == 1;
	}
	out->v4.sin_family = AF_INET;
	out->v4.sin_port = htons((uint16_t)port);
	*length = sizeof out->v4;
	return inet_pton(AF_INET, host, &out->v4.sin_addr) == 1;
}

/* A bound, listening socket or -1; errno says why. */
static int open_socket(union address *a, socklen_t length, uint16_t *port)
{
	int one = 1;
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, &a->any, length) != 0 || listen(fd, MAX_CONNECTIONS) != 0 ||
	    getsockname(fd, &a->any, &length) != 0) {
		int reason = errno;
		close(fd);
		errno = reason;
		return -1;
	}
	*port = ntohs(a->any.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
	return fd;
}

/* The thread takes no signals: those belong to the loop. */
static struct MHD_Daemon *start_thread(struct bc_metrics_server *s, int fd)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	struct MHD_Daemon *daemon =
		MHD_start_daemon(MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ITC, 0,
				 NULL, NULL, serve, s, MHD_OPTION_LISTEN_SOCKET, fd,
				 MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS,
				 MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
				 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_BYTES,
				 MHD_OPTION_END);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return daemon;
}

bc_status bc_metrics_serve(struct bc_metrics_server **out, const struct bc_metrics *m,
			   const char *listen, bc_ready_fn *ready, void *self, char *error,
			   size_t error_cap)
{
	union address address;
	socklen_t length;
	if (!parse_address(listen, &address, &length)) {
		snprintf(error, error_cap,
			 "'%s' is not an address such as 127.0.0.1:9100 or [::1]:0", listen);
		return BC_EINVAL;
	}
	struct bc_metrics_server *s = calloc(1, sizeof *s);
	if (s == NULL) {
		snprintf(error, error_cap, "%s", bc_status_text(BC_ENOMEM));
		return BC_ENOMEM;
	}
	s->metrics = m;
	s->ready = ready;
	s->self = self;
	int fd = open_socket(&address, length, &s->port);
	if (fd < 0) {
		bc_status rc = errno == EADDRINUSE ? BC_EBUSY : BC_EIO;
		snprintf(error, error_cap, "%s: %s", listen, strerror(errno));
		free(s);
		return rc;
	}
	snprintf(s->address, sizeof s->address, "%.*s:%u", (int)(strrchr(listen, ':') - listen),
		 listen, s->port);
	s->daemon = start_thread(s, fd); /* owns fd from here */
	if (s->daemon == NULL) {
		snprintf(error, error_cap, "%s: cannot start the thread that serves it", listen);
		close(fd);
		free(s);
		return BC_EIO;
	}
	*out = s;
	return BC_OK;
}

const char *bc_metrics_address(const struct bc_metrics_server *server)
{
	return server->address;
}

bool bc_metrics_address_good(const char *listen)
{
	union address address;
	socklen_t length;
	return *listen == '\0' || parse_address(listen, &address, &length);
}

void bc_metrics_stop(struct bc_metrics_server **server)
{
	if (*server == NULL)
		return;
	MHD_stop_daemon((*server)->daemon);
	free(*server);
	*server = NULL;
}
