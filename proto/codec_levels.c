/* codec_levels.c - the levels of a book in registers of 32 bytes; compiled for AVX2 where the
 * compiler can, called where the processor can. */
#include "proto/codec_levels.h"
#include "proto/msgpack_write.h"

#ifdef __AVX2__
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

_Static_assert(sizeof(bc_level) == 32 && sizeof(bc_decimal) == 16 &&
		       offsetof(bc_decimal, exponent) == 8,
	       "a level is a register: mantissa, exponent, mantissa, exponent");

#define N_POWERS 8
static const int32_t powers[N_POWERS] = { 1, 10, 100, 1000, 10000, 100000, 1000000, 10000000 };

/* ------------------------------------------------------------------ forms of a number */

/* What msgpack has for numbers from 0 on: a tag, but for the first form, then the number's low
 * bytes, the most significant one first. `places` tells which byte of the number stands where; it
 * has room before it, so that it can be loaded from where another number stands first. */
#define N_FORMS   5
#define N_HALF    16 /* bytes of half a register */
#define PRICE_MAX 5  /* bytes: a quantity may need nine, and both are in one half */
#define NO        0xff
#define SEVEN_NO  NO, NO, NO, NO, NO, NO, NO
#define PLACES(...)                                               \
	{                                                         \
		SEVEN_NO, SEVEN_NO, NO, NO, __VA_ARGS__, SEVEN_NO \
	}
static const struct form {
	int64_t least, most;
	uint64_t bytes, tag;
	uint8_t places[2 * N_HALF];
} forms[N_FORMS] = {
	{ 0, 0x7f, 1, 0, PLACES(0, NO, NO, NO, NO, NO, NO, NO, NO) },
	{ 0x80, 0xff, 2, 0xcc, PLACES(NO, 0, NO, NO, NO, NO, NO, NO, NO) },
	{ 0x100, 0xffff, 3, 0xcd, PLACES(NO, 1, 0, NO, NO, NO, NO, NO, NO) },
	{ 0x10000, 0xffffffff, 5, 0xce, PLACES(NO, 3, 2, 1, 0, NO, NO, NO, NO) },
	{ 0x100000000, INT64_MAX, 9, 0xcf, PLACES(NO, 7, 6, 5, 4, 3, 2, 1, 0) },
};

/* By the number of its highest bit that is set. */
static const uint8_t form_of_bit[64] = {
	0, 0, 0, 0, 0, 0, 0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3,
	3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
	4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4,
};

/* A guess, where the number does not fit: what is written will be looked at. */
static inline const struct form *guess_form(bc_decimal d, int32_t exponent)
{
	uint64_t value = (uint64_t)d.mantissa *
			 (uint32_t)powers[(uint32_t)(d.exponent - exponent) % N_POWERS];
	return &forms[form_of_bit[63 - __builtin_clzll(value | 1)]];
}

/* ------------------------------------------------------------------ two levels */

/* Halves of a register: prices and quantities. */
static inline __m256i halves(int64_t price, int64_t quantity)
{
	return _mm256_setr_epi64x(price, price, quantity, quantity);
}

/* What a level must be like, and how it is written. */
struct shape {
	__m256i exponents, least, most, places, tags;
	ptrdiff_t bytes;
	bool is_long; /* a constant where it is inlined */
};

static inline struct shape shape_of(const struct form *price, const struct form *quantity)
{
	__m128i behind =
		_mm_loadu_si128((const __m128i *)(quantity->places + N_HALF - price->bytes));
	__m128i first = _mm_loadu_si128((const __m128i *)(price->places + N_HALF));
	__m128i places = _mm_and_si128(first, _mm_or_si128(behind, _mm_set1_epi8(8)));
	uint64_t tags = price->tag | quantity->tag << 8 * price->bytes;
	return (struct shape){
		.least = halves(price->least, quantity->least),
		.most = halves(price->most, quantity->most),
		.places = _mm256_broadcastsi128_si256(places),
		.tags = _mm256_broadcastsi128_si256(_mm_cvtsi64_si128((int64_t)tags)),
		.bytes = (ptrdiff_t)(price->bytes + quantity->bytes),
	};
}

/* The values of four mantissas, and in *out what is no zero in its upper half where one is not from
 * the least to the most. All that fit have 32 bits: so must the mantissas. */
INLINE __m256i short_values(__m256i mantissas, __m256i power, const struct shape *s, __m256i *out)
{
	__m256i values = _mm256_mul_epu32(mantissas, power);
	*out = _mm256_or_si256(mantissas, _mm256_or_si256(_mm256_sub_epi64(values, s->least),
							  _mm256_sub_epi64(s->most, values)));
	return values;
}

