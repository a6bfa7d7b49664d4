/* Any bytes from Upbit, as a frame or as any REST body, leave the adapter whole: see
 * tests/support/feed_check.h for what must hold. The first byte chooses the kind of input. */
#include "tests/support/feed_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct feed_check f;
	if (f.exchange == NULL)
		feed_check_open(&f, bc_exchange_find("upbit"));
	if (size == 0)
		return 0;
	struct bc_input input = {
		.kind = BC_INPUT_TEXT,
		.bytes = (const char *)data + 1,
		.n_bytes = size - 1,
		.interval = BC_INTERVAL_1M,
	};
	unsigned rest = (unsigned)data[0] - '0';
	if (rest < BC_N_REST_KINDS) {
		input.kind = BC_INPUT_REST;
		input.rest = (enum bc_rest_kind)rest;
	}
	feed_check_give(&f, &input);
	if (f.broken != NULL) {
		fprintf(stderr, "did not hold: %s\n", f.broken);
		abort();
	}
	return 0;
}
