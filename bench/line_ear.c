/* line_ear.c - who listens: bare SUB sockets, one a thread, or libbookcast. */
#include "bench/line.h"

#include "proto/codec.h"
#include "subscribers/libbookcast/include/bookcast.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define MAX_LEVELS 64
#define STACK      (256 << 10)

struct ear {
	const struct line_child *child;
	void *context;
	size_t number;
	int64_t expected; /* next measured one */
};

/* ------------------------------------------------------------------ one message */

static void hear(struct ear *e, int64_t mark, int64_t now)
{
	struct line_heard *h = &e->child->shared->ears[e->number];
	struct line_stamp *stamps = e->child->shared->stamps;
	int64_t k = mark - LINE_MEASURED;
	if (mark < LINE_WARM || k > LINE_MAX_MESSAGES)
		return; /* a first book, as the market has it */
	if (k <= 0) {
		atomic_store_explicit(&h->warm, mark - LINE_WARM, memory_order_release);
		return;
	}
	if (k < e->expected) {
		h->strange++;
		return;
	}
	if (k > e->expected)
		h->lost += (uint64_t)(k - e->expected);
	e->expected = k + 1;
	if (stamps != NULL && e->number == 0 && k <= (int64_t)e->child->plan->n)
		stamps[k].heard = now;
	atomic_store_explicit(&h->measured, k, memory_order_release);
}

/* ------------------------------------------------------------------ a bare socket */

static int64_t mark_in(const char *frame, size_t n)
{
	struct bc_message m;
	bc_level levels[2 * MAX_LEVELS];
	const char *end = memchr(frame, '\0', n);
	if (end == NULL || bc_message_decode((bc_str){ end + 1, (size_t)(frame + n - end - 1) }, &m,
					     levels, 2 * MAX_LEVELS) != BC_OK)
		return -1;
	if (m.envelope.channel == BC_CHANNEL_TRADE)
		return line_mark_of(m.body.trade.quantity);
	if (m.envelope.channel != BC_CHANNEL_BOOK || m.body.book.n_asks == 0)
		return 0;
	return line_mark_of(m.body.book.asks[0].quantity);
}

static bool follow(void *socket, const char *symbol, const char *channel)
{
	char topic[64];
	int n = snprintf(topic, sizeof topic, "upbit.%s.%s", symbol, channel);
	return zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, (size_t)n + 1) == 0;
}

static void *open_bare(const struct ear *e)
{
	const struct line_plan *plan = e->child->plan;
	struct line_symbols *symbols = malloc(sizeof *symbols);
	int all = 0;
	void *s = zmq_socket(e->context, ZMQ_SUB);
	/* Subscriptions wait in the sending queue, and beyond its bound are dropped without a word.
	 */
	bool good = s != NULL && zmq_setsockopt(s, ZMQ_RCVHWM, &all, sizeof all) == 0 &&
		    zmq_setsockopt(s, ZMQ_SNDHWM, &all, sizeof all) == 0 && symbols != NULL &&
		    line_symbols(symbols, plan);
	for (size_t i = 0; good && i < symbols->n; i++)
		good = follow(s, symbols->names[i], "book") &&
		       (plan->capture == NULL || follow(s, symbols->names[i], "trade"));
	free(symbols);
	if (!good || zmq_connect(s, e->child->endpoint) != 0)
		line_die(e->child->shared, "a subscriber: no socket to %s: %s", e->child->endpoint,
			 zmq_strerror(zmq_errno()));
	return s;
}

static void *listen_bare(void *self)
{
	struct ear *e = self;
	void *socket = open_bare(e);
	zmq_msg_t m;
	zmq_msg_init(&m);
	for (;;) {
		if (zmq_msg_recv(&m, socket, 0) < 0)
			continue;
		int64_t mark = mark_in(zmq_msg_data(&m), zmq_msg_size(&m));
		if (mark < 0)
			e->child->shared->ears[e->number].strange++;
		else if (mark > 0)
			hear(e, mark, line_now());
	}
	return NULL;
}

static void start_bare(struct ear *ears, size_t n)
{
	void *context = zmq_ctx_new();
	pthread_attr_t small;
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK);
	for (size_t i = n; i-- > 0;) {
		pthread_t thread;
		ears[i].context = context;
		if (i == 0)
			listen_bare(&ears[0]);
		else if (pthread_create(&thread, &small, listen_bare, &ears[i]) != 0)
			line_die(ears->child->shared, "subscriber %zu: no thread", i);
	}
}

/* ------------------------------------------------------------------ libbookcast */

static void listen_library(struct ear *e)
{
	struct line_symbols symbols;
	const bookcast_message *m;
	bookcast *bus = bookcast_connect(e->child->cache);
	bool good = bus != NULL && line_symbols(&symbols, e->child->plan);
	for (size_t i = 0; good && i < symbols.n; i++)
		good = bookcast_subscribe(bus, "upbit", symbols.names[i], "book") == BOOKCAST_OK;
	while (good) {
		int got = bookcast_recv(bus, 1000, &m);
		good = got >= 0;
		if (got != BOOKCAST_MESSAGE || m->channel != BOOKCAST_BOOK ||
		    m->source != BOOKCAST_FROM_GATEWAY || m->body.book.n_asks == 0)
			continue;
		bookcast_decimal q = m->body.book.asks[0].quantity;
		hear(e, line_mark_of((bc_decimal){ q.mantissa, q.exponent }), line_now());
	}
	line_die(e->child->shared, "a subscriber with libbookcast: %s",
		 bus == NULL ? "no connection" : bookcast_error(bus));
}

void ear_main(const struct line_child *c)
{
	static struct ear ears[LINE_MAX_EARS];
	line_pin(LINE_EARS);
	for (size_t i = 0; i < c->plan->n_ears; i++)
		ears[i] = (struct ear){ .child = c, .number = i, .expected = 1 };
	if (c->plan->ear == LINE_EAR_LIBRARY)
		listen_library(&ears[0]);
	start_bare(ears, c->plan->n_ears);
	_exit(1);
}
