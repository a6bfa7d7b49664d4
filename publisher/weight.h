/* weight.h - how much of an exchange's REST weight we may still use.
 *
 * An exchange counts the weight of the requests of an IP in minutes of its own clock, and counts
 * one at some moment between our sending it and our having its answer. So a request weighs from
 * when it is sent until a minute after its answer: no minute, wherever the exchange lets it begin,
 * then holds more than the limit. Without an answer it weighs as if that had come after
 * WEIGHT_ANSWER_S, longer than any request is waited for: so one whose sender has died is forgotten
 * like the others.
 *
 * What the exchange says it has counted goes before what we know, upwards only: other programs use
 * the same IP, and answers overtake each other. It holds until a request that was sent later is
 * answered, or for a minute; what is not answered comes on top of it until it is.
 *
 * Times are passed in; nothing here reads a clock. No allocation, no pointers.
 * Threads one. */
#ifndef WEIGHT_H
#define WEIGHT_H

#include "publisher/pace.h"

#define WEIGHT_WINDOW_NS (60 * BC_NS_PER_S)
#define WEIGHT_SECONDS   61 /* a second's sum ends when its youngest part is a minute old */
#define WEIGHT_ANSWER_S  20
#define WEIGHT_SLOTS     (WEIGHT_SECONDS + WEIGHT_ANSWER_S)

struct weight {
	uint32_t spent[WEIGHT_SLOTS]; /* by the second of the answer, a ring; to come: not answered
				       */
	int64_t second;               /* of the newest question or answer */
	uint64_t counted;             /* by the exchange, as it said at told_at */
	uint64_t told;                /* the same, and what it may not have counted */
	bc_mono_time told_at;
};

void weight_init(struct weight *w);

/* What has to be taken as used in the minute that ends now. */
uint64_t weight_used(const struct weight *w, bc_mono_time now);

/* From when on a request of `need` may be sent with `limit` in a minute; INT64_MAX: never. */
bc_mono_time weight_next(const struct weight *w, bc_mono_time now, uint64_t limit, uint64_t need);

void weight_asked(struct weight *w, bc_mono_time now, uint32_t need);

/* The newest one was not sent after all. */
void weight_taken_back(struct weight *w, bc_mono_time asked, uint32_t need);

/* The request of `need` that was sent at `asked` has its answer, or is given up. `used`: what the
 * answer says is used; -1: nothing. */
void weight_answered(struct weight *w, bc_mono_time now, bc_mono_time asked, uint32_t need,
		     int64_t used);

#endif
