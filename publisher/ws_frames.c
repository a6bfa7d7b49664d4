#include "publisher/ws_frames.h"

#include "publisher/ws_inflate.h"

#include <stdlib.h>
#include <string.h>

#define FIN          0x80u
#define RSV1         0x40u
#define RSV23        0x30u
#define OPCODE       0x0fu
#define CONTROL      0x08u
#define MASKED       0x80u
#define LENGTH       0x7fu
#define LENGTH_2     126u
#define LENGTH_8     127u
#define LENGTH_8_MIN 65536u
#define CALM_READS   256
#define PAGE         4096u
#define MOVES_FOR    4 /* bytes of room a moved byte must gain */

enum opcode { OP_CONTINUATION = 0, OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PONG = 10 };

struct header {
	unsigned char first;
	uint64_t length;
	size_t n; /* bytes of the header itself */
};

void ws_frames_init(struct ws_frames *f, size_t max_bytes)
{
	*f = (struct ws_frames){ .max_bytes = max_bytes };
}

void ws_frames_free(struct ws_frames *f)
{
	free(f->bytes);
	f->bytes = NULL;
	f->cap = f->at = f->end = f->n = 0;
}

/* ------------------------------------------------------------------ the buffer */

/* Incompressible data grows by five bytes in 16 KiB (RFC 1951, 3.2.4). */
static uint64_t limit_of(const struct ws_frames *f)
{
	return f->compressed ? f->max_bytes + (f->max_bytes >> 10) + 64 : f->max_bytes;
}

static void base_set(struct ws_frames *f)
{
	f->base = f->source == 0 ? 0 : (f->source + PAGE / 2 - (uintptr_t)f->bytes) % PAGE;
}

void ws_frames_source(struct ws_frames *f, const void *from)
{
	f->source = (uintptr_t)from;
	base_set(f);
}

static bool resize(struct ws_frames *f, size_t cap)
{
	char *bytes = realloc(f->bytes, cap);
	if (bytes == NULL)
		return false;
	f->bytes = bytes;
	f->cap = cap;
	f->calm = 0;
	base_set(f);
	return true;
}

/* Bytes that must stay where they are, or move: of the message under way, and unread ones. */
static size_t kept(const struct ws_frames *f)
{
	return (f->begun ? f->n : 0) + (f->end - f->at);
}

static void compact(struct ws_frames *f)
{
	const size_t held = f->begun ? f->n : 0, unread = f->end - f->at;
	if (held > 0)
		memmove(f->bytes, f->bytes + f->message, held);
	if (unread > 0)
		memmove(f->bytes + held, f->bytes + f->at, unread);
	const size_t to = held + unread > 0 ? 0 : f->base;
	f->message = to;
	f->at = to + held;
	f->end = f->at + unread;
}

/* After compact(): all there is stays. */
static bool grow(struct ws_frames *f)
{
	const size_t least = f->end + WS_FRAMES_ROOM;
	const size_t most = (size_t)limit_of(f) + WS_FRAMES_ROOM;
	size_t cap = f->cap * 2 < most ? f->cap * 2 : most;
	cap = cap > least ? cap : least;
	return resize(f, cap > WS_FRAMES_BYTES ? cap : WS_FRAMES_BYTES);
}

char *ws_frames_room(struct ws_frames *f, size_t *n)
{
	const size_t stays = kept(f);
	if (stays == 0 && f->cap > WS_FRAMES_BYTES && ++f->calm >= CALM_READS)
		resize(f, WS_FRAMES_BYTES);
	/* A few bytes moved make the next read a large one, into warm memory. */
	if (stays < f->end / MOVES_FOR || f->cap - f->end < WS_FRAMES_ROOM)
		compact(f);
	if (f->cap - f->end < WS_FRAMES_ROOM && !grow(f))
		return NULL;
	*n = f->cap - f->end;
	return f->bytes + f->end;
}

void ws_frames_filled(struct ws_frames *f, size_t n, bc_wall_time now)
{
	f->end += n;
	f->stamp = now;
}

bc_str ws_frames_unread(const struct ws_frames *f)
{
	return (bc_str){ f->bytes + f->at, f->end - f->at };
}

