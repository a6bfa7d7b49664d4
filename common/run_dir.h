/* run_dir.h - where the sockets of one machine's bookcast live, and who owns which.
 *
 * Order: the given one, BOOKCAST_RUN_DIR, /run/bookcast if writable or existing,
 * $XDG_RUNTIME_DIR/bookcast, /tmp/bookcast-<uid> (0700, owner checked). A relative one is made
 * absolute, since its sockets are named to other processes. */
#ifndef BC_RUN_DIR_H
#define BC_RUN_DIR_H

#include "proto/value.h"

#include <stdio.h>

#define BC_PATH_MAX 108 /* of a unix socket, with its NUL */

/* Finds (and if `create`, makes) the directory. On failure why[cap] says what to do.
 * BC_ENOTFOUND: not there and not to be made. BC_EIO: not usable. BC_ERANGE: the path is too long.
 */
bc_status bc_run_dir(const char *given, bool create, char out[BC_PATH_MAX], char *why, size_t cap);

/* "<dir>/<name>"; BC_ERANGE: longer than the path of a unix socket may be. */
bc_status bc_run_path(const char *dir, const char *name, char out[BC_PATH_MAX]);

/* Holds <dir>/<name>.lock by flock for as long as *fd is open: a second ipc bind would steal the
 * path silently. The file stays when the owner ends; only the lock counts. BC_EBUSY: another
 * process owns it; why[cap] names it. */
bc_status bc_run_lock(const char *dir, const char *name, int *fd, char *why, size_t cap);

/* The epoch of an owner of <dir>/<name>, who holds its lock: now_us, or one more than its
 * predecessor's if the clock has been set back meanwhile, since readers drop what is older. It is
 * kept in <dir>/<name>.epoch. BC_EIO: it cannot be; why[cap] says why. */
bc_status bc_run_epoch(const char *dir, const char *name, uint64_t now_us, uint64_t *out, char *why,
		       size_t cap);

/* Calls `each` with the name of everything in `dir` that begins with `begins` and ends in `ends`,
 * in no order: sockets of the living, and of those who were killed. BC_EIO: it cannot be read. */
bc_status bc_run_each(const char *dir, const char *begins, const char *ends,
		      void (*each)(void *self, const char *name), void *self);

#endif
