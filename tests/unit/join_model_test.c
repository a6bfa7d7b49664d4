/* Disasters by seed: tests/support/join_model.h. BOOKCAST_SEED=n runs one of them. */
#include "tests/support/join_model.h"
#include "tests/support/seeds.h"

#include <criterion/criterion.h>

static void run_seeds(const struct bc_sync *sync, bool holes)
{
	const char *one = getenv("BOOKCAST_SEED");
	uint64_t seed = one != NULL ? strtoul(one, NULL, 10) : 1,
		 last = one != NULL ? seed : seeds(50);
	struct model *m = calloc(1, sizeof *m);
	cr_assert_not_null(m);
	m->sync = sync;
	m->holes = holes;
	m->most = N_CHANGES;
	for (; seed <= last; seed++) {
		m->rng = seed;
		const char *wrong = model_run(m, UINT32_MAX);
		cr_assert(wrong == NULL, "BOOKCAST_SEED=%lu: %s", (unsigned long)seed, wrong);
	}
	/* All of it was there. */
	static const enum join_verdict seen[] = { JOIN_APPLIED, JOIN_SAME, JOIN_WAITING,
						  JOIN_AHEAD,   JOIN_GAP,  JOIN_TOO_MANY };
	for (size_t i = 0; one == NULL && i < sizeof seen / sizeof *seen; i++)
		cr_expect_gt(m->verdicts[seen[i]], 20, "verdict %d: %lu", seen[i],
			     m->verdicts[seen[i]]);
	cr_expect(one != NULL || m->snapshots[JOIN_APPLIED] > 1000);
	cr_expect(one != NULL || m->snapshots[JOIN_TOO_OLD] > 100);
	cr_expect(one != NULL || m->checked > 10000);
	cr_expect(one != NULL || m->cut > 1000);
	free(m);
}

Test(join_model, spot)
{
	run_seeds(&spot_sync, false);
}

Test(join_model, futures)
{
	run_seeds(&usdm_sync, true);
}
