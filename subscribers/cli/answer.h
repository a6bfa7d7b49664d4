/* answer.h - one topic as the cache answered it, decoded and judged.
 *
 * Memory  strings and levels point into the reply and into the decoder's scratch: valid until the
 *         next question or the next answer. */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include "common/board_frames.h"
#include "subscribers/cli/cli.h"

struct answer {
	struct bc_topic topic;
	bc_str topic_text;
	struct bc_message message;
	struct bc_message_view view; /* state and reason as they are now, ages */
	enum bc_reason reason;       /* of the state now */
	bc_wall_time since;          /* BC_TIME_UNKNOWN */
};

#define ANSWER_MAX_LEVELS 8192

/* Decodes what GET and STATE said of a topic (status 200); levels go to levels[ANSWER_MAX_LEVELS].
 * BC_EPARSE, BC_ERANGE, BC_EVERSION: the payload cannot be read. */
bc_status answer_decode(bc_str topic, const struct bc_board_answer *get,
			const struct bc_board_answer *state, bc_level *levels, struct answer *out);

/* The same without a message: how the topic is, as STATE said it. BC_EPARSE, BC_ERANGE: no topic.
 */
bc_status answer_standing(bc_str topic, const struct bc_board_answer *state, struct answer *out);

/* What an operator may ask of an answer. */
struct answer_limits {
	int64_t max_age_ns; /* of proven_ns; -1: any */
	bool allow_rest;
};
enum cli_status answer_judge(const struct answer *a, const struct answer_limits *limits);

#endif
