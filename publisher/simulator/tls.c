#include "publisher/simulator/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define S_PER_DAY 86400L

struct sim_tls {
	SSL_CTX *context;
	char ca_file[256]; /* empty: not written */
};

static bool set_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;
	bool set;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	set = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return set;
}

static bool set_name(X509 *cert, const char *name)
{
	return X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
					  (const unsigned char *)name, -1, -1, 0) == 1;
}

/* A certificate without extensions, valid from yesterday to `days` from now. NULL: failed. */
static X509 *new_certificate(EVP_PKEY *key, X509 *issuer, const char *name, long days)
{
	X509 *cert = X509_new();
	uint64_t serial = (uint64_t)getpid() << 1 | (issuer != NULL ? 1 : 0);

	if (cert == NULL)
		return NULL;
	if (X509_set_version(cert, X509_VERSION_3) != 1 ||
	    ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), serial) != 1 ||
	    X509_gmtime_adj(X509_getm_notBefore(cert), -2 * S_PER_DAY) == NULL ||
	    X509_gmtime_adj(X509_getm_notAfter(cert), days * S_PER_DAY) == NULL ||
	    X509_set_pubkey(cert, key) != 1 || !set_name(cert, name) ||
	    X509_set_issuer_name(cert, X509_get_subject_name(issuer != NULL ? issuer : cert)) !=
		    1) {
		X509_free(cert);
		return NULL;
	}
	return cert;
}

static X509 *make_authority(EVP_PKEY *key)
{
	X509 *ca = new_certificate(key, NULL, "bookcast-sim test authority", 30);

	if (ca == NULL)
		return NULL;
	if (!set_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
	    !set_extension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign") ||
	    !set_extension(ca, ca, NID_subject_key_identifier, "hash") ||
	    X509_sign(ca, key, EVP_sha256()) == 0) {
		X509_free(ca);
		return NULL;
	}
	return ca;
}

static X509 *make_leaf(EVP_PKEY *key, EVP_PKEY *ca_key, X509 *ca, const struct sim_tls_options *o)
{
	X509 *leaf = new_certificate(key, ca, o->name != NULL ? o->name : "localhost",
				     o->expired ? -1 : 30);
	char names[256] = "DNS:localhost,IP:127.0.0.1,IP:::1";

	if (o->name != NULL)
		snprintf(names, sizeof names, "DNS:%s", o->name);
	if (leaf == NULL)
		return NULL;
	if (!set_extension(leaf, ca, NID_basic_constraints, "critical,CA:FALSE") ||
	    !set_extension(leaf, ca, NID_key_usage, "critical,digitalSignature") ||
	    !set_extension(leaf, ca, NID_ext_key_usage, "serverAuth") ||
	    !set_extension(leaf, ca, NID_subject_alt_name, names) ||
	    X509_sign(leaf, ca_key, EVP_sha256()) == 0) {
		X509_free(leaf);
		return NULL;
	}
	return leaf;
}

static bool write_ca_file(struct sim_tls *tls, X509 *ca)
{
	const char *dir = getenv("TMPDIR");
	FILE *file;
	bool written;
	int fd, n;

	n = snprintf(tls->ca_file, sizeof tls->ca_file, "%s/bookcast-sim-ca-XXXXXX",
		     dir != NULL && dir[0] != '\0' ? dir : "/tmp");
	fd = n > 0 && (size_t)n < sizeof tls->ca_file ? mkstemp(tls->ca_file) : -1;
	if (fd < 0) {
		tls->ca_file[0] = '\0';
		return false;
	}
	file = fdopen(fd, "w");
	if (file == NULL) {
		close(fd);
		return false;
	}
	written = PEM_write_X509(file, ca) == 1;
	return fclose(file) == 0 && written;
}

static bool make_context(struct sim_tls *tls, EVP_PKEY *key, X509 *leaf)
{
	tls->context = SSL_CTX_new(TLS_server_method());
	return tls->context != NULL &&
	       SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) == 1 &&
	       SSL_CTX_use_certificate(tls->context, leaf) == 1 &&
	       SSL_CTX_use_PrivateKey(tls->context, key) == 1;
}

bc_status sim_tls_new(struct sim_tls **out, const struct sim_tls_options *o, char *why, size_t cap)
{
	struct sim_tls *tls = calloc(1, sizeof *tls);
	EVP_PKEY *ca_key = EVP_EC_gen("P-256");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *ca = ca_key != NULL ? make_authority(ca_key) : NULL;
	X509 *leaf = ca != NULL && key != NULL ? make_leaf(key, ca_key, ca, o) : NULL;
	bool made = tls != NULL && leaf != NULL && make_context(tls, key, leaf);
	bool written = made && write_ca_file(tls, ca);

	X509_free(leaf);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
	if (!written) {
		unsigned long code = ERR_get_error();

		snprintf(why, cap, "%s",
			 !made && code != 0 ? ERR_reason_error_string(code)
			 : made             ? "cannot write the CA file to TMPDIR or /tmp"
					    : "cannot make certificates");
		sim_tls_free(&tls);
		return BC_EIO;
	}
	*out = tls;
	return BC_OK;
}

void sim_tls_free(struct sim_tls **tls)
{
	struct sim_tls *t = *tls;

	*tls = NULL;
	if (t == NULL)
		return;
	if (t->ca_file[0] != '\0')
		unlink(t->ca_file);
	SSL_CTX_free(t->context);
	free(t);
}

const char *sim_tls_ca_file(const struct sim_tls *tls)
{
	return tls->ca_file;
}

SSL_CTX *sim_tls_context(struct sim_tls *tls)
{
	return tls->context;
}
