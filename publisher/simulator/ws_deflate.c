#include "publisher/simulator/ws_deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define NAME "permessage-deflate"
#define TAIL 4 /* 00 00 ff ff, which the receiver adds again */

struct ws_deflate {
	z_stream z;
	enum ws_deflate_mode mode;
	struct sim_buffer out;
};

/* A smaller window than ours is a wish we do not grant: the next offer may have none. */
static bool takes(bc_str offer)
{
	while (offer.n > 0 && offer.p[0] == ' ')
		offer = (bc_str){ offer.p + 1, offer.n - 1 };
	const size_t n = sizeof NAME - 1;
	return offer.n >= n && memcmp(offer.p, NAME, n) == 0 &&
	       (offer.n == n || offer.p[n] == ';' || offer.p[n] == ' ') &&
	       memmem(offer.p, offer.n, "server_max_window_bits", 22) == NULL;
}

bool ws_deflate_offered(bc_str header)
{
	while (header.n > 0) {
		const char *comma = memchr(header.p, ',', header.n);
		const size_t n = comma != NULL ? (size_t)(comma - header.p) : header.n;
		if (takes((bc_str){ header.p, n }))
			return true;
		header = comma != NULL ? (bc_str){ comma + 1, header.n - n - 1 }
				       : (bc_str){ NULL, 0 };
	}
	return false;
}

const char *ws_deflate_answer(enum ws_deflate_mode mode)
{
	static const char *const answers[] = {
		[WS_DEFLATE_OFF] = "",
		[WS_DEFLATE_ON] = "Sec-WebSocket-Extensions: " NAME "\r\n",
		[WS_DEFLATE_NO_CONTEXT] =
			"Sec-WebSocket-Extensions: " NAME "; server_no_context_takeover\r\n",
	};
	return answers[mode];
}

bc_status ws_deflate_new(struct ws_deflate **out, enum ws_deflate_mode mode)
{
	struct ws_deflate *d = calloc(1, sizeof *d);
	if (d == NULL)
		return BC_ENOMEM;
	d->mode = mode;
	if (deflateInit2(&d->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(d);
		return BC_ENOMEM;
	}
	*out = d;
	return BC_OK;
}

void ws_deflate_free(struct ws_deflate **deflate)
{
	struct ws_deflate *d = *deflate;
	*deflate = NULL;
	if (d == NULL)
		return;
	deflateEnd(&d->z);
	sim_buffer_free(&d->out);
	free(d);
}

bc_str ws_deflate_message(struct ws_deflate *d, bc_str payload)
{
	char piece[4096];
	sim_buffer_clear(&d->out);
	if (d->mode == WS_DEFLATE_NO_CONTEXT)
		deflateReset(&d->z);
	d->z.next_in = (Bytef *)(uintptr_t)payload.p;
	d->z.avail_in = (uInt)payload.n;
	do {
		d->z.next_out = (Bytef *)piece;
		d->z.avail_out = sizeof piece;
		deflate(&d->z, Z_SYNC_FLUSH);
		sim_buffer_add(&d->out, piece, sizeof piece - d->z.avail_out);
	} while (d->z.avail_out == 0);
	if (d->out.failed || d->out.n < TAIL)
		return (bc_str){ NULL, 0 };
	return (bc_str){ d->out.data, d->out.n - TAIL };
}
