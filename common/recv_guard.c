#include "common/recv_guard.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 1 << 16, BITS = 64, PING_BYTES = 5 };

/* Of the process, as descriptors are. */
static atomic_uint_fast64_t accepted[DESCRIPTORS / BITS];

static uint64_t bit(int fd)
{
	return UINT64_C(1) << (fd % BITS);
}

void bc_recv_guard_accepted(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		atomic_fetch_or_explicit(&accepted[fd / BITS], bit(fd), memory_order_relaxed);
}

/* One that has no place in the table might be. */
static bool was_accepted(int fd)
{
	return fd >= DESCRIPTORS ||
	       (fd >= 0 &&
		(atomic_load_explicit(&accepted[fd / BITS], memory_order_relaxed) & bit(fd)) != 0);
}

static ssize_t take(int fd, void *to, size_t n, int flags)
{
	return syscall(SYS_recvfrom, fd, to, n, flags, NULL, NULL);
}

/* A PING is the name of a command after its length: found in a topic, the piece just ends early. */
static size_t up_to_ping(const char *bytes, size_t n)
{
	const char *at = n > 1 ? memmem(bytes + 1, n - 1, "\4PING", PING_BYTES) : NULL;
	return at != NULL ? (size_t)(at - bytes) : n;
}

ssize_t guarded_recv(int fd, void *to, size_t n, int flags) __asm__("recv")
	__attribute__((visibility("default")));
ssize_t guarded_recv(int fd, void *to, size_t n, int flags)
{
	if (flags != 0 || !was_accepted(fd))
		return take(fd, to, n, flags);
	ssize_t seen = take(fd, to, n, MSG_PEEK);
	return seen > 0 ? take(fd, to, up_to_ping(to, (size_t)seen), 0) : seen;
}

int guarded_socket(int domain, int type, int protocol) __asm__("socket")
	__attribute__((visibility("default")));
int guarded_socket(int domain, int type, int protocol)
{
	int fd = (int)syscall(SYS_socket, domain, type, protocol);
	if (fd >= 0 && fd < DESCRIPTORS)
		atomic_fetch_and_explicit(&accepted[fd / BITS], ~bit(fd), memory_order_relaxed);
	return fd;
}
