/* What may happen between a snapshot and the changes around it, one story at a time. Every change
 * sets the bid at price 1 to its own last number, every snapshot to its number: the book says as
 * of when it is. */
#include "publisher/join.h"
#include "tests/support/sync_rules.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NONE         BC_SEQ_NONE

enum what { END, DELTA, EXPECT, SNAPSHOT, ENDED, BREAK, FULL };

struct step {
	enum what what;
	uint32_t stream;
	uint64_t first, last, prev; /* SNAPSHOT: last alone */
	enum join_verdict verdict;
	bool right;
	uint64_t seq; /* of the book afterwards */
};

#define EXPECTED(right, seq)                      \
	{                                         \
		EXPECT, 0, 0, 0, 0, 0, right, seq \
	}
#define GOT(at, verdict, right, seq)                       \
	{                                                  \
		SNAPSHOT, 0, 0, at, 0, verdict, right, seq \
	}
#define ON(s, U, u, verdict, right, seq)                  \
	{                                                 \
		DELTA, s, U, u, NONE, verdict, right, seq \
	}
#define FUT(s, U, u, pu, verdict, r, seq)           \
	{                                           \
		DELTA, s, U, u, pu, verdict, r, seq \
	}
#define GONE(s, right, seq)                      \
	{                                        \
		ENDED, s, 0, 0, 0, 0, right, seq \
	}
#define BROKEN(seq)                              \
	{                                        \
		BREAK, 0, 0, 0, 0, 0, false, seq \
	}

struct story {
	const char *why;
	const struct bc_sync *sync;
	struct step steps[16];
};

