/* face.h - what a simulated exchange looks like from outside: one table an exchange.
 *
 * A face is pure: requests, messages and times in; answers and frames out through a sink. It
 * opens no socket and reads no clock. Sockets, TLS, faults and replay are the same for all.
 * To add an exchange: one file with its table, one line in faces.c.
 *
 * Exchanges that send changes read them from the market's journal: market_get_change().
 *
 * Threads everything on the loop's thread. */
#ifndef BC_SIM_FACE_H
#define BC_SIM_FACE_H

#include "publisher/simulator/http.h"
#include "publisher/simulator/ledger.h"
#include "publisher/simulator/market.h"
#include "publisher/simulator/ws_frame.h"

/* Fault: the next n snapshots by REST show the book as it was so many changes ago. */
struct sim_old_snapshots {
	uint64_t n, changes;
	char symbol[MARKET_NAME_MAX]; /* empty: any */
};

#define SIM_STREAM_NAME 128

/* What a recorded frame is. */
struct sim_frame {
	char symbol[MARKET_NAME_MAX];
	char stream[SIM_STREAM_NAME]; /* as clients ask for it */
	uint64_t last_id; /* of the book after it, if it is a change of one; 0: it is not */
};

/* The order books a capture holds as answers of the REST API. */
struct sim_recorded {
	void *self;
	/* The answer for this place of the capture, and the limit it was asked with. False: none.
	 */
	bool (*book)(void *self, bc_str symbol, bc_str *body, int64_t *limit);
};

/* The world at the time of a call. */
struct sim_world {
	struct market *market;
	bool replay; /* the market is only a list of symbols: its data must not be shown */
	bc_wall_time now;
	bc_mono_time mono;
	int64_t skew_ns;   /* fault: added to every time that is shown */
	uint32_t *crossed; /* fault: that many order books are shown crossed */
	struct sim_old_snapshots *old_snapshots; /* fault; NULL: none */
	const struct sim_recorded *recorded;     /* with replay; NULL: nothing */
	struct ledger *ledger;                   /* told of what is limited; NULL: nobody is */
	bool forgiving;                          /* limits are counted there, and not enforced */
};

/* Where a session's output goes. Borrowed bytes. */
struct sim_sink {
	void *self;
	/* Market data about `symbol`: what faults drop, delay and damage. */
	void (*data)(void *self, bc_str symbol, bc_str payload);
	/* Everything else: errors, acknowledgements, keepalives. */
	void (*reply)(void *self, bc_str payload);
	/* Ends the connection after a while; code 0: without a close frame. */
	void (*close)(void *self, uint16_t code, int64_t after_ns);
	/* A ping of the exchange's own. NULL where there is nobody to answer it: none is sent. */
	void (*ping)(void *self, bc_str payload);
};

/* An HTTP answer in the making. */
struct sim_reply {
	int status;
	struct sim_buffer headers; /* whole lines, each with its CRLF */
	struct sim_buffer body;    /* JSON, where there is one */
};

struct sim_face {
	const char *name; /* "upbit" */
	enum ws_opcode data_opcode, reply_opcode;
	const int32_t *intervals_s; /* candles its market keeps */
	size_t n_intervals;
	int64_t idle_close_ns; /* nothing sent or received for so long: closed without a frame; 0:
				  never */
	size_t journal;        /* changes of a book its market must remember; see market.h */

	/* Fills specs[n] with plausible symbols; false: it has not so many. */
	bool (*specs)(struct market_spec *specs, size_t n);
	/* One spec for a symbol that a capture mentions. */
	void (*spec_of)(bc_str symbol, struct market_spec *out);
	/* The symbol a recorded frame is about, into out (MARKET_NAME_MAX); false: none. */
	bool (*symbol_of)(bc_str frame, char *out);
	/* What a recorded frame is; false: of no stream. NULL: who subscribed first gets
	 * everything, and the next two are not called. */
	bool (*frame_of)(bc_str frame, struct sim_frame *out);
	/* The number of a recorded order book; false: it is none. */
	bool (*body_id)(bc_str body, uint64_t *id);

	/* The number the exchange gives the book as it is now; NULL: it numbers nothing. */
	uint64_t (*book_id)(const struct market *market, size_t symbol);

	/* State of the whole exchange (its rate limits). NULL: out of memory. */
	void *(*state_new)(void);
	void (*state_free)(void *state);
	/* Changes how it behaves, for tests: a limit, a time. NULL: done; else the reason why not.
	 * `name` NULL: everything back to what the exchange does. The slot is NULL where nothing
	 * can be set. */
	const char *(*set)(void *state, const char *name, double value);

	/* Adds what it counts to an open JSON object: `,"key":value`. NULL: it counts nothing. */
	void (*put_status)(const void *state, struct sim_buffer *out);

	/* May this upgrade happen? status 101, with extra headers, or the refusal. */
	void (*upgrade)(void *state, const struct sim_world *world, const struct http_request *r,
			struct sim_reply *reply);
	/* Any other request. */
	void (*request)(void *state, const struct sim_world *world, const struct http_request *r,
			struct sim_reply *reply);

	/* One connection. NULL: out of memory. */
	void *(*session_new)(void *state);
	void (*session_free)(void *session);
	/* The request that was upgraded, before anything else; NULL: it does not matter. */
	void (*opened)(void *session, const struct sim_world *world, const struct http_request *r,
		       const struct sim_sink *sink);
	/* A control frame of the client, ping or pong; NULL: it does not matter. */
	void (*control)(void *session, const struct sim_world *world, enum ws_opcode opcode,
			bc_str payload, const struct sim_sink *sink);
	/* A whole message from the client. */
	void (*message)(void *session, const struct sim_world *world, bc_str text,
			const struct sim_sink *sink);
	/* Sends what is due; `flush`: also what would wait for its next slot. */
	void (*tick)(void *session, const struct sim_world *world, bool flush,
		     const struct sim_sink *sink);
	/* Announces that the connection will be closed after a time, and closes it; NULL: this
	 * exchange closes without a word. */
	void (*shutdown)(void *session, const struct sim_world *world, int64_t after_ns,
			 const struct sim_sink *sink);
	/* What the exchange limits, for the ledger; requests and weight the face tells it of. */
	const struct ledger_rule *rules;
	size_t n_rules;
	/* How many streams it carries; NULL: they are not limited. */
	size_t (*streams)(const void *session);
	/* Has it asked for data (so that a capture may be sent to it)? */
	bool (*subscribed)(const void *session);
	/* Has it asked for this recorded stream? */
	bool (*wants)(const void *session, bc_str stream);
};

extern const struct sim_face *const sim_faces[]; /* ends in NULL */
const struct sim_face *sim_face_find(const char *name);

#endif
