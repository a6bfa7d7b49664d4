/* The log must say what happened without ever holding up the feed. */
#include "common/clock.h"
#include "common/log.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t mono_ns = 1000;

static bc_wall_time fixed_wall(void)
{
	return (bc_wall_time){ INT64_C(1763695800123456789) };
}

static bc_mono_time fixed_mono(void)
{
	return (bc_mono_time){ mono_ns };
}

static struct bc_log *open_log(int fd)
{
	struct bc_log *log = bc_log_new("test", fd);
	cr_assert_not_null(log);
	bc_log_set_clock(log, (struct bc_log_clock){ fixed_wall, fixed_mono });
	return log;
}

/* What is in the pipe now; a string in a static buffer. */
static const char *drain(int fd)
{
	static char text[1 << 17];
	size_t n = 0;
	ssize_t got;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0)
		n += (size_t)got;
	text[n] = '\0';
	return text;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;
	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		n++;
	return n;
}

#define HEAD "ts=2025-11-21T03:30:00.123456789Z level=%s prog=test event="

static void expect_line(const char *got, const char *level, const char *rest)
{
	char want[8192];
	int n = snprintf(want, sizeof want, HEAD, level);
	snprintf(want + n, sizeof want - (size_t)n, "%s\n", rest);
	cr_expect_str_eq(got, want);
}

Test(log, is_one_logfmt_line_an_event)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct bc_log *log = open_log(p[1]);
	bc_log_event(log, BC_LOG_WARN, "ws.closed", BC_LOG_S("exchange", "upbit"),
		     BC_LOG_I("code", -7), BC_LOG_U("n", UINT64_MAX),
		     BC_LOG_T("after", 1500000000));
	expect_line(drain(p[0]), "warn",
		    "ws.closed exchange=upbit code=-7 n=18446744073709551615 after=1.5s");
	bc_log_event(log, BC_LOG_DEBUG, "not.shown", BC_LOG_S("a", "b"));
	cr_expect_str_eq(drain(p[0]), "");
	bc_log_set_level(log, BC_LOG_DEBUG);
	bc_log_write(log, BC_LOG_DEBUG, "shown",
		     (struct bc_log_field[]){ { NULL, BC_LOG_END, { NULL } } });
	expect_line(drain(p[0]), "debug", "shown");
	bc_log_free(&log);
	cr_expect_null(log);
	bc_log_event(NULL, BC_LOG_ERROR, "silent", BC_LOG_S("a", "b"));
	bc_log_flush(NULL);
}

Test(log, values_cannot_break_the_line)
{
	static const struct {
		bc_str value;
		const char *want;
	} rows[] = {
		{ { "two words", 9 }, "\"two words\"" },
		{ { "a=b", 3 }, "\"a=b\"" },
		{ { "", 0 }, "\"\"" },
		{ { "x\nlevel=error", 13 }, "\"x\\nlevel=error\"" },
		{ { "q\"q\\", 4 }, "\"q\\\"q\\\\\"" },
		{ { "bad\xff\x00utf", 8 }, "\"bad\\xff\\x00utf\"" },
		{ { "\xed\x95\x9c", 3 }, "\"\xed\x95\x9c\"" },
	};
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct bc_log *log = open_log(p[1]);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char want[256];
		bc_log_event(log, BC_LOG_INFO, "v", BC_LOG_U("row", i),
			     BC_LOG_B("value", rows[i].value));
		snprintf(want, sizeof want, "v row=%zu value=%s", i, rows[i].want);
		expect_line(drain(p[0]), "info", want);
	}
	bc_log_event(log, BC_LOG_INFO, "v", BC_LOG_S("value", NULL));
	expect_line(drain(p[0]), "info", "v value=\"\"");
	bc_log_free(&log);
}

Test(log, long_values_and_lines_are_cut)
{
	int p[2];
	char big[300];
	cr_assert_eq(pipe(p), 0);
	memset(big, '"', sizeof big);
	struct bc_log *log = open_log(p[1]);
	struct bc_log_field many[21];
	for (size_t i = 0; i < 20; i++)
		many[i] = BC_LOG_B("k", ((bc_str){ big, sizeof big }));
	many[20] = (struct bc_log_field){ NULL, BC_LOG_END, { NULL } };
	bc_log_write(log, BC_LOG_INFO, "big", many);
	const char *line = drain(p[0]);
	cr_expect_lt(strlen(line), BC_LOG_LINE_MAX);
	cr_expect_gt(strlen(line), 3000);
	cr_expect_not_null(strstr(line, "\\\"...\" k="));
	cr_expect(strcmp(line + strlen(line) - 10, " cut=true\n") == 0, "%s", line);
	bc_log_free(&log);
}

