/* Two lines of one true stream: what is handed out is everything, once, in order, from the fittest,
 * and what is missing is told once. First by hand, then against a model with seeded losses, delays,
 * deaths, restarts and unfit phases. */
#include "common/arbiter.h"
#include "tests/simulation/dice.h"
#include "tests/support/bus_message.h"
#include "tests/support/seeds.h"

#include <criterion/criterion.h>

/* Of RETURNING books each third one is as the one two before, of the same time: where one is lost
 * nobody can tell them apart, so they are no kind of the model's. */
enum kind { NUMBERED, TIMED, TRADES, BARE_TRADES, CANDLES, N_KINDS, RETURNING = N_KINDS };

static const char *const kind_words[N_KINDS + 1] = {
	"books with numbers", "books with times", "trades",
	"trades without ids", "candles",          "books that come back",
};
static const char *const topics[N_KINDS + 1] = { "x.S.book",  "x.S.book",      "x.S.trade",
						 "x.S.trade", "x.S.candle-1m", "x.S.book" };

enum { A_CANDLE = 7 }; /* updates of one, the last one closes it */

/* ---- the true stream: update i, which anybody can make ---- */

static int64_t time_of(enum kind kind, int i)
{
	return kind == NUMBERED || kind == TRADES || kind == CANDLES ? 1000 + i : 1000 + i / 3;
}

static int content_of(enum kind kind, int i)
{
	return kind == BARE_TRADES ? i / 3 : kind == RETURNING ? i % 3 % 2 + 10 * (i / 3) : i;
}

static void make(enum kind kind, int i, uint64_t epoch, uint64_t seq, enum bc_state state,
		 struct bus_message *out, struct bc_message *m)
{
	static bc_level levels[2];
	char id[24];
	struct bc_envelope e = bus_envelope(epoch, seq, state);
	int content = content_of(kind, i);
	e.ts_exchange.ns = time_of(kind, i);
	e.exchange_seq = kind == NUMBERED ? 500u + (unsigned)i : BC_SEQ_NONE;
	*m = (struct bc_message){ .envelope = e };
	snprintf(id, sizeof id, "%d", 7000 + i);
	if (kind == NUMBERED || kind == TIMED || kind == RETURNING)
		*m = bus_book(e, content + 1, levels);
	else if (kind == CANDLES)
		m->body.candle =
			(struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { i / A_CANDLE * 60 },
					    .open = { 1, 0 },
					    .high = { i + 1, 0 },
					    .low = { 1, 0 },
					    .close = { i + 1, 0 },
					    .volume = { i, 0 },
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = i % A_CANDLE == A_CANDLE - 1 ? BC_CLOSED_YES
										   : BC_CLOSED_NO };
	else
		m->body.trade = (struct bc_trade){ { content + 1, 0 },
						   { 1, 0 },
						   BC_SIDE_BUY,
						   bc_str_of(kind == TRADES ? id : "") };
	bus_message_encode(out, topics[kind], m);
	cr_assert_eq(bc_message_decode(out->payload, m, levels, 2), BC_OK);
}

/* ---- by hand ---- */

static struct bc_arbiter *arbiter;

static void free_arbiter(void)
{
	bc_arbiter_free(&arbiter);
}

TestSuite(arbiter, .fini = free_arbiter);

static struct bc_arbiter *begin(enum kind kind, int i)
{
	struct bus_message b;
	struct bc_message m;
	make(kind, i, 1, 1, BC_STATE_LIVE, &b, &m);
	bc_arbiter_free(&arbiter);
	arbiter = bc_arbiter_new(&m, true);
	cr_assert(arbiter != NULL);
	return arbiter;
}

static struct bc_ruling offer_so(enum kind kind, uint64_t epoch, int i, struct bc_offer how)
{
	struct bus_message b;
	struct bc_message m;
	static uint64_t seq;
	make(kind, i, epoch, ++seq, how.fit ? BC_STATE_LIVE : BC_STATE_STALE, &b, &m);
	how.message = &m;
	how.payload = b.payload;
	return bc_arbiter_offer(arbiter, &how);
}

static enum bc_verdict offer(enum kind kind, uint64_t epoch, int i)
{
	return offer_so(kind, epoch, i, (struct bc_offer){ .fit = true, .leader_holds = true })
		.verdict;
}

