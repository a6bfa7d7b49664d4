#include "publisher/simulator/http.h"

#include <string.h>
#include <strings.h>

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{ 100, "Continue" },
	{ 101, "Switching Protocols" },
	{ 200, "OK" },
	{ 301, "Moved Permanently" },
	{ 400, "Bad Request" },
	{ 403, "Forbidden" },
	{ 404, "Not Found" },
	{ 405, "Method Not Allowed" },
	{ 411, "Length Required" },
	{ 413, "Content Too Large" },
	{ 418, "I'm a teapot" },
	{ 426, "Upgrade Required" },
	{ 429, "Too Many Requests" },
	{ 431, "Request Header Fields Too Large" },
	{ 500, "Internal Server Error" },
	{ 503, "Service Unavailable" },
};

const char *http_reason(int status)
{
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

static bool same_word(bc_str a, const char *word)
{
	return a.n == strlen(word) && strncasecmp(a.p, word, a.n) == 0;
}

static bc_str trimmed(bc_str s)
{
	while (s.n > 0 && (*s.p == ' ' || *s.p == '\t')) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* Takes up to `stop` from *rest; false: it is not there. */
static bool take_until(bc_str *rest, const char *stop, bc_str *out)
{
	size_t n = strlen(stop);
	const char *at = memmem(rest->p, rest->n, stop, n);

	if (at == NULL)
		return false;
	*out = (bc_str){ rest->p, (size_t)(at - rest->p) };
	rest->n -= out->n + n;
	rest->p = at + n;
	return true;
}

bc_str http_header(const struct http_request *r, const char *name)
{
	for (size_t i = 0; i < r->n_headers; i++)
		if (same_word(r->headers[i].name, name))
			return r->headers[i].value;
	return (bc_str){ "", 0 };
}

bool http_has_token(bc_str value, const char *token)
{
	while (value.n > 0) {
		bc_str item;

		if (!take_until(&value, ",", &item)) {
			item = value;
			value.n = 0;
		}
		if (same_word(trimmed(item), token))
			return true;
	}
	return false;
}

static bool parse_request_line(bc_str line, struct http_request *out)
{
	const char *mark;

	if (!take_until(&line, " ", &out->method) || !take_until(&line, " ", &out->target))
		return false;
	if (line.n != 8 || memcmp(line.p, "HTTP/1.", 7) != 0 || out->method.n == 0 ||
	    out->target.n == 0 || out->target.p[0] != '/')
		return false;
	out->keep_alive = line.p[7] == '1';
	mark = memchr(out->target.p, '?', out->target.n);
	out->path = out->target;
	out->query = (bc_str){ "", 0 };
	if (mark != NULL) {
		out->path.n = (size_t)(mark - out->target.p);
		out->query = (bc_str){ mark + 1, out->target.n - out->path.n - 1 };
	}
	return true;
}

/* 0: all is well; else the status to refuse the request with. */
static int parse_head(bc_str head, struct http_request *out)
{
	bc_str line;

	if (!take_until(&head, "\r\n", &line) || !parse_request_line(line, out))
		return 400;
	while (take_until(&head, "\r\n", &line)) {
		struct http_header *h = &out->headers[out->n_headers];

		if (out->n_headers == HTTP_HEADERS_MAX)
			return 431;
		if (!take_until(&line, ":", &h->name) || h->name.n == 0)
			return 400;
		h->value = trimmed(line);
		out->n_headers++;
	}
	return 0;
}

static int body_length(const struct http_request *r, size_t *out)
{
	bc_str text = http_header(r, "Content-Length");

	*out = 0;
	if (http_header(r, "Transfer-Encoding").n > 0)
		return 411;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return 400;
		*out = *out * 10 + (size_t)(text.p[i] - '0');
		if (*out > HTTP_BODY_MAX)
			return 413;
	}
	return 0;
}

bc_status http_parse(const char *bytes, size_t n, struct http_request *out, size_t *used,
		     int *status)
{
	const char *end = memmem(bytes, n, "\r\n\r\n", 4);
	size_t head, body;

	*used = 0;
	*out = (struct http_request){ .n_headers = 0 };
	if (end == NULL) {
		*status = 431;
		return n > HTTP_HEAD_MAX ? BC_ERANGE : BC_EAGAIN;
	}
	head = (size_t)(end - bytes) + 4;
	*status = head > HTTP_HEAD_MAX ? 431 : parse_head((bc_str){ bytes, head - 2 }, out);
	if (*status == 0)
		*status = body_length(out, &body);
	if (*status != 0)
		return BC_EPARSE;
	if (http_has_token(http_header(out, "Connection"), "close"))
		out->keep_alive = false;
	out->expects_continue = same_word(http_header(out, "Expect"), "100-continue");
	if (n - head < body)
		return BC_EAGAIN;
	out->body = (bc_str){ bytes + head, body };
	*used = head + body;
	return BC_OK;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bc_status http_decode(bc_str text, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '+')
			c = ' ';
		if (c == '%') {
			if (text.n - i < 3 || hex_value(text.p[i + 1]) < 0 ||
			    hex_value(text.p[i + 2]) < 0)
				return BC_EPARSE;
			c = (char)(unsigned char)(hex_value(text.p[i + 1]) * 16 +
						  hex_value(text.p[i + 2]));
			i += 2;
		}
		if (n + 1 >= cap)
			return BC_ERANGE;
		out[n++] = c;
	}
	out[n] = '\0';
	return BC_OK;
}

bc_status http_query(const struct http_request *r, const char *key, char *out, size_t cap)
{
	bc_str rest = r->query;

	while (rest.n > 0) {
		bc_str pair, name;

		if (!take_until(&rest, "&", &pair)) {
			pair = rest;
			rest.n = 0;
		}
		if (take_until(&pair, "=", &name) && bc_str_is(name, key))
			return http_decode(pair, out, cap);
	}
	return BC_ENOTFOUND;
}
