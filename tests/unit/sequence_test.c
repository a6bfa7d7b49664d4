/* A loss that is not seen is a wrong book; a loss that is seen wrongly is a needless alarm. */
#include "common/sequence.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
	uint64_t epoch, seq;
	enum bc_sequence_verdict verdict;
	uint64_t from, to, n_lost;
	const char *why;
} steps[] = {
	{ 100, 7, BC_SEQUENCE_FIRST, 0, 0, 0, "a late joiner has lost nothing" },
	{ 100, 8, BC_SEQUENCE_NEXT, 0, 0, 0, "in order" },
	{ 100, 8, BC_SEQUENCE_DUPLICATE, 0, 0, 0, "a welcome repeats the newest" },
	{ 100, 3, BC_SEQUENCE_DUPLICATE, 0, 0, 0, "older than what was seen" },
	{ 100, 10, BC_SEQUENCE_GAP, 9, 9, 1, "one missing" },
	{ 100, 9, BC_SEQUENCE_DUPLICATE, 0, 0, 0, "never backwards, though it was missing" },
	{ 100, 20, BC_SEQUENCE_GAP, 11, 19, 9, "nine missing" },
	{ 99, 500, BC_SEQUENCE_OLDER_EPOCH, 0, 0, 0, "the old process's last words" },
	{ 200, 1, BC_SEQUENCE_NEWER_EPOCH, 0, 0, 0, "a restart heard from its first message" },
	{ 200, 2, BC_SEQUENCE_NEXT, 0, 0, 0, "and on" },
	{ 300, 4, BC_SEQUENCE_NEWER_EPOCH, 1, 3, 3, "a restart whose beginning was missed" },
	{ 300, 5, BC_SEQUENCE_NEXT, 0, 0, 0, "and on" },
	{ 300, UINT64_MAX, BC_SEQUENCE_GAP, 6, UINT64_MAX - 1, UINT64_MAX - 6, "no overflow" },
	{ 300, UINT64_MAX, BC_SEQUENCE_DUPLICATE, 0, 0, 0, "nor after it" },
	{ 300, 0, BC_SEQUENCE_DUPLICATE, 0, 0, 0, "0 is not a number of ours" },
};

Test(sequence, tells_what_each_number_means)
{
	struct bc_sequence s = { 0, 0 };
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct bc_sequence_step step = bc_sequence_next(&s, steps[i].epoch, steps[i].seq);
		cr_expect_eq(step.verdict, steps[i].verdict, "%s", steps[i].why);
		cr_expect_eq(step.n_lost, steps[i].n_lost, "%s", steps[i].why);
		if (step.n_lost > 0) {
			cr_expect_eq(step.from, steps[i].from, "%s", steps[i].why);
			cr_expect_eq(step.to, steps[i].to, "%s", steps[i].why);
		}
	}
}

/* Whatever is dropped of 1..n, the holes that were reported and what arrived make up all of it. */
Test(sequence, losses_are_counted_exactly)
{
	struct bc_sequence s = { 0, 0 };
	uint64_t random = 42, arrived = 1, lost = 0;
	enum { N = 10000 };
	bc_sequence_next(&s, 1, 1);
	for (uint64_t seq = 2; seq <= N; seq++) {
		random = random * 6364136223846793005u + 1442695040888963407u;
		if ((random >> 40) % 5 == 0 && seq != N)
			continue;
		struct bc_sequence_step step = bc_sequence_next(&s, 1, seq);
		arrived++;
		lost += step.n_lost;
		cr_assert_neq(step.verdict, BC_SEQUENCE_DUPLICATE);
	}
	cr_expect_eq(arrived + lost, N);
	cr_expect_gt(lost, 0);
}
