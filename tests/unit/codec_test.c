/* What is encoded decodes to the same; and no bytes at all harm who decodes them. */
#include "proto/codec.h"
#include "tests/support/guard_page.h"
#include "tests/support/same_envelope.h"
#include "tests/support/sample_messages.h"

#include <criterion/criterion.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define CAP          4096
#define MAX_LEVELS   16

static bool same_value(bc_decimal a, bc_decimal b)
{
	return bc_decimal_known(a) == bc_decimal_known(b) && bc_decimal_compare(a, b) == 0;
}

static bool same_side(const bc_level *a, const bc_level *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!same_value(a[i].price, b[i].price) ||
		    !same_value(a[i].quantity, b[i].quantity))
			return false;
	return true;
}

static bc_str encoded(const struct bc_message *m, uint8_t *out)
{
	size_t n = 0;
	cr_assert_eq(bc_message_encode(m, out, CAP, &n), BC_OK);
	return (bc_str){ (const char *)out, n };
}

static size_t strings_of(const struct bc_message *m)
{
	size_t n = 0;
	switch (m->envelope.channel) {
	case BC_CHANNEL_TRADE:
		return m->body.trade.trade_id.n;
	case BC_CHANNEL_INSTRUMENT:
		return m->body.instrument.base.n + m->body.instrument.quote.n +
		       m->body.instrument.unified.n;
	case BC_CHANNEL_STATE:
		return m->body.state.symbols.n_bytes;
	case BC_CHANNEL_HEARTBEAT:
		n = m->body.heartbeat.instance.n + m->body.heartbeat.version.n;
		for (uint32_t i = 0; i < m->body.heartbeat.n_endpoints; i++)
			n += m->body.heartbeat.endpoints[i].n;
		for (uint32_t i = 0; i < m->body.heartbeat.n_counters; i++)
			n += m->body.heartbeat.counters[i].name.n;
		return n;
	default:
		return 0;
	}
}

Test(codec, what_is_encoded_decodes_and_encodes_to_the_same_bytes)
{
	struct samples samples;
	samples_make(&samples);
	cr_assert_eq(samples.n, 18);
	for (size_t i = 0; i < samples.n; i++) {
		const struct bc_message *m = &samples.of[i].message;
		uint8_t first[CAP], second[CAP];
		bc_level levels[MAX_LEVELS];
		struct bc_message got;
		bc_str bytes = encoded(m, first);
		bc_status rc = bc_message_decode(bytes, &got, levels, MAX_LEVELS);
		cr_assert_eq(rc, BC_OK, "%s: %s", samples.of[i].name, bc_status_text(rc));
		cr_expect(same_envelope(&got.envelope, &m->envelope), "%s", samples.of[i].name);
		cr_expect(bc_str_equal(encoded(&got, second), bytes), "%s", samples.of[i].name);
	}
}

Test(codec, a_book_comes_back_level_by_level)
{
	struct samples samples;
	samples_make(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		const struct bc_message *m = &samples.of[i].message;
		uint8_t out[CAP];
		bc_level levels[MAX_LEVELS];
		struct bc_message got;
		if (m->envelope.channel != BC_CHANNEL_BOOK && m->envelope.channel != BC_CHANNEL_BBO)
			continue;
		const struct bc_book *want = &m->body.book, *book = &got.body.book;
		cr_assert_eq(bc_message_decode(encoded(m, out), &got, levels, MAX_LEVELS), BC_OK);
		cr_assert_eq(book->n_bids, want->n_bids);
		cr_assert_eq(book->n_asks, want->n_asks);
		cr_expect(same_side(book->bids, want->bids, want->n_bids), "%s",
			  samples.of[i].name);
		cr_expect(same_side(book->asks, want->asks, want->n_asks), "%s",
			  samples.of[i].name);
	}
}

