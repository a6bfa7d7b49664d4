/* line.c - the table of what is measured end to end. */
#include "bench/line_contest.h"
#include "bench/scenarios.h"

#define FLOOR "the straight line: SSL_read, frame, scan, encode, zmq_msg_send in one loop"
#define LEAVES_OUT                                                                              \
	"reconnecting, pings, fragments, UTF-8 and JSON checks, levels out of order, the book " \
	"itself, states, silence, welcomes, other channels and exchanges, metrics, REST"

static const struct bench_scenario scenarios[] = {
	{ "line.cpu-backlogged",
	  "CPU of the whole gateway a message of 15 levels, 16 in one write: it never waits", FLOOR,
	  LEAVES_OUT, line_run_backlogged },
	{ "line.cpu-record",
	  "the same with one write, and one TLS record, a message: wakes, reads, publishes each",
	  FLOOR, LEAVES_OUT, line_run_record },
	{ "line.symbols",
	  "CPU of the whole gateway a message, TLS, 16 in one write, many symbols in turns",
	  "itself with 10 symbols", "what symbols cost that nothing comes of", line_run_symbols },
	{ "line.latency",
	  "from the last byte of a frame to bookcast_recv(), a record each, on an open schedule",
	  FLOOR ", to the same subscriber", LEAVES_OUT, line_run_latency },
	{ "line.fan-out",
	  "1, 4, 16, 64 subscribers of everything the gateway reads: rate without loss, CPU",
	  "a PUB socket that sends ready messages of the same size to the same subscribers",
	  "the whole feed: reading, decoding, the book, encoding", line_run_fanout },
	{ "line.cache-get", "GET of a book: time of one question, rate with 32 outstanding",
	  "a ROUTER that answers from memory: with the payload alone (the target's), and with the "
	  "frames of the cache's protocol",
	  "finding a topic, its state, ages, checking the request", line_run_cache },
	{ "line.cache-latest", "the same with LATEST, whose answer is one frame a topic",
	  "a ROUTER that answers from memory with the payload alone",
	  "finding a topic, its state, ages, checking the request", line_run_cache_latest },
	{ "line.late-join", "from connecting until all books are held, while nothing is published",
	  NULL, NULL, line_run_join },
	{ "line.ccxt", "CPU of the whole gateway a message, beside ccxt pro on the same frames",
	  "node and ccxt's watchOrderBook(), the version of tests/bench/ccxt/package-lock.json",
	  "exact numbers, checks, a bus: its caller, in process, is its only subscriber",
	  line_run_ccxt },
};

const struct bench_group bench_line = { "line", "Frame to subscriber", scenarios,
					sizeof scenarios / sizeof *scenarios };
