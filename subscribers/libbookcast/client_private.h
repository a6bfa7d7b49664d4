/* client_private.h - the inside of the client, shared by the client*.c files alone.
 *
 *   client.c       life, what is followed, counters, questions
 *   client_take.c  what becomes of a message that was read
 *   client_scan.c  who is otherwise fit than when it was handed out
 *   client_wait.c  the next event, and waiting for it */
#ifndef LIBBOOKCAST_CLIENT_PRIVATE_H
#define LIBBOOKCAST_CLIENT_PRIVATE_H

#include "common/bus_sub.h"
#include "common/latency.h"
#include "subscribers/libbookcast/client.h"
#include "subscribers/libbookcast/finder.h"
#include "subscribers/libbookcast/follow.h"
#include "subscribers/libbookcast/waker.h"

enum {
	MAX_UNWANTED = 1000,
	MAX_LEVELS = 4096,
	SPINS = 64, /* looks at the stream alone, between two at everything */
};

#define SCAN_EVERY  (20 * BC_NS_PER_MS)
#define SCAN_SOON   10000 /* topics; so many are looked at without a pause after an answer */
#define ASK_AGAIN   BC_NS_PER_S
#define AWAY        (2 * BC_NS_PER_S)    /* who did not look for so long reads of the past first */
#define LOOK_EVERY  BC_NS_PER_S          /* so a longer time between two looks was no waiting */
#define PAUSE_MS    30                   /* without a message: all that was on its way is in */
#define CATCH_UP    (200 * BC_NS_PER_MS) /* the stream may bring what the cache has already */
#define HALF_MINUTE (30 * BC_NS_PER_S)
#define RECV_HWM    100000 /* what libzmq keeps of the bus before it drops */

struct bc_client {
	void *context;
	struct bc_sub *sub;
	struct bc_rpc_client *asker; /* for questions that wait; the finder has its own */
	struct finder *finder;
	struct bc_board *board;
	struct follow follow;
	struct bc_client_counters counters;
	struct bc_conflate *waiting; /* NULL: every message is handed out as it comes */
	bool latest;                 /* and more will wait; else until it is empty */
	struct bc_account past;      /* of topics that are followed no more */
	struct followed *scan;       /* the next one to look at; NULL: no scan is under way */
	bool dirty; /* states may have changed by something else than their message */
	bc_mono_time scanned, gone_due, looked, settled;
	bc_mono_time patient; /* until then: a line may catch up; 0: none has to */
	bool behind;          /* was away, and what came meanwhile is not read yet */
	int64_t delay;      /* of the message read last, from its publication; INT64_MAX: none since
			       behind */
	int64_t fastest[2]; /* the smallest of the current half minute, and of the one before */
	bc_mono_time timed; /* when the current one began */
	uint64_t gone;      /* which gateways were gone, mixed */
	struct waker waker;
	bool spins;
	struct bc_latency latency; /* from publication to being taken from the bus */
	struct bc_message message;
	bc_level levels[MAX_LEVELS];
};

/* client_take.c */
/* One message of the bus; true: there is something to hand out. */
bool client_take(struct bc_client *c, bc_str topic, bc_str payload, bc_mono_time now,
		 struct bc_client_event *event);
void client_take_answer(void *self, bc_mono_time now, bc_str topic,
			const struct bc_board_answer *answer); /* self: the client */
void client_note_ruling(struct bc_client *c, struct followed *t, const struct bc_ruling *r);
void client_count_lost(struct followed *t, uint64_t n_lost);
void client_be_patient(struct bc_client *c, bc_mono_time now);
void client_describe(struct bc_client_event *event, const struct bc_board_answer *answer,
		     struct followed *t);

/* client_scan.c */
/* Goes on with the scan; true: a topic whose fitness has changed since it was handed out, or that
 * the cache has brought. */
bool client_scan(struct bc_client *c, bc_mono_time now, struct bc_client_event *event);
void client_keep_house(struct bc_client *c, bc_mono_time now);

#endif
