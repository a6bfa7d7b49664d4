/* seeds.h - how many seeds a model test runs: few enough for every run under the sanitizers, ten
 * times as many in `tests/run --long`. */
#ifndef TESTS_SEEDS_H
#define TESTS_SEEDS_H

#include <stdint.h>
#include <stdlib.h>

static inline uint64_t seeds(uint64_t usual)
{
	return getenv("BOOKCAST_LONG") != NULL ? 10 * usual : usual;
}

#endif
