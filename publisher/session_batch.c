/* session_batch.c - whom the next subscription names: in batches, by their names.
 *
 * Copies of names, for whoever is to be named may be gone before it is said. On a line that
 * replaces, a batch is everybody; on one that adds, as many as fit a frame, and who is taken back
 * goes first, to make room. */
#include "publisher/session_batch.h"

#include <stdlib.h>
#include <string.h>

uint32_t subscribe_batch(const struct session *s, uint16_t line)
{
	uint32_t streams = s->x->lines[line].frame_streams;
	uint32_t each = s->lines[line].streams_a_symbol;
	if (streams == 0 || each == 0)
		return BATCH_SYMBOLS;
	return streams > each ? streams / each : 1;
}

/* ------------------------------------------------------------------ names */

bc_status names_put(struct names *names, bc_str name)
{
	if (names->n == names->room) {
		uint32_t room = names->room == 0 ? 16 : names->room * 2;
		char **texts = realloc(names->texts, room * sizeof *texts);
		if (texts == NULL)
			return BC_ENOMEM;
		names->texts = texts;
		names->room = room;
	}
	char *copy = malloc(name.n + 1);
	if (copy == NULL)
		return BC_ENOMEM;
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	names->texts[names->n++] = copy;
	return BC_OK;
}

void names_clear(struct names *names)
{
	while (names->n > 0)
		free(names->texts[--names->n]);
}

void names_free(struct names *names)
{
	names_clear(names);
	free(names->texts);
	*names = (struct names){ 0 };
}

/* ------------------------------------------------------------------ batches */

void batch_end(struct connection *c)
{
	names_clear(&c->batch.names);
	c->batch.going = c->batch.unanswered = c->batch.look = false;
}

void batch_forget(struct batch *b, uint32_t symbol)
{
	for (uint32_t i = 0; i < b->names.n; i++) {
		if (b->symbols[i] == symbol)
			b->symbols[i] = NOBODY;
	}
}

static bc_status batch_put(struct batch *b, bc_str name, uint32_t symbol)
{
	if (b->names.n == b->room) {
		uint32_t room = b->room == 0 ? 64 : b->room * 2;
		uint32_t *symbols = realloc(b->symbols, room * sizeof *symbols);
		if (symbols == NULL)
			return BC_ENOMEM;
		b->symbols = symbols;
		b->room = room;
	}
	b->symbols[b->names.n] = symbol;
	return names_put(&b->names, name);
}

static void names_drop(struct names *names, uint32_t n) /* the first ones */
{
	for (uint32_t i = 0; i < n; i++)
		free(names->texts[i]);
	names->n -= n;
	memmove(names->texts, names->texts + n, names->n * sizeof *names->texts);
}

static bc_status batch_take_back(const struct session *s, struct connection *c)
{
	struct batch *b = &c->batch;
	uint32_t most = subscribe_batch(s, c->line), n = c->gone.n < most ? c->gone.n : most;
	bc_status rc = BC_OK;
	b->takes_back = true;
	while (b->names.n < n && rc == BC_OK)
		rc = batch_put(b, bc_str_of(c->gone.texts[b->names.n]), NOBODY);
	names_drop(&c->gone, b->names.n);
	return rc;
}

/* It is carried by this connection, as asked for. */
static void symbol_carried(struct session *s, struct connection *c, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	*subscribed_by(sym, c) |= 1u << c->line;
	if (c->successor)
		return;
	sym->missing &= ~(1u << c->line);
	if (carry_begins(s, c->line))
		sym->heard &= ~(1u << c->line);
	sym->aside->subscribed_at = s->now.mono;
	symbol_subscribed(s, id);
}

/* Who was to be taken back is wanted again: nothing is to be said, for what is carried goes on. Not
 * where books begin in the stream alone, for then they would not begin, nor where it does not. */
