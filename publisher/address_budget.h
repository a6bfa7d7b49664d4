/* address_budget.h - what one address has used of an exchange's limits, as plain data.
 *
 *   limits  sliding windows: at most `ours` times in any window of theirs
 *   weight  of REST, a minute after each answer (weight.h)
 *   rates   each limit's gives way when the exchange refuses, and comes back (aimd.h)
 *   away    nothing before this time: what a 429 or a 418 has named
 *   queues  whoever was refused has a place: who asks later leaves him his part, until a moment
 *           after he was to come again. Each gateway has one place a limit, so those that want much
 *           take turns with those that want little, and one that has died costs that moment.
 *
 * No pointers, so that it can lie in a file that several processes map. Times are passed in.
 * Fixed size: ADDRESS_TIMES times of all limits together.
 * Threads one, or a lock around it. */
#ifndef ADDRESS_BUDGET_H
#define ADDRESS_BUDGET_H

#include "publisher/aimd.h"
#include "publisher/budget_office.h"
#include "publisher/exchanges/exchange.h"
#include "publisher/weight.h"

#define ADDRESS_TIMES    512
#define ADDRESS_GATEWAYS 32
#define ADDRESS_GRACE_NS (250 * BC_NS_PER_MS)          /* a place is kept, after its time */
#define ADDRESS_GONE_NS  (30 * BC_NS_PER_S)            /* who says nothing for so long has left */
#define ADDRESS_AWAY_NS  (4 * 24 * 3600 * BC_NS_PER_S) /* the longest ban known is 3 days */

struct address_window {
	int64_t window_ns;
	uint32_t ours, first; /* first: of its times, in the array of all */
	uint32_t oldest;      /* of its ring */
	struct aimd rate;
};

struct address_place {              /* in the queue of one limit */
	int64_t since_ns, until_ns; /* until: 0: none */
	uint32_t need;              /* one, or the weight */
};

struct address_gateway {
	uint64_t id; /* 0: free */
	int64_t heard_ns;
	struct address_place places[ADDRESS_LIMITS + 1]; /* the last is the weight's */
};

struct address_budget {
	uint32_t n_limits;
	struct address_window limits[ADDRESS_LIMITS];
	struct weight weight;
	struct aimd weight_rate;
	int64_t away_until_ns[BUDGET_DOORS];
	int64_t newest_ns; /* time of anything that was counted */
	int64_t times_ns[ADDRESS_TIMES];
	struct address_gateway gateways[ADDRESS_GATEWAYS];
};

/* BC_ERANGE: the exchange's limits are more, or larger, than there is room for. */
bc_status address_budget_init(struct address_budget *b, const struct bc_exchange *x);

/* id: of the gateway that asks, not 0. The rest as in budget_office.h. */
bool address_budget_take(struct address_budget *b, uint64_t id, bc_mono_time now,
			 const struct budget_ask *ask, bc_mono_time *from);
void address_budget_give_back(struct address_budget *b, bc_mono_time now,
			      const struct budget_ask *ask);
void address_budget_answered(struct address_budget *b, bc_mono_time now, bc_mono_time asked,
			     uint32_t weight, int64_t used);
void address_budget_refused(struct address_budget *b, bc_mono_time now, bc_mono_time asked,
			    const struct budget_ask *ask, bc_mono_time until);
/* All but `waits` and `shared`. */
void address_budget_look(const struct address_budget *b, bc_mono_time now,
			 struct budget_view *view);
/* It is there, whether or not it asks for anything. */
void address_budget_here(struct address_budget *b, uint64_t id, bc_mono_time now);
void address_budget_leave(struct address_budget *b, uint64_t id);

/* Can this be, for this exchange, at this time? What is not may come from a damaged file. */
bool address_budget_sane(const struct address_budget *b, const struct bc_exchange *x,
			 bc_mono_time now);
/* Nobody knows what was used, so all of it was, just now. */
void address_budget_exhaust(struct address_budget *b, bc_mono_time now);

/* An office for one session alone. */
struct own_office {
	struct budget_office office;
	struct budget_view view;
	uint64_t id;                   /* of who asks */
	struct address_budget *shared; /* `budget`; in simulations that of others, too */
	struct address_budget budget;
};

/* *own must stay where it is. BC_ERANGE as above. */
bc_status own_office_init(struct own_office *own, const struct bc_exchange *x);

#endif
