/* session_handover.h - two connections that carry the same for a while; part of the session.
 *
 * Before an exchange ends a connection, a successor is made, subscribed to the same and proven;
 * both run side by side until whatever comes on the first has been seen on the second; then the
 * first is dropped. The numbers of connections stay: the symbols change theirs, and the one that is
 * done waits to be used again, as the next successor or for more symbols. */
#ifndef SESSION_HANDOVER_H
#define SESSION_HANDOVER_H

#include "publisher/exchanges/exchange.h"

/* Before the end of a connection's life, at most: the time it takes to try again and again. How
 * much of it is used differs, so that connections made together are not replaced together. */
#define HANDOVER_MARGIN_NS (10 * 60 * BC_NS_PER_S)
#define HANDOVER_SPREAD_NS (30 * 60 * BC_NS_PER_S)
#define HANDOVER_SIDE_NS   (10 * BC_NS_PER_S) /* side by side, at least */
#define HANDOVER_HURRY_NS  (5 * BC_NS_PER_S)  /* the same where the end is announced */
#define HANDOVER_TRY_NS    (60 * BC_NS_PER_S) /* at most: then another successor is tried */
#define HANDOVER_LAG_NS    (3 * BC_NS_PER_S)  /* neither is behind the other by more */
#define HANDOVER_LOOK_NS   (500 * BC_NS_PER_MS)
#define HANDOVER_AFTER_NS  (60 * BC_NS_PER_S) /* a successor may bring what is known for so long */
#define HANDOVER_TORN_NS   (10 * BC_NS_PER_S) /* both have seen that the clock was set by then */
#define HELD_MAX_BYTES     (32u << 20)

/* What keeps an order of its own in a stream of a symbol. Of the first three the newest is all
 * that counts; of the others, candles of each interval apart, nothing may be left out. */
enum overlap_kind {
	OVERLAP_BOOK,
	OVERLAP_BBO,
	OVERLAP_TICKER,
	OVERLAP_DELTA,
	OVERLAP_TRADE,
	OVERLAP_CANDLE,
};

struct held { /* an event of the successor that the first has not reached; a copy */
	struct held *next;
	size_t bytes;
	bc_wall_time received;
	struct bc_event event; /* what it points to follows */
};

/* How far one stream of a symbol is: numbers, ids or times of what was taken, from whichever
 * connection. */
struct overlap_mark {
	uint64_t last;
	bool known;
	bool linked; /* the successor's goes on where ours is: nothing is missing between */
	bool ahead;  /* last came from the successor, the first one has yet to bring it */
	bc_mono_time torn_until;  /* the exchange's clock was set back: its times order nothing */
	struct held *head, *tail; /* oldest first; none where it is linked */
};

struct overlap { /* of one symbol */
	bool seen_old, seen_new;
	uint32_t n_held;
};

struct handover {
	uint32_t old, successor; /* old NOBODY: it is gone */
	bool over;               /* called off */
	bool flush;              /* old is gone: what is held goes on as it is */
	bc_mono_time begun_at;
	bc_mono_time side_by_side;  /* since; MONO_NEVER: not yet */
	bc_mono_time look_at;       /* when to see how far it is; of one that is over: free it */
	int64_t side_ns;            /* for so long, at least */
	struct overlap *symbols;    /* by number */
	struct overlap_mark *marks; /* n_streams each */
	uint32_t n_symbols, n_streams;
	uint32_t n_held;
	size_t held_bytes;
	struct handover *next; /* all of them */
};

#endif
