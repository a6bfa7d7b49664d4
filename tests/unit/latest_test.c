#include "tests/support/latest_rig.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BOOK  "upbit.KRW-BTC.book"
#define STATE "upbit.KRW-BTC.state"
#define MAX   1000

static struct latest_rig rig;
static struct bc_latest_map map;
static struct bc_latest_found found;

static void open_rig(void)
{
	cr_assert(latest_rig_open(&rig, 0), "%s", rig.why);
	cr_assert_eq(bc_latest_add(rig.writer, 0, BC_STR(BOOK), MAX), BC_OK);
	cr_assert_eq(bc_latest_add(rig.writer, 1, BC_STR(STATE), 128), BC_OK);
	cr_assert_eq(bc_latest_open(&map, rig.path, getuid()), BC_OK);
}

static void close_rig(void)
{
	bc_latest_close(&map);
	latest_rig_close(&rig);
}

static bc_status read_topic(const char *topic)
{
	return latest_read(&map, topic, rig.payload, &found);
}

static void say(uint32_t number, enum bc_channel channel, uint64_t seq, enum bc_state state,
		uint32_t flags, int64_t since, const char *payload, int64_t now)
{
	const struct bc_envelope e = { .channel = channel,
				       .seq = seq,
				       .exchange_seq = BC_SEQ_NONE,
				       .ts_exchange = { since },
				       .state = state,
				       .since = { since },
				       .flags = flags };
	const struct bc_latest_news news = { .envelope = &e, .payload = bc_str_of(payload) };
	bc_latest_put(rig.writer, (bc_mono_time){ now }, number, &news);
}

TestSuite(latest, .init = open_rig, .fini = close_rig);

Test(latest, what_was_put_is_found)
{
	cr_expect_eq(read_topic(BOOK), BC_ENOTFOUND, "nothing said yet");
	cr_expect_eq(read_topic("upbit.KRW-BTC.boo"), BC_ENOTFOUND);
	for (uint64_t n = 1; n < 500; n++) {
		latest_put(rig.writer, 0, BC_CHANNEL_BOOK, n, MAX);
		cr_assert_eq(read_topic(BOOK), BC_OK);
		cr_expect_eq(found.seq, n);
		cr_expect(latest_whole(&found, rig.payload, MAX), "message %d", (int)n);
		cr_expect_eq(found.channel, BC_CHANNEL_BOOK);
	}
	struct stat st;
	cr_assert_eq(stat(rig.path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0640);
}

/* They change nothing, whatever number they are asked for. */
Test(latest, hints_of_what_follows_are_harmless)
{
	static const uint32_t numbers[] = { 0, 1, 2, 255, 256, 1u << 20, UINT32_MAX };
	latest_put(rig.writer, 0, BC_CHANNEL_BOOK, 1, MAX);
	bc_latest_remove(rig.writer, 1);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		bc_latest_soon(rig.writer, numbers[i]);
		bc_latest_next(rig.writer, numbers[i]);
	}
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect(latest_whole(&found, rig.payload, MAX));
}

Test(latest, the_state_of_the_symbol_comes_with_its_topics)
{
	latest_put(rig.writer, 0, BC_CHANNEL_BOOK, 1, MAX);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_not(found.has_symbol, "it has said nothing");
	say(1, BC_CHANNEL_STATE, 1, BC_STATE_QUIET, 0, 99, "state", 5);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect(found.has_symbol);
	cr_expect_eq(found.symbol.state, BC_STATE_QUIET);
	cr_expect_eq(found.symbol.since.ns, 99);
	/* Also for topics that come after it, and no more when it goes. */
	cr_assert_eq(bc_latest_add(rig.writer, 2, BC_STR("upbit.KRW-BTC.candle-1m"), 128), BC_OK);
	say(2, BC_CHANNEL_CANDLE, 1, BC_STATE_LIVE, 0, 1, "candle", 6);
	cr_assert_eq(read_topic("upbit.KRW-BTC.candle-1m"), BC_OK);
	cr_expect(found.has_symbol);
	bc_latest_remove(rig.writer, 1);
	cr_assert_eq(bc_latest_add(rig.writer, 3, BC_STR("upbit.KRW-ETH.state"), 128), BC_OK);
	say(3, BC_CHANNEL_STATE, 1, BC_STATE_STALE, 0, 99, "in its place", 5);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_not(found.has_symbol, "that of another symbol, in its place");
}

