/* conflate.h - what a slow reader has not taken yet: the newest of each topic, and all that must
 * not be replaced.
 *
 * Of what only says how things are (book, bbo, ticker, instrument, state, heartbeat, a candle that
 * is not closed) a newer one replaces the one that waits, and has its turn. A trade, a delta, a
 * closed candle, the last word of a candle before the next one, and what came by REST are never
 * replaced: they wait in a row. A topic's messages are taken in their order, one a turn; topics
 * have their turns in the order in which they began to wait, and who has more waits again behind
 * the others. So the newest of a topic is never further away than as many turns as topics wait, but
 * for what must not be replaced before it.
 *
 * Bound   the newest message of each topic, and max_more messages (max_bytes of payload) before
 *         them. Beyond, of the topic that waits longest with more than one the oldest is dropped,
 *         and counted as lost with the next one of its topic, which is always there.
 * Counts  published = received + lost + conflated + redundant + waiting, of each topic, always.
 * Pure    no socket, no clock. Threads one.
 * Memory  payloads are copied; buffers of 64 messages are kept to be used again. */
#ifndef BC_CONFLATE_H
#define BC_CONFLATE_H

#include "proto/message.h"

/* What became of the messages of a topic, since the first that was heard. */
struct bc_account {
	uint64_t published; /* by their numbers: those that never came are in it */
	uint64_t received;  /* handed over */
	uint64_t lost;      /* never came, or were dropped at the bound */
	uint64_t conflated; /* replaced by a newer one before they were handed over */
	uint64_t redundant; /* said what was known: the slower one of two lines */
	uint64_t waiting;   /* here, to be handed over */
};

void bc_account_add(struct bc_account *sum, const struct bc_account *more);

struct bc_conflate_entry;

/* Kept by the user with each topic, zeroed at first, at an address that stays. */
struct bc_conflate_topic {
	struct bc_account account;
	struct bc_conflate_entry *oldest, *newest; /* that wait */
	struct bc_conflate_topic *before, *behind; /* in turn */
	uint64_t untold;                           /* lost before the next one to be put */
	void *of;                                  /* the user's */
};

struct bc_conflate_limits {
	size_t max_more, max_bytes;
};

/* What a subscriber keeps for a reader that is slow: 65,536 messages, 32 MiB. */
extern const struct bc_conflate_limits bc_conflate_usual;

struct bc_conflate;

struct bc_conflate *bc_conflate_new(const struct bc_conflate_limits *limits); /* NULL: no memory */
/* What waits is gone, and the topics are not touched any more. */
void bc_conflate_free(struct bc_conflate **conflate);

/* A message that came; n_lost of its topic are missing right before it. Counts both. `tag` is
 * the user's, and is taken with it (the newest one's). BC_ENOMEM: it is lost, and counted so. */
bc_status bc_conflate_put(struct bc_conflate *conflate, struct bc_conflate_topic *topic,
			  const struct bc_message *message, bc_str payload, uint64_t n_lost,
			  int tag);

struct bc_conflate_taken {
	struct bc_conflate_topic *topic;
	bc_str payload;      /* valid until the next call with the conflate */
	uint64_t n_lost;     /* messages of the topic missing since the one taken before */
	uint64_t n_replaced; /* messages of the topic that this one stands for, too */
	uint64_t n_unfit; /* of those that are not handed over: said it was not fit to trade on */
	int tag;
};

/* The next one in turn; false: nothing waits. */
bool bc_conflate_take(struct bc_conflate *conflate, struct bc_conflate_taken *out);

/* Nobody wants the topic any more: what waits of it counts as never published. */
void bc_conflate_forget(struct bc_conflate *conflate, struct bc_conflate_topic *topic);

#endif
