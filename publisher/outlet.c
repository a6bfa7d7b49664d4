/* outlet.c - life, symbols and their topics. */
#include "publisher/outlet_private.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ lists of slots */

static struct link *link_of(const struct list *l, struct slot *slot)
{
	return (struct link *)(void *)((char *)slot + l->link);
}

void list_append(struct list *l, struct slot *slot)
{
	struct link *link = link_of(l, slot);
	*link = (struct link){ .prev = l->last, .in = true };
	if (l->last == NULL)
		l->first = slot;
	else
		link_of(l, l->last)->next = slot;
	l->last = slot;
}

void list_remove(struct list *l, struct slot *slot)
{
	struct link *link = link_of(l, slot);
	if (!link->in)
		return;
	if (link->prev == NULL)
		l->first = link->next;
	else
		link_of(l, link->prev)->next = link->next;
	if (link->next == NULL)
		l->last = link->prev;
	else
		link_of(l, link->next)->prev = link->prev;
	*link = (struct link){ 0 };
}

struct slot *slot_of(struct subject *subject, enum bc_channel channel, enum bc_interval interval)
{
	for (uint32_t i = 0; i < subject->n_slots; i++) {
		struct slot *slot = &subject->slots[i];
		if (slot->channel == channel &&
		    (channel != BC_CHANNEL_CANDLE || slot->interval == interval))
			return slot;
	}
	return NULL;
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
			o->plan[o->n_plan++] =
				(struct plan){ BC_CHANNEL_CANDLE, (enum bc_interval)i };
	}
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		o->plan[o->n_plan++].channel = always[i];
}

