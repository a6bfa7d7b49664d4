/* binance_book.c - ids, changes and levels of a book, as Binance numbers and spells them. */
#include "publisher/simulator/binance.h"

#include <stdlib.h>

#define IDS_PER_SYMBOL UINT64_C(1000003) /* the books of two symbols begin so far apart */

/* splitmix64's mixer: the same holes for the same book, everywhere. */
static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t binance_id(const struct binance_dialect *d, size_t symbol, uint64_t seq)
{
	uint64_t hole = mix((uint64_t)symbol * UINT64_C(0x9e3779b97f4a7c15) + seq) % d->id_step;

	return d->id_base + symbol * IDS_PER_SYMBOL + seq * d->id_step + hole;
}

/* ------------------------------------------------------------------ digits */

void binance_put_decimal(struct sim_buffer *out, bc_decimal value, int32_t decimals)
{
	char text[BC_DECIMAL_TEXT_MAX];
	size_t n = bc_decimal_format(value, text);
	int32_t have = value.exponent < 0 ? -bc_decimal_normal(value).exponent : 0;

	if (have < 0)
		have = 0;
	sim_buffer_char(out, '"');
	sim_buffer_add(out, text, n);
	if (decimals > have && have == 0)
		sim_buffer_char(out, '.');
	for (int32_t i = have; i < decimals; i++)
		sim_buffer_char(out, '0');
	sim_buffer_char(out, '"');
}

/* mantissa * 10^exponent with so many decimals, at least -exponent; not negative. */
static void put_fixed(struct sim_buffer *out, int64_t mantissa, int32_t exponent, int32_t decimals)
{
	char text[64];
	size_t at = sizeof text;
	int32_t digits = 0;
	uint64_t value = (uint64_t)mantissa;

	text[--at] = '"';
	for (int32_t i = -exponent; i < decimals; i++, digits++)
		text[--at] = '0';
	for (int32_t i = 0; i < exponent; i++)
		value *= 10;
	for (; digits < decimals || digits < -exponent; digits++, value /= 10)
		text[--at] = (char)('0' + value % 10);
	if (digits > 0)
		text[--at] = '.';
	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	text[--at] = '"';
	sim_buffer_add(out, text + at, sizeof text - at);
}

static int32_t decimals_of(const struct binance_dialect *d, int32_t exponent)
{
	return d->decimals >= 0 ? d->decimals : exponent < 0 ? -exponent : 0;
}

void binance_put_price(struct sim_buffer *out, const struct binance_dialect *d,
		       const struct market_spec *spec, int64_t ticks)
{
	put_fixed(out, ticks * spec->tick, spec->price_exp, decimals_of(d, spec->price_exp));
}

void binance_put_quantity(struct sim_buffer *out, const struct binance_dialect *d,
			  const struct market_spec *spec, int64_t mantissa)
{
	put_fixed(out, mantissa, spec->qty_exp, decimals_of(d, spec->qty_exp));
}

/* ------------------------------------------------------------------ levels */

/* A list of levels being written. */
struct levels {
	struct sim_buffer *out;
	const struct binance_dialect *dialect;
	const struct market_spec *spec;
	size_t n, max;
};

static struct levels begin(struct sim_buffer *out, const struct binance_dialect *d,
			   const struct market *m, size_t symbol, size_t max)
{
	sim_buffer_char(out, '[');
	return (struct levels){ out, d, market_spec(m, symbol), 0, max };
}

static void put_level(struct levels *l, int64_t price, int64_t quantity)
{
	sim_buffer_text(l->out, l->n++ > 0 ? ",[" : "[");
	binance_put_price(l->out, l->dialect, l->spec, price);
	sim_buffer_char(l->out, ',');
	binance_put_quantity(l->out, l->dialect, l->spec, quantity);
	sim_buffer_char(l->out, ']');
}

void binance_put_top(struct sim_buffer *out, const struct binance_dialect *d,
		     const struct market *m, size_t symbol, enum market_side side, size_t n)
{
	size_t depth = market_depth(m, symbol, side);
	struct levels l = begin(out, d, m, symbol, n < depth ? n : depth);

	for (size_t k = 0; k < l.max; k++) {
		int64_t price, quantity;

		market_raw_level(m, symbol, side, k, &price, &quantity);
		put_level(&l, price, quantity);
	}
	sim_buffer_char(out, ']');
}

