/* message.h - the decoded messages, as they are on the wire and in every program.
 *
 * Shape   an envelope that all messages share and a body by channel.
 * Units   prices in quote currency, quantities in base currency (or contracts, as the
 *         instrument says), times in ns since 1970; rolling statistics as the exchange gives them.
 * Memory  strings and levels are borrowed; whoever hands a message out says for how long. */
#ifndef BC_PROTO_MESSAGE_H
#define BC_PROTO_MESSAGE_H

#include "proto/enums.def"
#include "proto/value.h"

/* clang-format off */
enum bc_channel {
#define X(number, name, word, welcome) BC_CHANNEL_##name = number,
	BC_CHANNEL_ROWS(X)
#undef X
	BC_N_CHANNELS
};

enum bc_state {
#define X(number, name, word, fitness) BC_STATE_##name = number,
	BC_STATE_ROWS(X)
#undef X
	BC_N_STATES
};

enum bc_reason {
#define X(number, name, word) BC_REASON_##name = number,
	BC_REASON_ROWS(X)
#undef X
	BC_N_REASONS
};

enum bc_flag { /* OR-ed into bc_envelope.flags */
#define X(number, name, word) BC_FLAG_##name = 1 << number,
	BC_FLAG_ROWS(X)
#undef X
};

enum bc_side {
#define X(number, name, word) BC_SIDE_##name = number,
	BC_SIDE_ROWS(X)
#undef X
	BC_N_SIDES
};

enum bc_kind {
#define X(number, name, word) BC_KIND_##name = number,
	BC_KIND_ROWS(X)
#undef X
	BC_N_KINDS
};

enum bc_listing {
#define X(number, name, word) BC_LISTING_##name = number,
	BC_LISTING_ROWS(X)
#undef X
	BC_N_LISTINGS
};

enum bc_interval {
#define X(number, name, word) BC_INTERVAL_##name = number,
	BC_INTERVAL_ROWS(X)
#undef X
	BC_N_INTERVALS
};
/* clang-format on */

/* The words of the tables; "?" for a number that is not in them. */
const char *bc_channel_word(unsigned channel);
const char *bc_state_word(unsigned state);
const char *bc_reason_word(unsigned reason);
const char *bc_flag_word(unsigned bit);
const char *bc_side_word(unsigned side);
const char *bc_kind_word(unsigned kind);
const char *bc_listing_word(unsigned listing);
const char *bc_interval_word(unsigned interval);

/* The number of a word; -1 where there is none. A channel's word is a topic's last part:
 * "candle-1m" is BC_CHANNEL_CANDLE, "candle" alone is none. */
int bc_channel_of(bc_str word);
int bc_state_of(bc_str word);
int bc_reason_of(bc_str word);
int bc_interval_of(bc_str word);

bool bc_channel_welcomed(unsigned channel);
bool bc_state_fit(unsigned state);         /* live or quiet */
bool bc_state_fit_if_rest(unsigned state); /* or rest, for who accepts polled data */

#define BC_SEQ_NONE  UINT64_MAX                /* the exchange gives no number */
#define BC_EPOCH_MAX ((UINT64_C(1) << 53) - 1) /* exact in a double, for readers of JSON */

struct bc_envelope {
	enum bc_channel channel;
	uint64_t epoch;           /* start of the gateway process, µs since 1970, < 2^53 */
	uint64_t seq;             /* per epoch and topic, from 1, +1 a message */
	uint64_t exchange_seq;    /* BC_SEQ_NONE: nil */
	bc_wall_time ts_exchange; /* BC_TIME_UNKNOWN: nil */
	bc_wall_time ts_recv;     /* stamped before parsing */
	bc_wall_time ts_publish;
	enum bc_state state;
	enum bc_reason reason;
	bc_wall_time since; /* of this state */
	uint32_t flags;     /* enum bc_flag */
};

/* Also the body of bbo: at most one level a side. */
struct bc_book {
	const bc_level *bids, *asks; /* best first */
	uint32_t n_bids, n_asks;
};

/* Changed levels, in the exchange's order: absolute quantities, 0 deletes. Not on the wire yet. */
struct bc_delta {
	const bc_level *bids, *asks;
	uint32_t n_bids, n_asks;
	uint64_t first_seq, last_seq, prev_seq; /* BC_SEQ_NONE where the exchange gives none */
};

struct bc_trade {
	bc_decimal price, quantity;
	enum bc_side side;
	bc_str trade_id;
};

/* Which of two ids comes first, below 0: a. The shorter one, then by bytes: so numbers stand in
 * their order, and words in some. */
int bc_trade_id_compare(bc_str a, bc_str b);

struct bc_ticker { /* any of them may be BC_DECIMAL_NONE */
	bc_decimal last, open, high, low;
	bc_decimal volume, quote_volume; /* rolling 24 h */
	bc_decimal change;               /* signed, absolute */
};

enum bc_closed { BC_CLOSED_NO, BC_CLOSED_YES, BC_CLOSED_UNKNOWN };

struct bc_candle {
	enum bc_interval interval;
	bc_wall_time ts_open;
	bc_decimal open, high, low, close;
	bc_decimal volume, quote_volume;
	enum bc_closed closed;
};

struct bc_instrument {
	bc_str base, quote, unified;
	enum bc_kind kind;
	bc_decimal tick, lot, contract_size; /* BC_DECIMAL_NONE where unknown */
	enum bc_listing status;
};

/* A list of strings still in its encoded form; read it with bc_list_next(). */
struct bc_list {
	const uint8_t *bytes; /* n_items encoded strings, checked when the message was decoded */
	size_t n_bytes;
	uint32_t n_items;
};

struct bc_state_change { /* topics <symbol>.state and @<instance>.state */
	enum bc_state previous;
	uint64_t symbols_version; /* @<instance>.state only, else 0 */
	struct bc_list symbols;   /* @<instance>.state only, else empty */
	bool symbols_partial;     /* who is not in the list may come yet */
};

struct bc_counter {
	bc_str name;
	uint64_t value;
};

#define BC_MAX_ENDPOINTS 8
#define BC_MAX_COUNTERS  64

struct bc_heartbeat {
	bc_str instance, version;
	uint32_t shard_index, shard_count; /* 0 of 1: not sharded */
	uint32_t pid;
	bc_wall_time started;
	int64_t interval_ns;
	bc_str endpoints[BC_MAX_ENDPOINTS]; /* the first one is the advertised one */
	uint32_t n_endpoints;
	uint64_t symbols_version;                    /* of the list on @<instance>.state */
	struct bc_counter counters[BC_MAX_COUNTERS]; /* with "symbols_<state>" a state */
	uint32_t n_counters;
};

struct bc_message {
	struct bc_envelope envelope;
	union {
		struct bc_book book; /* book, bbo */
		struct bc_delta delta;
		struct bc_trade trade;
		struct bc_ticker ticker;
		struct bc_candle candle;
		struct bc_instrument instrument;
		struct bc_state_change state;
		struct bc_heartbeat heartbeat;
	} body;
};

#endif
