/* The public library against a gateway and a cache that are played here, on real sockets: what a
 * strategy hears when messages are lost, gateways die, move and come back. Everything stands in
 * one thread: the world turns between two calls of bookcast_recv(). */
#include "common/bus_socket.h"
#include "common/clock.h"
#include "subscribers/cache/desk.h"
#include "subscribers/libbookcast/include/bookcast.h"
#include "tests/support/bus_message.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <zmq.h>

/* Heartbeats are missed only where a test wants it (fall_silent()), not when the machine is slow.
 */
#define BEAT_NS      (5 * BC_NS_PER_S)
#define LAST_BEAT_NS (60 * BC_NS_PER_MS)
#define PATIENCE     60 /* seconds */

struct gateway {
	void *socket;
	const char *instance;
	uint64_t epoch, beats;
	int64_t beat_ns;
	char endpoint[BC_ENDPOINT_MAX];
	struct bus_message last[8]; /* of each topic, for welcomes */
	size_t n_last;
	int64_t beaten;
	bool silent;
	bool book_wanted; /* somebody has subscribed to one */
};

static struct temp_dir dir;
static void *context;
static struct bc_rpc_server *server;
static struct bc_board *board; /* of the cache */
static struct cache_rings *rings;
static struct cache_desk *desk;
static char cache[BC_ENDPOINT_MAX];
static struct gateway gateways[2];
static bookcast *bus;
static bool cache_is_dead;

static void open_world(void)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	const struct cache_rings_limits history = { 100, 100, 1 << 20 };
	char text[96];
	cr_assert(temp_dir_new(&dir));
	cr_assert((context = bc_bus_context_new()) != NULL);
	cr_assert_eq(bc_rpc_server_new(&server, context), BC_OK);
	temp_dir_file(&dir, "ipc://", "cache.rpc", text, sizeof text);
	cr_assert_eq(bc_rpc_server_bind(server, text, 0660, cache), BC_OK);
	cr_assert((board = bc_board_new(&limits)) != NULL);
	cr_assert((rings = cache_rings_new(&history)) != NULL);
	cr_assert((desk = cache_desk_new(board, rings, NULL, server, &limits, bc_boot_now())) !=
		  NULL);
	cr_assert((bus = bookcast_connect(cache)) != NULL);
}

static void close_gateway(struct gateway *g)
{
	bc_bus_socket_free(&g->socket);
	g->n_last = 0;
}

static void close_world(void)
{
	bookcast_close(&bus);
	cr_expect_null(bus);
	close_gateway(&gateways[0]);
	close_gateway(&gateways[1]);
	cache_desk_free(&desk);
	bc_board_free(&board);
	cache_rings_free(&rings);
	bc_rpc_server_free(&server);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

/* ---- the gateway that is played ---- */

enum reach { TO_ALL, TO_BUS_ONLY, TO_CACHE_ONLY, TO_NOBODY };

static void publish(struct gateway *g, const char *topic, struct bc_message m, enum reach reach)
{
	struct bus_message *b = NULL;
	for (size_t i = 0; i < g->n_last; i++)
		if (strcmp(g->last[i].frame, topic) == 0)
			b = &g->last[i];
	if (b == NULL)
		b = &g->last[g->n_last++];
	bus_message_encode(b, topic, &m);
	struct bc_board_taken taken;
	if ((reach == TO_ALL || reach == TO_CACHE_ONLY) &&
	    bc_board_take(board, b->topic, b->payload, bc_boot_now(), &taken) == BC_OK)
		cache_rings_take(rings, b->topic, b->payload, taken.message);
	if (reach == TO_ALL || reach == TO_BUS_ONLY)
		zmq_send(g->socket, b->frame, b->n_frame, ZMQ_DONTWAIT);
}

static void book_to(struct gateway *g, const char *topic, uint64_t seq, enum bc_state state,
		    enum reach reach)
{
	bc_level levels[2];
	publish(g, topic, bus_book(bus_envelope(g->epoch, seq, state), (int64_t)seq, levels),
		reach);
}

static void book(struct gateway *g, uint64_t seq)
{
	book_to(g, "upbit.KRW-BTC.book", seq, BC_STATE_LIVE, TO_ALL);
}

static void beat(struct gateway *g)
{
	char topic[64];
	struct bc_message m = bus_heartbeat(bus_envelope(g->epoch, ++g->beats, BC_STATE_LIVE),
					    g->instance, 1, g->endpoint);
	struct bus_message b;
	m.body.heartbeat.interval_ns = g->beat_ns;
	snprintf(topic, sizeof topic, "upbit.@%s.heartbeat", g->instance);
	bus_message_encode(&b, topic, &m);
	bc_board_take(board, b.topic, b.payload, bc_boot_now(), NULL);
	zmq_send(g->socket, b.frame, b.n_frame, ZMQ_DONTWAIT);
	g->beaten = test_now_ns();
}

/* Three of these are soon missed. */
static void fall_silent(struct gateway *g)
{
	g->beat_ns = LAST_BEAT_NS;
	beat(g);
	g->silent = true;
}

static void speak_again(struct gateway *g)
{
	g->beat_ns = BEAT_NS;
	g->silent = false;
	beat(g);
}

static struct gateway *open_gateway(struct gateway *g, const char *instance, uint64_t epoch)
{
	const struct bc_socket_options options = {
		.type = ZMQ_XPUB, .send_hwm = 1000, .recv_hwm = 1000, .max_frame_bytes = 256
	};
	const int on = 1;
	char text[96], name[32];
	uint8_t list[512];
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("KRW-ETH") };
	*g = (struct gateway){ .instance = instance, .epoch = epoch, .beat_ns = BEAT_NS };
	cr_assert_eq(bc_bus_socket_new(&g->socket, context, &options), BC_OK);
	zmq_setsockopt(g->socket, ZMQ_XPUB_VERBOSE, &on, sizeof on);
	snprintf(name, sizeof name, "upbit.%s.%u.pub", instance, (unsigned)epoch);
	temp_dir_file(&dir, "ipc://", name, text, sizeof text);
	cr_assert_eq(bc_bus_bind(g->socket, text, 0660, g->endpoint), BC_OK);
	snprintf(name, sizeof name, "upbit.@%s.state", instance);
	publish(g, name, bus_symbols(bus_envelope(epoch, 1, BC_STATE_LIVE), 1, symbols, 2, list),
		TO_ALL);
	beat(g);
	return g;
}

