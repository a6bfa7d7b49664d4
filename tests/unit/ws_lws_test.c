/* The libwebsockets transport against a server that does exactly what its script says. */
#include "tests/unit/ws_client.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static void serve_echo(struct ws_peer *peer, void *arg)
{
	(void)arg;
	uint8_t first;
	char text[70000];
	size_t n;
	if (!ws_peer_upgrade(peer, NULL, 0, NULL))
		return;
	while (ws_peer_read_frame(peer, &first, text, sizeof text, &n))
		if (!ws_peer_frame(peer, first, text, n) || first == 0x88)
			return;
}

static void say_hello(struct client *c)
{
	client_send(c, "hello");
	client_send(c, "again");
}

static void echo(bool tls)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = tls ? test_ca_server(ca, TEST_LEAF_GOOD) : NULL;
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .tls = ctx, .script = serve_echo });
	struct client c;
	client_start(&c, test_ca_file(ca));
	c.on_opened = say_hello;
	client_connect(&c, server, tls);
	cr_assert(client_until(&c, &c.n_messages, 2), "told: %s %s", c.told, c.detail);
	bc_transport_lws.close(c.ws);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\ntext hello\ntext again\nclosed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_lws, echoes_over_plain_tcp)
{
	echo(false);
}

Test(ws_lws, echoes_over_tls)
{
	echo(true);
}

/* ------------------------------------------------------------------ what a server sends */

struct bytes {
	const char *bytes;
	size_t n;
};

#define BYTES(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

/* Upgrades, sends arg's bytes as they are and leaves the socket open. */
static void serve_bytes(struct ws_peer *peer, void *arg)
{
	const struct bytes *b = arg;
	if (ws_peer_upgrade(peer, NULL, 0, NULL) && ws_peer_write(peer, b->bytes, b->n))
		ws_peer_until_gone(peer);
}

/* After the upgrade; every row ends with what makes the connection end. */
static const struct {
	const char *name;
	struct bytes bytes;
	const char *told;
} frames[] = {
	{ "a text, a binary and an empty message",
	  BYTES("\x81\x02hi\x82\x03"
		"bin\x81\x00\x88\x02\x03\xe8"),
	  "opened\ntext hi\nbinary bin\ntext \nclosed closed-by-peer\n" },
	{ "a fragmented message is one message", BYTES("\x01\x02he\x00\x02ll\x80\x01o\x88\x00"),
	  "opened\ntext hello\nclosed closed-by-peer\n" },
	{ "empty fragments add nothing", BYTES("\x02\x00\x00\x00\x00\x01x\x80\x00\x88\x00"),
	  "opened\nbinary x\nclosed closed-by-peer\n" },
	{ "control frames may stand between fragments",
	  BYTES("\x01\x02he\x89\x01p\x8a\x01q\x80\x03llo\x88\x00"),
	  "opened\npong\ntext hello\nclosed closed-by-peer\n" },
	{ "a message after a fragmented one starts anew",
	  BYTES("\x01\x01"
		"a\x80\x01"
		"b\x81\x01"
		"c\x88\x00"),
	  "opened\ntext ab\ntext c\nclosed closed-by-peer\n" },
	{ "UTF-8 may be cut between fragments", BYTES("\x01\x01\xc3\x80\x01\xa9\x88\x00"),
	  "opened\ntext \xc3\xa9\nclosed closed-by-peer\n" },
	{ "text that is not UTF-8", BYTES("\x81\x01\xff"), "opened\nclosed protocol\n" },
	{ "UTF-8 cut at the end", BYTES("\x81\x01\xc3"), "opened\nclosed protocol\n" },
	{ "binary may be anything", BYTES("\x82\x01\xff\x88\x00"),
	  "opened\nbinary \xff\nclosed closed-by-peer\n" },
	{ "RSV1 without an extension", BYTES("\xc1\x02hi"), "opened\nclosed protocol\n" },
	{ "RSV2", BYTES("\xa1\x02hi"), "opened\nclosed protocol\n" },
	{ "RSV3", BYTES("\x91\x02hi"), "opened\nclosed protocol\n" },
	{ "opcode 3", BYTES("\x83\x02hi"), "opened\nclosed protocol\n" },
	{ "opcode 15", BYTES("\x8f\x02hi"), "opened\nclosed protocol\n" },
	{ "a continuation of nothing", BYTES("\x80\x02hi"), "opened\nclosed protocol\n" },
	{ "a new message inside a message", BYTES("\x01\x02he\x81\x02hi"),
	  "opened\nclosed protocol\n" },
	{ "a fragmented ping", BYTES("\x09\x02hi"), "opened\nclosed protocol\n" },
	{ "a ping of 126 bytes", BYTES("\x89\x7e\x00\x7e"), "opened\nclosed protocol\n" },
	{ "a length of 2^63", BYTES("\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x00"),
	  "opened\nclosed protocol\n" },
	{ "a close frame of one byte", BYTES("\x88\x01\x03"), "opened\nclosed closed-by-peer\n" },
};

