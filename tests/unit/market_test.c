/* The model market: what every test of a book relies on. */
#include "publisher/simulator/market.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_NS INT64_C(1795235444000000000)

static const int32_t intervals[] = { 1, 60 };

static const struct market_spec specs[] = {
	{ "KRW-BTC", 3, -8, 1, 116500, 3000000, 120, 10, 0, 0 },
	{ "KRW-1INCH", 0, -8, 1, 312, 1280000000000, 120, 5, 0, 0 },
	{ "BTC-DUST", -8, -8, 1, 3, 100000000, 12, 5, 0, 0 }, /* bids can only be at 1, 2 and 3 */
	{ "USDT-ETC", -4, -8, 5, 40000, 10000000, 12, 1, 0, 0 },
};

#define N_SPECS (sizeof specs / sizeof *specs)

static bc_wall_time at(int64_t ms)
{
	return (bc_wall_time){ START_NS + ms * BC_NS_PER_MS };
}

static struct market *new_market(uint64_t seed, struct market_listener listener)
{
	struct market_options options = {
		.seed = seed,
		.rate = 5000,
		.start = at(0),
		.specs = specs,
		.n_specs = N_SPECS,
		.intervals_s = intervals,
		.n_intervals = 2,
		.listener = listener,
	};
	struct market *m = market_new(&options);

	cr_assert_not_null(m);
	return m;
}

static struct market *plain_market(uint64_t seed)
{
	return new_market(seed, (struct market_listener){ NULL, NULL, NULL });
}

/* All books and last trades in one text. */
static char *picture(const struct market *m)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	for (size_t i = 0; i < market_n_symbols(m); i++) {
		const struct market_trade *t = market_trade(m, i, 0);

		fprintf(out, "%s %llu %lld %lld\n", market_spec(m, i)->name,
			(unsigned long long)market_seq(m, i), (long long)t->price,
			(long long)t->quantity);
		for (int side = 0; side < 2; side++)
			for (size_t k = 0; k < market_depth(m, i, (enum market_side)side); k++) {
				bc_level l = market_level(m, i, (enum market_side)side, k);

				fprintf(out, "%lld e%d %lld e%d\n", (long long)l.price.mantissa,
					l.price.exponent, (long long)l.quantity.mantissa,
					l.quantity.exponent);
			}
	}
	fclose(out);
	return text;
}

Test(market, same_seed_same_market_whatever_the_steps)
{
	struct market *a = plain_market(42), *b = plain_market(42), *c = plain_market(43);
	char *pa, *pb, *pc;

	market_advance(a, at(10000));
	for (int64_t ms = 0; ms <= 10000; ms += 7)
		market_advance(b, at(ms));
	market_advance(b, at(10000));
	market_advance(c, at(10000));
	pa = picture(a);
	pb = picture(b);
	pc = picture(c);
	cr_expect_str_eq(pa, pb);
	cr_expect_str_neq(pa, pc);
	free(pa);
	free(pb);
	free(pc);
	market_free(&a);
	market_free(&b);
	market_free(&c);
	cr_expect_null(a);
}

static void check_book(const struct market *m, size_t symbol)
{
	bc_level best[2];

	for (int s = 0; s < 2; s++) {
		enum market_side side = (enum market_side)s;
		size_t n = market_depth(m, symbol, side);

		cr_assert_gt(n, 0, "%s has an empty side", market_spec(m, symbol)->name);
		best[s] = market_level(m, symbol, side, 0);
		for (size_t k = 0; k < n; k++) {
			bc_level l = market_level(m, symbol, side, k), before;

			cr_assert_gt(l.price.mantissa, 0);
			cr_assert_gt(l.quantity.mantissa, 0);
			if (k == 0)
				continue;
			before = market_level(m, symbol, side, k - 1);
			if (side == MARKET_BID)
				cr_assert_lt(bc_decimal_compare(l.price, before.price), 0);
			else
				cr_assert_gt(bc_decimal_compare(l.price, before.price), 0);
		}
	}
	cr_assert_lt(bc_decimal_compare(best[MARKET_BID].price, best[MARKET_ASK].price), 0,
		     "%s is crossed", market_spec(m, symbol)->name);
}

