/* bench_diff.c - what a message of changed levels costs: decode, join and book, the top 30 encoded,
 * published; beside a memcpy of the same bytes. Then a whole capture, decoded and rebuilt.
 *
 *   bench_diff [rounds]
 *
 * Frames are made after Binance's format, with 5, 50 and 500 changed levels: three of four are set,
 * one is deleted, most are near the top (Pareto, one in eight anywhere) of a book of 1,000 levels a
 * side. The capture is hft-btcusdt-20240808 (USD-M), if BOOKCAST_CAPTURES is set. The table has
 * medians of the CPU time of this thread; quote the ratios. */
#include "proto/codec.h"
#include "publisher/join.h"
#include "tests/bench/bench_support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define N_FRAMES     256
#define MAX_ROUNDS   101
#define ROUND_LEVELS 400000 /* a round and stage */
#define PUBLISHED    20000
#define DEPTH        1000
#define TOP          30
#define MID          6500000 /* in ticks of 0.01 */
#define CAPTURE_MAX  (64u << 20)

struct frames {
	char *bytes;
	size_t *at; /* n + 1 offsets */
	size_t n;
};

enum stage { MEMCPY, DECODE, APPLY, ENCODE, PUBLISH, N_STAGES };
static const char *const stage_words[] = { "memcpy", "decode", "+ join and book", "+ encode top 30",
					   "publish" };

struct bench {
	const struct bc_exchange *exchange;
	void *state;
	struct join *join;
	struct join_buffer *buffer;
	struct bc_order_book *spare;
	enum stage stage;
	bool renumber; /* frames are repeated, so their numbers are made to go on */
	uint64_t seq, deltas, gaps;
	uint8_t encoded[64u << 10];
	size_t n_encoded;
	bc_level top[2 * TOP];
	struct bench_bus bus;
};

/* ------------------------------------------------------------------ what the adapter says */

static void encode_top(struct bench *b)
{
	const struct bc_order_book *book = join_book(b->join);
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BOOK,
					      .epoch = 1790134742106000,
					      .seq = b->deltas,
					      .exchange_seq = join_seq(b->join),
					      .ts_exchange = { 1790134742106000000 },
					      .ts_recv = { 1790134742106000000 },
					      .ts_publish = { 1790134742106001000 },
					      .state = BC_STATE_LIVE,
					      .since = { 1790134742000000000 } } };
	m.body.book.bids = b->top;
	m.body.book.asks = b->top + TOP;
	m.body.book.n_bids = bc_order_book_copy(book, BC_BIDS, TOP, b->top);
	m.body.book.n_asks = bc_order_book_copy(book, BC_ASKS, TOP, b->top + TOP);
	if (bc_message_encode(&m, b->encoded, sizeof b->encoded, &b->n_encoded) != BC_OK)
		bench_die("a message cannot be encoded");
}

static void on_delta(struct bench *b, const struct bc_delta *delta)
{
	struct bc_delta d = *delta;
	b->deltas++;
	if (b->stage < APPLY)
		return;
	if (b->renumber) {
		d.first_seq = b->seq + 1;
		d.last_seq = b->seq += 10;
	}
	enum join_verdict verdict = join_delta(b->join, 0, &d);
	b->gaps += verdict == JOIN_GAP || verdict == JOIN_RANGE;
	if (verdict == JOIN_APPLIED && b->stage >= ENCODE)
		encode_top(b);
}

static void on_event(void *self, const struct bc_event *e)
{
	struct bench *b = self;
	if (e->channel == BC_CHANNEL_DELTA)
		on_delta(b, &e->body.delta);
	else if (e->channel == BC_CHANNEL_BOOK && join_expecting(b->join))
		join_snapshot(b->join, &b->spare, &e->body.book, e->exchange_seq,
			      e->body.book.n_bids >= DEPTH, e->body.book.n_asks >= DEPTH);
}

static void on_control(void *self, const struct bc_control *c)
{
	(void)self, (void)c;
	bench_die("a frame is no market data");
}

static void on_reject(void *self, const struct bc_reject *r)
{
	(void)self, (void)r;
	bench_die("a frame was refused");
}

static void give(struct bench *b, enum bc_input_kind kind, bc_str bytes)
{
	const struct bc_feed_sink sink = { b, on_event, on_control, on_reject, NULL };
	const struct bc_input in = { .kind = kind,
				     .bytes = bytes.p,
				     .n_bytes = bytes.n,
				     .rest = BC_REST_SNAPSHOT,
				     .symbol = BC_STR("BTCUSDT") };
	if (b->exchange->on_input(b->state, &in, &sink) != BC_OK)
		bench_die("a frame was refused");
}

static void use(struct bench *b, const char *exchange)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why = "";

	join_free(&b->join);
	free(b->state);
	b->exchange = bc_exchange_find(exchange);
	if (b->exchange == NULL || (b->state = calloc(1, b->exchange->state_size)) == NULL ||
	    b->exchange->start(b->state, &none, &why) != BC_OK ||
	    join_new(&b->join, b->exchange->sync, 10000) != BC_OK)
		bench_die("cannot start");
	join_expect(b->join, b->buffer);
}