/* Welcomes who subscribed, beats in time. */
static void turn_gateway(struct gateway *g)
{
	char filter[256];
	int n;
	if (g->socket == NULL)
		return;
	while ((n = zmq_recv(g->socket, filter, sizeof filter, ZMQ_DONTWAIT)) > 0) {
		g->book_wanted |= filter[0] == 1 && memmem(filter, (size_t)n, ".book", 5) != NULL;
		for (size_t i = 0; filter[0] == 1 && i < g->n_last; i++)
			if (g->last[i].n_frame >= (size_t)n - 1 &&
			    memcmp(g->last[i].frame, filter + 1, (size_t)n - 1) == 0)
				zmq_send(g->socket, g->last[i].frame, g->last[i].n_frame,
					 ZMQ_DONTWAIT);
	}
	if (!g->silent && test_now_ns() - g->beaten > g->beat_ns)
		beat(g);
}

static void turn_world(void)
{
	turn_gateway(&gateways[0]);
	turn_gateway(&gateways[1]);
	if (!cache_is_dead)
		cache_desk_serve(desk, bc_boot_now(), 10);
}

/* The next message, while the world turns; NULL: none within the seconds. */
static const bookcast_message *next(double seconds)
{
	const bookcast_message *m;
	int64_t end = test_in(seconds);
	do {
		turn_world();
		int rc = bookcast_recv(bus, 1, &m);
		cr_assert_geq(rc, 0, "%s", bookcast_error(bus));
		if (rc == BOOKCAST_MESSAGE)
			return m;
	} while (test_now_ns() < end);
	return NULL;
}

static bookcast_counters count(void)
{
	bookcast_counters c;
	bookcast_stats(bus, &c, sizeof c);
	return c;
}

static void subscribe(const char *symbol, const char *channel)
{
	cr_assert_eq(bookcast_subscribe(bus, "upbit", symbol, channel), BOOKCAST_OK, "%s",
		     bookcast_error(bus));
}

/* Subscribed, the first message heard, and the gateway's stream has begun: the cache's answer and
 * the welcome come in any order, and one of them is heard. */
static void join(const char *symbol)
{
	uint64_t before = count().duplicates;
	subscribe(symbol, "book");
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL, "the first message");
	cr_expect_eq(m->n_lost, 0);
	if (m->source == BOOKCAST_FROM_GATEWAY)
		return;
	int64_t end = test_in(PATIENCE);
	while (count().duplicates == before && test_now_ns() < end)
		cr_assert(next(0.001) == NULL, "nothing is heard twice");
	cr_assert_gt(count().duplicates, before);
}

static struct gateway *begin(void)
{
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	book(g, 1);
	join("KRW-BTC");
	return g;
}

#define BUS_TEST(name) Test(libbookcast, name, .init = open_world, .fini = close_world)

BUS_TEST(a_late_joiner_has_the_current_state_and_then_every_message)
{
	struct gateway *g = begin();
	for (uint64_t seq = 2; seq <= 200; seq++) {
		book(g, seq);
		const bookcast_message *m = next(PATIENCE);
		cr_assert(m != NULL, "%lu", (unsigned long)seq);
		cr_assert_eq(m->seq, seq);
		cr_expect_eq(m->source, BOOKCAST_FROM_GATEWAY);
		cr_expect_eq(m->n_lost, 0);
		cr_expect_eq(m->body.book.bids[0].price.mantissa, (int64_t)seq);
		cr_expect_eq(m->body.book.n_asks, 1);
		cr_expect_str_eq(m->symbol, "KRW-BTC");
		cr_expect_eq(m->state, BOOKCAST_LIVE);
	}
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 1000), 1);
	cr_expect_eq(count().gaps, 0);
	cr_expect_eq(count().gateways, 1);
}

BUS_TEST(a_welcome_is_not_heard_twice)
{
	struct gateway *g = begin();
	uint64_t before = count().duplicates;
	zmq_send(g->socket, g->last[1].frame, g->last[1].n_frame, ZMQ_DONTWAIT);
	int64_t end = test_in(PATIENCE);
	while (count().duplicates == before && test_now_ns() < end)
		cr_expect(next(0.001) == NULL);
	cr_expect_eq(count().duplicates, before + 1);
}

BUS_TEST(a_gap_is_counted_and_repaired)
{
	struct gateway *g = begin();
	book_to(g, "upbit.KRW-BTC.book", 2, BC_STATE_LIVE, TO_NOBODY);
	book_to(g, "upbit.KRW-BTC.book", 3, BC_STATE_LIVE, TO_NOBODY);
	book(g, 4);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL);
	cr_expect_eq(m->seq, 4);
	cr_expect_eq(m->n_lost, 2);
	int64_t end = test_in(PATIENCE);
	while (count().repaired == 0 && test_now_ns() < end)
		cr_expect(next(0.001) == NULL);
	cr_expect_eq(count().gaps, 1);
	cr_expect_eq(count().lost, 2);
	cr_expect_eq(count().repaired, 1);
}

