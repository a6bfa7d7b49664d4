/* The cache in simulated time: what it answers is what people trade on. */
#include "common/board.h"
#include "tests/support/bus_message.h"

#include <criterion/criterion.h>

#define BOOK  "upbit.KRW-BTC.book"
#define STATE "upbit.KRW-BTC.state"
#define TRADE "upbit.KRW-BTC.trade"

static struct bc_board *board;
static bc_mono_time now;

static void open_board(void)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	cr_assert((board = bc_board_new(&limits)) != NULL);
	now.ns = 1000 * BC_NS_PER_S;
}

static void close_board(void)
{
	bc_board_free(&board);
}

static void later(double seconds)
{
	now.ns += (int64_t)(seconds * 1e9);
}

static bc_status take(const char *topic, struct bc_message m)
{
	struct bus_message b;
	bus_message_encode(&b, topic, &m);
	return bc_board_take(board, b.topic, b.payload, now, NULL);
}

static bc_status book_of(const char *topic, struct bc_envelope e, int64_t price)
{
	bc_level levels[2];
	return take(topic, bus_book(e, price, levels));
}

static bc_status book(uint64_t epoch, uint64_t seq, enum bc_state state)
{
	return book_of(BOOK, bus_envelope(epoch, seq, state), (int64_t)seq);
}

static void heartbeat(const char *instance, uint64_t epoch, uint64_t seq, enum bc_state state)
{
	char topic[64];
	snprintf(topic, sizeof topic, "upbit.@%s.heartbeat", instance);
	take(topic, bus_heartbeat(bus_envelope(epoch, seq, state), instance, 1, "ipc:///x"));
}

static void symbols(const char *instance, uint64_t epoch, uint64_t version, const char *a,
		    const char *b)
{
	char topic[64];
	uint8_t bytes[512];
	bc_str list[2] = { bc_str_of(a), bc_str_of(b) };
	uint32_t n = a == NULL ? 0 : b == NULL ? 1 : 2;
	snprintf(topic, sizeof topic, "upbit.@%s.state", instance);
	take(topic,
	     bus_symbols(bus_envelope(epoch, version, BC_STATE_LIVE), version, list, n, bytes));
}

static struct bc_board_answer get(const char *topic)
{
	struct bc_board_answer answer;
	bc_board_get(board, bc_str_of(topic), now, &answer);
	return answer;
}

/* The best bid of an answer: which message it is. */
static int64_t bid(const struct bc_board_answer *answer)
{
	bc_level levels[8];
	struct bc_message m;
	if (bc_message_decode(answer->payload, &m, levels, 8) != BC_OK)
		return -1;
	return m.body.book.bids[0].price.mantissa;
}

#define expect_state(topic, want)                                           \
	cr_expect_eq(get(topic).state, (want), "%s is %s, not %s", (topic), \
		     bc_state_word(get(topic).state), bc_state_word(want))

#define BOARD_TEST(name) Test(board, name, .init = open_board, .fini = close_board)

BOARD_TEST(answers_with_the_newest_message_as_published)
{
	bc_level levels[2];
	struct bus_message b;
	struct bc_message m = bus_book(bus_envelope(100, 1, BC_STATE_LIVE), 5, levels);
	bus_message_encode(&b, BOOK, &m);
	cr_expect_eq(bc_board_take(board, b.topic, b.payload, now, NULL), BC_OK);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(answer.status, BC_BOARD_OK);
	cr_expect_eq(answer.state, BC_STATE_LIVE);
	cr_expect(bc_str_equal(answer.payload, b.payload));
	cr_expect_eq(answer.age_ns, 0);
	cr_expect_eq(book(100, 2, BC_STATE_LIVE), BC_OK);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 2);
}

BOARD_TEST(three_missed_heartbeats_make_everything_stale)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_LIVE);
	later(3);
	expect_state(BOOK, BC_STATE_LIVE);
	later(0.000000001);
	expect_state(BOOK, BC_STATE_STALE);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(answer.status, BC_BOARD_OK);
	cr_expect_eq(bid(&answer), 1, "the old answer stays, marked");
	cr_expect_eq(answer.proven_ns, 3 * BC_NS_PER_S + 1);
}

BOARD_TEST(who_is_behind_calls_nothing_fit)
{
	book(100, 1, BC_STATE_LIVE);
	bc_board_set_behind(board, true);
	expect_state(BOOK, BC_STATE_STALE);
	cr_expect_eq(get(BOOK).reason, BC_REASON_CLOCK);
	book(100, 2, BC_STATE_DOWN);
	expect_state(BOOK, BC_STATE_DOWN);
	book(100, 3, BC_STATE_LIVE);
	bc_board_set_behind(board, false);
	expect_state(BOOK, BC_STATE_LIVE);
}

BOARD_TEST(messages_without_heartbeats_are_believed_for_as_long)
{
	book(100, 1, BC_STATE_LIVE);
	later(3);
	expect_state(BOOK, BC_STATE_LIVE);
	book(100, 2, BC_STATE_LIVE);
	later(0.1);
	expect_state(BOOK, BC_STATE_STALE);
}