static const struct story stories[] = {
	{ "the usual start",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    ON(1, 13, 15, JOIN_WAITING, false, NONE), GOT(13, JOIN_APPLIED, true, 15),
	    ON(1, 16, 16, JOIN_APPLIED, true, 16) } },
	{ "a first change that begins right behind the snapshot",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    GOT(9, JOIN_APPLIED, true, 12) } },
	{ "a snapshot older than all that was kept, then one that is not",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    GOT(8, JOIN_TOO_OLD, false, NONE), ON(1, 13, 14, JOIN_WAITING, false, NONE),
	    GOT(11, JOIN_APPLIED, true, 14) } },
	{ "a snapshot older than a change that came before it was asked for",
	  &spot_sync,
	  { ON(1, 10, 12, JOIN_WAITING, false, NONE), EXPECTED(false, NONE),
	    GOT(11, JOIN_TOO_OLD, false, NONE), GOT(12, JOIN_APPLIED, true, 12),
	    ON(1, 13, 14, JOIN_APPLIED, true, 14) } },
	{ "a snapshot ahead of the stream is right at once",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    GOT(20, JOIN_APPLIED, true, 20), ON(1, 13, 19, JOIN_SAME, true, 20),
	    ON(1, 20, 22, JOIN_APPLIED, true, 22) } },
	{ "a quiet symbol never gets a change",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 21, JOIN_APPLIED, true, 21) } },
	{ "a quiet symbol whose first change does not link",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 22, 22, JOIN_GAP, false, 20), ON(1, 23, 23, JOIN_WAITING, false, 20) } },
	{ "a change is missing",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), ON(1, 24, 25, JOIN_GAP, false, 22),
	    EXPECTED(false, 22), ON(1, 26, 27, JOIN_WAITING, false, 22),
	    GOT(24, JOIN_TOO_OLD, false, 22), GOT(25, JOIN_APPLIED, true, 27),
	    ON(1, 28, 28, JOIN_APPLIED, true, 28) } },
	{ "duplicates, and one that overlaps",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), ON(1, 21, 22, JOIN_SAME, true, 22),
	    ON(1, 19, 20, JOIN_SAME, true, 22), ON(1, 22, 24, JOIN_APPLIED, true, 24) } },
	{ "two that changed places: what comes late mends nothing",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 21, JOIN_APPLIED, true, 21), ON(1, 23, 23, JOIN_GAP, false, 21),
	    ON(1, 22, 22, JOIN_SAME, false, 21), ON(1, 24, 24, JOIN_WAITING, false, 21) } },
	{ "a gap while a snapshot is under way: what follows it is of use",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    ON(1, 15, 16, JOIN_WAITING, false, NONE), ON(1, 17, 18, JOIN_WAITING, false, NONE),
	    GOT(12, JOIN_TOO_OLD, false, NONE), GOT(14, JOIN_APPLIED, true, 18),
	    ON(1, 19, 19, JOIN_APPLIED, true, 19) } },
	{ "a snapshot behind what a stream has said that is gone",
	  &spot_sync,
	  { ON(1, 10, 12, JOIN_WAITING, false, NONE), GONE(1, false, NONE), EXPECTED(false, NONE),
	    GOT(11, JOIN_TOO_OLD, false, NONE), GOT(12, JOIN_APPLIED, true, 12) } },
	{ "a gap between stream and snapshot hurts nobody",
	  &spot_sync,
	  { EXPECTED(false, NONE), ON(1, 10, 12, JOIN_WAITING, false, NONE),
	    GOT(20, JOIN_APPLIED, true, 20), ON(1, 15, 18, JOIN_SAME, true, 20),
	    ON(1, 19, 21, JOIN_APPLIED, true, 21) } },
	{ "a deeper snapshot beside the running book",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), EXPECTED(true, 22),
	    ON(1, 23, 24, JOIN_APPLIED, true, 24), ON(1, 25, 26, JOIN_APPLIED, true, 26),
	    GOT(21, JOIN_TOO_OLD, true, 26), GOT(23, JOIN_APPLIED, true, 26),
	    ON(1, 27, 27, JOIN_APPLIED, true, 27) } },
	{ "one that would take the number back",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20), EXPECTED(true, 20),
	    GOT(19, JOIN_TOO_OLD, true, 20), GOT(20, JOIN_APPLIED, true, 20) } },
	{ "a gap of the running book while a deeper one is under way",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), EXPECTED(true, 22),
	    ON(1, 23, 24, JOIN_APPLIED, true, 24), ON(1, 27, 28, JOIN_GAP, false, 24),
	    ON(1, 29, 30, JOIN_WAITING, false, 24), GOT(23, JOIN_TOO_OLD, false, 24),
	    GOT(26, JOIN_APPLIED, true, 30) } },
	{ "a lost connection; the next one links",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), GONE(1, true, 22),
	    ON(2, 21, 23, JOIN_APPLIED, true, 23) } },
	{ "a lost connection; the next one does not link",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), GONE(1, true, 22),
	    ON(2, 24, 25, JOIN_GAP, false, 22), EXPECTED(false, 22),
	    GOT(24, JOIN_TOO_OLD, false, 22), GOT(25, JOIN_APPLIED, true, 25) } },
	{ "a connection made before the first is dropped",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), ON(2, 24, 25, JOIN_AHEAD, true, 22),
	    ON(1, 23, 26, JOIN_APPLIED, true, 26), ON(2, 26, 26, JOIN_SAME, true, 26),
	    ON(2, 27, 27, JOIN_APPLIED, true, 27), ON(1, 27, 27, JOIN_SAME, true, 27),
	    GONE(1, true, 27), ON(2, 28, 28, JOIN_APPLIED, true, 28) } },
	{ "the one that was followed ends while the other is ahead",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 22, JOIN_APPLIED, true, 22), ON(2, 24, 25, JOIN_AHEAD, true, 22),
	    GONE(1, true, 22), ON(2, 26, 27, JOIN_GAP, false, 22) } },
	{ "a second stream brings what the first one lost",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 21, JOIN_APPLIED, true, 21), ON(2, 21, 21, JOIN_SAME, true, 21),
	    ON(1, 23, 23, JOIN_GAP, false, 21), ON(2, 22, 22, JOIN_APPLIED, true, 22),
	    ON(1, 24, 24, JOIN_AHEAD, true, 22), ON(2, 23, 24, JOIN_APPLIED, true, 24),
	    ON(1, 25, 25, JOIN_APPLIED, true, 25) } },
	{ "a book that was broken on purpose is mended by a snapshot alone",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(20, JOIN_APPLIED, true, 20),
	    ON(1, 21, 21, JOIN_APPLIED, true, 21), BROKEN(21), EXPECTED(false, 21),
	    ON(1, 22, 22, JOIN_WAITING, false, 21), ON(2, 22, 22, JOIN_WAITING, false, 21),
	    GOT(21, JOIN_APPLIED, true, 22) } },
	{ "a snapshot without a number can be joined to nothing",
	  &spot_sync,
	  { EXPECTED(false, NONE), GOT(NONE, JOIN_TOO_OLD, false, NONE) } },
	{ "a snapshot that was not asked for",
	  &spot_sync,
	  { GOT(20, JOIN_APPLIED, true, 20), ON(1, 21, 21, JOIN_APPLIED, true, 21),
	    GOT(20, JOIN_TOO_OLD, true, 21), GOT(25, JOIN_APPLIED, true, 25) } },
	{ "futures: numbers with holes",
	  &usdm_sync,
	  { EXPECTED(false, NONE), FUT(1, 100, 110, 90, JOIN_WAITING, false, NONE),
	    FUT(1, 121, 130, 110, JOIN_WAITING, false, NONE), GOT(105, JOIN_APPLIED, true, 130),
	    FUT(1, 150, 151, 130, JOIN_APPLIED, true, 151),
	    FUT(1, 152, 153, 130, JOIN_GAP, false, 151) } },
	{ "futures: the stream begins right behind the snapshot",
	  &usdm_sync,
	  { EXPECTED(false, NONE), FUT(1, 100, 110, 90, JOIN_WAITING, false, NONE),
	    GOT(90, JOIN_APPLIED, true, 110) } },
	{ "futures: a snapshot in a hole",
	  &usdm_sync,
	  { EXPECTED(false, NONE), FUT(1, 100, 110, 90, JOIN_WAITING, false, NONE),
	    GOT(95, JOIN_APPLIED, true, 110) } },
	{ "futures: a change that ends where the snapshot is links and changes nothing",
	  &usdm_sync,
	  { EXPECTED(false, NONE), GOT(110, JOIN_APPLIED, true, 110),
	    FUT(1, 100, 110, 90, JOIN_SAME, true, 110),
	    FUT(1, 121, 130, 110, JOIN_APPLIED, true, 130) } },
	{ "futures: numbers that follow without a hole do not link by that",
	  &usdm_sync,
	  { EXPECTED(false, NONE), GOT(110, JOIN_APPLIED, true, 110),
	    FUT(1, 105, 111, 100, JOIN_APPLIED, true, 111),
	    FUT(1, 113, 113, 112, JOIN_GAP, false, 111) } },
	{ "futures: after a gap, what only reaches the book mends nothing",
	  &usdm_sync,
	  { EXPECTED(false, NONE), GOT(110, JOIN_APPLIED, true, 110),
	    FUT(1, 112, 120, 110, JOIN_APPLIED, true, 120),
	    FUT(1, 133, 140, 130, JOIN_GAP, false, 120),
	    FUT(2, 112, 120, 110, JOIN_WAITING, false, 120),
	    FUT(2, 121, 130, 120, JOIN_APPLIED, true, 130) } },
	{ "futures: a snapshot ahead of the stream, in the middle of a change",
	  &usdm_sync,
	  { EXPECTED(false, NONE), FUT(1, 100, 110, 90, JOIN_WAITING, false, NONE),
	    GOT(115, JOIN_APPLIED, true, 115), FUT(1, 112, 120, 110, JOIN_APPLIED, true, 120) } },
	{ "futures: too old",
	  &usdm_sync,
	  { EXPECTED(false, NONE), FUT(1, 100, 110, 90, JOIN_WAITING, false, NONE),
	    GOT(89, JOIN_TOO_OLD, false, NONE) } },
	{ "futures: another connection with other cuts",
	  &usdm_sync,
	  { EXPECTED(false, NONE), GOT(110, JOIN_APPLIED, true, 110),
	    FUT(1, 112, 120, 110, JOIN_APPLIED, true, 120),
	    FUT(2, 115, 125, 114, JOIN_APPLIED, true, 125),
	    FUT(1, 122, 124, 120, JOIN_SAME, true, 125),
	    FUT(1, 125, 130, 124, JOIN_APPLIED, true, 130),
	    FUT(2, 135, 140, 133, JOIN_AHEAD, true, 130) } },
};

