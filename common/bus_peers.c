#include "common/bus_peers.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PEERS = 1024 };

struct bc_peers {
	struct bc_peer all[MAX_PEERS];
	uint32_t n; /* used, those without a filter included */
};

struct bc_peers *bc_peers_new(void)
{
	return calloc(1, sizeof(struct bc_peers));
}

void bc_peers_free(struct bc_peers **peers)
{
	free(*peers);
	*peers = NULL;
}

uint32_t bc_peers_find(struct bc_peers *p, int fd, const char *address)
{
	uint32_t vacant = p->n;
	if (fd < 0 || address == NULL || strlen(address) >= BC_PEER_ADDRESS_MAX)
		return BC_PEER_NONE;
	for (uint32_t i = 0; i < p->n; i++) {
		if (p->all[i].fd == fd && strcmp(p->all[i].address, address) == 0)
			return i;
		if (p->all[i].n_filters == 0 && vacant == p->n)
			vacant = i;
	}
	if (vacant == MAX_PEERS)
		return BC_PEER_NONE;
	p->n += vacant == p->n;
	p->all[vacant] = (struct bc_peer){ .fd = fd };
	memcpy(p->all[vacant].address, address, strlen(address) + 1);
	return vacant;
}

struct bc_peer *bc_peers_at(struct bc_peers *p, uint32_t peer)
{
	return peer == BC_PEER_NONE ? NULL : &p->all[peer];
}

void bc_peers_gain(struct bc_peers *p, uint32_t peer)
{
	if (peer != BC_PEER_NONE)
		p->all[peer].n_filters++;
}

void bc_peers_lose(struct bc_peers *p, uint32_t peer)
{
	if (peer != BC_PEER_NONE && --p->all[peer].n_filters == 0)
		p->all[peer] = (struct bc_peer){ .fd = -1 };
}

uint32_t bc_peers_largest(const struct bc_peers *p)
{
	uint32_t largest = BC_PEER_NONE, most = 0;
	for (uint32_t i = 0; i < p->n; i++)
		if (p->all[i].n_filters > most && !p->all[i].cut) {
			most = p->all[i].n_filters;
			largest = i;
		}
	return largest;
}

/* ---- ending a connection ---- */

/* Does the address end so? */
static bool ends(const char *address, const char *end)
{
	size_t n = strlen(address), n_end = strlen(end);
	return n >= n_end && strcmp(address + n - n_end, end) == 0;
}

/* Is the other end of this socket at that address, in libzmq's way of writing it? */
static bool is_at(int fd, const char *address)
{
	struct sockaddr_storage other;
	struct ucred who;
	socklen_t n = sizeof other, n_who = sizeof who;
	char text[NI_MAXHOST];
	memset(&other, 0, sizeof other);
	if (getpeername(fd, (struct sockaddr *)&other, &n) != 0)
		return false;
	if (other.ss_family == AF_UNIX) {
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n_who) != 0)
			return false;
		snprintf(text, sizeof text, ":%u:%u:%d", who.uid, who.gid, who.pid);
		return ends(address, text);
	}
	return getnameinfo((struct sockaddr *)&other, n, text, sizeof text, NULL, 0,
			   NI_NUMERICHOST) == 0 &&
	       strcmp(address, text) == 0;
}

bool bc_peer_cut(struct bc_peer *peer, bc_peer_ours_fn *ours, const void *self)
{
	/* The copy stays what it is while it is looked at, whatever libzmq's thread closes. */
	int fd = dup(peer->fd);
	if (fd < 0)
		return false;
	bool is_it = is_at(fd, peer->address) && ours(self, fd);
	if (is_it)
		shutdown(fd, SHUT_RDWR);
	close(fd);
	return is_it;
}
