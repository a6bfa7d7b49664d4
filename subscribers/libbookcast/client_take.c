/* client_take.c - what becomes of what was read: a message of the bus, an answer of the cache. */
#include "subscribers/libbookcast/client_private.h"

#include "common/clock.h"
#include "proto/codec.h"

static void confirm(struct bc_client *c, struct followed *t)
{
	t->ahead_seq = 0;
	c->counters.repaired += t->gap_open;
	t->gap_open = false;
}

/* What the cache has brought was not handed out yet, and now something newer is here. */
static bool pass_over(struct followed *t)
{
	const bool counted = t->fresh && !t->early;
	t->waiting.account.waiting -= counted;
	t->waiting.account.conflated += counted;
	t->fresh = t->early = false;
	return counted;
}

void client_count_lost(struct followed *t, uint64_t n_lost)
{
	t->waiting.account.published += n_lost;
	t->waiting.account.lost += n_lost;
	t->waiting.untold += n_lost;
}

static void count_taken(struct bc_account *a, uint64_t n_lost)
{
	a->published += n_lost + 1;
	a->lost += n_lost;
}

/* A line that is behind what was handed out is asked again, if nothing newer comes meanwhile. */
void client_be_patient(struct bc_client *c, bc_mono_time now)
{
	if (c->patient.ns == 0)
		c->patient.ns = now.ns + BC_ARBITER_PATIENCE;
}

/* The cache has a newer one. Mostly it is on its way here, and taking it now would make a hole of
 * what the stream still brings; only what does not come in a while was lost. */
static bool lost_for_good(struct bc_client *c, struct followed *t, uint64_t ours,
			  const struct bc_envelope *theirs, int64_t now)
{
	if (t->ahead_seq == 0 || t->ahead_epoch != theirs->epoch || ours >= t->ahead_seq) {
		t->ahead_epoch = theirs->epoch;
		t->ahead_seq = theirs->seq;
		t->ahead_since = now;
	} else if (now - t->ahead_since >= CATCH_UP) {
		return true;
	}
	follow_ask(&c->follow, t, now + CATCH_UP);
	return false;
}

/* Is it to be taken, and not left to the stream? */
static bool is_needed(struct bc_client *c, struct followed *t, bc_str topic,
		      const struct bc_envelope *theirs, bc_mono_time now)
{
	struct bc_board_answer ours;
	uint64_t seq;
	if (bc_board_last_seq(c->board, topic, theirs->epoch, &seq)) {
		if (seq >= theirs->seq) {
			confirm(c, t);
			return seq == theirs->seq; /* it proves what is here */
		}
		return lost_for_good(c, t, seq, theirs, now.ns);
	}
	bc_board_get(c->board, topic, now, &ours);
	return ours.status != BC_BOARD_OK || !bc_state_fit(ours.state);
}

/* The cache has brought it; it is handed out in its turn. Before the stream has begun it is the
 * past, and no part of the account. */
static void keep_fresh(struct bc_client *c, struct followed *t, const struct bc_message *message,
		       bc_str payload, uint64_t n_lost)
{
	if (!t->streamed) {
		t->fresh = t->early = true;
		return;
	}
	if (c->latest) {
		bc_conflate_put(c->waiting, &t->waiting, message, payload, n_lost, BC_FROM_CACHE);
		return;
	}
	pass_over(t);
	count_taken(&t->waiting.account, n_lost);
	t->waiting.account.waiting++;
	t->waiting.untold += n_lost;
	t->fresh = true;
}

static void note_gaps(struct bc_client *c, struct followed *t, uint64_t n_gaps, uint64_t n_lost)
{
	c->counters.gaps += n_gaps;
	c->counters.lost += n_lost;
	t->gap_open = t->gap_open || (n_gaps > 0 && t->welcomed);
}

