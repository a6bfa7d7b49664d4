/* session_history.c - trades and candles from before the stream, for those who listen.
 *
 * A symbol's recent trades, and the candles of each interval, are asked for after everything else
 * and only while somebody listens: when the symbol is subscribed, again after a lost connection,
 * and when somebody new listens to their topic. The last of these once in history_again_ns, so
 * that it does not matter how often listeners come and go. What the answer holds goes out on the
 * symbol's own topics, oldest first, with the flags snapshot and rest.
 *
 * Who has listened all the time is told nothing twice. The stream is without a hole from its first
 * message on, so it is enough to know, of each topic, the oldest and the newest that was published,
 * the newest from before the connection was lost, and the first since:
 *
 *    ... history ...  [oldest ... until]  ... history ...  [first ... newest]
 *
 * Only where it is lost again before that could be asked for, what came in between is repeated.
 *
 * Who comes later has missed what was published before, and hears it by itself from then on. So
 * what is not newer than the newest of that moment is told again, to everybody; the open candle is
 * not, since a newcomer is welcomed with it. That an exchange's REST lags by more than AFTER_NS
 * behind its stream is taken as impossible: so long a newcomer waits for the request, and if more
 * come meanwhile, for up to PATIENCE_NS.
 *
 * Trades are told apart by their ids where these are whole numbers, which grow with time on every
 * exchange that numbers them, else by the exchange's times; candles by when they opened. Where the
 * stream has brought nothing yet, the last trades of the answer are remembered, so that the stream
 * may still bring them; that it lags by more than TRADES_KNOWN of them while it has been silent for
 * AFTER_NS is taken as impossible.
 *
 * History proves nothing: not the connection, not the symbol. */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3
#define KEPT_MAX  5000
#define NO_SPAN   UINT32_MAX

#define AFTER_NS    (2 * BC_NS_PER_S)
#define PATIENCE_NS (10 * BC_NS_PER_S)
#define AGAIN_NS    (60 * BC_NS_PER_S)
#define POLL_NS     (10 * BC_NS_PER_S)

struct mark { /* where a trade or a candle stands in its topic */
	bool known, numbered;
	uint64_t number;
	bc_wall_time at;
};

struct span {                                     /* one topic */
	struct mark oldest, newest, until, first; /* what was published */
	bool hole;                                /* between `until` and `first`: not filled yet */
	struct mark again;      /* the newest when somebody came who has not heard it; or unknown */
	bc_mono_time came_at;   /* the last who did */
	bc_mono_time asked_at;  /* the last request */
	bc_mono_time wanted_at; /* since when the next one is */
	bc_mono_time not_before;
	unsigned failures;
};

struct history {
	bool asked; /* since its lines were last made */
	bc_mono_time made_at;
	uint32_t wanted;     /* 1u << of spans[] */
	struct span spans[]; /* of trades, and of the candles of each interval we follow */
};

struct history_item {
	struct bc_event event;
	struct mark mark;
	char id[TRADE_ID_MAX];
};

/* ------------------------------------------------------------------ which topic */

static uint32_t span_of_interval(const struct session *s, enum bc_interval interval)
{
	return 1 + (uint32_t)__builtin_popcount(s->o.intervals & ((1u << interval) - 1));
}

static uint32_t n_spans(const struct session *s)
{
	return 1 + (uint32_t)__builtin_popcount(s->o.intervals);
}

static enum bc_interval interval_of_span(const struct session *s, uint32_t span)
{
	unsigned interval = 0;
	while ((s->o.intervals >> interval & 1) == 0 ||
	       span_of_interval(s, (enum bc_interval)interval) != span)
		interval++;
	return (enum bc_interval)interval;
}

static uint32_t spans_of_job(const struct session *s, enum rest_job_id job)
{
	if (s->rest.jobs[job].endpoint == NULL)
		return 0;
	return job == JOB_TRADES ? 1 : (1u << n_spans(s)) - 2;
}

