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
#include "publisher/loop_guest.h"
#include "publisher/tls_client.h"
#include "publisher/ws_message.h"
#include "publisher/ws_slots.h"
#include "publisher/ws_target.h"

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
#define LWS_OWN_LIMIT_S  86400 /* ours come first */
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
	char host[WS_HOST_MAX + 1];
	bool tcp_up, request_sent;
	bool ping_due, close_sent;

	struct ws_message incoming;
	struct outgoing *first, **last;
	unsigned int n_queued;

	struct bc_ws_closed how;
	bool how_known;
	char detail[128];
	char certificate_error[96];
};

struct bc_transport {
	uv_loop_t *loop;
	uv_timer_t reaper; /* of the end */
	struct lws_context *lws;
	SSL_CTX *tls;
	struct bc_log *log;
	struct ws_slots slots;
	const struct bc_ws *connecting; /* inside connect(): its callbacks wait */
	char tls_error[96];             /* of the handshake that failed last */
	struct loop_guest guest;
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

static struct bc_ws *ws_of(struct lws *wsi)
{
	const struct bc_transport *t = lws_context_user(lws_get_context(wsi));
	return ws_slots_find(&t->slots, (uintptr_t)lws_get_opaque_user_data(wsi));
}

/* ------------------------------------------------------------------ the end of a connection */

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
	ws_message_free(&ws->incoming);
	free(ws);
}

/* The first reason counts. */
static void how_set(struct bc_ws *ws, enum bc_ws_close why, const char *detail)
{
	if (ws->how_known)
		return;
	ws->how_known = true;
	ws->how.why = why;
	snprintf(ws->detail, sizeof ws->detail, "%.*s", (int)sizeof ws->detail - 1, detail);
}

/* Wakes lws so that it lets go of the socket at its next turn, whatever it waits for. */
static void socket_end(struct lws *wsi)
{
	const int fd = lws_get_socket_fd(wsi);
	if (fd >= 0)
		shutdown(fd, SHUT_RDWR);
}

/* It is told from the timer, soon. */
static void finish_later(struct bc_ws *ws)
{
	ws->state = WS_OVER;
	ws_slots_deadline(&ws->transport->slots, ws->id, 0);
}

/* Tells the caller; `ws` is gone afterwards. Inside connect() it waits for the timer. */
static void finish(struct bc_ws *ws)
{
	if (ws->transport->connecting == ws) {
		finish_later(ws);
		return;
	}
	ws_slots_remove(&ws->transport->slots, ws->id);
	ws->how.detail = ws->detail;
	ws->events->closed(ws->self, ws, &ws->how);
	ws_free(ws);
}

/* From the timer, where no frame of lws is on the stack. lws_set_timeout() with KILL_ASYNC would
 * wait until something else wakes lws. */
