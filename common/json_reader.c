/* json_reader.c - the cursor of json_reader.h. Hot are the object walk, strings and numbers. */
#include "common/json_reader.h"

/* Keeps the first error and moves to the end, where every later call finds nothing. */
static bool fail(struct bc_cursor *j, const char *at, const char *error)
{
	if (j->error == NULL) {
		j->error = error;
		j->error_at = (size_t)(at - j->start);
	}
	j->p = j->end;
	return false;
}

static bool is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void skip_space(struct bc_cursor *j)
{
	while (j->p < j->end && is_space(*j->p))
		j->p++;
}

void bc_cursor_open(struct bc_cursor *j, const char *bytes, size_t n)
{
	*j = (struct bc_cursor){ .start = bytes, .p = bytes, .end = bytes + n };
}

enum bc_json_type bc_cursor_peek(struct bc_cursor *j)
{
	skip_space(j);
	if (j->p == j->end)
		return BC_JSON_NONE;
	switch (*j->p) {
	case '{':
		return BC_JSON_OBJECT;
	case '[':
		return BC_JSON_ARRAY;
	case '"':
		return BC_JSON_STRING;
	case 't':
		return BC_JSON_TRUE;
	case 'f':
		return BC_JSON_FALSE;
	case 'n':
		return BC_JSON_NULL;
	default:
		return *j->p == '-' || is_digit(*j->p) ? BC_JSON_NUMBER : BC_JSON_NONE;
	}
}

/* ------------------------------------------------------------------ containers */

static bool enter(struct bc_cursor *j, char bracket, unsigned kind)
{
	skip_space(j);
	if (j->p == j->end || *j->p != bracket)
		return false;
	if (j->depth == BC_JSON_MAX_DEPTH)
		return fail(j, j->p, "nested too deep");
	j->p++;
	j->depth++;
	j->kinds = j->kinds << 1 | kind;
	j->first = true;
	return true;
}

bool bc_cursor_object(struct bc_cursor *j)
{
	return enter(j, '{', 1);
}

bool bc_cursor_array(struct bc_cursor *j)
{
	return enter(j, '[', 0);
}

static void leave(struct bc_cursor *j)
{
	j->p++;
	j->depth--;
	j->kinds >>= 1;
	j->first = false;
}

/* Moves to the next member of the innermost container: past the comma, or out of it (false). */
static bool next(struct bc_cursor *j, char bracket)
{
	skip_space(j);
	if (j->p == j->end)
		return fail(j, j->p, "cut off");
	if (*j->p == bracket) {
		leave(j);
		return false;
	}
	if (!j->first) {
		if (*j->p != ',')
			return fail(j, j->p, "',' expected");
		j->p++;
		skip_space(j);
	}
	j->first = false;
	return true;
}

bool bc_cursor_item(struct bc_cursor *j)
{
	if (j->depth == 0 || (j->kinds & 1) != 0)
		return false;
	if (!next(j, ']'))
		return false;
	if (bc_cursor_peek(j) == BC_JSON_NONE)
		return fail(j, j->p, "value expected");
	return true;
}

bool bc_cursor_key(struct bc_cursor *j, bc_str *raw)
{
	if (j->depth == 0 || (j->kinds & 1) == 0)
		return false;
	if (!next(j, '}'))
		return false;
	if (!bc_cursor_string(j, raw))
		return fail(j, j->p, "key expected");
	skip_space(j);
	if (j->p == j->end || *j->p != ':')
		return fail(j, j->p, "':' expected");
	j->p++;
	if (bc_cursor_peek(j) == BC_JSON_NONE)
		return fail(j, j->p, "value expected");
	return true;
}

/* ------------------------------------------------------------------ strings */

static int hex4(const char *p, const char *end)
{
	int value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		int digit = is_digit(c)            ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;
		if (digit < 0)
			return -1;
		value = value << 4 | digit;
	}
	return value;
}

/* The code point of the escape \uXXXX, or of two that form a pair; p is after the first "\u".
 * -1: malformed, half a pair, or NUL. *length is what it takes from p on. */
