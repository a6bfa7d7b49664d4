/* What /metrics and /readyz say is what wakes people, or fails to. */
#include "common/clock.h"
#include "common/config.h"
#include "common/metrics.h"
#include "tests/support/http.h"

#include <criterion/criterion.h>

#include <ctype.h>
#include <stdlib.h>

static struct bc_metrics metrics;
static struct bc_histogram delays;
static char text[1 << 18];

static const char *print(unsigned program)
{
	bc_metrics_init(&metrics, program, "test", "upbit", "0");
	bc_metric_add(&metrics, BC_METRIC_MESSAGES_IN, 3);
	bc_metric_add(&metrics, BC_METRIC_MESSAGES_IN, 4);
	bc_metric_set(&metrics, BC_METRIC_LAST_MESSAGE, 1763695800123456789);
	bc_metric_set(&metrics, BC_METRIC_BYTES_IN, UINT64_MAX);
	bc_metric_histogram(&metrics, BC_METRIC_RECEIVE_BOOK, &delays);
	bc_metric_histogram(&metrics, BC_METRIC_RECEIVE_TRADE, &delays);
	bc_metric_histogram(&metrics, BC_METRIC_HEARD, &delays);
	cr_expect_gt(bc_metrics_print(&metrics, text, sizeof text), 0);
	return text;
}

static void expect_line(const char *line)
{
	char whole[512];
	snprintf(whole, sizeof whole, "\n%s\n", line);
	cr_expect_not_null(strstr(text, whole), "%s is not in\n%s", line, text);
}

Test(metrics, are_printed_with_their_labels)
{
	print(BC_GATEWAY);
	expect_line("bookcast_messages_received_total{exchange=\"upbit\",instance=\"0\"} 7");
	expect_line("bookcast_bytes_received_total{exchange=\"upbit\",instance=\"0\"} "
		    "18446744073709551615");
	expect_line("bookcast_last_message_timestamp_seconds{exchange=\"upbit\",instance=\"0\"} "
		    "1763695800.123456789");
	expect_line("bookcast_symbols{exchange=\"upbit\",instance=\"0\",state=\"live\"} 0");
	cr_expect_null(strstr(text, "bookcast_cache_"));
	bc_metric_set(&metrics, BC_METRIC_LAST_MESSAGE, (uint64_t)BC_TIME_UNKNOWN);
	cr_expect_gt(bc_metrics_print(&metrics, text, sizeof text), 0);
	expect_line("bookcast_last_message_timestamp_seconds{exchange=\"upbit\",instance=\"0\"} "
		    "0.000000000");
	print(BC_CACHE);
	cr_expect_not_null(strstr(text, "bookcast_cache_messages_total{"));
	cr_expect_null(strstr(text, "bookcast_messages_received_total"));
	bc_metrics_init(&metrics, BC_CACHE, "test", NULL, "");
	cr_expect_gt(bc_metrics_print(&metrics, text, sizeof text), 0);
	expect_line("bookcast_cache_messages_total 0");
	expect_line("bookcast_cache_requests_total{status=\"200\"} 0");
}

