/* session_private.h - the inside of the session, shared by the session_*.c files alone.
 *
 * Who does what:
 *   session.c             life, inputs, clocks, deadlines, questions
 *   session_maintenance.c an exchange that is closed for long
 *   session_handover.c    a connection replaced by another before it ends
 *   session_overlap.c     which of two that carry the same is to be believed
 *   session_connection.c  connect, prove, keep alive, lose, back off
 *   session_subscribe.c   subscription frames within their budget, and what is answered to them
 *   session_batch.c       whom the next of these names
 *   session_carry.c       who is carried where, and who has been heard there
 *   session_symbol.c      the symbols, their states, who has been waiting for data too long
 *   session_feed.c        what the adapter says: checks, and on to the bus
 *   session_order.c       what comes twice, or later than something newer
 *   session_sync.c        books out of changes: what becomes of each change and snapshot
 *   session_due.c         who is due when
 *   session_sync_ask.c    when a snapshot is asked for, for whom first
 *   session_rest.c        REST requests: what goes next, their weight and their pace
 *   session_answer.c      what came of them: answers, failures, 429 and 418
 *   session_snapshot.c    which symbols wait for a snapshot, and who of them is next
 *   session_history.c     trades and candles from before the stream, for those who listen
 *   session_fallback.c    whose stream is down, what was polled instead, and back to the stream
 *   session_poll.c        who is polled next, and how often
 *   session_directory.c   what the exchange lists; globs, unified and unknown names
 *   session_shard.c       which symbols are ours, and when those that are no more may go
 *   session_command.c     add, remove, resync, reconnect
 *   session_said.c        what was said of symbols at run time, from gateway to gateway */
#ifndef SESSION_PRIVATE_H
#define SESSION_PRIVATE_H

#include "common/blocks.h"
#include "common/name_index.h"
#include "proto/topic.h"
#include "publisher/address_budget.h"
#include "publisher/pace.h"
#include "publisher/session.h"
#include "publisher/session_fallback.h"
#include "publisher/session_handover.h"
#include "publisher/session_order.h"
#include "publisher/session_requests.h"
#include "publisher/session_sync.h"
#include "publisher/wanted.h"

#include <assert.h>

#define MAX_LINES 4
#define NOBODY    UINT32_MAX /* no symbol, no connection */

#define TICK_AT_LEAST_NS   (500 * BC_NS_PER_MS)
#define STALL_NS           (2 * BC_NS_PER_S)
#define SLEEP_NS           BC_NS_PER_S
#define PROVEN_FOR_NS      (5 * BC_NS_PER_S)
#define HANDSHAKE_MAX_NS   (20 * BC_NS_PER_S)
#define SENT_AWAY_MAX_NS   (3600 * BC_NS_PER_S)
#define ACK_AFTER_NS       (3 * BC_NS_PER_S)
#define RESYNC_SPACING_NS  (5 * BC_NS_PER_S)
#define REST_WAIT_MIN_NS   BC_NS_PER_S
#define REST_WAIT_MAX_NS   (60 * BC_NS_PER_S)
#define LISTING_REFRESH_NS (600 * BC_NS_PER_S)
#define LISTING_GONE_NS    (3600 * BC_NS_PER_S)
#define CLOCK_AHEAD_NS     (10 * BC_NS_PER_S)
#define CLOCK_BEHIND_NS    (24 * 3600 * BC_NS_PER_S)
#define BAD_IN_A_ROW_MAX   10
#define BATCH_SYMBOLS      50 /* where a line names no number */
#define FRAME_FIRST_BYTES  (16u << 10)
#define FRAME_MAX_BYTES    (16u << 20)
#define SYMBOLS_MAX        20000
#define LISTED_MAX         65536
#define BOOK_BACK_NS       (60 * BC_NS_PER_S)
#define ORDER_BACK_NS      (10 * BC_NS_PER_S)
#define TRADES_ANEW_NS     BC_NS_PER_S
#define OLD_BOOKS_NS       (10 * BC_NS_PER_S)
#define SAME_LOOK_NS       1000 /* so many changes of a symbol at one time, by our clock */

/* ------------------------------------------------------------------ symbols */

