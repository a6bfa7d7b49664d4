/* decode.c - bytes of the exchange to exact levels, by the adapter of the gateway. Beside it a
 * memcpy of the same bytes, a scanner by hand and simdjson; all must say the same before they are
 * timed. */
#include "bench/decode_floor.h"
#include "bench/scenarios.h"
#include "bench/simdjson.h"
#include "publisher/exchanges/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_FRAMES 256

struct decode {
	struct bench *b;
	const struct bc_exchange *exchange;
	void *state;
	struct frames frames;
	decode_floor_fn *by_hand;
	bool (*simdjson)(const char *bytes, size_t n, struct decoded *out);
	struct decoded *ours, *theirs;
	char copy[256u << 10];
	unsigned long long refused;
};

/* ------------------------------------------------------------------ what the adapter says */

static void ignore_event(void *self, const struct bc_event *e)
{
	(void)self;
	bench_keep(e);
}

static void ignore_control(void *self, const struct bc_control *c)
{
	(void)self, (void)c;
}

static void count_reject(void *self, const struct bc_reject *r)
{
	struct decode *d = self;
	(void)r;
	d->refused++;
}

static void give(struct decode *d, bc_str frame, void (*event)(void *, const struct bc_event *))
{
	const struct bc_feed_sink sink = { d, event, ignore_control, count_reject, NULL };
	const struct bc_input in = { .kind = BC_INPUT_TEXT, .bytes = frame.p, .n_bytes = frame.n };
	d->exchange->on_input(d->state, &in, &sink);
}

static void keep_levels(struct decoded *out, const bc_level *bids, uint32_t n_bids,
			const bc_level *asks, uint32_t n_asks)
{
	if (n_bids > DECODED_LEVELS || n_asks > DECODED_LEVELS)
		return;
	memcpy(out->bids, bids, n_bids * sizeof *bids);
	memcpy(out->asks, asks, n_asks * sizeof *asks);
	out->n_bids = n_bids;
	out->n_asks = n_asks;
}

static void keep_change(struct decoded *out, const struct bc_delta *delta)
{
	out->kind = DECODED_CHANGE;
	out->seq[0] = delta->first_seq;
	out->seq[1] = delta->last_seq;
	out->seq[2] = delta->prev_seq == BC_SEQ_NONE ? 0 : delta->prev_seq;
	keep_levels(out, delta->bids, delta->n_bids, delta->asks, delta->n_asks);
}

static void keep_ticker(struct decoded *out, const struct bc_ticker *t)
{
	const bc_decimal values[DECODED_VALUES] = { t->last,   t->open,         t->high,  t->low,
						    t->volume, t->quote_volume, t->change };
	out->kind = DECODED_TICKER;
	memcpy(out->values, values, sizeof values);
}

static void keep_event(void *self, const struct bc_event *e)
{
	struct decoded *out = ((struct decode *)self)->ours;
	out->symbol = e->symbol;
	out->time_ms = bc_wall_known(e->ts_exchange) ? e->ts_exchange.ns / BC_NS_PER_MS : -1;
	out->seq[1] = e->exchange_seq == BC_SEQ_NONE ? 0 : e->exchange_seq;
	if (e->channel == BC_CHANNEL_DELTA) {
		keep_change(out, &e->body.delta);
	} else if (e->channel == BC_CHANNEL_TRADE) {
		out->kind = DECODED_TRADE;
		out->seq[1] = 0;
		out->values[0] = e->body.trade.price;
		out->values[1] = e->body.trade.quantity;
		out->sell = e->body.trade.side == BC_SIDE_SELL;
		out->id = e->body.trade.trade_id;
	} else if (e->channel == BC_CHANNEL_TICKER) {
		keep_ticker(out, &e->body.ticker);
	} else {
		out->kind = DECODED_BOOK;
		keep_levels(out, e->body.book.bids, e->body.book.n_bids, e->body.book.asks,
			    e->body.book.n_asks);
	}
}

