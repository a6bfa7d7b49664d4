/* ledger.h - a witness: all that an exchange limits, counted by whom it is limited, beside what the
 * exchange itself does about it.
 *
 * In any window of a rule, wherever it begins, no more than its number: the strictest reading. Two
 * things are in one window only if they certainly are: each came at some moment between the last
 * time anybody looked at the sockets and now, so that a simulator that was slow accuses nobody.
 *
 * Limits  LEDGER_MOMENTS moments are remembered of each rule and party, LEDGER_ADDRESSES addresses
 *         apart; what comes from others counts as one more.
 * Threads one. */
#ifndef BC_SIM_LEDGER_H
#define BC_SIM_LEDGER_H

#include "publisher/simulator/buffer.h"

#define LEDGER_MOMENTS   4096
#define LEDGER_ADDRESSES 16

enum ledger_what {
	LEDGER_CONNECTS, /* upgrades asked for, whatever became of them */
	LEDGER_MESSAGES, /* text messages of a client */
	LEDGER_CONTROLS, /* its pings and pongs, where they count as messages */
	LEDGER_STREAMS,  /* as many as a connection has now */
	LEDGER_REQUESTS, /* by REST, of a group */
	LEDGER_WEIGHT,
};

struct ledger_rule {
	const char *name;
	enum ledger_what what;
	const char *group; /* REQUESTS: of this one; NULL: of all */
	bool controls;     /* MESSAGES: with controls */
	bool a_connection; /* it limits a connection, else an address */
	uint32_t limit;
	int64_t window_ns; /* 0: at any moment */
};

struct ledger_when {
	int64_t earliest_ns, latest_ns; /* monotonic */
};

struct ledger;

bc_status ledger_new(struct ledger **out, const struct ledger_rule *rules, size_t n_rules);
void ledger_free(struct ledger **ledger);

/* Who is spoken of from now on. connection 0: none. */
void ledger_about(struct ledger *l, const char *address, uint64_t connection,
		  struct ledger_when when);
/* Something of `what`, as much as `amount`, has come of him; NULL: nobody keeps books. */
void ledger_count(struct ledger *l, enum ledger_what what, const char *group, uint64_t amount);
void ledger_gone(struct ledger *l, uint64_t connection);

uint64_t ledger_violations(const struct ledger *l);
/* {"violations":0,"addresses":1,"rules":[{"name","of","limit","window_s","events","most",
 *  "violations"}]}; most: within one window, by any one of them */
void ledger_put(const struct ledger *l, struct sim_buffer *out);

#endif
