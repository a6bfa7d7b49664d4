#include "common/json_writer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

void bc_json_start(struct bc_json_writer *w, char *buffer, size_t cap, bc_json_sink *sink,
		   void *self)
{
	assert(cap > 0);
	*w = (struct bc_json_writer){ .buffer = buffer, .cap = cap, .sink = sink, .self = self };
}

static void hand_over(struct bc_json_writer *w)
{
	if (w->status == BC_OK && w->n > 0)
		w->status = w->sink(w->self, w->buffer, w->n);
	w->n = 0;
}

static void put(struct bc_json_writer *w, const char *bytes, size_t n)
{
	size_t room = w->sink == NULL ? w->cap - 1 : w->cap;
	while (w->status == BC_OK && n > 0) {
		size_t step = room - w->n;
		if (step == 0 && w->sink == NULL) {
			w->status = BC_ERANGE;
			return;
		}
		if (step > n)
			step = n;
		memcpy(w->buffer + w->n, bytes, step);
		w->n += step;
		bytes += step;
		n -= step;
		if (w->sink != NULL && w->n == room)
			hand_over(w);
	}
}

bc_status bc_json_end(struct bc_json_writer *w, const char *tail)
{
	put(w, tail, strlen(tail));
	if (w->sink != NULL)
		hand_over(w);
	else
		w->buffer[w->n] = '\0';
	w->comma = false;
	return w->status;
}

bc_status bc_json_to_file(void *file, const char *bytes, size_t n)
{
	return fwrite(bytes, 1, n, file) == n ? BC_OK : BC_EIO;
}

/* Every value but a key's own begins here. */
static void put_value(struct bc_json_writer *w, const char *bytes, size_t n)
{
	if (w->comma)
		put(w, ",", 1);
	put(w, bytes, n);
	w->comma = true;
}

static void begin(struct bc_json_writer *w, const char *bracket)
{
	put_value(w, bracket, 1);
	w->comma = false;
}

static void end(struct bc_json_writer *w, const char *bracket)
{
	put(w, bracket, 1);
	w->comma = true;
}

void bc_json_object(struct bc_json_writer *w)
{
	begin(w, "{");
}

void bc_json_object_end(struct bc_json_writer *w)
{
	end(w, "}");
}

void bc_json_array(struct bc_json_writer *w)
{
	begin(w, "[");
}

void bc_json_array_end(struct bc_json_writer *w)
{
	end(w, "]");
}

/* Writes one byte that may not stand in a string as it is. */
static void put_escaped(struct bc_json_writer *w, unsigned char byte)
{
	static const char shorthand[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};
	char text[8];
	if (byte == '"' || byte == '\\') {
		text[0] = '\\';
		text[1] = (char)byte;
		put(w, text, 2);
	} else if (byte < sizeof shorthand && shorthand[byte] != 0) {
		text[0] = '\\';
		text[1] = shorthand[byte];
		put(w, text, 2);
	} else {
		/* A control character, or no UTF-8: then U+FFFD. */
		int n = snprintf(text, sizeof text, "\\u%04x", byte < 0x80 ? byte : 0xfffdu);
		put(w, text, (size_t)n);
	}
}

static bool plain(unsigned char byte)
{
	return byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f;
}

/* Length of the whole UTF-8 character at p, 0 if there is none. */
static size_t character_length(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (bc_utf8_valid(p, n))
			return n;
	return 0;
}

static void put_string(struct bc_json_writer *w, bc_str text)
{
	put(w, "\"", 1);
	for (size_t i = 0, from = 0; i <= text.n;) {
		size_t step = 0;
		if (i < text.n) {
			unsigned char byte = (unsigned char)text.p[i];
			if (byte >= 0x80)
				step = character_length(text.p + i, text.n - i);
			else
				step = plain(byte);
		}
		if (step > 0) {
			i += step;
			continue;
		}
		if (i > from)
			put(w, text.p + from, i - from);
		if (i < text.n)
			put_escaped(w, (unsigned char)text.p[i]);
		from = ++i;
	}
	put(w, "\"", 1);
}

void bc_json_key(struct bc_json_writer *w, bc_str key)
{
	put_value(w, "", 0);
	put_string(w, key);
	put(w, ":", 1);
	w->comma = false;
}

void bc_json_string(struct bc_json_writer *w, bc_str text)
{
	put_value(w, "", 0);
	put_string(w, text);
}

void bc_json_null(struct bc_json_writer *w)
{
	put_value(w, "null", 4);
}

void bc_json_bool(struct bc_json_writer *w, bool value)
{
	if (value)
		put_value(w, "true", 4);
	else
		put_value(w, "false", 5);
}

static void put_number(struct bc_json_writer *w, uint64_t magnitude, bool negative)
{
	char digits[24];
	char *p = digits + sizeof digits;
	do {
		*--p = (char)('0' + magnitude % 10);
		magnitude /= 10;
	} while (magnitude != 0);
	if (negative)
		*--p = '-';
	put_value(w, p, (size_t)(digits + sizeof digits - p));
}

void bc_json_int(struct bc_json_writer *w, int64_t value)
{
	put_number(w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void bc_json_uint(struct bc_json_writer *w, uint64_t value)
{
	put_number(w, value, false);
}

void bc_json_decimal(struct bc_json_writer *w, bc_decimal value)
{
	char text[BC_DECIMAL_TEXT_MAX + 2];
	if (!bc_decimal_known(value)) {
		bc_json_null(w);
		return;
	}
	size_t n = bc_decimal_format(value, text + 1);
	text[0] = '"';
	text[n + 1] = '"';
	put_value(w, text, n + 2);
}

void bc_json_number(struct bc_json_writer *w, bc_decimal value)
{
	char text[BC_DECIMAL_TEXT_MAX];
	if (!bc_decimal_known(value)) {
		bc_json_null(w);
		return;
	}
	put_value(w, text, bc_decimal_format(value, text));
}

/* ------------------------------------------------------------------ members */

static void key_of(struct bc_json_writer *w, const char *key)
{
	bc_json_key(w, bc_str_of(key));
}

void bc_json_put_text(struct bc_json_writer *w, const char *key, const char *text)
{
	key_of(w, key);
	if (text == NULL)
		bc_json_null(w);
	else
		bc_json_string(w, bc_str_of(text));
}

void bc_json_put_string(struct bc_json_writer *w, const char *key, bc_str text)
{
	key_of(w, key);
	bc_json_string(w, text);
}

void bc_json_put_null(struct bc_json_writer *w, const char *key)
{
	key_of(w, key);
	bc_json_null(w);
}

void bc_json_put_bool(struct bc_json_writer *w, const char *key, bool value)
{
	key_of(w, key);
	bc_json_bool(w, value);
}

void bc_json_put_int(struct bc_json_writer *w, const char *key, int64_t value)
{
	key_of(w, key);
	bc_json_int(w, value);
}

void bc_json_put_uint(struct bc_json_writer *w, const char *key, uint64_t value)
{
	key_of(w, key);
	bc_json_uint(w, value);
}

void bc_json_put_decimal(struct bc_json_writer *w, const char *key, bc_decimal value)
{
	key_of(w, key);
	bc_json_decimal(w, value);
}

void bc_json_put_object(struct bc_json_writer *w, const char *key)
{
	key_of(w, key);
	bc_json_object(w);
}

void bc_json_put_array(struct bc_json_writer *w, const char *key)
{
	key_of(w, key);
	bc_json_array(w);
}