static void forget(struct decoded *out)
{
	memset(out, 0, offsetof(struct decoded, bids));
	out->time_ms = -1;
}

/* ------------------------------------------------------------------ do they say the same? */

static bool same_decimal(bc_decimal a, bc_decimal b)
{
	if (!bc_decimal_known(a) || !bc_decimal_known(b))
		return bc_decimal_known(a) == bc_decimal_known(b);
	return bc_decimal_compare(a, b) == 0;
}

static bool same_side(const bc_level *a, uint32_t n, const bc_level *b, uint32_t m)
{
	bool same = n == m;
	for (uint32_t i = 0; i < n && same; i++)
		same = same_decimal(a[i].price, b[i].price) &&
		       same_decimal(a[i].quantity, b[i].quantity);
	return same;
}

static bool same_symbol(bc_str a, bc_str b)
{
	bool same = a.n == b.n;
	for (size_t i = 0; i < a.n && same; i++)
		same = bc_ascii_upper(a.p[i]) == bc_ascii_upper(b.p[i]);
	return same;
}

/* The first thing that two readers say differently; NULL: nothing. */
static const char *difference(const struct decoded *a, const struct decoded *b)
{
	size_t n_values = a->kind == DECODED_TICKER  ? DECODED_VALUES
			  : a->kind == DECODED_TRADE ? 2
						     : 0;
	if (a->kind != b->kind)
		return "kind";
	if (a->kind == DECODED_NOTHING)
		return NULL;
	if (!same_symbol(a->symbol, b->symbol))
		return "symbol";
	if (a->time_ms != b->time_ms)
		return "time";
	if (memcmp(a->seq, b->seq, sizeof a->seq) != 0)
		return "sequence";
	if (!same_side(a->bids, a->n_bids, b->bids, b->n_bids))
		return "bids";
	if (!same_side(a->asks, a->n_asks, b->asks, b->n_asks))
		return "asks";
	for (size_t i = 0; i < n_values; i++)
		if (!same_decimal(a->values[i], b->values[i]))
			return "values";
	if (a->kind == DECODED_TRADE && (a->sell != b->sell || !bc_str_equal(a->id, b->id)))
		return "side or id";
	return NULL;
}

static bool agree(struct decode *d, bool simdjson)
{
	for (size_t i = 0; i < d->frames.n; i++) {
		bc_str frame = frames_at(&d->frames, i);
		const char *what = "text";
		bool good;
		forget(d->ours);
		forget(d->theirs);
		give(d, frame, keep_event);
		if (simdjson)
			good = d->simdjson(frame.p, frame.n, d->theirs);
		else
			good = d->by_hand(frame, d->theirs);
		if (good)
			what = difference(d->ours, d->theirs);
		if (what == NULL)
			continue;
		bench_fail(d->b, "frame %zu, %.60s...: %s and the adapter differ: %s", i, frame.p,
			   simdjson ? "simdjson" : "the scanner", what);
		return false;
	}
	if (d->refused > 0)
		bench_fail(d->b, "%llu frames were refused", d->refused);
	return d->refused == 0;
}

/* ------------------------------------------------------------------ contenders */

static void run_adapter(void *self, size_t times)
{
	struct decode *d = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < d->frames.n; i++)
			give(d, frames_at(&d->frames, i), ignore_event);
}

static void run_memcpy(void *self, size_t times)
{
	struct decode *d = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < d->frames.n; i++) {
			bc_str frame = frames_at(&d->frames, i);
			memcpy(d->copy, frame.p,
			       frame.n < sizeof d->copy ? frame.n : sizeof d->copy);
			bench_keep(d->copy);
		}
}

static void run_by_hand(void *self, size_t times)
{
	struct decode *d = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < d->frames.n; i++) {
			d->by_hand(frames_at(&d->frames, i), d->theirs);
			bench_keep(d->theirs);
		}
}

static void run_simdjson(void *self, size_t times)
{
	struct decode *d = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < d->frames.n; i++) {
			bc_str frame = frames_at(&d->frames, i);
			d->simdjson(frame.p, frame.n, d->theirs);
			bench_keep(d->theirs);
		}
}

