/* session_command.c - what an operator asks for at run time. */
#include "publisher/session_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bc_status session_add(struct session *s, struct session_now now, const char *spec, char *why,
		      size_t cap)
{
	session_begin(s, now);
	return directory_follow(s, spec, FOREIGN_REFUSE, why, cap);
}

bc_status session_want(struct session *s, struct session_now now, const char *spec, char *why,
		       size_t cap)
{
	session_begin(s, now);
	return directory_follow(s, spec, FOREIGN_NOTE, why, cap);
}

/* Calls `each` for every followed symbol that `spec` means. */
static bc_status for_each(struct session *s, const char *spec,
			  void (*each)(struct session *s, uint32_t id), char *why, size_t cap)
{
	enum spec_kind kind = spec_kind_of(spec);
	bool found = false;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p == NULL ||
		    !directory_match(s, spec, kind, s->symbols[i].name))
			continue;
		found = true;
		each(s, i);
	}
	if (!found)
		snprintf(why, cap, "nothing of that name is followed here: %s", spec);
	return found ? BC_OK : BC_ENOTFOUND;
}

/* Whoever removes a symbol does not want it to come back with the next list. */
bc_status session_remove(struct session *s, struct session_now now, const char *spec, char *why,
			 size_t cap)
{
	session_begin(s, now);
	bc_status noted = directory_unwant(s, spec);
	if (noted != BC_OK && noted != BC_ENOTFOUND) {
		snprintf(why, cap, "%s", bc_status_text(noted));
		return noted;
	}
	bc_status rc = for_each(s, spec, symbol_drop, why, cap);
	directory_count(s);
	return noted == BC_OK ? noted : rc;
}

/* The operator doubts it, so it is not fit until the exchange has sent it again. */
static void resync(struct session *s, uint32_t id)
{
	if (s->sync.on) {
		sync_again(s, id);
		return;
	}
	if (!bc_state_fit(s->symbols[id].state))
		return;
	symbol_doubt(s, id, BC_REASON_GAP, SESSION_BOOK_ONLY);
	for (size_t line = 0; line < s->x->n_lines; line++) {
		if (s->symbols[id].on[line] != NOBODY)
			subscribe_resync(s, s->symbols[id].on[line], id);
	}
}

bc_status session_resync(struct session *s, struct session_now now, const char *spec, char *why,
			 size_t cap)
{
	session_begin(s, now);
	return for_each(s, spec, resync, why, cap);
}

void session_reconnect(struct session *s, struct session_now now)
{
	session_begin(s, now);
	handover_call_off_all(s);
	maintenance_hurry(s);
	s->no_connect_before = BUDGET_NOW; /* of bans the office knows, and obeys them */
	for (uint32_t i = 0; i < s->n_connections; i++) {
		struct connection *c = &s->connections[i];
		c->failures = 0;
		if (c->phase == PHASE_WAITING)
			c->retry_at = now.mono;
		connection_give_up(s, i, BC_REASON_DISCONNECTED, "asked to");
	}
}

void session_renew(struct session *s, struct session_now now)
{
	session_begin(s, now);
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (!s->connections[i].successor)
			handover_wanted(s, i, "asked to");
	}
}
