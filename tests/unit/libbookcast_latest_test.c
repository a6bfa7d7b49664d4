/* bookcast_latest() and its like out of the memory of gateways, without a cache. */
#include "subscribers/libbookcast/include/bookcast.h"
#include "tests/support/latest_rig.h"

#include <criterion/criterion.h>

static struct latest_rig rig;
static struct bc_latest_writer *other; /* another instance of the same exchange */
static bookcast *bus;

static void beat(void)
{
	bc_latest_beat(rig.writer, bc_boot_now());
	bc_latest_beat(other, bc_boot_now());
}

static void add(struct bc_latest_writer *w)
{
	cr_assert_eq(bc_latest_add(w, 0, BC_STR("upbit.KRW-BTC.bbo"), 300), BC_OK);
	cr_assert_eq(bc_latest_add(w, 1, BC_STR("upbit.KRW-BTC.state"), 300), BC_OK);
}

static void open_all(void)
{
	char endpoint[128];
	cr_assert(latest_rig_open(&rig, 0), "%s", rig.why);
	struct bc_latest_options options = rig.options;
	options.name = "upbit.1.latest";
	options.instance = "1";
	cr_assert_eq(bc_latest_writer_new(&other, &options, rig.why, sizeof rig.why), BC_OK);
	add(rig.writer);
	add(other);
	beat();
	temp_dir_file(&rig.dir, "ipc://", "cache.rpc", endpoint, sizeof endpoint);
	bus = bookcast_connect(endpoint);
	cr_assert_not_null(bus);
}

static void close_all(void)
{
	bookcast_close(&bus);
	bc_latest_writer_free(&other);
	latest_rig_close(&rig);
}

/* A bbo whose best bid is its number of the exchange, which is told apart by it. */
static void say(struct bc_latest_writer *w, uint64_t exchange_seq, enum bc_state state,
		int64_t since, int64_t changed)
{
	static uint64_t seq;
	uint8_t bytes[300];
	size_t n;
	const bc_level level = { { (int64_t)exchange_seq, 0 }, { 1, 0 } };
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BBO,
					      .epoch = 7,
					      .seq = ++seq,
					      .exchange_seq = exchange_seq,
					      .ts_exchange = { 1 },
					      .state = state,
					      .since = { since } } };
	m.body.book = (struct bc_book){ &level, NULL, 1, 0 };
	cr_assert_eq(bc_message_encode(&m, bytes, sizeof bytes, &n), BC_OK);
	const struct bc_latest_news news = { .envelope = &m.envelope,
					     .payload = { (const char *)bytes, n } };
	bc_latest_put(w, (bc_mono_time){ changed }, 0, &news);
}

static void say_state(struct bc_latest_writer *w, enum bc_state state, int64_t since)
{
	static uint64_t seq;
	const struct bc_envelope e = { .channel = BC_CHANNEL_STATE,
				       .seq = ++seq,
				       .exchange_seq = BC_SEQ_NONE,
				       .state = state,
				       .since = { since } };
	const struct bc_latest_news news = { .envelope = &e, .payload = BC_STR("x") };
	bc_latest_put(w, bc_boot_now(), 1, &news);
}

static int64_t bid(int *state) /* 0: there is none */
{
	const bookcast_message *m;
	if (bookcast_latest(bus, "upbit", "KRW-BTC", "bbo", &m) != BOOKCAST_OK)
		return 0;
	cr_expect_eq(m->source, BOOKCAST_FROM_MEMORY);
	cr_expect_str_eq(m->symbol, "KRW-BTC");
	if (state != NULL)
		*state = m->state;
	cr_expect_eq(m->body.book.n_bids, 1);
	cr_expect_eq(bookcast_decimal_double(m->body.book.bids[0].price), (double)m->exchange_seq);
	return (int64_t)m->exchange_seq;
}

TestSuite(libbookcast_latest, .init = open_all, .fini = close_all, .timeout = 250);

Test(libbookcast_latest, of_two_lines_the_fitter_then_the_newer_answers)
{
	int64_t now = bc_boot_now().ns;
	say(rig.writer, 10, BC_STATE_LIVE, 1, now);
	cr_expect_eq(bid(NULL), 10, "the other has said nothing");
	say(other, 11, BC_STATE_LIVE, 1, now);
	cr_expect_eq(bid(NULL), 11, "newer");
	say(rig.writer, 12, BC_STATE_STALE, 2, now);
	cr_expect_eq(bid(NULL), 11, "fitter");
	say(rig.writer, 12, BC_STATE_QUIET, 3, now);
	cr_expect_eq(bid(NULL), 12);
	bc_latest_down(rig.writer);
	cr_expect_eq(bid(NULL), 11, "the gateway of the newer one has said goodbye");
}

