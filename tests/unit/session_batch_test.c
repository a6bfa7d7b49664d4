/* What is wanted against what is acknowledged: whatever changes while nothing may be sent is one
 * message, and what comes and goes meanwhile none. */
#include "tests/support/session_rig.h"

static void removed(struct rig *r, const char *symbols)
{
	char copy[512], why[128], *rest = copy;
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;)
		cr_assert_eq(session_remove(r->session, r->now, one, why, sizeof why), BC_OK, "%s",
			     why);
}

static const char *newest(const struct rig *r)
{
	return r->sent[(r->n_sent - 1) % 256].text;
}

/* ------------------------------------------------------------------ a line that replaces */

/* Live, and as many messages sent as a second takes. */
static struct rig *closed_rig(const char *symbols)
{
	struct rig *r = live_rig(symbols);
	for (int i = 0; i < 3; i++) { /* the fourth; the first one subscribed */
		char name[8];
		snprintf(name, sizeof name, "X%d", i);
		add(r, name);
		pass(r, MS);
	}
	cr_assert_eq(r->n_sent, 4);
	return r;
}

Test(batch, all_that_changes_while_nothing_may_be_sent_is_one_message)
{
	struct rig *r = closed_rig("AAA BBB");
	char name[8];
	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof name, "N%d", i);
		add(r, name);
		pass(r, MS);
		if (i % 2 == 1)
			removed(r, name);
	}
	removed(r, "BBB");
	cr_expect_eq(r->n_sent, 4, "the budget is closed");
	pass(r, S);
	cr_expect_eq(r->n_sent, 5, "%zu", r->n_sent);
	cr_expect_not_null(strstr(newest(r), " AAA "));
	cr_expect_null(strstr(newest(r), " BBB "));
	cr_expect_not_null(strstr(newest(r), " N0 "));
	cr_expect_null(strstr(newest(r), " N1 "));
	cr_expect_not_null(strstr(newest(r), " N38 "));
	pass(r, S);
	cr_expect_eq(r->n_sent, 5);
	done(r);
}

Test(batch, what_comes_and_goes_meanwhile_is_not_said)
{
	struct rig *r = closed_rig("AAA");
	for (int i = 0; i < 10; i++) {
		add(r, "NEW");
		pass(r, MS);
		removed(r, "NEW");
	}
	pass(r, 2 * S);
	cr_expect_eq(r->n_sent, 4, "what was said is right: %s", newest(r));
	add(r, "NEW");
	pass(r, 0);
	cr_expect_eq(r->n_sent, 5);
	done(r);
}

Test(batch, who_goes_and_comes_is_said_again_where_that_brings_its_book)
{
	struct rig *r = closed_rig("AAA BBB");
	removed(r, "BBB");
	pass(r, MS);
	add(r, "BBB");
	pass(r, S);
	cr_expect_eq(r->n_sent, 5);
	cr_expect_not_null(strstr(newest(r), " BBB"));
	expect_state(r, "BBB", BC_STATE_SYNCING, BC_REASON_NONE);
	done(r);
}

Test(batch, a_reconnect_says_it_all_again)
{
	struct rig *r = closed_rig("AAA");
	closed(r, 0, 0);
	pass(r, 5 * S);
	opened(r);
	cr_expect_eq(r->n_sent, 5);
	cr_expect_not_null(strstr(newest(r), " AAA "));
	done(r);
}

Test(batch, a_resync_says_it_again)
{
	struct rig *r = closed_rig("AAA");
	char why[64];
	pass(r, 2 * S);
	says(r, "book AAA 1 2");
	cr_expect_eq(session_resync(r->session, r->now, "AAA", why, sizeof why), BC_OK);
	pass(r, 0);
	cr_expect_eq(r->n_sent, 5);
	done(r);
}

/* ------------------------------------------------------------------ a line that adds */

/* Acknowledges every frame; they are numbered. */
static void acknowledge(struct rig *r, size_t *acked)
{
	while (*acked < r->n_sent) {
		char text[64];
		snprintf(text, sizeof text, "{\"result\":null,\"id\":%zu}", ++*acked);
		says(r, text);
		pass(r, 0);
	}
}

