/* ws_inflate.h - permessage-deflate (RFC 7692), the receiving side: one compressed message in, the
 * message out, in a buffer that grows up to the limit and shrinks again. Pure.
 *
 * Threads an inflater belongs to one connection. */
#ifndef BC_WS_INFLATE_H
#define BC_WS_INFLATE_H

#include "proto/value.h"

struct ws_inflate;

/* What was agreed on for the server's direction: window_bits 8 to 15; `no_context`: every message
 * begins without memory of those before. BC_ENOMEM. */
bc_status ws_inflate_new(struct ws_inflate **out, unsigned int window_bits, bool no_context);
void ws_inflate_free(struct ws_inflate **inflate);

/* The payload of a message, of all its fragments. *message is valid until the next call.
 *   BC_ERANGE  it is over max_bytes
 *   BC_EPARSE  it is not what deflate writes
 *   BC_ENOMEM
 * After a failure the inflater cannot go on. */
bc_status ws_inflate_message(struct ws_inflate *w, bc_str payload, size_t max_bytes,
			     bc_str *message);

#endif
