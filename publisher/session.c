/* session.c - life, inputs, clocks, deadlines, and what can be asked. */
#include "publisher/session_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ life */

uint32_t session_carried(const struct bc_exchange *exchange)
{
	uint32_t channels = 0;
	for (size_t i = 0; i < exchange->n_lines; i++)
		channels |= exchange->lines[i].channels;
	return channels;
}

/* What to subscribe, and which of it proves that a symbol is right: its book where there is one.
 * An exchange without a bbo channel serves it from its books. */
static void choose_channels(struct session *s)
{
	uint32_t wanted = s->o.channels, carried = session_carried(s->x);
	s->channels = wanted & carried;
	if ((wanted & ~carried & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0)
		s->channels |= BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
	s->proof_channels = s->channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
	if (s->proof_channels == 0)
		s->proof_channels = s->channels & BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	if (s->proof_channels == 0)
		s->proof_channels = s->channels;
}

static bc_status lines_new(struct session *s)
{
	for (size_t i = 0; i < s->x->n_lines; i++) {
		uint32_t carried = s->channels & s->x->lines[i].channels;
		uint32_t candles = carried & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
		int streams = __builtin_popcount(carried & ~candles);
		if (candles != 0)
			streams += __builtin_popcount(s->o.intervals);
		s->lines[i].streams_a_symbol = (uint32_t)streams;
		s->lines[i].sends = aimd_new(0);
		bc_status rc = budget_new(&s->lines[i].connects, s->x->lines[i].connects_per_s,
					  BC_NS_PER_S);
		if (rc != BC_OK)
			return rc;
	}
	return BC_OK;
}

bc_status session_new(struct session **out, const struct session_options *options,
		      const struct session_actions *actions, char *why, size_t cap)
{
	const struct bc_exchange *x = options->exchange;
	bc_status rc = BC_ENOMEM;
	const char *reason = "";
	if (x->n_lines > MAX_LINES) {
		snprintf(why, cap, "%s has more than %d lines", x->id, MAX_LINES);
		return BC_EINVAL;
	}
	snprintf(why, cap, "%s", bc_status_text(rc));
	struct session *s = calloc(1, sizeof *s);
	if (s == NULL)
		return rc;
	s->o = *options;
	s->act = *actions;
	s->x = x;
	s->random = options->seed;
	s->current = s->about = NOBODY;
	s->no_connect_before = s->connect_at = BUDGET_NOW;
	s->office = options->office != NULL ? options->office : &s->own.office;
	s->leave_at = MONO_NEVER;
	s->asides.piece_bytes = sizeof(struct symbol_aside);
	feed_sink_init(s);
	choose_channels(s);
	if ((rc = own_office_init(&s->own, x)) != BC_OK) {
		snprintf(why, cap, "%s has more limits of an address than there is room for",
			 x->id);
		goto fail;
	}
	rc = BC_ENOMEM;
	fallback_new(s);
	s->frame_cap = FRAME_FIRST_BYTES;
	if ((s->frame = malloc(s->frame_cap)) == NULL ||
	    (s->adapter = calloc(1, x->state_size + 1)) == NULL || (rc = lines_new(s)) != BC_OK ||
	    (rc = rest_new(s, why, cap)) != BC_OK || (rc = sync_new(s)) != BC_OK)
		goto fail;
	if (x->start(s->adapter, &s->o.feed, &reason) != BC_OK) {
		rc = BC_EINVAL;
		snprintf(why, cap, "%s", reason);
		goto fail;
	}
	*out = s;
	return BC_OK;
fail:
	session_free(&s);
	return rc;
}

void session_free(struct session **session)
{
	struct session *s = *session;
	if (s == NULL)
		return;
	handovers_free(s);
	for (uint32_t i = 0; i < s->n_connections; i++)
		connection_free(&s->connections[i]);
	for (size_t i = 0; i < MAX_LINES; i++)
		budget_free(&s->lines[i].connects);
	rest_free(s);
	directory_free(s);
	symbols_free(s);
	sync_free(s);
	free(s->connections);
	free(s->frame);
	free(s->adapter);
	free(s);
	*session = NULL;
}

/* ------------------------------------------------------------------ clocks */

/* Our own machine slept or stalled: whatever the sockets still hold is old, and what they held
 * may be lost. Nothing is believed until it comes on a new connection. */
static void clock_jumped(struct session *s, int64_t turn_ns, int64_t slept_ns)
{
	s->count.stalls++;
	fallback_clock(s);
	session_log(s, BC_LOG_WARN, "feed.clock", BC_LOG_T("turn", turn_ns),
		    BC_LOG_T("slept", slept_ns),
		    BC_LOG_S("hint", "this machine slept or was overloaded; all is made anew"));
	handover_call_off_all(s);
	shard_doubt(s);
	for (uint32_t i = 0; i < s->n_connections; i++)
		connection_give_up(s, i, BC_REASON_CLOCK, "clock");
}

void session_begin(struct session *s, struct session_now now)
{
	struct session_now was = s->now;
	s->now = now;
	if (!s->started)
		return;
	int64_t turn = now.mono.ns - was.mono.ns;
	int64_t slept = (now.boot.ns - was.boot.ns) - turn;
	if (turn > STALL_NS || slept > SLEEP_NS)
		clock_jumped(s, turn, slept);
}

bc_mono_time session_next_deadline(const struct session *s)
{
	bc_mono_time next = mono_plus(s->now.mono, TICK_AT_LEAST_NS);
	next = mono_min(next, symbols_deadline(s));
	next = mono_min(next, handover_deadline(s));
	next = mono_min(next, sync_deadline(s));
	next = mono_min(next, rest_deadline(s));
	next = mono_min(next, shard_deadline(s));
	next = mono_min(next, fallback_deadline(s));
	for (uint32_t i = 0; i < s->n_connections; i++)
		next = mono_min(next, connection_deadline(s, &s->connections[i]));
	return next.ns > s->now.mono.ns ? next : s->now.mono;
}

/* ------------------------------------------------------------------ inputs */

void session_start(struct session *s, struct session_now now)
{
	session_begin(s, now);
	s->started = true;
	s->feed_since = now.wall;
	for (uint32_t i = 0; i < s->n_connections; i++)
		s->connections[i].retry_at = now.mono;
	rest_want(s, JOB_INSTRUMENTS);
	session_tick(s, now);
}

void session_tick(struct session *s, struct session_now now)
{
	session_begin(s, now);
	handover_tick(s);
	for (uint32_t i = 0; i < s->n_connections; i++)
		connection_tick(s, i);
	symbols_tick(s);
	sync_tick(s);
	fallback_tick(s);
	rest_tick(s);
	shard_tick(s);
}

void session_message(struct session *s, struct session_now now, uint32_t connection, bc_str bytes,
		     bool binary, bc_wall_time received)
{
	session_begin(s, now);
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN)
		return;
	s->count.messages++;
	s->count.bytes += bytes.n;
	s->count.last_message = received;
	s->received = received;
	feed_ahead(s, bytes);
	feed_input(s, connection,
		   &(struct bc_input){ .kind = binary ? BC_INPUT_BINARY : BC_INPUT_TEXT,
				       .line = c->line,
				       .connection = c->index,
				       .bytes = bytes.p,
				       .n_bytes = bytes.n,
				       .wall = received,
				       .mono = now.mono });
	s->about = NOBODY;
	if (s->connections[connection].batch.look)
		subscribe_tick(s, connection);
}

