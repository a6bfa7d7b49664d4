/* load_frames.c - messages of the exchange, ready to be sent again and again. */
#include "bench/load.h"

#include <stdlib.h>
#include <string.h>

/* Where an exchange writes what we write anew. After `before` (and `then`, if any, which follows
 * later) a number begins. */
struct place {
	const char *before, *then;
};

static const struct place marks[] = {
	{ "\"ask_size\":", NULL },                                   /* Upbit: of the best ask */
	{ "\"as\":", NULL },                                         /* the same, SIMPLE */
	{ "\"trade_volume\":", NULL },                               /* a trade */
	{ "\"tv\":", NULL },           { "\"asks\":[[\"", "\",\"" }, /* Binance, partial books */
};
static const struct place times[] = { { "\"timestamp\":", NULL }, { "\"tms\":", NULL } };
static const struct place numbers[] = {
	{ "\"sequential_id\":", NULL },
	{ "\"sid\":", NULL },
	{ "\"lastUpdateId\":", NULL },
};

#define TIME_DIGITS 13 /* ms */

/* The characters of a number at one of these places. */
static bool find(const char *text, const struct place *places, size_t n, struct load_patch *out)
{
	for (size_t i = 0; i < n; i++) {
		const char *at = strstr(text, places[i].before);
		if (at != NULL)
			at += strlen(places[i].before);
		if (at != NULL && places[i].then != NULL &&
		    (at = strstr(at, places[i].then)) != NULL)
			at += strlen(places[i].then);
		if (at == NULL)
			continue;
		*out = (struct load_patch){ (uint32_t)(at - text),
					    (uint32_t)strspn(at, "0123456789.eE+-") };
		return true;
	}
	return false;
}
#define FIND(text, places, out) find(text, places, sizeof places / sizeof *(places), out)

static struct load_frame *room(struct load_frames *f)
{
	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 256 : 2 * f->cap;
		struct load_frame *all = realloc(f->all, cap * sizeof *all);
		if (all == NULL)
			return NULL;
		f->all = all;
		f->cap = cap;
	}
	return &f->all[f->n];
}

/* The text with a mark in the place of the quantity that was there. */
static char *marked(bc_str payload, struct load_patch quantity, size_t *n)
{
	size_t behind = quantity.at + quantity.n;
	char *text = malloc(payload.n + LINE_MARK_DIGITS + 1);
	if (text == NULL)
		return NULL;
	memcpy(text, payload.p, quantity.at);
	line_mark_write(text + quantity.at, LINE_WARM);
	memcpy(text + quantity.at + LINE_MARK_DIGITS, payload.p + behind, payload.n - behind);
	*n = payload.n - quantity.n + LINE_MARK_DIGITS;
	text[*n] = '\0';
	return text;
}

static void shift(struct load_patch *p, size_t by)
{
	if (p->n > 0)
		p->at += (uint32_t)by;
}

static bool frame_of(struct load_frame *frame, const char *text, size_t n, enum ws_opcode opcode)
{
	char header[WS_HEADER_MAX];
	size_t n_header = ws_header(ws_first(opcode), n, header);
	if ((frame->bytes = malloc(n_header + n)) == NULL)
		return false;
	memcpy(frame->bytes, header, n_header);
	memcpy(frame->bytes + n_header, text, n);
	frame->n = (uint32_t)(n_header + n);
	shift(&frame->mark, n_header);
	shift(&frame->time, n_header);
	shift(&frame->number, n_header);
	return true;
}

bool load_frames_add(struct load_frames *f, bc_str payload)
{
	struct load_frame *frame = room(f);
	struct load_patch quantity;
	size_t n;
	char *copy = strndup(payload.p, payload.n);
	bool marks_it = copy != NULL && FIND(copy, marks, &quantity);
	char *text = marks_it ? marked(payload, quantity, &n) : NULL;
	bool ok = copy != NULL && frame != NULL && (!marks_it || text != NULL);
	if (ok && marks_it) {
		*frame = (struct load_frame){ .mark = { quantity.at, LINE_MARK_DIGITS } };
		if (!FIND(text, times, &frame->time) || frame->time.n != TIME_DIGITS)
			frame->time.n = 0;
		if (!FIND(text, numbers, &frame->number))
			frame->number.n = 0;
		ok = frame_of(frame, text, n, f->opcode);
		f->n += ok ? 1 : 0;
	}
	free(copy);
	free(text);
	return ok;
}

void load_frames_free(struct load_frames *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->all[i].bytes);
	free(f->all);
	*f = (struct load_frames){ .all = NULL };
}

static void write_digits(char *out, size_t n, uint64_t value)
{
	for (; n > 0; value /= 10)
		out[--n] = (char)('0' + value % 10);
}

void load_frame_set(const struct load_frame *f, int64_t mark, int64_t wall_ms, uint64_t number)
{
	line_mark_write(f->bytes + f->mark.at, mark);
	if (f->time.n > 0)
		write_digits(f->bytes + f->time.at, f->time.n, (uint64_t)wall_ms);
	if (f->number.n > 0) { /* its first digit stays, so that it does not get shorter */
		write_digits(f->bytes + f->number.at + 1, f->number.n - 1, number);
	}
}