/* Binance spot, books alone, subscribed to two; as many messages sent as a second takes. */
static struct rig *binance_rig(size_t *acked)
{
	struct session_options o = options_for_tests();
	o.exchange = bc_exchange_find("binance-spot");
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
	struct rig *r = rig_with(o);
	add(r, "BTCUSDT ETHUSDT");
	session_start(r->session, r->now);
	opened(r);
	*acked = 0;
	acknowledge(r, acked);
	add(r, "BNBUSDT");
	pass(r, MS);
	acknowledge(r, acked);
	cr_assert_eq(r->n_sent, o.exchange->lines[0].sends_per_s);
	return r;
}

static void next_window(struct rig *r, size_t *acked)
{
	for (int i = 0; i < 30; i++) { /* several messages, two a second, each answered */
		pass(r, 100 * MS);
		acknowledge(r, acked);
	}
}

static void add_many(struct rig *r, int first, int n)
{
	char name[24];
	for (int i = first; i < first + n; i++) {
		snprintf(name, sizeof name, "S%dUSDT", i);
		add(r, name);
		pass(r, 0);
	}
}

Test(batch, as_many_as_fit_a_frame_are_one_message)
{
	static const struct {
		int n;
		size_t frames;
	} rows[] = { { 1, 1 }, { 150, 1 }, { 200, 1 }, { 201, 2 }, { 450, 3 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t acked;
		struct rig *r = binance_rig(&acked);
		add_many(r, 0, rows[i].n);
		cr_expect_eq(r->n_sent, 2, "the budget is closed");
		next_window(r, &acked);
		cr_expect_eq(r->n_sent - 2, rows[i].frames, "%d: %zu", rows[i].n, r->n_sent - 2);
		cr_expect_eq(session_symbols(r->session), (uint32_t)rows[i].n + 3);
		done(r);
	}
}

Test(batch, what_goes_and_what_comes_are_two_messages)
{
	size_t acked;
	struct rig *r = binance_rig(&acked);
	add_many(r, 0, 100);
	next_window(r, &acked);
	size_t before = r->n_sent;
	for (int i = 0; i < 2; i++) { /* use the second up */
		add_many(r, 1000 + i, 1);
		pass(r, MS);
		acknowledge(r, &acked);
	}
	for (int i = 0; i < 60; i++) {
		char name[24];
		snprintf(name, sizeof name, "S%dUSDT", i);
		removed(r, name);
		pass(r, MS);
	}
	add_many(r, 100, 50);
	cr_expect_eq(r->n_sent - before, 2, "the budget is closed");
	next_window(r, &acked);
	cr_expect_eq(r->n_sent - before, 4);
	cr_expect_not_null(strstr(r->sent[before + 2].text, "UNSUBSCRIBE"));
	cr_expect_not_null(strstr(r->sent[before + 3].text, "\"SUBSCRIBE"));
	done(r);
}

Test(batch, who_comes_and_goes_and_who_goes_and_comes_cost_nothing)
{
	size_t acked;
	struct rig *r = binance_rig(&acked);
	for (int i = 0; i < 20; i++) {
		add(r, "NEWUSDT");
		pass(r, MS);
		removed(r, "NEWUSDT ETHUSDT");
		pass(r, MS);
		add(r, "ETHUSDT");
		pass(r, MS);
	}
	size_t gets = r->n_gets;
	next_window(r, &acked);
	cr_expect_eq(r->n_sent, 2, "%s", newest(r));
	cr_expect_geq(r->n_gets, gets, "its stream goes on, and its book begins by a snapshot");
	cr_expect(asked(r, "/depth?symbol=ETHUSDT"), "%s", r->get);
	says(r, "{\"stream\":\"ethusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":1,"
		"\"s\":\"ETHUSDT\",\"U\":11,\"u\":12,\"b\":[[\"1\",\"2\"]],\"a\":[]}}");
	answers(r,
		"{\"lastUpdateId\":11,\"bids\":[[\"1.0\",\"1.0\"]],\"asks\":[[\"2.0\",\"1.0\"]]}");
	pass(r, S);
	expect_state(r, "ETHUSDT", BC_STATE_LIVE, BC_REASON_NONE);
	done(r);
}
