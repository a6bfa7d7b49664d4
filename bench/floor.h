/* floor.h - the straight-line gateway: the least that can turn an exchange's bytes into a message
 * on the bus. What the project's gateway is divided by.
 *
 *   blocking read (SSL_read) -> frame -> scan to mantissas -> msgpack -> zmq_msg_send
 *
 * Leaves out  everything that makes a feed dependable: reconnecting, time limits, pings, fragments,
 *             masks and other opcodes, UTF-8, any check of JSON or of keys (it steps over them by
 *             their length), overflow, levels out of order, crossed books, a book kept, states,
 *             silence, other channels and exchanges, subscribers that come and go (it sends whether
 *             anybody listens or not), welcomes, conflation, trailing zeros, metrics, REST.
 * Keeps       what a subscriber gets: the same topic, envelope and levels, exact; TLS with a
 *             checked certificate; a sequence a topic; a heartbeat now and then, for libbookcast.
 *
 * Threads one, and ZeroMQ's. Not for anything but measuring. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "bench/line.h"

#include <openssl/ssl.h>

#define FLOOR_LEVELS 15
#define FLOOR_FRAME  4096 /* bytes of a message on the bus */

struct floor_number {
	int64_t mantissa;
	int32_t exponent;
};

struct floor_head {
	const char *code;
	size_t n_code;
	int64_t ts_ms;
};

struct floor_book {
	struct floor_head head;
	size_t n; /* levels a side */
	struct floor_number ask_price[FLOOR_LEVELS], bid_price[FLOOR_LEVELS];
	struct floor_number ask_size[FLOOR_LEVELS], bid_size[FLOOR_LEVELS];
	int32_t price_exp, qty_exp; /* lowest seen */
};

struct floor_trade {
	struct floor_head head;
	struct floor_number price, quantity;
	bool bought;
	const char *id;
	size_t n_id;
};

/* Upbit's order book (FLOOR_LEVELS at most) or trade, in DEFAULT or SIMPLE, the keys in their usual
 * order. The bytes must be followed by one that is no digit. */
enum floor_kind { FLOOR_OTHER, FLOOR_BOOK, FLOOR_TRADE };
struct floor_message {
	union {
		struct floor_head head;
		struct floor_book book;
		struct floor_trade trade;
	};
};
enum floor_kind floor_scan(const char *text, size_t n, struct floor_message *out);

struct floor_stamp {
	uint64_t epoch, seq;
	int64_t recv_ns, publish_ns, since_ns;
};

/* The message with its topic into out[FLOOR_FRAME]; returns its length. */
size_t floor_encode(const struct floor_book *book, const struct floor_stamp *stamp, char *out);
size_t floor_encode_trade(const struct floor_trade *t, const struct floor_stamp *stamp, char *out);

/* A socket of the bus at ipc (in dir) or tcp; where it is goes to shared->endpoint. */
void *floor_pub(const struct line_child *c, void *context);
void floor_send(const struct line_child *c, void *pub, const char *frame, size_t n);

#endif
