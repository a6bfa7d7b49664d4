#include "publisher/ws_upgrade.h"

#include "publisher/ws_target.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#ifndef BOOKCAST_VERSION
#error "BOOKCAST_VERSION comes from the build"
#endif

#define KEY_SIZE 25 /* 16 bytes in base64, and a NUL */
#define OFFER    "permessage-deflate; client_no_context_takeover; client_max_window_bits"

/* ------------------------------------------------------------------ the request */

static void accept_value(const char *key, char out[WS_ACCEPT_SIZE])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	char text[KEY_SIZE + 36];
	const int n = snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	if (EVP_Digest(text, (size_t)n, digest, NULL, EVP_sha1(), NULL) != 1)
		memset(digest, 0, sizeof digest); /* and no answer will do */
	EVP_EncodeBlock((unsigned char *)out, digest, 20);
}

size_t ws_upgrade_request(struct ws_upgrade *u, const struct bc_ws_target *target,
			  const unsigned char random[16], char *out)
{
	char key[KEY_SIZE], host[WS_HOST_TEXT_MAX];
	EVP_EncodeBlock((unsigned char *)key, random, 16);
	ws_target_host(target, host);
	*u = (struct ws_upgrade){ .offered = target->compression };
	accept_value(key, u->accept);
	const int n = snprintf(out, WS_REQUEST_MAX,
			       "GET %s HTTP/1.1\r\n"
			       "Host: %s\r\n"
			       "Upgrade: websocket\r\n"
			       "Connection: Upgrade\r\n"
			       "Sec-WebSocket-Key: %s\r\n"
			       "Sec-WebSocket-Version: 13\r\n"
			       "%s"
			       "User-Agent: bookcast/" BOOKCAST_VERSION "\r\n\r\n",
			       target->path, host, key,
			       u->offered ? "Sec-WebSocket-Extensions: " OFFER "\r\n" : "");
	return n < 0 || n >= WS_REQUEST_MAX ? 0 : (size_t)n;
}

