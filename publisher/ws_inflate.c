#include "publisher/ws_inflate.h"

#include <stdlib.h>
#include <zlib.h>

#define FIRST_BYTES    ((size_t)32 << 10)
#define WINDOW_BYTES   32768
#define CALM_MESSAGES  256 /* in a row that need no more than FIRST_BYTES */
#define ENDS_MAX       64  /* blocks of a message that call themselves the last one */
#define BETWEEN_BLOCKS 128 /* of z_stream.data_type after inflate() */
#define UNUSED_BITS    63

struct ws_inflate {
	z_stream z;
	bool no_context, ended;
	unsigned int n_ends;
	char *bytes;
	size_t cap;
	unsigned int calm;
};

bc_status ws_inflate_new(struct ws_inflate **out, unsigned int window_bits, bool no_context)
{
	struct ws_inflate *w = calloc(1, sizeof *w);
	if (w == NULL)
		return BC_ENOMEM;
	w->no_context = no_context;
	/* Raw deflate is asked for by a negative window; zlib knows none of 8 bits there, and one
	 * of 9 reads what it wrote. */
	if (inflateInit2(&w->z, window_bits < 9 ? -9 : -(int)window_bits) != Z_OK) {
		free(w);
		return BC_ENOMEM;
	}
	*out = w;
	return BC_OK;
}

void ws_inflate_free(struct ws_inflate **inflate)
{
	struct ws_inflate *w = *inflate;
	*inflate = NULL;
	if (w == NULL)
		return;
	inflateEnd(&w->z);
	free(w->bytes);
	free(w);
}

static bc_status resize(struct ws_inflate *w, size_t cap)
{
	char *bytes = realloc(w->bytes, cap);
	if (bytes == NULL)
		return BC_ENOMEM;
	w->bytes = bytes;
	w->cap = cap;
	w->calm = 0;
	return BC_OK;
}

/* A block that says it is the last one does not end the connection's stream (RFC 7692, 7.2.3.4):
 * what follows may still refer to what was before. */
static bc_status go_on(struct ws_inflate *w)
{
	Bytef window[WINDOW_BYTES];
	uInt n = sizeof window;
	if (++w->n_ends > ENDS_MAX || inflateGetDictionary(&w->z, window, &n) != Z_OK ||
	    inflateReset(&w->z) != Z_OK || inflateSetDictionary(&w->z, window, n) != Z_OK)
		return BC_EPARSE;
	return BC_OK;
}

/* Makes room behind the n bytes that are there: one byte more than the limit tells a message over
 * it. */
static bc_status room(struct ws_inflate *w, size_t n, size_t max_bytes)
{
	if (n < w->cap && n <= max_bytes)
		return BC_OK;
	if (n > max_bytes)
		return BC_ERANGE;
	const size_t twice = w->cap == 0 ? FIRST_BYTES : w->cap * 2;
	return resize(w, twice <= max_bytes ? twice : max_bytes + 1);
}

/* Takes in everything of `in`. */
static bc_status run(struct ws_inflate *w, bc_str in, size_t max_bytes, size_t *n)
{
	w->z.next_in = (Bytef *)(uintptr_t)in.p;
	w->z.avail_in = (uInt)in.n;
	for (;;) {
		bc_status status = room(w, *n, max_bytes);
		if (status != BC_OK)
			return status;
		w->z.next_out = (Bytef *)w->bytes + *n;
		w->z.avail_out = (uInt)(w->cap - *n);
		const int rc = inflate(&w->z, Z_SYNC_FLUSH);
		*n = w->cap - w->z.avail_out;
		w->ended = rc == Z_STREAM_END;
		if (w->ended && (status = go_on(w)) != BC_OK)
			return status;
		if (!w->ended && rc != Z_OK && rc != Z_BUF_ERROR)
			return rc == Z_MEM_ERROR ? BC_ENOMEM : BC_EPARSE;
		if (w->z.avail_in == 0 && w->z.avail_out > 0)
			return BC_OK;
	}
}

/* All blocks are whole, and nothing of a byte is left over. */
static bool at_its_end(const struct ws_inflate *w)
{
	return (w->z.data_type & BETWEEN_BLOCKS) != 0 && (w->z.data_type & UNUSED_BITS) == 0;
}

bc_status ws_inflate_message(struct ws_inflate *w, bc_str payload, size_t max_bytes,
			     bc_str *message)
{
	size_t n = 0;
	if (w->cap > FIRST_BYTES && ++w->calm >= CALM_MESSAGES)
		resize(w, FIRST_BYTES);
	if (w->no_context)
		inflateReset(&w->z);
	w->n_ends = 0;
	w->ended = false;
	bc_status rc = run(w, payload, max_bytes, &n);
	/* Every sender cuts these four off (7.2.1), but for one whose last block was a last one. */
	if (rc == BC_OK && !w->ended) {
		rc = run(w, (bc_str){ "\0\0\xff\xff", 4 }, max_bytes, &n);
		if (rc == BC_OK && !at_its_end(w))
			rc = BC_EPARSE;
	}
	if (rc == BC_OK && n > max_bytes)
		rc = BC_ERANGE;
	if (n > FIRST_BYTES / 2)
		w->calm = 0;
	*message = (bc_str){ w->bytes, n };
	return rc;
}