Test(ws_lws, tells_what_came)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct client c;
		struct bytes bytes = frames[i].bytes;
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, frames[i].told, "%s: told:\n%s", frames[i].name, c.told);
	}
}

/* RFC 6455 wants a failure; libwebsockets 4.1.6 unmasks, and does not tell. */
Test(ws_lws, never_hands_over_masked_bytes)
{
	struct client c;
	struct bytes bytes = BYTES("\x81\x82\x01\x02\x03\x04\x69\x6b\x88\x00");
	client_run(&c, serve_bytes, &bytes);
	cr_expect_str_eq(c.told, "opened\ntext hi\nclosed closed-by-peer\n");
}

static const struct {
	struct bytes frame;
	uint16_t code;
	const char *reason;
} closes[] = {
	{ BYTES("\x88\x00"), 0, "" },
	{ BYTES("\x88\x02\x03\xe8"), 1000, "" },
	{ BYTES("\x88\x0c\x03\xe9going away"), 1001, "going away" },
	{ BYTES("\x88\x02\x03\xf0"), 1008, "" },
	{ BYTES("\x88\x02\x0f\xa0"), 4000, "" },
	{ BYTES("\x88\x06\x03\xf4"
		"soon"),
	  1002, "soon" }, /* 1012, as libwebsockets 4.1.6 has it */
};

Test(ws_lws, tells_the_close_code_and_its_reason)
{
	for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
		struct client c;
		struct bytes bytes = closes[i].frame;
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, "opened\nclosed closed-by-peer\n");
		cr_expect_eq(c.how.close_code, closes[i].code, "row %zu: %u", i, c.how.close_code);
		cr_expect_str_eq(c.detail, closes[i].reason, "row %zu", i);
	}
}

/* ------------------------------------------------------------------ large messages */

#define RX_CHUNK 65536

struct large {
	size_t n, fragment; /* fragment 0: one frame */
	bool ends_quietly;
};

static void large_fill(char *bytes, size_t n, size_t at)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (char)('a' + (at + i) % 26);
}

static bool large_send(struct ws_peer *peer, const struct large *large)
{
	static const size_t piece_max = 1 << 16;
	char *piece = malloc(piece_max);
	bool ok = large->fragment != 0 || ws_peer_frame_head(peer, 0x82, large->n);
	for (size_t at = 0; ok && at < large->n;) {
		size_t n = large->n - at < piece_max ? large->n - at : piece_max;
		if (large->fragment != 0) {
			n = n < large->fragment ? n : large->fragment;
			ok = ws_peer_frame_head(peer,
						(uint8_t)((at == 0 ? 2 : 0) |
							  (at + n == large->n ? 0x80 : 0)),
						n);
		}
		large_fill(piece, n, at);
		ok = ok && ws_peer_write(peer, piece, n);
		at += n;
	}
	free(piece);
	return ok;
}

static void serve_large(struct ws_peer *peer, void *arg)
{
	if (ws_peer_upgrade(peer, NULL, 0, NULL) && large_send(peer, arg) &&
	    ws_peer_frame(peer, 0x88, "", 0))
		ws_peer_until_gone(peer);
}

Test(ws_lws, puts_large_messages_together)
{
	static const struct large rows[] = {
		{ .n = RX_CHUNK - 1 },
		{ .n = RX_CHUNK },
		{ .n = RX_CHUNK + 1 },
		{ .n = 2 * RX_CHUNK },
		{ .n = 3 * RX_CHUNK + 17 },
		{ .n = CAP_BYTES - 1 },
		{ .n = CAP_BYTES },
		{ .n = 300000, .fragment = 1000 },
		{ .n = CAP_BYTES, .fragment = RX_CHUNK },
	};
	char *want = malloc(CAP_BYTES);
	large_fill(want, CAP_BYTES, 0);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct client c;
		struct large row = rows[i];
		client_run(&c, serve_large, &row);
		cr_expect_eq(c.n_messages, 1, "row %zu: %s", i, c.told);
		cr_expect_eq(c.last_size, row.n, "row %zu", i);
		cr_expect_eq(c.sum, sum_of(want, row.n), "row %zu: other bytes", i);
	}
	free(want);
}

