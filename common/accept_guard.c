#include "common/accept_guard.h"

#include "common/recv_guard.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of the process, as the limit is. */
static atomic_int reserve = -1;
static atomic_uint_fast64_t refused;

bc_status bc_accept_guard(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return BC_EIO;
	int before = atomic_exchange(&reserve, fd);
	if (before >= 0)
		close(before);
	return BC_OK;
}

void bc_accept_tell(struct bc_log *log, const char *event, uint64_t *told)
{
	uint64_t now = atomic_load(&refused);
	if (now > *told)
		bc_log_event(log, BC_LOG_ERROR, event, BC_LOG_U("connections", now - *told),
			     BC_LOG_S("why",
				      "no file descriptor is free; raise LimitNOFILE, or see "
				      "who connects so often"));
	*told = now;
}

static int take(int listener, struct sockaddr *address, socklen_t *length, int flags)
{
	return (int)syscall(SYS_accept4, listener, address, length, flags);
}

/* To the caller it looks as if the other side had gone meanwhile, which happens to everybody. */
static int hang_up(int listener)
{
	int kept = atomic_exchange(&reserve, -1);
	if (kept >= 0)
		close(kept);
	struct pollfd newcomer = { .fd = listener, .events = POLLIN };
	int fd = -1; /* never wait for one, however the listener is set */
	if (poll(&newcomer, 1, 0) > 0)
		fd = take(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fd >= 0) {
		close(fd);
		atomic_fetch_add(&refused, 1);
	}
	(void)bc_accept_guard(); /* another thread may have been faster: then at the next one */
	errno = ECONNABORTED;
	return -1;
}

static int accept_or_hang_up(int listener, __SOCKADDR_ARG address, socklen_t *length, int flags)
{
	int fd = take(listener, address.__sockaddr__, length, flags);
	if (fd >= 0)
		bc_recv_guard_accepted(fd);
	return fd < 0 && (errno == EMFILE || errno == ENFILE) ? hang_up(listener) : fd;
}
__attribute__((visibility("default"), alias("accept_or_hang_up"))) int accept4(int, __SOCKADDR_ARG,
									       socklen_t *, int);
