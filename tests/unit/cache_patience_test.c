/* Requests wait for messages, but never for long. */
#include "subscribers/cache/patience.h"

#include <criterion/criterion.h>

static bc_mono_time at(int64_t ms)
{
	return (bc_mono_time){ (1000 + ms) * BC_NS_PER_MS };
}

Test(patience, nothing_waits_while_nothing_is_behind)
{
	struct patience p = { .pulse = { 0 } };
	for (int64_t ms = 0; ms < 1000; ms += 50) {
		patience_pulse(&p, at(ms));
		cr_expect_not(patience_waits(&p, false, at(ms + 20)));
	}
}

Test(patience, messages_come_first_but_a_flood_does_not_starve_requests)
{
	struct patience p = { .pulse = { 0 } };
	patience_pulse(&p, at(0));
	cr_expect(patience_waits(&p, true, at(1)));
	cr_expect_not(patience_waits(&p, false, at(2)), "they are read");
	cr_expect(patience_waits(&p, true, at(10)));
	cr_expect(patience_waits(&p, true, at(59)));
	cr_expect_not(patience_waits(&p, true, at(60)), "long enough");
	cr_expect_not(p.behind, "a flood without a stall is read as it comes");
	cr_expect(patience_waits(&p, true, at(61)), "the next one waits, too");
}

Test(patience, after_a_stall_there_must_be_a_pause)
{
	struct patience p = { .pulse = { 0 } };
	patience_pulse(&p, at(0));
	cr_expect(patience_waits(&p, false, at(5000)), "noticed by the request itself");
	cr_expect_eq(p.n_long, 1);
	cr_expect_eq(p.last_long_ns, 5 * BC_NS_PER_S);
	patience_pulse(&p, at(5001));
	cr_expect_eq(p.n_long, 1, "and once");
	cr_expect(patience_waits(&p, true, at(5020)), "messages come in");
	cr_expect(patience_waits(&p, false, at(5049)));
	cr_expect_not(patience_waits(&p, false, at(5050)), "30 ms without one");
	cr_expect_not(patience_waits(&p, false, at(5051)), "and it is over");
	patience_pulse(&p, at(9000));
	cr_expect_eq(p.n_long, 2, "noticed by the timer");
	for (int64_t ms = 9000; ms < 9500; ms += 20) {
		patience_pulse(&p, at(ms));
		cr_expect(patience_waits(&p, true, at(ms)));
	}
	cr_expect_not(p.behind, "it waits, nothing was answered");
	cr_expect_not(patience_waits(&p, true, at(9500)), "not for ever");
	cr_expect(p.behind, "but nothing is fit");
	cr_expect(patience_waits(&p, true, at(9501)));
	cr_expect_not(patience_waits(&p, true, at(9551)));
	cr_expect(p.behind, "as long as messages wait");
	cr_expect_not(patience_waits(&p, false, at(9552)));
	cr_expect_not(p.behind, "all read");
}

Test(patience, a_stall_long_ago_delays_nobody)
{
	struct patience p = { .pulse = { 0 } };
	patience_pulse(&p, at(0));
	patience_pulse(&p, at(5000));
	patience_pulse(&p, at(5100));
	cr_expect_not(patience_waits(&p, false, at(5150)));
}
