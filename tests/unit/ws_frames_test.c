/* The direct transport's frame reader: the same messages however the bytes are cut, in place, in
 * bounded memory. */
#include "publisher/ws_frames.h"
#include "publisher/ws_inflate.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LIMIT ((size_t)1 << 20)
#define SAID  4096

struct bytes {
	const char *p;
	size_t n;
};
#define BYTES(literal) ((struct bytes){ (literal), sizeof(literal) - 1 })

/* What the reader says of what it has, a word a frame. False: nothing after it makes sense. */
/* Bytes at `to`, no NUL behind them; how many. */
static size_t put(char *to, bc_str bytes)
{
	memcpy(to, bytes.p, bytes.n);
	return bytes.n;
}

static bool say(struct ws_frames *f, char *said)
{
	struct ws_frame frame;
	for (;;) {
		const size_t n = strlen(said);
		char *at = said + n;
		const size_t cap = SAID - n;
		switch (ws_frames_next(f, &frame)) {
		case WS_FRAME_NONE:
			return true;
		case WS_FRAME_MESSAGE:
			snprintf(at, cap, "%s(%.*s) ", frame.binary ? "binary" : "text",
				 (int)(frame.payload.n < 99 ? frame.payload.n : 99),
				 frame.payload.p);
			break;
		case WS_FRAME_PING:
			snprintf(at, cap, "ping(%.*s) ", (int)frame.payload.n, frame.payload.p);
			break;
		case WS_FRAME_PONG:
			snprintf(at, cap, "pong(%.*s) ", (int)frame.payload.n, frame.payload.p);
			break;
		case WS_FRAME_CLOSE:
			snprintf(at, cap, "close %u(%.*s) ", frame.code, (int)frame.payload.n,
				 frame.payload.p);
			break;
		case WS_FRAME_BAD:
			snprintf(at, cap, "bad %u", frame.code);
			return false;
		}
	}
}

static bool feed(struct ws_frames *f, const char *p, size_t n, char *said)
{
	bool good = true;
	while (good && n > 0) {
		size_t room;
		char *to = ws_frames_room(f, &room);
		cr_assert_not_null(to);
		cr_assert_geq(room, WS_FRAMES_ROOM);
		const size_t piece = n < room ? n : room;
		memcpy(to, p, piece);
		ws_frames_filled(f, piece, (bc_wall_time){ 1 });
		good = say(f, said);
		p += piece;
		n -= piece;
	}
	return good;
}

static const struct {
	const char *name;
	struct bytes bytes;
	const char *said;
} streams[] = {
	{ "messages", BYTES("\x81\x02hi\x82\x03\x62in\x81\x00"), "text(hi) binary(bin) text() " },
	{ "fragments", BYTES("\x01\x02he\x00\x02ll\x80\x01o\x81\x01x"), "text(hello) text(x) " },
	{ "empty fragments", BYTES("\x02\x00\x00\x00\x00\x01x\x80\x00"), "binary(x) " },
	{ "control frames between fragments",
	  BYTES("\x01\x02he\x89\x01p\x00\x01l\x8a\x01q\x80\x02lo"),
	  "ping(p) pong(q) text(hello) " },
	{ "UTF-8 cut by a fragment", BYTES("\x01\x02\xe2\x82\x80\x01\xac"), "text(\xe2\x82\xac) " },
	{ "close",
	  BYTES("\x88\x05\x03\xe8"
		"bye"),
	  "close 1000(bye) " },
	{ "close of nothing", BYTES("\x88\x00"), "close 0() " },
	{ "close 1012", BYTES("\x88\x02\x03\xf4"), "close 1012() " },
	{ "close 3000", BYTES("\x88\x02\x0b\xb8"), "close 3000() " },
	{ "close of one byte", BYTES("\x88\x01\x03"), "bad 1002" },
	{ "close 999", BYTES("\x88\x02\x03\xe7"), "bad 1002" },
	{ "close 1005", BYTES("\x88\x02\x03\xed"), "bad 1002" },
	{ "close 1015", BYTES("\x88\x02\x03\xf7"), "bad 1002" },
	{ "close 2999", BYTES("\x88\x02\x0b\xb7"), "bad 1002" },
	{ "close 5000", BYTES("\x88\x02\x13\x88"), "bad 1002" },
	{ "a reason that is not UTF-8", BYTES("\x88\x03\x03\xe8\xff"), "bad 1007" },
	{ "text that is not UTF-8", BYTES("\x81\x02hi\x81\x02\xc3\x28"), "text(hi) bad 1007" },
	{ "binary need not be", BYTES("\x82\x02\xc3\x28"), "binary(\xc3\x28) " },
	{ "RSV1", BYTES("\xc1\x02hi"), "bad 1002" },
	{ "RSV2", BYTES("\xa1\x02hi"), "bad 1002" },
	{ "RSV3", BYTES("\x91\x02hi"), "bad 1002" },
	{ "opcode 3", BYTES("\x83\x02hi"), "bad 1002" },
	{ "opcode 11", BYTES("\x8b\x02hi"), "bad 1002" },
	{ "a mask", BYTES("\x81\x82\x01\x02\x03\x04\x69\x6b"), "bad 1002" },
	{ "a continuation of nothing", BYTES("\x80\x02hi"), "bad 1002" },
	{ "a message inside one", BYTES("\x01\x02he\x81\x02hi"), "bad 1002" },
	{ "a continuation after the end", BYTES("\x81\x02hi\x80\x02hi"), "text(hi) bad 1002" },
	{ "a fragmented ping", BYTES("\x09\x02hi"), "bad 1002" },
	{ "a long ping", BYTES("\x89\x7e\x00\x7e"), "bad 1002" },
	{ "a 16 bit length of 125", BYTES("\x82\x7e\x00\x7d"), "bad 1002" },
	{ "a 64 bit length of 65535", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"),
	  "bad 1002" },
	{ "a length with its top bit", BYTES("\x82\x7f\x80\x00\x00\x00\x00\x01\x00\x00"),
	  "bad 1002" },
	{ "over the limit", BYTES("\x82\x7f\x00\x00\x00\x00\x00\x10\x00\x01"), "bad 1009" },
	{ "over the limit with what there is",
	  BYTES("\x02\x01x\x80\x7f\x00\x00\x00\x00\x00\x10\x00\x00"), "bad 1009" },
};

