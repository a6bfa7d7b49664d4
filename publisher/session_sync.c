/* session_sync.c - books out of changes: what becomes of each change and of each snapshot.
 *
 * A symbol is live while its book is right, follows its stream and is not crossed. Whatever breaks
 * that makes this one symbol stale, and says why, until the book is right again; the last good one
 * stays published as stale. When to ask for snapshots stands in session_sync_ask.c. */
#include "publisher/session_private.h"

#include <stdlib.h>

/* ------------------------------------------------------------------ on to the bus */

/* The best levels of one side inside the edge. */
static uint32_t top_of(const struct session *s, const struct bc_order_book *book,
		       enum bc_book_side side, bc_level *out, uint32_t *flags)
{
	uint32_t n = bc_order_book_copy(book, side, s->o.levels, out);
	if (n < s->o.levels && bc_order_book_has_edge(book, side))
		*flags |= BC_FLAG_EDGE;
	return n;
}

/* Every change of the book is published, those below the published levels too: the number says up
 * to where the exchange is known, and a symbol whose depth moves is not quiet. */
static void publish(struct session *s, uint32_t id, uint32_t flags)
{
	const struct symbol *sym = &s->symbols[id];
	const struct symbol_sync *y = &sym->sync;
	const struct bc_order_book *book = join_book(y->join);
	bc_level *bids = s->sync.levels, *asks = bids + s->o.levels;
	struct bc_event event = { .channel = BC_CHANNEL_BOOK,
				  .symbol = sym->name,
				  .exchange_seq = join_seq(y->join),
				  .ts_exchange = y->ts_exchange };
	event.body.book.n_bids = top_of(s, book, BC_BIDS, bids, &flags);
	event.body.book.n_asks = top_of(s, book, BC_ASKS, asks, &flags);
	event.body.book.bids = bids;
	event.body.book.asks = asks;
	event.flags = flags;
	feed_publish(s, id, &event, y->received);
}

/* ------------------------------------------------------------------ right and not */

/* This symbol's book cannot be believed: stale, and a snapshot as soon as its failures allow. One
 * that did not link after a reconnect was not followed; it stays stale for the reason it has. */
static void broke(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	bool followed = y->linked;
	y->linked = sym->proven = false;
	if (reason != BC_REASON_GAP || (followed && sym->had_data) || bc_state_fit(sym->state))
		symbol_doubt(s, id, reason, SESSION_BOOK_ONLY);
	if (followed)
		s->count.resyncs++;
	sync_need(s, id, 0);
}

static void crossed(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	s->count.crossed++;
	session_log(s, BC_LOG_WARN, "book.crossed", BC_LOG_B("symbol", sym->name),
		    BC_LOG_U("at", join_seq(sym->sync.join)));
	join_break(sym->sync.join);
	broke(s, id, BC_REASON_CROSSED);
}

/* The price has walked past the last level that is vouched for: what stands there now is unknown.
 * The chain holds, so whatever shows a level of that side again heals it. */
static void edge_reached(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	if (bc_state_fit(sym->state)) {
		s->count.edges_reached++;
		symbol_doubt(s, id, BC_REASON_GAP, SESSION_BOOK_ONLY);
	}
	sync_watch(s, id);
}

/* The book has been brought up to its stream. */
static void came_right(struct session *s, uint32_t id, uint32_t flags)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (bc_order_book_top(join_book(y->join)) == BC_TOP_CROSSED) {
		crossed(s, id);
		return;
	}
	if (!sync_ready(s, id))
		return; /* right as of its number, but nobody would tell of the next change */
	if (fallback_behind(s, id, join_seq(y->join)))
		return; /* a poll knows more; the next change, or another snapshot */
	y->linked = y->was_right = true;
	if (y->stream == NOBODY) /* by a snapshot; it is lost with the connection all the same */
		y->stream = s->symbols[id].on[s->sync.line];
	y->n_behind = 0;
	if (sync_vouched(s, id) == 0) {
		edge_reached(s, id);
		return;
	}
	publish(s, id, flags);
	sync_watch(s, id);
}

/* In doubt, though the chain may still hold: the next change that links heals it, and where none
 * comes, a snapshot does. */
