/* book_recorded.c - every change of one symbol of a recording, into the book of its REST snapshot.
 *
 * Levels of the snapshot are put in first, then all changes, again and again: after the first time
 * each pass ends with the same book. Which change links to which is not asked here. To have 5,000
 * levels where the snapshot has fewer, levels are added below the deepest one, a tick apart. */
#include "bench/book.h"
#include "bench/frames.h"
#include "publisher/decode_input.h"
#include "publisher/exchanges/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 20000 /* levels a side */

struct recorded {
	struct bench *b;
	const struct bc_exchange *exchange;
	void *state;
	bc_str symbol;
	uint32_t least; /* levels a side that the book shall have */
	struct book_case *c;
	size_t n_changes, n_levels; /* counted first, then collected */
	int32_t price_exponent, quantity_exponent;
	bc_level *snapshot[2];
	uint32_t n_snapshot[2];
	bool failed;
};

/* ------------------------------------------------------------------ what the adapter says */

static void see(struct recorded *r, const bc_level *levels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (levels[i].price.exponent < r->price_exponent)
			r->price_exponent = levels[i].price.exponent;
		if (levels[i].quantity.exponent < r->quantity_exponent)
			r->quantity_exponent = levels[i].quantity.exponent;
	}
}

static void keep_snapshot(struct recorded *r, const struct bc_book *book)
{
	const bc_level *sides[] = { book->bids, book->asks };
	const uint32_t n[] = { book->n_bids, book->n_asks };
	for (int side = 0; side < 2; side++) {
		free(r->snapshot[side]);
		r->snapshot[side] = calloc((size_t)n[side] + 1, sizeof **r->snapshot);
		r->n_snapshot[side] = 0;
		if (r->snapshot[side] == NULL) {
			r->failed = true;
			return;
		}
		memcpy(r->snapshot[side], sides[side], n[side] * sizeof **r->snapshot);
		r->n_snapshot[side] = n[side];
		see(r, sides[side], n[side]);
	}
}

static bool add_level(struct recorded *r, const bc_level *level, int sign)
{
	struct plain_level u;
	if (bc_decimal_at(level->price, r->price_exponent, &u.key) != BC_OK ||
	    bc_decimal_at(level->quantity, r->quantity_exponent, &u.quantity) != BC_OK)
		return false;
	u.key *= sign;
	r->c->levels[r->c->n_levels] = *level;
	r->c->updates[r->c->n_levels++] = u;
	return true;
}

static void keep_change(struct recorded *r, const struct bc_delta *d)
{
	struct book_change *change = &r->c->changes[r->c->n_changes++];
	*change = (struct book_change){ r->c->n_levels, d->n_bids, d->n_asks };
	for (uint32_t i = 0; i < d->n_bids; i++)
		r->failed = !add_level(r, &d->bids[i], 1) || r->failed;
	for (uint32_t i = 0; i < d->n_asks; i++)
		r->failed = !add_level(r, &d->asks[i], -1) || r->failed;
}

static void on_event(void *self, const struct bc_event *e)
{
	struct recorded *r = self;
	if (!bc_str_equal(e->symbol, r->symbol))
		return;
	if (e->channel == BC_CHANNEL_BOOK && (e->flags & BC_FLAG_REST) != 0)
		keep_snapshot(r, &e->body.book);
	if (e->channel != BC_CHANNEL_DELTA)
		return;
	if (r->c != NULL) {
		keep_change(r, &e->body.delta);
		return;
	}
	r->n_changes++;
	r->n_levels += e->body.delta.n_bids + e->body.delta.n_asks;
	see(r, e->body.delta.bids, e->body.delta.n_bids);
	see(r, e->body.delta.asks, e->body.delta.n_asks);
}

static void on_control(void *self, const struct bc_control *c)
{
	(void)self, (void)c;
}

static void on_reject(void *self, const struct bc_reject *reject)
{
	(void)reject;
	((struct recorded *)self)->failed = true;
}

static void give(struct recorded *r, enum bc_input_kind kind, bc_str bytes)
{
	const struct bc_feed_sink sink = { r, on_event, on_control, on_reject, NULL };
	const struct bc_input in = { .kind = kind,
				     .bytes = bytes.p,
				     .n_bytes = bytes.n,
				     .rest = BC_REST_SNAPSHOT,
				     .symbol = r->symbol };
	r->exchange->on_input(r->state, &in, &sink);
}

/* ------------------------------------------------------------------ the book at the start */

static void put(struct recorded *r, enum bc_book_side side, const bc_level *level)
{
	struct bc_delta delta = { 0 };
	struct plain_level u;
	if (side == BC_BIDS) {
		delta.bids = level;
		delta.n_bids = 1;
	} else {
		delta.asks = level;
		delta.n_asks = 1;
	}
	if (bc_order_book_apply(r->c->book, &delta) != BC_OK ||
	    bc_decimal_at(level->price, r->price_exponent, &u.key) != BC_OK ||
	    bc_decimal_at(level->quantity, r->quantity_exponent, &u.quantity) != BC_OK) {
		r->failed = true;
		return;
	}
	plain_side_set(&r->c->plain[side], side == BC_BIDS ? u.key : -u.key, u.quantity);
}

