/* arbiter_losses.c - what is missing in one line's numbers, and whether another line has brought
 * it. */
#include "common/arbiter_parts.h"

void arbiter_give_up(struct hole *hole, struct bc_ruling *r)
{
	r->n_lost += hole->n;
	r->n_gaps += hole->n_gaps;
	*hole = (struct hole){ .n = 0 };
}

void arbiter_note_hole(struct line *line, uint64_t n_lost, struct bc_ruling *r)
{
	struct hole *hole = &line->open;
	if (hole->n == 0)
		hole->from = line->high;
	hole->n += n_lost;
	hole->n_gaps++;
	hole->ended = false;
	if (!line->heard) /* who could have filled it? */
		arbiter_give_up(hole, r);
}

static bool has_got_to_its_end(const struct line *l, const struct hole *hole)
{
	return hole->ended && reaches(&l->high, &hole->to);
}

/* Has the line brought all that is between the two, or will it? Who has restarted has said nothing
 * yet; what the process before it said it said. */
static bool covers(const struct line *l, const struct hole *hole, bool *has_brought)
{
	if (!l->heard || !reaches(&hole->from, &l->from))
		return false;
	*has_brought = has_got_to_its_end(l, hole);
	return *has_brought || (!l->gone && !l->began);
}

/* As seen_ring has it of a trade. */
static int64_t standing_of(const struct place *p)
{
	if (p->at.exchange_seq <= INT64_MAX)
		return (int64_t)p->at.exchange_seq;
	return bc_wall_known(p->at.ts_exchange) ? p->at.ts_exchange.ns : NOWHERE;
}

/* How many of the missing trades the line has brought, though it is whole only since after the
 * hole's beginning. A trade is a message, so those that it said since it is whole and the other
 * line did not are all missing there, if the other line was there then; and if that began later,
 * what it misses is among them. */
static uint64_t brought_since(const struct bc_arbiter *a, const struct line *holed,
			      const struct line *l)
{
	const struct seen_ring *ring = &a->events;
	const struct hole *hole = &holed->open;
	const uint32_t own = arbiter_bit(a, holed), its = arbiter_bit(a, l);
	const int64_t from = standing_of(&l->from), to = standing_of(&hole->to);
	uint64_t n = 0;
	if (from == NOWHERE || hole->restarts || !has_got_to_its_end(l, hole))
		return 0;
	for (uint32_t i = 0; i < ring->n && n < hole->n; i++) {
		const struct seen *e = &ring->entries[(ring->first + i) % ring->cap];
		n += e->at >= from && e->at < to && (e->said & its) != 0 && (e->said & own) == 0;
	}
	return n;
}

/* Nobody covers it; a line that is there may still bring some of what is missing. */
static bool may_bring(const struct line *l, const struct hole *hole)
{
	return l->heard && !l->gone && !hole->restarts &&
	       (l->began || !has_got_to_its_end(l, hole));
}

static void settle_in_part(const struct bc_arbiter *a, struct line *line, struct bc_ruling *r)
{
	uint64_t most = 0;
	for (size_t i = 0; i < BC_ARBITER_LINES; i++) {
		if (&a->lines[i] == line || a->lines[i].epoch == 0)
			continue;
		if (may_bring(&a->lines[i], &line->open))
			return;
		uint64_t n = brought_since(a, line, &a->lines[i]);
		most = n > most ? n : most;
	}
	r->n_filled += most;
	line->open.n -= most;
	if (line->open.n > 0)
		arbiter_give_up(&line->open, r);
	line->open = (struct hole){ .n = 0 };
}

void arbiter_settle_hole(struct bc_arbiter *a, struct line *line, struct bc_ruling *r)
{
	bool hope = false, filled = false;
	for (size_t i = 0; i < BC_ARBITER_LINES && !filled; i++)
		if (&a->lines[i] != line && a->lines[i].epoch != 0)
			hope |= covers(&a->lines[i], &line->open, &filled);
	if (filled) {
		r->n_filled += line->open.n;
		line->open = (struct hole){ .n = 0 };
	} else if (!hope && a->of_trades) {
		settle_in_part(a, line, r);
	} else if (!hope) {
		arbiter_give_up(&line->open, r);
	}
}
