/* path.h - a gateway without its sockets: adapter, session, book and outlet in this process, and a
 * sender that counts. What a message costs between the transport's callback and the bus.
 *
 * Model   N symbols of Upbit, books of 15 levels in SIMPLE, in random order, each message another
 *         book whose top has nearly always changed: a book and a bbo are published. The text stands
 *         in a buffer that is warm, as behind a read() from a socket; what is cold, with many
 *         symbols, is what is kept of each: session, outlet, topics, last values. The outlet's turn
 *         and the session's timers come after every 16 messages. The sender copies topic and
 *         payload, as ZeroMQ would be given them.
 * Time    passes by 10 us a message. */
#ifndef BENCH_PATH_H
#define BENCH_PATH_H

#include "bench/bench.h"

struct path;

struct path_options {
	uint32_t n_symbols; /* 1 to 20,000 */
	uint32_t n_filters; /* subscribed by others to topics that say nothing here */
	bool heard;         /* somebody listens to everything */
};

/* NULL: said why. All symbols are live. */
struct path *path_open(struct bench *b, const struct path_options *options);
void path_close(struct path *p);

void path_run(void *path, size_t times); /* a contender: messages */

/* All that was sent in was published: each message a book. False: says what was not. */
bool path_check(struct path *p);

#endif