/* ------------------------------------------------------------------ words of HTTP */

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(bc_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

static bool same_word(bc_str a, const char *b)
{
	if (a.n != strlen(b))
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (bc_ascii_upper(a.p[i]) != bc_ascii_upper(b[i]))
			return false;
	return true;
}

static bc_str trimmed(bc_str s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = (bc_str){ s.p + 1, s.n - 1 };
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* The part of *rest before the next `mark`, trimmed; *rest goes behind it. False: there is none. */
static bool next_part(bc_str *rest, char mark, bc_str *part)
{
	if (rest->p == NULL)
		return false;
	const char *at = rest->n == 0 ? NULL : memchr(rest->p, mark, rest->n);
	const size_t n = at != NULL ? (size_t)(at - rest->p) : rest->n;
	*part = trimmed((bc_str){ rest->p, n });
	*rest = at != NULL ? (bc_str){ at + 1, rest->n - n - 1 } : (bc_str){ NULL, 0 };
	return true;
}

static bool list_has(bc_str list, const char *word)
{
	bc_str part;
	while (next_part(&list, ',', &part))
		if (same_word(part, word))
			return true;
	return false;
}

/* ------------------------------------------------------------------ permessage-deflate */

/* 8 to 15; 0: it is none of them. */
static unsigned int window_bits(bc_str value)
{
	if (value.n == 1 && (value.p[0] == '8' || value.p[0] == '9'))
		return (unsigned int)(value.p[0] - '0');
	if (value.n == 2 && value.p[0] == '1' && value.p[1] >= '0' && value.p[1] <= '5')
		return 10 + (unsigned int)(value.p[1] - '0');
	return 0;
}

/* One parameter, named once. */
static const char *parameter(struct ws_answer *out, unsigned int *seen, bc_str text)
{
	static const char *const names[] = { "server_no_context_takeover",
					     "client_no_context_takeover", "server_max_window_bits",
					     "client_max_window_bits" };
	bc_str rest = text, name, value;
	next_part(&rest, '=', &name);
	const bool valued = rest.p != NULL;
	value = valued ? trimmed(rest) : (bc_str){ "", 0 };
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = (bc_str){ value.p + 1, value.n - 2 };
	size_t i = 0;
	while (i < 4 && !same_word(name, names[i]))
		i++;
	if (i == 4)
		return "an extension parameter of nobody's knowledge";
	if ((*seen & 1u << i) != 0)
		return "an extension parameter that comes twice";
	*seen |= 1u << i;
	const unsigned int bits = window_bits(value);
	if (i < 2 ? valued : bits == 0)
		return "an extension parameter of a wrong value";
	if (i == 0)
		out->server_no_context = true;
	else if (i == 2)
		out->server_window_bits = bits;
	return NULL;
}

static const char *extension(struct ws_answer *out, bc_str text)
{
	bc_str part;
	unsigned int seen = 0;
	const char *why = NULL;
	next_part(&text, ';', &part);
	if (!same_word(part, "permessage-deflate") || out->deflate)
		return "an extension that was not offered";
	out->deflate = true;
	out->server_window_bits = 15;
	while (why == NULL && next_part(&text, ';', &part))
		why = parameter(out, &seen, part);
	return why;
}

static const char *extensions(const struct ws_upgrade *u, struct ws_answer *out, bc_str list)
{
	bc_str part;
	const char *why = NULL;
	while (why == NULL && next_part(&list, ',', &part)) {
		if (part.n == 0) /* RFC 9110, 5.6.1.2 */
			continue;
		why = u->offered ? extension(out, part) : "an extension that was not offered";
	}
	return why;
}

/* ------------------------------------------------------------------ the answer */

struct seen {
	unsigned int accepts, upgrades;
	bool right_accept, websocket, upgrade;
};

static const char *header(const struct ws_upgrade *u, bc_str name, bc_str value, struct seen *seen,
			  struct ws_answer *out)
{
	if (same_word(name, "Sec-WebSocket-Accept")) {
		seen->accepts++;
		seen->right_accept = bc_str_is(value, u->accept);
	} else if (same_word(name, "Upgrade")) {
		seen->upgrades++;
		seen->websocket = same_word(value, "websocket");
	} else if (same_word(name, "Connection")) {
		seen->upgrade |= list_has(value, "upgrade");
	} else if (same_word(name, "Sec-WebSocket-Extensions") && out->status == 101) {
		return extensions(u, out, value);
	} else if (same_word(name, "Sec-WebSocket-Protocol") && value.n > 0 && out->status == 101) {
		return "a subprotocol that was not offered";
	} else if (same_word(name, "Retry-After") && value.n < sizeof out->retry_after) {
		snprintf(out->retry_after, sizeof out->retry_after, "%.*s", (int)value.n, value.p);
	}
	return NULL;
}

static bool is_text(bc_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

/* "HTTP/1.1 101 Switching Protocols"; a proxy may say no in HTTP/1.0. */
static const char *status_line(bc_str line, struct ws_answer *out)
{
	static const char version[] = "HTTP/1.1 ", older[] = "HTTP/1.0 ";
	const size_t n = sizeof version - 1;
	const char *p = line.p + n;
	const bool is_older = line.n >= n && memcmp(line.p, older, n) == 0;
	if (line.n < n + 3 || (!is_older && memcmp(line.p, version, n) != 0) || !is_text(line))
		return "not HTTP/1.1";
	for (size_t i = 0; i < 3; i++)
		if (p[i] < '0' || p[i] > '9')
			return "not HTTP/1.1";
	if (p[0] == '0' || (line.n > n + 3 && p[3] != ' ') || (is_older && p[0] == '1'))
		return "not HTTP/1.1";
	out->status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	return NULL;
}

static const char *header_line(const struct ws_upgrade *u, bc_str line, struct seen *seen,
			       struct ws_answer *out)
{
	const char *colon = memchr(line.p, ':', line.n);
	if (colon == NULL)
		return "a header line without a colon";
	const bc_str name = { line.p, (size_t)(colon - line.p) };
	const bc_str value = trimmed((bc_str){ colon + 1, line.n - name.n - 1 });
	if (!is_token(name) || !is_text(value))
		return "a header line that is none";
	return header(u, name, value, seen, out);
}

/* `head` ends with its empty line. NULL: an answer, whatever it says. */
static const char *head_read(const struct ws_upgrade *u, bc_str head, struct seen *seen,
			     struct ws_answer *out)
{
	const char *why = NULL;
	bool first = true;
	while (why == NULL && head.n > 2) {
		const char *end = memmem(head.p, head.n, "\r\n", 2);
		const bc_str line = { head.p, (size_t)(end - head.p) };
		why = first ? status_line(line, out) : header_line(u, line, seen, out);
		first = false;
		head = (bc_str){ end + 2, head.n - line.n - 2 };
	}
	return why;
}

static const char *not_a_websocket(const struct seen *seen)
{
	if (seen->upgrades != 1 || !seen->websocket)
		return "no Upgrade: websocket";
	if (!seen->upgrade)
		return "no Connection: Upgrade";
	if (seen->accepts != 1 || !seen->right_accept)
		return "Sec-WebSocket-Accept is not what it must be";
	return NULL;
}

static bc_status broken(struct ws_answer *out, const char *why)
{
	out->why = why;
	return BC_EPARSE;
}

/* Where the empty line ends; 0: not there yet. */
static size_t head_end(struct ws_upgrade *u, bc_str bytes)
{
	const size_t from = u->looked_at < 3 ? 0 : u->looked_at - 3;
	const char *end =
		bytes.n < 4 ? NULL : memmem(bytes.p + from, bytes.n - from, "\r\n\r\n", 4);
	u->looked_at = bytes.n;
	return end != NULL ? (size_t)(end - bytes.p) + 4 : 0;
}

bc_status ws_upgrade_answer(struct ws_upgrade *u, bc_str bytes, size_t *used, struct ws_answer *out)
{
	*used = 0;
	for (;;) {
		struct seen seen = { 0 };
		const bc_str rest = { bytes.p + *used, bytes.n - *used };
		*out = (struct ws_answer){ .status = 0 };
		const size_t begins = rest.n < 7 ? rest.n : 7;
		if (begins > 0 && memcmp(rest.p, "HTTP/1.", begins) != 0)
			return broken(out, "not HTTP/1.1");
		const size_t n = head_end(u, rest);
		if (n > WS_ANSWER_MAX || (n == 0 && rest.n >= WS_ANSWER_MAX))
			return broken(out, "headers over 16 KiB");
		if (n == 0)
			return BC_EAGAIN;
		const char *why = head_read(u, (bc_str){ rest.p, n }, &seen, out);
		if (why != NULL)
			return broken(out, why);
		*used += n;
		u->looked_at = 0;
		if (out->status / 100 == 1 && out->status != 101)
			continue;
		if (out->status != 101)
			return BC_EINVAL;
		why = not_a_websocket(&seen);
		return why != NULL ? broken(out, why) : BC_OK;
	}
}
