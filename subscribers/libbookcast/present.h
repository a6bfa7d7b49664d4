/* present.h - a decoded message in the public form.
 *
 * Memory  one presentation holds one message and its strings; it is reused and grows as needed.
 *         Levels stay where they were decoded.
 * Threads one. */
#ifndef LIBBOOKCAST_PRESENT_H
#define LIBBOOKCAST_PRESENT_H

#include "subscribers/libbookcast/client.h"
#include "subscribers/libbookcast/include/bookcast.h"

struct presentation {
	bookcast_message message;
	char *strings;
	size_t n_strings, cap_strings;
};

void present_free(struct presentation *p);
/* BC_ENOMEM; BC_ENOTFOUND: a channel without a public form. */
bc_status present(struct presentation *p, const struct bc_client_event *event);

#endif
