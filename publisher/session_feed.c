/* session_feed.c - what the adapter understood: checked, and on to the bus.
 *
 * Whatever came through a WebSocket proves its connection; a good book makes its symbol live; a
 * crossed one, or a value that does not fit, makes it stale before anybody hears of it. */
#include "publisher/glance.h"
#include "publisher/session_private.h"

#include <string.h>

/* ------------------------------------------------------------------ market data */

/* The exchange's clock decides nothing; where it cannot be right, the message says so. */
static bool clock_implausible(bc_wall_time exchange, bc_wall_time received)
{
	return bc_wall_known(exchange) && (exchange.ns > received.ns + CLOCK_AHEAD_NS ||
					   exchange.ns < received.ns - CLOCK_BEHIND_NS);
}

int feed_top_order(const struct bc_book *book)
{
	if (book->n_bids == 0 || book->n_asks == 0)
		return -1;
	return bc_decimal_compare(book->bids[0].price, book->asks[0].price);
}

/* What comes later by the channel of best prices is not to be older than this. */
static void know_bbo(struct session *s, struct symbol *sym, uint64_t seq)
{
	uint16_t line = 0;
	while ((s->x->lines[line].channels & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) == 0)
		line++;
	sym->order.newest[ORDER_BBO] =
		(struct order_mark){ .known = true,
				     .connection = sym->on[line],
				     .opened = s->connections[sym->on[line]].since,
				     .came = s->now.mono,
				     .at = seq };
}

/* Best prices are told when they change, and not when they are asked for. Until they do, those of
 * the book hold, as of its number. */
static void bbo_of_book(struct session *s, uint32_t id, const struct bc_event *book,
			bc_wall_time received)
{
	struct symbol *sym = &s->symbols[id];
	const struct order_mark *newest = &sym->order.newest[ORDER_BBO];
	struct bc_event bbo = *book;
	if (!bc_state_fit(sym->state) || book->exchange_seq == BC_SEQ_NONE ||
	    book->body.book.n_bids == 0 || book->body.book.n_asks == 0 ||
	    (newest->known && newest->at > book->exchange_seq))
		return;
	sym->bbo_due = false;
	know_bbo(s, sym, book->exchange_seq);
	bbo.channel = BC_CHANNEL_BBO;
	bbo.flags &= ~(uint32_t)BC_FLAG_EDGE;
	bbo.body.book.n_bids = bbo.body.book.n_asks = 1;
	s->count.events[BC_CHANNEL_BBO]++;
	s->act.event(s->act.self, id, &bbo, received);
}

void feed_publish(struct session *s, uint32_t id, struct bc_event *event, bc_wall_time received)
{
	bool book = event->channel == BC_CHANNEL_BOOK, bbo = event->channel == BC_CHANNEL_BBO;
	if (clock_implausible(event->ts_exchange, received))
		event->flags |= BC_FLAG_CLOCK;
	if ((book || bbo) && feed_top_order(&event->body.book) == 0)
		event->flags |= BC_FLAG_LOCKED;
	symbol_fed(s, id, event->channel);
	s->count.events[event->channel]++;
	s->act.event(s->act.self, id, event, received);
	if (s->symbols[id].bbo_due && bbo)
		s->symbols[id].bbo_due = false;
	else if (s->symbols[id].bbo_due && book)
		bbo_of_book(s, id, event, received);
}

/* Crossed: never live, until the exchange has sent it again. Where books are made of changes it
 * can only be a bbo; the book is in doubt with it. */
static void crossed(struct session *s, uint32_t id, struct bc_event *event)
{
	s->count.crossed++;
	s->count.events[event->channel]++;
	if (clock_implausible(event->ts_exchange, s->received))
		event->flags |= BC_FLAG_CLOCK;
	if (s->sync.on) {
		sync_doubt(s, id, BC_REASON_CROSSED);
		return;
	}
	symbol_doubt(s, id, BC_REASON_CROSSED, SESSION_BOOK_ONLY);
	if (s->current != NOBODY)
		subscribe_resync(s, s->current, id);
	if (s->symbols[id].state != BC_STATE_REST) /* what was polled stands */
		s->act.event(s->act.self, id, event, s->received);
}

void feed_market_data(struct session *s, uint32_t id, const struct bc_event *event)
{
	bool book = event->channel == BC_CHANNEL_BOOK;
	if (event->channel == BC_CHANNEL_DELTA) {
		sync_delta(s, id, event);
		return;
	}
	if (s->current == NOBODY || (book && s->sync.on)) {
		sync_snapshot(s, id, event);
		return;
	}
	history_live(s, id, event);
	if ((!bc_state_fit(s->symbols[id].state) && fallback_refuses(s, id, event)) ||
	    order_refuses(s, id, event))
		return;
	struct bc_event checked = *event;
	if ((book || event->channel == BC_CHANNEL_BBO) && feed_top_order(&event->body.book) > 0)
		crossed(s, id, &checked);
	else
		feed_publish(s, id, &checked, s->received);
	if (s->sync.on && event->channel == BC_CHANNEL_BBO && event->exchange_seq != BC_SEQ_NONE)
		sync_bbo(s, id, event->exchange_seq);
}

