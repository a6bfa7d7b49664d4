/* binance.h - what the adapters of Binance's markets share. Source: docs/exchanges/binance-spot.md
 * and binance-usdm.md.
 *
 * What shapes them:
 *   - books come as changes with numbers, and a snapshot by REST; partial books are whole
 *   - combined frames: {"stream":"btcusdt@depth@100ms","data":{...}}; some data says neither what
 * it is nor whose, so the stream's name decides
 *   - prices and quantities are strings, ids and times are integers
 *   - requests add to what a connection carries, and a wrong name is acknowledged and stays silent
 *
 * A market is its file: a struct bc_exchange, and a struct binance_market for what the shared files
 * cannot know. A key that one market alone sends has a row all the same; the tables say where it
 * must be there. */
#ifndef BC_BINANCE_H
#define BC_BINANCE_H

#include "common/json_scan.h"
#include "publisher/exchanges/fields.h"

/* Levels a side of one message: twice the deepest snapshot; a change of 856 was the largest seen.
 */
#define BINANCE_MAX_LEVELS 10000

enum binance_dialect { BINANCE_SPOT, BINANCE_USDM };

/* Objects by their keys: binance_fields.c has a table for each. */
enum binance_object {
	BINANCE_NONE, /* known, and not ours */
	BINANCE_DEPTH,
	BINANCE_PARTIAL,
	BINANCE_BBO,
	BINANCE_TRADE,
	BINANCE_AGG_TRADE,
	BINANCE_TICKER,
	BINANCE_KLINE,
	BINANCE_CONTROL,
	BINANCE_SNAPSHOT,    /* REST */
	BINANCE_REST_TRADE,  /* REST; its aggregated trades are BINANCE_AGG_TRADE */
	BINANCE_INSTRUMENT,  /* REST */
	BINANCE_REST_TICKER, /* REST */
	BINANCE_CANDLE_ROW,  /* REST: an array and no object, binance_read_candle_row() */
	BINANCE_N_OBJECTS
};
extern const struct bc_fields binance_fields[BINANCE_N_OBJECTS];

/* A row of a REST answer to klines: an array, by place. The cursor has entered it. */
void binance_read_candle_row(struct bc_reader *r);

struct binance_speed { /* of a depth stream */
	const char *word, *suffix;
	bool partial; /* of partial books, too */
};

struct binance_market {
	enum binance_dialect dialect;
	const struct bc_exchange *exchange;
	const char *api;   /* before every path of REST */
	bool aggregated;   /* trades, unless the operator chose */
	bool is_contracts; /* instruments are contracts of one unit of their base */
	const struct binance_speed *speeds; /* the first one is the default */
	size_t n_speeds;
	const char *all_speeds, *partial_speeds; /* what would be right, where another was set */
};
extern const struct bc_exchange bc_exchange_binance_spot, bc_exchange_binance_usdm;

/* All but 1s, which spot alone has, and 10m, which nobody has. */
#define BINANCE_INTERVALS \
	(((1u << BC_N_INTERVALS) - 1) & ~(1u << BC_INTERVAL_1S) & ~(1u << BC_INTERVAL_10M))

/* Of an address: 300 connections in 5 minutes are documented for spot, and taken for USD-M, where
 * nothing is said. */
#define BINANCE_FRAME_STREAMS 200 /* so that a frame stays far below what a server takes */

enum { BINANCE_CONNECT, BINANCE_LIMITS };
extern const struct bc_address_limit binance_limits[BINANCE_LIMITS];

struct binance_message { /* what one object said; strings are borrowed */
	bc_str symbol, id, interval;
	bc_wall_time event_time, trade_time, opened;
	uint64_t first_seq, last_seq, prev_seq;
	uint32_t n_bids, n_asks;
	bc_level bid, ask; /* the best ones */
	bc_decimal price, quantity, open, high, low, change, volume, quote_volume, tick, lot;
	bool buyer_is_maker, closed;
	bc_str order_type;                  /* of raw trades on USD-M */
	bc_str family;                      /* `st`: 1 USD-M, 2 COIN-M */
	bc_str base, quote, margin, status; /* of instruments */
	bc_str code, text;                  /* of control messages */
};

