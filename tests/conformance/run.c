#include "tests/conformance/run.h"

#include "common/clock.h"
#include "tests/support/test_ca.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GIVE_UP_NS      (60 * BC_NS_PER_S)
#define SLOW_NS         (250 * BC_NS_PER_MS) /* a turn of the loop, where limits are a second */
#define CAP_BYTES       ((size_t)4 << 20)
#define FRESH_WITHIN_NS (60 * BC_NS_PER_S)

const struct conformance_difference *case_difference(const struct conformance_case *c,
						     const char *transport)
{
	static const struct conformance_difference never_offered = {
		.why = "it never offers compression: before 4.3.4 it redelivers such messages for "
		       "ever",
		.skipped = true,
	};
	if (strcmp(transport, "lws") != 0)
		return &c->direct;
	return c->compression ? &never_offered : &c->lws;
}

static size_t cap_of(const struct conformance_case *c)
{
	return c->cap_bytes != 0 ? c->cap_bytes : CAP_BYTES;
}

/* ------------------------------------------------------------------ what the client is told */

static void must_be(struct run *run, bool good, const char *what)
{
	if (!good && run->wrong == NULL)
		run->wrong = what;
}

static void act(struct run *run)
{
	run->acting = true;
	if (run->c->acts != NULL)
		run->c->acts(&run->hand);
	run->acting = false;
}

static void on_opened(void *self, struct bc_ws *ws)
{
	struct run *run = self;
	must_be(run, ws == run->hand.ws, "opened: another connection");
	must_be(run, !run->opened && !run->closed, "opened twice, or when it was over");
	must_be(run, !run->acting, "a callback from inside a call");
	run->opened = run->peer.client_open = true;
	act(run);
}

static void on_message(void *self, struct bc_ws *ws, const char *bytes, size_t n, bool binary,
		       bc_wall_time received)
{
	struct run *run = self;
	must_be(run, ws == run->hand.ws && run->opened && !run->closed, "a message out of turn");
	must_be(run, !run->acting, "a callback from inside a call");
	must_be(run, n <= cap_of(run->c), "a message over the cap");
	must_be(run, binary || bc_utf8_valid(bytes, n), "a text that is not UTF-8");
	const int64_t age = bc_wall_now().ns - received.ns;
	must_be(run, age >= 0 && age < FRESH_WITHIN_NS, "a receive time that is not one");
	told_add(&run->told, binary ? 'B' : 'T', bytes, n);
	run->hand.n_messages++;
	act(run);
}

static void on_pong(void *self, struct bc_ws *ws)
{
	struct run *run = self;
	must_be(run, ws == run->hand.ws && run->opened && !run->closed, "a pong out of turn");
	told_add(&run->told, 'P', NULL, 0);
	run->hand.n_pongs++;
	act(run);
}

static void on_closed(void *self, struct bc_ws *ws, const struct bc_ws_closed *how)
{
	struct run *run = self;
	const char *word = bc_ws_close_word(how->why);
	must_be(run, ws == run->hand.ws && !run->closed, "closed twice");
	must_be(run, !run->acting, "a callback from inside a call");
	must_be(run, how->detail != NULL, "no detail");
	must_be(run,
		how->why == BC_WS_CLOSED_BY_US || how->why == BC_WS_CLOSED_BY_PEER ||
			(how->detail != NULL && how->detail[0] != '\0'),
		"a detail that is empty");
	run->closed = true;
	size_t n = (size_t)snprintf(run->ends, sizeof run->ends, "%s", word);
	if (how->close_code != 0)
		n += (size_t)snprintf(run->ends + n, sizeof run->ends - n, " %u", how->close_code);
	if (how->http_status != 0)
		n += (size_t)snprintf(run->ends + n, sizeof run->ends - n, " http %d",
				      how->http_status);
	if (how->retry_after_ns != 0)
		snprintf(run->ends + n, sizeof run->ends - n, " retry %ld",
			 (long)(how->retry_after_ns / BC_NS_PER_S));
	snprintf(run->detail, sizeof run->detail, "%s", how->detail != NULL ? how->detail : "");
	run->hand.ws = NULL;
}

static const struct bc_ws_events events = {
	.opened = on_opened,
	.message = on_message,
	.pong = on_pong,
	.closed = on_closed,
};

/* ------------------------------------------------------------------ the run */

