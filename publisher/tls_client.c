#include "publisher/tls_client.h"

#include "common/log.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

const char *bc_tls_last_error(void)
{
	const unsigned long code = ERR_peek_last_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
	return reason != NULL ? reason : "ended by the peer";
}

bc_status bc_tls_client_new(SSL_CTX **out, const char *ca_file, struct bc_log *log)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return BC_ENOMEM;
	SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	/* During a second handshake a write waits for a read, and nobody but a hostile server wants
	 * one. */
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	ERR_clear_error();
	const int loaded = ca_file != NULL ? SSL_CTX_load_verify_file(ctx, ca_file)
					   : SSL_CTX_set_default_verify_paths(ctx);
	if (loaded != 1) {
		bc_log_event(log, BC_LOG_ERROR, "tls.store",
			     BC_LOG_S("file", ca_file != NULL ? ca_file : "system"),
			     BC_LOG_S("error", bc_tls_last_error()));
		SSL_CTX_free(ctx);
		return BC_EIO;
	}
	*out = ctx;
	return BC_OK;
}

#define NAME_RULE (X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)

static bool name_set(SSL *tls, const char *host)
{
	X509_VERIFY_PARAM *rules = SSL_get0_param(tls);
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	if (address != NULL) {
		ASN1_OCTET_STRING_free(address);
		return X509_VERIFY_PARAM_set1_ip_asc(rules, host) == 1;
	}
	X509_VERIFY_PARAM_set_hostflags(rules, NAME_RULE);
	return X509_VERIFY_PARAM_set1_host(rules, host, 0) == 1 &&
	       SSL_set_tlsext_host_name(tls, host) == 1;
}

bc_status bc_tls_client_connection(SSL **out, SSL_CTX *ctx, const char *host)
{
	static const unsigned char http[] = "\x08http/1.1";
	SSL *tls = SSL_new(ctx);
	if (tls == NULL)
		return BC_ENOMEM;
	/* SSL_set_alpn_protos() gives 0 when it went well. */
	if (!name_set(tls, host) || SSL_set_alpn_protos(tls, http, sizeof http - 1) != 0) {
		SSL_free(tls);
		return BC_ENOMEM;
	}
	SSL_set_connect_state(tls);
	*out = tls;
	return BC_OK;
}

bool bc_tls_name_matches(X509 *certificate, const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	if (address != NULL) {
		ASN1_OCTET_STRING_free(address);
		return X509_check_ip_asc(certificate, host, 0) == 1;
	}
	return X509_check_host(certificate, host, 0, NAME_RULE, NULL) == 1;
}
