#include "publisher/simulator/limiter.h"

void sim_limit_init(struct sim_limit *l, uint32_t n, int64_t window_ns)
{
	*l = (struct sim_limit){ .n = n < SIM_LIMIT_MAX ? n : SIM_LIMIT_MAX,
				 .window_ns = window_ns };
}

bool sim_limit_take(struct sim_limit *l, bc_mono_time now)
{
	if (sim_limit_left(l, now) == 0)
		return false;
	l->taken_ns[l->next] = now.ns;
	l->next = (l->next + 1) % l->n;
	if (l->used < l->n)
		l->used++;
	return true;
}

uint32_t sim_limit_left(const struct sim_limit *l, bc_mono_time now)
{
	uint32_t inside = 0;

	for (uint32_t i = 0; i < l->used; i++)
		if (now.ns - l->taken_ns[i] < l->window_ns)
			inside++;
	return l->n - inside;
}
