/* session.h - the feed session: everything that is decided between an exchange and the bus.
 *
 * A pure state machine: (state, input, now) to actions. Connection life cycle, subscriptions and
 * their budget, liveness, the state of every symbol, back-off and REST retries are decided here
 * and carried out elsewhere: the gateway does it on sockets, the tests in simulated time.
 *
 * Shape   symbols have small numbers that stay theirs until they are removed; connections are
 *         counted from 0 and never go away; one that was replaced before its end waits to be
 *         used again.
 * Inputs  every function that takes `now`; actions are made from inside them, and an action must
 *         not call back into the session.
 * Duty    the caller ticks at session_next_deadline() at the latest. Who comes more than two
 *         seconds late has stalled, and everything is stale (clock) from then on.
 * Units   times in ns; three clocks, see struct session_now.
 * Limits  20,000 symbols; 65,536 instruments listed.
 * Memory  session_new(), adding symbols and the instrument list allocate; nothing else does.
 * Threads one. */
#ifndef SESSION_H
#define SESSION_H

#include "common/log.h"
#include "common/shard.h"
#include "publisher/budget_office.h"
#include "publisher/exchanges/exchange.h"

struct session;

struct session_now {
	bc_mono_time mono, boot; /* boot counts while the machine sleeps, mono does not */
	bc_wall_time wall;       /* printed, published, never decided by */
};

/* ------------------------------------------------------------------ what it wants done */

enum session_scope {
	SESSION_ALL_CHANNELS, /* what is known of the symbol is from before and may have changed */
	SESSION_BOOK_ONLY,    /* only its book is in doubt */
};

struct session_change { /* of the state of a symbol or of the feed */
	enum bc_state previous, state;
	enum bc_reason reason;
	bc_wall_time since;
	enum session_scope scope; /* of a symbol that leaves the fit states */
};

struct session_actions {
	void *self;
	/* Resolve, connect, shake hands; session_opened() or session_closed() is the answer. */
	void (*connect)(void *self, uint32_t connection);
	/* Give the connection up, in whatever phase it is; session_closed() follows. */
	void (*disconnect)(void *self, uint32_t connection);
	/* One text message. Anything but BC_OK: the connection is given up. */
	bc_status (*send)(void *self, uint32_t connection, bc_str text);
	void (*ping)(void *self, uint32_t connection);
	/* GET of a path with its query; session_rest_answer() or _failed() with the same number. */
	void (*get)(void *self, uint32_t request, bc_str path);

	/* A symbol is published from now on, or not any more. BC_ENOMEM refuses it. */
	bc_status (*symbol_added)(void *self, uint32_t symbol, bc_str name);
	void (*symbol_removed)(void *self, uint32_t symbol);
	/* Before the event that caused it. */
	void (*symbol_state)(void *self, uint32_t symbol, const struct session_change *change);
	void (*feed_state)(void *self, const struct session_change *change);
	/* Market data of a published symbol, checked. Borrowed for the call. */
	void (*event)(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received);
	void (*log)(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields);
	/* Does anybody listen to this topic of a published symbol? NULL: somebody always does.
	 * interval: of candles. */
	bool (*listened)(void *self, uint32_t symbol, enum bc_channel channel,
			 enum bc_interval interval);
	/* An event of this published symbol probably follows: what it will touch may be fetched
	 * into the cache. NULL: nothing. */
	void (*soon)(void *self, uint32_t symbol);
};

/* ------------------------------------------------------------------ life */

enum session_source {
	SESSION_AUTO, /* the WebSocket; REST while it is down */
	SESSION_WS,   /* never by REST, but for what the stream needs */
	SESSION_REST, /* never connected */
};

struct session_options {
	const struct bc_exchange *exchange;
	struct bc_feed_options feed;
	uint32_t channels;  /* BC_CHANNEL_BIT() of what to subscribe */
	uint32_t intervals; /* 1u << enum bc_interval, of candles */
	uint32_t levels;
	uint32_t max_levels;      /* kept of a side of a book out of changes */
	uint32_t snapshot_levels; /* asked of a snapshot; rounded up to what is offered; 0: 1000 */
	uint32_t weight_percent;  /* of the exchange's REST weight that we use at most; 0: 60 */
	enum session_source source; /* where the data may come from */
	int64_t rest_after_ns; /* AUTO: a stream is down for so long, then it is polled; 0: 10 s */
	int64_t rest_interval_ns; /* between two polls of a symbol, at least; 0: 1 s */
	uint32_t history_trades, history_candles; /* asked by REST for who listens; 0: none */
	int64_t history_again_ns; /* from one request for a topic's history to the next; 0: 60 s */
	int64_t maintenance_after_ns; /* of failed attempts, until it is one; 0: 5 min */
	int64_t probe_interval_ns;    /* between two attempts then; 0: 30 s */
	int64_t silent_after_ns, quiet_after_ns, first_data_after_ns, backoff_max_ns;
	int64_t listing_every_ns;           /* the list of instruments is read again; 0: 10 min */
	const struct bc_division *division; /* borrowed, see session_reshard(); NULL: all is ours */
	uint32_t shard;                     /* which of its parts is ours; BC_SHARD_NONE: none */
	int64_t linger_ns; /* how long a symbol that another shard serves is published here, too */
	/* Asked before connections and requests; NULL: what the exchange allows an address is this
	 * session's alone. */
	const struct budget_office *office;
	uint64_t seed; /* of the jitter, and of the nonces of subscriptions */
};

