/* session_sync_ask.c - when a snapshot is asked for, for whom first, and with which buffer.
 *
 * A symbol has one request at most. After one that did not help it waits SYNC_RETRY_NS and a
 * jittered time that grows, and is never given up; one that breaks again and again is slowed down
 * by session_snapshot.c. At most SYNC_BUFFERS symbols keep changes. */
#include "publisher/session_private.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ what there is */

bc_status sync_new(struct session *s)
{
	struct session_sync *sync = &s->sync;
	for (size_t i = 0; i < SYNC_BUFFERS; i++)
		sync->buffers[i].symbol = NOBODY;
	sync->told_at = BUDGET_NOW;
	sync->on = s->x->sync != NULL && !s->o.feed.book_partial &&
		   (s->channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0;
	if (!sync->on)
		return BC_OK;
	while ((s->x->lines[sync->line].channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) == 0)
		sync->line++; /* choose_channels() found one */
	uint32_t limit = s->rest.snapshot_limit;
	uint32_t few = 4 * s->o.levels, part = limit / 8;
	sync->enough = few > part ? few : part;
	if (sync->enough > limit / 2)
		sync->enough = limit / 2; /* or no snapshot would ever do */
	sync->levels = malloc((2 * (size_t)s->o.levels + 1) * sizeof *sync->levels);
	if (sync->levels == NULL)
		return BC_ENOMEM;
	for (size_t i = 0; i < SYNC_BUFFERS; i++) {
		struct sync_buffer *b = &sync->buffers[i];
		b->levels = malloc(2 * (size_t)limit * sizeof *b->levels);
		if (b->levels == NULL || join_buffer_new(&b->buffer, SYNC_BUFFER_BYTES) != BC_OK)
			return BC_ENOMEM;
	}
	return bc_order_book_new(&sync->spare, s->o.max_levels);
}

void sync_free(struct session *s)
{
	for (size_t i = 0; i < SYNC_BUFFERS; i++) {
		join_buffer_free(&s->sync.buffers[i].buffer);
		free(s->sync.buffers[i].levels);
	}
	bc_order_book_free(&s->sync.spare);
	due_free(&s->sync.due);
	free(s->sync.levels);
}

bool sync_ready(const struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	uint32_t on = sym->on[s->sync.line];
	return (sym->subscribed & (1u << s->sync.line)) != 0 && on != NOBODY &&
	       s->connections[on].phase == PHASE_OPEN;
}

/* Nobody is asked about what its exchange has halted. One that is only missing in the list may
 * prove that list wrong. */
static bool may_ask(const struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	return sync_ready(s, id) && (sym->state != BC_STATE_HALTED || sym->unlisted);
}

/* ------------------------------------------------------------------ buffers */

static struct sync_buffer *buffer_of(struct session *s, uint32_t owner)
{
	for (size_t i = 0; i < SYNC_BUFFERS; i++) {
		if (s->sync.buffers[i].symbol == owner)
			return &s->sync.buffers[i];
	}
	return NULL;
}

void sync_buffer_taken_back(struct session *s, uint32_t id)
{
	struct sync_buffer *b = buffer_of(s, id);
	if (b == NULL)
		return;
	b->symbol = NOBODY;
	b->held = false;
}

void sync_buffer_release(struct session *s, uint32_t id)
{
	join_expect_none(s->symbols[id].sync.join);
	sync_buffer_taken_back(s, id);
}

/* A free one, or that of somebody who only waits for his next request. */
static struct sync_buffer *buffer_take(struct session *s)
{
	struct sync_buffer *b = buffer_of(s, NOBODY);
	for (size_t i = 0; b == NULL && i < SYNC_BUFFERS; i++) {
		uint32_t owner = s->sync.buffers[i].symbol;
		if (s->symbols[owner].sync.phase >= SYNC_IN_FLIGHT)
			continue;
		sync_buffer_release(s, owner);
		b = &s->sync.buffers[i];
	}
	return b;
}

/* ------------------------------------------------------------------ wanting one */

void sync_need(struct session *s, uint32_t id, int64_t wait_ns)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	bc_mono_time at = mono_plus(s->now.mono, wait_ns);
	if (y->phase >= SYNC_QUEUED)
		return;
	if (at.ns < y->not_before.ns)
		at = y->not_before;
	if (y->phase == SYNC_IDLE)
		y->since = s->now.mono;
	if (y->phase == SYNC_IDLE || at.ns < y->due_at.ns)
		y->due_at = at;
	y->phase = SYNC_WANTED;
	due_set(&s->sync.due, id, y->due_at);
}

