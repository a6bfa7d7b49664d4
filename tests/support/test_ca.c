#include "tests/support/test_ca.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S (24L * 3600)

struct test_ca {
	EVP_PKEY *key, *stranger_key;
	X509 *certificate;
	char directory[64], file[80];
};

static void must(int ok, const char *what)
{
	if (ok == 1)
		return;
	fprintf(stderr, "test_ca: %s: %s\n", what, ERR_error_string(ERR_peek_last_error(), NULL));
	abort();
}

static void extension_add(X509 *certificate, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, certificate, certificate, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(extension != NULL && X509_add_ext(certificate, extension, -1), value);
	X509_EXTENSION_free(extension);
}

/* Not signed yet. Times are days from now. */
static X509 *certificate_new(EVP_PKEY *key, const char *subject, const char *issuer, long from_days,
			     long to_days)
{
	static long serial;
	X509 *certificate = X509_new();
	must(certificate != NULL && X509_set_version(certificate, X509_VERSION_3), "new");
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), (long)getpid() * 1000 + ++serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), from_days * DAY_S);
	X509_gmtime_adj(X509_getm_notAfter(certificate), to_days * DAY_S);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
				   (const unsigned char *)subject, -1, -1, 0);
	X509_NAME *name = X509_NAME_new();
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)issuer, -1, -1,
				   0);
	must(X509_set_issuer_name(certificate, name), "issuer");
	X509_NAME_free(name);
	must(X509_set_pubkey(certificate, key), "public key");
	return certificate;
}

struct test_ca *test_ca_new(void)
{
	struct test_ca *ca = calloc(1, sizeof *ca);
	must(ca != NULL, "memory");
	ca->key = EVP_EC_gen("P-256");
	ca->stranger_key = EVP_EC_gen("P-256");
	must(ca->key != NULL && ca->stranger_key != NULL, "keys");
	ca->certificate = certificate_new(ca->key, "test authority", "test authority", -1, 30);
	extension_add(ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
	extension_add(ca->certificate, NID_key_usage, "critical,keyCertSign");
	must(X509_sign(ca->certificate, ca->key, EVP_sha256()) > 0, "sign");

	snprintf(ca->directory, sizeof ca->directory, "/tmp/bookcast-test-XXXXXX");
	must(mkdtemp(ca->directory) != NULL, "directory");
	snprintf(ca->file, sizeof ca->file, "%s/ca.pem", ca->directory);
	FILE *out = fopen(ca->file, "w");
	must(out != NULL && PEM_write_X509(out, ca->certificate), "file");
	fclose(out);
	return ca;
}

void test_ca_free(struct test_ca **ca)
{
	if (*ca == NULL)
		return;
	unlink((*ca)->file);
	rmdir((*ca)->directory);
	EVP_PKEY_free((*ca)->key);
	EVP_PKEY_free((*ca)->stranger_key);
	X509_free((*ca)->certificate);
	free(*ca);
	*ca = NULL;
}

const char *test_ca_file(const struct test_ca *ca)
{
	return ca->file;
}

static const struct {
	long from_days, to_days;
	const char *subject, *names; /* names NULL: none */
} leaves[] = {
#define ADDRESSES ",IP:127.0.0.1,IP:::1"
	[TEST_LEAF_GOOD] = { -1, 1, TEST_HOST, "DNS:" TEST_HOST ADDRESSES },
	[TEST_LEAF_EXPIRED] = { -9, -1, TEST_HOST, "DNS:" TEST_HOST ADDRESSES },
	[TEST_LEAF_NOT_YET] = { 1, 9, TEST_HOST, "DNS:" TEST_HOST ADDRESSES },
	[TEST_LEAF_STRANGER] = { -1, 1, TEST_HOST, "DNS:" TEST_HOST ADDRESSES },
	[TEST_LEAF_SELF_SIGNED] = { -1, 1, TEST_HOST, "DNS:" TEST_HOST ADDRESSES },
	[TEST_LEAF_OTHER_NAME] = { -1, 1, "other.test", "DNS:other.test" },
	[TEST_LEAF_CN_ONLY] = { -1, 1, TEST_HOST, NULL },
	[TEST_LEAF_WILDCARD] = { -1, 1, "wildcard", "DNS:*." TEST_HOST },
};

SSL_CTX *test_ca_server(const struct test_ca *ca, enum test_leaf leaf)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	must(key != NULL, "key");
	const bool self_signed = leaf == TEST_LEAF_SELF_SIGNED;
	X509 *certificate = certificate_new(key, leaves[leaf].subject,
					    self_signed ? leaves[leaf].subject : "test authority",
					    leaves[leaf].from_days, leaves[leaf].to_days);
	if (leaves[leaf].names != NULL)
		extension_add(certificate, NID_subject_alt_name, leaves[leaf].names);
	EVP_PKEY *signer = self_signed                  ? key
			   : leaf == TEST_LEAF_STRANGER ? ca->stranger_key
							: ca->key;
	must(X509_sign(certificate, signer, EVP_sha256()) > 0, "sign");

	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	must(ctx != NULL && SSL_CTX_use_certificate(ctx, certificate) &&
		     SSL_CTX_use_PrivateKey(ctx, key),
	     "server context");
	X509_free(certificate);
	EVP_PKEY_free(key);
	return ctx;
}
