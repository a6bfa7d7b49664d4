#include "common/order_book.h"
#include "common/order_side.h"
#include "proto/power_of_ten.h"

struct bc_order_book {
	struct side sides[2];
	int32_t price_exponent, quantity_exponent;
	uint32_t max_levels;
	struct bc_order_book_counters counters;
};

#define UNSCALED   (BC_EXPONENT_MAX + 1) /* no value but 0 came yet: any exponent is finer */
#define LEVELS_MAX (UINT32_C(1) << 24)   /* a side, whatever is asked for */

bc_status bc_order_book_new(struct bc_order_book **out, uint32_t max_levels)
{
	struct bc_order_book *book = calloc(1, sizeof *book);
	*out = book;
	if (book == NULL)
		return BC_ENOMEM;
	book->max_levels = max_levels < 1 ? 1 : max_levels > LEVELS_MAX ? LEVELS_MAX : max_levels;
	bc_order_book_clear(book);
	if (side_reserve(&book->sides[BC_BIDS], 1, book->max_levels) == BC_OK &&
	    side_reserve(&book->sides[BC_ASKS], 1, book->max_levels) == BC_OK)
		return BC_OK;
	bc_order_book_free(out);
	return BC_ENOMEM;
}

void bc_order_book_free(struct bc_order_book **book)
{
	if (*book == NULL)
		return;
	side_free(&(*book)->sides[BC_BIDS]);
	side_free(&(*book)->sides[BC_ASKS]);
	free(*book);
	*book = NULL;
}

void bc_order_book_clear(struct bc_order_book *book)
{
	side_clear(&book->sides[BC_BIDS]);
	side_clear(&book->sides[BC_ASKS]);
	book->price_exponent = book->quantity_exponent = UNSCALED;
}

/* ------------------------------------------------------------------ exponents */

/* 10^(from - to), from > to; 0 where that is no int64. */
static int64_t factor_between(int32_t from, int32_t to)
{
	int32_t apart = from - to;
	return apart < BC_DIGITS_MAX ? (int64_t)bc_power_of_ten[apart] : 0;
}

static bc_status rescale_prices(struct bc_order_book *book, int32_t exponent)
{
	struct side *bids = &book->sides[BC_BIDS], *asks = &book->sides[BC_ASKS];
	int64_t factor = factor_between(book->price_exponent, exponent);
	if (book->price_exponent != UNSCALED &&
	    (bids->n > 0 || asks->n > 0 || bids->has_edge || asks->has_edge)) {
		if (factor == 0 || !side_keys_fit(bids, factor) || !side_keys_fit(asks, factor))
			return BC_ERANGE;
		side_scale_keys(bids, factor);
		side_scale_keys(asks, factor);
		book->counters.rescaled++;
	}
	book->price_exponent = exponent;
	return BC_OK;
}

static bc_status rescale_quantities(struct bc_order_book *book, int32_t exponent)
{
	struct side *bids = &book->sides[BC_BIDS], *asks = &book->sides[BC_ASKS];
	int64_t factor = factor_between(book->quantity_exponent, exponent);
	if (book->quantity_exponent != UNSCALED && (bids->n > 0 || asks->n > 0)) {
		if (factor == 0 || !side_quantities_fit(bids, factor) ||
		    !side_quantities_fit(asks, factor))
			return BC_ERANGE;
		side_scale_quantities(bids, factor);
		side_scale_quantities(asks, factor);
		book->counters.rescaled++;
	}
	book->quantity_exponent = exponent;
	return BC_OK;
}

/* The mantissa of d at a coarser or its own exponent, which is the usual case. */
static inline bool mantissa_at(bc_decimal d, int32_t exponent, int64_t *mantissa)
{
	int64_t up = (int64_t)d.exponent - exponent;
	return up >= 0 && up < BC_DIGITS_MAX &&
	       !__builtin_mul_overflow(d.mantissa, (int64_t)bc_power_of_ten[up], mantissa);
}

/* The mantissa of d in the book, rescaled first if d has a finer digit than seen before. */
static bc_status mantissa_in(struct bc_order_book *book, bc_decimal d, int32_t *exponent,
			     bc_status (*rescale)(struct bc_order_book *, int32_t),
			     int64_t *mantissa)
{
	d = bc_decimal_normal(d);
	if (!bc_decimal_known(d))
		return BC_ERANGE;
	if (d.mantissa != 0 && d.exponent < *exponent && rescale(book, d.exponent) != BC_OK)
		return BC_ERANGE;
	return bc_decimal_at(d, *exponent, mantissa);
}

