/* pace.c - sliding windows and capped exponential waits with full jitter. */
#include "publisher/pace.h"

#include <stdlib.h>

bc_status budget_new(struct budget *out, uint32_t limit, int64_t window_ns)
{
	*out = (struct budget){ .limit = limit, .window_ns = window_ns };
	if (limit == 0)
		return BC_OK;
	out->spent = malloc(limit * sizeof *out->spent);
	if (out->spent == NULL)
		return BC_ENOMEM;
	for (uint32_t i = 0; i < limit; i++)
		out->spent[i] = BUDGET_NOW;
	return BC_OK;
}

void budget_free(struct budget *budget)
{
	free(budget->spent);
	*budget = (struct budget){ 0 };
}

bc_mono_time budget_next_of(const struct budget *budget, uint32_t allowed)
{
	if (budget->spent == NULL)
		return BUDGET_NOW;
	uint32_t at = (budget->oldest + budget->limit - allowed) % budget->limit;
	if (budget->spent[at].ns == INT64_MIN)
		return BUDGET_NOW;
	return (bc_mono_time){ budget->spent[at].ns + budget->window_ns };
}

bc_mono_time budget_next(const struct budget *budget)
{
	return budget_next_of(budget, budget->limit);
}

void budget_spend(struct budget *budget, bc_mono_time now)
{
	if (budget->spent == NULL)
		return;
	budget->spent[budget->oldest] = now;
	budget->oldest = (budget->oldest + 1) % budget->limit;
}

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t backoff_wait_ns(unsigned failures, int64_t max_ns, uint64_t *random)
{
	int64_t cap = BACKOFF_FIRST_NS;
	while (failures-- > 0 && cap < max_ns)
		cap *= 2;
	if (cap > max_ns)
		cap = max_ns;
	return spread_ns(cap, random);
}

int64_t spread_ns(int64_t max_ns, uint64_t *random)
{
	return (int64_t)(next_random(random) % ((uint64_t)max_ns + 1));
}
