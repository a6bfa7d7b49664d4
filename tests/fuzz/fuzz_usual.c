/* The fast way of an adapter tells what its slow way tells, of any bytes. The first byte chooses
 * the exchange: tests/support/usual_check.h. */
#include "tests/support/usual_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const exchanges[] = { "upbit", "binance-spot", "binance-usdm" };
	static struct usual_check *checks[3];
	size_t i = size > 0 ? data[0] % 3u : 0;

	if (size == 0)
		return 0;
	if (checks[i] == NULL) {
		checks[i] = malloc(sizeof *checks[i]);
		if (checks[i] == NULL)
			abort();
		usual_check_open(checks[i], exchanges[i]);
	}
	if (!usual_check_give(checks[i], (const char *)data + 1, size - 1))
		abort();
	return 0;
}
