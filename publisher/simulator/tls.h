/* tls.h - a certificate authority made at start, and the server's TLS with a leaf it signed. */
#ifndef BC_SIM_TLS_H
#define BC_SIM_TLS_H

#include "proto/value.h"

#include <openssl/ssl.h>

struct sim_tls;

struct sim_tls_options {
	const char *name; /* the certificate's only name; NULL: localhost, 127.0.0.1 and ::1 */
	bool expired;     /* it ended a day ago */
};

/* Makes keys and certificates and writes the authority's to a new file in TMPDIR or /tmp.
 * BC_EIO: why[cap] says what failed. */
bc_status sim_tls_new(struct sim_tls **out, const struct sim_tls_options *options, char *why,
		      size_t cap);
void sim_tls_free(struct sim_tls **tls); /* removes the file */
const char *sim_tls_ca_file(const struct sim_tls *tls);
SSL_CTX *sim_tls_context(struct sim_tls *tls);

#endif
