/* http.h - HTTP/1.1 requests in, responses out. Pure.
 *
 * Limits  a head over HTTP_HEAD_MAX, a body over HTTP_BODY_MAX or HTTP_HEADERS_MAX header lines
 *         are refused. Bodies come with Content-Length only. */
#ifndef BC_SIM_HTTP_H
#define BC_SIM_HTTP_H

#include "publisher/simulator/buffer.h"

#define HTTP_HEAD_MAX    16384
#define HTTP_BODY_MAX    65536
#define HTTP_HEADERS_MAX 64

struct http_header {
	bc_str name, value;
};

/* Borrowed from the bytes it was parsed from. */
struct http_request {
	bc_str method, target; /* target: path and query, as sent */
	bc_str path, query;
	struct http_header headers[HTTP_HEADERS_MAX];
	size_t n_headers;
	bc_str body;
	bool keep_alive, expects_continue;
};

/* BC_OK: *used bytes were one request. BC_EAGAIN: more are needed (expects_continue is valid if
 * the head is whole). Else *status is the HTTP status to refuse it with. */
bc_status http_parse(const char *bytes, size_t n, struct http_request *out, size_t *used,
		     int *status);

/* The header's value, by name in any case; empty where it is not there. */
bc_str http_header(const struct http_request *r, const char *name);
/* Is `token` in the comma separated value, in any case? */
bool http_has_token(bc_str value, const char *token);
/* Undoes %XX and +. BC_EPARSE: a bad %; BC_ERANGE: longer than cap. */
bc_status http_decode(bc_str text, char *out, size_t cap);
/* The decoded value of a query key into out[cap]. BC_ENOTFOUND, BC_EPARSE (bad %), BC_ERANGE. */
bc_status http_query(const struct http_request *r, const char *key, char *out, size_t cap);

const char *http_reason(int status);

#endif
