/* bench_hot_path.c - what a message costs between the socket and the bus: decode, encode, both, and
 * publishing to one subscriber over ipc; beside a memcpy of the same bytes.
 *
 *   bench_hot_path [rounds]
 *
 * Each round runs every stage once; the table has the medians: CPU time of this thread, and for
 * publishing the time until all messages have arrived. Quote the ratios: the absolute
 * numbers are the machine's. Frames are generated after Upbit's format (15 and 30 levels, both
 * spellings) and, if BOOKCAST_CAPTURES is set, the recorded ones. */
#include "proto/codec.h"
#include "publisher/exchanges/exchange.h"
#include "tests/bench/bench_support.h"
#include "bench/frames_upbit.h"

#include <string.h>
#include <zstd.h>

#define N_GENERATED  256
#define MAX_ROUNDS   101
#define ROUND_FRAMES 20000
#define PUBLISHED    50000

struct frames {
	const char *name;
	char *bytes;
	size_t *at; /* n + 1 offsets */
	size_t n;
};

enum stage { MEMCPY, DECODE, ENCODE, DECODE_ENCODE, PUBLISH, N_STAGES };
static const char *const stage_words[] = { "memcpy", "decode", "encode", "decode+encode",
					   "publish" };

struct bench {
	const struct bc_exchange *exchange;
	void *state;
	uint8_t encoded[64u << 10];
	size_t n_encoded;
	struct bc_message last; /* what encode writes: a frame's book, its levels kept */
	bc_level levels[512];
	bool encode;
	unsigned long events, bytes_out;
	struct bench_bus bus;
};

/* ------------------------------------------------------------------ frames */

static struct frames generate(const char *name, unsigned levels, bool simple)
{
	struct frames f = { name, malloc(N_GENERATED * UPBIT_FRAME_MAX(levels)),
			    calloc(N_GENERATED + 1, sizeof(size_t)), N_GENERATED };
	uint64_t seed = 88172645463325252;

	if (f.bytes == NULL || f.at == NULL)
		bench_die("out of memory");
	for (size_t i = 0; i < f.n; i++)
		f.at[i + 1] = f.at[i] + upbit_frame(f.bytes + f.at[i], levels, simple, &seed);
	return f;
}

/* The recorded frames that hold `word`; none where they are not there. */
static struct frames recorded(const char *name, const char *word)
{
	const char *captures = getenv("BOOKCAST_CAPTURES");
	struct frames f = { name, NULL, NULL, 0 };
	char path[4096];
	size_t cap = 8u << 20, n;

	if (captures == NULL || *captures == '\0')
		return f;
	snprintf(path, sizeof path, "%s/upbit/cf-20210405-simple.jsonl.zst", captures);
	FILE *file = fopen(path, "rb");
	char *packed = malloc(cap);
	f.bytes = malloc(cap);
	if (file == NULL || packed == NULL || f.bytes == NULL)
		bench_die(path);
	n = fread(packed, 1, cap, file);
	fclose(file);
	n = ZSTD_decompress(f.bytes, cap, packed, n);
	if (ZSTD_isError(n))
		bench_die(ZSTD_getErrorName(n));
	free(packed);
	f.at = calloc(100000, sizeof *f.at);
	if (f.at == NULL)
		bench_die("out of memory");
	size_t kept = 0;
	for (char *p = f.bytes, *end = f.bytes + n; p < end;) {
		char *stop = memchr(p, '\n', (size_t)(end - p));
		size_t length = (size_t)((stop == NULL ? end : stop) - p);
		if (memmem(p, length, word, strlen(word)) != NULL) {
			memmove(f.bytes + kept, p, length);
			kept += length;
			f.at[++f.n] = kept;
		}
		p += length + 1;
	}
	return f;
}

/* ------------------------------------------------------------------ stages */

static void keep_event(struct bench *b, const struct bc_event *e)
{
	b->last = (struct bc_message){ .envelope = { .channel = e->channel,
						     .epoch = 1790134742106000,
						     .seq = b->events,
						     .exchange_seq = e->exchange_seq,
						     .ts_exchange = e->ts_exchange,
						     .ts_recv = { 1790134742106000000 },
						     .ts_publish = { 1790134742106001000 },
						     .state = BC_STATE_LIVE,
						     .since = { 1790134742000000000 } } };
	memcpy(&b->last.body, &e->body, sizeof e->body);
}

static void encode_last(struct bench *b)
{
	if (bc_message_encode(&b->last, b->encoded, sizeof b->encoded, &b->n_encoded) != BC_OK)
		bench_die("a message cannot be encoded");
	b->bytes_out += b->n_encoded;
}

