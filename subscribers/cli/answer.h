/* answer.h - one topic as the cache answered it, decoded and judged.
 *
 * Memory  strings and levels point into the reply and into the decoder's scratch: valid until the
 *         next question or the next answer. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "subscribers/cli/cli.h"

/* A topic and the five frames behind it. */
struct answer_frames {
	bc_str topic;
	int status; /* enum bc_rpc_status */
	enum bc_state state;
	int64_t age_ns, proven_ns; /* -1: never */
	bc_str payload;
};

/* BC_EPARSE: not what the cache's protocol says. */
bc_status answer_read(bc_str topic, const bc_str *five, struct answer_frames *out);

struct answer {
	struct bc_topic topic;
	bc_str topic_text;
	struct bc_message message;
	struct bc_message_view view; /* state and reason as they are now, ages */
	enum bc_reason reason;       /* of the state now */
	bc_wall_time since;          /* BC_TIME_UNKNOWN */
};

#define ANSWER_MAX_LEVELS 8192

/* Decodes f; levels go to levels[ANSWER_MAX_LEVELS]; `states` is the answer for the symbol's state
 * topic, or NULL. BC_EPARSE, BC_ERANGE, BC_EVERSION: the payload cannot be read. */
bc_status answer_decode(const struct answer_frames *f, const struct answer_frames *states,
			bc_level *levels, struct answer *out);

/* What an operator may ask of an answer. */
struct answer_limits {
	int64_t max_age_ns; /* of proven_ns; -1: any */
	bool allow_rest;
};
enum cli_status answer_judge(const struct answer *a, const struct answer_limits *limits);

#endif
