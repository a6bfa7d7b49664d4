#include "common/board_parts.h"

#include <stdlib.h>
#include <string.h>

static struct board_entry *find_states(const struct bc_board *board, const struct bc_topic *topic)
{
	char text[BC_TOPIC_MAX + 1];
	size_t n;
	if (bc_topic_make(topic->exchange, topic->symbol, BC_CHANNEL_STATE, 0, text, &n) != BC_OK)
		return NULL;
	return board_find(board, (bc_str){ text, n });
}

struct board_entry *board_search_states(const struct bc_board *board, struct board_entry *e)
{
	const struct bc_topic topic = { .exchange = board_exchange(e), .symbol = board_symbol(e) };
	e->states = find_states(board, &topic);
	e->states_version = board->version;
	return e->states;
}

/* Does it speak for the symbol: is it on its list, or is it the gateway's own name? */
static bool speaks_for(const struct bc_gateway *g, const struct bc_topic *topic)
{
	if (!bc_str_is(topic->exchange, g->exchange) || g->replaced)
		return false;
	if (topic->symbol.p[0] == '@')
		return bc_str_is((bc_str){ topic->symbol.p + 1, topic->symbol.n - 1 }, g->instance);
	return bc_gateway_lists(g, topic->symbol);
}

/* Its owner may be known though nothing of the topic has been seen. */
static void answer_without_line(const struct bc_board *board, const struct bc_topic *topic,
				const struct board_entry *states, bc_mono_time now,
				struct bc_board_answer *answer)
{
	if (bc_channel_of(topic->channel) < 0)
		return;
	for (size_t i = 0; i < bc_gateways_count(board->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(board->gateways, i);
		if (!speaks_for(g, topic))
			continue;
		bool gone = bc_gateway_gone(g, now);
		answer->status = BC_BOARD_NO_DATA;
		answer->state = gone ? BC_STATE_STALE : BC_STATE_CONNECTING;
		answer->reason = gone ? BC_REASON_GATEWAY : BC_REASON_NONE;
	}
	if (answer->status != BC_BOARD_NO_DATA || states == NULL)
		return;
	struct board_view view = board_choose(board, states, states, now);
	if (view.line == NULL)
		return;
	answer->state = view.state;
	answer->reason = view.reason;
	answer->since = view.since;
}

/* False: no line can answer for it. */
static bool answer_entry(struct bc_board *board, struct board_entry *e, bc_mono_time now,
			 struct bc_board_answer *answer)
{
	bc_mono_time proven;
	const struct board_view view = board_choose(board, e, board_states(board, e), now);
	if (view.line == NULL)
		return false;
	answer->status = BC_BOARD_OK;
	answer->state = view.state;
	answer->reason = view.reason;
	answer->since = view.since;
	answer->age_ns = now.ns - view.line->changed.ns;
	answer->proven_ns = board_proven(&view, &proven) ? now.ns - proven.ns : BC_AGE_NEVER;
	answer->payload = (bc_str){ view.line->payload, view.line->n_payload };
	if (board->behind && bc_state_fit_if_rest(answer->state)) {
		answer->state = BC_STATE_STALE;
		answer->reason = BC_REASON_CLOCK;
		answer->since.ns = BC_TIME_UNKNOWN;
	}
	return true;
}

void bc_board_get(struct bc_board *board, bc_str text, bc_mono_time now,
		  struct bc_board_answer *answer)
{
	struct bc_topic topic;
	struct board_entry *e = board_find(board, text);
	if (e != NULL && answer_entry(board, e, now, answer)) /* what is there is a topic */
		return;
	*answer = (struct bc_board_answer){ .status = BC_BOARD_NOT_FOUND,
					    .state = BC_STATE_DOWN,
					    .since = { BC_TIME_UNKNOWN },
					    .age_ns = BC_AGE_NEVER,
					    .proven_ns = BC_AGE_NEVER };
	if (bc_topic_split(text, &topic) == BC_OK)
		answer_without_line(board, &topic, find_states(board, &topic), now, answer);
}

void bc_board_get_taken(struct bc_board *board, bc_mono_time now, struct bc_board_answer *answer)
{
	answer_entry(board, board->taken, now, answer);
}

struct bc_board_ranks bc_board_ranks_taken(const struct bc_board *board, uint64_t own,
					   uint64_t leader, bc_mono_time now)
{
	struct board_entry *e = board->taken;
	return board_ranks(board, e, board_states(board, e), own, leader, now);
}

struct bc_board_ranks bc_board_ranks(struct bc_board *board, bc_str topic, uint64_t own,
				     uint64_t leader, bc_mono_time now)
{
	struct board_entry *e = board_find(board, topic);
	if (e == NULL)
		return (struct bc_board_ranks){ -1, -1, -1 };
	return board_ranks(board, e, board_states(board, e), own, leader, now);
}

bc_str bc_board_payload_taken(const struct bc_board *board, uint64_t epoch)
{
	for (const struct board_line *line = board->taken->lines; line != NULL; line = line->next)
		if (line->gateway->epoch == epoch)
			return (bc_str){ line->payload, line->n_payload };
	return BC_STR("");
}

void bc_board_set_behind(struct bc_board *board, bool behind)
{
	board->behind = behind;
}

bool bc_board_last_seq(const struct bc_board *board, bc_str topic, uint64_t epoch, uint64_t *seq)
{
	const struct board_entry *e = board_find(board, topic);
	for (const struct board_line *line = e == NULL ? NULL : e->lines; line != NULL;
	     line = line->next)
		if (line->sequence.epoch == epoch) {
			*seq = line->sequence.last;
			return true;
		}
	return false;
}

static int compare_texts(const void *a, const void *b)
{
	const bc_str *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);
	return order != 0 ? order : (x->n > y->n) - (x->n < y->n);
}

size_t bc_board_list(struct bc_board *board, bc_str prefix, bc_str *topics, size_t max)
{
	size_t n = 0;
	struct board_entry *e, *next;
	HASH_ITER (hh, board->entries, e, next) {
		if (!bc_str_starts(board_topic(e), prefix))
			continue;
		if (n < max)
			topics[n] = board_topic(e);
		n++;
	}
	qsort(topics, n < max ? n : max, sizeof *topics, compare_texts);
	return n;
}

const struct bc_board_stats *bc_board_stats(const struct bc_board *board)
{
	return &board->stats;
}

const struct bc_gateways *bc_board_gateways(const struct bc_board *board)
{
	return board->gateways;
}

size_t bc_board_topics(const struct bc_board *board)
{
	return HASH_COUNT(board->entries);
}

size_t bc_board_bytes(const struct bc_board *board)
{
	return board->n_bytes;
}
