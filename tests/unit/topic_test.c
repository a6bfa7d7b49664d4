/* Topics are what ZeroMQ filters on: a wrong one is a message nobody or the wrong one receives. */
#include "proto/topic.h"
#include "tests/support/guard_page.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
	const char *text, *exchange, *symbol, *channel; /* exchange NULL: refused */
} splits[] = {
	{ "upbit.KRW-BTC.book", "upbit", "KRW-BTC", "book" },
	{ "upbit.KRW-BTC.candle-1m", "upbit", "KRW-BTC", "candle-1m" },
	{ "kraken.X.Y.Z.trade", "kraken", "X.Y.Z", "trade" },
	{ "upbit.@0.heartbeat", "upbit", "@0", "heartbeat" },
	{ "binance-spot.1000SATSUSDT.bbo", "binance-spot", "1000SATSUSDT", "bbo" },
	{ "x.\xea\xb0\x80.book", "x", "\xea\xb0\x80", "book" },
	{ "x...book", "x", ".", "book" },
	{ "", NULL, NULL, NULL },
	{ "upbit", NULL, NULL, NULL },
	{ "upbit.book", NULL, NULL, NULL },
	{ "upbit..book", NULL, NULL, NULL },
	{ ".KRW-BTC.book", NULL, NULL, NULL },
	{ "upbit.KRW-BTC.", NULL, NULL, NULL },
	{ "...", NULL, NULL, NULL },
	{ "..", NULL, NULL, NULL },
	{ ".", NULL, NULL, NULL },
	{ "upbit.\xff.book", NULL, NULL, NULL },
};

Test(topic, splits_at_its_first_and_last_dot)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < COUNT(splits); i++) {
		struct bc_topic t;
		size_t n = strlen(splits[i].text);
		bc_str text = { guard_page_put(&g, splits[i].text, n), n };
		bc_status rc = bc_topic_split(text, &t);
		if (splits[i].exchange == NULL) {
			cr_expect_eq(rc, BC_EPARSE, "%s", splits[i].text);
			continue;
		}
		cr_expect_eq(rc, BC_OK, "%s", splits[i].text);
		cr_expect(bc_str_is(t.exchange, splits[i].exchange), "%s", splits[i].text);
		cr_expect(bc_str_is(t.symbol, splits[i].symbol), "%s", splits[i].text);
		cr_expect(bc_str_is(t.channel, splits[i].channel), "%s", splits[i].text);
	}
	struct bc_topic t;
	cr_expect_eq(bc_topic_split(BC_STR("a.b\0c.book"), &t), BC_EPARSE);
	guard_page_close(&g);
}

Test(topic, longer_than_240_bytes_is_refused)
{
	char text[BC_TOPIC_MAX + 2];
	struct bc_topic t;
	memset(text, 'x', sizeof text);
	text[1] = '.';
	text[BC_TOPIC_MAX - 5] = '.';
	cr_expect_eq(bc_topic_split((bc_str){ text, BC_TOPIC_MAX }, &t), BC_OK);
	cr_expect_eq(bc_topic_split((bc_str){ text, BC_TOPIC_MAX + 1 }, &t), BC_ERANGE);
}

static const struct {
	bc_str exchange, symbol;
	enum bc_channel channel;
	enum bc_interval interval;
	const char *topic; /* NULL: refused */
} made[] = {
	{ { "upbit", 5 }, { "KRW-BTC", 7 }, BC_CHANNEL_BOOK, 0, "upbit.KRW-BTC.book" },
	{ { "upbit", 5 },
	  { "KRW-BTC", 7 },
	  BC_CHANNEL_CANDLE,
	  BC_INTERVAL_15M,
	  "upbit.KRW-BTC.candle-15m" },
	{ { "upbit", 5 },
	  { "KRW-BTC", 7 },
	  BC_CHANNEL_CANDLE,
	  BC_INTERVAL_1MONTH,
	  "upbit.KRW-BTC.candle-1M" },
	{ { "upbit", 5 }, { "@0", 2 }, BC_CHANNEL_HEARTBEAT, 0, "upbit.@0.heartbeat" },
	{ { "upbit", 5 }, { "@0", 2 }, BC_CHANNEL_STATE, 0, "upbit.@0.state" },
	{ { "upbit", 5 }, { "@0", 2 }, BC_CHANNEL_BOOK, 0, NULL },
	{ { "upbit", 5 }, { "KRW-BTC", 7 }, BC_CHANNEL_HEARTBEAT, 0, NULL },
	{ { "upbit", 5 }, { "KRW-BTC", 7 }, BC_N_CHANNELS, 0, NULL },
	{ { "upbit", 5 }, { "KRW-BTC", 7 }, BC_CHANNEL_CANDLE, BC_N_INTERVALS, NULL },
	{ { "up.bit", 6 }, { "KRW-BTC", 7 }, BC_CHANNEL_BOOK, 0, NULL },
	{ { "upbit", 5 }, { "", 0 }, BC_CHANNEL_BOOK, 0, NULL },
	{ { "upbit", 5 }, { "a\0b", 3 }, BC_CHANNEL_BOOK, 0, NULL },
	{ { "upbit", 5 }, { "\xc3", 1 }, BC_CHANNEL_BOOK, 0, NULL },
};

Test(topic, is_made_only_of_parts_that_can_be_one)
{
	for (size_t i = 0; i < COUNT(made); i++) {
		char out[BC_TOPIC_MAX + 1];
		size_t len = 0;
		bc_status rc = bc_topic_make(made[i].exchange, made[i].symbol, made[i].channel,
					     made[i].interval, out, &len);
		if (made[i].topic == NULL) {
			cr_expect_eq(rc, BC_EPARSE, "row %zu", i);
			continue;
		}
		cr_assert_eq(rc, BC_OK, "row %zu", i);
		cr_expect_str_eq(out, made[i].topic);
		cr_expect_eq(len, strlen(out));
	}
}

