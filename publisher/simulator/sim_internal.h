/* sim_internal.h - what the files of the simulated exchange share. */
#ifndef BC_SIM_SIM_INTERNAL_H
#define BC_SIM_SIM_INTERNAL_H

#include "publisher/simulator/sim.h"

#include <jansson.h>

/* One WebSocket connection. */
struct sim_session {
	struct sim *sim;
	struct sim_conn *conn;
	void *state; /* the face's */
	struct sim_session *next, *previous;
	uint64_t id;
	int64_t close_at_ns; /* monotonic; 0: no */
	uint16_t close_code;
};

struct sim {
	uv_loop_t *loop;
	struct sim_options options;
	const struct sim_face *face;
	void *face_state;
	struct market *market;
	struct sim_tls *tls;
	struct sim_server *server;
	struct sim_session *sessions;
	uv_timer_t tick;
	bool paused;
	bc_wall_time advanced_to;
	int64_t skew_ns;
	uint32_t crossed;
	uint64_t n_sessions, data_frames;
};

/* sim.c */
struct sim_world sim_world_now(const struct sim *sim);
/* Brings the source and all sessions up to now; `flush`: nothing waits for its next slot. */
void sim_turn(struct sim *sim, bool flush);

/* truth.c: GET /truth and GET /truth/<symbol>. */
void sim_truth(const struct sim *sim, bc_str symbol, struct sim_reply *reply);

/* control.c: POST /control. */
void sim_control(struct sim *sim, bc_str body, struct sim_reply *reply);

#endif