/* ------------------------------------------------------------------ marks */

static struct mark mark_of(const struct bc_event *event)
{
	struct mark mark = { .at = event->ts_exchange };
	if (event->channel == BC_CHANNEL_CANDLE)
		mark.at = event->body.candle.ts_open;
	else
		mark.numbered = trade_number(event->body.trade.trade_id, &mark.number);
	mark.known = mark.numbered || bc_wall_known(mark.at);
	return mark;
}

static bool is_before(const struct mark *a, const struct mark *b)
{
	if (!a->known || !b->known)
		return false;
	if (a->numbered && b->numbered)
		return a->number < b->number;
	return bc_wall_known(a->at) && bc_wall_known(b->at) && a->at.ns < b->at.ns;
}

static void published(struct span *span, const struct mark *mark)
{
	if (!span->oldest.known || is_before(mark, &span->oldest))
		span->oldest = *mark;
	if (!span->newest.known || is_before(&span->newest, mark))
		span->newest = *mark;
}

/* The candle that was open when the stream was lost has changed since. */
static bool is_new(const struct span *span, const struct mark *mark, bool candle)
{
	const struct mark *until = span->hole ? &span->until : &span->newest;
	if (!span->oldest.known || is_before(mark, &span->oldest))
		return true;
	if (!until->known || (candle ? is_before(mark, until) : !is_before(until, mark)))
		return false;
	return !span->first.known || is_before(mark, &span->first);
}

/* Was it published before somebody came, who is to be told of it? */
static bool is_missed(const struct span *span, const struct mark *mark, bool candle)
{
	if (!span->again.known)
		return false;
	return candle ? is_before(mark, &span->again) : !is_before(&span->again, mark);
}

/* ------------------------------------------------------------------ the stream */

void history_live(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	bool candle = event->channel == BC_CHANNEL_CANDLE;
	struct history *h = candle || event->channel == BC_CHANNEL_TRADE
				    ? s->symbols[symbol].aside->rest.history
				    : NULL;
	if (h == NULL)
		return;
	enum bc_interval interval = event->body.candle.interval;
	if (candle && (s->o.intervals >> interval & 1) == 0)
		return;
	struct span *span = &h->spans[candle ? span_of_interval(s, interval) : 0];
	struct mark mark = mark_of(event);
	if (!span->first.known)
		span->first = mark;
	published(span, &mark);
}

/* Who came while it was lost, or shortly before, is still to be told all; and a hole that was not
 * filled before the next one is a part of it. */
void history_lost(struct session *s, uint32_t symbol)
{
	struct history *h = s->symbols[symbol].aside->rest.history;
	if (h == NULL)
		return;
	h->asked = false;
	h->wanted = 0;
	for (uint32_t i = 0; i < n_spans(s); i++) {
		struct span *t = &h->spans[i];
		if (!t->hole)
			t->until = t->newest;
		t->hole = true;
		t->first = (struct mark){ 0 };
	}
}

/* ------------------------------------------------------------------ wanting */

static void want(struct session *s, struct history *h, enum rest_job_id id, uint32_t span,
		 bc_mono_time not_before)
{
	struct rest_job *job = &s->rest.jobs[id];
	struct span *t = &h->spans[span];
	h->wanted |= 1u << span;
	t->wanted_at = s->now.mono;
	t->not_before = not_before;
	rest_want(s, id);
	job->queue_at = mono_min(job->queue_at, not_before);
}

static struct history *history_new(const struct session *s)
{
	struct history *h = calloc(1, sizeof *h + n_spans(s) * sizeof h->spans[0]);
	for (uint32_t i = 0; h != NULL && i < n_spans(s); i++)
		h->spans[i].came_at = h->spans[i].asked_at = BUDGET_NOW;
	return h;
}

