#include "subscribers/cli/grid.h"

#include "common/text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX    2048
#define MAX_COLUMNS 16

struct cell {
	char *text;
	const char *paint;
};

struct grid {
	const struct grid_column *columns;
	size_t n_columns, n_cells, cap_cells;
	struct cell *cells;
	bool failed;
};

struct grid *grid_new(const struct grid_column *columns, size_t n_columns)
{
	struct grid *g = calloc(1, sizeof *g);
	if (g != NULL) {
		g->columns = columns;
		g->n_columns = n_columns;
	}
	return g;
}

void grid_free(struct grid **grid)
{
	if (*grid == NULL)
		return;
	for (size_t i = 0; i < (*grid)->n_cells; i++)
		free((*grid)->cells[i].text);
	free((*grid)->cells);
	free(*grid);
	*grid = NULL;
}

void grid_add(struct grid *grid, bc_str s, const char *paint)
{
	char text[CELL_MAX];
	struct bc_text t = bc_text_on(text, sizeof text);
	if (grid->failed)
		return;
	bc_text_add_escaped(&t, s, CELL_MAX / 4 - 4);
	if (grid->n_cells == grid->cap_cells) {
		size_t cap = grid->cap_cells ? 2 * grid->cap_cells : 64;
		struct cell *cells = realloc(grid->cells, cap * sizeof *cells);
		if (cells == NULL) {
			grid->failed = true;
			return;
		}
		grid->cells = cells;
		grid->cap_cells = cap;
	}
	char *copy = strdup(text);
	grid->failed = copy == NULL;
	if (copy != NULL)
		grid->cells[grid->n_cells++] = (struct cell){ copy, paint };
}

void grid_addf(struct grid *grid, const char *paint, const char *format, ...)
{
	char text[CELL_MAX];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	grid_add(grid, bc_str_of(text), paint);
}

void grid_add_decimal(struct grid *grid, bc_decimal d, const char *paint)
{
	char text[BC_DECIMAL_TEXT_MAX] = "-";
	if (bc_decimal_known(d))
		bc_decimal_format(d, text);
	grid_add(grid, bc_str_of(text), paint);
}

size_t grid_rows(const struct grid *grid)
{
	return grid->n_cells / grid->n_columns;
}

/* ------------------------------------------------------------------ widths */