static inline bc_status price_in(struct bc_order_book *book, bc_decimal price, int64_t *mantissa)
{
	if (!mantissa_at(price, book->price_exponent, mantissa) &&
	    mantissa_in(book, price, &book->price_exponent, rescale_prices, mantissa) != BC_OK)
		return BC_ERANGE;
	return *mantissa > SIDE_KEY_MAX || *mantissa < -SIDE_KEY_MAX ? BC_ERANGE : BC_OK;
}

static inline bc_status quantity_in(struct bc_order_book *book, bc_decimal d, int64_t *mantissa)
{
	if (!mantissa_at(d, book->quantity_exponent, mantissa) &&
	    mantissa_in(book, d, &book->quantity_exponent, rescale_quantities, mantissa) != BC_OK)
		return BC_ERANGE;
	return *mantissa < 0 ? BC_ERANGE : BC_OK;
}

static inline int64_t key_of(enum bc_book_side side, int64_t price)
{
	return side == BC_BIDS ? price : -price;
}

/* ------------------------------------------------------------------ changes */

static void delete_level(struct bc_order_book *book, enum bc_book_side side, bc_decimal price)
{
	struct side *s = &book->sides[side];
	int64_t mantissa;
	/* What has no mantissa at the book's exponent is the price of no level in it. */
	if (!mantissa_at(price, book->price_exponent, &mantissa) &&
	    bc_decimal_at(price, book->price_exponent, &mantissa) != BC_OK)
		return;
	int64_t key = key_of(side, mantissa);
	uint32_t at = side_find(s, key);
	if (side_has(s, at, key))
		side_delete(s, at);
}

/* The limit is reached: the deepest level goes, be it the new one. */
static void insert_full(struct bc_order_book *book, struct side *s, uint32_t at, int64_t key,
			int64_t quantity)
{
	if (at > 0) {
		side_delete(s, 0);
		side_insert(s, at - 1, key, quantity);
	}
	side_raise_edge(s, *side_key(s, 0));
	book->counters.dropped++;
}

static bc_status set_level(struct bc_order_book *book, enum bc_book_side side,
			   const bc_level *level)
{
	struct side *s = &book->sides[side];
	int64_t price, quantity;
	if (quantity_in(book, level->quantity, &quantity) != BC_OK ||
	    price_in(book, level->price, &price) != BC_OK)
		return BC_ERANGE;
	int64_t key = key_of(side, price);
	uint32_t at = side_find(s, key);
	if (side_has(s, at, key)) {
		*side_quantity(s, at) = quantity;
		return BC_OK;
	}
	if (s->n == book->max_levels) {
		insert_full(book, s, at, key, quantity);
		return BC_OK;
	}
	if (side_reserve(s, s->n + 1, book->max_levels) != BC_OK)
		return BC_ENOMEM;
	side_insert(s, at, key, quantity);
	return BC_OK;
}

static bc_status apply_side(struct bc_order_book *book, enum bc_book_side side,
			    const bc_level *levels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bc_status rc = BC_OK;
		if (bc_decimal_is_zero(levels[i].quantity) && bc_decimal_known(levels[i].quantity))
			delete_level(book, side, levels[i].price);
		else
			rc = set_level(book, side, &levels[i]);
		if (rc != BC_OK)
			return rc;
	}
	return BC_OK;
}

bc_status bc_order_book_apply(struct bc_order_book *book, const struct bc_delta *delta)
{
	bc_status rc = apply_side(book, BC_BIDS, delta->bids, delta->n_bids);
	return rc != BC_OK ? rc : apply_side(book, BC_ASKS, delta->asks, delta->n_asks);
}

/* ------------------------------------------------------------------ snapshots */

static void lower(int32_t *exponent, bc_decimal d)
{
	d = bc_decimal_normal(d);
	if (d.mantissa != 0 && d.exponent < *exponent)
		*exponent = d.exponent;
}

/* Levels without a quantity are none: some exchanges pad with them. */
static bool is_level(const bc_level *level)
{
	return !bc_decimal_is_zero(level->quantity) || !bc_decimal_known(level->quantity);
}

/* The exponents first, over what is going to be kept, so that nothing is rescaled while loading. */
static uint32_t survey(struct bc_order_book *book, const bc_level *levels, uint32_t n)
{
	uint32_t n_kept = 0;
	for (uint32_t i = 0; i < n && n_kept < book->max_levels; i++) {
		if (!is_level(&levels[i]))
			continue;
		n_kept++;
		lower(&book->price_exponent, levels[i].price);
		lower(&book->quantity_exponent, levels[i].quantity);
	}
	return n_kept;
}

