/* waker.h - one descriptor that is readable when there is something to do: a socket of libzmq has
 * something to tell, or a time has come.
 *
 * libzmq's descriptors are edge-triggered: who has been woken reads its sockets until they have
 * nothing more, and only then waits again. Threads one. */
#ifndef LIBBOOKCAST_WAKER_H
#define LIBBOOKCAST_WAKER_H

#include "proto/value.h"

struct waker {
	int epoll, timer;
	int sockets[2]; /* descriptors by slot; -1: none */
	int64_t armed;  /* when the timer goes off; 0: at once */
};

/* BC_EIO: errno says why; close it all the same. */
bc_status waker_open(struct waker *w);
void waker_close(struct waker *w);

/* Watches another socket in this slot (0, 1) from now on; NULL: none. */
void waker_watch(struct waker *w, int slot, void *socket);
bool waker_has_input(void *socket); /* NULL: no */

void waker_at(struct waker *w, bc_mono_time now, bc_mono_time due); /* of bc_boot_now() */
void waker_at_once(struct waker *w);

/* BC_OK: look; BC_EAGAIN: not within timeout_ns (negative: for ever), or a signal came. */
bc_status waker_wait(struct waker *w, int64_t timeout_ns);

#endif
