/* bus_sub.h - a SUB socket: the reading end of the bus.
 *
 * One subscriber connects to any number of gateways; libzmq reconnects by itself and repeats the
 * subscriptions then, which makes the gateway welcome them again.
 *
 * Memory  a received topic and payload stay valid until the next receive.
 * Threads one. */
#ifndef BC_BUS_SUB_H
#define BC_BUS_SUB_H

#include "proto/value.h"

struct bc_sub;

struct bc_sub_options {
	int recv_hwm_msgs; /* 0: 10,000. Beyond it libzmq drops; the sequence shows the hole */
	int64_t max_frame_bytes; /* 0: 4 MiB */
};

bc_status bc_sub_new(struct bc_sub **out, void *context, const struct bc_sub_options *o);
void bc_sub_free(struct bc_sub **sub);

/* Connecting twice to one endpoint is one connection. BC_EINVAL: not an endpoint. */
bc_status bc_sub_connect(struct bc_sub *sub, const char *endpoint);
/* BC_ENOTFOUND: was not connected. What it had sent and nobody has read is lost. */
bc_status bc_sub_disconnect(struct bc_sub *sub, const char *endpoint);

/* Exactly one topic; BC_ERANGE: longer than a topic may be. */
bc_status bc_sub_topic_add(struct bc_sub *sub, bc_str topic);
bc_status bc_sub_topic_remove(struct bc_sub *sub, bc_str topic);
/* All topics that begin with `prefix`; empty: everything. */
bc_status bc_sub_prefix_add(struct bc_sub *sub, bc_str prefix);
bc_status bc_sub_prefix_remove(struct bc_sub *sub, bc_str prefix);
/* Make every gateway send its current state of a topic, or of what begins with `prefix`, again.
 * It must be covered by what is subscribed, else it is subscribed for a moment only. */
bc_status bc_sub_topic_renew(struct bc_sub *sub, bc_str topic);
bc_status bc_sub_prefix_renew(struct bc_sub *sub, bc_str prefix);

/* Never waits.
 *   BC_OK      topic and payload of one message
 *   BC_EAGAIN  nothing there
 *   BC_EPARSE  something that is no frame of ours; it is gone, go on
 *   BC_EBUS    the socket is unusable */
bc_status bc_sub_receive(struct bc_sub *sub, bc_str *topic, bc_str *payload);

bool bc_sub_has_input(struct bc_sub *sub); /* would bc_sub_receive() find something? */
void *bc_sub_socket(struct bc_sub *sub);   /* for bc_bus_watch_start() and zmq_poll() */

#endif
