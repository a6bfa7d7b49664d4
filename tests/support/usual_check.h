/* usual_check.h - the fast way of an adapter against its slow one: the same input to an adapter
 * that tries the usual spelling first, as it does on this processor and as it does on any, and to
 * one that never does. What they say has to be the same, word by word and offset by offset. */
#ifndef TESTS_USUAL_CHECK_H
#define TESTS_USUAL_CHECK_H

#include "publisher/exchanges/binance.h"
#include "publisher/exchanges/upbit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum usual_way { USUAL_HERE, USUAL_ANYWHERE, USUAL_NEVER, USUAL_WAYS };

struct usual_said { /* everything an adapter said of one input, as bytes */
	size_t n;
	unsigned char bytes[1u << 20];
};

struct usual_check {
	const struct bc_exchange *exchange;
	void *state[USUAL_WAYS];
	struct usual_said said[USUAL_WAYS], *to;
	bool by_usual; /* the last input was read in the fast way */
};

static inline void usual_put(struct usual_said *s, const void *bytes, size_t n)
{
	if (n > sizeof s->bytes - s->n)
		abort();
	if (n > 0)
		memcpy(s->bytes + s->n, bytes, n);
	s->n += n;
}

#define USUAL_PUT(said, value) usual_put((said), &(value), sizeof(value))

static inline void usual_put_text(struct usual_said *s, bc_str text)
{
	USUAL_PUT(s, text.n);
	usual_put(s, text.p, text.n);
}

static inline void usual_put_decimal(struct usual_said *s, bc_decimal d)
{
	USUAL_PUT(s, d.mantissa);
	USUAL_PUT(s, d.exponent);
}

static inline void usual_put_levels(struct usual_said *s, const bc_level *levels, uint32_t n)
{
	USUAL_PUT(s, n);
	for (uint32_t i = 0; i < n; i++) {
		usual_put_decimal(s, levels[i].price);
		usual_put_decimal(s, levels[i].quantity);
	}
}

static inline void usual_put_body(struct usual_said *s, const struct bc_event *e)
{
	const struct bc_delta *d = &e->body.delta;
	const struct bc_trade *t = &e->body.trade;
	const struct bc_candle *c = &e->body.candle;
	const struct bc_ticker *k = &e->body.ticker;
	const bc_decimal *decimals = NULL;
	size_t n_decimals = 0;

	switch ((unsigned)e->channel) {
	case BC_CHANNEL_BOOK:
	case BC_CHANNEL_BBO:
		usual_put_levels(s, e->body.book.bids, e->body.book.n_bids);
		usual_put_levels(s, e->body.book.asks, e->body.book.n_asks);
		break;
	case BC_CHANNEL_DELTA:
		usual_put_levels(s, d->bids, d->n_bids);
		usual_put_levels(s, d->asks, d->n_asks);
		USUAL_PUT(s, d->first_seq);
		USUAL_PUT(s, d->last_seq);
		USUAL_PUT(s, d->prev_seq);
		break;
	case BC_CHANNEL_TRADE:
		usual_put_decimal(s, t->price);
		usual_put_decimal(s, t->quantity);
		USUAL_PUT(s, t->side);
		usual_put_text(s, t->trade_id);
		break;
	case BC_CHANNEL_CANDLE:
		USUAL_PUT(s, c->interval);
		USUAL_PUT(s, c->ts_open.ns);
		USUAL_PUT(s, c->closed);
		decimals = &c->open;
		n_decimals = 6;
		break;
	case BC_CHANNEL_TICKER:
		decimals = &k->last;
		n_decimals = 7;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < n_decimals; i++)
		usual_put_decimal(s, decimals[i]);
}

static inline void usual_event(void *self, const struct bc_event *e)
{
	struct usual_said *s = ((struct usual_check *)self)->to;

	usual_put(s, "event", 5);
	USUAL_PUT(s, e->channel);
	usual_put_text(s, e->symbol);
	USUAL_PUT(s, e->exchange_seq);
	USUAL_PUT(s, e->ts_exchange.ns);
	USUAL_PUT(s, e->flags);
	usual_put_body(s, e);
}