/* What a symbol waits for. */
enum wait {
	WAIT_FIRST_DATA, /* since it was subscribed */
	WAIT_CHANGE,     /* since it last changed; then it is quiet */
	N_WAITS,
	WAIT_NOTHING = N_WAITS,
};

#define NEAR_NAME 24

/* What few messages touch of a symbol. */
struct symbol_aside {
	struct symbol_rest rest;
	struct symbol_fallback fallback;
	struct known_trades trades;
	uint32_t asked;                       /* as missing */
	uint32_t again;                       /* to be taken back there, and asked for anew */
	uint32_t asked_next, subscribed_next; /* the same on the successor of its connection */
	uint32_t told_mute;                   /* it was logged that nothing comes from there */
	unsigned unserved;  /* how often it has waited for its first data in vain, in a row */
	bool was_listed;    /* stood in the instrument list */
	bool ticks_known;   /* BC_REST_TICKS has answered for it */
	bool ticks_refused; /* or will not, until the next list */
	bc_mono_time subscribed_at;
	bool gone; /* from the list, since gone_at */
	bc_mono_time gone_at;
	bc_mono_time old_until; /* books of an earlier subscription may come; 0: there was none */
	bool leaving;           /* belongs to another shard */
	bool elsewhere;         /* which serves it since elsewhere_at */
	bc_mono_time elsewhere_at;
};

/* What every message touches stands first, then what those touch that bring changes of a book or
 * numbers. The closer symbols lie, the fewer pages' addresses the processor has to look up. */
struct symbol {
	bc_str name;          /* owned; .p NULL: the number is free */
	char near[NEAR_NAME]; /* the name once more, where it fits: to compare it costs no fetch */
	enum bc_state state;
	enum bc_reason reason;
	bc_wall_time since;
	uint32_t on[MAX_LINES]; /* its connection on each line; NOBODY */
	/* 1u << line each. Missing: it is not known to be subscribed there since the connection
	 * opened, so the symbol is not fit, however right its book is. */
	uint32_t missing, subscribed, heard; /* heard: data came from there */
	enum wait wait;
	bc_mono_time waits_since;
	bool had_data; /* was live once: from then on stale, not connecting */
	bool proven;   /* its book, or what stands for it, is right */
	bool down;     /* not fit since its connection was lost */
	bool unlisted; /* stands in no list: fit only while it sends */
	bool bbo_due;  /* has a bbo of its own, and none has come since it was not fit */
	struct symbol_aside *aside;
	struct symbol_order order;
	struct symbol_sync sync;
};
static_assert(sizeof(struct symbol) % BC_CACHE_LINE == 0, "each begins a cache line");

#define SYMBOL_WARM_BYTES 128 /* the beginning, with the order of books that have no number */

/* ------------------------------------------------------------------ connections */

enum phase {
	PHASE_WAITING, /* for retry_at */
	PHASE_CONNECTING,
	PHASE_OPEN,
	PHASE_CLOSING, /* given up; waits for session_closed() */
	PHASE_IDLE,    /* not needed at present */
	N_PHASES,
};

/* Copies: whoever is named may be gone before it is said. */
struct names {
	char **texts;
	uint32_t n, room;
};

/* What one subscription names, and how far it has been said. On lines that replace, it is all that
 * is carried, and what changes meanwhile begins it again; on lines that add, a few names each. */
struct batch {
	struct names names;
	uint32_t *symbols; /* of the names; NOBODY: the canary, or gone meanwhile */
	uint32_t room;
	bool going, takes_back, canary;
	size_t cursor, cursor_was; /* of the adapter; was: before the last frame */
	uint64_t nonce;            /* of the last frame */
	bool unanswered;           /* it has not been acknowledged yet */
	bool look;                 /* was it the last one? */
	unsigned repeats;          /* of it */
	bc_mono_time sent_at;
};

