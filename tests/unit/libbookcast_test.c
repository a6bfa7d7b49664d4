/* The public library against a gateway and a cache that are played here, on real sockets: what a
 * strategy hears when messages are lost, gateways die, move and come back. */
#include "common/version.h"
#include "tests/support/libbookcast_rig.h"

#include <locale.h>
#include <math.h>
#include <poll.h>

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

Test(libbookcast, says_which_version_it_is)
{
	cr_expect_str_eq(bookcast_version(), bc_version);
}
