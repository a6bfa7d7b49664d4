/* top_table.h - the screen of `bookcast top`: one row a symbol with its best prices and its state.
 *
 * Messages of one exchange and times in, text out; it knows neither sockets nor the terminal. Rows
 * stand in the order of their symbols. A gateway that has missed three heartbeats takes its rows
 * to stale.
 *
 * Memory  top_table_new() takes all of it.
 * Threads one. */
#ifndef BC_TOP_TABLE_H
#define BC_TOP_TABLE_H

#include "common/text.h"
#include "proto/topic.h"

struct top_table;

#define BC_TOP_LINE_MAX 200

/* Room for max_rows symbols; the screen says if there were more. NULL: out of memory. */
struct top_table *top_table_new(size_t max_rows);
void top_table_free(struct top_table **table);

/* Takes one message of the bus; what it does not show it only counts. */
void top_table_take(struct top_table *table, const struct bc_topic *topic,
		    const struct bc_message *message, bc_mono_time now);

/* Symbols that have a book or a best price. */
size_t top_table_n_filled(const struct top_table *table);
/* Symbols on the lists of the gateways that are there; 0: none has sent its list yet. */
size_t top_table_n_listed(const struct top_table *table, bc_mono_time now);

/* Gateways heard of and not replaced, and those of them that are gone. */
void top_table_gateways(const struct top_table *table, bc_mono_time now, size_t *known,
			size_t *gone);

/* Symbols that may be traded on now. */
size_t top_table_n_fit(const struct top_table *table, bc_mono_time now);

struct top_best {
	bc_str symbol;       /* borrowed until the next message */
	bc_level bid, ask;   /* BC_DECIMAL_NONE where a side is empty */
	enum bc_state state; /* now */
	enum bc_reason reason;
};
/* The i-th symbol in order; false: there are fewer. */
bool top_table_row(const struct top_table *table, size_t i, bc_mono_time now, struct top_best *out);

struct top_screen {
	const char *title;
	size_t lines, columns; /* of the terminal; 0: as many as it takes */
	bool color;            /* may use escape sequences for colours */
	bool live;             /* it is drawn again and again: with the rate, and how to leave */
	uint64_t lost;         /* messages that never came here; shown if there are any */
	bc_mono_time now;
};

/* Adds the screen to `out`, lines ended by "\n"; BC_TOP_LINE_MAX bytes a line suffice. */
void top_table_draw(struct top_table *table, const struct top_screen *screen, struct bc_text *out);

#endif
