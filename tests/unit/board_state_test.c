/* What a topic is worth: by its symbol, by each line that serves it, and why. */
#include "tests/support/board_rig.h"

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

/* From one shard to another: what the new owner has not said yet is not gone. */
BOARD_TEST(who_changes_hands_is_not_delisted)
{
	heartbeat("a", 100, 1, BC_STATE_LIVE);
	symbols("a", 100, 1, "KRW-BTC", NULL);
	trade(1, BC_STATE_LIVE, 10);
	heartbeat("b", 200, 1, BC_STATE_LIVE);
	symbols("b", 200, 1, "KRW-BTC", NULL);
	symbol_state(200, 1, BC_STATE_SYNCING, 20);
	symbol_state(100, 7, BC_STATE_LIVE, 10); /* later, and not to be believed for that */
	symbols("a", 100, 2, NULL, NULL);
	expect_state(TRADE, BC_STATE_STALE);
	cr_expect_eq(get(TRADE).reason, BC_REASON_GATEWAY);
	expect_state(STATE, BC_STATE_SYNCING);
	cr_expect_eq(get(STATE).reason, BC_REASON_NONE, "the new owner's word");
	symbol_state(200, 2, BC_STATE_LIVE, 30);
	expect_state(TRADE, BC_STATE_STALE);
	symbols("b", 200, 2, NULL, NULL);
	expect_state(TRADE, BC_STATE_DOWN);
	cr_expect_eq(get(TRADE).reason, BC_REASON_DELISTED);
	symbols("b", 200, 3, "KRW-BTC", NULL);
	expect_state(TRADE, BC_STATE_STALE);
	later(4);
	heartbeat("a", 100, 2, BC_STATE_LIVE);
	cr_expect_eq(get(TRADE).reason, BC_REASON_DELISTED, "who lists it is not alive");
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
