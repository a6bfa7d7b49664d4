#include "tests/conformance/cases.h"

extern const struct conformance_family framing_family, ping_family, bits_family, fragments_family,
	utf8_family, close_family, limits_family, deflate_family, handshake_family, delivery_family,
	client_family;

const struct conformance_family *const conformance_families[] = {
	&framing_family,   &ping_family,     &bits_family,   &fragments_family,
	&utf8_family,      &close_family,    &limits_family, &deflate_family,
	&handshake_family, &delivery_family, &client_family, NULL,
};