static void doubt(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct symbol *sym = &s->symbols[id];
	if (sym->had_data || reason != BC_REASON_GAP)
		symbol_doubt(s, id, reason, SESSION_BOOK_ONLY);
	sym->sync.linked = sym->proven = false;
	sync_need(s, id, SYNC_FIRST_NS);
}

void sync_doubt(struct session *s, uint32_t id, enum bc_reason reason)
{
	if (s->symbols[id].sync.join != NULL)
		doubt(s, id, reason);
}

void sync_break(struct session *s, uint32_t id, enum bc_reason reason)
{
	struct symbol *sym = &s->symbols[id];
	if (sym->sync.join == NULL)
		return;
	join_break(sym->sync.join);
	broke(s, id, reason);
}

/* A line that carries no books says nothing about them. */
void sync_rejected(struct session *s, uint32_t connection, uint32_t id, enum bc_reason reason)
{
	const struct connection *c = &s->connections[connection];
	if (c->line != s->sync.line)
		return;
	if (id != NOBODY) {
		sync_break(s, id, reason);
		return;
	}
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p != NULL && sym->on[c->line] == connection && sym->sync.join != NULL)
			doubt(s, i, reason);
	}
}

/* ------------------------------------------------------------------ changes */

static void on_applied(struct session *s, uint32_t id)
{
	s->symbols[id].sync.stream = s->current;
	came_right(s, id, 0);
}

static void on_same(struct session *s, uint32_t id)
{
	(void)id;
	s->count.duplicates++;
}

/* No right book yet; the stream is there, so a snapshot asked for now will meet it. */
static void on_waiting(struct session *s, uint32_t id)
{
	sync_need(s, id, 0);
}

/* The stream that is followed brings what lies before it, or ends: is_behind(). */
static void on_ahead(struct session *s, uint32_t id)
{
	(void)s;
	(void)id;
}

static void on_gap(struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	if (sym->sync.linked) {
		s->count.gaps++;
		session_log(s, BC_LOG_WARN, "book.gap", BC_LOG_B("symbol", sym->name),
			    BC_LOG_U("at", join_seq(sym->sync.join)));
	}
	broke(s, id, BC_REASON_GAP);
}

static void on_too_many(struct session *s, uint32_t id)
{
	s->count.buffers_full++;
	if (s->symbols[id].sync.phase < SYNC_IN_FLIGHT)
		sync_buffer_release(s, id);
	sync_need(s, id, 0);
}

static void on_range(struct session *s, uint32_t id)
{
	s->count.out_of_range++;
	broke(s, id, BC_REASON_RANGE);
}

static void on_no_memory(struct session *s, uint32_t id)
{
	session_log(s, BC_LOG_ERROR, "book.no-memory", BC_LOG_B("symbol", s->symbols[id].name));
	broke(s, id, BC_REASON_GAP);
}

static void (*const verdict_on_delta[])(struct session *s, uint32_t id) = {
	[JOIN_APPLIED] = on_applied,
	[JOIN_SAME] = on_same,
	[JOIN_WAITING] = on_waiting,
	[JOIN_AHEAD] = on_ahead,
	[JOIN_GAP] = on_gap,
	[JOIN_TOO_OLD] = on_gap, /* of snapshots alone */
	[JOIN_TOO_MANY] = on_too_many,
	[JOIN_RANGE] = on_range,
	[JOIN_NO_MEMORY] = on_no_memory,
};

/* The stream speaks; true: of something newer than what it said before. */
static bool hear(struct session *s, struct symbol_sync *y, uint64_t seq)
{
	bool newer = !y->heard || seq > y->heard_seq;
	if (newer)
		y->heard_seq = seq;
	y->heard = true;
	y->bbo_ahead = y->mute = false;
	y->heard_at = s->now.mono;
	return newer;
}

/* The book stood on a snapshot alone, and the stream, which is the one to know, is behind it. */
static void contradicted(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	y->believed = false;
	if (y->heard_seq >= join_seq(y->join))
		return;
	s->count.gaps++;
	sync_break(s, id, BC_REASON_GAP);
}

