/* A gateway follows what its shard owns, hands over what it does not own any more, and takes a
 * new configuration without a pause for anybody else. */
#include "tests/support/session_rig.h"

#define ALL "AAA BBB CCC DDD EEE FFF GGG HHH"

static const char *const names[] = { "AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG", "HHH" };
enum { N = sizeof names / sizeof *names };

static struct bc_division *divided(uint32_t count)
{
	struct bc_division *d = NULL;
	cr_assert_eq(bc_division_new(&d, "fake", count), BC_OK);
	return d;
}

static uint32_t owner(const char *name, uint32_t count)
{
	return bc_shard_of(BC_STR("fake"), bc_str_of(name), count);
}

static bool followed(struct rig *r, const char *name)
{
	struct session_view view;
	for (uint32_t i = 0; i < session_symbol_limit(r->session); i++) {
		if (session_symbol(r->session, i, &view) && bc_str_is(view.name, name))
			return true;
	}
	return false;
}

static uint32_t number_of(struct rig *r, const char *name)
{
	struct session_view view;
	for (uint32_t i = 0; i < session_symbol_limit(r->session); i++) {
		if (session_symbol(r->session, i, &view) && bc_str_is(view.name, name))
			return i;
	}
	cr_assert_fail("no symbol %s", name);
	return 0;
}

static void books(struct rig *r)
{
	char text[64];
	if (session_connections_open(r->session) == 0)
		return; /* nothing is ours */
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "book %s 1 2", names[i]);
		if (followed(r, names[i]))
			says(r, text);
	}
	says(r, "ticker CANARY");
}

/* Time passes, and books go on coming. */
static void go_on(struct rig *r, int64_t ns)
{
	for (int64_t end = r->now.mono.ns + ns; r->now.mono.ns < end;) {
		pass(r, S);
		books(r);
	}
}

static void configure(struct rig *r, const char *symbols)
{
	const char *specs[32];
	char copy[256], why[128], *rest = copy;
	size_t n = 0;
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		if (*one != '\0')
			specs[n++] = one;
	cr_assert_eq(session_configure(r->session, r->now, specs, n, why, sizeof why), BC_OK);
}

/* Shard `index` of a division, with everybody of its own live. */
static struct rig *shard_rig(const struct bc_division *d, uint32_t index, const char *symbols)
{
	struct session_options o = options_for_tests();
	o.division = d;
	o.shard = index;
	o.linger_ns = 4 * S;
	struct rig *r = rig_with(o);
	configure(r, symbols);
	session_start(r->session, r->now);
	if (asked(r, "/list"))
		answers(r, "list " ALL);
	pass(r, 0);
	if (r->connecting[0])
		opened(r);
	books(r);
	forget(r);
	return r;
}

Test(session_shard, only_what_is_ours_is_followed)
{
	struct bc_division *d = divided(3);
	for (uint32_t shard = 0; shard < 3; shard++) {
		struct rig *r = shard_rig(d, shard, shard == 1 ? "*" : ALL);
		for (int i = 0; i < N; i++)
			cr_expect_eq(followed(r, names[i]), owner(names[i], 3) == shard, "%s",
				     names[i]);
		cr_expect_eq(session_wanted(r->session), N, "%u", session_wanted(r->session));
		cr_expect_eq(session_leaving(r->session), 0);
		done(r);
	}
	bc_division_free(&d);
}

Test(session_shard, what_belongs_to_another_shard_is_refused_by_name)
{
	struct bc_division *d = divided(2);
	struct rig *r = shard_rig(d, 0, "ZZZ");
	char why[200], want[100];
	for (int i = 0; i < N; i++) {
		bool ours = owner(names[i], 2) == 0;
		bc_status rc = session_add(r->session, r->now, names[i], why, sizeof why);
		cr_expect_eq(rc, ours ? BC_OK : BC_EBUSY, "%s", names[i]);
		snprintf(want, sizeof want, "%s belongs to shard 1/2 of fake, not to this one, 0/2",
			 names[i]);
		if (!ours)
			cr_expect_str_eq(why, want);
		cr_expect_eq(followed(r, names[i]), ours);
	}
	done(r);
	bc_division_free(&d);
}

Test(session_shard, a_unified_name_of_another_shard_is_refused_once_it_is_known)
{
	struct bc_division *d = divided(2);
	struct rig *r = shard_rig(d, 0, "*");
	char why[200], spec[16];
	uint32_t shard;
	for (int i = 0; i < N; i++) {
		bool ours = owner(names[i], 2) == 0;
		snprintf(spec, sizeof spec, "%s/FAKE", names[i]);
		cr_expect(session_owner(r->session, spec, &shard) && shard == owner(names[i], 2));
		cr_expect_eq(session_add(r->session, r->now, spec, why, sizeof why),
			     ours ? BC_OK : BC_EBUSY, "%s", spec);
		cr_expect(ours || strstr(why, names[i]) == why, "%s", why);
	}
	cr_expect(!session_owner(r->session, "A*", &shard));
	done(r);
	bc_division_free(&d);
}

