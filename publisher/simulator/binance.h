/* binance.h - the Binance faces: spot and USD-M futures, one dialect with a table of differences.
 * Facts: docs/exchanges/binance-spot.md, docs/exchanges/binance-usdm.md, docs/SIMULATOR.md.
 *
 * The id of a book is a function of the market (binance_id), so that REST snapshots, the streams
 * of every connection and GET /truth count alike.
 *
 * Memory  a state belongs to its server, a session to its connection; what is written grows the
 *         buffers it is written to.
 * Threads one. */
#ifndef BC_SIM_BINANCE_H
#define BC_SIM_BINANCE_H

#include "publisher/simulator/face.h"
#include "publisher/simulator/limiter.h"

extern const struct sim_face sim_face_binance_spot, sim_face_binance_usdm;

#define BINANCE_STREAMS_MAX 1024 /* a connection */
#define BINANCE_STREAM_NAME 128  /* longest name taken, with NUL */
#define BINANCE_INTERVALS   14   /* of candles: 1s to 3d */
#define BINANCE_SPEEDS_MAX  5

enum binance_route { BINANCE_LEGACY, BINANCE_PUBLIC, BINANCE_MARKET, BINANCE_N_ROUTES };

struct binance_speed {
	const char *suffix; /* "@100ms"; empty: none is named */
	int64_t every_ns;
};

/* A limit of GET depth and what it costs. */
struct binance_depth_cost {
	uint32_t limit; /* up to this one, or exactly this one */
	uint32_t weight;
};

/* What differs between the two. */
struct binance_dialect {
	const char *name;
	bool usdm;
	uint32_t messages_per_s;
	int64_t ping_ns, pong_ns;
	int64_t ticker_ns, candle_ns;
	struct binance_speed speeds[BINANCE_SPEEDS_MAX]; /* of depth; ends in suffix NULL */
	const char *rest;                                /* "/api/v3/" */
	uint32_t weight_per_min;
	struct binance_depth_cost depth_costs[8]; /* ends in limit 0 */
	uint32_t depth_default;
	bool depth_exact; /* only the listed limits are valid */
	uint64_t id_base; /* of the first symbol */
	uint32_t id_step; /* between two changes of a book, on average; 1: no holes */
	int32_t decimals; /* of prices and quantities; -1: as many as the symbol has */
};

extern const struct binance_dialect binance_spot, binance_usdm;

/* The exchange: what its connections share. Settings change by face->set(). */
struct binance_state {
	const struct binance_dialect *dialect;
	struct sim_limit connects;
	struct {
		uint32_t per_min;
		int64_t minute_ns; /* so long is its minute */
		uint32_t forgiven; /* requests after a 429 before the ban */
		int64_t ban_ns;
	} weight_rule;
	struct {
		uint64_t limits;  /* times a 429 began */
		uint64_t bans;    /* times a 418 began */
		uint64_t ignored; /* requests while one of them held */
	} weight_count;
	int64_t minute; /* of the weight used */
	uint64_t used;
	bool used_is_set; /* by a setting: it stands for the minute of the next request */
	int64_t blocked_until_ns, banned_until_ns; /* monotonic */
	uint32_t ignored;
	uint32_t messages_per_s;
	int64_t ping_ns, pong_ns, life_ns;
	bool flat_errors;
	bool silent[BINANCE_N_ROUTES]; /* fault: a route acknowledges and sends nothing */
};

/* ------------------------------------------------------------------ binance_symbols.c */

bool binance_specs_spot(struct market_spec *specs, size_t n);
bool binance_specs_usdm(struct market_spec *specs, size_t n);
void binance_spec_of_spot(bc_str symbol, struct market_spec *out);
void binance_spec_of_usdm(bc_str symbol, struct market_spec *out);
/* What a symbol's name is made of, without a delivery date. */
void binance_split(const char *name, bc_str *base, bc_str *quote);

/* ------------------------------------------------------------------ binance_book.c */

/* The id of the book after its change `seq`. */
uint64_t binance_id(const struct binance_dialect *d, size_t symbol, uint64_t seq);

/* Writes a value with the digits of the exchange, quoted. */
void binance_put_price(struct sim_buffer *out, const struct binance_dialect *d,
		       const struct market_spec *spec, int64_t ticks);
void binance_put_quantity(struct sim_buffer *out, const struct binance_dialect *d,
			  const struct market_spec *spec, int64_t mantissa);
