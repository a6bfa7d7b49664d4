/* A transport once a connection is open: pings, closes, losses, the end. */
#include "tests/unit/ws_client.h"

#include "common/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#define CLOSED_NS (4 * BC_NS_PER_S) /* for a close, which has a second */

/* ------------------------------------------------------------------ life of a connection */

static void serve_eof(struct ws_peer *peer, void *arg)
{
	(void)arg;
	ws_peer_upgrade(peer, NULL, 0, NULL);
}

static void serve_reset_inside_a_message(struct ws_peer *peer, void *arg)
{
	uint8_t first;
	char text[64];
	size_t n;
	(void)arg;
	if (ws_peer_upgrade(peer, NULL, 0, NULL) && ws_peer_frame_head(peer, 0x81, 10) &&
	    ws_peer_text(peer, "only") &&
	    ws_peer_read_frame(peer, &first, text, sizeof text, &n)) /* it has seen the upgrade */
		ws_peer_reset(peer);
}

/* Answers nothing after the upgrade, reads nothing, and keeps the socket. */
static void serve_deaf(struct ws_peer *peer, void *arg)
{
	if (ws_peer_upgrade(peer, NULL, 0, NULL)) {
		pthread_mutex_lock(arg);
		pthread_mutex_unlock(arg);
	}
}

static void say_go(struct client *c)
{
	client_send(c, "go");
}

Test(ws_transport_life, tells_a_lost_connection)
{
	struct client c;
	client_run(&c, serve_eof, NULL);
	cr_expect_str_eq(c.told, "opened\nclosed lost\n");
	cr_expect_str_eq(c.detail, "ended without a close frame");
	cr_expect_eq(c.how.close_code, 0);

	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_reset_inside_a_message });
	client_start(&c, NULL);
	c.on_opened = say_go;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\nclosed lost\n");
	cr_expect_str_eq(c.detail, "connection reset");
	client_stop(&c);
	ws_server_stop(&server);
}

struct deaf {
	pthread_mutex_t mutex;
	struct ws_server *server;
	struct client c;
};

static void deaf_start(struct deaf *d)
{
	pthread_mutex_init(&d->mutex, NULL);
	pthread_mutex_lock(&d->mutex);
	d->server = ws_server_start(
		&(struct ws_server_options){ .script = serve_deaf, .arg = &d->mutex });
	client_start(&d->c, NULL);
	client_connect(&d->c, d->server, false);
	cr_assert(client_until(&d->c, &d->c.n_opened, 1));
}

static void deaf_stop(struct deaf *d)
{
	client_stop(&d->c);
	pthread_mutex_unlock(&d->mutex);
	ws_server_stop(&d->server);
	pthread_mutex_destroy(&d->mutex);
}

Test(ws_transport_life, closes_within_a_second_whatever_the_peer_does)
{
	struct deaf d;
	deaf_start(&d);
	TRANSPORT.close(d.c.ws);
	TRANSPORT.close(d.c.ws);
	cr_expect_eq(TRANSPORT.send(d.c.ws, "x", 1), BC_EINVAL);
	cr_expect_eq(TRANSPORT.ping(d.c.ws), BC_EINVAL);
	cr_assert(client_within(&d.c, &d.c.n_closed, 1, CLOSED_NS));
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	deaf_stop(&d);
}

static unsigned int n_sockets(void)
{
	unsigned int n = 0;
	for (int fd = 0; fd < 1024; fd++) {
		struct stat about;
		n += fstat(fd, &about) == 0 && S_ISSOCK(about.st_mode);
	}
	return n;
}

