/* Books out of changes while one connection is replaced by another: two streams that lag, one book
 * that is right at every number it shows, and no snapshot for it. */
#include "tests/support/session_rig.h"

#include <stdlib.h>

#define NEXT       1
#define N_SYMBOLS  3
#define N_CHANGES  3000 /* of all symbols */
#define N_LEVELS   6    /* a side; the bids are 90..95, the asks 101..106 */
#define LAG_MAX_MS 3000
#define LEAVING_MS 15000 /* the exchange says that it is going to close the connection */

struct change {
	int64_t at_ms;
	int symbol, level; /* levels from N_LEVELS on are asks */
	uint64_t seq, quantity;
};

struct stream {
	uint32_t connection;
	size_t next;
	int64_t lag_ms, changes_at_ms, from_ms;
};

static struct world {
	uint64_t random;
	struct change changes[N_CHANGES];
	uint64_t (*truth)[N_SYMBOLS][2 * N_LEVELS]; /* by seq: quantities of that symbol then */
	uint64_t n_seq[N_SYMBOLS], told[N_SYMBOLS];
	uint64_t n_books, wrong, back;
} world;

static uint64_t chance(uint64_t n)
{
	world.random = world.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (world.random >> 33) % n;
}

static int price_of(int level)
{
	return level < N_LEVELS ? 90 + level : 101 + level - N_LEVELS;
}

/* The third symbol hardly ever changes. Number 1 is the book before all of it. */
static void make_world(uint64_t seed)
{
	int64_t ms = 0;
	world = (struct world){ .random = seed, .truth = world.truth };
	if (world.truth == NULL)
		world.truth = calloc(N_CHANGES + 2, sizeof *world.truth);
	for (int i = 0; i < N_SYMBOLS; i++) {
		world.n_seq[i] = 1;
		for (int level = 0; level < 2 * N_LEVELS; level++)
			world.truth[1][i][level] = 7;
	}
	for (size_t n = 0; n < N_CHANGES; n++) {
		struct change *c = &world.changes[n];
		int i = chance(400) == 0 ? 2 : (int)chance(2);
		ms += (int64_t)chance(40);
		*c = (struct change){ .at_ms = ms,
				      .symbol = i,
				      .level = (int)chance(2 * N_LEVELS),
				      .quantity = chance(3) == 0 ? 0 : 1 + chance(1000),
				      .seq = ++world.n_seq[i] };
		memcpy(world.truth[c->seq][i], world.truth[c->seq - 1][i],
		       sizeof world.truth[0][0]);
		world.truth[c->seq][i][c->level] = c->quantity;
	}
}

static bool side_is_true(const bc_level *levels, uint32_t n, const uint64_t *truth, int step)
{
	uint32_t at = 0;
	for (int i = 0; i < N_LEVELS; i++) {
		int level = step < 0 ? N_LEVELS - 1 - i : N_LEVELS + i;
		if (truth[level] == 0)
			continue;
		if (at == n ||
		    bc_decimal_compare(levels[at].price, (bc_decimal){ price_of(level), 0 }) != 0 ||
		    bc_decimal_compare(levels[at].quantity,
				       (bc_decimal){ (int64_t)truth[level], 0 }) != 0)
			return false;
		at++;
	}
	return at == n;
}

static void check(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	const struct bc_book *book = &event->body.book;
	(void)r;
	if (event->channel != BC_CHANNEL_BOOK)
		return;
	uint64_t seq = event->exchange_seq;
	world.n_books++;
	world.back += seq < world.told[symbol];
	world.told[symbol] = seq;
	const uint64_t *truth = world.truth[seq][symbol];
	world.wrong += !side_is_true(book->bids, book->n_bids, truth, -1) ||
		       !side_is_true(book->asks, book->n_asks, truth, 1);
}

/* The whole book of now. */
static void answer_snapshot(struct rig *r, int64_t ms)
{
	char body[512], *out = body;
	const char *name = strrchr(r->asked[r->get_number], 'S');
	int i = name[1] - '0';
	uint64_t seq = 1;
	for (size_t n = 0; n < N_CHANGES && world.changes[n].at_ms <= ms; n++) {
		if (world.changes[n].symbol == i)
			seq = world.changes[n].seq;
	}
	const uint64_t *truth = world.truth[seq][i];
	out += sprintf(out, "snap %lu b", seq);
	for (int level = N_LEVELS - 1; level >= 0; level--) {
		if (truth[level] != 0)
			out += sprintf(out, " %d=%lu", price_of(level), truth[level]);
	}
	out += sprintf(out, " a");
	for (int level = N_LEVELS; level < 2 * N_LEVELS; level++) {
		if (truth[level] != 0)
			out += sprintf(out, " %d=%lu", price_of(level), truth[level]);
	}
	answers(r, body);
}