BOARD_TEST(the_heartbeat_names_its_interval)
{
	bc_level levels[2];
	struct bc_message m =
		bus_heartbeat(bus_envelope(100, 1, BC_STATE_LIVE), "0", 1, "ipc:///x");
	m.body.heartbeat.interval_ns = 10 * BC_NS_PER_S;
	take("upbit.@0.heartbeat", m);
	take(BOOK, bus_book(bus_envelope(100, 1, BC_STATE_LIVE), 1, levels));
	later(29);
	expect_state(BOOK, BC_STATE_LIVE);
	later(2);
	expect_state(BOOK, BC_STATE_STALE);
}

BOARD_TEST(an_absurd_interval_is_not_believed)
{
	struct bc_message m =
		bus_heartbeat(bus_envelope(100, 1, BC_STATE_LIVE), "0", 1, "ipc:///x");
	m.body.heartbeat.interval_ns = INT64_MAX;
	take("upbit.@0.heartbeat", m);
	book(100, 1, BC_STATE_LIVE);
	later(4);
	expect_state(BOOK, BC_STATE_STALE);
}

BOARD_TEST(ages_say_when_it_changed_and_when_it_was_last_true)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_LIVE);
	later(1);
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	later(0.5);
	cr_expect_eq(get(BOOK).age_ns, 1500 * BC_NS_PER_MS);
	cr_expect_eq(get(BOOK).proven_ns, 500 * BC_NS_PER_MS, "by the heartbeat");
	cr_expect_eq(book(100, 1, BC_STATE_LIVE), BC_EDUPLICATE);
	cr_expect_eq(get(BOOK).age_ns, 1500 * BC_NS_PER_MS, "a welcome changes nothing");
	cr_expect_eq(get(BOOK).proven_ns, 0, "but proves it");
	later(0.25);
	struct bc_envelope e = bus_envelope(100, 2, BC_STATE_STALE);
	e.flags = BC_FLAG_STATE;
	e.since.ns = 2;
	book_of(BOOK, e, 1);
	cr_expect_eq(get(BOOK).age_ns, 1750 * BC_NS_PER_MS, "the state changed, not the data");
	cr_expect_eq(get(BOOK).proven_ns, 250 * BC_NS_PER_MS, "a stale message proves nothing");
	later(1);
	heartbeat("0", 100, 3, BC_STATE_LIVE);
	cr_expect_eq(get(BOOK).proven_ns, 1250 * BC_NS_PER_MS, "nor do heartbeats while it is");
	book(100, 3, BC_STATE_LIVE);
	cr_expect_eq(get(BOOK).age_ns, 0);
	cr_expect_eq(get(BOOK).proven_ns, 0);
}

BOARD_TEST(what_was_never_fit_was_never_proven)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_SYNCING);
	cr_expect_eq(get(BOOK).proven_ns, BC_AGE_NEVER);
	later(1);
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	cr_expect_eq(get(BOOK).proven_ns, BC_AGE_NEVER);
}

BOARD_TEST(polled_data_is_proven_by_its_polls_only)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_REST);
	later(1);
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	expect_state(BOOK, BC_STATE_REST);
	cr_expect_eq(get(BOOK).proven_ns, BC_NS_PER_S);
}

BOARD_TEST(a_newer_epoch_replaces_a_topic_at_its_first_message)
{
	symbols("0", 100, 1, "KRW-BTC", NULL);
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 7, BC_STATE_LIVE);
	heartbeat("0", 200, 1, BC_STATE_CONNECTING);
	expect_state(BOOK, BC_STATE_STALE);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(bid(&answer), 7, "the old answer stays until then");
	cr_expect_eq(book(100, 8, BC_STATE_LIVE), BC_EGAP, "the old process's last words");
	book(200, 1, BC_STATE_LIVE);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 1);
	cr_expect_eq(answer.state, BC_STATE_LIVE);
	cr_expect_eq(bc_board_stats(board)->stragglers, 1);
	cr_expect_eq(bc_board_stats(board)->lost, 0);
	book(200, 4, BC_STATE_LIVE);
	cr_expect_eq(bc_board_stats(board)->lost, 2);
}

BOARD_TEST(a_restart_heard_before_its_heartbeat)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 7, BC_STATE_LIVE);
	struct bc_envelope e = bus_envelope(200, 1, BC_STATE_LIVE);
	e.ts_recv.ns = 1000;
	book_of(BOOK, e, 1);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(bid(&answer), 1, "the newer of two");
	heartbeat("0", 200, 1, BC_STATE_LIVE);
	book(200, 2, BC_STATE_STALE);
	expect_state(BOOK, BC_STATE_STALE);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 2, "the old epoch does not come back");
}