void sync_need_no_more(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->phase == SYNC_QUEUED)
		rest_snapshot_cancel(s, id);
	if (y->phase == SYNC_IN_FLIGHT)
		return;
	if (y->phase != SYNC_IDLE) /* as a rule it is: with each message of a book */
		due_drop(&s->sync.due, id);
	y->phase = SYNC_IDLE;
	if (join_expecting(y->join))
		sync_buffer_release(s, id);
}

/* Another one may not be asked before the end of this wait. */
static int64_t failed_once_more(struct session *s, struct symbol_sync *y)
{
	y->failures += y->failures < 32;
	int64_t wait = SYNC_RETRY_NS + backoff_wait_ns(y->failures, REST_WAIT_MAX_NS, &s->random);
	y->not_before = mono_plus(s->now.mono, wait);
	return wait;
}

/* ------------------------------------------------------------------ the edge */

uint32_t sync_vouched(const struct session *s, uint32_t id)
{
	const struct bc_order_book *book = join_book(s->symbols[id].sync.join);
	uint32_t fewest = UINT32_MAX;
	for (int side = BC_BIDS; side <= BC_ASKS; side++) {
		if (!bc_order_book_has_edge(book, (enum bc_book_side)side))
			continue;
		uint32_t n = bc_order_book_vouched(book, (enum bc_book_side)side);
		fewest = n < fewest ? n : fewest;
	}
	return fewest;
}

/* A right book needs nothing, unless the price comes near its edge. */
void sync_watch(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	uint32_t vouched = sync_vouched(s, id);
	if (vouched >= s->sync.enough || (vouched > 0 && s->now.mono.ns < y->edge_at.ns))
		sync_need_no_more(s, id);
	else
		sync_need(s, id, 0);
}

/* Where a fresh one leaves as few, asking again does not help, or not soon. */
static void judge_depth(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (sync_vouched(s, id) >= s->sync.enough) {
		y->shallow = 0;
		return;
	}
	y->shallow += y->shallow < 32;
	int64_t wait = SYNC_EDGE_NS << (y->shallow < 7 ? y->shallow - 1 : 6);
	y->edge_at = mono_plus(s->now.mono, wait + backoff_wait_ns(4, wait, &s->random));
}

/* ------------------------------------------------------------------ who goes first */

/* By class, then by age or depth: right ones that cannot show all their levels any more; those
 * that never had a good book; stale ones; those that come near their edge. */
uint64_t sync_urgency(const struct session *s, uint32_t id)
{
	const struct symbol_sync *y = &s->symbols[id].sync;
	uint64_t class = 2, within = (uint64_t)y->since.ns;
	if (y->join != NULL && y->linked && join_right(y->join)) {
		within = sync_vouched(s, id);
		class = within < s->o.levels ? 0 : 3;
	} else if (!y->was_right) {
		class = 1;
	}
	return class << 62 | (within & (UINT64_MAX >> 2));
}

/* Waiting for its turn is not silence; one that is stale for a better reason keeps it. But who is
 * not subscribed on all its lines waits for more than that. */
