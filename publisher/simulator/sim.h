/* sim.h - the simulated exchange as a whole: a source, a face, sockets, faults. */
#ifndef BC_SIM_SIM_H
#define BC_SIM_SIM_H

#include "publisher/simulator/face.h"
#include "publisher/simulator/server.h"

enum sim_limits {
	SIM_LIMITS_PUNISHED, /* as the exchange does; the ledger counts besides */
	SIM_LIMITS_COUNTED,  /* and nothing is done about it */
};

struct sim_options {
	const struct sim_face *face;
	size_t n_symbols;
	uint64_t seed;
	double rate;     /* book changes a second, all symbols together */
	uint32_t levels; /* a side of every symbol; 0: as the face has it */
	double walk;     /* how much farther each move of the price goes; 0: 1 */
	const char *capture, *faults, *listen;
	const char *truth_log; /* every change of the market's books; NULL: none */
	double speed;          /* of a capture; 0: as fast as the reader takes it */
	bool plain;
	enum ws_deflate_mode compression; /* of who offers it */
	int64_t idle_close_ns;            /* 0: the face's own */
	enum sim_limits limits;
	bool tells_limits; /* at the end */
	struct sim_tls_options certificate;
};

struct sim;

/* On failure why[cap] says what to do. */
bc_status sim_start(struct sim **out, uv_loop_t *loop, const struct sim_options *options, char *why,
		    size_t cap);
/* Closes everything; the loop must run until it is idle, then free. */
void sim_stop(struct sim *sim);
void sim_free(struct sim **sim_at);

/* {"ws":"wss://localhost:41001","rest":"https://localhost:41001","ca_file":"/tmp/..","pid":7} */
void sim_limits_line(const struct sim *sim, struct sim_buffer *out); /* see ledger_put() */
void sim_ready_line(const struct sim *sim, struct sim_buffer *out);

#endif
