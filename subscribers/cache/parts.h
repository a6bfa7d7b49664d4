/* parts.h - what the store is made of: topics, and a topic's lines. Internal to the store. */
#ifndef CACHE_PARTS_H
#define CACHE_PARTS_H

#define HASH_NONFATAL_OOM 1 /* uthash would end the process */

#include "common/sequence.h"
#include "subscribers/cache/store.h"

#include <uthash.h>

/* One topic as one gateway process publishes it. */
struct line {
	struct line *next; /* of the same topic */
	struct bc_gateway *gateway;
	struct bc_sequence sequence;
	/* of the newest message */
	enum bc_state state;
	bc_wall_time since;
	uint64_t exchange_seq;
	bc_wall_time ts_exchange, ts_recv;
	bc_mono_time changed;  /* when its data last changed */
	bc_mono_time proven;   /* when a message or a frozen heartbeat last said it was true */
	bc_mono_time unlisted; /* since when its gateway lists the symbol no more */
	bool was_proven, is_unlisted;
	bool doubted; /* its gateway was away since: what came meanwhile was missed */
	char *payload;
	size_t n_payload, cap_payload;
};

struct entry {
	UT_hash_handle hh;
	char topic[BC_TOPIC_MAX + 1];
	size_t n_topic, n_exchange, n_symbol; /* the symbol stands after the first dot */
	enum bc_channel channel;
	struct line *lines;
};

struct name { /* a unified name, from the instrument topics */
	UT_hash_handle hh;
	struct entry *entry;
	size_t n;
	char text[]; /* exchange '.' unified */
};

enum { CACHE_MAX_GATEWAYS = 256, CACHE_MAX_LEVELS = 4096, CACHE_MAX_WANTS = 16 };

struct cache_store {
	struct cache_limits limits;
	struct cache_stats stats;
	struct bc_gateways *gateways;
	struct entry *entries;
	struct name *names;
	size_t n_bytes, n_unlisted;
	char wants[CACHE_MAX_WANTS][BC_TOPIC_MAX + 1];
	size_t n_wants;
	bc_level levels[CACHE_MAX_LEVELS]; /* of the message being read */
};

struct entry *store_find(const struct cache_store *store, bc_str topic); /* or NULL */
/* The entry of the symbol's state topic, or NULL. */
struct entry *store_find_states(const struct cache_store *store, const struct bc_topic *topic);

bc_str entry_topic(const struct entry *e);
bc_str entry_exchange(const struct entry *e);
bc_str entry_symbol(const struct entry *e);

/* A line as it stands now. */
struct view {
	struct line *line;
	enum bc_state state;     /* now */
	enum bc_state published; /* by its gateway: of this topic, or newer of its symbol */
	bool doubted;
};

/* The line that answers for the entry; `states` is the entry of the symbol's state topic or NULL.
 * view.line is NULL where there is none. */
struct view line_choose(const struct entry *e, const struct entry *states, bc_mono_time now);

/* When the data was last known true; false: never. */
bool line_proven(const struct view *view, bc_mono_time *when);

/* What heartbeats have proved until `heard` is noted in the line, before they stop counting. */
void line_freeze(struct line *line, bc_mono_time heard);

#endif