Test(topic, a_symbol_that_passes_fits_every_topic_of_its_exchange)
{
	char symbol[BC_TOPIC_MAX + 1], out[BC_TOPIC_MAX + 1];
	const bc_str exchange = BC_STR("upbit");
	size_t longest = 0, len;
	memset(symbol, 'S', sizeof symbol);
	for (size_t n = 1; n <= sizeof symbol; n++) {
		bc_str s = { symbol, n };
		bc_status rc = bc_symbol_check(exchange, s);
		if (rc == BC_OK)
			longest = n;
		else
			cr_expect_eq(rc, BC_ERANGE, "%zu", n);
		for (unsigned c = 0; rc == BC_OK && c < BC_N_CHANNELS; c++)
			for (unsigned i = 0; i < BC_N_INTERVALS; i++)
				if (c != BC_CHANNEL_HEARTBEAT)
					cr_expect_eq(bc_topic_make(exchange, s, (enum bc_channel)c,
								   (enum bc_interval)i, out, &len),
						     BC_OK, "%zu %s", n, bc_channel_word(c));
	}
	bc_str one_more = { symbol, longest + 1 };
	cr_expect_eq(longest, 223);
	cr_expect_eq(bc_topic_make(exchange, one_more, BC_CHANNEL_INSTRUMENT, 0, out, &len),
		     BC_ERANGE);
	cr_expect_eq(bc_symbol_check(exchange, BC_STR("@0")), BC_EPARSE);
	cr_expect_eq(bc_symbol_check(exchange, BC_STR("")), BC_EPARSE);
	cr_expect_eq(bc_symbol_check(exchange, BC_STR("a\0b")), BC_EPARSE);
	cr_expect_eq(bc_symbol_check(exchange, BC_STR("1\xff")), BC_EPARSE);
	cr_expect_eq(bc_symbol_check(BC_STR(""), BC_STR("X")), BC_EPARSE);
}

Test(frame, splits_at_its_first_nul)
{
	bc_str topic, payload;
	cr_assert_eq(bc_frame_split("a.b.c\0x\0y", 9, &topic, &payload), BC_OK);
	cr_expect(bc_str_is(topic, "a.b.c"));
	cr_expect(bc_str_equal(payload, BC_STR("x\0y")));
	cr_assert_eq(bc_frame_split("a\0", 2, &topic, &payload), BC_OK);
	cr_expect_eq(payload.n, 0);
	cr_expect_eq(bc_frame_split("abc", 3, &topic, &payload), BC_EPARSE);
	cr_expect_eq(bc_frame_split("\0abc", 4, &topic, &payload), BC_EPARSE);
	cr_expect_eq(bc_frame_split(NULL, 0, &topic, &payload), BC_EPARSE);
}

Test(words, numbers_and_words_lead_back_to_each_other)
{
	for (unsigned i = 0; i < BC_N_STATES; i++)
		cr_expect_eq(bc_state_of(bc_str_of(bc_state_word(i))), (int)i);
	for (unsigned i = 0; i < BC_N_REASONS; i++)
		cr_expect_eq(bc_reason_of(bc_str_of(bc_reason_word(i))), (int)i);
	for (unsigned i = 0; i < BC_N_INTERVALS; i++)
		cr_expect_eq(bc_interval_of(bc_str_of(bc_interval_word(i))), (int)i);
	for (unsigned i = 0; i < BC_N_CHANNELS; i++)
		cr_expect_eq(bc_channel_of(bc_str_of(bc_channel_word(i))),
			     i == BC_CHANNEL_CANDLE ? -1 : (int)i);
	cr_expect_eq(bc_channel_of(BC_STR("candle-1M")), BC_CHANNEL_CANDLE);
	cr_expect_eq(bc_channel_of(BC_STR("candle-2d")), -1);
	cr_expect_eq(bc_channel_of(BC_STR("")), -1);
	cr_expect_eq(bc_state_of(BC_STR("Live")), -1);
}

Test(words, of_unknown_numbers_are_a_question_mark)
{
	cr_expect_str_eq(bc_channel_word(BC_N_CHANNELS), "?");
	cr_expect_str_eq(bc_state_word(99), "?");
	cr_expect_str_eq(bc_reason_word(99), "?");
	cr_expect_str_eq(bc_flag_word(31), "?");
	cr_expect_str_eq(bc_side_word(99), "?");
	cr_expect_str_eq(bc_kind_word(99), "?");
	cr_expect_str_eq(bc_listing_word(99), "?");
	cr_expect_str_eq(bc_interval_word(99), "?");
}

Test(words, only_live_and_quiet_are_fit_to_trade_on)
{
	for (unsigned i = 0; i < BC_N_STATES + 1; i++) {
		bool fit = i == BC_STATE_LIVE || i == BC_STATE_QUIET;
		cr_expect_eq(bc_state_fit(i), fit, "%s", bc_state_word(i));
		cr_expect_eq(bc_state_fit_if_rest(i), fit || i == BC_STATE_REST, "%s",
			     bc_state_word(i));
	}
	cr_expect(bc_channel_welcomed(BC_CHANNEL_BOOK));
	cr_expect_not(bc_channel_welcomed(BC_CHANNEL_TRADE));
	cr_expect_not(bc_channel_welcomed(99));
}