void ws_frames_skip(struct ws_frames *f, size_t n)
{
	f->at += n;
}

/* ------------------------------------------------------------------ headers */

static enum ws_frame_kind bad(struct ws_frame *out, uint16_t code, const char *why)
{
	out->code = code;
	out->why = why;
	return WS_FRAME_BAD;
}

static enum ws_frame_kind protocol(struct ws_frame *out, const char *why)
{
	return bad(out, WS_CODE_PROTOCOL, why);
}

/* What the first two bytes tell by themselves. */
static const char *first_two_wrong(const struct ws_frames *f, unsigned char first,
				   unsigned char second)
{
	const unsigned int opcode = first & OPCODE;
	const bool control = (first & CONTROL) != 0;
	if ((first & RSV23) != 0 || ((first & RSV1) != 0 && f->inflate == NULL))
		return "a reserved bit is set";
	if (opcode > (control ? OP_PONG : OP_BINARY))
		return "a reserved opcode";
	if ((second & MASKED) != 0)
		return "a masked frame";
	if (control && (first & FIN) == 0)
		return "a fragmented control frame";
	if (control && (second & LENGTH) > WS_CONTROL_MAX)
		return "a control frame over 125 bytes";
	if ((first & RSV1) != 0 && (control || opcode == OP_CONTINUATION))
		return "a compressed frame that begins no message";
	if (!control && (opcode == OP_CONTINUATION) != f->begun)
		return f->begun ? "a message inside a message" : "a continuation of nothing";
	return NULL;
}

/* The length that follows in `extra` bytes; true: in its shortest form. */
static bool length_read(const unsigned char *p, size_t extra, uint64_t *length)
{
	uint64_t n = 0;
	for (size_t i = 0; i < extra; i++)
		n = n << 8 | p[i];
	*length = n;
	return extra == 2 ? n >= LENGTH_2 : n >= LENGTH_8_MIN && n <= INT64_MAX;
}

/* WS_FRAME_MESSAGE: a header is there, *h. */
static enum ws_frame_kind header_read(const struct ws_frames *f, struct header *h,
				      struct ws_frame *out)
{
	const unsigned char *p = (const unsigned char *)f->bytes + f->at;
	const size_t there = f->end - f->at;
	if (there < 2)
		return WS_FRAME_NONE;
	const char *wrong = first_two_wrong(f, p[0], p[1]);
	if (wrong != NULL)
		return protocol(out, wrong);
	const unsigned int short_length = p[1] & LENGTH;
	const size_t extra = short_length == LENGTH_2 ? 2 : short_length == LENGTH_8 ? 8 : 0;
	if (there < 2 + extra)
		return WS_FRAME_NONE;
	*h = (struct header){ .first = p[0], .length = short_length, .n = 2 + extra };
	if (extra != 0 && !length_read(p + 2, extra, &h->length))
		return protocol(out, "a length that is not in its shortest form");
	return WS_FRAME_MESSAGE;
}

bc_str ws_frames_peek(const struct ws_frames *f)
{
	const unsigned char *p = (const unsigned char *)f->bytes + f->at;
	const size_t there = f->end - f->at;
	if (there < 2 || f->begun || (p[0] != (FIN | OP_TEXT) && p[0] != (FIN | OP_BINARY)))
		return BC_STR("");
	const size_t header = p[1] < LENGTH_2 ? 2 : p[1] == LENGTH_2 ? 4 : 10;
	if (there <= header)
		return BC_STR("");
	return (bc_str){ f->bytes + f->at + header, there - header };
}

/* ------------------------------------------------------------------ frames */

/* RFC 6455, 7.4, and what IANA has registered since. */
static bool code_may_be_sent(unsigned int code)
{
	return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
	       (code >= 3000 && code <= 4999);
}

