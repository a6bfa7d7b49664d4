#include "subscribers/cli/watch_losses.h"

void watch_losses_add(struct watch_losses *l, uint64_t n_lost, uint64_t *told)
{
	if (n_lost == 0)
		return;
	l->n_lost += n_lost;
	l->n_topics += *told != l->round;
	*told = l->round;
}

bool watch_losses_due(struct watch_losses *l, bc_mono_time now, uint64_t *n_messages,
		      size_t *n_topics)
{
	if (l->n_lost == 0 || now.ns < l->next.ns)
		return false;
	*n_messages = l->n_lost;
	*n_topics = l->n_topics;
	l->n_lost = 0;
	l->n_topics = 0;
	l->round++;
	l->next.ns = now.ns + BC_NS_PER_S;
	return true;
}
