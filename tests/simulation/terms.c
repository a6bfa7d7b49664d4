/* terms.c - the exchange as this seed finds it: with other limits, shorter lives, fewer streams.
 *
 * The dice are of its own, so that a trial without any of it is what it was. */
#include "tests/simulation/trial_private.h"

#include <string.h>

/* Snapshots so small that the price walks out of them. */
static void change_limits(struct gateway *g)
{
	if (g->t->model->limits == NULL || shards_flawless(g->t))
		return;
	g->sync = *g->changed.sync;
	g->sync.limits = g->t->model->limits;
	g->sync.n_limits = g->t->model->n_limits;
	g->changed.sync = &g->sync;
}

/* Where the exchange ends connections at an age, they grow old within the trial: so soon that
 * a handover is cut short, or late enough for it. Both need time, and connections that last. */
static void shorten_lives(struct gateway *g, struct dice *d)
{
	bool does = dice_hits(d, 250000), soon = dice_hits(d, 300000);
	int64_t life = (soon ? dice_between(d, 14, 30) : dice_between(d, 36, 50)) * S;
	int64_t storm = soon ? dice_between(d, 15, 40) : dice_between(d, 30, 60);
	does &= !g->shares_address; /* one address may not connect so often for so many */
	for (size_t i = 0; does && i < g->changed.n_lines; i++) {
		struct bc_line *line = &g->lines[i];
		g->t->terms.short_life |= line->life_ns > 0;
		line->life_ns = line->life_ns > 0 ? life : 0;
	}
	if (!g->t->terms.short_life)
		return;
	g->plan.every_ns *= dice_between(d, 1, 6);
	if (g->t->o.storm_ns == 0)
		g->t->storm_ns = storm * S;
}

/* So few streams a connection that the symbols need several. */
static void narrow_lines(struct gateway *g, struct dice *d)
{
	bool does = dice_hits(d, 250000);
	uint32_t few = (uint32_t)dice_between(d, 6, 16);
	for (size_t i = 0; does && i < g->changed.n_lines; i++) {
		struct bc_line *line = &g->lines[i];
		g->t->terms.few_streams |= line->max_streams > few;
		line->max_streams = line->max_streams > few ? few : line->max_streams;
	}
}

bool terms_make(struct gateway *g)
{
	struct dice d = { .state = g->t->o.seed * UINT64_C(0xd1342543de82ef95) + 1 };
	g->changed = *bc_exchange_find(g->t->model->exchange);
	g->x = &g->changed;
	if (g->changed.n_lines > sizeof g->lines / sizeof *g->lines)
		return false;
	memcpy(g->lines, g->changed.lines, g->changed.n_lines * sizeof *g->lines);
	g->changed.lines = g->lines;
	change_limits(g);
	shorten_lives(g, &d);
	narrow_lines(g, &d);
	g->t->terms.partial = dice_hits(&d, 120000) && g->t->model->partial_levels > 0;
	g->t->terms.never_polled = dice_hits(&d, 100000);
	g->t->terms.rest_after_ns = dice_between(&d, 1, 10) * S;
	g->t->terms.only_polled = dice_hits(&d, 40000) && g->t->shards == NULL;
	g->t->result->terms = g->t->terms;
	return true;
}

/* Books in pieces are made of changes; whole ones of few levels need none. */
void terms_choose(const struct gateway *g, struct session_options *o)
{
	o->feed.book_partial = g->t->terms.partial;
	o->source = g->t->terms.only_polled    ? SESSION_REST
		    : g->t->terms.never_polled ? SESSION_WS
					       : SESSION_AUTO;
	o->rest_after_ns = g->t->terms.rest_after_ns;
	if (g->t->terms.partial && o->levels > g->t->model->partial_levels)
		o->levels = g->t->model->partial_levels;
}
