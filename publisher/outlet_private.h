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

/* What a topic last said, or will say next. Levels and strings are the slot's. */
struct value {
	struct bc_envelope envelope;
	union {
		struct bc_book book;
		struct bc_trade trade;
		struct bc_ticker ticker;
		struct bc_candle candle;
		struct bc_instrument instrument;
		struct bc_state_change state;
	} body;
	bool said; /* it was published once: what follows is a repetition */
};

struct link { /* of an intrusive list; both NULL: in none */
	struct slot *prev, *next;
	bool in;
};

struct list {
	struct slot *first, *last;
	size_t link; /* offset of the struct link in struct slot */
};

/* One topic. Two values, for conflation alone: what was published stays as it was, for those who
 * come later, while the newer one waits. */
struct slot {
	struct subject *subject;
	enum bc_channel channel;
	enum bc_interval interval;
	uint32_t topic; /* the sender's number */
	uint64_t seq;
	struct value values[2];
	bc_level *levels[2];
	unsigned shown;   /* index of the published one */
	bool has;         /* something was published */
	bool pending;     /* values[!shown] waits for its time */
	bool outdated;    /* what it says is from before a loss */
	bool state_due;   /* the next one carries a new state */
	bool asked_again; /* while it may not be welcomed yet */
	bc_mono_time published_at, welcomed_at;
	struct link paced;     /* published less than interval_ns ago, oldest first */
	struct link queued;    /* waits to be welcomed */
	struct link recent;    /* welcomed less than 100 ms ago, oldest first */
	struct link overtaken; /* has said something older than its last value */
};

/* Who a topic speaks of: a symbol, or the gateway. */
struct subject {
	bc_str name;     /* owned */
	uint32_t symbol; /* its number; not of the gateway */
	enum bc_state state;
	enum bc_reason reason;
	bc_wall_time since;
	uint32_t n_slots;
	struct slot *slots;
	char text[3][INSTRUMENT_TEXT]; /* base, quote, unified */
};

struct plan { /* the topics of every symbol */
	enum bc_channel channel;
	enum bc_interval interval;
};

struct outlet {
	struct outlet_options opt;
	struct outlet_sender out;
	struct plan plan[MAX_PLAN];
	uint32_t n_plan;
	struct subject **symbols; /* by number; NULL: free */
	uint32_t symbol_capacity, n_symbols;
	struct slot **by_topic; /* by the sender's number */
	uint32_t topic_capacity, n_topics;

	struct subject gateway; /* "@<instance>": state and heartbeat */
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

/* outlet.c */
void list_append(struct list *l, struct slot *slot);
void list_remove(struct list *l, struct slot *slot);
bc_status subject_open(struct outlet *o, struct subject *subject, bc_str name,
		       const struct plan *plan, uint32_t n);
struct slot *slot_of(struct subject *subject, enum bc_channel channel, enum bc_interval interval);

/* outlet_publish.c */
struct value *slot_next(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_commit(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_publish(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_say(struct outlet *o, struct slot *slot, struct value *value, bc_mono_time now);
void slot_repeat(struct outlet *o, struct slot *slot, bc_mono_time now);
void slot_send(struct outlet *o, struct slot *slot, const struct value *value, bc_mono_time now,
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