/* An instrument may come from REST or from the stream; both change what is listed. */
static void instrument_data(struct session *s, const struct bc_event *event)
{
	directory_learn(s, event->symbol, &event->body.instrument);
	uint32_t id = bc_name_find(&s->by_name, event->symbol);
	if (id == BC_NAME_NONE)
		return;
	struct symbol *sym = &s->symbols[id];
	enum bc_listing status = event->body.instrument.status;
	bool halted = sym->state == BC_STATE_HALTED;
	sym->aside->was_listed = true;
	sym->unlisted = false;
	if (status == BC_LISTING_DELISTED)
		symbol_halt(s, id, BC_REASON_DELISTED);
	else if (status == BC_LISTING_SUSPENDED)
		symbol_halt(s, id, BC_REASON_SUSPENDED);
	else if (halted &&
		 (status == BC_LISTING_TRADING || sym->reason == BC_REASON_UNKNOWN_SYMBOL))
		symbol_resume(s, id);
	s->act.event(s->act.self, id, event, s->received);
}

static bool is_named(const struct symbol *sym, bc_str name)
{
	return sym->name.n == name.n &&
	       memcmp(name.n <= NEAR_NAME ? sym->near : sym->name.p, name.p, name.n) == 0;
}

/* It mostly is who the message was about at a glance. */
static uint32_t symbol_of(const struct session *s, bc_str name)
{
	if (s->about != NOBODY && name.n > 0 && is_named(&s->symbols[s->about], name))
		return s->about;
	return bc_name_find(&s->by_name, name);
}

static void on_event(void *self, const struct bc_event *event)
{
	struct session *s = self;
	if (s->current != NOBODY) {
		if (s->connections[s->current].phase != PHASE_OPEN)
			return; /* given up earlier in this message */
		connection_proven(s, s->current);
	} else if (!rest_takes(s, event)) {
		return;
	}
	if (event->channel == BC_CHANNEL_INSTRUMENT) {
		instrument_data(s, event);
		return;
	}
	uint32_t id = symbol_of(s, event->symbol);
	if (s->current != NOBODY && id != BC_NAME_NONE && !handover_takes(s, id, event))
		return;
	if (id == BC_NAME_NONE) { /* the canary, or what we have just stopped following */
		s->count.ignored++;
		return;
	}
	feed_market_data(s, id, event);
	if (s->current != NOBODY)
		handover_taken(s, id);
}

/* ------------------------------------------------------------------ all else it may say */

static void on_control(void *self, const struct bc_control *control)
{
	struct session *s = self;
	subscribe_answered(s, control);
	if (control->leaving && s->current != NOBODY)
		handover_wanted(s, s->current, "announced");
	if (control->kind != BC_CONTROL_ERROR)
		return;
	s->count.control_errors++;
	s->count.rate_limited += control->back_off;
	session_log(s, BC_LOG_WARN, "feed.error", BC_LOG_B("code", control->code),
		    BC_LOG_B("message", control->message), BC_LOG_B("id", control->id),
		    BC_LOG_S("rate_limit", control->back_off ? "yes" : "no"));
	if (control->back_off && s->current != NOBODY) {
		struct connection *c = &s->connections[s->current];
		bc_mono_time earliest = mono_plus(s->now.mono, BC_NS_PER_S);
		if (c->subscribe_at.ns < earliest.ns)
			c->subscribe_at = earliest;
		subscribe_too_much(s, s->current);
	}
}

static void doubt_all(struct session *s, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p != NULL && sym->on[c->line] == connection && sym->had_data)
			symbol_doubt(s, i, BC_REASON_GAP, SESSION_BOOK_ONLY);
	}
}

/* A refused message may have been the last change of some book: that symbol is in doubt, or, where
 * nobody can say whose it was, every one of the connection, until the exchange has sent it again.
 */
