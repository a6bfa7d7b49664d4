#include "subscribers/cli/top_table.h"

#include "proto/codec.h"

#include <criterion/criterion.h>
#include <string.h>

#define SECOND(n) ((bc_mono_time){ INT64_C(1000000000) * (n) })

static struct top_table *table;
static char screen_text[8192];

static void set_up(void)
{
	table = top_table_new(4);
}

static void tear_down(void)
{
	top_table_free(&table);
}

TestSuite(top_table, .init = set_up, .fini = tear_down);

static void take(const char *text, struct bc_message *m, bc_mono_time now)
{
	struct bc_topic topic;
	m->envelope.epoch = 7;
	cr_assert_eq(bc_topic_split(bc_str_of(text), &topic), BC_OK);
	top_table_take(table, &topic, m, now);
}

static void take_book(const char *topic, int64_t bid, int64_t ask, enum bc_state state,
		      enum bc_reason reason, bc_mono_time now)
{
	const bc_level bids[] = { { { bid, 0 }, { 15, -1 } } };
	const bc_level asks[] = { { { ask, 0 }, { 25, -2 } } };
	struct bc_message m = {
		.envelope = { .channel = BC_CHANNEL_BOOK, .state = state, .reason = reason },
		.body.book = { bids, asks, bid != 0, ask != 0 }
	};
	take(topic, &m, now);
}

static void take_heartbeat(bc_mono_time now)
{
	struct bc_message m = {
		.envelope = { .channel = BC_CHANNEL_HEARTBEAT, .state = BC_STATE_LIVE },
		.body.heartbeat = { .instance = BC_STR("0"), .interval_ns = BC_NS_PER_S }
	};
	take("upbit.@0.heartbeat", &m, now);
}

static void take_list(const bc_str *symbols, uint32_t n, bc_mono_time now)
{
	uint8_t bytes[64];
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_STATE, .state = BC_STATE_LIVE },
				.body.state = { .symbols_version = 1 } };
	cr_assert_eq(bc_list_encode(symbols, n, bytes, sizeof bytes, &m.body.state.symbols), BC_OK);
	take("upbit.@0.state", &m, now);
}

static const char *draw(bc_mono_time now, size_t lines, bool color)
{
	struct bc_text out = bc_text_on(screen_text, sizeof screen_text);
	const struct top_screen screen = {
		.title = "upbit", .lines = lines, .color = color, .now = now
	};
	top_table_draw(table, &screen, &out);
	cr_expect_not(out.cut);
	return screen_text;
}

static size_t n_lines(const char *text)
{
	size_t n = 0;
	for (; *text != '\0'; text++)
		n += *text == '\n';
	return n;
}

Test(top_table, shows_best_prices_in_the_order_of_names)
{
	take_book("upbit.KRW-ETH.book", 4311, 4313, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	take_book("upbit.KRW-BTC.book", 116485, 116488, BC_STATE_QUIET, BC_REASON_NONE, SECOND(1));
	const char *text = draw(SECOND(2), 0, false);
	cr_expect_eq(text, strstr(text, "upbit  2 symbols, 2 fit to trade on\n"));
	const char *btc = strstr(text, "KRW-BTC             1.5      116485      116488"
				       "       0.25          3  quiet\n");
	const char *eth = strstr(text, "KRW-ETH ");
	cr_assert_not_null(btc, "%s", text);
	cr_assert_not_null(eth);
	cr_expect_lt(btc, eth);
	cr_expect_eq(n_lines(text), 4);
	cr_expect_null(strchr(text, '\033'));
}

Test(top_table, an_empty_side_and_a_long_number_are_marked)
{
	static const struct {
		bc_decimal ask;
		const char *shown;
	} rows[] = {
		{ { 12345678901, 0 }, "           - 12345678901 " },
		{ { 123456789012, -3 }, "           - 123456789.~ " },
		{ { 12345678901234, -3 }, "           - 12345678e3~ " },
		{ { 1234567890123, -1 }, "           -   123456e6~ " },
		{ { 1234567890123456789, 0 }, "           - 1234567e12~ " },
		{ { 1, BC_EXPONENT_MAX }, "           -   10000e60~ " },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const bc_level asks[] = { { rows[i].ask, { 25, -2 } } };
		struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BOOK,
						      .state = BC_STATE_LIVE },
					.body.book = { .asks = asks, .n_asks = 1 } };
		take("upbit.KRW-BTC.book", &m, SECOND(1));
		const char *text = draw(SECOND(1), 0, false);
		cr_expect_not_null(strstr(text, rows[i].shown), "%s in\n%s", rows[i].shown, text);
	}
}

