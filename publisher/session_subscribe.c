/* session_subscribe.c - who is carried by which connection, and the frames that say so.
 *
 * A symbol has one connection on each line that carries one of its channels; connections are
 * made as they fill up. Every connection carries the canary, too: it always trades, so silence
 * means that the connection is dead and not that the market is quiet. */
#include "publisher/session_private.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ who is carried where */

static uint32_t symbols_a_connection(const struct session *s, uint16_t line)
{
	uint32_t max = s->x->lines[line].max_streams;
	uint32_t each = s->lines[line].streams_a_symbol;
	if (max == 0)
		return UINT32_MAX;
	return max / each > 1 ? max / each - 1 : 1; /* one place is the canary's */
}

static bc_status connection_with_room(struct session *s, uint16_t line, uint32_t *out)
{
	uint32_t room = symbols_a_connection(s, line);
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (s->connections[i].line == line && s->connections[i].n_symbols < room) {
			*out = i;
			return BC_OK;
		}
	}
	return connection_add(s, line, out);
}

bc_status subscribe_assign(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	for (uint16_t line = 0; line < s->x->n_lines; line++) {
		uint32_t id;
		if (s->lines[line].streams_a_symbol == 0)
			continue;
		bc_status rc = connection_with_room(s, line, &id);
		if (rc != BC_OK) {
			subscribe_release(s, symbol);
			return rc;
		}
		sym->on[line] = id;
		s->connections[id].n_symbols++;
		subscribe_again(s, id);
	}
	return BC_OK;
}

/* Where frames only add, the exchange goes on sending what is not wanted any more until the
 * connection is made anew; it is ignored. */
void subscribe_release(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	for (uint16_t line = 0; line < s->x->n_lines; line++) {
		uint32_t id = sym->on[line];
		sym->on[line] = NOBODY;
		if (id == NOBODY)
			continue;
		s->connections[id].n_symbols--;
		if (s->x->lines[line].mode == BC_SUBSCRIBE_REPLACES)
			subscribe_again(s, id);
	}
}

/* ------------------------------------------------------------------ asking for it */

void subscribe_again(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN)
		return; /* opening it will */
	c->subscribing = true;
	c->cursor = 0;
	c->nonce = ++s->random;
	c->subscribe_at = s->now.mono;
}

/* A new subscription makes the exchange send every book again, which heals whatever is in doubt;
 * spaced out, so that an exchange that stays wrong is not asked all day. */
void subscribe_resync(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN || c->subscribing)
		return;
	bc_mono_time earliest = BUDGET_NOW;
	if (c->resynced_at.ns != INT64_MIN)
		earliest = mono_plus(c->resynced_at, RESYNC_SPACING_NS);
	c->subscribing = true;
	c->cursor = 0;
	c->nonce = ++s->random;
	c->subscribe_at = earliest;
	c->resynced_at = earliest.ns > s->now.mono.ns ? earliest : s->now.mono;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].on[c->line] == connection)
			s->symbols[i].subscribed &= ~(1u << c->line);
	}
	s->count.resyncs++;
}

/* The symbols this subscription names, into s->names. */
static size_t collect(struct session *s, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	bool all = s->x->lines[c->line].mode == BC_SUBSCRIBE_REPLACES;
	bool canary = s->x->canary != NULL && (all || !c->canary_sent);
	size_t n = 0;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != connection)
			continue;
		if (canary && bc_str_is(sym->name, s->x->canary))
			canary = false;
		if (all || (sym->subscribed & (1u << c->line)) == 0)
			s->names[n++] = sym->name;
	}
	if (canary)
		s->names[n++] = bc_str_of(s->x->canary);
	return n;
}

static void subscribed(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	c->subscribing = false;
	c->canary_sent = true;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != connection)
			continue;
		sym->subscribed |= 1u << c->line;
		symbol_subscribed(s, i);
	}
}

static bc_status larger_frame(struct session *s)
{
	size_t cap = s->frame_cap * 2;
	char *frame = cap > FRAME_MAX_BYTES ? NULL : realloc(s->frame, cap);
	if (frame == NULL)
		return BC_ENOMEM;
	s->frame = frame;
	s->frame_cap = cap;
	return BC_OK;
}

/* The next frame of the subscription, in s->frame. BC_ENOTFOUND: that was all. */
static bc_status next_frame(struct session *s, uint32_t connection, size_t *len)
{
	struct connection *c = &s->connections[connection];
	size_t n = collect(s, connection);
	if (n == 0)
		return BC_ENOTFOUND;
	struct bc_subscription want = { .line = c->line,
					.connection = c->index,
					.symbols = s->names,
					.n_symbols = n,
					.channels = s->channels & s->x->lines[c->line].channels,
					.intervals = s->o.intervals,
					.levels = s->o.levels,
					.nonce = c->nonce };
	bc_status rc;
	do {
		rc = s->x->subscribe(s->adapter, &want, &c->cursor, s->frame, s->frame_cap, len);
	} while (rc == BC_ERANGE && larger_frame(s) == BC_OK);
	return rc;
}

void subscribe_tick(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	while (c->subscribing && c->phase == PHASE_OPEN &&
	       subscribe_deadline(s, c).ns <= s->now.mono.ns) {
		size_t len = 0;
		bc_status rc = next_frame(s, connection, &len);
		if (rc == BC_ENOTFOUND) {
			subscribed(s, connection);
			return;
		}
		if (rc == BC_OK)
			rc = s->act.send(s->act.self, connection, (bc_str){ s->frame, len });
		if (rc != BC_OK) {
			connection_give_up(s, connection, BC_REASON_DISCONNECTED,
					   bc_status_text(rc));
			return;
		}
		budget_spend(&c->per_s, s->now.mono);
		budget_spend(&c->per_min, s->now.mono);
		s->count.sends++;
	}
}

bc_mono_time subscribe_deadline(const struct session *s, const struct connection *c)
{
	(void)s;
	if (!c->subscribing)
		return MONO_NEVER;
	bc_mono_time next = c->subscribe_at;
	if (budget_next(&c->per_s).ns > next.ns)
		next = budget_next(&c->per_s);
	if (budget_next(&c->per_min).ns > next.ns)
		next = budget_next(&c->per_min);
	return next;
}
