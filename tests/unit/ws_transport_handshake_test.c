/* A transport until a connection is open, or why it never will be. */
#include "tests/unit/ws_client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

/* ------------------------------------------------------------------ connections that never open */

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

/* What libwebsockets reads as an answer, or waits for more of. */
static const struct {
	const char *name;
	void (*script)(struct ws_peer *, void *);
	const char *arg, *detail;
} strict[] = {
	{ "not HTTP", serve_no_http, NULL, "upgrade: not HTTP/1.1" },
	{ "HTTP/1.0", serve_answer, "HTTP/1.0 101 Switching Protocols\r\n\r\n",
	  "upgrade: not HTTP/1.1" },
	{ "a header without a colon", serve_answer, SWITCHING "Upgrade\r\n\r\n",
	  "upgrade: a header line without a colon" },
	{ "a folded header", serve_answer, SWITCHING "X: a\r\n b: c\r\n\r\n",
	  "upgrade: a header line that is none" },
};

Test(ws_transport_handshake, believes_only_what_is_an_answer)
{
	for (size_t i = 0; !is_lws() && i < sizeof strict / sizeof *strict; i++) {
		struct client c;
		client_run(&c, strict[i].script, (void *)(uintptr_t)strict[i].arg);
		cr_expect_str_eq(c.told, "closed protocol\n", "%s: %s", strict[i].name, c.told);
		cr_expect_str_eq(c.detail, strict[i].detail, "%s", strict[i].name);
	}
}

Test(ws_transport_handshake, tells_why_it_never_opened)
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

/* How a connection ends that has `limit_ms` to open: at that limit. */
static bool gives_up_at(const char *ca_file, const struct ws_server *server, bool tls,
			int64_t limit_ms, const char *detail)
{
	struct client c;
	client_start(&c, ca_file);
	struct bc_ws_target target = target_of(ws_server_port(server), tls);
	target.handshake_timeout_ns = limit_ms * BC_NS_PER_MS;
	const uint64_t from = uv_hrtime();
	client_connect_to(&c, &target);
	cr_assert(client_within(&c, &c.n_closed, 1, target.handshake_timeout_ns + 4 * BC_NS_PER_S),
		  "%s: nothing told", detail);
	cr_expect_geq((int64_t)(uv_hrtime() - from), target.handshake_timeout_ns);
	cr_expect_str_eq(c.told, "closed timed-out\n");
	const bool as_said = strcmp(c.detail, detail) == 0;
	cr_expect(as_said || limit_ms < LIMIT_NS / BC_NS_PER_MS, "%s, not %s", c.detail, detail);
	client_stop(&c);
	return as_said;
}

/* libwebsockets tells nothing of these; the limit is its wrapper's. A machine that needs longer for
 * what comes before is given longer. */
static void mute(void (*script)(struct ws_peer *, void *), bool tls, bool no_tls_answer,
		 const char *detail)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = tls ? test_ca_server(ca, TEST_LEAF_GOOD) : NULL;
	struct ws_server *server = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .no_tls_answer = no_tls_answer, .script = script });
	int64_t limit_ms = 300;
	while (!gives_up_at(test_ca_file(ca), server, tls, limit_ms, detail) &&
	       limit_ms < LIMIT_NS / BC_NS_PER_MS)
		limit_ms *= 4;
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_transport_handshake, gives_up_on_a_mute_server)
{
	mute(serve_nothing, true, true, "no end to the TLS handshake");
	mute(serve_nothing, true, false, "no answer to the upgrade request");
	mute(serve_nothing, false, false, "no answer to the upgrade request");
	mute(serve_half_an_answer, false, false, "no answer to the upgrade request");
	mute(serve_half_an_answer, true, false, "no answer to the upgrade request");
	if (is_lws()) /* which waits for HTTP to come */
		mute(serve_no_http, false, false, "no answer to the upgrade request");
}