Test(market, books_are_sorted_uncrossed_and_deep_at_every_instant)
{
	struct market *m = plain_market(7);

	for (int64_t ms = 0; ms < 5000; ms++) {
		market_advance(m, at(ms));
		for (size_t i = 0; i < N_SPECS; i++)
			check_book(m, i);
	}
	cr_expect_geq(market_depth(m, 0, MARKET_BID), 120);
	cr_expect_geq(market_depth(m, 0, MARKET_ASK), 120);
	cr_expect_lt(market_depth(m, 2, MARKET_BID), 12, "prices end at zero");
	market_free(&m);
}

/* A book kept from the changes alone. */
struct follower {
	int64_t quantity[2][400000]; /* by price */
	uint64_t changes, trades;
};

static void follow_level(void *self, size_t symbol, enum market_side side, int64_t price,
			 int64_t quantity)
{
	struct follower *f = self;

	if (symbol != 0)
		return;
	cr_assert(price > 0 && price < 400000);
	f->quantity[side][price] = quantity;
	f->changes++;
}

static void follow_trade(void *self, size_t symbol)
{
	((struct follower *)self)->trades += symbol == 0;
}

Test(market, changes_told_rebuild_the_book)
{
	struct follower *f = calloc(1, sizeof *f);
	struct market *m = new_market(3, (struct market_listener){ f, follow_level, follow_trade });
	uint64_t before = market_seq(m, 0), trades = market_n_trades(m, 0);

	for (int side = 0; side < 2; side++)
		for (size_t k = 0; k < market_depth(m, 0, (enum market_side)side); k++) {
			bc_level l = market_level(m, 0, (enum market_side)side, k);
			int64_t price, quantity;

			cr_assert_eq(bc_decimal_at(l.price, 3, &price), BC_OK);
			cr_assert_eq(bc_decimal_at(l.quantity, -8, &quantity), BC_OK);
			f->quantity[side][price] = quantity;
		}
	market_advance(m, at(20000));
	cr_expect_eq(market_seq(m, 0) - before, f->changes);
	cr_expect_eq(market_n_trades(m, 0) - trades, f->trades);
	cr_expect_gt(f->trades, 1000);
	for (int side = 0; side < 2; side++) {
		size_t n = 0, depth = market_depth(m, 0, (enum market_side)side);

		for (size_t p = 0; p < 400000; p++)
			n += f->quantity[side][p] != 0;
		cr_expect_eq(n, depth);
		for (size_t k = 0; k < depth; k++) {
			bc_level l = market_level(m, 0, (enum market_side)side, k);
			int64_t price, quantity;

			cr_assert_eq(bc_decimal_at(l.price, 3, &price), BC_OK);
			cr_assert_eq(bc_decimal_at(l.quantity, -8, &quantity), BC_OK);
			cr_expect_eq(f->quantity[side][price], quantity);
		}
	}
	market_free(&m);
	free(f);
}

/* From the end back to the beginning by what each change says was there before. */
Test(market, the_journal_leads_back_to_what_was)
{
	struct market *m = plain_market(3);
	struct market_change change;
	int64_t *was = calloc(2 * 400000, sizeof *was), price, quantity;
	uint64_t then = market_seq(m, 0);

	for (int side = 0; side < 2; side++)
		for (size_t k = 0; k < market_depth(m, 0, (enum market_side)side); k++) {
			market_raw_level(m, 0, (enum market_side)side, k, &price, &quantity);
			was[side * 400000 + price] = quantity;
		}
	market_advance(m, at(2000));
	cr_assert_gt(market_seq(m, 0), then + 1000);
	struct follower *f = calloc(1, sizeof *f);
	for (int side = 0; side < 2; side++)
		for (price = 1; price < 400000; price++)
			f->quantity[side][price] =
				market_quantity_at(m, 0, (enum market_side)side, price);
	for (uint64_t seq = market_seq(m, 0); seq > then; seq--) {
		cr_assert(market_get_change(m, 0, seq, &change));
		f->quantity[change.side][change.price] = change.before;
	}
	for (int side = 0; side < 2; side++)
		for (price = 1; price < 400000; price++)
			cr_assert_eq(f->quantity[side][price], was[side * 400000 + price]);
	cr_expect_not(market_get_change(m, 0, market_seq(m, 0) + 1, &change), "yet to come");
	cr_expect_not(market_get_change(m, 0, 0, &change));
	free(f);
	free(was);
	market_free(&m);
}

