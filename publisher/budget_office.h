/* budget_office.h - who says whether a connection may be made or a request sent now.
 *
 * An exchange counts what comes from an address, whoever of ours it was: connections in a window,
 * requests a second by group, REST weight a minute. So whoever wants one of these asks an office,
 * which counts for all of them: one of a session's own (address_budget.h), or one that all gateways
 * of a machine share (budget_file.h). What is counted by connection is the session's own business.
 *
 * Asked before a connection or a request, never on the path of a message: it may lock and make
 * system calls. Times are passed in, monotonic.
 * Threads one. */
#ifndef BUDGET_OFFICE_H
#define BUDGET_OFFICE_H

#include "proto/value.h"

#define ADDRESS_LIMITS 8 /* of an exchange, at most */

enum budget_door { BUDGET_CONNECT, BUDGET_REST, BUDGET_DOORS };

struct budget_ask {
	enum budget_door door;
	uint32_t limits;       /* 1u << index into bc_exchange.limits: once each */
	uint32_t weight;       /* of a REST request; 0: none */
	uint32_t need;         /* free of the weight at full rate; at least `weight` */
	uint32_t weight_limit; /* ours of a minute */
};

/* As of the last question. */
struct budget_view {
	uint64_t weight; /* used of the minute */
	struct budget_use {
		uint32_t used, now, ours; /* in the window; allowed at present; at most */
	} limits[ADDRESS_LIMITS];
	uint32_t weight_rate;                  /* of RATE_FULL, see aimd.h */
	bc_mono_time away_until[BUDGET_DOORS]; /* the exchange has told our address to stay away */
	uint64_t waits;                        /* questions of ours that were answered "later" */
	uint64_t cuts;                         /* times a rate was cut, by whomever */
	uint32_t gateways;                     /* that share it, this one included */
	bool shared;
};

struct budget_office {
	void *self;
	/* True: taken, to be used at once. False: nothing was taken; to be asked again at *from. */
	bool (*take)(void *self, bc_mono_time now, const struct budget_ask *ask,
		     bc_mono_time *from);
	/* It is not needed after all; right after take(), with the same arguments. */
	void (*give_back)(void *self, bc_mono_time now, const struct budget_ask *ask);
	/* The request of this weight that was taken at `asked` has ended. `used`: what the exchange
	 * says is used of its minute; -1: nothing. */
	void (*answered)(void *self, bc_mono_time now, bc_mono_time asked, uint32_t weight,
			 int64_t used);
	/* The exchange refused what was taken at `asked`, because it was too much. Nothing goes
	 * through that door before `until`, and less afterwards. */
	void (*refused)(void *self, bc_mono_time now, bc_mono_time asked,
			const struct budget_ask *ask, bc_mono_time until);
	/* Brings *view up to date. */
	void (*look)(void *self, bc_mono_time now);
	const struct budget_view *view;
};

#endif