Test(metrics, histograms_are_cumulative_and_their_bounds_exact)
{
	static const char book[] = "bookcast_exchange_receive_seconds";
	static const int64_t times[] = {
		0, 1024, 1025, 2048, 3000000, 17179869184, 17179869185, -7
	};
	char line[256], *at = text;
	unsigned long long before = 0, count;
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		bc_histogram_record(&delays, times[i]);
	print(BC_GATEWAY);
	static const struct {
		const char *series, *value;
	} want[] = {
		{ "_bucket{%s,le=\"0.000001024\"}", "2" }, /* 1024 ns belong to it */
		{ "_bucket{%s,le=\"0.000002048\"}", "4" },
		{ "_bucket{%s,le=\"0.002097152\"}", "4" },
		{ "_bucket{%s,le=\"0.004194304\"}", "5" },
		{ "_bucket{%s,le=\"17.179869184\"}", "6" },
		{ "_bucket{%s,le=\"+Inf\"}", "7" },
		{ "_sum{%s}", "34.362742466" },
		{ "_count{%s}", "7" },
	};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		char series[128];
		size_t n = strcspn(want[i].series, "%");
		snprintf(series, sizeof series,
			 "%.*sexchange=\"upbit\",instance=\"0\",channel=\"book\"%s", (int)n,
			 want[i].series, want[i].series + n + 2);
		snprintf(line, sizeof line, "%s%s %s", book, series, want[i].value);
		expect_line(line);
	}
	cr_expect_null(strstr(text, "channel=\"bbo\",le="), "one that is not measured is there");
	snprintf(line, sizeof line,
		 "\n%s_bucket{exchange=\"upbit\",instance=\"0\",channel=\"trade\"", book);
	for (unsigned n = 0; (at = strstr(at, line)) != NULL; n++) {
		at = strchr(at + 1, ' ');
		count = strtoull(at, NULL, 10);
		cr_expect_geq(count, before);
		cr_expect_lt(n, 30, "too many series");
		before = count;
	}
	cr_expect_eq(before, 7);
}

Test(metrics, labels_are_escaped_and_never_half_there)
{
	char longest[200];
	bc_metrics_init(&metrics, BC_GATEWAY, "test", "a\"b\\c\nd", "1");
	cr_expect_str_eq(metrics.labels, "exchange=\"a\\\"b\\\\c\\nd\",instance=\"1\"");
	memset(longest, 'x', sizeof longest);
	longest[sizeof longest - 1] = '\0';
	bc_metrics_init(&metrics, BC_GATEWAY, "test", longest, "1");
	cr_expect_str_eq(metrics.labels, "");
}

static bool name_ok(const char *name, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return n > 0 && !isdigit((unsigned char)name[0]);
}

static bool is_suffix(const char *word, size_t n)
{
	static const char *const suffixes[] = { "_bucket", "_sum", "_count" };
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++)
		if (strlen(suffixes[i]) == n && strncmp(word, suffixes[i], n) == 0)
			return true;
	return false;
}

/* One line of the text format 0.0.4 after the head lines of its name. */
static void check_sample(const char *line, const char *name, bool histogram)
{
	size_t n = strcspn(line, "{ ");
	char *end;
	cr_expect(name_ok(line, n), "%s", line);
	size_t whole = strlen(name);
	cr_expect(whole <= n && strncmp(line, name, whole) == 0 &&
			  (histogram ? is_suffix(line + whole, n - whole) : n == whole),
		  "%s stands below %s", line, name);
	if (line[n] == '{')
		n += strcspn(line + n, "}") + 1;
	cr_expect_eq(line[n], ' ', "%s", line);
	strtod(line + n + 1, &end);
	cr_expect_eq(*end, '\0', "%s", line);
}

Test(metrics, follow_the_text_format_and_its_naming_rules)
{
	char name[128] = "", seen[1 << 14] = " ", typed[128] = "";
	unsigned n_samples = 0;
	bool histogram = false;
	bc_metrics_init(&metrics, BC_GATEWAY, "test", "upbit", "0");
	cr_expect_eq(print(BC_GATEWAY | BC_CACHE)[0], '#');
	cr_expect_eq(text[strlen(text) - 1], '\n');
	for (char *at = text, *line; (line = strsep(&at, "\n")) != NULL && at != NULL;) {
		char kind[16], word[140];
		if (strncmp(line, "# HELP ", 7) == 0) {
			cr_assert_eq(sscanf(line, "# HELP %127s %15s", name, kind), 2,
				     "no help: %s", line);
			snprintf(word, sizeof word, " %s ", name);
			cr_expect_null(strstr(seen, word), "%s has two heads", name);
			strcat(seen, word);
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			cr_assert_eq(sscanf(line, "# TYPE %127s %15s", typed, kind), 2, "%s", line);
			cr_expect_str_eq(typed, name);
			histogram = strcmp(kind, "histogram") == 0;
			size_t n = strlen(name);
			bool total = n > 6 && strcmp(name + n - 6, "_total") == 0;
			cr_expect_eq(total, strcmp(kind, "counter") == 0, "%s is a %s", name, kind);
		} else {
			check_sample(line, typed, histogram);
			n_samples++;
		}
	}
	cr_expect_geq(n_samples, BC_N_METRICS);
}

