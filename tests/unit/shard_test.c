/* Which shard a symbol belongs to: the function is a contract that others compute, too. */
#include "common/shard.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Computed by the Python of docs/SHARDING.md. */
static const struct {
	const char *exchange, *symbol;
	uint64_t scores[2];
	uint32_t owners[6]; /* of 1, 2, 3, 4, 7 and 16 shards */
} vectors[] = {
	{ "upbit", "KRW-BTC", { 0xb43f53aa92d3ea7b, 0x8f2124c57d385286 }, { 0, 0, 0, 0, 5, 13 } },
	{ "upbit", "KRW-ETH", { 0x5be9c5dbe923d697, 0x8a53daaf2f7b4eaa }, { 0, 1, 2, 2, 5, 5 } },
	{ "binance-spot",
	  "BTCUSDT",
	  { 0xea18928ba7b23e24, 0x0c834175b296895d },
	  { 0, 0, 0, 0, 0, 11 } },
	{ "binance-usdm",
	  "1000SHIBUSDT",
	  { 0x6688c5f619209bb9, 0xab94d23fb43d6057 },
	  { 0, 1, 2, 2, 5, 9 } },
	{ "upbit",
	  "KRW-\xea\xb0\x80",
	  { 0x24fee27c00cbaac1, 0x19335123c59b7c9e },
	  { 0, 0, 2, 2, 2, 2 } },
};

Test(shard, known_vectors)
{
	static const uint32_t counts[6] = { 1, 2, 3, 4, 7, 16 };
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		bc_str exchange = bc_str_of(vectors[i].exchange);
		bc_str symbol = bc_str_of(vectors[i].symbol);
		for (uint32_t k = 0; k < 2; k++)
			cr_expect_eq(bc_shard_score(exchange, symbol, k), vectors[i].scores[k],
				     "score(%u) of %s", k, vectors[i].symbol);
		for (size_t k = 0; k < 6; k++)
			cr_expect_eq(bc_shard_of(exchange, symbol, counts[k]), vectors[i].owners[k],
				     "%s of %u shards", vectors[i].symbol, counts[k]);
	}
}

#define SYMBOLS 3000

static bc_str symbol_of(unsigned i, char text[32])
{
	return (bc_str){ text, (size_t)snprintf(text, 32, "KRW-S%u", i) };
}

/* Four standard deviations of what chance would give. */
static bool near(double n, double p, double got)
{
	double away = got - n * p;
	return away * away <= 16 * n * p * (1 - p);
}

Test(shard, a_shard_more_takes_its_part_and_nothing_else_moves)
{
	char text[32];
	for (uint32_t n = 1; n <= 12; n++) {
		unsigned moved = 0, of[16] = { 0 };
		for (unsigned i = 0; i < SYMBOLS; i++) {
			bc_str symbol = symbol_of(i, text);
			uint32_t before = bc_shard_of(BC_STR("upbit"), symbol, n);
			uint32_t after = bc_shard_of(BC_STR("upbit"), symbol, n + 1);
			of[after]++;
			moved += before != after;
			cr_expect(before == after || after == n, "%s moved from %u to %u of %u",
				  text, before, after, n + 1);
		}
		cr_expect(near(SYMBOLS, 1.0 / (n + 1), moved), "%u of %d moved to shard %u", moved,
			  SYMBOLS, n);
		for (uint32_t k = 0; k <= n; k++)
			cr_expect(near(SYMBOLS, 1.0 / (n + 1), of[k]), "shard %u/%u has %u of %d",
				  k, n + 1, of[k], SYMBOLS);
	}
}

Test(shard, exchanges_are_divided_apart)
{
	char text[32];
	unsigned same = 0;
	for (unsigned i = 0; i < SYMBOLS; i++) {
		bc_str symbol = symbol_of(i, text);
		same += bc_shard_of(BC_STR("upbit"), symbol, 2) ==
			bc_shard_of(BC_STR("bithumb"), symbol, 2);
	}
	cr_expect(near(SYMBOLS, 0.5, same), "%u", same);
}

Test(shard, what_is_no_shard_is_refused_with_what_would_be)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "", "must be INDEX/COUNT" },
		{ "1", "must be INDEX/COUNT" },
		{ "a/2", "must be INDEX/COUNT" },
		{ "0/2x", "must be INDEX/COUNT" },
		{ " 0/2", "must be INDEX/COUNT" },
		{ "-1/2", "must be INDEX/COUNT" },
		{ "00/2", "must be INDEX/COUNT" },
		{ "0/", "must be INDEX/COUNT" },
		{ "0/0", "from 1 to 256" },
		{ "0/257", "from 1 to 256" },
		{ "0/99999999999", "from 1 to 256" },
		{ "2/2", "shards count from 0: of 2 there are 0/2 to 1/2" },
	};
	uint32_t index = 7, count = 7;
	char why[200];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect_eq(bc_shard_parse(rows[i].text, &index, &count, why, sizeof why),
			     BC_EINVAL, "%s", rows[i].text);
		cr_expect(strstr(why, rows[i].why) != NULL, "%s: %s", rows[i].text, why);
	}
	cr_expect(index == 7 && count == 7, "untouched");
	cr_expect_eq(bc_shard_parse("1/2", &index, &count, why, sizeof why), BC_OK);
	cr_expect(index == 1 && count == 2);
	cr_expect_eq(bc_shard_parse("255/256", &index, &count, why, sizeof why), BC_OK);
	cr_expect(index == 255 && count == 256);
}