/* ------------------------------------------------------------------ a set of frames */

static void tell(struct bench *b, const struct bench_timing *t, const struct bench_contender *c,
		 size_t n, const char *note)
{
	for (size_t floor = 1; floor < n; floor++) {
		struct bench_row row = bench_versus(t, c, 0, floor);
		if (c[floor].run == run_simdjson)
			row.target = BENCH_TARGET_DECODE;
		row.note = note;
		bench_row(b, &row);
	}
}

/* `messages`: what the time is divided by, so that a row is of one of them. */
static void measure(struct decode *d, const char *variant)
{
	double n = (double)d->frames.n;
	struct bench_contender c[4] = { { variant, run_adapter, d, n } };
	struct bench_timing t;
	char note[64];
	size_t n_c = 1;

	if (bench_simdjson_built()) {
		if (!agree(d, true))
			return;
		c[n_c++] = (struct bench_contender){ "simdjson", run_simdjson, d, n };
	} else {
		bench_skip(d->b, variant, "simdjson is not built in");
	}
	if (d->by_hand != NULL) {
		if (!agree(d, false))
			return;
		c[n_c++] = (struct bench_contender){ "by hand", run_by_hand, d, n };
	}
	c[n_c++] = (struct bench_contender){ "memcpy", run_memcpy, d, n };
	if (!bench_time(d->b, c, n_c, &t))
		return;
	snprintf(note, sizeof note, "%.0f bytes, %.0f MB/s", (double)d->frames.n_bytes / n,
		 (double)d->frames.n_bytes / n / bench_median(&t, 0) * 1e3);
	tell(d->b, &t, c, n_c, note);
	bench_timing_free(&t);
}

static void decode_close(struct decode *d)
{
	if (d == NULL)
		return;
	frames_free(&d->frames);
	free(d->state);
	free(d->ours);
	free(d->theirs);
	free(d);
}

/* NULL: said why. */
static struct decode *decode_open(struct bench *b, const char *exchange)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why = "out of memory";
	struct decode *d = calloc(1, sizeof *d);

	if (d == NULL) {
		bench_fail(b, "%s", why);
		return NULL;
	}
	d->b = b;
	d->exchange = bc_exchange_find(exchange);
	d->simdjson =
		strcmp(exchange, "upbit") == 0 ? bench_simdjson_upbit : bench_simdjson_binance;
	d->ours = calloc(1, sizeof *d->ours);
	d->theirs = calloc(1, sizeof *d->theirs);
	d->state = calloc(1, d->exchange->state_size);
	if (d->ours == NULL || d->theirs == NULL || d->state == NULL ||
	    d->exchange->start(d->state, &none, &why) != BC_OK) {
		bench_fail(b, "%s", why);
		decode_close(d);
		return NULL;
	}
	return d;
}

/* ------------------------------------------------------------------ scenarios */

struct made {
	const char *exchange, *variant;
	struct frame_shape shape;
};

static void run_made(struct bench *b, const struct made *sets, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct decode *d = decode_open(b, sets[i].exchange);
		if (d == NULL)
			return;
		d->by_hand = decode_floor_of(&sets[i].shape);
		if (frames_make(&d->frames, &sets[i].shape, N_FRAMES))
			measure(d, sets[i].variant);
		else
			bench_fail(b, "out of memory");
		decode_close(d);
	}
}

static void run_upbit(struct bench *b)
{
	static const struct made sets[] = {
		{ "upbit", "book of 15 levels", { UPBIT_BOOK, 15, false } },
		{ "upbit", "book of 30 levels", { UPBIT_BOOK, 30, false } },
		{ "upbit", "book of 15 levels, SIMPLE", { UPBIT_BOOK, 15, true } },
		{ "upbit", "book of 30 levels, SIMPLE", { UPBIT_BOOK, 30, true } },
		{ "upbit", "trade", { UPBIT_TRADE, 0, false } },
		{ "upbit", "ticker", { UPBIT_TICKER, 0, false } },
	};
	run_made(b, sets, sizeof sets / sizeof *sets);
}

