/* The transport over libwebsockets 4.1.6, a guest on our libuv loop. The only file of the gateway
 * that calls it; every oddity of that version is met here, and each has its test:
 *
 * - lws may end a connection without telling: everything hangs off an id that outlives nothing,
 *   WSI_DESTROY and a NULL return count as down, and all time limits are our own timer.
 * - Never lws_close_reason() on the way out of a receive callback, and never
 *   LWS_SERVER_OPTION_VALIDATE_UTF8, which does just that: on a full chunk the parser then writes
 * past its buffer (libwebsockets issue 3412). Text is checked here instead.
 * - No extensions are offered: permessage-deflate redelivers for ever before 4.3.4.
 * - A connect that fails leaves its uv_poll_t in the loop; orphan_close() takes it out.
 * - Names are resolved elsewhere: `address` is numeric, so getaddrinfo() never waits.
 * - lws cuts the host name at ':' and 127 bytes before it verifies it; we verify it again, whole.
 * - $http_proxy is not for us: an empty proxy address stops lws from reading it.
 *
 * Limits of it: masked server frames are accepted, close codes 1012 to 1014 arrive as 1002, a
 * failed connect has no errno. */
#include "publisher/transport.h"

#include "common/clock.h"
#include "common/log.h"
#include "publisher/http_header.h"
#include "publisher/tls_client.h"

#include <arpa/inet.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef BOOKCAST_VERSION
#error "BOOKCAST_VERSION comes from the build"
#endif

#define RX_BYTES         65536 /* a frame up to this arrives in one piece */
#define HEADER_BYTES     16384
#define QUEUE_MAX        64
#define CLOSE_LIMIT_NS   BC_NS_PER_S
#define HOST_MAX         100 /* lws writes "Host: ..." into 128 bytes */
#define PATH_MAX_BYTES   1900
#define NO_DEADLINE      UINT64_MAX
#define LWS_OWN_LIMIT_S  86400 /* ours come first */
#define INDEX_BITS       16
#define LOOP_HANDLES_MAX 8
#define REAP_INTERVAL_MS 1

enum ws_state {
	WS_CONNECTING,
	WS_OPEN,
	WS_CLOSING,      /* by us; `how` says so */
	WS_PEER_CLOSING, /* its close frame is here */
	WS_OVER,         /* `how` is known, `closed` is due */
};

struct outgoing {
	struct outgoing *next;
	size_t n;
	unsigned char bytes[]; /* LWS_PRE, then n */
};

struct bc_ws {
	struct bc_transport *transport;
	uintptr_t id;    /* what lws knows us by */
	struct lws *wsi; /* NULL: lws has none */
	enum ws_state state;
	const struct bc_ws_events *events;
	void *self;
	char host[HOST_MAX + 1];
	bool tls, tcp_up, request_sent;
	bool ping_due, close_sent;
	uint64_t deadline_ns; /* uv_hrtime() */

	size_t max_message_bytes;
	bool in_message;
	bc_wall_time received; /* first bytes of the message */
	char *held;            /* its earlier pieces */
	size_t n_held, held_cap;

	struct outgoing *first, **last;
	unsigned int n_queued;

	struct bc_ws_closed how;
	bool how_known;
	char detail[128];
	char certificate_error[96];
};

struct bc_transport {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct lws_context *lws;
	SSL_CTX *tls;
	struct bc_log *log;
	struct bc_ws **slots;
	size_t n_slots;
	uintptr_t generation;
	const struct bc_ws *connecting;              /* inside connect(): its callbacks wait */
	char tls_error[96];                          /* of the handshake that failed last */
	uv_handle_t *loop_handles[LOOP_HANDLES_MAX]; /* lws's own, gone when it is */
	size_t n_loop_handles;
};

/* lws has one log emitter a process and gives it no pointer. */
static _Thread_local struct bc_log *lws_lines_go_to;

static void on_lws_line(int level, const char *line)
{
	(void)level;
	const size_t n = strcspn(line, "\n");
	bc_log_event(lws_lines_go_to, BC_LOG_DEBUG, "ws.lws",
		     BC_LOG_B("says", ((bc_str){ line, n })));
}

/* ------------------------------------------------------------------ slots and deadlines */

