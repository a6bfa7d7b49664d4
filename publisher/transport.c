#include "publisher/transport.h"

#include <string.h>

#define LWS_IN_BLOCKS 40500 /* older ones move payload byte by byte */

const char *bc_ws_close_word(enum bc_ws_close why)
{
	static const char *const words[] = {
#define X(name, word) [name] = (word),
		BC_WS_CLOSE_ROWS(X)
#undef X
	};
	return (size_t)why < BC_N_WS_CLOSES ? words[why] : "unknown";
}

const struct bc_transport_ops *bc_transport_find(const char *word, bool compression)
{
	if (strcmp(word, bc_transport_lws.name) == 0)
		return &bc_transport_lws;
	if (strcmp(word, bc_transport_direct.name) == 0)
		return &bc_transport_direct;
	if (strcmp(word, "auto") != 0)
		return NULL;
	return compression || bc_lws_version() < LWS_IN_BLOCKS ? &bc_transport_direct
							       : &bc_transport_lws;
}
