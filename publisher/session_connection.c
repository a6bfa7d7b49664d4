/* session_connection.c - connect, prove, keep alive, lose, back off.
 *
 *   WAITING --retry_at--> CONNECTING --opened--> OPEN --silence, errors--> CLOSING
 *      ^-------------------closed-----------------+----------closed----------'
 *   IDLE: replaced by another (session_handover.c), and not needed at present
 *
 * A connection has proven itself when market data came through it. Only data that has lasted resets
 * its back-off: an exchange that greets everybody and hangs up is not called all day.
 */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ life */

static bc_status connection_add(struct session *s, uint16_t line, uint32_t *out)
{
	const struct bc_line *l = &s->x->lines[line];
	struct connection *all =
		realloc(s->connections, (s->n_connections + 1) * sizeof *s->connections);
	if (all == NULL)
		return BC_ENOMEM;
	s->connections = all;
	struct connection *c = &all[s->n_connections];
	*c = (struct connection){ .line = line,
				  .index = (uint16_t)s->lines[line].n_connections,
				  .retry_at = s->now.mono,
				  .since = s->now.mono,
				  .resynced_at = BUDGET_NOW,
				  .batch_max = subscribe_batch(s, line),
				  .mute_at = MONO_NEVER,
				  .replace_at = MONO_NEVER };
	if (budget_new(&c->per_s, l->sends_per_s, BC_NS_PER_S) != BC_OK ||
	    budget_new(&c->per_min, l->sends_per_min, 60 * BC_NS_PER_S) != BC_OK) {
		connection_free(c);
		return BC_ENOMEM;
	}
	s->lines[line].n_connections++;
	*out = s->n_connections++;
	return BC_OK;
}

/* One that waits to be used again, or a new one. */
bc_status connection_idle(struct session *s, uint16_t line, uint32_t *out)
{
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (s->connections[i].line == line && s->connections[i].phase == PHASE_IDLE) {
			*out = i;
			return BC_OK;
		}
	}
	return connection_add(s, line, out);
}

void connection_wake(struct session *s, uint32_t id)
{
	struct connection *c = &s->connections[id];
	c->phase = PHASE_WAITING;
	c->was_proven = c->lasted = false;
	c->failures = 0;
	c->retry_at = c->since = s->now.mono;
}

void connection_free(struct connection *c)
{
	subscribe_free(c);
	budget_free(&c->per_s);
	budget_free(&c->per_min);
}

/* ------------------------------------------------------------------ the feed as a whole */

static enum bc_state state_of(const struct connection *c)
{
	if (c->proven)
		return BC_STATE_LIVE;
	if (c->was_proven)
		return BC_STATE_STALE;
	return c->phase == PHASE_OPEN ? BC_STATE_SYNCING : BC_STATE_CONNECTING;
}

static enum bc_reason reason_of_rest(const struct session *s, enum bc_reason reason)
{
	if (s->o.source == SESSION_REST)
		return BC_REASON_NONE;
	return reason == BC_REASON_NONE ? BC_REASON_DISCONNECTED : reason;
}

/* The feed is as good as its worst connection. */
void feed_state_update(struct session *s)
{
	static const int badness[BC_N_STATES] = { [BC_STATE_LIVE] = 0,
						  [BC_STATE_SYNCING] = 1,
						  [BC_STATE_CONNECTING] = 2,
						  [BC_STATE_STALE] = 3 };
	struct session_change change = { .previous = s->feed_state,
					 .state = s->n_connections > 0 ? BC_STATE_LIVE
								       : BC_STATE_CONNECTING,
					 .since = s->now.wall };
	for (uint32_t i = 0; i < s->n_connections; i++) {
		const struct connection *c = &s->connections[i];
		enum bc_state state = state_of(c);
		if (c->phase == PHASE_IDLE || c->successor || c->retired)
			continue; /* nobody depends on it */
		if (badness[state] <= badness[change.state])
			continue;
		change.state = state;
		change.reason = state == BC_STATE_STALE ? c->doubt : BC_REASON_NONE;
	}
	if (change.state != BC_STATE_LIVE && s->n_in[BC_STATE_REST] > 0) {
		change.state = BC_STATE_REST; /* what there is of it is polled */
		change.reason = reason_of_rest(s, change.reason);
	}
	if (change.state == s->feed_state && change.reason == s->feed_reason)
		return;
	if (change.state == s->feed_state)
		change.since = s->feed_since;
	s->feed_state = change.state;
	s->feed_reason = change.reason;
	s->feed_since = change.since;
	s->act.feed_state(s->act.self, &change);
}

void connection_proven(struct session *s, uint32_t id)
{
	struct connection *c = &s->connections[id];
	c->proof_at = s->now.mono;
	if (c->proven) {
		c->lasted = c->lasted || s->now.mono.ns >= mono_plus(c->since, PROVEN_FOR_NS).ns;
		return;
	}
	c->proven = c->was_proven = true;
	maintenance_over(s);
	session_log(s, BC_LOG_INFO, "feed.proven", BC_LOG_S("line", s->x->lines[c->line].name),
		    BC_LOG_U("connection", c->index),
		    BC_LOG_T("after", s->now.mono.ns - c->since.ns));
	feed_state_update(s);
}

