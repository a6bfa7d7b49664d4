/* session_fallback.h - data that is polled by REST while its stream is down; part of the session.
 *
 * Who is polled, and what is made of the answers: session_fallback.c. Who is next: session_poll.c.
 */
#ifndef SESSION_FALLBACK_H
#define SESSION_FALLBACK_H

#include "publisher/session.h"

#define POLL_SHARE 3 /* polls get one of so many parts of the weight */

/* Where a book or a ticker stands in time: by the exchange's number, or else by its clock. */
struct poll_mark {
	enum { MARK_NONE, MARK_NUMBER, MARK_TIME } by;
	uint64_t at;
};

enum poll_kind { POLL_BOOKS, POLL_TICKERS, N_POLLS };

/* What of a stream may be behind the polls, each by itself: a bbo is held against the books. */
enum lagging { LAGS_BOOK, LAGS_BBO, LAGS_TICKER, N_LAGS };

/* What is polled while its stream is down; session_fallback.c. */
struct symbol_fallback {
	bool on;                  /* it is polled */
	bool refused;             /* by REST it is not known, until the next list */
	enum bc_reason why;       /* its stream is down */
	unsigned behind[N_POLLS]; /* answers in a row that were older than what is known */
	bc_mono_time down_at;     /* since when, where symbol.down says so */
	bc_mono_time good_at;     /* the last answer that held */
	bc_mono_time
		lags_since[N_LAGS]; /* since when its stream is back and behind; 0: it is not */
	bc_mono_time polled_at[N_POLLS];  /* asked for; 0: not yet */
	struct poll_mark newest[N_POLLS]; /* published */
};

struct fallback {
	enum poll_kind proof;       /* which of them makes a symbol `rest`; N_POLLS: nothing does */
	uint32_t n_down, n_on;      /* symbols */
	int64_t round_ns;           /* each of them is polled once in */
	bc_mono_time look_at;       /* at all of them, next */
	bc_mono_time believed_from; /* what was asked before is from before this machine slept */
	bool told;                  /* that there are some */
	bc_mono_time told_at;
};

/* session_fallback.c */
void fallback_new(struct session *s); /* after the channels are chosen */
/* Its connection is lost, or was not there yet. */
void fallback_lost(struct session *s, uint32_t id, enum bc_reason reason);
void fallback_over(struct session *s, uint32_t id); /* it is live, halted or gone */
void fallback_clock(struct session *s);             /* this machine slept */
/* Is what the stream of a symbol that is not fit says older than what was polled? Number of a book
 * out of changes, or an event as it came. */
bool fallback_behind(struct session *s, uint32_t id, uint64_t seq);
bool fallback_stream_behind(struct session *s, uint32_t id); /* what it said last */
bool fallback_refuses(struct session *s, uint32_t id, const struct bc_event *event);
void fallback_take(struct session *s, uint32_t id, const struct bc_event *event); /* polled */
void fallback_tick(struct session *s);
bc_mono_time fallback_deadline(const struct session *s);

#endif
