#include "subscribers/cli/ladder.h"

#include "subscribers/cli/grid.h"

#include "common/text.h"

#define BAR_COLUMNS 24
#define BAR_BYTES   (3 * (BAR_COLUMNS + 1) + 1)

/* Only for how long a bar is drawn; no number that is printed passes through here. */
static double roughly(bc_decimal d)
{
	double value = (double)d.mantissa;
	for (int32_t e = d.exponent; e < 0; e++)
		value /= 10;
	for (int32_t e = d.exponent; e > 0; e--)
		value *= 10;
	return value;
}

static double largest(const bc_level *levels, uint32_t n, double so_far)
{
	for (uint32_t i = 0; i < n; i++)
		if (roughly(levels[i].quantity) > so_far)
			so_far = roughly(levels[i].quantity);
	return so_far;
}

/* In eighths of a column where the terminal can; something is never drawn as nothing. */
static void draw_bar(char out[BAR_BYTES], double part, bool utf8)
{
	struct bc_text bar = bc_text_on(out, BAR_BYTES);
	int eighths = (int)(part * BAR_COLUMNS * 8 + 0.5);
	if (eighths == 0 && part > 0)
		eighths = 1;
	for (int i = 0; i < eighths / 8; i++)
		bc_text_add(&bar, utf8 ? BC_STR("\xe2\x96\x88") : BC_STR("#"));
	if (eighths % 8 != 0 && utf8) /* U+258F is one eighth, U+2589 seven */
		bc_text_addf(&bar, "\xe2\x96%c", 0x90 - eighths % 8);
	else if (eighths % 8 != 0 && eighths < 8)
		bc_text_add(&bar, BC_STR("."));
}

static void add_level(struct grid *g, const char *side, const bc_level *level, double most,
		      const char *paint, bool utf8)
{
	char bar[BAR_BYTES];
	draw_bar(bar, most > 0 ? roughly(level->quantity) / most : 0, utf8);
	grid_add(g, bc_str_of(side), PAINT_DIM);
	grid_add_decimal(g, level->price, paint);
	grid_add_decimal(g, level->quantity, PAINT_NONE);
	grid_add(g, bc_str_of(bar), paint);
}

/* Basis points of the bid, with two digits; only for people. */
static void add_spread(struct grid *g, const struct bc_book *book)
{
	bc_decimal spread = BC_DECIMAL_NONE;
	char note[64] = "spread";
	if (book->n_bids > 0 && book->n_asks > 0 &&
	    bc_decimal_sub(book->asks[0].price, book->bids[0].price, &spread) == BC_OK &&
	    book->bids[0].price.mantissa > 0)
		snprintf(note, sizeof note, "spread, %.2f bp",
			 roughly(spread) / roughly(book->bids[0].price) * 10000);
	grid_add(g, BC_STR(""), PAINT_NONE);
	grid_add_decimal(g, spread, PAINT_DIM);
	grid_add(g, BC_STR(""), PAINT_NONE);
	grid_add(g, bc_str_of(note), PAINT_DIM);
}

bool ladder_print(FILE *out, const struct bc_book *book, uint32_t depth, bool color, bool utf8)
{
	static const struct grid_column columns[] = { { "", GRID_LEFT },
						      { "price", GRID_POINT },
						      { "quantity", GRID_POINT },
						      { "", GRID_LEFT } };
	struct grid *g = grid_new(columns, 4);
	uint32_t n_asks = book->n_asks < depth ? book->n_asks : depth;
	uint32_t n_bids = book->n_bids < depth ? book->n_bids : depth;
	double most = largest(book->bids, n_bids, largest(book->asks, n_asks, 0));
	if (g == NULL)
		return false;
	for (uint32_t i = n_asks; i-- > 0;)
		add_level(g, i == 0 ? "ask" : "", &book->asks[i], most, PAINT_ASK, utf8);
	add_spread(g, book);
	for (uint32_t i = 0; i < n_bids; i++)
		add_level(g, i == 0 ? "bid" : "", &book->bids[i], most, PAINT_BID, utf8);
	bool whole = grid_print(g, out, color, "  ", 0);
	grid_free(&g);
	return whole;
}
