/* judge.c - what must hold, after every step. */
#include "tests/simulation/trial_private.h"

#include "proto/codec.h"

#include <stdio.h>
#include <string.h>

#define HONEST_FIRST  50         /* messages before the one that lies */
#define POLLED_FOR_NS (12 * S)   /* two rounds, and five seconds */
#define POLL_EACH_NS  (375 * MS) /* of a round, where requests weigh most: 3 of 8 a second */
#define SET_BACK_NS   (60 * S)
#define SLACK_NS      MS /* a deadline is kept to the nanosecond; this is for rounding */

/* ------------------------------------------------------------------ symbols come and go */

void judge_added(struct gateway *g, uint32_t number, bc_str name)
{
	if (number >= MAX_NUMBERS || g->judged[number].followed) {
		trial_fail(g, "symbols", "%.*s is added as number %u, which is taken", (int)name.n,
			   name.p, number);
		return;
	}
	struct judged *j = &g->judged[number];
	*j = (struct judged){ .followed = true, .since_ns = g->t->now_ns, .symbol = NOT_IN_MARKET };
	snprintf(j->name, sizeof j->name, "%.*s", (int)name.n, name.p);
	size_t at;
	if (market_find(g->t->market, name, &at)) {
		j->symbol = at;
		g->heard[at].life = 0; /* the session has heard nothing of it in this life */
	}
	/* a topic that is opened anew may say again what it said in its earlier life */
	for (size_t i = 0; j->symbol != NOT_IN_MARKET && i < g->t->truth.symbols[at].n_trades; i++)
		g->t->truth.symbols[at].trades[i].published &= ~(1u << g->index);
}

void judge_removed(struct gateway *g, uint32_t number)
{
	g->judged[number].followed = false;
}

/* ------------------------------------------------------------------ states */

void judge_announced(struct gateway *g, uint32_t number, const struct session_change *change)
{
	struct judged *j = &g->judged[number];
	struct session_view view;
	if (!session_symbol(g->session, number, &view) || view.state != change->state ||
	    view.reason != change->reason)
		trial_fail(g, "states", "%s: announced as %s, but it is %s", j->name,
			   bc_state_word(change->state), bc_state_word(view.state));
	if (change->previous != j->announced.state)
		trial_fail(g, "states", "%s: was %s, not %s", j->name,
			   bc_state_word(j->announced.state), bc_state_word(change->previous));
	if (bc_state_fit(change->state) && j->symbol == NOT_IN_MARKET)
		trial_fail(g, "states", "%s does not exist and is %s", j->name,
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
void judge_event(struct gateway *g, uint32_t number, const struct bc_event *event)
{
	struct judged *j = &g->judged[number];
	struct session_view view;
	if (!session_symbol(g->session, number, &view) || view.state != j->announced.state)
		trial_fail(g, "states", "%s: %s comes before its state %s is announced", j->name,
			   bc_channel_word(event->channel), bc_state_word(view.state));
	if (event->channel == BC_CHANNEL_BOOK && event->exchange_seq != BC_SEQ_NONE)
		j->handed_on = event->exchange_seq;
	if (event->channel == BC_CHANNEL_DELTA)
		trial_fail(g, "states", "%s: a change of a book on its way to the bus", j->name);
}

/* ------------------------------------------------------------------ what is published */

/* A clock that was set back by far is believed; by less, it is out of order, unless the market has
 * gone on: the clock may have been set back and forth between the two. */
bool judge_went_back(const struct gateway *g, size_t symbol, int64_t from_ns, int64_t to_ns)
{
	return to_ns < from_ns && (!g->t->skewed || from_ns - to_ns < SET_BACK_NS) &&
	       truth_seq(g->t, symbol, to_ns / MS) <= truth_seq(g->t, symbol, from_ns / MS);
}

/* Two frames that changed places while the clock was set by far: nothing tells that from a clock
 * that was set once more. */
static bool is_beyond_telling(const struct gateway *g, int64_t from_ns, int64_t to_ns)
{
	int64_t off = from_ns > to_ns ? from_ns - to_ns : to_ns - from_ns;
	return g->reordered && g->t->skewed && off >= SET_BACK_NS;
}

/* Where it has no number, by the market's own of the book that was sent with this time: however
 * often the exchange's clock was set, that does not go back. */
static void judge_order(struct gateway *g, struct judged *j, const struct bc_message *m, bool bbo)
{
	const struct bc_envelope *e = &m->envelope;
	bool timed = e->exchange_seq == BC_SEQ_NONE;
	int64_t at_ns = e->ts_exchange.ns;
	uint64_t seq = timed ? truth_seq(g->t, j->symbol, at_ns / MS) : e->exchange_seq;
	if (seq == 0)
		return; /* no such book was sent: truth_compare() says so */
	if (seq < j->fit_seq[bbo] && !(timed && is_beyond_telling(g, j->fit_time[bbo], at_ns)))
		trial_fail(g, "order", "%s of %s goes back from %llu to %llu", bbo ? "bbo" : "book",
			   j->name, (unsigned long long)j->fit_seq[bbo], (unsigned long long)seq);
	j->fit_seq[bbo] = seq;
	j->fit_time[bbo] = at_ns;
}

bool judge_is_polled(const struct gateway *g, size_t symbol)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &g->judged[i];
		if (j->followed && j->symbol == symbol && j->announced.state == BC_STATE_REST)
			return true;
	}
	return false;
}

