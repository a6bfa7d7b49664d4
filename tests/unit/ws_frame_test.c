/* The server's side of RFC 6455, and of HTTP/1.1. */
#include "publisher/simulator/http.h"
#include "publisher/simulator/ws_frame.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAP 4096

/* A client's frame, masked; returns its length. */
static size_t client_frame(char *out, uint8_t first, const char *payload, size_t n)
{
	static const char mask[4] = { 0x11, 0x22, 0x33, 0x44 };
	size_t at = ws_header(first, n, out);

	out[1] = (char)(out[1] | (char)0x80);
	memcpy(out + at, mask, 4);
	for (size_t i = 0; i < n; i++)
		out[at + 4 + i] = (char)(payload[i] ^ mask[i & 3]);
	return at + 4 + n;
}

Test(ws_frame, accept_key_of_the_rfc)
{
	char accept[WS_ACCEPT_MAX];

	cr_assert_eq(ws_accept(BC_STR("dGhlIHNhbXBsZSBub25jZQ=="), accept), BC_OK);
	cr_expect_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
	cr_expect_neq(ws_accept(BC_STR(""), accept), BC_OK);
}

Test(ws_frame, lengths_of_all_three_forms)
{
	static const size_t lengths[] = { 0, 1, 125, 126, 127, 65535, 65536, 100000 };
	char *payload = malloc(100000), *bytes = malloc(100000 + 32);
	struct ws_parser p;

	memset(payload, 'a', 100000);
	ws_parser_init(&p, 200000);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		size_t n = client_frame(bytes, ws_first(WS_TEXT), payload, lengths[i]), used = 9;
		struct ws_message m;
		uint16_t code;

		/* One byte less than whole must wait, whatever the length. */
		cr_expect_eq(ws_parse(&p, bytes, n - 1, &used, &m, &code), BC_EAGAIN);
		cr_expect_eq(used, 0);
		cr_assert_eq(ws_parse(&p, bytes, n, &used, &m, &code), BC_OK, "%zu", lengths[i]);
		cr_expect_eq(used, n);
		cr_expect_eq(m.payload.n, lengths[i]);
		cr_expect_eq(memcmp(m.payload.p, payload, lengths[i]), 0);
	}
	ws_parser_free(&p);
	free(payload);
	free(bytes);
}

Test(ws_frame, fragments_join_around_a_ping)
{
	char bytes[CAP];
	size_t n = 0, used, at = 0;
	struct ws_parser p;
	struct ws_message m;
	uint16_t code;

	n += client_frame(bytes + n, WS_TEXT, "ab", 2); /* no FIN */
	n += client_frame(bytes + n, ws_first(WS_PING), "?", 1);
	n += client_frame(bytes + n, WS_CONTINUATION, "", 0);
	n += client_frame(bytes + n, ws_first(WS_CONTINUATION), "cd", 2);
	ws_parser_init(&p, 100);
	cr_assert_eq(ws_parse(&p, bytes + at, n - at, &used, &m, &code), BC_EAGAIN);
	at += used;
	cr_assert_eq(ws_parse(&p, bytes + at, n - at, &used, &m, &code), BC_OK);
	cr_expect_eq(m.opcode, WS_PING);
	at += used;
	cr_assert_eq(ws_parse(&p, bytes + at, n - at, &used, &m, &code), BC_EAGAIN);
	at += used;
	cr_assert_eq(ws_parse(&p, bytes + at, n - at, &used, &m, &code), BC_OK);
	cr_expect_eq(m.opcode, WS_TEXT);
	cr_expect(bc_str_is(m.payload, "abcd"));
	cr_expect_eq(at + used, n);
	ws_parser_free(&p);
}

Test(ws_frame, what_the_rfc_forbids_is_refused_with_its_code)
{
	static const struct {
		const char *what;
		uint8_t first;
		size_t n;
		bool masked;
		uint16_t code;
	} rows[] = {
		{ "unmasked", 0x81, 1, false, WS_CLOSE_PROTOCOL },
		{ "reserved bit", 0xc1, 1, true, WS_CLOSE_PROTOCOL },
		{ "opcode 3", 0x83, 1, true, WS_CLOSE_PROTOCOL },
		{ "opcode 11", 0x8b, 1, true, WS_CLOSE_PROTOCOL },
		{ "continuation of nothing", 0x80, 1, true, WS_CLOSE_PROTOCOL },
		{ "fragmented ping", 0x09, 1, true, WS_CLOSE_PROTOCOL },
		{ "long ping", 0x89, 126, true, WS_CLOSE_PROTOCOL },
		{ "too large", 0x82, 1001, true, WS_CLOSE_TOO_LARGE },
	};
	static const char payload[2000] = { 0 };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char bytes[CAP];
		size_t n = client_frame(bytes, rows[i].first, payload, rows[i].n), used;
		struct ws_parser p;
		struct ws_message m;
		uint16_t code = 0;
		bc_status rc;

		if (!rows[i].masked)
			bytes[1] = (char)(bytes[1] & 0x7f);
		ws_parser_init(&p, 1000);
		rc = ws_parse(&p, bytes, n, &used, &m, &code);
		cr_expect(rc == BC_EPARSE || rc == BC_ERANGE, "%s", rows[i].what);
		cr_expect_eq(code, rows[i].code, "%s: %u", rows[i].what, code);
		ws_parser_free(&p);
	}
}

