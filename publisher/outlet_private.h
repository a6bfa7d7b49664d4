/* outlet_private.h - the inside of the outlet, shared by the outlet_*.c files alone.
 *
 *   outlet.c          life, symbols and their topics
 *   outlet_publish.c  numbers, envelopes, encoding, conflation
 *   outlet_event.c    market data into the values of topics; bbo out of books
 *   outlet_state.c    states of symbols and of the gateway, heartbeats
 *   outlet_hops.c     how long it takes
 *   outlet_welcome.c  last values for those who come later
 *   outlet_numbers.c  where the topics of a symbol go on that was removed and is added again */
#ifndef OUTLET_PRIVATE_H
#define OUTLET_PRIVATE_H

#include "publisher/outlet.h"

#include "common/blocks.h"
#include "proto/codec.h"
#include "proto/topic.h"

#include <assert.h>
#include <stddef.h>

#define WELCOMES_A_TURN    256
#define WELCOME_SPACING_NS (100 * BC_NS_PER_MS)
#define INSTRUMENT_TEXT    64 /* longest base, quote or unified name that is kept */
#define MAX_PLAN           (BC_N_CHANNELS + BC_N_INTERVALS)

/* What a topic last said, or will say next. Levels and strings are the slot's. A kept one is as
 * long as its channel needs, see value_bytes(). */
struct value {
	struct bc_envelope envelope;
	bool said;       /* it was published once: what follows is a repetition */
	uint32_t packed; /* bytes of the encoded body of a book, which lie behind the value;
			    0: body.book points to its levels, see slot_levels() */
	union {
		struct bc_book book;
		struct bc_trade trade;
		struct bc_ticker ticker;
		struct bc_candle candle;
		struct bc_instrument instrument;
		struct bc_state_change state;
	} body;
};

struct link { /* of an intrusive list; both NULL: in none, or alone */
	struct slot *prev, *next;
};

enum list_id {
	LIST_PACED,     /* published less than interval_ns ago, oldest first */
	LIST_QUEUED,    /* waits to be welcomed */
	LIST_RECENT,    /* welcomed less than 100 ms ago, oldest first */
	LIST_OVERTAKEN, /* has said something older than its last value */
	N_LISTS
};

struct list {
	struct slot *first, *last;
	enum list_id id;
};

/* What few messages of a topic touch. */
struct slot_aside {
	struct slot *next; /* of its subject */
	struct link links[N_LISTS];
	bc_mono_time welcomed_at;
};

/* One topic. Two values where there is conflation: what was published stays as it was, for those
 * who come later, while the newer one waits. What every message touches is one cache line; the
 * values follow it in memory, each with what is kept of its levels behind it. */
struct slot {
	struct subject *subject;
	struct slot_aside *aside;
	uint64_t seq;
	bc_mono_time published_at;
	struct value *values[2];
	uint32_t topic; /* the sender's number */
	uint8_t channel, interval;
	uint8_t shown;        /* index of the published one */
	uint8_t lists;        /* 1u << enum list_id, of those it is in */
	bool has : 1;         /* something was published */
	bool pending : 1;     /* values[!shown] waits for its time */
	bool outdated : 1;    /* what it says is from before a loss */
	bool state_due : 1;   /* the next one carries a new state */
	bool asked_again : 1; /* while it may not be welcomed yet */
};
static_assert(sizeof(struct slot) <= BC_CACHE_LINE, "a line a topic");

/* Who a topic speaks of: a symbol, or the gateway. It lies in one piece with the slots of its
 * market data and their values, each slot at the beginning of a cache line; and nothing else does,
 * so that as many symbols as can be share the pages whose addresses the processor remembers. */
struct subject {
	bc_str name;        /* owned; .p NULL: nobody has this number */
	struct slot *slots; /* the opened ones, the newest first */
	bc_wall_time since;
	enum bc_state state;
	enum bc_reason reason;
	uint32_t symbol;                /* its number; not of the gateway */
	struct outlet_numbers *numbers; /* NULL: of the gateway */
	struct subject_aside *aside;
};
static_assert(sizeof(struct subject) <= BC_CACHE_LINE, "a line a subject");

