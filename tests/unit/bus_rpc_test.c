/* Asking and answering over real sockets; both ends stand in one thread, so every wait has an end.
 */
#include "common/bus_rpc.h"
#include "common/bus_socket.h"
#include "common/clock.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <zmq.h>

#define PATIENCE 60 /* seconds; a slow machine is no failure */

static struct temp_dir dir;
static void *context;
static struct bc_rpc_server *server;
static struct bc_rpc_client *client;
static char endpoint[BC_ENDPOINT_MAX];

static void open_all(void)
{
	char text[96];
	cr_assert(temp_dir_new(&dir));
	cr_assert((context = bc_bus_context_new()) != NULL);
	cr_assert_eq(bc_rpc_server_new(&server), BC_OK);
	temp_dir_file(&dir, "ipc://", "cache.rpc", text, sizeof text);
	cr_assert_eq(bc_rpc_server_bind(server, text, 0660, endpoint), BC_OK);
	cr_assert_eq(bc_rpc_client_new(&client, context, endpoint), BC_OK);
}

static void close_all(void)
{
	bc_rpc_client_free(&client);
	bc_rpc_server_free(&server);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

static bc_status ask(const char *verb, const bc_str *args, size_t n, double seconds)
{
	return bc_rpc_send(client, bc_str_of(verb), args, n, bc_mono_now(),
			   (int64_t)(seconds * 1e9));
}

static bc_status serve_one(struct bc_rpc_request *request)
{
	bc_status rc;
	int64_t end = test_in(PATIENCE);
	while ((rc = bc_rpc_receive(server, request)) == BC_EAGAIN && test_waits(end))
		continue;
	return rc;
}

static bc_status hear(struct bc_rpc_reply *reply)
{
	bc_status rc;
	int64_t end = test_in(PATIENCE);
	while ((rc = bc_rpc_poll(client, bc_mono_now(), reply)) == BC_EAGAIN && test_waits(end))
		continue;
	return rc;
}

Test(bus_rpc, a_question_and_its_answer, .init = open_all, .fini = close_all)
{
	const bc_str args[] = { BC_STR("upbit.KRW-BTC.book"), BC_STR("") };
	struct bc_rpc_request request;
	struct bc_rpc_reply reply;
	char bytes[1000];
	memset(bytes, 7, sizeof bytes);
	cr_assert_eq(ask("GET", args, 2, PATIENCE), BC_OK);
	cr_assert_eq(serve_one(&request), BC_OK);
	cr_expect(bc_str_is(request.verb, "GET"));
	cr_assert_eq(request.n_args, 2);
	cr_expect(bc_str_equal(request.args[0], args[0]));
	cr_expect_eq(request.args[1].n, 0);
	bc_rpc_reply_begin(server, BC_RPC_OK);
	bc_rpc_reply_number(server, INT64_MIN);
	bc_rpc_reply_frame(server, (bc_str){ bytes, sizeof bytes });
	bc_rpc_reply_frame(server, BC_STR(""));
	cr_expect_eq(bc_rpc_reply_end(server), BC_OK);
	cr_assert_eq(hear(&reply), BC_OK);
	cr_expect_eq(reply.status, 200);
	cr_assert_eq(reply.n_answers, 3);
	cr_expect(bc_str_is(reply.answers[0], "-9223372036854775808"));
	cr_expect(bc_str_equal(reply.answers[1], (bc_str){ bytes, sizeof bytes }));
	cr_expect_eq(reply.answers[2].n, 0);
	cr_expect_eq(bc_rpc_poll(client, bc_mono_now(), &reply), BC_ENOTFOUND);
}

Test(bus_rpc, the_largest_question_and_answer_pass, .init = open_all, .fini = close_all)
{
	static bc_str args[BC_RPC_MAX_ARGS + 1];
	struct bc_rpc_request request;
	struct bc_rpc_reply reply;
	for (size_t i = 0; i <= BC_RPC_MAX_ARGS; i++)
		args[i] = BC_STR("upbit.KRW-BTC.book");
	cr_expect_eq(ask("GET", args, BC_RPC_MAX_ARGS + 1, PATIENCE), BC_EINVAL);
	cr_assert_eq(ask("GET", args, BC_RPC_MAX_ARGS, PATIENCE), BC_OK);
	cr_assert_eq(serve_one(&request), BC_OK);
	cr_assert_eq(request.n_args, BC_RPC_MAX_ARGS);
	cr_expect(bc_str_equal(request.args[BC_RPC_MAX_ARGS - 1], args[0]));
	bc_rpc_reply_begin(server, BC_RPC_OK);
	for (int64_t i = 0; i < BC_RPC_MAX_ANSWERS; i++)
		bc_rpc_reply_number(server, i);
	cr_expect_eq(bc_rpc_reply_end(server), BC_OK);
	bc_status rc;
	for (int64_t end = test_in(PATIENCE);
	     (rc = bc_rpc_poll(client, bc_mono_now(), &reply)) == BC_EAGAIN && test_waits(end);)
		cr_assert_eq(bc_rpc_receive(server, &request), BC_EAGAIN); /* sends the rest */
	cr_assert_eq(rc, BC_OK);
	cr_assert_eq(reply.n_answers, BC_RPC_MAX_ANSWERS);
	cr_expect(bc_str_is(reply.answers[BC_RPC_MAX_ANSWERS - 1], "59999"));
}

/* A late answer to the first question must not be taken for the second one's. */
Test(bus_rpc, a_late_answer_finds_no_taker, .init = open_all, .fini = close_all)
{
	struct bc_rpc_request request;
	struct bc_rpc_reply reply;
	cr_assert_eq(ask("FIRST", NULL, 0, PATIENCE), BC_OK);
	cr_assert_eq(serve_one(&request), BC_OK);
	cr_assert_eq(ask("SECOND", NULL, 0, PATIENCE), BC_OK);
	bc_rpc_reply(server, BC_RPC_OK, BC_STR("first"));
	cr_assert_eq(serve_one(&request), BC_OK);
	cr_expect(bc_str_is(request.verb, "SECOND"));
	bc_rpc_reply(server, BC_RPC_OK, BC_STR("second"));
	cr_assert_eq(hear(&reply), BC_OK);
	cr_expect(bc_str_is(reply.answers[0], "second"));
}

Test(bus_rpc, a_dead_server_costs_its_time_limit_only, .init = open_all, .fini = close_all)
{
	struct bc_rpc_request request;
	struct bc_rpc_reply reply;
	int64_t before = test_now_ns();
	cr_expect_eq(bc_rpc_call(client, BC_STR("GET"), NULL, 0, 50 * BC_NS_PER_MS, &reply),
		     BC_ETIMEOUT);
	int64_t took = test_now_ns() - before;
	cr_expect_geq(took, 50 * BC_NS_PER_MS, "%ld", (long)took);
	cr_assert_eq(ask("AGAIN", NULL, 0, PATIENCE), BC_OK, "on a new socket");
	do /* the first one came, if it did, with a connection that is gone */
		cr_assert_eq(serve_one(&request), BC_OK);
	while (!bc_str_is(request.verb, "AGAIN"));
	bc_rpc_reply(server, BC_RPC_OK, BC_STR("in time"));
	cr_assert_eq(hear(&reply), BC_OK);
	cr_expect(bc_str_is(reply.answers[0], "in time"));
}

/* What strangers send: frames after the identity, separated by '|'; and what comes back. */
static const struct {
	const char *frames, *envelope, *reason; /* NULL reason: a good request */
} strangers[] = {
	{ "|BC1|HEALTH", "|", NULL },
	{ "7|more|routing||BC1|HEALTH", "7|more|routing||", NULL },
	{ "", "|", "a request is BC1, a verb, arguments" },
	{ "|BC1", "|", "a request is BC1, a verb, arguments" },
	{ "|BC2|GET", "|", "a request is BC1, a verb, arguments" },
	{ "|\xff\xfe|GET", "|", "a request is BC1, a verb, arguments" },
	{ "BC1|GET|topic", "|", "no empty frame before the request" },
	{ "1|2|3|4|5|6|7|8|9||BC1|GET", "|", "no empty frame before the request" },
};

static void send_parts(void *socket, const char *frames)
{
	for (;;) {
		size_t n = strcspn(frames, "|");
		zmq_send(socket, frames, n, frames[n] == '|' ? ZMQ_SNDMORE : 0);
		if (frames[n] == '\0')
			return;
		frames += n + 1;
	}
}

/* Frames joined by '|', as above. */
static void receive_parts(void *socket, char *out, size_t cap)
{
	size_t at = 0;
	int more = 1;
	size_t n_more = sizeof more;
	while (more) {
		int n = zmq_recv(socket, out + at, cap - at - 1, 0);
		cr_assert_geq(n, 0, "no answer");
		at += (size_t)n;
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &n_more);
		out[at++] = more ? '|' : '\0';
	}
}

