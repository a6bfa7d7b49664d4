/* REST requests of the session within their weight. */
#include "tests/simulation/dice.h"
#include "tests/support/seeds.h"
#include "tests/support/weighing_rig.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ weight */

Test(session_weight, stops_at_our_part_of_the_weight_and_says_how_long)
{
	struct rig *r = weighing_rig(100);
	want(r, 0, 100);
	int64_t wait = rest_snapshot_wait_ns(r->session);
	cr_expect(wait > 7 * 60 * S && wait < 10 * 60 * S, "%lld s of 8 minutes",
		  (long long)(wait / S));
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	cr_expect_eq(sync_side.n_asked, OURS / WEIGHT);
	struct session_rest_view view = session_rest_view(r->session);
	cr_expect_eq(view.weight, OURS);
	cr_expect_eq(view.weight_limit, OURS);
	cr_expect_eq(view.snapshots_waiting, 100 - OURS / WEIGHT);
	pass(r, 59 * S);
	cr_expect_eq(sync_side.n_asked, OURS / WEIGHT);
	pass(r, 2 * S);
	cr_expect_gt(sync_side.n_asked, OURS / WEIGHT);
	done(r);
}

Test(session_weight, others_at_the_same_address_count_too)
{
	struct rig *r = weighing_rig(100);
	want(r, 0, 1);
	told(r, SNAP, 540); /* 490 are not ours */
	want(r, 1, 99);
	cr_expect_eq(sync_side.n_asked, 2);
	told(r, SNAP, 590);
	pass(r, 30 * S);
	cr_expect_eq(sync_side.n_asked, 2, "the header says that it would be too much");
	pass(r, 31 * S);
	cr_expect_gt(sync_side.n_asked, 2);
	done(r);
}

/* The same, subscribed on lines that need no answer, and with a history. */
static struct rig *streaming_rig(int n_symbols)
{
	struct session_options o = weighing_options();
	weighing.lines = fake_exchange.lines;
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_TRADE); /* so that no book asks for anything */
	o.history_trades = 10;
	struct rig *r = started_rig(o, n_symbols);
	opened(r);
	return r;
}

Test(session_weight, nobody_light_overtakes_somebody_heavy)
{
	struct session_options o = weighing_options();
	weighing.n_rest = WITHOUT_TICKS + 1;
	struct rig *r = started_rig(o, 40);
	for (int i = 0; i < 12; i++) { /* of the ten that are listed */
		pass(r, S);
		if (asked(r, "/ticks"))
			told(r, "ticks", -1);
	}
	want(r, 0, 40);
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	cr_expect_eq(session_rest_view(r->session).weight, OURS - 10);
	add(r, "S1000");
	r->session->symbols[40].aside->was_listed = true;
	pass(r, 5 * S);
	cr_expect_eq(in_flight(r, "/ticks"), 0, "snapshots wait that weigh more");
	pass(r, 60 * S);
	cr_expect_eq(in_flight(r, "/snap"), 4);
	cr_expect_eq(in_flight(r, "/ticks"), 1, "there is room for all");
	done(r);
}

Test(session_weight, history_comes_after_all_who_wait_for_a_snapshot)
{
	struct rig *r = streaming_rig(8);
	want(r, 0, 8);
	for (int i = 0; i < 4; i++) { /* four are on their way, and have all the slots */
		says(r, "ticker CANARY");
		pass(r, S);
	}
	cr_expect_eq(in_flight(r, "/snap"), 4);
	cr_expect_eq(in_flight(r, "/trades"), 0);
	while (asked(r, "/snap"))
		told(r, SNAP, -1);
	for (int i = 0; i < 65; i++) { /* half of the weight is for snapshots */
		says(r, "ticker CANARY");
		pass(r, S);
	}
	cr_expect_eq(in_flight(r, "/trades"), 1);
	done(r);
}

Test(session_weight, history_leaves_half_of_the_weight_to_snapshots)
{
	struct rig *r = streaming_rig(200);
	size_t n = 0;
	for (int i = 0; i < 300; i++) {
		says(r, "ticker CANARY");
		pass(r, 100 * MS);
		while (asked(r, "/trades") && n++ < 1000)
			told(r, "trades", -1);
	}
	cr_expect_gt(n, 20, "%zu", n);
	struct session_rest_view view = session_rest_view(r->session);
	cr_expect_leq(view.weight, OURS / 2 + 4, "%llu", (unsigned long long)view.weight);
	size_t before = sync_side.n_asked;
	want(r, 0, 4);
	cr_expect_eq(sync_side.n_asked - before, 4, "at once");
	done(r);
}