BUS_TEST(the_lost_end_of_a_quiet_topic_comes_from_the_cache)
{
	struct gateway *g = begin();
	book_to(g, "upbit.KRW-ETH.book", 1, BC_STATE_LIVE, TO_ALL);
	join("KRW-ETH");
	/* The last two of one are lost, and it is quiet; a hole in the other one gives it away.
	 * The gateway does not welcome here: its memory of the topic is taken away. */
	book_to(g, "upbit.KRW-BTC.book", 2, BC_STATE_LIVE, TO_CACHE_ONLY);
	book_to(g, "upbit.KRW-BTC.book", 3, BC_STATE_LIVE, TO_CACHE_ONLY);
	g->n_last = 0;
	book_to(g, "upbit.KRW-ETH.book", 2, BC_STATE_LIVE, TO_CACHE_ONLY);
	book_to(g, "upbit.KRW-ETH.book", 3, BC_STATE_LIVE, TO_ALL);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL);
	cr_expect_str_eq(m->symbol, "KRW-ETH");
	cr_expect_eq(m->n_lost, 1);
	m = next(PATIENCE);
	cr_assert(m != NULL, "the other one's newest");
	cr_expect_str_eq(m->symbol, "KRW-BTC");
	cr_expect_eq(m->seq, 3);
	cr_expect_eq(m->source, BOOKCAST_FROM_CACHE);
	cr_expect_eq(m->n_lost, 1);
	cr_expect_eq(count().lost, 2);
}

BUS_TEST(missed_heartbeats_are_heard_and_so_is_the_return)
{
	struct gateway *g = begin();
	fall_silent(g);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL, "that its gateway is gone");
	cr_expect_eq(m->source, BOOKCAST_FROM_HERE);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GATEWAY);
	cr_expect_eq(m->seq, 1, "what it was");
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 0);
	bookcast_condition c;
	cr_expect_eq(bookcast_state(bus, "upbit", "KRW-BTC", "book", &c), BOOKCAST_OK);
	cr_expect_eq(c.state, BOOKCAST_STALE);
	cr_expect_geq(c.proven_ns, 3 * LAST_BEAT_NS);
	cr_expect_eq(count().gone, 1);
	speak_again(g);
	m = next(PATIENCE);
	cr_assert(m != NULL, "that it is back, by its welcome");
	cr_expect_eq(m->state, BOOKCAST_LIVE);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 1);
}

BUS_TEST(it_follows_a_gateway_that_restarts_elsewhere)
{
	fall_silent(begin());
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	close_gateway(&gateways[0]);
	struct gateway *g = open_gateway(&gateways[1], "0", 200);
	book(g, 1);
	m = next(PATIENCE);
	cr_assert(m != NULL, "found at its new address");
	cr_expect_eq(m->epoch, 200);
	cr_expect_eq(m->seq, 1);
	cr_expect_eq(m->n_lost, 0);
	cr_expect_eq(m->state, BOOKCAST_LIVE);
	cr_expect_eq(count().gateways, 1, "the old one is no more");
}

BUS_TEST(of_two_lines_each_message_is_heard_once)
{
	struct gateway *a = open_gateway(&gateways[0], "a", 100);
	struct gateway *b = open_gateway(&gateways[1], "b", 200);
	struct gateway *both[2] = { a, b };
	subscribe("KRW-BTC", "book");
	int64_t end = test_in(PATIENCE);
	while (count().gateways < 2 && test_now_ns() < end)
		next(0.001);
	cr_assert_eq(count().gateways, 2);
	for (uint64_t n = 1; n <= 20; n++)
		for (size_t i = 0; i < 2; i++) {
			bc_level levels[2];
			struct gateway *g = both[(n + i) % 2];
			struct bc_envelope e = bus_envelope(g->epoch, n, BC_STATE_LIVE);
			e.exchange_seq = 1000 + n;
			publish(g, "upbit.KRW-BTC.book", bus_book(e, (int64_t)n, levels), TO_ALL);
			const bookcast_message *m = next(i == 0 ? PATIENCE : 0.02);
			cr_assert_eq(m != NULL, i == 0, "%lu, the %s line", (unsigned long)n,
				     i == 0 ? "faster" : "slower");
			if (m != NULL)
				cr_expect_eq(m->exchange_seq, 1000 + n);
		}
	fall_silent(a);
	int64_t until = test_in(PATIENCE);
	while (count().gone == 0 && test_now_ns() < until)
		cr_assert(next(0.001) == NULL, "the other one still stands for it");
	close_gateway(a);
	cr_expect_eq(count().gone, 1);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 1);
}

/* ---- A/B lines, and waking up ---- */

static void numbered(struct gateway *g, const char *topic, uint64_t seq, uint64_t number,
		     enum reach reach)
{
	bc_level levels[2];
	struct bc_envelope e = bus_envelope(g->epoch, seq, BC_STATE_LIVE);
	e.exchange_seq = number;
	publish(g, topic, bus_book(e, (int64_t)number, levels), reach);
}

static void expect_number(uint64_t number, uint64_t epoch, int line)
{
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL, "line %d: %lu", line, (unsigned long)number);
	cr_expect_eq(m->exchange_seq, number, "line %d", line);
	cr_expect_eq(m->epoch, epoch, "line %d", line);
	cr_expect_eq(m->n_lost, 0, "line %d", line);
	cr_expect_eq(m->state, BOOKCAST_LIVE, "line %d", line);
}
#define EXPECT_NUMBER(number, epoch) expect_number(number, epoch, __LINE__)

/* Both gateways are heard, and have said number 1 of it. */
static void begin_lines(const char *topic, const char *symbol)
{
	struct gateway *a = open_gateway(&gateways[0], "a", 100);
	struct gateway *b = open_gateway(&gateways[1], "b", 200);
	subscribe(symbol, "book");
	int64_t end = test_in(PATIENCE);
	while (count().gateways < 2 && test_now_ns() < end)
		next(0.001);
	cr_assert_eq(count().gateways, 2);
	numbered(a, topic, 1, 1, TO_ALL);
	EXPECT_NUMBER(1, 100);
	numbered(b, topic, 1, 1, TO_ALL);
	while (count().arbitrated == 0 && test_now_ns() < end)
		cr_assert(next(0.001) == NULL);
	cr_assert_eq(count().arbitrated, 1);
	beat(a); /* now that they are heard: how far their heartbeats are apart */
	beat(b);
}

