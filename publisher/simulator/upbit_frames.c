/* upbit_frames.c - one message of each type, spelled as Upbit spells it.
 *
 * DEFAULT writes large prices with an exponent and sizes with eight decimals; SIMPLE writes
 * prices plain and small sizes with an exponent. Both appear in the two LIST formats. */
#include "publisher/simulator/upbit.h"

#include <string.h>

#define RATE_DIGITS  10
#define RATE_UNIT    INT64_C(10000000000) /* 10^RATE_DIGITS */
#define IDS_PER_MS   10000
#define KST_AHEAD_NS (9 * 3600 * BC_NS_PER_S)

/* A message being written: the object so far, and how its values are spelled. */
struct writer {
	struct sim_buffer *out;
	bool simple, first;
};

static void key(struct writer *w, const char *name, const char *simple)
{
	sim_buffer_char(w->out, w->first ? '{' : ',');
	w->first = false;
	sim_buffer_char(w->out, '"');
	sim_buffer_text(w->out, w->simple ? simple : name);
	sim_buffer_text(w->out, "\":");
}

static void put_text(struct writer *w, const char *name, const char *simple, const char *value)
{
	key(w, name, simple);
	sim_buffer_json(w->out, bc_str_of(value));
}

static void put_integer(struct writer *w, const char *name, const char *simple, int64_t value)
{
	key(w, name, simple);
	sim_buffer_signed(w->out, value);
}

static void put_number(struct writer *w, const char *name, const char *simple, bc_decimal value,
		       enum sim_number_style style)
{
	key(w, name, simple);
	sim_buffer_number(w->out, value, style);
}

static void put_price(struct writer *w, const char *name, const char *simple, bc_decimal value)
{
	put_number(w, name, simple, value, w->simple ? SIM_SMALL_EXP : SIM_JAVA);
}

static void put_size(struct writer *w, const char *name, const char *simple, bc_decimal value)
{
	put_number(w, name, simple, value, w->simple ? SIM_JAVA : SIM_EIGHT);
}

static void put_date(struct writer *w, const char *name, const char *simple, bc_wall_time t,
		     bool compact)
{
	key(w, name, simple);
	sim_buffer_char(w->out, '"');
	sim_buffer_date(w->out, t, compact);
	sim_buffer_char(w->out, '"');
}

static void put_time(struct writer *w, const char *name, const char *simple, bc_wall_time t,
		     bool compact)
{
	key(w, name, simple);
	sim_buffer_char(w->out, '"');
	sim_buffer_time(w->out, t, compact);
	sim_buffer_char(w->out, '"');
}

int64_t upbit_ms(const struct sim_world *world, bc_wall_time t)
{
	return (t.ns + world->skew_ns) / BC_NS_PER_MS;
}

uint64_t upbit_sequential_id(const struct market_trade *trade)
{
	return (uint64_t)(trade->time.ns / BC_NS_PER_MS) * IDS_PER_MS + trade->id % IDS_PER_MS;
}

const char *upbit_change(int64_t last, int64_t previous, int64_t *ticks)
{
	*ticks = last - previous;
	return last > previous ? "RISE" : last < previous ? "FALL" : "EVEN";
}

/* ------------------------------------------------------------------ orderbook */

/* The group a price falls in: bids down, asks up, to whole multiples. */
static bc_decimal grouped(bc_decimal price, bc_decimal group, enum market_side side)
{
	int64_t unit = 1, mantissa = price.mantissa;

	for (int32_t e = price.exponent; e > group.exponent; e--)
		mantissa *= 10;
	for (int32_t e = price.exponent; e < group.exponent; e++)
		unit *= 10;
	unit *= group.mantissa;
	mantissa = (mantissa + (side == MARKET_ASK ? unit - 1 : 0)) / unit * group.mantissa;
	return bc_decimal_normal((bc_decimal){ mantissa, group.exponent });
}