static long rss_kib(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* What is over the cap ends the connection, costs no memory, and does not make the parser of
 * libwebsockets write past its buffer (its issue 3412: chunks that fill it exactly). */
static void refuses(const struct large *row, bool tls)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = tls ? test_ca_server(ca, TEST_LEAF_GOOD) : NULL;
	struct ws_server *server = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .script = serve_large, .arg = (void *)(uintptr_t)row });
	struct client c;
	client_start(&c, test_ca_file(ca));
	client_connect(&c, server, tls);
	const long before = rss_kib();
	cr_expect(client_until(&c, &c.n_closed, 1), "told: %s", c.told);
	const long grown = rss_kib() - before;
	cr_expect_str_eq(c.told, "opened\nclosed too-large\n", "%zu in %zu: %s", row->n,
			 row->fragment, c.told);
	const long allowed = (row->fragment != 0 ? 2 * CAP_BYTES / 1024 : 0) + 5 * 1024;
#ifndef __SANITIZE_ADDRESS__ /* which keeps what was freed */
	cr_expect_lt(grown, allowed, "%zu in %zu: grew %ld KiB", row->n, row->fragment, grown);
#else
	(void)grown, (void)allowed;
#endif
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_lws, refuses_what_is_over_the_cap)
{
	static const struct large rows[] = {
		{ .n = 100u << 20 },
		{ .n = CAP_BYTES + 1 },
		{ .n = (size_t)1 << 62 },
		{ .n = SIZE_MAX, .fragment = RX_CHUNK }, /* endless */
		{ .n = SIZE_MAX, .fragment = 100 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		refuses(&rows[i], false);
		refuses(&rows[i], true);
	}
}

/* Text whose bad byte ends each chunk: what overflows the parser when libwebsockets validates. */
static void serve_large_non_utf8(struct ws_peer *peer, void *arg)
{
	static char chunk[RX_CHUNK];
	(void)arg;
	memset(chunk, 'a', sizeof chunk);
	chunk[sizeof chunk - 1] = (char)0xff;
	bool ok = ws_peer_upgrade(peer, NULL, 0, NULL) &&
		  ws_peer_frame_head(peer, 0x81, 16 * RX_CHUNK);
	for (size_t i = 0; ok && i < 16; i++)
		ok = ws_peer_write(peer, chunk, sizeof chunk);
	if (ok)
		ws_peer_until_gone(peer);
}

Test(ws_lws, survives_large_text_that_is_not_utf8)
{
	struct client c;
	client_run(&c, serve_large_non_utf8, NULL);
	cr_expect_str_eq(c.told, "opened\nclosed protocol\n", "%s", c.told);
	cr_expect_str_eq(c.detail, "text that is not UTF-8");
}

/* ------------------------------------------------------------------ connections that never open */

static void serve_nothing(struct ws_peer *peer, void *arg)
{
	(void)arg;
	ws_peer_until_gone(peer);
}

static void serve_half_an_answer(struct ws_peer *peer, void *arg)
{
	(void)arg;
	char head[4096];
	if (ws_peer_read_head(peer, head, sizeof head) && ws_peer_text(peer, "HTTP/1.1 101 Swi"))
		ws_peer_until_gone(peer);
}

/* Reads the request, then sends arg's text as it is. */
static void serve_answer(struct ws_peer *peer, void *arg)
{
	char head[4096];
	if (ws_peer_read_head(peer, head, sizeof head) && ws_peer_text(peer, arg))
		ws_peer_until_gone(peer);
}

static void serve_no_http(struct ws_peer *peer, void *arg)
{
	(void)arg;
	if (ws_peer_text(peer, "SSH-2.0-OpenSSH_9.2\r\n\r\n"))
		ws_peer_until_gone(peer);
}

/* Upgrades with arg's header lines. */
static void serve_upgrade_with(struct ws_peer *peer, void *arg)
{
	if (ws_peer_upgrade(peer, NULL, 0, arg))
		ws_peer_until_gone(peer);
}

static void serve_goodbye(struct ws_peer *peer, void *arg)
{
	(void)arg;
	char head[4096];
	ws_peer_read_head(peer, head, sizeof head);
}

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
#define NOT_OURS  "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n"

static const struct {
	const char *name;
	void (*script)(struct ws_peer *, void *);
	const char *arg;
	enum bc_ws_close why;
	int http_status;
	int64_t retry_after_s;
} answers[] = {
	{ "429 with Retry-After", serve_answer,
	  "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
	  BC_WS_REFUSED, 429, 7 },
	{ "418 with Retry-After", serve_answer,
	  "HTTP/1.1 418 I'm a teapot\r\nretry-after: 120\r\nContent-Length: 2\r\n\r\n{}",
	  BC_WS_REFUSED, 418, 120 },
	{ "503", serve_answer, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", BC_WS_REFUSED, 503,
	  0 },
	{ "401", serve_answer, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", BC_WS_REFUSED, 401,
	  0 },
	{ "200 is not an upgrade", serve_answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
	  BC_WS_REFUSED, 200, 0 },
	{ "a redirect is not followed", serve_answer,
	  "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
	  BC_WS_REFUSED, 301, 0 },
	{ "an extension nobody offered", serve_upgrade_with,
	  "Sec-WebSocket-Extensions: permessage-deflate\r\n", BC_WS_PROTOCOL, 0, 0 },
	{ "a subprotocol nobody offered", serve_upgrade_with, "Sec-WebSocket-Protocol: chat\r\n",
	  BC_WS_PROTOCOL, 0, 0 },
	{ "a wrong accept hash", serve_answer, SWITCHING "Upgrade: websocket\r\n" NOT_OURS "\r\n",
	  BC_WS_PROTOCOL, 0, 0 },
	{ "no accept hash", serve_answer, SWITCHING "Upgrade: websocket\r\n\r\n", BC_WS_PROTOCOL, 0,
	  0 },
	{ "no Upgrade header", serve_answer, SWITCHING NOT_OURS "\r\n", BC_WS_PROTOCOL, 0, 0 },
	{ "hung up on", serve_goodbye, NULL, BC_WS_CONNECT_FAILED, 0, 0 },
};

Test(ws_lws, tells_why_it_never_opened)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct client c;
		client_run(&c, answers[i].script, (void *)(uintptr_t)answers[i].arg);
		const char *name = answers[i].name;
		cr_expect_eq(c.n_opened, 0, "%s", name);
		cr_expect_eq(c.how.why, answers[i].why, "%s: told: %s%s", name, c.told, c.detail);
		cr_expect_eq(c.how.http_status, answers[i].http_status, "%s: %d", name,
			     c.how.http_status);
		cr_expect_eq(c.how.retry_after_ns, answers[i].retry_after_s * BC_NS_PER_S, "%s",
			     name);
		cr_expect_str_not_empty(c.detail, "%s", name);
	}
}

