#include "subscribers/libbookcast/present.h"

#include "proto/topic.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void present_free(struct presentation *p)
{
	free(p->strings);
	*p = (struct presentation){ .strings = NULL };
}

static bookcast_decimal decimal(bc_decimal d)
{
	return (bookcast_decimal){ d.mantissa, d.exponent };
}

/* A copy with a NUL; there is room, because make_room() counted it. */
static const char *copy(struct presentation *p, bc_str text)
{
	char *out = p->strings + p->n_strings;
	if (text.n > 0)
		memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	p->n_strings += text.n + 1;
	return out;
}

static size_t string_bytes(const struct bc_message *m)
{
	const struct bc_instrument *i = &m->body.instrument;
	if (m->envelope.channel == BC_CHANNEL_TRADE)
		return m->body.trade.trade_id.n + 1;
	if (m->envelope.channel == BC_CHANNEL_INSTRUMENT)
		return i->base.n + i->quote.n + i->unified.n + 3;
	return 0;
}

static bool make_room(struct presentation *p, size_t bytes)
{
	if (bytes > p->cap_strings) {
		char *strings = realloc(p->strings, bytes);
		if (strings == NULL)
			return false;
		p->strings = strings;
		p->cap_strings = bytes;
	}
	p->n_strings = 0;
	return true;
}

/* NOLINTNEXTLINE(misc-redundant-expression): that is what it asserts */
static_assert(sizeof(bookcast_level) == sizeof(bc_level) &&
		      offsetof(bookcast_level, quantity) == offsetof(bc_level, quantity) &&
		      offsetof(bookcast_decimal, exponent) == offsetof(bc_decimal, exponent) &&
		      sizeof(bookcast_decimal) == sizeof(bc_decimal),
	      "the same level in both");

/* Where they were decoded: whoever decodes next is called by the user's next call. To copy them
 * right after they were written costs as much as decoding them. */
static const bookcast_level *present_levels(const bc_level *levels)
{
	return (const bookcast_level *)(const void *)levels;
}

static void present_book(struct presentation *p, const struct bc_message *m)
{
	const struct bc_book *b = &m->body.book;
	p->message.body.book = (bookcast_book){ present_levels(b->bids), present_levels(b->asks),
						b->n_bids, b->n_asks };
}

static void present_trade(struct presentation *p, const struct bc_message *m)
{
	const struct bc_trade *t = &m->body.trade;
	p->message.body.trade = (bookcast_trade){ decimal(t->price), decimal(t->quantity),
						  (int)t->side, copy(p, t->trade_id) };
}

static void present_ticker(struct presentation *p, const struct bc_message *m)
{
	const struct bc_ticker *t = &m->body.ticker;
	p->message.body.ticker = (bookcast_ticker){
		decimal(t->last),   decimal(t->open),         decimal(t->high),   decimal(t->low),
		decimal(t->volume), decimal(t->quote_volume), decimal(t->change),
	};
}

static void present_candle(struct presentation *p, const struct bc_message *m)
{
	const struct bc_candle *c = &m->body.candle;
	p->message.body.candle =
		(bookcast_candle){ bc_interval_word(c->interval),
				   c->ts_open.ns,
				   decimal(c->open),
				   decimal(c->high),
				   decimal(c->low),
				   decimal(c->close),
				   decimal(c->volume),
				   decimal(c->quote_volume),
				   c->closed == BC_CLOSED_UNKNOWN ? -1
								  : c->closed == BC_CLOSED_YES };
}

static void present_instrument(struct presentation *p, const struct bc_message *m)
{
	const struct bc_instrument *i = &m->body.instrument;
	p->message.body.instrument = (bookcast_instrument){
		.base = copy(p, i->base),
		.quote = copy(p, i->quote),
		.unified = copy(p, i->unified),
		.kind = bc_kind_word(i->kind),
		.status = bc_listing_word(i->status),
		.tick = decimal(i->tick),
		.lot = decimal(i->lot),
		.contract_size = decimal(i->contract_size),
	};
}

static void present_state(struct presentation *p, const struct bc_message *m)
{
	p->message.body.state.previous = (int)m->body.state.previous;
}

typedef void body_fn(struct presentation *p, const struct bc_message *m);

static body_fn *const bodies[BC_N_CHANNELS] = {
	[BC_CHANNEL_BOOK] = present_book,     [BC_CHANNEL_BBO] = present_book,
	[BC_CHANNEL_TRADE] = present_trade,   [BC_CHANNEL_TICKER] = present_ticker,
	[BC_CHANNEL_CANDLE] = present_candle, [BC_CHANNEL_INSTRUMENT] = present_instrument,
	[BC_CHANNEL_STATE] = present_state,
};

/* Of a topic that has been checked: the client heard it, or it was found. */
static bool split(bc_str text, struct bc_topic *out)
{
	const char *first = memchr(text.p, '.', text.n), *last = memrchr(text.p, '.', text.n);
	if (first == NULL || first == last)
		return false;
	out->exchange = (bc_str){ text.p, (size_t)(first - text.p) };
	out->symbol = (bc_str){ first + 1, (size_t)(last - first - 1) };
	return true;
}

static bc_status copy_names(struct presentation *p, bc_str text)
{
	struct bc_topic topic;
	if (!split(text, &topic))
		return BC_ENOTFOUND;
	p->message.topic = copy(p, text);
	p->message.exchange = copy(p, topic.exchange);
	p->message.symbol = copy(p, topic.symbol);
	return BC_OK;
}

bc_status present(struct presentation *p, const struct bc_client_event *event)
{
	const struct bc_message *m = event->message;
	const struct bc_envelope *e = &m->envelope;
	if ((unsigned)e->channel >= BC_N_CHANNELS || bodies[e->channel] == NULL)
		return BC_ENOTFOUND;
	const size_t names = event->exchange != NULL ? 0 : 2 * event->topic.n + 3;
	if (!make_room(p, names + string_bytes(m)))
		return BC_ENOMEM;
	p->message = (bookcast_message){
		.channel = (int)e->channel,
		.source = (int)event->source,
		.topic = event->topic.p,
		.exchange = event->exchange,
		.symbol = event->symbol,
		.state = (int)event->state,
		.reason = (int)event->reason,
		.since = event->since.ns,
		.epoch = e->epoch,
		.seq = e->seq,
		.n_lost = event->n_lost,
		.n_replaced = event->n_replaced,
		.n_unfit = event->n_unfit,
		.has_exchange_seq = e->exchange_seq != BC_SEQ_NONE,
		.exchange_seq = e->exchange_seq,
		.ts_exchange = e->ts_exchange.ns,
		.ts_recv = e->ts_recv.ns,
		.ts_publish = e->ts_publish.ns,
		.flags = e->flags,
	};
	bodies[e->channel](p, m);
	return event->exchange != NULL ? BC_OK : copy_names(p, event->topic);
}