Test(codec, statistics_and_lists_come_back_field_by_field)
{
	struct samples samples;
	samples_make(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		const struct bc_message *m = &samples.of[i].message;
		uint8_t out[CAP];
		struct bc_message got;
		cr_assert_eq(bc_message_decode(encoded(m, out), &got, (bc_level[MAX_LEVELS]){ 0 },
					       MAX_LEVELS),
			     BC_OK);
		if (m->envelope.channel == BC_CHANNEL_TICKER) {
			cr_expect(same_value(got.body.ticker.volume, m->body.ticker.volume));
			cr_expect(same_value(got.body.ticker.change, m->body.ticker.change));
			cr_expect(same_value(got.body.ticker.open, m->body.ticker.open));
		}
		if (m->envelope.channel == BC_CHANNEL_TRADE) {
			cr_expect(same_value(got.body.trade.price, m->body.trade.price));
			cr_expect(bc_str_equal(got.body.trade.trade_id, m->body.trade.trade_id));
			cr_expect_eq(got.body.trade.side, m->body.trade.side);
		}
		if (m->envelope.channel == BC_CHANNEL_STATE)
			cr_expect_eq(got.body.state.symbols_partial, m->body.state.symbols_partial);
		if (strcmp(samples.of[i].name, "state-gateway") == 0) {
			bc_str item;
			size_t at = 0;
			cr_expect(bc_list_next(&got.body.state.symbols, &at, &item));
			cr_expect(bc_str_is(item, "KRW-BTC"));
			cr_expect(bc_list_next(&got.body.state.symbols, &at, &item));
			cr_expect(bc_str_is(item, "KRW-\xea\xb0\x80.X"));
			cr_expect_not(bc_list_next(&got.body.state.symbols, &at, &item));
		}
	}
}

Test(codec, the_bound_suffices_and_less_is_told)
{
	struct samples samples;
	samples_make(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		const struct bc_message *m = &samples.of[i].message;
		uint8_t out[CAP], guarded[CAP];
		size_t n, need = encoded(m, out).n;
		size_t n_levels = m->envelope.channel <= BC_CHANNEL_BBO
					  ? m->body.book.n_bids + m->body.book.n_asks
					  : 0;
		size_t bound = bc_message_bound(n_levels, strings_of(m));
		cr_expect_eq(bc_message_encode(m, guarded, bound, &n), BC_OK, "%s",
			     samples.of[i].name);
		for (size_t cap = 0; cap < need; cap++) {
			memset(guarded, 0x5a, sizeof guarded);
			cr_expect_eq(bc_message_encode(m, guarded, cap, &n), BC_ERANGE, "%s in %zu",
				     samples.of[i].name, cap);
			cr_expect_eq(guarded[cap], 0x5a, "%s in %zu", samples.of[i].name, cap);
		}
	}
}

Test(codec, the_bound_covers_the_widest_of_all)
{
	static bc_level levels[400];
	static uint8_t out[1 << 16];
	size_t n;
	for (size_t i = 0; i < COUNT(levels); i++)
		levels[i].price = levels[i].quantity = DEC(-9223372036854775807, -3);
	levels[0].price = levels[0].quantity = (bc_decimal){ 1, -64 };
	struct samples samples;
	samples_make(&samples);
	struct bc_message *m = &samples.of[0].message;
	m->envelope.epoch = BC_EPOCH_MAX;
	m->envelope.seq = m->envelope.exchange_seq = UINT64_MAX - 1;
	m->envelope.flags = UINT32_MAX;
	m->body.book = (struct bc_book){ levels, levels, COUNT(levels), COUNT(levels) };
	cr_expect_eq(bc_message_encode(m, out, bc_message_bound(2 * COUNT(levels), 0), &n), BC_OK);

	struct bc_message h = { .envelope = m->envelope };
	char name[300];
	memset(name, 'n', sizeof name);
	h.envelope.channel = BC_CHANNEL_HEARTBEAT;
	h.body.heartbeat = (struct bc_heartbeat){
		.instance = { name, 300 },
		.version = { name, 300 },
		.shard_index = UINT32_MAX - 1,
		.shard_count = UINT32_MAX,
		.pid = UINT32_MAX,
		.started = { -INT64_MAX },
		.interval_ns = INT64_MAX,
		.n_endpoints = BC_MAX_ENDPOINTS,
		.symbols_version = UINT64_MAX,
		.n_counters = BC_MAX_COUNTERS,
	};
	for (size_t i = 0; i < BC_MAX_ENDPOINTS; i++)
		h.body.heartbeat.endpoints[i] = (bc_str){ name, 300 };
	for (size_t i = 0; i < BC_MAX_COUNTERS; i++)
		h.body.heartbeat.counters[i] = (struct bc_counter){ { name, 300 }, UINT64_MAX };
	cr_expect_eq(bc_message_encode(&h, out, bc_message_bound(0, strings_of(&h)), &n), BC_OK);
}

