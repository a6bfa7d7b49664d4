/* What waits for a slow reader: random streams against a model that remembers everything. */
#include "common/conflate.h"
#include "tests/support/seeds.h"

#include <criterion/criterion.h>
#include <string.h>

enum { TOPICS = 12, PUTS_MAX = 4000 };

/* One message that was published, and what has become of it. */
struct said {
	uint64_t seq;
	enum bc_channel channel;
	bool fit, closed, came;
	int64_t ts_open;
};

struct topic {
	struct bc_conflate_topic node;
	enum bc_channel channel;
	struct said said[PUTS_MAX];
	size_t n_said;
	size_t n_done; /* of them: handed over, or passed by what was handed over */
	int64_t ts_open;
	uint64_t in_turn; /* since when, by the world's clock; 0: nothing waits */
};

struct world {
	struct bc_conflate *conflate;
	struct bc_conflate_limits limits;
	struct topic topics[TOPICS];
	uint64_t dice, clock;
	bool endless; /* the bound is never met */
};

static struct world w;

static uint64_t roll(uint64_t below)
{
	w.dice ^= w.dice << 13;
	w.dice ^= w.dice >> 7;
	w.dice ^= w.dice << 17;
	return w.dice % below;
}

static void open_world(uint64_t seed, struct bc_conflate_limits limits)
{
	static const enum bc_channel channels[] = { BC_CHANNEL_BOOK,   BC_CHANNEL_TRADE,
						    BC_CHANNEL_CANDLE, BC_CHANNEL_STATE,
						    BC_CHANNEL_BBO,    BC_CHANNEL_TICKER };
	memset(&w, 0, sizeof w);
	w.dice = seed * 0x9e3779b97f4a7c15u + 1;
	w.limits = limits;
	w.endless = limits.max_more > PUTS_MAX;
	cr_assert((w.conflate = bc_conflate_new(&limits)) != NULL);
	for (size_t i = 0; i < TOPICS; i++) {
		w.topics[i].channel = channels[i % 6];
		w.topics[i].node.of = &w.topics[i];
	}
}

/* ---- what must hold after each step ---- */

static void check_accounts(void)
{
	size_t waiting = 0, topics = 0;
	for (size_t i = 0; i < TOPICS; i++) {
		const struct bc_account *a = &w.topics[i].node.account;
		cr_assert_eq(a->published,
			     a->received + a->lost + a->conflated + a->redundant + a->waiting);
		cr_assert_eq(a->published, w.topics[i].n_said);
		waiting += a->waiting;
		topics += a->waiting > 0;
	}
	cr_assert_leq(waiting, topics + w.limits.max_more);
}

/* ---- steps ---- */

static struct said *publish(struct topic *t)
{
	cr_assert_lt(t->n_said, PUTS_MAX);
	struct said *s = &t->said[t->n_said++];
	*s = (struct said){ .seq = t->n_said, .channel = t->channel, .fit = roll(4) != 0 };
	if (t->channel == BC_CHANNEL_CANDLE) {
		s->closed = roll(5) == 0;
		s->ts_open = t->ts_open;
		/* Often nobody says that it is closed, and sometimes one is corrected afterwards.
		 */
		t->ts_open += s->closed ? roll(3) != 0 : roll(8) == 0;
	}
	return s;
}

static void put(struct topic *t)
{
	uint64_t n_lost = roll(6) == 0 ? 1 + roll(3) : 0;
	for (uint64_t i = 0; i < n_lost; i++)
		publish(t);
	struct said *s = publish(t);
	struct bc_message m = { .envelope = { .channel = t->channel, .seq = s->seq } };
	char bytes[64];
	s->came = true;
	if (t->in_turn == 0)
		t->in_turn = ++w.clock;
	m.envelope.state = s->fit ? BC_STATE_LIVE : BC_STATE_STALE;
	if (t->channel == BC_CHANNEL_CANDLE) {
		m.body.candle.closed = s->closed ? BC_CLOSED_YES : BC_CLOSED_UNKNOWN;
		m.body.candle.ts_open.ns = s->ts_open;
	}
	memset(bytes, 'x', sizeof bytes);
	memcpy(bytes, &s->seq, sizeof s->seq);
	const bc_str payload = { bytes, sizeof s->seq + roll(sizeof bytes - sizeof s->seq) };
	cr_assert_eq(bc_conflate_put(w.conflate, &t->node, &m, payload, n_lost, (int)s->seq),
		     BC_OK);
}

/* May it be missing though it came, and nothing was dropped? */
static bool may_be_replaced(const struct topic *t, const struct said *s)
{
	if (t->channel == BC_CHANNEL_TRADE || s->closed)
		return false;
	return t->channel != BC_CHANNEL_CANDLE || s[1].ts_open == s->ts_open;
}

/* Whoever waits for a turn longest has it, and waits anew if there is more. */
static void check_turn(struct topic *t)
{
	for (size_t i = 0; i < TOPICS; i++)
		if (w.topics[i].in_turn > 0)
			cr_assert_geq(w.topics[i].in_turn, t->in_turn, "its turn is before");
	t->in_turn = t->node.account.waiting > 0 ? ++w.clock : 0;
}

