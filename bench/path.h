/* path.h - a gateway without its sockets: adapter, session, book and outlet in this process, and a
 * sender that counts. What a message costs between the transport's callback and the bus.
 *
 * Model   N symbols of Upbit, books of 15 levels in SIMPLE, in random order, each message another
 *         book whose top has nearly always changed: a book and a bbo are published. Messages come
 *         as a read from a socket brings them: some of one connection, behind one another in one
 *         buffer that every read is copied into, so the text is warm and the next message can be
 *         seen from the one before. What is cold, with many symbols, is what is kept of each:
 *         session, outlet, topics, last values. The outlet's turn and the session's timers come
 *         once a read. The sender copies topic and payload, as ZeroMQ would be given them.
 * Time    passes by 10 us a message. */
#ifndef BENCH_PATH_H
#define BENCH_PATH_H

#include "bench/bench.h"

#define PATH_PER_READ 16

struct path;

struct path_options {
	uint32_t n_symbols; /* 1 to 20,000 */
	uint32_t n_filters; /* subscribed by others to topics that say nothing here */
	uint32_t per_read;  /* messages, a power of two, up to PATH_PER_READ */
	bool heard;         /* somebody listens to everything */
};

/* NULL: said why. All symbols are live. */
struct path *path_open(struct bench *b, const struct path_options *options);
void path_close(struct path *p);

void path_run(void *path, size_t times); /* a contender: messages */

/* All that was sent in was published: each message a book. False: says what was not. */
bool path_check(struct path *p);

#endif