/* May `spec` stand in the list of symbols? Native spelling, BASE/QUOTE or a shell glob.
 * BC_EINVAL: no, and why[cap] says what would be right. */
bc_status session_check_symbol(const struct bc_exchange *exchange, const char *spec, char *why,
			       size_t cap);

/* The channels that the exchange itself sends; others it may serve are made of these, as a bbo of
 * books. */
uint32_t session_carried(const struct bc_exchange *exchange);

/* The caller owns *out. BC_EINVAL: an option is not for this exchange, why[cap] says which. */
bc_status session_new(struct session **out, const struct session_options *options,
		      const struct session_actions *actions, char *why, size_t cap);
void session_free(struct session **session); /* without actions */

/* ------------------------------------------------------------------ inputs */

void session_start(struct session *s, struct session_now now);
void session_tick(struct session *s, struct session_now now);

struct session_closed {
	const char *why;        /* a word for logs */
	const char *detail;     /* for people; may be empty */
	uint16_t close_code;    /* RFC 6455; 0: none */
	int http_status;        /* of a refused upgrade; 0: none */
	int64_t retry_after_ns; /* 0: none */
};

void session_opened(struct session *s, struct session_now now, uint32_t connection);
/* While a message is served, the next one is there already, or its beginning: what is known of whom
 * it is about can be fetched into the cache. A hint; nothing depends on it. */
void session_soon(struct session *s, bc_str bytes);
void session_message(struct session *s, struct session_now now, uint32_t connection, bc_str bytes,
		     bool binary, bc_wall_time received);
void session_pong(struct session *s, struct session_now now, uint32_t connection);
void session_closed(struct session *s, struct session_now now, uint32_t connection,
		    const struct session_closed *how);

#define SESSION_REST_SLOTS 10 /* request numbers are below it */

/* The longest body that is an answer to this request, which is in flight; 0: as the driver likes.
 * May be asked from inside get(). */
size_t session_rest_max_bytes(const struct session *s, uint32_t request);

struct session_rest {
	bc_str body;            /* of an answer */
	int64_t used_weight;    /* as the exchange counts it; -1: it did not say */
	int http_status;        /* of a failure; 0: there was no answer */
	int64_t retry_after_ns; /* of a failure; 0: none */
	const char *detail;     /* of a failure, for people */
};

/* An answer nobody waits for is nothing. */

void session_rest_answer(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *answer);
void session_rest_failed(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *failure);

/* Somebody new listens to this topic, and has heard nothing of it: its history is told again, as
 * soon as it may be asked for. Any channel; nothing where there is no history. Constant time. */
void session_history_wanted(struct session *s, struct session_now now, uint32_t symbol,
			    enum bc_channel channel, enum bc_interval interval);

/* What is configured: the symbols that are wanted beside what was added and removed at run time.
 * What is said for the second time changes nothing, so nobody else sees a pause; what is said no
 * more is dropped. The specs have passed session_check_symbol().
 *   BC_OK
 *   BC_ERANGE, BC_ENOMEM  not everything could be followed; why[cap] says it */
bc_status session_configure(struct session *s, struct session_now now, const char *const *specs,
			    size_t n, char *why, size_t cap);

/* Commands. `spec` as in session_check_symbol(); a glob means all that match now, and, added,
 * all that are listed later. why[cap] says what is wrong.
 *   BC_OK         done, or on its way
 *   BC_EINVAL     not a symbol of this exchange
 *   BC_EBUSY      add: it belongs to another shard; why[cap] says to which
 *   BC_ENOTFOUND  remove, resync: nothing of that name is followed
 *   BC_ERANGE     add: that many symbols are followed already; add, remove: too many rules
 *   BC_ENOMEM */
bc_status session_add(struct session *s, struct session_now now, const char *spec, char *why,
		      size_t cap);
/* The same, but what belongs to another shard is noted: should it become ours, it is followed. */
bc_status session_want(struct session *s, struct session_now now, const char *spec, char *why,
		       size_t cap);
bc_status session_remove(struct session *s, struct session_now now, const char *spec, char *why,
			 size_t cap);
bc_status session_resync(struct session *s, struct session_now now, const char *spec, char *why,
			 size_t cap);
/* What was added and removed at run time, the oldest first: "+KRW-BTC\n-BTC-*\n". The caller frees
 * *out. BC_ENOMEM. */
