/* bookcast.h - market data from a bookcast bus: subscribe, receive, and know whether it is true.
 *
 *   bookcast *bus = bookcast_connect(NULL);                       the cache of this machine
 *   bookcast_subscribe(bus, "upbit", "KRW-BTC", "book");          or "BTC/KRW"
 *   const bookcast_message *m;
 *   while (bookcast_recv(bus, 1000, &m) >= 0)
 *           if (bookcast_fit(bus, "upbit", "KRW-BTC", "book", 2000))      may I trade on this?
 *                   trade(bookcast_latest(...));
 *   bookcast_close(&bus);
 *
 * Who is slow chooses what becomes of what he does not take in time: bookcast_policy(). What became
 * of every message stands in bookcast_audit().
 *
 * The cache is asked where the gateways are; data come from them directly. Losses are seen by their
 * numbers and counted; what can be repaired is asked of the cache. A gateway whose heartbeats stop
 * makes everything of it stale (reason gateway), and that is received like a message. Two gateways
 * of the same topics (A/B lines) are one stream: of everything the first good copy, once.
 *
 * Numbers are exact: mantissa * 10^exponent. Prices are in quote currency, quantities in base
 * currency or contracts, as the instrument says.
 *
 * Times are ns since 1970 of the clocks that their names say; BOOKCAST_UNKNOWN where nobody said.
 * Ages are measured here, by a monotonic clock that counts the machine's sleep.
 *
 * A message belongs to the handle and is valid until the next call with that handle.
 *
 * Nothing runs behind your back: all work is done within these functions (libzmq's own I/O thread
 * moves bytes). A handle belongs to one thread; there may be several.
 *
 * Structures grow at their ends only and are made by the library; numbers of enumerations keep
 * their meaning and new ones come, so have a default. */
#ifndef BOOKCAST_H
#define BOOKCAST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef BOOKCAST_API
#define BOOKCAST_API __attribute__((visibility("default")))
#endif

#define BOOKCAST_UNKNOWN INT64_MIN /* a time that nobody gave */
#define BOOKCAST_NEVER   INT64_MAX /* an age of what never happened */

enum { /* results; below 0: bookcast_error() says what */
       BOOKCAST_OK = 0,
       BOOKCAST_MESSAGE = 1, /* of bookcast_recv(): there is one */
       BOOKCAST_EINVAL = -1, /* an argument that cannot be */
       BOOKCAST_ENOMEM = -2,
       BOOKCAST_ENOTFOUND = -3, /* nobody serves it */
       BOOKCAST_ENODATA = -4,   /* its gateway is known, but it has no data yet */
       BOOKCAST_ENOANSWER = -5, /* the cache does not answer */
       BOOKCAST_EIO = -6
};

enum { /* channels */
       BOOKCAST_BOOK = 0,
       BOOKCAST_BBO = 1,
       BOOKCAST_TRADE = 2,
       BOOKCAST_TICKER = 3,
       BOOKCAST_CANDLE = 4,
       BOOKCAST_INSTRUMENT = 5,
       BOOKCAST_STATE = 6
};

enum { /* states; LIVE and QUIET may be traded on */
       BOOKCAST_CONNECTING = 0,
       BOOKCAST_SYNCING = 1,
       BOOKCAST_LIVE = 2,
       BOOKCAST_QUIET = 3, /* nothing changes, and the feed is proven */
       BOOKCAST_REST = 4,  /* polled: only for who accepts that */
       BOOKCAST_STALE = 5,
       BOOKCAST_HALTED = 6,
       BOOKCAST_DOWN = 7
};

enum { /* why; bookcast_reason_word() has the words of all */
       BOOKCAST_REASON_NONE = 0,
       BOOKCAST_REASON_GAP = 2,
       BOOKCAST_REASON_GATEWAY = 8, /* its gateway is gone */
       BOOKCAST_REASON_DELISTED = 9
};

