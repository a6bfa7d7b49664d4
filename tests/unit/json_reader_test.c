/* A reader that takes what is not JSON lets a broken frame into a book; one that refuses what is
 * JSON loses a good one. */
#include "tests/support/guard_page.h"
#include "tests/support/json_compare.h"

#include <criterion/criterion.h>
#include <zstd.h>
#include <dirent.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
	const char *text;
	size_t n;          /* 0: strlen */
	const char *error; /* NULL: it is JSON */
} verdicts[] = {
	{ "{}", 0, NULL },
	{ " [ ] ", 0, NULL },
	{ "\t\r\n 0", 0, NULL },
	{ "-0.10E+5", 0, NULL },
	{ "1e-400", 0, NULL },
	{ "true", 0, NULL },
	{ "[null,false,\"\"]", 0, NULL },
	{ "{\"a\":{\"b\":[{},[],[[]]]},\"c\":-1}", 0, NULL },
	{ "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", 0, NULL },
	{ "\"\xed\x8b\xb0\xf0\x9f\x98\x80\x7f\"", 0, NULL },
	{ "123456789012345678901234567890", 0, NULL },
	{ "", 0, "value expected" },
	{ " \n", 0, "value expected" },
	{ "\xef\xbb\xbf{}", 0, "value expected" },
	{ "UP", 0, "value expected" },
	{ "{}x", 0, "more after the end" },
	{ "{} {}", 0, "more after the end" },
	{ "1 2", 0, "more after the end" },
	{ "{}\0", 3, "more after the end" },
	{ "\0{}", 3, "value expected" },
	{ "{\"a\0\":1}", 8, "control character in a string" },
	{ "[1,]", 0, "value expected" },
	{ "[,1]", 0, "value expected" },
	{ "[1 2]", 0, "',' expected" },
	{ "[1", 0, "cut off" },
	{ "[", 0, "cut off" },
	{ "{", 0, "cut off" },
	{ "{\"a\":1,}", 0, "key expected" },
	{ "{a:1}", 0, "key expected" },
	{ "{'a':1}", 0, "key expected" },
	{ "{\"a\" 1}", 0, "':' expected" },
	{ "{\"a\":}", 0, "value expected" },
	{ "{\"a\"}", 0, "':' expected" },
	{ "{\"a\":1]", 0, "',' expected" },
	{ "[1}", 0, "',' expected" },
	{ "\"abc", 0, "string cut off" },
	{ "\"a\nb\"", 0, "control character in a string" },
	{ "\"\\x41\"", 0, "bad escape" },
	{ "\"\\u00g0\"", 0, "bad escape" },
	{ "\"\\u00\"", 0, "bad escape" },
	{ "\"\\", 0, "bad escape" },
	{ "\"\\u0000\"", 0, "bad escape" },
	{ "\"\\ud800\"", 0, "bad escape" },
	{ "\"\\udc00\"", 0, "bad escape" },
	{ "\"\\ud800\\u0041\"", 0, "bad escape" },
	{ "\"\xff\"", 0, "not UTF-8" },
	{ "\"\xc0\x80\"", 0, "not UTF-8" },
	{ "\"\xed\xa0\x80\"", 0, "not UTF-8" },
	{ "\"\xf4\x90\x80\x80\"", 0, "not UTF-8" },
	{ "\"\xe2\x82\"", 0, "not UTF-8" },
	{ "01", 0, "leading zero" },
	{ "-", 0, "digit expected" },
	{ "-01", 0, "leading zero" },
	{ "1.", 0, "digit expected" },
	{ "1.e5", 0, "digit expected" },
	{ "1e", 0, "digit expected" },
	{ "1e+", 0, "digit expected" },
	{ ".5", 0, "value expected" },
	{ "+1", 0, "value expected" },
	{ "0x10", 0, "more after the end" },
	{ "1.2.3", 0, "more after the end" },
	{ "NaN", 0, "value expected" },
	{ "Infinity", 0, "value expected" },
	{ "nul", 0, "value expected" },
	{ "[truex]", 0, "',' expected" },
	{ "[1]//x", 0, "more after the end" },
};

