/* Whatever comes, and in whatever pieces: the answers are the same, they are frames, and the memory
 * is bounded by what came. The first byte says how large the pieces of the second run are. */
#include "common/zmtp.h"
#include "tests/support/rpc_talk.h"

/* A greeting, and frames to the end. */
static void check_form(const struct rpc_said *s)
{
	struct zmtp_head head;
	if (s->n == 0)
		return;
	rpc_demand(zmtp_check_greeting((bc_str){ s->p, s->n }) == BC_OK);
	for (size_t at = ZMTP_GREETING_BYTES; at < s->n;) {
		const bc_str rest = { s->p + at, s->n - at };
		rpc_demand(zmtp_read_head(rest, &head) == BC_OK);
		rpc_demand(head.n_body <= rest.n - head.n_head);
		at += head.n_head + (size_t)head.n_body;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	struct rpc_said whole = rpc_talk((const char *)data + 1, size - 1, SIZE_MAX);
	struct rpc_said parts = rpc_talk((const char *)data + 1, size - 1, 1 + data[0] % 16);
	check_form(&whole);
	rpc_demand(whole.rc == parts.rc && whole.n == parts.n);
	rpc_demand(whole.n == 0 || memcmp(whole.p, parts.p, whole.n) == 0);
	free(whole.p);
	free(parts.p);
	return 0;
}
