/* outlet_state.c - states of symbols and of the gateway, the symbol list, heartbeats. */
#include "publisher/outlet_private.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ symbols */

static void say_state(struct outlet *o, bc_mono_time now, struct slot *slot, enum bc_state previous)
{
	struct value *value = slot_shown(slot);
	value->envelope = (struct bc_envelope){ .exchange_seq = BC_SEQ_NONE,
						.ts_exchange = { BC_TIME_UNKNOWN },
						.ts_recv = o->out.now(o->out.self) };
	value->body.state.previous = previous;
	slot_publish(o, slot, now);
}

static void take_state(struct subject *subject, const struct session_change *change)
{
	subject->state = change->state;
	subject->reason = change->reason;
	subject->since = change->since;
}

/* What is in doubt may not come back as fit by itself: only new data of that topic does. */
static void doubt(struct subject *subject, enum session_scope scope)
{
	for (struct slot *slot = subject->slots; slot != NULL; slot = slot->aside->next) {
		bool book = slot->channel == BC_CHANNEL_BOOK || slot->channel == BC_CHANNEL_BBO;
		if (book || scope == SESSION_ALL_CHANNELS)
			slot->outdated = true;
	}
}

static void repeat_data(struct outlet *o, bc_mono_time now, struct subject *subject, bool fit)
{
	static const enum bc_channel repeated[] = { BC_CHANNEL_BOOK, BC_CHANNEL_BBO,
						    BC_CHANNEL_TICKER };
	for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
		struct slot *slot = slot_of(o, subject, repeated[i], 0);
		if (slot == NULL)
			continue;
		if (fit && slot->outdated)
			slot->state_due = slot->has; /* the data that made it fit comes next */
		else
			slot_repeat(o, slot, now);
	}
}

/* What was polled is from before the stream; what of it still waits to be published never is. */
static void forget_polled(struct outlet *o, struct subject *subject)
{
	for (struct slot *slot = subject->slots; slot != NULL; slot = slot->aside->next) {
		bool polled = slot->channel == BC_CHANNEL_BOOK || slot->channel == BC_CHANNEL_BBO ||
			      slot->channel == BC_CHANNEL_TICKER;
		if (!polled || (slot_newest(slot)->envelope.flags & BC_FLAG_REST) == 0)
			continue;
		slot->outdated = true;
		o->count.conflated += slot->pending;
		slot->pending = false;
	}
}

/* Who follows one topic alone hears it there when its symbol becomes fit, and when it is good for
 * nothing any more. What is good enough for some, as polled data, follows by itself. */
static void symbol_state(struct outlet *o, bc_mono_time now, struct subject *subject,
			 const struct session_change *change)
{
	enum bc_state previous = subject->state;
	bool was_fit = bc_state_fit(previous), fit = bc_state_fit(change->state);
	bool useless = bc_state_fit_if_rest(previous) && !bc_state_fit_if_rest(change->state);
	take_state(subject, change);
	if (!fit)
		doubt(subject, change->scope);
	else if (previous == BC_STATE_REST)
		forget_polled(o, subject);
	say_state(o, now, slot_of(o, subject, BC_CHANNEL_STATE, 0), previous);
	if (fit != was_fit || useless)
		repeat_data(o, now, subject, fit);
}

void state_first(struct outlet *o, bc_mono_time now, struct subject *subject)
{
	say_state(o, now, slot_of(o, subject, BC_CHANNEL_STATE, 0), subject->state);
}

void outlet_symbol_state(struct outlet *o, bc_mono_time now, uint32_t symbol,
			 const struct session_change *change)
{
	symbol_state(o, now, subject_at(o, symbol), change);
}

/* ------------------------------------------------------------------ the gateway */

