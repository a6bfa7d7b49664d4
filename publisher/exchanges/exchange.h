/* exchange.h - what an exchange must tell the gateway.
 *
 * Bytes and times in, events and requests out. An adapter never opens a socket, reads a clock,
 * logs, allocates or touches ZeroMQ, so a recorded frame, a fuzzer, the decoder tool, a simulated
 * network and the live feed all drive it through the same door. One file per exchange and one
 * line in registry.c; see docs/ADDING-AN-EXCHANGE.md.
 *
 * Threads an adapter's state belongs to one loop. */
#ifndef BC_EXCHANGE_H
#define BC_EXCHANGE_H

#include "proto/message.h"

#define BC_CHANNEL_BIT(channel) (1u << (channel))

/* ------------------------------------------------------------------ what comes in */

enum bc_input_kind {
	BC_INPUT_OPEN,   /* the connection is up; nothing was received yet */
	BC_INPUT_TEXT,   /* one whole text message */
	BC_INPUT_BINARY, /* one whole binary message */
	BC_INPUT_CLOSED, /* the connection is gone; forget what belonged to it */
	BC_INPUT_REST,   /* the body of an answer to a rest_path() (or what the tool was given) */
};

enum bc_rest_kind {
	BC_REST_INSTRUMENTS, /* symbol list and what is known of each */
	BC_REST_TICKS,       /* tick sizes, where the exchange serves them apart */
	BC_REST_SNAPSHOT,    /* whole book of one symbol, or of many where max_symbols says so */
	BC_REST_TRADES,
	BC_REST_CANDLES,
	BC_REST_TICKERS, /* statistics of the last 24 hours, of one symbol or of many */
	BC_N_REST_KINDS
};

struct bc_input {
	enum bc_input_kind kind;
	uint16_t line;       /* index into bc_exchange.lines */
	uint16_t connection; /* of that line, from 0 */
	const char *bytes;
	size_t n_bytes;
	bc_wall_time wall; /* stamped when the bytes arrived, before anything was parsed */
	bc_mono_time mono;
	enum bc_rest_kind rest; /* BC_INPUT_REST only, as the next two */
	bc_str symbol;
	enum bc_interval interval;
};

/* ------------------------------------------------------------------ what goes out */

/* One thing the exchange said. Borrowed for the call. */
struct bc_event {
	enum bc_channel channel;
	bc_str symbol;
	uint64_t exchange_seq;    /* BC_SEQ_NONE */
	bc_wall_time ts_exchange; /* BC_TIME_UNKNOWN */
	uint32_t flags;           /* SNAPSHOT, REST, CHECKSUM, RANGE as the adapter knows */
	union {
		struct bc_book book; /* BOOK: the whole book as sent; BBO: one level a side */
		struct bc_delta delta;
		struct bc_trade trade;
		struct bc_ticker ticker;
		struct bc_candle candle;
		struct bc_instrument instrument;
	} body;
};

enum bc_control_kind {
	BC_CONTROL_ACK,
	BC_CONTROL_ERROR,
	BC_CONTROL_PONG,
	BC_CONTROL_SUBSCRIPTIONS
};

/* What is not market data: acknowledgements, errors, keepalives. Borrowed for the call. */
struct bc_control {
	enum bc_control_kind kind;
	bc_str id, code, message; /* empty where the exchange gives none */
	bool closing;             /* the exchange closes the connection after this */
	bool back_off;            /* a rate limit was hit */
	bool leaving;             /* the exchange is going to close this connection: make another */
};

/* A message, or one symbol's part of it, that was refused. */
struct bc_reject {
	bc_status
		why; /* BC_EPARSE: not this exchange's language; BC_ERANGE: a value does not fit */
	bc_str symbol; /* whose data is in doubt now; empty: nobody knows, so everybody's */
	bool foreign;  /* of a kind we do not ask for: nobody's data is in doubt */
	bc_str what;   /* the thing: "orderbook_units.ask_price", "not JSON" */
	bc_str value;  /* the offending token, cut by whoever prints it; may be empty */
	size_t offset; /* of the value in the input */
};

enum bc_request_kind {
	BC_REQUEST_SEND,   /* send `text` on `line`, `connection` */
	BC_REQUEST_RESYNC, /* `symbol` cannot be trusted any more, for `reason` */
};

