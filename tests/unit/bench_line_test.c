/* The parts of an end-to-end run that can be wrong in silence: the marks that say which message
 * this is, and the straight line that everything is divided by. A floor that drops a level is no
 * floor. */
#include "bench/floor.h"
#include "bench/load.h"
#include "proto/codec.h"

#include <criterion/criterion.h>
#include <string.h>

#define MAX_LEVELS 64

Test(bench_line, a_mark_survives_as_a_number)
{
	static const int64_t marks[] = { LINE_WARM, LINE_WARM + 7, LINE_MEASURED + 1,
					 LINE_MEASURED + 10, LINE_MEASURED + LINE_MAX_MESSAGES };
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		char text[LINE_MARK_DIGITS];
		bc_decimal d;
		line_mark_write(text, marks[i]);
		cr_assert_eq(bc_decimal_parse(text, sizeof text, &d), BC_OK);
		cr_expect_eq(line_mark_of(d), marks[i], "%.10s", text);
		cr_expect_eq(line_mark_of(bc_decimal_normal(d)), marks[i], "normal %.10s", text);
	}
	cr_expect_eq(line_mark_of((bc_decimal){ 25390001, -9 }), 0, "no mark is that small");
}

Test(bench_line, a_frame_is_patched_in_its_places)
{
	static const char text[] =
		"{\"type\":\"orderbook\",\"code\":\"KRW-BTC\",\"timestamp\":1746601573804,"
		"\"total_ask_size\":1.5,\"orderbook_units\":[{\"ask_price\":2.0,\"bid_price\":1.0,"
		"\"ask_size\":0.5,\"bid_size\":1.0}]}";
	static const char want[] =
		"{\"type\":\"orderbook\",\"code\":\"KRW-BTC\",\"timestamp\":1763697000123,"
		"\"total_ask_size\":1.5,\"orderbook_units\":[{\"ask_price\":2.0,\"bid_price\":1.0,"
		"\"ask_size\":2.00000042,\"bid_size\":1.0}]}";
	struct load_frames f = { .opcode = WS_BINARY };
	cr_assert(load_frames_add(&f, bc_str_of(text)));
	cr_assert(load_frames_add(&f, bc_str_of("{\"status\":\"UP\"}")));
	cr_assert_eq(f.n, 1, "what has no place for a mark is left out");
	load_frame_set(&f.all[0], LINE_MEASURED + 42, 1763697000123, 1);
	size_t header = f.all[0].n - (sizeof want - 1);
	cr_expect_eq(header, 4);
	cr_expect_arr_eq(f.all[0].bytes + header, want, sizeof want - 1);
	load_frames_free(&f);
}

/* Numbers as Upbit spells them, and what they are. */
static const struct {
	const char *ask_price, *bid_price, *ask_size, *bid_size;
} units[] = {
	{ "1.16539E8", "116538000", "2.00000042", "0.25390000" },
	{ "116540000.0", "1.16537E+8", "1.0E-8", "12" },
	{ "116541000", "116536000", "7.9276E-4", "0.00000001" },
};
#define N_UNITS (sizeof units / sizeof *units)

static size_t write_book(char *out)
{
	size_t n =
		(size_t)sprintf(out, "{\"type\":\"orderbook\",\"code\":\"KRW-BTC\",\"timestamp\":"
				     "1746601573804,\"total_ask_size\":3.1,\"total_bid_size\":"
				     "1.0,\"orderbook_units\":");
	for (size_t i = 0; i < N_UNITS; i++)
		n += (size_t)sprintf(out + n,
				     "%c{\"ask_price\":%s,\"bid_price\":%s,\"ask_size\":%s,"
				     "\"bid_size\":%s}",
				     i == 0 ? '[' : ',', units[i].ask_price, units[i].bid_price,
				     units[i].ask_size, units[i].bid_size);
	return n + (size_t)sprintf(out + n, "],\"stream_type\":\"REALTIME\",\"level\":0}");
}

