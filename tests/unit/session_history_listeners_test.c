/* To whom the past is told: who listens, and who comes later. */
#include "tests/support/session_history_rig.h"

Test(session_history, waits_until_somebody_listens)
{
	struct rig *r = history_rig(false);
	r->deaf = "trade";
	trades(r, 50, 55);
	later(r, 30 * S);
	cr_expect_eq(r->n_gets, 0, "nobody listens: %s", r->get);
	r->deaf = NULL;
	comes(r);
	pass(r, 1900 * MS);
	cr_expect_eq(r->n_gets, 0, "REST may lag behind the stream");
	pass(r, 200 * MS);
	cr_assert(asked(r, "/trades AAA"));
	forget(r);
	answers(r, "trades 55@9 54@8 53@7 52@6 51@5 50@4 49@3 48@2");
	cr_expect_str_eq(r->told, "48* 49* 50* 51* 52* 53* 54* 55* ");
	cr_expect_eq(r->last_flags, BC_FLAG_SNAPSHOT | BC_FLAG_REST);
	done(r);
}

Test(session_history, a_newcomer_hears_again_what_was_live_before_it_came)
{
	struct rig *r = history_rig(false);
	trades(r, 50, 50);
	pass(r, 3 * S);
	answers(r, "trades 49@9 48@8");
	later(r, 100 * S);
	cr_assert_eq(r->n_gets, 1);
	trades(r, 51, 60);
	comes(r);
	trades(r, 61, 62);
	pass(r, 2100 * MS);
	trades(r, 63, 63);
	cr_assert(asked(r, "/trades AAA"));
	forget(r);
	answers(r, "trades 63@9 62@9 61@9 60@9 59@9 58@9 57@9 56@9 55@9 54@9 53@9 49@8 48@8 47@8");
	cr_expect_str_eq(r->told, "47* 48* 49* 53* 54* 55* 56* 57* 58* 59* 60* ",
			 "what came after it, it has heard");
	forget(r);
	says(r, "trade AAA 60");
	says(r, "trade AAA 64");
	later(r, 100 * S);
	cr_expect_eq(r->n_gets, 2, "once for each newcomer");
	done(r);
}

Test(session_history, a_newcomer_hears_again_what_was_history_itself)
{
	struct rig *r = history_rig(false);
	pass(r, 3 * S);
	answers(r, "trades 7@7 6@6 5@5");
	later(r, 100 * S);
	comes(r);
	pass(r, 3 * S);
	forget(r);
	answers(r, "trades 8@8 7@7 6@6");
	cr_expect_str_eq(r->told, "6* 7* 8* ");
	says(r, "trade AAA 7"); /* the stream wakes up, and begins with its last ones */
	says(r, "trade AAA 8");
	says(r, "trade AAA 9");
	cr_expect_str_eq(r->told, "6* 7* 8* 9 ");
	done(r);
}

Test(session_history, many_newcomers_cost_one_request)
{
	struct session_options o = history_options();
	o.history_candles = 0;
	o.history_again_ns = 20 * S;
	struct rig *r = rig_with(o);
	add(r, "AAA");
	session_start(r->session, r->now);
	opened(r);
	trades(r, 1, 1);
	for (int i = 0; i < 4000; i++) { /* for 40 s */
		comes(r);
		if (asked(r, "/trades"))
			answers(r, "trades 1@1");
		if (i % 50 == 0)
			says(r, "trade CANARY 1");
		pass(r, 10 * MS);
	}
	cr_expect_eq(r->n_gets, 2, "after 10 and 30 s, not %zu", r->n_gets);
	cr_expect_leq(session_counters(r->session)->history, 2);
	for (int i = 0; i < 40; i++) {
		later(r, 2 * S);
		if (asked(r, "/trades"))
			answers(r, "trades 1@1");
	}
	cr_expect_eq(r->n_gets, 3, "and once for the last who came");
	done(r);
}

Test(session_history, who_comes_while_it_is_asked_for_is_not_forgotten)
{
	struct rig *r = history_rig(false);
	trades(r, 50, 50);
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades"));
	trades(r, 51, 53); /* after the exchange has answered, perhaps */
	comes(r);
	forget(r);
	answers(r, "trades 51@9 50@9 49@9");
	cr_expect_str_eq(r->told, "49* 50* 51* ", "what it may have missed and is there");
	later(r, 56 * S);
	cr_expect_eq(r->n_gets, 1);
	later(r, 4 * S);
	cr_assert(asked(r, "/trades"), "52 and 53 it has not heard");
	forget(r);
	answers(r, "trades 53@9 52@9 51@9");
	cr_expect_str_eq(r->told, "51* 52* 53* ");
	later(r, 120 * S);
	cr_expect_eq(r->n_gets, 2);
	done(r);
}