/* What an adapter asks for by itself. REST it does not: the session asks, by rest_path(). */
struct bc_request {
	enum bc_request_kind kind;
	uint16_t line, connection; /* SEND, as the next one */
	bc_str text;
	bc_str symbol; /* RESYNC, as the next one */
	enum bc_reason reason;
};

struct bc_feed_sink {
	void *self;
	void (*event)(void *self, const struct bc_event *event);
	void (*control)(void *self, const struct bc_control *control);
	void (*reject)(void *self, const struct bc_reject *reject);
	void (*request)(void *self, const struct bc_request *request);
};

/* ------------------------------------------------------------------ what it declares, as data */

/* How a later subscription frame relates to an earlier one on the same connection. */
enum bc_subscribe_mode {
	BC_SUBSCRIBE_REPLACES, /* one frame says everything there is to say (Upbit) */
	BC_SUBSCRIBE_ADDS,
};

/* A line is a kind of WebSocket connection: where it goes and what it may carry. 0: no limit. */
struct bc_line {
	const char *name;  /* "public": for logs and metrics */
	const char *path;  /* "/websocket/v1" */
	uint32_t channels; /* BC_CHANNEL_BIT() of what it carries */
	enum bc_subscribe_mode mode;
	bool acks; /* each frame is answered, with its nonce as the id of the ack or the error */
	uint32_t max_streams;                /* symbol x channel, a connection */
	uint32_t frame_streams;              /* that one subscription frame names */
	uint32_t sends_per_s, sends_per_min; /* messages we may send, a connection */
	uint32_t connects_per_s;             /* our own pace, a gateway; see bc_address_limit */
	int64_t ping_interval_ns;            /* we send control pings; 0: the exchange pings us */
	int64_t life_ns;                     /* the exchange closes connections older than this */
	size_t max_message_bytes;            /* larger ones are refused */
};

/* What the exchange allows one address: all gateways of a machine share it (budget_office.h). Where
 * a second's worth is counted, ours is at most half of it: what two seconds have sent may arrive in
 * one. Longer windows need less of a margin than networks are late. */
struct bc_address_limit {
	const char *name;       /* "connect", "orderbook": for logs and metrics */
	uint32_t allowed, ours; /* times in any window: by the exchange, of which we use */
	int64_t window_ns;
};

struct bc_rest_endpoint {
	enum bc_rest_kind kind;
	uint32_t per_s;       /* requests a second, our own pace of a gateway; 0: none */
	uint32_t limits;      /* 1u << index into bc_exchange.limits: what a request counts for */
	uint32_t max_symbols; /* a request; 0: the request names none */
	uint32_t weight;      /* of the budget of struct bc_exchange; snapshots: see bc_sync */
	uint32_t max_items;   /* trades or candles in one answer */
};

/* One request, for the adapter to write down. */
struct bc_rest_query {
	enum bc_rest_kind kind;
	const bc_str *symbols;
	size_t n_symbols;
	enum bc_interval interval; /* CANDLES */
	uint32_t limit;            /* SNAPSHOT: levels a side; TRADES, CANDLES: how many */
};

/* ------------------------------------------------------------------ books out of changes */

enum bc_link {
	BC_LINK_NEXT, /* nothing is missing in between */
	BC_LINK_OLD,  /* all of it is known already */
	BC_LINK_GAP,  /* something is missing */
};

struct bc_snapshot_limit {
	uint32_t levels, weight; /* a side; of one request with that limit */
};

/* How the numbers of changes link, for exchanges that send changes and serve snapshots by REST.
 * A snapshot is a BOOK event with the flags SNAPSHOT and REST, and its number. */
struct bc_sync {
	/* To a book as of `at`, from a snapshot or from another stream: may this change be applied?
	 */
	enum bc_link (*covers)(uint64_t at, const struct bc_delta *change);
	/* To the change before it in the same stream, whose last_seq was `last`. */
	enum bc_link (*follows)(uint64_t last, const struct bc_delta *change);
	const struct bc_snapshot_limit *limits; /* offered, ascending; an answer that has as many
						 * levels as one of them may have been cut there */
	size_t n_limits;
};

/* What one connection shall carry. */
struct bc_subscription {
	uint16_t line, connection;
	const bc_str *symbols;
	size_t n_symbols;
	uint32_t channels;  /* BC_CHANNEL_BIT() */
	uint32_t intervals; /* 1u << enum bc_interval, for candles */
	uint32_t levels;    /* wanted a side; the adapter rounds up to what its exchange offers */
	uint64_t nonce;     /* unique a frame: tickets, ids; counts up from 1 on lines that add */
};