size_t upbit_side(const struct market *m, size_t symbol, enum market_side side, size_t level,
		  bc_level *out, size_t n)
{
	bc_decimal group = upbit_level(market_spec(m, symbol), level);
	size_t depth = market_depth(m, symbol, side), have = 0;

	for (size_t k = 0; k < depth; k++) {
		bc_level l = market_level(m, symbol, side, k);

		if (level != 0)
			l.price = grouped(l.price, group, side);
		if (have > 0 && bc_decimal_compare(out[have - 1].price, l.price) == 0) {
			bc_decimal_add(out[have - 1].quantity, l.quantity, &out[have - 1].quantity);
			continue;
		}
		if (have == n)
			break;
		out[have++] = l;
	}
	for (size_t k = have; k < n; k++)
		out[k] = (bc_level){ { 0, 0 }, { 0, 0 } };
	return have;
}

static bc_decimal total(const bc_level *levels, size_t n)
{
	bc_decimal sum = { 0, 0 };

	for (size_t k = 0; k < n; k++)
		bc_decimal_add(sum, levels[k].quantity, &sum);
	return sum;
}

/* An unused slot is 0, whatever the style. */
static void put_slot(struct writer *w, const char *name, const char *simple, bc_decimal value,
		     bool is_price)
{
	if (bc_decimal_is_zero(value))
		put_integer(w, name, simple, 0);
	else if (is_price)
		put_price(w, name, simple, value);
	else
		put_size(w, name, simple, value);
}

static void put_units(struct writer *w, const bc_level *bids, const bc_level *asks, size_t n)
{
	key(w, "orderbook_units", "obu");
	sim_buffer_char(w->out, '[');
	for (size_t k = 0; k < n; k++) {
		struct writer unit = { w->out, w->simple, true };

		if (k > 0)
			sim_buffer_char(w->out, ',');
		put_slot(&unit, "ask_price", "ap", asks[k].price, true);
		put_slot(&unit, "bid_price", "bp", bids[k].price, true);
		put_slot(&unit, "ask_size", "as", asks[k].quantity, false);
		put_slot(&unit, "bid_size", "bs", bids[k].quantity, false);
		sim_buffer_char(w->out, '}');
	}
	sim_buffer_char(w->out, ']');
}

static void put_orderbook(struct writer *w, const struct sim_world *world,
			  const struct upbit_frame *f)
{
	bc_level bids[UPBIT_UNITS_MAX], asks[UPBIT_UNITS_MAX];
	size_t n_bids = upbit_side(world->market, f->symbol, MARKET_BID, f->level, bids, f->units);
	size_t n_asks = upbit_side(world->market, f->symbol, MARKET_ASK, f->level, asks, f->units);

	if (f->crossed && n_bids > 0 && n_asks > 0) {
		bc_decimal price = bids[0].price;

		bids[0].price = asks[0].price;
		asks[0].price = price;
	}
	put_integer(w, "timestamp", "tms",
		    upbit_ms(world, market_changed(world->market, f->symbol)));
	put_number(w, "total_ask_size", "tas", total(asks, n_asks), SIM_POINT);
	put_number(w, "total_bid_size", "tbs", total(bids, n_bids), SIM_POINT);
	put_units(w, bids, asks, f->units);
}

/* ------------------------------------------------------------------ trade */

static void put_best(struct writer *w, const struct market *m, size_t symbol, enum market_side side)
{
	bc_level best = { { 0, 0 }, { 0, 0 } };
	bool ask = side == MARKET_ASK;

	if (market_depth(m, symbol, side) > 0)
		best = market_level(m, symbol, side, 0);
	put_number(w, ask ? "best_ask_price" : "best_bid_price", ask ? "bap" : "bbp", best.price,
		   SIM_PLAIN);
	put_number(w, ask ? "best_ask_size" : "best_bid_size", ask ? "bas" : "bbs", best.quantity,
		   w->simple ? SIM_JAVA : SIM_PLAIN);
}