bc_status outlet_new(struct outlet **out, const struct outlet_options *options,
		     const struct outlet_sender *sender)
{
	struct outlet *o = calloc(1, sizeof *o);
	if (o == NULL)
		return BC_ENOMEM;
	o->opt = *options;
	o->out = *sender;
	o->paced.link = offsetof(struct slot, paced);
	o->queued.link = offsetof(struct slot, queued);
	o->recent.link = offsetof(struct slot, recent);
	o->overtaken.link = offsetof(struct slot, overtaken);
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

static void slots_free(struct outlet *o, struct subject *subject)
{
	for (uint32_t i = 0; i < subject->n_slots; i++) {
		struct slot *slot = &subject->slots[i];
		list_remove(&o->paced, slot);
		list_remove(&o->queued, slot);
		list_remove(&o->recent, slot);
		list_remove(&o->overtaken, slot);
		o->by_topic[slot->topic] = NULL;
		o->out.close(o->out.self, slot->topic);
		o->n_topics--;
		free(slot->levels[0]);
		free(slot->levels[1]);
	}
	free(subject->slots);
	free((char *)subject->name.p);
}

void outlet_free(struct outlet **outlet)
{
	struct outlet *o = *outlet;
	if (o == NULL)
		return;
	for (uint32_t i = 0; i < o->symbol_capacity; i++) {
		if (o->symbols[i] == NULL)
			continue;
		slots_free(o, o->symbols[i]);
		free(o->symbols[i]);
	}
	slots_free(o, &o->gateway);
	free(o->symbols);
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

static size_t levels_in(const struct outlet *o, enum bc_channel channel)
{
	if (channel == BC_CHANNEL_BOOK)
		return 2 * (size_t)o->opt.levels;
	return channel == BC_CHANNEL_BBO ? 2 : 0;
}

static bc_status slot_open(struct outlet *o, struct subject *subject, struct plan plan)
{
	struct slot *slot = &subject->slots[subject->n_slots];
	char topic[BC_TOPIC_MAX + 1];
	size_t n;
	bc_status rc = bc_topic_make(bc_str_of(o->opt.exchange), subject->name, plan.channel,
				     plan.interval, topic, &n);
	if (rc != BC_OK)
		return rc;
	*slot = (struct slot){ .subject = subject,
			       .channel = plan.channel,
			       .interval = plan.interval,
			       .published_at = { INT64_MIN / 2 } };
	size_t levels = levels_in(o, plan.channel);
	for (size_t i = 0; levels > 0 && i < (o->opt.interval_ns > 0 ? 2 : 1); i++)
		slot->levels[i] = malloc(levels * sizeof(bc_level));
	if (levels > 0 &&
	    (slot->levels[0] == NULL || (o->opt.interval_ns > 0 && slot->levels[1] == NULL)))
		rc = BC_ENOMEM;
	if (rc != BC_OK ||
	    (rc = o->out.open(o->out.self, (bc_str){ topic, n }, &slot->topic)) != BC_OK) {
		free(slot->levels[0]);
		free(slot->levels[1]);
		return rc;
	}
	if ((rc = topic_reserve(o, slot->topic)) != BC_OK) {
		o->out.close(o->out.self, slot->topic);
		free(slot->levels[0]);
		free(slot->levels[1]);
		return rc;
	}
	o->by_topic[slot->topic] = slot;
	o->n_topics++;
	subject->n_slots++;
	return BC_OK;
}

bc_status subject_open(struct outlet *o, struct subject *subject, bc_str name,
		       const struct plan *plan, uint32_t n)
{
	char *copy = malloc(name.n + 1);
	*subject = (struct subject){ .name = { copy, name.n },
				     .slots = calloc(n, sizeof *subject->slots),
				     .since = o->out.now(o->out.self) };
	if (copy == NULL || subject->slots == NULL)
		return BC_ENOMEM;
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	for (uint32_t i = 0; i < n; i++) {
		bc_status rc = slot_open(o, subject, plan[i]);
		if (rc != BC_OK)
			return rc;
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ symbols */

static bc_status symbol_reserve(struct outlet *o, uint32_t symbol)
{
	uint32_t room = o->symbol_capacity == 0 ? 64 : o->symbol_capacity;
	while (room <= symbol)
		room *= 2;
	if (room == o->symbol_capacity)
		return BC_OK;
	struct subject **symbols = realloc(o->symbols, room * sizeof(struct subject *));
	if (symbols == NULL)
		return BC_ENOMEM;
	memset(symbols + o->symbol_capacity, 0,
	       (room - o->symbol_capacity) * sizeof(struct subject *));
	o->symbols = symbols;
	bc_str *names = realloc(o->names, room * sizeof *names);
	if (names == NULL)
		return BC_ENOMEM;
	o->names = names;
	o->symbol_capacity = room;
	return BC_OK;
}

bc_status outlet_symbol_add(struct outlet *o, bc_mono_time now, uint32_t symbol, bc_str name)
{
	bc_status rc = symbol_reserve(o, symbol);
	struct subject *subject = rc == BC_OK ? malloc(sizeof *subject) : NULL;
	if (subject == NULL)
		return BC_ENOMEM;
	rc = subject_open(o, subject, name, o->plan, o->n_plan);
	o->names_bytes += name.n;
	o->n_symbols++;
	if (rc == BC_OK)
		rc = buffer_reserve(o);
	if (rc != BC_OK) {
		o->names_bytes -= name.n;
		o->n_symbols--;
		slots_free(o, subject);
		free(subject);
		return rc;
	}
	subject->symbol = symbol;
	o->symbols[symbol] = subject;
	o->symbols_version++;
	o->list_due = true;
	state_first(o, now, subject);
	return BC_OK;
}

void outlet_symbol_remove(struct outlet *o, uint32_t symbol)
{
	struct subject *subject = o->symbols[symbol];
	o->names_bytes -= subject->name.n;
	o->n_symbols--;
	slots_free(o, subject);
	free(subject);
	o->symbols[symbol] = NULL;
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
	if (slot == NULL || slot->subject == &o->gateway)
		return false;
	*out = (struct outlet_topic){ slot->subject->symbol, slot->channel, slot->interval };
	return true;
}

bool outlet_listened(const struct outlet *o, uint32_t symbol, enum bc_channel channel,
		     enum bc_interval interval)
{
	struct subject *subject = symbol < o->symbol_capacity ? o->symbols[symbol] : NULL;
	const struct slot *slot = subject == NULL ? NULL : slot_of(subject, channel, interval);
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

uint64_t outlet_symbols_version(const struct outlet *o)
{
	return o->symbols_version;
}
