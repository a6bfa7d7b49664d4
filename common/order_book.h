/* order_book.h - the whole book of one symbol: every level of both sides, exact.
 *
 * Shape   a side is ordered by price. Prices share one exponent and quantities another, so a level
 *         is two int64 mantissas; a finer digit than seen before rescales the book in place.
 * Cost    a change near the top touches a few cache lines; anywhere else it is bounded by a binary
 *         search and one move of at most `max_levels` entries.
 * Limit   `max_levels` a side. A level more drops the deepest one, is counted, and the side is
 *         vouched for only down to the deepest level left, as after a snapshot that came back full.
 * Memory  bc_order_book_new() and growth up to the limit allocate; a book that was once as deep as
 *         now does not, and clearing gives nothing back.
 * Threads a book belongs to one. */
#ifndef BC_ORDER_BOOK_H
#define BC_ORDER_BOOK_H

#include "proto/message.h"

enum bc_book_side { BC_BIDS, BC_ASKS };

enum bc_book_top {
	BC_TOP_RIGHT,   /* best bid < best ask, or a side is empty */
	BC_TOP_LOCKED,  /* equal */
	BC_TOP_CROSSED, /* best bid > best ask */
};

struct bc_order_book;

bc_status bc_order_book_new(struct bc_order_book **out, uint32_t max_levels); /* BC_ENOMEM */
void bc_order_book_free(struct bc_order_book **book);

/* Replaces everything. A side marked full came from an answer that reached its limit: it vouches
 * for prices down to its last level only (the edge); the other vouches for every price.
 *   BC_ERANGE  some level fits no common exponent; BC_ENOMEM. The book is empty then.
 *   BC_EPARSE  a price comes twice, or the order is not best first */
bc_status bc_order_book_load(struct bc_order_book *book, const struct bc_book *snapshot,
			     bool bids_full, bool asks_full);

/* Sets every changed level to its absolute quantity; 0 deletes, and deleting what is not there is
 * nothing. In the order given: the last one of a price wins.
 *   BC_ERANGE, BC_ENOMEM  the book is partly changed and must not be used before the next load */
bc_status bc_order_book_apply(struct bc_order_book *book, const struct bc_delta *delta);

void bc_order_book_clear(struct bc_order_book *book);

/* Copies the best `max` levels inside the edge, best first; returns how many. Prices share one
 * exponent and quantities another, so they are exact but not normal. */
uint32_t bc_order_book_copy(const struct bc_order_book *book, enum bc_book_side side, uint32_t max,
			    bc_level *out);
/* The same, not cut at the edge. */
uint32_t bc_order_book_copy_all(const struct bc_order_book *book, enum bc_book_side side,
				uint32_t max, bc_level *out);

uint32_t bc_order_book_levels(const struct bc_order_book *book, enum bc_book_side side);
uint32_t bc_order_book_vouched(const struct bc_order_book *book, enum bc_book_side side);
bool bc_order_book_has_edge(const struct bc_order_book *book, enum bc_book_side side);
enum bc_book_top bc_order_book_top(const struct bc_order_book *book);

/* Since the book was made. */
struct bc_order_book_counters {
	uint64_t rescaled; /* a finer digit came */
	uint64_t dropped;  /* deepest levels that made room */
};
const struct bc_order_book_counters *bc_order_book_counters(const struct bc_order_book *book);

#endif
