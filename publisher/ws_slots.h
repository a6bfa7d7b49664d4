/* ws_slots.h - connections by id, each with at most one deadline, over one uv_timer.
 *
 * An id is never used twice, so a library may keep one for longer than the connection lives: it
 * finds nobody then.
 *
 * Threads everything on the loop's thread. */
#ifndef BC_WS_SLOTS_H
#define BC_WS_SLOTS_H

#include "proto/value.h"

#include <uv.h>

#define WS_SLOTS_MAX ((size_t)1 << 16)

struct ws_slot {
	uintptr_t id; /* 0: free */
	void *ws;
	uint64_t deadline_ns; /* uv_hrtime(); UINT64_MAX: none */
};

struct ws_slots {
	uv_timer_t timer;
	struct ws_slot *at;
	size_t n;
	uintptr_t generation;
	void (*due)(void *ws); /* removes it, or sets another deadline */
};

void ws_slots_init(struct ws_slots *slots, uv_loop_t *loop, void (*due)(void *ws));
void ws_slots_stop(struct ws_slots *slots);    /* the timer; ids find nobody any more */
void ws_slots_release(struct ws_slots *slots); /* the memory; close the timer before */

/* BC_ENOMEM, or BC_ERANGE: there are WS_SLOTS_MAX. */
bc_status ws_slots_add(struct ws_slots *slots, void *ws, uintptr_t *id);
void ws_slots_remove(struct ws_slots *slots, uintptr_t id);
void *ws_slots_find(const struct ws_slots *slots, uintptr_t id); /* NULL: gone */
void *ws_slots_any(const struct ws_slots *slots);                /* NULL: there is none */

/* `due` is called when it has passed, from the timer, never from here. */
void ws_slots_deadline(struct ws_slots *slots, uintptr_t id, int64_t from_now_ns);
void ws_slots_no_deadline(struct ws_slots *slots, uintptr_t id);

#endif