Test(arbiter, the_first_copy_of_each_book_whoever_says_it)
{
	begin(NUMBERED, 0);
	cr_expect_eq(offer(NUMBERED, 2, 0), BC_VERDICT_COPY);
	cr_expect_eq(offer(NUMBERED, 2, 1), BC_VERDICT_TAKE);
	cr_expect_eq(offer(NUMBERED, 1, 1), BC_VERDICT_COPY);
	cr_expect_eq(offer(NUMBERED, 1, 2), BC_VERDICT_TAKE);
	cr_expect_eq(bc_arbiter_leader(arbiter), 1);
	cr_expect_eq(offer(NUMBERED, 2, 2), BC_VERDICT_COPY);
}

Test(arbiter, of_one_time_the_content_tells)
{
	begin(RETURNING, 2);
	/* 3, 4 and 5 are of one time, and the last is as the first. */
	for (int i = 3; i <= 5; i++)
		cr_expect_eq(offer(RETURNING, 1, i), BC_VERDICT_TAKE, "%d", i);
	for (int i = 3; i <= 5; i++)
		cr_expect_eq(offer(RETURNING, 2, i), BC_VERDICT_COPY, "%d", i);
	cr_expect_eq(offer(RETURNING, 2, 6), BC_VERDICT_TAKE);
	cr_expect_eq(offer(RETURNING, 2, 7), BC_VERDICT_TAKE);
	cr_expect_eq(offer(RETURNING, 1, 6), BC_VERDICT_COPY);
	cr_expect_eq(offer(RETURNING, 1, 7), BC_VERDICT_COPY);
	cr_expect_eq(offer(RETURNING, 1, 8), BC_VERDICT_TAKE, "as 6 was, but said once more");
}

Test(arbiter, a_trade_that_one_line_lost_comes_from_the_other)
{
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY, "what was before the second line");
	cr_expect_eq(offer(TRADES, 1, 1), BC_VERDICT_TAKE);
	struct bc_ruling r =
		offer_so(TRADES, 1, 4,
			 (struct bc_offer){ .fit = true, .leader_holds = true, .n_lost = 2 });
	cr_expect_eq(r.verdict, BC_VERDICT_TAKE);
	cr_expect_eq(r.n_lost + r.n_filled, 0, "the other one may still bring them");
	cr_expect_eq(offer(TRADES, 2, 1), BC_VERDICT_COPY);
	cr_expect_eq(offer(TRADES, 2, 2), BC_VERDICT_TAKE);
	cr_expect_eq(offer(TRADES, 2, 3), BC_VERDICT_TAKE);
	r = offer_so(TRADES, 2, 4, (struct bc_offer){ .fit = true, .leader_holds = true });
	cr_expect_eq(r.verdict, BC_VERDICT_COPY);
	cr_expect_eq(r.n_filled, 2);
}

Test(arbiter, what_nobody_can_bring_any_more_is_lost)
{
	const struct bc_offer hole = { .fit = true, .leader_holds = true, .n_lost = 3 };
	begin(NUMBERED, 0);
	cr_expect_eq(offer(NUMBERED, 2, 0), BC_VERDICT_COPY);
	cr_expect_eq(offer_so(NUMBERED, 1, 4, hole).n_lost, 0);
	struct bc_ruling r = bc_arbiter_gone(arbiter, 2);
	cr_expect_eq(r.n_lost, 3);
	cr_expect_eq(r.n_gaps, 1);
	/* And where the other one has a hole itself, at once. */
	cr_expect_eq(offer_so(NUMBERED, 2, 5, hole).verdict, BC_VERDICT_TAKE);
	r = offer_so(NUMBERED, 1, 9, hole);
	cr_expect_eq(r.n_lost, 3, "the other one is whole since 5 only");
}

Test(arbiter, of_two_holes_that_overlap_neither_is_filled)
{
	const struct bc_offer one = { .fit = true, .leader_holds = true, .n_lost = 1 };
	struct bc_offer two = one;
	two.n_lost = 2;
	begin(NUMBERED, 3);
	cr_expect_eq(offer(NUMBERED, 2, 3), BC_VERDICT_COPY);
	cr_expect_eq(offer(NUMBERED, 2, 4), BC_VERDICT_TAKE);
	struct bc_ruling r = offer_so(NUMBERED, 2, 6, one);
	cr_expect_eq(r.n_lost + r.n_filled, 0);
	r = offer_so(NUMBERED, 1, 6, two);
	cr_expect_eq(r.n_lost, 3);
	cr_expect_eq(r.n_gaps, 2);
}