BUS_TEST(what_one_line_lost_and_the_other_brings_is_no_loss)
{
	const char *topic = "upbit.KRW-BTC.book";
	begin_lines(topic, "KRW-BTC");
	struct gateway *a = &gateways[0], *b = &gateways[1];
	numbered(a, topic, 2, 2, TO_NOBODY);
	numbered(b, topic, 2, 2, TO_ALL);
	EXPECT_NUMBER(2, 200);
	numbered(a, topic, 3, 3, TO_ALL);
	EXPECT_NUMBER(3, 100);
	numbered(b, topic, 3, 3, TO_ALL);
	numbered(b, topic, 4, 4, TO_ALL);
	EXPECT_NUMBER(4, 200);
	cr_expect_eq(count().filled, 1);
	cr_expect_eq(count().lost, 0);
	/* Both lose one: b cannot bring what a lost, nor a what b did. */
	numbered(a, topic, 4, 4, TO_NOBODY);
	numbered(a, topic, 5, 5, TO_NOBODY);
	numbered(b, topic, 5, 5, TO_NOBODY);
	a->n_last = b->n_last = 0; /* or they would be welcomed with it */
	numbered(b, topic, 6, 6, TO_ALL);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL && m->exchange_seq == 6);
	numbered(a, topic, 6, 6, TO_BUS_ONLY);
	numbered(a, topic, 7, 7, TO_ALL);
	m = next(PATIENCE);
	cr_assert(m != NULL && m->exchange_seq == 7);
	cr_expect_eq(count().lost, 3, "two of a's, one of b's");
	cr_expect_eq(m->n_lost, 3);
	bookcast_account account;
	cr_expect_eq(bookcast_audit(bus, "upbit", "KRW-BTC", "book", &account, sizeof account),
		     BOOKCAST_OK);
	cr_expect_eq(account.published, 7 + 6, "every message of both");
	cr_expect_eq(account.published,
		     account.received + account.lost + account.conflated + account.redundant);
}

BUS_TEST(the_first_line_goes_on_when_a_second_one_comes)
{
	char id[24];
	uint8_t list[512];
	const bc_str symbols[] = { BC_STR("KRW-BTC") };
	struct gateway *a = open_gateway(&gateways[0], "a", 100);
	struct gateway *b = open_gateway(&gateways[1], "b", 200);
	struct bc_message m = { .envelope = bus_envelope(a->epoch, 0, BC_STATE_LIVE) };
	b->n_last = 0; /* it does not say yet what it serves */
	subscribe("KRW-BTC", "trade");
	for (int64_t end = test_in(PATIENCE); count().gateways < 2 && test_now_ns() < end;) {
		beat(a);
		beat(b);
		next(0.01);
	}
	for (unsigned n = 1; n <= 20; n++) {
		if (n == 10)
			publish(b, "upbit.@b.state",
				bus_symbols(bus_envelope(b->epoch, 2, BC_STATE_LIVE), 2, symbols, 1,
					    list),
				TO_ALL);
		while (n == 10 && next(0.05) != NULL)
			continue;
		snprintf(id, sizeof id, "%u", 1000 + n);
		m.envelope.seq = n;
		m.envelope.ts_exchange.ns = n;
		m.body.trade =
			(struct bc_trade){ { 5, 1 }, { 1, -3 }, BC_SIDE_SELL, bc_str_of(id) };
		publish(a, "upbit.KRW-BTC.trade", m, TO_ALL);
		const bookcast_message *heard = next(PATIENCE);
		cr_assert(heard != NULL, "trade %u", n);
		cr_expect_str_eq(heard->body.trade.trade_id, id);
	}
	/* The other one says the last of them, which are copies, and then something new. */
	m.envelope.epoch = b->epoch;
	for (unsigned n = 19; n <= 21; n++) {
		snprintf(id, sizeof id, "%u", 1000 + n);
		m.envelope.seq = n - 18;
		m.envelope.ts_exchange.ns = n;
		m.body.trade.trade_id = bc_str_of(id);
		publish(b, "upbit.KRW-BTC.trade", m, TO_ALL);
	}
	const bookcast_message *heard = next(PATIENCE);
	cr_assert(heard != NULL);
	cr_expect_str_eq(heard->body.trade.trade_id, "1021");
	cr_expect_eq(count().arbitrated, 2);
}

BUS_TEST(of_two_lines_the_fit_one_is_heard)
{
	const char *topic = "upbit.KRW-BTC.book";
	bc_level levels[2];
	begin_lines(topic, "KRW-BTC");
	struct gateway *a = &gateways[0], *b = &gateways[1];
	struct bc_envelope e = bus_envelope(a->epoch, 2, BC_STATE_STALE);
	e.exchange_seq = 2;
	e.reason = BC_REASON_GAP;
	publish(a, topic, bus_book(e, 2, levels), TO_ALL);
	int64_t end = test_in(PATIENCE);
	while (count().arbitrated < 2 && test_now_ns() < end)
		cr_assert(next(0.001) == NULL, "the other one is fit");
	cr_expect_eq(count().arbitrated, 2);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 1);
	numbered(b, topic, 2, 2, TO_ALL);
	EXPECT_NUMBER(2, 200);
	/* Now that one, too: it is told, and once. */
	e = bus_envelope(b->epoch, 3, BC_STATE_STALE);
	e.exchange_seq = 3;
	e.reason = BC_REASON_NO_DATA;
	publish(b, topic, bus_book(e, 3, levels), TO_ALL);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	cr_expect_eq(m->epoch, 200);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 0);
	cr_expect(next(0.05) == NULL);
}

BUS_TEST(a_book_does_not_go_back_when_the_line_ahead_dies)
{
	const char *topic = "upbit.KRW-BTC.book";
	begin_lines(topic, "KRW-BTC");
	struct gateway *a = &gateways[0], *b = &gateways[1];
	for (uint64_t n = 2; n <= 9; n++) {
		numbered(a, topic, n, n, TO_ALL);
		EXPECT_NUMBER(n, 100);
	}
	fall_silent(a);
	int64_t end = test_in(PATIENCE);
	while (count().gone == 0 && test_now_ns() < end)
		cr_assert(next(0.001) == NULL, "the other one stands for it");
	close_gateway(a);
	uint64_t before = count().arbitrated;
	for (uint64_t n = 2; n <= 4; n++)
		numbered(b, topic, n, n, TO_ALL);
	while (count().arbitrated < before + 3 && test_now_ns() < end)
		cr_assert(next(0.001) == NULL, "older than what was heard");
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 1);
	EXPECT_NUMBER(4, 200); /* nothing newer came: it counts anew */
	numbered(b, topic, 5, 5, TO_ALL);
	EXPECT_NUMBER(5, 200);
}