/* In one piece, cut in two at every place, and byte by byte. */
Test(ws_frames, does_not_care_how_the_bytes_are_cut)
{
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		const struct bytes b = streams[i].bytes;
		for (size_t cut = 0; cut <= b.n; cut++) {
			char said[SAID] = "";
			struct ws_frames f;
			ws_frames_init(&f, LIMIT);
			if (feed(&f, b.p, cut, said))
				feed(&f, b.p + cut, b.n - cut, said);
			cr_expect_str_eq(said, streams[i].said, "%s, cut at %zu: %s",
					 streams[i].name, cut, said);
			ws_frames_free(&f);
		}
		char said[SAID] = "";
		struct ws_frames f;
		ws_frames_init(&f, LIMIT);
		for (size_t at = 0; at < b.n && feed(&f, b.p + at, 1, said); at++)
			;
		cr_expect_str_eq(said, streams[i].said, "%s, bytes: %s", streams[i].name, said);
		ws_frames_free(&f);
	}
}

Test(ws_frames, reads_where_the_bytes_lie)
{
	struct ws_frames f;
	struct ws_frame frame;
	size_t room;
	ws_frames_init(&f, LIMIT);
	for (int from = 0; from < 3; from++) {
		char *to = ws_frames_room(&f, &room);
		size_t n = put(to, BC_STR("\x81\x02hi\x02\x01"
					  "a\x00\x01"
					  "b\x80\x01"
					  "c"));
		ws_frames_filled(&f, n, (bc_wall_time){ 7 + from });
		cr_assert_eq(ws_frames_next(&f, &frame), WS_FRAME_MESSAGE);
		cr_expect_eq(frame.payload.p, to + 2, "copied");
		cr_expect_eq(frame.received.ns, 7 + from);
		cr_assert_eq(ws_frames_next(&f, &frame), WS_FRAME_MESSAGE);
		cr_expect(bc_str_is(frame.payload, "abc"));
		cr_expect_eq(frame.payload.p, to + 6, "fragments go behind the first");
		cr_expect_eq(ws_frames_next(&f, &frame), WS_FRAME_NONE);
	}
	/* And off the source's place in its page, where it is known. */
	ws_frames_source(&f, f.bytes + 5 * 4096 + 100);
	const char *to = ws_frames_room(&f, &room);
	cr_expect_eq((uintptr_t)(to - f.bytes - 100) % 4096, 2048);
	ws_frames_free(&f);
}

