/* session_overlap.c - which of two connections that carry the same is to be believed when.
 *
 * Neither is ahead for certain, and the lead may change. Whatever was taken is not taken again.
 * What the successor brings is taken when nothing can be missing before it: it repeats something
 * we have, or continues it. Until then it is held, in order, and given back by the first
 * connection, which is bound to reach that point. Changes of a book are joined by their numbers, so
 * what links is given on from both, known or not. State of which the newest is all that counts,
 * as a bbo, is simply taken when it is newer. */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

enum verdict { LEAVE, TAKE, HOLD };

struct key { /* of an event in its stream */
	enum overlap_kind kind;
	uint32_t stream;
	uint64_t at;
	bool timed; /* by the exchange's clock: two may have the same */
};

/* ------------------------------------------------------------------ streams and their order */

uint32_t overlap_streams(const struct session *s)
{
	return OVERLAP_CANDLE + (uint32_t)__builtin_popcount(s->o.intervals);
}

/* By its number, or else by the exchange's clock. */
static bool key_of_state(const struct bc_event *event, struct key *out)
{
	out->timed = event->exchange_seq == BC_SEQ_NONE;
	out->at = out->timed ? (uint64_t)event->ts_exchange.ns : event->exchange_seq;
	return !out->timed || (bc_wall_known(event->ts_exchange) && event->ts_exchange.ns >= 0);
}

static bool key_of_trade(const struct session *s, const struct bc_event *event, struct key *out)
{
	bc_str id = event->body.trade.trade_id;
	out->at = 0;
	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] < '0' || id.p[i] > '9')
			return false;
		out->at = out->at * 10 + (uint64_t)(id.p[i] - '0');
	}
	return s->x->trade_ids_ascend && id.n > 0 && id.n < 20;
}

static bool key_of_candle(const struct session *s, const struct bc_event *event, struct key *out)
{
	uint32_t bit = 1u << event->body.candle.interval;
	out->stream += (uint32_t)__builtin_popcount(s->o.intervals & (bit - 1));
	out->at = (uint64_t)event->ts_exchange.ns; /* no two of an interval have the same */
	return (s->o.intervals & bit) != 0 && bc_wall_known(event->ts_exchange) &&
	       event->ts_exchange.ns >= 0;
}

/* False: nothing in it says what comes before what. */
static bool key_of(const struct session *s, const struct bc_event *event, struct key *out)
{
	static const struct {
		enum bc_channel channel;
		enum overlap_kind kind;
	} kinds[] = {
		{ BC_CHANNEL_BOOK, OVERLAP_BOOK },     { BC_CHANNEL_BBO, OVERLAP_BBO },
		{ BC_CHANNEL_TICKER, OVERLAP_TICKER }, { BC_CHANNEL_DELTA, OVERLAP_DELTA },
		{ BC_CHANNEL_TRADE, OVERLAP_TRADE },   { BC_CHANNEL_CANDLE, OVERLAP_CANDLE },
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (kinds[i].channel != event->channel)
			continue;
		*out = (struct key){ .kind = kinds[i].kind, .stream = kinds[i].kind };
		if (out->kind == OVERLAP_TRADE)
			return key_of_trade(s, event, out);
		if (out->kind == OVERLAP_CANDLE)
			return key_of_candle(s, event, out);
		if (out->kind == OVERLAP_DELTA)
			out->at = event->body.delta.last_seq;
		return out->kind == OVERLAP_DELTA || key_of_state(event, out);
	}
	return false;
}

/* ------------------------------------------------------------------ what of it is taken */

/* So far behind is no stream that lags: the exchange's clock was set back. */
static bool is_set_back(const struct overlap_mark *mark, uint64_t at)
{
	return mark->known && at < mark->last && mark->last - at >= (uint64_t)BOOK_BACK_NS;
}

static enum verdict take(struct overlap_mark *mark, const struct key *key, bool ahead)
{
	if (!mark->known || key->at > mark->last || (key->timed && is_set_back(mark, key->at)))
		mark->last = key->at;
	mark->known = true;
	mark->ahead = ahead;
	return TAKE;
}

/* Changes of a book are told apart by their numbers where the book is: one that is known does no
 * harm there, and one that has come by the other connection behind a hole is wanted again. */
static bool is_joined(const struct key *key)
{
	return key->kind == OVERLAP_DELTA;
}

