#include "common/board_frames.h"

#include "common/text.h"

static bool read_number(bc_str text, int64_t *out)
{
	int64_t value = 0;
	if (text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int digit = text.p[i] - '0';
		if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
			return false;
		value = 10 * value + digit;
	}
	*out = value;
	return true;
}

static bool read_standing(bc_str status_text, bc_str state_text, bc_str age, bc_str proven,
			  struct bc_board_answer *out)
{
	int64_t status;
	int state = bc_state_of(state_text);
	*out = (struct bc_board_answer){ .since = { BC_TIME_UNKNOWN } };
	if (!read_number(status_text, &status) || status > 999 || state < 0 ||
	    !read_number(age, &out->age_ns) || !read_number(proven, &out->proven_ns))
		return false;
	out->status = (enum bc_board_status)status;
	out->state = (enum bc_state)state;
	return true;
}

bc_status bc_board_read_get(const bc_str *f, struct bc_board_answer *out)
{
	if (!read_standing(f[0], f[1], f[2], f[3], out))
		return BC_EPARSE;
	out->payload = f[4];
	return BC_OK;
}

bc_status bc_board_read_state(const bc_str *f, struct bc_board_answer *out)
{
	int reason = bc_reason_of(f[2]);
	if (!read_standing(f[0], f[1], f[4], f[5], out) ||
	    (f[3].n > 0 && !read_number(f[3], &out->since.ns)))
		return BC_EPARSE;
	out->reason = reason < 0 ? (enum bc_reason)BC_N_REASONS : (enum bc_reason)reason;
	return BC_OK;
}

size_t bc_board_write_latest(const struct bc_board_answer *a, char head[BC_LATEST_HEAD_MAX])
{
	struct bc_text t = bc_text_on(head, BC_LATEST_HEAD_MAX);
	bc_text_add_int(&t, (int64_t)a->status);
	bc_text_add(&t, BC_STR(" "));
	bc_text_add(&t, bc_str_of(bc_state_word(a->state)));
	bc_text_add(&t, BC_STR(" "));
	bc_text_add(&t, bc_str_of(bc_reason_word(a->reason)));
	bc_text_add(&t, BC_STR(" "));
	if (a->since.ns >= 0) /* known, and no nonsense of a gateway; else nothing stands there */
		bc_text_add_int(&t, a->since.ns);
	bc_text_add(&t, BC_STR(" "));
	bc_text_add_int(&t, a->age_ns);
	bc_text_add(&t, BC_STR(" "));
	bc_text_add_int(&t, a->proven_ns);
	bc_text_add(&t, BC_STR("\n"));
	return t.n;
}

bc_status bc_board_read_latest(bc_str frame, struct bc_board_answer *out)
{
	bc_str fields[BC_STATE_FRAMES];
	size_t at = 0;
	for (size_t i = 0; i < BC_STATE_FRAMES; i++) {
		const char ends = i + 1 < BC_STATE_FRAMES ? ' ' : '\n';
		const size_t begin = at;
		while (at < frame.n && frame.p[at] != ends)
			at++;
		if (at == frame.n)
			return BC_EPARSE;
		fields[i] = (bc_str){ frame.p + begin, at++ - begin };
	}
	bc_status rc = bc_board_read_state(fields, out);
	out->payload = (bc_str){ frame.p + at, frame.n - at };
	return rc;
}

void bc_board_explain(struct bc_board_answer *get, const struct bc_board_answer *state,
		      const struct bc_envelope *message)
{
	if (state->state == get->state) {
		get->reason = state->reason;
		get->since = state->since;
	} else if (message->state == get->state) {
		get->reason = message->reason;
		get->since = message->since;
	}
}