/* ------------------------------------------------------------------ frames */

static uint64_t next_random(uint64_t *seed) /* xorshift64 */
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Levels from the top: near it mostly, one in eight anywhere. */
static unsigned distance(uint64_t *seed)
{
	uint64_t r = next_random(seed);
	if (r % 8 == 0)
		return (unsigned)((r >> 8) % DEPTH);
	double u = ((double)(r >> 11) + 1) / 0x1p53;
	double d = pow(u, -1 / 1.2) - 1;
	return d < DEPTH ? (unsigned)d : DEPTH - 1;
}

static size_t write_level(char *out, size_t cap, bool bid, uint64_t *seed)
{
	unsigned away = distance(seed);
	unsigned ticks = bid ? MID - away : MID + 1 + away;
	uint64_t r = next_random(seed);
	unsigned quantity = r % 4 == 0 ? 0 : 1 + (unsigned)((r >> 8) % 500000000);
	return (size_t)snprintf(out, cap, "[\"%u.%02u000000\",\"%u.%08u\"]", ticks / 100,
				ticks % 100, quantity / 100000000, quantity % 100000000);
}

static size_t write_side(char *out, size_t cap, unsigned levels, bool bid, uint64_t *seed)
{
	size_t n = 0;
	out[n++] = '[';
	for (unsigned i = 0; i < levels; i++) {
		if (i > 0)
			out[n++] = ',';
		n += write_level(out + n, cap - n, bid, seed);
	}
	out[n++] = ']';
	return n;
}

static struct frames generate(unsigned levels)
{
	size_t cap = 256 + (size_t)levels * 48;
	struct frames f = { malloc(N_FRAMES * cap), calloc(N_FRAMES + 1, sizeof(size_t)),
			    N_FRAMES };
	uint64_t seed = 88172645463325252;

	if (f.bytes == NULL || f.at == NULL)
		bench_die("out of memory");
	for (size_t i = 0; i < f.n; i++) {
		char *out = f.bytes + f.at[i];
		size_t n = (size_t)snprintf(out, cap,
					    "{\"stream\":\"btcusdt@depth@100ms\",\"data\":{"
					    "\"e\":\"depthUpdate\",\"E\":1790134742106,"
					    "\"s\":\"BTCUSDT\",\"U\":%llu,\"u\":%llu,\"b\":",
					    49000000000ull + i * 10, 49000000009ull + i * 10);
		n += write_side(out + n, cap - n, levels - levels / 2, true, &seed);
		n += (size_t)snprintf(out + n, cap - n, ",\"a\":");
		n += write_side(out + n, cap - n, levels / 2, false, &seed);
		n += (size_t)snprintf(out + n, cap - n, "}}");
		f.at[i + 1] = f.at[i] + n;
	}
	return f;
}

/* A book of DEPTH levels a side, at number 1. */
static void load_book(struct bench *b)
{
	static bc_level levels[2][DEPTH];
	struct bc_book book = { levels[0], levels[1], DEPTH, DEPTH };
	for (int i = 0; i < DEPTH; i++) {
		levels[0][i] = (bc_level){ { MID - i, -2 }, { 100000000 + i, -8 } };
		levels[1][i] = (bc_level){ { MID + 1 + i, -2 }, { 200000000 + i, -8 } };
	}
	b->seq = 1;
	if (join_snapshot(b->join, &b->spare, &book, b->seq, true, true) != JOIN_APPLIED)
		bench_die("the snapshot was not taken");
}

/* ------------------------------------------------------------------ the table */

static void run_memcpy(const struct frames *f, size_t i)
{
	static char copy[64u << 10];
	memcpy(copy, f->bytes + f->at[i], f->at[i + 1] - f->at[i]);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

static double time_stage(struct bench *b, const struct frames *f, size_t times)
{
	if (b->stage == PUBLISH)
		return bench_publish(&b->bus, b->encoded, b->n_encoded, PUBLISHED) / PUBLISHED;
	double start = bench_cpu_ns();
	for (size_t k = 0; k < times; k++) {
		for (size_t i = 0; i < f->n; i++) {
			if (b->stage == MEMCPY)
				run_memcpy(f, i);
			else
				give(b, BC_INPUT_TEXT,
				     (bc_str){ f->bytes + f->at[i], f->at[i + 1] - f->at[i] });
		}
	}
	return (bench_cpu_ns() - start) / (double)(times * f->n);
}

static void measure(struct bench *b, unsigned levels, size_t rounds)
{
	static double values[N_STAGES][MAX_ROUNDS];
	struct frames f = generate(levels);
	size_t times = ROUND_LEVELS / (f.n * levels) + 1;
	double bytes = (double)f.at[f.n] / (double)f.n, floor = 0;

	use(b, "binance-spot");
	load_book(b);
	b->renumber = true;
	for (size_t r = 0; r < rounds; r++) {
		for (b->stage = MEMCPY; b->stage < N_STAGES; b->stage++)
			values[b->stage][r] = time_stage(b, &f, times);
	}
	printf("%u changed levels, %.0f bytes in, %zu bytes out\n", levels, bytes, b->n_encoded);
	for (int s = MEMCPY; s < N_STAGES; s++) {
		double ns = bench_median(values[s], rounds);
		if (s == MEMCPY)
			floor = ns;
		printf("  %-16s %9.0f ns  %7.1f ns/level  %6.0f MB/s  %6.1f x memcpy\n",
		       stage_words[s], ns, ns / levels,
		       (s == PUBLISH ? (double)b->n_encoded : bytes) / ns * 1e3, ns / floor);
	}
	if (b->gaps > 0)
		bench_die("there were gaps");
	free(f.bytes);
	free(f.at);
}

/* ------------------------------------------------------------------ a whole capture */

static char *read_file(const char *dir, const char *name, size_t *n)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/binance-usdm/%s", dir, name);
	FILE *file = fopen(path, "rb");
	char *bytes = malloc(CAPTURE_MAX);
	if (file == NULL || bytes == NULL)
		bench_die(path);
	*n = fread(bytes, 1, CAPTURE_MAX, file);
	fclose(file);
	return bytes;
}

