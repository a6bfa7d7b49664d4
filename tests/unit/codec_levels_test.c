/* Books of levels that are much alike, with some that are not, beside an encoder by the
 * specification that knows no shortcut: whatever way a book takes through the codec, two levels at
 * a time, one at a time or with a check before each number, its bytes are these. */
#include "proto/codec.h"
#include "tests/support/guard_page.h"
#include "tests/support/plain_msgpack.h"
#include "tests/support/seeds.h"

#include <criterion/criterion.h>

enum { MOST = 70, OUT = 4096 };

/* ------------------------------------------------------------------ the specification */

static bc_decimal normal(bc_decimal d)
{
	if (d.mantissa == 0)
		return (bc_decimal){ 0, 0 };
	for (; d.mantissa % 10 == 0; d.exponent++)
		d.mantissa /= 10;
	return d;
}

/* The largest exponent at which all are whole. */
static int32_t exponent_of(const struct bc_book *book, bool of_prices)
{
	int32_t least = INT32_MAX;
	for (uint32_t i = 0; i < book->n_bids + book->n_asks; i++) {
		const bc_level *level =
			i < book->n_bids ? &book->bids[i] : &book->asks[i - book->n_bids];
		bc_decimal d = normal(of_prices ? level->price : level->quantity);
		if (d.mantissa != 0 && d.exponent < least)
			least = d.exponent;
	}
	return least == INT32_MAX ? 0 : least;
}

/* At the exponent, or with its own where that does not fit. */
static size_t plain_number(uint8_t *p, bc_decimal d, int32_t exponent)
{
	d = normal(d);
	int64_t value = d.mantissa;
	bool fits = true;
	for (int32_t e = exponent; fits && d.mantissa != 0 && e < d.exponent; e++)
		fits = !__builtin_mul_overflow(value, 10, &value);
	if (fits)
		return shortest(p, value);
	p[0] = 0x92;
	size_t n = 1 + shortest(p + 1, d.mantissa);
	return n + shortest(p + n, d.exponent);
}

static size_t plain_side(uint8_t *p, const bc_level *levels, uint32_t n, int32_t price,
			 int32_t quantity)
{
	size_t at = 2 * n < 16 ? put_plain(p, 0x90 + 2 * n, 0, 0) : put_plain(p, 0xdc, 2 * n, 2);
	for (uint32_t i = 0; i < n; i++) {
		at += plain_number(p + at, levels[i].price, price);
		at += plain_number(p + at, levels[i].quantity, quantity);
	}
	return at;
}

static size_t plain_body(uint8_t *p, const struct bc_book *book)
{
	int32_t price = exponent_of(book, true), quantity = exponent_of(book, false);
	size_t at = put_plain(p, 0x94, 0, 0);
	at += shortest(p + at, price);
	at += shortest(p + at, quantity);
	at += plain_side(p + at, book->bids, book->n_bids, price, quantity);
	return at + plain_side(p + at, book->asks, book->n_asks, price, quantity);
}

/* ------------------------------------------------------------------ books */