void binance_put_decimal(struct sim_buffer *out, bc_decimal value, int32_t decimals);

/* [["price","quantity"],...]: the best n of a side, best first. */
void binance_put_top(struct sim_buffer *out, const struct binance_dialect *d,
		     const struct market *m, size_t symbol, enum market_side side, size_t n);

/* The prices of one side that changed between two moments, each once. */
struct binance_change {
	int64_t price, before; /* before: at the first moment */
	uint64_t seq;
};

struct binance_changes {
	enum market_side side;
	struct binance_change *list; /* sorted by price */
	size_t n, cap;
};

void binance_changes_free(struct binance_changes *c);
/* All of `side` that changed after `seq`. False: forgotten, or out of memory. */
bool binance_changes_since(struct binance_changes *c, const struct market *m, size_t symbol,
			   enum market_side side, uint64_t seq);
/* [["price","quantity"],...]: what stands there now, "0" where nothing does. */
void binance_put_changes(struct sim_buffer *out, const struct binance_dialect *d,
			 const struct market *m, size_t symbol, const struct binance_changes *c);
/* As binance_put_top(), of the book as it was before these changes. */
void binance_put_past(struct sim_buffer *out, const struct binance_dialect *d,
		      const struct market *m, size_t symbol, const struct binance_changes *c,
		      size_t n);

/* ------------------------------------------------------------------ binance_streams.c */

enum binance_kind {
	BINANCE_DEPTH,
	BINANCE_PARTIAL,
	BINANCE_BOOK_TICKER,
	BINANCE_TRADE,
	BINANCE_AGG_TRADE,
	BINANCE_TICKER,
	BINANCE_MINI_TICKER,
	BINANCE_CANDLE,
	BINANCE_NOTHING, /* acknowledged, never served */
};

struct binance_stream {
	char name[BINANCE_STREAM_NAME]; /* as it was asked for */
	enum binance_kind kind;
	bool routed; /* the connection may carry it, if only out of a capture */
	size_t symbol;
	int64_t every_ns; /* 0: as it happens */
	uint32_t levels;  /* BINANCE_PARTIAL */
	size_t interval;  /* BINANCE_CANDLE */
	uint64_t cursor;  /* book sequence or number of trades that was sent last */
	int64_t slot;     /* of the grid in which it was sent last */
	int64_t best[4];  /* BINANCE_BOOK_TICKER: what was sent last */
	int64_t open_ns;  /* BINANCE_CANDLE: of the one that was not yet sent as closed; 0: none */
};

struct binance_interval {
	const char *name; /* "1m" */
	int32_t seconds;
};

extern const struct binance_interval binance_intervals[BINANCE_INTERVALS];
extern const int32_t binance_intervals_s[BINANCE_INTERVALS];

/* False: not of the form symbol@type. An unknown symbol, type or speed, a wrong letter case or a
 * type that the route does not carry give BINANCE_NOTHING. */
bool binance_stream_parse(const struct binance_state *state, const struct market *m,
			  enum binance_route route, bc_str name, struct binance_stream *out);
/* Is a stream of this name, recorded, what `have` asks for? Speeds need not agree. */
bool binance_stream_covers(const struct binance_stream *have, bc_str recorded);

/* ------------------------------------------------------------------ binance_frames.c */

struct binance_writer {
	struct sim_buffer *out;
	const struct binance_dialect *dialect;
	const struct sim_world *world;
	const struct binance_stream *stream;
	bool micro; /* times in microseconds */
	struct binance_changes *scratch;
};

int64_t binance_time(const struct sim_world *world, bc_wall_time t, bool micro);
/* False: nothing can be said, its changes are forgotten. */
bool binance_put_depth(const struct binance_writer *w);
void binance_put_partial(const struct binance_writer *w);
void binance_put_book_ticker(const struct binance_writer *w);
void binance_put_trade(const struct binance_writer *w, const struct market_trade *t);
void binance_put_agg_trade(const struct binance_writer *w, const struct market_trade *t);
void binance_put_ticker(const struct binance_writer *w);
void binance_put_mini_ticker(const struct binance_writer *w);
void binance_put_candle(const struct binance_writer *w, const struct market_candle *c);
/* Trades are numbered from here on; aggregates from 1. */
#define BINANCE_TRADE_IDS UINT64_C(1000000)

/* What a ticker says of the last day; REST and streams agree. */
struct binance_day {
	int64_t change, open, high, low, last; /* ticks */
	bc_decimal percent, average, volume, value;
	uint64_t first_trade, last_trade, n_trades;
};