/* ------------------------------------------------------------------ telling them */

struct rig {
	struct join *join;
	struct join_buffer *buffer;
	struct bc_order_book *spare;
};

static void rig_start(struct rig *r, const struct bc_sync *sync, size_t buffer_bytes)
{
	cr_assert_eq(join_new(&r->join, sync, 100), BC_OK);
	cr_assert_eq(join_buffer_new(&r->buffer, buffer_bytes), BC_OK);
	cr_assert_eq(bc_order_book_new(&r->spare, 100), BC_OK);
}

static void rig_end(struct rig *r)
{
	join_free(&r->join);
	join_buffer_free(&r->buffer);
	bc_order_book_free(&r->spare);
}

static enum join_verdict on_delta(struct rig *r, uint32_t stream, uint64_t first, uint64_t last,
				  uint64_t prev)
{
	bc_level level = { { 1, 0 }, { (int64_t)last, 0 } };
	struct bc_delta delta = {
		.bids = &level, .n_bids = 1, .first_seq = first, .last_seq = last, .prev_seq = prev
	};
	return join_delta(r->join, stream, &delta);
}

static enum join_verdict on_snapshot(struct rig *r, uint64_t seq)
{
	bc_level level = { { 1, 0 }, { (int64_t)(seq & INT64_MAX), 0 } };
	struct bc_book book = { .bids = &level, .n_bids = 1 };
	return join_snapshot(r->join, &r->spare, &book, seq, false, false);
}

