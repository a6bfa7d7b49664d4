/* random.h - the same numbers in every run: xorshift64. */
#ifndef BENCH_RANDOM_H
#define BENCH_RANDOM_H

#include <stdint.h>

#define BENCH_SEED UINT64_C(88172645463325252)

static inline uint64_t bench_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static inline double bench_random_unit(uint64_t *seed) /* (0, 1] */
{
	return ((double)(bench_random(seed) >> 11) + 1) / 0x1p53;
}

#endif