/* The same where some have up to 62 bits: *out has the sign. */
INLINE __m256i long_values(__m256i mantissas, __m256i power, const struct shape *s, __m256i *out)
{
	const __m256i highest = _mm256_set1_epi64x((INT64_C(1) << 30) - 1);
	__m256i high = _mm256_mul_epu32(_mm256_srli_epi64(mantissas, 32), power);
	__m256i values =
		_mm256_add_epi64(_mm256_mul_epu32(mantissas, power), _mm256_slli_epi64(high, 32));
	*out = _mm256_or_si256(_mm256_sub_epi64(values, s->least),
			       _mm256_sub_epi64(s->most, values));
	*out = _mm256_or_si256(*out, _mm256_sub_epi64(highest, high));
	return values;
}

/* Makes of two levels what goes on the wire, a half each. false: one is not like that. */
INLINE bool pack_pair(const bc_level *one, const bc_level *two, const struct shape *s,
		      __m256i *wire)
{
	/* Of each number, below: digits that there is no power for. Above: see there. */
	const __m256i forbidden = _mm256_set1_epi64x(
		(s->is_long ? INT64_MIN : -(INT64_C(1) << 32)) | (UINT32_MAX - (N_POWERS - 1)));
	__m256i first = _mm256_loadu_si256((const __m256i *)one);
	__m256i second = _mm256_loadu_si256((const __m256i *)two);
	/* In this order: both prices, both quantities. */
	__m256i mantissas = _mm256_unpacklo_epi64(first, second);
	__m256i down = _mm256_sub_epi32(_mm256_unpackhi_epi64(first, second), s->exponents);
	__m256i power =
		_mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)powers), down);
	__m256i out, values = s->is_long ? long_values(mantissas, power, s, &out)
					 : short_values(mantissas, power, s, &out);
	if (!_mm256_testz_si256(_mm256_blend_epi32(down, out, 0xaa), forbidden))
		return false;
	values = _mm256_permute4x64_epi64(values, _MM_SHUFFLE(3, 1, 2, 0)); /* one, two */
	*wire = _mm256_or_si256(_mm256_shuffle_epi8(values, s->places), s->tags);
	return true;
}

INLINE uint8_t *put_side(uint8_t *p, const bc_level *levels, uint32_t n, const struct shape *s,
			 uint32_t *n_written)
{
	uint8_t *const start = p;
	const bc_level *level = levels, *const end = levels + n;
	__m256i wire;
	p = bc_put_array(p, 2 * n);
	for (; end - level >= 2 && pack_pair(level, level + 1, s, &wire); level += 2) {
		_mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(wire));
		_mm_storeu_si128((__m128i *)(p + s->bytes), _mm256_extracti128_si256(wire, 1));
		p += 2 * s->bytes;
	}
	if (end - level == 1 && pack_pair(level, level, s, &wire)) {
		_mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(wire));
		p += s->bytes;
		level++;
	}
	*n_written = (uint32_t)(level - levels);
	return level > levels ? p : start;
}

INLINE uint8_t *put_sides(uint8_t *p, const struct bc_book *book, const struct shape *s,
			  uint32_t *n_bids, uint32_t *n_asks)
{
	p = put_side(p, book->bids, book->n_bids, s, n_bids);
	return *n_bids == book->n_bids ? put_side(p, book->asks, book->n_asks, s, n_asks) : p;
}

uint8_t *bc_put_sides(uint8_t *p, const struct bc_book *book, int32_t price_exponent,
		      int32_t quantity_exponent, uint32_t *n_bids, uint32_t *n_asks)
{
	const struct form *price = guess_form(book->bids->price, price_exponent);
	const struct form *quantity = guess_form(book->bids->quantity, quantity_exponent);
	*n_bids = *n_asks = 0;
	if (price->bytes > PRICE_MAX)
		return p;
	struct shape s = shape_of(price, quantity);
	s.exponents = halves(price_exponent, quantity_exponent);
	if (quantity->bytes > PRICE_MAX) {
		s.is_long = true;
		return put_sides(p, book, &s, n_bids, n_asks);
	}
	s.is_long = false;
	return put_sides(p, book, &s, n_bids, n_asks);
}

#else

uint8_t *bc_put_sides(uint8_t *p, const struct bc_book *book, int32_t price_exponent,
		      int32_t quantity_exponent, uint32_t *n_bids, uint32_t *n_asks)
{
	(void)book, (void)price_exponent, (void)quantity_exponent;
	*n_bids = *n_asks = 0;
	return p;
}

#endif
