/* trial.h - one seeded run: a session, an adapter and an outlet against a model exchange, over a
 * network that misbehaves, in simulated time.
 *
 *   storm   faults at random                      every step is judged
 *   calm    none any more, until all have healed  within a bounded time
 *   still   the market stands                     then every book is the market's own
 *
 * Threads one; a trial is a function of its options alone. */
#ifndef BC_SIMULATION_TRIAL_H
#define BC_SIMULATION_TRIAL_H

#include "publisher/session.h"
#include "tests/simulation/lies.h"
#include "tests/simulation/models.h"

/* clang-format off */
enum fault {
#include "tests/simulation/faults.def"
#define X(name, text, when) FAULT_##name,
	FAULT_ROWS(X)
#undef X
	N_FAULTS
};
/* clang-format on */

extern const char *const fault_text[N_FAULTS];

/* Between the gateways and who reads them; where there is a reader. */
enum mishap { MISHAP_LOST, MISHAP_PARTED, MISHAP_KILLED, MISHAP_DEAFENED, N_MISHAPS };

extern const char *const mishap_text[N_MISHAPS];

#define MAX_GATEWAYS 8
#define MAX_SHARDS   6

struct trial_options {
	const struct model *model;
	uint64_t seed;
	uint32_t gateways; /* 0: one, and nobody reads it; else a reader hears them all */
	uint32_t shards;   /* 0: all follow the same; else the symbols are divided by up to so many,
			    * and   the number changes */
	uint32_t soak_hours;   /* 0: not one; else the storm is so long, and the result has a row an
				  hour */
	bool verbose;          /* print every action */
	int64_t storm_ns;      /* 0: as the seed says */
	const struct lie *lie; /* NULL: none; else one is published, and failures are not printed */
	const char *replay;    /* the command that runs this one again, without its seed */
};

struct trial_terms {      /* what is other with the exchange than usual */
	bool short_life;  /* connections are ended at an age that is reached */
	bool few_streams; /* a connection carries few symbols */
	bool partial;     /* whole books of few levels */
	bool never_polled, only_polled;
	int64_t rest_after_ns;
};

struct trial_result {
	struct trial_terms terms;
	bool failed;
	const char *check; /* that did not hold */
	uint64_t steps;    /* inputs of the session */
	uint64_t hash;     /* of everything that happened */
	int64_t simulated_ns, healed_after_ns;
	uint64_t injected[N_FAULTS];
	uint64_t books, bbos, trades; /* published and compared */
	uint64_t polled;              /* books and bbos, the same */
	uint64_t edges;               /* books among them that end at an edge */
	uint64_t gets;
	uint64_t mishaps[N_MISHAPS];
	uint64_t answers; /* of the reader, fit and compared */
	uint64_t lost;    /* messages it has counted as lost */
	uint64_t handed_out, copies;
	uint64_t divided, given_up; /* new divisions; symbols that their old owner gave up */
	uint64_t orphaned;          /* of them while their new owner had just been killed */
	struct session_counters counters;
};

/* Prints what went wrong, if something did, to stdout. */
void trial_run(const struct trial_options *options, struct trial_result *out);

#endif