/* libwebsockets tells nothing of these; the limit is ours. */
static void mute(void (*script)(struct ws_peer *, void *), bool tls, bool no_tls_answer,
		 const char *detail)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = tls ? test_ca_server(ca, TEST_LEAF_GOOD) : NULL;
	struct ws_server *server = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .no_tls_answer = no_tls_answer, .script = script });
	struct client c;
	client_start(&c, test_ca_file(ca));
	struct bc_ws_target target = target_of(ws_server_port(server), tls);
	target.handshake_timeout_ns = 300 * BC_NS_PER_MS;
	const uint64_t from = uv_hrtime();
	client_connect_to(&c, &target);
	cr_expect(client_until(&c, &c.n_closed, 1), "%s: nothing told", detail);
	const uint64_t took = uv_hrtime() - from;
	cr_expect_str_eq(c.told, "closed timed-out\n");
	cr_expect_str_eq(c.detail, detail);
	cr_expect_geq(took, 300 * BC_NS_PER_MS);
	cr_expect_lt(took, 2 * BC_NS_PER_S, "took %lu ns", took);
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_lws, gives_up_on_a_mute_server)
{
	mute(serve_nothing, true, true, "no end to the TLS handshake");
	mute(serve_nothing, true, false, "no answer to the upgrade request");
	mute(serve_nothing, false, false, "no answer to the upgrade request");
	mute(serve_half_an_answer, false, false, "no answer to the upgrade request");
	mute(serve_half_an_answer, true, false, "no answer to the upgrade request");
	mute(serve_no_http, false, false, "no answer to the upgrade request");
}

Test(ws_lws, tells_a_refused_connect)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_nothing });
	const struct bc_ws_target target = target_of(ws_server_port(server), false);
	ws_server_stop(&server);
	struct client c;
	client_start(&c, NULL);
	for (unsigned int i = 1; i <= 10; i++) { /* nothing piles up in the loop */
		c.n_told = 0;
		client_connect_to(&c, &target);
		cr_assert(client_until(&c, &c.n_closed, i));
		cr_expect_eq(c.how.why, BC_WS_CONNECT_FAILED);
		cr_expect_str_not_empty(c.detail);
	}
	client_stop(&c);
}