/* The whole message is there in a buffer that ends with guarded memory? No: it is exact. */
static void big(struct ws_frames *f, size_t n, bool fragments)
{
	char *payload = malloc(n), said[SAID] = "";
	unsigned char header[10] = { fragments ? 0x02 : 0x82, 127 };
	for (size_t i = 0; i < n; i++)
		payload[i] = (char)('a' + i % 25);
	for (int i = 0; i < 8; i++)
		header[2 + i] = (unsigned char)((fragments ? n - 1 : n) >> (8 * (7 - i)));
	feed(f, (const char *)header, sizeof header, said);
	feed(f, payload, n - 1, said);
	cr_expect_str_eq(said, "");
	struct ws_frame frame;
	size_t room;
	char *to = ws_frames_room(f, &room);
	size_t last = 0;
	if (fragments)
		memcpy(to, "\x80\x01", last = 2);
	to[last++] = payload[n - 1];
	ws_frames_filled(f, last, (bc_wall_time){ 2 });
	cr_assert_eq(ws_frames_next(f, &frame), WS_FRAME_MESSAGE);
	cr_expect_eq(frame.payload.n, n);
	cr_expect_eq(memcmp(frame.payload.p, payload, n), 0, "other bytes");
	cr_expect_eq(frame.received.ns, 1, "stamped at its first bytes");
	free(payload);
}

Test(ws_frames, grows_to_what_a_message_needs_and_shrinks_again)
{
	struct ws_frames f;
	ws_frames_init(&f, LIMIT);
	cr_expect_eq(f.cap, 0, "memory before the first read");
	char said[SAID] = "";
	feed(&f, "\x81\x02hi", 4, said);
	cr_expect_eq(f.cap, WS_FRAMES_BYTES);
	big(&f, 100000, false);
	cr_expect_geq(f.cap, 100000);
	cr_expect_leq(f.cap, 2 * WS_FRAMES_BYTES);
	big(&f, LIMIT, false);
	cr_expect_leq(f.cap, LIMIT + WS_FRAMES_ROOM + 16);
	big(&f, LIMIT, true);
	cr_expect_leq(f.cap, LIMIT + WS_FRAMES_ROOM + 16);
	for (int i = 0; i < 300; i++) {
		said[0] = '\0';
		feed(&f, "\x81\x02hi", 4, said);
		cr_expect_str_eq(said, "text(hi) ");
	}
	cr_expect_eq(f.cap, WS_FRAMES_BYTES, "%zu bytes are kept", f.cap);
	ws_frames_free(&f);
}

/* What is only announced costs nothing, and fragments without end stop at the limit. */
Test(ws_frames, spends_nothing_on_promises)
{
	struct ws_frames f;
	char said[SAID] = "";
	ws_frames_init(&f, LIMIT);
	feed(&f,
	     "\x82\x7f\x00\x00\x00\x00\x00\x0f\xff\xff"
	     "abc",
	     13, said);
	cr_expect_eq(f.cap, WS_FRAMES_BYTES);
	ws_frames_free(&f);

	ws_frames_init(&f, LIMIT);
	cr_assert(feed(&f, "\x02\x01x", 3, said));
	bool good = true;
	size_t n = 0;
	for (; good && n <= LIMIT; n++)
		good = feed(&f, "\x00\x01x", 3, said);
	cr_expect_str_eq(said, "bad 1009");
	cr_expect_eq(n, LIMIT, "%zu", n);
	cr_expect_leq(f.cap, LIMIT + WS_FRAMES_ROOM + 16);
	ws_frames_free(&f);
}

/* ------------------------------------------------------------------ compressed messages */

/* One message as a server sends it, `first` being its first byte. */
static size_t compressed_frame(z_stream *z, unsigned char first, const char *text, char out[256])
{
	Bytef deflated[250];
	z->next_in = (Bytef *)(uintptr_t)text;
	z->avail_in = (uInt)strlen(text);
	z->next_out = deflated;
	z->avail_out = sizeof deflated;
	cr_assert_eq(deflate(z, Z_SYNC_FLUSH), Z_OK);
	const size_t n = sizeof deflated - z->avail_out - 4;
	cr_assert_lt(n, 126);
	out[0] = (char)first;
	out[1] = (char)n;
	memcpy(out + 2, deflated, n);
	return n + 2;
}

