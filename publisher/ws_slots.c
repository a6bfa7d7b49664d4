#include "publisher/ws_slots.h"

#include <stdlib.h>
#include <string.h>

#define INDEX_BITS  16
#define INDEX_MASK  (((uintptr_t)1 << INDEX_BITS) - 1)
#define NO_DEADLINE UINT64_MAX
#define FIRST_SLOTS 16

static void on_timer(uv_timer_t *timer);

static void timer_arm(struct ws_slots *slots)
{
	uint64_t earliest = NO_DEADLINE;
	for (size_t i = 0; i < slots->n; i++)
		if (slots->at[i].id != 0 && slots->at[i].deadline_ns < earliest)
			earliest = slots->at[i].deadline_ns;
	if (earliest == NO_DEADLINE) {
		uv_timer_stop(&slots->timer);
		return;
	}
	const uint64_t now = uv_hrtime();
	const uint64_t wait_ns = earliest > now ? earliest - now : 0;
	uv_timer_start(&slots->timer, on_timer, (wait_ns + BC_NS_PER_MS - 1) / BC_NS_PER_MS, 0);
}

/* `due` may add and remove as it likes. */
static void on_timer(uv_timer_t *timer)
{
	struct ws_slots *slots = timer->data;
	const uint64_t now = uv_hrtime();
	for (size_t i = 0; i < slots->n; i++)
		if (slots->at[i].id != 0 && slots->at[i].deadline_ns <= now)
			slots->due(slots->at[i].ws);
	timer_arm(slots);
}

void ws_slots_init(struct ws_slots *slots, uv_loop_t *loop, void (*due)(void *ws))
{
	memset(slots, 0, sizeof *slots);
	slots->due = due;
	uv_timer_init(loop, &slots->timer);
	slots->timer.data = slots;
}

void ws_slots_stop(struct ws_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		slots->at[i].id = 0;
	uv_timer_stop(&slots->timer);
}

void ws_slots_release(struct ws_slots *slots)
{
	free(slots->at);
	slots->at = NULL;
	slots->n = 0;
}

static bc_status slots_grow(struct ws_slots *slots)
{
	const size_t n = slots->n == 0 ? FIRST_SLOTS : slots->n * 2;
	if (n > WS_SLOTS_MAX)
		return BC_ERANGE;
	struct ws_slot *at = realloc(slots->at, n * sizeof *at);
	if (at == NULL)
		return BC_ENOMEM;
	memset(at + slots->n, 0, (n - slots->n) * sizeof *at);
	slots->at = at;
	slots->n = n;
	return BC_OK;
}

bc_status ws_slots_add(struct ws_slots *slots, void *ws, uintptr_t *id)
{
	size_t i = 0;
	while (i < slots->n && slots->at[i].id != 0)
		i++;
	if (i == slots->n) {
		const bc_status rc = slots_grow(slots);
		if (rc != BC_OK)
			return rc;
	}
	*id = ++slots->generation << INDEX_BITS | i;
	slots->at[i] = (struct ws_slot){ .id = *id, .ws = ws, .deadline_ns = NO_DEADLINE };
	return BC_OK;
}

static struct ws_slot *slot_of(const struct ws_slots *slots, uintptr_t id)
{
	const size_t i = id & INDEX_MASK;
	return id != 0 && i < slots->n && slots->at[i].id == id ? &slots->at[i] : NULL;
}

void *ws_slots_find(const struct ws_slots *slots, uintptr_t id)
{
	const struct ws_slot *slot = slot_of(slots, id);
	return slot != NULL ? slot->ws : NULL;
}

void *ws_slots_any(const struct ws_slots *slots)
{
	for (size_t i = 0; i < slots->n; i++)
		if (slots->at[i].id != 0)
			return slots->at[i].ws;
	return NULL;
}

static void deadline_put(struct ws_slots *slots, uintptr_t id, uint64_t deadline_ns)
{
	struct ws_slot *slot = slot_of(slots, id);
	if (slot == NULL)
		return;
	slot->deadline_ns = deadline_ns;
	timer_arm(slots);
}

void ws_slots_remove(struct ws_slots *slots, uintptr_t id)
{
	deadline_put(slots, id, NO_DEADLINE);
	struct ws_slot *slot = slot_of(slots, id);
	if (slot != NULL)
		slot->id = 0;
}

void ws_slots_deadline(struct ws_slots *slots, uintptr_t id, int64_t from_now_ns)
{
	deadline_put(slots, id, uv_hrtime() + (uint64_t)from_now_ns);
}

void ws_slots_no_deadline(struct ws_slots *slots, uintptr_t id)
{
	deadline_put(slots, id, NO_DEADLINE);
}
