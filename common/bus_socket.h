/* bus_socket.h - what all our ZeroMQ sockets have in common: limits, dead peers, safe binds.
 *
 * Every socket is made with a bounded linger, a bounded queue and a largest frame; and the kernel
 * asks after silent TCP peers, so that a partition is noticed after 3 s. Not ZMTP's heartbeats:
 * libzmq 4.3.4 ends the process if one meets a connection whose input waits for us (decision 0025).
 *
 * Threads a context may be shared; a socket belongs to one thread.
 * Source  libzmq 4.3.4, docs/decisions for the figures. */
#ifndef BC_BUS_SOCKET_H
#define BC_BUS_SOCKET_H

#include "proto/value.h"

#define BC_ENDPOINT_MAX 256 /* with its NUL */

/* How the kernel asks after a silent TCP peer. */
enum { BC_BUS_PROBE_S = 1, BC_BUS_PROBES = 3 };

/* One context a process: several at once meet libzmq issue 4242. NULL: out of memory. */
void *bc_bus_context_new(void);
/* Waits for the sockets' linger, so close them first. Sets *context to NULL; safe on NULL. */
void bc_bus_context_free(void **context);

struct bc_socket_options {
	int type;                /* ZMQ_XPUB, ZMQ_SUB, ... */
	int send_hwm, recv_hwm;  /* messages; > 0 */
	int64_t max_frame_bytes; /* a peer that announces a larger frame is disconnected; > 0 */
	int linger_ms;           /* >= 0: how long unsent messages may hold up a close */
};

/* BC_EINVAL: a limit is missing. BC_EBUS: libzmq refused; errno says why. */
bc_status bc_bus_socket_new(void **out, void *context, const struct bc_socket_options *o);
/* Sets *socket to NULL; safe on NULL. */
void bc_bus_socket_free(void **socket);

/* Binds. An ipc path is made with `mode` (0660, 0600) from its first instant; who binds one holds
 * bc_run_lock() first. real[BC_ENDPOINT_MAX] gets the endpoint with its real port.
 *   BC_EBUSY   the address is in use
 *   BC_EINVAL  not an endpoint
 *   BC_EBUS    anything else; errno says what */
bc_status bc_bus_bind(void *socket, const char *endpoint, unsigned mode, char *real);

/* For loops: the descriptor that says "look again", edge-triggered; -1: the context is ending. */
int bc_bus_fd(void *socket);
/* Is there something to receive? False also when the context is ending. */
bool bc_bus_has_input(void *socket);
/* Waits until one of the sockets, at most BC_BUS_WAIT_MAX, has input.
 *   BC_OK     one has, or the time is over, or a signal came
 *   BC_EBUS   errno says why */
#define BC_BUS_WAIT_MAX 4
bc_status bc_bus_wait(void *const *sockets, size_t n, long at_most_ms);

/* Of a status just returned: for BC_EBUS what errno says, else bc_status_text(). */
const char *bc_bus_why(bc_status rc);

/* Is it "tcp://HOST:PORT", the port a number or "*"? */
bool bc_endpoint_is_tcp(const char *endpoint);

/* Is it reachable from this machine only: ipc, inproc, or tcp on 127/8 or [::1]? */
bool bc_endpoint_is_local(const char *endpoint);

#endif