Test(top_table, a_reason_is_shown_whole_or_not_at_all)
{
	static const struct {
		size_t columns;
		const char *end;
	} rows[] = { { 0, "  stale gap\n" }, { 80, "  stale gap\n" }, { 79, "  stale\n" } };
	take_book("upbit.KRW-BTC.book", 5, 6, BC_STATE_STALE, BC_REASON_GAP, SECOND(1));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bc_text out = bc_text_on(screen_text, sizeof screen_text);
		const struct top_screen screen = { .title = "upbit",
						   .columns = rows[i].columns,
						   .now = SECOND(1) };
		top_table_draw(table, &screen, &out);
		cr_expect_not_null(strstr(screen_text, rows[i].end), "%zu columns:\n%s",
				   rows[i].columns, screen_text);
	}
}

Test(top_table, long_names_and_wide_ones_stay_in_their_column)
{
	static const struct {
		size_t columns;
		const char *lines[3];
	} rows[] = {
		{ 0,
		  { "1000CHEEMSUSDT        1.5", "BTCUSDT               1.5",
		    "\u8fd9\u662f\u6d4b\u8bd5\u5e01USDT        1.5" } },
		{ 77,
		  { "1000CHEEMSUS~        1.5           5           6       0.25          1  "
		    "live\n",
		    "BTCUSDT              1.5", "\u8fd9\u662f\u6d4b\u8bd5\u5e01US~        1.5" } },
		{ 76,
		  { "1000CHEEMSU~        1.5           5           6       0.25          1  live\n",
		    "BTCUSDT             1.5", "\u8fd9\u662f\u6d4b\u8bd5\u5e01U~        1.5" } },
		{ 75,
		  { "1000CHEEMSUSDT        1.5           5           6       0.25  live\n",
		    "BTCUSDT               1.5",
		    "\u8fd9\u662f\u6d4b\u8bd5\u5e01USDT        1.5" } },
		{ 65,
		  { "symbol         quantity         bid         ask   quantity  state\n",
		    "1000CHEEMSU~        1.5           5           6       0.25  live\n",
		    "\u8fd9\u662f\u6d4b\u8bd5\u5e01U~        1.5" } },
		{ 64,
		  { "symbol                 bid         ask  state\n",
		    "1000CHEEMSUSDT           5           6  live\n",
		    "\u8fd9\u662f\u6d4b\u8bd5\u5e01USDT           5           6  live\n" } },
		{ 43,
		  { "symbol               bid         ask  state\n",
		    "1000CHEEMSU~           5           6  live\n",
		    "\u8fd9\u662f\u6d4b\u8bd5\u5e01U~           5           6  live\n" } },
	};
	static const char *const topics[] = {
		"binance-spot.1000CHEEMSUSDT.book",
		"binance-spot.BTCUSDT.book",
		"binance-spot.\u8fd9\u662f\u6d4b\u8bd5\u5e01USDT.book",
	};
	for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
		take_book(topics[i], 5, 6, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bc_text out = bc_text_on(screen_text, sizeof screen_text);
		const struct top_screen screen = { .title = "binance-spot",
						   .columns = rows[i].columns,
						   .now = SECOND(1) };
		top_table_draw(table, &screen, &out);
		for (size_t k = 0; k < sizeof rows[i].lines / sizeof *rows[i].lines; k++)
			cr_expect_not_null(strstr(screen_text, rows[i].lines[k]), "%s in\n%s",
					   rows[i].lines[k], screen_text);
	}
}