/* What few messages of a subject touch: in one piece with the slots of its state and instrument,
 * and what each topic has aside. */
struct subject_aside {
	char text[3][INSTRUMENT_TEXT]; /* base, quote, unified */
};

struct place {
	uint32_t at; /* bytes from the beginning of the subject, or of what it has aside; 0: none */
	bool aside;
};

struct plan { /* the topics of every symbol */
	enum bc_channel channel;
	enum bc_interval interval;
	struct place slot;
	uint32_t aside; /* bytes from the beginning of the subject's to the topic's */
};

struct layout { /* bytes of a subject, of what it has aside, and of levels of its books */
	uint32_t subject, aside, levels;
};

struct outlet {
	struct outlet_options opt;
	struct outlet_sender out;
	struct plan plan[MAX_PLAN];
	uint32_t n_plan, n_data; /* n_data: of them market data, which stand first */
	struct place place[BC_N_CHANNELS];
	struct place candle_place[BC_N_INTERVALS];
	struct bc_blocks subjects, asides; /* the symbols, by number */
	struct bc_blocks levels; /* of their books that are not kept encoded; resident if used */
	uint32_t symbol_limit, n_symbols; /* numbers that were in use; now */
	uint32_t first_topic;             /* the sender's number of symbol 0's first, see soon() */
	struct slot **by_topic;           /* by the sender's number */
	uint32_t topic_capacity, n_topics;

	struct subject *gateway; /* "@<instance>": state and heartbeat */
	struct subject_aside *gateway_aside;
	struct slot *gateway_state, *heartbeat;
	uint64_t symbols_version;
	bool list_due;     /* the symbol list has changed */
	bool list_partial; /* more symbols may come */
	bc_str *names;     /* scratch for the list */
	uint32_t names_capacity;
	uint8_t *listed; /* the encoded list */
	size_t listed_cap, names_bytes;

	uint32_t kept_last; /* bytes of the last encoded body of a book that was kept */

	struct outlet_numbers *numbers; /* by the name of the symbol, of all there ever were */

	struct list paced, queued, recent, overtaken;
	struct bc_message scratch;
	uint8_t *buffer;
	size_t buffer_cap;
	struct outlet_counters count;
	struct outlet_hops hops;
};

static inline bool is_empty(const struct list *l)
{
	return l->first == NULL;
}

static inline bool is_in(const struct list *l, const struct slot *slot)
{
	return (slot->lists & 1u << l->id) != 0;
}

static inline struct slot *slot_at(struct subject *subject, const struct place *place)
{
	char *piece = place->aside ? (char *)subject->aside : (char *)subject;
	return (struct slot *)(void *)(piece + place->at);
}

/* The slot of a symbol for this topic; NULL: it is not published. */
static inline struct slot *slot_of(const struct outlet *o, struct subject *subject,
				   enum bc_channel channel, enum bc_interval interval)
{
	const struct place *place =
		channel == BC_CHANNEL_CANDLE ? &o->candle_place[interval] : &o->place[channel];
	return place->at == 0 ? NULL : slot_at(subject, place);
}

/* A number below symbol_limit; whether anybody has it, the name says. */
static inline struct subject *subject_at(const struct outlet *o, uint32_t symbol)
{
	return bc_blocks_at(&o->subjects, symbol);
}

static inline bool is_there(const struct subject *subject)
{
	return subject->name.p != NULL;
}

static inline struct value *slot_shown(const struct slot *slot)
{
	return slot->values[slot->shown];
}

/* The one that waits, where one does. */
static inline struct value *slot_newest(const struct slot *slot)
{
	return slot->values[slot->pending ? !slot->shown : slot->shown];
}

