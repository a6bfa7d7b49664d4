/* frames_upbit.h - generated Upbit order book frames, spelt as the exchange spells them. */
#ifndef BENCH_FRAMES_UPBIT_H
#define BENCH_FRAMES_UPBIT_H

#include "bench/random.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define UPBIT_FRAME_MAX(levels) (256 + (size_t)(levels)*128)

/* A quantity of 8 decimals, as often as not without its trailing zeros; one in 64 with an exponent,
 * as the exchange writes small ones. */
static inline int upbit_quantity(char *out, size_t cap, uint64_t *seed)
{
	uint64_t r = bench_random(seed);
	uint64_t whole = r % 100 < 70 ? 0 : r >> 8 & 1023;
	if ((r >> 40 & 63) == 0)
		return snprintf(out, cap, "%llu.%lluE-4", (unsigned long long)(1 + (r >> 20) % 9),
				(unsigned long long)((r >> 24) % 10000));
	int n = snprintf(out, cap, "%llu.%08llu", (unsigned long long)whole,
			 (unsigned long long)(bench_random(seed) % 100000000));
	while (r % 2 == 0 && out[n - 1] == '0' && out[n - 2] != '.')
		out[--n] = '\0';
	return n;
}

/* Writes a frame of `levels` pairs in the DEFAULT or SIMPLE format; returns its length. */
static inline size_t upbit_frame(char *out, unsigned levels, bool simple, uint64_t *seed)
{
	static const char *const long_names[] = { "type",           "code",
						  "timestamp",      "total_ask_size",
						  "total_bid_size", "orderbook_units",
						  "ask_price",      "bid_price",
						  "ask_size",       "bid_size",
						  "stream_type",    "level" };
	static const char *const short_names[] = { "ty", "cd", "tms", "tas", "tbs", "obu",
						   "ap", "bp", "as",  "bs",  "st",  "lv" };
	const char *const *name = simple ? short_names : long_names;
	size_t cap = UPBIT_FRAME_MAX(levels), n = 0;
	unsigned long long ask = 137000000 + bench_random(seed) % 400 * 1000, bid = ask - 1000;
	unsigned long long ms = 1790134742106 + bench_random(seed) % 1000000;
	char a[32], b[32];

	upbit_quantity(a, sizeof a, seed);
	upbit_quantity(b, sizeof b, seed);
	n += (size_t)snprintf(out, cap,
			      "{\"%s\":\"orderbook\",\"%s\":\"KRW-%s\",\"%s\":%llu,\"%s\":%s,"
			      "\"%s\":%s,\"%s\":[",
			      name[0], name[1], bench_random(seed) % 2 == 0 ? "BTC" : "XRP",
			      name[2], ms, name[3], a, name[4], b, name[5]);
	for (unsigned i = 0; i < levels; i++) {
		upbit_quantity(a, sizeof a, seed);
		upbit_quantity(b, sizeof b, seed);
		n += (size_t)snprintf(out + n, cap - n,
				      "%s{\"%s\":%llu,\"%s\":%llu,\"%s\":%s,\"%s\":%s}",
				      i > 0 ? "," : "", name[6], ask, name[7], bid, name[8], a,
				      name[9], b);
		ask += 1000 * (1 + bench_random(seed) % 3);
		bid -= 1000 * (1 + bench_random(seed) % 3);
	}
	n += (size_t)snprintf(out + n, cap - n, "],\"%s\":\"REALTIME\",\"%s\":0}", name[10],
			      name[11]);
	return n;
}

#endif
