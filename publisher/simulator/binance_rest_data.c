/* binance_rest_data.c - REST: trades, candles and tickers. */
#include "publisher/simulator/binance.h"

#include <string.h>

#define ROWS_DEFAULT  500
#define ROWS_MAX      1000
#define KLINES_USDM   1500
#define PERCENT_UNITS 100000 /* 0.001 % */

/* ------------------------------------------------------------------ numbers */

/* a / b in whole units of 10^exponent. */
static bc_decimal divide(bc_decimal a, bc_decimal b, int32_t exponent)
{
	int32_t shift = a.exponent - b.exponent - exponent;
	__int128 value = a.mantissa;

	if (b.mantissa == 0 || shift > 18)
		return (bc_decimal){ 0, 0 };
	for (; shift > 0; shift--)
		value *= 10;
	value /= b.mantissa;
	for (; shift < 0; shift++)
		value /= 10;
	return bc_decimal_normal((bc_decimal){ (int64_t)value, exponent });
}

void binance_get_day(const struct market *m, size_t symbol, struct binance_day *out)
{
	struct market_stats s;

	market_get_stats(m, symbol, &s);
	if (s.open == 0) /* no trade yet today */
		s.open = s.high = s.low = s.last;
	*out = (struct binance_day){
		.change = s.last - s.open,
		.open = s.open,
		.high = s.high,
		.low = s.low,
		.last = s.last,
		.percent = bc_decimal_normal((bc_decimal){
			(int64_t)((__int128)(s.last - s.open) * PERCENT_UNITS / s.open), -3 }),
		.average = divide(s.value_24h, s.volume_24h, market_spec(m, symbol)->price_exp),
		.volume = s.volume_24h,
		.value = s.value_24h,
		.first_trade = BINANCE_TRADE_IDS + 1,
		.last_trade = BINANCE_TRADE_IDS + market_n_trades(m, symbol),
		.n_trades = market_n_trades(m, symbol),
	};
}

/* price times quantity; 0 where it does not fit. */
static bc_decimal worth(const struct market_spec *spec, const struct market_trade *t)
{
	int64_t product;

	if (__builtin_mul_overflow(t->price * spec->tick, t->quantity, &product))
		product = 0;
	return bc_decimal_normal((bc_decimal){ product, spec->price_exp + spec->qty_exp });
}

/* ------------------------------------------------------------------ writing */

static const struct market_spec *spec_of(const struct binance_ask *a)
{
	return market_spec(a->world->market, a->symbol);
}

static void put_price(const struct binance_ask *a, const char *before, int64_t ticks)
{
	sim_buffer_text(&a->reply->body, before);
	binance_put_price(&a->reply->body, a->dialect, spec_of(a), ticks);
}

static void put_quantity(const struct binance_ask *a, const char *before, int64_t mantissa)
{
	sim_buffer_text(&a->reply->body, before);
	binance_put_quantity(&a->reply->body, a->dialect, spec_of(a), mantissa);
}

static void put_sum(const struct binance_ask *a, const char *before, bc_decimal value)
{
	sim_buffer_text(&a->reply->body, before);
	binance_put_decimal(&a->reply->body, value, a->dialect->decimals);
}

static void put_number(const struct binance_ask *a, const char *before, uint64_t value)
{
	sim_buffer_text(&a->reply->body, before);
	sim_buffer_unsigned(&a->reply->body, value);
}

static void put_time(const struct binance_ask *a, const char *before, bc_wall_time t)
{
	sim_buffer_text(&a->reply->body, before);
	sim_buffer_signed(&a->reply->body, binance_time(a->world, t, false));
}

static void put_flag(const struct binance_ask *a, const char *before, bool value)
{
	sim_buffer_text(&a->reply->body, before);
	sim_buffer_text(&a->reply->body, value ? "true" : "false");
}

static void put_name(const struct binance_ask *a, const char *before)
{
	sim_buffer_text(&a->reply->body, before);
	sim_buffer_json(&a->reply->body, bc_str_of(spec_of(a)->name));
}

/* ------------------------------------------------------------------ trades */

static bool read_limit(struct binance_ask *a, int64_t max)
{
	if (!binance_number(a, "limit", ROWS_DEFAULT, &a->limit))
		return false;
	if (a->limit > max)
		a->limit = max;
	if (a->limit > 0)
		return true;
	binance_refuse(a->reply, 400, -1130, "Data sent for parameter 'limit' is not valid.");
	return false;
}

static void write_trade(struct binance_ask *a, const struct market_trade *t)
{
	put_number(a, "{\"id\":", BINANCE_TRADE_IDS + t->id);
	put_price(a, ",\"price\":", t->price);
	put_quantity(a, ",\"qty\":", t->quantity);
	put_sum(a, ",\"quoteQty\":", worth(spec_of(a), t));
	put_time(a, ",\"time\":", t->time);
	put_flag(a, ",\"isBuyerMaker\":", t->maker == MARKET_BID);
	if (!a->dialect->usdm)
		sim_buffer_text(&a->reply->body, ",\"isBestMatch\":true");
	sim_buffer_char(&a->reply->body, '}');
}

