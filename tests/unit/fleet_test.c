/* Four gateways of one machine at an exchange that counts: whatever is asked of them at run time,
 * none of its limits is passed. */
#include "tests/support/fleet.h"

#define SYMBOLS 60

static void add(struct fleet *f, size_t symbol)
{
	char why[256];
	struct session *s = f->shards[symbol % SHARDS].session;
	const char *name = market_spec(f->market, symbol)->name;
	cr_assert_eq(session_add(s, fleet_now(f), name, why, sizeof why), BC_OK, "%s: %s", name,
		     why);
}

static void drop(struct fleet *f, size_t symbol)
{
	char why[256];
	struct session *s = f->shards[symbol % SHARDS].session;
	const char *name = market_spec(f->market, symbol)->name;
	cr_assert_eq(session_remove(s, fleet_now(f), name, why, sizeof why), BC_OK, "%s: %s", name,
		     why);
}

static void start(struct fleet *f, bool *followed)
{
	for (size_t i = 0; i < f->n_symbols; i++) {
		followed[i] = i % 3 != 0;
		if (followed[i])
			add(f, i);
	}
	for (size_t i = 0; i < SHARDS; i++)
		session_start(f->shards[i].session, fleet_now(f));
	fleet_pass(f, 20 * S);
}

static void change(struct fleet *f, bool *followed)
{
	size_t symbol = (size_t)dice_between(&f->dice, 0, (int64_t)f->n_symbols - 1);
	if (followed[symbol])
		drop(f, symbol);
	else
		add(f, symbol);
	followed[symbol] = !followed[symbol];
}

static size_t reconnect(struct fleet *f, bool all)
{
	uint32_t one = (uint32_t)dice_between(&f->dice, 0, SHARDS - 1);
	size_t lost = 0;
	for (uint32_t i = 0; i < SHARDS; i++) {
		struct session *s = f->shards[i].session;
		if (!all && i != one)
			continue;
		lost += session_connections_open(s) > 0;
		session_reconnect(s, fleet_now(f));
	}
	return lost;
}

/* Changes come in bursts and one by one; now and then one of the four is made to connect anew, or
 * all. */
static void hurry(struct fleet *f, bool *followed, size_t changes, size_t reconnects)
{
	size_t every = changes / reconnects, done = 0;
	for (size_t i = 0; i < changes; i++) {
		if (i % every == every - 1 && done < reconnects)
			done += reconnect(f, dice_hits(&f->dice, 200000));
		change(f, followed);
		if (dice_hits(&f->dice, 300000))
			fleet_pass(f, dice_between(&f->dice, 10, 1500) * MS);
	}
	while (done < reconnects) {
		done += reconnect(f, false);
		fleet_pass(f, 700 * MS);
	}
}

static void expect_all_fit(struct fleet *f, const bool *followed)
{
	size_t wanted = 0, fit = 0, n = 0;
	for (size_t i = 0; i < f->n_symbols; i++)
		wanted += followed[i];
	for (size_t i = 0; i < SHARDS; i++) {
		struct session *s = f->shards[i].session;
		n += session_symbols(s);
		fit += session_symbols_in(s, BC_STATE_LIVE) + session_symbols_in(s, BC_STATE_QUIET);
	}
	cr_expect_eq(n, wanted, "%s", f->x->id);
	cr_expect_eq(fit, wanted, "%s: %zu of %zu are fit", f->x->id, fit, wanted);
}

static void tell(const struct fleet *f)
{
	struct sim_buffer out = { NULL, 0, 0, false };
	ledger_put(f->ledger, &out);
	fprintf(stderr, "%s: %.*s\n", f->x->id, (int)out.n, out.data);
	sim_buffer_free(&out);
}

static uint64_t violations(const struct sim_face *face, bool shares, size_t changes,
			   size_t reconnects, uint64_t seed)
{
	bool followed[SYMBOLS];
	struct fleet *f = fleet_new(face, SYMBOLS, shares, seed);
	start(f, followed);
	hurry(f, followed, changes, reconnects);
	fleet_pass(f, 130 * S);
	if (shares)
		expect_all_fit(f, followed);
	uint64_t n = ledger_violations(f->ledger);
	size_t refused = 0;
	for (size_t i = 0; i < SHARDS; i++)
		refused += session_counters(f->shards[i].session)->rate_limited;
	if (n > 0 || refused > 0 || getenv("BOOKCAST_LONG") != NULL)
		tell(f);
	if (shares)
		cr_expect_eq(refused, 0, "%s", f->x->id);
	fleet_free(f);
	return n;
}

Test(fleet, no_limit_is_passed_over_1000_changes_and_50_reconnects)
{
	uint64_t seeds = getenv("BOOKCAST_LONG") != NULL ? 20 : 1;
	for (size_t i = 0; sim_faces[i] != NULL; i++)
		for (uint64_t seed = 1; seed <= seeds; seed++)
			cr_expect_eq(violations(sim_faces[i], true, 1000, 50, seed), 0,
				     "%s, seed %llu", sim_faces[i]->name, (unsigned long long)seed);
}

/* The witness is not asleep: the same, each with a budget of its own. */
Test(fleet, without_a_shared_budget_limits_are_passed)
{
	cr_expect_gt(violations(sim_face_find("upbit"), false, 200, 50, 1), 0);
}