bc_status session_said(const struct session *s, char **out);
/* The same, as another gateway was told it, as a whole: whoever is wanted before and after sees
 * nothing of it. What belongs to another shard is noted.
 *   BC_OK
 *   BC_EINVAL             a line is not one of these, nothing was taken
 *   BC_ERANGE, BC_ENOMEM  not everything could be noted, or followed */
bc_status session_say(struct session *s, struct session_now now, const char *said, char *why,
		      size_t cap);
void session_reconnect(struct session *s, struct session_now now);
/* The same without a hole: each connection is dropped when its successor brings all that it does.
 */
void session_renew(struct session *s, struct session_now now);

/* From now on `shard` of this division is ours. What is wanted and ours is followed at once. What
 * is ours no more is leaving: it is served on until another gateway has served it for linger_ns,
 * or for ever, so that there is never nobody. `division` is borrowed until the next call. */
void session_reshard(struct session *s, struct session_now now, const struct bc_division *division,
		     uint32_t shard);
void session_linger(struct session *s, int64_t linger_ns); /* from now on */
/* Is a symbol that is leaving listed by the gateway it belongs to, and fit there? To be said
 * about each now and then, and when it changes. */
void session_elsewhere(struct session *s, struct session_now now, uint32_t symbol, bool fit);
/* Gives up all that is leaving, served elsewhere or not; returns how many they were. */
uint32_t session_release(struct session *s, struct session_now now);

/* ------------------------------------------------------------------ what can be asked */

bc_mono_time session_next_deadline(const struct session *s);

struct session_counters {
	uint64_t opened, connect_failures;     /* connections made; attempts that failed */
	uint64_t reconnects;                   /* open ones lost or given up */
	uint64_t handovers, handover_failures; /* replaced before their end; successors lost */
	uint64_t messages, bytes;              /* from the exchange */
	uint64_t events[BC_N_CHANNELS];        /* data of symbols we follow */
	uint64_t ignored;                      /* data of others */
	uint64_t duplicates;                   /* seen before, or older than what we have */
	uint64_t refused, out_of_range;        /* not understood; a number that does not fit */
	uint64_t crossed, gaps, checksums;
	uint64_t resyncs; /* subscriptions sent to have everything again; books that broke */
	uint64_t control_errors, rate_limited, silent, stalls, state_changes;
	uint64_t sends, rest_requests, rest_failures;
	uint64_t snapshots, snapshot_failures; /* asked for; without a usable answer */
	uint64_t snapshots_applied, snapshots_too_old;
	uint64_t snapshots_edge;   /* wanted for the depth of a right book alone */
	uint64_t mute;             /* silent streams of books that move */
	uint64_t edges_reached;    /* the price was there before the next snapshot */
	uint64_t buffers_full;     /* more changes came than are kept for one snapshot */
	uint64_t levels_dropped;   /* beyond max_levels */
	uint64_t history;          /* trades and candles published out of answers */
	uint64_t banned;           /* times REST said 418 */
	uint64_t maintenances;     /* times the exchange let nobody in for long */
	uint64_t fallbacks;        /* symbols that went over to polled data */
	uint64_t polled, poll_old; /* answers about one symbol: taken; older than what is known */
	bc_wall_time last_message; /* the newest, by our clock */
};

struct session_view { /* of one symbol */
	bc_str name;
	enum bc_state state;
	enum bc_reason reason;
	bc_wall_time since;
	bool leaving;    /* it belongs to another shard, see session_reshard() */
	bool configured; /* wanted by the configuration, not only since it was added */
};

const struct session_counters *session_counters(const struct session *s);
uint32_t session_symbols(const struct session *s); /* published ones */
uint32_t session_wanted(const struct session *s);  /* of all shards, as far as they are known */
uint32_t session_leaving(const struct session *s);
/* Patterns wait for the exchange's list: more symbols may be wanted than are known. */
bool session_awaits_listing(const struct session *s);
/* Of a spec that names one symbol, of whichever shard; false: it may mean several, or none that is
 * known. */
bool session_owner(const struct session *s, const char *spec, uint32_t *shard);
uint32_t session_symbols_in(const struct session *s, enum bc_state state);
uint32_t session_symbol_limit(const struct session *s); /* numbers are below it */
bool session_symbol(const struct session *s, uint32_t symbol, struct session_view *out);
enum bc_state session_feed_state(const struct session *s, enum bc_reason *reason,
				 bc_wall_time *since);
struct session_rest_view {
	uint32_t snapshots_waiting;    /* symbols */
	int64_t snapshot_wait_ns;      /* expected, for the last of them */
	uint64_t weight, weight_limit; /* used of the exchange's minute, ours of it; 0: none */
};

struct session_rest_view session_rest_view(const struct session *s);
/* What its office says; limits by the exchange's numbers. */
const struct budget_view *session_budget(const struct session *s);
/* For how long the exchange has let nobody in; 0: it has not been for long, or does. */
int64_t session_maintenance_ns(const struct session *s, struct session_now now);
uint32_t session_connections(const struct session *s);
uint32_t session_connections_open(const struct session *s);
const struct bc_line *session_line(const struct session *s, uint32_t connection);

#endif