Test(latest, times_of_data_and_proof_are_as_on_the_board)
{
	bc_latest_beat(rig.writer, (bc_mono_time){ 50 });
	say(0, BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, 0, 1, "one", 100);
	say(0, BC_CHANNEL_BOOK, 2, BC_STATE_LIVE, BC_FLAG_STATE, 1, "two", 200);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.changed.ns, 100, "a new state is no new data");
	cr_expect_eq(found.proven.ns, 200, "but it proves them");
	bc_latest_beat(rig.writer, (bc_mono_time){ 300 });
	say(0, BC_CHANNEL_BOOK, 3, BC_STATE_STALE, BC_FLAG_STATE, 2, "three", 400);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.proven.ns, 300, "the last heartbeat while it was fit");
	bc_latest_beat(rig.writer, (bc_mono_time){ 500 });
	say(0, BC_CHANNEL_BOOK, 4, BC_STATE_STALE, 0, 2, "four", 600);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.proven.ns, 300, "what is not fit proves nothing");
	cr_expect_eq(found.changed.ns, 600);
}

Test(latest, what_was_not_encoded_is_not_there_until_a_welcome_brings_it)
{
	say(0, BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, 0, 1, "one", 100);
	say(0, BC_CHANNEL_BOOK, 2, BC_STATE_LIVE, 0, 1, "", 200);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.seq, 2);
	cr_expect_eq(found.n_payload, 0, "the one before is not the newest");
	say(0, BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, BC_FLAG_WELCOME, 1, "of another", 300);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.n_payload, 0);
	say(0, BC_CHANNEL_BOOK, 2, BC_STATE_LIVE, BC_FLAG_WELCOME, 1, "welcome", 300);
	say(0, BC_CHANNEL_BOOK, 2, BC_STATE_LIVE, BC_FLAG_WELCOME, 1, "again", 400);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.n_payload, strlen("welcome"));
	cr_expect_arr_eq(rig.payload, "welcome", found.n_payload);
	cr_expect_eq(found.changed.ns, 200);
}

Test(latest, what_is_too_long_is_left_out_and_counted)
{
	char text[4000];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	say(0, BC_CHANNEL_BOOK, 1, BC_STATE_LIVE, 0, 1, text, 100);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.n_payload, 0);
	cr_expect_eq(bc_latest_stats(rig.writer)->too_long, 1);
	say(0, BC_CHANNEL_BOOK, 2, BC_STATE_LIVE, 0, 1, "short", 100);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect_eq(found.n_payload, 5);
	cr_expect_eq(bc_latest_read(&map, BC_STR(BOOK), bc_latest_hash(BC_STR(BOOK)), rig.payload,
				    4, &found),
		     BC_ERANGE, "the reader's room");
}

static void say_candle(uint64_t seq, uint32_t flags, int64_t open, const char *payload)
{
	const struct bc_envelope e = {
		.channel = BC_CHANNEL_CANDLE, .seq = seq, .state = BC_STATE_LIVE, .flags = flags
	};
	const struct bc_latest_news news = { .envelope = &e,
					     .ts_open = { open },
					     .payload = bc_str_of(payload) };
	bc_latest_put(rig.writer, (bc_mono_time){ (int64_t)seq }, 2, &news);
}

Test(latest, history_does_not_take_the_place_of_the_newest)
{
	cr_assert_eq(bc_latest_add(rig.writer, 2, BC_STR("upbit.KRW-BTC.candle-1m"), 128), BC_OK);
	say_candle(1, 0, 60, "now");
	say_candle(2, BC_FLAG_REST, 0, "before");
	cr_assert_eq(read_topic("upbit.KRW-BTC.candle-1m"), BC_OK);
	cr_expect_arr_eq(rig.payload, "now", 3);
	cr_expect_eq(found.changed.ns, 1);
	say_candle(3, BC_FLAG_REST, 60, "the same one");
	cr_assert_eq(read_topic("upbit.KRW-BTC.candle-1m"), BC_OK);
	cr_expect_arr_eq(rig.payload, "the same one", 12);
}

