/* Both names of a symbol, lists, and what is history: not the newest though it comes last. */
#include "tests/support/board_rig.h"

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
