/* json_fast.h - the parts of the JSON cursor that hot loops inline: names, plain strings and plain
 * numbers, taken at a pointer. They take only what exchanges usually write and say NULL to all
 * else, which is then left to json_reader.h; so they may be as narrow as they are fast.
 *
 * Digits are found 16 bytes at a time and read eight at a time, without a branch for each:
 * prices and quantities differ in length from one to the next, and a wrongly predicted branch costs
 * more than the digits. SSE2, which every x86-64 has, finds where a number ends, and that is what
 * the next one waits for; other machines do the same in 64-bit registers. Both are compiled and
 * tested to be equal. What was tried stands in docs/decisions/, "Frames in their usual spelling".
 *
 * Nothing here reads past `end`; near it the slower twin of each is used. */
#ifndef BC_JSON_FAST_H
#define BC_JSON_FAST_H

#include "proto/power_of_ten.h"
#include "proto/value.h"

#include <endian.h>
#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#if defined __AVX2__ && defined __BMI__ && defined __BMI2__
#define BC_JSON_WIDE 1 /* this file is compiled for processors of x86-64-v3 */
#else
#define BC_JSON_WIDE 0
#endif

#define BC_INLINE     static inline __attribute__((always_inline))
#define BC_USUAL(x)   __builtin_expect(!!(x), 1)
#define BC_UNUSUAL(x) __builtin_expect(!!(x), 0)

/* Eight bytes as a number, the first one lowest. */
BC_INLINE uint64_t bc_eight_at(const char *p)
{
	uint64_t eight;

	memcpy(&eight, p, sizeof eight);
	return le64toh(eight);
}

/* Does this processor run files that are compiled for x86-64-v3? */
static inline bool bc_json_is_wide(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
	       __builtin_cpu_supports("bmi2");
#else
	return false;
#endif
}

/* ------------------------------------------------------------------ names */

#define BC_JSON_NAME_MAX 31

struct bc_json_name { /* BC_JSON_NAME("type") is "type": with its quotes and colon */
	char quoted[BC_JSON_NAME_MAX + 1]; /* zeros behind, so that eight bytes may be loaded */
	uint8_t n;
};
#define BC_JSON_NAME(word)                                   \
	{                                                    \
		"\"" word "\":", sizeof("\"" word "\":") - 1 \
	}

/* Behind the name if exactly it stands at p and something follows it, else NULL. Where the name is
 * a constant this is two loads and compares. */
BC_INLINE const char *bc_json_name_at(const char *p, const char *end,
				      const struct bc_json_name *name)
{
	size_t n = name->n;

	if (BC_UNUSUAL(end - p < 32))
		return end - p > (ptrdiff_t)n && memcmp(p, name->quoted, n) == 0 ? p + n : NULL;
	if (n < 8)
		return (bc_eight_at(p) ^ bc_eight_at(name->quoted)) << (64 - 8 * n) == 0 ? p + n
											 : NULL;
	if (bc_eight_at(p) != bc_eight_at(name->quoted))
		return NULL;
	if (n > 16)
		return memcmp(p + 8, name->quoted + 8, n - 8) == 0 ? p + n : NULL;
	/* The last eight bytes; they may overlap the first. */
	return bc_eight_at(p + n - 8) == bc_eight_at(name->quoted + n - 8) ? p + n : NULL;
}

/* ------------------------------------------------------------------ sixteen bytes at once */

/* One bit a byte, the first one lowest: it is no digit. */
BC_INLINE uint32_t bc_json_others_portable(const char *p)
{
	uint32_t others = 0;

	for (unsigned i = 0; i < 2; i++) {
		uint64_t x = bc_eight_at(p + 8 * i) ^ UINT64_C(0x3030303030303030);
		x |= (x & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x7676767676767676);
		x = (x & UINT64_C(0x8080808080808080)) >> 7;
		others |= (uint32_t)(x * UINT64_C(0x0102040810204080) >> 56) << (8 * i);
	}
	return others;
}

/* How many bytes at p, up to 16, stand for themselves in a string: no quote, backslash, control
 * character, nor above ASCII. The carry of a borrow only spoils bytes after the first one. */
BC_INLINE unsigned bc_json_plain_bytes_portable(const char *p)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (unsigned i = 0; i < 2; i++) {
		uint64_t bytes = bc_eight_at(p + 8 * i), quote = bytes ^ ones * '"',
			 backslash = bytes ^ ones * '\\', special;
		special = ((bytes - ones * 0x20) | (quote - ones) | (backslash - ones) | bytes) &
			  ones * 0x80;
		if (special != 0)
			return 8 * i + ((unsigned)__builtin_ctzll(special) >> 3);
	}
	return 16;
}

