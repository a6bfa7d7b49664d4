/* What one address may use: windows, weight, rates that give way, and the order of asking. */
#include "publisher/address_budget.h"

#include <criterion/criterion.h>
#include <string.h>

#define S     BC_NS_PER_S
#define MS    BC_NS_PER_MS
#define T0    (1000 * S)
#define AT(t) ((bc_mono_time){ (t) })

enum { FAST, SLOW };
static const struct bc_address_limit limits[] = {
	[FAST] = { "fast", 10, 4, S },
	[SLOW] = { "slow", 100, 20, 60 * S },
};
static const struct bc_exchange exchange = { .id = "x", .limits = limits, .n_limits = 2 };

static const struct budget_ask fast = { .door = BUDGET_REST, .limits = 1u << FAST };
static const struct budget_ask both = { .door = BUDGET_CONNECT, .limits = 1u << FAST | 1u << SLOW };

static struct budget_ask heavy(uint32_t weight)
{
	return (struct budget_ask){
		.door = BUDGET_REST, .weight = weight, .need = weight, .weight_limit = 100
	};
}

static struct address_budget fresh(void)
{
	struct address_budget b;
	cr_assert_eq(address_budget_init(&b, &exchange), BC_OK);
	return b;
}

static bool take(struct address_budget *b, uint64_t id, int64_t at, const struct budget_ask *ask,
		 int64_t *from)
{
	bc_mono_time next = { 0 };
	bool taken = address_budget_take(b, id, AT(at), ask, &next);
	*from = next.ns;
	cr_assert(address_budget_sane(b, &exchange, AT(at)));
	return taken;
}

Test(address_budget, no_window_ever_holds_more)
{
	struct address_budget b = fresh();
	int64_t taken[64], from;
	size_t n = 0;
	for (int64_t t = T0; n < 64 && t < T0 + 600 * S; t += 50 * MS) {
		while (n < 64 && take(&b, 1, t, &both, &from))
			taken[n++] = t;
	}
	cr_assert_eq(n, 64);
	for (size_t i = 4; i < n; i++)
		cr_expect_geq(taken[i] - taken[i - 4], S, "%zu", i);
	for (size_t i = 20; i < n; i++)
		cr_expect_geq(taken[i] - taken[i - 20], 60 * S, "%zu", i);
	cr_expect_leq(taken[63] - taken[0], 190 * S, "and it is used as it becomes free");
}

Test(address_budget, says_when_to_come_again_and_keeps_its_word)
{
	struct address_budget b = fresh();
	int64_t from;
	for (int i = 0; i < 4; i++)
		cr_expect(take(&b, 1, T0 + i * 100 * MS, &fast, &from));
	cr_expect_not(take(&b, 1, T0 + 400 * MS, &fast, &from));
	cr_expect_eq(from, T0 + S);
	cr_expect_not(take(&b, 1, from - 1, &fast, &from));
	cr_expect(take(&b, 1, from, &fast, &from));
}

Test(address_budget, nothing_of_it_is_taken_where_one_limit_refuses)
{
	struct address_budget b = fresh();
	struct budget_view view;
	int64_t from;
	for (int i = 0; i < 4; i++)
		take(&b, 1, T0, &fast, &from);
	cr_expect_not(take(&b, 1, T0, &both, &from));
	address_budget_look(&b, AT(T0), &view);
	cr_expect_eq(view.limits[FAST].used, 4);
	cr_expect_eq(view.limits[SLOW].used, 0);
}

Test(address_budget, what_is_given_back_was_never_taken)
{
	struct address_budget b = fresh();
	const struct budget_ask ask = heavy(60);
	struct budget_view view;
	int64_t from;
	for (int i = 0; i < 100; i++) {
		cr_assert(take(&b, 1, T0 + i, &both, &from), "%d", i);
		address_budget_give_back(&b, AT(T0 + i), &both);
		cr_assert(take(&b, 1, T0 + i, &ask, &from), "%d", i);
		address_budget_give_back(&b, AT(T0 + i), &ask);
	}
	address_budget_look(&b, AT(T0 + S), &view);
	cr_expect_eq(view.limits[FAST].used, 0);
	cr_expect_eq(view.weight, 0);
}

/* ------------------------------------------------------------------ several gateways */

