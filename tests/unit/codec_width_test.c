/* The same book in the numbers an encoder writes and in the widest ones: the decoder's fast paths
 * take the former alone. */
#include "proto/codec.h"
#include "tests/support/plain_msgpack.h"
#include "tests/support/same_envelope.h"

#include <criterion/criterion.h>

/* Every number of a message without strings as a signed one of 64 bits, which no fast path takes.
 */
static size_t widen(const uint8_t *in, size_t n, uint8_t *out)
{
	uint8_t *p = out;
	for (size_t i = 0; i < n;) {
		uint8_t tag = in[i++];
		uint64_t value = (uint64_t)(int64_t)(int8_t)tag; /* a fixint */
		unsigned bytes = 0;
		if ((tag & 0xf0) == 0x90 || tag == 0xc0 || tag == 0xdc) {
			*p++ = tag;
			for (unsigned k = 0; tag == 0xdc && k < 2; k++)
				*p++ = in[i++];
			continue;
		}
		if (tag >= 0xcc && tag <= 0xd3)
			bytes = 1u << (tag & 3);
		for (unsigned k = 0; k < bytes; k++)
			value = (k == 0 ? 0 : value << 8) | in[i++];
		if (tag >= 0xd0 && tag <= 0xd3) /* the sign */
			value = (uint64_t)((int64_t)(value << (64 - 8 * bytes)) >>
					   (64 - 8 * bytes));
		*p++ = 0xd3;
		for (int shift = 56; shift >= 0; shift -= 8)
			*p++ = (uint8_t)(value >> shift);
	}
	return (size_t)(p - out);
}

/* Quantities of every width, and negative ones; at each level another width may follow. */
static void make_widths(struct bc_message *m, bc_level *levels, uint32_t n, uint32_t seed)
{
	for (uint32_t i = 0; i < 2 * n; i++) {
		seed = seed * 1664525u + 1013904223u;
		int64_t price = 100000 + (int64_t)(seed % 100000) * 7 + 1;
		int64_t quantity = (int64_t)((uint64_t)seed * seed * 2u + 1) >> (seed >> 8) % 63;
		levels[i] = (bc_level){ { seed % 5 == 0 ? price % 60000 : price, -2 },
					{ quantity == 0 ? 1 : quantity, -8 } };
	}
	*m = (struct bc_message){ .envelope = { .channel = BC_CHANNEL_BOOK,
						.epoch = seed,
						.seq = seed >> seed % 30,
						.exchange_seq = seed % 3 == 0 ? BC_SEQ_NONE : seed,
						.ts_exchange = { seed % 2 == 0
									 ? BC_TIME_UNKNOWN
									 : (int64_t)seed << 20 },
						.ts_recv = { (int64_t)seed << 30 },
						.ts_publish = { seed % 7 == 0 ? -1 : 1 },
						.state = BC_STATE_QUIET,
						.reason = BC_REASON_GAP,
						.since = { seed },
						.flags = seed >> 16 } };
	m->body.book = (struct bc_book){ levels, levels + n, n, n };
}

Test(codec_width, short_and_wide_forms_of_a_book_mean_the_same)
{
	enum { MOST = 40 };
	bc_level levels[2 * MOST], short_levels[2 * MOST], wide_levels[2 * MOST];
	uint8_t bytes[4096], wide[8192];
	for (uint32_t i = 0; i < 2000; i++) {
		struct bc_message m, a, b;
		size_t n;
		make_widths(&m, levels, i % MOST, i * 7919);
		cr_assert_eq(bc_message_encode(&m, bytes, sizeof bytes, &n), BC_OK, "%u", i);
		size_t n_wide = widen(bytes, n, wide);
		cr_assert_eq(bc_message_decode((bc_str){ (char *)bytes, n }, &a, short_levels,
					       2 * MOST),
			     BC_OK, "%u", i);
		cr_assert_eq(bc_message_decode((bc_str){ (char *)wide, n_wide }, &b, wide_levels,
					       2 * MOST),
			     BC_OK, "%u", i);
		cr_assert(same_envelope(&a.envelope, &b.envelope), "%u", i);
		cr_assert(same_envelope(&m.envelope, &a.envelope), "%u", i);
		cr_assert_eq(a.body.book.n_bids, i % MOST);
		cr_assert_eq(b.body.book.n_asks, i % MOST);
		for (uint32_t k = 0; k < 2 * (i % MOST); k++) {
			cr_assert_eq(short_levels[k].price.mantissa, wide_levels[k].price.mantissa);
			cr_assert_eq(short_levels[k].quantity.mantissa,
				     wide_levels[k].quantity.mantissa);
			cr_assert_eq(bc_decimal_compare(levels[k].price, short_levels[k].price), 0);
			cr_assert_eq(bc_decimal_compare(levels[k].quantity,
							short_levels[k].quantity),
				     0);
		}
	}
}

