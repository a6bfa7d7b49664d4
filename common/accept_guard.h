/* accept_guard.h - a process that is out of file descriptors goes on.
 *
 * libzmq 4.3.4 aborts the process where accept4() of an ipc socket says EMFILE, and spins where it
 * is a tcp one (src/ipc_listener.cpp, tcp_listener.cpp): whoever may connect to a socket could end
 * its owner by connecting often enough. So one descriptor is kept in reserve. At the limit it is
 * given up for the newcomer, who is hung up on at once; those who were here before notice nothing.
 *
 * Linking this file replaces accept4() in the whole process: for programs, never for a library.
 * Threads any. */
#ifndef BC_ACCEPT_GUARD_H
#define BC_ACCEPT_GUARD_H

#include "common/log.h"
#include "proto/value.h"

/* Takes the reserve. BC_EIO: there is none to take. */
bc_status bc_accept_guard(void);

/* Logs `event` if connections were hung up on since this was last told; *told counts those of the
 * process that have been, from 0. */
void bc_accept_tell(struct bc_log *log, const char *event, uint64_t *told);

#endif