Test(libbookcast_latest, a_newer_state_of_the_symbol_counts)
{
	int state = -1;
	int64_t now = bc_boot_now().ns;
	say(rig.writer, 10, BC_STATE_LIVE, 5, now);
	say_state(rig.writer, BC_STATE_QUIET, 6);
	cr_expect_eq(bid(&state), 10);
	cr_expect_eq(state, BOOKCAST_QUIET);
	say_state(rig.writer, BC_STATE_STALE, 4);
	cr_expect_eq(bid(&state), 10);
	cr_expect_eq(state, BOOKCAST_LIVE, "that one is older than the message");
}

Test(libbookcast_latest, a_silent_cache_is_asked_once_and_then_memory_says_what_is_not_fit)
{
	bookcast_counters before, after;
	int state = -1;
	say(rig.writer, 10, BC_STATE_STALE, 1, bc_boot_now().ns);
	cr_expect_eq(bid(&state), 10);
	cr_expect_eq(state, BOOKCAST_STALE);
	bookcast_stats(bus, &before, sizeof before);
	cr_expect_eq(before.questions, 1);
	cr_expect_eq(bid(&state), 10);
	bookcast_stats(bus, &after, sizeof after);
	cr_expect_eq(after.questions, before.questions);
	cr_expect_eq(after.from_memory, before.from_memory + 1);
	beat();
	cr_expect_not(bookcast_fit(bus, "upbit", "KRW-BTC", "bbo", 0));
}

Test(libbookcast_latest, ages_that_cannot_be_err_on_the_safe_side)
{
	bookcast_condition c;
	int64_t now = bc_boot_now().ns;
	say(rig.writer, 10, BC_STATE_LIVE, 1, INT64_MIN + 5);
	cr_assert_eq(bookcast_state(bus, "upbit", "KRW-BTC", "bbo", &c), BOOKCAST_OK);
	cr_expect_eq(c.age_ns, BOOKCAST_NEVER);
	cr_expect_leq(c.proven_ns, 10 * BC_NS_PER_S, "its heartbeat proves it");
	say(rig.writer, 11, BC_STATE_LIVE, 1, now + 100 * BC_NS_PER_S);
	cr_assert_eq(bookcast_state(bus, "upbit", "KRW-BTC", "bbo", &c), BOOKCAST_OK);
	cr_expect_eq(c.age_ns, 0);
	cr_expect(bookcast_fit(bus, "upbit", "KRW-BTC", "bbo", 0));
}

Test(libbookcast_latest, a_larger_file_is_found_at_once)
{
	bookcast_counters c;
	char text[64];
	say(rig.writer, 10, BC_STATE_LIVE, 1, bc_boot_now().ns);
	cr_expect_eq(bid(NULL), 10);
	int64_t looked = test_now_ns();
	for (uint32_t i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "upbit.S%u.book", i);
		cr_assert_eq(bc_latest_add(rig.writer, 10 + i, bc_str_of(text), 500), BC_OK);
	}
	say(rig.writer, 11, BC_STATE_LIVE, 1, bc_boot_now().ns);
	while (test_now_ns() < looked + 25 * BC_NS_PER_MS) /* as often it looks again */
		;
	cr_expect_eq(bid(NULL), 11);
	bookcast_stats(bus, &c, sizeof c);
	cr_expect_eq(c.questions, 0, "without asking the cache");
}

Test(libbookcast_latest, names_that_are_no_topics_find_nothing)
{
	const bookcast_message *m;
	char dotted[] = "upbit.KRW-BTC";
	say(rig.writer, 10, BC_STATE_LIVE, 1, bc_boot_now().ns);
	cr_expect_eq(bookcast_latest(bus, dotted, "x", "bbo", &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_latest(bus, "upbit", "KRW-BTC", "no.bbo", &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_latest(bus, NULL, "KRW-BTC", "bbo", &m), BOOKCAST_EINVAL);
	cr_expect_eq(bookcast_latest(bus, "upbit", "@0", "state", &m), BOOKCAST_EINVAL);
}
