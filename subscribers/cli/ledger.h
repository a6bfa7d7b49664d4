/* ledger.h - the topics a verb reads: the number of each, what was lost, and what became of the
 * rest.
 *
 * Keeps an account for each topic and epoch (A/B lines are two), at most 200,000; of further ones
 * every message is new and nothing is counted.
 *
 * Threads one. */
#ifndef CLI_LEDGER_H
#define CLI_LEDGER_H

#include "common/conflate.h"

struct ledger;

struct ledger_topic {
	struct bc_conflate_topic waiting; /* with the account; `of` is this */
	bc_str topic;
	uint64_t epoch;
};

struct ledger *ledger_new(void); /* NULL: out of memory */
void ledger_free(struct ledger **ledger);

/* Notes one message and what is missing before it. False: it was seen before. *out may be NULL: it
 * has no account. The message itself is not counted. */
bool ledger_take(struct ledger *ledger, bc_str topic, uint64_t epoch, uint64_t seq,
		 struct ledger_topic **out, uint64_t *n_lost);

/* Of all topics together. */
struct bc_account ledger_sum(const struct ledger *ledger);

/* All topics, sorted by topic, then by epoch. NULL: out of memory, or none. The array is the
 * caller's, what it points to the ledger's. */
const struct ledger_topic **ledger_sorted(const struct ledger *ledger, size_t *n);

#endif
