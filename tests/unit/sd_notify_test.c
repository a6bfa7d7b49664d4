/* systemd believes what comes over this socket: READY too early starts others on nothing. */
#include "common/sd_notify.h"

#include <criterion/criterion.h>

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int bind_socket(const char *path, bool abstract)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	size_t n = strlen(path);
	memcpy(at.sun_path, path, n);
	if (abstract)
		at.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	cr_assert_eq(bind(fd, (struct sockaddr *)&at,
			  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
		     0);
	return fd;
}

static void expect_told(int fd, const char *name)
{
	char got[64] = "";
	setenv("NOTIFY_SOCKET", name, 1);
	cr_expect_eq(bc_sd_notify("READY=1\nSTATUS=2 books"), BC_OK);
	cr_expect_gt(recv(fd, got, sizeof got - 1, MSG_DONTWAIT), 0);
	cr_expect_str_eq(got, "READY=1\nSTATUS=2 books");
	close(fd);
}

Test(sd_notify, tells_a_socket_in_the_file_system_or_an_abstract_one)
{
	char path[64];
	snprintf(path, sizeof path, "@bookcast-sd-notify-test-%d", (int)getpid());
	expect_told(bind_socket(path, true), path);
	cr_expect_eq(bc_sd_notify("READY=1"), BC_EIO, "the other side is gone");
	snprintf(path, sizeof path, "/tmp/bc-sd-notify-%d", (int)getpid());
	expect_told(bind_socket(path, false), path);
	unlink(path);
}

Test(sd_notify, is_silent_without_a_socket_and_refuses_what_is_none)
{
	unsetenv("NOTIFY_SOCKET");
	cr_expect_eq(bc_sd_notify("READY=1"), BC_OK);
	setenv("NOTIFY_SOCKET", "relative", 1);
	cr_expect_eq(bc_sd_notify("READY=1"), BC_EINVAL);
	setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
	cr_expect_eq(bc_sd_notify("READY=1"), BC_EIO);
}

Test(sd_notify, the_watchdog_is_asked_for_half_the_time)
{
	char pid[32];
	unsetenv("WATCHDOG_USEC");
	cr_expect_eq(bc_sd_watchdog_ns(), 0);
	setenv("WATCHDOG_USEC", "10000000", 1);
	cr_expect_eq(bc_sd_watchdog_ns(), 5 * BC_NS_PER_S);
	setenv("WATCHDOG_PID", "1", 1);
	cr_expect_eq(bc_sd_watchdog_ns(), 0, "meant for another process");
	snprintf(pid, sizeof pid, "%ld", (long)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	cr_expect_eq(bc_sd_watchdog_ns(), 5 * BC_NS_PER_S);
	setenv("WATCHDOG_USEC", "junk", 1);
	cr_expect_eq(bc_sd_watchdog_ns(), 0);
}
