/* ws_frame.h - RFC 6455 framing, the server's side: parses masked frames, joins fragments, writes
 * unmasked ones. Pure; the caller owns the bytes and the socket.
 *
 * Limits  a message over max_bytes, a control frame over 125 bytes, reserved bits, unmasked
 *         frames, unknown opcodes and broken fragments are errors with their close code. */
#ifndef BC_SIM_WS_FRAME_H
#define BC_SIM_WS_FRAME_H

#include "publisher/simulator/buffer.h"

enum ws_opcode {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10,
};

#define WS_CLOSE_NORMAL    1000
#define WS_CLOSE_PROTOCOL  1002
#define WS_CLOSE_BAD_DATA  1007
#define WS_CLOSE_TOO_LARGE 1009

#define WS_COMPRESSED 0x40 /* RSV1 of the first byte: RFC 7692, 6 */
#define WS_HEADER_MAX 10   /* of a frame without mask */

struct ws_parser {
	size_t max_bytes;
	struct sim_buffer message; /* fragments so far */
	enum ws_opcode opcode;     /* of the message being joined; 0: none */
};

struct ws_message {
	enum ws_opcode opcode; /* never WS_CONTINUATION */
	bc_str payload;        /* unmasked; valid until the next call */
};

void ws_parser_init(struct ws_parser *p, size_t max_bytes);
void ws_parser_free(struct ws_parser *p);

/* Takes one frame from bytes[n] (which it unmasks in place). *used says how many bytes it took.
 *   BC_OK      *out is a whole message or control frame
 *   BC_EAGAIN  nothing to hand out yet; *used may be above 0 (a fragment): call again
 *              until it is 0, then bring more bytes
 *   BC_EPARSE, BC_ERANGE, BC_ENOMEM  close with *close_code */
bc_status ws_parse(struct ws_parser *p, char *bytes, size_t n, size_t *used, struct ws_message *out,
		   uint16_t *close_code);

/* Writes a frame's header for n payload bytes; returns its length. `first` is the whole first
 * byte, so that faults can set what they like; ws_first() is the honest one. */
size_t ws_header(uint8_t first, uint64_t n, char out[WS_HEADER_MAX]);
uint8_t ws_first(enum ws_opcode opcode);

/* Sec-WebSocket-Accept for a key: 28 characters and a NUL. */
#define WS_ACCEPT_MAX 29
bc_status ws_accept(bc_str key, char out[WS_ACCEPT_MAX]);

#endif
