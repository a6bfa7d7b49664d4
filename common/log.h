/* log.h - one event a line, key=value (logfmt), on stderr.
 *
 *   ts=2026-11-21T03:50:00.123456789Z level=warn prog=gateway event=ws.closed exchange=upbit
 * why=lost
 *
 * Never blocks the feed: stderr that cannot take a line loses it, and before the next line that
 * gets through stands how many were lost (event=log.lost). The flags of a stderr shared with other
 * programs are not touched: a pipe is opened anew for this logger, a socket is written by send().
 *
 * The same event, level and first field again within the fold window (10 s) is counted, not
 * printed; when the window has ended the newest of them is printed with repeated=<count>. So the
 * first field should say what the event is about: exchange, symbol, endpoint.
 *
 * Under journald (JOURNAL_STREAM matches the descriptor) lines start with <priority> and have no
 * time of their own. A line is at most BC_LOG_LINE_MAX bytes; fields that do not fit are cut and
 * the line ends in " cut=true".
 *
 * Threads one logger a process, used by its loop thread; only bc_log_lost() may be called by
 * others. SIGPIPE is set to be ignored where it still has its default action: a reader of the log
 * that goes away must not end the feed. */
#ifndef BC_LOG_H
#define BC_LOG_H

#include "proto/value.h"

#define BC_LOG_LINE_MAX 4096 /* PIPE_BUF: lines of several processes do not mix */

enum bc_log_level { BC_LOG_ERROR, BC_LOG_WARN, BC_LOG_INFO, BC_LOG_DEBUG };

enum bc_log_type {
	BC_LOG_END,
	BC_LOG_TEXT,
	BC_LOG_BYTES,
	BC_LOG_SIGNED,
	BC_LOG_UNSIGNED,
	BC_LOG_NS
};

struct bc_log_field {
	const char *key;
	enum bc_log_type type;
	union {
		const char *text;
		bc_str bytes;
		int64_t i;
		uint64_t u;
	} as;
};

/* Fields; TEXT and BYTES are quoted and escaped where they need it and cut at 256 bytes. */
#define BC_LOG_S(k, v)  ((struct bc_log_field){ (k), BC_LOG_TEXT, { .text = (v) } })
#define BC_LOG_B(k, v)  ((struct bc_log_field){ (k), BC_LOG_BYTES, { .bytes = (v) } })
#define BC_LOG_I(k, v)  ((struct bc_log_field){ (k), BC_LOG_SIGNED, { .i = (v) } })
#define BC_LOG_U(k, v)  ((struct bc_log_field){ (k), BC_LOG_UNSIGNED, { .u = (v) } })
#define BC_LOG_T(k, ns) ((struct bc_log_field){ (k), BC_LOG_NS, { .i = (ns) } }) /* "1.5s" */

struct bc_log;

/* The logger writes to fd (2 in programs). NULL: out of memory. */
struct bc_log *bc_log_new(const char *program, int fd);
void bc_log_free(struct bc_log **log);
void bc_log_set_level(struct bc_log *log, enum bc_log_level level); /* at run time */
enum bc_log_level bc_log_get_level(const struct bc_log *log);

/* `event` is "component.what" and is what folding goes by, together with the first field. A NULL
 * log is silent. */
void bc_log_write(struct bc_log *log, enum bc_log_level level, const char *event,
		  const struct bc_log_field *fields);
/* Prints the counts whose window has ended; call it about once a second. */
void bc_log_flush(struct bc_log *log);
uint64_t bc_log_lost(const struct bc_log *log); /* lines lost so far; any thread */

/* For tests and simulated time: where the logger takes its times from. */
struct bc_log_clock {
	bc_wall_time (*wall)(void);
	bc_mono_time (*mono)(void);
};
void bc_log_set_clock(struct bc_log *log, struct bc_log_clock clock);

/* bc_log_event(log, BC_LOG_WARN, "ws.closed", BC_LOG_S("why", word), BC_LOG_I("code", 1000)); */
#define bc_log_event(log, level, event, ...)  \
	bc_log_write((log), (level), (event), \
		     (const struct bc_log_field[]){ __VA_ARGS__, { NULL, BC_LOG_END, { NULL } } })

#endif
