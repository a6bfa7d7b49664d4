/* The simulator's witness: every limit, of everybody, in any window. */
#include "publisher/simulator/ledger.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define S  BC_NS_PER_S
#define MS BC_NS_PER_MS

static const struct ledger_rule rules[] = {
	{ .name = "messages",
	  .what = LEDGER_MESSAGES,
	  .controls = true,
	  .a_connection = true,
	  .limit = 5,
	  .window_ns = S },
	{ .name = "connects", .what = LEDGER_CONNECTS, .limit = 3, .window_ns = 10 * S },
	{ .name = "streams", .what = LEDGER_STREAMS, .a_connection = true, .limit = 100 },
	{ .name = "books", .what = LEDGER_REQUESTS, .group = "books", .limit = 2, .window_ns = S },
	{ .name = "weight", .what = LEDGER_WEIGHT, .limit = 1000, .window_ns = 60 * S },
};
enum { MESSAGES, CONNECTS, STREAMS, BOOKS, WEIGHT };

static struct ledger *fresh(void)
{
	struct ledger *l = NULL;
	cr_assert_eq(ledger_new(&l, rules, 5), BC_OK);
	return l;
}

static void at(struct ledger *l, const char *address, uint64_t connection, int64_t ns)
{
	ledger_about(l, address, connection, (struct ledger_when){ ns, ns });
}

Test(sim_ledger, counts_each_connection_and_each_address_apart)
{
	struct ledger *l = fresh();
	for (int i = 0; i < 5; i++)
		for (uint64_t c = 1; c < 4; c++) {
			at(l, "10.0.0.1", c, 100 * S + i * MS);
			ledger_count(l, LEDGER_MESSAGES, NULL, 1);
		}
	for (int i = 0; i < 3; i++)
		for (int a = 0; a < 3; a++) {
			static const char *const names[] = { "10.0.0.1", "10.0.0.2", "::1" };
			at(l, names[a], 0, 100 * S + i * MS);
			ledger_count(l, LEDGER_CONNECTS, NULL, 1);
		}
	cr_expect_eq(ledger_violations(l), 0);
	at(l, "10.0.0.1", 2, 100 * S + 999 * MS);
	ledger_count(l, LEDGER_CONTROLS, NULL, 1);
	cr_expect_eq(ledger_violations(l), 1, "a ping counts, too");
	at(l, "10.0.0.1", 1, 101 * S);
	ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	cr_expect_eq(ledger_violations(l), 1, "the first is a window old");
	at(l, "::1", 7, 109 * S);
	ledger_count(l, LEDGER_CONNECTS, NULL, 1);
	cr_expect_eq(ledger_violations(l), 2);
	ledger_free(&l);
}

Test(sim_ledger, no_window_of_a_clock_hides_a_burst_across_its_edge)
{
	struct ledger *l = fresh();
	for (int i = 0; i < 10; i++) {
		at(l, "a", 1, 100 * S + 950 * MS + i * 10 * MS);
		ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	}
	cr_expect_eq(ledger_violations(l), 5);
	ledger_free(&l);
}

Test(sim_ledger, groups_weights_and_streams)
{
	struct ledger *l = fresh();
	at(l, "a", 1, 100 * S);
	ledger_count(l, LEDGER_STREAMS, NULL, 100);
	for (int i = 0; i < 2; i++)
		ledger_count(l, LEDGER_REQUESTS, "books", 1);
	for (int i = 0; i < 20; i++)
		ledger_count(l, LEDGER_REQUESTS, "others", 1);
	ledger_count(l, LEDGER_WEIGHT, NULL, 1000);
	cr_expect_eq(ledger_violations(l), 0);
	ledger_count(l, LEDGER_STREAMS, NULL, 101);
	ledger_count(l, LEDGER_REQUESTS, "books", 1);
	at(l, "a", 1, 159 * S);
	ledger_count(l, LEDGER_WEIGHT, NULL, 1);
	cr_expect_eq(ledger_violations(l), 3);
	at(l, "a", 1, 160 * S);
	ledger_count(l, LEDGER_WEIGHT, NULL, 999);
	cr_expect_eq(ledger_violations(l), 3);
	struct sim_buffer out = { NULL, 0, 0, false };
	ledger_put(l, &out);
	sim_buffer_char(&out, '\0');
	cr_expect_not_null(strstr(out.data,
				  "{\"name\":\"weight\",\"of\":\"address\",\"limit\":1000,"
				  "\"window_s\":60,\"events\":3,\"most\":1001,"
				  "\"violations\":1}"),
			   "%s", out.data);
	sim_buffer_free(&out);
	ledger_free(&l);
}

Test(sim_ledger, what_may_have_come_apart_accuses_nobody)
{
	struct ledger *l = fresh();
	for (int i = 0; i < 5; i++) { /* read late: some time in the second before */
		ledger_about(l, "a", 1, (struct ledger_when){ 99 * S, 100 * S });
		ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	}
	ledger_about(l, "a", 1, (struct ledger_when){ 100 * S, 100 * S + 1 });
	ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	cr_expect_eq(ledger_violations(l), 0);
	for (int i = 0; i < 5; i++)
		ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	cr_expect_eq(ledger_violations(l), 1, "these came together for certain");
	ledger_free(&l);
}

Test(sim_ledger, is_bounded)
{
	struct ledger *l = fresh();
	char name[32];
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "10.0.0.%d", i);
		at(l, name, 0, 100 * S + i);
		ledger_count(l, LEDGER_CONNECTS, NULL, 1);
	}
	for (uint64_t c = 1; c < 3000; c++) {
		at(l, "a", c, 200 * S);
		ledger_count(l, LEDGER_MESSAGES, NULL, 1);
		ledger_gone(l, c);
	}
	for (int i = 0; i < 3 * LEDGER_MOMENTS; i++) {
		at(l, "a", 9, 300 * S);
		ledger_count(l, LEDGER_MESSAGES, NULL, 1);
	}
	cr_expect_eq(ledger_violations(l), 3 * LEDGER_MOMENTS - 5 + 81,
		     "of the addresses the last 84 are one");
	ledger_free(&l);
}