/* From the first connection: all of it, but for what the successor has brought already. */
static enum verdict of_old(struct overlap_mark *mark, const struct key *key)
{
	if (mark->ahead && key->at <= mark->last && !is_joined(key))
		return LEAVE;
	return take(mark, key, false);
}

/* Does nothing come between what we have and this? */
static bool continues(const struct session *s, const struct overlap_mark *mark,
		      const struct key *key, const struct bc_event *event)
{
	if (key->kind == OVERLAP_TRADE)
		return key->at == mark->last + 1;
	return key->kind == OVERLAP_DELTA && s->x->sync != NULL &&
	       s->x->sync->covers(mark->last, &event->body.delta) == BC_LINK_NEXT;
}

static enum verdict of_new(const struct session *s, struct overlap_mark *mark,
			   const struct key *key, const struct bc_event *event)
{
	bool newer = key->at > mark->last || (key->timed && mark->ahead && key->at == mark->last);
	if (key->kind <= OVERLAP_TICKER)
		return mark->known && newer ? take(mark, key, true) : LEAVE;
	if (!mark->linked) {
		if (!mark->known || (newer && !continues(s, mark, key, event)))
			return HOLD;
		mark->linked = true;
	}
	return newer || is_joined(key) ? take(mark, key, newer) : LEAVE;
}

/* From the successor when it is alone: what is known may come a while. */
static enum verdict of_heir(struct overlap_mark *mark, const struct key *key)
{
	bool newer = key->timed ? key->at >= mark->last : key->at > mark->last;
	if (mark->known && !newer && !is_joined(key))
		return LEAVE;
	return take(mark, key, true);
}

/* So much older than the last one: the exchange's clock was set back, or was set forth before and
 * this one lags. For a while nobody can tell by times what is newer, so one alone is believed, the
 * first while it is there; and where the last came from the other, it is in doubt. */
static enum verdict of_set_back(struct session *s, const struct handover *h, uint32_t symbol,
				struct overlap_mark *mark, const struct key *key, bool of_successor)
{
	mark->torn_until = mono_plus(s->now.mono, HANDOVER_TORN_NS);
	if (of_successor && h->old != NOBODY)
		return LEAVE;
	if (mark->ahead != of_successor && key->kind == OVERLAP_BOOK)
		symbol_doubt(s, symbol, BC_REASON_GAP, SESSION_BOOK_ONLY);
	return take(mark, key, of_successor);
}

/* ------------------------------------------------------------------ what is held */

static struct overlap_mark *mark_of(const struct handover *h, uint32_t symbol, uint32_t stream)
{
	return &h->marks[(size_t)symbol * h->n_streams + stream];
}

static struct held *take_first(struct handover *h, uint32_t symbol, struct overlap_mark *mark)
{
	struct held *first = mark->head;
	mark->head = first->next;
	h->symbols[symbol].n_held--;
	h->n_held--;
	h->held_bytes -= first->bytes;
	return first;
}

static void drop_all(struct handover *h, uint32_t symbol)
{
	for (uint32_t i = 0; i < h->n_streams; i++) {
		while (mark_of(h, symbol, i)->head != NULL)
			free(take_first(h, symbol, mark_of(h, symbol, i)));
	}
}

static void *put(char **at, const void *from, size_t n)
{
	char *to = *at;
	if (n > 0)
		memcpy(to, from, n);
	*at += n;
	return to;
}

/* Deltas, trades and candles alone are held; only the first two point to something. */
static struct held *copy_of(const struct bc_event *event, bc_wall_time received)
{
	const struct bc_delta *d = &event->body.delta;
	bool delta = event->channel == BC_CHANNEL_DELTA;
	size_t bids = delta ? d->n_bids * sizeof *d->bids : 0;
	size_t asks = delta ? d->n_asks * sizeof *d->asks : 0;
	size_t id = event->channel == BC_CHANNEL_TRADE ? event->body.trade.trade_id.n : 0;
	size_t bytes = sizeof(struct held) + bids + asks + id;
	struct held *held = malloc(bytes);
	if (held == NULL)
		return NULL;
	char *at = (char *)(held + 1);
	*held = (struct held){ .bytes = bytes, .received = received, .event = *event };
	if (delta) {
		held->event.body.delta.bids = put(&at, d->bids, bids);
		held->event.body.delta.asks = put(&at, d->asks, asks);
	} else if (id > 0) {
		held->event.body.trade.trade_id.p = put(&at, event->body.trade.trade_id.p, id);
	}
	return held;
}

