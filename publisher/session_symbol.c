/* session_symbol.c - the symbols, their states, and who has been waiting for data too long.
 *
 *   connecting -> syncing -> live <-> quiet      the first book makes it live
 *                              |
 *                              v
 *                            stale -> live       until a good book comes again
 *   halted                                       what the exchange lists decides
 *
 * A symbol that was live once is never connecting or syncing again: what it showed may be wrong
 * now, so it is stale until it is right, and says why and since when. */
#include "publisher/session_private.h"

#include "common/blocks.h"

#include <stdlib.h>
#include <string.h>

#define UNSERVED_MAX 64 /* ten minutes, of feed.first_data_after each */

/* ------------------------------------------------------------------ waiting */

static bc_mono_time over_at(const struct session *s, const struct symbol *sym)
{
	return mono_plus(sym->waits_since,
			 sym->wait == WAIT_CHANGE ? s->o.quiet_after_ns : s->o.first_data_after_ns);
}

static void wait_leave(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	if (sym->wait != WAIT_NOTHING)
		due_drop(&s->waits[sym->wait], id);
	sym->wait = WAIT_NOTHING;
}

/* Who waits for the same already is only noted: it stays where it is in the heap, and is put right
 * when that time comes. So a message touches nothing but its symbol. */
static void wait_from_now(struct session *s, uint32_t id, enum wait wait)
{
	struct symbol *sym = &s->symbols[id];
	sym->waits_since = s->now.mono;
	if (sym->wait == wait)
		return;
	wait_leave(s, id);
	sym->wait = wait;
	due_set(&s->waits[wait], id, over_at(s, sym));
}

/* ------------------------------------------------------------------ coming and going */

/* A number for a new symbol: a free one, or the next. */
static bc_status new_number(struct session *s, uint32_t *out)
{
	for (uint32_t i = 0; i < s->symbol_limit && s->n_symbols < s->symbol_limit; i++) {
		if (s->symbols[i].name.p == NULL) {
			*out = i;
			return BC_OK;
		}
	}
	if (s->symbol_limit == s->symbol_capacity) {
		uint32_t room = s->symbol_capacity == 0 ? 64 : s->symbol_capacity * 2;
		struct symbol *symbols =
			bc_large_move(s->symbols, s->symbol_capacity * sizeof *symbols,
				      room * sizeof *symbols);
		if (symbols == NULL)
			return BC_ENOMEM;
		s->symbols = symbols;
		for (int wait = 0; wait < N_WAITS; wait++)
			if (due_room(&s->waits[wait], room) != BC_OK)
				return BC_ENOMEM;
		if (bc_blocks_reserve(&s->asides, room) != BC_OK)
			return BC_ENOMEM;
		bc_str *names = realloc(s->names, (room + 1) * sizeof *names);
		if (names == NULL)
			return BC_ENOMEM;
		s->names = names;
		s->symbol_capacity = room;
	}
	*out = s->symbol_limit++;
	s->symbols[*out] = (struct symbol){ .aside = bc_blocks_at(&s->asides, *out) };
	return BC_OK;
}

/* Best prices in a channel of their own. */
static bool has_bbo(const struct session *s)
{
	return (s->channels & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0;
}

bc_status symbol_follow(struct session *s, bc_str name)
{
	uint32_t id;
	if (bc_name_find(&s->by_name, name) != BC_NAME_NONE)
		return BC_OK;
	bc_status rc = s->n_symbols >= SYMBOLS_MAX ? BC_ERANGE : new_number(s, &id);
	if (rc != BC_OK)
		return rc;
	char *copy = malloc(name.n + 1);
	if (copy == NULL)
		return BC_ENOMEM;
	memcpy(copy, name.p, name.n);
	copy[name.n] = '\0';
	struct symbol *sym = &s->symbols[id];
	*sym->aside = (struct symbol_aside){ .asked = 0 };
	*sym = (struct symbol){ .name = { copy, name.n },
				.state = BC_STATE_CONNECTING,
				.since = s->now.wall,
				.wait = WAIT_NOTHING,
				.bbo_due = has_bbo(s),
				.aside = sym->aside };
	if (name.n <= NEAR_NAME)
		memcpy(sym->near, name.p, name.n);
	for (size_t line = 0; line < MAX_LINES; line++)
		sym->on[line] = NOBODY;
	s->n_symbols++;
	s->n_in[sym->state]++;
	if ((rc = bc_name_put(&s->by_name, sym->name, id)) != BC_OK ||
	    (rc = s->act.symbol_added(s->act.self, id, sym->name)) != BC_OK) {
		bc_name_remove(&s->by_name, sym->name);
		goto undo;
	}
	if ((rc = sync_added(s, id)) != BC_OK || (rc = carry_assign(s, id)) != BC_OK) {
		symbol_drop(s, id);
		return rc;
	}
	rest_want(s, JOB_TICKS);
	fallback_lost(s, id, BC_REASON_DISCONNECTED); /* until it is live */
	return BC_OK;
undo:
	s->n_symbols--;
	s->n_in[sym->state]--;
	free(copy);
	sym->name = (bc_str){ 0 };
	return rc;
}

void symbol_drop(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	wait_leave(s, id);
	shard_symbol_gone(s, id);
	sync_removed(s, id);
	fallback_over(s, id);
	rest_forget(s, id);
	s->act.symbol_removed(s->act.self, id);
	bc_name_remove(&s->by_name, sym->name);
	s->n_in[sym->state]--;
	s->n_symbols--;
	carry_release(s, id);
	free((char *)sym->name.p);
	sym->name = (bc_str){ 0 };
}

void symbols_free(struct session *s)
{
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL)
			sync_removed(s, i);
		free((char *)s->symbols[i].name.p);
	}
	bc_name_free(&s->by_name);
	free(s->symbols);
	bc_blocks_free(&s->asides);
	for (int wait = 0; wait < N_WAITS; wait++)
		due_free(&s->waits[wait]);
	free(s->names);
}