/* ------------------------------------------------------------------ weights */

static struct bc_division *divide(uint32_t n, const char *weights)
{
	struct bc_division *d = NULL;
	char why[200] = "";
	cr_assert_eq(bc_division_new(&d, "upbit", n), BC_OK);
	cr_assert_eq(bc_division_weigh(d, bc_str_of(weights), why, sizeof why), BC_OK, "%s", why);
	return d;
}

/* Rates as markets have them: the k-th symbol has a k-th of the first. In thousandths. */
static unsigned zipf_weight(unsigned k)
{
	return 1000 / (k + 1) * 1000 + k % 1000;
}

static const char *zipf(unsigned n, bool backwards)
{
	static char text[SYMBOLS * 32];
	size_t used = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned k = backwards ? n - 1 - i : i;
		used += (size_t)snprintf(text + used, sizeof text - used, "KRW-S%u %u.%03u\n", k,
					 zipf_weight(k) / 1000, zipf_weight(k) % 1000);
	}
	return text;
}

Test(shard, weights_balance_what_scores_alone_do_not)
{
	char text[32];
	for (uint32_t n = 2; n <= 6; n++) {
		struct bc_division *d = divide(n, zipf(400, false));
		uint64_t total = 0, loads[8] = { 0 };
		for (unsigned i = 0; i < 400; i++) {
			loads[bc_division_owner(d, symbol_of(i, text))] += zipf_weight(i);
			total += zipf_weight(i);
		}
		for (uint32_t k = 0; k < n; k++) {
			cr_expect_leq(loads[k] * n * 4, total * 5 + 4 * n, "shard %u/%u", k, n);
			cr_expect_gt(loads[k], 0);
		}
		/* Who has no weight goes by its scores. */
		for (unsigned i = 1000; i < 1100; i++) {
			bc_str symbol = symbol_of(i, text);
			cr_expect_eq(bc_division_owner(d, symbol),
				     bc_shard_of(BC_STR("upbit"), symbol, n));
		}
		bc_division_free(&d);
	}
}

Test(shard, the_order_of_lines_and_comments_change_nothing)
{
	char text[32];
	struct bc_division *a = divide(3, zipf(200, false)), *b = divide(3, zipf(200, true));
	struct bc_division *c = divide(2, "# measured\n\n  KRW-BTC\t12.50 \r\nKRW-ETH 3");
	struct bc_division *d = divide(2, "KRW-ETH 3.000\nKRW-BTC 12.5\n");
	struct bc_division *e = divide(2, "KRW-ETH 3.001\nKRW-BTC 12.5\n");
	for (unsigned i = 0; i < 200; i++) {
		bc_str symbol = symbol_of(i, text);
		cr_expect_eq(bc_division_owner(a, symbol), bc_division_owner(b, symbol));
	}
	cr_expect_eq(bc_division_mark(a), bc_division_mark(b));
	cr_expect_eq(bc_division_mark(c), bc_division_mark(d));
	cr_expect_neq(bc_division_mark(d), bc_division_mark(e));
	bc_division_free(&a);
	bc_division_free(&b);
	bc_division_free(&c);
	bc_division_free(&d);
	bc_division_free(&e);
}

Test(shard, without_weights_a_division_is_the_scores)
{
	char text[32];
	struct bc_division *d = divide(5, "# none\n");
	for (unsigned i = 0; i < 100; i++) {
		bc_str symbol = symbol_of(i, text);
		cr_expect_eq(bc_division_owner(d, symbol), bc_shard_of(BC_STR("upbit"), symbol, 5));
	}
	cr_expect_eq(bc_division_mark(d), 0);
	cr_expect_eq(bc_division_count(d), 5);
	bc_division_free(&d);
}

Test(shard, weights_that_are_none_are_refused_by_line)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "KRW-BTC 1\nKRW-ETH\n", "line 2: 'KRW-ETH': must be SYMBOL WEIGHT" },
		{ "KRW-BTC x\n", "line 1: 'KRW-BTC x': the weight must be a number" },
		{ "\nKRW-BTC -1\n", "line 2: 'KRW-BTC -1': the weight must be" },
		{ "KRW-BTC 0.0001\n", "at most three decimals" },
		{ "KRW-BTC 1000000001\n", "from 0 to 1000000000" },
		{ "KRW-BTC 1\nKRW-BTC 2\n", "line 2: 'KRW-BTC 2': this symbol has a weight" },
	};
	char why[300];
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bc_division *d = NULL;
		cr_assert_eq(bc_division_new(&d, "upbit", 2), BC_OK);
		cr_expect_eq(bc_division_weigh(d, bc_str_of(rows[i].text), why, sizeof why),
			     BC_EPARSE);
		cr_expect(strstr(why, rows[i].why) != NULL, "%s: %s", rows[i].text, why);
		bc_division_free(&d);
	}
}
