/* hear.h - what a WebSocket client has sent, and whether it may. */
#ifndef BC_CONFORMANCE_HEAR_H
#define BC_CONFORMANCE_HEAR_H

#include "tests/conformance/peer.h"

/* What is wrong with a request, NULL: nothing. accept_value answers its key. */
const char *hear_request(const char *head, const struct conformance_case *c, char accept_value[29]);

/* Moves whole frames from p->in to p->heard; what they must not be goes to p->wrong. */
void hear_frames(struct peer *p);

#endif
