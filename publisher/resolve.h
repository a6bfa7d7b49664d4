/* resolve.h - host names to addresses, without ever making the loop wait.
 *
 * Lookups run in libuv's thread pool; while one for a host is under way, every further question for
 * that host waits for the same one, so a dead name server holds one thread a host and no more.
 *
 * Threads everything on the loop's thread. Callbacks are never made from inside bc_resolve(). */
#ifndef BC_RESOLVE_H
#define BC_RESOLVE_H

#include "proto/value.h"

#include <netinet/in.h>
#include <uv.h>

#define BC_ADDRESSES_MAX 16

/* Without duplicates, in the order of RFC 6724, the port filled in. */
struct bc_addresses {
	size_t n;
	struct sockaddr_storage at[BC_ADDRESSES_MAX];
};

struct bc_resolver;
struct bc_resolve; /* one question */

/* BC_OK: addresses->n is at least 1; BC_ENOTFOUND: no such name, or it has no address;
 * BC_ETIMEOUT: no answer in time; BC_EIO, BC_ENOMEM. `why` is for people, "" for BC_OK. Both
 * borrowed for the call; the question is gone afterwards. */
typedef void (*bc_resolved)(void *self, bc_status status, const struct bc_addresses *addresses,
			    const char *why);

bc_status bc_resolver_new(struct bc_resolver **out, uv_loop_t *loop);

/* Cancels every question, without callbacks. The memory goes when the lookups under way have
 * ended: the loop does not become idle before (a dead name server: its own time limit, often 10 s
 * and more), so who cannot wait leaves the loop as it is. NULL is fine. */
void bc_resolver_free(struct bc_resolver **resolver_at);

/* Asks. A numeric address is answered without a lookup. `host` is copied. BC_ENOMEM, BC_EINVAL: not
 * asked. `*out` is valid until the callback or the cancel; out may be NULL. */
bc_status bc_resolve(struct bc_resolver *resolver, const char *host, uint16_t port,
		     int64_t timeout_ns, bc_resolved resolved, void *self, struct bc_resolve **out);

/* No callback any more; sets *question_at to NULL; NULL is fine. */
void bc_resolve_cancel(struct bc_resolve **question_at);

/* The address of the n-th attempt to connect, from 0: in order, and round again. */
const struct sockaddr_storage *bc_address_of_attempt(const struct bc_addresses *addresses,
						     uint64_t n);

#endif
