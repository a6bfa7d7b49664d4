/* order_side.h - one side of an order book: prices and quantities in order, as integers.
 *
 * Shape   an array of prices and one of quantities, best LAST, with room at both ends: a change
 *         near the top moves the few levels above it, one near the bottom the few below it. Prices
 *         stand apart from quantities so that a search reads eight of them a cache line.
 * Keys    prices stand as keys: those of asks with their sign changed, so that a greater key is a
 *         better price on both sides. A level's place is counted from the worst one, from 0.
 *
 * Internal to order_book.c, and inline for its sake. */
#ifndef BC_ORDER_SIDE_H
#define BC_ORDER_SIDE_H

#include "proto/value.h"

#include <stdlib.h>
#include <string.h>

#define SIDE_KEY_MAX (INT64_MAX - 1) /* of a price; an edge may stand beyond all of them */
#define SIDE_NEAR    16u             /* levels where most changes fall: two cache lines of keys */

struct side {
	int64_t *keys, *quantities;
	uint32_t first, n, cap; /* levels are [first, first + n) of cap */
	bool has_edge;
	int64_t edge; /* key; what is worse is not vouched for */
};

static inline void side_free(struct side *s)
{
	free(s->keys);
	free(s->quantities);
}

static inline void side_clear(struct side *s)
{
	s->first = s->cap / 2;
	s->n = 0;
	s->has_edge = false;
}

/* ------------------------------------------------------------------ room */

/* Grows with the side, so that moving all of it into the middle stays rare. */
static inline uint32_t side_room(uint32_t n)
{
	return n + n / 4 + 16;
}

static inline void side_move(struct side *s, uint32_t first)
{
	memmove(s->keys + first, s->keys + s->first, s->n * sizeof *s->keys);
	memmove(s->quantities + first, s->quantities + s->first, s->n * sizeof *s->quantities);
	s->first = first;
}

static inline bc_status side_grow(struct side *s, uint32_t cap)
{
	int64_t *keys = malloc(cap * sizeof *keys), *quantities = malloc(cap * sizeof *quantities);
	uint32_t first = (cap - s->n) / 2;
	if (keys == NULL || quantities == NULL) {
		free(keys);
		free(quantities);
		return BC_ENOMEM;
	}
	if (s->n > 0) {
		memcpy(keys + first, s->keys + s->first, s->n * sizeof *keys);
		memcpy(quantities + first, s->quantities + s->first, s->n * sizeof *quantities);
	}
	side_free(s);
	s->keys = keys;
	s->quantities = quantities;
	s->first = first;
	s->cap = cap;
	return BC_OK;
}

/* Room for n levels and for moving about, n <= max_levels. */
static inline bc_status side_reserve(struct side *s, uint32_t n, uint32_t max_levels)
{
	uint32_t cap = side_room(n), most = side_room(max_levels);
	if (cap <= s->cap)
		return BC_OK;
	return side_grow(s, cap < most / 2 ? cap * 2 : most);
}

/* ------------------------------------------------------------------ levels */

static inline int64_t *side_key(const struct side *s, uint32_t at)
{
	return &s->keys[s->first + at];
}

static inline int64_t *side_quantity(const struct side *s, uint32_t at)
{
	return &s->quantities[s->first + at];
}

/* How many of n keys are below `key`: a binary search without a branch to mispredict. */
static inline uint32_t count_below(const int64_t *keys, uint32_t n, int64_t key)
{
	const int64_t *base = keys;
	while (n > 1) {
		uint32_t half = n / 2;
		base = base[half - 1] < key ? base + half : base;
		n -= half;
	}
	return (uint32_t)(base - keys) + (n == 1 && *base < key);
}

/* Where the key is, or belongs: most are found within a few steps from the top. */
static inline uint32_t side_find(const struct side *s, int64_t key)
{
	const int64_t *keys = s->keys + s->first;
	uint32_t deep = s->n > SIDE_NEAR ? s->n - SIDE_NEAR : 0;
	for (uint32_t at = s->n; at > deep; at--)
		if (keys[at - 1] <= key)
			return at - (keys[at - 1] == key);
	return count_below(keys, deep, key);
}

static inline bool side_has(const struct side *s, uint32_t at, int64_t key)
{
	return at < s->n && *side_key(s, at) == key;
}

static inline void side_delete(struct side *s, uint32_t at)
{
	int64_t *keys = s->keys + s->first, *quantities = s->quantities + s->first;
	uint32_t above = s->n - 1 - at;
	if (above <= SIDE_NEAR) {
		for (uint32_t i = at; i < s->n - 1; i++) {
			keys[i] = keys[i + 1];
			quantities[i] = quantities[i + 1];
		}
	} else if (above <= at) {
		memmove(keys + at, keys + at + 1, above * sizeof *keys);
		memmove(quantities + at, quantities + at + 1, above * sizeof *quantities);
	} else {
		memmove(keys + 1, keys, at * sizeof *keys);
		memmove(quantities + 1, quantities, at * sizeof *quantities);
		s->first++;
	}
	s->n--;
}

/* Room was reserved. */
static inline void side_insert(struct side *s, uint32_t at, int64_t key, int64_t quantity)
{
	uint32_t above = s->n - at;
	if (above <= at || above <= SIDE_NEAR ? s->first + s->n == s->cap : s->first == 0)
		side_move(s, (s->cap - s->n) / 2);
	int64_t *keys = s->keys + s->first, *quantities = s->quantities + s->first;
	if (above <= SIDE_NEAR) {
		for (uint32_t i = s->n; i > at; i--) {
			keys[i] = keys[i - 1];
			quantities[i] = quantities[i - 1];
		}
	} else if (above <= at) {
		memmove(keys + at + 1, keys + at, above * sizeof *keys);
		memmove(quantities + at + 1, quantities + at, above * sizeof *quantities);
	} else {
		memmove(keys - 1, keys, at * sizeof *keys);
		memmove(quantities - 1, quantities, at * sizeof *quantities);
		keys--;
		quantities--;
		s->first--;
	}
	keys[at] = key;
	quantities[at] = quantity;
	s->n++;
}

/* ------------------------------------------------------------------ edge and scale */

static inline void side_raise_edge(struct side *s, int64_t key)
{
	if (!s->has_edge || s->edge < key)
		s->edge = key;
	s->has_edge = true;
}

static inline uint32_t side_vouched(const struct side *s)
{
	return s->has_edge ? s->n - count_below(s->keys + s->first, s->n, s->edge) : s->n;
}

static inline bool side_keys_fit(const struct side *s, int64_t factor)
{
	int64_t limit = SIDE_KEY_MAX / factor;
	return s->n == 0 || (*side_key(s, 0) >= -limit && *side_key(s, s->n - 1) <= limit);
}

static inline bool side_quantities_fit(const struct side *s, int64_t factor)
{
	int64_t most = 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (*side_quantity(s, i) > most)
			most = *side_quantity(s, i);
	return most <= INT64_MAX / factor;
}

/* The keys fit. An edge need not: it then stands beyond every price. */
static inline void side_scale_keys(struct side *s, int64_t factor)
{
	for (uint32_t i = 0; i < s->n; i++)
		*side_key(s, i) *= factor;
	int64_t edge;
	if (s->has_edge && __builtin_mul_overflow(s->edge, factor, &edge))
		s->edge = s->edge < 0 ? -INT64_MAX : INT64_MAX;
	else if (s->has_edge)
		s->edge = edge;
}

static inline void side_scale_quantities(struct side *s, int64_t factor)
{
	for (uint32_t i = 0; i < s->n; i++)
		*side_quantity(s, i) *= factor;
}

#endif