Test(top_table, what_is_not_fit_is_told_with_its_reason)
{
	take_book("upbit.KRW-BTC.book", 5, 6, BC_STATE_STALE, BC_REASON_DISCONNECTED, SECOND(1));
	const char *text = draw(SECOND(1), 0, false);
	cr_expect_not_null(strstr(text, "1 symbols, 0 fit"), "%s", text);
	cr_expect_not_null(strstr(text, "  stale disconnected\n"), "%s", text);
}

Test(top_table, three_missed_heartbeats_make_everything_stale)
{
	take_heartbeat(SECOND(1));
	take_book("upbit.KRW-BTC.book", 5, 6, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	cr_expect_not_null(strstr(draw(SECOND(4), 0, false), "  live\n"));
	cr_expect_not_null(strstr(draw(SECOND(5), 0, false), "  stale gateway\n"));
	cr_expect_not_null(strstr(screen_text, "0 fit"));
	take_heartbeat(SECOND(6));
	cr_expect_not_null(strstr(draw(SECOND(6), 0, false), "  live\n"));
}

Test(top_table, knows_how_many_symbols_are_to_come)
{
	const bc_str symbols[] = { BC_STR("KRW-BTC"), BC_STR("KRW-ETH") };
	cr_expect_eq(top_table_n_listed(table, SECOND(1)), 0);
	take_heartbeat(SECOND(1));
	take_list(symbols, 2, SECOND(1));
	cr_expect_eq(top_table_n_listed(table, SECOND(1)), 2);
	cr_expect_eq(top_table_n_listed(table, SECOND(9)), 0, "its gateway is gone");
	cr_expect_eq(top_table_n_filled(table), 0);
}

Test(top_table, a_short_screen_says_what_it_hides)
{
	take_book("upbit.A.book", 1, 2, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	take_book("upbit.B.book", 1, 2, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	take_book("upbit.C.book", 1, 2, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	const char *text = draw(SECOND(1), 4, false);
	cr_expect_not_null(strstr(text, "... and 2 more"), "%s", text);
	cr_expect_leq(n_lines(text), 4);
}

Test(top_table, more_symbols_than_there_is_room_for_are_counted)
{
	char topic[] = "upbit.A.book";
	for (int c = 'A'; c < 'F'; c++) {
		topic[6] = (char)c;
		take_book(topic, 1, 2, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	}
	cr_expect_eq(top_table_n_filled(table), 4);
	cr_expect_not_null(strstr(draw(SECOND(1), 0, false), "there is room for 4"));
}

Test(top_table, bytes_that_could_harm_a_terminal_are_escaped)
{
	take_book("upbit.KRW-\033[2J.book", 1, 2, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	const char *text = draw(SECOND(1), 0, false);
	cr_expect_null(strchr(text, '\033'));
	cr_expect_not_null(strstr(text, "KRW-\\x1b[2J "), "%s", text);
}

Test(top_table, a_price_that_rose_is_painted)
{
	take_book("upbit.A.book", 5, 9, BC_STATE_LIVE, BC_REASON_NONE, SECOND(1));
	take_book("upbit.A.book", 6, 9, BC_STATE_LIVE, BC_REASON_NONE, SECOND(2));
	cr_expect_not_null(strstr(draw(SECOND(2), 0, true), "\033[32m           6"), "%s",
			   screen_text);
	cr_expect_null(strstr(draw(SECOND(4), 0, true), "\033[32m           6"));
	cr_expect_null(strstr(draw(SECOND(2), 0, false), "\033"));
}