/* Each byte of the message is the last one once; the next page cannot be read. */
Test(codec, a_message_cut_short_anywhere_is_refused)
{
	struct samples samples;
	struct guard_page g;
	guard_page_open(&g, CAP);
	samples_make(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		uint8_t out[CAP];
		bc_str bytes = encoded(&samples.of[i].message, out);
		for (size_t n = 0; n <= bytes.n; n++) {
			bc_level levels[MAX_LEVELS];
			struct bc_message got;
			bc_str cut = { guard_page_put(&g, out, n), n };
			cr_expect_eq(bc_message_decode(cut, &got, levels, MAX_LEVELS),
				     n < bytes.n ? BC_EPARSE : BC_OK, "%s at %zu of %zu",
				     samples.of[i].name, n, bytes.n);
		}
	}
	guard_page_close(&g);
}

/* Any one byte replaced by any other: an answer, whatever it is, within the bounds. */
Test(codec, a_message_with_one_byte_changed_does_no_harm)
{
	struct samples samples;
	struct guard_page g;
	guard_page_open(&g, CAP);
	samples_make(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		uint8_t out[CAP];
		bc_str bytes = encoded(&samples.of[i].message, out);
		uint8_t *copy = (uint8_t *)guard_page_put(&g, out, bytes.n);
		for (size_t at = 0; at < bytes.n; at++) {
			for (unsigned v = 0; v < 256; v++) {
				bc_level levels[MAX_LEVELS];
				struct bc_message got;
				copy[at] = (uint8_t)v;
				bc_message_decode((bc_str){ (char *)copy, bytes.n }, &got, levels,
						  MAX_LEVELS);
			}
			copy[at] = out[at];
		}
	}
	guard_page_close(&g);
}

static const struct {
	const char *what, *bytes;
	size_t n;
	bc_status status;
} hostile[] = {
	{ "nothing", "", 0, BC_EPARSE },
	{ "not an array", "\xc0", 1, BC_EPARSE },
	{ "an array of four thousand million", "\xdd\xff\xff\xff\xff", 5, BC_EPARSE },
	{ "a map of four thousand million", "\xdf\xff\xff\xff\xff", 5, BC_EPARSE },
	{ "a string of four thousand million", "\x93\xdb\xff\xff\xff\xff", 6, BC_EPARSE },
	{ "envelope of four thousand million", "\x93\x01\xdd\xff\xff\xff\xff\x90", 8, BC_EPARSE },
	{ "the reserved tag", "\x93\x01\xc1\xc1", 4, BC_EPARSE },
	{ "version zero", "\x93\x00\x90\x90", 4, BC_EPARSE },
	{ "version is text",
	  "\x93\xa1"
	  "1\x90\x90",
	  5, BC_EPARSE },
	{ "version is negative", "\x93\xff\x90\x90", 4, BC_ERANGE },
	{ "version two", "\x93\x02\x90\x90", 4, BC_EVERSION },
	{ "version two of another shape", "\x91\xce\x7f\xff\xff\xff", 6, BC_EVERSION },
	{ "empty envelope", "\x93\x01\x90\x90", 4, BC_EPARSE },
};

