#include "tests/support/feed_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return feed_fuzz("binance-usdm", data, size);
}