/* What stands after the line's name; 0 is none of them. */
static unsigned long long printed(const char *name)
{
	const char *at = strstr(text, name);
	return at != NULL ? strtoull(at + strlen(name), NULL, 10) : 0;
}

Test(metrics, tell_of_the_process_and_the_build)
{
	print(BC_GATEWAY);
	cr_expect_gt(printed("\nprocess_resident_memory_bytes "), 100000);
	unsigned long long fds = printed("\nprocess_open_fds ");
	cr_expect(fds >= 3 && fds < 1000, "%llu", fds);
	cr_expect_not_null(strstr(text, "\nbookcast_build_info{program=\"test\",version=\"0."));
	cr_expect_not_null(strstr(text, "\nprocess_cpu_seconds_total "));
}

Test(metrics, a_buffer_that_is_too_small_gives_nothing_rather_than_half)
{
	print(BC_GATEWAY);
	size_t n = strlen(text);
	cr_expect_eq(bc_metrics_print(&metrics, text, 0), 0);
	for (size_t cap = 1; cap < n - 100; cap += 97)
		cr_expect_eq(bc_metrics_print(&metrics, text, cap), 0, "%zu", cap);
}

/* ------------------------------------------------------------------ over HTTP */

static bool not_ready_flag;

static bool ready(void *self, char *why, size_t cap)
{
	snprintf(why, cap, "3 symbols stale (gap): %s", (const char *)self);
	return !not_ready_flag;
}

static struct bc_metrics_server *serve(const char *listen)
{
	struct bc_metrics_server *server = NULL;
	char error[256] = "";
	bc_metrics_init(&metrics, BC_GATEWAY, "test", "upbit", "0");
	bc_status rc = bc_metrics_serve(&server, &metrics, listen, ready, (void *)"KRW-BTC", error,
					sizeof error);
	cr_assert_eq(rc, BC_OK, "%s", error);
	return server;
}

static void expect_page(uint16_t port, const char *method, const char *path, int status,
			const char *part)
{
	char *answer, *body;
	cr_expect_eq(http_get(port, method, path, &answer, &body), status, "%s %s: %s", method,
		     path, answer ? answer : "no answer");
	if (body != NULL)
		cr_expect_not_null(strstr(answer, part), "%s %s: %s", method, path, answer);
	free(answer);
}

Test(metrics_http, serves_its_pages_and_nothing_else)
{
	struct bc_metrics_server *server = serve("127.0.0.1:0");
	uint16_t port = http_port(bc_metrics_address(server));
	cr_assert_gt(port, 0);
	bc_metric_add(&metrics, BC_METRIC_WS_CONNECTS, 5);
	expect_page(port, "GET", "/metrics", 200,
		    "\nbookcast_ws_connects_total{exchange=\"upbit\",instance=\"0\"} 5\n");
	expect_page(port, "GET", "/metrics", 200, "text/plain; version=0.0.4");
	expect_page(port, "GET", "/metrics?x=1", 200, "bookcast_build_info");
	expect_page(port, "HEAD", "/metrics", 200, "Content-Type");
	expect_page(port, "GET", "/", 404, "/metrics, /readyz and /livez");
	expect_page(port, "GET", "/metrics/", 404, "");
	expect_page(port, "GET", "/../etc/passwd", 404, "");
	expect_page(port, "POST", "/metrics", 405, "Allow: GET, HEAD");
	expect_page(port, "DELETE", "/nowhere", 405, "");
	bc_metrics_stop(&server);
	cr_expect_null(server);
	cr_expect_lt(http_connect(port), 0, "still listening");
	bc_metrics_stop(&server);
}