void history_subscribed(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	uint32_t wanted = spans_of_job(s, JOB_TRADES) | spans_of_job(s, JOB_CANDLES);
	if (wanted == 0 || (sym->aside->rest.history != NULL && sym->aside->rest.history->asked))
		return;
	if (sym->missing != 0)
		return; /* what it misses on another line of its own is history, too */
	if (sym->aside->rest.history == NULL)
		sym->aside->rest.history = history_new(s);
	struct history *h = sym->aside->rest.history;
	if (h == NULL)
		return; /* the feed goes on without */
	h->asked = true;
	h->made_at = s->now.mono;
	for (uint32_t i = 0; i < n_spans(s); i++) {
		if ((wanted >> i & 1) == 0)
			continue;
		h->spans[i].failures = 0;
		want(s, h, i == 0 ? JOB_TRADES : JOB_CANDLES, i, mono_plus(s->now.mono, AFTER_NS));
	}
}

void history_poll(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	if (spans_of_job(s, JOB_TRADES) == 0)
		return;
	if (sym->aside->rest.history == NULL)
		sym->aside->rest.history = history_new(s);
	struct history *h = sym->aside->rest.history;
	if (h == NULL || h->asked || (h->wanted & 1) != 0)
		return; /* asked: its stream is back, and what is missing is asked for anyhow */
	bc_mono_time again = mono_plus(h->spans[0].asked_at, POLL_NS);
	h->spans[0].failures = 0;
	want(s, h, JOB_TRADES, 0, again.ns > s->now.mono.ns ? again : s->now.mono);
}

static int64_t again_ns(const struct session *s)
{
	return s->o.history_again_ns > 0 ? s->o.history_again_ns : AGAIN_NS;
}

/* The span of a topic whose history is served; NO_SPAN: there is none. */
static uint32_t span_of(const struct session *s, enum bc_channel channel, enum bc_interval interval)
{
	if (channel == BC_CHANNEL_TRADE)
		return spans_of_job(s, JOB_TRADES) != 0 ? 0 : NO_SPAN;
	if (channel != BC_CHANNEL_CANDLE || (s->o.intervals >> interval & 1) == 0)
		return NO_SPAN;
	return spans_of_job(s, JOB_CANDLES) != 0 ? span_of_interval(s, interval) : NO_SPAN;
}

/* However many come: one request, put off for the last of them, but not for ever. */
static void postpone(struct span *t)
{
	bc_mono_time settled =
		mono_min(mono_plus(t->came_at, AFTER_NS), mono_plus(t->wanted_at, PATIENCE_NS));
	if (settled.ns > t->not_before.ns)
		t->not_before = settled;
}

void session_history_wanted(struct session *s, struct session_now now, uint32_t symbol,
			    enum bc_channel channel, enum bc_interval interval)
{
	session_begin(s, now);
	uint32_t span = span_of(s, channel, interval);
	if (span == NO_SPAN || symbol >= s->symbol_limit || s->symbols[symbol].name.p == NULL)
		return;
	struct history *h = s->symbols[symbol].aside->rest.history;
	if (h == NULL)
		return; /* nothing was published before, but what will be asked for anyhow */
	struct span *t = &h->spans[span];
	t->again = t->newest;
	t->came_at = s->now.mono;
	if (!h->asked)
		return; /* it will be, when it is subscribed */
	if ((h->wanted >> span & 1) != 0) {
		postpone(t);
		return;
	}
	bc_mono_time settled = mono_plus(t->came_at, AFTER_NS);
	bc_mono_time allowed = mono_plus(t->asked_at, again_ns(s));
	t->failures = 0;
	want(s, h, span == 0 ? JOB_TRADES : JOB_CANDLES, span,
	     settled.ns > allowed.ns ? settled : allowed);
}

void history_forget(struct session *s, uint32_t symbol)
{
	free(s->symbols[symbol].aside->rest.history);
	s->symbols[symbol].aside->rest.history = NULL;
}

/* ------------------------------------------------------------------ asking */