/* An exchange that counts a request at some moment between it and its answer, in minutes that begin
 * whenever. */
struct counter {
	struct dice dice;
	int64_t due[SESSION_REST_SLOTS]; /* when the answer comes; 0: nothing was sent */
	struct counted {
		int64_t at;
		uint32_t weight;
	} all[20000];
	size_t n;
};

static void count_request(struct counter *c, const struct rig *r, uint32_t slot)
{
	int64_t takes_ms = dice_between(&c->dice, 0, dice_hits(&c->dice, 250000) ? 9999 : 499);
	bool snapshot = strstr(r->asked[slot], "/snap") != NULL;
	c->due[slot] = r->now.mono.ns + takes_ms * MS;
	cr_assert_lt(c->n, sizeof c->all / sizeof *c->all);
	c->all[c->n++] =
		(struct counted){ r->now.mono.ns + dice_between(&c->dice, 0, takes_ms) * MS,
				  snapshot ? WEIGHT : 20 };
}

static void answer_request(struct counter *c, struct rig *r, uint32_t slot)
{
	r->get_number = slot;
	c->due[slot] = 0;
	if (dice_hits(&c->dice, 100000))
		told_no(r, dice_hits(&c->dice, 500000) ? 500 : 0, 0);
	else
		told(r, strstr(r->asked[slot], "/list") != NULL ? "list S0" : SNAP, -1);
}

static int by_time(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

/* The most that was counted in any minute; *sum: in all. */
static uint64_t heaviest_minute(struct counter *c, uint64_t *sum)
{
	uint64_t most = 0, minute = 0;
	size_t first = 0;
	*sum = 0;
	qsort(c->all, c->n, sizeof *c->all, by_time);
	for (size_t i = 0; i < c->n; i++) {
		minute += c->all[i].weight;
		*sum += c->all[i].weight;
		while (c->all[first].at <= c->all[i].at - 60 * S)
			minute -= c->all[first++].weight;
		most = minute > most ? minute : most;
	}
	return most;
}

/* An hour of thirst. */
Test(session_weight, no_minute_is_ever_over_the_weight)
{
	static struct counter c;
	for (uint64_t seed = 1; seed <= seeds(10); seed++) {
		struct rig *r = weighing_rig(300);
		uint64_t sum;
		memset(&c, 0, sizeof c);
		c.dice.state = seed;
		for (int step = 0; step < 36000; step++) {
			rest_snapshot(r->session, (uint32_t)dice_between(&c.dice, 0, 299));
			pass(r, 100 * MS);
			for (uint32_t i = 0; i < SESSION_REST_SLOTS; i++) {
				if (r->asked[i][0] == '\0')
					c.due[i] = 0;
				else if (c.due[i] == 0)
					count_request(&c, r, i);
				else if (c.due[i] <= r->now.mono.ns)
					answer_request(&c, r, i);
			}
		}
		uint64_t most = heaviest_minute(&c, &sum);
		cr_assert_leq(most, OURS, "seed %lu: %lu", (unsigned long)seed,
			      (unsigned long)most);
		cr_expect_gt(sum, 60 * OURS * 6 / 10, "seed %lu: only %lu of it are used",
			     (unsigned long)seed, (unsigned long)sum);
		done(r);
	}
}

Test(session_weight, a_part_too_small_for_one_request_is_refused)
{
	struct session_options o = weighing_options();
	struct session_actions none = { 0 };
	struct session *s = NULL;
	char why[256] = "";
	o.weight_percent = 4;
	cr_expect_eq(session_new(&s, &o, &none, why, sizeof why), BC_EINVAL);
	cr_expect_str_eq(why, "rest.weight_percent: 4 % of the weight of diff is 40 a minute, and "
			      "one request for snapshot weighs 50");
	o.weight_percent = 5;
	cr_expect_eq(session_new(&s, &o, &none, why, sizeof why), BC_OK, "%s", why);
	session_free(&s);
}