static void on_event(void *self, const struct bc_event *e)
{
	struct bench *b = self;
	b->events++;
	if (!b->encode)
		return;
	keep_event(b, e);
	encode_last(b);
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

static void run_memcpy(struct bench *b, const struct frames *f, size_t i)
{
	static char copy[64u << 10];
	(void)b;
	memcpy(copy, f->bytes + f->at[i], f->at[i + 1] - f->at[i]);
	__asm__ volatile("" : : "r"(copy) : "memory");
}

static void run_decode(struct bench *b, const struct frames *f, size_t i)
{
	const struct bc_feed_sink sink = { b, on_event, on_control, on_reject, NULL };
	const struct bc_input in = { .kind = BC_INPUT_BINARY,
				     .bytes = f->bytes + f->at[i],
				     .n_bytes = f->at[i + 1] - f->at[i] };
	b->exchange->on_input(b->state, &in, &sink);
}

static void run_encode(struct bench *b, const struct frames *f, size_t i)
{
	(void)f, (void)i;
	encode_last(b);
}

/* ------------------------------------------------------------------ the table */

static double time_stage(struct bench *b, const struct frames *f, enum stage stage)
{
	static void (*const run[])(struct bench *, const struct frames *,
				   size_t) = { run_memcpy, run_decode, run_encode, run_decode };
	size_t times = ROUND_FRAMES / f->n + 1;
	double start;

	if (stage == PUBLISH)
		return bench_publish(&b->bus, b->encoded, b->n_encoded, PUBLISHED) / PUBLISHED;
	b->encode = stage == DECODE_ENCODE;
	start = bench_cpu_ns(); /* so that other programs do not count */
	for (size_t k = 0; k < times; k++)
		for (size_t i = 0; i < f->n; i++)
			run[stage](b, f, i);
	return (bench_cpu_ns() - start) / (double)(times * f->n);
}

static void measure(struct bench *b, const struct frames *f, size_t rounds)
{
	static double values[N_STAGES][MAX_ROUNDS];
	double bytes = (double)f->at[f->n] / (double)f->n, floor = 0;

	/* The message that encode and publish repeat: the first one, its levels copied. */
	b->encode = true;
	run_decode(b, f, 0);
	if (b->last.envelope.channel == BC_CHANNEL_BOOK) {
		struct bc_book *book = &b->last.body.book;
		memcpy(b->levels, book->bids, book->n_bids * sizeof *b->levels);
		memcpy(b->levels + book->n_bids, book->asks, book->n_asks * sizeof *b->levels);
		book->bids = b->levels;
		book->asks = b->levels + book->n_bids;
	}
	struct bc_message first = b->last;

	for (size_t r = 0; r < rounds; r++)
		for (enum stage s = MEMCPY; s < N_STAGES; s++) {
			if (s == ENCODE || s == PUBLISH) {
				b->last = first;
				encode_last(b);
			}
			values[s][r] = time_stage(b, f, s);
		}
	printf("%s, %.0f bytes in, %zu bytes out\n", f->name, bytes, b->n_encoded);
	for (enum stage s = MEMCPY; s < N_STAGES; s++) {
		double ns = bench_median(values[s], rounds);
		double n_bytes = s == ENCODE || s == PUBLISH ? (double)b->n_encoded : bytes;
		if (s == MEMCPY)
			floor = ns;
		printf("  %-14s %8.0f ns  %10.0f messages/s  %6.0f MB/s  %6.1f x memcpy\n",
		       stage_words[s], ns, 1e9 / ns, n_bytes / ns * 1e3, ns / floor);
	}
}

int main(int argc, char **argv)
{
	static struct bench b;
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 11;
	const char *why;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		bench_die("rounds: 1 to 101");
	b.exchange = bc_exchange_find("upbit");
	b.state = calloc(1, b.exchange->state_size);
	if (b.state == NULL || b.exchange->start(b.state, &none, &why) != BC_OK)
		bench_die("cannot start");
	bench_bus_open(&b.bus);

	struct frames sets[] = {
		generate("upbit 15 levels", 15, false),
		generate("upbit 30 levels", 30, false),
		generate("upbit 15 levels SIMPLE", 15, true),
		generate("upbit 30 levels SIMPLE", 30, true),
		recorded("recorded books", "\"orderbook\""),
		recorded("recorded trades", "\"trade\""),
	};
	for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
		if (sets[i].n > 0)
			measure(&b, &sets[i], rounds);
		free(sets[i].bytes);
		free(sets[i].at);
	}
	bench_bus_close(&b.bus);
	free(b.state);
	return EXIT_SUCCESS;
}
