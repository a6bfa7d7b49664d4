/* strange.c - frames that come whole and are not what they should be. */
#include "tests/simulation/trial_private.h"

#include <string.h>

#define DIGITS_TOO_MANY "9999999999999999999999999999999999999999"

static void put(struct sim_buffer *out, bc_str a, const char *between, bc_str b)
{
	sim_buffer_str(out, a);
	sim_buffer_text(out, between);
	sim_buffer_str(out, b);
}

static void split(bc_str text, size_t at, bc_str *a, bc_str *b)
{
	*a = (bc_str){ text.p, at };
	*b = (bc_str){ text.p + at, text.n - at };
}

/* The last place of `what`; text.n: there is none. */
static size_t last_of(bc_str text, const char *what)
{
	size_t n = strlen(what);
	for (size_t at = text.n < n ? 0 : text.n - n + 1; at-- > 0;) {
		if (memcmp(text.p + at, what, n) == 0)
			return at;
	}
	return text.n;
}

/* A brace behind the first, by chance; text.n: there is none. The first words stay in their place.
 */
static size_t some_brace(struct gateway *g, bc_str text)
{
	size_t n = 0, at = text.n;
	for (size_t i = 0, first = 1; i < text.n; i++) {
		if (text.p[i] != '{')
			continue;
		if (!first && dice_between(&g->dice, 0, (int64_t)n++) == 0)
			at = i;
		first = 0;
	}
	return at;
}

/* In its first words it is what it was, and so is what it says. */
bc_str strange_fields(struct gateway *g, bc_str payload, struct sim_buffer *text)
{
	bc_str a, b;
	size_t brace, end = last_of(payload, "}");
	if (end == payload.n || !fault_hits(g, FAULT_UNKNOWN_FIELDS))
		return payload;
	brace = dice_hits(&g->dice, 500000) ? some_brace(g, payload) : payload.n;
	split(payload, brace < payload.n ? brace + 1 : end, &a, &b);
	put(text, a,
	    brace < payload.n ? "\"brandNew\":{\"E\":[1,-2.5e3,null,true,{\"s\":\"\\u00e9\"}]},"
			      : ",\"brandNew\":[{\"s\":\"\"},[]],\"also\":\"}\"",
	    b);
	return text->failed ? payload : (bc_str){ text->data, text->n };
}

/* What nobody can do without has another name. */
static bool missing(struct gateway *g, bc_str payload, struct sim_buffer *text)
{
	const char *const *needed = g->t->model->needed;
	size_t n = 0, start;
	while (needed[n] != NULL)
		n++;
	if (n == 0)
		return false;
	start = (size_t)dice_between(&g->dice, 0, (int64_t)n - 1);
	for (size_t i = 0; i < n; i++) {
		const char *key = needed[(start + i) % n];
		size_t at = last_of(payload, key);
		bc_str a, b;
		if (at == payload.n)
			continue;
		split(payload, at, &a, &b);
		b.p += strlen(key);
		b.n -= strlen(key);
		put(text, a, "\"_\":", b);
		return !text->failed;
	}
	return false;
}

static bool too_large(struct gateway *g, bc_str payload, struct sim_buffer *text)
{
	for (const char *const *before = g->t->model->numbers; *before != NULL; before++) {
		size_t at = last_of(payload, *before);
		bc_str a, b;
		if (at == payload.n)
			continue;
		split(payload, at + strlen(*before), &a, &b);
		put(text, a, DIGITS_TOO_MANY, b);
		return !text->failed;
	}
	return false;
}

bool strange_book(struct gateway *g, bc_str payload, struct sim_buffer *text)
{
	if (!g->t->model->is_book(payload))
		return false;
	if (fault_hits(g, FAULT_MISSING_FIELD))
		return missing(g, payload, text);
	return fault_hits(g, FAULT_TOO_LARGE) && too_large(g, payload, text);
}

const char *strange_frame(struct gateway *g)
{
	static const char *const nonsense[] = { "not JSON {", "[]", "{}", "",
						"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[" };
	size_t n = sizeof nonsense / sizeof *nonsense;
	if (!fault_hits(g, FAULT_STRANGE))
		return NULL;
	if (dice_hits(&g->dice, 700000))
		return g->t->model->strange;
	return nonsense[dice_between(&g->dice, 0, (int64_t)n - 1)];
}

/* An error in the place of what was asked for; false: this exchange has none that goes on. */
bool strange_refusal(struct gateway *g, bc_str asked, struct sim_buffer *text)
{
	size_t at = last_of(asked, "\"id\":"), end = last_of(asked, "}");
	if (!g->t->model->refuses || at == asked.n || end <= at || !fault_hits(g, FAULT_NACK))
		return false;
	sim_buffer_text(text, "{\"error\":{\"code\":-1001,\"msg\":\"by fault\"},");
	sim_buffer_add(text, asked.p + at, end - at);
	sim_buffer_text(text, "}");
	return !text->failed;
}