bc_status gateway_new(struct outlet *o)
{
	struct plan plan[] = { { .channel = BC_CHANNEL_STATE },
			       { .channel = BC_CHANNEL_HEARTBEAT } };
	char name[BC_TOPIC_MAX];
	int n = snprintf(name, sizeof name, "@%s", o->opt.instance);
	if (n < 2 || (size_t)n >= sizeof name)
		return BC_EINVAL;
	const struct layout layout = plan_layout(o, plan, 2, 0);
	o->gateway = bc_large_alloc(layout.subject);
	o->gateway_aside = bc_large_alloc(layout.aside);
	if (o->gateway != NULL)
		*o->gateway = (struct subject){ 0 };
	if (o->gateway == NULL || o->gateway_aside == NULL)
		return BC_ENOMEM;
	const struct subject empty = { .aside = o->gateway_aside };
	bc_status rc = subject_open(o, o->gateway, &empty, (bc_str){ name, (size_t)n }, plan, 2);
	if (rc != BC_OK)
		return rc == BC_ENOMEM ? rc : BC_EINVAL;
	o->gateway_state = slot_at(o->gateway, &plan[0].slot);
	o->heartbeat = slot_at(o->gateway, &plan[1].slot);
	o->list_due = true;
	return BC_OK;
}

static void write_list(struct outlet *o)
{
	struct bc_state_change *body = &slot_shown(o->gateway_state)->body.state;
	uint32_t n = 0;
	for (uint32_t i = 0; i < o->symbol_limit; i++) {
		if (is_there(subject_at(o, i)))
			o->names[n++] = subject_at(o, i)->name;
	}
	if (bc_list_encode(o->names, n, o->listed, o->listed_cap, &body->symbols) != BC_OK)
		o->count.encode_failures++;
	if (n == 0 && !o->list_partial && o->symbols_version == 0)
		o->symbols_version = 1; /* none is all there are: a list, too */
	body->symbols_version = o->symbols_version;
	body->symbols_partial = o->list_partial;
	o->list_due = false;
}

void outlet_list_partial(struct outlet *o, bool partial)
{
	if (partial == o->list_partial)
		return;
	o->list_partial = partial;
	o->symbols_version += o->symbols_version > 0;
	o->list_due = true;
}

static void say_gateway(struct outlet *o, bc_mono_time now, enum bc_state previous)
{
	if (o->list_due)
		write_list(o);
	say_state(o, now, o->gateway_state, previous);
}

void outlet_feed_state(struct outlet *o, bc_mono_time now, const struct session_change *change)
{
	enum bc_state previous = o->gateway->state;
	take_state(o->gateway, change);
	say_gateway(o, now, previous);
}

/* However many symbols came or went in this turn, the list is published once. */
void gateway_turn(struct outlet *o, bc_mono_time now)
{
	if (o->list_due)
		say_gateway(o, now, o->gateway->state);
}

void outlet_shut_down(struct outlet *o, bc_mono_time now)
{
	struct session_change down = { .state = BC_STATE_DOWN,
				       .reason = BC_REASON_SHUTDOWN,
				       .since = o->out.now(o->out.self),
				       .scope = SESSION_ALL_CHANNELS };
	for (uint32_t i = 0; i < o->symbol_limit; i++) {
		if (is_there(subject_at(o, i)))
			symbol_state(o, now, subject_at(o, i), &down);
	}
	outlet_feed_state(o, now, &down);
}

/* Too large for a value that every topic has, so it goes out by itself. */
void outlet_heartbeat(struct outlet *o, bc_mono_time now, struct bc_heartbeat *heartbeat)
{
	(void)now;
	struct bc_message *m = &o->scratch;
	struct slot *slot = o->heartbeat;
	size_t n;
	heartbeat->symbols_version = o->symbols_version;
	bc_wall_time wall = o->out.now(o->out.self);
	m->envelope = (struct bc_envelope){ .channel = BC_CHANNEL_HEARTBEAT,
					    .epoch = o->opt.epoch,
					    .seq = ++slot->seq,
					    .exchange_seq = BC_SEQ_NONE,
					    .ts_exchange = { BC_TIME_UNKNOWN },
					    .ts_recv = wall,
					    .ts_publish = wall,
					    .state = o->gateway->state,
					    .reason = o->gateway->reason,
					    .since = o->gateway->since };
	m->body.heartbeat = *heartbeat;
	o->count.published++;
	if (!o->out.wanted(o->out.self, slot->topic))
		return;
	if (bc_message_encode(m, o->buffer, o->buffer_cap, &n) != BC_OK) {
		o->count.encode_failures++;
		return;
	}
	o->count.encoded++;
	o->count.bytes += n;
	if (o->out.send(o->out.self, slot->topic, (bc_str){ (const char *)o->buffer, n }) != BC_OK)
		o->count.send_failures++;
}