/* A peer that takes nothing in: what is queued is bounded, and does not hold up the close. */
Test(ws_transport_life, bounds_what_is_queued)
{
	static char big[1 << 20];
	struct deaf d;
	deaf_start(&d);
	memset(big, 'x', sizeof big);
	for (size_t i = 0; i < 64; i++)
		cr_assert_eq(TRANSPORT.send(d.c.ws, big, sizeof big), BC_OK, "%zu", i);
	size_t at_once = 0; /* what is written from inside send() is not queued */
	while (TRANSPORT.send(d.c.ws, big, sizeof big) == BC_OK)
		at_once++;
	cr_expect_leq(at_once, is_lws() ? 0 : 16);
	cr_expect_eq(TRANSPORT.send(d.c.ws, "x", 1), BC_EAGAIN);
	for (size_t i = 0; i < 100; i++) /* some of it fits the socket's buffers */
		uv_run(&d.c.loop, UV_RUN_NOWAIT);
	size_t n = 0;
	while (TRANSPORT.send(d.c.ws, big, sizeof big) == BC_OK)
		n++;
	cr_expect_lt(n, 64);
	const unsigned int open_sockets = n_sockets();
	TRANSPORT.close(d.c.ws);
	cr_assert(client_within(&d.c, &d.c.n_closed, 1, CLOSED_NS));
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	/* And it is not only said: libwebsockets would wait for the peer to read on. */
	const uint64_t end = uv_hrtime() + LIMIT_NS;
	while (n_sockets() == open_sockets && uv_hrtime() < end)
		client_within(&d.c, &d.c.n_closed, 2, 10 * BC_NS_PER_MS);
	cr_expect_eq(n_sockets(), open_sockets - 1);
	deaf_stop(&d);
}

/* A half-open connection is silence; who pings and hears nothing closes it. */
Test(ws_transport_life, says_nothing_of_a_silent_peer)
{
	struct deaf d;
	deaf_start(&d);
	cr_assert_eq(TRANSPORT.ping(d.c.ws), BC_OK);
	cr_expect_not(client_within(&d.c, &d.c.n_closed, 1, 300 * BC_NS_PER_MS));
	cr_expect_str_eq(d.c.told, "opened\n");
	TRANSPORT.close(d.c.ws);
	cr_assert(client_until(&d.c, &d.c.n_closed, 1));
	cr_expect_str_eq(d.c.told, "opened\nclosed closed-by-us\n");
	deaf_stop(&d);
}

static void send_one_more(struct client *c)
{
	if (c->n_messages < 200)
		client_send(c, "more");
}

/* Says goodbye to a client that has much to say, and goes on talking without reading. */
static void serve_rude_goodbye(struct ws_peer *peer, void *arg)
{
	static char frame[65536];
	uint8_t first;
	char text[64];
	size_t n;
	bool ok = ws_peer_upgrade(peer, NULL, 0, NULL) &&
		  ws_peer_read_frame(peer, &first, text, sizeof text, &n) &&
		  ws_peer_frame(peer, 0x88, "\x03\xe9", 2);
	atomic_store((atomic_bool *)arg, true);
	while (ok)
		ok = ws_peer_frame(peer, 0x82, frame, sizeof frame);
}

static void say_much(struct client *c)
{
	static char big[1 << 20];
	client_send(c, "go");
	memset(big, 'x', sizeof big);
	while (TRANSPORT.send(c->ws, big, sizeof big) == BC_OK)
		;
}

static long most_kib(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

/* The answer to its close frame cannot be written: that takes a second at most, and no memory. */
Test(ws_transport_life, does_not_wait_for_a_peer_that_has_closed)
{
	struct client c;
	atomic_bool said = false;
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_rude_goodbye, .arg = &said });
	client_start(&c, NULL);
	c.on_opened = say_much;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_opened, 1));
	const long before = most_kib();
	for (uint64_t end = uv_hrtime() + LIMIT_NS; !atomic_load(&said) && uv_hrtime() < end;)
		client_within(&c, &c.n_closed, 1, 10 * BC_NS_PER_MS);
	cr_assert(client_within(&c, &c.n_closed, 1, CLOSED_NS));
	cr_expect_lt(most_kib() - before, 16 * 1024, "%ld KiB more", most_kib() - before);
	cr_expect_str_eq(c.told, "opened\nclosed closed-by-peer\n");
	cr_expect_eq(c.how.close_code, 1001);
	client_stop(&c);
	ws_server_stop(&server);
}

/* What was sent leaves the queue. */
Test(ws_transport_life, sends_more_than_may_wait)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_echo });
	struct client c;
	client_start(&c, NULL);
	c.on_opened = send_one_more;
	c.on_message = send_one_more;
	client_connect(&c, server, false);
	cr_expect(client_until(&c, &c.n_messages, 200), "%u came back", c.n_messages);
	client_stop(&c);
	ws_server_stop(&server);
}

