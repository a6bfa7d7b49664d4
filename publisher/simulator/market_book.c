#include "publisher/simulator/market_internal.h"

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

static void remove_at(struct market_half *half, size_t at)
{
	memmove(half->levels + at, half->levels + at + 1,
		(half->n - at - 1) * sizeof *half->levels);
	half->n--;
}

static void insert_at(struct market_half *half, size_t at, int64_t price, int64_t quantity)
{
	memmove(half->levels + at + 1, half->levels + at, (half->n - at) * sizeof *half->levels);
	half->levels[at] = (struct market_level_raw){ price, quantity };
	half->n++;
}

static void tell(struct market *m, size_t symbol, enum market_side side, int64_t price, int64_t qty)
{
	struct market_symbol *s = &m->symbols[symbol];

	s->seq++;
	s->changed_ns = m->now_ns;
	if (m->listener.level != NULL)
		m->listener.level(m->listener.self, symbol, side, price, qty);
}

void market_set_level(struct market *m, size_t symbol, enum market_side side, int64_t price,
		      int64_t quantity)
{
	struct market_half *half = &m->symbols[symbol].half[side];
	size_t at = place_of(half, side, price);

	if (at < half->n && half->levels[at].price == price) {
		if (half->levels[at].quantity == quantity)
			return;
		if (quantity == 0)
			remove_at(half, at);
		else
			half->levels[at].quantity = quantity;
		tell(m, symbol, side, price, quantity);
		return;
	}
	if (quantity == 0 || (half->n == half->cap && at == 0))
		return;
	if (half->n == half->cap) {
		int64_t worst = half->levels[0].price;

		remove_at(half, 0);
		at--;
		tell(m, symbol, side, worst, 0);
	}
	insert_at(half, at, price, quantity);
	tell(m, symbol, side, price, quantity);
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

uint64_t market_seq(const struct market *m, size_t symbol)
{
	return m->symbols[symbol].seq;
}

bc_wall_time market_changed(const struct market *m, size_t symbol)
{
	return (bc_wall_time){ m->symbols[symbol].changed_ns };
}