/* One call, and nobody does anything meanwhile. */
static const bookcast_message *wake(const char *what)
{
	const bookcast_message *m = NULL;
	cr_assert_eq(bookcast_recv(bus, PATIENCE * 1000, &m), BOOKCAST_MESSAGE, "%s", what);
	return m;
}

static void expect_all_gone(size_t n_topics)
{
	char topics[4][64] = { "" };
	for (size_t i = 0; i < n_topics; i++) {
		const bookcast_message *m = wake("that it is gone");
		cr_expect_eq(m->state, BOOKCAST_STALE, "%s", m->topic);
		cr_expect_eq(m->reason, BOOKCAST_REASON_GATEWAY, "%s", m->topic);
		cr_expect_eq(m->source, BOOKCAST_FROM_HERE);
		for (size_t k = 0; k < i; k++)
			cr_expect_str_neq(topics[k], m->topic, "each once");
		snprintf(topics[i], sizeof topics[i], "%s", m->topic);
		cr_expect_eq(bookcast_fit(bus, "upbit", m->symbol, strrchr(topics[i], '.') + 1, 0),
			     0);
	}
}

BUS_TEST(a_blocked_call_returns_for_each_topic_of_a_gateway_that_dies)
{
	struct gateway *g = begin();
	book_to(g, "upbit.KRW-ETH.book", 1, BC_STATE_LIVE, TO_ALL);
	join("KRW-ETH");
	subscribe("KRW-BTC", "bbo");
	book_to(g, "upbit.KRW-BTC.bbo", 1, BC_STATE_LIVE, TO_ALL);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL && m->channel == BOOKCAST_BBO);
	fall_silent(g);
	expect_all_gone(3);
}

BUS_TEST(a_blocked_call_returns_when_the_last_of_two_lines_dies)
{
	begin_lines("upbit.KRW-BTC.book", "KRW-BTC");
	subscribe("KRW-ETH", "book");
	numbered(&gateways[0], "upbit.KRW-ETH.book", 1, 7, TO_ALL);
	EXPECT_NUMBER(7, 100);
	numbered(&gateways[1], "upbit.KRW-ETH.book", 1, 7, TO_ALL);
	int64_t end = test_in(PATIENCE);
	while (count().arbitrated < 2 && test_now_ns() < end)
		next(0.001);
	fall_silent(&gateways[0]);
	while (count().gone == 0 && test_now_ns() < end)
		cr_assert(next(0.001) == NULL, "the other one stands for it");
	fall_silent(&gateways[1]);
	expect_all_gone(2);
	speak_again(&gateways[1]);
	const bookcast_message *m = next(PATIENCE);
	cr_assert(m != NULL);
	cr_expect_eq(m->state, BOOKCAST_LIVE, "by its welcome");
	cr_expect_eq(m->epoch, 200);
}

BUS_TEST(a_blocked_call_returns_when_only_the_symbols_state_has_changed)
{
	struct gateway *g = begin();
	struct bc_message m = { .envelope = bus_envelope(g->epoch, 1, BC_STATE_LIVE) };
	m.body.trade = (struct bc_trade){ { 5, 1 }, { 1, -3 }, BC_SIDE_SELL, BC_STR("id") };
	subscribe("KRW-BTC", "trade");
	int64_t end = test_in(PATIENCE);
	const bookcast_message *heard = NULL;
	while (heard == NULL && test_now_ns() < end) { /* until its subscription has arrived */
		publish(g, "upbit.KRW-BTC.trade", m, TO_ALL);
		m.envelope.seq++;
		heard = next(0.01);
	}
	cr_assert(heard != NULL && heard->channel == BOOKCAST_TRADE);
	while (next(0.02) != NULL)
		continue;
	struct bc_message state = { .envelope = bus_envelope(g->epoch, 1, BC_STATE_STALE) };
	state.envelope.reason = BC_REASON_GAP;
	state.envelope.since.ns = 77;
	publish(g, "upbit.KRW-BTC.state", state, TO_ALL);
	for (int i = 0; i < 2; i++) { /* the trade's topic, and the book's */
		heard = wake("of its state");
		cr_expect_eq(heard->state, BOOKCAST_STALE, "%s", heard->topic);
		cr_expect_eq(heard->reason, BOOKCAST_REASON_GAP, "%s", heard->topic);
		cr_expect_eq(heard->since, 77, "%s", heard->topic);
	}
	bookcast_condition c;
	cr_expect_eq(bookcast_state(bus, "upbit", "KRW-BTC", "trade", &c), BOOKCAST_OK);
	cr_expect(c.state == BOOKCAST_STALE && c.reason == BOOKCAST_REASON_GAP && c.since == 77);
}

static void trade(struct gateway *g, uint64_t seq)
{
	char id[24];
	struct bc_message m = { .envelope = bus_envelope(g->epoch, seq, BC_STATE_LIVE) };
	snprintf(id, sizeof id, "id-%llu", (unsigned long long)seq);
	m.body.trade = (struct bc_trade){ { 5, 1 }, { 1, -3 }, BC_SIDE_SELL, bc_str_of(id) };
	publish(g, "upbit.KRW-BTC.trade", m, TO_ALL);
}

static void candle(struct gateway *g, uint64_t seq)
{
	struct bc_message m = { .envelope = bus_envelope(g->epoch, seq, BC_STATE_LIVE) };
	m.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { (int64_t)seq * 60 },
					    .open = { 1, 0 },
					    .high = { 3, 0 },
					    .low = { 1, 0 },
					    .close = { 2, 0 },
					    .volume = { 9, 0 },
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = BC_CLOSED_UNKNOWN };
	publish(g, "upbit.KRW-BTC.candle-1m", m, TO_ALL);
}

