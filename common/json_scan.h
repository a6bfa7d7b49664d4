/* json_scan.h - a text read in exactly the spelling that its writer usually uses, without a cursor:
 * the fast way of an adapter, tried first.
 *
 * Shape   every take says whether it took what was asked for; at the first "no" all is given up and
 *         the text is read again by json_reader.h, which knows every spelling and every mistake. So
 *         nothing here reports, and nothing read may be used before all of the text was taken.
 * Strict  what it takes is JSON: words are compared with literals, strings are printable ASCII
 *         without escapes, numbers are digits as the grammar has them.
 * Bounds  reads nothing past the end. Where less than BC_SCAN_ROOM bytes are left these are moved
 *         once into a pad, with zeros behind them, and reading goes on there; so elsewhere nobody
 *         has to ask how many are left.
 * Memory  allocates nothing; strings point into the text or the pad.
 * Threads a scan and its pad belong to one. */
#ifndef BC_JSON_SCAN_H
#define BC_JSON_SCAN_H

#include "common/json_fast.h"

#define BC_SCAN_ROOM 80 /* bytes that can be read at p where p <= limit */
#define BC_SCAN_PAD  (2 * BC_SCAN_ROOM)
#define BC_SCAN_TEXT 64 /* of them a string with its closing quote */

struct bc_scan {
	const char *p, *end;
	const char *limit;
	char *pad; /* BC_SCAN_PAD bytes */
};

/* Copies the n bytes at p, fewer than BC_SCAN_ROOM, and zeros behind them. */
void bc_scan_fill(char *pad, const char *p, size_t n);

BC_INLINE void bc_scan_open(struct bc_scan *s, const char *bytes, size_t n, char *pad)
{
	s->p = bytes;
	s->end = bytes + n;
	s->limit = n >= BC_SCAN_ROOM ? s->end - BC_SCAN_ROOM : NULL;
	s->pad = pad;
}

/* Sees to it that BC_SCAN_ROOM bytes can be read. */
BC_INLINE void bc_scan_room(struct bc_scan *s)
{
	if (BC_UNUSUAL(s->limit == NULL || s->p > s->limit) && s->limit != s->end) {
		size_t n = (size_t)(s->end - s->p);
		bc_scan_fill(s->pad, s->p, n);
		s->p = s->pad;
		s->end = s->limit = s->pad + n;
	}
}

/* memcmp() == 0, which compilers call for most lengths even where they know them: two loads of the
 * one, which may overlap, and two constants. */
BC_INLINE bool bc_scan_same(const char *a, const char *b, size_t n)
{
	uint32_t a4[2], b4[2];
	if (n > 16 || n < 4)
		return memcmp(a, b, n) == 0;
	if (n >= 8)
		return ((bc_eight_at(a) ^ bc_eight_at(b)) |
			(bc_eight_at(a + n - 8) ^ bc_eight_at(b + n - 8))) == 0;
	memcpy(&a4[0], a, 4);
	memcpy(&b4[0], b, 4);
	memcpy(&a4[1], a + n - 4, 4);
	memcpy(&b4[1], b + n - 4, 4);
	return ((a4[0] ^ b4[0]) | (a4[1] ^ b4[1])) == 0;
}

BC_INLINE bool bc_scan_bytes(struct bc_scan *s, const char *bytes, size_t n)
{
	if ((size_t)(s->end - s->p) < n || !bc_scan_same(s->p, bytes, n))
		return false;
	s->p += n;
	return true;
}

/* Takes exactly the literal. */
#define BC_SCAN_WORD(s, literal) bc_scan_bytes((s), (literal), sizeof(literal) - 1)

/* A literal that differs from one dialect to another; as a constant it costs what BC_SCAN_WORD
 * does.
 */
struct bc_scan_word {
	char bytes[31];
	uint8_t n;
};
#define BC_SCAN_LITERAL(literal)             \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

BC_INLINE bool bc_scan_word(struct bc_scan *s, const struct bc_scan_word *word)
{
	return bc_scan_bytes(s, word->bytes, word->n);
}

