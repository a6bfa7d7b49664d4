/* Two connections that carry the same: what is taken of their streams, in which order. */
#include "tests/support/handover_rig.h"

#include <malloc.h>

/* ------------------------------------------------------------------ two streams, one order */

static char trades[512]; /* ids as they came, and candles */

static void note_ids(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	char text[32] = "";
	(void)r;
	(void)symbol;
	if (event->channel == BC_CHANNEL_TRADE)
		snprintf(text, sizeof text, "%.*s ", (int)event->body.trade.trade_id.n,
			 event->body.trade.trade_id.p);
	if (event->channel == BC_CHANNEL_CANDLE)
		snprintf(text, sizeof text, "c%ld ", (long)(event->ts_exchange.ns / MS));
	if (event->channel == BC_CHANNEL_BBO)
		snprintf(text, sizeof text, "b%ld ", (long)event->exchange_seq);
	strncat(trades, text, sizeof trades - strlen(trades) - 1);
}

/* "o trade AAA 5|n trade AAA 6": what the old one and the new one say; "o!": the old one ends. */
static void script(struct rig *r, uint32_t old, const char *text)
{
	char copy[512], *rest = copy;
	snprintf(copy, sizeof copy, "%s", text);
	trades[0] = '\0';
	r->watch = note_ids;
	for (char *one; (one = strsep(&rest, "|")) != NULL;) {
		if (one[1] == '!')
			closed_as(r, one[0] == 'o' ? old : NEXT, (struct session_closed){ 0 });
		else
			says_on(r, one[0] == 'o' ? old : NEXT, one + 2);
		pass(r, MS);
	}
}

