#include "common/conflate.h"

#include <stdlib.h>
#include <string.h>

enum { SPARE_MAX = 64 };

const struct bc_conflate_limits bc_conflate_usual = { 65536, (size_t)32 << 20 };

/* A message that waits. */
struct bc_conflate_entry {
	struct bc_conflate_entry *more_before, *more_behind;
	struct bc_conflate_entry *later; /* the next one of its topic */
	struct bc_conflate_topic *topic;
	char *payload;
	size_t n, cap;
	enum bc_channel channel;
	bc_wall_time ts_open;
	bool fit, kept; /* kept: never to be replaced */
	uint64_t n_lost, n_replaced, n_unfit;
	int tag;
};

struct bc_conflate {
	struct bc_conflate_limits limits;
	struct bc_conflate_topic *first, *last;           /* in turn */
	struct bc_conflate_entry *more_first, *more_last; /* those that a newer one follows */
	size_t n_more, n_more_bytes;
	struct bc_conflate_entry *spare; /* by `later` */
	size_t n_spare;
	struct bc_conflate_entry *taken; /* whose payload the user reads, or NULL */
};

void bc_account_add(struct bc_account *sum, const struct bc_account *more)
{
	sum->published += more->published;
	sum->received += more->received;
	sum->lost += more->lost;
	sum->conflated += more->conflated;
	sum->redundant += more->redundant;
	sum->waiting += more->waiting;
}

struct bc_conflate *bc_conflate_new(const struct bc_conflate_limits *limits)
{
	struct bc_conflate *c = calloc(1, sizeof *c);
	if (c != NULL)
		c->limits = *limits;
	return c;
}

static void entry_free(struct bc_conflate_entry *e)
{
	free(e->payload);
	free(e);
}

void bc_conflate_free(struct bc_conflate **conflate)
{
	struct bc_conflate *c = *conflate;
	struct bc_conflate_entry *e, *next;
	if (c == NULL)
		return;
	for (const struct bc_conflate_topic *t = c->first; t != NULL; t = t->behind)
		for (e = t->oldest; e != NULL; e = next) {
			next = e->later;
			entry_free(e);
		}
	for (e = c->spare; e != NULL; e = next) {
		next = e->later;
		entry_free(e);
	}
	if (c->taken != NULL)
		entry_free(c->taken);
	free(c);
	*conflate = NULL;
}

/* ---- entries: their memory, and where they stand ---- */

static struct bc_conflate_entry *entry_new(struct bc_conflate *c)
{
	struct bc_conflate_entry *e = c->spare;
	if (e == NULL)
		return calloc(1, sizeof *e);
	c->spare = e->later;
	c->n_spare--;
	*e = (struct bc_conflate_entry){ .payload = e->payload, .cap = e->cap };
	return e;
}

static void entry_spare(struct bc_conflate *c, struct bc_conflate_entry *e)
{
	if (c->n_spare == SPARE_MAX) {
		entry_free(e);
		return;
	}
	e->later = c->spare;
	c->spare = e;
	c->n_spare++;
}

static bool entry_fill(struct bc_conflate_entry *e, bc_str payload)
{
	if (payload.n > e->cap) {
		char *bytes = realloc(e->payload, payload.n);
		if (bytes == NULL)
			return false;
		e->payload = bytes;
		e->cap = payload.n;
	}
	if (payload.n > 0)
		memcpy(e->payload, payload.p, payload.n);
	e->n = payload.n;
	return true;
}

static void line_up(struct bc_conflate *c, struct bc_conflate_topic *topic)
{
	topic->before = c->last;
	topic->behind = NULL;
	*(c->last == NULL ? &c->first : &c->last->behind) = topic;
	c->last = topic;
}

static void step_out(struct bc_conflate *c, struct bc_conflate_topic *topic)
{
	*(topic->before == NULL ? &c->first : &topic->before->behind) = topic->behind;
	*(topic->behind == NULL ? &c->last : &topic->behind->before) = topic->before;
}

static void more_append(struct bc_conflate *c, struct bc_conflate_entry *e)
{
	e->more_before = c->more_last;
	*(c->more_last == NULL ? &c->more_first : &c->more_last->more_behind) = e;
	c->more_last = e;
	c->n_more++;
	c->n_more_bytes += e->n;
}

static void more_unlink(struct bc_conflate *c, struct bc_conflate_entry *e)
{
	*(e->more_before == NULL ? &c->more_first : &e->more_before->more_behind) = e->more_behind;
	*(e->more_behind == NULL ? &c->more_last : &e->more_behind->more_before) = e->more_before;
	c->n_more--;
	c->n_more_bytes -= e->n;
}

/* Takes the oldest one of a topic out of everything. */
static struct bc_conflate_entry *leave(struct bc_conflate *c, struct bc_conflate_topic *topic)
{
	struct bc_conflate_entry *e = topic->oldest;
	topic->oldest = e->later;
	if (topic->oldest == NULL) {
		topic->newest = NULL;
		step_out(c, topic);
	} else {
		more_unlink(c, e);
	}
	topic->account.waiting--;
	return e;
}

