#include "tests/conformance/notation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define WORDS_PAYLOAD_MAX 40

struct reader {
	const char *all, *p;
	const char *accept_value;
	struct script *script;
	z_stream deflate;
	bool deflating;
};

static void wrong(const struct reader *r, const char *what)
{
	fprintf(stderr, "conformance: %s at offset %td of: %s\n", what, r->p - r->all, r->all);
	abort();
}

static void step_add(struct script *s, enum step_kind kind, size_t at, unsigned int n)
{
	if (s->n_steps == s->steps_cap) {
		s->steps_cap = s->steps_cap * 2 + 16;
		s->steps = realloc(s->steps, s->steps_cap * sizeof *s->steps);
		if (s->steps == NULL)
			abort();
	}
	s->steps[s->n_steps++] = (struct script_step){ .kind = kind, .at = at, .n = n };
}

void script_free(struct script *script)
{
	sim_buffer_free(&script->bytes);
	free(script->steps);
	*script = (struct script){ .n_steps = 0 };
}

static unsigned int number(struct reader *r)
{
	char *end;
	const unsigned long n = strtoul(r->p, &end, 10);
	if (end == r->p)
		wrong(r, "no number");
	r->p = end;
	return (unsigned int)n;
}

static unsigned char hex_byte(struct reader *r)
{
	if (!isxdigit((unsigned char)r->p[0]) || !isxdigit((unsigned char)r->p[1]))
		wrong(r, "no word");
	const char digits[3] = { r->p[0], r->p[1], '\0' };
	r->p += 2;
	return (unsigned char)strtoul(digits, NULL, 16);
}

size_t frame_head(unsigned char first, uint64_t n, unsigned char head[10])
{
	const size_t size = n < 126 ? 2 : n < 65536 ? 4 : 10;
	head[0] = first;
	head[1] = (unsigned char)(n < 126 ? n : n < 65536 ? 126 : 127);
	for (size_t i = 2; i < size; i++)
		head[i] = (unsigned char)(n >> (8 * (size - 1 - i)));
	return size;
}

/* Puts bytes before what begins at `from`, and moves the steps from first_step on with it. */
static void put_before(struct script *s, size_t from, size_t first_step, const void *bytes,
		       size_t n)
{
	sim_buffer_add(&s->bytes, bytes, n); /* for the room */
	memmove(s->bytes.data + from + n, s->bytes.data + from, s->bytes.n - n - from);
	memcpy(s->bytes.data + from, bytes, n);
	for (size_t i = first_step; i < s->n_steps; i++)
		s->steps[i].at += n;
}

static void item(struct reader *r);

static void items_until(struct reader *r, char end)
{
	for (;;) {
		while (isspace((unsigned char)*r->p))
			r->p++;
		if (*r->p == end)
			break;
		if (*r->p == '\0')
			wrong(r, "an end too early");
		item(r);
	}
	if (end != '\0')
		r->p++;
}

static void frame(struct reader *r)
{
	struct script *s = r->script;
	unsigned char head[10];
	const unsigned char first = hex_byte(r);
	const size_t from = s->bytes.n, first_step = s->n_steps;
	items_until(r, '}');
	put_before(s, from, first_step, head, frame_head(first, s->bytes.n - from, head));
}

static void record(struct reader *r, char kind)
{
	struct script *s = r->script;
	struct sim_buffer payload = { .n = 0 };
	const size_t from = s->bytes.n;
	items_until(r, '}');
	sim_buffer_add(&payload, s->bytes.data + from, s->bytes.n - from);
	s->bytes.n = from;
	told_add(&s->bytes, kind, payload.data, payload.n);
	sim_buffer_free(&payload);
}

/* RFC 7692, 7.2.1: a sync flush, and its last four bytes are left out. */
static void deflated(struct reader *r, bool afresh)
{
	struct script *s = r->script;
	const size_t from = s->bytes.n;
	items_until(r, '}');
	const size_t n = s->bytes.n - from, room = n + n / 100 + 64;
	unsigned char *out = malloc(room);
	if (!r->deflating && deflateInit2(&r->deflate, 6, Z_DEFLATED, -15, 8, 0) != Z_OK)
		wrong(r, "zlib");
	r->deflating = true;
	if (afresh)
		deflateReset(&r->deflate);
	r->deflate.next_in = (unsigned char *)s->bytes.data + from;
	r->deflate.avail_in = (unsigned int)n;
	r->deflate.next_out = out;
	r->deflate.avail_out = (unsigned int)room;
	if (out == NULL || deflate(&r->deflate, Z_SYNC_FLUSH) != Z_OK || r->deflate.avail_out == 0)
		wrong(r, "zlib");
	s->bytes.n = from;
	sim_buffer_add(&s->bytes, out, room - r->deflate.avail_out - 4);
	free(out);
}

static void literal(struct reader *r)
{
	const char *end = strchr(r->p, '\'');
	if (end == NULL)
		wrong(r, "a quote that does not end");
	sim_buffer_add(&r->script->bytes, r->p, (size_t)(end - r->p));
	r->p = end + 1;
}

