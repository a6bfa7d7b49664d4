/* session_shard.c - which symbols are ours, and when those that are ours no more may go.
 *
 * A symbol of another shard is served on until the gateway it belongs to has listed it, fit to
 * trade on, for some time without a break: those who subscribe have heard both by then. Whether
 * it does is for the driver to find out. Where it never does, the symbol stays. */
#include "publisher/session_private.h"

bool shard_owns(const struct session *s, bc_str name)
{
	if (s->o.shard == BC_SHARD_NONE || s->o.division == NULL)
		return s->o.shard != BC_SHARD_NONE;
	return bc_division_owner(s->o.division, name) == s->o.shard;
}

void shard_settle(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	bool leaving = !shard_owns(s, sym->name);
	if (leaving == sym->aside->leaving)
		return;
	sym->aside->leaving = leaving;
	sym->aside->elsewhere = false;
	s->n_leaving += leaving ? 1 : UINT32_MAX;
}

void shard_symbol_gone(struct session *s, uint32_t id)
{
	s->n_leaving -= s->symbols[id].aside->leaving;
}

static bc_mono_time leaves_at(const struct session *s, const struct symbol *sym)
{
	bool goes = sym->name.p != NULL && sym->aside->leaving && sym->aside->elsewhere;
	return goes ? mono_plus(sym->aside->elsewhere_at, s->o.linger_ns) : MONO_NEVER;
}

static void look_when_to_leave(struct session *s)
{
	s->leave_at = MONO_NEVER;
	for (uint32_t i = 0; s->n_leaving > 0 && i < s->symbol_limit; i++)
		s->leave_at = mono_min(s->leave_at, leaves_at(s, &s->symbols[i]));
}

void shard_doubt(struct session *s)
{
	for (uint32_t i = 0; s->n_leaving > 0 && i < s->symbol_limit; i++)
		s->symbols[i].aside->elsewhere = false;
	s->leave_at = MONO_NEVER;
}

void shard_tick(struct session *s)
{
	uint32_t n = 0;
	if (s->now.mono.ns < s->leave_at.ns)
		return;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (leaves_at(s, &s->symbols[i]).ns > s->now.mono.ns)
			continue;
		symbol_drop(s, i);
		n++;
	}
	look_when_to_leave(s);
	if (n > 0)
		session_log(s, BC_LOG_INFO, "shard.handed-over", BC_LOG_U("symbols", n),
			    BC_LOG_U("left", s->n_leaving));
}

bc_mono_time shard_deadline(const struct session *s)
{
	return s->leave_at;
}

/* ------------------------------------------------------------------ inputs */

void session_reshard(struct session *s, struct session_now now, const struct bc_division *division,
		     uint32_t shard)
{
	session_begin(s, now);
	s->o.division = division;
	s->o.shard = shard;
	directory_reconcile(s); /* what cannot be followed has been told */
	look_when_to_leave(s);
	session_log(s, BC_LOG_INFO, "shard.divided", BC_LOG_U("symbols", s->n_symbols),
		    BC_LOG_U("leaving", s->n_leaving), BC_LOG_U("wanted", s->n_wanted));
}

void session_linger(struct session *s, int64_t linger_ns)
{
	s->o.linger_ns = linger_ns;
	look_when_to_leave(s);
}

void session_elsewhere(struct session *s, struct session_now now, uint32_t symbol, bool fit)
{
	session_begin(s, now);
	if (symbol >= s->symbol_limit || s->symbols[symbol].name.p == NULL)
		return;
	struct symbol *sym = &s->symbols[symbol];
	if (!sym->aside->leaving || sym->aside->elsewhere == fit)
		return;
	sym->aside->elsewhere = fit;
	sym->aside->elsewhere_at = now.mono;
	s->leave_at = mono_min(s->leave_at, leaves_at(s, sym));
}

uint32_t session_release(struct session *s, struct session_now now)
{
	uint32_t n = s->n_leaving;
	session_begin(s, now);
	for (uint32_t i = 0; s->n_leaving > 0 && i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].aside->leaving)
			symbol_drop(s, i);
	}
	look_when_to_leave(s);
	return n;
}

/* ------------------------------------------------------------------ what can be asked */

uint32_t session_wanted(const struct session *s)
{
	return s->n_wanted;
}

bool session_awaits_listing(const struct session *s)
{
	return s->awaits_listing;
}

uint32_t session_leaving(const struct session *s)
{
	return s->n_leaving;
}