/* ---- what comes ---- */

static bool is_news(const struct bc_message *m)
{
	return m->envelope.channel == BC_CHANNEL_TRADE || m->envelope.channel == BC_CHANNEL_DELTA ||
	       (m->envelope.channel == BC_CHANNEL_CANDLE &&
		(m->body.candle.closed == BC_CLOSED_YES ||
		 (m->envelope.flags & BC_FLAG_REST) != 0));
}

/* A candle that is followed by another one has had its last word, said or not. */
static bool replaces(const struct bc_message *m, const struct bc_conflate_entry *waiting)
{
	if (waiting == NULL || waiting->kept || waiting->channel != m->envelope.channel)
		return false;
	if (m->envelope.channel != BC_CHANNEL_CANDLE)
		return !is_news(m);
	return waiting->ts_open.ns == m->body.candle.ts_open.ns &&
	       (m->envelope.flags & BC_FLAG_REST) == 0;
}

static void describe(struct bc_conflate_entry *e, const struct bc_message *m, int tag)
{
	e->channel = m->envelope.channel;
	e->fit = bc_state_fit(m->envelope.state);
	e->kept = is_news(m);
	e->tag = tag;
	if (e->channel == BC_CHANNEL_CANDLE)
		e->ts_open = m->body.candle.ts_open;
}

/* Drops the oldest one of the topic of which more than one waits longest. */
static void make_room(struct bc_conflate *c)
{
	while (c->n_more > c->limits.max_more || c->n_more_bytes > c->limits.max_bytes) {
		struct bc_conflate_topic *topic = c->more_first->topic;
		struct bc_conflate_entry *e = leave(c, topic), *next = topic->oldest;
		next->n_lost += e->n_lost + 1;
		next->n_replaced += e->n_replaced;
		next->n_unfit += e->n_unfit + !e->fit;
		topic->account.lost++;
		entry_spare(c, e);
	}
}

static bool put_behind(struct bc_conflate *c, struct bc_conflate_topic *topic,
		       const struct bc_message *m, bc_str payload, uint64_t n_lost, int tag)
{
	struct bc_conflate_entry *e = entry_new(c);
	if (e == NULL || !entry_fill(e, payload)) {
		if (e != NULL)
			entry_free(e);
		return false;
	}
	describe(e, m, tag);
	e->topic = topic;
	e->n_lost = n_lost;
	if (topic->newest != NULL) {
		more_append(c, topic->newest);
		topic->newest->later = e;
	} else {
		topic->oldest = e;
		line_up(c, topic);
	}
	topic->newest = e;
	topic->account.waiting++;
	make_room(c);
	return true;
}

static bool replace(struct bc_conflate_topic *topic, const struct bc_message *m, bc_str payload,
		    uint64_t n_lost, int tag)
{
	struct bc_conflate_entry *e = topic->newest;
	const bool was_fit = e->fit;
	if (!entry_fill(e, payload))
		return false;
	describe(e, m, tag);
	e->n_lost += n_lost;
	e->n_replaced++;
	e->n_unfit += !was_fit;
	topic->account.conflated++;
	return true;
}

bc_status bc_conflate_put(struct bc_conflate *c, struct bc_conflate_topic *topic,
			  const struct bc_message *m, bc_str payload, uint64_t n_lost, int tag)
{
	const uint64_t untold = topic->untold + n_lost;
	topic->account.published += n_lost + 1;
	topic->account.lost += n_lost;
	topic->untold = 0;
	if (replaces(m, topic->newest) ? replace(topic, m, payload, untold, tag)
				       : put_behind(c, topic, m, payload, untold, tag))
		return BC_OK;
	topic->account.lost++;
	topic->untold = untold + 1;
	return BC_ENOMEM;
}

/* ---- what goes ---- */

bool bc_conflate_take(struct bc_conflate *c, struct bc_conflate_taken *out)
{
	if (c->taken != NULL)
		entry_spare(c, c->taken);
	c->taken = NULL;
	if (c->first == NULL)
		return false;
	struct bc_conflate_topic *topic = c->first;
	struct bc_conflate_entry *e = leave(c, topic);
	if (topic->oldest != NULL) { /* again, behind the others */
		step_out(c, topic);
		line_up(c, topic);
	}
	c->taken = e;
	topic->account.received++;
	*out = (struct bc_conflate_taken){ .topic = topic,
					   .payload = { e->payload, e->n },
					   .n_lost = e->n_lost,
					   .n_replaced = e->n_replaced,
					   .n_unfit = e->n_unfit,
					   .tag = e->tag };
	return true;
}

void bc_conflate_forget(struct bc_conflate *c, struct bc_conflate_topic *topic)
{
	while (topic->oldest != NULL) {
		entry_spare(c, leave(c, topic));
		topic->account.published--;
	}
}