static void put_trade(uint64_t seq, uint32_t flags, int64_t at, const char *id)
{
	uint8_t bytes[256];
	size_t n;
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_TRADE,
					      .epoch = 7,
					      .seq = seq,
					      .exchange_seq = BC_SEQ_NONE,
					      .ts_exchange = { at },
					      .state = BC_STATE_LIVE,
					      .flags = flags } };
	m.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, bc_str_of(id) };
	cr_assert_eq(bc_message_encode(&m, bytes, sizeof bytes, &n), BC_OK);
	const struct bc_latest_news news = { .envelope = &m.envelope,
					     .trade_id = bc_str_of(id),
					     .payload = { (const char *)bytes, n } };
	bc_latest_put(rig.writer, (bc_mono_time){ (int64_t)seq }, 2, &news);
}

Test(latest, of_trades_of_one_time_the_higher_id_is_the_newest)
{
	static const struct {
		int64_t at;
		const char *id;
		bool kept;
	} rows[] = {
		{ 10, "5", false }, { 10, "4", false }, { 9, "99", false }, { 10, "6", true }
	};
	cr_assert_eq(bc_latest_add(rig.writer, 2, BC_STR("upbit.KRW-BTC.trade"), 256), BC_OK);
	put_trade(1, 0, 10, "5");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bc_message m;
		put_trade(2 + i, BC_FLAG_REST, rows[i].at, rows[i].id);
		cr_assert_eq(read_topic("upbit.KRW-BTC.trade"), BC_OK);
		cr_assert_eq(bc_message_decode((bc_str){ (const char *)rig.payload,
							 found.n_payload },
					       &m, NULL, 0),
			     BC_OK);
		cr_expect_eq(bc_str_is(m.body.trade.trade_id, rows[i].id) &&
				     m.envelope.seq == 2 + i,
			     rows[i].kept, "%s", rows[i].id);
	}
}

/* ------------------------------------------------------------------ topics come and go */

static const char *topic_name(char out[64], unsigned i)
{
	snprintf(out, 64, "upbit.S%u.%s", i / 3,
		 i % 3 == 0   ? "book"
		 : i % 3 == 1 ? "bbo"
			      : "state");
	return out;
}

Test(latest, a_file_that_is_full_is_superseded_by_a_larger_one)
{
	enum { N = 3000 };
	char text[64];
	latest_put(rig.writer, 0, BC_CHANNEL_BOOK, 1, MAX);
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(bc_latest_add(rig.writer, 10 + i, bc_str_of(topic_name(text, i)), 300),
			     BC_OK);
		latest_put(rig.writer, 10 + i, BC_CHANNEL_BOOK, i + 1, 300);
	}
	cr_expect_gt(bc_latest_stats(rig.writer)->generations, 3);
	cr_expect_eq(bc_latest_pulse(&map).status, BC_LATEST_SUPERSEDED);
	cr_expect_eq(read_topic(BOOK), BC_OK, "the old one stays as it was");
	bc_latest_close(&map);
	cr_assert_eq(bc_latest_open(&map, rig.path, getuid()), BC_OK);
	cr_expect_eq(bc_latest_pulse(&map).status, BC_LATEST_LIVE);
	cr_assert_eq(read_topic(BOOK), BC_OK);
	cr_expect(latest_whole(&found, rig.payload, MAX));
	for (unsigned i = 0; i < N; i++) {
		cr_assert_eq(read_topic(topic_name(text, i)), BC_OK, "%s", text);
		cr_expect(latest_whole(&found, rig.payload, 300) && found.seq == i + 1, "%s", text);
		cr_expect_eq(found.has_symbol, i % 3 != 2, "%s", text);
	}
}

Test(latest, places_are_used_again_and_nothing_of_the_one_before_is_seen)
{
	char text[64];
	uint64_t bytes = 0;
	for (unsigned i = 0; i < 20000; i++) { /* 100 at a time */
		if (i >= 100) {
			bc_latest_remove(rig.writer, 10 + i % 100);
			cr_assert_eq(read_topic(topic_name(text, i - 100)), BC_ENOTFOUND);
		}
		cr_assert_eq(bc_latest_add(rig.writer, 10 + i % 100, bc_str_of(topic_name(text, i)),
					   200),
			     BC_OK);
		cr_assert_eq(read_topic(text), BC_ENOTFOUND);
		latest_put(rig.writer, 10 + i % 100, BC_CHANNEL_BBO, i + 1, 200);
		cr_assert_eq(read_topic(text), BC_OK);
		cr_expect(latest_whole(&found, rig.payload, 200) && found.seq == i + 1, "%s", text);
		if (i == 1000)
			bytes = bc_latest_stats(rig.writer)->bytes;
	}
	cr_expect_eq(bc_latest_stats(rig.writer)->bytes, bytes, "it does not grow");
	cr_expect_eq(bc_latest_stats(rig.writer)->topics, 102);
}

