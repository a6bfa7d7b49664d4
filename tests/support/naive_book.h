/* naive_book.h - an order book as one would write it without a thought for speed: a list of
 * decimals a side, best first, searched from its start. What common/order_book.c is compared with;
 * it shares nothing with it but bc_decimal_compare(). */
#ifndef TESTS_NAIVE_BOOK_H
#define TESTS_NAIVE_BOOK_H

#include "common/order_book.h"

#include <stdlib.h>
#include <string.h>

#define NAIVE_MAX 8192

struct naive_side {
	bc_level levels[NAIVE_MAX]; /* best first */
	uint32_t n;
	bool has_edge, closed; /* closed: vouches for no price at all */
	bc_decimal edge;
};

struct naive_book {
	struct naive_side sides[2];
	uint32_t max_levels;
	uint64_t dropped;
};

/* <0: a is the better price */
static inline int naive_compare(enum bc_book_side side, bc_decimal a, bc_decimal b)
{
	return side == BC_BIDS ? bc_decimal_compare(b, a) : bc_decimal_compare(a, b);
}

static inline void naive_cut(struct naive_book *book, enum bc_book_side side)
{
	struct naive_side *s = &book->sides[side];
	while (s->n > book->max_levels) {
		book->dropped++;
		s->n--;
		bc_decimal last = s->levels[s->n - 1].price;
		if (!s->closed && (!s->has_edge || naive_compare(side, last, s->edge) < 0))
			s->edge = last;
		s->has_edge = true;
	}
}

static inline void naive_change(struct naive_book *book, enum bc_book_side side, bc_level level)
{
	struct naive_side *s = &book->sides[side];
	uint32_t at = 0;
	while (at < s->n && naive_compare(side, s->levels[at].price, level.price) < 0)
		at++;
	bool there = at < s->n && naive_compare(side, s->levels[at].price, level.price) == 0;
	if (bc_decimal_is_zero(level.quantity)) {
		if (!there)
			return;
		memmove(&s->levels[at], &s->levels[at + 1], (s->n - at - 1) * sizeof level);
		s->n--;
		return;
	}
	if (!there) {
		memmove(&s->levels[at + 1], &s->levels[at], (s->n - at) * sizeof level);
		s->n++;
	}
	s->levels[at] = level;
	naive_cut(book, side);
}

static inline void naive_apply(struct naive_book *book, const struct bc_delta *delta)
{
	for (uint32_t i = 0; i < delta->n_bids; i++)
		naive_change(book, BC_BIDS, delta->bids[i]);
	for (uint32_t i = 0; i < delta->n_asks; i++)
		naive_change(book, BC_ASKS, delta->asks[i]);
}

static inline void naive_load_side(struct naive_book *book, enum bc_book_side side,
				   const bc_level *levels, uint32_t n, bool full)
{
	struct naive_side *s = &book->sides[side];
	memcpy(s->levels, levels, n * sizeof *levels);
	s->n = n;
	s->has_edge = full;
	s->closed = full && n == 0;
	if (full && n > 0)
		s->edge = levels[n - 1].price;
	naive_cut(book, side);
}

static inline void naive_load(struct naive_book *book, const struct bc_book *snapshot,
			      bool bids_full, bool asks_full)
{
	naive_load_side(book, BC_BIDS, snapshot->bids, snapshot->n_bids, bids_full);
	naive_load_side(book, BC_ASKS, snapshot->asks, snapshot->n_asks, asks_full);
}

static inline uint32_t naive_vouched(const struct naive_book *book, enum bc_book_side side)
{
	const struct naive_side *s = &book->sides[side];
	uint32_t n = 0;
	if (s->closed)
		return 0;
	if (!s->has_edge)
		return s->n;
	while (n < s->n && naive_compare(side, s->levels[n].price, s->edge) <= 0)
		n++;
	return n;
}

static inline enum bc_book_top naive_top(const struct naive_book *book)
{
	if (book->sides[BC_BIDS].n == 0 || book->sides[BC_ASKS].n == 0)
		return BC_TOP_RIGHT;
	int order = bc_decimal_compare(book->sides[BC_BIDS].levels[0].price,
				       book->sides[BC_ASKS].levels[0].price);
	return order < 0 ? BC_TOP_RIGHT : order == 0 ? BC_TOP_LOCKED : BC_TOP_CROSSED;
}

/* NULL: all that can be asked of the two is the same; else what is not. */
static inline const char *naive_differs(const struct naive_book *want,
					const struct bc_order_book *got)
{
	static bc_level levels[NAIVE_MAX];
	if (naive_top(want) != bc_order_book_top(got))
		return "top";
	if (want->dropped != bc_order_book_counters(got)->dropped)
		return "dropped";
	for (enum bc_book_side side = BC_BIDS; side <= BC_ASKS; side++) {
		const struct naive_side *s = &want->sides[side];
		if (bc_order_book_levels(got, side) != s->n)
			return "levels";
		if (bc_order_book_has_edge(got, side) != s->has_edge)
			return "has_edge";
		if (bc_order_book_vouched(got, side) != naive_vouched(want, side))
			return "vouched";
		if (bc_order_book_copy(got, side, NAIVE_MAX, levels) != naive_vouched(want, side))
			return "copy";
		if (bc_order_book_copy_all(got, side, NAIVE_MAX, levels) != s->n)
			return "copy_all";
		for (uint32_t i = 0; i < s->n; i++) {
			bc_level a = s->levels[i], b = levels[i];
			a.price = bc_decimal_normal(a.price);
			a.quantity = bc_decimal_normal(a.quantity);
			if (b.price.exponent != levels[0].price.exponent ||
			    b.quantity.exponent != levels[0].quantity.exponent)
				return "exponents";
			b.price = bc_decimal_normal(b.price);
			b.quantity = bc_decimal_normal(b.quantity);
			if (a.price.mantissa != b.price.mantissa ||
			    a.price.exponent != b.price.exponent)
				return "a price";
			if (a.quantity.mantissa != b.quantity.mantissa ||
			    a.quantity.exponent != b.quantity.exponent)
				return "a quantity";
		}
	}
	return NULL;
}

#endif