Test(ws_lws, refuses_targets_that_would_not_make_a_request)
{
	struct client c;
	client_start(&c, NULL);
	char long_host[102], long_path[1902];
	memset(long_host, 'a', sizeof long_host - 1);
	long_host[sizeof long_host - 1] = '\0';
	memset(long_path, '/', sizeof long_path - 1);
	long_path[sizeof long_path - 1] = '\0';
	const struct bc_ws_target good = target_of(1, false);
	struct bc_ws_target rows[9];
	for (size_t i = 0; i < 9; i++)
		rows[i] = good;
	rows[0].host = "";
	rows[1].host = long_host;
	rows[2].host = "a\r\nX: y";
	rows[3].path = "feed";
	rows[4].path = "/feed HTTP/1.1\r\nX: y";
	rows[5].path = long_path;
	rows[6].max_message_bytes = 0;
	rows[7].handshake_timeout_ns = 0;
	rows[8].address.ss_family = AF_UNIX;
	for (size_t i = 0; i < 9; i++)
		cr_expect_eq(bc_transport_lws.connect(c.transport, &rows[i], &client_events, &c,
						      &c.ws),
			     BC_EINVAL, "row %zu", i);
	client_stop(&c);
}

Test(ws_lws, does_not_start_without_its_certificate_store)
{
	uv_loop_t loop;
	struct bc_transport *transport = NULL;
	uv_loop_init(&loop);
	const struct bc_transport_options options = { .ca_file = "/no/such/file" };
	cr_expect_eq(bc_transport_lws.start(&transport, &loop, &options), BC_EIO);
	cr_expect_null(transport);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

/* ------------------------------------------------------------------ certificates */

static const struct {
	enum test_leaf leaf;
	const char *host;
	const char *detail; /* NULL: it opens */
} certificates[] = {
	{ TEST_LEAF_GOOD, TEST_HOST, NULL },
	{ TEST_LEAF_GOOD, "127.0.0.1", NULL },
	{ TEST_LEAF_GOOD, "::1", NULL },
	{ TEST_LEAF_WILDCARD, "ws." TEST_HOST, NULL },
	{ TEST_LEAF_WILDCARD, "a.b." TEST_HOST, "certificate: hostname mismatch" },
	{ TEST_LEAF_WILDCARD, TEST_HOST, "certificate: hostname mismatch" },
	{ TEST_LEAF_GOOD, "wrong.test", "certificate: hostname mismatch" },
	{ TEST_LEAF_GOOD, "127.0.0.2", "certificate: IP address mismatch" },
	{ TEST_LEAF_GOOD, "::2", "certificate: hostname mismatch" },
	{ TEST_LEAF_OTHER_NAME, TEST_HOST, "certificate: hostname mismatch" },
	{ TEST_LEAF_CN_ONLY, TEST_HOST, "certificate: hostname mismatch" },
	{ TEST_LEAF_EXPIRED, TEST_HOST, "certificate: certificate has expired" },
	{ TEST_LEAF_NOT_YET, TEST_HOST, "certificate: certificate is not yet valid" },
	{ TEST_LEAF_STRANGER, TEST_HOST, "certificate: certificate signature failure" },
	{ TEST_LEAF_SELF_SIGNED, TEST_HOST, "certificate: self-signed certificate" },
};

static void certificate(const struct test_ca *ca, const char *ca_file, size_t i, const char *detail)
{
	SSL_CTX *ctx = test_ca_server(ca, certificates[i].leaf);
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .tls = ctx, .script = serve_echo });
	struct client c;
	client_start(&c, ca_file);
	struct bc_ws_target target = target_of(ws_server_port(server), true);
	target.host = certificates[i].host;
	client_connect_to(&c, &target);
	if (detail == NULL) {
		cr_expect(client_until(&c, &c.n_opened, 1), "row %zu: %s%s", i, c.told, c.detail);
	} else {
		cr_expect(client_until(&c, &c.n_closed, 1), "row %zu: %s", i, c.told);
		cr_expect_str_eq(c.told, "closed tls-failed\n", "row %zu: %s", i, c.told);
		cr_expect_str_eq(c.detail, detail, "row %zu: %s", i, c.detail);
	}
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
}

Test(ws_lws, believes_only_the_right_certificate)
{
	struct test_ca *ca = test_ca_new();
	for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++)
		certificate(ca, test_ca_file(ca), i, certificates[i].detail);
	test_ca_free(&ca);
}

Test(ws_lws, does_not_believe_a_private_authority_by_itself)
{
	struct test_ca *ca = test_ca_new();
	certificate(ca, NULL, 0, "certificate: unable to get local issuer certificate");
	test_ca_free(&ca);
}

Test(ws_lws, tells_that_the_server_does_not_speak_tls)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_no_http });
	struct client c;
	client_start(&c, NULL);
	client_connect(&c, server, true);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "closed tls-failed\n");
	cr_expect_str_eq(c.detail, "TLS handshake: wrong version number");
	client_stop(&c);
	ws_server_stop(&server);
}