static void put_trade(struct writer *w, const struct sim_world *world, const struct upbit_frame *f)
{
	const struct market_spec *spec = market_spec(world->market, f->symbol);
	const struct market_trade *t = market_trade(world->market, f->symbol, f->trade);
	struct market_stats stats;
	bc_wall_time shown = { t->time.ns + world->skew_ns };
	int64_t ticks;

	market_get_stats(world->market, f->symbol, &stats);
	put_integer(w, "timestamp", "tms", upbit_ms(world, world->now));
	put_date(w, "trade_date", "td", shown, false);
	put_time(w, "trade_time", "ttm", shown, false);
	put_integer(w, "trade_timestamp", "ttms", upbit_ms(world, t->time));
	put_price(w, "trade_price", "tp", market_price(spec, t->price));
	put_size(w, "trade_volume", "tv", market_quantity(spec, t->quantity));
	put_text(w, "ask_bid", "ab", t->maker == MARKET_ASK ? "BID" : "ASK");
	put_price(w, "prev_closing_price", "pcp", market_price(spec, stats.previous_close));
	put_text(w, "change", "c", upbit_change(t->price, stats.previous_close, &ticks));
	put_size(w, "change_price", "cp", market_price(spec, ticks < 0 ? -ticks : ticks));
	key(w, "sequential_id", "sid");
	sim_buffer_unsigned(w->out, upbit_sequential_id(t));
	put_best(w, world->market, f->symbol, MARKET_ASK);
	put_best(w, world->market, f->symbol, MARKET_BID);
}

/* ------------------------------------------------------------------ ticker */

static bc_decimal rate(int64_t ticks, int64_t previous)
{
	return bc_decimal_normal(
		(bc_decimal){ (int64_t)((__int128)ticks * RATE_UNIT / previous), -RATE_DIGITS });
}

static void put_change(struct writer *w, const struct market_spec *spec,
		       const struct market_stats *s)
{
	int64_t ticks, size;

	put_text(w, "change", "c", upbit_change(s->last, s->previous_close, &ticks));
	size = ticks < 0 ? -ticks : ticks;
	put_price(w, "change_price", "cp", market_price(spec, size));
	put_price(w, "signed_change_price", "scp", market_price(spec, ticks));
	put_number(w, "change_rate", "cr", rate(size, s->previous_close), SIM_PLAIN);
	put_number(w, "signed_change_rate", "scr", rate(ticks, s->previous_close), SIM_PLAIN);
}

/* The model has no year behind it: the range is a fixed multiple of the start. */
static void put_year(struct writer *w, const struct market_spec *spec)
{
	put_price(w, "highest_52_week_price", "h52wp", market_price(spec, spec->start * 2));
	put_text(w, "highest_52_week_date", "h52wdt", "2025-10-09");
	put_price(w, "lowest_52_week_price", "l52wp", market_price(spec, (spec->start + 1) / 2));
	put_text(w, "lowest_52_week_date", "l52wdt", "2026-02-06");
}

static void put_ticker(struct writer *w, const struct sim_world *world, const struct upbit_frame *f)
{
	const struct market_spec *spec = market_spec(world->market, f->symbol);
	const struct market_trade *t = market_trade(world->market, f->symbol, 0);
	bool gone = market_delisted(world->market, f->symbol);
	bc_wall_time shown = { t->time.ns + world->skew_ns };
	struct market_stats s;

	market_get_stats(world->market, f->symbol, &s);
	put_price(w, "opening_price", "op", market_price(spec, s.open));
	put_price(w, "high_price", "hp", market_price(spec, s.high));
	put_price(w, "low_price", "lp", market_price(spec, s.low));
	put_price(w, "trade_price", "tp", market_price(spec, s.last));
	put_price(w, "prev_closing_price", "pcp", market_price(spec, s.previous_close));
	put_number(w, "acc_trade_price", "atp", s.value, SIM_POINT);
	put_change(w, spec, &s);
	put_text(w, "ask_bid", "ab", t->maker == MARKET_ASK ? "BID" : "ASK");
	put_size(w, "trade_volume", "tv", market_quantity(spec, t->quantity));
	put_number(w, "acc_trade_volume", "atv", s.volume, SIM_POINT);
	put_date(w, "trade_date", "tdt", shown, true);
	put_time(w, "trade_time", "ttm", shown, true);
	put_integer(w, "trade_timestamp", "ttms", upbit_ms(world, t->time));
	put_number(w, "acc_ask_volume", "aav", s.ask_volume, SIM_POINT);
	put_number(w, "acc_bid_volume", "abv", s.bid_volume, SIM_POINT);
	put_year(w, spec);
	put_text(w, "market_state", "ms", gone ? "DELISTED" : "ACTIVE");
	key(w, "is_trading_suspended", "its");
	sim_buffer_text(w->out, gone ? "true" : "false");
	key(w, "delisting_date", "dd");
	sim_buffer_text(w->out, "null");
	put_text(w, "market_warning", "mw", "NONE");
	put_integer(w, "timestamp", "tms", upbit_ms(world, t->time));
	put_number(w, "acc_trade_price_24h", "atp24h", s.value_24h, SIM_POINT);
	put_number(w, "acc_trade_volume_24h", "atv24h", s.volume_24h, SIM_POINT);
}

