/* session_order.c - what comes twice, or later than something newer. */
#include "publisher/session_private.h"

#include <string.h>

/* ------------------------------------------------------------------ trades */

bool trade_number(bc_str id, uint64_t *out)
{
	uint64_t n = 0;
	if (id.n == 0 || id.n > 19)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		if (id.p[i] < '0' || id.p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(id.p[i] - '0');
	}
	*out = n;
	return true;
}

static bool in_ring(const struct known_trades *trades, bc_str id)
{
	for (size_t i = 0; i < TRADES_KNOWN; i++) {
		const struct known_trade *known = &trades->ids[i];
		if (known->n == id.n && memcmp(known->id, id.p, id.n) == 0)
			return true;
	}
	return false;
}

static bool ascends(const struct session *s, bc_str id, uint64_t *number)
{
	return s->x->trade_ids_ascend && trade_number(id, number);
}

bool trade_known(const struct session *s, uint32_t symbol, bc_str id)
{
	const struct symbol_order *order = &s->symbols[symbol].order;
	uint64_t number;
	if (ascends(s, id, &number))
		return order->traded && number == order->last_trade;
	return in_ring(&s->symbols[symbol].aside->trades, id);
}

/* A repeated trade has the time it had. One that is later than all we know, by more than trades
 * may change places, is new whatever its id: ids began anew, or the last one could not be. */
static bool is_newer(const struct symbol_order *order, uint64_t number, bc_wall_time at)
{
	return !order->traded || number > order->last_trade ||
	       (bc_wall_known(at) && bc_wall_known(order->trade_at) && at.ns > order->trade_at.ns &&
		(uint64_t)at.ns - (uint64_t)order->trade_at.ns > (uint64_t)TRADES_ANEW_NS);
}

void trade_remember(struct session *s, uint32_t symbol, bc_str id, bc_wall_time at)
{
	struct symbol_order *order = &s->symbols[symbol].order;
	uint64_t number;
	if (ascends(s, id, &number)) {
		if (is_newer(order, number, at))
			order->last_trade = number;
		if (!order->traded || (bc_wall_known(at) && at.ns > order->trade_at.ns))
			order->trade_at = at;
		order->traded = true;
		return;
	}
	struct known_trades *trades = &s->symbols[symbol].aside->trades;
	struct known_trade *known = &trades->ids[trades->next++ % TRADES_KNOWN];
	memcpy(known->id, id.p, id.n);
	known->n = (uint8_t)id.n;
}

/* A trade happens once, however often it is told: a subscription is answered with the last one,
 * which we have if nothing was missed, and an exchange may repeat itself. */
static bool trade_refused(struct session *s, uint32_t id, const struct bc_event *event)
{
	const struct symbol *sym = &s->symbols[id];
	bc_str trade = event->body.trade.trade_id;
	uint64_t number;
	if (trade.n == 0 || trade.n > TRADE_ID_MAX)
		return false;
	bool seen = ascends(s, trade, &number) ? !is_newer(&sym->order, number, event->ts_exchange)
					       : in_ring(&sym->aside->trades, trade);
	s->count.duplicates += seen;
	if (!seen)
		trade_remember(s, id, trade, event->ts_exchange);
	return seen;
}

/* ------------------------------------------------------------------ books without a number */

/* Whoever comes back to a connection that it was taken from a moment ago may be told once more what
 * it was told then. A snapshot is the answer to the new subscription. */
static bool of_before(struct session *s, const struct symbol *sym, const struct bc_event *event)
{
	uint32_t bit = 1u << s->connections[s->current].line;
	bool answer = (event->flags & BC_FLAG_SNAPSHOT) != 0 && (sym->subscribed & bit) != 0;
	bool old = s->now.mono.ns < sym->aside->old_until.ns && !answer;
	s->count.ignored += old;
	return old;
}

