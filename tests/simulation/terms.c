/* terms.c - the exchange as this seed finds it: with other limits, shorter lives, fewer streams.
 *
 * The dice are of its own, so that a trial without any of it is what it was. */
#include "tests/simulation/trial_private.h"

#include <string.h>

/* Snapshots so small that the price walks out of them. */
static void change_limits(struct trial *t)
{
	if (t->model->limits == NULL)
		return;
	t->sync = *t->changed.sync;
	t->sync.limits = t->model->limits;
	t->sync.n_limits = t->model->n_limits;
	t->changed.sync = &t->sync;
}

/* Where the exchange ends connections at an age, they grow old within the trial: so soon that
 * a handover is cut short, or late enough for it. Both need time, and connections that last. */
static void shorten_lives(struct trial *t, struct dice *d)
{
	bool does = dice_hits(d, 250000), soon = dice_hits(d, 300000);
	int64_t life = (soon ? dice_between(d, 14, 30) : dice_between(d, 36, 50)) * S;
	int64_t storm = soon ? dice_between(d, 15, 40) : dice_between(d, 30, 60);
	for (size_t i = 0; does && i < t->changed.n_lines; i++) {
		struct bc_line *line = &t->lines[i];
		t->terms.short_life |= line->life_ns > 0;
		line->life_ns = line->life_ns > 0 ? life : 0;
	}
	if (!t->terms.short_life)
		return;
	t->plan.every_ns *= dice_between(d, 1, 6);
	if (t->o.storm_ns == 0)
		t->plan.storm_ns = storm * S;
}

/* So few streams a connection that the symbols need several. */
static void narrow_lines(struct trial *t, struct dice *d)
{
	bool does = dice_hits(d, 250000);
	uint32_t few = (uint32_t)dice_between(d, 6, 16);
	for (size_t i = 0; does && i < t->changed.n_lines; i++) {
		struct bc_line *line = &t->lines[i];
		t->terms.few_streams |= line->max_streams > few;
		line->max_streams = line->max_streams > few ? few : line->max_streams;
	}
}

bool terms_make(struct trial *t)
{
	struct dice d = { .state = t->o.seed * UINT64_C(0xd1342543de82ef95) + 1 };
	t->changed = *bc_exchange_find(t->model->exchange);
	t->x = &t->changed;
	if (t->changed.n_lines > sizeof t->lines / sizeof *t->lines)
		return false;
	memcpy(t->lines, t->changed.lines, t->changed.n_lines * sizeof *t->lines);
	t->changed.lines = t->lines;
	change_limits(t);
	shorten_lives(t, &d);
	narrow_lines(t, &d);
	t->terms.partial = dice_hits(&d, 120000) && t->model->partial_levels > 0;
	t->result->terms = t->terms;
	return true;
}

/* Books in pieces are made of changes; whole ones of few levels need none. */
void terms_choose(const struct trial *t, struct session_options *o)
{
	o->feed.book_partial = t->terms.partial;
	if (t->terms.partial && o->levels > t->model->partial_levels)
		o->levels = t->model->partial_levels;
}