Test(ws_lws, does_not_speak_old_tls)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	cr_assert(SSL_CTX_set_cipher_list(ctx, "DEFAULT@SECLEVEL=0"));
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .tls = ctx, .script = serve_echo });
	struct client c;
	client_start(&c, test_ca_file(ca));
	client_connect(&c, server, true);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "closed tls-failed\n");
	cr_expect_str_eq(c.detail, "TLS handshake: tlsv1 alert protocol version");
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

/* ------------------------------------------------------------------ the request */

struct seen {
	char head[4096];
	char name[128]; /* SNI */
};

static int on_server_name(SSL *tls, int *alert, void *arg)
{
	(void)alert;
	struct seen *seen = arg;
	const char *name = SSL_get_servername(tls, TLSEXT_NAMETYPE_host_name);
	snprintf(seen->name, sizeof seen->name, "%s", name != NULL ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static void serve_seen(struct ws_peer *peer, void *arg)
{
	struct seen *seen = arg;
	if (ws_peer_upgrade(peer, seen->head, sizeof seen->head, NULL))
		ws_peer_until_gone(peer);
}

Test(ws_lws, asks_for_the_host_at_an_address)
{
	struct seen seen = { .name = "" };
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(ctx, &seen);
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .tls = ctx, .script = serve_seen, .arg = &seen });
	struct client c;
	setenv("http_proxy", "127.0.0.1:1", 1); /* would lead nowhere */
	client_start(&c, test_ca_file(ca));
	unsetenv("http_proxy");
	client_connect(&c, server, true);
	cr_assert(client_until(&c, &c.n_opened, 1), "%s%s", c.told, c.detail);
	client_stop(&c);
	const uint16_t port = ws_server_port(server);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);

	char host[64];
	snprintf(host, sizeof host, "\r\nHost: " TEST_HOST ":%u\r\n", port);
	cr_expect_str_eq(seen.name, TEST_HOST);
	cr_expect_eq(strncmp(seen.head, "GET /feed HTTP/1.1\r\n", 20), 0, "%s", seen.head);
	cr_expect_not_null(strstr(seen.head, host), "%s", seen.head);
	cr_expect_not_null(strstr(seen.head, "\r\nUser-Agent: bookcast/"), "%s", seen.head);
	cr_expect_null(strcasestr(seen.head, "\r\nOrigin:"), "%s", seen.head);
	cr_expect_null(strcasestr(seen.head, "\r\nSec-WebSocket-Extensions:"), "%s", seen.head);
	cr_expect_null(strcasestr(seen.head, "\r\nSec-WebSocket-Protocol:"), "%s", seen.head);
}

Test(ws_lws, connects_over_ipv6)
{
	struct seen seen = { .name = "" };
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .v6 = true, .script = serve_seen, .arg = &seen });
	struct client c;
	client_start(&c, NULL);
	struct bc_ws_target target = target_of(80, false);
	target.host = "::1";
	memset(&target.address, 0, sizeof target.address);
	struct sockaddr_in6 *address = (struct sockaddr_in6 *)&target.address;
	address->sin6_family = AF_INET6;
	address->sin6_addr = in6addr_loopback;
	address->sin6_port = htons(ws_server_port(server));
	client_connect_to(&c, &target);
	cr_assert(client_until(&c, &c.n_opened, 1), "%s%s", c.told, c.detail);
	client_stop(&c);
	ws_server_stop(&server);
	cr_expect_not_null(strstr(seen.head, "\r\nHost: [::1]\r\n"), "%s", seen.head);
}

/* ------------------------------------------------------------------ life of a connection */

static void serve_eof(struct ws_peer *peer, void *arg)
{
	(void)arg;
	ws_peer_upgrade(peer, NULL, 0, NULL);
}

static void serve_reset_inside_a_message(struct ws_peer *peer, void *arg)
{
	uint8_t first;
	char text[64];
	size_t n;
	(void)arg;
	if (ws_peer_upgrade(peer, NULL, 0, NULL) && ws_peer_frame_head(peer, 0x81, 10) &&
	    ws_peer_text(peer, "only") &&
	    ws_peer_read_frame(peer, &first, text, sizeof text, &n)) /* it has seen the upgrade */
		ws_peer_reset(peer);
}

/* Answers nothing after the upgrade, reads nothing, and keeps the socket. */
static void serve_deaf(struct ws_peer *peer, void *arg)
{
	if (ws_peer_upgrade(peer, NULL, 0, NULL)) {
		pthread_mutex_lock(arg);
		pthread_mutex_unlock(arg);
	}
}

static void say_go(struct client *c)
{
	client_send(c, "go");
}

