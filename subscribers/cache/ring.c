#include "subscribers/cache/ring.h"

#include "common/name_index.h"

#include <stdlib.h>
#include <string.h>

#define CLOCK_TOLERANCE (60 * BC_NS_PER_S)

/* What of a message decides its place, and whether it replaces another one. */
struct key {
	int64_t at; /* trades: when; candles: their start */
	bc_str id;  /* trades */
	bool is_candle;
	enum bc_closed closed;
	bc_wall_time ts_exchange, ts_recv;
};

struct block {
	struct key key; /* its id points into bytes */
	size_t n, cap;
	char bytes[];
};

struct cache_ring {
	struct block **slots; /* circular, in order from `first` */
	size_t n_slots;       /* 0 or a power of two */
	size_t first, n, max;
	size_t n_bytes;           /* of the blocks */
	struct bc_name_index ids; /* names lie in the blocks */
};

enum { FIRST_SLOTS = 16 };

struct cache_ring *cache_ring_new(size_t max)
{
	struct cache_ring *ring = calloc(1, sizeof *ring);
	if (ring != NULL)
		ring->max = max;
	return ring;
}

void cache_ring_free(struct cache_ring **ring)
{
	if (*ring == NULL)
		return;
	cache_ring_trim(*ring, 0);
	free(*ring);
	*ring = NULL;
}

size_t cache_ring_count(const struct cache_ring *ring)
{
	return ring->n;
}

size_t cache_ring_bytes(const struct cache_ring *ring)
{
	return sizeof *ring + ring->n_bytes + ring->n_slots * sizeof(struct block *) +
	       ring->ids.capacity * sizeof *ring->ids.entries;
}

static struct block **slot(const struct cache_ring *ring, size_t i)
{
	return &ring->slots[(ring->first + i) & (ring->n_slots - 1)];
}

bc_str cache_ring_at(const struct cache_ring *ring, size_t i)
{
	const struct block *b = *slot(ring, i);
	return (bc_str){ b->bytes, b->n };
}

/* ---- order ---- */

static bool believable(bc_wall_time exchange, bc_wall_time received)
{
	return bc_wall_known(exchange) &&
	       (exchange.ns <= received.ns ||
		(uint64_t)exchange.ns - (uint64_t)received.ns <= CLOCK_TOLERANCE);
}

static bool read_key(const struct bc_message *m, struct key *key)
{
	const struct bc_envelope *e = &m->envelope;
	*key = (struct key){ .is_candle = e->channel == BC_CHANNEL_CANDLE,
			     .closed = BC_CLOSED_UNKNOWN,
			     .ts_exchange = e->ts_exchange,
			     .ts_recv = e->ts_recv };
	if (key->is_candle) {
		key->at = m->body.candle.ts_open.ns;
		key->closed = m->body.candle.closed;
		return true;
	}
	key->at = believable(e->ts_exchange, e->ts_recv) ? e->ts_exchange.ns : e->ts_recv.ns;
	key->id = m->body.trade.trade_id;
	return e->channel == BC_CHANNEL_TRADE;
}

static int compare_keys(const struct key *a, const struct key *b)
{
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return bc_trade_id_compare(a->id, b->id);
}

