/* session_handover.c - a connection replaced by another before it ends: make before break.
 *
 *   one --its end is near--> two, the second connecting, subscribing, proving itself
 *       --nothing is left that only the first has--> one, the second
 *
 * While the first lives, its symbols depend on it alone, so a successor that fails costs nothing
 * and is tried again. When the first dies early, the successor takes over what it carries. */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ which connections */

/* When this one, just opened, is to be replaced. */
bc_mono_time handover_due(struct session *s, uint16_t line)
{
	int64_t life = s->x->lines[line].life_ns;
	if (life == 0)
		return MONO_NEVER;
	int64_t margin = life / 4 < HANDOVER_MARGIN_NS ? life / 4 : HANDOVER_MARGIN_NS;
	int64_t spread = life / 8 < HANDOVER_SPREAD_NS ? life / 8 : HANDOVER_SPREAD_NS;
	return mono_plus(s->now.mono, life - margin - spread_ns(spread, &s->random));
}

void handover_wanted(struct session *s, uint32_t connection, const char *why)
{
	struct connection *c = &s->connections[connection];
	if (c->successor) {
		connection_give_up(s, connection, BC_REASON_DISCONNECTED, why);
	} else if (c->phase == PHASE_OPEN && (c->handover == NULL || c->handover->old == NOBODY)) {
		c->replace_at = s->now.mono;
		c->replace_why = why;
	}
}

/* ------------------------------------------------------------------ beginning and end */

static void forget(struct session *s, struct handover *h)
{
	h->over = true; /* freed when nobody can be using it */
	h->look_at = s->now.mono;
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (s->connections[i].handover == h)
			s->connections[i].handover = NULL;
	}
}

static void begin(struct session *s, uint32_t old)
{
	uint32_t id;
	struct handover *h = calloc(1, sizeof *h);
	bc_status rc = h == NULL ? BC_ENOMEM : connection_idle(s, s->connections[old].line, &id);
	struct connection *c = &s->connections[old];
	const char *why = c->replace_why != NULL ? c->replace_why : "its life ends";
	int64_t side = c->replace_why != NULL ? HANDOVER_HURRY_NS : HANDOVER_SIDE_NS;
	c->replace_at = MONO_NEVER;
	c->replace_why = NULL;
	if (rc != BC_OK) {
		free(h);
		c->replace_at = mono_plus(s->now.mono, HANDOVER_TRY_NS);
		return;
	}
	if (c->handover != NULL) /* of the time when it was a successor itself */
		forget(s, c->handover);
	*h = (struct handover){ .old = old,
				.successor = id,
				.begun_at = s->now.mono,
				.side_by_side = MONO_NEVER,
				.side_ns = side,
				.look_at = s->now.mono,
				.n_streams = overlap_streams(s),
				.next = s->handovers };
	s->handovers = h;
	c->handover = s->connections[id].handover = h;
	connection_wake(s, id);
	s->connections[id].successor = true;
	session_log(s, BC_LOG_INFO, "handover.begun", BC_LOG_S("why", why),
		    BC_LOG_S("line", s->x->lines[c->line].name), BC_LOG_U("connection", c->index),
		    BC_LOG_U("successor", s->connections[id].index));
}

/* The successor is not one any more. */
static void call_off(struct session *s, struct handover *h)
{
	struct connection *c = &s->connections[h->successor];
	subscribe_reset(s, h->successor);
	forget(s, h);
	c->successor = false;
	connection_retire(s, h->successor, "not needed any more");
}

/* From now on the successor is the symbol's connection. Where it was heard beside the first for
 * long enough, or has linked, the book goes on; else it has to link. */
