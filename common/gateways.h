/* gateways.h - which gateway processes there are, and whether what they said still stands.
 *
 * A gateway process is known by its exchange and epoch from its first message on, and by its
 * instance from its first heartbeat or @<instance>.state on. It is gone when it missed three
 * heartbeats, said so itself (state down), or a newer epoch of its instance has spoken. Going is a
 * matter of the clock that is asked, so nothing here runs on a timer.
 *
 * Used by every reader of the bus: the cache and libbookcast. Pure: time is an argument.
 * Memory  records are owned by the set; a pointer holds while its n_users is not 0, or until the
 *         next bc_gateways_hear(). Threads: one. */
#ifndef BC_GATEWAYS_H
#define BC_GATEWAYS_H

#include "proto/topic.h"

#define BC_MISSED_HEARTBEATS 3

enum {
	BC_GATEWAY_NAME_MAX = 64, /* with NUL: of exchange, instance, version */
	BC_GATEWAY_ENDPOINT_MAX = 256,
	BC_GATEWAY_COUNTER_MAX = 48
};

/* What its last heartbeat said. */
struct bc_gateway_details {
	char version[BC_GATEWAY_NAME_MAX];
	uint32_t shard_index, shard_count, pid;
	bc_wall_time started;
	uint64_t symbols_version;
	char endpoints[BC_MAX_ENDPOINTS][BC_GATEWAY_ENDPOINT_MAX];
	uint32_t n_endpoints;
	struct {
		char name[BC_GATEWAY_COUNTER_MAX];
		uint64_t value;
	} counters[BC_MAX_COUNTERS];
	uint32_t n_counters;
};

struct bc_gateway {
	char exchange[BC_GATEWAY_NAME_MAX];
	char instance[BC_GATEWAY_NAME_MAX]; /* "": it has not said yet */
	uint64_t epoch;
	enum bc_state state; /* as it said last */
	enum bc_reason reason;
	bc_wall_time since;
	bc_mono_time heard;  /* last heartbeat; before the first one: first message */
	bc_mono_time spoke;  /* last message of any kind */
	int64_t interval_ns; /* between heartbeats */
	bool replaced;       /* a newer epoch of its instance has spoken */
	bool has_details;
	struct bc_gateway_details details;
	uint64_t symbols_version; /* of its list; 0: it has said none yet */
	bool symbols_partial;     /* more may come */
	uint32_t n_symbols;
	bc_str *symbols; /* sorted, in symbol_bytes */
	char *symbol_bytes;
	/* Kept by the user: what refers to this record; when it was last asked to say all again. */
	uint32_t n_users;
	bc_mono_time renewed;
};

/* What a message has changed in the set. */
struct bc_gateway_news {
	struct bc_gateway *gateway;  /* whose message it was */
	struct bc_gateway *replaced; /* gone for good by this message, or NULL */
	bool appeared;               /* its first message */
	bool revived;                /* it had been gone: what it published meanwhile was missed */
	bc_mono_time heard_before;   /* with revived: until when it was believed */
	bool symbols_changed;
	bool symbols_wanted; /* its heartbeat speaks of a list that never came */
};

struct bc_gateways;

struct bc_gateways *bc_gateways_new(size_t max); /* NULL: out of memory */
void bc_gateways_free(struct bc_gateways **set);

/* Takes any message of the bus.
 *   BC_OK     news tells whose it is
 *   BC_EGAP   from a replaced epoch: a straggler, to be dropped; news->gateway is set
 *   BC_ERANGE more gateways than `max`, all in use, or a name too long
 *   BC_ENOMEM */
bc_status bc_gateways_hear(struct bc_gateways *set, const struct bc_topic *topic,
			   const struct bc_message *message, bc_mono_time now,
			   struct bc_gateway_news *news);

size_t bc_gateways_count(const struct bc_gateways *set);
struct bc_gateway *bc_gateways_at(const struct bc_gateways *set, size_t i);

bool bc_gateway_gone(const struct bc_gateway *gateway, bc_mono_time now);
/* Is the symbol on its list? False as long as there is no list. */
bool bc_gateway_lists(const struct bc_gateway *gateway, bc_str symbol);
/* Is there a list, and is it all of it? Else who is not on it has not been dropped. */
bool bc_gateway_lists_all(const struct bc_gateway *gateway);
/* Are they processes of one instance? */
bool bc_gateway_same_instance(const struct bc_gateway *a, const struct bc_gateway *b);

#endif
