/* transport_drive.h - one input of a fuzzer as a WebSocket server on loopback, against one
 * transport whose loop it turns.
 *
 * The first byte of an input is flags; then come acts, one byte each with what it needs:
 *
 *   0-63     a piece of so many bytes and one
 *   64-127   the same, but the next comes in the same segment
 *   128-159  a frame: its first byte, a byte of length, the payload, with the right header
 *   160-175  a frame of 0 to 65,535 bytes of one value: first byte, length (2), the value
 *   176-183  the client sends a text;  184-191 it pings;  192-195 it closes
 *   196-203  one turn of the loop;     204-205 the server ends TCP;  206-207 it resets it
 *   208-215  a deflated frame: first byte, length (1), payload to be deflated
 *   the rest a turn
 *
 * The transport and the loop live as long as the process: a context of libwebsockets is slow to
 * make. What no client may ever do aborts. */
#ifndef BC_FUZZ_TRANSPORT_DRIVE_H
#define BC_FUZZ_TRANSPORT_DRIVE_H

#include "publisher/simulator/buffer.h"
#include "publisher/transport.h"

#include <uv.h>

enum drive_flags {
	/* The input brings the answer, too: its length (2), its bytes; FE is Sec-WebSocket-Accept.
	 */
	DRIVE_RAW_ANSWER = 1,
	DRIVE_COMPRESSION = 2,
	DRIVE_CAP = 4 | 8,     /* which cap */
	DRIVE_ENDS_RUDELY = 16 /* the last act is a reset */
};

struct drive {
	uv_loop_t loop;
	struct bc_transport *transport;
	const struct bc_transport_ops *ops;
	int listen_fd;
	struct bc_ws_target target;

	/* of the input under way, and after it */
	struct bc_ws *ws;
	int fd, client_fd;
	bool opened, closed, accepted;
	enum bc_ws_close why;
	size_t n_waiting; /* bytes of the segment under way */
	char waiting[8192];
	struct sim_buffer told; /* kind, length, bytes of each message; kind alone of a pong */
	size_t heap_before;
};

void drive_start(struct drive *d, const struct bc_transport_ops *ops);
/* `only_flags`: the flags that count; the client's own acts are left out where `quiet` is set. */
void drive_run(struct drive *d, const unsigned char *input, size_t n, unsigned int only_flags,
	       bool quiet);

#endif