void binance_get_day(const struct market *m, size_t symbol, struct binance_day *out);
/* The candle of this interval that opened at `open_ns`, if it is kept. */
bool binance_find_candle(const struct market *m, size_t symbol, size_t interval, int64_t open_ns,
			 struct market_candle *out);

/* ------------------------------------------------------------------ binance_session.c */

struct binance_session {
	struct binance_state *state;
	enum binance_route route;
	bool combined, micro, closing;
	struct binance_stream *streams;
	size_t n_streams, cap_streams;
	struct sim_limit messages;
	int64_t opened_ns, pinged_ns, pong_due_ns; /* monotonic; 0: none */
	char ping[24];
	struct binance_changes scratch;
	struct sim_buffer text, payload;
};

void *binance_session_new(void *state);
void binance_session_free(void *session);
void binance_opened(void *session, const struct sim_world *world, const struct http_request *r,
		    const struct sim_sink *sink);
void binance_control(void *session, const struct sim_world *world, enum ws_opcode opcode,
		     bc_str payload, const struct sim_sink *sink);
void binance_message(void *session, const struct sim_world *world, bc_str text,
		     const struct sim_sink *sink);
void binance_tick(void *session, const struct sim_world *world, bool flush,
		  const struct sim_sink *sink);
void binance_shutdown(void *session, const struct sim_world *world, int64_t after_ns,
		      const struct sim_sink *sink);
bool binance_subscribed(const void *session);
size_t binance_n_streams(const void *session);
bool binance_wants(const void *session, bc_str stream);

/* Nothing before now will be sent. */
void binance_stream_begin(struct binance_stream *stream, const struct sim_world *world);

/* ------------------------------------------------------------------ binance_methods.c */

/* One JSON request of a client; answers it. */
void binance_answer(struct binance_session *s, const struct sim_world *world, bc_str text,
		    const struct sim_sink *sink);
/* Adds a stream. NULL, or the error's message. */
const char *binance_subscribe(struct binance_session *s, const struct sim_world *world,
			      bc_str name);

/* ------------------------------------------------------------------ binance_rest.c, _weight.c */

void binance_upgrade(void *state, const struct sim_world *world, const struct http_request *r,
		     struct sim_reply *reply);
void binance_request(void *state, const struct sim_world *world, const struct http_request *r,
		     struct sim_reply *reply);
/* The route and the rest of a WebSocket path; false: there is no such path. */
bool binance_path(const struct binance_dialect *d, bc_str path, enum binance_route *route,
		  bool *combined, bc_str *streams);
void binance_refuse(struct sim_reply *reply, int status, int code, const char *message);

/* A REST request while it is answered. */
struct binance_ask {
	struct binance_state *state;
	const struct binance_dialect *dialect;
	const struct sim_world *world;
	const struct http_request *r;
	struct sim_reply *reply;
	size_t symbol;
	int64_t limit;
};

/* A number in [0, INT64_MAX], `otherwise` where it is not given; false: the refusal is written. */
bool binance_number(struct binance_ask *a, const char *key, int64_t otherwise, int64_t *out);
/* Reads `symbol`; false: the refusal is written. */
bool binance_symbol(struct binance_ask *a);
bool binance_has(const struct binance_ask *a, const char *key);

/* binance_rest_data.c, binance_info.c: one endpoint each. */
void binance_get_trades(struct binance_ask *a);
void binance_get_agg_trades(struct binance_ask *a);
void binance_get_klines(struct binance_ask *a);
void binance_get_book_ticker(struct binance_ask *a);
void binance_get_ticker(struct binance_ask *a);
void binance_get_info(struct binance_ask *a);

void binance_weight_init(struct binance_state *s);
/* Takes `weight` and writes the header; false: the refusal is written. */
bool binance_weigh(struct binance_state *s, const struct sim_world *world, uint32_t weight,
		   struct sim_reply *reply);
void binance_put_status(const void *state, struct sim_buffer *out);

/* ------------------------------------------------------------------ binance_settings.c */

void binance_settings_reset(struct binance_state *s);
const char *binance_set(void *state, const char *name, double value);

/* ------------------------------------------------------------------ binance_recorded.c */

bool binance_frame_of(bc_str frame, struct sim_frame *out);
bool binance_body_id(bc_str body, uint64_t *id);
/* Answers GET depth from the capture. */
void binance_recorded_depth(struct binance_ask *a);

#endif