struct connection {
	uint16_t line, index; /* index: among those of its line */
	enum phase phase;
	bool proven;           /* data came since it opened */
	bool was_proven;       /* data came once */
	bool lasted;           /* data came still some time after it opened */
	enum bc_reason doubt;  /* why it was lost */
	unsigned failures;     /* in a row without data that lasted */
	unsigned sent_away;    /* of them: for asking too much */
	bc_mono_time retry_at; /* WAITING */
	bc_mono_time since;    /* of this phase */
	bc_mono_time proof_at; /* last data frame, or the opening */
	bc_mono_time ping_at;
	uint32_t n_symbols, bad_in_a_row;
	bool subscribing; /* a subscription is due or under way */
	bool canary_sent;
	bool anew; /* on a line that replaces: what was said is not right any more */
	bc_mono_time subscribe_at; /* not before */
	bc_mono_time resynced_at;
	bc_mono_time dropped_at; /* a symbol that was asked for is not wanted any more; 0: none */
	struct batch batch;
	struct names gone;    /* to be taken back */
	uint32_t n_gone;      /* carried still, though not wanted: nothing can take it back */
	uint32_t batch_max;   /* symbols; fewer after a refusal, until who is at fault is known */
	bc_mono_time mute_at; /* when to look who has never been heard */
	struct handover *handover; /* it takes part in; NULL */
	bool successor;            /* the second of the two: no symbol depends on it yet */
	bool retired;              /* CLOSING, then IDLE */
	bc_mono_time replace_at;   /* OPEN: when its successor is to be made */
	const char *replace_why;   /* NULL: its life ends */
	struct budget per_s, per_min;
};

struct maintenance {
	bool on;
	bc_mono_time failing_since; /* the first attempt since there was data; 0: none failed */
	bc_mono_time probe_at;
};

struct line_state {
	struct budget connects;
	struct aimd sends; /* of what a connection may send */
	uint32_t streams_a_symbol;
	uint32_t n_connections;
};

/* ------------------------------------------------------------------ the listing */

struct listed {               /* one instrument of the exchange */
	bc_str name, unified; /* owned, in one piece that begins at name.p */
	enum bc_listing status;
	uint32_t round; /* of the last answer it stood in */
};

struct directory {
	struct listed *entries;
	uint32_t n, capacity, round;
	struct bc_name_index by_name;
	uint32_t in_round; /* instruments in the answer being read */
	bool loaded;
};

/* ------------------------------------------------------------------ the session */

/* What a glance at a message showed. */
struct glanced {
	const char *bytes; /* of the message, to know it again; NULL: none */
	bool seen;         /* a name, with this hash */
	uint32_t hash;
};

struct session {
	struct session_options o;
	struct session_actions act;
	const struct bc_exchange *x;
	const struct budget_office *office; /* `own`, or one that is shared */
	void *adapter;
	struct bc_feed_sink sink;
	uint32_t channels, proof_channels;
	bool started;
	struct session_now now; /* of the current input */
	uint64_t random;
	uint64_t requests; /* nonces of lines that add */
	struct handover *handovers;

	struct symbol *symbols;
	struct bc_blocks asides;   /* the same numbers */
	uint32_t about;            /* whom the message being read seems to be about; NOBODY */
	struct glanced glanced[2]; /* this message and the next one, where somebody said so */
	uint32_t n_symbols, symbol_limit, symbol_capacity; /* used; numbers given; room */
	uint32_t n_in[BC_N_STATES];
	struct bc_name_index by_name;
	struct due waits[N_WAITS]; /* over then, or later, see session_symbol.c */
	bc_str *names;             /* scratch, symbol_capacity + 1 */

	struct connection *connections;
	uint32_t n_connections;
	struct line_state lines[MAX_LINES];
	bc_mono_time no_connect_before; /* the exchange told our address to stay away */
	bc_mono_time connect_at;        /* the office has said "later" */
	char *frame;                    /* scratch for subscriptions and paths */
	size_t frame_cap;

	struct maintenance maintenance;
	struct session_sync sync;
	struct rest rest;
	struct fallback fallback;
	struct directory directory;
	struct wanted wanted;
	uint32_t n_wanted;     /* symbols that the rules want, of any shard */
	bool awaits_listing;   /* a rule wants what only the list can tell, and it has not come */
	uint32_t n_leaving;    /* symbols */
	bc_mono_time leave_at; /* the first of them */

	enum bc_state feed_state;
	enum bc_reason feed_reason;
	bc_wall_time feed_since;

	uint32_t current;      /* connection whose message is being read; NOBODY: REST */
	bc_wall_time received; /* its time */
	struct session_counters count;
	struct own_office own; /* large, and never on the path of a message */
};