bool sync_patient(const struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	const struct symbol_sync *y = &sym->sync;
	static const bool better[BC_N_REASONS] = { [BC_REASON_GAP] = true,
						   [BC_REASON_CHECKSUM] = true,
						   [BC_REASON_CROSSED] = true,
						   [BC_REASON_RANGE] = true };
	return y->join != NULL && sync_ready(s, id) && sym->missing == 0 &&
	       (y->phase >= SYNC_QUEUED || (sym->state == BC_STATE_STALE && better[sym->reason]));
}

/* ------------------------------------------------------------------ asking, and what came of it */

static void tell_of_queue(struct session *s)
{
	int64_t wait = rest_snapshot_wait_ns(s);
	if (wait < SYNC_TELL_NS / 10 || s->now.mono.ns < s->sync.told_at.ns)
		return;
	s->sync.told_at = mono_plus(s->now.mono, SYNC_TELL_NS);
	session_log(s, BC_LOG_INFO, "sync.queue", BC_LOG_U("symbols", rest_snapshots_waiting(s)),
		    BC_LOG_T("expected", wait),
		    BC_LOG_S("hint", "snapshots wait for their share of the REST weight"));
}

/* Its time has come. One that may not ask yet looks again by sync_subscribed(). */
static void turn_of(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->phase == SYNC_HELD) {
		sync_held_try(s, id);
	} else if (y->phase == SYNC_WANTED && may_ask(s, id)) {
		y->phase = SYNC_QUEUED;
		s->count.snapshots_edge += y->linked;
		rest_snapshot(s, id);
	} else if (y->phase == SYNC_WANTED) {
		due_set(&s->sync.due, id, mono_plus(s->now.mono, SYNC_LOOK_NS));
	}
}

void sync_tick(struct session *s)
{
	uint32_t id;
	bool any = false;
	while (due_take(&s->sync.due, s->now.mono, &id)) {
		turn_of(s, id);
		any = true;
	}
	if (any)
		tell_of_queue(s);
}

bc_mono_time sync_deadline(const struct session *s)
{
	return due_next(&s->sync.due);
}

void sync_asked(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL)
		return;
	y->phase = SYNC_IN_FLIGHT;
	y->verdict = JOIN_WAITING;
	y->asked_at = s->now.mono;
	if (join_expecting(y->join))
		return; /* what it kept for the last answer may still be of use */
	struct sync_buffer *b = buffer_take(s);
	if (b == NULL)
		return; /* the answer will link, or not */
	b->symbol = id;
	join_expect(y->join, b->buffer);
}

static void answer_helped(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	y->failures = 0;
	if (y->linked) {
		judge_depth(s, id);
		sync_watch(s, id);
	} else if (s->symbols[id].down) { /* held back, see session_fallback.c */
		sync_need(s, id, SYNC_FIRST_NS);
	}
}

static void answer_did_not_help(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	struct symbol_sync *y = &sym->sync;
	int64_t wait = failed_once_more(s, y);
	if (y->verdict != JOIN_TOO_OLD || wait > SYNC_KEEP_NS)
		sync_buffer_release(s, id);
	if (y->linked)
		sync_watch(s, id); /* it healed by itself, or is still near its edge */
	else if (sym->state != BC_STATE_HALTED)
		sync_need(s, id, 0);
	session_log(s, BC_LOG_INFO, "sync.again", BC_LOG_B("symbol", sym->name),
		    BC_LOG_S("why", y->verdict == JOIN_TOO_OLD    ? "older than the changes"
				    : y->verdict == JOIN_WAITING  ? "no snapshot came"
				    : y->verdict == JOIN_AHEAD    ? "the stream does not reach it"
				    : y->verdict == JOIN_TOO_MANY ? "too many changes meanwhile"
								  : "does not fit the changes"),
		    BC_LOG_U("failures", y->failures), BC_LOG_T("wait", wait));
}

static void answer_ends(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	y->phase = SYNC_IDLE;
	due_drop(&s->sync.due, id);
	bool helped = y->verdict == JOIN_APPLIED || y->verdict == JOIN_SAME;
	if (helped && join_right(y->join))
		answer_helped(s, id);
	else
		answer_did_not_help(s, id);
}

