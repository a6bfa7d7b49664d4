/* One ring: what it keeps, in which order, and what that costs. */
#include "subscribers/cache/ring.h"
#include "tests/support/alloc_count.h"
#include "tests/support/history_message.h"

#include <criterion/criterion.h>

static struct cache_ring *ring;

static void free_ring(void)
{
	cache_ring_free(&ring);
}

TestSuite(cache_ring, .fini = free_ring);

static bc_status trade(const char *id, int64_t at, int64_t received)
{
	struct history_message h;
	history_trade(&h, id, at, received);
	return cache_ring_put(ring, &h.message, h.bytes.payload);
}

static bc_status candle(int64_t start, int64_t close, enum bc_closed closed, int64_t ts_exchange,
			int64_t ts_recv)
{
	struct history_message h;
	history_candle(&h, start, close, closed, ts_exchange, ts_recv);
	return cache_ring_put(ring, &h.message, h.bytes.payload);
}

static struct bc_message message_at(size_t i)
{
	struct bc_message m;
	cr_assert_eq(bc_message_decode(cache_ring_at(ring, i), &m, NULL, 0), BC_OK);
	return m;
}

/* The ids of what is kept, oldest first: "1 2 3". */
static void expect_trades(const char *want, int line)
{
	char got[4096] = "";
	size_t n = 0;
	for (size_t i = 0; i < cache_ring_count(ring); i++) {
		bc_str id = message_at(i).body.trade.trade_id;
		n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", i ? " " : "", (int)id.n,
				      id.p);
	}
	cr_expect_str_eq(got, want, "line %d: %s", line, got);
}
#define EXPECT_TRADES(want) expect_trades(want, __LINE__)

Test(cache_ring, history_that_comes_later_stands_before)
{
	ring = cache_ring_new(10);
	cr_expect_eq(trade("8", 80, 81), BC_OK);
	cr_expect_eq(trade("9", 90, 91), BC_OK);
	for (int i = 5; i <= 8; i++) { /* as REST answers, the last one known */
		char id[2] = { (char)('0' + i), '\0' };
		cr_expect_eq(trade(id, i * 10, 95), i == 8 ? BC_EDUPLICATE : BC_OK, "%d", i);
	}
	EXPECT_TRADES("5 6 7 8 9");
	cr_expect_eq(trade("10", 90, 96), BC_OK, "of one time: by number, not by letters");
	cr_expect_eq(trade("07", 90, 97), BC_OK);
	EXPECT_TRADES("5 6 7 8 9 07 10");
}

Test(cache_ring, a_full_one_gives_up_the_oldest)
{
	ring = cache_ring_new(3);
	for (int i = 1; i <= 5; i++) {
		char id[2] = { (char)('0' + i), '\0' };
		cr_expect_eq(trade(id, i * 10, i * 10), BC_OK);
	}
	EXPECT_TRADES("3 4 5");
	cr_expect_eq(trade("2", 20, 60), BC_ERANGE, "older than all of it");
	EXPECT_TRADES("3 4 5");
	cr_expect_eq(trade("x", 35, 60), BC_OK);
	EXPECT_TRADES("x 4 5");
	cr_expect_eq(trade("3", 45, 60), BC_OK, "what has been given up is known no more");
	EXPECT_TRADES("4 3 5");
}

Test(cache_ring, a_trade_is_known_by_its_id_whatever_its_time)
{
	ring = cache_ring_new(10);
	cr_expect_eq(trade("1", 10, 10), BC_OK);
	cr_expect_eq(trade("1", 11, 12), BC_EDUPLICATE);
	cr_expect_eq(trade("", 10, 10), BC_OK);
	cr_expect_eq(trade("", 10, 10), BC_OK, "nobody can know that it is the same");
	cr_expect_eq(cache_ring_count(ring), 3);
}