/* A listener whose queue is full drops SYNs as a black hole does. */
Test(ws_transport_handshake, gives_up_on_a_connect_without_an_answer)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof address;
	int fillers[8];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&address, n), 0);
	cr_assert_eq(listen(fd, 0), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	for (size_t i = 0; i < 8; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		const int rc = connect(fillers[i], (struct sockaddr *)&address, sizeof address);
		cr_assert(rc == 0 || errno == EINPROGRESS);
	}
	struct client c;
	client_start(&c, NULL);
	struct bc_ws_target target = target_of(ntohs(address.sin_port), false);
	target.handshake_timeout_ns = 300 * BC_NS_PER_MS;
	client_connect_to(&c, &target);
	cr_expect(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "closed timed-out\n");
	cr_expect_str_eq(c.detail, "no answer to the TCP connect");
	client_stop(&c);
	for (size_t i = 0; i < 8; i++)
		close(fillers[i]);
	close(fd);
}

Test(ws_transport_handshake, tells_a_refused_connect)
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

/* TCP cannot reach a multicast address, and the kernel says so from inside connect(2). */
Test(ws_transport_handshake, tells_a_connect_that_fails_at_once)
{
	struct bc_ws_target target = target_of(9, false);
	((struct sockaddr_in *)&target.address)->sin_addr.s_addr = htonl(0xe0000001);
	struct client c;
	client_start(&c, NULL);
	for (unsigned int i = 1; i <= 10; i++) {
		c.n_told = 0;
		client_connect_to(&c, &target);
		cr_assert(client_until(&c, &c.n_closed, i));
		cr_expect_str_eq(c.told, "closed connect-failed\n");
		cr_expect_str_not_empty(c.detail);
	}
	client_stop(&c);
}

Test(ws_transport_handshake, refuses_targets_that_would_not_make_a_request)
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
		cr_expect_eq(TRANSPORT.connect(c.transport, &rows[i], &client_events, &c, &c.ws),
			     BC_EINVAL, "row %zu", i);
	client_stop(&c);
}

Test(ws_transport_handshake, does_not_start_without_its_certificate_store)
{
	uv_loop_t loop;
	struct bc_transport *transport = NULL;
	uv_loop_init(&loop);
	const struct bc_transport_options options = { .ca_file = "/no/such/file" };
	cr_expect_eq(TRANSPORT.start(&transport, &loop, &options), BC_EIO);
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
	{ TEST_LEAF_GOOD, "::2", "certificate: IP address mismatch" },
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
		if (is_lws() && strchr(certificates[i].host, ':') != NULL) /* which it cuts there */
			detail = "certificate: hostname mismatch";
		cr_expect_str_eq(c.detail, detail, "row %zu: %s", i, c.detail);
	}
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
}

Test(ws_transport_handshake, believes_only_the_right_certificate)
{
	struct test_ca *ca = test_ca_new();
	for (size_t i = 0; i < sizeof certificates / sizeof *certificates; i++)
		certificate(ca, test_ca_file(ca), i, certificates[i].detail);
	test_ca_free(&ca);
}

Test(ws_transport_handshake, does_not_believe_a_private_authority_by_itself)
{
	struct test_ca *ca = test_ca_new();
	certificate(ca, NULL, 0, "certificate: unable to get local issuer certificate");
	test_ca_free(&ca);
}

Test(ws_transport_handshake, tells_that_the_server_does_not_speak_tls)
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

Test(ws_transport_handshake, does_not_speak_old_tls)
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

static void serve_second_handshake(struct ws_peer *peer, void *arg)
{
	bool *heard = arg;
	SSL *tls = ws_peer_tls(peer);
	uint8_t first;
	char text[64];
	size_t n;
	*heard = ws_peer_upgrade(peer, NULL, 0, NULL) && SSL_renegotiate(tls) == 1 &&
		 SSL_do_handshake(tls) == 1 && ws_peer_frame(peer, 0x81, "now", 3) &&
		 ws_peer_read_frame(peer, &first, text, sizeof text, &n);
}

static void say_go(struct client *c)
{
	client_send(c, "go");
}

/* While a second one is under way nothing can be written, and what waits would turn the loop. */
Test(ws_transport_handshake, has_one_tls_handshake_only)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	bool heard = true;
	struct ws_server *server = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .script = serve_second_handshake, .arg = &heard });
	struct client c;
	client_start(&c, test_ca_file(ca));
	c.on_message = say_go;
	client_connect(&c, server, true);
	cr_assert(client_until(&c, &c.n_closed, 1));
	client_stop(&c);
	ws_server_stop(&server);
	cr_expect_not(heard, "it took part");
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

Test(ws_transport_handshake, asks_for_the_host_at_an_address)
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

Test(ws_transport_handshake, connects_over_ipv6)
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
