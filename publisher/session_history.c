/* session_history.c - trades and candles from before the stream, told once.
 *
 * When a symbol is subscribed, and again after a lost connection, its recent trades and the candles
 * of each interval are asked for, after everything else. What the answer holds goes out on the
 * symbol's own topics, oldest first, with the flags snapshot and rest: but for what was published
 * before. The stream is without a hole from its first message on, so it is enough to know, of each
 * topic, the oldest and the newest that was published, the newest from before the connection was
 * lost, and the first since:
 *
 *    ... history ...  [oldest ... until]  ... history ...  [first ... newest]
 *
 * Trades are told apart by their ids where these are whole numbers, which grow with time on every
 * exchange that numbers them, else by the exchange's times; candles by when they opened. Where the
 * stream has brought nothing yet, the last trades of the answer are remembered, so that the stream
 * may still bring them; that it lags by more than TRADES_KNOWN of them while it has been silent for
 * HISTORY_AFTER_NS is taken as impossible.
 *
 * History proves nothing: not the connection, not the symbol. */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

#define TRIES_MAX 3
#define KEPT_MAX  5000

struct mark { /* where a trade or a candle stands in its topic */
	bool known, numbered;
	uint64_t number;
	bc_wall_time at;
};

struct span { /* what was published of one topic */
	struct mark oldest, newest, until, first;
};

struct history {
	bool asked;      /* since its lines were last made */
	uint32_t wanted; /* 1u << of spans[] */
	unsigned failures;
	bc_mono_time not_before;
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

static bool is_number(bc_str id, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] < '0' || id.p[i] > '9' || i == 19)
			return false;
		*out = *out * 10 + (uint64_t)(id.p[i] - '0');
	}
	return id.n > 0;
}

static struct mark mark_of(const struct bc_event *event)
{
	struct mark mark = { .at = event->ts_exchange };
	if (event->channel == BC_CHANNEL_CANDLE)
		mark.at = event->body.candle.ts_open;
	else
		mark.numbered = is_number(event->body.trade.trade_id, &mark.number);
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
	const struct mark *until = span->first.known ? &span->until : &span->newest;
	if (!span->oldest.known || is_before(mark, &span->oldest))
		return true;
	if (!until->known || (candle ? is_before(mark, until) : !is_before(until, mark)))
		return false;
	return !span->first.known || is_before(mark, &span->first);
}

/* ------------------------------------------------------------------ the stream */

void history_live(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	struct history *h = s->symbols[symbol].rest.history;
	bool candle = event->channel == BC_CHANNEL_CANDLE;
	if (h == NULL || (!candle && event->channel != BC_CHANNEL_TRADE))
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

void history_lost(struct session *s, uint32_t symbol)
{
	struct history *h = s->symbols[symbol].rest.history;
	if (h == NULL)
		return;
	h->asked = false;
	h->wanted = 0;
	for (uint32_t i = 0; i < n_spans(s); i++) {
		h->spans[i].until = h->spans[i].newest;
		h->spans[i].first = (struct mark){ 0 };
	}
}

void history_subscribed(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	uint32_t wanted = spans_of_job(s, JOB_TRADES) | spans_of_job(s, JOB_CANDLES);
	if (wanted == 0 || (sym->rest.history != NULL && sym->rest.history->asked))
		return;
	if (sym->missing != 0)
		return; /* what it misses on another line of its own is history, too */
	if (sym->rest.history == NULL)
		sym->rest.history =
			calloc(1, sizeof(struct history) + n_spans(s) * sizeof(struct span));
	struct history *h = sym->rest.history;
	if (h == NULL)
		return; /* the feed goes on without */
	h->asked = true;
	h->wanted = wanted;
	h->failures = 0;
	h->not_before = mono_plus(s->now.mono, HISTORY_AFTER_NS);
	for (int job = JOB_TRADES; job <= JOB_CANDLES; job++) {
		struct rest_job *j = &s->rest.jobs[job];
		rest_want(s, (enum rest_job_id)job);
		j->queue_at = mono_min(j->queue_at, h->not_before);
	}
}

void history_forget(struct session *s, uint32_t symbol)
{
	free(s->symbols[symbol].rest.history);
	s->symbols[symbol].rest.history = NULL;
}

/* ------------------------------------------------------------------ asking */

bool history_pick(struct session *s, struct rest_request *request)
{
	struct rest_job *job = &s->rest.jobs[request->job];
	uint32_t spans = spans_of_job(s, request->job);
	bool wanted = false;
	bc_mono_time next = MONO_NEVER;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		struct history *h = sym->name.p == NULL ? NULL : sym->rest.history;
		if (h == NULL || (h->wanted & spans) == 0)
			continue;
		wanted = true;
		if (h->not_before.ns > s->now.mono.ns) {
			next = mono_min(next, h->not_before);
			continue;
		}
		uint32_t span = (uint32_t)__builtin_ctz(h->wanted & spans);
		h->wanted &= ~(1u << span);
		request->symbol = i;
		if (request->job == JOB_CANDLES)
			request->interval = interval_of_span(s, span);
		s->rest.n_kept = 0;
		return true;
	}
	job->wanted = wanted;
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
		if (!is_new(&before, &item->mark, false) ||
		    (id->n > 0 && trade_known(s, symbol, *id))) {
			s->count.duplicates++;
			continue;
		}
		if (!before.first.known && id->n > 0)
			trade_remember(s, symbol, *id);
		publish(s, symbol, item);
		published(span, &item->mark);
	}
}

static void publish_candles(struct session *s, uint32_t symbol, struct span *span)
{
	const struct span before = *span;
	for (uint32_t i = 0; i < s->rest.n_kept; i++) {
		struct history_item *item = &s->rest.kept[i];
		if (!is_new(&before, &item->mark, true)) {
			s->count.duplicates++;
			continue;
		}
		publish(s, symbol, item);
		published(span, &item->mark);
	}
}

static void try_again(struct session *s, const struct rest_request *r, enum rest_end end)
{
	struct history *h = s->symbols[r->symbol].rest.history;
	struct rest_job *job = &s->rest.jobs[r->job];
	h->failures += end == REST_BAD;
	if (h->failures >= TRIES_MAX) {
		h->wanted = 0; /* the topics go on without */
		return;
	}
	h->wanted |= 1u << (r->job == JOB_TRADES ? 0 : span_of_interval(s, r->interval));
	h->not_before = mono_plus(s->now.mono,
				  REST_WAIT_MIN_NS + backoff_wait_ns(2 * h->failures + 2,
								     REST_WAIT_MAX_NS, &s->random));
	job->queue_at = mono_min(job->queue_at, h->not_before);
	job->wanted = true;
}

void history_ended(struct session *s, const struct rest_request *r, enum rest_end end)
{
	struct history *h = s->symbols[r->symbol].rest.history;
	uint32_t n = s->rest.n_kept;
	s->rest.n_kept = 0;
	if (h == NULL)
		return;
	if (end != REST_GOOD) {
		try_again(s, r, end);
		return;
	}
	s->rest.n_kept = n;
	if (n > 0)
		qsort(s->rest.kept, n, sizeof *s->rest.kept, by_age);
	if (r->job == JOB_TRADES)
		publish_trades(s, r->symbol, &h->spans[0]);
	else
		publish_candles(s, r->symbol, &h->spans[span_of_interval(s, r->interval)]);
	s->rest.n_kept = 0;
}