Test(cache_ring, a_time_that_cannot_be_is_not_the_newest_for_ever)
{
	const int64_t hour = 3600 * BC_NS_PER_S;
	ring = cache_ring_new(3);
	cr_expect_eq(trade("future", 5 * hour, hour), BC_OK);
	cr_expect_eq(trade("unknown", BC_TIME_UNKNOWN, hour + 1), BC_OK);
	cr_expect_eq(trade("ahead", hour + 59 * BC_NS_PER_S, hour + 2), BC_OK, "clocks differ");
	cr_expect_eq(trade("end", INT64_MAX, hour + 3), BC_OK);
	EXPECT_TRADES("unknown end ahead");
	cr_expect_eq(trade("beginning", INT64_MIN + 1, hour), BC_ERANGE);
	cr_expect_eq(trade("odd", INT64_MAX, INT64_MIN + 2), BC_ERANGE);
}

static void expect_closes(const int64_t *want, size_t n, int line)
{
	cr_assert_eq(cache_ring_count(ring), n, "line %d", line);
	for (size_t i = 0; i < n; i++)
		cr_expect_eq(message_at(i).body.candle.close.mantissa, want[i], "line %d: %zu",
			     line, i);
}
#define EXPECT_CLOSES(...)                              \
	expect_closes((const int64_t[]){ __VA_ARGS__ }, \
		      sizeof(const int64_t[]){ __VA_ARGS__ } / sizeof(int64_t), __LINE__)

Test(cache_ring, one_candle_for_each_start_the_newest)
{
	const int64_t none = BC_TIME_UNKNOWN;
	ring = cache_ring_new(3);
	cr_expect_eq(candle(60, 2, BC_CLOSED_UNKNOWN, 65, 66), BC_OK);
	cr_expect_eq(candle(60, 3, BC_CLOSED_UNKNOWN, 67, 68), BC_OK);
	EXPECT_CLOSES(3);
	cr_expect_eq(candle(60, 4, BC_CLOSED_UNKNOWN, 66, 99), BC_EDUPLICATE, "received late");
	cr_expect_eq(candle(60, 5, BC_CLOSED_UNKNOWN, none, 67), BC_EDUPLICATE, "older");
	cr_expect_eq(candle(60, 6, BC_CLOSED_UNKNOWN, none, 70), BC_OK, "newer, as far as known");
	EXPECT_CLOSES(6);
	cr_expect_eq(candle(0, 1, BC_CLOSED_YES, 59, 71), BC_OK);
	cr_expect_eq(candle(30, 7, BC_CLOSED_YES, 59, 71), BC_OK);
	EXPECT_CLOSES(1, 7, 6);
	cr_expect_eq(candle(90, 8, BC_CLOSED_NO, 95, 95), BC_OK);
	EXPECT_CLOSES(7, 6, 8);
	cr_expect_eq(candle(0, 1, BC_CLOSED_YES, 59, 96), BC_ERANGE);
}

Test(cache_ring, a_closed_candle_is_not_opened_again)
{
	ring = cache_ring_new(3);
	cr_expect_eq(candle(60, 1, BC_CLOSED_NO, 65, 65), BC_OK);
	cr_expect_eq(candle(60, 2, BC_CLOSED_YES, 64, 64), BC_OK, "closed counts more than time");
	cr_expect_eq(candle(60, 3, BC_CLOSED_NO, 70, 70), BC_EDUPLICATE);
	cr_expect_eq(candle(60, 4, BC_CLOSED_YES, 70, 70), BC_OK, "corrected");
	EXPECT_CLOSES(4);
}

Test(cache_ring, what_it_does_not_take)
{
	static char big[CACHE_RING_MAX_PAYLOAD + 1];
	struct history_message h;
	bc_level levels[2];
	ring = cache_ring_new(3);
	struct bc_message book = bus_book(bus_envelope(1, 1, BC_STATE_LIVE), 5, levels);
	book.envelope.channel = BC_CHANNEL_BOOK;
	cr_expect_eq(cache_ring_put(ring, &book, BC_STR("x")), BC_EINVAL);
	history_candle(&h, 1, 1, BC_CLOSED_YES, 1, 1);
	cr_expect_eq(cache_ring_put(ring, &h.message, (bc_str){ big, sizeof big }), BC_ERANGE);
	cr_expect_eq(cache_ring_put(ring, &h.message, (bc_str){ big, sizeof big - 1 }), BC_OK);
	history_candle(&h, 1, 1, BC_CLOSED_YES, 1, 2);
	cr_expect_eq(cache_ring_put(ring, &h.message, h.bytes.payload), BC_OK);
	cr_expect_eq(cache_ring_at(ring, 0).n, h.bytes.payload.n);
}

