/* tls_client.h - how every WebSocket transport of ours speaks TLS: version 1.2 or newer, the peer's
 * certificate always verified, against the system's store or one file, never less.
 *
 * Threads an SSL_CTX belongs to one loop. */
#ifndef BC_TLS_CLIENT_H
#define BC_TLS_CLIENT_H

#include "proto/value.h"

#include <openssl/ssl.h>

struct bc_log;

/* A client context; the caller frees it with SSL_CTX_free(). ca_file NULL: the system's store; else
 * that file alone. BC_EIO: the store cannot be read, and the log says which. */
bc_status bc_tls_client_new(SSL_CTX **out, const char *ca_file, struct bc_log *log);

/* A connection to `host`: its name is told (SNI, but for a numeric address), http/1.1 is spoken,
 * and the certificate must be for it, by the rule below. BC_ENOMEM. */
bc_status bc_tls_client_connection(SSL **out, SSL_CTX *ctx, const char *host);

/* Whether the certificate is for `host`: a DNS name, or a numeric IPv4 or IPv6 address. Only
 * subjectAltName counts; a wildcard stands for exactly one whole label. */
bool bc_tls_name_matches(X509 *certificate, const char *host);

/* What stands last in this thread's OpenSSL error queue, for people; "ended by the peer"
 * when it is empty. */
const char *bc_tls_last_error(void);

#endif
