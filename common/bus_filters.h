/* bus_filters.h - what the subscribers of a PUB socket have asked for, and which topics that is.
 *
 * A filter is the beginning of a frame: an empty one means everything, a topic with its NUL means
 * exactly that topic. Filters form a set, as XPUB tells a repeated subscription each time (with
 * XPUB_VERBOSE) and an unsubscription once, when the last subscriber has gone. Each topic counts
 * the filters that match it, so asking whether anybody wants it costs one load.
 *
 * Limits  at most `max_filters` are remembered. Beyond them nobody can say any more who wants
 *         what, so everything is wanted from then on: it costs encoding, no subscriber a message.
 * Memory  grows with topics and filters; asking allocates nothing.
 * Threads one. */
#ifndef BC_BUS_FILTERS_H
#define BC_BUS_FILTERS_H

#include "proto/topic.h"

struct bc_filters;

/* Called for each topic that a new subscription matches. */
typedef void bc_topic_match_fn(void *self, uint32_t topic);

bc_status bc_filters_new(struct bc_filters **out, uint32_t max_filters);
void bc_filters_free(struct bc_filters **filters);

/* Gives a topic its number; numbers are small and used again after they are closed.
 * BC_EDUPLICATE: it is open already. BC_ERANGE: longer than BC_TOPIC_MAX. BC_ENOMEM. */
bc_status bc_filters_topic_open(struct bc_filters *f, bc_str topic, uint32_t *out);
void bc_filters_topic_close(struct bc_filters *f, uint32_t topic);
/* The topic and its NUL, as frames begin; valid until a topic is opened, or this one closed. */
bc_str bc_filters_topic(const struct bc_filters *f, uint32_t topic);

bool bc_filters_wanted(const struct bc_filters *f, uint32_t topic);
/* A message of this topic probably follows: fetches what it will ask for into the cache. */
void bc_filters_soon(const struct bc_filters *f, uint32_t topic);

/* BC_ENOMEM, BC_ERANGE (the limit): from now on everything is wanted. */
bc_status bc_filters_subscribe(struct bc_filters *f, bc_str filter, bc_topic_match_fn *match,
			       void *self);
void bc_filters_unsubscribe(struct bc_filters *f, bc_str filter);

uint32_t bc_filters_count(const struct bc_filters *f);
size_t bc_filters_bytes(const struct bc_filters *f); /* of all filters */

/* A number of the user's with a filter that is there: whose it is. */
#define BC_FILTER_OWNER_NONE UINT32_MAX
bool bc_filters_known(const struct bc_filters *f, bc_str filter);
void bc_filters_own(struct bc_filters *f, bc_str filter, uint32_t owner);
uint32_t bc_filters_owner(const struct bc_filters *f, bc_str filter);

#endif