/* ------------------------------------------------------------------ bounds of a width */

/* What is written of d where the book's exponent is 0: an integer, or the two if it does not fit.
 */
static size_t written(uint8_t *p, bc_decimal d)
{
	int64_t value;
	if (!__builtin_mul_overflow(d.mantissa, d.exponent == 0 ? 1 : 10, &value))
		return shortest(p, value);
	p[0] = 0x92;
	p[1 + shortest(p + 1, d.mantissa)] = (uint8_t)d.exponent;
	return 2 + shortest(p + 1, d.mantissa);
}

static void expect_written(bc_level level)
{
	const bc_level levels[] = { { { 1, 0 }, { 1, 0 } }, level, { { 3, 0 }, { 70001, 0 } } };
	struct bc_message m;
	uint8_t out[512], want[64] = { 0x94, 0, 0, 0x96, 1, 1 };
	size_t n_out, n = 6;
	make_widths(&m, NULL, 0, 1);
	m.body.book = (struct bc_book){ levels, NULL, 3, 0 };
	n += written(want + n, level.price);
	n += written(want + n, level.quantity);
	memcpy(want + n, "\x03\xce\x00\x01\x11\x71\x90", 7);
	n += 7;
	cr_assert_eq(bc_message_encode(&m, out, sizeof out, &n_out), BC_OK);
	cr_assert(n_out > n && memcmp(out + n_out - n, want, n) == 0, "%lld e%d, %lld e%d",
		  (long long)level.price.mantissa, level.price.exponent,
		  (long long)level.quantity.mantissa, level.quantity.exponent);
}

/* Every pair of them as price and quantity, at the book's exponent and a digit above it. */
Test(codec_width, each_number_of_a_level_takes_its_shortest_form)
{
	bc_decimal values[128];
	size_t n = 0;
	for (int bits = 0; bits < 64; bits++) {
		if (bits != 0 && bits != 5 && bits != 7 && bits != 8 && bits != 15 && bits != 16 &&
		    bits != 31 && bits != 32 && bits != 63)
			continue;
		int64_t most = (int64_t)((UINT64_C(1) << bits) - 1), least = -most - (bits < 63);
		int64_t above = most + (bits < 63), below = least - (bits < 63);
		values[n++] = (bc_decimal){ most, 0 };
		values[n++] = (bc_decimal){ above, 0 };
		values[n++] = (bc_decimal){ least, 0 };
		values[n++] = (bc_decimal){ below, 0 };
		values[n++] = (bc_decimal){ most / 10, 1 };
		values[n++] = (bc_decimal){ most / 10 + 1, 1 };
		values[n++] = (bc_decimal){ above / 10 * 10 + 1, 1 };
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			expect_written((bc_level){ values[i], values[k] });
}

/* ------------------------------------------------------------------ bounds of the envelope */

/* Bounds of all forms, and what no time or number is without being refused. */
static int64_t bound(uint32_t *seed)
{
	static const int64_t bounds[] = { 0,          1,          0x7f,          0x80,
					  0xff,       0x100,      0xffff,        0x10000,
					  0xffffffff, 4294967296, BC_EPOCH_MAX,  -1,
					  -32,        -33,        INT64_MIN + 1, INT64_MAX };
	*seed = *seed * 1664525u + 1013904223u;
	/* Half of them as they mostly are. */
	if (*seed >> 31 != 0)
		return INT64_C(1790134742106000000) + *seed;
	return bounds[(*seed >> 20) % (sizeof bounds / sizeof *bounds)];
}

static size_t plain_head(uint8_t *p, const struct bc_envelope *e)
{
	const int64_t before[] = { e->channel, (int64_t)e->epoch, (int64_t)e->seq };
	const int64_t behind[] = { e->ts_recv.ns, e->ts_publish.ns, e->state,
				   e->reason,     e->since.ns,      e->flags };
	static const uint8_t head[] = { 0x93, 0x01, 0x9b };
	size_t n = sizeof head;
	memcpy(p, head, sizeof head);
	for (size_t i = 0; i < 3; i++)
		n += shortest(p + n, before[i]);
	n += e->exchange_seq == BC_SEQ_NONE ? put_plain(p + n, 0xc0, 0, 0)
					    : shortest(p + n, (int64_t)e->exchange_seq);
	n += bc_wall_known(e->ts_exchange) ? shortest(p + n, e->ts_exchange.ns)
					   : put_plain(p + n, 0xc0, 0, 0);
	for (size_t i = 0; i < 6; i++)
		n += shortest(p + n, behind[i]);
	return n;
}

Test(codec_width, each_number_of_the_envelope_takes_its_shortest_form)
{
	uint32_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		uint8_t out[128], want[128];
		size_t n;
		struct bc_envelope e = {
			.channel = BC_CHANNEL_TRADE,
			.epoch = (uint64_t)bound(&seed) & BC_EPOCH_MAX,
			.seq = (uint64_t)bound(&seed) & INT64_MAX,
			.exchange_seq = (uint64_t)bound(&seed) & INT64_MAX,
			.ts_exchange = { i % 5 == 0 ? BC_TIME_UNKNOWN : bound(&seed) },
			.ts_recv = { bound(&seed) },
			.ts_publish = { bound(&seed) },
			.state = (enum bc_state)(i % BC_N_STATES),
			.reason = (enum bc_reason)(i % BC_N_REASONS),
			.since = { bound(&seed) },
			.flags = i % 3 == 0 ? 1 : (uint32_t)bound(&seed),
		};
		if (i % 7 == 0)
			e.exchange_seq = BC_SEQ_NONE;
		size_t n_want = plain_head(want, &e);
		cr_assert_eq(bc_head_encode(&e, out, sizeof out, &n), BC_OK, "%d", i);
		cr_assert(n == n_want && memcmp(out, want, n) == 0, "%d", i);
		cr_assert_eq(bc_head_encode(&e, out, n - 1, &n), BC_ERANGE, "%d", i);
	}
}

