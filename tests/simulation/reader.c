/* reader.c - who hears all gateways, as the cache and libbookcast do: through a board. Whatever it
 * says is fit must be what the exchange had, and every message that is missing must be counted.
 * What it hands out of A/B lines comes once, and does not go back. */
#include "tests/simulation/trial_private.h"

#include "common/lines.h"
#include "proto/codec.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define LOOK_NS  (250 * MS)
#define NEW_NS   (10 * S) /* who is new may be believed to be quiet, and its stream say otherwise */
#define DEATH_NS (BC_MISSED_HEARTBEATS * HEARTBEAT_NS)

struct heard_topic {
	UT_hash_handle hh;
	struct bc_lines lines;
	/* what was handed out last while fit, since it was not */
	uint64_t fit_seq;
	int64_t fit_time, at_ns;
	int64_t fit_since_ns; /* at every look; 0: it is not fit */
	char name[BC_TOPIC_MAX + 1];
};

struct reader {
	struct heard_topic *topics;
	struct bc_board *board;
	int64_t looks_at_ns;
	struct replica replicas[MAX_GATEWAYS][MAX_SYMBOLS][2];
	struct track *tracks; /* owned */
	uint64_t lost;        /* that it must have noticed */
};

void reader_open(struct trial *t)
{
	static const struct bc_board_limits limits = { .max_topics = 4096,
						       .max_bytes = 64u << 20,
						       .retain_ns = 600 * S };
	t->reader = calloc(1, sizeof *t->reader);
	if (t->reader == NULL || (t->reader->board = bc_board_new(&limits)) == NULL)
		abort();
	t->reader->looks_at_ns = t->now_ns;
}

void reader_free(struct trial *t)
{
	if (t->reader == NULL)
		return;
	bc_board_free(&t->reader->board);
	for (size_t i = 0; i < (size_t)MAX_GATEWAYS * MAX_SYMBOLS; i++) {
		replica_free(&t->reader->replicas[i / MAX_SYMBOLS][i % MAX_SYMBOLS][0]);
		replica_free(&t->reader->replicas[i / MAX_SYMBOLS][i % MAX_SYMBOLS][1]);
	}
	for (struct track *at = t->reader->tracks, *next; at != NULL; at = next) {
		next = at->next;
		free(at);
	}
	struct heard_topic *topic = t->reader->topics, *after;
	HASH_CLEAR(hh, t->reader->topics); /* which leaves them linked */
	for (; topic != NULL; topic = after) {
		after = topic->hh.next;
		bc_lines_forget(&topic->lines);
		free(topic);
	}
	free(t->reader);
}

size_t reader_bytes(const struct trial *t, size_t (*of)(const void *block),
		    size_t (*of_replica)(const struct replica *r))
{
	size_t n = 0;
	for (const struct track *at = t->reader->tracks; at != NULL; at = at->next)
		n += of(at);
	for (size_t i = 0; i < (size_t)MAX_GATEWAYS * MAX_SYMBOLS * 2; i++)
		n += of_replica(
			&t->reader->replicas[i / 2 / MAX_SYMBOLS][i / 2 % MAX_SYMBOLS][i % 2]);
	return n;
}

/* ------------------------------------------------------------------ what it answers */

static void judge_fit(struct gateway *g, size_t symbol, const struct bc_message *m)
{
	bool bbo = m->envelope.channel == BC_CHANNEL_BBO;
	const char *what = bbo ? "the reader's bbo" : "the reader's book";
	const char *name = market_spec(g->t->market, symbol)->name;
	g->t->result->answers++;
	if (!bc_state_fit(m->envelope.state))
		trial_fail(g, "states", "%s of %s is fit, and was published as %s", what, name,
			   bc_state_word(m->envelope.state));
	if (g->dead && g->t->now_ns > g->died_ns + DEATH_NS + g->t->mishaps.delay_ns)
		trial_fail(g, "the dead speak", "%s of %s is fit %lld ms after its gateway died",
			   what, name, (long long)((g->t->now_ns - g->died_ns) / MS));
	truth_compare(g, &g->t->reader->replicas[g->index][symbol][bbo], symbol, what, m,
		      bbo ? 1 : g->so.levels);
}

