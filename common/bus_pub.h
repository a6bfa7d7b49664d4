/* bus_pub.h - the publishing end of the bus: an XPUB socket that knows who listens to what.
 *
 * A message is one frame: topic, NUL, payload. Sending never waits: what a subscriber's queue
 * cannot take is dropped for that subscriber alone, and the sequence shows it the hole.
 *
 * Limits  a subscription is at most 256 bytes (a peer that sends more is disconnected); the queue
 *         of each subscriber: send_hwm_msgs; max_filters different filters, or 64 bytes each.
 * Beyond, the connection that has brought most of them is ended, and its filters go with it; it may
 *         come again. libzmq keeps about 40 bytes for each byte of a filter, which is what this
 *         bounds. An eighth more is remembered for those who come meanwhile, then see
 * bus_filters.h. Memory  opening topics and subscriptions allocate; sending allocates nothing of
 * ours, and libzmq once for each message over 33 bytes. Threads one. Source  plain XPUB with
 * XPUB_VERBOSE: XPUB_MANUAL of libzmq 4.3.4 uses memory after free. */
#ifndef BC_BUS_PUB_H
#define BC_BUS_PUB_H

#include "common/bus_filters.h"
#include "common/bus_peers.h"
#include "common/bus_socket.h"

#define BC_PUB_MAX_BINDS 8

struct bc_pub;

struct bc_pub_options {
	int send_hwm_msgs;    /* > 0 */
	int linger_ms;        /* >= 0 */
	uint32_t max_filters; /* 0: 65,536 */
};

/* BC_ENOMEM, BC_EBUS. */
bc_status bc_pub_new(struct bc_pub **out, void *context, const struct bc_pub_options *o);
/* Gives up the locks of ipc binds, too. Sets *pub to NULL; safe on NULL. */
void bc_pub_free(struct bc_pub **pub);

/* Binds <dir>/<name> (mode 0660) while holding its lock: a second bind of an ipc path would
 * steal it silently. BC_EBUSY: another process owns it. why[cap] says what is wrong. */
bc_status bc_pub_bind_ipc(struct bc_pub *pub, const char *dir, const char *name, char *why,
			  size_t cap);
/* BC_EINVAL: no endpoint, or one that anybody can reach without `allow_insecure`. BC_EBUSY. */
bc_status bc_pub_bind(struct bc_pub *pub, const char *endpoint, bool allow_insecure, char *why,
		      size_t cap);
size_t bc_pub_endpoints(const struct bc_pub *pub);
const char *bc_pub_endpoint(const struct bc_pub *pub, size_t i); /* with its real port */

struct bc_filters *bc_pub_filters(struct bc_pub *pub); /* to open topics and ask who wants them */
void *bc_pub_socket(struct bc_pub *pub);               /* for bc_bus_watch_start() */

/* Reads what subscribers have asked for since, at most `max` of it; `match` is called for each
 * topic that a subscription, also a repeated one, matches. BC_OK: there may be more; BC_EAGAIN:
 * that was all. BC_EBUSY: there may be more, and a connection was ended, see bc_pub_flood().
 * BC_ERANGE, BC_ENOMEM as bc_filters_subscribe(), once. BC_EBUS. */
bc_status bc_pub_read(struct bc_pub *pub, unsigned max, bc_topic_match_fn *match, void *self);

struct bc_pub_flood {
	uint64_t n_cut, n_refused; /* connections ended; subscriptions of theirs not heard */
	/* of the last one */
	char address[BC_PEER_ADDRESS_MAX];
	uint32_t n_filters; /* that it had brought */
};
const struct bc_pub_flood *bc_pub_flood(const struct bc_pub *pub);

/* After all that is held. BC_EBUS: libzmq refused; errno says why. */
bc_status bc_pub_send(struct bc_pub *pub, uint32_t topic, bc_str payload);

/* Says it a little later, with what follows: libzmq's thread is woken once for all of it, and
 * writes it in one piece, instead of for each message where it has nothing else to do. For what
 * came in one go: whoever holds must flush before it waits for anything. The order is that of the
 * calls, the payload is copied, and BC_PUB_MAX_HELD messages go out by themselves. BC_EBUS: no
 * memory. */
#define BC_PUB_MAX_HELD 16 /* some 20 us of reading; a thread that sleeps takes as long to wake */
bc_status bc_pub_hold(struct bc_pub *pub, uint32_t topic, bc_str payload);
void bc_pub_flush(struct bc_pub *pub);
/* Held ones that libzmq refused: they are lost. */
uint64_t bc_pub_refused(const struct bc_pub *pub);

#endif
