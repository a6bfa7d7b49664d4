#include "common/message_json.h"
#include "proto/codec.h"

#include <stdio.h>
#include <time.h>

/* ------------------------------------------------------------------ values */

static void key(struct bc_json_writer *w, const char *text)
{
	bc_json_key(w, bc_str_of(text));
}

static void put_word(struct bc_json_writer *w, const char *name, const char *word)
{
	key(w, name);
	bc_json_string(w, bc_str_of(word));
}

static void put_string(struct bc_json_writer *w, const char *name, bc_str text)
{
	key(w, name);
	bc_json_string(w, text);
}

static void put_string_or_null(struct bc_json_writer *w, const char *name, bc_str text)
{
	key(w, name);
	if (text.n == 0)
		bc_json_null(w);
	else
		bc_json_string(w, text);
}

static void put_decimal(struct bc_json_writer *w, const char *name, bc_decimal d)
{
	key(w, name);
	bc_json_decimal(w, d);
}

static void put_uint(struct bc_json_writer *w, const char *name, uint64_t value)
{
	key(w, name);
	bc_json_uint(w, value);
}

static void put_null(struct bc_json_writer *w, const char *name)
{
	key(w, name);
	bc_json_null(w);
}

static void put_age(struct bc_json_writer *w, const char *name, int64_t ns)
{
	key(w, name);
	if (ns < 0)
		bc_json_null(w);
	else
		bc_json_int(w, ns);
}

static void put_count(struct bc_json_writer *w, const char *name, uint64_t n)
{
	key(w, name);
	bc_json_uint(w, n);
}

static void put_iso(struct bc_json_writer *w, bc_wall_time t)
{
	char text[64], date[32];
	int64_t ns = t.ns % BC_NS_PER_S;
	time_t seconds = (time_t)(t.ns / BC_NS_PER_S);
	struct tm tm;
	if (ns < 0) {
		ns += BC_NS_PER_S;
		seconds--;
	}
	/* An int64_t of ns ends in the year 2262: this always fits. */
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	int n = snprintf(text, sizeof text, "%s.%09dZ", date, (int)ns);
	bc_json_string(w, (bc_str){ text, (size_t)n });
}

void bc_json_time(struct bc_json_writer *w, bc_wall_time t, enum bc_json_times times)
{
	if (!bc_wall_known(t))
		bc_json_null(w);
	else if (times == BC_JSON_TIMES_ISO)
		put_iso(w, t);
	else
		bc_json_int(w, t.ns);
}

/* ------------------------------------------------------------------ bodies, one a channel */

typedef void body_fn(struct bc_json_writer *w, const struct bc_message *m,
		     const struct bc_message_view *view);

static void put_side(struct bc_json_writer *w, const char *name, const bc_level *levels, uint32_t n,
		     uint32_t depth)
{
	key(w, name);
	bc_json_array(w);
	for (uint32_t i = 0; i < n && (depth == 0 || i < depth); i++) {
		bc_json_array(w);
		bc_json_decimal(w, levels[i].price);
		bc_json_decimal(w, levels[i].quantity);
		bc_json_array_end(w);
	}
	bc_json_array_end(w);
}

static void put_book(struct bc_json_writer *w, const struct bc_message *m,
		     const struct bc_message_view *view)
{
	const struct bc_book *book = &m->body.book;
	put_side(w, "bids", book->bids, book->n_bids, view->depth);
	put_side(w, "asks", book->asks, book->n_asks, view->depth);
}

static void put_seq(struct bc_json_writer *w, const char *name, uint64_t seq)
{
	if (seq == BC_SEQ_NONE)
		put_null(w, name);
	else
		put_uint(w, name, seq);
}

static void put_delta(struct bc_json_writer *w, const struct bc_message *m,
		      const struct bc_message_view *view)
{
	const struct bc_delta *delta = &m->body.delta;
	put_seq(w, "first_seq", delta->first_seq);
	put_seq(w, "last_seq", delta->last_seq);
	put_seq(w, "prev_seq", delta->prev_seq);
	put_side(w, "bids", delta->bids, delta->n_bids, view->depth);
	put_side(w, "asks", delta->asks, delta->n_asks, view->depth);
}

static void put_trade(struct bc_json_writer *w, const struct bc_message *m,
		      const struct bc_message_view *view)
{
	const struct bc_trade *trade = &m->body.trade;
	(void)view;
	put_decimal(w, "price", trade->price);
	put_decimal(w, "quantity", trade->quantity);
	if (trade->side == BC_SIDE_UNKNOWN)
		put_null(w, "side");
	else
		put_word(w, "side", bc_side_word(trade->side));
	put_string_or_null(w, "trade_id", trade->trade_id);
}

