/* Sessions at one address, and what the exchange has told one of them. */
#include "publisher/address_budget.h"
#include "tests/support/session_lines.h"

static const struct bc_address_limit limits[] = { { "connect", 5, 2, S }, { "list", 10, 1, S } };
static const struct bc_rest_endpoint rest[] = { { .kind = BC_REST_INSTRUMENTS,
						  .limits = 1u << 1 } };
static struct bc_exchange limited;
static struct own_office shared, offices[3];
static size_t n_offices;

static void open_office(void)
{
	limited = fake_exchange;
	limited.limits = limits;
	limited.n_limits = 2;
	limited.connect_limits = 1u << 0;
	limited.rest = rest;
	limited.n_rest = 1;
	own_office_init(&shared, &limited);
	n_offices = 0;
}

static struct rig *limited_rig(void)
{
	struct session_options o = options_for_tests();
	struct own_office *mine = &offices[n_offices];
	own_office_init(mine, &limited);
	mine->id = ++n_offices;
	mine->shared = &shared.budget;
	o.exchange = &limited;
	o.office = &mine->office;
	struct rig *r = rig_with(o);
	add(r, "AAA");
	return r;
}

/* The clocks of all go on together. */
static void pass_both(struct rig *a, struct rig *b, int64_t ns)
{
	for (int64_t t = 0; t < ns; t += 10 * MS) {
		pass(a, 10 * MS);
		pass(b, 10 * MS);
	}
}

static struct rig *starting_rig(int64_t after_ns)
{
	struct rig *r = limited_rig();
	at(r, r->now.mono.ns + after_ns);
	session_start(r->session, r->now);
	return r;
}

Test(office, sessions_of_one_address_take_turns_to_connect)
{
	open_office();
	struct rig *a = starting_rig(0), *b = starting_rig(MS), *c = starting_rig(2 * MS);
	cr_expect_eq(a->n_connects + b->n_connects, 2);
	cr_expect_eq(c->n_connects, 0, "two a second");
	cr_expect_eq(a->n_gets, 1);
	cr_expect_eq(b->n_gets, 0, "one list a second");
	pass(c, 997 * MS);
	cr_expect_eq(c->n_connects, 0);
	pass(c, MS);
	cr_expect_eq(c->n_connects, 1);
	cr_expect_eq(c->n_gets, 0, "that is for the one who has asked before");
	pass(b, S);
	cr_expect_eq(b->n_gets, 1);
	pass(c, 1500 * MS);
	cr_expect_eq(c->n_gets, 1);
	done(a);
	done(b);
	done(c);
}

Test(office, nobody_connects_while_one_is_told_to_stay_away)
{
	static const int rows[] = { 429, 418 };
	for (size_t i = 0; i < 2; i++) {
		open_office();
		struct rig *a = starting_rig(0), *b = starting_rig(MS);
		closed(a, rows[i], 60 * S);
		closed(b, 0, 0);
		pass_both(a, b, 59 * S);
		cr_expect_eq(a->n_connects + b->n_connects, 2, "%d", rows[i]);
		pass_both(a, b, 5 * S);
		cr_expect_eq(a->n_connects + b->n_connects, 4, "%d", rows[i]);
		cr_expect_eq(session_budget(b->session)->cuts, 1);
		done(a);
		done(b);
	}
}

Test(office, nobody_asks_while_one_is_told_to_wait)
{
	open_office();
	struct rig *a = starting_rig(0), *b = starting_rig(MS);
	answers_not(a, 429, 30 * S);
	pass_both(a, b, 29 * S);
	cr_expect_eq(a->n_gets + b->n_gets, 1);
	pass_both(a, b, 5 * S);
	cr_expect_eq(a->n_gets, 2);
	cr_expect_eq(b->n_gets, 1);
	done(a);
	done(b);
}

/* ------------------------------------------------------------------ what a connection sends */

/* Messages within a second, where as much as possible is to be said. */
static size_t said_in_a_second(struct rig *r, int *next)
{
	size_t before = frames_on(r, PUBLIC);
	for (int i = 0; i < 100; i++) {
		char name[24], why[64];
		snprintf(name, sizeof name, "S%d", *next - 3);
		session_remove(r->session, r->now, name, why, sizeof why);
		snprintf(name, sizeof name, "S%d", (*next)++);
		add(r, name);
		pass(r, 10 * MS);
		answer_on(r, PUBLIC, "ack");
		answer_on(r, MARKET, "ack");
		says_on(r, PUBLIC, "book CANARY 1 2");
		says_on(r, MARKET, "ticker CANARY");
	}
	return frames_on(r, PUBLIC) - before;
}

Test(office, a_connection_says_less_after_it_said_too_much)
{
	struct rig *r = open_lines(options_of_lines(), "AAA");
	int next = 0;
	ack_both(r);
	size_t at_first = said_in_a_second(r, &next);
	cr_expect_eq(at_first, 4);
	add(r, "BBB");
	pass(r, S);
	for (int i = 0; i < 3; i++) {
		add(r, i == 0 ? "B0" : i == 1 ? "B1" : "B2");
		pass(r, S);
		answer_on(r, PUBLIC, "slower");
		pass(r, S);
		answer_on(r, PUBLIC, "ack");
		answer_on(r, MARKET, "ack");
		says_on(r, PUBLIC, "book CANARY 1 2");
		says_on(r, MARKET, "ticker CANARY");
	}
	cr_expect_not_null(strstr(r->logged, "feed.slower line=public"));
	pass(r, S);
	size_t then = said_in_a_second(r, &next);
	cr_expect_lt(then, at_first, "%zu", then);
	cr_expect_gt(then, 0);
	done(r);
}