Test(arbiter, who_restarts_goes_on_where_it_stopped)
{
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY);
	cr_expect_eq(offer(TRADES, 1, 1), BC_VERDICT_TAKE);
	cr_expect_eq(offer(TRADES, 2, 1), BC_VERDICT_COPY);
	struct bc_ruling r =
		offer_so(TRADES, 9, 3, (struct bc_offer){ .fit = true, .heir_of = 1, .n_lost = 1 });
	cr_expect_eq(r.verdict, BC_VERDICT_TAKE);
	cr_expect_eq(r.n_lost, 0);
	cr_expect_eq(offer(TRADES, 2, 2), BC_VERDICT_TAKE);
	r = offer_so(TRADES, 2, 3, (struct bc_offer){ .fit = true });
	cr_expect_eq(r.n_filled, 1);
}

/* Neither process was there when the other one's predecessor ended, and yet nothing is lost. */
Test(arbiter, after_both_restarted_in_turn_what_the_other_one_says_is_not_lost)
{
	struct bc_offer anew = { .fit = true, .heir_of = 1 };
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY);
	cr_expect_eq(offer(TRADES, 1, 1), BC_VERDICT_TAKE);
	cr_expect_eq(offer(TRADES, 2, 1), BC_VERDICT_COPY);
	cr_expect_eq(offer_so(TRADES, 3, 5, anew).verdict, BC_VERDICT_TAKE);
	anew = (struct bc_offer){ .fit = true, .heir_of = 2, .n_lost = 1 };
	struct bc_ruling r = offer_so(TRADES, 4, 6, anew);
	cr_expect_eq(r.verdict, BC_VERDICT_TAKE);
	cr_expect_eq(r.n_lost + r.n_filled, 0, "the other one has not got as far");
	r = offer_so(TRADES, 3, 6, (struct bc_offer){ .fit = true });
	cr_expect_eq(r.n_filled, 1, "5, which it said");
	cr_expect_eq(r.n_lost, 0);
}

Test(arbiter, of_the_trades_missing_as_many_are_lost_as_nobody_said)
{
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY);
	offer_so(TRADES, 3, 8, (struct bc_offer){ .fit = true, .heir_of = 2 });
	cr_expect_eq(offer(TRADES, 3, 9), BC_VERDICT_TAKE);
	struct bc_ruling r = offer_so(TRADES, 1, 10, (struct bc_offer){ .fit = true, .n_lost = 9 });
	cr_expect_eq(r.n_lost + r.n_filled, 0);
	r = offer_so(TRADES, 3, 11, (struct bc_offer){ .fit = true });
	cr_expect_eq(r.n_filled, 2, "8 and 9");
	cr_expect_eq(r.n_lost, 7, "1 to 7");
	cr_expect_eq(r.n_gaps, 1);
}

/* A line has restarted and said nothing yet: it may have all of what the other one misses. */
Test(arbiter, who_has_restarted_and_is_silent_may_bring_it)
{
	const struct bc_offer hole = { .fit = true, .n_lost = 1 };
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY);
	struct bc_ruling r = bc_arbiter_restarted(arbiter, 2, 3);
	cr_expect_eq(r.n_lost, 0);
	r = offer_so(TRADES, 1, 2, hole);
	cr_expect_eq(r.n_lost, 0, "it may come");
	cr_expect_eq(offer_so(TRADES, 3, 1, (struct bc_offer){ .fit = true }).n_filled, 0);
	cr_expect_eq(offer_so(TRADES, 3, 2, (struct bc_offer){ .fit = true }).n_filled, 1);
	/* And where it goes without a word, it is lost. */
	cr_expect_eq(bc_arbiter_restarted(arbiter, 3, 4).n_lost, 0);
	cr_expect_eq(offer_so(TRADES, 1, 4, hole).n_lost, 0);
	r = bc_arbiter_gone(arbiter, 4);
	cr_expect_eq(r.n_lost, 1);
	cr_expect_eq(r.n_gaps, 1);
}

