#include "publisher/simulator/market_internal.h"

#include <stdlib.h>
#include <string.h>

int64_t market_half_best(const struct market_half *half)
{
	return half->levels[half->n - 1].price;
}

/* Is a nearer to the other side than b? */
static bool better(enum market_side side, int64_t a, int64_t b)
{
	return side == MARKET_BID ? a > b : a < b;
}

/* The first index whose price is not worse than `price`: where it is or belongs. */
static size_t place_of(const struct market_half *half, enum market_side side, int64_t price)
{
	size_t low = 0, high = half->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (better(side, price, half->levels[mid].price))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool market_half_new(struct market_half *half, size_t cap)
{
	half->cap = cap;
	half->room = calloc(2 * cap, sizeof *half->room);
	half->levels = half->room + cap / 2;
	return half->room != NULL;
}

static void remove_at(struct market_half *half, size_t at)
{
	if (at == 0)
		half->levels++;
	else
		memmove(half->levels + at, half->levels + at + 1,
			(half->n - at - 1) * sizeof *half->levels);
	half->n--;
}

/* Back to the middle, so that both ends have places again. */
static void recentre(struct market_half *half)
{
	struct market_level_raw *middle = half->room + (2 * half->cap - half->n) / 2;

	memmove(middle, half->levels, half->n * sizeof *half->levels);
	half->levels = middle;
}

static void insert_at(struct market_half *half, size_t at, int64_t price, int64_t quantity)
{
	if (half->levels == half->room || half->levels + half->n == half->room + 2 * half->cap)
		recentre(half);
	if (at == 0)
		half->levels--;
	else
		memmove(half->levels + at + 1, half->levels + at,
			(half->n - at) * sizeof *half->levels);
	half->levels[at] = (struct market_level_raw){ price, quantity };
	half->n++;
}

static void tell(struct market *m, size_t symbol, struct market_change change, int64_t qty)
{
	struct market_symbol *s = &m->symbols[symbol];

	s->journal[++s->seq % m->journal] = change;
	s->changed_ns = m->now_ns;
	if (m->listener.level != NULL)
		m->listener.level(m->listener.self, symbol, change.side, change.price, qty);
}

void market_set_level(struct market *m, size_t symbol, enum market_side side, int64_t price,
		      int64_t quantity)
{
	struct market_half *half = &m->symbols[symbol].half[side];
	size_t at = place_of(half, side, price);

	if (at < half->n && half->levels[at].price == price) {
		int64_t before = half->levels[at].quantity;

		if (before == quantity)
			return;
		if (quantity == 0)
			remove_at(half, at);
		else
			half->levels[at].quantity = quantity;
		tell(m, symbol, (struct market_change){ side, price, before }, quantity);
		return;
	}
	if (quantity == 0 || (half->n == half->cap && at == 0))
		return;
	if (half->n == half->cap) {
		struct market_level_raw worst = half->levels[0];

		remove_at(half, 0);
		at--;
		tell(m, symbol, (struct market_change){ side, worst.price, worst.quantity }, 0);
	}
	insert_at(half, at, price, quantity);
	tell(m, symbol, (struct market_change){ side, price, 0 }, quantity);
}

bool market_get_change(const struct market *m, size_t symbol, uint64_t seq,
		       struct market_change *out)
{
	const struct market_symbol *s = &m->symbols[symbol];

	if (seq == 0 || seq > s->seq || s->seq - seq >= m->journal)
		return false;
	*out = s->journal[seq % m->journal];
	return true;
}

size_t market_depth(const struct market *m, size_t symbol, enum market_side side)
{
	return m->symbols[symbol].half[side].n;
}

bc_level market_level(const struct market *m, size_t symbol, enum market_side side, size_t k)
{
	const struct market_symbol *s = &m->symbols[symbol];
	const struct market_half *half = &s->half[side];
	struct market_level_raw raw = half->levels[half->n - 1 - k];

	return (bc_level){ market_price(&s->spec, raw.price),
			   market_quantity(&s->spec, raw.quantity) };
}

void market_raw_level(const struct market *m, size_t symbol, enum market_side side, size_t k,
		      int64_t *price, int64_t *quantity)
{
	const struct market_half *half = &m->symbols[symbol].half[side];

	*price = half->levels[half->n - 1 - k].price;
	*quantity = half->levels[half->n - 1 - k].quantity;
}

int64_t market_quantity_at(const struct market *m, size_t symbol, enum market_side side,
			   int64_t price)
{
	const struct market_half *half = &m->symbols[symbol].half[side];
	size_t at = place_of(half, side, price);

	return at < half->n && half->levels[at].price == price ? half->levels[at].quantity : 0;
}

uint64_t market_seq(const struct market *m, size_t symbol)
{
	return m->symbols[symbol].seq;
}

bc_wall_time market_changed(const struct market *m, size_t symbol)
{
	return (bc_wall_time){ m->symbols[symbol].changed_ns };
}
