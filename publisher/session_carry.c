/* session_carry.c - who is carried by which connection, and who has been heard there.
 *
 * A symbol has one connection on each line that carries one of its channels; connections are
 * made as they fill up. Every connection carries the canary, too: it always trades, so silence
 * means that the connection is dead and not that the market is quiet. */
#include "publisher/session_private.h"

/* Of these an exchange sends something within seconds for whatever is traded at all. */
#define SPEAKS_ALWAYS                                                       \
	(BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) | \
	 BC_CHANNEL_BIT(BC_CHANNEL_TICKER))

/* ------------------------------------------------------------------ who is carried where */

static uint32_t symbols_a_connection(const struct session *s, uint16_t line)
{
	uint32_t max = s->x->lines[line].max_streams;
	uint32_t each = s->lines[line].streams_a_symbol;
	if (max == 0)
		return UINT32_MAX;
	return max / each > 1 ? max / each - 1 : 1; /* one place is the canary's */
}

/* Its successor; NOBODY: it has none. */
static uint32_t twin_of(const struct session *s, uint32_t connection)
{
	const struct handover *h = s->connections[connection].handover;
	return h != NULL && h->old == connection ? h->successor : NOBODY;
}

static bc_status connection_with_room(struct session *s, uint16_t line, uint32_t *out)
{
	uint32_t room = symbols_a_connection(s, line);
	for (uint32_t i = 0; i < s->n_connections; i++) {
		const struct connection *c = &s->connections[i];
		if (c->line == line && c->phase != PHASE_IDLE && !c->successor && !c->retired &&
		    c->n_symbols + c->n_gone < room) {
			*out = i;
			return BC_OK;
		}
	}
	bc_status rc = connection_idle(s, line, out);
	if (rc == BC_OK)
		connection_wake(s, *out);
	return rc;
}

bc_status carry_assign(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	for (uint16_t line = 0; line < s->x->n_lines; line++) {
		uint32_t id;
		if (s->lines[line].streams_a_symbol == 0)
			continue;
		bc_status rc = connection_with_room(s, line, &id);
		if (rc != BC_OK) {
			carry_release(s, symbol);
			return rc;
		}
		sym->on[line] = id;
		sym->missing |= 1u << line;
		if (s->connections[id].dropped_at.ns != 0)
			sym->aside->old_until =
				mono_plus(s->connections[id].dropped_at, OLD_BOOKS_NS);
		s->connections[id].n_symbols++;
		subscribe_again(s, id);
		if (twin_of(s, id) != NOBODY)
			subscribe_again(s, twin_of(s, id));
	}
	return BC_OK;
}

void carry_release(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	for (uint16_t line = 0; line < s->x->n_lines; line++) {
		uint32_t id = sym->on[line];
		if (id == NOBODY)
			continue;
		subscribe_take_back(s, id, symbol);
		if (twin_of(s, id) != NOBODY)
			subscribe_take_back(s, twin_of(s, id), symbol);
		sym->on[line] = NOBODY;
		s->connections[id].n_symbols--;
	}
	handover_symbol_gone(s, symbol);
}

/* ------------------------------------------------------------------ who is heard where */

/* The canary comes on every connection, and what is not wanted any more comes for a while. */
bool carry_heard(struct session *s, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	uint16_t line = s->connections[s->current].line;
	if (sym->on[line] != s->current) {
		s->count.ignored++;
		return false;
	}
	sym->heard |= 1u << line;
	return true;
}

static bool speaks_always(const struct session *s, uint16_t line)
{
	return (s->channels & s->x->lines[line].channels & SPEAKS_ALWAYS) != 0;
}

/* Acknowledged does not mean served: an exchange may accept a name it does not know there, and
 * stay silent. That the connection and the symbol's other lines speak makes it worth a word. */
static void look_for_mute(struct session *s, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	uint32_t bit = 1u << c->line;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != connection ||
		    (sym->subscribed & bit) == 0 ||
		    ((sym->heard | sym->aside->told_mute) & bit) != 0 || (sym->heard & ~bit) == 0 ||
		    s->now.mono.ns <
			    mono_plus(sym->aside->subscribed_at, s->o.first_data_after_ns).ns)
			continue;
		sym->aside->told_mute |= bit;
		session_log(s, BC_LOG_WARN, "symbol.mute", BC_LOG_B("symbol", sym->name),
			    BC_LOG_S("line", s->x->lines[c->line].name),
			    BC_LOG_S("path", s->x->lines[c->line].path),
			    BC_LOG_S("hint", "subscribed, and its other lines speak, but nothing "
					     "comes here: served on another path, or spelled "
					     "otherwise?"));
	}
}

/* Where frames add, it is taken back and asked for: not where it comes, for that would break it.
 * Where they replace, all is said again. */
void carry_ask_again(struct session *s, uint32_t symbol)
{
	const struct symbol *sym = &s->symbols[symbol];
	for (uint16_t line = 0; line < s->x->n_lines; line++) {
		uint32_t bit = 1u << line, on = sym->on[line];
		bool mute = s->sync.on && line == s->sync.line && !sym->sync.heard;
		if (on == NOBODY)
			continue;
		if (s->x->lines[line].mode != BC_SUBSCRIBE_ADDS)
			subscribe_resync(s, on, symbol);
		else if (mute || (sym->missing & bit) != 0 || (sym->heard & bit) == 0)
			subscribe_anew(s, on, symbol);
	}
}

bool carry_begins(const struct session *s, uint16_t line)
{
	return s->x->lines[line].mode == BC_SUBSCRIBE_REPLACES &&
	       (s->proof_channels & SPEAKS_ALWAYS) != 0 && speaks_always(s, line);
}

/* What was fit and has not come again since the last subscription is not served by it: it may have
 * been delisted then, and listed again since. */
static void look_for_unserved(struct session *s, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	uint32_t bit = 1u << c->line;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != connection ||
		    (sym->subscribed & bit) == 0 || (sym->heard & bit) != 0 ||
		    !bc_state_fit(sym->state))
			continue;
		session_log(s, BC_LOG_WARN, "symbol.unserved", BC_LOG_B("symbol", sym->name),
			    BC_LOG_S("line", s->x->lines[c->line].name),
			    BC_LOG_T("waited", s->now.mono.ns - sym->aside->subscribed_at.ns),
			    BC_LOG_S("hint", "it did not come again when all was subscribed anew"));
		symbol_doubt(s, i, BC_REASON_NO_DATA, SESSION_ALL_CHANNELS);
		carry_ask_again(s, i);
	}
}

void carry_tick(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	if (s->now.mono.ns < c->mute_at.ns)
		return;
	c->mute_at = MONO_NEVER;
	if (c->proven && s->x->n_lines > 1 && speaks_always(s, c->line))
		look_for_mute(s, connection);
	if (c->proven && carry_begins(s, c->line))
		look_for_unserved(s, connection);
}