#ifdef __x86_64__
BC_INLINE uint32_t bc_json_others(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	/* '0' to '9' become 118 to 127, the largest there are. */
	x = _mm_cmpgt_epi8(_mm_add_epi8(x, _mm_set1_epi8(127 - '9')),
			   _mm_set1_epi8(127 - '9' + '0' - 1));
	return (uint32_t)_mm_movemask_epi8(x) ^ 0xffff;
}

BC_INLINE unsigned bc_json_plain_bytes(const char *p)
{
	__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i special = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20)); /* above ASCII is below zero */
	special = _mm_or_si128(special, _mm_cmpeq_epi8(x, _mm_set1_epi8('"')));
	special = _mm_or_si128(special, _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
	return (unsigned)__builtin_ctz((unsigned)_mm_movemask_epi8(special) | 0x10000);
}
#else
BC_INLINE uint32_t bc_json_others(const char *p)
{
	return bc_json_others_portable(p);
}

BC_INLINE unsigned bc_json_plain_bytes(const char *p)
{
	return bc_json_plain_bytes_portable(p);
}
#endif

/* Behind the bytes at p that stand for themselves. */
BC_INLINE const char *bc_json_plain_text(const char *p, const char *end)
{
	while (BC_USUAL(end - p >= 16)) {
		unsigned n = bc_json_plain_bytes(p);
		p += n;
		if (n < 16)
			return p;
	}
	while (p < end && (unsigned char)*p >= 0x20 && *p != '"' && *p != '\\' &&
	       (unsigned char)*p < 0x80)
		p++;
	return p;
}

/* ------------------------------------------------------------------ numbers */

static const uint64_t bc_json_tens[9] = {
	1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000,
};

#define BC_DIGITS(eight) ((eight) ^ UINT64_C(0x3030303030303030))

/* The number that the first n of eight digits make, 1 <= n <= 8: moved up, zeros in front, then
 * added in pairs, pairs of pairs, and both halves. */
