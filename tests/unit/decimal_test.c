/* Decimals are exact from the exchange's digits to the subscriber: what does not fit is an error,
 * nothing is ever rounded. */
#include "proto/value.h"
#include "tests/support/guard_page.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool same(bc_decimal a, bc_decimal b)
{
	return a.mantissa == b.mantissa && a.exponent == b.exponent;
}

static bc_decimal dec(const char *text)
{
	bc_decimal d;
	cr_assert_eq(bc_decimal_parse(text, strlen(text), &d), BC_OK, "%s", text);
	return d;
}

static const struct {
	const char *token;
	bc_decimal value;
	const char *text;
} good[] = {
	{ "0", { 0, 0 }, "0" },
	{ "-0", { 0, 0 }, "0" },
	{ "0.000", { 0, 0 }, "0" },
	{ "0e999999", { 0, 0 }, "0" },
	{ "-0.0e-99999999999999999999999", { 0, 0 }, "0" },
	{ "1", { 1, 0 }, "1" },
	{ "-7", { -7, 0 }, "-7" },
	{ "10", { 1, 1 }, "10" },
	{ "127.0", { 127, 0 }, "127" },
	{ "1.16539E8", { 116539, 3 }, "116539000" },
	{ "7.9276E-4", { 79276, -8 }, "0.00079276" },
	{ "1e+5", { 1, 5 }, "100000" },
	{ "0.00077720", { 7772, -7 }, "0.0007772" },
	{ "104225000.0", { 104225, 3 }, "104225000" },
	{ "19699800600.2538100000000000", { INT64_C(1969980060025381), -5 }, "19699800600.25381" },
	{ "9223372036854775807", { INT64_MAX, 0 }, "9223372036854775807" },
	{ "-9223372036854775807", { -INT64_MAX, 0 }, "-9223372036854775807" },
	{ "0.9223372036854775807", { INT64_MAX, -19 }, "0.9223372036854775807" },
	{ "9999999999999999990", { INT64_C(999999999999999999), 1 }, "9999999999999999990" },
	{ "92233720368547758070000.00", { INT64_MAX, 4 }, "92233720368547758070000" },
	{ "0.00000000000000000000000000012345",
	  { 12345, -32 },
	  "0.00000000000000000000000000012345" },
	{ "12345678.12345678", { INT64_C(1234567812345678), -8 }, "12345678.12345678" },
	{ "1e64", { 1, 64 }, "10000000000000000000000000000000000000000000000000000000000000000" },
	{ "100e-66",
	  { 1, -64 },
	  "0.0000000000000000000000000000000000000000000000000000000000000001" },
	{ "100000000000000000000000000000000000000000000000000000000000000000000e-68",
	  { 1, 0 },
	  "1" },
};

Test(decimal, exact_value_and_plain_text_of_every_form)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < COUNT(good); i++) {
		char text[BC_DECIMAL_TEXT_MAX];
		bc_decimal d = BC_DECIMAL_NONE;
		size_t n = strlen(good[i].token);
		bc_status rc = bc_decimal_parse(guard_page_put(&g, good[i].token, n), n, &d);
		cr_expect_eq(rc, BC_OK, "%s: %s", good[i].token, bc_status_text(rc));
		cr_expect(same(d, good[i].value), "%s is %" PRId64 "e%d", good[i].token, d.mantissa,
			  d.exponent);
		n = bc_decimal_format(d, text);
		cr_expect_str_eq(text, good[i].text);
		cr_expect_eq(n, strlen(text));
	}
	guard_page_close(&g);
}

