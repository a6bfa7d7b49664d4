/* replay.h - a recorded capture: frames byte for byte, and when each was received.
 *
 * FILE is one frame a line, plain or zstd (by its content); the times are beside it, in the same
 * name with .times instead of .jsonl or .jsonl.zst, one a line, nanoseconds since 1970. Without
 * times the frames are taken to be 10 ms apart.
 * Memory the whole capture, uncompressed, at most REPLAY_MAX_BYTES. */
#ifndef BC_SIM_REPLAY_H
#define BC_SIM_REPLAY_H

#include "publisher/simulator/buffer.h"

#define REPLAY_MAX_BYTES (UINT64_C(2) << 30)

struct sim_replay;

/* On failure why[cap] names the file and what is wrong with it. */
bc_status sim_replay_open(struct sim_replay **out, const char *path, char *why, size_t cap);
void sim_replay_free(struct sim_replay **replay);

size_t sim_replay_n_frames(const struct sim_replay *replay);
bc_str sim_replay_frame(const struct sim_replay *replay, size_t i);
/* Since the first frame; never goes backwards. */
int64_t sim_replay_offset_ns(const struct sim_replay *replay, size_t i);

#endif
