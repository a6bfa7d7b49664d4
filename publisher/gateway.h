/* gateway.h - one exchange in, one bus out: carries the session's decisions out.
 *
 * Everything runs on one libuv loop and one thread. Only the metrics' HTTP server has a thread of
 * its own, and it reads atomics. docs/ARCHITECTURE.md draws the loop.
 *
 * Files  gateway.c         life, the loop's turn, signals, heartbeats
 *        gateway_feed.c    the session's connections on the transport, its REST requests
 *        gateway_bus.c     the outlet's topics on the XPUB socket; who has subscribed
 *        gateway_status.c  metrics, readiness, what systemd is told
 *        gateway_shard.c   which part of the exchange is ours, and handing over the rest
 *        peers.c           the other gateways of the exchange, heard; elsewhere.c, what they serve
 *        gateway_reload.c  the configuration, read again
 *        control.c         the control socket; control_symbols.c, some of its verbs */
#ifndef GATEWAY_H
#define GATEWAY_H

#include "publisher/settings.h"

struct gateway;

/* Binds its sockets, prints the ready line on stdout, starts the feed. The caller owns *out.
 * Anything but BC_OK has been logged. */
bc_status gateway_open(struct gateway **out, const struct settings *settings, struct bc_log *log);

/* Until SIGTERM or SIGINT; `down` has been published then. */
void gateway_run(struct gateway *gateway);

/* Takes less than a second. Sets *gateway to NULL; safe on NULL. False: a name is still being
 * looked up in a thread of its own, and exit(), which would wait for it, must not be called. */
bool gateway_close(struct gateway **gateway);

#endif
