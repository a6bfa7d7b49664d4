/* sd_notify.h - tells systemd how this service is (sd_notify(3)), without its library.
 *
 * Without NOTIFY_SOCKET nothing happens and the answer is BC_OK. Never blocks. */
#ifndef BC_SD_NOTIFY_H
#define BC_SD_NOTIFY_H

#include "proto/value.h"

/* "READY=1", "STATUS=512 books, 510 live", "STOPPING=1", "WATCHDOG=1"; several with '\n' between.
 * BC_EIO: the socket did not take it. BC_EINVAL: NOTIFY_SOCKET is not one. */
bc_status bc_sd_notify(const char *text);

/* How often WATCHDOG=1 should be sent: half of what the unit allows. 0: it asks for none. */
int64_t bc_sd_watchdog_ns(void);

#endif