BOARD_TEST(of_two_lines_the_fittest_then_the_newest_answers)
{
	heartbeat("a", 100, 1, BC_STATE_LIVE);
	heartbeat("b", 200, 1, BC_STATE_LIVE);
	struct bc_envelope a = bus_envelope(100, 1, BC_STATE_LIVE);
	struct bc_envelope b = bus_envelope(200, 1, BC_STATE_LIVE);
	a.exchange_seq = 50;
	b.exchange_seq = 60;
	book_of(BOOK, a, 1000);
	book_of(BOOK, b, 2000);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(bid(&answer), 2000, "newest exchange sequence");
	b.seq = 2;
	b.exchange_seq = 70;
	b.state = BC_STATE_STALE;
	book_of(BOOK, b, 2001);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 1000, "fit before new");
	cr_expect_eq(answer.state, BC_STATE_LIVE);
	a.seq = 2;
	a.state = BC_STATE_REST;
	book_of(BOOK, a, 1001);
	b.seq = 3;
	b.state = BC_STATE_QUIET;
	book_of(BOOK, b, 2002);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 2002, "quiet before rest");
	later(2);
	heartbeat("a", 100, 2, BC_STATE_LIVE);
	later(2);
	answer = get(BOOK);
	cr_expect_eq(bid(&answer), 1001, "b's gateway is gone");
	cr_expect_eq(answer.state, BC_STATE_REST);
}

BOARD_TEST(without_exchange_sequences_time_decides)
{
	struct bc_envelope a = bus_envelope(100, 1, BC_STATE_LIVE);
	struct bc_envelope b = bus_envelope(200, 1, BC_STATE_LIVE);
	a.ts_exchange.ns = 5000;
	b.ts_exchange.ns = 4000;
	b.ts_recv.ns = 9000;
	book_of(BOOK, a, 1000);
	book_of(BOOK, b, 2000);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(bid(&answer), 1000);
}

BOARD_TEST(a_delisted_topic_is_down_then_forgotten)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", "KRW-ETH");
	book(100, 1, BC_STATE_LIVE);
	book_of("upbit.KRW-ETH.book", bus_envelope(100, 1, BC_STATE_LIVE), 9);
	symbols("0", 100, 2, "KRW-ETH", NULL);
	expect_state(BOOK, BC_STATE_DOWN);
	expect_state("upbit.KRW-ETH.book", BC_STATE_LIVE);
	later(600);
	bc_board_tick(board, now);
	cr_expect_eq(get(BOOK).status, BC_BOARD_OK);
	later(1);
	bc_board_tick(board, now);
	cr_expect_eq(get(BOOK).status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("upbit.KRW-ETH.book").status, BC_BOARD_OK);
}

BOARD_TEST(a_symbol_that_returns_is_down_no_more)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", NULL);
	book(100, 1, BC_STATE_LIVE);
	symbols("0", 100, 2, NULL, NULL);
	book(100, 2, BC_STATE_DOWN);
	expect_state(BOOK, BC_STATE_DOWN);
	symbols("0", 100, 3, "KRW-BTC", NULL);
	book(100, 3, BC_STATE_LIVE);
	expect_state(BOOK, BC_STATE_LIVE);
	later(601);
	bc_board_tick(board, now);
	cr_expect_eq(get(BOOK).status, BC_BOARD_OK);
}

BOARD_TEST(what_a_restart_no_longer_lists_is_down)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", NULL);
	book(100, 1, BC_STATE_LIVE);
	symbols("0", 200, 1, "KRW-ETH", NULL);
	expect_state(BOOK, BC_STATE_DOWN);
}

/* What its patterns mean it does not know before the exchange's list has come: nobody is dropped,
 * and nobody is called delisted. */
BOARD_TEST(a_restart_that_has_no_whole_list_yet_drops_nobody)
{
	uint8_t bytes[512];
	const bc_str eth[] = { BC_STR("KRW-ETH") };
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", "KRW-ETH");
	book(100, 1, BC_STATE_LIVE);
	struct bc_envelope e = bus_envelope(200, 1, BC_STATE_CONNECTING);
	take("upbit.@0.state", (struct bc_message){ .envelope = e }); /* no list at all */
	expect_state(BOOK, BC_STATE_STALE);
	cr_expect_eq(get(BOOK).reason, BC_REASON_GATEWAY);
	e.seq = 2;
	struct bc_message partial = bus_symbols(e, 1, eth, 1, bytes);
	partial.body.state.symbols_partial = true;
	take("upbit.@0.state", partial);
	expect_state(BOOK, BC_STATE_STALE);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(answer.reason, BC_REASON_GATEWAY);
	cr_expect_eq(bid(&answer), 1, "what was known stays");
	symbols("0", 200, 3, "KRW-BTC", "KRW-ETH");
	expect_state(BOOK, BC_STATE_STALE);
	symbols("0", 200, 4, "KRW-ETH", NULL);
	expect_state(BOOK, BC_STATE_DOWN);
	cr_expect_eq(get(BOOK).reason, BC_REASON_DELISTED);
}

/* Nothing is to be asked for again and again that there is not. */
BOARD_TEST(a_list_that_there_is_not_is_not_asked_for)
{
	char prefix[BC_TOPIC_MAX + 1];
	struct bc_message m =
		bus_heartbeat(bus_envelope(100, 1, BC_STATE_CONNECTING), "0", 0, "ipc:///x");
	take("upbit.@0.heartbeat", m);
	m.envelope.seq = 2;
	take("upbit.@0.heartbeat", m);
	cr_expect_not(bc_board_wants(board, prefix));
	m.envelope.seq = 3;
	m.body.heartbeat.symbols_version = 1;
	take("upbit.@0.heartbeat", m);
	cr_expect(bc_board_wants(board, prefix));
	cr_expect_str_eq(prefix, "upbit.@0.state");
}