Test(ws_lws, tells_a_lost_connection)
{
	struct client c;
	client_run(&c, serve_eof, NULL);
	cr_expect_str_eq(c.told, "opened\nclosed lost\n");
	cr_expect_str_eq(c.detail, "ended without a close frame");
	cr_expect_eq(c.how.close_code, 0);

	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_reset_inside_a_message });
	client_start(&c, NULL);
	c.on_opened = say_go;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\nclosed lost\n");
	cr_expect_str_eq(c.detail, "connection reset");
	client_stop(&c);
	ws_server_stop(&server);
}

struct deaf {
	pthread_mutex_t mutex;
	struct ws_server *server;
	struct client c;
};

static void deaf_start(struct deaf *d)
{
	pthread_mutex_init(&d->mutex, NULL);
	pthread_mutex_lock(&d->mutex);
	d->server = ws_server_start(
		&(struct ws_server_options){ .script = serve_deaf, .arg = &d->mutex });
	client_start(&d->c, NULL);
	client_connect(&d->c, d->server, false);
	cr_assert(client_until(&d->c, &d->c.n_opened, 1));
}

static void deaf_stop(struct deaf *d)
{
	client_stop(&d->c);
	pthread_mutex_unlock(&d->mutex);
	ws_server_stop(&d->server);
	pthread_mutex_destroy(&d->mutex);
}

Test(ws_lws, closes_within_a_second_whatever_the_peer_does)
{
	struct deaf d;
	deaf_start(&d);
	const uint64_t from = uv_hrtime();
	bc_transport_lws.close(d.c.ws);
	bc_transport_lws.close(d.c.ws);
	cr_expect_eq(bc_transport_lws.send(d.c.ws, "x", 1), BC_EINVAL);
	cr_expect_eq(bc_transport_lws.ping(d.c.ws), BC_EINVAL);
	cr_assert(client_until(&d.c, &d.c.n_closed, 1));
	cr_expect_leq(uv_hrtime() - from, 1500 * BC_NS_PER_MS);
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	deaf_stop(&d);
}

/* A peer that takes nothing in: what is queued is bounded, and does not hold up the close. */
Test(ws_lws, bounds_what_is_queued)
{
	static char big[1 << 20];
	struct deaf d;
	deaf_start(&d);
	memset(big, 'x', sizeof big);
	for (size_t i = 0; i < 64; i++)
		cr_assert_eq(bc_transport_lws.send(d.c.ws, big, sizeof big), BC_OK, "%zu", i);
	cr_expect_eq(bc_transport_lws.send(d.c.ws, "x", 1), BC_EAGAIN);
	for (size_t i = 0; i < 100; i++) /* some of it fits the socket's buffers */
		uv_run(&d.c.loop, UV_RUN_NOWAIT);
	size_t n = 0;
	while (bc_transport_lws.send(d.c.ws, big, sizeof big) == BC_OK)
		n++;
	cr_expect_lt(n, 64);
	const uint64_t from = uv_hrtime();
	bc_transport_lws.close(d.c.ws);
	cr_assert(client_until(&d.c, &d.c.n_closed, 1));
	cr_expect_leq(uv_hrtime() - from, 1500 * BC_NS_PER_MS);
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	deaf_stop(&d);
}

/* A half-open connection is silence; who pings and hears nothing closes it. */
Test(ws_lws, says_nothing_of_a_silent_peer)
{
	struct deaf d;
	deaf_start(&d);
	cr_assert_eq(bc_transport_lws.ping(d.c.ws), BC_OK);
	cr_expect_not(client_within(&d.c, &d.c.n_closed, 1, 300 * BC_NS_PER_MS));
	cr_expect_str_eq(d.c.told, "opened\n");
	bc_transport_lws.close(d.c.ws);
	cr_assert(client_until(&d.c, &d.c.n_closed, 1));
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	deaf_stop(&d);
}

static void serve_pongs(struct ws_peer *peer, void *arg)
{
	uint8_t first;
	char text[64];
	size_t n;
	atomic_uint *n_pings = arg;
	if (!ws_peer_upgrade(peer, NULL, 0, NULL) ||
	    !ws_peer_frame(peer, 0x89, "are you there", 13))
		return;
	while (ws_peer_read_frame(peer, &first, text, sizeof text, &n)) {
		if (first == 0x89) {
			atomic_fetch_add(n_pings, 1);
			ws_peer_frame(peer, 0x8a, text, n);
		} else if (first == 0x8a) {
			ws_peer_frame(peer, 0x81, text, n); /* what our ping was answered with */
		} else if (first == 0x88) {
			ws_peer_frame(peer, first, text, n);
			return;
		}
	}
}

static void ping_on_message(struct client *c)
{
	cr_expect_eq(bc_transport_lws.ping(c->ws), BC_OK);
}