static struct bc_ws *ws_of(struct lws *wsi)
{
	const struct bc_transport *t = lws_context_user(lws_get_context(wsi));
	const uintptr_t id = (uintptr_t)lws_get_opaque_user_data(wsi);
	const size_t index = id & ((1u << INDEX_BITS) - 1);
	struct bc_ws *ws = index < t->n_slots ? t->slots[index] : NULL;
	return ws != NULL && ws->id == id ? ws : NULL;
}

static bc_status slot_take(struct bc_transport *t, struct bc_ws *ws)
{
	size_t i = 0;
	while (i < t->n_slots && t->slots[i] != NULL)
		i++;
	if (i == t->n_slots) {
		const size_t n = t->n_slots == 0 ? 16 : t->n_slots * 2;
		if (n > 1u << INDEX_BITS)
			return BC_ERANGE;
		struct bc_ws **slots = realloc(t->slots, n * sizeof(struct bc_ws *));
		if (slots == NULL)
			return BC_ENOMEM;
		memset(slots + t->n_slots, 0, (n - t->n_slots) * sizeof(struct bc_ws *));
		t->slots = slots;
		t->n_slots = n;
	}
	t->slots[i] = ws;
	ws->id = ++t->generation << INDEX_BITS | i;
	return BC_OK;
}

static void slot_leave(struct bc_ws *ws)
{
	ws->transport->slots[ws->id & ((1u << INDEX_BITS) - 1)] = NULL;
}

static void queue_drop(struct bc_ws *ws)
{
	while (ws->first != NULL) {
		struct outgoing *message = ws->first;
		ws->first = message->next;
		free(message);
	}
	ws->last = &ws->first;
	ws->n_queued = 0;
}

static void ws_free(struct bc_ws *ws)
{
	queue_drop(ws);
	free(ws->held);
	free(ws);
}

static void on_timer(uv_timer_t *timer);

static void timer_arm(struct bc_transport *t)
{
	uint64_t earliest = NO_DEADLINE;
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i] != NULL && t->slots[i]->deadline_ns < earliest)
			earliest = t->slots[i]->deadline_ns;
	if (earliest == NO_DEADLINE) {
		uv_timer_stop(&t->timer);
		return;
	}
	const uint64_t now = uv_hrtime();
	const uint64_t wait_ns = earliest > now ? earliest - now : 0;
	uv_timer_start(&t->timer, on_timer, (wait_ns + BC_NS_PER_MS - 1) / BC_NS_PER_MS, 0);
}

static void deadline_set(struct bc_ws *ws, int64_t from_now_ns)
{
	ws->deadline_ns = uv_hrtime() + (uint64_t)from_now_ns;
	timer_arm(ws->transport);
}

static void deadline_clear(struct bc_ws *ws)
{
	ws->deadline_ns = NO_DEADLINE;
	timer_arm(ws->transport);
}

/* ------------------------------------------------------------------ the end of a connection */

/* The first reason counts. */
static void how_set(struct bc_ws *ws, enum bc_ws_close why, const char *detail)
{
	if (ws->how_known)
		return;
	ws->how_known = true;
	ws->how.why = why;
	snprintf(ws->detail, sizeof ws->detail, "%s", detail);
}

