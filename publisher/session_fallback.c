/* session_fallback.c - whose stream is down, what was polled instead, and back to the stream.
 *
 *   any --a connection of it is down for rest_after_ns--> polled --a good answer--> rest
 *   rest --no good answer for LATE_ROUNDS rounds and LATE_NS, crossed, our clock--> stale --> rest
 *   any --a book of the stream that is not older--> live
 *
 * A symbol that is `rest` keeps the reason why its stream is down. What is polled is published with
 * the flag rest, and never goes back: an answer older than what the stream or a poll said before is
 * left out, and a stream that is behind the last poll has to catch up before it is believed. Both
 * are believed all the same if they insist, for then the exchange counts anew or its clock was set
 * back; until then nothing is fit that is not.
 *
 * Who is asked when stands in session_poll.c; trades are asked for by session_history.c. */
#include "publisher/session_private.h"

#include <string.h>

#define AFTER_NS    (10 * BC_NS_PER_S)
#define LOOK_NS     (100 * BC_NS_PER_MS) /* between two looks at all whose stream is down */
#define LATE_ROUNDS 2
#define LATE_NS     (5 * BC_NS_PER_S)  /* beside that; and an answer that took longer is too old */
#define ANEW        3                  /* answers in a row that are behind */
#define INSISTS_NS  (10 * BC_NS_PER_S) /* a stream that is behind */

void fallback_new(struct session *s)
{
	const uint32_t books = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	s->fallback.proof = N_POLLS;
	if ((s->proof_channels & books) != 0)
		s->fallback.proof = POLL_BOOKS;
	else if ((s->proof_channels & BC_CHANNEL_BIT(BC_CHANNEL_TICKER)) != 0)
		s->fallback.proof = POLL_TICKERS;
	s->fallback.look_at = s->fallback.believed_from = BUDGET_NOW;
}

/* ------------------------------------------------------------------ what is older than what */

static struct poll_mark mark_of(const struct bc_event *event)
{
	if (event->exchange_seq != BC_SEQ_NONE)
		return (struct poll_mark){ MARK_NUMBER, event->exchange_seq };
	if (bc_wall_known(event->ts_exchange) && event->ts_exchange.ns >= 0)
		return (struct poll_mark){ MARK_TIME, (uint64_t)event->ts_exchange.ns };
	return (struct poll_mark){ MARK_NONE, 0 };
}

static bool is_before(const struct poll_mark *a, const struct poll_mark *b)
{
	return a->by != MARK_NONE && a->by == b->by && a->at < b->at;
}

/* The newest book of the stream. */
static struct poll_mark stream_mark(const struct session *s, uint32_t id)
{
	const struct symbol_order *order = &s->symbols[id].order;
	uint64_t seq = s->sync.on ? sync_seq(s, id) : BC_SEQ_NONE;
	if (seq != BC_SEQ_NONE)
		return (struct poll_mark){ MARK_NUMBER, seq };
	if (!s->sync.on && order->newest[ORDER_BOOK].known)
		return (struct poll_mark){ MARK_NUMBER, order->newest[ORDER_BOOK].at };
	if (!s->sync.on && order->book_timed && order->book_at.ns >= 0)
		return (struct poll_mark){ MARK_TIME, (uint64_t)order->book_at.ns };
	return (struct poll_mark){ MARK_NONE, 0 };
}

/* ------------------------------------------------------------------ coming and going */

void fallback_lost(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct symbol *sym = &s->symbols[id];
	sym->aside->fallback.why = s->o.source == SESSION_REST ? BC_REASON_NONE : reason;
	memset(sym->aside->fallback.lags_since, 0, sizeof sym->aside->fallback.lags_since);
	if (sym->down || s->fallback.proof == N_POLLS || s->o.source == SESSION_WS)
		return;
	sym->down = true;
	sym->aside->fallback.down_at = s->now.mono;
	s->fallback.look_at = mono_min(s->fallback.look_at, s->now.mono);
	s->fallback.n_down++;
}

void fallback_over(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	if (!sym->down)
		return;
	s->fallback.n_down--;
	s->fallback.n_on -= sym->aside->fallback.on;
	sym->down = false;
	sym->aside->fallback = (struct symbol_fallback){ .why = BC_REASON_NONE };
}

/* Answers that are under way may be from before it slept. */
void fallback_clock(struct session *s)
{
	s->fallback.believed_from = s->now.mono;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].state == BC_STATE_REST)
			symbol_set(s, i, BC_STATE_STALE, BC_REASON_CLOCK, SESSION_ALL_CHANNELS);
	}
}

static bool is_down(const struct session *s, const struct symbol *sym)
{
	bool forced = s->o.source == SESSION_REST;
	for (size_t line = 0; line < s->x->n_lines && !forced; line++) {
		if (sym->on[line] != NOBODY && !s->connections[sym->on[line]].proven)
			return true;
	}
	return forced;
}