/* Of a kept value of this channel, without what is behind it. */
static inline size_t value_bytes(enum bc_channel channel)
{
	static const uint8_t bodies[BC_N_CHANNELS] = {
		[BC_CHANNEL_BOOK] = sizeof(struct bc_book),
		[BC_CHANNEL_BBO] = sizeof(struct bc_book),
		[BC_CHANNEL_TRADE] = sizeof(struct bc_trade),
		[BC_CHANNEL_TICKER] = sizeof(struct bc_ticker),
		[BC_CHANNEL_CANDLE] = sizeof(struct bc_candle),
		[BC_CHANNEL_INSTRUMENT] = sizeof(struct bc_instrument),
		[BC_CHANNEL_STATE] = sizeof(struct bc_state_change),
	};
	return offsetof(struct value, body) + bodies[channel];
}

/* Of the encoded body of a book that is kept. A price takes 5 bytes mostly and a quantity 9 at
 * most, the lengths of both sides included. */
#define PACKED_A_LEVEL 14

static inline size_t packed_max(const struct outlet *o)
{
	return 2 * (size_t)o->opt.levels * PACKED_A_LEVEL;
}

/* Behind one of its values: the levels of a bbo, the encoded body of a book. */
static inline void *behind(const struct slot *slot, struct value *value)
{
	return (char *)value + value_bytes((enum bc_channel)slot->channel);
}

/* Room for the levels of one of its values, bids first. */
static inline bc_level *slot_levels(const struct outlet *o, const struct slot *slot,
				    struct value *value)
{
	if (slot->channel == BC_CHANNEL_BBO)
		return behind(slot, value);
	bc_level *levels = bc_blocks_at(&o->levels, slot->subject->symbol);
	return levels + (value == slot->values[1] ? 2 * (size_t)o->opt.levels : 0);
}

/* outlet.c */
void list_append(struct list *l, struct slot *slot);
void list_take_out(struct list *l, struct slot *slot); /* of who is in it */
/* Where the slots of a subject go, those of the first n_data topics beside it. */
struct layout plan_layout(const struct outlet *o, struct plan *plan, uint32_t n, uint32_t n_data);
/* `empty` in its number and in what it has aside. BC_ENOMEM, BC_ERANGE, BC_EPARSE: it is nobody. */
bc_status subject_open(struct outlet *o, struct subject *subject, const struct subject *empty,
		       bc_str name, const struct plan *plan, uint32_t n);

static inline void list_remove(struct list *l, struct slot *slot)
{
	if (is_in(l, slot))
		list_take_out(l, slot);
}

/* outlet_publish.c */
struct value *slot_next(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_commit(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_publish(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_say(struct outlet *o, struct slot *slot, struct value *value, bc_mono_time now);
void slot_repeat(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_send(struct outlet *o, struct slot *slot, struct value *value, bc_mono_time now,
	       uint32_t flags);
void overtaken_turn(struct outlet *o, bc_mono_time now);
void paced_turn(struct outlet *o, bc_mono_time now);
bc_mono_time paced_deadline(const struct outlet *o);
bc_status buffer_reserve(struct outlet *o);

/* outlet_state.c */
bc_status gateway_new(struct outlet *o);
void state_first(struct outlet *o, bc_mono_time now, struct subject *subject);
void gateway_turn(struct outlet *o, bc_mono_time now);

/* outlet_welcome.c */
bool welcome_turn(struct outlet *o, bc_mono_time now);
bc_mono_time welcome_deadline(const struct outlet *o);
void welcome_forget(struct outlet *o, struct slot *slot);

/* outlet_numbers.c: an epoch counts a topic's messages once, so what comes after a symbol was
 * removed and added again goes on where it was; else readers would take it for what they have seen.
 * About 300 bytes a symbol that was ever there; BC_ERANGE: that would be the 100,001st. BC_ENOMEM.
 */
bc_status numbers_of(struct outlet *o, bc_str name, struct outlet_numbers **out);
void numbers_resume(const struct outlet *o, struct subject *subject);
void numbers_keep(const struct outlet *o, struct subject *subject);
void numbers_free(struct outlet *o);

#endif
