/* judge.c - what must hold, after every step. */
#include "tests/simulation/trial_private.h"

#include "proto/codec.h"

#include <stdio.h>
#include <string.h>

#define HONEST_FIRST 50 /* messages before the one that lies */
#define SLACK_NS     MS /* a deadline is kept to the nanosecond; this is for rounding */

/* ------------------------------------------------------------------ symbols come and go */

void judge_added(struct trial *t, uint32_t number, bc_str name)
{
	if (number >= MAX_NUMBERS || t->judged[number].followed) {
		trial_fail(t, "symbols", "%.*s is added as number %u, which is taken", (int)name.n,
			   name.p, number);
		return;
	}
	struct judged *j = &t->judged[number];
	*j = (struct judged){ .followed = true, .symbol = NOT_IN_MARKET };
	snprintf(j->name, sizeof j->name, "%.*s", (int)name.n, name.p);
	size_t at;
	if (market_find(t->market, name, &at))
		j->symbol = at;
	/* a topic that is opened anew may say again what it said in its earlier life */
	for (size_t i = 0; j->symbol != NOT_IN_MARKET && i < t->truth.symbols[at].n_trades; i++)
		t->truth.symbols[at].trades[i].published = false;
}

void judge_removed(struct trial *t, uint32_t number)
{
	t->judged[number].followed = false;
}

/* ------------------------------------------------------------------ states */

void judge_announced(struct trial *t, uint32_t number, const struct session_change *change)
{
	struct judged *j = &t->judged[number];
	struct session_view view;
	if (!session_symbol(t->session, number, &view) || view.state != change->state ||
	    view.reason != change->reason)
		trial_fail(t, "states", "%s: announced as %s, but it is %s", j->name,
			   bc_state_word(change->state), bc_state_word(view.state));
	if (change->previous != j->announced.state)
		trial_fail(t, "states", "%s: was %s, not %s", j->name,
			   bc_state_word(j->announced.state), bc_state_word(change->previous));
	if (bc_state_fit(change->state) && j->symbol == NOT_IN_MARKET)
		trial_fail(t, "states", "%s does not exist and is %s", j->name,
			   bc_state_word(change->state));
	if (!bc_state_fit(change->state)) {
		memset(j->fit_seq, 0, sizeof j->fit_seq);
		memset(j->fit_time, 0, sizeof j->fit_time);
	}
	j->announced.state = change->state;
	j->announced.reason = change->reason;
}

static bool crossed(const struct bc_book *book)
{
	return book->n_bids > 0 && book->n_asks > 0 &&
	       bc_decimal_compare(book->bids[0].price, book->asks[0].price) > 0;
}

/* The session may not hand data over before it has announced the state it is to be seen in. */
void judge_event(struct trial *t, uint32_t number, const struct bc_event *event)
{
	struct judged *j = &t->judged[number];
	struct session_view view;
	if (!session_symbol(t->session, number, &view) || view.state != j->announced.state)
		trial_fail(t, "states", "%s: %s comes before its state %s is announced", j->name,
			   bc_channel_word(event->channel), bc_state_word(view.state));
	if (event->channel == BC_CHANNEL_BOOK && event->exchange_seq != BC_SEQ_NONE)
		j->handed_on = event->exchange_seq;
	if (event->channel == BC_CHANNEL_DELTA)
		trial_fail(t, "states", "%s: a change of a book on its way to the bus", j->name);
}

/* ------------------------------------------------------------------ what is published */

static void judge_order(struct trial *t, struct judged *j, const struct bc_message *m, bool bbo)
{
	const struct bc_envelope *e = &m->envelope;
	if (e->exchange_seq != BC_SEQ_NONE) {
		if (e->exchange_seq < j->fit_seq[bbo])
			trial_fail(t, "order", "%s of %s goes back from %llu to %llu",
				   bbo ? "bbo" : "book", j->name,
				   (unsigned long long)j->fit_seq[bbo],
				   (unsigned long long)e->exchange_seq);
		j->fit_seq[bbo] = e->exchange_seq;
	} else if (bc_wall_known(e->ts_exchange)) {
		if (e->ts_exchange.ns < j->fit_time[bbo])
			trial_fail(t, "order", "%s of %s goes back by %lld ms in time",
				   bbo ? "bbo" : "book", j->name,
				   (long long)(j->fit_time[bbo] - e->ts_exchange.ns) / MS);
		j->fit_time[bbo] = e->ts_exchange.ns;
	}
}

