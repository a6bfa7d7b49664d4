/* The policies of a slow reader, through the public library and on real sockets: what is handed
 * over, what is told of the rest, and that every number is accounted for. */
#include "tests/support/libbookcast_world.h"

#define EPOCH 100
#define BOOK  "upbit.KRW-BTC.book"
#define OTHER "upbit.KRW-ETH.book"
#define TRADE "upbit.KRW-BTC.trade"
#define STATE "upbit.KRW-BTC.state"

enum { MANY = 2000 };

static void *gateway;
static char endpoint[BC_ENDPOINT_MAX];
static uint64_t beats;

enum reach { TO_ALL, TO_CACHE, TO_NOBODY };

static void publish(const char *topic, struct bc_message m, enum reach reach)
{
	struct bus_message b;
	bus_message_encode(&b, topic, &m);
	if (reach != TO_NOBODY)
		bc_board_take(board, b.topic, b.payload, bc_boot_now(), NULL);
	if (reach == TO_ALL)
		cr_assert_eq(zmq_send(gateway, b.frame, b.n_frame, ZMQ_DONTWAIT), (int)b.n_frame);
}

static void book_to(const char *topic, uint64_t seq, enum bc_state state, enum reach reach)
{
	bc_level levels[2];
	publish(topic, bus_book(bus_envelope(EPOCH, seq, state), (int64_t)seq, levels), reach);
}

static void book(const char *topic, uint64_t seq)
{
	book_to(topic, seq, BC_STATE_LIVE, TO_ALL);
}

static void trade(uint64_t seq)
{
	struct bc_message m = { .envelope = bus_envelope(EPOCH, seq, BC_STATE_LIVE) };
	m.body.trade = (struct bc_trade){ { 5, 1 }, { 1, -3 }, BC_SIDE_SELL, BC_STR("id") };
	publish(TRADE, m, TO_ALL);
}

static void say_state(uint64_t seq, enum bc_state state)
{
	struct bc_message m = { .envelope = bus_envelope(EPOCH, seq, state) };
	m.envelope.since.ns = (int64_t)seq;
	publish(STATE, m, TO_ALL);
}

static void open_world(void)
{
	const struct bc_socket_options options = {
		.type = ZMQ_XPUB, .send_hwm = 100000, .recv_hwm = 1000, .max_frame_bytes = 256
	};
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("KRW-ETH") };
	uint8_t list[512];
	char text[96];
	beats = 0;
	open_cache();
	cr_assert_eq(bc_bus_socket_new(&gateway, context, &options), BC_OK);
	temp_dir_file(&dir, "ipc://", "upbit.0.pub", text, sizeof text);
	cr_assert_eq(bc_bus_bind(gateway, text, 0660, endpoint), BC_OK);
	publish("upbit.@0.state",
		bus_symbols(bus_envelope(EPOCH, 1, BC_STATE_LIVE), 1, symbols, 2, list), TO_CACHE);
	cr_assert((bus = bookcast_connect(cache)) != NULL);
}

static void close_world(void)
{
	bookcast_close(&bus);
	bc_bus_socket_free(&gateway);
	close_cache();
}

static void beat(void)
{
	struct bc_message m =
		bus_heartbeat(bus_envelope(EPOCH, ++beats, BC_STATE_LIVE), "0", 1, endpoint);
	m.body.heartbeat.interval_ns = 60 * BC_NS_PER_S; /* nobody is to be missed here */
	publish("upbit.@0.heartbeat", m, TO_ALL);
}

/* How far each topic has been handed over, and what was said of the rest. */
struct heard {
	uint64_t seq, n, n_lost, n_replaced, n_unfit, unfit;
};

static struct heard *heard_of(struct heard h[3], const char *topic)
{
	const char *const topics[] = { BOOK, OTHER, TRADE };
	for (int i = 0; i < 3; i++)
		if (strcmp(topics[i], topic) == 0)
			return &h[i];
	cr_assert_fail("%s", topic);
	return NULL;
}

/* One call; true: a message, which is noted and must go on where the one before ended. */
static bool hear(struct heard h[3])
{
	const bookcast_message *m;
	cache_desk_serve(desk, bc_boot_now(), 10);
	int rc = bookcast_recv(bus, 1, &m);
	cr_assert_geq(rc, 0, "%s", bookcast_error(bus));
	if (rc != BOOKCAST_MESSAGE)
		return false;
	struct heard *one = heard_of(h, m->topic);
	if (m->source == BOOKCAST_FROM_HERE) {
		cr_expect_eq(m->n_lost + m->n_replaced, 0);
		one->n_unfit += m->n_unfit;
		return true;
	}
	if (one->n++ > 0)
		cr_assert_eq(m->seq - one->seq - 1, m->n_lost + m->n_replaced, "%s %lu", m->topic,
			     (unsigned long)m->seq);
	one->seq = m->seq;
	one->n_lost += m->n_lost;
	one->n_replaced += m->n_replaced;
	one->n_unfit += m->n_unfit;
	one->unfit += m->state == BOOKCAST_STALE;
	return true;
}

