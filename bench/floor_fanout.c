/* floor_fanout.c - a PUB socket that sends ready messages: what fan-out costs when nothing else is
 * done. No exchange, no decoding; the bytes are those of the straight-line gateway. */
#include "bench/floor.h"

#include "common/clock.h"

#include <endian.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

/* A book of one level a side is no measure: FLOOR_LEVELS of them, of usual size. */
static void make_book(struct floor_book *b, int64_t mark)
{
	*b = (struct floor_book){ .head = { "KRW-BTC", 7, bc_wall_now().ns / BC_NS_PER_MS },
				  .n = FLOOR_LEVELS,
				  .price_exp = 3,
				  .qty_exp = LINE_MARK_EXPONENT };
	for (int32_t i = 0; i < FLOOR_LEVELS; i++) {
		b->ask_price[i] = (struct floor_number){ 116540 + i, 3 };
		b->bid_price[i] = (struct floor_number){ 116539 - i, 3 };
		b->ask_size[i] = b->bid_size[i] =
			(struct floor_number){ 3423001 + 1000 * i, LINE_MARK_EXPONENT };
	}
	b->ask_size[0] = (struct floor_number){ mark, LINE_MARK_EXPONENT };
}

/* The frame, and where in it the mark stands. */
struct ready {
	char bytes[FLOOR_FRAME];
	size_t n, mark_at;
};

static void make_ready(const struct line_child *c, struct ready *r)
{
	struct floor_book book;
	struct floor_stamp stamp = { .epoch = 1, .seq = 1, .recv_ns = bc_wall_now().ns };
	uint32_t mark = htobe32((uint32_t)LINE_WARM);
	stamp.publish_ns = stamp.since_ns = stamp.recv_ns;
	make_book(&book, LINE_WARM);
	r->n = floor_encode(&book, &stamp, r->bytes);
	const char *at = memmem(r->bytes, r->n, &mark, sizeof mark);
	if (at == NULL)
		line_die(c->shared, "the floor: its message has no mark");
	r->mark_at = (size_t)(at - r->bytes);
}

static void send_one(const struct line_child *c, void *pub, struct ready *r, int64_t mark)
{
	uint32_t digits = htobe32((uint32_t)mark);
	memcpy(r->bytes + r->mark_at, &digits, sizeof digits);
	floor_send(c, pub, r->bytes, r->n);
}

static void wait_for_ears(const struct line_child *c, int64_t k, bool measured)
{
	const struct timespec moment = { 0, 50000 };
	while (k - line_slowest(c->shared, c->plan->n_ears, measured) > LINE_WINDOW)
		nanosleep(&moment, NULL);
}

void bare_pub_main(const struct line_child *c)
{
	const struct timespec moment = { 0, 2000000 };
	static struct ready ready;
	int64_t k = 1;
	make_ready(c, &ready);
	line_pin(LINE_CONTENDER);
	void *pub = floor_pub(c, zmq_ctx_new());
	for (; line_slowest(c->shared, c->plan->n_ears, false) == 0; k++) {
		send_one(c, pub, &ready, LINE_WARM + k);
		nanosleep(&moment, NULL);
	}
	for (int64_t last = k + (int64_t)c->plan->n_warm; k < last; k++) {
		wait_for_ears(c, k, false);
		send_one(c, pub, &ready, LINE_WARM + k);
	}
	while (line_slowest(c->shared, c->plan->n_ears, false) < k - 1)
		nanosleep(&moment, NULL);
	c->shared->warmed = true;
	while (c->shared->order != LINE_GO)
		nanosleep(&moment, NULL);
	for (k = 1; k <= (int64_t)c->plan->n; k++) {
		wait_for_ears(c, k, true);
		send_one(c, pub, &ready, LINE_MEASURED + k);
		c->shared->sent = k;
	}
	for (;;)
		pause();
}
