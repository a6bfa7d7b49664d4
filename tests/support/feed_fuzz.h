/* feed_fuzz.h - a fuzz target an exchange: any bytes, as a frame or as any REST body, leave its
 * adapter whole; feed_check.h says what must hold. The first byte chooses the kind of input: a
 * digit is that kind of REST body. */
#ifndef TESTS_FEED_FUZZ_H
#define TESTS_FEED_FUZZ_H

#include "tests/support/feed_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline struct bc_input feed_fuzz_input(char kind, const char *bytes, size_t n)
{
	struct bc_input input = {
		.kind = BC_INPUT_TEXT,
		.bytes = bytes,
		.n_bytes = n,
		.symbol = BC_STR("ASKED"),
		.interval = BC_INTERVAL_1M,
	};
	unsigned rest = (unsigned)kind - '0';
	if (rest < BC_N_REST_KINDS) {
		input.kind = BC_INPUT_REST;
		input.rest = (enum bc_rest_kind)rest;
	}
	return input;
}

static inline int feed_fuzz(const char *exchange, const uint8_t *data, size_t size)
{
	static struct feed_check f;
	if (f.exchange == NULL)
		feed_check_open(&f, bc_exchange_find(exchange));
	if (size == 0)
		return 0;
	const struct bc_input input =
		feed_fuzz_input((char)data[0], (const char *)data + 1, size - 1);
	feed_check_give(&f, &input);
	if (f.broken != NULL) {
		fprintf(stderr, "did not hold: %s\n", f.broken);
		abort();
	}
	return 0;
}

#endif
