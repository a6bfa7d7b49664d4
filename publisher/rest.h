/* rest.h - HTTPS GETs to one exchange on the loop, over libcurl.
 *
 * Names are resolved by resolve.h and remembered for 30 s; connections are kept and used again.
 * The peer's certificate is verified against the system's store or one file. Redirects are not
 * followed, environment proxies are not used, and no Origin is sent. Compressed answers are
 * unpacked, and what is unpacked counts against the limit.
 *
 * Bounds  `max_in_flight` transfers, up to BC_REST_QUEUE_MAX more wait for their turn; every one
 *         has `timeout_ns` from bc_rest_get() to its answer.
 * Threads everything on the loop's thread. Callbacks are never made from inside bc_rest_get(). */
#ifndef BC_REST_H
#define BC_REST_H

#include "publisher/url.h"

#include <uv.h>

#define BC_REST_QUEUE_MAX 1024

struct bc_log;
struct bc_resolver;
struct bc_rest;
struct bc_rest_request;

struct bc_rest_options {
	const struct bc_url *url;     /* copied */
	const char *ca_file;          /* copied; NULL: the system's store */
	struct bc_resolver *resolver; /* must outlive */
	int64_t timeout_ns;           /* 0: 10 s */
	size_t max_body_bytes;        /* 0: 32 MiB; unpacked */
	unsigned int max_in_flight;   /* 0: 8 */
};

/* Borrowed for the call.
 *   BC_OK        a whole answer with a status of 200 to 299
 *   BC_ETIMEOUT  not within the limit
 *   BC_ERANGE    the body is over the limit
 *   BC_ENOTFOUND no such host
 *   BC_EIO       all else; http_status is set if it was an answer of another status */
struct bc_rest_answer {
	bc_status status;
	int http_status;        /* 0: there was no answer */
	int64_t retry_after_ns; /* 0: none */
	bc_wall_time date;      /* by the server's clock, or BC_TIME_UNKNOWN */
	bc_wall_time received;  /* first byte, by ours, or BC_TIME_UNKNOWN */
	bc_str body;            /* also that of an error */
	const char *why;        /* for people: "HTTP status 429", "certificate has expired" */
	const struct bc_rest_request *request;
};

typedef void (*bc_rest_done)(void *self, const struct bc_rest_answer *answer);

/* BC_EIO: the certificate file cannot be read. */
bc_status bc_rest_new(struct bc_rest **out, uv_loop_t *loop, const struct bc_rest_options *options);

/* Gives up what is in flight, without callbacks; the loop must run until it is idle. NULL is fine.
 * May be called from a callback. */
void bc_rest_free(struct bc_rest **rest_at);

/* Asks for `path`, with its query, as it is; a body of more than `max_bytes` is not taken (0, or
 * more than max_body_bytes: that many). BC_EINVAL: it does not begin with '/', or holds blanks or
 * control characters; BC_EAGAIN: too many wait; BC_ENOMEM. */
bc_status bc_rest_get(struct bc_rest *rest, bc_str path, size_t max_bytes, bc_rest_done done,
		      void *self);

/* The value of an answer's first header of that name, or NULL; borrowed for the call. */
const char *bc_rest_header(const struct bc_rest_answer *answer, const char *name);

#endif
