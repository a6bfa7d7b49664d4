#include "publisher/ws_random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static bc_status refill(struct ws_random *r)
{
	ssize_t n;
	do
		n = (r->get != NULL ? r->get : getrandom)(r->bytes, sizeof r->bytes, 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof r->bytes)
		return BC_EIO;
	r->left = sizeof r->bytes;
	return BC_OK;
}

bc_status ws_random_take(struct ws_random *r, void *out, size_t n)
{
	if (r->left < n && refill(r) != BC_OK)
		return BC_EIO;
	r->left -= n;
	memcpy(out, r->bytes + r->left, n);
	memset(r->bytes + r->left, 0, n); /* never twice */
	return BC_OK;
}
