/* trial_private.h - the inside of a trial, shared by the files of this directory.
 *
 * A trial has one exchange with one market, and one or more gateways that follow it, each over a
 * network, with clocks and with faults of its own.
 *
 *   trial.c   life, time, the order of events
 *   gateway.c one gateway among them: its clocks, its steps, its end
 *   client.c  the session's actions and the outlet's sender: what the gateway does on sockets
 *   terms.c   what this seed makes of the exchange
 *   plan.c    what this seed is like; the faults that come at random times
 *   events.c  what is on its way
 *   net.c     connections, frames and their faults
 *   strange.c frames that come whole and are not what they should be
 *   requests.c    requests, answers and their faults
 *   truth.c   what the exchange really had
 *   judge.c   what must hold, after every step
 *   bus.c     from the gateways to the reader; gateways killed and started anew
 *   reader.c  who hears all gateways, and what it may say
 *   shards.c  the symbols divided among the gateways, and divided anew
 *   ears.c    what the gateways hear of each other
 *   soak.c    a day of it */
#ifndef BC_SIMULATION_TRIAL_PRIVATE_H
#define BC_SIMULATION_TRIAL_PRIVATE_H

#include "publisher/outlet.h"
#include "publisher/simulator/face.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/replica.h"
#include "tests/simulation/room.h"
#include "tests/simulation/trace.h"
#include "tests/simulation/trial.h"

#define MS              BC_NS_PER_MS
#define S               BC_NS_PER_S
#define TRIAL_START     (1000 * S)       /* of every clock but the wall's */
#define WALL_START      (1700000000 * S) /* when monotonic time was 0 */
#define MAX_SYMBOLS     16
#define MAX_NUMBERS     64 /* of symbols, as the session gives them */
#define MAX_LINKS       32
#define MAX_LINES       4
#define MAX_TOPICS      512
#define MAX_SHOWN       30 /* levels a side that are published at most */
#define NOT_IN_MARKET   SIZE_MAX
#define STILL_POLLED_NS (15 * S)    /* or it is not polled any more, and stale */
#define STILL_FOR_NS    (1500 * MS) /* frames under way arrive; nothing falls silent yet */
#define HEARTBEAT_NS    S

/* ------------------------------------------------------------------ plan.c */

enum phase { PHASE_STORM, PHASE_CALM, PHASE_STILL, PHASE_OVER };

struct plan {
	size_t n_followed;         /* at the start of the session */
	uint32_t chance[N_FAULTS]; /* per million; TIMED: 0 or 1 */
	int64_t every_ns;          /* between two TIMED ones, on average */
	uint32_t volley;           /* so many come close together, now */
	int64_t tick_ns;
	int64_t latency_ns, jitter_ns;           /* of frames, one way */
	int64_t rest_latency_ns, rest_jitter_ns; /* of requests, there and back */
};

/* ------------------------------------------------------------------ events.c, net.c */

enum event_kind {
	EVENT_UPGRADE, /* at the exchange: somebody knocks */
	EVENT_TEXT,    /* at the exchange: a message */
	EVENT_HANG_UP, /* at the exchange: it closes */
	EVENT_BEAT,    /* at the exchange: a ping or, `pong`, the answer to its own */
	EVENT_REQUEST, /* at the exchange: a GET */
	EVENT_OPENED,  /* here, from now on */
	EVENT_CLOSED,
	EVENT_FRAME,
	EVENT_PING, /* the exchange's; the transport answers */
	EVENT_PONG,
	EVENT_ANSWER,
	EVENT_FAILED,
	EVENT_COMMAND, /* "add KRW-BTC" */
};

struct event {
	int64_t at_ns;
	uint64_t order; /* of making; decides among equals */
	enum event_kind kind;
	uint32_t link, life; /* of connections */
	uint32_t request;
	bool pong;          /* BEAT */
	bool binary, proof; /* FRAME: market data, whole */
	bool book;          /* FRAME: about the book of `symbol` */
	uint64_t book_id;   /* FRAME: number of the book when it was sent */
	bool damaged_book;  /* FRAME: it was about the book of `symbol` */
	size_t symbol;
	uint16_t close_code;
	int http_status;
	int64_t retry_after_ns, used_weight;
	const char *why;
	size_t n;
	char bytes[];
};

struct events { /* a heap, the earliest first */
	struct event **at;
	size_t n, cap;
};

enum link_phase { LINK_IDLE, LINK_CONNECTING, LINK_OPEN, LINK_ENDING };