/* Wakes lws so that it lets go of the socket at its next turn, whatever it waits for. */
static void socket_end(struct lws *wsi)
{
	const int fd = lws_get_socket_fd(wsi);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

/* Tells the caller; `ws` is gone afterwards. Inside connect() it waits for the timer. */
static void finish(struct bc_ws *ws)
{
	struct bc_transport *t = ws->transport;
	if (t->connecting == ws) {
		ws->state = WS_OVER;
		deadline_set(ws, 0);
		return;
	}
	slot_leave(ws);
	timer_arm(t);
	ws->how.detail = ws->detail;
	ws->events->closed(ws->self, ws, &ws->how);
	ws_free(ws);
}

/* From the timer, where no frame of lws is on the stack. lws_set_timeout() with KILL_ASYNC would
 * wait until something else wakes lws. */
static void expire(struct bc_ws *ws)
{
	if (ws->state == WS_CONNECTING)
		how_set(ws, BC_WS_TIMED_OUT,
			!ws->tcp_up         ? "no answer to the TCP connect"
			: !ws->request_sent ? "no end to the TLS handshake"
					    : "no answer to the upgrade request");
	struct lws *wsi = ws->wsi;
	slot_leave(ws);
	if (wsi != NULL) {
		socket_end(wsi);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	}
	ws->how.detail = ws->detail;
	ws->events->closed(ws->self, ws, &ws->how);
	ws_free(ws);
}

static void on_timer(uv_timer_t *timer)
{
	struct bc_transport *t = timer->data;
	const uint64_t now = uv_hrtime();
	for (size_t i = 0; i < t->n_slots; i++)
		if (t->slots[i] != NULL && t->slots[i]->deadline_ns <= now)
			expire(t->slots[i]);
	timer_arm(t);
}

static void on_orphan_closed(uv_handle_t *handle)
{
	free(handle);
}

static void orphan_close(uv_handle_t *handle, void *wsi)
{
	if (handle->type == UV_POLL && handle->data == wsi && !uv_is_closing(handle))
		uv_close(handle, on_orphan_closed);
}

/* ------------------------------------------------------------------ what lws tells */

static int on_destroyed(struct lws *wsi)
{
	struct bc_transport *t = lws_context_user(lws_get_context(wsi));
	/* Where it came through libuv its handle has left the loop already. */
	uv_walk(t->loop, orphan_close, wsi);
	struct bc_ws *ws = ws_of(wsi);
	if (ws == NULL)
		return 0;
	ws->wsi = NULL;
	how_set(ws, ws->request_sent ? BC_WS_LOST : BC_WS_CONNECT_FAILED, "ended without a word");
	finish(ws);
	return 0;
}

static int on_handshake(struct bc_ws *ws, char **p, size_t room)
{
	ws->request_sent = true;
	const int n = snprintf(*p, room, "User-Agent: bookcast/" BOOKCAST_VERSION "\r\n");
	if (n < 0 || (size_t)n >= room)
		return -1;
	*p += n;
	return 0;
}

/* The upgrade was answered with something else than a WebSocket. */
static void how_refused(struct bc_ws *ws, struct lws *wsi, const char *says)
{
	const unsigned int status = lws_http_client_http_response(wsi);
	char text[160];
	if (status == 0) {
		how_set(ws, BC_WS_CONNECT_FAILED, "no whole answer to the upgrade request");
	} else if (status == 101) {
		snprintf(text, sizeof text, "upgrade: %s", says);
		how_set(ws, BC_WS_PROTOCOL, text);
	} else {
		snprintf(text, sizeof text, "HTTP status %u", status);
		how_set(ws, BC_WS_REFUSED, text);
		ws->how.http_status = (int)status;
		char after[64];
		if (lws_hdr_copy(wsi, after, sizeof after, WSI_TOKEN_HTTP_RETRY_AFTER) > 0)
			ws->how.retry_after_ns = bc_http_retry_after(after, bc_wall_now());
	}
}

static int on_connection_error(struct bc_ws *ws, struct lws *wsi, const char *in, size_t n)
{
	char says[128];
	snprintf(says, sizeof says, "%.*s", in != NULL ? (int)n : 0, in != NULL ? in : "");
	char text[128];
	if (!ws->tcp_up) {
		how_set(ws, BC_WS_CONNECT_FAILED, says[0] != '\0' ? says : "cannot connect");
	} else if (ws->request_sent) {
		how_refused(ws, wsi, says);
	} else if (ws->certificate_error[0] != '\0') {
		snprintf(text, sizeof text, "certificate: %s", ws->certificate_error);
		how_set(ws, BC_WS_TLS_FAILED, text);
	} else {
		snprintf(text, sizeof text, "TLS handshake: %s", ws->transport->tls_error);
		how_set(ws, BC_WS_TLS_FAILED, text);
	}
	socket_end(wsi);
	finish(ws);
	return 0;
}

static int on_established(struct bc_ws *ws)
{
	ws->state = WS_OPEN;
	deadline_clear(ws);
	ws->events->opened(ws->self, ws);
	return 0;
}

/* lws says nothing about why it gave up. A socket that still stands means it did not like what it
 * read; else the peer is gone. */
static void how_lost(struct bc_ws *ws, struct lws *wsi)
{
	struct tcp_info info;
	socklen_t n = sizeof info;
	SSL *ssl = lws_get_ssl(wsi);
	const int fd = lws_get_socket_fd(wsi);
	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0)
		how_set(ws, BC_WS_LOST, "ended without a close frame");
	else if (info.tcpi_state == TCP_CLOSE)
		how_set(ws, BC_WS_LOST, "connection reset");
	else if (info.tcpi_state != TCP_ESTABLISHED ||
		 (ssl != NULL && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0))
		how_set(ws, BC_WS_LOST, "ended without a close frame");
	else
		how_set(ws, BC_WS_PROTOCOL, "a frame that violates RFC 6455");
}