Test(overlap, what_is_taken_of_two_streams)
{
	static const struct {
		uint32_t line;
		const char *said, *taken, *why;
	} rows[] = {
		{ MARKET, "o trade AAA 5|n trade AAA 5|n trade AAA 6|o trade AAA 6|o trade AAA 7",
		  "5 6 7 ", "the next one is taken from either" },
		{ MARKET, "o trade AAA 5|n trade AAA 7|n trade AAA 8|o trade AAA 6|o trade AAA 7",
		  "5 6 7 8 ", "one that is ahead waits for what is between" },
		{ MARKET, "n trade AAA 7|n trade AAA 8|o trade AAA 6|o trade AAA 7", "6 7 8 ",
		  "also where nothing is known" },
		{ MARKET, "o trade AAA 5|n trade AAA 9|o trade AAA 9|n trade AAA 12|o trade AAA 12",
		  "5 9 12 ", "ids may have holes" },
		{ MARKET, "o trade AAA 9|n trade AAA 7|n trade AAA 8|o trade AAA 10|n trade AAA 9",
		  "9 10 ", "one that lags tells nothing new" },
		{ MARKET, "o trade AAA 5|n trade AAA 7|n trade AAA 8|o!", "5 7 8 ",
		  "what waited when the old one ended goes on" },
		{ MARKET,
		  "o trade AAA 9|n trade AAA 7|o!|n trade AAA 8|n trade AAA 9|n trade AAA 10",
		  "9 10 ", "one that lags takes over without telling it again" },
		{ MARKET,
		  "o trade AAA 5|n trade AAA 6|n trade AAA 7|n!|o trade AAA 6|o trade AAA 8",
		  "5 6 7 8 ", "nor does the old one, if the new one ends" },
		{ MARKET,
		  "o trade AAA 5|n trade AAA 7|n!|o trade AAA 6|o trade AAA 7|o trade AAA 8",
		  "5 6 7 8 ", "what waited of one that ended is not needed" },
		{ MARKET, "o trade AAA 5|n trade AAA x|o trade AAA y", "5 y ",
		  "ids that are no numbers: the old one alone" },
		{ MARKET,
		  "o candle AAA 1m 10|n candle AAA 1m 30|o candle AAA 1m 20|o candle AAA 1m 30|n "
		  "candle "
		  "AAA 1m 40|o candle AAA 1m 40",
		  "c10 c20 c30 c40 ", "no candle is left out" },
		{ PUBLIC, "o tick AAA 5 1 2|n tick AAA 9 1 2|o tick AAA 7 1 2|o tick AAA 10 1 2",
		  "b5 b9 b10 ", "of a bbo the newest counts" },
		{ PUBLIC, "n tick AAA 9 1 2|o tick AAA 10 1 2|n tick AAA 10 1 2", "b10 ",
		  "and the old one's, where it alone is known to be new" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = twins(rows[i].line, "AAA BBB");
		script(r, rows[i].line, rows[i].said);
		pass(r, MS);
		cr_expect_str_eq(trades, rows[i].taken, "%s: %s, not %s", rows[i].why, trades,
				 rows[i].taken);
		cr_expect(strstr(r->seen, "stale") == NULL, "%s: %s", rows[i].why, r->seen);
		done(r);
	}
}

/* Of so many none is remembered for long. */
Test(overlap, trades_whose_ids_have_no_order_are_told_apart_by_their_times)
{
	static struct bc_exchange x;
	struct session_options o = options_of_day();
	x = fake_lines_exchange;
	x.trade_ids_ascend = false;
	o.exchange = &x;
	struct rig *r = twins_with(o, MARKET, "AAA");
	script(r, MARKET,
	       "o trade AAA a 1|o trade AAA b 2|n trade AAA a 1|o trade AAA c 3|o trade AAA d 4|"
	       "o trade AAA e 5|o trade AAA f 6|o trade AAA g 7|o trade AAA h 8|o trade AAA i 9|"
	       "o trade AAA j 10|o trade AAA k 11|o!|n trade AAA b 2|n trade AAA k 11|"
	       "n trade AAA l 11|n trade AAA m 12");
	cr_expect_str_eq(trades, "a b c d e f g h i j k l m ");
	done(r);
}

Test(overlap, clock_of_the_exchange_that_is_set_back_hides_nothing)
{
	static const char *const order[] = {
		"o at AAA 1700007200000 1 2|o!|n at AAA 1700003600000 1 3",
		"o at AAA 1700007200000 1 2|n at AAA 1700007200001 1 2|"
		"o at AAA 1700003600000 1 3"
	};
	for (size_t i = 0; i < 2; i++) {
		struct rig *r = twins(PUBLIC, "AAA");
		script(r, PUBLIC, order[i]);
		cr_expect_str_eq(r->book.top, "1x1 3x2", "%zu: %s", i, r->book.top);
		done(r);
	}
}

static char shown[512]; /* times of books that are fit, and when it was not: "5 9 stale 3 " */

static void note_times(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	char text[32];
	struct session_view view;
	const char *stale = strstr(r->seen, "stale");
	if (event->channel != BC_CHANNEL_BOOK || !session_symbol(r->session, symbol, &view) ||
	    !bc_state_fit(view.state))
		return;
	snprintf(text, sizeof text, "%s%ld ", stale != NULL ? "stale " : "",
		 (long)(event->ts_exchange.ns / MS));
	strncat(shown, text, sizeof shown - strlen(shown) - 1);
	forget(r);
}

/* By its times what one of them still has to bring from before seems to be newer. */
Test(overlap, clock_of_the_exchange_that_is_set_shows_nothing_older)
{
	static const struct {
		const char *said, *shown, *why;
	} rows[] = {
		{ "o 7200000|o 7200500|o 3600000|n 7200400|o 3600100",
		  "7200000 7200500 3600000 3600100 ", "the first one has it, the successor lags" },
		{ "o 7200000|n 7200400|n 3600000|n!|o 7200300|o 7200500",
		  "7200000 7200400 7200500 ", "the successor had it, and is gone" },
		{ "o 7200000|n 7200400|n 3600000|o 7200500|o 3600000",
		  "7200000 7200400 7200500 3600000 ", "the successor has it, the first one lags" },
		{ "o 3600000|n 7200000|o 3600100|o 7200000|o 7200100",
		  "3600000 7200000 stale 3600100 7200000 7200100 ",
		  "it was set forth, and the first one lags" },
		{ "o 7200000|o 3600000|o!|n 7199900|n 3600000",
		  "7200000 3600000 stale 7199900 3600000 ",
		  "the first one had it, and is gone: that the successor lags is not known" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = twins(PUBLIC, "AAA");
		char copy[256], *rest = copy;
		snprintf(copy, sizeof copy, "%s", rows[i].said);
		shown[0] = '\0';
		r->watch = note_times;
		for (char *one; (one = strsep(&rest, "|")) != NULL;) {
			char text[64];
			snprintf(text, sizeof text, "at AAA %s 1 2", one + 2);
			if (one[1] == '!')
				closed_as(r, one[0] == 'o' ? PUBLIC : NEXT,
					  (struct session_closed){ 0 });
			else
				says_on(r, one[0] == 'o' ? PUBLIC : NEXT, text);
			pass(r, MS);
		}
		cr_expect_str_eq(shown, rows[i].shown, "%s: %s, not %s", rows[i].why, shown,
				 rows[i].shown);
		done(r);
	}
}

Test(overlap, one_that_lags_and_is_replaced_itself_does_not_go_back)
{
	struct rig *r = twins(PUBLIC, "AAA");
	script(r, PUBLIC, "n tick AAA 5 1 2|o tick AAA 9 1 2|o!|n leaving");
	pass(r, S);
	cr_assert(r->connecting[PUBLIC], "a successor of the successor");
	says_on(r, NEXT, "tick AAA 8 1 2");
	says_on(r, NEXT, "tick AAA 10 1 2");
	cr_expect_str_eq(trades, "b9 b10 ");
	done(r);
}

Test(overlap, trade_that_waits_keeps_the_old_one_alive)
{
	struct rig *r = twins(MARKET, "AAA");
	script(r, MARKET, "o trade AAA 5|n trade AAA 7");
	pass_proven(r, 30, 3);
	cr_expect(!r->gone[MARKET], "it has yet to bring 6");
	says_on(r, MARKET, "trade AAA 6");
	pass_proven(r, 1, 3);
	cr_expect_str_eq(trades, "5 6 7 ");
	cr_expect(r->gone[MARKET]);
	done(r);
}

static uint64_t last_told, holes;

static void count_trades(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	uint64_t id = 0;
	(void)r;
	(void)symbol;
	for (size_t i = 0; i < event->body.trade.trade_id.n; i++)
		id = id * 10 + (uint64_t)(event->body.trade.trade_id.p[i] - '0');
	holes += id != last_told + 1;
	last_told = id;
}

Test(overlap, what_waits_is_bounded_and_nothing_is_lost_for_it)
{
	enum { MANY = 400000, MIB = 1 << 20 }; /* more than is held */
	struct rig *r = twins(MARKET, "AAA");
	char text[32];
	r->watch = count_trades;
	says_on(r, MARKET, "trade AAA 1");
	size_t before = mallinfo2().uordblks;
	for (int i = 3; i < MANY; i++) {
		snprintf(text, sizeof text, "trade AAA %d", i);
		says_on(r, NEXT, text);
	}
	cr_expect_eq(last_told, 1);
	cr_expect_lt(mallinfo2().uordblks, before + 40 * MIB);
	for (int i = 2; i < MANY + 10; i++) {
		snprintf(text, sizeof text, "trade AAA %d", i);
		says_on(r, MARKET, text);
		says_on(r, i < MANY ? PUBLIC : NEXT, text);
	}
	cr_expect_eq(last_told, MANY + 9);
	cr_expect_eq(holes, 0);
	done(r);
}

Test(overlap, what_is_known_may_come_after_the_end_but_not_for_ever)
{
	struct rig *r = twins(MARKET, "AAA");
	script(r, MARKET, "o trade AAA 100|n trade AAA 99");
	pass_proven(r, 13, 3);
	cr_assert(r->gone[MARKET]);
	closed_as(r, MARKET, (struct session_closed){ 0 });
	says_on(r, NEXT, "trade AAA 100");
	says_on(r, NEXT, "trade AAA 101");
	cr_expect_str_eq(trades, "100 101 ");
	done(r);
}

/* ------------------------------------------------------------------ at random */

/* A market of a few symbols, told on two connections, each with a lag of its own that changes. */

#define N_SYMBOLS  3
#define N_SAID     2400
#define LAG_MAX_MS 3000

struct said {
	int64_t at_ms; /* it happened */
	char text[40];
};

struct line_of_news {
	uint32_t connection;
	size_t next;
	int64_t lag_ms, changes_at_ms, from_ms; /* nothing from before that */
};

static struct market {
	uint64_t random;
	struct said said[N_SAID];
	size_t n;
	uint64_t last_trade[N_SYMBOLS], last_candle[N_SYMBOLS]; /* told */
	uint64_t taken[N_SYMBOLS], candles[N_SYMBOLS];          /* heard */
	uint64_t wrong;
} market;

static uint64_t chance(uint64_t n)
{
	market.random = market.random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (market.random >> 33) % n;
}

/* A minute of trades without holes, and candles; the third symbol is rarely traded. */
static void make_market(uint64_t seed)
{
	int64_t ms = 0;
	market = (struct market){ .random = seed };
	for (market.n = 0; market.n < N_SAID; market.n++) {
		struct said *said = &market.said[market.n];
		uint64_t i = chance(40) == 0 ? 2 : chance(2);
		ms += (int64_t)chance(50);
		said->at_ms = ms;
		if (chance(4) == 0)
			snprintf(said->text, sizeof said->text, "candle S%d 1m %ld", (int)i,
				 (long)++market.last_candle[i]);
		else
			snprintf(said->text, sizeof said->text, "trade S%d %ld", (int)i,
				 (long)++market.last_trade[i]);
	}
}

static void hear(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	uint64_t *last = NULL, now = 0;
	(void)r;
	if (event->channel == BC_CHANNEL_TRADE) {
		last = &market.taken[symbol];
		for (size_t i = 0; i < event->body.trade.trade_id.n; i++)
			now = now * 10 + (uint64_t)(event->body.trade.trade_id.p[i] - '0');
	} else if (event->channel == BC_CHANNEL_CANDLE) {
		last = &market.candles[symbol];
		now = (uint64_t)(event->ts_exchange.ns / MS);
	}
	if (last == NULL)
		return;
	market.wrong += now != *last + 1;
	*last = now;
}

static void tell(struct rig *r, struct line_of_news *line, int64_t now_ms)
{
	if (now_ms >= line->changes_at_ms) {
		line->changes_at_ms = now_ms + (int64_t)chance(4000);
		line->lag_ms = chance(3) == 0 ? 0 : (int64_t)chance(LAG_MAX_MS);
	}
	while (line->next < market.n && market.said[line->next].at_ms <= now_ms - line->lag_ms) {
		const struct said *said = &market.said[line->next++];
		if (said->at_ms >= line->from_ms)
			says_on(r, line->connection, said->text);
	}
}

/* `dies` at that time, in ms; of 0: it is dropped when it is not needed. */
static void run_market(uint64_t seed, int64_t dies_ms, bool first_dies)
{
	struct line_of_news old = { .connection = MARKET }, new = { .connection = NEXT };
	bool made = false, gone = false;
	struct rig *r = live_lines(options_of_day(), "S0 S1 S2");
	make_market(seed);
	r->watch = hear;
	for (int64_t ms = 0; ms < market.said[N_SAID - 1].at_ms + 3200 && market.wrong == 0;
	     ms += 20) {
		pass(r, 20 * MS);
		r->seen[0] = r->logged[0] = '\0';
		says_on(r, PUBLIC, "book S0 1 2");
		says_on(r, PUBLIC, "book S1 1 2");
		says_on(r, PUBLIC, "book S2 1 2");
		if (ms == 20000)
			says_on(r, MARKET, "leaving");
		if (r->connecting[NEXT]) {
			opened_on(r, NEXT);
			answer_on(r, NEXT, "ack");
			pass(r, MS);
			answer_on(r, NEXT, "ack");
			made = true;
			new.next = 0;
			new.from_ms = ms;
		}
		gone = gone || r->gone[MARKET];
		if (dies_ms != 0 && ms == dies_ms && !gone) {
			closed_as(r, first_dies ? MARKET : NEXT, (struct session_closed){ 0 });
			gone = first_dies;
			made = made && first_dies;
		}
		if (!gone)
			tell(r, &old, ms);
		if (made)
			tell(r, &new, ms);
		cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), N_SYMBOLS, "seed %lu",
			     seed);
		cr_assert_eq(r->feed, BC_STATE_LIVE, "seed %lu at %ld ms", seed, (long)ms);
	}
	pass(r, 0);
	cr_expect_eq(market.wrong, 0, "seed %lu, death %ld of %d: lost or repeated", seed,
		     (long)dies_ms, first_dies);
	cr_expect(gone, "seed %lu: the old one is dropped", seed);
	for (size_t i = 0; i < N_SYMBOLS; i++)
		cr_expect_geq(market.taken[i], market.last_trade[i], "seed %lu", seed);
	done(r);
}

Test(overlap, no_trade_is_lost_or_repeated_however_the_streams_lag)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_market(seed, 0, false);
}

Test(overlap, nor_when_the_old_one_dies)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_market(seed, 20000 + 20 * (int64_t)(LAG_MAX_MS / 20 + 10 + seed % 100 * 12),
			   true);
}

Test(overlap, nor_when_the_new_one_dies)
{
	for (uint64_t seed = 1; seed <= 30; seed++)
		run_market(seed, 20000 + 20 * (int64_t)(10 + seed % 100 * 17), false);
}