#define session_log(s, level, event, ...)             \
	(s)->act.log((s)->act.self, (level), (event), \
		     (const struct bc_log_field[]){ __VA_ARGS__, { NULL, BC_LOG_END, { NULL } } })

static inline bc_mono_time mono_plus(bc_mono_time t, int64_t ns)
{
	return (bc_mono_time){ t.ns > 0 && ns > INT64_MAX - t.ns ? INT64_MAX : t.ns + ns };
}

static inline bc_mono_time mono_min(bc_mono_time a, bc_mono_time b)
{
	return a.ns < b.ns ? a : b;
}

static inline bc_mono_time mono_max(bc_mono_time a, bc_mono_time b)
{
	return a.ns > b.ns ? a : b;
}

#define MONO_NEVER ((bc_mono_time){ INT64_MAX })

/* session.c */
void session_begin(struct session *s, struct session_now now); /* first in every input */

/* session_connection.c */
bc_status connection_idle(struct session *s, uint16_t line, uint32_t *out);
void connection_wake(struct session *s, uint32_t id);
void connection_retire(struct session *s, uint32_t id, const char *why);
void connection_free(struct connection *c);
void connection_tick(struct session *s, uint32_t id);
bc_mono_time connection_deadline(const struct session *s, const struct connection *c);
void connection_proven(struct session *s, uint32_t id);
void connection_give_up(struct session *s, uint32_t id, enum bc_reason reason, const char *why);
void feed_state_update(struct session *s);

/* session_maintenance.c */
void maintenance_failed(struct session *s, const struct session_closed *how); /* an attempt */
void maintenance_over(struct session *s);                                     /* there is data */
void maintenance_hurry(struct session *s);                                    /* a probe now */
bc_mono_time maintenance_connect_at(const struct session *s); /* before that, nobody may */

/* session_carry.c */
bc_status carry_assign(struct session *s, uint32_t symbol); /* gives it its connections */
void carry_release(struct session *s, uint32_t symbol);     /* while it still has its name */
bool carry_heard(struct session *s, uint32_t symbol); /* from the current connection; is it its? */
void carry_tick(struct session *s, uint32_t connection);
/* Does each subscription on this line make the exchange send every symbol's data from the start? */
bool carry_begins(const struct session *s, uint16_t line);
/* Nothing good has come of it for long: it is asked for anew where that may help. */
void carry_ask_again(struct session *s, uint32_t symbol);

/* session_subscribe.c */
void subscribe_again(struct session *s, uint32_t connection); /* all of it, as soon as allowed */
/* To have the symbol's data again from the start, NOBODY: everybody's; spaced out. Nothing where
 * the frames of the line heal it by themselves or a snapshot by REST does. */
void subscribe_resync(struct session *s, uint32_t connection, uint32_t symbol);
void subscribe_reset(struct session *s, uint32_t connection); /* what was said is forgotten */
void subscribe_take_back(struct session *s, uint32_t connection, uint32_t symbol);
void subscribe_anew(struct session *s, uint32_t connection, uint32_t symbol);
void subscribe_answered(struct session *s, const struct bc_control *control); /* ack or error */
void subscribe_too_much(struct session *s, uint32_t connection); /* the exchange says so */
void subscribe_free(struct connection *c);
uint32_t subscribe_batch(const struct session *s, uint16_t line); /* symbols a frame names */
void subscribe_tick(struct session *s, uint32_t connection);
bc_mono_time subscribe_deadline(const struct session *s, const struct connection *c);

/* session_symbol.c */
bc_status symbol_follow(struct session *s, bc_str name); /* BC_OK too where it is followed */
void symbol_drop(struct session *s, uint32_t id);
void symbols_free(struct session *s);
void symbol_set(struct session *s, uint32_t id, enum bc_state state, enum bc_reason reason,
		enum session_scope scope);