/* What is told of other lines than the one whose message is handed out. */
void client_note_ruling(struct bc_client *c, struct followed *t, const struct bc_ruling *r)
{
	struct bc_account *a = &t->waiting.account;
	note_gaps(c, t, r->n_gaps, r->n_lost);
	c->counters.filled += r->n_filled;
	a->published += r->n_filled;
	a->redundant += r->n_filled;
}

/* Of a message that was kept: is it to be handed out? False: of A/B lines another one said it, or
 * is fitter. What is missing before it is counted, *n_lost is what is known to be lost. */
static bool is_first(struct bc_client *c, struct followed *t, struct bc_board_taken *taken,
		     bc_str payload, enum bc_state state, bc_mono_time now, uint64_t *n_lost)
{
	if (!bc_lines_doubled(&t->lines, taken)) {
		note_gaps(c, t, *n_lost > 0, *n_lost);
		return true;
	}
	taken->n_lost = *n_lost;
	const struct bc_ruling r = bc_lines_take(&t->lines, c->board, taken, payload, state, now);
	client_note_ruling(c, t, &r);
	*n_lost = r.n_lost;
	if (r.verdict == BC_VERDICT_TAKE)
		return true;
	if (r.verdict == BC_VERDICT_BEHIND)
		client_be_patient(c, now);
	count_taken(&t->waiting.account, r.n_lost);
	t->waiting.account.redundant++;
	t->waiting.untold += r.n_lost;
	c->counters.arbitrated++;
	return false;
}

void client_take_answer(void *self, bc_mono_time now, bc_str topic,
			const struct bc_board_answer *answer)
{
	struct bc_client *c = self;
	struct bc_board_taken taken;
	struct followed *t = follow_find(&c->follow, topic);
	if (t == NULL || !t->wanted)
		return;
	if (t->asking)
		follow_ask(&c->follow, t, 0);
	/* An answer that is stale itself helps nobody: what is here says so, too. */
	if (answer->status != BC_BOARD_OK || !bc_state_fit_if_rest(answer->state) ||
	    answer->proven_ns > now.ns ||
	    bc_message_decode(answer->payload, &c->message, c->levels, MAX_LEVELS) != BC_OK ||
	    !bc_channel_welcomed(c->message.envelope.channel))
		return;
	if (!is_needed(c, t, topic, &c->message.envelope, now))
		return;
	now.ns -= answer->proven_ns;
	if (bc_board_take(c->board, topic, answer->payload, now, &taken) == BC_OK) {
		uint64_t n_lost = t->streamed ? taken.n_lost : 0;
		struct bc_board_answer here;
		bc_board_get_taken(c->board, now, &here);
		confirm(c, t);
		bool first = is_first(c, t, &taken, answer->payload, here.state, now, &n_lost);
		confirm(c, t); /* it has repaired what it has shown */
		if (first)
			keep_fresh(c, t, taken.message, answer->payload, n_lost);
		/* Who joins late waits for this, and a scan that was just done had not seen it. */
		if (HASH_COUNT(c->follow.topics) <= SCAN_SOON)
			c->scanned.ns = 0;
	}
	c->dirty = true;
}

void client_describe(struct bc_client_event *event, const struct bc_board_answer *answer,
		     struct followed *t)
{
	event->exchange = t->exchange;
	event->symbol = t->symbol;
	event->state = answer->state;
	event->reason = answer->reason;
	event->since = answer->since;
	t->told = true;
	t->told_fit = bc_state_fit(answer->state);
	if (t->mute && t->states != NULL) {
		event->n_unfit += t->states->n_unfit - t->unfit_told;
		t->unfit_told = t->states->n_unfit;
	}
}

static void heed_wants(struct bc_client *c, bc_mono_time now)
{
	char prefix[BC_TOPIC_MAX + 1];
	while (bc_board_wants(c->board, prefix))
		follow_renew(&c->follow, bc_str_of(prefix), now.ns);
}

