/* The join against the true history of a book: streams that cut it differently, lose, repeat and
 * swap changes, end and begin anew; snapshots of any moment that come late, early and cut. Whenever
 * the join says right, its book is the true one as of its number, as far as it vouches. */
#include "publisher/join.h"
#include "tests/support/sync_rules.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#define PRICES    24   /* a side */
#define N_CHANGES 1200 /* of one level each */
#define STREAMS   3

struct change {
	uint64_t id;
	enum bc_book_side side;
	uint32_t price;
	int64_t quantity;
};

struct stream {
	bool on;
	uint32_t number;
	uint32_t next; /* change that it sends next */
	uint64_t last; /* id it sent last, for prev_seq */
};

struct model {
	const struct bc_sync *sync;
	bool holes;
	struct change changes[N_CHANGES];
	uint32_t n; /* that have happened */
	struct stream streams[STREAMS];
	uint32_t n_streams; /* ever */
	struct join *join;
	struct join_buffer *buffer;
	struct bc_order_book *spare;
	uint64_t floor; /* the number while right never goes back */
	uint32_t asked; /* changes that had happened when the snapshot was asked for */
	unsigned long verdicts[JOIN_NO_MEMORY + 1], snapshots[JOIN_NO_MEMORY + 1], checked, cut;
	uint64_t rng;
};

static uint32_t draw(struct model *m, uint32_t n)
{
	m->rng = m->rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(m->rng >> 33) % n;
}

/* ------------------------------------------------------------------ the truth */

static void happen(struct model *m)
{
	struct change *c = &m->changes[m->n];
	c->id = (m->n > 0 ? m->changes[m->n - 1].id : 100) + 1 + (m->holes ? draw(m, 4) : 0);
	c->side = draw(m, 2) ? BC_BIDS : BC_ASKS;
	c->price = draw(m, PRICES);
	c->quantity = draw(m, 3) == 0 ? 0 : (int64_t)c->id;
	m->n++;
}

/* Best first; bids lie below asks. */
static uint32_t truth(const struct model *m, uint64_t at, enum bc_book_side side, bc_level *out)
{
	int64_t quantities[PRICES] = { 0 };
	uint32_t n = 0;
	for (uint32_t i = 0; i < m->n && m->changes[i].id <= at; i++)
		if (m->changes[i].side == side)
			quantities[m->changes[i].price] = m->changes[i].quantity;
	for (uint32_t i = 0; i < PRICES; i++)
		if (quantities[i] > 0)
			out[n++] =
				(bc_level){ { side == BC_BIDS ? 100 - (int64_t)i : 101 + (int64_t)i,
					      0 },
					    { quantities[i], 0 } };
	return n;
}

static void check_side(struct model *m, enum bc_book_side side, uint64_t seed)
{
	const struct bc_order_book *book = join_book(m->join);
	bc_level want[PRICES], got[PRICES];
	uint32_t n_want = truth(m, join_seq(m->join), side, want);
	uint32_t n_got = bc_order_book_copy(book, side, PRICES, got);
	cr_assert_leq(n_got, n_want, "seed %lu", (unsigned long)seed);
	if (!bc_order_book_has_edge(book, side))
		cr_assert_eq(n_got, n_want, "seed %lu", (unsigned long)seed);
	else
		m->cut += n_got < n_want;
	for (uint32_t i = 0; i < n_got; i++)
		cr_assert(bc_decimal_compare(want[i].price, got[i].price) == 0 &&
				  bc_decimal_compare(want[i].quantity, got[i].quantity) == 0,
			  "seed %lu: side %d level %u at %lu is wrong", (unsigned long)seed, side,
			  i, (unsigned long)join_seq(m->join));
}

static void check(struct model *m, uint64_t seed)
{
	if (!join_right(m->join)) {
		m->floor = 0;
		return;
	}
	cr_assert_geq(join_seq(m->join), m->floor, "seed %lu: taken back", (unsigned long)seed);
	m->floor = join_seq(m->join);
	m->checked++;
	check_side(m, BC_BIDS, seed);
	check_side(m, BC_ASKS, seed);
}

/* ------------------------------------------------------------------ the wire */

static void send_changes(struct model *m, struct stream *s, uint32_t from, uint32_t n,
			 uint64_t prev)
{
	bc_level bids[8], asks[8];
	struct bc_delta delta = { .bids = bids,
				  .asks = asks,
				  .first_seq = m->changes[from].id,
				  .last_seq = m->changes[from + n - 1].id,
				  .prev_seq = m->holes ? prev : BC_SEQ_NONE };
	for (uint32_t i = from; i < from + n; i++) {
		const struct change *c = &m->changes[i];
		bc_level *level =
			c->side == BC_BIDS ? &bids[delta.n_bids++] : &asks[delta.n_asks++];
		level->price = (bc_decimal){ c->side == BC_BIDS ? 100 - (int64_t)c->price
								: 101 + (int64_t)c->price,
					     0 };
		level->quantity = (bc_decimal){ c->quantity, 0 };
	}
	enum join_verdict verdict = join_delta(m->join, s->number, &delta);
	m->verdicts[verdict]++;
	cr_assert(verdict != JOIN_APPLIED || join_seq(m->join) == delta.last_seq);
	cr_assert(verdict != JOIN_GAP || !join_right(m->join));
}

