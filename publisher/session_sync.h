/* session_sync.h - one symbol's book out of a snapshot and the changes of a stream; part of the
 * session.
 *
 *   IDLE --needed--> WANTED --its time--> QUEUED --weight, a slot--> IN_FLIGHT --answer--> IDLE
 *                                                         ahead of the stream --> HELD --> IDLE
 *
 * A snapshot is needed when a symbol is subscribed and its stream does not continue the book it
 * has, when the chain of changes breaks or the book cannot be right, and, beside the running book,
 * when few levels are left inside the edge of the last one. When it may be asked is decided by
 * symbol; when it is sent, by session_rest.c, the smallest sync_urgency() first.
 *
 * A snapshot is believed when the stream has reached its number: then what it says links to what
 * the stream says. One that is ahead is held beside the book until the stream is there; the stream
 * that still is behind after a while says that the snapshot is another's. Only where the stream has
 * been silent for that long is the snapshot believed by itself. */
#ifndef SESSION_SYNC_H
#define SESSION_SYNC_H

#include "publisher/join.h"
#include "publisher/session_due.h"

#define SYNC_BUFFERS      8 /* changes kept while an answer is under way, or shortly expected */
#define SYNC_BUFFER_BYTES (1u << 20)

#define SYNC_ANEW 3 /* snapshots that are behind a book that nobody follows */

#define SYNC_FIRST_NS BC_NS_PER_S          /* for a stream in doubt to link */
#define SYNC_RETRY_NS (250 * BC_NS_PER_MS) /* at least, after an answer that did not help */
#define SYNC_PROOF_NS (2 * BC_NS_PER_S)    /* for a stream to show itself, or to reach a snapshot */
#define SYNC_MUTE_NS  (10 * BC_NS_PER_S)   /* a stream is silent while its bbo moves */
#define SYNC_KEEP_NS  (2 * BC_NS_PER_S)    /* longer waits give the buffer back */
#define SYNC_EDGE_NS  (5 * BC_NS_PER_S)    /* at least, after one that left too few levels */
#define SYNC_LOOK_NS  (5 * BC_NS_PER_S)    /* who may not ask looks again, told to or not */
#define SYNC_TELL_NS  (60 * BC_NS_PER_S)   /* between two lines of log about a long queue */

enum sync_phase { SYNC_IDLE, SYNC_WANTED, SYNC_QUEUED, SYNC_IN_FLIGHT, SYNC_HELD };

struct symbol_sync {
	struct join *join; /* owned; NULL: its books are whole */
	enum sync_phase phase;
	enum join_verdict verdict; /* on the answer in flight; WAITING: there is none */
	bool linked;               /* the book follows its stream, without a doubt */
	bool was_right;            /* once */
	bool told, heard;          /* subscribed; a change has come since then */
	bool believed;             /* the stream has not reached the book yet */
	bool bbo_ahead, mute;      /* its bbo knows more than a silent stream; and for too long */
	uint32_t stream;           /* connection of the newest change, or of a snapshot; NOBODY */
	unsigned failures;         /* answers in a row that did not help */
	uint64_t heard_seq;        /* of the newest change on its connection */
	uint64_t unreached;        /* number of the last snapshot the stream did not reach */
	bc_mono_time told_at, heard_at, asked_at, answered_at, bbo_ahead_at;
	unsigned n_behind;        /* of the failures, older than a book not followed, by number */
	unsigned shallow;         /* answers in a row that left too few levels inside the edge */
	bc_mono_time due_at;      /* WANTED: not before; HELD: not longer */
	bc_mono_time not_before;  /* after failures */
	bc_mono_time edge_at;     /* because of the edge alone, not before */
	bc_mono_time since;       /* it is needed */
	bc_wall_time ts_exchange; /* of the newest change, as received */
	bc_wall_time received;
};

struct session_sync {
	bool on;         /* books are made of changes here */
	uint16_t line;   /* that carries them */
	uint32_t enough; /* levels inside the edge; with fewer a snapshot is wanted */
	struct bc_order_book *spare;
	struct sync_buffer {
		struct join_buffer *buffer;
		uint32_t symbol; /* it is lent to; NOBODY */
		bool held;       /* a snapshot, as follows */
		struct bc_book book;
		bc_level *levels;
		uint64_t seq;
		bc_wall_time ts_exchange, received;
	} buffers[SYNC_BUFFERS];
	bc_level *levels; /* scratch, of both sides */
	struct due due;   /* WANTED and HELD, by their due_at */
	bc_mono_time told_at;
};

#endif
