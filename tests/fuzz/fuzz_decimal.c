/* A number token is judged a second time, with text operations only: no arithmetic that could
 * share a mistake with the parser. Verdict and printed digits must be the same; and what is
 * printed parses to the same value. */
#include "proto/value.h"

#include <stdlib.h>
#include <string.h>

struct reference {
	const char *p, *end;
	char *digits; /* without leading zeros */
	size_t n_digits;
	int64_t exponent;
};

static size_t read_digits(struct reference *r)
{
	const char *first = r->p;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
		if (r->n_digits > 0 || *r->p != '0')
			r->digits[r->n_digits++] = *r->p;
	return (size_t)(r->p - first);
}

static bool read_power(struct reference *r)
{
	const char *first = ++r->p;
	int64_t power = 0;
	bool negative = r->p < r->end && *r->p == '-';
	if (r->p < r->end && (*r->p == '-' || *r->p == '+'))
		first = ++r->p;
	for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
		power = power > 1000000000 ? power : power * 10 + (*r->p - '0');
	r->exponent += negative ? -power : power;
	return r->p > first;
}

/* RFC 8259: number = [ "-" ] int [ frac ] [ exp ] */
static bool read_number(struct reference *r)
{
	if (r->p < r->end && *r->p == '-')
		r->p++;
	const char *whole = r->p;
	size_t n = read_digits(r);
	if (n == 0 || (n > 1 && *whole == '0'))
		return false;
	if (r->p < r->end && *r->p == '.') {
		r->p++;
		n = read_digits(r);
		r->exponent = -(int64_t)n;
		if (n == 0)
			return false;
	}
	if (r->p < r->end && (*r->p == 'e' || *r->p == 'E') && !read_power(r))
		return false;
	return r->p == r->end;
}

static bc_status reference_parse(struct reference *r)
{
	static const char most[] = "9223372036854775807";
	if (!read_number(r))
		return BC_EPARSE;
	for (; r->n_digits > 0 && r->digits[r->n_digits - 1] == '0'; r->n_digits--)
		r->exponent++;
	if (r->n_digits == 0)
		return BC_OK;
	if (r->n_digits > 19 || (r->n_digits == 19 && memcmp(r->digits, most, 19) > 0) ||
	    r->exponent < BC_EXPONENT_MIN || r->exponent > BC_EXPONENT_MAX)
		return BC_ERANGE;
	return BC_OK;
}

static void reference_text(const struct reference *r, bool negative, char *out)
{
	if (r->n_digits == 0) {
		strcpy(out, "0");
		return;
	}
	if (negative)
		*out++ = '-';
	int64_t whole = (int64_t)r->n_digits + r->exponent; /* digits before the dot */
	if (whole <= 0) {
		*out++ = '0';
		*out++ = '.';
	}
	for (int64_t i = whole < 0 ? whole : 0; i < (int64_t)r->n_digits || i < whole; i++) {
		if (i == whole && whole > 0)
			*out++ = '.';
		*out++ = (char)(i >= 0 && i < (int64_t)r->n_digits ? r->digits[i] : '0');
	}
	*out = '\0';
}

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void check_value(bc_decimal d, const char *want)
{
	char text[BC_DECIMAL_TEXT_MAX];
	bc_decimal again, sum;
	size_t n = bc_decimal_format(d, text);
	demand(n == strlen(text) && strcmp(text, want) == 0);
	demand(bc_decimal_parse(text, n, &again) == BC_OK);
	demand(again.mantissa == d.mantissa && again.exponent == d.exponent);
	demand(bc_decimal_compare(d, again) == 0);
	demand(bc_decimal_sub(d, again, &sum) == BC_OK && sum.mantissa == 0 && sum.exponent == 0);
	demand(bc_decimal_add(d, sum, &again) == BC_OK && bc_decimal_compare(again, d) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	char *digits = malloc(size + 1);
	char want[BC_DECIMAL_TEXT_MAX];
	struct reference r = { .p = text, .end = text + size, .digits = digits };
	bc_decimal d = { 42, 7 };
	demand(digits != NULL);
	bc_status expected = reference_parse(&r);
	demand(bc_decimal_parse(text, size, &d) == expected);
	if (expected == BC_OK) {
		reference_text(&r, size > 0 && *text == '-', want);
		check_value(d, want);
	} else {
		demand(d.mantissa == 42 && d.exponent == 7);
	}
	free(digits);
	return 0;
}
