#include "subscribers/cli/answer.h"

#include "proto/codec.h"

static bool read_number(bc_str text, int64_t *out)
{
	bc_decimal d;
	return bc_decimal_parse(text.p, text.n, &d) == BC_OK && bc_decimal_at(d, 0, out) == BC_OK &&
	       *out >= 0;
}

bc_status answer_read(bc_str topic, const bc_str *five, struct answer_frames *out)
{
	int64_t status;
	int state = bc_state_of(five[1]);
	if (!read_number(five[0], &status) || status > 999 || state < 0 ||
	    !read_number(five[2], &out->age_ns) || !read_number(five[3], &out->proven_ns))
		return BC_EPARSE;
	out->topic = topic;
	out->status = (int)status;
	out->state = (enum bc_state)state;
	out->payload = five[4];
	if (out->age_ns == INT64_MAX)
		out->age_ns = -1;
	if (out->proven_ns == INT64_MAX)
		out->proven_ns = -1;
	return BC_OK;
}

/* Why the state now is what it is, where the message itself says another one
 * (docs/CACHE-PROTOCOL.md, "Reason"). */
static void find_reason(struct answer *a, enum bc_state now, const struct answer_frames *states)
{
	struct bc_message m;
	a->reason = BC_REASON_NONE;
	a->since = (bc_wall_time){ BC_TIME_UNKNOWN };
	if (states != NULL && states->status == BC_RPC_OK && states->state == now &&
	    bc_message_decode(states->payload, &m, NULL, 0) == BC_OK && m.envelope.state == now) {
		a->reason = m.envelope.reason;
		a->since = m.envelope.since;
	} else if (now == BC_STATE_STALE) {
		a->reason = BC_REASON_GATEWAY;
	} else if (now == BC_STATE_DOWN) {
		a->reason = BC_REASON_DELISTED;
	}
}

bc_status answer_decode(const struct answer_frames *f, const struct answer_frames *states,
			bc_level *levels, struct answer *out)
{
	*out = (struct answer){ .topic_text = f->topic };
	bc_status rc = bc_topic_split(f->topic, &out->topic);
	if (rc == BC_OK)
		rc = bc_message_decode(f->payload, &out->message, levels, ANSWER_MAX_LEVELS);
	if (rc != BC_OK)
		return rc;
	const struct bc_envelope *e = &out->message.envelope;
	if (e->state == f->state) {
		out->reason = e->reason;
		out->since = e->since;
	} else {
		find_reason(out, f->state, states);
	}
	out->view = (struct bc_message_view){
		.exchange = out->topic.exchange,
		.symbol = out->topic.symbol,
		.with_ages = true,
		.age_ns = f->age_ns,
		.proven_ns = f->proven_ns,
		.with_state = true,
		.state = f->state,
		.with_reason = true,
		.reason = out->reason,
		.since = out->since,
	};
	return BC_OK;
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