static int on_closed(struct bc_ws *ws, struct lws *wsi)
{
	how_lost(ws, wsi);
	finish(ws);
	return 0;
}

static int on_peer_close(struct bc_ws *ws, const unsigned char *in, size_t n)
{
	if (ws->state != WS_OPEN)
		return 0;
	ws->state = WS_PEER_CLOSING;
	char reason[sizeof ws->detail] = "";
	if (n >= 2) {
		ws->how.close_code = (uint16_t)(in[0] << 8 | in[1]);
		snprintf(reason, sizeof reason, "%.*s", (int)(n - 2), (const char *)in + 2);
	}
	how_set(ws, BC_WS_CLOSED_BY_PEER, reason);
	deadline_set(ws, CLOSE_LIMIT_NS);
	return 0;
}

/* ------------------------------------------------------------------ messages */

static bc_status held_append(struct bc_ws *ws, const char *bytes, size_t n)
{
	if (ws->held_cap - ws->n_held < n) {
		size_t cap = ws->held_cap == 0 ? 2 * RX_BYTES : ws->held_cap;
		while (cap - ws->n_held < n)
			cap *= 2;
		cap = cap > ws->max_message_bytes ? ws->max_message_bytes : cap;
		char *held = realloc(ws->held, cap);
		if (held == NULL)
			return BC_ENOMEM;
		ws->held = held;
		ws->held_cap = cap;
	}
	if (n > 0)
		memcpy(ws->held + ws->n_held, bytes, n);
	ws->n_held += n;
	return BC_OK;
}

static int deliver(struct bc_ws *ws, const char *bytes, size_t n, bool binary)
{
	ws->in_message = false;
	ws->n_held = 0; /* the bytes stay where they are */
	if (!binary && !bc_utf8_valid(bytes, n)) {
		how_set(ws, BC_WS_PROTOCOL, "text that is not UTF-8");
		return -1;
	}
	ws->events->message(ws->self, ws, bytes, n, binary, ws->received);
	return 0;
}

/* A frame, or a chunk of one that is larger than RX_BYTES. */
static int on_receive(struct bc_ws *ws, struct lws *wsi, const char *bytes, size_t n)
{
	if (!ws->in_message)
		ws->received = bc_wall_now();
	if (ws->state != WS_OPEN)
		return 0;
	ws->in_message = true;
	/* The announced rest counts: what cannot fit is refused before it is sent. */
	const size_t rest = lws_remaining_packet_payload(wsi);
	const size_t room = ws->max_message_bytes - ws->n_held;
	if (n > room || rest > room - n) {
		how_set(ws, BC_WS_TOO_LARGE, "a message over the limit");
		return -1;
	}
	const bool whole = lws_is_final_fragment(wsi) != 0;
	const bool binary = lws_frame_is_binary(wsi) != 0;
	if (whole && ws->n_held == 0)
		return deliver(ws, bytes, n, binary);
	if (held_append(ws, bytes, n) != BC_OK) {
		how_set(ws, BC_WS_TOO_LARGE, "no memory for a message");
		return -1;
	}
	return whole ? deliver(ws, ws->held, ws->n_held, binary) : 0;
}

static int on_pong(struct bc_ws *ws)
{
	if (ws->state == WS_OPEN)
		ws->events->pong(ws->self, ws);
	return 0;
}

/* One write a call, as lws wants it. */
static int on_writeable(struct bc_ws *ws, struct lws *wsi)
{
	if (ws->state == WS_CLOSING && !ws->close_sent) {
		ws->close_sent = true;
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	}
	if (ws->state != WS_OPEN)
		return 0;
	if (ws->ping_due) {
		unsigned char empty[LWS_PRE + 1];
		ws->ping_due = false;
		if (lws_write(wsi, empty + LWS_PRE, 0, LWS_WRITE_PING) < 0)
			return -1;
	} else if (ws->first != NULL) {
		struct outgoing *message = ws->first;
		ws->first = message->next;
		if (ws->first == NULL)
			ws->last = &ws->first;
		ws->n_queued--;
		const int n = lws_write(wsi, message->bytes + LWS_PRE, message->n, LWS_WRITE_TEXT);
		free(message);
		if (n < 0)
			return -1;
	}
	if (ws->ping_due || ws->first != NULL)
		lws_callback_on_writable(wsi);
	return 0;
}