/* From 2 shards to 3 as shard 0 sees it. */
Test(session_shard, what_is_ours_no_more_stays_until_it_is_served_elsewhere)
{
	struct bc_division *two = divided(2), *three = divided(3);
	struct rig *r = shard_rig(two, 0, ALL);
	size_t sent = r->n_sent, leaving = 0;
	session_reshard(r->session, r->now, three, 0);
	for (int i = 0; i < N; i++)
		leaving += owner(names[i], 2) == 0 && owner(names[i], 3) != 0;
	cr_assert_gt(leaving, 0, "the names are chosen so");
	cr_expect_eq(session_leaving(r->session), leaving);
	cr_expect_str_eq(r->seen, "", "nobody notices");
	go_on(r, 100 * S);
	cr_expect_eq(session_leaving(r->session), leaving, "not by time alone");
	for (int i = 0; i < N; i++) {
		if (owner(names[i], 2) == 0)
			expect_state(r, names[i], BC_STATE_LIVE, BC_REASON_NONE);
	}
	cr_expect_eq(r->n_sent, sent, "nothing was said to the exchange");
	for (int i = 0; i < N; i++) {
		if (owner(names[i], 2) == 0)
			session_elsewhere(r->session, r->now, number_of(r, names[i]), true);
	}
	go_on(r, 3 * S);
	cr_expect_eq(session_leaving(r->session), leaving, "both for a while");
	go_on(r, 2 * S);
	cr_expect_eq(session_leaving(r->session), 0);
	for (int i = 0; i < N; i++)
		cr_expect_eq(followed(r, names[i]), owner(names[i], 3) == 0, "%s", names[i]);
	done(r);
	bc_division_free(&two);
	bc_division_free(&three);
}

Test(session_shard, who_is_not_served_elsewhere_all_the_time_stays)
{
	struct bc_division *two = divided(2);
	struct rig *r = shard_rig(two, owner("AAA", 2), "AAA");
	uint32_t id = number_of(r, "AAA");
	session_reshard(r->session, r->now, two, BC_SHARD_NONE);
	for (int i = 0; i < 5; i++) {
		session_elsewhere(r->session, r->now, id, true);
		go_on(r, 3 * S);
		session_elsewhere(r->session, r->now, id, false);
		go_on(r, S);
	}
	expect_state(r, "AAA", BC_STATE_LIVE, BC_REASON_NONE);
	cr_expect(view_of(r, "AAA").leaving);
	session_elsewhere(r->session, r->now, id, true);
	go_on(r, 5 * S);
	cr_expect(!followed(r, "AAA"));
	cr_expect_eq(session_symbols(r->session), 0);
	done(r);
	bc_division_free(&two);
}

/* Whoever served it may be gone; nobody has listened. */
Test(session_shard, who_stood_still_does_not_let_go_on_waking_up)
{
	struct bc_division *two = divided(2);
	struct rig *r = shard_rig(two, owner("AAA", 2), "AAA");
	uint32_t id = number_of(r, "AAA");
	session_reshard(r->session, r->now, two, BC_SHARD_NONE);
	session_elsewhere(r->session, r->now, id, true);
	go_on(r, 2 * S);
	at(r, r->now.mono.ns + 30 * S);
	session_tick(r->session, r->now);
	cr_expect(followed(r, "AAA"), "what it heard is 30 s old");
	session_elsewhere(r->session, r->now, id, true);
	pass(r, 5 * S);
	cr_expect(!followed(r, "AAA"), "it has heard so again");
	done(r);
	bc_division_free(&two);
}

Test(session_shard, who_comes_back_was_never_away)
{
	struct bc_division *two = divided(2), *three = divided(3);
	struct rig *r = shard_rig(two, 0, ALL);
	session_reshard(r->session, r->now, three, 0);
	for (int i = 0; i < N; i++) {
		if (followed(r, names[i]))
			session_elsewhere(r->session, r->now, number_of(r, names[i]), true);
	}
	session_reshard(r->session, r->now, two, 0);
	cr_expect_eq(session_leaving(r->session), 0);
	go_on(r, 10 * S);
	for (int i = 0; i < N; i++)
		cr_expect_eq(followed(r, names[i]), owner(names[i], 2) == 0, "%s", names[i]);
	cr_expect(strstr(r->seen, "removed") == NULL, "%s", r->seen);
	done(r);
	bc_division_free(&two);
	bc_division_free(&three);
}