static void hear_until(struct heard h[3], const char *topic, uint64_t seq)
{
	int64_t end = test_in(PATIENCE);
	while (heard_of(h, topic)->seq < seq && test_now_ns() < end)
		hear(h);
	cr_assert_eq(heard_of(h, topic)->seq, seq, "%s", topic);
}

static bookcast_account audit(const char *symbol, const char *channel)
{
	bookcast_account a;
	cr_assert_eq(bookcast_audit(bus, symbol == NULL ? NULL : "upbit", symbol, channel, &a,
				    sizeof a),
		     BOOKCAST_OK, "%s", bookcast_error(bus));
	cr_assert_eq(a.published, a.received + a.lost + a.conflated + a.redundant + a.waiting);
	return a;
}

/* Subscribed to both books and the trades, and the first of each is heard. */
static void begin(int policy, struct heard h[3])
{
	memset(h, 0, 3 * sizeof *h);
	cr_assert_eq(bookcast_policy(bus, policy), BOOKCAST_OK);
	beat();
	cr_assert_eq(bookcast_subscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_OK);
	cr_assert_eq(bookcast_subscribe(bus, "upbit", "KRW-ETH", "book"), BOOKCAST_OK);
	cr_assert_eq(bookcast_subscribe(bus, "upbit", "KRW-BTC", "trade"), BOOKCAST_OK);
	/* The subscriptions have arrived: three topics, the symbols' states, the gateway's own. */
	char filter[256];
	int64_t end = test_in(PATIENCE);
	for (int n = 0; n < 6 && test_now_ns() < end;) {
		hear(h);
		if (zmq_recv(gateway, filter, sizeof filter, ZMQ_DONTWAIT) > 0)
			n++;
	}
	beat();
	say_state(1, BC_STATE_LIVE);
	book(BOOK, 1);
	book(OTHER, 1);
	trade(1);
	hear_until(h, BOOK, 1);
	hear_until(h, OTHER, 1);
	hear_until(h, TRADE, 1);
}

#define POLICY_TEST(name) Test(libbookcast_policy, name, .init = open_world, .fini = close_world)

POLICY_TEST(latest_is_the_newest_of_each_and_every_trade)
{
	struct heard h[3];
	begin(BOOKCAST_LATEST, h);
	uint64_t seq = 1;
	int64_t end = test_in(PATIENCE);
	do { /* once will do, but for a machine that is very busy elsewhere */
		for (int i = 0; i < MANY; i++) {
			book(BOOK, ++seq);
			trade(seq);
			if (i == MANY / 2)
				book(OTHER, h[1].seq + 1);
		}
		hear_until(h, BOOK, seq);
		hear_until(h, TRADE, seq);
		hear_until(h, OTHER, h[1].seq);
	} while (h[0].n_replaced == 0 && test_now_ns() < end);
	cr_expect_gt(h[0].n_replaced, 0);
	cr_expect_eq(h[0].n + h[0].n_replaced, seq);
	cr_expect_eq(h[2].n, seq, "every trade");
	bookcast_account a = audit("KRW-BTC", "book"), sum = audit(NULL, NULL);
	cr_expect_eq(a.published, seq);
	cr_expect_eq(a.received, h[0].n);
	cr_expect_eq(a.conflated, h[0].n_replaced);
	cr_expect_eq(a.lost + a.waiting, 0);
	a = audit("KRW-BTC", "trade");
	cr_expect_eq(a.published, seq);
	cr_expect_eq(a.received, seq);
	cr_expect_eq(sum.published, 2 * seq + h[1].seq);
	cr_expect_eq(sum.received, h[0].n + h[1].n + h[2].n);
}

POLICY_TEST(all_is_every_message)
{
	struct heard h[3];
	begin(BOOKCAST_ALL, h);
	for (uint64_t seq = 2; seq <= MANY; seq++) {
		book(BOOK, seq);
		trade(seq);
	}
	hear_until(h, BOOK, MANY);
	hear_until(h, TRADE, MANY);
	cr_expect_eq(h[0].n, MANY);
	cr_expect_eq(h[2].n, MANY);
	cr_expect_eq(audit("KRW-BTC", "book").received, MANY);
	cr_expect_eq(audit(NULL, NULL).published, 2 * MANY + 1);
	cr_expect_eq(audit(NULL, NULL).conflated, 0);
}