void session_pong(struct session *s, struct session_now now, uint32_t connection)
{
	(void)connection; /* a pong proves the socket, not the feed */
	session_begin(s, now);
}

void session_opened(struct session *s, struct session_now now, uint32_t connection)
{
	session_begin(s, now);
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_CONNECTING)
		return;
	const struct bc_line *line = &s->x->lines[c->line];
	c->phase = PHASE_OPEN;
	s->count.opened++;
	c->since = c->proof_at = now.mono;
	c->ping_at = line->ping_interval_ns == 0 ? MONO_NEVER
						 : mono_plus(now.mono, line->ping_interval_ns);
	c->bad_in_a_row = 0;
	c->replace_at = handover_due(s, c->line);
	session_log(s, BC_LOG_INFO, "ws.opened", BC_LOG_S("line", line->name),
		    BC_LOG_U("connection", c->index), BC_LOG_U("symbols", c->n_symbols));
	s->received = now.wall;
	feed_input(s, connection,
		   &(struct bc_input){ .kind = BC_INPUT_OPEN,
				       .line = c->line,
				       .connection = c->index,
				       .wall = now.wall,
				       .mono = now.mono });
	subscribe_reset(s, connection);
	subscribe_again(s, connection);
	subscribe_tick(s, connection);
	feed_state_update(s);
}

/* ------------------------------------------------------------------ what can be asked */

const struct budget_view *session_budget(const struct session *s)
{
	s->office->look(s->office->self, s->now.mono);
	return s->office->view;
}

const struct session_counters *session_counters(const struct session *s)
{
	return &s->count;
}

uint32_t session_symbols(const struct session *s)
{
	return s->n_symbols;
}

uint32_t session_symbols_in(const struct session *s, enum bc_state state)
{
	return s->n_in[state];
}

uint32_t session_symbol_limit(const struct session *s)
{
	return s->symbol_limit;
}

bool session_symbol(const struct session *s, uint32_t symbol, struct session_view *out)
{
	if (symbol >= s->symbol_limit || s->symbols[symbol].name.p == NULL)
		return false;
	const struct symbol *sym = &s->symbols[symbol];
	const struct wanted_rule *rule = directory_rule(s, sym->name);
	*out = (struct session_view){ .name = sym->name,
				      .state = sym->state,
				      .reason = sym->reason,
				      .since = sym->since,
				      .leaving = sym->aside->leaving,
				      .configured = rule != NULL && rule->configured };
	return true;
}

enum bc_state session_feed_state(const struct session *s, enum bc_reason *reason,
				 bc_wall_time *since)
{
	*reason = s->feed_reason;
	*since = s->feed_since;
	return s->feed_state;
}

uint32_t session_connections(const struct session *s)
{
	return s->n_connections;
}

uint32_t session_connections_open(const struct session *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n_connections; i++)
		n += s->connections[i].phase == PHASE_OPEN;
	return n;
}

const struct bc_line *session_line(const struct session *s, uint32_t connection)
{
	return &s->x->lines[s->connections[connection].line];
}
