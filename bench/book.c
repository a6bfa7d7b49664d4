/* book.c - a changed level into the order book, beside a sorted array with the best last.
 *
 * Model changes: 75 % set a level and 25 % delete one, their distance from the top is Pareto
 * distributed (alpha 0.9), one in eight is anywhere; 20 levels a change, the top is read after
 * each. Recorded ones: book_recorded.c. */
#include "bench/book.h"
#include "bench/random.h"
#include "bench/scenarios.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_UPDATES  (1u << 17)
#define PER_CHANGE 20u
#define TOP        INT64_C(1000000)

void book_case_free(struct book_case *c)
{
	if (c == NULL)
		return;
	bc_order_book_free(&c->book);
	plain_side_free(&c->plain[0]);
	plain_side_free(&c->plain[1]);
	free(c->changes);
	free(c->levels);
	free(c->updates);
	free(c);
}

/* ------------------------------------------------------------------ contenders */

static void run_book(void *self, size_t times)
{
	struct book_case *c = self;
	bc_level top;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < c->n_changes; i++) {
			const struct book_change *change = &c->changes[i];
			const bc_level *levels = c->levels + change->first;
			const struct bc_delta delta = { .bids = levels,
							.asks = levels + change->n_bids,
							.n_bids = change->n_bids,
							.n_asks = change->n_asks };
			if (bc_order_book_apply(c->book, &delta) != BC_OK)
				c->failed = true;
			for (enum bc_book_side side = BC_BIDS; side <= BC_ASKS; side++)
				bc_order_book_copy(c->book, side, 1, &top);
			bench_keep(&top);
		}
}

static void run_plain(void *self, size_t times)
{
	struct book_case *c = self;
	struct plain_level top = { 0 };
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < c->n_changes; i++) {
			const struct book_change *change = &c->changes[i];
			const struct plain_level *u = c->updates + change->first;
			for (uint32_t k = 0; k < change->n_bids; k++, u++)
				plain_side_set(&c->plain[BC_BIDS], u->key, u->quantity);
			for (uint32_t k = 0; k < change->n_asks; k++, u++)
				plain_side_set(&c->plain[BC_ASKS], u->key, u->quantity);
			for (enum bc_book_side side = BC_BIDS; side <= BC_ASKS; side++)
				if (c->plain[side].n > 0)
					top = c->plain[side].levels[c->plain[side].n - 1];
			bench_keep(&top);
		}
}

/* ------------------------------------------------------------------ do they hold the same? */

static bool same_side(const struct book_case *c, enum bc_book_side side)
{
	const struct plain_side *plain = &c->plain[side];
	uint32_t n = bc_order_book_levels(c->book, side);
	bc_level *levels = calloc((size_t)n + 1, sizeof *levels);
	bool same = levels != NULL && n == plain->n &&
		    bc_order_book_copy_all(c->book, side, n, levels) == n;
	for (uint32_t i = 0; i < n && same; i++) {
		const struct plain_level *p = &plain->levels[n - 1 - i];
		int64_t price = side == BC_ASKS ? -p->key : p->key;
		same = bc_decimal_compare(levels[i].price,
					  (bc_decimal){ price, c->price_exponent }) == 0 &&
		       bc_decimal_compare(levels[i].quantity,
					  (bc_decimal){ p->quantity, c->quantity_exponent }) == 0;
	}
	free(levels);
	return same;
}

/* Both have seen the whole list at least once, and every time leaves the same book. */
static bool same_books(const struct book_case *c)
{
	return !c->failed && same_side(c, BC_BIDS) && same_side(c, BC_ASKS);
}

void book_measure(struct bench *b, struct book_case *c, const char *variant,
		  enum bench_target target, const char *note)
{
	const struct bench_contender contenders[] = {
		{ variant, run_book, c, (double)c->n_levels },
		{ "array, best last", run_plain, c, (double)c->n_levels },
	};
	struct bench_timing t;

	if (!bench_time(b, contenders, 2, &t))
		return;
	struct bench_row row = bench_versus(&t, contenders, 0, 1);
	row.unit = "ns/level";
	row.target = target;
	row.note = note;
	if (same_books(c))
		bench_row(b, &row);
	else
		bench_fail(b, "%s: the order book and the array hold different levels", variant);
	bench_timing_free(&t);
}

