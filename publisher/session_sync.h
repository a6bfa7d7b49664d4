/* session_sync.h - one symbol's book out of a snapshot and the changes of a stream; part of the
 * session.
 *
 *   IDLE --needed--> WANTED --its time--> QUEUED --weight, a slot--> IN_FLIGHT --answer--> IDLE
 *
 * A snapshot is needed when a symbol is subscribed and its stream does not continue the book it
 * has, when the chain of changes breaks or the book cannot be right, and, beside the running book,
 * when few levels are left inside the edge of the last one. When it may be asked is decided by
 * symbol; when it is sent, by session_rest.c, the smallest sync_urgency() first. */
#ifndef SESSION_SYNC_H
#define SESSION_SYNC_H

#include "publisher/join.h"

#define SYNC_BUFFERS      8 /* changes kept while an answer is under way, or shortly expected */
#define SYNC_BUFFER_BYTES (1u << 20)

#define SYNC_FIRST_NS  BC_NS_PER_S          /* for a stream to show itself, or to link */
#define SYNC_RETRY_NS  (250 * BC_NS_PER_MS) /* at least, after an answer that did not help */
#define SYNC_KEEP_NS   (2 * BC_NS_PER_S)    /* longer waits give the buffer back */
#define SYNC_LASTED_NS (10 * BC_NS_PER_S)   /* a book that was right for so long did not flap */
#define SYNC_EDGE_NS   (5 * BC_NS_PER_S)    /* at least, after one that left too few levels */
#define SYNC_SCAN_NS   (10 * BC_NS_PER_MS)  /* between two looks at all who wait */
#define SYNC_TELL_NS   (60 * BC_NS_PER_S)   /* between two lines of log about a long queue */

enum sync_phase { SYNC_IDLE, SYNC_WANTED, SYNC_QUEUED, SYNC_IN_FLIGHT };

struct symbol_sync {
	struct join *join; /* owned; NULL: its books are whole */
	enum sync_phase phase;
	enum join_verdict verdict; /* on the answer in flight; WAITING: there is none */
	bool linked;               /* the book follows its stream, without a doubt */
	bool was_right;            /* once */
	bool ahead;                /* another stream has shown what the book does not have */
	uint32_t stream;           /* connection of the newest change; NOBODY */
	unsigned failures;         /* answers in a row that did not help, or not for long */
	unsigned shallow;          /* answers in a row that left too few levels inside the edge */
	bc_mono_time due_at;       /* WANTED: not before */
	bc_mono_time not_before;   /* after failures */
	bc_mono_time edge_at;      /* because of the edge alone, not before */
	bc_mono_time since;        /* it is needed */
	bc_mono_time good_at;      /* a snapshot made it right */
	bc_wall_time ts_exchange;  /* of the newest change, as received */
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
	} buffers[SYNC_BUFFERS];
	bc_level *levels; /* scratch, of both sides */
	bc_mono_time scan_at, told_at;
};

#endif