static void move(struct session *s, struct handover *h, uint32_t symbol, bool lasted)
{
	struct symbol *sym = &s->symbols[symbol];
	struct connection *c = &s->connections[h->successor];
	uint32_t bit = 1u << c->line;
	bool proof = (s->x->lines[c->line].channels & s->proof_channels) != 0;
	bool carried = (sym->aside->subscribed_next & bit) != 0;
	bool was = (sym->subscribed & bit) != 0;
	bool brought = overlap_brought(h, symbol);
	bool torn = overlap_torn(s, h, symbol);
	bool awaited = !c->proven || torn || (carry_begins(s, c->line) && !brought);
	sym->on[c->line] = h->successor;
	sym->heard |= brought ? bit : 0;
	c->n_symbols++;
	s->connections[h->old].n_symbols--;
	sym->aside->asked = (sym->aside->asked & ~bit) | (sym->aside->asked_next & bit);
	sym->subscribed = (sym->subscribed & ~bit) | (sym->aside->subscribed_next & bit);
	sym->aside->asked_next &= ~bit;
	sym->aside->subscribed_next &= ~bit;
	if (carried && (lasted || overlap_linked(h, symbol)))
		sync_stream_moved(s, symbol, h->old, h->successor);
	if (carried && proof && awaited) { /* asked for, and nothing has come by it yet */
		sym->proven = false;
		if (bc_state_fit(sym->state))
			symbol_doubt(s, symbol, BC_REASON_DISCONNECTED, SESSION_ALL_CHANNELS);
		if (torn)
			subscribe_resync(s, h->successor, symbol);
	}
	if (carried && was && !lasted) { /* what the first one owed, trades too, may be missing */
		history_lost(s, symbol);
		history_subscribed(s, symbol);
	}
	if (carried && !was) { /* it was still being asked for on the first */
		sym->missing &= ~bit;
		symbol_subscribed(s, symbol);
	} else if (!carried) {
		sym->missing |= bit;
		sym->proven = sym->proven && !proof;
		symbol_lost(s, symbol, BC_REASON_DISCONNECTED);
		if (c->phase == PHASE_OPEN) /* it may have been refused there */
			symbol_waits(s, symbol);
	}
}

static void take_over(struct session *s, struct handover *h)
{
	struct connection *c = &s->connections[h->successor];
	bool lasted = h->side_by_side.ns != INT64_MAX &&
		      s->now.mono.ns >= mono_plus(h->side_by_side, HANDOVER_LAG_NS).ns;
	c->successor = false;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].on[c->line] == h->old)
			move(s, h, i, lasted);
	}
	subscribe_again(s, h->successor);
	c->was_proven = true; /* stale, not connecting, if it is not proven yet */
	c->doubt = BC_REASON_DISCONNECTED;
	s->connections[h->old].handover = NULL;
	h->old = NOBODY;
	h->flush = h->n_held > 0;
	h->look_at = h->flush ? s->now.mono : mono_plus(s->now.mono, HANDOVER_AFTER_NS);
	s->count.handovers++;
}

static void finish(struct session *s, struct handover *h)
{
	const struct connection *c = &s->connections[h->old];
	uint32_t old = h->old;
	session_log(s, BC_LOG_INFO, "handover.done", BC_LOG_S("line", s->x->lines[c->line].name),
		    BC_LOG_U("connection", c->index),
		    BC_LOG_U("successor", s->connections[h->successor].index),
		    BC_LOG_T("took", s->now.mono.ns - h->begun_at.ns));
	take_over(s, h);
	connection_retire(s, old, "replaced");
}

/* ------------------------------------------------------------------ one of the two is lost */

/* The successor is lost. What it brought, the first one brings, too. */
static void begin_anew(struct session *s, struct handover *h)
{
	uint16_t line = s->connections[h->old].line;
	h->side_by_side = MONO_NEVER;
	overlap_restart(h);
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].on[line] == h->old)
			sync_stream_moved(s, i, h->successor, h->old);
	}
}

void handover_lost(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	struct handover *h = c->handover;
	c->replace_at = MONO_NEVER;
	if (h == NULL)
		return;
	const struct connection *other = &s->connections[h->successor];
	if (c->successor) {
		s->count.handover_failures++;
		begin_anew(s, h);
	} else if (h->old == NOBODY) {
		forget(s, h);
	} else if (other->phase == PHASE_OPEN || other->phase == PHASE_CONNECTING) {
		session_log(s, BC_LOG_WARN, "handover.early",
			    BC_LOG_S("line", s->x->lines[c->line].name),
			    BC_LOG_U("connection", c->index), BC_LOG_U("successor", other->index),
			    BC_LOG_U("held", h->n_held));
		take_over(s, h);
		c->retired = true;
	} else {
		call_off(s, h);
	}
}

/* Is what is being read from a successor, and not to be trusted? Then another is tried, and
 * nobody who relies on the first one is in doubt. */
bool handover_unfit(struct session *s, const char *why)
{
	if (s->current == NOBODY || !s->connections[s->current].successor)
		return false;
	connection_give_up(s, s->current, BC_REASON_GAP, why);
	return true;
}

void handover_call_off_all(struct session *s)
{
	for (struct handover *h = s->handovers; h != NULL; h = h->next) {
		if (!h->over && h->old != NOBODY)
			call_off(s, h);
		else if (!h->over)
			forget(s, h);
	}
}

