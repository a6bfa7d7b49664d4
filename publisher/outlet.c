/* outlet.c - life, symbols and their topics. */
#include "publisher/outlet_private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ lists of slots */

void list_append(struct list *l, struct slot *slot)
{
	slot->aside->links[l->id] = (struct link){ .prev = l->last };
	slot->lists |= (uint8_t)(1u << l->id);
	if (l->last == NULL)
		l->first = slot;
	else
		l->last->aside->links[l->id].next = slot;
	l->last = slot;
}

void list_take_out(struct list *l, struct slot *slot)
{
	const struct link link = slot->aside->links[l->id];
	if (link.prev == NULL)
		l->first = link.next;
	else
		link.prev->aside->links[l->id].next = link.next;
	if (link.next == NULL)
		l->last = link.prev;
	else
		link.next->aside->links[l->id].prev = link.prev;
	slot->lists &= (uint8_t) ~(1u << l->id);
}

/* ------------------------------------------------------------------ life */

static void make_plan(struct outlet *o)
{
	static const enum bc_channel always[] = { BC_CHANNEL_INSTRUMENT, BC_CHANNEL_STATE };
	static const enum bc_channel asked[] = { BC_CHANNEL_BOOK, BC_CHANNEL_BBO, BC_CHANNEL_TRADE,
						 BC_CHANNEL_TICKER };
	for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
		if (o->opt.channels & BC_CHANNEL_BIT(asked[i]))
			o->plan[o->n_plan++].channel = asked[i];
	}
	for (unsigned i = 0; i < BC_N_INTERVALS; i++) {
		if ((o->opt.channels & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE)) != 0 &&
		    (o->opt.intervals & 1u << i) != 0)
			o->plan[o->n_plan++] = (struct plan){ .channel = BC_CHANNEL_CANDLE,
							      .interval = (enum bc_interval)i };
	}
	o->n_data = o->n_plan;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		o->plan[o->n_plan++].channel = always[i];
	const struct layout layout = plan_layout(o, o->plan, o->n_plan, o->n_data);
	o->subjects.piece_bytes = layout.subject;
	o->asides.piece_bytes = layout.aside;
	o->levels.piece_bytes = layout.levels;
	for (uint32_t i = 0; i < o->n_plan; i++) {
		const struct plan *p = &o->plan[i];
		if (p->channel == BC_CHANNEL_CANDLE)
			o->candle_place[p->interval] = p->slot;
		else
			o->place[p->channel] = p->slot;
	}
}

bc_status outlet_new(struct outlet **out, const struct outlet_options *options,
		     const struct outlet_sender *sender)
{
	struct outlet *o = calloc(1, sizeof *o);
	if (o == NULL)
		return BC_ENOMEM;
	o->opt = *options;
	o->out = *sender;
	o->paced.id = LIST_PACED;
	o->queued.id = LIST_QUEUED;
	o->recent.id = LIST_RECENT;
	o->overtaken.id = LIST_OVERTAKEN;
	make_plan(o);
	bc_status rc = buffer_reserve(o);
	if (rc == BC_OK)
		rc = gateway_new(o);
	if (rc != BC_OK) {
		outlet_free(&o);
		return rc;
	}
	*out = o;
	return BC_OK;
}

static void subject_close(struct outlet *o, struct subject *subject)
{
	for (struct slot *slot = subject->slots; slot != NULL; slot = slot->aside->next) {
		list_remove(&o->paced, slot);
		list_remove(&o->queued, slot);
		list_remove(&o->recent, slot);
		list_remove(&o->overtaken, slot);
		o->by_topic[slot->topic] = NULL;
		o->out.close(o->out.self, slot->topic);
		o->n_topics--;
	}
	free((char *)subject->name.p);
	subject->name = (bc_str){ 0 };
}

void outlet_free(struct outlet **outlet)
{
	struct outlet *o = *outlet;
	if (o == NULL)
		return;
	for (uint32_t i = 0; i < o->symbol_limit; i++)
		if (is_there(subject_at(o, i)))
			subject_close(o, subject_at(o, i));
	if (o->gateway != NULL && is_there(o->gateway))
		subject_close(o, o->gateway);
	bc_blocks_free(&o->subjects);
	bc_blocks_free(&o->asides);
	bc_blocks_free(&o->levels);
	numbers_free(o);
	free(o->gateway);
	free(o->gateway_aside);
	free(o->by_topic);
	free(o->names);
	free(o->listed);
	free(o->buffer);
	free(o);
	*outlet = NULL;
}