/* What was polled does not go back, nor does the stream that follows it; but for answers of
 * earlier, of which three in a row are believed. */
static void judge_polled_order(struct gateway *g, struct judged *j, const struct bc_envelope *e)
{
	bool mixed = g->plan.chance[FAULT_REST_STALE] > 0 || g->plan.chance[FAULT_REST_OTHER] > 0;
	struct bc_envelope *last = &j->polled;
	if (last->state != BC_STATE_REST || mixed)
		return;
	if (e->exchange_seq != BC_SEQ_NONE && e->exchange_seq < last->exchange_seq)
		trial_fail(g, "order", "%s goes back from %llu, polled, to %llu, %s", j->name,
			   (unsigned long long)last->exchange_seq,
			   (unsigned long long)e->exchange_seq, bc_state_word(e->state));
	else if (e->exchange_seq == BC_SEQ_NONE &&
		 judge_went_back(g, j->symbol, last->ts_exchange.ns, e->ts_exchange.ns))
		trial_fail(g, "order", "%s goes back by %lld ms after it was polled, %s", j->name,
			   (long long)(last->ts_exchange.ns - e->ts_exchange.ns) / MS,
			   bc_state_word(e->state));
}

/* True: what there is to be said of it is said. */
static bool judge_polled(struct gateway *g, struct judged *j, const struct bc_message *m)
{
	bool rest = m->envelope.state == BC_STATE_REST;
	bool book =
		m->envelope.channel == BC_CHANNEL_BOOK && (m->envelope.flags & BC_FLAG_STATE) == 0;
	if (book && (rest || bc_state_fit(m->envelope.state)))
		judge_polled_order(g, j, &m->envelope);
	if (book)
		j->polled = m->envelope;
	if (!rest)
		return false;
	g->t->result->polled++;
	if (crossed(&m->body.book) && m->envelope.channel == BC_CHANNEL_BOOK)
		trial_fail(g, "crossed", "%s is crossed and polled", j->name);
	bool bbo = m->envelope.channel == BC_CHANNEL_BBO;
	truth_compare(g, &g->replicas[j->symbol][bbo], j->symbol,
		      bc_channel_word(m->envelope.channel), m, bbo ? 1 : g->so.levels);
	return true;
}

