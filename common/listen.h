/* listen.h - a socket that accepts, at an endpoint as ZeroMQ spells it.
 *
 *   ipc:///path    tcp://127.0.0.1:5556    tcp://[::1]:0    tcp://eth0:5556    tcp://[::]:5556
 *
 * and tcp with "*" for every address. Port 0, or "*", is a free one. Threads any; umask() is of the
 * process, so at its start. */
#ifndef BC_LISTEN_H
#define BC_LISTEN_H

#include "proto/value.h"

/* A listening, non-blocking descriptor in *fd. An ipc path has `mode` from its first instant, and
 * replaces what is there: who binds one holds bc_run_lock(). real[BC_ENDPOINT_MAX] gets the
 * endpoint with its real port. BC_EBUSY   the address is in use BC_EINVAL  not an endpoint BC_EBUS
 * anything else; errno says what */
bc_status bc_listen(const char *endpoint, unsigned mode, int *fd, char *real);

#endif
