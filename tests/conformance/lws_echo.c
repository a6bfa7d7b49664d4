#include "tests/conformance/lws_echo.h"

#include <libwebsockets.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAGMENT_BYTES 1000
#define MESSAGE_MAX    ((size_t)2 << 20)

const size_t lws_echo_lengths[LWS_ECHO_LENGTHS] = { 0,     1,     125,   126,   127,    1000,
						    65535, 65536, 65537, 10000, 200000, 1000000 };

enum mode { ECHO, FRAGMENTS, PINGS, CLOSES, STREAM };

/* Of a connection. lws zeroes it. */
struct talk {
	enum mode mode;
	char *in, *out; /* `out` has LWS_PRE before it */
	size_t n_in, n_out, sent;
	bool binary, saying, pinged;
	size_t said; /* of /stream */
};

struct lws_echo {
	struct lws_context *lws;
	pthread_t thread;
	atomic_bool stopping;
	atomic_uint pongs, close_code, deflated;
	uint16_t port;
};

void lws_echo_fill(char *text, size_t n)
{
	uint32_t x = (uint32_t)n + 1;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		text[i] = (char)('a' + (x >> 24) % 8);
	}
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "lws_echo: %s\n", what);
	abort();
}

static int begin(struct talk *t, struct lws *wsi)
{
	static const struct {
		const char *path;
		enum mode mode;
	} paths[] = { { "/echo", ECHO },
		      { "/fragments", FRAGMENTS },
		      { "/pings", PINGS },
		      { "/closes", CLOSES },
		      { "/stream", STREAM } };
	char path[64] = "";
	lws_hdr_copy(wsi, path, sizeof path, WSI_TOKEN_GET_URI);
	t->in = malloc(MESSAGE_MAX);
	t->out = malloc(LWS_PRE + MESSAGE_MAX);
	must(t->in != NULL && t->out != NULL, "no memory");
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		if (strcmp(path, paths[i].path) == 0)
			t->mode = paths[i].mode;
	if (t->mode == STREAM)
		lws_callback_on_writable(wsi);
	return 0;
}

static void out_put(struct talk *t, struct lws *wsi, const char *bytes, size_t n)
{
	if (n > 0)
		memcpy(t->out + LWS_PRE, bytes, n);
	t->n_out = n;
	t->sent = 0;
	t->pinged = t->mode != PINGS;
	t->saying = true;
	lws_callback_on_writable(wsi);
}

static int receive(struct talk *t, struct lws *wsi, const char *bytes, size_t n)
{
	must(t->n_in + n <= MESSAGE_MAX, "a message too large for it");
	if (n > 0)
		memcpy(t->in + t->n_in, bytes, n);
	t->n_in += n;
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return 0;
	t->binary = lws_frame_is_binary(wsi) != 0;
	if (t->mode == CLOSES) {
		lws_close_reason(wsi, 4001, (unsigned char *)(uintptr_t) "enough", 6);
		return -1;
	}
	must(!t->saying, "two messages at once");
	out_put(t, wsi, t->in, t->n_in);
	t->n_in = 0;
	return 0;
}

/* The next of what /stream says; -1: it has said all. */
static int stream_next(struct talk *t, struct lws *wsi)
{
	if (t->said == LWS_ECHO_LENGTHS) {
		lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	}
	const size_t n = lws_echo_lengths[t->said++];
	lws_echo_fill(t->in, n);
	out_put(t, wsi, t->in, n);
	return 0;
}