static void publish_instrument(struct gateway *g)
{
	struct bc_message m = { .envelope = bus_envelope(g->epoch, 1, BC_STATE_LIVE) };
	m.body.instrument = (struct bc_instrument){ .base = BC_STR("BTC"),
						    .quote = BC_STR("KRW"),
						    .unified = BC_STR("BTC/KRW"),
						    .tick = { 1, 3 },
						    .lot = BC_DECIMAL_NONE,
						    .contract_size = BC_DECIMAL_NONE,
						    .status = BC_LISTING_TRADING };
	publish(g, "upbit.KRW-BTC.instrument", m, TO_ALL);
}

/* bookcast_subscribe() and bookcast_latest() wait for the cache, so it stands in a thread. */
static void serve(void *stop)
{
	while (!*(volatile bool *)stop) {
		zmq_pollitem_t item = { bc_rpc_server_socket(server), 0, ZMQ_POLLIN, 0 };
		zmq_poll(&item, 1, 1);
		cache_desk_serve(desk, bc_boot_now(), 10);
	}
}

BUS_TEST(the_cache_has_the_newest_trades_and_candles)
{
	volatile bool stop = false;
	const bookcast_message *const *m = NULL;
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	publish_instrument(g);
	for (uint64_t i = 1; i <= 5; i++) {
		trade(g, i);
		candle(g, i);
	}
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_assert_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 1, &m), 1);
	cr_expect_str_eq(m[0]->body.trade.trade_id, "id-5");
	cr_assert_eq(bookcast_trades(bus, "upbit", "BTC/KRW", 3, &m), 3);
	for (int i = 0; i < 3; i++) {
		char id[8] = { 'i', 'd', '-', (char)('3' + i), '\0' };
		cr_expect_str_eq(m[i]->body.trade.trade_id, id);
		cr_expect_str_eq(m[i]->topic, "upbit.KRW-BTC.trade");
		cr_expect_eq(m[i]->seq, (uint64_t)(3 + i));
		cr_expect_eq(m[i]->source, BOOKCAST_FROM_CACHE);
		cr_expect_eq(m[i]->state, BOOKCAST_LIVE);
	}
	cr_assert_eq(bookcast_candles(bus, "upbit", "KRW-BTC", "1m", 10000, &m), 5);
	cr_expect_eq(m[0]->body.candle.ts_open, 60);
	cr_expect_eq(m[4]->body.candle.ts_open, 300);
	cr_expect_str_eq(m[4]->body.candle.interval, "1m");
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-BTC", "7m", 5, &m), BOOKCAST_EINVAL);
	cr_expect_eq(strncmp(bookcast_error(bus), "'7m' is no interval: 1s 1m", 26), 0);
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-BTC", NULL, 5, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 0, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 10001, &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-ETH", 5, &m), BOOKCAST_ENODATA);
	cr_expect_str_eq(bookcast_error(bus), "upbit.KRW-ETH.trade has no data yet");
	cr_expect_eq(bookcast_candles(bus, "upbit", "KRW-XRP", "1h", 5, &m), BOOKCAST_ENOTFOUND);
	stop = true;
	zmq_threadclose(thread);
	cr_expect_eq(bookcast_trades(bus, "upbit", "KRW-BTC", 5, &m), BOOKCAST_ENOANSWER);
}

BUS_TEST(names_and_questions_to_the_cache)
{
	volatile bool stop = false;
	const bookcast_message *m;
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	publish_instrument(g);
	book(g, 7);
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->seq, 7);
	cr_expect_eq(m->state, BOOKCAST_LIVE);
	cr_expect_eq(m->source, BOOKCAST_FROM_CACHE);
	cr_expect_eq(bookcast_latest(bus, "upbit", "BTC/KRW", "instrument", &m), BOOKCAST_OK);
	cr_expect_str_eq(m->symbol, "KRW-BTC");
	cr_expect_str_eq(m->body.instrument.unified, "BTC/KRW");
	cr_expect_str_eq(m->body.instrument.status, "trading");
	cr_expect_eq(m->body.instrument.lot.exponent, INT32_MIN);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-ETH", "book", &m), BOOKCAST_ENODATA);
	cr_expect_str_eq(bookcast_error(bus), "upbit.KRW-ETH.book has no data yet");
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-XRP", "book", &m), BOOKCAST_ENOTFOUND);
	cr_expect_str_eq(bookcast_error(bus), "nobody serves upbit.KRW-XRP.book");
	cr_expect_eq(bookcast_subscribe(bus, "upbit", "XRP/KRW", "book"), BOOKCAST_ENOTFOUND);
	cr_expect_eq(bookcast_subscribe(bus, "upbit", "BTC/KRW", "book"), BOOKCAST_OK);
	cr_expect_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_OK);
	cr_expect_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_ENOTFOUND);
	stop = true;
	zmq_threadclose(thread);
}

/* The message says stale for one reason; by now it is stale for another one. */
BUS_TEST(the_cache_is_asked_why_it_is_so_now)
{
	volatile bool stop = false;
	const bookcast_message *m;
	bookcast_condition c;
	bc_level levels[2];
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_STALE);
	e.reason = BC_REASON_GAP;
	publish(g, "upbit.KRW-BTC.book", bus_book(e, 7, levels), TO_CACHE_ONLY);
	void *thread = zmq_threadstart(serve, (void *)&stop);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GAP);
	cr_expect_eq(m->since, 1);
	stop = true;
	zmq_threadclose(thread);
	fall_silent(g);
	stop = false;
	thread = zmq_threadstart(serve, (void *)&stop);
	int64_t end = test_in(PATIENCE);
	do
		cr_assert_eq(bookcast_state(bus, "upbit", "KRW-BTC", "book", &c), BOOKCAST_OK);
	while (c.reason != BOOKCAST_REASON_GATEWAY && test_now_ns() < end);
	cr_expect_eq(c.state, BOOKCAST_STALE);
	cr_expect_eq(c.reason, BOOKCAST_REASON_GATEWAY);
	cr_expect_eq(c.since, BOOKCAST_UNKNOWN);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "book", &m), BOOKCAST_OK);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GATEWAY);
	stop = true;
	zmq_threadclose(thread);
}