/* ------------------------------------------------------------------ states */

/* Several inputs share one look at the clock. Of two words of one symbol the later has the later
 * time, or who has missed one of them cannot tell which holds. */
static bc_wall_time since_now(const struct session *s, bc_wall_time before)
{
	bool same_look = before.ns >= s->now.wall.ns && before.ns - s->now.wall.ns < SAME_LOOK_NS;
	return same_look ? (bc_wall_time){ before.ns + 1 } : s->now.wall;
}

static void announce(struct session *s, uint32_t id, enum bc_state state, enum bc_reason reason,
		     enum session_scope scope)
{
	struct symbol *sym = &s->symbols[id];
	if (sym->state != state)
		sym->since = since_now(s, sym->since);
	struct session_change change = { .previous = sym->state,
					 .state = state,
					 .reason = reason,
					 .since = sym->since,
					 .scope = scope };
	s->count.state_changes += sym->state != state;
	s->n_in[sym->state]--;
	s->n_in[state]++;
	sym->state = state;
	sym->reason = reason;
	sym->bbo_due |= !bc_state_fit(state) && has_bbo(s);
	s->act.symbol_state(s->act.self, id, &change);
}

void symbol_set(struct session *s, uint32_t id, enum bc_state state, enum bc_reason reason,
		enum session_scope scope)
{
	const struct symbol *sym = &s->symbols[id];
	if (sym->state != state || sym->reason != reason)
		announce(s, id, state, reason, scope);
}

/* In doubt until a good book comes; the wait for it begins now. */
void symbol_doubt(struct session *s, uint32_t id, enum bc_reason reason, enum session_scope scope)
{
	struct symbol *sym = &s->symbols[id];
	sym->proven = false;
	if (sym->state == BC_STATE_HALTED || sym->state == BC_STATE_REST)
		return; /* what is polled is not what the stream says */
	if (scope == SESSION_ALL_CHANNELS)
		announce(s, id, BC_STATE_STALE, reason, scope); /* as in symbol_lost() */
	else
		symbol_set(s, id, BC_STATE_STALE, reason, scope);
	if (sym->wait != WAIT_FIRST_DATA)
		wait_from_now(s, id, WAIT_FIRST_DATA);
}

void symbol_lost(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct symbol *sym = &s->symbols[id];
	wait_leave(s, id);
	history_lost(s, id);
	if (sym->state == BC_STATE_HALTED)
		return;
	fallback_lost(s, id, reason);
	/* Said although it may be so already: what came since is in doubt, too. */
	if (sym->state == BC_STATE_REST && reason != BC_REASON_CLOCK)
		announce(s, id, BC_STATE_REST, reason, SESSION_BOOK_ONLY);
	else if (sym->had_data || reason == BC_REASON_NO_DATA) /* asked for, and not served */
		announce(s, id, BC_STATE_STALE, reason, SESSION_ALL_CHANNELS);
	else
		announce(s, id, BC_STATE_CONNECTING, BC_REASON_NONE, SESSION_ALL_CHANNELS);
}