Test(log, repeats_are_counted_and_told_when_the_window_ends)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct bc_log *log = open_log(p[1]);
	for (int i = 0; i < 5; i++)
		bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "A"), BC_LOG_I("i", i));
	bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "B"), BC_LOG_I("i", 9));
	const char *text = drain(p[0]);
	cr_expect_eq(count(text, "\n"), 2);
	cr_expect_not_null(strstr(text, "event=gap symbol=A i=0\n"));
	cr_expect_not_null(strstr(text, "event=gap symbol=B i=9\n"));
	bc_log_flush(log);
	cr_expect_str_eq(drain(p[0]), "", "the window has not ended");
	mono_ns += 10 * BC_NS_PER_S;
	bc_log_flush(log);
	expect_line(drain(p[0]), "warn", "gap symbol=A i=4 repeated=4");
	bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "A"), BC_LOG_I("i", 10));
	expect_line(drain(p[0]), "warn", "gap symbol=A i=10");
	bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "A"), BC_LOG_I("i", 11));
	mono_ns += 10 * BC_NS_PER_S;
	bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "A"), BC_LOG_I("i", 12));
	text = drain(p[0]);
	cr_expect_not_null(strstr(text, "i=11 repeated=1\n"));
	cr_expect_not_null(strstr(text, "i=12\n"));
	bc_log_event(log, BC_LOG_WARN, "gap", BC_LOG_S("symbol", "A"), BC_LOG_I("i", 13));
	bc_log_free(&log);
	expect_line(drain(p[0]), "warn", "gap symbol=A i=13 repeated=1");
}

Test(log, more_kinds_of_events_than_it_remembers_are_all_printed)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct bc_log *log = open_log(p[1]);
	for (uint64_t i = 0; i < 300; i++)
		bc_log_event(log, BC_LOG_INFO, "kind", BC_LOG_U("i", i));
	cr_expect_eq(count(drain(p[0]), "\n"), 300);
	bc_log_free(&log);
}

Test(log, a_full_pipe_loses_lines_with_a_count_and_never_waits, .timeout = 250)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	struct bc_log *log = open_log(p[1]);
	uint64_t n = 0;
	while (bc_log_lost(log) < 10 && n < 100000) /* would hang here if it waited */
		bc_log_event(log, BC_LOG_INFO, "fill", BC_LOG_U("i", n++));
	cr_expect_eq(bc_log_lost(log), 10);
	cr_expect_eq(fcntl(p[1], F_GETFL) & O_NONBLOCK, 0, "the shared descriptor was changed");
	drain(p[0]);
	bc_log_event(log, BC_LOG_INFO, "after", BC_LOG_U("i", 1));
	const char *text = drain(p[0]);
	cr_expect_eq(count(text, "\n"), 2);
	cr_expect_not_null(strstr(text, "level=warn prog=test event=log.lost lines=10\n"));
	cr_expect_not_null(strstr(text, "event=after i=1\n"));
	bc_log_event(log, BC_LOG_INFO, "after", BC_LOG_U("i", 2));
	cr_expect_eq(count(drain(p[0]), "log.lost"), 0, "told once");
	bc_log_free(&log);
}

Test(log, a_reader_that_left_and_a_closed_descriptor_only_cost_lines)
{
	int p[2];
	cr_assert_eq(pipe(p), 0);
	signal(SIGPIPE, SIG_DFL);
	struct bc_log *log = open_log(p[1]);
	close(p[0]);
	bc_log_event(log, BC_LOG_INFO, "nobody", BC_LOG_S("a", "b"));
	cr_expect_eq(bc_log_lost(log), 1);
	bc_log_free(&log);
	log = open_log(999);
	bc_log_event(log, BC_LOG_INFO, "nobody", BC_LOG_S("a", "b"));
	cr_expect_eq(bc_log_lost(log), 1);
	bc_log_free(&log);
}

Test(log, a_full_socket_does_not_block_either, .timeout = 250)
{
	int s[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	struct bc_log *log = open_log(s[1]);
	uint64_t n = 0;
	while (bc_log_lost(log) == 0 && n < 1000000)
		bc_log_event(log, BC_LOG_INFO, "fill", BC_LOG_U("i", n++));
	cr_expect_gt(bc_log_lost(log), 0);
	bc_log_free(&log);
}

Test(log, under_journald_lines_have_a_priority_and_no_time)
{
	int p[2];
	struct stat st;
	char stream[64];
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(fstat(p[1], &st), 0);
	snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	struct bc_log *log = open_log(p[1]);
	bc_log_event(log, BC_LOG_ERROR, "x", BC_LOG_S("a", "b"));
	cr_expect_str_eq(drain(p[0]), "<3>level=error prog=test event=x a=b\n");
	bc_log_free(&log);
	setenv("JOURNAL_STREAM", "1:1", 1); /* inherited, but stderr went elsewhere */
	log = open_log(p[1]);
	bc_log_event(log, BC_LOG_ERROR, "x", BC_LOG_S("a", "b"));
	expect_line(drain(p[0]), "error", "x a=b");
	bc_log_free(&log);
}

Test(clock, wall_time_prints_as_rfc_3339_with_nanoseconds)
{
	static const struct {
		int64_t ns;
		const char *want;
	} rows[] = {
		{ INT64_C(1795231800000000001), "2026-11-21T03:30:00.000000001Z" },
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[BC_TIME_TEXT_MAX];
		cr_expect_eq(bc_wall_format((bc_wall_time){ rows[i].ns }, text), 30);
		cr_expect_str_eq(text, rows[i].want);
	}
	bc_mono_time a = bc_mono_now(), b = bc_mono_now();
	cr_expect_geq(b.ns, a.ns);
	cr_expect_geq(bc_boot_now().ns, a.ns);
}