/* Legs take it far in few moves, and no level of a deep side is left behind. */
Test(market, a_deep_book_stays_deep_while_the_price_walks_in_legs)
{
	struct market_spec deep = { "DEEP", -2, -5, 1, 9725000, 2000, 1500, 1, 8, 300 };
	struct market_options options = {
		.seed = 4, .rate = 5000, .start = at(0), .specs = &deep, .n_specs = 1
	};
	struct market *m;
	int64_t low = INT64_MAX, high = 0;

	market_walk(&deep, 4);
	cr_expect_eq(deep.reach, 32);
	cr_expect_eq(deep.leg, 75);
	m = market_new(&options);
	for (int64_t ms = 0; ms < 20000; ms += 100) {
		int64_t last;

		market_advance(m, at(ms));
		last = market_trade(m, 0, 0)->price;
		low = last < low ? last : low;
		high = last > high ? last : high;
		check_book(m, 0);
		cr_assert_geq(market_depth(m, 0, MARKET_BID), 1500);
		cr_assert_geq(market_depth(m, 0, MARKET_ASK), 1500);
	}
	cr_expect_gt(high - low, 3000, "%lld ticks in 8000 moves", (long long)(high - low));
	market_free(&m);
}

/* However slow the market is: who follows that symbol's trades is never without one for long. */
Test(market, the_first_symbol_of_a_steady_market_always_trades)
{
	struct market_options options = {
		.seed = 6, .rate = 10, .start = at(0), .specs = specs, .n_specs = N_SPECS
	};
	int64_t longest[2] = { 0, 0 };

	for (int steady = 0; steady < 2; steady++) {
		struct market *m;

		options.steady_ns = steady * BC_NS_PER_S;
		m = market_new(&options);
		for (int64_t ms = 0; ms < 600000; ms += 10) {
			int64_t gap;

			market_advance(m, at(ms));
			gap = at(ms).ns - market_trade(m, 0, 0)->time.ns;
			longest[steady] = gap > longest[steady] ? gap : longest[steady];
		}
		market_free(&m);
	}
	cr_expect_gt(longest[0], 2 * BC_NS_PER_S, "as it happens");
	cr_expect_leq(longest[1], BC_NS_PER_S + 200 * BC_NS_PER_MS, "and the time to an event");
}

Test(market, the_price_walks)
{
	struct market *m = plain_market(5);
	int64_t low = INT64_MAX, high = 0;

	for (int64_t s = 0; s < 120; s++) {
		int64_t price;

		market_advance(m, at(s * 1000));
		price = market_trade(m, 0, 0)->price;
		low = price < low ? price : low;
		high = price > high ? price : high;
	}
	cr_expect_gt(high - low, specs[0].start / 200, "half a percent in two minutes");
	cr_expect_lt(high, specs[0].start * 3);
	cr_expect_gt(low, specs[0].start / 3);
	market_free(&m);
}