/* Where the exchange numbers nothing, its own times are the only order of a symbol's books. One
 * that is older than what we had came out of order, or from a server that lags; it is not applied,
 * and which of the two holds is in doubt until the exchange has sent it again. If it insists, its
 * clock was set back, and it is believed. */
static bool book_went_back(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_order *order = &sym->order;
	bool snapshot = (event->flags & BC_FLAG_SNAPSHOT) != 0;
	if (!order->book_timed && of_before(s, sym, event))
		return true;
	bool back = order->book_timed && event->ts_exchange.ns < order->book_at.ns &&
		    order->book_at.ns - event->ts_exchange.ns < BOOK_BACK_NS;
	if (back && snapshot && bc_state_fit(sym->state)) {
		s->count.duplicates++; /* overtaken by a newer one on its way */
		return true;
	}
	if (!back || (snapshot && order->went_back)) {
		order->book_timed = true;
		order->book_at = event->ts_exchange;
		order->went_back = false;
		return false;
	}
	order->went_back = true;
	s->count.gaps++;
	symbol_doubt(s, id, BC_REASON_GAP, SESSION_BOOK_ONLY);
	if (s->current != NOBODY)
		subscribe_resync(s, s->current, id);
	return true;
}

/* ------------------------------------------------------------------ numbers and times */

/* Older than the newest of its kind: that came by a connection which is still the same, or while
 * this one was open already. Only what a new connection says is believed whatever came before; and
 * whatever is all that has come for a while, as the newest may have had a number that cannot be. */
static bool went_back(struct session *s, struct order_mark *mark, uint64_t at)
{
	if (s->current == NOBODY)
		return false;
	bool lately = s->now.mono.ns < mono_plus(mark->came, ORDER_BACK_NS).ns;
	if (mark->known && at < mark->at && lately) {
		const struct connection *c = &s->connections[mark->connection];
		bool same = c->phase == PHASE_OPEN && c->since.ns == mark->opened.ns;
		if (same || s->connections[s->current].since.ns <= mark->came.ns) {
			s->count.duplicates++;
			return true;
		}
	}
	*mark = (struct order_mark){ .known = true,
				     .connection = s->current,
				     .opened = s->connections[s->current].since,
				     .came = s->now.mono,
				     .at = at };
	return false;
}

static bool book_refused(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol_order *order = &s->symbols[id].order;
	if (event->exchange_seq != BC_SEQ_NONE)
		return went_back(s, &order->newest[ORDER_BOOK], event->exchange_seq);
	return bc_wall_known(event->ts_exchange) && book_went_back(s, id, event);
}

static bool bbo_refused(struct session *s, uint32_t id, const struct bc_event *event)
{
	return event->exchange_seq != BC_SEQ_NONE &&
	       went_back(s, &s->symbols[id].order.newest[ORDER_BBO], event->exchange_seq);
}

/* By the exchange's clock, where its sockets may overtake each other; a clock set back by more
 * than a minute decides nothing. */
static bool ticker_refused(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct order_mark *mark = &s->symbols[id].order.newest[ORDER_TICKER];
	if (s->x->sync == NULL || !bc_wall_known(event->ts_exchange) || event->ts_exchange.ns < 0)
		return false;
	uint64_t at = (uint64_t)event->ts_exchange.ns;
	if (mark->known && mark->at > at && mark->at - at >= (uint64_t)BOOK_BACK_NS)
		mark->known = false;
	return went_back(s, mark, at);
}

bool order_refuses(struct session *s, uint32_t id, const struct bc_event *event)
{
	static bool (*const refused[BC_N_CHANNELS])(struct session *, uint32_t,
						    const struct bc_event *) = {
		[BC_CHANNEL_BOOK] = book_refused,
		[BC_CHANNEL_BBO] = bbo_refused,
		[BC_CHANNEL_TRADE] = trade_refused,
		[BC_CHANNEL_TICKER] = ticker_refused,
	};
	return refused[event->channel] != NULL && refused[event->channel](s, id, event);
}
