/* json_compare.h - our JSON cursor against jansson: same verdict, same values.
 *
 * Known and intended differences, which count as agreement:
 *   depth     we refuse more than BC_JSON_MAX_DEPTH levels, jansson more than 2048
 *   numbers   jansson refuses integers over 64 bits and reals over a double; we keep the token
 *   NUL       jansson passes over a NUL byte that follows a number; we refuse every one
 *   members   jansson keeps the last of several equal keys; the cursor hands out each of them */
#ifndef TESTS_JSON_COMPARE_H
#define TESTS_JSON_COMPARE_H

#include "common/json_reader.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static inline bool json_compare_value(struct bc_cursor *j, const json_t *want);

/* Does that raw string mean these bytes? */
static inline bool json_compare_text(bc_str raw, const char *want, size_t n_want)
{
	char *plain = malloc(raw.n + 1);
	size_t n = 0;
	bool same = plain != NULL && bc_cursor_unescape(raw, plain, raw.n, &n) == BC_OK &&
		    n == n_want && memcmp(plain, want, n) == 0;
	free(plain);
	return same;
}

static inline bool json_compare_number(bc_str token, const json_t *want)
{
	char text[512];
	bc_decimal d;
	if (token.n >= sizeof text)
		return true; /* jansson has rounded it; nothing to compare with */
	memcpy(text, token.p, token.n);
	text[token.n] = '\0';
	if (json_is_real(want) ? strtod(text, NULL) != json_real_value(want)
			       : strtoll(text, NULL, 10) != json_integer_value(want))
		return false;
	/* The decimal is the same number once more, by way of its own digits. */
	if (bc_decimal_parse(token.p, token.n, &d) != BC_OK)
		return true;
	char digits[BC_DECIMAL_TEXT_MAX];
	bc_decimal_format(d, digits);
	return strtod(digits, NULL) == strtod(text, NULL);
}

/* The walk to the end of an object, and how many of its members jansson has kept. */
static inline bool json_compare_object(struct bc_cursor *j, const json_t *want)
{
	bc_str raw;
	size_t n = 0;
	if (!bc_cursor_object(j))
		return false;
	while (bc_cursor_key(j, &raw)) {
		char *name = malloc(raw.n + 1);
		size_t n_name = 0;
		if (name == NULL || bc_cursor_unescape(raw, name, raw.n, &n_name) != BC_OK) {
			free(name);
			return false;
		}
		const json_t *value = json_object_getn(want, name, n_name);
		free(name);
		if (value == NULL)
			return false;
		struct bc_cursor mark = *j;
		if (!json_compare_value(j, value)) {
			/* An earlier one of equal keys: pass over it. */
			*j = mark;
			if (!bc_cursor_skip(j, NULL))
				return false;
		} else {
			n++;
		}
	}
	return n >= json_object_size(want);
}

static inline bool json_compare_array(struct bc_cursor *j, const json_t *want)
{
	size_t n = 0;
	if (!bc_cursor_array(j))
		return false;
	while (bc_cursor_item(j)) {
		const json_t *item = json_array_get(want, n++);
		if (item == NULL || !json_compare_value(j, item))
			return false;
	}
	return n == json_array_size(want);
}

static inline bool json_compare_value(struct bc_cursor *j, const json_t *want)
{
	bc_str raw;
	bc_decimal a, b;
	struct bc_cursor again = *j;

	switch (bc_cursor_peek(j)) {
	case BC_JSON_OBJECT:
		return json_is_object(want) && json_compare_object(j, want);
	case BC_JSON_ARRAY:
		return json_is_array(want) && json_compare_array(j, want);
	case BC_JSON_STRING:
		return bc_cursor_string(j, &raw) && json_is_string(want) &&
		       json_compare_text(raw, json_string_value(want), json_string_length(want));
	case BC_JSON_NUMBER:
		if (!bc_cursor_number(j, &raw) || !json_is_number(want) ||
		    !json_compare_number(raw, want))
			return false;
		/* The fast way from digits to decimal and the general one agree. */
		bc_status fast = bc_cursor_decimal(&again, &a, NULL);
		bc_status slow = bc_decimal_parse(raw.p, raw.n, &b);
		return fast == slow && again.p == j->p &&
		       (fast != BC_OK || (a.mantissa == b.mantissa && a.exponent == b.exponent));
	case BC_JSON_TRUE:
		return bc_cursor_skip(j, NULL) && json_is_true(want);
	case BC_JSON_FALSE:
		return bc_cursor_skip(j, NULL) && json_is_false(want);
	case BC_JSON_NULL:
		return bc_cursor_skip(j, NULL) && json_is_null(want);
	case BC_JSON_NONE:
	default:
		return false;
	}
}

/* True: both refuse these bytes, or both take them and mean the same. Else why[cap] says what. */
static inline bool json_agrees(const char *bytes, size_t n, char *why, size_t cap)
{
	struct bc_cursor j;
	json_error_t error;
	bc_cursor_open(&j, bytes, n);
	bool ours = bc_cursor_skip(&j, NULL) && bc_cursor_finish(&j) == BC_OK;
	json_t *tree = json_loadb(bytes, n, JSON_DECODE_ANY, &error);

	if (tree == NULL) {
		enum json_error_code code = json_error_code(&error);
		if (!ours || code == json_error_numeric_overflow)
			return true;
		snprintf(why, cap, "jansson refuses it: %s at %d", error.text, error.position);
		return false;
	}
	bool same = true;
	if (ours) {
		bc_cursor_open(&j, bytes, n);
		same = json_compare_value(&j, tree) && bc_cursor_finish(&j) == BC_OK;
		snprintf(why, cap, "other value near %zu", (size_t)(j.p - bytes));
	} else if (strcmp(j.error, "nested too deep") != 0 && memchr(bytes, '\0', n) == NULL) {
		same = false;
		snprintf(why, cap, "we refuse it: %s at %zu", j.error, j.error_at);
	}
	json_decref(tree);
	return same;
}

#endif
