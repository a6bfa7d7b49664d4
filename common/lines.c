#include "common/lines.h"

#include "proto/codec.h"

void bc_lines_forget(struct bc_lines *lines)
{
	bc_arbiter_free(&lines->arbiter);
	*lines = (struct bc_lines){ .arbiter = NULL };
}

static struct bc_arbiter *make_arbiter(const struct bc_lines *l, const struct bc_board *board,
				       const struct bc_envelope *now_said)
{
	const enum bc_channel channel = now_said->channel;
	struct bc_message first = { .envelope = { .channel = channel,
						  .epoch = l->said ? l->epoch : 0,
						  .exchange_seq = l->exchange_seq,
						  .ts_exchange = l->ts_exchange,
						  .ts_recv = l->ts_recv,
						  .state = l->state,
						  .reason = l->reason } };
	if (channel == BC_CHANNEL_CANDLE) {
		first.body.candle.ts_open = l->ts_open;
		first.body.candle.closed = l->closed ? BC_CLOSED_YES : BC_CLOSED_NO;
	}
	/* What is kept of the other line was handed out, or is older; of the line that is speaking
	 * it is what it says now. */
	struct bc_message kept;
	if (channel == BC_CHANNEL_TRADE && l->said && l->epoch != now_said->epoch &&
	    bc_message_decode(bc_board_payload_taken(board, l->epoch), &kept, NULL, 0) == BC_OK)
		first.body.trade = kept.body.trade;
	return bc_arbiter_new(&first, bc_state_fit(l->state));
}

static struct bc_offer offer_of(const struct bc_lines *l, const struct bc_message *m,
				bc_str payload, enum bc_state state,
				const struct bc_board_ranks *ranks, bc_mono_time now)
{
	return (struct bc_offer){
		.message = m,
		.payload = payload,
		.outranked = ranks->own < ranks->best,
		.leader_holds = ranks->leader >= ranks->own,
		.fit = bc_state_fit(state),
		.news = !l->said || bc_state_rank(state) != bc_state_rank(l->state),
		.now = now,
	};
}

struct bc_ruling bc_lines_take(struct bc_lines *l, struct bc_board *board,
			       const struct bc_board_taken *taken, bc_str payload,
			       enum bc_state state, bc_mono_time now)
{
	const struct bc_envelope *e = &taken->message->envelope;
	if (l->arbiter == NULL && (l->arbiter = make_arbiter(l, board, e)) == NULL)
		return (struct bc_ruling){ .n_lost = taken->n_lost, /* better twice than never */
					   .n_gaps = taken->n_lost > 0 };
	const struct bc_board_ranks ranks =
		bc_board_ranks_taken(board, e->epoch, bc_arbiter_leader(l->arbiter), now);
	struct bc_offer offer = offer_of(l, taken->message, payload, state, &ranks, now);
	offer.n_lost = taken->n_lost;
	offer.heir_of = taken->heir_of;
	return bc_arbiter_offer(l->arbiter, &offer);
}

bool bc_lines_unsettled(const struct bc_lines *l, struct bc_board *board, bc_str topic,
			bc_mono_time now)
{
	const struct bc_board_ranks ranks =
		bc_board_ranks(board, topic, 0, bc_arbiter_leader(l->arbiter), now);
	return ranks.leader < ranks.best;
}

enum bc_verdict bc_lines_again(struct bc_lines *l, struct bc_board *board, bc_str topic,
			       const struct bc_message *m, bc_str payload, enum bc_state state,
			       bc_mono_time now)
{
	const struct bc_board_ranks ranks =
		bc_board_ranks(board, topic, m->envelope.epoch, bc_arbiter_leader(l->arbiter), now);
	const struct bc_offer offer = offer_of(l, m, payload, state, &ranks, now);
	return bc_arbiter_again(l->arbiter, &offer);
}

/* Of its exchange: epochs of two exchanges may be the same. NULL: forgotten. */
static const struct bc_gateway *gateway_of(const struct bc_gateways *set, bc_str topic,
					   uint64_t epoch)
{
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		bc_str exchange = bc_str_of(g->exchange);
		if (g->epoch == epoch && bc_str_starts(topic, exchange) && topic.n > exchange.n &&
		    topic.p[exchange.n] == '.')
			return g;
	}
	return NULL;
}

/* The process that has replaced it and is there; NULL: none. */
static const struct bc_gateway *heir_of(const struct bc_gateways *set, const struct bc_gateway *g,
					bc_mono_time now)
{
	for (size_t i = 0; g->replaced && i < bc_gateways_count(set); i++) {
		const struct bc_gateway *other = bc_gateways_at(set, i);
		if (bc_gateway_same_instance(other, g) && !bc_gateway_gone(other, now))
			return other;
	}
	return NULL;
}

static struct bc_ruling look_at(struct bc_lines *l, const struct bc_gateways *set, bc_str topic,
				uint64_t epoch, bc_mono_time now)
{
	const struct bc_gateway *g = gateway_of(set, topic, epoch);
	const struct bc_gateway *heir = g == NULL ? NULL : heir_of(set, g, now);
	if (heir != NULL)
		return bc_arbiter_restarted(l->arbiter, epoch, heir->epoch);
	if (g == NULL || bc_gateway_gone(g, now))
		return bc_arbiter_gone(l->arbiter, epoch);
	return (struct bc_ruling){ .verdict = BC_VERDICT_COPY };
}

struct bc_ruling bc_lines_look(struct bc_lines *l, const struct bc_board *board, bc_str topic,
			       bc_mono_time now)
{
	struct bc_ruling sum = { .verdict = BC_VERDICT_COPY };
	uint64_t epochs[BC_ARBITER_LINES];
	size_t n = bc_arbiter_lines(l->arbiter, epochs);
	for (size_t i = 0; i < n; i++) {
		const struct bc_ruling r =
			look_at(l, bc_board_gateways(board), topic, epochs[i], now);
		sum.n_gaps += r.n_gaps;
		sum.n_lost += r.n_lost;
		sum.n_filled += r.n_filled;
	}
	return sum;
}
