#include "publisher/simulator/market_internal.h"

#include <stdlib.h>
#include <string.h>

/* Bounds that leave room for a walk and for a sum. */
#define PRICE_MAX    (INT64_C(1) << 60)
#define QUANTITY_MAX (INT64_C(1) << 50)

#define DEEP 512 /* levels a side */

/* Of a hundred events: below MOVES the price moves, up to TRADES somebody trades. */
#define MOVES  8
#define TRADES 19

/* splitmix64 (public domain, S. Vigna): small, seedable, the same everywhere. */
static uint64_t random_bits(struct market *m)
{
	uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t market_below(struct market *m, int64_t limit)
{
	return (int64_t)(random_bits(m) % (uint64_t)limit);
}

/* A level's size: around the typical one, often with few significant digits, as people type. */
static int64_t random_quantity(struct market *m, const struct market_spec *spec)
{
	int64_t quantity = 1 + market_below(m, spec->typical * 2);
	int64_t round = 1;

	for (int64_t zeros = market_below(m, 12) - 4; zeros > 0; zeros--)
		round *= 10;
	return quantity > round ? quantity / round * round : quantity;
}

static enum market_side other(enum market_side side)
{
	return side == MARKET_BID ? MARKET_ASK : MARKET_BID;
}

/* A taker takes `quantity` of the best level of `maker`. */
static void take_best(struct market *m, size_t symbol, enum market_side maker, int64_t quantity)
{
	struct market_symbol *s = &m->symbols[symbol];
	struct market_half *half = &s->half[maker];
	struct market_level_raw best = half->levels[half->n - 1];

	if (quantity > best.quantity)
		quantity = best.quantity;
	market_set_level(m, symbol, maker, best.price, best.quantity - quantity);
	market_record_trade(m, symbol,
			    (struct market_trade){ .price = best.price,
						   .quantity = quantity,
						   .maker = maker,
						   .time = { m->now_ns } });
}

/* The k-th price a side may have, counted from the fair price; 0 or less: there is none. */
static int64_t price_at(const struct market_symbol *s, enum market_side side, int64_t k)
{
	return side == MARKET_BID ? s->fair - k : s->fair + 1 + k;
}

/* Where the next move goes: on with its leg, or as `chance` (percent) says. */
static bool goes_up(struct market *m, struct market_symbol *s, int64_t chance)
{
	if (s->spec.leg == 0 || market_below(m, s->spec.leg) == 0)
		s->up = market_below(m, 100) < chance;
	return s->up;
}

/* Moves the fair price, eats what stands in its way, and follows on the other side. */
static void move_price(struct market *m, size_t symbol)
{
	struct market_symbol *s = &m->symbols[symbol];
	int64_t start = s->spec.start;
	int64_t reach = s->spec.reach > 0 ? s->spec.reach : 1 + s->fair / 5000;
	int64_t pull = (s->fair - start) * 60 / start; /* percent towards the start */
	bool up = goes_up(m, s, 50 - pull);
	enum market_side maker = up ? MARKET_ASK : MARKET_BID;
	struct market_half *half = &s->half[maker];

	s->fair += (up ? 1 : -1) * (1 + market_below(m, reach));
	if (s->fair < 1)
		s->fair = 1;
	while (half->n > 0 &&
	       (up ? market_half_best(half) <= s->fair : market_half_best(half) > s->fair))
		take_best(m, symbol, maker, INT64_MAX);
	market_set_level(m, symbol, other(maker), price_at(s, other(maker), 0),
			 random_quantity(m, &s->spec));
}

static void trade_at_touch(struct market *m, size_t symbol)
{
	struct market_symbol *s = &m->symbols[symbol];
	enum market_side maker = market_below(m, 2) == 0 ? MARKET_BID : MARKET_ASK;

	if (s->half[maker].n > 0)
		take_best(m, symbol, maker, random_quantity(m, &s->spec) / 4 + 1);
}

/* A random depth: half of all changes hit the best level, a quarter the next, and so on. */
static int64_t random_depth(struct market *m, int64_t limit)
{
	uint64_t bits = random_bits(m);
	int64_t reach = limit < DEEP ? 8 : limit / 24; /* of a deep book all of it is touched */
	int64_t spread = 1 + (int64_t)(bits >> 48) % reach;
	int64_t depth = 0;

	while ((bits & 1) != 0 && depth < 24) {
		bits >>= 1;
		depth++;
	}
	depth *= spread;
	return depth < limit ? depth : limit - 1;
}

static void edit_level(struct market *m, size_t symbol)
{
	struct market_symbol *s = &m->symbols[symbol];
	enum market_side side = market_below(m, 2) == 0 ? MARKET_BID : MARKET_ASK;
	struct market_half *half = &s->half[side];
	int64_t what = market_below(m, 10);
	int64_t price;

	if (half->n > 0 && what < 7) {
		size_t at = half->n - 1 - (size_t)random_depth(m, (int64_t)half->n);
		bool remove = what == 6 && half->n > s->spec.levels / 2;

		market_set_level(m, symbol, side, half->levels[at].price,
				 remove ? 0 : random_quantity(m, &s->spec));
		return;
	}
	price = price_at(s, side, random_depth(m, (int64_t)s->spec.levels * 2));
	if (price > 0)
		market_set_level(m, symbol, side, price, random_quantity(m, &s->spec));
}

/* Keeps a side as deep as it should be, with gaps between its far levels. */
static void refill(struct market *m, size_t symbol, enum market_side side)
{
	struct market_symbol *s = &m->symbols[symbol];
	struct market_half *half = &s->half[side];

	while (half->n < s->spec.levels) {
		int64_t step = 1 + market_below(m, half->n < 5 ? 1 : 3);
		int64_t price = price_at(s, side, 0);

		if (half->n > 0)
			price = half->levels[0].price + (side == MARKET_BID ? -step : step);
		if (price <= 0)
			return;
		market_set_level(m, symbol, side, price, random_quantity(m, &s->spec));
	}
}

static size_t pick_symbol(struct market *m)
{
	uint64_t at = random_bits(m) % m->weight_ends[m->n_symbols - 1];
	size_t low = 0, high = m->n_symbols - 1;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->weight_ends[mid] <= at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool first_is_due(const struct market *m)
{
	const struct market_symbol *s = &m->symbols[0];
	int64_t last = s->trades[(s->n_trades - 1) % MARKET_TRADES_KEPT].time.ns;
	return m->steady_ns > 0 && m->now_ns - last >= m->steady_ns && !s->delisted;
}

static void event(struct market *m)
{
	bool due = first_is_due(m);
	size_t symbol = due ? 0 : pick_symbol(m);
	int64_t kind = due ? TRADES : market_below(m, 100);

	if (m->symbols[symbol].delisted)
		return;
	if (kind < MOVES)
		move_price(m, symbol);
	else if (kind <= TRADES)
		trade_at_touch(m, symbol);
	else
		edit_level(m, symbol);
	refill(m, symbol, MARKET_BID);
	refill(m, symbol, MARKET_ASK);
}

static int64_t random_gap(struct market *m)
{
	return 1 + market_below(m, 2 * m->mean_gap_ns);
}

void market_advance(struct market *m, bc_wall_time now)
{
	while (m->next_ns <= now.ns) {
		m->now_ns = m->next_ns;
		event(m);
		m->next_ns += random_gap(m);
	}
	if (now.ns > m->now_ns)
		m->now_ns = now.ns;
}

void market_skip(struct market *m, bc_wall_time now)
{
	if (now.ns <= m->now_ns)
		return;
	m->next_ns += now.ns - m->now_ns;
	m->now_ns = now.ns;
}

void market_listen(struct market *m, struct market_listener listener)
{
	m->listener = listener;
}

void market_set_rate(struct market *m, double rate)
{
	m->mean_gap_ns = rate > 0 ? (int64_t)((double)BC_NS_PER_S / rate) : BC_NS_PER_S;
	if (m->mean_gap_ns < 1)
		m->mean_gap_ns = 1;
}

void market_delist(struct market *m, size_t symbol)
{
	m->symbols[symbol].delisted = true;
}

void market_list(struct market *m, size_t symbol)
{
	m->symbols[symbol].delisted = false;
}

static bool spec_valid(const struct market_spec *spec)
{
	return spec->name[0] != '\0' && memchr(spec->name, 0, sizeof spec->name) != NULL &&
	       spec->tick > 0 && spec->start > 1 && spec->typical > 0 && spec->levels > 0 &&
	       spec->weight > 0 && spec->reach >= 0 && spec->reach < PRICE_MAX / spec->tick &&
	       spec->start < PRICE_MAX / spec->tick && spec->typical < QUANTITY_MAX;
}

static bool start_symbol(struct market *m, size_t symbol, const struct market_spec *spec)
{
	struct market_symbol *s = &m->symbols[symbol];

	if (!spec_valid(spec))
		return false;
	s->spec = *spec;
	s->fair = spec->start;
	s->trades = calloc(MARKET_TRADES_KEPT, sizeof *s->trades);
	if (s->trades == NULL)
		return false;
	s->journal = calloc(m->journal, sizeof *s->journal);
	if (s->journal == NULL)
		return false;
	for (int side = 0; side < 2; side++)
		if (!market_half_new(&s->half[side], (size_t)spec->levels * 2))
			return false;
	for (size_t i = 0; i < m->n_intervals; i++)
		s->series[i].bars = m->bars + (symbol * m->n_intervals + i) * MARKET_CANDLES_KEPT;
	refill(m, symbol, MARKET_BID);
	refill(m, symbol, MARKET_ASK);
	market_seed_day(m, symbol);
	market_record_trade(m, symbol,
			    (struct market_trade){ .price = spec->start,
						   .quantity = random_quantity(m, spec),
						   .maker = MARKET_BID,
						   .time = { m->now_ns } });
	return true;
}

static int by_name(const void *a, const void *b, void *market)
{
	const struct market *m = market;

	return strcmp(m->symbols[*(const size_t *)a].spec.name,
		      m->symbols[*(const size_t *)b].spec.name);
}

static bool start_symbols(struct market *m, const struct market_options *o)
{
	uint64_t weights = 0;

	m->symbols = calloc(o->n_specs, sizeof *m->symbols);
	m->weight_ends = calloc(o->n_specs, sizeof *m->weight_ends);
	m->by_name = calloc(o->n_specs, sizeof *m->by_name);
	m->bars = calloc(o->n_specs * m->n_intervals * MARKET_CANDLES_KEPT + 1, sizeof *m->bars);
	if (m->symbols == NULL || m->weight_ends == NULL || m->by_name == NULL || m->bars == NULL)
		return false;
	m->n_symbols = o->n_specs;
	for (size_t i = 0; i < o->n_specs; i++) {
		if (!start_symbol(m, i, &o->specs[i]))
			return false;
		weights += o->specs[i].weight;
		m->weight_ends[i] = weights;
		m->by_name[i] = i;
	}
	qsort_r(m->by_name, m->n_symbols, sizeof *m->by_name, by_name, m);
	return true;
}

void market_walk(struct market_spec *spec, double times)
{
	double reach = (double)(spec->reach > 0 ? spec->reach : 1 + spec->start / 5000) * times;
	double leg = (double)spec->leg / times;

	spec->reach = reach < 1 ? 1 : reach > (double)spec->start ? spec->start : (int64_t)reach;
	if (spec->leg > 0)
		spec->leg = leg < 1 ? 1 : leg > 1e6 ? 1000000 : (uint32_t)leg;
}

struct market *market_new(const struct market_options *o)
{
	struct market *m;

	if (o->n_specs == 0 || o->n_intervals > MARKET_INTERVALS_MAX)
		return NULL;
	m = calloc(1, sizeof *m);
	if (m == NULL)
		return NULL;
	m->random = o->seed;
	m->now_ns = o->start.ns;
	for (size_t i = 0; i < o->n_intervals; i++)
		m->intervals_s[i] = o->intervals_s[i];
	m->n_intervals = o->n_intervals;
	m->journal = o->journal > 0 ? o->journal : MARKET_JOURNAL;
	m->steady_ns = o->steady_ns;
	market_set_rate(m, o->rate);
	if (!start_symbols(m, o)) {
		market_free(&m);
		return NULL;
	}
	m->listener = o->listener; /* not before: nobody is told of the first books */
	m->next_ns = m->now_ns + random_gap(m);
	return m;
}

void market_free(struct market **market)
{
	struct market *m = *market;

	*market = NULL;
	if (m == NULL)
		return;
	for (size_t i = 0; m->symbols != NULL && i < m->n_symbols; i++) {
		struct market_symbol *s = &m->symbols[i];

		free(s->half[MARKET_BID].room);
		free(s->half[MARKET_ASK].room);
		free(s->journal);
		free(s->trades);
	}
	free(m->bars);
	free(m->symbols);
	free(m->weight_ends);
	free(m->by_name);
	free(m);
}

size_t market_n_symbols(const struct market *m)
{
	return m->n_symbols;
}

const struct market_spec *market_spec(const struct market *m, size_t symbol)
{
	return &m->symbols[symbol].spec;
}

bool market_delisted(const struct market *m, size_t symbol)
{
	return m->symbols[symbol].delisted;
}

bool market_find(const struct market *m, bc_str name, size_t *symbol)
{
	size_t low = 0, high = m->n_symbols;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		const char *have = m->symbols[m->by_name[mid]].spec.name;
		size_t n = strlen(have);
		int order = memcmp(name.p, have, name.n < n ? name.n : n);

		if (order == 0 && name.n == n) {
			*symbol = m->by_name[mid];
			return true;
		}
		if (order > 0 || (order == 0 && name.n > n))
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

bc_decimal market_price(const struct market_spec *spec, int64_t ticks)
{
	return bc_decimal_normal((bc_decimal){ ticks * spec->tick, spec->price_exp });
}

bc_decimal market_quantity(const struct market_spec *spec, int64_t mantissa)
{
	return bc_decimal_normal((bc_decimal){ mantissa, spec->qty_exp });
}
