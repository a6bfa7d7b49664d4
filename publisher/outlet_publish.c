/* outlet_publish.c - numbers, envelopes, encoding, conflation. */
#include "publisher/outlet_private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define HEARTBEAT_STRINGS 8192 /* endpoints, counter names, version: what one can hold */

bc_status buffer_reserve(struct outlet *o)
{
	size_t list = o->names_bytes + 5 * (size_t)o->n_symbols;
	size_t strings = list > HEARTBEAT_STRINGS ? list : HEARTBEAT_STRINGS;
	size_t need = bc_message_bound(2 * (size_t)o->opt.levels, strings);
	if (need > o->buffer_cap) {
		uint8_t *buffer = realloc(o->buffer, need * 2);
		if (buffer == NULL)
			return BC_ENOMEM;
		o->buffer = buffer;
		o->buffer_cap = need * 2;
	}
	if (list > o->listed_cap) {
		uint8_t *listed = realloc(o->listed, list * 2);
		if (listed == NULL)
			return BC_ENOMEM;
		/* the published list stands in the old piece: it is written anew this turn */
		o->listed = listed;
		o->listed_cap = list * 2;
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ on to the bus */

static void tell(struct outlet *o, bc_mono_time now, const struct slot *slot,
		 const struct bc_envelope *envelope, const struct value *value, bc_str payload)
{
	struct outlet_said said = { .envelope = envelope, .payload = payload };
	if (o->out.said == NULL || slot->subject == o->gateway)
		return;
	if (slot->channel == BC_CHANNEL_TRADE)
		said.trade_id = value->body.trade.trade_id;
	else if (slot->channel == BC_CHANNEL_CANDLE)
		said.ts_open = value->body.candle.ts_open;
	o->out.said(o->out.self, now, slot->topic, &said);
}

/* A book is encoded once: its bytes are kept instead of its levels, which are several times as long
 * and would be written and fetched with every message. */
static void keep_packed(struct outlet *o, const struct slot *slot, struct value *value,
			const uint8_t *body, size_t n)
{
	if (slot->channel != BC_CHANNEL_BOOK || n > packed_max(o))
		return;
	memcpy(behind(slot, value), body, n);
	value->packed = o->kept_last = (uint32_t)n;
}

static bc_status encode(struct outlet *o, const struct slot *slot, struct value *value, size_t *len)
{
	struct bc_message *m = &o->scratch;
	size_t head, n = value->packed;
	bc_status rc = bc_head_encode(&m->envelope, o->buffer, o->buffer_cap, &head);
	if (rc != BC_OK)
		return rc;
	uint8_t *body = o->buffer + head;
	if (n > 0) {
		memcpy(body, behind(slot, value), n); /* it was made in this buffer */
	} else {
		memcpy(&m->body, &value->body,
		       value_bytes((enum bc_channel)slot->channel) - offsetof(struct value, body));
		if ((rc = bc_body_encode(m, body, o->buffer_cap - head, &n)) != BC_OK)
			return rc;
		keep_packed(o, slot, value, body, n);
	}
	*len = head + n;
	return BC_OK;
}

void slot_send(struct outlet *o, struct slot *slot, struct value *value, bc_mono_time now,
	       uint32_t flags)
{
	struct bc_message *m = &o->scratch;
	size_t n;
	m->envelope = value->envelope;
	m->envelope.flags |= flags;
	if (encode(o, slot, value, &n) != BC_OK) {
		o->count.encode_failures++;
		tell(o, now, slot, &m->envelope, value, BC_STR(""));
		return;
	}
	o->count.encoded++;
	o->count.bytes += n;
	const bc_str payload = { (const char *)o->buffer, n };
	if (o->out.send(o->out.self, slot->topic, payload) != BC_OK)
		o->count.send_failures++;
	tell(o, now, slot, &m->envelope, value, payload);
}

/* Gives the value its number and the state its subject has now, and sends it if wanted. */
static void stamp_and_send(struct outlet *o, struct slot *slot, struct value *value,
			   bc_mono_time now)
{
	const struct subject *subject = slot->subject;
	struct bc_envelope *e = &value->envelope;
	e->channel = (enum bc_channel)slot->channel;
	e->epoch = o->opt.epoch;
	e->seq = ++slot->seq;
	e->state = subject->state;
	e->reason = subject->reason;
	e->since = subject->since;
	e->ts_publish = o->out.now(o->out.self);
	if (slot->state_due)
		e->flags |= BC_FLAG_STATE;
	slot->state_due = false;
	o->count.published++;
	if (!value->said)
		outlet_hop_published(&o->hops, e);
	value->said = true;
	if (o->opt.encode_all || o->out.wanted(o->out.self, slot->topic))
		slot_send(o, slot, value, now, 0);
	else
		tell(o, now, slot, e, value, BC_STR(""));
}

/* A message that is not kept: a trade. */
void slot_say(struct outlet *o, struct slot *slot, struct value *value, bc_mono_time now)
{
	stamp_and_send(o, slot, value, now);
}

static bool is_paced(const struct outlet *o, const struct slot *slot)
{
	return o->opt.interval_ns > 0 && slot->channel != BC_CHANNEL_STATE &&
	       slot->channel != BC_CHANNEL_INSTRUMENT;
}

/* The newest value of the topic goes out now. */
void slot_publish(struct outlet *o, struct slot *slot, bc_mono_time now)
{
	if (slot->pending)
		slot->shown = !slot->shown;
	slot->pending = false;
	slot->has = true;
	welcome_forget(o, slot);
	list_remove(&o->overtaken, slot);
	stamp_and_send(o, slot, slot_shown(slot), now);
	slot->published_at = now;
	if (is_paced(o, slot)) {
		list_remove(&o->paced, slot);
		list_append(&o->paced, slot);
	}
}

/* The last value again, with a new state; the times of the data stay. */
void slot_repeat(struct outlet *o, struct slot *slot, bc_mono_time now)
{
	if (!slot->has && !slot->pending)
		return;
	slot->state_due = true;
	slot_publish(o, slot, now);
}

/* ------------------------------------------------------------------ conflation */

static bool too_early(const struct outlet *o, const struct slot *slot, bc_mono_time now)
{
	return is_paced(o, slot) && !slot->state_due &&
	       now.ns - slot->published_at.ns < o->opt.interval_ns;
}

static bool is_crossed(const struct bc_book *book)
{
	return book->n_bids > 0 && book->n_asks > 0 &&
	       bc_decimal_compare(book->bids[0].price, book->asks[0].price) > 0;
}

/* May this be called fit when its symbol is? Only a book that made its symbol fit, or came while it
 * was. A bbo of the exchange's own stands by itself, and a ticker does. */
static bool in_doubt(const struct outlet *o, const struct slot *slot, const struct value *value)
{
	if (slot->channel == BC_CHANNEL_BBO && o->opt.own_bbo)
		return is_crossed(&value->body.book);
	return (slot->channel == BC_CHANNEL_BOOK || slot->channel == BC_CHANNEL_BBO) &&
	       !bc_state_fit(slot->subject->state);
}

/* Where the next value is written: over the published one, or, if it has to wait, beside it.
 * slot_commit() follows. */
struct value *slot_next(struct outlet *o, struct slot *slot, bc_mono_time now)
{
	if (too_early(o, slot, now)) {
		o->count.conflated += slot->pending;
		slot->pending = true;
	}
	struct value *value = slot_newest(slot);
	value->envelope.flags = 0;
	return value;
}

void slot_commit(struct outlet *o, struct slot *slot, bc_mono_time now)
{
	slot->outdated = in_doubt(o, slot, slot_newest(slot));
	if (!slot->pending || !too_early(o, slot, now))
		slot_publish(o, slot, now);
}

/* What waits to be published will be the last word by itself. */
void overtaken_turn(struct outlet *o, bc_mono_time now)
{
	while (!is_empty(&o->overtaken)) {
		struct slot *slot = o->overtaken.first;
		list_remove(&o->overtaken, slot);
		if (!slot->pending)
			slot_publish(o, slot, now);
	}
}

/* All wait equally long, so who was published first is due first. */
void paced_turn(struct outlet *o, bc_mono_time now)
{
	while (!is_empty(&o->paced) && paced_deadline(o).ns <= now.ns) {
		struct slot *slot = o->paced.first;
		list_remove(&o->paced, slot);
		if (slot->pending)
			slot_publish(o, slot, now);
	}
}

bc_mono_time paced_deadline(const struct outlet *o)
{
	if (is_empty(&o->paced))
		return (bc_mono_time){ INT64_MAX };
	return (bc_mono_time){ o->paced.first->published_at.ns + o->opt.interval_ns };
}
