/* client_scan.c - topics whose fitness has changed by something else than their message: a gateway
 * that is gone, a line that is fitter now. */
#include "subscribers/libbookcast/client_private.h"

#include "proto/codec.h"

/* Has its fitness changed since it was handed out, or was it not fit in between? */
static bool has_changed(const struct followed *t, enum bc_state state)
{
	return bc_state_fit(state) != t->told_fit ||
	       (t->mute && t->told_fit && t->states != NULL && t->states->n_unfit != t->unfit_told);
}

/* Is the answer, which is decoded, to be handed out since something else than its message came? */
static bool is_told_now(struct bc_client *c, struct followed *t,
			const struct bc_board_answer *answer, bc_mono_time now)
{
	const bc_str topic = { t->text, t->n };
	const bool news = t->fresh || has_changed(t, answer->state);
	if (t->lines.arbiter != NULL) {
		const struct bc_ruling r = bc_lines_look(&t->lines, c->board, topic, now);
		client_note_ruling(c, t, &r);
		client_count_lost(t, r.n_lost);
	}
	if (!news &&
	    (t->lines.arbiter == NULL || !bc_lines_unsettled(&t->lines, c->board, topic, now)))
		return false;
	if (bc_message_decode(answer->payload, &c->message, c->levels, MAX_LEVELS) != BC_OK)
		return false;
	if (t->fresh || t->lines.arbiter == NULL)
		return true;
	enum bc_verdict verdict = bc_lines_again(&t->lines, c->board, topic, &c->message,
						 answer->payload, answer->state, now);
	if (verdict == BC_VERDICT_BEHIND)
		client_be_patient(c, now);
	return verdict == BC_VERDICT_TAKE;
}

/* What waits says itself how it is, in its turn. */
bool client_scan(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	struct bc_board_answer answer;
	while (c->scan != NULL) {
		struct followed *t = c->scan;
		bc_str topic = { t->text, t->n };
		c->scan = t->hh.next;
		if ((!t->fresh && !t->told) || t->waiting.oldest != NULL)
			continue;
		bc_board_get(c->board, topic, now, &answer);
		if (answer.status != BC_BOARD_OK || !is_told_now(c, t, &answer, now))
			continue;
		*event =
			(struct bc_client_event){ .source = t->fresh ? BC_FROM_CACHE : BC_FROM_HERE,
						  .topic = topic,
						  .message = &c->message,
						  .n_lost = t->fresh ? t->waiting.untold : 0 };
		if (t->fresh && !t->early) {
			t->waiting.untold = 0;
			t->waiting.account.waiting--;
			t->waiting.account.received++;
		}
		t->fresh = t->early = false;
		bc_lines_say(&t->lines, &c->message, answer.state);
		client_describe(event, &answer, t);
		return true;
	}
	return false;
}

/* Who is gone now, and when the next one will be unless it is heard. */
static void check_gateways(struct bc_client *c, bc_mono_time now)
{
	const struct bc_gateways *set = bc_board_gateways(c->board);
	uint64_t gone = 0;
	c->gone_due.ns = INT64_MAX;
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		int64_t due = g->heard.ns + BC_MISSED_HEARTBEATS * g->interval_ns + 1;
		if (bc_gateway_gone(g, now))
			gone += g->epoch * 0x9e3779b97f4a7c15u + 1;
		else if (due < c->gone_due.ns)
			c->gone_due.ns = due;
	}
	if (gone == c->gone)
		return;
	c->gone = gone;
	c->dirty = true;
	finder_hurry(c->finder);
}

void client_keep_house(struct bc_client *c, bc_mono_time now)
{
	check_gateways(c, now);
	bc_board_tick(c->board, now);
	if (c->patient.ns != 0 && now.ns >= c->patient.ns) {
		c->patient.ns = 0;
		c->dirty = true;
	}
	if (c->dirty && c->scan == NULL && now.ns - c->scanned.ns >= SCAN_EVERY) {
		c->dirty = false;
		c->scanned = now;
		c->scan = c->follow.topics;
	}
}
