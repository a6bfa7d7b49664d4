/* decode_books.h - the books of a recording, for --final-book: the last whole one of each symbol,
 * or where the exchange sends changes, the one rebuilt from a snapshot and them by
 * publisher/join.h.
 *
 * Snapshots  files given for a symbol, each handed out once, in the order given: the next one when
 *            the symbol has no right book and a change has come.
 * Memory     copies what it keeps. Errors: the first one is remembered, books_status() tells.
 * Threads    one. */
#ifndef BC_DECODE_BOOKS_H
#define BC_DECODE_BOOKS_H

#include "publisher/exchanges/exchange.h"

struct snapshot_file {
	bc_str symbol;
	const char *path;
};

struct books;

/* The files are borrowed for the life of the books. NULL: out of memory. */
struct books *books_new(const struct bc_exchange *exchange, const struct snapshot_file *files,
			size_t n_files);
void books_free(struct books **books);

void books_event(struct books *books, const struct bc_event *event);
void books_reject(struct books *books, const struct bc_reject *reject);

/* The file whose body is to be handed to the adapter now; NULL: none is wanted. */
const struct snapshot_file *books_wanted(struct books *books);

/* What there is at the end, by symbol. Levels are not cut at the edge, and borrowed until the next
 * call. */
struct final_book {
	struct bc_event event;
	enum bc_state state;
	enum bc_reason reason;
	uint32_t vouched_bids, vouched_asks;
};
size_t books_count(const struct books *books);
bc_status books_final(struct books *books, size_t at, struct final_book *out);

bc_status books_status(const struct books *books);

#endif