static void judge_book(struct trial *t, struct judged *j, const struct bc_message *m)
{
	bool bbo = m->envelope.channel == BC_CHANNEL_BBO;
	const char *what = bc_channel_word(m->envelope.channel);
	if (!bc_state_fit(m->envelope.state))
		return;
	*(bbo ? &t->result->bbos : &t->result->books) += 1;
	t->result->edges += (m->envelope.flags & BC_FLAG_EDGE) != 0;
	if (crossed(&m->body.book))
		trial_fail(t, "crossed", "%s of %s is crossed and %s", what, j->name,
			   bc_state_word(m->envelope.state));
	judge_order(t, j, m, bbo);
	truth_compare(t, j->symbol, what, m, bbo ? 1 : t->so.levels);
}

static void remember(struct shown *s, const struct bc_message *m)
{
	const struct bc_book *b = &m->body.book;
	s->any = true;
	s->state = m->envelope.state;
	s->flags = m->envelope.flags;
	s->exchange_seq = m->envelope.exchange_seq;
	s->ts_exchange = m->envelope.ts_exchange;
	s->n_bids = b->n_bids;
	s->n_asks = b->n_asks;
	if (b->n_bids > 0)
		memcpy(s->bids, b->bids, b->n_bids * sizeof *b->bids);
	if (b->n_asks > 0)
		memcpy(s->asks, b->asks, b->n_asks * sizeof *b->asks);
}

static void judge_by_channel(struct trial *t, struct judged *j, const struct bc_message *m)
{
	enum bc_channel channel = m->envelope.channel;
	if (channel == BC_CHANNEL_STATE)
		j->told = m->envelope.state;
	else if (m->envelope.state != j->told)
		trial_fail(t, "states", "%s of %s is published as %s; its state topic says %s",
			   bc_channel_word(channel), j->name, bc_state_word(m->envelope.state),
			   bc_state_word(j->told));
	if (j->symbol == NOT_IN_MARKET)
		return;
	if (channel == BC_CHANNEL_BOOK || channel == BC_CHANNEL_BBO) {
		judge_book(t, j, m);
		remember(channel == BC_CHANNEL_BBO ? &j->bbo : &j->book, m);
	} else if (channel == BC_CHANNEL_TRADE) {
		truth_trade(t, j, m);
	}
}

void judge_published(struct trial *t, const struct topic *topic, bc_str payload)
{
	struct topic *at = &t->topics[topic - t->topics];
	struct bc_message m;
	bc_level levels[2 * MAX_SHOWN];
	bc_status rc = bc_message_decode(payload, &m, levels, 2 * MAX_SHOWN);
	if (rc != BC_OK) {
		trial_fail(t, "codec", "%s: %s", at->name, bc_status_text(rc));
		return;
	}
	if (t->o.lie != NULL && !t->lied && ++t->n_published > HONEST_FIRST)
		t->lied = t->o.lie->tell(&m, levels);
	note(t, "<= %s seq %llu %s %s flags %x xseq %lld xms %lld", at->name,
	     (unsigned long long)m.envelope.seq, bc_state_word(m.envelope.state),
	     bc_reason_word(m.envelope.reason), m.envelope.flags,
	     (long long)m.envelope.exchange_seq, (long long)m.envelope.ts_exchange.ns / MS);
	trace_bytes(&t->trace, payload);
	if (m.envelope.seq != at->seq + 1)
		trial_fail(t, "sequence", "%s goes from %llu to %llu", at->name,
			   (unsigned long long)at->seq, (unsigned long long)m.envelope.seq);
	at->seq = m.envelope.seq;
	if (at->number != UINT32_MAX)
		judge_by_channel(t, &t->judged[at->number], &m);
}

/* ------------------------------------------------------------------ after every step */

static bool carries_books(const struct trial *t, uint32_t link)
{
	return (session_line(t->session, link)->channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0;
}

/* Another connection brings the same. */
static bool is_told_twice(const struct trial *t, size_t symbol, uint32_t but)
{
	for (uint32_t i = 0; i < t->n_links; i++) {
		const struct link *link = &t->links[i];
		if (i != but && link->phase == LINK_OPEN && carries_books(t, i) &&
		    (link->asked_for >> symbol & 1) != 0)
			return true;
	}
	return false;
}

/* What was in it is lost, and the book may have changed. */
void judge_damaged(struct trial *t, const struct event *e)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &t->judged[i];
		if (j->followed && j->symbol == e->symbol && bc_state_fit(j->announced.state) &&
		    !is_told_twice(t, e->symbol, e->link))
			trial_fail(t, "not in doubt",
				   "%s is %s after a frame of its book that nobody can read",
				   j->name, bc_state_word(j->announced.state));
	}
}

/* Who is told of a change, and is fit, shows it. */
void judge_followed(struct trial *t, const struct event *e)
{
	for (size_t i = 0; i < MAX_NUMBERS && t->x->sync != NULL; i++) {
		const struct judged *j = &t->judged[i];
		if (j->followed && j->symbol == e->symbol && j->handed_on < e->book_id &&
		    bc_state_fit(j->announced.state) && !is_told_twice(t, e->symbol, e->link))
			trial_fail(t, "left behind",
				   "%s is %s with its book %llu after a change up to %llu", j->name,
				   bc_state_word(j->announced.state),
				   (unsigned long long)j->handed_on,
				   (unsigned long long)e->book_id);
	}
}

