/* Compressed messages: what any deflate of a server may send, and what none may. */
#include "publisher/ws_inflate.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LIMIT ((size_t)1 << 20)

static void compressor(z_stream *z, int window_bits, int level)
{
	*z = (z_stream){ 0 };
	cr_assert_eq(deflateInit2(z, level, Z_DEFLATED, -window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
}

/* As RFC 7692, 7.2.1: flushed, and without the last four bytes. The caller frees. */
static bc_str compressed(z_stream *z, const char *text, size_t n)
{
	const size_t cap = n + n / 100 + 1024;
	char *out = malloc(cap);
	z->next_in = (Bytef *)(uintptr_t)text;
	z->avail_in = (uInt)n;
	z->next_out = (Bytef *)out;
	z->avail_out = (uInt)cap;
	cr_assert_eq(deflate(z, Z_SYNC_FLUSH), Z_OK, "%zu of %zu", n, cap);
	return (bc_str){ out, cap - z->avail_out - 4 };
}

static void text_fill(char *text, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		text[i] = "0123456789.,:\"{}abcdef"[(seed >> 16) % 22];
	}
}

static void round_trip(int window_bits, bool no_context, int level)
{
	static const size_t sizes[] = { 1, 2, 100, 1519, 5, 40000, 300000, 1519 };
	struct ws_inflate *w = NULL;
	z_stream z;
	compressor(&z, window_bits, level);
	char *text = malloc(300000);
	cr_assert_eq(ws_inflate_new(&w, (unsigned int)window_bits, no_context), BC_OK);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		bc_str out;
		text_fill(text, sizes[i], i % 3 == 0 ? 7 : (unsigned int)i);
		const bc_str in = compressed(&z, text, sizes[i]);
		cr_assert_eq(ws_inflate_message(w, in, LIMIT, &out), BC_OK, "%d, %zu", window_bits,
			     sizes[i]);
		cr_expect_eq(out.n, sizes[i]);
		cr_expect_eq(memcmp(out.p, text, out.n), 0, "%d bits, %zu bytes", window_bits,
			     sizes[i]);
		free((void *)(uintptr_t)in.p);
		if (no_context)
			deflateReset(&z);
	}
	deflateEnd(&z);
	free(text);
	ws_inflate_free(&w);
}

Test(ws_inflate, gives_back_what_was_compressed)
{
	for (int bits = 9; bits <= 15; bits++)
		for (int level = 0; level <= 9; level += 3) {
			round_trip(bits, false, level);
			round_trip(bits, true, level);
		}
}

/* RFC 7692, 7.2.3. */
Test(ws_inflate, knows_the_examples_of_the_rfc)
{
	static const struct {
		const char *bytes;
		size_t n;
		const char *text;
	} rows[] = {
		{ "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello" },
		{ "\xf2\x00\x11\x00\x00", 5, "Hello" }, /* by the context of the first */
		{ "\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello" }, /* stored */
		{ "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello" },              /* BFINAL */
		{ "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello" },
		{ "\x00", 1, "" },
		{ "\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello" }, /* BFINAL, and nothing after it */
		{ "\xf2\x00\x11\x00\x00", 5, "Hello" },         /* the context outlives it */
	};
	struct ws_inflate *w = NULL;
	cr_assert_eq(ws_inflate_new(&w, 15, false), BC_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bc_str out;
		const bc_status rc =
			ws_inflate_message(w, (bc_str){ rows[i].bytes, rows[i].n }, LIMIT, &out);
		cr_assert_eq(rc, BC_OK, "row %zu: %s", i, bc_status_text(rc));
		cr_expect(bc_str_is(out, rows[i].text), "row %zu: %.*s", i, (int)out.n, out.p);
	}
	ws_inflate_free(&w);
}

Test(ws_inflate, refuses_what_deflate_does_not_write)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
	} rows[] = {
		{ "nothing at all", "", 0 },
		{ "a reserved block", "\x06", 1 },
		{ "cut inside a code", "\xf2\x48\xcd", 3 },
		{ "cut inside a stored block", "\x00\x07\x00\xf8\xff\x48", 6 },
		{ "a length that is not its own complement", "\x00\x05\x00\xfa\xfe\x48\x65", 7 },
		{ "a distance before the beginning", "\xf2\x00\x11\x00\x00", 5 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ws_inflate *w = NULL;
		bc_str out;
		cr_assert_eq(ws_inflate_new(&w, 15, false), BC_OK);
		cr_expect_eq(ws_inflate_message(w, (bc_str){ rows[i].bytes, rows[i].n }, LIMIT,
						&out),
			     BC_EPARSE, "%s", rows[i].name);
		ws_inflate_free(&w);
	}
	/* What was promised to be without context refers to none. */
	struct ws_inflate *forgetful = NULL;
	bc_str hello;
	cr_assert_eq(ws_inflate_new(&forgetful, 15, true), BC_OK);
	cr_expect_eq(ws_inflate_message(forgetful, (bc_str){ "\xf2\x48\xcd\xc9\xc9\x07\x00", 7 },
					LIMIT, &hello),
		     BC_OK);
	cr_expect_eq(ws_inflate_message(forgetful, (bc_str){ "\xf2\x00\x11\x00\x00", 5 }, LIMIT,
					&hello),
		     BC_EPARSE);
	ws_inflate_free(&forgetful);
	/* A hundred last blocks in one message: each costs a window's copy. */
	struct ws_inflate *w = NULL;
	bc_str out;
	char ends[200];
	for (size_t i = 0; i < sizeof ends; i++)
		ends[i] = i % 2 == 0 ? '\x03' : '\x00';
	cr_assert_eq(ws_inflate_new(&w, 15, false), BC_OK);
	cr_expect_eq(ws_inflate_message(w, (bc_str){ ends, sizeof ends }, LIMIT, &out), BC_EPARSE);
	ws_inflate_free(&w);
}

/* A thousandth of its size on the wire: it ends at the limit, not at the memory. */
Test(ws_inflate, is_bounded)
{
	static const size_t sizes[] = { LIMIT - 1, LIMIT, LIMIT + 1, 64 * LIMIT };
	char *zeros = calloc(1, 64 * LIMIT);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct ws_inflate *w = NULL;
		bc_str out;
		z_stream z;
		compressor(&z, 15, 9);
		const bc_str in = compressed(&z, zeros, sizes[i]);
		cr_assert_eq(ws_inflate_new(&w, 15, false), BC_OK);
		const bc_status rc = ws_inflate_message(w, in, LIMIT, &out);
		cr_expect_eq(rc, sizes[i] <= LIMIT ? BC_OK : BC_ERANGE, "%zu: %s", sizes[i],
			     bc_status_text(rc));
		cr_expect_leq(out.n, LIMIT + 1);
		free((void *)(uintptr_t)in.p);
		deflateEnd(&z);
		ws_inflate_free(&w);
	}
	free(zeros);
}