/* The record of the topic whose message was just kept, mostly without a search. */
static struct followed *taken_topic(const struct bc_client *c, bc_str topic,
				    struct bc_board_mark *mark)
{
	if (mark->version != c->follow.version) {
		mark->of = follow_wanted(&c->follow, topic);
		mark->version = c->follow.version;
	}
	return mark->of;
}

/* Not kept, or not taken into account. */
static void note_refused(struct bc_client *c, struct followed *t, bc_status why, uint64_t n_lost)
{
	if (why == BC_EDUPLICATE) {
		t->streamed = true;
		c->counters.duplicates++;
	} else if (why == BC_ERANGE || why == BC_ENOMEM) {
		count_taken(&t->waiting.account, n_lost);
		t->waiting.account.lost++;
		t->waiting.untold += n_lost + 1;
		c->counters.lost += n_lost + 1;
	}
}

/* Its symbol has said that it is not fit: who hears of it only by other topics is told, too. */
static void note_unfit(struct bc_client *c, bc_str topic, const struct bc_envelope *e)
{
	struct followed *states = NULL;
	if (e->channel == BC_CHANNEL_STATE && !bc_state_fit(e->state))
		states = follow_find(&c->follow, topic);
	if (states != NULL)
		states->n_unfit++;
}

static void note_delay(struct bc_client *c, int64_t ns)
{
	bc_latency_record(&c->latency, ns);
	c->delay = ns;
	if (ns < c->fastest[0])
		c->fastest[0] = ns;
}

/* Of a topic that is followed; true: there is something to hand out. */
static bool take_wanted(struct bc_client *c, struct followed *t, struct bc_board_taken *taken,
			bc_str payload, bc_mono_time now, struct bc_client_event *event)
{
	const struct bc_envelope *e = &taken->message->envelope;
	struct bc_board_answer answer;
	uint64_t n_lost = t->streamed ? taken->n_lost : 0;
	t->streamed = true;
	if ((e->flags & BC_FLAG_WELCOME) == 0)
		note_delay(c, bc_wall_now().ns - e->ts_publish.ns);
	bc_board_get_taken(c->board, now, &answer);
	if (n_lost > 0 || bc_lines_doubled(&t->lines, taken)) {
		bool first = is_first(c, t, taken, payload, answer.state, now, &n_lost);
		if (t->gap_open && n_lost > 0)
			follow_ask(&c->follow, t, now.ns);
		if (!first)
			return false;
	}
	bc_lines_say(&t->lines, taken->message, answer.state);
	if (c->latest) {
		pass_over(t);
		bc_conflate_put(c->waiting, &t->waiting, taken->message, payload, n_lost,
				BC_FROM_GATEWAY);
		return false;
	}
	*event = (struct bc_client_event){ .source = BC_FROM_GATEWAY,
					   .topic = { t->text, t->n },
					   .message = taken->message,
					   .n_lost = t->waiting.untold + n_lost,
					   .n_replaced = pass_over(t) };
	t->waiting.untold = 0;
	count_taken(&t->waiting.account, n_lost);
	t->waiting.account.received++;
	client_describe(event, &answer, t);
	return true;
}

/* One message of the bus; true: there is something to hand out. */
bool client_take(struct bc_client *c, bc_str topic, bc_str payload, bc_mono_time now,
		 struct bc_client_event *event)
{
	struct bc_board_taken taken;
	taken.n_lost = 0;
	bc_status rc = bc_board_take(c->board, topic, payload, now, &taken);
	struct followed *t =
		rc == BC_OK ? taken_topic(c, topic, taken.mark) : follow_wanted(&c->follow, topic);
	heed_wants(c, now);
	if (t == NULL || rc != BC_OK)
		c->dirty = true; /* states, heartbeats, welcomes of what was in doubt */
	if (rc == BC_OK)
		note_unfit(c, topic, &taken.message->envelope);
	if (t == NULL)
		return false;
	if (rc == BC_OK)
		return take_wanted(c, t, &taken, payload, now, event);
	note_refused(c, t, rc, taken.n_lost);
	return false;
}