/* Had whoever came last been there for long enough when it was asked? */
static bool was_settled(const struct span *t, bc_mono_time asked_at)
{
	return mono_plus(t->came_at, AFTER_NS).ns <= asked_at.ns;
}

static bool is_listened(const struct session *s, uint32_t symbol, uint32_t span)
{
	if (s->act.listened == NULL)
		return true;
	if (span == 0)
		return s->act.listened(s->act.self, symbol, BC_CHANNEL_TRADE, 0);
	return s->act.listened(s->act.self, symbol, BC_CHANNEL_CANDLE, interval_of_span(s, span));
}

/* One of these spans that may be asked for now; else NO_SPAN, and *next when one may be. Those that
 * nobody listens to any more are dropped: whoever comes makes them wanted again. */
static uint32_t span_due(const struct session *s, uint32_t symbol, uint32_t spans,
			 bc_mono_time *next)
{
	struct history *h = s->symbols[symbol].aside->rest.history;
	for (uint32_t left = h->wanted & spans; left != 0; left &= left - 1) {
		uint32_t span = (uint32_t)__builtin_ctz(left);
		if (h->spans[span].not_before.ns > s->now.mono.ns)
			*next = mono_min(*next, h->spans[span].not_before);
		else if (is_listened(s, symbol, span))
			return span;
		else
			h->wanted &= ~(1u << span);
	}
	return NO_SPAN;
}

static void span_asked(struct session *s, struct history *h, uint32_t span)
{
	struct span *t = &h->spans[span];
	t->asked_at = s->now.mono;
	t->not_before = mono_plus(t->asked_at, again_ns(s));
	t->wanted_at = t->asked_at;
	if (was_settled(t, t->asked_at))
		h->wanted &= ~(1u << span);
}

/* In turns, from where the last one was: nobody waits behind those who ask again and again. */
bool history_pick(struct session *s, struct rest_request *request)
{
	struct rest_job *job = &s->rest.jobs[request->job];
	uint32_t spans = spans_of_job(s, request->job);
	bc_mono_time next = MONO_NEVER;
	for (uint32_t n = 0; n < s->symbol_limit; n++) {
		uint32_t i = (job->turn + n) % s->symbol_limit;
		struct history *h =
			s->symbols[i].name.p == NULL ? NULL : s->symbols[i].aside->rest.history;
		uint32_t span = h == NULL ? NO_SPAN : span_due(s, i, spans, &next);
		if (span == NO_SPAN)
			continue;
		span_asked(s, h, span);
		job->turn = i;
		request->symbol = i;
		if (request->job == JOB_CANDLES)
			request->interval = interval_of_span(s, span);
		s->rest.n_kept = 0;
		return true;
	}
	job->wanted = next.ns != MONO_NEVER.ns;
	job->queue_at = next;
	return false;
}

/* ------------------------------------------------------------------ the answer */

static bool room_for_one(struct rest *rest)
{
	if (rest->n_kept < rest->kept_cap)
		return true;
	uint32_t cap = rest->kept_cap == 0 ? 256 : rest->kept_cap * 2;
	struct history_item *kept =
		rest->n_kept >= KEPT_MAX ? NULL : realloc(rest->kept, cap * sizeof *kept);
	if (kept == NULL)
		return false;
	rest->kept = kept;
	rest->kept_cap = cap;
	return true;
}

/* Kept until the whole answer is read: exchanges send the newest first, or last. */
void history_keep(struct session *s, const struct bc_event *event)
{
	struct rest *rest = &s->rest;
	if (event->channel == BC_CHANNEL_CANDLE &&
	    event->body.candle.interval != rest->reading->interval) {
		s->count.ignored++;
		return;
	}
	if (event->channel == BC_CHANNEL_TRADE && event->body.trade.trade_id.n > TRADE_ID_MAX)
		return;
	if (!room_for_one(rest))
		return;
	struct history_item *item = &rest->kept[rest->n_kept++];
	item->event = *event;
	item->mark = mark_of(event);
	if (event->channel == BC_CHANNEL_TRADE && event->body.trade.trade_id.n > 0)
		memcpy(item->id, event->body.trade.trade_id.p, event->body.trade.trade_id.n);
}