static void judge_book(struct gateway *g, struct judged *j, const struct bc_message *m)
{
	bool bbo = m->envelope.channel == BC_CHANNEL_BBO;
	const char *what = bc_channel_word(m->envelope.channel);
	if (judge_polled(g, j, m) || !bc_state_fit(m->envelope.state))
		return;
	if ((m->envelope.flags & BC_FLAG_REST) != 0 && !bbo &&
	    (m->envelope.flags & BC_FLAG_SNAPSHOT) == 0)
		trial_fail(g, "states", "%s: a polled %s is published as %s", j->name, what,
			   bc_state_word(m->envelope.state));
	*(bbo ? &g->t->result->bbos : &g->t->result->books) += 1;
	g->t->result->edges += (m->envelope.flags & BC_FLAG_EDGE) != 0;
	if (crossed(&m->body.book))
		trial_fail(g, "crossed", "%s of %s is crossed and %s", what, j->name,
			   bc_state_word(m->envelope.state));
	judge_order(g, j, m, bbo);
	truth_compare(g, &g->replicas[j->symbol][bbo], j->symbol, what, m, bbo ? 1 : g->so.levels);
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

static void judge_by_channel(struct gateway *g, struct judged *j, const struct bc_message *m)
{
	enum bc_channel channel = m->envelope.channel;
	if (channel == BC_CHANNEL_STATE)
		j->told = m->envelope.state;
	else if (m->envelope.state != j->told)
		trial_fail(g, "states", "%s of %s is published as %s; its state topic says %s",
			   bc_channel_word(channel), j->name, bc_state_word(m->envelope.state),
			   bc_state_word(j->told));
	if (j->symbol == NOT_IN_MARKET)
		return;
	if (channel == BC_CHANNEL_BOOK || channel == BC_CHANNEL_BBO) {
		judge_book(g, j, m);
		remember(channel == BC_CHANNEL_BBO ? &j->bbo : &j->book, m);
	} else if (channel == BC_CHANNEL_TRADE) {
		truth_trade(g, j, m);
	}
}

void judge_published(struct gateway *g, const struct topic *topic, bc_str payload)
{
	struct topic *at = &g->topics[topic - g->topics];
	struct bc_message m;
	bc_level levels[2 * MAX_SHOWN];
	bc_status rc = bc_message_decode(payload, &m, levels, 2 * MAX_SHOWN);
	if (rc != BC_OK) {
		trial_fail(g, "codec", "%s: %s", at->name, bc_status_text(rc));
		return;
	}
	if (g->t->o.lie != NULL && !g->lied && ++g->n_published > HONEST_FIRST)
		g->lied = g->t->o.lie->tell(&m, levels);
	note(g, "<= %s seq %llu %s %s flags %x xseq %lld xms %lld", at->name,
	     (unsigned long long)m.envelope.seq, bc_state_word(m.envelope.state),
	     bc_reason_word(m.envelope.reason), m.envelope.flags,
	     (long long)m.envelope.exchange_seq, (long long)m.envelope.ts_exchange.ns / MS);
	trace_bytes(&g->t->trace, payload);
	bool welcome = (m.envelope.flags & BC_FLAG_WELCOME) != 0;
	if (g->t->reader != NULL)
		bus_send(g, (uint32_t)(topic - g->topics), payload, welcome);
	if (m.envelope.seq != at->seq + !welcome)
		trial_fail(g, "sequence", "%s goes from %llu to %llu", at->name,
			   (unsigned long long)at->seq, (unsigned long long)m.envelope.seq);
	at->seq = m.envelope.seq;
	if (at->number != UINT32_MAX && !welcome)
		judge_by_channel(g, &g->judged[at->number], &m);
}

/* ------------------------------------------------------------------ after every step */

static bool carries_books(const struct gateway *g, uint32_t link)
{
	return (session_line(g->session, link)->channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0;
}

/* Another connection brings the same. */
static bool is_told_twice(const struct gateway *g, size_t symbol, uint32_t but)
{
	for (uint32_t i = 0; i < g->n_links; i++) {
		const struct link *link = &g->links[i];
		if (i != but && link->phase == LINK_OPEN && carries_books(g, i) &&
		    (link->asked_for >> symbol & 1) != 0)
			return true;
	}
	return false;
}

/* What was in it is lost, and the book may have changed. */
void judge_damaged(struct gateway *g, const struct event *e)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &g->judged[i];
		if (j->followed && j->symbol == e->symbol && bc_state_fit(j->announced.state) &&
		    !is_told_twice(g, e->symbol, e->link))
			trial_fail(g, "not in doubt",
				   "%s is %s after a frame of its book that nobody can read",
				   j->name, bc_state_word(j->announced.state));
	}
}

/* Who is told of a change, and is fit, shows it. */
void judge_followed(struct gateway *g, const struct event *e)
{
	for (size_t i = 0; i < MAX_NUMBERS && g->x->sync != NULL; i++) {
		const struct judged *j = &g->judged[i];
		if (j->followed && j->symbol == e->symbol && j->handed_on < e->book_id &&
		    bc_state_fit(j->announced.state) && !is_told_twice(g, e->symbol, e->link))
			trial_fail(g, "left behind",
				   "%s is %s with its book %llu after a change up to %llu", j->name,
				   bc_state_word(j->announced.state),
				   (unsigned long long)j->handed_on,
				   (unsigned long long)e->book_id);
	}
}

/* Fit means: a connection that was asked for it has proven itself not too long ago. */
static bool is_fresh(const struct gateway *g, const struct judged *j)
{
	int64_t now = trial_now(g).mono.ns;
	for (uint32_t i = 0; i < g->n_links; i++) {
		const struct link *link = &g->links[i];
		if (link->phase == LINK_OPEN && carries_books(g, i) &&
		    ((link->asked_for | link->said) >> j->symbol & 1) != 0 &&
		    now - link->proof_ns <= g->so.silent_after_ns + SLACK_NS)
			return true;
	}
	return false;
}

/* What the sockets hold is old, and what they held may be lost. */
void judge_standstill(struct gateway *g)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &g->judged[i];
		if (j->followed && bc_state_fit_if_rest(j->announced.state))
			trial_fail(g, "not in doubt", "%s is %s after a standstill of ours",
				   j->name, bc_state_word(j->announced.state));
	}
}