Test(latest, its_size_is_bounded)
{
	struct latest_rig small;
	char text[64];
	unsigned n = 0;
	cr_assert(latest_rig_open(&small, 300000), "%s", small.why);
	while (bc_latest_add(small.writer, n, bc_str_of(topic_name(text, n)), 1000) == BC_OK)
		n++;
	cr_expect_leq(bc_latest_stats(small.writer)->bytes, 300000);
	cr_expect_gt(n, 100);
	cr_expect_eq(bc_latest_stats(small.writer)->left_out, 1);
	latest_put(small.writer, n, BC_CHANNEL_BOOK, 1, 100); /* of a topic it does not have */
	bc_latest_remove(small.writer, n);
	bc_latest_remove(small.writer, 0);
	cr_expect_eq(bc_latest_add(small.writer, n, bc_str_of(topic_name(text, n)), 1000), BC_OK,
		     "the place of another");
	latest_rig_close(&small);
}

Test(latest, names_that_are_none_or_twice_are_refused)
{
	cr_expect_eq(bc_latest_add(rig.writer, 5, BC_STR("no topic"), 10), BC_EPARSE);
	cr_expect_eq(bc_latest_add(rig.writer, 5, BC_STR(BOOK), 10), BC_EDUPLICATE);
	cr_expect_eq(bc_latest_add(rig.writer, 0, BC_STR("upbit.A.book"), 10), BC_EDUPLICATE);
}

/* ------------------------------------------------------------------ its gateway */

Test(latest, a_gateway_is_gone_when_it_says_so_or_is_not_heard)
{
	bc_latest_beat(rig.writer, (bc_mono_time){ 100 * BC_NS_PER_S });
	struct bc_latest_pulse pulse = bc_latest_pulse(&map);
	cr_expect_not(bc_latest_gone(&pulse, (bc_mono_time){ 103 * BC_NS_PER_S }));
	cr_expect(bc_latest_gone(&pulse, (bc_mono_time){ 103 * BC_NS_PER_S + 1 }));
	cr_expect(bc_latest_gone(&pulse, (bc_mono_time){ 90 * BC_NS_PER_S }), "of another clock");
	bc_latest_down(rig.writer);
	pulse = bc_latest_pulse(&map);
	cr_expect(bc_latest_gone(&pulse, (bc_mono_time){ 100 * BC_NS_PER_S }));
}

Test(latest, a_successor_says_that_the_one_before_is_over)
{
	struct bc_latest_writer *next;
	struct bc_latest_options options = rig.options;
	options.epoch = 8;
	cr_assert_eq(bc_latest_writer_new(&next, &options, rig.why, sizeof rig.why), BC_OK);
	cr_expect_eq(bc_latest_pulse(&map).status, BC_LATEST_SUPERSEDED);
	bc_latest_close(&map);
	cr_assert_eq(bc_latest_open(&map, rig.path, getuid()), BC_OK);
	cr_expect_eq(map.epoch, 8);
	cr_expect_eq(read_topic(BOOK), BC_ENOTFOUND);
	bc_latest_writer_free(&next);
	cr_expect_eq(access(rig.path, F_OK), -1, "who ends takes it along");
}

/* ------------------------------------------------------------------ killed at work */

/* Writes for ever; it does not outlive the test, whatever becomes of that. */
static pid_t start_writer(struct bc_latest_writer *w)
{
	pid_t child = fork();
	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (uint64_t n = 1; getppid() != 1 && n < 100000000; n++)
		latest_put(w, 0, BC_CHANNEL_BOOK, n, 4000);
	_exit(1);
}

/* Is it what a reader may see: one message, none yet, or one that is being written? */
static bool read_well(bc_status *rc)
{
	*rc = read_topic(BOOK);
	return *rc == BC_EAGAIN || *rc == BC_ENOTFOUND ||
	       (*rc == BC_OK && latest_whole(&found, rig.payload, 4000));
}

