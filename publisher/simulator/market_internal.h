/* market_internal.h - what the files of the model market share. */
#ifndef BC_SIM_MARKET_INTERNAL_H
#define BC_SIM_MARKET_INTERNAL_H

#include "publisher/simulator/market.h"

typedef __int128 market_wide; /* sums of price times quantity pass 63 bits */

struct market_level_raw {
	int64_t price, quantity;
};

/* Sorted, best LAST: most changes are near the best and then move few bytes. `levels` lies in
 * `room` with free places on both sides, so that the worst comes and goes without a move too. */
struct market_half {
	struct market_level_raw *room, *levels;
	size_t n, cap; /* room for twice cap */
};

struct market_sums {
	market_wide volume;
	market_wide value;
};

struct market_bar {
	int64_t open_ns, last_ns;
	int64_t open, high, low, close;
	struct market_sums sums, bought;
	uint64_t first_trade, last_trade;
};

struct market_series {
	struct market_bar *bars; /* ring of MARKET_CANDLES_KEPT, newest at n - 1 */
	uint64_t n;
};

#define MARKET_HOURS 24

struct market_day {
	int64_t day; /* days since 1970 */
	int64_t previous_close, open, high, low;
	struct market_sums sums;
	market_wide bid_volume, ask_volume;
	struct market_sums hours[MARKET_HOURS]; /* ring, by hour % 24 */
	int64_t hour;                           /* hours since 1970 of the newest */
};

struct market_symbol {
	struct market_spec spec;
	struct market_half half[2];
	int64_t fair; /* bids <= fair < asks, in ticks */
	bool up;      /* the leg it is on */
	uint64_t seq;
	struct market_change *journal; /* ring, by seq */
	int64_t changed_ns;
	bool delisted;
	uint64_t n_trades;
	struct market_trade *trades; /* ring of MARKET_TRADES_KEPT */
	struct market_day day;
	struct market_series series[MARKET_INTERVALS_MAX];
};

struct market {
	uint64_t random;
	int64_t now_ns, next_ns, mean_gap_ns, steady_ns;
	int32_t intervals_s[MARKET_INTERVALS_MAX];
	size_t n_intervals, journal;
	struct market_listener listener;
	struct market_symbol *symbols;
	size_t n_symbols;
	struct market_bar *bars; /* of all series; pages are touched when used */
	uint64_t *weight_ends;   /* running sums, for the choice of a symbol */
	size_t *by_name;         /* sorted */
};

/* market_book.c */
bool market_half_new(struct market_half *half, size_t cap);
int64_t market_half_best(const struct market_half *half); /* n > 0 */
/* Sets, inserts or (quantity 0) removes; a full half loses its worst level first. */
void market_set_level(struct market *market, size_t symbol, enum market_side side, int64_t price,
		      int64_t quantity);

/* market_stats.c */
void market_record_trade(struct market *market, size_t symbol, struct market_trade trade);
void market_seed_day(struct market *market, size_t symbol);

/* market.c */
int64_t market_below(struct market *market, int64_t limit); /* 0 .. limit - 1 */

#endif