static void put_ticker(struct bc_json_writer *w, const struct bc_message *m,
		       const struct bc_message_view *view)
{
	const struct bc_ticker *t = &m->body.ticker;
	(void)view;
	put_decimal(w, "last", t->last);
	put_decimal(w, "open", t->open);
	put_decimal(w, "high", t->high);
	put_decimal(w, "low", t->low);
	put_decimal(w, "volume", t->volume);
	put_decimal(w, "quote_volume", t->quote_volume);
	put_decimal(w, "change", t->change);
}

static void put_candle(struct bc_json_writer *w, const struct bc_message *m,
		       const struct bc_message_view *view)
{
	const struct bc_candle *c = &m->body.candle;
	put_word(w, "interval", bc_interval_word(c->interval));
	key(w, "ts_open");
	bc_json_time(w, c->ts_open, view->times);
	put_decimal(w, "open", c->open);
	put_decimal(w, "high", c->high);
	put_decimal(w, "low", c->low);
	put_decimal(w, "close", c->close);
	put_decimal(w, "volume", c->volume);
	put_decimal(w, "quote_volume", c->quote_volume);
	key(w, "closed");
	if (c->closed == BC_CLOSED_UNKNOWN)
		bc_json_null(w);
	else
		bc_json_bool(w, c->closed == BC_CLOSED_YES);
}

static void put_instrument(struct bc_json_writer *w, const struct bc_message *m,
			   const struct bc_message_view *view)
{
	const struct bc_instrument *i = &m->body.instrument;
	(void)view;
	put_string_or_null(w, "base", i->base);
	put_string_or_null(w, "quote", i->quote);
	put_word(w, "kind", bc_kind_word(i->kind));
	put_string_or_null(w, "unified", i->unified);
	put_decimal(w, "tick", i->tick);
	put_decimal(w, "lot", i->lot);
	put_decimal(w, "contract_size", i->contract_size);
	put_word(w, "status", bc_listing_word(i->status));
}

static void put_state(struct bc_json_writer *w, const struct bc_message *m,
		      const struct bc_message_view *view)
{
	const struct bc_state_change *s = &m->body.state;
	size_t at = 0;
	bc_str symbol;
	(void)view;
	put_word(w, "previous", bc_state_word(s->previous));
	if (s->symbols_version == 0)
		return;
	put_uint(w, "symbols_version", s->symbols_version);
	key(w, "symbols");
	bc_json_array(w);
	while (bc_list_next(&s->symbols, &at, &symbol))
		bc_json_string(w, symbol);
	bc_json_array_end(w);
	if (s->symbols_partial) {
		key(w, "symbols_partial");
		bc_json_bool(w, true);
	}
}

static void put_heartbeat(struct bc_json_writer *w, const struct bc_message *m,
			  const struct bc_message_view *view)
{
	const struct bc_heartbeat *h = &m->body.heartbeat;
	char shard[32];
	snprintf(shard, sizeof shard, "%u/%u", h->shard_index, h->shard_count);
	put_string(w, "instance", h->instance);
	put_word(w, "shard", shard);
	put_uint(w, "pid", h->pid);
	put_string(w, "version", h->version);
	key(w, "started");
	bc_json_time(w, h->started, view->times);
	key(w, "interval_ns");
	bc_json_int(w, h->interval_ns);
	key(w, "endpoints");
	bc_json_array(w);
	for (uint32_t i = 0; i < h->n_endpoints; i++)
		bc_json_string(w, h->endpoints[i]);
	bc_json_array_end(w);
	put_uint(w, "symbols_version", h->symbols_version);
	key(w, "counters");
	bc_json_object(w);
	for (uint32_t i = 0; i < h->n_counters; i++) {
		bc_json_key(w, h->counters[i].name);
		bc_json_uint(w, h->counters[i].value);
	}
	bc_json_object_end(w);
}

static body_fn *const bodies[BC_N_CHANNELS] = {
	[BC_CHANNEL_BOOK] = put_book,     [BC_CHANNEL_BBO] = put_book,
	[BC_CHANNEL_TRADE] = put_trade,   [BC_CHANNEL_TICKER] = put_ticker,
	[BC_CHANNEL_CANDLE] = put_candle, [BC_CHANNEL_INSTRUMENT] = put_instrument,
	[BC_CHANNEL_STATE] = put_state,   [BC_CHANNEL_HEARTBEAT] = put_heartbeat,
	[BC_CHANNEL_DELTA] = put_delta,
};

/* ------------------------------------------------------------------ what all have in common */

static void put_time(struct bc_json_writer *w, const char *name, bc_wall_time t,
		     const struct bc_message_view *view)
{
	key(w, name);
	bc_json_time(w, t, view->times);
}

