/* ws_random.h - bytes nobody can guess, from the kernel, fetched in blocks: a key a connection, a
 * mask a frame (RFC 6455, 5.3 and 10.3).
 *
 * Threads one belongs to one loop. */
#ifndef BC_WS_RANDOM_H
#define BC_WS_RANDOM_H

#include "proto/value.h"

#include <sys/types.h>

#define WS_RANDOM_BLOCK 256 /* what getrandom(2) gives whole or not at all */

struct ws_random { /* all zero: empty, of the kernel */
	unsigned char bytes[WS_RANDOM_BLOCK];
	size_t left;
	ssize_t (*get)(void *out, size_t n, unsigned flags); /* NULL: getrandom(2); tests fail it */
};

/* n <= WS_RANDOM_BLOCK. BC_EIO: the kernel has none. */
bc_status ws_random_take(struct ws_random *r, void *out, size_t n);

#endif
