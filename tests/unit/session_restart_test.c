/* Numbers that begin anew, and numbers that cannot be: an exchange may count from small numbers
 * again after its maintenance, on the connection there is or on the next one, and one frame may
 * name a number that no other will ever reach. Each has to heal by itself. */
#include "tests/support/session_rig.h"

#define SNAP_12 "snap 12 b 100=1 99=1 98=1 a 101=1 102=1 103=1"

static struct rig *live_at_12(const char *symbol)
{
	struct session_options o = options_for_tests();
	char text[64];
	o.exchange = &fake_diff_exchange;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	o.levels = 2;
	o.max_levels = 100;
	o.snapshot_levels = 20;
	struct rig *r = rig_with(o);
	add(r, symbol);
	session_start(r->session, r->now);
	opened(r);
	snprintf(text, sizeof text, "delta %s 11 12 b 100=5 a", symbol);
	says(r, text);
	pass(r, 0);
	cr_assert(asked(r, symbol));
	answers(r, SNAP_12);
	expect_state(r, symbol, BC_STATE_LIVE, BC_REASON_NONE);
	forget(r);
	r->n_gets = 0;
	return r;
}

/* The world of a symbol that changes every 100 ms: one number a change, the bid at 100 is that
 * number, and snapshots are of now. For so long, or until it is live. */
static int64_t goes_on(struct rig *r, const char *symbol, uint64_t *seq, int64_t for_ns)
{
	char text[128];
	int64_t begin = r->now.mono.ns;
	while (r->now.mono.ns - begin < for_ns) {
		snprintf(text, sizeof text, "delta %s %lu %lu b 100=%lu a", symbol,
			 (unsigned long)*seq + 1, (unsigned long)*seq + 1, (unsigned long)*seq + 1);
		++*seq;
		says(r, text);
		pass(r, 100 * MS);
		snprintf(text, sizeof text, "snap %lu b 100=%lu a 101=1", (unsigned long)*seq,
			 (unsigned long)*seq);
		if (asked(r, "/snap"))
			answers(r, text);
		if (bc_state_fit(view_of(r, symbol).state) && r->book.seq == *seq)
			break;
	}
	return r->now.mono.ns - begin;
}

static void reconnects(struct rig *r)
{
	closed(r, 0, 0);
	pass(r, 5 * S);
	opened(r);
	pass(r, 100 * MS);
}

/* ------------------------------------------------------------------ books */

Test(session_restart, book_whose_numbers_begin_anew_on_the_connection_there_is)
{
	struct rig *r = live_at_12("AAA");
	uint64_t seq = 5000012;
	says(r, "delta AAA 13 5000012 b 100=5 a");
	seq = 0;
	int64_t took = goes_on(r, "AAA", &seq, 120 * S);
	cr_expect_lt(took, 10 * S, "right again after %ld ms", (long)(took / MS));
	done(r);
}

Test(session_restart, book_whose_numbers_begin_anew_while_it_is_broken)
{
	struct rig *r = live_at_12("AAA");
	uint64_t seq = 0;
	says(r, "delta AAA 5000000 5000012 b 100=5 a");
	expect_state(r, "AAA", BC_STATE_STALE, BC_REASON_GAP);
	int64_t took = goes_on(r, "AAA", &seq, 120 * S);
	cr_expect_lt(took, 10 * S, "right again after %ld ms", (long)(took / MS));
	done(r);
}

Test(session_restart, book_whose_numbers_begin_anew_on_the_next_connection)
{
	struct rig *r = live_at_12("AAA");
	uint64_t seq = 0;
	says(r, "delta AAA 13 5000012 b 100=5 a");
	reconnects(r);
	int64_t took = goes_on(r, "AAA", &seq, 120 * S);
	cr_expect_lt(took, 10 * S, "right again after %ld ms", (long)(took / MS));
	done(r);
}