Test(bus_rpc, strangers_are_answered_and_survived, .init = open_all, .fini = close_all)
{
	struct bc_rpc_request request;
	int timeout_ms = PATIENCE * 1000;
	void *dealer = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
	cr_assert_eq(zmq_connect(dealer, endpoint), 0);
	for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
		char got[256], want[256];
		send_parts(dealer, strangers[i].frames);
		bc_status rc = serve_one(&request);
		bool good = strangers[i].reason == NULL;
		cr_expect_eq(rc, good ? BC_OK : BC_EPARSE, "%s", strangers[i].frames);
		if (good)
			bc_rpc_reply(server, 200, BC_STR("fine"));
		receive_parts(dealer, got, sizeof got);
		snprintf(want, sizeof want, "%sBC1|%s|%s", strangers[i].envelope,
			 good ? "200" : "400", good ? "fine" : strangers[i].reason);
		if (strangers[i].envelope[0] == '|')
			snprintf(want, sizeof want, "|BC1|%s|%s", good ? "200" : "400",
				 good ? "fine" : strangers[i].reason);
		cr_expect_str_eq(got, want, "%s", strangers[i].frames);
	}
	zmq_close(dealer);
}

Test(bus_rpc, too_much_is_refused_and_the_next_one_served, .init = open_all, .fini = close_all)
{
	struct bc_rpc_request request;
	char got[256];
	void *dealer = zmq_socket(context, ZMQ_DEALER);
	int timeout_ms = PATIENCE * 1000, linger = 0;
	zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
	zmq_setsockopt(dealer, ZMQ_LINGER, &linger, sizeof linger);
	cr_assert_eq(zmq_connect(dealer, endpoint), 0);
	zmq_send(dealer, "", 0, ZMQ_SNDMORE);
	zmq_send(dealer, "BC1", 3, ZMQ_SNDMORE);
	zmq_send(dealer, "GET", 3, ZMQ_SNDMORE);
	for (size_t i = 0; i < BC_RPC_MAX_ARGS + 1; i++)
		zmq_send(dealer, "x", 1, i < BC_RPC_MAX_ARGS ? ZMQ_SNDMORE : 0);
	cr_expect_eq(serve_one(&request), BC_EPARSE);
	receive_parts(dealer, got, sizeof got);
	cr_expect_str_eq(got, "|BC1|400|more than 10000 arguments or 16 MiB");

	size_t half = 9u << 20; /* two of them pass the limit together, not alone */
	char *bytes = calloc(1, 2 * half);
	zmq_send(dealer, "", 0, ZMQ_SNDMORE);
	zmq_send(dealer, "BC1", 3, ZMQ_SNDMORE);
	zmq_send(dealer, "GET", 3, ZMQ_SNDMORE);
	zmq_send(dealer, bytes, half, ZMQ_SNDMORE);
	zmq_send(dealer, bytes, half, 0);
	cr_expect_eq(serve_one(&request), BC_EPARSE);
	receive_parts(dealer, got, sizeof got);
	cr_expect_str_eq(got, "|BC1|400|more than 10000 arguments or 16 MiB");

	zmq_send(dealer, bytes, 2 * half, 0); /* one frame beyond the limit: disconnected */
	free(bytes);
	struct bc_rpc_reply reply;
	cr_assert_eq(ask("HEALTH", NULL, 0, PATIENCE), BC_OK);
	cr_assert_eq(serve_one(&request), BC_OK, "the others are served");
	bc_rpc_reply(server, 200, BC_STR("fine"));
	cr_expect_eq(hear(&reply), BC_OK);
	zmq_close(dealer);
}