/* Of many symbols a round takes longer. */
static int64_t polled_for_ns(const struct gateway *g)
{
	int64_t rounds = 2 * (int64_t)g->t->n_symbols * POLL_EACH_NS;
	return rounds + 5500 * MS > POLLED_FOR_NS ? rounds + 5500 * MS : POLLED_FOR_NS;
}

/* What is due at the same time as an input may be done after it: that is the loop's choice. */
void judge_step(struct gateway *g)
{
	bool all_done = session_next_deadline(g->session).ns > trial_now(g).mono.ns;
	for (uint32_t i = 0; i < MAX_NUMBERS && !g->t->result->failed; i++) {
		struct judged *j = &g->judged[i];
		struct session_view view;
		if (!j->followed)
			continue;
		if (!session_symbol(g->session, i, &view))
			trial_fail(g, "symbols", "%s, number %u, is gone", j->name, i);
		else if (view.state != j->announced.state || view.state != j->told)
			trial_fail(g, "states", "%s is %s, was announced as %s and told as %s",
				   j->name, bc_state_word(view.state),
				   bc_state_word(j->announced.state), bc_state_word(j->told));
		else if (bc_state_fit(view.state) && all_done && !is_fresh(g, j))
			trial_fail(g, "not fresh", "%s is %s, but no connection of it is proven",
				   j->name, bc_state_word(view.state));
		else if (view.state == BC_STATE_REST && all_done && j->symbol != NOT_IN_MARKET &&
			 trial_now(g).mono.ns - g->heard[j->symbol].polled_ns > polled_for_ns(g))
			trial_fail(g, "not fresh", "%s is rest, and was not polled for long",
				   j->name);
	}
}

/* ------------------------------------------------------------------ the end */

bool judge_is_good(const struct gateway *g, enum bc_state state)
{
	return g->so.source == SESSION_REST ? state == BC_STATE_REST : bc_state_fit(state);
}

bool judge_can_heal(const struct gateway *g, const struct judged *j)
{
	return j->followed && j->symbol != NOT_IN_MARKET &&
	       !market_delisted(g->t->market, j->symbol);
}

/* Published as fit, and from after the storm. */
static bool is_new(const struct gateway *g, const struct judged *j, const struct shown *shown)
{
	if (!shown->any || !judge_is_good(g, shown->state))
		return false;
	if (shown->exchange_seq != BC_SEQ_NONE)
		return shown->exchange_seq > g->t->calm_id[j->symbol];
	return truth_seq(g->t, j->symbol, shown->ts_exchange.ns / MS) > g->t->calm_seq[j->symbol];
}

static bool own_bbo(const struct gateway *g)
{
	return (session_carried(g->x) & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0;
}

/* Also: a book that has changed since was published, so what was dropped in the storm is made up
 * for, and nothing is still under way. */
bool judge_healed(struct gateway *g, char *why, size_t cap)
{
	snprintf(why, cap, "the gateway is dead, or cut off");
	if (g->dead || g->bus.joins_at_ns != 0)
		return false;
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &g->judged[i];
		if (!judge_can_heal(g, j))
			continue;
		snprintf(why, cap, "%s is %s (%s)", j->name, bc_state_word(j->announced.state),
			 bc_reason_word(j->announced.reason));
		if (!judge_is_good(g, j->announced.state))
			return false;
		snprintf(why, cap, "no newer book or bbo of %s is published as fit", j->name);
		if (!is_new(g, j, &j->book) || (own_bbo(g) && !is_new(g, j, &j->bbo)))
			return false;
	}
	for (uint32_t i = 0; i < g->n_links; i++) {
		const struct link *link = &g->links[i];
		snprintf(why, cap, "connection %u is stalled, or about to be closed", i);
		if (link->stalled_until_ns > g->t->now_ns ||
		    (link->phase == LINK_OPEN && (link->session == NULL || link->closes_at_ns > 0)))
			return false;
		snprintf(why, cap, "connection %u may fall silent while the market stands", i);
		if (link->phase == LINK_OPEN &&
		    (link->mute ||
		     trial_now(g).mono.ns - link->proof_ns + STILL_FOR_NS > g->so.silent_after_ns))
			return false;
	}
	snprintf(why, cap, "a command is under way");
	return g->frozen_until_ns <= g->t->now_ns && g->n_commands == 0;
}

bool judge_all_fit(const struct gateway *g)
{
	bool all = true;
	for (size_t i = 0; i < MAX_NUMBERS; i++)
		all &= !judge_can_heal(g, &g->judged[i]) ||
		       judge_is_good(g, g->judged[i].announced.state);
	return all;
}

void judge_end(struct gateway *g)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		const struct judged *j = &g->judged[i];
		if (!judge_can_heal(g, j))
			continue;
		truth_present(g, j, "book", &j->book, g->so.levels);
		truth_present(g, j, "bbo", &j->bbo, 1);
	}
}