static void put_flags(struct bc_json_writer *w, uint32_t flags)
{
	key(w, "flags");
	bc_json_array(w);
	for (unsigned bit = 0; bit < 32; bit++) {
		const char *word = bc_flag_word(bit);
		/* A flag of a newer version has no word here: it cannot be shown. */
		if ((flags >> bit & 1) != 0 && *word != '?')
			bc_json_string(w, bc_str_of(word));
	}
	bc_json_array_end(w);
}

/* State, reason and since: the message's, or the answer's where a cache said what is true now. */
static void put_quality(struct bc_json_writer *w, const struct bc_envelope *e,
			const struct bc_message_view *view)
{
	enum bc_state state = view->with_state ? view->state : e->state;
	bool of_message = !view->with_state || view->state == e->state;
	put_word(w, "state", bc_state_word(state));
	if (view->with_state && view->with_reason) {
		put_word(w, "reason", bc_reason_word(view->reason));
		put_time(w, "since", view->since, view);
	} else if (of_message) {
		put_word(w, "reason", bc_reason_word(e->reason));
		put_time(w, "since", e->since, view);
	} else {
		put_null(w, "reason");
		put_null(w, "since");
	}
}

/* An object begins with these; null where an adapter's event has no such thing. */
static void put_identity(struct bc_json_writer *w, bc_str channel, bc_str exchange, bc_str symbol)
{
	put_string(w, "channel", channel);
	put_string_or_null(w, "exchange", exchange);
	put_string_or_null(w, "symbol", symbol);
}

static void put_bus_envelope(struct bc_json_writer *w, const struct bc_envelope *e,
			     const struct bc_message_view *view)
{
	put_uint(w, "epoch", e->epoch);
	put_uint(w, "seq", e->seq);
	put_seq(w, "exchange_seq", e->exchange_seq);
	put_time(w, "ts_exchange", e->ts_exchange, view);
	put_time(w, "ts_recv", e->ts_recv, view);
	put_time(w, "ts_publish", e->ts_publish, view);
	put_quality(w, e, view);
	put_flags(w, e->flags);
}

static void put_event_envelope(struct bc_json_writer *w, const struct bc_envelope *e,
			       const struct bc_message_view *view)
{
	put_null(w, "epoch");
	put_null(w, "seq");
	put_seq(w, "exchange_seq", e->exchange_seq);
	put_time(w, "ts_exchange", e->ts_exchange, view);
	put_time(w, "ts_recv", e->ts_recv, view);
	put_null(w, "ts_publish");
	if (view->with_state) {
		put_quality(w, e, view);
	} else {
		put_null(w, "state");
		put_null(w, "reason");
		put_null(w, "since");
	}
	put_flags(w, e->flags);
}

bc_status bc_message_json_members(struct bc_json_writer *w, const struct bc_message *m,
				  const struct bc_message_view *view)
{
	unsigned channel = (unsigned)m->envelope.channel;
	body_fn *body = channel < BC_N_CHANNELS ? bodies[channel] : NULL;
	if (body == NULL)
		return BC_EINVAL;
	put_identity(w, bc_str_of(bc_channel_word(channel)), view->exchange, view->symbol);
	if (view->no_envelope)
		put_event_envelope(w, &m->envelope, view);
	else
		put_bus_envelope(w, &m->envelope, view);
	if (view->with_ages) {
		put_age(w, "age_ns", view->age_ns);
		put_age(w, "proven_ns", view->proven_ns);
	}
	if (view->with_losses) {
		put_count(w, "n_lost", view->n_lost);
		put_count(w, "n_replaced", view->n_replaced);
		put_count(w, "n_unfit", view->n_unfit);
	}
	body(w, m, view);
	return w->status;
}

bc_status bc_message_json(struct bc_json_writer *w, const struct bc_message *m,
			  const struct bc_message_view *view)
{
	unsigned channel = (unsigned)m->envelope.channel;
	if (channel >= BC_N_CHANNELS || bodies[channel] == NULL)
		return BC_EINVAL;
	bc_json_object(w);
	bc_message_json_members(w, m, view);
	bc_json_object_end(w);
	return bc_json_end(w, "\n");
}

bc_status bc_control_json(struct bc_json_writer *w, const struct bc_control_view *view)
{
	const struct bc_envelope none = { .exchange_seq = BC_SEQ_NONE,
					  .ts_exchange = { BC_TIME_UNKNOWN },
					  .ts_recv = view->ts_recv };
	const struct bc_message_view form = { .times = view->times };
	bc_json_object(w);
	put_identity(w, BC_STR("control"), view->exchange, BC_STR(""));
	put_event_envelope(w, &none, &form);
	put_word(w, "kind", view->kind);
	put_string_or_null(w, "id", view->id);
	put_string_or_null(w, "code", view->code);
	put_string_or_null(w, "message", view->message);
	bc_json_object_end(w);
	return bc_json_end(w, "\n");
}