void sync_delta(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL || s->current == NOBODY) {
		s->count.ignored++;
		return;
	}
	s->count.events[BC_CHANNEL_DELTA]++;
	bool newer = hear(s, y, event->body.delta.last_seq);
	const struct bc_order_book *book = join_book(y->join);
	uint64_t dropped = bc_order_book_counters(book)->dropped;
	enum join_verdict verdict = join_delta(y->join, s->current, &event->body.delta);
	s->count.levels_dropped += bc_order_book_counters(book)->dropped - dropped;
	if (verdict != JOIN_SAME) {
		y->ts_exchange = event->ts_exchange;
		y->received = s->received;
	}
	if (y->heard_seq > join_said(y->join))
		y->heard_seq = join_said(y->join); /* it began anew */
	verdict_on_delta[verdict](s, id);
	if (y->phase == SYNC_HELD && newer)
		sync_held_try(s, id);
	else if (y->believed && newer && join_right(y->join))
		contradicted(s, id);
}

/* Acknowledged does not mean served: a stream that says nothing while the best prices move, by
 * numbers that are those of the book, is not quiet but missing. It is asked for anew, and no
 * snapshot is believed until it speaks. */
void sync_bbo(struct session *s, uint32_t id, uint64_t seq)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	if (!y->linked || seq <= join_seq(y->join)) {
		y->bbo_ahead = false;
		return;
	}
	if (!y->bbo_ahead)
		y->bbo_ahead_at = s->now.mono;
	y->bbo_ahead = true;
	if (mono_plus(y->bbo_ahead_at, SYNC_MUTE_NS).ns > s->now.mono.ns)
		return;
	session_log(s, BC_LOG_WARN, "book.mute", BC_LOG_B("symbol", sym->name),
		    BC_LOG_U("at", join_seq(y->join)), BC_LOG_U("bbo", seq),
		    BC_LOG_S("hint", "its best prices move, but no change of its book comes"));
	s->count.mute++;
	y->mute = true;
	doubt(s, id, BC_REASON_NO_DATA);
	subscribe_anew(s, sym->on[s->sync.line], id);
}

/* ------------------------------------------------------------------ snapshots */

static void snapshot_range(struct session *s, uint32_t id)
{
	s->count.out_of_range++;
	if (!join_right(s->symbols[id].sync.join))
		symbol_doubt(s, id, BC_REASON_RANGE, SESSION_BOOK_ONLY);
}

/* The book is not followed, and of the highest number neither the stream nor one snapshot after
 * another knows: the exchange's numbers began anew. */
static bool counts_anew(const struct session *s, uint32_t id, uint64_t seq)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	uint64_t said = join_said(y->join);
	bool behind = !y->linked && said != BC_SEQ_NONE && seq < said &&
		      (!y->heard || y->heard_seq < said);
	y->n_behind = behind ? y->n_behind + 1 : 0;
	return y->n_behind >= SYNC_ANEW;
}

void sync_apply(struct session *s, uint32_t id, const struct bc_book *book, uint64_t seq,
		bc_wall_time ts_exchange, bc_wall_time received)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	uint32_t limit = s->rest.snapshot_limit;
	if (counts_anew(s, id, seq))
		join_begin_anew(y->join);
	y->verdict = join_snapshot(y->join, &s->sync.spare, book, seq, book->n_bids >= limit,
				   book->n_asks >= limit);
	s->count.snapshots_too_old += y->verdict == JOIN_TOO_OLD;
	if (y->verdict == JOIN_RANGE)
		snapshot_range(s, id);
	if (y->verdict != JOIN_APPLIED && y->verdict != JOIN_SAME)
		return;
	s->count.snapshots_applied++;
	sync_buffer_taken_back(s, id);
	if (join_seq(y->join) == seq)
		y->ts_exchange = ts_exchange;
	y->received = received;
	y->believed = !y->heard || y->heard_seq < join_seq(y->join);
	came_right(s, id, BC_FLAG_SNAPSHOT);
}

void sync_snapshot(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL || y->phase != SYNC_IN_FLIGHT) {
		s->count.ignored++;
		return;
	}
	if (sync_reached(s, id, event->exchange_seq))
		sync_apply(s, id, &event->body.book, event->exchange_seq, event->ts_exchange,
			   s->received);
	else if (!sync_hold(s, id, event))
		y->verdict = JOIN_AHEAD;
}

/* ------------------------------------------------------------------ coming and going */