Test(codec, hostile_headers_are_refused_at_once)
{
	struct guard_page g;
	guard_page_open(&g, CAP);
	for (size_t i = 0; i < COUNT(hostile); i++) {
		struct bc_message got;
		bc_level levels[1];
		bc_str bytes = { guard_page_put(&g, hostile[i].bytes, hostile[i].n), hostile[i].n };
		bc_status rc = bc_message_decode(bytes, &got, levels, 1);
		cr_expect_eq(rc, hostile[i].status, "%s: %s", hostile[i].what, bc_status_text(rc));
	}
	guard_page_close(&g);
}

/* Replaces the last byte of a trade without an id (an empty string) by something else. */
static bc_status decode_with_tail(const void *tail, size_t n_tail, uint8_t n_body)
{
	static uint8_t bytes[1 << 21];
	struct samples samples;
	struct bc_message got;
	bc_level levels[1];
	samples_make(&samples);
	const struct bc_message *m = &samples.of[6].message;
	size_t n = encoded(m, bytes).n;
	cr_assert_eq(m->envelope.channel, BC_CHANNEL_TRADE);
	cr_assert_eq(bytes[n - 1], 0xa0); /* the empty id */
	cr_assert_eq(bytes[n - 7], 0x96); /* the body's header */
	cr_assert_leq(n + n_tail, sizeof bytes);
	bytes[n - 7] = (uint8_t)(0x90 | n_body);
	memcpy(bytes + n, tail, n_tail);
	return bc_message_decode((bc_str){ (char *)bytes, n + n_tail }, &got, levels, 1);
}

Test(codec, fields_of_a_newer_minor_version_are_skipped)
{
	cr_expect_eq(decode_with_tail("", 0, 6), BC_OK);
	cr_expect_eq(decode_with_tail("\x2a\xcb\x40\x09\x21\xfb\x54\x44\x2d\x18", 10, 8), BC_OK);
	cr_expect_eq(decode_with_tail("\x82\xa1"
				      "a\x93\x01\x02\x03\xc0\xc7\x02\x05zz",
				      13, 7),
		     BC_OK);
	cr_expect_eq(decode_with_tail("\x2a", 1, 6), BC_EPARSE, "bytes after the message");
	cr_expect_eq(decode_with_tail("\x2a", 1, 8), BC_EPARSE, "a field missing");
	cr_expect_eq(decode_with_tail("\xdd\xff\xff\xff\xff", 5, 7), BC_EPARSE);
	cr_expect_eq(decode_with_tail("\xc6\xff\xff\xff\xff", 5, 7), BC_EPARSE);
}

Test(codec, nesting_of_a_million_is_skipped_without_a_stack)
{
	static uint8_t deep[(1 << 20) + 1];
	memset(deep, 0x91, sizeof deep);
	deep[sizeof deep - 1] = 0xc0;
	cr_expect_eq(decode_with_tail(deep, sizeof deep, 7), BC_OK);
	cr_expect_eq(decode_with_tail(deep, sizeof deep - 1, 7), BC_EPARSE);
	memset(deep, 0xdd, sizeof deep);
	cr_expect_eq(decode_with_tail(deep, sizeof deep, 7), BC_EPARSE);
}

Test(codec, levels_that_do_not_fit_in_are_told)
{
	struct samples samples;
	samples_make(&samples);
	uint8_t out[CAP];
	bc_str bytes = encoded(&samples.of[0].message, out);
	for (size_t max = 0; max <= 6; max++) {
		struct bc_message got;
		bc_level levels[6];
		cr_expect_eq(bc_message_decode(bytes, &got, levels, max),
			     max < 5 ? BC_ERANGE : BC_OK, "%zu", max);
	}
}

