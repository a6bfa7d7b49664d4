/* GETs against a server that does exactly what its script says. */
#include "publisher/rest.h"

#include "common/clock.h"
#include "publisher/resolve.h"
#include "tests/support/loop_until.h"
#include "tests/support/test_ca.h"
#include "tests/support/ws_server.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LIMIT_NS (60 * BC_NS_PER_S)
#define BODY_MAX ((size_t)1 << 20)
#define ANSWERED "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct asker {
	uv_loop_t loop;
	uv_timer_t tick;
	struct bc_resolver *resolver;
	struct bc_rest *rest;
	unsigned int n, n_ok;
	bc_status status;
	int http_status;
	int64_t retry_after_ns;
	bc_wall_time date, received;
	char why[300], body[300], remaining[100];
	size_t n_body;
	bool free_when_told, ask_again;
};

static void on_answer(void *self, const struct bc_rest_answer *answer)
{
	struct asker *a = self;
	a->n++;
	a->n_ok += answer->status == BC_OK;
	a->status = answer->status;
	a->http_status = answer->http_status;
	a->retry_after_ns = answer->retry_after_ns;
	a->date = answer->date;
	a->received = answer->received;
	a->n_body = answer->body.n;
	snprintf(a->why, sizeof a->why, "%s", answer->why);
	snprintf(a->body, sizeof a->body, "%.*s", (int)answer->body.n,
		 answer->body.n > 0 ? answer->body.p : "");
	const char *remaining = bc_rest_header(answer, "remaining-req");
	snprintf(a->remaining, sizeof a->remaining, "%s", remaining != NULL ? remaining : "(none)");
	cr_expect_null(bc_rest_header(answer, "X-Nobody"));
	if (a->free_when_told)
		bc_rest_free(&a->rest);
	if (a->ask_again) {
		a->ask_again = false;
		cr_expect_eq(bc_rest_get(a->rest, BC_STR("/again"), 0, on_answer, a), BC_OK);
	}
}

static void asker_start(struct asker *a, const char *url_text, struct bc_rest_options options)
{
	struct bc_url url;
	char why[200];
	memset(a, 0, sizeof *a);
	cr_assert_eq(bc_url_parse(url_text, BC_URL_HTTP, &url, why, sizeof why), BC_OK, "%s", why);
	cr_assert_eq(uv_loop_init(&a->loop), 0);
	uv_timer_init(&a->loop, &a->tick);
	cr_assert_eq(bc_resolver_new(&a->resolver, &a->loop), BC_OK);
	options.url = &url;
	options.resolver = a->resolver;
	options.max_body_bytes = BODY_MAX;
	cr_assert_eq(bc_rest_new(&a->rest, &a->loop, &options), BC_OK);
}

static void asker_stop(struct asker *a)
{
	bc_rest_free(&a->rest);
	bc_resolver_free(&a->resolver);
	uv_close((uv_handle_t *)&a->tick, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&a->loop), 0, "handles are left in the loop");
}

static void until(struct asker *a, unsigned int n)
{
	loop_until(&a->loop, &a->tick, &a->n, n, LIMIT_NS);
	cr_expect_eq(a->n, n, "%u of %u answers", a->n, n);
}

static void get(struct asker *a, const char *path)
{
	const unsigned int n = a->n;
	cr_assert_eq(bc_rest_get(a->rest, bc_str_of(path), 0, on_answer, a), BC_OK);
	cr_assert_eq(a->n, n, "a callback from inside bc_rest_get()");
}

static const char *plain_url(const struct ws_server *server, char out[64])
{
	snprintf(out, 64, "http://127.0.0.1:%u", ws_server_port(server));
	return out;
}

/* ------------------------------------------------------------------ answers */

struct scripted {
	const char *bytes;
	size_t n;
	bool ends; /* the connection is closed after it */
	char head[4096];
};

#define SCRIPTED(literal, then_ends) \
	((struct scripted){ .bytes = (literal), .n = sizeof(literal) - 1, .ends = (then_ends) })

static void serve_scripted(struct ws_peer *peer, void *arg)
{
	struct scripted *s = arg;
	if (ws_peer_read_head(peer, s->head, sizeof s->head) &&
	    ws_peer_write(peer, s->bytes, s->n) && !s->ends)
		ws_peer_until_gone(peer);
}

