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

#include "proto/value.h"

/* Takes the reserve. BC_EIO: there is none to take. */
bc_status bc_accept_guard(void);

/* Connections that were hung up on since the start. */
uint64_t bc_accept_refused(void);

#endif
