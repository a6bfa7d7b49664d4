#include "publisher/decode_books.h"
#include "publisher/join.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS   1000000    /* a side: more than any exchange has */
#define BUFFER_BYTES (4u << 20) /* for the change at hand, until its snapshot was read */
#define STREAM       0          /* a recording is one */

struct entry {                 /* a symbol */
	struct bc_event event; /* its last whole book, or the last change that was applied */
	bc_level *levels;      /* of the whole book: bids, then asks */
	uint32_t cap;
	struct join *join; /* NULL: no change came yet */
	struct join_buffer *buffer;
	size_t next_file;
	bool wants, was_right;
	enum bc_reason doubt; /* NONE: its book is right if the join says so */
	char symbol[];
};

struct books {
	const struct bc_sync *sync;
	const struct snapshot_file *files;
	size_t n_files;
	struct entry **entries; /* by symbol */
	size_t n, cap;
	size_t n_wants; /* symbols that want a snapshot */
	struct bc_order_book *spare;
	bc_level *final; /* scratch of books_final() */
	bc_status status;
};

struct books *books_new(const struct bc_exchange *exchange, const struct snapshot_file *files,
			size_t n_files)
{
	struct books *b = calloc(1, sizeof *b);
	if (b == NULL)
		return NULL;
	b->sync = exchange->sync;
	b->files = files;
	b->n_files = n_files;
	if (b->sync != NULL && bc_order_book_new(&b->spare, MAX_LEVELS) != BC_OK)
		books_free(&b);
	return b;
}

static void entry_free(struct entry *e)
{
	join_free(&e->join);
	join_buffer_free(&e->buffer);
	free(e->levels);
	free(e);
}

void books_free(struct books **books)
{
	struct books *b = *books;
	if (b == NULL)
		return;
	for (size_t i = 0; i < b->n; i++)
		entry_free(b->entries[i]);
	bc_order_book_free(&b->spare);
	free(b->entries);
	free(b->final);
	free(b);
	*books = NULL;
}

static void note(struct books *b, bc_status status)
{
	if (b->status == BC_OK)
		b->status = status;
}

bc_status books_status(const struct books *b)
{
	return b->status;
}

/* ------------------------------------------------------------------ symbols */

static int compare_text(bc_str a, bc_str b)
{
	int order = memcmp(a.p, b.p, a.n < b.n ? a.n : b.n);
	return order != 0 ? order : (a.n > b.n) - (a.n < b.n);
}

/* A new symbol at its place among the others. NULL: out of memory. */
static struct entry *entry_new(struct books *b, size_t at, bc_str symbol)
{
	if (b->n == b->cap) {
		size_t cap = b->cap * 2 + 64;
		struct entry **entries = realloc(b->entries, cap * sizeof(struct entry *));
		if (entries == NULL)
			return NULL;
		b->entries = entries;
		b->cap = cap;
	}
	struct entry *e = calloc(1, sizeof *e + symbol.n);
	if (e == NULL)
		return NULL;
	memcpy(e->symbol, symbol.p, symbol.n);
	e->event.symbol = (bc_str){ e->symbol, symbol.n };
	memmove(b->entries + at + 1, b->entries + at, (b->n - at) * sizeof(struct entry *));
	b->entries[at] = e;
	b->n++;
	return e;
}