static void run_binance(struct bench *b)
{
	static const struct made sets[] = {
		{ "binance-spot", "book of 20 levels", { BINANCE_PARTIAL, 20, false } },
		{ "binance-spot", "change of 5 levels", { BINANCE_DIFF, 5, false } },
		{ "binance-spot", "change of 50 levels", { BINANCE_DIFF, 50, false } },
		{ "binance-spot", "change of 500 levels", { BINANCE_DIFF, 500, false } },
		{ "binance-spot", "aggTrade", { BINANCE_AGG_TRADE, 0, false } },
		{ "binance-spot", "bookTicker", { BINANCE_BBO, 0, false } },
	};
	run_made(b, sets, sizeof sets / sizeof *sets);
}

/* Market data of the kinds that both readers know, which is nearly all that was recorded. */
static bool is_known(bc_str frame)
{
	static const char *const begins[] = { "{\"ty\":\"orderbook\"",   "{\"ty\":\"trade\"",
					      "{\"type\":\"orderbook\"", "{\"type\":\"trade\"",
					      "{\"type\":\"ticker\"",    "{\"type\": \"ticker\"" };
	static const char *const streams[] = { "@depth", "@bookTicker\"", "@aggTrade\"",
					       "@trade\"" };
	size_t head = frame.n < 60 ? frame.n : 60;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (bc_str_starts(frame, bc_str_of(begins[i])))
			return true;
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
		if (bc_str_starts(frame, BC_STR("{\"stream\":\"")) &&
		    memmem(frame.p, head, streams[i], strlen(streams[i])) != NULL)
			return true;
	return false;
}

struct recordings {
	struct bench *b;
	const char *exchange;
};

static void run_recording(void *self, const char *name, const char *path)
{
	const struct recordings *r = self;
	struct decode *d = decode_open(r->b, r->exchange);
	char why[200], variant[400];

	if (d == NULL)
		return;
	snprintf(variant, sizeof variant, "%s %s", r->exchange, name);
	if (!frames_load(&d->frames, path, is_known, why, sizeof why))
		bench_fail(r->b, "%s: %s", path, why);
	else if (d->frames.n > 0)
		measure(d, variant);
	decode_close(d);
}

static void run_recorded(struct bench *b)
{
	static const char *const exchanges[] = { "upbit", "binance-spot", "binance-usdm" };
	const char *captures = bench_captures(b);

	if (captures == NULL) {
		bench_skip(b, "all of each exchange", "BOOKCAST_CAPTURES is not set");
		return;
	}
	for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
		struct recordings r = { b, exchanges[i] };
		frames_each(captures, exchanges[i], run_recording, &r);
	}
}

#define FLOORS                                                                          \
	"simdjson on demand, its own keys in any order, to the same exact levels (the " \
	"target's); a scanner by hand of these very messages; a memcpy of the bytes"
#define LEAVES_OUT                                                                                \
	"simdjson: keys twice or missing, the form of numbers, the order of levels, normal form " \
	"of "                                                                                     \
	"decimals; by hand: other orders of keys, more keys, escapes, every check, the end of "   \
	"the text"

static const struct bench_scenario scenarios[] = {
	{ "decode.upbit", "messages of Upbit, both formats, made after its documentation", FLOORS,
	  LEAVES_OUT, run_upbit },
	{ "decode.binance", "messages of Binance, made after its documentation", FLOORS, LEAVES_OUT,
	  run_binance },
	{ "decode.recorded", "every recording of BOOKCAST_CAPTURES, its books, trades and tickers",
	  "simdjson as above (the target's); a memcpy of the bytes", "as above", run_recorded },
};

const struct bench_group bench_decode = { "decode", "Bytes of the exchange to exact levels",
					  scenarios, sizeof scenarios / sizeof *scenarios };
