/* board_parts.h - what the board is made of: topics, and a topic's lines. Internal to the board. */
#ifndef BC_BOARD_PARTS_H
#define BC_BOARD_PARTS_H

#define HASH_NONFATAL_OOM 1 /* uthash would end the process */

#include "common/board.h"
#include "common/sequence.h"
#include "common/standing.h"

#include <uthash.h>

/* One topic as one gateway process publishes it. */
struct board_line {
	struct board_line *next; /* of the same topic */
	struct bc_gateway *gateway;
	struct bc_sequence sequence;
	/* of the newest message */
	struct bc_word word;
	struct bc_place_in_time at;
	bc_wall_time ts_open;   /* of a candle */
	bc_mono_time changed;   /* when its data last changed */
	bc_mono_time fit_since; /* of a state topic: without a break, while it is fit */
	bc_mono_time proven;    /* when a message or a frozen heartbeat last said it was true */
	bc_mono_time unlisted;  /* since when its gateway lists the symbol no more */
	bool was_proven, is_unlisted;
	bool doubted; /* its gateway was away since: what came meanwhile was missed */
	char *payload;
	size_t n_payload, cap_payload;
};

struct board_entry {
	UT_hash_handle hh;
	char topic[BC_TOPIC_MAX + 1];
	size_t n_topic, n_exchange, n_symbol; /* the symbol stands after the first dot */
	enum bc_channel channel;
	struct board_line *lines;
	struct board_name *name; /* of an instrument topic: its unified name, or NULL */
	/* The symbol's state topic, as it was found when the board had this version of its topics.
	 */
	struct board_entry *states;
	uint64_t states_version;
	/* More than one gateway lists the symbol, as of this version of the lists. */
	bool listed_twice;
	uint64_t lists_version;
	struct bc_board_mark mark;
};

struct board_name { /* a unified name, from the instrument topics */
	UT_hash_handle hh;
	struct board_entry *entry;
	size_t n;
	char text[]; /* exchange '.' unified */
};

enum { BOARD_MAX_GATEWAYS = 256, BOARD_MAX_LEVELS = 4096, BOARD_MAX_WANTS = 16 };

struct bc_board {
	struct bc_board_limits limits;
	struct bc_board_stats stats;
	struct bc_gateways *gateways;
	struct board_entry *entries;
	uint64_t version; /* grows with every topic that comes or goes; from 1 */
	uint64_t
		lists_version; /* grows when a gateway lists other symbols or is replaced; from 1 */
	struct board_entry *taken; /* of the last message that was kept, or NULL */
	struct board_name *names;
	size_t n_bytes, n_unlisted;
	bool behind;
	char wants[BOARD_MAX_WANTS][BC_TOPIC_MAX + 1];
	size_t n_wants;
	bc_board_forgotten_fn *on_forgotten; /* or NULL */
	void *forgotten_self;
	struct bc_message message; /* the one being read */
	bc_level levels[BOARD_MAX_LEVELS];
};

struct board_entry *board_find(const struct bc_board *board, bc_str topic); /* or NULL */
/* The entry of the state topic of a topic's symbol, or NULL; mostly without a search. */
struct board_entry *board_search_states(const struct bc_board *board, struct board_entry *e);
static inline struct board_entry *board_states(const struct bc_board *board, struct board_entry *e)
{
	return e->states_version == board->version ? e->states : board_search_states(board, e);
}

bc_str board_topic(const struct board_entry *e);
bc_str board_exchange(const struct board_entry *e);
bc_str board_symbol(const struct board_entry *e);

/* A line as it stands now. */
struct board_view {
	struct board_line *line;
	enum bc_state state; /* now, and why */
	enum bc_reason reason;
	bc_wall_time since;
	enum bc_state published; /* by its gateway: of this topic, or newer of its symbol */
	bool doubted;
	const struct bc_gateway *vouches; /* whose heartbeats count; NULL: the line's own */
};

/* The line that answers for the entry; `states` is the entry of the symbol's state topic or NULL.
 * view.line is NULL where there is none. */
struct board_view board_choose(const struct bc_board *board, const struct board_entry *e,
			       const struct board_entry *states, bc_mono_time now);

struct bc_board_ranks board_ranks(const struct bc_board *board, const struct board_entry *e,
				  const struct board_entry *states, uint64_t own, uint64_t leader,
				  bc_mono_time now);

/* When the data was last known true; false: never. */
bool board_proven(const struct board_view *view, bc_mono_time *when);

/* What heartbeats have proved until `heard` is noted in the line, before they stop counting. */
void board_freeze(struct board_line *line, bc_mono_time heard);

/* The instrument topic `e` says what its symbol is called. Of two that say the same the first one
 * is believed as long as it is listed. */
void board_name_learn(struct bc_board *board, struct board_entry *e, bc_str unified);
void board_name_forget(struct bc_board *board, struct board_entry *e);

#endif