Test(json_reader, takes_json_and_nothing_else)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < COUNT(verdicts); i++) {
		struct bc_cursor j;
		char why[256];
		size_t n = verdicts[i].n != 0 ? verdicts[i].n : strlen(verdicts[i].text);
		const char *text = guard_page_put(&g, verdicts[i].text, n);
		bc_cursor_open(&j, text, n);
		bc_cursor_skip(&j, NULL);
		bc_status rc = bc_cursor_finish(&j);
		if (verdicts[i].error == NULL)
			cr_expect(rc == BC_OK, "'%s': %s", verdicts[i].text, j.error);
		else
			cr_expect(rc == BC_EPARSE && strcmp(j.error, verdicts[i].error) == 0,
				  "'%s': %s, not %s", verdicts[i].text, j.error, verdicts[i].error);
		cr_expect(json_agrees(text, n, why, sizeof why), "'%s': %s", verdicts[i].text, why);
	}
	guard_page_close(&g);
}

static const char sample[] =
	"{\"ty\":\"orderbook\",\"cd\":\"KRW-B\\u0054C\",\"tms\":1617646620673,"
	"\"obu\":[{\"ap\":41.4,\"bp\":4.12E+1,\"as\":9354.4915888,\"bs\":0}],"
	"\"x\":[null,true,false,{\"y\":\"\xed\x8b\xb0\"}],\"st\":\"REALTIME\"}";

Test(json_reader, cut_anywhere_is_refused_without_reading_on)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t n = 0; n < sizeof sample - 1; n++) {
		struct bc_cursor j;
		bc_cursor_open(&j, guard_page_put(&g, sample, n), n);
		bc_cursor_skip(&j, NULL);
		cr_expect_eq(bc_cursor_finish(&j), BC_EPARSE, "cut at %zu", n);
	}
	guard_page_close(&g);
}

Test(json_reader, any_byte_changed_gets_the_verdict_of_jansson)
{
	char text[sizeof sample], why[256];
	for (size_t i = 0; i < sizeof sample - 1; i++) {
		for (int c = 0; c < 256; c++) {
			memcpy(text, sample, sizeof sample);
			text[i] = (char)c;
			cr_expect(json_agrees(text, sizeof text - 1, why, sizeof why),
				  "byte %zu = %d: %s", i, c, why);
		}
	}
}

Test(json_reader, walks_an_object_in_place)
{
	struct bc_cursor j;
	bc_str key, text;
	bc_decimal d;
	char buffer[16];
	bc_cursor_open(&j, sample, sizeof sample - 1);
	cr_assert(bc_cursor_object(&j));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_is(key, BC_STR("ty")));
	cr_assert(!bc_cursor_number(&j, &text), "a string is no number");
	cr_assert(j.error == NULL, "and the walk goes on");
	cr_assert(bc_cursor_string(&j, &text) && bc_str_is(text, "orderbook"));
	cr_assert(bc_cursor_key(&j, &key) && bc_str_is(key, "cd"));
	struct bc_cursor mark = j;
	cr_assert_eq(bc_cursor_text(&j, buffer, 3, &text), BC_ERANGE);
	j = mark;
	cr_assert_eq(bc_cursor_text(&j, buffer, sizeof buffer, &text), BC_OK);
	cr_assert(bc_str_is(text, "KRW-BTC"));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, &text));
	cr_assert(bc_str_is(text, "1617646620673"));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_array(&j) && bc_cursor_item(&j));
	cr_assert(bc_cursor_object(&j) && bc_cursor_key(&j, &key));
	cr_assert_eq(bc_cursor_decimal(&j, &d, &text), BC_OK);
	cr_assert(d.mantissa == 414 && d.exponent == -1 && bc_str_is(text, "41.4"));
	cr_assert(bc_cursor_key(&j, &key));
	cr_assert_eq(bc_cursor_decimal(&j, &d, &text), BC_OK);
	cr_assert(d.mantissa == 412 && d.exponent == -1 && bc_str_is(text, "4.12E+1"));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, NULL));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key(&j, &key) && !bc_cursor_item(&j) && j.depth == 1);
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, &text) && text.n == 29);
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key(&j, &key) && bc_cursor_finish(&j) == BC_OK);
}