static const struct {
	const char *exchange, *symbol, *channel;
} impossible[] = {
	{ NULL, "KRW-BTC", "book" },      { "upbit", NULL, "book" },
	{ "upbit", "KRW-BTC", NULL },     { "upbit", "KRW-BTC", "depth" },
	{ "upbit", "KRW-BTC", "candle" }, { "upbit", "KRW-BTC", "heartbeat" },
	{ "upbit", "KRW-BTC", "delta" },  { "upbit", "@0", "state" },
	{ "upbit", "", "book" },          { "", "KRW-BTC", "book" },
	{ "up.bit", "KRW-BTC", "book" },  { "upbit", "\xff\xfe", "book" },
};

BUS_TEST(what_cannot_be_is_refused_with_words)
{
	for (size_t i = 0; i < sizeof impossible / sizeof *impossible; i++) {
		cr_expect_eq(bookcast_subscribe(bus, impossible[i].exchange, impossible[i].symbol,
						impossible[i].channel),
			     BOOKCAST_EINVAL, "row %zu", i);
		cr_expect_neq(bookcast_error(bus)[0], '\0');
	}
	char longest[300];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	cr_expect_eq(bookcast_subscribe(bus, "upbit", longest, "book"), BOOKCAST_EINVAL);
	cr_expect_null(bookcast_connect("nonsense"));
	cr_expect_str_eq(bookcast_error(NULL), "not connected");
	bookcast_close(NULL);
}

BUS_TEST(a_dead_cache_costs_questions_not_the_stream)
{
	const bookcast_message *m;
	struct gateway *g = begin();
	cache_is_dead = true;
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-ETH", "book", &m), BOOKCAST_ENOANSWER);
	cr_expect_eq(bookcast_subscribe(bus, "upbit", "BTC/KRW", "book"), BOOKCAST_ENOANSWER);
	for (uint64_t seq = 2; seq <= 50; seq++) {
		book(g, seq);
		do /* nobody looked meanwhile, so what was is said again */
			cr_assert((m = next(PATIENCE)) != NULL);
		while (m->seq < seq);
		cr_assert_eq(m->seq, seq);
	}
	cache_is_dead = false;
}

BUS_TEST(one_descriptor_tells_when_to_look)
{
	struct gateway *g = begin();
	struct pollfd item = { .fd = bookcast_fd(bus), .events = POLLIN };
	const bookcast_message *m;
	for (uint64_t seq = 2; seq <= 50; seq++) {
		book(g, seq);
		int64_t end = test_in(PATIENCE);
		int rc = 0;
		while (rc == 0 && test_now_ns() < end) {
			turn_world();
			cr_assert_eq(poll(&item, 1, PATIENCE * 1000), 1, "readable in time");
			rc = bookcast_recv(bus, 0, &m);
		}
		cr_assert_eq(rc, BOOKCAST_MESSAGE);
		cr_assert_eq(m->seq, seq);
		while (bookcast_recv(bus, 0, &m) == BOOKCAST_MESSAGE)
			cr_assert_fail("one message only");
	}
	int n = 0;
	for (int64_t end = test_in(0.5); test_now_ns() < end;) {
		turn_world();
		if (poll(&item, 1, 5) == 0)
			continue;
		n++;
		cr_expect_eq(bookcast_recv(bus, 0, &m), BOOKCAST_OK);
	}
	cr_expect_lt(n, 60, "%d wakes in half a second of nothing but heartbeats", n);
}

static const struct {
	bookcast_decimal value;
	const char *text;
	double number;
} decimals[] = {
	{ { 12345, -2 }, "123.45", 123.45 },
	{ { -1, -8 }, "-0.00000001", -1e-8 },
	{ { 137, 6 }, "137000000", 137e6 },
	{ { 0, 0 }, "0", 0 },
	{ { 9007199254740993, 0 }, "9007199254740993", 9007199254740992.0 },
};

BUS_TEST(who_stood_still_is_told_nothing_of_the_past_as_fit)
{
	struct gateway *g = begin();
	for (uint64_t seq = 2; seq <= 20; seq++)
		book(g, seq);
	poll(NULL, 0, 2100); /* the fault itself: nobody looks for over two seconds */
	book(g, 21);
	const bookcast_message *m;
	int64_t end = test_in(PATIENCE);
	uint64_t n_past = 0;
	while ((m = next(PATIENCE)) != NULL && m->state != BOOKCAST_LIVE && test_now_ns() < end) {
		n_past++;
		cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 0, "%lu",
			     (unsigned long)m->seq);
	}
	cr_assert(m != NULL);
	cr_expect_eq(m->seq, 21);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 1000), 1);
	cr_expect_geq(n_past, 19, "what came meanwhile is received all the same");
}

static void state_of_symbol(struct gateway *g, uint64_t seq)
{
	struct bc_message m = { .envelope = bus_envelope(g->epoch, seq, BC_STATE_LIVE) };
	m.envelope.since.ns = (int64_t)seq;
	publish(g, "upbit.KRW-BTC.state", m, TO_ALL);
}

/* The state topic still comes, because the book needs it; it is only handed out while wanted. */
BUS_TEST(what_is_unsubscribed_is_not_handed_out_though_it_comes)
{
	struct gateway *g = begin();
	const bookcast_message *m;
	uint64_t before;
	subscribe("KRW-BTC", "state");
	state_of_symbol(g, 1);
	do
		cr_assert((m = next(PATIENCE)) != NULL);
	while (m->channel != BOOKCAST_STATE);
	cr_assert_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "state"), BOOKCAST_OK);
	before = count().messages;
	state_of_symbol(g, 2);
	book(g, 2);
	do {
		cr_assert((m = next(PATIENCE)) != NULL);
		cr_assert_eq(m->channel, BOOKCAST_BOOK);
	} while (m->seq < 2);
	cr_expect_geq(count().messages, before + 2, "both came");
	subscribe("KRW-BTC", "state");
	state_of_symbol(g, 3);
	do
		cr_assert((m = next(PATIENCE)) != NULL, "it is wanted again");
	while (m->channel != BOOKCAST_STATE || m->seq < 3);
}

