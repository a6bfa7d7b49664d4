/* fields.h - objects of a message read by a table: one row a key.
 *
 * A row says how its key is spelt in each dialect of the exchange (field names written out or
 * short, REST), how its value is read, and into which slot of the adapter's record it goes. Keys
 * may come in any order; in the order of the table each costs one comparison, and one row left out
 * one more. Keys without a row are checked as JSON and passed over.
 *
 * A value of the wrong type, one that does not fit and a key that is missing or comes twice make
 * the record refused: the first of them is kept, reading goes on, so that the symbol is known even
 * where it stands behind the bad value.
 *
 * Memory  what a record borrows lives as long as the input and the reader.
 * Threads a reader belongs to the adapter's state, and so to one loop. */
#ifndef BC_FIELDS_H
#define BC_FIELDS_H

#include "common/json_reader.h"
#include "publisher/exchanges/exchange.h"

#define BC_MAX_DIALECTS 3
#define BC_TEXT_MAX     128 /* bytes of a symbol or an id */

struct bc_reader { /* one message being read */
	struct bc_cursor j;
	bool refused;
	struct bc_reject problem; /* the first one, if refused */
	uint32_t flags;           /* BC_FLAG_RANGE: a statistic did not fit */
	char scratch[2048];       /* resolved escapes and composed words */
	size_t n_scratch;
	void *self; /* the adapter's state, for its own rows */
};

/* Reads the value at the cursor into *slot.
 *   BC_OK      taken
 *   BC_EPARSE  wrong type or word; nothing was consumed, or all of the value was
 *   BC_ERANGE  does not fit; consumed */
typedef bc_status bc_field_read(struct bc_reader *r, void *slot);

struct bc_field {
	struct bc_json_name name[BC_MAX_DIALECTS];
	const char *what;    /* for people: the name in the first dialect */
	bc_field_read *read; /* NULL: known, and not needed */
	uint32_t slot;       /* offset in the record */
	uint8_t need;        /* in which dialects it must be there; elsewhere it may be null too */
};
#define BC_OPTIONAL             0u
#define BC_REQUIRED             0xffu
#define BC_REQUIRED_IN(dialect) (1u << (dialect))

struct bc_fields {
	const struct bc_field *rows;
	size_t n_rows; /* at most 64 */
};
#define BC_FIELDS(rows)                               \
	{                                             \
		(rows), sizeof(rows) / sizeof *(rows) \
	}

void bc_reader_open(struct bc_reader *r, const char *bytes, size_t n, void *self);

/* Forgets the last record; the cursor stays. */
void bc_reader_next(struct bc_reader *r);

/* Reads the members of the object that was entered last, to its end. */
void bc_fields_read(struct bc_reader *r, const struct bc_fields *fields, unsigned dialect,
		    void *record);

/* The rest of an object whose first rows were taken, as a comma and a member each, and its end: for
 * what is written as the table has it. False: it is not, or has values of other kinds; the record
 * is then to be forgotten, and read as above. Sets no flags and refuses nothing. */
struct bc_scan;
bool bc_fields_usual(struct bc_scan *s, const struct bc_fields *fields, unsigned dialect,
		     size_t first, void *record);

/* Refuses the record, unless it is refused already. `value` may be empty; `what` must live as long
 * as the reader. */
void bc_reader_refuse(struct bc_reader *r, bc_status why, bc_str what, bc_str value);
/* The same with a composed text: "orderbook_units.ask_price is missing". */
void bc_reader_refuse_words(struct bc_reader *r, const char *first, const char *second);

/* Tells of the refused record, whose data is `symbol`'s, and returns why. */
bc_status bc_reader_reject(struct bc_reader *r, bc_str symbol, const struct bc_feed_sink *sink);
/* Refuses all of a text that the cursor found not to be JSON. Nothing in it is believed, not even
 * whose it is: what follows the mistake may speak of others. */
bc_status bc_reader_reject_text(struct bc_reader *r, const struct bc_feed_sink *sink);

/* ------------------------------------------------------------------ how values are read */

bc_field_read bc_read_text;      /* bc_str: not empty, at most BC_TEXT_MAX bytes */
bc_field_read bc_read_message;   /* bc_str: any text; too long to resolve: as it was written */
bc_field_read bc_read_decimal;   /* bc_decimal of a number; not below zero */
bc_field_read bc_read_quoted;    /* bc_decimal of a string that holds a number; not below zero */
bc_field_read bc_read_positive;  /* bc_decimal of a number; above zero */
bc_field_read bc_read_statistic; /* bc_decimal; what does not fit is none, and BC_FLAG_RANGE */
bc_field_read bc_read_quoted_statistic; /* the same of a string that holds a number */
bc_field_read bc_read_number;           /* uint64_t of a whole number, not below zero */
bc_field_read bc_read_flag;             /* bool */
bc_field_read bc_read_raw;              /* bc_str: any value, as it is written */
bc_field_read bc_read_id;               /* bc_str: a whole number's digits, or a text */
bc_field_read bc_read_ms;  /* bc_wall_time of ms since 1970; above 1e14 they are µs (Upbit 2023) */
bc_field_read bc_read_utc; /* bc_wall_time of "2025-04-22T09:50:34", in UTC */

#endif
