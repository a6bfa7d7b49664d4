/* http_header.h - the few header values that steer how we treat an exchange. Pure. */
#ifndef BC_HTTP_HEADER_H
#define BC_HTTP_HEADER_H

#include "proto/value.h"

/* An HTTP date (RFC 9110, 5.6.7). BC_EPARSE: it is none. */
bc_status bc_http_date(const char *text, bc_wall_time *out);

/* How long Retry-After (RFC 9110, 10.2.3; seconds or a date) asks us to wait from `now`; 0: not at
 * all, or not understood. Never more than BC_RETRY_AFTER_MAX_NS. */
#define BC_RETRY_AFTER_MAX_NS (7 * 24 * 3600 * BC_NS_PER_S)
int64_t bc_http_retry_after(const char *text, bc_wall_time now);

/* A count, as in "X-MBX-USED-WEIGHT-1M: 3120"; -1: it is none, or above a million millions. */
int64_t bc_http_count(const char *text);

#endif