/* ------------------------------------------------------------------ certificates */

/* After each step of OpenSSL's own verification; `ok` is its verdict. 0: go on with it. */
static int on_verify(struct bc_ws *ws, X509_STORE_CTX *store, bool ok)
{
	X509 *leaf = X509_STORE_CTX_get0_cert(store);
	const int error = X509_STORE_CTX_get_error(store);
	if (!ok && error == X509_V_ERR_HOSTNAME_MISMATCH && bc_tls_name_matches(leaf, ws->host)) {
		/* lws asked for the wrong name: an IPv6 address cut at its first colon. */
		X509_STORE_CTX_set_error(store, X509_V_OK);
		return 0;
	}
	if (ok && X509_STORE_CTX_get_error_depth(store) == 0 &&
	    !bc_tls_name_matches(leaf, ws->host)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
		ok = false;
	}
	if (!ok)
		snprintf(ws->certificate_error, sizeof ws->certificate_error, "%s",
			 X509_verify_cert_error_string(X509_STORE_CTX_get_error(store)));
	return ok ? 0 : 1;
}

/* lws empties OpenSSL's error queue before it tells that a handshake failed. */
static void on_tls_step(const SSL *tls, int where, int result)
{
	struct bc_transport *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls));
	if ((where & SSL_CB_EXIT) != 0 && result <= 0)
		snprintf(t->tls_error, sizeof t->tls_error, "%s", bc_tls_last_error());
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	(void)user;
	struct bc_ws *ws;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_RECEIVE:
		return (ws = ws_of(wsi)) != NULL ? on_receive(ws, wsi, in, n) : -1;
	case LWS_CALLBACK_CLIENT_WRITEABLE:
		return (ws = ws_of(wsi)) != NULL ? on_writeable(ws, wsi) : -1;
	case LWS_CALLBACK_CLIENT_RECEIVE_PONG:
		return (ws = ws_of(wsi)) != NULL ? on_pong(ws) : -1;
	case LWS_CALLBACK_WSI_CREATE:
		if ((ws = ws_of(wsi)) != NULL)
			ws->tcp_up = true;
		return 0;
	case LWS_CALLBACK_OPENSSL_PERFORM_SERVER_CERT_VERIFICATION:
		return (ws = ws_of(wsi)) != NULL ? on_verify(ws, user, n != 0) : 1;
	case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
		return (ws = ws_of(wsi)) != NULL ? on_handshake(ws, in, n) : -1;
	case LWS_CALLBACK_CLIENT_ESTABLISHED:
		return (ws = ws_of(wsi)) != NULL ? on_established(ws) : -1;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		return (ws = ws_of(wsi)) != NULL ? on_connection_error(ws, wsi, in, n) : 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		return (ws = ws_of(wsi)) != NULL ? on_peer_close(ws, in, n) : 0;
	case LWS_CALLBACK_CLIENT_CLOSED:
	case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
		return (ws = ws_of(wsi)) != NULL ? on_closed(ws, wsi) : 0;
	case LWS_CALLBACK_WSI_DESTROY:
		return on_destroyed(wsi);
	default:
		return 0;
	}
}

/* ------------------------------------------------------------------ start and stop */

static const struct lws_protocols protocols[] = {
	{ .name = "bookcast", .callback = on_lws, .rx_buffer_size = RX_BYTES },
	{ .name = NULL },
};

/* Pings are the session's. */
static const lws_retry_bo_t no_pings_of_its_own = { .secs_since_valid_hangup = 0 };

struct handle_walk {
	struct bc_transport *t;
	size_t n, skip; /* older handles stand first */
};

static void handle_count(uv_handle_t *handle, void *arg)
{
	(void)handle;
	((struct handle_walk *)arg)->n++;
}

/* The idle and timer handles that lws puts into the loop live inside its context. */
static void handle_note(uv_handle_t *handle, void *arg)
{
	struct handle_walk *walk = arg;
	struct bc_transport *t = walk->t;
	if (walk->n++ >= walk->skip && handle->type != UV_POLL &&
	    t->n_loop_handles < LOOP_HANDLES_MAX)
		t->loop_handles[t->n_loop_handles++] = handle;
}

