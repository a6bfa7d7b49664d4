/* outlet_event.c - market data into the values of topics; the bbo out of books. */
#include "publisher/outlet_private.h"

#include <stddef.h>
#include <string.h>

static void take_envelope(struct value *value, const struct bc_event *event, bc_wall_time received)
{
	value->envelope.exchange_seq = event->exchange_seq;
	value->envelope.ts_exchange = event->ts_exchange;
	value->envelope.ts_recv = received;
	value->envelope.flags = event->flags;
	value->said = false;
}

static void keep_levels(const struct outlet *o, const struct slot *slot, struct value *value,
			uint32_t max)
{
	struct bc_book *book = &value->body.book;
	bc_level *bids = slot_levels(o, slot, value), *asks = bids + max;
	if (book->n_bids > 0)
		memcpy(bids, book->bids, book->n_bids * sizeof *bids);
	if (book->n_asks > 0)
		memcpy(asks, book->asks, book->n_asks * sizeof *asks);
	book->bids = bids;
	book->asks = asks;
}

/* The levels are the event's until they are kept, which is needed only where no encoded body is:
 * nobody listens, or it waits for its time. */
static void book_into(struct outlet *o, bc_mono_time now, struct slot *slot,
		      const struct bc_event *event, bc_wall_time received, uint32_t max)
{
	struct value *value = slot_next(o, slot, now);
	const struct bc_book *book = &event->body.book;
	take_envelope(value, event, received);
	value->packed = 0;
	value->body.book =
		(struct bc_book){ book->bids, book->asks, book->n_bids < max ? book->n_bids : max,
				  book->n_asks < max ? book->n_asks : max };
	slot_commit(o, slot, now);
	if (value->packed == 0)
		keep_levels(o, slot, value, max);
}

static bool same_level(const bc_level *a, uint32_t n_a, const bc_level *b, uint32_t n_b)
{
	if (n_a == 0 || n_b == 0)
		return n_a == n_b;
	return bc_decimal_compare(a->price, b->price) == 0 &&
	       bc_decimal_compare(a->quantity, b->quantity) == 0;
}

static bool same_top(const struct bc_book *a, const struct bc_book *b)
{
	return same_level(a->bids, a->n_bids > 0, b->bids, b->n_bids > 0) &&
	       same_level(a->asks, a->n_asks > 0, b->asks, b->n_asks > 0);
}

static void bbo_from_book(struct outlet *o, bc_mono_time now, struct subject *subject,
			  const struct bc_event *event, bc_wall_time received)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_BBO, 0);
	if (slot == NULL)
		return;
	const struct value *last = slot_newest(slot);
	if (slot->has && !slot->outdated && !slot->state_due &&
	    same_top(&last->body.book, &event->body.book))
		return;
	book_into(o, now, slot, event, received, 1);
}

/* A bbo of the exchange's own from before a doubt waits for its next, which may be long in coming;
 * a right book as new as it, with the same best prices, says that it still holds. */
static void bbo_proven(struct outlet *o, bc_mono_time now, struct subject *subject,
		       const struct bc_event *event)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_BBO, 0);
	if (slot == NULL || !slot->has || !slot->outdated || slot->pending ||
	    !bc_state_fit(subject->state))
		return;
	const struct value *last = slot_shown(slot);
	if (last->envelope.exchange_seq == BC_SEQ_NONE || event->exchange_seq == BC_SEQ_NONE ||
	    last->envelope.exchange_seq > event->exchange_seq ||
	    !same_top(&last->body.book, &event->body.book))
		return;
	slot->outdated = false;
	slot_repeat(o, slot, now);
}

/* ------------------------------------------------------------------ by channel */

static void on_book(struct outlet *o, bc_mono_time now, struct subject *subject,
		    const struct bc_event *event, bc_wall_time received)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_BOOK, 0);
	if (slot != NULL)
		book_into(o, now, slot, event, received, o->opt.levels);
	if (o->opt.own_bbo)
		bbo_proven(o, now, subject, event);
	else
		bbo_from_book(o, now, subject, event, received);
}

