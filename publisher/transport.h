/* transport.h - the client WebSocket as a table, so that nothing but its own file knows which
 * library carries the bytes.
 *
 * One transport serves all connections of a loop. The caller resolves names (resolve.h) and
 * hands over an address; the transport verifies the certificate against `host`.
 *
 * Threads everything on the loop's thread. Callbacks are never made from inside connect().
 * After `closed` a connection is gone: its handle must not be used again. Every connection that
 * connect() returned BC_OK for gets exactly one `closed`, whatever the library does or does not
 * tell. */
#ifndef BC_TRANSPORT_H
#define BC_TRANSPORT_H

#include "proto/value.h"

#include <netinet/in.h>
#include <uv.h>

struct bc_log;
struct bc_transport;
struct bc_ws;

/* Why a connection is gone: name, word for logs and metrics. */
#define BC_WS_CLOSE_ROWS(X)                                                                      \
	X(BC_WS_CLOSED_BY_US, "closed-by-us")                                                    \
	X(BC_WS_CLOSED_BY_PEER, "closed-by-peer") /* with a close frame; close_code says more */ \
	X(BC_WS_LOST, "lost")                     /* TCP ended without one */                    \
	X(BC_WS_CONNECT_FAILED, "connect-failed")                                                \
	X(BC_WS_TLS_FAILED, "tls-failed")                                                        \
	X(BC_WS_REFUSED, "refused") /* HTTP status other than 101 */                             \
	X(BC_WS_TIMED_OUT, "timed-out")                                                          \
	X(BC_WS_TOO_LARGE, "too-large") /* a message over the cap */                             \
	X(BC_WS_PROTOCOL, "protocol")   /* RFC 6455 violated */

enum bc_ws_close {
#define X(name, word) name,
	BC_WS_CLOSE_ROWS(X)
#undef X
		BC_N_WS_CLOSES
};

const char *bc_ws_close_word(enum bc_ws_close why);

struct bc_ws_target {
	struct sockaddr_storage address; /* with port */
	const char *host;                /* SNI, verification, Host header */
	uint16_t port;
	const char *path;
	bool tls;
	bool compression; /* offer permessage-deflate (RFC 7692); only the direct transport does */
	size_t max_message_bytes;     /* also of a message that came compressed */
	int64_t handshake_timeout_ns; /* from connect() to `opened` */
};

struct bc_ws_closed {
	enum bc_ws_close why;
	uint16_t close_code;    /* RFC 6455, 7.4; 0: none */
	int http_status;        /* BC_WS_REFUSED */
	int64_t retry_after_ns; /* from Retry-After; 0: none */
	const char *detail;     /* for people, borrowed: "certificate: hostname mismatch" */
};

/* Borrowed for the call. `bytes` hold one whole message. */
struct bc_ws_events {
	void (*opened)(void *self, struct bc_ws *ws);
	void (*message)(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
			bc_wall_time received);
	/* Before a message is told: the next one begins with these bytes, as far as they are there.
	 * A hint, unchecked; what is behind the message may be in them, too. NULL: not wanted. */
	void (*soon)(void *self, const char *bytes, size_t n);
	/* After one message or several that were read at once: nothing follows until the socket
	 * was asked again. Not after `closed`. NULL: the caller need not know. */
	void (*drained)(void *self);
	void (*pong)(void *self, struct bc_ws *ws);
	void (*closed)(void *self, struct bc_ws *ws, const struct bc_ws_closed *how);
};

struct bc_transport_options {
	const char *ca_file; /* NULL: the system's store */
	struct bc_log *log;
};

struct bc_transport_ops {
	const char *name; /* "lws", "direct" */
	/* BC_EIO: the certificate store cannot be read, or the library does not start; logged. */
	bc_status (*start)(struct bc_transport **out, uv_loop_t *loop,
			   const struct bc_transport_options *options);
	/* Closes what is open, without callbacks, and frees; the loop must run until it is idle.
	 * Not from inside a callback. */
	void (*stop)(struct bc_transport **transport);
	/* BC_EINVAL: the target is not one (host and path are plain ASCII, of at most 100 and 1900
	 * bytes; everything is set). What fails later, even at once, is told by `closed`. */
	bc_status (*connect)(struct bc_transport *transport, const struct bc_ws_target *target,
			     const struct bc_ws_events *events, void *self, struct bc_ws **out);
	/* Queues one text message, copied. BC_EAGAIN: 64 are queued already; BC_EINVAL: it is not
	 * open, or closing. */
	bc_status (*send)(struct bc_ws *ws, const char *text, size_t n);
	bc_status (*ping)(struct bc_ws *ws); /* BC_EINVAL as above */
	/* Starts a close; `closed` follows (BC_WS_CLOSED_BY_US) within a second whatever the peer
	 * does, and nothing else before it. */
	void (*close)(struct bc_ws *ws);
	/* For loops that spin: takes in what is there on all open connections, without asking the
	 * event loop, with all callbacks but `opened` as from the loop. True: something was
	 * read. Not from inside a callback. NULL: this transport cannot. */
	bool (*poll)(struct bc_transport *transport);
};

extern const struct bc_transport_ops bc_transport_lws;    /* over libwebsockets */
extern const struct bc_transport_ops bc_transport_direct; /* our own framing over OpenSSL */

/* By its word in the configuration: "lws", "direct", or "auto": lws where the installed
 * libwebsockets takes frames in blocks (4.5 and newer) and no compression is asked for, direct
 * elsewhere. NULL: there is none of that name. */
const struct bc_transport_ops *bc_transport_find(const char *word, bool compression);

/* The version of the libwebsockets that is loaded: 40106 for 4.1.6; 0: not understood. */
unsigned int bc_lws_version(void);

#endif