static void check_book(const struct rig *r, const char *why, size_t i)
{
	bc_level level = { { 0, 0 }, { 0, 0 } };
	int64_t as_of = -1;
	cr_assert_eq(bc_order_book_copy(join_book(r->join), BC_BIDS, 1, &level), 1);
	cr_assert_eq(bc_decimal_at(level.quantity, 0, &as_of), BC_OK);
	cr_expect_eq((uint64_t)as_of, join_seq(r->join), "%s, step %zu: the book is as of %ld", why,
		     i, (long)as_of);
}

static void tell(const struct story *story)
{
	struct rig r;
	rig_start(&r, story->sync, 4096);
	for (size_t i = 0; i < COUNT(story->steps) && story->steps[i].what != END; i++) {
		const struct step *s = &story->steps[i];
		enum join_verdict verdict = s->verdict;
		if (s->what == DELTA)
			verdict = on_delta(&r, s->stream, s->first, s->last, s->prev);
		else if (s->what == SNAPSHOT)
			verdict = on_snapshot(&r, s->last);
		else if (s->what == EXPECT)
			join_expect(r.join, r.buffer);
		else if (s->what == ENDED)
			join_stream_ended(r.join, s->stream);
		else
			join_break(r.join);
		cr_expect_eq(verdict, s->verdict, "%s, step %zu: verdict %d", story->why, i,
			     verdict);
		cr_expect_eq(join_right(r.join), s->right, "%s, step %zu: right %d", story->why, i,
			     join_right(r.join));
		cr_expect_eq(join_seq(r.join), s->seq, "%s, step %zu: at %ld", story->why, i,
			     (long)join_seq(r.join));
		if (join_right(r.join))
			check_book(&r, story->why, i);
	}
	rig_end(&r);
}

Test(join, stories)
{
	for (size_t i = 0; i < COUNT(stories); i++)
		tell(&stories[i]);
}

/* ------------------------------------------------------------------ bounds */

Test(join, a_full_buffer_is_said_and_starts_anew)
{
	struct rig r;
	rig_start(&r, &spot_sync, 400);
	join_expect(r.join, r.buffer);
	uint64_t seq = 1;
	while (on_delta(&r, 1, seq, seq, NONE) == JOIN_WAITING)
		cr_assert_lt(++seq, 100);
	cr_expect_gt(seq, 3);
	cr_expect(join_expecting(r.join));
	cr_expect_eq(on_delta(&r, 1, seq + 1, seq + 1, NONE), JOIN_WAITING, "room again");
	cr_expect_eq(on_snapshot(&r, seq - 2), JOIN_TOO_OLD, "what would link was dropped");
	cr_expect_eq(on_snapshot(&r, seq - 1), JOIN_APPLIED, "the rest is there");
	cr_expect_eq(join_seq(r.join), seq + 1);
	rig_end(&r);
}