static bool decode(bc_str payload, struct bc_message *m, bc_level *levels)
{
	return bc_message_decode(payload, m, levels, 2 * MAX_SHOWN) == BC_OK;
}

static bool of_book(const struct bc_message *m)
{
	return m->envelope.channel == BC_CHANNEL_BOOK || m->envelope.channel == BC_CHANNEL_BBO;
}

static void judge_answer(struct trial *t, bc_str topic, const struct bc_board_answer *answer)
{
	struct bc_message m;
	struct bc_topic parts;
	bc_level levels[2 * MAX_SHOWN];
	size_t symbol;
	if (answer->status != BC_BOARD_OK || !bc_state_fit(answer->state))
		return;
	if (!decode(answer->payload, &m, levels) || bc_topic_split(topic, &parts) != BC_OK)
		trial_fail(t->gateways[0], "codec", "the reader's %.*s", (int)topic.n, topic.p);
	else if (of_book(&m) && market_find(t->market, parts.symbol, &symbol))
		judge_fit(gateway_of(t, m.envelope.epoch), symbol, &m);
}

/* ------------------------------------------------------------------ what is missing */

struct track *reader_track(struct trial *t)
{
	struct track *track = calloc(1, sizeof *track);
	if (track == NULL)
		abort();
	track->next = t->reader->tracks;
	return t->reader->tracks = track;
}

/* What the reader must count as lost before this message. A welcome may bring the very message
 * that was missing. */
static uint64_t hole(struct gateway *g, struct track *track, bc_str topic, uint64_t seq)
{
	uint64_t n = track->heard > 0 && seq > track->heard ? seq - track->heard - 1 : 0;
	if (n > track->missing)
		trial_fail(g, "bus", "%.*s: %llu messages are missing, %llu were lost",
			   (int)topic.n, topic.p, (unsigned long long)n,
			   (unsigned long long)track->missing);
	track->missing -= n;
	return n;
}

static void judge_losses(struct gateway *g, struct track *track, bc_str topic, uint64_t seq)
{
	uint64_t *lost = &g->t->reader->lost, counted = bc_board_stats(g->t->reader->board)->lost;
	bool first = track->heard == 0;
	*lost += hole(g, track, topic, seq);
	if (first && counted == *lost + seq - 1)
		*lost = counted; /* it knows the gateway from before */
	if (counted != *lost)
		trial_fail(g, "losses", "%.*s, number %llu: %llu messages are lost, %llu counted",
			   (int)topic.n, topic.p, (unsigned long long)seq,
			   (unsigned long long)*lost, (unsigned long long)counted);
	if (seq > track->heard)
		track->heard = seq;
}

/* ------------------------------------------------------------------ what it hands out */

static struct heard_topic *find_topic(const struct reader *r, bc_str name)
{
	struct heard_topic *h = NULL;
	HASH_FIND(hh, r->topics, name.p, name.n, h);
	return h;
}

static struct heard_topic *heard_topic(struct reader *r, bc_str name)
{
	struct heard_topic *h = find_topic(r, name);
	if (h != NULL)
		return h;
	if ((h = calloc(1, sizeof *h)) == NULL)
		abort();
	memcpy(h->name, name.p, name.n);
	HASH_ADD_KEYPTR(hh, r->topics, h->name, name.n, h);
	return h;
}

static size_t symbol_of(const struct trial *t, bc_str topic)
{
	struct bc_topic parts;
	size_t symbol;
	bool known = bc_topic_split(topic, &parts) == BC_OK &&
		     market_find(t->market, parts.symbol, &symbol);
	return known ? symbol : NOT_IN_MARKET;
}