Test(codec, a_channel_not_known_yet_is_told_apart_from_rubbish)
{
	struct samples samples;
	samples_make(&samples);
	uint8_t out[CAP];
	bc_str bytes = encoded(&samples.of[0].message, out);
	cr_assert_eq(out[3], BC_CHANNEL_BOOK);
	for (unsigned channel = BC_CHANNEL_DELTA; channel < 0x80; channel++) {
		struct bc_message got;
		bc_level levels[MAX_LEVELS];
		out[3] = (uint8_t)channel;
		cr_expect_eq(bc_message_decode(bytes, &got, levels, MAX_LEVELS), BC_ENOTFOUND);
		cr_expect_eq((unsigned)got.envelope.channel, channel);
		cr_expect_eq(got.envelope.seq, 1);
	}
}

/* Each changes one thing of a good message into what must not be published. */
static void spoil(struct bc_message *m, size_t how)
{
	static bc_level one[1];
	one[0] = (bc_level){ DEC(1, 0), DEC(1, 0) };
	m->body.book = (struct bc_book){ one, one, 1, 1 };
	switch (how) {
	case 0:
		one[0].price = BC_DECIMAL_NONE;
		break;
	case 1:
		one[0].quantity = BC_DECIMAL_NONE;
		break;
	case 2:
		one[0].price = (bc_decimal){ INT64_MIN, 0 };
		break;
	case 3:
		one[0].price.exponent = BC_EXPONENT_MAX + 1;
		break;
	case 4:
		one[0].quantity.exponent = BC_EXPONENT_MIN - 1;
		break;
	case 5:
		m->envelope.channel = BC_CHANNEL_DELTA;
		break;
	case 6:
		m->envelope.channel = (enum bc_channel)200;
		break;
	case 7:
		m->envelope.state = BC_N_STATES;
		break;
	case 8:
		m->envelope.reason = BC_N_REASONS;
		break;
	case 9:
		m->envelope.epoch = BC_EPOCH_MAX + 1;
		break;
	case 10:
		m->envelope.ts_recv.ns = BC_TIME_UNKNOWN;
		break;
	case 11:
		m->envelope.since.ns = BC_TIME_UNKNOWN;
		break;
	case 12:
		m->envelope.channel = BC_CHANNEL_TRADE;
		m->body.trade =
			(struct bc_trade){ DEC(1, 0), DEC(1, 0), BC_SIDE_BUY, BC_STR("\xff") };
		break;
	case 13:
		m->envelope.channel = BC_CHANNEL_TRADE;
		m->body.trade = (struct bc_trade){ DEC(1, 0), DEC(1, 0), BC_N_SIDES, BC_STR("") };
		break;
	default:
		cr_assert_fail("no such way");
	}
}

Test(codec, what_must_not_be_published_is_not_encoded)
{
	for (size_t how = 0; how < 14; how++) {
		struct samples samples;
		uint8_t out[CAP];
		size_t n = 0;
		samples_make(&samples);
		struct bc_message *m = &samples.of[0].message;
		spoil(m, how);
		cr_expect_eq(bc_message_encode(m, out, CAP, &n), BC_EINVAL, "way %zu", how);
		cr_expect_eq(n, 0);
	}
}

Test(codec, numbers_of_any_width_mean_the_same)
{
	/* 7 in every form msgpack has for it, as the trade's side would be. */
	static const struct {
		const char *bytes;
		size_t n;
	} sevens[] = {
		{ "\x07", 1 },
		{ "\xcc\x07", 2 },
		{ "\xcd\0\x07", 3 },
		{ "\xce\0\0\0\x07", 5 },
		{ "\xcf\0\0\0\0\0\0\0\x07", 9 },
		{ "\xd0\x07", 2 },
		{ "\xd1\0\x07", 3 },
		{ "\xd2\0\0\0\x07", 5 },
		{ "\xd3\0\0\0\0\0\0\0\x07", 9 },
	};
	for (size_t i = 0; i < COUNT(sevens); i++) {
		struct samples samples;
		uint8_t out[CAP];
		bc_level levels[MAX_LEVELS];
		struct bc_message got;
		samples_make(&samples);
		size_t n = encoded(&samples.of[0].message, out).n;
		/* The first number after the envelope's header is the channel; the second is the
		 * epoch of nine bytes; the third, seq, is one byte here. */
		const size_t at = 3 + 1 + 9;
		cr_assert_eq(out[at], 1);
		memmove(out + at + sevens[i].n, out + at + 1, n - at - 1);
		memcpy(out + at, sevens[i].bytes, sevens[i].n);
		bc_str bytes = { (char *)out, n - 1 + sevens[i].n };
		cr_expect_eq(bc_message_decode(bytes, &got, levels, MAX_LEVELS), BC_OK, "form %zu",
			     i);
		cr_expect_eq(got.envelope.seq, 7, "form %zu", i);
	}
}

