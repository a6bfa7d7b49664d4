/* Connections by id: an id that is over finds nobody, and deadlines come from the timer. */
#include "publisher/ws_slots.h"

#include <criterion/criterion.h>

#define MANY 100

struct thing {
	struct ws_slots *slots;
	uintptr_t id;
	unsigned int n_due;
};

static void on_due(void *ws)
{
	struct thing *thing = ws;
	thing->n_due++;
	ws_slots_no_deadline(thing->slots, thing->id);
}

static void slots_end(struct ws_slots *slots, uv_loop_t *loop)
{
	ws_slots_stop(slots);
	uv_close((uv_handle_t *)&slots->timer, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	ws_slots_release(slots);
	cr_expect_eq(uv_loop_close(loop), 0);
}

Test(ws_slots, an_id_is_never_used_twice)
{
	static struct thing things[MANY];
	uv_loop_t loop;
	struct ws_slots slots;
	uv_loop_init(&loop);
	ws_slots_init(&slots, &loop, on_due);
	cr_expect_null(ws_slots_any(&slots));
	cr_expect_null(ws_slots_find(&slots, 0));
	for (size_t i = 0; i < MANY; i++)
		cr_assert_eq(ws_slots_add(&slots, &things[i], &things[i].id), BC_OK);
	for (size_t i = 0; i < MANY; i++)
		cr_expect_eq(ws_slots_find(&slots, things[i].id), &things[i]);
	const uintptr_t old = things[7].id;
	ws_slots_remove(&slots, old);
	ws_slots_remove(&slots, old);
	cr_expect_null(ws_slots_find(&slots, old));
	cr_assert_eq(ws_slots_add(&slots, &things[7], &things[7].id), BC_OK);
	cr_expect_neq(things[7].id, old);
	cr_expect_null(ws_slots_find(&slots, old));
	cr_expect_eq(ws_slots_find(&slots, things[7].id), &things[7]);
	cr_expect_not_null(ws_slots_any(&slots));
	slots_end(&slots, &loop);
}

Test(ws_slots, deadlines_pass_one_by_one)
{
	struct thing soon = { 0 }, later = { 0 }, never = { 0 }, removed = { 0 };
	struct thing *all[] = { &soon, &later, &never, &removed };
	uv_loop_t loop;
	struct ws_slots slots;
	uv_loop_init(&loop);
	ws_slots_init(&slots, &loop, on_due);
	for (size_t i = 0; i < 4; i++) {
		all[i]->slots = &slots;
		cr_assert_eq(ws_slots_add(&slots, all[i], &all[i]->id), BC_OK);
	}
	const uint64_t from = uv_hrtime();
	ws_slots_deadline(&slots, soon.id, 0);
	ws_slots_deadline(&slots, later.id, 20 * BC_NS_PER_MS);
	ws_slots_deadline(&slots, never.id, 0);
	ws_slots_no_deadline(&slots, never.id);
	ws_slots_deadline(&slots, removed.id, 0);
	ws_slots_remove(&slots, removed.id);
	cr_expect_eq(soon.n_due, 0, "a callback from inside");
	uv_run(&loop, UV_RUN_DEFAULT); /* ends with the last deadline */
	cr_expect_geq(uv_hrtime() - from, 20 * BC_NS_PER_MS);
	cr_expect_eq(soon.n_due, 1);
	cr_expect_eq(later.n_due, 1);
	cr_expect_eq(never.n_due, 0);
	cr_expect_eq(removed.n_due, 0);
	slots_end(&slots, &loop);
}
