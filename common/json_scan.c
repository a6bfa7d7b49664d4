/* json_scan.c - the rare parts of json_fast.h and json_scan.h: near the end of a text. */
#include "common/json_scan.h"

void bc_scan_fill(char *pad, const char *p, size_t n)
{
	memcpy(pad, p, n);
	memset(pad + n, 0, BC_SCAN_ROOM);
}

static uint64_t join(uint64_t value, const char *p, unsigned n)
{
	for (; n > 8; n -= 8, p += 8)
		value = value * bc_json_tens[8] + bc_digits_value(BC_DIGITS(bc_eight_at(p)), 8);
	return n == 0 ? value
		      : value * bc_json_tens[n] + bc_digits_value(BC_DIGITS(bc_eight_at(p)), n);
}

const char *bc_json_long_in(const char *p, bc_decimal *out)
{
	unsigned whole = (unsigned)__builtin_ctz(bc_json_others(p) | 0x10000), part, kept;
	uint64_t value;

	if (whole == 0 || whole > 15 || p[whole] != '.' || (*p == '0' && whole > 1))
		return NULL;
	part = kept = (unsigned)__builtin_ctz(bc_json_others(p + whole + 1) | 0x10000);
	if (part == 0 || part > 15)
		return NULL;
	while (kept > 0 && p[whole + kept] == '0')
		kept--;
	if (whole + kept > 18)
		return NULL;
	value = join(join(0, p, whole), p + whole + 1, kept);
	*out = (bc_decimal){ (int64_t)value, -(int32_t)kept };
	if (kept == 0)
		*out = bc_decimal_normal(*out);
	return p + whole + 1 + part;
}

/* What is left is copied in front of zeros. */
const char *bc_json_plain_tail(const char *p, const char *end, bc_decimal *out)
{
	char copy[2 * BC_JSON_ROOM] = { 0 };
	size_t n = (size_t)(end - p);
	const char *after;

	memcpy(copy, p, n);
	after = bc_json_plain_in(copy, out);
	return after != NULL && after < copy + n ? p + (after - copy) : NULL;
}

const char *bc_json_whole_tail(const char *p, const char *end, uint64_t *out)
{
	char copy[2 * BC_JSON_ROOM] = { 0 };
	size_t n = (size_t)(end - p);
	const char *after;

	memcpy(copy, p, n);
	after = bc_json_whole_in(copy, out);
	return after != NULL && after < copy + n ? p + (after - copy) : NULL;
}

const char *bc_json_exponent_at(const char *q, const char *end, bc_decimal *d)
{
	int32_t power = 0, sign = 1;
	unsigned n = 0;

	q++;
	if (q < end && (*q == '+' || *q == '-'))
		sign = *q++ == '-' ? -1 : 1;
	for (; q < end && (unsigned char)(*q - '0') < 10; q++, n++)
		if (n < 2)
			power = power * 10 + (*q - '0');
	if (q == end || n == 0 || n > 2)
		return NULL;
	if (d->mantissa == 0)
		return q;
	power = d->exponent + sign * power;
	if (power < BC_EXPONENT_MIN || power > BC_EXPONENT_MAX)
		return NULL;
	d->exponent = power;
	return q;
}

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && (unsigned char)(*p - '0') < 10)
		p++;
	return p;
}

const char *bc_json_skip_number(const char *p, const char *end)
{
	const char *q = skip_digits(p, end);

	if (q == p || (*p == '0' && q - p > 1))
		return NULL;
	if (q < end && *q == '.') {
		p = q + 1;
		q = skip_digits(p, end);
		if (q == p)
			return NULL;
	}
	if (q < end && (*q | 0x20) == 'e') {
		p = q + 1;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		q = skip_digits(p, end);
		if (q == p)
			return NULL;
	}
	return q < end ? q : NULL;
}