/* What the operator set for this exchange. */
struct bc_feed_options {
	const char *format;  /* exchange's own word, NULL: the adapter's default */
	bc_decimal group_by; /* price grouping of books (Upbit `level`); 0: none */
	/* `trade_source`: which of an exchange's trade streams; the adapter's default. */
	enum { BC_TRADES_DEFAULT, BC_TRADES_RAW, BC_TRADES_AGGREGATED } trades;
	bool book_partial;      /* `book.source` = partial: whole books of few levels, no changes */
	const char *book_speed; /* `book.speed`: its own word, as "100ms"; NULL: the default */
};

/* Where a message usually names its symbol, so that what is known of it can be fetched into the
 * cache while the message is read. A guess: what comes of it is speed and nothing else. */
struct bc_glance {
	const char *before[2]; /* one of these, then the symbol; at the beginning of the message */
	bool after_comma;      /* or right behind its first comma */
	bool upper;            /* the name in capitals is the symbol */
	char end;              /* what ends it */
};

struct bc_exchange {
	const char *id;                /* "upbit": config value and first part of topics */
	const char *title;             /* "Upbit (KRW, BTC and USDT markets)" */
	const char *ws_url, *rest_url; /* scheme, host, port */
	const char *canary;            /* a symbol that always trades; proves the feed */
	const char *example_symbols;   /* "KRW-BTC, KRW-ETH": for error messages */
	uint32_t channels;   /* all it sends; bbo only where it has a channel of its own */
	uint32_t intervals;  /* candle intervals it can serve */
	uint32_t max_levels; /* a side of a book it sends */
	const struct bc_line *lines;
	size_t n_lines;
	const struct bc_rest_endpoint *rest;
	size_t n_rest;
	const struct bc_address_limit *limits; /* of an address; at most ADDRESS_LIMITS */
	size_t n_limits;
	uint32_t connect_limits;      /* 1u << index into them: what a new connection counts for */
	uint32_t rest_weight_per_min; /* 0: none */
	const char *rest_used_header; /* how much of it is used, in each answer; NULL: not told */
	const struct bc_sync *sync;   /* NULL: books are whole in every message */
	bool trade_ids_ascend; /* a symbol's trades have numbers for ids, each above the last */
	size_t state_size;     /* bytes; the caller allocates and zeroes them */

	/* Takes the options. BC_EINVAL: one is not for this exchange; *why says which. */
	bc_status (*start)(void *state, const struct bc_feed_options *options, const char **why);

	/* BC_OK, or BC_EINVAL with a hint a person can act on in hint[cap] ("upper case: KRW-BTC").
	 */
	bc_status (*check_symbol)(bc_str symbol, char *hint, size_t cap);

	/* The exchange's spelling of a unified name ("BTC/KRW" -> "KRW-BTC"), where it follows from
	 * the name alone. BC_ENOTFOUND: ask the instruments. */
	bc_status (*native_symbol)(bc_str unified, char *out, size_t cap, size_t *len);

	/* Writes the next text frame that subscribes; *cursor is 0 at the first call. BC_OK: a
	 * frame of *len bytes; BC_ENOTFOUND: there are no more; BC_ERANGE: cap is too small (call
	 * again with a larger one, the cursor has not moved). */
	bc_status (*subscribe)(void *state, const struct bc_subscription *want, size_t *cursor,
			       char *out, size_t cap, size_t *len);

	/* The same for what is not wanted any more, on lines that add; NULL: cannot be said. */
	bc_status (*unsubscribe)(void *state, const struct bc_subscription *gone, size_t *cursor,
				 char *out, size_t cap, size_t *len);

	/* Path and query of a REST request. BC_ENOTFOUND: not served. */
	bc_status (*rest_path)(void *state, const struct bc_rest_query *query, char *out,
			       size_t cap, size_t *len);

	const struct bc_glance *glance; /* NULL: whose data a message holds shows only in reading */

	/* Understands one input. Any bytes at all must be safe.
	 *   BC_OK      understood, or deliberately ignored
	 *   BC_EPARSE, BC_ERANGE  sink->reject() has said why; the feed goes on */
	bc_status (*on_input)(void *state, const struct bc_input *input,
			      const struct bc_feed_sink *sink);
};

extern const struct bc_exchange *const bc_exchanges[]; /* registry.c; ends in NULL */

const struct bc_exchange *bc_exchange_find(const char *id); /* NULL: none of that name */

#endif