struct binance {
	const struct binance_market *market;
	bool aggregated, partial;
	const struct binance_speed *speed;

	bool (*read_usual)(struct binance *b, const char *bytes, size_t n); /* see below */
	struct bc_reader reader;
	const struct binance_kind *kind; /* of the object being read */
	bc_str stream;                   /* of the frame being read; empty: it has none */
	struct binance_message m;
	char pad[BC_SCAN_PAD];
	char stream_text[2 * BC_TEXT_MAX], symbol_text[BC_TEXT_MAX];
	char unified[3 * BC_TEXT_MAX + 16];
	bc_level bids[BINANCE_MAX_LEVELS], asks[BINANCE_MAX_LEVELS];
};

/* ------------------------------------------------------------------ kinds of messages */

struct binance_kind {
	bc_str stream; /* behind the '@' of its name; one that ends in '_' goes on */
	bc_str event;  /* `e` */
	enum binance_object object;
	void (*tell)(struct binance *b, const struct bc_input *in, const struct bc_feed_sink *sink);
};

/* What a stream carries, by its name, and what an object is by its `e`; NULL: unknown. A kind whose
 * object is BINANCE_NONE is known and not ours. */
const struct binance_kind *binance_stream_kind(bc_str stream);
const struct binance_kind *binance_kind_of(bc_str word, bc_str tail); /* of a split name */
const struct binance_kind *binance_event_kind(bc_str event);
extern const struct binance_kind binance_control_kind, binance_bare_bbo_kind,
	binance_aggregated_kind;
extern const struct binance_kind binance_body_kinds[BC_N_REST_KINDS];

/* Of "btcusdt@depth@100ms": the symbol, the word between, what follows. False: it has no '@'. */
bool binance_split_stream(bc_str stream, bc_str *symbol, bc_str *word, bc_str *tail);

/* What `e` of the object being read has to be; empty: it has none. */
bc_str binance_event_word(const struct binance *b);

/* ------------------------------------------------------------------ slots of struct bc_exchange */

/* start() is a market's own, and calls this with its market. */
bc_status binance_start(struct binance *b, const struct binance_market *market,
			const struct bc_feed_options *options, const char **why);
bc_status binance_ask_for(void *state, const struct bc_subscription *want, size_t *cursor,
			  char *out, size_t cap, size_t *len);
bc_status binance_take_back(void *state, const struct bc_subscription *gone, size_t *cursor,
			    char *out, size_t cap, size_t *len);
bc_status binance_rest_path(void *state, const struct bc_rest_query *query, char *out, size_t cap,
			    size_t *len);
bc_status binance_on_input(void *state, const struct bc_input *in, const struct bc_feed_sink *sink);

/* Reads a combined frame in its usual spelling: sets stream, kind and what the kind's tell() looks
 * at, but for a symbol the stream alone names. False: anything else; what was set means nothing. */
bool binance_read_usual(struct binance *b, const char *bytes, size_t n);
bool binance_read_usual_wide(struct binance *b, const char *bytes, size_t n); /* if it runs here */

/* A symbol is upper case without separators; digits may come first, and beyond ASCII anything may
 * be in it. `more`: characters a market allows besides. */
extern const struct bc_glance binance_glance;
bc_status binance_check_symbol(bc_str symbol, const char *more, char *hint, size_t cap);

/* The parts of BASE/QUOTE and of BASE/QUOTE:SETTLE, with -YYMMDD or without; false: not that form.
 */
struct binance_unified {
	bc_str base, quote, settle, delivery;
};
bool binance_split_unified(bc_str unified, struct binance_unified *out);

/* BASEQUOTE, or BASEQUOTE_YYMMDD. BC_ERANGE: cap is too small. */
bc_status binance_join_symbol(const struct binance_unified *u, char *out, size_t cap, size_t *len);

#endif