/* A writer killed in the midst of it, at places nobody chose: whole messages or none. */
Test(latest, a_writer_that_is_killed_leaves_no_torn_message, .timeout = 250)
{
	int odd = 0, torn = 0;
	bc_status rc;
	bc_latest_close(&map);
	for (int i = 0; i < 60; i++) {
		struct latest_rig killed;
		cr_assert(latest_rig_open(&killed, 0), "%s", killed.why);
		cr_assert_eq(bc_latest_add(killed.writer, 0, BC_STR(BOOK), 4000), BC_OK);
		cr_assert_eq(bc_latest_open(&map, killed.path, getuid()), BC_OK);
		pid_t child = start_writer(killed.writer);
		cr_assert_gt(child, 0);
		int64_t end = test_now_ns() + 2 * BC_NS_PER_MS + i * 37000;
		while (test_now_ns() < end)
			torn += !read_well(&rc);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		torn += !read_well(&rc);
		odd += rc == BC_EAGAIN;
		bc_latest_close(&map);
		latest_rig_close(&killed);
	}
	cr_expect_eq(torn, 0);
	cr_expect_gt(odd, 0, "not once in the midst of a message: this test has shown nothing");
}

/* ------------------------------------------------------------------ files of somebody else */

static bc_status open_damaged(off_t at, uint64_t value)
{
	struct bc_latest_map bad;
	uint64_t before;
	int fd = open(rig.path, O_RDWR);
	cr_assert_eq(pread(fd, &before, 8, at), 8);
	cr_assert_eq(pwrite(fd, &value, 8, at), 8);
	bc_status rc = bc_latest_open(&bad, rig.path, getuid());
	if (rc == BC_OK)
		bc_latest_close(&bad);
	cr_assert_eq(pwrite(fd, &before, 8, at), 8);
	close(fd);
	return rc;
}

#define AT(member) (off_t) offsetof(struct bc_latest_header, member)