static bool may_begin(const struct session *s, const struct symbol *sym)
{
	int64_t after = s->o.rest_after_ns > 0 ? s->o.rest_after_ns : AFTER_NS;
	bool gone = sym->state == BC_STATE_HALTED;
	const struct rest_job *job =
		&s->rest.jobs[s->fallback.proof == POLL_BOOKS ? JOB_POLL_BOOKS : JOB_POLL_TICKERS];
	if (s->o.source == SESSION_REST)
		after = 0;
	return job->endpoint != NULL && !sym->aside->fallback.on && !gone && is_down(s, sym) &&
	       s->now.mono.ns >= mono_plus(sym->aside->fallback.down_at, after).ns;
}

static int64_t late_after_ns(const struct session *s)
{
	return LATE_ROUNDS * s->fallback.round_ns + LATE_NS;
}

static enum bc_reason stale_reason(const struct symbol *sym)
{
	return sym->aside->fallback.why == BC_REASON_NONE ? BC_REASON_NO_DATA
							  : sym->aside->fallback.why;
}

static void look_at(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	if (may_begin(s, sym)) {
		sym->aside->fallback.on = true;
		s->fallback.n_on++;
		poll_begin(s);
	}
	if (sym->state == BC_STATE_REST &&
	    s->now.mono.ns >= mono_plus(sym->aside->fallback.good_at, late_after_ns(s)).ns)
		symbol_set(s, id, BC_STATE_STALE, stale_reason(sym), SESSION_ALL_CHANNELS);
}

/* Once for all of them, when the first begins and when the last is over. */
static void tell(struct session *s)
{
	bool some = s->fallback.n_on > 0;
	if (some == s->fallback.told)
		return;
	s->fallback.told = some;
	if (some) {
		s->fallback.told_at = s->now.mono;
		session_log(s, BC_LOG_WARN, "fallback.begun", BC_LOG_U("symbols", s->fallback.n_on),
			    BC_LOG_T("round", s->fallback.round_ns),
			    BC_LOG_S("hint", s->o.source == SESSION_REST
						     ? "feed.source is rest: nothing else is asked"
						     : "the WebSocket is down; books come by REST "
						       "until it is back"));
		return;
	}
	session_log(s, BC_LOG_INFO, "fallback.over",
		    BC_LOG_T("took", s->now.mono.ns - s->fallback.told_at.ns));
}

void fallback_tick(struct session *s)
{
	if (s->now.mono.ns < s->fallback.look_at.ns)
		return;
	for (uint32_t i = 0; i < s->symbol_limit && s->fallback.n_down > 0; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].down)
			look_at(s, i);
	}
	s->fallback.round_ns = poll_round_ns(s);
	s->fallback.look_at = s->fallback.n_down > 0 ? mono_plus(s->now.mono, LOOK_NS) : MONO_NEVER;
	tell(s);
	feed_state_update(s);
}

bc_mono_time fallback_deadline(const struct session *s)
{
	return s->fallback.look_at;
}

/* ------------------------------------------------------------------ what was polled */

static void fit_by_rest(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	sym->aside->fallback.good_at = s->now.mono;
	sym->had_data = true; /* from now on stale, not connecting */
	s->count.polled++;
	s->count.fallbacks += sym->state != BC_STATE_REST;
	symbol_set(s, id, BC_STATE_REST, sym->aside->fallback.why, SESSION_BOOK_ONLY);
}

static void crossed(struct session *s, uint32_t id)
{
	s->count.crossed++;
	symbol_set(s, id, BC_STATE_STALE, BC_REASON_CROSSED, SESSION_BOOK_ONLY);
}

/* Older than what is known: a server that lags, or an answer that was overtaken. */
static bool is_old(struct session *s, uint32_t id, enum poll_kind kind,
		   const struct poll_mark *mark)
{
	struct symbol_fallback *f = &s->symbols[id].aside->fallback;
	const struct poll_mark stream =
		kind == POLL_BOOKS ? stream_mark(s, id) : (struct poll_mark){ MARK_NONE, 0 };
	if (!is_before(mark, &f->newest[kind]) && !is_before(mark, &stream)) {
		f->behind[kind] = 0;
		return false;
	}
	s->count.poll_old++;
	return ++f->behind[kind] < ANEW;
}

static void publish(struct session *s, uint32_t id, struct bc_event *event)
{
	if (bc_wall_known(event->ts_exchange) &&
	    event->ts_exchange.ns > s->received.ns + CLOCK_AHEAD_NS)
		event->flags |= BC_FLAG_CLOCK;
	s->count.events[event->channel]++;
	s->act.event(s->act.self, id, event, s->received);
}

/* The newest bbo of the stream, which may run ahead of its book. */
static struct poll_mark bbo_mark(const struct session *s, uint32_t id)
{
	const struct symbol_order *order = &s->symbols[id].order;
	return order->newest[ORDER_BBO].known
		       ? (struct poll_mark){ MARK_NUMBER, order->newest[ORDER_BBO].at }
		       : (struct poll_mark){ MARK_NONE, 0 };
}

