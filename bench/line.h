/* line.h - end to end: an exchange that loads, a gateway or what it is compared with, subscribers.
 *
 *   exchange (load_*.c) --ws--> contender (bookcast-gateway, floor_*.c) --bus--> ears (line_ear.c)
 *
 * Each box is a process; this one starts them, gives the orders and reads the clocks. What they
 * tell each other beside the wire stands in shared memory: orders, counts, and three times a
 * message.
 *
 * Marks   a measured message carries its number, 1 to n, in the quantity of its best ask
 *         (line_mark): "2.00000001" is message 1 and survives every hop as a number; "1.00000001"
 *         is a warm-up. Ears expect each number exactly once and in order: anything else fails the
 *         run.
 * Times   CLOCK_MONOTONIC in ns. `due` is when the schedule wanted the message out, `sent` when the
 *         call began that gave its last byte to the kernel, `heard` when the subscriber had it.
 * Ends    children die with this process (PR_SET_PDEATHSIG); line_stop() ends and reaps them. */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H

#include "bench/bench.h"
#include "proto/value.h"

#include <stdatomic.h>
#include <sys/types.h>

#define LINE_MAX_EARS    64
#define LINE_MAX_SYMBOLS 10000
#define LINE_PATH_MAX    256
#define LINE_WHY_MAX     256

/* ------------------------------------------------------------------ marks */

#define LINE_MARK_EXPONENT (-8)
#define LINE_MARK_DIGITS   10 /* "2.00000001" */
#define LINE_MARK_UNIT     INT64_C(100000000)
#define LINE_WARM          (1 * LINE_MARK_UNIT)
#define LINE_MEASURED      (2 * LINE_MARK_UNIT)
#define LINE_MAX_MESSAGES  (LINE_MARK_UNIT - 1)

void line_mark_write(char out[LINE_MARK_DIGITS], int64_t mark);
int64_t line_mark_of(bc_decimal quantity); /* 0: it is none */

/* ------------------------------------------------------------------ what is asked for */

enum line_contender {
	LINE_GATEWAY,  /* bookcast-gateway beside this program, or BOOKCAST_BENCH_GATEWAY */
	LINE_FLOOR,    /* floor_gateway.c */
	LINE_BARE_PUB, /* a PUB socket that sends ready messages; there is no exchange */
	LINE_CCXT      /* tests/bench/ccxt/watch.js; there are no ears */
};

enum line_ear {
	LINE_EAR_BARE,   /* a SUB socket, as bare as it can be: for CPU and rates */
	LINE_EAR_LIBRARY /* libbookcast's bookcast_recv() */
};

struct line_plan {
	enum line_contender contender;
	bool tls, tcp;      /* of the exchange's line; of the bus (else ipc) */
	double rate;        /* messages/s; 0: as fast as it goes */
	unsigned per_write; /* messages in one write (so, with TLS, in one record) */
	uint64_t n_warm, n;
	size_t n_symbols;
	const char *capture; /* recorded books and trades instead of the model's books; NULL */
	enum line_ear ear;
	size_t n_ears;
	bool stamps; /* keep the times of each message */
};

struct line_result {
	double seconds;            /* from the order to the last message heard */
	double cpu_ns, ear_cpu_ns; /* a message, whole process */
	struct line_percentiles {
		double p50, p99, p999; /* us */
	} from_sent, from_due;         /* with stamps */
};

/* One run. False: why[LINE_WHY_MAX] says what failed; nothing of it goes on running. */
bool line_run(const struct line_plan *plan, struct line_result *out, char *why);

/* ------------------------------------------------------------------ what the processes share */

enum line_order { LINE_WAIT, LINE_WARM_UP, LINE_GO, LINE_QUIT };

struct line_stamp {
	int64_t due, sent, heard;
};

struct line_heard {                        /* of one ear; on cache lines of its own */
	_Alignas(64) _Atomic int64_t warm; /* newest number of a warm-up */
	_Atomic int64_t measured;          /* newest number, all before it were heard */
	_Atomic uint64_t lost, strange;    /* numbers left out; out of order or twice */
};