static bool is_wide(uint32_t c) /* East Asian wide and emoji; UAX 11, roughly */
{
	return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
	       (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
	       (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
	       (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x1f300 && c <= 0x1faff) ||
	       (c >= 0x20000 && c <= 0x3fffd);
}

/* Columns of the character at *p, which goes on to the next one. */
static size_t take_character(const unsigned char **p)
{
	uint32_t c = **p < 0x80 ? **p : **p < 0xe0 ? **p & 0x1f : **p < 0xf0 ? **p & 0x0f : **p & 7;
	for (++*p; (**p & 0xc0) == 0x80; ++*p)
		c = c << 6 | (**p & 0x3f);
	return is_wide(c) ? 2 : 1;
}

size_t text_columns(const char *text)
{
	size_t columns = 0;
	const unsigned char *p = (const unsigned char *)text;
	while (*p != '\0')
		columns += take_character(&p);
	return columns;
}

size_t text_fits(const char *text, size_t columns)
{
	const unsigned char *p = (const unsigned char *)text, *end = p;
	size_t used = 0;
	while (*p != '\0' && (used += take_character(&p)) <= columns)
		end = p;
	return (size_t)(end - (const unsigned char *)text);
}

/* Columns before the point, and from it on. */
static void split_point(const char *text, size_t *whole, size_t *fraction)
{
	const char *point = strchr(text, '.');
	size_t n = strlen(text);
	*fraction = point != NULL ? strlen(point) : 0;
	*whole = n - *fraction;
}

struct widths {
	size_t all, whole, fraction;
};

static struct widths measure(const struct grid *g, size_t column)
{
	struct widths w = { text_columns(g->columns[column].title), 0, 0 };
	for (size_t i = column; i < g->n_cells; i += g->n_columns) {
		size_t whole, fraction, all = text_columns(g->cells[i].text);
		split_point(g->cells[i].text, &whole, &fraction);
		w.all = all > w.all ? all : w.all;
		w.whole = whole > w.whole ? whole : w.whole;
		w.fraction = fraction > w.fraction ? fraction : w.fraction;
	}
	if (g->columns[column].align == GRID_POINT && w.whole + w.fraction > w.all)
		w.all = w.whole + w.fraction;
	return w;
}

/* ------------------------------------------------------------------ printing */

/* Columns up to the last one that is not empty: lines end where their text ends. */
static size_t used_columns(const char *const *texts, size_t n)
{
	while (n > 0 && texts[n - 1][0] == '\0')
		n--;
	return n;
}

void paint_on(FILE *out, bool color, const char *paint)
{
	if (color && paint[0] != '\0')
		fprintf(out, "\033[%sm", paint);
}

void paint_off(FILE *out, bool color, const char *paint)
{
	if (color && paint[0] != '\0')
		fputs("\033[0m", out);
}

static void print_cell(FILE *out, bool color, const char *text, const char *paint,
		       enum grid_align align, const struct widths *w, bool last)
{
	size_t n = text_columns(text), before = 0, whole, fraction;
	if (align == GRID_RIGHT)
		before = w->all - n;
	if (align == GRID_POINT) {
		split_point(text, &whole, &fraction);
		before = w->all - w->fraction - whole;
	}
	size_t after = w->all - n - before;
	fprintf(out, "%*s", (int)before, "");
	paint_on(out, color, paint);
	fputs(text, out);
	paint_off(out, color, paint);
	if (!last)
		fprintf(out, "%*s", (int)after + 2, "");
}

/* The keys, and the columns from `from` up to `to`. */
struct part {
	size_t n_keys, from, to;
};

static size_t part_column(const struct part *part, size_t i)
{
	return i < part->n_keys ? i : part->from + i - part->n_keys;
}

static void print_row(const struct grid *grid, FILE *out, bool color, const char *indent,
		      const struct widths *widths, const struct part *part,
		      const struct cell *cells)
{
	const char *texts[MAX_COLUMNS];
	size_t n = part->n_keys + part->to - part->from;
	for (size_t i = 0; i < n; i++) {
		size_t c = part_column(part, i);
		texts[i] = cells != NULL ? cells[c].text : grid->columns[c].title;
	}
	n = used_columns(texts, n);
	fputs(n > 0 ? indent : "", out);
	for (size_t i = 0; i < n; i++) {
		size_t c = part_column(part, i);
		enum grid_align align = grid->columns[c].align;
		if (cells == NULL && align == GRID_POINT)
			align = GRID_RIGHT;
		const char *paint = texts[i][0] == '\0' ? PAINT_NONE
				    : cells != NULL     ? cells[c].paint
							: PAINT_DIM;
		print_cell(out, color, texts[i], paint, align, &widths[c], i + 1 == n);
	}
	fputc('\n', out);
}

/* Lets the part end where the terminal does: one column at least, all of them without keys. */
static void end_part(const struct grid *grid, const struct widths *widths, size_t room,
		     struct part *part)
{
	size_t used = 0;
	for (size_t c = 0; c < part->n_keys; c++)
		used += widths[c].all + 2;
	part->to = part->from;
	do
		used += widths[part->to++].all + 2;
	while (part->to < grid->n_columns &&
	       (part->n_keys == 0 || used + widths[part->to].all <= room));
}

bool grid_print(const struct grid *grid, FILE *out, bool color, const char *indent, size_t columns)
{
	struct widths widths[MAX_COLUMNS];
	struct part part = { 0 };
	size_t n = grid->n_columns;
	size_t room = columns == 0 ? SIZE_MAX : columns - text_columns(indent);
	bool titled = false;
	for (size_t c = 0; c < n; c++) {
		widths[c] = measure(grid, c);
		titled = titled || grid->columns[c].title[0] != '\0';
	}
	while (part.n_keys + 1 < n && grid->columns[part.n_keys].align == GRID_KEY)
		part.n_keys++;
	for (part.from = part.n_keys; part.from < n; part.from = part.to) {
		end_part(grid, widths, room, &part);
		if (part.from > part.n_keys)
			fputc('\n', out);
		if (titled)
			print_row(grid, out, color, indent, widths, &part, NULL);
		for (size_t at = 0; at + n <= grid->n_cells; at += n)
			print_row(grid, out, color, indent, widths, &part, &grid->cells[at]);
	}
	return !grid->failed;
}
