/* elsewhere.h - what the other gateways of this exchange serve, as they say it themselves.
 *
 * A gateway that hands symbols over hears the others' heartbeats, symbol lists, and the states of
 * what it hands over. Out of that it is told here which of its symbols the gateway they belong to
 * has, and how well. Nothing is asked of anybody, but to say again what may have been lost.
 *
 * Pure: messages and times in. Times are boot times, as heartbeats are missed by.
 * Memory  grows with the symbols that are watched; 64 gateways.
 * Threads one. */
#ifndef ELSEWHERE_H
#define ELSEWHERE_H

#include "publisher/session.h"

struct elsewhere;

/* The caller owns *out; `exchange` is copied. */
bc_status elsewhere_new(struct elsewhere **out, const char *exchange);
void elsewhere_free(struct elsewhere **elsewhere); /* safe on NULL */

/* Any message of the bus; `text` is its topic. */
void elsewhere_hear(struct elsewhere *e, bc_str text, bc_str payload, bc_mono_time now);

bool elsewhere_watches(const struct elsewhere *e, bc_str symbol);
bc_status elsewhere_watch(struct elsewhere *e, bc_str symbol); /* its state is kept from now on */

/* Tells the session of every symbol that is leaving whether it is served by a gateway of the shard
 * that it belongs to. `division` is the session's own; NULL: there is one shard. To be called with
 * each heartbeat. */
void elsewhere_tell(struct elsewhere *e, struct session *s, struct session_now now,
		    const struct bc_division *division);

/* Something may have been lost on its way: true, and what is to be said again by whoever publishes
 * it, once each: a symbol's state; n 0: heartbeats and lists. Borrowed until the next call. */
bool elsewhere_wants(struct elsewhere *e, bc_str *symbol);

#endif
