/* session_requests.h - what the session asks by REST: kinds, requests, what waits; part of the
 * session.
 *
 *   session_rest.c      what goes next, its weight, its pace
 *   session_answer.c    what came of it
 *   session_snapshot.c  books, for those that are made of changes
 *   session_history.c   trades and candles from before the stream
 *   session_poll.c      books and tickers while a stream is down */
#ifndef SESSION_REQUESTS_H
#define SESSION_REQUESTS_H

#include "publisher/budget_office.h"
#include "publisher/pace.h"
#include "publisher/session_fallback.h"

struct history; /* session_history.c */

struct symbol_rest {
	bool waiting, in_flight;  /* a snapshot */
	bool failed;              /* the last one */
	unsigned tries;           /* of it, one soon after the other */
	bc_mono_time not_before;  /* of the next one */
	bc_mono_time answered_at; /* of the last one; 0: there was none */
	bc_mono_time failed_at;   /* a request about it alone, a poll too; 0: none has */
	struct history *history;  /* owned; NULL: none is wanted */
};

/* In the order of their precedence. */
enum rest_job_id {
	JOB_INSTRUMENTS,
	JOB_SNAPSHOT,
	JOB_TICKS,
	JOB_POLL_BOOKS,
	JOB_POLL_TICKERS,
	JOB_TRADES,
	JOB_CANDLES,
	N_JOBS
};

struct rest_job {
	const struct bc_rest_endpoint *endpoint; /* NULL: not served, or not wanted at all */
	bool wanted;
	uint32_t n_in_flight, weight; /* weight: of one request */
	unsigned failures;            /* in a row; of those asked together one */
	bc_mono_time failed_at;       /* the last of them */
	bc_mono_time not_before;      /* after failures, or until the next round */
	bc_mono_time queue_at;        /* before that, none of those who wait may go */
	bc_mono_time office_at;       /* the office has said "later", because of its limits */
	uint32_t turn;                /* history, polls: whose turn it was */
	struct budget budget;
	uint32_t *batch; /* TICKS, polls: symbols of the request in flight; NULL: one or none */
	uint32_t n_batch, max_batch;
	uint32_t batch_now; /* fewer after a refusal, until who is at fault is known */
};

enum rest_end {
	REST_GOOD,
	REST_BAD,     /* no answer, or none that can be used */
	REST_NOT_NOW, /* 429 or 418, for all alike */
};

struct rest_request { /* a slot */
	bool busy;
	enum rest_job_id job;
	uint32_t symbol; /* NOBODY: it names none, or has been removed */
	enum bc_interval interval;
	uint32_t weight;
	bc_mono_time asked_at;
	size_t max_bytes;   /* of the answer; 0: what the driver takes at most */
	uint32_t n_taken;   /* events of its answer that it had asked for */
	uint32_t n_other;   /* and those it had not */
	uint32_t n_refused; /* items of it that could not be read, but for their names */
	bool broken;        /* or not even that: whose it was, nobody knows */
};

struct rest_row {         /* what is the same in every session */
	const char *word; /* for logs */
	enum bc_rest_kind kind;
	enum bc_channel channel; /* of the events that answer it */
	uint32_t slots;          /* of all kinds together SESSION_REST_SLOTS */
	bool of_a_symbol;
	/* Who is asked for next, and, of a symbol, what becomes of it. False: nobody at the moment.
	 */
	bool (*pick)(struct session *s, struct rest_request *r);
	void (*ended)(struct session *s, const struct rest_request *r, enum rest_end end);
};
extern const struct rest_row rest_rows[N_JOBS];

struct history_item;

struct rest {
	struct rest_job jobs[N_JOBS];
	struct rest_request requests[SESSION_REST_SLOTS];
	struct rest_request *reading; /* whose answer is being read */
	uint32_t weight_limit;        /* ours of a minute; 0: none */
	bc_mono_time office_at; /* the office has said "later" to this kind, and nobody overtakes */
	int office_for;
	bc_mono_time stopped_at, stopped_until; /* by the exchange, every kind */
	unsigned stops;                         /* in a row */

	uint32_t snapshot_limit;   /* levels a side that are asked for */
	uint32_t poll_limit;       /* the same of a book that is polled */
	uint32_t n_waiting;        /* symbols for a snapshot */
	struct history_item *kept; /* of the history answer being read */
	uint32_t n_kept, kept_cap;
};

/* session_rest.c */
bc_status rest_new(struct session *s, char *why, size_t cap); /* BC_EINVAL: why[] says it */
void rest_free(struct session *s);
void rest_want(struct session *s, enum rest_job_id job);
/* Now instead of at its usual time; one that failed keeps its wait. */
void rest_hurry(struct session *s, enum rest_job_id job);
void rest_forget(struct session *s, uint32_t symbol);
struct budget_ask rest_ask(const struct session *s, enum rest_job_id id);
void rest_tick(struct session *s);
bc_mono_time rest_deadline(const struct session *s);

/* session_answer.c */
/* An event that no connection brought: is it what the answer being read was asked for, and for
 * others than the history to take? */
bool rest_takes(struct session *s, const struct bc_event *event);
/* Of what no connection brought, something was refused. symbol: whose it was; empty: nobody knows.
 */
void rest_refused(struct session *s, bc_str symbol);

/* session_snapshot.c. A request that is in flight already serves a second wish, too. */
void rest_snapshot(struct session *s, uint32_t symbol);        /* as soon as the weight allows */
void rest_snapshot_cancel(struct session *s, uint32_t symbol); /* where it is not sent yet */
uint32_t rest_snapshots_waiting(const struct session *s);
int64_t rest_snapshot_wait_ns(const struct session *s);        /* expected, for the last of them */
bool snapshot_pick(struct session *s, struct rest_request *r); /* for session_rest.c, as the next */
void snapshot_sent(struct session *s, const struct rest_request *r);
void snapshot_landed(struct session *s, const struct rest_request *r); /* before it is read */
/* A request about it alone has failed, whatever it was for. */
void snapshot_put_off(struct session *s, uint32_t symbol);
void snapshot_ended(struct session *s, const struct rest_request *r, enum rest_end end);

/* session_history.c */
void history_subscribed(struct session *s, uint32_t symbol); /* on a line of it */
void history_lost(struct session *s, uint32_t symbol);       /* a connection of it */
/* A trade or a candle of the stream, before it is published. */
void history_live(struct session *s, uint32_t symbol, const struct bc_event *event);
void history_forget(struct session *s, uint32_t symbol);
bool history_pick(struct session *s, struct rest_request *r);
void history_keep(struct session *s, const struct bc_event *event);
void history_ended(struct session *s, const struct rest_request *r, enum rest_end end);

/* Its trades, while it is polled; nothing where the stream brings them. */
void history_poll(struct session *s, uint32_t symbol);

/* session_poll.c */
bool poll_wanted(const struct session *s, enum poll_kind kind); /* at all */
uint32_t poll_weight(struct session *s, enum poll_kind kind);   /* of one request */
void poll_begin(struct session *s);                             /* there is somebody new */
int64_t poll_round_ns(const struct session *s);
bool poll_pick(struct session *s, struct rest_request *r);
void poll_ended(struct session *s, const struct rest_request *r, enum rest_end end);
static inline bool is_poll(enum rest_job_id id)
{
	return id == JOB_POLL_BOOKS || id == JOB_POLL_TICKERS;
}

static inline enum poll_kind poll_kind_of(enum rest_job_id id)
{
	return id == JOB_POLL_BOOKS ? POLL_BOOKS : POLL_TICKERS;
}

#endif
