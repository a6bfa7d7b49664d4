/* client.h - a reader of the bus: finds the gateways, follows topics, notices what is lost or gone.
 *
 * What libbookcast is made of. Messages are judged by the board (common/board.h); the finder
 * (finder.h) talks to the cache.
 *
 * Threads none but libzmq's own; a client belongs to one thread.
 * Memory  events and answers are valid until the next call with the client. */
#ifndef LIBBOOKCAST_CLIENT_H
#define LIBBOOKCAST_CLIENT_H

#include "common/board.h"
#include "common/bus_rpc.h"
#include "common/conflate.h"
#include "common/latency.h"

struct bc_client;

enum bc_client_source {
	BC_FROM_GATEWAY,
	BC_FROM_CACHE,  /* a repair, or the first one of a late joiner */
	BC_FROM_HERE,   /* what is known of the topic once more: its fitness has changed since */
	BC_FROM_MEMORY, /* read in the gateway's memory, latest.h; never an event of the client's */
};

struct bc_client_event {
	enum bc_client_source source;
	bc_str topic;
	const char *exchange, *symbol; /* of it; NULL: not split yet. Else the topic has its NUL */
	const struct bc_message *message; /* as published */
	enum bc_state state;              /* now, why, and since when if anybody said */
	enum bc_reason reason;
	bc_wall_time since;
	uint64_t n_lost;     /* messages of this topic missing since the event before */
	uint64_t n_replaced; /* messages of this topic that came since and that this one replaces */
	uint64_t n_unfit; /* of those: not fit to trade on; of what says no state: its symbol's */
};

struct bc_client_counters {
	uint64_t gaps, lost, repaired, duplicates;
	uint64_t arbitrated,
		filled; /* of A/B lines: second copies; missing on one, brought by another */
	uint64_t questions, unanswered;
};

/* cache: its endpoint. Waits for nobody. BC_EINVAL: not an endpoint; BC_ENOMEM, BC_EBUS. */
bc_status bc_client_new(struct bc_client **out, const char *cache);
void bc_client_free(struct bc_client **client);

/* Follows a topic. Twice is once; removing what is not there is
 * BC_ENOTFOUND. BC_EPARSE: not a topic; BC_ERANGE: too long; BC_ENOMEM; BC_EBUS. */
bc_status bc_client_add(struct bc_client *client, bc_str topic);
bc_status bc_client_remove(struct bc_client *client, bc_str topic);
bool bc_client_follows(const struct bc_client *client, bc_str topic);

/* The next event. BC_EAGAIN: nothing now, or not within timeout_ns (negative: waits for ever). */
bc_status bc_client_next(struct bc_client *client, struct bc_client_event *event);
bc_status bc_client_wait(struct bc_client *client, int64_t timeout_ns,
			 struct bc_client_event *event);

/* Latest: bc_client_next() first reads all that has come, and hands out what common/conflate.h says
 * of it, so that who is slow has the newest; otherwise every message is an event. At first it is
 * the latter. What waits when that is changed is handed out first. BC_ENOMEM. */
bc_status bc_client_latest(struct bc_client *client, bool on);

/* What became of the messages of a topic since it was added (BC_ENOTFOUND: it is not followed), or
 * of all that ever were. */
bc_status bc_client_audit(const struct bc_client *client, bc_str topic, struct bc_account *out);
void bc_client_audit_all(const struct bc_client *client, struct bc_account *out);

/* On: bc_client_wait() does not sleep but looks until its time is over, and a signal does not end
 * it. */
void bc_client_spin(struct bc_client *client, bool on);

/* From the publication of a message to its being taken from the bus, in the last minute. Messages
 * of topics that are followed; no welcomes. */
void bc_client_latency(const struct bc_client *client, struct bc_hop *out);

/* Readable when bc_client_next() may have something; it has been drained when that said
 * BC_EAGAIN. */
int bc_client_fd(const struct bc_client *client);

/* The newest message of a topic, followed or not; for the latter the cache is asked, which may
 * take timeout_ns. BC_ETIMEOUT, BC_EPARSE: no good answer came; else *answer has it. */
bc_status bc_client_get(struct bc_client *client, bc_str topic, int64_t timeout_ns,
			struct bc_board_answer *answer);
/* The same without the message, for less. */
bc_status bc_client_state(struct bc_client *client, bc_str topic, int64_t timeout_ns,
			  struct bc_board_answer *answer);
/* A question of the caller's own to the cache; as bc_rpc_call(). */
bc_status bc_client_ask(struct bc_client *client, bc_str verb, const bc_str *args, size_t n_args,
			int64_t timeout_ns, struct bc_rpc_reply *reply);

const struct bc_board *bc_client_board(const struct bc_client *client);
const struct bc_client_counters *bc_client_counters(const struct bc_client *client);

#endif