enum {                                  /* bits of flags */
       BOOKCAST_FLAG_SNAPSHOT = 1 << 0, /* of a book: all of it was sent; of a trade: history */
       BOOKCAST_FLAG_WELCOME = 1 << 1,  /* the current state, sent to a new subscriber */
       BOOKCAST_FLAG_REST = 1 << 2,     /* fetched, not streamed */
       BOOKCAST_FLAG_CHECKSUM = 1 << 3, /* the exchange's checksum was compared and is right */
       BOOKCAST_FLAG_CLOCK = 1 << 4,    /* the exchange's time is implausible */
       BOOKCAST_FLAG_EDGE = 1 << 5,     /* fewer levels: beyond them nothing is vouched for */
       BOOKCAST_FLAG_RANGE = 1 << 6,    /* a statistic did not fit and is unknown */
       BOOKCAST_FLAG_STATE = 1 << 7,    /* published for its state; the data are as before */
       BOOKCAST_FLAG_LOCKED = 1 << 8    /* bid equals ask */
};

enum { BOOKCAST_BUY = 1, BOOKCAST_SELL = 2 }; /* sides of a trade, the taker's; 0: unknown */

enum { /* where a message came from */
       BOOKCAST_FROM_GATEWAY = 0,
       BOOKCAST_FROM_CACHE = 1, /* a repair, or the first one of a late joiner */
       BOOKCAST_FROM_HERE = 2,  /* the message before once more: its state has changed since */
       BOOKCAST_FROM_MEMORY = 3 /* bookcast_latest() found it in the gateway's memory */
};

enum {                     /* policies: what a slow reader hears */
       BOOKCAST_ALL = 0,   /* every message, up to what the queues hold; then holes */
       BOOKCAST_LATEST = 1 /* the newest of each topic; trades and closed candles all the same */
};

typedef struct bookcast_decimal {
	int64_t mantissa;
	int32_t exponent; /* INT32_MIN: there is no value */
} bookcast_decimal;

typedef struct bookcast_level {
	bookcast_decimal price, quantity;
} bookcast_level;

typedef struct bookcast_book {             /* of book, and of bbo with at most one level a side */
	const bookcast_level *bids, *asks; /* best first */
	size_t n_bids, n_asks;
} bookcast_book;

/* A trade flagged SNAPSHOT is history: it may repeat what was said live, to you or before you came;
 * trade_id tells. It may be older than those before it, and comes whenever somebody subscribes, or
 * after the exchange was lost. bookcast_latest() is never taken back by it, and bookcast_trades()
 * has each once. The same goes for candles with SNAPSHOT and REST.
 *
 * Others come in their order; but where two gateways serve the topic, one that was lost on its way
 * from one of them comes when the other one says it, after up to 1,024 younger ones. exchange_seq,
 * or where there is none ts_exchange, is below that of the one before it then. */
typedef struct bookcast_trade {
	bookcast_decimal price, quantity;
	int side;
	const char *trade_id;
} bookcast_trade;

typedef struct bookcast_ticker { /* any may have no value */
	bookcast_decimal last, open, high, low;
	bookcast_decimal volume, quote_volume; /* of the last 24 h */
	bookcast_decimal change;               /* signed, absolute */
} bookcast_ticker;

typedef struct bookcast_candle {
	const char *interval; /* "1m" */
	int64_t ts_open;
	bookcast_decimal open, high, low, close, volume, quote_volume;
	int closed; /* 1 yes, 0 no, -1 the exchange does not say */
} bookcast_candle;

typedef struct bookcast_instrument {
	const char *base, *quote, *unified, *kind, *status;
	bookcast_decimal tick, lot, contract_size; /* may have no value */
} bookcast_instrument;