BOARD_TEST(no_data_is_not_the_same_as_nobody)
{
	cr_expect_eq(get(BOOK).status, BC_BOARD_NOT_FOUND);
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", NULL);
	struct bc_board_answer answer = get(BOOK);
	cr_expect_eq(answer.status, BC_BOARD_NO_DATA);
	cr_expect_eq(answer.state, BC_STATE_CONNECTING);
	cr_expect_eq(answer.age_ns, BC_AGE_NEVER);
	cr_expect_eq(answer.proven_ns, BC_AGE_NEVER);
	cr_expect_eq(answer.payload.n, 0);
	cr_expect_eq(get("upbit.KRW-BTC.nonsense").status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("upbit.KRW-ETH.book").status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("kraken.KRW-BTC.book").status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("upbit.@1.heartbeat").status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("").status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(get("upbit").status, BC_BOARD_NOT_FOUND);
	struct bc_message m = { .envelope = bus_envelope(100, 1, BC_STATE_HALTED) };
	take(STATE, m);
	expect_state(BOOK, BC_STATE_HALTED);
	later(4);
	expect_state(BOOK, BC_STATE_STALE);
}

static void symbol_state(uint64_t epoch, uint64_t seq, enum bc_state state, int64_t since)
{
	struct bc_message m = { .envelope = bus_envelope(epoch, seq, state) };
	m.envelope.since.ns = since;
	take(STATE, m);
}

static void trade(uint64_t seq, enum bc_state state, int64_t since)
{
	struct bc_message m = { .envelope = bus_envelope(100, seq, state) };
	m.envelope.since.ns = since;
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, BC_STR("1") };
	take(TRADE, m);
}

BOARD_TEST(the_symbols_state_speaks_for_topics_that_are_not_repeated)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbol_state(100, 1, BC_STATE_LIVE, 10);
	trade(1, BC_STATE_LIVE, 10);
	book_of(BOOK, bus_envelope(100, 1, BC_STATE_LIVE), 1);
	symbol_state(100, 2, BC_STATE_QUIET, 20);
	expect_state(TRADE, BC_STATE_QUIET);
	expect_state(BOOK, BC_STATE_QUIET);
	later(1);
	symbol_state(100, 3, BC_STATE_STALE, 30);
	expect_state(TRADE, BC_STATE_STALE);
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	cr_expect_eq(get(TRADE).proven_ns, BC_NS_PER_S, "heartbeats do not prove a stale symbol");
	trade(2, BC_STATE_LIVE, 40);
	expect_state(TRADE, BC_STATE_LIVE);
}

BOARD_TEST(of_two_lines_the_one_without_a_trade_vouches_for_the_others)
{
	heartbeat("a", 100, 1, BC_STATE_LIVE);
	symbol_state(100, 1, BC_STATE_LIVE, 10);
	trade(1, BC_STATE_LIVE, 10);
	later(1);
	heartbeat("b", 200, 1, BC_STATE_LIVE);
	symbol_state(200, 1, BC_STATE_LIVE, 20);
	later(1);
	heartbeat("a", 100, 2, BC_STATE_LIVE);
	for (int i = 0; i < 4; i++) { /* and then a says no more */
		later(1);
		heartbeat("b", 200, (uint64_t)i + 2, BC_STATE_LIVE);
	}
	expect_state(TRADE, BC_STATE_LIVE);
	cr_expect_eq(get(TRADE).proven_ns, 0, "by its heartbeats");
	symbol_state(200, 2, BC_STATE_STALE, 30);
	expect_state(TRADE, BC_STATE_STALE);
	symbol_state(200, 3, BC_STATE_LIVE, 40); /* it may have missed some meanwhile */
	expect_state(TRADE, BC_STATE_STALE);
	cr_expect_eq(get(TRADE).reason, BC_REASON_GATEWAY);
}

BOARD_TEST(who_came_after_the_other_one_had_gone_vouches_for_nothing)
{
	heartbeat("a", 100, 1, BC_STATE_LIVE);
	symbol_state(100, 1, BC_STATE_LIVE, 10);
	trade(1, BC_STATE_LIVE, 10);
	later(1);
	heartbeat("b", 200, 1, BC_STATE_LIVE);
	symbol_state(200, 1, BC_STATE_LIVE, 20);
	later(2.5);
	heartbeat("b", 200, 2, BC_STATE_LIVE);
	expect_state(TRADE, BC_STATE_STALE);
	cr_expect_eq(get(TRADE).reason, BC_REASON_GATEWAY);
}

