/* grid.h - a table of texts whose columns are as wide as they need to be.
 *
 * Memory  the grid keeps copies. After a failed allocation it holds fewer rows and grid_print()
 *         returns false. */
#ifndef CLI_GRID_H
#define CLI_GRID_H

#include "proto/value.h"

#include <stdio.h>

enum grid_align {
	GRID_LEFT,
	GRID_RIGHT,
	GRID_POINT, /* decimal points stand below each other */
	GRID_KEY,   /* at the left; tells whose row it is: these are the first columns */
};

struct grid_column {
	const char *title;
	enum grid_align align;
};

/* SGR codes; "" is none. */
#define PAINT_NONE   ""
#define PAINT_GOOD   "32"
#define PAINT_DOUBT  "33"
#define PAINT_BAD    "31;1"
#define PAINT_BID    "32"
#define PAINT_ASK    "31"
#define PAINT_DIM    "2"
#define PAINT_STRONG "1"

struct grid;

/* columns are borrowed; n_columns > 0. */
struct grid *grid_new(const struct grid_column *columns, size_t n_columns);
void grid_free(struct grid **grid);
/* The next cell, row by row. Foreign bytes are made harmless. */
void grid_add(struct grid *grid, bc_str s, const char *paint);
void grid_addf(struct grid *grid, const char *paint, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void grid_add_decimal(struct grid *grid, bc_decimal d, const char *paint); /* "-" where unknown */
size_t grid_rows(const struct grid *grid);
/* Titles (unless all are empty) and rows. Where the terminal's columns are too few for a grid with
 * keys, it is printed in parts, one below the other, each with the keys; 0: no such limit. */
bool grid_print(const struct grid *grid, FILE *out, bool color, const char *indent, size_t columns);

/* Columns a UTF-8 text takes on a terminal. */
size_t text_columns(const char *text);
/* Bytes of its beginning that take so many columns at most, whole characters. */
size_t text_fits(const char *text, size_t columns);
void paint_on(FILE *out, bool color, const char *paint);
void paint_off(FILE *out, bool color, const char *paint);

#endif
