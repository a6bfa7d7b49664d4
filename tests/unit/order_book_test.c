/* The book against a naive one, over anything an exchange may send; and what happens at its limits.
 */
#include "tests/support/alloc_count.h"
#include "tests/support/naive_book.h"
#include "tests/support/seeds.h"

#include <criterion/criterion.h>

#define D(m, e) ((bc_decimal){ (m), (e) })
#define LEVEL(p, q)            \
	{                      \
		{ (p), 0 },    \
		{              \
			(q), 0 \
		}              \
	} /* in tables */
#define L(p, q) ((bc_level)LEVEL(p, q))

static uint64_t rng;
static uint32_t draw(uint32_t n)
{
	rng = rng * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng >> 33) % n;
}

static struct bc_order_book *book_of(uint32_t max_levels)
{
	struct bc_order_book *book;
	cr_assert_eq(bc_order_book_new(&book, max_levels), BC_OK);
	return book;
}

static bc_status change(struct bc_order_book *book, enum bc_book_side side, bc_level level)
{
	struct bc_delta delta = {
		.bids = &level, .n_bids = side == BC_BIDS, .asks = &level, .n_asks = side == BC_ASKS
	};
	return bc_order_book_apply(book, &delta);
}

/* ------------------------------------------------------------------ against the naive one */

struct habits {                            /* of a made-up exchange */
	uint32_t max_levels, span, finest; /* digits after the point, at most */
	uint32_t in_snapshot;
	const char *why;
};

static const struct habits habits[] = {
	{ 5000, 40, 0, 20, "few prices: every second change hits a level" },
	{ 5000, 400, 3, 200, "finer digits come now and then" },
	{ 10, 40, 2, 20, "the limit is small, and a snapshot is larger than it" },
	{ 1, 6, 1, 3, "one level a side" },
	{ 300, 2000, 1, 300, "many levels at the limit: the array wanders" },
	{ 5000, 3000, 0, 0, "no snapshot: it grows from nothing" },
};

static bc_decimal random_price(const struct habits *h, uint32_t finest)
{
	uint32_t digits = draw(20) == 0 ? draw(finest + 1) : 0;
	int64_t tens = 1;
	for (uint32_t i = 0; i < digits; i++)
		tens *= 10;
	bc_decimal d = { (int64_t)(1000 + draw(h->span)) * tens + (int64_t)draw((uint32_t)tens),
			 -(int32_t)digits };
	return draw(2) ? bc_decimal_normal(d) : d;
}

static bc_level random_level(const struct habits *h, uint32_t finest)
{
	bc_level level = { random_price(h, finest), D(0, 0) };
	if (draw(4) != 0)
		level.quantity = D((int64_t)draw(1000000) + 1, -(int32_t)draw(finest + 1));
	return level;
}

static uint32_t random_levels(const struct habits *h, uint32_t finest, uint32_t n, bc_level *out)
{
	for (uint32_t i = 0; i < n; i++)
		out[i] = random_level(h, finest);
	return n;
}

/* Best first, each price once, all of them with a quantity. */
static uint32_t random_side(const struct habits *h, enum bc_book_side side, bc_level *out)
{
	static struct naive_book sorter;
	memset(&sorter, 0, sizeof sorter);
	sorter.max_levels = NAIVE_MAX - 1;
	for (uint32_t i = 0; i < h->in_snapshot; i++) {
		bc_level level = random_level(h, h->finest / 2);
		if (!bc_decimal_is_zero(level.quantity))
			naive_change(&sorter, side, level);
	}
	memcpy(out, sorter.sides[side].levels, sorter.sides[side].n * sizeof *out);
	return sorter.sides[side].n;
}

static void random_load(const struct habits *h, struct naive_book *want, struct bc_order_book *got)
{
	static bc_level bids[NAIVE_MAX], asks[NAIVE_MAX];
	struct bc_book snapshot = { .bids = bids, .asks = asks };
	snapshot.n_bids = random_side(h, BC_BIDS, bids);
	snapshot.n_asks = random_side(h, BC_ASKS, asks);
	bool bids_full = draw(2), asks_full = draw(2);
	naive_load(want, &snapshot, bids_full, asks_full);
	cr_assert_eq(bc_order_book_load(got, &snapshot, bids_full, asks_full), BC_OK);
}

