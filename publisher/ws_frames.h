/* ws_frames.h - RFC 6455 framing, the client's side of what comes in: whole messages out of one
 * receive buffer, read where they lie. Pure: the caller brings the bytes.
 *
 *   char *room = ws_frames_room(&f, &n);       where the next bytes go, NULL: no memory
 *   ws_frames_filled(&f, n_read, now);         they are there
 *   while (ws_frames_next(&f, &frame) != WS_FRAME_NONE) ...
 *
 * A message that came in one frame is never copied. Fragments are moved together inside the
 * buffer, so they need no other. The buffer has 64 KiB, doubles while a message needs more, up to
 * the limit and 16 KiB, and shrinks again when 256 reads in a row did without.
 *
 * Refused, with the close code to answer: masked frames, reserved bits and opcodes, lengths that
 * are not in their shortest form or have their top bit set, control frames that are fragmented or
 * over 125 bytes, continuations of nothing, messages inside messages, text and close reasons that
 * are not UTF-8, close codes that may not be sent (1002, 1007); messages over the limit (1009).
 *
 * Threads a reader belongs to one loop. */
#ifndef BC_WS_FRAMES_H
#define BC_WS_FRAMES_H

#include "proto/value.h"

#define WS_FRAMES_BYTES ((size_t)64 << 10) /* of the buffer at rest */
#define WS_FRAMES_ROOM  ((size_t)16 << 10) /* at least, for each read */
#define WS_CONTROL_MAX  125                /* of the payload of a control frame */

#define WS_CODE_NORMAL    1000
#define WS_CODE_PROTOCOL  1002
#define WS_CODE_NOT_TEXT  1007
#define WS_CODE_TOO_LARGE 1009

struct ws_inflate;

enum ws_frame_kind {
	WS_FRAME_NONE, /* more bytes are needed */
	WS_FRAME_MESSAGE,
	WS_FRAME_PING,
	WS_FRAME_PONG,
	WS_FRAME_CLOSE,
	WS_FRAME_BAD, /* the last one: nothing after it makes sense */
};

struct ws_frame {
	bool binary;           /* WS_FRAME_MESSAGE */
	bc_str payload;        /* of CLOSE: the reason; valid until the next ws_frames_room() */
	bc_wall_time received; /* WS_FRAME_MESSAGE: when the first of it was there */
	uint16_t code;         /* CLOSE: what it says, 0: nothing; BAD: what to answer */
	const char *why;       /* BAD, for people */
};

struct ws_frames {
	size_t max_bytes;           /* of a message */
	struct ws_inflate *inflate; /* NULL: no compression was agreed on; borrowed */
	char *bytes;
	size_t cap;
	uintptr_t source;  /* what is copied here begins there, 0: unknown */
	size_t base;       /* where an empty buffer is filled from */
	size_t at, end;    /* what nobody has looked at */
	size_t message, n; /* of the data message under way, where it begins and what is there */
	uint64_t left;     /* of its frame's payload, to come */
	bool begun;        /* there is a message under way */
	bool inside;       /* its frame has not been taken in whole */
	bool final, binary, compressed;
	bc_wall_time stamp, received;
	unsigned int calm; /* reads in a row without need of more than the usual room */
};

void ws_frames_init(struct ws_frames *f, size_t max_bytes);
void ws_frames_free(struct ws_frames *f); /* the buffer */

/* Where the bytes are copied from: the buffer is then filled from half a page off it. Copies to a
 * little behind the source's place within its page are ten times slower on some processors
 * (AMD's rep movsb, which memcpy(3) of large blocks is there). */
void ws_frames_source(struct ws_frames *f, const void *from);

/* At least WS_FRAMES_ROOM, *n; moves what is in the buffer. NULL: out of memory. */
char *ws_frames_room(struct ws_frames *f, size_t *n);
void ws_frames_filled(struct ws_frames *f, size_t n, bc_wall_time now);

/* What is in the buffer and was not looked at, for who speaks HTTP first; and n bytes of it are
 * done with. */
bc_str ws_frames_unread(const struct ws_frames *f);
void ws_frames_skip(struct ws_frames *f, size_t n);

enum ws_frame_kind ws_frames_next(struct ws_frames *f, struct ws_frame *out);

/* What is there from the payload of the next frame on, where it may be a whole message that is not
 * compressed; else empty. Nothing of it was checked. */
bc_str ws_frames_peek(const struct ws_frames *f);

#endif
