/* sync_rig.h - a session whose books are made of changes, for Criterion tests. Snapshots have 20
 * levels here, and 2 are published. */
#ifndef TESTS_SYNC_RIG_H
#define TESTS_SYNC_RIG_H

#include "tests/support/session_rig.h"

static inline struct session_options sync_options(void)
{
	struct session_options o = options_for_tests();
	o.exchange = &fake_diff_exchange;
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	o.levels = 2;
	o.max_levels = 100;
	o.snapshot_levels = 20;
	o.silent_after_ns = 3600 * S;
	return o;
}

/* Time on a connection that speaks: without that, the silence of a stream means nothing. */
static inline void goes_by(struct rig *r, int64_t ns)
{
	for (; ns > S; ns -= S) {
		pass(r, S);
		says(r, "ticker CANARY");
	}
	pass(r, ns);
	says(r, "ticker CANARY");
	pass(r, 0);
}

static inline struct rig *sync_rig(struct session_options o, const char *symbols)
{
	struct rig *r = rig_with(o);
	add(r, symbols);
	session_start(r->session, r->now);
	opened(r);
	goes_by(r, 0);
	forget(r);
	return r;
}

static inline void answer_for(struct rig *r, const char *symbol, const char *body)
{
	cr_assert(asked(r, symbol), "no snapshot was asked for %s", symbol);
	answers(r, body);
}

/* The same, after a wait of a few seconds where there is one. */
static inline void answer_later(struct rig *r, const char *symbol, const char *body)
{
	for (int i = 0; i < 50 && !asked(r, symbol); i++)
		goes_by(r, 100 * MS);
	answer_for(r, symbol, body);
}

/* Live by a snapshot of number 10: bids 100, 99, 98; asks 101, 102, 103. */
#define SNAP_10 "snap 10 b 100=1 99=1 98=1 a 101=1 102=1 103=1"

static inline struct rig *live_diff_with(struct session_options o, const char *symbols)
{
	struct rig *r = sync_rig(o, symbols);
	char copy[256], *rest = copy;
	goes_by(r, 2 * S); /* nothing is said, so the snapshot is the book */
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL; goes_by(r, 0))
		answer_for(r, one, SNAP_10);
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), session_symbols(r->session));
	forget(r);
	r->n_gets = 0;
	return r;
}

static inline struct rig *live_diff(const char *symbols)
{
	return live_diff_with(sync_options(), symbols);
}

static inline void reconnect(struct rig *r)
{
	closed(r, 0, 0);
	pass(r, S);
	opened(r);
	goes_by(r, 0);
}

#endif