Test(session_history, after_a_lost_connection_it_is_asked_for_where_somebody_listens)
{
	struct rig *r = history_rig(false);
	trades(r, 50, 50);
	r->deaf = "";
	lose_and_return(r);
	trades(r, 55, 55);
	later(r, 10 * S);
	cr_expect_eq(r->n_gets, 0, "%s", r->get);
	r->deaf = NULL;
	lose_and_return(r);
	trades(r, 60, 60);
	pass(r, 3 * S);
	cr_assert(asked(r, "/trades"));
	done(r);
}

Test(session_history, who_came_before_the_connection_was_lost_is_told_all)
{
	for (int while_lost = 0; while_lost < 2; while_lost++) {
		struct rig *r = history_rig(false);
		trades(r, 50, 52);
		pass(r, 3 * S);
		answers(r, "trades 49@9");
		later(r, 90 * S);
		if (!while_lost)
			comes(r);
		closed(r, 0, 0);
		if (while_lost)
			comes(r);
		for (int i = 0; i < 100 && !r->connecting[0]; i++)
			pass(r, 100 * MS);
		opened(r);
		trades(r, 55, 55);
		pass(r, 3 * S);
		cr_assert(asked(r, "/trades"));
		forget(r);
		answers(r, "trades 55@9 54@9 53@9 52@9 51@9 50@9 49@9 48@9");
		cr_expect_str_eq(r->told, "48* 49* 50* 51* 52* 53* 54* ", "%d", while_lost);
		lose_and_return(r);
		trades(r, 57, 57);
		pass(r, 3 * S);
		forget(r);
		answers(r, "trades 57@9 56@9 55@9 54@9 52@9 51@9");
		cr_expect_str_eq(r->told, "56* ", "from then on what was missed");
		done(r);
	}
}

Test(session_history, a_newcomer_hears_the_candles_before_the_newest)
{
	struct rig *r = history_rig(true);
	says(r, "candle AAA 1m 240000");
	says(r, "candle AAA 1h 3600000");
	pass(r, 3 * S);
	while (asked(r, "/candles")) {
		answers(r, "candles");
		pass(r, 0);
	}
	later(r, 90 * S);
	size_t n = r->n_gets;
	says(r, "candle AAA 1m 300000");
	comes_for(r, BC_CHANNEL_CANDLE, BC_INTERVAL_1M);
	pass(r, 3 * S);
	says(r, "candle AAA 1m 360000");
	cr_assert(asked(r, "/candles AAA 1m"));
	forget(r);
	answers(r, "candles 360000 300000 240000 180000");
	cr_expect_str_eq(r->told, "180000* 240000* ", "300000 it was welcomed with");
	later(r, 90 * S);
	cr_expect_eq(r->n_gets, n + 1, "of one interval: %s", r->get);
	done(r);
}

Test(session_history, what_has_no_history_is_no_matter)
{
	struct rig *r = history_rig(false);
	pass(r, 3 * S);
	answers(r, "trades 1@1");
	later(r, 90 * S);
	comes_for(r, BC_CHANNEL_BOOK, 0);
	comes_for(r, BC_CHANNEL_STATE, 0);
	comes_for(r, BC_CHANNEL_CANDLE, BC_INTERVAL_1M); /* not wanted */
	comes_for(r, BC_CHANNEL_CANDLE, BC_INTERVAL_4H); /* not followed */
	session_history_wanted(r->session, r->now, 7, BC_CHANNEL_TRADE, 0);
	later(r, 10 * S);
	cr_expect_eq(r->n_gets, 1, "%s", r->get);
	done(r);
}

Test(session_history, who_asks_all_the_time_does_not_keep_others_waiting)
{
	static const char *const paths[] = { "/trades AAA", "/trades BBB", "/trades CCC" };
	struct session_options o = history_options();
	o.history_candles = 0;
	o.history_again_ns = 3 * S;
	struct rig *r = rig_with(o);
	size_t served[3] = { 0 };
	add(r, "AAA BBB CCC");
	session_start(r->session, r->now);
	opened(r);
	trades(r, 1, 1);
	for (int i = 0; i < 10;
	     i++) { /* an answer takes so long that another may be asked for again */
		later(r, 2 * S);
		for (uint32_t symbol = 0; symbol < 3; symbol++) {
			if (!asked(r, paths[symbol]))
				continue;
			answers(r, "trades");
			served[symbol]++;
			session_history_wanted(r->session, r->now, symbol, BC_CHANNEL_TRADE, 0);
		}
	}
	for (size_t symbol = 0; symbol < 3; symbol++)
		cr_expect_geq(served[symbol], 2, "%s: %zu", paths[symbol], served[symbol]);
	done(r);
}

