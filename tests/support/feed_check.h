/* feed_check.h - drives any adapter through its door and checks what must hold whatever bytes came
 * in: books are ordered and positive, decimals are known where they must be, names are UTF-8, and a
 * status other than BC_OK comes with exactly its reason. */
#ifndef TESTS_FEED_CHECK_H
#define TESTS_FEED_CHECK_H

#include "publisher/exchanges/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct feed_check {
	const struct bc_exchange *exchange;
	void *state;
	unsigned events, controls, rejects;
	bc_status first_reject;
	const char *broken; /* what did not hold, or NULL */
};

static inline void feed_expect(struct feed_check *f, bool holds, const char *what)
{
	if (!holds && f->broken == NULL)
		f->broken = what;
}

static inline void feed_check_side(struct feed_check *f, const bc_level *side, uint32_t n, int sign)
{
	for (uint32_t i = 0; i < n; i++) {
		feed_expect(f, bc_decimal_known(side[i].price), "price known");
		feed_expect(f, side[i].price.mantissa > 0, "price above zero");
		feed_expect(f, side[i].quantity.mantissa > 0, "quantity above zero");
		feed_expect(f,
			    i == 0 ||
				    sign * bc_decimal_compare(side[i].price, side[i - 1].price) > 0,
			    "levels best first");
	}
}

static inline void feed_check_delta(struct feed_check *f, const struct bc_delta *delta)
{
	for (uint32_t i = 0; i < delta->n_bids + delta->n_asks; i++) {
		const bc_level *level =
			i < delta->n_bids ? &delta->bids[i] : &delta->asks[i - delta->n_bids];
		feed_expect(f, bc_decimal_known(level->price), "price of a change known");
		feed_expect(f, level->price.mantissa > 0, "price of a change above zero");
		feed_expect(f, bc_decimal_known(level->quantity), "quantity of a change known");
		feed_expect(f, level->quantity.mantissa >= 0,
			    "quantity of a change not below zero");
	}
	feed_expect(f, delta->last_seq != BC_SEQ_NONE, "last number of a change");
	feed_expect(f, delta->first_seq <= delta->last_seq, "numbers of a change");
}

static inline void feed_check_event(void *self, const struct bc_event *e)
{
	struct feed_check *f = self;
	f->events++;
	feed_expect(f, e->symbol.n > 0 && bc_utf8_valid(e->symbol.p, e->symbol.n), "symbol");
	feed_expect(f, memchr(e->symbol.p, '\0', e->symbol.n) == NULL, "symbol without NUL");
	switch (e->channel) {
	case BC_CHANNEL_BOOK:
	case BC_CHANNEL_BBO:
		feed_check_side(f, e->body.book.bids, e->body.book.n_bids, -1);
		feed_check_side(f, e->body.book.asks, e->body.book.n_asks, 1);
		break;
	case BC_CHANNEL_DELTA:
		feed_check_delta(f, &e->body.delta);
		feed_expect(f, e->exchange_seq == e->body.delta.last_seq, "number of a change");
		break;
	case BC_CHANNEL_TRADE:
		feed_expect(f, e->body.trade.price.mantissa > 0, "trade price");
		feed_expect(f, e->body.trade.quantity.mantissa > 0, "trade quantity");
		feed_expect(f, e->body.trade.trade_id.n > 0, "trade id");
		break;
	case BC_CHANNEL_CANDLE:
		feed_expect(f, bc_wall_known(e->body.candle.ts_open), "candle's opening time");
		feed_expect(f, bc_decimal_known(e->body.candle.close), "candle's close");
		break;
	case BC_CHANNEL_TICKER:
	case BC_CHANNEL_INSTRUMENT:
		break;
	default:
		feed_expect(f, false, "a channel that adapters do not speak");
	}
}

static inline void feed_check_control(void *self, const struct bc_control *c)
{
	struct feed_check *f = self;
	f->controls++;
	feed_expect(f, bc_utf8_valid(c->message.p, c->message.n), "message");
	feed_expect(f, bc_utf8_valid(c->code.p, c->code.n), "code");
}

static inline void feed_check_reject(void *self, const struct bc_reject *r)
{
	struct feed_check *f = self;
	if (f->rejects++ == 0)
		f->first_reject = r->why;
	feed_expect(f, r->why == BC_EPARSE || r->why == BC_ERANGE, "why of a reject");
	feed_expect(f, r->what.n > 0, "what of a reject");
}

static inline void feed_check_request(void *self, const struct bc_request *r)
{
	(void)self;
	(void)r;
}

static inline void feed_check_open(struct feed_check *f, const struct bc_exchange *exchange)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why;
	*f = (struct feed_check){ .exchange = exchange, .state = calloc(1, exchange->state_size) };
	if (f->state == NULL || exchange->start(f->state, &none, &why) != BC_OK)
		abort();
}

static inline void feed_check_close(struct feed_check *f)
{
	free(f->state);
}

/* Gives one input; f->broken says what did not hold. */
static inline bc_status feed_check_give(struct feed_check *f, const struct bc_input *input)
{
	const struct bc_feed_sink sink = { f, feed_check_event, feed_check_control,
					   feed_check_reject, feed_check_request };
	f->events = f->controls = f->rejects = 0;
	f->first_reject = BC_OK;
	bc_status status = f->exchange->on_input(f->state, input, &sink);
	feed_expect(f, status == f->first_reject, "the status is the first reject's");
	return status;
}

static inline bc_status feed_check_text(struct feed_check *f, const char *bytes, size_t n)
{
	return feed_check_give(f, &(struct bc_input){ .kind = BC_INPUT_BINARY,
						      .bytes = bytes,
						      .n_bytes = n,
						      .wall = { 1 },
						      .mono = { 1 } });
}

#endif