Test(join, a_change_larger_than_the_buffer_is_not_kept)
{
	struct rig r;
	rig_start(&r, &spot_sync, 10);
	join_expect(r.join, r.buffer);
	cr_expect_eq(on_delta(&r, 1, 5, 6, NONE), JOIN_TOO_MANY);
	cr_expect_eq(on_snapshot(&r, 5), JOIN_TOO_OLD);
	cr_expect_eq(on_snapshot(&r, 6), JOIN_APPLIED);
	cr_expect_not(join_expecting(r.join));
	rig_end(&r);
}

Test(join, a_running_book_does_not_mind_a_full_buffer)
{
	struct rig r;
	rig_start(&r, &spot_sync, 400);
	cr_assert_eq(on_snapshot(&r, 10), JOIN_APPLIED);
	join_expect(r.join, r.buffer);
	for (uint64_t seq = 11; seq < 100; seq++)
		cr_assert_eq(on_delta(&r, 1, seq, seq, NONE), JOIN_APPLIED);
	cr_expect_eq(on_snapshot(&r, 20), JOIN_TOO_OLD);
	cr_expect_eq(join_seq(r.join), 99);
	cr_expect_eq(join_expect_none(r.join), r.buffer);
	cr_expect_null(join_expect_none(r.join));
	rig_end(&r);
}

Test(join, what_does_not_fit_breaks_the_book_and_a_snapshot_mends_it)
{
	struct rig r;
	bc_level far = { { 1, -60 }, { 1, 0 } }, near = { { 1, 0 }, { 12, 0 } };
	struct bc_delta delta = {
		.bids = &far, .n_bids = 1, .first_seq = 11, .last_seq = 11, .prev_seq = NONE
	};
	bc_level both[] = { near, far };
	struct bc_book bad = { .bids = both, .n_bids = 2 };
	rig_start(&r, &spot_sync, 4096);
	cr_assert_eq(on_snapshot(&r, 10), JOIN_APPLIED);
	cr_expect_eq(join_snapshot(r.join, &r.spare, &bad, 12, false, false), JOIN_RANGE);
	cr_expect(join_right(r.join), "the running book is as it was");
	cr_expect_eq(join_delta(r.join, 1, &delta), JOIN_RANGE);
	cr_expect_not(join_right(r.join));
	cr_expect_eq(on_delta(&r, 2, 11, 12, NONE), JOIN_WAITING, "no change mends that");
	cr_expect_eq(on_snapshot(&r, 13), JOIN_APPLIED);
	check_book(&r, "mended", 0);
	rig_end(&r);
}

/* Books that are right for ever because nothing new comes would be a lie. */
Test(join, numbers_that_begin_anew_are_noticed)
{
	struct rig r;
	uint64_t seq = 1;
	rig_start(&r, &spot_sync, 4096);
	cr_assert_eq(on_snapshot(&r, 1000000), JOIN_APPLIED);
	cr_assert_eq(on_delta(&r, 1, 1000001, 1000001, NONE), JOIN_APPLIED);
	while (on_delta(&r, 1, seq, seq, NONE) == JOIN_SAME)
		cr_assert_lt(++seq, 2000);
	cr_expect_not(join_right(r.join));
	seq++;
	cr_expect_eq(on_delta(&r, 1, seq, seq, NONE), JOIN_WAITING);
	cr_expect_eq(on_snapshot(&r, seq), JOIN_APPLIED, "the new numbers are as good");
	cr_expect_eq(on_delta(&r, 1, seq + 1, seq + 1, NONE), JOIN_APPLIED);
	rig_end(&r);
}

Test(join, a_stream_that_went_silent_is_noticed)
{
	struct rig r;
	uint64_t seq = 20;
	rig_start(&r, &spot_sync, 4096);
	cr_assert_eq(on_snapshot(&r, 10), JOIN_APPLIED);
	cr_assert_eq(on_delta(&r, 1, 11, 11, NONE), JOIN_APPLIED);
	while (on_delta(&r, 2, seq, seq, NONE) == JOIN_AHEAD)
		cr_assert_lt(++seq, 200);
	cr_expect_not(join_right(r.join));
	cr_expect_eq(on_delta(&r, 1, 12, 12, NONE), JOIN_APPLIED, "it was not silent after all");
	rig_end(&r);
}

