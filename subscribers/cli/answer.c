#include "subscribers/cli/answer.h"

#include "proto/codec.h"

static int64_t age_or_never(int64_t ns)
{
	return ns == BC_AGE_NEVER ? -1 : ns;
}

/* Its topic is known: how it is now. */
static void stand(struct answer *out, const struct bc_board_answer *now)
{
	out->reason = now->reason;
	out->since = now->since;
	out->view = (struct bc_message_view){
		.exchange = out->topic.exchange,
		.symbol = out->topic.symbol,
		.with_ages = true,
		.age_ns = age_or_never(now->age_ns),
		.proven_ns = age_or_never(now->proven_ns),
		.with_state = true,
		.state = now->state,
		.with_reason = true,
		.reason = now->reason,
		.since = now->since,
	};
}

bc_status answer_decode(bc_str topic, const struct bc_board_answer *get,
			const struct bc_board_answer *state, bc_level *levels, struct answer *out)
{
	*out = (struct answer){ .topic_text = topic };
	bc_status rc = bc_topic_split(topic, &out->topic);
	if (rc == BC_OK)
		rc = bc_message_decode(get->payload, &out->message, levels, ANSWER_MAX_LEVELS);
	if (rc != BC_OK)
		return rc;
	struct bc_board_answer now = *get;
	bc_board_explain(&now, state, &out->message.envelope);
	stand(out, &now);
	return BC_OK;
}

bc_status answer_standing(bc_str topic, const struct bc_board_answer *state, struct answer *out)
{
	*out = (struct answer){ .topic_text = topic };
	bc_status rc = bc_topic_split(topic, &out->topic);
	if (rc == BC_OK)
		stand(out, state);
	return rc;
}

enum cli_status answer_judge(const struct answer *a, const struct answer_limits *limits)
{
	enum bc_state now = a->view.state;
	bool fit = limits->allow_rest ? bc_state_fit_if_rest(now) : bc_state_fit(now);
	if (limits->max_age_ns >= 0 &&
	    (a->view.proven_ns < 0 || a->view.proven_ns > limits->max_age_ns))
		fit = false;
	return fit ? CLI_OK : CLI_UNFIT;
}
