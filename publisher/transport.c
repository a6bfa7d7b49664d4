#include "publisher/transport.h"

const char *bc_ws_close_word(enum bc_ws_close why)
{
	static const char *const words[] = {
#define X(name, word) [name] = (word),
		BC_WS_CLOSE_ROWS(X)
#undef X
	};
	return (size_t)why < BC_N_WS_CLOSES ? words[why] : "unknown";
}