static void fill(struct recorded *r, enum bc_book_side side)
{
	bc_level deepest = { { 0, r->price_exponent }, { 1, r->quantity_exponent } };
	for (uint32_t i = 0; i < r->n_snapshot[side]; i++)
		put(r, side, &r->snapshot[side][i]);
	if (r->n_snapshot[side] == 0)
		return;
	bc_decimal_at(r->snapshot[side][r->n_snapshot[side] - 1].price, r->price_exponent,
		      &deepest.price.mantissa);
	for (uint32_t i = r->n_snapshot[side]; i < r->least; i++) {
		deepest.price.mantissa += side == BC_BIDS ? -1 : 1;
		if (deepest.price.mantissa > 0)
			put(r, side, &deepest);
	}
}

/* ------------------------------------------------------------------ a recording */

static void each_frame(struct recorded *r, const struct frames *f)
{
	for (size_t i = 0; i < f->n; i++)
		give(r, BC_INPUT_TEXT, frames_at(f, i));
}

static void measure(struct recorded *r, const struct frames *f, const char *variant)
{
	char note[96];
	each_frame(r, f); /* counts */
	if (r->failed || r->n_changes == 0 || r->n_snapshot[0] == 0)
		return;
	r->c = book_case_new(r->n_changes, r->n_levels, MAX_DEPTH);
	if (r->c == NULL) {
		r->failed = true;
		return;
	}
	r->c->price_exponent = r->price_exponent;
	r->c->quantity_exponent = r->quantity_exponent;
	each_frame(r, f); /* collects */
	fill(r, BC_BIDS);
	fill(r, BC_ASKS);
	snprintf(note, sizeof note, "%zu changes of %.0f levels", r->n_changes,
		 (double)r->n_levels / (double)r->n_changes);
	if (!r->failed)
		book_measure(r->b, r->c, variant, BENCH_TARGET_BOOK, note);
}

static bool is_change(bc_str frame)
{
	return memmem(frame.p, frame.n < 60 ? frame.n : 60, "@depth", 6) != NULL;
}

static void run_symbol(struct bench *b, const struct bc_exchange *exchange, const char *symbol,
		       const char *snapshot, const struct frames *f, const char *variant,
		       uint32_t least)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	struct recorded r = { .b = b,
			      .exchange = exchange,
			      .symbol = bc_str_of(symbol),
			      .least = least,
			      .state = calloc(1, exchange->state_size) };
	const char *why = "out of memory";
	char text[200], *body = NULL;
	size_t n;

	if (r.state == NULL || exchange->start(r.state, &none, &why) != BC_OK)
		bench_fail(b, "%s", why);
	else if (file_read(snapshot, &body, &n, text, sizeof text) != BC_OK)
		bench_fail(b, "%s: %s", snapshot, text);
	if (body != NULL) {
		give(&r, BC_INPUT_REST, (bc_str){ body, n });
		measure(&r, f, variant);
	}
	if (r.failed)
		bench_fail(b, "%s: the recording cannot be used", variant);
	book_case_free(r.c);
	free(r.snapshot[0]);
	free(r.snapshot[1]);
	free(r.state);
	free(body);
}

/* The recordings with the deepest books: one symbol each, snapshots of 1,000 levels. */
static const struct {
	const char *exchange, *name, *symbol;
} recordings[] = {
	{ "binance-spot", "hft-btcusdt-20240808", "BTCUSDT" },
	{ "binance-usdm", "hft-btcusdt-20240718", "BTCUSDT" },
	{ "binance-usdm", "hft-btcusdt-20240808", "BTCUSDT" },
};

void book_run_recorded(struct bench *b)
{
	const char *captures = bench_captures(b);
	static const uint32_t least[] = { 0, 5000 };
	char path[4096], snapshot[4096], variant[200], why[200];

	if (captures == NULL) {
		bench_skip(b, "1,000 and 5,000 levels", "BOOKCAST_CAPTURES is not set");
		return;
	}
	for (size_t i = 0; i < sizeof recordings / sizeof *recordings; i++) {
		struct frames f = { 0 };
		snprintf(path, sizeof path, "%s/%s/%s.jsonl.zst", captures, recordings[i].exchange,
			 recordings[i].name);
		snprintf(snapshot, sizeof snapshot, "%s/%s/%s.rest/00-%s.json", captures,
			 recordings[i].exchange, recordings[i].name, recordings[i].symbol);
		if (!frames_load(&f, path, is_change, why, sizeof why)) {
			bench_skip(b, recordings[i].name, why);
			continue;
		}
		for (size_t k = 0; k < 2; k++) {
			snprintf(variant, sizeof variant, "%s %s%s", recordings[i].exchange,
				 recordings[i].name, k == 0 ? "" : ", 5,000 levels");
			run_symbol(b, bc_exchange_find(recordings[i].exchange),
				   recordings[i].symbol, snapshot, &f, variant, least[k]);
		}
		frames_free(&f);
	}
}
