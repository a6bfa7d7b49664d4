/* What wakes a loop: a socket that has input, or time that is over. */
#include "common/bus_socket.h"

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
	cr_expect_eq(poll(&item, 1, 5000), 1);
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