BC_INLINE uint64_t bc_digits_value(uint64_t digits, unsigned n)
{
	digits <<= 64 - 8 * n;
	digits = digits * 10 + (digits >> 8);
	return (((digits & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
		((digits >> 16 & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
	       32;
}

/* At most 15 digits as an integer, `zeros` of them zeros at its end, `part` of them behind the
 * point. Where zeros stand differs from one number to the next, and a quantity of 0 deletes, so
 * there is no branch on either: a shift and a multiplication divide what is a multiple of 10^zeros.
 * What `zeros` is of 0 does not matter. */
BC_INLINE void bc_json_decimal_of(uint64_t value, unsigned zeros, unsigned part, bc_decimal *out)
{
	zeros &= 15;
	out->mantissa = (int64_t)((value >> zeros) * bc_one_over_five[zeros]);
	out->exponent = ((int32_t)zeros - (int32_t)part) & -(int32_t)(value != 0);
}

/* Zeros at the end of n digits, the first one lowest; 8 where all are zero. Counted from the other
 * end, where every machine is fast. */
BC_INLINE unsigned bc_digits_zeros(uint64_t digits, unsigned n)
{
	uint64_t last_lowest = __builtin_bswap64(digits << (64 - 8 * n));

	return last_lowest == 0 ? 8 : (unsigned)__builtin_ctzll(last_lowest) >> 3;
}

/* Where the number at p ends; 0: it is none, or is not plain. `whole` digits, and `part` behind a
 * point. At most 15 bytes, which something else follows. */
struct bc_json_span {
	unsigned whole, part, end;
};

BC_INLINE struct bc_json_span bc_json_span_at(const char *p)
{
	uint32_t others = bc_json_others(p);
	struct bc_json_span span = { (unsigned)__builtin_ctz(others | 0x10000), 0, 0 };

	if (p[span.whole] == '.') {
		others >>= span.whole + 1;
		span.part = (unsigned)__builtin_ctz(others | 0x10000);
		if (BC_UNUSUAL(others == 0 || span.part == 0))
			return span;
		span.end = span.whole + 1 + span.part;
	} else {
		span.end = span.whole;
	}
	if (BC_UNUSUAL(span.whole - 1 > 14 || (*p == '0' && span.whole > 1)))
		span.end = 0;
	return span;
}

#define BC_JSON_ROOM       32 /* bytes that can be read at p, by the next functions */
#define BC_JSON_NUMBER_MAX 31 /* of them the longest number they take */

/* Those of more than 15 bytes, or more than 8 digits behind the point, up to 18 digits. */
const char *bc_json_long_in(const char *p, bc_decimal *out);

/* Reads a plain number: digits, and a point and digits if they are there; no sign, no exponent; at
 * most 15 digits of a whole number, 18 of another, up to 15 on either side of the point. *out is
 * the normal decimal. NULL: something else. What follows is the caller's to judge. */
BC_INLINE const char *bc_json_plain_portable(const char *p, bc_decimal *out)
{
	struct bc_json_span span = bc_json_span_at(p);
	uint64_t digits = BC_DIGITS(bc_eight_at(p)), value = 0;
	unsigned left = span.whole, zeros = 0, more;

	if (BC_UNUSUAL(span.end == 0 || span.part > 8))
		return bc_json_long_in(p, out);
	if (BC_UNUSUAL(left > 8)) {
		value = bc_digits_value(digits, 8);
		zeros = bc_digits_zeros(digits, 8);
		digits = BC_DIGITS(bc_eight_at(p + 8));
		left -= 8;
	}
	value = value * bc_json_tens[left] + bc_digits_value(digits, left);
	more = bc_digits_zeros(digits, left);
	zeros = more == 8 ? left + zeros : more;
	if (span.part > 0) {
		digits = BC_DIGITS(bc_eight_at(p + span.whole + 1));
		value = value * bc_json_tens[span.part] + bc_digits_value(digits, span.part);
		more = bc_digits_zeros(digits, span.part);
		zeros = more == 8 ? span.part + zeros : more;
	}
	bc_json_decimal_of(value, zeros, span.part, out);
	return p + span.end;
}

#if BC_JSON_WIDE
/* The same where the processor can shuffle bytes: the digits, without the point, move to the end of
 * a register of 16 bytes, and are added in pairs, fours and eights. */
BC_INLINE const char *bc_json_plain_in(const char *p, bc_decimal *out)
{
	/* Read from the n-th byte on: places n to the right; and one more for the last n. */
	static const uint8_t right[32] = {
		0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
		6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
	};
	static const uint8_t behind_point[32] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	};
	struct bc_json_span span = bc_json_span_at(p);
	__m128i digits, places, sums;
	uint64_t both;
	uint32_t other_than_0;

	if (BC_UNUSUAL(span.end == 0 || span.part > 8))
		return bc_json_long_in(p, out);
	places = _mm_loadu_si128((const __m128i *)(const void *)(right + span.whole + span.part));
	places = _mm_add_epi8(places, _mm_loadu_si128((const __m128i *)(const void *)(behind_point +
										      span.part)));
	digits = _mm_loadu_si128((const __m128i *)(const void *)p);
	digits = _mm_shuffle_epi8(_mm_sub_epi8(digits, _mm_set1_epi8('0')), places);
	other_than_0 =
		(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(digits, _mm_setzero_si128())) ^ 0xffff;
	sums = _mm_maddubs_epi16(digits, _mm_set1_epi16(10 + (1 << 8)));
	sums = _mm_madd_epi16(sums, _mm_set1_epi32(100 + (1 << 16)));
	sums = _mm_packus_epi32(sums, sums);
	sums = _mm_madd_epi16(sums, _mm_set1_epi32(10000 + (1 << 16)));
	both = (uint64_t)_mm_cvtsi128_si64(sums);
	bc_json_decimal_of((both & UINT32_MAX) * 100000000 + (both >> 32),
			   (unsigned)__builtin_clz(other_than_0 << 16 | 1), span.part, out);
	return p + span.end;
}
#else
BC_INLINE const char *bc_json_plain_in(const char *p, bc_decimal *out)
{
	return bc_json_plain_portable(p, out);
}
#endif

/* Without BC_JSON_ROOM; NULL also where nothing follows. */
const char *bc_json_plain_tail(const char *p, const char *end, bc_decimal *out);

BC_INLINE const char *bc_json_plain_at(const char *p, const char *end, bc_decimal *out)
{
	if (BC_UNUSUAL(end - p < BC_JSON_ROOM))
		return bc_json_plain_tail(p, end, out);
	return bc_json_plain_in(p, out);
}

/* Takes the exponent at q, an 'e', into a decimal that is normal. NULL: it is malformed, has more
 * than two digits, is out of bounds, or nothing follows. */
const char *bc_json_exponent_at(const char *q, const char *end, bc_decimal *d);

/* Reads up to 16 digits of a whole number without zeros in front. NULL as above. */
const char *bc_json_whole_tail(const char *p, const char *end, uint64_t *out);

BC_INLINE const char *bc_json_whole_in(const char *p, uint64_t *out)
{
	unsigned n = (unsigned)__builtin_ctz(bc_json_others(p) | 0x10000);

	if (n == 0 || *p == '0')
		return NULL;
	*out = bc_digits_value(BC_DIGITS(bc_eight_at(p)), n < 8 ? n : 8);
	if (n > 8)
		*out = *out * bc_json_tens[n - 8] +
		       bc_digits_value(BC_DIGITS(bc_eight_at(p + 8)), n - 8);
	return p + n;
}

BC_INLINE const char *bc_json_whole_at(const char *p, const char *end, uint64_t *out)
{
	if (BC_UNUSUAL(end - p < BC_JSON_ROOM))
		return bc_json_whole_tail(p, end, out);
	return bc_json_whole_in(p, out);
}

#endif