/* Fit means: a connection that was asked for it has proven itself not too long ago. */
static bool is_fresh(const struct trial *t, const struct judged *j)
{
	int64_t now = trial_now(t).mono.ns;
	for (uint32_t i = 0; i < t->n_links; i++) {
		const struct link *link = &t->links[i];
		if (link->phase == LINK_OPEN && carries_books(t, i) &&
		    (link->asked_for >> j->symbol & 1) != 0 &&
		    now - link->proof_ns <= t->so.silent_after_ns + SLACK_NS)
			return true;
	}
	return false;
}

/* What the sockets hold is old, and what they held may be lost. */
void judge_standstill(struct trial *t)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &t->judged[i];
		if (j->followed && bc_state_fit(j->announced.state))
			trial_fail(t, "not in doubt", "%s is %s after a standstill of ours",
				   j->name, bc_state_word(j->announced.state));
	}
}

/* What is due at the same time as an input may be done after it: that is the loop's choice. */
void judge_step(struct trial *t)
{
	bool all_done = session_next_deadline(t->session).ns > trial_now(t).mono.ns;
	for (uint32_t i = 0; i < MAX_NUMBERS && !t->result->failed; i++) {
		struct judged *j = &t->judged[i];
		struct session_view view;
		if (!j->followed)
			continue;
		if (!session_symbol(t->session, i, &view))
			trial_fail(t, "symbols", "%s, number %u, is gone", j->name, i);
		else if (view.state != j->announced.state || view.state != j->told)
			trial_fail(t, "states", "%s is %s, was announced as %s and told as %s",
				   j->name, bc_state_word(view.state),
				   bc_state_word(j->announced.state), bc_state_word(j->told));
		else if (bc_state_fit(view.state) && all_done && !is_fresh(t, j))
			trial_fail(t, "not fresh", "%s is %s, but no connection of it is proven",
				   j->name, bc_state_word(view.state));
	}
}

/* ------------------------------------------------------------------ the end */

static bool can_heal(const struct trial *t, const struct judged *j)
{
	return j->followed && j->symbol != NOT_IN_MARKET && !market_delisted(t->market, j->symbol);
}

/* Published as fit, and from after the storm. */
static bool is_new(const struct trial *t, const struct judged *j, const struct shown *shown)
{
	if (!shown->any || !bc_state_fit(shown->state))
		return false;
	if (shown->exchange_seq != BC_SEQ_NONE)
		return shown->exchange_seq > t->calm_id[j->symbol];
	return shown->ts_exchange.ns / MS > t->calm_time_ns[j->symbol] / MS;
}

static bool own_bbo(const struct trial *t)
{
	return (session_carried(t->x) & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0;
}

/* Also: a book that has changed since was published, so what was dropped in the storm is made up
 * for, and nothing is still under way. */
bool judge_healed(struct trial *t, char *why, size_t cap)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &t->judged[i];
		if (!can_heal(t, j))
			continue;
		snprintf(why, cap, "%s is %s (%s)", j->name, bc_state_word(j->announced.state),
			 bc_reason_word(j->announced.reason));
		if (!bc_state_fit(j->announced.state))
			return false;
		snprintf(why, cap, "no newer book or bbo of %s is published as fit", j->name);
		if (!is_new(t, j, &j->book) || (own_bbo(t) && !is_new(t, j, &j->bbo)))
			return false;
	}
	for (uint32_t i = 0; i < t->n_links; i++) {
		const struct link *link = &t->links[i];
		snprintf(why, cap, "connection %u is stalled, or about to be closed", i);
		if (link->stalled_until_ns > t->now_ns ||
		    (link->phase == LINK_OPEN && (link->session == NULL || link->closes_at_ns > 0)))
			return false;
		snprintf(why, cap, "connection %u may fall silent while the market stands", i);
		if (link->phase == LINK_OPEN &&
		    trial_now(t).mono.ns - link->proof_ns + STILL_FOR_NS > t->so.silent_after_ns)
			return false;
	}
	snprintf(why, cap, "a command is under way");
	return t->frozen_until_ns <= t->now_ns && t->n_commands == 0;
}

bool judge_all_fit(const struct trial *t)
{
	bool all = true;
	for (size_t i = 0; i < MAX_NUMBERS; i++)
		all &= !can_heal(t, &t->judged[i]) || bc_state_fit(t->judged[i].announced.state);
	return all;
}

void judge_end(struct trial *t)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &t->judged[i];
		if (!can_heal(t, j))
			continue;
		truth_present(t, j, "book", &j->book, t->so.levels);
		truth_present(t, j, "bbo", &j->bbo, 1);
	}
}