static bc_status context_open(struct bc_transport *t)
{
	void *loops[] = { t->loop };
	const struct lws_context_creation_info info = {
		.port = CONTEXT_PORT_NO_LISTEN,
		.options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
		.protocols = protocols,
		.foreign_loops = loops,
		.provided_client_ssl_ctx = t->tls,
		.user = t,
		.pt_serv_buf_size = RX_BYTES,
		.max_http_header_data = HEADER_BYTES,
		.timeout_secs = LWS_OWN_LIMIT_S,
		.connect_timeout_secs = LWS_OWN_LIMIT_S,
		.http_proxy_address = "",
		.gid = -1,
		.uid = -1,
	};
	struct handle_walk before = { .t = t }, after = { .t = t };
	uv_walk(t->loop, handle_count, &before);
	t->lws = lws_create_context(&info);
	if (t->lws == NULL)
		return BC_EIO;
	after.skip = before.n;
	uv_walk(t->loop, handle_note, &after);
	return BC_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct bc_transport *t = handle->data;
	SSL_CTX_free(t->tls);
	free(t->slots);
	free(t);
}

static bc_status transport_start(struct bc_transport **out, uv_loop_t *loop,
				 const struct bc_transport_options *options)
{
	struct bc_transport *t = calloc(1, sizeof *t);
	if (t == NULL)
		return BC_ENOMEM;
	t->loop = loop;
	t->log = options->log;
	bc_status rc = bc_tls_client_new(&t->tls, options->ca_file, t->log);
	if (rc != BC_OK) {
		free(t);
		return rc;
	}
	SSL_CTX_set_app_data(t->tls, t);
	SSL_CTX_set_info_callback(t->tls, on_tls_step);
	uv_timer_init(loop, &t->timer);
	t->timer.data = t;
	lws_lines_go_to = t->log;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_line);
	rc = context_open(t);
	if (rc != BC_OK) {
		bc_log_event(t->log, BC_LOG_ERROR, "ws.start",
			     BC_LOG_S("error", "libwebsockets has no context or no libuv plug-in"));
		uv_close((uv_handle_t *)&t->timer, on_timer_closed);
		return rc;
	}
	*out = t;
	return BC_OK;
}

struct handle_search {
	const struct bc_transport *t;
	bool found;
};

static void handle_find(uv_handle_t *handle, void *arg)
{
	struct handle_search *search = arg;
	for (size_t i = 0; i < search->t->n_loop_handles; i++)
		if (search->t->loop_handles[i] == handle)
			search->found = true;
}

/* On a foreign loop the first lws_context_destroy() only begins, and nothing says when the second
 * may free: when the last handle that lies inside the context has left the loop. */
static void on_reap(uv_timer_t *timer)
{
	struct bc_transport *t = timer->data;
	struct handle_search search = { .t = t };
	uv_walk(t->loop, handle_find, &search);
	if (search.found)
		return;
	lws_context_destroy(t->lws);
	lws_lines_go_to = NULL;
	uv_close((uv_handle_t *)&t->timer, on_timer_closed);
}

static void transport_stop(struct bc_transport **transport)
{
	struct bc_transport *t = *transport;
	if (t == NULL)
		return;
	*transport = NULL;
	for (size_t i = 0; i < t->n_slots; i++) {
		struct bc_ws *ws = t->slots[i];
		t->slots[i] = NULL;
		if (ws != NULL)
			ws_free(ws);
	}
	lws_context_destroy(t->lws);
	uv_timer_start(&t->timer, on_reap, 0, REAP_INTERVAL_MS);
}

/* ------------------------------------------------------------------ what callers do */

static bool fits_a_request(const char *text, size_t max)
{
	const size_t n = strlen(text);
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f)
			return false;
	return true;
}

