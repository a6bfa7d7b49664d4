/* run.h - one case on one transport, from its connect to its verdict. */
#ifndef BC_CONFORMANCE_RUN_H
#define BC_CONFORMANCE_RUN_H

#include "publisher/transport.h"
#include "tests/conformance/peer.h"

/* A transport under test. */
struct subject {
	const char *name; /* as in the tables: "lws" */
	const struct bc_transport_ops *ops;
	struct bc_transport *transport;
};

struct run {
	const struct conformance_family *family;
	const struct conformance_case *c;
	const struct subject *subject;
	bool tls;
	size_t split;

	struct peer peer;
	struct conformance_hand hand;
	struct sim_buffer told;
	char ends[80], detail[160];
	bool opened, closed, acting;
	uint64_t begun_ns, slow_ns; /* uv_hrtime(); the longest time without a step */
	uint64_t stepped_ns;
	const char *wrong; /* what a transport must never do */
};

/* What this transport does otherwise in this case. */
const struct conformance_difference *case_difference(const struct conformance_case *c,
						     const char *transport);

/* The fields above the blank line are set. */
void run_start(struct run *run, uv_loop_t *loop, SSL_CTX *ctx);
/* True: the peer has more to do at once. */
bool run_step(struct run *run);
bool run_over(const struct run *run);
enum verdict {
	HELD,
	FAILED,
	WAS_SLOW, /* not as wanted, but the machine may have made it wait for a limit of time */
};

/* Says on stdout what is not as wanted. Closes what is open. */
enum verdict run_judge(struct run *run, bool verbose);
/* The same, to be started. */
struct run run_like(const struct run *run);
void run_free(struct run *run);

#endif