/* Where there is no room, what is held of the symbol is dropped: the first connection brings all
 * of it, later. */
static void hold(struct handover *h, uint32_t symbol, struct overlap_mark *mark,
		 const struct bc_event *event, bc_wall_time received)
{
	struct held *held = h->held_bytes < HELD_MAX_BYTES ? copy_of(event, received) : NULL;
	if (held == NULL) {
		drop_all(h, symbol);
		h->symbols[symbol].seen_new = false;
		return;
	}
	if (mark->head == NULL)
		mark->head = held;
	else
		mark->tail->next = held;
	mark->tail = held;
	h->symbols[symbol].n_held++;
	h->n_held++;
	h->held_bytes += held->bytes;
}

/* ------------------------------------------------------------------ room for symbols */

static bool room_for(struct session *s, struct handover *h, uint32_t symbol)
{
	uint32_t n = s->symbol_capacity;
	if (symbol < h->n_symbols)
		return true;
	struct overlap *symbols = realloc(h->symbols, n * sizeof *symbols);
	if (symbols == NULL)
		return false;
	memset(symbols + h->n_symbols, 0, (n - h->n_symbols) * sizeof *symbols);
	h->symbols = symbols;
	struct overlap_mark *marks = realloc(h->marks, (size_t)n * h->n_streams * sizeof *marks);
	if (marks == NULL)
		return false;
	memset(marks + (size_t)h->n_symbols * h->n_streams, 0,
	       (size_t)(n - h->n_symbols) * h->n_streams * sizeof *marks);
	h->marks = marks;
	h->n_symbols = n;
	return true;
}

void overlap_forget(struct handover *h, uint32_t symbol)
{
	if (symbol >= h->n_symbols)
		return;
	drop_all(h, symbol);
	h->symbols[symbol] = (struct overlap){ 0 };
	memset(mark_of(h, symbol, 0), 0, h->n_streams * sizeof *h->marks);
}

/* The successor begins anew; what it has brought is still not to be taken again. */
void overlap_restart(struct handover *h)
{
	for (uint32_t i = 0; i < h->n_symbols; i++) {
		drop_all(h, i);
		h->symbols[i] = (struct overlap){ 0 };
	}
	for (size_t i = 0; i < (size_t)h->n_symbols * h->n_streams; i++)
		h->marks[i].linked = false;
}

void overlap_free(struct handover *h)
{
	for (uint32_t i = 0; i < h->n_symbols; i++)
		drop_all(h, i);
	free(h->symbols);
	free(h->marks);
}

bool overlap_seen(const struct handover *h, uint32_t symbol)
{
	const struct overlap *o = symbol < h->n_symbols ? &h->symbols[symbol] : NULL;
	return o == NULL || (o->n_held == 0 && (!o->seen_old || o->seen_new));
}

bool overlap_brought(const struct handover *h, uint32_t symbol)
{
	const struct overlap *o = symbol < h->n_symbols ? &h->symbols[symbol] : NULL;
	return o != NULL && (o->seen_new || o->n_held > 0);
}

bool overlap_linked(const struct handover *h, uint32_t symbol)
{
	return symbol < h->n_symbols && mark_of(h, symbol, OVERLAP_DELTA)->linked;
}

/* ------------------------------------------------------------------ events */

static bool is_torn(const struct session *s, const struct overlap_mark *mark)
{
	return s->now.mono.ns < mark->torn_until.ns;
}

static enum verdict judge(struct session *s, const struct handover *h, uint32_t symbol,
			  struct overlap_mark *mark, const struct key *key,
			  const struct bc_event *event, bool of_successor)
{
	if (key->timed && is_set_back(mark, key->at))
		return of_set_back(s, h, symbol, mark, key, of_successor);
	if (h->old == NOBODY)
		return of_heir(mark, key);
	if (key->timed && of_successor && is_torn(s, mark))
		return LEAVE;
	return of_successor ? of_new(s, mark, key, event) : of_old(mark, key);
}

