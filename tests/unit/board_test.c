/* The cache in simulated time: what it answers is what people trade on. */
#include "tests/support/board_rig.h"

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
