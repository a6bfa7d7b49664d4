/* Best prices that have a channel of their own, and are told when they change. */
#include "tests/support/sync_rig.h"

static char bbos[512]; /* "10:100/101 ": number, bid, ask */

static void note_bbos(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	const struct bc_book *b = &event->body.book;
	char text[384], bid[BC_DECIMAL_TEXT_MAX], ask[BC_DECIMAL_TEXT_MAX];
	(void)r;
	(void)symbol;
	if (event->channel != BC_CHANNEL_BBO)
		return;
	cr_assert(b->n_bids == 1 && b->n_asks == 1);
	bc_decimal_format(b->bids[0].price, bid);
	bc_decimal_format(b->asks[0].price, ask);
	snprintf(text, sizeof text, "%lu:%s/%s ", event->exchange_seq, bid, ask);
	strncat(bbos, text, sizeof bbos - strlen(bbos) - 1);
}

/* Best prices that do not change are never told: who has just begun to follow them has none. */
Test(session_bbo, best_prices_are_those_of_the_book_until_they_are_told)
{
	struct rig *r = sync_rig(sync_options(), "AAA");
	bbos[0] = '\0';
	r->watch = note_bbos;
	goes_by(r, 2 * S);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(bbos, "10:100/101 ");
	says(r, "tick AAA 9 99 101");
	cr_expect_str_eq(bbos, "10:100/101 ", "older than the book's");
	says(r, "delta AAA 11 11 b 100=2 a");
	says(r, "tick AAA 12 99 101");
	cr_expect_str_eq(bbos, "10:100/101 12:99/101 ", "told, from then on");
	reconnect(r);
	bbos[0] = '\0';
	says(r, "delta AAA 12 13 b 100=0 a");
	cr_expect_str_eq(bbos, "13:99/101 ", "it may have changed meanwhile");
	done(r);
}

Test(session_bbo, best_prices_of_a_book_that_is_behind_them_are_not_told)
{
	struct rig *r = live_diff("AAA");
	bbos[0] = '\0';
	r->watch = note_bbos;
	says(r, "tick AAA 14 99 101");
	says(r, "delta AAA 12 12 b 98=2 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	answer_later(r, "AAA", "snap 12 b 100=1 99=1 98=2 a 101=1");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	says(r, "delta AAA 13 13 b 98=3 a");
	cr_expect_str_eq(bbos, "14:99/101 ");
	says(r, "delta AAA 14 14 b 100=0 a");
	cr_expect_str_eq(bbos, "14:99/101 14:99/101 ", "what was in doubt holds");
	done(r);
}

Test(session_bbo, best_prices_nobody_wants_are_not_told)
{
	struct session_options o = sync_options();
	o.channels &= ~BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	bbos[0] = '\0';
	struct rig *r = sync_rig(o, "AAA");
	r->watch = note_bbos;
	goes_by(r, 2 * S);
	answer_for(r, "AAA", SNAP_10);
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_str_eq(bbos, "");
	done(r);
}
