/* outlet.h - the topics of one gateway: their sequences, their last values, who gets what when.
 *
 * Every message that is due gets the next number of its topic whether or not anyone listens;
 * only its encoding is left out where nobody does. The last value of a topic is kept for those
 * who subscribe later (welcome) and to be published again when its symbol enters or leaves the
 * states that are fit to trade on.
 *
 * Pure: what goes out, and whether anybody wants it, goes through a table (struct
 * outlet_sender), and times are passed in.
 *
 * Limits  256 welcomes a turn, one a topic in 100 ms however many ask; 100,000 symbols, those that
 *         were removed included: added again, their topics go on with their numbers.
 * Memory  outlet_new() and adding symbols allocate; nothing else does.
 * Threads one. */
#ifndef OUTLET_H
#define OUTLET_H

#include "publisher/outlet_hops.h"
#include "publisher/session.h"

struct outlet;

/* What a topic has just said. */
struct outlet_said {
	const struct bc_envelope *envelope;
	bc_str trade_id;      /* of a trade */
	bc_wall_time ts_open; /* of a candle */
	bc_str payload;       /* empty: nobody wanted it encoded */
};

struct outlet_sender {
	void *self;
	/* A number for a topic, small and unique among those open. BC_ENOMEM, BC_ERANGE. */
	bc_status (*open)(void *self, bc_str topic, uint32_t *out);
	void (*close)(void *self, uint32_t topic);
	bool (*wanted)(void *self, uint32_t topic); /* does anybody listen? */
	bc_status (*send)(void *self, uint32_t topic, bc_str payload);
	bc_wall_time (*now)(void *self); /* for ts_publish */
	/* Told of each message of a symbol when it has been sent, or was due and not wanted; NULL:
	 * nobody is. */
	void (*said)(void *self, bc_mono_time now, uint32_t topic, const struct outlet_said *said);
	/* A message of this topic probably follows, and, a little later, is the next: what it will
	 * touch may be fetched into the cache. NULL: nobody wants to know. */
	void (*soon)(void *self, uint32_t topic);
	void (*next)(void *self, uint32_t topic);
};

struct outlet_options {
	const char *exchange, *instance;
	uint64_t epoch;      /* µs since 1970 */
	uint32_t channels;   /* BC_CHANNEL_BIT() of what is published of each symbol */
	uint32_t intervals;  /* 1u << enum bc_interval */
	uint32_t levels;     /* a side */
	bool own_bbo;        /* the exchange has a bbo channel; else it is the top of the book */
	int64_t interval_ns; /* between two books (bbos, tickers) of a symbol; 0: every change */
	bool encode_all;     /* also what nobody wants: for said() */
};

/* BC_EINVAL: exchange or instance make no topic. The caller owns *out. */
bc_status outlet_new(struct outlet **out, const struct outlet_options *options,
		     const struct outlet_sender *sender);
void outlet_free(struct outlet **outlet);

/* Symbols have the session's numbers. BC_ENOMEM, BC_EPARSE, BC_ERANGE: not added. */
bc_status outlet_symbol_add(struct outlet *o, bc_mono_time now, uint32_t symbol, bc_str name);
void outlet_symbol_remove(struct outlet *o, uint32_t symbol);

/* Are there symbols that are wanted and not known yet? No, until it is said. */
void outlet_list_partial(struct outlet *o, bool partial);

/* Before the event that caused the change. */
void outlet_symbol_state(struct outlet *o, bc_mono_time now, uint32_t symbol,
			 const struct session_change *change);
void outlet_feed_state(struct outlet *o, bc_mono_time now, const struct session_change *change);
void outlet_event(struct outlet *o, bc_mono_time now, uint32_t symbol, const struct bc_event *event,
		  bc_wall_time received);

/* An event of this symbol probably follows: fetches what it will touch into the cache. */
void outlet_soon(const struct outlet *o, uint32_t symbol);

/* The gateway goes: every symbol, and the gateway itself, are down (shutdown). */
void outlet_shut_down(struct outlet *o, bc_mono_time now);

/* Publishes a heartbeat; symbols_version is filled in here. */
void outlet_heartbeat(struct outlet *o, bc_mono_time now, struct bc_heartbeat *heartbeat);

/* Somebody subscribed to this topic. */
void outlet_subscribed(struct outlet *o, bc_mono_time now, uint32_t topic);

struct outlet_topic {
	uint32_t symbol;
	enum bc_channel channel;
	enum bc_interval interval; /* of candles */
};

/* What the topic with this number of the sender's says. False: nothing of a symbol. */
bool outlet_topic(const struct outlet *o, uint32_t topic, struct outlet_topic *out);

/* Does anybody listen to this topic of a symbol? */
bool outlet_listened(const struct outlet *o, uint32_t symbol, enum bc_channel channel,
		     enum bc_interval interval);

/* Once a turn of the loop, and at the deadline: conflated values, welcomes, the symbol list.
 * True: welcomes are left for the next turn, do not sleep. */
bool outlet_turn(struct outlet *o, bc_mono_time now);
bc_mono_time outlet_next_deadline(const struct outlet *o);

struct outlet_counters {
	uint64_t published, encoded, bytes; /* messages due; of them encoded; payload bytes */
	uint64_t conflated, welcomes;       /* replaced before they were due; sent again */
	uint64_t encode_failures, send_failures;
};
const struct outlet_counters *outlet_counters(const struct outlet *o);
/* Whoever has the outlet turns them, about once a second; they live as long as it does. */
struct outlet_hops *outlet_hops(struct outlet *o);
uint32_t outlet_topics(const struct outlet *o);
size_t outlet_max_message(const struct outlet *o); /* bytes, for the memory bound */

#endif