/* ------------------------------------------------------------------ ahead of the stream */

static bc_mono_time heard_or_told(const struct symbol_sync *y)
{
	return y->heard ? y->heard_at : y->told_at;
}

/* A stream that has said nothing since then has nothing to say, or is not there at all. */
static bc_mono_time silent_from(const struct symbol_sync *y)
{
	return mono_plus(heard_or_told(y), SYNC_PROOF_NS);
}

/* The silence of a stream means something where its connection speaks meanwhile. */
static bool is_silent(const struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	bc_mono_time proof = s->connections[sym->on[s->sync.line]].proof_at;
	return silent_from(&sym->sync).ns <= s->now.mono.ns &&
	       proof.ns >= mono_plus(heard_or_told(&sym->sync), SYNC_PROOF_NS / 2).ns;
}

/* A stream that was heard and is behind has more to say. Where it stays silent, a second snapshot
 * that says the same is believed: the change that led there may have been one nobody could read. */
bool sync_reached(const struct session *s, uint32_t id, uint64_t seq)
{
	const struct symbol_sync *y = &s->symbols[id].sync;
	if (y->heard && (y->heard_seq >= seq || y->unreached != seq))
		return y->heard_seq >= seq;
	return y->told && !y->mute && y->asked_at.ns >= y->told_at.ns && is_silent(s, id);
}

static uint32_t copy_side(bc_level *to, const bc_level *from, uint32_t n, uint32_t max)
{
	n = n < max ? n : max;
	if (n > 0)
		memcpy(to, from, n * sizeof *to);
	return n;
}

bool sync_hold(struct session *s, uint32_t id, const struct bc_event *event)
{
	struct sync_buffer *b = buffer_of(s, id);
	const struct bc_book *book = &event->body.book;
	uint32_t max = s->rest.snapshot_limit;
	if (b == NULL)
		return false;
	b->held = true;
	b->book.bids = b->levels;
	b->book.asks = b->levels + max;
	b->book.n_bids = copy_side(b->levels, book->bids, book->n_bids, max);
	b->book.n_asks = copy_side(b->levels + max, book->asks, book->n_asks, max);
	b->seq = event->exchange_seq;
	b->ts_exchange = event->ts_exchange;
	b->received = s->received;
	return true;
}

/* Looks whether the stream has come, or it is time to give up. */
void sync_held_try(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	struct sync_buffer *b = buffer_of(s, id);
	bc_mono_time end = mono_plus(y->answered_at, SYNC_PROOF_NS);
	if (sync_reached(s, id, b->seq)) {
		b->held = false;
		sync_apply(s, id, &b->book, b->seq, b->ts_exchange, b->received);
		answer_ends(s, id);
	} else if (end.ns <= s->now.mono.ns) {
		b->held = false;
		y->unreached = b->seq;
		y->verdict = JOIN_AHEAD;
		answer_ends(s, id);
	} else {
		y->due_at = y->told ? mono_min(end, silent_from(y)) : end;
		if (y->due_at.ns <= s->now.mono.ns)
			y->due_at = end; /* silent, but asked before it was told */
		due_set(&s->sync.due, id, y->due_at);
	}
}

void sync_answered(struct session *s, uint32_t id)
{
	struct symbol_sync *y = &s->symbols[id].sync;
	if (y->join == NULL || y->phase < SYNC_QUEUED)
		return;
	if (y->phase == SYNC_HELD)
		return;
	if (y->phase == SYNC_QUEUED)
		y->verdict = JOIN_WAITING; /* it could not even be sent */
	const struct sync_buffer *b = buffer_of(s, id);
	if (b == NULL || !b->held) {
		answer_ends(s, id);
		return;
	}
	y->phase = SYNC_HELD;
	y->answered_at = s->now.mono;
	sync_held_try(s, id);
}