/* Of lines that are all older for long the exchange may have begun to count anew. */
static void judge_no_way_back(struct gateway *g, struct heard_topic *h, const struct bc_envelope *e,
			      enum bc_state state)
{
	bool patient = g->t->now_ns - h->at_ns >= BC_ARBITER_PATIENCE;
	if (!bc_state_fit(state)) {
		h->fit_seq = 0;
		h->fit_time = 0;
		return;
	}
	if (e->exchange_seq != BC_SEQ_NONE) {
		if (e->exchange_seq < h->fit_seq && !patient)
			trial_fail(g, "lines", "%s goes back from %llu to %llu", h->name,
				   (unsigned long long)h->fit_seq,
				   (unsigned long long)e->exchange_seq);
		h->fit_seq = e->exchange_seq;
	} else if (bc_wall_known(e->ts_exchange)) {
		if (judge_went_back(g, symbol_of(g->t, bc_str_of(h->name)), h->fit_time,
				    e->ts_exchange.ns) &&
		    !patient)
			trial_fail(g, "lines", "%s goes back by %lld ms", h->name,
				   (long long)((h->fit_time - e->ts_exchange.ns) / MS));
		h->fit_time = e->ts_exchange.ns;
	}
	h->at_ns = g->t->now_ns;
}

static void hand_out(struct trial *t, struct heard_topic *h, const struct bc_message *m,
		     enum bc_state state)
{
	struct gateway *g = gateway_of(t, m->envelope.epoch);
	bc_lines_say(&h->lines, m, state);
	t->result->handed_out++;
	if (of_book(m))
		judge_no_way_back(g, h, &m->envelope, state);
	else if (m->envelope.channel == BC_CHANNEL_TRADE && h->lines.arbiter != NULL)
		truth_handed_out(g, bc_str_of(h->name), m);
}

static void offer(struct trial *t, bc_str topic, const struct bc_board_taken *taken, bc_str payload,
		  enum bc_state state)
{
	struct heard_topic *h = heard_topic(t->reader, topic);
	bc_mono_time now = { t->now_ns };
	if (bc_lines_doubled(&h->lines, taken) &&
	    bc_lines_take(&h->lines, t->reader->board, taken, payload, state, now).verdict !=
		    BC_VERDICT_TAKE) {
		t->result->copies++;
		return;
	}
	hand_out(t, h, taken->message, state);
}

/* States may have changed: what was not handed out then may be the best there is now. */
static void offer_again(struct trial *t, bc_str topic, const struct bc_board_answer *answer)
{
	struct heard_topic *h = heard_topic(t->reader, topic);
	struct bc_board *board = t->reader->board;
	bc_mono_time now = { t->now_ns };
	struct bc_message m;
	bc_level levels[2 * MAX_SHOWN];
	if (h->lines.arbiter == NULL || answer->status != BC_BOARD_OK ||
	    h->lines.channel == BC_CHANNEL_TRADE)
		return;
	bc_lines_look(&h->lines, board, topic, now);
	if (bc_lines_unsettled(&h->lines, board, topic, now) &&
	    decode(answer->payload, &m, levels) &&
	    bc_lines_again(&h->lines, board, topic, &m, answer->payload, answer->state, now) ==
		    BC_VERDICT_TAKE)
		hand_out(t, h, &m, answer->state);
}

static void ask_again(struct trial *t)
{
	char prefix[BC_TOPIC_MAX + 1];
	while (bc_board_wants(t->reader->board, prefix)) {
		for (uint32_t i = 0; i < t->n_gateways; i++)
			gateway_renew(t->gateways[i], bc_str_of(prefix));
	}
}

void reader_take(struct gateway *g, struct track *track, bc_str topic, bc_str payload)
{
	struct trial *t = g->t;
	struct bc_board *board = t->reader->board;
	bc_mono_time now = { t->now_ns };
	struct bc_board_answer answer;
	struct bc_message m;
	bc_level levels[2 * MAX_SHOWN];
	struct bc_board_taken taken;
	bc_status rc = bc_board_take(board, topic, payload, now, &taken);
	if (decode(payload, &m, levels))
		judge_losses(g, track, topic, m.envelope.seq);
	if (rc == BC_OK) {
		bc_board_get_taken(board, now, &answer);
		judge_answer(t, topic, &answer);
		offer(t, topic, &taken, payload, answer.state);
	}
	ask_again(t);
}

