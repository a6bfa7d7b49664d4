#include "common/arbiter_parts.h"

#include "proto/msgpack_read.h"

#include <stdlib.h>

enum { SAME_TIME = 16 }; /* messages of one time that are remembered, where nothing is numbered */

/* ---- places ---- */

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
	arbiter_give_up(&line->open, r);
	*line = (struct line){ .top = NOWHERE };
	return line;
}

static void begin_anew(struct bc_arbiter *a, struct line *line, uint64_t epoch)
{
	seen_ring_forget(&a->events, arbiter_bit(a, line));
	seen_ring_forget(&a->moment, arbiter_bit(a, line));
	line->epoch = epoch;
	line->began = true;
	line->open.restarts = line->open.n > 0; /* who said what of it is forgotten, right above */
	line->made_floor = false;
	line->top = NOWHERE;
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
	if (line->epoch != epoch)
		begin_anew(a, line, epoch);
	line->gone = false;
	line->spoken = ++a->n_spoken;
	return line;
}

/* ---- how far lines have got ---- */

/* How far the line has got, and what it missed before. History says neither. */
static void note_progress(struct line *line, const struct bc_offer *o, const struct place *place,
			  struct bc_ruling *r)
{
	bool history = (o->message->envelope.flags & BC_FLAG_REST) != 0 && line->heard;
	bool once = happens_once(o->message);
	if (o->n_lost > 0)
		arbiter_note_hole(line, o->n_lost, r);
	if (history)
		return;
	int by = line->heard ? arbiter_compare(place, &line->high) : 1;
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
	if (seen_ring_find(&a->events, identity, arbiter_bit(a, line), has_id(m)) ||
	    is_forgotten(a, line, at))
		return true;
	if (seen_ring_add(&a->events, identity, at, arbiter_bit(a, line), &gone) && gone > a->floor)
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
	bool at_end = seen_ring_is_at_end(&a->moment, arbiter_bit(a, line));
	bool said = seen_ring_find_next(&a->moment, identity, arbiter_bit(a, line));
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
	int by = before->epoch == 0 ? 1 : arbiter_compare(place, &before->place);
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
			seen_ring_add(&a->moment, a->last.content, 0, arbiter_bit(a, line),
				      &unused);
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
	bool newest = a->fit.epoch == 0 || arbiter_compare(place, &a->fit.place) > 0;
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
	arbiter_settle(a, &r);
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
	    (m->envelope.epoch == a->last.epoch || arbiter_compare(&place, &before->place) == 0))
		return BC_VERDICT_COPY;
	return offer_newest(a, line, o, &place);
}

struct bc_ruling bc_arbiter_gone(struct bc_arbiter *a, uint64_t epoch)
{
	struct bc_ruling r = { .verdict = BC_VERDICT_COPY };
	struct line *line = epoch == 0 ? NULL : find_line(a, epoch);
	if (line != NULL && !line->gone) {
		line->gone = true;
		arbiter_settle(a, &r);
	}
	return r;
}

struct bc_ruling bc_arbiter_restarted(struct bc_arbiter *a, uint64_t epoch, uint64_t newer)
{
	struct bc_ruling r = { .verdict = BC_VERDICT_COPY };
	struct line *line = epoch == 0 ? NULL : find_line(a, epoch);
	if (line == NULL || find_line(a, newer) != NULL)
		return bc_arbiter_gone(a, epoch);
	begin_anew(a, line, newer);
	line->gone = false;
	arbiter_settle(a, &r);
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
	a->of_trades = channel == BC_CHANNEL_TRADE;
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
