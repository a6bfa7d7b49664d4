/* rpc_talk.h - a conversation with an rpc_peer, as a server would have it, in pieces of any size.
 *
 * Each question is answered with its envelope and, behind a '=' each, the frames of its body;
 * before them stands what was wrong with it, if anything was. */
#ifndef TEST_RPC_TALK_H
#define TEST_RPC_TALK_H

#include "common/rpc_peer.h"

#include <stdlib.h>
#include <string.h>

struct rpc_said { /* by the peer; free(p) */
	char *p;
	size_t n;
	bc_status rc; /* other than BC_OK: it is to be hung up on, what follows was not looked at */
};

/* In a fuzz target there is no other way to say it. */
static inline void rpc_demand(bool ok)
{
	if (!ok)
		abort();
}

static inline void rpc_say(struct rpc_said *s, bc_str bytes)
{
	s->p = realloc(s->p, s->n + bytes.n + 1);
	rpc_demand(s->p != NULL);
	if (bytes.n > 0)
		memcpy(s->p + s->n, bytes.p, bytes.n);
	s->n += bytes.n;
}

/* At most n bytes go in; returns how many did. */
static inline size_t rpc_feed(struct rpc_peer *peer, const char *bytes, size_t n, bc_status *rc)
{
	size_t room;
	char *to = rpc_peer_room(peer, &room);
	rpc_demand(to != NULL && room > 0);
	n = n < room ? n : room;
	memcpy(to, bytes, n);
	*rc = rpc_peer_took(peer, n);
	return n;
}

static inline void rpc_answer(struct rpc_peer *peer)
{
	static bc_str frames[RPC_MAX_FRAMES];
	struct rpc_message m;
	bc_status rc = rpc_peer_message(peer, frames, &m);
	rpc_demand(m.n_envelope <= RPC_MAX_ENVELOPE && m.n_envelope + m.n_body <= RPC_MAX_FRAMES);
	rpc_demand(m.n_envelope > 0 || rc != BC_OK);
	rpc_peer_begin(peer);
	for (size_t i = 0; i < m.n_envelope; i++)
		rpc_peer_put(peer, m.envelope[i], BC_STR(""));
	if (rc != BC_OK)
		rpc_peer_put(peer, bc_str_of(bc_status_text(rc)), BC_STR(""));
	for (size_t i = 0; i < m.n_body; i++)
		rpc_peer_put(peer, BC_STR("="), m.body[i]);
	rpc_demand(rpc_peer_end(peer) == BC_OK);
}

static inline struct rpc_said rpc_talk(const char *bytes, size_t n, size_t piece)
{
	struct rpc_peer peer;
	struct rpc_said s = { NULL, 0, BC_OK };
	size_t held = 0;
	rpc_demand(rpc_peer_open(&peer, &held) == BC_OK);
	for (size_t at = 0; at < n && s.rc == BC_OK;) {
		at += rpc_feed(&peer, bytes + at, n - at < piece ? n - at : piece, &s.rc);
		while (s.rc == BC_OK && rpc_peer_asks(&peer)) {
			rpc_answer(&peer);
			s.rc = rpc_peer_done(&peer);
			rpc_peer_trim(&peer);
		}
		rpc_say(&s, rpc_peer_output(&peer));
		rpc_peer_sent(&peer, rpc_peer_output(&peer).n);
		rpc_peer_trim(&peer);
		rpc_demand(held == rpc_peer_holds(&peer) && peer.in.cap <= 2 * n + 8192);
	}
	rpc_peer_close(&peer);
	rpc_demand(held == 0);
	return s;
}

#endif