/* The last ones of a topic are lost for good, and the cache has the newest: it is brought. */
static void lose_the_last(struct heard h[3])
{
	book_to(BOOK, 102, BC_STATE_LIVE, TO_CACHE);
	book_to(BOOK, 103, BC_STATE_LIVE, TO_CACHE);
	book(OTHER, 3);
	book_to(OTHER, 4, BC_STATE_LIVE, TO_NOBODY);
	book(OTHER, 5);
	hear_until(h, BOOK, 103);
	cr_expect_eq(h[0].n_lost, 30);
	cr_expect_eq(audit("KRW-BTC", "book").lost, 30);
	cr_expect_eq(audit("KRW-BTC", "book").received, h[0].n);
	cr_expect_eq(audit("KRW-BTC", "book").waiting, 0);
}

static void lose_some(int policy)
{
	struct heard h[3];
	begin(policy, h);
	for (uint64_t seq = 2; seq <= 100; seq++) {
		book_to(BOOK, seq, BC_STATE_LIVE, seq % 10 < 3 ? TO_NOBODY : TO_ALL);
		if (seq % 7 != 0)
			trade(seq);
	}
	book(BOOK, 101);
	trade(101);
	hear_until(h, BOOK, 101);
	hear_until(h, TRADE, 101);
	cr_expect_eq(h[0].n_lost, 29);
	cr_expect_eq(h[2].n_lost, 14);
	cr_expect_eq(audit("KRW-BTC", "book").lost, 29);
	cr_expect_eq(audit("KRW-BTC", "book").published, 101);
	cr_expect_eq(audit("KRW-BTC", "trade").lost, 14);
	lose_the_last(h);
}

POLICY_TEST(what_is_lost_is_told_and_repaired)
{
	lose_some(BOOKCAST_ALL);
}

POLICY_TEST(what_is_lost_is_told_and_repaired_among_the_latest)
{
	lose_some(BOOKCAST_LATEST);
}

POLICY_TEST(to_have_been_unfit_is_told)
{
	struct heard h[3];
	begin(BOOKCAST_LATEST, h);
	uint64_t seq = 1, n_unfit = 0;
	int64_t end = test_in(PATIENCE);
	do {
		for (int i = 0; i < MANY; i++) {
			bool unfit = i % 3 == 0;
			n_unfit += unfit;
			book_to(BOOK, ++seq, unfit ? BC_STATE_STALE : BC_STATE_LIVE, TO_ALL);
		}
		hear_until(h, BOOK, seq);
	} while (h[0].n_unfit == 0 && test_now_ns() < end);
	/* Handed over with the state of now, so what was unfit may be heard as fit, and is counted
	 * all the same when it was replaced. */
	cr_expect_gt(h[0].n_unfit, 0);
	cr_expect_leq(h[0].n_unfit, n_unfit);
	cr_expect_leq(h[0].n_unfit, h[0].n_replaced);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "book", 0), 1, "the last state counts");
}

POLICY_TEST(who_hears_trades_alone_is_told_that_their_symbol_was_unfit)
{
	struct heard h[3];
	begin(BOOKCAST_LATEST, h);
	cr_assert_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "book"), BOOKCAST_OK);
	say_state(2, BC_STATE_STALE);
	say_state(3, BC_STATE_LIVE);
	int64_t end = test_in(PATIENCE);
	while (h[2].n_unfit == 0 && test_now_ns() < end)
		hear(h);
	cr_expect_eq(h[2].n_unfit, 1);
	cr_expect_eq(bookcast_fit(bus, "upbit", "KRW-BTC", "trade", 0), 1);
}

POLICY_TEST(the_policy_is_changed_while_messages_wait)
{
	struct heard h[3];
	begin(BOOKCAST_LATEST, h);
	uint64_t seq = 1;
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 50; i++) {
			book(BOOK, ++seq);
			trade(seq);
		}
		hear(h);
		cr_assert_eq(bookcast_policy(bus, round % 2), BOOKCAST_OK);
		audit("KRW-BTC", "book");
	}
	hear_until(h, TRADE, seq);
	hear_until(h, BOOK, seq);
	cr_expect_eq(h[2].n, seq);
	cr_expect_eq(audit(NULL, NULL).waiting, 0);
	cr_expect_eq(bookcast_policy(bus, 2), BOOKCAST_EINVAL);
}

POLICY_TEST(what_nobody_wants_any_more_stays_in_the_sum)
{
	struct heard h[3];
	begin(BOOKCAST_LATEST, h);
	for (uint64_t seq = 2; seq <= 100; seq++)
		trade(seq);
	hear_until(h, TRADE, 2); /* more of them wait */
	bookcast_account before = audit("KRW-BTC", "trade");
	cr_assert_eq(bookcast_unsubscribe(bus, "upbit", "KRW-BTC", "trade"), BOOKCAST_OK);
	bookcast_account a, sum = audit(NULL, NULL);
	cr_expect_eq(bookcast_audit(bus, "upbit", "KRW-BTC", "trade", &a, sizeof a),
		     BOOKCAST_ENOTFOUND);
	cr_expect_eq(sum.published, before.published - before.waiting + 2);
	cr_expect_eq(sum.waiting, 0);
	for (int i = 0; i < 5; i++)
		cr_expect(!hear(h));
}