Test(address_budget, whoever_wants_much_and_whoever_wants_little_take_turns)
{
	struct address_budget b = fresh();
	int64_t from_greedy = T0, from_modest = T0 + 10 * MS;
	int greedy = 0, modest = 0;
	bool ask_modest = true;
	for (int64_t t = T0; t < T0 + 30 * S; t += 10 * MS) {
		while (t >= from_greedy && take(&b, 1, t, &fast, &from_greedy))
			greedy++; /* always first, and always more */
		if (ask_modest && t >= from_modest && take(&b, 2, t, &fast, &from_modest))
			modest++;
	}
	cr_expect_geq(modest, 29, "%d against %d: one a second, it asks no sooner", modest, greedy);
	cr_expect_geq(greedy + modest, 110, "none of it is lost: %d", greedy + modest);
}

Test(address_budget, a_heavy_request_is_not_overtaken_by_light_ones_of_others)
{
	struct address_budget b = fresh();
	const struct budget_ask large = heavy(90), small = heavy(5);
	int64_t from_large, from;
	bool waits = true;
	cr_assert(take(&b, 2, T0, &small, &from));
	cr_assert_not(
		take(&b, 1, T0,
		     &(struct budget_ask){
			     .door = BUDGET_REST, .weight = 100, .need = 100, .weight_limit = 100 },
		     &from_large));
	for (int64_t t = T0 + 100 * MS; t < from_large; t += 500 * MS)
		cr_expect_not(take(&b, 2, t, &small, &from), "at %lld ms",
			      (long long)((t - T0) / MS));
	waits = !take(&b, 1, from_large, &large, &from_large);
	cr_expect_not(waits, "its time has come");
}

Test(address_budget, who_waited_and_died_costs_a_moment)
{
	struct address_budget b = fresh();
	int64_t from, from_dead;
	for (int i = 0; i < 4; i++)
		take(&b, 1, T0, &fast, &from);
	for (uint64_t dead = 10; dead < 14; dead++)
		cr_expect_not(take(&b, dead, T0 + 10 * MS, &fast, &from_dead));
	cr_expect_not(take(&b, 2, T0 + 20 * MS, &fast, &from));
	int64_t t = T0 + 20 * MS;
	while (!take(&b, 2, t, &fast, &from))
		t = from > t ? from : t + MS;
	cr_expect_leq(t, T0 + S + ADDRESS_GRACE_NS + 20 * MS, "%lld ms",
		      (long long)((t - T0) / MS));
	cr_expect_gt(t, T0 + S, "their part was kept for them");
}

Test(address_budget, more_gateways_than_places_still_keep_the_limits)
{
	struct address_budget b = fresh();
	int64_t from;
	int n = 0;
	for (uint64_t id = 1; id <= 3 * ADDRESS_GATEWAYS; id++)
		n += take(&b, id, T0, &fast, &from);
	cr_expect_eq(n, 4);
	struct budget_view view;
	address_budget_look(&b, AT(T0), &view);
	cr_expect_eq(view.gateways, ADDRESS_GATEWAYS);
	address_budget_leave(&b, 1);
	address_budget_look(&b, AT(T0 + ADDRESS_GONE_NS), &view);
	cr_expect_eq(view.gateways, ADDRESS_GATEWAYS - 1);
	address_budget_look(&b, AT(T0 + ADDRESS_GONE_NS + 1), &view);
	cr_expect_eq(view.gateways, 0, "who says nothing has left");
}

/* ------------------------------------------------------------------ refusals */

Test(address_budget, everybody_stays_away_for_as_long_as_one_was_told)
{
	struct address_budget b = fresh();
	int64_t from;
	take(&b, 1, T0, &fast, &from);
	address_budget_refused(&b, AT(T0 + S), AT(T0), &fast, AT(T0 + 700 * S));
	cr_expect_not(take(&b, 2, T0 + 2 * S, &fast, &from));
	cr_expect_eq(from, T0 + 700 * S);
	cr_expect(take(&b, 2, T0 + 2 * S, &both, &from), "the other door is open");
	cr_expect_not(take(&b, 2, T0 + 700 * S - 1, &fast, &from));
	cr_expect(take(&b, 2, T0 + 700 * S, &fast, &from));
}

Test(address_budget, no_word_of_anybody_blocks_for_ever)
{
	struct address_budget b = fresh();
	int64_t from;
	address_budget_refused(&b, AT(T0), AT(T0 - S), &fast, AT(INT64_MAX));
	cr_expect_not(take(&b, 1, T0, &fast, &from));
	cr_expect_leq(from, T0 + ADDRESS_AWAY_NS);
}