Test(order_book, equals_a_naive_one)
{
	enum { STEPS = 400 };
	static struct naive_book want;
	for (size_t row = 0; row < sizeof habits / sizeof *habits; row++)
		for (uint64_t seed = 1; seed <= seeds(3); seed++) {
			const struct habits *h = &habits[row];
			struct bc_order_book *got = book_of(h->max_levels);
			bc_level bids[40], asks[40];
			rng = seed;
			memset(&want, 0, sizeof want);
			want.max_levels = h->max_levels;
			for (uint32_t step = 0; step < STEPS; step++) {
				struct bc_delta delta = { .bids = bids, .asks = asks };
				delta.n_bids = random_levels(h, h->finest, draw(40), bids);
				delta.n_asks = random_levels(h, h->finest, draw(40), asks);
				if (h->in_snapshot > 0 && draw(100) == 0)
					random_load(h, &want, got);
				naive_apply(&want, &delta);
				cr_assert_eq(bc_order_book_apply(got, &delta), BC_OK);
				const char *what = naive_differs(&want, got);
				cr_assert(what == NULL, "%s: seed %lu step %u: %s", h->why,
					  (unsigned long)seed, step, what);
			}
			bc_order_book_free(&got);
		}
}

/* ------------------------------------------------------------------ one thing at a time */

Test(order_book, zero_deletes_and_the_last_of_a_price_wins)
{
	struct bc_order_book *book = book_of(100);
	const bc_level bids[] = { L(10, 1), L(11, 2), L(10, 3), L(12, 4), L(12, 0), L(99, 0) };
	struct bc_delta delta = { .bids = bids, .n_bids = 6 };
	bc_level out[4];
	cr_assert_eq(bc_order_book_apply(book, &delta), BC_OK);
	cr_assert_eq(bc_order_book_copy(book, BC_BIDS, 4, out), 2);
	cr_expect_eq(out[0].price.mantissa, 11);
	cr_expect_eq(bc_decimal_compare(out[1].price, D(10, 0)), 0);
	cr_expect_eq(out[1].quantity.mantissa, 3);
	cr_expect_eq(bc_order_book_copy(book, BC_BIDS, 1, out), 1);
	bc_order_book_clear(book);
	cr_expect_eq(bc_order_book_levels(book, BC_BIDS), 0);
	bc_order_book_free(&book);
	cr_expect_null(book);
}

Test(order_book, crossed_and_locked)
{
	struct bc_order_book *book = book_of(100);
	cr_expect_eq(bc_order_book_top(book), BC_TOP_RIGHT);
	change(book, BC_BIDS, L(10, 1));
	cr_expect_eq(bc_order_book_top(book), BC_TOP_RIGHT, "one side alone cannot be wrong");
	change(book, BC_ASKS, L(11, 1));
	cr_expect_eq(bc_order_book_top(book), BC_TOP_RIGHT);
	change(book, BC_ASKS, (bc_level){ D(100, -1), D(1, 0) });
	cr_expect_eq(bc_order_book_top(book), BC_TOP_LOCKED, "10.0 is 10");
	change(book, BC_ASKS, (bc_level){ D(99, -1), D(1, 0) });
	cr_expect_eq(bc_order_book_top(book), BC_TOP_CROSSED);
	bc_order_book_free(&book);
}

Test(order_book, a_finer_digit_rescales_and_a_coarser_one_does_not)
{
	struct bc_order_book *book = book_of(100);
	bc_level out[4];
	change(book, BC_BIDS, (bc_level){ D(5, 4), D(1, 0) });
	cr_expect_eq(bc_order_book_counters(book)->rescaled, 0, "the first level sets the scale");
	change(book, BC_ASKS, (bc_level){ D(500001, -1), D(25, -2) });
	cr_expect_eq(bc_order_book_counters(book)->rescaled, 2, "prices and quantities");
	change(book, BC_ASKS, (bc_level){ D(6, 4), D(100, 0) });
	change(book, BC_ASKS, (bc_level){ D(70000, -1), D(0, 0) });
	change(book, BC_ASKS, (bc_level){ D(7000000000001, -9), D(0, 0) });
	cr_expect_eq(bc_order_book_counters(book)->rescaled, 2, "a delete never rescales");
	cr_assert_eq(bc_order_book_copy(book, BC_BIDS, 4, out), 1);
	cr_expect(out[0].price.mantissa == 500000 && out[0].price.exponent == -1,
		  "all at the finest exponent");
	cr_assert_eq(bc_order_book_copy(book, BC_ASKS, 4, out), 2);
	cr_expect_eq(bc_decimal_compare(out[0].price, D(500001, -1)), 0);
	bc_order_book_free(&book);
}

