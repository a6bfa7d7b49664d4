/* ws_upgrade.h - the client's side of the HTTP/1.1 upgrade to a WebSocket (RFC 6455, 4.1 and 4.2.2;
 * RFC 7692, 7.1): the request, and what the answer to it is worth. Pure.
 *
 * An answer is taken only if it is one to the letter: HTTP/1.1, lines ended by CRLF, header names
 * of token characters, no folded lines, at most WS_ANSWER_MAX bytes; status 101 with Upgrade,
 * Connection and the right Sec-WebSocket-Accept, no extension and no subprotocol but what was
 * offered. Interim answers (1xx) are passed over. */
#ifndef BC_WS_UPGRADE_H
#define BC_WS_UPGRADE_H

#include "publisher/transport.h"

#define WS_REQUEST_MAX 3072
#define WS_ANSWER_MAX  16384 /* bytes of headers */
#define WS_ACCEPT_SIZE 29    /* 28 characters and a NUL */

struct ws_upgrade {
	char accept[WS_ACCEPT_SIZE]; /* what the answer must say */
	bool offered;                /* permessage-deflate */
	size_t looked_at;            /* bytes of the answer without an end in them */
};

struct ws_answer {
	int status;           /* of HTTP; 0: none */
	char retry_after[64]; /* the header's value; "": none */
	bool deflate;         /* permessage-deflate was agreed on, with */
	unsigned int server_window_bits;
	bool server_no_context;
	const char *why; /* BC_EPARSE, for people */
};

/* The request for a target that has passed ws_target_check(), in out[WS_REQUEST_MAX]; `random` are
 * 16 bytes nobody can guess. Returns its length. */
size_t ws_upgrade_request(struct ws_upgrade *u, const struct bc_ws_target *target,
			  const unsigned char random[16], char *out);

/* Looks at all that has come of the answer.
 *   BC_OK      it is a WebSocket; *used bytes were the answer, frames follow
 *   BC_EAGAIN  more is needed; interim answers are in *used
 *   BC_EINVAL  another status: out->status, out->retry_after
 *   BC_EPARSE  not an answer as it must be: out->why */
bc_status ws_upgrade_answer(struct ws_upgrade *u, bc_str bytes, size_t *used,
			    struct ws_answer *out);

#endif
