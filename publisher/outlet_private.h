/* outlet_private.h - the inside of the outlet, shared by the outlet_*.c files alone.
 *
 *   outlet.c          life, symbols and their topics
 *   outlet_publish.c  numbers, envelopes, encoding, conflation
 *   outlet_event.c    market data into the values of topics; bbo out of books
 *   outlet_state.c    states of symbols and of the gateway, heartbeats
 *   outlet_hops.c     how long it takes
 *   outlet_welcome.c  last values for those who come later */
#ifndef OUTLET_PRIVATE_H
#define OUTLET_PRIVATE_H

#include "publisher/outlet.h"

#include "proto/codec.h"
#include "proto/topic.h"

#define WELCOMES_A_TURN    256
#define WELCOME_SPACING_NS (100 * BC_NS_PER_MS)
#define INSTRUMENT_TEXT    64 /* longest base, quote or unified name that is kept */
#define MAX_PLAN           (BC_N_CHANNELS + BC_N_INTERVALS)

/* What a topic last said, or will say next. Levels and strings are the slot's. A kept one is as
 * long as its channel needs, see value_bytes(). */
struct value {
	struct bc_envelope envelope;
	bool said;       /* it was published once: what follows is a repetition */
	uint32_t packed; /* bytes of the encoded body of a book, which lie where its levels would;
			    0: the levels are there, body.book points to them */
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

#define CACHE_LINE 64
#define N_WARM     2

/* One topic. Two values where there is conflation: what was published stays as it was, for those
 * who come later, while the newer one waits. What every message touches stands first, in one cache
 * line; the values and their levels follow in memory. */
struct slot {
	struct subject *subject;
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
	struct slot *next;    /* of its subject */
	struct link links[N_LISTS];
	bc_level *levels[2];
	bc_mono_time welcomed_at;
};

/* Who a topic speaks of: a symbol, or the gateway. It lies in one piece with its slots, their
 * values, levels and its name, each slot at the beginning of a cache line. */
struct subject {
	bc_str name;
	struct slot *slots; /* the opened ones, the newest first */
	bc_wall_time since;
	enum bc_state state;
	enum bc_reason reason;
	uint32_t symbol;               /* its number; not of the gateway */
	char text[3][INSTRUMENT_TEXT]; /* base, quote, unified */
};

struct plan { /* the topics of every symbol */
	enum bc_channel channel;
	enum bc_interval interval;
	size_t at; /* bytes from the beginning of the subject to the slot */
};

/* A symbol by its number. The sender's numbers of its first topics, books and bbos mostly, stand
 * beside it, so that they are known before it is fetched. */
struct entry {
	struct subject *subject; /* NULL: free */
	uint32_t topics[N_WARM];
};

struct outlet {
	struct outlet_options opt;
	struct outlet_sender out;
	struct plan plan[MAX_PLAN];
	uint32_t n_plan;
	size_t subject_bytes;                /* of a symbol, without its name */
	size_t place[BC_N_CHANNELS];         /* of the channel's slot, see struct plan; 0: none */
	size_t candle_place[BC_N_INTERVALS]; /* the same */
	struct entry *symbols;               /* by number */
	uint32_t symbol_capacity, n_symbols;
	struct slot **by_topic; /* by the sender's number */
	uint32_t topic_capacity, n_topics;

	struct subject *gateway; /* "@<instance>": state and heartbeat */
	struct slot *gateway_state, *heartbeat;
	uint64_t symbols_version;
	bool list_due;   /* the symbol list has changed */
	bc_str *names;   /* scratch for the list */
	uint8_t *listed; /* the encoded list */
	size_t listed_cap, names_bytes;

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

/* The slot of a symbol for this topic; NULL: it is not published. */
static inline struct slot *slot_of(const struct outlet *o, struct subject *subject,
				   enum bc_channel channel, enum bc_interval interval)
{
	size_t at = channel == BC_CHANNEL_CANDLE ? o->candle_place[interval] : o->place[channel];
	return at == 0 ? NULL : (struct slot *)(void *)((char *)subject + at);
}

static inline struct slot *slot_planned(struct subject *subject, const struct plan *plan)
{
	return (struct slot *)(void *)((char *)subject + plan->at);
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

/* Room for the levels of one of its values, bids first. */
static inline bc_level *slot_levels(const struct slot *slot, const struct value *value)
{
	return slot->levels[value == slot->values[0] ? 0 : 1];
}

/* outlet.c */
void list_append(struct list *l, struct slot *slot);
void list_take_out(struct list *l, struct slot *slot); /* of who is in it */
/* Where the slots of a subject go. Returns the bytes of it all, without the name. */
size_t plan_layout(const struct outlet *o, struct plan *plan, uint32_t n);
/* BC_ENOMEM, BC_ERANGE, BC_EPARSE: *out is NULL. */
bc_status subject_new(struct outlet *o, struct subject **out, bc_str name, const struct plan *plan,
		      uint32_t n, size_t bytes);
size_t value_bytes(enum bc_channel channel);

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

#endif
