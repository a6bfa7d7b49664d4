/* board.h - the newest message of every topic, and whether it is still true.
 *
 * Shape   a topic has one line for each gateway process that publishes it (two with A/B lines);
 *         a line keeps its newest message as published: the last one heard, but for trades and
 *         candles that a gateway fetched by REST (flag rest) and that are older than what is kept.
 *         Gateways are common/gateways.h.
 * Users   whoever reads the bus: the cache holds all of it, libbookcast what it subscribed.
 * Pure    messages and times in, answers out: no socket, no clock. Times are of one clock that
 *         never goes back and counts the machine's sleep (bc_boot_now()).
 * Memory  payload buffers are reused; topics and bytes are bounded. At the limit what is gone
 *         longest makes room; where nothing is gone, the topic is forgotten rather than kept old.
 * Threads one. */
#ifndef BC_BOARD_H
#define BC_BOARD_H

#include "common/gateways.h"
#include "proto/message.h"

struct bc_board_limits {
	size_t max_topics;
	size_t max_bytes;  /* of payloads */
	int64_t retain_ns; /* how long a topic that is listed no more answers `down` */
};

struct bc_board_stats {
	uint64_t messages, bytes; /* taken from the bus, whatever became of them */
	uint64_t bad;             /* not a frame or message of ours */
	uint64_t newer_version;   /* of them: a newer major version */
	uint64_t unknown;         /* of a channel that came after this program; not kept */
	uint64_t duplicates;      /* seen before: welcomes, mostly */
	uint64_t stragglers;      /* of an epoch that has been replaced */
	uint64_t gaps, lost;      /* holes in sequences; messages missing in them */
	uint64_t refused;         /* no room: max_topics, max_bytes, too many gateways */
};

enum bc_board_status { BC_BOARD_OK = 200, BC_BOARD_NOT_FOUND = 404, BC_BOARD_NO_DATA = 503 };

#define BC_AGE_NEVER INT64_MAX /* an age: it never happened */

struct bc_board_answer {
	enum bc_board_status status;
	enum bc_state state; /* now, and why, and since when if anybody said */
	enum bc_reason reason;
	bc_wall_time since;
	int64_t age_ns;    /* since the data changed */
	int64_t proven_ns; /* since it was last known true */
	bc_str payload;    /* as published; valid until the board is changed */
};

struct bc_board;

struct bc_board *bc_board_new(const struct bc_board_limits *limits); /* NULL: out of memory */
void bc_board_free(struct bc_board **board);

/* Called when the last of a topic is forgotten; not by bc_board_free(). */
typedef void bc_board_forgotten_fn(void *self, bc_str topic);
void bc_board_on_forgotten(struct bc_board *board, bc_board_forgotten_fn *fn, void *self);

/* What the board's user keeps with a topic: zeroed at first, gone with the topic. */
struct bc_board_mark {
	void *of;
	uint64_t version;
};

/* What came of a message that was kept; valid until the next one. */
struct bc_board_taken {
	const struct bc_message *message;
	const struct bc_gateway *gateway;
	uint64_t n_lost;  /* of this topic and gateway, right before it */
	uint64_t heir_of; /* the epoch whose place it took with this message; 0: none */
	bool doubled; /* another gateway process publishes the topic, too; of a trade: or will */
	struct bc_board_mark *mark; /* of the topic */
};

/* One message of the bus; taken may be NULL.
 *   BC_OK         kept
 *   BC_EDUPLICATE seen before; it proves what is kept
 *   BC_EGAP       of a gateway process that has been replaced
 *   BC_ENOTFOUND  of a channel this program does not know
 *   BC_ERANGE, BC_ENOMEM  no room
 *   BC_EPARSE, BC_EVERSION  not readable
 * All but the first are counted and not kept. */
bc_status bc_board_take(struct bc_board *board, bc_str text, bc_str payload, bc_mono_time now,
			struct bc_board_taken *taken);
/* A frame that had no topic. */
void bc_board_bad_frame(struct bc_board *board);
/* Forgets what is due to be forgotten; call it about once a second. */
void bc_board_tick(struct bc_board *board, bc_mono_time now);

/* Behind: messages wait that were not read in time, and each may be newer than what is kept. Until
 * that is over nothing is fit: stale (clock). */
void bc_board_set_behind(struct bc_board *board, bool behind);

/* What should be asked of the gateways again: a prefix to renew. False: nothing more. */
bool bc_board_wants(struct bc_board *board, char prefix[BC_TOPIC_MAX + 1]);

void bc_board_get(struct bc_board *board, bc_str text, bc_mono_time now,
		  struct bc_board_answer *answer);
/* The same of the topic whose message was kept by the last bc_board_take(), without looking for
 * it. Nothing else may have been done with the board since. */
void bc_board_get_taken(struct bc_board *board, bc_mono_time now, struct bc_board_answer *answer);

/* bc_state_rank() of a topic's lines as they stand now; -1: there is none. */
struct bc_board_ranks {
	int own;    /* of the epoch that is asked for */
	int best;   /* of the fittest of all */
	int leader; /* of the other epoch that is asked for */
};

/* Of the topic whose message was kept by the last bc_board_take(), as bc_board_get_taken(). */
struct bc_board_ranks bc_board_ranks_taken(const struct bc_board *board, uint64_t own,
					   uint64_t leader, bc_mono_time now);
struct bc_board_ranks bc_board_ranks(struct bc_board *board, bc_str topic, uint64_t own,
				     uint64_t leader, bc_mono_time now);

/* The newest message of the topic of the last bc_board_take(), as that gateway process published
 * it; empty: there is none. Valid until the board is changed. */
bc_str bc_board_payload_taken(const struct bc_board *board, uint64_t epoch);

/* The number of the newest message kept of a topic from one gateway process; false: none. */
bool bc_board_last_seq(const struct bc_board *board, bc_str topic, uint64_t epoch, uint64_t *seq);

/* The topics that begin with `prefix`, sorted; at most max of them are written. Returns how many
 * there are. The texts are valid until the board is changed. */
size_t bc_board_list(struct bc_board *board, bc_str prefix, bc_str *topics, size_t max);

/* The exchange's spelling of a name that may be a unified one. BC_ENOTFOUND. */
bc_status bc_board_resolve(struct bc_board *board, bc_str exchange, bc_str name, bc_str *symbol);

const struct bc_board_stats *bc_board_stats(const struct bc_board *board);
const struct bc_gateways *bc_board_gateways(const struct bc_board *board);
size_t bc_board_topics(const struct bc_board *board);
size_t bc_board_bytes(const struct bc_board *board);

#endif
