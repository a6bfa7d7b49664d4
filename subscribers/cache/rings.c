#include "subscribers/cache/rings.h"

#include "proto/topic.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1 /* uthash would end the process */
#include <uthash.h>

enum { LOOK_AT = 64, MAX_HALVED = 16 };

struct kept {
	UT_hash_handle hh;
	struct cache_ring *ring;
	size_t n_topic;
	char topic[];
};

struct cache_rings {
	struct cache_rings_limits limits;
	struct cache_rings_stats stats;
	struct kept *all;
	struct kept *turn; /* where the search for the largest goes on; NULL: at the first */
	size_t n_bytes;
};

struct cache_rings *cache_rings_new(const struct cache_rings_limits *limits)
{
	struct cache_rings *r = calloc(1, sizeof *r);
	if (r != NULL)
		r->limits = *limits;
	return r;
}

static size_t bytes_of(const struct kept *k)
{
	return sizeof *k + k->n_topic + cache_ring_bytes(k->ring);
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
static struct kept *find(const struct cache_rings *r, bc_str topic)
{
	struct kept *k = NULL;
	if (topic.n > 0 && topic.n <= BC_TOPIC_MAX)
		HASH_FIND(hh, r->all, topic.p, topic.n, k);
	return k;
}

static void drop(struct cache_rings *r, struct kept *k)
{
	if (r->turn == k)
		r->turn = k->hh.next;
	r->n_bytes -= bytes_of(k);
	/* It is still there. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_DEL(r->all, k);
	cache_ring_free(&k->ring);
	free(k);
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
static struct kept *add(struct cache_rings *r, bc_str topic, size_t max)
{
	struct kept *k = calloc(1, sizeof *k + topic.n);
	if (k == NULL)
		return NULL;
	memcpy(k->topic, topic.p, topic.n);
	k->n_topic = topic.n;
	if ((k->ring = cache_ring_new(max)) != NULL)
		HASH_ADD_KEYPTR(hh, r->all, k->topic, k->n_topic, k);
	if (k->ring == NULL || k->hh.tbl == NULL) { /* no memory for the ring, for the table */
		cache_ring_free(&k->ring);
		free(k);
		return NULL;
	}
	r->n_bytes += bytes_of(k);
	return k;
}

void cache_rings_free(struct cache_rings **rings)
{
	struct kept *k, *next;
	if (*rings == NULL)
		return;
	HASH_ITER (hh, (*rings)->all, k, next)
		drop(*rings, k);
	free(*rings);
	*rings = NULL;
}

/* ---- the limit ---- */

/* The largest of those whose turn it is: not of all, so that the work is bounded. */
static struct kept *largest(struct cache_rings *r)
{
	struct kept *best = NULL;
	size_t n = HASH_COUNT(r->all) < LOOK_AT ? HASH_COUNT(r->all) : LOOK_AT;
	for (size_t i = 0; i < n; i++) {
		struct kept *k = r->turn != NULL ? r->turn : r->all;
		if (cache_ring_count(k->ring) > 0 && (best == NULL || bytes_of(k) > bytes_of(best)))
			best = k;
		r->turn = k->hh.next;
	}
	return best;
}

static void make_room(struct cache_rings *r)
{
	for (int i = 0; i < MAX_HALVED && r->n_bytes > r->limits.max_bytes; i++) {
		struct kept *k = largest(r);
		if (k == NULL)
			continue; /* the next ones may hold something */
		r->n_bytes -= bytes_of(k);
		cache_ring_trim(k->ring, cache_ring_count(k->ring) / 2);
		r->n_bytes += bytes_of(k);
		r->stats.halved++;
	}
}

/* ---- taking ---- */

static void count(struct cache_rings *r, bc_status rc)
{
	if (rc == BC_OK)
		r->stats.kept++;
	else if (rc == BC_EDUPLICATE)
		r->stats.duplicates++;
	else if (rc == BC_ERANGE)
		r->stats.late++;
	else
		r->stats.refused++;
}

void cache_rings_take(struct cache_rings *r, bc_str topic, bc_str payload,
		      const struct bc_message *m)
{
	enum bc_channel channel = m->envelope.channel;
	size_t max = channel == BC_CHANNEL_TRADE    ? r->limits.trades
		     : channel == BC_CHANNEL_CANDLE ? r->limits.candles
						    : 0;
	if (max == 0)
		return;
	struct kept *k = find(r, topic);
	if (k == NULL)
		k = add(r, topic, max);
	if (k == NULL || payload.n > CACHE_RING_MAX_PAYLOAD) {
		r->stats.refused++;
		return;
	}
	r->n_bytes -= bytes_of(k);
	bc_status rc = cache_ring_put(k->ring, m, payload);
	r->n_bytes += bytes_of(k);
	if (r->n_bytes > r->limits.max_bytes)
		make_room(r);
	if (r->n_bytes > r->limits.max_bytes) {
		drop(r, k);
		rc = BC_ENOMEM;
	}
	count(r, rc);
}

void cache_rings_forget(void *self, bc_str topic)
{
	struct cache_rings *r = self;
	struct kept *k = find(r, topic);
	if (k != NULL)
		drop(r, k);
}

const struct cache_ring *cache_rings_find(const struct cache_rings *r, bc_str topic)
{
	const struct kept *k = find(r, topic);
	return k == NULL ? NULL : k->ring;
}

const struct cache_rings_limits *cache_rings_limits(const struct cache_rings *r)
{
	return &r->limits;
}

const struct cache_rings_stats *cache_rings_stats(const struct cache_rings *r)
{
	return &r->stats;
}

size_t cache_rings_count(const struct cache_rings *r)
{
	return HASH_COUNT(r->all);
}

size_t cache_rings_bytes(const struct cache_rings *r)
{
	return r->n_bytes;
}