Test(arbiter, a_book_does_not_go_back_when_its_line_dies)
{
	struct bc_offer how = { .fit = true, .now = { 5 * BC_NS_PER_S } };
	begin(NUMBERED, 5);
	cr_expect_eq(offer(NUMBERED, 1, 6), BC_VERDICT_TAKE);
	cr_expect_eq(offer(NUMBERED, 2, 3), BC_VERDICT_COPY, "the other one holds");
	cr_expect_eq(offer_so(NUMBERED, 2, 4, how).verdict, BC_VERDICT_BEHIND);
	how.now.ns += BC_ARBITER_PATIENCE / 2;
	cr_expect_eq(offer_so(NUMBERED, 2, 5, how).verdict, BC_VERDICT_BEHIND);
	cr_expect_eq(offer_so(NUMBERED, 2, 7, how).verdict, BC_VERDICT_TAKE);
	how.now.ns += BC_ARBITER_PATIENCE;
	cr_expect_eq(offer_so(NUMBERED, 1, 6, how).verdict, BC_VERDICT_BEHIND, "patience anew");
}

Test(arbiter, an_exchange_that_counts_anew_is_believed_after_a_while)
{
	struct bc_offer how = { .fit = true, .now = { 5 * BC_NS_PER_S } };
	begin(NUMBERED, 5000);
	cr_expect_eq(offer_so(NUMBERED, 2, 1, how).verdict, BC_VERDICT_BEHIND);
	how.now.ns += BC_ARBITER_PATIENCE;
	cr_expect_eq(offer_so(NUMBERED, 2, 2, how).verdict, BC_VERDICT_TAKE);
	cr_expect_eq(offer_so(NUMBERED, 2, 3, how).verdict, BC_VERDICT_TAKE);
}

Test(arbiter, a_fit_copy_goes_before_an_unfit_one)
{
	const struct bc_offer unfit = { .outranked = true, .fit = true };
	begin(NUMBERED, 0);
	cr_expect_eq(offer_so(NUMBERED, 2, 1, unfit).verdict, BC_VERDICT_UNFIT);
	cr_expect_eq(offer(NUMBERED, 1, 1), BC_VERDICT_TAKE);
	/* Both unfit: that is news whatever the data, and told once. */
	struct bc_offer none = { .fit = false, .news = true };
	cr_expect_eq(offer_so(NUMBERED, 2, 1, none).verdict, BC_VERDICT_TAKE);
	none.news = false;
	none.leader_holds = true;
	cr_expect_eq(offer_so(NUMBERED, 1, 1, none).verdict, BC_VERDICT_COPY);
	/* Fit again, but older than what was said while it was. */
	begin(NUMBERED, 7);
	cr_expect_eq(offer_so(NUMBERED, 1, 7, (struct bc_offer){ .news = true }).verdict,
		     BC_VERDICT_TAKE);
	const struct bc_offer again = { .fit = true, .news = true };
	cr_expect_eq(offer_so(NUMBERED, 2, 6, again).verdict, BC_VERDICT_BEHIND);
	cr_expect_eq(offer_so(NUMBERED, 2, 7, again).verdict, BC_VERDICT_TAKE);
}

Test(arbiter, who_is_further_behind_than_can_be_remembered_says_nothing_twice)
{
	begin(TRADES, 0);
	cr_expect_eq(offer(TRADES, 2, 0), BC_VERDICT_COPY);
	for (int i = 1; i <= 3 * BC_ARBITER_TRADES; i++)
		cr_assert_eq(offer(TRADES, 1, i), BC_VERDICT_TAKE);
	for (int i = 1; i <= 3 * BC_ARBITER_TRADES; i++)
		cr_assert_eq(offer(TRADES, 2, i), BC_VERDICT_COPY, "%d", i);
	cr_expect_eq(offer(TRADES, 2, 3 * BC_ARBITER_TRADES + 1), BC_VERDICT_TAKE);
}

Test(arbiter, a_fifth_line_takes_the_place_of_the_most_silent)
{
	begin(TRADES, 0);
	for (uint64_t epoch = 2; epoch < 12; epoch++)
		cr_expect_eq(offer(TRADES, epoch, (int)epoch), BC_VERDICT_TAKE);
	uint64_t epochs[BC_ARBITER_LINES];
	cr_expect_eq(bc_arbiter_lines(arbiter, epochs), BC_ARBITER_LINES);
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		cr_expect_geq(epochs[i], 8);
	bc_arbiter_gone(arbiter, 11);
	cr_expect_eq(offer(TRADES, 12, 12), BC_VERDICT_TAKE);
	cr_expect_eq(bc_arbiter_lines(arbiter, epochs), BC_ARBITER_LINES);
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		cr_expect_neq(epochs[i], 11, "who is gone goes first");
}

/* ---- the model ---- */

