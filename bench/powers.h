/* powers.h - powers of ten, for the floors that bring mantissas to one exponent. */
#ifndef BENCH_POWERS_H
#define BENCH_POWERS_H

#include <stdint.h>

static const uint64_t bench_powers[] = { UINT64_C(1),
					 UINT64_C(10),
					 UINT64_C(100),
					 UINT64_C(1000),
					 UINT64_C(10000),
					 UINT64_C(100000),
					 UINT64_C(1000000),
					 UINT64_C(10000000),
					 UINT64_C(100000000),
					 UINT64_C(1000000000),
					 UINT64_C(10000000000),
					 UINT64_C(100000000000),
					 UINT64_C(1000000000000),
					 UINT64_C(10000000000000),
					 UINT64_C(100000000000000),
					 UINT64_C(1000000000000000),
					 UINT64_C(10000000000000000),
					 UINT64_C(100000000000000000),
					 UINT64_C(1000000000000000000) };

#endif