/* Behind all that are not after it. */
static size_t place_of(const struct cache_ring *ring, const struct key *key)
{
	size_t from = 0, to = ring->n;
	if (to > 0 && compare_keys(&(*slot(ring, to - 1))->key, key) <= 0)
		return to; /* as they usually come */
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (compare_keys(&(*slot(ring, middle))->key, key) <= 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* Of two candles of one start. */
static bool replaces(const struct key *in, const struct key *held)
{
	if ((in->closed == BC_CLOSED_YES) != (held->closed == BC_CLOSED_YES) &&
	    in->closed != BC_CLOSED_UNKNOWN && held->closed != BC_CLOSED_UNKNOWN)
		return in->closed == BC_CLOSED_YES;
	if (bc_wall_known(in->ts_exchange) && bc_wall_known(held->ts_exchange) &&
	    in->ts_exchange.ns != held->ts_exchange.ns)
		return in->ts_exchange.ns > held->ts_exchange.ns;
	return in->ts_recv.ns >= held->ts_recv.ns;
}

/* ---- memory ---- */

/* A block of the right size, in place of `old`, which may be NULL and is gone afterwards. */
static struct block *fit_block(struct cache_ring *ring, struct block *old, size_t n)
{
	size_t cap = (n + 31) & ~(size_t)31;
	if (old != NULL && old->cap >= n && old->cap <= 4 * cap)
		return old;
	if (old != NULL)
		ring->n_bytes -= sizeof *old + old->cap;
	free(old);
	struct block *b = malloc(sizeof *b + cap);
	if (b == NULL)
		return NULL;
	b->cap = cap;
	ring->n_bytes += sizeof *b + cap;
	return b;
}

static void free_block(struct cache_ring *ring, struct block *b)
{
	ring->n_bytes -= sizeof *b + b->cap;
	free(b);
}

static void fill_block(struct block *b, const struct key *key, bc_str payload)
{
	memcpy(b->bytes, payload.p, payload.n);
	b->n = payload.n;
	b->key = *key;
	if (key->id.n > 0)
		b->key.id.p = b->bytes + (key->id.p - payload.p);
}

/* Room for at least one more pointer. */
static bc_status need_slot(struct cache_ring *ring)
{
	if (ring->n < ring->n_slots)
		return BC_OK;
	size_t n_slots = ring->n_slots == 0 ? FIRST_SLOTS : 2 * ring->n_slots;
	struct block **slots = calloc(n_slots, sizeof(struct block *));
	if (slots == NULL)
		return BC_ENOMEM;
	for (size_t i = 0; i < ring->n; i++)
		slots[i] = *slot(ring, i);
	free(ring->slots);
	ring->slots = slots;
	ring->n_slots = n_slots;
	ring->first = 0;
	return BC_OK;
}

static struct block *take_oldest(struct cache_ring *ring)
{
	struct block *b = *slot(ring, 0);
	ring->first = (ring->first + 1) & (ring->n_slots - 1);
	ring->n--;
	if (b->key.id.n > 0)
		bc_name_remove(&ring->ids, b->key.id);
	return b;
}

void cache_ring_trim(struct cache_ring *ring, size_t keep)
{
	while (ring->n > keep)
		free_block(ring, take_oldest(ring));
	struct cache_ring small = { .max = ring->max, .n_bytes = ring->n_bytes };
	bc_status rc = BC_OK;
	for (size_t i = 0; i < ring->n && rc == BC_OK; i++) {
		struct block *b = *slot(ring, i);
		if ((rc = need_slot(&small)) == BC_OK && b->key.id.n > 0)
			rc = bc_name_put(&small.ids, b->key.id, 0);
		if (rc == BC_OK)
			*slot(&small, small.n++) = b;
	}
	if (rc != BC_OK) { /* no memory to become smaller: as it is, then */
		free(small.slots);
		bc_name_free(&small.ids);
		return;
	}
	free(ring->slots);
	bc_name_free(&ring->ids);
	*ring = small;
}

/* ---- putting ---- */

/* Opens a gap at place p, moving the shorter side. */
static void insert(struct cache_ring *ring, size_t p, struct block *b)
{
	if (p < ring->n / 2) {
		ring->first = (ring->first - 1) & (ring->n_slots - 1);
		for (size_t i = 0; i < p; i++)
			*slot(ring, i) = *slot(ring, i + 1);
	} else {
		for (size_t i = ring->n; i > p; i--)
			*slot(ring, i) = *slot(ring, i - 1);
	}
	*slot(ring, p) = b;
	ring->n++;
}

static bc_status replace(struct cache_ring *ring, struct block **held, const struct key *key,
			 bc_str payload)
{
	if (!replaces(key, &(*held)->key))
		return BC_EDUPLICATE;
	size_t cap = (*held)->cap;
	if (payload.n > cap) { /* grown before the old one is let go */
		struct block *b = fit_block(ring, NULL, payload.n);
		if (b == NULL)
			return BC_ENOMEM;
		free_block(ring, *held);
		*held = b;
	}
	fill_block(*held, key, payload);
	return BC_OK;
}

bc_status cache_ring_put(struct cache_ring *ring, const struct bc_message *m, bc_str payload)
{
	struct key key;
	struct block *b = NULL;
	if (!read_key(m, &key))
		return BC_EINVAL;
	if (payload.n == 0 || payload.n > CACHE_RING_MAX_PAYLOAD)
		return BC_ERANGE;
	if (key.id.n > 0 && bc_name_find(&ring->ids, key.id) != BC_NAME_NONE)
		return BC_EDUPLICATE;
	size_t p = place_of(ring, &key);
	if (key.is_candle && p > 0 && (*slot(ring, p - 1))->key.at == key.at)
		return replace(ring, slot(ring, p - 1), &key, payload);
	if (ring->n == ring->max) {
		if (p == 0)
			return BC_ERANGE;
		b = take_oldest(ring);
		p--;
	}
	b = fit_block(ring, b, payload.n);
	if (b == NULL)
		return BC_ENOMEM;
	fill_block(b, &key, payload);
	if (need_slot(ring) != BC_OK ||
	    (b->key.id.n > 0 && bc_name_put(&ring->ids, b->key.id, 0) != BC_OK)) {
		free_block(ring, b);
		return BC_ENOMEM;
	}
	insert(ring, p, b);
	return BC_OK;
}
