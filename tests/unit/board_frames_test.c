/* The frames of answers, as a cache sends them and as a broken one might. */
#include "common/board_frames.h"

#include <criterion/criterion.h>

static const struct {
	const char *frames[BC_STATE_FRAMES]; /* status, state, reason, since, age, proven */
	bc_status rc;
	enum bc_reason reason;
	int64_t since, proven_ns;
} states[] = {
	{ { "200", "stale", "gap", "7", "8", "9" }, BC_OK, BC_REASON_GAP, 7, 9 },
	{ { "200", "stale", "gateway", "", "8", "9223372036854775807" },
	  BC_OK,
	  BC_REASON_GATEWAY,
	  BC_TIME_UNKNOWN,
	  BC_AGE_NEVER },
	{ { "200", "stale", "newer", "7", "8", "9" }, BC_OK, (enum bc_reason)BC_N_REASONS, 7, 9 },
	{ { "2000", "stale", "gap", "7", "8", "9" }, BC_EPARSE, 0, 0, 0 },
	{ { "", "stale", "gap", "7", "8", "9" }, BC_EPARSE, 0, 0, 0 },
	{ { "200", "STALE", "gap", "7", "8", "9" }, BC_EPARSE, 0, 0, 0 },
	{ { "200", "stale", "gap", "-7", "8", "9" }, BC_EPARSE, 0, 0, 0 },
	{ { "200", "stale", "gap", "7", "", "9" }, BC_EPARSE, 0, 0, 0 },
	{ { "200", "stale", "gap", "7", "8", "1e3" }, BC_EPARSE, 0, 0, 0 },
	{ { "200", "stale", "gap", "7", "8", "9223372036854775808" }, BC_EPARSE, 0, 0, 0 },
};

Test(board_frames, a_state_is_read_or_refused)
{
	for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
		bc_str frames[BC_STATE_FRAMES];
		struct bc_board_answer a;
		for (size_t k = 0; k < BC_STATE_FRAMES; k++)
			frames[k] = bc_str_of(states[i].frames[k]);
		cr_assert_eq(bc_board_read_state(frames, &a), states[i].rc, "row %zu", i);
		if (states[i].rc != BC_OK)
			continue;
		cr_expect_eq(a.status, BC_BOARD_OK);
		cr_expect_eq(a.state, BC_STATE_STALE);
		cr_expect_eq(a.reason, states[i].reason, "row %zu", i);
		cr_expect_eq(a.since.ns, states[i].since, "row %zu", i);
		cr_expect_eq(a.age_ns, 8);
		cr_expect_eq(a.proven_ns, states[i].proven_ns, "row %zu", i);
	}
}

Test(board_frames, the_five_of_get_are_read_or_refused)
{
	bc_str frames[BC_GET_FRAMES] = { BC_STR("503"), BC_STR("connecting"), BC_STR("1"),
					 BC_STR("2"), BC_STR("bytes") };
	struct bc_board_answer a;
	cr_assert_eq(bc_board_read_get(frames, &a), BC_OK);
	cr_expect_eq(a.status, BC_BOARD_NO_DATA);
	cr_expect_eq(a.state, BC_STATE_CONNECTING);
	cr_expect_eq(a.age_ns, 1);
	cr_expect_eq(a.proven_ns, 2);
	cr_expect_eq(a.since.ns, BC_TIME_UNKNOWN);
	cr_expect(bc_str_is(a.payload, "bytes"));
	frames[3] = BC_STR("2x");
	cr_expect_eq(bc_board_read_get(frames, &a), BC_EPARSE);
}

