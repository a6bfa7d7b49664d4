/* A topic with two lines as a reader hears it: what the board knows of gateways, and what the
 * arbiter makes of it. The arbiter's own rule is in arbiter_test.c. */
#include "common/lines.h"
#include "tests/support/bus_message.h"

#include <criterion/criterion.h>

#define TRADE "upbit.KRW-BTC.trade"

static struct bc_board *board;
static struct bc_lines lines;
static bc_mono_time now;

static void open_board(void)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	cr_assert((board = bc_board_new(&limits)) != NULL);
	lines = (struct bc_lines){ .arbiter = NULL };
	now.ns = 1000 * BC_NS_PER_S;
}

static void close_board(void)
{
	bc_lines_forget(&lines);
	bc_board_free(&board);
}

TestSuite(lines, .init = open_board, .fini = close_board);

static bc_status take(const char *topic, struct bc_message m, struct bc_ruling *ruling)
{
	struct bus_message b;
	struct bc_board_taken taken;
	struct bc_board_answer answer;
	bus_message_encode(&b, topic, &m);
	bc_status rc = bc_board_take(board, b.topic, b.payload, now, &taken);
	if (rc != BC_OK || ruling == NULL)
		return rc;
	bc_board_get_taken(board, now, &answer);
	*ruling = (struct bc_ruling){ .verdict = BC_VERDICT_TAKE };
	if (bc_lines_doubled(&lines, &taken))
		*ruling = bc_lines_take(&lines, board, &taken, b.payload, answer.state, now);
	if (ruling->verdict == BC_VERDICT_TAKE)
		bc_lines_say(&lines, taken.message, answer.state);
	return rc;
}

static void heartbeat(const char *instance, uint64_t epoch, uint64_t seq)
{
	char topic[64];
	snprintf(topic, sizeof topic, "upbit.@%s.heartbeat", instance);
	take(topic, bus_heartbeat(bus_envelope(epoch, seq, BC_STATE_LIVE), instance, 1, "ipc:///x"),
	     NULL);
}

/* Trade number i, as message `seq` of the topic. */
static struct bc_ruling trade(uint64_t epoch, uint64_t seq, int i)
{
	char id[16];
	struct bc_ruling ruling = { .verdict = BC_VERDICT_COPY };
	struct bc_message m = { .envelope = bus_envelope(epoch, seq, BC_STATE_LIVE) };
	snprintf(id, sizeof id, "%d", 7000 + i);
	m.envelope.exchange_seq = (uint64_t)i;
	m.body.trade = (struct bc_trade){ { 5, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	take(TRADE, m, &ruling);
	return ruling;
}

static void begin(void)
{
	heartbeat("a", 100, 1);
	heartbeat("b", 200, 1);
	cr_assert_eq(trade(100, 1, 1).verdict, BC_VERDICT_TAKE);
	cr_assert_eq(trade(200, 1, 1).verdict, BC_VERDICT_COPY);
}

/* A process that has restarted is heard by its heartbeat long before it has a trade to tell. */
Test(lines, a_restarted_line_that_is_silent_may_bring_what_the_other_one_lost)
{
	begin();
	heartbeat("b", 201, 1);
	struct bc_ruling r = bc_lines_look(&lines, board, BC_STR(TRADE), now);
	cr_expect_eq(r.n_lost + r.n_filled, 0);
	r = trade(100, 3, 3); /* number 2 is missing */
	cr_expect_eq(r.n_lost, 0, "the other one may bring it");
	r = trade(201, 1, 2);
	cr_expect_eq(r.verdict, BC_VERDICT_TAKE);
	r = trade(201, 2, 3);
	cr_expect_eq(r.verdict, BC_VERDICT_COPY);
	cr_expect_eq(r.n_filled, 1);
	cr_expect_eq(r.n_lost, 0);
}

Test(lines, what_a_restarted_line_does_not_bring_before_it_goes_is_lost)
{
	begin();
	heartbeat("b", 201, 1);
	bc_lines_look(&lines, board, BC_STR(TRADE), now);
	cr_expect_eq(trade(100, 3, 3).n_lost, 0);
	now.ns += 60 * BC_NS_PER_S;
	heartbeat("a", 100, 2);
	struct bc_ruling r = bc_lines_look(&lines, board, BC_STR(TRADE), now);
	cr_expect_eq(r.n_lost, 1);
	cr_expect_eq(r.n_gaps, 1);
}

/* Both have restarted in turn: the new processes together have everything. */
Test(lines, after_both_have_restarted_what_one_of_them_lost_is_filled)
{
	begin();
	heartbeat("a", 101, 1);
	heartbeat("b", 201, 1);
	bc_lines_look(&lines, board, BC_STR(TRADE), now);
	cr_expect_eq(trade(101, 1, 5).verdict, BC_VERDICT_TAKE);
	struct bc_ruling r = trade(201, 2, 6); /* its number 1, trade 5, is missing */
	cr_expect_eq(r.verdict, BC_VERDICT_TAKE);
	cr_expect_eq(r.n_lost, 0);
	r = trade(101, 2, 6);
	cr_expect_eq(r.n_filled, 1);
	cr_expect_eq(r.n_lost, 0);
}