static void on_due(void *self)
{
	struct bc_ws *ws = self;
	struct lws *wsi = ws->wsi;
	if (ws->state == WS_CONNECTING)
		how_set(ws, BC_WS_TIMED_OUT,
			!ws->tcp_up         ? "no answer to the TCP connect"
			: !ws->request_sent ? "no end to the TLS handshake"
					    : "no answer to the upgrade request");
	ws_slots_remove(&ws->transport->slots, ws->id); /* nobody hears what the kill tells */
	if (wsi != NULL) {
		socket_end(wsi);
		lws_set_timeout(wsi, PENDING_TIMEOUT_USER_REASON_BASE, LWS_TO_KILL_SYNC);
	}
	finish(ws);
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
	if (ws->state != WS_CONNECTING) /* given up a moment ago */
		return -1;
	ws->state = WS_OPEN;
	ws_slots_no_deadline(&ws->transport->slots, ws->id);
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
	const bool known = fd >= 0 && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0;
	const bool tls_ended = ssl != NULL && (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
	if (known && info.tcpi_state == TCP_CLOSE)
		how_set(ws, BC_WS_LOST, "connection reset");
	else if (known && info.tcpi_state == TCP_ESTABLISHED && !tls_ended)
		how_set(ws, BC_WS_PROTOCOL, "a frame that violates RFC 6455");
	else
		how_set(ws, BC_WS_LOST, "ended without a close frame");
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
	ws_slots_deadline(&ws->transport->slots, ws->id, CLOSE_LIMIT_NS);
	return 0;
}

/* ------------------------------------------------------------------ messages */

/* A frame, or a chunk of one that is larger than RX_BYTES. */
static int on_receive(struct bc_ws *ws, struct lws *wsi, const char *bytes, size_t n)
{
	if (ws->state != WS_OPEN)
		return 0;
	bc_str message;
	switch (ws_message_take(&ws->incoming, bytes, n, lws_remaining_packet_payload(wsi),
				lws_is_final_fragment(wsi) != 0, &message)) {
	case BC_OK:
		break;
	case BC_EAGAIN:
		return 0;
	case BC_ENOMEM:
		how_set(ws, BC_WS_TOO_LARGE, "no memory for a message");
		return -1;
	default:
		how_set(ws, BC_WS_TOO_LARGE, "a message over the limit");
		return -1;
	}
	const bool binary = lws_frame_is_binary(wsi) != 0;
	if (!binary && !bc_utf8_valid(message.p, message.n)) {
		how_set(ws, BC_WS_PROTOCOL, "text that is not UTF-8");
		return -1;
	}
	ws->events->message(ws->self, ws, message.p, message.n, binary, ws->incoming.received);
	if (ws->events->drained != NULL)
		ws->events->drained(ws->self); /* lws does not say what else it has */
	return 0;
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
	loop_guest_before(&t->guest, t->loop);
	t->lws = lws_create_context(&info);
	if (t->lws == NULL)
		return BC_EIO;
	loop_guest_after(&t->guest, t->loop);
	return BC_OK;
}

static void on_slots_closed(uv_handle_t *handle)
{
	struct bc_transport *t = handle->data;
	SSL_CTX_free(t->tls);
	ws_slots_release(&t->slots);
	free(t);
}

static void on_reaper_closed(uv_handle_t *handle)
{
	struct bc_transport *t = handle->data;
	t->slots.timer.data = t;
	uv_close((uv_handle_t *)&t->slots.timer, on_slots_closed);
}

static void transport_free(struct bc_transport *t)
{
	ws_slots_stop(&t->slots);
	uv_close((uv_handle_t *)&t->reaper, on_reaper_closed);
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
	ws_slots_init(&t->slots, loop, on_due);
	uv_timer_init(loop, &t->reaper);
	t->reaper.data = t;
	lws_lines_go_to = t->log;
	lws_set_log_level(LLL_ERR | LLL_WARN, on_lws_line);
	rc = context_open(t);
	if (rc != BC_OK) {
		bc_log_event(t->log, BC_LOG_ERROR, "ws.start",
			     BC_LOG_S("error", "libwebsockets has no context or no libuv plug-in"));
		transport_free(t);
		return rc;
	}
	*out = t;
	return BC_OK;
}

/* On a foreign loop the first lws_context_destroy() only begins, and nothing says when the second
 * may free: when the last handle that lies inside the context has left the loop. */
static void on_reap(uv_timer_t *timer)
{
	struct bc_transport *t = timer->data;
	if (loop_guest_present(&t->guest, t->loop))
		return;
	lws_context_destroy(t->lws);
	transport_free(t);
}

static void transport_stop(struct bc_transport **transport)
{
	struct bc_transport *t = *transport;
	if (t == NULL)
		return;
	*transport = NULL;
	struct bc_ws *ws;
	while ((ws = ws_slots_any(&t->slots)) != NULL) {
		ws_slots_remove(&t->slots, ws->id);
		ws_free(ws);
	}
	lws_lines_go_to = NULL; /* the logger may go before the loop is idle */
	lws_context_destroy(t->lws);
	uv_timer_start(&t->reaper, on_reap, 0, REAP_INTERVAL_MS);
}

/* ------------------------------------------------------------------ what callers do */

static void lws_connect(struct bc_ws *ws, const struct bc_ws_target *target, const char *address,
			uint16_t port)
{
	struct bc_transport *t = ws->transport;
	char host[WS_HOST_TEXT_MAX];
	ws_target_host(target, host);
	const struct lws_client_connect_info info = {
		.context = t->lws,
		.address = address,
		.port = port,
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
		finish_later(ws);
	}
}

static bc_status transport_connect(struct bc_transport *t, const struct bc_ws_target *target,
				   const struct bc_ws_events *events, void *self,
				   struct bc_ws **out)
{
	char address[INET6_ADDRSTRLEN];
	uint16_t port;
	bc_status rc = ws_target_check(target, address, &port);
	if (rc != BC_OK)
		return rc;
	struct bc_ws *ws = calloc(1, sizeof *ws);
	if (ws == NULL)
		return BC_ENOMEM;
	ws->transport = t;
	ws->events = events;
	ws->self = self;
	ws->incoming.max_bytes = target->max_message_bytes;
	ws->last = &ws->first;
	snprintf(ws->host, sizeof ws->host, "%s", target->host);
	if ((rc = ws_slots_add(&t->slots, ws, &ws->id)) != BC_OK) {
		ws_free(ws);
		return rc;
	}
	ws_slots_deadline(&ws->transport->slots, ws->id, target->handshake_timeout_ns);
	lws_connect(ws, target, address, port);
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
		finish_later(ws);
		return;
	}
	ws->state = WS_CLOSING;
	queue_drop(ws);
	ws_slots_deadline(&ws->transport->slots, ws->id, CLOSE_LIMIT_NS);
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

/* "4.1.6", and perhaps more behind it. */
unsigned int bc_lws_version(void)
{
	const char *text = lws_get_library_version();
	unsigned int version = 0;
	for (int part = 0; part < 3; part++) {
		char *end;
		unsigned long n = strtoul(text, &end, 10);
		if (end == text || n > 99 || (part < 2 && *end != '.'))
			return 0;
		version = version * 100 + (unsigned int)n;
		text = end + 1;
	}
	return version;
}
