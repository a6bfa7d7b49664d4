/* feed_heard.h - what an adapter told, a line for each thing, to compare with a text. */
#ifndef TESTS_FEED_HEARD_H
#define TESTS_FEED_HEARD_H

#include "publisher/exchanges/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char heard[8192]; /* emptied by the test */

static void hear(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void hear(const char *format, ...)
{
	size_t n = strlen(heard);
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(heard + n, sizeof heard - n, format, arguments);
	va_end(arguments);
}

static const char *heard_decimal(bc_decimal d)
{
	static char texts[8][BC_DECIMAL_TEXT_MAX];
	static unsigned next;
	char *text = texts[next++ % 8];
	if (!bc_decimal_known(d))
		return "none";
	bc_decimal_format(d, text);
	return text;
}

static void hear_levels(char side, const bc_level *levels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		hear(" %c%s*%s", side, heard_decimal(levels[i].price),
		     heard_decimal(levels[i].quantity));
}

static void hear_book(const struct bc_event *e)
{
	hear_levels('b', e->body.book.bids, e->body.book.n_bids);
	hear_levels('a', e->body.book.asks, e->body.book.n_asks);
}

static void hear_delta(const struct bc_event *e)
{
	const struct bc_delta *d = &e->body.delta;
	hear(" %lld..%lld after %lld", (long long)d->first_seq, (long long)d->last_seq,
	     (long long)d->prev_seq); /* -1: none */
	hear_levels('b', d->bids, d->n_bids);
	hear_levels('a', d->asks, d->n_asks);
}

static void hear_trade(const struct bc_event *e)
{
	const struct bc_trade *t = &e->body.trade;
	hear(" %s %s*%s id %.*s", bc_side_word(t->side), heard_decimal(t->price),
	     heard_decimal(t->quantity), (int)t->trade_id.n, t->trade_id.p);
}

static void hear_ticker(const struct bc_event *e)
{
	const struct bc_ticker *t = &e->body.ticker;
	hear(" %s %s %s %s v %s q %s change %s", heard_decimal(t->last), heard_decimal(t->open),
	     heard_decimal(t->high), heard_decimal(t->low), heard_decimal(t->volume),
	     heard_decimal(t->quote_volume), heard_decimal(t->change));
}

static void hear_candle(const struct bc_event *e)
{
	static const char *const closed[] = { " open", " closed", "" };
	const struct bc_candle *c = &e->body.candle;
	hear(" %s at %lld %s %s %s %s v %s q %s%s", bc_interval_word(c->interval),
	     (long long)(c->ts_open.ns / BC_NS_PER_S), heard_decimal(c->open),
	     heard_decimal(c->high), heard_decimal(c->low), heard_decimal(c->close),
	     heard_decimal(c->volume), heard_decimal(c->quote_volume), closed[c->closed]);
}

static void hear_instrument(const struct bc_event *e)
{
	const struct bc_instrument *i = &e->body.instrument;
	hear(" %.*s %.*s %.*s %s %s tick %s lot %s", (int)i->base.n, i->base.p, (int)i->quote.n,
	     i->quote.p, (int)i->unified.n, i->unified.p, bc_kind_word(i->kind),
	     bc_listing_word(i->status), heard_decimal(i->tick), heard_decimal(i->lot));
	if (bc_decimal_known(i->contract_size))
		hear(" contract %s", heard_decimal(i->contract_size));
}

static void on_heard_event(void *self, const struct bc_event *e)
{
	static void (*const hear_body[BC_N_CHANNELS])(const struct bc_event *e) = {
		[BC_CHANNEL_BOOK] = hear_book,
		[BC_CHANNEL_BBO] = hear_book,
		[BC_CHANNEL_DELTA] = hear_delta,
		[BC_CHANNEL_TRADE] = hear_trade,
		[BC_CHANNEL_TICKER] = hear_ticker,
		[BC_CHANNEL_CANDLE] = hear_candle,
		[BC_CHANNEL_INSTRUMENT] = hear_instrument,
	};
	(void)self;
	hear("%s %.*s flags %x t %lld:", bc_channel_word(e->channel), (int)e->symbol.n, e->symbol.p,
	     e->flags,
	     bc_wall_known(e->ts_exchange) ? (long long)(e->ts_exchange.ns / 1000000) : -1);
	hear_body[e->channel](e);
	if (e->exchange_seq != BC_SEQ_NONE)
		hear(" seq %llu", (unsigned long long)e->exchange_seq);
	hear("\n");
}

static void on_heard_control(void *self, const struct bc_control *c)
{
	(void)self;
	hear("control %d code %.*s message %.*s%s%s%s\n", c->kind, (int)c->code.n, c->code.p,
	     (int)c->message.n, c->message.p, c->closing ? " closing" : "",
	     c->back_off ? " back-off" : "", c->leaving ? " leaving" : "");
}

static void on_heard_reject(void *self, const struct bc_reject *r)
{
	(void)self;
	hear("reject %s%s %.*s %.*s\n", r->foreign ? "foreign " : "",
	     r->why == BC_ERANGE ? "range" : "parse", (int)r->symbol.n, r->symbol.p, (int)r->what.n,
	     r->what.p);
}

static const struct bc_feed_sink heard_sink = { NULL, on_heard_event, on_heard_control,
						on_heard_reject, NULL };

#endif
