/* faults.h - what can go wrong, by name: one row a fault.
 *
 * A fault comes from POST /control or from a script, with arguments as key and value. Most act on
 * the connections there are at that moment; those that say "next n" wait for their victims.
 *
 * Threads everything on the loop's thread. */
#ifndef BC_SIM_FAULTS_H
#define BC_SIM_FAULTS_H

#include "publisher/simulator/buffer.h"
#include "publisher/simulator/ws_frame.h"

#include <stdio.h>

struct sim;
struct sim_conn;
struct sim_session;

#define FAULT_ARGS_MAX   8
#define FAULT_VALUE_MAX  512
#define FAULTS_ARMED_MAX 32

struct fault_arg {
	char key[24];
	char value[FAULT_VALUE_MAX];
};

struct fault_args {
	struct fault_arg args[FAULT_ARGS_MAX];
	size_t n;
};

/* False: too many or too long. */
bool fault_args_add(struct fault_args *args, bc_str key, bc_str value);

/* The value, or `otherwise` where it is not given. */
const char *fault_text(const struct fault_args *args, const char *key, const char *otherwise);
/* False: not a number in [low, high]. */
bool fault_number(const struct fault_args *args, const char *key, double low, double high,
		  double otherwise, double *out);

/* One fault of faults.def: NULL, or the reason why not. */
typedef const char *fault_run(struct sim *sim, const struct fault_args *args);
#define FAULT(name, function, keys, help) fault_run function;
#include "publisher/simulator/faults.def"
#undef FAULT

/* Carries it out. NULL: done; else the reason why not. */
const char *sim_fault(struct sim *sim, const char *name, const struct fault_args *args);
/* Checks name and keys only. */
const char *sim_fault_check(const char *name, const struct fault_args *args);
void sim_faults_help(FILE *out);

/* How a data frame is damaged on its way to one session. */
typedef void fault_damage(struct sim_session *session, bc_str payload, const char *arg);

struct fault_armed {
	fault_damage *damage; /* NULL: free */
	uint64_t left;
	char symbol[64]; /* empty: any */
	char match[64];  /* only frames that hold this text; empty: any */
	char arg[64];
};

/* An endless thing being sent to one session: a prefix, then a chunk again and again. */
struct fault_stream {
	struct sim_buffer chunk;
	uint64_t left; /* bytes */
};

/* What waits at the door: the next n connections, upgrades or requests. */
struct fault_door {
	uint64_t refuse, mute, extension, bad_accept;
	int refuse_status;
	long refuse_retry_s; /* -1: no Retry-After */
	uint64_t rest_fail, rest_garbage, rest_slow;
	int rest_status;
	long rest_retry_s;
	int64_t rest_slow_ns;
};

/* True: the frame was dealt with (or swallowed). */
bool sim_fault_data(struct sim_session *session, bc_str symbol, bc_str payload);
/* Goes on with a stream while the queue is short; false: there is none. */
bool sim_fault_stream(struct sim_session *session);

/* fault_frames.c: the damages, and where they begin. */
fault_damage damage_drop, damage_duplicate, damage_reorder, damage_corrupt, damage_truncate,
	damage_cut, damage_unknown, damage_missing, damage_utf8, damage_nul;
void fault_send(struct sim_session *session, bc_str payload); /* as a data frame */

/* A script: lines "at TIME FAULT [key=value]...", '#' starts a comment. */
struct fault_script;
bc_status fault_script_open(struct fault_script **out, const char *path, char *why, size_t cap);
void fault_script_free(struct fault_script **script_at);
/* Runs what is due `since_ns` after the start. */
void fault_script_run(struct fault_script *script, struct sim *sim, int64_t since_ns);

#endif
