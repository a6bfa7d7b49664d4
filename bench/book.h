/* book.h - one list of changes for the order book and for its floor, in the words of each. */
#ifndef BENCH_BOOK_H
#define BENCH_BOOK_H

#include "bench/bench.h"
#include "bench/plain_side.h"
#include "common/order_book.h"

struct book_change {
	size_t first; /* of levels and of updates: bids, then asks */
	uint32_t n_bids, n_asks;
};

struct book_case {
	struct bc_order_book *book;
	struct plain_side plain[2];
	struct book_change *changes;
	size_t n_changes;
	bc_level *levels;            /* as an adapter gives them */
	struct plain_level *updates; /* the same; keys of asks have their sign changed */
	size_t n_levels;
	int32_t price_exponent, quantity_exponent; /* of updates */
	bool failed;
};

/* `depth`: levels a side at most. NULL: out of memory. */
struct book_case *book_case_new(size_t n_changes, size_t n_levels, uint32_t depth);
void book_case_free(struct book_case *c);

/* Times both and tells the row; fails where they do not hold the same levels in the end. */
void book_measure(struct bench *b, struct book_case *c, const char *variant,
		  enum bench_target target, const char *note);

void book_run_recorded(struct bench *b);

#endif
