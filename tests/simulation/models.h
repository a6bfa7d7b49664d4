/* models.h - the exchanges that are simulated: one row each.
 *
 * What a row needs to know is what the truth cannot be asked without: which frames are books, how
 * the exchange numbers them and its trades, and what its refusals look like. */
#ifndef BC_SIMULATION_MODELS_H
#define BC_SIMULATION_MODELS_H

#include "publisher/exchanges/exchange.h"
#include "publisher/simulator/face.h"

struct model {
	const char *exchange;          /* of the adapter and of the face */
	bool (*is_book)(bc_str frame); /* is this data frame about a book? */
	/* The number of the trade in the market that has this id; 0: cannot be. */
	uint64_t (*trade_of)(bc_str id);
	uint64_t trade_wraps; /* so many ids, then they come again; 0: they do not */
	/* Snapshots that are asked of the face instead of what the adapter names, so that the price
	 * walks out of them within seconds; NULL: as the adapter says. */
	const struct bc_snapshot_limit *limits;
	size_t n_limits;
	uint32_t
		partial_levels; /* of whole books, where they are an option instead of changes; 0 */
	const char *const *needed;  /* keys without which a book cannot be read, with their colon */
	const char *const *numbers; /* what stands before a number of a level */
	const char *strange;        /* a frame that nobody knows */
	bool refuses;               /* what it is asked for, by its id, and goes on */
	const char *too_many;       /* in a reply: we have said too much too fast */
	/* REST requests that one trial may make: this many, and so many a symbol and second. */
	uint32_t gets, gets_a_second;
};

extern const struct model models[]; /* ends with exchange NULL */

#endif