Test(market, trades_are_numbered_and_make_the_statistics)
{
	struct market *m = plain_market(11);
	struct market_stats before, after;
	struct market_candle candle;
	uint64_t n = market_n_trades(m, 0);
	bc_decimal sum = { 0, 0 }, bought = { 0, 0 }, difference;
	size_t k = 0;

	market_get_stats(m, 0, &before);
	market_advance(m, at(300));
	market_get_stats(m, 0, &after);
	for (; market_n_trades(m, 0) - k > n; k++) {
		const struct market_trade *t = market_trade(m, 0, k);

		cr_assert_not_null(t);
		cr_expect_eq(t->id, market_n_trades(m, 0) - k);
		cr_expect_leq(after.low, t->price);
		cr_expect_geq(after.high, t->price);
		cr_assert_eq(bc_decimal_add(sum, market_quantity(&specs[0], t->quantity), &sum),
			     BC_OK);
		if (t->maker == MARKET_ASK)
			bc_decimal_add(bought, market_quantity(&specs[0], t->quantity), &bought);
	}
	cr_expect_gt(k, 10);
	cr_assert_eq(bc_decimal_sub(after.volume, before.volume, &difference), BC_OK);
	cr_expect_eq(bc_decimal_compare(sum, difference), 0, "the day's volume is its trades");
	cr_expect_eq(after.last, market_trade(m, 0, 0)->price);
	cr_assert(market_get_candle(m, 0, 1, 0, &candle));
	cr_expect_eq(candle.close, after.last);
	cr_expect_eq(candle.first_trade, 1);
	cr_expect_eq(candle.last_trade, market_n_trades(m, 0));
	/* The first trade of all was before, and sold. */
	cr_expect_eq(bc_decimal_compare(candle.bought_volume, bought), 0);
	cr_expect_lt(bc_decimal_compare(candle.bought_value, candle.value), 0);
	cr_expect_eq(candle.open_time.ns % (60 * BC_NS_PER_S), 0);
	cr_expect_not(market_get_candle(m, 0, 1, 1, &candle), "no trade, no candle");
	market_free(&m);
}

Test(market, a_day_ends_at_midnight_utc)
{
	struct market *m = plain_market(11);
	struct market_stats s;
	int64_t to_midnight = 86400000 - START_NS / BC_NS_PER_MS % 86400000;
	int64_t last;

	market_skip(m, at(to_midnight - 1000));
	market_advance(m, (bc_wall_time){ at(to_midnight).ns - 1 });
	last = market_trade(m, 0, 0)->price;
	market_advance(m, at(to_midnight + 500));
	market_get_stats(m, 0, &s);
	cr_expect_eq(s.previous_close, last);
	cr_expect_lt(bc_decimal_compare(s.volume, s.volume_24h), 0);
	market_free(&m);
}

Test(market, skipping_does_nothing_and_delisting_ends_it)
{
	struct market *m = plain_market(9);
	char *before = picture(m), *after;
	uint64_t seq;

	market_skip(m, at(60000));
	market_advance(m, at(60000));
	after = picture(m);
	cr_expect_str_eq(before, after);
	market_delist(m, 0);
	seq = market_seq(m, 0);
	market_advance(m, at(61000));
	cr_expect_eq(market_seq(m, 0), seq);
	cr_expect_gt(market_seq(m, 1), 0);
	cr_expect(market_delisted(m, 0));
	free(before);
	free(after);
	market_free(&m);
}

Test(market, symbols_are_found_by_their_exact_name)
{
	static const struct {
		const char *name;
		bool found;
	} rows[] = { { "KRW-BTC", true }, { "USDT-ETC", true },  { "KRW-1INCH", true },
		     { "KRW-BT", false }, { "KRW-BTCC", false }, { "krw-btc", false },
		     { "", false } };
	struct market *m = plain_market(1);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t at_index = 99;

		cr_expect_eq(market_find(m, bc_str_of(rows[i].name), &at_index), rows[i].found,
			     "%s", rows[i].name);
		if (rows[i].found)
			cr_expect_str_eq(market_spec(m, at_index)->name, rows[i].name);
	}
	market_free(&m);
}

Test(market, specs_out_of_bounds_are_refused)
{
	struct market_spec bad[] = { specs[0], specs[0], specs[0], specs[0], specs[0] };

	bad[0].tick = 0;
	bad[1].start = 1;
	bad[2].levels = 0;
	bad[3].typical = INT64_C(1) << 60;
	memset(bad[4].name, 'x', sizeof bad[4].name);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct market_options options = { .rate = 1, .specs = &bad[i], .n_specs = 1 };

		cr_expect_null(market_new(&options), "row %zu", i);
	}
}