Test(json_reader, expected_keys_are_taken_only_where_they_stand)
{
	static const struct bc_json_name ab = BC_JSON_NAME("ab"), abc = BC_JSON_NAME("abc"),
					 longer = BC_JSON_NAME("orderbook_units");
	static const char text[] = "{\"ab\":1,\"orderbook_units\":2,\"ab\" :3,\"abc\":4,\"z\":\""
				   "                                        \"}";
	struct bc_cursor j;
	bc_str key;
	bc_cursor_open(&j, text, sizeof text - 1);
	cr_assert(bc_cursor_object(&j));
	cr_assert(!bc_cursor_key_is(&j, &abc) && !bc_cursor_key_is(&j, &longer));
	cr_assert(bc_cursor_key_is(&j, &ab) && bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key_is(&j, &ab) && bc_cursor_key_is(&j, &longer));
	cr_assert(bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key_is(&j, &ab), "spelt with a space, so left to bc_cursor_key()");
	cr_assert(bc_cursor_key(&j, &key) && bc_str_is(key, "ab") && bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key_is(&j, &ab) && bc_cursor_key_is(&j, &abc) &&
		  bc_cursor_skip(&j, NULL));
	cr_assert(bc_cursor_key(&j, &key) && bc_cursor_skip(&j, NULL));
	cr_assert(!bc_cursor_key(&j, &key) && bc_cursor_finish(&j) == BC_OK);
}

Test(json_reader, keys_with_escapes_are_the_same_keys)
{
	cr_expect(bc_cursor_is(BC_STR("type"), BC_STR("type")));
	cr_expect(bc_cursor_is(BC_STR("t\\u0079pe"), BC_STR("type")));
	cr_expect(!bc_cursor_is(BC_STR("typ"), BC_STR("type")));
	cr_expect(!bc_cursor_is(BC_STR("t\\u0079p"), BC_STR("type")));
	cr_expect(!bc_cursor_is(BC_STR("a\\\\"), BC_STR("a\\\\")), "raw against plain");
}

static const struct {
	const char *text;
	bc_status status;
	int64_t mantissa;
	int32_t exponent;
} decimals[] = {
	{ "1.16539E8", BC_OK, 116539, 3 },
	{ "116539000.0", BC_OK, 116539, 3 },
	{ "7.9276E-4", BC_OK, 79276, -8 },
	{ "5.0E-4", BC_OK, 5, -4 },
	{ "0.00077720", BC_OK, 7772, -7 },
	{ "127.0", BC_OK, 127, 0 },
	{ "50000000.0000", BC_OK, 5, 7 },
	{ "0", BC_OK, 0, 0 },
	{ "-0.000", BC_OK, 0, 0 },
	{ "-1.50", BC_OK, -15, -1 },
	{ "10", BC_OK, 1, 1 },
	{ "100.001", BC_OK, 100001, -3 },
	{ "999999999999999999", BC_OK, 999999999999999999, 0 },
	{ "9223372036854775807", BC_OK, INT64_MAX, 0 },
	{ "9223372036854775808", BC_ERANGE, 0, 0 },
	{ "19699800600.2538100000000000", BC_OK, 1969980060025381, -5 },
	{ "1386929.37231066771348207123", BC_ERANGE, 0, 0 },
	{ "1e999999999999", BC_ERANGE, 0, 0 },
	{ "\"1\"", BC_EPARSE, 0, 0 },
	{ "null", BC_EPARSE, 0, 0 },
	{ "-", BC_EPARSE, 0, 0 },
	{ "1.", BC_EPARSE, 0, 0 },
	{ "00", BC_EPARSE, 0, 0 },
	{ "1e", BC_EPARSE, 0, 0 },
};