BC_INLINE bool bc_scan_at_end(const struct bc_scan *s)
{
	return s->p == s->end;
}

/* A plain number (json_fast.h). */
BC_INLINE bool bc_scan_plain(struct bc_scan *s, bc_decimal *out)
{
	const char *p;

	bc_scan_room(s);
	p = bc_json_plain_in(s->p, out);
	if (p == NULL)
		return false;
	s->p = p;
	return true;
}

/* The same, or one with an exponent. */
BC_INLINE bool bc_scan_decimal(struct bc_scan *s, bc_decimal *out)
{
	if (!bc_scan_plain(s, out))
		return false;
	if (BC_UNUSUAL((*s->p | 0x20) == 'e')) {
		const char *p = bc_json_exponent_at(s->p, s->end, out);
		if (p == NULL)
			return false;
		s->p = p;
	}
	return true;
}

/* Up to 16 digits of a whole number that is not zero. */
BC_INLINE bool bc_scan_whole(struct bc_scan *s, uint64_t *out)
{
	const char *p;

	bc_scan_room(s);
	p = bc_json_whole_in(s->p, out);
	if (p == NULL)
		return false;
	s->p = p;
	return true;
}

/* The digits of a whole number that is not zero, as they are written; up to 18, as ids have 17. */
BC_INLINE bool bc_scan_digits(struct bc_scan *s, bc_str *out)
{
	unsigned n;

	bc_scan_room(s);
	n = (unsigned)__builtin_ctz(bc_json_others(s->p) | 0x10000);
	if (BC_UNUSUAL(n == 16))
		n += (unsigned)__builtin_ctz(bc_json_others(s->p + 16) | 0x10000);
	if (n - 1 > 17 || *s->p == '0')
		return false;
	*out = (bc_str){ s->p, n };
	s->p += n;
	return true;
}

/* The rest of a string whose quote was taken, and its closing quote; up to 63 bytes. */
BC_INLINE bool bc_scan_text(struct bc_scan *s, bc_str *out)
{
	unsigned n, more = 0;

	bc_scan_room(s);
	n = bc_json_plain_bytes(s->p);
	for (more = n; BC_UNUSUAL(more == 16) && n < BC_SCAN_TEXT - 16; n += more)
		more = bc_json_plain_bytes(s->p + n);
	if (s->p[n] != '"')
		return false;
	*out = (bc_str){ s->p, n };
	s->p += n + 1;
	return true;
}

/* A decimal in quotes. */
BC_INLINE bool bc_scan_quoted(struct bc_scan *s, bc_decimal *out)
{
	return BC_SCAN_WORD(s, "\"") && bc_scan_plain(s, out) && BC_SCAN_WORD(s, "\"");
}

BC_INLINE bool bc_scan_flag(struct bc_scan *s, bool *out)
{
	*out = BC_SCAN_WORD(s, "true");
	return *out || BC_SCAN_WORD(s, "false");
}

/* Behind the number at p, as long as it is and however it is spelt, but for a sign; NULL: none, or
 * nothing follows. */
const char *bc_json_skip_number(const char *p, const char *end);

/* A number that is not wanted. */
BC_INLINE bool bc_scan_pass_number(struct bc_scan *s)
{
	struct bc_json_span span;
	const char *p;

	bc_scan_room(s);
	span = bc_json_span_at(s->p);
	p = s->p + span.end;
	if (span.end == 0 && span.whole - 1 < 15 && s->p[span.whole] == '.' &&
	    (*s->p != '0' || span.whole == 1)) { /* longer than 15 bytes */
		span.part = (unsigned)__builtin_ctz(bc_json_others(p + span.whole + 1) | 0x10000);
		if (span.part - 1 < 15) {
			span.end = span.whole + 1 + span.part;
			p += span.end;
		}
	}
	if (BC_UNUSUAL(span.end == 0 || (*p | 0x20) == 'e'))
		p = bc_json_skip_number(s->p, s->end);
	if (p == NULL)
		return false;
	s->p = p;
	return true;
}

#endif