/* How many of the limit go within its window, when all is asked for. */
static int gone(struct address_budget *b, int64_t at, const struct budget_ask *ask)
{
	int64_t from;
	int n = 0;
	while (take(b, 1, at, ask, &from))
		n++;
	return n;
}

Test(address_budget, a_refusal_lowers_the_rate_and_time_brings_it_back)
{
	struct address_budget b = fresh();
	int64_t t = T0;
	cr_expect_eq(gone(&b, t, &fast), 4);
	address_budget_refused(&b, AT(t + S), AT(t), &fast, AT(t + S));
	address_budget_refused(&b, AT(t + 1100 * MS), AT(t), &fast, AT(t + S)); /* of the same */
	cr_expect_eq(b.limits[FAST].rate.rate, 12);
	cr_expect_eq(gone(&b, t + 2 * S, &fast), 3, "three quarters of it");
	t += 4 * S;
	cr_expect_eq(gone(&b, t, &fast), 3);
	address_budget_refused(&b, AT(t + S), AT(t), &fast, AT(t + S));
	cr_expect_eq(b.limits[FAST].rate.rate, 9);
	cr_expect_eq(gone(&b, t + 2 * S, &fast), 2);
	for (int i = 0; i < 10; i++) {
		t += 10 * S;
		address_budget_refused(&b, AT(t), AT(t - 1), &fast, AT(t));
	}
	cr_expect_eq(gone(&b, t + 2 * S, &fast), 1, "never none at all");
	cr_expect_eq(b.limits[FAST].rate.rate, RATE_LEAST);
	cr_expect_eq(gone(&b, t + 4 * RATE_STEP_NS - 1, &fast), 1, "a sixteenth a step");
	cr_expect_eq(gone(&b, t + 4 * RATE_STEP_NS + S, &fast), 2);
	cr_expect_eq(gone(&b, t + 12 * RATE_STEP_NS, &fast), 4);
	struct budget_view view;
	address_budget_look(&b, AT(t + 12 * RATE_STEP_NS), &view);
	cr_expect_eq(view.cuts, 12);
	cr_expect_eq(view.limits[SLOW].now, 20, "the others are as they were");
}

Test(address_budget, a_rate_that_gave_way_in_a_long_window_is_a_pace_and_no_wall)
{
	struct address_budget b = fresh();
	const struct budget_ask slow = { .door = BUDGET_CONNECT, .limits = 1u << SLOW };
	int64_t t = T0, from;
	cr_expect_eq(gone(&b, t, &slow), 20);
	t += 61 * S;
	cr_expect_eq(gone(&b, t, &slow), 20);
	for (int i = 0; i < 10; i++)
		address_budget_refused(&b, AT(t + i + 1), AT(t + i + 1), &slow, AT(t));
	cr_expect_not(take(&b, 1, t + 59 * S, &slow, &from), "all of the window is used");
	t += 61 * S;
	cr_expect_eq(gone(&b, t, &slow), 10, "half of it after four steps");
	cr_expect_not(take(&b, 1, t, &slow, &from));
	cr_expect_eq(from, t + 6 * S, "then one by one");
	cr_expect_not(take(&b, 1, t + 6 * S - 1, &slow, &from));
	cr_expect(take(&b, 1, t + 6 * S, &slow, &from));
	cr_expect_not(take(&b, 1, t + 6 * S, &slow, &from));
	cr_expect_eq(from, t + 12 * S);
}

Test(address_budget, weight_gives_way_too_and_still_lets_the_heaviest_through)
{
	struct address_budget b = fresh();
	const struct budget_ask ask = heavy(20);
	int64_t from, t = T0;
	cr_expect_eq(gone(&b, t, &ask), 5);
	for (int i = 0; i < 10; i++)
		address_budget_refused(&b, AT(t + i + 1), AT(t + i + 1), &ask, AT(t));
	t += 82 * S; /* unanswered ones weigh until then; five steps have passed */
	cr_expect_eq(gone(&b, t, &ask), 2, "9 sixteenths of 100");
	for (int i = 0; i < 10; i++)
		address_budget_refused(&b, AT(t + i + 1), AT(t + i + 1), &ask, AT(t));
	t += 82 * S;
	const struct budget_ask all = heavy(90);
	cr_expect(take(&b, 1, t, &all, &from), "alone");
	cr_expect_not(take(&b, 1, t, &ask, &from));
}

