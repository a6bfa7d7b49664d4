/* arbiter_parts.h - what the arbiter is made of: lines, how far each has got, and what it missed.
 * Internal to the arbiter. */
#ifndef BC_ARBITER_PARTS_H
#define BC_ARBITER_PARTS_H

#include "common/arbiter.h"
#include "common/seen_ring.h"

#define NOWHERE INT64_MIN

/* How far a line has got: of a candle its start first. */
struct place {
	int64_t ts_open;
	bool closed;
	struct bc_place_in_time at;
};

struct hole {
	uint64_t n, n_gaps; /* messages that are missing, in so many gaps; 0: there is none */
	struct place from, to;
	bool ended;    /* `to` is known */
	bool restarts; /* its line has restarted since it began */
};

struct line {
	uint64_t epoch;    /* 0: free */
	uint64_t spoken;   /* when, counted in messages */
	struct place high; /* the furthest it has got */
	struct place from; /* since here it has no hole */
	int64_t top;       /* of its events */
	bool heard, gone;
	bool began; /* a process has: what happened before it, it does not say */
	bool made_floor;
	struct hole open;
};

struct taken {
	uint64_t epoch; /* 0: nothing */
	struct place place;
	uint64_t content;
};

struct bc_arbiter {
	struct line lines[BC_ARBITER_LINES];
	uint64_t n_spoken;
	bool of_trades;
	struct taken last, fit; /* taken last; taken last while the topic was fit */
	int64_t floor;          /* of events: from here on downwards they are not remembered */
	bc_mono_time behind;    /* since when a line is; 0: none */
	struct seen_ring events, moment; /* moment: of the time that was taken last */
	struct seen entries[];
};

static inline uint32_t arbiter_bit(const struct bc_arbiter *a, const struct line *line)
{
	return 1u << (line - a->lines);
}

/* ---- places ---- */

enum { NO_ORDER = 2 };

static inline int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static inline int compare_times(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Below 0: a is older; NO_ORDER: the exchange says nothing of it. */
static inline int arbiter_compare(const struct place *a, const struct place *b)
{
	if (a->ts_open != b->ts_open)
		return compare_times(a->ts_open, b->ts_open);
	if (a->closed != b->closed)
		return a->closed ? 1 : -1;
	if (a->at.exchange_seq != BC_SEQ_NONE && b->at.exchange_seq != BC_SEQ_NONE)
		return compare_numbers(a->at.exchange_seq, b->at.exchange_seq);
	if (bc_wall_known(a->at.ts_exchange) && bc_wall_known(b->at.ts_exchange))
		return compare_times(a->at.ts_exchange.ns, b->at.ts_exchange.ns);
	return NO_ORDER;
}

static inline bool reaches(const struct place *a, const struct place *b)
{
	int by = arbiter_compare(a, b);
	return by == 0 || by == 1;
}

/* ---- losses: arbiter_losses.c ---- */

/* So many of the line's messages are missing right before the one that it says now. */
void arbiter_note_hole(struct line *line, uint64_t n_lost, struct bc_ruling *r);
void arbiter_give_up(struct hole *hole, struct bc_ruling *r);
void arbiter_settle_hole(struct bc_arbiter *a, struct line *line, struct bc_ruling *r);

static inline void arbiter_settle(struct bc_arbiter *a, struct bc_ruling *r)
{
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		if (a->lines[i].open.n > 0)
			arbiter_settle_hole(a, &a->lines[i], r);
}

#endif