void symbol_doubt(struct session *s, uint32_t id, enum bc_reason reason, enum session_scope scope);
void symbol_lost(struct session *s, uint32_t id, enum bc_reason reason); /* its connection */
void symbol_subscribed(struct session *s, uint32_t id);
void symbol_waits(struct session *s, uint32_t id); /* for its first data, from now on */
void symbol_fed(struct session *s, uint32_t id, enum bc_channel channel);
void symbol_halt(struct session *s, uint32_t id, enum bc_reason reason);
void symbol_halt_unlisted(struct session *s, uint32_t id); /* session_directory.c */
void symbol_resume(struct session *s, uint32_t id);        /* from halted */
void symbols_tick(struct session *s);
bc_mono_time symbols_deadline(const struct session *s);

/* session_feed.c */
void feed_sink_init(struct session *s);
int feed_top_order(const struct bc_book *book); /* < 0: right, 0: locked, > 0: crossed */
void feed_market_data(struct session *s, uint32_t id, const struct bc_event *event);
void feed_input(struct session *s, uint32_t connection, const struct bc_input *input);
/* Fetches into the cache what this message will need, as far as a glance tells. */
void feed_ahead(struct session *s, bc_str bytes);
/* A book, bbo, trade, ticker or candle that is neither crossed nor out of order: it feeds its
 * symbol, and goes on to the bus. */
void feed_publish(struct session *s, uint32_t id, struct bc_event *event, bc_wall_time received);

/* session_sync.c: books out of snapshots and changes (x->sync). It asks by rest_snapshot(), and the
 * answer comes back through sync_snapshot(). */
bc_status sync_new(struct session *s); /* after the channels are chosen */
void sync_free(struct session *s);     /* after the symbols are gone */
bc_status sync_added(struct session *s, uint32_t id);
void sync_removed(struct session *s, uint32_t id);
void sync_subscribed(struct session *s, uint32_t id);
void sync_halted(struct session *s, uint32_t id);
void sync_resumed(struct session *s, uint32_t id); /* from halted; before it is subscribed */
void sync_delta(struct session *s, uint32_t id, const struct bc_event *event);
void sync_snapshot(struct session *s, uint32_t id, const struct bc_event *event);
void sync_connection_lost(struct session *s, uint32_t connection); /* its stream has ended */
/* Its stream goes on, without a hole, on another connection; the next change has to link. */
void sync_stream_moved(struct session *s, uint32_t symbol, uint32_t from, uint32_t to);
/* Which of the waiting symbols goes first: the smaller, the more urgent. */
uint64_t sync_urgency(const struct session *s, uint32_t id);
void sync_asked(struct session *s, uint32_t id);    /* its GET has just been sent */
void sync_answered(struct session *s, uint32_t id); /* whatever came of it; sync decides on */
void sync_tick(struct session *s);
bc_mono_time sync_deadline(const struct session *s);
/* Not to be believed until the next change that links, or a snapshot. */
void sync_doubt(struct session *s, uint32_t id, enum bc_reason reason);
/* Not to be believed until the next snapshot. */
void sync_break(struct session *s, uint32_t id, enum bc_reason reason);
void sync_again(struct session *s, uint32_t id); /* an operator says so */
/* A message was refused: of this symbol, or of nobody knows whom (NOBODY). */
void sync_rejected(struct session *s, uint32_t connection, uint32_t id, enum bc_reason reason);
void sync_bbo(struct session *s, uint32_t id, uint64_t seq); /* of the exchange's own */
bool sync_patient(const struct session *s, uint32_t id);     /* is its waiting no silence? */
/* Told of what changes from now on? */
bool sync_ready(const struct session *s, uint32_t id);
/* Number of the book that was published last; BC_SEQ_NONE: there is none. */
uint64_t sync_seq(const struct session *s, uint32_t id);
void sync_show(struct session *s, uint32_t id); /* the book that follows its stream, once more */

/* session_sync_ask.c, for session_sync.c alone */
void sync_need(struct session *s, uint32_t id, int64_t wait_ns);
void sync_need_no_more(struct session *s, uint32_t id);
void sync_watch(struct session *s, uint32_t id); /* its depth */
/* Levels inside the edge, of the side that has the fewest; UINT32_MAX: no side has an edge. */
uint32_t sync_vouched(const struct session *s, uint32_t id);
/* Has the stream reached this number, or said nothing for so long that it has nothing to say? */
bool sync_reached(const struct session *s, uint32_t id, uint64_t seq);
bool sync_hold(struct session *s, uint32_t id, const struct bc_event *event); /* until then */
void sync_held_try(struct session *s, uint32_t id);
/* session_sync.c, for session_sync_ask.c alone: a snapshot that is to be believed. */
void sync_apply(struct session *s, uint32_t id, const struct bc_book *book, uint64_t seq,
		bc_wall_time ts_exchange, bc_wall_time received);