static void serve_pongs(struct ws_peer *peer, void *arg)
{
	uint8_t first;
	char text[64];
	size_t n;
	atomic_uint *n_pings = arg;
	if (!ws_peer_upgrade(peer, NULL, 0, NULL) ||
	    !ws_peer_frame(peer, 0x89, "are you there", 13))
		return;
	while (ws_peer_read_frame(peer, &first, text, sizeof text, &n)) {
		if (first == 0x89) {
			atomic_fetch_add(n_pings, 1);
			ws_peer_frame(peer, 0x8a, text, n);
		} else if (first == 0x8a) {
			ws_peer_frame(peer, 0x81, text, n); /* what our ping was answered with */
		} else if (first == 0x88) {
			ws_peer_frame(peer, first, text, n);
			return;
		}
	}
}

static void ping_on_message(struct client *c)
{
	cr_expect_eq(TRANSPORT.ping(c->ws), BC_OK);
}

Test(ws_transport_life, pings_and_answers_pings)
{
	atomic_uint n_pings = 0;
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_pongs, .arg = &n_pings });
	struct client c;
	client_start(&c, NULL);
	c.on_message = ping_on_message;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_pongs, 1));
	cr_expect_str_eq(c.told, "opened\ntext are you there\npong\n");
	cr_expect_eq(atomic_load(&n_pings), 1);
	client_stop(&c);
	ws_server_stop(&server);
}

static void close_on_message(struct client *c)
{
	TRANSPORT.close(c->ws);
}

Test(ws_transport_life, tells_nothing_between_close_and_closed)
{
	struct bytes bytes = BYTES("\x81\x03one\x81\x03two\x8a\x00\x81\x05three");
	struct ws_server *server = ws_server_start(
		&(struct ws_server_options){ .script = serve_bytes, .arg = &bytes });
	struct client c;
	client_start(&c, NULL);
	c.on_message = close_on_message;
	client_connect(&c, server, false);
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "opened\ntext one\nclosed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
}

Test(ws_transport_life, can_be_closed_before_it_is_open)
{
	struct ws_server *server =
		ws_server_start(&(struct ws_server_options){ .script = serve_nothing });
	struct client c;
	client_start(&c, NULL);
	client_connect(&c, server, false);
	TRANSPORT.close(c.ws);
	cr_expect_eq(c.n_told, 0, "a callback from inside close()");
	cr_assert(client_until(&c, &c.n_closed, 1));
	cr_expect_str_eq(c.told, "closed closed-by-us\n");
	client_stop(&c);
	ws_server_stop(&server);
}

Test(ws_transport_life, stamps_a_message_when_its_first_bytes_come)
{
	struct client c;
	struct bytes bytes = BYTES("\x81\x02hi\x88\x00");
	const int64_t from = bc_wall_now().ns;
	client_run(&c, serve_bytes, &bytes);
	cr_expect_geq(c.received.ns, from);
	cr_expect_leq(c.received.ns, bc_wall_now().ns);
}

/* Messages without end, whatever the client says. */
static void serve_flood(struct ws_peer *peer, void *arg)
{
	static char frame[65536];
	(void)arg;
	bool ok = ws_peer_upgrade(peer, NULL, 0, NULL);
	while (ok)
		ok = ws_peer_frame(peer, 0x82, frame, sizeof frame);
}

/* While a close is under way the parser goes on, with nobody to hand its full chunks to. */
Test(ws_transport_life, closes_in_the_middle_of_a_flood)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	for (int tls = 0; tls < 2; tls++) {
		struct ws_server *server = ws_server_start(&(struct ws_server_options){
			.tls = tls != 0 ? ctx : NULL, .script = serve_flood });
		struct client c;
		client_start(&c, test_ca_file(ca));
		c.on_message = close_on_message;
		client_connect(&c, server, tls != 0);
		cr_assert(client_until(&c, &c.n_messages, 1));
		cr_assert(client_within(&c, &c.n_closed, 1, CLOSED_NS));
		cr_expect_eq(c.n_messages, 1);
		cr_expect_eq(c.how.why, BC_WS_CLOSED_BY_US);
		client_stop(&c);
		ws_server_stop(&server);
	}
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

