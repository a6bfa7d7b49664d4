/* What wakes a loop: a socket that has input, or time that is over. */
#include "common/bus_socket.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <zmq.h>

static void *context, *from, *to;

static void open_pair(void)
{
	static const struct bc_socket_options options = {
		.type = ZMQ_PAIR, .send_hwm = 10, .recv_hwm = 10, .max_frame_bytes = 1000
	};
	context = bc_bus_context_new();
	cr_assert_eq(bc_bus_socket_new(&from, context, &options), BC_OK);
	cr_assert_eq(bc_bus_socket_new(&to, context, &options), BC_OK);
	cr_assert_eq(zmq_bind(to, "inproc://pair"), 0);
	cr_assert_eq(zmq_connect(from, "inproc://pair"), 0);
}

static void close_pair(void)
{
	bc_bus_socket_free(&from);
	bc_bus_socket_free(&to);
	bc_bus_context_free(&context);
}

#define SOCKET_TEST(name) Test(bus_socket, name, .init = open_pair, .fini = close_pair)

SOCKET_TEST(has_input_once_something_came)
{
	void *const both[] = { from, to };
	cr_expect_not(bc_bus_has_input(to));
	cr_expect_eq(bc_bus_wait(both, 2, 0), BC_OK, "time is over");
	cr_assert_eq(zmq_send(from, "x", 1, 0), 1);
	cr_expect_eq(bc_bus_wait(both, 2, -1), BC_OK);
	cr_expect(bc_bus_has_input(to));
	cr_expect_not(bc_bus_has_input(from));
}

SOCKET_TEST(its_descriptor_wakes_a_poll)
{
	struct pollfd item = { .fd = bc_bus_fd(to), .events = POLLIN };
	cr_assert_geq(item.fd, 0);
	while (bc_bus_has_input(to)) /* which also takes back the wake of the connect */
		cr_assert_geq(zmq_recv(to, NULL, 0, 0), 0);
	cr_assert_eq(zmq_send(from, "x", 1, 0), 1);
	cr_expect_eq(poll(&item, 1, 60000), 1);
}

/* ---- nobody reads what has come, and time passes ---- */

static void *one_of(int type, int recv_hwm)
{
	const struct bc_socket_options options = {
		.type = type, .send_hwm = 1000, .recv_hwm = recv_hwm, .max_frame_bytes = 1000
	};
	void *socket;
	cr_assert_eq(bc_bus_socket_new(&socket, context, &options), BC_OK);
	return socket;
}

/* The fault itself: a thread that does not come to its socket. ZMTP's heartbeats, of a second and
 * of three, would meet the connection meanwhile, and libzmq 4.3.4 would end the process. */
static void stand_still_ms(long ms)
{
	void *idle = one_of(ZMQ_PAIR, 1);
	cr_assert_eq(bc_bus_wait(&idle, 1, ms), BC_OK);
	bc_bus_socket_free(&idle);
}

static int read_all(void *socket, int at_least)
{
	char byte;
	int n = 0;
	for (int64_t end = test_in(60); n < at_least && test_waits(end);)
		while (zmq_recv(socket, &byte, 1, ZMQ_DONTWAIT) >= 0)
			n++;
	return n;
}

Test(bus_socket, one_who_has_gone_is_no_harm_while_what_it_said_waits)
{
	struct temp_dir dir;
	char at[128], topic[16];
	cr_assert(temp_dir_new(&dir));
	context = bc_bus_context_new();
	void *pub = one_of(ZMQ_XPUB, 4), *sub = one_of(ZMQ_SUB, 1000);
	cr_assert_eq(zmq_bind(pub, temp_dir_file(&dir, "ipc://", "pub", at, sizeof at)), 0);
	for (int i = 0; i < 100; i++) {
		snprintf(topic, sizeof topic, "%d.", i);
		zmq_setsockopt(sub, ZMQ_SUBSCRIBE, topic, strlen(topic));
	}
	cr_assert_eq(zmq_connect(sub, at), 0);
	cr_assert_eq(bc_bus_wait(&pub, 1, 60000), BC_OK);
	bc_bus_socket_free(&sub);
	stand_still_ms(1500);
	cr_expect_geq(read_all(pub, 4), 4);
	bc_bus_socket_free(&pub);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

Test(bus_socket, a_slow_reader_reads_on_whenever_it_likes)
{
	enum { N = 100 };
	struct temp_dir dir;
	char at[128], byte;
	cr_assert(temp_dir_new(&dir));
	context = bc_bus_context_new();
	void *pub = one_of(ZMQ_XPUB, 1000), *sub = one_of(ZMQ_SUB, 4);
	cr_assert_eq(zmq_bind(pub, temp_dir_file(&dir, "ipc://", "pub", at, sizeof at)), 0);
	zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "", 0);
	cr_assert_eq(zmq_connect(sub, at), 0);
	cr_assert_eq(zmq_recv(pub, &byte, 1, 0), 1);
	for (int i = 0; i < N; i++)
		cr_assert_eq(zmq_send(pub, "x", 1, 0), 1);
	stand_still_ms(4500);
	cr_expect_eq(read_all(sub, N), N);
	bc_bus_socket_free(&sub);
	bc_bus_socket_free(&pub);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

SOCKET_TEST(what_is_no_socket_is_said_to_be_none)
{
	static char nothing[1 << 16]; /* larger than a socket, whose mark is looked for */
	void *const wrong[] = { nothing };
	void *const many[BC_BUS_WAIT_MAX + 1] = { NULL };
	bc_status rc = bc_bus_wait(wrong, 1, 0);
	cr_expect_eq(rc, BC_EBUS);
	cr_expect_str_eq(bc_bus_why(rc), zmq_strerror(ENOTSOCK));
	cr_expect_eq(bc_bus_fd(nothing), -1);
	cr_expect_not(bc_bus_has_input(nothing));
	cr_expect_eq(bc_bus_wait(many, BC_BUS_WAIT_MAX + 1, 0), BC_EINVAL);
}

Test(bus_socket, a_status_is_put_into_words_whatever_errno_says)
{
	errno = EADDRINUSE;
	cr_expect_str_eq(bc_bus_why(BC_EBUS), strerror(EADDRINUSE));
	cr_expect_str_eq(bc_bus_why(BC_ENOMEM), bc_status_text(BC_ENOMEM));
}