struct link {
	struct gateway *gateway;
	uint32_t id, life;     /* events of an earlier life are dropped */
	enum link_phase phase; /* as the session sees it */
	void *session;         /* the face's; NULL: the exchange has none */
	bool mute, no_send;    /* faults */
	bool being_told;       /* the session is just being told that it is closed */
	int64_t stalled_until_ns;
	int64_t silent_until_ns; /* no data before */
	int64_t closes_at_ns;    /* the exchange will; 0: it has not said so */
	int64_t up_ns, down_ns;  /* what is sent now does not overtake what came before */
	int64_t latency_ns, io_ns;
	int64_t proof_ns; /* by our monotonic clock: last whole data frame that arrived, or opening
			   */
	uint64_t asked_for; /* 1 << symbol of the market: named in what has arrived there */
	uint64_t said;      /* the same, where nothing is acknowledged: sent last */
	char *held;         /* fault: a frame that waits for the next one */
	size_t n_held;
	bool held_proof;
};

struct rest_asked { /* a request slot of the session */
	bool in_flight;
	char *path;
	int64_t not_before_ns; /* it has failed: the same may be asked again from then on */
	bool forgotten;        /* by who has asked: he may have come anew */
};

struct heard {               /* of a symbol of the market */
	int64_t polled_ns;   /* a whole book of it has come by REST, by our monotonic clock */
	uint32_t link, life; /* where a change of its book has arrived last */
	bool mistaken;       /* its last snapshot was another's */
};

#define REST_KEPT 24

struct rest_kept { /* what was answered earlier, for stale and mistaken answers */
	char *path, *body;
	size_t n;
};

/* ------------------------------------------------------------------ truth.c */

struct truth_book {       /* a whole book that was sent */
	int64_t shown_ms; /* its time as the exchange writes it */
	uint64_t seq;     /* the market's */
	uint32_t n_bids, n_asks;
	bc_level *bids; /* owned; the asks follow them */
};

struct truth_trade {
	bc_decimal price, quantity;
	enum bc_side side;
	uint32_t published; /* 1 << gateway; HANDED_OUT by the reader */
};

#define HANDED_OUT (1u << 31)

struct truth_symbol {
	struct replica_log log; /* where books have numbers */
	struct truth_book *books;
	size_t n_books, cap_books;
	struct truth_trade *trades; /* by number, from old_trades + 1 */
	size_t n_trades, cap_trades, old_trades;
};

struct truth {
	struct truth_symbol symbols[MAX_SYMBOLS];
};

/* ------------------------------------------------------------------ judge.c */

struct topic {
	bool open;
	uint32_t number; /* the session's, of its symbol; UINT32_MAX: the gateway's */
	size_t symbol;   /* of the market; NOT_IN_MARKET */
	uint64_t seq;
	struct track *track;
	char name[80];
};

struct shown { /* what a book or bbo topic said last */
	bool any;
	enum bc_state state;
	uint32_t flags, n_bids, n_asks;
	uint64_t exchange_seq;
	bc_wall_time ts_exchange;
	bc_level bids[MAX_SHOWN], asks[MAX_SHOWN];
};

struct judged { /* by the session's number */
	bool followed;
	int64_t since_ns; /* it is */
	char name[64];
	size_t symbol;                /* of the market; NOT_IN_MARKET */
	struct bc_envelope announced; /* its state and reason alone */
	enum bc_state told;           /* the last on its state topic */
	struct shown book, bbo;
	uint64_t fit_seq[2];       /* number of book, bbo that was fit last, since it is; 0: none */
	int64_t fit_time[2];       /* and the exchange's time */
	struct bc_envelope polled; /* the newest book while it was polled */
	uint64_t last_trade;
	uint64_t handed_on; /* number of the newest book the session has handed on */
};

/* ------------------------------------------------------------------ bus.c */

struct track { /* of one life of a topic */
	struct track *next;
	uint64_t heard, missing; /* by the reader: the newest; not delivered since */
};

struct passing { /* a message on its way */
	int64_t at_ns;
	struct track *track;
	size_t n_topic, n;
	char bytes[];
};

struct bus { /* from one gateway to one who listens */
	struct passing **passing;
	size_t first, n, cap;
	int64_t last_ns;      /* what follows does not overtake it */
	int64_t cut_until_ns; /* nothing arrives before */
	int64_t joins_at_ns;  /* he connects again; 0: he is connected */
};

