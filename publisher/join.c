#include "publisher/join.h"
#include "publisher/join_buffer.h"

#include <stdlib.h>

/* What is known of the streams of a symbol: two while connections change, hardly ever more. One
 * that finds no place here loses its number only, and is taken as new. */
#define N_STREAMS 4

/* Changes in a row that brought nothing, after which something else is wrong than what they say:
 * the exchange's numbers began anew, or the stream that is followed has gone silent. What is sent
 * again comes out of its order; a row of changes each of which continues the one before it is a
 * stream that goes on elsewhere: of the one that is followed, or, where there is no right book to
 * lose, of any. */
#define MOST_SAME     1000
#define ROW_RIGHT     20
#define ROW_NOT_RIGHT 3
#define MOST_AHEAD    50

#define NO_STREAM UINT32_MAX

struct stream {
	uint32_t number; /* NO_STREAM: a free place */
	uint64_t last;   /* number of its last change */
};

struct join {
	const struct bc_sync *sync;
	struct bc_order_book *book;
	struct join_buffer *buffer; /* NULL: none expected */
	uint64_t seq;               /* of the book */
	uint64_t said;              /* the highest of any change; BC_SEQ_NONE */
	bool by_change;             /* it is as of a change, not as of a snapshot */
	bool right;
	bool sound; /* the book was right at seq and nothing but newer changes makes it wrong */
	uint32_t followed;
	struct stream streams[N_STREAMS];
	uint32_t n_same, n_ahead; /* in a row */
	uint32_t n_row;           /* of n_same, the last ones, that continue each other */
	uint64_t row_last;        /* number of the newest of them */
};

/* ------------------------------------------------------------------ coming and going */

static void forget_streams(struct join *join)
{
	for (size_t i = 0; i < N_STREAMS; i++)
		join->streams[i].number = NO_STREAM;
	join->followed = NO_STREAM;
}

bc_status join_new(struct join **out, const struct bc_sync *sync, uint32_t max_levels)
{
	struct join *join = calloc(1, sizeof *join);
	*out = join;
	if (join == NULL)
		return BC_ENOMEM;
	join->sync = sync;
	join->seq = join->said = BC_SEQ_NONE;
	forget_streams(join);
	if (bc_order_book_new(&join->book, max_levels) != BC_OK) {
		join_free(out);
		return BC_ENOMEM;
	}
	return BC_OK;
}

void join_free(struct join **join)
{
	if (*join == NULL)
		return;
	bc_order_book_free(&(*join)->book);
	free(*join);
	*join = NULL;
}

void join_expect(struct join *join, struct join_buffer *buffer)
{
	buffer_clear(buffer);
	join->buffer = buffer;
}

struct join_buffer *join_expect_none(struct join *join)
{
	struct join_buffer *buffer = join->buffer;
	join->buffer = NULL;
	return buffer;
}

/* ------------------------------------------------------------------ streams */

static struct stream *stream_find(struct join *join, uint32_t number)
{
	for (size_t i = 0; i < N_STREAMS; i++)
		if (join->streams[i].number == number)
			return &join->streams[i];
	return NULL;
}

static void stream_note(struct join *join, uint32_t number, uint64_t last)
{
	struct stream *stream = stream_find(join, number);
	if (stream == NULL)
		stream = stream_find(join, NO_STREAM);
	if (last != BC_SEQ_NONE && (join->said == BC_SEQ_NONE || join->said < last))
		join->said = last;
	for (size_t i = 0; stream == NULL; i++)
		if (join->streams[i].number != join->followed)
			stream = &join->streams[i];
	*stream = (struct stream){ number, last };
}

void join_stream_ended(struct join *join, uint32_t stream)
{
	struct stream *known = stream_find(join, stream);
	if (known != NULL)
		known->number = NO_STREAM;
	if (join->followed == stream)
		join->followed = NO_STREAM;
}

/* Who can bring a book as of `seq` further: the stream that got nearest without passing it. */
static const struct stream *stream_before(const struct join *join, uint64_t seq)
{
	const struct stream *best = NULL;
	for (size_t i = 0; i < N_STREAMS; i++) {
		const struct stream *s = &join->streams[i];
		if (s->number != NO_STREAM && s->last <= seq &&
		    (best == NULL || best->last < s->last))
			best = s;
	}
	return best;
}