static const bc_level *many_levels(void)
{
	static bc_level levels[40];
	for (int i = 0; i < 40; i++)
		levels[i] = (bc_level){ { 137000 + i, 3 }, { INT64_C(123456789) * (i + 1), -8 } };
	return levels;
}

static struct bc_message many_level_book(void)
{
	struct samples samples;
	samples_make(&samples);
	struct bc_message m = samples.of[0].message;
	m.body.book = (struct bc_book){ many_levels(), many_levels(), 40, 40 };
	return m;
}

Test(codec, nothing_is_written_past_a_buffer_that_ends_anywhere)
{
	struct guard_page g;
	uint8_t out[CAP];
	struct bc_message m = many_level_book();
	size_t need = encoded(&m, out).n, n;
	guard_page_open(&g, CAP);
	for (size_t cap = 0; cap < need; cap++) {
		uint8_t *p = (uint8_t *)guard_page_put(&g, out, cap);
		cr_expect_eq(bc_message_encode(&m, p, cap, &n), BC_ERANGE, "%zu", cap);
	}
	guard_page_close(&g);
}

Test(codec, a_count_is_believed_only_as_far_as_there_are_bytes)
{
	/* The bids' header becomes one of 2^31 - 2 numbers; the room is said to be endless. */
	static const uint8_t header[] = { 0xdd, 0x7f, 0xff, 0xff, 0xfe };
	struct samples samples;
	struct bc_message got;
	bc_level levels[MAX_LEVELS];
	uint8_t out[CAP];
	samples_make(&samples);
	size_t n = encoded(&samples.of[0].message, out).n;
	const uint8_t *bids = memmem(out, n, "\x94\x03\xf8\x96", 4);
	cr_assert_not_null(bids);
	memcpy(out + (bids - out) + 3, header, sizeof header);
	cr_expect_eq(bc_message_decode((bc_str){ (char *)out, n }, &got, levels, SIZE_MAX),
		     BC_EPARSE);
}

/* Exponents as they stand after the body's header. */
static void expect_exponents(const struct bc_book *book, int price, int quantity)
{
	uint8_t out[CAP];
	struct bc_message m = many_level_book();
	m.body.book = *book;
	size_t header = 0, n = encoded(&m, out).n;
	struct bc_message empty = m;
	empty.body.book.n_bids = empty.body.book.n_asks = 0;
	header = encoded(&empty, (uint8_t[CAP]){ 0 }).n - 4; /* two exponents, two empty sides */
	cr_assert_lt(header + 2, n);
	cr_expect_eq((int8_t)out[header], price);
	cr_expect_eq((int8_t)out[header + 1], quantity);
}

