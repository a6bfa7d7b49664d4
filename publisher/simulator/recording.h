/* recording.h - what a capture says beside its frames: the stream each one belongs to, and the
 * answers of the REST API that were recorded with it.
 *
 * The answers stand in index.json beside the capture: captures[].rest[] with "file", "url" (its
 * symbol and limit) and "ws_lines_received_before". Without index.json there are none.
 *
 * A snapshot can be joined to its stream only if the stream goes on from before it. So each one has
 * a place: the first change of its symbol that leads beyond it. Who plays the capture holds there
 * until somebody has asked.
 *
 * Memory  what is returned is borrowed for the life of the recording; the replay is, too.
 * Threads one. */
#ifndef BC_SIM_RECORDING_H
#define BC_SIM_RECORDING_H

#include "publisher/simulator/face.h"
#include "publisher/simulator/replay.h"

struct sim_recording;

/* On failure why[cap] names the file and what is wrong with it. */
bc_status sim_recording_open(struct sim_recording **out, const char *path,
			     const struct sim_face *face, const struct sim_replay *replay,
			     char *why, size_t cap);
void sim_recording_free(struct sim_recording **recording);

/* The stream of a frame, and its number (0 .. n - 1); empty: it belongs to none. */
bc_str sim_recording_stream(const struct sim_recording *r, size_t frame);
size_t sim_recording_n_streams(const struct sim_recording *r);
bc_str sim_recording_nth_stream(const struct sim_recording *r, size_t stream);

/* The symbol whose first snapshot has its place at this frame and was not asked for; NULL: none.
 * Later ones have no such right: who asks in time gets them. */
const char *sim_recording_awaits(const struct sim_recording *r, size_t frame);
/* The first snapshot of the symbol that can still be joined by who reads on from `frame`. */
bool sim_recording_book(struct sim_recording *r, bc_str symbol, size_t frame, bc_str *body,
			int64_t *limit);

#endif