static const struct {
	const char *token;
	bc_status why;
} bad[] = {
	{ "", BC_EPARSE },
	{ "-", BC_EPARSE },
	{ "+1", BC_EPARSE },
	{ ".5", BC_EPARSE },
	{ "5.", BC_EPARSE },
	{ "-.5", BC_EPARSE },
	{ "01", BC_EPARSE },
	{ "00", BC_EPARSE },
	{ "-01.5", BC_EPARSE },
	{ "1e", BC_EPARSE },
	{ "1e+", BC_EPARSE },
	{ "1E-", BC_EPARSE },
	{ "1.e5", BC_EPARSE },
	{ "1.2.3", BC_EPARSE },
	{ "1e5.0", BC_EPARSE },
	{ "1 ", BC_EPARSE },
	{ " 1", BC_EPARSE },
	{ "1_000", BC_EPARSE },
	{ "0x10", BC_EPARSE },
	{ "NaN", BC_EPARSE },
	{ "Infinity", BC_EPARSE },
	{ "1,5", BC_EPARSE },
	{ "12345678a", BC_EPARSE },
	{ "1234567\xb0", BC_EPARSE },
	{ "1386929.37231066771348207123", BC_ERANGE },
	{ "1386929.37231066771348207123x", BC_EPARSE },
	{ "9223372036854775808", BC_ERANGE },
	{ "-9223372036854775808", BC_ERANGE },
	{ "18446744073709551616", BC_ERANGE },
	{ "18446744073709551617", BC_ERANGE },
	{ "36893488147419103233", BC_ERANGE },
	{ "10000000000000000000000000001", BC_ERANGE },
	{ "1e65", BC_ERANGE },
	{ "1e-65", BC_ERANGE },
	{ "1e-9999", BC_ERANGE },
	{ "1e99999999999999999999999999999999", BC_ERANGE },
};

Test(decimal, what_is_no_number_or_does_not_fit_is_told_apart)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < COUNT(bad); i++) {
		bc_decimal d = { 42, 7 };
		size_t n = strlen(bad[i].token);
		bc_status rc = bc_decimal_parse(guard_page_put(&g, bad[i].token, n), n, &d);
		cr_expect_eq(rc, bad[i].why, "%s: %s", bad[i].token, bc_status_text(rc));
		cr_expect(same(d, (bc_decimal){ 42, 7 }), "%s changed the result", bad[i].token);
	}
	guard_page_close(&g);
}

Test(decimal, any_number_of_digits_parses_as_its_digits_say)
{
	/* Every split of 1 to 19 digits between whole and fraction, so that each position of the
	 * eight-digit steps and of the token's end occurs. */
	const char digits[] = "1234567891234567891";
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t n = 1; n <= 19; n++) {
		int64_t want = 0;
		for (size_t i = 0; i < n; i++)
			want = want * 10 + (digits[i] - '0');
		if (n == 19)
			cr_assert_eq(want, INT64_C(1234567891234567891));
		for (size_t whole = 1; whole <= n; whole++) {
			char token[32];
			int length =
				snprintf(token, sizeof token, "%.*s%s%.*s", (int)whole, digits,
					 whole < n ? "." : "", (int)(n - whole), digits + whole);
			bc_decimal d;
			bc_status rc = bc_decimal_parse(guard_page_put(&g, token, (size_t)length),
							(size_t)length, &d);
			cr_expect_eq(rc, BC_OK, "%s", token);
			cr_expect(same(d, (bc_decimal){ want, -(int32_t)(n - whole) }), "%s",
				  token);
		}
	}
	guard_page_close(&g);
}

Test(decimal, a_token_of_a_megabyte_is_read_once_and_judged)
{
	size_t n = 1 << 20;
	char *token = malloc(n);
	cr_assert_not_null(token);
	bc_decimal d;
	memset(token, '0', n);
	token[1] = '.';
	cr_expect_eq(bc_decimal_parse(token, n, &d), BC_OK);
	cr_expect(same(d, (bc_decimal){ 0, 0 }));
	token[n - 1] = '1';
	cr_expect_eq(bc_decimal_parse(token, n, &d), BC_ERANGE);
	memset(token, '9', n);
	cr_expect_eq(bc_decimal_parse(token, n, &d), BC_ERANGE);
	free(token);
}

Test(decimal, unknown_prints_nothing)
{
	char text[BC_DECIMAL_TEXT_MAX] = "x";
	cr_expect_eq(bc_decimal_format(BC_DECIMAL_NONE, text), 0);
	cr_expect_str_eq(text, "");
	cr_expect_not(bc_decimal_known(BC_DECIMAL_NONE));
	cr_expect_not(bc_decimal_known(bc_decimal_normal(BC_DECIMAL_NONE)));
}

Test(decimal, the_longest_texts_fit)
{
	char text[BC_DECIMAL_TEXT_MAX];
	cr_expect_eq(bc_decimal_format((bc_decimal){ -INT64_MAX, BC_EXPONENT_MAX }, text), 84);
	cr_expect_eq(bc_decimal_format((bc_decimal){ -INT64_MAX, BC_EXPONENT_MIN }, text), 67);
	cr_expect_eq(bc_decimal_format((bc_decimal){ -1, BC_EXPONENT_MIN }, text), 67);
}