/* ---- against a list that is sorted anew each time ---- */

struct plain {
	int64_t at;
	unsigned id;
};

static int compare_plain(const void *a, const void *b)
{
	const struct plain *x = a, *y = b;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return (x->id > y->id) - (x->id < y->id);
}

/* What the ring ought to hold after one more. */
static size_t put_plain(struct plain *list, size_t n, size_t max, struct plain next)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].id == next.id)
			return n;
	list[n++] = next;
	qsort(list, n, sizeof *list, compare_plain);
	if (n > max)
		memmove(list, list + 1, --n * sizeof *list);
	return n;
}

static void expect_same(const struct plain *list, size_t n, unsigned step)
{
	cr_assert_eq(cache_ring_count(ring), n, "step %u", step);
	for (size_t i = 0; i < n; i++) {
		struct bc_message m = message_at(i);
		char id[16];
		int len = snprintf(id, sizeof id, "%u", list[i].id);
		cr_assert(bc_str_equal(m.body.trade.trade_id, (bc_str){ id, (size_t)len }),
			  "step %u, place %zu", step, i);
	}
}

Test(cache_ring, any_order_ends_as_if_it_were_sorted)
{
	enum { MAX = 50, STEPS = 6000 };
	struct plain list[MAX + 1];
	uint32_t random = 7;
	size_t n = 0;
	ring = cache_ring_new(MAX);
	for (unsigned step = 0; step < STEPS; step++) {
		random = random * 1664525u + 1013904223u;
		/* mostly in order, now and then long ago; ids come again */
		int64_t back = (random >> 28) == 0 ? (random >> 8) % 3000 : (random >> 8) % 8;
		struct plain next = { 100000 + (int64_t)step * 4 - back, (random >> 12) % 9000 };
		char id[16];
		snprintf(id, sizeof id, "%u", next.id);
		trade(id, next.at, next.at);
		n = put_plain(list, n, MAX, next);
		if (step % 1000 == 999) { /* the byte limit may take the older half at any time */
			cache_ring_trim(ring, n / 2);
			memmove(list, list + (n - n / 2), n / 2 * sizeof *list);
			n /= 2;
		}
		expect_same(list, n, step);
	}
	cr_expect_eq(n, 25);
}

Test(cache_ring, what_it_takes_is_known_and_given_back)
{
	ring = cache_ring_new(1000);
	size_t empty = cache_ring_bytes(ring);
	char id[16];
	for (unsigned i = 0; i < 1500; i++) {
		snprintf(id, sizeof id, "%u", 1000000 + i);
		trade(id, i, i);
	}
	size_t full = cache_ring_bytes(ring);
	cr_expect_gt(full, 1000 * cache_ring_at(ring, 0).n);
	cr_expect_lt(full, 1000 * 512);
	cache_ring_trim(ring, 500);
	cr_expect_eq(cache_ring_count(ring), 500);
	cr_expect(bc_str_is(message_at(499).body.trade.trade_id, "1001499"), "the newest stay");
	cr_expect_lt(cache_ring_bytes(ring), full * 6 / 10);
	cache_ring_trim(ring, 0);
	cr_expect_eq(cache_ring_bytes(ring), empty);
	cr_expect_eq(trade("1", 1, 1), BC_OK);
}

Test(cache_ring, a_full_one_allocates_nothing_more)
{
	struct history_message *h = calloc(3000, sizeof *h);
	cr_assert_not_null(h);
	ring = cache_ring_new(1000);
	for (unsigned i = 0; i < 3000; i++) {
		char id[16];
		snprintf(id, sizeof id, "%u", 1000000 + i);
		history_trade(&h[i], id, i, i);
	}
	for (unsigned i = 0; i < 1100; i++)
		cache_ring_put(ring, &h[i].message, h[i].bytes.payload);
	alloc_count = 0;
	for (unsigned i = 1100; i < 3000; i++)
		cr_assert_eq(cache_ring_put(ring, &h[i].message, h[i].bytes.payload), BC_OK);
	cr_expect_eq(alloc_count, 0, "%lu", alloc_count);
	free(h);
}