Test(metrics_http, readiness_is_the_programs_and_liveness_the_loops)
{
	struct bc_metrics_server *server = serve("127.0.0.1:0");
	uint16_t port = http_port(bc_metrics_address(server));
	expect_page(port, "GET", "/readyz", 200, "\r\n\r\nready\n");
	not_ready_flag = true;
	expect_page(port, "GET", "/readyz", 503, "\r\n\r\n3 symbols stale (gap): KRW-BTC\n");
	expect_page(port, "GET", "/livez", 503, "has not started");
	bc_metrics_beat(&metrics, bc_mono_now());
	expect_page(port, "GET", "/livez", 200, "\r\n\r\nalive\n");
	bc_metrics_beat(&metrics, (bc_mono_time){ bc_mono_now().ns - 30 * BC_NS_PER_S });
	expect_page(port, "GET", "/livez", 503, "has not turned for 30 s");
	bc_metrics_stop(&server);
}

static void send_and_leave(uint16_t port, const char *bytes)
{
	int fd = http_connect(port);
	cr_assert_geq(fd, 0);
	(void)!send(fd, bytes, strlen(bytes), MSG_NOSIGNAL); /* it may have closed already */
	close(fd);
}

Test(metrics_http, garbage_and_idle_connections_do_not_stop_it)
{
	struct bc_metrics_server *server = serve("127.0.0.1:0");
	uint16_t port = http_port(bc_metrics_address(server));
	int idle[60];
	send_and_leave(port, "\x16\x03\x01 not http\r\n\r\n");
	send_and_leave(port, "GET\r\n\r\n");
	char *big = malloc(100001);
	memset(big, 'A', 100000);
	memcpy(big, "GET /", 5);
	big[100000] = '\0';
	send_and_leave(port, big);
	free(big);
	for (int i = 0; i < 60; i++) /* more than it takes; the rest waits in the backlog */
		idle[i] = http_connect(port);
	for (int i = 0; i < 60; i++)
		if (idle[i] >= 0)
			close(idle[i]);
	expect_page(port, "GET", "/metrics", 200, "bookcast_build_info");
	bc_metrics_stop(&server);
}

Test(metrics_http, an_address_that_cannot_be_is_refused_with_the_reason)
{
	static const char *const bad[] = { "",
					   "9100",
					   "localhost:9100",
					   "127.0.0.1",
					   ":9100",
					   "127.0.0.1:99999",
					   "127.0.0.1:x",
					   "[::1:9100",
					   "1.2.3:4",
					   "127.0.0.1:-1",
					   "127.0.0.1: 1" };
	struct bc_metrics_server *server = NULL;
	char error[256], taken[64];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cr_expect_eq(bc_metrics_serve(&server, &metrics, bad[i], NULL, NULL, error,
					      sizeof error),
			     BC_EINVAL, "%s", bad[i]);
		cr_expect_not_null(strstr(error, "such as 127.0.0.1:9100"));
	}
	struct bc_metrics_server *first = serve("127.0.0.1:0");
	snprintf(taken, sizeof taken, "%s", bc_metrics_address(first));
	cr_expect_eq(bc_metrics_serve(&server, &metrics, taken, NULL, NULL, error, sizeof error),
		     BC_EBUSY);
	cr_expect_not_null(strstr(error, "Address already in use"), "%s", error);
	cr_expect_eq(bc_metrics_serve(&server, &metrics, "192.0.2.1:0", NULL, NULL, error,
				      sizeof error),
		     BC_EIO);
	cr_expect_not_null(strstr(error, "192.0.2.1:0: "), "%s", error);
	bc_metrics_stop(&first);
}