/* From 3 shards to 2: what the third one had is taken at once, and nothing else moves. */
Test(session_shard, what_becomes_ours_is_followed_at_once)
{
	struct bc_division *three = divided(3), *two = divided(2);
	struct rig *r = shard_rig(three, 1, ALL), *last = shard_rig(three, 2, ALL);
	session_reshard(r->session, r->now, two, 1);
	cr_expect_eq(session_leaving(r->session), 0);
	for (int i = 0; i < N; i++)
		cr_expect_eq(followed(r, names[i]), owner(names[i], 2) == 1, "%s", names[i]);
	uint32_t had = session_symbols(last->session);
	session_reshard(last->session, last->now, two, BC_SHARD_NONE);
	cr_expect_eq(session_leaving(last->session), had);
	cr_expect_eq(session_release(last->session, last->now), had);
	cr_expect_eq(session_symbols(last->session), 0);
	done(r);
	done(last);
	bc_division_free(&two);
	bc_division_free(&three);
}

Test(session_shard, who_retires_owns_nothing_of_one_shard_either)
{
	struct bc_division *two = divided(2);
	struct rig *r = shard_rig(two, 1, ALL);
	uint32_t had = session_symbols(r->session);
	char why[200];
	session_reshard(r->session, r->now, NULL, BC_SHARD_NONE);
	cr_expect_eq(session_leaving(r->session), had);
	cr_expect_eq(session_add(r->session, r->now, "AAA", why, sizeof why), BC_EBUSY);
	cr_expect_str_eq(why, "AAA belongs to shard 0/1 of fake, not to this one");
	done(r);
	bc_division_free(&two);
}

Test(session_shard, what_is_noted_follows_the_division)
{
	struct bc_division *two = divided(2), *three = divided(3);
	struct rig *r = shard_rig(two, 1, "ZZZ");
	char why[200];
	for (int i = 0; i < N; i++)
		cr_expect_eq(session_want(r->session, r->now, names[i], why, sizeof why), BC_OK);
	for (int i = 0; i < N; i++)
		cr_expect_eq(followed(r, names[i]), owner(names[i], 2) == 1, "%s", names[i]);
	session_reshard(r->session, r->now, three, 2);
	for (int i = 0; i < N; i++)
		cr_expect(followed(r, names[i]) ==
				  (owner(names[i], 2) == 1 || owner(names[i], 3) == 2),
			  "%s", names[i]);
	done(r);
	bc_division_free(&two);
	bc_division_free(&three);
}

/* ------------------------------------------------------------------ configuration */

Test(session_shard, a_new_configuration_touches_what_it_changes)
{
	struct rig *r = shard_rig(NULL, 0, "AAA BBB CCC");
	char why[100];
	cr_assert_eq(session_add(r->session, r->now, "DDD", why, sizeof why), BC_OK);
	cr_assert_eq(session_remove(r->session, r->now, "BBB", why, sizeof why), BC_OK);
	books(r);
	forget(r);
	configure(r, "AAA BBB EEE");
	cr_expect_str_eq(r->seen, "CCC removed; EEE added; ");
	cr_expect(!followed(r, "BBB"), "removed at run time");
	cr_expect(followed(r, "DDD") && !view_of(r, "DDD").configured, "added at run time");
	cr_expect(view_of(r, "AAA").configured);
	forget(r);
	configure(r, "AAA BBB EEE");
	cr_expect_str_eq(r->seen, "", "the same again");
	done(r);
}

/* It is a name, then a pattern, then the name again: taken one by one AAA would go and come back.
 */