static inline void usual_control(void *self, const struct bc_control *c)
{
	struct usual_said *s = ((struct usual_check *)self)->to;

	usual_put(s, "control", 7);
	USUAL_PUT(s, c->kind);
	usual_put_text(s, c->id);
	usual_put_text(s, c->code);
	usual_put_text(s, c->message);
	USUAL_PUT(s, c->closing);
	USUAL_PUT(s, c->back_off);
	USUAL_PUT(s, c->leaving);
}

static inline void usual_reject(void *self, const struct bc_reject *r)
{
	struct usual_said *s = ((struct usual_check *)self)->to;

	usual_put(s, "reject", 6);
	USUAL_PUT(s, r->why);
	usual_put_text(s, r->symbol);
	USUAL_PUT(s, r->foreign);
	usual_put_text(s, r->what);
	usual_put_text(s, r->value);
	USUAL_PUT(s, r->offset);
}

static inline void usual_request(void *self, const struct bc_request *r)
{
	(void)self;
	(void)r;
}

/* ------------------------------------------------------------------ the three ways */

static inline bool usual_never_binance(struct binance *b, const char *bytes, size_t n)
{
	(void)b;
	(void)bytes;
	(void)n;
	return false;
}

static inline enum upbit_object usual_never_upbit(struct upbit *u, const char *bytes, size_t n)
{
	(void)u;
	(void)bytes;
	(void)n;
	return UPBIT_N_OBJECTS;
}

static inline bool usual_is_upbit(const struct usual_check *c)
{
	return strcmp(c->exchange->id, "upbit") == 0;
}

static inline void usual_check_open(struct usual_check *c, const char *exchange)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why;

	memset(c, 0, sizeof *c);
	c->exchange = bc_exchange_find(exchange);
	for (int way = 0; way < USUAL_WAYS; way++) {
		c->state[way] = calloc(1, c->exchange->state_size);
		if (c->state[way] == NULL ||
		    c->exchange->start(c->state[way], &none, &why) != BC_OK)
			abort();
	}
	if (usual_is_upbit(c)) {
		((struct upbit *)c->state[USUAL_ANYWHERE])->read_usual = upbit_read_usual;
		((struct upbit *)c->state[USUAL_NEVER])->read_usual = usual_never_upbit;
	} else {
		((struct binance *)c->state[USUAL_ANYWHERE])->read_usual = binance_read_usual;
		((struct binance *)c->state[USUAL_NEVER])->read_usual = usual_never_binance;
	}
}

static inline void usual_check_close(struct usual_check *c)
{
	for (int way = 0; way < USUAL_WAYS; way++)
		free(c->state[way]);
}

static inline bool usual_reads(struct usual_check *c, const char *bytes, size_t n)
{
	struct upbit *u = c->state[USUAL_ANYWHERE];
	struct binance *b = c->state[USUAL_ANYWHERE];

	return usual_is_upbit(c) ? u->read_usual(u, bytes, n) != UPBIT_N_OBJECTS
				 : b->read_usual(b, bytes, n);
}

/* False: they differ. */
static inline bool usual_check_give(struct usual_check *c, const char *bytes, size_t n)
{
	const struct bc_feed_sink sink = { c, usual_event, usual_control, usual_reject,
					   usual_request };
	const struct bc_input input = { .kind = BC_INPUT_TEXT, .bytes = bytes, .n_bytes = n };
	bool same = true;

	c->by_usual = usual_reads(c, bytes, n);
	for (int way = 0; way < USUAL_WAYS; way++) {
		c->to = &c->said[way];
		c->to->n = 0;
		bc_status status = c->exchange->on_input(c->state[way], &input, &sink);
		USUAL_PUT(c->to, status);
	}
	for (int way = 0; way < USUAL_NEVER; way++)
		same = same && c->said[way].n == c->said[USUAL_NEVER].n &&
		       memcmp(c->said[way].bytes, c->said[USUAL_NEVER].bytes, c->said[way].n) == 0;
	return same;
}

#endif
