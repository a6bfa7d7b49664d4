#include "subscribers/cache/parts.h"

bc_str entry_topic(const struct entry *e)
{
	return (bc_str){ e->topic, e->n_topic };
}

bc_str entry_exchange(const struct entry *e)
{
	return (bc_str){ e->topic, e->n_exchange };
}

bc_str entry_symbol(const struct entry *e)
{
	return (bc_str){ e->topic + e->n_exchange + 1, e->n_symbol };
}

/* Gateways publish these again when their symbol enters or leaves the fit states. */
static bool carries_fitness(enum bc_channel channel)
{
	return channel == BC_CHANNEL_BOOK || channel == BC_CHANNEL_BBO ||
	       channel == BC_CHANNEL_TICKER || channel == BC_CHANNEL_STATE ||
	       channel == BC_CHANNEL_HEARTBEAT;
}

static const struct line *line_of(const struct entry *e, const struct bc_gateway *gateway)
{
	const struct line *line = e == NULL ? NULL : e->lines;
	while (line != NULL && line->gateway != gateway)
		line = line->next;
	return line;
}

/* What the gateway has published about it: by the message itself and by the symbol's state topic,
 * whichever is newer. A message that is unfit by its own word stays so. */
static enum bc_state published_state(const struct entry *e, const struct line *line,
				     const struct line *symbol)
{
	if (symbol == NULL || symbol == line)
		return line->state;
	if (carries_fitness(e->channel) && !bc_state_fit(line->state))
		return line->state;
	return symbol->since.ns >= line->since.ns ? symbol->state : line->state;
}

static struct view look(const struct entry *e, struct line *line, const struct entry *states,
			bc_mono_time now)
{
	const struct line *symbol = line_of(states, line->gateway);
	struct view view = { .line = line, .published = published_state(e, line, symbol) };
	/* Nobody is welcomed with trades: there the symbol's state is what came again. */
	bool own = bc_channel_welcomed(e->channel) || symbol == NULL;
	view.doubted = own ? line->doubted : symbol->doubted;
	view.state = view.published;
	if (line->is_unlisted)
		view.state = BC_STATE_DOWN;
	else if (view.state != BC_STATE_DOWN &&
		 (view.doubted || bc_gateway_gone(line->gateway, now)))
		view.state = BC_STATE_STALE;
	return view;
}

static int rank(enum bc_state state)
{
	if (bc_state_fit(state))
		return 3;
	if (bc_state_fit_if_rest(state))
		return 2;
	return state == BC_STATE_DOWN ? 0 : 1;
}

/* Of two equally fit ones: the newest exchange sequence, then time. */
static bool is_newer(const struct line *a, const struct line *b)
{
	if (a->exchange_seq != BC_SEQ_NONE && b->exchange_seq != BC_SEQ_NONE &&
	    a->exchange_seq != b->exchange_seq)
		return a->exchange_seq > b->exchange_seq;
	if (bc_wall_known(a->ts_exchange) && bc_wall_known(b->ts_exchange) &&
	    a->ts_exchange.ns != b->ts_exchange.ns)
		return a->ts_exchange.ns > b->ts_exchange.ns;
	return a->ts_recv.ns > b->ts_recv.ns;
}

struct view line_choose(const struct entry *e, const struct entry *states, bc_mono_time now)
{
	struct view best = { NULL, BC_STATE_DOWN, BC_STATE_DOWN, true };
	for (struct line *line = e->lines; line != NULL; line = line->next) {
		struct view view = look(e, line, states, now);
		int order = best.line == NULL ? 1 : rank(view.state) - rank(best.state);
		if (order > 0 || (order == 0 && is_newer(line, best.line)))
			best = view;
	}
	return best;
}

/* A heartbeat says: what I last published of a fit symbol still holds. */
bool line_proven(const struct view *view, bc_mono_time *when)
{
	const struct line *line = view->line;
	*when = line->proven;
	if (view->doubted || line->is_unlisted || !bc_state_fit(view->published))
		return line->was_proven;
	if (!line->was_proven || line->gateway->heard.ns > when->ns)
		*when = line->gateway->heard;
	return true;
}

void line_freeze(struct line *line, bc_mono_time heard)
{
	if (line->doubted || line->is_unlisted || !bc_state_fit(line->state))
		return;
	if (!line->was_proven || heard.ns > line->proven.ns)
		line->proven = heard;
	line->was_proven = true;
}
