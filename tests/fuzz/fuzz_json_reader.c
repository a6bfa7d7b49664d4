/* Our JSON cursor and jansson give the same verdict and the same values on any bytes at all; the
 * intended differences stand in tests/support/json_compare.h. */
#include "tests/support/json_compare.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[256];
	if (!json_agrees((const char *)data, size, why, sizeof why)) {
		fprintf(stderr, "%s: %.*s\n", why, (int)(size < 400 ? size : 400),
			(const char *)data);
		abort();
	}
	return 0;
}
