/* bench_hot_path.c - what a message costs between the socket and the bus: decode, encode, both, and
 * publishing to one subscriber over ipc; beside a memcpy of the same bytes.
 *
 *   bench_hot_path [rounds]
 *
 * Each round runs every stage once; the table has the medians: CPU time of this thread, and for
 * publishing the time until all messages have arrived. Quote the ratios: the absolute
 * numbers are the machine's. Frames are generated after Upbit's format (15 and 30 levels, both
 * spellings) and, if BOOKCAST_CAPTURES is set, the recorded ones. */
#include "common/bus_pub.h"
#include "proto/codec.h"
#include "publisher/exchanges/exchange.h"
#include "tests/support/temp_dir.h"
#include "tests/support/upbit_frames.h"

#include <pthread.h>
#include <stdatomic.h>
#include <zmq.h>
#include <zstd.h>

#define N_GENERATED  256
#define MAX_ROUNDS   101
#define ROUND_FRAMES 20000
#define PUBLISHED    50000
#define WINDOW       1000   /* messages under way at most */
#define HWM          100000 /* so that none is dropped: libzmq hears late what was read */
#define TOPIC        "upbit.KRW-BTC.book"

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
	struct bc_pub *pub;
	uint32_t topic;
	atomic_ulong received;
};

static void die(const char *what)
{
	fprintf(stderr, "bench_hot_path: %s\n", what);
	exit(EXIT_FAILURE);
}

static double clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* ------------------------------------------------------------------ frames */

static struct frames generate(const char *name, unsigned levels, bool simple)
{
	struct frames f = { name, malloc(N_GENERATED * UPBIT_FRAME_MAX(levels)),
			    calloc(N_GENERATED + 1, sizeof(size_t)), N_GENERATED };
	uint64_t seed = 88172645463325252;

	if (f.bytes == NULL || f.at == NULL)
		die("out of memory");
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
		die(path);
	n = fread(packed, 1, cap, file);
	fclose(file);
	n = ZSTD_decompress(f.bytes, cap, packed, n);
	if (ZSTD_isError(n))
		die(ZSTD_getErrorName(n));
	free(packed);
	f.at = calloc(100000, sizeof *f.at);
	if (f.at == NULL)
		die("out of memory");
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
		die("a message cannot be encoded");
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
	die("a frame is no market data");
}

static void on_reject(void *self, const struct bc_reject *r)
{
	(void)self, (void)r;
	die("a frame was refused");
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

/* ------------------------------------------------------------------ publishing */

static void *subscriber(void *self)
{
	struct bench *b = self;
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	int hwm = HWM;
	zmq_msg_t m;

	zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, TOPIC, sizeof TOPIC); /* with its NUL */
	if (zmq_connect(socket, bc_pub_endpoint(b->pub, 0)) != 0)
		die("cannot connect");
	zmq_msg_init(&m);
	while (zmq_msg_recv(&m, socket, 0) > (int)sizeof TOPIC)
		atomic_fetch_add_explicit(&b->received, 1, memory_order_release);
	zmq_msg_close(&m); /* the last message is only a topic */
	zmq_close(socket);
	zmq_ctx_term(context);
	return NULL;
}

/* Sends n messages and waits until all of them have arrived; ns in all. */
static double publish(struct bench *b, size_t n)
{
	unsigned long before = atomic_load(&b->received), sent = 0;
	double start = now_ns();

	for (; sent < n; sent++) {
		while (sent - (atomic_load_explicit(&b->received, memory_order_acquire) - before) >=
		       WINDOW)
			sched_yield();
		if (bc_pub_send(b->pub, b->topic,
				(bc_str){ (const char *)b->encoded, b->n_encoded }) != BC_OK)
			die("cannot publish");
	}
	while (atomic_load_explicit(&b->received, memory_order_acquire) - before < n)
		if (now_ns() - start > 60e9)
			die("messages were lost");
		else
			sched_yield();
	return now_ns() - start;
}

static void start_bus(struct bench *b, void *context, const struct temp_dir *dir, pthread_t *thread)
{
	const struct bc_pub_options options = { HWM, 0 };
	char why[256];
	double start = now_ns();

	if (bc_pub_new(&b->pub, context, &options) != BC_OK ||
	    bc_pub_bind_ipc(b->pub, dir->path, "bench.pub", why, sizeof why) != BC_OK ||
	    bc_filters_topic_open(bc_pub_filters(b->pub), BC_STR(TOPIC), &b->topic) != BC_OK ||
	    pthread_create(thread, NULL, subscriber, b) != 0)
		die("cannot open the bus");
	while (!bc_filters_wanted(bc_pub_filters(b->pub), b->topic)) {
		bc_pub_read(b->pub, 16, NULL, NULL);
		if (now_ns() - start > 10e9)
			die("nobody subscribes");
		sched_yield();
	}
}

/* ------------------------------------------------------------------ the table */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, by_value);
	return values[n / 2];
}

static double time_stage(struct bench *b, const struct frames *f, enum stage stage)
{
	static void (*const run[])(struct bench *, const struct frames *,
				   size_t) = { run_memcpy, run_decode, run_encode, run_decode };
	size_t times = ROUND_FRAMES / f->n + 1;
	double start;

	if (stage == PUBLISH)
		return publish(b, PUBLISHED) / PUBLISHED;
	b->encode = stage == DECODE_ENCODE;
	start = clock_ns(CLOCK_THREAD_CPUTIME_ID); /* so that other programs do not count */
	for (size_t k = 0; k < times; k++)
		for (size_t i = 0; i < f->n; i++)
			run[stage](b, f, i);
	return (clock_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (double)(times * f->n);
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
		double ns = median(values[s], rounds);
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
	struct temp_dir dir;
	pthread_t thread;
	const char *why;
	void *context = zmq_ctx_new();

	if (rounds < 1 || rounds > MAX_ROUNDS)
		die("rounds: 1 to 101");
	b.exchange = bc_exchange_find("upbit");
	b.state = calloc(1, b.exchange->state_size);
	if (b.state == NULL || b.exchange->start(b.state, &none, &why) != BC_OK ||
	    !temp_dir_new(&dir))
		die("cannot start");
	start_bus(&b, context, &dir, &thread);

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
	bc_pub_send(b.pub, b.topic, BC_STR(""));
	pthread_join(thread, NULL);
	bc_pub_free(&b.pub);
	zmq_ctx_term(context);
	temp_dir_free(&dir);
	free(b.state);
	return EXIT_SUCCESS;
}