void run_start(struct run *run, uv_loop_t *loop, SSL_CTX *ctx)
{
	const struct conformance_case *c = run->c;
	const struct conformance_difference *d = case_difference(c, run->subject->name);
	const int limit_ms = d->limit_ms != 0 ? d->limit_ms : c->limit_ms;
	struct bc_ws_target target = {
		.host = TEST_HOST,
		.path = "/feed?a=b",
		.tls = run->tls,
		.compression = c->compression,
		.max_message_bytes = cap_of(c),
		.handshake_timeout_ns = limit_ms != 0 ? limit_ms * BC_NS_PER_MS : GIVE_UP_NS,
	};
	struct sockaddr_in *address = (struct sockaddr_in *)&target.address;
	peer_open(&run->peer, loop, c, run->split, run->tls ? ctx : NULL);
	if (d->says != NULL)
		run->peer.says = d->says;
	target.port = run->peer.port;
	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address->sin_port = htons(run->peer.port);
	run->hand.ops = run->subject->ops;
	run->begun_ns = run->stepped_ns = uv_hrtime();
	if (run->subject->ops->connect(run->subject->transport, &target, &events, run,
				       &run->hand.ws) != BC_OK) {
		run->wrong = "connect() has refused its target";
		run->closed = run->peer.gone = true;
	}
}

bool run_step(struct run *run)
{
	const uint64_t now = uv_hrtime();
	if (now - run->stepped_ns > run->slow_ns)
		run->slow_ns = now - run->stepped_ns;
	run->stepped_ns = now;
	return peer_step(&run->peer);
}

bool run_over(const struct run *run)
{
	return (run->closed && (run->peer.gone || run->peer.deaf || run->peer.fd < 0)) ||
	       uv_hrtime() - run->begun_ns > GIVE_UP_NS;
}

/* ------------------------------------------------------------------ the verdict */

static bool same(const struct sim_buffer *a, const struct sim_buffer *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->data, b->data, a->n) == 0);
}

static void name_print(const struct run *run, const char *verdict)
{
	printf("%s %s%s: %s: %s", verdict, run->subject->name, run->tls ? " (tls)" : "",
	       run->family->name, run->c->name);
	if (run->c->pieces == EVERY_SPLIT)
		printf(" (split at %zu)", run->split);
	putchar('\n');
}

static bool bytes_judge(const char *what, const struct sim_buffer *got, const char *want,
			char *(*words)(const struct sim_buffer *))
{
	struct script wanted = { .n_steps = 0 };
	script_add(&wanted, want, "");
	const bool good = same(got, &wanted.bytes);
	if (!good) {
		char *got_words = words(got), *want_words = words(&wanted.bytes);
		printf("  %-6s %s\n  wanted %s\n", what, got_words, want_words);
		free(got_words);
		free(want_words);
	}
	script_free(&wanted);
	return good;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
	return a != NULL ? a : b != NULL ? b : c;
}

static bool is_as_wanted(const struct run *run)
{
	const struct conformance_case *c = run->c;
	const struct conformance_difference *d = case_difference(c, run->subject->name);
	const char *ends = first_of(d->ends, c->ends, "closed-by-peer 1000");
	const bool opens = (!c->never_opens || d->opens) && !d->never_opens;
	bool good = true;
	const struct {
		bool bad;
		const char *says;
	} rules[] = {
		{ run->wrong != NULL, run->wrong },
		{ run->hand.wrong != NULL, run->hand.wrong },
		{ run->peer.wrong[0] != '\0', run->peer.wrong },
		{ run->opened != opens, opens ? "it never opened" : "it opened" },
		{ !run->closed, "`closed` did not come" },
		{ run->closed && !run->peer.gone && !run->peer.deaf && run->peer.fd >= 0,
		  "the socket stayed open" },
	};
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i].bad) {
			printf("  %s\n", rules[i].says);
			good = false;
		}
	if (!bc_str_equal(bc_str_of(run->ends), bc_str_of(ends))) {
		printf("  ended  %s (%s)\n  wanted %s\n", run->ends, run->detail, ends);
		good = false;
	}
	const char *heard = c->never_opens ? "" : "{88 03E8}";
	good &= bytes_judge("told", &run->told, first_of(d->told, c->told, ""), told_words);
	good &= bytes_judge("heard", &run->peer.heard, first_of(d->heard, c->heard, heard),
			    frames_words);
	return good;
}

enum verdict run_judge(struct run *run, bool verbose)
{
	static const char *const words[] = { "ok", "FAILED", "slow, to be run again:" };
	const bool good = is_as_wanted(run);
	const enum verdict verdict = good ? HELD : run->slow_ns > SLOW_NS ? WAS_SLOW : FAILED;
	if (!good || verbose)
		name_print(run, words[verdict]);
	peer_close(&run->peer);
	return verdict;
}

struct run run_like(const struct run *run)
{
	return (struct run){ .family = run->family,
			     .c = run->c,
			     .subject = run->subject,
			     .tls = run->tls,
			     .split = run->split };
}

void run_free(struct run *run)
{
	peer_free(&run->peer);
	sim_buffer_free(&run->told);
}