struct mishaps { /* between the gateways and the reader */
	struct dice dice;
	uint32_t lost; /* per million */
	bool parts, kills;
	int64_t delay_ns, next_ns;
	uint32_t rarely; /* times as long from one to the next */
};

/* ------------------------------------------------------------------ soak.c */

struct soak {
	int64_t next_ns; /* 0: it is not one */
	unsigned hours;
	size_t least[4]; /* bytes in use in an hour of each quarter */
};

/* ------------------------------------------------------------------ a gateway */

struct gateway {
	struct trial *t;
	uint32_t index;
	char name[12]; /* of the instance */
	const struct bc_exchange *x;
	struct bc_exchange changed; /* see terms.c */
	struct bc_sync sync;
	struct bc_line lines[MAX_LINES];
	struct dice dice; /* of everything */
	struct plan plan;

	int64_t slept_ns;        /* what our monotonic clock has missed */
	int64_t frozen_until_ns; /* nothing happens here before */
	int64_t shut_until_ns;   /* no connection is let in before */
	int64_t to_sleep_ns;     /* of it, asleep */
	int64_t wall_off_ns;
	int64_t next_fault_ns, next_tick_ns;
	struct session_now stepped; /* last input of the session */
	int64_t ticked_ns;          /* last tick of the session */
	unsigned ticks_in_a_row;    /* without time going on */

	void *face_state;    /* the exchange as it knows our address */
	bool shares_address; /* with the others, so that state is not ours */
	uint32_t crossed;    /* fault */

	bool dead;
	int64_t died_ns, back_at_ns;
	uint64_t epoch, n_lives;
	int64_t next_heartbeat_ns;
	struct bus bus;
	struct member *member; /* of the shards; NULL: there are none */

	struct session *session;
	struct session_options so;
	struct outlet *outlet;

	struct events server, client;
	uint64_t n_events, n_commands; /* made; commands under way */
	struct link links[MAX_LINKS];
	uint32_t n_links;
	struct rest_asked asked[SESSION_REST_SLOTS];
	struct heard heard[MAX_SYMBOLS];
	int64_t rest_quiet_until_ns; /* a limit of all requests was met */
	struct rest_kept kept[REST_KEPT];
	size_t n_kept;

	struct topic topics[MAX_TOPICS];
	struct judged judged[MAX_NUMBERS];
	struct replica replicas[MAX_SYMBOLS][2]; /* where the book was compared last, and the bbo */
	uint64_t n_published;
	bool lied;
	bool reordered; /* two frames have changed places: trades may come out of order */
};

/* ------------------------------------------------------------------ the trial */

struct trial {
	struct trial_options o;
	const struct model *model;
	const struct sim_face *face;
	struct trial_terms terms;
	struct trial_result *result;
	struct trace trace;

	enum phase phase;
	int64_t now_ns; /* of the exchange, and of a machine that never slept */
	int64_t storm_ns;
	int64_t calm_since_ns, still_since_ns;

	size_t n_symbols; /* in the market */
	double rate;      /* events of the market, a second */
	int64_t burst_until_ns;
	int64_t skew_ns; /* fault: added to every time that is shown */
	bool skewed;     /* it was */
	struct market *market;
	bool stands;
	bool numbered;                  /* books are made of changes and have numbers */
	uint64_t calm_id[MAX_SYMBOLS];  /* of the books when the storm ended */
	uint64_t calm_seq[MAX_SYMBOLS]; /* the same by the market's */
	struct truth truth;

	struct soak soak;
	struct reader *reader; /* NULL: there is none */
	struct mishaps mishaps;
	struct shards *shards; /* NULL: all gateways follow the same */
	struct gateway *gateways[MAX_GATEWAYS];
	uint32_t n_gateways;
};

#define note(g, ...) \
	trace_note(&(g)->t->trace, (g)->index, (g)->t->now_ns, (g)->t->result->steps, __VA_ARGS__)