typedef struct bookcast_message {
	int channel, source;
	const char *topic, *exchange, *symbol; /* symbol in the exchange's own spelling */
	int state, reason;                     /* now, as far as can be known here */
	int64_t since;                         /* of this state; wall time of the gateway */
	uint64_t epoch, seq;                   /* the gateway's start; the topic's number in it */
	uint64_t n_lost;                       /* messages of this topic missing before this one */
	int has_exchange_seq;
	uint64_t exchange_seq;
	int64_t ts_exchange, ts_recv, ts_publish; /* the exchange's clock; the gateway's */
	unsigned flags;
	union {
		bookcast_book book; /* and bbo */
		bookcast_trade trade;
		bookcast_ticker ticker;
		bookcast_candle candle;
		bookcast_instrument instrument;
		struct {
			int previous;
		} state;
	} body;
	uint64_t n_replaced; /* messages of this topic that came, and that this one stands for */
	uint64_t n_unfit;    /* times in between that it was not fit to trade on */
} bookcast_message;

typedef struct bookcast_condition {
	int state, reason;
	int64_t since;     /* wall time of the gateway, or BOOKCAST_UNKNOWN */
	int64_t age_ns;    /* since the data changed; BOOKCAST_NEVER */
	int64_t proven_ns; /* since they were last known true; BOOKCAST_NEVER */
} bookcast_condition;

typedef struct bookcast_counters {
	uint64_t messages, bytes; /* heard, internal ones included */
	uint64_t gaps, lost;      /* holes in the numbers of subscribed topics; messages in them */
	uint64_t repaired;        /* of those gaps: the newest state was confirmed afterwards */
	uint64_t duplicates;      /* seen before: welcomes, mostly */
	uint64_t unreadable;
	uint64_t gateways, gone;        /* known now; of them without heartbeats */
	uint64_t questions, unanswered; /* to the cache */
	uint64_t from_memory; /* bookcast_latest(), _state(), _fit() that found it in the gateway's
			       */
	/* Two gateways of the same topics (A/B lines): second copies that were dropped; messages
	 * missing on one line that the other one has brought, and that are not in `lost`. */
	uint64_t arbitrated, filled;
} bookcast_counters;

/* What became of every message of a topic since its gateway's first one here; what the cache had
 * before that is not counted. Always
 *   published = received + lost + conflated + redundant + waiting
 * and where one gateway serves the topic and all that waits was received,
 *   published = received + lost + conflated. */
typedef struct bookcast_account {
	uint64_t published; /* by their numbers, so with those that never came */
	uint64_t received;  /* returned by bookcast_recv() */
	uint64_t lost;      /* the sum of n_lost, but for what has not been told yet */
	uint64_t conflated; /* the sum of n_replaced, likewise */
	uint64_t redundant; /* of two lines: said by the other one, too */
	uint64_t waiting;   /* to be returned by bookcast_recv() */
} bookcast_account;

typedef struct bookcast bookcast; /* a connection to the bus */

/* The cache's endpoint, such as "ipc:///run/bookcast/cache.rpc"; NULL: the environment's
 * BOOKCAST_CACHE, or that of this machine. Waits for nobody: what is not there yet is found when it
 * comes. NULL with errno: EINVAL, not an endpoint, or no run directory; ENOMEM. */
BOOKCAST_API bookcast *bookcast_connect(const char *cache);
BOOKCAST_API void bookcast_close(bookcast **bus); /* sets *bus to NULL; NULL is fine */

/* Channels are "book", "bbo", "trade", "ticker", "candle-<interval>", "instrument", "state". A
 * symbol is the exchange's spelling, or its unified name ("BTC/KRW", "BTC/USDT:USDT"); for the
 * latter the cache is asked (at most 1 s): BOOKCAST_ENOTFOUND, BOOKCAST_ENOANSWER. In the
 * exchange's spelling it may be subscribed before anybody serves it. The current state comes as the
 * first message, but of trades. Subscribing twice is subscribing once. BOOKCAST_EINVAL: not a
 * topic; BOOKCAST_ENOMEM. */
BOOKCAST_API int bookcast_subscribe(bookcast *bus, const char *exchange, const char *symbol,
				    const char *channel);