static void book_published(struct gateway *g, uint64_t seq, int64_t ago_ns, uint32_t flags)
{
	bc_level levels[2];
	struct bc_envelope e = bus_envelope(g->epoch, seq, BC_STATE_LIVE);
	e.ts_publish.ns = bc_wall_now().ns - ago_ns;
	e.flags = flags;
	publish(g, "upbit.KRW-BTC.book", bus_book(e, (int64_t)seq, levels), TO_BUS_ONLY);
}

BUS_TEST(it_tells_how_long_messages_took)
{
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	bookcast_hop hop;
	struct {
		uint64_t count, negative, after;
	} part = { 7, 7, 7 };
	static const int64_t ago[] = { 5 * BC_NS_PER_MS, 700 * BC_NS_PER_MS, -60 * BC_NS_PER_S,
				       3600 * BC_NS_PER_S };
	bookcast_latency(bus, &hop, sizeof hop);
	cr_expect_eq(hop.count, 0);
	cr_expect_eq(hop.max_ns, 0);
	subscribe("KRW-BTC", "book");
	int64_t end = test_in(PATIENCE);
	while (!g->book_wanted && test_now_ns() < end)
		cr_assert(next(0.001) == NULL);
	for (uint64_t i = 0; i < sizeof ago / sizeof *ago; i++) {
		book_published(g, i + 1, ago[i], i == 3 ? BC_FLAG_WELCOME : 0);
		const bookcast_message *m = next(PATIENCE);
		cr_assert(m != NULL, "%d", (int)i);
		cr_assert_eq(m->source, BOOKCAST_FROM_GATEWAY);
	}
	bookcast_latency(bus, &hop, sizeof hop);
	cr_expect_eq(hop.count, 2, "%d", (int)hop.count);
	cr_expect_eq(hop.negative, 1, "from a clock that is ahead");
	cr_expect_geq(hop.p50_ns, ago[0]);
	cr_expect_geq(hop.p99_ns, ago[1]);
	cr_expect_geq(hop.max_ns, hop.p99_ns);
	cr_expect_lt(hop.max_ns, ago[3], "what is welcomed is old");
	cr_expect(hop.p50_ns <= hop.p90_ns && hop.p90_ns <= hop.p99_ns &&
		  hop.p99_ns <= hop.p999_ns);
	cr_expect_gt(hop.window_ns, 0);
	bookcast_latency(bus, (bookcast_hop *)&part, 2 * sizeof(uint64_t));
	cr_expect_eq(part.count, 2, "an older program knows less of it");
	cr_expect_eq(part.after, 7);
}

BUS_TEST(who_spins_hears_and_notices_the_same)
{
	struct gateway *g = begin();
	const bookcast_message *m;
	bookcast_spin(bus, 1);
	for (uint64_t seq = 2; seq <= 20; seq++) {
		book(g, seq);
		m = next(PATIENCE);
		cr_assert(m != NULL && m->seq == seq, "%lu", (unsigned long)seq);
	}
	int64_t begun = test_now_ns();
	cr_expect_eq(bookcast_recv(bus, 0, &m), BOOKCAST_OK);
	cr_expect_eq(bookcast_recv(bus, 20, &m), BOOKCAST_OK, "nothing comes");
	cr_expect_geq(test_now_ns() - begun, 20 * BC_NS_PER_MS);
	/* The world stands still within one call: three heartbeats are missed in it. */
	fall_silent(g);
	cr_assert_eq(bookcast_recv(bus, PATIENCE * 1000, &m), BOOKCAST_MESSAGE);
	cr_expect_eq(m->state, BOOKCAST_STALE);
	cr_expect_eq(m->reason, BOOKCAST_REASON_GATEWAY);
	bookcast_spin(bus, 0);
	speak_again(g);
	m = next(PATIENCE);
	cr_assert(m != NULL, "that it is back");
	cr_expect_eq(m->state, BOOKCAST_LIVE);
}

Test(libbookcast, decimals_are_exact_and_doubles_the_nearest)
{
	char text[BOOKCAST_DECIMAL_MAX];
	setlocale(LC_ALL, "de_DE.UTF-8"); /* a decimal comma, where it is installed */
	for (size_t i = 0; i < sizeof decimals / sizeof *decimals; i++) {
		cr_expect_str_eq(bookcast_decimal_text(decimals[i].value, text), decimals[i].text);
		cr_expect_eq(bookcast_decimal_double(decimals[i].value), decimals[i].number, "%s",
			     decimals[i].text);
	}
	const bookcast_decimal none = { 0, INT32_MIN }, wild = { 1, 1000 };
	cr_expect_str_eq(bookcast_decimal_text(none, text), "");
	cr_expect_str_eq(bookcast_decimal_text(wild, text), "");
	cr_expect(isnan(bookcast_decimal_double(none)));
	cr_expect_lt(bookcast_decimal_compare((bookcast_decimal){ 1, 0 },
					      (bookcast_decimal){ 11, -1 }),
		     0);
	cr_expect_eq(bookcast_decimal_compare((bookcast_decimal){ 10, -1 },
					      (bookcast_decimal){ 1, 0 }),
		     0);
	cr_expect_lt(bookcast_decimal_compare(none, (bookcast_decimal){ -5, 0 }), 0);
	cr_expect_eq(bookcast_decimal_compare(none, none), 0);
}

Test(libbookcast, every_number_has_its_word)
{
	cr_expect_str_eq(bookcast_state_word(BOOKCAST_QUIET), "quiet");
	cr_expect_str_eq(bookcast_reason_word(BOOKCAST_REASON_DELISTED), "delisted");
	cr_expect_str_eq(bookcast_channel_word(BOOKCAST_TICKER), "ticker");
	cr_expect_str_eq(bookcast_state_word(-1), "?");
	cr_expect_str_eq(bookcast_state_word(99), "?");
}
