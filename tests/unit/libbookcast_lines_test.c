/* Two gateways of the same symbols, as a strategy hears them; and what wakes a call that waits. */
#include "tests/support/libbookcast_rig.h"

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
