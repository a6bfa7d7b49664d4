/* reader.c - who hears all gateways, as the cache and libbookcast do: through a board. Whatever it
 * says is fit must be what the exchange had, and every message that is missing must be counted. */
#include "tests/simulation/trial_private.h"

#include "common/board.h"
#include "proto/codec.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_NS  (250 * MS)
#define DEATH_NS (BC_MISSED_HEARTBEATS * HEARTBEAT_NS)

struct reader {
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
	bc_status rc = bc_board_take(board, topic, payload, now, NULL);
	if (decode(payload, &m, levels))
		judge_losses(g, track, topic, m.envelope.seq);
	if (rc == BC_OK) {
		bc_board_get_taken(board, now, &answer);
		judge_answer(t, topic, &answer);
	}
	ask_again(t);
}

/* ------------------------------------------------------------------ from time to time */

static void look(struct trial *t)
{
	struct bc_board *board = t->reader->board;
	bc_str topics[MAX_TOPICS];
	struct bc_board_answer answer;
	size_t n = bc_board_list(board, BC_STR(""), topics, MAX_TOPICS);
	for (size_t i = 0; i < n && i < MAX_TOPICS; i++) {
		bc_board_get(board, topics[i], (bc_mono_time){ t->now_ns }, &answer);
		judge_answer(t, topics[i], &answer);
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
