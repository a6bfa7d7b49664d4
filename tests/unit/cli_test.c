/* The command line is a contract: what it prints, in both forms, and its exit status. Each case
 * runs the program itself against a cache and a gateway of fixed answers; what it must print stands
 * in tests/golden/cli/<name>, with stdout, stderr and the exit status. */
#include "tests/support/child.h"
#include "tests/support/fake_bus.h"
#include "tests/support/golden.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MAX_WORDS    16

static struct fake_bus bus;

static void start(void)
{
	fake_bus_start(&bus);
}

static void stop(void)
{
	fake_bus_stop(&bus);
}

TestSuite(cli, .init = start, .fini = stop, .timeout = 250);

struct call {
	const char *words; /* separated by one space */
	const char *environment;
};

static const char *program(void)
{
	static char path[512];
	const char *bin = getenv("BOOKCAST_BIN");
	snprintf(path, sizeof path, "%s/bookcast", bin != NULL ? bin : "build/dev/bin");
	return path;
}

static int exec_cli(void *self)
{
	const struct call *call = self;
	char words[512], *argv[MAX_WORDS + 1] = { (char *)program() }, *at = words;
	int n = 1;
	unsetenv("BOOKCAST_CACHE");
	unsetenv("NO_COLOR");
	setenv("BOOKCAST_RUN_DIR", bus.dir, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	if (call->environment != NULL)
		putenv((char *)call->environment);
	snprintf(words, sizeof words, "%s", call->words);
	while (n < MAX_WORDS && at != NULL)
		argv[n++] = strsep(&at, " ");
	execv(argv[0], argv);
	return 99;
}

static struct child call_cli(const char *words, const char *environment)
{
	struct call call = { words, environment };
	return child_run(exec_cli, &call);
}

/* The run directory has another name each time. */
static void replace_dir(char *text)
{
	size_t n = strlen(bus.dir);
	for (char *at = text; (at = strstr(at, bus.dir)) != NULL;) {
		memcpy(at, "RUN", 3); /* NOLINT(bugprone-not-null-terminated-result): goes on */
		memmove(at + 3, at + n, strlen(at + n) + 1);
	}
}

static const struct {
	const char *name, *words;
	int exit_code;
} goldens[] = {
	{ "get-live", "get upbit KRW-BTC", 0 },
	{ "get-live-json", "get upbit KRW-BTC --json", 0 },
	{ "get-live-iso", "get upbit KRW-BTC --json --times iso --depth 1", 0 },
	{ "get-unified", "get upbit BTC/KRW --depth 1", 0 },
	{ "get-unified-unknown", "get upbit BTC/USD", 2 },
	{ "get-dotted", "get upbit.KRW-BTC --json --depth 1", 0 },
	{ "get-quiet", "get upbit BTC-XRP", 0 },
	{ "get-stale-gap", "get upbit KRW-ETH", 3 },
	{ "get-stale-gap-json", "get upbit KRW-ETH --json", 3 },
	{ "get-stale-gateway", "get upbit KRW-XRP", 3 },
	{ "get-stale-gateway-json", "get upbit KRW-XRP --json", 3 },
	{ "get-polled", "get upbit KRW-POLL", 3 },
	{ "get-polled-allowed", "get upbit KRW-POLL --allow-rest", 0 },
	{ "get-too-old", "get upbit KRW-BTC --max-age 400ms", 3 },
	{ "get-young-enough", "get upbit KRW-BTC --max-age 500ms --json", 0 },
	{ "get-never-proven", "get upbit KRW-OLD --max-age 1h", 3 },
	{ "get-no-data-yet", "get upbit KRW-WAIT", 2 },
	{ "get-lower-case", "get upbit krw-btc", 2 },
	{ "get-near-miss", "get upbit KRW-BTX", 2 },
	{ "get-other-channel", "get upbit KRW-ETH --channel ticker", 2 },
	{ "get-other-exchange", "get mtgox BTCUSD", 2 },
	{ "get-unreadable", "get upbit MAD-BAD", 1 },
	{ "get-ticker", "get upbit KRW-BTC --channel ticker", 0 },
	{ "get-ticker-json", "get upbit KRW-BTC --channel ticker --json", 0 },
	{ "get-trade", "get upbit KRW-BTC --channel trade", 0 },
	{ "get-candle", "get upbit KRW-BTC --channel candle-1m", 0 },
	{ "get-instrument", "get upbit KRW-BTC --channel instrument", 0 },
	{ "get-state", "get upbit KRW-ETH --channel state", 3 },
	{ "get-several", "get upbit KRW-BTC KRW-ETH BTC-XRP", 3 },
	{ "get-several-one-missing", "get upbit KRW-ETH KRW-NONE KRW-BTC", 2 },
	{ "get-several-one-broken", "get upbit KRW-NONE MAD-BAD KRW-ETH --json", 1 },
	{ "get-pattern", "get upbit.KRW-*", 2 },
	{ "get-pattern-json", "get upbit.KRW-* --json --depth 1", 2 },
	{ "get-pattern-fit", "get upbit KRW-B*", 0 },
	{ "get-pattern-color", "get upbit.KRW-[BE]* --color always", 3 },
	{ "get-pattern-any-exchange", "get *.KRW-?TC", 0 },
	{ "get-pattern-nothing", "get upbit.NO-*", 2 },
	{ "get-pattern-refused", "get refuse.*", 1 },
	{ "get-color", "get upbit KRW-ETH --color always", 3 },
	{ "get-bad-channel", "get upbit KRW-BTC --channel books", 1 },
	{ "get-bad-depth", "get upbit KRW-BTC --depth 0", 1 },
	{ "get-bad-age", "get upbit KRW-BTC --max-age 2", 1 },
	{ "get-bad-flag", "get upbit KRW-BTC --dept 2", 1 },
	{ "get-bad-name", "get upbit", 1 },
	{ "get-nothing", "get", 1 },
	{ "trades", "trades upbit KRW-BTC", 0 },
	{ "trades-json", "trades upbit BTC/KRW -n 2 --json", 0 },
	{ "trades-dotted", "trades upbit.KRW-BTC -n 1 --json --times iso", 0 },
	{ "trades-gone", "trades upbit KRW-XRP -n 1", 3 },
	{ "trades-gone-json", "trades upbit KRW-XRP -n 1 --json", 3 },
	{ "trades-too-old", "trades upbit KRW-BTC -n 1 --max-age 400ms", 3 },
	{ "trades-several", "trades upbit KRW-BTC KRW-NONE KRW-XRP -n 1", 2 },
	{ "trades-unreadable", "trades upbit MAD-BAD -n 1", 1 },
	{ "trades-unknown", "trades upbit KRW-BTX", 2 },
	{ "trades-pattern", "trades upbit KRW-*", 1 },
	{ "trades-bad-n", "trades upbit KRW-BTC -n 0", 1 },
	{ "trades-no-n", "trades upbit KRW-BTC -n", 1 },
	{ "trades-nothing", "trades", 1 },
	{ "candles", "candles upbit KRW-BTC", 0 },
	{ "candles-json", "candles upbit KRW-BTC --interval 1m -n 2 --json", 0 },
	{ "candles-none-yet", "candles upbit KRW-BTC --interval 1h", 2 },
	{ "candles-bad-interval", "candles upbit KRW-BTC --interval 1H", 1 },
	{ "list", "list", 0 },
	{ "list-json", "list --json", 0 },
	{ "list-exchange", "list upbit", 0 },
	{ "list-pattern", "list upbit.KRW-B*", 0 },
	{ "list-unified", "list upbit.BTC/KRW", 0 },
	{ "list-unified-unknown", "list upbit.BTC/USD", 2 },
	{ "list-none", "list kraken", 2 },
	{ "list-too-many", "list a b", 1 },
	{ "health", "health", 3 },
	{ "health-json", "health --json", 3 },
	{ "gateways", "gateways", 0 },
	{ "gateways-json", "gateways --json", 0 },
	{ "latency", "latency", 0 },
	{ "latency-json", "latency --json", 0 },
	{ "latency-exchange", "latency upbit", 0 },
	{ "latency-instance", "latency upbit.b --json", 0 },
	{ "latency-nobody", "latency upbit.c", 2 },
	{ "latency-two", "latency upbit binance-spot", 1 },
	{ "watch-topic", "watch upbit.KRW-BTC.book --count 2", 0 },
	{ "watch-everything", "watch upbit. --count 7", 0 },
	{ "watch-json", "watch upbit --count 7 --json", 0 },
	{ "watch-symbol", "watch upbit.BTC/KRW --count 6", 0 },
	{ "watch-pattern", "watch *.trade upbit.KRW-E* --count 2", 0 },
	{ "watch-own", "watch upbit.@0.heartbeat --count 1", 0 },
	{ "watch-no-gateway", "watch kraken.XBT/USD.book --count 1", 2 },
	{ "watch-no-gateway-plain", "watch kraken --count 1", 2 },
	{ "watch-bad", "watch .x", 1 },
	{ "flags-first", "--json --timeout 1s get upbit KRW-BTC --depth 1", 0 },
	{ "no-verb-like-it", "gte upbit KRW-BTC", 1 },
	{ "no-verb-at-all", "frobnicate", 1 },
	{ "daemons-are-no-verbs", "gateway --help", 1 },
	{ "verb-with-slash", "../bookcast", 1 },
	{ "bad-endpoint", "health --cache nonsense", 1 },
	{ "no-run-dir", "health --run-dir /nowhere/at/all", 2 },
	{ "no-answer", "health --cache ipc:///nowhere/cache.rpc", 2 },
	{ "no-answer-tcp", "health --cache tcp://127.0.0.1:1 --timeout 50ms", 2 },
};

Test(cli, golden_files)
{
	for (size_t i = 0; i < COUNT(goldens); i++) {
		char *whole = NULL, name[128];
		size_t size;
		struct child got = call_cli(goldens[i].words, NULL);
		replace_dir(got.out);
		replace_dir(got.err);
		FILE *f = open_memstream(&whole, &size);
		fprintf(f, "$ bookcast %s\n%s", goldens[i].words, got.out);
		if (got.err[0] != '\0')
			fprintf(f, "[stderr]\n%s", got.err);
		fprintf(f, "[exit %d]\n", got.exit_code);
		fclose(f);
		snprintf(name, sizeof name, "cli/%s", goldens[i].name);
		golden_expect(name, whole);
		cr_expect_eq(got.exit_code, goldens[i].exit_code, "%s: %d", goldens[i].words,
			     got.exit_code);
		free(whole);
		child_free(&got);
	}
}

Test(cli, no_color_and_the_locale_are_respected)
{
	struct child got = call_cli("get upbit KRW-BTC", "LC_ALL=C");
	cr_expect_eq(got.exit_code, 0);
	for (const char *p = got.out; *p; p++)
		cr_expect((unsigned char)*p < 0x7f, "%s", got.out);
	child_free(&got);
	got = call_cli("get upbit KRW-BTC", "BOOKCAST_COLOR=always");
	cr_expect_not_null(strstr(got.out, "\033["));
	child_free(&got);
	got = call_cli("get upbit KRW-BTC --color auto", "TERM=xterm-256color");
	cr_expect_null(strstr(got.out, "\033["), "not a terminal");
	child_free(&got);
}

Test(cli, help_of_every_verb_begins_with_what_it_is_for_and_examples)
{
	static const char *const verbs[] = { "get",     "list",   "watch",    "trades",
					     "candles", "health", "gateways", "latency" };
	for (size_t i = 0; i < COUNT(verbs); i++) {
		char words[64];
		snprintf(words, sizeof words, "%s --help", verbs[i]);
		struct child got = call_cli(words, NULL);
		cr_expect_eq(got.exit_code, 0, "%s", words);
		snprintf(words, sizeof words, "bookcast %s: ", verbs[i]);
		cr_expect_eq(strncmp(got.out, words, strlen(words)), 0, "%s", got.out);
		cr_expect_not_null(strstr(got.out, "\n\nExamples\n  bookcast "), "%s", got.out);
		child_free(&got);
	}
	struct child got = call_cli("--help", NULL);
	cr_expect_eq(got.exit_code, 0);
	for (size_t i = 0; i < COUNT(verbs); i++)
		cr_expect_not_null(strstr(got.out, verbs[i]));
	child_free(&got);
	got = call_cli("--version", NULL);
	cr_expect_eq(strncmp(got.out, "bookcast 0.", 11), 0, "%s", got.out);
	child_free(&got);
}

Test(cli, a_verb_that_is_not_built_in_is_the_program_beside)
{
	struct child got = call_cli("--json exchanges", NULL);
	cr_expect_eq(got.exit_code, 0, "%s", got.err);
	cr_expect_not_null(strstr(got.out, "{\"id\":\"upbit\""), "%s", got.out);
	child_free(&got);
}

Test(cli, a_gateway_that_falls_silent_is_shown)
{
	/* its heartbeat says 50 ms, and there is one only */
	struct child got = call_cli("watch upbit.@0 --count 2 --json", NULL);
	cr_expect_eq(got.exit_code, 0);
	char *second = strchr(got.out, '\n');
	cr_assert_not_null(second);
	cr_expect_not_null(strstr(got.out, "{\"channel\":\"heartbeat\""));
	cr_expect_eq(strncmp(second + 1,
			     "{\"channel\":\"state\",\"exchange\":\"upbit\",\"symbol\":\"@0\"", 51),
		     0, "%s", second);
	cr_expect_not_null(strstr(second, "\"state\":\"stale\",\"reason\":\"gateway\""), "%s",
			   second);
	child_free(&got);
}

/* ------------------------------------------------------------------ signals, output */

static int watch_and_interrupt(void *self)
{
	int p[2], status = 0;
	char byte;
	const int number = *(int *)self;
	if (pipe(p) != 0)
		return 98;
	pid_t pid = fork();
	if (pid == 0) {
		struct call call = { "watch upbit.KRW-BTC.book", NULL };
		dup2(p[1], 1);
		close(p[0]);
		_exit(exec_cli(&call));
	}
	close(p[1]);
	if (read(p[0], &byte, 1) != 1)
		return 97;
	kill(pid, number);
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 96;
}

Test(cli, watch_ends_well_on_a_signal)
{
	int numbers[] = { SIGINT, SIGTERM };
	for (int i = 0; i < 2; i++) {
		struct child got = child_run(watch_and_interrupt, &numbers[i]);
		cr_expect_eq(got.exit_code, 0, "%d", got.exit_code);
		child_free(&got);
	}
}

static int to_full_device(void *self)
{
	int full = open("/dev/full", O_WRONLY);
	dup2(full, 1);
	return exec_cli(self);
}

Test(cli, output_that_cannot_be_written_is_an_error)
{
	static const char *const words[] = { "get upbit KRW-BTC",
					     "get upbit KRW-BTC --json",
					     "list --json",
					     "health",
					     "trades upbit KRW-BTC",
					     "candles upbit KRW-BTC --json",
					     "watch upbit.",
					     "gateways --json",
					     "latency",
					     "latency --json" };
	for (size_t i = 0; i < COUNT(words); i++) {
		struct call call = { words[i], NULL };
		struct child got = child_run(to_full_device, &call);
		cr_expect_eq(got.exit_code, 1, "%s: %d %s", words[i], got.exit_code, got.err);
		cr_expect_not_null(strstr(got.err, "stdout"), "%s: %s", words[i], got.err);
		child_free(&got);
	}
}
