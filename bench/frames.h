/* frames.h - messages of exchanges, one after the other in memory: made here, or recorded.
 *
 * Shape   frame i is bytes[at[i]] to bytes[at[i + 1]]; FRAMES_PADDING readable bytes are behind the
 *         last one, which simdjson wants.
 * Source  what is made follows the exchanges' documentation and recordings: docs/exchanges/. */
#ifndef BENCH_FRAMES_H
#define BENCH_FRAMES_H

#include "bench/bench.h"
#include "proto/value.h"

#define FRAMES_PADDING 64

struct frames {
	char *bytes;
	size_t *at; /* n + 1 */
	size_t n, n_bytes, cap_bytes, cap;
};

enum frame_kind {
	UPBIT_BOOK,
	UPBIT_TRADE,
	UPBIT_TICKER,
	BINANCE_PARTIAL, /* whole books of 20 levels */
	BINANCE_DIFF,
	BINANCE_AGG_TRADE,
	BINANCE_BBO,
	N_FRAME_KINDS
};

struct frame_shape {
	enum frame_kind kind;
	unsigned levels; /* a side; of a diff both sides together */
	bool simple;     /* Upbit's short names */
};

bool frames_add(struct frames *f, bc_str frame); /* false: out of memory */
void frames_free(struct frames *f);

static inline bc_str frames_at(const struct frames *f, size_t i)
{
	return (bc_str){ f->bytes + f->at[i], f->at[i + 1] - f->at[i] };
}

/* n frames of a shape, the same in every run. False: out of memory. */
bool frames_make(struct frames *f, const struct frame_shape *shape, size_t n);

/* The lines of a recording, plain or zstd, that `keep` wants. False: why[cap] says why. */
bool frames_load(struct frames *f, const char *path, bool (*keep)(bc_str frame), char *why,
		 size_t cap);

/* Calls `each` for every recording of an exchange, in the order of their names. */
typedef void frames_each_fn(void *self, const char *name, const char *path);
void frames_each(const char *captures, const char *exchange, frames_each_fn *each, void *self);

#endif