static void on_bbo(struct outlet *o, bc_mono_time now, struct subject *subject,
		   const struct bc_event *event, bc_wall_time received)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_BBO, 0);
	if (slot != NULL && o->opt.own_bbo)
		book_into(o, now, slot, event, received, 1);
}

static void on_trade(struct outlet *o, bc_mono_time now, struct subject *subject,
		     const struct bc_event *event, bc_wall_time received)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_TRADE, 0);
	if (slot == NULL)
		return;
	struct value value = { .body.trade = event->body.trade };
	take_envelope(&value, event, received);
	slot_say(o, slot, &value, now); /* trades are never conflated */
}

static void on_ticker(struct outlet *o, bc_mono_time now, struct subject *subject,
		      const struct bc_event *event, bc_wall_time received)
{
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_TICKER, 0);
	if (slot == NULL)
		return;
	struct value *value = slot_next(o, slot, now);
	take_envelope(value, event, received);
	value->body.ticker = event->body.ticker;
	slot_commit(o, slot, now);
}

/* A candle from before the one we have. */
static bool is_past(const struct slot *slot, const struct bc_event *event)
{
	const struct value *newest = slot_newest(slot);
	return (event->flags & BC_FLAG_REST) != 0 && (slot->has || slot->pending) &&
	       event->body.candle.ts_open.ns < newest->body.candle.ts_open.ns;
}

/* It goes out as what it is, and is not kept. The newest one follows in this turn, once however
 * many past ones there are, so that it stays what the topic said last. */
static void say_past(struct outlet *o, bc_mono_time now, struct slot *slot,
		     const struct bc_event *event, bc_wall_time received)
{
	struct value value = { .body.candle = event->body.candle };
	take_envelope(&value, event, received);
	slot_say(o, slot, &value, now);
	if (!is_in(&o->overtaken, slot))
		list_append(&o->overtaken, slot);
}

/* A candle that is over is never conflated away, also where only the next one tells. */
static void on_candle(struct outlet *o, bc_mono_time now, struct subject *subject,
		      const struct bc_event *event, bc_wall_time received)
{
	const struct bc_candle *candle = &event->body.candle;
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_CANDLE, candle->interval);
	if (slot == NULL)
		return;
	if (is_past(slot, event)) {
		say_past(o, now, slot, event, received);
		return;
	}
	if (slot->pending &&
	    slot->values[!slot->shown]->body.candle.ts_open.ns != candle->ts_open.ns)
		slot_publish(o, slot, now);
	struct value *value = slot_next(o, slot, now);
	take_envelope(value, event, received);
	value->body.candle = *candle;
	if (candle->closed == BC_CLOSED_YES)
		slot_publish(o, slot, now);
	else
		slot_commit(o, slot, now);
}

/* ------------------------------------------------------------------ instruments */

static bool take_text(char *kept, bc_str *out, bc_str in)
{
	if (in.n == 0 || in.n >= INSTRUMENT_TEXT || bc_str_equal(*out, in))
		return false;
	memcpy(kept, in.p, in.n);
	*out = (bc_str){ kept, in.n };
	return true;
}

static bool take_decimal(bc_decimal *out, bc_decimal in)
{
	if (!bc_decimal_known(in) || (bc_decimal_known(*out) && bc_decimal_compare(*out, in) == 0))
		return false;
	*out = in;
	return true;
}

/* What is known of an instrument comes in pieces (listing, tick sizes): known replaces unknown
 * or older, and it is published when that changed something. */
