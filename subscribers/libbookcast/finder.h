/* finder.h - the client's side of the conversation with the cache: where the gateways are, and what
 * topics are whose messages were lost. It never waits: one question is on its way at a time.
 *
 * Threads one. */
#ifndef LIBBOOKCAST_FINDER_H
#define LIBBOOKCAST_FINDER_H

#include "common/board_frames.h"
#include "common/bus_rpc.h"
#include "common/bus_sub.h"

struct finder;

/* Whom the finder serves; all run within finder_turn(). */
struct finder_ops {
	/* Is a gateway of this exchange of interest? */
	bool (*wants_exchange)(void *self, bc_str exchange);
	/* Writes up to max topics to ask for now; returns how many. What is not answered must be
	 * named again. */
	size_t (*topics_to_ask)(void *self, bc_mono_time now, bc_str *topics, size_t max);
	/* The cache's answer for one of the above. */
	void (*answer)(void *self, bc_mono_time now, bc_str topic,
		       const struct bc_board_answer *answer);
};

struct finder_counters {
	uint64_t questions, unanswered;
};

bc_status finder_new(struct finder **out, void *context, const char *cache, struct bc_sub *sub,
		     const struct finder_ops *ops, void *self);
void finder_free(struct finder **finder);

/* Ask for the gateways now, not in a while. */
void finder_hurry(struct finder *finder);

/* Sends what is due or takes what has come; true: it did, so there may be more. */
bool finder_turn(struct finder *finder, bc_mono_time now);
/* When it wants its next turn at the latest. */
bc_mono_time finder_due(const struct finder *finder);
/* Its socket, which changes after an answer that did not come; NULL: none now. */
void *finder_socket(struct finder *finder);

const struct finder_counters *finder_counters(const struct finder *finder);

#endif