Test(ws_frames, takes_compressed_and_plain_messages)
{
	struct ws_inflate *inflate = NULL;
	z_stream z = { 0 };
	char stream[2048], frame[256];
	size_t n = 0, k;
	cr_assert_eq(ws_inflate_new(&inflate, 15, false), BC_OK);
	cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	k = compressed_frame(&z, 0xc1, "{\"price\":137000000.0}", frame);
	memcpy(stream + n, frame, k), n += k;
	n += put(stream + n, BC_STR("\x81\x05plain"));
	k = compressed_frame(&z, 0xc1, "{\"price\":137000001.0}", frame); /* refers to the first */
	cr_expect_lt(k, 16, "%zu bytes: no context", k);
	stream[n++] = 0x41; /* in two fragments, a ping between them */
	stream[n++] = 3;
	memcpy(stream + n, frame + 2, 3), n += 3;
	n += put(stream + n, BC_STR("\x89\x01p"));
	stream[n++] = (char)0x80;
	stream[n++] = (char)(k - 5);
	memcpy(stream + n, frame + 5, k - 5), n += k - 5;
	k = compressed_frame(&z, 0xc2, "\xff", frame);
	memcpy(stream + n, frame, k), n += k;
	k = compressed_frame(&z, 0xc1, "\xff", frame);
	memcpy(stream + n, frame, k), n += k;
	deflateEnd(&z);
	for (size_t cut = 0; cut <= n; cut++) {
		char said[SAID] = "";
		struct ws_frames f;
		ws_inflate_free(&inflate);
		cr_assert_eq(ws_inflate_new(&inflate, 15, false), BC_OK);
		ws_frames_init(&f, LIMIT);
		f.inflate = inflate;
		if (feed(&f, stream, cut, said))
			feed(&f, stream + cut, n - cut, said);
		cr_expect_str_eq(said,
				 "text({\"price\":137000000.0}) text(plain) ping(p) "
				 "text({\"price\":137000001.0}) binary(\xff) bad 1007",
				 "cut at %zu: %s", cut, said);
		ws_frames_free(&f);
	}
	ws_inflate_free(&inflate);
}

/* A hint of the message that follows: nothing where it cannot be a whole, plain one. */
Test(ws_frames, shows_what_follows_before_it_is_read)
{
	static const struct {
		struct bytes bytes; /* behind a first message */
		const char *shown;
	} rows[] = {
		{ BYTES(""), "" },
		{ BYTES("\x81"), "" },
		{ BYTES("\x81\x05"), "" },
		{ BYTES("\x81\x05hel"), "hel" },
		{ BYTES("\x82\x02hi\x81"), "hi\x81" },
		{ BYTES("\x81\x7e\x00"), "" },
		{ BYTES("\x81\x7e\x00\x80x"), "x" },
		{ BYTES("\x82\x7f\0\0\0\0\0\1\0\0"), "" },
		{ BYTES("\x82\x7f\0\0\0\0\0\1\0\0y"), "y" },
		{ BYTES("\x01\x02hi"), "" }, /* a fragment */
		{ BYTES("\xc1\x02hi"), "" }, /* compressed */
		{ BYTES("\x89\x02hi"), "" }, /* a ping */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ws_frames f;
		struct ws_frame frame;
		size_t room;
		ws_frames_init(&f, LIMIT);
		cr_expect_eq(ws_frames_peek(&f).n, 0, "before the first read");
		char *to = ws_frames_room(&f, &room);
		size_t n = put(to, BC_STR("\x81\x01-"));
		n += put(to + n, (bc_str){ rows[i].bytes.p, rows[i].bytes.n });
		ws_frames_filled(&f, n, (bc_wall_time){ 1 });
		cr_assert_eq(ws_frames_next(&f, &frame), WS_FRAME_MESSAGE);
		const bc_str shown = ws_frames_peek(&f);
		cr_expect(bc_str_equal(shown, bc_str_of(rows[i].shown)), "row %zu: %.*s", i,
			  (int)shown.n, shown.p);
		ws_frames_free(&f);
	}
}

Test(ws_frames, refuses_rsv1_where_it_means_nothing)
{
	static const struct bytes rows[] = {
		BYTES("\xc9\x00"),             /* a ping */
		BYTES("\x41\x01\x02\xc0\x00"), /* a continuation */
		BYTES("\xe1\x01\x02"),         /* RSV2 beside it */
		BYTES("\xc1\x01\xff"),         /* not deflate: 1007 */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ws_inflate *inflate = NULL;
		char said[SAID] = "";
		struct ws_frames f;
		cr_assert_eq(ws_inflate_new(&inflate, 15, false), BC_OK);
		ws_frames_init(&f, LIMIT);
		f.inflate = inflate;
		feed(&f, rows[i].p, rows[i].n, said);
		cr_expect_str_eq(said, i < 3 ? "bad 1002" : "bad 1007", "row %zu: %s", i, said);
		ws_frames_free(&f);
		ws_inflate_free(&inflate);
	}
}
