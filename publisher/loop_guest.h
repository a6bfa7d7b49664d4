/* loop_guest.h - which handles a library has put into our loop, for libraries that do not say when
 * they have taken them out again.
 *
 *   loop_guest_before(&guest, loop); library_start(loop); loop_guest_after(&guest, loop);
 *   ...
 *   library_stop(); then, turn by turn, until !loop_guest_present(&guest, loop)
 *
 * Threads everything on the loop's thread. */
#ifndef BC_LOOP_GUEST_H
#define BC_LOOP_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#define LOOP_GUEST_HANDLES_MAX 8

struct loop_guest {
	size_t n_before;
	size_t n;
	uv_handle_t *handles[LOOP_GUEST_HANDLES_MAX];
};

void loop_guest_before(struct loop_guest *guest, uv_loop_t *loop);
/* Notes those that are new, but for uv_poll_t: they come and go with sockets, and their memory may
 * be used again. The caller sees to it that nobody else starts a handle in between. */
void loop_guest_after(struct loop_guest *guest, uv_loop_t *loop);
bool loop_guest_present(const struct loop_guest *guest, uv_loop_t *loop);

#endif