BOARD_TEST(it_says_how_fit_each_line_is)
{
	struct bus_message m;
	bc_level levels[2];
	struct bc_board_taken taken;
	heartbeat("a", 100, 1, BC_STATE_LIVE);
	heartbeat("b", 200, 1, BC_STATE_LIVE);
	struct bc_message said = bus_book(bus_envelope(100, 1, BC_STATE_LIVE), 1, levels);
	bus_message_encode(&m, BOOK, &said);
	cr_expect_eq(bc_board_take(board, m.topic, m.payload, now, &taken), BC_OK);
	cr_expect(!taken.doubled);
	said = bus_book(bus_envelope(200, 1, BC_STATE_REST), 1, levels);
	bus_message_encode(&m, BOOK, &said);
	cr_expect_eq(bc_board_take(board, m.topic, m.payload, now, &taken), BC_OK);
	cr_expect(taken.doubled);
	struct bc_board_ranks ranks = bc_board_ranks_taken(board, 200, 100, now);
	cr_expect(ranks.own == 2 && ranks.best == 3 && ranks.leader == 3);
	later(2);
	heartbeat("b", 200, 2, BC_STATE_LIVE);
	later(2);
	ranks = bc_board_ranks(board, bc_str_of(BOOK), 100, 300, now);
	cr_expect(ranks.own == 1 && ranks.best == 2 && ranks.leader == -1, "a is gone");
	heartbeat("b", 201, 1, BC_STATE_LIVE); /* restarts */
	said = bus_book(bus_envelope(201, 1, BC_STATE_LIVE), 1, levels);
	bus_message_encode(&m, BOOK, &said);
	cr_expect_eq(bc_board_take(board, m.topic, m.payload, now, &taken), BC_OK);
	cr_expect_eq(taken.heir_of, 200);
}

BOARD_TEST(a_symbol_that_two_gateways_list_has_its_trades_twice)
{
	struct bus_message b;
	struct bc_board_taken taken;
	struct bc_message m = { .envelope = bus_envelope(100, 1, BC_STATE_LIVE) };
	m.body.trade = (struct bc_trade){ { 5, 0 }, { 1, 0 }, BC_SIDE_BUY, BC_STR("1") };
	symbols("a", 100, 1, "KRW-BTC", NULL);
	symbols("b", 200, 1, "KRW-ETH", NULL);
	bus_message_encode(&b, TRADE, &m);
	cr_expect_eq(bc_board_take(board, b.topic, b.payload, now, &taken), BC_OK);
	cr_expect(!taken.doubled, "shards");
	symbols("b", 200, 2, "KRW-BTC", "KRW-ETH");
	m.envelope.seq = 2;
	bus_message_encode(&b, TRADE, &m);
	cr_expect_eq(bc_board_take(board, b.topic, b.payload, now, &taken), BC_OK);
	cr_expect(taken.doubled, "the other one will say them, too");
}

BOARD_TEST(the_reason_comes_with_the_state)
{
	struct bc_message m = { .envelope = bus_envelope(100, 1, BC_STATE_STALE) };
	m.envelope.reason = BC_REASON_GAP;
	m.envelope.since.ns = 77;
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", NULL);
	trade(1, BC_STATE_LIVE, 10);
	cr_expect_eq(get(TRADE).reason, BC_REASON_NONE);
	take(STATE, m);
	cr_expect_eq(get(TRADE).reason, BC_REASON_GAP);
	cr_expect_eq(get(TRADE).since.ns, 77);
	cr_expect_eq(get(BOOK).reason, BC_REASON_GAP, "also where there is no data");
	later(4);
	cr_expect_eq(get(TRADE).reason, BC_REASON_GATEWAY);
	cr_expect_eq(get(TRADE).since.ns, BC_TIME_UNKNOWN, "nobody said since when");
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	symbols("0", 100, 2, NULL, NULL);
	cr_expect_eq(get(TRADE).reason, BC_REASON_DELISTED);
}

BOARD_TEST(a_message_unfit_by_its_own_word_stays_unfit)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_STALE);
	symbol_state(100, 1, BC_STATE_LIVE, 50);
	expect_state(BOOK, BC_STATE_STALE);
	symbol_state(100, 2, BC_STATE_REST, 60);
	expect_state(BOOK, BC_STATE_STALE);
}

BOARD_TEST(a_reason_that_changes_is_told_though_the_message_is_not_repeated)
{
	struct bc_message state = { .envelope = bus_envelope(100, 1, BC_STATE_STALE) };
	struct bc_envelope e = bus_envelope(100, 1, BC_STATE_STALE);
	e.reason = state.envelope.reason = BC_REASON_NO_DATA;
	e.since.ns = state.envelope.since.ns = 10;
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book_of(BOOK, e, 1);
	take(STATE, state);
	cr_expect_eq(get(BOOK).reason, BC_REASON_NO_DATA);
	state.envelope.seq = 2;
	state.envelope.reason = BC_REASON_DISCONNECTED;
	state.envelope.since.ns = 20;
	take(STATE, state);
	expect_state(BOOK, BC_STATE_STALE);
	cr_expect_eq(get(BOOK).reason, BC_REASON_DISCONNECTED);
	cr_expect_eq(get(BOOK).since.ns, 20);
	later(4);
	cr_expect_eq(get(BOOK).reason, BC_REASON_GATEWAY);
	cr_expect_eq(get(BOOK).since.ns, BC_TIME_UNKNOWN);
}