static bool came_back(struct session *s, struct connection *c, const char *name)
{
	uint32_t id = bc_name_find(&s->by_name, bc_str_of(name)), bit = 1u << c->line;
	if (id == BC_NAME_NONE || !carried(s, &s->symbols[id], (uint32_t)(c - s->connections)) ||
	    (*asked_by(&s->symbols[id], c) & bit) != 0 ||
	    (!c->successor && (s->symbols[id].aside->again & bit) != 0))
		return false;
	*asked_by(&s->symbols[id], c) |= bit;
	symbol_carried(s, c, id);
	return true;
}

static void cancel_out(struct session *s, struct connection *c)
{
	struct names *gone = &c->gone;
	uint32_t n = 0;
	if (s->x->sync == NULL)
		return;
	for (uint32_t i = 0; i < gone->n; i++) {
		if (came_back(s, c, gone->texts[i]))
			free(gone->texts[i]);
		else
			gone->texts[n++] = gone->texts[i];
	}
	gone->n = n;
}

/* Is anybody to be named who was not, on a line that replaces? */
static bool has_news(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	bool news = c->anew;
	for (uint32_t i = 0; i < s->symbol_limit && !news; i++) {
		struct symbol *sym = &s->symbols[i];
		news = carried(s, sym, connection) && (*asked_by(sym, c) & (1u << c->line)) == 0;
	}
	return news;
}

/* Everybody on a line that replaces; on one that adds some of those that were not asked yet. */
static bc_status batch_subscribe(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	struct batch *b = &c->batch;
	uint32_t bit = 1u << c->line, max = adds(s, c) ? c->batch_max : UINT32_MAX;
	bool canary = s->x->canary != NULL && (!adds(s, c) || !c->canary_sent);
	for (uint32_t i = 0; i < s->symbol_limit && b->names.n < max; i++) {
		struct symbol *sym = &s->symbols[i];
		if (!carried(s, sym, connection) || (adds(s, c) && (*asked_by(sym, c) & bit) != 0))
			continue;
		if (batch_put(b, sym->name, i) != BC_OK)
			return BC_ENOMEM;
		b->canary = b->canary || (canary && bc_str_is(sym->name, s->x->canary));
		*asked_by(sym, c) |= bit;
		sym->aside->again &= c->successor ? UINT32_MAX : ~bit;
	}
	if (!canary || b->canary || b->names.n >= max)
		return BC_OK; /* where it found no place, it is the next one's */
	b->canary = batch_put(b, bc_str_of(s->x->canary), NOBODY) == BC_OK;
	return b->canary ? BC_OK : BC_ENOMEM;
}

/* What is taken back goes first, to make room. */
bc_status batch_begin(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	struct batch *b = &c->batch;
	names_clear(&b->names);
	b->takes_back = b->canary = b->unanswered = b->look = false;
	b->repeats = 0;
	b->cursor = b->cursor_was = 0;
	if (adds(s, c))
		cancel_out(s, c);
	else if (!has_news(s, connection))
		return BC_ENOTFOUND;
	bc_status rc = c->gone.n > 0 ? batch_take_back(s, c) : batch_subscribe(s, connection);
	c->anew = rc != BC_OK;
	b->going = b->names.n > 0 && (rc == BC_OK || adds(s, c));
	if (b->going)
		return BC_OK; /* the rest, if any, is the next one's */
	return rc == BC_OK ? BC_ENOTFOUND : rc;
}

void batch_done(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	struct batch *b = &c->batch;
	c->canary_sent = c->canary_sent || b->canary;
	for (uint32_t i = 0; !b->takes_back && i < b->names.n; i++) {
		if (b->symbols[i] != NOBODY)
			symbol_carried(s, c, b->symbols[i]);
	}
	uint32_t most = subscribe_batch(s, c->line);
	c->batch_max = c->batch_max < most / 2 ? c->batch_max * 2 : most;
	c->mute_at = mono_plus(s->now.mono, s->o.first_data_after_ns);
	batch_end(c);
	c->subscribing = adds(s, c); /* to see if there is more */
}
