/* encode.c - a message of a book to bytes: bc_message_encode() beside two hand encoders. */
#include "bench/encode_floor.h"
#include "bench/random.h"
#include "bench/scenarios.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_MESSAGES 64 /* so that branches are not learned by heart */
#define OUT_BYTES  2048

struct encode {
	struct bc_message messages[N_MESSAGES];
	bc_level bids[N_MESSAGES][ENCODE_FLOOR_LEVELS], asks[N_MESSAGES][ENCODE_FLOOR_LEVELS];
	struct ready_book ready[N_MESSAGES];
	uint8_t out[OUT_BYTES];
	size_t n_out;
};

/* ------------------------------------------------------------------ books as Upbit's */

struct coin {
	const char *name;
	int64_t mid, tick; /* won */
	uint64_t most;     /* quantity of a level, at 8 digits behind the point */
};

/* Numbers of five bytes each, and, as most coins have them, of three and nine. */
static const struct coin bitcoin = { "", 137000000, 1000, 50000000 },
			 cheap = { ", a coin of 3,000 won", 3000, 5, UINT64_C(2000000000000) };

static bc_level level(const struct coin *coin, int64_t won, uint64_t *seed)
{
	int64_t satoshi = 1 + (int64_t)(bench_random(seed) % coin->most);
	return (bc_level){ bc_decimal_normal((bc_decimal){ won, 0 }),
			   bc_decimal_normal((bc_decimal){ satoshi, -8 }) };
}

static void make_message(struct encode *e, size_t k, const struct coin *coin, uint32_t levels,
			 uint64_t *seed)
{
	struct bc_message *m = &e->messages[k];
	int64_t mid = coin->mid + (int64_t)(bench_random(seed) % 400) * coin->tick;

	for (uint32_t i = 0; i < levels; i++) {
		e->bids[k][i] = level(coin, mid - coin->tick * (int64_t)i, seed);
		e->asks[k][i] = level(coin, mid + coin->tick * (int64_t)(i + 1), seed);
	}
	*m = (struct bc_message){ .envelope = { .channel = BC_CHANNEL_BOOK,
						.epoch = 1790134742106000,
						.seq = 100000 + k,
						.exchange_seq = 17901347421060000 + k,
						.ts_exchange = { 1790134742106000000 },
						.ts_recv = { 1790134742106500000 },
						.ts_publish = { 1790134742106501000 },
						.state = BC_STATE_LIVE,
						.since = { 1790134742000000000 } } };
	m->body.book = (struct bc_book){ e->bids[k], e->asks[k], levels, levels };
	ready_book_of(&m->body.book, &e->ready[k]);
}

/* ------------------------------------------------------------------ contenders */

static void run_codec(void *self, size_t times)
{
	struct encode *e = self;
	for (size_t t = 0; t < times; t++)
		for (size_t k = 0; k < N_MESSAGES; k++) {
			bc_message_encode(&e->messages[k], e->out, sizeof e->out, &e->n_out);
			bench_keep(e);
		}
}

static void run_ready(void *self, size_t times)
{
	struct encode *e = self;
	for (size_t t = 0; t < times; t++)
		for (size_t k = 0; k < N_MESSAGES; k++) {
			e->n_out = encode_ready(&e->messages[k].envelope, &e->ready[k], e->out);
			bench_keep(e);
		}
}

static void run_decimals(void *self, size_t times)
{
	struct encode *e = self;
	for (size_t t = 0; t < times; t++)
		for (size_t k = 0; k < N_MESSAGES; k++) {
			const struct bc_message *m = &e->messages[k];
			e->n_out = encode_decimals(&m->envelope, &m->body.book, e->out);
			bench_keep(e);
		}
}

/* All three write the same bytes, of every message. */
static bool same_bytes(struct bench *b, struct encode *e)
{
	uint8_t floor[OUT_BYTES];
	for (size_t k = 0; k < N_MESSAGES; k++) {
		const struct bc_message *m = &e->messages[k];
		bc_status rc = bc_message_encode(m, e->out, sizeof e->out, &e->n_out);
		size_t ready = encode_ready(&m->envelope, &e->ready[k], floor);
		bool same = rc == BC_OK && ready == e->n_out && memcmp(floor, e->out, ready) == 0;
		size_t decimals = encode_decimals(&m->envelope, &m->body.book, floor);
		same = same && decimals == e->n_out && memcmp(floor, e->out, decimals) == 0;
		if (!same) {
			bench_fail(b, "message %zu: the floors write other bytes than the codec",
				   k);
			return false;
		}
	}
	return true;
}

static void measure(struct bench *b, struct encode *e, const struct coin *coin, uint32_t levels)
{
	uint64_t seed = BENCH_SEED;
	char variant[64];
	for (size_t k = 0; k < N_MESSAGES; k++)
		make_message(e, k, coin, levels, &seed);
	if (!same_bytes(b, e))
		return;
	snprintf(variant, sizeof variant, "%u levels%s", levels, coin->name);
	const struct bench_contender c[] = { { variant, run_codec, e, N_MESSAGES },
					     { "by hand, mantissas", run_ready, e, N_MESSAGES },
					     { "by hand, decimals", run_decimals, e, N_MESSAGES } };
	struct bench_timing t;
	if (!bench_time(b, c, 3, &t))
		return;
	for (size_t floor = 1; floor < 3; floor++) {
		struct bench_row row = bench_versus(&t, c, 0, floor);
		row.target = floor == 1 && levels == 30 ? BENCH_TARGET_ENCODE : BENCH_TARGET_NONE;
		bench_row(b, &row);
	}
	bench_timing_free(&t);
}

static void run_books(struct bench *b)
{
	static const uint32_t levels[] = { 15, 20, 30 };
	struct encode *e = calloc(1, sizeof *e);
	if (e == NULL) {
		bench_fail(b, "out of memory");
		return;
	}
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		measure(b, e, &bitcoin, levels[i]);
	measure(b, e, &cheap, 30);
	free(e);
}

static const struct bench_scenario scenarios[] = {
	{ "encode.book", "a book of 15, 20 and 30 levels a side to msgpack",
	  "an encoder by hand for this one message, the same bytes; of mantissas that stand at the "
	  "message's exponents already (the target's), and of the decimals that the codec gets",
	  "asking for room, refusing what cannot be encoded, other channels; of mantissas also "
	  "finding the exponents and multiplying",
	  run_books },
};

const struct bench_group bench_encode = { "encode", "A message to bytes", scenarios,
					  sizeof scenarios / sizeof *scenarios };
