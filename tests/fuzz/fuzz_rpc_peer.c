/* Whatever comes, and in whatever pieces: the answers are the same, they are frames, and the memory
 * is bounded by what came. The first byte says how large the pieces of the second run are. */
#include "common/rpc_peer.h"
#include "common/zmtp.h"

#include <stdlib.h>
#include <string.h>

struct said {
	char *p;
	size_t n;
	bc_status rc;
};

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void keep(struct said *s, bc_str bytes)
{
	s->p = realloc(s->p, s->n + bytes.n + 1);
	demand(s->p != NULL);
	if (bytes.n > 0)
		memcpy(s->p + s->n, bytes.p, bytes.n);
	s->n += bytes.n;
}

static void answer(struct rpc_peer *peer)
{
	static bc_str frames[RPC_MAX_FRAMES];
	struct rpc_message m;
	bc_status rc = rpc_peer_message(peer, frames, &m);
	demand(m.n_envelope <= RPC_MAX_ENVELOPE && m.n_envelope + m.n_body <= RPC_MAX_FRAMES);
	demand(m.n_envelope > 0 || rc != BC_OK);
	rpc_peer_begin(peer);
	for (size_t i = 0; i < m.n_envelope; i++)
		rpc_peer_put(peer, m.envelope[i], BC_STR(""));
	for (size_t i = 0; i < m.n_body; i++)
		rpc_peer_put(peer, BC_STR("="), m.body[i]);
	rpc_peer_put(peer, bc_str_of(bc_status_text(rc)), BC_STR(""));
	demand(rpc_peer_end(peer) == BC_OK);
}

static struct said talk(const char *bytes, size_t n, size_t piece)
{
	struct rpc_peer peer;
	struct said s = { NULL, 0, BC_OK };
	size_t held = 0, room;
	demand(rpc_peer_open(&peer, &held) == BC_OK);
	for (size_t at = 0; at < n && s.rc == BC_OK;) {
		char *to = rpc_peer_room(&peer, &room);
		size_t take = n - at < piece ? n - at : piece;
		demand(to != NULL && room > 0);
		take = take < room ? take : room;
		memcpy(to, bytes + at, take);
		at += take;
		s.rc = rpc_peer_took(&peer, take);
		while (s.rc == BC_OK && rpc_peer_asks(&peer)) {
			answer(&peer);
			s.rc = rpc_peer_done(&peer);
			rpc_peer_trim(&peer);
		}
		keep(&s, rpc_peer_output(&peer));
		rpc_peer_sent(&peer, rpc_peer_output(&peer).n);
		demand(held == rpc_peer_holds(&peer) && peer.in.cap <= 2 * n + 8192);
	}
	rpc_peer_close(&peer);
	demand(held == 0);
	return s;
}

/* A greeting, and frames to the end. */
static void check_form(const struct said *s)
{
	struct zmtp_head head;
	if (s->n == 0)
		return;
	demand(zmtp_check_greeting((bc_str){ s->p, s->n }) == BC_OK);
	for (size_t at = ZMTP_GREETING_BYTES; at < s->n;) {
		const bc_str rest = { s->p + at, s->n - at };
		demand(zmtp_read_head(rest, &head) == BC_OK);
		demand(head.n_body <= rest.n - head.n_head);
		at += head.n_head + (size_t)head.n_body;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct said whole = talk((const char *)data + 1, size - 1, SIZE_MAX);
	struct said parts = talk((const char *)data + 1, size - 1, 1 + data[0] % 16);
	check_form(&whole);
	demand(whole.rc == parts.rc && whole.n == parts.n);
	demand(whole.n == 0 || memcmp(whole.p, parts.p, whole.n) == 0);
	free(whole.p);
	free(parts.p);
	return 0;
}