static void on_instrument(struct outlet *o, bc_mono_time now, struct subject *subject,
			  const struct bc_event *event, bc_wall_time received)
{
	const struct bc_instrument *in = &event->body.instrument;
	struct slot *slot = slot_of(o, subject, BC_CHANNEL_INSTRUMENT, 0);
	struct value *value = slot_shown(slot);
	struct bc_instrument *kept = &value->body.instrument;
	if (!slot->has)
		*kept = (struct bc_instrument){ .tick = BC_DECIMAL_NONE,
						.lot = BC_DECIMAL_NONE,
						.contract_size = BC_DECIMAL_NONE };
	bool changed = !slot->has;
	changed |= take_text(subject->aside->text[0], &kept->base, in->base);
	changed |= take_text(subject->aside->text[1], &kept->quote, in->quote);
	changed |= take_text(subject->aside->text[2], &kept->unified, in->unified);
	changed |= take_decimal(&kept->tick, in->tick);
	changed |= take_decimal(&kept->lot, in->lot);
	changed |= take_decimal(&kept->contract_size, in->contract_size);
	if (in->base.n > 0 && in->kind != kept->kind) {
		kept->kind = in->kind;
		changed = true;
	}
	if (in->status != BC_LISTING_UNKNOWN && in->status != kept->status) {
		kept->status = in->status;
		changed = true;
	}
	if (!changed)
		return;
	take_envelope(value, event, received);
	slot_publish(o, slot, now);
}

#define N_WARM 2 /* the first topics of a symbol, books and bbos mostly */
/* Of each: the slot and its value. Two levels, or a body as long as the last one, are behind it. */
#define WARM_BYTES (sizeof(struct slot) + offsetof(struct value, body) + sizeof(struct bc_book))

/* All of it is computed: to wait for one fetch to know where the next goes would cost more than
 * the rest. So the topics' numbers are guessed, which is right where symbols came in order. */
void outlet_soon(const struct outlet *o, uint32_t symbol)
{
	const char *subject = (const char *)subject_at(o, symbol);
	__builtin_prefetch(subject);
	for (uint32_t i = 0; i < N_WARM && i < o->n_data; i++) {
		const char *slot = subject + o->plan[i].slot.at;
		const size_t kept = i == 0 ? o->kept_last : 2 * sizeof(bc_level);
		for (size_t at = 0; at < WARM_BYTES + kept; at += BC_CACHE_LINE)
			__builtin_prefetch(slot + at, 1);
		if (o->out.soon != NULL)
			o->out.soon(o->out.self, o->first_topic + symbol * o->n_plan + i);
	}
}

/* All that this event becomes, at once: to wait for two addresses takes no longer than for one. */
static void announce(const struct outlet *o, struct subject *subject, const struct bc_event *event)
{
	const enum bc_interval interval =
		event->channel == BC_CHANNEL_CANDLE ? event->body.candle.interval : 0;
	const struct slot *own = slot_of(o, subject, event->channel, interval), *bbo = NULL;
	if (event->channel == BC_CHANNEL_BOOK && !o->opt.own_bbo)
		bbo = slot_of(o, subject, BC_CHANNEL_BBO, 0);
	if (own != NULL)
		o->out.next(o->out.self, own->topic);
	if (bbo != NULL)
		o->out.next(o->out.self, bbo->topic);
}

void outlet_event(struct outlet *o, bc_mono_time now, uint32_t symbol, const struct bc_event *event,
		  bc_wall_time received)
{
	static void (*const by_channel[BC_N_CHANNELS])(struct outlet *, bc_mono_time,
						       struct subject *, const struct bc_event *,
						       bc_wall_time) = {
		[BC_CHANNEL_BOOK] = on_book,     [BC_CHANNEL_BBO] = on_bbo,
		[BC_CHANNEL_TRADE] = on_trade,   [BC_CHANNEL_TICKER] = on_ticker,
		[BC_CHANNEL_CANDLE] = on_candle, [BC_CHANNEL_INSTRUMENT] = on_instrument,
	};
	struct subject *subject = subject_at(o, symbol);
	if (o->out.next != NULL)
		announce(o, subject, event);
	outlet_hop_received(&o->hops, event->channel, event->flags, event->ts_exchange, received);
	if (by_channel[event->channel] != NULL)
		by_channel[event->channel](o, now, subject, event, received);
}
