/* handover_rig.h - the session rig with a connection that is going to end: see session_lines.h. */
#ifndef TESTS_HANDOVER_RIG_H
#define TESTS_HANDOVER_RIG_H

#include "tests/support/session_lines.h"

#define NEXT 2 /* the connection that succeeds the public one */
#define DAY  (24 * 3600 * S)

static inline struct session_options options_of_day(void)
{
	struct session_options o = options_of_lines();
	o.channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE) | BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	o.intervals = 1u << BC_INTERVAL_1M;
	return o;
}

/* All live, `line` has been told that it ends, and its successor carries all of it. */
static inline struct rig *twins_with(struct session_options o, uint32_t line, const char *symbols)
{
	struct rig *r = live_lines(o, symbols);
	says_on(r, line, "leaving");
	pass(r, 0);
	opened_on(r, NEXT);
	for (size_t n = 0; n != frames_on(r, NEXT);) {
		n = frames_on(r, NEXT);
		answer_on(r, NEXT, "ack");
		pass(r, 0);
	}
	says_on(r, NEXT, "ticker CANARY");
	pass(r, 0);
	forget(r);
	return r;
}

static inline struct rig *twins(uint32_t line, const char *symbols)
{
	return twins_with(options_of_day(), line, symbols);
}

#endif
