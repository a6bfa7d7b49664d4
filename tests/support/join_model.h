/* join_model.h - the join against the true history of a book: streams that cut it differently,
 * lose, repeat and swap changes, end and begin anew; snapshots of any moment that come late, early
 * and cut. Whenever the join says right, its book is the true one as of its number, as far as it
 * vouches.
 *
 * What happens is drawn from a seed, or from a fuzzer's bytes. model_run() returns NULL, or what
 * was wrong first. */
#ifndef TESTS_JOIN_MODEL_H
#define TESTS_JOIN_MODEL_H

#include "publisher/join.h"
#include "tests/support/sync_rules.h"

#include <stdlib.h>
#include <string.h>

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
	int64_t books[N_CHANGES][2][PRICES]; /* after each change: quantities by price */
	uint32_t most, n;                    /* that are going to happen; that have */
	struct stream streams[STREAMS];
	uint32_t n_streams; /* ever */
	struct join *join;
	struct join_buffer *buffer;
	struct bc_order_book *spare;
	uint64_t floor; /* the number while right never goes back */
	uint32_t asked; /* changes that had happened when the snapshot was asked for */
	unsigned long verdicts[JOIN_NO_MEMORY + 1], snapshots[JOIN_NO_MEMORY + 1], checked, cut;
	uint64_t rng;
	const uint8_t *bytes; /* of a fuzzer; the seed goes on where they end */
	size_t n_bytes;
	const char *wrong; /* NULL: nothing so far */
};

static void demand(struct model *m, bool good, const char *what)
{
	if (!good && m->wrong == NULL)
		m->wrong = what;
}

static uint32_t draw(struct model *m, uint32_t n)
{
	if (m->n_bytes > 0) {
		m->n_bytes--;
		return *m->bytes++ % n;
	}
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
	if (m->n > 0)
		memcpy(m->books[m->n], m->books[m->n - 1], sizeof *m->books);
	else
		memset(m->books[0], 0, sizeof *m->books);
	m->books[m->n][c->side][c->price] = c->quantity;
	m->n++;
}

static bc_decimal price_of(enum bc_book_side side, uint32_t price)
{
	return (bc_decimal){ side == BC_BIDS ? 100 - (int64_t)price : 101 + (int64_t)price, 0 };
}

/* Best first; bids lie below asks. */
static uint32_t truth(const struct model *m, uint64_t at, enum bc_book_side side, bc_level *out)
{
	uint32_t n = 0, low = 0, high = m->n;
	while (low < high) { /* how many changes have happened by then */
		uint32_t middle = (low + high) / 2;
		if (m->changes[middle].id <= at)
			low = middle + 1;
		else
			high = middle;
	}
	for (uint32_t i = 0; low > 0 && i < PRICES; i++)
		if (m->books[low - 1][side][i] > 0)
			out[n++] =
				(bc_level){ price_of(side, i), { m->books[low - 1][side][i], 0 } };
	return n;
}

static void check_side(struct model *m, enum bc_book_side side)
{
	const struct bc_order_book *book = join_book(m->join);
	bc_level want[PRICES], got[PRICES];
	uint32_t n_want = truth(m, join_seq(m->join), side, want);
	uint32_t n_got = bc_order_book_copy(book, side, PRICES, got);
	demand(m, n_got <= n_want, "more levels than there are");
	if (!bc_order_book_has_edge(book, side))
		demand(m, n_got == n_want, "a whole side has not all levels");
	else
		m->cut += n_got < n_want;
	for (uint32_t i = 0; i < n_got && i < n_want; i++)
		demand(m,
		       bc_decimal_compare(want[i].price, got[i].price) == 0 &&
			       bc_decimal_compare(want[i].quantity, got[i].quantity) == 0,
		       "a level is not the true one");
}

static void check(struct model *m)
{
	if (!join_right(m->join)) {
		m->floor = 0;
		return;
	}
	demand(m, join_seq(m->join) >= m->floor, "the number was taken back");
	m->floor = join_seq(m->join);
	m->checked++;
	check_side(m, BC_BIDS);
	check_side(m, BC_ASKS);
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
		level->price = price_of(c->side, c->price);
		level->quantity = (bc_decimal){ c->quantity, 0 };
	}
	enum join_verdict verdict = join_delta(m->join, s->number, &delta);
	m->verdicts[verdict]++;
	demand(m, verdict != JOIN_APPLIED || join_seq(m->join) == delta.last_seq,
	       "applied, and the number is another");
	demand(m, verdict != JOIN_GAP || !join_right(m->join), "a gap, and right");
}

/* One message of a stream, or what becomes of it. */
static void stream_sends(struct model *m, struct stream *s, bool faults)
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
		check(m);
		break;
	case 2: /* after the one that follows it */
		if (s->next < m->n) {
			send_changes(m, s, s->next, 1, s->last);
			check(m);
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
	if (verdict == JOIN_APPLIED)
		demand(m, join_right(m->join) && !join_expecting(m->join), "applied, not right");
	else
		demand(m, verdict == JOIN_TOO_OLD, "a good snapshot was refused");
}

/* ------------------------------------------------------------------ the test */

static void one_step(struct model *m, bool faults)
{
	for (uint32_t i = draw(m, 4); i > 0 && m->n < m->most; i--)
		happen(m);
	struct stream *s = &m->streams[draw(m, STREAMS)];
	if (s->on && faults && draw(m, 60) == 0)
		stream_ends(m, s);
	else if (s->on)
		stream_sends(m, s, faults);
	else if (draw(m, 20) == 0 && m->n > 0)
		stream_begins(m, s);
	check(m);
	if (faults && draw(m, 200) == 0) {
		join_break(m->join);
		check(m);
	}
	if (!join_expecting(m->join) && (!join_right(m->join) || draw(m, 40) == 0)) {
		join_expect(m->join, m->buffer);
		m->asked = m->n;
	} else if (join_expecting(m->join) && m->n > 0 && draw(m, 8) == 0) {
		snapshot_comes(m);
	}
	check(m);
}

/* A last change alone is not sent (stream_sends()). */
static bool at_the_end(const struct model *m)
{
	return m->n == m->most && join_right(m->join) &&
	       join_seq(m->join) >= m->changes[m->most - 2].id;
}

/* `n_steps` of disasters, then none: it comes right by itself and follows to the end. */
static const char *model_run(struct model *m, uint32_t n_steps)
{
	memset(m->streams, 0, sizeof m->streams);
	m->n = 0;
	m->floor = 0;
	m->wrong = NULL;
	if (join_new(&m->join, m->sync, 64) != BC_OK ||
	    join_buffer_new(&m->buffer, 1500) != BC_OK || bc_order_book_new(&m->spare, 64) != BC_OK)
		return "out of memory";
	for (uint32_t i = 0; i < n_steps && m->n < m->most - m->most / 3 && m->wrong == NULL; i++)
		one_step(m, true);
	m->n_bytes = 0;
	for (uint32_t calm = 0; calm < 4000 && m->wrong == NULL && !at_the_end(m); calm++)
		one_step(m, false);
	demand(m, at_the_end(m), "not right at the end");
	join_free(&m->join);
	join_buffer_free(&m->buffer);
	bc_order_book_free(&m->spare);
	return m->wrong;
}

#endif