BOARD_TEST(what_came_while_its_gateway_was_away_was_missed)
{
	char prefix[BC_TOPIC_MAX + 1];
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	symbols("0", 100, 1, "KRW-BTC", NULL);
	symbol_state(100, 1, BC_STATE_LIVE, 1);
	book(100, 1, BC_STATE_LIVE);
	trade(1, BC_STATE_LIVE, 1);
	cr_expect(!bc_board_wants(board, prefix));
	later(10);
	heartbeat("0", 100, 9, BC_STATE_LIVE);
	expect_state(BOOK, BC_STATE_STALE);
	expect_state(TRADE, BC_STATE_STALE);
	cr_expect_eq(get(BOOK).proven_ns, 10 * BC_NS_PER_S);
	cr_assert(bc_board_wants(board, prefix), "it asks to be told again");
	cr_expect_str_eq(prefix, "upbit.");
	cr_expect(!bc_board_wants(board, prefix));
	book(100, 1, BC_STATE_LIVE); /* the welcome */
	expect_state(BOOK, BC_STATE_LIVE);
	expect_state(TRADE, BC_STATE_STALE);
	symbol_state(100, 1, BC_STATE_LIVE, 1);
	expect_state(TRADE, BC_STATE_LIVE);
}

BOARD_TEST(a_list_that_never_came_is_asked_for)
{
	char prefix[BC_TOPIC_MAX + 1];
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	cr_expect(!bc_board_wants(board, prefix), "its welcome may be on its way");
	heartbeat("0", 100, 2, BC_STATE_LIVE);
	cr_assert(bc_board_wants(board, prefix));
	cr_expect_str_eq(prefix, "upbit.@0.state");
	symbols("0", 100, 1, "KRW-BTC", NULL);
	heartbeat("0", 100, 3, BC_STATE_LIVE);
	cr_expect(!bc_board_wants(board, prefix));
}

BOARD_TEST(a_gateway_that_says_goodbye_is_gone_at_once)
{
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	book(100, 1, BC_STATE_LIVE);
	heartbeat("0", 100, 2, BC_STATE_DOWN);
	expect_state(BOOK, BC_STATE_STALE);
}

BOARD_TEST(holes_are_counted_exactly)
{
	book(100, 5, BC_STATE_LIVE);
	book(100, 6, BC_STATE_LIVE);
	book(100, 10, BC_STATE_LIVE);
	book(100, 8, BC_STATE_LIVE);
	book(100, 12, BC_STATE_LIVE);
	cr_expect_eq(bc_board_stats(board)->gaps, 2);
	cr_expect_eq(bc_board_stats(board)->lost, 4);
	cr_expect_eq(bc_board_stats(board)->duplicates, 1);
}

BOARD_TEST(a_hole_makes_it_ask_for_everything_again)
{
	char prefix[BC_TOPIC_MAX + 1];
	book(100, 5, BC_STATE_LIVE);
	book(100, 8, BC_STATE_LIVE);
	cr_assert(bc_board_wants(board, prefix));
	cr_expect_str_eq(prefix, "upbit.");
	book(100, 10, BC_STATE_LIVE);
	cr_expect(!bc_board_wants(board, prefix), "but not in a storm");
	later(1);
	book(100, 12, BC_STATE_LIVE);
	cr_expect(bc_board_wants(board, prefix));
}

BOARD_TEST(a_message_nobody_can_read_casts_doubt)
{
	struct bus_message b;
	bc_level levels[2];
	heartbeat("0", 100, 1, BC_STATE_LIVE);
	struct bc_message m = bus_book(bus_envelope(100, 1, BC_STATE_LIVE), 1, levels);
	bus_message_encode(&b, BOOK, &m);
	bc_board_take(board, b.topic, b.payload, now, NULL);
	expect_state(BOOK, BC_STATE_LIVE);
	cr_expect_neq(bc_board_take(board, b.topic, BC_STR("\xc1garbage"), now, NULL), BC_OK);
	expect_state(BOOK, BC_STATE_STALE);
	cr_expect_eq(bc_board_take(board, BC_STR("upbit.KRW-BTC.bbo"), b.payload, now, NULL),
		     BC_EPARSE, "another topic's message");
	cr_expect_neq(bc_board_take(board, BC_STR("nonsense"), b.payload, now, NULL), BC_OK);
	cr_expect_eq(bc_board_stats(board)->bad, 3);
	book(100, 2, BC_STATE_LIVE);
	expect_state(BOOK, BC_STATE_LIVE);
}

BOARD_TEST(lists_and_prefixes)
{
	bc_str topics[4];
	book_of("upbit.B.book", bus_envelope(100, 1, BC_STATE_LIVE), 1);
	book_of("upbit.A.book", bus_envelope(100, 1, BC_STATE_LIVE), 1);
	book_of("kraken.A.book", bus_envelope(100, 1, BC_STATE_LIVE), 1);
	cr_expect_eq(bc_board_list(board, BC_STR("upbit."), topics, 4), 2);
	cr_expect(bc_str_is(topics[0], "upbit.A.book"));
	cr_expect(bc_str_is(topics[1], "upbit.B.book"));
	cr_expect_eq(bc_board_list(board, BC_STR(""), topics, 2), 3, "all are counted");
	cr_expect_eq(bc_board_list(board, BC_STR("x"), topics, 4), 0);
}

static uint64_t instrument_seq = 1;