/* One frame; now and then it takes in the change that follows, so that the two streams cut what
 * happens at different places. */
static void say_change(struct rig *r, struct stream *stream)
{
	const struct change *c = &world.changes[stream->next++], *d = c + 1;
	char text[128];
	int n = snprintf(text, sizeof text, "delta S%d %lu %lu %c %d=%lu", c->symbol, c->seq,
			 c->seq, c->level < N_LEVELS ? 'b' : 'a', price_of(c->level), c->quantity);
	if (stream->next < N_CHANGES && d->symbol == c->symbol && d->level != c->level &&
	    chance(4) == 0) {
		stream->next++;
		n = snprintf(text, sizeof text, "delta S%d %lu %lu %c %d=%lu %c %d=%lu", c->symbol,
			     c->seq, d->seq, c->level < N_LEVELS ? 'b' : 'a', price_of(c->level),
			     c->quantity, d->level < N_LEVELS ? 'b' : 'a', price_of(d->level),
			     d->quantity);
	}
	cr_assert_lt(n, (int)sizeof text);
	says_on(r, stream->connection, text);
}

static void tell(struct rig *r, struct stream *stream, int64_t now_ms)
{
	if (now_ms >= stream->changes_at_ms) {
		stream->changes_at_ms = now_ms + (int64_t)chance(4000);
		stream->lag_ms = now_ms < 8000 || chance(3) == 0 ? 0 : (int64_t)chance(LAG_MAX_MS);
	}
	while (stream->next < N_CHANGES &&
	       world.changes[stream->next].at_ms <= now_ms - stream->lag_ms) {
		if (world.changes[stream->next].at_ms < stream->from_ms)
			stream->next++;
		else
			say_change(r, stream);
	}
}

static struct session_options options_of_books(uint64_t seed)
{
	struct session_options o = options_for_tests();
	o.exchange = &fake_diff_exchange;
	o.levels = 10;
	o.max_levels = 100;
	o.snapshot_levels = 20;
	o.first_data_after_ns = 60 * S;
	o.seed = seed;
	return o;
}

enum death { NOBODY_DIES, OLD_DIES, NEW_DIES };

struct pair {
	struct stream old, new;
	enum death death;
	int64_t dies_ms;
	bool made, left; /* the new one; the old one */
};

static void come_and_go(struct rig *r, struct pair *p, int64_t ms)
{
	if (r->connecting[NEXT]) {
		opened_on(r, NEXT);
		p->made = true;
		p->new = (struct stream){ .connection = NEXT, .from_ms = ms };
	}
	if (p->made && ms % 1000 == 0)
		says_on(r, NEXT, "ticker CANARY");
	if (p->death == OLD_DIES && ms == p->dies_ms)
		closed_as(r, 0, (struct session_closed){ 0 });
	if (p->death == NEW_DIES && ms == p->dies_ms && !p->left) {
		p->made = false;
		closed_as(r, NEXT, (struct session_closed){ 0 });
	}
	p->left = p->left || r->gone[0] || (p->death == OLD_DIES && ms >= p->dies_ms);
	if (!p->left)
		tell(r, &p->old, ms);
	if (p->made)
		tell(r, &p->new, ms);
}

static void all_is_right(const struct rig *r, uint64_t seed, int64_t ms)
{
	for (uint32_t i = 0; ms >= LEAVING_MS && i < N_SYMBOLS; i++) {
		struct session_view view;
		session_symbol(r->session, i, &view);
		cr_assert(bc_state_fit(view.state), "seed %lu, %ld ms: S%u is %s %s", seed,
			  (long)ms, i, bc_state_word(view.state), bc_reason_word(view.reason));
	}
	cr_assert_eq(world.wrong + world.back, 0, "seed %lu, %ld ms: %lu wrong, %lu back", seed,
		     (long)ms, world.wrong, world.back);
}

static void run_world(uint64_t seed, enum death death, int64_t dies_ms)
{
	struct pair p = { .death = death, .dies_ms = dies_ms };
	size_t asked_before = 0;
	uint64_t gaps = 0;
	struct rig *r = rig_with(options_of_books(seed));
	make_world(seed);
	add(r, "S0 S1 S2");
	r->watch = check;
	session_start(r->session, r->now);
	opened(r);
	for (int64_t ms = 0; ms < 58000; ms += 20) {
		pass(r, 20 * MS);
		r->seen[0] = r->logged[0] = r->told[0] = '\0';
		while (asked(r, "/snap"))
			answer_snapshot(r, ms);
		if (ms % 1000 == 0 && r->connecting[0] == 0)
			says_on(r, 0, "ticker CANARY");
		if (ms == LEAVING_MS) {
			asked_before = r->n_gets;
			gaps = session_counters(r->session)->gaps;
			says_on(r, 0, "leaving");
		}
		come_and_go(r, &p, ms);
		all_is_right(r, seed, ms);
	}
	cr_expect(p.left, "seed %lu", seed);
	cr_expect_gt(world.n_books, 500);
	if (death == NOBODY_DIES)
		cr_expect_eq(r->n_gets, asked_before, "seed %lu: %zu snapshots for it", seed,
			     r->n_gets - asked_before);
	cr_expect_eq(session_counters(r->session)->gaps, gaps, "seed %lu", seed);
	done(r);
}