/* One message of a stream, or what becomes of it. */
static void stream_sends(struct model *m, struct stream *s, bool faults, uint64_t seed)
{
	uint32_t left = m->n - s->next, n = 1 + draw(m, 5), from = s->next;
	uint64_t prev = s->last;
	if (left < 2)
		return;
	n = n < left ? n : left;
	s->next += n;
	s->last = m->changes[s->next - 1].id;
	switch (faults ? draw(m, 40) : 99) {
	case 0: /* lost */
		return;
	case 1: /* twice */
		send_changes(m, s, from, n, prev);
		check(m, seed);
		break;
	case 2: /* after the one that follows it */
		if (s->next < m->n) {
			send_changes(m, s, s->next, 1, s->last);
			check(m, seed);
			s->last = m->changes[s->next++].id;
		}
		break;
	default:
		break;
	}
	send_changes(m, s, from, n, prev);
}

static void stream_begins(struct model *m, struct stream *s)
{
	*s = (struct stream){ .on = true, .number = m->n_streams++ };
	s->next = m->n > 3 ? m->n - draw(m, 3) : m->n; /* as far as others may be, too */
	s->last = s->next > 0 ? m->changes[s->next - 1].id : 100;
}

static void stream_ends(struct model *m, struct stream *s)
{
	s->on = false;
	join_stream_ended(m->join, s->number);
}

/* ------------------------------------------------------------------ snapshots */

static void snapshot_comes(struct model *m)
{
	bc_level bids[PRICES], asks[PRICES];
	/* From before it was asked for until now, and not always at the end of a change. */
	uint32_t early = m->asked > 8 ? m->asked - 8 : 0, at = early + draw(m, m->n - early);
	uint64_t seq = m->changes[at].id + (at + 1 < m->n ? draw(m, 2) : 0);
	if (at + 1 < m->n && seq >= m->changes[at + 1].id)
		seq = m->changes[at].id;
	struct bc_book book = { bids, asks, truth(m, seq, BC_BIDS, bids),
				truth(m, seq, BC_ASKS, asks) };
	uint32_t limit = draw(m, 2) ? PRICES : 6;
	book.n_bids = book.n_bids < limit ? book.n_bids : limit;
	book.n_asks = book.n_asks < limit ? book.n_asks : limit;
	enum join_verdict verdict = join_snapshot(m->join, &m->spare, &book, seq,
						  book.n_bids == limit, book.n_asks == limit);
	m->snapshots[verdict]++;
	cr_assert(verdict == JOIN_APPLIED ? join_right(m->join) && !join_expecting(m->join)
					  : verdict == JOIN_TOO_OLD);
}

/* ------------------------------------------------------------------ the test */

static void one_step(struct model *m, bool faults, uint64_t seed)
{
	for (uint32_t i = draw(m, 4); i > 0 && m->n < N_CHANGES; i--)
		happen(m);
	struct stream *s = &m->streams[draw(m, STREAMS)];
	if (s->on && faults && draw(m, 60) == 0)
		stream_ends(m, s);
	else if (s->on)
		stream_sends(m, s, faults, seed);
	else if (draw(m, 20) == 0 && m->n > 0)
		stream_begins(m, s);
	check(m, seed);
	if (faults && draw(m, 200) == 0)
		join_break(m->join);
	if (!join_expecting(m->join) && (!join_right(m->join) || draw(m, 40) == 0)) {
		join_expect(m->join, m->buffer);
		m->asked = m->n;
	} else if (join_expecting(m->join) && m->n > 0 && draw(m, 8) == 0) {
		snapshot_comes(m);
	}
	check(m, seed);
}

static void run(struct model *m, uint64_t seed)
{
	memset(m->streams, 0, sizeof m->streams);
	m->n = 0;
	m->floor = 0;
	m->rng = seed;
	cr_assert_eq(join_new(&m->join, m->sync, 64), BC_OK);
	cr_assert_eq(join_buffer_new(&m->buffer, 1500), BC_OK);
	cr_assert_eq(bc_order_book_new(&m->spare, 64), BC_OK);
	while (m->n < N_CHANGES - 400)
		one_step(m, true, seed);
	/* Without faults it comes right by itself and follows to the end. */
	while (m->n < N_CHANGES)
		one_step(m, false, seed);
	for (uint32_t i = 0; i < 4000; i++)
		one_step(m, false, seed);
	cr_expect(join_right(m->join), "seed %lu: not right at the end", (unsigned long)seed);
	cr_expect_geq(join_seq(m->join), m->changes[N_CHANGES - 2].id, "seed %lu: at %lu of %lu",
		      (unsigned long)seed, (unsigned long)join_seq(m->join),
		      (unsigned long)m->changes[N_CHANGES - 1].id);
	join_free(&m->join);
	join_buffer_free(&m->buffer);
	bc_order_book_free(&m->spare);
}

static void run_seeds(const struct bc_sync *sync, bool holes)
{
	const char *one = getenv("BOOKCAST_SEED");
	struct model *m = calloc(1, sizeof *m);
	cr_assert_not_null(m);
	m->sync = sync;
	m->holes = holes;
	if (one != NULL) {
		run(m, strtoul(one, NULL, 10));
		free(m);
		return;
	}
	for (uint64_t seed = 1; seed <= 40; seed++)
		run(m, seed);
	/* All of it was there. */
	static const enum join_verdict seen[] = { JOIN_APPLIED, JOIN_SAME, JOIN_WAITING,
						  JOIN_AHEAD,   JOIN_GAP,  JOIN_TOO_MANY };
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		cr_expect_gt(m->verdicts[seen[i]], 20, "verdict %d: %lu", seen[i],
			     m->verdicts[seen[i]]);
	cr_expect_gt(m->snapshots[JOIN_APPLIED], 1000);
	cr_expect_gt(m->snapshots[JOIN_TOO_OLD], 100);
	cr_expect_gt(m->checked, 10000);
	cr_expect_gt(m->cut, 1000);
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
