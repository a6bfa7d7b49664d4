/* latest.c - the newest message of a topic out of the gateway's memory, and what writing it there
 * costs. */
#include "bench/random.h"
#include "bench/scenarios.h"
#include "common/clock.h"
#include "common/latest.h"
#include "proto/codec.h"
#include "subscribers/libbookcast/include/bookcast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_SYMBOLS  32 /* asked for in turns: all of it stays in the nearest cache but one */
#define MAX_LEVELS 30
#define MAX_BYTES  2048
#define ALLOWED_NS 100 /* beside the memcpy: what was promised */

struct latest {
	char dir[BENCH_DIRECTORY_MAX], path[128], endpoint[128];
	struct bc_latest_writer *writer;
	struct bc_latest_map map;
	bool mapped;
	bookcast *bus;
	char symbols[N_SYMBOLS][16], topics[N_SYMBOLS][32];
	uint8_t payloads[N_SYMBOLS][MAX_BYTES];
	size_t n_payloads[N_SYMBOLS];
	struct bc_envelope envelopes[N_SYMBOLS];
	uint64_t out[BC_LATEST_MAX_PAYLOAD / 8 + 1];
	struct bc_latest_found found;
	struct bc_message message;
	bc_level levels[2 * MAX_LEVELS];
};

/* ------------------------------------------------------------------ who is compared */

static void run_memcpy(void *self, size_t times)
{
	struct latest *l = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++) {
			memcpy(l->out, l->payloads[i], l->n_payloads[i]);
			bench_keep(l);
		}
}

static void run_read(void *self, size_t times)
{
	struct latest *l = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++) {
			bc_str topic = bc_str_of(l->topics[i]);
			bc_latest_read(&l->map, topic, bc_latest_hash(topic), l->out,
				       BC_LATEST_MAX_PAYLOAD, &l->found);
			bench_keep(l);
		}
}

static void run_latest(void *self, size_t times)
{
	struct latest *l = self;
	const bookcast_message *m;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++) {
			bookcast_latest(l->bus, "upbit", l->symbols[i], "book", &m);
			bench_keep(m);
		}
}

static void run_state(void *self, size_t times)
{
	struct latest *l = self;
	bookcast_condition c;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++) {
			bookcast_state(l->bus, "upbit", l->symbols[i], "book", &c);
			bench_keep(&c);
		}
}

static void run_decode(void *self, size_t times)
{
	struct latest *l = self;
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++) {
			bc_str payload = { (const char *)l->payloads[i], l->n_payloads[i] };
			bc_message_decode(payload, &l->message, l->levels, 2 * MAX_LEVELS);
			bench_keep(l);
		}
}

static void put(struct latest *l, size_t i)
{
	const struct bc_latest_news news = {
		.envelope = &l->envelopes[i],
		.payload = { (const char *)l->payloads[i], l->n_payloads[i] },
	};
	bc_latest_put(l->writer, (bc_mono_time){ 1 }, (uint32_t)(2 * i), &news);
}

static void run_put(void *self, size_t times)
{
	for (size_t t = 0; t < times; t++)
		for (size_t i = 0; i < N_SYMBOLS; i++)
			put(self, i);
}

/* ------------------------------------------------------------------ the gateway's file */

static bool make_payload(struct latest *l, size_t i, uint32_t levels, uint64_t *seed)
{
	struct bc_message *m = &l->message;
	int64_t mid = 137000 + (int64_t)(bench_random(seed) % 400);
	for (uint32_t k = 0; k < 2 * levels; k++) {
		int64_t away = k < levels ? -(int64_t)k : (int64_t)(k - levels + 1);
		int64_t satoshi = 1 + (int64_t)(bench_random(seed) % 50000000);
		l->levels[k] = (bc_level){ { mid + away, 3 }, { satoshi, -8 } };
	}
	m->envelope = (struct bc_envelope){ .channel = BC_CHANNEL_BOOK,
					    .epoch = 1790134742106000,
					    .seq = 100000 + i,
					    .exchange_seq = 17901347421060000 + i,
					    .ts_exchange = { 1790134742106000000 },
					    .ts_recv = { 1790134742106500000 },
					    .ts_publish = { 1790134742106501000 },
					    .state = BC_STATE_LIVE,
					    .since = { 1790134742000000000 } };
	m->body.book = (struct bc_book){ l->levels, l->levels + levels, levels, levels };
	l->envelopes[i] = m->envelope;
	return bc_message_encode(m, l->payloads[i], MAX_BYTES, &l->n_payloads[i]) == BC_OK;
}

static bool add_symbol(struct latest *l, size_t i, uint32_t levels, uint64_t *seed)
{
	char state[32];
	uint32_t number = (uint32_t)(2 * i);
	snprintf(l->symbols[i], sizeof l->symbols[i], "KRW-S%zu", i);
	snprintf(l->topics[i], sizeof l->topics[i], "upbit.%s.book", l->symbols[i]);
	snprintf(state, sizeof state, "upbit.%s.state", l->symbols[i]);
	if (!make_payload(l, i, levels, seed) ||
	    bc_latest_add(l->writer, number, bc_str_of(l->topics[i]), MAX_BYTES) != BC_OK ||
	    bc_latest_add(l->writer, number + 1, bc_str_of(state), 128) != BC_OK)
		return false;
	put(l, i);
	struct bc_envelope e = l->envelopes[i];
	e.channel = BC_CHANNEL_STATE;
	const struct bc_latest_news news = { .envelope = &e };
	bc_latest_put(l->writer, (bc_mono_time){ 1 }, number + 1, &news);
	return true;
}

