/* outlet_welcome.c - last values for those who come later.
 *
 * A welcome repeats what was published last, number included; who has it drops it. Nothing is
 * owed any more when the topic is published meanwhile. */
#include "publisher/outlet_private.h"

void welcome_forget(struct outlet *o, struct slot *slot)
{
	list_remove(&o->queued, slot);
	slot->asked_again = false;
}

void outlet_subscribed(struct outlet *o, bc_mono_time now, uint32_t topic)
{
	struct slot *slot = topic < o->topic_capacity ? o->by_topic[topic] : NULL;
	(void)now;
	if (slot == NULL || !slot->has || !bc_channel_welcomed(slot->channel) ||
	    is_in(&o->queued, slot))
		return;
	if (is_in(&o->recent, slot))
		slot->asked_again = true;
	else
		list_append(&o->queued, slot);
}

static void welcome(struct outlet *o, struct slot *slot, bc_mono_time now)
{
	list_remove(&o->queued, slot);
	list_append(&o->recent, slot);
	slot->aside->welcomed_at = now;
	if (!o->out.wanted(o->out.self, slot->topic))
		return; /* gone again */
	o->count.welcomes++;
	slot_send(o, slot, slot_shown(slot), now, BC_FLAG_WELCOME);
}

bool welcome_turn(struct outlet *o, bc_mono_time now)
{
	while (!is_empty(&o->recent) && welcome_deadline(o).ns <= now.ns) {
		struct slot *slot = o->recent.first;
		list_remove(&o->recent, slot);
		if (slot->asked_again)
			list_append(&o->queued, slot);
		slot->asked_again = false;
	}
	for (int i = 0; i < WELCOMES_A_TURN && !is_empty(&o->queued); i++)
		welcome(o, o->queued.first, now);
	return !is_empty(&o->queued);
}

bc_mono_time welcome_deadline(const struct outlet *o)
{
	if (is_empty(&o->recent))
		return (bc_mono_time){ INT64_MAX };
	return (bc_mono_time){ o->recent.first->aside->welcomed_at.ns + WELCOME_SPACING_NS };
}
