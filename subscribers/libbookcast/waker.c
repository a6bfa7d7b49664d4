#include "subscribers/libbookcast/waker.h"

#include "common/bus_socket.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static bool add(struct waker *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data = { .fd = fd } };
	return epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

bc_status waker_open(struct waker *w)
{
	*w = (struct waker){ .timer = -1, .sockets = { -1, -1 } };
	w->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll < 0)
		return BC_EIO;
	w->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	return w->timer >= 0 && add(w, w->timer) ? BC_OK : BC_EIO;
}

void waker_close(struct waker *w)
{
	if (w->timer >= 0)
		close(w->timer);
	if (w->epoll >= 0)
		close(w->epoll);
	w->timer = w->epoll = -1;
}

void waker_watch(struct waker *w, int slot, void *socket)
{
	const int fd = socket != NULL ? bc_bus_fd(socket) : -1;
	if (fd == w->sockets[slot])
		return;
	if (w->sockets[slot] >= 0) /* fails if it is closed already, and that is as good */
		epoll_ctl(w->epoll, EPOLL_CTL_DEL, w->sockets[slot], NULL);
	w->sockets[slot] = fd >= 0 && add(w, fd) ? fd : -1;
}

bool waker_has_input(void *socket)
{
	return socket != NULL && bc_bus_has_input(socket);
}

void waker_at(struct waker *w, bc_mono_time now, bc_mono_time due)
{
	if (due.ns <= now.ns)
		due.ns = now.ns + BC_NS_PER_MS;
	if (due.ns == w->armed)
		return;
	const struct itimerspec when = { .it_value = { .tv_sec = due.ns / BC_NS_PER_S,
						       .tv_nsec = due.ns % BC_NS_PER_S } };
	w->armed = due.ns;
	timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

void waker_at_once(struct waker *w)
{
	const struct itimerspec soon = { .it_value = { .tv_nsec = 1 } };
	w->armed = 0;
	timerfd_settime(w->timer, 0, &soon, NULL);
}

bc_status waker_wait(struct waker *w, int64_t timeout_ns)
{
	struct pollfd item = { .fd = w->epoll, .events = POLLIN };
	int64_t ms = timeout_ns / BC_NS_PER_MS + 1;
	int n = poll(&item, 1, timeout_ns < 0 ? -1 : ms > INT_MAX ? INT_MAX : (int)ms);
	if (n > 0)
		return BC_OK;
	return n == 0 || errno == EINTR ? BC_EAGAIN : BC_EIO;
}