/* Where the symbol is, or belongs. */
static size_t place_of(const struct books *b, bc_str symbol)
{
	size_t low = 0, high = b->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_text(b->entries[middle]->event.symbol, symbol) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct entry *entry_find(const struct books *b, bc_str symbol)
{
	size_t at = place_of(b, symbol);
	bool there = at < b->n && bc_str_equal(b->entries[at]->event.symbol, symbol);
	return there ? b->entries[at] : NULL;
}

static struct entry *entry_of(struct books *b, bc_str symbol)
{
	struct entry *e = entry_find(b, symbol);
	if (e == NULL)
		e = entry_new(b, place_of(b, symbol), symbol);
	if (e == NULL)
		note(b, BC_ENOMEM);
	return e;
}

/* ------------------------------------------------------------------ whole books */

static void keep_whole(struct books *b, struct entry *e, const struct bc_event *event)
{
	const struct bc_book *from = &event->body.book;
	uint32_t n = from->n_bids + from->n_asks;
	if (e->cap < n) {
		bc_level *levels = realloc(e->levels, n * sizeof *levels);
		if (levels == NULL) {
			note(b, BC_ENOMEM);
			return;
		}
		e->levels = levels;
		e->cap = n;
	}
	e->event = *event;
	e->event.symbol = (bc_str){ e->symbol, event->symbol.n };
	if (from->n_bids > 0)
		memcpy(e->levels, from->bids, from->n_bids * sizeof *from->bids);
	if (from->n_asks > 0)
		memcpy(e->levels + from->n_bids, from->asks, from->n_asks * sizeof *from->asks);
	e->event.body.book.bids = e->levels;
	e->event.body.book.asks = e->levels + from->n_bids;
}

/* ------------------------------------------------------------------ changes and snapshots */

static const struct snapshot_file *next_file(const struct books *b, const struct entry *e)
{
	for (size_t i = e->next_file; i < b->n_files; i++)
		if (bc_str_equal(b->files[i].symbol, e->event.symbol))
			return &b->files[i];
	return NULL;
}

/* While there are snapshots to come, a change is kept until it is known whether one is wanted. */
static void expect(struct books *b, struct entry *e)
{
	if (next_file(b, e) == NULL) {
		join_expect_none(e->join);
		join_buffer_free(&e->buffer);
		return;
	}
	if (e->buffer == NULL && join_buffer_new(&e->buffer, BUFFER_BYTES) != BC_OK)
		note(b, BC_ENOMEM);
	else
		join_expect(e->join, e->buffer);
}

static void want(struct books *b, struct entry *e, bool wants)
{
	b->n_wants += wants;
	b->n_wants -= e->wants;
	e->wants = wants;
}

static void break_book(struct entry *e, enum bc_reason reason)
{
	e->doubt = reason;
	join_break(e->join);
}

static void came_right(struct entry *e, const struct bc_event *event)
{
	e->was_right = true;
	e->doubt = BC_REASON_NONE;
	e->event.ts_exchange = event->ts_exchange;
	if (bc_order_book_top(join_book(e->join)) == BC_TOP_CROSSED)
		break_book(e, BC_REASON_CROSSED);
}

static void judge(struct books *b, struct entry *e, const struct bc_event *event,
		  enum join_verdict verdict)
{
	if (verdict == JOIN_APPLIED)
		came_right(e, event);
	else if (verdict == JOIN_GAP)
		e->doubt = BC_REASON_GAP;
	else if (verdict == JOIN_RANGE && !join_right(e->join))
		e->doubt = BC_REASON_RANGE;
	else if (verdict == JOIN_NO_MEMORY)
		note(b, BC_ENOMEM);
}

static void on_delta(struct books *b, const struct bc_event *event)
{
	struct entry *e = entry_of(b, event->symbol);
	if (e == NULL)
		return;
	if (e->join == NULL && join_new(&e->join, b->sync, MAX_LEVELS) != BC_OK) {
		note(b, BC_ENOMEM);
		return;
	}
	if (!join_right(e->join))
		e->event.ts_exchange = event->ts_exchange;
	expect(b, e);
	judge(b, e, event, join_delta(e->join, STREAM, &event->body.delta));
	want(b, e, !join_right(e->join));
}

/* A side with exactly as many levels as one can ask for may have been cut there. */
static bool is_full(const struct bc_sync *sync, uint32_t n_levels)
{
	for (size_t i = 0; i < sync->n_limits; i++)
		if (sync->limits[i].levels == n_levels)
			return true;
	return false;
}

static void on_snapshot(struct books *b, const struct bc_event *event)
{
	const struct bc_book *book = &event->body.book;
	struct entry *e = entry_find(b, event->symbol);
	if (e == NULL || e->join == NULL)
		return; /* asked for by nobody */
	judge(b, e, event,
	      join_snapshot(e->join, &b->spare, book, event->exchange_seq,
			    is_full(b->sync, book->n_bids), is_full(b->sync, book->n_asks)));
}

void books_event(struct books *b, const struct bc_event *event)
{
	const uint32_t snapshot = BC_FLAG_SNAPSHOT | BC_FLAG_REST;
	if (event->channel == BC_CHANNEL_DELTA && b->sync != NULL) {
		on_delta(b, event);
	} else if (event->channel == BC_CHANNEL_BOOK) {
		if (b->sync != NULL && (event->flags & snapshot) == snapshot) {
			on_snapshot(b, event);
			return;
		}
		struct entry *e = entry_of(b, event->symbol);
		if (e != NULL && e->join == NULL)
			keep_whole(b, e, event);
	}
}

/* What was refused may have been a change: its symbol's book is not to be believed, or if nobody
 * knows whose it was, none is until its next change links. */
void books_reject(struct books *b, const struct bc_reject *reject)
{
	enum bc_reason reason = reject->why == BC_ERANGE ? BC_REASON_RANGE : BC_REASON_GAP;
	for (size_t i = 0; i < b->n && !reject->foreign; i++) {
		struct entry *e = b->entries[i];
		if (e->join == NULL)
			continue;
		if (reject->symbol.n == 0)
			e->doubt = reason;
		else if (bc_str_equal(reject->symbol, e->event.symbol))
			break_book(e, reason);
	}
}

const struct snapshot_file *books_wanted(struct books *b)
{
	for (size_t i = 0; i < b->n && b->n_wants > 0; i++) {
		struct entry *e = b->entries[i];
		if (!e->wants)
			continue;
		const struct snapshot_file *file = join_right(e->join) ? NULL : next_file(b, e);
		if (file != NULL) {
			e->next_file = (size_t)(file - b->files) + 1;
			return file;
		}
		want(b, e, false);
	}
	return NULL;
}

/* ------------------------------------------------------------------ the end */

size_t books_count(const struct books *b)
{
	return b->n;
}

static bool is_crossed(const struct bc_book *b)
{
	return b->n_bids > 0 && b->n_asks > 0 &&
	       bc_decimal_compare(b->bids[0].price, b->asks[0].price) > 0;
}

/* A crossed book is never live; nothing else can be wrong with a book that came whole. */
static void final_whole(const struct entry *e, struct final_book *out)
{
	bool crossed = is_crossed(&e->event.body.book);
	out->state = crossed ? BC_STATE_STALE : BC_STATE_LIVE;
	out->reason = crossed ? BC_REASON_CROSSED : BC_REASON_NONE;
	out->vouched_bids = e->event.body.book.n_bids;
	out->vouched_asks = e->event.body.book.n_asks;
}

static bc_status final_rebuilt(struct books *b, const struct entry *e, struct final_book *out)
{
	const struct bc_order_book *book = join_book(e->join);
	uint32_t n_bids = bc_order_book_levels(book, BC_BIDS);
	uint32_t n_asks = bc_order_book_levels(book, BC_ASKS);
	bc_level *levels = realloc(b->final, (n_bids + n_asks + 1) * sizeof *levels);
	if (levels == NULL)
		return BC_ENOMEM;
	b->final = levels;
	out->event.channel = BC_CHANNEL_BOOK;
	out->event.exchange_seq = join_seq(e->join);
	out->event.flags = bc_order_book_top(book) == BC_TOP_LOCKED ? BC_FLAG_LOCKED : 0;
	out->event.body.book = (struct bc_book){ levels, levels + n_bids, n_bids, n_asks };
	bc_order_book_copy_all(book, BC_BIDS, n_bids, levels);
	bc_order_book_copy_all(book, BC_ASKS, n_asks, levels + n_bids);
	out->vouched_bids = bc_order_book_vouched(book, BC_BIDS);
	out->vouched_asks = bc_order_book_vouched(book, BC_ASKS);
	if (!join_right(e->join) || e->doubt != BC_REASON_NONE) {
		out->state = e->was_right || e->doubt ? BC_STATE_STALE : BC_STATE_SYNCING;
		out->reason = e->doubt;
	}
	return BC_OK;
}

bc_status books_final(struct books *b, size_t at, struct final_book *out)
{
	const struct entry *e = b->entries[at];
	*out = (struct final_book){ .event = e->event,
				    .state = BC_STATE_LIVE,
				    .reason = BC_REASON_NONE };
	if (e->join != NULL)
		return final_rebuilt(b, e, out);
	final_whole(e, out);
	return BC_OK;
}