/* ------------------------------------------------------------------ topics */

static bc_status topic_reserve(struct outlet *o, uint32_t topic)
{
	uint32_t room = o->topic_capacity == 0 ? 256 : o->topic_capacity;
	while (room <= topic)
		room *= 2;
	if (room == o->topic_capacity)
		return BC_OK;
	struct slot **by_topic = realloc(o->by_topic, room * sizeof(struct slot *));
	if (by_topic == NULL)
		return BC_ENOMEM;
	memset(by_topic + o->topic_capacity, 0, (room - o->topic_capacity) * sizeof(struct slot *));
	o->by_topic = by_topic;
	o->topic_capacity = room;
	return BC_OK;
}

/* Trades and heartbeats are said and forgotten; states and instruments never wait. */
static unsigned n_values(const struct outlet *o, enum bc_channel channel)
{
	if (channel == BC_CHANNEL_TRADE || channel == BC_CHANNEL_HEARTBEAT)
		return 0;
	bool waits = channel != BC_CHANNEL_STATE && channel != BC_CHANNEL_INSTRUMENT;
	return waits && o->opt.interval_ns > 0 ? 2 : 1;
}

static size_t whole(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* A value and what is behind it. */
static size_t value_room(const struct outlet *o, enum bc_channel channel)
{
	const size_t behind = channel == BC_CHANNEL_BOOK  ? packed_max(o)
			      : channel == BC_CHANNEL_BBO ? 2 * sizeof(bc_level)
							  : 0;
	return whole(value_bytes(channel) + behind, sizeof(void *));
}

struct layout plan_layout(const struct outlet *o, struct plan *plan, uint32_t n, uint32_t n_data)
{
	size_t subject = sizeof(struct subject), aside = sizeof(struct subject_aside), levels = 0;
	for (uint32_t i = 0; i < n; i++) {
		const unsigned values = n_values(o, plan[i].channel);
		size_t *end = i < n_data ? &subject : &aside;
		*end = whole(*end, BC_CACHE_LINE);
		plan[i].slot = (struct place){ (uint32_t)*end, end == &aside };
		*end += sizeof(struct slot) + values * value_room(o, plan[i].channel);
		plan[i].aside = (uint32_t)aside;
		aside += sizeof(struct slot_aside);
		if (plan[i].channel == BC_CHANNEL_BOOK)
			levels += values * 2 * (size_t)o->opt.levels * sizeof(bc_level);
	}
	return (struct layout){ (uint32_t)whole(subject, BC_CACHE_LINE),
				(uint32_t)whole(aside, BC_CACHE_LINE), (uint32_t)levels };
}

static void slot_init(const struct outlet *o, struct subject *subject, const struct plan *plan)
{
	struct slot *slot = slot_at(subject, &plan->slot);
	char *next = (char *)(slot + 1);
	*slot = (struct slot){ .subject = subject,
			       .channel = (uint8_t)plan->channel,
			       .interval = (uint8_t)plan->interval,
			       .published_at = { INT64_MIN / 2 } };
	for (unsigned i = 0; i < n_values(o, plan->channel); i++) {
		slot->values[i] = (struct value *)(void *)next;
		memset(next, 0, value_bytes(plan->channel));
		next += value_room(o, plan->channel);
	}
	slot->aside = (struct slot_aside *)(void *)((char *)subject->aside + plan->aside);
	*slot->aside = (struct slot_aside){ 0 };
}

static bc_status slot_open(struct outlet *o, struct subject *subject, const struct plan *plan)
{
	struct slot *slot = slot_at(subject, &plan->slot);
	char topic[BC_TOPIC_MAX + 1];
	size_t n;
	slot_init(o, subject, plan);
	bc_status rc = bc_topic_make(bc_str_of(o->opt.exchange), subject->name, plan->channel,
				     plan->interval, topic, &n);
	if (rc == BC_OK)
		rc = o->out.open(o->out.self, (bc_str){ topic, n }, &slot->topic);
	if (rc != BC_OK)
		return rc;
	if ((rc = topic_reserve(o, slot->topic)) != BC_OK) {
		o->out.close(o->out.self, slot->topic);
		return rc;
	}
	o->by_topic[slot->topic] = slot;
	o->n_topics++;
	slot->aside->next = subject->slots;
	subject->slots = slot;
	return BC_OK;
}

bc_status subject_open(struct outlet *o, struct subject *subject, const struct subject *empty,
		       bc_str name, const struct plan *plan, uint32_t n)
{
	char *copy = malloc(name.n + 1);
	*subject = *empty;
	subject->name = (bc_str){ copy, name.n };
	subject->since = o->out.now(o->out.self);
	if (copy == NULL)
		return BC_ENOMEM;
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		bc_status rc = slot_open(o, subject, &plan[i]);
		if (rc != BC_OK) {
			subject_close(o, subject);
			return rc;
		}
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ symbols */

static bc_status symbol_reserve(struct outlet *o, uint32_t symbol)
{
	bc_status rc = bc_blocks_reserve(&o->asides, symbol + 1);
	if (rc == BC_OK)
		rc = bc_blocks_reserve(&o->levels, symbol + 1);
	if (rc == BC_OK)
		rc = bc_blocks_reserve(&o->subjects, symbol + 1);
	if (rc != BC_OK)
		return rc;
	if (o->names_capacity < o->subjects.capacity) {
		bc_str *names = realloc(o->names, o->subjects.capacity * sizeof *names);
		if (names == NULL)
			return BC_ENOMEM;
		o->names = names;
		o->names_capacity = o->subjects.capacity;
	}
	while (o->symbol_limit <= symbol)
		subject_at(o, o->symbol_limit++)->name = (bc_str){ 0 };
	return BC_OK;
}

bc_status outlet_symbol_add(struct outlet *o, bc_mono_time now, uint32_t symbol, bc_str name)
{
	struct outlet_numbers *numbers = NULL;
	bc_status rc = symbol_reserve(o, symbol);
	if (rc == BC_OK)
		rc = numbers_of(o, name, &numbers);
	if (rc != BC_OK)
		return rc;
	struct subject *subject = subject_at(o, symbol);
	const struct subject empty = { .symbol = symbol,
				       .numbers = numbers,
				       .aside = bc_blocks_at(&o->asides, symbol) };
	if ((rc = subject_open(o, subject, &empty, name, o->plan, o->n_plan)) != BC_OK)
		return rc;
	o->names_bytes += name.n;
	o->n_symbols++;
	if ((rc = buffer_reserve(o)) != BC_OK) {
		o->names_bytes -= name.n;
		o->n_symbols--;
		subject_close(o, subject);
		return rc;
	}
	numbers_resume(o, subject);
	o->first_topic = slot_at(subject, &o->plan[0].slot)->topic - symbol * o->n_plan;
	o->symbols_version++;
	o->list_due = true;
	state_first(o, now, subject);
	return BC_OK;
}

void outlet_symbol_remove(struct outlet *o, uint32_t symbol)
{
	struct subject *subject = subject_at(o, symbol);
	o->names_bytes -= subject->name.n;
	o->n_symbols--;
	numbers_keep(o, subject);
	subject_close(o, subject);
	o->symbols_version++;
	o->list_due = true;
}

/* ------------------------------------------------------------------ turns and questions */

bool outlet_turn(struct outlet *o, bc_mono_time now)
{
	overtaken_turn(o, now);
	paced_turn(o, now);
	gateway_turn(o, now);
	return welcome_turn(o, now);
}

bc_mono_time outlet_next_deadline(const struct outlet *o)
{
	bc_mono_time paced = paced_deadline(o), welcome = welcome_deadline(o);
	return paced.ns < welcome.ns ? paced : welcome;
}

struct outlet_hops *outlet_hops(struct outlet *o)
{
	return &o->hops;
}

const struct outlet_counters *outlet_counters(const struct outlet *o)
{
	return &o->count;
}

bool outlet_topic(const struct outlet *o, uint32_t topic, struct outlet_topic *out)
{
	const struct slot *slot = topic < o->topic_capacity ? o->by_topic[topic] : NULL;
	if (slot == NULL || slot->subject == o->gateway)
		return false;
	*out = (struct outlet_topic){ slot->subject->symbol, (enum bc_channel)slot->channel,
				      (enum bc_interval)slot->interval };
	return true;
}

bool outlet_listened(const struct outlet *o, uint32_t symbol, enum bc_channel channel,
		     enum bc_interval interval)
{
	if (symbol >= o->symbol_limit || !is_there(subject_at(o, symbol)))
		return false;
	const struct slot *slot = slot_of(o, subject_at(o, symbol), channel, interval);
	return slot != NULL && o->out.wanted(o->out.self, slot->topic);
}

uint32_t outlet_topics(const struct outlet *o)
{
	return o->n_topics;
}

size_t outlet_max_message(const struct outlet *o)
{
	return o->buffer_cap + BC_TOPIC_MAX + 1;
}