static void one_answer(struct asker *a, struct scripted *script, struct bc_rest_options options)
{
	char url[64];
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_scripted, .arg = script });
	asker_start(a, plain_url(server, url), options);
	get(a, "/v1/orderbook?markets=KRW-BTC&count=5");
	until(a, 1);
	asker_stop(a);
	ws_server_stop(&server);
}

#define H "HTTP/1.1 "

static const struct {
	const char *name;
	struct scripted script;
	bc_status status;
	int http_status;
	const char *body, *why;
} answers[] = {
	{ "200", SCRIPTED(H "200 OK\r\nContent-Length: 5\r\n\r\n[1,2]", false), BC_OK, 200, "[1,2]",
	  "" },
	{ "200 until the end", SCRIPTED(H "200 OK\r\n\r\n[1,2]", true), BC_OK, 200, "[1,2]", "" },
	{ "200 in chunks",
	  SCRIPTED(H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n",
		   false),
	  BC_OK, 200, "[1,2]", "" },
	{ "204", SCRIPTED(H "204 None\r\n\r\n", false), BC_OK, 204, "", "" },
	{ "404", SCRIPTED(H "404 Not Found\r\nContent-Length: 2\r\n\r\n{}", false), BC_EIO, 404,
	  "{}", "HTTP status 404" },
	{ "500", SCRIPTED(H "500 Oh\r\nContent-Length: 0\r\n\r\n", false), BC_EIO, 500, "",
	  "HTTP status 500" },
	{ "a redirect is not followed",
	  SCRIPTED(H "302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
		   false),
	  BC_EIO, 302, "", "HTTP status 302" },
	{ "a body cut short", SCRIPTED(H "200 OK\r\nContent-Length: 50\r\n\r\n[1,2]", true), BC_EIO,
	  200, "[1,2]", "transfer closed with 45 bytes remaining to read" },
	{ "a chunk cut short",
	  SCRIPTED(H "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n[1", true), BC_EIO, 200,
	  NULL, "transfer closed with outstanding read data remaining" },
	{ "a length over the limit", SCRIPTED(H "200 OK\r\nContent-Length: 1048577\r\n\r\n", false),
	  BC_ERANGE, 200, "", "the body is over the limit" },
	{ "hung up on", SCRIPTED("", true), BC_EIO, 0, "", "Empty reply from server" },
	{ "not HTTP", SCRIPTED("SSH-2.0-OpenSSH_9.2\r\n\r\n", true), BC_EIO, 0, "",
	  "Received HTTP/0.9 when not allowed" },
};

Test(rest, tells_what_was_answered)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		struct asker a;
		struct scripted script = answers[i].script;
		one_answer(&a, &script, (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
		const char *name = answers[i].name;
		cr_expect_eq(a.status, answers[i].status, "%s: %s: %s", name,
			     bc_status_text(a.status), a.why);
		cr_expect_eq(a.http_status, answers[i].http_status, "%s: %d", name, a.http_status);
		if (answers[i].body != NULL)
			cr_expect_str_eq(a.body, answers[i].body, "%s: %s", name, a.body);
		cr_expect_str_eq(a.why, answers[i].why, "%s: %s", name, a.why);
	}
}