Test(decimal, not_normal_ones_print_and_compare_by_value)
{
	char text[BC_DECIMAL_TEXT_MAX];
	bc_decimal d = { 12000, -3 };
	bc_decimal_format(d, text);
	cr_expect_str_eq(text, "12");
	cr_expect(same(bc_decimal_normal(d), (bc_decimal){ 12, 0 }));
	cr_expect(same(bc_decimal_normal((bc_decimal){ 0, -5 }), (bc_decimal){ 0, 0 }));
	cr_expect_eq(bc_decimal_compare(d, (bc_decimal){ 12, 0 }), 0);
}

static const struct {
	const char *a, *b;
	int sign;
} ordered[] = {
	{ "1", "2", -1 },
	{ "-1", "-2", 1 },
	{ "-1", "1", -1 },
	{ "0", "-0.00000001", 1 },
	{ "0", "0.00000001", -1 },
	{ "1e64", "1e-64", 1 },
	{ "-1e64", "1e-64", -1 },
	{ "-1e64", "-1e-64", -1 },
	{ "9223372036854775807", "9223372036854775806", 1 },
	{ "9223372036854775807", "9.223372036854775807e18", 0 },
	{ "0.1", "0.10000000000000001", -1 },
	{ "92.23372036854775807", "92.2337203685477581", -1 },
	{ "10000000000000000000", "9223372036854775807", 1 },
	{ "9e18", "9000000000000000000", 0 },
	{ "1e19", "9223372036854775807", 1 },
	{ "1e20", "9223372036854775807", 1 },
};

Test(decimal, compares_by_value_across_all_exponents)
{
	for (size_t i = 0; i < COUNT(ordered); i++) {
		bc_decimal a = dec(ordered[i].a), b = dec(ordered[i].b);
		cr_expect_eq(bc_decimal_compare(a, b), ordered[i].sign, "%s ? %s", ordered[i].a,
			     ordered[i].b);
		cr_expect_eq(bc_decimal_compare(b, a), -ordered[i].sign, "%s ? %s", ordered[i].b,
			     ordered[i].a);
	}
}

static const struct {
	const char *value;
	int32_t exponent;
	bc_status status;
	int64_t mantissa;
} scaled[] = {
	{ "1.5", -8, BC_OK, 150000000 },
	{ "150", 1, BC_OK, 15 },
	{ "155", 1, BC_ERANGE, 0 },
	{ "0", 64, BC_OK, 0 },
	{ "-2e18", 0, BC_OK, INT64_C(-2000000000000000000) },
	{ "-2e18", -1, BC_ERANGE, 0 },
	{ "1e18", 0, BC_OK, INT64_C(1000000000000000000) },
	{ "1e19", 0, BC_ERANGE, 0 },
	{ "1e64", -64, BC_ERANGE, 0 },
	{ "1e-64", 64, BC_ERANGE, 0 },
};

Test(decimal, at_an_exponent_is_whole_or_refused)
{
	for (size_t i = 0; i < COUNT(scaled); i++) {
		int64_t m = 0;
		bc_status rc = bc_decimal_at(dec(scaled[i].value), scaled[i].exponent, &m);
		cr_expect_eq(rc, scaled[i].status, "%s at %d", scaled[i].value, scaled[i].exponent);
		cr_expect_eq(m, scaled[i].mantissa, "%s at %d", scaled[i].value,
			     scaled[i].exponent);
	}
	int64_t m;
	cr_expect_eq(bc_decimal_at(BC_DECIMAL_NONE, 0, &m), BC_EINVAL);
	cr_expect_eq(bc_decimal_at((bc_decimal){ INT64_C(1000000000000000000), -18 }, 0, &m),
		     BC_OK);
	cr_expect_eq(m, 1);
}