static void instrument(const char *symbol, const char *unified)
{
	char topic[64];
	struct bc_message m = { .envelope = bus_envelope(100, instrument_seq, BC_STATE_LIVE) };
	m.body.instrument = (struct bc_instrument){ .base = BC_STR("B"),
						    .quote = BC_STR("Q"),
						    .unified = bc_str_of(unified),
						    .tick = BC_DECIMAL_NONE,
						    .lot = BC_DECIMAL_NONE,
						    .contract_size = BC_DECIMAL_NONE };
	snprintf(topic, sizeof topic, "upbit.%s.instrument", symbol);
	cr_assert_eq(take(topic, m), BC_OK);
}

BOARD_TEST(both_names_of_a_symbol_are_known)
{
	bc_str symbol;
	symbols("0", 100, 1, "KRW-BTC", "KRW-ETH");
	instrument("KRW-BTC", "BTC/KRW");
	cr_expect_eq(bc_board_resolve(board, BC_STR("upbit"), BC_STR("BTC/KRW"), &symbol), BC_OK);
	cr_expect(bc_str_is(symbol, "KRW-BTC"));
	cr_expect_eq(bc_board_resolve(board, BC_STR("upbit"), BC_STR("KRW-ETH"), &symbol), BC_OK);
	cr_expect(bc_str_is(symbol, "KRW-ETH"));
	cr_expect_eq(bc_board_resolve(board, BC_STR("kraken"), BC_STR("BTC/KRW"), &symbol),
		     BC_ENOTFOUND);
	cr_expect_eq(bc_board_resolve(board, BC_STR("upbit"), BC_STR("ETH/KRW"), &symbol),
		     BC_ENOTFOUND);
	symbols("0", 100, 2, "KRW-ETH", NULL);
	later(601);
	bc_board_tick(board, now);
	cr_expect_eq(bc_board_resolve(board, BC_STR("upbit"), BC_STR("BTC/KRW"), &symbol),
		     BC_ENOTFOUND, "forgotten with its topic");
}

static void expect_resolved(const char *unified, const char *want, int line)
{
	bc_str symbol = BC_STR("");
	bc_board_resolve(board, BC_STR("upbit"), bc_str_of(unified), &symbol);
	cr_expect(bc_str_is(symbol, want), "line %d: %.*s", line, (int)symbol.n, symbol.p);
}
#define EXPECT_RESOLVED(unified, want) expect_resolved(unified, want, __LINE__)

BOARD_TEST(a_name_follows_the_symbol_that_is_listed)
{
	symbols("0", 100, 1, "LUNA", "LUNC");
	instrument("LUNA", "LUNA/USDT");
	instrument_seq = 2;
	instrument("LUNA", "LUNA/USDT");
	instrument("LUNC", "LUNA/USDT");
	EXPECT_RESOLVED("LUNA/USDT", "LUNA"); /* who said so first, as long as it is listed */
	symbols("0", 100, 2, "LUNC", NULL);
	instrument_seq = 3;
	instrument("LUNC", "LUNA/USDT");
	EXPECT_RESOLVED("LUNA/USDT", "LUNC");
	instrument_seq = 4;
	instrument("LUNC", "LUNC/USDT"); /* corrected: the old name is nobody's */
	EXPECT_RESOLVED("LUNA/USDT", "");
	EXPECT_RESOLVED("LUNC/USDT", "LUNC");
	instrument_seq = 5;
	instrument("LUNC", "");
	EXPECT_RESOLVED("LUNC/USDT", "");
	instrument_seq = 1;
}