/* Every line through the adapter, every book message into the book, its top encoded each time. */
static double rebuild(struct bench *b, bc_str text, bc_str snapshot)
{
	use(b, "binance-usdm");
	b->renumber = false;
	b->deltas = b->gaps = 0;
	double start = bench_cpu_ns();
	for (const char *p = text.p, *end = text.p + text.n; p < end;) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		give(b, BC_INPUT_TEXT, (bc_str){ p, (size_t)((stop ? stop : end) - p) });
		p = stop ? stop + 1 : end;
		if (b->deltas > 0 && join_expecting(b->join))
			give(b, BC_INPUT_REST, snapshot);
	}
	double ns = bench_cpu_ns() - start;
	if (!join_right(b->join) || b->gaps > 0)
		bench_die("the book is not right");
	return ns;
}

static void measure_capture(struct bench *b, const char *dir, size_t rounds)
{
	static double values[2][MAX_ROUNDS];
	size_t n_packed, n_snapshot, n, n_lines = 0;
	char *packed = read_file(dir, "hft-btcusdt-20240808.jsonl.zst", &n_packed);
	char *snapshot = read_file(dir, "hft-btcusdt-20240808.rest/00-BTCUSDT.json", &n_snapshot);
	char *text = malloc(CAPTURE_MAX), *copy = malloc(CAPTURE_MAX);

	if (text == NULL || copy == NULL)
		bench_die("out of memory");
	memset(copy, 1, CAPTURE_MAX);
	n = ZSTD_decompress(text, CAPTURE_MAX, packed, n_packed);
	if (ZSTD_isError(n))
		bench_die(ZSTD_getErrorName(n));
	for (size_t i = 0; i < n; i++)
		n_lines += text[i] == '\n';
	b->stage = ENCODE;
	for (size_t r = 0; r < rounds; r++) {
		double start = bench_cpu_ns();
		memcpy(copy, text, n);
		__asm__ volatile("" : : "r"(copy) : "memory");
		values[0][r] = bench_cpu_ns() - start;
		values[1][r] = rebuild(b, (bc_str){ text, n }, (bc_str){ snapshot, n_snapshot });
	}
	double floor = bench_median(values[0], rounds), ns = bench_median(values[1], rounds);
	printf("hft-btcusdt-20240808: %zu frames, %.1f MB, %llu of them books\n", n_lines,
	       (double)n / 1e6, (unsigned long long)b->deltas);
	printf("  decoded, rebuilt and each book's top %d encoded: %.1f ms, %.0f ns a frame, "
	       "%.0f MB/s, %.1f x memcpy\n",
	       TOP, ns / 1e6, ns / (double)n_lines, (double)n / ns * 1e3, ns / floor);
	free(packed);
	free(snapshot);
	free(text);
	free(copy);
}

int main(int argc, char **argv)
{
	static struct bench b;
	const char *captures = getenv("BOOKCAST_CAPTURES");
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 11;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		bench_die("rounds: 1 to 101");
	if (join_buffer_new(&b.buffer, 1u << 20) != BC_OK ||
	    bc_order_book_new(&b.spare, 10000) != BC_OK)
		bench_die("out of memory");
	bench_bus_open(&b.bus);
	measure(&b, 5, rounds);
	measure(&b, 50, rounds);
	measure(&b, 500, rounds);
	if (captures != NULL && *captures != '\0')
		measure_capture(&b, captures, rounds);
	else
		puts("the capture is left out: BOOKCAST_CAPTURES is not set");
	bench_bus_close(&b.bus);
	join_free(&b.join);
	join_buffer_free(&b.buffer);
	bc_order_book_free(&b.spare);
	free(b.state);
	return EXIT_SUCCESS;
}