/* A socket that asks by hand; its queues have no limit, so that this thread never waits in it. */
static void *open_dealer(int n_unread)
{
	const int timeout_ms = PATIENCE * 1000, zero = 0;
	void *dealer = zmq_socket(context, ZMQ_DEALER);
	zmq_setsockopt(dealer, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
	zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
	zmq_setsockopt(dealer, ZMQ_SNDHWM, &zero, sizeof zero);
	zmq_setsockopt(dealer, ZMQ_RCVHWM, &n_unread, sizeof n_unread);
	cr_assert_eq(zmq_connect(dealer, endpoint), 0);
	return dealer;
}

/* Answers all that is there with the question's argument and many bytes; how many were there. */
static size_t serve_all(size_t n_bytes)
{
	static char bytes[1 << 20];
	struct bc_rpc_request request;
	size_t n = 0;
	while (bc_rpc_receive(server, &request) == BC_OK) {
		bc_rpc_reply_begin(server, BC_RPC_OK);
		bc_rpc_reply_frame(server, request.n_args > 0 ? request.args[0] : BC_STR("-"));
		bc_rpc_reply_frame(server, (bc_str){ bytes, n_bytes });
		cr_assert_eq(bc_rpc_reply_end(server), BC_OK);
		n++;
	}
	return n;
}

static bool served_now(size_t *served, size_t n_bytes)
{
	size_t n = serve_all(n_bytes);
	*served += n;
	return n > 0;
}

Test(bus_rpc, who_reads_late_gets_all_answers_in_order, .init = open_all, .fini = close_all)
{
	enum { N = 5000, ANSWER = 4096 }; /* 20 MB: more than is kept for who does not read */
	char text[64], want[64], got[ANSWER];
	void *dealer = open_dealer(1);
	size_t served = 0;
	for (int i = 0; i < N; i++) {
		snprintf(text, sizeof text, "|BC1|GET|%d", i);
		send_parts(dealer, text);
	}
	for (int64_t end = test_in(PATIENCE); served == 0 && test_waits(end);)
		served += serve_all(ANSWER);
	for (int quiet = 0; quiet < 1000; quiet = served_now(&served, ANSWER) ? 0 : quiet + 1)
		continue;
	cr_expect_lt(served, N, "who does not read is not read from");
	for (int i = 0; i < N; i++) {
		for (int part = 0; part < 5; part++) {
			int n;
			while ((n = zmq_recv(dealer, got, sizeof got, ZMQ_DONTWAIT)) < 0)
				served += serve_all(ANSWER);
			got[n < (int)sizeof got ? n : 0] = '\0';
			snprintf(want, sizeof want, "%d", i);
			if (part == 3)
				cr_assert_str_eq(got, want);
		}
	}
	cr_expect_eq(served, N);
	cr_expect_eq(bc_rpc_server_dropped(server), 0);
	zmq_close(dealer);
}

Test(bus_rpc, who_never_reads_is_hung_up_on_and_the_others_are_served, .init = open_all,
     .fini = close_all)
{
	enum { N = 64, MEGABYTE = 1 << 20 };
	struct bc_rpc_reply reply;
	struct bc_rpc_request request;
	void *dealer = open_dealer(1);
	size_t served = 0;
	for (int i = 0; i < N; i++)
		send_parts(dealer, "|BC1|GET");
	for (int64_t end = test_in(PATIENCE); served < 2 && test_waits(end);)
		served += serve_all(MEGABYTE); /* more than the kernel holds */
	for (int quiet = 0; quiet < 1000; quiet = served_now(&served, MEGABYTE) ? 0 : quiet + 1)
		continue;
	cr_expect_lt(served, N / 2, "%zu answers of 1 MiB are kept for it", served);
	cr_assert_eq(ask("HEALTH", NULL, 0, PATIENCE), BC_OK);
	do /* on a slow machine one of its own may come yet: it is left without an answer */
		cr_assert_eq(serve_one(&request), BC_OK, "the others are served");
	while (!bc_str_is(request.verb, "HEALTH"));
	bc_rpc_reply(server, BC_RPC_OK, BC_STR("fine"));
	cr_expect_eq(hear(&reply), BC_OK);
	int ticks = 0; /* each that sees bytes leave begins anew */
	for (int64_t end = test_in(PATIENCE); bc_rpc_server_dropped(server) == 0 && test_waits(end);
	     ticks++)
		bc_rpc_server_tick(server);
	cr_expect_geq(ticks, 31, "%d", ticks);
	cr_expect_eq(bc_rpc_server_dropped(server), 1);
	zmq_close(dealer);
}

static const struct {
	const char *frames; /* of the reply, after the routing */
	const char *why;
} bad_replies[] = {
	{ "BC2|200", "another version" }, { "BC1", "no status" },
	{ "BC1|20", "not three digits" }, { "BC1|2x0", "not a number" },
	{ "hello", "another language" },
};

Test(bus_rpc, a_strange_answer_is_an_error_not_a_crash, .init = open_all, .fini = close_all)
{
	char text[96], routing[2][64], rest[256];
	int timeout_ms = PATIENCE * 1000;
	void *router = zmq_socket(context, ZMQ_ROUTER);
	struct bc_rpc_client *asker = NULL;
	struct bc_rpc_reply reply;
	zmq_setsockopt(router, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
	cr_assert_eq(zmq_bind(router, temp_dir_file(&dir, "ipc://", "odd", text, sizeof text)), 0);
	cr_assert_eq(bc_rpc_client_new(&asker, context, text), BC_OK);
	for (size_t i = 0; i < sizeof bad_replies / sizeof *bad_replies; i++) {
		int n[2];
		cr_assert_eq(bc_rpc_send(asker, BC_STR("GET"), NULL, 0, bc_mono_now(),
					 PATIENCE * BC_NS_PER_S),
			     BC_OK);
		for (int part = 0; part < 2; part++)
			n[part] = zmq_recv(router, routing[part], sizeof routing[part], 0);
		receive_parts(router, rest, sizeof rest);
		for (int part = 0; part < 2; part++)
			zmq_send(router, routing[part], (size_t)n[part], ZMQ_SNDMORE);
		zmq_send(router, "", 0, ZMQ_SNDMORE);
		send_parts(router, bad_replies[i].frames);
		bc_status rc;
		int64_t end = test_in(PATIENCE);
		while ((rc = bc_rpc_poll(asker, bc_mono_now(), &reply)) == BC_EAGAIN &&
		       test_waits(end))
			continue;
		cr_expect_eq(rc, BC_EPARSE, "%s", bad_replies[i].why);
	}
	bc_rpc_client_free(&asker);
	zmq_close(router);
}