static const struct {
	const char *frame;
	bc_status rc;
	const char *payload;
} latest[] = {
	{ "200 stale gap 7 8 9\nbytes", BC_OK, "bytes" },
	{ "200 stale gap  8 9\nby\ntes x", BC_OK, "by\ntes x" }, /* nobody said since when */
	{ "503 connecting none  1 2\n", BC_OK, "" },
	{ "200 stale gap 7 8 9", BC_EPARSE, "" },
	{ "200 stale gap 7 8\n9 \n", BC_EPARSE, "" },
	{ "200 stale gap 7 8 9 10\nbytes", BC_EPARSE, "" },
	{ "200  stale gap 7 8 9\nbytes", BC_EPARSE, "" },
	{ "2e2 stale gap 7 8 9\nbytes", BC_EPARSE, "" },
	{ "200 stale gap 7 -8 9\nbytes", BC_EPARSE, "" },
	{ "200 stale gap 7 8 9223372036854775808\n", BC_EPARSE, "" },
	{ "", BC_EPARSE, "" },
	{ " ", BC_EPARSE, "" },
	{ "\n\n\n\n\n\n", BC_EPARSE, "" },
};

Test(board_frames, a_latest_is_read_or_refused)
{
	for (size_t i = 0; i < sizeof latest / sizeof *latest; i++) {
		struct bc_board_answer a;
		bc_str frame = bc_str_of(latest[i].frame);
		cr_assert_eq(bc_board_read_latest(frame, &a), latest[i].rc, "row %zu", i);
		if (latest[i].rc != BC_OK)
			continue;
		cr_expect(bc_str_is(a.payload, latest[i].payload), "row %zu", i);
	}
}

Test(board_frames, the_longest_latest_has_room_and_comes_back)
{
	char head[BC_LATEST_HEAD_MAX];
	for (unsigned state = 0; state < BC_N_STATES; state++)
		for (unsigned reason = 0; reason < BC_N_REASONS; reason++) {
			const struct bc_board_answer a = { .status = BC_BOARD_NO_DATA,
							   .state = (enum bc_state)state,
							   .reason = (enum bc_reason)reason,
							   .since = { INT64_MAX },
							   .age_ns = BC_AGE_NEVER,
							   .proven_ns = BC_AGE_NEVER };
			struct bc_board_answer back;
			size_t n = bc_board_write_latest(&a, head);
			cr_assert_lt(n, BC_LATEST_HEAD_MAX - 1);
			cr_assert_eq(bc_board_read_latest((bc_str){ head, n }, &back), BC_OK);
			cr_expect_eq(back.state, a.state);
			cr_expect_eq(back.reason, a.reason);
			cr_expect_eq(back.since.ns, a.since.ns);
		}
}

/* GET says stale; what STATE and the message say beside. */
static const struct {
	enum bc_state state, message;
	enum bc_reason reason;
	int64_t since;
} explained[] = {
	{ BC_STATE_STALE, BC_STATE_STALE, BC_REASON_GATEWAY, BC_TIME_UNKNOWN },
	{ BC_STATE_STALE, BC_STATE_LIVE, BC_REASON_GATEWAY, BC_TIME_UNKNOWN },
	{ BC_STATE_LIVE, BC_STATE_STALE, BC_REASON_GAP, 5 }, /* it changed meanwhile */
	{ BC_STATE_LIVE, BC_STATE_LIVE, BC_REASON_NONE, BC_TIME_UNKNOWN },
};

Test(board_frames, the_reason_is_the_one_of_now)
{
	for (size_t i = 0; i < sizeof explained / sizeof *explained; i++) {
		struct bc_board_answer get = { .state = BC_STATE_STALE,
					       .since = { BC_TIME_UNKNOWN } };
		const struct bc_board_answer state = { .state = explained[i].state,
						       .reason = BC_REASON_GATEWAY,
						       .since = { BC_TIME_UNKNOWN } };
		const struct bc_envelope message = { .state = explained[i].message,
						     .reason = BC_REASON_GAP,
						     .since = { 5 } };
		bc_board_explain(&get, &state, &message);
		cr_expect_eq(get.state, BC_STATE_STALE);
		cr_expect_eq(get.reason, explained[i].reason, "row %zu", i);
		cr_expect_eq(get.since.ns, explained[i].since, "row %zu", i);
	}
}
