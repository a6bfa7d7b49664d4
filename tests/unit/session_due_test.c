/* Symbols by when something is due for each. */
#include "publisher/session_due.h"
#include "tests/simulation/dice.h"

#include <criterion/criterion.h>

#define N 200

static bc_mono_time at(int64_t ns)
{
	return (bc_mono_time){ ns };
}

/* The same as a plain array would have it, whatever is done. */
Test(due, is_a_sorted_list_in_all_but_cost)
{
	struct due due = { 0 };
	struct dice dice = { .state = 7 };
	int64_t model[N], now = 0;
	for (size_t i = 0; i < N; i++)
		model[i] = INT64_MAX;
	cr_assert_eq(due_room(&due, N), BC_OK);
	for (int step = 0; step < 20000; step++) {
		uint32_t symbol = (uint32_t)dice_between(&dice, 0, N - 1);
		int64_t soonest = INT64_MAX;
		if (dice_hits(&dice, 500000)) {
			model[symbol] = now + dice_between(&dice, 0, 1000);
			due_set(&due, symbol, at(model[symbol]));
		} else if (dice_hits(&dice, 300000)) {
			model[symbol] = INT64_MAX;
			due_drop(&due, symbol);
		}
		now += dice_between(&dice, 0, 20);
		uint32_t taken;
		while (due_take(&due, at(now), &taken)) {
			cr_assert_leq(model[taken], now);
			model[taken] = INT64_MAX;
		}
		for (size_t i = 0; i < N; i++)
			soonest = model[i] < soonest ? model[i] : soonest;
		cr_assert_gt(soonest, now, "%d: somebody was left", step);
		cr_assert_eq(due_next(&due).ns, soonest, "%d", step);
	}
	due_free(&due);
}

Test(due, grows_and_knows_who_is_not_there)
{
	struct due due = { 0 };
	uint32_t symbol;
	due_drop(&due, 5);
	cr_expect_eq(due_next(&due).ns, INT64_MAX);
	cr_expect_not(due_take(&due, at(INT64_MAX), &symbol));
	for (uint32_t i = 0; i < 5000; i++) {
		cr_assert_eq(due_room(&due, i + 1), BC_OK);
		due_set(&due, i, at(5000 - i));
	}
	for (uint32_t i = 5000; i-- > 0;) {
		cr_assert(due_take(&due, at(5000), &symbol));
		cr_assert_eq(symbol, i);
	}
	due_free(&due);
}