/* Fit again: its book is right, and nothing else of it is missing. */
static void live(struct session *s, uint32_t id)
{
	s->symbols[id].had_data = true;
	if (!bc_state_fit(s->symbols[id].state))
		s->symbols[id].aside->unserved = 0;
	if (s->symbols[id].down)
		fallback_over(s, id);
	symbol_set(s, id, BC_STATE_LIVE, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	wait_from_now(s, id, WAIT_CHANGE);
}

/* On one of its lines. Where its book was right all the time, as when another line was lost that
 * does not carry it, it need not come again. */
void symbol_subscribed(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	history_subscribed(s, id);
	if (sym->state == BC_STATE_CONNECTING)
		symbol_set(s, id, BC_STATE_SYNCING, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	sync_subscribed(s, id);
	if (bc_state_fit(sym->state) || sym->state == BC_STATE_HALTED)
		return;
	if (sym->proven && sym->missing == 0 && !fallback_stream_behind(s, id))
		live(s, id);
	else
		symbol_waits(s, id);
}

void symbol_waits(struct session *s, uint32_t id)
{
	if (s->symbols[id].wait == WAIT_NOTHING)
		wait_from_now(s, id, WAIT_FIRST_DATA);
}

void symbol_fed(struct session *s, uint32_t id, enum bc_channel channel)
{
	struct symbol *sym = &s->symbols[id];
	bool proves = (s->proof_channels & BC_CHANNEL_BIT(channel)) != 0;
	if (sym->state == BC_STATE_HALTED && !sym->unlisted)
		return; /* by its word; who is only missing in the list may prove it wrong */
	sym->proven = sym->proven || proves;
	if (!bc_state_fit(sym->state) && (!proves || sym->missing != 0))
		return;
	live(s, id);
}

void symbol_halt(struct session *s, uint32_t id, enum bc_reason reason)
{
	wait_leave(s, id);
	fallback_over(s, id);
	s->symbols[id].proven = false;
	symbol_set(s, id, BC_STATE_HALTED, reason, SESSION_ALL_CHANNELS);
	sync_halted(s, id);
}

void symbol_resume(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	symbol_set(s, id, BC_STATE_CONNECTING, BC_REASON_NONE, SESSION_ALL_CHANNELS);
	fallback_lost(s, id, BC_REASON_DISCONNECTED);
	sync_resumed(s, id);
	if (sym->missing == 0)
		symbol_subscribed(s, id);
	for (size_t line = 0; line < s->x->n_lines; line++) {
		if (sym->on[line] != NOBODY)
			subscribe_resync(s, sym->on[line], id);
	}
}

/* ------------------------------------------------------------------ time passes */

/* After one wait, two, four and so on, then after each UNSERVED_MAX of them. */
static bool asks_again(const struct symbol *sym)
{
	unsigned n = sym->aside->unserved;
	return n < UNSERVED_MAX ? (n & (n - 1)) == 0 : n % UNSERVED_MAX == 0;
}

/* Some exchanges ignore a symbol they do not know, so silence is all there is to see. One that was
 * refused or ignored once may be served the next time. */
static void no_first_data(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	wait_from_now(s, id, WAIT_FIRST_DATA);
	if (sync_patient(s, id))
		return;
	sym->aside->unserved++;
	if (!asks_again(sym))
		return;
	session_log(s, BC_LOG_WARN, "symbol.no-data", BC_LOG_B("symbol", sym->name),
		    BC_LOG_S("state", bc_state_word(sym->state)),
		    BC_LOG_T("waited", sym->aside->unserved * s->o.first_data_after_ns),
		    BC_LOG_S("hint", "subscribed, but the exchange sends nothing; is it listed?"));
	sym->aside->fallback.why = BC_REASON_NO_DATA;
	symbol_set(s, id, sym->state == BC_STATE_REST ? BC_STATE_REST : BC_STATE_STALE,
		   BC_REASON_NO_DATA, SESSION_ALL_CHANNELS);
	carry_ask_again(s, id);
}

static void no_change(struct session *s, uint32_t id)
{
	wait_leave(s, id);
	if (s->symbols[id].unlisted) {
		symbol_halt_unlisted(s, id);
		return;
	}
	symbol_set(s, id, BC_STATE_QUIET, BC_REASON_NONE, SESSION_ALL_CHANNELS);
}

static void (*const over[N_WAITS])(struct session *s, uint32_t id) = {
	[WAIT_FIRST_DATA] = no_first_data,
	[WAIT_CHANGE] = no_change,
};

/* The next whose time in the heap is not after `until` is put where it belongs: when its wait is
 * over. False: there is none. */
static bool put_right(struct session *s, int wait, bc_mono_time until, uint32_t *id,
		      bc_mono_time *at)
{
	if (!due_take(&s->waits[wait], until, id))
		return false;
	*at = over_at(s, &s->symbols[*id]);
	due_set(&s->waits[wait], *id, *at);
	return true;
}

/* Those whose time has come; and who has been heard meanwhile is put right before its time, so that
 * nobody is woken for it. */
void symbols_tick(struct session *s)
{
	const bc_mono_time soon = mono_plus(s->now.mono, TICK_AT_LEAST_NS);
	bc_mono_time at;
	uint32_t id;
	for (int wait = 0; wait < N_WAITS; wait++) {
		while (put_right(s, wait, s->now.mono, &id, &at))
			if (at.ns <= s->now.mono.ns)
				over[wait](s, id);
		while (put_right(s, wait, soon, &id, &at) && at.ns > soon.ns)
			continue;
	}
}

bc_mono_time symbols_deadline(const struct session *s)
{
	bc_mono_time next = MONO_NEVER;
	for (int wait = 0; wait < N_WAITS; wait++)
		next = mono_min(next, due_next(&s->waits[wait]));
	return next;
}