/* BOOKCAST_ENOTFOUND: it is not subscribed; otherwise as above. What waits of it is dropped. */
BOOKCAST_API int bookcast_unsubscribe(bookcast *bus, const char *exchange, const char *symbol,
				      const char *channel);

/* Waits at most timeout_ms (0: not at all, -1: for ever) for the next message.
 *   BOOKCAST_MESSAGE  *message is it
 *   BOOKCAST_OK       none came in time
 *   below 0           an error
 * Call it often: heartbeats are only heard, gaps only repaired, in here. After two seconds without
 * a call, or a standstill of the process, what has piled up is stale (clock) until all of it has
 * been received. */
BOOKCAST_API int bookcast_recv(bookcast *bus, int timeout_ms, const bookcast_message **message);

/* What bookcast_recv() does with what piles up because it is called too rarely.
 *
 * BOOKCAST_ALL, at first: it returns one message after another as they were published. libzmq keeps
 * 100,000 of them (and the gateway bus.send_hwm); what comes when these are full is lost: n_lost of
 * the next message of the topic says how much, the newest state is asked of the cache.
 *
 * BOOKCAST_LATEST: each call first reads all that has come, so that nothing piles up and what it
 * returns was the newest of its topic when it was called. A book, bbo, ticker, instrument, state,
 * or candle (by one of the same start) that nobody has taken is replaced by the next one:
 * n_replaced counts them, n_unfit those of them that were not fit to trade on. Trades and candles
 * that are closed, or have been followed by another one, are never replaced; up to 65,536 of them
 * wait, or 32 MiB, beside the newest message of each topic. Beyond, the oldest of the topic that
 * has waited longest with more than one is lost: n_lost of its next message says so. Topics have
 * their turns in the order in which they began to wait, one message a turn, so a topic's newest is
 * as many calls away as topics wait. state and reason are those of now.
 *
 * Of a topic the numbers between two messages are n_lost + n_replaced of the second one, but where
 * its gateway has restarted, there are two lines, or the first one was the cache's. n_unfit of a
 * trade, candle or instrument counts how often its symbol has become unfit since the message
 * before, whatever the policy; a message that is returned for nothing else has source
 * BOOKCAST_FROM_HERE.
 *
 * May be changed at any time: what waits comes first. BOOKCAST_EINVAL, BOOKCAST_ENOMEM. */
BOOKCAST_API int bookcast_policy(bookcast *bus, int policy);

/* The account of a topic, or with exchange NULL the sum of all that were ever subscribed. Fills
 * size bytes of it: pass sizeof. BOOKCAST_ENOTFOUND: it is not subscribed. What a gateway published
 * after the last message that arrived is not in it yet; the next one shows it. */
BOOKCAST_API int bookcast_audit(bookcast *bus, const char *exchange, const char *symbol,
				const char *channel, bookcast_account *account, size_t size);

/* The newest message of a topic. What is not subscribed is read in the memory of its gateway, if
 * that is on this machine (the cache's endpoint is ipc://<run-dir>/cache.rpc), keeps it (its key
 * `latest`; "listened", the default, leaves out what nobody has subscribed to, the cache included)
 * and it is fit: less than a microsecond, without a system call. Otherwise the cache is asked (at
 * most 1 s), which answers the same where both know: BOOKCAST_ENOTFOUND, BOOKCAST_ENODATA,
 * BOOKCAST_ENOANSWER; what a gateway left and is not fit is given where the cache is silent. A
 * unified name always costs a question. BOOKCAST_LATEST=off in the environment: always the cache.
 * The run directory's owner is trusted: he could end us by cutting the mapped file short. */
BOOKCAST_API int bookcast_latest(bookcast *bus, const char *exchange, const char *symbol,
				 const char *channel, const bookcast_message **message);

/* How a topic is now, found and failing as bookcast_latest(). */
BOOKCAST_API int bookcast_state(bookcast *bus, const char *exchange, const char *symbol,
				const char *channel, bookcast_condition *condition);

