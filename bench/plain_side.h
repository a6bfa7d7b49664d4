/* plain_side.h - one side of a book as a sorted array with the best level last: the floor of the
 * order book.
 *
 * A level is two integers that somebody has already brought to one exponent, a greater key is a
 * better price. It searches a few levels from the top and then halves; what is better than the
 * changed level moves up or down. It knows no decimals, no rescaling, no limit, no edge, no other
 * side.
 *
 * Memory  plain_side_new() takes all of it; whoever needs more than `cap` levels loses the change.
 */
#ifndef BENCH_PLAIN_SIDE_H
#define BENCH_PLAIN_SIDE_H

#include <stdbool.h>
#include <stdint.h>

struct plain_level {
	int64_t key, quantity;
};

struct plain_side {
	struct plain_level *levels;
	uint32_t n, cap;
};

bool plain_side_new(struct plain_side *s, uint32_t cap);
void plain_side_free(struct plain_side *s);
void plain_side_set(struct plain_side *s, int64_t key, int64_t quantity); /* 0 deletes */

#endif
