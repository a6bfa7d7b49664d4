/* upbit.h - the Upbit face. Facts: docs/exchanges/upbit.md. */
#ifndef BC_SIM_UPBIT_H
#define BC_SIM_UPBIT_H

#include "publisher/simulator/face.h"
#include "publisher/simulator/limiter.h"

#include <jansson.h>

extern const struct sim_face sim_face_upbit;

/* Indices into the market's intervals; the first nine are the WebSocket's candle types. */
enum upbit_interval {
	UPBIT_1S,
	UPBIT_1M,
	UPBIT_3M,
	UPBIT_5M,
	UPBIT_10M,
	UPBIT_15M,
	UPBIT_30M,
	UPBIT_60M,
	UPBIT_240M,
	UPBIT_N_WS_INTERVALS,
	UPBIT_1D = UPBIT_N_WS_INTERVALS,
	UPBIT_N_INTERVALS,
};

extern const int32_t upbit_intervals_s[UPBIT_N_INTERVALS];

/* upbit_symbols.c */
bool upbit_specs(struct market_spec *specs, size_t n);
void upbit_spec_of(bc_str symbol, struct market_spec *out);
/* Grouping of a KRW book: level k (1..5) merges 10^k ticks. */
#define UPBIT_N_LEVELS 6
bool upbit_has_levels(const struct market_spec *spec);
bc_decimal upbit_level(const struct market_spec *spec, size_t k);

/* upbit_frames.c */
enum upbit_type { UPBIT_TICKER, UPBIT_TRADE, UPBIT_ORDERBOOK, UPBIT_CANDLE };

enum upbit_format { UPBIT_DEFAULT, UPBIT_SIMPLE, UPBIT_JSON_LIST, UPBIT_SIMPLE_LIST };

#define UPBIT_UNITS_MAX 30

struct upbit_frame {
	enum upbit_type type;
	enum upbit_interval interval; /* UPBIT_CANDLE */
	enum upbit_format format;
	size_t symbol;
	size_t units; /* UPBIT_ORDERBOOK */
	size_t level; /* UPBIT_ORDERBOOK: 0, or k of upbit_level() */
	size_t trade; /* UPBIT_TRADE: how many are newer */
	bool snapshot;
	bool crossed; /* fault: best bid and best ask change places */
};

void upbit_write_frame(struct sim_buffer *out, const struct sim_world *world,
		       const struct upbit_frame *frame);

/* The levels of one side as shown: k-th of the grouped or plain book, zeros where it ends. */
size_t upbit_side(const struct market *market, size_t symbol, enum market_side side, size_t level,
		  bc_level *out, size_t n);
uint64_t upbit_sequential_id(const struct market_trade *trade);
int64_t upbit_ms(const struct sim_world *world, bc_wall_time t);
/* RISE, EVEN or FALL, and the difference in ticks. */
const char *upbit_change(int64_t last, int64_t previous, int64_t *ticks);

/* upbit_subscribe.c */
/* One code of one data type. */
struct upbit_stream {
	struct upbit_frame frame; /* its constant part */
	bool want_snapshot, want_realtime;
	bool told_gone;
	uint64_t cursor; /* book sequence or number of trades that was sent last */
	int64_t slot;    /* of the grid in which it was sent last */
};

/* A request while it is read; becomes the session's if all of it is good. */
struct upbit_subscribe {
	const struct sim_world *world;
	const char *ticket, *method;
	enum upbit_format format;
	struct upbit_stream *streams;
	size_t n_streams, cap_streams;
	json_t *subscribed;
};

struct upbit_refusal {
	const char *name; /* NULL: none */
	const char *word; /* begins the message; borrowed from the request; NULL: none */
	const char *message;
};

/* False: *r says why not. What it made belongs to the caller either way. */
bool upbit_read_request(struct upbit_subscribe *q, const json_t *array, struct upbit_refusal *r);
/* How much there was to tell so far: the book's sequence, or the number of trades. */
uint64_t upbit_position(const struct market *market, const struct upbit_frame *frame);

/* upbit_session.c */
void *upbit_session_new(void *state);
void upbit_session_free(void *session);
void upbit_message(void *session, const struct sim_world *world, bc_str text,
		   const struct sim_sink *sink);
void upbit_tick(void *session, const struct sim_world *world, bool flush,
		const struct sim_sink *sink);
bool upbit_subscribed(const void *session);

/* upbit_rest.c */
struct upbit_state {
	struct sim_limit connects, origin;
	struct sim_limit groups[8]; /* by enum in upbit_rest.c */
};

void upbit_request(void *state, const struct sim_world *world, const struct http_request *r,
		   struct sim_reply *reply);
void upbit_upgrade(void *state, const struct sim_world *world, const struct http_request *r,
		   struct sim_reply *reply);
void *upbit_state_new(void);
void upbit_state_free(void *state);

#endif
