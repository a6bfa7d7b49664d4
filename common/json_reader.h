/* json_reader.h - a strict cursor over one JSON text (RFC 8259).
 *
 * Shape   the caller walks: enter a container, ask for its keys or items, take or skip each value.
 *         Nothing is copied: keys, strings and number tokens are handed out where they stand.
 * Strict  UTF-8 is validated, also in what is skipped; a byte order mark, comments, trailing
 *         commas and anything after the text are refused. Two things the grammar allows are refused
 *         as well, since no text of ours could hold them: \u0000 and half surrogate pairs.
 * Bounds  nesting deeper than BC_JSON_MAX_DEPTH is refused; never reads past the end.
 * Errors  the first one sticks (`error`, `error_at`): every later call says "no more". A value of
 *         the wrong type is not an error of the text: the call says so and the walk goes on.
 * Memory  allocates nothing; what is handed out lives as long as the text.
 * Threads a cursor belongs to its caller; copying the struct is a bookmark. */
#ifndef BC_JSON_READER_H
#define BC_JSON_READER_H

#include "common/json_fast.h"

#define BC_JSON_MAX_DEPTH 64

enum bc_json_type {
	BC_JSON_NONE, /* no value stands here */
	BC_JSON_OBJECT,
	BC_JSON_ARRAY,
	BC_JSON_STRING,
	BC_JSON_NUMBER,
	BC_JSON_TRUE,
	BC_JSON_FALSE,
	BC_JSON_NULL,
};

struct bc_cursor {
	const char *start, *p, *end;
	uint64_t kinds; /* one bit a level, the innermost lowest: 1 object, 0 array */
	uint32_t depth;
	bool first;        /* nothing of the innermost container has been read */
	bool escaped;      /* the string taken last has escapes */
	const char *error; /* NULL while all is well */
	size_t error_at;   /* offset of the byte that was wrong */
};

void bc_cursor_open(struct bc_cursor *j, const char *bytes, size_t n);

/* What stands at the cursor, after any white space. */
enum bc_json_type bc_cursor_peek(struct bc_cursor *j);

/* Enters the object or array at the cursor; false: there is none here, nothing was consumed. */
bool bc_cursor_object(struct bc_cursor *j);
bool bc_cursor_array(struct bc_cursor *j);

/* The next key of the object entered last; the cursor then stands at its value. The key is raw:
 * between its quotes, escapes as written. False: the object ended and was left, or an error. */
bool bc_cursor_key(struct bc_cursor *j, bc_str *raw);

/* True: the cursor stands at the next item of the array entered last. False as above. */
bool bc_cursor_item(struct bc_cursor *j);

/* Takes the string, or the number's token, at the cursor. False: it is something else, which is
 * still there, or an error. */
bool bc_cursor_string(struct bc_cursor *j, bc_str *raw);
bool bc_cursor_number(struct bc_cursor *j, bc_str *token);

/* Takes the string at the cursor with its escapes resolved: in place where it has none, else
 * written to buffer[cap]. BC_EPARSE: no string, it is still there; BC_ERANGE: longer than cap,
 * it was consumed and *out is what was written in the text. */
bc_status bc_cursor_text(struct bc_cursor *j, char *buffer, size_t cap, bc_str *out);

/* Takes the number at the cursor as an exact, normal decimal; *token (may be NULL) is its text.
 * BC_EPARSE: no number, it is still there; BC_ERANGE: it does not fit, it was consumed. */
bc_status bc_cursor_decimal(struct bc_cursor *j, bc_decimal *out, bc_str *token);

/* Checks and passes any value; *raw (may be NULL) is all of its text. */
bool bc_cursor_skip(struct bc_cursor *j, bc_str *raw);

/* At the end: BC_OK if the text was one whole JSON value and nothing else. */
bc_status bc_cursor_finish(struct bc_cursor *j);

/* Resolves the escapes of a raw string that the cursor handed out. Never longer than raw.n.
 * BC_ERANGE: cap is too small. */
bc_status bc_cursor_unescape(bc_str raw, char *out, size_t cap, size_t *n);

/* Is this raw key or string that word, escapes resolved? */
bool bc_cursor_is(bc_str raw, bc_str word);

/* ------------------------------------------------------------------ the usual way, fast
 *
 * Exchanges write their keys in one order, without white space. A caller that knows what comes
 * next asks for exactly those bytes and pays one comparison; where it was wrong nothing has been
 * consumed and bc_cursor_key() gives the key. */

/* Takes the next key if it is `name`, spelt without escapes and spaces. */
static inline bool bc_cursor_key_is(struct bc_cursor *j, const struct bc_json_name *name)
{
	const char *p = j->p;

	if (!j->first) {
		if (p == j->end || *p != ',')
			return false;
		p++;
	}
	p = bc_json_name_at(p, j->end, name);
	if (p == NULL)
		return false;
	j->p = p;
	j->first = false;
	return true;
}

/* Moves to the next item of an array if it begins with that byte and no space comes before it. */
static inline bool bc_cursor_item_is(struct bc_cursor *j, char first_byte)
{
	const char *p = j->p + (j->first ? 0 : 1);

	if (j->end - j->p < 2 || (!j->first && *j->p != ',') || *p != first_byte)
		return false;
	j->p = p;
	j->first = false;
	return true;
}

#endif
