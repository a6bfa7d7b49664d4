/* shards.h - the gateways of a trial as shards: an operator who divides the symbols anew, tells
 * each gateway so when he comes to it, and adds and removes symbols; and what the gateways hear of
 * each other, on the bus. The inside, shared by shards.c and ears.c and who calls them.
 *
 * Gateway i is shard i % most, and of its A/B lines number i / most. */
#ifndef BC_SIMULATION_SHARDS_H
#define BC_SIMULATION_SHARDS_H

#include "publisher/address_budget.h"
#include "publisher/elsewhere.h"
#include "tests/simulation/trial_private.h"

struct ear { /* of one gateway, at another */
	struct bus bus;
	bool open, listens;           /* listens: what it has subscribed to has arrived there */
	uint32_t watched, subscribed; /* 1 << symbol of the market; subscribed: that has arrived */
};

struct member {
	uint32_t shard;
	size_t division;       /* number of the one it was told last */
	uint32_t told_count;   /* of the last one that it was a member of */
	size_t configured;     /* of the one it reads at its next start */
	int64_t told_until_ns; /* what it was told is there by then */
	bool off;              /* not even to be started again */
	bool retiring;
	bool removing;           /* a symbol, because it was told to */
	uint32_t n_symbols_told; /* symbol commands under way */
	uint32_t had;            /* when it died: 1 << symbol of the market */
	struct own_office office;
	struct elsewhere *elsewhere; /* NULL: nothing is being handed over */
	struct ear ears[MAX_GATEWAYS];
};

struct division {
	uint32_t count;
	struct bc_division *parts;
};

struct shards {
	struct dice dice;
	uint32_t most, lines;
	struct division *divisions; /* all that ever were */
	size_t n_divisions, cap_divisions;
	size_t current;  /* what the operator wants */
	int64_t next_ns; /* he acts again */
	int64_t linger_ns;
	int64_t every_ns,
		slow_ns;  /* between two acts, on average; until a gateway is told, at most */
	bool weighs;      /* weights come into it */
	bool flawless;    /* nothing but divisions happens */
	bool one_address; /* all share one budget */
	void *face_state; /* then: the exchange as it knows the address */
	struct own_office office;
	uint64_t n_offices;
	uint32_t wanted; /* 1 << symbol of the market */
};

#endif
