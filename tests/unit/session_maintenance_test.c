/* An exchange that lets nobody in for long: asked calmly, by one connection at a time, and all are
 * back soon after it lets one in, without a storm. */
#include "tests/support/session_rig.h"

#define N 6

/* One symbol a connection. */
static struct session_options many_options(void)
{
	static struct bc_line line;
	static struct bc_exchange x;
	struct session_options o = options_for_tests();
	x = fake_diff_exchange;
	line = x.lines[0];
	line.max_streams = 2; /* and the canary */
	line.connects_per_s = 2;
	x.lines = &line;
	o.exchange = &x;
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	o.silent_after_ns = 3600 * S;
	return o;
}

static struct rig *shut_rig(struct session_options o)
{
	struct rig *r = rig_with(o);
	add(r, "S0 S1 S2 S3 S4 S5");
	session_start(r->session, r->now);
	return r;
}

/* Every attempt is answered with this status, at once. The most that were under way together. */
static size_t shut_for(struct rig *r, int64_t ns, int http)
{
	size_t most = 0;
	for (int64_t passed = 0; passed < ns; passed += 50 * MS) {
		size_t n = 0;
		pass(r, 50 * MS);
		for (uint32_t c = 0; c < N; c++)
			n += r->connecting[c];
		most = n > most ? n : most;
		for (uint32_t c = 0; c < N; c++)
			if (r->connecting[c])
				closed_as(r, c, (struct session_closed){ .http_status = http });
	}
	return most;
}

static bool in_maintenance(const struct rig *r)
{
	return session_maintenance_ns(r->session, r->now) > 0;
}

Test(session_maintenance, begins_after_its_time_and_is_calm)
{
	struct rig *r = shut_rig(many_options());
	shut_for(r, 295 * S, 0);
	cr_expect(!in_maintenance(r));
	cr_expect_gt(r->n_connects, 60, "%zu: until then everybody tries", r->n_connects);
	for (int i = 0; i < 1200 && !in_maintenance(r); i++) {
		forget(r);
		shut_for(r, 50 * MS, 0);
	}
	cr_assert(in_maintenance(r));
	cr_expect_not_null(strstr(r->logged, "feed.maintenance why=nothing answers"), "%s",
			   r->logged);
	r->n_connects = 0;
	cr_expect_leq(shut_for(r, 600 * S, 0), 1, "one at a time");
	cr_expect(r->n_connects >= 12 && r->n_connects <= 32, "%zu probes in ten minutes",
		  r->n_connects);
	cr_expect_eq(session_counters(r->session)->maintenances, 1);
	done(r);
}

Test(session_maintenance, begins_sooner_where_the_exchange_says_so)
{
	static const int says[] = { 502, 503, 504 }, does_not[] = { 0, 400, 500 };
	for (size_t i = 0; i < 3; i++) {
		struct rig *r = shut_rig(many_options());
		shut_for(r, 25 * S, says[i]);
		cr_expect(!in_maintenance(r), "%d: may be for a moment", says[i]);
		shut_for(r, 35 * S, says[i]);
		cr_expect(in_maintenance(r), "%d", says[i]);
		done(r);
		r = shut_rig(many_options());
		shut_for(r, 100 * S, does_not[i]);
		cr_expect(!in_maintenance(r), "%d", does_not[i]);
		done(r);
	}
}

Test(session_maintenance, data_ends_it_and_the_others_follow_one_after_the_other)
{
	struct rig *r = shut_rig(many_options());
	shut_for(r, 400 * S, 503);
	cr_assert(in_maintenance(r));
	uint32_t c = 0;
	for (int i = 0; i < 1000 && !r->connecting[c]; i++) {
		pass(r, 50 * MS);
		for (c = 0; c < N - 1 && !r->connecting[c]; c++)
			;
	}
	opened_on(r, c);
	r->n_connects = 0;
	pass(r, 60 * S);
	cr_expect_eq(r->n_connects, 0, "let in is not yet data");
	cr_expect(in_maintenance(r));
	says_on(r, c, "ticker CANARY");
	cr_expect(!in_maintenance(r));
	pass(r, 5 * S);
	cr_expect_eq(r->n_connects, N - 1, "all of them within seconds");
	for (size_t i = 2; i < N - 1; i++)
		cr_expect_gt(r->connected_at[i] - r->connected_at[i - 2], S - MS,
			     "not more than two a second");
	cr_expect_not_null(strstr(r->logged, "feed.maintenance-over"));
	done(r);
}

Test(session_maintenance, where_one_is_let_in_it_is_none)
{
	struct rig *r = shut_rig(many_options());
	pass(r, 10 * MS);
	opened_on(r, 0);
	for (int i = 0; i < 60; i++) {
		says_on(r, 0, "ticker CANARY");
		shut_for(r, 10 * S, 503);
	}
	cr_expect(!in_maintenance(r));
	cr_expect_gt(r->n_connects, 60);
	done(r);
}

Test(session_maintenance, an_operator_need_not_wait)
{
	struct rig *r = shut_rig(many_options());
	shut_for(r, 400 * S, 503);
	cr_assert(in_maintenance(r));
	shut_for(r, 100 * MS, 503);
	r->n_connects = 0;
	session_reconnect(r->session, r->now);
	pass(r, 10 * MS);
	cr_expect_eq(r->n_connects, 1, "one, and at once");
	done(r);
}

Test(session_maintenance, its_times_are_settings)
{
	struct session_options o = many_options();
	o.maintenance_after_ns = 20 * S;
	o.probe_interval_ns = 2 * S;
	struct rig *r = shut_rig(o);
	shut_for(r, 60 * S, 0);
	cr_assert(in_maintenance(r));
	r->n_connects = 0;
	shut_for(r, 100 * S, 0);
	cr_expect(r->n_connects >= 33 && r->n_connects <= 80, "%zu", r->n_connects);
	done(r);
}