static int by_age(const void *left, const void *right)
{
	const struct history_item *a = left, *b = right;
	if (is_before(&a->mark, &b->mark))
		return -1;
	return is_before(&b->mark, &a->mark);
}

static void publish(struct session *s, uint32_t symbol, struct history_item *item)
{
	item->event.symbol = s->symbols[symbol].name;
	item->event.flags |= BC_FLAG_SNAPSHOT | BC_FLAG_REST;
	s->count.history++;
	s->act.event(s->act.self, symbol, &item->event, s->received);
}

static void publish_trades(struct session *s, uint32_t symbol, struct span *span)
{
	const struct span before = *span;
	for (uint32_t i = 0; i < s->rest.n_kept; i++) {
		struct history_item *item = &s->rest.kept[i];
		bc_str *id = &item->event.body.trade.trade_id;
		id->p = item->id;
		if (!is_missed(&before, &item->mark, false) &&
		    (!is_new(&before, &item->mark, false) ||
		     (id->n > 0 && trade_known(s, symbol, *id)))) {
			s->count.duplicates++;
			continue;
		}
		/* The stream repeats the last ones at most; what is older than those it brought
		 * would only push them out. */
		if (!before.first.known && id->n > 0 && !is_before(&item->mark, &before.newest))
			trade_remember(s, symbol, *id, item->event.ts_exchange);
		publish(s, symbol, item);
		published(span, &item->mark);
	}
	if (span->hole && !span->first.known)
		span->until = span->newest; /* the hole begins there now */
}

static void publish_candles(struct session *s, uint32_t symbol, struct span *span)
{
	const struct span before = *span;
	for (uint32_t i = 0; i < s->rest.n_kept; i++) {
		struct history_item *item = &s->rest.kept[i];
		if (!is_missed(&before, &item->mark, true) && !is_new(&before, &item->mark, true)) {
			s->count.duplicates++;
			continue;
		}
		publish(s, symbol, item);
		published(span, &item->mark);
	}
}

static void try_again(struct session *s, struct history *h, const struct rest_request *r,
		      uint32_t span, enum rest_end end)
{
	struct span *t = &h->spans[span];
	t->failures += end == REST_BAD;
	if (t->failures >= TRIES_MAX) {
		h->wanted &= ~(1u << span); /* the topic goes on without */
		return;
	}
	int64_t wait = backoff_wait_ns(2 * t->failures + 2, REST_WAIT_MAX_NS, &s->random);
	want(s, h, r->job, span, mono_plus(s->now.mono, REST_WAIT_MIN_NS + wait));
}

void history_ended(struct session *s, const struct rest_request *r, enum rest_end end)
{
	struct history *h = s->symbols[r->symbol].aside->rest.history;
	uint32_t n = s->rest.n_kept;
	uint32_t span = r->job == JOB_TRADES ? 0 : span_of_interval(s, r->interval);
	s->rest.n_kept = 0;
	if (h == NULL)
		return;
	if (end != REST_GOOD) {
		try_again(s, h, r, span, end);
		return;
	}
	s->rest.n_kept = n;
	if (n > 0)
		qsort(s->rest.kept, n, sizeof *s->rest.kept, by_age);
	if (r->job == JOB_TRADES)
		publish_trades(s, r->symbol, &h->spans[span]);
	else
		publish_candles(s, r->symbol, &h->spans[span]);
	s->rest.n_kept = 0;
	if (was_settled(&h->spans[span], r->asked_at))
		h->spans[span].again = (struct mark){ 0 };
	if (h->asked && h->made_at.ns <= r->asked_at.ns)
		h->spans[span].hole = false;
}
