/* What we print, every JSON reader reads; what does not fit is an error, not half a line. */
#include "common/json_writer.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct collected {
	char text[4096];
	size_t n, calls;
	size_t fail_at_call; /* 0: never */
};

static bc_status collect(void *self, const char *bytes, size_t n)
{
	struct collected *c = self;
	if (++c->calls == c->fail_at_call)
		return BC_EIO;
	memcpy(c->text + c->n, bytes, n);
	c->n += n;
	c->text[c->n] = '\0';
	return BC_OK;
}

static void write_sample(struct bc_json_writer *w)
{
	bc_json_object(w);
	bc_json_key(w, BC_STR("a"));
	bc_json_array(w);
	bc_json_array_end(w);
	bc_json_key(w, BC_STR("b"));
	bc_json_array(w);
	bc_json_int(w, INT64_MIN);
	bc_json_uint(w, UINT64_MAX);
	bc_json_null(w);
	bc_json_array(w);
	bc_json_bool(w, true);
	bc_json_bool(w, false);
	bc_json_array_end(w);
	bc_json_array_end(w);
	bc_json_key(w, BC_STR("c"));
	bc_json_object(w);
	bc_json_object_end(w);
	bc_json_key(w, BC_STR("d"));
	bc_json_decimal(w, (bc_decimal){ -12, -4 });
	bc_json_key(w, BC_STR("e"));
	bc_json_decimal(w, BC_DECIMAL_NONE);
	bc_json_object_end(w);
}

static const char sample[] = "{\"a\":[],\"b\":[-9223372036854775808,18446744073709551615,null,"
			     "[true,false]],\"c\":{},\"d\":\"-0.0012\",\"e\":null}";

Test(json_writer, members_are_keys_with_their_values)
{
	char buffer[256];
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, NULL, NULL);
	bc_json_object(&w);
	bc_json_put_text(&w, "text", "a\"b");
	bc_json_put_text(&w, "none", NULL);
	bc_json_put_string(&w, "string", BC_STR(""));
	bc_json_put_null(&w, "null");
	bc_json_put_bool(&w, "bool", true);
	bc_json_put_int(&w, "int", -1);
	bc_json_put_uint(&w, "uint", UINT64_MAX);
	bc_json_put_decimal(&w, "decimal", (bc_decimal){ 15, -1 });
	bc_json_put_object(&w, "object");
	bc_json_put_array(&w, "array");
	bc_json_array_end(&w);
	bc_json_object_end(&w);
	bc_json_object_end(&w);
	cr_assert_eq(bc_json_end(&w, ""), BC_OK);
	cr_expect_str_eq(buffer, "{\"text\":\"a\\\"b\",\"none\":null,\"string\":\"\",\"null\":null,"
				 "\"bool\":true,\"int\":-1,\"uint\":18446744073709551615,"
				 "\"decimal\":\"1.5\",\"object\":{\"array\":[]}}");
}

Test(json_writer, puts_commas_where_they_belong)
{
	char buffer[256];
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, NULL, NULL);
	write_sample(&w);
	cr_expect_eq(bc_json_end(&w, ""), BC_OK);
	cr_expect_str_eq(buffer, sample);
	cr_expect_eq(w.n, strlen(sample));
}

Test(json_writer, every_buffer_too_small_is_told)
{
	char buffer[256];
	for (size_t cap = 1; cap <= sizeof sample; cap++) {
		struct bc_json_writer w;
		memset(buffer, '#', sizeof buffer);
		bc_json_start(&w, buffer, cap, NULL, NULL);
		write_sample(&w);
		cr_expect_eq(bc_json_end(&w, ""), cap < sizeof sample ? BC_ERANGE : BC_OK, "%zu",
			     cap);
		cr_expect_eq(buffer[cap], '#', "%zu: wrote past the buffer", cap);
	}
}

Test(json_writer, a_sink_gets_the_same_text_from_any_buffer)
{
	char buffer[256];
	for (size_t cap = 1; cap <= sizeof sample; cap++) {
		struct collected c = { .n = 0 };
		struct bc_json_writer w;
		bc_json_start(&w, buffer, cap, collect, &c);
		write_sample(&w);
		cr_expect_eq(bc_json_end(&w, ""), BC_OK);
		cr_expect_str_eq(c.text, sample);
	}
}

Test(json_writer, a_sink_that_fails_is_called_no_more_and_told)
{
	char buffer[8];
	struct collected c = { .fail_at_call = 3 };
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, collect, &c);
	write_sample(&w);
	cr_expect_eq(bc_json_end(&w, "\n"), BC_EIO);
	cr_expect_eq(c.calls, 3);
}

Test(json_writer, lines_follow_each_other)
{
	char buffer[16];
	struct collected c = { .n = 0 };
	struct bc_json_writer w;
	bc_json_start(&w, buffer, sizeof buffer, collect, &c);
	bc_json_int(&w, 1);
	cr_expect_eq(bc_json_end(&w, "\n"), BC_OK);
	bc_json_int(&w, 2);
	cr_expect_eq(bc_json_end(&w, "\n"), BC_OK);
	cr_expect_str_eq(c.text, "1\n2\n");
}

static const struct {
	const char *bytes;
	size_t n;
	const char *text;
} strings[] = {
	{ "", 0, "\"\"" },
	{ "KRW-BTC", 7, "\"KRW-BTC\"" },
	{ "a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"" },
	{ "\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"" },
	{ "\0\x1f\x7f", 3, "\"\\u0000\\u001f\\u007f\"" },
	{ "\xea\xb0\x80!", 4, "\"\xea\xb0\x80!\"" },
	{ "\xf0\x9f\x9a\x80", 4, "\"\xf0\x9f\x9a\x80\"" },
	{ "x\xffy", 3, "\"x\\ufffdy\"" },
	{ "\xea\xb0", 2, "\"\\ufffd\\ufffd\"" },
	{ "\xed\xa0\x80z", 4, "\"\\ufffd\\ufffd\\ufffdz\"" },
	{ "\"", 1, "\"\\\"\"" },
};

Test(json_writer, strings_are_escaped_and_always_utf8)
{
	for (size_t i = 0; i < COUNT(strings); i++) {
		char buffer[128];
		struct bc_json_writer w;
		bc_json_start(&w, buffer, sizeof buffer, NULL, NULL);
		bc_json_string(&w, (bc_str){ strings[i].bytes, strings[i].n });
		cr_expect_eq(bc_json_end(&w, ""), BC_OK);
		cr_expect_str_eq(buffer, strings[i].text);
		cr_expect(bc_utf8_valid(buffer, strlen(buffer)));
	}
}

Test(json_writer, a_file_that_cannot_take_it_is_an_error)
{
	char buffer[64];
	struct bc_json_writer w;
	FILE *full = fopen("/dev/full", "w");
	cr_assert_not_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	bc_json_start(&w, buffer, sizeof buffer, bc_json_to_file, full);
	bc_json_int(&w, 1);
	cr_expect_eq(bc_json_end(&w, "\n"), BC_EIO);
	fclose(full);
}
