/* rpc_peer.h - who asks: one connection of a bc_rpc_server, without its socket.
 *
 * Bytes go in and come out; between them stand whole messages, one at a time. A peer that sends
 * what is no ZMTP is to be hung up on; one that sends too much loses that message, not its
 * connection. Answers to questions that came together wait in `out`, so that they leave together.
 *
 * Memory  the two buffers, which grow with what came and what is to go; *held counts the bytes of
 *         all that share it. What is larger than a few messages is given back when it is empty.
 * Threads one. Frames are borrowed: until rpc_peer_room(). */
#ifndef BC_RPC_PEER_H
#define BC_RPC_PEER_H

#include "common/bus_rpc.h"

/* Frames of a message: what it is routed by, up to and with an empty one; "BC1", verb, arguments.
 */
#define RPC_MAX_ENVELOPE 8
#define RPC_MAX_FRAMES   (RPC_MAX_ENVELOPE + 2 + BC_RPC_MAX_ARGS)

struct rpc_buffer {
	char *p;
	size_t n, cap;
};

struct rpc_peer {
	enum { RPC_GREETS, RPC_INTRODUCES, RPC_ASKS } stage;
	struct rpc_buffer in, out;
	size_t *held;
	size_t sent; /* of out */

	/* The message under way, in `in`. */
	size_t begin, scanned; /* where it begins, how far its frames are whole */
	size_t n_frames, n_bytes;
	bool whole;
	bool refused;    /* too large: up to `keep` it is kept, the rest thrown away as it comes */
	bool skips_last; /* the frame that is thrown away is the last one */
	size_t keep;
	uint64_t skip; /* bytes of the frame that are still to be thrown away */

	/* The answer under way, in `out`. */
	size_t answer, last_frame; /* where it begins, where its last frame's head is */
	bool failed;
};

/* Zeroes it, and puts the greeting into its `out`. BC_ENOMEM. */
bc_status rpc_peer_open(struct rpc_peer *peer, size_t *held);
void rpc_peer_close(struct rpc_peer *peer);

/* Where received bytes go: *n > 0 of them. NULL: out of memory. */
char *rpc_peer_room(struct rpc_peer *peer, size_t *n);
/* n bytes were put there. Other than BC_OK: send what is in `out`, if you like, and hang up.
 *   BC_EPARSE   no ZMTP, another mechanism, a socket that does not ask
 *   BC_EVERSION ZMTP 2.0 or older
 *   BC_ERANGE   a frame of more than BC_RPC_MAX_FRAME_BYTES
 *   BC_ENOMEM */
bc_status rpc_peer_took(struct rpc_peer *peer, size_t n);

/* A whole message is there. */
static inline bool rpc_peer_asks(const struct rpc_peer *peer)
{
	return peer->whole;
}

struct rpc_message {
	const bc_str *envelope; /* with the empty frame; none: there was no empty one */
	const bc_str *body;
	size_t n_envelope, n_body;
};

/* Of the whole message: its frames, which go to frames[RPC_MAX_FRAMES].
 *   BC_OK
 *   BC_EPARSE  no empty frame among the first RPC_MAX_ENVELOPE
 *   BC_ERANGE  too many frames, or bytes; only the envelope is there */
bc_status rpc_peer_message(const struct rpc_peer *peer, bc_str *frames, struct rpc_message *out);

/* That message is dealt with; looks for the next one. As rpc_peer_took(). */
bc_status rpc_peer_done(struct rpc_peer *peer);

/* An answer: begin, frames of two pieces, end. BC_ENOMEM: there is no answer in `out`. */
void rpc_peer_begin(struct rpc_peer *peer);
void rpc_peer_put(struct rpc_peer *peer, bc_str head, bc_str tail);
bc_status rpc_peer_end(struct rpc_peer *peer);

/* What is to be sent. */
static inline bc_str rpc_peer_output(const struct rpc_peer *peer)
{
	if (peer->out.n == peer->sent)
		return BC_STR("");
	return (bc_str){ peer->out.p + peer->sent, peer->out.n - peer->sent };
}
void rpc_peer_sent(struct rpc_peer *peer, size_t n);

/* No frame is borrowed any more: gives large buffers back that are empty. */
void rpc_peer_trim(struct rpc_peer *peer);

static inline size_t rpc_peer_holds(const struct rpc_peer *peer)
{
	return peer->in.cap + peer->out.cap;
}

#endif
