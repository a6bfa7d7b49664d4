/* ws_deflate.h - permessage-deflate (RFC 7692), the sending side of the simulated exchange. Pure.
 */
#ifndef BC_SIM_WS_DEFLATE_H
#define BC_SIM_WS_DEFLATE_H

#include "publisher/simulator/buffer.h"

enum ws_deflate_mode {
	WS_DEFLATE_OFF,        /* never answers an offer */
	WS_DEFLATE_ON,         /* keeps its context from message to message */
	WS_DEFLATE_NO_CONTEXT, /* begins every message anew */
};

#define WS_DEFLATE_FROM 64 /* bytes; smaller messages go as they are, as with other servers */

struct ws_deflate;

/* Whether `header`, the value of Sec-WebSocket-Extensions, offers it in a way we can take. */
bool ws_deflate_offered(bc_str header);
/* The header that answers, with its line end; "" for WS_DEFLATE_OFF. */
const char *ws_deflate_answer(enum ws_deflate_mode mode);

bc_status ws_deflate_new(struct ws_deflate **out, enum ws_deflate_mode mode); /* BC_ENOMEM */
void ws_deflate_free(struct ws_deflate **deflate);
/* The compressed payload; valid until the next call. p is NULL: out of memory. */
bc_str ws_deflate_message(struct ws_deflate *deflate, bc_str payload);

#endif