/* ------------------------------------------------------------------ candle */

static void put_moment(struct writer *w, const char *name, const char *simple, bc_wall_time t)
{
	key(w, name, simple);
	sim_buffer_char(w->out, '"');
	sim_buffer_date(w->out, t, false);
	sim_buffer_char(w->out, 'T');
	sim_buffer_time(w->out, t, false);
	sim_buffer_char(w->out, '"');
}

static void put_candle(struct writer *w, const struct sim_world *world, const struct upbit_frame *f)
{
	const struct market_spec *spec = market_spec(world->market, f->symbol);
	struct market_candle c = { .open = 0 };

	market_get_candle(world->market, f->symbol, (size_t)f->interval, 0, &c);
	put_moment(w, "candle_date_time_utc", "cdttmu", c.open_time);
	put_moment(w, "candle_date_time_kst", "cdttmk",
		   (bc_wall_time){ c.open_time.ns + KST_AHEAD_NS });
	put_price(w, "opening_price", "op", market_price(spec, c.open));
	put_price(w, "high_price", "hp", market_price(spec, c.high));
	put_price(w, "low_price", "lp", market_price(spec, c.low));
	put_price(w, "trade_price", "tp", market_price(spec, c.close));
	put_size(w, "candle_acc_trade_volume", "catv", c.volume);
	put_number(w, "candle_acc_trade_price", "catp", c.value, SIM_POINT);
	put_integer(w, "timestamp", "tms", upbit_ms(world, c.last_time));
}

/* ------------------------------------------------------------------ all of them */

static const struct {
	const char *name; /* candles: the whole name is looked up by interval */
	void (*put)(struct writer *w, const struct sim_world *world, const struct upbit_frame *f);
} types[] = {
	[UPBIT_TICKER] = { "ticker", put_ticker },
	[UPBIT_TRADE] = { "trade", put_trade },
	[UPBIT_ORDERBOOK] = { "orderbook", put_orderbook },
	[UPBIT_CANDLE] = { NULL, put_candle },
};

static const char *const candle_names[] = {
	[UPBIT_1S] = "candle.1s",   [UPBIT_1M] = "candle.1m",   [UPBIT_3M] = "candle.3m",
	[UPBIT_5M] = "candle.5m",   [UPBIT_10M] = "candle.10m", [UPBIT_15M] = "candle.15m",
	[UPBIT_30M] = "candle.30m", [UPBIT_60M] = "candle.60m", [UPBIT_240M] = "candle.240m",
};

void upbit_write_frame(struct sim_buffer *out, const struct sim_world *world,
		       const struct upbit_frame *f)
{
	bool list = f->format == UPBIT_JSON_LIST || f->format == UPBIT_SIMPLE_LIST;
	bool simple = f->format == UPBIT_SIMPLE || f->format == UPBIT_SIMPLE_LIST;
	struct writer w = { out, simple, true };

	if (list)
		sim_buffer_char(out, '[');
	put_text(&w, "type", "ty",
		 f->type == UPBIT_CANDLE ? candle_names[f->interval] : types[f->type].name);
	put_text(&w, "code", "cd", market_spec(world->market, f->symbol)->name);
	types[f->type].put(&w, world, f);
	put_text(&w, "stream_type", "st", f->snapshot ? "SNAPSHOT" : "REALTIME");
	if (f->type == UPBIT_ORDERBOOK)
		put_number(&w, "level", "lv",
			   upbit_level(market_spec(world->market, f->symbol), f->level), SIM_PLAIN);
	sim_buffer_char(out, '}');
	if (list)
		sim_buffer_char(out, ']');
}
