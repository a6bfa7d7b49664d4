/* Which symbols are wanted, after any order of configuring, adding and removing. */
#include "publisher/wanted.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool wants(const struct wanted *w, const char *name)
{
	return wanted_rule_wants(wanted_rule_of(w, bc_str_of(name), (bc_str){ 0 }));
}

/* "+X" adds, "-X" removes, "=X Y" is the whole configuration. */
static void say(struct wanted *w, const char *text)
{
	char copy[256], *rest = copy;
	if (text[0] == '+')
		cr_assert_eq(wanted_add(w, text + 1, NULL), BC_OK);
	if (text[0] == '-')
		cr_assert_eq(wanted_remove(w, text + 1, NULL), BC_OK);
	if (text[0] != '=')
		return;
	snprintf(copy, sizeof copy, "%s", text + 1);
	wanted_configure_begin(w);
	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		if (*one != '\0')
			cr_assert_eq(wanted_configure(w, one, NULL), BC_OK);
	wanted_configure_end(w);
}

Test(wanted, the_last_word_holds)
{
	static const struct {
		const char *said[6], *name;
		bool wanted;
		const char *why;
	} rows[] = {
		{ { "=AAA" }, "AAA", true, "configured" },
		{ { "=AAA" }, "AAB", false, "nobody said it" },
		{ { "=A*" }, "AAB", true, "a pattern" },
		{ { "=A*", "-AAB" }, "AAB", false, "removed from a pattern" },
		{ { "=A*", "-AAB" }, "AAC", true, "the rest of it stays" },
		{ { "=A*", "-AAB", "+AAB" }, "AAB", true, "and back" },
		{ { "=A*", "-AA*", "+AAB" }, "AAB", true, "a name after a pattern" },
		{ { "=A*", "+AAB", "-AA*" }, "AAB", false, "a pattern after a name" },
		{ { "=AAA", "-AAA", "=AAA" }, "AAA", false, "reading it again changes nothing" },
		{ { "=AAA", "-AAA", "=", "=AAA" }, "AAA", true, "it is configured anew" },
		{ { "=AAA", "+BBB", "=AAA" }, "BBB", true, "what was added stays" },
		{ { "=AAA", "+BBB", "=AAA BBB", "=AAA" }, "BBB", false, "it became configured" },
		{ { "=AAA BBB", "=AAA" }, "BBB", false, "configured no more" },
		{ { "=AAA", "+AAA", "=" }, "AAA", true, "added, too" },
		{ { "+AAA", "-AAA" }, "AAA", false, "added and removed" },
		{ { "=A*", "-AAB", "=A* AAB" }, "AAB", true, "configured by name, after that" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct wanted w = { 0 };
		for (size_t k = 0; k < 6 && rows[i].said[k] != NULL; k++)
			say(&w, rows[i].said[k]);
		cr_expect_eq(wants(&w, rows[i].name), rows[i].wanted, "row %zu: %s", i,
			     rows[i].why);
		wanted_free(&w);
	}
}

Test(wanted, unified_names_and_patterns_of_them)
{
	struct wanted w = { 0 };
	say(&w, "=BTC/KRW */USDT");
	cr_assert_eq(wanted_add(&w, "ETH/KRW", "KRW-ETH"), BC_OK);
	cr_expect(wanted_rule_wants(wanted_rule_of(&w, BC_STR("X"), BC_STR("BTC/KRW"))));
	cr_expect(wanted_rule_wants(wanted_rule_of(&w, BC_STR("Y"), BC_STR("A/USDT"))));
	cr_expect(!wanted_rule_wants(wanted_rule_of(&w, BC_STR("Y"), BC_STR("A/BTC"))));
	cr_expect(wants(&w, "KRW-ETH"), "by its key");
	cr_expect(!wants(&w, "BTC"));
	wanted_free(&w);
}

Test(wanted, rules_do_not_pile_up)
{
	struct wanted w = { 0 };
	say(&w, "=AAA BBB");
	for (int i = 0; i < 1000; i++) {
		char text[32];
		snprintf(text, sizeof text, "+X%d", i);
		say(&w, text);
		text[0] = '-';
		say(&w, text);
	}
	cr_expect_eq(w.n, 2, "%u rules", w.n);
	cr_expect(wants(&w, "AAA") && wants(&w, "BBB"));
	wanted_free(&w);
}

/* Against rules that are kept in a plain list. */
Test(wanted, any_order_is_as_a_plain_list_would_have_it)
{
	static const char *const texts[] = { "AA", "AB", "BA", "BB", "A*", "*B", "*" };
	enum { N = sizeof texts / sizeof *texts };
	unsigned random = 1;
	for (int round = 0; round < 300; round++) {
		struct wanted w = { 0 };
		int said[N] = { 0 }, at[N] = { 0 };
		for (int step = 1; step <= 30; step++) {
			random = random * 1103515245u + 12345u;
			unsigned i = (random >> 16) % N;
			said[i] = (random >> 24 & 1) != 0 ? 1 : -1;
			at[i] = step;
			cr_assert_eq((said[i] > 0 ? wanted_add : wanted_remove)(&w, texts[i], NULL),
				     BC_OK);
		}
		for (unsigned k = 0; k < 4; k++) {
			int last = -1;
			for (int i = 0; i < N; i++) {
				bool fits = strcmp(texts[i], texts[k]) == 0 || i == 6 ||
					    (i == 4 && texts[k][0] == 'A') ||
					    (i == 5 && texts[k][1] == 'B');
				if (fits && said[i] != 0 && (last < 0 || at[i] > at[last]))
					last = i;
			}
			cr_expect_eq(wants(&w, texts[k]), last >= 0 && said[last] > 0,
				     "round %d: %s", round, texts[k]);
		}
		wanted_free(&w);
	}
}

Test(wanted, more_rules_than_there_may_be_are_refused)
{
	struct wanted w = { 0 };
	char text[32];
	for (int i = 0; i < WANTED_MAX; i++) {
		snprintf(text, sizeof text, i % 1000 == 0 ? "A%d*" : "A%d", i);
		cr_assert_eq(wanted_add(&w, text, NULL), BC_OK, "%d", i);
	}
	cr_expect_eq(wanted_add(&w, "one", NULL), BC_ERANGE);
	cr_expect_eq(wanted_remove(&w, "two", NULL), BC_ERANGE);
	cr_expect_eq(wanted_add(&w, "A7", NULL), BC_OK, "it is there already");
	cr_expect_eq(w.n, WANTED_MAX);
	wanted_free(&w);
}

/* Who is told it in this order wants the same; what the configuration says is its own. */
Test(wanted, what_was_said_can_be_passed_on)
{
	static const struct {
		const char *said[6], *passed_on;
	} rows[] = {
		{ { "=AAA" }, "" },
		{ { "=AAA BBB", "-AAA", "+CCC" }, "-AAA\n+CCC\n" },
		{ { "=A*", "-AAA", "-A*", "+AAA" }, "-A*\n+AAA\n" },
		{ { "=A*", "+AAA", "-A*", "+BBB", "-BBB" }, "+AAA\n-A*\n-BBB\n" },
		{ { "+AAA", "-AAA" }, "" },
		{ { "=A*", "+A\nB", "+C" }, "+C\n" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct wanted w = { 0 };
		char *said = NULL;
		for (size_t k = 0; k < 6 && rows[i].said[k] != NULL; k++)
			say(&w, rows[i].said[k]);
		cr_assert_eq(wanted_said(&w, &said), BC_OK);
		cr_expect_str_eq(said, rows[i].passed_on, "row %zu", i);
		free(said);
		wanted_free(&w);
	}
}