/* Else who leaves half of the minute to others had to wait until nothing at all was used. */
Test(address_budget, what_stays_free_beside_a_request_gives_way_as_well)
{
	struct address_budget b = fresh();
	struct budget_ask large = heavy(20), polite = heavy(5);
	int64_t from, t = T0;
	polite.need = 55;
	for (int i = 0; i < 10; i++)
		address_budget_refused(&b, AT(t + i), AT(t + i), &polite, AT(t));
	cr_expect(take(&b, 1, t + 9, &polite, &from), "25 are allowed, 5 and 12 have to be free");
	cr_expect(take(&b, 1, t + 9, &polite, &from));
	cr_expect_not(take(&b, 1, t + 9, &polite, &from), "15 are free");
	cr_expect(take(&b, 1, t + 9 + 15 * S, &large, &from), "of 31");
	t += 200 * S;
	cr_expect_eq(gone(&b, t, &polite), 10, "at full rate half of it stays free");
}

/* ------------------------------------------------------------------ doubt */

Test(address_budget, what_cannot_be_is_seen)
{
	struct address_budget b = fresh(), bad;
	int64_t from;
	for (int i = 0; i < 3; i++)
		take(&b, 1, T0 + i, &both, &from);
	bc_mono_time now = AT(T0 + S);
#define EXPECT_INSANE(change) \
	bad = b;              \
	bad.change;           \
	cr_expect_not(address_budget_sane(&bad, &exchange, now), #change)
	EXPECT_INSANE(n_limits = 1);
	EXPECT_INSANE(limits[FAST].ours = 400);
	EXPECT_INSANE(limits[FAST].ours = 0);
	EXPECT_INSANE(limits[SLOW].first = 500);
	EXPECT_INSANE(limits[SLOW].window_ns = INT64_MAX);
	EXPECT_INSANE(limits[SLOW].oldest = 20);
	EXPECT_INSANE(limits[FAST].rate.rate = 17);
	EXPECT_INSANE(limits[FAST].rate.rate = RATE_LEAST - 1);
	EXPECT_INSANE(limits[FAST].rate.since_ns = INT64_MAX);
	EXPECT_INSANE(limits[FAST].rate.step_ns = 0);
	EXPECT_INSANE(times_ns[1] = T0 + 3600 * S);
	EXPECT_INSANE(times_ns[0] = T0 + 3);
	EXPECT_INSANE(away_until_ns[BUDGET_REST] = INT64_MAX);
	EXPECT_INSANE(newest_ns = INT64_MAX);
	EXPECT_INSANE(weight.second = INT64_MAX / 2);
	EXPECT_INSANE(weight.second = -1);
	EXPECT_INSANE(weight.told_at.ns = INT64_MAX);
	cr_expect_not(address_budget_sane(&b, &exchange, AT(T0 - 60 * S)), "of a later time");
}

Test(address_budget, where_nobody_knows_all_of_it_was_used_just_now)
{
	struct address_budget b = fresh();
	const struct budget_ask ask = heavy(1);
	int64_t from;
	address_budget_exhaust(&b, AT(T0));
	cr_expect(address_budget_sane(&b, &exchange, AT(T0)));
	cr_expect_not(take(&b, 1, T0, &fast, &from));
	cr_expect_eq(from, T0 + S);
	cr_expect_not(take(&b, 1, T0, &ask, &from));
	cr_expect_eq(from, T0 + 60 * S);
	cr_expect_not(take(&b, 1, T0 + 59 * S, &both, &from));
	cr_expect_eq(gone(&b, T0 + 60 * S, &both), 4, "and no longer than a window");
	cr_expect(take(&b, 1, T0 + 60 * S, &ask, &from));
}

/* ------------------------------------------------------------------ the exchanges' limits */

Test(address_budget, what_every_exchange_declares_fits_and_leaves_a_margin)
{
	for (size_t i = 0; bc_exchanges[i] != NULL; i++) {
		const struct bc_exchange *x = bc_exchanges[i];
		struct address_budget b;
		cr_expect_eq(address_budget_init(&b, x), BC_OK, "%s", x->id);
		cr_expect_neq(x->connect_limits, 0, "%s", x->id);
		cr_expect_eq(x->connect_limits >> x->n_limits, 0, "%s", x->id);
		for (size_t k = 0; k < x->n_limits; k++) {
			const struct bc_address_limit *l = &x->limits[k];
			uint32_t most = l->window_ns > S ? l->allowed * 9 / 10 : l->allowed / 2;
			cr_expect_leq(l->ours, most, "%s %s", x->id, l->name);
		}
		for (size_t k = 0; k < x->n_rest; k++)
			cr_expect_eq(x->rest[k].limits >> x->n_limits, 0, "%s", x->id);
	}
}
