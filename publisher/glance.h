/* glance.h - whom a message is about, seen without reading it. */
#ifndef GLANCE_H
#define GLANCE_H

#include "publisher/exchanges/exchange.h"

#define BC_GLANCE_MAX 32 /* longer symbols, and such as begin later, are not seen */

/* The symbol that bytes[n] seem to be about, maybe written down in room[BC_GLANCE_MAX]; empty: not
 * seen. A guess: what comes of it is speed and nothing else. */
bc_str bc_glance(const struct bc_glance *glance, const char *bytes, size_t n, char *room);

#endif