/* ------------------------------------------------------------------ losing one */

/* What was open is not to be believed any more. */
static void lose(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct connection *c = &s->connections[id];
	bool proof = (s->x->lines[c->line].channels & s->proof_channels) != 0;
	handover_lost(s, id);
	c->proven = false;
	c->doubt = reason;
	s->count.reconnects += !c->retired && !c->successor;
	subscribe_reset(s, id);
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != id)
			continue;
		sym->proven = sym->proven && !proof;
		symbol_lost(s, i, reason);
	}
	sync_connection_lost(s, id);
	struct bc_input gone = { .kind = BC_INPUT_CLOSED,
				 .line = c->line,
				 .connection = c->index,
				 .wall = s->now.wall,
				 .mono = s->now.mono };
	s->x->on_input(s->adapter, &gone, &s->sink);
	feed_state_update(s);
}

/* What remains is to tell its end, and to disconnect. */
static void begin_closing(struct session *s, struct connection *c, enum bc_log_level level,
			  const char *event, const char *why)
{
	c->phase = PHASE_CLOSING;
	c->since = s->now.mono;
	session_log(s, level, event, BC_LOG_S("why", why),
		    BC_LOG_S("line", s->x->lines[c->line].name), BC_LOG_U("connection", c->index));
}

void connection_give_up(struct session *s, uint32_t id, enum bc_reason reason, const char *why)
{
	struct connection *c = &s->connections[id];
	if (c->phase != PHASE_OPEN && c->phase != PHASE_CONNECTING)
		return;
	bool open = c->phase == PHASE_OPEN;
	begin_closing(s, c, BC_LOG_WARN, "ws.given-up", why);
	if (open)
		lose(s, id, reason);
	else
		s->count.connect_failures++;
	s->act.disconnect(s->act.self, id);
}

/* Nobody needs it any more; it waits to be used again. */
void connection_retire(struct session *s, uint32_t id, const char *why)
{
	struct connection *c = &s->connections[id];
	bool open = c->phase == PHASE_OPEN;
	if (c->phase == PHASE_WAITING)
		c->phase = PHASE_IDLE;
	c->retired = c->phase != PHASE_IDLE;
	if (!open && c->phase != PHASE_CONNECTING)
		return;
	begin_closing(s, c, BC_LOG_INFO, "ws.retired", why);
	if (open)
		lose(s, id, BC_REASON_DISCONNECTED);
	s->act.disconnect(s->act.self, id);
}

/* Who asked too much: refused upgrades by their status, open connections by their close code. The
 * wait is for the first time, and doubles with each that follows. */
static const struct sent_away {
	int http_status;
	uint16_t close_code;
	int64_t wait_ns;
} sent_away[] = {
	{ 429, 0, BC_NS_PER_S },      /* not within the next second */
	{ 418, 0, 30 * BC_NS_PER_S }, /* banned */
	{ 403, 0, 10 * BC_NS_PER_S }, /* by a firewall */
	{ 0, 1008, BC_NS_PER_S },     /* policy violation: too many requests */
};

static const struct sent_away *sent_away_by(const struct session_closed *how)
{
	for (size_t i = 0; i < sizeof sent_away / sizeof *sent_away; i++) {
		if (sent_away[i].http_status == how->http_status &&
		    sent_away[i].close_code == (how->http_status != 0 ? 0 : how->close_code))
			return &sent_away[i];
	}
	return NULL;
}

static struct budget_ask connect_ask(const struct session *s)
{
	return (struct budget_ask){ .door = BUDGET_CONNECT, .limits = s->x->connect_limits };
}

/* How long the exchange wants us to stay away; an upgrade is refused to our address, so none of
 * its connections is tried meanwhile. */
static int64_t asked_wait_ns(struct session *s, struct connection *c,
			     const struct session_closed *how)
{
	const struct sent_away *row = sent_away_by(how);
	int64_t wait = how->retry_after_ns;
	if (row != NULL) {
		int64_t ours = row->wait_ns;
		for (unsigned i = 0; i < c->sent_away && ours < SENT_AWAY_MAX_NS; i++)
			ours *= 2;
		wait = wait > 0 ? wait : ours;
		c->sent_away++;
		s->count.rate_limited++;
	}
	bc_mono_time until = mono_plus(s->now.mono, wait);
	if (how->http_status != 0 && s->no_connect_before.ns < until.ns && wait > 0)
		s->no_connect_before = until;
	const struct budget_ask ask = connect_ask(s);
	if (row != NULL && how->http_status != 0)
		s->office->refused(s->office->self, s->now.mono, c->since, &ask, until);
	else if (row != NULL)
		subscribe_too_much(s, (uint32_t)(c - s->connections));
	return wait;
}