Test(json_reader, decimals_are_exact)
{
	struct guard_page g;
	guard_page_open(&g, 4096);
	for (size_t i = 0; i < COUNT(decimals); i++) {
		struct bc_cursor j;
		bc_decimal d = { 0, 0 };
		size_t n = strlen(decimals[i].text);
		bc_cursor_open(&j, guard_page_put(&g, decimals[i].text, n), n);
		bc_status rc = bc_cursor_decimal(&j, &d, NULL);
		cr_expect_eq(rc, decimals[i].status, "%s: %s", decimals[i].text,
			     bc_status_text(rc));
		cr_expect(d.mantissa == decimals[i].mantissa && d.exponent == decimals[i].exponent,
			  "%s: %lde%d", decimals[i].text, (long)d.mantissa, d.exponent);
		cr_expect((rc == BC_EPARSE) == (j.p != j.end || j.error != NULL), "%s",
			  decimals[i].text);
	}
	guard_page_close(&g);
}

Test(json_reader, nothing_is_no_value)
{
	struct bc_cursor j;
	bc_cursor_open(&j, " \n", 2);
	cr_expect(bc_cursor_peek(&j) == BC_JSON_NONE);
	cr_expect(bc_cursor_finish(&j) == BC_EPARSE && strcmp(j.error, "empty") == 0);
}

Test(json_reader, depth_is_bounded)
{
	static char deep[20001];
	for (size_t depth = 63; depth <= 10000; depth += depth < 66 ? 1 : 9934) {
		struct bc_cursor j;
		memset(deep, '[', depth);
		memset(deep + depth, ']', depth);
		bc_cursor_open(&j, deep, 2 * depth);
		bool taken = bc_cursor_skip(&j, NULL) && bc_cursor_finish(&j) == BC_OK;
		cr_expect_eq(taken, depth <= BC_JSON_MAX_DEPTH, "depth %zu", depth);
		cr_expect(taken || strcmp(j.error, "nested too deep") == 0);
	}
}

/* ------------------------------------------------------------------ real frames */

static char *read_lines(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	cr_assert(f != NULL, "%s", path);
	char *packed = malloc(64u << 20);
	size_t n_packed = fread(packed, 1, 64u << 20, f);
	fclose(f);
	if (n_packed < 4 || memcmp(packed, "\x28\xb5\x2f\xfd", 4) != 0) {
		*n = n_packed;
		return packed;
	}
	char *plain = malloc(256u << 20);
	*n = ZSTD_decompress(plain, 256u << 20, packed, n_packed);
	cr_assert(!ZSTD_isError(*n), "%s: %s", path, ZSTD_getErrorName(*n));
	free(packed);
	return plain;
}

static size_t compare_lines(const char *path)
{
	size_t n, frames = 0;
	char why[256], *text = read_lines(path, &n);
	for (char *p = text, *end = text + n; p < end; frames++) {
		char *stop = memchr(p, '\n', (size_t)(end - p));
		if (stop == NULL)
			stop = end;
		cr_expect(json_agrees(p, (size_t)(stop - p), why, sizeof why), "%s, frame %zu: %s",
			  path, frames + 1, why);
		p = stop + 1;
	}
	free(text);
	return frames;
}

Test(json_reader, captures_read_as_jansson_reads_them, .timeout = 250)
{
	static const char *const exchanges[] = { "upbit", "bithumb", "okx", "kraken", "bybit" };
	const char *captures = getenv("BOOKCAST_CAPTURES");
	size_t frames = 0;
	if (captures == NULL || *captures == '\0')
		cr_skip_test("skipped: BOOKCAST_CAPTURES is not set");
	for (size_t i = 0; i < COUNT(exchanges); i++) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", captures, exchanges[i]);
		DIR *dir = opendir(path);
		cr_assert(dir != NULL, "%s", path);
		for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
			if (strstr(entry->d_name, ".jsonl") == NULL)
				continue;
			snprintf(path, sizeof path, "%s/%s/%s", captures, exchanges[i],
				 entry->d_name);
			frames += compare_lines(path);
		}
		closedir(dir);
	}
	cr_expect(frames > 2000, "only %zu frames", frames);
}