/* One change a minute: what the snapshots say has to do. */
Test(session_restart, slow_book_whose_numbers_begin_anew_on_the_next_connection)
{
	struct rig *r = live_at_12("AAA");
	says(r, "delta AAA 13 5000012 b 100=5 a");
	reconnects(r);
	says(r, "delta AAA 1 2 b 100=7 a");
	for (int i = 0; i < 300; i++) {
		pass(r, 100 * MS);
		if (i % 30 == 0)
			says(r, "ticker CANARY");
		if (asked(r, "AAA"))
			answers(r, "snap 2 b 100=7 a 101=1");
	}
	expect_state(r, "AAA", BC_STATE_QUIET, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 2);
	cr_expect_str_eq(r->book.top, "100x7 101x1");
	done(r);
}

Test(session_restart, change_with_a_number_that_cannot_be)
{
	static const char *const numbers[] = { "18446744073709551615", "18446744073709551614",
					       "9223372036854775807" };
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		struct rig *r = live_at_12("AAA");
		uint64_t seq = 12;
		char text[128];
		snprintf(text, sizeof text, "delta AAA %s %s b 100=5 a", numbers[i], numbers[i]);
		says(r, text);
		int64_t took = goes_on(r, "AAA", &seq, 120 * S);
		cr_expect_lt(took, 10 * S, "%s: right again after %ld ms", numbers[i],
			     (long)(took / MS));
		snprintf(text, sizeof text, "delta AAA %lu %s b 100=5 a", (unsigned long)seq + 1,
			 numbers[i]);
		says(r, text);
		took = goes_on(r, "AAA", &seq, 120 * S);
		cr_expect_lt(took, 10 * S, "%s, linked: right again after %ld ms", numbers[i],
			     (long)(took / MS));
		done(r);
	}
}

/* More than is kept while a snapshot waits for its stream: what is dropped came before it. */
Test(session_restart, buffer_overflows_while_a_snapshot_waits_for_its_stream)
{
	static char text[4096];
	struct rig *r = live_at_12("AAA");
	says(r, "delta AAA 20 20 b 100=1 a");
	for (int i = 0; i < 50 && !asked(r, "AAA"); i++)
		pass(r, 100 * MS);
	cr_assert(asked(r, "AAA"));
	answers(r, "snap 5000000 b 100=9 a 101=1");
	for (unsigned seq = 21; seq < 6000; seq++) {
		int n = snprintf(text, sizeof text, "delta AAA %u %u b", seq, seq);
		for (int i = 0; i < 50; i++)
			n += snprintf(text + n, sizeof text - (size_t)n, " %d=1", 50 + i);
		says(r, text);
	}
	cr_expect_gt(session_counters(r->session)->buffers_full, 0);
	says(r, "delta AAA 6000 5000001 b 100=8 a");
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect_eq(r->book.seq, 5000001);
	cr_expect_str_eq(r->book.top, "100x8 101x1");
	done(r);
}

/* ------------------------------------------------------------------ best prices */

Test(session_restart, bbo_whose_numbers_begin_anew_on_the_connection_there_is)
{
	struct rig *r = live_at_12("AAA");
	says(r, "tick AAA 5000000 100 101");
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	pass(r, 1 * S);
	says(r, "tick AAA 11 100 101"); /* one that was late, as far as anybody can say */
	cr_expect_str_eq(r->seen, "AAA bbo; ");
	for (int i = 0; i < 150; i++) {
		char text[64];
		snprintf(text, sizeof text, "tick AAA %d 100 101", 12 + i);
		pass(r, 100 * MS);
		says(r, text);
		says(r, "ticker CANARY");
	}
	cr_expect_neq(strstr(r->seen, "AAA bbo; AAA bbo; "), NULL, "never again: %s", r->seen);
	done(r);
}

/* ------------------------------------------------------------------ trades */

Test(session_restart, trades_whose_ids_begin_anew)
{
	struct rig *r = live_at_12("AAA");
	says(r, "trade AAA 5000000");
	says(r, "trade AAA 5000001");
	pass(r, 100 * MS);
	says(r, "trade AAA 4999999"); /* late; nobody starts as near to where he was */
	cr_expect_str_eq(r->told, "5000000 5000001 ");
	reconnects(r);
	says(r, "trade AAA 1");
	says(r, "trade AAA 2");
	says(r, "trade AAA 2");
	pass(r, 100 * MS);
	says(r, "trade AAA 3");
	says(r, "trade AAA 1");
	cr_expect_str_eq(r->told, "5000000 5000001 1 2 3 ");
	done(r);
}