static uint64_t draw(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A number of about so many bits, sometimes just at a bound. */
static int64_t mantissa(uint64_t *seed, unsigned bits)
{
	static const int64_t bounds[] = { 0,
					  1,
					  0x7f,
					  0x80,
					  0xff,
					  0x100,
					  0xffff,
					  0x10000,
					  0xffffffff,
					  4294967296,
					  INT64_C(1) << 62,
					  INT64_MAX,
					  -1,
					  -70000,
					  -INT64_MAX };
	if (draw(seed) % 60 == 0)
		return bounds[draw(seed) % (sizeof bounds / sizeof *bounds)];
	return (int64_t)((UINT64_C(1) << (bits - 1)) | (draw(seed) >> (65 - bits) >> 1));
}

struct kind {
	unsigned bits; /* 1 to 62 */
	int32_t exponent;
	unsigned spread; /* by how much it may be coarser; one in fifty, finer */
	bool normal;
};

static struct kind draw_kind(uint64_t *seed)
{
	static const unsigned bits[] = { 3, 7, 8, 12, 16, 17, 20, 27, 31, 32, 33, 40, 62 };
	return (struct kind){ .bits = bits[draw(seed) % (sizeof bits / sizeof *bits)],
			      .exponent = (int32_t)(draw(seed) % 45) - 40,
			      .spread = draw(seed) % 3 == 0 ? 1 + (unsigned)(draw(seed) % 12) : 1,
			      .normal = draw(seed) % 2 == 0 };
}

static bc_decimal number(uint64_t *seed, const struct kind *kind)
{
	bc_decimal d = { mantissa(seed, kind->bits),
			 kind->exponent + (int32_t)(draw(seed) % kind->spread) };
	if (draw(seed) % 200 == 0)
		d.exponent--;
	return kind->normal ? bc_decimal_normal(d) : d;
}

static void draw_book(uint64_t *seed, struct bc_book *book, bc_level *levels)
{
	struct kind price = draw_kind(seed), quantity = draw_kind(seed);
	uint32_t n = (uint32_t)(draw(seed) % (MOST / 2 + 1));
	for (uint32_t i = 0; i < MOST; i++)
		levels[i] = (bc_level){ number(seed, &price), number(seed, &quantity) };
	*book = (struct bc_book){ levels, levels + n, n, draw(seed) % 4 == 0 ? 0 : n };
	if (draw(seed) % 4 == 0)
		book->n_asks = (uint32_t)(draw(seed) % (MOST / 2));
}

/* ------------------------------------------------------------------ comparing */

/* In a buffer of cap bytes that ends where memory ends. */
static bc_status encode(struct guard_page *page, const struct bc_message *m, size_t cap,
			const uint8_t **out, size_t *n)
{
	static const uint8_t zeros[OUT];
	uint8_t *buffer = (uint8_t *)guard_page_put(page, zeros, cap);
	*out = buffer;
	return bc_body_encode(m, buffer, cap, n);
}

static void compare(struct guard_page *page, const struct bc_message *m, uint64_t seed)
{
	uint8_t want[OUT];
	const uint8_t *out;
	const struct bc_book *book = &m->body.book;
	size_t n_want = plain_body(want, book), n;
	const size_t caps[] = { OUT, bc_message_bound(book->n_bids + book->n_asks, 0),
				n_want + 12 };

	for (size_t i = 0; i < sizeof caps / sizeof *caps; i++) {
		cr_assert_eq(encode(page, m, caps[i], &out, &n), BC_OK, "seed %llu, room for %zu",
			     (unsigned long long)seed, caps[i]);
		cr_assert(n == n_want && memcmp(out, want, n) == 0, "seed %llu, room for %zu",
			  (unsigned long long)seed, caps[i]);
	}
	cr_assert_eq(encode(page, m, n_want - 1, &out, &n), BC_ERANGE, "seed %llu",
		     (unsigned long long)seed);
}

Test(codec_levels, every_book_is_what_the_specification_says)
{
	bc_level levels[MOST];
	struct guard_page page;
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BOOK } };
	guard_page_open(&page, OUT);
	for (uint64_t seed = 1; seed <= seeds(20000); seed++) {
		uint64_t state = seed * UINT64_C(0x9e3779b97f4a7c15);
		draw_book(&state, &m.body.book, levels);
		compare(&page, &m, seed);
	}
	guard_page_close(&page);
}

/* What a level must not hold is refused behind any number of good ones. */
Test(codec_levels, what_cannot_be_written_is_refused_anywhere)
{
	bc_level levels[MOST];
	uint8_t out[OUT];
	size_t n;
	for (uint32_t bad = 0; bad < MOST; bad++)
		for (int in_quantity = 0; in_quantity < 2; in_quantity++) {
			for (uint32_t i = 0; i < MOST; i++)
				levels[i] = (bc_level){ { 70001 + i, -1 }, { 80001 + i, -3 } };
			*(in_quantity ? &levels[bad].quantity : &levels[bad].price) =
				BC_DECIMAL_NONE;
			struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BOOK } };
			m.body.book =
				(struct bc_book){ levels, levels + MOST / 2, MOST / 2, MOST / 2 };
			cr_assert_eq(bc_body_encode(&m, out, sizeof out, &n), BC_EINVAL, "%u, %d",
				     bad, in_quantity);
		}
}