/* What does not fit is said, and a book that said so takes the next snapshot as if new. */
Test(order_book, what_does_not_fit_is_an_error)
{
	static const struct {
		bc_level there, next;
		bc_status rc;
		const char *why;
	} rows[] = {
		{ { { INT64_MAX - 1, 0 }, { 1, 0 } },
		  { { 15, -1 }, { 1, 0 } },
		  BC_ERANGE,
		  "a great price and a finer one" },
		{ { { 15, -1 }, { 1, 0 } },
		  { { INT64_MAX - 1, 0 }, { 1, 0 } },
		  BC_ERANGE,
		  "the other way round" },
		{ { { 1, 0 }, { INT64_MAX, 0 } },
		  { { 2, 0 }, { 1, -1 } },
		  BC_ERANGE,
		  "a great quantity and a finer one" },
		{ { { 1, 0 }, { 1, -1 } },
		  { { 2, 0 }, { INT64_MAX, 0 } },
		  BC_ERANGE,
		  "the other way round" },
		{ { { 1, 40 }, { 1, 0 } }, { { 1, -40 }, { 1, 0 } }, BC_ERANGE, "worlds apart" },
		{ { { 1, 0 }, { INT64_MAX, -8 } },
		  { { 2, 0 }, { 1, -8 } },
		  BC_OK,
		  "the most some exchange sends: 92233720368.54775807" },
		{ { { 922337203685477580, 0 }, { 1, 0 } },
		  { { 15, -1 }, { 1, 0 } },
		  BC_OK,
		  "the last one that can be rescaled" },
		{ { { 922337203685477581, 0 }, { 1, 0 } },
		  { { 15, -1 }, { 1, 0 } },
		  BC_ERANGE,
		  "the first one that cannot" },
		{ { { -15, 0 }, { 1, 0 } }, { { -25, -1 }, { 1, 0 } }, BC_OK, "below zero" },
		{ { { 1, 0 }, { 1, 0 } }, { { 2, 0 }, { -1, 0 } }, BC_ERANGE, "less than nothing" },
		{ { { 1, 0 }, { 1, 0 } }, { { 2, 0 }, BC_DECIMAL_NONE }, BC_ERANGE, "no quantity" },
		{ { { 1, 0 }, { 1, 0 } }, { BC_DECIMAL_NONE, { 1, 0 } }, BC_ERANGE, "no price" },
		{ { { 1, 0 }, { 1, 0 } }, { BC_DECIMAL_NONE, { 0, 0 } }, BC_OK, "no such level" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (enum bc_book_side side = BC_BIDS; side <= BC_ASKS; side++) {
			struct bc_order_book *book = book_of(100);
			const bc_level one = L(7, 7);
			bc_level out;
			cr_assert_eq(change(book, side, rows[i].there), BC_OK, "%s", rows[i].why);
			cr_expect_eq(change(book, side, rows[i].next), rows[i].rc, "%s",
				     rows[i].why);
			cr_expect_eq(bc_order_book_load(book, &(struct bc_book){ &one, NULL, 1, 0 },
							false, false),
				     BC_OK);
			cr_expect_eq(bc_order_book_copy(book, BC_BIDS, 1, &out), 1);
			cr_expect_eq(bc_order_book_levels(book, BC_ASKS), 0);
			bc_order_book_free(&book);
		}
}

Test(order_book, a_bad_snapshot_leaves_an_empty_book)
{
	static const struct {
		bc_level levels[3];
		bc_status rc;
		const char *why;
	} rows[] = {
		{ { LEVEL(3, 1), LEVEL(2, 1), LEVEL(2, 1) }, BC_EPARSE, "a price twice" },
		{ { LEVEL(3, 1), LEVEL(1, 1), LEVEL(2, 1) }, BC_EPARSE, "not best first" },
		{ { LEVEL(3, 1), { { 20, -1 }, { 1, 0 } }, LEVEL(2, 1) }, BC_EPARSE, "2.0 is 2" },
		{ { { { 1, 40 }, { 1, 0 } }, LEVEL(2, 1), LEVEL(1, 1) },
		  BC_ERANGE,
		  "no common exponent" },
		{ { LEVEL(3, 1), LEVEL(2, -1), LEVEL(1, 1) }, BC_ERANGE, "less than nothing" },
		{ { LEVEL(3, 1), LEVEL(2, 0), LEVEL(1, 1) },
		  BC_OK,
		  "a level of nothing is padding" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bc_order_book *book = book_of(100);
		struct bc_book snapshot = { .bids = rows[i].levels, .n_bids = 3 };
		change(book, BC_ASKS, L(50, 1));
		cr_expect_eq(bc_order_book_load(book, &snapshot, true, true), rows[i].rc, "%s",
			     rows[i].why);
		cr_expect_eq(bc_order_book_levels(book, BC_BIDS), rows[i].rc == BC_OK ? 2 : 0, "%s",
			     rows[i].why);
		cr_expect_eq(bc_order_book_levels(book, BC_ASKS), 0);
		bc_order_book_free(&book);
	}
}

Test(order_book, a_full_side_vouches_down_to_its_last_price)
{
	struct bc_order_book *book = book_of(100);
	const bc_level bids[] = { L(12, 1), L(11, 1), L(10, 1) }, asks[] = { L(13, 1), L(14, 1) };
	struct bc_book snapshot = { bids, asks, 3, 2 };
	bc_level out[8];
	cr_assert_eq(bc_order_book_load(book, &snapshot, true, false), BC_OK);
	change(book, BC_BIDS, L(9, 1));
	change(book, BC_ASKS, L(15, 1));
	cr_expect(bc_order_book_has_edge(book, BC_BIDS));
	cr_expect_not(bc_order_book_has_edge(book, BC_ASKS));
	cr_expect_eq(bc_order_book_vouched(book, BC_BIDS), 3);
	cr_expect_eq(bc_order_book_copy(book, BC_BIDS, 8, out), 3);
	cr_expect_eq(bc_order_book_copy_all(book, BC_BIDS, 8, out), 4);
	cr_expect_eq(bc_order_book_vouched(book, BC_ASKS), 3);
	change(book, BC_BIDS, L(10, 0));
	cr_expect_eq(bc_order_book_vouched(book, BC_BIDS), 2, "the edge stays where it was");
	change(book, BC_BIDS, (bc_level){ D(1005, -2), D(1, 0) });
	cr_expect_eq(bc_order_book_vouched(book, BC_BIDS), 3, "and is rescaled with the book");
	change(book, BC_BIDS, (bc_level){ D(995, -2), D(1, 0) });
	cr_expect_eq(bc_order_book_vouched(book, BC_BIDS), 3);
	bc_order_book_free(&book);
}

Test(order_book, an_edge_may_lie_where_no_price_fits)
{
	const int64_t far = INT64_C(9000000000000000001);
	for (enum bc_book_side side = BC_BIDS; side <= BC_ASKS; side++) {
		struct bc_order_book *book = book_of(100);
		const bc_level only = L(far, 1);
		cr_assert_eq(bc_order_book_load(book,
						&(struct bc_book){ &only, &only, side == BC_BIDS,
								   side == BC_ASKS },
						side == BC_BIDS, side == BC_ASKS),
			     BC_OK);
		change(book, side, L(far, 0));
		cr_expect_eq(change(book, side, (bc_level){ D(15, -1), D(1, 0) }), BC_OK);
		cr_expect_eq(bc_order_book_vouched(book, side), side == BC_ASKS,
			     "bids end at %ld, asks reach down from there", (long)far);
		bc_order_book_free(&book);
	}
}

/* ------------------------------------------------------------------ memory */

Test(order_book, allocates_nothing_once_it_was_as_deep)
{
	enum { LEVELS = 5000 };
	static struct naive_book unused;
	const struct habits h = { 2000, LEVELS, 2, 1500, "" };
	struct bc_order_book *book = book_of(h.max_levels);
	bc_level levels[40];
	rng = 1;
	for (uint32_t i = 0; i < LEVELS; i++) {
		change(book, BC_BIDS, L(1000 + i, 1));
		change(book, BC_ASKS, L(1000 + i, 1));
	}
	unused.max_levels = h.max_levels;
	alloc_count = 0;
	for (uint32_t i = 0; i < 20000; i++) {
		struct bc_delta delta = { .bids = levels, .asks = levels };
		delta.n_bids = delta.n_asks = random_levels(&h, h.finest, draw(40), levels);
		if (i % 1000 == 0)
			random_load(&h, &unused, book);
		cr_assert_eq(bc_order_book_apply(book, &delta), BC_OK);
	}
	cr_expect_eq(alloc_count, 0, "%lu allocations", alloc_count);
	cr_expect_gt(bc_order_book_counters(book)->dropped, 0);
	bc_order_book_free(&book);
}