static void write_agg_trade(struct binance_ask *a, const struct market_trade *t)
{
	put_number(a, "{\"a\":", t->id);
	put_price(a, ",\"p\":", t->price);
	put_quantity(a, ",\"q\":", t->quantity);
	put_number(a, ",\"f\":", BINANCE_TRADE_IDS + t->id);
	put_number(a, ",\"l\":", BINANCE_TRADE_IDS + t->id);
	put_time(a, ",\"T\":", t->time);
	put_flag(a, ",\"m\":", t->maker == MARKET_BID);
	if (!a->dialect->usdm)
		sim_buffer_text(&a->reply->body, ",\"M\":true");
	sim_buffer_char(&a->reply->body, '}');
}

/* Which trades or candles: all of them where nothing is asked for. */
struct range {
	int64_t from_id, start_ms, end_ms;
};

static bool read_range(struct binance_ask *a, struct range *r)
{
	return binance_number(a, "fromId", 0, &r->from_id) &&
	       binance_number(a, "startTime", 0, &r->start_ms) &&
	       binance_number(a, "endTime", INT64_MAX, &r->end_ms);
}

static bool in_range(const struct range *r, const struct market_trade *t)
{
	int64_t ms = t->time.ns / BC_NS_PER_MS;

	return (int64_t)t->id >= r->from_id && ms >= r->start_ms && ms <= r->end_ms;
}

/* Oldest first: the newest `limit`, or the oldest ones from where the range begins. */
static void write_trades(struct binance_ask *a, const struct range *r,
			 void (*write)(struct binance_ask *a, const struct market_trade *t))
{
	const struct market *m = a->world->market;
	bool from_oldest = r->from_id > 0 || r->start_ms > 0;
	int64_t kept = 0, rows = 0;

	while (market_trade(m, a->symbol, (size_t)kept) != NULL)
		kept++;
	if (!from_oldest && kept > a->limit)
		kept = a->limit;
	sim_buffer_char(&a->reply->body, '[');
	for (int64_t k = kept - 1; k >= 0 && rows < a->limit; k--) {
		const struct market_trade *t = market_trade(m, a->symbol, (size_t)k);

		if (!in_range(r, t))
			continue;
		if (rows++ > 0)
			sim_buffer_char(&a->reply->body, ',');
		write(a, t);
	}
	sim_buffer_char(&a->reply->body, ']');
}

void binance_get_trades(struct binance_ask *a)
{
	struct range all = { 0, 0, INT64_MAX };

	if (read_limit(a, ROWS_MAX) && binance_symbol(a))
		write_trades(a, &all, write_trade);
}

void binance_get_agg_trades(struct binance_ask *a)
{
	struct range r;

	if (read_limit(a, ROWS_MAX) && read_range(a, &r) && binance_symbol(a))
		write_trades(a, &r, write_agg_trade);
}

/* ------------------------------------------------------------------ candles */

bool binance_find_candle(const struct market *m, size_t symbol, size_t interval, int64_t open_ns,
			 struct market_candle *out)
{
	for (size_t k = 0; market_get_candle(m, symbol, interval, k, out); k++)
		if (out->open_time.ns <= open_ns)
			return out->open_time.ns == open_ns;
	return false;
}

static void write_candle(struct binance_ask *a, size_t interval, const struct market_candle *c)
{
	int64_t length = binance_intervals[interval].seconds * BC_NS_PER_S;

	put_time(a, "[", c->open_time);
	put_price(a, ",", c->open);
	put_price(a, ",", c->high);
	put_price(a, ",", c->low);
	put_price(a, ",", c->close);
	put_sum(a, ",", c->volume);
	put_time(a, ",", (bc_wall_time){ c->open_time.ns + length - BC_NS_PER_MS });
	put_sum(a, ",", c->value);
	put_number(a, ",", c->last_trade - c->first_trade + 1);
	put_sum(a, ",", c->bought_volume);
	put_sum(a, ",", c->bought_value);
	sim_buffer_text(&a->reply->body, ",\"0\"]");
}

static void write_candles(struct binance_ask *a, size_t interval, const struct range *r)
{
	const struct market *m = a->world->market;
	struct market_candle c;
	int64_t kept = 0, rows = 0;

	while (market_get_candle(m, a->symbol, interval, (size_t)kept, &c))
		kept++;
	if (r->start_ms == 0 && kept > a->limit)
		kept = a->limit;
	sim_buffer_char(&a->reply->body, '[');
	for (int64_t k = kept - 1; k >= 0 && rows < a->limit; k--) {
		market_get_candle(m, a->symbol, interval, (size_t)k, &c);
		if (c.open_time.ns / BC_NS_PER_MS < r->start_ms ||
		    c.open_time.ns / BC_NS_PER_MS > r->end_ms)
			continue;
		if (rows++ > 0)
			sim_buffer_char(&a->reply->body, ',');
		write_candle(a, interval, &c);
	}
	sim_buffer_char(&a->reply->body, ']');
}