/* By the length that is announced, or by what has come. */
Test(rest, a_request_has_a_limit_of_its_own)
{
	static const struct scripted scripts[] = {
		SCRIPTED(H "200 OK\r\nContent-Length: 5\r\n\r\n[1,2]", false),
		SCRIPTED(H "200 OK\r\n\r\n[1,2]", true),
	};
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
		for (size_t max = 4; max <= 5; max++) {
			struct asker a;
			char url[64];
			struct scripted script = scripts[i];
			struct ws_server *server = ws_server_start(&(struct ws_server_options){
				.script = serve_scripted, .arg = &script });
			asker_start(&a, plain_url(server, url),
				    (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
			cr_assert_eq(bc_rest_get(a.rest, BC_STR("/"), max, on_answer, &a), BC_OK);
			until(&a, 1);
			cr_expect_eq(a.status, max == 5 ? BC_OK : BC_ERANGE, "%zu, at most %zu: %s",
				     i, max, a.why);
			asker_stop(&a);
			ws_server_stop(&server);
		}
	}
}

Test(rest, asks_plainly)
{
	struct asker a;
	struct scripted script = SCRIPTED(ANSWERED, false);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	one_answer(&a, &script, (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	const char *line = "GET /v1/orderbook?markets=KRW-BTC&count=5 HTTP/1.1\r\nHost: 127.0.0.1:";
	cr_expect_eq(a.status, BC_OK, "%s", a.why);
	cr_expect_eq(strncmp(script.head, line, strlen(line)), 0, "%s", script.head);
	cr_expect_not_null(strstr(script.head, "\r\nUser-Agent: bookcast/"), "%s", script.head);
	cr_expect_not_null(strstr(script.head, "gzip"), "%s", script.head);
	cr_expect_null(strcasestr(script.head, "\r\nOrigin:"), "%s", script.head);
}

Test(rest, tells_the_headers_that_steer_us)
{
	struct asker a;
	struct scripted script =
		SCRIPTED(H
			 "429 Too Many Requests\r\nRetry-After: 7\r\n"
			 "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
			 "Remaining-Req: group=market; min=573; sec=9\r\nContent-Length: 0\r\n\r\n",
			 false);
	const int64_t from = bc_wall_now().ns;
	one_answer(&a, &script, (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	cr_expect_eq(a.status, BC_EIO);
	cr_expect_eq(a.http_status, 429);
	cr_expect_eq(a.retry_after_ns, 7 * BC_NS_PER_S);
	cr_expect_eq(a.date.ns, INT64_C(784111777) * BC_NS_PER_S);
	cr_expect_str_eq(a.remaining, "group=market; min=573; sec=9");
	cr_expect_geq(a.received.ns, from);
	cr_expect_leq(a.received.ns, bc_wall_now().ns);
}

/* ------------------------------------------------------------------ compressed bodies */

struct packed {
	char *bytes;
	size_t n;
};

static struct packed gzip_of(char fill, size_t n)
{
	struct packed packed = { .bytes = malloc(n + 1024) };
	char *raw = malloc(n);
	z_stream z = { .zalloc = Z_NULL };
	memset(raw, fill, n);
	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)raw;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)packed.bytes;
	z.avail_out = (uInt)n + 1024;
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.n = z.total_out;
	deflateEnd(&z);
	free(raw);
	return packed;
}

static void serve_packed(struct ws_peer *peer, void *arg)
{
	const struct packed *packed = arg;
	char head[4096], answer[128];
	snprintf(answer, sizeof answer,
		 H "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", packed->n);
	if (ws_peer_read_head(peer, head, sizeof head) && ws_peer_text(peer, answer) &&
	    ws_peer_write(peer, packed->bytes, packed->n))
		ws_peer_until_gone(peer);
}

static void unpacks(size_t n, bc_status status)
{
	struct asker a;
	char url[64];
	struct packed packed = gzip_of('x', n);
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_packed, .arg = &packed });
	asker_start(&a, plain_url(server, url), (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	get(&a, "/");
	until(&a, 1);
	cr_expect_eq(a.status, status, "%zu: %s %s", n, bc_status_text(a.status), a.why);
	if (status == BC_OK)
		cr_expect_eq(a.n_body, n);
	asker_stop(&a);
	ws_server_stop(&server);
	free(packed.bytes);
}

Test(rest, unpacks_gzip_up_to_the_limit)
{
	unpacks(1000, BC_OK);
	unpacks(BODY_MAX, BC_OK);
	unpacks(BODY_MAX + 1, BC_ERANGE);
	unpacks(64 * BODY_MAX, BC_ERANGE);
}

/* ------------------------------------------------------------------ limits */

static void serve_slowly(struct ws_peer *peer, void *arg)
{
	char head[4096];
	if (ws_peer_read_head(peer, head, sizeof head) && ws_peer_text(peer, arg))
		ws_peer_until_gone(peer);
}

Test(rest, gives_up_in_time)
{
	static const char *const rows[] = { "", H "200 OK\r\nContent-Le", H "200 OK\r\n\r\n[1" };
	for (size_t i = 0; i < 3; i++) {
		struct asker a;
		char url[64];
		struct ws_server *server = ws_server_start(&(struct ws_server_options){
			.script = serve_slowly, .arg = (void *)(uintptr_t)rows[i] });
		asker_start(&a, plain_url(server, url),
			    (struct bc_rest_options){ .timeout_ns = 200 * BC_NS_PER_MS });
		const uint64_t from = uv_hrtime();
		get(&a, "/");
		until(&a, 1);
		const uint64_t took = uv_hrtime() - from;
		cr_expect_eq(a.status, BC_ETIMEOUT, "row %zu: %s", i, a.why);
		cr_expect_geq(took, 200 * BC_NS_PER_MS);
		asker_stop(&a);
		ws_server_stop(&server);
	}
}

/* Answers request after request on one connection. */
static void serve_many(struct ws_peer *peer, void *arg)
{
	char head[4096];
	while (ws_peer_read_head(peer, head, sizeof head)) {
		atomic_fetch_add((atomic_uint *)arg, 1);
		if (!ws_peer_text(peer, ANSWERED))
			return;
	}
}

Test(rest, bounds_what_is_in_flight_and_keeps_connections)
{
	struct asker a;
	atomic_uint n_requests = 0;
	char url[64];
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_many, .arg = &n_requests });
	asker_start(&a, plain_url(server, url),
		    (struct bc_rest_options){ .timeout_ns = LIMIT_NS, .max_in_flight = 4 });
	for (size_t i = 0; i < 200; i++)
		get(&a, "/");
	until(&a, 200);
	cr_expect_eq(a.n_ok, 200, "%s", a.why);
	cr_expect_eq(atomic_load(&n_requests), 200);
	cr_expect_leq(ws_server_connections(server), 4);
	asker_stop(&a);
	ws_server_stop(&server);
}

Test(rest, bounds_what_waits)
{
	struct asker a;
	asker_start(&a, "http://127.0.0.1:1", (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	for (size_t i = 0; i < BC_REST_QUEUE_MAX; i++)
		get(&a, "/");
	cr_expect_eq(bc_rest_get(a.rest, BC_STR("/"), 0, on_answer, &a), BC_EAGAIN);
	asker_stop(&a);
	cr_expect_eq(a.n, 0);
}

Test(rest, refuses_paths_that_would_not_make_a_request)
{
	static const char *const rows[] = { "", "v1", "/a b", "/a\r\nX: y", "/\x7f" };
	struct asker a;
	asker_start(&a, "http://127.0.0.1:1", (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(bc_rest_get(a.rest, bc_str_of(rows[i]), 0, on_answer, &a), BC_EINVAL,
			     "row %zu", i);
	asker_stop(&a);
}

/* ------------------------------------------------------------------ who answers */

Test(rest, believes_only_the_right_certificate)
{
	static const struct {
		enum test_leaf leaf;
		const char *host;
		bool with_ca;
		const char *why; /* a part of it; NULL: good */
	} rows[] = {
		{ TEST_LEAF_GOOD, "127.0.0.1", true, NULL },
		{ TEST_LEAF_GOOD, "127.0.0.1", false, "unable to get local issuer certificate" },
		{ TEST_LEAF_OTHER_NAME, "127.0.0.1", true, "127.0.0.1" },
		{ TEST_LEAF_GOOD, "localhost", true, "localhost" },
		{ TEST_LEAF_EXPIRED, "127.0.0.1", true, "certificate has expired" },
		{ TEST_LEAF_NOT_YET, "127.0.0.1", true, "not yet valid" },
		{ TEST_LEAF_STRANGER, "127.0.0.1", true, "OpenSSL" },
		{ TEST_LEAF_SELF_SIGNED, "127.0.0.1", true, "self-signed certificate" },
	};
	struct test_ca *ca = test_ca_new();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct asker a;
		char url[64];
		struct scripted script = SCRIPTED(ANSWERED, false);
		SSL_CTX *ctx = test_ca_server(ca, rows[i].leaf);
		struct ws_server *server = ws_server_start(&(struct ws_server_options){
			.tls = ctx, .script = serve_scripted, .arg = &script });
		snprintf(url, sizeof url, "https://%s:%u", rows[i].host, ws_server_port(server));
		asker_start(&a, url,
			    (struct bc_rest_options){ .timeout_ns = LIMIT_NS,
						      .ca_file = rows[i].with_ca ? test_ca_file(ca)
										 : NULL });
		get(&a, "/");
		until(&a, 1);
		cr_expect_eq(a.status, rows[i].why == NULL ? BC_OK : BC_EIO, "row %zu: %s", i,
			     a.why);
		cr_expect_not_null(strstr(a.why, rows[i].why == NULL ? "" : rows[i].why),
				   "row %zu: %s", i, a.why);
		asker_stop(&a);
		ws_server_stop(&server);
		SSL_CTX_free(ctx);
	}
	test_ca_free(&ca);
}

Test(rest, does_not_start_without_its_certificate_file)
{
	struct bc_url url = { .kind = BC_URL_HTTP };
	struct bc_rest *rest = NULL;
	uv_loop_t loop;
	uv_loop_init(&loop);
	cr_expect_eq(bc_rest_new(&rest, &loop,
				 &(struct bc_rest_options){ .url = &url, .ca_file = "/no/such" }),
		     BC_EIO);
	cr_expect_null(rest);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

Test(rest, asks_by_name_and_remembers_it)
{
	struct asker a;
	atomic_uint n_requests = 0;
	char url[64];
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_many, .arg = &n_requests });
	snprintf(url, sizeof url, "http://localhost:%u", ws_server_port(server));
	asker_start(&a, url, (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	for (unsigned int i = 1; i <= 3; i++) {
		get(&a, "/");
		until(&a, i);
		cr_expect_eq(a.status, BC_OK, "%s", a.why);
	}
	asker_stop(&a);
	ws_server_stop(&server);
}

Test(rest, tells_that_there_is_no_such_host)
{
	struct asker a;
	asker_start(&a, "http://no-such-host.invalid",
		    (struct bc_rest_options){ .timeout_ns = 3 * BC_NS_PER_S });
	get(&a, "/1");
	get(&a, "/2");
	until(&a, 2);
	/* Without a network the name server is not there either. */
	cr_expect(a.status == BC_ENOTFOUND || a.status == BC_EIO || a.status == BC_ETIMEOUT, "%s",
		  a.why);
	cr_expect_str_not_empty(a.why);
	asker_stop(&a);
}

Test(rest, tells_a_refused_connect)
{
	struct asker a;
	char url[64];
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_slowly });
	plain_url(server, url);
	ws_server_stop(&server);
	asker_start(&a, url, (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	get(&a, "/");
	until(&a, 1);
	cr_expect_eq(a.status, BC_EIO);
	cr_expect_eq(a.http_status, 0);
	cr_expect_not_null(strstr(a.why, "connect"), "%s", a.why);
	asker_stop(&a);
}

/* ------------------------------------------------------------------ giving up */

Test(rest, is_freed_with_requests_in_flight)
{
	struct asker a;
	char url[64];
	struct ws_server *server = ws_server_start(&(struct ws_server_options){
		.script = serve_slowly, .arg = (void *)(uintptr_t)(H "200 OK\r\n\r\n[") });
	asker_start(&a, plain_url(server, url),
		    (struct bc_rest_options){ .timeout_ns = LIMIT_NS, .max_in_flight = 3 });
	for (size_t i = 0; i < 10; i++)
		get(&a, "/");
	const uint64_t limit = uv_hrtime() + LIMIT_NS;
	uv_timer_start(&a.tick, loop_on_tick, 5, 5);
	while (ws_server_connections(server) < 3 && uv_hrtime() < limit)
		uv_run(&a.loop, UV_RUN_ONCE);
	cr_expect_eq(ws_server_connections(server), 3);
	asker_stop(&a);
	cr_expect_eq(a.n, 0);
	ws_server_stop(&server);
}

Test(rest, may_be_freed_by_a_callback)
{
	struct asker a;
	atomic_uint n_requests = 0;
	char url[64];
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_many, .arg = &n_requests });
	asker_start(&a, plain_url(server, url), (struct bc_rest_options){ .timeout_ns = LIMIT_NS });
	a.free_when_told = true;
	get(&a, "/");
	get(&a, "/");
	until(&a, 1);
	asker_stop(&a);
	cr_expect_eq(a.n, 1);
	ws_server_stop(&server);
}

Test(rest, asks_again_from_a_callback)
{
	struct asker a;
	atomic_uint n_requests = 0;
	char url[64];
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_many, .arg = &n_requests });
	asker_start(&a, plain_url(server, url),
		    (struct bc_rest_options){ .timeout_ns = LIMIT_NS, .max_in_flight = 1 });
	get(&a, "/");
	a.ask_again = true;
	until(&a, 2);
	asker_stop(&a);
	cr_expect_eq(a.n, 2);
	cr_expect_eq(a.n_ok, 2);
	ws_server_stop(&server);
}