/* ------------------------------------------------------------------ all of it, by chance */

/* Three trades a second, connections that are lost, REST that lags and takes its time, and
 * listeners that come at any moment: in the end each has every trade from before it came. */
enum { LISTENERS = 6, IDS_MAX = 2000 };

static struct world {
	uint32_t dice;
	int newest;             /* the exchange's trade ids are 1, 2, ... */
	int at_second_ago[10];  /* the newest then, by tenths of a second */
	int came_at[LISTENERS]; /* the newest when it came; 0: not yet */
	bool heard[LISTENERS][IDS_MAX];
	int answer_in, answer_to; /* ticks; the newest trade it holds */
	int away;                 /* ticks until the connection is back */
} world;

static int dice(int sides)
{
	world.dice = world.dice * 1664525u + 1013904223u;
	return (int)(world.dice >> 16) % sides;
}

static void all_hear(struct rig *r, uint32_t symbol, const struct bc_event *event)
{
	(void)r;
	(void)symbol;
	if (event->channel != BC_CHANNEL_TRADE)
		return;
	bc_str text = event->body.trade.trade_id;
	int id = 0;
	for (size_t i = 0; i < text.n; i++)
		id = 10 * id + (text.p[i] - '0');
	for (int i = 0; i < LISTENERS; i++)
		world.heard[i][id] |= world.came_at[i] > 0;
}

static void rest_of_the_world(struct rig *r)
{
	char text[2048];
	size_t n = (size_t)snprintf(text, sizeof text, "trades");
	if (!asked(r, "/trades")) {
		world.answer_in = -1;
		return;
	}
	if (world.answer_in < 0) {
		world.answer_in = dice(15);
		world.answer_to = world.at_second_ago[dice(10)];
	}
	if (world.answer_in-- > 0)
		return;
	for (int i = world.answer_to; i > 0 && i > world.answer_to - 100; i--)
		n += (size_t)snprintf(text + n, sizeof text - n, " %d@%d", i, i);
	answers(r, text);
}

static void connection_of_the_world(struct rig *r, bool calm)
{
	if (world.away == 0 && !calm && dice(150) == 0) {
		closed(r, 0, 0);
		world.away = 1 + dice(30);
	} else if (world.away > 1) {
		world.away--;
	} else if (world.away == 1 && r->connecting[0]) {
		opened(r);
		world.away = 0;
	}
}

static void tenth_of_a_second(struct rig *r, bool calm)
{
	char text[32];
	memmove(world.at_second_ago + 1, world.at_second_ago, 9 * sizeof(int));
	world.at_second_ago[0] = world.newest;
	if (dice(10) < 3) {
		snprintf(text, sizeof text, "trade AAA %d", ++world.newest);
		if (world.away == 0)
			says(r, text);
	}
	if (world.away == 0)
		says(r, "trade CANARY 1");
	int i = dice(LISTENERS);
	if (!calm && world.newest > 0 && world.came_at[i] == 0 && dice(60) == 0) {
		world.came_at[i] = world.newest;
		comes(r);
	}
	rest_of_the_world(r);
	connection_of_the_world(r, calm);
	pass(r, 100 * MS);
}

static void expect_all_heard(int listener, unsigned seed)
{
	int first = 1;
	while (first < world.newest && !world.heard[listener][first])
		first++;
	cr_expect_lt(first, world.came_at[listener] + 1, "seed %u: nothing from before %d", seed,
		     world.came_at[listener]);
	for (int id = first; id < world.newest; id++)
		cr_assert(world.heard[listener][id],
			  "seed %u: came at %d, heard from %d on, not %d", seed,
			  world.came_at[listener], first, id);
}

Test(session_history, whoever_comes_has_all_of_it_in_the_end)
{
	for (unsigned seed = 1; seed <= 100; seed++) {
		struct session_options o = history_options();
		o.history_candles = 0;
		o.history_again_ns = 5 * S;
		o.backoff_max_ns = S;
		struct rig *r = rig_with(o);
		world = (struct world){ .dice = seed, .answer_in = -1 };
		r->watch = all_hear;
		add(r, "AAA");
		session_start(r->session, r->now);
		opened(r);
		for (int i = 0; i < 1000; i++)
			tenth_of_a_second(r, i > 800);
		for (int i = 0; i < LISTENERS; i++) {
			if (world.came_at[i] > 0)
				expect_all_heard(i, seed);
		}
		done(r);
	}
}
