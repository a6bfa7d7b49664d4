/* The upgrade to a WebSocket: the request, and which answers are believed. */
#include "publisher/ws_upgrade.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6455, 1.3: the key dGhlIHNhbXBsZSBub25jZQ==. */
static const unsigned char nonce[] = "the sample nonce";

#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define LINE   "HTTP/1.1 101 Switching Protocols\r\n"
#define BOTH   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
#define GOOD   LINE BOTH ACCEPT
#define EXT    "Sec-WebSocket-Extensions: "
#define END    "\r\n"

static struct bc_ws_target target(bool compression)
{
	return (struct bc_ws_target){ .host = "exchange.test",
				      .port = 443,
				      .path = "/feed?x=1",
				      .tls = true,
				      .compression = compression };
}

Test(ws_upgrade, asks)
{
	struct ws_upgrade u;
	char out[WS_REQUEST_MAX];
	struct bc_ws_target t = target(false);
	size_t n = ws_upgrade_request(&u, &t, nonce, out);
	cr_assert_gt(n, 0);
	cr_expect_eq(n, strlen(out));
	cr_expect_eq(strncmp(out, "GET /feed?x=1 HTTP/1.1\r\nHost: exchange.test\r\n", 45), 0, "%s",
		     out);
	cr_expect_not_null(strstr(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
	cr_expect_not_null(strstr(out, "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
	cr_expect_not_null(strstr(out, "\r\nSec-WebSocket-Version: 13\r\n"));
	cr_expect_null(strstr(out, "Extensions"));
	cr_expect_str_eq(out + n - 4, "\r\n\r\n");
	t = target(true);
	ws_upgrade_request(&u, &t, nonce, out);
	cr_expect_not_null(strstr(out, "\r\nSec-WebSocket-Extensions: permessage-deflate; "
				       "client_no_context_takeover; client_max_window_bits\r\n"));
	/* The longest there is. */
	char host[101], path[1901];
	memset(host, 'h', 100), host[100] = '\0';
	memset(path, '/', 1900), path[1900] = '\0';
	t.host = host;
	t.path = path;
	t.port = 65535;
	cr_expect_gt(ws_upgrade_request(&u, &t, nonce, out), 2000);
}

static const struct {
	const char *name, *answer;
	bool offered;
	bc_status status;
	int http;         /* also how many window bits, of BC_OK */
	const char *more; /* why, or Retry-After */
} answers[] = {
	{ "the answer", GOOD END, false, BC_OK, 0, "" },
	{ "words of any case",
	  LINE "UPGRADE: WebSocket\r\nconnection: keep-alive, upgrade\r\n" ACCEPT END, false, BC_OK,
	  0, "" },
	{ "spaces around values", LINE "Upgrade:websocket \r\nConnection:\t Upgrade\r\n" ACCEPT END,
	  false, BC_OK, 0, "" },
	{ "an empty list of extensions", GOOD EXT "\r\nSec-WebSocket-Protocol:\r\n" END, false,
	  BC_OK, 0, "" },
	{ "an interim answer before it", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" GOOD END,
	  false, BC_OK, 0, "" },
	{ "bytes above ASCII in a header of nobody's", GOOD "X: \xc3\xa9\r\n" END, false, BC_OK, 0,
	  "" },
	{ "429", "HTTP/1.1 429 Slow down\r\nRetry-After: 7\r\n\r\n", false, BC_EINVAL, 429, "7" },
	{ "no reason phrase", "HTTP/1.1 503\r\n\r\n", false, BC_EINVAL, 503, "" },
	{ "200", "HTTP/1.1 200 OK\r\n" BOTH ACCEPT END, false, BC_EINVAL, 200, "" },
	{ "HTTP/1.0", "HTTP/1.0 101 X\r\n\r\n", false, BC_EPARSE, 0, "not HTTP/1.1" },
	{ "not HTTP", "SSH-2.0", false, BC_EPARSE, 0, "not HTTP/1.1" },
	{ "a status of two digits", "HTTP/1.1 10 X\r\n\r\n", false, BC_EPARSE, 0, "not HTTP/1.1" },
	{ "a status of four digits", "HTTP/1.1 1010\r\n\r\n", false, BC_EPARSE, 0, "not HTTP/1.1" },
	{ "no upgrade", LINE "Connection: Upgrade\r\n" ACCEPT END, false, BC_EPARSE, 0,
	  "no Upgrade: websocket" },
	{ "another upgrade", LINE "Upgrade: h2c\r\nConnection: Upgrade\r\n" ACCEPT END, false,
	  BC_EPARSE, 0, "no Upgrade: websocket" },
	{ "no connection", LINE "Upgrade: websocket\r\nConnection: close\r\n" ACCEPT END, false,
	  BC_EPARSE, 0, "no Connection: Upgrade" },
	{ "no accept", LINE BOTH END, false, BC_EPARSE, 0,
	  "Sec-WebSocket-Accept is not what it must be" },
	{ "another accept", LINE BOTH "Sec-WebSocket-Accept: t3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" END,
	  false, BC_EPARSE, 0, "Sec-WebSocket-Accept is not what it must be" },
	{ "two of them", GOOD ACCEPT END, false, BC_EPARSE, 0,
	  "Sec-WebSocket-Accept is not what it must be" },
	{ "a subprotocol", GOOD "Sec-WebSocket-Protocol: chat\r\n" END, false, BC_EPARSE, 0,
	  "a subprotocol that was not offered" },
	{ "a line without a colon", GOOD "X\r\n" END, false, BC_EPARSE, 0,
	  "a header line without a colon" },
	{ "a folded line", GOOD "X: a\r\n b: c\r\n" END, false, BC_EPARSE, 0,
	  "a header line that is none" },
	{ "a space before the colon", GOOD "X : a\r\n" END, false, BC_EPARSE, 0,
	  "a header line that is none" },
	{ "a name of nothing", GOOD ": a\r\n" END, false, BC_EPARSE, 0,
	  "a header line that is none" },
	{ "a bare line feed", GOOD "X: a\nY: b\r\n" END, false, BC_EPARSE, 0,
	  "a header line that is none" },
	/* RFC 7692 */
	{ "an extension nobody offered", GOOD EXT "permessage-deflate\r\n" END, false, BC_EPARSE, 0,
	  "an extension that was not offered" },
	{ "compression", GOOD EXT "permessage-deflate\r\n" END, true, BC_OK, 15, "" },
	{ "offered, and not taken", GOOD END, true, BC_OK, 0, "" },
	{ "without a context", GOOD EXT "permessage-deflate; server_no_context_takeover\r\n" END,
	  true, BC_OK, 1015, "" },
	{ "with all there is",
	  GOOD EXT "Permessage-Deflate;client_no_context_takeover;server_no_context_takeover ; "
		   "server_max_window_bits=\"10\"; client_max_window_bits=8\r\n" END,
	  true, BC_OK, 1010, "" },
	{ "another extension", GOOD EXT "x-webkit-deflate-frame\r\n" END, true, BC_EPARSE, 0,
	  "an extension that was not offered" },
	{ "twice", GOOD EXT "permessage-deflate, permessage-deflate\r\n" END, true, BC_EPARSE, 0,
	  "an extension that was not offered" },
	{ "twice, in two headers",
	  GOOD EXT "permessage-deflate\r\n" EXT "permessage-deflate\r\n" END, true, BC_EPARSE, 0,
	  "an extension that was not offered" },
	{ "a parameter twice",
	  GOOD EXT "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9\r\n" END,
	  true, BC_EPARSE, 0, "an extension parameter that comes twice" },
	{ "an unknown parameter", GOOD EXT "permessage-deflate; x\r\n" END, true, BC_EPARSE, 0,
	  "an extension parameter of nobody's knowledge" },
	{ "a window of 7", GOOD EXT "permessage-deflate; server_max_window_bits=7\r\n" END, true,
	  BC_EPARSE, 0, "an extension parameter of a wrong value" },
	{ "a window of 16", GOOD EXT "permessage-deflate; server_max_window_bits=16\r\n" END, true,
	  BC_EPARSE, 0, "an extension parameter of a wrong value" },
	{ "a window of 010", GOOD EXT "permessage-deflate; server_max_window_bits=010\r\n" END,
	  true, BC_EPARSE, 0, "an extension parameter of a wrong value" },
	{ "a window of nothing", GOOD EXT "permessage-deflate; server_max_window_bits\r\n" END,
	  true, BC_EPARSE, 0, "an extension parameter of a wrong value" },
	{ "a value where there is none",
	  GOOD EXT "permessage-deflate; server_no_context_takeover=1\r\n" END, true, BC_EPARSE, 0,
	  "an extension parameter of a wrong value" },
	{ "an empty parameter", GOOD EXT "permessage-deflate;\r\n" END, true, BC_EPARSE, 0,
	  "an extension parameter of nobody's knowledge" },
};

static void check(size_t i, bc_status rc, const struct ws_answer *a, size_t cut)
{
	const char *name = answers[i].name;
	cr_expect_eq(rc, answers[i].status, "%s, cut at %zu: %s", name, cut, bc_status_text(rc));
	if (rc == BC_EPARSE)
		cr_expect_str_eq(a->why, answers[i].more, "%s: %s", name, a->why);
	if (rc == BC_EINVAL) {
		cr_expect_eq(a->status, answers[i].http, "%s", name);
		cr_expect_str_eq(a->retry_after, answers[i].more, "%s", name);
	}
	if (rc == BC_OK) {
		const int bits =
			a->deflate ? (int)a->server_window_bits + (a->server_no_context ? 1000 : 0)
				   : 0;
		cr_expect_eq(bits, answers[i].http, "%s: %d", name, bits);
	}
}

/* Whole, and cut at every place; what follows is not touched. */
Test(ws_upgrade, believes_only_what_is_an_answer)
{
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		char bytes[1024], request[WS_REQUEST_MAX];
		const int n = snprintf(bytes, sizeof bytes, "%s", answers[i].answer);
		const struct bc_ws_target t = target(answers[i].offered);
		for (int cut = 0; cut <= n; cut++) {
			struct ws_upgrade u;
			struct ws_answer a;
			size_t used, more = 0;
			ws_upgrade_request(&u, &t, nonce, request);
			bc_status rc =
				ws_upgrade_answer(&u, (bc_str){ bytes, (size_t)cut }, &used, &a);
			if (rc == BC_EAGAIN)
				rc = ws_upgrade_answer(&u,
						       (bc_str){ bytes + used, (size_t)n - used },
						       &more, &a);
			check(i, rc, &a, (size_t)cut);
			if (rc == BC_OK)
				cr_expect_eq(used + more, (size_t)n, "%s", answers[i].name);
		}
	}
}

Test(ws_upgrade, leaves_the_first_frames_alone)
{
	struct ws_upgrade u;
	struct ws_answer a;
	char request[WS_REQUEST_MAX];
	size_t used;
	const struct bc_ws_target t = target(false);
	static const char bytes[] = GOOD END "\x81\x02hi";
	ws_upgrade_request(&u, &t, nonce, request);
	cr_expect_eq(ws_upgrade_answer(&u, (bc_str){ bytes, sizeof bytes - 1 }, &used, &a), BC_OK);
	cr_expect_eq(used, sizeof bytes - 5);
}

Test(ws_upgrade, is_bounded)
{
	struct ws_upgrade u;
	struct ws_answer a;
	size_t used;
	char request[WS_REQUEST_MAX], *bytes = malloc(WS_ANSWER_MAX + 4);
	const struct bc_ws_target t = target(false);
	const int n = snprintf(bytes, WS_ANSWER_MAX, GOOD "X: ");
	memset(bytes + n, 'x', WS_ANSWER_MAX + 4 - (size_t)n);
	ws_upgrade_request(&u, &t, nonce, request);
	cr_expect_eq(ws_upgrade_answer(&u, (bc_str){ bytes, WS_ANSWER_MAX - 1 }, &used, &a),
		     BC_EAGAIN);
	cr_expect_eq(ws_upgrade_answer(&u, (bc_str){ bytes, WS_ANSWER_MAX }, &used, &a), BC_EPARSE);
	cr_expect_str_eq(a.why, "headers over 16 KiB");
	for (size_t i = 1; i <= 4; i++)
		bytes[WS_ANSWER_MAX - i] = i % 2 == 1 ? '\n' : '\r';
	ws_upgrade_request(&u, &t, nonce, request);
	cr_expect_eq(ws_upgrade_answer(&u, (bc_str){ bytes, WS_ANSWER_MAX }, &used, &a), BC_OK);
	free(bytes);
}
