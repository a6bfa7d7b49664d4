#include "common/arbiter.h"

#include "common/seen_ring.h"
#include "proto/msgpack_read.h"

#include <stdlib.h>

enum { SAME_TIME = 16 }; /* messages of one time that are remembered, where nothing is numbered */

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
	bool ended; /* `to` is known */
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
	struct taken last, fit; /* taken last; taken last while the topic was fit */
	int64_t floor;          /* of events: from here on downwards they are not remembered */
	bc_mono_time behind;    /* since when a line is; 0: none */
	struct seen_ring events, moment; /* moment: of the time that was taken last */
	struct seen entries[];
};

/* ---- places ---- */

enum { NO_ORDER = 2 };

static struct place place_of(const struct bc_message *m)
{
	const struct bc_envelope *e = &m->envelope;
	struct place p = { .at = { e->exchange_seq, e->ts_exchange, e->ts_recv } };
	if (e->channel == BC_CHANNEL_CANDLE) {
		p.ts_open = m->body.candle.ts_open.ns;
		p.closed = m->body.candle.closed == BC_CLOSED_YES;
	}
	return p;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

static int compare_times(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

/* Below 0: a is older; NO_ORDER: the exchange says nothing of it. */
static int compare(const struct place *a, const struct place *b)
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

static bool reaches(const struct place *a, const struct place *b)
{
	int by = compare(a, b);
	return by == 0 || by == 1;
}

/* ---- content ---- */

/* Of one content the body's bytes are the same, whoever encodes it. */
static uint64_t content_of(const struct bc_message *m, bc_str payload)
{
	const struct bc_envelope *e = &m->envelope;
	if (e->channel == BC_CHANNEL_STATE)
		return seen_mix((uint64_t)e->state << 32 | (uint64_t)e->reason) | 1;
	struct bc_unpacker u = bc_unpacker_on(payload);
	bc_unpack_array(&u, 3);
	bc_unpack_skip(&u, 2);
	return seen_hash(0, (bc_str){ (const char *)u.p, (size_t)(u.end - u.p) }) | 1;
}

static bool happens_once(const struct bc_message *m)
{
	return m->envelope.channel == BC_CHANNEL_TRADE ||
	       (m->envelope.channel == BC_CHANNEL_CANDLE && m->body.candle.closed == BC_CLOSED_YES);
}

static bool has_id(const struct bc_message *m)
{
	return m->envelope.channel == BC_CHANNEL_CANDLE || m->body.trade.trade_id.n > 0;
}

static uint64_t identity_of(const struct bc_message *m, bc_str payload)
{
	const struct bc_envelope *e = &m->envelope;
	if (happens_once(m) && e->channel == BC_CHANNEL_CANDLE)
		return seen_mix((uint64_t)m->body.candle.ts_open.ns);
	if (happens_once(m) && m->body.trade.trade_id.n > 0)
		return seen_hash(1, m->body.trade.trade_id);
	return seen_mix(content_of(m, payload) ^ seen_mix((uint64_t)e->ts_exchange.ns) ^
			seen_mix(e->exchange_seq));
}

/* Where an event stands among those of its topic. */
static int64_t standing_of(const struct bc_message *m)
{
	const struct bc_envelope *e = &m->envelope;
	if (e->channel == BC_CHANNEL_CANDLE)
		return m->body.candle.ts_open.ns;
	if (e->exchange_seq <= INT64_MAX)
		return (int64_t)e->exchange_seq;
	return bc_wall_known(e->ts_exchange) ? e->ts_exchange.ns : NOWHERE;
}

/* ---- lines ---- */

static struct line *find_line(struct bc_arbiter *a, uint64_t epoch)
{
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		if (a->lines[i].epoch == epoch)
			return &a->lines[i];
	return NULL;
}

static uint32_t bit_of(const struct bc_arbiter *a, const struct line *line)
{
	return 1u << (line - a->lines);
}

static void give_up(struct hole *hole, struct bc_ruling *r)
{
	r->n_lost += hole->n;
	r->n_gaps += hole->n_gaps;
	*hole = (struct hole){ .n = 0 };
}

/* A free record, else that of a line that is gone, else of the one that has been silent longest. */
static struct line *make_line(struct bc_arbiter *a, struct bc_ruling *r)
{
	struct line *line = &a->lines[0];
	for (size_t i = 1; i < BC_ARBITER_LINES && line->epoch != 0; i++) {
		struct line *other = &a->lines[i];
		if (other->epoch == 0 || (other->gone && !line->gone) ||
		    (other->gone == line->gone && other->spoken < line->spoken))
			line = other;
	}
	give_up(&line->open, r);
	*line = (struct line){ .top = NOWHERE };
	return line;
}

/* The line's record; who restarts goes on where the process before it stopped. */
static struct line *need_line(struct bc_arbiter *a, const struct bc_offer *o, struct bc_ruling *r)
{
	uint64_t epoch = o->message->envelope.epoch;
	struct line *line = find_line(a, epoch);
	if (line == NULL && o->heir_of != 0)
		line = find_line(a, o->heir_of);
	if (line == NULL)
		line = make_line(a, r);
	if (line->epoch != epoch) {
		seen_ring_forget(&a->events, bit_of(a, line));
		seen_ring_forget(&a->moment, bit_of(a, line));
		line->epoch = epoch;
		line->began = true;
		line->made_floor = false;
		line->top = NOWHERE;
	}
	line->gone = false;
	line->spoken = ++a->n_spoken;
	return line;
}

/* ---- losses ---- */

/* Will the line have brought what is between the two, or has it? */
static bool covers(const struct line *l, const struct hole *hole, bool *has_brought)
{
	if (!l->heard || !reaches(&hole->from, &l->from))
		return false;
	*has_brought = hole->ended && reaches(&l->high, &hole->to);
	return *has_brought || !l->gone;
}

static void settle_hole(struct bc_arbiter *a, struct line *line, struct bc_ruling *r)
{
	bool hope = false, filled = false;
	for (size_t i = 0; i < BC_ARBITER_LINES && !filled; i++)
		if (&a->lines[i] != line && a->lines[i].epoch != 0)
			hope |= covers(&a->lines[i], &line->open, &filled);
	if (filled) {
		r->n_filled += line->open.n;
		line->open = (struct hole){ .n = 0 };
	} else if (!hope) {
		give_up(&line->open, r);
	}
}

static void settle_holes(struct bc_arbiter *a, struct bc_ruling *r)
{
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		if (a->lines[i].open.n > 0)
			settle_hole(a, &a->lines[i], r);
}

static void note_hole(struct line *line, uint64_t n_lost, struct bc_ruling *r)
{
	struct hole *hole = &line->open;
	if (hole->n == 0)
		hole->from = line->high;
	hole->n += n_lost;
	hole->n_gaps++;
	hole->ended = false;
	if (!line->heard) /* who could have filled it? */
		give_up(hole, r);
}

/* How far the line has got, and what it missed before. History says neither. */
static void note_progress(struct line *line, const struct bc_offer *o, const struct place *place,
			  struct bc_ruling *r)
{
	bool history = (o->message->envelope.flags & BC_FLAG_REST) != 0 && line->heard;
	bool once = happens_once(o->message);
	if (o->n_lost > 0)
		note_hole(line, o->n_lost, r);
	if (history)
		return;
	int by = line->heard ? compare(place, &line->high) : 1;
	bool anew = !once && by == -1; /* it counts anew */
	if (line->began || o->n_lost > 0 || anew)
		line->from = *place;
	line->began = false;
	if (by > 0 || anew)
		line->high = *place;
	if (line->open.n > 0 && !line->open.ended) {
		line->open.to = line->high;
		line->open.ended = true;
	}
	if (once && standing_of(o->message) > line->top)
		line->top = standing_of(o->message);
	line->heard = true;
}

/* ---- what happens once ---- */

/* What is not remembered any more, of a line that is as far behind. */
static bool is_forgotten(const struct bc_arbiter *a, const struct line *line, int64_t at)
{
	bool behind = line->top < a->floor || (line->top == a->floor && !line->made_floor);
	return a->floor != NOWHERE && at != NOWHERE && at <= a->floor && behind;
}

static bool is_known(struct bc_arbiter *a, const struct line *line, const struct bc_offer *o)
{
	const struct bc_message *m = o->message;
	uint64_t identity = identity_of(m, o->payload);
	int64_t at = standing_of(m), gone;
	if (seen_ring_find(&a->events, identity, bit_of(a, line), has_id(m)) ||
	    is_forgotten(a, line, at))
		return true;
	if (seen_ring_add(&a->events, identity, at, bit_of(a, line), &gone) && gone > a->floor)
		a->floor = gone;
	return false;
}

/* ---- what replaces ---- */

static enum bc_verdict judge_older(struct bc_arbiter *a, const struct bc_offer *o)
{
	if (o->leader_holds)
		return BC_VERDICT_COPY;
	if (a->behind.ns == 0)
		a->behind = o->now;
	return o->now.ns - a->behind.ns >= BC_ARBITER_PATIENCE ? BC_VERDICT_TAKE
							       : BC_VERDICT_BEHIND;
}

/* Nothing tells their order: what was received later, if it says something else. */
static enum bc_verdict judge_unordered(const struct bc_arbiter *a, const struct bc_offer *o,
				       const struct place *place)
{
	bool same = content_of(o->message, o->payload) == a->last.content;
	bool older = place->at.ts_recv.ns < a->last.place.at.ts_recv.ns;
	return !o->news && (same || older) ? BC_VERDICT_COPY : BC_VERDICT_TAKE;
}

static bool is_timed(const struct bc_message *m)
{
	const struct bc_envelope *e = &m->envelope;
	return e->exchange_seq == BC_SEQ_NONE && bc_wall_known(e->ts_exchange);
}

/* As old as what was taken last. Without a number there may be several of one time: only who has
 * said the last of them says something newer. */
static enum bc_verdict judge_same(struct bc_arbiter *a, const struct line *line,
				  const struct bc_offer *o, const struct taken *before,
				  bool *repeats)
{
	enum bc_verdict known = o->news ? BC_VERDICT_TAKE : BC_VERDICT_COPY;
	if (!is_timed(o->message))
		return known;
	uint64_t identity = identity_of(o->message, o->payload);
	if (!o->fit)
		return identity == before->content ? BC_VERDICT_COPY : BC_VERDICT_TAKE;
	bool at_end = seen_ring_is_at_end(&a->moment, bit_of(a, line));
	bool said = seen_ring_find_next(&a->moment, identity, bit_of(a, line));
	*repeats = said && identity == before->content;
	if (*repeats)
		return known;
	return at_end ? BC_VERDICT_TAKE : judge_older(a, o);
}

/* *repeats: it is what was taken last, and its line may have more of the same time to say again. */
static enum bc_verdict judge(struct bc_arbiter *a, const struct line *line,
			     const struct bc_offer *o, const struct place *place, bool *repeats)
{
	const struct bc_envelope *e = &o->message->envelope;
	const struct taken *before = o->fit ? &a->fit : &a->last;
	int by = before->epoch == 0 ? 1 : compare(place, &before->place);
	bool own = before->epoch == e->epoch;
	if (o->outranked)
		return BC_VERDICT_UNFIT;
	if (own && by == 0 && !o->news && (e->flags & BC_FLAG_STATE) != 0)
		return BC_VERDICT_COPY; /* its state was another one, the topic's was not */
	if (own || (o->news && !o->fit))
		return BC_VERDICT_TAKE;
	if (by == NO_ORDER)
		return judge_unordered(a, o, place);
	if (by < 0)
		return judge_older(a, o);
	return by == 0 ? judge_same(a, line, o, before, repeats) : BC_VERDICT_TAKE;
}

/* ---- rulings ---- */

static void note_taken(struct bc_arbiter *a, const struct line *line, const struct bc_offer *o,
		       const struct place *place)
{
	const struct bc_message *m = o->message;
	int64_t unused;
	a->last = (struct taken){ .epoch = m->envelope.epoch, .place = *place };
	if (is_timed(m) && line != NULL) {
		a->last.content = identity_of(m, o->payload);
		if (o->fit)
			seen_ring_add(&a->moment, a->last.content, 0, bit_of(a, line), &unused);
	} else if (m->envelope.exchange_seq == BC_SEQ_NONE) {
		a->last.content = content_of(m, o->payload);
	}
	if (o->fit)
		a->fit = a->last;
	a->behind.ns = 0;
}

static enum bc_verdict offer_event(struct bc_arbiter *a, const struct line *line,
				   const struct bc_offer *o, const struct place *place)
{
	if (is_known(a, line, o))
		return BC_VERDICT_COPY;
	bool newest = a->fit.epoch == 0 || compare(place, &a->fit.place) > 0;
	if (newest && o->message->envelope.channel == BC_CHANNEL_CANDLE)
		note_taken(a, NULL, o, place); /* no open one may come after it */
	a->last.epoch = o->message->envelope.epoch;
	return BC_VERDICT_TAKE;
}

static enum bc_verdict offer_newest(struct bc_arbiter *a, const struct line *line,
				    const struct bc_offer *o, const struct place *place)
{
	bool repeats = false;
	enum bc_verdict verdict = judge(a, line, o, place, &repeats);
	if (verdict == BC_VERDICT_TAKE && !repeats)
		note_taken(a, line, o, place);
	if (verdict == BC_VERDICT_TAKE && repeats)
		a->last.epoch = o->message->envelope.epoch;
	return verdict;
}

struct bc_ruling bc_arbiter_offer(struct bc_arbiter *a, const struct bc_offer *o)
{
	struct bc_ruling r = { .n_lost = 0 };
	const struct place place = place_of(o->message);
	struct line *line = need_line(a, o, &r);
	note_progress(line, o, &place, &r);
	r.verdict = happens_once(o->message) ? offer_event(a, line, o, &place)
					     : offer_newest(a, line, o, &place);
	settle_holes(a, &r);
	return r;
}

enum bc_verdict bc_arbiter_again(struct bc_arbiter *a, const struct bc_offer *o)
{
	const struct bc_message *m = o->message;
	const struct place place = place_of(m);
	const struct line *line = find_line(a, m->envelope.epoch);
	const struct taken *before = o->fit ? &a->fit : &a->last;
	if (line == NULL || happens_once(m)) {
		if (o->news)
			note_taken(a, NULL, o, &place);
		return o->news ? BC_VERDICT_TAKE : BC_VERDICT_COPY;
	}
	if (!o->news &&
	    (m->envelope.epoch == a->last.epoch || compare(&place, &before->place) == 0))
		return BC_VERDICT_COPY;
	return offer_newest(a, line, o, &place);
}

struct bc_ruling bc_arbiter_gone(struct bc_arbiter *a, uint64_t epoch)
{
	struct bc_ruling r = { .verdict = BC_VERDICT_COPY };
	struct line *line = epoch == 0 ? NULL : find_line(a, epoch);
	if (line != NULL && !line->gone) {
		line->gone = true;
		settle_holes(a, &r);
	}
	return r;
}

/* ---- the rest ---- */

static void begin_with(struct bc_arbiter *a, const struct bc_message *first, bool fit)
{
	const struct place place = place_of(first);
	bool once = first->envelope.channel == BC_CHANNEL_TRADE || happens_once(first);
	a->lines[0] = (struct line){ .epoch = first->envelope.epoch,
				     .spoken = ++a->n_spoken,
				     .high = place,
				     .from = place,
				     .top = once ? standing_of(first) : NOWHERE,
				     .heard = true,
				     .made_floor = true };
	a->last = (struct taken){ .epoch = first->envelope.epoch, .place = place };
	if (first->envelope.channel == BC_CHANNEL_STATE)
		a->last.content = content_of(first, BC_STR(""));
	if (fit)
		a->fit = a->last;
	if (once)
		a->floor = standing_of(first);
	if (once && has_id(first)) {
		int64_t unused;
		seen_ring_add(&a->events, identity_of(first, BC_STR("")), a->floor, 1, &unused);
	}
}

struct bc_arbiter *bc_arbiter_new(const struct bc_message *first, bool fit)
{
	enum bc_channel channel = first->envelope.channel;
	uint32_t n_events = channel == BC_CHANNEL_TRADE    ? BC_ARBITER_TRADES
			    : channel == BC_CHANNEL_CANDLE ? BC_ARBITER_CANDLES
							   : 0;
	struct bc_arbiter *a = calloc(1, sizeof *a + (n_events + SAME_TIME) * sizeof(struct seen));
	if (a == NULL)
		return NULL;
	seen_ring_init(&a->moment, a->entries, SAME_TIME);
	seen_ring_init(&a->events, a->entries + SAME_TIME, n_events);
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		a->lines[i].top = NOWHERE;
	a->floor = NOWHERE;
	if (first->envelope.epoch != 0)
		begin_with(a, first, fit);
	return a;
}

void bc_arbiter_free(struct bc_arbiter **arbiter)
{
	free(*arbiter);
	*arbiter = NULL;
}

size_t bc_arbiter_lines(const struct bc_arbiter *a, uint64_t epochs[BC_ARBITER_LINES])
{
	size_t n = 0;
	for (size_t i = 0; i < BC_ARBITER_LINES; i++)
		if (a->lines[i].epoch != 0 && !a->lines[i].gone)
			epochs[n++] = a->lines[i].epoch;
	return n;
}

uint64_t bc_arbiter_leader(const struct bc_arbiter *a)
{
	return a->last.epoch;
}