bc_status sync_added(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	*y = (struct symbol_sync){ .stream = NOBODY,
				   .not_before = BUDGET_NOW,
				   .edge_at = BUDGET_NOW,
				   .unreached = BC_SEQ_NONE,
				   .ts_exchange = { BC_TIME_UNKNOWN },
				   .received = { BC_TIME_UNKNOWN } };
	if (!s->sync.on)
		return BC_OK;
	bc_status rc = due_room(&s->sync.due, id + 1);
	return rc == BC_OK ? join_new(&y->join, s->x->sync, s->o.max_levels) : rc;
}

void sync_removed(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL)
		return;
	if (y->phase == SYNC_QUEUED)
		rest_snapshot_cancel(s, id);
	sync_buffer_release(s, id);
	y->phase = SYNC_IDLE;
	due_drop(&s->sync.due, id);
	join_free(&y->join);
}

/* It is told of what comes from now on. A book that is right and followed was only held back by
 * something else, as another line; any other has a moment to link by itself. */
void sync_subscribed(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	if (y->join == NULL || !sync_ready(s, id))
		return;
	if (!y->told)
		y->told_at = s->now.mono;
	y->told = true;
	if (sym->state == BC_STATE_HALTED)
		return;
	if (y->phase == SYNC_WANTED)
		due_set(&s->sync.due, id, y->due_at); /* it may ask now */
	if (!y->linked)
		sync_need(s, id, SYNC_PROOF_NS);
	else if (!bc_state_fit(sym->state) && sync_vouched(s, id) > 0 &&
		 !fallback_behind(s, id, join_seq(y->join)))
		publish(s, id, 0);
}

uint64_t sync_seq(const struct session *s, uint32_t id)
{
	const struct symbol_sync *y = &s->symbols[id].sync;
	return y->join != NULL && y->was_right ? join_seq(y->join) : BC_SEQ_NONE;
}

void sync_show(struct session *s, uint32_t id)
{
	const struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join != NULL && y->linked && sync_vouched(s, id) > 0)
		publish(s, id, 0);
}

void sync_halted(struct session *s, uint32_t id)
{
	if (s->symbols[id].sync.join != NULL)
		sync_need_no_more(s, id);
}

void sync_again(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	if (y->join == NULL || sym->state == BC_STATE_HALTED)
		return;
	y->failures = 0;
	y->not_before = BUDGET_NOW;
	sync_break(s, id, BC_REASON_GAP);
}

/* What it missed while it was halted is unknown. */
void sync_resumed(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL)
		return;
	join_break(y->join);
	y->linked = false;
	y->failures = 0;
	y->not_before = BUDGET_NOW;
}

/* Another connection has said more than the one that is followed, which is gone. */
static void left_behind(struct session *s, uint32_t id)
{
	s->count.gaps++;
	broke(s, id, BC_REASON_GAP);
}

static bool is_behind(const struct symbol_sync *y)
{
	return y->linked && y->heard && y->heard_seq > join_seq(y->join);
}

static void stream_lost(struct session *s, uint32_t id, uint32_t connection)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	bool followed = y->linked && y->stream == connection, behind = is_behind(y);
	join_stream_ended(y->join, connection);
	if (y->stream == connection)
		y->stream = NOBODY;
	if (sym->on[s->sync.line] == connection) {
		y->linked = y->told = y->heard = y->bbo_ahead = y->mute = false;
		sync_need_no_more(s, id);
	} else if (followed && behind) {
		left_behind(s, id);
	} else if (followed) { /* what was said in between, nobody may have told us */
		doubt(s, id, BC_REASON_DISCONNECTED);
	}
}

void sync_connection_lost(struct session *s, uint32_t connection)
{
	if (!s->sync.on || s->connections[connection].line != s->sync.line)
		return;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL && s->symbols[i].sync.join != NULL)
			stream_lost(s, i, connection);
	}
}

void sync_stream_moved(struct session *s, uint32_t symbol, uint32_t from, uint32_t to)
{
	struct symbol_sync *y = &s->symbols[symbol].sync;
	if (y->join == NULL || y->stream != from)
		return;
	join_stream_ended(y->join, from);
	y->stream = to;
	if (is_behind(y))
		left_behind(s, symbol);
}