static bool read_interval(struct binance_ask *a, size_t *interval)
{
	char text[8];

	if (http_query(a->r, "interval", text, sizeof text) == BC_OK)
		for (*interval = 0; *interval < BINANCE_INTERVALS; ++*interval)
			if (strcmp(text, binance_intervals[*interval].name) == 0)
				return true;
	binance_refuse(a->reply, 400, -1120, "Invalid interval.");
	return false;
}

static uint32_t klines_weight(const struct binance_ask *a)
{
	if (!a->dialect->usdm)
		return 2;
	return a->limit < 100 ? 1 : a->limit < 500 ? 2 : a->limit <= 1000 ? 5 : 10;
}

void binance_get_klines(struct binance_ask *a)
{
	struct range r;
	size_t interval;

	if (read_limit(a, a->dialect->usdm ? KLINES_USDM : ROWS_MAX) &&
	    binance_weigh(a->state, a->world, klines_weight(a), a->reply) && read_range(a, &r) &&
	    read_interval(a, &interval) && binance_symbol(a))
		write_candles(a, interval, &r);
}

/* ------------------------------------------------------------------ tickers */

static void put_best(const struct binance_ask *a, enum market_side side, const char *price_key,
		     const char *quantity_key)
{
	int64_t price = 0, quantity = 0;

	if (market_depth(a->world->market, a->symbol, side) > 0)
		market_raw_level(a->world->market, a->symbol, side, 0, &price, &quantity);
	put_price(a, price_key, price);
	put_quantity(a, quantity_key, quantity);
}

static void write_book_ticker(struct binance_ask *a)
{
	const struct market *m = a->world->market;

	put_name(a, "{\"symbol\":");
	put_best(a, MARKET_BID, ",\"bidPrice\":", ",\"bidQty\":");
	put_best(a, MARKET_ASK, ",\"askPrice\":", ",\"askQty\":");
	if (a->dialect->usdm) {
		put_time(a, ",\"time\":", market_changed(m, a->symbol));
		put_number(a, ",\"lastUpdateId\":",
			   binance_id(a->dialect, a->symbol, market_seq(m, a->symbol)));
	}
	sim_buffer_char(&a->reply->body, '}');
}

static void write_ticker(struct binance_ask *a)
{
	const struct market_spec *spec = spec_of(a);
	struct binance_day day;

	binance_get_day(a->world->market, a->symbol, &day);
	put_name(a, "{\"symbol\":");
	put_sum(a, ",\"priceChange\":", market_price(spec, day.change));
	sim_buffer_text(&a->reply->body, ",\"priceChangePercent\":");
	binance_put_decimal(&a->reply->body, day.percent, 3);
	put_sum(a, ",\"weightedAvgPrice\":", day.average);
	put_price(a, ",\"lastPrice\":", day.last);
	put_quantity(a, ",\"lastQty\":", market_trade(a->world->market, a->symbol, 0)->quantity);
	if (!a->dialect->usdm) {
		put_best(a, MARKET_BID, ",\"bidPrice\":", ",\"bidQty\":");
		put_best(a, MARKET_ASK, ",\"askPrice\":", ",\"askQty\":");
	}
	put_price(a, ",\"openPrice\":", day.open);
	put_price(a, ",\"highPrice\":", day.high);
	put_price(a, ",\"lowPrice\":", day.low);
	put_sum(a, ",\"volume\":", day.volume);
	put_sum(a, ",\"quoteVolume\":", day.value);
	put_time(a, ",\"openTime\":", (bc_wall_time){ a->world->now.ns - 86400 * BC_NS_PER_S });
	put_time(a, ",\"closeTime\":", a->world->now);
	put_number(a, ",\"firstId\":", day.first_trade);
	put_number(a, ",\"lastId\":", day.last_trade);
	put_number(a, ",\"count\":", day.n_trades);
	sim_buffer_char(&a->reply->body, '}');
}

/* One symbol as an object, or all of them as an array. */
static void write_one_or_all(struct binance_ask *a, uint32_t weight_one, uint32_t weight_all,
			     void (*write)(struct binance_ask *a))
{
	bool one = binance_has(a, "symbol"), first = true;

	if (!binance_weigh(a->state, a->world, one ? weight_one : weight_all, a->reply))
		return;
	if (one) {
		if (binance_symbol(a))
			write(a);
		return;
	}
	sim_buffer_char(&a->reply->body, '[');
	for (a->symbol = 0; a->symbol < market_n_symbols(a->world->market); a->symbol++) {
		if (market_delisted(a->world->market, a->symbol))
			continue;
		if (!first)
			sim_buffer_char(&a->reply->body, ',');
		first = false;
		write(a);
	}
	sim_buffer_char(&a->reply->body, ']');
}

void binance_get_book_ticker(struct binance_ask *a)
{
	write_one_or_all(a, 2, a->dialect->usdm ? 5 : 4, write_book_ticker);
}

void binance_get_ticker(struct binance_ask *a)
{
	write_one_or_all(a, a->dialect->usdm ? 1 : 2, a->dialect->usdm ? 40 : 80, write_ticker);
}