/* What is told of the messages before this one is what became of them. */
static void check_passed(const struct topic *t, uint64_t seq, const struct bc_conflate_taken *got)
{
	uint64_t n_unfit = 0, n_lost = 0;
	cr_assert_eq(seq - t->n_done - 1, got->n_lost + got->n_replaced, "all are accounted for");
	for (size_t i = t->n_done; i + 1 < seq; i++) {
		const struct said *s = &t->said[i];
		n_unfit += s->came && !s->fit;
		n_lost += !s->came;
		if (w.endless && s->came)
			cr_assert(may_be_replaced(t, s), "%d: %lu is missing", (int)t->channel,
				  (unsigned long)s->seq);
	}
	cr_assert_eq(got->n_unfit, n_unfit);
	cr_assert_geq(got->n_lost, n_lost);
	if (w.endless)
		cr_assert_eq(got->n_lost, n_lost);
}

static bool take(void)
{
	struct bc_conflate_taken got;
	uint64_t seq;
	if (!bc_conflate_take(w.conflate, &got))
		return false;
	struct topic *t = got.topic->of;
	memcpy(&seq, got.payload.p, sizeof seq);
	cr_assert_eq(got.tag, (int)seq);
	cr_assert_gt(seq, t->n_done, "in order, and once");
	check_passed(t, seq, &got);
	check_turn(t);
	if (t->channel == BC_CHANNEL_TRADE)
		cr_assert_eq(got.n_replaced, 0);
	t->n_done = seq;
	return true;
}

static void run(uint64_t seed, struct bc_conflate_limits limits, uint64_t greed)
{
	open_world(seed, limits);
	for (int i = 0; i < 3000; i++) {
		if (roll(10) < greed)
			take();
		else
			put(&w.topics[roll(TOPICS)]);
		check_accounts();
	}
	while (take())
		check_accounts();
	for (size_t i = 0; i < TOPICS; i++) {
		const struct topic *t = &w.topics[i];
		cr_assert_eq(t->n_done, t->n_said, "the newest of each is handed over");
		cr_assert_eq(t->node.account.waiting, 0);
		if (t->channel == BC_CHANNEL_TRADE)
			cr_assert_eq(t->node.account.conflated, 0);
	}
	bc_conflate_free(&w.conflate);
	cr_assert_null(w.conflate);
}

Test(conflate, nothing_is_unaccounted_for_nothing_out_of_order)
{
	for (uint64_t seed = 1; seed <= seeds(10); seed++)
		run(seed, (struct bc_conflate_limits){ PUTS_MAX + 1, 1 << 20 }, seed % 6);
}

Test(conflate, at_the_bound_the_oldest_is_lost_and_told)
{
	for (uint64_t seed = 1; seed <= seeds(10); seed++) {
		run(seed, (struct bc_conflate_limits){ 20, 1 << 20 }, seed % 6);
		run(seed, (struct bc_conflate_limits){ PUTS_MAX, 300 }, seed % 6);
		run(seed, (struct bc_conflate_limits){ 0, 0 }, seed % 6);
	}
}

Test(conflate, who_waits_longest_with_more_than_one_makes_room)
{
	struct topic *a = &w.topics[1], *b = &w.topics[7]; /* trades */
	open_world(3, (struct bc_conflate_limits){ 2, 1 << 20 });
	put(a);
	put(b);
	put(a);
	put(b);
	const uint64_t lost_a = a->node.account.lost, lost_b = b->node.account.lost;
	struct said *s = publish(b);
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_TRADE, .seq = s->seq } };
	const bc_str payload = { (const char *)&s->seq, sizeof s->seq };
	s->came = true;
	cr_expect_eq(bc_conflate_put(w.conflate, &b->node, &m, payload, 0, (int)s->seq), BC_OK);
	cr_expect_eq(a->node.account.lost, lost_a + 1);
	cr_expect_eq(b->node.account.lost, lost_b);
	while (take())
		continue;
	bc_conflate_free(&w.conflate);
}

Test(conflate, a_topic_nobody_wants_any_more_leaves_nothing)
{
	open_world(7, (struct bc_conflate_limits){ 100, 1 << 20 });
	for (int i = 0; i < 500; i++)
		put(&w.topics[roll(TOPICS)]);
	for (size_t i = 0; i < TOPICS; i += 2) {
		struct bc_account *a = &w.topics[i].node.account;
		bc_conflate_forget(w.conflate, &w.topics[i].node);
		w.topics[i].in_turn = 0;
		cr_expect_eq(a->waiting, 0);
		cr_expect_eq(a->published, a->lost + a->conflated);
	}
	while (take())
		continue;
	for (size_t i = 0; i < TOPICS; i += 2)
		cr_expect_eq(w.topics[i].n_done, 0);
	put(&w.topics[0]);
	struct bc_conflate_taken got;
	cr_expect(bc_conflate_take(w.conflate, &got));
	cr_expect_eq(got.topic->of, &w.topics[0]);
	bc_conflate_free(&w.conflate);
}

Test(conflate, what_waits_when_it_ends_is_freed)
{
	open_world(9, (struct bc_conflate_limits){ 100, 1 << 20 });
	for (int i = 0; i < 200; i++)
		put(&w.topics[roll(TOPICS)]);
	take();
	bc_conflate_free(&w.conflate);
	bc_conflate_free(&w.conflate);
}