Test(latest, a_header_that_cannot_be_is_refused)
{
	static const struct {
		off_t at;
		uint64_t value;
		bc_status want;
	} rows[] = {
		{ AT(magic), 1, BC_EPARSE },
		{ AT(version), 2, BC_EVERSION },
		{ AT(file_bytes), 1, BC_EPARSE },
		{ AT(slots_at), 0, BC_EPARSE },
		{ AT(slots_at), 8 + sizeof(struct bc_latest_header), BC_EPARSE },
		{ AT(slots_at), UINT64_MAX - 63, BC_EPARSE },
		{ AT(slots_end), UINT64_MAX, BC_EPARSE },
		{ AT(index_at), UINT64_MAX - 7, BC_EPARSE },
		{ AT(index_at), 65537, BC_EPARSE },
		{ AT(n_index), 0, BC_EPARSE },
		{ AT(n_index), 3, BC_EPARSE },
		{ AT(n_index), UINT64_C(1) << 63, BC_EPARSE },
		{ AT(n_index), UINT64_C(1) << 60, BC_EPARSE },
		{ AT(boot), 0x1234, BC_EPARSE },
		{ AT(pid), 1, BC_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		cr_expect_eq(open_damaged(rows[i].at, rows[i].value), rows[i].want, "row %zu", i);
}

Test(latest, a_file_nobody_vouches_for_is_refused)
{
	struct bc_latest_map bad;
	char other[160];
	cr_expect_eq(bc_latest_open(&bad, "/nonexistent/x.latest", 0), BC_ENOTFOUND);
	snprintf(other, sizeof other, "%s.link", rig.path);
	cr_assert_eq(symlink(rig.path, other), 0);
	cr_expect_eq(bc_latest_open(&bad, other, getuid()), BC_EIO, "a link");
	snprintf(other, sizeof other, "%s.fifo", rig.path);
	cr_assert_eq(mkfifo(other, 0600), 0);
	cr_expect_eq(bc_latest_open(&bad, other, getuid()), BC_EIO, "a fifo does not hold us up");
	cr_expect_eq(bc_latest_open(&bad, rig.dir.path, getuid()), BC_EIO, "a directory");
	cr_assert_eq(chmod(rig.path, 0660), 0);
	cr_expect_eq(bc_latest_open(&bad, rig.path, getuid()), BC_EIO, "others may write it");
	cr_assert_eq(chmod(rig.path, 0640), 0);
	cr_assert_eq(truncate(rig.path, 1000), 0);
	cr_expect_eq(bc_latest_open(&bad, rig.path, getuid()), BC_EPARSE, "cut short");
	cr_assert_eq(truncate(rig.path, 0), 0);
	cr_expect_eq(bc_latest_open(&bad, rig.path, getuid()), BC_EPARSE, "empty");
	cr_assert_eq(truncate(rig.path, (off_t)bc_latest_stats(rig.writer)->bytes),
		     0); /* or SIGBUS */
}

Test(latest, a_file_of_another_user_is_refused)
{
	struct bc_latest_map bad;
	if (getuid() != 0)
		cr_skip("only root can give a file away");
	cr_assert_eq(chown(rig.path, 12345, (gid_t)-1), 0);
	pid_t child = fork(); /* who is not root; the owner of the directory is */
	if (child == 0) {
		if (chmod(rig.dir.path, 0755) != 0 || chmod(rig.path, 0644) != 0 ||
		    setuid(4321) != 0)
			_exit(9);
		bool refused = bc_latest_open(&bad, rig.path, 0) == BC_EIO;
		bool taken = bc_latest_open(&bad, rig.path, 12345) == BC_OK;
		_exit(refused && taken ? 0 : 1);
	}
	int status;
	waitpid(child, &status, 0);
	cr_expect_eq(status, 0);
}

Test(latest, a_writer_that_cannot_says_why)
{
	struct bc_latest_writer *w = NULL;
	struct bc_latest_options options = rig.options;
	options.dir = "/nonexistent";
	cr_expect_eq(bc_latest_writer_new(&w, &options, rig.why, sizeof rig.why), BC_EIO);
	cr_expect(strstr(rig.why, "/nonexistent/upbit.0.latest") != NULL, "%s", rig.why);
	cr_expect_null(w);
}

/* ------------------------------------------------------------------ restarts */

static size_t count_entries(const char *directory)
{
	size_t n = 0;
	DIR *d = opendir(directory);
	cr_assert_not_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static size_t count_lines(const char *path)
{
	size_t n = 0;
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	for (int c; (c = getc(f)) != EOF;)
		n += c == '\n';
	fclose(f);
	return n;
}

/* A reader that comes and goes, of a gateway that does, and of files that are none: each keeps
 * neither a descriptor nor a mapping. */
Test(latest, two_hundred_restarts_leave_nothing_open)
{
	char other[160], left[160];
	size_t n_open = 0, n_mapped = 0;
	bc_latest_close(&map);
	FILE *none = fopen(temp_dir_file(&rig.dir, "", "none.latest", other, sizeof other), "w");
	cr_assert_not_null(none);
	for (int i = 0; i < 8192; i++)
		putc('x', none);
	fclose(none);
	temp_dir_file(&rig.dir, "", "left", left, sizeof left);
	for (uint64_t n = 1; n <= 210; n++) {
		cr_assert_eq(link(rig.path, left), 0);
		bc_latest_writer_free(&rig.writer);
		cr_assert_eq(rename(left, rig.path), 0); /* as one that was killed leaves it */
		rig.options.epoch = n;
		cr_assert_eq(bc_latest_writer_new(&rig.writer, &rig.options, rig.why,
						  sizeof rig.why),
			     BC_OK, "%s", rig.why);
		cr_assert_eq(bc_latest_add(rig.writer, 1, BC_STR("upbit.A.book"), 800), BC_OK);
		latest_put(rig.writer, 1, BC_CHANNEL_BOOK, n, 800);
		cr_assert_eq(bc_latest_open(&map, rig.path, getuid()), BC_OK);
		cr_assert_eq(latest_read(&map, "upbit.A.book", rig.payload, &found), BC_OK);
		cr_assert_eq(map.epoch, n);
		bc_latest_close(&map);
		cr_assert_eq(bc_latest_open(&map, other, getuid()), BC_EPARSE);
		if (n == 10) { /* whatever is opened once, is by now */
			n_open = count_entries("/proc/self/fd");
			n_mapped = count_lines("/proc/self/maps");
		}
	}
	cr_expect_eq(count_entries("/proc/self/fd"), n_open);
	cr_expect_leq(count_lines("/proc/self/maps"), n_mapped + 20, "each is a line");
	unlink(other);
}