/* Something that must hold does not. Only the first one counts. */
void trial_fail(struct gateway *g, const char *check, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
struct session_now trial_now(const struct gateway *g);
struct sim_world exchange_world(struct gateway *g);

/* gateway.c */
bool gateway_open(struct trial *t, uint32_t index); /* plan and exchange's terms; false: failed */
bool gateway_start(struct gateway *g);              /* once there is a market */
void gateway_free(struct gateway *g);
/* When there is something to do at the exchange for it, and here. */
int64_t gateway_next_there(const struct gateway *g);
int64_t gateway_next_here(const struct gateway *g);
void gateway_step_there(struct gateway *g);
void gateway_step_here(struct gateway *g);
void gateway_kill(struct gateway *g, int64_t back_at_ns);
void gateway_retire(struct gateway *g); /* it ends by itself */
/* Somebody wants to hear again what begins with it. */
void gateway_renew(struct gateway *g, bc_str prefix);
struct gateway *gateway_of(const struct trial *t, uint64_t epoch);

/* terms.c */
bool terms_make(struct gateway *g); /* false: the exchange is more than there is room for */
void terms_choose(const struct gateway *g, struct session_options *o);

/* client.c */
bool client_open(struct gateway *g); /* session, outlet, symbols; false: failed */
bool client_deliver(struct gateway *g, struct event *e); /* false: its connection is gone */
void client_tick(struct gateway *g);
void client_after(struct gateway *g); /* the end of a turn */

/* plan.c */
void plan_make(struct gateway *g);
bool fault_hits(struct gateway *g, enum fault fault); /* and is counted */
void fault_timed(struct gateway *g);
/* "resync KRW-BTC" to our side, which may be frozen. True. */
bool plan_command(struct gateway *g, const char *verb, const char *name);
void plan_command_at(struct gateway *g, int64_t at_ns, const char *verb, const char *name);

/* events.c */
struct event *event_new(struct gateway *g, enum event_kind kind, int64_t at_ns, bc_str bytes);
void event_add(struct gateway *g, struct events *h, struct event *e);
struct event *events_take(struct events *h);
void events_free(struct events *h);

/* net.c */
void net_connect(struct gateway *g, uint32_t id);
void net_disconnect(struct gateway *g, uint32_t id);
bc_status net_send(struct gateway *g, uint32_t id, bc_str text);
void net_ping(struct gateway *g, uint32_t id);
void net_beat(struct gateway *g, uint32_t id, bool pong, bc_str payload); /* to the exchange */
void net_at_exchange(struct gateway *g, struct event *e);
void net_tick(struct gateway *g, bool flush);
void net_lose(struct link *link, uint16_t code, bool at_once); /* the exchange closes */
void net_announce_end(struct link *link, int64_t after_ns);    /* the exchange will close */
void net_calm(struct gateway *g);
void net_free(struct gateway *g);
bool names_symbol(bc_str text, const char *name); /* in whatever case */
bool request_of(struct sim_buffer *text, bc_str path, const char *headers,
		struct http_request *out);                              /* borrows text */
int64_t header_number(const struct sim_reply *reply, const char *name); /* -1: none */

/* strange.c: into *text, or as it was */
bc_str strange_fields(struct gateway *g, bc_str payload, struct sim_buffer *text);
bool strange_book(struct gateway *g, bc_str payload, struct sim_buffer *text); /* unreadable */
const char *strange_frame(struct gateway *g); /* before the next one; NULL: none */
bool strange_refusal(struct gateway *g, bc_str asked, struct sim_buffer *text);

/* requests.c */
void request_get(struct gateway *g, uint32_t request, bc_str path);
void request_told(struct gateway *g,
		  const struct event *e); /* an answer or a failure is delivered */
void request_arrives(struct gateway *g, struct event *e);
void requests_free(struct gateway *g);

/* truth.c */
void truth_listen(void *self, size_t symbol); /* a trade has happened */
void truth_begin(struct trial *t, size_t symbol);
void truth_changed(struct trial *t, size_t symbol, enum market_side side, int64_t price,
		   int64_t quantity);
void truth_sent(struct trial *t, size_t symbol); /* a whole book as it is now */
/* The market's number of the newest whole book that was sent with this time; 0: none was. */
uint64_t truth_seq(const struct trial *t, size_t symbol, int64_t shown_ms);
/* False: it has failed. `max` levels a side are claimed. */
void truth_compare(struct gateway *g, struct replica *replica, size_t symbol, const char *what,
		   const struct bc_message *m, uint32_t max);
void truth_trade(struct gateway *g, struct judged *j, const struct bc_message *m);
void truth_handed_out(struct gateway *g, bc_str topic, const struct bc_message *m);
void truth_present(struct gateway *g, const struct judged *j, const char *what,
		   const struct shown *shown, uint32_t max);
void truth_free(struct trial *t);

/* judge.c */
void judge_added(struct gateway *g, uint32_t number, bc_str name);
void judge_removed(struct gateway *g, uint32_t number);
void judge_announced(struct gateway *g, uint32_t number, const struct session_change *change);
void judge_event(struct gateway *g, uint32_t number, const struct bc_event *event);
void judge_published(struct gateway *g, const struct topic *topic, bc_str payload);
void judge_damaged(struct gateway *g, const struct event *e);  /* a frame nobody can read */
void judge_standstill(struct gateway *g);                      /* of ours, just over */
void judge_followed(struct gateway *g, const struct event *e); /* a frame of a book was delivered */
void judge_step(struct gateway *g);
bool judge_went_back(const struct gateway *g, size_t symbol, int64_t from_ns,
		     int64_t to_ns);                         /* in time */
bool judge_healed(struct gateway *g, char *why, size_t cap); /* everybody who can be */
bool judge_can_heal(const struct gateway *g, const struct judged *j);
bool judge_all_fit(const struct gateway *g);
bool judge_is_good(const struct gateway *g, enum bc_state state); /* for who wants that source */
bool judge_is_polled(const struct gateway *g, size_t symbol);
void judge_end(struct gateway *g);

/* bus.c */
void bus_plan(struct trial *t);
void bus_mishap(struct trial *t);
void bus_send(struct gateway *g, uint32_t topic, bc_str payload, bool welcome);
/* False: it is lost. */
bool bus_pass(struct gateway *g, struct bus *b, const struct topic *topic, bc_str payload);
struct passing *bus_take(struct bus *b); /* the caller frees it */
int64_t bus_next(const struct bus *b);   /* INT64_MAX: nothing is on its way */
void bus_deliver(struct gateway *g);     /* to the reader */
void bus_join(struct gateway *g);
void bus_cut(struct trial *t, struct bus *b);
void bus_free(struct bus *b);

/* shards.c */
uint32_t shards_plan(struct trial *t);          /* how many gateways there are to be */
bool shards_flawless(const struct trial *t);    /* nothing but divisions happens */
bool shards_undisturbed(const struct trial *t); /* and no connection comes of age */
void shards_join(struct gateway *g);
void shards_market(struct gateway *g, size_t *n_symbols, int64_t *storm_ns);
void shards_open(struct trial *t); /* once there is a market */
void shards_free(struct trial *t);
int64_t shards_next(const struct trial *t);
void shards_act(struct trial *t);
void shards_calm(struct trial *t); /* the last division is told to all again */
bool shards_command(struct trial *t, bool add, size_t symbol); /* told to all; true */
void shards_told(struct gateway *g, size_t division);
/* It begins, or ends, to do what it was told about a symbol. */
void shards_obeys(struct gateway *g, const char *command, bool begins);
void shards_choose(struct gateway *g, struct session_options *o);
bc_status shards_configure(struct gateway *g, char *why, size_t cap);
void shards_heartbeat(struct gateway *g, struct bc_heartbeat *h);
bool shards_retired(const struct gateway *g); /* all is handed over */
void shards_end(struct gateway *g);
void *shards_address(struct trial *t); /* the exchange as it knows the one address of all */
void shards_died(struct gateway *g);
void shards_announced(struct gateway *g, const struct judged *j,
		      const struct session_change *change);
void shards_followed(struct gateway *g, size_t symbol);
void shards_dropped(struct gateway *g, size_t symbol);
/* NULL: everybody has his own, and nobody anything else. */
struct gateway *shards_unsettled(struct trial *t, char *why, size_t cap);

/* ears.c */
void ears_send(struct gateway *there, const struct topic *topic, bc_str payload);
int64_t ears_next(const struct gateway *g);
void ears_step(struct gateway *g);
void ears_turn(struct gateway *g); /* with each heartbeat */
void ears_lost(struct gateway *there);
void ears_back(struct gateway *there);
bool ears_cut(struct gateway *g); /* false: it hears nobody */
void ears_close(struct gateway *g);

/* soak.c */
void soak_begin(struct trial *t);
void soak_hour(struct trial *t);

/* reader.c */
void reader_open(struct trial *t);
void reader_free(struct trial *t);
void reader_take(struct gateway *g, struct track *track, bc_str topic, bc_str payload);
struct track *reader_track(struct trial *t);
size_t reader_bytes(const struct trial *t, size_t (*of)(const void *block),
		    size_t (*of_replica)(const struct replica *r)); /* of what it judges by */
int64_t reader_next(const struct trial *t);
void reader_step(struct trial *t);
void reader_end(struct trial *t);

#endif
