/* libbookcast_rig.h - gateways that are played, two at most: the world turns between two calls of
 * bookcast_recv(). */
#ifndef BC_TESTS_LIBBOOKCAST_RIG_H
#define BC_TESTS_LIBBOOKCAST_RIG_H

#include "tests/support/libbookcast_world.h"

/* Heartbeats are missed only where a test wants it (fall_silent()), not when the machine is slow.
 */
#define BEAT_NS      (5 * BC_NS_PER_S)
#define LAST_BEAT_NS (60 * BC_NS_PER_MS)

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
static struct gateway gateways[2];
static bool cache_is_dead;

static inline void open_world(void)
{
	open_cache();
	cr_assert((bus = bookcast_connect(cache)) != NULL);
}

static inline void close_gateway(struct gateway *g)
{
	bc_bus_socket_free(&g->socket);
	g->n_last = 0;
}

static inline void close_world(void)
{
	bookcast_close(&bus);
	cr_expect_null(bus);
	close_gateway(&gateways[0]);
	close_gateway(&gateways[1]);
	close_cache();
}

/* ---- the gateway that is played ---- */

enum reach { TO_ALL, TO_BUS_ONLY, TO_CACHE_ONLY, TO_NOBODY };

static inline void publish(struct gateway *g, const char *topic, struct bc_message m,
			   enum reach reach)
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

static inline void book_to(struct gateway *g, const char *topic, uint64_t seq, enum bc_state state,
			   enum reach reach)
{
	bc_level levels[2];
	publish(g, topic, bus_book(bus_envelope(g->epoch, seq, state), (int64_t)seq, levels),
		reach);
}

static inline void book(struct gateway *g, uint64_t seq)
{
	book_to(g, "upbit.KRW-BTC.book", seq, BC_STATE_LIVE, TO_ALL);
}

static inline void beat(struct gateway *g)
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
static inline void fall_silent(struct gateway *g)
{
	g->beat_ns = LAST_BEAT_NS;
	beat(g);
	g->silent = true;
}

static inline void speak_again(struct gateway *g)
{
	g->beat_ns = BEAT_NS;
	g->silent = false;
	beat(g);
}

static inline struct gateway *open_gateway(struct gateway *g, const char *instance, uint64_t epoch)
{
	const struct bc_socket_options options = {
		.type = ZMQ_XPUB, .send_hwm = 1000, .recv_hwm = 1000, .max_frame_bytes = 256
	};
	const int on = 1;
	char text[128], name[32];
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
static inline void turn_gateway(struct gateway *g)
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

static inline void turn_world(void)
{
	turn_gateway(&gateways[0]);
	turn_gateway(&gateways[1]);
	if (!cache_is_dead)
		cache_desk_serve(desk, bc_boot_now(), 10);
}

/* The next message, while the world turns; NULL: none within the seconds. */
static inline const bookcast_message *next(double seconds)
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

static inline bookcast_counters count(void)
{
	bookcast_counters c;
	bookcast_stats(bus, &c, sizeof c);
	return c;
}

static inline void subscribe(const char *symbol, const char *channel)
{
	cr_assert_eq(bookcast_subscribe(bus, "upbit", symbol, channel), BOOKCAST_OK, "%s",
		     bookcast_error(bus));
}

/* Subscribed, the first message heard, and the gateway's stream has begun: the cache's answer and
 * the welcome come in any order, and one of them is heard. */
static inline void join(const char *symbol)
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

static inline struct gateway *begin(void)
{
	struct gateway *g = open_gateway(&gateways[0], "0", 100);
	book(g, 1);
	join("KRW-BTC");
	return g;
}

#define BUS_TEST(name) Test(libbookcast, name, .init = open_world, .fini = close_world)

#endif