static void on_reject(void *self, const struct bc_reject *reject)
{
	struct session *s = self;
	bool range = reject->why == BC_ERANGE;
	s->count.refused += !range;
	s->count.out_of_range += range;
	session_log(s, BC_LOG_WARN, range ? "feed.range" : "feed.refused",
		    BC_LOG_B("symbol", reject->symbol), BC_LOG_B("what", reject->what),
		    BC_LOG_B("value", reject->value), BC_LOG_U("offset", reject->offset));
	if (s->current == NOBODY)
		rest_refused(s, reject->symbol);
	if (reject->foreign || s->current == NOBODY ||
	    s->connections[s->current].phase != PHASE_OPEN || handover_unfit(s, "refused"))
		return;
	uint32_t id = bc_name_find(&s->by_name, reject->symbol);
	if (s->sync.on) {
		if (id != BC_NAME_NONE || reject->symbol.n == 0)
			sync_rejected(s, s->current, id != BC_NAME_NONE ? id : NOBODY,
				      range ? BC_REASON_RANGE : BC_REASON_GAP);
		return;
	}
	if (id != BC_NAME_NONE)
		symbol_doubt(s, id, range ? BC_REASON_RANGE : BC_REASON_GAP, SESSION_BOOK_ONLY);
	else if (reject->symbol.n == 0)
		doubt_all(s, s->current);
	subscribe_resync(s, s->current, id);
}

static void request_send(struct session *s, const struct bc_request *request)
{
	for (uint32_t i = 0; i < s->n_connections; i++) {
		struct connection *c = &s->connections[i];
		if (c->line != request->line || c->index != request->connection ||
		    c->phase != PHASE_OPEN)
			continue;
		budget_spend(&c->per_s, s->now.mono);
		budget_spend(&c->per_min, s->now.mono);
		s->count.sends++;
		if (s->act.send(s->act.self, i, request->text) != BC_OK)
			connection_give_up(s, i, BC_REASON_DISCONNECTED, "cannot send");
	}
}

static void request_resync(struct session *s, const struct bc_request *request)
{
	uint32_t id = bc_name_find(&s->by_name, request->symbol);
	if (handover_unfit(s, "broken"))
		return;
	s->count.gaps += request->reason == BC_REASON_GAP;
	s->count.checksums += request->reason == BC_REASON_CHECKSUM;
	if (s->sync.on) {
		if (id != BC_NAME_NONE)
			sync_break(s, id, request->reason);
		return;
	}
	if (id != BC_NAME_NONE)
		symbol_doubt(s, id, request->reason, SESSION_BOOK_ONLY);
	if (s->current != NOBODY)
		subscribe_resync(s, s->current, id);
}

static void on_request(void *self, const struct bc_request *request)
{
	static void (*const serve[])(struct session *, const struct bc_request *) = {
		[BC_REQUEST_SEND] = request_send,
		[BC_REQUEST_RESYNC] = request_resync,
	};
	serve[request->kind](self, request);
}

/* ------------------------------------------------------------------ one input */

void feed_sink_init(struct session *s)
{
	s->sink = (struct bc_feed_sink){ .self = s,
					 .event = on_event,
					 .control = on_control,
					 .reject = on_reject,
					 .request = on_request };
}

static struct glanced glance_at(const struct session *s, bc_str bytes)
{
	char room[BC_GLANCE_MAX];
	bc_str name = { NULL, 0 };
	if (s->x->glance != NULL)
		name = bc_glance(s->x->glance, bytes.p, bytes.n, room);
	return (struct glanced){ .bytes = bytes.p,
				 .seen = name.n > 0,
				 .hash = name.n > 0 ? bc_name_soon(&s->by_name, name) : 0 };
}

void session_soon(struct session *s, bc_str bytes)
{
	s->glanced[0] = s->glanced[1];
	s->glanced[1] = glance_at(s, bytes);
}

/* The index was fetched while the message before was served, where somebody said what follows. */
static struct glanced glance_again(struct session *s, bc_str bytes)
{
	for (size_t i = 0; i < 2; i++) {
		const struct glanced g = s->glanced[i];
		if (g.bytes == bytes.p) {
			s->glanced[i].bytes = NULL;
			return g;
		}
	}
	return glance_at(s, bytes);
}

void feed_ahead(struct session *s, bc_str bytes)
{
	const struct glanced g = glance_again(s, bytes);
	if (!g.seen || (s->about = bc_name_guess(&s->by_name, g.hash)) == NOBODY)
		return;
	const char *symbol = (const char *)&s->symbols[s->about];
	const size_t warm = s->sync.on ? sizeof(struct symbol) : SYMBOL_WARM_BYTES;
	for (size_t at = 0; at < warm; at += BC_CACHE_LINE)
		__builtin_prefetch(symbol + at, 1);
	if (s->act.soon != NULL)
		s->act.soon(s->act.self, s->about);
}

void feed_input(struct session *s, uint32_t connection, const struct bc_input *input)
{
	s->current = connection;
	bc_status rc = s->x->on_input(s->adapter, input, &s->sink);
	s->current = NOBODY;
	struct connection *c = &s->connections[connection];
	c->bad_in_a_row = rc == BC_OK ? 0 : c->bad_in_a_row + 1;
	if (c->bad_in_a_row >= BAD_IN_A_ROW_MAX)
		connection_give_up(s, connection, BC_REASON_GAP, "only nonsense");
}
