/* What a transport makes of the bytes a server sends. */
#include "tests/unit/ws_client.h"

#include <unistd.h>

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
	TRANSPORT.close(c.ws);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\ntext hello\ntext again\nclosed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_transport, echoes_over_plain_tcp)
{
	echo(false);
}

Test(ws_transport, echoes_over_tls)
{
	echo(true);
}

/* ------------------------------------------------------------------ what a server sends */

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
};

Test(ws_transport, tells_what_came)
{
	for (size_t i = 0; i < sizeof frames / sizeof *frames; i++) {
		struct client c;
		struct bytes bytes = frames[i].bytes;
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, frames[i].told, "%s: told:\n%s", frames[i].name, c.told);
		if (i == 0)
			cr_expect_eq(c.n_foreseen, is_lws() ? 0 : 2, "%u", c.n_foreseen);
	}
}

/* Where libwebsockets 4.1.6 is milder than RFC 6455; what it unmasks, it does not tell. */
static const struct {
	const char *name;
	struct bytes bytes;
	const char *told, *lws;
} violations[] = {
	{ "a close frame of one byte", BYTES("\x88\x01\x03"), "opened\nclosed protocol\n",
	  "opened\nclosed closed-by-peer\n" },
	{ "a masked frame", BYTES("\x81\x82\x01\x02\x03\x04\x69\x6b\x88\x00"),
	  "opened\nclosed protocol\n", "opened\ntext hi\nclosed closed-by-peer\n" },
};

Test(ws_transport, tells_what_violates_the_protocol)
{
	for (size_t i = 0; i < sizeof violations / sizeof *violations; i++) {
		struct client c;
		struct bytes bytes = violations[i].bytes;
		const char *want = is_lws() ? violations[i].lws : violations[i].told;
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, want, "%s: told:\n%s", violations[i].name, c.told);
	}
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
	  1012, "soon" }, /* 1002, as libwebsockets 4.1.6 has it */
};

Test(ws_transport, tells_the_close_code_and_its_reason)
{
	for (size_t i = 0; i < sizeof closes / sizeof *closes; i++) {
		struct client c;
		struct bytes bytes = closes[i].frame;
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, "opened\nclosed closed-by-peer\n");
		const uint16_t code = is_lws() && closes[i].code == 1012 ? 1002 : closes[i].code;
		cr_expect_eq(c.how.close_code, code, "row %zu: %u", i, c.how.close_code);
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

Test(ws_transport, puts_large_messages_together)
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
	char line[128], *resident = line;
	FILE *f = fopen("/proc/self/statm", "r");
	cr_assert_not_null(f);
	cr_assert_not_null(fgets(line, sizeof line, f));
	fclose(f);
	strtol(line, &resident, 10); /* the whole size goes before it */
	long pages = strtol(resident, NULL, 10);
	cr_assert_gt(pages, 0);
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

Test(ws_transport, refuses_what_is_over_the_cap)
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

Test(ws_transport, survives_large_text_that_is_not_utf8)
{
	struct client c;
	client_run(&c, serve_large_non_utf8, NULL);
	cr_expect_str_eq(c.told, "opened\nclosed protocol\n", "%s", c.told);
	cr_expect_str_eq(c.detail, "text that is not UTF-8");
}