/* What was said before there were two counts, too, where it has a number. */
static void know_of_before(const struct session *s, uint32_t symbol, struct overlap_mark *mark,
			   const struct key *key)
{
	const struct order_mark *newest = s->symbols[symbol].order.newest;
	if (mark->known || key->timed || key->kind > OVERLAP_BBO)
		return;
	newest += key->kind == OVERLAP_BBO ? ORDER_BBO : ORDER_BOOK;
	mark->known = newest->known;
	mark->last = newest->at;
}

/* Ids that say nothing of the order: the first connection brings all trades while there is one, in
 * the order of their times, and then the successor those that are not older than its last. */
static bool takes_trade(struct session *s, const struct handover *h, uint32_t symbol,
			const struct bc_event *event)
{
	struct overlap_mark *mark = mark_of(h, symbol, OVERLAP_TRADE);
	bool timed = bc_wall_known(event->ts_exchange) && event->ts_exchange.ns >= 0;
	uint64_t at = timed ? (uint64_t)event->ts_exchange.ns : 0;
	if (h->old != NOBODY && s->current == h->successor)
		return false;
	if (timed && is_set_back(mark, at))
		mark->known = false;
	if (h->old == NOBODY && timed && mark->known && at < mark->last) {
		s->count.duplicates++;
		return false;
	}
	if (h->old != NOBODY && timed && (!mark->known || at > mark->last)) {
		mark->known = true;
		mark->last = at;
	}
	return true;
}

bool overlap_takes(struct session *s, struct handover *h, uint32_t symbol,
		   const struct bc_event *event)
{
	struct key key;
	bool of_successor = s->current == h->successor, alone = h->old == NOBODY;
	if (!room_for(s, h, symbol))
		return !of_successor || alone;
	if (!key_of(s, event, &key)) {
		if (event->channel == BC_CHANNEL_TRADE && !s->x->trade_ids_ascend)
			return takes_trade(s, h, symbol, event);
		return !of_successor || alone;
	}
	struct overlap *o = &h->symbols[symbol];
	struct overlap_mark *mark = mark_of(h, symbol, key.stream);
	enum verdict verdict = HOLD;
	know_of_before(s, symbol, mark, &key);
	if (!alone || mark->head == NULL) /* else what is held comes first */
		verdict = judge(s, h, symbol, mark, &key, event, of_successor);
	if (verdict == HOLD)
		hold(h, symbol, mark, event, s->received);
	else if (of_successor)
		o->seen_new = true;
	if (!of_successor && s->now.mono.ns > mono_plus(h->side_by_side, HANDOVER_LAG_NS).ns)
		o->seen_old = true;
	if (verdict == LEAVE) {
		s->count.duplicates++;
		overlap_release(s, h, symbol); /* it may have shown that they are known, too */
	}
	return verdict == TAKE;
}

static void release(struct session *s, struct handover *h, uint32_t symbol, uint32_t stream)
{
	while (!h->over && mark_of(h, symbol, stream)->head != NULL) {
		struct overlap_mark *mark = mark_of(h, symbol, stream);
		struct key key;
		enum verdict verdict = LEAVE;
		if (key_of(s, &mark->head->event, &key))
			verdict = judge(s, h, symbol, mark, &key, &mark->head->event, true);
		if (verdict == HOLD)
			break;
		struct held *first = take_first(h, symbol, mark);
		h->symbols[symbol].seen_new = true;
		first->event.symbol = s->symbols[symbol].name;
		s->received = first->received;
		if (verdict == TAKE)
			feed_market_data(s, symbol, &first->event);
		free(first);
	}
}

bool overlap_torn(struct session *s, struct handover *h, uint32_t symbol)
{
	bool torn = false;
	for (uint32_t i = 0; i <= OVERLAP_TICKER && symbol < h->n_symbols; i++) {
		struct overlap_mark *mark = mark_of(h, symbol, i);
		torn |= is_torn(s, mark);
		mark->known &= !is_torn(s, mark);
	}
	return torn;
}

/* The first connection may have reached what is held of the symbol; or it is gone. */
void overlap_release(struct session *s, struct handover *h, uint32_t symbol)
{
	uint32_t current = s->current;
	bc_wall_time received = s->received;
	if (symbol >= h->n_symbols || h->symbols[symbol].n_held == 0)
		return;
	s->current = h->successor;
	for (uint32_t i = 0; i < h->n_streams; i++)
		release(s, h, symbol, i);
	s->current = current;
	s->received = received;
}
