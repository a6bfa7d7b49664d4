/* follow.h - the topics a client follows: what was handed out of each, and what is to be asked.
 * Internal to the client. */
#ifndef LIBBOOKCAST_FOLLOW_H
#define LIBBOOKCAST_FOLLOW_H

#define HASH_NONFATAL_OOM 1 /* uthash would end the process */

#include "common/bus_sub.h"
#include "common/conflate.h"
#include "common/lines.h"
#include "proto/topic.h"

#include <uthash.h>

#define FOLLOW_MAX_EXCHANGES 64

struct followed {
	UT_hash_handle hh;
	char text[BC_TOPIC_MAX + 1];
	size_t n;
	const char *exchange, *symbol; /* in parts, each with its NUL */
	char parts[BC_TOPIC_MAX + 1];
	bool wanted;             /* to be handed out */
	uint32_t n_uses;         /* as the state topic of wanted ones */
	struct followed *states; /* of its symbol, while it is wanted; perhaps itself */
	bool welcomed;           /* its newest message can be asked for */
	bool mute;               /* it is not published again when its symbol's state changes */
	uint64_t n_unfit;        /* as the state topic: times that it was said to be unfit */
	uint64_t unfit_told;     /* of `states`, as of the last event */
	struct bc_conflate_topic waiting; /* with the account; what waits only where it conflates */
	struct bc_lines lines;            /* with what was taken last */
	/* what was handed out last */
	bool told, told_fit;
	/* what is to be asked of the cache */
	int64_t ask_at; /* 0: nothing */
	bool asking;    /* it is on its way, and was not wished for once more since */
	bool streamed;  /* its gateway has sent something: a hole is a loss from now on */
	bool gap_open;  /* a hole was seen; not yet confirmed that the newest is here */
	uint64_t ahead_epoch, ahead_seq; /* the cache had this one, which was not here; 0: none */
	int64_t ahead_since;
	bool fresh; /* taken from the cache, not yet handed out; */
	bool early; /* and its gateway had sent nothing yet */
};

struct follow {
	struct bc_sub *sub; /* borrowed */
	struct followed *topics;
	struct {
		char name[BC_TOPIC_MAX + 1];
		uint32_t n_uses;
	} exchanges[FOLLOW_MAX_EXCHANGES];
	size_t n_exchanges;
	size_t n_asks;
	uint64_t version; /* another one when a topic has begun or ceased to be wanted; from 1 */
};

void follow_free(struct follow *f);

bc_status follow_add(struct follow *f, bc_str topic);
bc_status follow_remove(struct follow *f, bc_str topic);

struct followed *follow_find(const struct follow *f, bc_str topic);
/* The record of a topic that is to be handed out; NULL: it is not. */
struct followed *follow_wanted(const struct follow *f, bc_str topic);
bool follow_wants_exchange(const struct follow *f, bc_str exchange);

void follow_ask(struct follow *f, struct followed *t, int64_t at); /* 0: no more */
/* Asks for everything wanted with this prefix, of the cache and of the gateways. */
void follow_renew(struct follow *f, bc_str prefix, int64_t now);

#endif
