/* Text for people: what is cut, escaped or guessed wrong here misleads whoever reads it at night.
 */
#include "common/text.h"

#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

Test(text, a_builder_cuts_and_says_so)
{
	char room[8];
	struct bc_text t = bc_text_on(room, sizeof room);
	bc_text_add(&t, BC_STR("abc"));
	bc_text_addf(&t, "%d", 1234);
	cr_expect_str_eq(room, "abc1234");
	cr_expect_not(t.cut);
	bc_text_addf(&t, "%d", 5);
	cr_expect(t.cut);
	cr_expect_str_eq(room, "abc1234");
	t = bc_text_on(room, sizeof room);
	bc_text_add(&t, BC_STR("abcdefgh"));
	cr_expect(t.cut);
	cr_expect_str_eq(room, "abcdefg");
	cr_expect_eq(t.n, 7);
}

static const struct {
	const char *bytes;
	size_t n, max;
	const char *want;
} escapes[] = {
	{ "plain", 5, 99, "plain" },
	{ "a\nb\r\tc", 6, 99, "a\\nb\\r\\tc" },
	{ "say \"hi\\\"", 9, 99, "say \\\"hi\\\\\\\"" },
	{ "nul\0in", 6, 99, "nul\\x00in" },
	{ "\x1b[31mred", 8, 99, "\\x1b[31mred" },
	{ "\xed\x95\x9c", 3, 99, "\xed\x95\x9c" },
	{ "cut \xed\x95", 6, 99, "cut \\xed\\x95" },
	{ "\xff\x80", 2, 99, "\\xff\\x80" },
	{ "c1 \xc2\x9b", 5, 99, "c1 \\xc2\\x9b" },
	{ "\xf5\x80\x80\x80", 4, 99, "\\xf5\\x80\\x80\\x80" },
	{ "abcdef", 6, 3, "abc..." },
	{ "a\xed\x95\x9c", 4, 3, "a..." },
	{ "\x7f", 1, 99, "\\x7f" },
};

Test(text, foreign_bytes_become_harmless)
{
	for (size_t i = 0; i < COUNT(escapes); i++) {
		char room[128];
		struct bc_text t = bc_text_on(room, sizeof room);
		bc_text_add_escaped(&t, (bc_str){ escapes[i].bytes, escapes[i].n }, escapes[i].max);
		cr_expect_str_eq(room, escapes[i].want);
	}
}

static const struct {
	const char *text;
	bc_status status;
	int64_t ns;
} durations[] = {
	{ "500ms", BC_OK, 500 * BC_NS_PER_MS },
	{ "5s", BC_OK, 5 * BC_NS_PER_S },
	{ "1.5s", BC_OK, 1500 * BC_NS_PER_MS },
	{ "10m", BC_OK, 600 * BC_NS_PER_S },
	{ "1h", BC_OK, 3600 * BC_NS_PER_S },
	{ "0.5d", BC_OK, 43200 * BC_NS_PER_S },
	{ "250us", BC_OK, 250 * BC_NS_PER_US },
	{ "0s", BC_OK, 0 },
	{ "7ns", BC_OK, 7 },
	{ "1.50000000000000000000000s", BC_OK, 1500 * BC_NS_PER_MS },
	{ "106751d", BC_OK, INT64_C(106751) * 86400 * BC_NS_PER_S },
	{ "106752d", BC_ERANGE, 0 },
	{ "9223372036854775807ns", BC_OK, INT64_MAX },
	{ "9223372036854775808ns", BC_ERANGE, 0 },
	{ "1.5ns", BC_ERANGE, 0 },
	{ "0.0000000000000000000001s", BC_ERANGE, 0 },
	{ "5", BC_EPARSE, 0 },
	{ "", BC_EPARSE, 0 },
	{ "s", BC_EPARSE, 0 },
	{ "5 s", BC_EPARSE, 0 },
	{ "-5s", BC_EPARSE, 0 },
	{ ".5s", BC_EPARSE, 0 },
	{ "5.s", BC_EPARSE, 0 },
	{ "1.2.3s", BC_EPARSE, 0 },
	{ "5S", BC_EPARSE, 0 },
	{ "5sec", BC_EPARSE, 0 },
};