static bool step_word(struct reader *r)
{
	static const struct {
		const char *word;
		enum step_kind kind;
		bool counts;
	} words[] = {
		{ "FIN", STEP_FIN, false },   { "RST", STEP_RST, false },
		{ "DEAF", STEP_DEAF, false }, { "|", STEP_CUT, false },
		{ "?", STEP_WAIT, true },
	};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		const size_t n = strlen(words[i].word);
		if (strncmp(r->p, words[i].word, n) != 0)
			continue;
		r->p += n;
		step_add(r->script, words[i].kind, r->script->bytes.n,
			 words[i].counts ? number(r) : 0);
		return true;
	}
	return false;
}

static bool starts(struct reader *r, const char *word)
{
	const size_t n = strlen(word);
	if (strncmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	return true;
}

static void repeat(struct reader *r, size_t from, size_t first_step, unsigned int times)
{
	struct script *s = r->script;
	const size_t n = s->bytes.n - from, n_steps = s->n_steps - first_step;
	if (times == 0)
		wrong(r, "not a count");
	if (!sim_buffer_reserve(&s->bytes, n * (times - 1)))
		abort();
	for (size_t at = n, piece; n_steps == 0 && at < n * times; at += piece) {
		piece = at < n * times - at ? at : n * times - at;
		memcpy(s->bytes.data + s->bytes.n, s->bytes.data + from, piece);
		s->bytes.n += piece;
	}
	for (unsigned int i = 1; n_steps > 0 && i < times; i++) {
		for (size_t k = 0; k < n_steps; k++) {
			const struct script_step step = s->steps[first_step + k];
			step_add(s, step.kind, step.at + i * n, step.n);
		}
		memcpy(s->bytes.data + s->bytes.n, s->bytes.data + from, n);
		s->bytes.n += n;
	}
}

static void item(struct reader *r)
{
	struct script *s = r->script;
	const size_t from = s->bytes.n, first_step = s->n_steps;
	if (step_word(r))
		return;
	if (starts(r, "{"))
		frame(r);
	else if (starts(r, "("))
		items_until(r, ')');
	else if (starts(r, "'"))
		literal(r);
	else if (starts(r, "T{"))
		record(r, 'T');
	else if (starts(r, "B{"))
		record(r, 'B');
	else if (starts(r, "P"))
		told_add(&s->bytes, 'P', NULL, 0);
	else if (starts(r, "Z{"))
		deflated(r, false);
	else if (starts(r, "N{"))
		deflated(r, true);
	else if (starts(r, "@"))
		sim_buffer_text(&s->bytes, r->accept_value);
	else
		sim_buffer_char(&s->bytes, (char)hex_byte(r));
	if (starts(r, "*"))
		repeat(r, from, first_step, number(r));
}

void script_add(struct script *script, const char *words, const char *accept_value)
{
	struct reader r = {
		.all = words, .p = words, .accept_value = accept_value, .script = script
	};
	items_until(&r, '\0');
	if (r.deflating)
		deflateEnd(&r.deflate);
	if (script->bytes.failed)
		abort();
}

/* ------------------------------------------------------------------ and back */

void told_add(struct sim_buffer *told, char kind, const void *bytes, size_t n)
{
	const uint64_t size = n;
	sim_buffer_char(told, kind);
	sim_buffer_add(told, &size, sizeof size);
	if (n > 0)
		sim_buffer_add(told, bytes, n);
}

static void payload_words(struct sim_buffer *out, const char *bytes, size_t n)
{
	const size_t shown = n < WORDS_PAYLOAD_MAX ? n : WORDS_PAYLOAD_MAX;
	bool quoted = false;
	for (size_t i = 0; i < shown; i++) {
		const unsigned char c = (unsigned char)bytes[i];
		const bool plain = c >= 0x20 && c < 0x7f && c != '\'';
		if (plain != quoted)
			sim_buffer_text(out, plain ? " '" : "'");
		quoted = plain;
		if (plain)
			sim_buffer_char(out, (char)c);
		else
			sim_buffer_printf(out, " %02X", c);
	}
	if (quoted)
		sim_buffer_char(out, '\'');
	if (shown < n)
		sim_buffer_printf(out, " ... %zu bytes", n);
}

char *told_words(const struct sim_buffer *told)
{
	struct sim_buffer out = { .n = 0 };
	for (size_t at = 0; at < told->n;) {
		uint64_t n;
		memcpy(&n, told->data + at + 1, sizeof n);
		sim_buffer_printf(&out, "%c{", told->data[at]);
		payload_words(&out, told->data + at + 1 + sizeof n, n);
		sim_buffer_text(&out, "} ");
		at += 1 + sizeof n + n;
	}
	sim_buffer_char(&out, '\0');
	return out.data;
}

char *frames_words(const struct sim_buffer *frames)
{
	struct sim_buffer out = { .n = 0 };
	for (size_t at = 0; at + 2 <= frames->n;) {
		const unsigned char *head = (const unsigned char *)frames->data + at;
		uint64_t n = head[1];
		const size_t size = n < 126 ? 2 : n == 126 ? 4 : 10;
		for (size_t i = 2; i < size; i++)
			n = (i == 2 ? 0 : n << 8) | head[i];
		sim_buffer_printf(&out, "{%02X", head[0]);
		payload_words(&out, (const char *)head + size, n);
		sim_buffer_text(&out, "} ");
		at += size + n;
	}
	sim_buffer_char(&out, '\0');
	return out.data;
}