static bc_status target_check(const struct bc_ws_target *target, char *address, size_t cap)
{
	const struct sockaddr_storage *sa = &target->address;
	if (!fits_a_request(target->host, HOST_MAX) ||
	    !fits_a_request(target->path, PATH_MAX_BYTES) || target->path[0] != '/' ||
	    target->port == 0 || target->max_message_bytes == 0 ||
	    target->handshake_timeout_ns <= 0)
		return BC_EINVAL;
	const void *raw = sa->ss_family == AF_INET6
				  ? (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr
				  : (const void *)&((const struct sockaddr_in *)sa)->sin_addr;
	if ((sa->ss_family != AF_INET && sa->ss_family != AF_INET6) ||
	    inet_ntop(sa->ss_family, raw, address, (socklen_t)cap) == NULL)
		return BC_EINVAL;
	return BC_OK;
}

static void host_header(const struct bc_ws_target *target, char *out, size_t cap)
{
	const bool v6 = strchr(target->host, ':') != NULL;
	const uint16_t usual = target->tls ? 443 : 80;
	int n = snprintf(out, cap, v6 ? "[%s]" : "%s", target->host);
	if (target->port != usual && n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n, ":%u", target->port);
}

static void lws_connect(struct bc_ws *ws, const struct bc_ws_target *target, const char *address)
{
	struct bc_transport *t = ws->transport;
	char host[HOST_MAX + sizeof "[]:65535"];
	host_header(target, host, sizeof host);
	const struct lws_client_connect_info info = {
		.context = t->lws,
		.address = address,
		.port = ntohs(((const struct sockaddr_in *)&target->address)->sin_port),
		.ssl_connection =
			LCCSCF_HTTP_NO_FOLLOW_REDIRECT | (target->tls ? LCCSCF_USE_SSL : 0),
		.path = target->path,
		.host = host,
		.alpn = "http/1.1",
		.local_protocol_name = protocols[0].name,
		.retry_and_idle_policy = &no_pings_of_its_own,
		.opaque_user_data = (void *)ws->id,
	};
	t->connecting = ws;
	ws->wsi = lws_client_connect_via_info(&info);
	t->connecting = NULL;
	if (ws->wsi == NULL) {
		how_set(ws, BC_WS_CONNECT_FAILED, "cannot connect");
		ws->state = WS_OVER;
		deadline_set(ws, 0);
	}
}

static bc_status transport_connect(struct bc_transport *t, const struct bc_ws_target *target,
				   const struct bc_ws_events *events, void *self,
				   struct bc_ws **out)
{
	char address[INET6_ADDRSTRLEN];
	bc_status rc = target_check(target, address, sizeof address);
	if (rc != BC_OK)
		return rc;
	struct bc_ws *ws = calloc(1, sizeof *ws);
	if (ws == NULL)
		return BC_ENOMEM;
	ws->transport = t;
	ws->events = events;
	ws->self = self;
	ws->tls = target->tls;
	ws->max_message_bytes = target->max_message_bytes;
	ws->last = &ws->first;
	snprintf(ws->host, sizeof ws->host, "%s", target->host);
	if ((rc = slot_take(t, ws)) != BC_OK) {
		ws_free(ws);
		return rc;
	}
	deadline_set(ws, target->handshake_timeout_ns);
	lws_connect(ws, target, address);
	*out = ws;
	return BC_OK;
}

static bc_status transport_send(struct bc_ws *ws, const char *text, size_t n)
{
	if (ws->state != WS_OPEN)
		return BC_EINVAL;
	if (ws->n_queued >= QUEUE_MAX)
		return BC_EAGAIN;
	struct outgoing *message = malloc(sizeof *message + LWS_PRE + n);
	if (message == NULL)
		return BC_ENOMEM;
	message->next = NULL;
	message->n = n;
	if (n > 0)
		memcpy(message->bytes + LWS_PRE, text, n);
	*ws->last = message;
	ws->last = &message->next;
	ws->n_queued++;
	lws_callback_on_writable(ws->wsi);
	return BC_OK;
}

static bc_status transport_ping(struct bc_ws *ws)
{
	if (ws->state != WS_OPEN)
		return BC_EINVAL;
	ws->ping_due = true;
	lws_callback_on_writable(ws->wsi);
	return BC_OK;
}

static void transport_close(struct bc_ws *ws)
{
	if (ws->state != WS_CONNECTING && ws->state != WS_OPEN)
		return;
	how_set(ws, BC_WS_CLOSED_BY_US, "");
	if (ws->state == WS_CONNECTING) {
		ws->state = WS_OVER;
		deadline_set(ws, 0);
		return;
	}
	ws->state = WS_CLOSING;
	queue_drop(ws);
	deadline_set(ws, CLOSE_LIMIT_NS);
	lws_callback_on_writable(ws->wsi);
}

const struct bc_transport_ops bc_transport_lws = {
	.name = "lws",
	.start = transport_start,
	.stop = transport_stop,
	.connect = transport_connect,
	.send = transport_send,
	.ping = transport_ping,
	.close = transport_close,
};