static bc_status load_side(struct bc_order_book *book, enum bc_book_side side,
			   const bc_level *levels, uint32_t n, uint32_t n_kept)
{
	struct side *s = &book->sides[side];
	int64_t price, quantity;
	uint32_t left = n_kept;
	if (side_reserve(s, n_kept, book->max_levels) != BC_OK)
		return BC_ENOMEM;
	s->first = (s->cap - n_kept) / 2;
	for (uint32_t i = 0; i < n && left > 0; i++) {
		if (!is_level(&levels[i]))
			continue;
		if (price_in(book, levels[i].price, &price) != BC_OK ||
		    quantity_in(book, levels[i].quantity, &quantity) != BC_OK)
			return BC_ERANGE;
		left--;
		*side_key(s, left) = key_of(side, price);
		*side_quantity(s, left) = quantity;
		if (left + 1 < n_kept && *side_key(s, left) >= *side_key(s, left + 1))
			return BC_EPARSE;
	}
	s->n = n_kept;
	return BC_OK;
}

static void load_edge(struct bc_order_book *book, enum bc_book_side side, const bc_level *levels,
		      uint32_t n, bool full)
{
	struct side *s = &book->sides[side];
	uint32_t n_levels = 0;
	for (uint32_t i = 0; i < n; i++)
		n_levels += is_level(&levels[i]);
	book->counters.dropped += n_levels - s->n;
	if (full || n_levels > s->n)
		side_raise_edge(s, s->n > 0 ? *side_key(s, 0) : INT64_MAX);
}

bc_status bc_order_book_load(struct bc_order_book *book, const struct bc_book *snapshot,
			     bool bids_full, bool asks_full)
{
	bc_order_book_clear(book);
	uint32_t n_bids = survey(book, snapshot->bids, snapshot->n_bids);
	uint32_t n_asks = survey(book, snapshot->asks, snapshot->n_asks);
	bc_status rc = load_side(book, BC_BIDS, snapshot->bids, snapshot->n_bids, n_bids);
	if (rc == BC_OK)
		rc = load_side(book, BC_ASKS, snapshot->asks, snapshot->n_asks, n_asks);
	if (rc != BC_OK) {
		bc_order_book_clear(book);
		return rc;
	}
	load_edge(book, BC_BIDS, snapshot->bids, snapshot->n_bids, bids_full);
	load_edge(book, BC_ASKS, snapshot->asks, snapshot->n_asks, asks_full);
	return BC_OK;
}

/* ------------------------------------------------------------------ looking at it */

static uint32_t copy_levels(const struct bc_order_book *book, enum bc_book_side side, uint32_t n,
			    bc_level *out)
{
	const struct side *s = &book->sides[side];
	for (uint32_t i = 0; i < n; i++) {
		int64_t price = key_of(side, *side_key(s, s->n - 1 - i));
		int64_t quantity = *side_quantity(s, s->n - 1 - i);
		out[i].price = (bc_decimal){ price, book->price_exponent };
		out[i].quantity = (bc_decimal){ quantity, book->quantity_exponent };
	}
	return n;
}

uint32_t bc_order_book_copy(const struct bc_order_book *book, enum bc_book_side side, uint32_t max,
			    bc_level *out)
{
	const struct side *s = &book->sides[side];
	uint32_t n = s->n < max ? s->n : max;
	while (s->has_edge && n > 0 && *side_key(s, s->n - n) < s->edge)
		n--;
	return copy_levels(book, side, n, out);
}

uint32_t bc_order_book_copy_all(const struct bc_order_book *book, enum bc_book_side side,
				uint32_t max, bc_level *out)
{
	uint32_t n = book->sides[side].n;
	return copy_levels(book, side, n < max ? n : max, out);
}

uint32_t bc_order_book_levels(const struct bc_order_book *book, enum bc_book_side side)
{
	return book->sides[side].n;
}

uint32_t bc_order_book_vouched(const struct bc_order_book *book, enum bc_book_side side)
{
	return side_vouched(&book->sides[side]);
}

bool bc_order_book_has_edge(const struct bc_order_book *book, enum bc_book_side side)
{
	return book->sides[side].has_edge;
}

enum bc_book_top bc_order_book_top(const struct bc_order_book *book)
{
	const struct side *bids = &book->sides[BC_BIDS], *asks = &book->sides[BC_ASKS];
	if (bids->n == 0 || asks->n == 0)
		return BC_TOP_RIGHT;
	int64_t bid = *side_key(bids, bids->n - 1), ask = -*side_key(asks, asks->n - 1);
	return bid < ask ? BC_TOP_RIGHT : bid == ask ? BC_TOP_LOCKED : BC_TOP_CROSSED;
}

const struct bc_order_book_counters *bc_order_book_counters(const struct bc_order_book *book)
{
	return &book->counters;
}