Test(codec, exponents_are_the_largest_that_keep_all_values_whole)
{
	const bc_level zero_first[] = { LEVEL(DEC(5, 3), DEC(0, 0)), LEVEL(DEC(4, 3), DEC(7, 2)) };
	const bc_level finer_last[] = { LEVEL(DEC(5, 3), DEC(7, 2)),
					LEVEL(DEC(41, 2), DEC(7, -8)) };
	const bc_level not_normal[] = { LEVEL(DEC(50, 2), DEC(7000, -3)),
					LEVEL(DEC(400, 1), DEC(90, 0)) };
	const bc_level all_zero[] = { LEVEL(DEC(0, 0), DEC(0, 0)), LEVEL(DEC(0, 0), DEC(0, 5)) };
	expect_exponents(&(struct bc_book){ zero_first, NULL, 2, 0 }, 3, 2);
	expect_exponents(&(struct bc_book){ finer_last, NULL, 2, 0 }, 2, -8);
	expect_exponents(&(struct bc_book){ finer_last, zero_first, 1, 2 }, 3, 2);
	expect_exponents(&(struct bc_book){ zero_first, finer_last, 2, 2 }, 2, -8);
	expect_exponents(&(struct bc_book){ not_normal, NULL, 2, 0 }, 3, 0);
	expect_exponents(&(struct bc_book){ NULL, all_zero, 0, 2 }, 0, 0);
}

/* Books out of changes come at the book's exponents, which may be finer than any of these levels
 * needs: the bytes are those of their normal form. */
Test(codec, however_fine_the_exponents_of_a_book_are_its_bytes_are_the_same)
{
	uint64_t seed = UINT64_C(88172645463325252);
	for (unsigned i = 0; i < 20000; i++) {
		bc_level fine[8], normal[8];
		uint8_t out[2][CAP];
		int32_t zeros[2], exponent[2];
		uint32_t n = i % 9;
		for (unsigned k = 0; k < 2; k++) {
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			zeros[k] = (int32_t)(seed >> 33) % 19;
			exponent[k] = (int32_t)(seed >> 40) % 40 - 20;
		}
		for (uint32_t k = 0; k < 2 * n; k++) {
			bc_decimal *d = k % 2 == 0 ? &fine[k / 2].price : &fine[k / 2].quantity;
			int64_t factor = 1;
			for (int32_t z = 0; z < zeros[k % 2]; z++)
				factor *= 10;
			seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
			int64_t most = INT64_MAX / factor, small = (int64_t)(seed >> 44) % 1000;
			*d = (bc_decimal){ (small < most ? small : most) * factor,
					   exponent[k % 2] };
		}
		for (uint32_t k = 0; k < n; k++)
			normal[k] = (bc_level){ bc_decimal_normal(fine[k].price),
						bc_decimal_normal(fine[k].quantity) };
		struct bc_message m = many_level_book();
		m.body.book = (struct bc_book){ fine, fine, n, n / 2 };
		bc_str a = encoded(&m, out[0]);
		m.body.book = (struct bc_book){ normal, normal, n, n / 2 };
		bc_str b = encoded(&m, out[1]);
		cr_assert(bc_str_equal(a, b), "book %u: %u levels, %d and %d zeros", i, n, zeros[0],
			  zeros[1]);
	}
}

Test(codec, a_value_whose_normal_form_is_out_of_bounds_is_refused)
{
	bc_level huge[MAX_LEVELS], levels[MAX_LEVELS];
	uint8_t out[CAP];
	struct bc_message got, m = many_level_book();
	for (size_t i = 0; i < MAX_LEVELS; i++)
		huge[i] = (bc_level){ { 1, BC_EXPONENT_MAX }, { 1, BC_EXPONENT_MAX } };
	m.body.book = (struct bc_book){ huge, huge, MAX_LEVELS, 0 };
	bc_str bytes = encoded(&m, out);
	uint8_t *end =
		out + bytes.n - 1; /* of the bids: empty asks follow, a byte a number before */
	cr_expect_eq(bc_message_decode(bytes, &got, levels, MAX_LEVELS), BC_OK);
	for (uint8_t *p = end - 2 * MAX_LEVELS; p < end; p++) {
		cr_assert_eq(*p, 1);
		*p = 10;
		cr_expect_eq(bc_message_decode(bytes, &got, levels, MAX_LEVELS), BC_ERANGE);
		*p = 1;
	}
}
