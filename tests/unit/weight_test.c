/* REST weight: no minute holds more than the limit, and what the exchange says holds. */
#include "publisher/weight.h"

#include <criterion/criterion.h>

#define S     BC_NS_PER_S
#define MS    BC_NS_PER_MS
#define AT(t) ((bc_mono_time){ (t) })

static bool allows(const struct weight *w, int64_t at, uint32_t need)
{
	return weight_next(w, AT(at), 100, need).ns <= at;
}

static void spend(struct weight *w, int64_t at, int64_t answered, uint32_t need)
{
	weight_asked(w, AT(at), need);
	weight_answered(w, AT(answered), AT(at), need, -1);
}

Test(weight, counts_from_the_request_until_a_minute_after_its_answer)
{
	struct weight w;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 60);
	cr_expect(allows(&w, 1000 * S, 40));
	cr_expect(!allows(&w, 1000 * S, 41));
	weight_answered(&w, AT(1010 * S + 900 * MS), AT(1000 * S), 60, -1);
	cr_expect_eq(weight_next(&w, AT(1011 * S), 100, 41).ns, 1071 * S);
	cr_expect(!allows(&w, 1070 * S + 899 * MS, 41), "a minute is not over");
	cr_expect(allows(&w, 1071 * S, 100));
	cr_expect_eq(weight_used(&w, AT(1071 * S)), 0);
}

Test(weight, without_an_answer_it_counts_as_if_that_had_come_at_the_latest)
{
	struct weight w;
	int64_t end = (1000 + WEIGHT_ANSWER_S + WEIGHT_SECONDS) * S;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 60);
	cr_expect_eq(weight_next(&w, AT(1001 * S), 100, 41).ns, end);
	cr_expect(!allows(&w, end - 1, 41));
	cr_expect(allows(&w, end, 100), "who asked may have died");
	weight_answered(&w, AT(end), AT(1000 * S), 60, -1);
	cr_expect_eq(weight_used(&w, AT(end)), 60, "after all");
}

Test(weight, what_was_not_sent_after_all_is_free_again)
{
	struct weight w;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 30);
	weight_asked(&w, AT(1000 * S), 60);
	weight_taken_back(&w, AT(1000 * S), 60);
	cr_expect_eq(weight_used(&w, AT(1000 * S)), 30);
	weight_answered(&w, AT(1001 * S), AT(1000 * S), 30, 99);
	weight_asked(&w, AT(1002 * S), 1);
	cr_expect_eq(weight_used(&w, AT(1002 * S)), 100);
	weight_taken_back(&w, AT(1002 * S), 1);
	cr_expect_eq(weight_used(&w, AT(1002 * S)), 99);
}

Test(weight, tells_when_enough_of_it_is_over)
{
	struct weight w;
	weight_init(&w);
	for (int i = 0; i < 10; i++)
		spend(&w, (1000 + i) * S, (1000 + i) * S, 10);
	cr_expect_eq(weight_next(&w, AT(1010 * S), 100, 10).ns, 1061 * S);
	cr_expect_eq(weight_next(&w, AT(1010 * S), 100, 25).ns, 1063 * S);
	cr_expect_eq(weight_next(&w, AT(1010 * S), 100, 100).ns, 1070 * S);
	cr_expect(allows(&w, 1070 * S, 100));
	cr_expect_eq(weight_next(&w, AT(1010 * S), 100, 101).ns, INT64_MAX, "never");
}

Test(weight, what_the_exchange_counts_goes_before_what_we_know)
{
	struct weight w;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 10);
	weight_answered(&w, AT(1001 * S), AT(1000 * S), 10, 85); /* others use this address, too */
	cr_expect_eq(weight_used(&w, AT(1001 * S)), 85);
	cr_expect(allows(&w, 1001 * S, 15));
	cr_expect_eq(weight_next(&w, AT(1001 * S), 100, 16).ns, 1061 * S,
		     "its minute may have begun now");
	spend(&w, 1002 * S, 1003 * S, 10);
	cr_expect_eq(weight_used(&w, AT(1003 * S)), 95, "ours since then comes on top");
	weight_asked(&w, AT(1010 * S), 5);
	weight_answered(&w, AT(1011 * S), AT(1010 * S), 5,
			5); /* sent later, so the minute is new */
	cr_expect_eq(weight_used(&w, AT(1011 * S)), 25, "ours of the last minute");
	cr_expect(allows(&w, 1011 * S, 75));
}

Test(weight, an_answer_that_was_overtaken_lowers_no_more_than_itself)
{
	struct weight w;
	weight_init(&w);
	for (int i = 0; i < 3; i++)
		weight_asked(&w, AT(1000 * S), 10);
	weight_answered(&w, AT(1001 * S), AT(1000 * S), 10, 70);
	cr_expect_eq(weight_used(&w, AT(1001 * S)), 90, "the others may not be in it");
	weight_answered(&w, AT(1002 * S), AT(1000 * S), 10, 60);
	cr_expect_eq(weight_used(&w, AT(1002 * S)), 80, "it was counted before, so it is");
	weight_answered(&w, AT(1003 * S), AT(1000 * S), 10, -1);
	cr_expect_eq(weight_used(&w, AT(1003 * S)), 80, "nobody said whether that was");
	weight_asked(&w, AT(1004 * S), 1);
	weight_answered(&w, AT(1005 * S), AT(1004 * S), 1, 71);
	cr_expect_eq(weight_used(&w, AT(1005 * S)), 71, "sent later, so it knows better");
}

/* Asked so long ago that it was taken for answered when the word came. */
Test(weight, an_answer_that_nobody_waited_for_lowers_nothing)
{
	struct weight w;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 30);
	weight_asked(&w, AT(1030 * S), 10);
	weight_answered(&w, AT(1031 * S), AT(1030 * S), 10, 70);
	weight_answered(&w, AT(1032 * S), AT(1000 * S), 30, 60);
	cr_expect_eq(weight_used(&w, AT(1032 * S)), 70);
}

/* Four at a time, others have used half of it: what they leave is used, in whatever order answers
 * are read, and never more. */
Test(weight, answers_in_whatever_order_leave_nothing_unused)
{
	static const int orders[][4] = {
		{ 0, 1, 2, 3 }, { 3, 2, 1, 0 }, { 2, 0, 3, 1 }, { 1, 3, 0, 2 }
	};
	for (size_t k = 0; k < sizeof orders / sizeof *orders; k++) {
		struct weight w;
		uint64_t counted = 50;
		int64_t t = 1000 * S, used[4];
		weight_init(&w);
		for (int n = 4; n == 4; t += S) {
			for (n = 0; n < 4 && (t == 1000 * S || allows(&w, t, 5)); n++) {
				weight_asked(&w, AT(t), 5);
				used[n] = (int64_t)(counted += 5);
			}
			for (int i = 0; i < 4; i++) {
				if (orders[k][i] < n)
					weight_answered(&w, AT(t + 10 * MS * (i + 1)), AT(t), 5,
							used[orders[k][i]]);
			}
			cr_assert_leq(counted, 100, "order %zu", k);
		}
		cr_expect_eq(counted, 100, "order %zu: %lu", k, counted);
	}
}

Test(weight, a_word_of_the_exchange_is_forgotten_with_its_minute)
{
	struct weight w;
	weight_init(&w);
	weight_asked(&w, AT(1000 * S), 1);
	weight_answered(&w, AT(1000 * S), AT(1000 * S), 1, 5000);
	cr_expect(!allows(&w, 1059 * S, 1));
	cr_expect(allows(&w, 1060 * S, 99));
}
