/* test_ca.h - certificates for tests, made in memory: one authority in a PEM file, and leaves of
 * every kind a client must tell apart. */
#ifndef BC_TEST_CA_H
#define BC_TEST_CA_H

#include <openssl/ssl.h>

#define TEST_HOST                                                                      \
	"exchange.test" /* what the leaves are for; they are for 127.0.0.1 and ::1 too \
			 */

enum test_leaf {
	TEST_LEAF_GOOD,
	TEST_LEAF_EXPIRED,
	TEST_LEAF_NOT_YET,
	TEST_LEAF_STRANGER, /* signed by another authority of the same name */
	TEST_LEAF_SELF_SIGNED,
	TEST_LEAF_OTHER_NAME, /* other.test only */
	TEST_LEAF_CN_ONLY,    /* no subjectAltName */
	TEST_LEAF_WILDCARD,   /* *.exchange.test */
};

struct test_ca;

/* Aborts where it cannot: tests cannot go on without. */
struct test_ca *test_ca_new(void);
void test_ca_free(struct test_ca **ca); /* the file goes too */
const char *test_ca_file(const struct test_ca *ca);
/* A server context with such a certificate; the caller frees it. */
SSL_CTX *test_ca_server(const struct test_ca *ca, enum test_leaf leaf);

#endif