static int writeable(struct talk *t, struct lws *wsi)
{
	unsigned char ping[LWS_PRE + 4];
	if (!t->saying && t->mode == STREAM)
		return stream_next(t, wsi);
	if (!t->saying)
		return 0;
	if (!t->pinged) {
		t->pinged = true;
		memcpy(ping + LWS_PRE, "ping", 4);
		lws_callback_on_writable(wsi);
		return lws_write(wsi, ping + LWS_PRE, 4, LWS_WRITE_PING) < 0 ? -1 : 0;
	}
	const size_t left = t->n_out - t->sent;
	const size_t n = t->mode == FRAGMENTS && left > FRAGMENT_BYTES ? FRAGMENT_BYTES : left;
	const int flags = lws_write_ws_flags(t->binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT,
					     t->sent == 0, n == left);
	char *bytes = t->out + LWS_PRE + t->sent;
	t->sent += n;
	t->saying = n < left;
	if (t->saying || t->mode == STREAM)
		lws_callback_on_writable(wsi);
	return lws_write(wsi, (unsigned char *)bytes, n, (enum lws_write_protocol)flags) < 0 ? -1
											     : 0;
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t n)
{
	struct lws_echo *server = lws_context_user(lws_get_context(wsi));
	struct talk *t = user;
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		return begin(t, wsi);
	case LWS_CALLBACK_RECEIVE:
		return receive(t, wsi, in, n);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return writeable(t, wsi);
	case LWS_CALLBACK_RECEIVE_PONG:
		atomic_fetch_add(&server->pongs, n == 4 && memcmp(in, "ping", 4) == 0);
		return 0;
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (n >= 2)
			atomic_store(&server->close_code, lws_ser_ru16be(in));
		return 0;
	case LWS_CALLBACK_CLOSED:
		free(t->in);
		free(t->out);
		return 0;
	default:
		return 0;
	}
}

static const struct lws_protocols protocols[] = {
	{ .name = "echo", .callback = on_lws, .per_session_data_size = sizeof(struct talk) },
	{ .name = NULL },
};

/* Its own extension, and a count of what went through. */
static int on_deflate(struct lws_context *lws, const struct lws_extension *extension,
		      struct lws *wsi, enum lws_extension_callback_reasons reason, void *user,
		      void *in, size_t n)
{
	struct lws_echo *server = lws_context_user(lws);
	if (reason == LWS_EXT_CB_PAYLOAD_TX && server != NULL)
		atomic_fetch_add(&server->deflated, 1);
	return lws_extension_callback_pm_deflate(lws, extension, wsi, reason, user, in, n);
}

static const struct lws_extension extensions[] = {
	{ "permessage-deflate", on_deflate, "permessage-deflate" },
	{ NULL, NULL, NULL },
};

static void *serve(void *arg)
{
	struct lws_echo *server = arg;
	while (!atomic_load(&server->stopping))
		lws_service(server->lws, 0);
	return NULL;
}

struct lws_echo *lws_echo_start(bool deflate)
{
	struct lws_echo *server = calloc(1, sizeof *server);
	must(server != NULL, "no memory");
	lws_set_log_level(LLL_ERR, NULL);
	const struct lws_context_creation_info info = {
		.options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
		.user = server,
		.gid = -1,
		.uid = -1,
	};
	const struct lws_context_creation_info vhost_info = {
		.port = 0,
		.iface = "127.0.0.1",
		.protocols = protocols,
		.extensions = deflate ? extensions : NULL,
	};
	server->lws = lws_create_context(&info);
	must(server->lws != NULL, "no context");
	struct lws_vhost *vhost = lws_create_vhost(server->lws, &vhost_info);
	must(vhost != NULL, "no listener");
	server->port = (uint16_t)lws_get_vhost_listen_port(vhost);
	must(pthread_create(&server->thread, NULL, serve, server) == 0, "no thread");
	return server;
}

void lws_echo_stop(struct lws_echo **server)
{
	struct lws_echo *s = *server;
	*server = NULL;
	atomic_store(&s->stopping, true);
	lws_cancel_service(s->lws);
	pthread_join(s->thread, NULL);
	lws_context_destroy(s->lws);
	free(s);
}

uint16_t lws_echo_port(const struct lws_echo *server)
{
	return server->port;
}

unsigned int lws_echo_pongs(const struct lws_echo *server)
{
	return atomic_load(&((struct lws_echo *)(uintptr_t)server)->pongs);
}

unsigned int lws_echo_close_code(const struct lws_echo *server)
{
	return atomic_load(&((struct lws_echo *)(uintptr_t)server)->close_code);
}

unsigned int lws_echo_deflated(const struct lws_echo *server)
{
	return atomic_load(&((struct lws_echo *)(uintptr_t)server)->deflated);
}
