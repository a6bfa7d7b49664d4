/* Tables on terminals that are too narrow for them. */
#include "subscribers/cli/grid.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const struct grid_column columns[] = { { "exchange", GRID_KEY },
					      { "symbol", GRID_KEY },
					      { "price", GRID_POINT },
					      { "state", GRID_LEFT },
					      { "changed", GRID_RIGHT } };

static struct grid *sample(const struct grid_column *c)
{
	struct grid *g = grid_new(c, 5);
	static const char *const cells[] = { "upbit", "KRW-BTC", "1000", "live",  "1s",
					     "upbit", "币USDT",  "1.25", "stale", "12ms" };
	for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
		grid_add(g, bc_str_of(cells[i]), PAINT_NONE);
	return g;
}

static char *printed(const struct grid_column *c, const char *indent, size_t width)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);
	struct grid *g = sample(c);
	cr_assert_not_null(out);
	cr_expect(grid_print(g, out, false, indent, width));
	grid_free(&g);
	fclose(out);
	return text;
}

static const char whole[] = "exchange  symbol     price  state  changed\n"
			    "upbit     KRW-BTC  1000     live        1s\n"
			    "upbit     币USDT      1.25  stale     12ms\n";

static const char parts[] = "exchange  symbol     price  state\n"
			    "upbit     KRW-BTC  1000     live\n"
			    "upbit     币USDT      1.25  stale\n"
			    "\n"
			    "exchange  symbol   changed\n"
			    "upbit     KRW-BTC       1s\n"
			    "upbit     币USDT      12ms\n";

static const char one_by_one[] = "exchange  symbol     price\n"
				 "upbit     KRW-BTC  1000\n"
				 "upbit     币USDT      1.25\n"
				 "\n"
				 "exchange  symbol   state\n"
				 "upbit     KRW-BTC  live\n"
				 "upbit     币USDT   stale\n"
				 "\n"
				 "exchange  symbol   changed\n"
				 "upbit     KRW-BTC       1s\n"
				 "upbit     币USDT      12ms\n";

Test(grid, too_wide_for_the_terminal_comes_in_parts_with_its_keys)
{
	static const struct {
		size_t width;
		const char *text;
	} rows[] = { { 0, whole },  { 42, whole },      { 41, parts },
		     { 33, parts }, { 32, one_by_one }, { 1, one_by_one } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = printed(columns, "", rows[i].width);
		cr_expect_str_eq(text, rows[i].text, "%zu columns:\n%s", rows[i].width, text);
		free(text);
	}
}

Test(grid, the_indent_takes_its_room)
{
	char *text = printed(columns, "  ", 44);
	cr_expect_str_eq(text, "  exchange  symbol     price  state  changed\n"
			       "  upbit     KRW-BTC  1000     live        1s\n"
			       "  upbit     币USDT      1.25  stale     12ms\n");
	free(text);
	text = printed(columns, "  ", 43);
	cr_expect_not_null(strstr(text, "\n\n  exchange  symbol   changed\n"), "%s", text);
	free(text);
}

Test(grid, without_keys_it_stays_whole)
{
	static const struct grid_column plain[] = { { "exchange", GRID_LEFT },
						    { "symbol", GRID_LEFT },
						    { "price", GRID_POINT },
						    { "state", GRID_LEFT },
						    { "changed", GRID_RIGHT } };
	char *text = printed(plain, "", 20);
	cr_expect_str_eq(text, whole);
	free(text);
}