Test(handover_book, is_right_at_every_number_however_the_streams_lag)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_world(seed, NOBODY_DIES, 0);
}

Test(handover_book, is_right_when_the_old_one_dies)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_world(seed, OLD_DIES, 19000 + 20 * (int64_t)(seed % 100));
}

Test(handover_book, is_right_when_the_new_one_dies)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_world(seed, NEW_DIES, 15200 + 20 * (int64_t)(seed * 10 % 300));
}

/* ------------------------------------------------------------------ what one of them lost */

/* AAA is live by number 10, both connections have said 11. */
static struct rig *beside_each_other(void)
{
	struct rig *r = rig_with(options_of_books(1));
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	pass(r, 2 * S); /* nothing is said, so the snapshot is the book */
	cr_assert(asked(r, "AAA"));
	answers(r, "snap 10 b 90=1 a 101=1");
	says_on(r, 0, "leaving");
	pass(r, 0);
	opened_on(r, NEXT);
	pass(r, 0);
	says_on(r, 0, "delta AAA 11 11 b 90=2");
	says_on(r, NEXT, "delta AAA 11 11 b 90=2");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_assert_eq(r->book.seq, 11);
	r->n_gets = 0;
	return r;
}

static const struct lost_row {
	const char *name;
	struct {
		uint32_t connection;
		const char *frame; /* "" is its end */
	} says[6];
	uint64_t seq; /* of the book in the end */
	bool live;
	size_t gets;
} lost_rows[] = {
	{ "successor lost 12, the first brings it",
	  { { NEXT, "delta AAA 13 13 b 90=4" },
	    { 0, "delta AAA 12 12 b 90=3" },
	    { 0, "delta AAA 13 13 b 90=4" } },
	  13,
	  true,
	  0 },
	{ "and is given up in between",
	  { { NEXT, "delta AAA 13 13 b 90=4" },
	    { NEXT, "" },
	    { 0, "delta AAA 12 12 b 90=3" },
	    { 0, "delta AAA 13 13 b 90=4" } },
	  13,
	  true,
	  0 },
	{ "the first lost 12, the successor brings it",
	  { { NEXT, "delta AAA 12 12 b 90=3" },
	    { 0, "delta AAA 14 14 b 90=5" },
	    { NEXT, "delta AAA 13 13 b 90=4" },
	    { NEXT, "delta AAA 14 14 b 90=5" } },
	  14,
	  true,
	  0 },
	{ "the first brings what the successor lost, but ends before it has brought all",
	  { { NEXT, "delta AAA 14 14 b 90=5" }, { 0, "delta AAA 12 12 b 90=3" }, { 0, "" } },
	  12,
	  false,
	  1 },
	{ "the successor brings what the first lost, but ends before it has brought all",
	  { { NEXT, "delta AAA 12 12 b 90=3" },
	    { 0, "delta AAA 14 14 b 90=5" },
	    { NEXT, "delta AAA 13 13 b 90=4" },
	    { NEXT, "" } },
	  13,
	  false,
	  1 },
};

Test(handover_book, what_one_of_them_lost_comes_by_the_other)
{
	for (size_t i = 0; i < sizeof lost_rows / sizeof *lost_rows; i++) {
		const struct lost_row *row = &lost_rows[i];
		struct rig *r = beside_each_other();
		for (size_t n = 0; n < 6 && row->says[n].frame != NULL; n++) {
			uint32_t c = row->says[n].connection;
			if (row->says[n].frame[0] != '\0')
				says_on(r, c, row->says[n].frame);
			else
				closed_as(r, c, (struct session_closed){ 0 });
		}
		pass(r, 20 * MS);
		pass(r, 1 * S); /* the last snapshot is not long ago */
		cr_expect_eq(r->book.seq, row->seq, "%s: %lu", row->name, r->book.seq);
		cr_expect_eq(view_of(r, "AAA").state, row->live ? BC_STATE_LIVE : BC_STATE_STALE,
			     "%s: %s", row->name, bc_state_word(view_of(r, "AAA").state));
		cr_expect_eq(r->n_gets, row->gets, "%s: %zu", row->name, r->n_gets);
		done(r);
	}
}
