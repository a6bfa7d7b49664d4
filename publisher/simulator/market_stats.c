/* market_stats.c - what follows from trades: the ring of the newest, the day, the candles. */
#include "publisher/simulator/market_internal.h"

#include <string.h>

#define S_PER_HOUR 3600
#define S_PER_DAY  86400

static void add(struct market_sums *sums, market_wide volume, market_wide value)
{
	sums->volume += volume;
	sums->value += value;
}

/* Starts a new day and drops hours older than a day; both by the time of a trade. */
static void roll(struct market_day *day, int64_t time_s, int64_t last)
{
	int64_t hour = time_s / S_PER_HOUR, today = time_s / S_PER_DAY;

	if (hour - day->hour >= MARKET_HOURS)
		memset(day->hours, 0, sizeof day->hours);
	else
		for (int64_t h = day->hour + 1; h <= hour; h++)
			day->hours[h % MARKET_HOURS] = (struct market_sums){ 0, 0 };
	day->hour = hour;
	if (today == day->day)
		return;
	day->day = today;
	day->previous_close = last;
	day->open = day->high = day->low = 0;
	day->sums = (struct market_sums){ 0, 0 };
	day->bid_volume = day->ask_volume = 0;
}

static void add_to_day(struct market_symbol *s, const struct market_trade *t, market_wide value)
{
	struct market_day *day = &s->day;

	if (day->open == 0)
		day->open = day->high = day->low = t->price;
	if (t->price > day->high)
		day->high = t->price;
	if (t->price < day->low)
		day->low = t->price;
	add(&day->sums, t->quantity, value);
	add(&day->hours[day->hour % MARKET_HOURS], t->quantity, value);
	if (t->maker == MARKET_ASK)
		day->bid_volume += t->quantity;
	else
		day->ask_volume += t->quantity;
}

static void add_to_series(struct market_series *series, int64_t interval_ns,
			  const struct market_trade *t, market_wide value)
{
	int64_t open_ns = t->time.ns / interval_ns * interval_ns;
	struct market_bar *bar = NULL;

	if (series->n > 0)
		bar = &series->bars[(series->n - 1) % MARKET_CANDLES_KEPT];
	if (bar == NULL || bar->open_ns != open_ns) {
		bar = &series->bars[series->n++ % MARKET_CANDLES_KEPT];
		*bar = (struct market_bar){ .open_ns = open_ns,
					    .open = t->price,
					    .high = t->price,
					    .low = t->price,
					    .first_trade = t->id };
	}
	if (t->price > bar->high)
		bar->high = t->price;
	if (t->price < bar->low)
		bar->low = t->price;
	bar->close = t->price;
	bar->last_ns = t->time.ns;
	bar->last_trade = t->id;
	add(&bar->sums, t->quantity, value);
	if (t->maker == MARKET_ASK)
		add(&bar->bought, t->quantity, value);
}

void market_record_trade(struct market *m, size_t symbol, struct market_trade t)
{
	struct market_symbol *s = &m->symbols[symbol];
	market_wide value = (market_wide)(t.price * s->spec.tick) * t.quantity;

	if (s->n_trades > 0)
		roll(&s->day, t.time.ns / BC_NS_PER_S,
		     s->trades[(s->n_trades - 1) % MARKET_TRADES_KEPT].price);
	t.id = ++s->n_trades;
	s->trades[(t.id - 1) % MARKET_TRADES_KEPT] = t;
	add_to_day(s, &t, value);
	for (size_t i = 0; i < m->n_intervals; i++)
		add_to_series(&s->series[i], m->intervals_s[i] * BC_NS_PER_S, &t, value);
	if (m->listener.trade != NULL)
		m->listener.trade(m->listener.self, symbol);
}