/* ------------------------------------------------------------------ model changes, of bids */

struct book_case *book_case_new(size_t n_changes, size_t n_levels, uint32_t depth)
{
	struct book_case *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->changes = calloc(n_changes + 1, sizeof *c->changes);
	c->levels = calloc(n_levels + 1, sizeof *c->levels);
	c->updates = calloc(n_levels + 1, sizeof *c->updates);
	if (c->changes != NULL && c->levels != NULL && c->updates != NULL &&
	    plain_side_new(&c->plain[0], depth) && plain_side_new(&c->plain[1], depth) &&
	    bc_order_book_new(&c->book, depth) == BC_OK)
		return c;
	book_case_free(c);
	return NULL;
}

static int64_t draw_distance(uint32_t span, uint64_t *seed)
{
	double far = pow(bench_random_unit(seed), -1 / 0.9) - 1;
	if (far >= span || bench_random(seed) % 8 == 0)
		return (int64_t)(bench_random(seed) % span);
	return (int64_t)far;
}

static void add_update(struct book_case *c, int64_t price, int64_t quantity)
{
	c->updates[c->n_levels] = (struct plain_level){ price, quantity };
	c->levels[c->n_levels++] =
		(bc_level){ bc_decimal_normal((bc_decimal){ price, c->price_exponent }),
			    bc_decimal_normal((bc_decimal){ quantity, c->quantity_exponent }) };
}

/* As many levels as the changes will keep there, by and large. */
static void fill(struct book_case *c, uint32_t span)
{
	for (uint32_t i = 0; i < span; i++) {
		bc_level level = { { TOP - i, c->price_exponent }, { 5, c->quantity_exponent } };
		const struct bc_delta delta = { .bids = &level, .n_bids = i % 4 != 0 };
		if (bc_order_book_apply(c->book, &delta) != BC_OK)
			c->failed = true;
		if (i % 4 != 0)
			plain_side_set(&c->plain[BC_BIDS], TOP - i, 5);
	}
}

static void run_model(struct bench *b)
{
	static const uint32_t depths[] = { 30, 1000, 5000 };
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++) {
		uint32_t span = depths[i] * 4 / 3;
		uint64_t seed = BENCH_SEED;
		char variant[64];
		struct book_case *c =
			book_case_new(N_UPDATES / PER_CHANGE + 1, N_UPDATES, depths[i] * 2);
		if (c == NULL) {
			bench_fail(b, "out of memory");
			return;
		}
		c->price_exponent = -2;
		c->quantity_exponent = -5;
		fill(c, span);
		while (c->n_levels < N_UPDATES) {
			struct book_change *change = &c->changes[c->n_changes++];
			change->first = c->n_levels;
			for (; change->n_bids < PER_CHANGE && c->n_levels < N_UPDATES;
			     change->n_bids++) {
				int64_t price = TOP - draw_distance(span, &seed);
				add_update(c, price,
					   bench_random(&seed) % 4 == 0
						   ? 0
						   : 1 + (int64_t)(bench_random(&seed) % 100000));
			}
		}
		snprintf(variant, sizeof variant, "%u levels", depths[i]);
		book_measure(b, c, variant,
			     depths[i] >= 1000 && bench_captures(b) == NULL ? BENCH_TARGET_BOOK
									    : BENCH_TARGET_NONE,
			     "20 levels a change");
		book_case_free(c);
	}
}

static const struct bench_scenario scenarios[] = {
	{ "book.model", "model changes of 20 levels into books of 30, 1,000 and 5,000 levels",
	  "a sorted array with the best level last, of integers at one exponent",
	  "decimals of any exponent, asks, the limit of levels, the edge of what is known",
	  run_model },
	{ "book.recorded",
	  "the recorded changes of Binance into books of a REST snapshot, and of 5,000 levels",
	  "as above (the target's)", "as above", book_run_recorded },
};

const struct bench_group bench_book = { "book", "A changed level into the book", scenarios,
					sizeof scenarios / sizeof *scenarios };