static const struct {
	const char *a, *b, *sum, *difference; /* NULL: does not fit */
} sums[] = {
	{ "1", "2", "3", "-1" },
	{ "0.1", "0.2", "0.3", "-0.1" },
	{ "1.5", "1.5", "3", "0" },
	{ "100000000", "0.00000001", "100000000.00000001", "99999999.99999999" },
	{ "0", "1e64", "1e64", "-1e64" },
	{ "1e-64", "0", "1e-64", "1e-64" },
	{ "1e20", "1e-5", NULL, NULL },
	{ "9223372036854775807", "1", NULL, "9223372036854775806" },
	{ "9223372036854775807", "3", "9223372036854775810", "9223372036854775804" },
	{ "9223372036854775807", "-9223372036854775807", "0", NULL },
	{ "1e19", "-9223372036854775807", "776627963145224193", NULL },
	{ "5e64", "5e64", NULL, "0" },
};

static void expect_result(bc_status rc, bc_decimal got, const char *want, size_t row)
{
	if (want == NULL) {
		cr_expect_eq(rc, BC_ERANGE, "row %zu", row);
		return;
	}
	cr_expect_eq(rc, BC_OK, "row %zu", row);
	cr_expect(same(got, dec(want)), "row %zu: %" PRId64 "e%d", row, got.mantissa, got.exponent);
}

Test(decimal, sums_and_differences_are_exact_or_refused)
{
	for (size_t i = 0; i < COUNT(sums); i++) {
		bc_decimal a = dec(sums[i].a), b = dec(sums[i].b), d = { 0, 0 };
		bc_status rc = bc_decimal_add(a, b, &d);
		expect_result(rc, d, sums[i].sum, i);
		rc = bc_decimal_add(b, a, &d);
		expect_result(rc, d, sums[i].sum, i);
		rc = bc_decimal_sub(a, b, &d);
		expect_result(rc, d, sums[i].difference, i);
	}
	bc_decimal d;
	cr_expect_eq(bc_decimal_add(BC_DECIMAL_NONE, dec("1"), &d), BC_EINVAL);
	cr_expect_eq(bc_decimal_sub(dec("1"), BC_DECIMAL_NONE, &d), BC_EINVAL);
}

static const struct {
	const char *bytes;
	size_t n;
	bool valid;
} texts[] = {
	{ "", 0, true },
	{ "KRW-BTC", 7, true },
	{ "a\0b", 3, true },
	{ "KRW-\xea\xb0\x80\xeb\x82\x98", 10, true },
	{ "\xf0\x9f\x9a\x80", 4, true },
	{ "\xf4\x8f\xbf\xbf", 4, true },
	{ "\x80", 1, false },
	{ "\xc0\x80", 2, false },
	{ "\xc1\xbf", 2, false },
	{ "\xe0\x80\x80", 3, false },
	{ "\xed\xa0\x80", 3, false },
	{ "\xf0\x8f\xbf\xbf", 4, false },
	{ "\xf4\x90\x80\x80", 4, false },
	{ "\xf5\x80\x80\x80", 4, false },
	{ "\xea\xb0", 2, false },
	{ "12345678\xea\xb0", 10, false },
	{ "1234567\xff", 8, false },
	{ "\xea\xb0\x41", 3, false },
};

Test(text, utf8_is_valid_or_not_and_never_read_past_its_end)
{
	struct guard_page g;
	guard_page_open(&g, 64);
	for (size_t i = 0; i < COUNT(texts); i++) {
		const char *p = guard_page_put(&g, texts[i].bytes, texts[i].n);
		cr_expect_eq(bc_utf8_valid(p, texts[i].n), texts[i].valid, "row %zu", i);
	}
	guard_page_close(&g);
}

Test(text, strings_compare_by_bytes_and_length)
{
	cr_expect(bc_str_equal(bc_str_of(NULL), BC_STR("")));
	cr_expect(bc_str_is(BC_STR("abc"), "abc"));
	cr_expect_not(bc_str_is(BC_STR("abc"), "abcd"));
	cr_expect_not(bc_str_equal(BC_STR("a\0b"), BC_STR("a\0c")));
	cr_expect(bc_str_starts(BC_STR("upbit.KRW"), BC_STR("upbit.")));
	cr_expect(bc_str_starts(BC_STR("x"), BC_STR("")));
	cr_expect_not(bc_str_starts(BC_STR("up"), BC_STR("upbit")));
}

Test(text, every_status_has_a_text)
{
	cr_expect_str_eq(bc_status_text(BC_OK), "ok");
	for (int i = 0; i <= BC_EBUS; i++)
		cr_expect_gt(strlen(bc_status_text((bc_status)i)), 1);
	cr_expect_str_eq(bc_status_text((bc_status)9999), "unknown status");
}