enum { QUEUE = 256, UPDATES = 600 };

struct message { /* on its way to the subscriber */
	int i;
	bool fit;
};

struct model_line {
	uint64_t epoch, heard;    /* heard: the last epoch that was */
	bool alive, gone, silent; /* silent: dead and nothing of it on its way */
	bool fit;                 /* as it publishes now */
	bool word;                /* as the subscriber has heard it */
	struct message queue[QUEUE];
	int from, to;
	uint64_t n_lost; /* since the last one that arrived */
	int said[UPDATES];
	bool missed[UPDATES];
};

struct model {
	struct dice dice;
	enum kind kind;
	struct model_line lines[2];
	int now; /* updates that have happened */
	uint64_t next_epoch;
	bool told_fit;
	int newest_fit;       /* of books: taken while fit */
	int n_taken[UPDATES]; /* by update; of trades without id by content */
	uint64_t holes, lost, filled;
};

static bool is_event(enum kind kind, int i)
{
	return kind == TRADES || kind == BARE_TRADES ||
	       (kind == CANDLES && i % A_CANDLE == A_CANDLE - 1);
}

static bool stands(const struct model_line *l)
{
	return !l->gone && l->word;
}

/* What is said to be filled is here: of trades the model knows each. */
static void check_filled(const struct model *m)
{
	uint64_t brought = 0;
	for (int i = 0; i < UPDATES; i++)
		for (int k = 0; k < 2; k++)
			brought += m->lines[k].missed[i] && m->n_taken[i] > 0;
	cr_assert_leq(m->filled, brought);
}

static void count_ruling(struct model *m, const struct bc_ruling *r)
{
	m->lost += r->n_lost;
	m->filled += r->n_filled;
	if (r->n_filled > 0 && m->kind == TRADES)
		check_filled(m);
}

/* What must become of it; the whole rule in four lines, by the numbers that only the model knows.
 */
static bool must_take(const struct model *m, const struct model_line *l, int i,
		      const struct bc_offer *o)
{
	int identity = m->kind == BARE_TRADES ? content_of(m->kind, i) : i;
	if (is_event(m->kind, i))
		return m->kind == BARE_TRADES ? l->said[identity] > m->n_taken[identity]
					      : m->n_taken[identity] == 0;
	if (o->outranked)
		return false;
	return o->fit ? i > m->newest_fit || (o->news && i == m->newest_fit) : o->news;
}

static void take(struct model *m, struct model_line *l, const struct message *in)
{
	struct bus_message b;
	struct bc_message message;
	struct model_line *other = &m->lines[l == &m->lines[0]];
	int i = in->i, identity = m->kind == BARE_TRADES ? content_of(m->kind, i) : i;
	make(m->kind, i, l->epoch, 1, in->fit ? BC_STATE_LIVE : BC_STATE_STALE, &b, &message);
	l->word = in->fit;
	l->gone = false;
	l->said[identity]++;
	bool fit = stands(l) || stands(other);
	const struct bc_offer o = { .message = &message,
				    .payload = b.payload,
				    .n_lost = l->n_lost,
				    .heir_of = l->heard != l->epoch ? l->heard : 0,
				    .outranked = stands(other) && !stands(l),
				    .leader_holds = bc_arbiter_leader(arbiter) == l->epoch ||
						    stands(other) == stands(l),
				    .fit = fit,
				    .news = fit != m->told_fit,
				    .now = { BC_NS_PER_S } };
	bool must = must_take(m, l, i, &o);
	struct bc_ruling r = bc_arbiter_offer(arbiter, &o);
	m->holes += l->n_lost;
	l->n_lost = 0;
	l->heard = l->epoch;
	count_ruling(m, &r);
	bool took = r.verdict == BC_VERDICT_TAKE;
	/* Of one time only who has said the last one is believed to say a newer one. */
	bool may = m->kind == TIMED && i > m->newest_fit && i / 3 == m->newest_fit / 3;
	if ((fit && !may) || is_event(m->kind, i)) /* unfit data may be told more often */
		cr_assert_eq(took, must, "%s, update %d of line %lu: verdict %d, fit %d news %d",
			     kind_words[m->kind], i, (unsigned long)l->epoch, (int)r.verdict, fit,
			     o.news);
	else if (!may)
		cr_assert(took || !must, "%s: that %d is unfit was not told", kind_words[m->kind],
			  i);
	if (!took)
		return;
	m->n_taken[identity]++;
	if (!is_event(m->kind, i) || i > m->newest_fit)
		m->told_fit = fit;
	if (fit && i > m->newest_fit)
		m->newest_fit = i;
}