static bool any_stream(const struct join *join)
{
	for (size_t i = 0; i < N_STREAMS; i++)
		if (join->streams[i].number != NO_STREAM)
			return true;
	return false;
}

/* ------------------------------------------------------------------ links */

/* A book, the stream that is followed, and where it stands in that stream. */
struct place {
	uint64_t seq;
	uint32_t followed;
	uint64_t last; /* of the followed stream; BC_SEQ_NONE */
};

/* The chain of the followed stream decides where the book stands at its end; anywhere else the
 * numbers of book and change do. */
static enum bc_link link_of(const struct bc_sync *sync, const struct place *at, uint32_t stream,
			    const struct bc_delta *delta)
{
	enum bc_link link = at->followed == stream && at->last == at->seq
				    ? sync->follows(at->seq, delta)
				    : sync->covers(at->seq, delta);
	if (delta->last_seq == BC_SEQ_NONE)
		return BC_LINK_GAP;
	return link == BC_LINK_NEXT && delta->last_seq < at->seq ? BC_LINK_OLD : link;
}

static enum join_verdict verdict_of(bc_status rc)
{
	return rc == BC_OK ? JOIN_APPLIED : rc == BC_ENOMEM ? JOIN_NO_MEMORY : JOIN_RANGE;
}

/* ------------------------------------------------------------------ changes */

void join_break(struct join *join)
{
	join->right = join->sound = false;
}

void join_begin_anew(struct join *join)
{
	join_break(join);
	forget_streams(join);
	join->said = BC_SEQ_NONE;
	join->n_same = join->n_ahead = 0;
}

/* For the snapshot that is under way, if one is. */
static enum join_verdict keep(struct join *join, uint32_t stream, const struct bc_delta *delta)
{
	if (join->buffer == NULL || buffer_keep(join->buffer, stream, delta))
		return JOIN_WAITING;
	buffer_clear(join->buffer);
	(void)buffer_keep(join->buffer, stream, delta);
	return JOIN_TOO_MANY;
}

static enum join_verdict take(struct join *join, uint32_t stream, const struct bc_delta *delta)
{
	enum join_verdict verdict = verdict_of(bc_order_book_apply(join->book, delta));
	if (verdict != JOIN_APPLIED) {
		join_break(join);
		return verdict;
	}
	bool same = join->right && delta->last_seq == join->seq;
	join->seq = delta->last_seq;
	join->followed = stream;
	join->by_change = join->right = true;
	return same ? JOIN_SAME : JOIN_APPLIED;
}

static enum join_verdict gap(struct join *join)
{
	join->right = false;
	return JOIN_GAP;
}

static bool goes_on_elsewhere(struct join *join, uint32_t stream, const struct bc_delta *delta)
{
	bool goes_on = join->n_same > 0 && delta->last_seq > join->row_last &&
		       join->sync->follows(join->row_last, delta) == BC_LINK_NEXT;
	join->n_row = goes_on ? join->n_row + 1 : 1;
	join->row_last = delta->last_seq;
	if (!join->right)
		return join->n_row >= ROW_NOT_RIGHT;
	return join->followed == stream && join->n_row >= ROW_RIGHT;
}

/* Nothing new for long: the numbers are not those we know. */
static enum join_verdict same(struct join *join, uint32_t stream, const struct bc_delta *delta)
{
	bool right = join->right, anew = goes_on_elsewhere(join, stream, delta);
	if (++join->n_same < MOST_SAME && !anew)
		return JOIN_SAME;
	join_begin_anew(join);
	stream_note(join, stream, delta->last_seq);
	enum join_verdict kept = keep(join, stream, delta);
	return right ? JOIN_GAP : kept;
}

static enum join_verdict ahead(struct join *join)
{
	return ++join->n_ahead < MOST_AHEAD ? JOIN_AHEAD : gap(join);
}

static enum join_verdict delta_while_right(struct join *join, uint32_t stream, enum bc_link link,
					   const struct bc_delta *delta)
{
	if (link == BC_LINK_OLD || (join->by_change && delta->last_seq == join->seq))
		return same(join, stream, delta);
	(void)keep(join, stream, delta);
	if (link == BC_LINK_NEXT)
		return take(join, stream, delta);
	if (join->followed != NO_STREAM && join->followed != stream)
		return ahead(join);
	return gap(join);
}

