#include "common/message_json.h"
#include "proto/codec.h"

#include <stdio.h>
#include <time.h>

/* ------------------------------------------------------------------ values */

static void put_string_or_null(struct bc_json_writer *w, const char *name, bc_str text)
{
	bc_json_key(w, bc_str_of(name));
	if (text.n == 0)
		bc_json_null(w);
	else
		bc_json_string(w, text);
}

static void put_age(struct bc_json_writer *w, const char *name, int64_t ns)
{
	bc_json_key(w, bc_str_of(name));
	if (ns < 0)
		bc_json_null(w);
	else
		bc_json_int(w, ns);
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
	bc_json_put_array(w, name);
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
		bc_json_put_null(w, name);
	else
		bc_json_put_uint(w, name, seq);
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
	bc_json_put_decimal(w, "price", trade->price);
	bc_json_put_decimal(w, "quantity", trade->quantity);
	if (trade->side == BC_SIDE_UNKNOWN)
		bc_json_put_null(w, "side");
	else
		bc_json_put_text(w, "side", bc_side_word(trade->side));
	put_string_or_null(w, "trade_id", trade->trade_id);
}

static void put_ticker(struct bc_json_writer *w, const struct bc_message *m,
		       const struct bc_message_view *view)
{
	const struct bc_ticker *t = &m->body.ticker;
	(void)view;
	bc_json_put_decimal(w, "last", t->last);
	bc_json_put_decimal(w, "open", t->open);
	bc_json_put_decimal(w, "high", t->high);
	bc_json_put_decimal(w, "low", t->low);
	bc_json_put_decimal(w, "volume", t->volume);
	bc_json_put_decimal(w, "quote_volume", t->quote_volume);
	bc_json_put_decimal(w, "change", t->change);
}

static void put_candle(struct bc_json_writer *w, const struct bc_message *m,
		       const struct bc_message_view *view)
{
	const struct bc_candle *c = &m->body.candle;
	bc_json_put_text(w, "interval", bc_interval_word(c->interval));
	bc_json_key(w, BC_STR("ts_open"));
	bc_json_time(w, c->ts_open, view->times);
	bc_json_put_decimal(w, "open", c->open);
	bc_json_put_decimal(w, "high", c->high);
	bc_json_put_decimal(w, "low", c->low);
	bc_json_put_decimal(w, "close", c->close);
	bc_json_put_decimal(w, "volume", c->volume);
	bc_json_put_decimal(w, "quote_volume", c->quote_volume);
	bc_json_key(w, BC_STR("closed"));
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
	bc_json_put_text(w, "kind", bc_kind_word(i->kind));
	put_string_or_null(w, "unified", i->unified);
	bc_json_put_decimal(w, "tick", i->tick);
	bc_json_put_decimal(w, "lot", i->lot);
	bc_json_put_decimal(w, "contract_size", i->contract_size);
	bc_json_put_text(w, "status", bc_listing_word(i->status));
}

static void put_state(struct bc_json_writer *w, const struct bc_message *m,
		      const struct bc_message_view *view)
{
	const struct bc_state_change *s = &m->body.state;
	size_t at = 0;
	bc_str symbol;
	(void)view;
	bc_json_put_text(w, "previous", bc_state_word(s->previous));
	if (s->symbols_version == 0)
		return;
	bc_json_put_uint(w, "symbols_version", s->symbols_version);
	bc_json_put_array(w, "symbols");
	while (bc_list_next(&s->symbols, &at, &symbol))
		bc_json_string(w, symbol);
	bc_json_array_end(w);
	if (s->symbols_partial) {
		bc_json_put_bool(w, "symbols_partial", true);
	}
}

static void put_heartbeat(struct bc_json_writer *w, const struct bc_message *m,
			  const struct bc_message_view *view)
{
	const struct bc_heartbeat *h = &m->body.heartbeat;
	char shard[32];
	snprintf(shard, sizeof shard, "%u/%u", h->shard_index, h->shard_count);
	bc_json_put_string(w, "instance", h->instance);
	bc_json_put_text(w, "shard", shard);
	bc_json_put_uint(w, "pid", h->pid);
	bc_json_put_string(w, "version", h->version);
	bc_json_key(w, BC_STR("started"));
	bc_json_time(w, h->started, view->times);
	bc_json_put_int(w, "interval_ns", h->interval_ns);
	bc_json_put_array(w, "endpoints");
	for (uint32_t i = 0; i < h->n_endpoints; i++)
		bc_json_string(w, h->endpoints[i]);
	bc_json_array_end(w);
	bc_json_put_uint(w, "symbols_version", h->symbols_version);
	bc_json_put_object(w, "counters");
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
	bc_json_key(w, bc_str_of(name));
	bc_json_time(w, t, view->times);
}

static void put_flags(struct bc_json_writer *w, uint32_t flags)
{
	bc_json_put_array(w, "flags");
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
	bc_json_put_text(w, "state", bc_state_word(state));
	if (view->with_state && view->with_reason) {
		bc_json_put_text(w, "reason", bc_reason_word(view->reason));
		put_time(w, "since", view->since, view);
	} else if (of_message) {
		bc_json_put_text(w, "reason", bc_reason_word(e->reason));
		put_time(w, "since", e->since, view);
	} else {
		bc_json_put_null(w, "reason");
		bc_json_put_null(w, "since");
	}
}

/* An object begins with these; null where an adapter's event has no such thing. */
static void put_identity(struct bc_json_writer *w, bc_str channel, bc_str exchange, bc_str symbol)
{
	bc_json_put_string(w, "channel", channel);
	put_string_or_null(w, "exchange", exchange);
	put_string_or_null(w, "symbol", symbol);
}

static void put_bus_envelope(struct bc_json_writer *w, const struct bc_envelope *e,
			     const struct bc_message_view *view)
{
	bc_json_put_uint(w, "epoch", e->epoch);
	bc_json_put_uint(w, "seq", e->seq);
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
	bc_json_put_null(w, "epoch");
	bc_json_put_null(w, "seq");
	put_seq(w, "exchange_seq", e->exchange_seq);
	put_time(w, "ts_exchange", e->ts_exchange, view);
	put_time(w, "ts_recv", e->ts_recv, view);
	bc_json_put_null(w, "ts_publish");
	if (view->with_state) {
		put_quality(w, e, view);
	} else {
		bc_json_put_null(w, "state");
		bc_json_put_null(w, "reason");
		bc_json_put_null(w, "since");
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
		bc_json_put_uint(w, "n_lost", view->n_lost);
		bc_json_put_uint(w, "n_replaced", view->n_replaced);
		bc_json_put_uint(w, "n_unfit", view->n_unfit);
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
	bc_json_put_text(w, "kind", view->kind);
	put_string_or_null(w, "id", view->id);
	put_string_or_null(w, "code", view->code);
	put_string_or_null(w, "message", view->message);
	bc_json_object_end(w);
	return bc_json_end(w, "\n");
}