/* ---- what happens to the lines ---- */

static void happen(struct model *m)
{
	if (m->now == UPDATES)
		return;
	for (int k = 0; k < 2; k++) {
		struct model_line *l = &m->lines[k];
		if (l->alive && l->to - l->from < QUEUE)
			l->queue[l->to++ % QUEUE] = (struct message){ m->now, l->fit };
		else if (l->alive)
			l->alive = false;
	}
	m->now++;
}

static void arrive(struct model *m, struct model_line *l, bool lost)
{
	if (l->from == l->to)
		return;
	struct message in = l->queue[l->from++ % QUEUE];
	if (lost) {
		l->n_lost++;
		l->missed[in.i] = true;
		return;
	}
	take(m, l, &in);
}

static void die(struct model *m, struct model_line *l)
{
	l->alive = false; /* and some of what is on its way never leaves */
	if (l->to > l->from)
		l->to = (int)dice_between(&m->dice, l->from, l->to);
}

static void be_missed(struct model *m, struct model_line *l)
{
	if (l->alive || l->gone || l->from != l->to)
		return;
	l->gone = true;
	struct bc_ruling r = bc_arbiter_gone(arbiter, l->heard);
	count_ruling(m, &r);
}

static void restart(struct model *m, struct model_line *l)
{
	if (l->alive || l->from != l->to)
		return;
	l->epoch = ++m->next_epoch;
	l->n_lost = 0; /* nobody knows what the end of an epoch was */
	l->alive = true;
	l->fit = true;
	memset(l->said, 0, sizeof l->said);
	if (l->heard == 0 || dice_hits(&m->dice, 500000))
		return;
	/* Its heartbeat is heard before it says anything of the topic. */
	struct bc_ruling r = bc_arbiter_restarted(arbiter, l->heard, l->epoch);
	count_ruling(m, &r);
	l->heard = l->epoch;
	l->word = l->word && !l->gone;
	l->gone = false;
}

static void step(struct model *m)
{
	struct model_line *l = &m->lines[dice_between(&m->dice, 0, 1)];
	int64_t what = dice_between(&m->dice, 0, 999);
	if (what < 400)
		happen(m);
	else if (what < 950)
		arrive(m, l, dice_hits(&m->dice, 40000));
	else if (what < 965)
		l->fit = !l->fit;
	else if (what < 972)
		die(m, l);
	else if (what < 985)
		be_missed(m, l);
	else
		restart(m, l);
}

static void check_losses(const struct model *m)
{
	cr_assert_eq(m->holes, m->lost + m->filled, "%lu holes, %lu lost, %lu filled",
		     (unsigned long)m->holes, (unsigned long)m->lost, (unsigned long)m->filled);
	if (m->kind == TRADES)
		check_filled(m);
}

static void run(enum kind kind, uint64_t seed)
{
	struct model *m = calloc(1, sizeof *m);
	m->dice.state = seed;
	m->kind = kind;
	m->newest_fit = -1;
	m->next_epoch = 2;
	m->told_fit = true;
	for (uint64_t k = 0; k < 2; k++)
		m->lines[k] = (struct model_line){ .epoch = k + 1, .alive = true, .fit = true };
	struct bc_message nothing = {
		.envelope = { .channel = kind == TRADES || kind == BARE_TRADES ? BC_CHANNEL_TRADE
					 : kind == CANDLES                     ? BC_CHANNEL_CANDLE
									       : BC_CHANNEL_BOOK }
	};
	arbiter = bc_arbiter_new(&nothing, false);
	while (m->now < UPDATES)
		step(m);
	for (int k = 0; k < 2; k++) {
		struct model_line *l = &m->lines[k];
		while (l->from != l->to)
			arrive(m, l, false);
		l->alive = false; /* of what was lost at its very end nobody knows */
	}
	be_missed(m, &m->lines[0]);
	be_missed(m, &m->lines[1]);
	check_losses(m);
	bc_arbiter_free(&arbiter);
	free(m);
}

Test(arbiter, any_two_lines_give_everything_once_in_order_and_from_the_fittest)
{
	for (uint64_t seed = 1; seed <= seeds(60); seed++)
		for (int kind = 0; kind < N_KINDS; kind++)
			run((enum kind)kind, seed);
}