Test(text, durations_are_exact_or_refused)
{
	for (size_t i = 0; i < COUNT(durations); i++) {
		int64_t ns = 0;
		cr_expect_eq(bc_duration_parse(bc_str_of(durations[i].text), &ns),
			     durations[i].status, "%s", durations[i].text);
		if (durations[i].status == BC_OK)
			cr_expect_eq(ns, durations[i].ns, "%s", durations[i].text);
	}
}

static const struct {
	int64_t ns;
	const char *exact, *rounded;
} printed[] = {
	{ 0, "0s", "0s" },
	{ 999, "999ns", "999ns" },
	{ 1500, "1500ns", "1.5us" },
	{ 12345678, "12345678ns", "12.3ms" },
	{ 500 * BC_NS_PER_MS, "500ms", "500ms" },
	{ 999999999, "999999999ns", "999ms" },
	{ BC_NS_PER_S, "1s", "1s" },
	{ 4019 * BC_NS_PER_MS, "4019ms", "4.01s" },
	{ 1050 * BC_NS_PER_MS, "1050ms", "1.05s" },
	{ 192 * BC_NS_PER_S, "192s", "3m12s" },
	{ 600 * BC_NS_PER_S, "10m", "10m" },
	{ 3600 * BC_NS_PER_S, "1h", "1h" },
	{ 86400 * BC_NS_PER_S, "24h", "1d" },
	{ 187200 * BC_NS_PER_S, "52h", "2d4h" },
	{ -1500 * BC_NS_PER_MS, "-1500ms", "-1.5s" },
};

Test(text, durations_print_exactly_for_settings_and_short_for_people)
{
	for (size_t i = 0; i < COUNT(printed); i++) {
		char text[BC_DURATION_TEXT_MAX];
		int64_t back = -1;
		size_t n = bc_duration_format(printed[i].ns, text);
		cr_expect_str_eq(text, printed[i].exact);
		if (printed[i].ns >= 0) {
			cr_expect_eq(bc_duration_parse((bc_str){ text, n }, &back), BC_OK);
			cr_expect_eq(back, printed[i].ns);
		}
		bc_duration_round(printed[i].ns, text);
		cr_expect_str_eq(text, printed[i].rounded);
	}
	char text[BC_DURATION_TEXT_MAX];
	cr_expect_lt(bc_duration_format(INT64_MIN, text), sizeof text);
	cr_expect_lt(bc_duration_round(INT64_MIN, text), sizeof text);
}

Test(text, the_nearest_word_is_named_only_when_it_is_near)
{
	static const char *const known[] = { "symbols", "channels", "book.levels", "log.level",
					     "feed.silent_after" };
	static const struct {
		const char *word, *want;
	} rows[] = {
		{ "symbol", "symbols" },
		{ "sybmols", "symbols" },
		{ "chanels", "channels" },
		{ "book.level", "book.levels" },
		{ "levels", "book.levels" },
		{ "silent_after", "feed.silent_after" },
		{ "log.lvel", "log.level" },
		{ "xyz", NULL },
		{ "", NULL },
		{ "completely-else", NULL },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = bc_text_nearest(rows[i].word, known, COUNT(known));
		if (rows[i].want == NULL)
			cr_expect_null(got, "%s gave %s", rows[i].word, got);
		else
			cr_expect(got != NULL && strcmp(got, rows[i].want) == 0, "%s gave %s",
				  rows[i].word, got);
	}
	char longest[300];
	memset(longest, 'x', sizeof longest);
	longest[299] = '\0';
	cr_expect_null(bc_text_nearest(longest, known, COUNT(known)));
}

Test(text, integers_are_what_printf_makes_of_them)
{
	static const int64_t more[] = { 0, -1, INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_MAX - 1 };
	char got[32], want[32];
	for (int64_t power = 1; power < INT64_MAX / 10; power *= 10)
		for (int64_t k = 1; k < 100; k++)
			for (int64_t off = -1; off <= 1; off++) {
				if (k > INT64_MAX / power - 1)
					continue;
				int64_t n = k * power + off;
				struct bc_text t = bc_text_on(got, sizeof got);
				bc_text_add_int(&t, n % 2 ? n : -n);
				snprintf(want, sizeof want, "%lld", (long long)(n % 2 ? n : -n));
				cr_assert_str_eq(got, want);
				cr_assert_eq(t.n, strlen(want));
			}
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		struct bc_text t = bc_text_on(got, sizeof got);
		bc_text_add_int(&t, more[i]);
		snprintf(want, sizeof want, "%lld", (long long)more[i]);
		cr_expect_str_eq(got, want);
	}
}