Test(ws_frame, fragments_are_capped_together_and_text_is_utf8)
{
	char bytes[CAP];
	struct ws_parser p;
	struct ws_message m;
	uint16_t code = 0;
	size_t n, used;

	ws_parser_init(&p, 1000);
	for (int i = 0; i < 2; i++) {
		n = client_frame(bytes, i == 0 ? WS_BINARY : WS_CONTINUATION, bytes + 2000, 500);
		cr_assert_eq(ws_parse(&p, bytes, n, &used, &m, &code), BC_EAGAIN);
	}
	n = client_frame(bytes, WS_CONTINUATION, "x", 1);
	cr_expect_eq(ws_parse(&p, bytes, n, &used, &m, &code), BC_ERANGE);
	ws_parser_free(&p);
	ws_parser_init(&p, 1000);
	n = client_frame(bytes, ws_first(WS_TEXT), "\xff", 1);
	cr_expect_eq(ws_parse(&p, bytes, n, &used, &m, &code), BC_EPARSE);
	cr_expect_eq(code, WS_CLOSE_BAD_DATA);
	ws_parser_free(&p);
}

Test(http, a_request_in_any_pieces)
{
	static const char text[] =
		"POST /a%20b?x=1&name=KRW-BTC%2CKRW-ETH+z HTTP/1.1\r\n"
		"host: h\r\nCONTENT-length: 5\r\nConnection: a, Keep-Alive\r\n\r\n"
		"hello";
	struct http_request r;
	char value[64];
	size_t used;
	int status;

	for (size_t n = 0; n + 1 < sizeof text - 1; n++)
		cr_assert_eq(http_parse(text, n, &r, &used, &status), BC_EAGAIN, "%zu", n);
	cr_assert_eq(http_parse(text, sizeof text - 1, &r, &used, &status), BC_OK);
	cr_expect_eq(used, sizeof text - 1);
	cr_expect(bc_str_is(r.method, "POST") && bc_str_is(r.path, "/a%20b"));
	cr_expect(bc_str_is(r.body, "hello") && r.keep_alive);
	cr_expect(bc_str_is(http_header(&r, "Host"), "h"));
	cr_expect(http_has_token(http_header(&r, "connection"), "keep-alive"));
	cr_expect_not(http_has_token(http_header(&r, "connection"), "keep"));
	cr_assert_eq(http_query(&r, "name", value, sizeof value), BC_OK);
	cr_expect_str_eq(value, "KRW-BTC,KRW-ETH z");
	cr_expect_eq(http_query(&r, "nam", value, sizeof value), BC_ENOTFOUND);
	cr_expect_eq(http_query(&r, "name", value, 5), BC_ERANGE);
}

Test(http, what_is_refused)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "GET\r\n\r\n", 400 },
		{ "GET nowhere HTTP/1.1\r\n\r\n", 400 },
		{ "GET / HTTP/2.0\r\n\r\n", 400 },
		{ "GET / HTTP/1.1\r\nno colon\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\n", 400 },
		{ "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 413 },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411 },
	};
	struct http_request r;
	size_t used;
	int status;
	char *long_head = malloc(HTTP_HEAD_MAX + 2);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		status = 0;
		cr_expect_eq(http_parse(rows[i].text, strlen(rows[i].text), &r, &used, &status),
			     BC_EPARSE, "%s", rows[i].text);
		cr_expect_eq(status, rows[i].status, "%s: %d", rows[i].text, status);
	}
	memset(long_head, 'a', HTTP_HEAD_MAX + 2);
	cr_expect_eq(http_parse(long_head, HTTP_HEAD_MAX + 1, &r, &used, &status), BC_ERANGE);
	cr_expect_eq(status, 431);
	free(long_head);
}
