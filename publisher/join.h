/* join.h - one symbol's book out of a snapshot (REST) and the changes of a stream.
 *
 * The exchange says by two pure functions (struct bc_sync) how the numbers of a change relate to a
 * book and to the change before it; everything else is the same for all of this class:
 *
 *   empty --join_expect()--> changes are kept --join_snapshot()--> right, and follows the stream
 *   right --a link is missing--> broken --join_expect(), join_snapshot()--> right
 *   right --join_expect()--> right, and changes are also kept --join_snapshot()--> right, deeper
 *
 * Numbers grow. Where changes go on arriving that are all old, or all of a stream that is ahead of
 * a silent one, the book is broken after a while: JOIN_GAP.
 *
 * Pure: no clock, no request, no log. When to ask for a snapshot is the caller's decision.
 * Memory  one book a symbol; a buffer and a spare book are lent by the caller for the time a
 *         snapshot is under way, so that their number is bounded by the requests in flight.
 * Threads one. */
#ifndef JOIN_H
#define JOIN_H

#include "common/order_book.h"
#include "publisher/exchanges/exchange.h"

struct join;        /* one symbol */
struct join_buffer; /* changes that wait for a snapshot */

enum join_verdict {
	JOIN_APPLIED,   /* the book has changed and is right */
	JOIN_SAME,      /* nothing new: seen before, or older than the book */
	JOIN_WAITING,   /* no right book yet; kept for the snapshot if one is expected */
	JOIN_AHEAD,     /* a second stream is ahead of the one that is followed; not taken */
	JOIN_GAP,       /* something is missing: the book is broken. A change of another stream that
			 * continues it makes it right again (JOIN_APPLIED), else a snapshot */
	JOIN_TOO_OLD,   /* the snapshot does not reach the changes; another one is wanted */
	JOIN_TOO_MANY,  /* the buffer is full, what was kept is dropped; another snapshot is wanted
			 */
	JOIN_RANGE,     /* a level does not fit: the book is broken. Of a snapshot: its levels do
			 * not fit or stand in no order; what there was is as before */
	JOIN_NO_MEMORY, /* likewise */
};

/* `max_bytes` of changes are kept at most; all of it is taken here. */
bc_status join_buffer_new(struct join_buffer **out, size_t max_bytes);
void join_buffer_free(struct join_buffer **buffer);

bc_status join_new(struct join **out, const struct bc_sync *sync, uint32_t max_levels);
void join_free(struct join **join);

/* A snapshot has been asked for: changes are kept in `buffer` (lent until join_snapshot() returns
 * JOIN_APPLIED or JOIN_SAME, or join_expect_none()). A join expects one at a time. */
void join_expect(struct join *join, struct join_buffer *buffer);
struct join_buffer *join_expect_none(struct join *join); /* gives the buffer back; NULL: had none */

/* A change from a stream. Streams have numbers; one is followed, and another takes over when it
 * continues what we have. Changes of the followed stream must link each to the one before it. */
enum join_verdict join_delta(struct join *join, uint32_t stream, const struct bc_delta *delta);

/* The stream is gone; what comes next, from any stream, must link to the book. */
void join_stream_ended(struct join *join, uint32_t stream);

/* The book is not to be believed any more, for a reason of the caller's: only a snapshot mends it.
 */
void join_break(struct join *join);

/* Likewise, and the numbers that are known mean nothing any more: the exchange counts anew. */
void join_begin_anew(struct join *join);

/* A snapshot with its number; a side is full where the answer reached its limit. It is loaded into
 * *spare and brought up to the stream there, then the two books change places: a running book is
 * not disturbed by one that turns out to be useless. JOIN_TOO_OLD leaves what is kept, for the
 * next answer. */
enum join_verdict join_snapshot(struct join *join, struct bc_order_book **spare,
				const struct bc_book *snapshot, uint64_t seq, bool bids_full,
				bool asks_full);

bool join_right(const struct join *join);
bool join_expecting(const struct join *join);
uint64_t join_said(const struct join *join); /* the highest that is known; BC_SEQ_NONE */
uint64_t join_seq(const struct join *join);  /* of the book; BC_SEQ_NONE */
const struct bc_order_book *join_book(const struct join *join); /* the last good one, too */

#endif