/* A past for the first day, so that the first ticker is not empty. */
void market_seed_day(struct market *m, size_t symbol)
{
	struct market_symbol *s = &m->symbols[symbol];
	struct market_day *day = &s->day;

	day->hour = m->now_ns / BC_NS_PER_S / S_PER_HOUR;
	day->day = m->now_ns / BC_NS_PER_S / S_PER_DAY;
	day->previous_close = s->spec.start - s->spec.start * market_below(m, 40) / 1000;
	day->open = day->previous_close;
	day->high = s->spec.start + s->spec.start * market_below(m, 20) / 1000;
	day->low = day->previous_close - day->previous_close * market_below(m, 20) / 1000;
	for (size_t h = 0; h < MARKET_HOURS; h++) {
		market_wide volume = (market_wide)s->spec.typical * (20 + market_below(m, 100));
		market_wide value = (market_wide)(s->spec.start * s->spec.tick) * volume;

		add(&day->hours[h], volume, value);
		if ((int64_t)h <= day->hour % MARKET_HOURS) {
			add(&day->sums, volume, value);
			day->bid_volume += volume / 2;
			day->ask_volume += volume - volume / 2;
		}
	}
}

/* Cut to at most eight decimals and 18 digits: what exchanges print too. */
static bc_decimal cut(market_wide value, int32_t exponent)
{
	while (exponent < -8 || value > INT64_C(999999999999999999)) {
		value /= 10;
		exponent++;
	}
	return bc_decimal_normal((bc_decimal){ (int64_t)value, exponent });
}

static bc_decimal value_of(const struct market_spec *spec, market_wide value)
{
	return cut(value, spec->price_exp + spec->qty_exp);
}

void market_get_stats(const struct market *m, size_t symbol, struct market_stats *out)
{
	const struct market_symbol *s = &m->symbols[symbol];
	const struct market_day *day = &s->day;
	struct market_sums sum = { 0, 0 };

	for (size_t h = 0; h < MARKET_HOURS; h++)
		add(&sum, day->hours[h].volume, day->hours[h].value);
	*out = (struct market_stats){
		.previous_close = day->previous_close,
		.open = day->open,
		.high = day->high,
		.low = day->low,
		.last = s->trades[(s->n_trades - 1) % MARKET_TRADES_KEPT].price,
		.volume = cut(day->sums.volume, s->spec.qty_exp),
		.value = value_of(&s->spec, day->sums.value),
		.bid_volume = cut(day->bid_volume, s->spec.qty_exp),
		.ask_volume = cut(day->ask_volume, s->spec.qty_exp),
		.volume_24h = cut(sum.volume, s->spec.qty_exp),
		.value_24h = value_of(&s->spec, sum.value),
	};
}

uint64_t market_n_trades(const struct market *m, size_t symbol)
{
	return m->symbols[symbol].n_trades;
}

const struct market_trade *market_trade(const struct market *m, size_t symbol, size_t k)
{
	const struct market_symbol *s = &m->symbols[symbol];

	if (k >= s->n_trades || k >= MARKET_TRADES_KEPT)
		return NULL;
	return &s->trades[(s->n_trades - 1 - k) % MARKET_TRADES_KEPT];
}

bool market_get_candle(const struct market *m, size_t symbol, size_t interval, size_t k,
		       struct market_candle *out)
{
	const struct market_symbol *s = &m->symbols[symbol];
	const struct market_series *series = &s->series[interval];
	const struct market_bar *bar;

	if (k >= series->n || k >= MARKET_CANDLES_KEPT)
		return false;
	bar = &series->bars[(series->n - 1 - k) % MARKET_CANDLES_KEPT];
	*out = (struct market_candle){
		.open_time = { bar->open_ns },
		.last_time = { bar->last_ns },
		.open = bar->open,
		.high = bar->high,
		.low = bar->low,
		.close = bar->close,
		.volume = cut(bar->sums.volume, s->spec.qty_exp),
		.value = value_of(&s->spec, bar->sums.value),
		.bought_volume = cut(bar->bought.volume, s->spec.qty_exp),
		.bought_value = value_of(&s->spec, bar->bought.value),
		.first_trade = bar->first_trade,
		.last_trade = bar->last_trade,
	};
	return true;
}