void session_closed(struct session *s, struct session_now now, uint32_t connection,
		    const struct session_closed *how)
{
	session_begin(s, now);
	struct connection *c = &s->connections[connection];
	bool ours = c->phase == PHASE_CLOSING;
	if (c->retired) {
		c->retired = false;
		c->phase = PHASE_IDLE;
		return;
	}
	bool open = c->phase == PHASE_OPEN;
	if (c->lasted)
		c->failures = c->sent_away = 0;
	int64_t wait = backoff_wait_ns(c->failures, s->o.backoff_max_ns, &s->random);
	int64_t asked = asked_wait_ns(s, c, how);
	if (wait < asked)
		wait = asked;
	s->count.connect_failures += c->phase == PHASE_CONNECTING;
	c->failures++;
	c->lasted = false;
	c->phase = PHASE_WAITING;
	c->since = now.mono;
	c->retry_at = mono_plus(now.mono, wait);
	session_log(s, ours ? BC_LOG_INFO : BC_LOG_WARN, "ws.closed", BC_LOG_S("why", how->why),
		    BC_LOG_S("detail", how->detail), BC_LOG_U("code", how->close_code),
		    BC_LOG_I("http", how->http_status), BC_LOG_S("line", s->x->lines[c->line].name),
		    BC_LOG_U("connection", c->index), BC_LOG_U("failures", c->failures),
		    BC_LOG_T("retry_in", wait));
	if (open)
		lose(s, connection, BC_REASON_DISCONNECTED);
	maintenance_failed(s, how);
	c = &s->connections[connection];
	if (c->retired)
		c->phase = PHASE_IDLE;
	c->retired = false;
}

/* ------------------------------------------------------------------ time passes */

/* From when on it may ask the office. */
static bc_mono_time connect_at(const struct session *s, const struct connection *c)
{
	bc_mono_time at = budget_next(&s->lines[c->line].connects);
	at = at.ns > c->retry_at.ns ? at : c->retry_at;
	at = at.ns > s->no_connect_before.ns ? at : s->no_connect_before;
	at = mono_max(at, maintenance_connect_at(s));
	return at.ns > s->connect_at.ns ? at : s->connect_at;
}

static void tick_waiting(struct session *s, uint32_t id)
{
	struct connection *c = &s->connections[id];
	struct budget *connects = &s->lines[c->line].connects;
	if (s->o.source == SESSION_REST || s->now.mono.ns < connect_at(s, c).ns)
		return;
	const struct budget_ask ask = connect_ask(s);
	if (!s->office->take(s->office->self, s->now.mono, &ask, &s->connect_at))
		return;
	budget_spend(connects, s->now.mono);
	c->phase = PHASE_CONNECTING;
	c->since = s->now.mono;
	s->act.connect(s->act.self, id);
}

static void tick_connecting(struct session *s, uint32_t id)
{
	if (s->now.mono.ns >= mono_plus(s->connections[id].since, HANDSHAKE_MAX_NS).ns)
		connection_give_up(s, id, BC_REASON_DISCONNECTED, "no answer");
}

static void tick_open(struct session *s, uint32_t id)
{
	struct connection *c = &s->connections[id];
	if (s->now.mono.ns >= mono_plus(c->proof_at, s->o.silent_after_ns).ns) {
		s->count.silent++;
		if (!c->proven)
			session_log(s, BC_LOG_WARN, "feed.mute",
				    BC_LOG_S("line", s->x->lines[c->line].name),
				    BC_LOG_S("path", s->x->lines[c->line].path),
				    BC_LOG_U("symbols", c->n_symbols),
				    BC_LOG_S("hint", "subscribed, but not even what always trades "
						     "comes: not served on this path?"));
		connection_give_up(s, id, BC_REASON_NO_DATA, "silent");
		return;
	}
	if (s->now.mono.ns >= c->ping_at.ns) {
		c->ping_at = mono_plus(s->now.mono, s->x->lines[c->line].ping_interval_ns);
		s->act.ping(s->act.self, id);
	}
	carry_tick(s, id);
	subscribe_tick(s, id);
}

static void tick_nothing(struct session *s, uint32_t id)
{
	(void)s; /* CLOSING: session_closed() comes for certain */
	(void)id;
}

void connection_tick(struct session *s, uint32_t id)
{
	static void (*const tick[N_PHASES])(struct session *, uint32_t) = {
		[PHASE_WAITING] = tick_waiting, [PHASE_CONNECTING] = tick_connecting,
		[PHASE_OPEN] = tick_open,       [PHASE_CLOSING] = tick_nothing,
		[PHASE_IDLE] = tick_nothing,
	};
	tick[s->connections[id].phase](s, id);
}

bc_mono_time connection_deadline(const struct session *s, const struct connection *c)
{
	bc_mono_time next = MONO_NEVER;
	if (c->phase == PHASE_WAITING && s->o.source == SESSION_REST)
		return next;
	if (c->phase == PHASE_WAITING) {
		next = connect_at(s, c);
	} else if (c->phase == PHASE_CONNECTING) {
		next = mono_plus(c->since, HANDSHAKE_MAX_NS);
	} else if (c->phase == PHASE_OPEN) {
		next = mono_min(mono_plus(c->proof_at, s->o.silent_after_ns), c->ping_at);
		next = mono_min(next, mono_min(c->mute_at, subscribe_deadline(s, c)));
	}
	return next;
}
