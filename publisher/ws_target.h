/* ws_target.h - what every transport does with a target before it connects. Pure. */
#ifndef BC_WS_TARGET_H
#define BC_WS_TARGET_H

#include "publisher/transport.h"

#define WS_HOST_MAX      100
#define WS_HOST_TEXT_MAX (WS_HOST_MAX + sizeof "[]:65535")
#define WS_PATH_MAX      1900

/* Whether it makes one request and no more: BC_EINVAL otherwise. address[INET6_ADDRSTRLEN] is its
 * address in digits, *port the one to connect to. */
bc_status ws_target_check(const struct bc_ws_target *target, char *address, uint16_t *port);

/* The value of the Host header, in out[WS_HOST_TEXT_MAX]. */
void ws_target_host(const struct bc_ws_target *target, char *out);

#endif