static void expect_number(bc_decimal got, const char *text)
{
	bc_decimal want;
	cr_assert_eq(bc_decimal_parse(text, strlen(text), &want), BC_OK, "%s", text);
	cr_expect_eq(bc_decimal_compare(got, want), 0, "%s is not %lld e%d", text,
		     (long long)got.mantissa, got.exponent);
}

Test(bench_line, the_straight_line_is_exact)
{
	char text[4096], frame[FLOOR_FRAME];
	struct floor_message scanned;
	bc_level levels[MAX_LEVELS];
	struct bc_message m;
	static const char topic[] = "upbit.KRW-BTC.book";
	struct floor_stamp stamp = { .epoch = 1763697000123456,
				     .seq = 70000,
				     .recv_ns = 1763697601250123456,
				     .publish_ns = 1763697601250125678,
				     .since_ns = 1763697000500000000 };
	cr_assert_eq(floor_scan(text, write_book(text), &scanned), FLOOR_BOOK);
	cr_assert_eq(scanned.book.n, N_UNITS);
	size_t n = floor_encode(&scanned.book, &stamp, frame);
	cr_assert_eq(memcmp(frame, topic, sizeof topic), 0, "topic and NUL");
	bc_str payload = { frame + sizeof topic, n - sizeof topic };
	cr_assert_eq(bc_message_decode(payload, &m, levels, MAX_LEVELS), BC_OK);
	cr_expect_eq(m.envelope.channel, BC_CHANNEL_BOOK);
	cr_expect_eq(m.envelope.seq, stamp.seq);
	cr_expect_eq(m.envelope.epoch, stamp.epoch);
	cr_expect_eq(m.envelope.ts_exchange.ns, INT64_C(1746601573804000000));
	cr_expect_eq(m.envelope.ts_publish.ns, stamp.publish_ns);
	cr_expect_eq(m.envelope.state, BC_STATE_LIVE);
	cr_assert_eq(m.body.book.n_asks, N_UNITS);
	cr_assert_eq(m.body.book.n_bids, N_UNITS);
	for (size_t i = 0; i < N_UNITS; i++) {
		expect_number(m.body.book.asks[i].price, units[i].ask_price);
		expect_number(m.body.book.asks[i].quantity, units[i].ask_size);
		expect_number(m.body.book.bids[i].price, units[i].bid_price);
		expect_number(m.body.book.bids[i].quantity, units[i].bid_size);
	}
}

Test(bench_line, the_straight_line_knows_trades)
{
	static const char text[] =
		"{\"ty\":\"trade\",\"cd\":\"KRW-IQ\",\"tms\":1617646621082,\"td\":\"2021-04-05\","
		"\"ttm\":\"18:17\",\"ttms\":1617646620000,\"tp\":41.2,\"tv\":2.00000042,\"ab\":"
		"\"ASK\","
		"\"pcp\":43.20000000,\"c\":\"FALL\",\"cp\":2.00000000,\"sid\":1617646620000000,"
		"\"st\":\"REALTIME\"}";
	static const char topic[] = "upbit.KRW-IQ.trade";
	char frame[FLOOR_FRAME];
	struct floor_message scanned;
	struct floor_stamp stamp = { 1763697000123456, 7, 1763697601250123456, 1763697601250125678,
				     1763697000500000000 };
	struct bc_message m;
	cr_assert_eq(floor_scan(text, sizeof text - 1, &scanned), FLOOR_TRADE);
	size_t n = floor_encode_trade(&scanned.trade, &stamp, frame);
	cr_assert_eq(memcmp(frame, topic, sizeof topic), 0, "topic and NUL");
	bc_str payload = { frame + sizeof topic, n - sizeof topic };
	cr_assert_eq(bc_message_decode(payload, &m, NULL, 0), BC_OK);
	cr_expect_eq(m.envelope.channel, BC_CHANNEL_TRADE);
	expect_number(m.body.trade.price, "41.2");
	expect_number(m.body.trade.quantity, "2.00000042");
	cr_expect_eq(m.body.trade.side, BC_SIDE_SELL);
	cr_expect(bc_str_is(m.body.trade.trade_id, "1617646620000000"));
}
