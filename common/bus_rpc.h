/* bus_rpc.h - questions and answers over ZeroMQ: the form of the cache's and the gateways' sockets.
 *
 *   request  "BC1" verb argument...      reply  "BC1" status answer...
 *
 * A frame each, before them the frames that ZeroMQ routes by and an empty one. Fields are ASCII,
 * numbers decimal. docs/CACHE-PROTOCOL.md is the specification.
 *
 * Limits  requests, replies and their frames are bounded on both sides (below).
 * Threads a client or a server belongs to one thread. */
#ifndef BC_BUS_RPC_H
#define BC_BUS_RPC_H

#include "proto/value.h"

#define BC_RPC_MAX_ARGS        10000
#define BC_RPC_MAX_ANSWERS     60000               /* frames of a reply */
#define BC_RPC_MAX_BYTES       (INT64_C(16) << 20) /* of a request, and of a reply, all frames */
#define BC_RPC_MAX_FRAME_BYTES (INT64_C(16) << 20)

enum bc_rpc_status {
	BC_RPC_OK = 200,
	BC_RPC_BAD = 400,
	BC_RPC_NOT_FOUND = 404,
	BC_RPC_NO_DATA = 503
};

/* ---- asking ---- */

struct bc_rpc_client;

struct bc_rpc_reply {
	int status;            /* enum bc_rpc_status, or another one of 3 digits */
	const bc_str *answers; /* frames after the status; of a 400 the first is the reason */
	size_t n_answers;
};

/* Connects in the background; that nobody is there shows as BC_ETIMEOUT later. */
bc_status bc_rpc_client_new(struct bc_rpc_client **out, void *context, const char *endpoint);
void bc_rpc_client_free(struct bc_rpc_client **client);

/* Asks and waits. *reply stays valid until the client is used again.
 *   BC_OK       *reply is the answer, whatever its status
 *   BC_ETIMEOUT no answer in time; the next question goes out on a new socket
 *   BC_EPARSE   something answered in another language, or passed the limits
 *   BC_EINVAL   more than BC_RPC_MAX_ARGS arguments or BC_RPC_MAX_BYTES */
bc_status bc_rpc_call(struct bc_rpc_client *client, bc_str verb, const bc_str *args, size_t n_args,
		      int64_t timeout_ns, struct bc_rpc_reply *reply);

/* The same in two steps, for who has something else to wait for. A second send forgets the first
 * question, and its late answer is not mistaken for the second one's. */
bc_status bc_rpc_send(struct bc_rpc_client *client, bc_str verb, const bc_str *args, size_t n_args,
		      bc_mono_time now, int64_t timeout_ns);
/* Never waits. Beside bc_rpc_call()'s: BC_EAGAIN, no answer yet; BC_ENOTFOUND, nothing asked. */
bc_status bc_rpc_poll(struct bc_rpc_client *client, bc_mono_time now, struct bc_rpc_reply *reply);
bool bc_rpc_pending(const struct bc_rpc_client *client);
bc_mono_time bc_rpc_deadline(const struct bc_rpc_client *client); /* of the pending question */
void *bc_rpc_client_socket(struct bc_rpc_client *client);         /* changes after BC_ETIMEOUT */

/* ---- answering ----
 *
 * The server speaks ZMTP itself (common/zmtp.h): to a client it is a ROUTER that loses nothing. Who
 * does not read its answers is not read from; after 30 ticks without progress, or where all buffers
 * together pass 256 MiB and its own are the largest, it is hung up on, as is who speaks no ZMTP 3
 * or sends a frame beyond BC_RPC_MAX_FRAME_BYTES. */

struct bc_rpc_server;

struct bc_rpc_request {
	bc_str verb;
	const bc_str *args;
	size_t n_args;
};

/* BC_ENOMEM, BC_EBUS: errno says why. */
bc_status bc_rpc_server_new(struct bc_rpc_server **out);
void bc_rpc_server_free(struct bc_rpc_server **server);
/* As bc_listen(): real[BC_ENDPOINT_MAX]. At most 16 endpoints. */
bc_status bc_rpc_server_bind(struct bc_rpc_server *server, const char *endpoint, unsigned mode,
			     char *real);
/* Call once a second: who is stuck is counted in these, and a standstill of ours counts as one. */
void bc_rpc_server_tick(struct bc_rpc_server *server);
/* Clients that were hung up on, for whatever reason above. */
uint64_t bc_rpc_server_dropped(const struct bc_rpc_server *server);

/* For loops: readable while there is something to do; bc_rpc_receive() does it. */
int bc_rpc_server_fd(const struct bc_rpc_server *server);
/* There is a question which the descriptor does not show. */
bool bc_rpc_server_pending(const struct bc_rpc_server *server);

/* Takes the next request, of the clients in turns; never waits. *request stays valid until the next
 * call. Read until BC_EAGAIN, if not in this turn of the loop then in the next: answers to
 * questions that came together leave together.
 *
 *   BC_OK      answer it with the functions below, or leave it: then there is no answer
 *   BC_EAGAIN  nothing there
 *   BC_EPARSE  not a request; it has been answered with 400. Go on. */
bc_status bc_rpc_receive(struct bc_rpc_server *server, struct bc_rpc_request *request);

/* One answer: begin, any number of frames, end. Frames are copied. bc_rpc_reply_end():
 *   BC_ENOMEM  its client was hung up on: no connection is clearer than no answer
 *   BC_EBUS    there is no question that waits for an answer */
void bc_rpc_reply_begin(struct bc_rpc_server *server, int status);
void bc_rpc_reply_frame(struct bc_rpc_server *server, bc_str frame);
/* A frame of two pieces. */
void bc_rpc_reply_joined(struct bc_rpc_server *server, bc_str head, bc_str tail);
void bc_rpc_reply_number(struct bc_rpc_server *server, int64_t number);
bc_status bc_rpc_reply_end(struct bc_rpc_server *server);
/* All of it for one frame: a 400 with its reason, a JSON text. */
bc_status bc_rpc_reply(struct bc_rpc_server *server, int status, bc_str frame);

#endif
