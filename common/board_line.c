#include "common/board_parts.h"

bc_str board_topic(const struct board_entry *e)
{
	return (bc_str){ e->topic, e->n_topic };
}

bc_str board_exchange(const struct board_entry *e)
{
	return (bc_str){ e->topic, e->n_exchange };
}

bc_str board_symbol(const struct board_entry *e)
{
	return (bc_str){ e->topic + e->n_exchange + 1, e->n_symbol };
}

static const struct board_line *line_of(const struct board_entry *e,
					const struct bc_gateway *gateway)
{
	const struct board_line *line = e == NULL ? NULL : e->lines;
	while (line != NULL && line->gateway != gateway)
		line = line->next;
	return line;
}

static void override(struct board_view *view, enum bc_state state, enum bc_reason reason)
{
	view->state = state;
	view->reason = reason;
	view->since.ns = BC_TIME_UNKNOWN;
}

/* A/B lines: nobody is welcomed with a trade, so a gateway that has said none of a topic yet has no
 * line here. But if it served the symbol, fit all the time, since before the other one spoke
 * last, it would have said what came after that one's last trade. */
static void let_other_vouch(struct board_view *view, const struct board_entry *states,
			    bc_mono_time now)
{
	const struct board_line *other = states == NULL ? NULL : states->lines;
	for (; other != NULL; other = other->next) {
		if (other->gateway == view->line->gateway || other->doubted || other->is_unlisted ||
		    !bc_state_fit(other->word.state) || bc_gateway_gone(other->gateway, now) ||
		    other->fit_since.ns > view->line->gateway->spoke.ns)
			continue;
		view->state = view->published = other->word.state;
		view->reason = other->word.reason;
		view->since = other->word.since;
		view->doubted = false;
		view->vouches = other->gateway;
		return;
	}
}

/* Does a gateway that is alive list the symbol? Then it changes hands, and who has it now has not
 * said yet what there is of this topic. */
static bool is_handed_over(const struct bc_board *board, const struct board_entry *e,
			   bc_mono_time now)
{
	for (size_t i = 0; i < bc_gateways_count(board->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(board->gateways, i);
		if (!g->replaced && bc_str_is(board_exchange(e), g->exchange) &&
		    bc_gateway_lists(g, board_symbol(e)) && !bc_gateway_gone(g, now))
			return true;
	}
	return false;
}

/* Nobody serves it any more, as far as is known; or not he who has said this. */
static void override_unlisted(struct board_view *view, const struct bc_board *board,
			      const struct board_entry *e, bc_mono_time now)
{
	if (is_handed_over(board, e, now))
		override(view, BC_STATE_STALE, BC_REASON_GATEWAY);
	else
		override(view, BC_STATE_DOWN, BC_REASON_DELISTED);
}

/* For every message that is handed out, so in place. */
__attribute__((always_inline)) static inline struct board_view
look(const struct bc_board *board, const struct board_entry *e, struct board_line *line,
     const struct board_entry *states, bc_mono_time now)
{
	const struct board_line *symbol = line_of(states, line->gateway);
	bool theirs = symbol != NULL && bc_symbol_has_word(e->channel, &line->word, &symbol->word);
	const struct bc_word *by = theirs ? &symbol->word : &line->word;
	/* Nobody is welcomed with trades: there the symbol's state is what came again. */
	bool own = bc_channel_welcomed(e->channel) || symbol == NULL;
	struct board_view view = { .line = line,
				   .state = by->state,
				   .reason = by->reason,
				   .since = by->since,
				   .published = by->state,
				   .doubted = own ? line->doubted : symbol->doubted };
	if (line->is_unlisted && by->state != BC_STATE_DOWN)
		override_unlisted(&view, board, e, now);
	else if (by->state != BC_STATE_DOWN &&
		 (view.doubted || bc_gateway_gone(line->gateway, now)))
		override(&view, BC_STATE_STALE, BC_REASON_GATEWAY);
	if (view.state == BC_STATE_STALE && e->channel == BC_CHANNEL_TRADE &&
	    bc_gateway_gone(line->gateway, now))
		let_other_vouch(&view, states, now);
	return view;
}

/* The fitter one; of two alike he who serves the symbol, and then the newer. */
static bool is_better(const struct board_view *a, const struct board_view *b)
{
	int order = bc_state_rank(a->state) - bc_state_rank(b->state);
	if (order == 0)
		order = b->line->is_unlisted - a->line->is_unlisted;
	return order > 0 || (order == 0 && bc_is_newer(&a->line->at, &b->line->at));
}

struct board_view board_choose(const struct bc_board *board, const struct board_entry *e,
			       const struct board_entry *states, bc_mono_time now)
{
	struct board_view best = { .line = NULL, .state = BC_STATE_DOWN };
	for (struct board_line *line = e->lines; line != NULL; line = line->next) {
		struct board_view view = look(board, e, line, states, now);
		if (best.line == NULL || is_better(&view, &best))
			best = view;
	}
	return best;
}

struct bc_board_ranks board_ranks(const struct bc_board *board, const struct board_entry *e,
				  const struct board_entry *states, uint64_t own, uint64_t leader,
				  bc_mono_time now)
{
	struct bc_board_ranks ranks = { -1, -1, -1 };
	for (struct board_line *line = e->lines; line != NULL; line = line->next) {
		int rank = bc_state_rank(look(board, e, line, states, now).state);
		if (rank > ranks.best)
			ranks.best = rank;
		if (line->gateway->epoch == own)
			ranks.own = rank;
		if (line->gateway->epoch == leader)
			ranks.leader = rank;
	}
	return ranks;
}

/* A heartbeat says: what I last published of a fit symbol still holds. */
bool board_proven(const struct board_view *view, bc_mono_time *when)
{
	const struct board_line *line = view->line;
	*when = line->proven;
	if (view->doubted || line->is_unlisted || !bc_state_fit(view->published))
		return line->was_proven;
	const struct bc_gateway *by = view->vouches != NULL ? view->vouches : line->gateway;
	if (!line->was_proven || by->heard.ns > when->ns)
		*when = by->heard;
	return true;
}

void board_freeze(struct board_line *line, bc_mono_time heard)
{
	if (line->doubted || line->is_unlisted || !bc_state_fit(line->word.state))
		return;
	if (!line->was_proven || heard.ns > line->proven.ns)
		line->proven = heard;
	line->was_proven = true;
}