static bool open_latest(struct latest *l, uint32_t levels)
{
	char why[400];
	uint64_t seed = BENCH_SEED;
	if (!bench_directory(l->dir))
		return false;
	snprintf(l->path, sizeof l->path, "%s/upbit.0.latest", l->dir);
	snprintf(l->endpoint, sizeof l->endpoint, "ipc://%s/cache.rpc", l->dir);
	const struct bc_latest_options options = { .dir = l->dir,
						   .name = "upbit.0.latest",
						   .exchange = "upbit",
						   .instance = "0",
						   .epoch = 1790134742106000,
						   .interval_ns = 60 * BC_NS_PER_S };
	if (bc_latest_writer_new(&l->writer, &options, why, sizeof why) != BC_OK)
		return false;
	bc_latest_beat(l->writer, bc_boot_now());
	for (size_t i = 0; i < N_SYMBOLS; i++)
		if (!add_symbol(l, i, levels, &seed))
			return false;
	l->mapped = bc_latest_open(&l->map, l->path, getuid()) == BC_OK;
	return l->mapped && (l->bus = bookcast_connect(l->endpoint)) != NULL;
}

static void close_latest(struct latest *l)
{
	bookcast_close(&l->bus);
	if (l->mapped)
		bc_latest_close(&l->map);
	bc_latest_writer_free(&l->writer);
	rmdir(l->dir);
	free(l);
}

/* ------------------------------------------------------------------ rows */

/* Every symbol's message is found as it was put, and the library finds it in memory. */
static bool all_there(struct latest *l, uint32_t levels)
{
	const bookcast_message *m;
	for (size_t i = 0; i < N_SYMBOLS; i++) {
		bc_str topic = bc_str_of(l->topics[i]);
		if (bc_latest_read(&l->map, topic, bc_latest_hash(topic), l->out,
				   BC_LATEST_MAX_PAYLOAD, &l->found) != BC_OK ||
		    l->found.n_payload != l->n_payloads[i] ||
		    memcmp(l->out, l->payloads[i], l->n_payloads[i]) != 0 ||
		    bookcast_latest(l->bus, "upbit", l->symbols[i], "book", &m) != BOOKCAST_OK ||
		    m->source != BOOKCAST_FROM_MEMORY || m->seq != l->envelopes[i].seq ||
		    m->state != BOOKCAST_LIVE || m->body.book.n_bids != levels)
			return false;
	}
	return true;
}

/* The floor of the promise: copying the payload, and 100 ns. */
static void tell(struct bench *b, const struct bench_timing *t, const struct bench_contender *c,
		 size_t ours, bool promised)
{
	double floor[64];
	struct bench_row row = bench_versus(t, c, ours, 0);
	if (promised && t->n_rounds <= sizeof floor / sizeof *floor) {
		for (size_t i = 0; i < t->n_rounds; i++)
			floor[i] = t->ns[0][i] + ALLOWED_NS;
		row.floor_name = "memcpy and 100 ns";
		row.floor += ALLOWED_NS;
		row.ratio = bench_spread_of_ratios(t->ns[ours], floor, t->n_rounds);
		row.target = BENCH_TARGET_LATEST;
	}
	bench_row(b, &row);
}

static void measure(struct bench *b, struct latest *l, uint32_t levels)
{
	char names[5][64];
	static const char *const whats[] = { "bookcast_latest()", "bookcast_state()",
					     "the message alone, not decoded", "its decoding alone",
					     "the gateway's writing" };
	for (size_t i = 0; i < 5; i++)
		snprintf(names[i], sizeof names[i], "%u levels, %s", levels, whats[i]);
	const struct bench_contender c[] = {
		{ "memcpy", run_memcpy, l, N_SYMBOLS }, { names[0], run_latest, l, N_SYMBOLS },
		{ names[1], run_state, l, N_SYMBOLS },  { names[2], run_read, l, N_SYMBOLS },
		{ names[3], run_decode, l, N_SYMBOLS }, { names[4], run_put, l, N_SYMBOLS },
	};
	struct bench_timing t;
	if (!bench_time(b, c, sizeof c / sizeof *c, &t))
		return;
	for (size_t i = 1; i < sizeof c / sizeof *c; i++)
		tell(b, &t, c, i, i <= 3);
	bench_timing_free(&t);
}

static void run_books(struct bench *b)
{
	static const uint32_t levels[] = { 1, 15, MAX_LEVELS };
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		struct latest *l = calloc(1, sizeof *l);
		if (l == NULL || !open_latest(l, levels[i]))
			bench_fail(b, "the file of the gateway cannot be made in /tmp");
		else if (!all_there(l, levels[i]))
			bench_fail(b, "what was written is not what is read");
		else
			measure(b, l, levels[i]);
		if (l != NULL)
			close_latest(l);
	}
}

static const struct bench_scenario scenarios[] = {
	{ "latest.book", "the newest book out of the gateway's memory, of 32 symbols in turns",
	  "copying the payload (memcpy), and 100 ns",
	  "finding the topic, asking for the time, judging the state, decoding", run_books },
};

const struct bench_group bench_latest = { "latest", "The newest message in shared memory",
					  scenarios, sizeof scenarios / sizeof *scenarios };
