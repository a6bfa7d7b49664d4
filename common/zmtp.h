/* zmtp.h - the words of ZMTP 3.1 that a socket which answers has to know.
 *
 *   greeting  64 bytes, both sides at once: signature, version, mechanism
 *   READY     a command, both sides: the type of the socket
 *   traffic   frames: a head of 2 or 9 bytes, a body; PING, a command, is answered by PONG
 *
 * Of the mechanisms NULL alone. What is older than ZMTP 3.0 (libzmq before 4.0) is not understood.
 *
 * Memory  nothing here allocates. Threads every function is pure.
 * Source  ZeroMQ RFC 37 (ZMTP 3.1), RFC 23 (3.0). */
#ifndef BC_ZMTP_H
#define BC_ZMTP_H

#include "proto/value.h"

#define ZMTP_GREETING_BYTES   64
#define ZMTP_HEAD_MAX         9
#define ZMTP_PING_CONTEXT_MAX 16
#define ZMTP_COMMAND_MAX      4096 /* bytes of a body; the largest of its commands is READY */
#define ZMTP_WRITE_MAX        288  /* what the writers below need at most */

enum zmtp_flags { ZMTP_MORE = 1, ZMTP_LONG = 2, ZMTP_COMMAND = 4 };

struct zmtp_head {
	unsigned flags; /* of enum zmtp_flags */
	size_t n_head;  /* its own bytes */
	uint64_t n_body;
};

/* How far is a peer's greeting? BC_OK: all of it is there and good. BC_EAGAIN: good so far.
 * BC_EVERSION: older than 3.0. BC_EPARSE: another mechanism than NULL, or not ZMTP. */
bc_status zmtp_check_greeting(bc_str g);

/* BC_OK; BC_EAGAIN: more bytes are needed; BC_EPARSE: no frame begins so. */
bc_status zmtp_read_head(bc_str bytes, struct zmtp_head *out);

/* The body of a command: its name, and what follows. BC_EPARSE. */
bc_status zmtp_read_command(bc_str body, bc_str *name, bc_str *rest);

/* Of what follows READY: the peer's Socket-Type. BC_EPARSE: broken, or there is none. */
bc_status zmtp_read_ready(bc_str rest, bc_str *socket_type);

/* Writers return how many bytes they wrote. */
size_t zmtp_write_greeting(char out[ZMTP_WRITE_MAX]);
size_t zmtp_write_ready(char out[ZMTP_WRITE_MAX], bc_str socket_type); /* of at most 16 bytes */
size_t zmtp_write_error(char out[ZMTP_WRITE_MAX], bc_str reason);      /* cut at 200 bytes */
/* The answer to what follows PING. 0: that is no PING. */
size_t zmtp_write_pong(char out[ZMTP_WRITE_MAX], bc_str rest);
size_t zmtp_write_head(char out[ZMTP_HEAD_MAX], unsigned flags, size_t n_body);

#endif
