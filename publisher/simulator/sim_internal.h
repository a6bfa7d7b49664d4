/* sim_internal.h - what the files of the simulated exchange share. */
#ifndef BC_SIM_SIM_INTERNAL_H
#define BC_SIM_SIM_INTERNAL_H

#include "publisher/simulator/faults.h"
#include "publisher/simulator/recording.h"
#include "publisher/simulator/replay.h"
#include "publisher/simulator/sim.h"

#include <jansson.h>
#include <stdio.h>

/* One WebSocket connection. */
struct sim_session {
	struct sim *sim;
	struct sim_conn *conn;
	void *state; /* the face's */
	struct sim_session *next, *previous;
	uint64_t id;
	int64_t close_at_ns; /* monotonic; 0: no */
	uint16_t close_code;
	bool gone;                /* its connection is; it waits to be freed */
	int64_t stalled_until_ns; /* fault */
	struct fault_stream stream;
	struct sim_buffer held;     /* fault: a frame that waits for the next one */
	struct fault_armed held_by; /* ... of those it is for */
	bool held_new;
};

/* The capture being played. */
struct sim_player {
	size_t next;                /* frame */
	struct sim_session *reader; /* the first that subscribed; NULL: nothing is sent */
	int64_t started_ns;         /* monotonic: when offset 0 was, at this speed */
	/* Of a capture with streams; all times monotonic. */
	bool playing;              /* somebody subscribed, and they have settled */
	size_t n_wanted;           /* streams, when this was last looked at */
	int64_t settled_ns;        /* since when that has not changed */
	const char *awaits;        /* the symbol whose snapshot it holds for; NULL: it does not */
	int64_t awaits_until_ns;   /* then it goes on without */
	uint64_t skipped, unasked; /* frames nobody wanted; snapshots nobody asked for in time */
};

/* A REST answer that is kept back. */
struct sim_late {
	struct sim_conn *conn;
	int64_t due_ns; /* monotonic */
	struct sim_reply reply;
	bool keep_alive;
	struct sim_late *next;
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
	struct sim_session *dead; /* freed at the next turn: somebody may still be in their tick */
	uv_timer_t tick;
	uv_check_t check;
	struct ledger *ledger;
	int64_t looked_ns; /* monotonic: the sockets have been read up to then */
	bool paused;
	bc_wall_time advanced_to;
	struct sim_replay *replay;       /* NULL: the model market is the source */
	struct sim_recording *recording; /* NULL: its frames have no streams */
	struct sim_recorded recorded;
	struct sim_player player;
	struct fault_script *script;
	FILE *truth_log; /* NULL: none */
	struct fault_armed armed[FAULTS_ARMED_MAX];
	struct fault_door door;
	struct sim_late *late;
	int64_t started_ns; /* monotonic */
	int64_t skew_ns, burst_until_ns;
	uint32_t crossed;
	struct sim_old_snapshots old_snapshots;
	uint64_t n_sessions, data_frames;
};

/* sim.c */
struct sim_world sim_world_now(const struct sim *sim);
/* Brings the source and all sessions up to now; `flush`: nothing waits for its next slot. */
void sim_turn(struct sim *sim, bool flush);

/* player.c: sends what is due of the capture, as far as its reader takes it. */
bc_status sim_player_open(struct sim *sim, char *why, size_t cap);
void sim_player_turn(struct sim *sim, bc_mono_time now);
void sim_player_forget(struct sim *sim, const struct sim_session *session);
void sim_player_seek(struct sim *sim, size_t frame); /* also: time went on without it */

/* door.c: requests and upgrades, with the faults that wait for them. */
void sim_on_request(void *self, struct sim_conn *conn, const struct http_request *r);
void sim_late_turn(struct sim *sim, bc_mono_time now);
void sim_late_forget(struct sim *sim, const struct sim_conn *conn);

/* sim.c: a session for a connection that is upgraded. NULL: out of memory. */
struct sim_session *sim_session_begin(struct sim *sim, struct sim_conn *conn);
/* The ledger's next entries are about this peer. */
void sim_ledger_about(struct sim *sim, const struct sim_conn *conn, uint64_t session);
/* Where a session's output goes. */
struct sim_sink sim_session_sink(struct sim_session *session);

/* truth.c: GET /truth and GET /truth/<symbol>. */
void sim_truth(const struct sim *sim, bc_str symbol, struct sim_reply *reply);

/* truth_log.c: of a model market. */
bc_status sim_truth_log_open(struct sim *sim, char *why, size_t cap);
void sim_truth_log_turn(struct sim *sim); /* what was written is in the file */
void sim_truth_log_close(struct sim *sim);

/* control.c: POST /control. */
void sim_control(struct sim *sim, bc_str body, struct sim_reply *reply);

#endif
