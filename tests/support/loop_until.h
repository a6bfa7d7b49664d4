/* loop_until.h - turns a libuv loop until enough callbacks have come, or the time is over. */
#ifndef BC_TESTS_LOOP_UNTIL_H
#define BC_TESTS_LOOP_UNTIL_H

#include <uv.h>

static inline void loop_on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* The tick ends the poll of a turn whose timers came before it. */
static inline void loop_until(uv_loop_t *loop, uv_timer_t *tick, const unsigned int *count,
			      unsigned int n, int64_t limit_ns)
{
	const uint64_t limit = uv_hrtime() + (uint64_t)limit_ns;
	uv_timer_start(tick, loop_on_tick, 5, 5);
	while (*count < n && uv_hrtime() < limit)
		uv_run(loop, UV_RUN_ONCE);
	uv_timer_stop(tick);
}

#endif
