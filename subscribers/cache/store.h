/* store.h - the newest message of every topic, and whether it is still true.
 *
 * Shape   a topic has one line for each gateway process that publishes it (two with A/B lines);
 *         a line keeps its newest message as published. Gateways are common/gateways.h.
 * Pure    messages and times in, answers out: no socket, no clock.
 * Memory  payload buffers are reused; topics and bytes are bounded. At the limit what is gone
 *         longest makes room; where nothing is gone, the topic is forgotten rather than kept old.
 * Threads one. */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "common/gateways.h"
#include "proto/message.h"

struct cache_limits {
	size_t max_topics;
	size_t max_bytes;  /* of payloads */
	int64_t retain_ns; /* how long a topic that is listed no more answers `down` */
};

struct cache_stats {
	uint64_t messages, bytes; /* taken from the bus, whatever became of them */
	uint64_t bad;             /* not a frame or message of ours */
	uint64_t unknown;         /* of a channel that came after this program; not kept */
	uint64_t newer_version;   /* of them: a newer major version */
	uint64_t duplicates;      /* seen before: welcomes, mostly */
	uint64_t stragglers;      /* of an epoch that has been replaced */
	uint64_t gaps, lost;      /* holes in sequences; messages missing in them */
	uint64_t refused;         /* no room: max_topics, max_bytes, too many gateways */
};

enum cache_status { CACHE_OK = 200, CACHE_NOT_FOUND = 404, CACHE_NO_DATA = 503 };

#define CACHE_NEVER INT64_MAX /* an age: it never happened */

struct cache_answer {
	enum cache_status status;
	enum bc_state state; /* now */
	int64_t age_ns;      /* since the data changed */
	int64_t proven_ns;   /* since it was last known true */
	bc_str payload;      /* as published; valid until the store is changed */
};

struct cache_store;

struct cache_store *cache_store_new(const struct cache_limits *limits); /* NULL: out of memory */
void cache_store_free(struct cache_store **store);

/* One message of the bus. BC_OK, or why it was not kept (it is counted too). */
bc_status cache_store_take(struct cache_store *store, bc_str text, bc_str payload,
			   bc_mono_time now);
/* A frame that had no topic. */
void cache_store_bad_frame(struct cache_store *store);
/* Forgets what is due to be forgotten; call it about once a second. */
void cache_store_tick(struct cache_store *store, bc_mono_time now);

/* What should be asked of the gateways again: a prefix to renew. False: nothing more. */
bool cache_store_wants(struct cache_store *store, char prefix[BC_TOPIC_MAX + 1]);

void cache_store_get(struct cache_store *store, bc_str text, bc_mono_time now,
		     struct cache_answer *answer);

/* The topics that begin with `prefix`, sorted; at most max of them are written. Returns how many
 * there are. The texts are valid until the store is changed. */
size_t cache_store_list(struct cache_store *store, bc_str prefix, bc_str *topics, size_t max);

/* The exchange's spelling of a name that may be a unified one. BC_ENOTFOUND. */
bc_status cache_store_resolve(struct cache_store *store, bc_str exchange, bc_str name,
			      bc_str *symbol);

const struct cache_stats *cache_store_stats(const struct cache_store *store);
const struct bc_gateways *cache_store_gateways(const struct cache_store *store);
size_t cache_store_topics(const struct cache_store *store);
size_t cache_store_bytes(const struct cache_store *store);

#endif