/* An exchange with a channel of its own for the best prices has the bbo of no book. */
static void publish_bbo(struct session *s, uint32_t id, const struct bc_event *book)
{
	struct bc_event bbo = *book;
	const struct poll_mark mark = mark_of(book), stream = bbo_mark(s, id);
	if ((s->channels & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) == 0 || is_before(&mark, &stream))
		return;
	bbo.channel = BC_CHANNEL_BBO;
	bbo.body.book.n_bids = book->body.book.n_bids > 0;
	bbo.body.book.n_asks = book->body.book.n_asks > 0;
	publish(s, id, &bbo);
}

static void take_book(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol *sym = &s->symbols[id];
	struct bc_event book = *event;
	const struct poll_mark mark = mark_of(event), stream = stream_mark(s, id);
	int order = feed_top_order(&book.body.book);
	uint32_t limit = s->rest.poll_limit, most = book.body.book.n_bids;
	if (order > 0) {
		crossed(s, id);
		return;
	}
	if (sym->proven && !is_before(&stream, &mark)) { /* only another line of it is down */
		bool shown = sym->state == BC_STATE_REST;
		fit_by_rest(s, id);
		if (!shown)
			sync_show(s, id);
		return;
	}
	if (is_old(s, id, POLL_BOOKS, &mark))
		return;
	sym->aside->fallback.newest[POLL_BOOKS] = mark;
	if (book.body.book.n_asks > most)
		most = book.body.book.n_asks;
	if (limit > 0 && limit < s->o.levels && most >= limit)
		book.flags |= BC_FLAG_EDGE;
	if (order == 0)
		book.flags |= BC_FLAG_LOCKED;
	fit_by_rest(s, id);
	publish(s, id, &book);
	publish_bbo(s, id, &book);
	history_poll(s, id);
}

static void take_ticker(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol *sym = &s->symbols[id];
	struct bc_event ticker = *event;
	const struct poll_mark mark = mark_of(event);
	bool proves = s->fallback.proof == POLL_TICKERS;
	if (is_old(s, id, POLL_TICKERS, &mark))
		return;
	sym->aside->fallback.newest[POLL_TICKERS] = mark;
	if (proves)
		fit_by_rest(s, id);
	publish(s, id, &ticker);
	if (proves)
		history_poll(s, id);
}

void fallback_take(struct session *s, uint32_t id, const struct bc_event *event)
{
	static void (*const take[BC_N_CHANNELS])(struct session *, uint32_t,
						 const struct bc_event *) = {
		[BC_CHANNEL_BOOK] = take_book,
		[BC_CHANNEL_TICKER] = take_ticker,
	};
	const struct rest_request *r = s->rest.reading;
	const struct symbol *sym = &s->symbols[id];
	bool late = s->now.mono.ns > mono_plus(r->asked_at, LATE_NS).ns ||
		    r->asked_at.ns < s->fallback.believed_from.ns;
	if (!sym->down || !sym->aside->fallback.on || sym->state == BC_STATE_HALTED || late)
		return;
	take[event->channel](s, id, event);
}

/* ------------------------------------------------------------------ back to the stream */

/* One that is behind what was polled catches up; one that does not for long is believed. */
static bool is_held_back(struct session *s, uint32_t id, const struct poll_mark *mark,
			 enum lagging what)
{
	struct symbol_fallback *f = &s->symbols[id].aside->fallback;
	bc_mono_time *lags_since = &f->lags_since[what];
	if (!s->symbols[id].down)
		return false;
	if (!is_before(mark, &f->newest[what == LAGS_TICKER ? POLL_TICKERS : POLL_BOOKS])) {
		lags_since->ns = 0; /* it has caught up */
		return false;
	}
	if (lags_since->ns == 0)
		*lags_since = s->now.mono;
	return s->now.mono.ns < mono_plus(*lags_since, INSISTS_NS).ns;
}

bool fallback_behind(struct session *s, uint32_t id, uint64_t seq)
{
	const struct poll_mark mark = { seq == BC_SEQ_NONE ? MARK_NONE : MARK_NUMBER, seq };
	return is_held_back(s, id, &mark, LAGS_BOOK);
}

bool fallback_stream_behind(struct session *s, uint32_t id)
{
	const struct poll_mark mark = stream_mark(s, id);
	return is_held_back(s, id, &mark, LAGS_BOOK);
}

bool fallback_refuses(struct session *s, uint32_t id, const struct bc_event *event)
{
	static const enum lagging by_channel[BC_N_CHANNELS] = { [BC_CHANNEL_BOOK] = LAGS_BOOK,
								[BC_CHANNEL_BBO] = LAGS_BBO,
								[BC_CHANNEL_TICKER] = LAGS_TICKER };
	const struct poll_mark mark = mark_of(event);
	bool polled = event->channel == BC_CHANNEL_BOOK || event->channel == BC_CHANNEL_BBO ||
		      event->channel == BC_CHANNEL_TICKER;
	if (!polled || !is_held_back(s, id, &mark, by_channel[event->channel]))
		return false;
	s->count.duplicates++;
	if (event->channel == BC_CHANNEL_BOOK)
		subscribe_resync(s, s->current, id);
	return true;
}
