/* bus_peers.h - who has brought how many of a PUB socket's filters, and how to be rid of one who
 * brings too many.
 *
 * A peer is a connection, known by its descriptor and its address ("127.0.0.1", or for ipc
 * "name:uid:gid:pid"), which libzmq tells with each subscription. A filter belongs to who was the
 * first to ask for it, so repeating what is known costs nothing, and a peer is forgotten when its
 * last filter goes.
 *
 * Limits  1,024 peers with filters of their own; further ones are nobody's.
 * Threads one. */
#ifndef BC_BUS_PEERS_H
#define BC_BUS_PEERS_H

#include "proto/value.h"

#define BC_PEER_NONE        UINT32_MAX
#define BC_PEER_ADDRESS_MAX 96

struct bc_peer {
	int fd;
	char address[BC_PEER_ADDRESS_MAX];
	uint32_t n_filters;
	bool cut; /* its connection has been ended, and what it still says is not heard */
};

struct bc_peers;

struct bc_peers *bc_peers_new(void); /* NULL: out of memory */
void bc_peers_free(struct bc_peers **peers);

/* BC_PEER_NONE: no room, or fd is negative. */
uint32_t bc_peers_find(struct bc_peers *peers, int fd, const char *address);
struct bc_peer *bc_peers_at(struct bc_peers *peers, uint32_t peer);

void bc_peers_gain(struct bc_peers *peers, uint32_t peer); /* a filter; BC_PEER_NONE: nothing */
void bc_peers_lose(struct bc_peers *peers, uint32_t peer);
/* Who has most and is not cut; BC_PEER_NONE: nobody has any. */
uint32_t bc_peers_largest(const struct bc_peers *peers);

/* Says of a descriptor of a socket whether it was accepted by the socket whose peers these are. */
typedef bool bc_peer_ours_fn(const void *self, int fd);

/* Ends the connection as if its other end had done so; libzmq sees it and cleans up. A descriptor
 * that has become another connection's meanwhile is left alone. False: it is not there any more. */
bool bc_peer_cut(struct bc_peer *peer, bc_peer_ours_fn *ours, const void *self);

#endif