void sync_buffer_release(struct session *s, uint32_t id);
void sync_buffer_taken_back(struct session *s, uint32_t id); /* the join has let it go */

/* session_handover.c: a connection replaced by another before it ends. */
bc_mono_time handover_due(struct session *s, uint16_t line); /* of one that opens now */
void handover_wanted(struct session *s, uint32_t connection, const char *why); /* at once */
void handover_lost(struct session *s, uint32_t connection);
bool handover_unfit(struct session *s, const char *why);
void handover_call_off_all(struct session *s);
void handover_symbol_gone(struct session *s, uint32_t symbol);
void handovers_free(struct session *s);
/* Two connections carry the symbol for a while; is this event to be taken, from the current one?
 * False, too, where the current one does not carry it at all. */
bool handover_takes(struct session *s, uint32_t symbol, const struct bc_event *event);
void handover_taken(struct session *s, uint32_t symbol); /* after it was */
void handover_tick(struct session *s);
bc_mono_time handover_deadline(const struct session *s);

/* session_overlap.c: which of the two is to be believed. */
uint32_t overlap_streams(const struct session *s);
bool overlap_takes(struct session *s, struct handover *h, uint32_t symbol,
		   const struct bc_event *event);
void overlap_release(struct session *s, struct handover *h, uint32_t symbol);
bool overlap_seen(const struct handover *h, uint32_t symbol);    /* all of it, on the successor */
bool overlap_linked(const struct handover *h, uint32_t symbol);  /* its changes */
bool overlap_brought(const struct handover *h, uint32_t symbol); /* anything, by the successor */
/* Is it unknown whether the successor is behind? What was known is forgotten where it is. */
bool overlap_torn(struct session *s, struct handover *h, uint32_t symbol);
void overlap_forget(struct handover *h, uint32_t symbol);
void overlap_restart(struct handover *h);
void overlap_free(struct handover *h);

/* session_directory.c */
void directory_free(struct session *s);
void directory_round_begins(struct session *s);
void directory_round_ends(struct session *s);
void directory_learn(struct session *s, bc_str name, const struct bc_instrument *instrument);
/* It stands in the list, though what is said of it cannot be read. */
void directory_unread(struct session *s, bc_str name);
/* Follows what of `spec` is ours. foreign: what to do with a name of another shard. */
enum foreign { FOREIGN_REFUSE, FOREIGN_NOTE };
bc_status directory_follow(struct session *s, const char *spec, enum foreign foreign, char *why,
			   size_t cap);
/* BTC/KRW in the exchange's spelling, where that needs no list; else the text itself. */
const char *directory_key(const struct session *s, const char *spec, char native[BC_TOPIC_MAX + 1]);
/* Takes back what directory_follow() did, or the configuration said. BC_ENOTFOUND: nothing that it
 * means was wanted; BC_ERANGE, BC_ENOMEM: it could not be noted. */
bc_status directory_unwant(struct session *s, const char *spec);
/* Follows all that is wanted and ours, drops what nobody wants. BC_ERANGE, BC_ENOMEM: not all. */
bc_status directory_reconcile(struct session *s);
void directory_count(struct session *s); /* what is wanted, into n_wanted */
/* The rule that wants or does not want a symbol; NULL: there is none. */
struct wanted_rule *directory_rule(const struct session *s, bc_str name);
bool directory_match(const struct session *s, const char *spec, enum spec_kind kind, bc_str name);

/* session_shard.c */
bool shard_owns(const struct session *s, bc_str name);
void shard_settle(struct session *s, uint32_t id); /* is it leaving, or not any more? */
void shard_symbol_gone(struct session *s, uint32_t id);
void shard_doubt(struct session *s); /* whoever served elsewhere may be gone */
void shard_tick(struct session *s);
bc_mono_time shard_deadline(const struct session *s);

#endif