/* What who asks has found (line_cache.c, line_join.c); and what is to be answered. */
struct line_asked {
	double p50_us, p99_us, per_s;
	_Atomic bool done;
	char payload[4096]; /* of the topic asked for */
	size_t n_payload;
};

struct line_shared {
	_Atomic int order;          /* enum line_order, to the exchange */
	_Atomic int port;           /* of the exchange; 0: not yet */
	_Atomic bool subscribed;    /* the contender has asked for all symbols */
	_Atomic bool warmed;        /* the warm-up is over, and heard */
	_Atomic int64_t warm, sent; /* newest numbers written */
	_Atomic bool dying, failed; /* somebody writes why; it is written */
	char why[LINE_WHY_MAX];     /* of the first that failed */
	char ca_file[LINE_PATH_MAX];
	char endpoint[LINE_PATH_MAX]; /* of the bus, where a floor makes it; written before bound */
	_Atomic bool bound;
	struct line_heard ears[LINE_MAX_EARS];
	struct line_asked asked;
	struct line_stamp *stamps; /* [n + 1], by number; NULL: none are kept */
};

int64_t line_now(void);
/* Ends this child: the reason goes to `why`. */
void line_die(struct line_shared *s, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* The number that the slowest ear has reached; `measured` or `warm`. */
int64_t line_slowest(const struct line_shared *s, size_t n_ears, bool measured);
/* Most that may be under way when nothing else holds the load back, so that a queue of 10,000 drops
 * none: ZeroMQ learns of what was read in halves of it, and looks for that once in 3,000,000 ticks
 * of the processor's clock. At a million messages a second 1,000 more are sent by then. */
#define LINE_WINDOW 2000

/* ------------------------------------------------------------------ the symbols of a run */

/* Names of the model market or of the capture, and the same separated by commas for --symbols. */
struct line_symbols {
	size_t n;
	char names[LINE_MAX_SYMBOLS][32];
	char list[LINE_MAX_SYMBOLS * 32];
};
bool line_symbols(struct line_symbols *out, const struct line_plan *plan);

/* ------------------------------------------------------------------ the children's mains */

struct line_child { /* what a child needs to know */
	const struct line_plan *plan;
	struct line_shared *shared;
	const char *dir;      /* of sockets */
	const char *endpoint; /* of the bus: where to bind, where to connect */
	const char *cache;    /* LINE_EAR_LIBRARY: whom to ask */
};

void load_main(const struct line_child *c) __attribute__((noreturn));
void floor_main(const struct line_child *c) __attribute__((noreturn));
void bare_pub_main(const struct line_child *c) __attribute__((noreturn));
void ear_main(const struct line_child *c) __attribute__((noreturn));
void directory_main(const struct line_child *c) __attribute__((noreturn));

/* ------------------------------------------------------------------ children */

/* Forks: the child, under this name, runs fn and ends with this process; -1: it cannot be. */
pid_t line_fork(const char *name, void (*fn)(const struct line_child *),
		const struct line_child *c);
/* Removes the directory when *hold is closed, or this process and all its children are gone. */
pid_t line_janitor(const char *dir, int *hold);
/* Starts a program beside this one, or of a path. Its stdout up to the first newline goes to
 * line[cap] (NULL: do not wait), its stderr to a file in dir. -1: why says what it said. */
pid_t line_exec(const char *const *argv, const char *dir, char *line, size_t cap, char *why);
void line_stop(pid_t *pid); /* SIGTERM, then SIGKILL after a second; 0 is fine */
bool line_alive(pid_t pid);
double line_cpu_ns(pid_t pid); /* all its threads, user and system; negative: it is gone */
/* Puts the caller on the CPUs of its part: the exchange on the first that this program may use, the
 * subscribers on the last but on two, the contender on those between; of two CPUs it has the
 * second, and the others share the first. With one CPU, or where BOOKCAST_BENCH_PIN is 0, nothing
 * happens. */
enum line_part { LINE_EXCHANGE, LINE_CONTENDER, LINE_EARS };
void line_pin(enum line_part part);

#endif