/* What an exchange said falsely in one change is still in the book after the next one has taken
 * away what it crossed; nothing shows it then. */
Test(join, a_kept_change_that_crosses_the_book_wants_a_snapshot_from_behind_it)
{
	struct rig r;
	bc_level bid = { { 4, 0 }, { 1, 0 } }, low = { { 1, 0 }, { 1, 0 } };
	bc_level ask = { { 3, 0 }, { 1, 0 } }, gone = { { 3, 0 }, { 0, 0 } }, top;
	struct bc_delta crosses = {
		.bids = &bid, .n_bids = 1, .first_seq = 10, .last_seq = 10, .prev_seq = BC_SEQ_NONE
	};
	struct bc_delta hides = {
		.asks = &gone, .n_asks = 1, .first_seq = 11, .last_seq = 11, .prev_seq = BC_SEQ_NONE
	};
	struct bc_book book = { .bids = &low, .asks = &ask, .n_bids = 1, .n_asks = 1 };
	rig_start(&r, &spot_sync, 4096);
	join_expect(r.join, r.buffer);
	cr_expect_eq(join_delta(r.join, 1, &crosses), JOIN_WAITING);
	cr_expect_eq(join_delta(r.join, 1, &hides), JOIN_WAITING);
	cr_expect_eq(join_snapshot(r.join, &r.spare, &book, 9, false, false), JOIN_TOO_OLD);
	cr_expect_not(join_right(r.join));
	cr_expect_eq(join_snapshot(r.join, &r.spare, &book, 10, false, false), JOIN_APPLIED);
	cr_expect_eq(join_seq(r.join), 11);
	cr_assert_eq(bc_order_book_copy(join_book(r.join), BC_BIDS, 1, &top), 1);
	cr_expect_eq(top.price.mantissa, 1);
	rig_end(&r);
}

/* Where numbers have holes, a change that ends where the snapshot does still counts. One that ends
 * where a change of the other stream did says nothing new, and is not applied: it may be false. */
Test(join, a_change_that_ends_where_the_last_one_did_is_not_applied)
{
	struct rig r;
	bc_level high = { { 9, 0 }, { 1, 0 } }, top;
	struct bc_delta same = {
		.bids = &high, .n_bids = 1, .first_seq = 24, .last_seq = 25, .prev_seq = 20
	};
	rig_start(&r, &usdm_sync, 4096);
	cr_assert_eq(on_snapshot(&r, 20), JOIN_APPLIED);
	cr_assert_eq(on_delta(&r, 1, 22, 25, 20), JOIN_APPLIED);
	cr_expect_eq(join_delta(r.join, 2, &same), JOIN_SAME);
	cr_assert_eq(bc_order_book_copy(join_book(r.join), BC_BIDS, 1, &top), 1);
	cr_expect_eq(top.price.mantissa, 1);
	cr_assert_eq(on_snapshot(&r, 25), JOIN_APPLIED);
	cr_expect_eq(join_delta(r.join, 3, &same), JOIN_SAME, "behind a snapshot it counts");
	cr_assert_eq(bc_order_book_copy(join_book(r.join), BC_BIDS, 1, &top), 1);
	cr_expect_eq(top.price.mantissa, 9);
	cr_expect_eq(on_delta(&r, 2, 26, 27, 25), JOIN_APPLIED);
	rig_end(&r);
}

Test(join, any_number_of_streams)
{
	struct rig r;
	rig_start(&r, &spot_sync, 4096);
	cr_assert_eq(on_snapshot(&r, 10), JOIN_APPLIED);
	for (uint32_t i = 0; i < 100; i++) {
		cr_assert_eq(on_delta(&r, i, 11 + i, 11 + i, NONE), JOIN_APPLIED);
		cr_assert_eq(on_delta(&r, i, 11 + i, 11 + i, NONE), JOIN_SAME);
	}
	rig_end(&r);
}
