#include "proto/value.h"
#include "proto/power_of_ten.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

const char *bc_status_text(bc_status status)
{
	static const char *const texts[] = {
#define BC_STATUS_TEXT(name, text) [name] = text,
		BC_STATUS_ROWS(BC_STATUS_TEXT)
#undef BC_STATUS_TEXT
	};
	if ((size_t)status >= sizeof texts / sizeof *texts)
		return "unknown status";
	return texts[status];
}

/* ------------------------------------------------------------------ text */

bc_str bc_str_of(const char *text)
{
	return (bc_str){ text, text == NULL ? 0 : strlen(text) };
}

bool bc_str_equal(bc_str a, bc_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool bc_str_is(bc_str a, const char *text)
{
	return bc_str_equal(a, bc_str_of(text));
}

bool bc_str_starts(bc_str a, bc_str prefix)
{
	return a.n >= prefix.n && (prefix.n == 0 || memcmp(a.p, prefix.p, prefix.n) == 0);
}

/* Length of the UTF-8 sequence at p, 0 if there is none within `left` bytes (RFC 3629, section 4:
 * no overlong form, no surrogate, nothing above U+10FFFF). */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	unsigned char lead = p[0], low = 0x80, high = 0xbf; /* bounds of the second byte */
	size_t n;
	if (lead < 0x80)
		return 1;
	if (lead >= 0xc2 && lead <= 0xdf) {
		n = 2;
	} else if (lead >= 0xe0 && lead <= 0xef) {
		n = 3;
		low = lead == 0xe0 ? 0xa0 : 0x80;
		high = lead == 0xed ? 0x9f : 0xbf;
	} else if (lead >= 0xf0 && lead <= 0xf4) {
		n = 4;
		low = lead == 0xf0 ? 0x90 : 0x80;
		high = lead == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < n || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

/* Two words that a processor may take at once. */
typedef uint64_t pair __attribute__((vector_size(16)));

static inline pair pair_at(const unsigned char *p)
{
	pair two;
	memcpy(&two, p, sizeof two);
	return two;
}

static inline bool ascii_64(const unsigned char *p)
{
	const pair all = (pair_at(p) | pair_at(p + 16)) | (pair_at(p + 32) | pair_at(p + 48));
	return ((all[0] | all[1]) & UINT64_C(0x8080808080808080)) == 0;
}

static bool ascii_8(const unsigned char *p)
{
	uint64_t eight;
	memcpy(&eight, p, sizeof eight);
	return (eight & UINT64_C(0x8080808080808080)) == 0;
}

static bool ascii_rest(const unsigned char *p, size_t n) /* of less than 8 */
{
	uint64_t rest = 0;
	memcpy(&rest, p, n);
	return (rest & UINT64_C(0x8080808080808080)) == 0;
}

bool bc_utf8_valid(const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t i = 0;
	while (i < n) {
		while (n - i >= 64 && ascii_64(p + i))
			i += 64;
		while (n - i >= 8 && ascii_8(p + i))
			i += 8;
		if (n - i < 8 && ascii_rest(p + i, n - i))
			return true;
		size_t step = utf8_sequence(p + i, n - i);
		if (step == 0)
			return false;
		i += step;
	}
	return true;
}

/* ------------------------------------------------------------------ decimals: small parts */

const uint64_t bc_power_of_ten[BC_DIGITS_MAX + 1] = {
	UINT64_C(1),
	UINT64_C(10),
	UINT64_C(100),
	UINT64_C(1000),
	UINT64_C(10000),
	UINT64_C(100000),
	UINT64_C(1000000),
	UINT64_C(10000000),
	UINT64_C(100000000),
	UINT64_C(1000000000),
	UINT64_C(10000000000),
	UINT64_C(100000000000),
	UINT64_C(1000000000000),
	UINT64_C(10000000000000),
	UINT64_C(100000000000000),
	UINT64_C(1000000000000000),
	UINT64_C(10000000000000000),
	UINT64_C(100000000000000000),
	UINT64_C(1000000000000000000),
	UINT64_C(10000000000000000000),
};

const uint64_t bc_one_over_five[BC_DIGITS_MAX] = {
	UINT64_C(0x0000000000000001), UINT64_C(0xcccccccccccccccd), UINT64_C(0x8f5c28f5c28f5c29),
	UINT64_C(0x1cac083126e978d5), UINT64_C(0xd288ce703afb7e91), UINT64_C(0x5d4e8fb00bcbe61d),
	UINT64_C(0x790fb65668c26139), UINT64_C(0xe5032477ae8d46a5), UINT64_C(0xc767074b22e90e21),
	UINT64_C(0x8e47ce423a2e9c6d), UINT64_C(0x4fa7f60d3ed61f49), UINT64_C(0x0fee64690c913975),
	UINT64_C(0x3662e0e1cf503eb1), UINT64_C(0xa47a2cf9f6433fbd), UINT64_C(0x54186f653140a659),
	UINT64_C(0x7738164770402145), UINT64_C(0xe4a4d1417cd9a041), UINT64_C(0xc75429d9e5c5200d),
	UINT64_C(0xc1773b91fac10669),
};

const uint64_t bc_most_over_five[BC_DIGITS_MAX] = {
	UINT64_C(0xffffffffffffffff), UINT64_C(0x3333333333333333), UINT64_C(0x0a3d70a3d70a3d70),
	UINT64_C(0x020c49ba5e353f7c), UINT64_C(0x0068db8bac710cb2), UINT64_C(0x0014f8b588e368f0),
	UINT64_C(0x000431bde82d7b63), UINT64_C(0x0000d6bf94d5e57a), UINT64_C(0x00002af31dc46118),
	UINT64_C(0x0000089705f4136b), UINT64_C(0x000001b7cdfd9d7b), UINT64_C(0x00000057f5ff85e5),
	UINT64_C(0x000000119799812d), UINT64_C(0x0000000384b84d09), UINT64_C(0x00000000b424dc35),
	UINT64_C(0x0000000024075f3d), UINT64_C(0x000000000734aca5), UINT64_C(0x000000000170ef54),
	UINT64_C(0x000000000049c977),
};

static uint64_t magnitude_of(int64_t mantissa)
{
	return mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
}

/* Checks the bounds of a magnitude without trailing zeros and gives it its sign. */
static bc_status decimal_of(uint64_t magnitude, bool negative, int64_t exponent, bc_decimal *out)
{
	if (magnitude == 0) {
		*out = (bc_decimal){ 0, 0 };
		return BC_OK;
	}
	if (magnitude > INT64_MAX || exponent < BC_EXPONENT_MIN || exponent > BC_EXPONENT_MAX)
		return BC_ERANGE;
	int64_t mantissa = (int64_t)magnitude;
	*out = (bc_decimal){ negative ? -mantissa : mantissa, (int32_t)exponent };
	return BC_OK;
}

static uint64_t without_trailing_zeros(uint64_t magnitude, int64_t *exponent)
{
	while (magnitude != 0 && magnitude % 10 == 0) {
		magnitude /= 10;
		++*exponent;
	}
	return magnitude;
}

/* ------------------------------------------------------------------ decimals: parsing */

struct token {
	const char *start, *end;
	const char *p; /* what is not read yet */
};

static size_t token_left(const struct token *t)
{
	return (size_t)(t->end - t->p);
}

static bool token_has_digit(const struct token *t)
{
	return t->p < t->end && (unsigned char)(*t->p - '0') <= 9;
}

/* The next eight bytes, the first one lowest; zeros stand for what lies past the end. Near the
 * end of a token of eight bytes or more this reads the token's last eight and shifts. */
static uint64_t token_eight(const struct token *t)
{
	uint64_t eight = 0;
	size_t left = token_left(t);
	if (left >= sizeof eight) {
		memcpy(&eight, t->p, sizeof eight);
		return le64toh(eight);
	}
	if (left == 0)
		return 0;
	if (t->end - t->start >= (ptrdiff_t)sizeof eight) {
		memcpy(&eight, t->end - sizeof eight, sizeof eight);
		return le64toh(eight) >> (8 * (sizeof eight - left));
	}
	for (size_t i = 0; i < left; i++)
		eight |= (uint64_t)(unsigned char)t->p[i] << (8 * i);
	return eight;
}

/* Value of eight digits held one a byte (0 to 9), the most significant one lowest: neighbours are
 * joined to pairs, pairs to fours, fours to the whole. */
static uint64_t join_digits(uint64_t digits)
{
	digits = (digits * (1 + (UINT64_C(10) << 8))) >> 8 & UINT64_C(0x00ff00ff00ff00ff);
	digits = (digits * (1 + (UINT64_C(100) << 16))) >> 16 & UINT64_C(0x0000ffff0000ffff);
	return (digits * (1 + (UINT64_C(10000) << 32))) >> 32;
}

/* Reads the run of digits at the cursor into *sum (which wraps if they are too many: the caller
 * looks at the count) and returns how many they were. */
static size_t token_digits(struct token *t, uint64_t *sum)
{
	const char *first = t->p;
	for (;;) {
		uint64_t x = token_eight(t) ^ UINT64_C(0x3030303030303030);
		/* A byte that is no digit is above 9 now and sets its high bit here. */
		uint64_t strange =
			((x + UINT64_C(0x7676767676767676)) | x) & UINT64_C(0x8080808080808080);
		if (strange == 0) {
			*sum = *sum * 100000000 + join_digits(x);
			t->p += 8;
			continue;
		}
		unsigned n = (unsigned)__builtin_ctzll(strange) / 8;
		if (n > 0) { /* digits move up, zeros come in before them */
			*sum = *sum * bc_power_of_ten[n] + join_digits(x << (8 * (8 - n)));
			t->p += n;
		}
		return (size_t)(t->p - first);
	}
}

/* The power after 'e'. It stops growing far outside of what any token's digits could make good. */
static bc_status token_power(struct token *t, int64_t *power)
{
	const int64_t enough = INT64_C(1) << 56;
	bool negative = false;
	int64_t value = 0;
	if (t->p < t->end && (*t->p == '+' || *t->p == '-'))
		negative = *t->p++ == '-';
	if (!token_has_digit(t))
		return BC_EPARSE;
	for (; token_has_digit(t); t->p++)
		if (value < enough)
			value = value * 10 + (*t->p - '0');
	*power = negative ? -value : value;
	return BC_OK;
}

/* More digits than a uint64_t surely holds: they fit if zeros make up for it. Reads [p, end),
 * digits and one dot at most. *exponent grows by the zeros that end them. */
static bc_status long_magnitude(const char *p, const char *end, uint64_t *magnitude,
				int64_t *exponent)
{
	uint64_t sum = 0;
	size_t zeros = 0; /* seen since the last other digit */
	for (; p < end; p++) {
		if (*p == '.')
			continue;
		if (*p == '0') {
			zeros += sum != 0;
			continue;
		}
		if (sum != 0 && (zeros >= BC_DIGITS_MAX ||
				 __builtin_mul_overflow(sum, bc_power_of_ten[zeros + 1], &sum)))
			return BC_ERANGE;
		if (__builtin_add_overflow(sum, (uint64_t)(*p - '0'), &sum))
			return BC_ERANGE;
		zeros = 0;
	}
	*magnitude = sum;
	*exponent += (int64_t)zeros;
	return BC_OK;
}

bc_status bc_decimal_parse(const char *text, size_t n, bc_decimal *out)
{
	struct token t = { text, text + n, text };
	uint64_t magnitude = 0;
	int64_t exponent = 0;
	size_t n_digits;
	bool negative = n > 0 && *text == '-';
	t.p += negative;

	const char *first = t.p;
	bool zero = token_has_digit(&t) && *t.p == '0';
	n_digits = token_digits(&t, &magnitude);
	if (n_digits == 0 || (zero && n_digits > 1))
		return BC_EPARSE;
	if (t.p < t.end && *t.p == '.') {
		t.p++;
		size_t n_fraction = token_digits(&t, &magnitude);
		if (n_fraction == 0)
			return BC_EPARSE;
		n_digits += n_fraction;
		exponent = -(int64_t)n_fraction;
	}
	const char *last = t.p;
	if (t.p < t.end && (*t.p == 'e' || *t.p == 'E')) {
		int64_t power;
		t.p++;
		if (token_power(&t, &power) != BC_OK)
			return BC_EPARSE;
		exponent += power;
	}
	if (t.p != t.end)
		return BC_EPARSE;
	if (n_digits > BC_DIGITS_MAX && long_magnitude(first, last, &magnitude, &exponent) != BC_OK)
		return BC_ERANGE;
	magnitude = without_trailing_zeros(magnitude, &exponent);
	return decimal_of(magnitude, negative, exponent, out);
}

/* ------------------------------------------------------------------ decimals: the rest */

bc_decimal bc_decimal_normal(bc_decimal d)
{
	if (!bc_decimal_known(d))
		return BC_DECIMAL_NONE;
	if (d.mantissa == 0)
		return (bc_decimal){ 0, 0 };
	while (d.mantissa % 10 == 0) {
		d.mantissa /= 10;
		d.exponent++;
	}
	return d;
}

static char *put_zeros(char *p, size_t n)
{
	memset(p, '0', n);
	return p + n;
}

static char *put_bytes(char *p, const char *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

size_t bc_decimal_format(bc_decimal d, char *out)
{
	char digits[BC_DIGITS_MAX + 1];
	char *first = digits + sizeof digits, *p = out;
	if (!bc_decimal_known(d)) {
		*out = '\0';
		return 0;
	}
	d = bc_decimal_normal(d);
	assert(d.exponent >= BC_EXPONENT_MIN && d.exponent <= BC_EXPONENT_MAX + BC_DIGITS_MAX);

	uint64_t magnitude = magnitude_of(d.mantissa);
	do {
		*--first = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude != 0);
	size_t n = (size_t)(digits + sizeof digits - first);

	if (d.mantissa < 0)
		*p++ = '-';
	if (d.exponent >= 0) {
		p = put_bytes(p, first, n);
		p = put_zeros(p, (size_t)d.exponent);
	} else {
		size_t places = (size_t)-d.exponent;
		if (places < n) {
			p = put_bytes(p, first, n - places);
			*p++ = '.';
			p = put_bytes(p, first + n - places, places);
		} else {
			p = put_bytes(p, "0.", 2);
			p = put_zeros(p, places - n);
			p = put_bytes(p, first, n);
		}
	}
	*p = '\0';
	return (size_t)(p - out);
}

/* Compares two values above zero. */
static int compare_magnitudes(uint64_t a, int32_t a_exponent, uint64_t b, int32_t b_exponent)
{
	int64_t apart = (int64_t)a_exponent - b_exponent;
	if (apart > BC_DIGITS_MAX) /* a >= 10^20 units of b, and b's mantissa is below 2^64 */
		return 1;
	if (apart < -BC_DIGITS_MAX)
		return -1;
	unsigned __int128 x = a, y = b;
	if (apart > 0)
		x *= bc_power_of_ten[apart];
	else
		y *= bc_power_of_ten[-apart];
	return (x > y) - (x < y);
}

int bc_decimal_compare(bc_decimal a, bc_decimal b)
{
	if (a.exponent == b.exponent)
		return (a.mantissa > b.mantissa) - (a.mantissa < b.mantissa);
	int a_sign = (a.mantissa > 0) - (a.mantissa < 0);
	int b_sign = (b.mantissa > 0) - (b.mantissa < 0);
	if (a_sign != b_sign)
		return a_sign < b_sign ? -1 : 1;
	if (a_sign == 0)
		return 0;
	return a_sign * compare_magnitudes(magnitude_of(a.mantissa), a.exponent,
					   magnitude_of(b.mantissa), b.exponent);
}

bc_status bc_decimal_at(bc_decimal d, int32_t exponent, int64_t *mantissa)
{
	int64_t result;
	if (!bc_decimal_known(d))
		return BC_EINVAL;
	int64_t shift = (int64_t)d.exponent - exponent;
	if (d.mantissa == 0 || shift == 0) {
		*mantissa = d.mantissa;
		return BC_OK;
	}
	/* 10^19 does not fit in an int64_t: no mantissa is a multiple of it, none times it fits. */
	if (shift >= BC_DIGITS_MAX || shift <= -BC_DIGITS_MAX)
		return BC_ERANGE;
	int64_t factor = (int64_t)bc_power_of_ten[shift < 0 ? -shift : shift];
	if (shift < 0) {
		if (d.mantissa % factor != 0)
			return BC_ERANGE;
		result = d.mantissa / factor;
	} else if (__builtin_mul_overflow(d.mantissa, factor, &result)) {
		return BC_ERANGE;
	}
	*mantissa = result;
	return BC_OK;
}

static bc_status decimal_sum(bc_decimal a, __int128 sign, bc_decimal b, bc_decimal *out)
{
	if (!bc_decimal_known(a) || !bc_decimal_known(b))
		return BC_EINVAL;
	a = bc_decimal_normal(a);
	b = bc_decimal_normal(b);
	if (a.mantissa == 0)
		a.exponent = b.exponent;
	if (b.mantissa == 0)
		b.exponent = a.exponent;
	int64_t apart = (int64_t)a.exponent - b.exponent;
	/* The lower of two normal decimals keeps its last digit, so the sum keeps its exponent. */
	if (apart > BC_DIGITS_MAX || apart < -BC_DIGITS_MAX)
		return BC_ERANGE;
	__int128 x = a.mantissa, y = b.mantissa * sign;
	if (apart > 0)
		x *= bc_power_of_ten[apart];
	else
		y *= bc_power_of_ten[-apart];
	__int128 sum = x + y;
	bool negative = sum < 0;
	unsigned __int128 wide = (unsigned __int128)(negative ? -sum : sum);
	int64_t exponent = a.exponent < b.exponent ? a.exponent : b.exponent;
	if (wide > UINT64_MAX)
		return BC_ERANGE;
	uint64_t magnitude = without_trailing_zeros((uint64_t)wide, &exponent);
	return decimal_of(magnitude, negative, exponent, out);
}

bc_status bc_decimal_add(bc_decimal a, bc_decimal b, bc_decimal *out)
{
	return decimal_sum(a, 1, b, out);
}

bc_status bc_decimal_sub(bc_decimal a, bc_decimal b, bc_decimal *out)
{
	return decimal_sum(a, -1, b, out);
}