/* The newest trades of a symbol that the cache has kept, at most n (1 to 10000), the oldest of them
 * first; (*messages)[i] are valid until the next call with this handle. Asks the cache (at most 1
 * s). Returns how many there are, or BOOKCAST_ENOTFOUND, BOOKCAST_ENODATA, BOOKCAST_ENOANSWER;
 * BOOKCAST_EINVAL, too: this cache keeps none. state, reason and since are those of the topic now,
 * for all of them: where it is not fit, newer ones may be missing. */
BOOKCAST_API int bookcast_trades(bookcast *bus, const char *exchange, const char *symbol, int n,
				 const bookcast_message *const **messages);
/* The same of candles; interval is one of the words of a candle's interval, such as "1m". */
BOOKCAST_API int bookcast_candles(bookcast *bus, const char *exchange, const char *symbol,
				  const char *interval, int n,
				  const bookcast_message *const **messages);

/* May I trade on this? 1: it is live or quiet, and known true within the last max_age_ms (0: no
 * matter when). 0: no, or nobody knows. */
BOOKCAST_API int bookcast_fit(bookcast *bus, const char *exchange, const char *symbol,
			      const char *channel, int max_age_ms);

/* For an event loop of your own: when the descriptor is readable, call bookcast_recv(bus, 0, ...)
 * until it returns BOOKCAST_OK; do so also once after any other call. It stays the same. */
BOOKCAST_API int bookcast_fd(const bookcast *bus);

/* Fills size bytes of it: pass sizeof. */
BOOKCAST_API void bookcast_stats(const bookcast *bus, bookcast_counters *counters, size_t size);

BOOKCAST_API const char *bookcast_error(const bookcast *bus); /* of the last failure; never NULL */
BOOKCAST_API const char *bookcast_version(void);

/* The words of the numbers; "?" for one that is not known. */
BOOKCAST_API const char *bookcast_channel_word(int channel);
BOOKCAST_API const char *bookcast_state_word(int state);
BOOKCAST_API const char *bookcast_reason_word(int reason);

/* Plain digits, such as "-0.00012", and a NUL; "" if there is no value. Returns out. */
#define BOOKCAST_DECIMAL_MAX 160
BOOKCAST_API char *bookcast_decimal_text(bookcast_decimal value, char out[BOOKCAST_DECIMAL_MAX]);
/* The nearest double, for charts and models: most decimals are not doubles. NaN: no value. */
BOOKCAST_API double bookcast_decimal_double(bookcast_decimal value);
BOOKCAST_API int bookcast_decimal_compare(bookcast_decimal a, bookcast_decimal b); /* <0, 0, >0 */

/* on: bookcast_recv() does not sleep but looks again and again until timeout_ms is over. It saves
 * the wake-up (tens of microseconds where cores sleep deeply) and costs a whole core, also while
 * nothing comes; where there is no core to spare it makes everything slower. A signal does not end
 * such a wait, so give it a limit. Off at first. */
BOOKCAST_API void bookcast_spin(bookcast *bus, int on);

/* How long messages took from their publication until bookcast_recv() read them from the bus (what
 * waits here then, by BOOKCAST_LATEST, is not in it), in about the last minute. Quantiles are at
 * most 3.2 % above the truth, and never below; the max is exact. Two hosts have two clocks, and
 * their difference is in every figure; what comes out below 0 is only counted. */
typedef struct bookcast_hop {
	uint64_t count, negative; /* messages; besides, those below 0 */
	int64_t p50_ns, p90_ns, p99_ns, p999_ns, max_ns;
	int64_t window_ns; /* what "the last minute" is now: 45 to 60 s, less after the start */
} bookcast_hop;

/* Fills size bytes of it: pass sizeof. */
BOOKCAST_API void bookcast_latency(const bookcast *bus, bookcast_hop *hop, size_t size);

#ifdef __cplusplus
}
#endif

#endif