Test(session_shard, what_another_gateway_was_told_is_taken_as_a_whole)
{
	struct rig *r = shard_rig(NULL, 0, "*"), *fresh = shard_rig(NULL, 0, "*");
	char why[200], *said = NULL;
	const char *bad[] = { "AAA\n", "+AAA", "+AAA\n-@x\n", "+AAA\n\n" };
	cr_assert_eq(session_remove(r->session, r->now, "A*", why, sizeof why), BC_OK);
	cr_assert_eq(session_add(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	cr_assert_eq(session_remove(r->session, r->now, "BBB", why, sizeof why), BC_OK);
	cr_assert_eq(session_add(r->session, r->now, "XXX", why, sizeof why), BC_OK);
	cr_assert_eq(session_said(r->session, &said), BC_OK);
	cr_expect_str_eq(said, "-A*\n+AAA\n-BBB\n+XXX\n");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(session_say(fresh->session, fresh->now, bad[i], why, sizeof why),
			     BC_EINVAL, "%s", bad[i]);
	cr_expect_str_eq(fresh->seen, "", "nothing of it was taken");
	cr_expect_eq(session_say(fresh->session, fresh->now, said, why, sizeof why), BC_OK);
	cr_expect_str_eq(fresh->seen, "BBB removed; XXX added; ");
	forget(r);
	cr_expect_eq(session_say(r->session, r->now, said, why, sizeof why), BC_OK);
	cr_expect_str_eq(r->seen, "", "it has said so itself");
	free(said);
	done(r);
	done(fresh);
}

Test(session_shard, more_than_can_be_followed_is_told)
{
	struct rig *r = shard_rig(NULL, 0, "AAA");
	static char text[20002][8];
	static const char *specs[20002];
	char why[100] = "";
	for (unsigned i = 0; i < 20002; i++) {
		snprintf(text[i], sizeof text[i], "S%u", i);
		specs[i] = text[i];
	}
	cr_expect_eq(session_configure(r->session, r->now, specs, 20002, why, sizeof why),
		     BC_ERANGE);
	cr_expect_eq(session_symbols(r->session), 20000);

	/* To ask once more does not take back that it is wanted. */
	const char *left_out = specs[20000];
	cr_assert(!followed(r, left_out));
	cr_expect_eq(session_add(r->session, r->now, left_out, why, sizeof why), BC_ERANGE);
	cr_assert_eq(session_remove(r->session, r->now, "S0", why, sizeof why), BC_OK);
	cr_assert_eq(session_remove(r->session, r->now, "S1", why, sizeof why), BC_OK);
	cr_expect_eq(session_configure(r->session, r->now, specs, 20002, why, sizeof why), BC_OK);
	cr_expect(followed(r, left_out));
	done(r);

	/* The same, of what becomes ours. */
	struct bc_division *two = divided(2);
	r = shard_rig(two, 0, "AAA");
	cr_assert_eq(session_configure(r->session, r->now, specs, 20002, why, sizeof why), BC_OK);
	cr_expect_lt(session_symbols(r->session), 20000);
	forget(r);
	session_reshard(r->session, r->now, NULL, 0);
	cr_expect_eq(session_symbols(r->session), 20000);
	cr_expect_not_null(strstr(r->logged, "symbol.refused"), "%s", r->logged);
	done(r);
	bc_division_free(&two);
}

/* ------------------------------------------------------------------ patterns */

static void until_the_next_list(struct rig *r)
{
	for (int i = 0; i < 700 && !asked(r, "/list"); i++)
		go_on(r, S);
	cr_assert(asked(r, "/list"));
}

Test(session_shard, patterns_follow_what_is_listed_and_delisted)
{
	struct bc_division *d = divided(2);
	struct rig *r = shard_rig(d, 0, "*");
	cr_assert(!followed(r, "NEWA") && !followed(r, "NEWB") && !followed(r, "NEWC"));
	until_the_next_list(r);
	answers(r, "list " ALL " NEWA NEWB NEWC NEWD NEWE");
	static const char *const new[] = { "NEWA", "NEWB", "NEWC", "NEWD", "NEWE" };
	unsigned ours = 0;
	for (int i = 0; i < 5; i++) {
		ours += owner(new[i], 2) == 0;
		cr_expect_eq(followed(r, new[i]), owner(new[i], 2) == 0, "%s", new[i]);
	}
	cr_assert(ours > 0 && ours < 5, "the names are chosen so");
	cr_expect_eq(session_wanted(r->session), N + 5);
	done(r);
	bc_division_free(&d);
}

Test(session_shard, a_delisted_symbol_of_a_pattern_fades_after_an_hour)
{
	struct rig *r = shard_rig(NULL, 0, "A* BBB");
	int64_t delisted = 0;
	for (int k = 0; k < 2 * 3600 && followed(r, "AAA"); k++) {
		pass(r, S);
		says(r, "ticker CANARY");
		if (!asked(r, "/list"))
			continue;
		answers(r, "list CCC DDD");
		delisted = delisted == 0 ? r->now.mono.ns : delisted;
		if (followed(r, "AAA"))
			expect_state(r, "AAA", BC_STATE_HALTED, BC_REASON_DELISTED);
	}
	cr_expect(!followed(r, "AAA"));
	cr_expect_geq(r->now.mono.ns - delisted, 3600 * S);
	cr_expect_lt(r->now.mono.ns - delisted, 3600 * S + 700 * S);
	expect_state(r, "BBB", BC_STATE_HALTED, BC_REASON_DELISTED);
	until_the_next_list(r);
	answers(r, "list AAA CCC DDD");
	cr_expect(followed(r, "AAA"), "listed again");
	done(r);
}
