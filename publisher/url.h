/* url.h - where an exchange stands: scheme, host, port, and nothing else; paths are the adapter's.
 *
 * Memory  fixed arrays; nothing allocates.
 * Threads every function is pure. */
#ifndef BC_URL_H
#define BC_URL_H

#include "proto/value.h"

#define BC_URL_HOST_MAX 100
#define BC_URL_TEXT_MAX (sizeof "https://[]:65535" + BC_URL_HOST_MAX)

enum bc_url_kind { BC_URL_WS /* ws, wss */, BC_URL_HTTP /* http, https */ };

struct bc_url {
	enum bc_url_kind kind;
	bool tls;
	bool numeric; /* host is an IPv4 or IPv6 address */
	uint16_t port;
	char host[BC_URL_HOST_MAX + 1]; /* lower case; IPv6 without brackets */
};

/* Takes "wss://api.upbit.com", "https://[::1]:8443"; one slash may end it. Nothing else: no user,
 * no path, no query, no blanks. BC_EPARSE: why[cap] says what is wrong and what would be right. */
bc_status bc_url_parse(const char *text, enum bc_url_kind kind, struct bc_url *out, char *why,
		       size_t cap);

/* "https://[::1]:8443", without the port where it is the usual one; BC_URL_TEXT_MAX suffices. */
void bc_url_format(const struct bc_url *url, char *out, size_t cap);

#endif