static int32_t unicode_escape(const char *p, const char *end, size_t *length)
{
	int high = hex4(p, end), low;

	*length = 4;
	if (high <= 0)
		return -1;
	if (high < 0xd800 || high > 0xdfff)
		return high;
	if (high > 0xdbff || end - p < 10 || p[4] != '\\' || p[5] != 'u')
		return -1;
	low = hex4(p + 6, end);
	if (low < 0xdc00 || low > 0xdfff)
		return -1;
	*length = 10;
	return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* What the letter after a backslash stands for; 0: no such escape. */
static char simple_escape(char c)
{
	static const char letters[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
	const char *at = c == '\0' ? NULL : strchr(letters, c);

	if (at == NULL)
		return '\0';
	return means[at - letters];
}

/* Length of the escape at p (a backslash), 0 where there is no such one. */
static size_t escape_length(const char *p, const char *end)
{
	size_t n;

	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return simple_escape(p[1]) != '\0' ? 2 : 0;
	return unicode_escape(p + 2, end, &n) < 0 ? 0 : 2 + n;
}

bool bc_cursor_string(struct bc_cursor *j, bc_str *raw)
{
	const char *p, *begin;
	bool ascii = true;

	skip_space(j);
	if (j->p == j->end || *j->p != '"')
		return false;
	begin = j->p + 1;
	j->escaped = false;
	for (p = bc_json_plain_text(begin, j->end); p == j->end || *p != '"';
	     p = bc_json_plain_text(p, j->end)) {
		size_t n = 1;
		if (p == j->end)
			return fail(j, p, "string cut off");
		if ((unsigned char)*p < 0x20)
			return fail(j, p, "control character in a string");
		if (*p == '\\') {
			n = escape_length(p, j->end);
			if (n == 0)
				return fail(j, p, "bad escape");
			j->escaped = true;
		} else {
			ascii = false;
		}
		p += n;
	}
	if (!ascii && !bc_utf8_valid(begin, (size_t)(p - begin)))
		return fail(j, begin, "not UTF-8");
	*raw = (bc_str){ begin, (size_t)(p - begin) };
	j->p = p + 1;
	return true;
}

static size_t utf8_write(int32_t c, char out[4])
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

bc_status bc_cursor_unescape(bc_str raw, char *out, size_t cap, size_t *n)
{
	const char *p = raw.p, *end = raw.p + raw.n;
	size_t length = 0;

	while (p < end) {
		char piece[4];
		size_t taken = 1, n_piece = 1;

		piece[0] = *p;
		if (*p == '\\') {
			taken = escape_length(p, end);
			if (taken == 0)
				return BC_EPARSE;
			if (p[1] == 'u')
				n_piece = utf8_write(unicode_escape(p + 2, end, &(size_t){ 0 }),
						     piece);
			else
				piece[0] = simple_escape(p[1]);
		}
		if (cap - length < n_piece)
			return BC_ERANGE;
		memcpy(out + length, piece, n_piece);
		length += n_piece;
		p += taken;
	}
	*n = length;
	return BC_OK;
}

bool bc_cursor_is(bc_str raw, bc_str word)
{
	char plain[256];
	size_t n;

	if (raw.n == 0) /* an empty one may be NULL */
		return word.n == 0;
	if (raw.n == word.n && memcmp(raw.p, word.p, raw.n) == 0)
		return memchr(raw.p, '\\', raw.n) == NULL;
	if (memchr(raw.p, '\\', raw.n) == NULL ||
	    bc_cursor_unescape(raw, plain, sizeof plain, &n) != BC_OK)
		return false;
	return n == word.n && memcmp(plain, word.p, n) == 0;
}

bc_status bc_cursor_text(struct bc_cursor *j, char *buffer, size_t cap, bc_str *out)
{
	bc_status status;
	size_t n;

	if (!bc_cursor_string(j, out))
		return BC_EPARSE;
	if (!j->escaped)
		return BC_OK;
	status = bc_cursor_unescape(*out, buffer, cap, &n);
	if (status == BC_OK)
		*out = (bc_str){ buffer, n };
	return status;
}

/* ------------------------------------------------------------------ numbers */

static const char *skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

bool bc_cursor_number(struct bc_cursor *j, bc_str *token)
{
	const char *p, *q;

	skip_space(j);
	p = j->p;
	if (p < j->end && *p == '-')
		p++;
	q = skip_digits(p, j->end);
	if (q == p) {
		if (p > j->p)
			return fail(j, p, "digit expected");
		return false;
	}
	if (*p == '0' && q - p > 1)
		return fail(j, p, "leading zero");
	if (q < j->end && *q == '.') {
		p = q + 1;
		q = skip_digits(p, j->end);
		if (q == p)
			return fail(j, p, "digit expected");
	}
	if (q < j->end && (*q == 'e' || *q == 'E')) {
		p = q + 1;
		if (p < j->end && (*p == '+' || *p == '-'))
			p++;
		q = skip_digits(p, j->end);
		if (q == p)
			return fail(j, p, "digit expected");
	}
	*token = (bc_str){ j->p, (size_t)(q - j->p) };
	j->p = q;
	return true;
}

/* A number as exchanges write nearly all of theirs: no exponent, at most 18 digits. One pass:
 * `kept` is the mantissa up to its last digit that is not zero, so trailing zeros cost nothing.
 * False: something else, nothing was consumed. */
static bool plain_decimal(struct bc_cursor *j, bc_decimal *out)
{
	const char *p = j->p, *end = j->end, *digits, *dot = NULL, *kept_at;
	uint64_t m = 0, kept = 0;
	bool negative = p < end && *p == '-';

	p += negative;
	digits = kept_at = p;
	for (; p < end; p++) {
		unsigned digit = (unsigned char)(*p - '0');
		if (digit > 9) {
			if (*p != '.' || dot != NULL)
				break;
			dot = p;
			continue;
		}
		m = m * 10 + digit;
		if (digit != 0) {
			kept = m;
			kept_at = p;
		}
	}
	if (p - digits > 18 || p == digits || (p < end && (*p | 0x20) == 'e') ||
	    (*digits == '0' && p - digits > 1 && dot != digits + 1) || dot == digits ||
	    dot == p - 1)
		return false;
	if (dot == NULL)
		dot = p;
	out->mantissa = negative ? -(int64_t)kept : (int64_t)kept;
	out->exponent = kept == 0       ? 0
			: kept_at < dot ? (int32_t)(dot - kept_at - 1)
					: -(int32_t)(kept_at - dot);
	j->p = p;
	return true;
}

bc_status bc_cursor_decimal(struct bc_cursor *j, bc_decimal *out, bc_str *token)
{
	bc_decimal plain;
	bc_str text;
	const char *after;

	skip_space(j);
	text.p = j->p;
	after = bc_json_plain_at(j->p, j->end, &plain);
	if (after != NULL && (*after | 0x20) == 'e')
		after = bc_json_exponent_at(after, j->end, &plain);
	if (after != NULL && *after != '.') {
		*out = plain;
		j->p = after;
		if (token != NULL)
			*token = (bc_str){ text.p, (size_t)(after - text.p) };
		return BC_OK;
	}
	if (plain_decimal(j, out)) {
		if (token != NULL)
			*token = (bc_str){ text.p, (size_t)(j->p - text.p) };
		return BC_OK;
	}
	if (!bc_cursor_number(j, &text))
		return BC_EPARSE;
	if (token != NULL)
		*token = text;
	return bc_decimal_parse(text.p, text.n, out);
}

/* ------------------------------------------------------------------ everything else */

static bool literal(struct bc_cursor *j, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(j->end - j->p) < n || memcmp(j->p, word, n) != 0)
		return fail(j, j->p, "value expected");
	j->p += n;
	return true;
}

/* Passes a scalar, or enters a container. */
static bool step_in(struct bc_cursor *j)
{
	bc_str ignored;

	switch (bc_cursor_peek(j)) {
	case BC_JSON_OBJECT:
		return bc_cursor_object(j);
	case BC_JSON_ARRAY:
		return bc_cursor_array(j);
	case BC_JSON_STRING:
		return bc_cursor_string(j, &ignored);
	case BC_JSON_NUMBER:
		return bc_cursor_number(j, &ignored);
	case BC_JSON_TRUE:
		return literal(j, "true");
	case BC_JSON_FALSE:
		return literal(j, "false");
	case BC_JSON_NULL:
		return literal(j, "null");
	case BC_JSON_NONE:
	default:
		return fail(j, j->p, "value expected");
	}
}

bool bc_cursor_skip(struct bc_cursor *j, bc_str *raw)
{
	uint32_t depth = j->depth;
	const char *begin;
	bc_str ignored;

	skip_space(j);
	begin = j->p;
	do {
		if (!step_in(j))
			return false;
		/* Out of every container that ends here, to the next value inside the first. */
		while (j->depth > depth && j->error == NULL &&
		       !((j->kinds & 1) != 0 ? bc_cursor_key(j, &ignored) : bc_cursor_item(j)))
			;
	} while (j->depth > depth && j->error == NULL);
	if (raw != NULL)
		*raw = (bc_str){ begin, (size_t)(j->p - begin) };
	return j->error == NULL;
}

bc_status bc_cursor_finish(struct bc_cursor *j)
{
	const char *begin = j->start;

	skip_space(j);
	while (begin < j->end && is_space(*begin))
		begin++;
	if (begin == j->end)
		fail(j, begin, "empty");
	if (j->error == NULL && j->depth > 0)
		fail(j, j->p, "cut off");
	if (j->error == NULL && j->p < j->end)
		fail(j, j->p, "more after the end");
	return j->error == NULL ? BC_OK : BC_EPARSE;
}
