/* market.h - a model market: symbols whose true books are known at every instant.
 *
 * The same options give the same market, event by event, on any machine: all arithmetic is on
 * integers, and it does not matter in how many steps time is advanced. Books are always sorted,
 * uncrossed (best bid < best ask) and without empty levels. Nothing here knows an exchange.
 *
 * Units   price: whole ticks, one tick is `tick` * 10^price_exp of the quote currency;
 *         quantity: mantissa at 10^qty_exp of the base currency; market_price() and
 *         market_quantity() turn both into decimals. Times: bc_wall_time.
 * Memory  market_new() takes all of it; no later call allocates.
 * Threads a market belongs to one thread; no function reads a clock. */
#ifndef BC_SIM_MARKET_H
#define BC_SIM_MARKET_H

#include "proto/value.h"

#define MARKET_NAME_MAX      64
#define MARKET_TRADES_KEPT   512 /* newest, a symbol */
#define MARKET_CANDLES_KEPT  200 /* newest, a symbol and interval */
#define MARKET_INTERVALS_MAX 16
#define MARKET_JOURNAL       16384 /* changes of a book remembered, unless the options say */

enum market_side { MARKET_BID, MARKET_ASK };

/* One symbol to be modelled. */
struct market_spec {
	char name[MARKET_NAME_MAX];
	int32_t price_exp, qty_exp;
	int64_t tick;    /* mantissa at price_exp, > 0 */
	int64_t start;   /* price at the start, in ticks, > 1 */
	int64_t typical; /* quantity of a level, mantissa at qty_exp, > 0 */
	uint32_t levels; /* kept a side; a side may be shorter where prices end at zero */
	uint32_t weight; /* share of all events */
	int64_t reach;   /* ticks, the most a move of the price goes; 0: a 5000th of the price */
	uint32_t leg;    /* moves in one direction, on average; 0: each decides for itself */
};

/* Told while market_advance() runs. Either may be NULL. */
struct market_listener {
	void *self;
	/* The level at this price has this quantity now; 0: it is gone. */
	void (*level)(void *self, size_t symbol, enum market_side side, int64_t price,
		      int64_t quantity);
	void (*trade)(void *self, size_t symbol);
};

struct market_options {
	uint64_t seed;
	double rate; /* events a second, all symbols together; used to set one interval only */
	bc_wall_time start;
	const struct market_spec *specs; /* borrowed for the call */
	size_t n_specs;
	const int32_t *intervals_s; /* of the candles, seconds, at most MARKET_INTERVALS_MAX */
	size_t n_intervals;
	size_t journal; /* newest changes remembered, a symbol; 0: MARKET_JOURNAL */
	/* The first symbol trades at least so often, but for the time between two events: as that
	 * of an exchange that always trades. 0: as it happens. */
	int64_t steady_ns;
	struct market_listener listener;
};

/* One change of a book: what the level at `price` was before it. */
struct market_change {
	enum market_side side;
	int64_t price, before; /* 0: it was not there */
};

struct market_trade {
	uint64_t id; /* 1, 2, 3... within its symbol */
	int64_t price, quantity;
	enum market_side maker; /* MARKET_ASK: the taker bought */
	bc_wall_time time;
};

struct market_candle {
	bc_wall_time open_time;
	bc_wall_time last_time; /* of the newest trade in it */
	int64_t open, high, low, close;
	bc_decimal volume, value;               /* at most 8 decimals and 18 digits, then cut */
	bc_decimal bought_volume, bought_value; /* of it, by takers who bought */
	uint64_t first_trade, last_trade;       /* ids */
};

/* A UTC day and the last 24 hours (rolled by the hour). */
struct market_stats {
	int64_t previous_close, open, high, low, last;
	bc_decimal volume, value, bid_volume, ask_volume; /* of the day, by the taker's side */
	bc_decimal volume_24h, value_24h;
};

struct market;

/* Makes each move of the price so many times as long, and its legs as far as before. */
void market_walk(struct market_spec *spec, double times);

/* NULL: out of memory, or a spec out of bounds. */
struct market *market_new(const struct market_options *options);
void market_free(struct market **market);

/* Carries out every event up to and including `now`; an earlier `now` does nothing. */
void market_advance(struct market *market, bc_wall_time now);
/* Goes to `now` without events: the market stood still. */
void market_skip(struct market *market, bc_wall_time now);
/* From now on, in the place of the one before. */
void market_listen(struct market *market, struct market_listener listener);
void market_set_rate(struct market *market, double rate);
/* No event will touch it any more. */
void market_delist(struct market *market, size_t symbol);
void market_list(struct market *market, size_t symbol); /* again, or for the first time */

size_t market_n_symbols(const struct market *market);
const struct market_spec *market_spec(const struct market *market, size_t symbol);
bool market_find(const struct market *market, bc_str name, size_t *symbol);
bool market_delisted(const struct market *market, size_t symbol);

/* The book: k = 0 is the best. `seq` counts the changes of this book. */
size_t market_depth(const struct market *market, size_t symbol, enum market_side side);
bc_level market_level(const struct market *market, size_t symbol, enum market_side side, size_t k);
uint64_t market_seq(const struct market *market, size_t symbol);
/* The change that made the book's `seq`; false: it is yet to come, or forgotten. */
bool market_get_change(const struct market *market, size_t symbol, uint64_t seq,
		       struct market_change *out);
/* The k-th level as it is kept, k = 0 the best: price in ticks, quantity's mantissa. */
void market_raw_level(const struct market *market, size_t symbol, enum market_side side, size_t k,
		      int64_t *price, int64_t *quantity);
/* What is at this price now; 0: nothing. */
int64_t market_quantity_at(const struct market *market, size_t symbol, enum market_side side,
			   int64_t price);
bc_wall_time market_changed(const struct market *market, size_t symbol);

/* Trades so far; k = 0 is the newest, the newest MARKET_TRADES_KEPT are there. */
uint64_t market_n_trades(const struct market *market, size_t symbol);
const struct market_trade *market_trade(const struct market *market, size_t symbol, size_t k);

void market_get_stats(const struct market *market, size_t symbol, struct market_stats *out);
/* k = 0 is the newest; false: there is none. `interval` is an index into the options' list. */
bool market_get_candle(const struct market *market, size_t symbol, size_t interval, size_t k,
		       struct market_candle *out);

bc_decimal market_price(const struct market_spec *spec, int64_t ticks);
bc_decimal market_quantity(const struct market_spec *spec, int64_t mantissa);

#endif
