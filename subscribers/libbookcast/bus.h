/* bus.h - what the parts of the public library share: who bookcast.h calls a bus. */
#ifndef LIBBOOKCAST_BUS_H
#define LIBBOOKCAST_BUS_H

#include "subscribers/libbookcast/client.h"
#include "subscribers/libbookcast/include/bookcast.h"
#include "subscribers/libbookcast/latest.h"
#include "subscribers/libbookcast/present.h"

enum { BUS_MAX_LEVELS = 4096 };

#define BUS_ASK_WITHIN BC_NS_PER_S

struct bookcast {
	struct bc_client *client;
	struct latest *latest; /* NULL: the cache, and so the gateways, may be elsewhere */
	uint64_t n_from_memory;
	bc_mono_time silent_until; /* the cache has just not answered */
	struct presentation presentation;
	char error[256];
	struct bc_message message; /* of an answer of the cache */
	bc_level levels[BUS_MAX_LEVELS];
	struct presentation *events; /* of the last history that was asked for */
	const bookcast_message **history;
	size_t cap_events;
};

/* Keeps the words for bookcast_error(); gives back `result`. */
int bus_fail(bookcast *bus, int result, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int bus_fail_as(bookcast *bus, bc_status rc);
/* Of a topic that has no message. */
int bus_fail_status(bookcast *bus, enum bc_board_status status, const char *topic);

/* Writes the topic; a unified name is resolved by the cache. A result of bookcast.h. */
int bus_topic(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
	      char out[BC_TOPIC_MAX + 1], bc_str *topic);

#endif
