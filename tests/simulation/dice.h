/* dice.h - chance from a seed: splitmix64 (public domain, S. Vigna), the same on any machine. */
#ifndef BC_SIMULATION_DICE_H
#define BC_SIMULATION_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_next(struct dice *d)
{
	uint64_t z = (d->state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline int64_t dice_between(struct dice *d, int64_t low, int64_t high) /* both inclusive */
{
	return low + (int64_t)(dice_next(d) % (uint64_t)(high - low + 1));
}

static inline bool dice_hits(struct dice *d, uint32_t per_million)
{
	return dice_next(d) % 1000000 < per_million;
}

#endif
