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
/* Questions a client may have on their way, answers it has not read yet included. Up to here none
 * is dropped; a client that goes on asking and does not read loses the later ones. */
#define BC_RPC_MAX_UNREAD 64

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

/* ---- answering ---- */

struct bc_rpc_server;

struct bc_rpc_request {
	bc_str verb;
	const bc_str *args;
	size_t n_args;
};

bc_status bc_rpc_server_new(struct bc_rpc_server **out, void *context);
void bc_rpc_server_free(struct bc_rpc_server **server);
/* As bc_bus_bind(): real[BC_ENDPOINT_MAX]. */
bc_status bc_rpc_server_bind(struct bc_rpc_server *server, const char *endpoint, unsigned mode,
			     char *real);
void *bc_rpc_server_socket(struct bc_rpc_server *server);
/* Answers for which there was no room: see BC_RPC_MAX_UNREAD. */
uint64_t bc_rpc_server_dropped(const struct bc_rpc_server *server);

/* Takes the next request; never waits. *request stays valid until the next call.
 *   BC_OK      answer it with the functions below, or leave it: then there is no answer
 *   BC_EAGAIN  nothing there
 *   BC_EPARSE  not a request; it has been answered with 400 where that was possible. Go on. */
bc_status bc_rpc_receive(struct bc_rpc_server *server, struct bc_rpc_request *request);

/* One answer: begin, any number of frames, end. Frames are copied. After a failure (memory, or
 * the asker has gone) the rest is swallowed and bc_rpc_reply_end() tells. */
void bc_rpc_reply_begin(struct bc_rpc_server *server, int status);
void bc_rpc_reply_frame(struct bc_rpc_server *server, bc_str frame);
/* A frame of two pieces. */
void bc_rpc_reply_joined(struct bc_rpc_server *server, bc_str head, bc_str tail);
void bc_rpc_reply_number(struct bc_rpc_server *server, int64_t number);
bc_status bc_rpc_reply_end(struct bc_rpc_server *server);
/* All of it for one frame: a 400 with its reason, a JSON text. */
bc_status bc_rpc_reply(struct bc_rpc_server *server, int status, bc_str frame);

#endif
