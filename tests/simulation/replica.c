#include "tests/simulation/replica.h"

#include "tests/simulation/room.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the log */

void replica_log_begin(struct replica_log *log, const struct market *m, size_t symbol, uint64_t id)
{
	log->first_id = id;
	for (int side = 0; side < 2; side++) {
		struct replica_side *s = &log->first[side];
		size_t depth = market_depth(m, symbol, (enum market_side)side);
		for (size_t k = depth; k-- > 0;) {
			struct replica_level l;
			market_raw_level(m, symbol, (enum market_side)side, k, &l.price,
					 &l.quantity);
			s->levels = room_for_one(s->levels, s->n, &s->cap, sizeof l);
			s->levels[s->n++] = l;
		}
	}
}

void replica_log_add(struct replica_log *log, const struct replica_change *change)
{
	log->changes = room_for_one(log->changes, log->n, &log->cap, sizeof *log->changes);
	log->changes[log->n++] = *change;
}

void replica_log_free(struct replica_log *log)
{
	free(log->first[0].levels);
	free(log->first[1].levels);
	free(log->changes);
}

/* ------------------------------------------------------------------ the book */

static size_t place_of(const struct replica_side *s, enum market_side side, int64_t price)
{
	size_t low = 0, high = s->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int64_t have = s->levels[mid].price;
		if (side == MARKET_BID ? have < price : have > price)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void apply(struct replica_side *s, const struct replica_change *c)
{
	size_t at = place_of(s, c->side, c->price);
	bool there = at < s->n && s->levels[at].price == c->price;
	size_t behind = s->n - at;
	if (there && c->quantity > 0) {
		s->levels[at].quantity = c->quantity;
	} else if (there) {
		memmove(s->levels + at, s->levels + at + 1, (behind - 1) * sizeof *s->levels);
		s->n--;
	} else if (c->quantity > 0) {
		s->levels = room_for_one(s->levels, s->n, &s->cap, sizeof *s->levels);
		memmove(s->levels + at + 1, s->levels + at, behind * sizeof *s->levels);
		s->levels[at] = (struct replica_level){ c->price, c->quantity };
		s->n++;
	}
}

static void begin(struct replica *r, const struct replica_log *log)
{
	for (int side = 0; side < 2; side++) {
		struct replica_side *s = &r->sides[side];
		s->n = 0;
		for (size_t i = 0; i < log->first[side].n; i++) {
			s->levels = room_for_one(s->levels, s->n, &s->cap, sizeof *s->levels);
			s->levels[s->n++] = log->first[side].levels[i];
		}
	}
	r->at = log->dropped;
	r->begun = true;
}

void replica_log_trim(struct replica_log *log, size_t keep)
{
	size_t n = log->n - keep;
	if (log->n <= keep)
		return;
	for (size_t i = 0; i < n; i++)
		apply(&log->first[log->changes[i].side], &log->changes[i]);
	log->first_id = log->changes[n - 1].id;
	log->dropped += n;
	log->n = keep;
	memmove(log->changes, log->changes + n, keep * sizeof *log->changes);
}

bool replica_seek(struct replica *r, const struct replica_log *log, uint64_t id)
{
	size_t end = log->dropped + log->n;
	const struct replica_change *changes = log->changes;
	if (r->begun && r->at > log->dropped && changes[r->at - log->dropped - 1].id > id)
		r->begun = false;
	if (!r->begun || r->at < log->dropped)
		begin(r, log);
	for (; r->at < end && changes[r->at - log->dropped].id <= id; r->at++)
		apply(&r->sides[changes[r->at - log->dropped].side],
		      &changes[r->at - log->dropped]);
	return id == (r->at == log->dropped ? log->first_id : changes[r->at - log->dropped - 1].id);
}

uint32_t replica_top(const struct replica *r, const struct market_spec *spec, enum market_side side,
		     uint32_t n, bc_level *out)
{
	const struct replica_side *s = &r->sides[side];
	uint32_t k = 0;
	for (; k < n && k < s->n; k++) {
		const struct replica_level *l = &s->levels[s->n - 1 - k];
		out[k] = (bc_level){ market_price(spec, l->price),
				     market_quantity(spec, l->quantity) };
	}
	return k;
}

void replica_free(struct replica *r)
{
	free(r->sides[0].levels);
	free(r->sides[1].levels);
}
