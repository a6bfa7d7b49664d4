/* arbiter.h - of two or more lines of one topic the first good copy of everything, once (A/B
 * lines).
 *
 * A line is one gateway process, known by its epoch. Everything heard of the topic is offered, and
 * the ruling says what to hand out:
 *
 *   trades, closed candles   happen once. The first copy of each is taken, whichever line says it
 *                            and however fit that line is: it has happened in any case. A trade
 *                            is known by its id; without one by number, time and content, and then
 *                            it may come as often as one line says it.
 *   everything else          replaces what was before. It is taken from the fittest lines only, and
 *                            only what is newer: by exchange sequence, else by the exchange's time
 *                            (of one time: what has not been said yet), else by the receive time,
 *                            and there only what says something else.
 *
 * So nothing that is taken while the topic is fit is older than what was taken so before; but when
 * the line that was taken last is not as fit any more, and the others are older than that for
 * BC_ARBITER_PATIENCE, they are believed: the exchange has begun to count anew.
 *
 * Losses  a hole in one line's numbers is filled when another line, without a hole of its own
 *         there, has got as far; it is lost when no line can do so any more. Of trades, which are a
 *         message each, a line that is whole only since the hole began fills as many as it has
 *         said since and the other line has not. Until it is known it is open. Every missing
 * message is told once: holes = filled + lost + open. Memory  one allocation: 2 KiB, with trades 26
 * KiB, the last BC_ARBITER_TRADES of them. What a line that is further behind says is a copy,
 * without a look. Four lines; a fifth takes the place of one that is gone, or else of the one that
 * has been silent longest. Pure    no clock, no I/O. Threads: one. */
#ifndef BC_ARBITER_H
#define BC_ARBITER_H

#include "common/standing.h"

enum { BC_ARBITER_TRADES = 1024, BC_ARBITER_CANDLES = 64, BC_ARBITER_LINES = 4 };

#define BC_ARBITER_PATIENCE (3 * BC_NS_PER_S)

struct bc_arbiter;

enum bc_verdict {
	BC_VERDICT_TAKE,
	BC_VERDICT_COPY,   /* said before, or older than what was */
	BC_VERDICT_UNFIT,  /* another line is fitter */
	BC_VERDICT_BEHIND, /* the fittest, but older than what was taken while fit: ask again */
};

struct bc_offer {
	const struct bc_message *message;
	bc_str payload;    /* what it was decoded from */
	uint64_t n_lost;   /* of this line, right before it */
	uint64_t heir_of;  /* the epoch whose place this line has just taken (a restart); 0: none */
	bool outranked;    /* another line is fitter now */
	bool leader_holds; /* bc_arbiter_leader() is still as fit as this line */
	bool fit;          /* the topic is fit now, by its fittest line */
	bool news;         /* it is otherwise fit than when something was taken last */
	bc_mono_time now;
};

struct bc_ruling {
	enum bc_verdict verdict;
	uint64_t n_gaps, n_lost; /* holes that nobody fills any more, and messages in them */
	uint64_t n_filled;       /* missing messages of a line that another one has brought */
};

/* Made when a second line appears. `first` is what was taken last of the line before, `fit` whether
 * the topic was then; its epoch is 0 where nothing was. Read are its envelope, of a candle ts_open
 * and closed, and of a trade the id. NULL: out of memory. */
struct bc_arbiter *bc_arbiter_new(const struct bc_message *first, bool fit);
void bc_arbiter_free(struct bc_arbiter **arbiter);

/* A message that its line had not said before. */
struct bc_ruling bc_arbiter_offer(struct bc_arbiter *arbiter, const struct bc_offer *offer);
/* What its line had said before, the newest of the fittest one: after states have changed, or when
 * BEHIND is to be asked again. Nothing is counted. */
enum bc_verdict bc_arbiter_again(struct bc_arbiter *arbiter, const struct bc_offer *offer);

/* A line says no more: it will not fill what is open. */
struct bc_ruling bc_arbiter_gone(struct bc_arbiter *arbiter, uint64_t epoch);
/* A line goes on as another process, which has said nothing of the topic yet. */
struct bc_ruling bc_arbiter_restarted(struct bc_arbiter *arbiter, uint64_t epoch, uint64_t newer);
/* The lines that have not gone; returns how many. */
size_t bc_arbiter_lines(const struct bc_arbiter *arbiter, uint64_t epochs[BC_ARBITER_LINES]);
/* The line that was taken last. */
uint64_t bc_arbiter_leader(const struct bc_arbiter *arbiter);

#endif