/* After a gap another stream may bring what was missing: then no snapshot is needed. */
static enum join_verdict delta_while_wrong(struct join *join, uint32_t stream, enum bc_link link,
					   const struct bc_delta *delta)
{
	enum join_verdict kept = keep(join, stream, delta);
	join->n_same = 0;
	if (join->sound && link == BC_LINK_NEXT && delta->last_seq > join->seq)
		return take(join, stream, delta);
	return kept;
}

enum join_verdict join_delta(struct join *join, uint32_t stream, const struct bc_delta *delta)
{
	struct stream *known = stream_find(join, stream);
	struct place at = { join->seq, join->followed, BC_SEQ_NONE };
	enum bc_link link = BC_LINK_GAP;
	enum join_verdict verdict;
	if (known != NULL) {
		at.last = known->last;
		if (join->sync->follows(known->last, delta) == BC_LINK_OLD)
			return same(join, stream, delta);
	}
	stream_note(join, stream, delta->last_seq);
	if (join->seq != BC_SEQ_NONE)
		link = link_of(join->sync, &at, stream, delta);
	verdict = join->right ? delta_while_right(join, stream, link, delta)
			      : delta_while_wrong(join, stream, link, delta);
	if (verdict == JOIN_APPLIED)
		join->n_same = join->n_ahead = 0;
	return verdict;
}

/* ------------------------------------------------------------------ snapshots */

/* Brings a snapshot up to the stream by what was kept. What does not link is passed over: a gap
 * before the snapshot hurts nobody, and one behind it is seen by where the book ends. */
static enum join_verdict replay(const struct join *join, struct bc_order_book *book,
				struct place *at)
{
	struct bc_delta delta;
	uint32_t stream;
	size_t cursor = 0;
	while (join->buffer != NULL && buffer_next(join->buffer, &cursor, &stream, &delta)) {
		if (link_of(join->sync, at, stream, &delta) != BC_LINK_NEXT)
			continue;
		enum join_verdict verdict = verdict_of(bc_order_book_apply(book, &delta));
		if (verdict != JOIN_APPLIED)
			return verdict;
		if (bc_order_book_top(book) == BC_TOP_CROSSED)
			return JOIN_TOO_OLD; /* a snapshot from behind this change is wanted */
		*at = (struct place){ delta.last_seq, stream, delta.last_seq };
	}
	return JOIN_APPLIED;
}

enum join_verdict join_snapshot(struct join *join, struct bc_order_book **spare,
				const struct bc_book *snapshot, uint64_t seq, bool bids_full,
				bool asks_full)
{
	struct place at = { seq, NO_STREAM, BC_SEQ_NONE };
	if (seq == BC_SEQ_NONE) /* nobody can say what comes after it */
		return JOIN_TOO_OLD;
	enum join_verdict verdict =
		verdict_of(bc_order_book_load(*spare, snapshot, bids_full, asks_full));
	if (verdict == JOIN_APPLIED)
		verdict = replay(join, *spare, &at);
	if (verdict != JOIN_APPLIED)
		return verdict;
	/* All streams are past it, or were when they ended: what lies in between was not kept. */
	const struct stream *next = stream_before(join, at.seq);
	bool past = join->said != BC_SEQ_NONE && at.seq < join->said;
	if (next == NULL && (past || any_stream(join)))
		return JOIN_TOO_OLD;
	if (join->right && at.seq < join->seq)
		return JOIN_TOO_OLD;
	struct bc_order_book *old = join->book;
	join->book = *spare;
	*spare = old;
	join->seq = at.seq;
	join->by_change = at.followed != NO_STREAM;
	join->right = join->sound = true;
	join->followed = next != NULL ? next->number : NO_STREAM;
	join->n_same = join->n_ahead = 0;
	join->buffer = NULL;
	return JOIN_APPLIED;
}

/* ------------------------------------------------------------------ looking at it */

bool join_right(const struct join *join)
{
	return join->right;
}

uint64_t join_said(const struct join *join)
{
	bool book = join->right && (join->said == BC_SEQ_NONE || join->said < join->seq);
	return book ? join->seq : join->said;
}

bool join_expecting(const struct join *join)
{
	return join->buffer != NULL;
}

uint64_t join_seq(const struct join *join)
{
	return join->seq;
}

const struct bc_order_book *join_book(const struct join *join)
{
	return join->book;
}
