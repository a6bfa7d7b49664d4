/* replica.h - the book of one symbol at any of its numbers, out of a log of its changes.
 *
 * Units  prices in whole ticks, quantities in mantissas, as the market keeps them.
 * Cost   going on is cheap; going back begins anew. */
#ifndef BC_SIMULATION_REPLICA_H
#define BC_SIMULATION_REPLICA_H

#include "publisher/simulator/market.h"

struct replica_change {
	uint64_t id; /* of the book after it */
	enum market_side side;
	int64_t price, quantity; /* 0: gone */
};

struct replica_level {
	int64_t price, quantity;
};

struct replica_side { /* best last */
	struct replica_level *levels;
	size_t n, cap;
};

struct replica_log {
	struct replica_side first[2]; /* before the changes that are kept */
	uint64_t first_id;
	size_t dropped; /* older changes */
	struct replica_change *changes;
	size_t n, cap;
};

struct replica {
	struct replica_side sides[2];
	size_t at; /* changes that are in it, dropped ones included */
	bool begun;
};

void replica_log_begin(struct replica_log *log, const struct market *market, size_t symbol,
		       uint64_t id);
void replica_log_add(struct replica_log *log, const struct replica_change *change);
void replica_log_trim(struct replica_log *log, size_t keep); /* the oldest are forgotten */
void replica_log_free(struct replica_log *log);

/* Makes it the book that has this very number; false: no book ever had it. */
bool replica_seek(struct replica *r, const struct replica_log *log, uint64_t id);
/* The best n levels, best first; returns how many there are. */
uint32_t replica_top(const struct replica *r, const struct market_spec *spec, enum market_side side,
		     uint32_t n, bc_level *out);
void replica_free(struct replica *r);

#endif