/* ------------------------------------------------------------------ changes */

void binance_changes_free(struct binance_changes *c)
{
	free(c->list);
	*c = (struct binance_changes){ .list = NULL };
}

static bool add(struct binance_changes *c, struct binance_change change)
{
	if (c->n == c->cap) {
		size_t cap = c->cap == 0 ? 256 : c->cap * 2;
		struct binance_change *list = realloc(c->list, cap * sizeof *list);

		if (list == NULL)
			return false;
		c->list = list;
		c->cap = cap;
	}
	c->list[c->n++] = change;
	return true;
}

static int by_price(const void *a, const void *b)
{
	const struct binance_change *x = a, *y = b;

	if (x->price != y->price)
		return x->price > y->price ? 1 : -1;
	return (x->seq > y->seq) - (x->seq < y->seq);
}

/* Merges what changed several times: the first change knows what was there at the beginning. */
static void unite(struct binance_changes *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		if (n == 0 || c->list[n - 1].price != c->list[i].price)
			c->list[n++] = c->list[i];
	c->n = n;
}

bool binance_changes_since(struct binance_changes *c, const struct market *m, size_t symbol,
			   enum market_side side, uint64_t seq)
{
	struct market_change change;

	c->n = 0;
	c->side = side;
	for (uint64_t at = seq + 1; at <= market_seq(m, symbol); at++) {
		if (!market_get_change(m, symbol, at, &change))
			return false;
		if (change.side == side &&
		    !add(c, (struct binance_change){ change.price, change.before, at }))
			return false;
	}
	if (c->n > 1)
		qsort(c->list, c->n, sizeof *c->list, by_price);
	unite(c);
	return true;
}

/* The k-th in the order in which it is sent: spot sends the best first, USD-M by rising price. */
static const struct binance_change *nth(const struct binance_dialect *d,
					const struct binance_changes *c, size_t k)
{
	bool falling = !d->usdm && c->side == MARKET_BID;

	return &c->list[falling ? c->n - 1 - k : k];
}

void binance_put_changes(struct sim_buffer *out, const struct binance_dialect *d,
			 const struct market *m, size_t symbol, const struct binance_changes *c)
{
	struct levels l = begin(out, d, m, symbol, c->n);

	for (size_t k = 0; k < l.max; k++) {
		int64_t price = nth(d, c, k)->price;

		put_level(&l, price, market_quantity_at(m, symbol, c->side, price));
	}
	sim_buffer_char(out, ']');
}

/* ------------------------------------------------------------------ the past */

/* Walks the book as it is, best first, and puts in what was there instead. */
struct past {
	const struct binance_changes *changes;
	size_t at; /* of the changes, from the best on */
};

static const struct binance_change *next_change(const struct past *p)
{
	const struct binance_changes *c = p->changes;

	if (p->at == c->n)
		return NULL;
	return &c->list[c->side == MARKET_BID ? c->n - 1 - p->at : p->at];
}

static bool is_better(enum market_side side, int64_t a, int64_t b)
{
	return side == MARKET_BID ? a > b : a < b;
}

/* Levels that stood above `limit` then and do not now. */
static void put_gone(struct levels *l, struct past *p, int64_t limit)
{
	const struct binance_change *change;

	while ((change = next_change(p)) != NULL &&
	       is_better(p->changes->side, change->price, limit)) {
		if (change->before > 0 && l->n < l->max)
			put_level(l, change->price, change->before);
		p->at++;
	}
}

void binance_put_past(struct sim_buffer *out, const struct binance_dialect *d,
		      const struct market *m, size_t symbol, const struct binance_changes *c,
		      size_t n)
{
	struct levels l = begin(out, d, m, symbol, n);
	struct past p = { c, 0 };
	enum market_side side = c->side;
	size_t depth = market_depth(m, symbol, side);

	for (size_t k = 0; k < depth && l.n < l.max; k++) {
		const struct binance_change *change;
		int64_t price, quantity;

		market_raw_level(m, symbol, side, k, &price, &quantity);
		put_gone(&l, &p, price);
		change = next_change(&p);
		if (change != NULL && change->price == price) {
			quantity = change->before;
			p.at++;
		}
		if (quantity > 0 && l.n < l.max)
			put_level(&l, price, quantity);
	}
	put_gone(&l, &p, side == MARKET_BID ? -1 : INT64_MAX);
	sim_buffer_char(out, ']');
}