/* ------------------------------------------------------------------ from time to time */

static bool is_told_at_first(bc_str channel)
{
	return bc_str_is(channel, "book") || bc_str_is(channel, "bbo");
}

/* Where nothing goes wrong nobody who listens sees that a symbol changes hands. */
static void judge_no_hole(struct trial *t, bc_str topic, const struct bc_board_answer *answer)
{
	struct heard_topic *h = heard_topic(t->reader, topic);
	struct bc_topic parts;
	bool fit = answer->status == BC_BOARD_OK && bc_state_fit(answer->state);
	if (!shards_undisturbed(t) || bc_topic_split(topic, &parts) != BC_OK ||
	    !is_told_at_first(parts.channel))
		return;
	if (!fit && h->fit_since_ns != 0 && t->now_ns >= h->fit_since_ns + NEW_NS)
		trial_fail(t->gateways[0], "hole", "%s is %s (%s) for who listens, and was fit",
			   h->name, bc_state_word(answer->state), bc_reason_word(answer->reason));
	h->fit_since_ns = !fit ? 0 : h->fit_since_ns != 0 ? h->fit_since_ns : t->now_ns;
}

static void look(struct trial *t)
{
	struct bc_board *board = t->reader->board;
	bc_str topics[MAX_TOPICS];
	struct bc_board_answer answer;
	size_t n = bc_board_list(board, BC_STR(""), topics, MAX_TOPICS);
	for (size_t i = 0; i < n && i < MAX_TOPICS; i++) {
		bc_board_get(board, topics[i], (bc_mono_time){ t->now_ns }, &answer);
		judge_answer(t, topics[i], &answer);
		judge_no_hole(t, topics[i], &answer);
		offer_again(t, topics[i], &answer);
	}
}

int64_t reader_next(const struct trial *t)
{
	return t->reader->looks_at_ns;
}

void reader_step(struct trial *t)
{
	t->reader->looks_at_ns = t->now_ns + LOOK_NS;
	bc_board_tick(t->reader->board, (bc_mono_time){ t->now_ns });
	ask_again(t);
	look(t);
}

/* ------------------------------------------------------------------ the end */

static void keep(struct shown *shown, const struct bc_message *m, enum bc_state state)
{
	const struct bc_book *b = &m->body.book;
	*shown = (struct shown){ .any = true,
				 .state = state,
				 .flags = m->envelope.flags,
				 .n_bids = b->n_bids,
				 .n_asks = b->n_asks };
	memcpy(shown->bids, b->bids, b->n_bids * sizeof *b->bids);
	memcpy(shown->asks, b->asks, b->n_asks * sizeof *b->asks);
}

static void judge_last(struct gateway *g, const struct judged *j, const char *channel)
{
	struct bc_board_answer answer;
	struct bc_message m;
	bc_level levels[2 * MAX_SHOWN];
	struct shown shown = { 0 };
	char topic[128];
	int n = snprintf(topic, sizeof topic, "%s.%s.%s", g->x->id, j->name, channel);
	bc_board_get(g->t->reader->board, (bc_str){ topic, (size_t)n },
		     (bc_mono_time){ g->t->now_ns }, &answer);
	if (answer.status == BC_BOARD_OK && decode(answer.payload, &m, levels)) {
		g = gateway_of(g->t, m.envelope.epoch);
		keep(&shown, &m, answer.state);
	}
	truth_present(g, j, "the reader's topic", &shown,
		      strcmp(channel, "bbo") == 0 ? 1 : g->so.levels);
}

void reader_end(struct trial *t)
{
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		struct gateway *g = t->gateways[i];
		for (size_t k = 0; k < MAX_NUMBERS; k++) {
			const struct judged *j = &g->judged[k];
			if (!judge_can_heal(g, j))
				continue;
			judge_last(g, j, "book");
			judge_last(g, j, "bbo");
		}
	}
	t->result->lost += t->reader->lost;
}