/* An empty book whose envelope has these eleven numbers, 64 bits each. */
static size_t with_numbers(const uint64_t numbers[11], uint8_t *out)
{
	static const uint8_t body[] = { 0x94, 0, 0, 0x90, 0x90 };
	uint8_t *p = out;
	*p++ = 0x93;
	*p++ = 1;
	*p++ = 0x9b;
	for (int i = 0; i < 11; i++) {
		*p++ = 0xcf;
		for (int shift = 56; shift >= 0; shift -= 8)
			*p++ = (uint8_t)(numbers[i] >> shift);
	}
	memcpy(p, body, sizeof body);
	return (size_t)(p - out) + sizeof body;
}

Test(codec_width, numbers_of_the_envelope_have_their_bounds)
{
	enum { CHANNEL, EPOCH, SEQ, EXCHANGE_SEQ, TS_EXCHANGE, TS_RECV, STATE = 7, FLAGS = 10 };
	static const struct {
		int field;
		uint64_t value;
		bc_status want;
	} rows[] = {
		{ CHANNEL, 256, BC_ERANGE },
		{ EPOCH, BC_EPOCH_MAX, BC_OK },
		{ EPOCH, BC_EPOCH_MAX + 1, BC_ERANGE },
		{ SEQ, UINT64_MAX, BC_OK },
		{ EXCHANGE_SEQ, UINT64_MAX - 1, BC_OK },
		{ EXCHANGE_SEQ, UINT64_MAX, BC_ERANGE },
		{ TS_EXCHANGE, INT64_MAX, BC_OK },
		{ TS_RECV, UINT64_C(1) << 63, BC_ERANGE },
		{ STATE, 255, BC_OK },
		{ STATE, 256, BC_ERANGE },
		{ FLAGS, UINT32_MAX, BC_OK },
		{ FLAGS, UINT64_C(1) << 32, BC_ERANGE },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t numbers[11] = { 0, 1, 2, 3, 4, 5, 6, 0, 0, 7, 8 };
		uint8_t bytes[256];
		struct bc_message m;
		numbers[rows[i].field] = rows[i].value;
		size_t n = with_numbers(numbers, bytes);
		cr_expect_eq(bc_message_decode((bc_str){ (char *)bytes, n }, &m, NULL, 0),
			     rows[i].want, "row %zu", i);
		if (rows[i].field == SEQ)
			cr_expect_eq(m.envelope.seq, rows[i].value);
		if (rows[i].field == EXCHANGE_SEQ && rows[i].want == BC_OK)
			cr_expect_eq(m.envelope.exchange_seq, rows[i].value);
	}
}