/* An open connection without traffic costs nothing: the loop sleeps. */
Test(ws_transport_life, sleeps_when_nothing_happens)
{
	struct deaf d;
	deaf_start(&d);
	struct timespec from, to;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	cr_expect_not(client_within(&d.c, &d.c.n_closed, 1, 500 * BC_NS_PER_MS));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	const int64_t used = (to.tv_sec - from.tv_sec) * BC_NS_PER_S + to.tv_nsec - from.tv_nsec;
	cr_expect_lt(used, 100 * BC_NS_PER_MS, "%ld ns of CPU in 500 ms", used);
	deaf_stop(&d);
}

/* ------------------------------------------------------------------ many, and the end */

/* Connections in every state of life: nothing of them may stay behind, and nothing is told. */
Test(ws_transport_life, stops_with_open_connections)
{
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	struct ws_server *plain =
		ws_server_start(&(struct ws_server_options){ .script = serve_echo });
	struct ws_server *tls =
		ws_server_start(&(struct ws_server_options){ .tls = ctx, .script = serve_echo });
	struct ws_server *mute_tls = ws_server_start(&(struct ws_server_options){
		.tls = ctx, .no_tls_answer = true, .script = serve_nothing });
	struct client c, others[6];
	client_start(&c, test_ca_file(ca));
	for (size_t i = 0; i < 6; i++) {
		memset(&others[i], 0, sizeof others[i]);
		others[i].transport = c.transport;
	}
	client_connect(&c, plain, false);
	client_connect(&others[0], tls, true);
	client_connect(&others[1], mute_tls, true);
	cr_assert(client_until(&c, &c.n_opened, 1));
	cr_assert(client_until(&c, &others[0].n_opened, 1));
	client_connect(&others[2], plain, false); /* connecting */
	client_connect(&others[3], tls, true);
	client_connect(&others[4], plain, false);
	TRANSPORT.close(others[4].ws); /* over, not told yet */
	client_send(&c, "never mind");
	TRANSPORT.close(others[0].ws); /* closing */
	const size_t told_before = c.n_told + others[0].n_told;
	client_stop(&c);
	cr_expect_eq(c.n_told + others[0].n_told, told_before);
	for (size_t i = 1; i < 6; i++)
		cr_expect_eq(others[i].n_told, 0, "%zu: %s", i, others[i].told);
	ws_server_stop(&plain);
	ws_server_stop(&tls);
	ws_server_stop(&mute_tls);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
}

Test(ws_transport_life, stops_before_it_ever_ran)
{
	struct client c;
	client_start(&c, NULL);
	client_stop(&c);
}

/* Two transports of one process do not know of each other. */
Test(ws_transport_life, starts_again_after_a_stop)
{
	for (int i = 0; i < 3; i++) {
		struct client c;
		struct bytes bytes = BYTES("\x81\x02hi\x88\x00");
		client_run(&c, serve_bytes, &bytes);
		cr_expect_str_eq(c.told, "opened\ntext hi\nclosed closed-by-peer\n");
	}
}

Test(ws_transport_life, keeps_connections_apart)
{
	struct bytes bad = BYTES("\x83\x00");
	struct ws_server *good =
		ws_server_start(&(struct ws_server_options){ .script = serve_echo });
	struct ws_server *rude =
		ws_server_start(&(struct ws_server_options){ .script = serve_bytes, .arg = &bad });
	struct client c, other = { .n_told = 0 };
	client_start(&c, NULL);
	other.transport = c.transport;
	c.on_opened = say_hello;
	client_connect(&other, rude, false);
	client_connect(&c, good, false);
	cr_assert(client_until(&c, &c.n_messages, 2));
	cr_assert(client_until(&c, &other.n_closed, 1));
	cr_expect_str_eq(other.told, "opened\nclosed protocol\n");
	cr_expect_str_eq(c.told, "opened\ntext hello\ntext again\n");
	client_stop(&c);
	ws_server_stop(&good);
	ws_server_stop(&rude);
}
