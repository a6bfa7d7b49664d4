/* sim_fuzz.h - what the fuzzers of simulated exchanges share: whatever is sent is JSON. */
#ifndef TESTS_SIM_FUZZ_H
#define TESTS_SIM_FUZZ_H

#include "publisher/simulator/face.h"

#include <jansson.h>
#include <stdlib.h>

#define SIM_FUZZ_START_NS INT64_C(1795235444000000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static inline void sim_fuzz_check(bc_str payload)
{
	json_t *root = json_loadb(payload.p, payload.n, 0, NULL);

	if (root == NULL)
		abort();
	json_decref(root);
}

static inline void sim_fuzz_data(void *self, bc_str symbol, bc_str payload)
{
	(void)self;
	(void)symbol;
	sim_fuzz_check(payload);
}

#endif