Test(ws_lws, pings_and_answers_pings)
{
	atomic_uint n_pings = 0;
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_pongs, .arg = &n_pings });
	struct client c;
	client_start(&c, NULL);
	c.on_message = ping_on_message;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_pongs, 1));
	cr_expect_str_eq(c.told, "opened\ntext are you there\npong\n");
	cr_expect_eq(atomic_load(&n_pings), 1);
	client_stop(&c);
	ws_server_stop(&server);
}

static void close_on_message(struct client *c)
{
	bc_transport_lws.close(c->ws);
}

Test(ws_lws, tells_nothing_between_close_and_closed)
{
	struct bytes bytes = BYTES("\x81\x03one\x81\x03two\x8a\x00\x81\x05three");
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_bytes, .arg = &bytes });
	struct client c;
	client_start(&c, NULL);
	c.on_message = close_on_message;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\ntext one\nclosed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
}

Test(ws_lws, can_be_closed_before_it_is_open)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_nothing });
	struct client c;
	client_start(&c, NULL);
	client_connect(&c, server, false);
	bc_transport_lws.close(c.ws);
	cr_expect_eq(c.n_told, 0, "a callback from inside close()");
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "closed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
}

Test(ws_lws, stamps_a_message_when_its_first_bytes_come)
{
	struct client c;
	struct bytes bytes = BYTES("\x81\x02hi\x88\x00");
	const int64_t from = bc_wall_now().ns;
	client_run(&c, serve_bytes, &bytes);
	cr_expect_geq(c.received.ns, from);
	cr_expect_leq(c.received.ns, bc_wall_now().ns);
}

/* ------------------------------------------------------------------ many, and the end */

/* Connections in every state of life: nothing of them may stay behind, and nothing is told. */
Test(ws_lws, stops_with_open_connections)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	struct ws_server *plain =
		ws_server_start(&(struct ws_server_options){ .script = serve_echo });
	struct ws_server *tls =
		ws_server_start(&(struct ws_server_options){ .tls = ctx, .script = serve_echo });
	struct ws_server *mute_tls = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .no_tls_answer = true, .script = serve_nothing });
	struct client c, others[6];
	client_start(&c, test_ca_file(ca));
	for (size_t i = 0; i < 6; i++) {
		memset(&others[i], 0, sizeof others[i]);
		others[i].transport = c.transport;
	}
	client_connect(&c, plain, false);
	client_connect(&others[0], tls, true);
	client_connect(&others[1], mute_tls, true);
	cr_assert(client_until(&c, &c.n_opened, 1));
	cr_assert(client_until(&c, &others[0].n_opened, 1));
	client_connect(&others[2], plain, false); /* connecting */
	client_connect(&others[3], tls, true);
	client_connect(&others[4], plain, false);
	bc_transport_lws.close(others[4].ws); /* over, not told yet */
	client_send(&c, "never mind");
	bc_transport_lws.close(others[0].ws); /* closing */
	const size_t told_before = c.n_told + others[0].n_told;
	client_stop(&c);
	cr_expect_eq(c.n_told + others[0].n_told, told_before);
	for (size_t i = 1; i < 6; i++)
		cr_expect_eq(others[i].n_told, 0, "%zu: %s", i, others[i].told);
	ws_server_stop(&plain);
	ws_server_stop(&tls);
	ws_server_stop(&mute_tls);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_lws, stops_before_it_ever_ran)
{
	struct client c;
	client_start(&c, NULL);
	client_stop(&c);
}

/* Two transports of one process do not know of each other. */
Test(ws_lws, starts_again_after_a_stop)
{
	for (int i = 0; i < 3; i++) {
		struct client c;
		struct bytes bytes = BYTES("\x81\x02hi\x88\x00");
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, "opened\ntext hi\nclosed closed-by-peer\n");
	}
}

Test(ws_lws, keeps_connections_apart)
{
	struct bytes bad = BYTES("\x83\x00");
	struct ws_server *good =
		ws_server_start(&(struct ws_server_options){ .script = serve_echo });
	struct ws_server *rude =
		ws_server_start(&(struct ws_server_options){ .script = serve_bytes, .arg = &bad });
	struct client c, other = { .n_told = 0 };
	client_start(&c, NULL);
	other.transport = c.transport;
	c.on_opened = say_hello;
	client_connect(&other, rude, false);
	client_connect(&c, good, false);
	cr_assert(client_until(&c, &c.n_messages, 2));
	cr_assert(client_until(&c, &other.n_closed, 1));
	cr_expect_str_eq(other.told, "opened\nclosed protocol\n");
	cr_expect_str_eq(c.told, "opened\ntext hello\ntext again\n");
	client_stop(&c);
	ws_server_stop(&good);
	ws_server_stop(&rude);
}