static bc_status trade_of(uint64_t epoch, uint64_t seq, int64_t at, uint32_t flags, const char *id)
{
	struct bc_message m = { .envelope = bus_envelope(epoch, seq, BC_STATE_LIVE) };
	m.envelope.ts_exchange.ns = at;
	m.envelope.flags = flags;
	m.body.trade =
		(struct bc_trade){ { 1, 0 }, { (int64_t)seq, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	return take("upbit.KRW-BTC.trade", m);
}

static bc_status trade_at(uint64_t epoch, uint64_t seq, int64_t at, uint32_t flags)
{
	return trade_of(epoch, seq, at, flags, "x");
}

static bc_status candle_at(uint64_t seq, int64_t start, uint32_t flags)
{
	struct bc_message m = { .envelope = bus_envelope(200, seq, BC_STATE_LIVE) };
	m.envelope.flags = flags;
	m.body.candle = (struct bc_candle){ .interval = BC_INTERVAL_1M,
					    .ts_open = { start },
					    .open = { 1, 0 },
					    .high = { 1, 0 },
					    .low = { 1, 0 },
					    .close = { 1, 0 },
					    .volume = { (int64_t)seq, 0 },
					    .quote_volume = BC_DECIMAL_NONE,
					    .closed = BC_CLOSED_UNKNOWN };
	return take("upbit.KRW-BTC.candle-1m", m);
}

static void expect_seq(const char *topic, uint64_t want, int64_t age, int line)
{
	struct bc_message m;
	struct bc_board_answer a = get(topic);
	cr_assert_eq(bc_message_decode(a.payload, &m, NULL, 0), BC_OK, "line %d", line);
	cr_expect_eq(m.envelope.seq, want, "line %d: %llu", line,
		     (unsigned long long)m.envelope.seq);
	cr_expect_eq(a.age_ns, age, "line %d", line);
	cr_expect_eq(a.proven_ns, 0, "line %d", line);
}
#define EXPECT_SEQ(topic, want, age) expect_seq(topic, want, age, __LINE__)

BOARD_TEST(history_is_not_the_newest_though_it_comes_last)
{
	const uint32_t rest = BC_FLAG_SNAPSHOT | BC_FLAG_REST;
	const char *topic = "upbit.KRW-BTC.trade";
	uint64_t seq = 0;
	symbols("0", 100, 1, "KRW-BTC", NULL);
	cr_expect_eq(trade_at(100, 1, 50, 0), BC_OK);
	later(1);
	cr_expect_eq(trade_at(100, 2, 40, rest), BC_OK, "heard, for who wants all of them");
	EXPECT_SEQ(topic, 1, BC_NS_PER_S);
	cr_expect(bc_board_last_seq(board, bc_str_of(topic), 100, &seq) && seq == 2);
	cr_expect_eq(trade_at(100, 3, 60, rest), BC_OK);
	EXPECT_SEQ(topic, 3, 0); /* polled, and newer */
	cr_expect_eq(trade_at(100, 4, 55, 0), BC_OK);
	EXPECT_SEQ(topic, 4, 0); /* live ones come as the exchange sends them */
	symbols("0", 200, 1, "KRW-BTC", NULL);
	cr_expect_eq(trade_at(200, 1, 10, rest), BC_OK);
	EXPECT_SEQ(topic, 1, 0); /* a restart replaces the topic with its first message */
	topic = "upbit.KRW-BTC.candle-1m";
	cr_expect_eq(candle_at(1, 120, 0), BC_OK);
	cr_expect_eq(candle_at(2, 60, rest), BC_OK);
	EXPECT_SEQ(topic, 1, 0);
	cr_expect_eq(candle_at(3, 120, rest), BC_OK);
	EXPECT_SEQ(topic, 3, 0);
}

BOARD_TEST(of_trades_at_one_time_the_id_says_which_is_the_newest)
{
	const uint32_t rest = BC_FLAG_SNAPSHOT | BC_FLAG_REST;
	const char *topic = "upbit.KRW-BTC.trade";
	symbols("0", 100, 1, "KRW-BTC", NULL);
	trade_of(100, 1, 50, 0, "99");
	trade_of(100, 2, 50, 0, "100");
	trade_of(100, 3, 50, rest, "99"); /* told again for somebody else */
	EXPECT_SEQ(topic, 2, 0);
	trade_of(100, 4, 50, rest, "100");
	EXPECT_SEQ(topic, 2, 0);
	trade_of(100, 5, 50, rest, "101");
	EXPECT_SEQ(topic, 5, 0);
}

Test(board, topics_are_bounded, .fini = close_board)
{
	const struct bc_board_limits limits = { 3, 1 << 20, 600 * BC_NS_PER_S };
	board = bc_board_new(&limits);
	now.ns = 0;
	for (int i = 0; i < 5; i++) {
		char topic[32];
		snprintf(topic, sizeof topic, "x.S%d.book", i);
		cr_expect_eq(book_of(topic, bus_envelope(100, 1, BC_STATE_LIVE), 1),
			     i < 3 ? BC_OK : BC_ERANGE);
	}
	cr_expect_eq(bc_board_stats(board)->refused, 2);
	later(5); /* the gateway is gone: its topics make room for another's */
	cr_expect_eq(book_of("y.S.book", bus_envelope(200, 1, BC_STATE_LIVE), 1), BC_OK);
	cr_expect_eq(bc_board_topics(board), 1);
}

Test(board, bytes_are_bounded_and_nothing_old_is_kept_instead, .fini = close_board)
{
	const struct bc_board_limits limits = { 100, 256, 600 * BC_NS_PER_S };
	bc_level levels[40];
	struct bc_message m = { .envelope = bus_envelope(100, 2, BC_STATE_LIVE) };
	board = bc_board_new(&limits);
	now.ns = 0;
	for (int i = 0; i < 40; i++)
		levels[i] = (bc_level){ { INT64_MAX - i, 0 }, { INT64_MAX, 0 } };
	m.body.book = (struct bc_book){ levels, levels + 20, 20, 20 };
	cr_expect_eq(book(100, 1, BC_STATE_LIVE), BC_OK);
	cr_expect_eq(take(BOOK, m), BC_ERANGE);
	cr_expect_eq(get(BOOK).status, BC_BOARD_NOT_FOUND);
	cr_expect_eq(bc_board_bytes(board), 0);
	cr_expect_eq(book(100, 3, BC_STATE_LIVE), BC_OK);
	cr_expect_eq(get(BOOK).status, BC_BOARD_OK);
}

Test(board, gateways_are_bounded, .fini = close_board)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	board = bc_board_new(&limits);
	now.ns = 0;
	for (uint64_t epoch = 1; epoch <= 300; epoch++)
		cr_expect_eq(book(epoch, 1, BC_STATE_LIVE), epoch <= 256 ? BC_OK : BC_ERANGE);
}