static enum ws_frame_kind close_read(struct ws_frame *out)
{
	const unsigned char *p = (const unsigned char *)out->payload.p;
	if (out->payload.n == 0) {
		out->code = 0;
		return WS_FRAME_CLOSE;
	}
	if (out->payload.n == 1)
		return protocol(out, "a close code of one byte");
	out->code = (uint16_t)(p[0] << 8 | p[1]);
	out->payload = (bc_str){ out->payload.p + 2, out->payload.n - 2 };
	if (!code_may_be_sent(out->code))
		return protocol(out, "a close code that may not be sent");
	if (!bc_utf8_valid(out->payload.p, out->payload.n))
		return bad(out, WS_CODE_NOT_TEXT, "a close reason that is not UTF-8");
	return WS_FRAME_CLOSE;
}

/* Control frames are taken whole; they may stand between fragments. */
static enum ws_frame_kind control_take(struct ws_frames *f, const struct header *h,
				       struct ws_frame *out)
{
	if (f->end - f->at < h->n + h->length)
		return WS_FRAME_NONE;
	out->payload = (bc_str){ f->bytes + f->at + h->n, (size_t)h->length };
	f->at += h->n + (size_t)h->length;
	const unsigned int opcode = h->first & OPCODE;
	if (opcode == OP_CLOSE)
		return close_read(out);
	return opcode == OP_PONG ? WS_FRAME_PONG : WS_FRAME_PING;
}

/* The header of a data frame is taken; its payload follows. */
static enum ws_frame_kind data_begin(struct ws_frames *f, const struct header *h,
				     struct ws_frame *out)
{
	f->at += h->n;
	if (!f->begun) {
		f->begun = true;
		f->binary = (h->first & OPCODE) == OP_BINARY;
		f->compressed = (h->first & RSV1) != 0;
		f->received = f->stamp;
		f->message = f->at;
		f->n = 0;
	}
	if (h->length > limit_of(f) - f->n)
		return bad(out, WS_CODE_TOO_LARGE, "a message over the limit");
	f->final = (h->first & FIN) != 0;
	f->left = h->length;
	f->inside = true;
	return WS_FRAME_MESSAGE;
}

/* As much of the frame's payload as is there; only what follows a fragment has to move. */
static void payload_take(struct ws_frames *f)
{
	const size_t there = f->end - f->at;
	const size_t n = f->left < there ? (size_t)f->left : there;
	const size_t to = f->message + f->n;
	if (to != f->at && n > 0)
		memmove(f->bytes + to, f->bytes + f->at, n);
	f->n += n;
	f->at += n;
	f->left -= n;
	f->inside = f->left > 0;
}

static enum ws_frame_kind message_end(struct ws_frames *f, struct ws_frame *out)
{
	f->begun = false;
	if (f->n > WS_FRAMES_BYTES - WS_FRAMES_ROOM)
		f->calm = 0;
	out->binary = f->binary;
	out->received = f->received;
	out->payload = (bc_str){ f->bytes + f->message, f->n };
	if (f->compressed) {
		const bc_status rc =
			ws_inflate_message(f->inflate, out->payload, f->max_bytes, &out->payload);
		if (rc == BC_ERANGE)
			return bad(out, WS_CODE_TOO_LARGE, "a message over the limit");
		if (rc == BC_ENOMEM)
			return bad(out, WS_CODE_TOO_LARGE, "no memory for a message");
		if (rc != BC_OK)
			return bad(out, WS_CODE_NOT_TEXT, "a compressed message that is broken");
	}
	if (!f->binary && !bc_utf8_valid(out->payload.p, out->payload.n))
		return bad(out, WS_CODE_NOT_TEXT, "text that is not UTF-8");
	return WS_FRAME_MESSAGE;
}

enum ws_frame_kind ws_frames_next(struct ws_frames *f, struct ws_frame *out)
{
	for (;;) {
		if (!f->inside) {
			struct header h;
			enum ws_frame_kind kind = header_read(f, &h, out);
			if (kind != WS_FRAME_MESSAGE)
				return kind;
			if ((h.first & CONTROL) != 0)
				return control_take(f, &h, out);
			if ((kind = data_begin(f, &h, out)) != WS_FRAME_MESSAGE)
				return kind;
		}
		payload_take(f);
		if (f->inside)
			return WS_FRAME_NONE;
		if (f->final)
			return message_end(f, out);
	}
}