void handover_symbol_gone(struct session *s, uint32_t symbol)
{
	for (struct handover *h = s->handovers; h != NULL; h = h->next)
		overlap_forget(h, symbol);
}

/* ------------------------------------------------------------------ events */

bool handover_takes(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	const struct connection *c = &s->connections[s->current];
	if (c->handover == NULL)
		return carry_heard(s, symbol);
	if (c->successor)
		return s->symbols[symbol].on[c->line] == c->handover->old &&
		       overlap_takes(s, c->handover, symbol, event);
	return carry_heard(s, symbol) && overlap_takes(s, c->handover, symbol, event);
}

void handover_taken(struct session *s, uint32_t symbol)
{
	const struct connection *c = &s->connections[s->current];
	if (c->handover != NULL && !c->successor && c->handover->old != NOBODY)
		overlap_release(s, c->handover, symbol);
}

/* ------------------------------------------------------------------ time passes */

/* The first symbol that the first connection brings and the successor does not; NOBODY. */
static uint32_t outstanding(const struct session *s, const struct handover *h)
{
	uint16_t line = s->connections[h->old].line;
	uint32_t bit = 1u << line;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[line] != h->old)
			continue;
		if (((sym->subscribed & bit) != 0 && (sym->aside->subscribed_next & bit) == 0) ||
		    !overlap_seen(h, i))
			return i;
	}
	return NOBODY;
}

static void look(struct session *s, struct handover *h)
{
	const struct connection *c = &s->connections[h->successor];
	bool complete = c->phase == PHASE_OPEN && c->proven && !c->subscribing;
	h->look_at = mono_plus(s->now.mono, HANDOVER_LOOK_NS);
	if (h->side_by_side.ns == INT64_MAX) {
		h->side_by_side = complete ? s->now.mono : MONO_NEVER;
		return;
	}
	if (!complete || s->now.mono.ns < mono_plus(h->side_by_side, h->side_ns).ns)
		return;
	uint32_t symbol = outstanding(s, h);
	if (symbol == NOBODY) {
		finish(s, h);
	} else if (s->now.mono.ns >= mono_plus(h->side_by_side, HANDOVER_TRY_NS).ns) {
		session_log(s, BC_LOG_WARN, "handover.incomplete",
			    BC_LOG_B("symbol", s->symbols[symbol].name),
			    BC_LOG_S("line", s->x->lines[c->line].name),
			    BC_LOG_S("hint", "the successor does not bring what the first does"));
		connection_give_up(s, h->successor, BC_REASON_NO_DATA, "not what the first brings");
	}
}

/* The first is gone: what waited for it goes on as it is. */
static void flush(struct session *s, struct handover *h)
{
	h->flush = false;
	h->look_at = mono_plus(s->now.mono, HANDOVER_AFTER_NS);
	for (uint32_t i = 0; i < s->symbol_limit && h->n_held > 0; i++)
		overlap_release(s, h, i);
}

static void free_those_over(struct session *s)
{
	struct handover **at = &s->handovers;
	while (*at != NULL) {
		struct handover *h = *at;
		if (!h->over) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		overlap_free(h);
		free(h);
	}
}

void handover_tick(struct session *s)
{
	for (uint32_t i = 0; i < s->n_connections; i++) {
		const struct connection *c = &s->connections[i];
		if (c->phase == PHASE_OPEN && !c->successor && s->now.mono.ns >= c->replace_at.ns)
			begin(s, i);
	}
	for (struct handover *h = s->handovers; h != NULL; h = h->next) {
		if (h->over || s->now.mono.ns < h->look_at.ns)
			continue;
		if (h->old != NOBODY)
			look(s, h);
		else if (h->flush)
			flush(s, h);
		else
			forget(s, h);
	}
	free_those_over(s);
}

bc_mono_time handover_deadline(const struct session *s)
{
	bc_mono_time next = MONO_NEVER;
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (s->connections[i].phase == PHASE_OPEN && !s->connections[i].successor)
			next = mono_min(next, s->connections[i].replace_at);
	}
	for (const struct handover *h = s->handovers; h != NULL; h = h->next)
		next = mono_min(next, h->look_at);
	return next;
}

void handovers_free(struct session *s)
{
	for (struct handover *h = s->handovers; h != NULL; h = h->next)
		h->over = true;
	free_those_over(s);
}
